//! The module's rings, merged by time.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use falco_abi::control::{Interest, Region, Setup, hook, map_offset};
use falco_abi::event::{CLASS_NAMES, CLASSES};
use falco_abi::record::{HEADER_SIZE, RECORD_ALIGN};
use falco_abi::ring::{LOSS_NAMES, RING_MAGIC};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::device::{Device, DeviceError};
use super::mapping::{Consumer, Data, Producer};
use super::merge::{self, Order, merge};
use super::{Batch, Counters, FAULT, Lost, RingUse, Source, boot_time, epoch_offset};
use crate::event::read_header;

/// After a batch the reader sleeps this long before it looks again: under load
/// records gather instead of waking us one by one, and an alert is late by no
/// more than this. An idle reader sleeps in `poll` until it is woken.
const GATHER: Duration = Duration::from_millis(2);

/// A reader of records that are made where nobody can be woken looks this often.
const QUIET: Duration = Duration::from_millis(50);

/// A reader that found a ring filled to more than one part in so many looks
/// again at once.
const PRESSED: u64 = 8;

/// Nanoseconds by which a record may seem older than it is.
const SKEW: u64 = 5_000;

/// How often a reader looks again whether a record that was begun is complete.
const SPINS: u32 = 10_000;

/// The ring of one CPU.
struct Ring {
    cpu: u32,
    producer: Producer,
    consumer: Consumer,
    data: Data,
    /// Everything before is consumed.
    position: u64,
    /// End of the records of this round.
    end: u64,
}

/// `/dev/falco` as a source.
pub struct KmodSource {
    rings: Vec<Ring>,
    device: Device,
    epoch_offset: i64,
    /// Records that were handed out.
    order: Order,
    /// The last round brought something.
    busy: bool,
    /// The last round found some ring rather full.
    pressed: bool,
    /// Hooks of interest that wake nobody.
    quiet: bool,
}

impl KmodSource {
    /// Opens the device, makes rings of `ring_bytes` each (0: the module's
    /// default) and maps them. Nothing is captured before an interest is set.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn open(path: &Path, ring_bytes: u64) -> Result<Self, DeviceError> {
        Self::open_with(
            path,
            Setup {
                ring_bytes,
                ..Setup::default()
            },
        )
    }

    /// The same with everything that the module lets its reader choose; version,
    /// digest and watermark are filled in.
    ///
    /// # Errors
    /// [`DeviceError`].
    pub fn open_with(path: &Path, setup: Setup) -> Result<Self, DeviceError> {
        let device = Device::open(path)?;
        device.setup(Setup {
            watermark: 1,
            ..setup
        })?;
        let page = page_size(&device)?;
        let mut rings = Vec::new();
        for cpu in 0..device.version().cpus {
            match Ring::map(&device, cpu, page) {
                Ok(ring) => rings.push(ring),
                // A CPU that was offline at setup has no ring.
                Err(Errno::ENXIO) => {}
                Err(errno) => return Err(device.error("mapping a ring", errno)),
            }
        }
        let epoch_offset = epoch_offset();
        Ok(Self {
            rings,
            device,
            epoch_offset,
            order: Order::default(),
            busy: false,
            pressed: false,
            quiet: false,
        })
    }

    /// Number and size in bytes of the rings.
    pub fn rings(&self) -> (usize, u64) {
        let size = self.rings.first().map_or(0, Ring::size);
        (self.rings.len(), size)
    }

    /// Takes what is complete now: afterwards every record made before this
    /// call lies before its ring's `end`.
    fn begin_round(&mut self) -> u64 {
        // The clocks of two processors differ by less than this.
        let horizon = boot_time().saturating_sub(SKEW);
        self.pressed = false;
        for ring in &mut self.rings {
            ring.end = ring.complete();
            self.pressed |= ring.end - ring.position > ring.size() / PRESSED;
        }
        horizon
    }

    fn wait(&self, wait: Duration) -> anyhow::Result<()> {
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(
            std::os::fd::AsFd::as_fd(&self.device),
            PollFlags::POLLIN,
        )];
        match poll(&mut fds, timeout) {
            // A signal: the caller looks what it was.
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(self.device.error("waiting", errno).into()),
        }
    }
}

impl Source for KmodSource {
    fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
        self.device.set_interest(interest)?;
        self.quiet = interest.hooks & (hook::SWITCH | hook::FAULT) != 0;
        Ok(())
    }

    fn read(&mut self, wait: Duration, each: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
        match (self.busy, self.pressed) {
            (true, true) => {}
            (true, false) => std::thread::sleep(GATHER.min(wait)),
            (false, _) if self.quiet => self.wait(wait.min(QUIET))?,
            (false, _) => self.wait(wait)?,
        }
        self.epoch_offset = epoch_offset();
        let horizon = self.begin_round();
        self.busy = merge(&mut self.rings, &mut self.order, horizon, each)?;
        Ok(if self.busy {
            Batch::Some
        } else {
            Batch::Nothing
        })
    }

    fn counters(&self) -> anyhow::Result<Counters> {
        let stats = self.device.stats()?;
        let (mut lost, mut faults) = (Vec::new(), Vec::new());
        for ring in &self.rings {
            let page = ring.producer.page();
            let add = |to: &mut Vec<Lost>, cause, classes: &[AtomicU64; CLASSES]| {
                for (class, counter) in CLASS_NAMES.iter().zip(classes) {
                    let count = counter.load(Ordering::Relaxed);
                    if count > 0 {
                        to.push(Lost {
                            cpu: Some(ring.cpu),
                            cause,
                            class,
                            count,
                        });
                    }
                }
            };
            for (cause, classes) in LOSS_NAMES.iter().zip(&page.lost) {
                add(&mut lost, cause, classes);
            }
            add(&mut faults, FAULT, &page.faults);
        }
        if stats.lost_no_ring > 0 {
            lost.push(Lost {
                cpu: None,
                cause: "no_ring",
                class: "any",
                count: stats.lost_no_ring,
            });
        }
        let rings = self.rings.iter().map(|ring| {
            let page = ring.producer.page();
            let end = page.reserved.load(Ordering::Relaxed);
            RingUse {
                cpu: ring.cpu,
                records: page.records.load(Ordering::Relaxed),
                used: end.saturating_sub(ring.position),
                size: ring.size(),
            }
        });
        Ok(Counters {
            records: stats.records,
            late: self.order.late,
            lost,
            faults,
            rings: rings.collect(),
            programs: Vec::new(),
        })
    }

    fn epoch_offset(&self) -> i64 {
        self.epoch_offset
    }
}

impl Ring {
    fn map(device: &Device, cpu: u32, page: usize) -> Result<Self, Errno> {
        let producer = Producer::new(device, map_offset(cpu, Region::Producer), page)?;
        let consumer = Consumer::new(device, map_offset(cpu, Region::Consumer), page)?;
        let described = producer.page();
        if described.magic.load(Ordering::Acquire) != RING_MAGIC {
            return Err(Errno::EPROTO);
        }
        let size = described.size.load(Ordering::Relaxed);
        let size = usize::try_from(size).map_err(|_| Errno::EPROTO)?;
        if !size.is_power_of_two() {
            return Err(Errno::EPROTO);
        }
        let data = Data::new(device, map_offset(cpu, Region::Data), size)?;
        let position = consumer.page().consumed.load(Ordering::Relaxed);
        Ok(Self {
            cpu,
            producer,
            consumer,
            data,
            position,
            end: position,
        })
    }

    fn size(&self) -> u64 {
        self.producer.page().size.load(Ordering::Relaxed)
    }

    /// Position up to which records can be read, once those are complete that
    /// were begun when this was called.
    fn complete(&self) -> u64 {
        let page = self.producer.page();
        let begun = page.reserved.load(Ordering::SeqCst);
        for _ in 0..SPINS {
            let committed = page.committed.load(Ordering::Acquire);
            if committed >= begun {
                return committed;
            }
            std::hint::spin_loop();
        }
        // Its CPU is stopped (a virtual one, perhaps). Order may suffer, nothing else.
        page.committed.load(Ordering::Acquire)
    }
}

impl merge::Ring for Ring {
    fn peek(&self) -> anyhow::Result<Option<u64>> {
        if self.position >= self.end {
            return Ok(None);
        }
        let header = self
            .data
            .between(self.position, self.position + HEADER_SIZE as u64);
        Ok(Some(read_header(header)?.ts))
    }

    fn front(&self) -> anyhow::Result<&[u8]> {
        let rest = self.data.between(self.position, self.end);
        let len = read_header(rest)?.len as usize;
        match rest.get(..len) {
            Some(record) if len >= HEADER_SIZE && len.is_multiple_of(RECORD_ALIGN) => Ok(record),
            _ => anyhow::bail!(
                "the ring of CPU {} is corrupt: a record of {len} bytes at position {}",
                self.cpu,
                self.position
            ),
        }
    }

    fn pop(&mut self) -> anyhow::Result<()> {
        self.position += self.front()?.len() as u64;
        Ok(())
    }

    fn release(&self) {
        let consumed = &self.consumer.page().consumed;
        consumed.store(self.position, Ordering::Release);
    }
}

fn page_size(device: &Device) -> Result<usize, DeviceError> {
    super::page_size().ok_or_else(|| device.error("asking for the page size", Errno::EINVAL))
}
