//! Runs the cases of `tests/rules/*.yaml`: rules and events in, alerts or
//! diagnostics out. `tests/rules/README.md` tells how cases are written.

use std::fs;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use falco_abi::event::{ALL, Event as Kind, ParamType};
use falco_abi::syscall::SYSCALLS;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::output::{Alert, FieldValue};
use falco_engine::rules::model::priority;
use falco_engine::rules::{
    AppendOutput, Diagnostic, LoadOptions, Match, Placement, RuleSource, Ruleset, Scratch,
    Selection, Selector, Severity,
};
use falco_engine::state::State;
use serde::Deserialize;
use serde_yaml::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// One file, or several.
    #[serde(default)]
    rules: Files,
    /// A file of `rules/`, loaded first.
    shipped: Option<String>,
    #[serde(default)]
    options: Options,
    #[serde(default)]
    events: Vec<EventText>,
    #[serde(default)]
    alerts: Vec<String>,
    /// Values of the only alert's fields.
    #[serde(default)]
    fields: Vec<String>,
    diagnostics: Option<String>,
    /// Conditions that the last event satisfies.
    #[serde(default)]
    holds: Vec<String>,
    /// Conditions that it does not.
    #[serde(default)]
    fails: Vec<String>,
    /// Conditions that are errors, with the errors' messages.
    #[serde(default)]
    errors: serde_yaml::Mapping,
    /// Files with the codes of what is reported about them.
    #[serde(default)]
    codes: serde_yaml::Mapping,
    /// The same of rules with these conditions, behind `evt.type = open and`.
    #[serde(default)]
    condition_codes: serde_yaml::Mapping,
    /// The same of rules with these outputs.
    #[serde(default)]
    output_codes: serde_yaml::Mapping,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Files {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Options {
    match_all: bool,
    min_priority: Option<String>,
    enable: Vec<String>,
    disable: Vec<String>,
    append_output: Vec<Append>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Append {
    rule: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    extra_output: Option<String>,
    #[serde(default)]
    before_closing_parenthesis: bool,
    when: Option<String>,
}

/// `type: execve`, `pid: 7`, and the parameters by their names.
#[derive(Deserialize)]
struct EventText {
    r#type: String,
    #[serde(default = "default_pid")]
    pid: u32,
    #[serde(flatten)]
    params: serde_yaml::Mapping,
}

fn default_pid() -> u32 {
    100
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn rule_cases() {
    let mut files: Vec<_> = fs::read_dir(repository().join("tests/rules"))
        .expect("tests/rules")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    let mut failures = Vec::new();
    let mut count = 0;
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of cases");
        let cases: Vec<Case> = serde_yaml::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        count += cases.iter().map(|case| rows(case).max(1)).sum::<usize>();
        for case in &cases {
            if let Err(failure) = run(case) {
                failures.push(format!("{}: {}\n{failure}", file.display(), case.name));
            }
        }
    }
    println!("{count} cases");
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// Conditions of the case, each of which is one row of a table.
fn rows(case: &Case) -> usize {
    let codes = [&case.codes, &case.condition_codes, &case.output_codes];
    let codes: usize = codes.into_iter().map(serde_yaml::Mapping::len).sum();
    case.holds.len() + case.fails.len() + case.errors.len() + codes
}

fn run_rows(case: &Case) -> Result<(), String> {
    let mut failures = Vec::new();
    let mut check = |condition: &str, expected: &str, got: &str| {
        if let Err(difference) = same(expected, got) {
            failures.push(format!("{condition:?}\n{difference}"));
        }
    };
    for (conditions, expected) in [(&case.holds, "true"), (&case.fails, "false")] {
        for condition in conditions {
            let holds = holds(case, condition);
            check(
                condition,
                expected,
                &holds.map_or_else(|e| e, |h| h.to_string()),
            );
        }
    }
    for (condition, expected) in &case.errors {
        let condition = condition.as_str().unwrap_or_default();
        let got = load_condition(case, condition).err().unwrap_or_default();
        check(condition, expected.as_str().unwrap_or_default(), &got);
    }
    let quoted = |text: &str| serde_json::to_string(text).expect("a string");
    let with_condition = |text: &str| {
        let condition = quoted(&format!("evt.type = open and {text}"));
        format!("- {{rule: r, desc: d, condition: {condition}, output: o, priority: INFO}}\n")
    };
    let with_output = |text: &str| {
        let output = quoted(text);
        format!(
            "- {{rule: r, desc: d, condition: evt.type = open, output: {output}, priority: INFO}}\n"
        )
    };
    for (texts, file) in [
        (&case.codes, &ToOwned::to_owned as &dyn Fn(&str) -> String),
        (&case.condition_codes, &with_condition),
        (&case.output_codes, &with_output),
    ] {
        for (text, expected) in texts {
            let text = text.as_str().unwrap_or_default();
            check(
                text,
                expected.as_str().unwrap_or_default(),
                &codes(case, &file(text)),
            );
        }
    }
    match failures.is_empty() {
        true => Ok(()),
        false => Err(failures.join("\n")),
    }
}

/// The codes of the errors, or else of the warnings that Falco has, too.
fn codes(case: &Case, file: &str) -> String {
    let mut sources = sources(case);
    sources.push(RuleSource {
        path: "file".to_owned(),
        text: file.to_owned(),
    });
    let loaded = Ruleset::load(&sources, &FieldTable::new(FIELDS), &options(case));
    let is_error = |d: &&Diagnostic| d.severity() == Severity::Error;
    let mut codes: Vec<_> = match loaded.diagnostics.iter().any(|d| is_error(&d)) {
        true => loaded.diagnostics.iter().filter(is_error).collect(),
        false => loaded.diagnostics.iter().collect(),
    };
    codes.retain(|d| d.code.is_falcos());
    let codes = codes.into_iter().map(|d| d.code.name());
    codes.collect::<Vec<_>>().join(" ")
}

fn run(case: &Case) -> Result<(), String> {
    if rows(case) > 0 {
        return run_rows(case);
    }
    let loaded = Ruleset::load(sources(case), &FieldTable::new(FIELDS), &options(case));
    let shown: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    let shown = shown.join("\n");
    if let Some(expected) = &case.diagnostics {
        same(expected.trim_end(), &shown)?;
    } else if loaded
        .diagnostics
        .iter()
        .any(|d| d.severity() == Severity::Error)
    {
        return Err(shown);
    }
    let Some(mut ruleset) = loaded.ruleset else {
        return match case.events.is_empty() {
            true => Ok(()),
            false => Err(shown),
        };
    };
    let alerts = evaluate(&mut ruleset, &case.events)?;
    let texts: Vec<_> = alerts.iter().map(show_alert).collect();
    same(&case.alerts.join("\n"), &texts.join("\n"))?;
    if case.fields.is_empty() {
        return Ok(());
    }
    let fields = alerts.iter().flat_map(|alert| &alert.fields);
    let fields: Vec<_> = fields
        .map(|(k, v)| format!("{k} = {}", show_value(v)))
        .collect();
    same(&case.fields.join("\n"), &fields.join("\n"))
}

/// Whether the last event satisfies a condition.
fn holds(case: &Case, condition: &str) -> Result<bool, String> {
    let mut ruleset = load_condition(case, condition)?;
    let alerts = evaluate(&mut ruleset, &case.events)?;
    Ok(alerts
        .iter()
        .any(|alert| alert.time == time(case.events.len())))
}

/// A ruleset of one rule, or the messages of the errors.
fn load_condition(case: &Case, condition: &str) -> Result<Ruleset, String> {
    let condition = serde_json::to_string(condition).expect("a string");
    let mut sources = sources(case);
    sources.push(RuleSource {
        path: "condition".to_owned(),
        text: format!(
            "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        ),
    });
    let loaded = Ruleset::load(&sources, &FieldTable::new(FIELDS), &LoadOptions::default());
    let errors = loaded.diagnostics.into_iter();
    let errors = errors.filter(|d| d.severity() == Severity::Error);
    let errors: Vec<_> = errors.map(|d| d.message).collect();
    loaded.ruleset.ok_or_else(|| errors.join("; "))
}

/// Nanoseconds since the epoch of the event with this number.
fn time(number: usize) -> u64 {
    1_000_000_000 + number as u64
}

fn same(expected: &str, got: &str) -> Result<(), String> {
    if expected == got {
        return Ok(());
    }
    Err(format!("--- expected\n{expected}\n--- got\n{got}"))
}

fn sources(case: &Case) -> Vec<RuleSource> {
    let shipped = case.shipped.as_ref().map(|name| RuleSource {
        path: name.clone(),
        text: fs::read_to_string(repository().join("rules").join(name)).expect("a shipped file"),
    });
    let texts = match &case.rules {
        Files::None => &[],
        Files::One(text) => std::slice::from_ref(text),
        Files::Many(texts) => texts.as_slice(),
    };
    let own = texts.iter().enumerate().map(|(at, text)| RuleSource {
        path: match texts.len() {
            1 => "rules.yaml".to_owned(),
            _ => format!("rules{}.yaml", at + 1),
        },
        text: text.clone(),
    });
    shipped.into_iter().chain(own).collect()
}

fn options(case: &Case) -> LoadOptions {
    let options = &case.options;
    let selection = |enable: bool, names: &[String]| {
        let selections = names.iter().map(move |name| Selection {
            enable,
            selector: Selector::Rule(name.clone()),
        });
        selections.collect::<Vec<_>>()
    };
    let mut loaded = LoadOptions {
        selection: selection(false, &options.disable),
        append_output: options.append_output.iter().map(append).collect(),
        want_fields: !case.fields.is_empty(),
        match_all: options.match_all,
        ..LoadOptions::default()
    };
    loaded.selection.extend(selection(true, &options.enable));
    if let Some(name) = &options.min_priority {
        loaded.min_priority = priority(name).expect("a priority");
    }
    loaded
}

fn append(append: &Append) -> AppendOutput {
    AppendOutput {
        matches: Match {
            rule: append.rule.clone(),
            tags: append.tags.clone(),
            ..Match::default()
        },
        extra_output: append.extra_output.as_deref().map(Into::into),
        placement: match append.before_closing_parenthesis {
            true => Placement::BeforeClosingParenthesis,
            false => Placement::End,
        },
        when: append.when.as_deref().map(Into::into),
        ..AppendOutput::default()
    }
}

/// Evaluates rules, then again in the order that was chosen by what they saw.
fn evaluate(ruleset: &mut Ruleset, events: &[EventText]) -> Result<Vec<Alert>, String> {
    const UNTIL_ORDERED: usize = 5000;
    let mut scratch = Scratch::default();
    ruleset.adapt(&mut scratch);
    let first = evaluate_once(ruleset, &mut scratch, events)?;
    (0..UNTIL_ORDERED).for_each(|_| ruleset.adapt(&mut scratch));
    let second = evaluate_once(ruleset, &mut scratch, events)?;
    match first == second {
        true => Ok(first),
        false => Err(format!("in another order {second:?} instead of {first:?}")),
    }
}

fn evaluate_once(
    ruleset: &Ruleset,
    scratch: &mut Scratch,
    events: &[EventText],
) -> Result<Vec<Alert>, String> {
    let mut state = State::new();
    let mut alerts = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let record = record(event)?;
        let (number, time) = (at as u64 + 1, time(at + 1).cast_signed());
        let event = Event::decode(&record, number, time).map_err(|e| e.to_string())?;
        state.before(&event);
        let arena = Bump::new();
        let context = state.context(&event, &arena);
        ruleset.evaluate(&context, scratch, &mut |_, alert| alerts.push(alert));
        state.after(&event);
    }
    Ok(alerts)
}

fn record(text: &EventText) -> Result<Vec<u8>, String> {
    let named = ALL
        .iter()
        .copied()
        .find(|kind| kind.info().name == text.r#type);
    let syscall = SYSCALLS.iter().find(|s| s.name == text.r#type);
    let kind = match (named, syscall) {
        (Some(kind), _) => kind,
        (None, Some(_)) => Kind::Syscall,
        (None, None) => return Err(format!("no event {}", text.r#type)),
    };
    let mut builder = RecordBuilder::new(kind, text.pid).header(|header| {
        if let Some(syscall) = syscall {
            header.syscall = syscall.number().into();
        }
    });
    for (name, value) in &text.params {
        let name = name.as_str().unwrap_or_default();
        let params = kind.info().params.iter();
        let Some(param) = params.clone().find(|param| param.name == name) else {
            let names: Vec<_> = params.map(|param| param.name).collect();
            return Err(format!(
                "{} has no {name} but {}",
                text.r#type,
                names.join(" ")
            ));
        };
        builder = match (value, param.ty) {
            (Value::Number(number), _) => builder.number(name, number.as_i64().unwrap_or_default()),
            (Value::String(text), ParamType::SockTuple) => builder.bytes(name, &tuple(text)?),
            (Value::String(text), _) => builder.bytes(name, text.as_bytes()),
            (Value::Sequence(items), _) => {
                let strings = items.iter().map(|item| item.as_str().unwrap_or_default());
                let bytes: Vec<u8> = strings
                    .flat_map(|s| [s.as_bytes(), b"\0"].concat())
                    .collect();
                builder.bytes(name, &bytes)
            }
            _ => return Err(format!("{name} is neither a number nor text nor a list")),
        };
    }
    Ok(builder.build())
}

/// `1.2.3.4:5->6.7.8.9:10`
fn tuple(text: &str) -> Result<Vec<u8>, String> {
    let (source, target) = text.split_once("->").ok_or("no ->")?;
    let mut bytes = vec![falco_abi::event::sockaddr::INET];
    for end in [source, target] {
        let end: std::net::SocketAddrV4 = end.parse().map_err(|_| format!("no address {end}"))?;
        bytes.extend_from_slice(&end.ip().octets());
        bytes.extend_from_slice(&end.port().to_ne_bytes());
    }
    Ok(bytes)
}

fn show_alert(alert: &Alert) -> String {
    format!("{:?} {}: {}", alert.priority, alert.rule, alert.message)
}

fn show_value(value: &FieldValue) -> String {
    match value {
        FieldValue::Missing => "null".to_owned(),
        FieldValue::Bool(value) => value.to_string(),
        FieldValue::Int(value) => value.to_string(),
        FieldValue::Uint(value) => value.to_string(),
        FieldValue::Double(value) => value.to_string(),
        FieldValue::Text(value) => format!("{value:?}"),
        FieldValue::List(values) => {
            let values: Vec<_> = values.iter().map(show_value).collect();
            format!("[{}]", values.join(", "))
        }
    }
}
