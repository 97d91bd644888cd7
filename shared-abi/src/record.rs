// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The one shape of every record.
//!
//! ```text
//! 0            40                      40 + 8 * slots                 len
//! | header      | slot 0 | slot 1 | …   | bytes the slots refer to | pad |
//! ```
//!
//! Parameter `i` of an event (order and types: [`super::event::EVENTS`]) is
//! slot `i`. A slot is 8 bytes: a scalar, sign- or zero-extended as its type
//! says, or a [`Span`] of bytes of the same record. So each parameter of each
//! event has one fixed offset, whatever the lengths of strings before it.

/// Bytes that every record is aligned to, within the ring and in its length.
pub const RECORD_ALIGN: usize = 8;

/// Most parameters of one event, bounded by [`RecordHeader::missing`].
pub const MAX_SLOTS: usize = 64;

/// Longest record in bytes, header and padding included.
pub const MAX_RECORD: usize = 32 * 1024;

/// First bytes of every record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordHeader {
    /// Bytes of the record: header, slots, data, padding. Multiple of [`RECORD_ALIGN`].
    pub len: u32,
    /// [`super::event::Event`] as a number.
    pub event: u16,
    /// CPU whose ring carries the record.
    pub cpu: u16,
    /// Nanoseconds of `CLOCK_BOOTTIME`; never decreases within one ring.
    pub ts: u64,
    /// Bit `i` set: parameter `i` has no value.
    pub missing: u64,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Thread-group id (process id) in the initial pid namespace.
    pub pid: u32,
    /// Number of slots behind the header: one for each parameter, but for those that
    /// [`super::event::EventInfo::bare_slots`] leaves out; these have no value.
    pub slots: u16,
    /// [`flag`] bits.
    pub flags: u16,
    /// Native number of the system call, or [`NO_SYSCALL`].
    pub syscall: u32,
}

/// [`RecordHeader::syscall`] of a record that no system call made.
pub const NO_SYSCALL: u32 = u32::MAX;

/// Bits of [`RecordHeader::flags`].
pub mod flag {
    /// Some user memory could not be read; the parameters concerned are missing, or end
    /// there.
    pub const FAULT: u16 = 1 << 0;
    /// Some parameter was longer than its limit and was cut.
    pub const TRUNCATED: u16 = 1 << 1;
    /// Made by a 32-bit caller of a 64-bit kernel; the number was translated.
    pub const COMPAT: u16 = 1 << 2;
    /// Made at the entry of a system call that does not return.
    pub const ENTRY: u16 = 1 << 3;
    /// Says what was known before the first event: for the engine's state alone.
    /// The module makes none.
    pub const KNOWN: u16 = 1 << 4;
}

/// Size of [`RecordHeader`] in bytes.
pub const HEADER_SIZE: usize = core::mem::size_of::<RecordHeader>();

/// Where the bytes of a parameter are within its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Bytes from the start of the record.
    pub offset: u32,
    /// Length in bytes.
    pub len: u32,
}

impl Span {
    /// The span as a slot.
    #[inline]
    pub const fn pack(self) -> u64 {
        self.offset as u64 | (self.len as u64) << 32
    }

    /// The span in a slot. Any number is a span; whoever slices checks it.
    #[inline]
    pub const fn unpack(slot: u64) -> Self {
        Self {
            offset: slot as u32,
            len: (slot >> 32) as u32,
        }
    }
}

/// `len` rounded up to a whole number of [`RECORD_ALIGN`].
#[inline]
pub const fn padded(len: usize) -> usize {
    len.wrapping_add(RECORD_ALIGN - 1) & !(RECORD_ALIGN - 1)
}

const _: () = {
    use core::mem::offset_of;
    assert!(HEADER_SIZE == 40);
    assert!(HEADER_SIZE % RECORD_ALIGN == 0);
    assert!(offset_of!(RecordHeader, len) == 0);
    assert!(offset_of!(RecordHeader, event) == 4);
    assert!(offset_of!(RecordHeader, cpu) == 6);
    assert!(offset_of!(RecordHeader, ts) == 8);
    assert!(offset_of!(RecordHeader, missing) == 16);
    assert!(offset_of!(RecordHeader, tid) == 24);
    assert!(offset_of!(RecordHeader, pid) == 28);
    assert!(offset_of!(RecordHeader, slots) == 32);
    assert!(offset_of!(RecordHeader, flags) == 34);
    assert!(offset_of!(RecordHeader, syscall) == 36);
};
