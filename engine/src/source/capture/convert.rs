//! From events of captures to records, driven by the table of event types.
//!
//! How a type's parameters lie in today's event is worked out once; an event is
//! then a copy of its bytes with a slot for each parameter. What an exit lacks
//! is taken from the thread's last entry.

use falco_abi::event::{ALL, EVENTS, Event as Kind, ParamType, fcntl, traits};
use falco_abi::record::{HEADER_SIZE, NO_SYSCALL, RECORD_ALIGN, Span, flag, padded};
use falco_abi::syscall::{NONE, SYSCALL_MAX, SYSCALLS};
use rustc_hash::FxHashMap;
use serde_json::Value;

use super::entries::{Entries, Lengths, length};
use super::events::{self, CODES, EVENT_TYPES, EventType, Kind as Role, Type};
use super::syscalls;
use crate::source::{FdCall, FdChange};
use crate::state::opened::fcntl_change;

/// One event as it is in the file.
#[derive(Clone, Copy)]
pub(super) struct Raw<'a> {
    pub(super) time: u64,
    pub(super) tid: u64,
    pub(super) cpu: u16,
    pub(super) code: u16,
    /// It is for the state alone.
    pub(super) hidden: bool,
    pub(super) lengths: Lengths<'a>,
    pub(super) data: &'a [u8],
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is [`Converter::record`].
    Record,
    /// It counts, but nobody looks at it.
    Counted,
    /// It does not count: what it told comes with another.
    Kept,
    /// The lengths of its parameters are not those of its data.
    Broken,
}

/// An event that needs no record.
pub(super) enum Brief {
    Call(FdCall),
    /// It changes nothing, and nobody looks at it.
    Query,
}

/// How the bytes of a parameter become a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Unsigned,
    Signed,
    /// Up to the NUL at the end.
    Text,
    /// The same for unix sockets.
    Address,
    Bytes,
    /// Number of a system call in captures.
    Syscall,
    /// Behind the byte that tells the type.
    Dynamic,
    /// Behind the number of descriptors.
    FdList,
}

impl How {
    /// Whether the slot refers to bytes.
    fn is_span(self) -> bool {
        matches!(
            self,
            Self::Text | Self::Address | Self::Bytes | Self::FdList
        )
    }
}

/// A parameter and its slot.
#[derive(Clone, Copy)]
struct Take {
    param: u8,
    slot: u8,
    how: How,
    /// Bytes of its type; of what is no number, more than there can be.
    width: u32,
    /// The slot's bit; none for no slot.
    bit: u64,
    /// Bits of a number of its type, and the one of them that is its sign.
    mask: u64,
    sign: u64,
}

/// Whether the state must see events of a kind, whatever was asked for. What
/// changes descriptors alone is asked for where descriptors matter.
fn changes_processes(event: Kind) -> bool {
    const FILES: u16 = traits::CREATES_FD | traits::DESTROYS_FD;
    let traits = event.info().traits;
    let files = traits & FILES != 0 || matches!(event, Kind::Fcntl | Kind::Connect | Kind::Bind);
    traits & traits::MODIFIES_STATE != 0 && !files
}

/// Thread of events that none made.
pub const NOBODY: u32 = u32::MAX;

/// Slot of a parameter that today's event does not have.
const NOWHERE: u8 = u8::MAX;

/// How events of one type become records.
struct Plan {
    role: Role,
    event: Kind,
    syscall: u32,
    slots: usize,
    /// In the order of the file.
    takes: Box<[Take]>,
    /// Some slot refers to the event's bytes, which then are in the record.
    spans: bool,
    /// What the entry of the call tells.
    entry: Box<[Take]>,
    /// Slots that all parameters tell.
    all: u64,
    /// Slots that are all there are.
    full: u64,
    /// Slots that came later and are 0 in older events.
    zero: Box<[u8]>,
    /// Slot with the process id.
    pid: Option<u8>,
    /// Slot with the command of `fcntl`.
    command: Option<u8>,
    /// Whether anybody looks at these events.
    wanted: bool,
}

impl Plan {
    /// Slots that so many parameters tell.
    #[inline]
    fn told(&self, count: usize) -> u64 {
        match self.takes.get(..count) {
            Some(takes) if count < self.takes.len() => {
                takes.iter().fold(0, |all, take| all | take.bit)
            }
            _ => self.all,
        }
    }
}

/// Turns events into records, one at a time.
pub(super) struct Converter {
    plans: Box<[Option<Plan>]>,
    /// What becomes of events by their type, without a look at them; `None`:
    /// they are converted.
    unread: Box<[Option<Outcome>]>,
    native: Vec<Option<u16>>,
    calls: [u64; SYSCALL_MAX.div_ceil(64)],
    entries: Entries,
    record: Vec<u8>,
    /// An event came that does not tell what was known before.
    began: bool,
    /// Nobody wants `fcntl` that changes nothing.
    without_queries: bool,
}

impl Converter {
    pub(super) fn new() -> Self {
        let mut plans: Vec<Option<Plan>> = (0..CODES).map(|_| None).collect();
        let names = Names::new();
        for ty in EVENT_TYPES {
            plans[usize::from(ty.code)] = plan(ty, &names);
        }
        let mut this = Self {
            plans: plans.into(),
            unread: [None; CODES].into(),
            native: syscalls::native_numbers(),
            calls: [u64::MAX; SYSCALL_MAX.div_ceil(64)],
            entries: Entries::default(),
            record: Vec::new(),
            began: false,
            without_queries: false,
        };
        this.choose_unread();
        this
    }

    /// Works out which types are not even looked at.
    fn choose_unread(&mut self) {
        for (code, (plan, unread)) in self.plans.iter().zip(&mut self.unread).enumerate() {
            *unread = match plan {
                Some(plan) if matches!(plan.role, Role::Enter | Role::Early) => None,
                Some(plan) => (!plan.wanted).then_some(Outcome::Counted),
                None => Some(not_planned(code as u16)),
            };
        }
    }

    /// What becomes of an event of this type if that does not depend on the event.
    #[inline]
    pub(super) fn unread(&self, code: u16) -> Option<Outcome> {
        match self.unread.get(usize::from(code)) {
            Some(unread) => *unread,
            None => Some(Outcome::Kept),
        }
    }

    /// Events of other system calls are counted, no more.
    pub(super) fn set_interest(&mut self, calls: &[u64]) {
        for (mine, wanted) in self.calls.iter_mut().zip(calls) {
            *mine = *wanted;
        }
        let wanted = |number: u32| {
            let word = calls.get(number as usize / 64);
            word.is_some_and(|word| word >> (number % 64) & 1 != 0)
        };
        // Several calls may make the same event.
        let mut events = [false; EVENTS.len()];
        for call in SYSCALLS.iter().filter(|call| wanted(call.number().into())) {
            events[call.event as usize] = true;
        }
        for plan in self.plans.iter_mut().flatten() {
            plan.wanted = plan.event == Kind::Syscall
                || plan.syscall == NO_SYSCALL
                || changes_processes(plan.event)
                || wanted(plan.syscall)
                || events[plan.event as usize];
        }
        self.choose_unread();
    }

    /// Events of `fcntl` that change nothing are counted, no more.
    pub(super) fn leave_out_queries(&mut self, leave_out: bool) {
        self.without_queries = leave_out;
    }

    /// Forgets what a former section told.
    pub(super) fn restart(&mut self) {
        self.entries.clear();
        self.began = false;
    }

    /// Most parameters that an event of this type can have, if there is one.
    pub(super) fn most_params(&self, code: u16) -> Option<usize> {
        events::event_type(code).map(|ty| ty.params.len())
    }

    /// The last event as a record.
    pub(super) fn record(&self) -> &[u8] {
        let len = self
            .record
            .first_chunk()
            .copied()
            .map_or(0, u32::from_ne_bytes);
        self.record.get(..len as usize).unwrap_or_default()
    }

    /// The event in a block, if it is a `close` or `fcntl` as all are written today
    /// that somebody looks at.
    #[inline(always)]
    pub(super) fn brief(&self, block: &[u8], num: u64) -> Option<Brief> {
        // Length, type, number of parameters, their lengths.
        const CLOSE: [u8; 14] = [46, 0, 0, 0, 5, 0, 2, 0, 0, 0, 8, 0, 8, 0];
        const FCNTL: [u8; 18] = [59, 0, 0, 0, 151, 0, 4, 0, 0, 0, 8, 0, 8, 0, 1, 0, 8, 0];
        let word = |at: usize| {
            let bytes = block.get(at..)?.first_chunk()?;
            Some(u64::from_le_bytes(*bytes))
        };
        let is = |head: &[u8]| block.get(18..18 + head.len()) == Some(head);
        let (change, at) = match block.len() {
            48 if is(&CLOSE) && self.unread(5).is_none() => (Some(FdChange::Close), 32),
            // With padding or without.
            61..=64 if is(&FCNTL) && self.unread(151).is_none() => {
                let change = fcntl_change(block.get(52).copied()?.into(), word(53)?);
                if change.is_none() {
                    return self.without_queries.then_some(Brief::Query);
                }
                (change, 36)
            }
            _ => return None,
        };
        Some(Brief::Call(FdCall {
            num,
            time: word(2)?,
            tid: u32::try_from(word(10)?).unwrap_or(NOBODY),
            result: word(at)?.cast_signed(),
            fd: word(at + 8)?.cast_signed(),
            change: change?,
        }))
    }

    /// An event came that was not converted.
    #[inline]
    pub(super) fn begin(&mut self) {
        self.began = true;
    }

    /// A record that says no more than when a thread did something: what it was
    /// comes with the exit.
    fn seen(&mut self, raw: &Raw<'_>) {
        let record = Record::new(&mut self.record, Kind::Syscall.info().params.len(), b"");
        record.finish(Kind::Syscall, None, raw, NO_SYSCALL, flag::KNOWN);
    }

    /// A record whose one parameter has all parameters of the event as JSON.
    #[cold]
    fn json(&mut self, raw: &Raw<'_>, event: Kind, slots: usize) -> Outcome {
        let params = events::event_type(raw.code).map_or(&[][..], |ty| ty.params);
        let mut members = Vec::new();
        let mut at = 0;
        for (param, len) in params.iter().zip(raw.lengths.iter()) {
            let Some(bytes) = raw.data.get(at..at + len) else {
                return Outcome::Broken;
            };
            at += len;
            let value = match how(param.ty, ParamType::Bytes) {
                How::Text => {
                    let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
                    Value::from(String::from_utf8_lossy(text))
                }
                _ => number(bytes, false).map_or(Value::Null, Value::from),
            };
            members.push(format!("{}:{value}", Value::from(param.name)));
        }
        let text = format!("{{{}}}", members.join(","));
        let mut record = Record::new(&mut self.record, slots, text.as_bytes());
        if let Some(span) = value(How::Text, text.as_bytes(), record.data(), &[]) {
            record.set(0, span);
        }
        let flags = if raw.hidden || !self.began {
            flag::KNOWN
        } else {
            0
        };
        record.finish(event, None, raw, NO_SYSCALL, flags);
        Outcome::Record
    }

    #[inline(always)]
    pub(super) fn convert(&mut self, raw: &Raw<'_>) -> Outcome {
        let Some(plan) = self
            .plans
            .get(usize::from(raw.code))
            .and_then(Option::as_ref)
        else {
            return not_planned(raw.code);
        };
        match plan.role {
            Role::Enter => {
                self.began = true;
                self.entries.keep(raw);
                return Outcome::Kept;
            }
            Role::Early => {
                self.began = true;
                self.entries.keep(raw);
                self.seen(raw);
                return Outcome::Record;
            }
            _ if !plan.wanted => return Outcome::Counted,
            Role::Json => {
                let (event, slots) = (plan.event, plan.slots);
                return self.json(raw, event, slots);
            }
            _ => {}
        }
        self.began |= !events::tells_known(raw.code);
        let data = if plan.spans { raw.data } else { b"" };
        let mut record = Record::new(&mut self.record, plan.slots, data);
        let whole = match raw.lengths {
            Lengths::Small(lengths) => record.fill(plan, lengths, raw.data, &self.native),
            Lengths::Large(lengths) => record.fill(plan, lengths, raw.data, &self.native),
        };
        if whole.is_none() {
            return Outcome::Broken;
        }
        if self.without_queries
            && let Some(slot) = plan.command
            && let Some(command) = record.get(slot.into())
            && fcntl_change(command, 0).is_none()
        {
            return Outcome::Counted;
        }
        let filled = plan.told(raw.lengths.count());
        if filled != plan.full && !plan.entry.is_empty() {
            let zero = plan.role == Role::Exit;
            match self.entries.take(raw.tid, raw.code - 1) {
                Some(entry) => record.merge(plan, filled, entry, &self.native),
                None if zero => record.zero(plan, filled),
                None => {}
            }
        }
        for &slot in &plan.zero {
            if record.get(slot.into()).is_none() {
                record.set(slot, 0);
            }
        }
        let mut syscall = plan.syscall;
        if plan.event == Kind::Syscall && raw.code <= 1 {
            syscall = record.generic();
            if syscall != NO_SYSCALL && self.calls[syscall as usize / 64] >> (syscall % 64) & 1 == 0
            {
                return Outcome::Counted;
            }
        }
        let flags = match raw.hidden || !self.began {
            true => flag::KNOWN,
            false => 0,
        };
        record.finish(plan.event, plan.pid, raw, syscall, flags);
        Outcome::Record
    }
}

/// Events of which nothing is told still have a number, but for entries of calls.
fn not_planned(code: u16) -> Outcome {
    match events::event_type(code) {
        Some(ty) if ty.role_counts() => Outcome::Counted,
        _ => Outcome::Kept,
    }
}

impl EventType {
    fn role_counts(&self) -> bool {
        self.kind != Role::Enter
    }
}

/// Works out how a type of events becomes records. `None`: there is no event
/// for it today.
fn plan(ty: &EventType, names: &Names) -> Option<Plan> {
    let (event, syscall) = names.event_of(ty.name)?;
    let params = event.info().params;
    let takes = takes(ty, event);
    let entry = match ty.kind {
        Role::Exit | Role::ExitEmpty => events::event_type(ty.code - 1),
        _ => None,
    };
    let entry: Vec<Take> = entry.map_or_else(Vec::new, |entry| self::takes(entry, event));
    let all = takes.iter().fold(0, |all, take| all | take.bit);
    let full = entry.iter().fold(all, |all, take| all | take.bit);
    let mut told = takes.iter().chain(&entry).filter(|t| t.slot != NOWHERE);
    let spans = told.any(|take| take.how.is_span());
    // What is told of another process must not be taken for the caller's id.
    let names_caller = matches!(
        event,
        Kind::Execve | Kind::Execveat | Kind::Clone | Kind::Clone3 | Kind::Fork | Kind::Vfork
    );
    let pid = names_caller
        .then(|| params.iter().position(|p| p.name == "pid"))
        .flatten();
    Some(Plan {
        role: ty.kind,
        event,
        syscall,
        slots: params.len(),
        takes: takes.into(),
        spans,
        entry: entry.into_iter().filter(|t| t.slot != NOWHERE).collect(),
        all,
        full,
        zero: zero_if_missing(ty.code)
            .iter()
            .filter_map(|name| params.iter().position(|p| p.name == *name))
            .map(|slot| slot as u8)
            .collect(),
        pid: pid.map(|slot| slot as u8),
        command: (event == Kind::Fcntl).then_some(fcntl::Slot::cmd as u8),
        wanted: true,
    })
}

/// Parameters that came later than the type and are 0 where they are missing.
fn zero_if_missing(code: u16) -> &'static [&'static str] {
    match code {
        19 => &["flags"],
        27 | 57 => &["queuelen", "queuemax"],
        51 | 55 => &["res"],
        151 => &["arg"],
        299 => &["flags"],
        _ => &[],
    }
}

/// Events and calls by their names, the first of each. Of many names to look for each
/// is found at once.
#[derive(Default)]
struct Names {
    events: FxHashMap<&'static str, Kind>,
    calls: FxHashMap<&'static str, u16>,
    /// Calls by their names without the 64 at the end.
    long: FxHashMap<&'static str, u16>,
    /// Calls by the events that they make.
    makers: FxHashMap<Kind, u16>,
}

impl Names {
    fn new() -> Self {
        let mut this = Self::default();
        for (event, kind) in EVENTS.iter().zip(ALL) {
            this.events.entry(event.name).or_insert(*kind);
        }
        for call in SYSCALLS {
            let number = call.number();
            this.calls.entry(call.name).or_insert(number);
            if let Some(short) = call.name.strip_suffix("64") {
                this.long.entry(short).or_insert(number);
            }
            this.makers.entry(call.event).or_insert(number);
        }
        this
    }

    /// Today's event with this name, and the number of the call that makes it. Calls
    /// whose parameters nobody records are generic events.
    fn event_of(&self, name: &str) -> Option<(Kind, u32)> {
        let number = |of: Option<&u16>| of.filter(|&&n| n != NONE).map(|&n| u32::from(n));
        if name == "syscall" {
            return Some((Kind::Syscall, NO_SYSCALL));
        }
        let by_name = number(self.calls.get(name));
        let Some(&event) = self.events.get(name) else {
            return Some((Kind::Syscall, by_name?));
        };
        // `pread` is the event of `pread64`.
        let by_name = by_name.or_else(|| number(self.long.get(name)));
        let by_event = || number(self.makers.get(&event));
        Some((event, by_name.or_else(by_event).unwrap_or(NO_SYSCALL)))
    }
}

fn takes(ty: &EventType, event: Kind) -> Vec<Take> {
    let params = event.info().params;
    let take = |(at, param): (usize, &events::Param)| {
        let slot = params.iter().position(|p| p.name == param.name);
        let how = slot.map_or(How::Bytes, |slot| how(param.ty, params[slot].ty));
        let width = match how {
            How::Unsigned | How::Signed => param.ty.width(),
            _ => None,
        };
        let mask = width.map_or(0, |width| u64::MAX >> (64 - 8 * width));
        Take {
            param: at as u8,
            slot: slot.map_or(NOWHERE, |slot| slot as u8),
            how,
            width: width.map_or(u32::MAX, |width| width as u32),
            bit: slot.map_or(0, |slot| 1 << slot),
            mask,
            sign: match how {
                How::Signed => mask ^ (mask >> 1),
                _ => 0,
            },
        }
    };
    ty.params.iter().enumerate().map(take).collect()
}

fn how(from: Type, to: ParamType) -> How {
    match (from, to) {
        (Type::Text | Type::Path | Type::RelPath, _) => How::Text,
        (Type::SockAddr | Type::SockTuple, _) => How::Address,
        (Type::Syscall, _) => How::Syscall,
        (Type::FdList, _) => How::FdList,
        (_, to) if to.is_span() => How::Bytes,
        (Type::Dynamic, _) => How::Dynamic,
        (_, ParamType::Errno | ParamType::Fd | ParamType::Pid | ParamType::Int(_)) => How::Signed,
        _ => How::Unsigned,
    }
}

/// A number of 1, 2, 4 or 8 bytes.
fn number(bytes: &[u8], signed: bool) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    let spare = match bytes.len() {
        len @ (1 | 2 | 4 | 8) => 64 - 8 * len as u8,
        _ => return None,
    };
    Some(lowest(u64::from_le_bytes(word), spare, signed))
}

/// The number in the lowest bits of a word, all but `spare` of them.
fn lowest(word: u64, spare: u8, signed: bool) -> u64 {
    let high = word << spare;
    match signed {
        true => (high.cast_signed() >> spare).cast_unsigned(),
        false => high >> spare,
    }
}

/// What goes into a slot for a parameter whose bytes are at `at` of the record.
/// Without bytes it has no value.
#[inline(always)]
fn value(how: How, bytes: &[u8], at: usize, native: &[Option<u16>]) -> Option<u64> {
    let first = *bytes.first()?;
    let span = |at: usize, bytes: &[u8]| {
        let (offset, len) = (at as u32, bytes.len() as u32);
        Some(Span { offset, len }.pack())
    };
    match how {
        How::Unsigned => number(bytes, false),
        How::Signed => number(bytes, true),
        How::Text => span(at, bytes.strip_suffix(b"\0").unwrap_or(bytes)),
        How::Address if first == falco_abi::event::sockaddr::UNIX => {
            span(at, bytes.strip_suffix(b"\0").unwrap_or(bytes))
        }
        How::Address | How::Bytes => span(at, bytes),
        How::Syscall => {
            let id = usize::try_from(number(bytes, false)?).ok()?;
            Some((*native.get(id)?)?.into())
        }
        How::Dynamic => number(&bytes[1..], false),
        How::FdList => span(at + 2, bytes.get(2..)?),
    }
}

/// A record that is being put together: slots first, then the bytes of the
/// event as they are in the file. What is behind it is of an earlier one, as is
/// what slots have that are missing.
struct Record<'a> {
    bytes: &'a mut Vec<u8>,
    len: usize,
    slots: usize,
    missing: u64,
}

impl<'a> Record<'a> {
    #[inline]
    fn new(bytes: &'a mut Vec<u8>, slots: usize, data: &[u8]) -> Self {
        let start = HEADER_SIZE + 8 * slots;
        let mut this = Self {
            bytes,
            len: start,
            slots,
            missing: u64::MAX >> (64 - slots.clamp(1, 64)),
        };
        // For the padding as well.
        this.reserve(start + data.len() + RECORD_ALIGN);
        this.append(data);
        this
    }

    /// Makes room for records of this length; never less than there was.
    #[inline]
    fn reserve(&mut self, len: usize) {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
    }

    #[inline]
    fn append(&mut self, data: &[u8]) {
        if !data.is_empty() {
            self.bytes[self.len..self.len + data.len()].copy_from_slice(data);
            self.len += data.len();
        }
    }

    fn data(&self) -> usize {
        HEADER_SIZE + 8 * self.slots
    }

    #[inline]
    fn words(&mut self) -> &mut [[u8; 8]] {
        let end = self.data();
        self.bytes[HEADER_SIZE..end].as_chunks_mut().0
    }

    #[inline]
    fn set(&mut self, slot: u8, value: u64) {
        self.words()[usize::from(slot)] = value.to_ne_bytes();
        self.missing &= !(1 << slot);
    }

    fn get(&self, slot: usize) -> Option<u64> {
        if self.missing & (1 << slot) != 0 {
            return None;
        }
        let words = self.bytes[HEADER_SIZE..].as_chunks().0;
        words.get(slot).copied().map(u64::from_ne_bytes)
    }

    /// Fills slots from the parameters. `None`: they are longer than the data.
    #[inline]
    fn fill<const N: usize>(
        &mut self,
        plan: &Plan,
        lengths: &[[u8; N]],
        data: &[u8],
        native: &[Option<u16>],
    ) -> Option<()> {
        let mut at = self.data();
        let words = self.bytes[HEADER_SIZE..at].as_chunks_mut::<8>().0;
        let mut rest = data;
        let mut known = 0;
        for (take, len) in plan.takes.iter().zip(lengths) {
            let len = length(*len);
            let (bytes, behind) = rest.split_at_checked(len)?;
            // Most are numbers with others behind them, so that a whole word is
            // there.
            let value = match rest.first_chunk() {
                Some(word) if len == take.width as usize => {
                    let number = u64::from_le_bytes(*word) & take.mask;
                    Some((number ^ take.sign).wrapping_sub(take.sign))
                }
                _ => value(take.how, bytes, at, native),
            };
            // There is none of the number that stands for no slot.
            if let (Some(value), Some(word)) = (value, words.get_mut(usize::from(take.slot))) {
                *word = value.to_ne_bytes();
                known |= take.bit;
            }
            rest = behind;
            at += len;
        }
        self.missing &= !known;
        Some(())
    }

    /// Fills a slot from a parameter whose bytes are at `at` of the data.
    fn put(&mut self, take: Take, bytes: &[u8], at: usize, native: &[Option<u16>]) {
        if let Some(value) = value(take.how, bytes, self.data() + at, native) {
            self.set(take.slot, value);
        }
    }

    /// Fills what is still open from the entry of the call.
    fn merge(
        &mut self,
        plan: &Plan,
        filled: u64,
        entry: (Lengths<'_>, &[u8]),
        native: &[Option<u16>],
    ) {
        let (lengths, data) = entry;
        let base = self.len - self.data();
        if plan.spans {
            self.reserve(self.len + data.len() + RECORD_ALIGN);
            self.append(data);
        }
        let mut at = 0;
        let mut open = plan.entry.iter().peekable();
        for (param, len) in lengths.iter().enumerate() {
            let Some(bytes) = data.get(at..at + len) else {
                return;
            };
            while let Some(take) = open.next_if(|take| usize::from(take.param) <= param) {
                if usize::from(take.param) == param && filled & (1 << take.slot) == 0 {
                    self.put(*take, bytes, base + at, native);
                }
            }
            at += len;
        }
    }

    /// Numbers that the missing entry would have told are 0.
    fn zero(&mut self, plan: &Plan, filled: u64) {
        for take in &plan.entry {
            if filled & (1 << take.slot) == 0 && matches!(take.how, How::Signed | How::Unsigned) {
                self.set(take.slot, 0);
            }
        }
    }

    /// Number of the call of a generic event. Calls that came later than our
    /// list of them have their native number alone.
    fn generic(&mut self) -> u32 {
        use falco_abi::event::syscall::Slot;
        let id = self.get(Slot::ID as usize);
        let call = id.or_else(|| self.get(Slot::nativeID as usize));
        match call.and_then(|call| u32::try_from(call).ok()) {
            Some(call) if (call as usize) < SYSCALL_MAX => {
                self.set(Slot::ID as u8, call.into());
                call
            }
            _ => NO_SYSCALL,
        }
    }

    #[inline]
    fn finish(self, event: Kind, pid: Option<u8>, raw: &Raw<'_>, syscall: u32, flags: u16) {
        let len = padded(self.len);
        if let Some(padding) = self.bytes[self.len..].first_chunk_mut::<RECORD_ALIGN>() {
            *padding = [0; RECORD_ALIGN];
        }
        let tid = u32::try_from(raw.tid).unwrap_or(NOBODY);
        let pid = pid.and_then(|slot| self.get(slot.into()));
        let pid = pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
        let head = &mut self.bytes[..HEADER_SIZE];
        head[0..4].copy_from_slice(&(len as u32).to_ne_bytes());
        head[4..6].copy_from_slice(&(event as u16).to_ne_bytes());
        head[6..8].copy_from_slice(&raw.cpu.to_ne_bytes());
        head[8..16].copy_from_slice(&raw.time.to_ne_bytes());
        head[16..24].copy_from_slice(&self.missing.to_ne_bytes());
        head[24..28].copy_from_slice(&tid.to_ne_bytes());
        head[28..32].copy_from_slice(&pid.to_ne_bytes());
        head[32..34].copy_from_slice(&(self.slots as u16).to_ne_bytes());
        head[34..36].copy_from_slice(&flags.to_ne_bytes());
        head[36..40].copy_from_slice(&syscall.to_ne_bytes());
    }
}
