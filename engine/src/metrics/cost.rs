//! What each rule costs.
//!
//! Rules share most of their work, so a rule has no cost of its own while it
//! runs. Now and then the rules that an event can concern are evaluated once
//! more, each by itself, and timed: what a rule would cost alone.

use std::sync::Arc;

/// So many evaluated events are between two that are measured: what that costs
/// is some nanoseconds for each event.
const PERIOD: u32 = 16_384;

/// How often a rule was measured, and how long that took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Evaluations.
    pub samples: u64,
    /// Time.
    pub nanoseconds: u64,
}

impl Cost {
    /// Nanoseconds for one evaluation.
    pub fn mean(&self) -> u64 {
        self.nanoseconds / self.samples.max(1)
    }
}

/// The costs of rules, by their names.
pub type Costs = Vec<(Arc<str>, Cost)>;

/// Collects the costs of the rules of one ruleset, by their places in it.
#[derive(Debug, Default)]
pub struct Meter {
    on: bool,
    left: u32,
    costs: Vec<Cost>,
}

impl Meter {
    /// A meter, which measures nothing unless it is on. The first event is one
    /// of those that are measured.
    pub fn new(on: bool) -> Self {
        Self {
            on,
            left: 0,
            costs: Vec::new(),
        }
    }

    /// Whether this event is to be measured.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        if !self.on {
            return false;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                false
            }
            None => {
                self.left = PERIOD;
                true
            }
        }
    }

    /// Adds what the evaluation of a rule took.
    pub fn add(&mut self, rule: usize, nanoseconds: u64) {
        if self.costs.len() <= rule {
            self.costs.resize(rule + 1, Cost::default());
        }
        let cost = &mut self.costs[rule];
        cost.samples += 1;
        cost.nanoseconds += nanoseconds;
    }

    /// The costs of rules that were measured, under their names, which come in
    /// the order of the ruleset.
    pub fn costs<'n>(&self, names: impl Iterator<Item = &'n Arc<str>>) -> Costs {
        let all = names.zip(&self.costs);
        let measured = all.filter(|(_, cost)| cost.samples > 0);
        measured
            .map(|(name, cost)| (Arc::clone(name), *cost))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_and_then_one_of_many() {
        let mut meter = Meter::new(true);
        let due: Vec<_> = (0..2 * PERIOD).filter(|_| meter.is_due()).collect();
        assert_eq!(due, [0, PERIOD + 1]);
        assert!((0..PERIOD * 2).all(|_| !Meter::new(false).is_due()));
    }

    #[test]
    fn costs_have_names() {
        let mut meter = Meter::new(true);
        meter.add(1, 30);
        meter.add(1, 12);
        let names: [Arc<str>; 3] = ["a".into(), "b".into(), "c".into()];
        let cost = Cost {
            samples: 2,
            nanoseconds: 42,
        };
        assert_eq!(meter.costs(names.iter()), [("b".into(), cost)]);
    }
}
