// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The ring of one CPU: its two shared pages and the protocol.
//!
//! Positions are bytes since the ring was made; they only grow and are taken
//! modulo the ring's size, a power of two. There is one producer at a time (the
//! CPU itself, with preemption off) and one consumer (the reader).
//!
//! Producer: read `consumed`, store `reserved`, copy the record, store
//! `committed` (release). Consumer: load `committed` (acquire), read records in
//! place, store `consumed` (release) once none of them is borrowed any more.
//! The producer's page is mapped read-only by the reader; of all that the
//! reader can write the producer takes `consumed` alone, and distrusts it.

use super::atomic::{fence, AtomicU64, Ordering};
use super::event::CLASSES;
use super::record::{padded, MAX_RECORD};

/// Written once by the kernel, so that a reader can tell a foreign page.
pub const RING_MAGIC: u64 = u64::from_le_bytes(*b"FALCORNG");

/// Smallest ring in bytes: holds several of the longest records.
pub const RING_MIN: usize = 8 * MAX_RECORD;
/// Largest ring in bytes.
pub const RING_MAX: usize = 512 << 20;
/// Size of a ring in bytes unless something else is asked for.
pub const RING_DEFAULT: usize = 8 << 20;

/// Why a record was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Loss {
    /// The reader was too slow.
    Full = 0,
    /// A hook fired while another wrote on the same CPU.
    Nested = 1,
    /// No memory to build the record in.
    NoMemory = 2,
    /// The reader's position made no sense.
    Invalid = 3,
    /// Its process or control group makes too many ([`super::control::Setup::throttle`]).
    Throttled = 4,
    /// The arguments of a call lie in memory that could not be read.
    Fault = 5,
    /// A call of a 32-bit program, on a machine where there is no table of these.
    Compat = 6,
}

impl Loss {
    /// Whether a record tells the reader of it, who doubts then what it knows. What is left
    /// out on purpose it knows of.
    #[inline]
    pub const fn is_told(self) -> bool {
        !matches!(self, Self::Throttled | Self::Compat)
    }
}

/// All [`Loss`] causes, in order.
pub const ALL_LOSSES: [Loss; 7] = [
    Loss::Full,
    Loss::Nested,
    Loss::NoMemory,
    Loss::Invalid,
    Loss::Throttled,
    Loss::Fault,
    Loss::Compat,
];

/// Number of [`Loss`] causes.
pub const LOSSES: usize = ALL_LOSSES.len();

/// Name of each [`Loss`] cause, in order.
pub const LOSS_NAMES: [&str; LOSSES] = [
    "full",
    "nested",
    "no_memory",
    "invalid",
    "throttled",
    "fault",
    "compat",
];

/// The page that the kernel writes and the reader maps read-only.
#[repr(C, align(64))]
pub struct ProducerPage {
    /// [`RING_MAGIC`].
    pub magic: AtomicU64,
    /// Size of the data area in bytes, a power of two.
    pub size: AtomicU64,
    /// Number of the CPU.
    pub cpu: AtomicU64,
    _constant: [u64; 5],
    /// End of the last record begun.
    pub reserved: AtomicU64,
    /// End of the last record complete.
    pub committed: AtomicU64,
    /// Records written since the ring was made.
    pub records: AtomicU64,
    _producer: [u64; 5],
    /// Records lost, by cause and by class.
    pub lost: [[AtomicU64; CLASSES]; LOSSES],
    /// Records written that lack a parameter whose memory could not be read, by class.
    pub faults: [AtomicU64; CLASSES],
}

impl ProducerPage {
    /// An empty ring's page. The kernel has zeroed memory instead.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            magic: zero(),
            size: zero(),
            cpu: zero(),
            _constant: [0; 5],
            reserved: zero(),
            committed: zero(),
            records: zero(),
            _producer: [0; 5],
            lost: core::array::from_fn(|_| core::array::from_fn(|_| zero())),
            faults: core::array::from_fn(|_| zero()),
        }
    }
}

impl ConsumerPage {
    /// The page of a reader that has read nothing.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self {
            consumed: AtomicU64::new(0),
            _consumer: [0; 7],
        }
    }
}

/// The page that the reader writes.
#[repr(C, align(64))]
pub struct ConsumerPage {
    /// End of the last record that the reader is done with.
    pub consumed: AtomicU64,
    _consumer: [u64; 7],
}

/// Claim on a piece of the ring, to be written and committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Position of the first byte.
    pub start: u64,
    /// Bytes, a multiple of 8.
    pub len: u32,
}

/// Part of the ring that only records with priority may use: process exec,
/// fork and exit must survive a flood of everything else.
#[inline]
pub const fn priority_room(size: u64) -> u64 {
    size / 16
}

/// Claims `len` bytes (rounded up) for the producer.
///
/// # Errors
/// [`Loss::Full`] when the reader has not made room, [`Loss::Invalid`] when its
/// position is ahead of ours or too far behind.
#[inline]
pub fn reserve(
    producer: &ProducerPage,
    consumer: &ConsumerPage,
    size: u64,
    len: usize,
    priority: bool,
) -> Result<Reservation, Loss> {
    let start = producer.reserved.load(Ordering::Relaxed);
    // Acquire: the reader's loads of the old bytes come before our stores.
    let consumed = consumer.consumed.load(Ordering::Acquire);
    let used = start.wrapping_sub(consumed);
    if used > size || consumed % 8 != 0 {
        return Err(Loss::Invalid);
    }
    let len = padded(len) as u64;
    let kept = if priority { 0 } else { priority_room(size) };
    // None of these is near the end of the numbers.
    if used.wrapping_add(len).wrapping_add(kept) > size {
        return Err(Loss::Full);
    }
    producer
        .reserved
        .store(start.wrapping_add(len), Ordering::Relaxed);
    // The timestamp is taken after this store: a reader that sees the clock
    // past a record's time also sees that the record was begun.
    fence(Ordering::Release);
    Ok(Reservation {
        start,
        len: len as u32,
    })
}

/// Publishes what was written into the reservation.
#[inline]
pub fn commit(producer: &ProducerPage, reservation: Reservation) {
    let records = producer.records.load(Ordering::Relaxed);
    producer
        .records
        .store(records.wrapping_add(1), Ordering::Relaxed);
    producer.committed.store(
        reservation.start.wrapping_add(u64::from(reservation.len)),
        Ordering::Release,
    );
}

/// Splits `len` bytes at `position` into the part before the end of the data
/// area and the part at its beginning: `(offset, first, second)`.
#[inline]
pub const fn split(position: u64, len: usize, size: u64) -> (usize, usize, usize) {
    let offset = (position & (size - 1)) as usize;
    let before_end = (size as usize).wrapping_sub(offset);
    if len <= before_end {
        (offset, len, 0)
    } else {
        (offset, before_end, len.wrapping_sub(before_end))
    }
}

/// Counts a record that was not written. Only the ring's own CPU calls this.
#[cfg(target_has_atomic = "64")]
#[inline]
pub fn count_loss(producer: &ProducerPage, loss: Loss, class: usize) {
    let counter = &producer.lost[loss as usize][class];
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Counts a record that was written without a parameter whose memory could not be read.
/// Only the ring's own CPU calls this.
#[cfg(target_has_atomic = "64")]
#[inline]
pub fn count_fault(producer: &ProducerPage, class: usize) {
    producer.faults[class].fetch_add(1, Ordering::Relaxed);
}
