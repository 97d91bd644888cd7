//! The configuration: `falco.yaml`, the command line's overrides, and the one
//! table of keys ([`KEYS`]) by which both are read.

mod diagnostic;
mod document;
mod expand;
mod keys;
mod overrides;
mod rules_files;
mod schema;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub use diagnostic::{Diagnostic, Invalid};
pub use keys::{APPEND_KEYS, KEYS, MATCH_KEYS};
pub use rules_files::{expand_path, rules_files};
pub use schema::{Key, Kind, Reader, Support, Text};

use crate::diagnostic::{Origin, Severity, Source, Span};
use crate::output::Priority;
use crate::rules::AppendOutput;
use crate::yaml::{self, Node};

/// Where the configuration is without `-c`.
pub const DEFAULT_FILE: &str = "/etc/falco/falco.yaml";

/// The socket of the log daemon.
pub const SYSLOG_SOCKET: &str = "/dev/log";

/// A configuration is a few hundred lines; more is not one.
const MAX_FILE_SIZE: u64 = 4 << 20;

/// Everything that `falco.yaml` decides.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Files and directories of rules, in order.
    pub rules_files: Vec<Text>,
    /// Rules of lower priority are not loaded.
    pub priority: Priority,
    /// What happens when several rules match one event.
    pub rule_matching: RuleMatching,
    /// The source of events.
    pub engine: Engine,
    /// System calls collected beside those of the rules.
    pub base_syscalls: BaseSyscalls,
    /// Rules that are turned on and off, in order.
    pub rules: Vec<RuleSelection>,
    /// What is added to the outputs of rules.
    pub append_output: Vec<AppendOutput>,
    /// Alerts and where they go.
    pub outputs: Outputs,
    /// The program's own messages.
    pub log: Log,
    /// The file and the options of the command line that were read, by the
    /// numbers in the places of texts.
    pub sources: Vec<Source>,
}

/// What happens when several rules match one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleMatching {
    /// One alert, of the rule that was loaded first.
    #[default]
    First,
    /// One alert for each.
    All,
}

/// Where events come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The kernel module.
    #[default]
    Kmod,
    /// A capture, from its beginning to its end.
    Replay,
}

/// The section `engine`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// Where events come from.
    pub kind: EngineKind,
    /// Bytes of each processor's ring, from `engine.kmod.buf_size_preset`.
    pub buffer_size: u32,
    /// The kernel sends no exits of system calls that failed.
    pub drop_failed_exit: bool,
    /// The capture to replay; empty if none was named.
    pub capture_file: PathBuf,
}

/// The section `base_syscalls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSyscalls {
    /// Names to add, or with `!` in front to leave out.
    pub custom_set: Vec<Text>,
    /// Only what the rules need for their state.
    pub repair: bool,
    /// Even the high-volume reads and writes.
    pub all: bool,
}

/// One entry of `rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSelection {
    /// Rules to turn on.
    pub enable: Option<RuleSelector>,
    /// Rules to turn off.
    pub disable: Option<RuleSelector>,
}

/// Some rules: those of a name or a pattern, and those with a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSelector {
    /// Name; `*` is any text.
    pub rule: Option<Text>,
    /// Tag.
    pub tag: Option<Text>,
}

/// What alerts look like and where they go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Form of a line.
    pub format: Format,
    /// `stdout_output.enabled`.
    pub stdout: bool,
    /// `syslog_output.enabled`.
    pub syslog: bool,
    /// The section `file_output`.
    pub file: FileOutput,
    /// Lines may wait in the process for more lines.
    pub buffered: bool,
    /// Alerts that may wait for one output; 0 takes
    /// [`DEFAULT_CAPACITY`](crate::output::DEFAULT_CAPACITY).
    pub capacity: usize,
    /// The socket of the log daemon. Not a key; another one is for tests.
    pub syslog_socket: PathBuf,
    /// Milliseconds after which an output that does not return is reported.
    pub timeout_ms: u64,
}

/// The form of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// One JSON object per line instead of text.
    pub json: bool,
    /// JSON has `output`.
    pub include_output: bool,
    /// JSON has `message`.
    pub include_message: bool,
    /// JSON has `output_fields`.
    pub include_output_fields: bool,
    /// JSON has `tags`.
    pub include_tags: bool,
    /// Times in text are ISO 8601 and UTC. Also holds for the log.
    pub iso_time: bool,
}

/// The section `file_output`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOutput {
    /// Write to a file.
    pub enabled: bool,
    /// Keep it open between alerts.
    pub keep_alive: bool,
    /// Which file.
    pub filename: PathBuf,
}

/// The program's own messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Messages of lower level are left out.
    pub level: Priority,
    /// Write them to standard error.
    pub stderr: bool,
    /// Send them to syslog.
    pub syslog: bool,
}

/// A configuration and what to tell about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a configuration file and applies `overrides`, each `key=value`.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Invalid> {
    let name = file.to_string_lossy();
    let bytes = read(file).map_err(|error| {
        let message = format!("cannot read the configuration: {error}");
        Invalid::error(Origin::whole(&name), message)
    })?;
    if bytes.len() as u64 > MAX_FILE_SIZE {
        let message = format!("larger than {} MiB", MAX_FILE_SIZE >> 20);
        return Err(Invalid::error(Origin::whole(&name), message));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        // What is valid stands in the same place with the rest replaced.
        let source = Source::new(&name, &String::from_utf8_lossy(error.as_bytes()));
        let message = format!("not UTF-8 at byte {at}");
        Invalid::error(source.origin(Span::new(at, at)), message)
    })?;
    from_text(&name, &text, overrides)
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(file)?;
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a configuration from `text`; `file` names it in diagnostics.
pub fn from_text(file: &str, text: &str, overrides: &[String]) -> Result<Loaded, Invalid> {
    let file = Source::new(file, text);
    let mut root = document::parse(&file, 0)?;
    let mut sources = vec![file];
    for option in overrides {
        overrides::apply(&mut root, option, &mut sources)?;
    }
    expand::expand(&mut root, &|name| std::env::var(name).ok());

    let mut config = defaults();
    let mut reader = Reader::new(&sources);
    reader.map(KEYS, "", &root, &mut config);
    check_relations(&root, &mut reader);
    let diagnostics = reader.diagnostics;
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity() == Severity::Error;
    if diagnostics.iter().any(is_error) {
        return Err(Invalid(diagnostics));
    }
    config.sources = sources;
    Ok(Loaded {
        config,
        warnings: diagnostics,
    })
}

/// What no row of the table can see alone.
fn check_relations(root: &Node, reader: &mut Reader<'_>) {
    if let (Some(_), Some(old)) = (root.get("rules_files"), root.get("rules_file")) {
        reader.error(
            old.place,
            "rules_file is the old name of rules_files; only one may be given",
        );
    }
    // Falco loads every plugin that is configured unless it is told which.
    let container = |plugin: &Node| plugin.get("name").and_then(Node::text) == Some("container");
    if root.get("load_plugins").is_none()
        && let Some(plugins) = root.get("plugins")
        && let yaml::Kind::Sequence(items) = &plugins.kind
        && !items.iter().all(|plugin| container(plugin))
    {
        reader.warning(
            plugins.place,
            "key plugins is not supported yet: plugins are not loaded",
        );
    }
}

/// What holds where the file says nothing: the defaults of [`KEYS`].
pub fn defaults() -> Config {
    let mut config = Config::default();
    config.outputs.syslog_socket = SYSLOG_SOCKET.into();
    let source = |key: &Key<_>| Source::new(&format!("default of {}", key.name), key.default);
    let sources: Vec<Source> = KEYS.iter().map(source).collect();
    let mut reader = Reader::new(&sources);
    for (file, (key, source)) in KEYS.iter().zip(&sources).enumerate() {
        match document::parse(source, file) {
            Ok(node) => reader.preset(key, &node, &mut config),
            Err(error) => reader.diagnostics.extend(error.0),
        }
    }
    // The table is ours: a default that its own row refuses is found by a test.
    debug_assert!(reader.diagnostics.is_empty(), "{:?}", reader.diagnostics);
    config
}
