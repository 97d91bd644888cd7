// SPDX-License-Identifier: GPL-2.0-only

//! What lives from the reader's setup until it closes the device.

use core::sync::atomic::{fence, AtomicBool, AtomicU64, Ordering};

use kernel::bindings;
use kernel::cpu::{nr_cpu_ids, CpuId};
use kernel::fs::File;
use kernel::mm::virt::VmaNew;
use kernel::new_poll_condvar;
use kernel::prelude::*;
use kernel::sync::poll::{PollCondVar, PollTable};
use kernel::sync::Arc;

use crate::abi::control::{Interest, Region, Setup, Stats, ALL_CPUS};
use crate::abi::event::{Event, CLASSES};
use crate::abi::record::NO_SYSCALL;
use crate::abi::ring::{self as protocol, Loss};
use crate::abi::syscall::{SYSCALL_MAX, SYSCALL_WORDS};
use crate::capture::Limits;
use crate::cgroup;
use crate::preempt;
use crate::record::{Finished, Numbers, Record};
use crate::ring::Ring;
use crate::scratch::Pool;
use crate::task::Task;
use crate::throttle::{Throttle, Verdict};

/// Rings, interest and waiting reader.
#[pin_data]
pub(crate) struct Session {
    interest: [AtomicU64; SYSCALL_WORDS],
    descriptors: [AtomicU64; SYSCALL_WORDS],
    hooks: AtomicU64,
    /// By CPU; none for a number that no CPU can ever have.
    rings: KVec<Option<Ring>>,
    scratch: Pool,
    limits: Limits,
    processes: Throttle,
    groups: Throttle,
    /// The process that set it up.
    owner: u32,
    lost_no_ring: AtomicU64,
    watermark: u64,
    /// The reader sleeps, or is about to.
    waiting: AtomicBool,
    #[pin]
    readers: PollCondVar,
}

impl Session {
    /// Makes the rings of all CPUs: those that the machine has, online or not, get
    /// what was asked for; those that may be plugged in later, which for some
    /// machines are hundreds, the least. Nothing is of interest yet.
    pub(crate) fn new(ring_bytes: usize, limits: Limits, setup: &Setup) -> Result<Arc<Self>> {
        let cpus = nr_cpu_ids() as usize;
        let mut rings = KVec::with_capacity(cpus, GFP_KERNEL)?;
        let mut present = 0;
        for cpu in 0..cpus {
            let ring = if is_in(cpu, &raw mut bindings::__cpu_present_mask) {
                present += 1;
                Some(Ring::new(cpu, ring_bytes)?)
            } else if is_in(cpu, &raw mut bindings::__cpu_possible_mask) {
                Some(Ring::new(cpu, protocol::RING_MIN)?)
            } else {
                None
            };
            rings.push(ring, GFP_KERNEL)?;
        }
        let scratch = Pool::new(present)?;
        let processes = Throttle::new(setup.throttle)?;
        let groups = Throttle::new(setup.throttle_group)?;
        Arc::pin_init(
            try_pin_init!(Self {
                interest: [const { AtomicU64::new(0) }; SYSCALL_WORDS],
                descriptors: [const { AtomicU64::new(0) }; SYSCALL_WORDS],
                hooks: AtomicU64::new(0),
                rings,
                scratch,
                limits,
                processes,
                groups,
                owner: Task::current().pid(),
                lost_no_ring: AtomicU64::new(0),
                watermark: u64::from(setup.watermark.max(1)),
                waiting: AtomicBool::new(false),
                readers <- new_poll_condvar!("falco readers"),
            }),
            GFP_KERNEL,
        )
    }

    /// Replaces what is of interest.
    pub(crate) fn set_interest(&self, interest: &Interest) {
        for (bitmap, new) in [
            (&self.interest, interest.syscalls),
            (&self.descriptors, interest.descriptors),
        ] {
            for (ours, theirs) in bitmap.iter().zip(new) {
                ours.store(theirs, Ordering::Relaxed);
            }
        }
        self.hooks.store(interest.hooks, Ordering::Relaxed);
    }

    /// The process that set the session up.
    #[inline]
    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    /// Whether a record without priority of this process may be written; if not, it is
    /// counted, and the first time a record says so.
    #[inline(always)]
    pub(crate) fn admits(&self, event: Event, task: Task) -> bool {
        let counts = self.processes.is_on() || self.groups.is_on();
        !counts || self.admits_more(event, task)
    }

    #[cold]
    fn admits_more(&self, event: Event, task: Task) -> bool {
        let (mut verdict, mut limit) = (self.processes.count(task.pid()), self.processes.limit());
        let mut group = 0;
        if self.groups.is_on() && matches!(verdict, Verdict::Pass) {
            group = cgroup::id(task);
            // No two groups that there are at the same time have the same lower half.
            (verdict, limit) = (self.groups.count(group as u32), self.groups.limit());
        }
        if let Verdict::Pass = verdict {
            return true;
        }
        if let Verdict::First = verdict {
            let values = [u64::from(task.pid()), u64::from(limit), group];
            // The hook may be one of those where nobody can be woken.
            self.publish_quietly(&mut Numbers {
                event: Event::Throttled,
                tid: task.tid(),
                pid: task.pid(),
                syscall: NO_SYSCALL,
                flags: 0,
                value: |i: usize| values[i],
            });
        }
        self.count_loss(event, Loss::Throttled);
        false
    }

    /// How much is recorded of what is long.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a system call is of interest. Any number is allowed.
    #[inline]
    pub(crate) fn wants(&self, number: usize) -> bool {
        has(&self.interest, number)
    }

    /// Whether what its descriptor is is of interest too.
    #[inline]
    pub(crate) fn wants_descriptor(&self, number: usize) -> bool {
        has(&self.descriptors, number)
    }

    /// The other hooks of interest, as bits of [`control::hook`].
    pub(crate) fn hooks(&self) -> u64 {
        self.hooks.load(Ordering::Relaxed)
    }

    /// Builds a record with so many slots and publishes it on this CPU's ring, or counts its loss. One with
    /// `priority` uses what is kept for process life cycles; it must not wait for a page.
    #[inline]
    pub(crate) fn record(
        &self,
        (event, slots): (Event, usize),
        priority: bool,
        task: Task,
        build: impl FnOnce(&mut Record<'_>),
    ) {
        let Some(mut scratch) = self.scratch.take(priority) else {
            self.count_loss(event, Loss::NoMemory);
            return;
        };
        if let Some(buffer) = scratch.buffer() {
            let ids = (task.tid(), task.pid());
            let mut record = Record::new(buffer, (event, slots), priority, ids);
            build(&mut record);
            self.publish(&mut record);
        }
    }

    /// Publishes a record on this CPU's ring, or counts its loss.
    #[inline]
    pub(crate) fn publish(&self, record: &mut impl Finished) {
        if let Some(ring) = self.publish_quietly(record) {
            self.wake(ring);
        }
    }

    /// The same without waking the reader. Returns the ring if the record is on it.
    #[inline]
    pub(crate) fn publish_quietly(&self, record: &mut impl Finished) -> Option<&Ring> {
        let guard = preempt::Guard::new();
        let Some(ring) = &self.rings[guard.cpu()] else {
            self.lost_no_ring.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        ring.publish(&guard, record).then_some(ring)
    }

    /// Counts a record that is not written.
    #[cold]
    pub(crate) fn count_loss(&self, event: Event, loss: Loss) {
        let guard = preempt::Guard::new();
        match &self.rings[guard.cpu()] {
            Some(ring) => ring.lost(&guard, loss, event),
            None => {
                self.lost_no_ring.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Wakes the reader if it sleeps and a ring has filled up to the watermark.
    #[inline]
    fn wake(&self, ring: &Ring) {
        // Pairs with the barrier in `poll`: either we see that it waits, or it
        // sees what we have just published.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed)
            && ring.fill() >= self.watermark
            && self.waiting.swap(false, Ordering::Relaxed)
        {
            self.readers.notify_all();
        }
    }

    /// Whether a ring has filled up to the watermark; if not, the reader will
    /// be woken when one has.
    pub(crate) fn poll(&self, file: &File, table: &PollTable<'_>) -> u32 {
        table.register_wait(file, &self.readers);
        self.waiting.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let ready = self.rings().any(|r| r.fill() >= self.watermark);
        if ready {
            self.waiting.store(false, Ordering::Relaxed);
            return bindings::POLLIN | bindings::POLLRDNORM;
        }
        0
    }

    /// All rings.
    pub(crate) fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.rings.iter().flatten()
    }

    /// The counters of a CPU, or of all.
    pub(crate) fn stats(&self, cpu: u64) -> Stats {
        let mut stats = Stats {
            cpu,
            lost_no_ring: self.lost_no_ring(),
            ..Stats::default()
        };
        let add = |sums: &mut [u64; CLASSES], counters: &[AtomicU64; CLASSES]| {
            for (sum, counter) in sums.iter_mut().zip(counters) {
                *sum += counter.load(Ordering::Relaxed);
            }
        };
        for page in self.rings().map(Ring::producer) {
            if cpu != ALL_CPUS && cpu != page.cpu.load(Ordering::Relaxed) {
                continue;
            }
            stats.records += page.records.load(Ordering::Relaxed);
            for (sums, counters) in stats.lost.iter_mut().zip(&page.lost) {
                add(sums, counters);
            }
            add(&mut stats.faults, &page.faults);
        }
        stats
    }

    /// Records that were lost because their CPU has no ring.
    pub(crate) fn lost_no_ring(&self) -> u64 {
        self.lost_no_ring.load(Ordering::Relaxed)
    }

    /// Maps one region of the ring of a CPU.
    pub(crate) fn map(&self, vma: &VmaNew, cpu: u32, region: Region) -> Result {
        match self.rings.get(cpu as usize) {
            Some(Some(ring)) => ring.map(vma, region),
            _ => Err(ENXIO),
        }
    }
}

/// Whether a bitmap has a system call. Any number is allowed.
#[inline]
fn has(bitmap: &[AtomicU64; SYSCALL_WORDS], number: usize) -> bool {
    number < SYSCALL_MAX && bitmap[number / 64].load(Ordering::Relaxed) & 1 << (number % 64) != 0
}

/// Whether a CPU is in one of the kernel's own masks.
fn is_in(cpu: usize, mask: *mut bindings::cpumask) -> bool {
    let Some(cpu) = CpuId::from_u32(cpu as u32) else {
        return false;
    };
    // SAFETY: The kernel's masks always exist; a CPU that comes or goes meanwhile
    // is one that came or went right after.
    unsafe { bindings::cpumask_test_cpu(cpu.as_u32() as i32, mask) }
}
