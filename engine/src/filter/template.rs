//! Output texts: `user=%user.name parent=%proc.aname[2]`.

use std::fmt::Write as _;
use std::sync::Arc;

use super::ast::{self, Span};
use super::compile::operand_in;
use super::error::{Error, ErrorKind};
use super::field::{ArgKind, Cardinality, Context, FieldArg, FieldType, Print, Value};
use super::hosts;
use super::operand::Operand;
use super::parser;
use super::render;
use super::table::{BoundField, FieldTable};
use crate::output::FieldValue;

/// A text with fields in it.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    fields: Vec<(Arc<str>, Operand)>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// A value, padded or cut to a width in bytes.
    Value(Operand, Option<usize>),
}

/// What older rules end with stands for nothing: what it was for is added to
/// outputs by the configuration.
pub const NOTHING: &str = "%container.info";

/// Widest padding of a field.
const MAX_WIDTH: usize = 1024;

impl Template {
    /// Compiles a text. A `*` at its start says what is always so: missing
    /// values do not suppress it.
    ///
    /// # Errors
    /// All fields that are unknown or wrong, all `%` without a field.
    pub fn compile(text: &str, table: &FieldTable) -> Result<Self, Vec<Error>> {
        let mut template = Self {
            parts: Vec::new(),
            fields: Vec::new(),
        };
        let mut errors = Vec::new();
        let mut at = usize::from(text.starts_with('*'));
        while let Some(len) = text[at..].find('%') {
            template.push_text(&text[at..at + len]);
            let percent = at + len;
            if text[percent..].starts_with(NOTHING) {
                at = percent + NOTHING.len();
                continue;
            }
            match template.push_field(text, percent, table) {
                Ok(end) => at = end,
                Err(error) => {
                    at = error.span.end.max(percent + 1);
                    errors.push(error);
                }
            }
        }
        template.push_text(&text[at..]);
        if errors.is_empty() {
            // It is kept for long.
            template.parts.shrink_to_fit();
            template.fields.shrink_to_fit();
            Ok(template)
        } else {
            Err(errors)
        }
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.parts.push(Part::Text(text.to_owned()));
        }
    }

    /// Takes the field behind the `%` at `percent`, returns where it ends.
    fn push_field(
        &mut self,
        text: &str,
        percent: usize,
        table: &FieldTable,
    ) -> Result<usize, Error> {
        let digits = text[percent + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let start = percent + 1 + digits;
        let width = text[percent + 1..start].parse().ok();
        let (parsed, end) = parse_operand(text, start, percent, table)?;
        let shift = |error: Error| Error {
            span: Span::new(error.span.start + start, error.span.end + start),
            ..error
        };
        let (operand, _) = operand_in(table, &parsed).map_err(shift)?;
        if let Operand::Field(field) = &operand
            && field.is_for_conditions()
        {
            let kind = ErrorKind::NotShown(field.field.name.to_owned());
            return Err(Error::new(Span::new(percent, end), kind));
        }
        self.name_fields(&text[start..end], start, &parsed, table)
            .map_err(shift)?;
        self.parts
            .push(Part::Value(operand, width.map(|w: usize| w.min(MAX_WIDTH))));
        Ok(end)
    }

    /// Remembers the fields of an operand by their text: a field itself, or
    /// those inside of a call.
    fn name_fields(
        &mut self,
        text: &str,
        start: usize,
        operand: &ast::Operand,
        table: &FieldTable,
    ) -> Result<(), Error> {
        match operand {
            ast::Operand::Field(field) => {
                let name = &text[field.span.start..field.span.end];
                if self.fields.iter().all(|(known, _)| **known != *name) {
                    let (operand, _) = operand_in(table, operand)?;
                    self.fields.push((name.into(), operand));
                }
                Ok(())
            }
            ast::Operand::Call(call) => self.name_args(text, start, &call.args, table),
        }
    }

    fn name_args(
        &mut self,
        text: &str,
        start: usize,
        args: &[ast::Arg],
        table: &FieldTable,
    ) -> Result<(), Error> {
        for arg in args {
            match arg {
                ast::Arg::Operand(operand) => self.name_fields(text, start, operand, table)?,
                ast::Arg::List(args, _) => self.name_args(text, start, args, table)?,
                ast::Arg::Text(_) | ast::Arg::Number(_) => {}
            }
        }
        Ok(())
    }

    /// Appends the text with the values of the event.
    pub fn render<'a>(&'a self, ctx: &Context<'a>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(operand, width) => {
                    let start = out.len();
                    show(operand, ctx, out);
                    if let Some(width) = width {
                        fit(out, start, *width);
                    }
                }
            }
        }
    }

    /// Adds the fields of the text with their values, in the text's order,
    /// those left out that are there already.
    pub fn values<'a>(&'a self, ctx: &Context<'a>, out: &mut Vec<(Arc<str>, FieldValue)>) {
        for (name, operand) in &self.fields {
            if out.iter().all(|(known, _)| known != name) {
                let value = typed(name, operand, ctx);
                out.push((Arc::clone(name), value));
            }
        }
    }

    /// Whether a field in it may follow from what a descriptor is.
    pub fn may_name_files(&self) -> bool {
        self.fields
            .iter()
            .any(|(_, operand)| operand.may_name_files())
    }

    /// Texts of all fields in it.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }
}

/// Appends the value as its field is printed.
fn show<'a>(operand: &'a Operand, ctx: &Context<'a>, out: &mut String) {
    let value = printed(operand, ctx);
    let Operand::Field(field) = operand else {
        return render::render(value, out);
    };
    if field.field.ty == FieldType::Host {
        return match host(value) {
            Some(host) => out.push_str(host.name()),
            None => render::render(None, out),
        };
    }
    if let (true, Some(Value::Bytes(bytes))) = (ctx.base64, value) {
        return render::base64(bytes, out);
    }
    // Of a network Falco prints no more than that it is one.
    if let (FieldType::Net, Some(Value::Ip(_))) = (field.field.ty, value) {
        out.push_str("<IPNET>");
        return;
    }
    if let Some(Value::List(ancestors)) = value
        && field.cardinality() == Cardinality::AnyAncestor
    {
        let start = out.len();
        for ancestor in ancestors {
            // Nothing stands between nothing and the first text.
            if out.len() > start {
                out.push(' ');
            }
            render::render(Some(*ancestor), out);
        }
        if out.len() == start {
            render::render(None, out);
        }
        return;
    }
    // Writing to a string cannot fail.
    let _ = match (field.field.print, value.and_then(|value| value.number())) {
        (Print::NineDigits, Some(number)) => write!(out, "{number:09}"),
        (Print::Hex, Some(number)) => write!(out, "{number:X}"),
        _ => return render::render(value, out),
    };
}

/// The value that is printed, which may be another than conditions look at.
fn printed<'a>(operand: &'a Operand, ctx: &Context<'a>) -> Option<Value<'a>> {
    match operand {
        Operand::Field(field)
            if field.field.print == Print::OwnThread && field.arg == FieldArg::None =>
        {
            (field.field.get)(ctx, &FieldArg::Index(0))
        }
        operand => operand.get(ctx),
    }
}

/// The host, among those in conditions, that has an address.
fn host(value: Option<Value<'_>>) -> Option<Arc<hosts::Host>> {
    match value {
        Some(Value::Ip(address)) => hosts::name_of(address),
        _ => None,
    }
}

/// The event's time is a number for programs, whatever the format for people.
fn typed<'a>(name: &str, operand: &'a Operand, ctx: &Context<'a>) -> FieldValue {
    let value = printed(operand, ctx);
    if let Operand::Field(field) = operand
        && field.field.ty == FieldType::Host
    {
        return match host(value) {
            Some(host) => FieldValue::Text(host.name().to_owned()),
            None => FieldValue::Missing,
        };
    }
    match name {
        "evt.time" | "evt.time.s" | "evt.time.iso8601" | "evt.datetime" | "evt.datetime.s" => {
            FieldValue::Uint(ctx.event.time)
        }
        _ => match operand {
            // Nothing at all is no text.
            _ if is_blank(value) => FieldValue::Missing,
            Operand::Field(field) if prints_itself(field, value) => {
                let mut text = String::new();
                show(operand, ctx, &mut text);
                FieldValue::Text(text)
            }
            _ => render::field_value(value),
        },
    }
}

/// Whether it is a list of empty texts.
fn is_blank(value: Option<Value<'_>>) -> bool {
    let empty = |value: &Value<'_>| *value == Value::Text(b"");
    matches!(value, Some(Value::List(values)) if values.iter().all(empty))
}

/// Whether a value is the text that is printed also for programs.
fn prints_itself(field: &BoundField, value: Option<Value<'_>>) -> bool {
    match value {
        Some(Value::List(_)) => field.cardinality() == Cardinality::AnyAncestor,
        Some(Value::Bytes(_)) => true,
        Some(_) => field.field.print == Print::Hex || field.field.ty == FieldType::Net,
        None => false,
    }
}

/// Pads or cuts what stands from `start` on.
fn fit(out: &mut String, start: usize, width: usize) {
    render::truncate(out, start + width);
    let missing = (start + width).saturating_sub(out.len());
    out.extend(std::iter::repeat_n(' ', missing));
}

/// The longest field or the call at `start`, and where it ends. Spans count
/// from `start`.
fn parse_operand(
    text: &str,
    start: usize,
    percent: usize,
    table: &FieldTable,
) -> Result<(ast::Operand, usize), Error> {
    let rest = &text[start..];
    let word = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.'))
        .unwrap_or(rest.len());
    if rest[word..].starts_with('(') && !rest[..word].contains('.') && word > 0 {
        let call = parser::parse_call(rest).map_err(|error| Error {
            span: Span::new(error.span.start + start, error.span.end + start),
            ..error
        })?;
        let end = start + call.span.end;
        return Ok((ast::Operand::Call(call), end));
    }
    let Some(name) = table.longest_name(rest) else {
        return Err(unknown(rest, word, start, percent, table));
    };
    let len = match table.get(&rest[..name]).map(|field| field.arg) {
        // Where the field takes no argument, a bracket is text.
        Some(ArgKind::None) => name,
        // The name behind the dot is none, which is what is wrong.
        Some(ArgKind::Dotted | ArgKind::IndexOrDotted) if rest[name..].starts_with('.') => {
            rest[..word].trim_end_matches('.').len()
        }
        _ => name + argument_length(&rest[name..]),
    };
    let field = parser::parse_field(&rest[..len]).or_else(|_| parser::parse_field(&rest[..name]));
    let field = field.map_err(|error| Error {
        span: Span::new(percent, start + name),
        ..error
    })?;
    let end = start + field.span.end;
    Ok((ast::Operand::Field(field), end))
}

/// Length of `[argument]` at the start of the text, 0 if there is none.
fn argument_length(text: &str) -> usize {
    if !text.starts_with('[') {
        return 0;
    }
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b']') => return at + 1,
            _ => {}
        }
    }
    0
}

fn unknown(rest: &str, word: usize, start: usize, percent: usize, table: &FieldTable) -> Error {
    let name = rest[..word].trim_end_matches('.');
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let kind = match rest {
            "" => ErrorKind::PercentAtEnd,
            _ => ErrorKind::LonePercent,
        };
        return Error::new(Span::new(percent, start), kind);
    }
    let span = Span::new(percent, start + name.len());
    let hint = super::error::nearest(name, table.names());
    Error::new(span, ErrorKind::UnknownField(name.to_owned())).hint(hint)
}
