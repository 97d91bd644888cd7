//! The user-space half: from the records of a source to alerts.
//!
//! The modules stand in the order in which an event meets them: [`source`]
//! delivers records, [`event`] reads them in place, [`state`] keeps processes
//! and users, [`metadata`] knows containers, [`filter`] is the condition
//! language with the table of fields, [`rules`] loads rule files and evaluates
//! them, [`output`] formats alerts and sends them, [`recording`] writes captures.
#![deny(unsafe_code)]

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod diagnostic;
pub mod event;
pub mod filter;
pub mod logging;
pub mod metadata;
pub mod metrics;
pub mod output;
mod paths;
pub mod recording;
pub mod rules;
pub mod source;
pub mod state;
pub mod tls;
pub mod web;
pub mod yaml;
