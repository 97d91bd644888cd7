// SPDX-License-Identifier: GPL-2.0-only

//! Processes and control groups that make too many records in a second.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use kernel::prelude::*;

use crate::clock;

/// Of how many is counted at the same time: more than make records in one second, mostly.
const PLACES: usize = 1024;
/// Places in which the count of one may be, from the one that its number says on. When all
/// of these are others' within this second, it is not counted.
const PROBES: usize = 8;

#[derive(Default)]
struct Place {
    /// Whose, and of which second.
    of: AtomicU64,
    records: AtomicU32,
}

/// What may happen to a record.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    /// It is written.
    Pass,
    /// It is left out, and it is the first in this second.
    First,
    /// It is left out.
    Leave,
}

/// Counts of records, by process or by control group.
pub(crate) struct Throttle {
    limit: u32,
    /// None unless something is counted.
    places: KVec<Place>,
}

impl Throttle {
    /// At most so many records a second for each; 0: any number.
    pub(crate) fn new(limit: u32) -> Result<Self> {
        let count = if limit == 0 { 0 } else { PLACES };
        let mut places = KVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            places.push(Place::default(), GFP_KERNEL)?;
        }
        Ok(Self { limit, places })
    }

    /// Most records in a second.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether anything is counted at all.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.limit != 0
    }

    /// Counts a record of the process or group with this number, if that is on.
    pub(crate) fn count(&self, number: u32) -> Verdict {
        if !self.is_on() {
            return Verdict::Pass;
        }
        // Near enough to a second, without a division.
        let second = (clock::boot() >> 30) & 0xFFFF_FFFF;
        let of = u64::from(number) << 32 | second;
        let mut places =
            (0..PROBES).filter_map(|n| self.places.get((number as usize + n) % PLACES));
        let Some(place) = places.find(|place| place.is(of)) else {
            return Verdict::Pass;
        };
        match place.records.fetch_add(1, Ordering::Relaxed) {
            n if n < self.limit => Verdict::Pass,
            n if n == self.limit => Verdict::First,
            _ => Verdict::Leave,
        }
    }
}

impl Place {
    /// Whether it is the place of that one, which it becomes if nobody has it in this second.
    /// Of what two count at the same moment some may be forgotten.
    fn is(&self, of: u64) -> bool {
        let now = self.of.load(Ordering::Relaxed);
        if now == of {
            return true;
        }
        if now & 0xFFFF_FFFF == of & 0xFFFF_FFFF {
            return false;
        }
        // Before it is ours: nobody counts in the place of a second that is over.
        self.records.store(0, Ordering::Relaxed);
        let taken = self
            .of
            .compare_exchange(now, of, Ordering::Relaxed, Ordering::Relaxed);
        taken.map_or_else(|other| other == of, |_| true)
    }
}
