//! What runs beside the loop by the configuration: the web server and the
//! snapshots of metrics.

use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use log::{error, warn};

use crate::config::{Config, Metrics, WebServer};
use crate::metrics::{Board, snapshot};
use crate::output::Alert;
use crate::web::Server;

/// The services with the configuration that they run by.
pub(super) struct Services {
    board: Arc<Board>,
    alerts: Sender<Alert>,
    web: Option<Server>,
    web_settings: WebServer,
    /// Ends the thread of snapshots when it is dropped.
    metrics: Option<Sender<()>>,
    metrics_settings: Metrics,
}

impl Services {
    /// Starts what the configuration asks for. Alerts about snapshots go into
    /// `alerts`.
    ///
    /// # Errors
    /// When something cannot be started.
    pub(super) fn start(
        config: &Config,
        board: Arc<Board>,
        alerts: Sender<Alert>,
    ) -> anyhow::Result<Self> {
        let mut services = Self {
            board,
            alerts,
            web: None,
            web_settings: WebServer::default(),
            metrics: None,
            metrics_settings: Metrics::default(),
        };
        services.start_web(&config.web)?;
        services.start_metrics(&config.metrics)?;
        Ok(services)
    }

    /// Goes on by another configuration. What is the same goes on as it is.
    ///
    /// # Errors
    /// When something cannot be started. What was there in its place goes on.
    pub(super) fn configure(&mut self, config: &Config) -> anyhow::Result<()> {
        if self.web_settings != config.web {
            self.start_web(&config.web)?;
        }
        if self.metrics_settings != config.metrics {
            self.start_metrics(&config.metrics)?;
        }
        Ok(())
    }

    fn start_web(&mut self, settings: &WebServer) -> anyhow::Result<()> {
        let start = |old: Option<&Server>| Server::start(settings, Arc::clone(&self.board), old);
        let new = match settings.enabled {
            false => None,
            true => match start(self.web.as_ref()) {
                Ok(new) => Some(new),
                // One port on all addresses and on one of them: not at the same time.
                Err(_) if self.is_in_the_way_of(settings) => {
                    self.web = None;
                    match start(None) {
                        Ok(new) => Some(new),
                        Err(error) => {
                            let old = (&self.web_settings, Arc::clone(&self.board));
                            self.web = Some(Server::start(old.0, old.1, None)?);
                            return Err(error);
                        }
                    }
                }
                Err(error) => return Err(error),
            },
        };
        self.web = new;
        self.web_settings = settings.clone();
        let page = settings.enabled && settings.status_page;
        self.board.recent().want(page);
        Ok(())
    }

    /// Whether what listens now is on the same port, but not the same address.
    fn is_in_the_way_of(&self, settings: &WebServer) -> bool {
        let now = &self.web_settings;
        self.web.is_some() && settings.port == now.port && settings.address != now.address
    }

    fn start_metrics(&mut self, settings: &Metrics) -> anyhow::Result<()> {
        let wanted = settings.output_rule || settings.output_file.is_some();
        if !settings.enabled || !wanted {
            self.metrics = None;
            self.metrics_settings = settings.clone();
            return Ok(());
        }
        let kept = settings.clone();
        let (stop, stopped) = bounded::<()>(0);
        let (settings, board) = (settings.clone(), Arc::clone(&self.board));
        let alerts = self.alerts.clone();
        let run = move || {
            let mut last = snapshot::Last::default();
            let mut number = 0;
            let mut failed = false;
            let mut missed = 0_u64;
            while stopped.recv_timeout(settings.interval) == Err(RecvTimeoutError::Timeout) {
                number += 1;
                let (fields, next) = snapshot::fields(&board, &last);
                last = next;
                if let Some(path) = &settings.output_file {
                    let result = snapshot::append(path, number, &fields);
                    if let Err(error) = &result
                        && !failed
                    {
                        error!("metrics: cannot write to {}: {error}", path.display());
                    }
                    failed = result.is_err();
                }
                // The loop takes them, unless it stands still.
                if settings.output_rule && alerts.try_send(snapshot::alert(fields)).is_err() {
                    missed += 1;
                    warn!("metrics: no room for the alert of a snapshot; {missed} are missing");
                }
            }
        };
        thread::Builder::new()
            .name("metrics".into())
            .spawn(run)
            .context("metrics: cannot start a thread")?;
        // The one before ends by this.
        self.metrics = Some(stop);
        self.metrics_settings = kept;
        Ok(())
    }
}

/// Room for alerts that wait for the loop.
pub(super) const ALERTS: usize = 1024;
