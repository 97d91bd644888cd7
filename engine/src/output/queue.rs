//! One queue and one thread per output.
//!
//! The thread of events only ever puts a line into queues that have room. What
//! waits, is written again, dropped or reported is the business of the threads
//! here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, never, select, unbounded};
use log::{error, info, warn};

use super::Alert;
use super::channel::{Channel, Fate, OUTPUTS, Output};
use super::format::{Formatter, Line};
use crate::config::Outputs as Settings;

/// Alerts that may wait for one output if the configuration names no number.
pub const DEFAULT_CAPACITY: usize = 16384;

/// Lines handed to an output at once.
const BATCH: usize = 256;

/// First and longest pause before a failed write is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Trouble that lasts is reported again after this time.
const REPORT_INTERVAL: Duration = Duration::from_secs(30);

/// How often the supervisor looks.
const SUPERVISION: Duration = Duration::from_secs(1);

/// Why alerts cannot be written at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The configuration enables no output.
    #[error(
        "no output is enabled: set `enabled: true` for stdout_output, syslog_output or file_output"
    )]
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
}

/// All outputs that are enabled.
pub struct Outputs {
    formatter: Formatter,
    workers: Vec<Worker>,
    /// Ends the supervisor when it is dropped.
    supervisor: Option<(Sender<()>, JoinHandle<()>)>,
}

struct Worker {
    shared: Arc<Shared>,
    lines: Option<Sender<Arc<Line>>>,
    control: Sender<Control>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// What the threads around one output know of each other.
struct Shared {
    name: &'static str,
    capacity: usize,
    start: Instant,
    written: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    /// Milliseconds after `start` at which a write began; 0 if none is going
    /// on.
    busy_since: AtomicU64,
}

enum Control {
    Reopen,
    Finish(Instant),
}

impl Outputs {
    /// Opens every enabled output and starts its thread.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        Self::start_with(settings, Formatter::new(settings.format))
    }

    /// The same with a formatter that is already there.
    pub fn start_with(settings: &Settings, formatter: Formatter) -> Result<Self, StartError> {
        let capacity = match settings.capacity {
            0 => DEFAULT_CAPACITY,
            capacity => capacity,
        };
        let mut workers = Vec::new();
        for output in OUTPUTS.iter().filter(|output| (output.enabled)(settings)) {
            workers.push(Worker::start(output, settings, capacity)?);
        }
        if workers.is_empty() {
            return Err(StartError::NoOutput);
        }
        let supervisor = supervise(&workers, Duration::from_millis(settings.timeout_ms))?;
        Ok(Self {
            formatter,
            workers,
            supervisor: Some(supervisor),
        })
    }

    /// Hands an alert to every output. Never waits: where a queue is full, the
    /// alert is dropped and counted.
    pub fn send(&self, alert: &Alert) {
        let line = Arc::new(self.formatter.line(alert));
        for worker in &self.workers {
            let sent = worker
                .lines
                .as_ref()
                .is_some_and(|lines| lines.try_send(line.clone()).is_ok());
            if !sent {
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
        self.workers.iter().map(Worker::status).collect()
    }

    /// Writes what waits, for at most `limit`, and ends. Tells what could not
    /// be written, in the log and in the result.
    pub fn shutdown(mut self, limit: Duration) -> Vec<Status> {
        self.finish(limit)
    }

    fn finish(&mut self, limit: Duration) -> Vec<Status> {
        let deadline = Instant::now() + limit;
        for worker in &mut self.workers {
            let _ = worker.control.send(Control::Finish(deadline));
        }
        // All outputs use the same time, not one after the other.
        let status = self
            .workers
            .iter_mut()
            .map(|worker| worker.finish(deadline))
            .collect();
        if let Some((stop, thread)) = self.supervisor.take() {
            drop(stop);
            let _ = thread.join();
        }
        self.workers.clear();
        status
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.finish(Duration::ZERO);
        }
    }
}

impl Worker {
    fn start(
        output: &'static Output,
        settings: &Settings,
        capacity: usize,
    ) -> Result<Self, StartError> {
        let name = output.name;
        let opened = (output.open)(settings).map_err(|reason| StartError::Open { name, reason })?;
        let shared = Arc::new(Shared {
            name,
            capacity,
            start: Instant::now(),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
        });
        let (line_sender, lines) = bounded(capacity);
        let (control_sender, control) = unbounded();
        let (alive, ended) = bounded::<()>(0);
        let mut writer = Writer {
            channel: opened.channel,
            lines,
            control,
            shared: shared.clone(),
            pending: Vec::with_capacity(BATCH),
            trouble: None,
            deadline: None,
        };
        if let Some(reason) = opened.away {
            writer.begin_trouble(&reason, Fate::Wait);
        }
        let thread = spawn(name, move || {
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

    fn status(&self) -> Status {
        Status {
            name: self.shared.name,
            written: self.shared.written.load(Ordering::Relaxed),
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
            waiting: self.lines.as_ref().map_or(0, Sender::len),
        }
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
        let mut status = self.status();
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

/// The thread of one output.
struct Writer {
    channel: Box<dyn Channel>,
    lines: Receiver<Arc<Line>>,
    control: Receiver<Control>,
    shared: Arc<Shared>,
    /// Taken from the queue, not yet written.
    pending: Vec<Arc<Line>>,
    trouble: Option<Trouble>,
    /// When to give up; `None` while the program runs.
    deadline: Option<Instant>,
}

/// A time in which an output does not work.
struct Trouble {
    since: Instant,
    reported: Instant,
    pause: Duration,
    /// Counters when it began.
    dropped: u64,
    lost: u64,
}

impl Writer {
    fn run(&mut self) {
        loop {
            if self.pending.is_empty() && !self.next() {
                break;
            }
            while self.pending.len() < BATCH
                && let Ok(line) = self.lines.try_recv()
            {
                self.pending.push(line);
            }
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                break;
            }
            self.write();
        }
        self.channel.finish();
        self.shared
            .lost
            .fetch_add(self.pending.len() as u64, Ordering::Relaxed);
    }

    /// Waits for a line. Without one, it is time to end.
    fn next(&mut self) -> bool {
        while self.deadline.is_none() {
            select! {
                recv(self.lines) -> line => match line {
                    Ok(line) => {
                        self.pending.push(line);
                        return true;
                    }
                    Err(_) => return false,
                },
                recv(self.control) -> message => match message {
                    Ok(message) => self.obey(&message),
                    Err(_) => self.orphaned(),
                },
            }
        }
        match self.lines.try_recv() {
            Ok(line) => self.pending.push(line),
            Err(_) => return false,
        }
        true
    }

    fn obey(&mut self, message: &Control) {
        match message {
            Control::Reopen => self.channel.reopen(),
            Control::Finish(deadline) => self.deadline = Some(*deadline),
        }
    }

    /// Nobody can write or control any more, which happens only if the start
    /// of another output failed.
    fn orphaned(&mut self) {
        self.deadline = Some(Instant::now());
        self.control = never();
    }

    fn write(&mut self) {
        self.shared
            .busy_since
            .store(self.shared.now(), Ordering::Relaxed);
        let written = self.channel.write(&self.pending);
        self.shared.busy_since.store(0, Ordering::Relaxed);

        let done = written.done.min(self.pending.len());
        self.shared
            .written
            .fetch_add(done as u64, Ordering::Relaxed);
        if done > 0 {
            self.end_trouble();
        }
        self.pending.drain(..done);
        let Some(failure) = written.failure else {
            return;
        };
        if failure.fate == Fate::Lose && !self.pending.is_empty() {
            self.pending.remove(0);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        let pause = self.continue_trouble(&failure.reason, failure.fate);
        if failure.fate == Fate::Wait {
            self.pause(pause);
        }
    }

    /// Waits before the next try, but hears what the program wants.
    fn pause(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        let until = self.deadline.map_or(until, |deadline| deadline.min(until));
        while let Ok(message) = self.control.recv_deadline(until) {
            self.obey(&message);
            if matches!(message, Control::Finish(_)) {
                break;
            }
        }
        // At the end of the program the last tries come fast.
        if self.deadline.is_some()
            && let Some(trouble) = &mut self.trouble
        {
            trouble.pause = PAUSE.0;
        }
    }

    fn waiting(&self) -> usize {
        self.pending.len() + self.lines.len()
    }

    fn begin_trouble(&mut self, reason: &str, fate: Fate) {
        let now = Instant::now();
        self.trouble = Some(Trouble {
            since: now,
            reported: now,
            pause: PAUSE.0,
            dropped: self.shared.dropped.load(Ordering::Relaxed),
            lost: self.shared.lost.load(Ordering::Relaxed),
        });
        let name = self.shared.name;
        match fate {
            Fate::Wait => warn!("output {name}: {reason}; alerts wait until it works again"),
            Fate::Lose => error!("output {name}: {reason}; alerts are lost"),
        }
    }

    /// Reports trouble when it begins and then from time to time. Returns how
    /// long to wait before the next try.
    fn continue_trouble(&mut self, reason: &str, fate: Fate) -> Duration {
        let waiting = self.waiting();
        let Some(trouble) = &mut self.trouble else {
            self.begin_trouble(reason, fate);
            return PAUSE.0;
        };
        let now = Instant::now();
        if now.duration_since(trouble.reported) >= REPORT_INTERVAL {
            trouble.reported = now;
            error!(
                "output {}: still {reason}; {waiting} alerts wait, {} dropped, {} lost",
                self.shared.name,
                self.shared.dropped.load(Ordering::Relaxed) - trouble.dropped,
                self.shared.lost.load(Ordering::Relaxed) - trouble.lost,
            );
        }
        trouble.pause = (trouble.pause * 2).min(PAUSE.1);
        trouble.pause
    }

    fn end_trouble(&mut self) {
        let waited = self.waiting();
        if let Some(trouble) = self.trouble.take() {
            info!(
                "output {} works again after {} s: {waited} alerts waited, {} dropped, {} lost",
                self.shared.name,
                trouble.since.elapsed().as_secs(),
                self.shared.dropped.load(Ordering::Relaxed) - trouble.dropped,
                self.shared.lost.load(Ordering::Relaxed) - trouble.lost,
            );
        }
    }
}

impl Shared {
    /// Milliseconds since the start, never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1)
    }
}

/// Reports full queues and writes that do not return. The thread of events
/// only counts: even a line in the log could hold it up.
fn supervise(
    workers: &[Worker],
    timeout: Duration,
) -> Result<(Sender<()>, JoinHandle<()>), StartError> {
    let watch = |worker: &Worker| Watch {
        shared: worker.shared.clone(),
        dropped: 0,
        reported: None,
        stuck: 0,
    };
    let mut watches: Vec<Watch> = workers.iter().map(watch).collect();
    let (stop, stopped) = bounded::<()>(0);
    let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let thread = spawn("supervisor", move || {
        while stopped.recv_timeout(SUPERVISION) == Err(RecvTimeoutError::Timeout) {
            for watch in &mut watches {
                watch.report_drops();
                watch.report_stuck(timeout);
            }
        }
    })?;
    Ok((stop, thread))
}

/// What the supervisor knows of one output.
struct Watch {
    shared: Arc<Shared>,
    /// Dropped alerts that are reported already.
    dropped: u64,
    reported: Option<Instant>,
    /// The write that is reported already, by its begin.
    stuck: u64,
}

impl Watch {
    fn report_drops(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let due = |time: Instant| time.elapsed() >= REPORT_INTERVAL;
        if dropped == self.dropped || !self.reported.is_none_or(due) {
            return;
        }
        error!(
            "output {}: its queue of {} alerts was full; {} alerts dropped",
            self.shared.name,
            self.shared.capacity,
            dropped - self.dropped
        );
        self.dropped = dropped;
        self.reported = Some(Instant::now());
    }

    fn report_stuck(&mut self, timeout: u64) {
        let busy = self.shared.busy_since.load(Ordering::Relaxed);
        let lasts = self.shared.now().saturating_sub(busy);
        if busy > 0 && busy != self.stuck && lasts >= timeout {
            error!(
                "output {}: has not returned for more than {timeout} ms",
                self.shared.name
            );
            self.stuck = busy;
        }
    }
}

fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let thread = thread::Builder::new().name(format!("out-{name}"));
    thread.spawn(run).map_err(|error| StartError::Thread {
        name,
        reason: error.to_string(),
    })
}
