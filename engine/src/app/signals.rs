//! Signals, as flags that the loop looks at, and a pipe for those that another
//! thread waits for.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag::register;
use signal_hook::low_level::pipe;

/// What was asked for by signals.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

/// Begins to listen to signals. The stream can be read whenever SIGHUP has come.
///
/// # Errors
/// When the kernel refuses a handler.
pub(super) fn watch() -> io::Result<(Signals, UnixStream)> {
    let signals = Signals {
        stop: Arc::default(),
        reopen: Arc::default(),
    };
    for (signal, flag) in [
        (SIGINT, &signals.stop),
        (SIGTERM, &signals.stop),
        (SIGUSR1, &signals.reopen),
    ] {
        register(signal, Arc::clone(flag))?;
    }
    let (reload, writer) = UnixStream::pair()?;
    reload.set_nonblocking(true)?;
    pipe::register(SIGHUP, writer)?;
    Ok((signals, reload))
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
}
