// SPDX-License-Identifier: GPL-2.0-only

//! The ring of one CPU.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kernel::mm::virt::VmaNew;
use kernel::page::PAGE_SIZE;
use kernel::prelude::*;

use crate::abi::control::Region;
use crate::abi::event::{Event, CLASSES};
use crate::abi::record::NO_SYSCALL;
use crate::abi::ring::{
    self as protocol, ConsumerPage, Loss, ProducerPage, ALL_LOSSES, RING_MAGIC,
};
use crate::clock;
use crate::memory::{Mirrored, SharedPages};
use crate::preempt;
use crate::record::{Finished, Numbers};

/// The pages of a ring, and who writes.
pub(crate) struct Ring {
    producer: SharedPages,
    consumer: SharedPages,
    data: Mirrored,
    /// A record is being copied on this CPU.
    busy: AtomicBool,
    /// Records were lost that no record has told of yet.
    behind: AtomicBool,
    /// Losses that were told, by class.
    told: [AtomicU64; CLASSES],
}

impl Ring {
    /// An empty ring for `cpu` with `size` bytes, a power of two.
    pub(crate) fn new(cpu: usize, size: usize) -> Result<Self> {
        let ring = Self {
            producer: SharedPages::new(PAGE_SIZE)?,
            consumer: SharedPages::new(PAGE_SIZE)?,
            data: Mirrored::new(size)?,
            busy: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            told: [const { AtomicU64::new(0) }; CLASSES],
        };
        let page = ring.producer();
        page.size.store(size as u64, Ordering::Relaxed);
        page.cpu.store(cpu as u64, Ordering::Relaxed);
        page.magic.store(RING_MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// The page that we write.
    #[inline]
    pub(crate) fn producer(&self) -> &ProducerPage {
        // SAFETY: Atomics and padding, less than a page (asserted beside it).
        unsafe { self.producer.cast() }
    }

    #[inline]
    fn consumer(&self) -> &ConsumerPage {
        // SAFETY: Atomics and padding, less than a page (asserted beside it).
        unsafe { self.consumer.cast() }
    }

    /// Bytes that the reader has not consumed. Nonsense of the reader counts as
    /// a full ring.
    #[inline]
    pub(crate) fn fill(&self) -> u64 {
        let committed = self.producer().committed.load(Ordering::Relaxed);
        committed.wrapping_sub(self.consumer().consumed.load(Ordering::Relaxed))
    }

    /// Writes the record, or counts its loss.
    ///
    /// `guard` proves that we stay on the ring's CPU, where therefore nothing
    /// but an interrupt can come between; what an interrupt's hook would write
    /// is refused and counted.
    #[inline]
    pub(crate) fn publish(&self, guard: &preempt::Guard, record: &mut impl Finished) -> bool {
        if self.busy.load(Ordering::Relaxed) {
            self.lost(guard, Loss::Nested, record.event());
            return false;
        }
        self.busy.store(true, Ordering::Relaxed);
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
        let written = if self.behind.load(Ordering::Relaxed) {
            self.tell(guard, record.priority())
                .and_then(|()| self.write(guard, record))
        } else {
            self.write(guard, record)
        };
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
        self.busy.store(false, Ordering::Relaxed);
        if let Err(loss) = written {
            self.lost(guard, loss, record.event());
        }
        written.is_ok()
    }

    /// Counts a record that was lost on this CPU.
    #[cold]
    pub(crate) fn lost(&self, _guard: &preempt::Guard, loss: Loss, event: Event) {
        protocol::count_loss(self.producer(), loss, event.info().class as usize);
        if loss.is_told() {
            self.behind.store(true, Ordering::Relaxed);
        }
    }

    /// Writes how many records were lost, before any record that comes after them. When that
    /// one is not of a process life cycle, there must be room for more than it: else there
    /// would be a record of loss for each.
    #[cold]
    fn tell(&self, guard: &preempt::Guard, priority: bool) -> Result<(), Loss> {
        let size = self.data.len() as u64;
        let fill = self.fill();
        // If what the reader says is nonsense, `write` finds that out.
        if !priority && fill <= size && fill + 2 * protocol::priority_room(size) > size {
            return Err(Loss::Full);
        }
        self.behind.store(false, Ordering::Relaxed);
        let mut now = [0; CLASSES];
        let producer = self.producer();
        for (_, classes) in ALL_LOSSES
            .iter()
            .zip(&producer.lost)
            .filter(|(loss, _)| loss.is_told())
        {
            for (sum, class) in now.iter_mut().zip(classes) {
                *sum += class.load(Ordering::Relaxed);
            }
        }
        let mut record = Numbers {
            event: Event::Lost,
            tid: 0,
            pid: 0,
            syscall: NO_SYSCALL,
            flags: 0,
            // A parameter for each class.
            value: |class: usize| now[class] - self.told[class].load(Ordering::Relaxed),
        };
        let written = self.write(guard, &mut record);
        if written.is_ok() {
            for (now, told) in now.iter().zip(&self.told) {
                told.store(*now, Ordering::Relaxed);
            }
        } else {
            self.behind.store(true, Ordering::Relaxed);
        }
        written
    }

    #[inline]
    fn write(&self, guard: &preempt::Guard, record: &mut impl Finished) -> Result<(), Loss> {
        let size = self.data.len() as u64;
        let (producer, consumer) = (self.producer(), self.consumer());
        let reserved =
            protocol::reserve(producer, consumer, size, record.len(), record.priority())?;
        // SAFETY: The size is a power of two, positions are multiples of 8, and
        // the record is as long as the reservation, which is ours alone.
        let mut words = unsafe { self.data.words(reserved.start as usize) };
        record.write(guard.cpu(), clock::boot(), &mut words);
        if record.has_fault() {
            protocol::count_fault(producer, record.event().info().class as usize);
        }
        protocol::commit(producer, reserved);
        Ok(())
    }

    /// Maps one region of the ring.
    pub(crate) fn map(&self, vma: &VmaNew, region: Region) -> Result {
        match region {
            Region::Producer => self.producer.map(vma, 1, false),
            Region::Consumer => self.consumer.map(vma, 1, true),
            Region::Data => self.data.map(vma),
        }
    }
}
