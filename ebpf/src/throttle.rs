// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Processes that make too many records in a second.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::constant;
use falco_abi::event::{Class, EVENTS, Event};
use falco_abi::record::{HEADER_SIZE, NO_SYSCALL};
use falco_abi::ring::Loss;

use crate::kernel::constant as fixed;
use crate::maps::THROTTLE;
use crate::record::{header, ids};
use crate::ring;

/// Classes of events, and which may not be left out: those of process life cycles.
static CLASS: [u8; EVENTS.len()] = {
    let mut classes = [0; EVENTS.len()];
    let mut e = 0;
    while e < EVENTS.len() {
        classes[e] = EVENTS[e].class as u8;
        if EVENTS[e].priority {
            classes[e] |= PRIORITY;
        }
        e += 1;
    }
    classes
};
const PRIORITY: u8 = 0x80;

/// Whether a record of the calling process may be written; if not, it is counted, and
/// the first time a record says so. Counts of two CPUs can go into one another: then a
/// few more are written.
#[inline(always)]
pub fn admits(event: u32) -> bool {
    let limit = fixed(constant::THROTTLE);
    if limit == 0 {
        return true;
    }
    let class = if (event as usize) < EVENTS.len() {
        CLASS[event as usize]
    } else {
        Class::Other as u8
    };
    if class & PRIORITY != 0 {
        return true;
    }
    let pid = ids() >> 32;
    let Some(place) = THROTTLE.get_ptr_mut(pid as u32 & 0xFF) else {
        return true;
    };
    // SAFETY: Can be asked for anywhere. Near enough to a second, without a division.
    let second = unsafe { helper::bpf_ktime_get_boot_ns() } >> 30 & 0xFFFF_FFFF;
    let of = pid << 32 | second;
    // SAFETY: An element of the map.
    let records = unsafe {
        if (*place)[0] != of {
            (*place)[0] = of;
            (*place)[1] = 0;
        }
        let records = (*place)[1];
        (*place)[1] = records + 1;
        records
    };
    if records < limit {
        return true;
    }
    if records == limit {
        const WORDS: usize = HEADER_SIZE / 8 + 2;
        let mut record = [0u64; WORDS];
        let to = record.as_mut_ptr();
        header(
            to,
            Event::Throttled,
            8 * WORDS as u64,
            ids(),
            0,
            NO_SYSCALL,
            0,
        );
        record[HEADER_SIZE / 8] = pid;
        record[HEADER_SIZE / 8 + 1] = limit;
        ring::publish_quietly(record.as_mut_ptr(), 8 * WORDS as u64, Event::Throttled);
    }
    ring::lost(Loss::Throttled, class as usize % falco_abi::event::CLASSES);
    false
}
