//! Conditions made ready for evaluation: for each group of events that no check
//! of an event's type tells apart, such checks are decided once and for all, and
//! what several conditions have in common is there once, so that it is
//! evaluated at most once for an event.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::events::{EventSet, Probe};
use super::predicate::{Check, Compare, Node, Run, Shared};

/// Number of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(u32);

impl Id {
    /// What never holds.
    pub const NEVER: Self = Self(0);
    const ALWAYS: Self = Self(1);
}

/// What it costs to look for an answer that may be known.
const KNOWN: f32 = 0.25;

/// What is expected of a part.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    /// Its cost, in comparisons.
    cost: f32,
    /// The chance that it holds, a guess by its kind.
    holds: f32,
}

impl Weight {
    fn certain() -> Self {
        Self {
            cost: 0.0,
            holds: 1.0,
        }
    }

    /// What is to be spent until it fails.
    fn to_fail(self) -> f32 {
        self.cost / (1.0 - self.holds).max(0.01)
    }

    /// What is to be spent until it holds.
    fn to_hold(self) -> f32 {
        self.cost / self.holds.max(0.01)
    }
}

/// No answer is kept.
const NO_MEMO: u32 = u32::MAX;

/// Parts of conditions, each there once.
#[derive(Debug)]
pub struct Plan {
    parts: Vec<Entry>,
    answers: usize,
}

#[derive(Debug)]
struct Entry {
    part: Part,
    /// Where its answer is kept; parts that stand in one place keep none.
    memo: u32,
    uses: u32,
}

#[derive(Debug)]
enum Part {
    Never,
    Always,
    All(Box<[Id]>),
    One(Box<[Id]>),
    Not(Id),
    Check(Arc<Check>),
    Compare(Arc<Compare>),
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    All(Box<[Id]>),
    One(Box<[Id]>),
    Not(Id),
    /// Checks are the same if they are in the same place in memory.
    Check(usize),
}

/// Builds a plan.
pub struct Builder<'s> {
    shared: &'s Shared,
    plan: Plan,
    known: FxHashMap<Key, Id>,
    /// Ids of the shared conditions for the current events.
    macros: Vec<Option<Id>>,
}

impl<'s> Builder<'s> {
    /// Begins with nothing.
    pub fn new(shared: &'s Shared) -> Self {
        let entry = |part| Entry {
            part,
            memo: NO_MEMO,
            uses: 0,
        };
        Self {
            shared,
            plan: Plan {
                parts: vec![entry(Part::Never), entry(Part::Always)],
                answers: 0,
            },
            known: FxHashMap::default(),
            macros: Vec::new(),
        }
    }

    /// Begins with the next group of events.
    pub fn next_events(&mut self) {
        self.macros.clear();
        self.macros.resize(self.shared.len(), None);
    }

    /// Adds a whole condition for events such as this one.
    pub fn add(&mut self, node: &Node, event: Probe) -> Id {
        let id = self.node(node, event);
        self.used(id);
        id
    }

    fn node(&mut self, node: &Node, event: Probe) -> Id {
        match node {
            Node::Never => Id::NEVER,
            Node::Event(set) if set.has(event) => Id::ALWAYS,
            Node::Event(_) => Id::NEVER,
            Node::Macro(at) => {
                if let Some(Some(known)) = self.macros.get(*at) {
                    return *known;
                }
                let shared = self.shared;
                let id = shared
                    .get(*at)
                    .map_or(Id::NEVER, |node| self.node(node, event));
                if let Some(slot) = self.macros.get_mut(*at) {
                    *slot = Some(id);
                }
                id
            }
            Node::And(nodes) => {
                let mut ids = Vec::with_capacity(nodes.len());
                for node in nodes {
                    match self.node(node, event) {
                        Id::NEVER => return Id::NEVER,
                        Id::ALWAYS => {}
                        id if ids.contains(&id) => {}
                        id => ids.push(id),
                    }
                }
                match ids[..] {
                    [] => Id::ALWAYS,
                    [only] => only,
                    _ => self.joined(ids, Key::All, Part::All),
                }
            }
            Node::Or(nodes) => {
                let mut ids = Vec::with_capacity(nodes.len());
                for node in nodes {
                    match self.node(node, event) {
                        Id::ALWAYS => return Id::ALWAYS,
                        Id::NEVER => {}
                        id if ids.contains(&id) => {}
                        id => ids.push(id),
                    }
                }
                match ids[..] {
                    [] => Id::NEVER,
                    [only] => only,
                    _ => self.joined(ids, Key::One, Part::One),
                }
            }
            Node::Not(inner) => match self.node(inner, event) {
                Id::NEVER => Id::ALWAYS,
                Id::ALWAYS => Id::NEVER,
                id => match self.plan.parts.get(id.0 as usize).map(|entry| &entry.part) {
                    Some(Part::Not(inner)) => *inner,
                    _ => self.known_or(Key::Not(id), |builder| {
                        builder.used(id);
                        Part::Not(id)
                    }),
                },
            },
            Node::Check(check) => {
                let key = Key::Check(Arc::as_ptr(check) as usize);
                self.known_or(key, |_| Part::Check(Arc::clone(check)))
            }
            Node::Compare(compare) => {
                let key = Key::Check(Arc::as_ptr(compare) as usize);
                self.known_or(key, |_| Part::Compare(Arc::clone(compare)))
            }
        }
    }

    fn joined(
        &mut self,
        ids: Vec<Id>,
        key: fn(Box<[Id]>) -> Key,
        part: fn(Box<[Id]>) -> Part,
    ) -> Id {
        let ids: Box<[Id]> = ids.into();
        self.known_or(key(ids.clone()), |builder| {
            ids.iter().for_each(|&id| builder.used(id));
            part(ids)
        })
    }

    fn known_or(&mut self, key: Key, new: impl FnOnce(&mut Self) -> Part) -> Id {
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let part = new(self);
        let id = Id(self.plan.parts.len() as u32);
        self.plan.parts.push(Entry {
            part,
            memo: NO_MEMO,
            uses: 0,
        });
        self.known.insert(key, id);
        id
    }

    fn used(&mut self, id: Id) {
        if let Some(entry) = self.plan.parts.get_mut(id.0 as usize) {
            entry.uses += 1;
        }
    }

    /// The plan. What stands in several places gets room for its answer.
    pub fn finish(mut self) -> Plan {
        self.plan.order();
        let shared = self.plan.parts.iter_mut().skip(2);
        for (at, entry) in shared.filter(|entry| entry.uses > 1).enumerate() {
            entry.memo = at as u32;
            self.plan.answers = at + 1;
        }
        self.plan
    }
}

/// All sets of events that checks in these conditions have.
pub fn event_sets<'n>(nodes: impl Iterator<Item = &'n Node>, sets: &mut Vec<EventSet>) {
    fn visit(node: &Node, sets: &mut Vec<EventSet>) {
        match node {
            Node::Event(set) if sets.last() != Some(set) => sets.push(**set),
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|n| visit(n, sets)),
            Node::Not(inner) => visit(inner, sets),
            _ => {}
        }
    }
    nodes.for_each(|node| visit(node, sets));
}

impl Plan {
    /// Puts the parts of each condition into the order in which its answer is
    /// found soonest: by what a part costs, where what others have asked for
    /// before costs next to nothing, for the chance that it decides.
    fn order(&mut self) {
        let mut fields: FxHashMap<usize, u32> = FxHashMap::default();
        for entry in &self.parts {
            if let Part::Check(check) = &entry.part
                && let Some(slot) = check.slot
            {
                *fields.entry(slot).or_default() += 1;
            }
        }
        // Parts come behind those that they consist of.
        let mut weights: Vec<Weight> = Vec::with_capacity(self.parts.len());
        for entry in &mut self.parts {
            let of = |id: &Id| weights.get(id.0 as usize).copied().unwrap_or_default();
            let mut weight = match &mut entry.part {
                Part::Never | Part::Always => Weight::default(),
                Part::All(ids) => {
                    ids.sort_by(|a, b| of(a).to_fail().total_cmp(&of(b).to_fail()));
                    ids.iter()
                        .rev()
                        .map(of)
                        .fold(Weight::certain(), |rest, part| Weight {
                            cost: part.cost + part.holds * rest.cost,
                            holds: part.holds * rest.holds,
                        })
                }
                Part::One(ids) => {
                    ids.sort_by(|a, b| of(a).to_hold().total_cmp(&of(b).to_hold()));
                    let rest = Weight::default();
                    ids.iter().rev().map(of).fold(rest, |rest, part| Weight {
                        cost: part.cost + (1.0 - part.holds) * rest.cost,
                        holds: part.holds + (1.0 - part.holds) * rest.holds,
                    })
                }
                Part::Not(id) => Weight {
                    holds: 1.0 - of(id).holds,
                    ..of(id)
                },
                Part::Check(check) => {
                    let readers = check.slot.and_then(|slot| fields.get(&slot));
                    let read = check.operand.cost() as f32 / *readers.unwrap_or(&1) as f32;
                    Weight {
                        cost: read + check.test.cost() as f32,
                        holds: check.test.chance(),
                    }
                }
                Part::Compare(compare) => Weight {
                    cost: (2 + compare.left.cost() + compare.right.cost()) as f32,
                    holds: 0.5,
                },
            };
            if entry.uses > 1 {
                weight.cost = KNOWN + weight.cost / entry.uses as f32;
            }
            weights.push(weight);
        }
    }

    /// Checks that hold whenever the condition does.
    pub fn required(&self, condition: Id) -> impl Iterator<Item = &Arc<Check>> {
        let part = |id: Id| self.parts.get(id.0 as usize).map(|entry| &entry.part);
        let ids = match part(condition) {
            Some(Part::All(ids)) => &**ids,
            _ => &[],
        };
        ids.iter().filter_map(move |&id| match part(id) {
            Some(Part::Check(check)) => Some(check),
            _ => None,
        })
    }

    /// How many answers are kept for an event.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Whether a condition holds.
    pub fn holds<'a>(&'a self, id: Id, run: &mut Run<'a, '_>) -> bool {
        let Some(entry) = self.parts.get(id.0 as usize) else {
            return false;
        };
        if entry.memo != NO_MEMO
            && let Some(known) = run.known(entry.memo)
        {
            return known;
        }
        let holds = match &entry.part {
            Part::Never => false,
            Part::Always => true,
            Part::All(ids) => ids.iter().all(|&id| self.holds(id, run)),
            Part::One(ids) => ids.iter().any(|&id| self.holds(id, run)),
            Part::Not(inner) => !self.holds(*inner, run),
            Part::Check(check) => check.holds(run),
            Part::Compare(compare) => compare.holds(run),
        };
        if entry.memo != NO_MEMO {
            run.remember(entry.memo, holds);
        }
        holds
    }
}
