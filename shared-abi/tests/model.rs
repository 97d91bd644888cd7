//! The ring's protocol, in every order in which a processor and its memory may
//! carry it out: the same file that both halves compile, over atomics that try
//! them all. The data are cells that nobody may write while somebody reads.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

/// What the file finds beside it.
mod atomic {
    pub(crate) use loom::sync::atomic::{fence, AtomicU64, Ordering};
}
mod event {
    pub(crate) use falco_abi::event::CLASSES;
}
mod record {
    pub(crate) use falco_abi::record::{padded, MAX_RECORD};
}
#[expect(dead_code, unreachable_pub, reason = "made for both halves")]
#[path = "../src/ring.rs"]
mod ring;

use atomic::Ordering;
use ring::{commit, count_loss, reserve, split, ConsumerPage, Loss, ProducerPage};

/// Bytes of the ring: two records.
const SIZE: u64 = 32;
/// Bytes of a record: its number, and the number again.
const LEN: usize = 16;

struct Ring {
    producer: ProducerPage,
    consumer: ConsumerPage,
    words: [UnsafeCell<u64>; SIZE as usize / 8],
}

impl Ring {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            producer: ProducerPage::new(),
            consumer: ConsumerPage::new(),
            words: std::array::from_fn(|_| UnsafeCell::new(0)),
        })
    }

    /// What the kernel does with a record, or its loss.
    fn publish(&self, number: u64) {
        match reserve(&self.producer, &self.consumer, SIZE, LEN, true) {
            Ok(reserved) => {
                let (offset, first, rest) = split(reserved.start, LEN, SIZE);
                assert_eq!((first, rest), (LEN, 0));
                for word in 0..LEN / 8 {
                    // SAFETY: The model fails if anybody else has the cell.
                    self.words[offset / 8 + word].with_mut(|word| unsafe { *word = number });
                }
                commit(&self.producer, reserved);
            }
            Err(loss) => count_loss(&self.producer, loss, 0),
        }
    }

    /// What the engine does: takes all that is complete and makes room.
    fn take(&self, position: &mut u64, taken: &mut Vec<u64>) {
        let end = self.producer.committed.load(Ordering::Acquire);
        while *position < end {
            let at = (*position % SIZE) as usize / 8;
            // SAFETY: The model fails if anybody writes the cell.
            let [a, b] = [0, 1].map(|word| self.words[at + word].with(|word| unsafe { *word }));
            assert_eq!(a, b, "a torn record");
            taken.push(a);
            *position += LEN as u64;
        }
        self.consumer.consumed.store(*position, Ordering::Release);
    }

    fn lost(&self, loss: Loss) -> u64 {
        self.producer.lost[loss as usize][0].load(Ordering::Relaxed)
    }
}

/// Writes so many records while another thread reads, in every order; calls `check`
/// with the ring and what was read.
fn explore(records: u64, check: impl Fn(&Ring, &[u64]) + Sync + Send + 'static) {
    loom::model(move || {
        let ring = Ring::new();
        let kernel = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || (1..=records).for_each(|number| ring.publish(number)))
        };
        let (mut position, mut taken) = (0, Vec::new());
        ring.take(&mut position, &mut taken);
        kernel.join().unwrap();
        ring.take(&mut position, &mut taken);
        check(&ring, &taken);
    });
}

#[test]
fn no_record_is_torn_lost_or_read_twice() {
    // One more than the ring holds: a place is used again, or a record is lost.
    explore(3, |ring, taken| {
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "{taken:?}");
        assert_eq!(taken.len() as u64 + ring.lost(Loss::Full), 3, "{taken:?}");
        assert_eq!(ring.lost(Loss::Invalid), 0);
    });
}

#[test]
fn a_ring_with_room_loses_nothing() {
    explore(2, |ring, taken| {
        assert_eq!(taken, [1, 2]);
        assert_eq!(ring.lost(Loss::Full), 0);
    });
}

/// The model notices what it is there for: a consumer that makes room before it
/// has read what is there.
#[test]
#[should_panic(expected = "Causality violation")]
fn room_that_is_made_too_early_is_noticed() {
    loom::model(|| {
        let ring = Ring::new();
        ring.publish(1);
        ring.publish(2);
        let kernel = {
            let ring = Arc::clone(&ring);
            thread::spawn(move || ring.publish(3))
        };
        ring.consumer.consumed.store(LEN as u64, Ordering::Release);
        // SAFETY: The model fails if anybody writes the cell, as it should.
        ring.words[0].with(|word| unsafe { *word });
        kernel.join().unwrap();
    });
}
