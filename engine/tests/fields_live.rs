//! Every field has a value on the live node that is looked at, or a reason why
//! it has none: the scene's table (`engine/examples/fields/table.rs`), which
//! the job `fast` plays, against the table of fields.

#[path = "../examples/fields/table.rs"]
mod table;

use std::collections::BTreeSet;

use falco_engine::filter::condition::Condition;
use falco_engine::filter::field::Field;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use table::{STEPS, Want};

/// Fields that have no value on a live machine, and why.
const NEVER: &[(&str, &str)] = &[
    ("evt.pluginname", "of events that plugins make"),
    ("evt.plugininfo", "of events that plugins make"),
    (
        "evt.asynctype",
        "of events that nobody but a recorder makes: `state_fields.rs`",
    ),
    (
        "evt.count.procinfo",
        "of events that nobody but a recorder makes: `state_fields.rs`",
    ),
    (
        "evt.count.threadinfo",
        "of events that nobody but a recorder makes: `state_fields.rs`",
    ),
    ("evt.infra.docker.name", "never has a value"),
    ("evt.infra.docker.container.id", "never has a value"),
    ("evt.infra.docker.container.name", "never has a value"),
    ("evt.infra.docker.container.image", "never has a value"),
    (
        "proc.is_container_healthcheck",
        "deprecated, never has a value",
    ),
    (
        "proc.is_container_liveness_probe",
        "deprecated, never has a value",
    ),
    (
        "proc.is_container_readiness_probe",
        "deprecated, never has a value",
    ),
    ("thread.cpu", "of events that nobody but a recorder makes"),
    (
        "thread.cpu.user",
        "of events that nobody but a recorder makes: `state_fields.rs`",
    ),
    (
        "thread.cpu.system",
        "of events that nobody but a recorder makes: `state_fields.rs`",
    ),
];

/// Fields of these classes come from container runtimes and from the API server,
/// which the fast node does not have: the job `scenario`, `tests/state_cri.rs`,
/// and the tests of `metadata`.
const ELSEWHERE: &[&str] = &["container.", "k8s.", "k8smeta."];

/// The field that a row is about: the longest whose name it begins with.
fn field_of(row: &str) -> Option<&'static Field> {
    let is_it = |field: &&Field| {
        let rest = row.strip_prefix(field.name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
    };
    FIELDS.iter().filter(is_it).max_by_key(|f| f.name.len())
}

fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|class| name.starts_with(class))
}

#[test]
fn every_field_has_a_row_or_a_reason() {
    let rows = STEPS.iter().flat_map(|step| step.rows);
    // That there is nothing shows nothing.
    let rows = rows.filter(|(_, want)| !matches!(want, Want::Nothing));
    let shown: BTreeSet<&str> = rows
        .map(|(row, _)| field_of(row).unwrap_or_else(|| panic!("no field is called {row}")))
        .map(|field| field.name)
        .collect();
    let never: BTreeSet<&str> = NEVER.iter().map(|(name, _)| *name).collect();
    let lacking: Vec<&str> = FIELDS
        .iter()
        .map(|field| field.name)
        .filter(|name| !shown.contains(name) && !never.contains(name) && !is_elsewhere(name))
        .collect();
    assert!(lacking.is_empty(), "no step shows {lacking:?}");
    for (name, reason) in NEVER {
        assert!(!shown.contains(name), "{name} has a value after all");
        assert!(field_of(name).is_some_and(|field| field.name == *name));
        assert!(!reason.is_empty());
    }
}

#[test]
fn every_row_can_be_asked_for() {
    let fields = FieldTable::new(FIELDS);
    let mut names = BTreeSet::new();
    for step in STEPS {
        assert!(
            names.insert(step.name),
            "two steps are called {}",
            step.name
        );
        assert!(step.name.len() < 16, "{}: too long for a task", step.name);
        let condition = Condition::compile(step.when, &fields);
        assert!(condition.is_ok(), "{}: {:?}", step.name, condition.err());
        for (row, want) in step.rows {
            if !matches!(want, Want::Holds(_)) {
                let output = Template::compile(&format!("%{row}"), &fields);
                assert!(output.is_ok(), "{row}: {:?}", output.err());
            }
            match *want {
                // That nothing is there has a word of its own.
                Want::Is(value) => assert_ne!(value, "<NA>", "{row}"),
                Want::Fact(name) => assert!(!name.is_empty(), "{row}"),
                Want::Between(after, before) => assert_ne!(after, before, "{row}"),
                Want::Range(least, most) => assert!(least < most, "{row}"),
                // What a value follows from is told by the same step.
                Want::From(other, make) => {
                    let told = step.rows.iter().any(|(name, _)| *name == other);
                    assert!(told && !make("1").is_empty(), "{}: {row}", step.name);
                }
                Want::Holds(condition) => {
                    let condition = Condition::compile(condition, &fields);
                    assert!(condition.is_ok(), "{row}: {:?}", condition.err());
                }
                Want::Nothing => {}
            }
        }
    }
}
