//! What a table of keys is, and how a document is read with it.
//!
//! The reader knows no key by name: everything it needs, it finds in a row of
//! the table. The same rows serve whoever documents the configuration.

use super::diagnostic::{Diagnostic, Location};
use super::tree::{Node, Value};

/// Text with the place where it was written, for whoever finds an error in it
/// later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it begins.
    pub at: Location,
}

/// One key of a table that fills a `T`.
#[derive(Debug)]
pub struct Key<T: 'static> {
    /// The full name, `file_output.filename`.
    pub name: &'static str,
    /// What it takes and where that goes.
    pub kind: Kind<T>,
    /// What holds without it, in YAML. Empty: nothing.
    pub default: &'static str,
    /// What of it is done.
    pub support: Support,
    /// What it means, for a person.
    pub meaning: &'static str,
}

/// The type of a key, with the function that stores a value of that type.
#[derive(Debug)]
pub enum Kind<T: 'static> {
    /// True or false.
    Bool(fn(&mut T, bool)),
    /// A whole number.
    Integer {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// Stores it.
        set: fn(&mut T, u64),
    },
    /// Any number.
    Number {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
        /// Stores it.
        set: fn(&mut T, f64),
    },
    /// Text.
    Text(fn(&mut T, Text)),
    /// One of some words; letters of either case are accepted.
    Choice {
        /// The words.
        words: &'static [&'static str],
        /// Stores one, spelled as in `words`.
        set: fn(&mut T, &'static str),
    },
    /// A list of texts.
    Texts(fn(&mut T, Vec<Text>)),
    /// A list whose items nobody reads.
    List,
    /// A map whose entries nobody reads.
    Map,
    /// Something with a form of its own.
    Special {
        /// Describes the form.
        form: &'static str,
        /// Checks and stores it.
        set: fn(&mut T, &Node, &mut Reader),
    },
}

impl<T> Kind<T> {
    /// What a value must be, as the end of "must be …".
    pub fn form(&self) -> String {
        match self {
            Self::Bool(_) => "true or false".into(),
            Self::Integer {
                min, max: u64::MAX, ..
            } => format!("a whole number, {min} or more"),
            Self::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max, .. } if max.is_infinite() => {
                format!("a number, {min} or more")
            }
            Self::Number { min, max, .. } => format!("a number from {min} to {max}"),
            Self::Text(_) => "text".into(),
            Self::Choice { words, .. } => match words {
                [word] => format!("`{word}`"),
                words => format!("one of {}", words.join(", ")),
            },
            Self::Texts(_) => "a list of texts".into(),
            Self::List => "a list".into(),
            Self::Map => "a map".into(),
            Self::Special { form, .. } => (*form).into(),
        }
    }
}

/// What the program does with a key.
#[derive(Clone, Copy, Debug)]
pub enum Support {
    /// What it says.
    Full,
    /// Nothing yet. A warning is due unless the value is one of `inert`.
    Pending {
        /// Values with which nothing is missing, as [`Node`] shows them.
        inert: &'static [&'static str],
        /// What does not happen.
        effect: &'static str,
    },
    /// Nothing, but the key means nothing either while the named key has its
    /// default, and that key warns if it has not.
    Follows(&'static str),
    /// Nothing, because the program has no such part and needs none.
    Needless(&'static str),
}

/// Reads documents and collects what is wrong with them.
#[derive(Debug, Default)]
pub struct Reader {
    /// Everything found so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl Reader {
    /// Reports something fatal.
    pub fn error(&mut self, at: &Location, text: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(at, text));
    }

    /// Reports something that can be lived with.
    pub fn warning(&mut self, at: &Location, text: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(at, text));
    }

    /// Reports that the value of `name` is not what it must be.
    pub fn mismatch(&mut self, name: &str, form: &str, node: &Node) {
        let text = match &node.value {
            Value::Scalar { .. } => format!("{name} must be {form}, not `{}`", shorten(node)),
            Value::List(_) => format!("{name} must be {form}, not the list `{}`", shorten(node)),
            Value::Map(_) => format!("{name} must be {form}, not the map `{}`", shorten(node)),
        };
        self.error(&node.at, text);
    }

    /// Reads a map by a table. `path` names the map in diagnostics and is
    /// empty for a whole document.
    pub fn map<T>(&mut self, table: &[Key<T>], path: &str, node: &Node, target: &mut T) {
        self.section(table, path, "", node, target);
    }

    /// Stores the default of a key, which is not the user's wish and warns of
    /// nothing.
    pub(crate) fn preset<T>(&mut self, row: &Key<T>, node: &Node, target: &mut T) {
        if !node.is_null() {
            self.store(&row.kind, row.name, node, target);
        }
    }

    fn section<T>(
        &mut self,
        table: &[Key<T>],
        path: &str,
        prefix: &str,
        node: &Node,
        target: &mut T,
    ) {
        if node.is_null() {
            return;
        }
        let Value::Map(entries) = &node.value else {
            let name = match join(path, prefix) {
                name if name.is_empty() => "the configuration".into(),
                name => name,
            };
            return self.mismatch(&name, "a map of keys", node);
        };
        for (key, value) in entries {
            let name = join(prefix, &key.name);
            if let Some(row) = table.iter().find(|row| row.name == name) {
                self.value(row, path, value, target);
            } else if table.iter().any(|row| is_section(row.name, &name)) {
                self.section(table, path, &name, value, target);
            } else {
                let mut text = format!("unknown key {}", join(path, &name));
                if let Some(near) = nearest(&name, table.iter().map(|row| row.name)) {
                    text += &format!("; did you mean {}?", join(path, near));
                }
                self.warning(&key.at, text);
            }
        }
    }

    fn value<T>(&mut self, row: &Key<T>, path: &str, node: &Node, target: &mut T) {
        // A key without a value leaves the default.
        if node.is_null() {
            return;
        }
        let name = join(path, row.name);
        let before = self.diagnostics.len();
        self.store(&row.kind, &name, node, target);
        if self.diagnostics.len() > before {
            return;
        }
        match row.support {
            Support::Full | Support::Follows(_) => {}
            Support::Pending { inert, effect } => {
                let shown = match row.kind {
                    Kind::Bool(_) => boolean(node).map(|value| value.to_string()),
                    _ => None,
                };
                let shown = shown.unwrap_or_else(|| node.to_string());
                if !inert.contains(&shown.as_str()) {
                    let text = format!("key {name} is not supported yet: {effect}");
                    self.warning(&node.at, text);
                }
            }
            Support::Needless(reason) => {
                self.warning(&node.at, format!("key {name} has no effect: {reason}"));
            }
        }
    }

    fn store<T>(&mut self, kind: &Kind<T>, name: &str, node: &Node, target: &mut T) {
        match kind {
            Kind::Bool(set) => {
                if let Some(value) = boolean(node) {
                    return set(target, value);
                }
            }
            Kind::Integer { min, max, set } => {
                if let Some(value) = node.text().and_then(|text| text.parse().ok())
                    && (*min..=*max).contains(&value)
                {
                    return set(target, value);
                }
            }
            Kind::Number { min, max, set } => {
                if let Some(value) = node.text().and_then(|text| text.parse().ok())
                    && (*min..=*max).contains(&value)
                {
                    return set(target, value);
                }
            }
            Kind::Text(set) => {
                if let Some(value) = text(node) {
                    return set(target, value);
                }
            }
            Kind::Choice { words, set } => {
                if let Some(text) = node.text()
                    && let Some(word) = words.iter().find(|word| word.eq_ignore_ascii_case(text))
                {
                    return set(target, word);
                }
            }
            Kind::Texts(set) => {
                if let Value::List(items) = &node.value {
                    let mut values = Vec::with_capacity(items.len());
                    for (index, item) in items.iter().enumerate() {
                        match text(item) {
                            Some(value) => values.push(value),
                            None => self.mismatch(&format!("{name}[{index}]"), "text", item),
                        }
                    }
                    return set(target, values);
                }
            }
            Kind::List => {
                if matches!(node.value, Value::List(_)) {
                    return;
                }
            }
            Kind::Map => {
                if matches!(node.value, Value::Map(_)) {
                    return;
                }
            }
            Kind::Special { set, .. } => return set(target, node, self),
        }
        self.mismatch(name, &kind.form(), node);
    }
}

/// The text of a scalar with its place.
pub(crate) fn text(node: &Node) -> Option<Text> {
    let value = node.text()?.to_owned();
    Some(Text {
        value,
        at: node.at.clone(),
    })
}

/// All spellings of YAML 1.1, which Falco's own parser takes.
pub(crate) fn boolean(node: &Node) -> Option<bool> {
    match node.text()?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

fn join(prefix: &str, name: &str) -> String {
    match (prefix, name) {
        ("", name) => name.into(),
        (prefix, "") => prefix.into(),
        (prefix, name) => format!("{prefix}.{name}"),
    }
}

fn is_section(row: &str, name: &str) -> bool {
    row.strip_prefix(name)
        .is_some_and(|rest| rest.starts_with('.'))
}

/// Enough of a value to recognise it.
fn shorten(node: &Node) -> String {
    const LIMIT: usize = 60;
    let shown = node.to_string().replace(['\n', '\r', '\0', '\x1b'], " ");
    match shown.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// The name that was probably meant, whole or in its last part.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 4).max(2);
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
