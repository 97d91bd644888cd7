//! Rings of several CPUs, merged by time.

/// A ring during one round: what was complete when the round began.
pub(super) trait Ring {
    /// Time of the next record of this round.
    fn peek(&self) -> anyhow::Result<Option<u64>>;
    /// The next record of this round.
    fn front(&self) -> anyhow::Result<&[u8]>;
    /// Goes on to the record after that.
    fn pop(&mut self) -> anyhow::Result<()>;
    /// Gives what was read back to the kernel.
    fn release(&self);
}

/// What was handed out so far.
#[derive(Default)]
pub(super) struct Order {
    records: u64,
    /// Time of the last one.
    last: u64,
    /// How many were older than one before them.
    pub(super) late: u64,
}

/// Hands out the records of the round up to a time, the earliest first, with their
/// numbers; whether there was one.
pub(super) fn merge<R: Ring>(
    rings: &mut [R],
    order: &mut Order,
    horizon: u64,
    each: &mut dyn FnMut(u64, &[u8]),
) -> anyhow::Result<bool> {
    let mut any = false;
    let mut next: Vec<(u64, usize)> = Vec::with_capacity(rings.len());
    for (index, ring) in rings.iter().enumerate() {
        if let Some(ts) = ring.peek()? {
            next.push((ts, index));
        }
    }
    // The earliest last, so that it is popped. Rings are few, and a ring
    // mostly keeps its place: insertion beats a heap.
    next.sort_unstable_by(|a, b| b.cmp(a));
    while let Some((ts, index)) = next.pop() {
        // Another CPU may still be behind; the record waits for the next round.
        if ts > horizon {
            break;
        }
        let limit = next.last().map_or(horizon, |&(ts, _)| ts.min(horizon));
        let ring = &mut rings[index];
        let mut upcoming = Some(ts);
        while let Some(now) = upcoming.filter(|&ts| ts <= limit) {
            order.records += 1;
            order.late += u64::from(now < order.last);
            order.last = order.last.max(now);
            each(order.records, ring.front()?);
            ring.pop()?;
            any = true;
            upcoming = ring.peek()?;
        }
        if let Some(ts) = upcoming {
            let at = next.partition_point(|&other| other > (ts, index));
            next.insert(at, (ts, index));
        }
    }
    for ring in rings.iter() {
        ring.release();
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Times; the records are the times as bytes.
    struct Times(VecDeque<u64>, [u8; 8]);

    impl Times {
        fn of(times: &[u64]) -> Self {
            let mut ring = Self(times.iter().copied().collect(), [0; 8]);
            ring.show();
            ring
        }

        fn show(&mut self) {
            self.1 = self.0.front().copied().unwrap_or_default().to_ne_bytes();
        }
    }

    impl Ring for Times {
        fn peek(&self) -> anyhow::Result<Option<u64>> {
            Ok(self.0.front().copied())
        }

        fn front(&self) -> anyhow::Result<&[u8]> {
            Ok(&self.1)
        }

        fn pop(&mut self) -> anyhow::Result<()> {
            self.0.pop_front();
            self.show();
            Ok(())
        }

        fn release(&self) {}
    }

    #[test]
    fn what_comes_late_is_handed_out_and_counted() {
        let mut rings = [Times::of(&[1, 4, 9]), Times::of(&[2, 3])];
        let (mut order, mut seen) = (Order::default(), Vec::new());
        let mut each = |number: u64, record: &[u8]| {
            seen.push((number, u64::from_ne_bytes(record.try_into().unwrap())));
        };
        assert!(merge(&mut rings, &mut order, 8, &mut each).unwrap());
        assert_eq!(order.late, 0);
        // Its probe was held up between the clock and the ring.
        rings[1] = Times::of(&[3, 10]);
        assert!(merge(&mut rings, &mut order, 20, &mut each).unwrap());
        assert_eq!(order.late, 1);
        assert_eq!(
            seen,
            [(1, 1), (2, 2), (3, 3), (4, 4), (5, 3), (6, 9), (7, 10)]
        );
    }
}
