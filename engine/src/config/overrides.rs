//! `-o key=value`: changes to the tree before it is read.

use std::sync::Arc;

use super::diagnostic::{Diagnostic, Location};
use super::tree::{self, Key, Node, Value};

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

/// Applies one `key=value` to the document.
pub(super) fn apply(root: &mut Node, text: &str) -> Result<(), Diagnostic> {
    let at = Location {
        file: format!("-o {text}").into(),
        line: 0,
        column: 0,
    };
    let fail = |reason: String| Diagnostic::error(&at, reason);
    let (path, value) = split(text).ok_or_else(|| fail("must be key=value".into()))?;
    let steps = steps(path).map_err(fail)?;
    set(root, &steps, value_of(value, &at)?, &at).map_err(fail)
}

/// At the first `=`, which no key contains.
fn split(text: &str) -> Option<(&str, &str)> {
    let (path, value) = text.split_once('=')?;
    Some((path.trim(), value.trim()))
}

fn value_of(text: &str, at: &Location) -> Result<Node, Diagnostic> {
    if text.starts_with(['{', '[', '"', '\'']) {
        let file: Arc<str> = at.file.clone();
        let mut node = tree::parse(&file, text).map_err(|error| Diagnostic {
            at: at.clone(),
            ..error
        })?;
        move_to(&mut node, at);
        return Ok(node);
    }
    // Conditions and output texts contain what YAML gives a meaning to.
    let value = Value::Scalar {
        text: text.to_owned(),
        plain: true,
    };
    Ok(Node {
        at: at.clone(),
        value,
    })
}

/// Lines and columns inside an option help nobody.
fn move_to(node: &mut Node, at: &Location) {
    node.at = at.clone();
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::List(items) => items.iter_mut().for_each(|item| move_to(item, at)),
        Value::Map(entries) => {
            for (key, value) in entries {
                key.at = at.clone();
                move_to(value, at);
            }
        }
    }
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

fn set(node: &mut Node, steps: &[Step], value: Node, at: &Location) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    if node.is_null() {
        node.value = match step {
            Step::Name(_) => Value::Map(Vec::new()),
            Step::Index(_) | Step::Append => Value::List(Vec::new()),
        };
    }
    let next = match (step, &mut node.value) {
        (Step::Name(name), Value::Map(entries)) => {
            let index = match entries.iter().position(|(key, _)| key.name == *name) {
                Some(index) => index,
                None => {
                    entries.push((
                        Key {
                            name: name.clone(),
                            at: at.clone(),
                        },
                        Node::null(at.clone()),
                    ));
                    entries.len() - 1
                }
            };
            entries.get_mut(index).map(|(_, next)| next)
        }
        (Step::Append, Value::List(items)) => {
            items.push(Node::null(at.clone()));
            items.last_mut()
        }
        (Step::Index(index), Value::List(items)) => {
            let length = items.len();
            if *index == length {
                items.push(Node::null(at.clone()));
            }
            match items.get_mut(*index) {
                Some(next) => Some(next),
                None => return Err(format!("the list has only {length} items")),
            }
        }
        (Step::Name(name), _) => {
            return Err(format!("`{name}` would be inside `{node}`, not a map"));
        }
        (_, _) => return Err(format!("`{node}` is not a list")),
    };
    match next {
        Some(next) => set(next, rest, value, at),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, option: &str) -> String {
        let mut root = tree::parse(&Arc::from("f"), document).unwrap();
        match apply(&mut root, option) {
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
