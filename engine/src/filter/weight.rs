//! What is expected of a part of a condition: its cost, and how often it holds.
//! By this parts are put into the order in which an answer is found soonest.

/// The expectation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// Cost, in comparisons.
    pub cost: f32,
    /// The chance that it holds, a guess by its kind.
    pub holds: f32,
}

impl Weight {
    /// Of these numbers.
    pub fn new(cost: f32, holds: f32) -> Self {
        Self { cost, holds }
    }

    /// That it does not hold.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it stands beside `all`")]
    pub fn not(self) -> Self {
        Self::new(self.cost, 1.0 - self.holds)
    }

    /// That all hold, looked at in this order until one does not.
    pub fn all(parts: impl DoubleEndedIterator<Item = Self>) -> Self {
        parts.rev().fold(Self::new(0.0, 1.0), |rest, part| {
            Self::new(part.cost + part.holds * rest.cost, part.holds * rest.holds)
        })
    }

    /// That one holds, looked at in this order until one does.
    pub fn one(parts: impl DoubleEndedIterator<Item = Self>) -> Self {
        Self::all(parts.map(Self::not)).not()
    }

    /// What is to be spent until it fails.
    pub fn to_fail(self) -> f32 {
        self.cost / (1.0 - self.holds).max(0.01)
    }

    /// What is to be spent until it holds.
    pub fn to_hold(self) -> f32 {
        self.not().to_fail()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_parts_cost_only_where_earlier_ones_do_not_decide() {
        let (cheap, dear) = (Weight::new(1.0, 0.25), Weight::new(100.0, 0.5));
        let all = Weight::all([cheap, dear].into_iter());
        assert_eq!(all, Weight::new(26.0, 0.125));
        let one = Weight::one([cheap, dear].into_iter());
        assert_eq!(one, Weight::new(76.0, 0.625));
        assert!(cheap.to_fail() < dear.to_fail() && cheap.to_hold() < dear.to_hold());
    }
}
