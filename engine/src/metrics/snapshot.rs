//! A snapshot of all numbers, as the fields of an internal alert and as a line
//! in a file.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::losses::by_cause;
use super::table::{Facts, Forms, Get, METRICS, Metric, Unit};
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

    fn metric(&mut self, metric: &Metric, facts: &Facts<'_>, memory_in_mb: bool) {
        let name = metric.name;
        let end = metric.unit.snapshot();
        match metric.value {
            Get::One(get) if metric.unit == Unit::Bytes && memory_in_mb => {
                self.number(&format!("{name}_mb"), get(facts) as f64 / MB);
            }
            Get::One(get) => match metric.forms {
                Forms::BothAlways => self.always(&format!("{name}{end}"), get(facts)),
                Forms::Both | Forms::Prometheus => {
                    self.count(&format!("{name}{end}"), get(facts));
                }
            },
            Get::Share(get) => self.number(&format!("{name}{end}"), get(facts) * 100.0),
            Get::Each(get) => {
                for series in get(facts) {
                    self.count(&format!("{name}_{}{end}", series.key), series.value);
                }
            }
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

impl Unit {
    /// What the name of a number ends with.
    fn snapshot(self) -> &'static str {
        match self {
            Self::Count | Self::Level | Self::OwnLevel => "",
            Self::Bytes => "_bytes",
            Self::Ratio => "_perc",
            Self::Timestamp => "_ts",
            Self::Seconds => "_sec",
            Self::Nanoseconds => "_ns",
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
    fields.text("falco.kernel_release", &identity.kernel);
    fields.text("scap.engine_name", identity.engine);
    for (name, sum) in &loaded.rules_files {
        fields.text(&format!("falco.sha256_rules_file.{}", stem(name)), sum);
    }
    for (name, sum) in &loaded.config_files {
        fields.text(&format!("falco.sha256_config_file.{}", stem(name)), sum);
    }
    addresses(&mut fields);
    let facts = Facts::now(board, &sample, &loaded);
    for metric in METRICS {
        if metric.group.is_on(settings) && metric.forms != Forms::Prometheus {
            fields.metric(metric, &facts, settings.memory_in_mb);
        }
    }
    fields.always("falco.num_evts_prev", last.events);
    fields.number("falco.evts_rate_sec", rate(sample.events, last.events));
    if settings.rules {
        fields.count("falco.rules.matches_total", sample.statistics.total());
        for (rule, count) in sample.statistics.rules() {
            fields.count(&format!("falco.rules.{}", rule.replace(' ', "_")), count);
        }
    }
    if settings.kernel {
        since_last(&mut fields, &sample, last);
        fields.number(
            "scap.evts_rate_sec",
            rate(sample.counters.records, last.records),
        );
        fields.number("scap.evts_drop_rate_sec", rate(lost, last.lost));
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

/// How much more was lost than at the snapshot before.
fn since_last(fields: &mut Fields, sample: &Sample, last: &Last) {
    let counters = &sample.counters;
    let (records, lost) = (counters.records, counters.lost());
    fields.always("scap.n_evts_prev", last.records);
    fields.always("scap.n_drops_prev", last.lost);
    let new = lost.saturating_sub(last.lost);
    let all = records.saturating_sub(last.records) + new;
    fields.number("scap.n_drops_perc", new as f64 * 100.0 / all.max(1) as f64);
    let full = by_cause(&counters.lost, "full") + by_cause(&counters.lost, "no_ring");
    fields.count("scap.n_drops_buffer_total", full);
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
