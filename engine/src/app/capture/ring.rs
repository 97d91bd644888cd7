//! Events that were there before an alert.
//!
//! They are of use only with what was known before the first of them: by the
//! time of the alert its process may be gone and its descriptors be others. So
//! events are kept in two halves, each with what was known when it began; the
//! older goes when the newer is full.

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
        self.is_empty() || self.newer.count >= self.most || self.newer.events.len() >= MOST_BYTES
    }

    /// Begins another half with what `known` appends.
    pub(super) fn turn(&mut self, known: impl FnOnce(&mut Vec<u8>)) {
        std::mem::swap(&mut self.older, &mut self.newer);
        let half = &mut self.newer;
        half.known.clear();
        half.events.clear();
        half.count = 0;
        half.first = None;
        known(&mut half.known);
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
                ring.turn(|out| out.extend_from_slice(format!("<{num}>").as_bytes()));
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
    fn a_half_has_a_largest_size() {
        let mut ring = Ring::new(u64::MAX);
        ring.turn(|out| out.push(0));
        ring.put(1, &vec![0; MOST_BYTES], true);
        assert!(ring.is_full());
    }
}
