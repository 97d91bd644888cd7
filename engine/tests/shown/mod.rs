//! What fields give for a record, as text.
#![allow(dead_code, unreachable_pub, reason = "not every test needs everything")]

use bumpalo::Bump;
use falco_engine::event::Event;
use falco_engine::filter::field::{FieldArg, Value};
use falco_engine::filter::fields::find;
use falco_engine::state::State;

/// What a value is, for comparing and printing.
pub fn show(value: Option<Value<'_>>) -> String {
    match value {
        None => "<NA>".into(),
        Some(Value::Bool(b)) => b.to_string(),
        Some(Value::Int(n)) => n.to_string(),
        Some(Value::Uint(n)) => n.to_string(),
        Some(Value::Double(n)) => n.to_string(),
        Some(Value::Text(t) | Value::Bytes(t)) => String::from_utf8_lossy(t).into_owned(),
        Some(Value::Ip(ip)) => ip.to_string(),
        Some(Value::List(all)) => {
            let all: Vec<_> = all.iter().map(|v| show(Some(*v))).collect();
            format!("({})", all.join(","))
        }
    }
}

/// Reads `field`, `field[argument]` or `evt.arg.name`.
pub fn read(state: &State, record: &[u8], field: &str) -> String {
    let (name, arg) = match field.strip_suffix(']').and_then(|f| f.split_once('[')) {
        Some((name, arg)) => match arg.parse() {
            Ok(index) => (name, FieldArg::Index(index)),
            Err(_) => (name, FieldArg::Key(arg.into())),
        },
        None => match field.strip_prefix("evt.arg.") {
            Some(arg) => ("evt.arg", FieldArg::Key(arg.into())),
            None => (field, FieldArg::None),
        },
    };
    let event = Event::decode(record, 7, 1_000_000_000).unwrap();
    let arena = Bump::new();
    let context = state.context(&event, &arena);
    let field = find(name).unwrap_or_else(|| panic!("no field {name}"));
    show((field.get)(&context, &arg))
}

/// Each field has this value.
pub fn check(state: &State, record: &[u8], expected: &[(&str, &str)]) {
    for (field, value) in expected {
        assert_eq!(read(state, record, field), *value, "{field}");
    }
}
