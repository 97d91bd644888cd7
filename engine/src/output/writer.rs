//! The thread of one output: takes lines from its queue, writes them, tries
//! again, and says when something is wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, never, select};
use log::{error, info, warn};

use super::channel::{Channel, Fate, Opened};
use super::format::Line;
use super::queue::{REPORT_INTERVAL, Shared};

/// Lines handed to an output at once.
const BATCH: usize = 256;

/// First and longest pause before a failed write is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What the program wants of an output's thread.
pub(super) enum Control {
    /// Open anew what is kept open.
    Reopen,
    /// Go on with another channel; what waits goes there.
    Replace(Opened),
    /// Write what waits until then, and end.
    Finish(Instant),
}

/// The thread of one output.
pub(super) struct Writer {
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
    /// The writer of what comes through `lines`, to a channel that is open.
    pub(super) fn new(
        opened: Opened,
        lines: Receiver<Arc<Line>>,
        control: Receiver<Control>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut writer = Self {
            channel: opened.channel,
            lines,
            control,
            shared,
            pending: Vec::with_capacity(BATCH),
            trouble: None,
            deadline: None,
        };
        if let Some(reason) = opened.away {
            writer.begin_trouble(&reason, Fate::Wait);
        }
        writer
    }

    /// Writes until the program ends.
    pub(super) fn run(&mut self) {
        loop {
            self.hear();
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
        self.take_back();
        self.shared
            .lost
            .fetch_add(self.pending.len() as u64, Ordering::Relaxed);
    }

    /// Ends the channel. What it had kept back waits again, first of all.
    fn take_back(&mut self) {
        let left = self.channel.finish();
        self.shared
            .written
            .fetch_sub(left.len() as u64, Ordering::Relaxed);
        drop(self.pending.splice(..0, left));
    }

    /// Does what the program wants by now, without waiting for it.
    fn hear(&mut self) {
        loop {
            match self.control.try_recv() {
                Ok(message) => self.obey(message),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.orphaned(),
            }
        }
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
                    Ok(message) => self.obey(message),
                    Err(_) => self.orphaned(),
                },
            }
            // What an output has given back.
            if !self.pending.is_empty() {
                return true;
            }
        }
        match self.lines.try_recv() {
            Ok(line) => self.pending.push(line),
            Err(_) => return false,
        }
        true
    }

    fn obey(&mut self, message: Control) {
        match message {
            Control::Reopen => self.channel.reopen(),
            Control::Replace(opened) => {
                self.take_back();
                self.channel = opened.channel;
                if let Some(trouble) = &mut self.trouble {
                    trouble.pause = PAUSE.0;
                }
            }
            Control::Finish(deadline) => self.deadline = Some(deadline),
        }
    }

    /// Nobody can write or control any more, which happens only if another
    /// output could not be opened at the same time.
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
        if failure.fate == Fate::Again {
            return;
        }
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
            let waits_on = matches!(message, Control::Reopen);
            self.obey(message);
            if !waits_on {
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
            Fate::Wait | Fate::Again => {
                warn!("output {name}: {reason}; alerts wait until it works again");
            }
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
