//! The form of rule files as a JSON schema, and how far a file has that form.
//! What the schema says is narrower than what is read: it is advice, never an
//! error.

use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::output::Priority;
use crate::yaml::{Kind, Node, Scalar};

/// Most deviations that are told of one file.
const MAX_WARNINGS: usize = 1000;

/// Keys of items, each with the schema of its value.
fn item_keys() -> Value {
    let (text, truth) = (json!({"type": "string"}), json!({"type": "boolean"}));
    let list_of = |item: Value| json!({"type": "array", "items": item});
    json!({
        "append": truth,
        "capture": truth,
        "capture_duration": {"type": "integer"},
        "condition": text,
        "desc": text,
        "enabled": truth,
        "exceptions": list_of(definition("Exception")),
        "items": list_of(definition("Item")),
        "list": text,
        "macro": text,
        "output": text,
        "override": definition("Override"),
        "priority": definition("Priority"),
        "required_engine_version": text,
        "required_plugin_versions": list_of(definition("RequiredPluginVersion")),
        "rule": text,
        "skip-if-unknown-filter": truth,
        "source": text,
        "tags": list_of(text.clone()),
        "warn_evttypes": truth,
    })
}

/// Keys that `override` can name.
const OVERRIDDEN: [&str; 12] = [
    "capture",
    "capture_duration",
    "condition",
    "desc",
    "enabled",
    "exceptions",
    "items",
    "output",
    "priority",
    "skip-if-unknown-filter",
    "tags",
    "warn_evttypes",
];

fn definition(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn object(title: &str, properties: impl Into<Value>) -> Value {
    json!({
        "title": title,
        "type": "object",
        "additionalProperties": false,
        "properties": properties.into(),
    })
}

/// The schema. Falco's has the same names and the same shape.
pub fn schema() -> Value {
    let text = json!({"type": "string"});
    let with = |mut object: Value, key: &str, value: Value| {
        object[key] = value;
        object
    };
    let version = json!({"name": text, "version": text});
    let plugin = json!({
        "name": text,
        "version": text,
        "alternatives": {"type": "array", "items": definition("Alternative")},
    });
    let exception = json!({"name": text, "fields": {}, "comps": {}, "values": {}});
    let overridden: Map<_, _> = OVERRIDDEN
        .iter()
        .map(|&key| (key.to_owned(), definition("OverriddenItem")))
        .collect();
    let needed = json!(["name", "version"]);
    let definitions = [
        with(object("Alternative", version), "required", needed.clone()),
        with(object("Exception", exception), "required", json!(["name"])),
        with(object("FalcoRule", item_keys()), "required", json!([])),
        json!({"title": "Item", "anyOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"title": "OverriddenItem", "type": "string", "enum": ["append", "replace"]}),
        with(object("Override", overridden), "minProperties", json!(1)),
        json!({"title": "Priority", "type": "string", "enum": priorities()}),
        with(object("RequiredPluginVersion", plugin), "required", needed),
    ];
    let named = definitions.into_iter().map(|definition| {
        let name = definition["title"].as_str().unwrap_or_default().to_owned();
        (name, definition)
    });
    json!({
        "$schema": "http://json-schema.org/draft-06/schema#",
        "type": "array",
        "items": definition("FalcoRule"),
        "definitions": named.collect::<Map<_, _>>(),
    })
}

/// Names of priorities, `INFO` before its long form.
fn priorities() -> Vec<String> {
    let mut names: Vec<_> = Priority::ALL
        .iter()
        .map(|priority| priority.name().to_uppercase())
        .collect();
    let long = names.iter().position(|name| name == "INFORMATIONAL");
    names.insert(long.unwrap_or(names.len()), "INFO".to_owned());
    names
}

/// Where a file does not have the form that the schema asks for, one text for
/// each place.
pub fn check(documents: &[Rc<Node>]) -> Vec<String> {
    let schema = schema();
    let mut checker = Checker {
        root: &schema,
        warnings: Vec::new(),
    };
    for document in documents.iter().filter(|document| !document.is_null()) {
        checker.check(document, &schema, "<root>");
    }
    checker.warnings
}

/// Knows the words of JSON schemas that ours has.
struct Checker<'s> {
    root: &'s Value,
    warnings: Vec<String>,
}

impl<'s> Checker<'s> {
    fn warn(&mut self, path: &str, what: &str) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(format!("failed for {path}: {what}"));
        }
    }

    fn check(&mut self, node: &Node, schema: &'s Value, path: &str) {
        if let Some(target) = schema["$ref"].as_str() {
            let target = target.strip_prefix('#');
            let found = target.and_then(|pointer| self.root.pointer(pointer));
            return found.into_iter().for_each(|s| self.check(node, s, path));
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let fits = |choice: &Value| choice["type"].as_str().is_none_or(|ty| is_of(node, ty));
            if !choices.iter().any(fits) {
                self.warn(path, "the value is of none of the possible types");
            }
            return;
        }
        if let Some(ty) = schema["type"].as_str()
            && !is_of(node, ty)
        {
            return self.warn(path, &format!("the value is not of type {ty}"));
        }
        if let (Some(values), Some(text)) = (schema["enum"].as_array(), node.text())
            && !values.iter().any(|value| value == text)
        {
            self.warn(path, &format!("`{text}` is none of the possible values"));
        }
        match &node.kind {
            Kind::Scalar(_) => {}
            Kind::Sequence(items) => {
                if let Some(schema) = schema.get("items") {
                    for (at, item) in items.iter().enumerate() {
                        // Empty items are skipped when rules are read.
                        if !item.is_null() {
                            self.check(item, schema, &format!("{path}[{at}]"));
                        }
                    }
                }
            }
            Kind::Map(_) => self.check_map(node, schema, path),
        }
    }

    fn check_map(&mut self, node: &Node, schema: &'s Value, path: &str) {
        let Kind::Map(pairs) = &node.kind else {
            return;
        };
        for (key, value) in pairs {
            let key = key.text().unwrap_or_default();
            match schema["properties"].get(key) {
                Some(inner) => self.check(value, inner, &format!("{path}[{key}]")),
                None if schema["additionalProperties"] == false => {
                    self.warn(path, &format!("the key `{key}` is not known"));
                }
                None => {}
            }
        }
        for key in schema["required"].as_array().into_iter().flatten() {
            let key = key.as_str().unwrap_or_default();
            if node.get(key).is_none() {
                self.warn(path, &format!("the key `{key}` is missing"));
            }
        }
        let least = schema["minProperties"].as_u64().unwrap_or(0);
        if (pairs.len() as u64) < least {
            self.warn(path, "there are too few keys");
        }
    }
}

/// Whether a value is, or can be read as, one of a type.
fn is_of(node: &Node, ty: &str) -> bool {
    match (&node.kind, ty) {
        (Kind::Scalar(_), _) if node.is_null() => false,
        (Kind::Scalar(_), "string") | (Kind::Sequence(_), "array") | (Kind::Map(_), "object") => {
            true
        }
        (Kind::Scalar(scalar), "integer") => scalar.text.parse::<i64>().is_ok(),
        (Kind::Scalar(scalar), "boolean") => Scalar::boolean(scalar).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{self, Source};

    fn warnings(text: &str) -> Vec<String> {
        let source = Source::new("rules.yaml", text);
        check(&yaml::parse(&source, 0, 1000).expect("YAML"))
    }

    #[test]
    fn what_fits_is_not_mentioned() {
        let text = "- required_engine_version: 0.57.0\n- list: a\n  items: [1, b]\n\
                    - rule: r\n  desc: d\n  condition: c\n  output: o\n  priority: INFO\n  \
                    tags: [a]\n  enabled: yes\n  override: {condition: append}\n-\n";
        assert_eq!(warnings(text), [""; 0]);
    }

    #[test]
    fn each_deviation_is_told_with_its_path() {
        let text = "- rule: r\n  priority: Info\n  colour: red\n  tags: none\n  enabled: 7\n\
                    - list: a\n  items: [[b]]\n  override: {}\n- macro: {}\n\
                    - rule: s\n  exceptions: [{fields: a}]\n";
        assert_eq!(
            warnings(text),
            [
                "failed for <root>[0][priority]: `Info` is none of the possible values",
                "failed for <root>[0]: the key `colour` is not known",
                "failed for <root>[0][tags]: the value is not of type array",
                "failed for <root>[0][enabled]: the value is not of type boolean",
                "failed for <root>[1][items][0]: the value is of none of the possible types",
                "failed for <root>[1][override]: there are too few keys",
                "failed for <root>[2][macro]: the value is not of type string",
                "failed for <root>[3][exceptions][0]: the key `name` is missing",
            ]
        );
        assert_eq!(
            warnings("a: b\n"),
            ["failed for <root>: the value is not of type array"]
        );
    }
}
