//! What events do to open descriptors.

use bumpalo::Bump;
use falco_abi::event::{
    Event as Kind, accept, accept4, bind, close, close_range, connect, creat, dup, dup3,
    epoll_create1, eventfd2, fcntl, inotify_init1, memfd_create, open, open_by_handle_at, openat,
    openat2, pidfd_getfd, pidfd_open, pipe, pipe2, recvfrom, recvmmsg, recvmsg, sendmmsg, sendmsg,
    sendto, signalfd4, socket, socketpair, timerfd_create, unshare, userfaultfd,
};
use falco_abi::flags::{clone, open as bits};

use super::State;
use super::address::Address;
use super::descriptor::{Descriptor, FdKind, Label, Protocol};
use super::files::OpenFiles;
use crate::event::Event;
use crate::paths;
use crate::source::FdChange;

/// Commands of `fcntl` in the portable encoding.
mod command {
    pub(super) const DUPFD: u64 = 1;
    pub(super) const SETFD: u64 = 3;
    pub(super) const DUPFD_CLOEXEC: u64 = 26;
}

/// Whether a command of `fcntl` copies the descriptor.
pub(crate) fn is_copy(command: u64) -> bool {
    matches!(command, command::DUPFD | command::DUPFD_CLOEXEC)
}

/// How a command of `fcntl` with its argument changes what is known of descriptors.
pub(crate) fn fcntl_change(command: u64, arg: u64) -> Option<FdChange> {
    Some(match command {
        command::DUPFD => FdChange::Copy { cloexec: false },
        command::DUPFD_CLOEXEC => FdChange::Copy { cloexec: true },
        command::SETFD => FdChange::Cloexec(arg & FD_CLOEXEC != 0),
        _ => return None,
    })
}

/// Close-on-exec in the argument of `F_SETFD`.
const FD_CLOEXEC: u64 = 1;

/// Slots of the calls that open a path by flags.
struct Opening {
    flags: usize,
    dev: usize,
    ino: usize,
}

macro_rules! opening {
    ($event:ident, $flags:ident) => {
        Opening {
            flags: $event::Slot::$flags as usize,
            dev: $event::Slot::dev as usize,
            ino: $event::Slot::ino as usize,
        }
    };
}

fn opening(kind: Kind) -> Option<Opening> {
    Some(match kind {
        Kind::Open => opening!(open, flags),
        Kind::Openat => opening!(openat, flags),
        Kind::Openat2 => opening!(openat2, flags),
        Kind::Creat => opening!(creat, creat_flags),
        Kind::OpenByHandleAt => opening!(open_by_handle_at, flags),
        _ => return None,
    })
}

/// Kind of the descriptor that a call made which has no name, and whether it
/// ends with the next program.
pub(crate) fn made_nameless(event: &Event<'_>) -> Option<(FdKind, bool)> {
    let bit = |slot: usize, bit: u32| {
        let flags = event.number(slot).unwrap_or_default();
        flags & u64::from(bit) != 0
    };
    Some(match event.kind {
        Kind::Eventfd => (FdKind::Event, false),
        Kind::Eventfd2 => {
            let slot = eventfd2::Slot::flags as usize;
            (FdKind::Event, bit(slot, bits::CLOEXEC))
        }
        Kind::EpollCreate => (FdKind::Eventpoll, false),
        Kind::EpollCreate1 => (
            FdKind::Eventpoll,
            bit(epoll_create1::Slot::flags as usize, 1),
        ),
        Kind::InotifyInit => (FdKind::Inotify, false),
        Kind::InotifyInit1 => {
            let slot = inotify_init1::Slot::flags as usize;
            (FdKind::Inotify, bit(slot, bits::CLOEXEC))
        }
        Kind::Signalfd => (FdKind::Signal, false),
        Kind::Signalfd4 => {
            let slot = signalfd4::Slot::flags as usize;
            (FdKind::Signal, bit(slot, bits::CLOEXEC))
        }
        // The kernel's own bits; captures have none.
        Kind::TimerfdCreate => {
            let slot = timerfd_create::Slot::flags as usize;
            (FdKind::Timer, bit(slot, libc::TFD_CLOEXEC.cast_unsigned()))
        }
        Kind::Userfaultfd => {
            let slot = userfaultfd::Slot::flags as usize;
            (FdKind::Userfault, bit(slot, bits::CLOEXEC))
        }
        // The kernel always sets it on these.
        Kind::Bpf => (FdKind::Bpf, true),
        Kind::IoUringSetup => (FdKind::IoUring, true),
        _ => return None,
    })
}

/// Slots of the socket calls that carry bytes: descriptor and tuple.
fn carried(kind: Kind) -> Option<(usize, usize, bool)> {
    macro_rules! slots {
        ($event:ident, $incoming:literal) => {
            (
                $event::Slot::fd as usize,
                $event::Slot::tuple as usize,
                $incoming,
            )
        };
    }
    Some(match kind {
        Kind::Sendto => slots!(sendto, false),
        Kind::Sendmsg => slots!(sendmsg, false),
        Kind::Sendmmsg => slots!(sendmmsg, false),
        Kind::Recvfrom => slots!(recvfrom, true),
        Kind::Recvmsg => slots!(recvmsg, true),
        Kind::Recvmmsg => slots!(recvmmsg, true),
        _ => return None,
    })
}

/// The descriptors that came with a message (`SCM_RIGHTS`).
fn rights(mut control: &[u8]) -> impl Iterator<Item = u32> {
    const HEADER: usize = 16;
    const SOL_SOCKET: u32 = 1;
    const SCM_RIGHTS: u32 = 1;
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4)?;
        Some(u32::from_ne_bytes(word.try_into().ok()?))
    };
    let messages = std::iter::from_fn(move || {
        let len = u64::from_ne_bytes(control.get(..8)?.try_into().ok()?);
        let len = usize::try_from(len).ok().filter(|&len| len >= HEADER)?;
        let (level, kind) = (word(control, 8)?, word(control, 12)?);
        let data = control.get(HEADER..len.min(control.len()))?;
        let next = len.min(control.len()).next_multiple_of(8);
        control = control.get(next..).unwrap_or_default();
        Some((level, kind, data))
    });
    messages
        .filter(|&(level, kind, _)| level == SOL_SOCKET && kind == SCM_RIGHTS)
        .flat_map(|(_, _, data)| data.chunks_exact(4))
        .filter_map(|num| Some(u32::from_ne_bytes(num.try_into().ok()?)))
}

/// A number that was returned or given.
fn number(num: i64) -> Option<u32> {
    u32::try_from(num).ok()
}

impl State {
    /// Takes in what the event tells of descriptors that were opened, copied or
    /// changed.
    pub(super) fn opened(&mut self, event: &Event<'_>) {
        let num = |slot: usize| event.int(slot).and_then(number);
        let bytes = |slot: usize| event.bytes(slot);
        let flag = |slot: usize, bit: u32| {
            let flags = event.number(slot).unwrap_or_default();
            flags & u64::from(bit) != 0
        };
        let Some(result) = event.result() else {
            return;
        };
        let pending = event.kind == Kind::Connect && result == -i64::from(libc::EINPROGRESS);
        if result < 0 && !pending {
            return;
        }
        match event.kind {
            Kind::Socket => {
                use socket::Slot;
                let value = |slot: Slot| event.number(slot as usize).unwrap_or_default();
                let ty = value(Slot::r#type);
                let cloexec = flag(Slot::flags as usize, bits::CLOEXEC)
                    || ty & u64::from(libc::SOCK_CLOEXEC.cast_unsigned()) != 0;
                let descriptor = Descriptor {
                    protocol: Protocol::of_socket(ty, value(Slot::proto)),
                    ..Descriptor::new(FdKind::of_family(value(Slot::domain)))
                };
                self.put(event, result, descriptor, cloexec);
            }
            Kind::Connect => {
                use connect::Slot;
                let address = bytes(Slot::tuple as usize)
                    .and_then(Address::of_tuple)
                    .or_else(|| bytes(Slot::addr as usize).and_then(Address::of_addr));
                let proto = event.number(Slot::proto as usize);
                self.socket(event, num(Slot::fd as usize), |socket| {
                    if let Some(address) = address {
                        socket.kind = address.kind();
                        socket.label = address.into();
                    }
                    socket.server = false;
                    socket.connected = true;
                    match proto {
                        Some(proto) => socket.protocol = Protocol::of_number(proto),
                        // Whatever was lost, most connections are of this one.
                        None if socket.protocol == Protocol::Unknown && socket.kind.is_ip() => {
                            socket.protocol = Protocol::Tcp;
                        }
                        None => {}
                    }
                });
            }
            Kind::Accept | Kind::Accept4 => {
                let (tuple, proto, cloexec) = match event.kind {
                    Kind::Accept => (
                        accept::Slot::tuple as usize,
                        accept::Slot::proto as usize,
                        false,
                    ),
                    // Captures have the portable bit, the module has the kernel's.
                    _ => (
                        accept4::Slot::tuple as usize,
                        accept4::Slot::proto as usize,
                        flag(
                            accept4::Slot::flags as usize,
                            bits::CLOEXEC | libc::SOCK_CLOEXEC.cast_unsigned(),
                        ),
                    ),
                };
                let address = bytes(tuple).and_then(Address::of_tuple);
                let kind = address.map_or(FdKind::Unknown, Address::kind);
                let protocol = match event.number(proto) {
                    Some(proto) => Protocol::of_number(proto),
                    None if kind.is_ip() => Protocol::Tcp,
                    None => Protocol::Unknown,
                };
                let descriptor = Descriptor {
                    protocol,
                    server: true,
                    connected: true,
                    label: address.map_or(Label::NONE, Label::from),
                    ..Descriptor::new(kind)
                };
                self.put(event, result, descriptor, cloexec);
            }
            Kind::Bind => {
                use bind::Slot;
                let address = bytes(Slot::addr as usize).and_then(Address::of_addr);
                let proto = event.number(Slot::proto as usize);
                self.socket(event, num(Slot::fd as usize), |socket| {
                    if let Some(address) = address {
                        socket.kind = address.kind();
                        socket.label = address.into();
                    }
                    // Without a port of its own it waits for nobody.
                    socket.server = !matches!(address, Some(Address::Ip((_, 0))));
                    if let Some(proto) = proto {
                        socket.protocol = Protocol::of_number(proto);
                    }
                });
            }
            Kind::Socketpair => {
                use socketpair::Slot;
                let value = |slot: Slot| event.number(slot as usize).unwrap_or_default();
                let kind = FdKind::of_family(value(Slot::domain));
                let ty = value(Slot::r#type);
                let cloexec = ty & u64::from(libc::SOCK_CLOEXEC.cast_unsigned()) != 0;
                let (source, peer) = (value(Slot::source), value(Slot::peer));
                for (fd, identity) in [(Slot::fd1, source), (Slot::fd2, peer)] {
                    let mut socket = Descriptor::new(kind);
                    socket.connected = true;
                    socket.ino = identity;
                    self.put(event, event.int(fd as usize).unwrap_or(-1), socket, cloexec);
                }
            }
            Kind::Pipe | Kind::Pipe2 => {
                use pipe::Slot;
                let cloexec =
                    event.kind == Kind::Pipe2 && flag(pipe2::Slot::flags as usize, bits::CLOEXEC);
                let ino = event.number(Slot::ino as usize).unwrap_or_default();
                for fd in [Slot::fd1, Slot::fd2] {
                    let pipe = Descriptor {
                        ino,
                        ..Descriptor::new(FdKind::Pipe)
                    };
                    self.put(event, event.int(fd as usize).unwrap_or(-1), pipe, cloexec);
                }
            }
            Kind::MemfdCreate => {
                use memfd_create::Slot;
                let name = bytes(Slot::name as usize).unwrap_or_default();
                let mut file = Descriptor::new(FdKind::Memfd);
                file.label = Label::name(name);
                self.put(event, result, file, flag(Slot::flags as usize, 1));
            }
            Kind::PidfdOpen => {
                let target = event.number(pidfd_open::Slot::pid as usize);
                let mut pidfd = Descriptor::new(FdKind::Pidfd);
                // Of a process the number of the process takes the inode's place.
                pidfd.ino = target.unwrap_or_default();
                self.put(event, result, pidfd, true);
            }
            Kind::PidfdGetfd => {
                use pidfd_getfd::Slot;
                let copied = self.of_other(
                    event.header.tid,
                    num(Slot::pid_fd as usize),
                    num(Slot::target_fd as usize),
                );
                self.put_or_read(event, result, copied, true);
            }
            Kind::Dup | Kind::Dup2 | Kind::Dup3 => {
                let cloexec =
                    event.kind == Kind::Dup3 && flag(dup3::Slot::flags as usize, bits::CLOEXEC);
                let from = num(dup::Slot::oldfd as usize);
                if !self.copied(event.header.tid, from, result, cloexec) {
                    self.put_or_read(event, result, None, cloexec);
                }
            }
            Kind::Fcntl => {
                use fcntl::Slot;
                let value = |slot: Slot| event.number(slot as usize).unwrap_or_default();
                let change = fcntl_change(value(Slot::cmd), value(Slot::arg));
                if let (Some(fd), Some(change)) = (event.int(Slot::fd as usize), change)
                    && !self.fcntl(event.header.tid, fd, result, change)
                {
                    self.put_or_read(event, result, None, false);
                }
            }
            Kind::CloseRange => self.closed_range(event),
            Kind::Unshare if flag(unshare::Slot::flags as usize, clone::FILES) => {
                self.table.own_files(event.header.tid);
            }
            _ => self.opened_otherwise(event, result),
        }
    }

    /// The same of calls that make a descriptor in a way that others have too.
    fn opened_otherwise(&mut self, event: &Event<'_>, result: i64) {
        if let Some(slots) = opening(event.kind) {
            self.opened_path(event, &slots);
        } else if let Some((kind, cloexec)) = made_nameless(event) {
            self.put(event, result, Descriptor::new(kind), cloexec);
        } else if let Some((fd, tuple, incoming)) = carried(event.kind) {
            if let Some(tuple) = event.bytes(tuple).and_then(Address::of_tuple) {
                let num = event.int(fd).and_then(number);
                self.addressed(event, num, tuple, incoming);
            }
            if incoming && let Some(slot) = control_slot(event.kind) {
                self.received(event, event.bytes(slot).unwrap_or_default());
            }
        }
    }

    /// Takes out what was closed, after the rules looked at the event.
    pub(super) fn closed(&mut self, event: &Event<'_>) {
        if let Some(fd) = event.int(close::Slot::fd as usize) {
            self.free(event.header.tid, event.result().unwrap_or(0), fd);
        }
    }

    /// A number is free again, even when the file could not be written to.
    pub(super) fn free(&mut self, tid: u32, result: i64, fd: i64) {
        if result != -i64::from(libc::EBADF)
            && let Some(num) = number(fd)
            && let Some(mut files) = self.table.known_files_mut(tid)
        {
            files.remove(num);
        }
    }

    /// What a call of `fcntl` that did not fail changes. `false`: what the new number
    /// refers to is not known.
    pub(super) fn fcntl(&mut self, tid: u32, fd: i64, result: i64, change: FdChange) -> bool {
        match change {
            FdChange::Copy { cloexec } => self.copied(tid, number(fd), result, cloexec),
            FdChange::Cloexec(cloexec) => {
                if let (Some(fd), Some(mut files)) = (number(fd), self.table.files_mut(tid)) {
                    files.set_cloexec(fd, cloexec);
                }
                true
            }
            FdChange::Close => true,
        }
    }

    fn closed_range(&mut self, event: &Event<'_>) {
        use close_range::Slot;
        const UNSHARE: u64 = 1 << 1;
        const CLOEXEC: u64 = 1 << 2;
        let value = |slot: Slot| event.number(slot as usize).unwrap_or_default();
        let (first, last) = (value(Slot::first) as u32, value(Slot::last) as u32);
        let flags = value(Slot::flags);
        if flags & UNSHARE != 0 {
            self.table.own_files(event.header.tid);
        }
        let Some(mut files) = self.files_of(event) else {
            return;
        };
        match flags & CLOEXEC {
            0 => files.remove_range(first, last),
            _ => files.set_cloexec_range(first, last, true),
        }
    }

    fn files_of(&mut self, event: &Event<'_>) -> Option<OpenFiles<'_>> {
        self.table.files_mut(event.header.tid)
    }

    fn put(&mut self, event: &Event<'_>, num: i64, descriptor: Descriptor, cloexec: bool) {
        self.put_or_read(event, num, Some(descriptor), cloexec);
    }

    /// Opens a number. What it refers to is read where it can be; else it stays
    /// what it was.
    fn put_or_read(
        &mut self,
        event: &Event<'_>,
        num: i64,
        descriptor: Option<Descriptor>,
        cloexec: bool,
    ) {
        let Some(num) = number(num) else {
            return;
        };
        let Some(mut files) = self.files_of(event) else {
            return;
        };
        match descriptor {
            Some(descriptor) => files.insert(num, descriptor, cloexec),
            None => self.read_file(event, num),
        }
    }

    /// Makes a number refer to what another does. `false`: nobody knows what that
    /// is. The machine can tell; a capture cannot, and keeps what the number referred
    /// to.
    fn copied(&mut self, tid: u32, from: Option<u32>, to: i64, cloexec: bool) -> bool {
        let Some(mut files) = self.table.files_mut(tid) else {
            return true;
        };
        // Nothing was closed when both are the same.
        if from == number(to) {
            return true;
        }
        let Some(descriptor) = from.and_then(|from| files.get(from).cloned()) else {
            return false;
        };
        if let Some(to) = number(to) {
            files.insert(to, descriptor, cloexec);
        }
        true
    }

    /// A descriptor of the process that a descriptor of the caller means.
    fn of_other(&self, tid: u32, pidfd: Option<u32>, num: Option<u32>) -> Option<Descriptor> {
        let files = self.table.files(self.table.get(tid)?)?;
        let pid = files
            .get(pidfd?)
            .filter(|pidfd| pidfd.kind == FdKind::Pidfd)?;
        let other = self.table.get(u32::try_from(pid.ino).ok()?)?;
        self.table.files(other)?.get(num?).cloned()
    }

    fn opened_path(&mut self, event: &Event<'_>, slots: &Opening) {
        let value = |slot: usize| event.number(slot).unwrap_or_default();
        let Some(path) = paths::one(event.kind) else {
            return;
        };
        let given = paths::given(event, path).unwrap_or_default();
        let thread = self.table.get(event.header.tid);
        let base = || self.table.base(event, thread, path);
        let flags = value(slots.flags) as u32;
        let kind = match flags & bits::DIRECTORY {
            0 => FdKind::File,
            _ => FdKind::Directory,
        };
        // What a path is put together in is dropped at once.
        let arena = std::mem::take(&mut self.scratch);
        let absolute = paths::absolute(&arena, given, base);
        let dev = value(slots.dev) as u32;
        let descriptor = Descriptor {
            ino: value(slots.ino),
            label: Label::path(absolute, given, flags, dev, &arena),
            ..Descriptor::new(kind)
        };
        self.recycle(arena);
        let result = event.result().unwrap_or(-1);
        self.put(event, result, descriptor, flags & bits::CLOEXEC != 0);
        if self.table.get(event.header.tid).is_some() {
            self.path_opened = number(result).map(|num| (event.num, num));
        }
    }

    pub(super) fn recycle(&mut self, mut arena: Bump) {
        arena.reset();
        self.scratch = arena;
    }

    /// Changes the socket under a number; makes it if it was missed.
    fn socket(
        &mut self,
        event: &Event<'_>,
        num: Option<u32>,
        change: impl FnOnce(&mut Descriptor),
    ) {
        let (Some(num), Some(mut files)) = (num, self.files_of(event)) else {
            return;
        };
        if !files.get(num).is_some_and(|d| d.kind.is_socket()) {
            files.insert(num, Descriptor::new(FdKind::Socket), false);
        }
        files.change(num, change);
    }

    /// A message tells both ends of a socket that is not connected for good.
    fn addressed(
        &mut self,
        event: &Event<'_>,
        num: Option<u32>,
        tuple: Address<'_>,
        incoming: bool,
    ) {
        let (Some(num), Some(files)) = (num, self.files_of(event)) else {
            return;
        };
        let tuple = tuple.settled();
        let known = files.get(num).filter(|d| d.kind.is_socket());
        let pair = matches!(
            known.and_then(Descriptor::address),
            Some(Address::IpPair(..))
        );
        // A connection has its ends for good.
        if pair && known.is_some_and(|d| d.protocol == Protocol::Tcp) {
            return;
        }
        let server = match known {
            Some(known) if pair => known.server,
            _ => incoming,
        };
        // The client comes first, whoever sends.
        let tuple = match server == incoming {
            true => tuple,
            false => tuple.turned(),
        };
        if known.and_then(Descriptor::address) == Some(tuple) {
            return;
        }
        let protocol = event.param("proto").filter(|(_, param)| param.extra);
        let protocol = protocol.and_then(|(slot, _)| event.number(slot));
        self.renamed = true;
        self.socket(event, Some(num), |socket| {
            socket.kind = tuple.kind();
            socket.label = tuple.into();
            socket.server = server;
            // Falco has it so: the other end is known from now on.
            socket.connected = true;
            match protocol {
                Some(protocol) => socket.protocol = Protocol::of_number(protocol),
                None if socket.protocol == Protocol::Unknown && tuple.kind().is_ip() => {
                    socket.protocol = Protocol::Udp;
                }
                None => {}
            }
        });
    }

    /// Descriptors came with a message. What they are only the proc file system
    /// can tell.
    fn received(&mut self, event: &Event<'_>, control: &[u8]) {
        for num in rights(control) {
            self.put_or_read(event, i64::from(num), None, false);
        }
    }
}

fn control_slot(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Recvmsg => Some(recvmsg::Slot::msgcontrol as usize),
        Kind::Recvmmsg => Some(recvmmsg::Slot::msgcontrol as usize),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: u32, kind: u32, data: &[u8]) -> Vec<u8> {
        let len = 16 + data.len() as u64;
        let mut bytes = [
            &len.to_ne_bytes()[..],
            &level.to_ne_bytes(),
            &kind.to_ne_bytes(),
        ]
        .concat();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn descriptors_in_messages() {
        let fds = [3u32.to_ne_bytes(), 7u32.to_ne_bytes(), 9u32.to_ne_bytes()].concat();
        let control = [
            message(1, 2, &[0; 12]),
            message(1, 1, &fds),
            message(1, 1, &fds[..4]),
        ];
        let control = control.concat();
        assert_eq!(rights(&control).collect::<Vec<_>>(), [3, 7, 9, 3]);
        for cut in 0..control.len() {
            let _ = rights(&control[..cut]).count();
        }
        // A length of nothing must not go on for ever.
        assert_eq!(rights(&[0; 64]).count(), 0);
        assert_eq!(rights(&[0xFF; 64]).count(), 0);
    }
}
