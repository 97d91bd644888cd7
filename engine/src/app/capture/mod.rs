//! Captures of what happens around alerts (`capture:` in the configuration).
//!
//! The loop turns events into blocks; a thread of its own compresses and writes
//! them ([`writer`]). Where events before the alert are wanted, they are kept
//! with what was known before the first of them ([`ring`]).

mod ring;
mod writer;

use std::time::Duration;

use crossbeam_channel::Sender;
use log::error;

use self::ring::Ring;
use self::writer::{Limits, Writer};
use crate::config;
use crate::event::Event;
use crate::output::Alert;
use crate::recording::{Blocks, Written};
use crate::rules::RuleInfo;
use crate::source::capture::Machine;
use crate::state::{State, Thread, grown};

/// Bytes that go to the writer at once.
const CHUNK: usize = 256 << 10;

/// Most bytes of what is known at the beginning of a capture. In a replay it is a
/// file that tells it, which must not take all the memory.
const MOST_KNOWN: usize = 256 << 20;
const MOST_REPLAYED: usize = 16 << 20;

/// Writes captures as the configuration asks for.
pub(super) struct Captures {
    settings: config::Capture,
    machine: Machine,
    blocks: Blocks,
    ring: Option<Ring>,
    file: Option<Current>,
    writer: Writer,
    /// The event at hand.
    block: Vec<u8>,
    /// Most bytes of what is known.
    most_known: usize,
    /// It was more once, which is told once.
    exceeded: bool,
}

/// The capture that is being written.
struct Current {
    number: u64,
    /// Time of events at which it ends.
    until: u64,
    events: u64,
    chunk: Vec<u8>,
    /// Events in the chunk.
    waiting: u64,
}

impl Captures {
    /// Ready to write captures of `machine`. With `patient` the loop waits when
    /// the disk is slow, instead of going on without some events.
    ///
    /// # Errors
    /// When there is no thread.
    pub(super) fn start(
        settings: &config::Capture,
        machine: Machine,
        patient: bool,
        alerts: Sender<Alert>,
    ) -> std::io::Result<Self> {
        let mut this = Self {
            settings: settings.clone(),
            machine,
            blocks: Blocks::new(false),
            ring: None,
            file: None,
            writer: Writer::start(patient, alerts)?,
            block: Vec::new(),
            most_known: if patient { MOST_REPLAYED } else { MOST_KNOWN },
            exceeded: false,
        };
        this.configure(settings);
        Ok(this)
    }

    /// Goes on by other settings. What is being written ends as it would have.
    pub(super) fn configure(&mut self, settings: &config::Capture) {
        let before = |settings: &config::Capture| match settings.enabled {
            true => settings.before_events,
            false => 0,
        };
        let wanted = before(settings);
        if self.ring.is_none() || wanted != before(&self.settings) {
            self.ring = (wanted > 0).then(|| Ring::new(wanted));
        }
        self.settings = settings.clone();
    }

    /// When the capture that an alert of this rule begins would end; `None`:
    /// the rule begins none.
    pub(super) fn until(&self, rule: &RuleInfo, time: u64) -> Option<u64> {
        if !(self.settings.enabled && (rule.capture || self.settings.all_rules)) {
            return None;
        }
        let length = match rule.capture_duration {
            0 => self.settings.duration,
            millis => Duration::from_millis(millis),
        };
        let length = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Some(time.saturating_add(length))
    }

    /// There was an alert about an event: a capture begins, or goes on longer.
    /// `true`: it begins.
    pub(super) fn alert(&mut self, event: &Event<'_>, until: u64, state: &State) -> bool {
        self.expire(event.time);
        if let Some(file) = &mut self.file {
            file.until = file.until.max(until);
            return false;
        }
        let mut known = Vec::new();
        let mut events = 0;
        let ring = self.ring.as_ref().filter(|ring| !ring.is_empty());
        if let Some(ring) = ring {
            events = ring.copy(&mut known);
        } else if !self.known(true, state, &mut known) {
            return false;
        }
        let name = name(&self.settings, event);
        let limits = Limits {
            bytes: self.settings.max_file_mib << 20,
        };
        if let Some(number) = self.writer.begin(name, limits, known, events) {
            self.file = Some(Current {
                number,
                until,
                events,
                chunk: Vec::with_capacity(CHUNK),
                waiting: 0,
            });
        }
        self.file.is_some()
    }

    /// The same for an event that had to wait, and that others have overtaken.
    pub(super) fn late_alert(
        &mut self,
        event: &Event<'_>,
        thread: Option<&Thread>,
        until: u64,
        state: &State,
    ) {
        let kept = self.ring.as_ref().is_some_and(|ring| ring.has(event.num));
        if self.alert(event, until, state) && !kept {
            self.block.clear();
            let written = self.blocks.event(event, thread, false, &mut self.block);
            self.put(written);
        }
    }

    /// Takes in an event that `state` knows of.
    pub(super) fn event(&mut self, event: &Event<'_>, state: &State) {
        self.expire(event.time);
        if self.file.is_none() && self.ring.is_none() {
            return;
        }
        self.block.clear();
        let thread = state.thread_of(event);
        let written = self.blocks.event(event, thread, false, &mut self.block);
        if let Some(ring) = &mut self.ring {
            ring.put(event.num, &self.block, written == Written::Shown);
        }
        self.put(written);
    }

    /// Puts the block at hand into the file.
    fn put(&mut self, written: Written) {
        let Some(file) = &mut self.file else {
            return;
        };
        file.chunk.extend_from_slice(&self.block);
        if written == Written::Shown {
            file.waiting += 1;
            file.events += 1;
        }
        if file.chunk.len() >= CHUNK {
            self.flush();
        }
        let most = self.settings.max_events;
        if most > 0 && self.file.as_ref().is_some_and(|file| file.events >= most) {
            self.end();
        }
    }

    /// Between two events: what is kept of those before alerts is kept short.
    pub(super) fn after(&mut self, state: &State) {
        let Some(mut ring) = self.ring.take_if(|ring| ring.is_full()) else {
            return;
        };
        let first = ring.is_empty() && self.file.is_none();
        // Without what was known its events are of no use.
        if ring.turn(|out| self.known(first, state, out)) {
            self.ring = Some(ring);
        }
    }

    /// Appends what is known now; with `first` nothing goes on behind it. `false`:
    /// it is too much.
    fn known(&mut self, first: bool, state: &State, out: &mut Vec<u8>) -> bool {
        let most = self.most_known;
        let mut part = |out: &mut Vec<u8>| out.len() <= most;
        match first {
            true => self.blocks.begin(&self.machine, state, out, &mut part),
            false => self.blocks.known(&self.machine, state, out, &mut part),
        }
        grown::add(out.len());
        let fits = out.len() <= most;
        if !fits && !std::mem::replace(&mut self.exceeded, true) {
            error!(
                "captures: what is known of processes takes more than {} MiB, no capture begins",
                most >> 20
            );
        }
        fits
    }

    /// Hands what there is to the writer.
    fn flush(&mut self) {
        let Some(file) = &mut self.file else {
            return;
        };
        if file.chunk.is_empty() {
            return;
        }
        let chunk = std::mem::replace(&mut file.chunk, Vec::with_capacity(CHUNK));
        let events = std::mem::take(&mut file.waiting);
        self.writer.write(chunk, events);
        if self.writer.has_ended(file.number) {
            self.file = None;
        }
    }

    /// Ends the file if it is time, or if the writer has ended it.
    fn expire(&mut self, time: u64) {
        if self.file.as_ref().is_some_and(|file| time >= file.until) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.flush();
        if self.file.take().is_some() {
            self.writer.end();
        }
    }

    /// Once a second: what was recorded so far reaches the disk. `now`: the
    /// time, where events are of now.
    pub(super) fn tick(&mut self, now: Option<u64>) {
        if let Some(now) = now {
            self.expire(now);
        }
        self.flush();
    }

    /// What follows is of another recording.
    pub(super) fn section(&mut self, machine: Machine) {
        self.end();
        self.machine = machine;
        self.ring = self
            .ring
            .is_some()
            .then(|| Ring::new(self.settings.before_events));
    }

    /// Ends everything; waits until it is written, but not for ever.
    pub(super) fn finish(mut self) {
        self.end();
        self.writer.finish();
    }
}

/// The name of the capture that an event begins, as Falco makes it.
fn name(settings: &config::Capture, event: &Event<'_>) -> std::path::PathBuf {
    let mut name = settings.path_prefix.as_os_str().to_owned();
    name.push(format!("_{:020}_{:020}.scap", event.time, event.num));
    name.into()
}
