//! What can be wrong with a configuration.

use crate::diagnostic::{Origin, Severity};

/// One problem of a configuration and its place.
pub type Diagnostic = crate::diagnostic::Diagnostic<Severity>;

impl Diagnostic {
    /// Something fatal.
    pub fn error(origin: Origin, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, origin, message)
    }

    /// Something that can be lived with.
    pub fn warning(origin: Origin, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, origin, message)
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

impl Invalid {
    /// A single error.
    pub fn error(origin: Origin, message: impl Into<String>) -> Self {
        Self(vec![Diagnostic::error(origin, message)])
    }
}
