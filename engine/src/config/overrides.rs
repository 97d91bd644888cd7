//! `-o key=value`: changes to the tree before it is read.

use std::rc::Rc;

use super::diagnostic::Invalid;
use super::document;
use crate::diagnostic::{Origin, Place, Source, Span};
use crate::yaml::{Kind, Node};

/// One step from a node to a node inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Into a map.
    Name(String),
    /// Into a list.
    Index(usize),
    /// To a new item at the end of a list.
    Append,
}

/// Applies one `key=value` to the document, and adds it to `sources`.
pub(super) fn apply(
    root: &mut Rc<Node>,
    option: &str,
    sources: &mut Vec<Source>,
) -> Result<(), Invalid> {
    let name = format!("-o {option}");
    let fail = |reason: String| Invalid::error(Origin::whole(&name), reason);
    let (path, value) = split(option).ok_or_else(|| fail("must be key=value".into()))?;
    let steps = steps(path).map_err(fail)?;
    let source = Source::option(&name, value);
    let value = value_of(&source, sources.len())?;
    sources.push(source);
    set(root, &steps, value).map_err(fail)
}

/// Whether an option is about this key of the first level.
pub(super) fn names(option: &str, key: &str) -> bool {
    split(option)
        .and_then(|(path, _)| steps(path).ok())
        .is_some_and(|steps| matches!(steps.first(), Some(Step::Name(name)) if name == key))
}

/// At the first `=`, which no key contains.
fn split(text: &str) -> Option<(&str, &str)> {
    let (path, value) = text.split_once('=')?;
    Some((path.trim(), value.trim()))
}

fn value_of(source: &Source, file: usize) -> Result<Rc<Node>, Invalid> {
    if source.text.starts_with(['{', '[', '"', '\'']) {
        return document::parse(source, file);
    }
    // Conditions and output texts contain what YAML gives a meaning to.
    let span = Span::new(0, source.text.len());
    Ok(Rc::new(Node::plain(&source.text, Place { file, span })))
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut name = String::new();
    let mut rest = path.chars();
    // After `]` a dot only parts it from the next name.
    let mut after_bracket = false;
    while let Some(next) = rest.next() {
        match next {
            '\\' => match rest.next() {
                Some(escaped @ ('.' | '[' | ']' | '\\')) => name.push(escaped),
                _ => return Err("`\\` must stand before `.`, `[`, `]` or `\\`".into()),
            },
            '.' | '[' => {
                if !name.is_empty() {
                    steps.push(Step::Name(std::mem::take(&mut name)));
                } else if !(after_bracket || next == '[' && !steps.is_empty()) {
                    return Err(format!("no name before `{next}`"));
                }
                after_bracket = false;
                if next == '[' {
                    let inside: String = rest.by_ref().take_while(|char| *char != ']').collect();
                    steps.push(match inside.trim() {
                        "" => Step::Append,
                        index => Step::Index(
                            index
                                .parse()
                                .map_err(|_| format!("`{index}` is not an index"))?,
                        ),
                    });
                    after_bracket = true;
                }
            }
            ']' => return Err("`]` without `[`".into()),
            other => {
                name.push(other);
                after_bracket = false;
            }
        }
    }
    if !name.is_empty() {
        steps.push(Step::Name(name));
    } else if !after_bracket {
        return Err("no name at the end of the key".into());
    }
    Ok(steps)
}

fn set(node: &mut Rc<Node>, steps: &[Step], value: Rc<Node>) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    let place = value.place;
    let null = || Rc::new(Node::plain("", place));
    let node = Rc::make_mut(node);
    if node.is_null() {
        node.kind = match step {
            Step::Name(_) => Kind::Map(Vec::new()),
            Step::Index(_) | Step::Append => Kind::Sequence(Vec::new()),
        };
    }
    let next = match (step, &mut node.kind) {
        (Step::Name(name), Kind::Map(pairs)) => {
            let index = pairs.iter().position(|(key, _)| key.text() == Some(name));
            let index = index.unwrap_or_else(|| {
                pairs.push((Rc::new(Node::plain(name, place)), null()));
                pairs.len() - 1
            });
            &mut pairs[index].1
        }
        (Step::Append, Kind::Sequence(items)) => items.push_mut(null()),
        (Step::Index(index), Kind::Sequence(items)) => {
            let length = items.len();
            if *index == length {
                items.push(null());
            }
            let item = items.get_mut(*index);
            item.ok_or_else(|| format!("the list has only {length} items"))?
        }
        (Step::Name(name), _) => {
            return Err(format!("`{name}` would be inside `{node}`, not a map"));
        }
        (_, _) => return Err(format!("`{node}` is not a list")),
    };
    set(next, rest, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, option: &str) -> String {
        let mut sources = vec![Source::new("f", document)];
        let mut root = document::parse(&sources[0], 0).unwrap();
        match apply(&mut root, option, &mut sources) {
            Ok(()) => root.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn values() {
        assert_eq!(check("", "a=1"), "{a: 1}");
        assert_eq!(check("a: 1", "a = 2"), "{a: 2}");
        assert_eq!(check("a: {b: 1}", "a.c=x=y"), "{a: {b: 1, c: x=y}}");
        assert_eq!(check("a: [1, 2]", "a[1]=3"), "{a: [1, 3]}");
        assert_eq!(check("a: [1, 2]", "a[]=3"), "{a: [1, 2, 3]}");
        assert_eq!(check("", "a[0].b={c: 1}"), "{a: [{b: {c: 1}}]}");
        assert_eq!(check("", r"a\.b\[=[1, 'x']"), "{a.b[: [1, x]}");
        assert_eq!(check("", "a=%fd.name: *"), "{a: %fd.name: *}");
        assert_eq!(check("a: 1", "a="), "{a: }");
    }

    #[test]
    fn refused() {
        assert_eq!(check("", "a"), "-o a: error: must be key=value");
        assert_eq!(
            check("", "=1"),
            "-o =1: error: no name at the end of the key"
        );
        assert_eq!(
            check("", "a.=1"),
            "-o a.=1: error: no name at the end of the key"
        );
        assert_eq!(check("", "a..b=1"), "-o a..b=1: error: no name before `.`");
        assert_eq!(check("", "a[x]=1"), "-o a[x]=1: error: `x` is not an index");
        assert_eq!(
            check("a: [1]", "a[7]=1"),
            "-o a[7]=1: error: the list has only 1 items"
        );
        assert_eq!(
            check("a: 1", "a.b=1"),
            "-o a.b=1: error: `b` would be inside `1`, not a map"
        );
        assert_eq!(check("a: 1", "a[]=1"), "-o a[]=1: error: `1` is not a list");
        assert!(check("", "a={").starts_with("-o a={: error: not valid YAML"));
    }
}
