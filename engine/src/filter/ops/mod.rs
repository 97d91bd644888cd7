//! What operators do with bytes, addresses and paths.

pub mod glob;
pub mod net;
pub mod path;
pub mod search;
