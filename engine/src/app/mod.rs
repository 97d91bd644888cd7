//! The program: from the command line to the end of the last alert.

mod capture;
mod check;
pub mod documents;
mod duty;
mod held;
pub mod listing;
mod loss;
mod notify;
mod pipeline;
pub mod print;
mod privileges;
pub mod record;
mod reload;
mod services;
mod signals;
mod startup;
pub mod stream;
mod support;
mod top;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use log::{error, info, warn};

use crate::cli::{self, Action, Cli};
use crate::config::{EngineKind, Loaded};
use crate::filter::hosts;
use crate::logging;
use crate::metrics::{self, Board, Identity};
use crate::output::{Outputs, Statistics};
use duty::Duty;
use notify::Notify;
use pipeline::{Limit, Pipeline};
use services::Services;
use startup::Refused;
use watch::Watch;

/// How long the outputs have at the end for what still waits in their queues.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the program. Errors are on standard error when it returns.
pub fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(done) => return done,
    };
    if let Some(Action::Top {
        address,
        config,
        rounds,
    }) = &cli.action
    {
        let target = top::Target::new(address.as_deref(), config);
        return ended(target.and_then(|target| top::top(&target, *rounds)));
    }
    logging::start();
    match &cli.action {
        Some(Action::Print(options)) => return ended(print::print(options)),
        Some(Action::Record(options)) => return ended(record::record(options)),
        Some(Action::Top { .. }) | None => {}
    }
    if let Some(text) = cli.listing() {
        return printed(&text);
    }
    if cli.version {
        return printed(&support::version(&cli));
    }
    if !cli.validate.is_empty() {
        return match cli.load_config_if_there() {
            Ok(loaded) => check::validate(&cli, &loaded.config),
            Err(error) => failed(&error.into()),
        };
    }
    match run(&cli) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    // Everything that is wrong, the last reason included.
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}

fn printed(text: &str) -> ExitCode {
    // Whoever reads may have seen enough.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let only_shown = cli.list_rules || cli.list_rule.is_some() || cli.explain.is_some();
    let loaded = match only_shown && !cli.rules.is_empty() {
        true => cli.load_config_if_there()?,
        false => cli.load_config()?,
    };
    let Loaded { config, warnings } = loaded;
    if config.engine.kind != EngineKind::Replay
        && let Some(reason) = cli.refused_source()
    {
        bail!(reason);
    }
    if let Some(name) = &cli.explain {
        return check::explain(cli, &config, name);
    }
    if only_shown {
        return check::describe(cli, &config);
    }
    if cli.support {
        return Ok(printed(&support::support(cli, &config)?));
    }
    logging::configure(&config, cli.verbose);
    info!("falco-engine {}", env!("CARGO_PKG_VERSION"));
    for warning in warnings {
        warn!("{warning}");
    }
    // Before anything is opened: a wrong rule must not stop a running capture.
    let rules = startup::load_rules(cli, &config).inspect_err(|error| {
        // On standard error, each with its place, whatever the log is set to.
        if let Some(Refused(diagnostics)) = error.downcast_ref() {
            for diagnostic in diagnostics {
                eprintln!("{diagnostic}");
            }
        }
    })?;
    if cli.dry_run {
        // A file that is made by the check is that of who will write to it.
        privileges::drop_privileges(&config, startup::kind(&config));
        Outputs::check(&config.outputs)?;
        info!("configuration, rules and outputs can be used; that is all for a dry run");
        return Ok(ExitCode::SUCCESS);
    }
    let device = startup::open_device(&config)?;
    if let Some(path) = &cli.pid_file
        && let Err(error) = cli::write_pid_file(path)
    {
        error!("cannot write the pid file {}: {error}", path.display());
        return Ok(ExitCode::from(cli::EXIT_PID_FILE));
    }
    privileges::drop_privileges(&config, startup::kind(&config));
    let outputs = Outputs::start(&config.outputs)?;
    let (signals, hangup) = signals::watch()?;
    let notify = Notify::from_env();
    hosts::start();
    let wanted = startup::wanted(&config, &rules.ruleset);
    let (source, state) = startup::open_source(&config, &rules.ruleset, &wanted, device)?;
    let board = Arc::new(Board::new(
        Identity::new(startup::kind(&config).name()),
        metrics::Loaded::new(&config, &rules.ruleset, &rules.files),
        outputs.monitor(),
        outputs.recent(),
    ));
    let alerts = crossbeam_channel::bounded(services::ALERTS);
    let services = Services::start(&config, Arc::clone(&board), alerts.0.clone())?;
    let own_alerts = alerts.0.clone();
    let limit = cli.seconds.map(|seconds| {
        let limit = Duration::from_secs(seconds);
        match config.engine.kind {
            EngineKind::Replay => Limit::Events(limit),
            _ => Limit::Time(limit),
        }
    });
    let lines = reload::start(reload::Start {
        cli: cli.clone(),
        config: config.clone(),
        watch: Watch::new(hangup),
        notify: notify.clone(),
        services,
        preparer: source.preparer(),
        board: Arc::clone(&board),
        alerts,
    })?;
    notify.ready(&format!("{} rules are active", rules.active));
    let mut duty = Duty::new(&config, signals, notify, board, lines);
    let mut pipeline = Pipeline::new(
        (source, wanted),
        state,
        rules.ruleset,
        outputs,
        &config,
        own_alerts,
    );
    pipeline
        .capture(&config.capture)
        .context("cannot start a thread")?;
    let ended = pipeline.run(&mut duty, limit);
    duty.finish(&mut pipeline);
    let (outputs, statistics) = pipeline.finish();
    outputs.shutdown(DRAIN);
    print_statistics(&statistics);
    ended.map(|well| match well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn print_statistics(statistics: &Statistics) {
    let mut out = io::stdout().lock();
    // Nobody may be reading any more; that is no failure.
    let _ = statistics.write(&mut out).and_then(|()| out.flush());
}
