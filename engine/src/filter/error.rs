//! What can be wrong with a condition or an output text.

use super::ast::Span;

/// One problem and its place in the text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{kind}")]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Where.
    pub span: Span,
    /// What may have been meant.
    pub hint: Option<String>,
}

impl Error {
    /// An error without a hint.
    pub fn new(span: Span, kind: ErrorKind) -> Self {
        Self {
            kind,
            span,
            hint: None,
        }
    }

    /// The same with a hint, if there is one.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ErrorKind {
    /// The text is not of the language.
    #[error("expected {expected}, found {found}")]
    Syntax {
        /// What could stand here.
        expected: String,
        /// What does.
        found: String,
    },
    /// The text is empty.
    #[error("condition is empty")]
    Empty,
    /// The text exceeds a limit.
    #[error("condition is longer than {0} bytes")]
    TooLong(usize),
    /// Too many levels of parentheses and macros.
    #[error("condition is nested more than {0} levels deep")]
    TooDeep(usize),
    /// The parser gave up.
    #[error("condition is too complex")]
    TooComplex,
    /// A backslash before something that it does not escape.
    #[error("unknown escape `{0}`")]
    Escape(String),
    /// No such field.
    #[error("unknown field `{0}`")]
    UnknownField(String),
    /// The field needs an argument.
    #[error("field `{0}` needs an argument")]
    MissingArg(String),
    /// The field takes no argument, or another kind.
    #[error("field `{field}` does not take the argument `{arg}`")]
    BadArg {
        /// The field.
        field: String,
        /// Its argument.
        arg: String,
    },
    /// No event has such a parameter.
    #[error("no event has an argument `{0}`")]
    UnknownParameter(String),
    /// No such event or system call.
    #[error("unknown event type `{0}`")]
    UnknownEvent(String),
    /// No such macro.
    #[error("undefined macro `{0}`")]
    UnknownMacro(String),
    /// The macro's definition comes too late.
    #[error("macro `{0}` is defined after the macro that uses it")]
    LateMacro(String),
    /// The macro leads back to itself.
    #[error("reference loop in macro `{0}`")]
    MacroLoop(String),
    /// The operator does not fit the type.
    #[error("operator `{op}` does not apply to `{operand}`, which is {ty}")]
    Operator {
        /// The operator.
        op: &'static str,
        /// The left side.
        operand: String,
        /// What the left side is.
        ty: &'static str,
    },
    /// The constant does not fit the type.
    #[error("`{text}` is not {ty}")]
    Constant {
        /// The constant.
        text: String,
        /// What it should be.
        ty: &'static str,
    },
    /// The regular expression is wrong.
    #[error("invalid regular expression: {0}")]
    Regex(String),
    /// A list of several values where one is wanted.
    #[error("list `{name}` has {items} items where one value is expected")]
    ListAsValue {
        /// The list.
        name: String,
        /// Number of its items.
        items: usize,
    },
    /// No such transformer.
    #[error("unknown transformer `{0}`")]
    UnknownTransformer(String),
    /// No option has such a name.
    #[error("`{0}` is not the letter of an option")]
    NoOption(String),
    /// The transformer takes another number of arguments.
    #[error("transformer `{name}` takes {takes}, not {given}")]
    ArgCount {
        /// The transformer.
        name: String,
        /// What it takes.
        takes: &'static str,
        /// How many it was given.
        given: usize,
    },
    /// The transformer does not take a value of this type.
    #[error("transformer `{name}` does not take {ty}")]
    ArgType {
        /// The transformer.
        name: String,
        /// What it was given.
        ty: &'static str,
    },
    /// The field cannot be an argument of a transformer.
    #[error("field `{0}` cannot be transformed")]
    NotTransformable(String),
    /// The field cannot be compared with another one.
    #[error("field `{0}` cannot be compared with another field")]
    NotComparable(String),
    /// Both sides are fields, of different types.
    #[error("cannot compare {left} with {right}")]
    Mismatch {
        /// Type of the left side.
        left: &'static str,
        /// Type of the right side.
        right: &'static str,
    },
    /// The operator cannot have a field on its right side.
    #[error("operator `{0}` takes no field on its right side")]
    NoFieldRight(&'static str),
    /// The argument in brackets is not for this transformer.
    #[error("transformer `{0}` takes no argument in brackets")]
    NoIndex(String),
    /// The field is no value.
    #[error("field `{0}` is for conditions alone")]
    NotShown(String),
    /// An output text with `%` before something that is no field.
    #[error("`%` must be followed by a field")]
    LonePercent,
    /// The same at its end.
    #[error("`%` must be followed by a field")]
    PercentAtEnd,
}

/// Longest name and most candidates that hints are looked for with, so that
/// wrong rules take no longer than right ones.
const MAX_NAME: usize = 64;
const MAX_CANDIDATES: usize = 2_000;

/// The candidate that is most like the name, as a hint.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.len() > MAX_NAME {
        return None;
    }
    let limit = (name.len() / 3).clamp(1, 3);
    candidates
        .take(MAX_CANDIDATES)
        .map(|candidate| (distance(name, candidate, limit), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Number of bytes to insert, delete, replace or swap, or more than `limit`.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names() {
        let names = ["proc.name", "proc.pname", "fd.name", "evt.type"];
        let near = |name| nearest(name, names.into_iter());
        assert_eq!(near("proc.nmae"), Some("did you mean `proc.name`?".into()));
        assert_eq!(near("evt.typo"), Some("did you mean `evt.type`?".into()));
        assert_eq!(near("container.id"), None);
        assert_eq!(nearest("", names.into_iter()), None);
    }
}
