//! Processes, threads, users: what events alone do not tell.

/// One thread.
#[derive(Clone, Debug, Default)]
pub struct Thread {}

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {}
