//! What the loop does beside events: signals, other configurations, losses,
//! numbers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::notify::{Notify, Watchdog};
use super::pipeline::Pipeline;
use super::reload::{Answer, Prepared};
use super::signals::Signals;
use super::{loss, startup};
use crate::clock;
use crate::config::{Config, EngineKind};
use crate::metrics::Board;
use crate::output::Alert;

/// How often the manager of services gets a new line about what happens.
const STATUS: Duration = Duration::from_secs(10);

/// How the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// As before.
    Go,
    /// The program must end with an error.
    Fail,
}

/// Everything that is looked at between two batches.
pub(super) struct Duty {
    signals: Signals,
    notify: Notify,
    watchdog: Watchdog,
    loss: loss::Watch,
    silence: loss::Silence,
    board: Arc<Board>,
    /// Alerts of other threads.
    alerts: Receiver<Alert>,
    reloads: Receiver<Prepared>,
    answers: Sender<anyhow::Result<Answer>>,
    events: u64,
    status: Instant,
}

/// What other threads and the loop say to each other.
pub(super) struct Lines {
    pub(super) alerts: Receiver<Alert>,
    pub(super) reloads: Receiver<Prepared>,
    pub(super) answers: Sender<anyhow::Result<Answer>>,
}

impl Duty {
    pub(super) fn new(
        config: &Config,
        signals: Signals,
        notify: Notify,
        board: Arc<Board>,
        lines: Lines,
    ) -> Self {
        let Lines {
            alerts,
            reloads,
            answers,
        } = lines;
        let ebpf = startup::kind(config) == EngineKind::ModernEbpf;
        Self {
            signals,
            watchdog: Watchdog::new(&notify),
            notify,
            loss: loss::Watch::new(&config.drops, ebpf),
            silence: loss::Silence::new(config.max_timeouts),
            board,
            alerts,
            reloads,
            answers,
            events: 0,
            status: Instant::now(),
        }
    }

    /// Whether the loop must end.
    pub(super) fn is_over(&self) -> bool {
        self.signals.stop()
    }

    /// How long the loop may sleep, at most `wait`.
    pub(super) fn patience(&self, wait: Duration) -> Duration {
        self.watchdog
            .patience()
            .map_or(wait, |limit| limit.min(wait))
    }

    /// The loop works, also in the middle of a batch.
    pub(super) fn is_alive(&mut self) {
        self.watchdog.kick();
    }

    /// Does what is due.
    ///
    /// # Errors
    /// When the source is broken.
    pub(super) fn after_batch(&mut self, pipeline: &mut Pipeline) -> anyhow::Result<Next> {
        self.watchdog.kick();
        if self.signals.reopen() {
            pipeline.reopen();
        }
        self.send_alerts(pipeline);
        if let Ok(prepared) = self.reloads.try_recv() {
            self.swap(pipeline, prepared);
        }
        if self.loss.is_due() {
            return self.every_second(pipeline);
        }
        Ok(Next::Go)
    }

    /// Alerts of other threads.
    fn send_alerts(&self, pipeline: &mut Pipeline) {
        while let Ok(alert) = self.alerts.try_recv() {
            pipeline.send(&alert);
        }
    }

    fn swap(&mut self, pipeline: &mut Pipeline, prepared: Prepared) {
        let begun = Instant::now();
        let config = Arc::clone(&prepared.config);
        let swapped = pipeline.swap(prepared).map(|old| Answer {
            old,
            took: begun.elapsed(),
        });
        if swapped.is_ok() {
            self.loss.configure(&config.drops);
            self.silence.configure(config.max_timeouts);
        }
        // The old rules are dropped there, since that takes its time too.
        let _ = self.answers.send(swapped);
    }

    fn every_second(&mut self, pipeline: &mut Pipeline) -> anyhow::Result<Next> {
        let now = clock::now();
        let counters = pipeline.counters()?;
        let verdict = self.loss.look(&counters, now);
        if let Some(alert) = verdict.alert {
            pipeline.send(&alert);
        }
        if let Some((time, events)) = pipeline.last_event()
            && events != self.events
        {
            self.events = events;
            self.silence.broken(time);
        }
        if let Some(alert) = self.silence.look(now) {
            pipeline.send(&alert);
        }
        pipeline.tick();
        if self.status.elapsed() >= STATUS {
            self.status = Instant::now();
            let lost = counters.lost();
            self.notify
                .status(&format!("{} events, {lost} lost", self.events));
        }
        self.board.publish(pipeline.sample(counters));
        Ok(if verdict.exit { Next::Fail } else { Next::Go })
    }

    /// The end: tells the manager, and on standard error what was lost.
    pub(super) fn finish(&self, pipeline: &mut Pipeline) {
        self.notify.stopping();
        pipeline.end();
        self.send_alerts(pipeline);
        if let Some(summary) = self.loss.summary() {
            eprint!("{summary}");
        }
    }
}
