//! One item of a rule file: its keys, read with their types.

use std::cell::RefCell;
use std::rc::Rc;

use super::diagnostic::Code;
use super::report::{Item as ItemName, Report};
use super::yaml::{Kind, Node, Place, Scalar};

/// A map of a rule file. Every key that is asked for counts as known.
pub struct Item<'n> {
    /// Where it stands.
    pub place: Place,
    kind: &'static str,
    name: String,
    pairs: &'n [(Rc<Node>, Rc<Node>)],
    known: RefCell<Vec<&'static str>>,
}

impl<'n> Item<'n> {
    /// A map whose keys are `pairs`; `kind` is what it is called in messages.
    pub fn new(node: &Node, pairs: &'n [(Rc<Node>, Rc<Node>)], kind: &'static str) -> Self {
        Self {
            place: node.place,
            kind,
            name: String::new(),
            pairs,
            known: RefCell::default(),
        }
    }

    /// Gives it the name that messages show.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// What messages call it.
    pub fn item(&self) -> ItemName<'_> {
        (!self.name.is_empty()).then_some((self.kind, &self.name))
    }

    /// Adds a problem with it.
    pub fn report(
        &self,
        report: &mut Report,
        code: Code,
        place: Place,
        message: impl Into<String>,
    ) {
        report.add(code, place, self.item(), message);
    }

    /// The value of a key.
    pub fn get(&self, key: &'static str) -> Option<&'n Node> {
        self.known.borrow_mut().push(key);
        let pair = self.pairs.iter().find(|(k, _)| is_key(k, key))?;
        Some(&pair.1)
    }

    /// The place of a key, or of the item.
    pub fn key_place(&self, key: &str) -> Place {
        let pair = self.pairs.iter().find(|(k, _)| is_key(k, key));
        pair.map_or(self.place, |(key, _)| key.place)
    }

    /// A scalar that must be there and have a text.
    pub fn required(&self, key: &'static str, report: &mut Report) -> Option<&'n Scalar> {
        let Some(node) = self.get(key) else {
            let message = format!("{} has no `{key}`", self.kind);
            self.report(report, Code::YamlValidate, self.place, message);
            return None;
        };
        self.filled(node, key, report)
    }

    /// A scalar that may be there, but not without a text.
    pub fn text(&self, key: &'static str, report: &mut Report) -> Option<&'n Scalar> {
        let node = self.get(key)?;
        self.filled(node, key, report)
    }

    fn filled(&self, node: &'n Node, key: &str, report: &mut Report) -> Option<&'n Scalar> {
        let scalar = self.scalar_of(node, key, report)?;
        if scalar.text.is_empty() || node.is_null() {
            let message = format!("`{key}` is empty");
            self.report(report, Code::YamlValidate, node.place, message);
            return None;
        }
        Some(scalar)
    }

    /// A scalar that may be there.
    pub fn scalar(&self, key: &'static str, report: &mut Report) -> Option<&'n Scalar> {
        let node = self.get(key)?;
        self.scalar_of(node, key, report)
    }

    /// A scalar that may be there, and be empty, but not nothing.
    pub fn present(&self, key: &'static str, report: &mut Report) -> Option<&'n Scalar> {
        let node = self.get(key)?;
        match node.is_null() {
            true => self.filled(node, key, report),
            false => self.scalar_of(node, key, report),
        }
    }

    fn scalar_of(&self, node: &'n Node, key: &str, report: &mut Report) -> Option<&'n Scalar> {
        let scalar = node.scalar();
        if scalar.is_none() {
            let message = format!("`{key}` is not a scalar");
            self.report(report, Code::YamlValidate, node.place, message);
        }
        scalar
    }

    /// True or false, if it is there.
    pub fn boolean(&self, key: &'static str, report: &mut Report) -> Option<bool> {
        let scalar = self.scalar(key, report)?;
        let value = scalar.boolean();
        if value.is_none() {
            let message = format!("`{key}` is neither `true` nor `false`");
            self.report(report, Code::YamlValidate, scalar.place(), message);
        }
        value
    }

    /// A whole number, if it is there.
    pub fn number(&self, key: &'static str, report: &mut Report) -> Option<u64> {
        let scalar = self.scalar(key, report)?;
        let value = scalar.text.parse().ok();
        if value.is_none() {
            let message = format!("`{key}` is no whole number");
            self.report(report, Code::YamlValidate, scalar.place(), message);
        }
        value
    }

    /// A sequence of scalars, if it is there.
    pub fn scalars(&self, key: &'static str, report: &mut Report) -> Option<Vec<&'n Scalar>> {
        let node = self.get(key)?;
        let Kind::Sequence(items) = &node.kind else {
            let message = format!("`{key}` is not a sequence");
            self.report(report, Code::YamlValidate, node.place, message);
            return None;
        };
        let scalars = items.iter().filter_map(|item| {
            let scalar = item.scalar().filter(|_| !item.is_null());
            if scalar.is_none() {
                let message = format!("an element of `{key}` is not a scalar");
                self.report(report, Code::YamlValidate, item.place, message);
            }
            scalar
        });
        Some(scalars.collect())
    }

    /// Warns of keys that nobody asked for and of keys that stand twice.
    pub fn finish(&self, report: &mut Report) {
        let known = self.known.borrow();
        for (at, (key, _)) in self.pairs.iter().enumerate() {
            let Some(text) = key.scalar().map(|scalar| scalar.text.as_str()) else {
                self.report(report, Code::UnknownKey, key.place, "key is not a scalar");
                continue;
            };
            if !known.contains(&text) {
                let names = known.iter().copied();
                let hint = crate::filter::error::nearest(text, names);
                let message = format!("unknown key `{text}`");
                report.add_with_hint(Code::UnknownKey, key.place, self.item(), message, hint);
            } else if self.pairs[..at].iter().any(|(k, _)| is_key(k, text)) {
                let message = format!("key `{text}` stands here a second time: the first counts");
                self.report(report, Code::DuplicateKey, key.place, message);
            }
        }
    }
}

fn is_key(node: &Node, key: &str) -> bool {
    node.scalar().is_some_and(|scalar| scalar.text == key)
}
