//! The condition language and the table of fields.
//!
//! [`parser`] makes an [`ast`] of a condition's text, [`compile`] checks its
//! types and turns it into a [`predicate`], which is evaluated for each event.

pub mod ast;
pub mod error;
pub mod field;
pub mod parser;
