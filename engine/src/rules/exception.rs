//! Exceptions of rules: read, merged, turned into conditions.

use std::rc::Rc;

use super::diagnostic::Code;
use super::item::Item;
use super::model::{Exception, OneOrMany};
use super::report::{Report, Text};
use super::yaml::{Kind, Node, Place, Scalar};
use crate::filter::ast::Op;
use crate::filter::compile::operand_in;
use crate::filter::parser;
use crate::filter::table::FieldTable;

/// Reads the exceptions of a rule item.
pub fn read(rule: &Item<'_>, node: &Node, report: &mut Report) -> Vec<Exception> {
    let Kind::Sequence(entries) = &node.kind else {
        if !node.is_null() {
            let message = "`exceptions` is not a sequence";
            rule.report(report, Code::YamlValidate, node.place, message);
        }
        return Vec::new();
    };
    let mut exceptions: Vec<Exception> = Vec::new();
    for entry in entries {
        let Some(exception) = read_one(rule, entry, report) else {
            continue;
        };
        if exceptions.iter().any(|known| known.name == exception.name) {
            let message = format!("two exceptions have the name `{}`", exception.name);
            rule.report(report, Code::ExceptionNameNotUnique, entry.place, message);
        }
        exceptions.push(exception);
    }
    exceptions
}

fn read_one(rule: &Item<'_>, node: &Node, report: &mut Report) -> Option<Exception> {
    let Kind::Map(pairs) = &node.kind else {
        let message = "an exception is not a map with `name`, `fields` and `values`";
        rule.report(report, Code::YamlValidate, node.place, message);
        return None;
    };
    let mut item = Item::new(node, pairs, "exception");
    let name = item.required("name", report)?;
    item.set_name(&name.text);
    let fields = one_or_many(&item, "fields", report);
    let comps = one_or_many(&item, "comps", report);
    let values = match item.get("values") {
        None => Vec::new(),
        Some(node) => match &node.kind {
            Kind::Sequence(values) => {
                for value in values {
                    check_filled(&item, value, report);
                }
                values.clone()
            }
            _ => {
                let message = "`values` is not a sequence";
                item.report(report, Code::YamlValidate, node.place, message);
                Vec::new()
            }
        },
    };
    item.finish(report);
    Some(Exception {
        name: name.text.clone(),
        place: name.place(),
        fields,
        comps,
        values,
    })
}

/// Values, in lists or not, have a text.
fn check_filled(item: &Item<'_>, value: &Node, report: &mut Report) {
    match &value.kind {
        Kind::Scalar(scalar) if scalar.text.is_empty() && !value.is_null() => {
            item.report(report, Code::YamlValidate, value.place, "a value is empty");
        }
        Kind::Sequence(values) => values
            .iter()
            .for_each(|value| check_filled(item, value, report)),
        Kind::Scalar(_) | Kind::Map(_) => {}
    }
}

fn one_or_many(item: &Item<'_>, key: &'static str, report: &mut Report) -> Option<OneOrMany> {
    let node = item.get(key)?;
    match node.scalar() {
        Some(_) if node.is_null() => None,
        Some(_) => {
            let scalar = item.text(key, report)?;
            Some(OneOrMany::One(scalar.clone()))
        }
        None => {
            let scalars = item.scalars(key, report)?;
            Some(OneOrMany::Many(scalars.into_iter().cloned().collect()))
        }
    }
}

/// Checks that new exceptions say which fields they compare, and how.
pub fn complete(rule: &Item<'_>, exceptions: &mut Vec<Exception>, report: &mut Report) {
    exceptions.retain(|exception| is_complete(rule, exception, report));
}

fn is_complete(rule: &Item<'_>, exception: &Exception, report: &mut Report) -> bool {
    let before = report.len();
    let mut error = |code: Code, place: Place, message: String| {
        let message = format!("exception `{}`: {message}", exception.name);
        rule.report(report, code, place, message);
    };
    let Some(fields) = &exception.fields else {
        let message = "it has no `fields`".to_owned();
        error(Code::YamlValidate, exception.place, message);
        return false;
    };
    if let Some(comps) = &exception.comps {
        let (fields, operators) = (fields.as_slice(), comps.as_slice());
        let same_shape = matches!(
            (&exception.fields, comps),
            (Some(OneOrMany::One(_)), OneOrMany::One(_))
                | (Some(OneOrMany::Many(_)), OneOrMany::Many(_))
        );
        if !same_shape || fields.len() != operators.len() {
            let message = "`fields` and `comps` are not of the same length".to_owned();
            error(Code::Validate, exception.place, message);
        }
        for comp in operators {
            if comparison(&comp.text).is_none() {
                let message = format!("`{}` is no operator", comp.text);
                error(Code::Validate, comp.place(), message);
            }
        }
        if let (OneOrMany::One(comp), Some((op, modified))) = (
            comps,
            comps
                .as_slice()
                .first()
                .and_then(|comp| comparison(&comp.text)),
        ) && !op.takes_list()
            && !modified
        {
            let message = format!("`{}` takes no list of values", comp.text);
            error(Code::Validate, comp.place(), message);
        }
    }
    report.len() == before
}

/// Adds exceptions to those that a rule has: values to those of the same name.
pub fn append(
    rule: &Item<'_>,
    exceptions: &mut Vec<Exception>,
    new: Vec<Exception>,
    report: &mut Report,
) {
    for exception in new {
        if exception.values.is_empty() {
            let message = format!("exception `{}` has no values to add", exception.name);
            let code = Code::AppendNoValues;
            rule.report(report, code, exception.place, message);
        }
        let known = exceptions.iter_mut().find(|e| e.name == exception.name);
        match known {
            Some(known) if exception.fields.is_none() && exception.comps.is_none() => {
                known.values.extend(exception.values);
            }
            Some(_) => {
                let message = format!(
                    "exception `{}` exists: only its `values` can be added to",
                    exception.name
                );
                rule.report(report, Code::Validate, exception.place, message);
            }
            None if exception.fields.is_none() => {
                let message = format!("new exception `{}` has no `fields`", exception.name);
                rule.report(report, Code::Validate, exception.place, message);
            }
            None => {
                if is_complete(rule, &exception, report) {
                    exceptions.push(exception);
                }
            }
        }
    }
}

/// The operator of a comparison, and whether a modifier follows it.
fn comparison(text: &str) -> Option<(Op, bool)> {
    let mut words = text.split_whitespace();
    let op = Op::from_name(words.next()?)?;
    let modified = match words.next() {
        None => false,
        Some("oneof" | "anyof" | "allof") if op.takes_modifier() => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some((op, modified))
}

/// Checks that the fields of an exception are fields.
pub fn check_fields(
    exception: &Exception,
    rule: &str,
    table: &FieldTable,
    report: &mut Report,
) -> bool {
    let before = report.len();
    let fields = exception
        .fields
        .as_ref()
        .map_or(&[][..], OneOrMany::as_slice);
    for field in fields {
        let bound =
            parser::parse_operand(&field.text).and_then(|operand| operand_in(table, &operand));
        if let Err(error) = bound {
            let message = format!("exception `{}`: {error}", exception.name);
            let item = Some(("rule", rule));
            report.add_with_hint(Code::Validate, field.place(), item, message, error.hint);
        }
    }
    report.len() == before
}

/// The condition that the exception's values make: what the rule must not
/// match. `None` when there are no values, or when they are wrong, which is
/// reported.
pub fn condition(exception: &Exception, rule: &str, report: &mut Report) -> Option<Text> {
    let mut text = Text::default();
    let mut wrong: Option<(Place, &str)> = None;
    match exception.fields.as_ref()? {
        OneOrMany::One(field) => {
            if exception.values.is_empty() {
                return None;
            }
            let comps = exception.comps.as_ref().map(OneOrMany::as_slice);
            text.push_scalar(&field.text, field);
            push_comp(&mut text, comps.and_then(<[_]>::first), "in");
            if !push_list(&mut text, &exception.values) {
                wrong = Some((exception.place, "`values` is not a flat list"));
            }
        }
        OneOrMany::Many(fields) => {
            let comps = exception.comps.as_ref().map(OneOrMany::as_slice);
            for (at, tuple) in exception.values.iter().enumerate() {
                text.push_str(if at > 0 { " or (" } else { "(" });
                if let Err(reason) = push_tuple(&mut text, fields, comps, tuple) {
                    wrong = wrong.or(Some((tuple.place, reason)));
                }
                text.push_str(")");
            }
        }
    }
    if let Some((place, reason)) = wrong {
        let message = format!("exception `{}`: {reason}", exception.name);
        report.add(Code::Validate, place, Some(("rule", rule)), message);
        return None;
    }
    (!exception.values.is_empty()).then_some(text)
}

fn push_tuple(
    text: &mut Text,
    fields: &[Scalar],
    comps: Option<&[Scalar]>,
    tuple: &Node,
) -> Result<(), &'static str> {
    let Kind::Sequence(values) = &tuple.kind else {
        return Err("a value is not a list with one element for each field");
    };
    if values.len() != fields.len() {
        return Err("a value does not have one element for each field");
    }
    for (at, (field, value)) in fields.iter().zip(values).enumerate() {
        if at > 0 {
            text.push_str(" and ");
        }
        text.push_scalar(&field.text, field);
        let comp = comps.and_then(|comps| comps.get(at));
        push_comp(text, comp, "=");
        let takes_list = comp
            .and_then(|comp| comparison(&comp.text))
            .is_some_and(|(op, modified)| op.takes_list() || modified);
        let flat = match &value.kind {
            Kind::Sequence(items) => push_list(text, items),
            _ if takes_list => push_list(text, std::slice::from_ref(value)),
            Kind::Scalar(scalar) => {
                push_value(text, scalar);
                true
            }
            Kind::Map(_) => false,
        };
        if !flat {
            return Err("a value is neither a scalar nor a list of such");
        }
    }
    Ok(())
}

fn push_comp(text: &mut Text, comp: Option<&Scalar>, default: &str) {
    text.push_str(" ");
    match comp {
        Some(comp) => text.push_scalar(&comp.text, comp),
        None => text.push_str(default),
    }
    text.push_str(" ");
}

fn push_list(text: &mut Text, values: &[Rc<Node>]) -> bool {
    // A list in parentheses of its own is one already.
    if let [only] = values
        && let Some(scalar) = only.scalar()
        && scalar.text.starts_with('(')
        && scalar.text.ends_with(')')
    {
        text.push_scalar(&scalar.text, scalar);
        return true;
    }
    text.push_str("(");
    for (at, value) in values.iter().enumerate() {
        let Some(scalar) = value.scalar() else {
            return false;
        };
        if at > 0 {
            text.push_str(", ");
        }
        push_value(text, scalar);
    }
    text.push_str(")");
    true
}

/// A value as the condition language writes it: quoted, if it must be.
fn push_value(text: &mut Text, scalar: &Scalar) {
    let value = scalar.text.as_str();
    let quoted = value.len() > 1
        && (value.starts_with('"') && value.ends_with('"')
            || value.starts_with('\'') && value.ends_with('\''));
    let special = |c: char| c.is_whitespace() || "()\"'=,".contains(c);
    let call = || parser::parse_call(value).is_ok_and(|call| call.span.end == value.len());
    if quoted || !value.is_empty() && !value.contains(special) || call() {
        text.push_scalar(value, scalar);
        return;
    }
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = escaped.replace('\n', "\\n").replace('\r', "\\r");
    text.push_scalar(&format!("\"{escaped}\""), scalar);
}
