//! A file or a value of the configuration as one YAML document.

use std::collections::HashMap;
use std::rc::Rc;

use super::diagnostic::Invalid;
use crate::diagnostic::{Place, Source, Span};
use crate::yaml::{self, Kind, Node};

/// Most values of a document, with aliases followed.
const MAX_NODES: usize = 100_000;

/// Reads the only document of a file, whose number is `file`. All its keys are
/// scalars and stand once in their map.
pub(super) fn parse(source: &Source, file: usize) -> Result<Rc<Node>, Invalid> {
    let error = |place: Place, message: String| Invalid::error(source.origin(place.span), message);
    let documents = yaml::parse(source, file, MAX_NODES);
    let mut documents = documents
        .map_err(|wrong| {
            let reason = if wrong.syntax { "not valid YAML: " } else { "" };
            error(wrong.place, format!("{reason}{}", wrong.message))
        })?
        .into_iter();
    let root = documents.next().unwrap_or_else(|| {
        let span = Span::default();
        Rc::new(Node::plain("", Place { file, span }))
    });
    if let Some(second) = documents.next() {
        let message = "a second YAML document is not allowed here";
        return Err(error(second.place, message.to_owned()));
    }
    check_keys(&root, source)?;
    Ok(root)
}

fn check_keys(node: &Node, source: &Source) -> Result<(), Invalid> {
    let pairs = match &node.kind {
        Kind::Scalar(_) => return Ok(()),
        Kind::Sequence(items) => {
            return items.iter().try_for_each(|item| check_keys(item, source));
        }
        Kind::Map(pairs) => pairs,
    };
    // Finds a repeated key without comparing it to all the others.
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for (key, value) in pairs {
        let error = |message: &str| Err(Invalid::error(source.origin(key.place.span), message));
        let Some(name) = key.text() else {
            return error("a key must be a single value");
        };
        let (line, _) = source.position(key.place.span.start);
        if let Some(line) = lines.insert(name, line) {
            return error(&format!("key `{name}` was already given in line {line}"));
        }
        check_keys(value, source)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(&Source::new("f", text), 0) {
            Ok(node) => node.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values() {
        assert_eq!(
            read("a: 1\nb: [x, 'y z']\nc: {d: ~}\n"),
            "{a: 1, b: [x, y z], c: {d: ~}}"
        );
        assert_eq!(read(""), "");
        assert_eq!(read("# nothing\n"), "");
        assert_eq!(read("\u{feff}a: 1"), "{a: 1}");
        assert_eq!(read("a: &x [1]\nb: *x\n"), "{a: [1], b: [1]}");
    }

    #[test]
    fn refused() {
        assert_eq!(
            read("a: 1\na: 2"),
            "f:2:1: error: key `a` was already given in line 1\n   |\n 2 | a: 2\n   | ^"
        );
        assert_eq!(
            read("a: 1\n---\nb: 1"),
            "f:3:1: error: a second YAML document is not allowed here\n   |\n 3 | b: 1\n   | ^^^^"
        );
        assert_eq!(
            read("[a]: 1"),
            "f:1:1: error: a key must be a single value\n   |\n 1 | [a]: 1\n   | ^^^"
        );
        assert!(read("a: [1").starts_with("f:"));
        assert!(read("a: *x").contains("error"));
        assert!(read("a: &x [*x]").contains("error"));
    }

    #[test]
    fn limits() {
        assert!(read(&"[".repeat(100_000)).contains("error"));
        assert!(read(&"- ".repeat(10_000)).contains("nested more than"));
        let mut bomb = "a0: &a0 [1]\n".to_owned();
        for n in 1..40 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1);
        }
        assert!(read(&bomb).contains("more than 100000 values"));
    }

    #[test]
    fn hostile_text_never_panics() {
        let seeds = [
            "a: [1, {b: c}]\n",
            "- &x |\n  t\n- *x\n",
            "\"\\u12\": '",
            "? a\n: b\n--- !t\n",
        ];
        for seed in seeds {
            for cut in 0..=seed.len() {
                for noise in [
                    "", "\t", "\0", "%", "[", "}", ":", "\u{85}", "- - -", "&", "*", "!",
                ] {
                    if let (Some(head), Some(tail)) = (seed.get(..cut), seed.get(cut..)) {
                        let _ = read(&format!("{head}{noise}{tail}"));
                    }
                }
            }
        }
    }
}
