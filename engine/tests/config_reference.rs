//! The documents that are made from the table of keys.

use std::fs;
use std::path::Path;

use falco_engine::config::{self, reference};
use serde_json::Value;

fn schema_keys(schema: &Value, prefix: &str, keys: &mut Vec<String>) {
    let properties = schema["properties"].as_object();
    for (name, value) in properties.into_iter().flatten() {
        let name = format!("{prefix}{name}");
        if value["properties"].is_object() {
            schema_keys(value, &format!("{name}."), keys);
        } else {
            keys.push(name);
        }
    }
}

#[test]
fn the_document_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let made = reference::markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/configuration.md is not that of the table: run with UPDATE_DOCS=1"
    );
    for key in config::KEYS {
        assert!(
            made.contains(&format!("\n| `{}` | ", key.name)),
            "{}",
            key.name
        );
    }
}

#[test]
fn the_schema_has_every_key() {
    let mut keys = Vec::new();
    schema_keys(&reference::json_schema(), "", &mut keys);
    let mut expected: Vec<_> = config::KEYS.iter().map(|key| key.name.to_owned()).collect();
    keys.sort();
    expected.sort();
    assert_eq!(keys, expected);
}

/// Keys of a JSON schema that refers to definitions.
fn falco_keys(root: &Value, schema: &Value, prefix: &str, keys: &mut Vec<String>) {
    let schema = resolve(root, schema);
    for (name, value) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        let value = resolve(root, value);
        if value["properties"].is_object() {
            falco_keys(root, value, &format!("{name}."), keys);
        } else {
            keys.push(name);
        }
    }
}

fn resolve<'v>(root: &'v Value, value: &'v Value) -> &'v Value {
    match value["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#"))
    {
        Some(path) => root.pointer(path).expect("a definition"),
        None => value,
    }
}

#[test]
fn every_key_of_falco_is_known() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/reference/listings/config-schema.json");
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: there is no {}", path.display());
        return;
    };
    let schema: Value = serde_json::from_str(&text).unwrap();
    let mut keys = Vec::new();
    falco_keys(&schema, &schema, "", &mut keys);
    assert!(keys.len() > 100, "{keys:?}");
    for key in keys {
        assert!(config::KEYS.iter().any(|known| known.name == key), "{key}");
    }
}
