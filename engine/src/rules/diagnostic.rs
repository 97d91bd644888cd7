//! What is wrong, or doubtful, with rules: collected, then shown.

use std::fmt;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The rules cannot be used.
    Error,
    /// They can, but may not do what was meant.
    Warning,
}

macro_rules! codes {
    ($( $(#[$doc:meta])* $code:ident = $name:literal, $severity:ident; )*) => {
        /// Kind of a diagnostic, named as rule writers and tools know it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[$doc])* $code, )* }

        impl Code {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$code => $name, )* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $( Self::$code => Severity::$severity, )* }
            }
        }
    };
}

codes! {
    /// A file cannot be read.
    FileRead = "LOAD_ERR_FILE_READ", Error;
    /// A file is no YAML.
    YamlParse = "LOAD_ERR_YAML_PARSE", Error;
    /// The YAML has another shape than rules have.
    YamlValidate = "LOAD_ERR_YAML_VALIDATE", Error;
    /// A condition is wrong.
    CompileCondition = "LOAD_ERR_COMPILE_CONDITION", Error;
    /// An output is wrong.
    CompileOutput = "LOAD_ERR_COMPILE_OUTPUT", Error;
    /// Items contradict each other.
    Validate = "LOAD_ERR_VALIDATE", Error;
    /// A rule is for a source that is not there.
    UnknownSource = "LOAD_UNKNOWN_SOURCE", Warning;
    /// A rule is tried on too many kinds of events.
    NoEvttype = "LOAD_NO_EVTTYPE", Warning;
    /// A rule was skipped because of a field that is not known.
    UnknownFilter = "LOAD_UNKNOWN_FILTER", Warning;
    /// A macro that nothing uses.
    UnusedMacro = "LOAD_UNUSED_MACRO", Warning;
    /// A list that nothing uses.
    UnusedList = "LOAD_UNUSED_LIST", Warning;
    /// An item of no known kind.
    UnknownItem = "LOAD_UNKNOWN_ITEM", Warning;
    /// Something that will go away.
    DeprecatedItem = "LOAD_DEPRECATED_ITEM", Warning;
    /// An exception is added to without values.
    AppendNoValues = "LOAD_APPEND_NO_VALUES", Warning;
    /// Two exceptions of a rule have one name.
    ExceptionNameNotUnique = "LOAD_EXCEPTION_NAME_NOT_UNIQUE", Warning;
    /// A macro's name cannot be used in conditions.
    InvalidMacroName = "LOAD_INVALID_MACRO_NAME", Warning;
    /// A list's name cannot be used in conditions.
    InvalidListName = "LOAD_INVALID_LIST_NAME", Warning;
    /// A key of no meaning.
    UnknownKey = "LOAD_UNKNOWN_KEY", Warning;
    /// A condition that is right but hardly what was meant.
    DoubtfulCondition = "LOAD_COMPILE_CONDITION", Warning;
    /// A comparison with the text of a missing value.
    UnsafeNaCheck = "LOAD_UNSAFE_NA_CHECK", Warning;
    /// A rule that can never match. Falco has no such code.
    NeverMatches = "ENGINE_RULE_NEVER_MATCHES", Warning;
    /// A rule that never makes an alert because of another one, or that is
    /// replaced by a later definition. Falco has no such code.
    Shadowed = "ENGINE_RULE_SHADOWED", Warning;
}

impl Code {
    /// Whether Falco has it, too.
    pub const fn is_falcos(self) -> bool {
        !matches!(self, Self::NeverMatches | Self::Shadowed)
    }
}

/// One problem and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
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

impl Diagnostic {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}

/// Longest part of a line that is shown on each side of the place.
const SHOWN: usize = 80;

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(location) = &self.location {
            write!(f, ":{}:{}", location.line, location.column)?;
        }
        let severity = match self.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}[{}]: {}", self.code.name(), self.message)?;
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
