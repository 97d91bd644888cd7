//! Values as people read them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::field::Value;
use crate::output::FieldValue;

/// Most bytes of one rendered list or byte buffer.
const MAX_RENDERED: usize = 1024;
/// What a missing value looks like.
pub const MISSING: &str = "<NA>";

/// Appends a value.
pub fn render(value: Option<Value<'_>>, out: &mut String) {
    let Some(value) = value else {
        out.push_str(MISSING);
        return;
    };
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::Uint(value) => write!(out, "{value}"),
        Value::Double(value) => write!(out, "{value:.1}"),
        Value::Ip(value) => write!(out, "{value}"),
        Value::Text(text) => {
            printable(text, out);
            Ok(())
        }
        Value::Bytes(bytes) => {
            let shown = &bytes[..bytes.len().min(MAX_RENDERED)];
            out.extend(shown.iter().map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            }));
            Ok(())
        }
        Value::List(items) => {
            list(items, out);
            Ok(())
        }
    };
}

/// Appends bytes as base64.
pub fn base64(bytes: &[u8], out: &mut String) {
    BASE64_STANDARD.encode_string(&bytes[..bytes.len().min(MAX_RENDERED)], out);
}

fn list(items: &[Value<'_>], out: &mut String) {
    let start = out.len();
    out.push('(');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        render(Some(*item), out);
        if out.len() - start > MAX_RENDERED {
            truncate(out, start + MAX_RENDERED);
            return;
        }
    }
    out.push(')');
}

/// Cuts the text at the last character boundary up to a length.
pub fn truncate(text: &mut String, len: usize) {
    text.truncate(text.floor_char_boundary(len));
}

/// Appends text with U+FFFD in the place of what is no UTF-8 or not printable.
fn printable(text: &[u8], out: &mut String) {
    for chunk in text.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(char::is_control) {
            out.push_str(&rest[..at]);
            out.push(char::REPLACEMENT_CHARACTER);
            let control = rest[at..].chars().next().map_or(1, char::len_utf8);
            rest = &rest[at + control..];
        }
        out.push_str(rest);
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// The value as an output that keeps types takes it.
pub fn field_value(value: Option<Value<'_>>) -> FieldValue {
    match value {
        None => FieldValue::Missing,
        Some(Value::Bool(value)) => FieldValue::Bool(value),
        Some(Value::Int(value)) => FieldValue::Int(value),
        Some(Value::Uint(value)) => FieldValue::Uint(value),
        Some(Value::Double(value)) => FieldValue::Double(value),
        Some(Value::List(items)) => {
            FieldValue::List(items.iter().map(|item| field_value(Some(*item))).collect())
        }
        text => {
            let mut rendered = String::new();
            render(text, &mut rendered);
            FieldValue::Text(rendered)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value<'_>) -> String {
        let mut out = String::new();
        render(Some(value), &mut out);
        out
    }

    #[test]
    fn values() {
        assert_eq!(shown(Value::Int(-5)), "-5");
        assert_eq!(shown(Value::Double(1.25)), "1.2");
        assert_eq!(shown(Value::Bool(true)), "true");
        assert_eq!(
            shown(Value::Text(b"a\nb\xff\x1b\xc3\xa9")),
            "a\u{FFFD}b\u{FFFD}\u{FFFD}é"
        );
        assert_eq!(shown(Value::Bytes(b"a\nb\xff")), "a.b.");
        let items = [Value::Text(b"a"), Value::Uint(2)];
        assert_eq!(shown(Value::List(&items)), "(a,2)");
        assert_eq!(shown(Value::List(&[])), "()");
        assert_eq!(shown(Value::Bytes(&[b'x'; 5000])).len(), MAX_RENDERED);
        let long = [Value::Text(&[b'x'; 600]); 3];
        assert_eq!(shown(Value::List(&long)).len(), MAX_RENDERED);
        let mut missing = String::new();
        render(None, &mut missing);
        assert_eq!(missing, "<NA>");
    }
}
