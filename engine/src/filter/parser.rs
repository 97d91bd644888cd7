//! From the text of a condition to its tree.

use std::num::NonZeroUsize;

use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::{Pair, Pairs};

use super::ast::{
    Arg, Call, Check, Expr, FieldRef, List, Literal, Modifier, Name, Op, Operand, Right, Span,
};
use super::error::{Error, ErrorKind};

/// Longest condition in bytes.
pub const MAX_TEXT: usize = 256 * 1024;
/// Most levels of parentheses.
pub const MAX_DEPTH: usize = 100;
/// Most rules of the grammar that are tried: several times what the longest
/// condition needs. A change of the grammar that makes it backtrack without
/// bound would end here.
const MAX_CALLS: NonZeroUsize = NonZeroUsize::new(100_000_000).unwrap();

use grammar::{Grammar, Rule};

/// What pest makes of the grammar.
#[allow(missing_docs, unreachable_pub)]
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "filter/grammar.pest"]
    pub(super) struct Grammar;
}

/// Parses a condition.
///
/// # Errors
/// When the text is not of the language or exceeds a limit.
pub fn parse(text: &str) -> Result<Expr, Error> {
    let whole = Span::new(0, text.len());
    if text.trim().is_empty() {
        return Err(Error::new(whole, ErrorKind::Empty));
    }
    let mut pairs = run(Rule::condition, text)?;
    let condition = pairs.next().into_iter().flat_map(Pair::into_inner);
    let Some(or_expr) = condition.into_iter().next() else {
        return Err(Error::new(whole, ErrorKind::Empty));
    };
    disjunction(or_expr)
}

/// Parses a field with its argument and nothing else.
///
/// # Errors
/// When the text is no field.
pub fn parse_field(text: &str) -> Result<FieldRef, Error> {
    if is_plain_field(text) {
        return Ok(FieldRef {
            name: text.to_owned(),
            arg: None,
            span: Span::new(0, text.len()),
        });
    }
    let mut pairs = run(Rule::field, text)?;
    match pairs.next() {
        Some(pair) if pair.as_str().len() == text.len() => field(pair),
        _ => Err(Error::new(
            Span::new(0, text.len()),
            ErrorKind::UnknownField(text.to_owned()),
        )),
    }
}

/// Whether a text is a field without an argument, as nearly all in outputs are: there
/// are many, and the grammar takes its time.
fn is_plain_field(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_name = |part: &str| {
        part.starts_with(|char: char| char.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    text.contains('.') && parts.all(is_name)
}

/// Parses a field or a transformer's call and nothing else.
///
/// # Errors
/// When the text is neither.
pub fn parse_operand(text: &str) -> Result<Operand, Error> {
    let field = match parse_call(text) {
        Ok(call) if call.span.end == text.len() => return Ok(Operand::Call(call)),
        _ => parse_field(text)?,
    };
    Ok(Operand::Field(field))
}

/// A constant as an item of a list gives it: in quotes with escapes, or bare.
///
/// # Errors
/// When it has an unknown escape.
pub fn parse_item(text: &str) -> Result<Literal, Error> {
    let whole = Span::new(0, text.len());
    let bare = |quoted| Literal {
        bytes: text.as_bytes().to_vec(),
        quoted,
        span: whole,
    };
    let Some(quote) = text.bytes().next().filter(|b| matches!(b, b'"' | b'\'')) else {
        return Ok(bare(false));
    };
    match Grammar::parse(Rule::quoted, text) {
        Ok(mut pairs) => match pairs.next() {
            Some(pair) if pair.as_str().len() == text.len() => Ok(Literal {
                bytes: unescape(&text[1..text.len() - 1], quote, 1)?,
                quoted: true,
                span: whole,
            }),
            _ => Ok(bare(true)),
        },
        Err(_) => Ok(bare(true)),
    }
}

/// Parses a transformer's call at the start of the text; the rest of the text
/// is left alone.
///
/// # Errors
/// When the text does not start with one.
pub fn parse_call(text: &str) -> Result<Call, Error> {
    let mut pairs = run(Rule::call, text)?;
    match pairs.next() {
        Some(pair) => call(pair),
        None => Err(Error::new(
            Span::new(0, text.len()),
            ErrorKind::UnknownTransformer(text.to_owned()),
        )),
    }
}

fn run(rule: Rule, text: &str) -> Result<Pairs<'_, Rule>, Error> {
    if text.len() > MAX_TEXT {
        return Err(Error::new(
            Span::new(MAX_TEXT, text.len()),
            ErrorKind::TooLong(MAX_TEXT),
        ));
    }
    check_depth(text)?;
    pest::set_call_limit(Some(MAX_CALLS));
    Grammar::parse(rule, text).map_err(|error| syntax_error(text, &error))
}

/// The grammar is recursive in parentheses alone: counting them first keeps
/// the parser's stack small, whatever the text.
fn check_depth(text: &str) -> Result<(), Error> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => {
                bytes.next();
            }
            (Some(open), _) if open == byte => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b')') => depth = depth.saturating_sub(1),
            (None, b'(') if depth == MAX_DEPTH => {
                let span = Span::new(at, at + 1);
                return Err(Error::new(span, ErrorKind::TooDeep(MAX_DEPTH)));
            }
            (None, b'(') => depth += 1,
            _ => {}
        }
    }
    Ok(())
}

fn syntax_error(text: &str, error: &pest::error::Error<Rule>) -> Error {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let ErrorVariant::ParsingError { positives, .. } = &error.variant else {
        return Error::new(Span::new(0, text.len()), ErrorKind::TooComplex);
    };
    let (found, end) = token_at(text, at);
    let expected = expectation(positives);
    Error::new(Span::new(at, end), ErrorKind::Syntax { expected, found })
}

/// What stands at a place where something else should, and where it ends.
fn token_at(text: &str, at: usize) -> (String, usize) {
    let rest = &text[at..];
    if rest.trim_start().is_empty() {
        return ("the end".to_owned(), text.len());
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '=');
    let len = match rest.find(is_end) {
        Some(0) => rest.chars().next().map_or(0, char::len_utf8),
        Some(len) => len,
        None => rest.len(),
    };
    let found = match &rest[..len] {
        blank if blank.trim().is_empty() => "a blank".to_owned(),
        token if token.chars().count() > 40 => {
            format!("`{}…`", token.chars().take(40).collect::<String>())
        }
        token => format!("`{token}`"),
    };
    (found, at + len)
}

/// What the grammar would have taken, in the words of rule writers.
fn expectation(rules: &[Rule]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for rule in rules {
        let word = match rule {
            Rule::or_op | Rule::and_op => "`and` or `or`",
            Rule::not_op
            | Rule::or_expr
            | Rule::and_expr
            | Rule::not_expr
            | Rule::macro_name
            | Rule::condition => "a check or a macro",
            Rule::exists_op | Rule::list_op | Rule::order_op | Rule::match_op => "an operator",
            Rule::modifier | Rule::quoted | Rule::bare | Rule::name => "a value",
            Rule::list => "a list in parentheses",
            Rule::number => "a number",
            Rule::close => "`)`",
            Rule::comma => "`,`",
            Rule::field | Rule::field_name => "a field",
            Rule::field_arg | Rule::arg_text => "an argument",
            Rule::call | Rule::call_name => "a transformer",
            Rule::arg_list => "a list in parentheses",
            Rule::EOI => continue,
            _ => continue,
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    // A check begins with any of these.
    if words.contains(&"a check or a macro") {
        words.retain(|word| !matches!(*word, "a field" | "a transformer"));
    }
    match words.split_last() {
        None => "the end".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    let span = pair.as_span();
    Span::new(span.start(), span.end())
}

/// A tree that the grammar does not make; an error beats a panic.
fn unexpected(at: Span) -> Error {
    Error::new(at, ErrorKind::TooComplex)
}

fn disjunction(pair: Pair<'_, Rule>) -> Result<Expr, Error> {
    operands(pair, Rule::and_expr, conjunction, Expr::Or)
}

fn conjunction(pair: Pair<'_, Rule>) -> Result<Expr, Error> {
    operands(pair, Rule::not_expr, negation, Expr::And)
}

fn operands(
    pair: Pair<'_, Rule>,
    rule: Rule,
    build: fn(Pair<'_, Rule>) -> Result<Expr, Error>,
    join: fn(Vec<Expr>) -> Expr,
) -> Result<Expr, Error> {
    let at = span(&pair);
    let mut parts: Vec<Expr> = pair
        .into_inner()
        .filter(|inner| inner.as_rule() == rule)
        .map(build)
        .collect::<Result<_, _>>()?;
    match parts.len() {
        0 => Err(unexpected(at)),
        1 => Ok(parts.swap_remove(0)),
        _ => {
            // Trees of all rules are there at once.
            parts.shrink_to_fit();
            Ok(join(parts))
        }
    }
}

fn negation(pair: Pair<'_, Rule>) -> Result<Expr, Error> {
    let at = span(&pair);
    let mut inner = pair.into_inner().peekable();
    let mut negated = false;
    while inner.next_if(|p| p.as_rule() == Rule::not_op).is_some() {
        negated = !negated;
    }
    let expr = match inner.next() {
        Some(first) => check(first, inner)?,
        None => return Err(unexpected(at)),
    };
    Ok(if negated {
        Expr::Not(Box::new(expr))
    } else {
        expr
    })
}

fn check<'i>(
    first: Pair<'i, Rule>,
    mut rest: impl Iterator<Item = Pair<'i, Rule>>,
) -> Result<Expr, Error> {
    let at = span(&first);
    let left = match first.as_rule() {
        Rule::or_expr => return disjunction(first),
        Rule::macro_name => return Ok(Expr::Macro(name(&first))),
        Rule::field => Operand::Field(field(first)?),
        Rule::call => Operand::Call(call(first)?),
        _ => return Err(unexpected(at)),
    };
    let op_pair = rest.next().ok_or_else(|| unexpected(at))?;
    let op = Op::from_name(op_pair.as_str()).ok_or_else(|| unexpected(at))?;
    Ok(Expr::Check(Check {
        left,
        op,
        op_span: span(&op_pair),
        right: right(op, rest)?,
    }))
}

fn right<'i>(op: Op, mut rest: impl Iterator<Item = Pair<'i, Rule>>) -> Result<Right, Error> {
    let Some(pair) = rest.next().filter(|pair| pair.as_rule() != Rule::close) else {
        return Ok(Right::None);
    };
    let at = span(&pair);
    match pair.as_rule() {
        Rule::call => Ok(Right::Operand(operand_of(call(pair)?)?)),
        Rule::modifier => {
            let modifier = match pair.as_str() {
                "oneof" => Modifier::Oneof,
                "anyof" => Modifier::Anyof,
                _ => Modifier::Allof,
            };
            let items = rest.next().ok_or_else(|| unexpected(at))?;
            Ok(Right::Modified(modifier, list(items)?))
        }
        Rule::list | Rule::name => Ok(Right::List(list(pair)?)),
        Rule::quoted | Rule::bare | Rule::number if !op.takes_list() => {
            Ok(Right::Value(literal(&pair)?))
        }
        _ => Err(unexpected(at)),
    }
}

/// `val(field)` means the field.
fn operand_of(mut call: Call) -> Result<Operand, Error> {
    if call.name.text != "val" {
        return Ok(Operand::Call(call));
    }
    match (call.args.len(), call.args.pop()) {
        (1, Some(Arg::Operand(Operand::Field(field)))) if call.index.is_none() => {
            Ok(Operand::Field(field))
        }
        _ => {
            let kind = ErrorKind::Syntax {
                expected: "a field".to_owned(),
                found: "something else in `val`".to_owned(),
            };
            Err(Error::new(call.span, kind))
        }
    }
}

fn list(pair: Pair<'_, Rule>) -> Result<List, Error> {
    let at = span(&pair);
    let items = pair
        .into_inner()
        .filter(|item| matches!(item.as_rule(), Rule::quoted | Rule::bare))
        .map(|item| literal(&item))
        .collect::<Result<_, _>>()?;
    Ok(List { items, span: at })
}

fn call(pair: Pair<'_, Rule>) -> Result<Call, Error> {
    let at = span(&pair);
    let mut call = Call {
        name: Name {
            text: String::new(),
            span: at,
        },
        args: Vec::new(),
        index: None,
        span: at,
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::call_name => {
                call.name = inner.into_inner().next().map_or(call.name, |n| name(&n));
            }
            Rule::field_arg => call.index = Some(field_arg(inner)?),
            Rule::comma | Rule::close => {}
            _ => call.args.push(arg(inner)?),
        }
    }
    Ok(call)
}

fn arg(pair: Pair<'_, Rule>) -> Result<Arg, Error> {
    let at = span(&pair);
    Ok(match pair.as_rule() {
        Rule::call => Arg::Operand(operand_of(call(pair)?)?),
        Rule::field => Arg::Operand(Operand::Field(field(pair)?)),
        Rule::quoted => Arg::Text(literal(&pair)?),
        Rule::number => Arg::Number(literal(&pair)?),
        Rule::arg_list => {
            let items = pair
                .into_inner()
                .filter(|p| !matches!(p.as_rule(), Rule::comma | Rule::close));
            Arg::List(items.map(arg).collect::<Result<_, _>>()?, at)
        }
        _ => return Err(unexpected(at)),
    })
}

fn field(pair: Pair<'_, Rule>) -> Result<FieldRef, Error> {
    let mut field = FieldRef {
        name: String::new(),
        arg: None,
        span: span(&pair),
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::field_name => inner.as_str().clone_into(&mut field.name),
            _ => field.arg = Some(field_arg(inner)?),
        }
    }
    Ok(field)
}

fn field_arg(pair: Pair<'_, Rule>) -> Result<String, Error> {
    let at = span(&pair);
    let inner = pair.into_inner().next().ok_or_else(|| unexpected(at))?;
    let bytes = literal(&inner)?.bytes;
    String::from_utf8(bytes).map_err(|_| unexpected(at))
}

fn name(pair: &Pair<'_, Rule>) -> Name {
    Name {
        text: pair.as_str().to_owned(),
        span: span(pair),
    }
}

fn literal(pair: &Pair<'_, Rule>) -> Result<Literal, Error> {
    let at = span(pair);
    let text = pair.as_str();
    let quoted = pair.as_rule() == Rule::quoted;
    let bytes = if quoted {
        unescape(&text[1..text.len() - 1], text.as_bytes()[0], at.start + 1)?
    } else {
        text.as_bytes().to_vec()
    };
    Ok(Literal {
        bytes,
        quoted,
        span: at,
    })
}

/// Resolves the escapes of what stood between two quotes, from byte `start` of
/// the condition.
fn unescape(text: &str, quote: u8, start: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = &rest[at..];
        let (byte, len) = escape_at(escape, quote).ok_or_else(|| {
            let len = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
            let from = start + text.len() - escape.len();
            let shown = escape[..len].to_owned();
            Error::new(Span::new(from, from + len), ErrorKind::Escape(shown))
        })?;
        bytes.push(byte);
        rest = &escape[len..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte that the escape at the start of the text stands for, and the
/// escape's length.
fn escape_at(escape: &str, quote: u8) -> Option<(u8, usize)> {
    let byte = match escape.as_bytes().get(1)? {
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'\\' => b'\\',
        b'/' => b'/',
        // Old rules write `\ ` for a lone backslash.
        b' ' => b'\\',
        b'x' => {
            let hex = escape.get(2..4)?;
            let byte = u8::from_str_radix(hex, 16).ok()?;
            return hex
                .bytes()
                .all(|b| b.is_ascii_hexdigit())
                .then_some((byte, 4));
        }
        &other if other == quote => quote,
        _ => return None,
    };
    Some((byte, 2))
}

#[cfg(test)]
mod tests;
