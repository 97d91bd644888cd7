//! Substrings without regard to case, and bytes in hexadecimal.

/// Whether the text has the needle, ASCII letters in either case.
pub fn icontains(text: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else {
        return true;
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, text).any(|at| {
        let candidate = text.get(at + 1..at + 1 + rest.len());
        candidate.is_some_and(|candidate| candidate.eq_ignore_ascii_case(rest))
    })
}

/// The bytes that an even number of hexadecimal digits names.
pub fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    if !text.len().is_multiple_of(2) || text.is_empty() {
        return None;
    }
    text.chunks_exact(2)
        .map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert!(icontains(b"/etc/Shadow-", b"SHADOW"));
        assert!(icontains(b"sShadow", b"shadow"));
        assert!(icontains(b"x", b""));
        assert!(!icontains(b"shado", b"shadow"));
        assert!(!icontains(b"", b"s"));
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(b"7f4C"), Some(vec![0x7F, 0x4C]));
        assert_eq!(hex(b"7f4"), None);
        assert_eq!(hex(b"zz"), None);
        assert_eq!(hex(b""), None);
    }
}
