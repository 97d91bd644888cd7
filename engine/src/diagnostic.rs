//! Places in files, and messages about what stands there.
//!
//! Everything that is said about a file of the user is said in one form, be it
//! the configuration or rules: place, message, the line with carets, hint.

use std::fmt;
use std::sync::Arc;

/// Bytes of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` to before `end`.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// Bytes of one of several files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the file.
    pub file: usize,
    /// Bytes of the file.
    pub span: Span,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user gave it.
    pub path: Arc<str>,
    /// Content.
    pub text: Arc<str>,
    /// Byte offset of the start of each line.
    lines: Vec<usize>,
    /// The path shows the content already.
    named: bool,
}

impl Source {
    /// A file with this content.
    pub fn new(path: &str, text: &str) -> Self {
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self {
            path: path.into(),
            text: text.into(),
            lines: std::iter::once(0).chain(starts).collect(),
            named: false,
        }
    }

    /// A text of the command line, with the option as its name: lines and
    /// columns inside an option help nobody.
    pub fn option(option: &str, text: &str) -> Self {
        Self {
            named: true,
            ..Self::new(option, text)
        }
    }

    /// Line and column of a byte, both from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
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

    /// What messages show of a part of the file.
    pub fn origin(&self, span: Span) -> Origin {
        Origin {
            file: self.path.clone(),
            location: (!self.named).then(|| self.location(span)),
        }
    }

    fn location(&self, span: Span) -> Location {
        let (line, column) = self.position(span.start);
        let text = self.line(line);
        // A place may go over several lines; carets stay on the first.
        let rest = text.chars().count().saturating_sub(column - 1);
        let width = self.text[self.text.floor_char_boundary(span.start)..]
            .char_indices()
            .take_while(|(at, _)| span.start + at < span.end)
            .count();
        Location {
            line,
            column,
            offset: span.start,
            text: text.to_owned(),
            width: width.min(rest),
        }
    }
}

/// A place in a file, with what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
    /// Byte from 0.
    pub offset: usize,
    /// The line.
    pub text: String,
    /// Number of characters concerned, within the line.
    pub width: usize,
}

/// Longest part of a line that is shown on each side of the place.
const SHOWN: usize = 80;

impl Location {
    /// The line, and carets under what is wrong.
    fn excerpt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.column.saturating_sub(1 + SHOWN);
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let shown = self.column - skipped + self.width.min(SHOWN) + SHOWN;
        let text: String = self
            .text
            .chars()
            .skip(skipped)
            .take(shown)
            .map(visible)
            .collect();
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(self.column - 1 - skipped);
        let carets = "^".repeat(self.width.clamp(1, SHOWN));
        write!(f, "\n {margin} |\n {number} | {}", text.trim_end())?;
        write!(f, "\n {margin} | {indent}{carets}")
    }
}

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Path of the file, or the option of the command line.
    pub file: Arc<str>,
    /// Where in it; `None` when the file itself is meant, or an option.
    pub location: Option<Location>,
}

impl Origin {
    /// A file as a whole, or an option.
    pub fn whole(file: &str) -> Self {
        Self {
            file: file.into(),
            location: None,
        }
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can, but may not do what was meant.
    Warning,
}

/// What kinds of diagnostics there are for one kind of files.
pub trait Class {
    /// The kind's name, if it has one.
    fn name(&self) -> Option<&'static str>;

    /// How bad it is.
    fn severity(&self) -> Severity;
}

/// Kinds without names.
impl Class for Severity {
    fn name(&self) -> Option<&'static str> {
        None
    }

    fn severity(&self) -> Severity {
        *self
    }
}

/// One problem and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic<C> {
    /// Its kind.
    pub code: C,
    /// What is wrong.
    pub message: String,
    /// What may have been meant.
    pub hint: Option<String>,
    /// Path of the file.
    pub file: Arc<str>,
    /// Where in it; `None` when the file itself is the problem.
    pub location: Option<Location>,
    /// The item that it is about: its kind (`rule`) and name.
    pub item: Option<(&'static str, String)>,
}

impl<C: Class> Diagnostic<C> {
    /// A problem without hint and item.
    pub fn new(code: C, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            file: origin.file,
            location: origin.location,
            item: None,
        }
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

impl<C: Class> fmt::Display for Diagnostic<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(location) = &self.location {
            write!(f, ":{}:{}", location.line, location.column)?;
        }
        f.write_str(match self.severity() {
            Severity::Error => ": error",
            Severity::Warning => ": warning",
        })?;
        if let Some(code) = self.code.name() {
            write!(f, "[{code}]")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some((kind, name)) = &self.item {
            write!(f, " ({kind} `{name}`)")?;
        }
        if let Some(location) = &self.location {
            location.excerpt(f)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}
