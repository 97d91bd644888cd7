//! For which events rules are tried, and what the kernel must report for them.

use falco_abi::control::hook;
use falco_abi::syscall::SYSCALLS;
use falco_engine::filter::events::EventSet;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::{Code, LoadOptions, LoadResult, RuleSource, Ruleset};

fn load(condition: &str) -> LoadResult {
    let source = RuleSource {
        path: "rules.yaml".to_owned(),
        text: format!(
            "- {{macro: opened, condition: 'evt.type in (open, openat) or evt.type = creat'}}\n\
             - {{macro: other, condition: 'not opened'}}\n\
             - {{rule: r, desc: d, condition: {condition:?}, output: o, priority: INFO}}\n"
        ),
    };
    Ruleset::load(&[source], &FieldTable::new(FIELDS), &LoadOptions::default())
}

fn ruleset(condition: &str) -> Ruleset {
    let loaded = load(condition);
    let shown: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded
        .ruleset
        .unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

/// Names of the events, or how many of all are left out.
fn events(condition: &str) -> String {
    let ruleset = ruleset(condition);
    let events = ruleset.events();
    let left_out = EventSet::all().len() - events.len();
    match left_out {
        0 => "all".to_owned(),
        1..20 => format!("all but {left_out}"),
        _ => events.names().collect::<Vec<_>>().join(" "),
    }
}

#[test]
fn events_of_conditions() {
    for (condition, expected) in [
        ("evt.type = open", "open"),
        ("evt.type in (open, read, procexit)", "procexit open read"),
        ("evt.type = anyof (open, read)", "open read"),
        ("proc.name = x", "all"),
        (
            "evt.type in (container, container_removed)",
            "container container_removed",
        ),
        ("evt.type = open and proc.name = x", "open"),
        ("evt.type = open or proc.name = x", "all"),
        ("evt.type = open or evt.type = read", "open read"),
        (
            "evt.type in (open, read) and evt.type in (read, close)",
            "read",
        ),
        ("evt.type = open and evt.type = read", ""),
        ("evt.type != open", "all but 1"),
        ("not evt.type = open", "all but 1"),
        ("not evt.type != open", "open"),
        ("not (evt.type != open and evt.type != read)", "open read"),
        ("not (evt.type = open or evt.type = read)", "all but 2"),
        ("not (evt.type = open and proc.name = x)", "all"),
        ("opened", "open openat creat"),
        ("other", "all but 3"),
        ("not other and proc.name = x", "open openat creat"),
        ("opened and not evt.type = open", "openat creat"),
        ("syscall.type = read", "read"),
        ("syscall.type = execveat", "execve execveat"),
        ("syscall.type != read", "all"),
        ("evt.type startswith open", "all"),
    ] {
        assert_eq!(events(condition), expected, "{condition}");
    }
}

#[test]
fn an_event_that_captures_have_no_number_for_is_one() {
    let never = |condition: &str| {
        let loaded = load(condition);
        let mut all = loaded.diagnostics.iter();
        all.any(|diagnostic| diagnostic.code == Code::NeverMatches)
    };
    assert!(!never("evt.type = container_removed"));
    assert!(never("evt.type = open and evt.type = read"));
}

#[test]
fn interest_of_rules() {
    let interest = ruleset("evt.type in (read, openat) or evt.type = procexit").interest();
    let names: Vec<_> = SYSCALLS
        .iter()
        .filter(|s| {
            let number = usize::from(s.number());
            let word = interest.syscalls.get(number / 64);
            word.is_some_and(|word| word >> (number % 64) & 1 == 1)
        })
        .map(|s| s.name)
        .collect();
    assert_eq!(names, ["read", "openat"]);
    assert_eq!(interest.hooks, hook::EXIT);
}

#[test]
fn descriptors_are_told_where_rules_ask() {
    let write = SYSCALLS.iter().find(|s| s.name == "write").expect("a call");
    let read = SYSCALLS.iter().find(|s| s.name == "read").expect("a call");
    let asks = |text: String| {
        let path = "rules.yaml".to_owned();
        let source = RuleSource { path, text };
        let loaded = Ruleset::load(&[source], &FieldTable::new(FIELDS), &LoadOptions::default());
        let interest = loaded.ruleset.expect("a ruleset").interest();
        [write, read].map(|call| {
            let number = usize::from(call.number());
            interest.descriptors[number / 64] >> (number % 64) & 1 == 1
        })
    };
    let rule = |condition: &str, output: &str| {
        format!(
            "- {{rule: '{condition}', desc: d, condition: '{condition}', output: '{output}', \
             priority: INFO}}\n"
        )
    };
    let silent = "evt.type = write and proc.name = x";
    assert_eq!(asks(rule(silent, "%proc.cmdline %user.name")), [false; 2]);
    assert_eq!(asks(rule(silent, "%fd.name")), [true, false]);
    assert_eq!(asks(rule(silent, "%toupper(fd.name)")), [true, false]);
    assert_eq!(asks(rule(silent, "%evt.args")), [true, false]);
    for part in ["fd.num = 1", "evt.arg.fd contains x", "proc.cwd = x"] {
        let condition = format!("{silent} and {part}");
        assert_eq!(asks(rule(&condition, "o")), [true, false], "{part}");
    }
    let other = rule("evt.type = read and fd.type = file", "o");
    assert_eq!(asks(rule(silent, "o") + &other), [false, true]);
    let named = "- {macro: inner, condition: not fd.name = x}\n\
                 - {macro: outer, condition: inner or proc.name = y}\n";
    let by_macro = named.to_owned() + &rule("evt.type in (read, write) and outer", "o");
    assert_eq!(asks(by_macro), [true; 2]);
    assert_eq!(asks(named.to_owned() + &rule(silent, "o")), [false; 2]);
    let exception = "- {rule: e, desc: d, condition: evt.type = read, output: o, priority: INFO, \
                     exceptions: [{name: n, fields: [fd.name], values: [[/x]]}]}\n";
    assert_eq!(asks(exception.to_owned()), [false, true]);
}

#[test]
fn only_rules_that_name_busy_events_ask_for_them() {
    for (condition, expected) in [
        ("evt.type = switch", hook::SWITCH),
        (
            "evt.type in (page_fault, procexit)",
            hook::FAULT | hook::EXIT,
        ),
        ("evt.type in (open, close)", 0),
    ] {
        assert_eq!(ruleset(condition).interest().hooks, expected, "{condition}");
    }
    for condition in ["proc.name = x", "evt.type != open"] {
        let hooks = ruleset(condition).interest().hooks;
        assert_eq!(hooks & (hook::SWITCH | hook::FAULT), 0, "{condition}");
    }
}

#[test]
fn rules_that_are_off_ask_for_nothing() {
    let source = RuleSource {
        path: "rules.yaml".to_owned(),
        text: "- {rule: r, desc: d, condition: evt.type = open, output: o, priority: INFO, enabled: false}\n"
            .to_owned(),
    };
    let loaded = Ruleset::load(&[source], &FieldTable::new(FIELDS), &LoadOptions::default());
    let ruleset = loaded.ruleset.expect("a ruleset");
    assert!(ruleset.events().is_empty());
    assert_eq!(ruleset.rules().len(), 1);
}
