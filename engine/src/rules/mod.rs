//! Rule files: loading, diagnostics, evaluation.
//!
//! [`files`] reads them, [`yaml`] keeps the place of every scalar, [`collect`]
//! puts definitions, appends and overrides together into one [`model`], and
//! [`load`] compiles it into a [`ruleset`]. Whatever is wrong on the way goes
//! to one [`report`], so that one run tells all.

pub mod advice;
pub mod append;
pub mod collect;
pub mod describe;
pub mod diagnostic;
pub mod exception;
pub mod explain;
pub mod files;
pub mod group;
pub mod item;
pub mod lists;
pub mod load;
pub mod location;
pub mod macros;
pub mod model;
pub mod output;
pub mod report;
pub mod ruleset;
pub mod schema;
pub mod selection;
pub mod version;

pub use append::{AppendOutput, ExtraField, Match, Placement};
pub use diagnostic::{Code, Diagnostic, Severity};
pub use files::RuleSource;
pub use load::{LoadOptions, LoadResult};
pub use ruleset::{RuleInfo, Ruleset, Scratch};
pub use selection::{Selection, Selector};

pub use crate::yaml;
