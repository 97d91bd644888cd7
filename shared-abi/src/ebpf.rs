// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What the eBPF programs and their loader agree on beside the records. The
//! module does not compile this file.

use crate::event::{Event, EVENTS};

/// Fields of the kernel's structures, of which the loader finds the offsets in the
/// kernel's own description of its types (BTF). The compiler of the programs
/// leaves no such relocations, so the programs have one table of numbers instead,
/// which the verifier knows as constants.
pub struct Path {
    /// Alternatives, the first that exists counts: `struct.member[index].member` is
    /// an offset in bytes, a name without a point the size of a structure, and
    /// `:bit` at the end asks for bits.
    pub names: &'static [&'static str],
    /// The programs do without it on kernels (or architectures) that have none.
    pub optional: bool,
}

/// In the table of offsets: the kernel has no such field.
pub const ABSENT: u32 = u32::MAX;

macro_rules! paths {
    ($( $name:ident: $($path:literal)|+ $(, $optional:ident)?; )*) => {
        /// Index of a field in [`PATHS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        #[allow(missing_docs)]
        pub enum At { $( $name ),* }

        /// All fields, by [`At`].
        pub const PATHS: &[Path] = &[$( Path {
            names: &[$( $path ),+],
            optional: false $( || stringify!($optional).len() > 0 )?,
        } ),*];
    };
}

paths! {
    // Registers of a call: of x86_64, then of aarch64.
    RegsArg0: "pt_regs.di" | "pt_regs.orig_x0";
    RegsArg1: "pt_regs.si" | "pt_regs.regs[1]";
    RegsArg2: "pt_regs.dx" | "pt_regs.regs[2]";
    RegsArg3: "pt_regs.r10" | "pt_regs.regs[3]";
    RegsArg4: "pt_regs.r8" | "pt_regs.regs[4]";
    RegsArg5: "pt_regs.r9" | "pt_regs.regs[5]";
    RegsNumber: "pt_regs.orig_ax" | "pt_regs.syscallno";
    RegsIp: "pt_regs.ip" | "pt_regs.pc";
    // Those of a 32-bit program, where they are others.
    RegsIa32Arg0: "pt_regs.bx", optional;
    RegsIa32Arg1: "pt_regs.cx", optional;
    RegsIa32Arg5: "pt_regs.bp", optional;

    // `TS_COMPAT` is in `status` of x86_64, `TIF_32BIT` in `flags` of aarch64.
    ThreadStatus: "task_struct.thread_info.status", optional;
    ThreadFlags: "task_struct.thread_info.flags";
    TaskPid: "task_struct.pid";
    TaskTgid: "task_struct.tgid";
    TaskParent: "task_struct.real_parent";
    TaskComm: "task_struct.comm";
    TaskFiles: "task_struct.files";
    TaskFs: "task_struct.fs";
    TaskMm: "task_struct.mm";
    TaskSignal: "task_struct.signal";
    TaskCred: "task_struct.cred";
    TaskLoginuid: "task_struct.loginuid", optional;
    TaskMajFlt: "task_struct.maj_flt";
    TaskMinFlt: "task_struct.min_flt";
    TaskThreadPid: "task_struct.thread_pid";
    TaskStart: "task_struct.start_boottime" | "task_struct.real_start_time";
    TaskExitCode: "task_struct.exit_code";
    TaskChildren: "task_struct.children";
    TaskCgroups: "task_struct.cgroups";
    SignalLive: "signal_struct.live";
    SignalNofile: "signal_struct.rlim[7]";
    SignalTgid: "signal_struct.pids[1]";
    SignalPgid: "signal_struct.pids[2]";
    SignalSid: "signal_struct.pids[3]";
    SignalTty: "signal_struct.tty";
    SignalSubreaperBit: "signal_struct.is_child_subreaper:bit";
    PidLevel: "pid.level";
    PidNumbers: "pid.numbers";
    UpidNr: "upid.nr";
    UpidNs: "upid.ns";
    UpidSize: "upid";
    NamespaceInum: "pid_namespace.ns.inum";
    NamespaceReaper: "pid_namespace.child_reaper";
    NamespaceLevel: "pid_namespace.level";
    CredUid: "cred.uid";
    CredGid: "cred.gid";
    CredEuid: "cred.euid";
    CredEgid: "cred.egid";
    CredFsuid: "cred.fsuid";
    CredFsgid: "cred.fsgid";
    CredInheritable: "cred.cap_inheritable";
    CredPermitted: "cred.cap_permitted";
    CredEffective: "cred.cap_effective";
    CredSpace: "cred.user_ns";
    UserSpaceInum: "user_namespace.ns.inum";
    MmTotal: "mm_struct.total_vm";
    MmArgStart: "mm_struct.arg_start";
    MmArgEnd: "mm_struct.arg_end";
    MmEnvStart: "mm_struct.env_start";
    MmEnvEnd: "mm_struct.env_end";
    MmExe: "mm_struct.exe_file";
    // Counters of pages: of files, anonymous, swapped, shared; since 6.2 one
    // structure each, before that an array of numbers.
    MmRss0: "mm_struct.rss_stat[0].count" | "mm_struct.rss_stat.count[0]";
    MmRss1: "mm_struct.rss_stat[1].count" | "mm_struct.rss_stat.count[1]";
    MmRss2: "mm_struct.rss_stat[2].count" | "mm_struct.rss_stat.count[2]";
    MmRss3: "mm_struct.rss_stat[3].count" | "mm_struct.rss_stat.count[3]";
    TtyDriver: "tty_struct.driver";
    TtyIndex: "tty_struct.index";
    TtyMajor: "tty_driver.major";
    TtyMinor: "tty_driver.minor_start";

    FilesTable: "files_struct.fdt";
    TableMax: "fdtable.max_fds";
    TableFiles: "fdtable.fd";
    FsPwd: "fs_struct.pwd";
    FsRoot: "fs_struct.root";
    FilePath: "file.f_path";
    FileInode: "file.f_inode";
    FileMode: "file.f_mode";
    FileFlags: "file.f_flags";
    FilePrivate: "file.private_data";
    PathMount: "path.mnt";
    PathEntry: "path.dentry";
    EntryParent: "dentry.d_parent";
    EntryName: "dentry.d_name";
    EntryInode: "dentry.d_inode";
    EntryHashed: "dentry.d_hash.pprev";
    VfsRoot: "vfsmount.mnt_root";
    MountVfs: "mount.mnt";
    MountParent: "mount.mnt_parent";
    MountPoint: "mount.mnt_mountpoint";
    InodeMode: "inode.i_mode";
    InodeNumber: "inode.i_ino";
    InodeSuper: "inode.i_sb";
    InodeUid: "inode.i_uid";
    InodeGid: "inode.i_gid";
    InodeSize: "inode";
    InodePrivate: "inode.i_private";
    SpaceOperations: "ns_common.ops";
    SpaceName: "proc_ns_operations.name";
    InodeCtime: "inode.i_ctime_sec" | "inode.__i_ctime.tv_sec" | "inode.i_ctime.tv_sec";
    InodeCtimeNs: "inode.i_ctime_nsec" | "inode.__i_ctime.tv_nsec" | "inode.i_ctime.tv_nsec";
    InodeMtime: "inode.i_mtime_sec" | "inode.__i_mtime.tv_sec" | "inode.i_mtime.tv_sec";
    InodeMtimeNs: "inode.i_mtime_nsec" | "inode.__i_mtime.tv_nsec" | "inode.i_mtime.tv_nsec";
    SuperDevice: "super_block.s_dev";
    SuperMagic: "super_block.s_magic";
    SuperFlags: "super_block.s_flags";

    SocketSock: "socket.sk";
    SocketFile: "socket.file";
    SockFamily: "sock.__sk_common.skc_family";
    SockState: "sock.__sk_common.skc_state";
    SockLocal4: "sock.__sk_common.skc_rcv_saddr";
    SockRemote4: "sock.__sk_common.skc_daddr";
    SockRemotePort: "sock.__sk_common.skc_dport";
    SockLocal6: "sock.__sk_common.skc_v6_rcv_saddr", optional;
    SockRemote6: "sock.__sk_common.skc_v6_daddr", optional;
    SockProtocol: "sock.sk_protocol";
    SockQueue: "sock.sk_ack_backlog";
    SockQueueMax: "sock.sk_max_ack_backlog";
    InetLocal4: "inet_sock.inet_saddr";
    InetLocalPort: "inet_sock.inet_sport";
    InetIpv6: "inet_sock.pinet6", optional;
    Ipv6Local: "ipv6_pinfo.saddr", optional;
    UnixAddress: "unix_sock.addr";
    UnixPeer: "unix_sock.peer";
    UnixAddressLen: "unix_address.len";
    UnixAddressName: "unix_address.name";

    NodeName: "kernfs_node.name";
    NodeParent: "kernfs_node.parent" | "kernfs_node.__parent";
    SetUnified: "css_set.dfl_cgrp";
    SetStates: "css_set.subsys";
    SetStatesEnd: "css_set.refcount";
    StateGroup: "cgroup_subsys_state.cgroup";
    StateController: "cgroup_subsys_state.ss";
    GroupNode: "cgroup.kn";
    GroupRoot: "cgroup.root";
    ControllerName: "cgroup_subsys.name";

    ProgramName: "linux_binprm.filename";
    SignalNumber: "kernel_siginfo.si_signo";
    SignalCode: "kernel_siginfo.si_code";
    SignalSender: "kernel_siginfo._sifields._kill._pid";
}

/// Number of [`PATHS`].
pub const OFFSETS: usize = PATHS.len();

/// Name of the programs' table of offsets.
pub const OFFSETS_NAME: &str = "OFFSETS";
/// Name of the programs' table of [`constant`]s.
pub const CONSTANTS_NAME: &str = "CONSTANTS";

/// What does not change while the programs are loaded, by index.
pub mod constant {
    /// Bytes of each ring.
    pub const RING_BYTES: usize = 0;
    /// Bytes to record of what goes through a descriptor.
    pub const SNAPLEN: usize = 1;
    /// The same for sockets of some ports.
    pub const PORT_SNAPLEN: usize = 2;
    /// The first of these ports.
    pub const PORT_FIRST: usize = 3;
    /// The last one.
    pub const PORT_LAST: usize = 4;
    /// Most records of a process in a second, or 0.
    pub const THROTTLE: usize = 5;
    /// Size of a page, as a power of two.
    pub const PAGE_SHIFT: usize = 6;
    /// Whether the kernel gives programs a task with its type, which is so since 5.11.
    pub const TYPED_TASK: usize = 7;
    /// Whether a program that has functions can call another program: not everywhere.
    pub const CHAINS: usize = 8;
    /// Most records of a control group in a second, or 0.
    pub const THROTTLE_GROUP: usize = 9;
    /// Bytes to record of arguments, and of environment.
    pub const STRINGS: usize = 10;
    /// Number of constants.
    pub const LEN: usize = 11;
}

/// What the table of interest has for calls of 32-bit programs that are several: what
/// is less is an event, or one more than that.
pub mod foreign {
    /// `socketcall`, of which some call is of interest.
    pub const SOCKETCALL: u32 = 1 << 16;
    /// `ipc`, likewise.
    pub const IPC: u32 = SOCKETCALL + 1;
}

/// What can change, by index into the one element of its map.
pub mod setting {
    /// [`crate::control::hook`] bits.
    pub const HOOKS: usize = 0;
    /// The reader's process, as the first pid namespace counts.
    pub const OWNER: usize = 1;
    /// What turns a boot time into nanoseconds since the epoch.
    pub const EPOCH: usize = 2;
    /// The reader's process as its own pid namespace counts, for `find_owner`.
    pub const OWN_PID: usize = 3;
    /// Inode of that namespace.
    pub const OWN_SPACE: usize = 4;
    /// Number of settings.
    pub const LEN: usize = 5;
}

/// Scratch buffers of each CPU: how deep probes can preempt each other.
pub const SCRATCH_DEPTH: u32 = 4;

/// Most messages of one `sendmmsg` or `recvmmsg` that get a record; the others are
/// counted as lost. A program for each, since the verifier would get lost in a loop.
pub const MESSAGES_MAX: usize = 8;

/// Added to an event: the same without what its descriptor is
/// ([`crate::event::EventInfo::tells_of_fd`]), which is a program of its own.
pub const BARE: u32 = 512;

/// Number of programs in the table that the dispatcher calls.
pub const PROGRAMS: usize = BARE as usize + EVENTS.len();

const _: () = assert!(message_program(Event::Recvmmsg, MESSAGES_MAX - 1) < BARE as usize);

/// Index of the program for a message of a call that has several.
pub const fn message_program(event: Event, message: usize) -> usize {
    let more = match event {
        Event::Sendmmsg => 0,
        _ => MESSAGES_MAX - 1,
    };
    match message {
        0 => event as usize,
        message => EVENTS.len() + more + message - 1,
    }
}

/// Counters of a CPU as words: losses by cause and class.
pub mod counter {
    use crate::event::CLASSES;
    use crate::ring::LOSSES;

    /// Losses by cause, then class.
    pub const LOST: usize = 0;
    /// Records that lack a parameter whose memory could not be read, by class.
    pub const FAULTS: usize = LOST + LOSSES * CLASSES;
    /// Not 0: there are losses that no record has told of.
    pub const BEHIND: usize = FAULTS + CLASSES;
    /// How many probes tell of losses or want to.
    pub const TELLERS: usize = BEHIND + 1;
    /// Losses that were told, by class. They are the one teller's.
    pub const TOLD: usize = TELLERS + 1;
    /// Lost since the CPU has no ring, by class.
    pub const NO_RING: usize = TOLD + CLASSES;
    /// Number of words.
    pub const LEN: usize = NO_RING + CLASSES;
}
