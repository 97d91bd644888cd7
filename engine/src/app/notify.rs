//! What systemd is told: ready, reloading, stopping, alive (sd_notify(3)).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, io};

use nix::time::{ClockId, clock_gettime};

/// A line to the manager of services, if there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Notify {
    socket: Option<Arc<UnixDatagram>>,
}

impl Notify {
    /// Finds the socket that the manager names in the environment.
    pub(super) fn from_env() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| connect(path.as_bytes()).ok());
        Self {
            socket: socket.map(Arc::new),
        }
    }

    /// Everything runs.
    pub(super) fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Configuration and rules are read again; [`Self::ready`] follows.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC);
        let now = now.map_or(0, |now| now.tv_sec() * 1_000_000 + now.tv_nsec() / 1000);
        self.send(&format!(
            "RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reloading"
        ));
    }

    /// The program ends.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Writing the last alerts");
    }

    /// A line for people.
    pub(super) fn status(&self, status: &str) {
        self.send(&format!("STATUS={status}"));
    }

    fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // Who does not listen does not want to know.
            let _ = socket.send(state.as_bytes());
        }
    }
}

fn connect(path: &[u8]) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path))?,
    };
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// Says regularly that the loop goes round, if the manager wants to hear it.
#[derive(Debug)]
pub(super) struct Watchdog {
    notify: Notify,
    /// Half of what the manager allows.
    period: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    pub(super) fn new(notify: &Notify) -> Self {
        let number = |name| {
            env::var(name)
                .ok()
                .and_then(|text| text.parse::<u64>().ok())
        };
        let own = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let period = number("WATCHDOG_USEC").filter(|limit| own && *limit > 0);
        Self {
            notify: notify.clone(),
            period: period.map(|limit| Duration::from_micros(limit / 2)),
            last: Instant::now(),
        }
    }

    /// The loop has gone round.
    pub(super) fn kick(&mut self) {
        if self
            .period
            .is_some_and(|period| self.last.elapsed() >= period)
        {
            self.notify.alive();
            self.last = Instant::now();
        }
    }

    /// How long the loop may sleep.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_sockets() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let name = format!("falco-test-{}", std::process::id());
        let named = UnixDatagram::bind(&path).unwrap();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let hidden = UnixDatagram::bind_addr(&address).unwrap();
        let hidden_path = format!("@{name}");
        for (manager, path) in [
            (named, path.as_os_str().as_bytes()),
            (hidden, hidden_path.as_bytes()),
        ] {
            let notify = Notify {
                socket: connect(path).ok().map(Arc::new),
            };
            notify.ready("fine");
            notify.reloading();
            let mut bytes = [0; 200];
            let length = manager.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], b"READY=1\nSTATUS=fine");
            let length = manager.recv(&mut bytes).unwrap();
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let time = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            let (time, status) = time.split_once('\n').unwrap();
            assert!(time.parse::<u64>().unwrap() > 0);
            assert_eq!(status, "STATUS=Reloading");
        }
        // Without a manager nothing happens.
        Notify::default().stopping();
    }
}
