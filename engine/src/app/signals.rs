//! Signals, as flags that the loop looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag::register;

/// What was asked for by signals.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

/// Begins to listen to signals.
///
/// # Errors
/// When the kernel refuses a handler.
pub(super) fn watch() -> std::io::Result<Signals> {
    let signals = Signals {
        stop: Arc::default(),
        reopen: Arc::default(),
        reload: Arc::default(),
    };
    for (signal, flag) in [
        (SIGINT, &signals.stop),
        (SIGTERM, &signals.stop),
        (SIGUSR1, &signals.reopen),
        (SIGHUP, &signals.reload),
    ] {
        register(signal, Arc::clone(flag))?;
    }
    Ok(signals)
}

impl Signals {
    /// SIGINT or SIGTERM has come.
    pub(super) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// SIGUSR1 has come since the last call.
    pub(super) fn reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::Relaxed)
    }

    /// SIGHUP has come since the last call.
    pub(super) fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }
}
