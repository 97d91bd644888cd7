//! `--explain`: a rule's condition with everything in its place, the events
//! under which it can hold, and the order and cost of its parts.

use std::fmt::Write as _;

use super::describe::Description;
use super::files::RuleSource;
use crate::filter::ast::Expr;
use crate::filter::compile::{self, Lists, Scope};
use crate::filter::error::{Error, ErrorKind};
use crate::filter::predicate::Slots;
use crate::filter::table::FieldTable;

/// Longest text of one part.
const WIDTH: usize = 100;

/// Explains the rule of this name; `None` if there is none that can be
/// compiled.
pub fn explain(sources: &[RuleSource], fields: &FieldTable, name: &str) -> Option<String> {
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
    text.push_str("order of evaluation, with the cost of each part (1 is one comparison):\n");
    show(&expanded, fields, 1, &mut text);
    Some(text)
}

/// The events of a condition, and its cost.
fn weigh(expr: &Expr, fields: &FieldTable) -> Option<(Vec<&'static str>, u32)> {
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
    Some((compiled.events.holds.names().collect(), compiled.cost))
}

fn show(expr: &Expr, fields: &FieldTable, level: usize, text: &mut String) {
    let cost = weigh(expr, fields).map_or(0, |(_, cost)| cost);
    let indent = "  ".repeat(level);
    let (word, parts) = match expr {
        Expr::And(parts) => ("all of", parts),
        Expr::Or(parts) => ("one of", parts),
        other => {
            let mut shown = other.to_string();
            if shown.chars().count() > WIDTH {
                shown = shown.chars().take(WIDTH).collect();
                shown.push('…');
            }
            let _ = writeln!(text, "{cost:>6} {indent}{shown}");
            return;
        }
    };
    let _ = writeln!(text, "{cost:>6} {indent}{word}");
    let mut parts: Vec<_> = parts.iter().collect();
    // As the compiler orders them.
    parts.sort_by_key(|part| weigh(part, fields).map_or(0, |(_, cost)| cost));
    for part in parts {
        show(part, fields, level + 1, text);
    }
}
