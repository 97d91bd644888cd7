//! Alerts and where they go.

/// Severity of a rule, most severe first, numbered as syslog does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    Debug,
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

/// One alert, formatted once, then handed to every output.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Severity.
    pub priority: Priority,
    /// Name of the rule.
    pub rule: std::sync::Arc<str>,
    /// Source of the event: `syscall` or `internal`.
    pub source: std::sync::Arc<str>,
    /// Tags of the rule, sorted.
    pub tags: std::sync::Arc<[String]>,
    /// The rule's output with its fields filled in.
    pub message: String,
    /// Fields of the output by their text in the template (`proc.aname[2]`).
    /// Empty unless some output writes JSON.
    pub fields: Vec<(std::sync::Arc<str>, FieldValue)>,
}
