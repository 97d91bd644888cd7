//! Events that wait until it is known whose container they come from.
//!
//! A runtime answers within milliseconds, but an event is here at once. So that
//! its alert has the container's name, and so that conditions on it are right,
//! the rules look at it when the answer has come, or when its time is up.

use std::collections::VecDeque;
use std::mem::size_of;
use std::time::Instant;

use crate::config::Holding;
use crate::event::Event;
use crate::metrics::HeldCounts;
use crate::state::Thread;

/// An event with what was known of its thread when it came.
pub(super) struct Held {
    pub(super) record: Vec<u8>,
    pub(super) num: u64,
    pub(super) epoch_offset: i64,
    pub(super) thread: Thread,
    until: Instant,
}

impl Held {
    fn bytes(&self) -> usize {
        self.record.len() + size_of::<Self>()
    }
}

/// All events that wait, oldest first.
#[derive(Default)]
pub(super) struct Waiting {
    limits: Holding,
    events: VecDeque<Held>,
    bytes: usize,
    /// Answers that had come when last looked.
    answers: u64,
    counts: HeldCounts,
}

fn is_pending(thread: &Thread) -> bool {
    thread.container.as_ref().is_some_and(|c| c.is_pending())
}

impl Waiting {
    /// None, within these limits.
    pub(super) fn new(limits: Holding) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Goes on within other limits. What waits already waits as long as it would have.
    pub(super) fn configure(&mut self, limits: Holding) {
        self.limits = limits;
    }

    /// Holds the event if its container is not known yet. `false`: it is, or
    /// nothing is to be held, or too many wait already.
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
        if self.limits.time.is_zero() {
            return false;
        }
        if self.bytes + record.len() + size_of::<Held>() > self.limits.bytes {
            self.counts.refused += 1;
            return false;
        }
        let held = Held {
            record: record.to_vec(),
            num: event.num,
            epoch_offset,
            thread: thread.clone(),
            until: Instant::now() + self.limits.time,
        };
        self.counts.held += 1;
        self.bytes += held.bytes();
        self.events.push_back(held);
        true
    }

    /// Takes out the events that need not wait any more, oldest first. `answers`:
    /// how many there were so far; without another one only time can be up.
    pub(super) fn release(&mut self, answers: u64) -> Vec<Held> {
        let Some(first) = self.events.front() else {
            return Vec::new();
        };
        let now = Instant::now();
        if answers == self.answers && first.until > now {
            return Vec::new();
        }
        self.answers = answers;
        let is_late = |held: &Held| held.until <= now && is_pending(&held.thread);
        let (ready, waiting) = std::mem::take(&mut self.events)
            .into_iter()
            .partition::<VecDeque<_>, _>(|held| held.until <= now || !is_pending(&held.thread));
        self.counts.late += ready.iter().filter(|held| is_late(held)).count() as u64;
        self.events = waiting;
        self.bytes = self.events.iter().map(Held::bytes).sum();
        ready.into()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many were held, and what became of them.
    pub(super) fn counts(&self) -> HeldCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use falco_abi::event::Event as Kind;

    use super::*;
    use crate::event::RecordBuilder;
    use crate::metadata::{Ask, Container, Containers, Info, Runtime};

    /// Somebody who never answers.
    struct Silent;

    impl Ask for Silent {
        fn ask(&self, _: &Arc<Container>) -> bool {
            true
        }
    }

    fn containers() -> Containers {
        let containers = Containers::new();
        containers.set_asker(Box::new(Silent));
        containers
    }

    fn thread(container: &Arc<Container>) -> Thread {
        let mut thread = Thread::new(7, 7);
        thread.container = Some(Arc::clone(container));
        thread
    }

    fn hold(waiting: &mut Waiting, thread: &Thread, num: u64) -> bool {
        let record = RecordBuilder::new(Kind::Procexit, 1).build();
        let event = Event::decode(&record, num, 0).unwrap();
        waiting.hold(&event, &record, Some(thread), 0)
    }

    #[test]
    fn an_event_waits_for_its_own_container_alone() {
        let containers = containers();
        let slow = thread(&containers.get("slow", Runtime::Docker));
        let quick = thread(&containers.get("quick", Runtime::Docker));
        let mut waiting = Waiting::new(Holding::default());
        assert!(!hold(&mut waiting, &Thread::default(), 0), "of the host");
        assert!(hold(&mut waiting, &slow, 1));
        assert!(hold(&mut waiting, &quick, 2));
        assert!(hold(&mut waiting, &quick, 3));
        assert!(waiting.release(0).is_empty());
        quick.container.as_ref().unwrap().publish(Info::default());
        let released = waiting.release(1);
        let nums: Vec<_> = released.iter().map(|held| held.num).collect();
        assert_eq!(nums, [2, 3], "in their order, and the slow one waits on");
        assert!(!hold(&mut waiting, &quick, 4), "it is known by now");
        assert!(!waiting.is_empty());
        assert_eq!(waiting.counts().held, 3);
        assert_eq!((waiting.counts().late, waiting.counts().refused), (0, 0));
    }

    #[test]
    fn an_event_waits_no_longer_than_is_set() {
        let containers = containers();
        let slow = thread(&containers.get("slow", Runtime::Docker));
        let mut waiting = Waiting::new(Holding {
            time: Duration::from_millis(20),
            ..Holding::default()
        });
        assert!(hold(&mut waiting, &slow, 1));
        assert!(waiting.release(0).is_empty());
        std::thread::sleep(Duration::from_millis(25));
        assert_eq!(waiting.release(0).len(), 1);
        assert_eq!(waiting.counts().late, 1);
        waiting.configure(Holding {
            time: Duration::ZERO,
            ..Holding::default()
        });
        assert!(!hold(&mut waiting, &slow, 2), "nothing is to be held");
        assert_eq!(waiting.counts().refused, 0);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let containers = containers();
        let slow = thread(&containers.get("slow", Runtime::Docker));
        let mut waiting = Waiting::new(Holding {
            bytes: 4 * size_of::<Held>(),
            ..Holding::default()
        });
        let held = (0..10)
            .filter(|num| hold(&mut waiting, &slow, *num))
            .count();
        assert!((1..4).contains(&held), "{held}");
        assert_eq!(waiting.counts().held, held as u64);
        assert_eq!(waiting.counts().refused, 10 - held as u64);
        assert!(waiting.bytes <= 4 * size_of::<Held>());
    }
}
