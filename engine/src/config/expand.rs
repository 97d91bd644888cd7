//! `${NAME}` in values.

use std::rc::Rc;

use crate::yaml::{Kind, Node};

/// Replaces `${NAME}` in every value by what `lookup` finds, or by nothing;
/// `$${NAME}` stands for `${NAME}` itself.
pub(super) fn expand(node: &mut Rc<Node>, lookup: &dyn Fn(&str) -> Option<String>) {
    match &mut Rc::make_mut(node).kind {
        Kind::Scalar(scalar) => {
            if scalar.text.contains("${") {
                scalar.text = replace(&scalar.text, lookup);
            }
        }
        Kind::Sequence(items) => items.iter_mut().for_each(|item| expand(item, lookup)),
        Kind::Map(pairs) => pairs
            .iter_mut()
            .for_each(|(_, value)| expand(value, lookup)),
    }
}

fn replace(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, name) = (&rest[..start], &rest[start + 2..]);
        let Some(end) = name.find('}') else { break };
        if let Some(before) = before.strip_suffix('$') {
            result += before;
            result += &rest[start..start + 2 + end + 1];
        } else {
            result += before;
            result += &lookup(name[..end].trim()).unwrap_or_default();
        }
        rest = &name[end + 1..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let lookup = |name: &str| (name == "A").then(|| "x${A}".to_owned());
        for (text, expected) in [
            ("${A}", "x${A}"),
            ("a${A}b${A}", "ax${A}bx${A}"),
            ("${B}", ""),
            ("$${A} ${A}", "${A} x${A}"),
            ("${A", "${A"),
            ("$A {A} $", "$A {A} $"),
        ] {
            assert_eq!(replace(text, &lookup), expected, "{text}");
        }
    }
}
