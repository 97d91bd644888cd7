//! Compiled conditions and their evaluation. What must be put together for an
//! event lies in its arena; nothing else is allocated. Macros are evaluated,
//! and fields read, at most once for an event, however many rules use them.

use std::cell::RefCell;
use std::sync::Arc;

use bumpalo::collections::Vec as BumpVec;
use rustc_hash::FxHashMap;

use super::ast::Op;
use super::events::EventSet;
use super::field::{Context, FieldArg, Value};
use super::matcher::{Mask, Matcher, Member};
use super::operand::Operand;
use super::table::BoundField;
use super::test::{Test, compare};
use super::weight::Weight;

/// Hardly an event has more of its fields read.
const MANY_VALUES: usize = 64;

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
    Check(Arc<Check>),
    /// Two values compare.
    Compare(Arc<Compare>),
    /// Does not hold: stands where an error was reported.
    Never,
}

/// A test of an operand's values.
#[derive(Debug)]
pub struct Check {
    /// Where the values come from.
    pub operand: Operand,
    /// Number of the field, if the operand is one.
    pub slot: Option<usize>,
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

/// Conditions that many others share.
#[derive(Debug, Default)]
pub struct Shared {
    nodes: Vec<Node>,
    /// How many fields have numbers.
    fields: usize,
    /// Answers and values are not kept.
    unshared: bool,
}

impl Shared {
    /// Adds a condition and returns its number.
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Keeps no answers and no values from now on.
    pub fn share_nothing(&mut self) {
        self.unshared = true;
        self.fields = 0;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The condition with this number.
    pub fn get(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// All of them.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// For each of them, whether it may ask what a descriptor is. Those that one uses
    /// come before it.
    pub fn may_name_files(&self) -> Vec<bool> {
        let mut known = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            known.push(node.may_name_files(&known));
        }
        known
    }

    /// Makes room for the values of all fields with numbers.
    pub fn finish(&mut self, slots: &Slots) {
        self.fields = slots.numbers.borrow().len();
    }
}

/// Numbers for fields, the same for the same field and argument; and the
/// checks that were compiled.
#[derive(Debug, Default)]
pub struct Slots {
    checks: RefCell<FxHashMap<String, (Arc<Check>, Weight)>>,
    numbers: RefCell<FxHashMap<(&'static str, FieldArg), usize>>,
}

impl Slots {
    /// The check of this text with its weight, if it was compiled before.
    pub fn known(&self, key: &str) -> Option<(Arc<Check>, Weight)> {
        self.checks.borrow().get(key).cloned()
    }

    /// Remembers a check by its text.
    pub fn keep(&self, key: String, check: &Arc<Check>, weight: Weight) {
        self.checks
            .borrow_mut()
            .insert(key, (Arc::clone(check), weight));
    }

    /// The number of an operand that is a field.
    pub fn of(&self, operand: &Operand) -> Option<usize> {
        let Operand::Field(BoundField { field, arg }) = operand else {
            return None;
        };
        let mut numbers = self.numbers.borrow_mut();
        let next = numbers.len();
        Some(*numbers.entry((field.name, arg.clone())).or_insert(next))
    }
}

/// What is already known about an event. Kept from event to event for its
/// memory alone.
#[derive(Debug, Default)]
pub struct Memo {
    /// The event that the answers below are of; counts up by 2.
    event: u64,
    /// For each shared condition, the event it was last evaluated for, and
    /// the answer in the lowest bit.
    answers: Vec<u64>,
    /// The same for the parts of a plan.
    parts: Vec<u64>,
    /// For each matcher, the event it was last asked for, and what it found.
    masks: Vec<(u64, Mask)>,
    /// For each field, one more than the position of its value; 0 where it
    /// was not read yet.
    fields: Vec<u16>,
    /// For each part of a plan how often it held, while that is counted.
    seen: Vec<Seen>,
}

/// How often a part of a plan was worked out, and how often it held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Worked out.
    pub asked: u32,
    /// Held.
    pub held: u32,
}

impl Memo {
    /// Counts from now on how often each of so many parts holds.
    pub fn watch(&mut self, parts: usize) {
        self.seen.resize(parts, Seen::default());
    }

    /// Stops counting and gives what was counted; empty if nothing was.
    pub fn watched(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }
}

/// The evaluation of conditions for one event.
pub struct Run<'a, 'm> {
    ctx: &'m Context<'a>,
    shared: &'a Shared,
    memo: &'m mut Memo,
    /// Values of the fields that were read.
    values: BumpVec<'a, Option<Value<'a>>>,
}

impl<'a, 'm> Run<'a, 'm> {
    /// Begins with a new event: forgets what the memo knows.
    #[inline]
    pub fn new(ctx: &'m Context<'a>, shared: &'a Shared, memo: &'m mut Memo) -> Self {
        memo.event += 2;
        memo.answers.resize(shared.nodes.len(), 0);
        memo.fields.clear();
        memo.fields.resize(shared.fields, 0);
        Self {
            ctx,
            shared,
            memo,
            // Growing would copy what was read so far.
            values: BumpVec::with_capacity_in(shared.fields.min(MANY_VALUES), ctx.arena),
        }
    }

    /// Makes room for the answers of a plan and of its matchers.
    #[must_use]
    #[inline]
    pub fn with_parts(self, answers: usize, matchers: usize) -> Self {
        let (answers, matchers) = match self.shared.unshared {
            true => (0, 0),
            false => (answers, matchers),
        };
        self.memo.parts.resize(answers, 0);
        self.memo.masks.resize(matchers, (0, 0));
        self
    }

    /// Whether a check holds that is made together with others.
    #[inline]
    pub fn member_holds(&mut self, matchers: &'a [Matcher], member: Member) -> bool {
        let at = member.matcher as usize;
        let mask = match self.memo.masks.get(at) {
            Some(&(event, mask)) if event == self.memo.event => mask,
            _ => self.ask(matchers, at),
        };
        mask >> member.bit & 1 == 1
    }

    #[cold]
    fn ask(&mut self, matchers: &'a [Matcher], at: usize) -> Mask {
        let mask = matchers.get(at).map_or(0, |matcher| matcher.matching(self));
        if let Some(known) = self.memo.masks.get_mut(at) {
            *known = (self.memo.event, mask);
        }
        mask
    }

    /// The answer of a part of a plan, if it is known for this event.
    #[inline]
    pub fn known(&self, part: u32) -> Option<bool> {
        let answer = *self.memo.parts.get(part as usize)?;
        (answer & !1 == self.memo.event).then_some(answer & 1 == 1)
    }

    /// Counts the answer of a part, if somebody wants to know.
    #[inline]
    pub fn count(&mut self, part: usize, holds: bool) {
        if let Some(seen) = self.memo.seen.get_mut(part) {
            seen.asked += 1;
            seen.held += u32::from(holds);
        }
    }

    /// Remembers the answer of a part of a plan.
    #[inline]
    pub fn remember(&mut self, part: u32, holds: bool) {
        if let Some(answer) = self.memo.parts.get_mut(part as usize) {
            *answer = self.memo.event | u64::from(holds);
        }
    }

    /// The event with all that belongs to it.
    pub fn context(&self) -> &'m Context<'a> {
        self.ctx
    }

    /// The value of an operand; that of a field is read once.
    #[inline]
    fn value(&mut self, operand: &'a Operand, slot: Option<usize>) -> Option<Value<'a>> {
        let Some(position) = slot.and_then(|slot| self.memo.fields.get_mut(slot)) else {
            return operand.get(self.ctx);
        };
        if let Some(at) = position.checked_sub(1) {
            return self.values.get(usize::from(at)).copied().flatten();
        }
        let value = operand.get(self.ctx);
        self.values.push(value);
        // With more fields than fit the rest is read each time.
        *position = u16::try_from(self.values.len()).unwrap_or(0);
        value
    }

    /// Whether the shared condition with this number holds.
    fn shared(&mut self, at: usize) -> bool {
        let known = self.memo.answers.get(at).copied().unwrap_or(0);
        if known & !1 == self.memo.event && !self.shared.unshared {
            return known & 1 == 1;
        }
        let node = self.shared.nodes.get(at);
        let holds = node.is_some_and(|node| node.holds(self));
        if let Some(answer) = self.memo.answers.get_mut(at) {
            *answer = self.memo.event | u64::from(holds);
        }
        holds
    }
}

impl Node {
    /// Whether it may ask what a descriptor is, with the answers of the shared conditions.
    pub fn may_name_files(&self, shared: &[bool]) -> bool {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().any(|node| node.may_name_files(shared))
            }
            Self::Not(inner) => inner.may_name_files(shared),
            // What is not known yet may.
            Self::Macro(at) => shared.get(*at).copied().unwrap_or(true),
            Self::Check(check) => check.operand.may_name_files(),
            Self::Compare(compare) => {
                compare.left.may_name_files() || compare.right.may_name_files()
            }
            Self::Event(_) | Self::Never => false,
        }
    }

    /// Whether the condition holds. A check of a missing value does not hold,
    /// whatever the operator.
    pub fn holds<'a>(&'a self, run: &mut Run<'a, '_>) -> bool {
        match self {
            Self::And(nodes) => nodes.iter().all(|node| node.holds(run)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(run)),
            Self::Not(node) => !node.holds(run),
            Self::Event(set) => set.contains(run.ctx.event),
            Self::Check(check) => check.holds(run),
            Self::Compare(compare) => compare.holds(run),
            Self::Macro(at) => run.shared(*at),
            Self::Never => false,
        }
    }
}

impl Check {
    /// The value of the left side; that of a field is read once for an event.
    pub fn value<'a>(&'a self, run: &mut Run<'a, '_>) -> Option<Value<'a>> {
        run.value(&self.operand, self.slot)
    }

    /// Whether there is one value that is compared as it is.
    pub fn is_of_one_value(&self) -> bool {
        self.join == Join::Whole
    }

    /// Whether the values satisfy the test.
    pub fn holds<'a>(&'a self, run: &mut Run<'a, '_>) -> bool {
        let value = run.value(&self.operand, self.slot);
        value.is_some_and(|value| self.join.holds(value, |value| self.test.holds(value)))
    }
}

impl Compare {
    /// Whether the values compare so.
    pub fn holds<'a>(&'a self, run: &Run<'a, '_>) -> bool {
        let (left, right) = (self.left.get(run.ctx), self.right.get(run.ctx));
        let (Some(left), Some(right)) = (left, right) else {
            return false;
        };
        self.join.holds(left, |left| compare(self.op, left, right))
    }
}
