//! A snapshot of all numbers, as the fields of an internal alert and as a line
//! in a file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::losses::{BUFFER_KINDS, by_cause, no_room};
use super::process::Usage;
use super::{Board, Sample};
use crate::clock::{self, SECOND};
use crate::output::{Alert, FieldValue, Priority};

/// The rule of the alert.
const RULE: &str = "Falco internal: metrics snapshot";

/// Bytes in what is called MB here.
const MB: f64 = 1024.0 * 1024.0;

/// The numbers of the snapshot before, for rates.
#[derive(Clone, Debug, Default)]
pub struct Last {
    time: u64,
    events: u64,
    records: u64,
    lost: u64,
}

/// Names and values in the order in which they are added.
struct Fields {
    all: Vec<(Arc<str>, FieldValue)>,
    include_empty: bool,
}

impl Fields {
    fn text(&mut self, name: &str, value: &str) {
        self.all
            .push((name.into(), FieldValue::Text(value.to_owned())));
    }

    fn always(&mut self, name: &str, value: u64) {
        self.all.push((name.into(), FieldValue::Uint(value)));
    }

    fn count(&mut self, name: &str, value: u64) {
        if value > 0 || self.include_empty {
            self.always(name, value);
        }
    }

    fn number(&mut self, name: &str, value: f64) {
        // One digit is what is looked at.
        let value = (value * 10.0).round() / 10.0;
        if value > 0.0 || self.include_empty {
            self.all.push((name.into(), FieldValue::Double(value)));
        }
    }
}

/// All numbers that the settings ask for, and those to compare the next ones
/// with.
pub fn fields(board: &Board, last: &Last) -> (Vec<(Arc<str>, FieldValue)>, Last) {
    let (sample, loaded, identity) = (board.sample(), board.loaded(), &board.identity);
    let settings = &loaded.settings;
    let now = clock::now();
    let lost = sample.counters.lost();
    let seconds = (now - last.time) as f64 / SECOND as f64;
    let rate = |new: u64, old: u64| match last.time {
        0 => 0.0,
        _ => new.saturating_sub(old) as f64 / seconds.max(0.001),
    };
    let mut fields = Fields {
        all: Vec::new(),
        include_empty: settings.include_empty,
    };
    fields.always("evt.time", now);
    fields.text("evt.hostname", &identity.hostname);
    fields.text("evt.source", "syscall");
    fields.text("falco.version", env!("CARGO_PKG_VERSION"));
    fields.always("falco.start_ts", identity.start);
    fields.always("falco.reload_ts", loaded.time);
    fields.always("falco.duration_sec", (now - identity.start) / SECOND);
    fields.text("falco.kernel_release", &identity.kernel);
    fields.always("falco.host_boot_ts", identity.boot);
    fields.always("falco.host_num_cpus", identity.cpus);
    let dropped = board
        .outputs()
        .iter()
        .map(|output| output.dropped + output.lost)
        .sum();
    fields.always("falco.outputs_queue_num_drops", dropped);
    fields.always("falco.num_evts", sample.events);
    fields.always("falco.num_evts_prev", last.events);
    fields.number("falco.evts_rate_sec", rate(sample.events, last.events));
    fields.text("scap.engine_name", identity.engine);
    for (name, sum) in &loaded.rules_files {
        fields.text(&format!("falco.sha256_rules_file.{}", stem(name)), sum);
    }
    for (name, sum) in &loaded.config_files {
        fields.text(&format!("falco.sha256_config_file.{}", stem(name)), sum);
    }
    addresses(&mut fields);
    if settings.rules {
        fields.count("falco.rules.matches_total", sample.statistics.total());
        for (rule, count) in sample.statistics.rules() {
            fields.count(&format!("falco.rules.{}", rule.replace(' ', "_")), count);
        }
    }
    if settings.resources {
        usage(&mut fields, settings.memory_in_mb);
    }
    if settings.state {
        state(&mut fields, &sample);
    }
    if settings.kernel {
        kernel(&mut fields, &sample, last);
        fields.number(
            "scap.evts_rate_sec",
            rate(sample.counters.records, last.records),
        );
        fields.number("scap.evts_drop_rate_sec", rate(lost, last.lost));
        if settings.kernel_per_cpu {
            for ring in &sample.counters.rings {
                fields.count(&format!("scap.n_evts_cpu_{}", ring.cpu), ring.records);
                let own = sample
                    .counters
                    .lost
                    .iter()
                    .filter(|l| l.cpu == Some(ring.cpu));
                let lost = own.map(|l| l.count).sum();
                fields.count(&format!("scap.n_drops_cpu_{}", ring.cpu), lost);
            }
        }
    }
    let next = Last {
        time: now,
        events: sample.events,
        records: sample.counters.records,
        lost,
    };
    (fields.all, next)
}

/// The name of a file without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Addresses of the machine's interfaces, but for the loopback.
fn addresses(fields: &mut Fields) {
    let Ok(all) = nix::ifaddrs::getifaddrs() else {
        return;
    };
    let mut names: Vec<(String, String)> = Vec::new();
    for interface in all {
        let Some(address) = interface.address else {
            continue;
        };
        let (protocol, address) = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
            (Some(v4), _) => ("ipv4", v4.ip().to_string()),
            (_, Some(v6)) => ("ipv6", v6.ip().to_string()),
            _ => continue,
        };
        if interface.interface_name == "lo" {
            continue;
        }
        let name = format!(
            "falco.host_netinfo.interfaces.{}.protocols.{protocol}.addresses",
            interface.interface_name
        );
        match names.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => *all = format!("{all},{address}"),
            None => names.push((name, address)),
        }
    }
    for (name, addresses) in names {
        fields.text(&name, &addresses);
    }
}

fn usage(fields: &mut Fields, in_mb: bool) {
    let usage = Usage::now();
    fields.number("falco.cpu_usage_perc", usage.cpu * 100.0);
    fields.number("falco.host_cpu_usage_perc", usage.host_cpu * 100.0);
    let memory = [
        ("falco.memory_rss", usage.rss),
        ("falco.memory_vsz", usage.vsz),
        ("falco.memory_pss", usage.pss),
        ("falco.container_memory_used", usage.container),
        ("falco.host_memory_used", usage.host_memory),
    ];
    for (name, bytes) in memory {
        match in_mb {
            true => fields.number(&format!("{name}_mb"), bytes as f64 / MB),
            false => fields.count(&format!("{name}_bytes"), bytes),
        }
    }
    fields.count("falco.host_procs_running", usage.host_running);
    fields.count("falco.host_open_fds", usage.host_fds);
}

fn state(fields: &mut Fields, sample: &Sample) {
    let state = sample.state;
    fields.count("scap.n_threads", state.threads);
    fields.count("scap.n_containers", state.containers);
    fields.count("scap.n_noncached_thread_lookups", state.healed);
    fields.count("scap.n_failed_thread_lookups", state.unknown);
    fields.count("scap.n_removed_threads", state.swept);
    fields.count("scap.n_drops_full_threadtable", state.refused);
    for (what, outcome, count) in state.of_containers() {
        fields.count(&format!("falco.n_container_{what}_{outcome}"), count);
    }
}

fn kernel(fields: &mut Fields, sample: &Sample, last: &Last) {
    let counters = &sample.counters;
    let (records, lost) = (counters.records, counters.lost());
    fields.always("scap.n_evts", records);
    fields.always("scap.n_evts_prev", last.records);
    fields.always("scap.n_drops", lost);
    fields.always("scap.n_drops_prev", last.lost);
    let new = lost.saturating_sub(last.lost);
    let all = records.saturating_sub(last.records) + new;
    fields.number("scap.n_drops_perc", new as f64 * 100.0 / all.max(1) as f64);
    let lost = &counters.lost;
    let total = by_cause(lost, "full") + by_cause(lost, "no_ring");
    fields.count("scap.n_drops_buffer_total", total);
    for (name, classes) in BUFFER_KINDS {
        fields.count(
            &format!("scap.n_drops_buffer_{name}_exit"),
            no_room(lost, classes),
        );
    }
    fields.count("scap.n_drops_scratch_map", by_cause(lost, "no_memory"));
    fields.count("scap.n_drops_page_faults", by_cause(lost, "invalid"));
    fields.count("scap.n_drops_bug", by_cause(lost, "nested"));
}

/// The snapshot as an alert.
pub fn alert(fields: Vec<(Arc<str>, FieldValue)>) -> Alert {
    let message = "Falco metrics snapshot".to_owned();
    Alert {
        fields,
        ..Alert::internal(RULE, Priority::Informational, clock::now(), message)
    }
}

/// Appends the snapshot to a file, as a line of JSON.
///
/// # Errors
/// When the file cannot be written.
pub fn append(path: &Path, sample: u64, fields: &[(Arc<str>, FieldValue)]) -> io::Result<()> {
    let pairs = fields.iter().map(|(name, value)| {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        (name.to_string(), value)
    });
    let line = json!({ "sample": sample, "output_fields": pairs.collect::<Map<_, _>>() });
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}
