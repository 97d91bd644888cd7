// SPDX-License-Identifier: GPL-2.0-only

//! From what a hook was given to a record, driven by the table of events.

use crate::abi::event::{Event, Source, CWD, EVENTS, RETURNED};
use crate::abi::flags;
use crate::abi::record::flag;
use crate::buffers::{self, Message, Vector};
use crate::file::{self, OpenFile};
use crate::record::{Filled, Numbers, Record, NUMBERS_MAX};
use crate::socket::{self, Socket};
use crate::task::{self, Facts, Task};
use crate::user::{self, PATH_MAX};

/// The kernel's `AT_FDCWD`.
const AT_FDCWD: i32 = -100;
/// The kernel's `AT_REMOVEDIR`.
const AT_REMOVEDIR: u32 = 0x200;
/// Most bytes that are recorded of what goes through a descriptor.
const SNAPLEN: usize = 80;
/// Length of a task's name, its NUL included.
const COMM: usize = 16;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_CHILD_SUBREAPER: u32 = 37;
/// `mount` flags of old programs carry this in the upper half.
const MS_MGC_MASK: u64 = 0xFFFF_0000;
const MS_MGC_VAL: u64 = 0xC0ED_0000;

/// A system call that has returned, or (with `entry`) will not.
pub(crate) struct Call {
    /// Its number.
    pub(crate) number: u32,
    /// Its arguments.
    pub(crate) args: [usize; 6],
    /// What it returned.
    pub(crate) result: i64,
}

impl Call {
    fn arg(&self, n: u8) -> usize {
        self.args[usize::from(n)]
    }

    fn int(&self, n: u8) -> i32 {
        self.arg(n) as i32
    }

    fn word(&self, n: u8) -> u32 {
        self.arg(n) as u32
    }

    /// Bytes that the call took from the program; all when it failed.
    fn sent(&self) -> usize {
        usize::try_from(self.result).unwrap_or(usize::MAX)
    }

    /// Bytes that the call gave to the program, unless it failed.
    fn received(&self) -> Option<usize> {
        usize::try_from(self.result).ok()
    }

    fn descriptor(&self, n: u8) -> i32 {
        if n == RETURNED {
            self.result as i32
        } else {
            self.int(n)
        }
    }

    /// A parameter that is in the registers; `None` for all others.
    #[inline(always)]
    fn number(&self, source: Source) -> Option<u64> {
        Some(match source {
            Source::Return => self.result as u64,
            Source::Signed(n) => i64::from(self.int(n)) as u64,
            Source::Word(n) => u64::from(self.word(n)),
            Source::Long(n) => self.arg(n) as u64,
            Source::Number => u64::from(self.number),
            Source::OpenMode(flags, mode) => {
                let makes = flags::open::CREAT | flags::open::TMPFILE;
                match flags::open::from_kernel(self.word(flags)) & makes {
                    0 => 0,
                    _ => u64::from(self.word(mode)),
                }
            }
            Source::UnlinkFlags(n) => u64::from(self.word(n) & AT_REMOVEDIR),
            Source::Ptrace(n) => u64::from(flags::ptrace_from_kernel(self.word(n))),
            Source::MountFlags(n) => {
                let flags = self.arg(n) as u64;
                let magic = flags & MS_MGC_MASK == MS_MGC_VAL;
                flags & if magic { !MS_MGC_MASK } else { u64::MAX } & 0xFFFF_FFFF
            }
            Source::Permissions(n) => u64::from(self.word(n) & 0o7777),
            Source::Bits(n, pairs) => u64::from(flags::portable(self.word(n), pairs)),
            Source::OpenBits(n) => u64::from(flags::open::from_kernel(self.word(n))),
            Source::CloneBits(n) => u64::from(flags::clone::from_kernel(self.arg(n) as u64)),
            Source::Fcntl(n) => u64::from(flags::fcntl_from_kernel(self.word(n))),
            _ => return None,
        })
    }
}

/// Events of which every parameter is in the registers.
static IN_REGISTERS: [bool; EVENTS.len()] = {
    let mut events = [false; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        let params = EVENTS[e].params;
        let mut all = params.len() <= NUMBERS_MAX;
        let mut p = 0;
        while p < params.len() {
            all &= params[p].source.is_in_registers();
            p += 1;
        }
        events[e] = all;
        e += 1;
    }
    events
};

/// Whether every parameter of the event is in the registers.
#[inline]
pub(crate) fn is_in_registers(event: Event) -> bool {
    IN_REGISTERS[event as usize]
}

/// Adds the parameters of a call of which all are in the registers.
#[inline]
pub(crate) fn numbers(record: &mut Numbers, event: Event, call: &Call) {
    for param in event.info().params {
        record.push(call.number(param.source).unwrap_or_default());
    }
}

/// Reads the parameters of a system call. May sleep.
pub(crate) fn syscall(record: &mut Record<'_>, event: Event, call: &Call) {
    record.set_syscall(call.number);
    let mut reader = Reader {
        call,
        facts: Facts::of_current(),
        opened: None,
    };
    for (slot, param) in event.info().params.iter().enumerate() {
        reader.put(record, slot, param.source);
    }
    match event {
        Event::Execve => failed_exec(record, call.arg(0), call.arg(1)),
        Event::Execveat => failed_execveat(record, call.arg(1), call.arg(2)),
        Event::Clone => clone_flags(record, call.arg(0) as u64),
        Event::Clone3 => {
            if let Ok(flags) = user::word(call.arg(0)) {
                clone_flags(record, flags);
            }
        }
        Event::Fork => clone_flags(record, 0),
        // What the kernel makes of it.
        Event::Vfork => clone_flags(record, 0x4100),
        _ => {}
    }
}

struct Reader<'a> {
    call: &'a Call,
    facts: Facts,
    /// The file that the returned descriptor refers to; `None`: not looked for yet.
    opened: Option<Option<OpenFile>>,
}

impl Reader<'_> {
    fn opened(&mut self) -> Option<&OpenFile> {
        let fd = self.call.result as i32;
        self.opened
            .get_or_insert_with(|| OpenFile::of_descriptor(fd))
            .as_ref()
    }

    fn put(&mut self, record: &mut Record<'_>, slot: usize, source: Source) {
        let call = self.call;
        match source {
            Source::Str(n) => record.fill(slot, PATH_MAX, |to| match call.arg(n) {
                0 => Filled::Nothing,
                address => user::string(address, to),
            }),
            Source::Base(fd, path) => self.put_base(record, slot, fd, path),
            Source::OpenFlags(n) => self.put_open_flags(record, slot, call.word(n)),
            Source::OpenHow(n, field) => self.put_open_how(record, slot, call.arg(n), field),
            Source::FileDev => {
                if let Some(dev) = self.opened().map(OpenFile::dev) {
                    record.number(slot, u64::from(dev));
                }
            }
            Source::FileIno => {
                if let Some(ino) = self.opened().map(OpenFile::ino) {
                    record.number(slot, ino);
                }
            }
            Source::SockAddr(address, len) => {
                put_sockaddr(record, slot, call.arg(address), call.int(len));
            }
            Source::SockTuple(n) => {
                if let Some(socket) = Socket::of_descriptor(call.descriptor(n)) {
                    // The client's end first: ours, unless we accepted.
                    record.fill(slot, PATH_MAX, |to| socket.tuple(n != RETURNED, to));
                }
            }
            Source::QueuePercent(n) | Source::QueueLen(n) | Source::QueueMax(n) => {
                if let Some(socket) = Socket::of_descriptor(call.descriptor(n)) {
                    let (len, max) = socket.queue();
                    let value = match source {
                        Source::QueueLen(_) => u64::from(len),
                        Source::QueueMax(_) => u64::from(max),
                        _ => (u64::from(len) * 100)
                            .checked_div(u64::from(max))
                            .unwrap_or(0),
                    };
                    record.number(slot, value);
                }
            }
            Source::Task(fact) => self.facts.put(record, slot, fact),
            Source::FdPath(n) => {
                if let Some(file) = OpenFile::of_descriptor(call.int(n)) {
                    record.fill(slot, PATH_MAX, |to| file.path(to));
                }
            }
            Source::FdKind(n) => {
                if let Some(file) = OpenFile::of_descriptor(call.int(n)) {
                    record.number(slot, u64::from(file.kind()));
                }
            }
            Source::LocalAddr(n) => {
                if let Some(socket) = Socket::of_descriptor(call.int(n)) {
                    record.fill(slot, PATH_MAX, |to| socket.local(to));
                }
            }
            Source::SocketProto(n) => {
                if let Some(socket) = Socket::of_descriptor(call.int(n)) {
                    record.number(slot, u64::from(socket.protocol()));
                }
            }
            Source::Connected(n) => {
                if let Some(socket) = Socket::of_descriptor(call.int(n)) {
                    record.number(slot, u64::from(socket.is_connected()));
                }
            }
            Source::TupleTo(fd, address, len) => {
                let given = (call.arg(address), call.int(len));
                put_tuple(record, slot, call.int(fd), given, true);
            }
            Source::TupleFrom(fd, address, len) => {
                let given = (call.arg(address), call.arg(len));
                put_tuple_from(record, slot, call, call.int(fd), given);
            }
            Source::Sent(address, len) => {
                let buffer = (call.arg(address), call.arg(len));
                record.fill(slot, SNAPLEN, |to| buffers::one(buffer, call.sent(), to));
            }
            Source::Received(address) => {
                if let Some(len) = call.received() {
                    let buffer = (call.arg(address), len);
                    record.fill(slot, SNAPLEN, |to| buffers::one(buffer, len, to));
                }
            }
            Source::Buffer(address, len) => {
                let buffer = (call.arg(address), call.arg(len));
                record.fill(slot, SNAPLEN, |to| buffers::one(buffer, usize::MAX, to));
            }
            Source::SentVector(address, count) => {
                let vector = Vector::new(call.arg(address), call.arg(count));
                record.fill(slot, SNAPLEN, |to| vector.gather(call.sent(), to));
            }
            Source::ReceivedVector(address, count) => {
                if let Some(len) = call.received() {
                    let vector = Vector::new(call.arg(address), call.arg(count));
                    record.fill(slot, SNAPLEN, |to| vector.gather(len, to));
                }
            }
            Source::VectorSize(address, count) => {
                put_size(
                    record,
                    slot,
                    &Vector::new(call.arg(address), call.arg(count)),
                );
            }
            Source::SentMessage(n)
            | Source::ReceivedMessage(n)
            | Source::MessageSize(n)
            | Source::MessageControl(n)
            | Source::MessageTupleTo(_, n)
            | Source::MessageTupleFrom(_, n) => put_message(record, slot, call, source, n),
            Source::MadeFd(array, index) => {
                if let Some(fd) = made(record, call, array, index) {
                    record.int(slot, i64::from(fd));
                }
            }
            Source::MadeIno(array, index) => {
                if let Some(file) =
                    made(record, call, array, index).and_then(OpenFile::of_descriptor)
                {
                    record.number(slot, file.ino());
                }
            }
            Source::PrctlText(option, n) => {
                if matches!(call.word(option), PR_SET_NAME | PR_GET_NAME) {
                    record.fill(slot, COMM, |to| user::string(call.arg(n), to));
                }
            }
            Source::PrctlNumber(option, n) => match call.word(option) {
                PR_SET_NAME | PR_GET_NAME => record.number(slot, 0),
                PR_GET_CHILD_SUBREAPER => match user::int(call.arg(n)) {
                    Ok(value) => record.int(slot, i64::from(value)),
                    Err(_) => record.mark(flag::FAULT),
                },
                _ => record.number(slot, call.arg(n) as u64),
            },
            source => {
                if let Some(value) = call.number(source) {
                    record.number(slot, value);
                }
            }
        }
    }

    /// The directory that a relative path starts from.
    fn put_base(&self, record: &mut Record<'_>, slot: usize, fd: u8, path: u8) {
        // Of the path as it was recorded: the program may change its own copy.
        let relative = record
            .info()
            .params
            .iter()
            .position(|p| p.source == Source::Str(path))
            .and_then(|name| record.read(name))
            .is_some_and(|name| name.first() != Some(&b'/'));
        if !relative {
            return;
        }
        let fd = if fd == CWD {
            AT_FDCWD
        } else {
            self.call.int(fd)
        };
        if fd == AT_FDCWD {
            record.fill(slot, PATH_MAX, file::working_directory);
        } else if let Some(directory) = OpenFile::of_descriptor(fd) {
            record.fill(slot, PATH_MAX, |to| directory.path(to));
        }
    }

    fn put_open_flags(&mut self, record: &mut Record<'_>, slot: usize, kernel: u32) {
        let mut flags = flags::open::from_kernel(kernel);
        if self.opened().is_some_and(OpenFile::created) {
            flags |= flags::open::F_CREATED;
        }
        record.number(slot, u64::from(flags));
    }

    fn put_open_how(&mut self, record: &mut Record<'_>, slot: usize, how: usize, field: u8) {
        let Ok(value) = user::word(how.wrapping_add(8 * usize::from(field))) else {
            record.mark(flag::FAULT);
            return;
        };
        match field {
            0 => self.put_open_flags(record, slot, value as u32),
            1 => record.number(slot, value & 0xFFFF_FFFF),
            _ => record.number(slot, u64::from(flags::resolve::from_kernel(value))),
        }
    }
}

fn put_sockaddr(record: &mut Record<'_>, slot: usize, address: usize, len: i32) {
    let Ok(len) = usize::try_from(len) else {
        return;
    };
    let mut raw = [0; socket::STORAGE];
    let raw = &mut raw[..len.min(socket::STORAGE)];
    if user::bytes(address, raw).is_err() {
        record.mark(flag::FAULT);
        return;
    }
    record.fill(slot, PATH_MAX, |to| socket::encode(raw, to));
}

/// Ends of a socket that sends or has received; what was given (address and
/// length) is the other end of one that is not connected.
fn put_tuple(
    record: &mut Record<'_>,
    slot: usize,
    fd: i32,
    (address, len): (usize, i32),
    sends: bool,
) {
    let mut raw = [0; socket::STORAGE];
    let len = usize::try_from(len).unwrap_or(0).min(socket::STORAGE);
    let raw = if address == 0 {
        &mut raw[..0]
    } else {
        &mut raw[..len]
    };
    if user::bytes(address, raw).is_err() {
        record.mark(flag::FAULT);
        return;
    }
    if let Some(socket) = Socket::of_descriptor(fd) {
        record.fill(slot, PATH_MAX, |to| socket.tuple_with(raw, sends, to));
    }
}

/// The same where the kernel has written the address and, through a pointer,
/// its length.
fn put_tuple_from(
    record: &mut Record<'_>,
    slot: usize,
    call: &Call,
    fd: i32,
    (address, len): (usize, usize),
) {
    if call.received().is_none() {
        return;
    }
    let len = if address == 0 { Ok(0) } else { user::int(len) };
    match len {
        Ok(len) => put_tuple(record, slot, fd, (address, len), false),
        Err(_) => record.mark(flag::FAULT),
    }
}

fn put_size(record: &mut Record<'_>, slot: usize, vector: &Vector) {
    match vector.size() {
        Ok(size) => record.number(slot, size & 0xFFFF_FFFF),
        Err(_) => record.mark(flag::FAULT),
    }
}

/// A parameter out of the `struct msghdr` in an argument.
fn put_message(record: &mut Record<'_>, slot: usize, call: &Call, source: Source, n: u8) {
    let Ok(message) = Message::read(call.arg(n)) else {
        record.mark(flag::FAULT);
        return;
    };
    let vector = message.vector();
    match source {
        Source::MessageSize(_) => put_size(record, slot, &vector),
        Source::SentMessage(_) => {
            record.fill(slot, SNAPLEN, |to| vector.gather(call.sent(), to));
        }
        Source::MessageTupleTo(fd, _) => {
            put_tuple(record, slot, call.int(fd), message.name(), true);
        }
        // What follows is there when something was received.
        _ if call.received().is_none() => {}
        Source::ReceivedMessage(_) => {
            let len = call.received().unwrap_or(0);
            record.fill(slot, SNAPLEN, |to| vector.gather(len, to));
        }
        Source::MessageTupleFrom(fd, _) => {
            put_tuple(record, slot, call.int(fd), message.name(), false);
        }
        _ => {
            let control = message.control();
            record.fill(slot, SNAPLEN, |to| buffers::one(control, usize::MAX, to));
        }
    }
}

/// A descriptor that the call wrote into an array.
fn made(record: &mut Record<'_>, call: &Call, array: u8, index: u8) -> Option<i32> {
    if call.result < 0 {
        return None;
    }
    let fd = user::int(call.arg(array).wrapping_add(4 * usize::from(index)));
    if fd.is_err() {
        record.mark(flag::FAULT);
    }
    fd.ok()
}

fn clone_flags(record: &mut Record<'_>, kernel: u64) {
    let Some(slot) = named(record, "flags") else {
        return;
    };
    let mut flags = flags::clone::from_kernel(kernel);
    if !Task::current().in_initial_pidns() {
        flags |= flags::clone::CHILD_IN_PIDNS;
    }
    record.number(slot, u64::from(flags));
}

/// What the program that could not be started would have got.
fn failed_exec(record: &mut Record<'_>, path: usize, argv: usize) {
    use crate::abi::event::execve::Slot;
    record.fill(Slot::filename as usize, PATH_MAX, |to| {
        user::string(path, to)
    });
    put_argv(record, Slot::exe as usize, Slot::args as usize, argv);
}

fn failed_execveat(record: &mut Record<'_>, path: usize, argv: usize) {
    use crate::abi::event::execveat::Slot;
    record.fill(Slot::filename as usize, PATH_MAX, |to| {
        user::string(path, to)
    });
    put_argv(record, Slot::exe as usize, Slot::args as usize, argv);
}

fn put_argv(record: &mut Record<'_>, exe: usize, args: usize, argv: usize) {
    record.fill(args, PATH_MAX, |to| user::strings(argv, to));
    task::split_first(record, exe, args);
}

fn named(record: &Record<'_>, name: &str) -> Option<usize> {
    record.info().params.iter().position(|p| p.name == name)
}

/// A program was started. Does not sleep.
pub(crate) fn exec(record: &mut Record<'_>, filename: &[u8]) {
    use crate::abi::event::execve::Slot;
    let mut facts = Facts::of_current();
    facts.put_arguments(record, Slot::exe as usize, Slot::args as usize);
    for (slot, param) in Event::Execve.info().params.iter().enumerate() {
        match param.source {
            Source::Return => record.int(slot, 0),
            Source::Task(fact) => facts.put(record, slot, fact),
            _ => {}
        }
    }
    record.bytes(Slot::filename as usize, filename);
}

/// A task was made. Does not sleep.
pub(crate) fn fork(record: &mut Record<'_>, parent: Task, child: Task) {
    use crate::abi::event::task_new::Slot;
    record.number(Slot::tid as usize, u64::from(child.tid()));
    record.number(Slot::pid as usize, u64::from(child.pid()));
    record.int(Slot::ptid as usize, child.ppid());
    record.int(Slot::vtid as usize, child.vtid());
    record.int(Slot::vpid as usize, child.vpid());
    parent.put_comm(record, Slot::comm as usize);
    record.number(Slot::start as usize, child.start());
    record.number(Slot::pidns as usize, child.pidns());
}

/// A task ends. Does not sleep.
pub(crate) fn exit(record: &mut Record<'_>, task: Task) {
    use crate::abi::event::procexit::Slot;
    let code = task.exit_code();
    record.int(Slot::status as usize, i64::from(code));
    record.int(Slot::ret as usize, i64::from(code >> 8 & 0xFF));
    record.int(Slot::sig as usize, i64::from(code & 0x7F));
    record.int(Slot::core as usize, i64::from(code >> 7 & 1));
    record.number(Slot::reaper_tid as usize, u64::from(task.reaper()));
}
