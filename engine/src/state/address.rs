//! Addresses of sockets: as records have them, and as the state keeps them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use falco_abi::event::sockaddr;

use super::descriptor::FdKind;

/// Address and port.
pub type End = (IpAddr, u16);

/// Both ends of a socket, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// What it is bound to, or what was to be reached.
    Ip(End),
    /// Source and destination.
    IpPair(End, End),
    /// Path of a unix socket.
    Unix(&'a [u8]),
    /// Identities of both ends of a unix socket, and its path.
    UnixPair(u64, u64, &'a [u8]),
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    Some(match bytes.len() {
        4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        // An IPv4 address in the coat of the other family is the same address.
        16 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
        _ => return None,
    })
}

/// Takes an address and a port off the front.
fn end(bytes: &[u8], size: usize) -> Option<(End, &[u8])> {
    let address = ip(bytes.get(..size)?)?;
    let port = bytes.get(size..size + 2)?;
    let port = u16::from_ne_bytes(port.try_into().ok()?);
    Some(((address, port), &bytes[size + 2..]))
}

fn word(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u64::from_ne_bytes(*word), rest))
}

/// The path of a unix socket: up to its NUL, or behind it for an abstract one.
fn unix_path(path: &[u8]) -> &[u8] {
    let path = path.strip_prefix(b"\0").unwrap_or(path);
    let end = path.iter().position(|&b| b == 0).unwrap_or(path.len());
    &path[..end]
}

impl<'a> Address<'a> {
    /// Reads a [`sockaddr`].
    pub fn of_addr(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        match family {
            sockaddr::INET => Some(Self::Ip(end(rest, 4)?.0)),
            sockaddr::INET6 => Some(Self::Ip(end(rest, 16)?.0)),
            sockaddr::UNIX => Some(Self::Unix(unix_path(rest))),
            _ => None,
        }
    }

    /// Reads a tuple.
    pub fn of_tuple(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        let size = match family {
            sockaddr::INET => 4,
            sockaddr::INET6 => 16,
            sockaddr::UNIX => {
                let (source, rest) = word(rest)?;
                let (destination, path) = word(rest)?;
                return Some(Self::UnixPair(source, destination, unix_path(path)));
            }
            _ => return None,
        };
        let (source, rest) = end(rest, size)?;
        let (destination, _) = end(rest, size)?;
        Some(Self::IpPair(source, destination))
    }

    /// Kind of a socket with this address.
    pub fn kind(self) -> FdKind {
        match self {
            Self::Ip((IpAddr::V4(_), _)) | Self::IpPair((IpAddr::V4(_), _), _) => FdKind::Ipv4,
            Self::Ip(_) | Self::IpPair(..) => FdKind::Ipv6,
            Self::Unix(_) | Self::UnixPair(..) => FdKind::Unix,
        }
    }

    /// The ends changed places.
    #[must_use]
    pub fn turned(self) -> Self {
        match self {
            Self::IpPair(source, destination) => Self::IpPair(destination, source),
            Self::UnixPair(source, destination, path) => Self::UnixPair(destination, source, path),
            one => one,
        }
    }

    /// Who sends to the machine itself without an address of its own sends from
    /// the machine itself.
    #[must_use]
    pub fn settled(self) -> Self {
        let own = |any: End, other: End| match other.0.is_loopback() && any.0.is_unspecified() {
            true => match other.0 {
                IpAddr::V4(_) => (IpAddr::V4(Ipv4Addr::LOCALHOST), any.1),
                IpAddr::V6(_) => (IpAddr::V6(Ipv6Addr::LOCALHOST), any.1),
            },
            false => any,
        };
        match self {
            Self::IpPair(a, b) => Self::IpPair(own(a, b), own(b, a)),
            other => other,
        }
    }

    /// As it is printed.
    pub fn text(self, arena: &'a Bump) -> &'a [u8] {
        use std::fmt::Write;
        let mut text = BumpString::new_in(arena);
        // Writing to memory does not fail.
        let _ = match self {
            Self::Ip((ip, port)) => write!(text, "{ip}:{port}"),
            Self::IpPair((source, sport), (destination, dport)) => {
                write!(text, "{source}:{sport}->{destination}:{dport}")
            }
            Self::Unix(path) => return path,
            Self::UnixPair(source, destination, _) => write!(text, "{source:x}->{destination:x} "),
        };
        let Self::UnixPair(_, _, path) = self else {
            return text.into_bump_str().as_bytes();
        };
        let mut whole = BumpVec::from_iter_in(text.bytes(), arena);
        whole.extend_from_slice_copy(path);
        whole.into_bump_slice()
    }
}
