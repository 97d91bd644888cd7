//! Which rules the configuration turns on and off.

use crate::filter::ops::glob;

use super::model::Rule;

/// One entry of `rules` in the configuration; they apply in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Turns on or off.
    pub enable: bool,
    /// Which rules.
    pub selector: Selector,
}

/// Some rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By name; `*` is any text.
    Rule(String),
    /// By tag.
    Tag(String),
}

impl Selector {
    fn covers(&self, rule: &Rule) -> bool {
        match self {
            Self::Tag(tag) => rule.tags.contains(tag),
            Self::Rule(pattern) => wildcard(pattern, &rule.name),
        }
    }
}

/// Whether a rule is in use.
pub fn is_enabled(rule: &Rule, selections: &[Selection]) -> bool {
    let mut covering = selections.iter().rev().filter(|s| s.selector.covers(rule));
    covering.next().map_or(rule.enabled, |last| last.enable)
}

/// Whether the text matches, `*` being the only special character.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut escaped = Vec::with_capacity(pattern.len());
    for byte in pattern.bytes() {
        if matches!(byte, b'?' | b'[' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    glob::matches(&escaped, text.as_bytes(), false)
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn only_the_star_is_special() {
        assert!(wildcard("*", "Any rule"));
        assert!(wildcard("Run * (x)", "Run shell (x)"));
        assert!(wildcard("[a]?", "[a]?"));
        assert!(!wildcard("[a]?", "ab"));
        assert!(!wildcard("Run", "Run shell"));
    }
}
