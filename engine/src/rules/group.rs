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
/// Where a part is not expected to rule out more rules than this, those that are left
/// are tried.
const LITTLE: f32 = 0.02;

/// Rules with their conditions, in order.
#[derive(Debug, Default)]
pub struct Group {
    rules: Box<[(usize, Id)]>,
    indexes: Vec<Index>,
    sieves: Vec<Sieve>,
}

/// Positions of rules by the value that a field must have.
#[derive(Debug)]
struct Index {
    /// A check of the field.
    field: Arc<Check>,
    by_value: FxHashMap<Box<[u8]>, Vec<u32>>,
}

/// A bit for each rule of a sieve.
type Rules = u64;

/// Some rules, and what rules many of them out at once.
#[derive(Debug)]
struct Sieve {
    /// Their positions, by bit.
    rules: Box<[u32]>,
    /// Parts, each with the rules that it must hold for.
    parts: Box<[(Id, Rules)]>,
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
        let sieves = rest.chunks(Rules::BITS as usize);
        let sieves = sieves.map(|rules| Sieve::new(rules, plan)).collect();
        Self {
            rules: rules.into(),
            indexes,
            sieves,
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
        for sieve in &self.sieves {
            let left = sieve.left(plan, run);
            self.hold(sieve.positions(left), plan, run, positions);
        }
        positions.sort_unstable();
        for &position in &*positions {
            if let Some(&(rule, _)) = self.rules.get(position as usize)
                && !found(rule, run)
            {
                return;
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
        let sieves = self.sieves.iter();
        let parts = sieves.flat_map(|sieve| sieve.parts_of(position));
        Some((condition, Way::Behind(parts.collect())))
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

impl Sieve {
    /// Chooses the parts one by one: next comes what rules out most of what is
    /// expected to be left, for its cost.
    fn new(candidates: &[Candidate], plan: &Plan) -> Self {
        let mut behind: BTreeMap<Id, Rules> = BTreeMap::new();
        for (bit, candidate) in candidates.iter().enumerate() {
            for &part in &candidate.required {
                *behind.entry(part).or_default() |= 1 << bit;
            }
        }
        let mut left = vec![1.0; candidates.len()];
        let mut parts = Vec::new();
        loop {
            let ruled_out = |(&part, &rules): (&Id, &Rules)| {
                let weight = plan.weight(part);
                let left: f32 = bits(rules).map(|bit| left[bit]).sum();
                (part, rules, (1.0 - weight.holds) * left, weight)
            };
            let useful = behind
                .iter()
                .map(ruled_out)
                .filter(|(_, _, out, _)| *out > LITTLE);
            let best = useful
                .max_by(|(_, _, a, of), (_, _, b, than)| (a * than.cost).total_cmp(&(b * of.cost)));
            let Some((part, rules, _, weight)) = best else {
                break;
            };
            bits(rules).for_each(|bit| left[bit] *= weight.holds);
            behind.remove(&part);
            parts.push((part, rules));
        }
        let positions = candidates.iter().map(|candidate| candidate.position);
        Self {
            rules: positions.collect(),
            parts: parts.into(),
        }
    }

    /// The rules that are not ruled out.
    fn left<'a>(&'a self, plan: &'a Plan, run: &mut Run<'a, '_>) -> Rules {
        let mut left = Rules::MAX >> (Rules::BITS as usize - self.rules.len());
        for &(part, rules) in &self.parts {
            if left & rules != 0 && !plan.holds(part, run) {
                left &= !rules;
                if left == 0 {
                    break;
                }
            }
        }
        left
    }

    fn positions(&self, rules: Rules) -> impl Iterator<Item = &u32> {
        bits(rules).filter_map(|bit| self.rules.get(bit))
    }

    /// The parts in front of a rule that others have as well, each with how many
    /// there are.
    fn parts_of(&self, position: u32) -> impl Iterator<Item = (Id, usize)> {
        let bit = self.rules.iter().position(|&rule| rule == position);
        let own = bit.map_or(0, |bit| 1 << bit);
        let parts = self.parts.iter().filter(move |(_, rules)| rules & own != 0);
        let counted = parts.map(|&(part, rules)| (part, rules.count_ones() as usize));
        counted.filter(|(_, count)| *count > 1)
    }
}

/// The places of the bits that are set.
fn bits(mut rules: Rules) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (rules != 0).then(|| rules.trailing_zeros() as usize);
        rules &= rules.wrapping_sub(1);
        bit
    })
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
