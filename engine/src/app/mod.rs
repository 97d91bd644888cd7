//! The program: from the command line to the end of the last alert.

mod check;
mod held;
pub mod listing;
mod loss;
mod pipeline;
mod signals;
mod startup;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use log::{error, info, warn};

use crate::cli::{self, Cli};
use crate::config::Loaded;
use crate::filter::hosts;
use crate::logging;
use crate::output::{Outputs, Statistics};
use pipeline::Pipeline;

/// How long the outputs have at the end for what still waits in their queues.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the program. Errors are on standard error when it returns.
pub fn main() -> ExitCode {
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(done) => return done,
    };
    logging::start();
    if let Some(text) = cli.listing() {
        // Whoever reads may have seen enough.
        let _ = io::stdout().write_all(text.as_bytes());
        return ExitCode::SUCCESS;
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

fn failed(error: &anyhow::Error) -> ExitCode {
    // Everything that is wrong, the last reason included.
    eprintln!("Error: {error:#}");
    ExitCode::FAILURE
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let only_shown = cli.list_rules || cli.list_rule.is_some() || cli.explain.is_some();
    let loaded = match only_shown && !cli.rules.is_empty() {
        true => cli.load_config_if_there()?,
        false => cli.load_config()?,
    };
    let Loaded { config, warnings } = loaded;
    if let Some(name) = &cli.explain {
        return check::explain(cli, &config, name);
    }
    if only_shown {
        return check::describe(cli, &config);
    }
    logging::configure(&config);
    info!("falco-engine {}", env!("CARGO_PKG_VERSION"));
    for warning in warnings {
        warn!("{warning}");
    }
    // Before anything is opened: a wrong rule must not stop a running capture.
    let ruleset = startup::load_rules(cli, &config)?;
    let outputs = Outputs::start(&config.outputs)?;
    let stop = signals::watch()?;
    if let Some(path) = &cli.pid_file
        && let Err(error) = cli::write_pid_file(path)
    {
        error!("cannot write the pid file {}: {error}", path.display());
        return Ok(ExitCode::from(cli::EXIT_PID_FILE));
    }
    hosts::start();
    let (source, state) = startup::open_source(&config, &ruleset)?;
    let mut pipeline = Pipeline::new(source, state, ruleset, outputs);
    let ended = pipeline.run(&stop, cli.seconds.map(Duration::from_secs));
    let (outputs, statistics) = pipeline.finish();
    outputs.shutdown(DRAIN);
    print_statistics(&statistics);
    ended.map(|()| ExitCode::SUCCESS)
}

fn print_statistics(statistics: &Statistics) {
    let mut out = io::stdout().lock();
    // Nobody may be reading any more; that is no failure.
    let _ = statistics.write(&mut out).and_then(|()| out.flush());
}
