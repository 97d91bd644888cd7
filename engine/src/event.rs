//! One event, read in place from its record.

use std::fmt;

use falco_abi::event::{
    ALL, Category, Event as Kind, EventInfo, Param, ParamType, Source, asyncevent, container,
    ptrace,
};
use falco_abi::flags;
use falco_abi::record::{
    HEADER_SIZE, MAX_SLOTS, NO_SYSCALL, RECORD_ALIGN, RecordHeader, Span, flag,
};
use falco_abi::syscall::{NONE, SYSCALL_MAX, SYSCALLS};

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Fewer bytes than a header or than its slots need.
    Short,
    /// The length is not a multiple of 8, or not that of the bytes.
    Length(u32),
    /// No event has this number.
    Event(u16),
    /// The event has another number of parameters.
    Slots(u16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("record is shorter than its header and slots"),
            Self::Length(len) => write!(f, "record has the impossible length {len}"),
            Self::Event(event) => write!(f, "no event has the number {event}"),
            Self::Slots(slots) => {
                write!(f, "record has {slots} parameters, its event another number")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// One event. Parameters borrow from the record.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// Which event.
    pub kind: Kind,
    /// The header as the kernel wrote it.
    pub header: RecordHeader,
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Number of the event since the engine started, from 1.
    pub num: u64,
    record: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

/// Reads a record's header.
///
/// # Errors
/// [`DecodeError::Short`] when there are fewer bytes than a header has.
pub fn read_header(bytes: &[u8]) -> Result<RecordHeader, DecodeError> {
    if bytes.len() < HEADER_SIZE {
        return Err(DecodeError::Short);
    }
    let (first, ids, last) = (word(bytes, 0), word(bytes, 24), word(bytes, 32));
    Ok(RecordHeader {
        len: first as u32,
        event: (first >> 32) as u16,
        cpu: (first >> 48) as u16,
        ts: word(bytes, 8),
        missing: word(bytes, 16),
        tid: ids as u32,
        pid: (ids >> 32) as u32,
        slots: last as u16,
        flags: (last >> 16) as u16,
        syscall: (last >> 32) as u32,
    })
}

impl<'a> Event<'a> {
    /// Reads the record that `record` holds exactly. `num` is the event's
    /// number; `epoch_offset` turns the record's boot-time clock into
    /// nanoseconds since the epoch.
    ///
    /// # Errors
    /// When the bytes are no record that this engine knows.
    pub fn decode(record: &'a [u8], num: u64, epoch_offset: i64) -> Result<Self, DecodeError> {
        let mut header = read_header(record)?;
        if header.len as usize != record.len() || !record.len().is_multiple_of(RECORD_ALIGN) {
            return Err(DecodeError::Length(header.len));
        }
        let kind = Kind::from_number(header.event).ok_or(DecodeError::Event(header.event))?;
        let (slots, whole) = (usize::from(header.slots), kind.info().params.len());
        if slots != whole {
            if slots != kind.info().bare_slots() {
                return Err(DecodeError::Slots(header.slots));
            }
            header.missing |= u64::MAX << slots;
        }
        if HEADER_SIZE + 8 * usize::from(header.slots) > record.len() {
            return Err(DecodeError::Short);
        }
        Ok(Self {
            kind,
            header,
            time: header.ts.wrapping_add_signed(epoch_offset),
            num,
            record,
        })
    }

    /// The event's row of the table.
    pub fn info(&self) -> &'static EventInfo {
        self.kind.info()
    }

    /// Name of the event: that of the system call for generic ones.
    pub fn name(&self) -> &'static str {
        match self.info().name {
            "" => syscall_name(self.header.syscall).unwrap_or("unknown"),
            name => name,
        }
    }

    /// Name of the system call that made it, if one did.
    pub fn syscall_name(&self) -> Option<&'static str> {
        syscall_name(self.header.syscall)
    }

    /// The parameter as the number in its slot. `None` when it has no value,
    /// is a span, or does not exist.
    pub fn number(&self, slot: usize) -> Option<u64> {
        let param = self.info().params.get(slot)?;
        (!param.ty.is_span()).then(|| self.slot(slot)).flatten()
    }

    /// Like [`Event::number`], signed.
    pub fn int(&self, slot: usize) -> Option<i64> {
        self.number(slot).map(u64::cast_signed)
    }

    /// The parameter's bytes. `None` when it has no value, is a number, does
    /// not exist, or points outside of the record.
    pub fn bytes(&self, slot: usize) -> Option<&'a [u8]> {
        let param = self.info().params.get(slot)?;
        if !param.ty.is_span() {
            return None;
        }
        let span = Span::unpack(self.slot(slot)?);
        let start = span.offset as usize;
        self.record
            .get(start..start.checked_add(span.len as usize)?)
    }

    /// Whether the parameter has a value.
    pub fn has(&self, slot: usize) -> bool {
        slot < MAX_SLOTS && self.header.missing & (1 << slot) == 0
    }

    /// Number and description of the parameter with this name.
    pub fn param(&self, name: &str) -> Option<(usize, &'static Param)> {
        let params = self.info().params;
        let slot = params.iter().position(|p| p.name == name)?;
        Some((slot, &params[slot]))
    }

    /// Whether it is for the state alone: rules do not see it.
    pub fn is_internal(&self) -> bool {
        self.header.flags & flag::KNOWN != 0 || self.info().internal
    }

    /// Whether it says what was known before the first event.
    pub fn is_known(&self) -> bool {
        self.header.flags & flag::KNOWN != 0
    }

    /// Whether no thread did anything: it tells of the recorder, of containers, of
    /// users.
    pub fn is_notice(&self) -> bool {
        self.info().category == Category::Internal
            || matches!(
                self.kind,
                Kind::TaskNew
                    | Kind::Asyncevent
                    | Kind::Container
                    | Kind::ContainerRemoved
                    | Kind::CpuHotplug
                    | Kind::Notification
                    | Kind::Infra
                    | Kind::Useradded
                    | Kind::Userdeleted
                    | Kind::Groupadded
                    | Kind::Groupdeleted
            )
    }

    /// What a recorder tells of a container, as JSON.
    pub fn container(&self) -> Option<&'a [u8]> {
        match self.kind {
            Kind::Container => self.bytes(container::Slot::json as usize),
            Kind::Asyncevent
                if self.bytes(asyncevent::Slot::name as usize) == Some(b"container") =>
            {
                self.bytes(asyncevent::Slot::data as usize)
            }
            _ => None,
        }
    }

    /// Whether the number in this slot is a signal, by what else the event tells:
    /// a process goes on with it.
    pub fn is_signal(&self, slot: usize) -> bool {
        if self.kind != Kind::Ptrace || slot != ptrace::Slot::data as usize {
            return false;
        }
        let Some(request) = self.number(ptrace::Slot::request as usize) else {
            return false;
        };
        let entries = flags::PTRACE_REQUESTS.entries.iter();
        let mut named = entries.filter(|(_, number)| u64::from(*number) == request);
        named.any(|(name, _)| {
            matches!(
                *name,
                "PTRACE_CONT" | "PTRACE_SINGLESTEP" | "PTRACE_DETACH" | "PTRACE_SYSCALL"
            )
        })
    }

    /// Result of the call: the parameter `res`, the returned descriptor or id.
    pub fn result(&self) -> Option<i64> {
        const NONE: u8 = u8::MAX;
        static SLOTS: [u8; ALL.len()] = {
            let mut slots = [NONE; ALL.len()];
            let mut event = 0;
            while event < ALL.len() {
                let info = ALL[event].info();
                let mut slot = info.params.len();
                while slot > 0 {
                    slot -= 1;
                    if is_result(info, slot) {
                        slots[event] = slot as u8;
                    }
                }
                event += 1;
            }
            slots
        };
        // Of the types of these slots none is a span.
        let slot = usize::from(SLOTS[self.kind as usize]);
        self.slot(slot).map(u64::cast_signed)
    }

    fn slot(&self, slot: usize) -> Option<u64> {
        if slot >= MAX_SLOTS || self.header.missing & (1 << slot) != 0 {
            return None;
        }
        Some(word(self.record, HEADER_SIZE + 8 * slot))
    }
}

/// Whether a parameter is what the call returned.
const fn is_result(info: &EventInfo, slot: usize) -> bool {
    let param = &info.params[slot];
    if slot > 0 {
        return matches!(param.source, Source::Return);
    }
    let returned = matches!(param.name.as_bytes(), b"res" | b"fd");
    // Calls that ask for an id and cannot fail.
    returned
        || matches!(
            (info.category, param.ty),
            (Category::User, ParamType::Uid | ParamType::Gid)
        )
}

/// Name of a system call by its number on this architecture.
pub fn syscall_name(number: u32) -> Option<&'static str> {
    static NAMES: [Option<&str>; SYSCALL_MAX] = {
        let mut names = [None; SYSCALL_MAX];
        let mut i = 0;
        while i < SYSCALLS.len() {
            let n = SYSCALLS[i].number();
            if n != NONE {
                names[n as usize] = Some(SYSCALLS[i].name);
            }
            i += 1;
        }
        names
    };
    if number == NO_SYSCALL {
        return None;
    }
    NAMES.get(number as usize).copied().flatten()
}

/// Builds records, for sources that translate and for tests.
pub struct RecordBuilder {
    kind: Kind,
    header: RecordHeader,
    slots: Vec<u64>,
    data: Vec<u8>,
}

impl RecordBuilder {
    /// A record of the event with no parameter set, by thread and process `pid`.
    pub fn new(kind: Kind, pid: u32) -> Self {
        let slots = kind.info().params.len();
        let syscall = SYSCALLS
            .iter()
            .find(|s| s.event == kind && kind != Kind::Syscall)
            .map_or(NO_SYSCALL, |s| u32::from(s.number()));
        Self {
            kind,
            header: RecordHeader {
                event: kind as u16,
                missing: if slots == 64 {
                    u64::MAX
                } else {
                    (1 << slots) - 1
                },
                tid: pid,
                pid,
                slots: slots as u16,
                syscall,
                ..RecordHeader::default()
            },
            slots: vec![0; slots],
            data: Vec::new(),
        }
    }

    /// Changes the header.
    #[must_use]
    pub fn header(mut self, change: impl FnOnce(&mut RecordHeader)) -> Self {
        change(&mut self.header);
        self
    }

    fn slot(&mut self, name: &str) -> usize {
        let params = self.kind.info().params;
        let slot = params.iter().position(|p| p.name == name);
        let slot =
            slot.unwrap_or_else(|| panic!("{} has no parameter {name}", self.kind.info().name));
        self.header.missing &= !(1 << slot);
        slot
    }

    /// Sets a number.
    ///
    /// # Panics
    /// When the event has no such parameter.
    #[must_use]
    pub fn number(mut self, name: &str, value: i64) -> Self {
        let slot = self.slot(name);
        self.slots[slot] = value.cast_unsigned();
        self
    }

    /// Sets bytes.
    ///
    /// # Panics
    /// When the event has no such parameter.
    #[must_use]
    pub fn bytes(mut self, name: &str, value: &[u8]) -> Self {
        let slot = self.slot(name);
        let offset = HEADER_SIZE + 8 * self.slots.len() + self.data.len();
        self.slots[slot] = Span {
            offset: offset as u32,
            len: value.len() as u32,
        }
        .pack();
        self.data.extend_from_slice(value);
        self
    }

    /// The finished record.
    pub fn build(mut self) -> Vec<u8> {
        let len = falco_abi::record::padded(HEADER_SIZE + 8 * self.slots.len() + self.data.len());
        self.header.len = len as u32;
        let h = &self.header;
        let mut record = Vec::with_capacity(len);
        record.extend_from_slice(&h.len.to_ne_bytes());
        record.extend_from_slice(&h.event.to_ne_bytes());
        record.extend_from_slice(&h.cpu.to_ne_bytes());
        record.extend_from_slice(&h.ts.to_ne_bytes());
        record.extend_from_slice(&h.missing.to_ne_bytes());
        record.extend_from_slice(&h.tid.to_ne_bytes());
        record.extend_from_slice(&h.pid.to_ne_bytes());
        record.extend_from_slice(&h.slots.to_ne_bytes());
        record.extend_from_slice(&h.flags.to_ne_bytes());
        record.extend_from_slice(&h.syscall.to_ne_bytes());
        for slot in &self.slots {
            record.extend_from_slice(&slot.to_ne_bytes());
        }
        record.extend_from_slice(&self.data);
        record.resize(len, 0);
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use falco_abi::event::openat;

    fn openat_record() -> Vec<u8> {
        RecordBuilder::new(Kind::Openat, 42)
            .number("fd", 3)
            .number("dirfd", -100)
            .bytes("name", b"/etc/passwd")
            .build()
    }

    #[test]
    fn parameters_come_back() {
        let record = openat_record();
        let event = Event::decode(&record, 1, 0).unwrap();
        assert_eq!(event.name(), "openat");
        assert_eq!(event.int(openat::Slot::dirfd as usize), Some(-100));
        assert_eq!(
            event.bytes(openat::Slot::name as usize),
            Some(&b"/etc/passwd"[..])
        );
        assert_eq!(event.number(openat::Slot::ino as usize), None);
        assert_eq!(event.number(openat::Slot::name as usize), None);
        assert_eq!(event.result(), Some(3));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let record = openat_record();
        for cut in 0..record.len() {
            assert!(Event::decode(&record[..cut], 1, 0).is_err());
        }
        for at in 0..record.len() {
            let mut bad = record.clone();
            bad[at] ^= 0xFF;
            if let Ok(event) = Event::decode(&bad, 1, 0) {
                for slot in 0..70 {
                    let _ = (event.number(slot), event.bytes(slot));
                }
            }
        }
    }
}
