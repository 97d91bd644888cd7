//! Lists, macros and rules as the files define them together.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::report::Text;
use crate::output::Priority;
use crate::yaml::{Node, Place, Scalar};

/// Everything that the files define.
#[derive(Debug, Default)]
pub struct Library {
    /// Lists in the order of their first definitions.
    pub lists: Named<List>,
    /// Macros, likewise.
    pub macros: Named<Macro>,
    /// Rules, likewise.
    pub rules: Named<Rule>,
    /// Number of definitions and changes so far.
    pub clock: usize,
    /// Version of the engine that the files require.
    pub engine_version: Option<String>,
    /// Plugins that the files require: each entry names some, of which one
    /// must be there, with versions.
    pub plugins: Vec<Vec<(String, String)>>,
}

/// Things with unique names, in order.
#[derive(Debug)]
pub struct Named<T> {
    items: Vec<T>,
    by_name: FxHashMap<String, usize>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            by_name: FxHashMap::default(),
        }
    }
}

impl<T> Named<T> {
    /// Adds a thing, or replaces that of the same name in its place.
    pub fn insert(&mut self, name: &str, item: T) {
        match self.by_name.get(name) {
            Some(&at) => self.items[at] = item,
            None => {
                self.by_name.insert(name.to_owned(), self.items.len());
                self.items.push(item);
            }
        }
    }

    /// The thing of a name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).map(|&at| &self.items[at])
    }

    /// The thing of a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.by_name.get(name).map(|&at| &mut self.items[at])
    }

    /// Position of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// All in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

/// A list.
#[derive(Clone, Debug)]
pub struct List {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// Its items.
    pub items: Vec<Scalar>,
}

/// A macro.
#[derive(Clone, Debug)]
pub struct Macro {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// Its condition.
    pub condition: Text,
    /// When it was first defined.
    pub first: usize,
    /// When it was last changed.
    pub last: usize,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// Source of the events it is for.
    pub source: String,
    /// When it matches.
    pub condition: Text,
    /// What it says.
    pub output: Text,
    /// What it is for.
    pub desc: Text,
    /// Severity.
    pub priority: Priority,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// What it does not match.
    pub exceptions: Vec<Exception>,
    /// Whether it is in use.
    pub enabled: bool,
    /// Whether its alerts are to start a capture.
    pub capture: bool,
    /// How long such a capture lasts in milliseconds, 0 for the default.
    pub capture_duration: u64,
    /// Whether to warn when it is tried on too many kinds of events.
    pub warn_evttypes: bool,
    /// Whether an unknown field only makes it be skipped.
    pub skip_if_unknown_filter: bool,
}

/// A named exception of a rule, as the files give it.
#[derive(Clone, Debug)]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The compared fields.
    pub fields: Option<OneOrMany>,
    /// Operators, one for each field.
    pub comps: Option<OneOrMany>,
    /// Values; their shape depends on that of the fields.
    pub values: Vec<Rc<Node>>,
}

/// A scalar, or a sequence of such.
#[derive(Clone, Debug)]
pub enum OneOrMany {
    /// A scalar.
    One(Scalar),
    /// A sequence.
    Many(Vec<Scalar>),
}

impl OneOrMany {
    /// The scalars.
    pub fn as_slice(&self) -> &[Scalar] {
        match self {
            Self::One(scalar) => std::slice::from_ref(scalar),
            Self::Many(scalars) => scalars,
        }
    }
}

/// Priority by its name in any case, `Info` included.
pub fn priority(name: &str) -> Option<Priority> {
    Some(match name.to_ascii_lowercase().as_str() {
        "emergency" => Priority::Emergency,
        "alert" => Priority::Alert,
        "critical" => Priority::Critical,
        "error" => Priority::Error,
        "warning" => Priority::Warning,
        "notice" => Priority::Notice,
        "informational" | "info" => Priority::Informational,
        "debug" => Priority::Debug,
        _ => return None,
    })
}
