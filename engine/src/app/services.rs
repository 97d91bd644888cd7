//! What runs beside the loop by the configuration: the web server and the
//! snapshots of metrics.

use std::sync::Arc;
use std::thread;

use anyhow::Context as _;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use log::error;

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
    pub(super) fn configure(&mut self, config: &Config) {
        if self.web_settings != config.web
            && let Err(error) = self.start_web(&config.web)
        {
            error!("{error:#}");
        }
        if self.metrics_settings != config.metrics
            && let Err(error) = self.start_metrics(&config.metrics)
        {
            error!("{error:#}");
        }
    }

    fn start_web(&mut self, settings: &WebServer) -> anyhow::Result<()> {
        // First, since the new one may want the same address.
        self.web = None;
        self.web_settings = settings.clone();
        let page = settings.enabled && settings.status_page;
        self.board.recent().want(page);
        if settings.enabled {
            self.web = Some(Server::start(settings, Arc::clone(&self.board))?);
        }
        Ok(())
    }

    fn start_metrics(&mut self, settings: &Metrics) -> anyhow::Result<()> {
        self.metrics = None;
        self.metrics_settings = settings.clone();
        let wanted = settings.output_rule || settings.output_file.is_some();
        if !settings.enabled || !wanted {
            return Ok(());
        }
        let (stop, stopped) = bounded::<()>(0);
        let (settings, board) = (settings.clone(), Arc::clone(&self.board));
        let alerts = self.alerts.clone();
        let run = move || {
            let mut last = snapshot::Last::default();
            let mut number = 0;
            let mut failed = false;
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
                if settings.output_rule {
                    // The loop takes them; if it does not, nobody does.
                    let _ = alerts.try_send(snapshot::alert(fields));
                }
            }
        };
        thread::Builder::new()
            .name("metrics".into())
            .spawn(run)
            .context("metrics: cannot start a thread")?;
        self.metrics = Some(stop);
        Ok(())
    }
}

/// Room for alerts that wait for the loop.
pub(super) const ALERTS: usize = 1024;
