// SPDX-License-Identifier: GPL-2.0-only

//! Processes that make too many records in a second.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::clock;

/// Processes that are counted at the same time. Two that share a place count
/// anew whenever the other one comes between, so at worst too little is left out.
const PLACES: usize = 256;

#[derive(Default)]
struct Place {
    /// Process and second.
    of: AtomicU64,
    records: AtomicU32,
}

/// What may happen to a record.
pub(crate) enum Verdict {
    /// It is written.
    Pass,
    /// It is left out, and it is the first in this second.
    First,
    /// It is left out.
    Leave,
}

/// Counts of records by process.
pub(crate) struct Throttle {
    limit: u32,
    places: [Place; PLACES],
}

impl Throttle {
    /// At most so many records a second for each process; 0: any number.
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            places: [const {
                Place {
                    of: AtomicU64::new(0),
                    records: AtomicU32::new(0),
                }
            }; PLACES],
        }
    }

    /// Most records in a second.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether processes are counted at all.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.limit != 0
    }

    /// Counts a record of a process.
    pub(crate) fn count(&self, pid: u32) -> Verdict {
        // Near enough to a second, without a division.
        let of = u64::from(pid) << 32 | (clock::boot() >> 30) & 0xFFFF_FFFF;
        let place = &self.places[pid as usize % PLACES];
        if place.of.swap(of, Ordering::Relaxed) != of {
            place.records.store(0, Ordering::Relaxed);
        }
        match place.records.fetch_add(1, Ordering::Relaxed) {
            n if n < self.limit => Verdict::Pass,
            n if n == self.limit => Verdict::First,
            _ => Verdict::Leave,
        }
    }
}
