//! Shell patterns as `fnmatch(3)` without flags understands them: `*` and `?`
//! match `/` too, `[…]` is a set, a backslash takes the next byte literally.

/// Whether the whole text matches. With `fold`, letters match in either case.
pub fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to resume when what follows the last `*` does not match: only the
    // last one can ever need more text, so this takes no stack.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            resume = Some((p, t));
            continue;
        }
        let step = match text.get(t) {
            Some(&byte) => one(&pattern[p..], byte, fold),
            None if p == pattern.len() => return true,
            None => return false,
        };
        if let Some(len) = step {
            p += len;
            t += 1;
            continue;
        }
        let Some((after_star, from)) = resume else {
            return false;
        };
        p = after_star;
        t = from + 1;
        resume = Some((after_star, t));
    }
}

/// Whether the pattern has anything but literal bytes.
pub fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'\\'))
}

/// Length of the pattern's first element if it matches the byte.
fn one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte, fold) {
            Some((len, true)) => Some(len),
            Some((_, false)) => None,
            None => same(b'[', byte, fold).then_some(1),
        },
        b'\\' => {
            let &literal = pattern.get(1)?;
            same(literal, byte, fold).then_some(2)
        }
        literal => same(literal, byte, fold).then_some(1),
    }
}

fn same(a: u8, b: u8, fold: bool) -> bool {
    a == b || fold && a.eq_ignore_ascii_case(&b)
}

/// Length of the set at the start of the pattern and whether the byte is in
/// it; `None` when it is not closed, so that its `[` is a literal.
fn set(pattern: &[u8], byte: u8, fold: bool) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = 1 + usize::from(negated);
    let mut at = first;
    let mut found = false;
    loop {
        let &next = pattern.get(at)?;
        if next == b']' && at > first {
            return Some((at + 1, found != negated));
        }
        if let Some((len, within)) = class(&pattern[at..], byte, fold) {
            found |= within;
            at += len;
            continue;
        }
        let (low, len) = set_byte(&pattern[at..])?;
        at += len;
        let mut high = low;
        if pattern.get(at) == Some(&b'-') && pattern.get(at + 1).is_some_and(|&b| b != b']') {
            let (end, len) = set_byte(&pattern[at + 1..])?;
            high = end;
            at += 1 + len;
        }
        found |= within(low, high, byte)
            || fold && within(low, high, byte.to_ascii_lowercase())
            || fold && within(low, high, byte.to_ascii_uppercase());
    }
}

fn within(low: u8, high: u8, byte: u8) -> bool {
    (low..=high).contains(&byte)
}

fn set_byte(pattern: &[u8]) -> Option<(u8, usize)> {
    match pattern {
        [b'\\', literal, ..] => Some((*literal, 2)),
        [literal, ..] => Some((*literal, 1)),
        [] => None,
    }
}

/// A class such as `[:digit:]` at the start, its length and whether the byte
/// is in it.
fn class(pattern: &[u8], byte: u8, fold: bool) -> Option<(usize, bool)> {
    let rest = pattern.strip_prefix(b"[:")?;
    let len = rest.windows(2).position(|pair| pair == b":]")?;
    let within = match &rest[..len] {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase() || fold && byte.is_ascii_uppercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0B,
        b"upper" => byte.is_ascii_uppercase() || fold && byte.is_ascii_lowercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some((len + 4, within))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "/a/b", true),
            ("/home/*/.ssh/*", "/home/a/b/.ssh/id", true),
            ("/home/*/.ssh/*", "/home/.ssh/id", false),
            ("a?c", "a/c", true),
            ("a?c", "ac", false),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxbxxb", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[a-]", "-", true),
            ("[[:digit:]_]", "7", true),
            ("[[:digit:]_]", "x", false),
            ("[a", "[a", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("[\\]]", "]", true),
            ("ABC", "abc", false),
            ("a\\", "a", false),
        ] {
            let got = matches(pattern.as_bytes(), text.as_bytes(), false);
            assert_eq!(got, expected, "{pattern} {text}");
        }
        assert!(matches(b"A*[x-z]", b"abY", true));
    }

    #[test]
    fn stars_take_no_exponential_time() {
        let pattern = b"*a".repeat(50);
        let text = vec![b'a'; 40];
        assert!(!matches(&pattern, &text, false));
        let text = [vec![b'a'; 2_000], vec![b'b']].concat();
        assert!(!matches(&pattern, &text, false));
    }
}
