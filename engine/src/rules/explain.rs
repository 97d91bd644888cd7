//! `--explain`: a rule's condition with everything in its place, the events
//! under which it can hold, and how it is found and evaluated for each of them.

use std::fmt::Write as _;

use super::describe::Description;
use super::files::RuleSource;
use super::load::LoadOptions;
use super::ruleset::Ruleset;
use crate::filter::ast::Expr;
use crate::filter::compile::{self, Lists, Scope};
use crate::filter::error::{Error, ErrorKind};
use crate::filter::predicate::Slots;
use crate::filter::table::FieldTable;
use crate::filter::weight::Weight;

/// Longest text of one part.
const WIDTH: usize = 100;

/// Explains the rule of this name; `None` if there is none that can be
/// compiled.
pub fn explain(
    sources: &[RuleSource],
    fields: &FieldTable,
    options: &LoadOptions,
    name: &str,
) -> Option<String> {
    let mut all = Description::new(sources, fields, &[]);
    let rule = all.rule_named(name)?;
    let expanded = all.expanded(&rule)?;
    let mut text = String::new();
    let (events, _) = weigh(&expanded, fields)?;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "rule: {name}\n\ncondition, with macros, lists and exceptions:"
    );
    let _ = writeln!(text, "  {expanded}\n");
    let mut names = events;
    names.sort_unstable();
    names.dedup();
    let _ = writeln!(text, "events ({}):", names.len());
    let _ = writeln!(text, "  {}\n", names.join(" "));
    text.push_str(
        "order of evaluation, with the cost of each part (1 is one comparison; what others have\n\
         asked for is cheaper)",
    );
    let ruleset = Ruleset::load(sources, fields, options).ruleset;
    let mut plan = String::new();
    if ruleset.is_some_and(|ruleset| ruleset.explain(name, &mut plan)) {
        let _ = writeln!(text, ":\n{plan}");
    } else {
        text.push_str("; the rule is off, so it is shown by itself:\n");
        show(&expanded, fields, 1, &mut text);
    }
    Some(text)
}

/// The events of a condition, and what is expected of it.
fn weigh(expr: &Expr, fields: &FieldTable) -> Option<(Vec<&'static str>, Weight)> {
    let scope = Scope {
        fields,
        lists: &Lists::default(),
        slots: &Slots::default(),
        macros: &|name| {
            let kind = ErrorKind::UnknownMacro(name.text.clone());
            Err(Error::new(name.span, kind))
        },
    };
    let compiled = compile::compile(expr, &scope).ok()?;
    Some((compiled.events.holds.names().collect(), compiled.weight))
}

fn weight_of(expr: &Expr, fields: &FieldTable) -> Weight {
    weigh(expr, fields).map_or_else(Weight::default, |(_, weight)| weight)
}

fn show(expr: &Expr, fields: &FieldTable, level: usize, text: &mut String) {
    let cost = weight_of(expr, fields).cost;
    let indent = "  ".repeat(level);
    let (word, parts, key) = match expr {
        Expr::And(parts) => ("all of", parts, Weight::to_fail as fn(Weight) -> f32),
        Expr::Or(parts) => ("one of", parts, Weight::to_hold as fn(Weight) -> f32),
        other => {
            let mut shown = other.to_string();
            if shown.chars().count() > WIDTH {
                shown = shown.chars().take(WIDTH).collect();
                shown.push('…');
            }
            let _ = writeln!(text, "{cost:>6.1} {indent}{shown}");
            return;
        }
    };
    let _ = writeln!(text, "{cost:>6.1} {indent}{word}");
    let mut parts: Vec<_> = parts.iter().collect();
    // As a plan orders them that has this rule alone.
    let key = |part: &Expr| key(weight_of(part, fields));
    parts.sort_by(|a, b| key(a).total_cmp(&key(b)));
    for part in parts {
        show(part, fields, level + 1, text);
    }
}
