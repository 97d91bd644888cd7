//! Alerts and where they go.
//!
//! An alert becomes a line once ([`mod@format`]) and waits in one queue per output
//! ([`queue`]), so that an output that is slow, full or away holds up neither
//! the events nor the other outputs. [`OUTPUTS`] lists what can be written to.

pub mod channel;
pub mod format;
pub mod queue;
mod recent;
pub mod statistics;
mod supervisor;
mod writer;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

pub use channel::OUTPUTS;
pub use queue::{Change, DEFAULT_CAPACITY, Monitor, Outputs, Status};
pub use recent::Recent;
pub use statistics::Statistics;

/// Severity of a rule, most severe first, numbered as syslog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Priority {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Informational,
    /// 7
    #[default]
    Debug,
}

impl Priority {
    /// All priorities, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The name as alerts show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No priority has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a priority")]
pub struct UnknownPriority;

impl FromStr for Priority {
    type Err = UnknownPriority;

    /// Takes the names in upper or lower case, and `info`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("info") {
            return Ok(Self::Informational);
        }
        Self::ALL
            .into_iter()
            .find(|priority| priority.name().eq_ignore_ascii_case(text))
            .ok_or(UnknownPriority)
    }
}

/// A value of an alert's `output_fields`.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// `<NA>`.
    Missing,
    /// True or false.
    Bool(bool),
    /// Signed number.
    Int(i64),
    /// Unsigned number.
    Uint(u64),
    /// Floating-point number.
    Double(f64),
    /// Text.
    Text(String),
    /// Several values.
    List(Vec<FieldValue>),
}

impl Serialize for FieldValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Uint(value) => serializer.serialize_u64(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => serializer.collect_seq(values),
        }
    }
}

/// One alert, formatted once, then handed to every output.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Severity.
    pub priority: Priority,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Source of the event: `syscall` or `internal`.
    pub source: Arc<str>,
    /// Tags of the rule, sorted.
    pub tags: Arc<[String]>,
    /// The rule's output with its fields filled in.
    pub message: String,
    /// Fields of the output by their text in the template (`proc.aname[2]`).
    /// Empty unless some output writes JSON.
    pub fields: Vec<(Arc<str>, FieldValue)>,
}

impl Alert {
    /// An alert about the program itself.
    pub fn internal(rule: &str, priority: Priority, time: u64, message: String) -> Self {
        Self {
            time,
            priority,
            rule: Arc::from(rule),
            source: Arc::from("internal"),
            tags: Arc::from([]),
            message,
            fields: Vec::new(),
        }
    }
}
