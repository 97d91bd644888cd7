//! The condition language and the table of fields.
//!
//! [`parser`] makes an [`ast`] of a condition's text. [`compile`] looks names
//! up, checks types and makes a [`predicate`] of it, which is evaluated for
//! each event, and the set of [`events`] under which it can hold. Texts with
//! fields in them are [`template`]s.

mod arguments;
pub mod ast;
pub mod compile;
pub mod condition;
pub mod constant;
pub mod error;
pub mod events;
pub mod field;
pub mod fields;
pub mod hosts;
pub mod matcher;
pub mod operand;
pub mod ops;
pub mod parser;
pub mod plan;
pub mod predicate;
pub mod render;
pub mod table;
pub mod template;
pub mod test;
pub mod text;
pub mod weight;
