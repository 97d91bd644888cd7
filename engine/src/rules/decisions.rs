//! Values of fields under which no rule matches.
//!
//! What rules find depends on the values of the fields that they read and on
//! nothing else. So an event of the same group with the same values as one that
//! nothing matched needs no rule. Which fields to read is guessed: those that the
//! last such event had read.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::filter::field::Value;
use crate::filter::plan::Plan;
use crate::filter::predicate::Run;

/// How many combinations of values are remembered.
const ENDS: usize = 1 << 13;
/// How many guesses.
const GUESSES: usize = 1 << 8;
/// Most fields of a combination.
const FIELDS: usize = 32;

/// In place of the number of a field: there is no other to read.
const END: u16 = u16::MAX;
/// Likewise: nothing is known.
const UNKNOWN: u16 = END - 1;

/// After so many events of a group it is looked whether this is worth it.
const PERIOD: u32 = 1 << 12;
/// One of so many must have been known.
const WORTH: u32 = 5;
/// For so many events nothing is looked for when it is not.
const PAUSE: u32 = PERIOD << 1;

/// What is known of the events of a group.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    asked: u32,
    known: u32,
    pause: u32,
}

impl Use {
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
    /// Hashes of combinations. They have a key that nobody knows, so that nobody
    /// can choose values that are taken for others.
    ends: Vec<u64>,
    /// What to read next, with the shape of what was read before.
    guesses: Vec<(u64, u16)>,
    uses: Vec<Use>,
    key: RandomState,
}

impl std::fmt::Debug for Decisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decisions({} groups)", self.uses.len())
    }
}

/// Values in the order in which they are read.
struct Path<H> {
    values: H,
    /// The same with no more of each than whether it is nothing, or negative.
    shape: u64,
}

impl<H: Hasher> Path<H> {
    #[inline]
    fn new(mut values: H, group: usize) -> Self {
        values.write_u64(group as u64);
        let shape = group as u64 + 1;
        Self { values, shape }
    }

    /// Adds a value. `None`: it is not remembered; addresses are not, since those
    /// of hosts in conditions change.
    #[inline]
    fn add(&mut self, field: u16, value: Option<Value<'_>>) -> Option<()> {
        let (ty, number, bytes) = match value {
            None => (0, 0, None),
            Some(Value::Bool(truth)) => (1, truth.into(), None),
            Some(Value::Int(number)) => (2, number.cast_unsigned(), None),
            Some(Value::Uint(number)) => (3, number, None),
            Some(Value::Text(text)) => (4, text.len() as u64, Some(text)),
            Some(Value::Bytes(bytes)) => (5, bytes.len() as u64, Some(bytes)),
            Some(Value::Double(_) | Value::Ip(_) | Value::List(_)) => return None,
        };
        let kind = u64::from(field) << 3 | ty;
        self.values.write_u64(kind);
        self.values.write_u64(number);
        if let Some(bytes) = bytes {
            self.values.write(bytes);
        }
        let coarse = kind << 2 | u64::from(number == 0) << 1 | number >> 63;
        self.shape = (self.shape.rotate_left(23) ^ coarse).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some(())
    }
}

fn place(values: u64) -> usize {
    values as usize % ENDS
}

fn guess(shape: u64) -> usize {
    (shape >> 32) as usize % GUESSES
}

impl Decisions {
    /// Whether an event of this group has values under which no rule matches.
    /// What is read for that need not be read again. `None`: do not learn from it.
    pub(super) fn no_rule_matches<'a>(
        &mut self,
        group: usize,
        plan: &'a Plan,
        run: &mut Run<'a, '_>,
    ) -> Option<bool> {
        if self.uses.len() <= group {
            self.uses.resize(group + 1, Use::default());
        }
        let uses = self.uses.get_mut(group)?;
        if !uses.is_on() {
            return None;
        }
        let mut path = Path::new(self.key.build_hasher(), group);
        for _ in 0..FIELDS {
            let field = match self.guesses.get(guess(path.shape)) {
                Some(&(shape, field)) if shape == path.shape => field,
                _ => break,
            };
            if field == END {
                let values = path.values.finish();
                let known = self.ends.get(place(values)) == Some(&values);
                uses.known += u32::from(known);
                return Some(known);
            }
            let Some(check) = plan.field(field) else {
                break;
            };
            if path.add(field, check.value(run)).is_none() {
                break;
            }
        }
        Some(false)
    }

    /// How many events of the last period were known.
    #[cfg(test)]
    pub(super) fn known(&self) -> u32 {
        self.uses.iter().map(|uses| uses.known).sum()
    }

    /// Learns that no rule matches an event of this group with the values that
    /// were needed.
    #[cold]
    pub(super) fn learn(&mut self, group: usize, run: &Run<'_, '_>) {
        if self.ends.is_empty() {
            self.ends.resize(ENDS, 0);
            self.guesses.resize(GUESSES, (0, UNKNOWN));
        }
        let mut path = Path::new(self.key.build_hasher(), group);
        for (field, value) in run.needed() {
            self.guesses[guess(path.shape)] = (path.shape, field);
            if path.add(field, value).is_none() {
                return;
            }
        }
        self.guesses[guess(path.shape)] = (path.shape, END);
        let values = path.values.finish();
        self.ends[place(values)] = values;
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use falco_abi::event::Event as Kind;

    use crate::event::{Event, RecordBuilder};
    use crate::filter::fields::FIELDS;
    use crate::filter::table::FieldTable;
    use crate::rules::{LoadOptions, RuleSource, Ruleset, Scratch};
    use crate::state::State;

    fn ruleset(conditions: &[&str]) -> Ruleset {
        let rules = conditions.iter().enumerate().map(|(at, condition)| {
            format!(
                "- {{rule: {at}, desc: d, condition: '{condition}', output: o, priority: INFO}}\n"
            )
        });
        let (text, path) = (rules.collect(), "rules".to_owned());
        let options = LoadOptions::default();
        let loaded = Ruleset::load(
            [RuleSource { path, text }],
            &FieldTable::new(FIELDS),
            &options,
        );
        loaded.ruleset.unwrap()
    }

    /// Names of the rules that match each event.
    fn matching(ruleset: &Ruleset, events: &[Vec<u8>], keep: bool) -> Vec<Vec<String>> {
        let (mut scratch, state) = (Scratch::default(), State::new());
        let each = |(at, record): (usize, &Vec<u8>)| {
            if !keep {
                scratch = Scratch::default();
            }
            let event = Event::decode(record, at as u64 + 1, 0).unwrap();
            let arena = Bump::new();
            let mut found = Vec::new();
            let context = state.context(&event, &arena);
            ruleset.evaluate(&context, &mut scratch, &mut |rule, _| {
                found.push(rule.name.to_string());
            });
            found
        };
        events.iter().enumerate().map(each).collect()
    }

    fn opened(name: &str, flags: i64, result: i64) -> Vec<u8> {
        RecordBuilder::new(Kind::Open, 7)
            .number("fd", result)
            .bytes("name", name.as_bytes())
            .number("flags", flags)
            .build()
    }

    #[test]
    fn what_is_remembered_changes_no_answer() {
        let ruleset = ruleset(&[
            "evt.type = open and fd.name startswith /etc/ and evt.is_open_write = true",
            "evt.type = open and fd.name = /etc/b and evt.rawres >= 0",
            "evt.type in (open, openat) and fd.name contains deep and evt.res != SUCCESS",
            "evt.type = open and evt.num = 77",
            // Neither of these is known by the value of one field.
            "evt.type = open and fd.name endswith c and fd.nameraw = val(fs.path.nameraw)",
            "evt.type = open and fd.name endswith deep and toupper(fd.directory) = /TMP",
        ]);
        let long = format!("/etc/{}", "deep/".repeat(50));
        let names = [
            "/etc/a",
            "/etc/b",
            "/etc/",
            "/var/c",
            "/tmp/deep",
            &long,
            "",
        ];
        let events: Vec<_> = (0..6000)
            .map(|at| {
                let name = match at % 5 {
                    // More than there is room for.
                    0 => format!("/etc/{}", at % 4001),
                    _ => names[at / 3 % names.len()].to_owned(),
                };
                let flags = [1, 2, 7][at % 3];
                opened(&name, flags, [3, -2][at / 7 % 2])
            })
            .collect();
        let (with, without) = (
            matching(&ruleset, &events, true),
            matching(&ruleset, &events, false),
        );
        assert!(with == without);
        for rule in 0..6 {
            let name = rule.to_string();
            assert!(with.iter().flatten().any(|found| *found == name), "{rule}");
        }
    }

    #[test]
    fn the_same_values_need_no_rule() {
        let ruleset =
            ruleset(&["evt.type = open and fd.name startswith /etc/ and fd.nameraw endswith x"]);
        let (mut scratch, state) = (Scratch::default(), State::new());
        let mut decided = Vec::new();
        for (at, name) in ["/a", "/a", "/b", "/b", "/etc/y", "/etc/y"]
            .into_iter()
            .enumerate()
        {
            let record = opened(name, 1, 3);
            let event = Event::decode(&record, at as u64 + 5, 0).unwrap();
            let arena = Bump::new();
            let context = state.context(&event, &arena);
            ruleset.evaluate(&context, &mut scratch, &mut |_, _| {});
            decided.push(scratch.decided());
        }
        assert_eq!(decided, [0, 1, 1, 2, 2, 3]);
    }
}
