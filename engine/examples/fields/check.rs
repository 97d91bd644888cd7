//! Rules that tell the fields of each step, and the comparison of what the
//! engine wrote with what must be.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::scene::DIR;
use crate::table::{STEPS, Step, Want};

/// How long alerts may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stand around values, and in no value.
const OPEN: char = '⟦';
const CLOSE: char = '⟧';

/// What must hold of the step's event, if the row is one for conditions.
fn condition(field: &str, want: Want) -> Option<String> {
    match want {
        // A list is printed in a way in which no condition names it.
        Want::Is(value) if value.starts_with('(') => None,
        Want::Is(value) => Some(format!("{field} = '{value}'")),
        Want::Nothing => Some(format!("not {field} exists")),
        Want::Holds(condition) => Some(condition.to_owned()),
        _ => None,
    }
}

/// A name of a rule for a row.
fn row_name(step: &Step, row: usize) -> String {
    format!("{} {row}", step.name)
}

/// One rule for each step, which tells all values, and one for each row that
/// says what must hold.
pub(crate) fn rules() -> String {
    let mut text = String::new();
    let mut rule = |name: &str, condition: &str, output: &str| {
        let quoted = |text: &str| format!("{text:?}").replace("\\'", "'");
        let _ = writeln!(
            text,
            "- rule: {}\n  desc: A step of the scene.\n  condition: {}\n  output: {}\n  \
             priority: DEBUG",
            quoted(name),
            quoted(condition),
            quoted(output),
        );
    };
    for step in STEPS {
        let values: String = step
            .rows
            .iter()
            .map(|(field, want)| match want {
                Want::Holds(_) => format!("{OPEN}{CLOSE}"),
                _ => format!("{OPEN}%{field}{CLOSE}"),
            })
            .collect();
        rule(
            step.name,
            step.when,
            &format!("{OPEN}{}{CLOSE}{values}", step.name),
        );
        for (row, (field, want)) in step.rows.iter().enumerate() {
            if let Some(condition) = condition(field, *want) {
                let name = row_name(step, row);
                let condition = format!("{} and ({condition})", step.when);
                rule(&name, &condition, &format!("{OPEN}{name}{CLOSE}"));
            }
        }
    }
    text
}

/// What was told of a step, one list for each event.
type Alerts = HashMap<String, Vec<Vec<String>>>;

fn read_alerts(path: &str) -> anyhow::Result<Alerts> {
    let text = fs::read_to_string(path).with_context(|| path.to_owned())?;
    let mut alerts = Alerts::new();
    for line in text.lines() {
        let parts = line.split(OPEN).skip(1);
        let mut values = parts.map(|part| part.trim_end_matches(CLOSE).to_owned());
        if let Some(name) = values.next() {
            alerts.entry(name).or_default().push(values.collect());
        }
    }
    Ok(alerts)
}

/// Facts by step and name.
type Facts = HashMap<(String, String), String>;

fn read_facts() -> anyhow::Result<Facts> {
    let text = fs::read_to_string(format!("{DIR}/facts"))?;
    let facts = text.lines().filter_map(|line| {
        let mut columns = line.splitn(3, '\t').map(str::to_owned);
        Some(((columns.next()?, columns.next()?), columns.next()?))
    });
    Ok(facts.collect())
}

/// What is wrong with a value, if anything is.
fn wrong(
    want: Want,
    value: &str,
    fact: impl Fn(&str) -> String,
    other: impl Fn(&str) -> String,
) -> Option<String> {
    let within = |least: &str, most: &str| {
        let number = |text: &str| text.parse::<i128>().ok();
        match (number(least), number(value), number(most)) {
            (Some(least), Some(value), Some(most)) if (least..=most).contains(&value) => None,
            _ => Some(format!("between {least} and {most}")),
        }
    };
    let equal = |wanted: String| (value != wanted).then_some(wanted);
    match want {
        Want::Is(wanted) => equal(wanted.to_owned()),
        Want::Fact(name) => equal(fact(name)),
        Want::Between(least, most) => within(&fact(least), &fact(most)),
        Want::Range(least, most) => within(&least.to_string(), &most.to_string()),
        Want::From(field, make) => equal(make(&other(field))),
        Want::Nothing => equal("<NA>".to_owned()),
        Want::Holds(_) => None,
    }
}

/// Everything that is wrong, one line each.
fn compare(alerts: &Alerts, facts: &Facts) -> Vec<String> {
    let mut all = Vec::new();
    for step in STEPS {
        let fact = |name: &str| {
            let known = facts.get(&(step.name.to_owned(), name.to_owned()));
            known.map_or_else(|| format!("{name}, which nobody told"), Clone::clone)
        };
        let events = alerts.get(step.name).map_or(&[][..], Vec::as_slice);
        if events.len() != 1 {
            all.push(format!("{}: {} events, not one", step.name, events.len()));
        }
        for values in events {
            for (row, (field, want)) in step.rows.iter().enumerate() {
                let value = values.get(row).map_or("", String::as_str);
                let other = |name: &str| {
                    let at = step.rows.iter().position(|(field, _)| *field == name);
                    let value = at.and_then(|at| values.get(at));
                    value.cloned().unwrap_or_default()
                };
                if let Some(wanted) = wrong(*want, value, fact, other) {
                    all.push(format!(
                        "{}: {field} is {value:?}, must be {wanted:?}",
                        step.name
                    ));
                }
                let condition = condition(field, *want);
                if let Some(condition) = condition
                    && !alerts.contains_key(&row_name(step, row))
                {
                    all.push(format!(
                        "{}: {condition} does not hold; {field} is {value:?}",
                        step.name
                    ));
                }
            }
        }
    }
    all
}

/// Waits until all is told, then compares.
pub(crate) fn check(path: &str) -> anyhow::Result<()> {
    let facts = read_facts()?;
    let end = Instant::now() + PATIENCE;
    loop {
        let all = compare(&read_alerts(path)?, &facts);
        if all.is_empty() {
            let rows: usize = STEPS.iter().map(|step| step.rows.len()).sum();
            println!("{rows} values in {} steps are right", STEPS.len());
            return Ok(());
        }
        if Instant::now() > end {
            println!("{}", all.join("\n"));
            bail!("{} values are wrong", all.len());
        }
        thread::sleep(Duration::from_millis(500));
    }
}
