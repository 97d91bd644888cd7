//! Lost events: every loss is logged with cause and class; a large one leads to
//! the actions of `syscall_event_drops`. Also events that do not come at all.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use falco_abi::event::throttled;
use log::{error, info, warn};

use crate::config::{DropAction, Drops};
use crate::event::Event;
use crate::metrics::losses::{BUFFER_KINDS, by_bug, by_cause, by_fault, no_room};
use crate::output::{Alert, FieldValue};
use crate::source::{Counters, Lost};
use crate::state::State;

/// How often the counters are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Compares the source's counters with those of the last look.
pub(super) struct Watch {
    settings: Drops,
    ebpf: bool,
    bucket: Bucket,
    last: Counters,
    looked: Instant,
    /// Looks that found a loss above the threshold.
    occurrences: u64,
    /// Of these, how often the actions were taken.
    acted: u64,
}

/// What is to be done about a loss.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    /// An alert to send.
    pub(super) alert: Option<Alert>,
    /// The program must end.
    pub(super) exit: bool,
}

/// Permits so many actions per second, and a few at once.
struct Bucket {
    rate: f64,
    most: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    fn new(rate: f64, most: u64) -> Self {
        let most = most as f64;
        Self {
            rate,
            most,
            tokens: most,
            filled: Instant::now(),
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.most);
        self.filled = now;
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}

impl Watch {
    /// `ebpf` is whether events come from eBPF programs.
    pub(super) fn new(settings: &Drops, ebpf: bool) -> Self {
        Self {
            settings: settings.clone(),
            ebpf,
            bucket: Bucket::new(settings.rate, settings.max_burst),
            last: Counters::default(),
            looked: Instant::now(),
            occurrences: 0,
            acted: 0,
        }
    }

    /// Goes on with other settings.
    pub(super) fn configure(&mut self, settings: &Drops) {
        if self.settings != *settings {
            self.settings = settings.clone();
            self.bucket = Bucket::new(settings.rate, settings.max_burst);
        }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self) -> bool {
        self.looked.elapsed() >= LOOK
    }

    /// Looks: logs what was lost since the last look, and says what else is to
    /// be done about it.
    pub(super) fn look(&mut self, now: &Counters, time: u64) -> Verdict {
        self.looked = Instant::now();
        let records = now.records - self.last.records;
        let new = Counters {
            lost: difference(&self.last.lost, &now.lost),
            faults: difference(&self.last.faults, &now.faults),
            ..Counters::default()
        };
        let lost = &new.lost;
        self.last = now.clone();
        let count = new.lost();
        if count > 0 {
            let details = details(lost);
            warn!("{count} records lost, {records} received since the last look:{details}");
        }
        if !new.faults.is_empty() {
            let details = details(&new.faults);
            info!("records lack parameters in memory that could not be read:{details}");
        }
        let all = count + records;
        let share = count as f64 / (all.max(1)) as f64;
        let simulated = self.settings.simulate && records > 0;
        if !simulated && (count == 0 || share <= self.settings.threshold) {
            return Verdict::default();
        }
        self.occurrences += 1;
        if self.settings.actions.is_empty() || !self.bucket.take(self.looked) {
            return Verdict::default();
        }
        self.acted += 1;
        let mut verdict = Verdict::default();
        for action in &self.settings.actions {
            match action {
                DropAction::Log => warn!("{RULE}: {count} of {all} events lost"),
                DropAction::Alert => verdict.alert = Some(alert(time, all, &new, self.ebpf)),
                DropAction::Exit => {
                    error!("{RULE}: {count} of {all} events lost; the configuration says to end");
                    verdict.exit = true;
                }
            }
        }
        verdict
    }

    /// How often something was lost, for the end. `None`: never.
    pub(super) fn summary(&self) -> Option<String> {
        (self.occurrences > 0).then(|| {
            format!(
                "Seconds with more lost events than allowed: {}\nTimes the actions were taken: {}\n",
                self.occurrences, self.acted
            )
        })
    }
}

const RULE: &str = "Falco internal: syscall event drop";

/// What is new, by CPU, cause and class.
fn difference(last: &[Lost], now: &[Lost]) -> Vec<Lost> {
    let mut new = Vec::new();
    for lost in now {
        let same = |l: &&Lost| (l.cpu, l.cause, l.class) == (lost.cpu, lost.cause, lost.class);
        let before = last.iter().find(same).map_or(0, |l| l.count);
        if lost.count > before {
            new.push(Lost {
                count: lost.count - before,
                ..lost.clone()
            });
        }
    }
    new
}

fn details(lost: &[Lost]) -> String {
    let mut text = String::new();
    for lost in lost {
        let cpu = lost
            .cpu
            .map_or_else(|| "?".to_owned(), |cpu| cpu.to_string());
        let _ = write!(
            text,
            " cpu={cpu} cause={} class={} count={}",
            lost.cause, lost.class, lost.count
        );
    }
    text
}

fn alert(time: u64, events: u64, new: &Counters, ebpf: bool) -> Alert {
    let (lost, count) = (&new.lost, new.lost());
    let mut numbers = vec![
        ("n_evts".to_owned(), events),
        ("n_drops".to_owned(), count),
        (
            "n_drops_buffer_total".to_owned(),
            by_cause(lost, "full") + by_cause(lost, "no_ring"),
        ),
    ];
    for (name, classes) in BUFFER_KINDS {
        numbers.push((
            format!("n_drops_buffer_{name}_exit"),
            no_room(lost, classes),
        ));
    }
    numbers.push((
        "n_drops_scratch_map".to_owned(),
        by_cause(lost, "no_memory"),
    ));
    numbers.push(("n_drops_page_faults".to_owned(), by_fault(new)));
    numbers.push(("n_drops_bug".to_owned(), by_bug(lost)));
    numbers.push(("ebpf_enabled".to_owned(), ebpf.into()));
    // Texts, as Falco has them here.
    let fields = numbers.into_iter().map(|(name, number)| {
        let name: Arc<str> = name.into();
        (name, FieldValue::Text(number.to_string()))
    });
    let message = format!("{RULE}. {count} system calls dropped in last second.");
    Alert {
        fields: fields.collect(),
        ..Alert::internal(RULE, crate::output::Priority::Debug, time, message)
    }
}

/// Names the processes and control groups that make more records than they may.
#[derive(Default)]
pub(super) struct Floods {
    told: Option<Instant>,
    untold: u64,
}

impl Floods {
    /// A process or a group is held back for the rest of the second. One line in a second is
    /// enough, however many there are.
    pub(super) fn tell(&mut self, event: &Event<'_>, state: &State) {
        use throttled::Slot;
        if self.told.is_some_and(|told| told.elapsed() < LOOK) {
            self.untold += 1;
            return;
        }
        let pid = event.number(Slot::pid as usize).unwrap_or(0);
        let limit = event.number(Slot::limit as usize).unwrap_or(0);
        let thread = u32::try_from(pid)
            .ok()
            .and_then(|pid| state.threads().get(pid));
        let name = thread.map_or("unknown".into(), |thread| {
            String::from_utf8_lossy(thread.comm())
        });
        let process = format!("process {pid} ({name})");
        let who = match event.number(Slot::group as usize) {
            None | Some(0) => process,
            Some(group) => format!("control group {group}, which {process} is in,"),
        };
        let mut line =
            format!("{who} makes more than {limit} records a second; the others are left out");
        if self.untold > 0 {
            let _ = write!(line, " (so do {} that were not named)", self.untold);
        }
        warn!("{line}");
        self.told = Some(Instant::now());
        self.untold = 0;
    }
}

/// Notices that no event has come for a long time.
pub(super) struct Silence {
    limit: Duration,
    last: Instant,
    last_event: Option<u64>,
    told: bool,
}

impl Silence {
    pub(super) fn new(seconds: u64) -> Self {
        Self {
            limit: Duration::from_secs(seconds),
            last: Instant::now(),
            last_event: None,
            told: false,
        }
    }

    /// Goes on with another limit.
    pub(super) fn configure(&mut self, seconds: u64) {
        self.limit = Duration::from_secs(seconds);
    }

    /// An event has come.
    pub(super) fn broken(&mut self, time: u64) {
        self.last = Instant::now();
        self.last_event = Some(time);
        self.told = false;
    }

    /// An alert, once for each silence.
    pub(super) fn look(&mut self, time: u64) -> Option<Alert> {
        const RULE: &str = "Falco internal: timeouts notification";
        if self.told || self.last.elapsed() < self.limit {
            return None;
        }
        self.told = true;
        let seconds = self.limit.as_secs();
        let last = match self.last_event {
            Some(time) => FieldValue::Text(time.to_string()),
            None => FieldValue::Text("none".to_owned()),
        };
        let message = format!("{RULE}. No event for {seconds} seconds.");
        Some(Alert {
            fields: vec![(Arc::from("last_event_time"), last)],
            ..Alert::internal(RULE, crate::output::Priority::Debug, time, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FAULT;

    fn counters(records: u64, count: u64) -> Counters {
        Counters {
            records,
            lost: vec![Lost {
                cpu: Some(1),
                cause: "full",
                class: "open",
                count,
            }],
            ..Counters::default()
        }
    }

    fn drops(actions: &[DropAction], max_burst: u64) -> Drops {
        Drops {
            threshold: 0.1,
            actions: actions.to_vec(),
            rate: 0.0,
            max_burst,
            simulate: false,
        }
    }

    #[test]
    fn actions_are_taken_above_the_threshold_and_within_the_rate() {
        let mut watch = Watch::new(&drops(&[DropAction::Log, DropAction::Alert], 1), false);
        assert_eq!(watch.look(&counters(10, 0), 0), Verdict::default());
        // One in eleven is less than a tenth.
        assert_eq!(watch.look(&counters(20, 1), 0), Verdict::default());
        let alert = watch.look(&counters(30, 6), 1).alert.unwrap();
        assert_eq!(&*alert.rule, "Falco internal: syscall event drop");
        let field = |name: &str| {
            let found = alert.fields.iter().find(|(known, _)| &**known == name);
            match found {
                Some((_, FieldValue::Text(text))) => text.clone(),
                other => panic!("{name}: {other:?}"),
            }
        };
        assert_eq!(field("n_evts"), "15");
        assert_eq!(field("n_drops"), "5");
        assert_eq!(field("n_drops_buffer_total"), "5");
        assert_eq!(field("n_drops_buffer_open_exit"), "5");
        assert_eq!(field("n_drops_buffer_proc_exit"), "0");
        // No token is left, but it is counted.
        assert_eq!(watch.look(&counters(40, 20), 2), Verdict::default());
        assert_eq!(
            watch.summary().unwrap(),
            "Seconds with more lost events than allowed: 2\nTimes the actions were taken: 1\n"
        );
    }

    #[test]
    fn tokens_come_back() {
        let mut bucket = Bucket::new(0.5, 2);
        let start = bucket.filled;
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(bucket.take(start) && bucket.take(start) && !bucket.take(start));
        assert!(!bucket.take(after(1)) && bucket.take(after(2)) && !bucket.take(after(3)));
        // Never more than the most.
        assert!(bucket.take(after(100)) && bucket.take(after(100)) && !bucket.take(after(100)));
    }

    #[test]
    fn exit_and_simulation() {
        let mut watch = Watch::new(&drops(&[DropAction::Exit], 5), false);
        assert!(!watch.look(&counters(10, 0), 0).exit);
        assert!(watch.look(&counters(10, 5), 0).exit);
        let mut settings = drops(&[DropAction::Alert], 5);
        settings.simulate = true;
        watch.configure(&settings);
        assert!(watch.look(&counters(20, 5), 0).alert.is_some());
        let mut ignored = Watch::new(&drops(&[], 5), false);
        assert_eq!(ignored.look(&counters(0, 5), 0), Verdict::default());
        assert!(Watch::new(&drops(&[], 5), false).summary().is_none());
    }

    #[test]
    fn a_burst_is_as_long_as_the_key_says() {
        let text = "syscall_event_drops: {max_burst: 3, rate: 0, simulate_drops: true}";
        let drops = crate::config::from_text("f", text, &[])
            .unwrap()
            .config
            .drops;
        let mut watch = Watch::new(&drops, false);
        let alerts = (0..10).filter(|&n| watch.look(&counters(n, 0), n).alert.is_some());
        assert_eq!(alerts.count(), 3);
    }

    #[test]
    fn what_was_lost_is_told_in_detail() {
        let new = difference(&counters(0, 5).lost, &counters(0, 8).lost);
        assert_eq!(details(&new), " cpu=1 cause=full class=open count=3");
        assert!(difference(&counters(0, 5).lost, &counters(0, 5).lost).is_empty());
    }

    #[test]
    fn what_lacks_a_parameter_is_counted_and_not_lost() {
        let mut watch = Watch::new(&drops(&[DropAction::Alert], 1), false);
        let mut now = counters(10, 0);
        now.lost.clear();
        now.faults.push(Lost {
            cpu: Some(0),
            cause: FAULT,
            class: "open",
            count: 7,
        });
        // Nothing is lost, so there is nothing to do.
        assert_eq!(watch.look(&now, 0), Verdict::default());
        now.faults[0].count = 9;
        now.lost = counters(0, 90).lost;
        let alert = watch.look(&now, 0).alert.unwrap();
        let shown = format!("{:?}", alert.fields);
        assert!(shown.contains(r#"("n_drops", Text("90"))"#), "{shown}");
        assert!(
            shown.contains(r#"("n_drops_page_faults", Text("2"))"#),
            "{shown}"
        );
    }

    #[test]
    fn silence_is_told_once() {
        let mut silence = Silence::new(0);
        let alert = silence.look(7).unwrap();
        assert_eq!(&*alert.fields[0].0, "last_event_time");
        assert_eq!(alert.fields[0].1, FieldValue::Text("none".into()));
        assert_eq!(silence.look(8), None);
        silence.broken(9);
        let alert = silence.look(10).unwrap();
        assert_eq!(alert.fields[0].1, FieldValue::Text("9".into()));
        silence.broken(11);
        silence.configure(1000);
        assert_eq!(silence.look(12), None);
    }
}
