//! What a capture says of the machine before its first event: threads with
//! their programs, open descriptors, users.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_abi::flags::exec;

use super::format::{Block, HOSTNAME, fd, interface, l4, user};
use crate::state::address::Address;
use crate::state::procfs::past_title;
use crate::state::thread::{Capabilities, Image, Thread, Usage, with_slash};
use crate::state::users::User;
use crate::state::{Descriptor, FdKind, Label, Protocol, State, UNSET};

/// What is wrong with an entry of a list, and how far into the block it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadEntry {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// Reads little-endian fields one after the other.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
    what: &'static str,
}

type Read<T> = Result<T, BadEntry>;

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self {
            bytes,
            at: 0,
            end: bytes.len(),
            what,
        }
    }

    fn bad(&self) -> BadEntry {
        BadEntry {
            at: self.at,
            what: self.what,
        }
    }

    fn take(&mut self, len: usize) -> Read<&'a [u8]> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.end);
        let end = end.ok_or_else(|| self.bad())?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.bad())
    }

    fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Read<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A 64-bit id; what is no id is 0.
    fn id(&mut self) -> Read<u32> {
        Ok(u32::try_from(self.u64()?).unwrap_or(0))
    }

    /// Text after its length.
    fn text(&mut self) -> Read<&'a [u8]> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// Goes on within an entry that begins with its length.
    fn enter(&mut self, sized: bool) -> Read<()> {
        let start = self.at;
        self.enter_from(sized, |_| start)
    }

    /// The same where the length is that of what comes behind it.
    fn enter_behind(&mut self, sized: bool) -> Read<()> {
        self.enter_from(sized, |fields| fields.at)
    }

    fn enter_from(&mut self, sized: bool, start: impl FnOnce(&Self) -> usize) -> Read<()> {
        self.end = self.bytes.len();
        if sized {
            let len = self.u32()? as usize;
            let end = start(self).checked_add(len);
            let end = end.filter(|&end| (self.at..=self.end).contains(&end));
            self.end = end.ok_or_else(|| self.bad())?;
        }
        Ok(())
    }

    /// Goes on behind it: later versions append what we do not know.
    fn leave(&mut self, sized: bool) {
        if sized {
            self.at = self.end;
        }
        self.end = self.bytes.len();
    }

    fn left(&self) -> usize {
        self.end - self.at
    }
}

/// What the machine block says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub hostname: String,
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// When it was started, nanoseconds since the epoch; 0 if unknown.
    pub boot: u64,
    /// Its interfaces, one for each address.
    pub interfaces: Vec<Interface>,
}

/// An interface of the network with an address of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its address.
    pub address: IpAddr,
    /// What of the address is that of the network.
    pub mask: IpAddr,
    /// For all of the network.
    pub broadcast: IpAddr,
    /// Bits per second; 0 if unknown.
    pub speed: u64,
}

/// Reads the machine.
pub(super) fn machine(block: &[u8]) -> Result<Machine, BadEntry> {
    let mut fields = Fields::new(block, "the machine is cut off");
    let cpus = fields.u32()?;
    let memory = fields.u64()?;
    let _max_pid = fields.u64()?;
    let name = fields.take(HOSTNAME)?;
    let name = name.split(|&b| b == 0).next().unwrap_or_default();
    // Old versions have something else there.
    let boot = fields.u64().unwrap_or(0);
    Ok(Machine {
        hostname: String::from_utf8_lossy(name).into_owned(),
        cpus,
        memory,
        boot,
        ..Machine::default()
    })
}

/// A list of what was known, in the middle of being read.
pub(super) enum List {
    /// Interfaces so far, and whether each entry begins with its length.
    Interfaces(Vec<Interface>, bool),
    /// Users and groups; likewise.
    Users(bool),
    /// Threads, in a version of the list.
    Processes(u8),
    /// Descriptors, of the thread that the list begins with; likewise.
    Descriptors(Option<u32>, bool),
}

impl List {
    /// The list that a block holds, if it holds one.
    pub(super) fn of(block: Block) -> Option<Self> {
        Some(match block {
            Block::Interfaces { sized } => Self::Interfaces(Vec::new(), sized),
            Block::Users { sized } => Self::Users(sized),
            Block::Processes(version) => Self::Processes(version),
            Block::Descriptors { sized } => Self::Descriptors(None, sized),
            Block::Section | Block::Machine | Block::Event(_) => return None,
        })
    }

    /// Takes in the entry with which the bytes begin. Gives its length.
    pub(super) fn entry(&mut self, bytes: &[u8], state: &mut State) -> Read<usize> {
        let what = match self {
            Self::Interfaces(..) => "an entry of the list of interfaces is cut off",
            Self::Users(_) => "an entry of the list of users is cut off",
            Self::Processes(_) => "an entry of the list of processes is cut off",
            Self::Descriptors(..) => "an entry of the list of descriptors is cut off",
        };
        let mut fields = Fields::new(bytes, what);
        match self {
            Self::Interfaces(all, sized) => all.extend(interface(&mut fields, *sized)?),
            Self::Users(sized) => user(&mut fields, *sized, state)?,
            Self::Processes(version) => process(&mut fields, *version, state)?,
            Self::Descriptors(tid @ None, _) => *tid = Some(fields.id()?),
            Self::Descriptors(Some(tid), sized) => opened(&mut fields, *tid, *sized, state)?,
        }
        Ok(fields.at)
    }
}

/// An interface, if it is of a kind that is known.
fn interface(fields: &mut Fields<'_>, sized: bool) -> Read<Option<Interface>> {
    fields.enter_behind(sized)?;
    let ty = fields.u16()?;
    let name = usize::from(fields.u16()?);
    let address = match ty {
        interface::IPV4 | interface::IPV4_WITHOUT_SPEED => ipv4,
        interface::IPV6 | interface::IPV6_WITHOUT_SPEED => ipv6_as_is,
        // Of a later version; its length says where it ends.
        _ if sized => {
            fields.leave(sized);
            return Ok(None);
        }
        _ => return Err(fields.bad()),
    };
    let found = Interface {
        address: address(fields)?,
        mask: address(fields)?,
        broadcast: address(fields)?,
        speed: match ty {
            interface::IPV4 | interface::IPV6 => fields.u64()?,
            _ => 0,
        },
        name: fields.take(name)?.into(),
    };
    fields.leave(sized);
    Ok(Some(found))
}

fn user(fields: &mut Fields<'_>, sized: bool, state: &mut State) -> Read<()> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.enter(sized)?;
    if fields.u8()? == user::USER {
        let uid = fields.u32()?;
        let _gid = fields.u32()?;
        let name = text(fields.text()?).into();
        let home = text(fields.text()?).into();
        let shell = text(fields.text()?).into();
        state.add_user(uid, User { name, home, shell });
    } else {
        let gid = fields.u32()?;
        let name = text(fields.text()?);
        state.add_group(gid, &name);
    }
    fields.leave(sized);
    Ok(())
}

/// Bytes of an entry behind its root directory in files that lack two fields
/// which were put before others later.
const SHORT_TAIL: usize = 29;

fn process(fields: &mut Fields<'_>, version: u8, state: &mut State) -> Read<()> {
    let sized = version >= 9;
    fields.enter(sized)?;
    let thread = thread(fields, version)?;
    state.add_thread(thread);
    fields.leave(sized);
    Ok(())
}

fn thread(fields: &mut Fields<'_>, version: u8) -> Result<Thread, BadEntry> {
    let (tid, pid) = (fields.id()?, fields.id()?);
    let mut thread = Thread::new(tid, pid);
    thread.ptid = fields.id()?;
    if version >= 6 {
        thread.sid = fields.id()?;
    }
    if version >= 8 {
        thread.vpgid = fields.id()?;
    }
    let comm = fields.text()?;
    let mut image = Image {
        exe: fields.text()?.into(),
        ..Image::default()
    };
    if version >= 7 {
        let path = fields.text()?;
        image.exepath = path.strip_suffix(b" (deleted)").unwrap_or(path).into();
    }
    image.args = past_title(fields.text()?).into();
    thread.cwd = with_slash(fields.text()?);
    let mut usage = Usage {
        fd_limit: fields.u64()?.cast_signed(),
        ..Usage::default()
    };
    let _clone_flags = fields.u32()?;
    thread.uid = fields.u32()?;
    thread.gid = fields.u32()?;
    (thread.ruid, thread.rgid) = (thread.uid, thread.gid);
    if version >= 2 {
        usage.vm_size = fields.u32()?;
        usage.vm_rss = fields.u32()?;
        usage.vm_swap = fields.u32()?;
        usage.major_faults = fields.u64()?;
        usage.minor_faults = fields.u64()?;
    }
    thread.usage = usage;
    if version >= 3 {
        image.env = fields.text()?.into();
    }
    if version >= 4 {
        thread.vtid = fields.id()?;
        thread.vpid = fields.id()?;
        thread.cgroups = fields.text()?.into();
    }
    if version >= 5 {
        let _root = fields.text()?;
    }
    if version >= 9 {
        tail(fields, &mut thread, &mut image)?;
    }
    thread.run(comm, image);
    Ok(thread)
}

/// The fields that were appended over time; an entry may end before any.
fn tail(fields: &mut Fields<'_>, thread: &mut Thread, image: &mut Image) -> Result<(), BadEntry> {
    if fields.left() > SHORT_TAIL {
        thread.pidns_start = fields.u64()?;
        thread.tty = fields.u32()?;
    }
    if fields.left() >= 4 {
        thread.loginuid = fields.u32()?;
    }
    let flag = |fields: &mut Fields<'_>, image: &mut Image, bit| {
        if fields.left() >= 1 && fields.u8()? != 0 {
            image.flags |= bit;
        }
        Ok(())
    };
    flag(fields, image, exec::WRITABLE)?;
    let word = |fields: &mut Fields<'_>| match fields.left() {
        8.. => fields.u64(),
        _ => Ok(0),
    };
    thread.caps = Capabilities {
        inheritable: word(fields)?,
        permitted: word(fields)?,
        effective: word(fields)?,
    };
    flag(fields, image, exec::UPPER_LAYER)?;
    image.ino = word(fields)?;
    image.ctime = word(fields)?;
    image.mtime = word(fields)?;
    flag(fields, image, exec::FROM_MEMFD)?;
    flag(fields, image, exec::LOWER_LAYER)?;
    if fields.left() >= 8 {
        thread.pgid = u32::try_from(fields.u64()?).unwrap_or(UNSET);
    }
    Ok(())
}

fn opened(fields: &mut Fields<'_>, tid: u32, sized: bool, state: &mut State) -> Read<()> {
    fields.enter(sized)?;
    let num = fields.u64()?;
    let ino = fields.u64()?;
    let mut descriptor = descriptor(fields, sized)?;
    descriptor.ino = ino;
    if let Ok(num) = u32::try_from(num) {
        state.add_descriptor(tid, num, descriptor, false);
    }
    fields.leave(sized);
    Ok(())
}

fn protocol(number: u8) -> Protocol {
    match number {
        l4::TCP => Protocol::Tcp,
        l4::UDP => Protocol::Udp,
        l4::ICMP => Protocol::Icmp,
        l4::RAW => Protocol::Raw,
        _ => Protocol::Unknown,
    }
}

fn ipv4(fields: &mut Fields<'_>) -> Read<IpAddr> {
    Ok(Ipv4Addr::from(fields.array::<4>()?).into())
}

/// An IPv4 address in the coat of the other family is the same address.
fn ipv6(fields: &mut Fields<'_>) -> Read<IpAddr> {
    Ok(ipv6_as_is(fields)?.to_canonical())
}

fn ipv6_as_is(fields: &mut Fields<'_>) -> Read<IpAddr> {
    Ok(Ipv6Addr::from(fields.array::<16>()?).into())
}

fn descriptor(fields: &mut Fields<'_>, sized: bool) -> Result<Descriptor, BadEntry> {
    let ty = fields.u8()?;
    let address = |fields: &mut Fields<'_>| match ty {
        fd::IPV4 | fd::IPV4_SERVER => ipv4(fields),
        _ => ipv6(fields),
    };
    let mut descriptor = Descriptor::new(kind(ty));
    match ty {
        fd::IPV4 | fd::IPV6 => {
            let (source, destination) = (address(fields)?, address(fields)?);
            let ends = Address::IpPair((source, fields.u16()?), (destination, fields.u16()?));
            descriptor.label = ends.into();
            descriptor.protocol = protocol(fields.u8()?);
            descriptor.connected = true;
        }
        fd::IPV4_SERVER | fd::IPV6_SERVER => {
            let end = Address::Ip((address(fields)?, fields.u16()?));
            descriptor.label = end.into();
            descriptor.protocol = protocol(fields.u8()?);
            descriptor.server = true;
        }
        fd::UNIX => {
            // The path alone is the name of what was open before.
            let (_source, _destination) = (fields.u64()?, fields.u64()?);
            descriptor.label = Label::name(fields.text()?);
        }
        fd::FILE_V2 => {
            let (flags, path) = (fields.u32()?, fields.text()?);
            let dev = match sized && fields.left() >= 4 {
                true => fields.u32()?,
                false => 0,
            };
            descriptor.label = Label::file(path, flags, dev);
        }
        fd::FILE | fd::DIRECTORY..=fd::PIDFD => {
            descriptor.label = Label::name(fields.text()?);
        }
        // Its layout is of a later version; its length says where it ends.
        _ if sized => {}
        _ => return Err(fields.bad()),
    }
    Ok(descriptor)
}

fn kind(ty: u8) -> FdKind {
    match ty {
        fd::FILE | fd::FILE_V2 => FdKind::File,
        fd::DIRECTORY => FdKind::Directory,
        fd::IPV4 | fd::IPV4_SERVER => FdKind::Ipv4,
        fd::IPV6 | fd::IPV6_SERVER => FdKind::Ipv6,
        fd::FIFO => FdKind::Pipe,
        fd::UNIX => FdKind::Unix,
        fd::EVENT => FdKind::Event,
        fd::SIGNAL => FdKind::Signal,
        fd::EPOLL => FdKind::Eventpoll,
        fd::INOTIFY => FdKind::Inotify,
        fd::TIMER => FdKind::Timer,
        fd::NETLINK => FdKind::Netlink,
        fd::BPF => FdKind::Bpf,
        fd::USERFAULT => FdKind::Userfault,
        fd::IO_URING => FdKind::IoUring,
        fd::MEMFD => FdKind::Memfd,
        fd::PIDFD => FdKind::Pidfd,
        _ => FdKind::Unknown,
    }
}
