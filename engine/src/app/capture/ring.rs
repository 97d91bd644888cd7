//! Events that were there before an alert.
//!
//! They are of use only with what was known before the first of them: by the
//! time of the alert its process may be gone and its descriptors be others. So
//! events are kept in two halves, each with what was known when it began; the
//! older goes when the newer is full. What is known takes time and memory, so a
//! half has as many bytes of events, whatever number of events was asked for.

/// Most bytes of the events of a half.
const MOST_BYTES: usize = 8 << 20;

/// Events with what was known before them, as blocks.
#[derive(Default)]
struct Half {
    known: Vec<u8>,
    events: Vec<u8>,
    /// Events that a reader shows.
    count: u64,
    /// Number of the first event.
    first: Option<u64>,
}

/// The last events.
pub(super) struct Ring {
    older: Half,
    newer: Half,
    /// Events of a half.
    most: u64,
}

impl Ring {
    /// Keeps `most` events and more, if they are not too large.
    pub(super) fn new(most: u64) -> Self {
        Self {
            older: Half::default(),
            newer: Half::default(),
            most,
        }
    }

    /// Whether there is nothing, not even what was known.
    pub(super) fn is_empty(&self) -> bool {
        self.newer.known.is_empty()
    }

    /// Whether the newer half has room for no more, or was never begun.
    pub(super) fn is_full(&self) -> bool {
        let half = &self.newer;
        let bytes = half.events.len();
        self.is_empty()
            || bytes >= MOST_BYTES
            || half.count >= self.most && bytes >= half.known.len()
    }

    /// Begins another half with what `known` appends. `false`: it could not.
    pub(super) fn turn(&mut self, known: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        std::mem::swap(&mut self.older, &mut self.newer);
        let half = &mut self.newer;
        half.known.clear();
        half.events.clear();
        half.count = 0;
        half.first = None;
        known(&mut half.known)
    }

    /// Takes in the event with number `num`.
    pub(super) fn put(&mut self, num: u64, block: &[u8], shown: bool) {
        // Before it is begun nothing can be told of events.
        if self.is_empty() {
            return;
        }
        self.newer.events.extend_from_slice(block);
        self.newer.count += u64::from(shown);
        self.newer.first.get_or_insert(num);
    }

    /// Whether the event with this number is kept.
    pub(super) fn has(&self, num: u64) -> bool {
        let first = self.older.first.or(self.newer.first);
        first.is_some_and(|first| num >= first)
    }

    /// Appends all as a capture, and returns the number of events.
    pub(super) fn copy(&self, out: &mut Vec<u8>) -> u64 {
        let (older, newer) = (&self.older, &self.newer);
        let known = match older.known.is_empty() {
            true => &newer.known,
            false => &older.known,
        };
        for part in [known, &older.events, &newer.events] {
            out.extend_from_slice(part);
        }
        older.count + newer.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_with_what_was_known_before_them() {
        let mut ring = Ring::new(2);
        assert!(ring.is_empty() && ring.is_full());
        ring.put(1, b"lost", true);
        for num in 2..8 {
            if ring.is_full() {
                ring.turn(|out| {
                    out.extend_from_slice(format!("<{num}>").as_bytes());
                    true
                });
            }
            ring.put(num, num.to_string().as_bytes(), true);
            // One that no reader shows.
            ring.put(num, b".", false);
        }
        let mut all = Vec::new();
        assert_eq!(ring.copy(&mut all), 4);
        assert_eq!(String::from_utf8(all).unwrap(), "<4>4.5.6.7.");
        assert!(!ring.has(3) && ring.has(4) && ring.has(7));
    }

    #[test]
    fn what_is_known_is_not_taken_for_each_few_events() {
        let mut ring = Ring::new(10);
        let mut turns = 0;
        for num in 1..=1000 {
            if ring.is_full() {
                turns += 1;
                ring.turn(|known| {
                    known.resize(1000, b'k');
                    true
                });
            }
            ring.put(num, b"event", true);
            // As many as asked for are there, once there were as many.
            let mut all = Vec::new();
            assert!(ring.copy(&mut all) >= num.min(10));
            assert!(ring.has(num) && ring.has(num.saturating_sub(9).max(1)));
        }
        assert_eq!(turns, 5);
    }

    #[test]
    fn a_half_has_a_largest_size() {
        let mut ring = Ring::new(u64::MAX);
        assert!(ring.turn(|_| true) && ring.is_empty());
        ring.turn(|out| {
            out.push(0);
            true
        });
        ring.put(1, &vec![0; MOST_BYTES], true);
        assert!(ring.is_full());
    }
}
