//! A ring of the eBPF programs.

use aya::maps::MapData;
use falco_abi::record::{HEADER_SIZE, RECORD_ALIGN};

use crate::event::read_header;
use crate::source::mapping::{Begun, Consumer, Data};
use crate::source::merge;

/// The kernel's own header before each record: length and two bits.
const PREFIX: u64 = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
/// How often a reader looks again whether a record that was begun is complete.
const SPINS: u32 = 1_000;

/// A ring, shared by the CPUs from `cpu` on.
pub(super) struct Ring {
    pub(super) cpu: u32,
    pub(super) map: MapData,
    begun: Begun,
    consumer: Consumer,
    data: Data,
    size: u64,
    /// Everything before is consumed.
    position: u64,
    /// End of the records of this round.
    end: u64,
    /// Records that were read.
    pub(super) records: u64,
}

impl Ring {
    /// Maps a ring of `size` bytes.
    pub(super) fn new(cpu: u32, map: MapData, size: usize, page: usize) -> nix::Result<Self> {
        let consumer = Consumer::new(map.fd(), 0, page)?;
        let begun = Begun::new(map.fd(), page as u64, page)?;
        let data = Data::new(map.fd(), 2 * page as u64, size)?;
        Ok(Self {
            cpu,
            map,
            begun,
            consumer,
            data,
            size: size as u64,
            position: 0,
            end: 0,
            records: 0,
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are not read yet.
    pub(super) fn used(&self) -> u64 {
        self.begun.position().saturating_sub(self.position)
    }

    /// Takes what is complete now. A record that stays incomplete ends the round early.
    pub(super) fn begin_round(&mut self) {
        let begun = self.begun.position();
        let mut end = self.position;
        while end < begun {
            let mut word = self.data.word(end);
            for _ in 0..SPINS {
                if word & BUSY == 0 {
                    break;
                }
                std::hint::spin_loop();
                word = self.data.word(end);
            }
            if word & BUSY != 0 {
                break;
            }
            end += step(word);
        }
        self.end = end;
        self.skip();
    }

    /// Whether the round leaves something.
    pub(super) fn is_behind(&self) -> bool {
        self.position < self.begun.position()
    }

    /// Goes past records that were given up.
    fn skip(&mut self) {
        while self.position < self.end {
            let word = self.data.word(self.position);
            if word & DISCARDED == 0 {
                break;
            }
            self.position += step(word);
        }
    }
}

/// Bytes from one record to the next.
fn step(word: u32) -> u64 {
    let len = u64::from(word & !(BUSY | DISCARDED));
    (len + PREFIX).next_multiple_of(RECORD_ALIGN as u64)
}

impl merge::Ring for Ring {
    fn peek(&self) -> anyhow::Result<Option<u64>> {
        if self.position >= self.end {
            return Ok(None);
        }
        let start = self.position + PREFIX;
        let header = self.data.between(start, start + HEADER_SIZE as u64);
        Ok(Some(read_header(header)?.ts))
    }

    fn front(&self) -> anyhow::Result<&[u8]> {
        let len = u64::from(self.data.word(self.position) & !(BUSY | DISCARDED));
        let start = self.position + PREFIX;
        let record = self.data.between(start, start + len);
        let told = read_header(record)?.len;
        if u64::from(told) != len || start + len > self.end {
            anyhow::bail!(
                "the ring of CPU {} is corrupt: a record of {told} bytes in {len} at position {}",
                self.cpu,
                self.position
            );
        }
        Ok(record)
    }

    fn pop(&mut self) -> anyhow::Result<()> {
        self.position += step(self.data.word(self.position));
        self.records += 1;
        self.skip();
        Ok(())
    }

    fn release(&self) {
        let consumed = &self.consumer.page().consumed;
        consumed.store(self.position, std::sync::atomic::Ordering::Release);
    }
}
