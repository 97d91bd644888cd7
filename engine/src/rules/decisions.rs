//! Values of fields under which no rule matches.
//!
//! For events of one group, rules ask for fields in an order that depends on
//! nothing but the values read before, and what they find depends on values alone.
//! So the values of an event that nothing matched lead every later event that has
//! the same ones to the same end, and its rules need not be asked again.

use std::hash::Hasher;

use rustc_hash::FxHasher;

use crate::filter::field::Value;
use crate::filter::plan::Plan;
use crate::filter::predicate::Run;

/// How many values are kept.
const STEPS: usize = 1 << 11;
/// Longest text that is kept.
const TEXT: usize = 84;

/// In place of the number of a field: there is no other to read.
const END: u16 = u16::MAX;
/// Likewise: nothing is known.
const UNKNOWN: u16 = END - 1;

/// After so many events of a group it is looked whether this is worth it.
const PERIOD: u32 = 1 << 10;
/// One of so many must have been known.
const WORTH: u32 = 4;
/// For so many events nothing is looked for when it is not.
const PAUSE: u32 = PERIOD << 4;

/// A value that was read, and what to read next. Of a fixed size, so that nothing
/// is allocated for an event.
#[derive(Clone)]
struct Step {
    /// What led here: a group, or another step.
    from: u32,
    to: u32,
    next: u16,
    ty: Type,
    len: u8,
    bytes: [u8; TEXT],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Nothing,
    Bool,
    Int,
    Uint,
    Text,
    Bytes,
}

/// A group of events.
#[derive(Clone, Copy, Debug)]
struct Root {
    first: u16,
    asked: u32,
    known: u32,
    pause: u32,
}

impl Root {
    const NEW: Self = Self {
        first: UNKNOWN,
        asked: 0,
        known: 0,
        pause: 0,
    };

    /// Whether to look for the next event.
    fn is_on(&mut self) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        if self.asked == PERIOD {
            let worth = self.known * WORTH >= self.asked;
            self.pause = if worth { 0 } else { PAUSE };
            (self.asked, self.known) = (0, 0);
        }
        self.asked += 1;
        true
    }
}

/// What is known of all groups. What is learned takes the place of something else
/// when there is no room.
#[derive(Default)]
pub(super) struct Decisions {
    steps: Vec<Step>,
    roots: Vec<Root>,
    /// Number of the last step that was made.
    last: u32,
}

impl std::fmt::Debug for Decisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decisions({} groups)", self.roots.len())
    }
}

/// A value as it is kept. `None`: it is not; addresses are not, since those of
/// hosts in conditions change.
#[inline]
fn bytes_of<'v>(value: Option<Value<'v>>, word: &'v mut [u8; 8]) -> Option<(Type, &'v [u8])> {
    let (ty, number) = match value {
        None => (Type::Nothing, 0),
        Some(Value::Bool(truth)) => (Type::Bool, truth.into()),
        Some(Value::Int(number)) => (Type::Int, number.cast_unsigned()),
        Some(Value::Uint(number)) => (Type::Uint, number),
        Some(Value::Text(text)) => return (text.len() <= TEXT).then_some((Type::Text, text)),
        Some(Value::Bytes(bytes)) => return (bytes.len() <= TEXT).then_some((Type::Bytes, bytes)),
        Some(Value::Double(_) | Value::Ip(_) | Value::List(_)) => return None,
    };
    *word = number.to_ne_bytes();
    Some((ty, word))
}

/// Where a value behind a step is kept.
#[inline]
fn place(from: u32, ty: Type, bytes: &[u8]) -> usize {
    let mut hasher = FxHasher::default();
    hasher.write_u32(from);
    hasher.write_u8(ty as u8);
    hasher.write(bytes);
    hasher.finish() as usize % STEPS
}

impl Step {
    const NONE: Self = Self {
        from: u32::MAX,
        to: 0,
        next: UNKNOWN,
        ty: Type::Nothing,
        len: 0,
        bytes: [0; TEXT],
    };

    #[inline]
    fn is(&self, from: u32, ty: Type, bytes: &[u8]) -> bool {
        self.from == from && self.ty == ty && self.bytes.get(..self.len.into()) == Some(bytes)
    }
}

impl Decisions {
    /// Forgets all: what is asked first changes.
    pub(super) fn clear(&mut self) {
        self.steps.fill(Step::NONE);
        self.roots.fill(Root::NEW);
    }

    /// Whether an event of this group has values under which no rule matches.
    /// What is read for that need not be read again. `None`: do not learn from it.
    pub(super) fn no_rule_matches<'a>(
        &mut self,
        group: usize,
        plan: &'a Plan,
        run: &mut Run<'a, '_>,
    ) -> Option<bool> {
        if self.roots.len() <= group {
            self.roots.resize(group + 1, Root::NEW);
        }
        let root = self.roots.get_mut(group)?;
        if !root.is_on() {
            return None;
        }
        let (mut at, mut field) = (group as u32, root.first);
        while field < UNKNOWN {
            let mut word = [0; 8];
            let value = plan.field(field)?.value(run);
            let Some((ty, bytes)) = bytes_of(value, &mut word) else {
                return Some(false);
            };
            let step = self.steps.get(place(at, ty, bytes));
            let Some(step) = step.filter(|step| step.is(at, ty, bytes)) else {
                return Some(false);
            };
            (at, field) = (step.to, step.next);
        }
        root.known += u32::from(field == END);
        Some(field == END)
    }

    /// Learns that no rule matches an event of this group with the values that
    /// were read.
    #[cold]
    pub(super) fn learn(&mut self, group: usize, run: &Run<'_, '_>) {
        let Some(root) = self.roots.get_mut(group) else {
            return;
        };
        if self.steps.is_empty() {
            self.steps.resize(STEPS, Step::NONE);
            // Groups are the first steps.
            self.last = u32::from(u16::MAX);
        }
        let mut read = run.read().peekable();
        root.first = read.peek().map_or(END, |(field, _)| *field);
        let mut at = group as u32;
        while let Some((_, value)) = read.next() {
            let mut word = [0; 8];
            let Some((ty, bytes)) = bytes_of(value, &mut word) else {
                return;
            };
            let Some(step) = self.steps.get_mut(place(at, ty, bytes)) else {
                return;
            };
            if !step.is(at, ty, bytes) {
                let Some(to) = self.last.checked_add(1) else {
                    self.clear();
                    self.last = u32::from(u16::MAX);
                    return;
                };
                self.last = to;
                (step.from, step.to) = (at, to);
                (step.ty, step.len) = (ty, bytes.len() as u8);
                step.bytes[..bytes.len()].copy_from_slice(bytes);
                step.next = read.peek().map_or(END, |(field, _)| *field);
            }
            at = step.to;
        }
    }
}
