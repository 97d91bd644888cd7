//! The ring's protocol, with real threads: a producer as the kernel is one, a
//! consumer as the engine is one, over the very same functions.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::Arc;

use falco_abi::record::padded;
use falco_abi::ring::{
    commit, count_loss, priority_room, reserve, split, ConsumerPage, Loss, ProducerPage,
    Reservation,
};

const SIZE: u64 = 4096;

/// A ring in ordinary memory. Bytes are atomics, so that a torn record is a
/// failed assertion and not undefined.
struct Ring {
    producer: ProducerPage,
    consumer: ConsumerPage,
    data: Vec<AtomicU8>,
}

impl Ring {
    fn new() -> Self {
        Self {
            producer: ProducerPage::new(),
            consumer: ConsumerPage::new(),
            data: (0..SIZE).map(|_| AtomicU8::new(0)).collect(),
        }
    }

    fn reserve(&self, len: usize, priority: bool) -> Result<Reservation, Loss> {
        reserve(&self.producer, &self.consumer, SIZE, len, priority)
    }

    fn put(&self, bytes: &[u8], priority: bool) -> Result<(), Loss> {
        let reservation = self.reserve(bytes.len(), priority)?;
        let (offset, first, rest) = split(reservation.start, bytes.len(), SIZE);
        assert_eq!(first + rest, bytes.len());
        for (at, &byte) in bytes[..first].iter().enumerate() {
            self.data[offset + at].store(byte, Ordering::Relaxed);
        }
        for (at, &byte) in bytes[first..].iter().enumerate() {
            self.data[at].store(byte, Ordering::Relaxed);
        }
        commit(&self.producer, reservation);
        Ok(())
    }

    fn get(&self, position: u64, len: usize) -> Vec<u8> {
        (0..len as u64)
            .map(|i| self.data[((position + i) % SIZE) as usize].load(Ordering::Relaxed))
            .collect()
    }
}

/// A record of this test: its length, its number, and bytes that follow from it.
fn record(number: u32) -> Vec<u8> {
    let len = 8 + (number.wrapping_mul(2_654_435_761) >> 24) as usize;
    let mut bytes = vec![0; padded(len)];
    let whole = bytes.len() as u32;
    bytes[..4].copy_from_slice(&whole.to_ne_bytes());
    bytes[4..8].copy_from_slice(&number.to_ne_bytes());
    for (at, byte) in bytes.iter_mut().enumerate().skip(8) {
        *byte = (number as usize + at) as u8;
    }
    bytes
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes(bytes[..4].try_into().unwrap())
}

#[test]
fn what_is_written_is_read_or_counted() {
    const RECORDS: u32 = 200_000;
    let ring = Arc::new(Ring::new());
    let done = Arc::new(AtomicBool::new(false));
    let consumer = std::thread::spawn({
        let (ring, done) = (Arc::clone(&ring), Arc::clone(&done));
        move || {
            let (mut position, mut read, mut last) = (0, 0u64, None);
            loop {
                let finished = done.load(Ordering::Acquire);
                let committed = ring.producer.committed.load(Ordering::Acquire);
                while position < committed {
                    let head = ring.get(position, 8);
                    let number = word(&head[4..]);
                    let len = word(&head) as usize;
                    assert_eq!(ring.get(position, len), record(number), "torn");
                    assert!(
                        last.is_none_or(|last| number > last),
                        "twice or out of order"
                    );
                    last = Some(number);
                    position += len as u64;
                    read += 1;
                }
                ring.consumer.consumed.store(position, Ordering::Release);
                if finished && position == ring.producer.committed.load(Ordering::Acquire) {
                    return read;
                }
                std::thread::yield_now();
            }
        }
    });
    for number in 0..RECORDS {
        if let Err(loss) = ring.put(&record(number), false) {
            assert_eq!(loss, Loss::Full);
            count_loss(&ring.producer, loss, 0);
            std::thread::yield_now();
        }
    }
    done.store(true, Ordering::Release);
    let read = consumer.join().unwrap();
    let lost = ring.producer.lost[Loss::Full as usize][0].load(Ordering::Relaxed);
    assert_eq!(read + lost, u64::from(RECORDS));
    assert_eq!(read, ring.producer.records.load(Ordering::Relaxed));
    assert!(read > 1000, "only {read} records came through");
}

#[test]
fn priority_has_room_that_others_have_not() {
    let ring = Ring::new();
    let mut others = 0;
    while ring.put(&[0; 64], false).is_ok() {
        others += 1;
    }
    assert_eq!(others * 64, SIZE - priority_room(SIZE));
    assert_eq!(ring.reserve(64, false), Err(Loss::Full));
    let mut priority = 0;
    while ring.put(&[0; 64], true).is_ok() {
        priority += 1;
    }
    assert_eq!(priority * 64, priority_room(SIZE));
    ring.consumer.consumed.store(128, Ordering::Release);
    assert!(ring.put(&[0; 128], true).is_ok());
    assert_eq!(ring.reserve(8, true), Err(Loss::Full));
}

#[test]
fn a_reader_that_lies_cannot_make_the_producer_overwrite() {
    let ring = Ring::new();
    for _ in 0..8 {
        ring.put(&[1; 256], false).unwrap();
    }
    for lie in [2056, u64::MAX, 1, 7, 1 << 63, 2048 + SIZE] {
        ring.consumer.consumed.store(lie, Ordering::Release);
        assert_eq!(
            ring.reserve(64, true),
            Err(Loss::Invalid),
            "consumed = {lie}"
        );
    }
    ring.consumer.consumed.store(2048, Ordering::Release);
    assert!(ring.reserve(64, true).is_ok());
}

#[test]
fn a_record_is_split_at_the_end_of_the_area() {
    assert_eq!(split(0, 64, SIZE), (0, 64, 0));
    assert_eq!(split(SIZE - 64, 64, SIZE), (SIZE as usize - 64, 64, 0));
    assert_eq!(split(SIZE - 8, 64, SIZE), (SIZE as usize - 8, 8, 56));
    assert_eq!(split(5 * SIZE + 16, 64, SIZE), (16, 64, 0));
}
