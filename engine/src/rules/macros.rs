//! Macros: each is compiled once, whatever uses it.

use super::load::Errors;
use super::model::{self, Library};
use super::report::Report;
use crate::filter::ast::{Expr, Name, Part};
use crate::filter::compile::{Lists, MAX_LEVELS, Macro, Scope, compile};
use crate::filter::error::{Error, ErrorKind, nearest};
use crate::filter::parser;
use crate::filter::predicate::{Shared, Slots};
use crate::filter::table::FieldTable;

/// All macros of a library.
pub struct Macros<'a> {
    library: &'a Library,
    /// Trees by position; `None` where the text is wrong.
    trees: Vec<Option<Expr>>,
    states: Vec<State>,
}

#[derive(Clone)]
enum State {
    New,
    /// Its own macros are being compiled.
    Open,
    /// `None` when it has errors.
    Done(Option<Box<Macro>>),
}

impl<'a> Macros<'a> {
    /// Parses the conditions of all macros.
    pub fn parse(library: &'a Library, report: &mut Report) -> Self {
        let mut trees = Vec::new();
        for item in library.macros.iter() {
            let tree = parser::parse(item.condition.as_str());
            trees.push(tree.map_or_else(
                |error| {
                    let mut errors = Errors::default();
                    errors.add(&item.condition, vec![error]);
                    errors.report(Some(("macro", &item.name)), report);
                    None
                },
                Some,
            ));
        }
        Self {
            library,
            states: vec![State::New; trees.len()],
            trees,
        }
    }

    /// Those whose text is right, with their trees.
    pub fn trees(&self) -> impl Iterator<Item = (&'a model::Macro, &Expr)> {
        let macros = self.library.macros.iter().zip(&self.trees);
        macros.filter_map(|(item, tree)| Some((item, tree.as_ref()?)))
    }

    /// The tree of a macro whose text is right.
    pub fn tree(&self, name: &str) -> Option<&Expr> {
        let at = self.library.macros.position(name)?;
        self.trees.get(at)?.as_ref()
    }

    /// Compiles those that a condition uses, those that they use first. What
    /// nothing uses may name fields that are not there.
    pub fn compile_used(&mut self, condition: &Expr, target: &mut Target<'_>) {
        let mut used = Vec::new();
        condition.visit(&mut |part| {
            if let Part::Macro(name) = part {
                used.extend(self.library.macros.position(&name.text));
            }
        });
        for at in used {
            self.compile(at, 0, target);
        }
    }

    /// Checks the names that macros have which nothing uses.
    pub fn check_unused(&mut self, report: &mut Report) {
        for at in 0..self.trees.len() {
            self.check_names(at, 0, report);
        }
    }

    fn check_names(&mut self, at: usize, level: usize, report: &mut Report) {
        if !matches!(self.states[at], State::New) || level > MAX_LEVELS {
            return;
        }
        self.states[at] = State::Open;
        let mut names = Vec::new();
        if let Some(tree) = &self.trees[at] {
            tree.visit(&mut |part| {
                if let Part::Macro(name) = part {
                    names.push(name.clone());
                }
            });
        }
        for name in &names {
            if let Some(inner) = self.library.macros.position(&name.text) {
                self.check_names(inner, level + 1, report);
            }
        }
        if let Some(item) = self.library.macros.iter().nth(at) {
            let found = names.iter();
            let found = found.filter_map(|name| self.lookup(name, Some(item.last)).err());
            let mut errors = Errors::default();
            errors.add(&item.condition, found.collect());
            errors.report(Some(("macro", &item.name)), report);
        }
        self.states[at] = State::Done(None);
    }

    fn compile(&mut self, at: usize, level: usize, target: &mut Target<'_>) {
        if !matches!(self.states[at], State::New) || level > MAX_LEVELS {
            return;
        }
        self.states[at] = State::Open;
        let mut used = Vec::new();
        if let Some(tree) = &self.trees[at] {
            tree.visit(&mut |part| {
                if let Part::Macro(name) = part {
                    used.extend(self.library.macros.position(&name.text));
                }
            });
        }
        for inner in used {
            self.compile(inner, level + 1, target);
        }
        self.states[at] = State::Done(self.compile_tree(at, target).map(Box::new));
    }

    fn compile_tree(&self, at: usize, target: &mut Target<'_>) -> Option<Macro> {
        let tree = self.trees[at].as_ref()?;
        let item = self.library.macros.iter().nth(at)?;
        let lookup = |name: &Name| self.lookup(name, Some(item.last));
        let scope = Scope {
            fields: target.fields,
            lists: target.lists,
            slots: target.slots,
            macros: &lookup,
        };
        match compile(tree, &scope) {
            Ok(compiled) => Some(Macro {
                events: compiled.events,
                levels: compiled.levels,
                weight: compiled.weight,
                shared: target.shared.add(compiled.node),
            }),
            Err(found) => {
                let mut errors = Errors::default();
                errors.add(&item.condition, found);
                errors.report(Some(("macro", &item.name)), target.report);
                None
            }
        }
    }

    /// The macro of a name. Macros see only what was first defined before
    /// they were last changed themselves, rules see all.
    ///
    /// # Errors
    /// When there is none to see, or when it is being compiled itself.
    pub fn lookup(&self, name: &Name, before: Option<usize>) -> Result<Option<Macro>, Error> {
        let error = |kind: fn(String) -> ErrorKind| Error::new(name.span, kind(name.text.clone()));
        let Some(at) = self.library.macros.position(&name.text) else {
            let hint = nearest(&name.text, self.library.macros.names());
            return Err(error(ErrorKind::UnknownMacro).hint(hint));
        };
        let first = self.library.macros.get(&name.text).map_or(0, |m| m.first);
        match &self.states[at] {
            State::Open => Err(error(ErrorKind::MacroLoop)),
            _ if before.is_some_and(|before| first >= before) => Err(error(ErrorKind::LateMacro)),
            State::New => Err(Error::new(name.span, ErrorKind::TooDeep(MAX_LEVELS))),
            State::Done(compiled) => Ok(compiled.as_deref().copied()),
        }
    }
}

/// What macros are compiled with and into.
pub struct Target<'t> {
    /// Fields.
    pub fields: &'t FieldTable,
    /// Lists.
    pub lists: &'t Lists,
    /// Numbers of fields.
    pub slots: &'t Slots,
    /// Where macros go.
    pub shared: &'t mut Shared,
    /// Where errors go.
    pub report: &'t mut Report,
}
