//! Fields by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;

use super::arguments;
use super::ast::{FieldRef, Span};
use super::error::{Error, ErrorKind, nearest};
use super::field::{ArgKind, Cardinality, Field, FieldArg, FieldType, Print, Value};

/// What the names of fields of the configuration begin with.
pub const STATIC_PREFIX: &str = "static.";

/// The row of all fields of the configuration: the argument is the value.
static STATIC: Field = Field {
    name: "static",
    ty: FieldType::Text,
    arg: ArgKind::None,
    cardinality: Cardinality::One,
    print: Print::Plain,
    hidden: true,
    open_files: false,
    environments: false,
    about: "A value from the configuration",
    example: "",
    since: "0.1.0",
    get: |ctx, arg| match arg {
        FieldArg::Key(value) => {
            let value = ctx.arena.alloc_slice_copy(value.as_bytes());
            Some(Value::Text(value))
        }
        FieldArg::None | FieldArg::Index(_) => None,
    },
};

/// The fields that conditions and outputs can name.
#[derive(Clone)]
pub struct FieldTable {
    fields: &'static [Field],
    by_name: FxHashMap<&'static str, usize>,
    /// Values of the fields that the configuration adds, by their names.
    statics: BTreeMap<String, Box<str>>,
    open_files: Arc<AtomicBool>,
    named_files: Arc<AtomicBool>,
    environments: Arc<AtomicBool>,
}

/// A field with its argument checked.
#[derive(Clone, Debug)]
pub struct BoundField {
    /// The row of the table.
    pub field: &'static Field,
    /// The argument.
    pub arg: FieldArg,
}

impl FieldTable {
    /// Over the rows of one table.
    pub fn new(fields: &'static [Field]) -> Self {
        let by_name = fields
            .iter()
            .enumerate()
            .map(|(i, f)| (f.name, i))
            .collect();
        Self {
            fields,
            by_name,
            statics: BTreeMap::new(),
            open_files: Arc::default(),
            named_files: Arc::default(),
            environments: Arc::default(),
        }
    }

    /// With a field `static.KEY` for each key, which always has the key's value.
    #[must_use]
    pub fn with_statics(mut self, values: &BTreeMap<String, String>) -> Self {
        let named = |(key, value): (&String, &String)| {
            (format!("{STATIC_PREFIX}{key}"), value.as_str().into())
        };
        self.statics = values.iter().map(named).collect();
        self
    }

    /// Whether a field was bound that needs to know all that a process has open.
    pub fn needs_open_files(&self) -> bool {
        self.open_files.load(Ordering::Relaxed)
    }

    /// Whether a field was bound whose value may follow from a descriptor that an
    /// event names by its number alone, as events of captures do.
    pub fn needs_named_files(&self) -> bool {
        self.named_files.load(Ordering::Relaxed)
    }

    /// Whether a field was bound that needs to know environments.
    pub fn needs_environments(&self) -> bool {
        self.environments.load(Ordering::Relaxed)
    }

    fn note(&self, field: &Field) {
        if may_name_files(field) {
            self.named_files.store(true, Ordering::Relaxed);
        }
        if field.open_files {
            self.open_files.store(true, Ordering::Relaxed);
        }
        if field.environments {
            self.environments.store(true, Ordering::Relaxed);
        }
    }

    /// All rows.
    pub fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// The names of all fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let statics = self.statics.keys().map(String::as_str);
        self.fields.iter().map(|field| field.name).chain(statics)
    }

    /// The field with exactly this name.
    pub fn get(&self, name: &str) -> Option<&'static Field> {
        match self.by_name.get(name) {
            Some(&at) => Some(&self.fields[at]),
            None => self.statics.contains_key(name).then_some(&STATIC),
        }
    }

    /// Finds the field and checks its argument. `evt.arg.fd` is the field
    /// `evt.arg` with the argument `fd`.
    ///
    /// # Errors
    /// When there is no such field or its argument does not fit.
    pub fn bind(&self, field: &FieldRef) -> Result<BoundField, Error> {
        if let (Some(value), None) = (self.statics.get(&field.name), &field.arg) {
            return Ok(BoundField {
                field: &STATIC,
                arg: FieldArg::Key(value.clone()),
            });
        }
        if let Some(found) = self.get(&field.name) {
            self.note(found);
            return bind_arg(found, field.arg.as_deref(), field.span);
        }
        if let Some((found, key)) = self.dotted(&field.name)
            && field.arg.is_none()
        {
            self.note(found);
            let arg = match arguments::event_number(found, key) {
                Some(event) => FieldArg::Index(event),
                None => FieldArg::Key(key.into()),
            };
            return Ok(BoundField { field: found, arg });
        }
        let kind = ErrorKind::UnknownField(field.name.clone());
        let hint = nearest(&field.name, self.names());
        Err(Error::new(field.span, kind).hint(hint))
    }

    /// Splits off the last part of a name as the argument of a field that can
    /// have one there.
    fn dotted<'n>(&self, name: &'n str) -> Option<(&'static Field, &'n str)> {
        let (name, key) = name.rsplit_once('.')?;
        let field = self.get(name)?;
        field.arg.is_dotted().then_some((field, key))
    }

    /// Length of the longest start of the text that names a field, wherever it
    /// ends: behind it there may be letters of the text.
    pub fn longest_name(&self, text: &str) -> Option<usize> {
        let longest = name_length(text);
        (1..=longest).rev().find(|&end| {
            let name = &text[..end];
            let dotted = || self.dotted(name);
            self.get(name).is_some()
                || dotted().is_some_and(|(field, key)| arguments::fits(field, key))
        })
    }
}

/// Whether the value of a field may follow from a descriptor. What is not known
/// to be about something else may.
pub(super) fn may_name_files(field: &Field) -> bool {
    const OTHERS: [&str; 8] = [
        "proc.",
        "thread.",
        "user.",
        "group.",
        "container.",
        "k8s.",
        "k8smeta.",
        "syscall.",
    ];
    const EVENTS: [&str; 8] = [
        "evt.type",
        "evt.dir",
        "evt.num",
        "evt.time",
        "evt.source",
        "evt.res",
        "evt.rawres",
        "evt.failed",
    ];
    // A directory may be entered by its descriptor.
    let cwd = field.name == "proc.cwd";
    let other = OTHERS.iter().any(|class| field.name.starts_with(class));
    field.open_files || cwd || !(other || EVENTS.contains(&field.name))
}

/// Length of the parts with dots between them at the start of the text. The last
/// may be a number.
fn name_length(text: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    loop {
        let part = &text[at..];
        let len = part
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(part.len());
        let is_number = len > 0 && part[..len].bytes().all(|b| b.is_ascii_digit());
        if is_number && end > 0 {
            return at + len;
        }
        if len == 0 || !part.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return end;
        }
        end = at + len;
        if !text[end..].starts_with('.') {
            return end;
        }
        at = end + 1;
    }
}

fn bind_arg(field: &'static Field, arg: Option<&str>, span: Span) -> Result<BoundField, Error> {
    let name = field.name.to_owned();
    let (index, key, optional) = match field.arg {
        ArgKind::None => (false, false, true),
        ArgKind::OptionalIndex => (true, false, true),
        ArgKind::OptionalKey => (false, true, true),
        ArgKind::OptionalIndexOrKey => (true, true, true),
        ArgKind::Key => (false, true, false),
        ArgKind::IndexOrKey => (true, true, false),
        ArgKind::Dotted => (false, false, false),
        ArgKind::OptionalDotted => (false, false, true),
        ArgKind::IndexOrDotted => (true, false, false),
    };
    let number = |text: &str| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let arg = match arg {
        None if optional => FieldArg::None,
        None => return Err(Error::new(span, ErrorKind::MissingArg(name))),
        Some(text) => match number(text) {
            Some(number) if index => FieldArg::Index(number),
            _ if key && !text.is_empty() => FieldArg::Key(text.into()),
            _ => {
                let arg = text.to_owned();
                return Err(Error::new(span, ErrorKind::BadArg { field: name, arg }));
            }
        },
    };
    Ok(BoundField { field, arg })
}

impl BoundField {
    /// Whether its value is a list, of which each element counts by itself.
    pub fn is_list(&self) -> bool {
        self.field.cardinality == Cardinality::List
    }

    /// How the values of a comparison are joined.
    pub fn cardinality(&self) -> Cardinality {
        match self.field.cardinality {
            Cardinality::AnyAncestor if self.arg != FieldArg::None => Cardinality::One,
            cardinality => cardinality,
        }
    }

    /// Whether it is the type of the event, which decides when rules run.
    pub fn is_event_type(&self) -> bool {
        matches!(self.field.name, "evt.type" | "syscall.type")
    }

    /// Whether it asks how near a time is.
    pub fn is_around(&self) -> bool {
        self.field.name == "evt.around"
    }

    /// Whether outputs cannot show it: it is no value but a way to compare some.
    pub fn is_for_conditions(&self) -> bool {
        self.is_around() || self.field.cardinality == Cardinality::BothEnds
    }

    /// Whether it can be compared with another field.
    pub fn is_comparable(&self) -> bool {
        self.is_plain() && self.field.ty != FieldType::Net && self.field.name != "fd.types"
    }

    /// Whether it can be an argument of a transformer.
    pub fn is_plain(&self) -> bool {
        !self.is_event_type()
            && !self.is_around()
            && !matches!(self.field.ty, FieldType::Dynamic | FieldType::Host)
            && !matches!(
                self.field.cardinality,
                Cardinality::AnyAncestor | Cardinality::BothEnds
            )
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What a type is called in messages.
pub fn type_name(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Bool => "a bool",
        FieldType::Int => "a number",
        FieldType::Uint => "an unsigned number",
        FieldType::Double => "a floating-point number",
        FieldType::AbsTime => "a time",
        FieldType::RelTime => "a duration",
        FieldType::Port => "a port",
        FieldType::Text => "a text",
        FieldType::Path => "a path",
        FieldType::Bytes => "a byte buffer",
        FieldType::Ip => "an IP address",
        FieldType::Net => "an IP network",
        FieldType::Host => "the name of a host",
        FieldType::Dynamic => "of a type known at run time",
    }
}

impl<'a> Value<'a> {
    /// The bytes of a text.
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Self::Text(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A whole number.
    #[inline]
    pub fn number(&self) -> Option<i128> {
        match *self {
            Self::Int(number) => Some(number.into()),
            Self::Uint(number) => Some(number.into()),
            _ => None,
        }
    }
}
