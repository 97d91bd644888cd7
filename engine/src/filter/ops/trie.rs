//! Whether a text begins with one of many.

/// Beginnings of texts, byte by byte.
#[derive(Debug)]
pub struct Trie {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// What led here is one of the beginnings.
    end: bool,
    /// The next bytes with their nodes; few, but at the root.
    next: Vec<(u8, u32)>,
}

impl Trie {
    /// Of these beginnings.
    pub fn new<T: Iterator<Item = u8>>(texts: impl Iterator<Item = T>) -> Self {
        let mut trie = Self {
            nodes: vec![Node::default()],
        };
        texts.for_each(|text| trie.insert(text));
        trie
    }

    fn insert(&mut self, text: impl Iterator<Item = u8>) {
        let mut at = 0;
        for byte in text {
            let new = self.nodes.len() as u32;
            let next = &mut self.nodes[at].next;
            at = match next.iter().find(|(known, _)| *known == byte) {
                Some((_, node)) => *node as usize,
                None => {
                    next.push((byte, new));
                    self.nodes.push(Node::default());
                    new as usize
                }
            };
        }
        self.nodes[at].end = true;
    }

    /// How many there are.
    pub fn texts(&self) -> usize {
        self.nodes.iter().filter(|node| node.end).count()
    }

    /// Whether the text begins with one of them.
    pub fn begins(&self, mut text: impl Iterator<Item = u8>) -> bool {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            if node.end {
                return true;
            }
            let next = text.next();
            let next = next.and_then(|byte| node.next.iter().find(|(known, _)| *known == byte));
            match next {
                Some((_, next)) => at = *next as usize,
                None => return false,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        let trie = Trie::new(
            ["/etc", "/etc/pam", "/usr/x", "y"]
                .iter()
                .map(|t| t.bytes()),
        );
        for (text, expected) in [
            ("", false),
            ("/et", false),
            ("/etc", true),
            ("/etcetera", true),
            ("/usr/", false),
            ("/usr/xy", true),
            ("y", true),
            ("z", false),
        ] {
            assert_eq!(trie.begins(text.bytes()), expected, "{text}");
        }
        assert!(Trie::new(std::iter::once(b"".iter().copied())).begins(b"".iter().copied()));
        let none: [std::iter::Empty<u8>; 0] = [];
        assert!(!Trie::new(none.into_iter()).begins(b"x".iter().copied()));
    }
}
