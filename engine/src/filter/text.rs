//! Conditions as text again: one way to write each, so that two that are
//! written the same are the same.

use std::fmt::{self, Write as _};

use super::ast::{Arg, Call, Check, Expr, FieldRef, List, Literal, Modifier, Operand, Right};

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => joined(f, parts, " and "),
            Self::Or(parts) => joined(f, parts, " or "),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Macro(name) => f.write_str(&name.text),
            Self::Check(check) => check.fmt(f),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], between: &str) -> fmt::Result {
    f.write_char('(')?;
    separated(f, parts, between)?;
    f.write_char(')')
}

fn separated(
    f: &mut fmt::Formatter<'_>,
    items: &[impl fmt::Display],
    between: &str,
) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.left, self.op.name())?;
        match &self.right {
            Right::None => Ok(()),
            Right::Value(literal) => write!(f, " {literal}"),
            Right::List(list) => write!(f, " {list}"),
            Right::Modified(modifier, list) => write!(f, " {} {list}", modifier.name()),
            Right::Operand(operand @ Operand::Field(_)) => write!(f, " val({operand})"),
            Right::Operand(operand) => write!(f, " {operand}"),
        }
    }
}

impl Check {
    /// A text that two checks have in common only if they mean the same, with
    /// the same lists. Quotes matter: without them a word may be a list.
    pub fn key(&self) -> String {
        let mut key = self.to_string();
        let literals = match &self.right {
            Right::Value(literal) => std::slice::from_ref(literal),
            Right::List(list) | Right::Modified(_, list) => list.items.as_slice(),
            Right::None | Right::Operand(_) => &[],
        };
        key.push('\0');
        key.extend(literals.iter().map(|l| if l.quoted { '"' } else { '-' }));
        for literal in literals {
            // What is no UTF-8 is not in the text as it is.
            if std::str::from_utf8(&literal.bytes).is_err() {
                let _ = write!(key, "{:?}", literal.bytes);
            }
        }
        key
    }
}

impl Modifier {
    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Oneof => "oneof",
            Self::Anyof => "anyof",
            Self::Allof => "allof",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        separated(f, &self.items, ", ")?;
        f.write_char(')')
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let special = |c: char| c.is_control() || c.is_whitespace() || "()\"'=,\\".contains(c);
        if !text.is_empty() && !text.contains(special) {
            return f.write_str(&text);
        }
        quoted(f, &text)
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Call(call) => call.fmt(f),
        }
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.arg {
            Some(arg) => write!(f, "[{arg}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name.text)?;
        separated(f, &self.args, ", ")?;
        f.write_char(')')?;
        match &self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operand(operand) => operand.fmt(f),
            Self::Text(literal) => quoted(f, &String::from_utf8_lossy(&literal.bytes)),
            Self::Number(literal) => f.write_str(&String::from_utf8_lossy(&literal.bytes)),
            Self::List(args, _) => {
                f.write_char('(')?;
                separated(f, args, ", ")?;
                f.write_char(')')
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::parser;

    #[test]
    fn one_way_to_write_each() {
        for (text, shown) in [
            ("a.b = 'x'", "a.b = x"),
            ("a.b == \"x y\" and(not not c)", "(a.b = \"x y\" and c)"),
            (
                "a.b in (x,'(') or a.b[1] exists",
                "(a.b in (x, \"(\") or a.b[1] exists)",
            ),
            ("len(a.b) >= 5", "len(a.b) >= 5"),
            ("a.b = val(c.d)", "a.b = val(c.d)"),
            ("a.b startswith anyof (x, y)", "a.b startswith anyof (x, y)"),
        ] {
            let parsed = parser::parse(text).map(|expr| expr.to_string());
            assert_eq!(parsed.as_deref(), Ok(shown), "{text}");
        }
    }
}
