//! Many checks of one field's text at once.
//!
//! Where one of several texts may stand at the same place, the alternatives
//! become one test: a set, a trie, an automaton. And where many rules ask
//! whether a field is one of some values, one look-up of the value tells
//! which of them hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use rustc_hash::{FxHashMap, FxHashSet};

use super::operand::Operand;
use super::ops::trie::Trie;
use super::predicate::{Check, Run};
use super::test::Test;

/// What a test asks of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// To be one of some.
    Equal,
    /// To begin with one of some.
    Start,
    /// To end with one of some.
    End,
    /// To have one of some in it.
    Within,
    /// Likewise, letters in either case.
    WithinAnyCase,
}

impl Kind {
    /// The kind of a test.
    pub fn of(test: &Test) -> Option<Self> {
        Some(match test {
            Test::Equal(_) | Test::Set(_) => Self::Equal,
            Test::Startswith(_) => Self::Start,
            Test::Endswith(_) => Self::End,
            Test::Contains(_) => Self::Within,
            Test::Icontains(_) => Self::WithinAnyCase,
            _ => return None,
        })
    }

    /// From so many tests on one test of all is quicker.
    fn pays_from(self) -> usize {
        match self {
            Self::Equal | Self::Start | Self::End => 2,
            Self::Within | Self::WithinAnyCase => 3,
        }
    }

    fn any_of(self, texts: &[&[u8]]) -> Option<Test> {
        Some(match self {
            Self::Equal => {
                let set: FxHashSet<_> = texts.iter().map(|&text| text.into()).collect();
                Test::Set(set)
            }
            Self::Start => {
                let forward = texts.iter().map(|text| text.iter().copied());
                Test::StartswithAny(Trie::new(forward))
            }
            Self::End => {
                let backward = texts.iter().map(|text| text.iter().rev().copied());
                Test::EndswithAny(Trie::new(backward))
            }
            Self::Within | Self::WithinAnyCase => {
                let mut builder = AhoCorasick::builder();
                builder.ascii_case_insensitive(self == Self::WithinAnyCase);
                Test::ContainsAny(Box::new(builder.build(texts).ok()?))
            }
        })
    }
}

/// The texts of which a test asks for one.
fn texts(test: &Test) -> Vec<&[u8]> {
    match test {
        Test::Equal(text)
        | Test::Startswith(text)
        | Test::Endswith(text)
        | Test::Icontains(text) => vec![text],
        Test::Set(set) => set.iter().map(|text| &**text).collect(),
        Test::Contains(finder) => vec![finder.needle()],
        _ => Vec::new(),
    }
}

/// One test of a text for several of one kind, if that is quicker.
pub fn any_of(tests: &[&Test]) -> Option<Test> {
    let kind = Kind::of(tests.first()?)?;
    let same = tests.iter().all(|test| Kind::of(test) == Some(kind));
    if !same || tests.len() < kind.pays_from() {
        return None;
    }
    let all: Vec<_> = tests.iter().flat_map(|test| texts(test)).collect();
    kind.any_of(&all)
}

/// A bit for each of the checks that are looked up together.
pub type Mask = u64;

/// Fewer checks than this are made one by one.
const FEW: usize = 4;
/// A larger set is looked into by itself, which costs the same.
const LARGE_SET: usize = 1 << 10;

/// Checks whether one field is one of some values, made together.
#[derive(Debug)]
pub struct Matcher {
    /// One of the checks, which knows how to read the field.
    field: Arc<Check>,
    /// Which of the checks hold for a value.
    by_value: FxHashMap<Box<[u8]>, Mask>,
    ends: Ends,
}

/// Lengths of some texts with their ends: one that has no such pair in common with any of
/// them is none of them, and need not be looked up.
#[derive(Debug, Default)]
struct Ends([u64; 16]);

impl Ends {
    /// The word and the bit of all texts of this length with this end.
    #[inline]
    fn place(text: &[u8]) -> (usize, u32) {
        let last = text.last().copied().unwrap_or(0);
        (usize::from(last % 16), text.len() as u32 % u64::BITS)
    }

    fn add(&mut self, text: &[u8]) {
        let (word, bit) = Self::place(text);
        self.0[word] |= 1 << bit;
    }

    #[inline]
    fn may_have(&self, text: &[u8]) -> bool {
        let (word, bit) = Self::place(text);
        self.0[word] >> bit & 1 != 0
    }
}

impl Matcher {
    fn new(field: &Arc<Check>, checks: &[(usize, &Arc<Check>)]) -> Self {
        let mut by_value: FxHashMap<Box<[u8]>, Mask> = FxHashMap::default();
        let mut ends = Ends::default();
        for (bit, (_, check)) in checks.iter().enumerate() {
            for text in texts(&check.test) {
                *by_value.entry(text.into()).or_default() |= 1 << bit;
                ends.add(text);
            }
        }
        Self {
            field: Arc::clone(field),
            by_value,
            ends,
        }
    }

    /// The field.
    pub fn field(&self) -> &Operand {
        &self.field.operand
    }

    /// How many values are known.
    pub fn values(&self) -> usize {
        self.by_value.len()
    }

    /// Which of the checks hold.
    pub fn matching<'a>(&'a self, run: &mut Run<'a, '_>) -> Mask {
        let value = self.field.value(run).and_then(|value| value.bytes());
        let value = value.filter(|value| self.ends.may_have(value));
        let mask = value.and_then(|value| self.by_value.get(value));
        mask.copied().unwrap_or(0)
    }
}

/// A check's place in a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Number of the matcher.
    pub matcher: u32,
    /// The check's bit in the masks.
    pub bit: u32,
}

/// Puts checks for values together. Returns the matchers, and for each check
/// in order its place in one, if it has one.
pub fn gather<'c>(
    checks: impl Iterator<Item = &'c Arc<Check>>,
) -> (Vec<Matcher>, Vec<Option<Member>>) {
    let mut places = Vec::new();
    let mut by_field: BTreeMap<usize, Vec<(usize, &Arc<Check>)>> = BTreeMap::new();
    for (at, check) in checks.enumerate() {
        places.push(None);
        let small = match &check.test {
            Test::Equal(_) => true,
            Test::Set(set) => set.len() <= LARGE_SET,
            _ => false,
        };
        if let (Some(slot), true) = (check.slot, small && check.is_of_one_value()) {
            by_field.entry(slot).or_default().push((at, check));
        }
    }
    let mut matchers = Vec::new();
    let groups = by_field.values();
    for checks in groups.flat_map(|checks| checks.chunks(Mask::BITS as usize)) {
        let Some((_, field)) = checks.first().filter(|_| checks.len() >= FEW) else {
            continue;
        };
        for (bit, (at, _)) in checks.iter().enumerate() {
            places[*at] = Some(Member {
                matcher: matchers.len() as u32,
                bit: bit as u32,
            });
        }
        matchers.push(Matcher::new(field, checks));
    }
    (matchers, places)
}
