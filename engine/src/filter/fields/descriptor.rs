//! The descriptor that an event is about: what the event's record tells of it,
//! and what the state knows.

use falco_abi::event::{
    ALL, Event as Kind, ParamType, accept, bind, connect, creat, fcntl, memfd_create, open, openat,
    openat2, socket, socketpair, traits,
};
use falco_abi::flags::open as bits;

use super::path;
use crate::filter::field::Context;
use crate::paths::{self, Slots};
use crate::state::address::{Address, End};
use crate::state::opened::{is_copy, made_nameless};
use crate::state::procfd::anonymous;
use crate::state::{Descriptor, FdKind, Protocol, State};

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
            let kind = anonymous(name);
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

/// Whether the kernel calls the pipe with this inode so.
fn is_pipe(text: &[u8], ino: Option<u64>) -> bool {
    let number = text.strip_prefix(b"pipe:[");
    let number = number.and_then(|text| text.strip_suffix(b"]"));
    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    number.is_some() && number == ino
}

/// The descriptor of an event.
#[derive(Clone, Copy)]
pub(in crate::filter) struct Fd<'a> {
    pub(super) num: i64,
    pub(super) kind: FdKind,
    protocol: Protocol,
    /// The event gave it its name.
    pub(super) named: bool,
    /// The caller took the connection, or waits for them.
    pub(super) server: bool,
    pub(super) connected: bool,
    address: Option<Address<'a>>,
    path: Option<Slots>,
    /// Its name, where it is no address, and no parameter that was not made
    /// absolute yet.
    text: Option<&'a [u8]>,
    /// The name as the program gave it.
    given: Option<&'a [u8]>,
    pub(super) flags: u32,
    pub(super) dev: Option<u64>,
    pub(super) ino: Option<u64>,
}

/// Slots of the descriptors that calls are given, by kind of event.
const GIVEN: [u8; ALL.len()] = {
    let mut slots = [u8::MAX; ALL.len()];
    let mut event = 0;
    while event < ALL.len() {
        let params = ALL[event].info().params;
        // The first parameter is what was returned.
        let mut slot = params.len() - 1;
        while slot > 0 {
            if matches!(params[slot].ty, ParamType::Fd) {
                slots[event] = slot as u8;
            }
            slot -= 1;
        }
        event += 1;
    }
    slots
};

/// The number that the event is about. Of several that a call made it is the
/// last one; -1 for a call that failed to make one.
fn number_of(ctx: &Context<'_>) -> Option<i64> {
    let event = ctx.event;
    let given = || event.int(usize::from(GIVEN[event.kind as usize]));
    let traits = event.info().traits;
    let copies = match event.kind {
        Kind::Dup | Kind::Dup2 | Kind::Dup3 => true,
        Kind::Fcntl => is_copy(event.number(fcntl::Slot::cmd as usize)?),
        _ => false,
    };
    let made = event.result().unwrap_or(-1);
    if copies {
        // A copy of what nobody knows is not known either.
        let told = event.param("kind").is_some_and(|(slot, _)| event.has(slot));
        let known = told || given().is_some_and(|original| Fd::open(ctx, original).is_some());
        return if made >= 0 && known {
            Some(made)
        } else {
            given()
        };
    }
    match event.kind {
        Kind::Pipe | Kind::Pipe2 | Kind::Socketpair => match event.result()? {
            0.. => event.int(socketpair::Slot::fd2 as usize),
            _ => Some(-1),
        },
        // Falco knows it by name alone.
        Kind::Fchmodat2 => given(),
        // Old recorders left it out.
        Kind::Setsockopt | Kind::Getsockopt => given().or(Some(-1)),
        _ if traits & (traits::USES_FD | traits::DESTROYS_FD) != 0 => given(),
        _ if traits & traits::CREATES_FD != 0 => Some(event.result()?.max(-1)),
        _ => None,
    }
}

/// The slot of the descriptor, if it is a directory in which the call looks
/// for a path.
fn directory_slot(kind: Kind) -> Option<usize> {
    let slot = usize::from(GIVEN[kind as usize]);
    paths::in_slot(kind, slot + 1).and_then(|slots| paths::descriptor(kind, slots))
}

/// The protocol of a socket of which nothing else is known.
fn tcp_if(it_is: bool) -> Protocol {
    match it_is {
        true => Protocol::Tcp,
        false => Protocol::Unknown,
    }
}

impl<'a> Fd<'a> {
    fn new(num: i64) -> Self {
        Self {
            num,
            kind: FdKind::Unknown,
            protocol: Protocol::Unknown,
            named: false,
            server: false,
            connected: false,
            address: None,
            path: None,
            text: None,
            given: None,
            flags: 0,
            dev: None,
            ino: None,
        }
    }

    /// What the state knows of this number.
    #[inline(always)]
    fn kept(num: i64, descriptor: &'a Descriptor) -> Self {
        Self {
            kind: descriptor.kind,
            protocol: descriptor.protocol,
            server: descriptor.server,
            connected: descriptor.connected,
            address: descriptor.address(),
            text: Some(descriptor.name()).filter(|name| !name.is_empty()),
            given: Some(descriptor.given()),
            flags: descriptor.flags(),
            dev: Some(descriptor.dev().into()),
            ino: Some(descriptor.ino),
            ..Self::new(num)
        }
    }

    /// What is open under this number in the thread that made the event.
    pub(super) fn open(ctx: &Context<'a>, num: i64) -> Option<Self> {
        let descriptor = Self::look_up(ctx, u32::try_from(num).ok()?)?;
        Some(Self::kept(num, descriptor))
    }

    #[inline]
    fn look_up(ctx: &Context<'a>, num: u32) -> Option<&'a Descriptor> {
        let files = ctx.state.threads().files(ctx.thread?)?;
        let descriptor = files.get(num);
        ctx.state.count_descriptor_lookup(descriptor.is_some());
        descriptor
    }

    /// The descriptor that the event is about. What the record tells counts;
    /// what the state knows is taken where the record is silent, and where both
    /// mean the same, since the state knows more of it.
    pub(super) fn of<'c>(ctx: &'c Context<'a>) -> Option<&'c Self> {
        ctx.descriptor.get_or_init(|| Self::read(ctx)).as_ref()
    }

    /// What the event opened by a path, of which the state keeps all that its
    /// record tells.
    #[inline]
    fn just_opened(ctx: &Context<'a>) -> Option<Self> {
        let num = ctx.state.opened_by(ctx.event)?;
        let kept = Self::look_up(ctx, num).filter(|kept| !kept.name().is_empty())?;
        Some(Self {
            named: true,
            path: paths::one(ctx.event.kind),
            ..Self::kept(num.into(), kept)
        })
    }

    fn read(ctx: &Context<'a>) -> Option<Self> {
        if let Some(opened) = Self::just_opened(ctx) {
            return Some(opened);
        }
        let mut told = Self::told(ctx)?;
        let Some(kept) = Self::open(ctx, told.num) else {
            return Some(told);
        };
        if told.path.is_some() {
            // It is asked for below and by most fields.
            told.text = told.name(ctx);
        }
        let silent = told.kind == FdKind::Unknown;
        // A message that was received has the other end first, who ever called.
        let turned = told.address.map(Address::turned);
        let same = |name: Option<&[u8]>| name == told.name(ctx) || name.is_none();
        let equal = told.address.is_some() && told.address == kept.address;
        let agrees = kept.kind == told.kind
            && (equal || same(kept.name(ctx)) || turned.is_some() && turned == kept.address);
        if silent || agrees {
            // A pipe that was made under our eyes has no name, as in a capture.
            let nameless = |text: &[u8]| kept.kind == FdKind::Pipe && is_pipe(text, kept.ino);
            return Some(Self {
                named: told.named,
                path: told.path,
                text: match told.path {
                    Some(_) => told.text,
                    None => kept.text.or(told.text.filter(|text| !nameless(text))),
                },
                given: told.given.or(kept.given),
                ..kept
            });
        }
        Some(told)
    }

    pub(super) fn name(&self, ctx: &Context<'a>) -> Option<&'a [u8]> {
        match (self.address, self.path) {
            (Some(address), _) => Some(address.text(ctx.arena)),
            (None, Some(slots)) => self.text.or_else(|| path::absolute(ctx, slots)),
            (None, None) => self.text,
        }
    }

    /// The name as the program gave it.
    pub(super) fn name_given(&self, ctx: &Context<'a>) -> &'a [u8] {
        let given = self.path.and_then(|slots| paths::given(ctx.event, slots));
        given.or(self.given).unwrap_or_default()
    }

    /// Letter of the protocol, in front of the name of a socket in arguments.
    pub(super) fn proto_letter(&self) -> &'static str {
        self.protocol().letter()
    }

    /// Protocol of a socket of which an end is known.
    pub(super) fn protocol(&self) -> Protocol {
        match self.ends() {
            (None, None) => Protocol::Unknown,
            _ => self.protocol,
        }
    }

    /// Client and server.
    pub(super) fn ends(&self) -> (Option<End>, Option<End>) {
        match self.address {
            Some(Address::IpPair(source, destination)) => (Some(source), Some(destination)),
            // One end is that which is bound; without a port it is none yet.
            Some(Address::Ip(end)) if end.1 != 0 => (None, Some(end)),
            _ => (None, None),
        }
    }

    /// Ends on this machine and on another one. Where both are on this one, the
    /// source counts as ours, as Falco has it.
    pub(super) fn sides(&self, state: &State) -> (Option<End>, Option<End>) {
        let (Some(source), Some(destination)) = self.ends() else {
            return (None, None);
        };
        let turned = match (state.owns(source.0), state.owns(destination.0)) {
            (true, _) => false,
            (false, true) => true,
            // In a network of its own: the end that it took.
            (false, false) => self.server && source.0 != destination.0,
        };
        match turned {
            true => (Some(destination), Some(source)),
            false => (Some(source), Some(destination)),
        }
    }

    /// Whether the end that is served is on this machine.
    pub(super) fn serves(&self, state: &State) -> bool {
        match (self.kind, self.ends()) {
            (FdKind::Ipv4 | FdKind::Ipv6, (Some(source), Some(to))) => {
                self.server || state.owns(to.0) || source.0 == to.0
            }
            (FdKind::Ipv4 | FdKind::Ipv6, (None, Some(_))) => true,
            // To Falco the unspecified address of this family is one of ours.
            (FdKind::Ipv6, _) => true,
            _ => false,
        }
    }

    fn opened(ctx: &Context<'a>, flags: usize, dev: usize, ino: usize) -> Self {
        let event = ctx.event;
        let num = event.result().unwrap_or(-1);
        let flags = event.number(flags).unwrap_or_default() as u32;
        let worked = num >= 0;
        let kind = match (worked, flags & bits::DIRECTORY) {
            // Falco tells no kind of this one alone.
            (false, _) if event.kind == Kind::Open => FdKind::Unknown,
            (false, _) | (true, 0) => FdKind::File,
            _ => FdKind::Directory,
        };
        Self {
            kind,
            named: worked,
            path: paths::one(event.kind),
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
        Some(match paths::of_descriptor(ctx.event, slot) {
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
        let slot = |name: &str| {
            event
                .param(name)
                .filter(|(_, p)| p.extra)
                .map(|(slot, _)| slot)
        };
        let tuple_slot = event.param("tuple").map(|(slot, _)| slot);
        let bytes = |name: &str| event.bytes(slot(name)?);
        let mode = slot("kind").and_then(|slot| event.number(slot));
        let path = bytes("path").unwrap_or_default();
        let (kind, text) = mode.map_or((FdKind::Unknown, None), |mode| kind_and_name(mode, path));
        let tuple = tuple_slot
            .and_then(|slot| event.bytes(slot))
            .and_then(Address::of_tuple)
            .map(Address::settled);
        let connected = slot("connected").and_then(|slot| event.number(slot)) == Some(1);
        let address = tuple.or_else(|| bytes("addr").and_then(Address::of_addr));
        Self {
            kind: address.map_or(kind, Address::kind),
            address,
            server,
            connected,
            // One that is not connected has the other end of this message.
            named: tuple.is_some()
                && !connected
                && (ctx.state.renamed() || Self::open(ctx, num).is_none())
                && event.kind != Kind::Shutdown,
            text: text.filter(|text| !text.is_empty()),
            protocol: Self::l4proto(ctx).unwrap_or_default(),
            ..Self::new(num)
        }
    }

    fn l4proto(ctx: &Context<'a>) -> Option<Protocol> {
        let (slot, param) = ctx.event.param("proto")?;
        param
            .extra
            .then(|| ctx.event.number(slot))?
            .map(Protocol::of_number)
    }

    /// The descriptor that the event is about, as far as its record tells.
    fn told(ctx: &Context<'a>) -> Option<Self> {
        let event = ctx.event;
        let num = number_of(ctx)?;
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
                    // It was not reached.
                    address: address.filter(|_| connected),
                    connected,
                    // Nothing but TCP takes its time.
                    protocol: Self::l4proto(ctx).unwrap_or_else(|| tcp_if(pending)),
                    ..Self::new(num)
                }
            }
            Kind::Accept | Kind::Accept4 => {
                use accept::Slot;
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
                    protocol: Self::l4proto(ctx).unwrap_or_else(|| tcp_if(ip)),
                    ..Self::new(num)
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
                    protocol: Self::l4proto(ctx).unwrap_or_default(),
                    ..Self::new(num)
                }
            }
            Kind::Socket => Self {
                kind: FdKind::of_family(event.number(socket::Slot::domain as usize)?),
                ..Self::new(num)
            },
            Kind::MemfdCreate => Self {
                kind: FdKind::Memfd,
                named: num >= 0,
                text: event.bytes(memfd_create::Slot::name as usize),
                ..Self::new(num)
            },
            // The other end comes first in what is received.
            Kind::Recvfrom | Kind::Recvmsg | Kind::Recvmmsg | Kind::Listen => {
                Self::described(ctx, num, true)
            }
            kind => match (made_nameless(event), directory_slot(kind)) {
                (Some((kind, _)), _) => Self {
                    kind,
                    ..Self::new(num)
                },
                (None, Some(slot)) => Self::directory(ctx, slot)?,
                (None, None) => Self::described(ctx, num, false),
            },
        })
    }

    /// Whether anything is known of what it refers to.
    pub(super) fn is_known(&self) -> bool {
        self.worked() && (self.kind != FdKind::Unknown || self.dev.is_some())
    }

    pub(super) fn worked(&self) -> bool {
        self.num >= 0
    }
}
