//! Numbers about the program itself: what the loop publishes once a second, and
//! what others make of it.
//!
//! The loop counts and hands over a [`Sample`]; everything that takes time
//! (reading `/proc`, formatting) happens on the thread of whoever asks.

pub mod cost;
pub mod losses;
pub mod process;
pub mod prometheus;
pub mod snapshot;
pub mod table;
pub mod tally;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock;
use crate::config::{self, Config};
use crate::metadata::LookupCounts;
use crate::output::format::hostname;
use crate::output::{Monitor, Recent, Statistics, Status};
use crate::rules::Ruleset;
use crate::source::Counters;
use crate::state::{self, State, files::Turnover};
use cost::Costs;
use tally::Tally;

/// Seconds of which the history is kept.
const HISTORY: usize = 300;

/// What the loop publishes.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// Nanoseconds since the epoch.
    pub time: u64,
    /// Events that were looked at.
    pub events: u64,
    /// What the source wrote and lost.
    pub counters: Counters,
    /// What is in the tables.
    pub state: StateCounts,
    /// Alerts.
    pub statistics: Statistics,
    /// Events by their types.
    pub tally: Tally,
    /// What rules cost.
    pub costs: Costs,
}

/// What is in the tables of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Threads that live.
    pub threads: u64,
    /// Containers that are known.
    pub containers: u64,
    /// Threads for which there was no room.
    pub refused: u64,
    /// Threads that came and went.
    pub thread_turnover: Turnover,
    /// Descriptors that are open.
    pub descriptors: u64,
    /// Descriptors that were opened and closed.
    pub descriptor_turnover: Turnover,
    /// What the state had to do.
    pub done: state::Counters,
    /// Questions to container runtimes.
    pub lookups: LookupCounts,
    /// Events that waited for a runtime's answer.
    pub held: HeldCounts,
}

impl StateCounts {
    /// The numbers of a state. Those of events that wait for a runtime are not its.
    pub fn of(state: &State, held: HeldCounts) -> Self {
        let (threads, files) = (state.threads(), state.threads().all_files());
        Self {
            threads: threads.len() as u64,
            containers: state.containers().len() as u64,
            refused: threads.refused(),
            thread_turnover: threads.turnover(),
            descriptors: files.open(),
            descriptor_turnover: files.turnover(),
            done: state.counters(),
            lookups: state.containers().lookups(),
            held,
        }
    }

    /// What asking container runtimes came to: of what, its outcome, how often.
    pub fn of_containers(&self) -> [(&'static str, &'static str, u64); 6] {
        let (lookups, held) = (&self.lookups, &self.held);
        [
            ("lookups", "asked", lookups.asked),
            ("lookups", "answered", lookups.answered),
            ("lookups", "refused", lookups.refused),
            ("events", "held", held.held),
            ("events", "late", held.late),
            ("events", "refused", held.refused),
        ]
    }
}

/// Events that waited for what a runtime knows of their container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldCounts {
    /// Those that waited.
    pub held: u64,
    /// Of those, the ones whose answer did not come in time.
    pub late: u64,
    /// Those for which there was no room.
    pub refused: u64,
}

/// One second of the history.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Second {
    /// Seconds since the epoch.
    pub time: u64,
    /// Events.
    pub events: u64,
    /// Alerts.
    pub alerts: u64,
    /// Lost events.
    pub lost: u64,
}

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Identity {
    /// When it started.
    pub start: u64,
    /// When the machine started.
    pub boot: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The machine's name.
    pub hostname: String,
    /// The source of events.
    pub engine: &'static str,
    /// Processors.
    pub cpus: u64,
}

impl Identity {
    /// What this machine is; `engine` names the source of events.
    pub fn new(engine: &'static str) -> Self {
        let kernel = nix::sys::utsname::uname()
            .map(|name| name.release().to_string_lossy().into_owned())
            .unwrap_or_default();
        Self {
            start: clock::now(),
            boot: process::boot_time(),
            kernel,
            hostname: hostname(),
            engine,
            cpus: process::cpus(),
        }
    }
}

/// What changes when the configuration is loaded again.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// When.
    pub time: u64,
    /// What is to be shown.
    pub settings: config::Metrics,
    /// Rules by name.
    pub rules: BTreeMap<Arc<str>, Rule>,
    /// Files of rules with their SHA-256 sums.
    pub rules_files: Vec<(String, String)>,
    /// Files of the configuration with theirs.
    pub config_files: Vec<(String, String)>,
}

/// What is shown of a rule beside its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its priority, as a number.
    pub priority: u8,
    /// Its source.
    pub source: Arc<str>,
    /// Its tags.
    pub tags: Arc<[String]>,
}

impl Loaded {
    /// What these rules and this configuration are.
    pub fn new(config: &Config, ruleset: &Ruleset, rules_files: &[PathBuf]) -> Self {
        let rules = ruleset.rules().map(|rule| {
            let shown = Rule {
                priority: rule.priority as u8,
                source: Arc::clone(&rule.source),
                tags: Arc::clone(&rule.tags),
            };
            (Arc::clone(&rule.name), shown)
        });
        Self {
            time: clock::now(),
            settings: config.metrics.clone(),
            rules: rules.collect(),
            rules_files: sums(rules_files),
            config_files: sums(&config.files),
        }
    }
}

/// Names of files, without their directories, and their SHA-256 sums.
fn sums(files: &[PathBuf]) -> Vec<(String, String)> {
    let sum = |path: &PathBuf| {
        let bytes = fs::read(path).ok()?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some((name, hex))
    };
    files.iter().filter_map(sum).collect()
}

/// Where the loop puts its numbers and others find them.
pub struct Board {
    /// What does not change.
    pub identity: Identity,
    outputs: Monitor,
    recent: Arc<Recent>,
    sample: Mutex<Arc<Sample>>,
    loaded: Mutex<Arc<Loaded>>,
    history: Mutex<VecDeque<Second>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// A board on which nothing is yet.
    pub fn new(identity: Identity, loaded: Loaded, outputs: Monitor, recent: Arc<Recent>) -> Self {
        Self {
            identity,
            outputs,
            recent,
            sample: Mutex::default(),
            loaded: Mutex::new(Arc::new(loaded)),
            history: Mutex::default(),
        }
    }

    /// Puts up what the loop has counted.
    pub fn publish(&self, sample: Sample) {
        let last = self.sample();
        if last.time > 0 {
            let mut history = lock(&self.history);
            if history.len() == HISTORY {
                history.pop_front();
            }
            history.push_back(Second {
                time: sample.time / clock::SECOND,
                events: sample.events.saturating_sub(last.events),
                alerts: sample.statistics.total() - last.statistics.total(),
                lost: sample.counters.lost().saturating_sub(last.counters.lost()),
            });
        }
        *lock(&self.sample) = Arc::new(sample);
    }

    /// Puts up other rules and configuration.
    pub fn reloaded(&self, loaded: Loaded) {
        *lock(&self.loaded) = Arc::new(loaded);
    }

    /// The last numbers.
    pub fn sample(&self) -> Arc<Sample> {
        Arc::clone(&lock(&self.sample))
    }

    /// Rules and configuration.
    pub fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&lock(&self.loaded))
    }

    /// The last minutes.
    pub fn history(&self) -> Vec<Second> {
        lock(&self.history).iter().copied().collect()
    }

    /// The outputs.
    pub fn outputs(&self) -> Vec<Status> {
        self.outputs.status()
    }

    /// The last alerts.
    pub fn recent(&self) -> &Recent {
        &self.recent
    }
}
