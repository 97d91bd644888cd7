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
    #[cfg(target_arch = "aarch64")]
    const DIRECTORY_KERNEL: u32 = 0o40000;
    #[cfg(target_arch = "aarch64")]
    pub(super) const DIRECT_KERNEL: u32 = 0o200000;
    #[cfg(target_arch = "aarch64")]
    const LARGEFILE_KERNEL: u32 = 0o400000;
    #[cfg(not(target_arch = "aarch64"))]
    const DIRECTORY_KERNEL: u32 = 0o200000;
    #[cfg(not(target_arch = "aarch64"))]
    pub(super) const DIRECT_KERNEL: u32 = 0o40000;
    #[cfg(not(target_arch = "aarch64"))]
    const LARGEFILE_KERNEL: u32 = 0o100000;

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
        (0x1000_0000, 1 << 19),
        (0x0020_0000, 1 << 20),
        (0x0100_0000, 1 << 21),
        (0x0008_0000, 1 << 22),
        (0x0000_4000, 1 << 24),
        (0x0200_0000, 1 << 25),
    ];

    /// A thread of the caller's process.
    pub const THREAD: u32 = 1 << 13;
    /// The caller shares its file descriptors with the child.
    pub const FILES: u32 = 1 << 0;
    /// The child gets the caller's parent.
    pub const PARENT: u32 = 1 << 8;
    /// The caller waits until the child has run another program or ended.
    pub const VFORK: u32 = 1 << 24;
    /// The caller shares its memory with the child.
    pub const VM: u32 = 1 << 15;
    /// The child is the first process of a new pid namespace.
    pub const NEWPID: u32 = 1 << 6;
    /// The caller is in a pid namespace other than the initial one.
    pub const CHILD_IN_PIDNS: u32 = 1 << 26;

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
        ("CLONE_NEWUSER", 1 << 19),
        ("CLONE_CHILD_CLEARTID", 1 << 20),
        ("CLONE_CHILD_SETTID", 1 << 21),
        ("CLONE_SETTLS", 1 << 22),
        ("CLONE_STOPPED", 1 << 23),
        ("CLONE_VFORK", 1 << 24),
        ("CLONE_NEWCGROUP", 1 << 25),
        ("CLONE_CHILD_IN_PIDNS", 1 << 26),
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
    entries: &[("AT_REMOVEDIR", 1 << 0)],
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
pub const LINKAT_BITS: &[(u32, u32)] = &[(0x400, 1 << 0), (0x1000, 1 << 1)];

/// `linkat`.
pub const LINKAT_FLAGS: FlagTable = FlagTable {
    name: "linkat_flags",
    entries: &[("AT_SYMLINK_FOLLOW", 1 << 0), ("AT_EMPTY_PATH", 1 << 1)],
};

/// Bits of `fchownat`, the kernel's and the portable ones.
pub const FCHOWNAT_BITS: &[(u32, u32)] = &[(0x100, 1 << 0), (0x1000, 1 << 1)];

/// `fchownat`.
pub const FCHOWNAT_FLAGS: FlagTable = FlagTable {
    name: "fchownat_flags",
    entries: &[("AT_SYMLINK_NOFOLLOW", 1 << 0), ("AT_EMPTY_PATH", 1 << 1)],
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
pub const DELETE_MODULE_BITS: &[(u32, u32)] = &[(0o4000, 1 << 0), (0o1000, 1 << 1)];

/// `delete_module`.
pub const DELETE_MODULE_FLAGS: FlagTable = FlagTable {
    name: "delete_module_flags",
    entries: &[("O_NONBLOCK", 1 << 0), ("O_TRUNC", 1 << 1)],
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
