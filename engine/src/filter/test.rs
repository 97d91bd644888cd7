//! Tests of one value against constants, prepared when rules are loaded.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use regex::Regex;
use rustc_hash::FxHashSet;

use super::ast::Op;
use super::field::Value;
use super::hosts::Host;
use super::matcher;
use super::ops::net::Net;
use super::ops::path::PathTrie;
use super::ops::trie::Trie;
use super::ops::{glob, search};

/// What a value must satisfy.
#[derive(Debug)]
pub enum Test {
    /// Nothing: to be there is enough.
    Exists,
    /// No value does.
    Never,
    /// The value does not satisfy the other test.
    Not(Box<Test>),
    /// One of the tests.
    Any(Box<[Test]>),
    /// All of the tests.
    All(Box<[Test]>),
    /// Exactly one of the tests.
    One(Box<[Test]>),
    /// Truth.
    Bool(bool),
    /// Whole number.
    Number(Ordered, i128),
    /// One of these whole numbers, sorted.
    Numbers(Box<[i128]>),
    /// Floating-point number.
    Double(Ordered, f64),
    /// Equal bytes.
    Equal(Box<[u8]>),
    /// Order of bytes.
    Bytes(Ordered, Box<[u8]>),
    /// One of these.
    Set(FxHashSet<Box<[u8]>>),
    /// Has these bytes in it.
    Contains(Box<Finder<'static>>),
    /// Likewise, letters in either case.
    Icontains(Box<[u8]>),
    /// Starts with.
    Startswith(Box<[u8]>),
    /// Ends with.
    Endswith(Box<[u8]>),
    /// Has one of these in it.
    ContainsAny(Box<AhoCorasick>),
    /// Starts with one of these.
    StartswithAny(Trie),
    /// Ends with one of these, which are in the trie from their ends.
    EndswithAny(Trie),
    /// Shell pattern; whether letters match in either case.
    Glob(Box<[u8]>, bool),
    /// Regular expression, anchored.
    Regex(Box<Regex>),
    /// Under one of these paths.
    Under(PathTrie),
    /// Equal address.
    Ip(IpAddr),
    /// In the network.
    Net(Net),
    /// One of the addresses of a host.
    Host(Arc<Host>),
}

/// An order that two values can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// `=`
    Eq,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Ordered {
    /// The order that an operator asks for, if it asks for one.
    pub fn of(op: Op) -> Option<Self> {
        match op {
            Op::Eq => Some(Self::Eq),
            Op::Lt => Some(Self::Lt),
            Op::Le => Some(Self::Le),
            Op::Gt => Some(Self::Gt),
            Op::Ge => Some(Self::Ge),
            _ => None,
        }
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    #[inline]
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Eq => ordering.is_eq(),
            Self::Lt => ordering.is_lt(),
            Self::Le => ordering.is_le(),
            Self::Gt => ordering.is_gt(),
            Self::Ge => ordering.is_ge(),
        }
    }
}

impl Test {
    /// About what it costs, in comparisons.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Not(test) => test.cost(),
            Self::Any(tests) | Self::All(tests) | Self::One(tests) => {
                let costs = tests.iter().map(Self::cost);
                costs.fold(0, u32::saturating_add)
            }
            Self::Set(_) | Self::Numbers(_) | Self::Startswith(_) | Self::Endswith(_) => 2,
            Self::StartswithAny(_) | Self::EndswithAny(_) => 3,
            Self::Contains(_) | Self::Icontains(_) | Self::Under(_) | Self::Host(_) => 5,
            Self::ContainsAny(_) => 10,
            Self::Glob(..) => 15,
            Self::Regex(_) => 40,
            _ => 1,
        }
    }

    /// The chance that some value satisfies it: a guess, from what rules look
    /// for.
    pub fn chance(&self) -> f32 {
        match self {
            Self::Exists => 0.8,
            Self::Never => 0.0,
            Self::Not(test) => 1.0 - test.chance(),
            Self::Any(tests) | Self::One(tests) => {
                let fail = tests.iter().map(|test| 1.0 - test.chance());
                1.0 - fail.product::<f32>()
            }
            Self::All(tests) => tests.iter().map(Self::chance).product(),
            Self::Bool(_) => 0.3,
            Self::Number(Ordered::Eq, _) | Self::Numbers(_) => 0.1,
            Self::Number(..) | Self::Double(..) | Self::Bytes(..) => 0.6,
            Self::Equal(_) => 0.05,
            _ => 0.1,
        }
    }

    /// Whether the value satisfies it. A value of another type than the test
    /// was made for does not.
    pub fn holds(&self, value: Value<'_>) -> bool {
        match self {
            Self::Exists => true,
            Self::Never => false,
            Self::Not(test) => !test.holds(value),
            Self::Any(tests) => tests.iter().any(|test| test.holds(value)),
            Self::All(tests) => tests.iter().all(|test| test.holds(value)),
            Self::One(tests) => tests.iter().filter(|test| test.holds(value)).count() == 1,
            Self::Bool(truth) => value == Value::Bool(*truth),
            Self::Number(order, number) => value
                .number()
                .is_some_and(|value| order.holds(value.cmp(number))),
            Self::Numbers(numbers) => value
                .number()
                .is_some_and(|value| numbers.binary_search(&value).is_ok()),
            Self::Double(order, number) => {
                matches!(value, Value::Double(value)
                    if value.partial_cmp(number).is_some_and(|o| order.holds(o)))
            }
            Self::Ip(address) => value == Value::Ip(*address),
            Self::Host(host) => matches!(value, Value::Ip(address) if host.has(address)),
            Self::Net(net) => matches!(value, Value::Ip(address) if net.contains(address)),
            _ => value.bytes().is_some_and(|bytes| self.holds_bytes(bytes)),
        }
    }

    fn holds_bytes(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Equal(other) => bytes == &**other,
            Self::Bytes(order, other) => order.holds(bytes.cmp(other)),
            Self::Set(set) => set.contains(bytes),
            Self::Contains(finder) => finder.find(bytes).is_some(),
            Self::Icontains(needle) => search::icontains(bytes, needle),
            Self::Startswith(prefix) => bytes.starts_with(prefix),
            Self::Endswith(suffix) => bytes.ends_with(suffix),
            Self::ContainsAny(automaton) => automaton.is_match(bytes),
            Self::StartswithAny(trie) => trie.begins(bytes.iter().copied()),
            Self::EndswithAny(trie) => trie.begins(bytes.iter().rev().copied()),
            Self::Glob(pattern, fold) => glob::matches(pattern, bytes, *fold),
            // What is no UTF-8 is one character, so that it hides nothing.
            Self::Regex(regex) => regex.is_match(&String::from_utf8_lossy(bytes)),
            Self::Under(trie) => trie.covers(bytes),
            _ => false,
        }
    }

    /// One of the tests, as one look-up where the tests allow it.
    pub fn any(mut tests: Vec<Self>) -> Self {
        if tests.len() == 1
            && let Some(only) = tests.pop()
        {
            return only;
        }
        if let Some(one) = matcher::any_of(&tests.iter().collect::<Vec<_>>()) {
            return one;
        }
        let number = |test: &Self| match test {
            Self::Number(Ordered::Eq, number) => Some(*number),
            _ => None,
        };
        if tests.len() > 1 && tests.iter().all(|test| number(test).is_some()) {
            let mut numbers: Vec<_> = tests.iter().filter_map(number).collect();
            numbers.sort_unstable();
            return Self::Numbers(numbers.into());
        }
        Self::Any(tests.into())
    }
}

/// Compares two values of the same type, as `left OP right`. Operators that
/// need a prepared constant do not hold.
pub fn compare(op: Op, left: Value<'_>, right: Value<'_>) -> bool {
    match op {
        Op::Ne => !compare(Op::Eq, left, right),
        Op::In => match (left, right) {
            (Value::List(left), right) => left.iter().all(|item| is_in(*item, right)),
            (left, right) => is_in(left, right),
        },
        Op::Intersects => match (left, right) {
            (Value::List(left), right) => left.iter().any(|item| is_in(*item, right)),
            (left, right) => is_in(left, right),
        },
        _ => match Ordered::of(op) {
            Some(order) => ordering(left, right).is_some_and(|o| order.holds(o)),
            None => match (left.bytes(), right.bytes()) {
                (Some(left), Some(right)) => compare_bytes(op, left, right),
                _ => false,
            },
        },
    }
}

fn is_in(value: Value<'_>, list: Value<'_>) -> bool {
    match list {
        Value::List(items) => items.iter().any(|item| compare(Op::Eq, value, *item)),
        one => compare(Op::Eq, value, one),
    }
}

fn ordering(left: Value<'_>, right: Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(&right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(&right),
        (Value::Ip(left), Value::Ip(right)) => Some(left.cmp(&right)),
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => Some(left.bytes()?.cmp(right.bytes()?)),
        },
    }
}

fn compare_bytes(op: Op, left: &[u8], right: &[u8]) -> bool {
    match op {
        Op::Contains => memchr::memmem::find(left, right).is_some(),
        Op::Icontains => search::icontains(left, right),
        Op::Startswith => left.starts_with(right),
        Op::Endswith => left.ends_with(right),
        Op::Glob => glob::matches(right, left, false),
        Op::Iglob => glob::matches(right, left, true),
        _ => false,
    }
}
