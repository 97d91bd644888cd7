//! Getters of `fd.*`: the descriptor that an event is about, as far as the
//! event's own record tells.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_abi::event::{
    Event as Kind, accept, bind, close, connect, creat, fchmodat, fchmodat2, fcntl, lseek,
    memfd_create, open, openat, openat2, sockaddr, socket, unlinkat,
};
use falco_abi::flags::open as bits;

use super::{joined, list, path, text_in};
use crate::filter::field::{Context, FieldArg, Value};

type Answer<'a> = Option<Value<'a>>;

/// Kind of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FdKind {
    File,
    Directory,
    Ipv4,
    Ipv6,
    Unix,
    Pipe,
    Event,
    Signal,
    Eventpoll,
    Inotify,
    Timer,
    Netlink,
    Bpf,
    Userfault,
    IoUring,
    Memfd,
    Pidfd,
    Unknown,
}

impl FdKind {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::File => Some("file"),
            Self::Directory => Some("directory"),
            Self::Ipv4 => Some("ipv4"),
            Self::Ipv6 => Some("ipv6"),
            Self::Unix => Some("unix"),
            Self::Pipe => Some("pipe"),
            Self::Event => Some("event"),
            Self::Signal => Some("signalfd"),
            Self::Eventpoll => Some("eventpoll"),
            Self::Inotify => Some("inotify"),
            Self::Timer => Some("timerfd"),
            Self::Netlink => Some("netlink"),
            Self::Bpf => Some("bpf"),
            Self::Userfault => Some("userfaultfd"),
            Self::IoUring => Some("io_uring"),
            Self::Memfd => Some("memfd"),
            Self::Pidfd => Some("pidfd"),
            Self::Unknown => None,
        }
    }

    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::File => "f",
            Self::Directory => "d",
            Self::Ipv4 => "4",
            Self::Ipv6 => "6",
            Self::Unix => "u",
            Self::Pipe => "p",
            Self::Event => "e",
            Self::Signal => "s",
            Self::Eventpoll => "l",
            Self::Inotify => "i",
            Self::Timer => "t",
            Self::Netlink => "n",
            Self::Bpf => "b",
            Self::Userfault => "u",
            Self::IoUring => "r",
            Self::Memfd => "m",
            Self::Pidfd => "P",
            Self::Unknown => "o",
        }
    }
}

/// What a descriptor refers to by the bits of its mode above the permissions
/// and by its path, and what is its name.
fn kind_and_name(mode: u64, path: &[u8]) -> (FdKind, Option<&[u8]>) {
    const FIFO: u64 = 1;
    const DIRECTORY: u64 = 4;
    const SOCKET: u64 = 12;
    match mode {
        FIFO => (FdKind::Pipe, Some(path)),
        DIRECTORY => (FdKind::Directory, Some(path)),
        SOCKET => (FdKind::Unknown, None),
        // In no file system.
        0 => {
            let name = path.strip_prefix(b"anon_inode:").unwrap_or(path);
            let kind = match name {
                b"[eventfd]" => FdKind::Event,
                b"[signalfd]" => FdKind::Signal,
                b"[eventpoll]" => FdKind::Eventpoll,
                b"[timerfd]" => FdKind::Timer,
                b"[userfaultfd]" => FdKind::Userfault,
                b"[io_uring]" => FdKind::IoUring,
                b"[pidfd]" => FdKind::Pidfd,
                b"inotify" => FdKind::Inotify,
                name if name.starts_with(b"bpf-") => FdKind::Bpf,
                _ => FdKind::Unknown,
            };
            (kind, None)
        }
        _ => match path.strip_prefix(b"/memfd:") {
            Some(name) => {
                let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
                (FdKind::Memfd, Some(name))
            }
            None => (FdKind::File, Some(path)),
        },
    }
}

/// Kind of the sockets of a family.
fn kind_of_family(family: u64) -> FdKind {
    match family {
        1 => FdKind::Unix,
        2 => FdKind::Ipv4,
        10 => FdKind::Ipv6,
        16 => FdKind::Netlink,
        _ => FdKind::Unknown,
    }
}

/// Name of a protocol above IP.
fn protocol(number: u64) -> Option<&'static str> {
    Some(match number {
        6 => "tcp",
        17 => "udp",
        1 | 58 => "icmp",
        255 => "raw",
        _ => return None,
    })
}

/// Address and port.
type End = (IpAddr, u16);

/// Both ends of a socket, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address<'a> {
    Ip(End),
    IpPair(End, End),
    Unix(&'a [u8]),
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
    pub(super) fn of_addr(bytes: &'a [u8]) -> Option<Self> {
        let (&family, rest) = bytes.split_first()?;
        match family {
            sockaddr::INET => Some(Self::Ip(end(rest, 4)?.0)),
            sockaddr::INET6 => Some(Self::Ip(end(rest, 16)?.0)),
            sockaddr::UNIX => Some(Self::Unix(unix_path(rest))),
            _ => None,
        }
    }

    /// Reads a tuple.
    pub(super) fn of_tuple(bytes: &'a [u8]) -> Option<Self> {
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

    fn kind(self) -> FdKind {
        match self {
            Self::Ip((IpAddr::V4(_), _)) | Self::IpPair((IpAddr::V4(_), _), _) => FdKind::Ipv4,
            Self::Ip(_) | Self::IpPair(..) => FdKind::Ipv6,
            Self::Unix(_) | Self::UnixPair(..) => FdKind::Unix,
        }
    }

    /// As it is printed.
    pub(super) fn text(self, ctx: &Context<'a>) -> &'a [u8] {
        match self {
            Self::Ip((ip, port)) => text_in!(ctx.arena, "{ip}:{port}"),
            Self::IpPair((source, sport), (destination, dport)) => {
                text_in!(ctx.arena, "{source}:{sport}->{destination}:{dport}")
            }
            Self::Unix(path) => path,
            Self::UnixPair(source, destination, path) => {
                let ends = text_in!(ctx.arena, "{source:x}->{destination:x}");
                joined(ctx.arena, b" ", [ends, path])
            }
        }
    }
}

/// The descriptor of an event.
#[derive(Clone, Copy)]
pub(super) struct Fd<'a> {
    pub(super) num: i64,
    pub(super) kind: FdKind,
    /// The event gave it its name.
    named: bool,
    address: Option<Address<'a>>,
    /// The caller took the connection.
    server: bool,
    connected: bool,
    path: Option<path::Slots>,
    /// Its name, where it is no address and no parameter.
    text: Option<&'a [u8]>,
    flags: u32,
    dev: Option<u64>,
    ino: Option<u64>,
    l4proto: Option<&'static str>,
}

impl<'a> Fd<'a> {
    fn new(num: i64) -> Self {
        Self {
            num,
            kind: FdKind::Unknown,
            named: false,
            address: None,
            server: false,
            connected: false,
            path: None,
            text: None,
            flags: 0,
            dev: None,
            ino: None,
            l4proto: None,
        }
    }

    pub(super) fn name(&self, ctx: &Context<'a>) -> Option<&'a [u8]> {
        match (self.address, self.path) {
            (Some(address), _) => Some(address.text(ctx)),
            (None, Some(slots)) => path::absolute(ctx, slots),
            (None, None) => self.text,
        }
    }

    /// Letter of the protocol, in front of the name of a socket in arguments.
    pub(super) fn proto_letter(&self) -> &'static str {
        match self.l4proto {
            Some("tcp") => "t",
            Some("udp") => "u",
            Some("icmp") => "i",
            Some("raw") => "r",
            _ => "",
        }
    }

    /// Client and server.
    fn ends(&self) -> (Option<End>, Option<End>) {
        match self.address {
            Some(Address::IpPair(source, destination)) => (Some(source), Some(destination)),
            // One end is that which is bound, or which was to be reached.
            Some(Address::Ip(end)) => (None, Some(end)),
            _ => (None, None),
        }
    }

    fn opened(ctx: &Context<'a>, flags: usize, dev: usize, ino: usize) -> Self {
        let event = ctx.event;
        let num = event.result().unwrap_or(-1);
        let flags = event.number(flags).unwrap_or_default() as u32;
        let worked = num >= 0;
        let kind = match (worked, flags & bits::DIRECTORY) {
            (false, _) | (true, 0) => FdKind::File,
            _ => FdKind::Directory,
        };
        Self {
            kind,
            named: worked,
            path: path::one(event.kind),
            flags,
            dev: worked.then(|| event.number(dev)).flatten(),
            ino: worked.then(|| event.number(ino)).flatten(),
            // A failed call made none.
            ..Self::new(num.max(-1))
        }
    }

    /// The directory that a path starts from.
    fn directory(ctx: &Context<'a>, slot: usize) -> Option<Self> {
        let fd = Self::new(ctx.event.int(slot)?);
        if !fd.worked() {
            return Some(fd);
        }
        Some(match path::of_descriptor(ctx.event, slot) {
            None => fd,
            text => Self {
                kind: FdKind::Directory,
                text,
                ..fd
            },
        })
    }

    /// The descriptor with this number, as our own parameters describe what it
    /// refers to. `server`: a tuple has the other end first.
    fn described(ctx: &Context<'a>, num: i64, server: bool) -> Self {
        let event = ctx.event;
        let slot = |name: &str| event.param(name).map(|(slot, _)| slot);
        let bytes = |name: &str| event.bytes(slot(name)?);
        let mode = slot("kind").and_then(|slot| event.number(slot));
        let path = bytes("path").unwrap_or_default();
        let (kind, text) = mode.map_or((FdKind::Unknown, None), |mode| kind_and_name(mode, path));
        let tuple = bytes("tuple").and_then(Address::of_tuple);
        let connected = slot("connected").and_then(|slot| event.number(slot)) == Some(1);
        let address = tuple.or_else(|| bytes("addr").and_then(Address::of_addr));
        Self {
            kind: address.map_or(kind, Address::kind),
            address,
            server,
            connected,
            // One that is not connected has the other end of this message.
            named: tuple.is_some() && !connected && event.kind != Kind::Shutdown,
            text: text.filter(|text| !text.is_empty()),
            l4proto: Self::l4proto(ctx),
            ..Self::new(num)
        }
    }

    fn l4proto(ctx: &Context<'a>) -> Option<&'static str> {
        let (slot, param) = ctx.event.param("proto")?;
        param
            .extra
            .then(|| ctx.event.number(slot))?
            .and_then(protocol)
    }

    /// The descriptor that the event is about.
    pub(super) fn of(ctx: &Context<'a>) -> Option<Self> {
        let event = ctx.event;
        let number = |slot: usize| event.int(slot);
        macro_rules! opened {
            ($event:ident) => {{
                use $event::Slot;
                Self::opened(
                    ctx,
                    Slot::flags as usize,
                    Slot::dev as usize,
                    Slot::ino as usize,
                )
            }};
        }
        Some(match event.kind {
            Kind::Open => opened!(open),
            Kind::Openat => opened!(openat),
            Kind::Openat2 => opened!(openat2),
            Kind::Creat => {
                use creat::Slot;
                // It has no flags to read.
                Self::opened(ctx, usize::MAX, Slot::dev as usize, Slot::ino as usize)
            }
            Kind::Connect => {
                use connect::Slot;
                let tuple = event.bytes(Slot::tuple as usize);
                let addr = event.bytes(Slot::addr as usize);
                let address = tuple
                    .and_then(Address::of_tuple)
                    .or_else(|| addr.and_then(Address::of_addr));
                let pending = event.result() == Some(-i64::from(libc::EINPROGRESS));
                let connected = event.result() == Some(0) || pending;
                Self {
                    kind: address.map_or(FdKind::Unknown, Address::kind),
                    named: connected,
                    address,
                    connected,
                    // Nothing else takes its time.
                    l4proto: Self::l4proto(ctx).or(pending.then_some("tcp")),
                    ..Self::new(number(Slot::fd as usize)?)
                }
            }
            Kind::Accept | Kind::Accept4 => {
                use accept::Slot;
                let num = event.result()?;
                let tuple = event.bytes(Slot::tuple as usize);
                let address = tuple.and_then(Address::of_tuple);
                let kind = address.map_or(FdKind::Unknown, Address::kind);
                let ip = matches!(kind, FdKind::Ipv4 | FdKind::Ipv6);
                Self {
                    kind,
                    named: num >= 0,
                    address,
                    server: true,
                    connected: num >= 0,
                    l4proto: Self::l4proto(ctx).or(ip.then_some("tcp")),
                    ..Self::new(num.max(-1))
                }
            }
            Kind::Bind => {
                use bind::Slot;
                let addr = event.bytes(Slot::addr as usize);
                let address = addr.and_then(Address::of_addr);
                Self {
                    kind: address.map_or(FdKind::Unknown, Address::kind),
                    named: event.result() == Some(0),
                    address,
                    server: true,
                    l4proto: Self::l4proto(ctx),
                    ..Self::new(number(Slot::fd as usize)?)
                }
            }
            Kind::Dup | Kind::Dup2 | Kind::Dup3 => {
                let (old, new) = (number(1)?, event.result()?);
                Self::described(ctx, if new < 0 { old } else { new }, false)
            }
            Kind::Recvfrom | Kind::Recvmsg | Kind::Listen => {
                Self::described(ctx, number(event.param("fd")?.0)?, true)
            }
            Kind::Fchmod
            | Kind::Fchown
            | Kind::Fchdir
            | Kind::FinitModule
            | Kind::Setns
            | Kind::Shutdown
            | Kind::Sendto
            | Kind::Sendmsg
            | Kind::Read
            | Kind::Write
            | Kind::Readv
            | Kind::Writev => Self::described(ctx, number(event.param("fd")?.0)?, false),
            Kind::Close => Self::new(number(close::Slot::fd as usize)?),
            Kind::Lseek => Self::new(number(lseek::Slot::fd as usize)?),
            Kind::Eventfd2 => Self {
                kind: FdKind::Event,
                ..Self::new(event.result()?.max(-1))
            },
            Kind::Fcntl => Self::new(number(fcntl::Slot::fd as usize)?),
            Kind::Socket => {
                let family = event.number(socket::Slot::domain as usize)?;
                Self {
                    kind: kind_of_family(family),
                    ..Self::new(event.result()?.max(-1))
                }
            }
            Kind::MemfdCreate => Self {
                kind: FdKind::Memfd,
                text: event.bytes(memfd_create::Slot::name as usize),
                ..Self::new(event.result()?.max(-1))
            },
            Kind::Userfaultfd => Self {
                kind: FdKind::Userfault,
                ..Self::new(event.result()?.max(-1))
            },
            Kind::Unlinkat => Self::directory(ctx, unlinkat::Slot::dirfd as usize)?,
            Kind::Fchmodat => Self::directory(ctx, fchmodat::Slot::dirfd as usize)?,
            Kind::Fchmodat2 => Self::directory(ctx, fchmodat2::Slot::dirfd as usize)?,
            _ => return None,
        })
    }

    fn worked(&self) -> bool {
        self.num >= 0
    }

    fn is_file(&self) -> bool {
        matches!(self.kind, FdKind::File | FdKind::Directory)
    }
}

fn text(text: &[u8]) -> Answer<'_> {
    Some(Value::Text(text))
}

fn flag<'a>(flag: bool) -> Answer<'a> {
    Some(Value::Bool(flag))
}

pub(super) fn num<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.num))
}

pub(super) fn kind<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    text(fd.worked().then(|| fd.kind.name())??.as_bytes())
}

pub(super) fn typechar<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(Fd::of(ctx)?.kind.letter().as_bytes())
}

/// The name; empty if there is a descriptor without one.
fn name_of<'a>(ctx: &Context<'a>) -> Option<&'a [u8]> {
    Some(Fd::of(ctx)?.name(ctx).unwrap_or_default())
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(name_of(ctx)?)
}

pub(super) fn nameraw<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let slots = Fd::of(ctx)?.path;
    let given = slots.and_then(|slots| path::given(ctx.event, slots));
    text(given.unwrap_or_default())
}

/// Up to the last slash; a directory is its own.
fn directory_of<'a>(ctx: &Context<'a>) -> Option<&'a [u8]> {
    let fd = Fd::of(ctx)?;
    if !fd.is_file() && fd.kind != FdKind::Unknown {
        return None;
    }
    let name = fd.name(ctx).unwrap_or_default();
    if fd.kind == FdKind::Directory {
        return Some(name);
    }
    Some(match name.iter().rposition(|&b| b == b'/') {
        None | Some(0) => b"/",
        Some(slash) => &name[..slash],
    })
}

pub(super) fn directory<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(directory_of(ctx)?)
}

pub(super) fn filename<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    if fd.kind != FdKind::File || !fd.worked() {
        return None;
    }
    let name = fd.name(ctx)?;
    text(match name.iter().rposition(|&b| b == b'/') {
        None => name,
        Some(slash) => &name[slash + 1..],
    })
}

fn address<'a>(end: Option<End>) -> Answer<'a> {
    Some(Value::Ip(end?.0))
}

fn port_number<'a>(end: Option<End>) -> Answer<'a> {
    Some(Value::Uint(u64::from(end?.1)))
}

fn port_text<'a>(ctx: &Context<'a>, end: Option<End>) -> Answer<'a> {
    let port = end?.1;
    text(text_in!(ctx.arena, "{port}"))
}

fn client(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.ends().0
}

fn server(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.ends().1
}

fn local(ctx: &Context<'_>) -> Option<End> {
    let fd = Fd::of(ctx)?;
    let (client, server) = fd.ends();
    client.and(if fd.server { server } else { client })
}

fn remote(ctx: &Context<'_>) -> Option<End> {
    let fd = Fd::of(ctx)?;
    let (client, server) = fd.ends();
    client.and(if fd.server { client } else { server })
}

fn ends<'a>(ctx: &Context<'a>, get: fn(Option<End>) -> Answer<'a>) -> Answer<'a> {
    let (client, server) = Fd::of(ctx)?.ends();
    if client.is_none() && server.is_none() {
        return None;
    }
    Some(list(
        ctx.arena,
        [get(client), get(server)].into_iter().flatten(),
    ))
}

pub(super) fn either_ip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ends(ctx, address)
}

pub(super) fn port<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ends(ctx, port_number)
}

pub(super) fn cip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(client(ctx))
}

pub(super) fn sip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(server(ctx))
}

pub(super) fn lip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(local(ctx))
}

pub(super) fn rip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(remote(ctx))
}

pub(super) fn cport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(client(ctx))
}

pub(super) fn sport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(server(ctx))
}

pub(super) fn lport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(local(ctx))
}

pub(super) fn rport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(remote(ctx))
}

pub(super) fn cproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, client(ctx))
}

pub(super) fn sproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, server(ctx))
}

pub(super) fn lproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, local(ctx))
}

pub(super) fn rproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, remote(ctx))
}

pub(super) fn l4proto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    match fd.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => text(fd.l4proto.unwrap_or("<NA>").as_bytes()),
        _ => None,
    }
}

pub(super) fn sockfamily<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match Fd::of(ctx)?.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => text(b"ip"),
        FdKind::Unix => text(b"unix"),
        _ => None,
    }
}

pub(super) fn is_server<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx).filter(Fd::worked)?;
    flag(fd.server && fd.connected)
}

pub(super) fn connected<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(Fd::worked)?.connected)
}

pub(super) fn name_changed<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(Fd::worked)?.named)
}

pub(super) fn uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let (tid, num) = (ctx.event.header.tid, Fd::of(ctx)?.num);
    text(text_in!(ctx.arena, "{tid}{num}"))
}

fn container_id<'a>(ctx: &Context<'a>) -> &'a [u8] {
    let container = ctx.thread.and_then(|t| t.container.as_ref());
    container.map_or(b"", |c| c.id().as_bytes())
}

pub(super) fn containername<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let name = name_of(ctx)?;
    text(joined(ctx.arena, b":", [container_id(ctx), name]))
}

pub(super) fn containerdirectory<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let directory = directory_of(ctx)?;
    text(joined(ctx.arena, b":", [container_id(ctx), directory]))
}

pub(super) fn dev<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.dev?.cast_signed()))
}

/// Parts of a device number in the kernel's newer encoding.
pub(super) fn dev_major<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let dev = Fd::of(ctx)?.dev?;
    Some(Value::Int((dev >> 8 & 0xfff).cast_signed()))
}

pub(super) fn dev_minor<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let dev = Fd::of(ctx)?.dev?;
    Some(Value::Int(
        (dev & 0xff | dev >> 12 & 0xf_ff00).cast_signed(),
    ))
}

pub(super) fn ino<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.ino?.cast_signed()))
}

pub(super) fn is_upper_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(Fd::worked)?.flags & bits::FD_UPPER_LAYER != 0)
}

pub(super) fn is_lower_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(Fd::worked)?.flags & bits::FD_LOWER_LAYER != 0)
}
