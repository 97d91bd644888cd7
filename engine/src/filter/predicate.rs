//! Compiled conditions and their evaluation. Nothing here allocates, except
//! transformers in the event's arena.

use super::ast::Op;
use super::events::EventSet;
use super::field::{Context, Value};
use super::operand::Operand;
use super::test::{Test, compare};

/// A compiled condition or a part of one.
#[derive(Debug)]
pub enum Node {
    /// All hold.
    And(Box<[Node]>),
    /// One holds.
    Or(Box<[Node]>),
    /// It does not hold.
    Not(Box<Node>),
    /// The shared condition with this number.
    Macro(usize),
    /// The event is one of these.
    Event(Box<EventSet>),
    /// A value satisfies a test.
    Check(Box<Check>),
    /// Two values compare.
    Compare(Box<Compare>),
    /// Does not hold: stands where an error was reported.
    Never,
}

/// A test of an operand's values.
#[derive(Debug)]
pub struct Check {
    /// Where the values come from.
    pub operand: Operand,
    /// What they must satisfy.
    pub test: Test,
    /// How many of them must.
    pub join: Join,
}

/// A comparison of two operands.
#[derive(Debug)]
pub struct Compare {
    /// Left side.
    pub left: Operand,
    /// Operator.
    pub op: Op,
    /// Right side.
    pub right: Operand,
    /// How the values of the left side are joined.
    pub join: Join,
}

/// How many values of an operand must satisfy a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The value as it is.
    Whole,
    /// At least one.
    Any,
    /// Every one.
    All,
}

impl Join {
    #[inline]
    fn holds<'a>(self, value: Value<'a>, test: impl Fn(Value<'a>) -> bool) -> bool {
        match (self, value) {
            (Self::Any, Value::List(items)) => items.iter().any(|item| test(*item)),
            (Self::All, Value::List(items)) => items.iter().all(|item| test(*item)),
            (_, value) => test(value),
        }
    }
}

/// Conditions that many others share; each is evaluated at most once for an
/// event.
#[derive(Debug, Default)]
pub struct Shared {
    nodes: Vec<Node>,
}

impl Shared {
    /// Adds a condition and returns its number.
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// What is already known about an event. Kept from event to event for its
/// memory alone.
#[derive(Debug, Default)]
pub struct Memo {
    /// The event that the answers below are of; counts up.
    event: u64,
    /// For each shared condition, the event it was last evaluated for, and
    /// the answer in the lowest bit.
    answers: Vec<u64>,
}

impl Memo {
    /// Forgets all answers, in constant time.
    pub fn next_event(&mut self, shared: &Shared) {
        self.event += 2;
        self.answers.resize(shared.nodes.len(), 0);
    }

    #[inline]
    fn get(&self, at: usize) -> Option<bool> {
        let answer = self.answers.get(at)?;
        (answer & !1 == self.event).then_some(answer & 1 == 1)
    }

    #[inline]
    fn set(&mut self, at: usize, holds: bool) {
        if let Some(answer) = self.answers.get_mut(at) {
            *answer = self.event | u64::from(holds);
        }
    }
}

impl Node {
    /// Whether the condition holds. A check of a missing value does not hold,
    /// whatever the operator. [`Memo::next_event`] must have been called for
    /// the event.
    pub fn holds<'a>(&'a self, ctx: &Context<'a>, shared: &'a Shared, memo: &mut Memo) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(ctx, shared, memo)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(ctx, shared, memo)),
            Self::Not(node) => !node.holds(ctx, shared, memo),
            Self::Event(set) => set.contains(ctx.event),
            Self::Check(check) => check.holds(ctx),
            Self::Compare(compare) => compare.holds(ctx),
            Self::Never => false,
            Self::Macro(at) => memo.get(*at).unwrap_or_else(|| {
                let node = shared.nodes.get(*at);
                let holds = node.is_some_and(|node| node.holds(ctx, shared, memo));
                memo.set(*at, holds);
                holds
            }),
        }
    }
}

impl Check {
    fn holds<'a>(&'a self, ctx: &Context<'a>) -> bool {
        let value = self.operand.get(ctx);
        value.is_some_and(|value| self.join.holds(value, |value| self.test.holds(value)))
    }
}

impl Compare {
    fn holds<'a>(&'a self, ctx: &Context<'a>) -> bool {
        let (Some(left), Some(right)) = (self.left.get(ctx), self.right.get(ctx)) else {
            return false;
        };
        self.join.holds(left, |left| compare(self.op, left, right))
    }
}
