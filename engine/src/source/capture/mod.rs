//! Captures (.scap) as a source of events.

mod convert;
mod entries;
pub mod events;
pub mod format;
mod memory;
mod pace;
mod snapshot;
mod stream;
pub mod syscalls;

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use falco_abi::control::Interest;
use log::warn;

pub use self::convert::NOBODY;
use self::convert::{Brief, Converter, Outcome, Raw};
use self::entries::Lengths;
use self::format::{BLOCK_HEADER, BLOCK_TRAILER, Block, EventBlock};
use self::memory::Memory;
use self::pace::Pace;
use self::snapshot::{BadEntry, List};
pub use self::snapshot::{Interface, Machine};
pub use self::stream::CaptureError;
use self::stream::Stream;
use super::{Batch, Counters, Sink, Source};
use crate::state::State;

/// Longest block that is read at once: all but lists, which are read entry by entry.
const MAX_BLOCK: usize = 16 << 20;

/// Longest entry of a list: seven texts and some numbers.
const MAX_ENTRY: usize = 1 << 20;

/// Events of one batch; in between the caller looks at other things.
const BATCH: usize = 4096;

/// Where the header of an event has its type.
const CODE: usize = 20;

/// Events of types that told their length wrong before they told their number of
/// parameters.
const WRONG_LENGTHS: [u16; 2] = [280, 286];

/// A capture file, read from its beginning to its end.
pub struct CaptureSource {
    stream: Stream,
    converter: Converter,
    machine: Machine,
    pace: Option<Pace>,
    memory: Memory,
    /// Where the block at hand begins.
    block: u64,
    /// Events that count so far.
    events: u64,
    ended: bool,
}

/// A block whose body is next in the stream.
#[derive(Clone, Copy)]
struct Found {
    block: Option<Block>,
    /// With header and trailer.
    len: usize,
}

impl CaptureSource {
    /// Opens a capture; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read or is no capture.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let stream = Stream::open(path).with_context(|| format!("cannot open capture {name}"))?;
        Self::of(stream).with_context(|| format!("cannot read capture {name}"))
    }

    /// Reads a capture from anything.
    ///
    /// # Errors
    /// When it is no capture.
    pub fn new(source: impl io::Read + Send + 'static) -> anyhow::Result<Self> {
        Self::of(Stream::new(source)?)
    }

    fn of(mut stream: Stream) -> anyhow::Result<Self> {
        // What is decompressed for the first bytes counts.
        let memory = Memory::new();
        if stream.fill(4)? < 4 || stream.bytes()[..4] != format::SECTION.to_le_bytes() {
            anyhow::bail!("this is no capture: it does not begin with a section header");
        }
        Ok(Self {
            stream,
            converter: Converter::new(),
            machine: Machine::default(),
            pace: None,
            memory,
            block: 0,
            events: 0,
            ended: false,
        })
    }

    /// Hands out events as fast as they were recorded, times `speed`.
    pub fn set_speed(&mut self, speed: f64) {
        self.pace = Some(Pace::new(speed));
    }

    /// The machine that the events are of, once [`Source::restore`] has run.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What is wrong with the block at hand.
    fn error(&self, message: impl Into<String>) -> CaptureError {
        CaptureError {
            offset: self.block,
            message: message.into(),
        }
    }

    /// What is wrong with a part of it that is next in the stream.
    fn bad(&self, bad: &BadEntry) -> CaptureError {
        CaptureError {
            offset: self.stream.offset() + bad.at as u64,
            message: bad.what.to_owned(),
        }
    }

    /// The end, in the middle of a block, or of a compressed file.
    #[cold]
    fn cut_off(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let left = self.stream.bytes().len();
        let offset = self.block;
        match self.stream.offset() - offset + left as u64 {
            0 => warn!("the capture is cut off behind its last block, at offset {offset}"),
            there => warn!(
                "the capture is cut off: its last block, at offset {offset}, ends after {there} bytes"
            ),
        }
        self.stream.consume(left);
    }

    /// Looks at the next block. `None`: there is none.
    fn next_block(&mut self) -> Result<Option<Found>, CaptureError> {
        self.block = self.stream.offset();
        self.memory.check(self.block)?;
        let there = self.stream.fill(BLOCK_HEADER)?;
        if there < BLOCK_HEADER {
            if there > 0 || self.stream.is_cut() {
                self.cut_off();
            }
            self.ended = true;
            return Ok(None);
        }
        let bytes = self.stream.bytes();
        let ty = u32_at(bytes, 0);
        let len = u32_at(bytes, 4) as usize;
        if len < BLOCK_HEADER + BLOCK_TRAILER {
            return Err(self.impossible(len));
        }
        let block = format::block(ty);
        Ok(Some(Found { block, len }))
    }

    #[cold]
    fn impossible(&self, len: usize) -> CaptureError {
        self.error(format!("a block has the impossible length {len}"))
    }

    /// Gets the whole block into the buffer. `false`: it is cut off.
    fn load(&mut self, found: Found) -> Result<bool, CaptureError> {
        if self.stream.bytes().len() < found.len && !self.load_more(found)? {
            return Ok(false);
        }
        self.same_length(
            found,
            u32_at(self.stream.bytes(), found.len - BLOCK_TRAILER),
        )?;
        Ok(true)
    }

    #[cold]
    fn load_more(&mut self, found: Found) -> Result<bool, CaptureError> {
        if found.len > MAX_BLOCK {
            let message = format!("a block of {} bytes is too long", found.len);
            return Err(self.error(message));
        }
        if self.stream.fill(found.len)? < found.len {
            self.cut_off();
            return Ok(false);
        }
        Ok(true)
    }

    /// The length stands at both ends of a block.
    fn same_length(&self, found: Found, trailer: u32) -> Result<(), CaptureError> {
        match trailer as usize == found.len {
            true => Ok(()),
            false => Err(self.contradiction(found.len, trailer)),
        }
    }

    #[cold]
    fn contradiction(&self, len: usize, trailer: u32) -> CaptureError {
        self.error(format!(
            "a block says at its start that it has {len} bytes and at its end {trailer}"
        ))
    }

    /// Goes past a block that nobody can read.
    fn skip(&mut self, found: Found) -> Result<(), CaptureError> {
        let mut left = found.len;
        while left > 0 {
            let there = self.stream.fill(1)?;
            if there == 0 {
                self.cut_off();
                return Ok(());
            }
            let some = there.min(left);
            self.stream.consume(some);
            left -= some;
        }
        Ok(())
    }

    fn section(&mut self, found: Found) -> Result<(), CaptureError> {
        let body = &self.stream.bytes()[BLOCK_HEADER..found.len];
        if body.len() < 8 || u32_at(body, 0) != format::BYTE_ORDER {
            return Err(self.error("a section is not in little endian"));
        }
        let major = u16::from_le_bytes([body[4], body[5]]);
        if major > format::MAJOR {
            let message = format!("the capture has the later version {major} of the format");
            return Err(self.error(message));
        }
        Ok(())
    }

    fn machine_block(&mut self, found: Found, state: &mut State) -> Result<(), CaptureError> {
        let body = &self.stream.bytes()[BLOCK_HEADER..found.len - BLOCK_TRAILER];
        let machine = snapshot::machine(body).map_err(|bad| {
            let at = BLOCK_HEADER + bad.at;
            self.bad(&BadEntry { at, ..bad })
        })?;
        state.set_hostname(&machine.hostname);
        let interfaces = std::mem::take(&mut self.machine.interfaces);
        self.machine = Machine {
            interfaces,
            ..machine
        };
        Ok(())
    }

    /// Takes in a list of what was known before the first event, entry by entry,
    /// for it may be longer than there is memory.
    fn list(
        &mut self,
        mut list: List,
        found: Found,
        state: &mut State,
    ) -> Result<(), CaptureError> {
        self.stream.consume(BLOCK_HEADER);
        let mut left = found.len - BLOCK_HEADER - BLOCK_TRAILER;
        // What is shorter is padding.
        while left >= 4 {
            self.memory.check(self.stream.offset())?;
            let there = self.stream.bytes().len().min(left);
            match list.entry(&self.stream.bytes()[..there], state) {
                Ok(len) => {
                    self.stream.consume(len);
                    left -= len;
                }
                // Perhaps its end is not there yet.
                Err(_) if there < left.min(MAX_ENTRY) => {
                    if self.stream.fill(there + 1)? == there {
                        self.cut_off();
                        break;
                    }
                }
                Err(bad) => return Err(self.bad(&bad)),
            }
        }
        if let List::Interfaces(interfaces, _) = list {
            state.set_addresses(interfaces.iter().map(|one| one.address));
            self.machine.interfaces = interfaces;
        }
        let rest = left + BLOCK_TRAILER;
        if !self.ended && self.stream.fill(rest)? < rest {
            self.cut_off();
        }
        if !self.ended {
            self.same_length(found, u32_at(self.stream.bytes(), left))?;
            self.stream.consume(rest);
        }
        Ok(())
    }

    /// Reads any block. What ends the batch, if it does.
    #[inline(never)]
    fn read_block(&mut self, wait: Duration, sink: &mut dyn Sink) -> anyhow::Result<Option<Batch>> {
        if self.ended {
            return Ok(Some(Batch::End));
        }
        let Some(found) = self.next_block()? else {
            return Ok(None);
        };
        match found.block {
            Some(Block::Event(layout)) => {
                if !self.load(found)? {
                    return Ok(None);
                }
                if self.pace.is_some() && !self.is_due(layout, found, wait) {
                    return Ok(Some(Batch::Nothing));
                }
                let event = &self.stream.bytes()[BLOCK_HEADER..found.len - BLOCK_TRAILER];
                let outcome = translate(event, layout, &mut self.converter);
                if self.settle(outcome)? {
                    sink.record(self.events, self.converter.record());
                }
                self.stream.consume(found.len);
            }
            Some(Block::Section) => return Ok(Some(Batch::Section)),
            // What was known comes before the events.
            _ => self.skip(found)?,
        }
        Ok(None)
    }

    /// Whether it is time for the event, within `wait`.
    fn is_due(&mut self, layout: EventBlock, found: Found, wait: Duration) -> bool {
        let at = BLOCK_HEADER + layout.prefix();
        // One that is cut off is told later.
        let time = (found.len >= at + 8).then(|| u64_at(self.stream.bytes(), at));
        match (&mut self.pace, time) {
            (Some(pace), Some(time)) => pace.wait_for(time, wait),
            _ => true,
        }
    }

    /// Whether what became of an event is the converter's record. `None`: its
    /// lengths are wrong.
    #[inline(always)]
    fn settle(&mut self, outcome: Option<Outcome>) -> Result<bool, CaptureError> {
        match outcome {
            Some(Outcome::Record) => {
                self.events += 1;
                Ok(true)
            }
            Some(Outcome::Counted) => {
                self.events += 1;
                Ok(false)
            }
            Some(Outcome::Kept) => Ok(false),
            Some(Outcome::Broken) => {
                Err(self.error("the parameters of an event are longer than it"))
            }
            None => Err(self.error("an event is longer than its block, or its parameters are")),
        }
    }
}

/// The next block without its ends, if it is wholly there and an event as all
/// are written today.
#[inline(always)]
fn usual_event(bytes: &[u8]) -> Option<&[u8]> {
    let (ty, len) = (bytes.first_chunk()?, bytes.get(4..)?.first_chunk()?);
    let body = bytes.get(..u32::from_le_bytes(*len) as usize)?;
    let (body, trailer) = body.split_last_chunk::<BLOCK_TRAILER>()?;
    let usual = u32::from_le_bytes(*ty) == format::EVENT && trailer == len;
    usual.then_some(body.get(BLOCK_HEADER..)?)
}

/// What becomes of the event in a block. `None`: its lengths are wrong.
#[inline(always)]
fn translate(block: &[u8], layout: EventBlock, converter: &mut Converter) -> Option<Outcome> {
    let code = block.get(layout.prefix() + CODE..)?.first_chunk()?;
    match converter.unread(u16::from_le_bytes(*code)) {
        Some(unread) => Some(unread),
        None => Some(match parse(block, layout, converter)? {
            Some(raw) => converter.convert(&raw),
            None => Outcome::Kept,
        }),
    }
}

/// Takes an event apart. `Some(None)`: one of a type that is not known. `None`:
/// its lengths are wrong.
#[inline(always)]
fn parse<'a>(
    block: &'a [u8],
    layout: EventBlock,
    converter: &Converter,
) -> Option<Option<Raw<'a>>> {
    let header = block.get(layout.prefix()..)?;
    let (header, _) = header.split_at_checked(layout.header())?;
    let cpu = u16::from_le_bytes([block[0], block[1]]);
    let time = u64_at(header, 0);
    let tid = u64_at(header, 8);
    let mut len = u32_at(header, 16) as usize;
    let code = u16::from_le_bytes([header[CODE], header[CODE + 1]]);
    if !layout.counted && WRONG_LENGTHS.contains(&code) {
        len = len.checked_sub(3)?;
    }
    let hidden = layout.flags && u32_at(block, 2) & format::STATE_ONLY != 0;
    let event = block.get(layout.prefix()..)?.get(..len)?;
    let params = event.get(layout.header()..)?;
    let count = match layout.counted {
        true => u32_at(header, 22) as usize,
        false => match converter.most_params(code) {
            Some(most) => count_params(params, most)?,
            None => return Some(None),
        },
    };
    let lengths = count.checked_mul(layout.length())?;
    let (lengths, data) = params.split_at_checked(lengths)?;
    let lengths = Lengths::new(lengths, layout.large);
    Some(Some(Raw {
        time,
        tid,
        cpu,
        code,
        hidden,
        lengths,
        data,
    }))
}

/// The number of parameters of an event that does not tell it: their lengths
/// add up to that of the event.
fn count_params(params: &[u8], most: usize) -> Option<usize> {
    (0..=most).rev().find(|&count| {
        let Some((lengths, data)) = params.split_at_checked(2 * count) else {
            return false;
        };
        Lengths::new(lengths, false).sum() == data.len()
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

impl Source for CaptureSource {
    fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
        self.converter.set_interest(&interest.syscalls);
        Ok(())
    }

    fn leave_out_queries(&mut self, leave_out: bool) {
        self.converter.leave_out_queries(leave_out);
    }

    fn restore(&mut self, state: &mut State) -> anyhow::Result<()> {
        self.converter.restart();
        self.machine = Machine::default();
        let mut first = true;
        while let Some(found) = self.next_block()? {
            match found.block {
                Some(Block::Section) if !first => break,
                Some(Block::Event(_)) => break,
                None => self.skip(found)?,
                Some(block) => match List::of(block) {
                    Some(list) => self.list(list, found, state)?,
                    None if !self.load(found)? => break,
                    None => {
                        match block {
                            Block::Machine => self.machine_block(found, state)?,
                            _ => self.section(found)?,
                        }
                        self.stream.consume(found.len);
                    }
                },
            }
            first = false;
        }
        state.link();
        Ok(())
    }

    fn read(&mut self, wait: Duration, each: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
        self.read_into(wait, &mut &mut *each)
    }

    fn read_into(&mut self, wait: Duration, sink: &mut dyn Sink) -> anyhow::Result<Batch> {
        for _ in 0..BATCH {
            // Of nearly all blocks that is all there is to do.
            if self.pace.is_none()
                && let Some(event) = usual_event(self.stream.bytes())
            {
                let len = event.len() + BLOCK_HEADER + BLOCK_TRAILER;
                self.block = self.stream.offset();
                let brief = self.converter.brief(event, self.events + 1);
                if brief.is_some_and(|brief| match brief {
                    Brief::Call(call) => sink.fd_call(&call),
                    Brief::Query => true,
                }) {
                    self.events += 1;
                    self.converter.begin();
                } else {
                    // Descriptors are copied once for each fork at most, which is here.
                    self.memory.check(self.block)?;
                    let outcome = translate(event, EventBlock::USUAL, &mut self.converter);
                    if self.settle(outcome)? {
                        sink.record(self.events, self.converter.record());
                    }
                }
                self.stream.consume(len);
            } else if let Some(batch) = self.read_block(wait, sink)? {
                return Ok(batch);
            }
        }
        Ok(Batch::Some)
    }

    fn counters(&self) -> anyhow::Result<Counters> {
        Ok(Counters {
            records: self.events,
            ..Counters::default()
        })
    }

    fn machine(&self) -> Option<&Machine> {
        Some(&self.machine)
    }

    fn epoch_offset(&self) -> i64 {
        // Times are of the epoch already.
        0
    }
}
