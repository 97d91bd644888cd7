//! Captures (.scap) as what is written: events with all that was known before
//! the first of them.
//!
//! The format and the table of event types are those by which captures are read
//! ([`crate::source::capture`]). Events are written under the types that Falco's
//! drivers give them today; parameters of ours that Falco does not have are not
//! written. See docs/captures.md.

mod encode;
mod machine;
mod sink;
mod snapshot;

use std::io::{self, Write};

use self::encode::Encoder;
pub use self::machine::of_host;
pub use self::sink::Compression;
use self::sink::Sink;
use crate::event::Event;
use crate::source::capture::Machine;
use crate::state::State;

/// How a capture is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How it is compressed.
    pub compression: Compression,
    /// For programs with older libraries of Falco, such as sysdig 0.29: entries
    /// of calls are written too, and no kinds of descriptors that came later.
    pub old_readers: bool,
}

/// Writes one capture.
pub struct Writer {
    sink: Sink,
    encoder: Encoder,
    old_readers: bool,
    block: Vec<u8>,
    events: u64,
    /// Something happened that does not tell what was known before.
    began: bool,
}

impl Writer {
    /// Begins a capture with what is known now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(
        out: Box<dyn Write + Send>,
        options: Options,
        machine: &Machine,
        state: &State,
    ) -> io::Result<Self> {
        let mut sink = Sink::new(out, options.compression);
        let mut block = Vec::new();
        snapshot::write(machine, state, options.old_readers, &mut block);
        sink.write(&block)?;
        Ok(Self {
            sink,
            encoder: Encoder::new(options.old_readers),
            old_readers: options.old_readers,
            block,
            events: 0,
            began: false,
        })
    }

    /// Begins anew with what is known now: what follows is of another recording.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn section(&mut self, machine: &Machine, state: &State) -> io::Result<()> {
        self.block.clear();
        snapshot::write(machine, state, self.old_readers, &mut self.block);
        self.began = false;
        self.sink.write(&self.block)
    }

    /// Writes an event that `state` has taken in. With `hidden` it is there
    /// for the state of whoever reads it, and is not shown.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn event(&mut self, event: &Event<'_>, state: &State, hidden: bool) -> io::Result<()> {
        // What was known before the first event is hidden by its place.
        let known = event.is_known() && !self.began && self.encoder.tells_known(event.kind);
        let hidden = (hidden || event.is_known()) && !known;
        self.block.clear();
        let thread = state.thread_of(event);
        if self.encoder.event(event, thread, hidden, &mut self.block) {
            self.events += u64::from(!hidden && !known);
            self.began |= !known;
            self.sink.write(&self.block)?;
        }
        Ok(())
    }

    /// Events written, without those that are not shown.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.sink.written()
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> io::Result<()> {
        self.sink.finish()
    }
}

/// Appends a block: its type and length, the body, padding, the length again.
fn block(out: &mut Vec<u8>, ty: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&ty.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let padded = start + (out.len() - start).next_multiple_of(4);
    out.resize(padded, 0);
    let len = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend_from_slice(&len);
    out[start + 4..start + 8].copy_from_slice(&len);
}
