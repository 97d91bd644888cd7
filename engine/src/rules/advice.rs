//! Warnings about conditions that are right but hardly what was meant.

use rustc_hash::{FxHashMap, FxHashSet};

use super::diagnostic::Code;
use crate::filter::ast::{Check, Expr, Literal, Op, Operand, Right, Span};
use crate::filter::compile::Lists;
use crate::filter::error::nearest;
use crate::filter::events::EventSet;
use crate::filter::field::Cardinality;
use crate::filter::operand::Transformer;
use crate::filter::parser;
use crate::filter::table::FieldTable;

/// Most rules that one is compared with to see whether it is shadowed.
const COMPARED: usize = 64;

/// One warning about a part of a condition.
pub struct Advice {
    /// Its kind.
    pub code: Code,
    /// The part.
    pub span: Span,
    /// What is doubtful.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
}

/// What is doubtful about the checks of a condition.
pub fn of_checks(expr: &Expr, fields: &FieldTable, found: &mut Vec<Advice>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => {
            parts.iter().for_each(|part| of_checks(part, fields, found));
        }
        Expr::Not(inner) => of_checks(inner, fields, found),
        Expr::Macro(_) => {}
        Expr::Check(check) => of_check(check, fields, found),
    }
}

fn of_check(check: &Check, fields: &FieldTable, found: &mut Vec<Advice>) {
    let literals = match &check.right {
        Right::Value(literal) => std::slice::from_ref(literal),
        Right::List(list) | Right::Modified(_, list) => list.items.as_slice(),
        Right::None | Right::Operand(_) => return,
    };
    for literal in literals {
        let Ok(text) = std::str::from_utf8(&literal.bytes) else {
            continue;
        };
        if let Operand::Field(field) = &check.left
            && field.name == "syscall.type"
            && check.op != Op::Regex
            && EventSet::of_syscall(text).is_none()
        {
            found.push(Advice {
                code: Code::UnknownSyscall,
                span: literal.span,
                message: format!("there is no system call `{text}`"),
                hint: nearest(text, EventSet::type_names()),
            });
            continue;
        }
        let mut add = |code, message: String, hint: String| {
            found.push(Advice {
                code,
                span: literal.span,
                message,
                hint: Some(hint),
            });
        };
        if let Operand::Field(field) = &check.left
            && text == "<NA>"
            && (field.name.starts_with("ka.") || field.name.starts_with("jevt."))
        {
            let message = format!("a missing `{}` is not equal to this text", field.name);
            add(Code::UnsafeNaCheck, message, "use `exists`".to_owned());
        } else if check.op == Op::Regex
            && let Some(simpler) = simpler(text)
        {
            let message = "a regular expression is not needed here".to_owned();
            add(Code::DoubtfulCondition, message, format!("use `{simpler}`"));
        } else if is_field(text, fields) {
            let message = format!("`{text}` is a text here, although there is such a field");
            let hint = format!("write `val({text})` to compare with the field");
            add(Code::DoubtfulCondition, message, hint);
        } else if is_call(text) {
            let message = format!("`{text}` is a text here, although it reads as a transformer");
            let hint = "write it without quotes to compare with its result".to_owned();
            add(Code::DoubtfulCondition, message, hint);
        }
    }
}

fn is_field(text: &str, fields: &FieldTable) -> bool {
    // Most texts are none: they are neither parsed nor compared with names.
    fields.longest_name(text).is_some()
        && parser::parse_field(text)
            .is_ok_and(|field| field.span.end == text.len() && fields.bind(&field).is_ok())
}

fn is_call(text: &str) -> bool {
    let name = text.split_once('(').map(|(name, _)| name);
    name.and_then(Transformer::from_name).is_some() && text.ends_with(')')
}

/// The operator and the text that do the same as a regular expression.
fn simpler(pattern: &str) -> Option<String> {
    let anchored = pattern.strip_prefix('^').unwrap_or(pattern);
    let anchored = anchored.strip_suffix('$').unwrap_or(anchored);
    let open = anchored.strip_prefix(".*");
    let text = open.unwrap_or(anchored);
    let end = text.strip_suffix(".*");
    let text = end.unwrap_or(text);
    if text.is_empty() || text.contains(|c| ".^$*+?()[]{}|\\".contains(c)) {
        return None;
    }
    let op = match (open, end) {
        (None, None) => "=",
        (None, Some(_)) => "startswith",
        (Some(_), None) => "endswith",
        (Some(_), Some(_)) => "contains",
    };
    Some(format!("{op} {text}"))
}

/// Why no event can satisfy all of these, if that is plain to see, and what
/// would help.
pub fn contradiction(
    parts: &[&Expr],
    fields: &FieldTable,
    lists: &Lists,
) -> Option<(String, Option<String>)> {
    let texts: FxHashSet<String> = parts.iter().map(ToString::to_string).collect();
    let mut wanted: FxHashMap<String, Vec<&Check>> = FxHashMap::default();
    for part in parts {
        match part {
            Expr::Not(inner) if texts.contains(&inner.to_string()) => {
                return Some((format!("`{inner}` must hold and must not"), None));
            }
            Expr::Check(check)
                if matches!(check.op, Op::Eq | Op::In) && is_single(check, fields) =>
            {
                let same = wanted.entry(check.left.to_string()).or_default();
                same.push(check);
            }
            _ => {}
        }
    }
    wanted.into_iter().find_map(|(left, checks)| {
        let mut common: Option<FxHashSet<&[u8]>> = None;
        for check in checks {
            let constants = constants(check, lists)?;
            if constants.is_empty() {
                return Some((format!("nothing is `{check}`"), empty_list(check)));
            }
            match &mut common {
                Some(common) => common.retain(|constant| constants.contains(constant)),
                None => common = Some(constants),
            }
        }
        let reason = || (format!("`{left}` must have two values at once"), None);
        common.is_some_and(|common| common.is_empty()).then(reason)
    })
}

/// What to do about a check that looks in empty lists: rule files have such
/// lists for others to fill.
fn empty_list(check: &Check) -> Option<String> {
    let Right::List(list) = &check.right else {
        return None;
    };
    let [Literal { bytes, .. }] = list.items.as_slice() else {
        return None;
    };
    let name = String::from_utf8_lossy(bytes);
    Some(format!(
        "list `{name}` is empty: add items to it, or turn the rule off"
    ))
}

/// Whether the left side has one value that is compared as it is written.
fn is_single(check: &Check, fields: &FieldTable) -> bool {
    let Operand::Field(field) = &check.left else {
        return false;
    };
    fields.bind(field).is_ok_and(|bound| {
        use crate::filter::field::FieldType::{Path, Text};
        // Events have sets of their own.
        !bound.is_event_type()
            && bound.cardinality() == Cardinality::One
            && matches!(bound.field.ty, Text | Path)
    })
}

fn constants<'a>(check: &'a Check, lists: &'a Lists) -> Option<FxHashSet<&'a [u8]>> {
    let literals = match &check.right {
        Right::Value(literal) => std::slice::from_ref(literal),
        Right::List(list) => list.items.as_slice(),
        _ => return None,
    };
    let mut all = FxHashSet::default();
    for literal in literals {
        match lists.get(&literal.bytes).filter(|_| !literal.quoted) {
            Some(items) => all.extend(items.iter().map(|item| item.bytes.as_slice())),
            None => {
                all.insert(literal.bytes.as_slice());
            }
        }
    }
    Some(all)
}

/// For each rule the earlier one that matches whenever it does, if there is
/// one. Each rule is given by the conditions that must all hold.
pub fn shadows(rules: &[Vec<u64>]) -> Vec<Option<usize>> {
    let mut counts: FxHashMap<u64, usize> = FxHashMap::default();
    for part in rules.iter().flatten() {
        *counts.entry(*part).or_default() += 1;
    }
    // Each rule is found by the rarest of its conditions, so that few are
    // compared.
    let mut by_part: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    let mut found = Vec::with_capacity(rules.len());
    for (at, parts) in rules.iter().enumerate() {
        let own: FxHashSet<u64> = parts.iter().copied().collect();
        let earlier = parts.iter().filter_map(|part| by_part.get(part)).flatten();
        let mut earlier = earlier.take(COMPARED).copied();
        found.push(earlier.find(|&other| rules[other].iter().all(|part| own.contains(part))));
        if let Some(rarest) = parts.iter().min_by_key(|part| counts[part]) {
            by_part.entry(*rarest).or_default().push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simpler_operators() {
        for (pattern, simple) in [
            ("abc", Some("= abc")),
            ("^abc.*$", Some("startswith abc")),
            (".*abc", Some("endswith abc")),
            (".*a-b.*", Some("contains a-b")),
            ("a.c", None),
            (".*", None),
        ] {
            assert_eq!(simpler(pattern).as_deref(), simple, "{pattern}");
        }
    }

    #[test]
    fn rules_with_fewer_conditions_shadow_later_ones() {
        let rules = [vec![1, 2], vec![3], vec![2, 1, 4], vec![1], vec![3]];
        assert_eq!(shadows(&rules), [None, None, Some(0), None, Some(1)]);
    }
}
