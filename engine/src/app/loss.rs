//! Lost records: told in the log and as an alert, with number, cause and class.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::warn;

use crate::output::{Alert, FieldValue, Priority};
use crate::source::{Counters, Lost};

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often an alert about losses is made at most; each loss reaches the log.
const ALERT: Duration = Duration::from_secs(30);

/// Compares the source's counters with those of the last look.
pub(super) struct Watch {
    last: Counters,
    looked: Instant,
    alerted: Option<Instant>,
    unreported: u64,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            last: Counters::default(),
            looked: Instant::now(),
            alerted: None,
            unreported: 0,
        }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK
    }

    /// Looks: logs what was lost since the last look, and gives an alert about
    /// it unless there was one a short while ago.
    pub(super) fn look(&mut self, now: Counters, time: u64) -> Option<Alert> {
        self.looked = Instant::now();
        let lost = now.lost() - self.last.lost();
        let records = now.records - self.last.records;
        if lost > 0 {
            let details = details(&self.last.lost, &now.lost);
            warn!("{lost} records lost, {records} received since the last look:{details}");
            self.unreported += lost;
        }
        self.last = now;
        if self.unreported == 0 || self.alerted.is_some_and(|at| at.elapsed() < ALERT) {
            return None;
        }
        self.alerted = Some(Instant::now());
        let unreported = std::mem::take(&mut self.unreported);
        Some(alert(time, unreported, records))
    }
}

fn details(last: &[Lost], now: &[Lost]) -> String {
    let mut text = String::new();
    for lost in now {
        let same = |l: &&Lost| (l.cpu, l.cause, l.class) == (lost.cpu, lost.cause, lost.class);
        let count = lost.count - last.iter().find(same).map_or(0, |l| l.count);
        if count > 0 {
            let cpu = lost
                .cpu
                .map_or_else(|| "?".to_owned(), |cpu| cpu.to_string());
            let _ = write!(
                text,
                " cpu={cpu} cause={} class={} count={count}",
                lost.cause, lost.class
            );
        }
    }
    text
}

fn alert(time: u64, lost: u64, records: u64) -> Alert {
    Alert {
        time,
        priority: Priority::Debug,
        rule: Arc::from("Falco internal: syscall event drop"),
        source: Arc::from("internal"),
        tags: Arc::from([]),
        message: format!("Falco internal: syscall event drop. {lost} records lost"),
        fields: vec![
            (Arc::from("n_drops"), FieldValue::Uint(lost)),
            (Arc::from("n_evts"), FieldValue::Uint(records)),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(records: u64, count: u64) -> Counters {
        Counters {
            records,
            lost: vec![Lost {
                cpu: Some(1),
                cause: "full",
                class: "open",
                count,
            }],
        }
    }

    #[test]
    fn losses_are_told_once_and_summed() {
        let mut watch = Watch::new();
        assert_eq!(watch.look(counters(10, 0), 0), None);
        let first = watch.look(counters(20, 5), 1).unwrap();
        assert!(
            first.message.ends_with("5 records lost"),
            "{}",
            first.message
        );
        // Too soon for another alert, but nothing of it is forgotten.
        assert_eq!(watch.look(counters(30, 7), 2), None);
        watch.alerted = None;
        let second = watch.look(counters(40, 8), 3).unwrap();
        assert!(
            second.message.ends_with("3 records lost"),
            "{}",
            second.message
        );
        assert_eq!(
            details(&counters(0, 5).lost, &counters(0, 8).lost),
            " cpu=1 cause=full class=open count=3"
        );
    }
}
