// SPDX-License-Identifier: GPL-2.0-only

//! From what a hook was given to a record, driven by the table of events.

use crate::abi::event::{Event, Field, Source, ABOUT_FD, CWD, EVENTS, NO_REGISTER, RETURNED};
use crate::abi::flags;
use crate::abi::record::{flag, Span};
use crate::buffers::{self, Message, Vector};
use crate::file::{self, Layer, OpenFile};
use crate::record::{bytes_at, Filled, Numbers, Record, WithBytes};
use crate::socket::{self, Room, Socket};
use crate::task::{self, Facts, Task};
use crate::user::{self, Few, FEW, PATH_MAX};
use crate::values;

/// The kernel's `AT_FDCWD`.
const AT_FDCWD: i32 = -100;
/// The kernel's `AT_REMOVEDIR`.
const AT_REMOVEDIR: u32 = 0x200;
/// Most messages of one call, for the kernel too.
const MESSAGES_MAX: usize = 1024;
/// Length of a task's name, its NUL included.
const COMM: usize = 16;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_CHILD_SUBREAPER: u32 = 37;
/// `mount` flags of old programs carry this in the upper half.
const MS_MGC_MASK: u64 = 0xFFFF_0000;
const MS_MGC_VAL: u64 = 0xC0ED_0000;

/// A system call that has returned, or (with `entry`) will not.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// Its arguments, what it returned, and its number.
    registers: [usize; 8],
    /// Made by a 32-bit program: pointers and `long` have four bytes.
    pub(crate) compat: bool,
    /// Times in memory have 64 bits although it is a 32-bit program.
    pub(crate) time64: bool,
    /// Bytes that went through, where that is not the result.
    pub(crate) moved: Option<usize>,
    /// How many that are could not be read.
    fault: bool,
}

/// Where in [`Call`] the result is, and the number.
const RESULT: usize = 6;
const NUMBER: usize = 7;

/// The value of a register as [`Source::register`] encodes it.
#[inline(always)]
fn plain(value: u64, code: u8) -> u64 {
    match code >> 4 {
        0 => value,
        1 => value & 0xFFFF_FFFF,
        _ => i64::from(value as i32) as u64,
    }
}

impl Call {
    /// A call of a 64-bit program.
    #[inline(always)]
    pub(crate) fn new(number: usize, [a, b, c, d, e, f]: [usize; 6], result: i64) -> Self {
        Self {
            registers: [a, b, c, d, e, f, result as usize, number],
            compat: false,
            time64: false,
            moved: None,
            fault: false,
        }
    }

    /// What it returned.
    #[inline(always)]
    pub(crate) fn result(&self) -> i64 {
        self.registers[RESULT] as i64
    }

    /// Its number.
    #[inline(always)]
    pub(crate) fn number(&self) -> u32 {
        self.registers[NUMBER] as u32
    }

    /// Its arguments.
    #[inline(always)]
    pub(crate) fn args(&mut self) -> &mut [usize; 6] {
        let [args @ .., _, _] = &mut self.registers;
        args
    }

    /// An argument.
    #[inline(always)]
    pub(crate) fn arg(&self, n: u8) -> usize {
        self.registers[usize::from(n) % 8]
    }

    /// A register as [`Source::register`] encodes it.
    #[inline(always)]
    fn register(&self, code: u8) -> u64 {
        plain(self.registers[usize::from(code) % 8] as u64, code)
    }

    pub(crate) fn int(&self, n: u8) -> i32 {
        self.arg(n) as i32
    }

    pub(crate) fn word(&self, n: u8) -> u32 {
        self.arg(n) as u32
    }

    fn vector(&self, address: u8, count: u8) -> Vector {
        Vector::new(self.arg(address), self.arg(count), self.compat)
    }

    /// Bytes that the call took from the program; all when it failed.
    fn sent(&self) -> usize {
        match self.moved {
            Some(moved) if self.result() >= 0 => moved,
            _ => usize::try_from(self.result()).unwrap_or(usize::MAX),
        }
    }

    /// Bytes that the call gave to the program, unless it failed.
    fn received(&self) -> Option<usize> {
        let received = usize::try_from(self.result()).ok()?;
        Some(self.moved.unwrap_or(received))
    }

    fn descriptor(&self, n: u8) -> i32 {
        if n == RETURNED {
            self.result() as i32
        } else {
            self.int(n)
        }
    }

    /// The mode that a file gets, where it may be made.
    #[inline(always)]
    fn open_mode(&self, flags: u8, mode: u8) -> u64 {
        let makes = flags::open::CREAT | flags::open::TMPFILE;
        match flags::open::from_kernel(self.word(flags)) & makes {
            0 => 0,
            _ => u64::from(self.word(mode)),
        }
    }

    /// A parameter that is made of registers; `None` for all others.
    #[inline(never)]
    fn computed(&self, source: &Source) -> Option<u64> {
        Some(match *source {
            Source::OpenMode(flags, mode) => self.open_mode(flags, mode),
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
            Source::Zero => 0,
            Source::Code(n, pairs, other) => {
                let word = self.word(n);
                let known = pairs.iter().find(|(kernel, _)| *kernel == word);
                u64::from(known.map_or(other, |&(_, portable)| portable))
            }
            Source::SockOpt(level, n) => {
                u64::from(flags::sockopt_from_kernel(self.word(level), self.word(n)))
            }
            Source::SemctlValue => values::semctl_value(self),
            _ => return None,
        })
    }
}

/// Most parameters of an event of which every parameter is in the registers.
const REGISTERS: usize = 8;

/// Events of which every parameter is in the registers.
const IN_REGISTERS: [bool; EVENTS.len()] = {
    let mut events = [false; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        let params = EVENTS[e].params;
        let mut all = params.len() <= REGISTERS;
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

/// What is done with a call of an event when it has returned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its registers are all there is.
    Registers,
    /// The same, and bytes that went through: see [`bytes`].
    Bytes,
    /// Its parameters are looked up.
    Parameters,
    /// The same, unless it succeeded: then the start of the program was recorded.
    Start,
    /// The same for each of its messages.
    Messages,
    /// It was recorded at its entry, since it does not return.
    Entry,
}

static WAYS: [Way; EVENTS.len()] = {
    let mut ways = [Way::Parameters; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        if IN_REGISTERS[e] {
            ways[e] = Way::Registers;
        } else if MOVED[e].is_some() {
            ways[e] = Way::Bytes;
        }
        e += 1;
    }
    ways[Event::Execve as usize] = Way::Start;
    ways[Event::Execveat as usize] = Way::Start;
    ways[Event::Sendmmsg as usize] = Way::Messages;
    ways[Event::Recvmmsg as usize] = Way::Messages;
    ways[Event::Exit as usize] = Way::Entry;
    ways[Event::ExitGroup as usize] = Way::Entry;
    ways
};

/// What is done with a call of the event when it has returned.
#[inline(always)]
pub(crate) fn way(event: Event) -> Way {
    WAYS[event as usize]
}

/// Bytes that go through a descriptor, of an event that has but registers besides.
#[derive(Clone, Copy)]
struct Moved {
    /// The argument with their address.
    address: u8,
    /// The register that says how many, unless the result is less.
    len: u8,
    /// How many parameters have slots.
    slots: u8,
    /// The others, as bits.
    missing: u64,
}

/// The events of which this is so where nobody asks what the descriptor is.
static MOVED: [Option<Moved>; EVENTS.len()] = {
    let mut events = [None; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        let (params, slots) = (EVENTS[e].params, EVENTS[e].bare_slots());
        let mut only = slots <= REGISTERS;
        let mut p = 0;
        while p < slots {
            let (address, len) = match params[p].source {
                Source::Sent(address, len) => (address, len),
                Source::Received(address) => (address, RESULT as u8),
                _ => {
                    only &= params[p].register != NO_REGISTER;
                    p += 1;
                    continue;
                }
            };
            only &= events[e].is_none();
            events[e] = Some(Moved {
                address,
                len,
                slots: slots as u8,
                missing: UNSURE[e] & !(1 << p),
            });
            p += 1;
        }
        if !only {
            events[e] = None;
        }
        e += 1;
    }
    events
};

/// The registers of such events' parameters, close together.
static CODES: [[u8; REGISTERS]; EVENTS.len()] = {
    let mut codes = [[NO_REGISTER; REGISTERS]; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        let params = EVENTS[e].params;
        let mut p = 0;
        while p < params.len() && p < REGISTERS {
            codes[e][p] = params[p].register;
            p += 1;
        }
        e += 1;
    }
    codes
};

/// How result and number are encoded, which are no arguments.
const RETURN_CODE: u8 = Source::Return.register();
const NUMBER_CODE: u8 = Source::Number.register();

const _: () = {
    let mut e = 0;
    while e < EVENTS.len() {
        let mut p = 0;
        while p < EVENTS[e].params.len() {
            let code = EVENTS[e].params[p].register;
            let other = code != NO_REGISTER && code % 8 >= RESULT as u8;
            assert!(!other || matches!(code, RETURN_CODE | NUMBER_CODE));
            p += 1;
        }
        e += 1;
    }
};

/// The record of a call of which all parameters are in the registers. Arguments are
/// asked for when they are needed, which most are not.
#[inline(always)]
pub(crate) fn numbers(
    event: Event,
    task: Task,
    number: usize,
    argument: impl Fn(usize) -> usize,
    result: i64,
    flags: u16,
) -> Numbers<impl Fn(usize) -> u64> {
    let codes = &CODES[event as usize];
    Numbers {
        event,
        tid: task.tid(),
        pid: task.pid(),
        syscall: number as u32,
        flags,
        value: move |i: usize| match codes[i % REGISTERS] {
            NO_REGISTER => {
                let call = Call::new(number, core::array::from_fn(&argument), result);
                call.computed(&event.info().params[i].source).unwrap_or(0)
            }
            code => register(code, number, &argument, result),
        },
    }
}

/// A register as [`Source::register`] encodes it. What most records have is first.
#[inline(always)]
fn register(code: u8, number: usize, argument: &impl Fn(usize) -> usize, result: i64) -> u64 {
    match code {
        RETURN_CODE => result as u64,
        NUMBER_CODE => number as u32 as u64,
        _ => plain(argument(usize::from(code) % 8) as u64, code),
    }
}

/// The record of a call with bytes that went through and otherwise numbers, where nobody
/// asks what the descriptor is. The bytes are read into `room`; `None`: they cannot be, or
/// there is not enough of it. May sleep.
#[inline(always)]
pub(crate) fn bytes<'r>(
    event: Event,
    task: Task,
    number: usize,
    argument: impl Fn(usize) -> usize,
    result: i64,
    limits: &Limits,
    room: &'r mut Few,
) -> Option<WithBytes<'r, impl Fn(usize) -> u64>> {
    let moved = MOVED[event as usize].as_ref()?;
    if limits.snaplen > FEW || limits.port_snaplen > limits.snaplen {
        return None;
    }
    let whole = match (usize::try_from(result), usize::from(moved.len)) {
        (Ok(moved), RESULT) => moved,
        (Ok(moved), len) => argument(len).min(moved),
        (Err(_), RESULT) => return None,
        (Err(_), len) => argument(len),
    };
    let len = whole.min(limits.snaplen);
    let bytes = room.read(argument(moved.address.into()), len).ok()?;
    let slots = usize::from(moved.slots);
    let span = Span {
        offset: bytes_at(slots) as u32,
        len: len as u32,
    };
    let codes = &CODES[event as usize];
    let numbers = Numbers {
        event,
        tid: task.tid(),
        pid: task.pid(),
        syscall: number as u32,
        flags: if len < whole { flag::TRUNCATED } else { 0 },
        value: move |i: usize| match codes[i % REGISTERS] {
            NO_REGISTER => span.pack(),
            code => register(code, number, &argument, result),
        },
    };
    Some(WithBytes {
        numbers,
        slots,
        missing: moved.missing,
        bytes,
    })
}

/// Slots of each event's records, whole and bare.
static SLOTS: [[u8; 2]; EVENTS.len()] = {
    let mut slots = [[0; 2]; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        slots[e] = [EVENTS[e].params.len() as u8, EVENTS[e].bare_slots() as u8];
        e += 1;
    }
    slots
};

/// How many slots a record has, which tells what the descriptor is, or does not.
#[inline(always)]
pub(crate) fn slots(event: Event, descriptor: bool) -> usize {
    SLOTS[event as usize][usize::from(!descriptor)].into()
}

/// The parameters of each event that may have no value: all but plain registers.
static UNSURE: [u64; EVENTS.len()] = {
    let mut events = [0; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        let params = EVENTS[e].params;
        let mut p = 0;
        while p < params.len() {
            if params[p].register == NO_REGISTER {
                events[e] |= 1 << p;
            }
            p += 1;
        }
        e += 1;
    }
    events
};

/// Reads the parameters of a system call that have slots. May sleep.
pub(crate) fn syscall(record: &mut Record<'_>, event: Event, call: &Call, limits: &Limits) {
    record.set_syscall(call.number());
    record.expect(UNSURE[event as usize]);
    if call.fault {
        record.mark(flag::FAULT);
    }
    let mut reader = Reader {
        call,
        limits,
        facts: Facts::of_current(limits.strings),
        described: None,
        given: None,
        relative: 0,
    };
    let params = event.info().params;
    let params = params.get(..record.slots()).unwrap_or(params);
    let mut slot = 0;
    while let Some(param) = params.get(slot) {
        let put = match param.register {
            NO_REGISTER => reader.put(record, slot, &param.source),
            code => {
                record.expected(slot, call.register(code));
                1
            }
        };
        slot = slot.wrapping_add(put);
    }
    match event {
        Event::Execve => failed_exec(record, call, 0, limits),
        Event::Execveat => failed_exec(record, call, 1, limits),
        Event::Clone => clone_flags(record, call.arg(0) as u64),
        // Not waited for: the buffer may be one of those that are kept.
        Event::Clone3 => match user::resident_word(call.arg(0)) {
            Ok(flags) => clone_flags(record, flags),
            Err(_) => record.mark(flag::FAULT),
        },
        Event::Fork => clone_flags(record, 0),
        // What the kernel makes of it.
        Event::Vfork => clone_flags(record, 0x4100),
        _ => {}
    }
}

/// The messages of `sendmmsg` and `recvmmsg` as calls of their own: those that
/// went through, or the first one.
pub(crate) fn messages(call: &Call) -> impl Iterator<Item = Call> + '_ {
    // `struct mmsghdr`: a `struct msghdr`, and how much went through.
    let (stride, moved_at) = if call.compat { (32, 28) } else { (64, 56) };
    let count = usize::try_from(call.result())
        .unwrap_or(1)
        .clamp(1, MESSAGES_MAX);
    (0..count).map(move |i| {
        let mut one = *call;
        one.args()[1] = call.arg(1).wrapping_add(stride * i);
        if call.result() > 0 {
            let moved = user::int(one.arg(1).wrapping_add(moved_at));
            one.fault = moved.is_err();
            one.moved = Some(moved.unwrap_or(0) as u32 as usize);
        }
        one
    })
}

/// How much is recorded of what is long.
pub(crate) struct Limits {
    /// Bytes of what goes through a descriptor.
    pub(crate) snaplen: usize,
    /// The same for a socket of which either port is one of these.
    pub(crate) ports: core::ops::RangeInclusive<u16>,
    /// See `ports`.
    pub(crate) port_snaplen: usize,
    /// Bytes of a program's arguments, and of its environment.
    pub(crate) strings: usize,
}

/// Parameters that [`Source::FileDev`] begins: device and inode.
const IDENTITY: usize = 2;

const _: () = {
    let mut e = 0;
    while e < EVENTS.len() {
        let params = EVENTS[e].params;
        let mut p = 0;
        while p < params.len() {
            if matches!(params[p].source, Source::FileDev) {
                assert!(matches!(params[p + 1].source, Source::FileIno));
            }
            p += 1;
        }
        e += 1;
    }
};

struct Reader<'a> {
    call: &'a Call,
    limits: &'a Limits,
    facts: Facts,
    /// The last descriptor that was looked at, and its file.
    described: Option<(i32, Option<OpenFile>)>,
    /// The slot of the first name that the call was given.
    given: Option<usize>,
    /// The arguments, as bits, that are names and do not begin at the root. They are
    /// looked at as they were recorded: the program may change its own copy.
    relative: u8,
}

impl Reader<'_> {
    /// The file behind a descriptor, which is looked up once.
    #[inline]
    fn file(&mut self, fd: i32) -> Option<&OpenFile> {
        if self
            .described
            .as_ref()
            .is_none_or(|&(known, _)| known != fd)
        {
            self.described = Some((fd, OpenFile::of_descriptor(fd)));
        }
        self.described.as_ref().and_then(|(_, file)| file.as_ref())
    }

    fn opened(&mut self) -> Option<&OpenFile> {
        self.file(self.call.result() as i32)
    }

    fn socket(&mut self, n: u8) -> Option<Socket<'_>> {
        self.file(self.call.descriptor(n)).and_then(Socket::of_file)
    }

    /// Bytes of data to record of what goes through the call's descriptor.
    fn snaplen(&mut self) -> usize {
        let limits = self.limits;
        if limits.port_snaplen <= limits.snaplen {
            return limits.snaplen;
        }
        let ports = self.socket(0).and_then(|socket| socket.ports());
        let chosen =
            ports.is_some_and(|(a, b)| limits.ports.contains(&a) || limits.ports.contains(&b));
        if chosen {
            limits.port_snaplen
        } else {
            limits.snaplen
        }
    }

    /// Puts one parameter, or several that belong together; how many. What is in most
    /// records is not looked for in the long list of all sources, which is searched by
    /// comparisons: the kernel wants no jump tables.
    #[inline]
    fn put(&mut self, record: &mut Record<'_>, slot: usize, source: &Source) -> usize {
        match *source {
            Source::FdPath(n) => self.put_about(record, slot, n),
            Source::FileDev => self.put_identity(record, slot),
            Source::OpenMode(flags, mode) => {
                record.number(slot, self.call.open_mode(flags, mode));
                1
            }
            Source::Base(_, path) if self.relative >> path & 1 == 0 => 1,
            Source::SockAddr(address, len) => {
                let call = self.call;
                put_sockaddr(record, slot, call.arg(address), call.int(len));
                1
            }
            Source::SockTuple(n) => {
                if let Some(socket) = self.socket(n) {
                    // The client's end first: ours, unless we accepted.
                    record.fill(slot, PATH_MAX, |to| socket.tuple(n != RETURNED, to));
                }
                1
            }
            Source::SocketProto(n) => {
                if let Some(socket) = self.socket(n) {
                    record.number(slot, u64::from(socket.protocol()));
                }
                1
            }
            Source::Sent(address, len) => {
                let len = (self.call.arg(len), self.call.sent());
                self.put_buffer(record, slot, self.call.arg(address), len);
                1
            }
            Source::Received(address) => {
                if let Some(len) = self.call.received() {
                    self.put_buffer(record, slot, self.call.arg(address), (len, len));
                }
                1
            }
            _ => {
                self.put_one(record, slot, source);
                1
            }
        }
    }

    /// The first bytes of a buffer of some size, of which so many count.
    #[inline]
    fn put_buffer(
        &mut self,
        record: &mut Record<'_>,
        slot: usize,
        address: usize,
        (size, len): (usize, usize),
    ) {
        let limit = self.snaplen();
        record.fill(slot, limit, |to| buffers::one((address, size), len, to));
    }

    /// What is told of a descriptor: path and kind, and of a socket the rest.
    fn put_about(&mut self, record: &mut Record<'_>, slot: usize, n: u8) -> usize {
        let params = record.info().params;
        let whole = params
            .get(slot + 2)
            .is_some_and(|p| matches!(p.source, Source::SockTuple(_)));
        let told = if whole { ABOUT_FD } else { 2 };
        let Some(file) = self.file(self.call.descriptor(n)) else {
            return told;
        };
        record.fill(slot, PATH_MAX, |to| file.path(to));
        record.number(slot + 1, u64::from(file.kind()));
        if let Some(socket) = Socket::of_file(file).filter(|_| whole) {
            record.fill(slot + 2, PATH_MAX, |to| socket.tuple(true, to));
            record.fill(slot + 3, PATH_MAX, |to| socket.local(to));
            record.number(slot + 4, u64::from(socket.protocol()));
            record.number(slot + 5, u64::from(socket.is_connected()));
        }
        told
    }

    /// Device and inode of the file that was opened.
    fn put_identity(&mut self, record: &mut Record<'_>, slot: usize) -> usize {
        if let Some(file) = self.opened() {
            record.number(slot, u64::from(file.dev()));
            record.number(slot + 1, file.ino());
        }
        IDENTITY
    }

    #[inline(never)]
    fn put_one(&mut self, record: &mut Record<'_>, slot: usize, source: &Source) {
        let call = self.call;
        match *source {
            Source::Str(n) => self.put_string(record, slot, n),
            Source::MadeStr(n) => {
                if call.result() >= 0 {
                    record.fill(slot, PATH_MAX, |to| user::string(call.arg(n), to));
                }
            }
            Source::Base(fd, _) => self.put_base(record, slot, fd),
            Source::OpenFlags(n) => self.put_open_flags(record, slot, call.word(n)),
            Source::OpenHow(n, field) => self.put_open_how(record, slot, call.arg(n), field),
            Source::CreatFlags => {
                let layer = self.opened().map_or(Layer::None, OpenFile::layer);
                record.number(slot, layer as u64);
            }
            Source::OpenedPath => {
                if let Some(file) = self.opened() {
                    record.fill(slot, PATH_MAX, |to| file.path(to));
                    let given = self.given;
                    if given.is_some_and(|given| record.read(given) == record.read(slot)) {
                        record.take_back(slot);
                    }
                }
            }
            Source::QueuePercent(n) | Source::QueueLen(n) | Source::QueueMax(n) => {
                if let Some(socket) = self.socket(n) {
                    let (len, max) = socket.queue();
                    let value = match *source {
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
            Source::FdKind(n) => {
                if let Some(file) = self.file(call.descriptor(n)) {
                    record.number(slot, u64::from(file.kind()));
                }
            }
            Source::LocalAddr(n) => {
                if let Some(socket) = self.socket(n) {
                    record.fill(slot, PATH_MAX, |to| socket.local(to));
                }
            }
            Source::Connected(n) => {
                if let Some(socket) = self.socket(n) {
                    record.number(slot, u64::from(socket.is_connected()));
                }
            }
            Source::TupleTo(fd, address, len) => {
                let given = (call.arg(address), call.int(len));
                self.put_tuple(record, slot, fd, given, true);
            }
            Source::TupleFrom(fd, address, len) => {
                self.put_tuple_from(record, slot, fd, address, len)
            }
            Source::Buffer(address, len) => {
                let buffer = (call.arg(address), call.arg(len));
                let limit = self.limits.snaplen;
                record.fill(slot, limit, |to| buffers::one(buffer, usize::MAX, to));
            }
            Source::SentVector(address, count) => {
                let vector = call.vector(address, count);
                let limit = self.snaplen();
                record.fill(slot, limit, |to| vector.gather(call.sent(), to));
            }
            Source::ReceivedVector(address, count) => {
                if let Some(len) = call.received() {
                    let vector = call.vector(address, count);
                    let limit = self.snaplen();
                    record.fill(slot, limit, |to| vector.gather(len, to));
                }
            }
            Source::VectorSize(address, count) => {
                put_size(record, slot, &call.vector(address, count));
            }
            Source::SentMessage(n)
            | Source::ReceivedMessage(n)
            | Source::MessageSize(n)
            | Source::MessageControl(n)
            | Source::MessageTupleTo(_, n)
            | Source::MessageTupleFrom(_, n) => self.put_message(record, slot, source, n),
            Source::MadeFd(array, index) => {
                if let Some(fd) = made(record, call, array, index) {
                    record.int(slot, i64::from(fd));
                }
            }
            Source::MadeIno(array, index) => {
                if let Some(file) = made(record, call, array, index).and_then(|fd| self.file(fd)) {
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
            Source::Field(n, at, field) => {
                values::put(record, slot, values::field(call, n, at, field));
            }
            Source::Made(n, at, field) => {
                if call.result() >= 0 {
                    values::put(record, slot, values::field(call, n, at, field));
                }
            }
            Source::FieldBits(n, at, pairs) => {
                let bits = values::field(call, n, at, Field::U32);
                let bits = bits.map(|bits| u64::from(flags::portable(bits as u32, pairs)));
                values::put(record, slot, bits);
            }
            Source::Timespec(n) => {
                if let Some(time) = values::timespec(call, n) {
                    values::put(record, slot, time);
                }
            }
            Source::PollFds(fds, count) => {
                record.fill(slot, PATH_MAX, |to| values::poll_fds(call, fds, count, to));
            }
            Source::SockOptValue(n) => {
                let len = call.arg(n + 1);
                record.fill(slot, PATH_MAX, |to| values::sockopt(call, n, len, to));
            }
            Source::SockOptResult(n) => {
                if call.result() >= 0 {
                    let len = user::int(call.arg(n + 1)).unwrap_or(0) as u32 as usize;
                    record.fill(slot, PATH_MAX, |to| values::sockopt(call, n, len, to));
                }
            }
            Source::Sembuf(which, field) => {
                values::put(record, slot, values::sembuf(call, which, field));
            }
            Source::Quota(what) => values::quota(record, slot, call, what),
            Source::Keyctl(n) => record.fill(slot, PATH_MAX, |to| values::keyctl(call, n, to)),
            Source::FsconfigBytes => {
                record.fill(slot, PATH_MAX, |to| values::fsconfig_bytes(call, to));
            }
            Source::FsconfigText => {
                record.fill(slot, PATH_MAX, |to| values::fsconfig_text(call, to));
            }
            _ => {
                if let Some(value) = call.computed(source) {
                    record.number(slot, value);
                }
            }
        }
    }

    /// A string of the program's.
    fn put_string(&mut self, record: &mut Record<'_>, slot: usize, n: u8) {
        record.fill(slot, PATH_MAX, |to| match self.call.arg(n) {
            0 => Filled::Nothing,
            address => user::string(address, to),
        });
        self.given = self.given.or(Some(slot));
        if let Some(name) = record.read(slot) {
            self.relative |= u8::from(name.first() != Some(&b'/')) << n;
        }
    }

    /// The directory that a relative path starts from.
    fn put_base(&mut self, record: &mut Record<'_>, slot: usize, fd: u8) {
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
        if let Some(file) = self.opened() {
            if file.created() {
                flags |= flags::open::F_CREATED;
            }
            flags |= match file.layer() {
                Layer::None => 0,
                Layer::Upper => flags::open::FD_UPPER_LAYER,
                Layer::Lower => flags::open::FD_LOWER_LAYER,
            };
        }
        record.number(slot, u64::from(flags));
    }

    fn put_open_how(&mut self, record: &mut Record<'_>, slot: usize, how: usize, field: u8) {
        let Ok(value) = user::word(how.wrapping_add(8 * usize::from(field))) else {
            record.mark(flag::FAULT);
            return;
        };
        match field {
            0 => {
                // The file has those that the kernel took, but for those that only make it.
                let given = value as u32;
                let taken = self.opened().map_or(given, |file| {
                    given & flags::open::OPENING | file.flags() & !flags::open::OPENING
                });
                self.put_open_flags(record, slot, taken);
            }
            1 => record.number(slot, value & 0xFFFF_FFFF),
            _ => record.number(slot, u64::from(flags::resolve::from_kernel(value))),
        }
    }

    /// Ends of a socket that sends or has received; what was given (address and
    /// length) is the other end of one that is not connected.
    fn put_tuple(
        &mut self,
        record: &mut Record<'_>,
        slot: usize,
        fd: u8,
        (address, len): (usize, i32),
        sends: bool,
    ) {
        let mut room = Room::new();
        let len = if address == 0 { 0 } else { len };
        let Some(Ok(raw)) = room.read(address, len.max(0)) else {
            record.mark(flag::FAULT);
            return;
        };
        if let Some(socket) = self.socket(fd) {
            record.fill(slot, PATH_MAX, |to| socket.tuple_with(raw, sends, to));
        }
    }

    /// The same where the kernel has written the address and, through a pointer,
    /// its length.
    fn put_tuple_from(
        &mut self,
        record: &mut Record<'_>,
        slot: usize,
        fd: u8,
        address: u8,
        len: u8,
    ) {
        if self.call.received().is_none() {
            return;
        }
        let address = self.call.arg(address);
        let len = if address == 0 {
            Ok(0)
        } else {
            user::int(self.call.arg(len))
        };
        match len {
            Ok(len) => self.put_tuple(record, slot, fd, (address, len), false),
            Err(_) => record.mark(flag::FAULT),
        }
    }

    /// A parameter out of the `struct msghdr` in an argument.
    fn put_message(&mut self, record: &mut Record<'_>, slot: usize, source: &Source, n: u8) {
        let call = self.call;
        let Ok(message) = Message::read(call.arg(n), call.compat) else {
            record.mark(flag::FAULT);
            return;
        };
        let vector = message.vector();
        match *source {
            Source::MessageSize(_) => put_size(record, slot, &vector),
            Source::SentMessage(_) => {
                let limit = self.snaplen();
                record.fill(slot, limit, |to| vector.gather(call.sent(), to));
            }
            Source::MessageTupleTo(fd, _) => {
                self.put_tuple(record, slot, fd, message.name(), true);
            }
            // What follows is there when something was received.
            _ if call.received().is_none() => {}
            Source::ReceivedMessage(_) => {
                let len = call.received().unwrap_or(0);
                let limit = self.snaplen();
                record.fill(slot, limit, |to| vector.gather(len, to));
            }
            Source::MessageTupleFrom(fd, _) => {
                self.put_tuple(record, slot, fd, message.name(), false);
            }
            _ => {
                let control = message.control();
                let limit = self.limits.snaplen;
                record.fill(slot, limit, |to| buffers::one(control, usize::MAX, to));
            }
        }
    }
}

fn put_sockaddr(record: &mut Record<'_>, slot: usize, address: usize, len: i32) {
    match Room::new().read(address, len) {
        Some(Ok(raw)) => record.fill(slot, PATH_MAX, |to| socket::encode(raw, to)),
        Some(Err(_)) => record.mark(flag::FAULT),
        None => {}
    }
}

fn put_size(record: &mut Record<'_>, slot: usize, vector: &Vector) {
    match vector.size() {
        Ok(size) => record.number(slot, size & 0xFFFF_FFFF),
        Err(_) => record.mark(flag::FAULT),
    }
}

/// A descriptor that the call wrote into an array.
fn made(record: &mut Record<'_>, call: &Call, array: u8, index: u8) -> Option<i32> {
    if call.result() < 0 {
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

/// What the program that could not be started would have got; `path` is the
/// argument with its path, behind which is its `argv`.
fn failed_exec(record: &mut Record<'_>, call: &Call, path: u8, limits: &Limits) {
    use crate::abi::event::{execve, execveat};
    // One row of the table is like the other, as far as it goes here.
    const EXE: usize = execve::Slot::exe as usize;
    const ARGS: usize = execve::Slot::args as usize;
    const FILENAME: usize = execve::Slot::filename as usize;
    const _: () = assert!(EXE == execveat::Slot::exe as usize);
    const _: () = assert!(ARGS == execveat::Slot::args as usize);
    const _: () = assert!(FILENAME == execveat::Slot::filename as usize);
    record.fill(FILENAME, PATH_MAX, |to| user::string(call.arg(path), to));
    record.fill(ARGS, limits.strings, |to| {
        user::strings(call.arg(path + 1), call.compat, to)
    });
    task::split_first(record, EXE, ARGS);
}

fn named(record: &Record<'_>, name: &str) -> Option<usize> {
    record.info().params.iter().position(|p| p.name == name)
}

/// A program was started. Does not sleep.
pub(crate) fn exec(record: &mut Record<'_>, filename: &[u8], limits: &Limits) {
    use crate::abi::event::execve::Slot;
    let mut facts = Facts::of_current(limits.strings);
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

/// A signal was delivered to the calling task. Does not sleep.
pub(crate) fn signal(record: &mut Record<'_>, sender: i32, signal: i32) {
    use crate::abi::event::signaldeliver::Slot;
    record.int(Slot::spid as usize, i64::from(sender));
    record.number(Slot::dpid as usize, u64::from(Task::current().tid()));
    record.int(Slot::sig as usize, i64::from(signal));
}

/// Another task is put on the CPU of the calling one: the parameters. Does not sleep.
pub(crate) fn switch(next: Task) -> [u64; 6] {
    let [major, minor, size, rss, swap] = Facts::of_current(0).usage();
    [u64::from(next.tid()), major, minor, size, rss, swap]
}

/// A page was not there: the parameters. Addresses of the kernel, which are those of the
/// upper half, are told to nobody.
pub(crate) fn page_fault(address: usize, instruction: usize, error: usize) -> [u64; 3] {
    let of_program = |address: usize| {
        if (address as isize) < 0 {
            0
        } else {
            address as u64
        }
    };
    let flags = flags::page_fault::from_kernel(error as u64);
    [
        of_program(address),
        of_program(instruction),
        u64::from(flags),
    ]
}

/// A task ends: the parameters. Does not sleep.
pub(crate) fn exit(task: Task) -> [u64; 5] {
    let code = i64::from(task.exit_code());
    let [status, ret, sig, core] =
        [code, code >> 8 & 0xFF, code & 0x7F, code >> 7 & 1].map(|n| n as u64);
    [status, ret, sig, core, u64::from(task.reaper())]
}
