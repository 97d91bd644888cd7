// SPDX-License-Identifier: GPL-2.0-only

//! Building a record in a buffer.

use crate::abi::event::{Event, EventInfo};
use crate::abi::record::{flag, padded, Span, HEADER_SIZE, MAX_RECORD, MAX_SLOTS, NO_SYSCALL};

/// A record being built. What does not fit is cut and flagged, never written
/// elsewhere.
pub(crate) struct Record<'a> {
    buffer: &'a mut [u8; MAX_RECORD],
    len: usize,
    missing: u64,
    flags: u16,
    event: Event,
    syscall: u32,
    tid: u32,
    pid: u32,
}

impl<'a> Record<'a> {
    /// A record of the event in which every parameter is missing.
    #[inline]
    pub(crate) fn new(buffer: &'a mut [u8; MAX_RECORD], event: Event, tid: u32, pid: u32) -> Self {
        let slots = event.info().params.len();
        Self {
            buffer,
            len: HEADER_SIZE + 8 * slots,
            // The table has no event with more than 64 parameters.
            missing: u64::MAX >> (64 - slots),
            flags: 0,
            event,
            syscall: NO_SYSCALL,
            tid,
            pid,
        }
    }

    /// The table's row of its event.
    pub(crate) fn info(&self) -> &'static EventInfo {
        self.event.info()
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
        // The table has no event with more slots; the compiler sees it here.
        let slot = slot % MAX_SLOTS;
        let at = HEADER_SIZE + 8 * slot;
        self.buffer[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self.missing &= !(1 << slot);
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
        let end = self.buffer.len().min(start + limit);
        let len = match write(&mut self.buffer[start..end]) {
            Filled::Whole(len) => len,
            Filled::Cut(len) => {
                self.mark(flag::TRUNCATED);
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
    /// The table's row of its event.
    fn info(&self) -> &'static EventInfo;

    /// Length in bytes, a multiple of 8.
    fn len(&self) -> usize;

    /// Writes the header and returns the whole record.
    fn seal(&mut self, cpu: u16, ts: u64) -> &[u8];
}

impl Finished for Record<'_> {
    #[inline]
    fn info(&self) -> &'static EventInfo {
        self.event.info()
    }

    #[inline]
    fn len(&self) -> usize {
        padded(self.len).min(MAX_RECORD)
    }

    #[inline]
    fn seal(&mut self, cpu: u16, ts: u64) -> &[u8] {
        let len = Finished::len(self);
        // What an earlier record left in the buffer must not get out.
        for byte in &mut self.buffer[self.len.min(len)..len] {
            *byte = 0;
        }
        let mut missing = self.missing;
        while missing != 0 {
            let at = HEADER_SIZE + 8 * missing.trailing_zeros() as usize;
            self.buffer[at..at + 8].copy_from_slice(&[0; 8]);
            missing &= missing - 1;
        }
        if let Some(to) = self.buffer.first_chunk_mut() {
            Header {
                len,
                event: self.event,
                cpu,
                ts,
                missing: self.missing,
                tid: self.tid,
                pid: self.pid,
                flags: self.flags,
                syscall: self.syscall,
            }
            .write(to);
        }
        &self.buffer[..len]
    }
}

/// Most parameters of a record of numbers alone.
pub(crate) const NUMBERS_MAX: usize = 8;

/// A record whose parameters are all there and are numbers: small enough for the
/// stack, and put together without a look at anything but registers.
pub(crate) struct Numbers {
    bytes: [u8; HEADER_SIZE + 8 * NUMBERS_MAX],
    len: usize,
    event: Event,
    syscall: u32,
    flags: u16,
    tid: u32,
    pid: u32,
}

impl Numbers {
    /// A record without parameters yet.
    #[inline]
    pub(crate) fn new(event: Event, tid: u32, pid: u32, syscall: u32, flags: u16) -> Self {
        Self {
            bytes: [0; HEADER_SIZE + 8 * NUMBERS_MAX],
            len: HEADER_SIZE,
            event,
            syscall,
            flags,
            tid,
            pid,
        }
    }

    /// Adds the next parameter. One too many is left out, and the reader notices.
    #[inline]
    pub(crate) fn push(&mut self, value: u64) {
        if let Some(to) = self.bytes.get_mut(self.len..self.len + 8) {
            to.copy_from_slice(&value.to_ne_bytes());
            self.len += 8;
        }
    }
}

impl Finished for Numbers {
    #[inline]
    fn info(&self) -> &'static EventInfo {
        self.event.info()
    }

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn seal(&mut self, cpu: u16, ts: u64) -> &[u8] {
        if let Some(to) = self.bytes.first_chunk_mut() {
            Header {
                len: self.len,
                event: self.event,
                cpu,
                ts,
                missing: 0,
                tid: self.tid,
                pid: self.pid,
                flags: self.flags,
                syscall: self.syscall,
            }
            .write(to);
        }
        &self.bytes[..self.len]
    }
}

/// What [`crate::abi::record::RecordHeader`] is written from.
struct Header {
    len: usize,
    event: Event,
    cpu: u16,
    ts: u64,
    missing: u64,
    tid: u32,
    pid: u32,
    flags: u16,
    syscall: u32,
}

impl Header {
    /// Writes it as whole words.
    #[inline]
    fn write(self, to: &mut [u8; HEADER_SIZE]) {
        let slots = self.event.info().params.len() as u64;
        let words = [
            self.len as u64 | (self.event as u64) << 32 | u64::from(self.cpu) << 48,
            self.ts,
            self.missing,
            u64::from(self.tid) | u64::from(self.pid) << 32,
            slots | u64::from(self.flags) << 16 | u64::from(self.syscall) << 32,
        ];
        for (to, word) in to.chunks_exact_mut(8).zip(words) {
            // Both architectures are little-endian, as the order above is.
            to.copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// What a writer of bytes did.
pub(crate) enum Filled {
    /// All of it, this many bytes.
    Whole(usize),
    /// The first bytes, this many.
    Cut(usize),
    /// User memory could not be read.
    Fault,
    /// There is no such thing.
    Nothing,
}
