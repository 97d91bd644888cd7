//! Events that wait until it is known whose container they come from.
//!
//! A runtime answers within milliseconds, but an event is here at once. So that
//! its alert has the container's name, and so that conditions on it are right,
//! the rules look at it when the answer has come, or after [`PATIENCE`].

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::Event;
use crate::state::Thread;

/// How long an event waits at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of records that wait at most; what comes beyond is not held.
const MOST_BYTES: usize = 4 << 20;

/// An event with what was known of its thread when it came.
pub(super) struct Held {
    pub(super) record: Vec<u8>,
    pub(super) num: u64,
    pub(super) epoch_offset: i64,
    pub(super) thread: Thread,
    until: Instant,
}

/// All events that wait, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    events: VecDeque<Held>,
    bytes: usize,
}

fn is_pending(thread: &Thread) -> bool {
    thread.container.as_ref().is_some_and(|c| c.is_pending())
}

impl Waiting {
    /// Holds the event if its container is not known yet. `false`: it is, or
    /// too many wait already.
    pub(super) fn hold(
        &mut self,
        event: &Event<'_>,
        record: &[u8],
        thread: Option<&Thread>,
        epoch_offset: i64,
    ) -> bool {
        let Some(thread) = thread.filter(|t| is_pending(t)) else {
            return false;
        };
        if self.bytes + record.len() > MOST_BYTES {
            return false;
        }
        self.bytes += record.len();
        self.events.push_back(Held {
            record: record.to_vec(),
            num: event.num,
            epoch_offset,
            thread: thread.clone(),
            until: Instant::now() + PATIENCE,
        });
        true
    }

    /// Takes out the events that need not wait any more, oldest first.
    pub(super) fn release(&mut self) -> Vec<Held> {
        if self.events.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let (ready, waiting) = std::mem::take(&mut self.events)
            .into_iter()
            .partition::<VecDeque<_>, _>(|held| held.until <= now || !is_pending(&held.thread));
        self.events = waiting;
        self.bytes = self.events.iter().map(|held| held.record.len()).sum();
        ready.into()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}
