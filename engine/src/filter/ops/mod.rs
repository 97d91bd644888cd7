//! What operators do with bytes, addresses and paths.

pub mod getopt;
pub mod glob;
pub mod net;
pub mod path;
pub mod regex;
pub mod search;
pub mod trie;
