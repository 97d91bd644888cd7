//! The configuration: `falco.yaml`, the command line's overrides, and the one
//! table of keys ([`KEYS`]) by which both are read.

mod diagnostic;
mod document;
mod expand;
mod include;
mod keys;
mod model;
mod overrides;
pub mod permissions;
pub mod reference;
mod rules_files;
mod schema;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub use diagnostic::{Diagnostic, Invalid};
pub use keys::{APPEND_KEYS, KEYS, MATCH_KEYS};
pub use model::*;
pub use rules_files::{expand_path, rules_files};
pub use schema::{Key, Kind, Reader, Support, Text};

use crate::diagnostic::{Origin, Severity, Source, Span};
use crate::yaml::{self, Node};

/// Where the configuration is without `-c`.
pub const DEFAULT_FILE: &str = "/etc/falco/falco.yaml";

/// The socket of the log daemon.
pub const SYSLOG_SOCKET: &str = "/dev/log";

/// A configuration is a few hundred lines; more is not one.
const MAX_FILE_SIZE: u64 = 4 << 20;

/// A configuration and what to tell about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a configuration file with those it names, and applies `overrides`,
/// each `key=value`.
pub fn load(file: &Path, overrides: &[String]) -> Result<Loaded, Invalid> {
    let source = read_source(file)?;
    let mut loaded = from_source(source, file, overrides)?;
    loaded.config.files.insert(0, file.to_owned());
    loaded.config.watched.insert(0, file.to_owned());
    Ok(loaded)
}

/// The text of a file of the configuration.
fn read_source(file: &Path) -> Result<Source, Invalid> {
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
    Ok(Source::new(&name, &text))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(file)?;
    file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a configuration from `text`; `file` names it in diagnostics.
pub fn from_text(file: &str, text: &str, overrides: &[String]) -> Result<Loaded, Invalid> {
    from_source(Source::new(file, text), Path::new(file), overrides)
}

fn from_source(source: Source, file: &Path, overrides: &[String]) -> Result<Loaded, Invalid> {
    let mut root = document::parse(&source, 0)?;
    let mut sources = vec![source];
    // Which files there are must be known before they can be read; what else
    // the command line says comes after all of them.
    let (first, later): (Vec<_>, Vec<_>) = overrides
        .iter()
        .partition(|option| overrides::names(option, "config_files"));
    for option in first {
        overrides::apply(&mut root, option, &mut sources)?;
    }
    let included = include::include(file, &mut root, &mut sources)?;
    for option in later {
        overrides::apply(&mut root, option, &mut sources)?;
    }
    expand::expand(&mut root, &|name| std::env::var(name).ok());

    let mut config = defaults();
    let mut reader = Reader::new(&sources);
    reader.map(KEYS, "", &root, &mut config);
    check_relations(&root, &config, &mut reader);
    let diagnostics = reader.diagnostics;
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity() == Severity::Error;
    if diagnostics.iter().any(is_error) {
        return Err(Invalid(diagnostics));
    }
    config.sources = sources;
    config.files = included.files;
    config.watched = included.named;
    Ok(Loaded {
        config,
        warnings: diagnostics,
    })
}

/// What no row of the table can see alone.
fn check_relations(root: &Node, config: &Config, reader: &mut Reader<'_>) {
    for key in KEYS {
        if let Support::Absent { switch, reason } = key.support
            && let Some(node) = at(root, key.name)
            && is_on(node)
            && at(root, switch).is_some_and(is_on)
        {
            let message = format!("key {} has no effect: {reason}", key.name);
            reader.warning(node.place, message);
        }
    }
    for (enabled, switch, missing) in [
        (
            config.outputs.program.enabled && config.outputs.program.program.is_empty(),
            "program_output",
            "program",
        ),
        (
            config.outputs.http.enabled && config.outputs.http.url.is_empty(),
            "http_output",
            "url",
        ),
        (
            config.outputs.remote_syslog.enabled && config.outputs.remote_syslog.address.is_empty(),
            "remote_syslog_output",
            "address",
        ),
    ] {
        if enabled && let Some(node) = at(root, &format!("{switch}.enabled")) {
            let message = format!("{switch}.enabled needs {switch}.{missing}");
            reader.error(node.place, message);
        }
    }
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

/// The node at a path of names.
fn at<'n>(root: &'n Node, name: &str) -> Option<&'n Node> {
    name.split('.').try_fold(root, |node, part| node.get(part))
}

fn is_on(node: &Node) -> bool {
    node.scalar().and_then(yaml::Scalar::boolean) == Some(true)
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
