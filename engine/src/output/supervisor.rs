//! Reports full queues and writes that do not return. The thread of events
//! only counts: even a line in the log could hold it up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use log::error;

use super::queue::{Monitor, REPORT_INTERVAL, Shared, StartError, spawn};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Starts to watch the outputs of `monitor`. Ends when the sender is dropped.
pub(super) fn supervise(monitor: Monitor) -> Result<(Sender<()>, JoinHandle<()>), StartError> {
    let (stop, stopped) = bounded::<()>(0);
    let thread = spawn("supervisor", move || {
        let mut watches: Vec<Watch> = Vec::new();
        while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
            let outputs = monitor.outputs();
            watches.retain(|watch| outputs.iter().any(|output| watch.is_of(output)));
            for output in &outputs {
                if !watches.iter().any(|watch| watch.is_of(output)) {
                    watches.push(Watch::new(output));
                }
            }
            for watch in &mut watches {
                watch.report_drops();
                watch.report_stuck();
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
    fn new(output: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(output),
            dropped: 0,
            reported: None,
            stuck: 0,
        }
    }

    fn is_of(&self, output: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, output)
    }

    fn report_drops(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let due = |time: Instant| time.elapsed() >= REPORT_INTERVAL;
        if dropped == self.dropped || !self.reported.is_none_or(due) {
            return;
        }
        error!(
            "output {}: its queue of {} alerts was full; {} alerts dropped",
            self.shared.name,
            self.shared.capacity.load(Ordering::Relaxed),
            dropped - self.dropped
        );
        self.dropped = dropped;
        self.reported = Some(Instant::now());
    }

    fn report_stuck(&mut self) {
        let timeout = self.shared.timeout_ms.load(Ordering::Relaxed);
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
