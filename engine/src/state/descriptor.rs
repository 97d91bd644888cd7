//! One open descriptor: what it refers to.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use triomphe::ThinArc;

use super::address::{Address, End};
use super::grown;

/// Kind of a descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum FdKind {
    #[default]
    Unknown,
    File,
    Directory,
    Ipv4,
    Ipv6,
    Unix,
    Netlink,
    /// A packet socket, or one of a family that has no addresses to show.
    Socket,
    Pipe,
    Event,
    Signal,
    Eventpoll,
    Inotify,
    Timer,
    Bpf,
    Userfault,
    IoUring,
    Memfd,
    Pidfd,
}

impl FdKind {
    /// All kinds, indexed by their numbers.
    pub const ALL: [Self; 19] = [
        Self::Unknown,
        Self::File,
        Self::Directory,
        Self::Ipv4,
        Self::Ipv6,
        Self::Unix,
        Self::Netlink,
        Self::Socket,
        Self::Pipe,
        Self::Event,
        Self::Signal,
        Self::Eventpoll,
        Self::Inotify,
        Self::Timer,
        Self::Bpf,
        Self::Userfault,
        Self::IoUring,
        Self::Memfd,
        Self::Pidfd,
    ];

    /// Name and letter: `fd.type`, `fd.typechar`.
    const fn names(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Unknown | Self::Socket => (None, "o"),
            Self::File => (Some("file"), "f"),
            Self::Directory => (Some("directory"), "d"),
            Self::Ipv4 => (Some("ipv4"), "4"),
            Self::Ipv6 => (Some("ipv6"), "6"),
            Self::Unix => (Some("unix"), "u"),
            Self::Netlink => (Some("netlink"), "n"),
            Self::Pipe => (Some("pipe"), "p"),
            Self::Event => (Some("event"), "e"),
            Self::Signal => (Some("signalfd"), "s"),
            Self::Eventpoll => (Some("eventpoll"), "l"),
            Self::Inotify => (Some("inotify"), "i"),
            Self::Timer => (Some("timerfd"), "t"),
            Self::Bpf => (Some("bpf"), "b"),
            Self::Userfault => (Some("userfaultfd"), "u"),
            Self::IoUring => (Some("io_uring"), "r"),
            Self::Memfd => (Some("memfd"), "m"),
            Self::Pidfd => (Some("pidfd"), "P"),
        }
    }

    /// Its name, if it has one.
    pub const fn name(self) -> Option<&'static str> {
        self.names().0
    }

    /// Its letter.
    pub const fn letter(self) -> &'static str {
        self.names().1
    }

    /// Kind of the sockets of a family (`AF_*`).
    pub const fn of_family(family: u64) -> Self {
        match family {
            1 => Self::Unix,
            2 => Self::Ipv4,
            10 => Self::Ipv6,
            16 => Self::Netlink,
            _ => Self::Socket,
        }
    }

    /// A socket with addresses of the internet.
    pub const fn is_ip(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }

    /// A socket of whichever family.
    pub const fn is_socket(self) -> bool {
        matches!(
            self,
            Self::Ipv4 | Self::Ipv6 | Self::Unix | Self::Netlink | Self::Socket
        )
    }

    /// Something with a path.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Directory)
    }
}

/// Protocol of a socket above IP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Protocol {
    #[default]
    Unknown,
    Tcp,
    Udp,
    Icmp,
    Raw,
}

impl Protocol {
    /// By its number (`IPPROTO_*`).
    pub const fn of_number(number: u64) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 | 58 => Self::Icmp,
            255 => Self::Raw,
            _ => Self::Unknown,
        }
    }

    /// Of a socket that was made with this type (`SOCK_*`, perhaps with flags)
    /// and this protocol.
    pub const fn of_socket(ty: u64, protocol: u64) -> Self {
        match (ty & 0xff, protocol) {
            (1, 0 | 6) => Self::Tcp,
            (2, 0 | 17) => Self::Udp,
            (2, 1 | 58) => Self::Icmp,
            (3, _) => Self::Raw,
            _ => Self::Unknown,
        }
    }

    /// Its name.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Tcp => Some("tcp"),
            Self::Udp => Some("udp"),
            Self::Icmp => Some("icmp"),
            Self::Raw => Some("raw"),
        }
    }

    /// Its letter in arguments: `<4t>`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Tcp => "t",
            Self::Udp => "u",
            Self::Icmp => "i",
            Self::Raw => "r",
        }
    }
}

/// What a descriptor is called by. A copy costs no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label(Kept);

/// What is kept of the file beside its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    /// How much of the text is the path.
    len: u32,
    /// Device; 0 if unknown.
    dev: u32,
}

/// The common ones are there without an allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    None,
    /// A path or another text, and behind it what the program gave if that is
    /// another; and the bits of [`falco_abi::flags::open`] beside it.
    Name(u32, ThinArc<Head, u8>),
    /// The address that a socket is bound to.
    Bound4(Ipv4Addr, u16),
    Bound(Arc<End>),
    /// Both ends of a connection, source first.
    Ends4([Ipv4Addr; 2], [u16; 2]),
    Ends(Arc<(End, End)>),
    /// A unix socket: identities of both ends, and the path.
    Unix(Arc<(u64, u64, Box<[u8]>)>),
}

impl Label {
    /// Nothing.
    pub const NONE: Self = Self(Kept::None);

    fn of(text: &[u8], len: usize, flags: u32, dev: u32) -> Self {
        let len = len as u32;
        grown::add(text.len());
        let text = ThinArc::from_header_and_slice(Head { len, dev }, text);
        Self(Kept::Name(flags, text))
    }

    /// A name.
    pub fn name(name: &[u8]) -> Self {
        Self::file(name, 0, 0)
    }

    /// A path that was opened with these bits of [`falco_abi::flags::open`], of
    /// a file on this device.
    pub fn file(path: &[u8], flags: u32, dev: u32) -> Self {
        Self::of(path, path.len(), flags, dev)
    }

    /// The same, and how the program named it. What is put together for it is
    /// put into the arena.
    pub fn path(path: &[u8], given: &[u8], flags: u32, dev: u32, arena: &Bump) -> Self {
        if path == given {
            return Self::file(path, flags, dev);
        }
        let mut text = BumpVec::with_capacity_in(path.len() + given.len(), arena);
        text.extend_from_slice_copy(path);
        text.extend_from_slice_copy(given);
        Self::of(&text, path.len(), flags, dev)
    }

    fn text(&self) -> Option<(&[u8], &[u8])> {
        match &self.0 {
            Kept::Name(_, text) => text.slice.split_at_checked(text.header.header.len as usize),
            _ => None,
        }
    }

    /// Bits of [`falco_abi::flags::open`], and the device.
    fn opened(&self) -> (u32, u32) {
        match &self.0 {
            Kept::Name(flags, text) => (*flags, text.header.header.dev),
            _ => (0, 0),
        }
    }

    /// The address, if it is one.
    fn address(&self) -> Option<Address<'_>> {
        Some(match &self.0 {
            Kept::None | Kept::Name(..) => return None,
            Kept::Bound4(ip, port) => Address::Ip(((*ip).into(), *port)),
            Kept::Bound(end) => Address::Ip(**end),
            Kept::Ends4([source, destination], [from, to]) => {
                Address::IpPair(((*source).into(), *from), ((*destination).into(), *to))
            }
            Kept::Ends(ends) => Address::IpPair(ends.0, ends.1),
            Kept::Unix(unix) => Address::UnixPair(unix.0, unix.1, &unix.2),
        })
    }
}

impl From<Address<'_>> for Label {
    fn from(address: Address<'_>) -> Self {
        Self(match address {
            Address::Ip((IpAddr::V4(ip), port)) => Kept::Bound4(ip, port),
            Address::Ip(end) => Kept::Bound(end.into()),
            Address::IpPair((IpAddr::V4(source), from), (IpAddr::V4(destination), to)) => {
                Kept::Ends4([source, destination], [from, to])
            }
            Address::IpPair(source, destination) => Kept::Ends((source, destination).into()),
            // One that is bound has a path alone.
            Address::Unix(path) => return Self::name(path),
            Address::UnixPair(source, destination, path) => {
                Kept::Unix((source, destination, path.into()).into())
            }
        })
    }
}

/// The place of a descriptor in its table: its number, and in the highest bit,
/// which no number has, whether it ends with the next program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    const CLOEXEC: u32 = 1 << 31;

    /// `None`: no number is so high.
    pub(super) fn new(num: u32, cloexec: bool) -> Option<Self> {
        (num < Self::CLOEXEC).then(|| Self(num).with_cloexec(cloexec))
    }

    pub(super) fn num(self) -> u32 {
        self.0 & !Self::CLOEXEC
    }

    pub(super) fn cloexec(self) -> bool {
        self.0 & Self::CLOEXEC != 0
    }

    pub(super) fn with_cloexec(self, cloexec: bool) -> Self {
        match cloexec {
            true => Self(self.0 | Self::CLOEXEC),
            false => Self(self.num()),
        }
    }
}

/// What an open descriptor refers to. There may be millions: it is laid out so
/// that nothing is left between its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Its name.
    pub label: Label,
    /// Inode; 0 if unknown.
    pub ino: u64,
    /// Where its table has it.
    pub(super) place: Place,
    /// Kind.
    pub kind: FdKind,
    /// Protocol of a socket.
    pub protocol: Protocol,
    /// This process is the server of the connection.
    pub server: bool,
    /// The socket is connected, or about to be.
    pub connected: bool,
}

impl Descriptor {
    /// One of this kind without a name.
    pub fn new(kind: FdKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// A name that is no address; empty if there is none.
    pub fn name(&self) -> &[u8] {
        self.label.text().map_or(b"", |(name, _)| name)
    }

    /// The path as the program gave it.
    pub fn given(&self) -> &[u8] {
        match self.label.text() {
            Some((name, b"")) if self.kind.is_file() => name,
            Some((_, given)) if self.kind.is_file() => given,
            _ => b"",
        }
    }

    /// Bits of [`falco_abi::flags::open`] of something with a name.
    pub fn flags(&self) -> u32 {
        self.label.opened().0
    }

    /// Device of the file; 0 if unknown.
    pub fn dev(&self) -> u32 {
        self.label.opened().1
    }

    /// The address of a socket that has one.
    pub fn address(&self) -> Option<Address<'_>> {
        self.label.address()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_at_their_numbers() {
        for (number, kind) in FdKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn a_path_keeps_what_was_given() {
        let arena = Bump::new();
        let label = |path: &[u8], given: &[u8]| Descriptor {
            label: Label::path(path, given, 1, 2, &arena),
            ..Descriptor::new(FdKind::File)
        };
        let same = label(b"/etc/a", b"/etc/a");
        assert_eq!(
            (same.name(), same.given()),
            (&b"/etc/a"[..], &b"/etc/a"[..])
        );
        let other = label(b"/etc/a", b"a");
        assert_eq!((other.name(), other.given()), (&b"/etc/a"[..], &b"a"[..]));
        assert_eq!((other.flags(), other.dev()), (1, 2));
    }

    #[test]
    fn a_place_has_both() {
        let place = Place::new(7, true).unwrap();
        assert_eq!((place.num(), place.cloexec()), (7, true));
        assert!(!place.with_cloexec(false).cloexec());
        assert_eq!(Place::new(u32::MAX, false), None);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Descriptor>() <= 32, "{}", size_of::<Descriptor>());
    }
}
