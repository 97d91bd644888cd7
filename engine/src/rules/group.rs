//! The rules that can match events of one group, found by what many of them
//! ask for: a value of a field, or a part of their conditions.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::filter::plan::{Id, Plan};
use crate::filter::predicate::{Check, Run};
use crate::filter::test::Test;

/// Fewer rules than this are not looked up by a value.
const MANY: usize = 6;
/// A check of more values than this does not say much about a rule.
const FEW_VALUES: usize = 32;
/// So many rules at least must be saved, of those that a part stands before.
const SAVED: f32 = 1.5;

/// Rules with their conditions, in order.
#[derive(Debug, Default)]
pub struct Group {
    rules: Box<[(usize, Id)]>,
    indexes: Vec<Index>,
    guarded: Branch,
}

/// Positions of rules by the value that a field must have.
#[derive(Debug)]
struct Index {
    /// A check of the field.
    field: Arc<Check>,
    by_value: FxHashMap<Box<[u8]>, Vec<u32>>,
}

/// Rules in order, those with a part in common behind that part.
#[derive(Debug, Default)]
struct Branch {
    /// Positions of the rules that are behind no other part.
    rules: Vec<u32>,
    inner: Vec<(Id, Branch)>,
}

/// A rule with all that must hold when it matches.
struct Candidate {
    position: u32,
    required: Vec<Id>,
}

impl Group {
    /// Groups rules by the values and parts that their conditions ask for.
    pub fn new(rules: Vec<(usize, Id)>, plan: &Plan) -> Self {
        let candidates = rules.iter().enumerate().map(|(position, &(_, condition))| {
            let mut required = Vec::new();
            plan.required(condition, &mut required);
            Candidate {
                position: position as u32,
                required,
            }
        });
        let (indexes, rest) = Index::all(candidates.collect(), plan);
        Self {
            rules: rules.into(),
            indexes,
            guarded: Branch::new(rest, plan),
        }
    }

    /// Groups the same rules anew by what is expected of the plan's parts now.
    pub fn renew(&mut self, plan: &Plan) {
        *self = Self::new(std::mem::take(&mut self.rules).into(), plan);
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Calls back with the rules that match, in order, until that is answered
    /// with false. `positions` is memory for the work.
    pub fn matching<'a>(
        &'a self,
        plan: &'a Plan,
        run: &mut Run<'a, '_>,
        positions: &mut Vec<u32>,
        mut found: impl FnMut(usize, &mut Run<'a, '_>) -> bool,
    ) {
        positions.clear();
        for index in &self.indexes {
            let value = index.field.value(run).and_then(|value| value.bytes());
            let at = value.and_then(|value| index.by_value.get(value));
            self.hold(at.into_iter().flatten(), plan, run, positions);
        }
        self.open(&self.guarded, plan, run, positions);
        positions.sort_unstable();
        for &position in &*positions {
            if let Some(&(rule, _)) = self.rules.get(position as usize)
                && !found(rule, run)
            {
                return;
            }
        }
    }

    /// Tries the rules behind parts that hold, in any order: few match.
    fn open<'a>(
        &'a self,
        branch: &'a Branch,
        plan: &'a Plan,
        run: &mut Run<'a, '_>,
        matching: &mut Vec<u32>,
    ) {
        self.hold(branch.rules.iter(), plan, run, matching);
        for (guard, inner) in &branch.inner {
            if plan.holds(*guard, run) {
                self.open(inner, plan, run, matching);
            }
        }
    }

    fn hold<'a>(
        &'a self,
        positions: impl Iterator<Item = &'a u32>,
        plan: &'a Plan,
        run: &mut Run<'a, '_>,
        matching: &mut Vec<u32>,
    ) {
        for &position in positions {
            let rule = self.rules.get(position as usize);
            if rule.is_some_and(|&(_, condition)| plan.holds(condition, run)) {
                matching.push(position);
            }
        }
    }
}

/// How a rule is found for an event.
pub enum Way<'g> {
    /// By the value of a field: how many values are known, and for how many rules.
    Value(&'g Check, usize, usize),
    /// Behind parts that must hold, each with how many rules are behind it.
    Behind(Vec<(Id, usize)>),
}

impl Group {
    /// The condition of a rule here, and how the rule is found.
    pub fn way(&self, rule: usize) -> Option<(Id, Way<'_>)> {
        let position = self.rules.iter().position(|(at, _)| *at == rule)?;
        let (_, condition) = *self.rules.get(position)?;
        let position = position as u32;
        for index in &self.indexes {
            let mut rules: Vec<_> = index.by_value.values().flatten().collect();
            if rules.contains(&&position) {
                rules.sort_unstable();
                rules.dedup();
                let way = Way::Value(&index.field, index.by_value.len(), rules.len());
                return Some((condition, way));
            }
        }
        let mut guards = Vec::new();
        self.guarded.path_to(position, &mut guards);
        Some((condition, Way::Behind(guards)))
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }
}

impl Index {
    /// Indexes of rules, and the rules that are in none.
    fn all(candidates: Vec<Candidate>, plan: &Plan) -> (Vec<Self>, Vec<Candidate>) {
        let useful = useful_fields(&candidates, plan);
        let mut by_field: BTreeMap<usize, Vec<(Candidate, &Arc<Check>)>> = BTreeMap::new();
        let mut rest = Vec::new();
        for candidate in candidates {
            let checks = valued(&candidate, plan).filter(|(slot, _)| useful.contains_key(slot));
            // Of two fields the one that more rules ask for.
            match checks.max_by_key(|(slot, _)| (useful[slot], Reverse(*slot))) {
                Some((slot, check)) => by_field.entry(slot).or_default().push((candidate, check)),
                None => rest.push(candidate),
            }
        }
        let mut indexes = Vec::new();
        for found in by_field.into_values() {
            match found.first() {
                Some((_, check)) if found.len() >= MANY => {
                    let field = Arc::clone(check);
                    indexes.push(Self::new(field, &found));
                }
                _ => rest.extend(found.into_iter().map(|(candidate, _)| candidate)),
            }
        }
        rest.sort_unstable_by_key(|candidate| candidate.position);
        (indexes, rest)
    }

    fn new(field: Arc<Check>, rules: &[(Candidate, &Arc<Check>)]) -> Self {
        let mut by_value: FxHashMap<Box<[u8]>, Vec<u32>> = FxHashMap::default();
        for (candidate, check) in rules {
            for value in values(check).into_iter().flatten() {
                let positions = by_value.entry(value.into()).or_default();
                positions.push(candidate.position);
            }
        }
        Self { field, by_value }
    }
}

/// Checks of a rule that ask for one of few values, with their fields.
fn valued<'p>(
    candidate: &Candidate,
    plan: &'p Plan,
) -> impl Iterator<Item = (usize, &'p Arc<Check>)> {
    let checks = candidate.required.iter();
    let checks = checks.filter_map(|&id| plan.check(id));
    checks.filter_map(|check| values(check).and(Some((check.slot?, check))))
}

/// Fields by whose values many rules are told apart, with the number of these:
/// one value that most of them ask for says nothing.
fn useful_fields(candidates: &[Candidate], plan: &Plan) -> FxHashMap<usize, usize> {
    let mut rules: FxHashMap<usize, usize> = FxHashMap::default();
    let mut by_value: FxHashMap<(usize, &[u8]), usize> = FxHashMap::default();
    for (slot, check) in candidates.iter().flat_map(|rule| valued(rule, plan)) {
        *rules.entry(slot).or_default() += 1;
        for value in values(check).into_iter().flatten() {
            *by_value.entry((slot, value)).or_default() += 1;
        }
    }
    let mut most: FxHashMap<usize, usize> = FxHashMap::default();
    for ((slot, _), count) in by_value {
        let most = most.entry(slot).or_default();
        *most = count.max(*most);
    }
    rules.retain(|slot, count| *count >= MANY && most.get(slot).is_none_or(|m| m * 2 <= *count));
    rules
}

impl Branch {
    /// The guards in front of a rule; whether it is here.
    fn path_to(&self, position: u32, guards: &mut Vec<(Id, usize)>) -> bool {
        if self.rules.contains(&position) {
            return true;
        }
        self.inner.iter().any(|(guard, inner)| {
            guards.push((*guard, inner.len()));
            let found = inner.path_to(position, guards);
            if !found {
                guards.pop();
            }
            found
        })
    }

    fn len(&self) -> usize {
        let inner = self.inner.iter().map(|(_, inner)| inner.len());
        self.rules.len() + inner.sum::<usize>()
    }

    /// Puts rules behind the part that saves most, then the rest behind the
    /// next, while that saves enough.
    fn new(mut rest: Vec<Candidate>, plan: &Plan) -> Self {
        let mut inner = Vec::new();
        while let Some(guard) = best_guard(&rest, plan) {
            let (mut behind, others): (Vec<_>, Vec<_>) = rest
                .into_iter()
                .partition(|candidate| candidate.required.contains(&guard));
            rest = others;
            for candidate in &mut behind {
                candidate.required.retain(|&part| part != guard);
            }
            inner.push((guard, Self::new(behind, plan)));
        }
        let rules = rest.into_iter().map(|candidate| candidate.position);
        Self {
            rules: rules.collect(),
            inner,
        }
    }
}

/// The part in common that leaves the fewest rules to try. One that consists of
/// other parts comes first: it says more than each of them.
fn best_guard(candidates: &[Candidate], plan: &Plan) -> Option<Id> {
    let mut counts: FxHashMap<Id, usize> = FxHashMap::default();
    for &part in candidates.iter().flat_map(|candidate| &candidate.required) {
        *counts.entry(part).or_default() += 1;
    }
    let saved = |(part, count): (Id, usize)| {
        let fails = 1.0 - plan.weight(part).holds;
        (fails * count.saturating_sub(1) as f32, part)
    };
    let enough = counts.into_iter().map(saved).filter(|(s, _)| *s >= SAVED);
    let best = enough.max_by(|(a, left), (b, right)| {
        let composed = |part: Id| plan.check(part).is_none();
        let first = composed(*left).cmp(&composed(*right));
        first.then(a.total_cmp(b)).then(right.cmp(left))
    });
    best.map(|(_, part)| part)
}

/// The few values of which a check asks for one.
fn values(check: &Check) -> Option<Vec<&[u8]>> {
    if check.slot.is_none() || !check.is_of_one_value() {
        return None;
    }
    match &check.test {
        Test::Equal(bytes) => Some(vec![bytes]),
        Test::Set(set) if set.len() <= FEW_VALUES => Some(set.iter().map(|b| &**b).collect()),
        _ => None,
    }
}
