//! Conditions made ready for evaluation: for each group of events that no check
//! of an event's type tells apart, such checks are decided once and for all, and
//! what several conditions have in common is there once, so that it is
//! evaluated at most once for an event.

mod explain;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::events::{EventSet, Probe};
use super::matcher::{self, Kind, Matcher, Member};
use super::predicate::{Check, Compare, Node, Run, Seen, Shared};
use super::weight::Weight;

/// Number of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u32);

impl Id {
    /// What never holds.
    pub const NEVER: Self = Self(0);
    const ALWAYS: Self = Self(1);
}

/// What it costs to look for an answer that may be known.
const KNOWN: f32 = 0.25;

/// What is guessed of a part counts as much as so many events.
const GUESS: f32 = 8.0;

/// No answer is kept.
const NO_MEMO: u32 = u32::MAX;

/// Parts of conditions, each there once.
#[derive(Debug)]
pub struct Plan {
    parts: Vec<Entry>,
    /// What is expected of each part, which an evaluation has no need of.
    expected: Vec<Expected>,
    answers: usize,
    matchers: Vec<Matcher>,
}

#[derive(Debug)]
struct Entry {
    part: Part,
    /// Where its answer is kept; parts that stand in one place keep none.
    memo: u32,
}

#[derive(Debug, Default)]
struct Expected {
    uses: u32,
    weight: Weight,
}

#[derive(Debug)]
enum Part {
    Never,
    Always,
    All(Box<[Id]>),
    One(Box<[Id]>),
    Not(Id),
    Check(Arc<Check>),
    /// A check that is made together with others.
    Member(Arc<Check>, Member),
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
        let mut this = Self {
            shared,
            plan: Plan {
                parts: Vec::new(),
                expected: Vec::new(),
                answers: 0,
                matchers: Vec::new(),
            },
            known: FxHashMap::default(),
            macros: Vec::new(),
        };
        this.push(Part::Never);
        this.push(Part::Always);
        this
    }

    fn push(&mut self, part: Part) -> Id {
        let id = Id(self.plan.parts.len() as u32);
        let memo = NO_MEMO;
        self.plan.parts.push(Entry { part, memo });
        self.plan.expected.push(Expected::default());
        id
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
                // None of some is not one of them.
                let inner = |builder: &Self, id| match builder.part(id) {
                    Part::Not(inner) => Some(*inner),
                    _ => None,
                };
                let ids = self.merged(ids, inner, Self::negated);
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
                let ids = self.merged(ids, |_, id| Some(id), |_, id| id);
                match ids[..] {
                    [] => Id::NEVER,
                    [only] => only,
                    _ => self.joined(ids, Key::One, Part::One),
                }
            }
            Node::Not(inner) => {
                let id = self.node(inner, event);
                self.negated(id)
            }
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

    fn part(&self, id: Id) -> &Part {
        let entry = self.plan.parts.get(id.0 as usize);
        entry.map_or(&Part::Never, |entry| &entry.part)
    }

    fn negated(&mut self, id: Id) -> Id {
        match (id, self.part(id)) {
            (Id::NEVER, _) => Id::ALWAYS,
            (Id::ALWAYS, _) => Id::NEVER,
            (_, Part::Not(inner)) => *inner,
            _ => self.known_or(Key::Not(id), |builder| {
                builder.used(id);
                Part::Not(id)
            }),
        }
    }

    /// Parts of which one must hold, with those that search the text of one
    /// field merged into one. `inner` finds the alternative in a part, `outer`
    /// puts one back.
    fn merged(
        &mut self,
        ids: Vec<Id>,
        inner: impl Fn(&Self, Id) -> Option<Id>,
        outer: impl Fn(&mut Self, Id) -> Id,
    ) -> Vec<Id> {
        let mut groups: BTreeMap<(usize, Kind), Vec<Id>> = BTreeMap::new();
        let mut rest = Vec::with_capacity(ids.len());
        for id in ids {
            let alternative = inner(self, id);
            match alternative.and_then(|id| Some((id, searched(self.part(id))?))) {
                Some((alternative, group)) => groups.entry(group).or_default().push(alternative),
                None => rest.push(id),
            }
        }
        for ids in groups.into_values() {
            match self.one_of(&ids) {
                Some(merged) => rest.push(outer(self, merged)),
                None => rest.extend(ids.into_iter().map(|id| outer(self, id))),
            }
        }
        rest
    }

    /// One check for several of one field, if it is quicker.
    fn one_of(&mut self, ids: &[Id]) -> Option<Id> {
        let checks = ids.iter().map(|&id| match self.part(id) {
            Part::Check(check) => Some(check),
            _ => None,
        });
        let checks: Vec<_> = checks.collect::<Option<_>>()?;
        let tests: Vec<_> = checks.iter().map(|check| &check.test).collect();
        let test = matcher::any_of(&tests)?;
        let first = checks.first()?;
        let merged = Check {
            operand: first.operand.clone(),
            slot: first.slot,
            test,
            join: first.join,
        };
        Some(self.known_or(Key::One(ids.into()), |_| Part::Check(Arc::new(merged))))
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
        let id = self.push(part);
        self.known.insert(key, id);
        id
    }

    fn used(&mut self, id: Id) {
        if let Some(expected) = self.plan.expected.get_mut(id.0 as usize) {
            expected.uses += 1;
        }
    }

    /// The plan. What stands in several places gets room for its answer.
    pub fn finish(mut self) -> Plan {
        self.plan.gather();
        self.plan.order(&[]);
        let all = self.plan.parts.iter_mut().zip(&self.plan.expected);
        let shared = all.skip(2).filter(|(_, expected)| expected.uses > 1);
        // Of members all answers are kept together.
        let shared = shared.filter(|(entry, _)| !matches!(entry.part, Part::Member(..)));
        for (at, (entry, _)) in shared.enumerate() {
            entry.memo = at as u32;
            self.plan.answers = at + 1;
        }
        self.plan
    }
}

/// The field that a part searches the text of, and how. Whether the text is
/// one of some is looked up for many conditions at once instead.
fn searched(part: &Part) -> Option<(usize, Kind)> {
    let Part::Check(check) = part else {
        return None;
    };
    let kind = Kind::of(&check.test).filter(|kind| *kind != Kind::Equal)?;
    check.is_of_one_value().then_some((check.slot?, kind))
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
    /// Puts checks together that can be made at once.
    fn gather(&mut self) {
        let checks = self.parts.iter().filter_map(|entry| match &entry.part {
            Part::Check(check) => Some(check),
            _ => None,
        });
        let (matchers, places) = matcher::gather(checks);
        self.matchers = matchers;
        let checks = self.parts.iter_mut().map(|entry| &mut entry.part);
        let checks = checks.filter(|part| matches!(part, Part::Check(_)));
        for (part, place) in checks.zip(places) {
            if let (Part::Check(check), Some(member)) = (&*part, place) {
                *part = Part::Member(Arc::clone(check), member);
            }
        }
    }

    /// Puts the parts of each condition into the order in which its answer is
    /// found soonest: by what a part costs, where what others have asked for
    /// before costs next to nothing, for the chance that it decides, which is
    /// guessed, or known from events that were looked at. Checks have no
    /// effects: no order changes an answer.
    pub fn order(&mut self, seen: &[Seen]) {
        let mut fields: FxHashMap<usize, u32> = FxHashMap::default();
        for entry in &self.parts {
            if let Part::Check(check) | Part::Member(check, _) = &entry.part
                && let Some(slot) = check.slot
            {
                *fields.entry(slot).or_default() += 1;
            }
        }
        // Parts come behind those that they consist of.
        let mut weights: Vec<Weight> = Vec::with_capacity(self.parts.len());
        let all = self.parts.iter_mut().zip(&mut self.expected);
        for (at, (entry, expected)) in all.enumerate() {
            let of = |id: &Id| weights.get(id.0 as usize).copied().unwrap_or_default();
            let mut weight = match &mut entry.part {
                Part::Never | Part::Always => Weight::default(),
                Part::All(ids) => {
                    ids.sort_by(|a, b| of(a).to_fail().total_cmp(&of(b).to_fail()));
                    Weight::all(ids.iter().map(of))
                }
                Part::One(ids) => {
                    ids.sort_by(|a, b| of(a).to_hold().total_cmp(&of(b).to_hold()));
                    Weight::one(ids.iter().map(of))
                }
                Part::Not(id) => of(id).not(),
                Part::Check(check) | Part::Member(check, _) => {
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
            if let Some(seen) = seen.get(at) {
                let held = seen.held as f32 + GUESS * weight.holds;
                weight.holds = held / (seen.asked as f32 + GUESS);
            }
            if expected.uses > 1 {
                weight.cost = KNOWN + weight.cost / expected.uses as f32;
            }
            expected.weight = weight;
            weights.push(weight);
        }
    }

    /// Parts that hold whenever the condition does.
    pub fn required(&self, condition: Id, found: &mut Vec<Id>) {
        found.push(condition);
        if let Some(Part::All(ids)) = self.parts.get(condition.0 as usize).map(|e| &e.part) {
            ids.iter().for_each(|&id| self.required(id, found));
        }
    }

    /// The check that a part is.
    pub fn check(&self, part: Id) -> Option<&Arc<Check>> {
        match &self.parts.get(part.0 as usize)?.part {
            Part::Check(check) | Part::Member(check, _) => Some(check),
            _ => None,
        }
    }

    /// What is expected of a part.
    pub fn weight(&self, part: Id) -> Weight {
        let expected = self.expected.get(part.0 as usize);
        expected.map_or_else(Weight::default, |expected| expected.weight)
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many answers are kept for an event.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// Makes each check by itself from now on.
    pub fn share_nothing(&mut self) {
        for entry in &mut self.parts {
            if let Part::Member(check, _) = &entry.part {
                entry.part = Part::Check(Arc::clone(check));
            }
        }
    }

    /// How many matchers there are.
    pub fn matchers(&self) -> usize {
        self.matchers.len()
    }

    /// Whether a condition holds.
    #[inline]
    pub fn holds<'a>(&'a self, id: Id, run: &mut Run<'a, '_>) -> bool {
        match self.parts.get(id.0 as usize) {
            // Of most the answer is known with that of others.
            Some(Entry {
                part: Part::Member(_, member),
                ..
            }) => {
                let holds = run.member_holds(&self.matchers, *member);
                run.count(id.0 as usize, holds);
                holds
            }
            Some(entry) => self.work_out(id, entry, run),
            None => false,
        }
    }

    fn work_out<'a>(&'a self, id: Id, entry: &'a Entry, run: &mut Run<'a, '_>) -> bool {
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
            Part::Member(_, member) => run.member_holds(&self.matchers, *member),
            Part::Compare(compare) => compare.holds(run),
        };
        if entry.memo != NO_MEMO {
            run.remember(entry.memo, holds);
        }
        run.count(id.0 as usize, holds);
        holds
    }
}
