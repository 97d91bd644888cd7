//! Regular expressions as RE2 reads them in POSIX syntax, which is what rules are
//! written in: no classes and assertions with letters (`\d`, `\b`), no groups with
//! options (`(?i)`), and repetitions of repetitions. They are written down again
//! as the `regex` crate reads them, where each character that means nothing is
//! escaped.

/// Most repetitions that can be asked for.
const MOST: u32 = 1000;
/// Most repetitions of repetitions.
const MOST_LEVELS: usize = 8;

/// The same expression for the `regex` crate, which says what else is wrong.
///
/// # Errors
/// What is not in the syntax.
pub fn translate(pattern: &str) -> Result<String, String> {
    let mut writer = Writer {
        rest: pattern,
        out: String::with_capacity(2 * pattern.len()),
        groups: Vec::new(),
        atom: None,
        repeated: 0,
    };
    while let Some(c) = writer.next() {
        writer.part(c)?;
    }
    match writer.groups.is_empty() {
        true => Ok(writer.out),
        false => Err("`(` without `)`".to_owned()),
    }
}

struct Writer<'p> {
    rest: &'p str,
    out: String,
    /// Where the groups that are open begin.
    groups: Vec<usize>,
    /// Where what a repetition repeats begins.
    atom: Option<usize>,
    /// How often it is repeated already.
    repeated: usize,
}

impl Writer<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn part(&mut self, c: char) -> Result<(), String> {
        match c {
            '(' => {
                self.groups.push(self.out.len());
                self.atom = None;
                self.out.push_str("(?:");
            }
            ')' => {
                let start = self.groups.pop().ok_or("`)` without `(`")?;
                self.out.push(c);
                self.begin(start);
            }
            '|' => {
                self.atom = None;
                self.out.push(c);
            }
            '*' | '+' | '?' => self.repeat(c.encode_utf8(&mut [0; 4]))?,
            '{' => match self.count()? {
                Some(count) => self.repeat(&count)?,
                None => self.literal('{'),
            },
            '.' | '^' | '$' => {
                self.begin(self.out.len());
                self.out.push(c);
            }
            '[' => {
                self.begin(self.out.len());
                self.class()?;
            }
            '\\' => {
                let escaped = self.escape()?;
                self.literal(escaped);
            }
            c => self.literal(c),
        }
        Ok(())
    }

    fn begin(&mut self, start: usize) {
        self.atom = Some(start);
        self.repeated = 0;
    }

    fn literal(&mut self, c: char) {
        self.begin(self.out.len());
        push_literal(&mut self.out, c);
    }

    /// Repeats the last part once more: two signs together mean something else in
    /// the crate. Those without numbers become one.
    fn repeat(&mut self, sign: &str) -> Result<(), String> {
        let Some(start) = self.atom else {
            return Err(format!("nothing for `{sign}` to repeat"));
        };
        let is_plain = |sign: &str| matches!(sign, "*" | "+" | "?");
        let last = self.out.get(self.out.len().saturating_sub(1)..);
        if self.repeated > 0
            && let Some(last) = last.filter(|last| is_plain(last) && is_plain(sign))
        {
            if last != sign {
                self.out.pop();
                self.out.push('*');
            }
            return Ok(());
        }
        if self.repeated >= MOST_LEVELS {
            return Err(format!("more than {MOST_LEVELS} repetitions of one part"));
        }
        if self.repeated > 0 {
            self.out.insert_str(start, "(?:");
            self.out.push(')');
        }
        self.out.push_str(sign);
        self.repeated += 1;
        Ok(())
    }

    /// The rest of `{n}`, `{n,}` or `{n,m}`; anything else is text.
    fn count(&mut self) -> Result<Option<String>, String> {
        let Some((inside, rest)) = self.rest.split_once('}') else {
            return Ok(None);
        };
        let (least, most) = match inside.split_once(',') {
            Some((least, most)) => (least, Some(most)),
            None => (inside, None),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_count =
            is_number(least) && most.is_none_or(|most| most.is_empty() || is_number(most));
        if !is_count {
            return Ok(None);
        }
        let number = |text: &str| text.parse().ok().filter(|&n: &u32| n <= MOST);
        let too_many = || format!("`{{{inside}}}` repeats more than {MOST} times");
        let low = number(least).ok_or_else(too_many)?;
        let high = match most {
            None | Some("") => None,
            Some(most) => Some(number(most).ok_or_else(too_many)?),
        };
        if high.is_some_and(|high| high < low) {
            return Err(format!("`{{{inside}}}` ends before it begins"));
        }
        self.rest = rest;
        Ok(Some(format!("{{{inside}}}")))
    }

    /// The rest of `[…]`, in which nothing but ranges, `[:names:]` and escapes
    /// means something.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else {
                return Err("`[` without `]`".to_owned());
            };
            match c {
                ']' if !first => break,
                '-' if !first && !self.rest.starts_with(']') => {
                    return Err("`-` in brackets must be first or last".to_owned());
                }
                '[' if self.rest.starts_with(':') => self.class_name()?,
                c => self.range(c)?,
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn class_name(&mut self) -> Result<(), String> {
        let Some((name, rest)) = self.rest[1..].split_once(":]") else {
            return self.range('[');
        };
        self.out.push_str("[:");
        self.out.push_str(name);
        self.out.push_str(":]");
        self.rest = rest;
        let name = name.strip_prefix('^').unwrap_or(name);
        match CLASSES.contains(&name) {
            true => Ok(()),
            false => Err(format!("there is no class `[:{name}:]`")),
        }
    }

    /// A character in brackets, or a range that begins with it.
    fn range(&mut self, c: char) -> Result<(), String> {
        let low = self.in_class(c)?;
        push_literal(&mut self.out, low);
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if is_range && self.rest.len() > 1 {
            self.next();
            let c = self.next().unwrap_or_default();
            let high = self.in_class(c)?;
            if high < low {
                return Err(format!("`{low}-{high}` ends before it begins"));
            }
            self.out.push('-');
            push_literal(&mut self.out, high);
        }
        Ok(())
    }

    fn in_class(&mut self, c: char) -> Result<char, String> {
        match c {
            '\\' => self.escape(),
            c => Ok(c),
        }
    }

    /// The character that is behind a backslash.
    fn escape(&mut self) -> Result<char, String> {
        let Some(c) = self.next() else {
            return Err("a backslash at the end".to_owned());
        };
        let octal = |c: char| c.to_digit(8);
        let unknown = || format!("unknown escape `\\{c}`");
        Ok(match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\x07',
            'f' => '\x0c',
            'v' => '\x0b',
            'x' => self.hexadecimal().ok_or_else(unknown)?,
            '1'..='7' if !self.rest.starts_with(|c| octal(c).is_some()) => return Err(unknown()),
            '0'..='7' => {
                let mut code = octal(c).unwrap_or_default();
                for _ in 0..2 {
                    let Some(digit) = self.rest.chars().next().and_then(octal) else {
                        break;
                    };
                    code = 8 * code + digit;
                    self.next();
                }
                char::from_u32(code).ok_or_else(unknown)?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' => c,
            _ => return Err(unknown()),
        })
    }

    /// The rest of `\xHH` or `\x{H…}`.
    fn hexadecimal(&mut self) -> Option<char> {
        let digits = match self.rest.strip_prefix('{') {
            Some(rest) => {
                let (digits, rest) = rest.split_once('}')?;
                self.rest = rest;
                digits
            }
            None => {
                let (digits, rest) = self.rest.split_at_checked(2)?;
                self.rest = rest;
                digits
            }
        };
        let is_hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16)
            .ok()
            .filter(|_| is_hexadecimal)?;
        char::from_u32(code)
    }
}

/// Names of classes in brackets.
const CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// What means something somewhere in the crate's syntax.
const MEANINGFUL: &str = r"\.+*?()|[]{}^$#&-~";

fn push_literal(out: &mut String, c: char) {
    if MEANINGFUL.contains(c) {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(pattern: &str) -> String {
        translate(pattern).expect_err(pattern)
    }

    #[test]
    fn what_means_something_stays() {
        for (pattern, expected) in [
            ("a.c|^b$", "a.c|^b$"),
            ("(a|b)*c{2,3}d{4,}e{5}", "(?:a|b)*c{2,3}d{4,}e{5}"),
            ("[^]a-z[:digit:]-]", r"[^\]a-z[:digit:]\-]"),
            ("[[a&&b]", r"[\[a\&\&b]"),
            ("[[:^alpha:]~]", r"[[:^alpha:]\~]"),
            ("a{,2}{x}{", r"a\{,2\}\{x\}\{"),
            (r"\.\x41\x{e9}\101\n[\]\\]", "\\.AéA\n[\\]\\\\]"),
            ("a**b+?(cd){2}?", "a*b*(?:(?:cd){2})?"),
            ("a{2}{3}?*", "(?:(?:a{2}){3})*"),
            ("a||b()", "a||b(?:)"),
            ("#~- é", r"\#\~\- é"),
        ] {
            assert_eq!(translate(pattern).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn what_is_another_syntax_is_refused() {
        for pattern in [
            r"\d",
            r"[\w]",
            r"\bx",
            r"\pL",
            r"\Qa\E",
            r"\A",
            r"\z",
            r"\8",
            r"\1",
            r"\_",
            r"\é",
            r"\",
            r"\xg1",
            r"\x{110000}",
            "(?i)a",
            "(?:a)",
            "*a",
            "a|+",
            "(*a)",
            "a{1001}",
            "a{2,1}",
            ")",
            "[a",
            "[",
            "[z-a]",
            "[a-c-e]",
            "[[:nosuch:]]",
        ] {
            assert!(!wrong(pattern).is_empty());
        }
        assert!(translate(&format!("a{}", "*".repeat(1 << 20))).is_ok());
        assert!(!wrong(&format!("a{}", "{2}".repeat(1 << 20))).is_empty());
        assert_eq!(wrong(r"a\d"), r"unknown escape `\d`");
        assert_eq!(wrong("(?i)a"), "nothing for `?` to repeat");
    }
}
