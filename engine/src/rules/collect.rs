//! Reads the items of rule files into the library, in order: definitions,
//! appends, overrides.

use std::rc::Rc;

use super::diagnostic::Code;
use super::exception;
use super::item::Item;
use super::model::{Library, List, Macro, Rule, priority};
use super::report::{Report, Text};
use super::version;
use crate::yaml::{self, Kind, Node, Place, Scalar};

/// Keys of an override, by what it does to them.
#[derive(Debug, Default)]
struct Override {
    append: Vec<String>,
    replace: Vec<String>,
}

impl Override {
    fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }

    fn appends(&self, key: &str) -> bool {
        self.append.iter().any(|k| k == key)
    }

    fn replaces(&self, key: &str) -> bool {
        self.replace.iter().any(|k| k == key)
    }
}

/// Which keys of a kind of item can be overridden.
struct Overridable {
    append: &'static [&'static str],
    replace: &'static [&'static str],
}

const LIST: Overridable = Overridable {
    append: &["items"],
    replace: &["items"],
};
const MACRO: Overridable = Overridable {
    append: &["condition"],
    replace: &["condition"],
};
const RULE: Overridable = Overridable {
    append: &["condition", "output", "desc", "tags", "exceptions"],
    replace: &[
        "condition",
        "output",
        "desc",
        "tags",
        "exceptions",
        "priority",
        "capture",
        "capture_duration",
        "enabled",
        "warn_evttypes",
        "skip-if-unknown-filter",
    ],
};

/// Most nodes of a document, with aliases followed.
pub const MAX_NODES: usize = 1 << 20;

/// Reads one file into the library.
pub fn file(file: usize, library: &mut Library, report: &mut Report) {
    let documents = match yaml::parse(report.source(file), file, MAX_NODES) {
        Ok(documents) => documents,
        Err(error) => {
            report.add(Code::YamlParse, error.place, None, error.message);
            return;
        }
    };
    for document in documents.iter().filter(|document| !document.is_null()) {
        let Kind::Sequence(items) = &document.kind else {
            let message = "rules content is not a sequence of items";
            report.add(Code::YamlValidate, document.place, None, message);
            continue;
        };
        for node in items.iter().filter(|item| !item.is_null()) {
            item(node, library, report);
        }
    }
}

fn item(node: &Node, library: &mut Library, report: &mut Report) {
    let Kind::Map(pairs) = &node.kind else {
        let message = "item is not a map such as `rule: …`";
        report.add(Code::YamlValidate, node.place, None, message);
        return;
    };
    let has = |key: &str| {
        let mut keys = pairs.iter().filter_map(|(k, _)| k.scalar());
        keys.any(|scalar| scalar.text == key)
    };
    if has("required_engine_version") {
        let item = Item::new(node, pairs, "required_engine_version");
        version::engine(&item, library, report);
    } else if has("required_plugin_versions") {
        let item = Item::new(node, pairs, "required_plugin_versions");
        version::plugins(&item, library, report);
    } else if has("list") {
        list(node, pairs, library, report);
    } else if has("macro") {
        macro_item(node, pairs, library, report);
    } else if has("rule") {
        rule(node, pairs, library, report);
    } else {
        let message = "item is no rule, macro or list";
        report.add(Code::UnknownItem, node.place, None, message);
    }
}

type Pairs<'n> = &'n [(Rc<Node>, Rc<Node>)];

/// The item with its name, which every kind has under its own key.
fn named<'n>(
    node: &'n Node,
    pairs: Pairs<'n>,
    kind: &'static str,
    report: &mut Report,
) -> Option<(Item<'n>, &'n Scalar)> {
    let mut item = Item::new(node, pairs, kind);
    let name = item.required(kind, report)?;
    item.set_name(&name.text);
    Some((item, name))
}

fn list(node: &Node, pairs: Pairs<'_>, library: &mut Library, report: &mut Report) {
    let Some((item, name)) = named(node, pairs, "list", report) else {
        return;
    };
    let invalid = |c: char| c.is_whitespace() || "()\"'=,".contains(c);
    if name.text.contains(invalid) {
        let message = "name of the list cannot be used in conditions";
        item.report(report, Code::InvalidListName, name.place(), message);
    }
    let changes = overrides(&item, &LIST, report);
    let append = append(&item, report);
    let items = items_of(&item, report);
    item.finish(report);
    let (Some(changes), Some(append), Some(items)) = (changes, append, items) else {
        return;
    };
    check_append(&item, append, &changes, report);
    if append || changes.appends("items") {
        match library.lists.get_mut(&name.text) {
            Some(known) => known.items.extend(items),
            None => missing(&item, name.place(), report),
        }
        return;
    }
    library.lists.insert(
        &name.text,
        List {
            name: name.text.clone(),
            place: name.place(),
            items,
        },
    );
}

fn items_of(item: &Item<'_>, report: &mut Report) -> Option<Vec<Scalar>> {
    let before = report.len();
    let Some(items) = item.scalars("items", report) else {
        if report.len() == before {
            let message = "list has no `items`";
            item.report(report, Code::YamlValidate, item.place, message);
        }
        return None;
    };
    Some(items.into_iter().cloned().collect())
}

fn macro_item(node: &Node, pairs: Pairs<'_>, library: &mut Library, report: &mut Report) {
    let Some((item, name)) = named(node, pairs, "macro", report) else {
        return;
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let letter = |c: char| c.is_ascii_alphabetic();
    if !name.text.chars().all(word) || !name.text.starts_with(letter) {
        let message = "name of the macro cannot be used in conditions";
        item.report(report, Code::InvalidMacroName, name.place(), message);
    }
    let changes = overrides(&item, &MACRO, report);
    let append = append(&item, report);
    let condition = item.required("condition", report);
    item.finish(report);
    let (Some(changes), Some(append), Some(condition)) = (changes, append, condition) else {
        return;
    };
    library.clock += 1;
    let now = library.clock;
    let condition = Text::from(condition);
    check_append(&item, append, &changes, report);
    if append || changes.appends("condition") {
        match library.macros.get_mut(&name.text) {
            Some(known) => {
                known.condition.append(&condition);
                known.last = now;
            }
            None => missing(&item, name.place(), report),
        }
        return;
    }
    let first = library.macros.get(&name.text).map_or(now, |m| m.first);
    library.macros.insert(
        &name.text,
        Macro {
            name: name.text.clone(),
            place: name.place(),
            condition,
            first,
            last: now,
        },
    );
}

/// The parts of a rule that an item gives.
struct Parts<'n> {
    condition: Option<&'n Scalar>,
    output: Option<&'n Scalar>,
    desc: Option<&'n Scalar>,
    priority: Option<&'n Scalar>,
    source: Option<&'n Scalar>,
    tags: Option<Vec<&'n Scalar>>,
    enabled: Option<bool>,
    capture: Option<bool>,
    capture_duration: Option<u64>,
    warn_evttypes: Option<bool>,
    skip_if_unknown_filter: Option<bool>,
}

impl<'n> Parts<'n> {
    fn read(item: &Item<'n>, report: &mut Report) -> Self {
        Self {
            capture: item.boolean("capture", report),
            capture_duration: item.number("capture_duration", report),
            condition: item.text("condition", report),
            output: item.text("output", report),
            desc: item.text("desc", report),
            priority: item.text("priority", report),
            source: item.present("source", report),
            tags: item.scalars("tags", report),
            enabled: item.boolean("enabled", report),
            warn_evttypes: item.boolean("warn_evttypes", report),
            skip_if_unknown_filter: item.boolean("skip-if-unknown-filter", report),
        }
    }

    fn is_bare(&self) -> bool {
        self.condition.is_none()
            && self.output.is_none()
            && self.desc.is_none()
            && self.priority.is_none()
    }
}

fn rule(node: &Node, pairs: Pairs<'_>, library: &mut Library, report: &mut Report) {
    let Some((item, name)) = named(node, pairs, "rule", report) else {
        return;
    };
    let before = report.has_errors();
    let parts = Parts::read(&item, report);
    let exceptions = item.get("exceptions");
    let changes = overrides(&item, &RULE, report);
    let append = append(&item, report);
    item.finish(report);
    let (Some(changes), Some(append)) = (changes, append) else {
        return;
    };
    if !before && report.has_errors() && (append || !changes.is_empty()) {
        return;
    }
    if append || !changes.is_empty() {
        check_append(&item, append, &changes, report);
        change_rule(
            &item,
            name,
            &parts,
            exceptions,
            (append, &changes),
            library,
            report,
        );
    } else if parts.is_bare() && exceptions.is_none() && parts.enabled.is_some() {
        let message =
            "an item with `enabled` alone is deprecated: add `override: {enabled: replace}`";
        let place = item.key_place("enabled");
        item.report(report, Code::DeprecatedItem, place, message);
        match library.rules.get_mut(&name.text) {
            Some(rule) => rule.enabled = parts.enabled.unwrap_or(rule.enabled),
            None => missing(&item, name.place(), report),
        }
    } else {
        define_rule(&item, name, &parts, exceptions, library, report);
    }
}

fn define_rule(
    item: &Item<'_>,
    name: &Scalar,
    parts: &Parts<'_>,
    exceptions: Option<&Node>,
    library: &mut Library,
    report: &mut Report,
) {
    let mut required = |key, part| {
        if item.get(key).is_none() {
            let message = format!("rule has no `{key}`");
            item.report(report, Code::YamlValidate, item.place, message);
        }
        part
    };
    let condition = required("condition", parts.condition);
    let output = required("output", parts.output);
    let desc = required("desc", parts.desc);
    let priority = required("priority", parts.priority);
    let priority = priority.and_then(|scalar| read_priority(item, scalar, report));
    let (Some(condition), Some(output), Some(desc), Some(priority)) =
        (condition, output, desc, priority)
    else {
        return;
    };
    let source = parts.source.map_or("syscall", |source| &source.text);
    if !same_source(item, source, name, library, report) {
        return;
    }
    let mut rule = Rule {
        name: name.text.clone(),
        place: name.place(),
        source: source.to_owned(),
        condition: condition.into(),
        output: output.into(),
        desc: desc.into(),
        priority,
        tags: Vec::new(),
        exceptions: Vec::new(),
        enabled: parts.enabled.unwrap_or(true),
        capture: parts.capture.unwrap_or(false),
        capture_duration: parts.capture_duration.unwrap_or(0),
        warn_evttypes: parts.warn_evttypes.unwrap_or(true),
        skip_if_unknown_filter: parts.skip_if_unknown_filter.unwrap_or(false),
    };
    add_tags(&mut rule.tags, parts.tags.as_deref().unwrap_or_default());
    if let Some(node) = exceptions {
        rule.exceptions = exception::read(item, node, report);
        exception::complete(item, &mut rule.exceptions, report);
    }
    if let Some(earlier) = library.rules.get(&name.text) {
        let message = "a later definition replaces this rule";
        let hint = Some("to change parts of it, use `override`".to_owned());
        report.add_with_hint(Code::Shadowed, earlier.place, item.item(), message, hint);
    }
    library.rules.insert(&name.text, rule);
}

fn read_priority(
    item: &Item<'_>,
    scalar: &Scalar,
    report: &mut Report,
) -> Option<crate::output::Priority> {
    let found = priority(&scalar.text);
    if found.is_none() {
        let message = format!("invalid priority `{}`", scalar.text);
        let hint =
            "one of emergency, alert, critical, error, warning, notice, informational, debug";
        let hint = Some(hint.to_owned());
        report.add_with_hint(
            Code::YamlValidate,
            scalar.place(),
            item.item(),
            message,
            hint,
        );
    }
    found
}

/// A rule keeps the source of its first definition.
fn same_source(
    item: &Item<'_>,
    source: &str,
    name: &Scalar,
    library: &Library,
    report: &mut Report,
) -> bool {
    let Some(known) = library.rules.get(&name.text) else {
        return true;
    };
    if source.is_empty() || known.source == source {
        return true;
    }
    let message = format!(
        "rule is for source `{source}`, its first definition for `{}`",
        known.source
    );
    item.report(report, Code::Validate, name.place(), message);
    false
}

fn change_rule(
    item: &Item<'_>,
    name: &Scalar,
    parts: &Parts<'_>,
    exceptions: Option<&Node>,
    (append, changes): (bool, &Override),
    library: &mut Library,
    report: &mut Report,
) {
    if library.rules.get(&name.text).is_none() {
        missing(item, name.place(), report);
        return;
    }
    if let Some(source) = parts.source
        && !same_source(item, &source.text, name, library, report)
    {
        return;
    }
    if append && parts.condition.is_none() && exceptions.is_none() {
        let message = "an appended rule must have `condition` or `exceptions`";
        item.report(report, Code::Validate, item.place, message);
        return;
    }
    let new_exceptions = exceptions.map(|node| exception::read(item, node, report));
    let priority = match parts.priority {
        Some(scalar) if changes.replaces("priority") => read_priority(item, scalar, report),
        _ => None,
    };
    let Some(rule) = library.rules.get_mut(&name.text) else {
        return;
    };
    for (key, text, given) in [
        ("condition", &mut rule.condition, parts.condition),
        ("output", &mut rule.output, parts.output),
        ("desc", &mut rule.desc, parts.desc),
    ] {
        let Some(given) = given.map(Text::from) else {
            continue;
        };
        if changes.replaces(key) {
            *text = given;
        } else if changes.appends(key) || append && key == "condition" {
            text.append(&given);
        }
    }
    if let Some(tags) = &parts.tags {
        if changes.replaces("tags") {
            rule.tags.clear();
        }
        if changes.appends("tags") || changes.replaces("tags") {
            add_tags(&mut rule.tags, tags);
        }
    }
    if let Some(new) = new_exceptions {
        if changes.replaces("exceptions") {
            rule.exceptions = new;
            exception::complete(item, &mut rule.exceptions, report);
        } else {
            exception::append(item, &mut rule.exceptions, new, report);
        }
    }
    rule.priority = priority.unwrap_or(rule.priority);
    if changes.replaces("capture_duration") {
        rule.capture_duration = parts.capture_duration.unwrap_or(rule.capture_duration);
    }
    for (key, flag, given) in [
        ("enabled", &mut rule.enabled, parts.enabled),
        ("capture", &mut rule.capture, parts.capture),
        (
            "warn_evttypes",
            &mut rule.warn_evttypes,
            parts.warn_evttypes,
        ),
        (
            "skip-if-unknown-filter",
            &mut rule.skip_if_unknown_filter,
            parts.skip_if_unknown_filter,
        ),
    ] {
        if changes.replaces(key) {
            *flag = given.unwrap_or(*flag);
        }
    }
}

fn add_tags(tags: &mut Vec<String>, new: &[&Scalar]) {
    tags.extend(new.iter().map(|scalar| scalar.text.clone()));
    tags.sort_unstable();
    tags.dedup();
}

fn missing(item: &Item<'_>, place: Place, report: &mut Report) {
    let message = "nothing of this name is defined before, so there is nothing to change";
    item.report(report, Code::Validate, place, message);
}

/// The deprecated `append: true`.
fn append(item: &Item<'_>, report: &mut Report) -> Option<bool> {
    let Some(value) = item.get("append") else {
        return Some(false);
    };
    let append = item.boolean("append", report)?;
    if !append {
        return Some(false);
    }
    let message = "`append` is deprecated: use `override`";
    item.report(report, Code::DeprecatedItem, value.place, message);
    Some(append)
}

fn check_append(item: &Item<'_>, append: bool, changes: &Override, report: &mut Report) {
    if append && !changes.is_empty() {
        let message = "`append` and `override` exclude each other";
        item.report(
            report,
            Code::YamlValidate,
            item.key_place("append"),
            message,
        );
    }
}

/// What `override` says. `None` when it is wrong, which has been reported.
fn overrides(item: &Item<'_>, keys: &Overridable, report: &mut Report) -> Option<Override> {
    let mut changes = Override::default();
    let Some(node) = item.get("override") else {
        return Some(changes);
    };
    if node.is_null() {
        return Some(changes);
    }
    let Kind::Map(pairs) = &node.kind else {
        let message = "`override` is not a map from keys to `append` or `replace`";
        item.report(report, Code::YamlValidate, node.place, message);
        return None;
    };
    let before = report.len();
    for (key, how) in pairs {
        let (Some(key), Some(how)) = (key.scalar(), how.scalar()) else {
            let message = "`override` maps keys to `append` or `replace`";
            item.report(report, Code::YamlValidate, how.place, message);
            continue;
        };
        let (allowed, chosen) = match how.text.as_str() {
            "append" => (keys.append, &mut changes.append),
            "replace" => (keys.replace, &mut changes.replace),
            other => {
                let message = format!("`{other}` is neither `append` nor `replace`");
                item.report(report, Code::YamlValidate, how.place(), message);
                continue;
            }
        };
        let Some(&known) = allowed.iter().find(|k| **k == key.text) else {
            let past = if how.text == "append" {
                "appended to"
            } else {
                "replaced"
            };
            let message = format!("key `{}` cannot be {past}", key.text);
            item.report(report, Code::YamlValidate, key.place(), message);
            continue;
        };
        if item.get(known).is_none() {
            let message = format!("`{known}` is overridden, but the item does not have it");
            item.report(report, Code::YamlValidate, key.place(), message);
        }
        chosen.push(known.to_owned());
    }
    for &key in keys.replace.iter().filter(|_| !pairs.is_empty()) {
        let named = changes.appends(key) || changes.replaces(key);
        if item.get(key).is_some() && !named && report.len() == before {
            let message = format!("`{key}` is given, but `override` does not name it");
            item.report(report, Code::YamlValidate, item.key_place(key), message);
        }
    }
    (report.len() == before).then_some(changes)
}
