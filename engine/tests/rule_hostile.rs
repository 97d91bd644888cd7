//! Rule files from strangers: whatever is in them, loading ends with a
//! ruleset or with diagnostics that can be shown.

use std::path::Path;
use std::time::{Duration, Instant};

use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::{LoadOptions, LoadResult, RuleSource, Ruleset};

fn load(text: &str) -> LoadResult {
    let source = RuleSource {
        path: "rules.yaml".to_owned(),
        text: text.to_owned(),
    };
    let table = FieldTable::new(FIELDS);
    let result = Ruleset::load(&[source], &table, &LoadOptions::default());
    for diagnostic in &result.diagnostics {
        assert!(!diagnostic.to_string().is_empty());
    }
    result
}

fn condition(text: &str) -> LoadResult {
    load(&format!(
        "- {{rule: r, desc: d, condition: {text:?}, output: o, priority: INFO}}\n"
    ))
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn changed_files() {
    const PIECES: [&str; 24] = [
        "(", ")", "\"", "'", "[", "]", "{", "}", ",", ":", "- ", "\n", "  ", "%", "\\", "=",
        " and ", " not ", "é", "\u{0}", "*", "&x", ">", "|",
    ];
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/rules");
    let read = |name: &str| std::fs::read_to_string(cases.join(name)).expect("a file");
    let texts = ["exceptions.yaml", "overrides.yaml", "operators.yaml"].map(read);
    let shipped = read("../../rules/falco_rules.yaml");
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..400 {
        let whole = texts
            .iter()
            .chain([&shipped])
            .nth(round % 4)
            .expect("a text");
        // A part of a file, so that each change matters.
        let start = random.below(whole.len() / 2);
        let end = start + 1 + random.below(whole.len() - start);
        let mut text: Vec<char> = whole
            .bytes()
            .skip(start)
            .take((end - start).min(4_000))
            .map(char::from)
            .collect();
        for _ in 0..1 + random.below(6) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => drop(text.drain(at..(at + 1 + random.below(8)).min(text.len() - 1).max(at))),
                1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].chars())),
                _ => {
                    let piece = PIECES[random.below(PIECES.len())];
                    text[at] = piece.chars().next().unwrap_or('x');
                }
            }
        }
        let text: String = text.into_iter().collect();
        load(&text);
        condition(&text.chars().take(300).collect::<String>());
        load(&format!(
            "- {{rule: r, desc: d, condition: evt.type = open, output: {text:?}, priority: INFO}}\n"
        ));
    }
}

/// Conditions, outputs and files of the cases, put together anew and changed.
/// `FALCO_ROUNDS` says how often, `FALCO_SEED` from where on.
#[test]
fn changed_texts() {
    const PIECES: [&str; 22] = [
        "(",
        ")",
        "\"",
        "'",
        "[",
        "]",
        ",",
        " and ",
        " or ",
        " not ",
        "é",
        "%",
        "\\",
        "=",
        " in ",
        "*",
        "{2}",
        "val(",
        "evt.arg.",
        "proc.aname",
        "0x",
        "\n",
    ];
    let number = |name: &str, default| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/rules/codes.yaml");
    let text = std::fs::read_to_string(path).expect("a file");
    let cases: Vec<serde_yaml::Mapping> = serde_yaml::from_str(&text).expect("cases");
    let texts_of = |kind: &str| -> Vec<String> {
        let tables = cases.iter().filter_map(|case| case.get(kind)?.as_mapping());
        let texts = tables.flat_map(|table| table.keys());
        texts
            .filter_map(|text| Some(text.as_str()?.to_owned()))
            .collect()
    };
    let kinds = ["codes", "condition_codes", "output_codes"].map(texts_of);
    let mut random = Random(number("FALCO_SEED", 0x9E37_79B9_7F4A_7C15));
    for round in 0..number("FALCO_ROUNDS", 600) {
        let kind = round as usize % kinds.len();
        let texts = &kinds[kind];
        let mut text: Vec<char> = Vec::new();
        for _ in 0..1 + random.below(2) {
            let other: Vec<char> = texts[random.below(texts.len())].chars().collect();
            let (cut, from) = (
                random.below(text.len() + 1),
                random.below(other.len() + 1) / 2,
            );
            text.splice(cut.., other[from..].iter().copied());
        }
        for _ in 0..random.below(6) {
            let at = random.below(text.len() + 1);
            let end = (at + random.below(6)).min(text.len());
            let piece = PIECES[random.below(PIECES.len())];
            match random.below(3) {
                0 => drop(text.drain(at..end)),
                1 => drop(text.splice(at..at, piece.chars())),
                _ => {
                    let copy = text[at..end].to_vec();
                    let to = random.below(text.len() + 1);
                    text.splice(to..to, copy);
                }
            }
        }
        let text: String = text.into_iter().collect();
        let started = Instant::now();
        match kind {
            0 => drop(load(&text)),
            1 => drop(condition(&text)),
            _ => {
                let rule = "rule: r, desc: d, condition: evt.type = open, priority: INFO";
                load(&format!("- {{{rule}, output: {text:?}}}\n"));
            }
        }
        let took = started.elapsed();
        assert!(took < Duration::from_secs(20), "{took:?} for {text:?}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for text in [
        "(".repeat(100_000),
        format!("{}proc.name = x", "not (".repeat(50_000)),
        format!("len({} > 1", "(".repeat(50_000)),
        format!("{}proc.name exists", "tolower(".repeat(50_000)),
    ] {
        assert!(condition(&text).ruleset.is_none());
    }
    assert!(load(&"- ".repeat(100_000)).ruleset.is_none());
    assert!(load(&"{a: ".repeat(100_000)).ruleset.is_none());
    assert!(load(&"[".repeat(100_000)).ruleset.is_none());
}

#[test]
fn macros_of_macros_take_no_exponential_room() {
    let started = Instant::now();
    let mut text = "- {macro: m0, condition: evt.type = open}\n".to_owned();
    for at in 1..=60 {
        let inner = at - 1;
        text +=
            &format!("- {{macro: m{at}, condition: m{inner} and (m{inner} or not m{inner})}}\n");
    }
    text += "- {rule: r, desc: d, condition: m60, output: o, priority: INFO}\n";
    assert!(load(&text).ruleset.is_some());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn long_chains_are_errors() {
    let mut macros = "- {macro: m0, condition: evt.type = open}\n".to_owned();
    let mut lists = "- {list: l0, items: [a, a]}\n".to_owned();
    for at in 1..5_000 {
        macros += &format!("- {{macro: m{at}, condition: m{}}}\n", at - 1);
        lists += &format!("- {{list: l{at}, items: [l{}, l{}]}}\n", at - 1, at - 1);
    }
    // Only what a rule uses is put together.
    assert!(load(&macros).ruleset.is_some());
    macros += "- {rule: r, desc: d, condition: m4999, output: o, priority: INFO}\n";
    assert!(load(&macros).ruleset.is_none());
    assert!(load(&lists).ruleset.is_none());
}

#[test]
fn costly_expressions_are_errors() {
    assert!(
        condition("proc.name regex '(((a{100}){100}){100}){100}'")
            .ruleset
            .is_none()
    );
    let path = "/a".repeat(10_000);
    assert!(
        condition(&format!("fd.name pmatch ({path})"))
            .ruleset
            .is_none()
    );
}
