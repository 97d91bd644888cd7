//! The condition language and the table of fields.

pub mod field;
pub mod fields;
