//! What happens before the first event.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, bail};
use falco_abi::control::{DEVICE_PATH, Interest, SNAPLEN_MAX, STRINGS_MAX, Setup, hook};
use falco_abi::event::{Event as Kind, traits};
use falco_abi::syscall::{NONE, SYSCALL_MAX, SYSCALL_WORDS, SYSCALLS};
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
use crate::source::nodriver::Nodriver;
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
        EngineKind::Nodriver => {
            warn!("engine.kind is `nodriver`: no system call is looked at");
            Box::new(Nodriver)
        }
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
    wanted: &Interest,
    device: Option<Box<dyn Source>>,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    let engine = &config.engine;
    match device {
        Some(source) => attach(config, source, wanted, Needs::of(config, ruleset)),
        None => {
            if engine.capture_file.as_os_str().is_empty() {
                bail!("engine.kind is `replay`, but engine.replay.capture_file names no capture");
            }
            info!("reading the capture {}", engine.capture_file.display());
            let mut source = CaptureSource::open(&engine.capture_file)?;
            if engine.replay_speed > 0.0 {
                source.set_speed(engine.replay_speed);
            }
            source.set_interest(wanted)?;
            source.leave_out_queries(!wants_queries(config, ruleset));
            let mut state = State::new();
            Needs::of(config, ruleset).tell(&mut state);
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
    needs: Needs,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    let source = open_device(config)?.context("a capture is no live source")?;
    attach(config, source, wanted, needs)
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
    if limits.strings > STRINGS_MAX {
        warn!("falco_libs.args_and_env_bytes: no more than {STRINGS_MAX} bytes are kept");
    }
    Setup {
        ring_bytes: ring_bytes.into(),
        snaplen: limits.snaplen.min(SNAPLEN_MAX),
        port_snaplen: limits.port_snaplen.min(SNAPLEN_MAX),
        port_first: limits.port_first,
        port_last: limits.port_last,
        throttle: limits.throttle,
        throttle_group: limits.throttle_group,
        strings: limits.strings.min(STRINGS_MAX),
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
    needs: Needs,
) -> anyhow::Result<(Box<dyn Source>, State)> {
    source.set_interest(wanted)?;
    let state = read_state(config, needs)?;
    Ok((source, state))
}

/// What the state must know besides threads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Needs {
    /// What processes have open.
    open_files: bool,
    /// The environments of programs that ran before the first event.
    environments: bool,
}

impl Needs {
    pub(super) const ALL: Self = Self {
        open_files: true,
        environments: true,
    };

    pub(super) fn of(config: &Config, ruleset: &Ruleset) -> Self {
        Self {
            open_files: needs_files(config, ruleset),
            // A capture has all of them.
            environments: config.capture.enabled || ruleset.needs_environments(),
        }
    }

    pub(super) fn tell(self, state: &mut State) {
        state.keep_open_files(self.open_files);
        state.keep_environments(self.environments);
    }
}

/// Whether the state must know what processes have open.
fn needs_files(config: &Config, ruleset: &Ruleset) -> bool {
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
    let (added, removed) = custom_syscalls(&config.base_syscalls.custom_set);
    // As Falco has it: what is named stands for what the state needs.
    let mut wanted = match added.is_empty() || config.base_syscalls.repair {
        true if needs_files(config, ruleset) => {
            interest(state_syscalls().chain(descriptor_syscalls()))
        }
        true => interest(state_syscalls()),
        false => interest([]),
    };
    let rules = ruleset.interest();
    for (ours, rules) in wanted.syscalls.iter_mut().zip(rules.syscalls) {
        *ours |= rules;
    }
    wanted.descriptors = match config.capture.enabled {
        true => [u64::MAX; SYSCALL_WORDS],
        // The state knows by other events what is open, so what rules ask counts alone.
        false => rules.descriptors,
    };
    // What we do ourselves is no news.
    wanted.hooks |= rules.hooks | hook::NO_OWN;
    let bit = |number: u32| (number as usize / 64, 1_u64 << (number % 64));
    for number in added {
        let (word, bit) = bit(number);
        wanted.syscalls[word] |= bit;
    }
    for number in removed {
        let (word, bit) = bit(number);
        wanted.syscalls[word] &= !bit;
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

/// Numbers that `base_syscalls.custom_set` adds, and those that it removes.
fn custom_syscalls(names: &[config::Text]) -> (Vec<u32>, Vec<u32>) {
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for name in names {
        let (name_only, list) = match name.value.strip_prefix('!') {
            Some(name) => (name, &mut removed),
            None => (name.value.as_str(), &mut added),
        };
        match SYSCALLS.iter().find(|call| call.name == name_only) {
            // It may be one of another architecture.
            Some(call) => list.extend(Some(call.number()).filter(|&n| n != NONE).map(u32::from)),
            None => {
                let message = format!("no system call is called `{name_only}`");
                let warning = config::Diagnostic::warning(name.origin.clone(), message);
                warn!("{warning}");
            }
        }
    }
    (added, removed)
}

/// System calls that change what the state knows. Process exec, fork and exit
/// have hooks of their own.
fn state_syscalls() -> impl Iterator<Item = u32> {
    const STATE: [&str; 20] = [
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
        "setns",
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
    const CHANGE: [&str; 6] = [
        "fcntl",
        "connect",
        "bind",
        "recvmsg",
        "recvmmsg",
        "close_range",
    ];
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
fn read_state(config: &Config, needs: Needs) -> anyhow::Result<State> {
    let host_root = host_root();
    let containers = Arc::new(Containers::new());
    Runtimes::start(
        &host_root,
        config.engines.clone(),
        Limits {
            hold: config.holding.time,
            ..Limits::default()
        },
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
    needs.tell(&mut state);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSource;

    /// The names of what is wanted, with these settings and a rule about `openat`.
    fn names(settings: &str) -> Vec<&'static str> {
        let rules = "- {rule: r, desc: d, condition: evt.type = openat, output: o, priority: INFO}";
        let fields = FieldTable::new(FIELDS);
        let sources = [RuleSource {
            path: "rules".into(),
            text: rules.into(),
        }];
        let ruleset = Ruleset::load(sources, &fields, &LoadOptions::default());
        let config = config::from_text("falco.yaml", settings, &[])
            .unwrap()
            .config;
        let wanted = wanted(&config, &ruleset.ruleset.unwrap());
        assert_eq!(wanted.hooks & hook::EXIT, hook::EXIT);
        let is_wanted = |number: u16| {
            number != NONE && wanted.syscalls[usize::from(number) / 64] & 1 << (number % 64) != 0
        };
        let calls = SYSCALLS.iter().filter(|call| is_wanted(call.number()));
        calls.map(|call| call.name).collect()
    }

    #[test]
    fn base_syscalls_change_what_is_recorded() {
        let usual = names("");
        assert!(usual.contains(&"openat") && usual.contains(&"setuid"));
        assert!(!usual.contains(&"read") && !usual.contains(&"nanosleep"));
        // Names stand for what the state needs, and are beside it with `repair`.
        assert_eq!(
            names("base_syscalls: {custom_set: [read]}"),
            ["read", "openat"]
        );
        let mut repaired = names("base_syscalls: {custom_set: [read], repair: true}");
        repaired.retain(|name| *name != "read");
        assert_eq!(repaired, usual);
        assert_eq!(names("base_syscalls: {repair: true}"), usual);
        // What is not wanted goes from what the rules want, too.
        let without = names("base_syscalls: {custom_set: ['!openat', '!setuid']}");
        let mut expected = usual;
        expected.retain(|name| !["openat", "setuid"].contains(name));
        assert_eq!(without, expected);
        // None of the rules' calls is left out for its volume.
        let mut loud = names("base_syscalls: {all: true}");
        loud.retain(|name| !["openat", "setuid"].contains(name));
        assert_eq!(loud, expected);
    }

    #[test]
    fn failed_calls_are_left_out_in_the_kernel() {
        let hooks = |settings: &str| {
            let config = config::from_text("falco.yaml", settings, &[])
                .unwrap()
                .config;
            let ruleset = Ruleset::load(
                Vec::<RuleSource>::new(),
                &FieldTable::new(FIELDS),
                &LoadOptions::default(),
            );
            wanted(&config, &ruleset.ruleset.unwrap()).hooks & hook::NO_FAILED
        };
        for (kind, other) in [("kmod", "modern_ebpf"), ("modern_ebpf", "kmod")] {
            let key = |kind: &str, of: &str| {
                format!("engine: {{kind: {kind}, {of}: {{drop_failed_exit: true}}}}")
            };
            assert_eq!(hooks(&key(kind, kind)), hook::NO_FAILED);
            assert_eq!(hooks(&key(kind, other)), 0);
        }
    }

    #[test]
    fn keys_of_the_source_arrive() {
        let config = |text: &str| config::from_text("falco.yaml", text, &[]).unwrap().config;
        let rings = |text: &str| config(text).engine.ebpf.cpus_for_each_buffer;
        assert_eq!(rings(""), 2);
        assert_eq!(rings("engine: {modern_ebpf: {cpus_for_each_buffer: 5}}"), 5);
        let table = config(
            "falco_libs: {thread_table_size: 7, thread_table_auto_purging_interval_s: 8, \
             thread_table_auto_purging_thread_timeout_s: 9, snaplen: 10}",
        );
        let engine = &table.engine;
        assert_eq!((engine.threads, engine.purging_interval), (7, 8));
        assert_eq!((engine.purging_timeout, setup(&table, 1).snaplen), (9, 10));
        let holding = config("containers: {hold_ms: 11, hold_mib: 12}").holding;
        assert_eq!((holding.time.as_millis(), holding.bytes), (11, 12 << 20));
    }

    #[test]
    fn the_state_hears_of_what_it_keeps() {
        fn has(mut calls: impl Iterator<Item = u32>, name: &str) -> bool {
            let call = SYSCALLS.iter().find(|call| call.name == name);
            let number = u32::from(call.expect("a call").number());
            calls.any(|call| call == number)
        }
        for name in ["clone3", "unshare", "setns", "prlimit64"] {
            assert!(has(state_syscalls(), name), "{name}");
        }
        for name in ["openat", "dup3", "recvmsg", "recvmmsg", "close_range"] {
            assert!(has(descriptor_syscalls(), name), "{name}");
        }
        assert!(!has(
            state_syscalls().chain(descriptor_syscalls()),
            "getpid"
        ));
    }
}
