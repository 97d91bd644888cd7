// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Processes and control groups that make too many records in a second.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::constant;
use falco_abi::event::{Class, EVENTS, Event};
use falco_abi::record::{HEADER_SIZE, NO_SYSCALL};
use falco_abi::ring::Loss;

use crate::kernel::{bounded, constant as fixed};
use crate::maps::THROTTLE;
use crate::record::{header, ids, whole};
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

/// Where in the map the places of control groups begin, of which there are as many as of
/// processes.
const GROUPS: u32 = 512;
/// Places in which a count may be.
const PROBES: u32 = 4;

/// Counts a record of the process or the group with this number; how many there were
/// within this second. None where all its places are others'.
#[inline(always)]
fn count(number: u64, first: u32) -> u64 {
    // SAFETY: Can be asked for anywhere. Near enough to a second, without a division.
    let second = unsafe { helper::bpf_ktime_get_boot_ns() } >> 30 & 0xFFFF_FFFF;
    let of = number << 32 | second;
    let mut probe = 0;
    while probe < PROBES {
        let at = number as u32 + probe & GROUPS - 1;
        let Some(place) = THROTTLE.get_ptr_mut(first + at) else {
            return 0;
        };
        // SAFETY: An element of the map.
        unsafe {
            if (*place)[0] & 0xFFFF_FFFF != second {
                (*place)[0] = of;
                (*place)[1] = 0;
            }
            if (*place)[0] == of {
                let records = (*place)[1];
                (*place)[1] = records + 1;
                return records;
            }
        }
        probe += 1;
    }
    0
}

/// Whether a record of the calling process may be written; if not, it is counted, and
/// the first time a record says so. Counts of two CPUs can go into one another: then a
/// few more are written.
#[inline(always)]
pub fn admits(event: u32, result: i64) -> bool {
    let limits = [fixed(constant::THROTTLE), fixed(constant::THROTTLE_GROUP)];
    if limits[0] == 0 && limits[1] == 0 {
        return true;
    }
    let class = if (event as usize) < EVENTS.len() {
        CLASS[event as usize]
    } else {
        Class::Other as u8
    };
    // A start or a fork that failed is a call like all others.
    if class & PRIORITY != 0 && result >= 0 {
        return true;
    }
    let class = class & !PRIORITY;
    let pid = ids() >> 32;
    let mut limit = limits[0];
    let mut records = if limit == 0 { 0 } else { count(pid, 0) };
    let mut group = 0;
    if (limit == 0 || records < limit) && limits[1] != 0 {
        // SAFETY: Can be asked for anywhere.
        group = unsafe { helper::bpf_get_current_cgroup_id() };
        limit = limits[1];
        records = count(group, GROUPS);
    }
    if limit == 0 || records < limit {
        return true;
    }
    if records == limit {
        const WORDS: usize = HEADER_SIZE / 8 + 3;
        let mut record = [0u64; WORDS];
        let to = record.as_mut_ptr();
        header(
            to,
            whole(Event::Throttled),
            8 * WORDS as u64,
            ids(),
            0,
            NO_SYSCALL,
            0,
        );
        record[HEADER_SIZE / 8] = pid;
        record[HEADER_SIZE / 8 + 1] = limit;
        record[HEADER_SIZE / 8 + 2] = group;
        ring::publish_quietly(
            record.as_mut_ptr(),
            8 * WORDS as u64,
            Event::Throttled,
            false,
        );
    }
    // The verifier does not follow a division; there is no class beyond.
    let class = bounded::<0xF>(class.into());
    ring::lost(Loss::Throttled, class as usize);
    false
}
