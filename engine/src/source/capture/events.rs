//! The one table of event types of captures: all that were ever written, with
//! the parameters of each.
//!
//! Until version 0.21 of the drivers a call was two events, even numbers for its
//! entry and odd ones for its exit; an exit then lacks what its entry told. A
//! type got more parameters over time, behind the others, so that an event may
//! have fewer than its row. Parameters have the names that they have in today's
//! events, by which the two are joined.

/// How a parameter is written. Numbers are little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Signed, 1 byte.
    I8,
    /// Signed, 2 bytes.
    I16,
    /// Signed, 4 bytes.
    I32,
    /// Signed, 8 bytes.
    I64,
    /// Unsigned, 1 byte.
    U8,
    /// Unsigned, 2 bytes.
    U16,
    /// Unsigned, 4 bytes.
    U32,
    /// Unsigned, 8 bytes.
    U64,
    /// Text with a NUL at its end; without a byte there is none.
    Text,
    /// Bytes.
    Bytes,
    /// Result, 8 bytes.
    Errno,
    /// Address: family, address, port.
    SockAddr,
    /// Two addresses: family, source, destination.
    SockTuple,
    /// Descriptor, 8 bytes.
    Fd,
    /// Process or thread, 8 bytes.
    Pid,
    /// Count (2), then descriptor (8) and flags (2) of each.
    FdList,
    /// Path, as text.
    Path,
    /// Path relative to a descriptor, as text.
    RelPath,
    /// System call, 2 bytes; see [`super::syscalls`].
    Syscall,
    /// Signal, 1 byte.
    Signal,
    /// Nanoseconds, 8 bytes.
    RelTime,
    /// Nanoseconds since the epoch, 8 bytes.
    AbsTime,
    /// A byte that says which of several types follows.
    Dynamic,
    /// Bits, 1 byte.
    Flags8,
    /// Bits, 2 bytes.
    Flags16,
    /// Bits, 4 bytes.
    Flags32,
    /// Value with a name, 1 byte.
    Enum8,
    /// Value with a name, 2 bytes.
    Enum16,
    /// Value with a name, 4 bytes.
    Enum32,
    /// User, 4 bytes.
    Uid,
    /// Group, 4 bytes.
    Gid,
    /// Permissions, 4 bytes.
    Mode,
    /// Low 32 bits of a set of signals.
    SigSet,
}

impl Type {
    /// Bytes of a number of this type; `None` for what has no fixed length.
    pub const fn width(self) -> Option<usize> {
        Some(match self {
            Self::I8 | Self::U8 | Self::Signal | Self::Flags8 | Self::Enum8 => 1,
            Self::I16 | Self::U16 | Self::Syscall | Self::Flags16 | Self::Enum16 => 2,
            Self::I32
            | Self::U32
            | Self::Flags32
            | Self::Enum32
            | Self::Uid
            | Self::Gid
            | Self::Mode
            | Self::SigSet => 4,
            Self::I64
            | Self::U64
            | Self::Errno
            | Self::Fd
            | Self::Pid
            | Self::RelTime
            | Self::AbsTime => 8,
            Self::Text
            | Self::Bytes
            | Self::SockAddr
            | Self::SockTuple
            | Self::FdList
            | Self::Path
            | Self::RelPath
            | Self::Dynamic => return None,
        })
    }
}

/// What an event type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call was entered. It is kept until the call is left.
    Enter,
    /// Likewise, of a call that is told at once, as its arguments may change
    /// meanwhile. It counts as an event of its own, which no rule sees.
    Early,
    /// A call was left.
    Exit,
    /// Likewise; what its entry told has no value when the entry is missing,
    /// instead of 0.
    ExitEmpty,
    /// Something else happened.
    Hook,
    /// Likewise, perhaps with more than 64 KiB of data.
    Large,
    /// Likewise; today's event has all of it as the members of an object of JSON.
    Json,
}

impl Kind {
    /// Whether it is of a system call.
    pub const fn is_call(self) -> bool {
        matches!(
            self,
            Self::Enter | Self::Early | Self::Exit | Self::ExitEmpty
        )
    }
}

/// One event type.
#[derive(Debug)]
pub struct EventType {
    /// Number in files.
    pub code: u16,
    /// What it stands for.
    pub kind: Kind,
    /// Name of today's event.
    pub name: &'static str,
    /// Parameters in order.
    pub params: &'static [Param],
}

/// One parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name in today's event.
    pub name: &'static str,
    /// How it is written.
    pub ty: Type,
}

/// One more than the highest number of an event type.
pub const CODES: usize = 454;

macro_rules! event_types {
    ($( $code:literal $kind:ident $name:ident $(: $($param:ident $ty:ident),+ )? ; )*) => {
        /// All event types, in the order of their numbers. Entries that told
        /// nothing are left out.
        pub static EVENT_TYPES: &[EventType] = &[$( EventType {
            code: $code,
            kind: Kind::$kind,
            name: stringify!($name),
            params: &[$($( Param { name: stringify!($param), ty: Type::$ty } ),+)?],
        } ),*];
    };
}

/// The type with this number.
pub fn event_type(code: u16) -> Option<&'static EventType> {
    const NONE: u16 = u16::MAX;
    static PLACES: [u16; CODES] = {
        let mut places = [NONE; CODES];
        let mut at = 0;
        while at < EVENT_TYPES.len() {
            places[EVENT_TYPES[at].code as usize] = at as u16;
            at += 1;
        }
        places
    };
    EVENT_TYPES.get(usize::from(*PLACES.get(usize::from(code))?))
}

/// Whether events of this type, where they come before all others, tell what was
/// known when the capture began: containers, users and groups.
pub fn tells_known(code: u16) -> bool {
    matches!(code, 228 | 272 | 324 | 354 | 356 | 358 | 360 | 402)
}

#[rustfmt::skip]
event_types! {
    0 Enter syscall: ID Syscall, nativeID U16;
    1 ExitEmpty syscall: ID Syscall, nativeID U16;
    2 Early open: name Path, flags Flags32, mode U32;
    3 Exit open: fd Fd, name Path, flags Flags32, mode U32, dev U32, ino U64;
    4 Enter close: fd Fd;
    5 Exit close: res Errno, fd Fd;
    6 Enter read: fd Fd, size U32;
    7 Exit read: res Errno, data Bytes, fd Fd, size U32;
    8 Enter write: fd Fd, size U32;
    9 Exit write: res Errno, data Bytes, fd Fd, size U32;
    10 Enter brk: vm_size U32;
    11 ExitEmpty brk: res U64;
    13 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64;
    15 Exit clone: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, flags Flags32, uid U32, gid U32;
    16 Hook procexit;
    18 Enter socket: domain Enum32, type U32, proto U32;
    19 Exit socket: fd Fd, domain Enum32, type U32, proto U32, flags Flags32;
    20 Enter bind: fd Fd;
    21 Exit bind: res Errno, addr SockAddr, fd Fd;
    22 Early connect: fd Fd, addr SockAddr;
    23 Exit connect: res Errno, tuple SockTuple, fd Fd, addr SockAddr;
    24 Enter listen: fd Fd, backlog I32;
    25 Exit listen: res Errno, fd Fd, backlog I32;
    27 Exit accept: fd Fd, tuple SockTuple, queuepct U8;
    28 Enter send: fd Fd, size U32;
    29 Exit send: res Errno, data Bytes, fd Fd, size U32, tuple SockTuple;
    30 Enter sendto: fd Fd, size U32, tuple SockTuple;
    31 Exit sendto: res Errno, data Bytes, fd Fd, size U32, tuple SockTuple;
    32 Enter recv: fd Fd, size U32;
    33 Exit recv: res Errno, data Bytes, fd Fd, size U32, tuple SockTuple;
    34 Enter recvfrom: fd Fd, size U32;
    35 Exit recvfrom: res Errno, data Bytes, tuple SockTuple, fd Fd, size U32;
    36 Enter shutdown: fd Fd, how Enum8;
    37 Exit shutdown: res Errno, fd Fd, how Enum8;
    39 Exit getsockname;
    41 Exit getpeername;
    42 Enter socketpair: domain Enum32, type U32, proto U32;
    43 Exit socketpair: res Errno, fd1 Fd, fd2 Fd, source U64, peer U64, domain Enum32, type U32, proto U32;
    45 Exit setsockopt: res Errno, fd Fd, level Enum8, optname Enum8, val Dynamic, optlen U32;
    47 Exit getsockopt: res Errno, fd Fd, level Enum8, optname Enum8, val Dynamic, optlen U32;
    48 Enter sendmsg: fd Fd, size U32, tuple SockTuple;
    49 Exit sendmsg: res Errno, data Bytes, fd Fd, size U32, tuple SockTuple;
    51 Exit sendmmsg: res Errno, fd Fd, size U32, data Bytes, tuple SockTuple;
    52 Enter recvmsg: fd Fd;
    53 Exit recvmsg: res Errno, size U32, data Bytes, tuple SockTuple, msgcontrol Bytes, fd Fd;
    55 Exit recvmmsg: res Errno, fd Fd, size U32, data Bytes, tuple SockTuple, msgcontrol Bytes;
    56 Enter accept4: flags I32;
    57 Exit accept4: fd Fd, tuple SockTuple, queuepct U8;
    58 Early creat: name Path, mode U32;
    59 Exit creat: fd Fd, name Path, mode U32, dev U32, ino U64, creat_flags Flags16;
    61 Exit pipe: res Errno, fd1 Fd, fd2 Fd, ino U64;
    62 Enter eventfd: initval U64, flags Flags32;
    63 Exit eventfd: res Fd, initval U64, flags U32;
    64 Enter futex: addr U64, op Flags16, val U64;
    65 Exit futex: res Errno, addr U64, op Flags16, val U64;
    67 Exit stat: res Errno, path Path;
    69 Exit lstat: res Errno, path Path;
    70 Enter fstat: fd Fd;
    71 Exit fstat: res Errno, fd Fd;
    73 Exit stat64: res Errno, path Path;
    75 Exit lstat64: res Errno, path Path;
    77 Exit fstat64: res Errno;
    78 Enter epoll_wait: maxevents Errno;
    79 Exit epoll_wait: res Errno, maxevents Errno;
    80 Enter poll: fds FdList, timeout I64;
    81 Exit poll: res Errno, fds FdList, timeout I64;
    83 Exit select: res Errno;
    85 Exit select: res Errno;
    86 Enter lseek: fd Fd, offset U64, whence Enum8;
    87 Exit lseek: res Errno, fd Fd, offset U64, whence Enum8;
    88 Enter llseek: fd Fd, offset U64, whence Enum8;
    89 Exit llseek: res Errno, fd Fd, offset U64, whence Enum8;
    90 Enter ioctl: fd Fd, request U64;
    91 ExitEmpty ioctl: res Errno;
    93 Exit getcwd: res Errno, path Text;
    95 Exit chdir: res Errno, path Text;
    96 Enter fchdir: fd Fd;
    97 ExitEmpty fchdir: res Errno, fd Fd;
    98 Enter mkdir: path Path, mode U32;
    99 ExitEmpty mkdir: res Errno;
    100 Enter rmdir: path Path;
    101 ExitEmpty rmdir: res Errno;
    102 Enter openat: dirfd Fd, name Text, flags Flags32, mode U32;
    103 ExitEmpty openat: fd Fd;
    104 Enter link: oldpath Path, newpath Path;
    105 ExitEmpty link: res Errno;
    106 Enter linkat: olddir Fd, oldpath Text, newdir Fd, newpath Text;
    107 ExitEmpty linkat: res Errno;
    108 Enter unlink: path Path;
    109 ExitEmpty unlink: res Errno;
    110 Enter unlinkat: dirfd Fd, name Text;
    111 ExitEmpty unlinkat: res Errno;
    112 Enter pread: fd Fd, size U32, pos U64;
    113 Exit pread: res Errno, data Bytes, fd Fd, size U32, pos U64;
    114 Enter pwrite: fd Fd, size U32, pos U64;
    115 Exit pwrite: res Errno, data Bytes, fd Fd, size U32, pos U64;
    116 Enter readv: fd Fd;
    117 Exit readv: res Errno, size U32, data Bytes, fd Fd;
    118 Enter writev: fd Fd, size U32;
    119 Exit writev: res Errno, data Bytes, fd Fd, size U32;
    120 Enter preadv: fd Fd, pos U64;
    121 Exit preadv: res Errno, size U32, data Bytes, fd Fd, pos U64;
    122 Enter pwritev: fd Fd, size U32, pos U64;
    123 Exit pwritev: res Errno, data Bytes, fd Fd, size U32, pos U64;
    124 Enter dup: oldfd Fd;
    125 ExitEmpty dup: res Fd;
    126 Enter signalfd: fd Fd, mask U32, flags Flags8;
    127 Exit signalfd: res Fd, fd Fd, mask U32, flags U8;
    128 Enter kill: pid Pid, sig Signal;
    129 Exit kill: res Errno, pid Pid, sig Signal;
    130 Enter tkill: tid Pid, sig Signal;
    131 Exit tkill: res Errno, tid Pid, sig Signal;
    132 Enter tgkill: pid Pid, tid Pid, sig Signal;
    133 Exit tgkill: res Errno, pid Pid, tid Pid, sig Signal;
    134 Enter nanosleep: interval RelTime;
    135 Exit nanosleep: res Errno, interval RelTime;
    136 Enter timerfd_create: clockid U8, flags Flags8;
    137 Exit timerfd_create: res Fd, clockid U8, flags U8;
    138 Enter inotify_init: flags Flags8;
    139 Exit inotify_init: res Fd, flags U8;
    140 Enter getrlimit: resource Enum8;
    141 Exit getrlimit: res Errno, cur I64, max I64, resource Enum8;
    142 Enter setrlimit: resource Enum8;
    143 Exit setrlimit: res Errno, cur I64, max I64, resource Enum8;
    144 Enter prlimit: pid Pid, resource Enum8;
    145 ExitEmpty prlimit: res Errno, newcur I64, newmax I64, oldcur I64, oldmax I64, pid I64, resource Enum8;
    146 Hook switch: next Pid;
    148 Hook drop: ratio U32;
    149 Hook drop: ratio U32;
    150 Enter fcntl: fd Fd, cmd Enum8;
    151 Exit fcntl: res Fd, fd Fd, cmd Enum8, arg U64;
    152 Hook switch: next Pid, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32;
    155 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32;
    157 Exit clone: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, flags Flags32, uid U32, gid U32;
    158 Enter brk: addr U64;
    159 ExitEmpty brk: res U64, vm_size U32, vm_rss U32, vm_swap U32, addr U64;
    160 Enter mmap: addr U64, length U64, prot Flags32, flags Flags32, fd Fd, offset U64;
    161 Exit mmap: res Errno, vm_size U32, vm_rss U32, vm_swap U32, addr U64, length U64, prot Flags32, flags Flags32, fd Fd, offset U64;
    162 Enter mmap2: addr U64, length U64, prot Flags32, flags Flags32, fd Fd, pgoffset U64;
    163 Exit mmap2: res Errno, vm_size U32, vm_rss U32, vm_swap U32, addr U64, length U64, prot Flags32, flags Flags32, fd Fd, pgoffset U64;
    164 Enter munmap: addr U64, length U64;
    165 Exit munmap: res Errno, vm_size U32, vm_rss U32, vm_swap U32, addr U64, length U64;
    166 Enter splice: fd_in Fd, fd_out Fd, size U64, flags Flags32;
    167 Exit splice: res Errno, fd_in Fd, fd_out Fd, size U64, flags Flags32;
    168 Enter ptrace: request Enum16, pid Pid;
    169 ExitEmpty ptrace: res Errno, addr Dynamic, data Dynamic, request Enum16, pid Pid;
    170 Enter ioctl: fd Fd, request U64, argument U64;
    171 Exit ioctl: res Errno, fd Fd, request U64, argument U64;
    173 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, env Bytes;
    175 Exit rename: res Errno, oldpath Path, newpath Path;
    177 Exit renameat: res Errno, olddirfd Fd, oldpath RelPath, newdirfd Fd, newpath RelPath;
    179 Exit symlink: res Errno, target Text, linkpath Path;
    181 Exit symlinkat: res Errno, target Text, linkdirfd Fd, linkpath RelPath;
    183 Exit fork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, flags Flags32, uid U32, gid U32;
    185 Exit vfork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, flags Flags32, uid U32, gid U32;
    186 Hook procexit: status Errno, ret Errno, sig Signal, core U8, reaper_tid Pid;
    188 Enter sendfile: out_fd Fd, in_fd Fd, offset U64, size U64;
    189 Exit sendfile: res Errno, offset U64, out_fd Fd, in_fd Fd, size U64;
    190 Enter quotactl: cmd Flags16, type Flags8, id U32, quota_fmt Flags8;
    191 Exit quotactl: res Errno, special Text, quotafilepath Text, dqb_bhardlimit U64, dqb_bsoftlimit U64, dqb_curspace U64, dqb_ihardlimit U64, dqb_isoftlimit U64, dqb_btime RelTime, dqb_itime RelTime, dqi_bgrace RelTime, dqi_igrace RelTime, dqi_flags Flags8, quota_fmt_out Flags8, cmd Flags16, type Flags8, id U32, quota_fmt Flags8;
    192 Enter setresuid: ruid Uid, euid Uid, suid Uid;
    193 ExitEmpty setresuid: res Errno, ruid Uid, euid Uid, suid Uid;
    194 Enter setresgid: rgid Gid, egid Gid, sgid Gid;
    195 ExitEmpty setresgid: res Errno, rgid Gid, egid Gid, sgid Gid;
    196 Hook scapevent: event_type U32, event_data U64;
    198 Enter setuid: uid Uid;
    199 ExitEmpty setuid: res Errno, uid Uid;
    200 Enter setgid: gid Gid;
    201 ExitEmpty setgid: res Errno, gid Gid;
    203 Exit getuid: uid Uid;
    205 Exit geteuid: euid Uid;
    207 Exit getgid: gid Gid;
    209 Exit getegid: egid Gid;
    211 Exit getresuid: res Errno, ruid Uid, euid Uid, suid Uid;
    213 Exit getresgid: res Errno, rgid Gid, egid Gid, sgid Gid;
    215 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, env Bytes;
    217 Exit clone: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, flags Flags32, uid U32, gid U32;
    219 Exit fork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, flags Flags32, uid U32, gid U32;
    221 Exit vfork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, flags Flags32, uid U32, gid U32;
    223 Exit clone: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, flags Flags32, uid U32, gid U32, vtid Pid, vpid Pid, pidns_init_start_ts U64;
    225 Exit fork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, flags Flags32, uid U32, gid U32, vtid Pid, vpid Pid, pidns_init_start_ts U64;
    227 Exit vfork: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, flags Flags32, uid U32, gid U32, vtid Pid, vpid Pid, pidns_init_start_ts U64;
    228 Json container: id Text, type U32, name Text, image Text;
    231 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, env Bytes;
    232 Hook signaldeliver: spid Pid, dpid Pid, sig Signal;
    234 Hook procinfo: cpu_usr U64, cpu_sys U64;
    236 Enter getdents: fd Fd;
    237 Exit getdents: res Errno, fd Fd;
    238 Enter getdents64: fd Fd;
    239 Exit getdents64: res Errno, fd Fd;
    240 Enter setns: fd Fd, nstype Flags32;
    241 ExitEmpty setns: res Errno, fd Fd, nstype Flags32;
    242 Enter flock: fd Fd, operation Flags32;
    243 Exit flock: res Errno, fd Fd, operation Flags32;
    244 Hook cpu_hotplug: cpu U32, action U32;
    247 Exit accept: fd Fd, tuple SockTuple, queuepct U8, queuelen U32, queuemax U32;
    248 Enter accept4: flags I32;
    249 Exit accept4: fd Fd, tuple SockTuple, queuepct U8, queuelen U32, queuemax U32;
    250 Enter semop: semid I32;
    251 Exit semop: res Errno, nsops U32, sem_num_0 U16, sem_op_0 I16, sem_flg_0 Flags16, sem_num_1 U16, sem_op_1 I16, sem_flg_1 Flags16, semid I32;
    252 Enter semctl: semid I32, semnum I32, cmd Flags16, val I32;
    253 Exit semctl: res Errno, semid I32, semnum I32, cmd Flags16, val I32;
    254 Enter ppoll: fds FdList, timeout RelTime, sigmask SigSet;
    255 Exit ppoll: res Errno, fds FdList, timeout RelTime, sigmask SigSet;
    256 Enter mount: flags Flags32;
    257 Exit mount: res Errno, dev Text, dir Path, type Text, flags Flags32;
    259 Exit umount: res Errno, name Path;
    262 Enter semget: key I32, nsems I32, semflg Flags32;
    263 Exit semget: res Errno, key I32, nsems I32, semflg Flags32;
    264 Enter access: mode Flags32;
    265 Exit access: res Errno, name Path, mode Flags32;
    267 Exit chroot: res Errno, path Path;
    272 Hook container: json Text;
    275 Exit setsid: res Pid;
    276 Enter mkdir: mode U32;
    277 ExitEmpty mkdir: res Errno, path Path, mode U32;
    279 Exit rmdir: res Errno, path Path;
    280 Hook notification: id Text, desc Text;
    283 Exit execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, env Bytes, tty U32;
    284 Enter unshare: flags Flags32;
    285 Exit unshare: res Errno, flags Flags32;
    286 Hook infra: source Text, name Text, description Text, scope Text;
    288 Enter execve: filename Path;
    289 ExitEmpty execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, env Bytes, tty U32;
    290 Hook page_fault: addr U64, ip U64, error Flags32;
    292 Enter execve: filename Path;
    293 ExitEmpty execve: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, env Bytes, tty U32, vpgid Pid, loginuid Uid, flags Flags32, cap_inheritable U64, cap_permitted U64, cap_effective U64, exe_ino U64, exe_ino_ctime AbsTime, exe_ino_mtime AbsTime, uid Uid, trusted_exepath Path, pgid Pid, gid Gid, filename Path;
    294 Enter setpgid: pid Pid, pgid Pid;
    295 ExitEmpty setpgid: res Errno, pid Pid, pgid Pid;
    296 Enter bpf: cmd I64;
    297 ExitEmpty bpf: fd Dynamic;
    298 Enter seccomp: op U64, flags U64;
    299 Exit seccomp: res Errno, op U64, flags U64;
    301 Exit unlink: res Errno, path Path;
    303 Exit unlinkat: res Errno, dirfd Fd, name RelPath, flags Flags32;
    305 Exit mkdirat: res Errno, dirfd Fd, path RelPath, mode U32;
    306 Early openat: dirfd Fd, name RelPath, flags Flags32, mode U32;
    307 Exit openat: fd Fd, dirfd Fd, name RelPath, flags Flags32, mode U32, dev U32, ino U64;
    309 Exit link: res Errno, oldpath Path, newpath Path;
    311 Exit linkat: res Errno, olddir Fd, oldpath RelPath, newdir Fd, newpath RelPath, flags Flags32;
    313 Exit fchmodat: res Errno, dirfd Fd, filename RelPath, mode Mode;
    315 Exit chmod: res Errno, filename Path, mode Mode;
    317 Exit fchmod: res Errno, fd Fd, mode Mode;
    319 Exit renameat2: res Errno, olddirfd Fd, oldpath RelPath, newdirfd Fd, newpath RelPath, flags Flags32;
    321 Exit userfaultfd: res Errno, flags Flags32;
    322 Large pluginevent: plugin_id U32, event_data Bytes;
    324 Large container: json Text;
    326 Early openat2: dirfd Fd, name RelPath, flags Flags32, mode U32, resolve Flags32;
    327 Exit openat2: fd Fd, dirfd Fd, name RelPath, flags Flags32, mode U32, resolve Flags32, dev U32, ino U64;
    328 Enter mprotect: addr U64, length U64, prot Flags32;
    329 Exit mprotect: res Errno, addr U64, length U64, prot Flags32;
    331 Exit execveat: res Errno, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit U64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, env Bytes, tty U32, vpgid Pid, loginuid Uid, flags Flags32, cap_inheritable U64, cap_permitted U64, cap_effective U64, exe_ino U64, exe_ino_ctime AbsTime, exe_ino_mtime AbsTime, uid Uid, trusted_exepath Path, pgid Pid, gid Gid;
    332 Enter copy_file_range: fdin Fd, offin U64, len U64;
    333 Exit copy_file_range: res Errno, fdout Fd, offout U64, fdin Fd, offin U64, len U64;
    335 Exit clone3: res Pid, exe Text, args Bytes, tid Pid, pid Pid, ptid Pid, cwd Text, fdlimit I64, pgft_maj U64, pgft_min U64, vm_size U32, vm_rss U32, vm_swap U32, comm Text, cgroups Bytes, flags Flags32, uid U32, gid U32, vtid Pid, vpid Pid, pidns_init_start_ts U64;
    337 Exit open_by_handle_at: fd Fd, mountfd Fd, flags Flags32, path Path, dev U32, ino U64;
    339 Exit io_uring_setup: res Errno, entries U32, sq_entries U32, cq_entries U32, flags Flags32, sq_thread_cpu U32, sq_thread_idle U32, features Flags32;
    341 Exit io_uring_enter: res Errno, fd Fd, to_submit U32, min_complete U32, flags Flags32, sig SigSet;
    343 Exit io_uring_register: res Errno, fd Fd, opcode Enum16, arg U64, nr_args U32;
    345 Exit mlock: res Errno, addr U64, len U64;
    347 Exit munlock: res Errno, addr U64, len U64;
    349 Exit mlockall: res Errno, flags Flags32;
    351 Exit munlockall: res Errno;
    353 Exit capset: res Errno, cap_inheritable U64, cap_permitted U64, cap_effective U64;
    354 Hook useradded: uid U32, gid U32, name Text, home Text, shell Text, container_id Text;
    356 Hook userdeleted: uid U32, gid U32, name Text, home Text, shell Text, container_id Text;
    358 Hook groupadded: gid U32, name Text, container_id Text;
    360 Hook groupdeleted: gid U32, name Text, container_id Text;
    363 Exit dup2: res Fd, oldfd Fd, newfd Fd;
    365 Exit dup3: res Fd, oldfd Fd, newfd Fd, flags Flags32;
    367 Exit dup: res Fd, oldfd Fd;
    369 Exit bpf: fd Fd, cmd Enum32;
    371 Exit mlock2: res Errno, addr U64, len U64, flags Flags32;
    373 Exit fsconfig: res Errno, fd Fd, cmd Enum32, key Text, value_bytebuf Bytes, value_charbuf Text, aux I32;
    374 Enter epoll_create: size I32;
    375 Exit epoll_create: res Errno, size I32;
    376 Enter epoll_create1: flags Flags32;
    377 Exit epoll_create1: res Errno, flags Flags32;
    379 Exit chown: res Errno, path Path, uid U32, gid U32;
    381 Exit lchown: res Errno, path Path, uid U32, gid U32;
    383 Exit fchown: res Errno, fd Fd, uid U32, gid U32;
    385 Exit fchownat: res Errno, dirfd Fd, pathname RelPath, uid U32, gid U32, flags Flags32;
    387 Exit umount: res Errno, name Path;
    388 Enter accept4: flags I32;
    389 Exit accept4: fd Fd, tuple SockTuple, queuepct U8, queuelen U32, queuemax U32, flags I32;
    390 Enter umount2: flags Flags32;
    391 Exit umount2: res Errno, name Path, flags Flags32;
    393 Exit pipe2: res Errno, fd1 Fd, fd2 Fd, ino U64, flags Flags32;
    395 Exit inotify_init1: res Fd, flags Flags16;
    396 Enter eventfd2: initval U64;
    397 Exit eventfd2: res Fd, flags Flags16, initval U64;
    398 Enter signalfd4: fd Fd, mask U32;
    399 Exit signalfd4: res Fd, flags Flags16, fd Fd, mask U32;
    401 Exit prctl: res Errno, option Enum32, arg2_str Text, arg2_int I64;
    402 Large asyncevent: plugin_id U32, name Text, data Bytes;
    405 Exit memfd_create: fd Fd, name Text, flags Flags32;
    407 Exit pidfd_getfd: fd Fd, pid_fd Fd, target_fd Fd, flags U32;
    409 Exit pidfd_open: fd Fd, pid Pid, flags Flags32;
    411 Exit init_module: res Errno, img Bytes, length U64, uargs Text;
    413 Exit finit_module: res Errno, fd Fd, uargs Text, flags Flags32;
    415 Exit mknod: res Errno, path Path, mode Mode, dev U32;
    417 Exit mknodat: res Errno, dirfd Fd, path RelPath, mode Mode, dev U32;
    419 Exit newfstatat: res Errno, dirfd Fd, path RelPath, flags Flags32;
    421 Exit process_vm_readv: res I64, pid Pid, data Bytes;
    423 Exit process_vm_writev: res I64, pid Pid, data Bytes;
    425 Exit delete_module: res Errno, name Text, flags Flags32;
    427 Exit setreuid: res Errno, ruid Uid, euid Uid;
    429 Exit setregid: res Errno, rgid Uid, egid Uid;
    430 Hook task: ppid I32, pgid I32, vpgid I32, sid I32, comm Text, argv Bytes, exepath Path, flags Flags32, env Bytes, cwd Text, fdlimit U64, euid Uid, egid Gid, cap_permitted U64, cap_effective U64, cap_inheritable U64, exe_ino_num U64, exe_ino_ctime AbsTime, exe_ino_mtime AbsTime, vm_size U32, vm_rss U32, vm_swap U32, pgft_maj U64, pgft_min U64, vtgid I32, vpid I32, pidns_init_start_ts U64, cgroups Bytes, root Path, start_time AbsTime, tty U32, loginuid Uid;
    432 Hook task_file_pipe: fd I32, path Path, ino_num U64;
    434 Hook task_file_memfd: fd I32, path Path, ino_num U64;
    436 Hook task_file_regular: fd I32, path Path, flags Flags32, mnt_id U32, ino_num U64;
    438 Hook task_file_directory: fd I32, path Path, ino_num U64;
    440 Hook task_file_socket_inet: fd I32, sk_type U16, sk_proto U16, local_ip U32, local_port U16, remote_ip U32, remote_port U16, ino_num U64;
    442 Hook task_file_socket_inet6: fd I32, sk_type U16, sk_proto U16, local_ip Bytes, local_port U16, remote_ip Bytes, remote_port U16, ino_num U64;
    444 Hook task_file_socket_unix: fd I32, sk_type U16, sk_proto U16, sk_pointer U64, sun_path Path, ino_num U64;
    446 Hook task_file_socket_netlink: fd I32, sk_type U16, sk_proto U16, ino_num U64;
    448 Hook task_file_anon_inode: fd I32, fd_type Flags8, path Path, ino_num U64;
    451 Exit close_range: res Errno, first U32, last U32, flags Flags32;
    453 Exit keyctl: res Errno, operation Enum32, arg2 Dynamic, arg3 Dynamic, arg4 Dynamic, arg5 Dynamic;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_and_complete() {
        let ordered = EVENT_TYPES.windows(2).all(|w| w[0].code < w[1].code);
        assert!(ordered);
        assert!(EVENT_TYPES.iter().all(|t| usize::from(t.code) < CODES));
        // Entries have even numbers, exits odd ones, and an entry its exit.
        for t in EVENT_TYPES {
            let exit = matches!(t.kind, Kind::Exit | Kind::ExitEmpty);
            assert_eq!(exit, t.code % 2 == 1 && t.code != 149, "{}", t.code);
            if matches!(t.kind, Kind::Enter | Kind::Early) {
                let exit = event_type(t.code + 1).expect("an exit");
                assert_eq!(exit.name, t.name);
            }
        }
    }
}
