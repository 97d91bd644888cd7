// SPDX-License-Identifier: GPL-2.0-only

//! Buffers in which records are put together while their task may be
//! preempted, sleep on a page fault, or move to another CPU.
//!
//! Neither the stack (too small) nor a buffer per CPU (another task's hook
//! would overwrite it) will do, and an allocation per event costs too much.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use kernel::prelude::*;

use crate::abi::record::MAX_RECORD;

/// Buffers for each CPU: one in use, one by a task that was preempted, two by
/// tasks that sleep on a fault. When all are taken the record is lost and counted.
const PER_CPU: usize = 4;
/// Buffers for each CPU that are kept for process life cycles, whose records wait for
/// nothing: however many tasks sleep on a fault, these come back.
const RESERVED: usize = 2;

#[repr(align(64))]
struct Slot {
    taken: AtomicBool,
    buffer: UnsafeCell<KVec<u8>>,
}

/// All buffers of a session. Of physically contiguous memory: what is checked
/// whenever the kernel copies a string into it costs least there.
pub(crate) struct Pool {
    slots: KVec<Slot>,
    reserved: KVec<Slot>,
}

// SAFETY: A buffer is only reached through `taken`, which one task holds at a time.
unsafe impl Sync for Pool {}
// SAFETY: The buffers belong to no task.
unsafe impl Send for Pool {}

/// A buffer that is ours until this is dropped.
pub(crate) struct Scratch<'a> {
    slot: &'a Slot,
}

impl Pool {
    /// Buffers for `cpus` CPUs.
    pub(crate) fn new(cpus: usize) -> Result<Self> {
        Ok(Self {
            slots: slots(cpus * PER_CPU)?,
            reserved: slots(cpus * RESERVED)?,
        })
    }

    /// Takes a free buffer, first one of this CPU, whose lines are likely cached; with
    /// `priority`, if there is no other, one that is kept for that.
    #[inline]
    pub(crate) fn take(&self, priority: bool) -> Option<Scratch<'_>> {
        self.take_any().or_else(|| {
            let mut reserved = self.reserved.iter().filter(|_| priority);
            reserved.find_map(Slot::take)
        })
    }

    #[inline]
    fn take_any(&self) -> Option<Scratch<'_>> {
        // SAFETY: Reading the number of the CPU is always allowed; a stale one
        // is only a worse guess.
        let cpu = unsafe { kernel::bindings::raw_smp_processor_id() as usize };
        let count = self.slots.len();
        let mut at = cpu.wrapping_mul(PER_CPU);
        if at >= count {
            at = 0;
        }
        for _ in 0..count {
            if let Some(scratch) = self.slots[at].take() {
                return Some(scratch);
            }
            at += 1;
            if at == count {
                at = 0;
            }
        }
        None
    }
}

/// So many free buffers.
fn slots(count: usize) -> Result<KVec<Slot>> {
    let mut slots = KVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        slots.push(
            Slot {
                taken: AtomicBool::new(false),
                buffer: UnsafeCell::new(KVec::from_elem(0u8, MAX_RECORD, GFP_KERNEL)?),
            },
            GFP_KERNEL,
        )?;
    }
    Ok(slots)
}

impl Slot {
    #[inline]
    fn take(&self) -> Option<Scratch<'_>> {
        let free = !self.taken.load(Ordering::Relaxed) && !self.taken.swap(true, Ordering::Acquire);
        free.then(|| Scratch { slot: self })
    }
}

impl Scratch<'_> {
    /// The buffer.
    #[inline]
    pub(crate) fn buffer(&mut self) -> Option<&mut [u8; MAX_RECORD]> {
        // SAFETY: `taken` is set and only we know of it, so nobody else has a
        // reference; ours lasts as long as the exclusive borrow of `self`.
        unsafe { &mut *self.slot.buffer.get() }.first_chunk_mut()
    }
}

impl Drop for Scratch<'_> {
    #[inline]
    fn drop(&mut self) {
        self.slot.taken.store(false, Ordering::Release);
    }
}
