//! Our causes and classes of lost events in Falco's terms.

use crate::source::{Counters, FAULT, Lost};

/// Falco's names of the kinds of events that found no room, with our classes.
pub const BUFFER_KINDS: [(&str, &[&str]); 8] = [
    ("clone_fork", &["fork"]),
    ("execve", &["exec"]),
    ("connect", &["connect"]),
    ("open", &["open"]),
    ("dir_file", &["file"]),
    ("other_interest", &["net", "other", "any"]),
    ("close", &[]),
    ("proc", &["exit", "credentials"]),
];

/// How many records found no room in a ring, of some classes.
pub fn no_room(lost: &[Lost], classes: &[&str]) -> u64 {
    let full = lost
        .iter()
        .filter(|l| matches!(l.cause, "full" | "no_ring"));
    full.filter(|l| classes.contains(&l.class))
        .map(|l| l.count)
        .sum()
}

/// How many were lost, or lack a parameter, since a program's memory could not be read.
pub fn by_fault(counters: &Counters) -> u64 {
    by_cause(&counters.lost, FAULT) + by_cause(&counters.faults, FAULT)
}

/// How many were lost since the kernel half or its reader does not do as it should.
pub fn by_bug(lost: &[Lost]) -> u64 {
    by_cause(lost, "nested") + by_cause(lost, "invalid")
}

/// How many were lost for a reason of ours.
pub fn by_cause(lost: &[Lost], cause: &str) -> u64 {
    let same = lost.iter().filter(|l| l.cause == cause);
    same.map(|l| l.count).sum()
}
