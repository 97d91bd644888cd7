//! The way from a file to a place in it, by the things that rule files are
//! made of: what programs are told beside line and column.

use std::rc::Rc;

use crate::yaml::{Kind, Node};

/// One thing on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What kind of thing it is, under Falco's name.
    pub kind: &'static str,
    /// Its name, where it has one.
    pub name: String,
    /// Where it begins, in bytes.
    pub offset: usize,
}

/// Kinds of items by the key that makes them; the first that an item has counts.
const ITEMS: [(&str, &str); 5] = [
    ("required_engine_version", "required_engine_version"),
    ("required_plugin_versions", "required plugin versions"),
    ("list", "list"),
    ("macro", "macro"),
    ("rule", "rule"),
];

/// The things around a byte of a file, the outermost first. `None` for
/// `documents` says that the file is no YAML.
pub fn steps(documents: Option<&[Rc<Node>]>, offset: usize) -> Vec<Step> {
    let mut steps = Steps {
        offset,
        steps: Vec::new(),
    };
    steps.push("rules content", "", 0);
    match documents {
        None => steps.push("value for", "", offset),
        Some(documents) => {
            let inside = documents.iter().find(|document| steps.is_in(document));
            let item = inside.and_then(|document| steps.element(document));
            if let Some(item) = item {
                steps.item(item);
            }
        }
    }
    steps.steps
}

struct Steps {
    offset: usize,
    steps: Vec<Step>,
}

impl Steps {
    fn push(&mut self, kind: &'static str, name: &str, offset: usize) {
        let name = name.to_owned();
        self.steps.push(Step { kind, name, offset });
    }

    fn is_in(&self, node: &Node) -> bool {
        (node.place.span.start..=node.place.span.end).contains(&self.offset)
    }

    /// The element of a sequence that the byte is in.
    fn element<'n>(&self, node: &'n Node) -> Option<&'n Node> {
        let Kind::Sequence(items) = &node.kind else {
            return None;
        };
        let found = items.iter().rev().find(|item| self.is_in(item));
        found.map(|item| &**item)
    }

    /// The value of a map that the byte is in, with its key.
    fn value<'n>(&self, node: &'n Node) -> Option<(&'n str, &'n Node)> {
        let Kind::Map(pairs) = &node.kind else {
            return None;
        };
        let mut pairs = pairs.iter().rev();
        let (key, value) = pairs.find(|(_, value)| self.is_in(value))?;
        Some((key.text()?, value))
    }

    fn item(&mut self, item: &Node) {
        let found = ITEMS.iter().find(|(key, _)| item.get(key).is_some());
        let Some(&(key, kind)) = found else {
            return self.push("rules content item", "", start(item));
        };
        let own = item.get(key);
        let name = own.and_then(Node::text).unwrap_or_default();
        match key {
            "required_plugin_versions" => {
                self.push(kind, "", own.map_or(start(item), start));
                own.into_iter().for_each(|plugins| self.plugins(plugins));
            }
            "required_engine_version" => self.push(kind, "", start(item)),
            _ => {
                self.push(kind, name, start(item));
                if let Some((inner, value)) = self.value(item)
                    && inner != key
                {
                    self.part(key, inner, value);
                }
            }
        }
    }

    fn plugins(&mut self, plugins: &Node) {
        let Some(entry) = self.element(plugins) else {
            return;
        };
        self.push("required plugin versions entry", name(entry), start(entry));
        let alternatives = entry.get("alternatives");
        if let Some(other) = alternatives.and_then(|alternatives| self.element(alternatives)) {
            let kind = "required plugin versions alternative";
            self.push(kind, name(other), start(other));
        }
    }

    /// What the key `key` of an item of this kind gives.
    fn part(&mut self, kind: &str, key: &str, value: &Node) {
        let at = start(value);
        match (kind, key) {
            ("macro", "condition") => self.text("macro condition", "condition expression", at),
            ("rule", "condition") => self.text("rule condition", "condition expression", at),
            ("rule", "output") => self.text("rule output", "rule output expression", at),
            ("rule", "priority") => self.push("rule priority", "", at),
            ("rule", "exceptions") => self.exceptions(value),
            (_, "override") => {
                self.push("overrides", "", at);
                if let Some((key, value)) = self.value(value) {
                    self.push("value for", key, start(value));
                }
            }
            _ => {
                self.push("value for", key, at);
                if let Some(element) = self.element(value) {
                    self.push("list item", "", start(element));
                }
            }
        }
    }

    fn text(&mut self, kind: &'static str, expression: &'static str, at: usize) {
        self.push(kind, "", at);
        self.push(expression, "", self.offset);
    }

    fn exceptions(&mut self, exceptions: &Node) {
        let Some(exception) = self.element(exceptions) else {
            return self.push("exceptions", "", start(exceptions));
        };
        self.push("exception", name(exception), start(exception));
        match self.value(exception) {
            Some(("values", values)) => {
                self.push("exception values", "", start(values));
                if let Some(value) = self.element(values) {
                    self.push("exception value", "", start(value));
                }
            }
            Some((key, value)) if key != "name" => self.push("value for", key, start(value)),
            _ => {}
        }
    }
}

fn start(node: &Node) -> usize {
    node.place.span.start
}

fn name(node: &Node) -> &str {
    node.get("name").and_then(Node::text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{self, Source};

    /// The way to where `needle` stands first, each thing with the beginning
    /// of its text.
    fn way(text: &str, needle: &str) -> String {
        let documents = yaml::parse(&Source::new("rules.yaml", text), 0, 1000).ok();
        let steps = steps(documents.as_deref(), text.find(needle).expect("the needle"));
        let steps = steps.iter().skip(1).map(|step| {
            let begin: String = text[step.offset..].chars().take(7).collect();
            match step.name.as_str() {
                "" => format!("{}: {begin:?}", step.kind),
                name => format!("{} {name}: {begin:?}", step.kind),
            }
        });
        steps.collect::<Vec<_>>().join(" > ")
    }

    #[test]
    fn ways_into_items() {
        let text = "- list: a\n  items: [x, yy]\n\
                    - macro: m\n  condition: evt.foo = 1\n\
                    - rule: r\n  condition: m and evt.bar\n  output: '%none'\n  tags: [t1]\n  \
                    priority: P\n  exceptions:\n  - name: e\n    fields: f.g\n    values: [v1]\n";
        for (needle, expected) in [
            ("list: a", r#"list a: "list: a""#),
            (
                "yy",
                r#"list a: "list: a" > value for items: "[x, yy]" > list item: "yy]\n- m""#,
            ),
            (
                "foo",
                r#"macro m: "macro: " > macro condition: "evt.foo" > condition expression: "foo = 1""#,
            ),
            (
                "bar",
                r#"rule r: "rule: r" > rule condition: "m and e" > condition expression: "bar\n  o""#,
            ),
            (
                "none",
                r#"rule r: "rule: r" > rule output: "'%none'" > rule output expression: "none'\n ""#,
            ),
            (
                "t1",
                r#"rule r: "rule: r" > value for tags: "[t1]\n  " > list item: "t1]\n  p""#,
            ),
            ("P\n", r#"rule r: "rule: r" > rule priority: "P\n  exc""#),
            (
                "f.g",
                r#"rule r: "rule: r" > exception e: "name: e" > value for fields: "f.g\n   ""#,
            ),
            (
                "v1",
                r#"rule r: "rule: r" > exception e: "name: e" > exception values: "[v1]\n" > exception value: "v1]\n""#,
            ),
        ] {
            assert_eq!(way(text, needle), expected, "{needle}");
        }
    }

    #[test]
    fn other_ways() {
        let plugins = "- required_plugin_versions:\n  - name: a\n    version: 1\n    \
                       alternatives:\n    - name: b\n      version: x\n";
        for (text, needle, expected) in [
            ("a: [", "[", r#"value for: "[""#),
            ("- x: y\n", "y", r#"rules content item: "x: y\n""#),
            (
                "- list: a\n  items: []\n  override: {items: add}\n",
                "add",
                r#"list a: "list: a" > overrides: "{items:" > value for items: "add}\n""#,
            ),
            (
                plugins,
                "x\n",
                r#"required plugin versions: "name: a" > required plugin versions entry a: "name: a" > required plugin versions alternative b: "name: b""#,
            ),
        ] {
            assert_eq!(way(text, needle), expected, "{needle}");
        }
    }
}
