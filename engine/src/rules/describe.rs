//! What `-L` and `-l` show: rules, macros and lists with everything that they
//! use, as one JSON value of the keys that Falco has.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::exception;
use super::files::RuleSource;
use super::lists;
use super::load::SYSCALL_SOURCE;
use super::model::{Exception, Library, List, Macro, Rule};
use super::report::Report;
use super::{collect, selection, selection::Selection};
use crate::filter::ast::{self, Check, Expr, Part, Right};
use crate::filter::compile::{Lists, Scope, compile};
use crate::filter::error::{Error, ErrorKind};
use crate::filter::parser;
use crate::filter::predicate::Slots;
use crate::filter::table::FieldTable;
use crate::filter::template::Template;
use crate::yaml::Source;

/// Most parts of a condition with all macros and lists in their places.
const MAX_PARTS: usize = 1 << 18;

/// What rule files define.
pub struct Description<'f> {
    library: Library,
    lists: Lists,
    macros: FxHashMap<String, Expr>,
    fields: &'f FieldTable,
    selection: &'f [Selection],
    report: Report,
    used: Names,
}

/// Names that conditions use.
#[derive(Default)]
struct Names {
    macros: BTreeSet<String>,
    lists: BTreeSet<String>,
}

impl<'f> Description<'f> {
    /// Reads the files; what is wrong in them is left out.
    pub fn new(sources: &[RuleSource], fields: &'f FieldTable, selection: &'f [Selection]) -> Self {
        let mut report = Report::default();
        let mut library = Library::default();
        for source in sources {
            let file = report.add_source(Source::new(&source.path, &source.text));
            collect::file(file, &mut library, &mut report);
        }
        let lists = lists::expand(&library, &mut report);
        let parsed = library.macros.iter().filter_map(|item| {
            let tree = parser::parse(item.condition.as_str()).ok()?;
            Some((item.name.clone(), tree))
        });
        let macros = parsed.collect();
        let mut all = Self {
            library,
            lists,
            macros,
            fields,
            selection,
            report,
            used: Names::default(),
        };
        all.used = all.all_used();
        all
    }

    fn all_used(&self) -> Names {
        let mut used = Names::default();
        for rule in self.library.rules.iter() {
            if let Ok(expr) = parser::parse(rule.condition.as_str()) {
                self.names(&expr, true, &mut used);
            }
        }
        used
    }

    /// All rules, macros and lists.
    pub fn all(&mut self) -> Value {
        let rules: Vec<_> = self.library.rules.iter().cloned().collect();
        let rules: Vec<_> = rules.iter().map(|rule| self.rule(rule)).collect();
        let macros: Vec<_> = self.library.macros.iter().map(|m| self.macro_(m)).collect();
        let lists: Vec<_> = self.library.lists.iter().map(|l| self.list(l)).collect();
        let plugins = self.library.plugins.iter().filter_map(|entry| {
            let show =
                |(name, version): &(String, String)| json!({"name": name, "version": version});
            let (first, rest) = entry.split_first()?;
            let mut shown = show(first);
            shown["alternatives"] = rest.iter().map(show).collect();
            Some(shown)
        });
        json!({
            "required_engine_version": self.library.engine_version,
            "required_plugin_versions": plugins.collect::<Vec<_>>(),
            "rules": rules,
            "macros": macros,
            "lists": lists,
        })
    }

    /// One rule; `None` if there is none of this name.
    pub fn one(&mut self, name: &str) -> Option<Value> {
        let rule = self.library.rules.get(name)?.clone();
        Some(self.rule(&rule))
    }

    /// The rule of a name.
    pub fn rule_named(&self, name: &str) -> Option<Rule> {
        self.library.rules.get(name).cloned()
    }

    /// The condition of a rule with macros, lists and exceptions in it.
    pub fn expanded(&mut self, rule: &Rule) -> Option<Expr> {
        let condition = self.condition(rule)?;
        self.expand(&condition, &mut { MAX_PARTS })
    }

    /// Names and descriptions of all rules in order, or of one.
    pub fn names_and_descriptions<'s>(
        &'s self,
        only: Option<&'s str>,
    ) -> impl Iterator<Item = (&'s str, &'s str)> {
        let rules = self.library.rules.iter();
        rules
            .filter(move |rule| only.is_none_or(|name| rule.name == name))
            .map(|rule| (rule.name.as_str(), rule.desc.as_str()))
    }

    fn rule(&mut self, rule: &Rule) -> Value {
        let details = match self.condition(rule) {
            Some(condition) => self.rule_details(rule, &condition),
            None => json!({}),
        };
        let source = match rule.source.as_str() {
            "" => SYSCALL_SOURCE,
            source => source,
        };
        json!({
            "info": {
                "name": rule.name,
                "condition": rule.condition.as_str(),
                "description": rule.desc.as_str(),
                "output": rule.output.as_str(),
                "priority": rule.priority.name(),
                "source": source,
                "enabled": selection::is_enabled(rule, self.selection),
                "capture": rule.capture,
                "capture_duration": rule.capture_duration,
                "tags": rule.tags,
            },
            "details": details,
        })
    }

    fn rule_details(&self, rule: &Rule, condition: &Expr) -> Value {
        let mut details = self.details(condition);
        let output = rule.output.as_str();
        let template = Template::compile(output, self.fields).ok();
        let fields: Vec<_> = template
            .iter()
            .flat_map(Template::field_names)
            .map(str::to_owned)
            .collect();
        let condition = details["condition_fields"].as_array().into_iter().flatten();
        let condition = condition.filter_map(Value::as_str);
        let used = condition.chain(fields.iter().map(String::as_str));
        details["plugins"] = json!(plugins(used));
        let of = |get: fn(&Exception) -> Vec<String>| -> Vec<String> {
            let all = rule.exceptions.iter().flat_map(get);
            all.collect::<BTreeSet<_>>().into_iter().collect()
        };
        details["output_compiled"] = json!(output.trim_end_matches('\n'));
        details["output_fields"] = json!(fields);
        details["exception_names"] = json!(of(|e| vec![e.name.clone()]));
        details["exception_fields"] = json!(of(|e| texts(e.fields.as_ref())));
        details["exception_operators"] = json!(of(|e| texts(e.comps.as_ref())));
        details
    }

    fn macro_(&self, item: &Macro) -> Value {
        let mut details = match self.macros.get(&item.name) {
            Some(tree) => self.details(tree),
            None => json!({}),
        };
        details["used"] = json!(self.used.macros.contains(&item.name));
        json!({
            "info": {"name": item.name, "condition": item.condition.as_str()},
            "details": details,
        })
    }

    fn list(&self, list: &List) -> Value {
        let texts = list.items.iter().map(|item| item.text.as_str());
        let is_list = |text: &&str| self.library.lists.get(text).is_some();
        let (inner, items): (Vec<_>, Vec<_>) = texts.partition(is_list);
        let compiled = self.lists.get(list.name.as_bytes()).into_iter().flatten();
        let compiled: Vec<_> = compiled
            .map(|item| String::from_utf8_lossy(&item.bytes))
            .collect();
        json!({
            "info": {"name": list.name, "items": items},
            "details": {
                "items_compiled": compiled,
                "lists": inner,
                "plugins": [],
                "used": self.used.lists.contains(&list.name),
            },
        })
    }

    /// The condition of a rule with its exceptions.
    fn condition(&mut self, rule: &Rule) -> Option<Expr> {
        let condition = parser::parse(rule.condition.as_str()).ok()?;
        let mut parts = vec![condition];
        for exception in &rule.exceptions {
            let text = exception::condition(exception, &rule.name, &mut self.report);
            let parsed = text.and_then(|text| parser::parse(text.as_str()).ok());
            parts.extend(parsed.map(|expr| Expr::Not(Box::new(expr))));
        }
        match parts.len() {
            1 => parts.pop(),
            _ => Some(Expr::And(parts)),
        }
    }

    fn details(&self, condition: &Expr) -> Value {
        let mut names = Names::default();
        self.names(condition, false, &mut names);
        let mut room = MAX_PARTS;
        let expanded = self.expand(condition, &mut room);
        let (mut fields, mut operators) = (BTreeSet::new(), BTreeSet::new());
        if let Some(expanded) = &expanded {
            checks(expanded, &mut |check| {
                operators.insert(check.op.name());
            });
            expanded.visit(&mut |part| {
                if let Part::Field(field) = part {
                    fields.insert(field.to_string());
                }
            });
        }
        let events = expanded
            .as_ref()
            .map_or_else(BTreeSet::new, |e| self.events(e));
        json!({
            "condition_compiled": expanded.map_or_else(String::new, |e| e.to_string()),
            "condition_fields": fields,
            "condition_operators": operators,
            "events": events,
            "macros": names.macros,
            "lists": names.lists,
            // A macro is of no source, so that no plugin is known to be meant.
            "plugins": [],
        })
    }

    fn events(&self, expanded: &Expr) -> BTreeSet<&'static str> {
        let scope = Scope {
            fields: self.fields,
            lists: &Lists::default(),
            slots: &Slots::default(),
            macros: &|name| {
                let kind = ErrorKind::UnknownMacro(name.text.clone());
                Err(Error::new(name.span, kind))
            },
        };
        let compiled = compile(expanded, &scope);
        compiled.map_or_else(
            |_| BTreeSet::new(),
            |compiled| compiled.events.holds.names().collect(),
        )
    }

    /// Names that a condition uses, and with `inner` those that the macros and
    /// lists use.
    fn names(&self, condition: &Expr, inner: bool, names: &mut Names) {
        condition.visit(&mut |part| match part {
            Part::Macro(name) => {
                let new = names.macros.insert(name.text.clone()) && inner;
                if let Some(tree) = self.macros.get(&name.text).filter(|_| new) {
                    self.names(tree, inner, names);
                }
            }
            Part::Literal(literal) if !literal.quoted => {
                let name = String::from_utf8_lossy(&literal.bytes);
                self.list_names(&name, inner, names);
            }
            Part::Literal(_) | Part::Field(_) => {}
        });
    }

    fn list_names(&self, name: &str, inner: bool, names: &mut Names) {
        let Some(list) = self.library.lists.get(name) else {
            return;
        };
        if names.lists.insert(name.to_owned()) && inner {
            for item in &list.items {
                self.list_names(&item.text, inner, names);
            }
        }
    }

    /// The condition with all macros and lists in their places. `None` when
    /// it would be too large, or is a loop.
    fn expand(&self, condition: &Expr, room: &mut usize) -> Option<Expr> {
        *room = room.checked_sub(1)?;
        Some(match condition {
            Expr::And(parts) => Expr::And(self.expand_all(parts, room)?),
            Expr::Or(parts) => Expr::Or(self.expand_all(parts, room)?),
            Expr::Not(inner) => Expr::Not(Box::new(self.expand(inner, room)?)),
            Expr::Macro(name) => match self.macros.get(&name.text) {
                Some(tree) => {
                    // Every level costs, so that a loop ends.
                    *room = room.checked_sub(MAX_PARTS / crate::filter::compile::MAX_LEVELS)?;
                    let inner = self.expand(tree, room)?;
                    *room += MAX_PARTS / crate::filter::compile::MAX_LEVELS;
                    inner
                }
                None => Expr::Macro(name.clone()),
            },
            Expr::Check(check) => Expr::Check(Check {
                right: self.expand_right(&check.right, room)?,
                ..check.clone()
            }),
        })
    }

    fn expand_all(&self, parts: &[Expr], room: &mut usize) -> Option<Vec<Expr>> {
        parts.iter().map(|part| self.expand(part, room)).collect()
    }

    fn expand_right(&self, right: &Right, room: &mut usize) -> Option<Right> {
        Some(match right {
            Right::List(list) => Right::List(self.expand_list(list, room)?),
            Right::Modified(modifier, list) => {
                Right::Modified(*modifier, self.expand_list(list, room)?)
            }
            Right::Value(literal) if !literal.quoted => match self.lists.get(&literal.bytes) {
                Some(items) if items.len() == 1 => Right::Value(items[0].clone()),
                _ => right.clone(),
            },
            other => other.clone(),
        })
    }

    fn expand_list(&self, list: &ast::List, room: &mut usize) -> Option<ast::List> {
        let mut items = Vec::new();
        for literal in &list.items {
            let inner = self.lists.get(&literal.bytes).filter(|_| !literal.quoted);
            let inner = inner.map_or(std::slice::from_ref(literal), Vec::as_slice);
            *room = room.checked_sub(inner.len())?;
            items.extend_from_slice(inner);
        }
        Some(ast::List {
            items,
            span: list.span,
        })
    }
}

/// What Falco has plugins for among these fields.
fn plugins<'f>(mut fields: impl Iterator<Item = &'f str>) -> &'static [&'static str] {
    let of_container = |field: &str| field.starts_with("container.") || field.starts_with("k8s.");
    match fields.any(of_container) {
        true => &["container"],
        false => &[],
    }
}

fn texts(scalars: Option<&super::model::OneOrMany>) -> Vec<String> {
    let scalars = scalars.iter().flat_map(|scalars| scalars.as_slice());
    scalars.map(|scalar| scalar.text.clone()).collect()
}

fn checks<'e>(expr: &'e Expr, each: &mut dyn FnMut(&'e Check)) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| checks(part, each)),
        Expr::Not(inner) => checks(inner, each),
        Expr::Check(check) => each(check),
        Expr::Macro(_) => {}
    }
}

/// Rules and descriptions in two columns, the second wrapped.
pub fn as_text<'a>(rules: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    const NAME: usize = 50;
    const WIDTH: usize = 90;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:<NAME$} Description", "Rule");
    let _ = writeln!(text, "{:<NAME$} -----------", "----");
    for (name, desc) in rules {
        let mut line = format!("{name:<NAME$}");
        let mut used = 0;
        for word in desc.split_whitespace() {
            let len = word.chars().count();
            if used > 0 && used + 1 + len > WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(NAME);
                used = 0;
            }
            let _ = write!(line, " {word}");
            used += 1 + len;
        }
        text.push_str(line.trim_end());
        text.push_str("\n\n");
    }
    text
}
