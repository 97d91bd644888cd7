// SPDX-License-Identifier: GPL-2.0-only

//! Building a record in a buffer.

use crate::abi::event::{Event, EventInfo};
use crate::abi::record::{flag, padded, Span, HEADER_SIZE, MAX_RECORD, MAX_SLOTS, NO_SYSCALL};
use crate::memory::Words;

/// Where in a record with so many slots bytes begin.
#[inline(always)]
pub(crate) const fn bytes_at(slots: usize) -> usize {
    // No table comes near the end of the numbers.
    HEADER_SIZE.wrapping_add(slots.wrapping_mul(8))
}

/// A record being built. What does not fit is cut and flagged, never written
/// elsewhere.
pub(crate) struct Record<'a> {
    buffer: &'a mut [u8; MAX_RECORD],
    slots: usize,
    len: usize,
    missing: u64,
    flags: u16,
    event: Event,
    priority: bool,
    syscall: u32,
    tid: u32,
    pid: u32,
}

impl<'a> Record<'a> {
    /// A record of the event with so many slots, in which every parameter is missing;
    /// `priority` as in [`Finished`].
    #[inline]
    pub(crate) fn new(
        buffer: &'a mut [u8; MAX_RECORD],
        (event, slots): (Event, usize),
        priority: bool,
        (tid, pid): (u32, u32),
    ) -> Self {
        Self {
            buffer,
            slots,
            len: bytes_at(slots),
            // The table has no event with more than 64 parameters, and none without.
            missing: u64::MAX.wrapping_shr(64_u32.wrapping_sub(event.info().params.len() as u32)),
            flags: 0,
            event,
            priority,
            syscall: NO_SYSCALL,
            tid,
            pid,
        }
    }

    /// The table's row of its event.
    pub(crate) fn info(&self) -> &'static EventInfo {
        self.event.info()
    }

    /// How many of its parameters have slots.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// The system call that made it.
    pub(crate) fn set_syscall(&mut self, number: u32) {
        self.syscall = number;
    }

    /// Sets a flag of [`flag`].
    pub(crate) fn mark(&mut self, flags: u16) {
        self.flags |= flags;
    }

    #[inline]
    fn set(&mut self, slot: usize, value: u64) {
        self.expected(slot, value);
        self.missing &= !(1 << (slot % MAX_SLOTS));
    }

    /// Begins a record of which just these parameters, as bits, may stay without a
    /// value; the others are [`Self::expected`].
    #[inline]
    pub(crate) fn expect(&mut self, missing: u64) {
        self.missing = missing;
    }

    /// Sets a number that always has a value.
    #[inline]
    pub(crate) fn expected(&mut self, slot: usize, value: u64) {
        // The table has no event with more slots; the compiler sees it here.
        let at = HEADER_SIZE + 8 * (slot % MAX_SLOTS);
        self.buffer[at..at + 8].copy_from_slice(&value.to_ne_bytes());
    }

    /// Sets a number.
    #[inline]
    pub(crate) fn number(&mut self, slot: usize, value: u64) {
        self.set(slot, value);
    }

    /// Sets a signed number.
    pub(crate) fn int(&mut self, slot: usize, value: i64) {
        self.set(slot, value as u64);
    }

    /// Sets bytes, copied.
    pub(crate) fn bytes(&mut self, slot: usize, bytes: &[u8]) {
        self.fill(slot, bytes.len(), |to| {
            let n = to.len().min(bytes.len());
            to[..n].copy_from_slice(&bytes[..n]);
            if n < bytes.len() {
                Filled::Cut(n)
            } else {
                Filled::Whole(n)
            }
        });
    }

    /// Lets `write` put bytes where they will stay; it gets at most `limit`.
    pub(crate) fn fill(
        &mut self,
        slot: usize,
        limit: usize,
        write: impl FnOnce(&mut [u8]) -> Filled,
    ) {
        let start = self.len;
        // No limit comes near the end of the numbers.
        let end = self.buffer.len().min(start.wrapping_add(limit));
        let len = match write(&mut self.buffer[start..end]) {
            Filled::Whole(len) => len,
            Filled::Cut(len) => {
                self.mark(flag::TRUNCATED);
                len
            }
            Filled::Broken(len) => {
                self.mark(flag::TRUNCATED | flag::FAULT);
                len
            }
            Filled::Fault => {
                self.mark(flag::FAULT);
                return;
            }
            Filled::Nothing => return,
        };
        self.len = start + len.min(end - start);
        self.span(slot, start, self.len - start);
    }

    /// Takes the last parameter back, if it is bytes.
    pub(crate) fn take_back(&mut self, slot: usize) {
        if let Some((start, _)) = self.located(slot) {
            self.len = start;
            self.missing |= 1 << slot;
        }
    }

    /// Makes a parameter of bytes that are there already.
    pub(crate) fn span(&mut self, slot: usize, start: usize, len: usize) {
        let span = Span {
            offset: start as u32,
            len: len as u32,
        };
        self.set(slot, span.pack());
    }

    /// Where the bytes of a parameter are: offset and length.
    pub(crate) fn located(&self, slot: usize) -> Option<(usize, usize)> {
        if self.missing & (1 << slot) != 0 {
            return None;
        }
        let at = HEADER_SIZE + 8 * slot;
        let mut word = [0; 8];
        word.copy_from_slice(&self.buffer[at..at + 8]);
        let span = Span::unpack(u64::from_ne_bytes(word));
        Some((span.offset as usize, span.len as usize))
    }

    /// The bytes of a parameter.
    pub(crate) fn read(&self, slot: usize) -> Option<&[u8]> {
        let (start, len) = self.located(slot)?;
        self.buffer.get(start..start + len)
    }
}

/// A record that is ready to be written into a ring.
pub(crate) trait Finished {
    /// Its event.
    fn event(&self) -> Event;

    /// Whether it may use the room that is kept for process life cycles.
    #[inline]
    fn priority(&self) -> bool {
        self.event().info().priority
    }

    /// Whether it lacks a parameter whose memory could not be read.
    #[inline]
    fn has_fault(&self) -> bool {
        false
    }

    /// Length in bytes, a multiple of 8.
    fn len(&self) -> usize;

    /// Writes all of it.
    fn write(&mut self, cpu: usize, ts: u64, to: &mut Words<'_>);
}

impl Finished for Record<'_> {
    #[inline]
    fn event(&self) -> Event {
        self.event
    }

    #[inline]
    fn priority(&self) -> bool {
        self.priority
    }

    #[inline]
    fn has_fault(&self) -> bool {
        self.flags & flag::FAULT != 0
    }

    #[inline]
    fn len(&self) -> usize {
        padded(self.len).min(MAX_RECORD)
    }

    #[inline]
    fn write(&mut self, cpu: usize, ts: u64, to: &mut Words<'_>) {
        let len = Finished::len(self);
        // What an earlier record left in the buffer must not get out.
        let whole = self.len & !7;
        if let Some(word) = self.buffer.get_mut(whole..whole + 8) {
            let bits = 8 * (self.len & 7);
            let mut last = [0; 8];
            last.copy_from_slice(word);
            let kept = u64::from_le_bytes(last) & !(u64::MAX << bits);
            word.copy_from_slice(&kept.to_le_bytes());
        }
        let with_slots = u64::MAX.wrapping_shr(64_u32.wrapping_sub(self.slots as u32));
        let mut missing = self.missing & with_slots;
        while missing != 0 {
            let at = HEADER_SIZE + 8 * missing.trailing_zeros() as usize;
            self.buffer[at..at + 8].copy_from_slice(&[0; 8]);
            missing &= missing.wrapping_sub(1);
        }
        Header {
            len,
            event: self.event,
            cpu,
            ts,
            missing: self.missing,
            slots: self.slots,
            tid: self.tid,
            pid: self.pid,
            flags: self.flags,
            syscall: self.syscall,
        }
        .write(to);
        to.copy(&self.buffer[HEADER_SIZE..len]);
    }
}

/// A record whose parameters are all there and are numbers: written where it
/// stays, without a look at anything but registers.
pub(crate) struct Numbers<F> {
    pub(crate) event: Event,
    pub(crate) tid: u32,
    pub(crate) pid: u32,
    pub(crate) syscall: u32,
    pub(crate) flags: u16,
    /// The parameters, by number.
    pub(crate) value: F,
}

impl<F: Fn(usize) -> u64> Finished for Numbers<F> {
    #[inline]
    fn event(&self) -> Event {
        self.event
    }

    #[inline]
    fn len(&self) -> usize {
        bytes_at(self.event.info().params.len())
    }

    #[inline]
    fn write(&mut self, cpu: usize, ts: u64, to: &mut Words<'_>) {
        let (len, slots) = (Finished::len(self), self.event.info().params.len());
        self.write_slots((len, slots, 0), cpu, ts, to);
    }
}

impl<F: Fn(usize) -> u64> Numbers<F> {
    /// Writes header and slots of a record with this length, so many slots, and these
    /// parameters without a value.
    #[inline(always)]
    fn write_slots(
        &self,
        (len, slots, missing): (usize, usize, u64),
        cpu: usize,
        ts: u64,
        to: &mut Words<'_>,
    ) {
        Header {
            len,
            event: self.event,
            cpu,
            ts,
            missing,
            slots,
            tid: self.tid,
            pid: self.pid,
            flags: self.flags,
            syscall: self.syscall,
        }
        .write(to);
        for i in 0..slots {
            to.put((self.value)(i));
        }
    }
}

/// The same with bytes behind the numbers, which one of these refers to. Its event has
/// no priority.
pub(crate) struct WithBytes<'a, F> {
    pub(crate) numbers: Numbers<F>,
    /// How many parameters have slots.
    pub(crate) slots: usize,
    /// The others, as bits.
    pub(crate) missing: u64,
    /// Whole words.
    pub(crate) bytes: &'a [u8],
}

impl<F: Fn(usize) -> u64> Finished for WithBytes<'_, F> {
    #[inline]
    fn event(&self) -> Event {
        self.numbers.event
    }

    #[inline]
    fn priority(&self) -> bool {
        false
    }

    #[inline]
    fn len(&self) -> usize {
        bytes_at(self.slots).wrapping_add(self.bytes.len())
    }

    #[inline]
    fn write(&mut self, cpu: usize, ts: u64, to: &mut Words<'_>) {
        let shape = (Finished::len(self), self.slots, self.missing);
        self.numbers.write_slots(shape, cpu, ts, to);
        to.copy(self.bytes);
    }
}

/// What [`crate::abi::record::RecordHeader`] is written from.
struct Header {
    len: usize,
    event: Event,
    cpu: usize,
    ts: u64,
    missing: u64,
    slots: usize,
    tid: u32,
    pid: u32,
    flags: u16,
    syscall: u32,
}

impl Header {
    /// Writes it as whole words; both architectures are little-endian.
    #[inline(always)]
    fn write(self, to: &mut Words<'_>) {
        let slots = self.slots as u64;
        to.put(self.len as u64 | (self.event as u64) << 32 | (self.cpu as u64) << 48);
        to.put(self.ts);
        to.put(self.missing);
        to.put(u64::from(self.tid) | u64::from(self.pid) << 32);
        to.put(slots | u64::from(self.flags) << 16 | u64::from(self.syscall) << 32);
    }
}

/// What a writer of bytes did.
pub(crate) enum Filled {
    /// All of it, this many bytes.
    Whole(usize),
    /// The first bytes, this many.
    Cut(usize),
    /// The first bytes, this many: user memory behind them could not be read.
    Broken(usize),
    /// User memory could not be read.
    Fault,
    /// There is no such thing.
    Nothing,
}
