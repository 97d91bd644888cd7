//! The rules that can match events of one group, found by a value where many of
//! them ask for one.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::filter::plan::{Id, Plan};
use crate::filter::predicate::{Check, Run};
use crate::filter::test::Test;

/// Fewer rules than this are tried one by one.
const MANY: usize = 6;
/// A check of more values than this does not say much about a rule.
const FEW_VALUES: usize = 32;

/// Rules with their conditions, in order.
#[derive(Debug, Default)]
pub struct Group {
    rules: Box<[(usize, Id)]>,
    indexes: Vec<Index>,
    /// Positions of the rules that no index has; all, without an index.
    rest: Vec<u32>,
}

/// Positions of rules by the value that a field must have.
#[derive(Debug)]
struct Index {
    /// A check of the field.
    field: Arc<Check>,
    by_value: FxHashMap<Box<[u8]>, Vec<u32>>,
}

impl Group {
    /// Groups rules by the values that their conditions ask for.
    pub fn new(rules: Vec<(usize, Id)>, plan: &Plan) -> Self {
        let mut by_field: FxHashMap<usize, Vec<(u32, &Arc<Check>)>> = FxHashMap::default();
        let mut rest = Vec::new();
        for (position, &(_, condition)) in rules.iter().enumerate() {
            let position = position as u32;
            let check = plan
                .required(condition)
                .find(|check| values(check).is_some());
            match check.and_then(|check| Some((check.slot?, check))) {
                Some((slot, check)) => by_field.entry(slot).or_default().push((position, check)),
                None => rest.push(position),
            }
        }
        let mut indexes = Vec::new();
        for checks in by_field.into_values() {
            match checks.first() {
                Some((_, first)) if checks.len() >= MANY => {
                    let mut index = Index {
                        field: Arc::clone(first),
                        by_value: FxHashMap::default(),
                    };
                    for (position, check) in checks {
                        for value in values(check).into_iter().flatten() {
                            index
                                .by_value
                                .entry(value.into())
                                .or_default()
                                .push(position);
                        }
                    }
                    indexes.push(index);
                }
                _ => rest.extend(checks.into_iter().map(|(position, _)| position)),
            }
        }
        rest.sort_unstable();
        Self {
            rules: rules.into(),
            indexes,
            rest,
        }
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
            let value = index.field.value(run);
            let at = value.and_then(|value| index.by_value.get(value.bytes()?));
            positions.extend(at.into_iter().flatten());
        }
        let tried = match positions.is_empty() {
            true => &self.rest,
            false => {
                positions.extend(&self.rest);
                positions.sort_unstable();
                &*positions
            }
        };
        for &position in tried {
            let Some(&(rule, condition)) = self.rules.get(position as usize) else {
                continue;
            };
            if plan.holds(condition, run) && !found(rule, run) {
                return;
            }
        }
    }
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
