//! Events at the speed at which they were recorded.

use std::thread;
use std::time::{Duration, Instant};

/// Times of events against the clock.
pub(super) struct Pace {
    speed: f64,
    /// Time of the first event, and when it was handed out.
    start: Option<(u64, Instant)>,
}

impl Pace {
    /// `speed`: 2 is twice as fast as it was.
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, start: None }
    }

    /// Sleeps until it is time for an event, for `wait` at most. `false`: it is
    /// not time yet.
    pub(super) fn wait_for(&mut self, time: u64, wait: Duration) -> bool {
        let &mut (first, began) = self.start.get_or_insert_with(|| (time, Instant::now()));
        let after = time.saturating_sub(first) as f64 / self.speed / 1e9;
        // A time that no clock reaches is waited for as long as anybody waits.
        let due = Duration::try_from_secs_f64(after).unwrap_or(Duration::MAX);
        let left = due.saturating_sub(began.elapsed());
        if !left.is_zero() {
            thread::sleep(left.min(wait));
        }
        left <= wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_waited_for() {
        let mut pace = Pace::new(2.0);
        let began = Instant::now();
        assert!(pace.wait_for(5_000_000_000, Duration::ZERO));
        assert!(!pace.wait_for(5_100_000_000, Duration::from_millis(1)));
        assert!(pace.wait_for(5_100_000_000, Duration::from_secs(1)));
        assert!(began.elapsed() >= Duration::from_millis(50));
        // Other processors may have been earlier.
        assert!(pace.wait_for(1, Duration::ZERO));
        assert!(!pace.wait_for(u64::MAX, Duration::ZERO));
    }
}
