//! What happens before the first event.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use falco_abi::control::{DEVICE_PATH, Interest, hook};
use falco_abi::syscall::{NONE, SYSCALLS};
use log::{info, warn};

use crate::cli::Cli;
use crate::config::{self, Config, RuleMatching};
use crate::filter::fields::FIELDS;
use crate::filter::table::FieldTable;
use crate::metadata::{Containers, cri};
use crate::rules::{
    AppendOutput, Diagnostic, ExtraField, LoadOptions, LoadResult, Match, Placement, Ruleset,
    Severity, files,
};
use crate::source::{Source, interest, kmod::KmodSource};
use crate::state::State;

/// `-V`: says what is wrong with the rules.
pub(super) fn validate(cli: &Cli) -> ExitCode {
    let paths = match cli.files_to_validate() {
        Ok(paths) => paths,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let LoadResult {
        ruleset,
        diagnostics,
    } = read_rules(&paths, &LoadOptions::default());
    for diagnostic in &diagnostics {
        println!("{diagnostic}");
    }
    let (verdict, code) = match (ruleset, diagnostics.is_empty()) {
        (None, _) => ("Invalid", ExitCode::FAILURE),
        (Some(_), true) => ("Ok", ExitCode::SUCCESS),
        (Some(_), false) => ("Ok, with warnings", ExitCode::SUCCESS),
    };
    for path in &cli.validate {
        println!("{}: {verdict}", path.display());
    }
    code
}

/// Loads the rules that command line and configuration name.
pub(super) fn load_rules(cli: &Cli, config: &Config) -> anyhow::Result<Ruleset> {
    let paths = cli.rules_files(config)?;
    let options = LoadOptions {
        min_priority: config.priority,
        append_output: config.append_output.iter().map(append_output).collect(),
        want_fields: config.outputs.format.json,
        match_all: config.rule_matching == RuleMatching::All,
        ..LoadOptions::default()
    };
    for path in &paths {
        info!("loading rules from {}", path.display());
    }
    let LoadResult {
        ruleset,
        diagnostics,
    } = read_rules(&paths, &options);
    let Some(ruleset) = ruleset else {
        // On standard error, each with its place, whatever the log is set to.
        for diagnostic in &diagnostics {
            eprintln!("{diagnostic}");
        }
        bail!("{} error(s) in the rules, see above", errors(&diagnostics));
    };
    for diagnostic in diagnostics {
        warn!("{diagnostic}");
    }
    let active = ruleset.rules().filter(|rule| rule.active).count();
    info!("{active} of {} rules are active", ruleset.rules().len());
    Ok(ruleset)
}

fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics
        .iter()
        .filter(|d| d.severity() == Severity::Error)
        .count()
}

/// Reads and loads all files, so that everything that is wrong is told at once.
fn read_rules(paths: &[PathBuf], options: &LoadOptions) -> LoadResult {
    let (sources, mut diagnostics) = files::read(paths);
    let unreadable = errors(&diagnostics) > 0;
    let mut result = Ruleset::load(&sources, &FieldTable::new(FIELDS), options);
    diagnostics.append(&mut result.diagnostics);
    LoadResult {
        ruleset: result.ruleset.filter(|_| !unreadable),
        diagnostics,
    }
}

/// What the configuration says, in the loader's terms.
fn append_output(entry: &config::AppendOutput) -> AppendOutput {
    let text = |t: &config::Text| t.value.clone();
    AppendOutput {
        matches: Match {
            source: entry.matching.source.as_ref().map(text),
            rule: entry.matching.rule.as_ref().map(text),
            tags: entry.matching.tags.iter().map(text).collect(),
        },
        extra_output: entry.extra_output.as_ref().map(text),
        extra_fields: entry
            .extra_fields
            .iter()
            .map(|field| match &field.format {
                None => ExtraField::Field(text(&field.name)),
                Some(format) => ExtraField::Formatted {
                    name: text(&field.name),
                    format: text(format),
                },
            })
            .collect(),
        placement: match entry.placement {
            config::Placement::End => Placement::End,
            config::Placement::BeforeClosingParenthesis => Placement::BeforeClosingParenthesis,
        },
        when: entry.when.as_ref().map(text),
    }
}

/// Opens the module's device and begins to capture what the rules and the
/// state need.
pub(super) fn open_source(config: &Config, ruleset: &Ruleset) -> anyhow::Result<KmodSource> {
    let mut source = KmodSource::open(Path::new(DEVICE_PATH), config.engine.buffer_size.into())?;
    let (rings, size) = source.rings();
    info!("reading {rings} rings of {} KiB", size >> 10);
    source.set_interest(&wanted(config, ruleset))?;
    Ok(source)
}

/// What the kernel is to record: what the rules can match, what the state needs,
/// and what the configuration adds or takes away.
fn wanted(config: &Config, ruleset: &Ruleset) -> Interest {
    let mut wanted = interest(state_syscalls());
    for (ours, rules) in wanted.syscalls.iter_mut().zip(ruleset.interest().syscalls) {
        *ours |= rules;
    }
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
    if config.engine.drop_failed_exit {
        wanted.hooks |= hook::NO_FAILED;
    }
    wanted
}

/// System calls that change what the state knows. Process exec, fork and exit
/// have hooks of their own.
fn state_syscalls() -> impl Iterator<Item = u32> {
    const STATE: [&str; 16] = [
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
    ];
    SYSCALLS
        .iter()
        .filter(|s| s.number() != NONE && STATE.contains(&s.name))
        .map(|s| s.number().into())
}

/// How long the start waits for what the runtimes know of running containers.
const SETTLE: Duration = Duration::from_millis(500);

/// Reads what runs already. Capture is on by now: whatever starts meanwhile is
/// seen by one or the other.
pub(super) fn read_state(_capturing: &KmodSource) -> anyhow::Result<State> {
    let host_root = std::env::var_os("HOST_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let containers = Arc::new(Containers::new());
    let sockets = cri::default_sockets(&host_root);
    let runtimes = cri::Cri::start(sockets, cri::Limits::default())
        .context("cannot start asking container runtimes")?;
    containers.set_asker(Box::new(runtimes));
    let mut state = State::of_host(&host_root, containers).context("cannot read processes")?;
    let threads = state.scan();
    info!("{threads} threads are running");
    if !state.containers().settle(SETTLE) {
        warn!("some container runtime has not answered yet; names of its containers come later");
    }
    Ok(state)
}
