// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Publishing records, and counting those that cannot be.

use core::ffi::c_void;

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::{constant, counter};
use falco_abi::event::{CLASSES, Event};
use falco_abi::record::{HEADER_SIZE, NO_SYSCALL};
use falco_abi::ring::{ALL_LOSSES, LOSSES, Loss, priority_room};

use crate::kernel::{atomic_add, constant as fixed};
use crate::maps::{COUNTERS, RINGS, WAITING};
use crate::record::{header, whole};

/// What the kernel puts before each record of a ring.
const RING_HEADER: u64 = 8;

/// Adds to a counter of this CPU. Atomic, since a probe can be preempted.
#[inline(always)]
fn add(index: usize, more: u64) {
    if let Some(counters) = COUNTERS.get_ptr_mut(0) {
        // SAFETY: The map's element has that many words; all access is atomic.
        unsafe { atomic_add(counters.cast::<u64>().add(index), more) };
    }
}

/// Counts a record that was not written.
#[inline(always)]
pub fn lost(loss: Loss, class: usize) {
    lost_many(loss, class, 1);
}

/// Counts records that were not written.
#[inline(always)]
pub fn lost_many(loss: Loss, class: usize, more: u64) {
    add(counter::LOST + loss as usize * CLASSES + class, more);
    if !loss.is_told() {
        return;
    }
    if let Some(counters) = COUNTERS.get_ptr_mut(0) {
        // SAFETY: As in `add`.
        unsafe {
            counters
                .cast::<u64>()
                .add(counter::BEHIND)
                .write_volatile(1)
        };
    }
}

/// Counts a record that lacks a parameter whose memory could not be read.
#[inline(always)]
pub fn fault(class: usize) {
    add(counter::FAULTS + class, 1);
}

/// Whether there are losses of this CPU that no record has told of.
#[inline(always)]
pub fn is_behind() -> bool {
    COUNTERS
        .get_ptr_mut(0)
        // SAFETY: As in `add`.
        .is_some_and(|counters| unsafe {
            counters.cast::<u64>().add(counter::BEHIND).read_volatile() != 0
        })
}

/// Writes a record of `len` bytes, of which the header lacks time and CPU, to the
/// ring of this CPU, or counts its loss. With `priority` it may use the room that is
/// kept for process life cycles.
#[inline(always)]
pub fn publish(record: *mut u64, len: u64, event: Event, priority: bool) {
    if is_behind() && tell(priority.into()) == 0 {
        lost(Loss::Full, event.info().class as usize);
        return;
    }
    publish_quietly(record, len, event, priority);
}

/// The same without a look at what was lost before.
#[inline(always)]
pub fn publish_quietly(record: *mut u64, len: u64, event: Event, priority: bool) {
    let info = event.info();
    // SAFETY: Can be asked for anywhere.
    let cpu = unsafe { helper::bpf_get_smp_processor_id() };
    let Some(ring) = RINGS.get(cpu) else {
        add(counter::NO_RING + info.class as usize, 1);
        return;
    };
    let ring = core::ptr::from_ref(ring).cast_mut().cast();
    let size = fixed(constant::RING_BYTES);
    let kept = if priority { 0 } else { priority_room(size) };
    if !has_room(ring, len, kept) {
        lost(Loss::Full, info.class as usize);
        return;
    }
    // SAFETY: The record has at least a header.
    unsafe {
        *record |= u64::from(cpu) << 48;
        *record.add(1) = helper::bpf_ktime_get_boot_ns();
    }
    // SAFETY: The record is that long, as the verifier checks.
    let status = unsafe { helper::bpf_ringbuf_output(ring, record.cast(), len, wake()) };
    if status != 0 {
        // There was room a moment ago: another probe has taken it, or has the ring.
        let cause = if has_room(ring, len, 0) {
            Loss::Nested
        } else {
            Loss::Full
        };
        lost(cause, info.class as usize);
    }
}

/// Whether a record of `len` bytes fits, and as much as is to be kept besides. A ring is
/// never filled to its last byte.
#[inline(always)]
fn has_room(ring: *mut c_void, len: u64, kept: u64) -> bool {
    // SAFETY: A ring that was just looked up.
    let used = unsafe { helper::bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA.into()) };
    used + len + RING_HEADER + kept < fixed(constant::RING_BYTES)
}

/// Whether the reader is to be woken, which one record alone does.
#[inline(always)]
fn wake() -> u64 {
    if let Some(waiting) = WAITING.get_ptr_mut(0) {
        // SAFETY: The map's element; a race wakes twice, or a little later.
        unsafe {
            if waiting.read_volatile() != 0 {
                waiting.write_volatile(0);
                return BPF_RB_FORCE_WAKEUP.into();
            }
        }
    }
    BPF_RB_NO_WAKEUP.into()
}

/// Writes how many records were lost, before any record that comes after them; whether it
/// could, or another probe of this CPU is about to. When that record has no priority (0),
/// there must be room for more than it.
#[inline(never)]
fn tell(priority: u64) -> u64 {
    let Some(counters) = COUNTERS.get_ptr_mut(0) else {
        return 0;
    };
    let counters = counters.cast::<u64>();
    let mut done = 1;
    // SAFETY: All indices are within the map's element. Who finds itself alone has it, see
    // `Scratch::claim`.
    unsafe {
        let tellers = counters.add(counter::TELLERS);
        atomic_add(tellers, 1);
        if tellers.read_volatile() == 1 {
            done = tell_alone(counters, priority);
        }
        atomic_add(tellers, u64::MAX);
    }
    done
}

/// See [`tell`].
///
/// # Safety
///
/// These are the counters of this CPU, and nobody else tells.
#[inline(always)]
unsafe fn tell_alone(counters: *mut u64, priority: u64) -> u64 {
    // SAFETY: Can be asked for anywhere.
    let cpu = unsafe { helper::bpf_get_smp_processor_id() };
    let Some(ring) = RINGS.get(cpu) else {
        return 0;
    };
    let ring = core::ptr::from_ref(ring).cast_mut().cast();
    const WORDS: usize = HEADER_SIZE / 8 + CLASSES;
    const LEN: u64 = 8 * WORDS as u64;
    let kept = match priority {
        0 => 2 * priority_room(fixed(constant::RING_BYTES)),
        _ => 0,
    };
    if !has_room(ring, LEN, kept) {
        return 0;
    }
    let mut record = [0u64; WORDS];
    header(
        record.as_mut_ptr(),
        whole(Event::Lost),
        LEN,
        0,
        0,
        NO_SYSCALL,
        0,
    );
    record[0] |= u64::from(cpu) << 48;
    // SAFETY: All indices are within the map's element; what was told changes here alone.
    unsafe {
        // Before the sums: what is lost from here on is told by the next one.
        counters.add(counter::BEHIND).write_volatile(0);
        let mut class = 0;
        while class < CLASSES {
            let mut now = 0;
            let mut cause = 0;
            while cause < LOSSES {
                if ALL_LOSSES[cause].is_told() {
                    now += counters
                        .add(counter::LOST + cause * CLASSES + class)
                        .read_volatile();
                }
                cause += 1;
            }
            let told = counters.add(counter::TOLD + class).read_volatile();
            record[HEADER_SIZE / 8 + class] = now.wrapping_sub(told);
            class += 1;
        }
        record[1] = helper::bpf_ktime_get_boot_ns();
        let flags = BPF_RB_NO_WAKEUP.into();
        if helper::bpf_ringbuf_output(ring, record.as_mut_ptr().cast(), LEN, flags) != 0 {
            counters.add(counter::BEHIND).write_volatile(1);
            return 0;
        }
        let mut class = 0;
        while class < CLASSES {
            let told = counters.add(counter::TOLD + class);
            let now = told
                .read_volatile()
                .wrapping_add(record[HEADER_SIZE / 8 + class]);
            told.write_volatile(now);
            class += 1;
        }
    }
    1
}
