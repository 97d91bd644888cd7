//! YAML with places: every scalar knows where it stands in its file, and how
//! to find a byte of its text there.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as YamlSpan};

use crate::diagnostic::Span;
pub use crate::diagnostic::{Place, Source};

/// Deepest nesting of sequences and maps, with aliases followed: far more than
/// any file needs, and far less than the stack can take.
const MAX_DEPTH: usize = 64;

/// One node of a document.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    /// Number of nodes in it, when it was read.
    weight: usize,
    /// Levels of sequences and maps in it, when it was read.
    depth: usize,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Rc<Node>>),
    /// A map, in the file's order.
    Map(Vec<(Rc<Node>, Rc<Node>)>),
}

/// A scalar.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Its text, as YAML means it.
    pub text: String,
    /// Whether it was written without quotes on the line of its key.
    pub plain: bool,
    style: ScalarStyle,
    place: Place,
}

impl Node {
    /// A scalar without quotes.
    pub fn plain(text: &str, place: Place) -> Self {
        Self::scalar_of(text.to_owned(), ScalarStyle::Plain, place)
    }

    fn scalar_of(text: String, style: ScalarStyle, place: Place) -> Self {
        let scalar = Scalar {
            plain: style == ScalarStyle::Plain,
            text,
            style,
            place,
        };
        Self {
            kind: Kind::Scalar(scalar),
            place,
            weight: 1,
            depth: 0,
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// Looks a key up in a map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Map(pairs) = &self.kind else {
            return None;
        };
        let pair = pairs.iter().find(|(k, _)| k.text() == Some(key))?;
        Some(&pair.1)
    }

    /// The same as JSON: scalars without quotes that are no text are what they
    /// look like.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Scalar(_) if self.is_null() => serde_json::Value::Null,
            Kind::Scalar(scalar) if scalar.plain => {
                match (scalar.boolean(), scalar.text.parse::<i64>()) {
                    (_, Ok(number)) => number.into(),
                    (Some(flag), _) => flag.into(),
                    _ => scalar.text.as_str().into(),
                }
            }
            Kind::Scalar(scalar) => scalar.text.as_str().into(),
            Kind::Sequence(items) => items.iter().map(|item| item.to_json()).collect(),
            Kind::Map(pairs) => {
                let pairs = pairs.iter();
                let pairs = pairs.map(|(key, value)| (key.to_string(), value.to_json()));
                serde_json::Value::Object(pairs.collect())
            }
        }
    }

    /// Whether it is nothing at all.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }
}

/// As messages show it, without line breaks of its own.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Scalar(scalar) => f.write_str(&scalar.text),
            Kind::Sequence(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
            Kind::Map(pairs) => {
                f.write_str("{")?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(f, "{comma}{key}: {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl Scalar {
    /// True or false, in all spellings of YAML 1.1, which Falco's own parser
    /// takes: small or capital letters, or a capital one at the start.
    pub fn boolean(&self) -> Option<bool> {
        let is_small = |text: &str| !text.contains(|c: char| c.is_ascii_uppercase());
        let is_capital = !self.text.contains(|c: char| c.is_ascii_lowercase());
        if !is_capital && !self.text.get(1..).is_some_and(is_small) {
            return None;
        }
        match self.text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        }
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Where bytes of the text stand in the file.
    pub fn locate(&self, span: Span, source: &Source) -> Place {
        let (start, mut end) = self.locate_char(span.start, source);
        if span.end > span.start {
            let last = self.text.floor_char_boundary(span.end - 1);
            end = self.locate_char(last.max(span.start), source).1;
        } else {
            end = end.min(start);
        }
        Place {
            file: self.place.file,
            span: Span::new(start, end.max(start)),
        }
    }

    /// Where the first character from a byte of the text on, that is no
    /// blank, stands in the file; at the text's end, where its last one ends.
    ///
    /// Folding, indentation and line ends change blanks alone, so the text's
    /// other characters stand in the file in the same order.
    fn locate_char(&self, at: usize, source: &Source) -> (usize, usize) {
        let at = self.text.floor_char_boundary(at);
        let before = self.text[..at].chars().filter(|c| !is_blank(*c)).count();
        let mut characters = self.characters(source).filter(|(_, _, c)| !is_blank(*c));
        let start = self.content_start();
        if self.text[at..].chars().any(|c| !is_blank(c)) {
            let found = characters.nth(before);
            return found.map_or((start, start), |(offset, len, _)| (offset, offset + len));
        }
        let last = before.checked_sub(1).and_then(|last| characters.nth(last));
        let end = last.map_or(start, |(offset, len, _)| offset + len);
        (end, end)
    }

    /// The place of a block scalar begins behind its header.
    fn content_start(&self) -> usize {
        let start = self.place.span.start;
        match self.style {
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => start + 1,
            _ => start,
        }
    }

    /// Offsets and lengths in the file of the scalar's characters, escapes
    /// resolved.
    fn characters<'s>(
        &self,
        source: &'s Source,
    ) -> impl Iterator<Item = (usize, usize, char)> + 's {
        let style = self.style;
        let mut at = self.content_start();
        std::iter::from_fn(move || {
            let rest = source.text.get(at..)?;
            let (c, len) = match style {
                ScalarStyle::SingleQuoted if rest.starts_with("''") => ('\'', 2),
                ScalarStyle::DoubleQuoted if rest.starts_with('\\') => escape(rest),
                _ => rest.chars().next().map(|c| (c, c.len_utf8()))?,
            };
            let offset = at;
            at += len;
            Some((offset, len, c))
        })
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// What an escape of a double-quoted scalar means, and its length.
fn escape(text: &str) -> (char, usize) {
    let hex = |len: usize| {
        let code = text.get(2..2 + len);
        let code = code.and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (code.and_then(char::from_u32).unwrap_or('?'), 2 + len)
    };
    match text.as_bytes().get(1) {
        Some(b'x') => hex(2),
        Some(b'u') => hex(4),
        Some(b'U') => hex(8),
        Some(b'n' | b'r' | b't' | b'\t' | b' ' | b'\n' | b'\r') => (' ', 2),
        Some(_) => {
            let c = text[1..].chars().next().unwrap_or('?');
            (c, 1 + c.len_utf8())
        }
        None => ('?', 1),
    }
}

/// What is wrong with a file.
#[derive(Debug)]
pub struct YamlError {
    /// What.
    pub message: String,
    /// Where.
    pub place: Place,
    /// The text is no YAML, rather than beyond a limit.
    pub syntax: bool,
}

/// Reads all documents of a file, whose number is `file`. None may have more
/// than `max_nodes` nodes with aliases followed, by which a short text can
/// stand for any number.
///
/// # Errors
/// When the file is no YAML or exceeds a limit.
pub fn parse(source: &Source, file: usize, max_nodes: usize) -> Result<Vec<Rc<Node>>, YamlError> {
    let mut builder = Builder {
        source,
        file,
        max_nodes,
        open: Vec::new(),
        anchors: HashMap::new(),
        documents: Vec::new(),
    };
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| builder.scan_error(&error))?;
        builder.event(event, &span)?;
    }
    Ok(builder.documents)
}

struct Builder<'s> {
    source: &'s Source,
    file: usize,
    max_nodes: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    documents: Vec<Rc<Node>>,
}

/// A sequence or map that is not finished yet.
struct Open {
    start: usize,
    anchor: usize,
    map: bool,
    children: Vec<Rc<Node>>,
}

impl Builder<'_> {
    fn scan_error(&self, error: &ScanError) -> YamlError {
        YamlError {
            syntax: true,
            ..self.error(self.offset(error.marker()), error.info())
        }
    }

    fn offset(&self, marker: &Marker) -> usize {
        let end = self.source.text.len();
        marker.byte_offset().unwrap_or(0).min(end)
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place {
            file: self.file,
            span: Span::new(start, end.max(start)),
        }
    }

    fn error(&self, start: usize, message: impl Into<String>) -> YamlError {
        YamlError {
            message: message.into(),
            place: self.place(start, start),
            syntax: false,
        }
    }

    fn event(&mut self, event: Event<'_>, span: &YamlSpan) -> Result<(), YamlError> {
        let start = self.offset(&span.start);
        let end = self.offset(&span.end);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let place = self.place(start, end);
                self.add(Node::scalar_of(text.into_owned(), style, place), anchor);
            }
            Event::SequenceStart(_, anchor, _) => self.begin(start, anchor, false)?,
            Event::MappingStart(_, anchor, _) => self.begin(start, anchor, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.finish(end)?,
            Event::Alias(anchor) => {
                // The parser knows all anchors, but this one is not finished.
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.error(start, "an alias inside the value that it names"));
                };
                self.attach(node);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, start: usize, anchor: usize, map: bool) -> Result<(), YamlError> {
        // Also checked at the end, but by then memory is spent.
        self.check_depth(self.open.len() + 1, start)?;
        self.open.push(Open {
            start,
            anchor,
            map,
            children: Vec::new(),
        });
        Ok(())
    }

    fn finish(&mut self, end: usize) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let weight = 1 + open
            .children
            .iter()
            .map(|child| child.weight)
            .sum::<usize>();
        if weight > self.max_nodes {
            let message = format!("more than {} values in one document", self.max_nodes);
            return Err(self.error(open.start, message));
        }
        let depth = 1 + open
            .children
            .iter()
            .map(|child| child.depth)
            .max()
            .unwrap_or(0);
        self.check_depth(depth, open.start)?;
        let kind = if open.map {
            let mut children = open.children.into_iter();
            let mut pairs = Vec::with_capacity(children.len() / 2);
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                pairs.push((key, value));
            }
            Kind::Map(pairs)
        } else {
            Kind::Sequence(open.children)
        };
        let node = Node {
            kind,
            place: self.place(open.start, end),
            weight,
            depth,
        };
        self.add(node, open.anchor);
        Ok(())
    }

    fn check_depth(&self, depth: usize, start: usize) -> Result<(), YamlError> {
        if depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(self.error(start, message));
        }
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node);
    }

    fn attach(&mut self, node: Rc<Node>) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(yaml: &str) -> (Source, Scalar) {
        let source = Source::new("f", yaml);
        let documents = parse(&source, 0, 1000).expect("YAML");
        let Kind::Map(pairs) = &documents[0].kind else {
            panic!("no map");
        };
        let scalar = pairs[0].1.scalar().expect("a scalar").clone();
        (source, scalar)
    }

    /// Every word of the text is found where it stands in the file.
    fn check_words(yaml: &str) {
        let (source, scalar) = condition(yaml);
        let text = &scalar.text;
        let mut from = 0;
        for word in text.split_whitespace() {
            let at = from + text[from..].find(word).expect("a word");
            from = at + word.len();
            let place = scalar.locate(Span::new(at, from), &source);
            let found = &source.text[place.span.start..place.span.end];
            let plain = found
                .replace("''", "'")
                .replace("\\\"", "\"")
                .replace("\\\\", "\\");
            assert_eq!(plain, word, "{yaml}");
        }
    }

    #[test]
    fn words_are_found_in_every_style() {
        for yaml in [
            "c: aa bb cc\n",
            "c:   aa\n  bb\n\n  cc\n",
            "c: é aa # comment\n",
            "c: 'aa ''bb'' cc'\n",
            "c: \"aa \\\"bb\\\" \\\\cc \\\n   dd\\tee\"\n",
            "c: >\n  aa bb\n    cc\n  dd\n",
            "c: >-\n  aa\n\n  bb # cc\n",
            "c: | # comment\n  aa\n    bb\n",
            "c: &x >2+\n   aa\n",
            "c: !!str &x 'aa' \n",
            "c: !!str\n  aa\n  bb",
            "c:\r\n  aa\r\n  bb\r\n",
        ] {
            check_words(yaml);
        }
    }

    #[test]
    fn ends_are_found() {
        let (source, scalar) = condition("c: >\n  aa\n  bb\nd: e\n");
        assert_eq!(scalar.text, "aa bb\n");
        let end = scalar.locate(Span::new(6, 6), &source).span.start;
        assert_eq!(source.position(end), (3, 5));
        let (source, scalar) = condition("c: ''\n");
        let end = scalar.locate(Span::new(0, 0), &source).span.start;
        assert_eq!(source.position(end), (1, 5));
    }

    #[test]
    fn brackets_may_stand_at_the_margin() {
        let source = Source::new("f", "\u{FEFF}- list: a\n  items: [\n  a,\n  ]\n");
        assert!(parse(&source, 0, 1000).is_ok());
    }

    #[test]
    fn limits_are_errors() {
        let message = |yaml: &str| {
            let result = parse(&Source::new("f", yaml), 0, 1000);
            result.err().map(|error| error.message).unwrap_or_default()
        };
        for deep in ["- ".repeat(100), "[".repeat(100) + &"]".repeat(100)] {
            assert_eq!(message(&deep), "nested more than 64 levels deep");
        }
        assert_ne!(message(&"[".repeat(100_000)), "");
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..20 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb += &format!("a{i}: &a{i} [{aliases}]\n");
        }
        assert_eq!(message(&bomb), "more than 1000 values in one document");
        // Each alias adds little to the size, but all levels of what it names.
        let mut chain = "a0: &a0 x\n".to_owned();
        for i in 1..4 {
            let (open, close) = ("[".repeat(30), "]".repeat(30));
            chain += &format!("a{i}: &a{i} {open}*a{}{close}\n", i - 1);
        }
        assert_eq!(message(&chain), "nested more than 64 levels deep");
        assert_eq!(
            message("a: &x [*x]"),
            "an alias inside the value that it names"
        );
    }

    #[test]
    fn aliases_and_documents() {
        let source = Source::new("f", "- &x a\n- *x\n---\n- b\n---\n");
        let documents = parse(&source, 0, 1000).expect("YAML");
        assert_eq!(documents.len(), 3);
        assert!(documents[2].is_null());
        let Kind::Sequence(items) = &documents[0].kind else {
            panic!("no sequence");
        };
        assert_eq!(items[1].scalar().map(|s| s.text.as_str()), Some("a"));
    }
}
