//! Constants of conditions, turned into tests as the type of the left side says.

use std::net::IpAddr;
use std::sync::OnceLock;

use memchr::memmem::Finder;
use regex::{Regex, RegexBuilder};
use rustc_hash::FxHashMap;

use super::ast::{List, Literal, Modifier, Op};
use super::error::{Error, ErrorKind};
use super::field::FieldType;
use super::hosts::Host;
use super::ops::net::Net;
use super::ops::path::{MAX_COMPONENTS, PathTrie};
use super::ops::regex::translate;
use super::ops::search;
use super::table::type_name;
use super::test::{Ordered, Test};

/// Most memory for one regular expression in bytes.
const REGEX_SIZE: usize = 1 << 20;

/// Whether values of the type can be compared so.
pub fn supports(ty: FieldType, list: bool, op: Op) -> bool {
    use FieldType as T;
    if ty == T::Host {
        return matches!(op, Op::Eq | Op::Ne | Op::In);
    }
    if matches!(op, Op::Exists | Op::In | Op::Intersects) || ty == T::Dynamic {
        return true;
    }
    if list {
        return false;
    }
    let text = matches!(ty, T::Text | T::Path);
    match op {
        Op::Eq | Op::Ne => true,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => !matches!(ty, T::Bool | T::Bytes | T::Ip | T::Net),
        Op::Contains | Op::Startswith | Op::Endswith => text || ty == T::Bytes,
        Op::Bcontains | Op::Bstartswith => ty == T::Bytes,
        _ => text,
    }
}

/// The test `OP constant`.
///
/// # Errors
/// When the constant is none of the type or not what the operator needs.
pub fn single(ty: FieldType, op: Op, literal: &Literal) -> Result<Test, Error> {
    match op {
        Op::Ne => Ok(Test::Not(Box::new(single(ty, Op::Eq, literal)?))),
        _ => match ty {
            FieldType::Text | FieldType::Path | FieldType::Bytes => bytes(op, literal),
            _ => scalar(ty, op, literal),
        },
    }
}

/// The test `OP (constants)`.
///
/// # Errors
/// When a constant is none of the type.
pub fn list(ty: FieldType, op: Op, list: &List) -> Result<Test, Error> {
    if op == Op::Pmatch {
        return under(list);
    }
    let tests = list.items.iter().map(|item| single(ty, Op::Eq, item));
    Ok(Test::any(tests.collect::<Result<_, _>>()?))
}

/// The test `OP modifier (constants)`.
///
/// # Errors
/// When a constant is none of the type.
pub fn modified(ty: FieldType, op: Op, modifier: Modifier, list: &List) -> Result<Test, Error> {
    let tests = list.items.iter().map(|item| single(ty, op, item));
    let tests: Vec<_> = tests.collect::<Result<_, _>>()?;
    Ok(match modifier {
        _ if tests.is_empty() => Test::Never,
        Modifier::Anyof => Test::any(tests),
        Modifier::Allof => Test::All(tests.into()),
        Modifier::Oneof => Test::One(tests.into()),
    })
}

/// The test that a time lies within so many milliseconds of the event.
///
/// # Errors
/// When it is no number.
pub fn around(literal: &Literal) -> Result<Test, Error> {
    let text = std::str::from_utf8(&literal.bytes).unwrap_or_default();
    let distance = unsigned(text).map(|ms| i128::from(ms) * 1_000_000);
    let test = distance.map(|distance| Test::Number(Ordered::Le, distance));
    test.ok_or_else(|| wrong(literal, expected(FieldType::Uint)))
}

fn scalar(ty: FieldType, op: Op, literal: &Literal) -> Result<Test, Error> {
    let text = std::str::from_utf8(&literal.bytes).unwrap_or_default();
    let order = Ordered::of(op).unwrap_or(Ordered::Eq);
    let test = match ty {
        FieldType::Bool => text.parse().ok().map(Test::Bool),
        FieldType::Int => text
            .parse::<i64>()
            .ok()
            .map(|n| Test::Number(order, n.into())),
        FieldType::Double => text.parse().ok().map(|n| Test::Double(order, n)),
        FieldType::Port => port(text).map(|n| Test::Number(order, n.into())),
        FieldType::Ip => text.parse::<IpAddr>().ok().map(Test::Ip),
        FieldType::Net => Net::parse(text).map(Test::Net),
        FieldType::Host => Some(Test::Host(Host::named(text))),
        _ => unsigned(text).map(|n| Test::Number(order, n.into())),
    };
    test.ok_or_else(|| wrong(literal, expected(ty)))
}

fn expected(ty: FieldType) -> &'static str {
    match ty {
        FieldType::Bool => "`true` or `false`",
        FieldType::Port => "a port number or the name of a service",
        FieldType::Net => "a network such as `10.0.0.0/8`",
        FieldType::Int | FieldType::Uint | FieldType::AbsTime | FieldType::RelTime => {
            "a valid number"
        }
        _ => type_name(ty),
    }
}

fn wrong(literal: &Literal, ty: &'static str) -> Error {
    let text = String::from_utf8_lossy(&literal.bytes).into_owned();
    Error::new(literal.span, ErrorKind::Constant { text, ty })
}

/// A minus sign wraps, as it does where fields are of C's unsigned types.
fn unsigned(text: &str) -> Option<u64> {
    match text.strip_prefix('-') {
        Some(_) => text.parse::<i64>().ok().map(i64::cast_unsigned),
        None => text.parse().ok(),
    }
}

fn port(text: &str) -> Option<u16> {
    if text.is_empty() {
        return Some(0);
    }
    text.parse().ok().or_else(|| services().get(text).copied())
}

/// Ports by the names in the system's table of services.
fn services() -> &'static FxHashMap<String, u16> {
    static SERVICES: OnceLock<FxHashMap<String, u16>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        parse_services(&std::fs::read_to_string("/etc/services").unwrap_or_default())
    })
}

fn parse_services(text: &str) -> FxHashMap<String, u16> {
    let mut services = FxHashMap::default();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let name = words.next();
        let port = words
            .next()
            .and_then(|word| word.split('/').next()?.parse().ok());
        if let (Some(name), Some(port)) = (name, port) {
            for name in std::iter::once(name).chain(words) {
                services.entry(name.to_owned()).or_insert(port);
            }
        }
    }
    services
}

fn bytes(op: Op, literal: &Literal) -> Result<Test, Error> {
    let text = || Box::from(literal.bytes.as_slice());
    let finder = |bytes: &[u8]| Test::Contains(Box::new(Finder::new(bytes).into_owned()));
    let hex = || {
        search::hex(&literal.bytes).ok_or_else(|| wrong(literal, "a string of hexadecimal bytes"))
    };
    Ok(match op {
        Op::Contains => finder(&literal.bytes),
        Op::Icontains => Test::Icontains(text()),
        Op::Startswith => Test::Startswith(text()),
        Op::Endswith => Test::Endswith(text()),
        Op::Glob => Test::Glob(text(), false),
        Op::Iglob => Test::Glob(text(), true),
        Op::Regex => Test::Regex(Box::new(regex(literal)?)),
        Op::Bcontains => finder(&hex()?),
        Op::Bstartswith => Test::Startswith(hex()?.into()),
        _ => match Ordered::of(op) {
            Some(order) if order != Ordered::Eq => Test::Bytes(order, text()),
            _ => Test::Equal(text()),
        },
    })
}

/// The whole value must match.
fn regex(literal: &Literal) -> Result<Regex, Error> {
    let bad = |message: String| Error::new(literal.span, ErrorKind::Regex(message));
    let pattern = std::str::from_utf8(&literal.bytes).map_err(|e| bad(e.to_string()))?;
    let pattern = translate(pattern).map_err(bad)?;
    let built = RegexBuilder::new(&format!("\\A(?:{pattern})\\z"))
        .multi_line(true)
        .size_limit(REGEX_SIZE)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => bad("it needs too much memory".to_owned()),
        error => {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default();
            bad(last.trim_start_matches("error: ").to_owned())
        }
    })
}

fn under(list: &List) -> Result<Test, Error> {
    let mut trie = PathTrie::new();
    for item in &list.items {
        if !trie.insert(&item.bytes) {
            const _: () = assert!(MAX_COMPONENTS == 128);
            return Err(wrong(item, "a path of at most 128 components"));
        }
    }
    Ok(Test::Under(trie))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::ast::Span;
    use crate::filter::field::Value;

    fn literal(text: &str) -> Literal {
        Literal {
            bytes: text.into(),
            quoted: true,
            span: Span::default(),
        }
    }

    fn holds(ty: FieldType, op: Op, text: &str, value: Value<'_>) -> Option<bool> {
        single(ty, op, &literal(text))
            .ok()
            .map(|test| test.holds(value))
    }

    #[test]
    fn numbers() {
        use FieldType::{Int, Port, Uint};
        assert_eq!(holds(Int, Op::Eq, "-5", Value::Int(-5)), Some(true));
        assert_eq!(holds(Int, Op::Lt, "5", Value::Int(4)), Some(true));
        assert_eq!(holds(Int, Op::Ne, "5", Value::Int(5)), Some(false));
        assert_eq!(holds(Uint, Op::Eq, "-1", Value::Uint(u64::MAX)), Some(true));
        for bad in [
            "0x10",
            "1.5",
            "1e+3",
            "abc",
            "",
            "5 ",
            "9223372036854775808",
        ] {
            assert_eq!(holds(Int, Op::Eq, bad, Value::Int(0)), None, "{bad}");
        }
        assert_eq!(holds(Port, Op::Eq, "", Value::Uint(0)), Some(true));
        assert_eq!(holds(Port, Op::Ge, "1024", Value::Uint(80)), Some(false));
        assert_eq!(holds(Port, Op::Eq, "65536", Value::Uint(0)), None);
    }

    #[test]
    fn names_of_services() {
        let services = parse_services("# a\nhttps 443/tcp web # b\nx\ndns 53/udp\n");
        assert_eq!(services.get("web"), Some(&443));
        assert_eq!(services.get("dns"), Some(&53));
        assert_eq!(services.len(), 3);
    }

    #[test]
    fn regular_expressions_match_the_whole_value() {
        let holds = |pattern, value: &'static [u8]| {
            holds(FieldType::Text, Op::Regex, pattern, Value::Text(value))
        };
        assert_eq!(holds("a|b", b"a"), Some(true));
        assert_eq!(holds("a|b", b"ab"), Some(false));
        assert_eq!(holds("a.b", b"a\xffb"), Some(true));
        assert_eq!(holds("a.b", "a\u{e9}b".as_bytes()), Some(true));
        assert_eq!(holds(".*", b"a\n"), Some(false));
        assert_eq!(holds("a$.*[^b]^c", b"a\nc"), Some(true));
        assert_eq!(holds("a", b"a\n"), Some(false));
        assert_eq!(holds("[", b""), None);
        assert_eq!(holds("a)(b", b""), None);
        assert_eq!(holds("(a{1000}){1000}", b""), None);
    }

    #[test]
    fn addresses_of_another_family_differ() {
        let address = Value::Ip("::1".parse().expect("an address"));
        assert_eq!(
            holds(FieldType::Ip, Op::Eq, "127.0.0.1", address),
            Some(false)
        );
        assert_eq!(
            holds(FieldType::Ip, Op::Ne, "127.0.0.1", address),
            Some(true)
        );
        assert_eq!(
            holds(FieldType::Net, Op::Ne, "127.0.0.0/8", address),
            Some(true)
        );
        assert_eq!(holds(FieldType::Net, Op::Eq, "127.0.0.1", address), None);
    }
}
