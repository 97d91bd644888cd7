//! What was alerted between start and end.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::{Alert, Priority};

/// Counts of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    priorities: [u64; Priority::ALL.len()],
    rules: BTreeMap<Arc<str>, u64>,
}

impl Statistics {
    /// Counts an alert.
    pub fn record(&mut self, alert: &Alert) {
        self.priorities[alert.priority as usize] += 1;
        *self.rules.entry(alert.rule.clone()).or_default() += 1;
    }

    /// Alerts of each rule that has made some.
    pub fn rules(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().map(|(rule, count)| (&**rule, *count))
    }

    /// Alerts of each priority, the most severe first.
    pub fn priorities(&self) -> impl Iterator<Item = (Priority, u64)> {
        Priority::ALL.into_iter().zip(self.priorities)
    }

    /// All alerts.
    pub fn total(&self) -> u64 {
        self.priorities.iter().sum()
    }

    /// Writes the summary that stands at the end of a run.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "Events detected: {}", self.total())?;
        writeln!(out, "Rule counts by severity:")?;
        for priority in Priority::ALL {
            let count = self.priorities[priority as usize];
            if count > 0 {
                let name = match priority {
                    Priority::Informational => "INFO".into(),
                    other => other.name().to_ascii_uppercase(),
                };
                writeln!(out, "   {name}: {count}")?;
            }
        }
        writeln!(out, "Triggered rules by rule name:")?;
        for (rule, count) in &self.rules {
            writeln!(out, "   {rule}: {count}")?;
        }
        Ok(())
    }
}
