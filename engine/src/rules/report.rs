//! Collects diagnostics while files are read and rules compiled.

use super::diagnostic::{Code, Diagnostic, Severity};
use crate::diagnostic::{Place, Source, Span};
use crate::yaml::Scalar;

/// All files, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<(Place, Diagnostic)>,
    errors: usize,
}

/// The item that is being read.
pub type Item<'a> = Option<(&'static str, &'a str)>;

impl Report {
    /// Adds a file and returns its number.
    pub fn add_source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// A file by its number.
    pub fn source(&self, file: usize) -> &Source {
        &self.sources[file]
    }

    /// Adds a problem.
    pub fn add(&mut self, code: Code, place: Place, item: Item<'_>, message: impl Into<String>) {
        self.add_with_hint(code, place, item, message, None);
    }

    /// Adds a problem with a hint.
    pub fn add_with_hint(
        &mut self,
        code: Code,
        place: Place,
        item: Item<'_>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let origin = self.sources[place.file].origin(place.span);
        let diagnostic = Diagnostic {
            hint,
            item: item.map(|(kind, name)| (kind, name.to_owned())),
            ..Diagnostic::new(code, origin, message)
        };
        self.errors += usize::from(diagnostic.severity() == Severity::Error);
        self.diagnostics.push((place, diagnostic));
    }

    /// Whether there is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many problems there are.
    pub fn len(&self) -> usize {
        self.diagnostics.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// All problems, in the order of the files and of the text in them.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        let by_place = |(place, _): &(Place, Diagnostic)| (place.file, place.span.start);
        self.diagnostics.sort_by_key(by_place);
        self.diagnostics.into_iter().map(|(_, d)| d).collect()
    }
}

/// A text put together from scalars of files, with one blank between them.
#[derive(Clone, Debug, Default)]
pub struct Text {
    text: String,
    /// Where in the text each scalar begins, in order.
    parts: Vec<(usize, Scalar)>,
}

impl From<&str> for Text {
    /// A text that stands in no file.
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parts: Vec::new(),
        }
    }
}

impl From<&Scalar> for Text {
    fn from(scalar: &Scalar) -> Self {
        Self {
            text: scalar.text.clone(),
            parts: vec![(0, scalar.clone())],
        }
    }
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds another text behind a blank.
    pub fn append(&mut self, other: &Self) {
        self.text.push(' ');
        self.push(other);
    }

    /// Adds another text.
    pub fn push(&mut self, other: &Self) {
        let start = self.text.len();
        self.text.push_str(&other.text);
        let parts = other.parts.iter();
        self.parts
            .extend(parts.map(|(at, scalar)| (start + at, scalar.clone())));
    }

    /// Adds text that no file has; its place is that of what follows.
    pub fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds a scalar whose text was changed to `shown`.
    pub fn push_scalar(&mut self, shown: &str, scalar: &Scalar) {
        self.parts.push((self.text.len(), scalar.clone()));
        self.text.push_str(shown);
    }

    /// Where bytes of the text stand in the files.
    pub fn locate(&self, span: Span, report: &Report) -> Option<Place> {
        let part = self.parts.partition_point(|(at, _)| *at <= span.start);
        let (start, scalar) = self.parts.get(part.saturating_sub(1))?;
        let clamp = |at: usize| at.saturating_sub(*start).min(scalar.text.len());
        let span = Span::new(clamp(span.start), clamp(span.end));
        let source = report.sources.get(scalar.place().file)?;
        Some(scalar.locate(span, source))
    }
}
