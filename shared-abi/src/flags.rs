// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Portable encodings: what an event carries instead of an architecture's own
//! numbers. Names and values are those that Falco's rules are written against.

/// A table of names for bits or for values.
pub struct FlagTable {
    /// Name of the table.
    pub name: &'static str,
    /// Names with their bits (or value), in the order in which they are printed.
    pub entries: &'static [(&'static str, u32)],
}

/// Bits of an open file.
pub mod open {
    /// Nothing set: the call gave flags that mean nothing portable.
    pub const NONE: u32 = 0;
    /// Opened for reading.
    pub const RDONLY: u32 = 1 << 0;
    /// Opened for writing.
    pub const WRONLY: u32 = 1 << 1;
    /// Opened for both.
    pub const RDWR: u32 = RDONLY | WRONLY;
    /// Made if absent.
    pub const CREAT: u32 = 1 << 2;
    /// Writes go to the end.
    pub const APPEND: u32 = 1 << 3;
    /// Data synchronous.
    pub const DSYNC: u32 = 1 << 4;
    /// Fails if present.
    pub const EXCL: u32 = 1 << 5;
    /// Does not block.
    pub const NONBLOCK: u32 = 1 << 6;
    /// Synchronous.
    pub const SYNC: u32 = 1 << 7;
    /// Emptied.
    pub const TRUNC: u32 = 1 << 8;
    /// Past the page cache.
    pub const DIRECT: u32 = 1 << 9;
    /// Must be a directory.
    pub const DIRECTORY: u32 = 1 << 10;
    /// Large offsets.
    pub const LARGEFILE: u32 = 1 << 11;
    /// Closed by exec.
    pub const CLOEXEC: u32 = 1 << 12;
    /// A file without a name.
    pub const TMPFILE: u32 = 1 << 13;
    /// This call made the file.
    pub const F_CREATED: u32 = 1 << 14;
    /// On the upper layer of an overlay.
    pub const FD_UPPER_LAYER: u32 = 1 << 15;
    /// On a lower layer of an overlay.
    pub const FD_LOWER_LAYER: u32 = 1 << 16;

    /// Bits of the kernel that are not those of the call in an open file: they count while
    /// it is opened, or for its descriptor, or are set for every file.
    pub const OPENING: u32 = 0o200_1700 | LARGEFILE_KERNEL;

    /// Pairs of the kernel's bit and the portable bit. `TMPFILE` and `SYNC`
    /// hold bits of others in the kernel's encoding, so all bits must be there.
    pub const KERNEL: &[(u32, u32)] = &[
        (0o100, CREAT),
        (0o2000, APPEND),
        (0o10000, DSYNC),
        (0o200, EXCL),
        (0o4000, NONBLOCK),
        (0o4010000, SYNC),
        (0o1000, TRUNC),
        (DIRECT_KERNEL, DIRECT),
        (DIRECTORY_KERNEL, DIRECTORY),
        (LARGEFILE_KERNEL, LARGEFILE),
        (0o2000000, CLOEXEC),
        (0o20000000 | DIRECTORY_KERNEL, TMPFILE),
    ];

    // arm64 moved these three; every other architecture that we build for has
    // the generic numbers.
    use super::super::syscall::AARCH64;
    const DIRECTORY_KERNEL: u32 = if AARCH64 { 0o40000 } else { 0o200000 };
    pub(super) const DIRECT_KERNEL: u32 = if AARCH64 { 0o200000 } else { 0o40000 };
    const LARGEFILE_KERNEL: u32 = if AARCH64 { 0o400000 } else { 0o100000 };

    /// The portable form of `open(2)`'s flags.
    #[inline]
    pub const fn from_kernel(flags: u32) -> u32 {
        let mut portable = match flags & 3 {
            0 => RDONLY,
            1 => WRONLY,
            2 => RDWR,
            _ => NONE,
        };
        let mut i = 0;
        while i < KERNEL.len() {
            let (kernel, bit) = KERNEL[i];
            if flags & kernel == kernel {
                portable |= bit;
            }
            i += 1;
        }
        portable
    }
}

/// Names of [`open`]'s bits.
pub const FILE_FLAGS: FlagTable = FlagTable {
    name: "file_flags",
    entries: &[
        ("O_LARGEFILE", open::LARGEFILE),
        ("O_DIRECTORY", open::DIRECTORY),
        ("O_DIRECT", open::DIRECT),
        ("O_TRUNC", open::TRUNC),
        ("O_SYNC", open::SYNC),
        ("O_NONBLOCK", open::NONBLOCK),
        ("O_EXCL", open::EXCL),
        ("O_DSYNC", open::DSYNC),
        ("O_APPEND", open::APPEND),
        ("O_CREAT", open::CREAT),
        ("O_RDWR", open::RDWR),
        ("O_WRONLY", open::WRONLY),
        ("O_RDONLY", open::RDONLY),
        ("O_CLOEXEC", open::CLOEXEC),
        ("O_NONE", open::NONE),
        ("O_TMPFILE", open::TMPFILE),
        ("O_F_CREATED", open::F_CREATED),
        ("FD_UPPER_LAYER", open::FD_UPPER_LAYER),
        ("FD_LOWER_LAYER", open::FD_LOWER_LAYER),
    ],
};

/// Bits of an executable.
pub mod exec {
    /// The user who ran it may write to it.
    pub const WRITABLE: u32 = 1 << 0;
    /// On the upper layer of an overlay.
    pub const UPPER_LAYER: u32 = 1 << 1;
    /// Held in memory alone.
    pub const FROM_MEMFD: u32 = 1 << 2;
    /// On a lower layer of an overlay.
    pub const LOWER_LAYER: u32 = 1 << 3;
}

/// Names of [`exec`]'s bits.
pub const EXECVE_FLAGS: FlagTable = FlagTable {
    name: "execve_flags",
    entries: &[
        ("EXE_WRITABLE", exec::WRITABLE),
        ("EXE_UPPER_LAYER", exec::UPPER_LAYER),
        ("EXE_FROM_MEMFD", exec::FROM_MEMFD),
        ("EXE_LOWER_LAYER", exec::LOWER_LAYER),
    ],
};

/// Bits of task creation. The kernel's own numbers depend on the call
/// (`clone` and `clone3` overlay different things in the low byte), these do not.
pub mod clone {
    /// Pairs of the kernel's bit and the portable bit.
    pub const KERNEL: &[(u32, u32)] = &[
        (0x0000_0400, 1 << 0),
        (0x0000_0200, 1 << 1),
        (0x8000_0000, 1 << 2),
        (0x0800_0000, 1 << 3),
        (0x4000_0000, 1 << 4),
        (0x0002_0000, 1 << 5),
        (0x2000_0000, 1 << 6),
        (0x0400_0000, 1 << 7),
        (0x0000_8000, 1 << 8),
        (0x0010_0000, 1 << 9),
        (0x0000_2000, 1 << 10),
        (0x0000_0800, 1 << 11),
        (0x0004_0000, 1 << 12),
        (0x0001_0000, 1 << 13),
        (0x0080_0000, 1 << 14),
        (0x0000_0100, 1 << 15),
        (0x1000_0000, 1 << 20),
        (0x0020_0000, 1 << 23),
        (0x0100_0000, 1 << 24),
        (0x0008_0000, 1 << 25),
        (0x0000_4000, 1 << 27),
        (0x0200_0000, 1 << 28),
    ];

    /// A thread of the caller's process.
    pub const THREAD: u32 = 1 << 13;
    /// The caller shares its file descriptors with the child.
    pub const FILES: u32 = 1 << 0;
    /// The child gets the caller's parent.
    pub const PARENT: u32 = 1 << 8;
    /// The caller waits until the child has run another program or ended.
    pub const VFORK: u32 = 1 << 27;
    /// The caller shares its memory with the child.
    pub const VM: u32 = 1 << 15;
    /// The child is the first process of a new pid namespace.
    pub const NEWPID: u32 = 1 << 6;
    /// A new user namespace.
    pub const NEWUSER: u32 = 1 << 20;
    /// The caller is in a pid namespace other than the initial one.
    pub const CHILD_IN_PIDNS: u32 = 1 << 29;

    /// The portable form of the kernel's bits.
    #[inline]
    pub const fn from_kernel(flags: u64) -> u32 {
        // None of the bits that have a name is in the upper half.
        super::portable(flags as u32, KERNEL)
    }
}

/// Names of [`clone`]'s bits.
pub const CLONE_FLAGS: FlagTable = FlagTable {
    name: "clone_flags",
    entries: &[
        ("CLONE_FILES", 1 << 0),
        ("CLONE_FS", 1 << 1),
        ("CLONE_IO", 1 << 2),
        ("CLONE_NEWIPC", 1 << 3),
        ("CLONE_NEWNET", 1 << 4),
        ("CLONE_NEWNS", 1 << 5),
        ("CLONE_NEWPID", 1 << 6),
        ("CLONE_NEWUTS", 1 << 7),
        ("CLONE_PARENT", 1 << 8),
        ("CLONE_PARENT_SETTID", 1 << 9),
        ("CLONE_PTRACE", 1 << 10),
        ("CLONE_SIGHAND", 1 << 11),
        ("CLONE_SYSVSEM", 1 << 12),
        ("CLONE_THREAD", 1 << 13),
        ("CLONE_UNTRACED", 1 << 14),
        ("CLONE_VM", 1 << 15),
        ("CLONE_INVERTED", 1 << 16),
        ("NAME_CHANGED", 1 << 17),
        ("CLOSED", 1 << 18),
        ("CLONE_NEWUSER", 1 << 20),
        ("CLONE_CHILD_CLEARTID", 1 << 23),
        ("CLONE_CHILD_SETTID", 1 << 24),
        ("CLONE_SETTLS", 1 << 25),
        ("CLONE_STOPPED", 1 << 26),
        ("CLONE_VFORK", 1 << 27),
        ("CLONE_NEWCGROUP", 1 << 28),
        ("CLONE_CHILD_IN_PIDNS", 1 << 29),
    ],
};

/// `openat2`'s ways of resolving a path.
pub mod resolve {
    const KERNEL: &[(u32, u32)] = &[
        (0x08, 1 << 0),
        (0x10, 1 << 1),
        (0x02, 1 << 2),
        (0x04, 1 << 3),
        (0x01, 1 << 4),
        (0x20, 1 << 5),
    ];

    /// The portable form of the kernel's bits.
    pub const fn from_kernel(flags: u64) -> u32 {
        // None of the bits that have a name is in the upper half.
        super::portable(flags as u32, KERNEL)
    }
}

/// Names of [`resolve`]'s bits.
pub const OPENAT2_FLAGS: FlagTable = FlagTable {
    name: "openat2_flags",
    entries: &[
        ("RESOLVE_BENEATH", 1 << 0),
        ("RESOLVE_IN_ROOT", 1 << 1),
        ("RESOLVE_NO_MAGICLINKS", 1 << 2),
        ("RESOLVE_NO_SYMLINKS", 1 << 3),
        ("RESOLVE_NO_XDEV", 1 << 4),
        ("RESOLVE_CACHED", 1 << 5),
    ],
};

/// `unlinkat`: the kernel's 0x200.
pub const UNLINKAT_FLAGS: FlagTable = FlagTable {
    name: "unlinkat_flags",
    entries: &[("AT_REMOVEDIR", 0x200)],
};

/// `renameat2`: the kernel's own bits.
pub const RENAMEAT2_FLAGS: FlagTable = FlagTable {
    name: "renameat2_flags",
    entries: &[
        ("RENAME_NOREPLACE", 1 << 0),
        ("RENAME_EXCHANGE", 1 << 1),
        ("RENAME_WHITEOUT", 1 << 2),
    ],
};

/// Permission bits.
pub const CHMOD_MODE: FlagTable = FlagTable {
    name: "chmod_mode",
    entries: &[
        ("S_IXOTH", 0o1),
        ("S_IWOTH", 0o2),
        ("S_IROTH", 0o4),
        ("S_IXGRP", 0o10),
        ("S_IWGRP", 0o20),
        ("S_IRGRP", 0o40),
        ("S_IXUSR", 0o100),
        ("S_IWUSR", 0o200),
        ("S_IRUSR", 0o400),
        ("S_ISVTX", 0o1000),
        ("S_ISGID", 0o2000),
        ("S_ISUID", 0o4000),
    ],
};

/// `mount`: the kernel's own bits.
pub const MOUNT_FLAGS: FlagTable = FlagTable {
    name: "mount_flags",
    entries: &[
        ("RDONLY", 1 << 0),
        ("NOSUID", 1 << 1),
        ("NODEV", 1 << 2),
        ("NOEXEC", 1 << 3),
        ("SYNCHRONOUS", 1 << 4),
        ("REMOUNT", 1 << 5),
        ("MANDLOCK", 1 << 6),
        ("DIRSYNC", 1 << 7),
        ("NOATIME", 1 << 10),
        ("NODIRATIME", 1 << 11),
        ("BIND", 1 << 12),
        ("MOVE", 1 << 13),
        ("REC", 1 << 14),
        ("SILENT", 1 << 15),
        ("POSIXACL", 1 << 16),
        ("UNBINDABLE", 1 << 17),
        ("PRIVATE", 1 << 18),
        ("SLAVE", 1 << 19),
        ("SHARED", 1 << 20),
        ("RELATIME", 1 << 21),
        ("KERNMOUNT", 1 << 22),
        ("I_VERSION", 1 << 23),
        ("STRICTATIME", 1 << 24),
        ("LAZYTIME", 1 << 25),
        ("NOSEC", 1 << 28),
        ("BORN", 1 << 29),
        ("ACTIVE", 1 << 30),
        ("NOUSER", 1 << 31),
    ],
};

/// Pairs of `ptrace`'s own request number and the portable one.
const PTRACE_KERNEL: &[(u32, u32)] = &[
    (0, 1),
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 6),
    (6, 7),
    (7, 8),
    (8, 9),
    (9, 10),
    (16, 11),
    (17, 12),
    (24, 13),
    (0x4200, 14),
    (0x4201, 15),
    (0x4202, 16),
    (0x4203, 17),
    (0x4204, 18),
    (0x4205, 19),
    (0x4206, 20),
    (0x4207, 21),
    (0x4208, 22),
    (0x4209, 23),
    (0x420a, 24),
    (0x420b, 25),
    (12, 26),
    (13, 27),
    (14, 28),
    (15, 29),
    (18, 30),
    (19, 31),
    (21, 32),
    (25, 33),
    (26, 34),
    (30, 35),
    (31, 36),
    (32, 37),
    (33, 38),
];

/// The portable number of a `ptrace` request; 0 for an unknown one.
pub const fn ptrace_from_kernel(request: u32) -> u32 {
    portable_number(request, PTRACE_KERNEL)
}

/// Names of the portable `ptrace` requests.
pub const PTRACE_REQUESTS: FlagTable = FlagTable {
    name: "ptrace_requests",
    entries: &[
        ("PTRACE_SINGLEBLOCK", 38),
        ("PTRACE_SYSEMU_SINGLESTEP", 37),
        ("PTRACE_SYSEMU", 36),
        ("PTRACE_ARCH_PRCTL", 35),
        ("PTRACE_SET_THREAD_AREA", 34),
        ("PTRACE_GET_THREAD_AREA", 33),
        ("PTRACE_OLDSETOPTIONS", 32),
        ("PTRACE_SETFPXREGS", 31),
        ("PTRACE_GETFPXREGS", 30),
        ("PTRACE_SETFPREGS", 29),
        ("PTRACE_GETFPREGS", 28),
        ("PTRACE_SETREGS", 27),
        ("PTRACE_GETREGS", 26),
        ("PTRACE_SETSIGMASK", 25),
        ("PTRACE_GETSIGMASK", 24),
        ("PTRACE_PEEKSIGINFO", 23),
        ("PTRACE_LISTEN", 22),
        ("PTRACE_INTERRUPT", 21),
        ("PTRACE_SEIZE", 20),
        ("PTRACE_SETREGSET", 19),
        ("PTRACE_GETREGSET", 18),
        ("PTRACE_SETSIGINFO", 17),
        ("PTRACE_GETSIGINFO", 16),
        ("PTRACE_GETEVENTMSG", 15),
        ("PTRACE_SETOPTIONS", 14),
        ("PTRACE_SYSCALL", 13),
        ("PTRACE_DETACH", 12),
        ("PTRACE_ATTACH", 11),
        ("PTRACE_SINGLESTEP", 10),
        ("PTRACE_KILL", 9),
        ("PTRACE_CONT", 8),
        ("PTRACE_POKEUSR", 7),
        ("PTRACE_POKEDATA", 6),
        ("PTRACE_POKETEXT", 5),
        ("PTRACE_PEEKUSR", 4),
        ("PTRACE_PEEKDATA", 3),
        ("PTRACE_PEEKTEXT", 2),
        ("PTRACE_TRACEME", 1),
        ("PTRACE_UNKNOWN", 0),
    ],
};

/// Bits that `dup3`, `pipe2` and others give a new descriptor.
pub const FD_BITS: &[(u32, u32)] = &[
    (0o2_000_000, open::CLOEXEC),
    (0o4000, open::NONBLOCK),
    (open::DIRECT_KERNEL, open::DIRECT),
];

/// Bits that `socket` takes beside the type.
pub const SOCKET_BITS: &[(u32, u32)] = &[(0o2_000_000, open::CLOEXEC), (0o4000, open::NONBLOCK)];

/// The portable form of a register's bits.
#[inline]
pub const fn portable(flags: u32, pairs: &[(u32, u32)]) -> u32 {
    let mut portable = 0;
    let mut i = 0;
    while i < pairs.len() {
        if flags & pairs[i].0 != 0 {
            portable |= pairs[i].1;
        }
        i += 1;
    }
    portable
}

/// The portable form of a number; 0 for one that is not in the pairs.
#[inline]
const fn portable_number(kernel: u32, pairs: &[(u32, u32)]) -> u32 {
    let mut i = 0;
    while i < pairs.len() {
        if pairs[i].0 == kernel {
            return pairs[i].1;
        }
        i += 1;
    }
    0
}

/// Bits of `linkat`, the kernel's and the portable ones.
pub const LINKAT_BITS: &[(u32, u32)] = &[(0x400, 0x400), (0x1000, 0x1000)];

/// `linkat`.
pub const LINKAT_FLAGS: FlagTable = FlagTable {
    name: "linkat_flags",
    entries: &[("AT_SYMLINK_FOLLOW", 0x400), ("AT_EMPTY_PATH", 0x1000)],
};

/// Bits of `fchownat`, the kernel's and the portable ones.
pub const FCHOWNAT_BITS: &[(u32, u32)] = &[(0x100, 0x100), (0x1000, 0x1000)];

/// `fchownat`.
pub const FCHOWNAT_FLAGS: FlagTable = FlagTable {
    name: "fchownat_flags",
    entries: &[("AT_SYMLINK_NOFOLLOW", 0x100), ("AT_EMPTY_PATH", 0x1000)],
};

/// `umount2`: the kernel's own bits.
pub const UMOUNT_FLAGS: FlagTable = FlagTable {
    name: "umount_flags",
    entries: &[
        ("FORCE", 1 << 0),
        ("DETACH", 1 << 1),
        ("EXPIRE", 1 << 2),
        ("NOFOLLOW", 1 << 3),
    ],
};

/// `finit_module`: the kernel's own bits.
pub const FINIT_MODULE_FLAGS: FlagTable = FlagTable {
    name: "finit_module_flags",
    entries: &[
        ("MODULE_INIT_IGNORE_MODVERSIONS", 1 << 0),
        ("MODULE_INIT_IGNORE_VERMAGIC", 1 << 1),
        ("MODULE_INIT_COMPRESSED_FILE", 1 << 2),
    ],
};

/// Bits of `delete_module`, the kernel's and the portable ones.
pub const DELETE_MODULE_BITS: &[(u32, u32)] = &[(0o4000, 1 << 1), (0o1000, 1 << 0)];

/// `delete_module`.
pub const DELETE_MODULE_FLAGS: FlagTable = FlagTable {
    name: "delete_module_flags",
    entries: &[("O_NONBLOCK", 1 << 1), ("O_TRUNC", 1 << 0)],
};

/// `memfd_create`: the kernel's own bits.
pub const MEMFD_CREATE_FLAGS: FlagTable = FlagTable {
    name: "memfd_create_flags",
    entries: &[
        ("MFD_CLOEXEC", 1 << 0),
        ("MFD_ALLOW_SEALING", 1 << 1),
        ("MFD_HUGETLB", 1 << 2),
    ],
};

/// Bits of memory protection, the kernel's and the portable ones.
pub const PROT_BITS: &[(u32, u32)] = &[
    (1, 1 << 0),
    (2, 1 << 1),
    (4, 1 << 2),
    (8, 1 << 3),
    (0x0100_0000, 1 << 4),
    (0x0200_0000, 1 << 5),
];

/// Memory protection.
pub const PROT_FLAGS: FlagTable = FlagTable {
    name: "prot_flags",
    entries: &[
        ("PROT_READ", 1 << 0),
        ("PROT_WRITE", 1 << 1),
        ("PROT_EXEC", 1 << 2),
        ("PROT_SEM", 1 << 3),
        ("PROT_GROWSDOWN", 1 << 4),
        ("PROT_GROWSUP", 1 << 5),
        ("PROT_SAO", 1 << 6),
        ("PROT_NONE", 0),
    ],
};

/// Permission bits and kind of a file to be made.
pub const MKNOD_MODE: FlagTable = FlagTable {
    name: "mknod_mode",
    entries: &[
        ("S_IXOTH", 0o1),
        ("S_IWOTH", 0o2),
        ("S_IROTH", 0o4),
        ("S_IXGRP", 0o10),
        ("S_IWGRP", 0o20),
        ("S_IRGRP", 0o40),
        ("S_IXUSR", 0o100),
        ("S_IWUSR", 0o200),
        ("S_IRUSR", 0o400),
        ("S_ISVTX", 0o1000),
        ("S_ISGID", 0o2000),
        ("S_ISUID", 0o4000),
        ("S_IFSOCK", 0o140000),
        ("S_IFREG", 0o100000),
        ("S_IFBLK", 0o60000),
        ("S_IFCHR", 0o20000),
        ("S_IFIFO", 0o10000),
    ],
};

/// Families of sockets: the kernel's own numbers.
pub const SOCKET_FAMILIES: FlagTable = FlagTable {
    name: "socket_families",
    entries: &[
        ("AF_NFC", 39),
        ("AF_ALG", 38),
        ("AF_CAIF", 37),
        ("AF_IEEE802154", 36),
        ("AF_PHONET", 35),
        ("AF_ISDN", 34),
        ("AF_RXRPC", 33),
        ("AF_IUCV", 32),
        ("AF_BLUETOOTH", 31),
        ("AF_TIPC", 30),
        ("AF_CAN", 29),
        ("AF_LLC", 26),
        ("AF_WANPIPE", 25),
        ("AF_PPPOX", 24),
        ("AF_IRDA", 23),
        ("AF_SNA", 22),
        ("AF_RDS", 21),
        ("AF_ATMSVC", 20),
        ("AF_ECONET", 19),
        ("AF_ASH", 18),
        ("AF_PACKET", 17),
        ("AF_ROUTE", 16),
        ("AF_NETLINK", 16),
        ("AF_KEY", 15),
        ("AF_SECURITY", 14),
        ("AF_NETBEUI", 13),
        ("AF_DECnet", 12),
        ("AF_ROSE", 11),
        ("AF_INET6", 10),
        ("AF_X25", 9),
        ("AF_ATMPVC", 8),
        ("AF_BRIDGE", 7),
        ("AF_NETROM", 6),
        ("AF_APPLETALK", 5),
        ("AF_IPX", 4),
        ("AF_AX25", 3),
        ("AF_INET", 2),
        ("AF_LOCAL", 1),
        ("AF_UNIX", 1),
        ("AF_UNSPEC", 0),
    ],
};

/// `bpf`: the kernel's own numbers.
pub const BPF_COMMANDS: FlagTable = FlagTable {
    name: "bpf_commands",
    entries: &[
        ("BPF_MAP_CREATE", 0),
        ("BPF_MAP_LOOKUP_ELEM", 1),
        ("BPF_MAP_UPDATE_ELEM", 2),
        ("BPF_MAP_DELETE_ELEM", 3),
        ("BPF_MAP_GET_NEXT_KEY", 4),
        ("BPF_PROG_LOAD", 5),
        ("BPF_OBJ_PIN", 6),
        ("BPF_OBJ_GET", 7),
        ("BPF_PROG_ATTACH", 8),
        ("BPF_PROG_DETACH", 9),
        ("BPF_PROG_TEST_RUN", 10),
        ("BPF_PROG_RUN", 10),
        ("BPF_PROG_GET_NEXT_ID", 11),
        ("BPF_MAP_GET_NEXT_ID", 12),
        ("BPF_PROG_GET_FD_BY_ID", 13),
        ("BPF_MAP_GET_FD_BY_ID", 14),
        ("BPF_OBJ_GET_INFO_BY_FD", 15),
        ("BPF_PROG_QUERY", 16),
        ("BPF_RAW_TRACEPOINT_OPEN", 17),
        ("BPF_BTF_LOAD", 18),
        ("BPF_BTF_GET_FD_BY_ID", 19),
        ("BPF_TASK_FD_QUERY", 20),
        ("BPF_MAP_LOOKUP_AND_DELETE_ELEM", 21),
        ("BPF_MAP_FREEZE", 22),
        ("BPF_BTF_GET_NEXT_ID", 23),
        ("BPF_MAP_LOOKUP_BATCH", 24),
        ("BPF_MAP_LOOKUP_AND_DELETE_BATCH", 25),
        ("BPF_MAP_UPDATE_BATCH", 26),
        ("BPF_MAP_DELETE_BATCH", 27),
        ("BPF_LINK_CREATE", 28),
        ("BPF_LINK_UPDATE", 29),
        ("BPF_LINK_GET_FD_BY_ID", 30),
        ("BPF_LINK_GET_NEXT_ID", 31),
        ("BPF_ENABLE_STATS", 32),
        ("BPF_ITER_CREATE", 33),
        ("BPF_LINK_DETACH", 34),
        ("BPF_PROG_BIND_MAP", 35),
    ],
};

/// `prctl`: the kernel's own numbers.
pub const PRCTL_OPTIONS: FlagTable = FlagTable {
    name: "prctl_options",
    entries: &[
        ("PR_GET_DUMPABLE", 3),
        ("PR_SET_DUMPABLE", 4),
        ("PR_GET_KEEPCAPS", 7),
        ("PR_SET_KEEPCAPS", 8),
        ("PR_SET_NAME", 15),
        ("PR_GET_NAME", 16),
        ("PR_GET_SECCOMP", 21),
        ("PR_SET_SECCOMP", 22),
        ("PR_CAPBSET_READ", 23),
        ("PR_CAPBSET_DROP", 24),
        ("PR_GET_SECUREBITS", 27),
        ("PR_SET_SECUREBITS", 28),
        ("PR_MCE_KILL", 33),
        ("PR_SET_MM", 35),
        ("PR_SET_CHILD_SUBREAPER", 36),
        ("PR_GET_CHILD_SUBREAPER", 37),
        ("PR_SET_NO_NEW_PRIVS", 38),
        ("PR_GET_NO_NEW_PRIVS", 39),
        ("PR_GET_TID_ADDRESS", 40),
        ("PR_SET_THP_DISABLE", 41),
        ("PR_GET_THP_DISABLE", 42),
        ("PR_CAP_AMBIENT", 47),
    ],
};

/// Pairs of `fcntl`'s own command and the portable one.
const FCNTL_KERNEL: &[(u32, u32)] = &[
    (1032, 29),
    (1031, 28),
    (1026, 27),
    (1030, 26),
    (1029, 25),
    (1025, 24),
    (1024, 23),
    (16, 22),
    (15, 21),
    (11, 15),
    (10, 13),
    (9, 12),
    (8, 10),
    (7, 9),
    (6, 8),
    (5, 6),
    (4, 5),
    (3, 4),
    (2, 3),
    (1, 2),
    (0, 1),
    (36, 30),
    (37, 31),
    (38, 32),
];

/// The portable number of an `fcntl` command; 0 for an unknown one.
pub const fn fcntl_from_kernel(command: u32) -> u32 {
    portable_number(command, FCNTL_KERNEL)
}

/// Names of the portable `fcntl` commands.
pub const FCNTL_COMMANDS: FlagTable = FlagTable {
    name: "fcntl_commands",
    entries: &[
        ("F_GETPIPE_SZ", 29),
        ("F_SETPIPE_SZ", 28),
        ("F_NOTIFY", 27),
        ("F_DUPFD_CLOEXEC", 26),
        ("F_CANCELLK", 25),
        ("F_GETLEASE", 24),
        ("F_SETLEASE", 23),
        ("F_GETOWN_EX", 22),
        ("F_SETOWN_EX", 21),
        ("F_GETSIG", 15),
        ("F_SETSIG", 13),
        ("F_GETOWN", 12),
        ("F_SETOWN", 10),
        ("F_SETLKW", 9),
        ("F_SETLK", 8),
        ("F_GETLK", 6),
        ("F_SETFL", 5),
        ("F_GETFL", 4),
        ("F_SETFD", 3),
        ("F_GETFD", 2),
        ("F_DUPFD", 1),
        ("F_OFD_GETLK", 30),
        ("F_OFD_SETLK", 31),
        ("F_OFD_SETLKW", 32),
        ("UNKNOWN", 0),
    ],
};

/// `shutdown`: the kernel's own numbers.
pub const SHUTDOWN_HOW: FlagTable = FlagTable {
    name: "shutdown_how",
    entries: &[("SHUT_RDWR", 2), ("SHUT_WR", 1), ("SHUT_RD", 0)],
};

/// `lseek`: the kernel's own numbers.
pub const LSEEK_WHENCE: FlagTable = FlagTable {
    name: "lseek_whence",
    entries: &[("SEEK_END", 2), ("SEEK_CUR", 1), ("SEEK_SET", 0)],
};

/// `access`: the kernel's own bits.
pub const ACCESS_FLAGS: FlagTable = FlagTable {
    name: "access_flags",
    entries: &[
        ("F_OK", 0),
        ("R_OK", 1 << 2),
        ("W_OK", 1 << 1),
        ("X_OK", 1 << 0),
    ],
};

const _: () = {
    assert!(open::from_kernel(0) == open::RDONLY);
    assert!(open::from_kernel(0o102) == open::RDWR | open::CREAT);
    assert!(clone::from_kernel(0x0001_0000) == clone::THREAD);
    assert!(ptrace_from_kernel(16) == 11);
};

/// `mmap`.
pub const MMAP_FLAGS: FlagTable = FlagTable {
    name: "mmap_flags",
    entries: &[
        ("MAP_SHARED", 1 << 0),
        ("MAP_PRIVATE", 1 << 1),
        ("MAP_FIXED", 1 << 2),
        ("MAP_ANONYMOUS", 1 << 3),
        ("MAP_32BIT", 1 << 4),
        ("MAP_RENAME", 1 << 5),
        ("MAP_NORESERVE", 1 << 6),
        ("MAP_POPULATE", 1 << 7),
        ("MAP_NONBLOCK", 1 << 8),
        ("MAP_GROWSDOWN", 1 << 9),
        ("MAP_DENYWRITE", 1 << 10),
        ("MAP_EXECUTABLE", 1 << 11),
        ("MAP_INHERIT", 1 << 12),
        ("MAP_FILE", 1 << 13),
        ("MAP_LOCKED", 1 << 14),
    ],
};

/// `splice`.
pub const SPLICE_FLAGS: FlagTable = FlagTable {
    name: "splice_flags",
    entries: &[
        ("SPLICE_F_MOVE", 1 << 0),
        ("SPLICE_F_NONBLOCK", 1 << 1),
        ("SPLICE_F_MORE", 1 << 2),
        ("SPLICE_F_GIFT", 1 << 3),
    ],
};

/// Commands of `quotactl`.
pub const QUOTACTL_CMDS: FlagTable = FlagTable {
    name: "quotactl_cmds",
    entries: &[
        ("Q_QUOTAON", 1 << 0),
        ("Q_QUOTAOFF", 1 << 1),
        ("Q_GETFMT", 1 << 2),
        ("Q_GETINFO", 1 << 3),
        ("Q_SETINFO", 1 << 4),
        ("Q_GETQUOTA", 1 << 5),
        ("Q_SETQUOTA", 1 << 6),
        ("Q_SYNC", 1 << 7),
        ("Q_XQUOTAON", 1 << 8),
        ("Q_XQUOTAOFF", 1 << 9),
        ("Q_XGETQUOTA", 1 << 10),
        ("Q_XSETQLIM", 1 << 11),
        ("Q_XGETQSTAT", 1 << 12),
        ("Q_XQUOTARM", 1 << 13),
        ("Q_XQUOTASYNC", 1 << 14),
    ],
};

/// Whose quota.
pub const QUOTACTL_TYPES: FlagTable = FlagTable {
    name: "quotactl_types",
    entries: &[("USRQUOTA", 1 << 0), ("GRPQUOTA", 1 << 1)],
};

/// Properties of a quota file.
pub const QUOTACTL_DQI_FLAGS: FlagTable = FlagTable {
    name: "quotactl_dqi_flags",
    entries: &[("DQF_NONE", 1 << 0), ("V1_DQF_RSQUASH", 1 << 1)],
};

/// Formats of quota files.
pub const QUOTACTL_QUOTA_FMTS: FlagTable = FlagTable {
    name: "quotactl_quota_fmts",
    entries: &[
        ("QFMT_NOT_USED", 1 << 0),
        ("QFMT_VFS_OLD", 1 << 1),
        ("QFMT_VFS_V0", 1 << 2),
        ("QFMT_VFS_V1", 1 << 3),
    ],
};

/// `semop`.
pub const SEMOP_FLAGS: FlagTable = FlagTable {
    name: "semop_flags",
    entries: &[("IPC_NOWAIT", 1 << 0), ("SEM_UNDO", 1 << 1)],
};

/// `semget`.
pub const SEMGET_FLAGS: FlagTable = FlagTable {
    name: "semget_flags",
    entries: &[("IPC_EXCL", 1 << 14), ("IPC_CREAT", 1 << 13)],
};

/// `semctl`.
pub const SEMCTL_COMMANDS: FlagTable = FlagTable {
    name: "semctl_commands",
    entries: &[
        ("IPC_STAT", 1 << 0),
        ("IPC_SET", 1 << 1),
        ("IPC_RMID", 1 << 2),
        ("IPC_INFO", 1 << 3),
        ("SEM_INFO", 1 << 4),
        ("SEM_STAT", 1 << 5),
        ("GETALL", 1 << 6),
        ("GETNCNT", 1 << 7),
        ("GETPID", 1 << 8),
        ("GETVAL", 1 << 9),
        ("GETZCNT", 1 << 10),
        ("SETALL", 1 << 11),
        ("SETVAL", 1 << 12),
    ],
};

/// `flock`.
pub const FLOCK_FLAGS: FlagTable = FlagTable {
    name: "flock_flags",
    entries: &[
        ("LOCK_SH", 1 << 0),
        ("LOCK_EX", 1 << 1),
        ("LOCK_NB", 1 << 2),
        ("LOCK_UN", 1 << 3),
        ("LOCK_NONE", 0),
    ],
};

/// `futex`: two bits, and a number below them.
pub const FUTEX_OPERATIONS: FlagTable = FlagTable {
    name: "futex_operations",
    entries: &[
        ("FUTEX_CLOCK_REALTIME", 256),
        ("FUTEX_PRIVATE_FLAG", 128),
        ("FUTEX_CMP_REQUEUE_PI", 12),
        ("FUTEX_WAIT_REQUEUE_PI", 11),
        ("FUTEX_WAKE_BITSET", 10),
        ("FUTEX_WAIT_BITSET", 9),
        ("FUTEX_TRYLOCK_PI", 8),
        ("FUTEX_UNLOCK_PI", 7),
        ("FUTEX_LOCK_PI", 6),
        ("FUTEX_WAKE_OP", 5),
        ("FUTEX_CMP_REQUEUE", 4),
        ("FUTEX_REQUEUE", 3),
        ("FUTEX_FD", 2),
        ("FUTEX_WAKE", 1),
        ("FUTEX_WAIT", 0),
    ],
};

/// What a descriptor is waited for.
pub const POLL_FLAGS: FlagTable = FlagTable {
    name: "poll_flags",
    entries: &[
        ("POLLIN", 1 << 0),
        ("POLLPRI", 1 << 1),
        ("POLLOUT", 1 << 2),
        ("POLLRDHUP", 1 << 3),
        ("POLLERR", 1 << 4),
        ("POLLHUP", 1 << 5),
        ("POLLNVAL", 1 << 6),
        ("POLLRDNORM", 1 << 7),
        ("POLLRDBAND", 1 << 8),
        ("POLLWRNORM", 1 << 9),
        ("POLLWRBAND", 1 << 10),
    ],
};

/// Limits of a process: the kernel's own numbers.
pub const RLIMIT_RESOURCES: FlagTable = FlagTable {
    name: "rlimit_resources",
    entries: &[
        ("RLIMIT_UNKNOWN", 255),
        ("RLIMIT_RTTIME", 15),
        ("RLIMIT_RTPRIO", 14),
        ("RLIMIT_NICE", 13),
        ("RLIMIT_MSGQUEUE", 12),
        ("RLIMIT_SIGPENDING", 11),
        ("RLIMIT_LOCKS", 10),
        ("RLIMIT_AS", 9),
        ("RLIMIT_MEMLOCK", 8),
        ("RLIMIT_NOFILE", 7),
        ("RLIMIT_NPROC", 6),
        ("RLIMIT_RSS", 5),
        ("RLIMIT_CORE", 4),
        ("RLIMIT_STACK", 3),
        ("RLIMIT_DATA", 2),
        ("RLIMIT_FSIZE", 1),
        ("RLIMIT_CPU", 0),
    ],
};

/// Levels of socket options.
pub const SOCKOPT_LEVELS: FlagTable = FlagTable {
    name: "sockopt_levels",
    entries: &[("SOL_SOCKET", 1), ("SOL_TCP", 2), ("UNKNOWN", 0)],
};

/// Options of the level of sockets.
pub const SOCKOPT_OPTIONS: FlagTable = FlagTable {
    name: "sockopt_options",
    entries: &[
        ("SO_COOKIE", 53),
        ("SO_MEMINFO", 52),
        ("SO_PEERGROUPS", 51),
        ("SO_ATTACH_BPF", 50),
        ("SO_INCOMING_CPU", 49),
        ("SO_BPF_EXTENSIONS", 48),
        ("SO_MAX_PACING_RATE", 47),
        ("SO_BUSY_POLL", 46),
        ("SO_SELECT_ERR_QUEUE", 45),
        ("SO_LOCK_FILTER", 44),
        ("SO_NOFCS", 43),
        ("SO_PEEK_OFF", 42),
        ("SO_WIFI_STATUS", 41),
        ("SO_RXQ_OVFL", 40),
        ("SO_DOMAIN", 39),
        ("SO_PROTOCOL", 38),
        ("SO_TIMESTAMPING", 37),
        ("SO_MARK", 36),
        ("SO_TIMESTAMPNS", 35),
        ("SO_PASSSEC", 34),
        ("SO_PEERSEC", 31),
        ("SO_ACCEPTCONN", 30),
        ("SO_TIMESTAMP", 29),
        ("SO_PEERNAME", 28),
        ("SO_DETACH_FILTER", 27),
        ("SO_ATTACH_FILTER", 26),
        ("SO_BINDTODEVICE", 25),
        ("SO_SECURITY_ENCRYPTION_NETWORK", 24),
        ("SO_SECURITY_ENCRYPTION_TRANSPORT", 23),
        ("SO_SECURITY_AUTHENTICATION", 22),
        ("SO_SNDTIMEO", 21),
        ("SO_RCVTIMEO", 20),
        ("SO_SNDLOWAT", 19),
        ("SO_RCVLOWAT", 18),
        ("SO_PEERCRED", 17),
        ("SO_PASSCRED", 16),
        ("SO_REUSEPORT", 15),
        ("SO_BSDCOMPAT", 14),
        ("SO_LINGER", 13),
        ("SO_PRIORITY", 12),
        ("SO_NO_CHECK", 11),
        ("SO_OOBINLINE", 10),
        ("SO_KEEPALIVE", 9),
        ("SO_RCVBUFFORCE", 33),
        ("SO_SNDBUFFORCE", 32),
        ("SO_RCVBUF", 8),
        ("SO_SNDBUF", 7),
        ("SO_BROADCAST", 6),
        ("SO_DONTROUTE", 5),
        ("SO_ERROR", 4),
        ("SO_TYPE", 3),
        ("SO_REUSEADDR", 2),
        ("SO_DEBUG", 1),
        ("UNKNOWN", 0),
    ],
};

/// Portable [`PF_FLAGS`] of the processor's error code.
pub mod page_fault {
    /// A bit of x86, and the flags that stand for it when it is set and when not.
    const BITS: [(u64, u32, u32); 5] = [
        (1 << 0, 1 << 0, 1 << 1),
        (1 << 1, 1 << 2, 1 << 3),
        (1 << 2, 1 << 4, 1 << 5),
        (1 << 3, 1 << 6, 0),
        (1 << 4, 1 << 7, 0),
    ];

    /// What a program did; without it, the kernel.
    pub const USER: u64 = 1 << 2;

    /// The portable flags.
    #[inline]
    pub const fn from_kernel(error: u64) -> u32 {
        let mut flags = 0;
        let mut i = 0;
        while i < BITS.len() {
            let (bit, set, clear) = BITS[i];
            flags |= if error & bit != 0 { set } else { clear };
            i += 1;
        }
        flags
    }
}

/// Why a page was not there.
pub const PF_FLAGS: FlagTable = FlagTable {
    name: "pf_flags",
    entries: &[
        ("PROTECTION_VIOLATION", 1 << 0),
        ("PAGE_NOT_PRESENT", 1 << 1),
        ("WRITE_ACCESS", 1 << 2),
        ("READ_ACCESS", 1 << 3),
        ("USER_FAULT", 1 << 4),
        ("SUPERVISOR_FAULT", 1 << 5),
        ("RESERVED_PAGE", 1 << 6),
        ("INSTRUCTION_FETCH", 1 << 7),
    ],
};

/// `io_uring_setup`.
pub const IO_URING_SETUP_FLAGS: FlagTable = FlagTable {
    name: "io_uring_setup_flags",
    entries: &[
        ("IORING_SETUP_IOPOLL", 1 << 0),
        ("IORING_SETUP_SQPOLL", 1 << 1),
        ("IORING_SQ_NEED_WAKEUP", 1 << 2),
        ("IORING_SETUP_SQ_AFF", 1 << 3),
        ("IORING_SETUP_CQSIZE", 1 << 4),
        ("IORING_SETUP_CLAMP", 1 << 5),
        ("IORING_SETUP_ATTACH_RW", 1 << 6),
        ("IORING_SETUP_R_DISABLED", 1 << 7),
    ],
};

/// What `io_uring_setup` says the kernel can do.
pub const IO_URING_SETUP_FEATS: FlagTable = FlagTable {
    name: "io_uring_setup_feats",
    entries: &[
        ("IORING_FEAT_SINGLE_MMAP", 1 << 0),
        ("IORING_FEAT_NODROP", 1 << 1),
        ("IORING_FEAT_SUBMIT_STABLE", 1 << 2),
        ("IORING_FEAT_RW_CUR_POS", 1 << 3),
        ("IORING_FEAT_CUR_PERSONALITY", 1 << 4),
        ("IORING_FEAT_FAST_POLL", 1 << 5),
        ("IORING_FEAT_POLL_32BITS", 1 << 6),
        ("IORING_FEAT_SQPOLL_NONFIXED", 1 << 7),
        ("IORING_FEAT_ENTER_EXT_ARG", 1 << 8),
        ("IORING_FEAT_NATIVE_WORKERS", 1 << 9),
        ("IORING_FEAT_RSRC_TAGS", 1 << 10),
    ],
};

/// `io_uring_enter`.
pub const IO_URING_ENTER_FLAGS: FlagTable = FlagTable {
    name: "io_uring_enter_flags",
    entries: &[
        ("IORING_ENTER_GETEVENTS", 1 << 0),
        ("IORING_ENTER_SQ_WAKEUP", 1 << 1),
        ("IORING_ENTER_SQ_WAIT", 1 << 2),
        ("IORING_ENTER_EXT_ARG", 1 << 3),
    ],
};

/// `io_uring_register`: the kernel's numbers and one.
pub const IO_URING_REGISTER_OPCODES: FlagTable = FlagTable {
    name: "io_uring_register_opcodes",
    entries: &[
        ("IORING_REGISTER_BUFFERS", 0),
        ("IORING_UNREGISTER_BUFFERS", 1),
        ("IORING_REGISTER_FILES", 2),
        ("IORING_UNREGISTER_FILES", 3),
        ("IORING_REGISTER_EVENTFD", 4),
        ("IORING_UNREGISTER_EVENTFD", 5),
        ("IORING_REGISTER_FILES_UPDATE", 6),
        ("IORING_REGISTER_EVENTFD_ASYNC", 7),
        ("IORING_REGISTER_PROBE", 8),
        ("IORING_REGISTER_PERSONALITY", 9),
        ("IORING_UNREGISTER_PERSONALITY", 10),
        ("IORING_REGISTER_RESTRICTIONS", 11),
        ("IORING_REGISTER_ENABLE_RINGS", 12),
        ("IORING_REGISTER_FILES2", 13),
        ("IORING_REGISTER_FILES_UPDATE2", 14),
        ("IORING_REGISTER_BUFFERS2", 15),
        ("IORING_REGISTER_BUFFERS_UPDATE", 16),
        ("IORING_REGISTER_IOWQ_AFF", 17),
        ("IORING_UNREGISTER_IOWQ_AFF", 18),
        ("IORING_REGISTER_IOWQ_MAX_WORKERS", 19),
        ("IORING_REGISTER_RING_FDS", 20),
        ("IORING_UNREGISTER_RING_FDS", 21),
    ],
};

/// `mlockall`.
pub const MLOCKALL_FLAGS: FlagTable = FlagTable {
    name: "mlockall_flags",
    entries: &[
        ("MCL_CURRENT", 1 << 0),
        ("MCL_FUTURE", 1 << 1),
        ("MCL_ONFAULT", 1 << 2),
    ],
};

/// `mlock2`.
pub const MLOCK2_FLAGS: FlagTable = FlagTable {
    name: "mlock2_flags",
    entries: &[("MLOCK_ONFAULT", 1 << 0)],
};

/// `fsconfig`: the kernel's own numbers.
pub const FSCONFIG_CMDS: FlagTable = FlagTable {
    name: "fsconfig_cmds",
    entries: &[
        ("FSCONFIG_SET_FLAG", 0),
        ("FSCONFIG_SET_STRING", 1),
        ("FSCONFIG_SET_BINARY", 2),
        ("FSCONFIG_SET_PATH", 3),
        ("FSCONFIG_SET_PATH_EMPTY", 4),
        ("FSCONFIG_SET_FD", 5),
        ("FSCONFIG_CMD_CREATE", 6),
        ("FSCONFIG_CMD_RECONFIGURE", 7),
    ],
};

/// `epoll_create1`.
pub const EPOLL_CREATE1_FLAGS: FlagTable = FlagTable {
    name: "epoll_create1_flags",
    entries: &[("EPOLL_CLOEXEC", 1 << 0)],
};

/// `pidfd_open`.
pub const PIDFD_OPEN_FLAGS: FlagTable = FlagTable {
    name: "pidfd_open_flags",
    entries: &[("PIDFD_NONBLOCK", 1 << 0)],
};

/// `newfstatat`: the kernel's own bits.
pub const NEWFSTATAT_FLAGS: FlagTable = FlagTable {
    name: "newfstatat_flags",
    entries: &[
        ("AT_EMPTY_PATH", 0x1000),
        ("AT_NO_AUTOMOUNT", 0x800),
        ("AT_SYMLINK_NOFOLLOW", 0x100),
    ],
};

/// `close_range`: the kernel's own bits.
pub const CLOSE_RANGE_FLAGS: FlagTable = FlagTable {
    name: "close_range_flags",
    entries: &[
        ("CLOSE_RANGE_UNSHARE", 1 << 1),
        ("CLOSE_RANGE_CLOEXEC", 1 << 2),
    ],
};

/// `keyctl`: the kernel's own numbers.
pub const KEYCTL_OPERATIONS: FlagTable = FlagTable {
    name: "keyctl_operations",
    entries: &[
        ("KEYCTL_GET_KEYRING_ID", 0),
        ("KEYCTL_JOIN_SESSION_KEYRING", 1),
        ("KEYCTL_UPDATE", 2),
        ("KEYCTL_REVOKE", 3),
        ("KEYCTL_CHOWN", 4),
        ("KEYCTL_SETPERM", 5),
        ("KEYCTL_DESCRIBE", 6),
        ("KEYCTL_CLEAR", 7),
        ("KEYCTL_LINK", 8),
        ("KEYCTL_UNLINK", 9),
        ("KEYCTL_SEARCH", 10),
        ("KEYCTL_READ", 11),
        ("KEYCTL_INSTANTIATE", 12),
        ("KEYCTL_NEGATE", 13),
        ("KEYCTL_SET_REQKEY_KEYRING", 14),
        ("KEYCTL_SET_TIMEOUT", 15),
        ("KEYCTL_ASSUME_AUTHORITY", 16),
        ("KEYCTL_GET_SECURITY", 17),
        ("KEYCTL_SESSION_TO_PARENT", 18),
        ("KEYCTL_REJECT", 19),
        ("KEYCTL_INSTANTIATE_IOV", 20),
        ("KEYCTL_INVALIDATE", 21),
        ("KEYCTL_GET_PERSISTENT", 22),
        ("KEYCTL_DH_COMPUTE", 23),
        ("KEYCTL_PKEY_QUERY", 24),
        ("KEYCTL_PKEY_ENCRYPT", 25),
        ("KEYCTL_PKEY_DECRYPT", 26),
        ("KEYCTL_PKEY_SIGN", 27),
        ("KEYCTL_PKEY_VERIFY", 28),
        ("KEYCTL_RESTRICT_KEYRING", 29),
        ("KEYCTL_MOVE", 30),
        ("KEYCTL_CAPABILITIES", 31),
        ("KEYCTL_WATCH_KEY", 32),
    ],
};

/// Where `creat` made the file.
pub const CREAT_FLAGS: FlagTable = FlagTable {
    name: "creat_flags",
    entries: &[
        ("FD_UPPER_LAYER_CREAT", 1 << 0),
        ("FD_LOWER_LAYER_CREAT", 1 << 1),
    ],
};

/// `mmap`: the kernel's bits and the portable ones.
pub const MMAP_BITS: &[(u32, u32)] = &[
    (0x1, 1 << 0),
    (0x2, 1 << 1),
    (0x10, 1 << 2),
    (0x20, 1 << 3),
    (0x40, 1 << 4),
    (0x4000, 1 << 6),
    (0x8000, 1 << 7),
    (0x1_0000, 1 << 8),
    (0x100, 1 << 9),
    (0x800, 1 << 10),
    (0x1000, 1 << 11),
    (0x2000, 1 << 14),
];

/// `flock`.
pub const FLOCK_BITS: &[(u32, u32)] = &[(1, 1 << 0), (2, 1 << 1), (4, 1 << 2), (8, 1 << 3)];

/// `semget`.
pub const SEMGET_BITS: &[(u32, u32)] = &[(0o1000, 1 << 13), (0o2000, 1 << 14)];

/// A semaphore's operation.
pub const SEMOP_BITS: &[(u32, u32)] = &[(0o4000, 1 << 0), (0x1000, 1 << 1)];

/// Commands of `semctl`: the kernel's numbers and the portable ones.
pub const SEMCTL_KERNEL: &[(u32, u32)] = &[
    (2, 1 << 0),
    (1, 1 << 1),
    (0, 1 << 2),
    (3, 1 << 3),
    (19, 1 << 4),
    (18, 1 << 5),
    (13, 1 << 6),
    (14, 1 << 7),
    (11, 1 << 8),
    (12, 1 << 9),
    (15, 1 << 10),
    (17, 1 << 11),
    (16, 1 << 12),
];

/// `epoll_create1`.
pub const EPOLL_CREATE1_BITS: &[(u32, u32)] = &[(0o2_000_000, 1 << 0)];

/// `pidfd_open`.
pub const PIDFD_OPEN_BITS: &[(u32, u32)] = &[(0o4000, 1 << 0)];

/// `io_uring_setup`.
pub const IO_URING_SETUP_BITS: &[(u32, u32)] = &[
    (1 << 0, 1 << 0),
    (1 << 1, 1 << 1),
    (1 << 2, 1 << 3),
    (1 << 3, 1 << 4),
    (1 << 4, 1 << 5),
    (1 << 5, 1 << 6),
    (1 << 6, 1 << 7),
];

/// What a descriptor is waited for.
pub const POLL_BITS: &[(u32, u32)] = &[
    (0x1, 1 << 0),
    (0x2, 1 << 1),
    (0x4, 1 << 2),
    (0x2000, 1 << 3),
    (0x8, 1 << 4),
    (0x10, 1 << 5),
    (0x20, 1 << 6),
    (0x40, 1 << 7),
    (0x80, 1 << 8),
    (0x100, 1 << 9),
    (0x200, 1 << 10),
];

/// Limits of a process: those that have names.
pub const RLIMIT_KERNEL: &[(u32, u32)] = &[
    (0, 0),
    (1, 1),
    (2, 2),
    (3, 3),
    (4, 4),
    (5, 5),
    (6, 6),
    (7, 7),
    (8, 8),
    (9, 9),
    (10, 10),
    (11, 11),
    (12, 12),
    (13, 13),
    (14, 14),
    (15, 15),
];

/// Levels of socket options.
pub const SOCKOPT_LEVEL_KERNEL: &[(u32, u32)] = &[(1, 1), (6, 2)];

/// The kernel's `SOL_SOCKET`.
const SOL_SOCKET: u32 = 1;

/// The portable number of a socket option; 0 for one without a name.
pub const fn sockopt_from_kernel(level: u32, option: u32) -> u32 {
    if level != SOL_SOCKET {
        return 0;
    }
    match option {
        1..=53 => option,
        // The same with times of 64 bits.
        63 => 29,
        64 => 35,
        65 => 37,
        66 => 20,
        67 => 21,
        _ => 0,
    }
}

/// Which of [`super::event::SOCKOPT_VALUES`] the value of a portable option is.
pub const fn sockopt_type(option: u32) -> u8 {
    match option {
        // An error, a time limit, a cookie.
        4 => 1,
        20 | 21 => 4,
        53 => 3,
        // Structures and names; all others are numbers.
        0 | 13 | 17 | 22..=28 | 31 | 50..=52 => 0,
        _ => 2,
    }
}

/// Which of [`super::event::KEYCTL_ARGUMENTS`] argument `n` of a `keyctl`
/// operation is.
pub const fn keyctl_type(operation: u32, n: u8) -> u8 {
    match (operation, n) {
        // Names of keyrings, types and descriptions.
        (1, 1) | (10 | 29, 2 | 3) => 1,
        // What a key is to hold.
        (2 | 12, 2) => 2,
        _ => 0,
    }
}

/// The portable number of a `quotactl` command.
pub const fn quotactl_command(command: u32) -> u32 {
    match command >> 8 {
        0x80_0001 => 1 << 7,
        0x80_0002 => 1 << 0,
        0x80_0003 => 1 << 1,
        0x80_0004 => 1 << 2,
        0x80_0005 => 1 << 3,
        0x80_0006 => 1 << 4,
        0x80_0007 => 1 << 5,
        0x80_0008 => 1 << 6,
        0x5801 => 1 << 8,
        0x5802 => 1 << 9,
        0x5803 => 1 << 10,
        0x5804 => 1 << 11,
        0x5805 => 1 << 12,
        0x5806 => 1 << 13,
        0x5807 => 1 << 14,
        _ => 0,
    }
}

/// The portable number of a quota format.
pub const fn quota_format(format: u32) -> u32 {
    match format {
        1 => 1 << 1,
        2 => 1 << 2,
        4 => 1 << 3,
        _ => 1 << 0,
    }
}
