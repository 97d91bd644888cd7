//! Falco's own kernel module, in C, as far as measuring it takes: its records are
//! made and thrown away. It is known as `scap`, that of Falco's releases as `falco`.
#![expect(
    unsafe_code,
    reason = "ioctls and shared memory, as in `falco_engine::source`"
)]

use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd as _;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use falco_abi::control::{Interest, hook};
use falco_engine::source::{Batch, Counters, Lost, Source};
use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const PAGE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Numbers of its ioctls: magic `s`, no direction, no size.
const ENABLE_SYSCALL: u32 = 29;
const ENABLE_HOOK: u32 = 31;

/// Numbers of its hooks: entry and exit of system calls, and what it calls ours.
const SYSCALL_HOOKS: [u32; 2] = [0, 1];
const HOOKS: [(u64, u32); 5] = [
    (hook::EXIT, 2),
    (hook::SWITCH, 3),
    (hook::SIGNAL, 6),
    (hook::FORK, 7),
    (hook::EXEC, 8),
];

/// What it shares with the reader of one CPU's records.
#[repr(C)]
struct Info {
    head: AtomicU32,
    tail: AtomicU32,
    events: AtomicU64,
    no_room: AtomicU64,
    no_room_for: [AtomicU64; 10],
    faults: AtomicU64,
    nested: AtomicU64,
}

/// The ring of one CPU.
struct Ring {
    device: File,
    info: NonNull<Info>,
}

impl Ring {
    fn open(path: &str) -> anyhow::Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open(path);
        let device = device.with_context(|| format!("opening {path}"))?;
        // SAFETY: A new mapping at an address that the kernel chooses.
        let start = unsafe {
            mmap(
                None,
                PAGE,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                &device,
                0,
            )
        };
        let start = start.with_context(|| format!("mapping {path}"))?;
        Ok(Self {
            device,
            info: start.cast(),
        })
    }

    fn info(&self) -> &Info {
        // SAFETY: A page, larger than `Info`, of numbers that the module writes as we
        // read them; it is mapped for as long as `self` is.
        unsafe { self.info.as_ref() }
    }

    fn ioctl(&self, number: u32, argument: u32) -> anyhow::Result<()> {
        let request = u64::from(b's') << 8 | u64::from(number);
        // SAFETY: The argument is a number, not an address.
        let status =
            unsafe { nix::libc::ioctl(self.device.as_raw_fd(), request, u64::from(argument)) };
        Errno::result(status).with_context(|| format!("ioctl {number} of {argument}"))?;
        Ok(())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: Mapped by `open`, and whoever borrowed from it borrowed us.
        let _ = unsafe { munmap(self.info.cast(), PAGE.get()) };
    }
}

/// The module as a source without records.
pub(super) struct Scap(Vec<Ring>);

impl Scap {
    /// Opens the rings of all CPUs that run.
    pub(super) fn open() -> anyhow::Result<Self> {
        let rings = (0..)
            .map(|cpu| format!("/dev/scap{cpu}"))
            .take_while(|path| std::path::Path::new(path).exists())
            .map(|path| Ring::open(&path))
            .collect::<Result<Vec<_>, _>>()?;
        anyhow::ensure!(!rings.is_empty(), "/dev/scap0 does not exist: load scap.ko");
        Ok(Self(rings))
    }
}

impl Source for Scap {
    fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
        // What is said of one ring is said of all of the same reader's.
        let Some(ring) = self.0.first() else {
            return Ok(());
        };
        for (word, bits) in interest.syscalls.iter().enumerate() {
            for bit in (0..64).filter(|bit| bits >> bit & 1 != 0) {
                ring.ioctl(ENABLE_SYSCALL, word as u32 * 64 + bit)?;
            }
        }
        for number in SYSCALL_HOOKS {
            ring.ioctl(ENABLE_HOOK, number)?;
        }
        for (ours, number) in HOOKS {
            if interest.hooks & ours != 0 {
                ring.ioctl(ENABLE_HOOK, number)?;
            }
        }
        Ok(())
    }

    /// Gives the room of all records back.
    fn read(&mut self, _: Duration, _: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
        for info in self.0.iter().map(Ring::info) {
            let head = info.head.load(Ordering::Acquire);
            info.tail.store(head, Ordering::Release);
        }
        Ok(Batch::Nothing)
    }

    fn counters(&self) -> anyhow::Result<Counters> {
        let mut counters = Counters::default();
        for (cpu, ring) in self.0.iter().enumerate() {
            let info = ring.info();
            let causes = [
                ("ring_full", &info.no_room),
                ("fault", &info.faults),
                ("nested", &info.nested),
            ];
            let lost = causes.map(|(cause, count)| Lost {
                cpu: u32::try_from(cpu).ok(),
                cause,
                class: "any",
                count: count.load(Ordering::Relaxed),
            });
            counters.records += info.events.load(Ordering::Relaxed);
            counters
                .lost
                .extend(lost.into_iter().filter(|l| l.count != 0));
        }
        Ok(counters)
    }

    fn epoch_offset(&self) -> i64 {
        0
    }
}
