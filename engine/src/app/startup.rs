//! What happens before the first event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use falco_abi::control::{DEVICE_PATH, Interest, SNAPLEN_MAX, Setup, hook};
use falco_abi::event::{Event as Kind, traits};
use falco_abi::syscall::{NONE, SYSCALL_MAX, SYSCALLS};
use log::{error, info, warn};

use crate::cli::Cli;
use crate::config::permissions::exposed;
use crate::config::{self, Config, EngineKind, RuleMatching};
use crate::diagnostic::{self, Place, Span};
use crate::filter::fields::FIELDS;
use crate::filter::table::{FieldTable, STATIC_PREFIX};
use crate::metadata::Containers;
use crate::metadata::endpoint::Limits;
use crate::metadata::kubernetes::Times;
use crate::metadata::runtimes::Runtimes;
use crate::rules::{
    AppendOutput, Diagnostic, LoadOptions, LoadResult, Ruleset, Selection, Selector, Severity,
    files,
};
use crate::source::capture::CaptureSource;
use crate::source::ebpf::{self, EbpfSource};
use crate::source::{Source, interest, kmod::KmodSource};
use crate::state::{Purging, State};
use crate::yaml::Node;

/// Rules that can be used.
pub(super) struct Rules {
    pub(super) ruleset: Ruleset,
    /// The files that they come from.
    pub(super) files: Vec<PathBuf>,
    /// How many of them are active.
    pub(super) active: usize,
}

/// Loads the rules that command line and configuration name.
pub(super) fn load_rules(cli: &Cli, config: &Config) -> anyhow::Result<Rules> {
    let files = cli.rules_files(config)?;
    let options = rule_options(cli, config);
    for path in &files {
        info!("loading rules from {}", path.display());
    }
    for exposed in config
        .files
        .iter()
        .chain(&files)
        .filter_map(|path| exposed(path))
    {
        warn!("{exposed}");
    }
    let LoadResult {
        ruleset,
        diagnostics,
    } = read_rules(&files, &fields(config), &options);
    let Some(ruleset) = ruleset else {
        return Err(Refused(diagnostics).into());
    };
    for diagnostic in diagnostics {
        warn!("{diagnostic}");
    }
    let active = ruleset.rules().filter(|rule| rule.active).count();
    info!("{active} of {} rules are active", ruleset.rules().len());
    Ok(Rules {
        ruleset,
        files,
        active,
    })
}

/// The fields that rules can name: those of the program and those of the
/// configuration.
pub(super) fn fields(config: &Config) -> FieldTable {
    FieldTable::new(FIELDS).with_statics(&config.static_fields)
}

/// What is wrong with rules, so that they cannot be used.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Vec<Diagnostic>);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = errors(&self.0);
        write!(f, "{count} error(s) in the rules, see above")
    }
}

impl std::error::Error for Refused {}

/// How rules are loaded, by configuration and command line.
pub(super) fn rule_options(cli: &Cli, config: &Config) -> LoadOptions {
    let mut options = LoadOptions {
        min_priority: config.priority,
        selection: selection(cli, config),
        append_output: config.append_output.clone(),
        append_sources: config.sources.clone(),
        want_fields: config.outputs.format.json,
        match_all: config.rule_matching == RuleMatching::All,
    };
    let suggested = config.append_output.iter().filter(|entry| entry.suggested);
    let suggested = suggested.map(|entry| suggested_output(entry, &config.static_fields));
    options.append_output.extend(suggested);
    for text in &cli.print {
        append_printed(text, &mut options);
    }
    options
}

/// Rules turned on and off: by the configuration, then by the command line.
fn selection(cli: &Cli, config: &Config) -> Vec<Selection> {
    let of = |enable: bool, rules: &config::RuleSelector| {
        let rule = rules.rule.iter().map(|t| Selector::Rule(t.value.clone()));
        let tag = rules.tag.iter().map(|t| Selector::Tag(t.value.clone()));
        let all: Vec<_> = rule.chain(tag).collect();
        let selections = all.into_iter();
        selections.map(move |selector| Selection { enable, selector })
    };
    let mut all = Vec::new();
    for entry in &config.rules {
        all.extend(entry.enable.iter().flat_map(|rules| of(true, rules)));
        all.extend(entry.disable.iter().flat_map(|rules| of(false, rules)));
    }
    let mut add = |enable, selector| all.push(Selection { enable, selector });
    for part in &cli.disable {
        add(false, Selector::Rule(format!("*{part}*")));
    }
    for tag in &cli.disable_tags {
        add(false, Selector::Tag(tag.clone()));
    }
    if !cli.only_tags.is_empty() {
        add(false, Selector::Rule("*".to_owned()));
    }
    for tag in &cli.only_tags {
        add(true, Selector::Tag(tag.clone()));
    }
    all
}

/// What `-p` adds to all outputs. Its old short forms add nothing: what they
/// stood for is in the outputs of rules.
fn append_printed(text: &str, options: &mut LoadOptions) {
    if matches!(text, "c" | "container" | "k" | "kubernetes") {
        return;
    }
    let file = options.append_sources.len();
    let span = Span::new(0, text.len());
    let node = Node::plain(text, Place { file, span });
    let source = diagnostic::Source::option(&format!("-p {text}"), text);
    options.append_sources.push(source);
    options.append_output.push(AppendOutput {
        extra_output: node.scalar().map(Into::into),
        ..AppendOutput::default()
    });
}

/// What `suggested_output` adds to the rules of an entry.
fn suggested_output(entry: &AppendOutput, statics: &BTreeMap<String, String>) -> AppendOutput {
    const SUGGESTED: [&str; 6] = [
        "container.id",
        "container.name",
        "container.image.repository",
        "container.image.tag",
        "k8s.pod.name",
        "k8s.ns.name",
    ];
    let statics = statics.keys().map(|key| format!("{STATIC_PREFIX}{key}"));
    let names = statics.chain(SUGGESTED.map(str::to_owned));
    let texts: Vec<_> = names
        .map(|name| format!("{}=%{name}", name.replace('.', "_")))
        .collect();
    AppendOutput {
        matches: entry.matches.clone(),
        extra_output: Some(texts.join(" ").as_str().into()),
        ..AppendOutput::default()
    }
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics
        .iter()
        .filter(|d| d.severity() == Severity::Error)
        .count()
}

/// Reads and loads all files, so that everything that is wrong is told at once.
pub(super) fn read_rules(
    paths: &[PathBuf],
    fields: &FieldTable,
    options: &LoadOptions,
) -> LoadResult {
    let (sources, mut diagnostics) = files::read(paths);
    let unreadable = errors(&diagnostics) > 0;
    let mut result = Ruleset::load(sources, fields, options);
    diagnostics.append(&mut result.diagnostics);
    LoadResult {
        ruleset: result.ruleset.filter(|_| !unreadable),
        diagnostics,
    }
}

/// Where events really come from. What `auto` stands for is decided once: the device may
/// come later, and does not change where they come from.
pub(super) fn kind(config: &Config) -> EngineKind {
    static FOUND: OnceLock<EngineKind> = OnceLock::new();
    match config.engine.kind {
        EngineKind::Auto => *FOUND.get_or_init(|| match device_path().exists() {
            true => EngineKind::Kmod,
            false => EngineKind::ModernEbpf,
        }),
        kind => kind,
    }
}

/// Opens the kernel's side of the source of events: the module's device belongs to
/// root, and so must be opened before privileges are given up.
pub(super) fn open_device(config: &Config) -> anyhow::Result<Option<Box<dyn Source>>> {
    let chosen = config.engine.kind == EngineKind::Auto;
    let source = match kind(config) {
        EngineKind::Replay => return Ok(None),
        EngineKind::ModernEbpf if chosen => {
            info!("there is no {DEVICE_PATH}: events come from eBPF programs");
            open_ebpf(config).with_context(|| {
                format!(
                    "there is no source of events: the kernel module is not loaded (no \
                     {DEVICE_PATH}; `modprobe falco_kmod` loads it), and eBPF cannot be used"
                )
            })?
        }
        EngineKind::ModernEbpf => open_ebpf(config)?,
        EngineKind::Kmod | EngineKind::Auto => {
            if chosen {
                info!("{DEVICE_PATH} is there: events come from the module");
            }
            open_kmod(config)?
        }
    };
    Ok(Some(source))
}

/// Opens what the configuration names as the source of events, unless it is a
/// device that is open already, and begins to take from it what the rules and
/// the state need.
pub(super) fn open_source(
    config: &Config,
    ruleset: &Ruleset,
    device: Option<Box<dyn Source>>,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    let engine = &config.engine;
    let wanted = wanted(config, ruleset);
    match device {
        Some(source) => attach(config, source, &wanted, needs_files(config, ruleset)),
        None => {
            if engine.capture_file.as_os_str().is_empty() {
                bail!("engine.kind is `replay`, but engine.replay.capture_file names no capture");
            }
            info!("reading the capture {}", engine.capture_file.display());
            let mut source = CaptureSource::open(&engine.capture_file)?;
            source.set_interest(&wanted)?;
            source.leave_out_queries(!wants_queries(config, ruleset));
            let mut state = State::new();
            state.keep_open_files(needs_files(config, ruleset));
            if engine.threads > 0 {
                state.set_thread_limit(engine.threads);
            }
            if let Ok(name) = std::env::var("FALCO_HOSTNAME") {
                state.choose_hostname(&name);
            }
            source.restore(&mut state)?;
            info!("{} threads were running", state.threads().len());
            Ok((Box::new(source), state))
        }
    }
}

/// Begins to take from the module, or where it is not from eBPF programs, what is wanted.
pub(super) fn open_live(
    config: &Config,
    wanted: &Interest,
    open_files: bool,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    let source = open_device(config)?.context("a capture is no live source")?;
    attach(config, source, wanted, open_files)
}

/// The module's device; in a container the host's devices may be elsewhere.
fn device_path() -> PathBuf {
    let beside = host_root().join(DEVICE_PATH.trim_start_matches('/'));
    match beside.exists() {
        true => beside,
        false => PathBuf::from(DEVICE_PATH),
    }
}

/// What the kernel half is asked for, with rings of so many bytes.
fn setup(config: &Config, ring_bytes: u32) -> Setup {
    let limits = config.engine.limits;
    if limits.snaplen.max(limits.port_snaplen) > SNAPLEN_MAX {
        warn!("falco_libs.snaplen: no more than {SNAPLEN_MAX} bytes are kept");
    }
    Setup {
        ring_bytes: ring_bytes.into(),
        snaplen: limits.snaplen.min(SNAPLEN_MAX),
        port_snaplen: limits.port_snaplen.min(SNAPLEN_MAX),
        port_first: limits.port_first,
        port_last: limits.port_last,
        throttle: limits.throttle,
        ..Setup::default()
    }
}

fn open_kmod(config: &Config) -> anyhow::Result<Box<dyn Source>> {
    let setup = setup(config, config.engine.buffer_size);
    let source = KmodSource::open_with(&device_path(), setup)?;
    let (rings, size) = source.rings();
    info!("reading {rings} rings of {} KiB", size >> 10);
    Ok(Box::new(source))
}

fn open_ebpf(config: &Config) -> anyhow::Result<Box<dyn Source>> {
    let options = config.engine.ebpf;
    let source = EbpfSource::open(ebpf::Options {
        setup: setup(config, options.buffer_size),
        cpus_for_each_buffer: options.cpus_for_each_buffer,
    })?;
    let (rings, size) = source.rings();
    info!("reading {rings} rings of {} KiB", size >> 10);
    Ok(Box::new(source))
}

fn attach(
    config: &Config,
    mut source: Box<dyn Source>,
    wanted: &Interest,
    open_files: bool,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    source.set_interest(wanted)?;
    let state = read_state(config, open_files)?;
    Ok((source, state))
}

/// Whether the state must know what processes have open.
pub(super) fn needs_files(config: &Config, ruleset: &Ruleset) -> bool {
    // A capture tells of descriptors whatever the rules ask.
    config.capture.enabled
        || match config.engine.kind {
            EngineKind::Replay => ruleset.needs_recorded_files(),
            _ => ruleset.needs_open_files(),
        }
}

/// Whether calls of `fcntl` are of interest that change nothing: the state needs
/// the others alone.
pub(super) fn wants_queries(config: &Config, ruleset: &Ruleset) -> bool {
    config.capture.enabled || ruleset.wants_kind(Kind::Fcntl)
}

/// What the kernel is to record: what the rules can match, what the state needs,
/// and what the configuration adds or takes away.
pub(super) fn wanted(config: &Config, ruleset: &Ruleset) -> Interest {
    if config.capture.enabled && config.engine.kind == EngineKind::Replay {
        // A capture of a capture has all that is in it.
        return interest(0..SYSCALL_MAX as u32);
    }
    let mut wanted = match needs_files(config, ruleset) {
        true => interest(state_syscalls().chain(descriptor_syscalls())),
        false => interest(state_syscalls()),
    };
    let rules = ruleset.interest();
    for (ours, rules) in wanted.syscalls.iter_mut().zip(rules.syscalls) {
        *ours |= rules;
    }
    // What we do ourselves is no news.
    wanted.hooks |= rules.hooks | hook::NO_OWN;
    for name in &config.base_syscalls.custom_set {
        let (name_only, add) = match name.value.strip_prefix('!') {
            Some(name) => (name, false),
            None => (name.value.as_str(), true),
        };
        let Some(call) = SYSCALLS.iter().find(|s| s.name == name_only) else {
            let message = format!("no system call is called `{name_only}`");
            let warning = config::Diagnostic::warning(name.origin.clone(), message);
            warn!("{warning}");
            continue;
        };
        let number = usize::from(call.number());
        if call.number() != NONE {
            let bit = 1 << (number % 64);
            let word = &mut wanted.syscalls[number / 64];
            *word = if add { *word | bit } else { *word & !bit };
        }
    }
    let drop_failed_exit = match kind(config) {
        EngineKind::ModernEbpf => config.engine.ebpf.drop_failed_exit,
        _ => config.engine.drop_failed_exit,
    };
    if drop_failed_exit {
        wanted.hooks |= hook::NO_FAILED;
    }
    wanted
}

/// System calls that change what the state knows. Process exec, fork and exit
/// have hooks of their own.
fn state_syscalls() -> impl Iterator<Item = u32> {
    const STATE: [&str; 19] = [
        "setuid",
        "setgid",
        "setreuid",
        "setregid",
        "setresuid",
        "setresgid",
        "clone",
        "clone3",
        "fork",
        "vfork",
        "chdir",
        "fchdir",
        "setsid",
        "setpgid",
        "prctl",
        "capset",
        "unshare",
        "setrlimit",
        "prlimit64",
    ];
    SYSCALLS
        .iter()
        .filter(|s| s.number() != NONE && STATE.contains(&s.name))
        .map(|s| s.number().into())
}

/// System calls that change what a process has open.
fn descriptor_syscalls() -> impl Iterator<Item = u32> {
    const CHANGE: [&str; 5] = ["fcntl", "connect", "bind", "recvmsg", "close_range"];
    const MADE: u16 = traits::CREATES_FD | traits::DESTROYS_FD;
    SYSCALLS
        .iter()
        .filter(|s| s.event.info().traits & MADE != 0 || CHANGE.contains(&s.name))
        .filter(|s| s.number() != NONE)
        .map(|s| s.number().into())
}

/// Where the files of the machine are: elsewhere than in `/` if the program runs
/// in a container.
pub(super) fn host_root() -> PathBuf {
    std::env::var_os("HOST_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// How long the start waits for what the runtimes know of running containers.
const SETTLE: Duration = Duration::from_millis(500);

/// Reads what runs already. Capture is on by now: whatever starts meanwhile is
/// seen by one or the other.
fn read_state(config: &Config, open_files: bool) -> anyhow::Result<State> {
    let host_root = host_root();
    let containers = Arc::new(Containers::new());
    Runtimes::start(
        &host_root,
        config.engines.clone(),
        Limits::default(),
        &containers,
    )
    .context("cannot start asking container runtimes")?;
    if let Err(error) = config
        .kubernetes
        .start(Times::default(), containers.cluster())
    {
        // Alerts are worth more than labels.
        error!("the API server is not asked: {error}");
    }
    let mut state = State::of_host(&host_root, containers).context("cannot read processes")?;
    state.keep_open_files(open_files);
    state.set_purging(Purging {
        interval: config.engine.purging_interval,
        timeout: config.engine.purging_timeout,
    });
    let threads = config.engine.threads;
    if threads > 0 {
        state.set_thread_limit(threads);
    }
    let threads = state.scan();
    info!("{threads} threads are running");
    if !state.containers().settle(SETTLE) {
        warn!("some container runtime has not answered yet; names of its containers come later");
    }
    Ok(state)
}
