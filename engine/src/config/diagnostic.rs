//! What can be wrong with a configuration, and where.

use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named, or the option of the command line.
    pub file: Arc<str>,
    /// Line from 1; 0 where the text is not a file.
    pub line: usize,
    /// Column in characters from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            line => write!(f, "{}:{line}:{}", self.file, self.column),
        }
    }
}

/// Whether a [`Diagnostic`] stops the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but does not do all that it says.
    Warning,
}

/// One thing to tell about a configuration, in one line so that it survives
/// the way through syslog and the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it is fatal.
    pub severity: Severity,
    /// Where.
    pub at: Location,
    /// What, with the offending text.
    pub text: String,
}

impl Diagnostic {
    /// Something fatal.
    pub fn error(at: &Location, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            at: at.clone(),
            text: text.into(),
        }
    }

    /// Something that can be lived with.
    pub fn warning(at: &Location, text: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            at: at.clone(),
            text: text.into(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: {}", self.at, self.text)
    }
}

/// Why a configuration cannot be used: everything that was found, not only the
/// first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Invalid(
    /// Errors, and the warnings found before them.
    pub Vec<Diagnostic>,
);
