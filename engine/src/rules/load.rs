//! From rule files to a ruleset: what the files define together is compiled.

use std::borrow::Borrow;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::advice;
use super::append::{AppendOutput, ExtraField};
use super::collect;
use super::diagnostic::{Code, Diagnostic};
use super::exception;
use super::files::RuleSource;
use super::lists;
use super::macros::{Macros, Target};
use super::model::{Library, Rule};
use super::output::{Addition, Output, OutputBuilder};
use super::report::{Item, Report, Text};
use super::ruleset::{CompiledRule, Ruleset};
use super::selection::{Selection, is_enabled};
use crate::filter::ast::{Expr, Part, Span};
use crate::filter::compile::{Compiled, Lists, MAX_LEVELS, Scope, compile};
use crate::filter::error::{Error, ErrorKind};
use crate::filter::parser;
use crate::filter::predicate::{Shared, Slots};
use crate::filter::table::FieldTable;
use crate::filter::template::NOTHING;
use crate::output::Priority;
use crate::yaml::{Place, Source};

/// Source of events that system calls make.
pub const SYSCALL_SOURCE: &str = "syscall";
/// Of a rule with more conditions than this, the rest is not looked into.
const MANY_CONDITIONS: usize = 1000;

/// Fields that say nothing any more.
const DEPRECATED_FIELDS: [&str; 6] = [
    "evt.dir",
    "evt.latency",
    "evt.latency.s",
    "evt.latency.ns",
    "evt.latency.human",
    "evt.wait_latency",
];

/// How rules are loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Rules less severe than this are left out.
    pub min_priority: Priority,
    /// Rules turned on and off, in order.
    pub selection: Vec<Selection>,
    /// What is added to outputs.
    pub append_output: Vec<AppendOutput>,
    /// Files from which the texts of `append_output` are, by their numbers.
    pub append_sources: Vec<Source>,
    /// Whether alerts carry the values of their fields.
    pub want_fields: bool,
    /// Whether every rule that matches makes an alert, not the first alone.
    pub match_all: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            min_priority: Priority::Debug,
            selection: Vec::new(),
            append_output: Vec::new(),
            append_sources: Vec::new(),
            want_fields: false,
            match_all: false,
        }
    }
}

/// A ruleset and what is wrong with its files.
#[derive(Debug)]
pub struct LoadResult {
    /// The ruleset, unless there are errors.
    pub ruleset: Option<Ruleset>,
    /// All errors and warnings, in the order of the files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Loads rules; later files add to and change what earlier ones define. Files that
/// are given away are dropped one by one.
pub fn load(
    sources: impl IntoIterator<Item: Borrow<RuleSource>>,
    fields: &FieldTable,
    options: &LoadOptions,
) -> LoadResult {
    let mut report = Report::default();
    let mut library = Library::default();
    for source in &options.append_sources {
        report.add_source(source.clone());
    }
    for source in sources {
        let source = source.borrow();
        let file = report.add_source(Source::new(&source.path, &source.text));
        collect::file(file, &mut library, &mut report);
    }
    let lists = lists::expand(&library, &mut report);
    let mut loader = Loader {
        fields,
        lists: &lists,
        options,
        slots: Slots::default(),
        shared: Shared::default(),
        used: Used::default(),
    };
    let rules = loader.rules(&library, &mut report);
    loader.shared.finish(&loader.slots);
    loader.used.warn(&library, &mut report);
    let ruleset = (!report.has_errors())
        .then(|| Ruleset::new(rules, loader.shared, options.match_all, options.want_fields))
        .map(|ruleset| ruleset.with_files(fields.needs_open_files(), fields.needs_named_files()))
        .map(|ruleset| ruleset.with_environments(fields.needs_environments()));
    LoadResult {
        ruleset,
        diagnostics: report.into_diagnostics(),
    }
}

struct Loader<'a> {
    fields: &'a FieldTable,
    lists: &'a Lists,
    options: &'a LoadOptions,
    slots: Slots,
    shared: Shared,
    used: Used,
}

/// Names that conditions use.
#[derive(Default)]
struct Used {
    macros: FxHashSet<String>,
    lists: FxHashSet<Vec<u8>>,
}

impl Used {
    /// Notes what a condition uses.
    fn add_names(&mut self, expr: &Expr) {
        expr.visit(&mut |part| match part {
            Part::Macro(name) => {
                self.macros.insert(name.text.clone());
            }
            Part::Literal(literal) if !literal.quoted => {
                self.lists.insert(literal.bytes.clone());
            }
            Part::Literal(_) | Part::Field(_) => {}
        });
    }

    /// Notes what a condition uses, and warns of fields that will go away.
    fn add(&mut self, expr: &Expr, text: &Text, item: Item<'_>, report: &mut Report) {
        self.add_names(expr);
        expr.visit(&mut |part| {
            if let Part::Field(field) = part
                && DEPRECATED_FIELDS.contains(&field.name.as_str())
                && let Some(place) = text.locate(field.span, report)
            {
                let message = format!("field `{}` is deprecated", field.name);
                report.add(Code::DeprecatedItem, place, item, message);
            }
        });
    }

    fn warn(&mut self, library: &Library, report: &mut Report) {
        // What a list names counts as used if it is there before, else if
        // something uses the list.
        for (at, list) in library.lists.iter().enumerate() {
            let is_used = self.lists.contains(list.name.as_bytes());
            for item in &list.items {
                let known = library.lists.position(&item.text);
                if known.is_some_and(|known| known != at && (is_used || known < at)) {
                    self.lists.insert(item.text.as_bytes().to_vec());
                }
            }
        }
        for used in library.macros.iter() {
            if !self.macros.contains(&used.name) {
                let item = Some(("macro", used.name.as_str()));
                report.add(
                    Code::UnusedMacro,
                    used.place,
                    item,
                    "nothing uses this macro",
                );
            }
        }
        for list in library.lists.iter() {
            if !self.lists.contains(list.name.as_bytes()) {
                let item = Some(("list", list.name.as_str()));
                report.add(Code::UnusedList, list.place, item, "nothing uses this list");
            }
        }
    }
}

/// A rule, with what is compared of it with others and what may be wrong with it.
struct Advised<'l> {
    rule: &'l Rule,
    contradiction: Option<(String, Option<String>)>,
    /// Hashes of the conditions that must all hold.
    parts: Vec<u64>,
}

impl Loader<'_> {
    fn rules(&mut self, library: &Library, report: &mut Report) -> Vec<CompiledRule> {
        let mut macros = Macros::parse(library, report);
        for (item, expr) in macros.trees() {
            let name = Some(("macro", item.name.as_str()));
            self.used.add(expr, &item.condition, name, report);
            self.doubt(expr, &item.condition, name, report);
        }
        let additions = self.additions(&mut macros, report);
        let mut rules = Vec::new();
        let mut advised = Vec::new();
        for rule in library.rules.iter() {
            if rule.source.is_empty() || rule.source == SYSCALL_SOURCE {
                let expr = self.parse(&rule.condition, rule_item(rule), report);
                let compiled = self.rule(rule, &expr, &mut macros, &additions, report);
                if let (Some(compiled), Ok(expr)) = (&compiled, expr)
                    && compiled.info.active
                    && !report.has_errors()
                {
                    advised.push(self.look_into(rule, &expr, &macros));
                }
                rules.extend(compiled);
            } else {
                rules.push(self.inactive(rule, report));
            }
        }
        macros.check_unused(report);
        self.advise(advised, report);
        rules
    }

    /// A rule of another source: what it uses counts as used, nothing else is
    /// known about it.
    fn inactive(&mut self, rule: &Rule, report: &mut Report) -> CompiledRule {
        let message = format!("no events come from source `{}`", rule.source);
        report.add(Code::UnknownSource, rule.place, rule_item(rule), message);
        if let Ok(expr) = parser::parse(rule.condition.as_str()) {
            self.used.add_names(&expr);
        }
        CompiledRule::inactive(rule)
    }

    fn parse(
        &mut self,
        text: &Text,
        item: Item<'_>,
        report: &mut Report,
    ) -> Result<Expr, Vec<Error>> {
        let expr = parser::parse(text.as_str()).map_err(|error| vec![error])?;
        self.used.add(&expr, text, item, report);
        self.doubt(&expr, text, item, report);
        Ok(expr)
    }

    /// Warns of checks that are hardly what was meant.
    fn doubt(&self, expr: &Expr, text: &Text, item: Item<'_>, report: &mut Report) {
        let mut found = Vec::new();
        advice::of_checks(expr, self.fields, &mut found);
        for advice in found {
            if let Some(place) = text.locate(advice.span, report) {
                report.add_with_hint(advice.code, place, item, advice.message, advice.hint);
            }
        }
    }

    /// What there may be to say of a rule beside the others. Its tree is of no
    /// further use then.
    fn look_into<'l>(&self, rule: &'l Rule, expr: &Expr, macros: &Macros<'_>) -> Advised<'l> {
        let mut parts = Vec::new();
        conjuncts(expr, macros, MAX_LEVELS, &mut parts);
        let hash = |part: &&Expr| FxBuildHasher.hash_one(part.to_string());
        Advised {
            rule,
            contradiction: advice::contradiction(&parts, self.fields, self.lists),
            parts: parts.iter().map(hash).collect(),
        }
    }

    /// Warns of rules that can never match, or never make an alert.
    fn advise(&self, rules: Vec<Advised<'_>>, report: &mut Report) {
        if report.has_errors() {
            return;
        }
        let mut conditions = Vec::with_capacity(rules.len());
        let mut all = Vec::with_capacity(rules.len());
        for Advised {
            rule,
            contradiction,
            parts,
        } in rules
        {
            if let Some((why, hint)) = contradiction {
                let message = format!("rule can never match: {why}");
                let (code, item) = (Code::NeverMatches, rule_item(rule));
                report.add_with_hint(code, rule.place, item, message, hint);
            }
            conditions.push(parts);
            all.push(rule);
        }
        // Where every rule makes its alert, none hides another.
        if self.options.match_all {
            return;
        }
        for (shadow, &rule) in advice::shadows(&conditions).into_iter().zip(&all) {
            let Some(earlier) = shadow.and_then(|at| all.get(at)) else {
                continue;
            };
            // What an exception leaves to later rules is not known.
            if !earlier.exceptions.iter().all(|e| e.values.is_empty()) {
                continue;
            }
            let message = format!(
                "rule makes no alert: `{}` comes first and matches whenever it does",
                earlier.name
            );
            let hint = Some("turn one of them off, or set `rule_matching: all`".to_owned());
            report.add_with_hint(Code::Shadowed, rule.place, rule_item(rule), message, hint);
        }
    }

    fn rule(
        &mut self,
        rule: &Rule,
        expr: &Result<Expr, Vec<Error>>,
        macros: &mut Macros<'_>,
        additions: &[Addition],
        report: &mut Report,
    ) -> Option<CompiledRule> {
        let item = rule_item(rule);
        let output = self.output(rule, additions, report);
        let output = output.ok()?;
        let mut errors = Errors::default();
        let mut parts = Vec::new();
        match expr {
            Ok(expr) => match self.compile(expr, macros, report) {
                Ok(compiled) => parts.push(compiled),
                Err(found) => errors.add(&rule.condition, found),
            },
            Err(found) => errors.add(&rule.condition, found.clone()),
        }
        for exception in &rule.exceptions {
            if !exception::check_fields(exception, &rule.name, self.fields, report) {
                continue;
            }
            let Some(text) = exception::condition(exception, &rule.name, report) else {
                continue;
            };
            match self.condition(&text, item, macros, report) {
                Ok(compiled) => parts.push(compiled.not()),
                Err(found) => errors.add(&text, found),
            }
        }
        if rule.skip_if_unknown_filter && errors.only_unknown() {
            errors.report_as(Code::UnknownFilter, item, report);
            return None;
        }
        errors.report(item, report);
        let compiled = parts.into_iter().reduce(Compiled::and)?;
        // A macro with errors says nothing about events.
        if rule.warn_evttypes && !report.has_errors() {
            warn_of_many_events(rule, &compiled, report);
        }
        let active =
            is_enabled(rule, &self.options.selection) && rule.priority <= self.options.min_priority;
        Some(CompiledRule::new(rule, compiled, output?, active))
    }

    fn condition(
        &mut self,
        text: &Text,
        item: Item<'_>,
        macros: &mut Macros<'_>,
        report: &mut Report,
    ) -> Result<Compiled, Vec<Error>> {
        let expr = self.parse(text, item, report)?;
        self.compile(&expr, macros, report)
    }

    fn compile(
        &mut self,
        expr: &Expr,
        macros: &mut Macros<'_>,
        report: &mut Report,
    ) -> Result<Compiled, Vec<Error>> {
        let mut target = Target {
            fields: self.fields,
            lists: self.lists,
            slots: &self.slots,
            shared: &mut self.shared,
            report,
        };
        macros.compile_used(expr, &mut target);
        let lookup = |name: &_| macros.lookup(name, None);
        let scope = Scope {
            fields: self.fields,
            lists: self.lists,
            slots: &self.slots,
            macros: &lookup,
        };
        compile(expr, &scope)
    }

    /// The output, or nothing where it is wrong and that is reported.
    ///
    /// # Errors
    /// When the rule wants to be skipped for what is wrong.
    fn output(
        &self,
        rule: &Rule,
        additions: &[Addition],
        report: &mut Report,
    ) -> Result<Option<Output>, Skipped> {
        let item = rule_item(rule);
        match OutputBuilder::new(rule.output.as_str(), self.fields) {
            Ok(builder) => {
                warn_of_old_fields(rule, report);
                let covering = additions.iter().filter(|a| a.matches.covers(rule));
                Ok(Some(
                    builder.build(&covering.collect::<Vec<_>>(), self.fields),
                ))
            }
            Err(found) => {
                let mut errors = Errors::default();
                errors.add(&rule.output, found);
                if rule.skip_if_unknown_filter && errors.only_without_field() {
                    errors.report_as(Code::UnknownFilter, item, report);
                    return Err(Skipped);
                }
                errors.report_as(Code::CompileOutput, item, report);
                Ok(None)
            }
        }
    }

    /// Compiles what the configuration adds.
    fn additions(&mut self, macros: &mut Macros<'_>, report: &mut Report) -> Vec<Addition> {
        let options = self.options;
        let mut additions = Vec::new();
        for (at, append) in options.append_output.iter().enumerate() {
            let path = |key: &str| format!("append_output[{at}].{key}");
            let when = match &append.when {
                Some(when) => match self.condition(when, None, macros, report) {
                    Ok(compiled) => Some(self.shared.add(compiled.node)),
                    Err(errors) => {
                        let code = Code::CompileCondition;
                        report_text(&path("when"), when, errors, code, report);
                        continue;
                    }
                },
                None => None,
            };
            let addition = Addition::new(append, when);
            for (key, text) in texts(append) {
                if let Err(errors) = Addition::check(text.as_str(), self.fields) {
                    report_text(&path(key), &text, errors, Code::CompileOutput, report);
                }
            }
            additions.push(addition);
        }
        additions
    }
}

/// Texts with fields of an entry, with their keys.
fn texts(append: &AppendOutput) -> impl Iterator<Item = (&'static str, Text)> + '_ {
    let output = append.extra_output.iter();
    let fields = append.extra_fields.iter().map(|field| match field {
        ExtraField::Field(name) => {
            let mut text = Text::from("%");
            text.push(name);
            ("extra_fields", text)
        }
        ExtraField::Formatted { format, .. } => ("extra_fields", format.clone()),
    });
    output
        .map(|text| ("extra_output", text.clone()))
        .chain(fields)
}

/// Reports errors of a text of the configuration. One that stands in no file
/// is shown as a file of its own.
fn report_text(path: &str, text: &Text, errors: Vec<Error>, code: Code, report: &mut Report) {
    for error in errors {
        let place = text.locate(error.span, report).unwrap_or_else(|| Place {
            file: report.add_source(Source::new(path, text.as_str())),
            span: error.span,
        });
        report.add_with_hint(code, place, None, error.to_string(), error.hint);
    }
}

fn rule_item(rule: &Rule) -> Item<'_> {
    Some(("rule", &rule.name))
}

/// The conditions that must all hold, those inside of macros included.
fn conjuncts<'e>(expr: &'e Expr, macros: &'e Macros<'_>, levels: usize, parts: &mut Vec<&'e Expr>) {
    let inner = match expr {
        _ if parts.len() >= MANY_CONDITIONS => return parts.push(expr),
        Expr::And(inner) => inner.as_slice(),
        Expr::Macro(name) => match macros.tree(&name.text) {
            Some(tree) if levels > 0 => return conjuncts(tree, macros, levels - 1, parts),
            _ => return parts.push(expr),
        },
        other => return parts.push(other),
    };
    for part in inner {
        conjuncts(part, macros, levels, parts);
    }
}

/// Warns of names that say nothing any more, wherever the output has one: the
/// longer names begin with the shorter ones.
fn warn_of_old_fields(rule: &Rule, report: &mut Report) {
    for name in [NOTHING].into_iter().chain(DEPRECATED_FIELDS) {
        let at = rule.output.as_str().find(name);
        let span = at.map(|at| Span::new(at, at + name.len()));
        if let Some(place) = span.and_then(|span| rule.output.locate(span, report)) {
            let message = format!("`{name}` is deprecated");
            report.add(Code::DeprecatedItem, place, rule_item(rule), message);
        }
    }
}

fn warn_of_many_events(rule: &Rule, compiled: &Compiled, report: &mut Report) {
    let events = &compiled.events.holds;
    let message = match events.len() {
        0 => {
            let message = "rule can never match: there is no event that its checks allow";
            report.add(Code::NeverMatches, rule.place, rule_item(rule), message);
            "no event can satisfy this condition".to_owned()
        }
        _ if events.is_narrow() => return,
        _ => format!("condition is tried on {} kinds of events", events.len()),
    };
    let hint = "restrict `evt.type`, or set `warn_evttypes: false`";
    let whole = Span::new(0, rule.condition.as_str().trim_end().len());
    let place = rule.condition.locate(whole, report).unwrap_or(rule.place);
    let item = Some(("rule", rule.name.as_str()));
    report.add_with_hint(Code::NoEvttype, place, item, message, Some(hint.to_owned()));
}

/// A rule that is left out because it asks for something unknown.
struct Skipped;

/// Errors of the texts of one item.
#[derive(Default)]
pub struct Errors {
    errors: Vec<(Text, Error)>,
}

impl Errors {
    /// Adds those of one text.
    pub fn add(&mut self, text: &Text, errors: Vec<Error>) {
        let errors = errors.into_iter().map(|error| (text.clone(), error));
        self.errors.extend(errors);
    }

    fn only_unknown(&self) -> bool {
        let unknown = |kind: &ErrorKind| {
            matches!(
                kind,
                ErrorKind::UnknownField(_) | ErrorKind::UnknownEvent(_) | ErrorKind::BadArg { .. }
            )
        };
        !self.errors.is_empty() && self.errors.iter().all(|(_, error)| unknown(&error.kind))
    }

    /// Whether there is nothing but a `%` that no field follows.
    fn only_without_field(&self) -> bool {
        let unknown = |kind: &ErrorKind| !matches!(kind, ErrorKind::PercentAtEnd);
        !self.errors.is_empty() && self.errors.iter().all(|(_, error)| unknown(&error.kind))
    }

    /// Reports all, each under the code of its kind.
    pub fn report(self, item: Item<'_>, report: &mut Report) {
        self.report_with(item, report, |kind| match kind {
            ErrorKind::UnknownMacro(_) | ErrorKind::LateMacro(_) | ErrorKind::MacroLoop(_) => {
                Code::Validate
            }
            _ => Code::CompileCondition,
        });
    }

    /// Reports all under one code.
    fn report_as(self, code: Code, item: Item<'_>, report: &mut Report) {
        self.report_with(item, report, |_| code);
    }

    fn report_with(self, item: Item<'_>, report: &mut Report, code: impl Fn(&ErrorKind) -> Code) {
        for (text, error) in self.errors {
            let code = code(&error.kind);
            if let Some(place) = text.locate(error.span, report) {
                report.add_with_hint(code, place, item, error.to_string(), error.hint);
            }
        }
    }
}
