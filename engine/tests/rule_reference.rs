//! What the real Falco says about many small rule files and conditions, and
//! its own rule files. They are no part of this repository: without them,
//! nothing is tested here.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use falco_engine::app::listing::Format;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::describe::Description;
use falco_engine::rules::{Diagnostic, LoadOptions, RuleSource, Ruleset, Severity};
use serde::Deserialize;
use serde_json::Value;

/// Cases that are decided otherwise here: a tab behind the dash of an item is
/// read, as most YAML parsers do; what the item lacks is reported.
const DIFFERENT: [&str; 1] = ["tab"];

/// A file of the reference, beside the repository or where
/// `FALCO_REFERENCE` says.
fn reference(name: &str) -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let folder = std::env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let text = fs::read_to_string(folder.join(name)).ok();
    if text.is_none() {
        println!("skipped: there is no {}", folder.join(name).display());
    }
    text
}

fn load(path: &str, text: &str) -> Vec<Diagnostic> {
    let source = RuleSource {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let table = FieldTable::new(FIELDS);
    Ruleset::load(&[source], &table, &LoadOptions::default()).diagnostics
}

fn show(diagnostics: &[Diagnostic]) -> String {
    let shown: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    shown.join("\n")
}

#[derive(Deserialize)]
struct Validation {
    case: String,
    rules: String,
    errors: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
}

#[test]
fn validation() {
    let Some(text) = reference("validation.jsonl") else {
        return;
    };
    let mut failures = Vec::new();
    for line in text.lines() {
        let case: Validation = serde_json::from_str(line).expect("a case");
        if DIFFERENT.contains(&case.case.as_str()) {
            continue;
        }
        let diagnostics = load("rules.yaml", &case.rules);
        let mut expected: Vec<_> = case.errors.iter().map(|(code, _)| code.as_str()).collect();
        // Errors are all reported here, the first alone there; warnings that
        // come after it are not reported there.
        let mut got: Vec<_> = diagnostics
            .iter()
            .filter(|d| expected.is_empty() || d.severity() == Severity::Error)
            .filter(|d| d.code.is_falcos())
            .map(|d| d.code.name())
            .collect();
        if expected.is_empty() {
            expected.extend(case.warnings.iter().map(|(code, _)| code.as_str()));
            expected.sort_unstable();
            got.sort_unstable();
        }
        got.truncate(expected.len().max(1));
        if got != expected {
            let shown = show(&diagnostics);
            failures.push(format!(
                "{}: expected {expected:?}, got\n{shown}",
                case.case
            ));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
    #[serde(default)]
    warnings: Vec<String>,
    error: Option<String>,
}

#[test]
fn conditions() {
    let Some(text) = reference("conditions.jsonl") else {
        return;
    };
    let mut failures = Vec::new();
    for line in text.lines() {
        let case: Condition = serde_json::from_str(line).expect("a case");
        let condition = serde_json::to_string(&case.condition).expect("a string");
        let rules = format!(
            "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        );
        let diagnostics = load("rules.yaml", &rules);
        let falcos = diagnostics.iter().filter(|d| d.code.is_falcos());
        let codes: Vec<_> = falcos.map(|d| d.code.name()).collect();
        let expected: Vec<_> = match &case.error {
            Some(error) => vec![error.as_str()],
            None => case.warnings.iter().map(String::as_str).collect(),
        };
        if codes != expected {
            failures.push(format!(
                "{}: {expected:?}\n{}",
                case.condition,
                show(&diagnostics)
            ));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// Falco's own files load, and have what Falco says that they have.
#[test]
fn rule_files() {
    let names = [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ];
    let mut sources = Vec::new();
    for name in names {
        let path = format!("rules/{name}.yaml");
        let Some(text) = reference(&path) else {
            return;
        };
        sources.push(RuleSource { path, text });
    }
    let table = FieldTable::new(FIELDS);
    for files in sources.chunks(1).chain([&*sources]) {
        let loaded = Ruleset::load(files, &table, &LoadOptions::default());
        let errors = loaded.diagnostics.iter().cloned();
        let errors: Vec<_> = errors.filter(|d| d.severity() == Severity::Error).collect();
        assert!(errors.is_empty(), "\n{}", show(&errors));
        let falcos = loaded.diagnostics.iter().filter(|d| d.code.is_falcos());
        assert_eq!(falcos.count(), 0);
    }
    let counts = |files: &[RuleSource]| {
        let all = Description::new(files, &table, &[]).all();
        ["rules", "macros", "lists"].map(|key| all[key].as_array().map_or(0, Vec::len))
    };
    assert_eq!(counts(&sources), [93, 315, 118]);
    let Some(listing) = reference("listings/rules-L.json") else {
        return;
    };
    let listing: Value = serde_json::from_str(&listing).expect("JSON");
    let own = Description::new(&sources[..1], &table, &[]).all();
    for kind in ["rules", "macros", "lists"] {
        let (theirs, own) = (&listing[kind], &own[kind]);
        let names = |all: &Value| -> Vec<String> {
            let all = all.as_array().into_iter().flatten();
            all.map(|item| item["info"]["name"].to_string()).collect()
        };
        assert_eq!(names(own), names(theirs));
    }
    // All is the same but for the order of sets, for events that there are none
    // of here, and for quotes around texts.
    for kind in ["rules", "macros", "lists"] {
        let (own, theirs) = (own[kind].as_array(), listing[kind].as_array());
        let pairs = own.into_iter().flatten().zip(theirs.into_iter().flatten());
        for (own, theirs) in pairs {
            assert_eq!(plain(&own["info"]), plain(&theirs["info"]));
            assert_eq!(plain(&own["details"]), plain(&theirs["details"]));
        }
    }
}

/// Of more events than this, some are of other architectures.
const ALL_EVENTS: usize = 300;

/// A value with its sets sorted and without what is left out here.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
        // Every event that there is.
        Value::Array(items) if items.len() > ALL_EVENTS => "all".into(),
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(plain).collect();
            items.retain(|item| item != "asyncevent");
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::String(text) => text.replace(['"', '\\'], "").into(),
        other => other.clone(),
    }
}

#[test]
fn rule_schema() {
    let Some(theirs) = reference("listings/rule-schema.json") else {
        return;
    };
    let theirs: Value = serde_json::from_str(&theirs).expect("JSON");
    assert_eq!(falco_engine::rules::schema::schema(), theirs);
}

/// Events that are listed otherwise here: calls that have parameters of their own
/// or none, where Falco has the number of the call, and parameters with other types
/// or names of values.
const OTHER_EVENTS: [&str; 9] = [
    "accept4",
    "exit",
    "exit_group",
    "fchmodat2",
    "fcntl",
    "prctl",
    "ptrace",
    "semget",
    "shutdown",
];

#[test]
fn events() {
    let Some(theirs) = reference("listings/list-events.txt") else {
        return;
    };
    let own = falco_engine::app::listing::events(Format::Text, false);
    let own: BTreeSet<&str> = own.lines().collect();
    let name = |line: &str| {
        line.get(2..)
            .unwrap_or_default()
            .split('(')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    // Rules see no call that begins.
    let is_exit = |line: &&str| {
        line.starts_with("< ") || {
            let exit = format!("< {}(", name(line));
            line.starts_with("> ") && !theirs.contains(&exit)
        }
    };
    let missing: Vec<_> = theirs
        .lines()
        .filter(is_exit)
        .filter(|line| !own.contains(line) && !OTHER_EVENTS.contains(&name(line).as_str()))
        .collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
    for name in OTHER_EVENTS {
        let start = format!("< {name}(");
        assert!(own.iter().any(|line| line.starts_with(&start)), "{name}");
    }
}
