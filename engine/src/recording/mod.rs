//! Captures (.scap) as what is written: events with all that was known before
//! the first of them.
//!
//! The format and the table of event types are those by which captures are read
//! ([`crate::source::capture`]). Events are written under the types that Falco's
//! drivers give them today; parameters of ours that Falco does not have are not
//! written. See docs/captures.md.

mod encode;
mod file;
mod machine;
mod sink;
mod snapshot;

use std::io::{self, Write};

use falco_abi::event::Event as Kind;
use rustc_hash::FxHashSet;

use self::encode::Encoder;
pub use self::file::create;
pub use self::machine::of_host;
pub use self::sink::{Compression, Sink};
use crate::event::{Event, RecordBuilder};
use crate::metadata::{Container, recorded};
use crate::source::capture::{Machine, NOBODY};
use crate::state::{State, Thread};

/// How a capture is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How it is compressed.
    pub compression: Compression,
    /// For programs with older libraries of Falco, such as sysdig 0.29 and 0.41:
    /// entries of calls are written too, and no parameters and kinds of
    /// descriptors that came later.
    pub old_readers: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is in the capture.
    Shown,
    /// It is there for the state of whoever reads it.
    Hidden,
    /// Captures have no such event.
    Nothing,
}

/// Is given what was appended, after each part of what is known. It may take it
/// out. `false`: the rest is not wanted.
pub type Part<'a> = dyn FnMut(&mut Vec<u8>) -> bool + 'a;

/// Turns state and events into the bytes of a capture.
pub struct Blocks {
    encoder: Encoder,
    old_readers: bool,
    /// Something happened that does not tell what was known before.
    began: bool,
    /// Containers of which all is told, by the id that is shown.
    told: FxHashSet<Box<str>>,
}

impl Blocks {
    /// Nothing yet. `old_readers`: see [`Options`].
    pub fn new(old_readers: bool) -> Self {
        Self {
            encoder: Encoder::new(old_readers),
            old_readers,
            began: false,
            told: FxHashSet::default(),
        }
    }

    /// Appends the beginning of a section: what is known now.
    pub fn begin(
        &mut self,
        machine: &Machine,
        state: &State,
        out: &mut Vec<u8>,
        part: &mut Part<'_>,
    ) {
        self.began = false;
        self.told.clear();
        self.known(machine, state, out, part);
    }

    /// The same beside events that go on: what follows may come behind this
    /// beginning or behind an earlier one with the events since.
    pub fn known(
        &mut self,
        machine: &Machine,
        state: &State,
        out: &mut Vec<u8>,
        part: &mut Part<'_>,
    ) {
        snapshot::write(machine, state, self.old_readers, out, part);
        let containers = state.containers().all();
        self.told
            .retain(|id| containers.iter().any(|c| c.id() == &**id));
        for container in &containers {
            if self.container(container, state.times().current, false, out) {
                self.told.insert(container.id().into());
            }
        }
    }

    /// Appends an event that `state` has taken in. With `hidden` it is there
    /// for the state of whoever reads it, and is not shown.
    pub fn event(
        &mut self,
        event: &Event<'_>,
        thread: Option<&Thread>,
        hidden: bool,
        out: &mut Vec<u8>,
    ) -> Written {
        if let Some((id, _)) = event.container().and_then(recorded::parse) {
            // The event itself tells it.
            self.told.insert(id.into());
        } else if let Some(container) = thread.and_then(|thread| thread.container.as_deref())
            && !self.told.contains(container.id())
            && self.container(container, event.time, true, out)
        {
            self.told.insert(container.id().into());
        }
        // What was known before the first event is hidden by its place.
        let known = event.is_known() && !self.began && self.encoder.tells_known(event.kind);
        let hidden = (hidden || event.is_known()) && !known;
        if !self.encoder.event(event, thread, hidden, out) {
            return Written::Nothing;
        }
        self.began |= !known;
        match hidden || known {
            true => Written::Hidden,
            false => Written::Shown,
        }
    }

    /// Appends what a runtime told of a container. `false`: nothing yet.
    fn container(&self, container: &Container, time: u64, hidden: bool, out: &mut Vec<u8>) -> bool {
        let Some(info) = container.info() else {
            return false;
        };
        let json = recorded::describe(container, info);
        let record = RecordBuilder::new(Kind::Container, NOBODY)
            .header(|header| header.ts = time)
            .bytes("json", &json)
            .build();
        let event = Event::decode(&record, 0, 0);
        event.is_ok_and(|event| self.encoder.event(&event, None, hidden, out))
    }
}

/// Writes one capture.
pub struct Writer {
    sink: Sink,
    blocks: Blocks,
    block: Vec<u8>,
    events: u64,
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
        let mut this = Self {
            sink: Sink::new(out, options.compression),
            blocks: Blocks::new(options.old_readers),
            block: Vec::new(),
            events: 0,
        };
        this.section(machine, state)?;
        Ok(this)
    }

    /// Begins anew with what is known now: what follows is of another recording.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn section(&mut self, machine: &Machine, state: &State) -> io::Result<()> {
        let Self {
            sink,
            blocks,
            block,
            ..
        } = self;
        block.clear();
        let mut written = Ok(());
        blocks.begin(machine, state, block, &mut |block| {
            written = sink.write(block);
            block.clear();
            written.is_ok()
        });
        written?;
        sink.write(block)
    }

    /// Writes an event, as [`Blocks::event`] has it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn event(&mut self, event: &Event<'_>, state: &State, hidden: bool) -> io::Result<()> {
        self.block.clear();
        let thread = state.thread_of(event);
        let written = self.blocks.event(event, thread, hidden, &mut self.block);
        self.events += u64::from(written == Written::Shown);
        self.sink.write(&self.block)
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
