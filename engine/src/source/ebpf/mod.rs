//! eBPF programs as a source: the module's records where no module can be loaded.

mod programs;
mod ring;
mod types;

use std::os::fd::AsFd as _;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context as _;
use falco_abi::control::{Interest, Setup};
use falco_abi::ebpf::{counter, setting};
use falco_abi::event::{CLASS_NAMES, CLASSES};
use falco_abi::ring::{LOSS_NAMES, RING_DEFAULT};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use self::programs::Programs;
use self::ring::Ring;
use super::merge::{Order, merge};
use super::{Batch, Counters, FAULT, Lost, Preparer, RingUse, Source, boot_time, epoch_offset};

/// As for the module: after a batch the reader sleeps this long.
const GATHER: Duration = Duration::from_millis(2);
/// A reader that found a ring filled to more than one part in so many looks again at
/// once.
const PRESSED: u64 = 8;
/// A record's time is taken right before its place in the ring: what is younger than
/// this waits for the next round, so that others can come before it. A probe that is
/// preempted just there for longer is late, which is counted.
const SETTLE: Duration = Duration::from_micros(200);
/// Longest sleep: a record that was written just when the reader fell asleep wakes
/// nobody.
const NAP: Duration = Duration::from_millis(100);

/// Nanoseconds by which somebody has set the clock.
const CLOCK_SET: u64 = 1_000_000;

/// What is asked of the programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The same as the module's: how much is recorded, and of each ring the size.
    pub setup: Setup,
    /// CPUs that share a ring; 0: all.
    pub cpus_for_each_buffer: u32,
}

/// The eBPF programs as a source.
pub struct EbpfSource {
    // Detached before the rings go.
    programs: Programs,
    rings: Vec<Ring>,
    epoch_offset: i64,
    /// The one that the programs know.
    told_epoch: i64,
    order: Order,
    busy: bool,
    pressed: bool,
    behind: bool,
}

impl EbpfSource {
    /// Loads the programs and makes the rings. Nothing is captured before an interest is
    /// set.
    ///
    /// # Errors
    /// When the kernel does not allow it or lacks something, with what to do.
    pub fn open(options: Options) -> anyhow::Result<Self> {
        let bytes = match options.setup.ring_bytes {
            0 => RING_DEFAULT as u64,
            bytes => bytes,
        };
        let page = super::page_size().context("cannot ask for the page size")?;
        let size = u32::try_from(bytes)
            .ok()
            .filter(|bytes| bytes.is_power_of_two());
        let size = size.with_context(|| format!("a ring cannot have {bytes} bytes"))?;
        let cpus = possible_cpus()?;
        let mut programs = Programs::new(&options.setup, bytes, cpus)?;
        let share = match options.cpus_for_each_buffer {
            0 => cpus,
            share => share.min(cpus),
        };
        let mut rings = Vec::new();
        for first in (0..cpus).step_by(share as usize) {
            let map = programs.add_ring(size, first..(first + share).min(cpus))?;
            rings.push(Ring::new(first, map, bytes as usize, page).context("cannot map a ring")?);
        }
        programs.set_owner()?;
        let epoch_offset = epoch_offset();
        programs.set(setting::EPOCH, epoch_offset.cast_unsigned())?;
        Ok(Self {
            programs,
            rings,
            epoch_offset,
            told_epoch: epoch_offset,
            order: Order::default(),
            busy: false,
            pressed: false,
            behind: false,
        })
    }

    /// Number and size in bytes of the rings.
    pub fn rings(&self) -> (usize, u64) {
        (self.rings.len(), self.rings.first().map_or(0, Ring::size))
    }

    fn wait(&mut self, wait: Duration) -> anyhow::Result<()> {
        self.programs.wait();
        let timeout = PollTimeout::try_from(wait.min(NAP)).unwrap_or(PollTimeout::MAX);
        let mut fds: Vec<PollFd<'_>> = self
            .rings
            .iter()
            .map(|ring| PollFd::new(ring.map.fd().as_fd(), PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, timeout) {
            // A signal: the caller looks what it was.
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno).context("cannot wait for records"),
        }
    }
}

impl EbpfSource {
    /// Hands out what is complete and old enough.
    fn round(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<()> {
        self.epoch_offset = epoch_offset();
        // Two looks at two clocks differ by what lies between; who sets a clock does more.
        if self.told_epoch.abs_diff(self.epoch_offset) > CLOCK_SET {
            self.told_epoch = self.epoch_offset;
            self.programs
                .set(setting::EPOCH, self.epoch_offset.cast_unsigned())?;
        }
        let horizon = boot_time().saturating_sub(SETTLE.as_nanos() as u64);
        self.pressed = false;
        for ring in &mut self.rings {
            ring.begin_round();
            self.pressed |= ring.used() > ring.size() / PRESSED;
        }
        self.busy = merge(&mut self.rings, &mut self.order, horizon, each)?;
        self.behind = self.rings.iter().any(Ring::is_behind);
        Ok(())
    }
}

impl Source for EbpfSource {
    fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
        self.programs.set_interest(interest)
    }

    fn preparer(&self) -> Option<Preparer> {
        let loader = self.programs.loader();
        Some(Box::new(move |interest| {
            let mut loader = loader.lock().unwrap_or_else(PoisonError::into_inner);
            loader.prepare(interest)
        }))
    }

    fn read(&mut self, wait: Duration, each: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
        match (self.busy || self.behind, self.pressed) {
            (true, true) => {}
            (true, false) => std::thread::sleep(GATHER.min(wait)),
            (false, _) => self.wait(wait)?,
        }
        self.round(each)?;
        if !self.busy && self.behind {
            std::thread::sleep(SETTLE);
            self.round(each)?;
        }
        Ok(if self.busy {
            Batch::Some
        } else {
            Batch::Nothing
        })
    }

    fn counters(&self) -> anyhow::Result<Counters> {
        let mut counters = Counters {
            // What was read: counting what is written would cost each record something.
            records: self.rings.iter().map(|ring| ring.records).sum(),
            late: self.order.late,
            ..Counters::default()
        };
        for (cpu, words) in (0..).zip(self.programs.counters()?) {
            let add = |to: &mut Vec<Lost>, cause, class, count| {
                if count > 0 {
                    to.push(Lost {
                        cpu: Some(cpu),
                        cause,
                        class,
                        count,
                    });
                }
            };
            let lost = &mut counters.lost;
            for (i, cause) in LOSS_NAMES.iter().enumerate() {
                for (class, name) in CLASS_NAMES.iter().enumerate() {
                    add(
                        lost,
                        cause,
                        name,
                        words[counter::LOST + i * CLASSES + class],
                    );
                }
            }
            for (class, name) in CLASS_NAMES.iter().enumerate() {
                add(lost, "no_ring", name, words[counter::NO_RING + class]);
                add(
                    &mut counters.faults,
                    FAULT,
                    name,
                    words[counter::FAULTS + class],
                );
            }
        }
        counters.rings = self
            .rings
            .iter()
            .map(|ring| RingUse {
                cpu: ring.cpu,
                records: ring.records,
                used: ring.used(),
                size: ring.size(),
            })
            .collect();
        counters.programs = self.programs.costs();
        Ok(counters)
    }

    fn epoch_offset(&self) -> i64 {
        self.epoch_offset
    }
}

/// The programs as they are embedded, for tests.
pub fn object() -> &'static [u8] {
    programs::OBJECT
}

/// One more than the highest number of a CPU that there can be.
fn possible_cpus() -> anyhow::Result<u32> {
    const PATH: &str = "/sys/devices/system/cpu/possible";
    let text = std::fs::read_to_string(PATH).with_context(|| format!("cannot read {PATH}"))?;
    let last = text.trim().rsplit(['-', ',']).next().unwrap_or_default();
    let last: u32 = last
        .parse()
        .with_context(|| format!("{PATH} has `{text}`"))?;
    Ok(last + 1)
}
