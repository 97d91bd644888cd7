//! `pmatch`: whether a path lies under one of many, in one walk down a trie.

use rustc_hash::FxHashMap;

use super::glob;

/// Most components of a path in the trie.
pub const MAX_COMPONENTS: usize = 128;

/// Paths, shared component by component.
#[derive(Debug, Default)]
pub struct PathTrie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// A path of the list ends here.
    end: bool,
    literal: FxHashMap<Box<[u8]>, usize>,
    patterns: Vec<(Box<[u8]>, usize)>,
}

/// A leading `/` is a component of its own, so that `etc` is not `/etc`.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let root = path.starts_with(b"/").then_some(&b"/"[..]);
    let parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty());
    root.into_iter().chain(parts)
}

impl PathTrie {
    /// How many paths it has.
    pub fn paths(&self) -> usize {
        self.nodes.iter().filter(|node| node.end).count()
    }

    /// A trie without paths, which matches nothing.
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
        }
    }

    /// Adds a path; components may be patterns. `false` when it has too many.
    pub fn insert(&mut self, path: &[u8]) -> bool {
        if components(path).count() > MAX_COMPONENTS {
            return false;
        }
        let mut at = 0;
        for component in components(path) {
            at = self.child(at, component);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.end = true;
        }
        true
    }

    fn child(&mut self, at: usize, component: &[u8]) -> usize {
        let new = self.nodes.len();
        let node = &mut self.nodes[at];
        let child = if glob::is_pattern(component) {
            let known = node.patterns.iter().find(|(p, _)| **p == *component);
            match known {
                Some((_, child)) => *child,
                None => {
                    node.patterns.push((component.into(), new));
                    new
                }
            }
        } else {
            *node.literal.entry(component.into()).or_insert(new)
        };
        if child == new {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Whether the path is one of the trie's or lies under one.
    pub fn covers(&self, path: &[u8]) -> bool {
        self.walk(0, components(path))
    }

    /// Each node is met at one depth only, so the walk is linear in the trie.
    fn walk<'p>(&self, at: usize, mut rest: impl Iterator<Item = &'p [u8]> + Clone) -> bool {
        let Some(node) = self.nodes.get(at) else {
            return false;
        };
        if node.end {
            return true;
        }
        let Some(component) = rest.next() else {
            return false;
        };
        let literal = node.literal.get(component);
        literal.is_some_and(|&child| self.walk(child, rest.clone()))
            || node.patterns.iter().any(|(pattern, child)| {
                glob::matches(pattern, component, false) && self.walk(*child, rest.clone())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes() {
        let mut trie = PathTrie::new();
        for path in ["/etc", "/usr/*/bin", "/var/log/a?", "opt//x/"] {
            assert!(trie.insert(path.as_bytes()));
        }
        for (path, expected) in [
            ("/etc", true),
            ("/etc/passwd", true),
            ("/etcetera", false),
            ("etc/passwd", false),
            ("/usr/local/bin/x", true),
            ("/usr/bin", false),
            ("/usr/a/b/bin", false),
            ("/var/log/ab", true),
            ("/var/log/abc", false),
            ("opt/x/y", true),
            ("/", false),
            ("", false),
        ] {
            assert_eq!(trie.covers(path.as_bytes()), expected, "{path}");
        }
        assert!(!PathTrie::new().covers(b"/etc"));
        assert!(!trie.insert(&b"/a".repeat(MAX_COMPONENTS)));
    }

    #[test]
    fn the_root_covers_every_absolute_path() {
        let mut trie = PathTrie::new();
        trie.insert(b"/");
        assert!(trie.covers(b"/etc/passwd"));
        assert!(!trie.covers(b"etc"));
    }
}
