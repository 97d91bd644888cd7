//! Alerts to the log daemon of this machine.
//!
//! Each line is one datagram that is addressed to the path of the socket, not
//! to a connection: after the daemon was restarted, the next datagram finds
//! the new socket by itself. What the daemon has not taken yet when it dies is
//! gone, and nobody can know; systemd keeps the socket over a restart of the
//! journal so that this does not happen.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::syslog::{Error, Facility, LogFormat, Logger, Severity};

use super::{Channel, Failure, Fate, Opened, Written};
use crate::clock::Clock;
use crate::config::Outputs as Settings;
use crate::output::Priority;
use crate::output::format::Line;

/// The name under which the daemon files the messages.
const IDENT: &str = "falco";

/// How long one datagram may wait for a daemon that does not read.
const PATIENCE: Duration = Duration::from_millis(250);

/// A length that every daemon takes, for a line that was too long for the
/// socket.
const SHORT: usize = 8192;

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let path = &settings.syslog_socket;
    let sender = Sender::new(path, Some(PATIENCE))
        .map_err(|error| format!("syslog cannot be used: {error}"))?;
    let away = UnixDatagram::unbound()
        .and_then(|socket| socket.connect(path))
        .err()
        .map(|error| reason(path, &error));
    Ok(Opened {
        channel: Box::new(Syslog {
            path: path.clone(),
            sender,
        }),
        away,
    })
}

fn reason(path: &Path, error: &io::Error) -> String {
    format!("cannot send to {}: {error}", path.display())
}

struct Syslog {
    path: PathBuf,
    sender: Sender,
}

impl Channel for Syslog {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        for (done, line) in lines.iter().enumerate() {
            if let Err(error) = self.sender.send(line.priority, line.time, line.body()) {
                let failure = Failure {
                    reason: reason(&self.path, &error),
                    fate: Fate::Wait,
                };
                return Written {
                    done,
                    failure: Some(failure),
                };
            }
        }
        Written::all(lines.len())
    }
}

/// Sends messages in the form of RFC 3164, which is what daemons read on their
/// local socket.
pub(crate) struct Sender {
    logger: Logger<Datagrams, Rfc3164>,
}

impl Sender {
    /// A sender to the socket at `path`, which need not exist. Without
    /// `patience`, a daemon that does not read is an error at once.
    pub(crate) fn new(path: &Path, patience: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        match patience {
            Some(patience) => socket.set_write_timeout(Some(patience))?,
            None => socket.set_nonblocking(true)?,
        }
        let format = Rfc3164 {
            facility: Facility::LOG_USER,
            pid: std::process::id(),
            clock: Clock::system(),
        };
        let backend = Datagrams {
            socket,
            path: path.to_owned(),
        };
        Ok(Self {
            logger: Logger::new(backend, format),
        })
    }

    /// Sends one message. One that is too long for a datagram is shortened.
    pub(crate) fn send(&mut self, priority: Priority, time: u64, text: &str) -> io::Result<()> {
        match self.try_send(priority, time, text) {
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                let short = &text[..text.floor_char_boundary(SHORT)];
                self.try_send(priority, time, &format!("{short}..."))
            }
            result => result,
        }
    }

    fn try_send(&mut self, priority: Priority, time: u64, text: &str) -> io::Result<()> {
        let Logger { formatter, backend } = &mut self.logger;
        let message = Message { time, text };
        formatter
            .format(backend, severity(priority), message)
            .map_err(|error| match error {
                Error::Write(error) | Error::Io(error) => error,
                Error::Initialization(error) => io::Error::other(error),
            })
    }
}

struct Message<'a> {
    time: u64,
    text: &'a str,
}

/// The crate's own formatter writes the time as UTC, where daemons expect the
/// local one.
struct Rfc3164 {
    facility: Facility,
    pid: u32,
    clock: Clock,
}

impl LogFormat<Message<'_>> for Rfc3164 {
    fn format<W: Write>(
        &self,
        out: &mut W,
        severity: Severity,
        message: Message<'_>,
    ) -> ::syslog::Result<()> {
        let number = self.facility as u8 | severity as u8;
        let time = self.clock.rfc3164(message.time);
        let datagram = format!("<{number}>{time} {IDENT}[{}]: {}", self.pid, message.text);
        out.write_all(datagram.as_bytes()).map_err(Error::Write)
    }
}

/// Every write is a datagram. The crate's own socket is connected once, and
/// lost when the daemon makes a new one.
struct Datagrams {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.socket.send_to(datagram, &self.path)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn severity(priority: Priority) -> Severity {
    match priority {
        Priority::Emergency => Severity::LOG_EMERG,
        Priority::Alert => Severity::LOG_ALERT,
        Priority::Critical => Severity::LOG_CRIT,
        Priority::Error => Severity::LOG_ERR,
        Priority::Warning => Severity::LOG_WARNING,
        Priority::Notice => Severity::LOG_NOTICE,
        Priority::Informational => Severity::LOG_INFO,
        Priority::Debug => Severity::LOG_DEBUG,
    }
}
