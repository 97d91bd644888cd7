//! The loop: records in, alerts out.

use std::time::{Duration, Instant};

use bumpalo::Bump;
use log::{error, info, warn};

use super::held::Waiting;
use super::loss::Watch;
use super::signals::Signals;
use crate::clock;
use crate::event::Event;
use crate::filter::field::Context;
use crate::output::{Alert, Outputs, Statistics};
use crate::rules::{Ruleset, Scratch};
use crate::source::{Batch, Source};
use crate::state::{State, Thread};

/// How long the loop sleeps at most when nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// How long it sleeps at most while an event waits for its container.
const HOLDING: Duration = Duration::from_millis(5);
/// Records that cannot be read are logged one by one up to this many.
const BROKEN_LOGGED: u64 = 10;

/// Everything that the loop moves.
pub(super) struct Pipeline {
    source: Box<dyn Source>,
    rest: Rest,
}

/// Everything but the source, which hands records to it.
struct Rest {
    state: State,
    evaluator: Evaluator,
    waiting: Waiting,
    events: u64,
    broken: u64,
}

/// From an event with its state to alerts.
struct Evaluator {
    ruleset: Ruleset,
    scratch: Scratch,
    arena: Bump,
    outputs: Outputs,
    statistics: Statistics,
}

impl Pipeline {
    pub(super) fn new(
        source: Box<dyn Source>,
        state: State,
        ruleset: Ruleset,
        outputs: Outputs,
    ) -> Self {
        Self {
            source,
            rest: Rest {
                state,
                evaluator: Evaluator {
                    ruleset,
                    scratch: Scratch::default(),
                    arena: Bump::new(),
                    outputs,
                    statistics: Statistics::default(),
                },
                waiting: Waiting::default(),
                events: 0,
                broken: 0,
            },
        }
    }

    /// Runs until a signal asks to stop, the time is over or the source ends.
    ///
    /// # Errors
    /// When the source breaks.
    pub(super) fn run(&mut self, signals: &Signals, limit: Option<Duration>) -> anyhow::Result<()> {
        let end = limit.map(|limit| Instant::now() + limit);
        let mut watch = Watch::new();
        let Self { source, rest } = self;
        while !signals.stop() {
            let mut wait = if rest.waiting.is_empty() {
                IDLE
            } else {
                HOLDING
            };
            if let Some(end) = end {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                wait = wait.min(left);
            }
            let epoch_offset = source.epoch_offset();
            let batch = source.read(wait, &mut |num, record| {
                rest.take(num, record, epoch_offset);
            })?;
            rest.release_held();
            if signals.reopen() {
                rest.evaluator.outputs.reopen();
            }
            if signals.reload() {
                warn!("SIGHUP: a changed configuration needs a restart");
            }
            if watch.is_due() {
                let alert = watch.look(source.counters()?, clock::now());
                if let Some(alert) = alert {
                    rest.evaluator.send(&alert);
                }
                rest.state.tick();
            }
            match batch {
                Batch::Some | Batch::Nothing => {}
                Batch::Section => {
                    rest.flush_held();
                    rest.state = State::new();
                    source.restore(&mut rest.state)?;
                }
                Batch::End => break,
            }
        }
        info!("{} events were looked at", rest.events);
        Ok(())
    }

    /// Ends capture; what is left are the outputs and the statistics.
    pub(super) fn finish(mut self) -> (Outputs, Statistics) {
        self.rest.flush_held();
        let Evaluator {
            outputs,
            statistics,
            ..
        } = self.rest.evaluator;
        (outputs, statistics)
    }
}

impl Rest {
    /// One record on its way.
    fn take(&mut self, num: u64, record: &[u8], epoch_offset: i64) {
        self.events += 1;
        let event = match Event::decode(record, num, epoch_offset) {
            Ok(event) => event,
            Err(error) => {
                self.broken += 1;
                if self.broken <= BROKEN_LOGGED {
                    error!("a record cannot be read: {error}");
                }
                return;
            }
        };
        self.state.before(&event);
        if !event.is_internal() && self.evaluator.ruleset.wants(&event) {
            let thread = self.state.thread_of(&event);
            if !self.waiting.hold(&event, record, thread, epoch_offset) {
                self.evaluator.evaluate(&event, thread, &self.state);
            }
        }
        self.state.after(&event);
    }

    /// Lets the rules look at events whose container is known by now.
    fn release_held(&mut self) {
        for held in self.waiting.release() {
            if let Ok(event) = Event::decode(&held.record, held.num, held.epoch_offset) {
                // The thread as it was: the process may have gone meanwhile.
                let thread = Some(&held.thread);
                self.evaluator.evaluate(&event, thread, &self.state);
            }
        }
    }

    /// At the end: waits for what is held, no longer than an event ever waits.
    fn flush_held(&mut self) {
        while !self.waiting.is_empty() {
            std::thread::sleep(HOLDING);
            self.release_held();
        }
    }
}

impl Evaluator {
    fn evaluate(&mut self, event: &Event<'_>, thread: Option<&Thread>, state: &State) {
        let context = Context {
            event,
            thread,
            state,
            arena: &self.arena,
        };
        let (outputs, statistics) = (&self.outputs, &mut self.statistics);
        let mut sink = |alert: Alert| {
            statistics.record(&alert);
            outputs.send(&alert);
        };
        self.ruleset
            .evaluate(&context, &mut self.scratch, &mut sink);
        self.arena.reset();
    }

    fn send(&mut self, alert: &Alert) {
        self.statistics.record(alert);
        self.outputs.send(alert);
    }
}
