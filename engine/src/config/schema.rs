//! What a table of keys is, and how a document is read with it.
//!
//! The reader knows no key by name: everything it needs, it finds in a row of
//! the table. The same rows serve whoever documents the configuration.

use std::rc::Rc;

use serde_json::Value;

use super::diagnostic::Diagnostic;
use crate::diagnostic::{Origin, Place, Source};
use crate::filter::error::nearest;
use crate::yaml::{self, Node, Scalar};

/// Text with the place where it was written, for whoever finds an error in it
/// later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
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
    /// A whole number for which there are bounds here that Falco does not have: what is
    /// beyond one is taken for it, with a warning.
    Clamped {
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
    /// Something with a form of its own.
    Special {
        /// Describes the form.
        form: &'static str,
        /// Describes it as JSON schema.
        schema: fn() -> Value,
        /// Checks and stores it.
        set: fn(&mut T, &Node, &mut Reader<'_>),
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
            Self::Clamped { min, max, .. } => {
                format!("a whole number from {min} to {max}, beyond which the bound counts")
            }
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
    /// Nothing, because the program has no such part. A warning is due if the
    /// key and the named switch are on.
    Absent {
        /// The key that turns on the section.
        switch: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// Nothing, because the program has no such part and needs none.
    Needless(&'static str),
}

/// Reads documents and collects what is wrong with them.
#[derive(Debug)]
pub struct Reader<'s> {
    sources: &'s [Source],
    /// Everything found so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'s> Reader<'s> {
    /// Reads nodes from these files.
    pub fn new(sources: &'s [Source]) -> Self {
        Self {
            sources,
            diagnostics: Vec::new(),
        }
    }

    fn origin(&self, place: Place) -> Origin {
        self.sources[place.file].origin(place.span)
    }

    /// The text of a scalar with its place.
    pub fn text(&self, node: &Node) -> Option<Text> {
        let value = node.text()?.to_owned();
        let origin = self.origin(node.place);
        Some(Text { value, origin })
    }

    /// Reports something fatal.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        let error = Diagnostic::error(self.origin(place), message);
        self.diagnostics.push(error);
    }

    /// Reports something that can be lived with.
    pub fn warning(&mut self, place: Place, message: impl Into<String>) {
        self.warning_with_hint(place, message, None);
    }

    fn warning_with_hint(
        &mut self,
        place: Place,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            hint,
            ..Diagnostic::warning(self.origin(place), message)
        });
    }

    /// Reports that the value of `name` is not what it must be.
    pub fn mismatch(&mut self, name: &str, form: &str, node: &Node) {
        let what = match &node.kind {
            yaml::Kind::Scalar(_) => "",
            yaml::Kind::Sequence(_) => "the list ",
            yaml::Kind::Map(_) => "the map ",
        };
        let shown = shorten(node);
        let message = format!("{name} must be {form}, not {what}`{shown}`");
        self.error(node.place, message);
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
        let yaml::Kind::Map(pairs) = &node.kind else {
            let name = match join(path, prefix) {
                name if name.is_empty() => "the configuration".into(),
                name => name,
            };
            return self.mismatch(&name, "a map of keys", node);
        };
        for (key, value) in pairs {
            // Any other key was an error when the document was read.
            let name = join(prefix, key.text().unwrap_or_default());
            if let Some(row) = table.iter().find(|row| row.name == name) {
                self.value(row, path, value, target);
            } else if table.iter().any(|row| is_section(row.name, &name)) {
                self.section(table, path, &name, value, target);
            } else {
                let known: Vec<_> = table.iter().map(|row| join(path, row.name)).collect();
                let name = join(path, &name);
                let hint = nearest(&name, known.iter().map(String::as_str));
                let message = format!("unknown key {name}");
                self.warning_with_hint(key.place, message, hint);
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
            Support::Full | Support::Follows(_) | Support::Absent { .. } => {}
            Support::Pending { inert, effect } => {
                let shown = match (&row.kind, node.scalar().and_then(Scalar::boolean)) {
                    (Kind::Bool(_), Some(value)) => value.to_string(),
                    _ => node.to_string(),
                };
                if !inert.contains(&shown.as_str()) {
                    let message = format!("key {name} is not supported yet: {effect}");
                    self.warning(node.place, message);
                }
            }
            Support::Needless(reason) => {
                self.warning(node.place, format!("key {name} has no effect: {reason}"));
            }
        }
    }

    fn store<T>(&mut self, kind: &Kind<T>, name: &str, node: &Node, target: &mut T) {
        match kind {
            Kind::Bool(set) => {
                if let Some(value) = node.scalar().and_then(Scalar::boolean) {
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
            Kind::Clamped { min, max, set } => {
                if let Some(value) = node.text().and_then(|text| text.parse().ok()) {
                    let clamped = u64::clamp(value, *min, *max);
                    if clamped != value {
                        self.warning(
                            node.place,
                            format!("{name} is taken as {clamped}: {min} to {max} are possible"),
                        );
                    }
                    return set(target, clamped);
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
                if let Some(value) = self.text(node) {
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
                match &node.kind {
                    yaml::Kind::Sequence(items) => return set(target, self.texts(name, items)),
                    // A list of one, as Falco has it.
                    yaml::Kind::Scalar(_) => {
                        return set(target, self.text(node).into_iter().collect());
                    }
                    yaml::Kind::Map(_) => {}
                }
            }
            Kind::Special { set, .. } => return set(target, node, self),
        }
        self.mismatch(name, &kind.form(), node);
    }

    fn texts(&mut self, name: &str, items: &[Rc<Node>]) -> Vec<Text> {
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match self.text(item) {
                Some(text) => texts.push(text),
                None => self.mismatch(&format!("{name}[{index}]"), "text", item),
            }
        }
        texts
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
