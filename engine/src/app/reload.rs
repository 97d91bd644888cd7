//! Configuration and rules are read again, on SIGHUP and when their files
//! change.
//!
//! Everything that takes time happens on a thread here, beside the running
//! loop: reading, compiling, opening outputs. The loop takes the result between
//! two batches. What is wrong with the files leaves everything as it is.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use falco_abi::control::Interest;
use log::{error, info, warn};

use super::duty::Lines;
use super::notify::Notify;
use super::services::Services;
use super::startup::{self, Needs, Refused};
use super::watch::{Fingerprint, Watch, Woken, fingerprint};
use crate::cli::Cli;
use crate::clock;
use crate::config::Config;
use crate::logging;
use crate::metrics::{Board, Loaded};
use crate::output::{Alert, Change, Outputs, Priority};
use crate::rules::{Diagnostic, Ruleset, Severity};
use crate::source::Preparer;

/// The rule of the alert about a reload that failed.
const FAILURE: &str = "Falco internal: hot restart failure";

/// What the loop goes on with.
pub(super) struct Prepared {
    pub(super) config: Arc<Config>,
    pub(super) ruleset: Ruleset,
    pub(super) interest: Interest,
    pub(super) needs: Needs,
    pub(super) outputs: Change,
}

/// The loop has taken it.
pub(super) struct Answer {
    /// What it had before.
    pub(super) old: Ruleset,
    /// How long events had to wait.
    pub(super) took: Duration,
}

/// The thread that reads everything again.
pub(super) struct Reloader {
    cli: Cli,
    config: Arc<Config>,
    /// What cannot be given back was given up by this configuration.
    first: Arc<Config>,
    watch: Watch,
    notify: Notify,
    services: Services,
    preparer: Option<Preparer>,
    board: Arc<Board>,
    alerts: Sender<Alert>,
    reloads: Sender<Prepared>,
    /// An error: the loop could not take it, and goes on as before.
    answers: Receiver<anyhow::Result<Answer>>,
}

/// What the thread starts with.
pub(super) struct Start {
    pub(super) cli: Cli,
    pub(super) config: Config,
    pub(super) watch: Watch,
    pub(super) notify: Notify,
    pub(super) services: Services,
    /// What the source wants to be told before the loop tells it.
    pub(super) preparer: Option<Preparer>,
    pub(super) board: Arc<Board>,
    /// Alerts that other threads send through the same line.
    pub(super) alerts: (Sender<Alert>, Receiver<Alert>),
}

/// Starts the thread, and returns the loop's ends of the lines to it.
///
/// # Errors
/// When there is no thread.
pub(super) fn start(start: Start) -> anyhow::Result<Lines> {
    let (reload_sender, reloads) = bounded(1);
    let (answers, answer_receiver) = unbounded();
    let (alert_sender, alerts) = start.alerts;
    let config = Arc::new(start.config);
    let mut reloader = Reloader {
        cli: start.cli,
        config: Arc::clone(&config),
        first: config,
        watch: start.watch,
        notify: start.notify,
        services: start.services,
        preparer: start.preparer,
        board: start.board,
        alerts: alert_sender,
        reloads: reload_sender,
        answers: answer_receiver,
    };
    thread::Builder::new()
        .name("reload".into())
        .spawn(move || reloader.run())
        .context("cannot start a thread")?;
    Ok(Lines {
        alerts,
        reloads,
        answers,
    })
}

/// The files whose change matters.
fn watched(cli: &Cli, config: &Config) -> Vec<PathBuf> {
    let mut paths = config.watched.clone();
    if cli.rules.is_empty() {
        let names = config
            .rules_files
            .iter()
            .map(|name| PathBuf::from(&name.value));
        paths.extend(names);
    } else {
        paths.extend(cli.rules.iter().cloned());
    }
    paths
}

impl Reloader {
    fn run(&mut self) {
        let mut last = self.look();
        loop {
            match self.watch.wait() {
                Woken::Ended => return,
                Woken::Signal => {
                    info!("SIGHUP: configuration and rules are read again");
                    last = self.look();
                }
                Woken::Files => {
                    let now = self.look();
                    if now == last {
                        continue;
                    }
                    info!("files have changed: configuration and rules are read again");
                    last = now;
                }
            }
            // What changes while they are read may not have been read.
            loop {
                self.reload();
                let now = self.look();
                let changed = now.differs(&last);
                last = now;
                if !changed {
                    break;
                }
                info!("files have changed meanwhile: they are read again");
            }
        }
    }

    /// Watches the files that matter now, and says what they are: in this
    /// order, so that no change is missed.
    fn look(&mut self) -> Fingerprint {
        if !self.config.watch_files {
            // Without any file there is no directory that could wake us.
            let _ = self.watch.files(None);
            return Fingerprint::default();
        }
        let paths = watched(&self.cli, &self.config);
        match self.watch.files(Some(&paths)) {
            Ok(failed) => {
                for directory in failed {
                    warn!("changes in {} cannot be watched", directory.display());
                }
            }
            Err(error) => error!("changes of files cannot be watched: {error}"),
        }
        fingerprint(&paths)
    }

    fn reload(&mut self) {
        self.notify.reloading();
        let begun = Instant::now();
        match self.try_reload(begun) {
            Ok(status) => {
                info!("{status}");
                self.notify.ready(&status);
            }
            Err(error) => {
                let mut reason = format!("{error:#}");
                if let Some(Refused(diagnostics)) = error.downcast_ref() {
                    for diagnostic in diagnostics {
                        error!("{diagnostic}");
                    }
                    let is_error = |d: &&Diagnostic| d.severity() == Severity::Error;
                    if let Some(first) = diagnostics.iter().find(is_error) {
                        reason = first.to_string();
                    }
                }
                error!("the new configuration is not used, the old one goes on: {error:#}");
                // One line of it is enough for those who look at alerts.
                let reason = reason.lines().next().unwrap_or_default();
                let message = format!("{FAILURE}: {reason}");
                let alert = Alert::internal(FAILURE, Priority::Critical, clock::now(), message);
                let _ = self.alerts.send(alert);
                self.notify
                    .ready("The last reload failed; the configuration before it is used");
            }
        }
    }

    /// Whether what was given up at the start is not needed now.
    fn check_privileges(&self, config: &Config) -> anyhow::Result<()> {
        let first = &self.first;
        let may_exec = first.outputs.program.enabled || !first.privileges.seccomp;
        if config.outputs.program.enabled && !may_exec {
            bail!(
                "program_output.enabled needs a restart: without it, the right to start programs \
                 was given up (privileges.seccomp)"
            );
        }
        Ok(())
    }

    fn try_reload(&mut self, begun: Instant) -> anyhow::Result<String> {
        let loaded = self.cli.load_config()?;
        for warning in &loaded.warnings {
            warn!("{warning}");
        }
        let config = Arc::new(loaded.config);
        let rules = startup::load_rules(&self.cli, &config)?;
        let interest = startup::wanted(&config, &rules.ruleset);
        let needs = Needs::of(&config, &rules.ruleset);
        self.check_privileges(&config)?;
        let outputs = Outputs::prepare(&self.config.outputs, &config.outputs)?;
        if config.engine != self.config.engine {
            warn!("changes in the section `engine` need a restart");
        }
        if config.engines != self.config.engines {
            warn!("changes in `plugins[].init_config` of container need a restart");
        }
        if config.kubernetes != self.config.kubernetes {
            warn!("changes in the section `kubernetes` need a restart");
        }
        if config.privileges != self.config.privileges {
            warn!("changes in the section `privileges` need a restart");
        }
        if let Some(prepare) = &mut self.preparer {
            prepare(&interest)?;
        }
        let shown = Loaded::new(&config, &rules.ruleset, &rules.files);
        let active = rules.active;
        let compiled = begun.elapsed();
        let prepared = Prepared {
            config: Arc::clone(&config),
            ruleset: rules.ruleset,
            interest,
            needs,
            outputs,
        };
        // Before the rules, since they can be had back.
        let answer = self.services.configure(&config).and_then(|()| {
            // The loop ends before it takes it: then so does everything.
            if self.reloads.send(prepared).is_err() {
                bail!("the program ends");
            }
            self.answers.recv().context("the program ends")?
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if let Err(error) = self.services.configure(&self.config) {
                    error!("the services of before cannot be had back: {error:#}");
                }
                return Err(error);
            }
        };
        drop(answer.old);
        logging::configure(&config, self.cli.verbose);
        self.board.reloaded(shown);
        self.config = config;
        Ok(format!(
            "Reloaded in {} ms, {active} rules are active; events waited for {} µs",
            compiled.as_millis(),
            answer.took.as_micros()
        ))
    }
}
