//! Captures, and what the real Falco says of each of their events. They are no
//! part of this repository: without them, nothing is tested here.
//!
//! A failure lists the fields that differ, with how often and the first places.
//! `FALCO_CAPTURE=NAME` looks at one capture alone, `FALCO_FIELD=NAME` shows
//! more places of one field.

mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use bumpalo::Bump;
use differences::{KNOWN, Seen, known};
use falco_engine::clock::Clock;
use falco_engine::config::Format;
use falco_engine::event::Event;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::output::Alert;
use falco_engine::output::format::Formatter;
use falco_engine::rules::{
    LoadOptions, LoadResult, RuleSource, Ruleset, Scratch, Selection, Selector,
};
use falco_engine::source::capture::CaptureSource;
use falco_engine::source::{Batch, Source};
use falco_engine::state::State;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A file or folder of the reference, beside the repository or where
/// `FALCO_REFERENCE` says.
fn reference(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let folder = env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Calls back for every event that rules see.
fn replay(path: &std::path::Path, mut each: impl FnMut(&Event<'_>, &State)) {
    let mut source = CaptureSource::open(path).expect("a capture");
    let mut state = State::new();
    source.restore(&mut state).expect("a state");
    loop {
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            if !event.is_internal() {
                each(&event, &state);
            }
            state.after(&event);
        });
        match batch.expect("events") {
            Batch::End => return,
            Batch::Section => {
                state = State::new();
                source.restore(&mut state).expect("a state");
            }
            Batch::Some | Batch::Nothing => {}
        }
    }
}

/// What is known of a field that differs.
#[derive(Default)]
struct Difference {
    count: usize,
    /// Kinds of differences: missing here, missing there, another value.
    kinds: [usize; 3],
    places: Vec<String>,
}

type Differences = BTreeMap<String, Difference>;

fn note(differences: &mut Differences, field: &str, place: &str, own: &Value, theirs: &Value) {
    let difference = differences.entry(field.to_owned()).or_default();
    difference.count += 1;
    let kind = match (own, theirs) {
        (Value::Null, _) => 0,
        (_, Value::Null) => 1,
        _ => 2,
    };
    difference.kinds[kind] += 1;
    let all = env::var("FALCO_FIELD").is_ok_and(|name| name == field);
    if difference.places.len() < if all { 400 } else { 2 } {
        let cut = |value: &Value| {
            let mut text = value.to_string();
            if !all {
                text.truncate(text.floor_char_boundary(160));
            }
            text
        };
        let place = format!(
            "{place}\n        ours   {}\n        Falco's {}",
            cut(own),
            cut(theirs)
        );
        difference.places.push(place);
    }
}

/// Equal as numbers, or as they are. What is missing may be printed as such.
fn same(own: &Value, theirs: &Value) -> bool {
    if theirs.is_null() && own.as_str() == Some("<NA>") {
        return true;
    }
    match (own.as_f64(), theirs.as_f64()) {
        (Some(own), Some(theirs)) if own.fract() != 0.0 || theirs.fract() != 0.0 => {
            (own - theirs).abs() <= 1e-6 * theirs.abs().max(1.0)
        }
        (Some(a), Some(b)) if a == b => {
            own.to_string().trim_end_matches(".0") == theirs.to_string().trim_end_matches(".0")
        }
        _ => own == theirs,
    }
}

fn summary(differences: &Differences) -> String {
    let mut order: Vec<_> = differences.iter().collect();
    order.sort_by_key(|(_, difference)| std::cmp::Reverse(difference.count));
    let mut text = String::new();
    for (field, d) in &order {
        let [missing, extra, other] = d.kinds;
        let _ = writeln!(
            text,
            "{field}: {} ({missing} missing here, {extra} missing there, {other} others)",
            d.count
        );
    }
    for (field, d) in &order {
        let _ = writeln!(text, "\n{field}:");
        for place in &d.places {
            let _ = writeln!(text, "    {place}");
        }
    }
    text
}

fn lines(path: &std::path::Path) -> impl Iterator<Item = Map<String, Value>> + use<> {
    let file = File::open(path).expect("expected lines");
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("zstd");
    BufReader::new(decoder).lines().map(|line| {
        let line = line.expect("a line");
        serde_json::from_str(&line).expect("an object")
    })
}

/// Names of the captures that have expected lines.
fn captures() -> Option<(PathBuf, Vec<String>)> {
    let folder = reference("captures")?;
    let only = env::var("FALCO_CAPTURE").ok();
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("captures")
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let name = name.strip_suffix(".events.jsonl.zst")?;
            Some(name.to_owned())
        })
        .filter(|name| only.as_ref().is_none_or(|only| only == name))
        .collect();
    names.sort();
    Some((folder, names))
}

#[test]
fn every_field_of_every_event() {
    let Some((folder, names)) = captures() else {
        return;
    };
    // A field may have a value in one capture alone.
    let mut fields = BTreeSet::new();
    for name in &names {
        for line in lines(&folder.join(format!("{name}.events.jsonl.zst"))) {
            fields.extend(line.keys().cloned());
        }
    }
    let table = FieldTable::new(FIELDS);
    let mut templates = Vec::new();
    let mut unknown = Vec::new();
    for field in &fields {
        match Template::compile(&format!("%{field}"), &table) {
            Ok(template) => templates.push((field.clone(), template)),
            Err(_) => unknown.push(field.clone()),
        }
    }
    let mut differences = Differences::new();
    // Known differences, by their names and captures.
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut failures = String::new();
    let mut arena = Bump::new();
    let mut values = Vec::new();
    for name in &names {
        let mut expected = lines(&folder.join(format!("{name}.events.jsonl.zst")));
        let (mut events, mut lost) = (0_usize, 0_usize);
        replay(&folder.join(format!("{name}.scap")), |event, state| {
            events += 1;
            arena.reset();
            let Some(line) = expected.next() else {
                lost += 1;
                return;
            };
            let context = state.context(event, &arena);
            let place = format!("{name} {} {}", event.num, event.name());
            for (field, template) in &templates {
                values.clear();
                template.values(&context, &mut values);
                let own = values.pop().map_or(Value::Null, |(_, value)| {
                    serde_json::to_value(&value).expect("a value")
                });
                let theirs = line.get(field).unwrap_or(&Value::Null);
                let seen = Seen {
                    field,
                    own: &own,
                    theirs,
                    line: &line,
                    event,
                    thread: context.thread.is_some_and(|thread| thread.tid != 0),
                };
                if same(&own, theirs) {
                    continue;
                }
                match known(&seen) {
                    Some(known) => {
                        let count = counts.entry((known.name, name.clone())).or_insert(0);
                        *count += 1;
                    }
                    None => note(&mut differences, field, &place, &own, theirs),
                }
            }
        });
        let rest = expected.count();
        if lost + rest > 0 {
            let _ = writeln!(
                failures,
                "{name}: {events} events, {lost} too many, {rest} too few"
            );
        }
    }
    if !unknown.is_empty() {
        let _ = writeln!(failures, "no such fields: {}", unknown.join(" "));
    }
    let expected: BTreeMap<(&str, String), usize> = KNOWN
        .iter()
        .flat_map(|known| known.seen.iter().map(|seen| (known.name, seen)))
        .filter(|(_, (capture, _))| names.iter().any(|name| name == capture))
        .map(|(name, (capture, count))| ((name, (*capture).to_owned()), *count))
        .collect();
    if counts != expected && env::var_os("FALCO_ALL_DIFFERENCES").is_none() {
        let _ = writeln!(failures, "known differences: {counts:#?}");
    }
    failures += &summary(&differences);
    assert!(failures.is_empty(), "\n{failures}");
}

/// The three rule files of Falco, with every rule on.
fn rulesets() -> Option<Ruleset> {
    let mut sources = Vec::new();
    for name in [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ] {
        let path = format!("rules/{name}.yaml");
        let text = fs::read_to_string(reference(&path)?).expect("rules");
        sources.push(RuleSource { path, text });
    }
    let options = LoadOptions {
        want_fields: true,
        match_all: true,
        selection: vec![Selection {
            enable: true,
            selector: Selector::Rule("*".to_owned()),
        }],
        ..LoadOptions::default()
    };
    let LoadResult { ruleset, .. } = Ruleset::load(&sources, &FieldTable::new(FIELDS), &options);
    Some(ruleset.expect("rules"))
}

/// Evaluates rules over a capture.
fn alerts(path: &std::path::Path, ruleset: &mut Ruleset) -> Vec<Alert> {
    let mut all = Vec::new();
    let mut scratch = Scratch::default();
    let mut arena = Bump::new();
    replay(path, |event, state| {
        arena.reset();
        if ruleset.wants(event) {
            let context = state.context(event, &arena);
            ruleset.adapt(&mut scratch);
            ruleset.evaluate(&context, &mut scratch, &mut |_, alert| all.push(alert));
        }
    });
    all
}

#[test]
fn alerts_of_falcos_rules() {
    let (Some(folder), Some(mut ruleset)) = (reference("captures"), rulesets()) else {
        return;
    };
    let format = Format {
        json: true,
        include_output: true,
        include_output_fields: true,
        include_tags: true,
        ..Format::default()
    };
    let formatter = Formatter::with(format, Clock::system(), "node".to_owned());
    let mut failures = Vec::new();
    for entry in fs::read_dir(&folder).expect("captures") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("a name");
        let Some(name) = name.strip_suffix(".alerts.jsonl") else {
            continue;
        };
        let expected =
            fs::read_to_string(folder.join(format!("{name}.alerts.jsonl"))).expect("alerts");
        let own: Vec<String> = alerts(&folder.join(format!("{name}.scap")), &mut ruleset)
            .iter()
            .map(|alert| formatter.line(alert).text().to_owned())
            .collect();
        // Rules that match one event have no order of their own.
        let sorted = |lines: &mut dyn Iterator<Item = &str>| -> Vec<Value> {
            let mut all: Vec<Value> = lines
                .map(|l| serde_json::from_str(l).expect("JSON"))
                .collect();
            all.sort_by_key(|alert| {
                let text = |key: &str| alert[key].as_str().unwrap_or_default().to_owned();
                (text("time"), text("rule"), text("output"))
            });
            all
        };
        let own = sorted(&mut own.iter().map(String::as_str));
        let theirs = sorted(&mut expected.lines());
        let key = |alert: &Value| (alert["time"].to_string(), alert["rule"].to_string());
        for alert in &theirs {
            match own.iter().find(|own| key(own) == key(alert)) {
                None => failures.push(format!("{name}: no alert here: {}", alert["output"])),
                Some(own) if own != alert => {
                    failures.push(format!("{name}: ours {own}\n    Falco's {alert}"));
                }
                Some(_) => {}
            }
        }
        for alert in &own {
            if !theirs.iter().any(|their| key(their) == key(alert)) {
                failures.push(format!("{name}: no alert there: {}", alert["output"]));
            }
        }
        if own.len() != theirs.len() {
            failures.push(format!(
                "{name}: {} alerts instead of {}",
                own.len(),
                theirs.len()
            ));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
    matches: Option<usize>,
}

#[test]
fn conditions_match_as_often() {
    let (Some(conditions), Some(capture)) = (
        reference("conditions.jsonl"),
        reference("captures/scen-a.scap"),
    ) else {
        return;
    };
    let text = fs::read_to_string(conditions).expect("conditions");
    let mut rules = String::new();
    let mut cases = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let case: Condition = serde_json::from_str(line).expect("a case");
        let condition = serde_json::to_string(&case.condition).expect("a string");
        let Some(matches) = case.matches else {
            continue;
        };
        let rule = format!(
            "- rule: r{at}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        );
        let source = RuleSource {
            path: "rules.yaml".to_owned(),
            text: rule.clone(),
        };
        let options = LoadOptions::default();
        let loaded = Ruleset::load(&[source], &FieldTable::new(FIELDS), &options);
        if loaded.ruleset.is_some() {
            rules += &rule;
        }
        cases.push((
            format!("r{at}"),
            case.condition,
            matches,
            loaded.ruleset.is_some(),
        ));
    }
    let source = RuleSource {
        path: "rules.yaml".to_owned(),
        text: rules,
    };
    let options = LoadOptions {
        match_all: true,
        ..LoadOptions::default()
    };
    let loaded = Ruleset::load(&[source], &FieldTable::new(FIELDS), &options);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for alert in alerts(&capture, &mut loaded.ruleset.expect("rules")) {
        *counts.entry(alert.rule.to_string()).or_default() += 1;
    }
    let mut failures = Vec::new();
    for (rule, condition, matches, loaded) in cases {
        let own = counts.get(&rule).copied().unwrap_or(0);
        if !loaded {
            failures.push(format!("does not load: {condition}"));
        } else if own != matches {
            failures.push(format!("{own} instead of {matches}: {condition}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
