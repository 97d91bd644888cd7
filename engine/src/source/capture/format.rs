//! Facts of the .scap format that reading and writing share: blocks, headers,
//! kinds of descriptors.
//!
//! A capture is a sequence of sections. A section is a sequence of blocks, each
//! `type (4), length (4), body, padding, length (4)`, all little endian: first
//! the section header, then what was known when the capture began (machine,
//! interfaces, users, processes, descriptors), then the events.

/// Block with which a section begins.
pub const SECTION: u32 = 0x0A0D_0D0A;
/// Second word of a section in little endian.
pub const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// The only major version there is.
pub const MAJOR: u16 = 1;
/// Minor version of today's files.
pub const MINOR: u16 = 2;

/// Bytes of a block before its body.
pub const BLOCK_HEADER: usize = 8;
/// Bytes of a block behind its body.
pub const BLOCK_TRAILER: usize = 4;

/// Bytes of a machine's name in its block.
pub const HOSTNAME: usize = 128;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Start of a section.
    Section,
    /// The machine.
    Machine,
    /// Addresses of interfaces.
    Interfaces {
        /// Each entry begins with its length.
        sized: bool,
    },
    /// Users and groups.
    Users {
        /// Each entry begins with its length.
        sized: bool,
    },
    /// Threads, in the version of the list, 1 to 9.
    Processes(u8),
    /// Open descriptors of one thread.
    Descriptors {
        /// Each entry begins with its length.
        sized: bool,
    },
    /// One event.
    Event(EventBlock),
}

/// How the header of an event is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventBlock {
    /// 32 bits of flags come before the event.
    pub flags: bool,
    /// The header tells the number of parameters.
    pub counted: bool,
    /// Lengths of parameters have 32 bits instead of 16.
    pub large: bool,
}

const fn event(flags: bool, counted: bool, large: bool) -> Block {
    Block::Event(EventBlock {
        flags,
        counted,
        large,
    })
}

/// Type of the blocks with today's events, but for those with flags or much data.
pub const EVENT: u32 = 0x216;

/// All types of blocks. The numbers with the high bit are of the time before
/// the format was published.
#[rustfmt::skip]
pub const BLOCKS: &[(u32, Block)] = &[
    (SECTION, Block::Section),
    (0x201, Block::Machine),
    (0x202, Block::Processes(1)),
    (0x203, Block::Descriptors { sized: false }),
    (0x204, event(false, false, false)),
    (0x205, Block::Interfaces { sized: false }),
    (0x206, Block::Users { sized: false }),
    (0x207, Block::Processes(2)),
    (0x208, event(true, false, false)),
    (0x209, Block::Processes(3)),
    (0x210, Block::Processes(4)),
    (0x211, Block::Processes(5)),
    (0x212, Block::Processes(6)),
    (0x213, Block::Processes(7)),
    (0x214, Block::Processes(8)),
    (0x215, Block::Processes(9)),
    (EVENT, Block::Event(EventBlock::USUAL)),
    (0x217, event(true, true, false)),
    (0x218, Block::Descriptors { sized: true }),
    (0x219, Block::Interfaces { sized: true }),
    (0x220, Block::Users { sized: true }),
    (0x221, event(false, true, true)),
    (0x222, event(true, true, true)),
    (0x8000_ABCD, Block::Processes(1)),
    (0x8001_ABCD, Block::Descriptors { sized: false }),
    (0x8002_ABCD, Block::Machine),
    (0x8010_ABCD, event(false, false, false)),
    (0x8011_ABCD, Block::Interfaces { sized: false }),
    (0x8012_ABCD, Block::Users { sized: false }),
    (0x8013_ABCD, Block::Processes(2)),
    (0x8014_ABCD, Block::Processes(3)),
];

/// What a block of this type holds. `None`: a type of a later version, whose
/// length says how to skip it.
pub fn block(ty: u32) -> Option<Block> {
    let found = BLOCKS.iter().find(|(known, _)| *known == ty)?;
    Some(found.1)
}

impl EventBlock {
    /// That of today's events, but for those with flags or much data.
    pub const USUAL: Self = Self {
        flags: false,
        counted: true,
        large: false,
    };

    /// Bytes of the event's own header: time (8), thread (8), length (4), type
    /// (2) and perhaps the number of parameters (4).
    pub const fn header(self) -> usize {
        if self.counted { 26 } else { 22 }
    }

    /// Bytes before the event's header: processor (2) and perhaps flags (4).
    pub const fn prefix(self) -> usize {
        if self.flags { 6 } else { 2 }
    }

    /// Bytes of the length of a parameter.
    pub const fn length(self) -> usize {
        if self.large { 4 } else { 2 }
    }
}

/// Type of the block with such contents, if there is one.
pub fn block_type(of: Block) -> Option<u32> {
    let found = BLOCKS.iter().find(|(_, block)| *block == of)?;
    Some(found.0)
}

/// In the flags before an event: it is for the state alone, nobody sees it.
pub const STATE_ONLY: u32 = 1 << 0;
/// In the flags before an event: lengths of its parameters have 32 bits.
pub const LARGE: u32 = 1 << 2;

/// Kinds of descriptors in a list of them.
pub mod fd {
    /// File, in old lists.
    pub const FILE: u8 = 1;
    /// Directory.
    pub const DIRECTORY: u8 = 2;
    /// Connection over IPv4.
    pub const IPV4: u8 = 3;
    /// Connection over IPv6.
    pub const IPV6: u8 = 4;
    /// Listening socket of IPv4.
    pub const IPV4_SERVER: u8 = 5;
    /// Listening socket of IPv6.
    pub const IPV6_SERVER: u8 = 6;
    /// Pipe.
    pub const FIFO: u8 = 7;
    /// Unix socket.
    pub const UNIX: u8 = 8;
    /// Event counter.
    pub const EVENT: u8 = 9;
    /// Anything without a number of its own.
    pub const UNSUPPORTED: u8 = 10;
    /// Signals.
    pub const SIGNAL: u8 = 11;
    /// Set of descriptors to wait for.
    pub const EPOLL: u8 = 12;
    /// Changes of files.
    pub const INOTIFY: u8 = 13;
    /// Timer.
    pub const TIMER: u8 = 14;
    /// Netlink socket.
    pub const NETLINK: u8 = 15;
    /// File, with the flags that it was opened with.
    pub const FILE_V2: u8 = 16;
    /// Program or map of the kernel's virtual machine.
    pub const BPF: u8 = 17;
    /// Page faults.
    pub const USERFAULT: u8 = 18;
    /// Rings for input and output.
    pub const IO_URING: u8 = 19;
    /// File in memory.
    pub const MEMFD: u8 = 20;
    /// Process.
    pub const PIDFD: u8 = 21;
}

/// Transport protocols in a list of descriptors.
pub mod l4 {
    /// TCP.
    pub const TCP: u8 = 2;
    /// UDP.
    pub const UDP: u8 = 3;
    /// ICMP.
    pub const ICMP: u8 = 4;
    /// Raw.
    pub const RAW: u8 = 5;
}

/// First byte of an entry in a list of users.
pub mod user {
    /// A user.
    pub const USER: u8 = 0;
    /// A group.
    pub const GROUP: u8 = 1;
}

/// First word of an entry in a list of interfaces.
pub mod interface {
    /// Addresses of IPv4.
    pub const IPV4: u16 = 1;
    /// Addresses of IPv6.
    pub const IPV6: u16 = 2;
    /// Addresses of IPv4, in lists that do not tell the speed.
    pub const IPV4_WITHOUT_SPEED: u16 = 3;
    /// Addresses of IPv6, likewise.
    pub const IPV6_WITHOUT_SPEED: u16 = 4;
}
