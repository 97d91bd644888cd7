// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The one table of events: names, categories, parameters with their types, and
//! where the kernel half takes each from.
//!
//! Parameters come first in the order in which Falco numbers them
//! (`evt.arg[n]`); ours, marked `+`, follow and are not printed by `evt.args`.

use super::flags::{self, FlagTable};
use super::ring;

/// What a slot holds, and how it is printed.
#[derive(Clone, Copy)]
pub enum ParamType {
    /// Result: a negative errno or a number.
    Errno,
    /// File descriptor number, `AT_FDCWD` (-100), or a negative errno.
    Fd,
    /// Process or thread id, or a negative errno.
    Pid,
    /// User id; `u32::MAX` is unset.
    Uid,
    /// Group id; `u32::MAX` is unset.
    Gid,
    /// Signal number.
    Signal,
    /// Signed number of so many bytes.
    Int(u8),
    /// Unsigned number of so many bytes, printed in decimal.
    Uint(u8),
    /// The same, printed in hexadecimal.
    Hex(u8),
    /// The same, printed in octal.
    Octal(u8),
    /// Nanoseconds since the epoch.
    Time,
    /// Nanoseconds.
    RelTime,
    /// A set of signals, as a number of 32 bits.
    SigSet,
    /// Permission bits.
    Mode(&'static FlagTable),
    /// Bits with names, in so many bytes.
    Flags(u8, &'static FlagTable),
    /// A value with a name, in so many bytes.
    Enum(u8, &'static FlagTable),
    /// Number of a system call of the kernel's architecture.
    Syscall,
    /// Span: text without a terminating NUL.
    Text,
    /// Span: path as the program gave it.
    Path,
    /// Span: path relative to the directory of an earlier parameter.
    RelPath,
    /// Span: NUL-separated strings.
    Strings,
    /// Span: bytes.
    Bytes,
    /// Span: address family (1 byte) and address, see [`sockaddr`].
    SockAddr,
    /// Span: address family (1 byte) and both ends, see [`sockaddr`].
    SockTuple,
    /// Span: descriptors that are waited for: for each the number (8 bytes,
    /// signed) and [`flags::POLL_FLAGS`] (2 bytes).
    FdList,
    /// Span: a value whose type its first byte tells, by number in the list.
    Dyn(&'static [ParamType]),
}

/// What the value of a socket option may be.
pub const SOCKOPT_VALUES: [ParamType; 5] = [
    ParamType::Bytes,
    ParamType::Errno,
    ParamType::Uint(4),
    ParamType::Uint(8),
    ParamType::RelTime,
];

/// What an argument of `ptrace` may be.
pub const PTRACE_ARGUMENTS: [ParamType; 2] = [ParamType::Hex(8), ParamType::Signal];

/// What an argument of `keyctl` may be.
pub const KEYCTL_ARGUMENTS: [ParamType; 3] = [ParamType::Int(8), ParamType::Text, ParamType::Bytes];

impl ParamType {
    /// Whether the slot holds a [`super::record::Span`].
    pub const fn is_span(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::Path
                | Self::RelPath
                | Self::Strings
                | Self::Bytes
                | Self::SockAddr
                | Self::SockTuple
                | Self::FdList
                | Self::Dyn(_)
        )
    }

    /// Bytes that the number has in Falco's own format; 0 for spans.
    pub const fn width(self) -> u8 {
        match self {
            Self::Int(n)
            | Self::Uint(n)
            | Self::Hex(n)
            | Self::Octal(n)
            | Self::Flags(n, _)
            | Self::Enum(n, _) => n,
            Self::Errno | Self::Fd | Self::Pid | Self::Time | Self::RelTime => 8,
            Self::Uid | Self::Gid | Self::SigSet | Self::Mode(_) => 4,
            Self::Syscall => 2,
            Self::Signal => 1,
            _ => 0,
        }
    }

    /// A number for the digest of the table; never stored.
    const fn code(self) -> u8 {
        match self {
            Self::Errno => 1,
            Self::Fd => 2,
            Self::Pid => 3,
            Self::Uid => 4,
            Self::Gid => 5,
            Self::Signal => 6,
            Self::Int(_) => 7,
            Self::Uint(_) => 8,
            Self::Hex(_) => 9,
            Self::Octal(_) => 10,
            Self::Time => 11,
            Self::Mode(_) => 12,
            Self::Flags(..) => 13,
            Self::Enum(..) => 14,
            Self::Syscall => 15,
            Self::Text => 16,
            Self::Path => 17,
            Self::RelPath => 18,
            Self::Strings => 19,
            Self::Bytes => 20,
            Self::SockAddr => 21,
            Self::SockTuple => 22,
            Self::RelTime => 23,
            Self::SigSet => 24,
            Self::FdList => 25,
            Self::Dyn(_) => 26,
        }
    }
}

/// Encoding of [`ParamType::SockAddr`] and [`ParamType::SockTuple`].
///
/// | family | address | tuple |
/// | --- | --- | --- |
/// | [`INET`](sockaddr::INET) | ip (4), port (2) | source ip, source port, destination ip, destination port |
/// | [`INET6`](sockaddr::INET6) | ip (16), port (2) | the same with 16-byte addresses |
/// | [`UNIX`](sockaddr::UNIX) | path | two 8-byte identities of the ends (0 where unknown), path |
///
/// Addresses are in network order, ports in the host's. Another family is its
/// byte alone.
pub mod sockaddr {
    /// `AF_UNIX`.
    pub const UNIX: u8 = 1;
    /// `AF_INET`.
    pub const INET: u8 = 2;
    /// `AF_INET6`.
    pub const INET6: u8 = 10;
    /// Longest encoding in bytes: a tuple of unix sockets.
    pub const MAX: usize = 1 + 8 + 8 + 108;
}

/// Where the kernel half takes a parameter of a system call from. Arguments
/// count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The return value.
    Return,
    /// A register, as a signed 32-bit number.
    Signed(u8),
    /// A register, as an unsigned 32-bit number.
    Word(u8),
    /// A register, whole.
    Long(u8),
    /// A NUL-terminated string in user memory.
    Str(u8),
    /// The directory that the relative path in the second argument starts from:
    /// the descriptor in the first, or the working directory ([`CWD`]). No value
    /// when the path is absolute.
    Base(u8, u8),
    /// `open(2)` flags in a register.
    OpenFlags(u8),
    /// Mode of a file to be made; 0 when the flags in the first argument make none.
    OpenMode(u8, u8),
    /// A field of `struct open_how` in user memory: 0 flags, 1 mode, 2 resolve.
    OpenHow(u8, u8),
    /// The layer of an overlay on which the returned descriptor's file is.
    CreatFlags,
    /// Device of the file that the returned descriptor refers to.
    FileDev,
    /// Inode of the file that the returned descriptor refers to.
    FileIno,
    /// Socket address in user memory: pointer and length.
    SockAddr(u8, u8),
    /// Both ends of the socket whose descriptor is in the argument ([`RETURNED`]).
    SockTuple(u8),
    /// Share of the accept queue in use, in percent, of the listening socket.
    QueuePercent(u8),
    /// Length of its accept queue.
    QueueLen(u8),
    /// Limit of its accept queue.
    QueueMax(u8),
    /// `unlinkat` flags.
    UnlinkFlags(u8),
    /// `ptrace` request.
    Ptrace(u8),
    /// `mount` flags, without the historical magic.
    MountFlags(u8),
    /// Permission bits.
    Permissions(u8),
    /// A register's bits: each pair is the kernel's bit and the portable one.
    Bits(u8, &'static [(u32, u32)]),
    /// `open(2)` flags in a register, of a call that makes no file.
    OpenBits(u8),
    /// `clone(2)` flags in a register.
    CloneBits(u8),
    /// `fcntl(2)` command.
    Fcntl(u8),
    /// Path of the file that a descriptor refers to.
    FdPath(u8),
    /// Kind of that file: the four bits of its mode above the permissions, 0
    /// for one in no file system.
    FdKind(u8),
    /// Address that the socket is bound to.
    LocalAddr(u8),
    /// Protocol of the socket, as `IPPROTO_*` has them.
    SocketProto(u8),
    /// 1 when the socket has its other end for good, else 0.
    Connected(u8),
    /// Both ends of a socket that sends: the other is in the call (address,
    /// length), or is what the socket is connected to.
    TupleTo(u8, u8, u8),
    /// Both ends of a socket that received, the other first: it was written for
    /// the caller (address, pointer to the length), or is what the socket is
    /// connected to.
    TupleFrom(u8, u8, u8),
    /// [`Source::TupleTo`], with the address in the `struct msghdr` in the second.
    MessageTupleTo(u8, u8),
    /// [`Source::TupleFrom`], likewise.
    MessageTupleFrom(u8, u8),
    /// First bytes of a buffer that the call read: address and length. What the
    /// call did not take is left out when it tells.
    Sent(u8, u8),
    /// First bytes of a buffer whose length the call returned.
    Received(u8),
    /// [`Source::Sent`], from an array of buffers: address and number.
    SentVector(u8, u8),
    /// [`Source::Received`], likewise.
    ReceivedVector(u8, u8),
    /// Length of all buffers of an array: address and number.
    VectorSize(u8, u8),
    /// [`Source::SentVector`] of a `struct msghdr`.
    SentMessage(u8),
    /// [`Source::ReceivedVector`] of a `struct msghdr`.
    ReceivedMessage(u8),
    /// [`Source::VectorSize`] of a `struct msghdr`.
    MessageSize(u8),
    /// Control data that came with a message.
    MessageControl(u8),
    /// First bytes of a buffer: address and length.
    Buffer(u8, u8),
    /// A descriptor from an array that a call that worked filled: address and index.
    MadeFd(u8, u8),
    /// Inode of the file behind that descriptor.
    MadeIno(u8, u8),
    /// The text in the second argument of `prctl(2)`, where it is one.
    PrctlText(u8, u8),
    /// The number in it, or that it points to.
    PrctlNumber(u8, u8),
    /// 0.
    Zero,
    /// A number in a register by a table of the kernel's and the portable one,
    /// and what stands for all others.
    Code(u8, &'static [(u32, u32)], u32),
    /// A number in the memory that an argument points to, at so many bytes (for
    /// [`Field::Long`]: so many numbers); 0 for a null pointer.
    Field(u8, u8, Field),
    /// The same, written by the call, if it worked.
    Made(u8, u8, Field),
    /// Bits in that memory, as in [`Source::Bits`].
    FieldBits(u8, u8, &'static [(u32, u32)]),
    /// A `struct timespec` there, in nanoseconds.
    Timespec(u8),
    /// A string that the call wrote there, if it worked.
    MadeStr(u8),
    /// The descriptors of an array of `struct pollfd` for which something
    /// happened: address and number.
    PollFds(u8, u8),
    /// A socket option in the second, of the level in the first.
    SockOpt(u8, u8),
    /// The value of the socket option in arguments 1 and 2, with its type: where
    /// the argument points to, as long as the next one says.
    SockOptValue(u8),
    /// The same, written by the call, with a pointer to its length.
    SockOptResult(u8),
    /// A field of an operation on semaphores: which operation, and 0 number,
    /// 1 what is added, 2 flags.
    Sembuf(u8, u8),
    /// The value that `semctl` sets, else 0.
    SemctlValue,
    /// Something of `quotactl`.
    Quota(Quota),
    /// An argument of `keyctl`, whose type the operation decides.
    Keyctl(u8),
    /// The bytes that `fsconfig` is given, where it is bytes.
    FsconfigBytes,
    /// The text, where it is text.
    FsconfigText,
    /// Path of the file that the returned descriptor refers to, as the kernel
    /// has it; no value where it is the path that was given.
    OpenedPath,
    /// The number of the call itself.
    Number,
    /// A fact about the calling task.
    Task(Fact),
    /// Filled by the hook of this event.
    Hook,
    /// The module does not supply it; it is there to keep Falco's numbering.
    None,
}

impl Source {
    /// A register that is taken as it is, in one byte, for speed: which one in the
    /// lower half (0 to 5 an argument, 6 the result, 7 the number of the call), and
    /// in the upper 0 all of it, 1 its 32 bits, 2 those with their sign.
    /// [`NO_REGISTER`] for all others.
    pub const fn register(self) -> u8 {
        match self {
            Self::Long(n) => n,
            Self::Word(n) => 0x10 | n,
            Self::Signed(n) => 0x20 | n,
            Self::Return => 6,
            Self::Number => 0x17,
            _ => NO_REGISTER,
        }
    }

    /// Whether it is in the registers alone, and always has a value.
    pub const fn is_in_registers(self) -> bool {
        matches!(
            self,
            Self::Return
                | Self::Signed(_)
                | Self::Word(_)
                | Self::Long(_)
                | Self::Number
                | Self::Zero
                | Self::Code(..)
                | Self::SockOpt(..)
                | Self::SemctlValue
                | Self::OpenMode(..)
                | Self::UnlinkFlags(_)
                | Self::Ptrace(_)
                | Self::MountFlags(_)
                | Self::Permissions(_)
                | Self::Bits(..)
                | Self::OpenBits(_)
                | Self::CloneBits(_)
                | Self::Fcntl(_)
        )
    }

    /// Up to two arguments in which the call is given a pointer that the
    /// parameter is read through, whatever the call returns.
    pub const fn pointers(self) -> [Option<u8>; 2] {
        match self {
            Self::Str(n)
            | Self::OpenHow(n, _)
            | Self::SockAddr(n, _)
            | Self::Sent(n, _)
            | Self::SentVector(n, _)
            | Self::VectorSize(n, _)
            | Self::SentMessage(n)
            | Self::MessageSize(n)
            | Self::Buffer(n, _)
            | Self::Field(n, ..)
            | Self::FieldBits(n, ..)
            | Self::Timespec(n)
            | Self::PollFds(n, _)
            | Self::SockOptValue(n) => [Some(n), None],
            Self::Sembuf(..) => [Some(1), None],
            Self::TupleTo(_, n, _) | Self::MessageTupleTo(_, n) => [Some(n), None],
            _ => [None, None],
        }
    }
}

/// A number in memory, for [`Source::Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Four bytes.
    U32,
    /// Eight bytes.
    U64,
    /// A signed `long`.
    Long,
}

/// What `quotactl` was asked, and what it told, for [`Source::Quota`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Path of the quota file.
    Path,
    /// Limit of blocks.
    BlockHard,
    /// Limit of blocks that may be exceeded for a while.
    BlockSoft,
    /// Bytes in use.
    Space,
    /// Limit of inodes.
    InodeHard,
    /// Limit of inodes that may be exceeded for a while.
    InodeSoft,
    /// Time left to exceed the limit of blocks.
    BlockTime,
    /// Time left to exceed the limit of inodes.
    InodeTime,
    /// How long blocks may exceed.
    BlockGrace,
    /// How long inodes may exceed.
    InodeGrace,
    /// Properties of the quota file.
    InfoFlags,
    /// Format that was found.
    FormatFound,
    /// What is to be done.
    Command,
    /// Whose quota.
    Type,
    /// User or group.
    Id,
    /// Format of the file that is given.
    FormatGiven,
}

/// A fact about a task, for [`Source::Task`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// First argument of the program.
    Exe,
    /// The other arguments.
    Args,
    /// Thread id.
    Tid,
    /// Process id.
    Pid,
    /// Process id of the parent.
    Ptid,
    /// Working directory.
    Cwd,
    /// Most descriptors that it may open.
    Fdlimit,
    /// Page faults that needed a read.
    PgftMaj,
    /// Page faults that did not.
    PgftMin,
    /// Virtual memory in KiB.
    VmSize,
    /// Resident memory in KiB.
    VmRss,
    /// Swapped memory in KiB.
    VmSwap,
    /// Name that the kernel keeps.
    Comm,
    /// Control groups, `controller=path`.
    Cgroups,
    /// Environment.
    Env,
    /// Device number of the terminal, 0 for none.
    Tty,
    /// Process group in its own pid namespace.
    Vpgid,
    /// Audit login user.
    Loginuid,
    /// Bits of [`super::flags::exec`].
    ExecFlags,
    /// Inheritable capabilities.
    CapInheritable,
    /// Permitted capabilities.
    CapPermitted,
    /// Effective capabilities.
    CapEffective,
    /// Inode of the executable.
    ExeIno,
    /// When that inode was changed.
    ExeInoCtime,
    /// When its content was changed.
    ExeInoMtime,
    /// Effective user.
    Uid,
    /// Path of the executable that the kernel mapped.
    TrustedExepath,
    /// Process group.
    Pgid,
    /// Effective group.
    Gid,
    /// Thread id in its own pid namespace.
    Vtid,
    /// Process id in its own pid namespace.
    Vpid,
    /// Session in its own pid namespace.
    Sid,
    /// Real user.
    Ruid,
    /// Real group.
    Rgid,
    /// Inode of its pid namespace.
    Pidns,
    /// Inode of its user namespace.
    Userns,
    /// Start of the first process of its pid namespace.
    PidnsInitStartTs,
}

/// See [`Source::register`].
pub const NO_REGISTER: u8 = 0xFF;
/// First argument of [`Source::Base`]: the working directory.
pub const CWD: u8 = 0xFF;
/// Argument of [`Source::SockTuple`]: the returned descriptor.
pub const RETURNED: u8 = 0xFF;

/// One parameter of an event.
pub struct Param {
    /// Name, as in `evt.arg.NAME`.
    pub name: &'static str,
    /// Type.
    pub ty: ParamType,
    /// Origin.
    pub source: Source,
    /// [`Source::register`] of the origin.
    pub register: u8,
    /// Ours: not part of Falco's numbering, not printed by `evt.args`.
    pub extra: bool,
}

/// Coarse group of an event, as in `evt.category`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Files.
    File,
    /// Network.
    Net,
    /// Communication between processes.
    Ipc,
    /// Memory.
    Memory,
    /// Processes.
    Process,
    /// Sleeping.
    Sleep,
    /// The system as a whole.
    System,
    /// Signals.
    Signal,
    /// Users.
    User,
    /// Time.
    Time,
    /// Reading; what the descriptor is decides.
    IoRead,
    /// Writing, likewise.
    IoWrite,
    /// Other uses of a descriptor, likewise.
    IoOther,
    /// Waiting.
    Wait,
    /// Scheduling.
    Scheduler,
    /// Of the capture itself.
    Internal,
    /// Everything else.
    Other,
}

impl Category {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Net => "net",
            Self::Ipc => "IPC",
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Sleep => "sleep",
            Self::System => "system",
            Self::Signal => "signal",
            Self::User => "user",
            Self::Time => "time",
            Self::IoRead => "I/O read",
            Self::IoWrite => "I/O write",
            Self::IoOther => "unknown",
            Self::Wait => "wait",
            Self::Scheduler => "scheduler",
            Self::Internal => "internal",
            Self::Other => "other",
        }
    }
}

/// What an event does, as bits of [`EventInfo::traits`].
pub mod traits {
    /// Makes a descriptor.
    pub const CREATES_FD: u16 = 1 << 0;
    /// Closes one.
    pub const DESTROYS_FD: u16 = 1 << 1;
    /// Takes one.
    pub const USES_FD: u16 = 1 << 2;
    /// Reads from it.
    pub const READS_FROM_FD: u16 = 1 << 3;
    /// Writes to it.
    pub const WRITES_TO_FD: u16 = 1 << 4;
    /// Changes what is known of the process.
    pub const MODIFIES_STATE: u16 = 1 << 5;
    /// May wait long.
    pub const WAITS: u16 = 1 << 6;
    /// Leaves what was known of the thread's last event.
    pub const SKIPPARSERESET: u16 = 1 << 7;
    /// May be longer than a record of a call.
    pub const LARGE_PAYLOAD: u16 = 1 << 8;
}

/// What a lost record would have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Class {
    /// A program was started.
    Exec = 0,
    /// A task was made.
    Fork = 1,
    /// A task ended.
    Exit = 2,
    /// A file was opened.
    Open = 3,
    /// A connection was begun.
    Connect = 4,
    /// Other events of sockets.
    Net = 5,
    /// Names, modes and mounts of files.
    File = 6,
    /// Credentials.
    Credentials = 7,
    /// Everything else.
    Other = 8,
}

/// Number of [`Class`]es.
pub const CLASSES: usize = 9;

/// Name of each [`Class`], in order.
pub const CLASS_NAMES: [&str; CLASSES] = [
    "exec",
    "fork",
    "exit",
    "open",
    "connect",
    "net",
    "file",
    "credentials",
    "other",
];

/// One event.
pub struct EventInfo {
    /// Name, as in `evt.type`. Empty: the name is that of the system call.
    pub name: &'static str,
    /// Group.
    pub category: Category,
    /// Kind of loss when it could not be written.
    pub class: Class,
    /// May use the room that is kept for process life cycles.
    pub priority: bool,
    /// For the engine's state only; rules do not see it.
    pub internal: bool,
    /// [`traits`] bits.
    pub traits: u16,
    /// Parameters, one slot each.
    pub params: &'static [Param],
}

/// Parameters that `@fd` stands for, the last ones of their event.
pub const ABOUT_FD: usize = 6;

impl EventInfo {
    /// Whether its last [`ABOUT_FD`] parameters tell what its descriptor is. Records have
    /// slots for them where [`super::control::Interest::descriptors`] asks for them.
    pub const fn tells_of_fd(&self) -> bool {
        let params = self.params;
        params.len() > ABOUT_FD
            && matches!(params[params.len() - ABOUT_FD].source, Source::FdPath(_))
            && matches!(params[params.len() - 1].source, Source::Connected(_))
    }

    /// Slots of a record that leaves them out, or that of an event without them.
    pub const fn bare_slots(&self) -> usize {
        if self.tells_of_fd() {
            self.params.len() - ABOUT_FD
        } else {
            self.params.len()
        }
    }
}

/// The name that an identifier stands for: `r#type` is `type`.
const fn plain(identifier: &'static str) -> &'static str {
    match identifier.as_bytes() {
        [b'r', b'#', name @ ..] => match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => identifier,
        },
        _ => identifier,
    }
}

macro_rules! param {
    ($name:ident $ty:expr, $source:expr) => {
        Param {
            name: plain(stringify!($name)),
            ty: $ty,
            source: $source,
            register: $source.register(),
            extra: false,
        }
    };
    (+ $name:ident $ty:expr, $source:expr) => {
        Param {
            name: plain(stringify!($name)),
            ty: $ty,
            source: $source,
            register: $source.register(),
            extra: true,
        }
    };
}

// `@fd n` at the end of a row stands for what is told of a descriptor, which is
// in argument `n`: six parameters in this order.
macro_rules! events {
    ($(
        $(#[$doc:meta])*
        $event:ident $slots:ident $name:literal $category:ident $class:ident $($mark:ident)* {
            $( $([$plus:tt])? $param:ident: $ty:expr, $source:expr; )*
            $( @fd $about:literal )?
        }
    )*) => {
        /// Identity of an event; the number in [`super::record::RecordHeader::event`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Event { $( $(#[$doc])* $event ),* }

        /// All events, indexed by [`Event`].
        pub const EVENTS: &[EventInfo] = &[$( EventInfo {
            name: $name,
            category: Category::$category,
            class: Class::$class,
            priority: false $(|| mark_priority!($mark))*,
            internal: false $(|| mark_internal!($mark))*,
            traits: 0 $(| mark_trait!($mark))*,
            params: {
                // In scope for the rows above alone.
                #[allow(unused_imports)]
                use {ParamType::*, Source::Base, Source::Hook, Source::Signed, Source::Long,
                     Source::Number, Source::Return, Source::Str, Source::Task, Source::Word};
                &[
                    $( param!($($plus)? $param $ty, $source), )*
                    $(
                        param!(+ path Path, Source::FdPath($about)),
                        param!(+ kind Uint(8), Source::FdKind($about)),
                        param!(+ tuple SockTuple, Source::SockTuple($about)),
                        param!(+ addr SockAddr, Source::LocalAddr($about)),
                        param!(+ proto Uint(8), Source::SocketProto($about)),
                        param!(+ connected Uint(8), Source::Connected($about)),
                    )?
                ]
            },
        } ),*];

        /// All events in order.
        pub const ALL: &[Event] = &[$( Event::$event ),*];

        $(
            /// Slot numbers of the event of the same name.
            #[allow(non_camel_case_types, dead_code, missing_docs)]
            pub mod $slots {
                #[derive(Clone, Copy)]
                #[repr(usize)]
                pub enum Slot {
                    $( $param, )*
                    $( #[doc = stringify!($about)] path, kind, tuple, addr, proto, connected, )?
                    END
                }
            }
        )*
    };
}

macro_rules! mark_priority {
    (priority) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! mark_internal {
    (internal) => {
        true
    };
    ($other:ident) => {
        false
    };
}

macro_rules! mark_trait {
    (priority) => {
        0
    };
    (internal) => {
        0
    };
    (creates_fd) => {
        traits::CREATES_FD
    };
    (destroys_fd) => {
        traits::DESTROYS_FD
    };
    (uses_fd) => {
        traits::USES_FD
    };
    (reads_from_fd) => {
        traits::READS_FROM_FD
    };
    (writes_to_fd) => {
        traits::WRITES_TO_FD
    };
    (modifies_state) => {
        traits::MODIFIES_STATE
    };
    (waits) => {
        traits::WAITS
    };
    (skipparsereset) => {
        traits::SKIPPARSERESET
    };
    (large_payload) => {
        traits::LARGE_PAYLOAD
    };
}

events! {
    /// A system call without parameters of its own.
    Syscall syscall "" Other Other {
        ID: Syscall, Number;
        nativeID: Uint(2), Number;
        [+] res: Errno, Return;
    }
    /// A program was started (by either call), or could not be.
    Execve execve "execve" Process Exec priority modifies_state {
        res: Errno, Return;
        exe: Text, Task(Fact::Exe);
        args: Strings, Task(Fact::Args);
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Task(Fact::Cwd);
        fdlimit: Uint(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Task(Fact::Cgroups);
        env: Strings, Task(Fact::Env);
        tty: Uint(4), Task(Fact::Tty);
        vpgid: Pid, Task(Fact::Vpgid);
        loginuid: Uid, Task(Fact::Loginuid);
        flags: Flags(4, &flags::EXECVE_FLAGS), Task(Fact::ExecFlags);
        cap_inheritable: Hex(8), Task(Fact::CapInheritable);
        cap_permitted: Hex(8), Task(Fact::CapPermitted);
        cap_effective: Hex(8), Task(Fact::CapEffective);
        exe_ino: Uint(8), Task(Fact::ExeIno);
        exe_ino_ctime: Time, Task(Fact::ExeInoCtime);
        exe_ino_mtime: Time, Task(Fact::ExeInoMtime);
        uid: Uid, Task(Fact::Uid);
        trusted_exepath: Path, Task(Fact::TrustedExepath);
        pgid: Pid, Task(Fact::Pgid);
        gid: Gid, Task(Fact::Gid);
        filename: Path, Hook;
        [+] vtid: Pid, Task(Fact::Vtid);
        [+] vpid: Pid, Task(Fact::Vpid);
        [+] sid: Pid, Task(Fact::Sid);
        [+] ruid: Uid, Task(Fact::Ruid);
        [+] rgid: Gid, Task(Fact::Rgid);
        [+] pidns: Uint(8), Task(Fact::Pidns);
        [+] userns: Uint(8), Task(Fact::Userns);
    }
    /// A failed `execveat`.
    Execveat execveat "execveat" Process Exec priority modifies_state {
        res: Errno, Return;
        exe: Text, Task(Fact::Exe);
        args: Strings, Task(Fact::Args);
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Task(Fact::Cwd);
        fdlimit: Uint(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Task(Fact::Cgroups);
        env: Strings, Task(Fact::Env);
        tty: Uint(4), Task(Fact::Tty);
        vpgid: Pid, Task(Fact::Vpgid);
        loginuid: Uid, Task(Fact::Loginuid);
        flags: Flags(4, &flags::EXECVE_FLAGS), Task(Fact::ExecFlags);
        cap_inheritable: Hex(8), Task(Fact::CapInheritable);
        cap_permitted: Hex(8), Task(Fact::CapPermitted);
        cap_effective: Hex(8), Task(Fact::CapEffective);
        exe_ino: Uint(8), Task(Fact::ExeIno);
        exe_ino_ctime: Time, Task(Fact::ExeInoCtime);
        exe_ino_mtime: Time, Task(Fact::ExeInoMtime);
        uid: Uid, Task(Fact::Uid);
        trusted_exepath: Path, Task(Fact::TrustedExepath);
        pgid: Pid, Task(Fact::Pgid);
        gid: Gid, Task(Fact::Gid);
        [+] filename: Path, Hook;
        [+] vtid: Pid, Task(Fact::Vtid);
        [+] vpid: Pid, Task(Fact::Vpid);
        [+] sid: Pid, Task(Fact::Sid);
        [+] ruid: Uid, Task(Fact::Ruid);
        [+] rgid: Gid, Task(Fact::Rgid);
        [+] pidns: Uint(8), Task(Fact::Pidns);
        [+] userns: Uint(8), Task(Fact::Userns);
    }
    /// `clone` returned, in the parent (the child's id) or in the child (0).
    Clone clone "clone" Process Fork priority modifies_state {
        res: Pid, Return;
        exe: Text, Source::None;
        args: Strings, Source::None;
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Source::None;
        fdlimit: Int(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Source::None;
        flags: Flags(4, &flags::CLONE_FLAGS), Hook;
        uid: Uint(4), Task(Fact::Uid);
        gid: Uint(4), Task(Fact::Gid);
        vtid: Pid, Task(Fact::Vtid);
        vpid: Pid, Task(Fact::Vpid);
        pidns_init_start_ts: Uint(8), Task(Fact::PidnsInitStartTs);
    }
    /// `clone3`, likewise.
    Clone3 clone3 "clone3" Process Fork priority modifies_state {
        res: Pid, Return;
        exe: Text, Source::None;
        args: Strings, Source::None;
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Source::None;
        fdlimit: Int(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Source::None;
        flags: Flags(4, &flags::CLONE_FLAGS), Hook;
        uid: Uint(4), Task(Fact::Uid);
        gid: Uint(4), Task(Fact::Gid);
        vtid: Pid, Task(Fact::Vtid);
        vpid: Pid, Task(Fact::Vpid);
        pidns_init_start_ts: Uint(8), Task(Fact::PidnsInitStartTs);
    }
    /// `fork`, likewise.
    Fork fork "fork" Process Fork priority modifies_state {
        res: Pid, Return;
        exe: Text, Source::None;
        args: Strings, Source::None;
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Source::None;
        fdlimit: Int(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Source::None;
        flags: Flags(4, &flags::CLONE_FLAGS), Hook;
        uid: Uint(4), Task(Fact::Uid);
        gid: Uint(4), Task(Fact::Gid);
        vtid: Pid, Task(Fact::Vtid);
        vpid: Pid, Task(Fact::Vpid);
        pidns_init_start_ts: Uint(8), Task(Fact::PidnsInitStartTs);
    }
    /// `vfork`, likewise.
    Vfork vfork "vfork" Process Fork priority modifies_state {
        res: Pid, Return;
        exe: Text, Source::None;
        args: Strings, Source::None;
        tid: Pid, Task(Fact::Tid);
        pid: Pid, Task(Fact::Pid);
        ptid: Pid, Task(Fact::Ptid);
        cwd: Text, Source::None;
        fdlimit: Int(8), Task(Fact::Fdlimit);
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        comm: Text, Task(Fact::Comm);
        cgroups: Strings, Source::None;
        flags: Flags(4, &flags::CLONE_FLAGS), Hook;
        uid: Uint(4), Task(Fact::Uid);
        gid: Uint(4), Task(Fact::Gid);
        vtid: Pid, Task(Fact::Vtid);
        vpid: Pid, Task(Fact::Vpid);
        pidns_init_start_ts: Uint(8), Task(Fact::PidnsInitStartTs);
    }
    /// A task was made: written by its parent before the child runs, so that the
    /// engine knows the child before the child's first event.
    TaskNew task_new "task_new" Process Fork priority internal {
        tid: Pid, Hook;
        pid: Pid, Hook;
        ptid: Pid, Hook;
        vtid: Pid, Hook;
        vpid: Pid, Hook;
        comm: Text, Hook;
        start: Time, Hook;
        pidns: Uint(8), Hook;
    }
    /// A task ended.
    Procexit procexit "procexit" Process Exit priority modifies_state {
        status: Errno, Hook;
        ret: Errno, Hook;
        sig: Signal, Hook;
        core: Uint(1), Hook;
        reaper_tid: Pid, Hook;
    }
    /// The call does not return; written at its entry.
    Exit exit "exit" Process Exit {
        [+] status: Int(8), Signed(0);
    }
    /// The call does not return; written at its entry.
    ExitGroup exit_group "exit_group" Process Exit {
        [+] status: Int(8), Signed(0);
    }
    /// A file was opened.
    Open open "open" File Open creates_fd modifies_state {
        fd: Fd, Return;
        name: Path, Str(0);
        flags: Flags(4, &flags::FILE_FLAGS), Source::OpenFlags(1);
        mode: Octal(4), Source::OpenMode(1, 2);
        dev: Hex(4), Source::FileDev;
        ino: Uint(8), Source::FileIno;
        [+] base: Path, Base(CWD, 0);
        [+] real: Path, Source::OpenedPath;
    }
    /// A file was opened.
    Openat openat "openat" File Open creates_fd modifies_state {
        fd: Fd, Return;
        dirfd: Fd, Signed(0);
        name: RelPath, Str(1);
        flags: Flags(4, &flags::FILE_FLAGS), Source::OpenFlags(2);
        mode: Octal(4), Source::OpenMode(2, 3);
        dev: Hex(4), Source::FileDev;
        ino: Uint(8), Source::FileIno;
        [+] base: Path, Base(0, 1);
        [+] real: Path, Source::OpenedPath;
    }
    /// A file was opened.
    Openat2 openat2 "openat2" File Open creates_fd modifies_state {
        fd: Fd, Return;
        dirfd: Fd, Signed(0);
        name: RelPath, Str(1);
        flags: Flags(4, &flags::FILE_FLAGS), Source::OpenHow(2, 0);
        mode: Octal(4), Source::OpenHow(2, 1);
        resolve: Flags(4, &flags::OPENAT2_FLAGS), Source::OpenHow(2, 2);
        dev: Hex(4), Source::FileDev;
        ino: Uint(8), Source::FileIno;
        [+] base: Path, Base(0, 1);
        [+] real: Path, Source::OpenedPath;
    }
    /// A file was made and opened for writing.
    Creat creat "creat" File Open creates_fd modifies_state {
        fd: Fd, Return;
        name: Path, Str(0);
        mode: Octal(4), Word(1);
        dev: Hex(4), Source::FileDev;
        ino: Uint(8), Source::FileIno;
        creat_flags: Flags(2, &flags::CREAT_FLAGS), Source::CreatFlags;
        [+] base: Path, Base(CWD, 0);
        [+] real: Path, Source::OpenedPath;
    }
    /// A connection was begun.
    Connect connect "connect" Net Connect uses_fd modifies_state {
        res: Errno, Return;
        tuple: SockTuple, Source::SockTuple(0);
        fd: Fd, Signed(0);
        addr: SockAddr, Source::SockAddr(1, 2);
        [+] proto: Uint(8), Source::SocketProto(0);
    }
    /// A connection was taken.
    Accept accept "accept" Net Net creates_fd modifies_state {
        fd: Fd, Return;
        tuple: SockTuple, Source::SockTuple(RETURNED);
        queuepct: Uint(1), Source::QueuePercent(0);
        queuelen: Uint(4), Source::QueueLen(0);
        queuemax: Uint(4), Source::QueueMax(0);
        [+] proto: Uint(8), Source::SocketProto(0);
    }
    /// A connection was taken.
    Accept4 accept4 "accept4" Net Net creates_fd modifies_state {
        fd: Fd, Return;
        tuple: SockTuple, Source::SockTuple(RETURNED);
        queuepct: Uint(1), Source::QueuePercent(0);
        queuelen: Uint(4), Source::QueueLen(0);
        queuemax: Uint(4), Source::QueueMax(0);
        flags: Hex(4), Word(3);
        [+] proto: Uint(8), Source::SocketProto(0);
    }
    /// A socket got its address.
    Bind bind "bind" Net Net uses_fd modifies_state {
        res: Errno, Return;
        addr: SockAddr, Source::SockAddr(1, 2);
        fd: Fd, Signed(0);
        [+] proto: Uint(8), Source::SocketProto(0);
    }
    /// A name was removed.
    Unlink unlink "unlink" File File {
        res: Errno, Return;
        path: Path, Str(0);
        [+] base: Path, Base(CWD, 0);
    }
    /// A name was removed.
    Unlinkat unlinkat "unlinkat" File File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        name: RelPath, Str(1);
        flags: Flags(4, &flags::UNLINKAT_FLAGS), Source::UnlinkFlags(2);
        [+] base: Path, Base(0, 1);
    }
    /// A name was changed.
    Rename rename "rename" File File {
        res: Errno, Return;
        oldpath: Path, Str(0);
        newpath: Path, Str(1);
        [+] oldbase: Path, Base(CWD, 0);
        [+] newbase: Path, Base(CWD, 1);
    }
    /// A name was changed.
    Renameat renameat "renameat" File File {
        res: Errno, Return;
        olddirfd: Fd, Signed(0);
        oldpath: RelPath, Str(1);
        newdirfd: Fd, Signed(2);
        newpath: RelPath, Str(3);
        [+] oldbase: Path, Base(0, 1);
        [+] newbase: Path, Base(2, 3);
    }
    /// A name was changed.
    Renameat2 renameat2 "renameat2" File File {
        res: Errno, Return;
        olddirfd: Fd, Signed(0);
        oldpath: RelPath, Str(1);
        newdirfd: Fd, Signed(2);
        newpath: RelPath, Str(3);
        flags: Flags(4, &flags::RENAMEAT2_FLAGS), Word(4);
        [+] oldbase: Path, Base(0, 1);
        [+] newbase: Path, Base(2, 3);
    }
    /// Permissions were changed.
    Chmod chmod "chmod" File File {
        res: Errno, Return;
        filename: Path, Str(0);
        mode: Mode(&flags::CHMOD_MODE), Source::Permissions(1);
        [+] base: Path, Base(CWD, 0);
    }
    /// Permissions were changed.
    Fchmod fchmod "fchmod" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        mode: Mode(&flags::CHMOD_MODE), Source::Permissions(1);
        [+] path: Path, Source::FdPath(0);
        [+] kind: Uint(8), Source::FdKind(0);
    }
    /// Permissions were changed.
    Fchmodat fchmodat "fchmodat" File File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        filename: RelPath, Str(1);
        mode: Mode(&flags::CHMOD_MODE), Source::Permissions(2);
        [+] base: Path, Base(0, 1);
    }
    /// Permissions were changed. Falco knows this call by name alone.
    Fchmodat2 fchmodat2 "fchmodat2" File File {
        [+] res: Errno, Return;
        [+] dirfd: Fd, Signed(0);
        [+] filename: RelPath, Str(1);
        [+] mode: Mode(&flags::CHMOD_MODE), Source::Permissions(2);
        [+] flags: Hex(8), Word(3);
        [+] base: Path, Base(0, 1);
    }
    /// User ids were changed.
    Setuid setuid "setuid" User Credentials modifies_state {
        res: Errno, Return;
        uid: Uid, Word(0);
    }
    /// Group ids were changed.
    Setgid setgid "setgid" User Credentials modifies_state {
        res: Errno, Return;
        gid: Gid, Word(0);
    }
    /// User ids were changed.
    Setreuid setreuid "setreuid" User Credentials modifies_state {
        res: Errno, Return;
        ruid: Uid, Word(0);
        euid: Uid, Word(1);
    }
    /// Group ids were changed.
    Setregid setregid "setregid" User Credentials modifies_state {
        res: Errno, Return;
        rgid: Uid, Word(0);
        egid: Uid, Word(1);
    }
    /// User ids were changed.
    Setresuid setresuid "setresuid" User Credentials modifies_state {
        res: Errno, Return;
        ruid: Uid, Word(0);
        euid: Uid, Word(1);
        suid: Uid, Word(2);
    }
    /// Group ids were changed.
    Setresgid setresgid "setresgid" User Credentials modifies_state {
        res: Errno, Return;
        rgid: Gid, Word(0);
        egid: Gid, Word(1);
        sgid: Gid, Word(2);
    }
    /// A process was traced.
    Ptrace ptrace "ptrace" Process Other {
        res: Errno, Return;
        addr: Hex(8), Long(2);
        data: Hex(8), Long(3);
        request: Enum(2, &flags::PTRACE_REQUESTS), Source::Ptrace(0);
        pid: Pid, Signed(1);
    }
    /// A file system was mounted.
    Mount mount "mount" File File modifies_state {
        res: Errno, Return;
        dev: Text, Str(0);
        dir: Path, Str(1);
        r#type: Text, Str(2);
        flags: Flags(4, &flags::MOUNT_FLAGS), Source::MountFlags(3);
    }
    /// A signal was sent.
    Kill kill "kill" Signal Other {
        res: Errno, Return;
        pid: Pid, Signed(0);
        sig: Signal, Word(1);
    }
    /// A descriptor was copied.
    Dup dup "dup" IoOther File creates_fd uses_fd modifies_state {
        res: Fd, Return;
        oldfd: Fd, Signed(0);
        @fd 0
    }
    /// A descriptor was copied.
    Dup2 dup2 "dup2" IoOther File creates_fd uses_fd modifies_state {
        res: Fd, Return;
        oldfd: Fd, Signed(0);
        newfd: Fd, Signed(1);
        @fd 0
    }
    /// A descriptor was copied.
    Dup3 dup3 "dup3" IoOther File creates_fd uses_fd modifies_state {
        res: Fd, Return;
        oldfd: Fd, Signed(0);
        newfd: Fd, Signed(1);
        flags: Flags(4, &flags::FILE_FLAGS), Source::Bits(2, flags::FD_BITS);
        @fd 0
    }
    /// A file got another name.
    Link link "link" File File {
        res: Errno, Return;
        oldpath: Path, Str(0);
        newpath: Path, Str(1);
        [+] oldbase: Path, Base(CWD, 0);
        [+] newbase: Path, Base(CWD, 1);
    }
    /// A file got another name.
    Linkat linkat "linkat" File File {
        res: Errno, Return;
        olddir: Fd, Signed(0);
        oldpath: RelPath, Str(1);
        newdir: Fd, Signed(2);
        newpath: RelPath, Str(3);
        flags: Flags(4, &flags::LINKAT_FLAGS), Source::Bits(4, flags::LINKAT_BITS);
        [+] oldbase: Path, Base(0, 1);
        [+] newbase: Path, Base(2, 3);
    }
    /// A symbolic link was made.
    Symlink symlink "symlink" File File {
        res: Errno, Return;
        target: Text, Str(0);
        linkpath: Path, Str(1);
        [+] base: Path, Base(CWD, 1);
    }
    /// A symbolic link was made.
    Symlinkat symlinkat "symlinkat" File File uses_fd {
        res: Errno, Return;
        target: Text, Str(0);
        linkdirfd: Fd, Signed(1);
        linkpath: RelPath, Str(2);
        [+] base: Path, Base(1, 2);
    }
    /// A socket was made.
    Socket socket "socket" Net Net creates_fd modifies_state {
        fd: Fd, Return;
        domain: Enum(4, &flags::SOCKET_FAMILIES), Word(0);
        r#type: Uint(4), Word(1);
        proto: Uint(4), Word(2);
        flags: Flags(4, &flags::FILE_FLAGS), Source::Bits(1, flags::SOCKET_BITS);
    }
    /// A socket waits for connections.
    Listen listen "listen" Net Net uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        backlog: Int(4), Signed(1);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// A directory was made.
    Mkdir mkdir "mkdir" File File {
        res: Errno, Return;
        path: Path, Str(0);
        mode: Hex(4), Word(1);
        [+] base: Path, Base(CWD, 0);
    }
    /// A directory was made.
    Mkdirat mkdirat "mkdirat" File File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        path: RelPath, Str(1);
        mode: Hex(4), Word(2);
        [+] base: Path, Base(0, 1);
    }
    /// A directory was removed.
    Rmdir rmdir "rmdir" File File {
        res: Errno, Return;
        path: Path, Str(0);
        [+] base: Path, Base(CWD, 0);
    }
    /// Bytes were sent.
    Sendto sendto "sendto" IoWrite Net uses_fd writes_to_fd modifies_state {
        res: Errno, Return;
        data: Bytes, Source::Sent(1, 2);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        tuple: SockTuple, Source::TupleTo(0, 4, 5);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// A message was sent.
    Sendmsg sendmsg "sendmsg" IoWrite Net uses_fd writes_to_fd modifies_state {
        res: Errno, Return;
        data: Bytes, Source::SentMessage(1);
        fd: Fd, Signed(0);
        size: Uint(4), Source::MessageSize(1);
        tuple: SockTuple, Source::MessageTupleTo(0, 1);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// Bytes were received.
    Recvfrom recvfrom "recvfrom" IoRead Net uses_fd reads_from_fd modifies_state {
        res: Errno, Return;
        data: Bytes, Source::Received(1);
        tuple: SockTuple, Source::TupleFrom(0, 4, 5);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// A message was received.
    Recvmsg recvmsg "recvmsg" IoRead Net uses_fd reads_from_fd modifies_state {
        res: Errno, Return;
        size: Uint(4), Source::MessageSize(1);
        data: Bytes, Source::ReceivedMessage(1);
        tuple: SockTuple, Source::MessageTupleFrom(0, 1);
        msgcontrol: Bytes, Source::MessageControl(1);
        fd: Fd, Signed(0);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// Code was given to the kernel.
    InitModule init_module "init_module" Other Other {
        res: Errno, Return;
        img: Bytes, Source::Buffer(0, 1);
        length: Uint(8), Long(1);
        uargs: Text, Str(2);
    }
    /// Code was given to the kernel.
    FinitModule finit_module "finit_module" Other Other uses_fd reads_from_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        uargs: Text, Str(1);
        flags: Flags(4, &flags::FINIT_MODULE_FLAGS), Word(2);
        [+] path: Path, Source::FdPath(0);
        [+] kind: Uint(8), Source::FdKind(0);
    }
    /// Code was taken out of the kernel.
    DeleteModule delete_module "delete_module" Other Other {
        res: Errno, Return;
        name: Text, Str(0);
        flags: Flags(4, &flags::DELETE_MODULE_FLAGS), Source::Bits(1, flags::DELETE_MODULE_BITS);
    }
    /// A program of the kernel's virtual machine, or what belongs to one.
    Bpf bpf "bpf" Other Other creates_fd {
        fd: Fd, Return;
        cmd: Enum(4, &flags::BPF_COMMANDS), Word(0);
    }
    /// Another namespace was entered.
    Setns setns "setns" Process Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        nstype: Flags(4, &flags::CLONE_FLAGS), Source::CloneBits(1);
        [+] path: Path, Source::FdPath(0);
        [+] kind: Uint(8), Source::FdKind(0);
    }
    /// What was shared is shared no more.
    Unshare unshare "unshare" Process Other {
        res: Errno, Return;
        flags: Flags(4, &flags::CLONE_FLAGS), Source::CloneBits(0);
    }
    /// Page faults are to be handled by a program.
    Userfaultfd userfaultfd "userfaultfd" File Other creates_fd modifies_state {
        res: Errno, Return;
        flags: Flags(4, &flags::FILE_FLAGS), Source::OpenBits(0);
    }
    /// A file was made in memory alone.
    MemfdCreate memfd_create "memfd_create" Memory Open creates_fd modifies_state {
        fd: Fd, Return;
        name: Text, Str(0);
        flags: Flags(4, &flags::MEMFD_CREATE_FLAGS), Word(1);
    }
    /// The working directory was changed.
    Chdir chdir "chdir" File Other modifies_state {
        res: Errno, Return;
        path: Text, Str(0);
        [+] cwd: Text, Task(Fact::Cwd);
    }
    /// The working directory was changed.
    Fchdir fchdir "fchdir" File Other uses_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
        [+] path: Path, Source::FdPath(0);
        [+] kind: Uint(8), Source::FdKind(0);
        [+] cwd: Text, Task(Fact::Cwd);
    }
    /// The root directory was changed.
    Chroot chroot "chroot" Process Other modifies_state {
        res: Errno, Return;
        path: Path, Str(0);
    }
    /// A session was made.
    Setsid setsid "setsid" Process Other modifies_state {
        res: Pid, Return;
    }
    /// A process was put into a group.
    Setpgid setpgid "setpgid" Process Other {
        res: Errno, Return;
        pid: Pid, Signed(0);
        pgid: Pid, Signed(1);
    }
    /// The calling task was changed in one way or another.
    Prctl prctl "prctl" Process Other modifies_state {
        res: Errno, Return;
        option: Enum(4, &flags::PRCTL_OPTIONS), Word(0);
        arg2_str: Text, Source::PrctlText(0, 1);
        arg2_int: Int(8), Source::PrctlNumber(0, 1);
    }
    /// Capabilities were changed.
    Capset capset "capset" Process Credentials modifies_state {
        res: Errno, Return;
        cap_inheritable: Hex(8), Task(Fact::CapInheritable);
        cap_permitted: Hex(8), Task(Fact::CapPermitted);
        cap_effective: Hex(8), Task(Fact::CapEffective);
    }
    /// The owner was changed.
    Chown chown "chown" File File {
        res: Errno, Return;
        path: Path, Str(0);
        uid: Uint(4), Word(1);
        gid: Uint(4), Word(2);
        [+] base: Path, Base(CWD, 0);
    }
    /// The owner was changed.
    Lchown lchown "lchown" File File {
        res: Errno, Return;
        path: Path, Str(0);
        uid: Uint(4), Word(1);
        gid: Uint(4), Word(2);
        [+] base: Path, Base(CWD, 0);
    }
    /// The owner was changed.
    Fchown fchown "fchown" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        uid: Uint(4), Word(1);
        gid: Uint(4), Word(2);
        [+] path: Path, Source::FdPath(0);
        [+] kind: Uint(8), Source::FdKind(0);
    }
    /// The owner was changed.
    Fchownat fchownat "fchownat" File File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        pathname: RelPath, Str(1);
        uid: Uint(4), Word(2);
        gid: Uint(4), Word(3);
        flags: Flags(4, &flags::FCHOWNAT_FLAGS), Source::Bits(4, flags::FCHOWNAT_BITS);
        [+] base: Path, Base(0, 1);
    }
    /// A file system was taken away.
    Umount2 umount2 "umount2" File File modifies_state {
        res: Errno, Return;
        name: Path, Str(0);
        flags: Flags(4, &flags::UMOUNT_FLAGS), Word(1);
    }
    /// A file was made, perhaps a device.
    Mknod mknod "mknod" Other File {
        res: Errno, Return;
        path: Path, Str(0);
        mode: Mode(&flags::MKNOD_MODE), Word(1);
        dev: Uint(4), Word(2);
        [+] base: Path, Base(CWD, 0);
    }
    /// A file was made, perhaps a device.
    Mknodat mknodat "mknodat" Other File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        path: RelPath, Str(1);
        mode: Mode(&flags::MKNOD_MODE), Word(2);
        dev: Uint(4), Word(3);
        [+] base: Path, Base(0, 1);
    }
    /// A descriptor was closed.
    Close close "close" IoOther Other destroys_fd uses_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
    }
    /// A pipe was made.
    Pipe pipe "pipe" Ipc Other creates_fd modifies_state {
        res: Errno, Return;
        fd1: Fd, Source::MadeFd(0, 0);
        fd2: Fd, Source::MadeFd(0, 1);
        ino: Uint(8), Source::MadeIno(0, 0);
    }
    /// A pipe was made.
    Pipe2 pipe2 "pipe2" Ipc Other creates_fd modifies_state {
        res: Errno, Return;
        fd1: Fd, Source::MadeFd(0, 0);
        fd2: Fd, Source::MadeFd(0, 1);
        ino: Uint(8), Source::MadeIno(0, 0);
        flags: Flags(4, &flags::FILE_FLAGS), Source::Bits(1, flags::FD_BITS);
    }
    /// Two sockets that are connected were made. `source` and `peer` are their
    /// inodes, where Falco has addresses of the kernel.
    Socketpair socketpair "socketpair" Ipc Net creates_fd modifies_state {
        res: Errno, Return;
        fd1: Fd, Source::MadeFd(3, 0);
        fd2: Fd, Source::MadeFd(3, 1);
        source: Hex(8), Source::MadeIno(3, 0);
        peer: Hex(8), Source::MadeIno(3, 1);
        domain: Enum(4, &flags::SOCKET_FAMILIES), Word(0);
        r#type: Uint(4), Word(1);
        proto: Uint(4), Word(2);
    }
    /// A descriptor was looked at or changed.
    Fcntl fcntl "fcntl" IoOther Other uses_fd modifies_state {
        res: Fd, Return;
        fd: Fd, Signed(0);
        cmd: Enum(1, &flags::FCNTL_COMMANDS), Source::Fcntl(1);
        arg: Hex(8), Long(2);
    }
    /// Bytes went through a descriptor.
    Read read "read" IoRead Other uses_fd reads_from_fd {
        res: Errno, Return;
        data: Bytes, Source::Received(1);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        @fd 0
    }
    /// Bytes went through a descriptor.
    Write write "write" IoWrite Other uses_fd writes_to_fd {
        res: Errno, Return;
        data: Bytes, Source::Sent(1, 2);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        @fd 0
    }
    /// Bytes went through a descriptor.
    Readv readv "readv" IoRead Other uses_fd reads_from_fd {
        res: Errno, Return;
        size: Uint(4), Source::VectorSize(1, 2);
        data: Bytes, Source::ReceivedVector(1, 2);
        fd: Fd, Signed(0);
        @fd 0
    }
    /// Bytes went through a descriptor.
    Writev writev "writev" IoWrite Other uses_fd writes_to_fd {
        res: Errno, Return;
        data: Bytes, Source::SentVector(1, 2);
        fd: Fd, Signed(0);
        size: Uint(4), Source::VectorSize(1, 2);
        @fd 0
    }
    /// Memory got another protection.
    Mprotect mprotect "mprotect" Memory Other {
        res: Errno, Return;
        addr: Hex(8), Long(0);
        length: Uint(8), Long(1);
        prot: Flags(4, &flags::PROT_FLAGS), Source::Bits(2, flags::PROT_BITS);
    }
    /// A signal was sent to a thread.
    Tkill tkill "tkill" Signal Other {
        res: Errno, Return;
        tid: Pid, Signed(0);
        sig: Signal, Word(1);
    }
    /// A signal was sent to a thread.
    Tgkill tgkill "tgkill" Signal Other {
        res: Errno, Return;
        pid: Pid, Signed(0);
        tid: Pid, Signed(1);
        sig: Signal, Word(2);
    }
    /// One or both directions of a connection were ended.
    Shutdown shutdown "shutdown" Net Net uses_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
        how: Enum(1, &flags::SHUTDOWN_HOW), Word(1);
        [+] tuple: SockTuple, Source::SockTuple(0);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// Permissions of a file were asked for.
    Access access "access" File File {
        res: Errno, Return;
        name: Path, Str(0);
        mode: Flags(4, &flags::ACCESS_FLAGS), Word(1);
        [+] base: Path, Base(CWD, 0);
    }
    /// A position was changed.
    Lseek lseek "lseek" File Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        offset: Uint(8), Long(1);
        whence: Enum(1, &flags::LSEEK_WHENCE), Word(2);
    }
    /// Calls were restricted.
    Seccomp seccomp "seccomp" Other Other {
        res: Errno, Return;
        op: Uint(8), Long(0);
        flags: Hex(8), Long(1);
    }
    /// Memory was locked.
    Mlock mlock "mlock" Memory Other {
        res: Errno, Return;
        addr: Hex(8), Long(0);
        len: Uint(8), Long(1);
    }
    /// Memory was unlocked.
    Munlock munlock "munlock" Memory Other {
        res: Errno, Return;
        addr: Hex(8), Long(0);
        len: Uint(8), Long(1);
    }
    /// Memory was unlocked.
    Munlockall munlockall "munlockall" Memory Other {
        res: Errno, Return;
    }
    /// A descriptor for counting was made.
    Eventfd2 eventfd2 "eventfd2" Ipc Other creates_fd modifies_state {
        res: Fd, Return;
        flags: Flags(2, &flags::FILE_FLAGS), Source::Bits(1, flags::FD_BITS);
        initval: Uint(8), Word(0);
    }
    /// `send`.
    Send send "send" IoWrite Other uses_fd writes_to_fd {
        res: Errno, Source::None;
        data: Bytes, Source::None;
        fd: Fd, Source::None;
        size: Uint(4), Source::None;
        tuple: SockTuple, Source::None;
    }
    /// `recv`.
    Recv recv "recv" IoRead Other uses_fd reads_from_fd {
        res: Errno, Source::None;
        data: Bytes, Source::None;
        fd: Fd, Source::None;
        size: Uint(4), Source::None;
        tuple: SockTuple, Source::None;
    }
    /// `getsockname`.
    Getsockname getsockname "getsockname" Net Net {
        [+] res: Errno, Return;
    }
    /// `getpeername`.
    Getpeername getpeername "getpeername" Net Net {
        [+] res: Errno, Return;
    }
    /// `setsockopt`.
    Setsockopt setsockopt "setsockopt" Net Net uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        level: Enum(1, &flags::SOCKOPT_LEVELS), Source::Code(1, flags::SOCKOPT_LEVEL_KERNEL, 0);
        optname: Enum(1, &flags::SOCKOPT_OPTIONS), Source::SockOpt(1, 2);
        val: Dyn(&SOCKOPT_VALUES), Source::SockOptValue(3);
        optlen: Uint(4), Word(4);
    }
    /// `getsockopt`.
    Getsockopt getsockopt "getsockopt" Net Net uses_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
        level: Enum(1, &flags::SOCKOPT_LEVELS), Source::Code(1, flags::SOCKOPT_LEVEL_KERNEL, 0);
        optname: Enum(1, &flags::SOCKOPT_OPTIONS), Source::SockOpt(1, 2);
        val: Dyn(&SOCKOPT_VALUES), Source::SockOptResult(3);
        optlen: Uint(4), Source::Field(4, 0, Field::U32);
    }
    /// `sendmmsg`.
    Sendmmsg sendmmsg "sendmmsg" IoWrite Other uses_fd writes_to_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
        size: Uint(4), Source::MessageSize(1);
        data: Bytes, Source::SentMessage(1);
        tuple: SockTuple, Source::MessageTupleTo(0, 1);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// `recvmmsg`.
    Recvmmsg recvmmsg "recvmmsg" IoRead Other uses_fd reads_from_fd modifies_state {
        res: Errno, Return;
        fd: Fd, Signed(0);
        size: Uint(4), Source::MessageSize(1);
        data: Bytes, Source::ReceivedMessage(1);
        tuple: SockTuple, Source::MessageTupleFrom(0, 1);
        msgcontrol: Bytes, Source::MessageControl(1);
        [+] addr: SockAddr, Source::LocalAddr(0);
        [+] proto: Uint(8), Source::SocketProto(0);
        [+] connected: Uint(8), Source::Connected(0);
    }
    /// `eventfd`.
    Eventfd eventfd "eventfd" Ipc Other creates_fd modifies_state {
        res: Fd, Return;
        initval: Uint(8), Word(0);
        flags: Hex(4), Source::Zero;
    }
    /// `futex`.
    Futex futex "futex" Ipc Other {
        res: Errno, Return;
        addr: Hex(8), Long(0);
        op: Flags(2, &flags::FUTEX_OPERATIONS), Word(1);
        val: Uint(8), Word(2);
    }
    /// `stat`.
    Stat stat "stat" File File {
        res: Errno, Return;
        path: Path, Str(0);
        [+] base: Path, Base(CWD, 0);
    }
    /// `lstat`.
    Lstat lstat "lstat" File File {
        res: Errno, Return;
        path: Path, Str(0);
        [+] base: Path, Base(CWD, 0);
    }
    /// `fstat`.
    Fstat fstat "fstat" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        @fd 0
    }
    /// `stat64`.
    Stat64 stat64 "stat64" File File {
        res: Errno, Source::None;
        path: Path, Source::None;
    }
    /// `lstat64`.
    Lstat64 lstat64 "lstat64" File File {
        res: Errno, Source::None;
        path: Path, Source::None;
    }
    /// `fstat64`.
    Fstat64 fstat64 "fstat64" File File {
        res: Errno, Source::None;
    }
    /// `epoll_wait`.
    EpollWait epoll_wait "epoll_wait" Wait Other waits {
        res: Errno, Return;
        maxevents: Errno, Signed(2);
    }
    /// `poll`.
    Poll poll "poll" Wait Other waits {
        res: Errno, Return;
        fds: FdList, Source::PollFds(0, 1);
        timeout: Int(8), Word(2);
    }
    /// `select`.
    Select select "select" Wait Other waits {
        res: Errno, Return;
    }
    /// `llseek`.
    Llseek llseek "llseek" File File uses_fd {
        res: Errno, Source::None;
        fd: Fd, Source::None;
        offset: Uint(8), Source::None;
        whence: Enum(1, &flags::LSEEK_WHENCE), Source::None;
    }
    /// `getcwd`.
    Getcwd getcwd "getcwd" File File {
        res: Errno, Return;
        path: Text, Source::MadeStr(0);
    }
    /// `pread`.
    Pread pread "pread" IoRead Other uses_fd reads_from_fd {
        res: Errno, Return;
        data: Bytes, Source::Received(1);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        pos: Uint(8), Long(3);
        @fd 0
    }
    /// `pwrite`.
    Pwrite pwrite "pwrite" IoWrite Other uses_fd writes_to_fd {
        res: Errno, Return;
        data: Bytes, Source::Sent(1, 2);
        fd: Fd, Signed(0);
        size: Uint(4), Word(2);
        pos: Uint(8), Long(3);
        @fd 0
    }
    /// `preadv`.
    Preadv preadv "preadv" IoRead Other uses_fd reads_from_fd {
        res: Errno, Return;
        size: Uint(4), Source::VectorSize(1, 2);
        data: Bytes, Source::ReceivedVector(1, 2);
        fd: Fd, Signed(0);
        pos: Uint(8), Long(3);
        @fd 0
    }
    /// `pwritev`.
    Pwritev pwritev "pwritev" IoWrite Other uses_fd writes_to_fd {
        res: Errno, Return;
        data: Bytes, Source::SentVector(1, 2);
        fd: Fd, Signed(0);
        size: Uint(4), Source::VectorSize(1, 2);
        pos: Uint(8), Long(3);
        @fd 0
    }
    /// `signalfd`.
    Signalfd signalfd "signalfd" Signal Other creates_fd modifies_state {
        res: Fd, Return;
        fd: Fd, Signed(0);
        mask: Hex(4), Source::Field(1, 0, Field::U32);
        flags: Hex(1), Source::Zero;
    }
    /// `nanosleep`.
    Nanosleep nanosleep "nanosleep" Sleep Other waits {
        res: Errno, Return;
        interval: RelTime, Source::Timespec(0);
    }
    /// `timerfd_create`.
    TimerfdCreate timerfd_create "timerfd_create" Time Other creates_fd modifies_state {
        res: Fd, Return;
        clockid: Uint(1), Word(0);
        flags: Hex(1), Word(1);
    }
    /// `inotify_init`.
    InotifyInit inotify_init "inotify_init" Ipc Other creates_fd modifies_state {
        res: Fd, Return;
        flags: Hex(1), Source::Zero;
    }
    /// `getrlimit`.
    Getrlimit getrlimit "getrlimit" Process Other {
        res: Errno, Return;
        cur: Int(8), Source::Made(1, 0, Field::Long);
        max: Int(8), Source::Made(1, 1, Field::Long);
        resource: Enum(1, &flags::RLIMIT_RESOURCES), Source::Code(0, flags::RLIMIT_KERNEL, 255);
    }
    /// `setrlimit`.
    Setrlimit setrlimit "setrlimit" Process Other {
        res: Errno, Return;
        cur: Int(8), Source::Field(1, 0, Field::Long);
        max: Int(8), Source::Field(1, 1, Field::Long);
        resource: Enum(1, &flags::RLIMIT_RESOURCES), Source::Code(0, flags::RLIMIT_KERNEL, 255);
    }
    /// `prlimit`.
    Prlimit prlimit "prlimit" Process Other {
        res: Errno, Return;
        newcur: Int(8), Source::Field(2, 0, Field::U64);
        newmax: Int(8), Source::Field(2, 8, Field::U64);
        oldcur: Int(8), Source::Made(3, 0, Field::U64);
        oldmax: Int(8), Source::Made(3, 8, Field::U64);
        pid: Int(8), Signed(0);
        resource: Enum(1, &flags::RLIMIT_RESOURCES), Source::Code(1, flags::RLIMIT_KERNEL, 255);
    }
    /// Records were lost.
    Drop drop "drop" Internal Other skipparsereset {
        ratio: Uint(4), Source::None;
    }
    /// Another task was put on a CPU.
    Switch switch "switch" Scheduler Other {
        next: Pid, Hook;
        pgft_maj: Uint(8), Task(Fact::PgftMaj);
        pgft_min: Uint(8), Task(Fact::PgftMin);
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
    }
    /// `brk`.
    Brk brk "brk" Memory Other {
        res: Hex(8), Return;
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        addr: Hex(8), Long(0);
    }
    /// `mmap`.
    Mmap mmap "mmap" Memory Other uses_fd {
        res: Errno, Return;
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        addr: Hex(8), Long(0);
        length: Uint(8), Long(1);
        prot: Flags(4, &flags::PROT_FLAGS), Source::Bits(2, flags::PROT_BITS);
        flags: Flags(4, &flags::MMAP_FLAGS), Source::Bits(3, flags::MMAP_BITS);
        fd: Fd, Signed(4);
        offset: Uint(8), Long(5);
    }
    /// `mmap2`.
    Mmap2 mmap2 "mmap2" Memory Other uses_fd {
        res: Errno, Source::None;
        vm_size: Uint(4), Source::None;
        vm_rss: Uint(4), Source::None;
        vm_swap: Uint(4), Source::None;
        addr: Hex(8), Source::None;
        length: Uint(8), Source::None;
        prot: Flags(4, &flags::PROT_FLAGS), Source::None;
        flags: Flags(4, &flags::MMAP_FLAGS), Source::None;
        fd: Fd, Source::None;
        pgoffset: Uint(8), Source::None;
    }
    /// `munmap`.
    Munmap munmap "munmap" Memory Other {
        res: Errno, Return;
        vm_size: Uint(4), Task(Fact::VmSize);
        vm_rss: Uint(4), Task(Fact::VmRss);
        vm_swap: Uint(4), Task(Fact::VmSwap);
        addr: Hex(8), Long(0);
        length: Uint(8), Long(1);
    }
    /// `splice`.
    Splice splice "splice" IoOther Other uses_fd {
        res: Errno, Return;
        fd_in: Fd, Signed(0);
        fd_out: Fd, Signed(2);
        size: Uint(8), Long(4);
        flags: Flags(4, &flags::SPLICE_FLAGS), Word(5);
    }
    /// `ioctl`.
    Ioctl ioctl "ioctl" IoOther Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        request: Hex(8), Word(1);
        argument: Hex(8), Long(2);
        @fd 0
    }
    /// `sendfile`.
    Sendfile sendfile "sendfile" IoWrite Other uses_fd {
        res: Errno, Return;
        offset: Uint(8), Source::Field(2, 0, Field::Long);
        out_fd: Fd, Signed(0);
        in_fd: Fd, Signed(1);
        size: Uint(8), Long(3);
    }
    /// `quotactl`.
    Quotactl quotactl "quotactl" User Other {
        res: Errno, Return;
        special: Text, Str(1);
        quotafilepath: Text, Source::Quota(Quota::Path);
        dqb_bhardlimit: Uint(8), Source::Quota(Quota::BlockHard);
        dqb_bsoftlimit: Uint(8), Source::Quota(Quota::BlockSoft);
        dqb_curspace: Uint(8), Source::Quota(Quota::Space);
        dqb_ihardlimit: Uint(8), Source::Quota(Quota::InodeHard);
        dqb_isoftlimit: Uint(8), Source::Quota(Quota::InodeSoft);
        dqb_btime: RelTime, Source::Quota(Quota::BlockTime);
        dqb_itime: RelTime, Source::Quota(Quota::InodeTime);
        dqi_bgrace: RelTime, Source::Quota(Quota::BlockGrace);
        dqi_igrace: RelTime, Source::Quota(Quota::InodeGrace);
        dqi_flags: Flags(1, &flags::QUOTACTL_DQI_FLAGS), Source::Quota(Quota::InfoFlags);
        quota_fmt_out: Flags(1, &flags::QUOTACTL_QUOTA_FMTS), Source::Quota(Quota::FormatFound);
        cmd: Flags(2, &flags::QUOTACTL_CMDS), Source::Quota(Quota::Command);
        r#type: Flags(1, &flags::QUOTACTL_TYPES), Source::Quota(Quota::Type);
        id: Uint(4), Source::Quota(Quota::Id);
        quota_fmt: Flags(1, &flags::QUOTACTL_QUOTA_FMTS), Source::Quota(Quota::FormatGiven);
    }
    /// Written by a tool that makes captures.
    Scapevent scapevent "scapevent" Internal Other skipparsereset {
        event_type: Uint(4), Source::None;
        event_data: Uint(8), Source::None;
    }
    /// `close_range`.
    CloseRange close_range "close_range" IoOther Other modifies_state {
        res: Errno, Return;
        first: Uint(4), Word(0);
        last: Uint(4), Word(1);
        flags: Flags(4, &flags::CLOSE_RANGE_FLAGS), Word(2);
    }
    /// `getuid`.
    Getuid getuid "getuid" User Other {
        uid: Uid, Return;
    }
    /// `geteuid`.
    Geteuid geteuid "geteuid" User Other {
        euid: Uid, Return;
    }
    /// `getgid`.
    Getgid getgid "getgid" User Other {
        gid: Gid, Return;
    }
    /// `getegid`.
    Getegid getegid "getegid" User Other {
        egid: Gid, Return;
    }
    /// `getresuid`.
    Getresuid getresuid "getresuid" User Other {
        res: Errno, Return;
        ruid: Uid, Source::Made(0, 0, Field::U32);
        euid: Uid, Source::Made(1, 0, Field::U32);
        suid: Uid, Source::Made(2, 0, Field::U32);
    }
    /// `getresgid`.
    Getresgid getresgid "getresgid" User Other {
        res: Errno, Return;
        rgid: Gid, Source::Made(0, 0, Field::U32);
        egid: Gid, Source::Made(1, 0, Field::U32);
        sgid: Gid, Source::Made(2, 0, Field::U32);
    }
    /// A signal was delivered.
    Signaldeliver signaldeliver "signaldeliver" Signal Other {
        spid: Pid, Hook;
        dpid: Pid, Hook;
        sig: Signal, Hook;
    }
    /// Time that a process has used.
    Procinfo procinfo "procinfo" Internal Other skipparsereset {
        cpu_usr: Uint(8), Source::None;
        cpu_sys: Uint(8), Source::None;
    }
    /// `getdents`.
    Getdents getdents "getdents" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        @fd 0
    }
    /// `getdents64`.
    Getdents64 getdents64 "getdents64" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        @fd 0
    }
    /// `flock`.
    Flock flock "flock" File File uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        operation: Flags(4, &flags::FLOCK_FLAGS), Source::Bits(1, flags::FLOCK_BITS);
        @fd 0
    }
    /// A CPU came or went.
    CpuHotplug cpu_hotplug "cpu_hotplug" System Other skipparsereset modifies_state {
        cpu: Uint(4), Source::None;
        action: Uint(4), Source::None;
    }
    /// `semop`.
    Semop semop "semop" Process Other {
        res: Errno, Return;
        nsops: Uint(4), Word(2);
        sem_num_0: Uint(2), Source::Sembuf(0, 0);
        sem_op_0: Int(2), Source::Sembuf(0, 1);
        sem_flg_0: Flags(2, &flags::SEMOP_FLAGS), Source::Sembuf(0, 2);
        sem_num_1: Uint(2), Source::Sembuf(1, 0);
        sem_op_1: Int(2), Source::Sembuf(1, 1);
        sem_flg_1: Flags(2, &flags::SEMOP_FLAGS), Source::Sembuf(1, 2);
        semid: Int(4), Signed(0);
    }
    /// `semctl`.
    Semctl semctl "semctl" Process Other {
        res: Errno, Return;
        semid: Int(4), Signed(0);
        semnum: Int(4), Signed(1);
        cmd: Flags(2, &flags::SEMCTL_COMMANDS), Source::Code(2, flags::SEMCTL_KERNEL, 0);
        val: Int(4), Source::SemctlValue;
    }
    /// `ppoll`.
    Ppoll ppoll "ppoll" Wait Other waits {
        res: Errno, Return;
        fds: FdList, Source::PollFds(0, 1);
        timeout: RelTime, Source::Timespec(2);
        sigmask: SigSet, Source::Field(3, 0, Field::U32);
    }
    /// `semget`.
    Semget semget "semget" Process Other {
        res: Errno, Return;
        key: Hex(4), Word(0);
        nsems: Int(4), Signed(1);
        semflg: Flags(4, &flags::SEMGET_FLAGS), Source::Bits(2, flags::SEMGET_BITS);
    }
    /// A message to people.
    Notification notification "notification" Other Other skipparsereset {
        id: Text, Source::None;
        desc: Text, Source::None;
    }
    /// Something outside of the machine happened.
    Infra infra "infra" Internal Other skipparsereset {
        source: Text, Source::None;
        name: Text, Source::None;
        description: Text, Source::None;
        scope: Text, Source::None;
    }
    /// A page was not there.
    PageFault page_fault "page_fault" Other Other skipparsereset {
        addr: Hex(8), Hook;
        ip: Hex(8), Hook;
        error: Flags(4, &flags::PF_FLAGS), Hook;
    }
    /// An event of a plugin.
    Pluginevent pluginevent "pluginevent" Other Other large_payload {
        plugin_id: Uint(4), Source::None;
        event_data: Bytes, Source::None;
    }
    /// A container was found; its description as JSON.
    Container container "container" Process Other modifies_state large_payload {
        json: Text, Source::None;
    }
    /// `copy_file_range`.
    CopyFileRange copy_file_range "copy_file_range" File File uses_fd reads_from_fd writes_to_fd {
        res: Errno, Return;
        fdout: Fd, Signed(2);
        offout: Uint(8), Source::Field(3, 0, Field::U64);
        fdin: Fd, Signed(0);
        offin: Uint(8), Source::Field(1, 0, Field::U64);
        len: Uint(8), Long(4);
    }
    /// `open_by_handle_at`.
    OpenByHandleAt open_by_handle_at "open_by_handle_at" File File creates_fd modifies_state {
        fd: Fd, Return;
        mountfd: Fd, Signed(0);
        flags: Flags(4, &flags::FILE_FLAGS), Source::OpenFlags(2);
        path: Path, Source::OpenedPath;
        dev: Hex(4), Source::FileDev;
        ino: Uint(8), Source::FileIno;
    }
    /// `io_uring_setup`.
    IoUringSetup io_uring_setup "io_uring_setup" IoOther Other creates_fd modifies_state {
        res: Errno, Return;
        entries: Uint(4), Word(0);
        sq_entries: Uint(4), Source::Field(1, 0, Field::U32);
        cq_entries: Uint(4), Source::Field(1, 4, Field::U32);
        flags: Flags(4, &flags::IO_URING_SETUP_FLAGS), Source::FieldBits(1, 8, flags::IO_URING_SETUP_BITS);
        sq_thread_cpu: Uint(4), Source::Field(1, 12, Field::U32);
        sq_thread_idle: Uint(4), Source::Field(1, 16, Field::U32);
        features: Flags(4, &flags::IO_URING_SETUP_FEATS), Source::Field(1, 20, Field::U32);
    }
    /// `io_uring_enter`.
    IoUringEnter io_uring_enter "io_uring_enter" IoOther Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        to_submit: Uint(4), Word(1);
        min_complete: Uint(4), Word(2);
        flags: Flags(4, &flags::IO_URING_ENTER_FLAGS), Word(3);
        sig: SigSet, Source::Field(4, 0, Field::U32);
    }
    /// `io_uring_register`.
    IoUringRegister io_uring_register "io_uring_register" IoOther Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        opcode: Enum(2, &flags::IO_URING_REGISTER_OPCODES), Word(1);
        arg: Hex(8), Long(2);
        nr_args: Uint(4), Word(3);
    }
    /// `mlockall`.
    Mlockall mlockall "mlockall" Memory Other {
        res: Errno, Return;
        flags: Flags(4, &flags::MLOCKALL_FLAGS), Word(0);
    }
    /// A user was made.
    Useradded useradded "useradded" Process Other modifies_state {
        uid: Uint(4), Source::None;
        gid: Uint(4), Source::None;
        name: Text, Source::None;
        home: Text, Source::None;
        shell: Text, Source::None;
        container_id: Text, Source::None;
    }
    /// A user was removed.
    Userdeleted userdeleted "userdeleted" Process Other modifies_state {
        uid: Uint(4), Source::None;
        gid: Uint(4), Source::None;
        name: Text, Source::None;
        home: Text, Source::None;
        shell: Text, Source::None;
        container_id: Text, Source::None;
    }
    /// A group was made.
    Groupadded groupadded "groupadded" Process Other modifies_state {
        gid: Uint(4), Source::None;
        name: Text, Source::None;
        container_id: Text, Source::None;
    }
    /// A group was removed.
    Groupdeleted groupdeleted "groupdeleted" Process Other modifies_state {
        gid: Uint(4), Source::None;
        name: Text, Source::None;
        container_id: Text, Source::None;
    }
    /// `mlock2`.
    Mlock2 mlock2 "mlock2" Memory Other {
        res: Errno, Return;
        addr: Hex(8), Long(0);
        len: Uint(8), Long(1);
        flags: Flags(4, &flags::MLOCK2_FLAGS), Word(2);
    }
    /// `fsconfig`.
    Fsconfig fsconfig "fsconfig" System Other uses_fd {
        res: Errno, Return;
        fd: Fd, Signed(0);
        cmd: Enum(4, &flags::FSCONFIG_CMDS), Word(1);
        key: Text, Str(2);
        value_bytebuf: Bytes, Source::FsconfigBytes;
        value_charbuf: Text, Source::FsconfigText;
        aux: Int(4), Signed(4);
    }
    /// `epoll_create`.
    EpollCreate epoll_create "epoll_create" Wait Other creates_fd modifies_state {
        res: Errno, Return;
        size: Int(4), Signed(0);
    }
    /// `epoll_create1`.
    EpollCreate1 epoll_create1 "epoll_create1" Wait Other creates_fd modifies_state {
        res: Errno, Return;
        flags: Flags(4, &flags::EPOLL_CREATE1_FLAGS), Source::Bits(0, flags::EPOLL_CREATE1_BITS);
    }
    /// `umount`.
    Umount umount "umount" File File modifies_state {
        res: Errno, Source::None;
        name: Path, Source::None;
    }
    /// `inotify_init1`.
    InotifyInit1 inotify_init1 "inotify_init1" Ipc Other creates_fd modifies_state {
        res: Fd, Return;
        flags: Flags(2, &flags::FILE_FLAGS), Source::Bits(0, flags::FD_BITS);
    }
    /// `signalfd4`.
    Signalfd4 signalfd4 "signalfd4" Signal Other creates_fd modifies_state {
        res: Fd, Return;
        flags: Flags(2, &flags::FILE_FLAGS), Source::Bits(3, flags::FD_BITS);
        fd: Fd, Signed(0);
        mask: Hex(4), Source::Field(1, 0, Field::U32);
    }
    /// An event that no call made, by name.
    Asyncevent asyncevent "asyncevent" Other Other large_payload {
        plugin_id: Uint(4), Source::None;
        name: Text, Source::None;
        data: Bytes, Source::None;
    }
    /// `pidfd_getfd`.
    PidfdGetfd pidfd_getfd "pidfd_getfd" Process Other creates_fd modifies_state {
        fd: Fd, Return;
        pid_fd: Fd, Signed(0);
        target_fd: Fd, Signed(1);
        flags: Hex(4), Word(2);
    }
    /// `pidfd_open`.
    PidfdOpen pidfd_open "pidfd_open" Process Other creates_fd modifies_state {
        fd: Fd, Return;
        pid: Pid, Signed(0);
        flags: Flags(4, &flags::PIDFD_OPEN_FLAGS), Source::Bits(1, flags::PIDFD_OPEN_BITS);
    }
    /// `newfstatat`.
    Newfstatat newfstatat "newfstatat" File File uses_fd {
        res: Errno, Return;
        dirfd: Fd, Signed(0);
        path: RelPath, Str(1);
        flags: Flags(4, &flags::NEWFSTATAT_FLAGS), Word(3);
        [+] base: Path, Base(0, 1);
    }
    /// `process_vm_readv`.
    ProcessVmReadv process_vm_readv "process_vm_readv" Ipc Other {
        res: Int(8), Return;
        pid: Pid, Signed(0);
        data: Bytes, Source::ReceivedVector(1, 2);
    }
    /// `process_vm_writev`.
    ProcessVmWritev process_vm_writev "process_vm_writev" Ipc Other {
        res: Int(8), Return;
        pid: Pid, Signed(0);
        data: Bytes, Source::SentVector(1, 2);
    }
    /// `keyctl`.
    Keyctl keyctl "keyctl" Other Other {
        res: Errno, Return;
        operation: Enum(4, &flags::KEYCTL_OPERATIONS), Word(0);
        arg2: Dyn(&KEYCTL_ARGUMENTS), Source::Keyctl(1);
        arg3: Dyn(&KEYCTL_ARGUMENTS), Source::Keyctl(2);
        arg4: Dyn(&KEYCTL_ARGUMENTS), Source::Keyctl(3);
        arg5: Dyn(&KEYCTL_ARGUMENTS), Source::Keyctl(4);
    }
    /// Records were lost since the last of these on the same ring: how many of
    /// each class, but for those that are left out on purpose. The first record after
    /// a loss.
    Lost lost "lost" Internal Other priority internal {
        exec: Uint(8), Hook;
        fork: Uint(8), Hook;
        exit: Uint(8), Hook;
        open: Uint(8), Hook;
        connect: Uint(8), Hook;
        net: Uint(8), Hook;
        file: Uint(8), Hook;
        credentials: Uint(8), Hook;
        other: Uint(8), Hook;
    }
    /// A process, or all processes of its control group together, make more records
    /// than they may; those that follow within the same second are left out and counted.
    Throttled throttled "throttled" Internal Other internal {
        pid: Pid, Hook;
        limit: Uint(4), Hook;
        group: Uint(8), Hook;
    }
    /// A container is gone; its description as JSON.
    ContainerRemoved container_removed "container_removed" Process Other large_payload {
        json: Text, Source::None;
    }
}

impl Event {
    /// The event with this number.
    #[inline]
    pub fn from_number(number: u16) -> Option<Self> {
        ALL.get(number as usize).copied()
    }

    /// Its row of the table.
    #[inline]
    pub const fn info(self) -> &'static EventInfo {
        &EVENTS[self as usize]
    }
}

const fn mix(hash: u64, bytes: &[u8]) -> u64 {
    let mut hash = hash;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01B3);
        i += 1;
    }
    // A separator, so that ("ab", "c") differs from ("a", "bc").
    (hash ^ 0xFF).wrapping_mul(0x0000_0100_0000_01B3)
}

/// Fingerprint (FNV-1a) of the whole table: names, order, parameters, types.
pub const DIGEST: u64 = {
    let mut hash = 0xCBF2_9CE4_8422_2325;
    let mut e = 0;
    while e < EVENTS.len() {
        let event = &EVENTS[e];
        hash = mix(hash, event.name.as_bytes());
        let mut p = 0;
        while p < event.params.len() {
            let param = &event.params[p];
            hash = mix(hash, param.name.as_bytes());
            hash = mix(hash, &[param.ty.code(), param.extra as u8]);
            p += 1;
        }
        hash = mix(hash, &[event.class as u8]);
        e += 1;
    }
    hash = mix(hash, &[ring::LOSSES as u8, CLASSES as u8]);
    hash
};

const _: () = {
    let mut e = 0;
    while e < EVENTS.len() {
        let slots = EVENTS[e].params.len();
        assert!(slots >= 1 && slots <= super::record::MAX_SLOTS);
        e += 1;
    }
};
