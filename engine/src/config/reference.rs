//! The table of keys as a document for people and as a schema for programs.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::keys::{APPEND_KEYS, KEYS, MATCH_KEYS};
use super::schema::{Key, Kind, Support};

const HEAD: &str = "\
# Configuration

Every key of `falco.yaml`. This file is made from the table by which the program reads the
configuration; `UPDATE_DOCS=1 cargo test --test config_reference` makes it anew.

The main file is `/etc/falco/falco.yaml` or that of `-c`. Then come the files of `config_files`, then
the options `-o key=value`. In a value, `${NAME}` is replaced by that environment variable, `$${NAME}`
stands for `${NAME}`. Relative paths begin where the program was started. A key that is misspelled is
a warning, a value of the wrong type an error, each with file, line and column. Files that others than
root and the user of the engine can write are warned of.

Falco's keys do here what they do there, but for those whose row says otherwise; a key that has no
effect is named in a warning with the reason when it is set. \"Not known to Falco\" marks additions.
";

/// The document that describes all keys.
pub fn markdown() -> String {
    let mut text = HEAD.to_owned();
    table(&mut text, "Keys", KEYS);
    table(&mut text, "An entry of `append_output`", APPEND_KEYS);
    table(&mut text, "`match` in such an entry", MATCH_KEYS);
    text
}

// Writing to a string cannot fail.

fn table<T>(text: &mut String, title: &str, keys: &[Key<T>]) {
    let _ = writeln!(
        text,
        "\n## {title}\n\n| key | value | without it | meaning |"
    );
    text.push_str("| --- | --- | --- | --- |\n");
    for key in keys {
        let form = key.kind.form();
        let default = match key.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let note = match key.support {
            Support::Full => String::new(),
            Support::Pending { effect, .. } => format!(" Not supported yet: {effect}."),
            Support::Follows(switch) => match pending(switch) {
                true => format!(" Has no effect, like `{switch}`."),
                false => String::new(),
            },
            Support::Absent { reason, .. } | Support::Needless(reason) => {
                format!(" Has no effect: {reason}.")
            }
        };
        let meaning = format!("{}{note}", key.meaning).replace('|', "\\|");
        let name = key.name;
        let _ = writeln!(text, "| `{name}` | {form} | {default} | {meaning} |");
    }
}

fn pending(switch: &str) -> bool {
    let row = KEYS.iter().find(|key| key.name == switch);
    row.is_some_and(|row| !matches!(row.support, Support::Full))
}

/// `--config-schema`: the form of `falco.yaml` as JSON schema.
pub fn json_schema() -> Value {
    let mut schema = schema(KEYS);
    schema["$schema"] = json!("http://json-schema.org/draft-06/schema#");
    schema["title"] = json!("falco.yaml");
    schema
}

/// The JSON schema of what a table reads.
pub(super) fn schema<T>(table: &[Key<T>]) -> Value {
    let mut root = section();
    for key in table {
        let (sections, name) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        let mut node = &mut root;
        for part in sections.split('.').filter(|part| !part.is_empty()) {
            node = properties(node).entry(part).or_insert_with(section);
        }
        let mut value = of_kind(&key.kind);
        value["description"] = json!(key.meaning);
        properties(node).insert(name.to_owned(), value);
    }
    root
}

fn section() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn properties(section: &mut Value) -> &mut Map<String, Value> {
    let properties = section["properties"].as_object_mut();
    properties.expect("sections are made with properties")
}

fn of_kind<T>(kind: &Kind<T>) -> Value {
    match kind {
        Kind::Bool(_) => json!({ "type": "boolean" }),
        Kind::Integer { min, max, .. } => match max {
            &u64::MAX => json!({ "type": "integer", "minimum": min }),
            max => json!({ "type": "integer", "minimum": min, "maximum": max }),
        },
        Kind::Number { min, max, .. } => match max.is_infinite() {
            true => json!({ "type": "number", "minimum": min }),
            false => json!({ "type": "number", "minimum": min, "maximum": max }),
        },
        Kind::Text(_) => json!({ "type": "string" }),
        Kind::Clamped { .. } => json!({ "type": "integer", "minimum": 0 }),
        // Letters of either case are accepted: the three ways in which people write.
        Kind::Choice { words, .. } => {
            let upper = |word: &&str| word.to_uppercase();
            let title = |word: &&str| word[..1].to_uppercase() + &word[1..];
            let all = words.iter().map(|word| (*word).to_owned());
            let all = all
                .chain(words.iter().map(title))
                .chain(words.iter().map(upper));
            json!({ "enum": all.collect::<Vec<_>>() })
        }
        Kind::Texts(_) => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Special { schema, .. } => schema(),
    }
}
