//! Short options of a command line, as `getopt(3)` understands them.

/// One option that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a> {
    /// Its letter, `?` if the specification does not have it.
    pub letter: &'a [u8],
    /// Its value if it takes one; empty if that is missing.
    pub value: Option<&'a [u8]>,
}

/// Calls back with each option of the words. In the specification `a` is an
/// option, `b:` one with a value. Long options are skipped; `--` and the first
/// word that is no option end the search.
pub fn options<'a>(
    words: impl IntoIterator<Item = &'a [u8]>,
    specification: &[u8],
    mut found: impl FnMut(Opt<'a>),
) {
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(mut letters) = word.strip_prefix(b"-") else {
            return;
        };
        match letters {
            b"" | b"-" => return,
            [b'-', ..] => continue,
            _ => {}
        }
        while let Some((letter, rest)) = letters.split_at_checked(1).filter(|(l, _)| !l.is_empty())
        {
            letters = rest;
            let value = match takes_value(specification, letter) {
                None => {
                    found(Opt {
                        letter: b"?",
                        value: None,
                    });
                    continue;
                }
                Some(false) => None,
                Some(true) if rest.is_empty() => Some(words.next().unwrap_or_default()),
                Some(true) => {
                    letters = &[];
                    Some(rest)
                }
            };
            found(Opt { letter, value });
        }
    }
}

/// Whether the option takes a value; `None` when there is no such option.
fn takes_value(specification: &[u8], letter: &[u8]) -> Option<bool> {
    let &letter = letter.first().filter(|&&letter| letter != b':')?;
    let at = memchr::memchr(letter, specification)?;
    Some(specification.get(at + 1) == Some(&b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str], specification: &str) -> String {
        let mut all = Vec::new();
        let words = words.iter().map(|word| word.as_bytes());
        options(words, specification.as_bytes(), |option| {
            let letter = String::from_utf8_lossy(option.letter);
            let value = option.value.map(String::from_utf8_lossy);
            all.push(value.map_or(letter.to_string(), |value| format!("{letter}={value}")));
        });
        all.join(" ")
    }

    #[test]
    fn short_options() {
        assert_eq!(found(&["-la", "-o", "x", "-oy"], "lao:"), "l a o=x o=y");
        assert_eq!(found(&["-x", "--long", "-l"], "l"), "? l");
        assert_eq!(found(&["-l", "--", "-a"], "la"), "l");
        assert_eq!(found(&["-l", "word", "-a"], "la"), "l");
        assert_eq!(found(&["-o"], "o:"), "o=");
        assert_eq!(found(&["-:"], "o:"), "?");
        assert_eq!(found(&["-"], "l"), "");
        assert_eq!(found(&[], "l"), "");
    }
}
