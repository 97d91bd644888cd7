//! What a plan does for one condition, for people.

use std::fmt::Write as _;

use super::{Id, NO_MEMO, Part, Plan};
use crate::filter::predicate::{Check, Join};
use crate::filter::test::Test;

/// Most values that are shown of a test.
const SHOWN: usize = 4;

impl Plan {
    /// Appends a condition in the order of its evaluation: a line for each part,
    /// with its cost, and with what it shares with others.
    pub fn explain(&self, id: Id, level: usize, text: &mut String) {
        self.line(id, level, "", text);
    }

    fn line(&self, id: Id, level: usize, not: &str, text: &mut String) {
        let at = id.0 as usize;
        let (Some(entry), Some(expected)) = (self.parts.get(at), self.expected.get(at)) else {
            return;
        };
        let (shown, inner): (String, &[Id]) = match &entry.part {
            Part::Not(inner) => return self.line(*inner, level, "not ", text),
            Part::Never => ("never".to_owned(), &[]),
            Part::Always => ("always".to_owned(), &[]),
            Part::All(ids) => ("all of".to_owned(), ids),
            Part::One(ids) => ("one of".to_owned(), ids),
            Part::Check(check) | Part::Member(check, _) => (shown(check), &[]),
            Part::Compare(compare) => {
                let op = compare.op.name();
                (format!("{} {op} {}", compare.left, compare.right), &[])
            }
        };
        let cost = expected.weight.cost;
        // Writing to a string cannot fail.
        let _ = write!(text, "{cost:>7.1} {}{not}{shown}", "  ".repeat(level));
        if let Part::Member(_, member) = &entry.part
            && let Some(matcher) = self.matchers.get(member.matcher as usize)
        {
            let _ = write!(
                text,
                "  [hash table of {}: {} values for {} checks]",
                matcher.field(),
                matcher.values(),
                self.members(member.matcher),
            );
        } else if entry.memo != NO_MEMO {
            let _ = write!(text, "  [answered once for {} places]", expected.uses);
        }
        text.push('\n');
        for &id in inner {
            self.line(id, level + 1, "", text);
        }
    }

    /// How many checks a matcher makes together.
    fn members(&self, matcher: u32) -> usize {
        let is_one = |part: &Part| matches!(part, Part::Member(_, m) if m.matcher == matcher);
        self.parts.iter().filter(|e| is_one(&e.part)).count()
    }
}

fn shown(check: &Check) -> String {
    let how = match check.join {
        Join::Whole => "",
        Join::Any => "any ",
        Join::All => "each ",
    };
    format!("{how}{} {}", check.operand, test(&check.test))
}

/// A test with the structure that it is made with.
fn test(test: &Test) -> String {
    match test {
        Test::Exists => "exists".to_owned(),
        Test::Never => "is never so".to_owned(),
        Test::Not(inner) => match &**inner {
            Test::Equal(value) => format!("!= {}", quoted(value)),
            inner => format!("not {}", self::test(inner)),
        },
        Test::Any(tests) if tests.is_empty() => "is in an empty list".to_owned(),
        Test::Any(tests) => joined("one of", tests),
        Test::All(tests) => joined("all of", tests),
        Test::One(tests) => joined("exactly one of", tests),
        Test::Bool(value) => format!("= {value}"),
        Test::Number(order, number) => format!("{} {number}", order.name()),
        Test::Numbers(numbers) => {
            format!("in {} numbers, sorted", numbers.len())
        }
        Test::Double(order, number) => format!("{} {number}", order.name()),
        Test::Equal(value) => format!("= {}", quoted(value)),
        Test::Bytes(order, value) => format!("{} {}", order.name(), quoted(value)),
        Test::Set(values) => {
            let mut shown: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            shown.sort_unstable();
            let more = if shown.len() > SHOWN { ", …" } else { "" };
            shown.truncate(SHOWN);
            let count = values.len();
            format!("in hash set of {count} ({}{more})", shown.join(", "))
        }
        Test::Contains(finder) => format!("contains {}", quoted(finder.needle())),
        Test::Icontains(value) => format!("icontains {}", quoted(value)),
        Test::Startswith(value) => format!("startswith {}", quoted(value)),
        Test::Endswith(value) => format!("endswith {}", quoted(value)),
        Test::ContainsAny(automaton) => format!(
            "contains one of {} (Aho-Corasick automaton)",
            automaton.patterns_len()
        ),
        Test::StartswithAny(trie) => format!("startswith one of {} (trie)", trie.texts()),
        Test::EndswithAny(trie) => {
            format!("endswith one of {} (trie from the end)", trie.texts())
        }
        Test::Glob(pattern, _) => format!("glob {}", quoted(pattern)),
        Test::Regex(_) => "regex (automaton)".to_owned(),
        Test::Under(trie) => format!("pmatch one of {} (trie of components)", trie.paths()),
        Test::Ip(address) => format!("= {address}"),
        Test::Net(_) => "in a network".to_owned(),
        Test::Host(_) => "= a host".to_owned(),
    }
}

fn joined(how: &str, tests: &[Test]) -> String {
    let shown: Vec<_> = tests.iter().take(SHOWN).map(test).collect();
    let more = if tests.len() > SHOWN { ", …" } else { "" };
    format!("{how} {} ({}{more})", tests.len(), shown.join(", "))
}

fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}
