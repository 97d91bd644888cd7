//! The kinds of what is wrong, or doubtful, with rules.

use crate::diagnostic::Class;
pub use crate::diagnostic::{Location, Severity};

/// One problem of rules and its place.
pub type Diagnostic = crate::diagnostic::Diagnostic<Code>;

macro_rules! codes {
    ($( $(#[doc = $doc:literal])* $code:ident = $name:literal, $severity:ident; )*) => {
        /// Kind of a diagnostic, named as rule writers and tools know it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[doc = $doc])* $code, )* }

        impl Code {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$code => $name, )* }
            }

            /// What it means, in a few words.
            pub fn about(self) -> &'static str {
                match self { $( Self::$code => concat!($($doc),*).trim(), )* }
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
    /// A comparison with a system call that does not exist. Falco has no such
    /// code.
    UnknownSyscall = "ENGINE_UNKNOWN_SYSCALL", Warning;
    /// A key that stands twice in an item. Falco has no such code.
    DuplicateKey = "ENGINE_DUPLICATE_KEY", Warning;
}

impl Code {
    /// Whether Falco has it, too.
    pub const fn is_falcos(self) -> bool {
        !matches!(
            self,
            Self::NeverMatches | Self::Shadowed | Self::UnknownSyscall | Self::DuplicateKey
        )
    }
}

impl Class for Code {
    fn name(&self) -> Option<&'static str> {
        Some((*self).name())
    }

    fn severity(&self) -> Severity {
        (*self).severity()
    }
}
