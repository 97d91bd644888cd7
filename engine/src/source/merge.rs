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

/// Hands out the records of the round up to a time, the earliest first, with their
/// numbers; whether there was one.
pub(super) fn merge<R: Ring>(
    rings: &mut [R],
    records: &mut u64,
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
        while upcoming.is_some_and(|ts| ts <= limit) {
            *records += 1;
            each(*records, ring.front()?);
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
