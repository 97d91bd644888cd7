//! YAML with places: every scalar knows where it stands in its file, and how
//! to find a byte of its text there.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span as YamlSpan};

use crate::filter::ast::Span;
use crate::filter::render::char_boundary;

/// Deepest nesting of sequences and maps.
const MAX_DEPTH: usize = 64;
/// Most nodes of a document, with aliases followed.
const MAX_NODES: usize = 1 << 20;

/// One file.
#[derive(Debug)]
pub struct Source {
    /// Path as the user gave it.
    pub path: Arc<str>,
    /// Content.
    pub text: Arc<str>,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
}

impl Source {
    /// A file with this content.
    pub fn new(path: &str, text: &str) -> Self {
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self {
            path: path.into(),
            text: text.into(),
            lines: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = char_boundary(&self.text, offset);
        let line = self.lines.partition_point(|&start| start <= offset);
        let start = self.lines[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// A line by its number from 1, without its end.
    pub fn line(&self, line: usize) -> &str {
        let start = self.lines.get(line - 1).copied();
        let rest = start.map_or("", |start| &self.text[start..]);
        rest.lines().next().unwrap_or_default()
    }

    fn offset(&self, marker: &Marker) -> usize {
        let line = marker.line().saturating_sub(1);
        let Some(&start) = self.lines.get(line) else {
            return self.text.len();
        };
        let mut chars = self.text[start..].char_indices();
        let column = chars.nth(marker.col());
        column.map_or(self.text.len(), |(at, _)| start + at)
    }
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the file.
    pub file: usize,
    /// Bytes of the file.
    pub span: Span,
}

/// One node of a document.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub place: Place,
    weight: usize,
}

/// What a node is.
#[derive(Debug)]
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
    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is nothing at all.
    pub fn is_null(&self) -> bool {
        self.scalar().is_some_and(|scalar| {
            scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }
}

impl Scalar {
    /// Where it stands.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Where bytes of the text stand in the file.
    pub fn locate(&self, span: Span, source: &Source) -> Place {
        let (start, mut end) = self.locate_char(span.start, source);
        if span.end > span.start {
            let last = char_boundary(&self.text, span.end - 1);
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
        let at = char_boundary(&self.text, at);
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
}

/// Reads all documents of a file.
///
/// # Errors
/// When the file is no YAML or exceeds a limit.
pub fn parse(source: &Source, file: usize) -> Result<Vec<Rc<Node>>, YamlError> {
    let mut builder = Builder {
        source,
        file,
        open: Vec::new(),
        anchors: HashMap::new(),
        documents: Vec::new(),
    };
    // A file may begin with a byte order mark.
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
        let start = self.source.offset(error.marker());
        YamlError {
            message: error.info().to_owned(),
            place: self.place(start, start),
        }
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place {
            file: self.file,
            span: Span::new(start, end.max(start)),
        }
    }

    fn error(&self, start: usize, message: &str) -> YamlError {
        YamlError {
            message: message.to_owned(),
            place: self.place(start, start),
        }
    }

    fn event(&mut self, event: Event<'_>, span: &YamlSpan) -> Result<(), YamlError> {
        let start = self.source.offset(&span.start);
        let end = self.source.offset(&span.end);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let start = match anchor > 0 || tag.is_some() {
                    true => self.behind_properties(start, style),
                    false => start,
                };
                let place = self.place(start, end);
                let scalar = Scalar {
                    plain: style == ScalarStyle::Plain,
                    text: text.into_owned(),
                    style,
                    place,
                };
                self.add(Kind::Scalar(scalar), place, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(start, anchor, false),
            Event::MappingStart(anchor, _) => self.begin(start, anchor, true),
            Event::SequenceEnd | Event::MappingEnd => self.finish(end),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).map(Rc::clone);
                let node = node.ok_or_else(|| self.error(start, "unknown anchor"))?;
                self.attach(node)
            }
            _ => Ok(()),
        }
    }

    /// The parser's places of scalars with an anchor or a tag begin there.
    fn behind_properties(&self, start: usize, style: ScalarStyle) -> usize {
        let text = &*self.source.text;
        let mut rest = &text[start..];
        while rest.starts_with(['&', '!']) {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest = rest[end..].trim_start();
        }
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            rest = rest.split_once('\n').map_or("", |(_, content)| content);
        }
        text.len() - rest.len()
    }

    fn begin(&mut self, start: usize, anchor: usize, map: bool) -> Result<(), YamlError> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.error(start, "sequences and maps are nested too deep"));
        }
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
        let place = self.place(open.start, end);
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
        self.add(kind, place, open.anchor)
    }

    fn add(&mut self, kind: Kind, place: Place, anchor: usize) -> Result<(), YamlError> {
        let weight = match &kind {
            Kind::Scalar(_) => 1,
            Kind::Sequence(items) => items.iter().map(|item| item.weight).sum::<usize>() + 1,
            Kind::Map(pairs) => {
                let pairs = pairs.iter().map(|(key, value)| key.weight + value.weight);
                pairs.sum::<usize>() + 1
            }
        };
        if weight > MAX_NODES {
            return Err(self.error(place.span.start, "too many nodes"));
        }
        let node = Rc::new(Node {
            kind,
            place,
            weight,
        });
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node)
    }

    fn attach(&mut self, node: Rc<Node>) -> Result<(), YamlError> {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(yaml: &str) -> (Source, Scalar) {
        let source = Source::new("f", yaml);
        let documents = parse(&source, 0).expect("YAML");
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
    fn limits_are_errors() {
        let message = |yaml: &str| parse(&Source::new("f", yaml), 0).map_err(|e| e.message);
        assert!(message(&"- ".repeat(100)).is_err());
        assert!(message(&"[".repeat(100_000)).is_err());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..20 {
            let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb += &format!("a{i}: &a{i} [{aliases}]\n");
        }
        assert_eq!(message(&bomb).err().as_deref(), Some("too many nodes"));
    }

    #[test]
    fn aliases_and_documents() {
        let source = Source::new("f", "- &x a\n- *x\n---\n- b\n---\n");
        let documents = parse(&source, 0).expect("YAML");
        assert_eq!(documents.len(), 3);
        assert!(documents[2].is_null());
        let Kind::Sequence(items) = &documents[0].kind else {
            panic!("no sequence");
        };
        assert_eq!(items[1].scalar().map(|s| s.text.as_str()), Some("a"));
    }
}
