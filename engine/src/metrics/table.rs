//! The one table of numbers: what each is called and where it comes from. The
//! text for Prometheus and the snapshots are made of its rows.
//!
//! A name stands here without what the forms add: `falco.memory_rss` of bytes is
//! `falcosecurity_falco_memory_rss_bytes` there and `falco.memory_rss_mb` here.

use super::losses::{BUFFER_KINDS, by_bug, by_cause, by_fault, no_room};
use super::process::Usage;
use super::{Board, Loaded, Sample};
use crate::clock::{self, SECOND};
use crate::config::Metrics as Settings;
use crate::output::Status;
use crate::source::{ProgramUse, RingUse};

/// One number, or one for each of several things.
pub struct Metric {
    /// Its name: a group, a dot, and what it is.
    pub name: &'static str,
    /// What it is a number of.
    pub unit: Unit,
    /// Which key turns it on.
    pub group: Group,
    /// Which forms have it.
    pub forms: Forms,
    /// Its value.
    pub value: Get,
}

/// How a value is found.
pub enum Get {
    /// One.
    One(fn(&Facts) -> u64),
    /// One of several, each less than 1 or a little more.
    Share(fn(&Facts) -> f64),
    /// One for each of several things.
    Each(fn(&Facts) -> Vec<Series>),
}

/// One of the values of a metric that has several.
pub struct Series {
    /// Names and values of labels.
    pub labels: Vec<(String, String)>,
    /// What is added to the name where there are no labels.
    pub key: String,
    /// The value.
    pub value: u64,
}

/// What a number is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things that happened since the start.
    Count,
    /// Things that are there.
    Level,
    /// The same in a number that Falco does not have.
    OwnLevel,
    /// Bytes that are there.
    Bytes,
    /// A share of 1.
    Ratio,
    /// A time, in nanoseconds since the epoch.
    Timestamp,
    /// Seconds that have passed.
    Seconds,
    /// Nanoseconds that were spent.
    Nanoseconds,
}

/// What a key of the section `metrics` turns on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Always there.
    Always,
    /// `rules_counters_enabled`.
    Rules,
    /// `resource_utilization_enabled`.
    Resources,
    /// `state_counters_enabled`.
    State,
    /// `kernel_event_counters_enabled`.
    Kernel,
    /// `kernel_event_counters_per_cpu_enabled` beside it.
    PerCpu,
    /// `libbpf_stats_enabled`.
    Programs,
}

impl Group {
    /// Whether the settings ask for it.
    pub fn is_on(self, settings: &Settings) -> bool {
        match self {
            Self::Always => true,
            Self::Rules => settings.rules,
            Self::Resources => settings.resources,
            Self::State => settings.state,
            Self::Kernel => settings.kernel,
            Self::PerCpu => settings.kernel && settings.kernel_per_cpu,
            Self::Programs => settings.programs,
        }
    }
}

/// The forms that have a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// Both; a snapshot leaves it out while it is 0.
    Both,
    /// Both, even if it is 0.
    BothAlways,
    /// Prometheus alone.
    Prometheus,
}

/// What values are read from.
pub struct Facts<'b> {
    /// Where the numbers are.
    pub board: &'b Board,
    /// The last ones of the loop.
    pub sample: &'b Sample,
    /// Rules and configuration.
    pub loaded: &'b Loaded,
    /// The outputs.
    pub outputs: Vec<Status>,
    /// Processor time and memory.
    pub usage: Usage,
    /// When that is.
    pub now: u64,
}

impl<'b> Facts<'b> {
    /// What is so now.
    pub fn now(board: &'b Board, sample: &'b Sample, loaded: &'b Loaded) -> Self {
        Self {
            board,
            sample,
            loaded,
            outputs: board.outputs(),
            // Reading it is work.
            usage: match loaded.settings.resources {
                true => Usage::now(),
                false => Usage::default(),
            },
            now: clock::now(),
        }
    }
}

const fn one(
    name: &'static str,
    unit: Unit,
    group: Group,
    forms: Forms,
    value: fn(&Facts) -> u64,
) -> Metric {
    Metric {
        name,
        unit,
        group,
        forms,
        value: Get::One(value),
    }
}

const fn share(name: &'static str, value: fn(&Facts) -> f64) -> Metric {
    Metric {
        name,
        unit: Unit::Ratio,
        group: Group::Resources,
        forms: Forms::Both,
        value: Get::Share(value),
    }
}

const fn each(
    name: &'static str,
    unit: Unit,
    group: Group,
    forms: Forms,
    values: fn(&Facts) -> Vec<Series>,
) -> Metric {
    Metric {
        name,
        unit,
        group,
        forms,
        value: Get::Each(values),
    }
}

use Forms::{Both, BothAlways, Prometheus};
use Group::{Always, Kernel, PerCpu, Programs, Resources, Rules, State};
use Unit::{Bytes, Count, Level, Nanoseconds, OwnLevel, Seconds, Timestamp};

/// Every number, in the order in which it is shown.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    one("falco.start", Timestamp, Always, BothAlways, |f| f.board.identity.start),
    one("falco.reload", Timestamp, Always, BothAlways, |f| f.loaded.time),
    one("falco.host_boot", Timestamp, Always, BothAlways, |f| f.board.identity.boot),
    one("falco.duration", Seconds, Always, BothAlways, |f| f.now.saturating_sub(f.board.identity.start) / SECOND),
    one("falco.host_num_cpus", Level, Always, BothAlways, |f| f.board.identity.cpus),
    one("falco.num_evts", Count, Always, BothAlways, |f| f.sample.events),
    one("falco.outputs_queue_num_drops", Count, Always, BothAlways, |f| f.outputs.iter().map(|o| o.dropped + o.lost).sum()),
    each("falco.outputs_queue_length", OwnLevel, Always, Prometheus, |f| per_output(f, |o| o.waiting as u64)),
    each("falco.outputs_queue_capacity", OwnLevel, Always, Prometheus, |f| per_output(f, |o| o.capacity as u64)),
    each("falco.outputs_alerts", Count, Always, Prometheus, alerts),
    each("falco.rules_matches", Count, Rules, Prometheus, matches),
    each("falco.rules_evaluations_sampled", Count, Rules, Prometheus, |f| costs(f, |cost| cost.samples)),
    each("falco.rules_evaluation", Nanoseconds, Rules, Prometheus, |f| costs(f, |cost| cost.nanoseconds)),
    share("falco.cpu_usage", |f| f.usage.cpu),
    share("falco.host_cpu_usage", |f| f.usage.host_cpu),
    one("falco.memory_rss", Bytes, Resources, Both, |f| f.usage.rss),
    one("falco.memory_vsz", Bytes, Resources, Both, |f| f.usage.vsz),
    one("falco.memory_pss", Bytes, Resources, Both, |f| f.usage.pss),
    one("falco.container_memory_used", Bytes, Resources, Both, |f| f.usage.container),
    one("falco.host_memory_used", Bytes, Resources, Both, |f| f.usage.host_memory),
    one("falco.host_procs_running", Level, Resources, Both, |f| f.usage.host_running),
    one("falco.host_open_fds", Level, Resources, Both, |f| f.usage.host_fds),
    one("scap.n_threads", Level, State, Both, |f| f.sample.state.threads),
    one("scap.n_fds", Level, State, Both, |f| f.sample.state.descriptors),
    one("scap.n_added_fds", Count, State, Both, |f| f.sample.state.descriptor_turnover.added),
    one("scap.n_removed_fds", Count, State, Both, |f| f.sample.state.descriptor_turnover.removed),
    one("scap.n_noncached_fd_lookups", Count, State, Both, |f| f.sample.state.done.descriptors.found),
    one("scap.n_failed_fd_lookups", Count, State, Both, |f| f.sample.state.done.descriptors.failed),
    one("scap.n_containers", Level, State, Both, |f| f.sample.state.containers),
    one("scap.n_added_threads", Count, State, Both, |f| f.sample.state.thread_turnover.added),
    one("scap.n_removed_threads", Count, State, Both, |f| f.sample.state.thread_turnover.removed),
    one("scap.n_cached_thread_lookups", Count, State, Both, |f| f.sample.state.done.threads.again),
    one("scap.n_noncached_thread_lookups", Count, State, Both, |f| f.sample.state.done.threads.found),
    one("scap.n_failed_thread_lookups", Count, State, Both, |f| f.sample.state.done.threads.failed),
    one("scap.n_found_threads", Count, State, Both, |f| f.sample.state.done.healed),
    one("scap.n_unknown_threads", Count, State, Both, |f| f.sample.state.done.unknown),
    one("scap.n_purged_threads", Count, State, Both, |f| f.sample.state.done.swept),
    one("scap.n_corrected_threads", Count, State, Both, |f| f.sample.state.done.corrected),
    one("scap.n_drops_full_threadtable", Count, State, Both, |f| f.sample.state.refused),
    each("falco.container_lookups", Count, State, Both, |f| by_outcome(f, "lookups")),
    each("falco.container_events", Count, State, Both, |f| by_outcome(f, "events")),
    one("scap.n_evts", Count, Kernel, BothAlways, |f| f.sample.counters.records),
    one("scap.n_drops", Count, Kernel, BothAlways, |f| f.sample.counters.lost()),
    one("scap.n_late_evts", Count, Kernel, Both, |f| f.sample.counters.late),
    each("scap.n_drops_buffer", Count, Kernel, Both, buffers),
    one("scap.n_drops_scratch_map", Count, Kernel, Both, |f| by_cause(&f.sample.counters.lost, "no_memory")),
    one("scap.n_drops_page_faults", Count, Kernel, Both, |f| by_fault(&f.sample.counters)),
    one("scap.n_drops_bug", Count, Kernel, Both, |f| by_bug(&f.sample.counters.lost)),
    each("scap.n_evts_cpu", Count, PerCpu, Both, |f| per_cpu(f, |_, ring| ring.records)),
    each("scap.n_drops_cpu", Count, PerCpu, Both, |f| per_cpu(f, lost_on)),
    each("scap.program_run_cnt", Count, Programs, Both, |f| per_program(f, |program| program.runs)),
    each("scap.program_run_time", Nanoseconds, Programs, Both, |f| per_program(f, |program| program.nanoseconds)),
    each("scap.ring_used", Bytes, PerCpu, Prometheus, |f| per_cpu(f, |_, ring| ring.used)),
    each("scap.ring_size", Bytes, PerCpu, Prometheus, |f| per_cpu(f, |_, ring| ring.size)),
];

fn label(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

/// A number of an output.
type OfOutput = fn(&Status) -> u64;

fn per_output(facts: &Facts, value: OfOutput) -> Vec<Series> {
    let series = |output: &Status| Series {
        labels: vec![label("output", output.name)],
        key: output.name.to_owned(),
        value: value(output),
    };
    facts.outputs.iter().map(series).collect()
}

fn alerts(facts: &Facts) -> Vec<Series> {
    let results: [(&str, OfOutput); 3] = [
        ("written", |output| output.written),
        ("dropped", |output| output.dropped),
        ("lost", |output| output.lost),
    ];
    let of = |(result, value): (&str, OfOutput)| {
        let mut all = per_output(facts, value);
        for series in &mut all {
            series.labels.push(label("result", result));
        }
        all
    };
    results.into_iter().flat_map(of).collect()
}

/// Alerts of each rule that made some. The program's own are of no rule.
fn matches(facts: &Facts) -> Vec<Series> {
    let counts = facts.sample.statistics.rules();
    let series = counts.filter_map(|(name, count)| {
        let rule = facts.loaded.rules.get(name)?;
        let mut labels = vec![
            label("priority", rule.priority.to_string()),
            label("rule_name", name),
            label("source", &*rule.source),
        ];
        labels.extend(rule.tags.iter().map(|tag| label(&label_name(tag), "true")));
        Some(Series {
            labels,
            key: name.to_owned(),
            value: count,
        })
    });
    series.collect()
}

/// A tag as part of a label's name.
fn label_name(tag: &str) -> String {
    let valid = |char: char| {
        if char.is_ascii_alphanumeric() {
            char
        } else {
            '_'
        }
    };
    format!("tag_{}", tag.chars().map(valid).collect::<String>())
}

fn costs(facts: &Facts, value: fn(&super::cost::Cost) -> u64) -> Vec<Series> {
    let costs = facts.sample.costs.iter();
    let series = costs.map(|(name, cost)| Series {
        labels: vec![label("rule_name", &**name)],
        key: name.to_string(),
        value: value(cost),
    });
    series.collect()
}

/// What found no room, by Falco's kinds.
fn buffers(facts: &Facts) -> Vec<Series> {
    let series = |(kind, classes): (&str, &[&str])| Series {
        labels: vec![label("dir", "exit"), label("drop", kind)],
        key: format!("{kind}_exit"),
        value: no_room(&facts.sample.counters.lost, classes),
    };
    BUFFER_KINDS.into_iter().map(series).collect()
}

/// What asking container runtimes came to.
fn by_outcome(facts: &Facts, what: &str) -> Vec<Series> {
    let counts = facts.sample.state.of_containers().into_iter();
    let series = |(_, outcome, value): (&str, &'static str, u64)| Series {
        labels: vec![label("outcome", outcome)],
        key: outcome.to_owned(),
        value,
    };
    counts
        .filter(|(of, _, _)| *of == what)
        .map(series)
        .collect()
}

fn per_cpu(facts: &Facts, value: fn(&Sample, &RingUse) -> u64) -> Vec<Series> {
    let series = |ring: &RingUse| Series {
        labels: vec![label("cpu", ring.cpu.to_string())],
        key: ring.cpu.to_string(),
        value: value(facts.sample, ring),
    };
    facts.sample.counters.rings.iter().map(series).collect()
}

fn per_program(facts: &Facts, value: fn(&ProgramUse) -> u64) -> Vec<Series> {
    let series = |program: &ProgramUse| Series {
        labels: vec![label("program", &*program.name)],
        key: program.name.to_string(),
        value: value(program),
    };
    let programs = facts.sample.counters.programs.iter();
    programs.map(series).collect()
}

fn lost_on(sample: &Sample, ring: &RingUse) -> u64 {
    let lost = sample.counters.lost.iter();
    let own = lost.filter(|lost| lost.cpu == Some(ring.cpu));
    own.map(|lost| lost.count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn each_toggle_turns_off_its_group() {
        let off = |key: &str| {
            let text = format!("metrics: {{{key}: false}}");
            let settings = config::from_text("f", &text, &[]).unwrap().config.metrics;
            let all = [Always, Rules, Resources, State, Kernel, PerCpu, Programs];
            let off = all.into_iter().filter(|group| !group.is_on(&settings));
            off.collect::<Vec<_>>()
        };
        for (key, groups) in [
            ("enabled", &[][..]),
            ("rules_counters_enabled", &[Rules]),
            ("resource_utilization_enabled", &[Resources]),
            ("state_counters_enabled", &[State]),
            ("kernel_event_counters_enabled", &[Kernel, PerCpu]),
            ("kernel_event_counters_per_cpu_enabled", &[PerCpu]),
            ("libbpf_stats_enabled", &[Programs]),
        ] {
            assert_eq!(off(key), groups, "{key}");
        }
    }
}
