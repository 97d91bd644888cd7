//! One queue and one thread per output.
//!
//! The thread of events only ever puts a line into queues that have room. What
//! waits, is written again, dropped or reported is the business of the other
//! threads: `writer` and `supervisor`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use log::{error, warn};

use super::Alert;
use super::channel::{OUTPUTS, Opened, Output};
use super::format::{Formatter, Line};
use super::recent::Recent;
use super::supervisor::supervise;
use super::writer::{Control, Writer};
use crate::config::Outputs as Settings;

/// Alerts that may wait for one output if the configuration names no number.
pub const DEFAULT_CAPACITY: usize = 16384;

/// Trouble that lasts is reported again after this time.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// How long an output that is taken away has for what waits in its queue.
const RETIRE: Duration = Duration::from_secs(5);

/// Why alerts cannot be written at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The configuration enables no output.
    #[error("no output is enabled: set `enabled: true` for one of {}", names())]
    NoOutput,
    /// An output cannot be used.
    #[error("output {name}: {reason}")]
    Open {
        /// Its name.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// No thread.
    #[error("output {name}: cannot start a thread: {reason}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// What an output has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: &'static str,
    /// Alerts written.
    pub written: u64,
    /// Alerts for which the queue had no room.
    pub dropped: u64,
    /// Alerts taken from the queue but not written.
    pub lost: u64,
    /// Alerts in the queue.
    pub waiting: usize,
    /// Room in the queue.
    pub capacity: usize,
}

/// All outputs that are enabled.
pub struct Outputs {
    formatter: Formatter,
    workers: Vec<Worker>,
    monitor: Monitor,
    recent: Arc<Recent>,
    /// Outputs that were taken away and still write what waited.
    retired: Vec<JoinHandle<()>>,
    /// Ends the supervisor when it is dropped.
    supervisor: Option<(Sender<()>, JoinHandle<()>)>,
}

/// What other settings change, opened and ready: see [`Outputs::prepare`].
pub struct Change {
    formatter: Formatter,
    capacity: usize,
    timeout_ms: u64,
    steps: Vec<Step>,
}

enum Step {
    Add(Worker),
    Replace(&'static str, Opened),
    Remove(&'static str),
}

/// Looks at the outputs from any thread.
#[derive(Clone, Default)]
pub struct Monitor(Arc<Mutex<Vec<Arc<Shared>>>>);

struct Worker {
    shared: Arc<Shared>,
    lines: Option<Sender<Arc<Line>>>,
    control: Sender<Control>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads around one output know of each other.
pub(super) struct Shared {
    pub(super) name: &'static str,
    /// Most lines in the queue. The queue itself has no bound, so that this can change.
    pub(super) capacity: AtomicUsize,
    pub(super) timeout_ms: AtomicU64,
    start: Instant,
    pub(super) written: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) lost: AtomicU64,
    /// Milliseconds after `start` at which a write began; 0 if none is going
    /// on.
    pub(super) busy_since: AtomicU64,
    /// The queue, to see how long it is.
    queue: Receiver<Arc<Line>>,
}

fn names() -> String {
    let names: Vec<_> = OUTPUTS.iter().map(|output| output.section).collect();
    names.join(", ")
}

fn capacity(settings: &Settings) -> usize {
    match settings.capacity {
        0 => DEFAULT_CAPACITY,
        capacity => capacity,
    }
}

impl Outputs {
    /// Opens every enabled output and starts its thread.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Formatter::new(settings.format))
    }

    /// The same with a formatter that is already there.
    pub fn start_with(settings: &Settings, formatter: Formatter) -> Result<Self, StartError> {
        let mut workers = Vec::new();
        for output in OUTPUTS.iter().filter(|output| (output.enabled)(settings)) {
            workers.push(Worker::start(output, settings)?);
        }
        if workers.is_empty() {
            return Err(StartError::NoOutput);
        }
        let monitor = Monitor::default();
        monitor.show(&workers);
        let supervisor = supervise(monitor.clone())?;
        Ok(Self {
            formatter,
            workers,
            monitor,
            recent: Arc::default(),
            retired: Vec::new(),
            supervisor: Some(supervisor),
        })
    }

    /// Opens every enabled output, to see whether it can be used, and closes it
    /// again.
    pub fn check(settings: &Settings) -> Result<(), StartError> {
        let mut any = false;
        for output in OUTPUTS.iter().filter(|output| (output.enabled)(settings)) {
            any = true;
            open(output, settings)?;
        }
        match any {
            true => Ok(()),
            false => Err(StartError::NoOutput),
        }
    }

    /// Opens what `new` settings need that `old` ones did not. Takes its time,
    /// and so is for another thread than that of the events.
    pub fn prepare(old: &Settings, new: &Settings) -> Result<Change, StartError> {
        if !OUTPUTS.iter().any(|output| (output.enabled)(new)) {
            return Err(StartError::NoOutput);
        }
        let mut steps = Vec::new();
        for output in OUTPUTS {
            match ((output.enabled)(old), (output.enabled)(new)) {
                (false, false) => {}
                (true, false) => steps.push(Step::Remove(output.name)),
                (false, true) => steps.push(Step::Add(Worker::start(output, new)?)),
                (true, true) if (output.same)(old, new) => {}
                (true, true) => steps.push(Step::Replace(output.name, open(output, new)?)),
            }
        }
        Ok(Change {
            formatter: Formatter::new(new.format),
            capacity: capacity(new),
            timeout_ms: new.timeout_ms,
            steps,
        })
    }

    /// Goes on with other settings. Nothing is lost: what waits for an output
    /// is written by the new one of the same name, and an output that is taken
    /// away writes it first. Where more waits than a smaller queue has room for,
    /// it waits on.
    pub fn apply(&mut self, change: Change) {
        self.formatter = change.formatter;
        for Worker { shared, .. } in &self.workers {
            shared.capacity.store(change.capacity, Ordering::Relaxed);
            shared
                .timeout_ms
                .store(change.timeout_ms, Ordering::Relaxed);
        }
        let mut removed = Vec::new();
        for step in change.steps {
            let at = |workers: &[Worker], name| workers.iter().position(|w| w.shared.name == name);
            match step {
                Step::Add(worker) => self.workers.push(worker),
                Step::Replace(name, opened) => {
                    if let Some(at) = at(&self.workers, name) {
                        // A thread that has ended writes nothing any more.
                        let _ = self.workers[at].control.send(Control::Replace(opened));
                    }
                }
                Step::Remove(name) => {
                    removed.extend(at(&self.workers, name).map(|at| self.workers.remove(at)));
                }
            }
        }
        self.monitor.show(&self.workers);
        self.retired.retain(|thread| !thread.is_finished());
        if removed.is_empty() {
            return;
        }
        let retire = move || {
            finish(&mut removed, Instant::now() + RETIRE);
        };
        match spawn("retired", retire) {
            Ok(thread) => self.retired.push(thread),
            Err(error) => error!("{error}"),
        }
    }

    /// Hands an alert to every output. Never waits: where a queue is full, the
    /// alert is dropped and counted.
    pub fn send(&self, alert: &Alert) {
        let line = Arc::new(self.formatter.line(alert));
        self.recent.add(&line);
        for worker in &self.workers {
            let room =
                |lines: &&Sender<_>| lines.len() < worker.shared.capacity.load(Ordering::Relaxed);
            // Only here lines are added, so that the room stays until then.
            let lines = worker.lines.as_ref().filter(room);
            if lines.is_none_or(|lines| lines.send(line.clone()).is_err()) {
                worker.shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Opens files anew that are kept open, for `SIGUSR1`.
    pub fn reopen(&self) {
        for worker in &self.workers {
            // A thread that has ended has nothing open.
            let _ = worker.control.send(Control::Reopen);
        }
    }

    /// What each output has done so far.
    pub fn status(&self) -> Vec<Status> {
        self.monitor.status()
    }

    /// Lets other threads ask for the same.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// The last alerts.
    pub fn recent(&self) -> Arc<Recent> {
        Arc::clone(&self.recent)
    }

    /// Writes what waits, for at most `limit`, and ends. Tells what could not
    /// be written, in the log and in the result.
    pub fn shutdown(mut self, limit: Duration) -> Vec<Status> {
        self.finish(limit)
    }

    fn finish(&mut self, limit: Duration) -> Vec<Status> {
        let status = finish(&mut self.workers, Instant::now() + limit);
        if let Some((stop, thread)) = self.supervisor.take() {
            drop(stop);
            let _ = thread.join();
        }
        for thread in self.retired.drain(..) {
            let _ = thread.join();
        }
        self.workers.clear();
        status
    }
}

/// Ends outputs. All use the same time, not one after the other.
fn finish(workers: &mut [Worker], deadline: Instant) -> Vec<Status> {
    for worker in &mut *workers {
        let _ = worker.control.send(Control::Finish(deadline));
    }
    workers
        .iter_mut()
        .map(|worker| worker.finish(deadline))
        .collect()
}

impl Drop for Outputs {
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.finish(Duration::ZERO);
        }
    }
}

impl Monitor {
    /// What each output has done so far.
    pub fn status(&self) -> Vec<Status> {
        let outputs = self.outputs();
        outputs.iter().map(|output| output.status()).collect()
    }

    pub(super) fn outputs(&self) -> Vec<Arc<Shared>> {
        let outputs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.clone()
    }

    fn show(&self, workers: &[Worker]) {
        let shared = workers.iter().map(|worker| Arc::clone(&worker.shared));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shared.collect();
    }
}

fn open(output: &Output, settings: &Settings) -> Result<Opened, StartError> {
    let name = output.name;
    (output.open)(settings).map_err(|reason| StartError::Open { name, reason })
}

impl Worker {
    fn start(output: &'static Output, settings: &Settings) -> Result<Self, StartError> {
        let opened = open(output, settings)?;
        let (line_sender, lines) = unbounded();
        let (control_sender, control) = unbounded();
        let (alive, ended) = bounded::<()>(0);
        let shared = Arc::new(Shared {
            name: output.name,
            capacity: capacity(settings).into(),
            timeout_ms: settings.timeout_ms.into(),
            start: Instant::now(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
            queue: lines.clone(),
        });
        let mut writer = Writer::new(opened, lines, control, shared.clone());
        let thread = spawn(output.name, move || {
            writer.run();
            drop(alive);
        })?;
        Ok(Self {
            shared,
            lines: Some(line_sender),
            control: control_sender,
            ended,
            thread: Some(thread),
        })
    }

    fn finish(&mut self, deadline: Instant) -> Status {
        // Kept until the end to see what waits; the thread ends by the control
        // message.
        const GRACE: Duration = Duration::from_millis(500);
        let ended = self.ended.recv_deadline(deadline + GRACE);
        if ended == Err(RecvTimeoutError::Disconnected) {
            if let Some(thread) = self.thread.take() {
                let _ = thread.join();
            }
        } else {
            // Stuck in a write that never returns. The process ends without it.
            error!("output {}: does not end; left behind", self.shared.name);
        }
        let mut status = self.shared.status();
        self.lines = None;
        status.lost += status.waiting as u64;
        status.waiting = 0;
        if status.lost > 0 || status.dropped > 0 {
            warn!(
                "output {}: {} alerts written, {} dropped, {} not written at the end",
                status.name, status.written, status.dropped, status.lost
            );
        }
        status
    }
}

impl Shared {
    /// Milliseconds since the start, never 0.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }

    fn status(&self) -> Status {
        Status {
            name: self.name,
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            lost: self.lost.load(Ordering::Relaxed),
            waiting: self.queue.len(),
            capacity: self.capacity.load(Ordering::Relaxed),
        }
    }
}

pub(super) fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let thread = thread::Builder::new().name(format!("out-{name}"));
    thread.spawn(run).map_err(|error| StartError::Thread {
        name,
        reason: error.to_string(),
    })
}
