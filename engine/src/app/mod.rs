//! The program: from the command line to the end of the last alert.

mod held;
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
    if !cli.validate.is_empty() {
        return startup::validate(&cli);
    }
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            // Everything that is wrong, the last reason included.
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = cli.load_config()?;
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
    let source = startup::open_source(&config, &ruleset)?;
    let state = startup::read_state(&source)?;
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
