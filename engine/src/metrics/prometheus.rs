//! The numbers in the text form of Prometheus, under the names that Falco's
//! dashboards ask for.

use std::fmt::Write as _;

use super::losses::{BUFFER_KINDS, by_cause, no_room};
use super::process::Usage;
use super::{Board, Sample};
use crate::clock::{self, SECOND};

/// The type of content.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

const HELP: &str = "https://falco.org/docs/metrics/";

/// Names and values of labels.
type Labels<'l> = &'l [(&'l str, &'l str)];

/// The text that grows.
struct Text {
    text: String,
    last: String,
}

// Writing to a string cannot fail.

impl Text {
    fn line(&mut self, kind: &str, name: &str, labels: Labels<'_>, value: &str) {
        let name = format!("falcosecurity_{name}");
        // Lines of one name stand together, under one head.
        if self.last != name {
            let _ = writeln!(self.text, "# HELP {name} {HELP}\n# TYPE {name} {kind}");
        }
        self.text.push_str(&name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
        self.last = name;
    }

    fn gauge(&mut self, name: &str, value: u64) {
        self.line("gauge", name, &[], &value.to_string());
    }

    fn ratio(&mut self, name: &str, value: f64) {
        self.line("gauge", name, &[], &format!("{value:.6}"));
    }

    fn counter(&mut self, name: &str, labels: Labels<'_>, value: u64) {
        self.line("counter", name, labels, &value.to_string());
    }

    fn info(&mut self, name: &str, labels: Labels<'_>) {
        self.line("gauge", name, labels, "1");
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
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

/// All numbers that the settings ask for.
pub fn text(board: &Board) -> String {
    let (sample, loaded) = (board.sample(), board.loaded());
    let settings = &loaded.settings;
    let mut text = Text {
        text: String::new(),
        last: String::new(),
    };
    identity(&mut text, board);
    outputs(&mut text, board);
    if settings.rules {
        rules(&mut text, board, &sample);
    }
    if settings.resources {
        resources(&mut text);
    }
    if settings.state {
        state(&mut text, &sample);
    }
    if settings.kernel {
        kernel(&mut text, &sample);
        if settings.kernel_per_cpu {
            per_cpu(&mut text, &sample);
        }
    }
    text.text
}

fn identity(text: &mut Text, board: &Board) {
    let (identity, loaded, sample) = (&board.identity, board.loaded(), board.sample());
    text.info(
        "falco_version_info",
        &[("version", env!("CARGO_PKG_VERSION"))],
    );
    for (file, sum) in &loaded.rules_files {
        let labels = [("file_name", &**file), ("sha256", &**sum)];
        text.info("falco_sha256_rules_files_info", &labels);
    }
    for (file, sum) in &loaded.config_files {
        let labels = [("file_name", &**file), ("sha256", &**sum)];
        text.info("falco_sha256_config_files_info", &labels);
    }
    let labels = [("engine_name", identity.engine), ("evt_source", "syscall")];
    text.info("scap_engine_name_info", &labels);
    let labels = [("kernel_release", &*identity.kernel)];
    text.info("falco_kernel_release_info", &labels);
    text.info("evt_hostname_info", &[("hostname", &identity.hostname)]);
    text.gauge("falco_start_timestamp_nanoseconds", identity.start);
    text.gauge("falco_reload_timestamp_nanoseconds", loaded.time);
    text.gauge("falco_host_boot_timestamp_nanoseconds", identity.boot);
    text.gauge("falco_host_num_cpus_total", identity.cpus);
    let lived = clock::now().saturating_sub(identity.start) / SECOND;
    text.counter("falco_duration_seconds_total", &[], lived);
    text.counter("falco_num_evts_total", &[], sample.events);
}

fn outputs(text: &mut Text, board: &Board) {
    let outputs = board.outputs();
    let dropped = outputs
        .iter()
        .map(|output| output.dropped + output.lost)
        .sum();
    text.counter("falco_outputs_queue_num_drops_total", &[], dropped);
    for output in &outputs {
        let labels = [("output", output.name)];
        text.line(
            "gauge",
            "falco_outputs_queue_length",
            &labels,
            &output.waiting.to_string(),
        );
    }
    for output in &outputs {
        let labels = [("output", output.name)];
        text.line(
            "gauge",
            "falco_outputs_queue_capacity",
            &labels,
            &output.capacity.to_string(),
        );
    }
    for (result, count) in [
        (
            "written",
            outputs.iter().map(|o| o.written).collect::<Vec<_>>(),
        ),
        ("dropped", outputs.iter().map(|o| o.dropped).collect()),
        ("lost", outputs.iter().map(|o| o.lost).collect()),
    ] {
        for (output, count) in outputs.iter().zip(count) {
            let labels = [("output", output.name), ("result", result)];
            text.counter("falco_outputs_alerts_total", &labels, count);
        }
    }
}

fn rules(text: &mut Text, board: &Board, sample: &Sample) {
    let loaded = board.loaded();
    for (name, count) in sample.statistics.rules() {
        // The program's own alerts are of no rule.
        let Some(rule) = loaded.rules.get(name) else {
            continue;
        };
        let priority = rule.priority.to_string();
        let mut labels = vec![
            ("priority", &*priority),
            ("rule_name", name),
            ("source", &*rule.source),
        ];
        let tags: Vec<_> = rule.tags.iter().map(|tag| label_name(tag)).collect();
        labels.extend(tags.iter().map(|tag| (&**tag, "true")));
        text.counter("falco_rules_matches_total", &labels, count);
    }
}

fn resources(text: &mut Text) {
    let usage = Usage::now();
    text.ratio("falco_cpu_usage_ratio", usage.cpu);
    text.gauge("falco_memory_rss_bytes", usage.rss);
    text.gauge("falco_memory_vsz_bytes", usage.vsz);
    text.gauge("falco_memory_pss_bytes", usage.pss);
    text.gauge("falco_container_memory_used_bytes", usage.container);
    text.ratio("falco_host_cpu_usage_ratio", usage.host_cpu);
    text.gauge("falco_host_memory_used_bytes", usage.host_memory);
    text.gauge("falco_host_procs_running_total", usage.host_running);
    text.gauge("falco_host_open_fds_total", usage.host_fds);
}

fn state(text: &mut Text, sample: &Sample) {
    let state = sample.state;
    text.gauge("scap_n_threads_total", state.threads);
    text.gauge("scap_n_containers_total", state.containers);
    text.counter("scap_n_noncached_thread_lookups_total", &[], state.healed);
    text.counter("scap_n_failed_thread_lookups_total", &[], state.unknown);
    text.counter("scap_n_removed_threads_total", &[], state.swept);
    text.counter("scap_n_drops_full_threadtable_total", &[], state.refused);
    for (what, outcome, count) in state.of_containers() {
        let name = format!("falco_container_{what}_total");
        text.counter(&name, &[("outcome", outcome)], count);
    }
}

fn kernel(text: &mut Text, sample: &Sample) {
    let lost = &sample.counters.lost;
    text.counter("scap_n_evts_total", &[], sample.counters.records);
    text.counter("scap_n_drops_total", &[], sample.counters.lost());
    for (kind, classes) in BUFFER_KINDS {
        let labels = [("dir", "exit"), ("drop", kind)];
        text.counter("scap_n_drops_buffer_total", &labels, no_room(lost, classes));
    }
    text.counter(
        "scap_n_drops_scratch_map_total",
        &[],
        by_cause(lost, "no_memory"),
    );
    text.counter(
        "scap_n_drops_page_faults_total",
        &[],
        by_cause(lost, "invalid"),
    );
    text.counter("scap_n_drops_bug_total", &[], by_cause(lost, "nested"));
}

fn per_cpu(text: &mut Text, sample: &Sample) {
    let counters = &sample.counters;
    let cpus: Vec<_> = counters
        .rings
        .iter()
        .map(|ring| ring.cpu.to_string())
        .collect();
    for (ring, cpu) in counters.rings.iter().zip(&cpus) {
        text.counter("scap_n_evts_cpu_total", &[("cpu", cpu)], ring.records);
    }
    for (ring, cpu) in counters.rings.iter().zip(&cpus) {
        let own = counters
            .lost
            .iter()
            .filter(|lost| lost.cpu == Some(ring.cpu));
        let lost = own.map(|lost| lost.count).sum();
        text.counter("scap_n_drops_cpu_total", &[("cpu", cpu)], lost);
    }
    for (ring, cpu) in counters.rings.iter().zip(&cpus) {
        let used = ring.used.to_string();
        text.line("gauge", "scap_ring_used_bytes", &[("cpu", cpu)], &used);
    }
    for (ring, cpu) in counters.rings.iter().zip(&cpus) {
        let size = ring.size.to_string();
        text.line("gauge", "scap_ring_size_bytes", &[("cpu", cpu)], &size);
    }
}
