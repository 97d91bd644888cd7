//! YAML as a tree whose every node knows where it was written.
//!
//! The parser underneath only yields events. This file turns them into nodes
//! and sets the limits: a file from a stranger may cost neither the stack nor
//! the memory of the process.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::diagnostic::{Diagnostic, Location};

/// Nesting that no configuration needs, far below what the stack can take.
const MAX_DEPTH: usize = 64;

/// Aliases can multiply a small text, so what counts is the number of nodes
/// after they are resolved.
const MAX_NODES: usize = 100_000;

/// A part of a YAML document.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub at: Location,
    /// What it is.
    pub value: Value,
}

/// What a [`Node`] holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A single value. `plain` is false if it was quoted or a block.
    Scalar {
        /// The text without quotes and escapes.
        text: String,
        /// Written without quotes, so `~` and nothing mean "no value".
        plain: bool,
    },
    /// `[a, b]` or lines with dashes.
    List(Vec<Node>),
    /// Keys with their values, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key of a map.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub at: Location,
}

impl Node {
    /// A node without a value, as `key:` with nothing behind it gives.
    pub(crate) fn null(at: Location) -> Self {
        Self {
            at,
            value: Value::Scalar {
                text: String::new(),
                plain: true,
            },
        }
    }

    /// Whether it says "no value".
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Looks `name` up in a map.
    pub fn get(&self, name: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(_, node)| node),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|(_, node)| 1 + node.count()).sum(),
        }
    }
}

/// One line, as in a diagnostic.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Scalar { text, .. } => f.write_str(text),
            Value::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, node)) in entries.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{}: {node}", key.name)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Reads the only document of `text`; `file` names it in locations.
pub(super) fn parse(file: &Arc<str>, text: &str) -> Result<Node, Diagnostic> {
    let mut builder = Builder {
        file,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let root = loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd => return Ok(Node::null(builder.location(span))),
            event => break builder.node(event, span, 0)?,
        }
    };
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::DocumentEnd | Event::Nothing => {}
            _ => {
                let at = builder.location(span);
                return Err(Diagnostic::error(
                    &at,
                    "a second YAML document is not allowed here",
                ));
            }
        }
    }
}

struct Builder<'a> {
    file: &'a Arc<str>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn location(&self, span: Span) -> Location {
        // The parser counts columns from 0 and lines from 1.
        Location {
            file: self.file.clone(),
            line: span.start.line(),
            column: span.start.col() + 1,
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = self.location(Span::empty(*error.marker()));
                Err(Diagnostic::error(
                    &at,
                    format!("not valid YAML: {}", error.info()),
                ))
            }
            // Only after the end of the stream, where both loops above stop.
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn spend(&mut self, nodes: usize, at: &Location) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let text = format!("more than {MAX_NODES} values in one file");
            return Err(Diagnostic::error(at, text));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        let at = self.location(span);
        self.spend(1, &at)?;
        if depth > MAX_DEPTH {
            let text = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(Diagnostic::error(&at, text));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _tag) => {
                let plain = style == ScalarStyle::Plain;
                (
                    anchor,
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                )
            }
            Event::SequenceStart(anchor, _tag) => {
                let mut items = Vec::new();
                loop {
                    let (event, span) = self.next()?;
                    if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                        break;
                    }
                    items.push(self.node(event, span, depth + 1)?);
                }
                (anchor, Value::List(items))
            }
            Event::MappingStart(anchor, _tag) => (anchor, Value::Map(self.entries(depth)?)),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    let text = "an alias inside the value that it names";
                    return Err(Diagnostic::error(&at, text));
                };
                self.spend(node.count(), &at)?;
                return Ok(node);
            }
            // The parser yields no other event at the place of a value.
            _ => return Err(Diagnostic::error(&at, "a value is missing")),
        };
        let node = Node { at, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<(Key, Node)>, Diagnostic> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        // Finds a repeated key without comparing it to all the others.
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(entries);
            }
            let node = self.node(event, span, depth + 1)?;
            let Value::Scalar { text: name, .. } = node.value else {
                return Err(Diagnostic::error(&node.at, "a key must be a single value"));
            };
            if let Some(line) = lines.insert(name.clone(), node.at.line) {
                let text = format!("key `{name}` was already given in line {line}");
                return Err(Diagnostic::error(&node.at, text));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push((Key { name, at: node.at }, value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(&Arc::from("f"), text) {
            Ok(node) => node.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values() {
        assert_eq!(
            read("a: 1\nb: [x, 'y z']\nc: {d: ~}\n"),
            "{a: 1, b: [x, y z], c: {d: ~}}"
        );
        assert_eq!(read(""), "");
        assert_eq!(read("# nothing\n"), "");
        assert_eq!(read("\u{feff}a: 1"), "{a: 1}");
        assert_eq!(read("a: &x [1]\nb: *x\n"), "{a: [1], b: [1]}");
    }

    #[test]
    fn refused() {
        assert_eq!(
            read("a: 1\na: 2"),
            "f:2:1: error: key `a` was already given in line 1"
        );
        assert!(read("a: 1\n---\nb: 1").starts_with("f:2:1: error: a second YAML document"));
        assert_eq!(read("[a]: 1"), "f:1:1: error: a key must be a single value");
        assert!(read("a: [1").starts_with("f:"));
        assert!(read("a: *x").contains("error"));
        assert!(read("a: &x [*x]").contains("error"));
    }

    #[test]
    fn limits() {
        assert!(read(&"[".repeat(100_000)).contains("error"));
        assert!(read(&"- ".repeat(10_000)).contains("nested more than"));
        let mut bomb = "a0: &a0 [1]\n".to_owned();
        for n in 1..40 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1);
        }
        assert!(read(&bomb).contains("more than 100000 values"));
    }

    #[test]
    fn hostile_text_never_panics() {
        let seeds = [
            "a: [1, {b: c}]\n",
            "- &x |\n  t\n- *x\n",
            "\"\\u12\": '",
            "? a\n: b\n--- !t\n",
        ];
        for seed in seeds {
            for cut in 0..=seed.len() {
                for noise in [
                    "", "\t", "\0", "%", "[", "}", ":", "\u{85}", "- - -", "&", "*", "!",
                ] {
                    if let (Some(head), Some(tail)) = (seed.get(..cut), seed.get(cut..)) {
                        let _ = read(&format!("{head}{noise}{tail}"));
                    }
                }
            }
        }
    }
}
