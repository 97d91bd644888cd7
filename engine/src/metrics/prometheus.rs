//! The numbers in the text form of Prometheus, under the names that Falco's
//! dashboards ask for.

use std::fmt::Write as _;

use super::Board;
use super::table::{Facts, Get, METRICS, Unit};

/// The type of content.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

const HELP: &str = "https://falco.org/docs/metrics/";

impl Unit {
    /// What the name of a metric ends with, and its type.
    fn prometheus(self) -> (&'static str, &'static str) {
        match self {
            Self::Count => ("_total", "counter"),
            // Falco's names end so whatever they count.
            Self::Level => ("_total", "gauge"),
            Self::OwnLevel => ("", "gauge"),
            Self::Bytes => ("_bytes", "gauge"),
            Self::Ratio => ("_ratio", "gauge"),
            Self::Timestamp => ("_timestamp_nanoseconds", "gauge"),
            Self::Seconds => ("_seconds_total", "counter"),
            Self::Nanoseconds => ("_nanoseconds_total", "counter"),
        }
    }
}

/// The text that grows.
#[derive(Default)]
struct Text(String);

// Writing to a string cannot fail.

impl Text {
    /// What stands before the lines of one name.
    fn head(&mut self, kind: &str, name: &str) {
        let _ = writeln!(
            self.0,
            "# HELP falcosecurity_{name} {HELP}\n# TYPE falcosecurity_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, labels: &[(String, String)], value: &str) {
        let _ = write!(self.0, "falcosecurity_{name}");
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", escaped(value));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    /// Something that is told by labels alone.
    fn info(&mut self, name: &str, all: &[Vec<(&str, &str)>]) {
        if all.is_empty() {
            return;
        }
        self.head("gauge", name);
        for labels in all {
            let labels = labels.iter();
            let labels: Vec<_> = labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            self.line(name, &labels, "1");
        }
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// All numbers that the settings ask for.
pub fn text(board: &Board) -> String {
    let (sample, loaded) = (board.sample(), board.loaded());
    let mut text = Text::default();
    identity(&mut text, board);
    let facts = Facts::now(board, &sample, &loaded);
    for metric in METRICS {
        if !metric.group.is_on(&loaded.settings) {
            continue;
        }
        let (end, kind) = metric.unit.prometheus();
        let name = format!("{}{end}", metric.name.replace('.', "_"));
        match metric.value {
            Get::One(get) => {
                text.head(kind, &name);
                text.line(&name, &[], &get(&facts).to_string());
            }
            Get::Share(get) => {
                text.head(kind, &name);
                text.line(&name, &[], &format!("{:.6}", get(&facts)));
            }
            Get::Each(get) => {
                let all = get(&facts);
                if !all.is_empty() {
                    text.head(kind, &name);
                }
                for series in all {
                    text.line(&name, &series.labels, &series.value.to_string());
                }
            }
        }
    }
    text.0
}

fn identity(text: &mut Text, board: &Board) {
    let (identity, loaded) = (&board.identity, board.loaded());
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    text.info("falco_version_info", &[version]);
    for (name, files) in [
        ("falco_sha256_rules_files_info", &loaded.rules_files),
        ("falco_sha256_config_files_info", &loaded.config_files),
    ] {
        let labels = files
            .iter()
            .map(|(file, sum)| vec![("file_name", &**file), ("sha256", &**sum)]);
        text.info(name, &labels.collect::<Vec<_>>());
    }
    let engine = vec![("engine_name", identity.engine), ("evt_source", "syscall")];
    text.info("scap_engine_name_info", &[engine]);
    let kernel = vec![("kernel_release", &*identity.kernel)];
    text.info("falco_kernel_release_info", &[kernel]);
    let host = vec![("hostname", &*identity.hostname)];
    text.info("evt_hostname_info", &[host]);
}
