//! The program's own messages: what `log` macros write goes to standard error
//! and to syslog.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::{Level, LevelFilter, Metadata, Record};

use crate::clock::{self, Clock};
use crate::config::{Config, SYSLOG_SOCKET};
use crate::output::Priority;
use crate::output::channel::SyslogSender;

/// Messages that wait while the log daemon is away.
const BACKLOG: usize = 256;

static LOGGER: Logger = Logger {
    state: Mutex::new(None),
};

struct Logger {
    state: Mutex<Option<State>>,
}

struct State {
    stderr: bool,
    iso_time: bool,
    clock: Clock,
    syslog: Option<SyslogSender>,
    backlog: VecDeque<(Priority, u64, String)>,
}

/// Writes messages to standard error, for the time before the configuration
/// is read.
pub fn start() {
    install(LevelFilter::Info, true, false, false);
}

/// Writes messages where and how the configuration says; `verbose`, which the
/// command line asks for, counts more than `log_level`. Can be called again.
pub fn configure(config: &Config, verbose: bool) {
    let level = match config.log.level {
        _ if verbose => LevelFilter::Debug,
        Priority::Emergency | Priority::Alert | Priority::Critical | Priority::Error => {
            LevelFilter::Error
        }
        Priority::Warning => LevelFilter::Warn,
        Priority::Notice | Priority::Informational => LevelFilter::Info,
        Priority::Debug => LevelFilter::Debug,
    };
    install(
        level,
        config.log.stderr,
        config.log.syslog,
        config.outputs.format.iso_time,
    );
}

fn install(level: LevelFilter, stderr: bool, syslog: bool, iso_time: bool) {
    let mut state = LOGGER.lock();
    *state = Some(State::new(state.take(), stderr, syslog, iso_time));
    drop(state);
    log::set_max_level(level);
    // Fails from the second call on, when it is set already.
    let _ = log::set_logger(&LOGGER);
}

impl Logger {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // A panic while writing a message leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = clock::now();
        if let Some(state) = &mut *self.lock() {
            state.write(record, time);
        }
    }

    fn flush(&self) {}
}

impl State {
    /// What waits for the log daemon in an `old` state waits on.
    fn new(old: Option<Self>, stderr: bool, syslog: bool, iso_time: bool) -> Self {
        let (sender, backlog) = match old {
            Some(old) if syslog => (old.syslog, old.backlog),
            _ => (None, VecDeque::new()),
        };
        // Without a socket there is no file descriptor left, and no log is the
        // least of the problems.
        let open = || SyslogSender::new(Path::new(SYSLOG_SOCKET), None).ok();
        Self {
            stderr,
            iso_time,
            clock: Clock::system(),
            syslog: sender.or_else(|| syslog.then(open).flatten()),
            backlog,
        }
    }

    fn write(&mut self, record: &Record<'_>, time: u64) {
        let mut text = String::new();
        let _ = write!(text, "{}", record.args());
        if self.stderr {
            let line = self.line(time, &text);
            // There is no other place to complain.
            let _ = io::stderr().write_all(line.as_bytes());
        }
        if let Some(syslog) = &mut self.syslog {
            // A daemon takes one line as a message, and escapes what ends it.
            for line in text.lines() {
                if self.backlog.len() == BACKLOG {
                    self.backlog.pop_front();
                }
                let priority = priority(record.level());
                self.backlog.push_back((priority, time, line.to_owned()));
            }
            while let Some((priority, time, text)) = self.backlog.front() {
                if syslog.send(*priority, *time, text).is_err() {
                    break;
                }
                self.backlog.pop_front();
            }
        }
    }

    fn line(&self, time: u64, text: &str) -> String {
        if self.iso_time {
            format!("{}+0000: {text}\n", clock::iso_seconds(time))
        } else {
            format!("{}: {text}\n", self.clock.log(time))
        }
    }
}

fn priority(level: Level) -> Priority {
    match level {
        Level::Error => Priority::Error,
        Level::Warn => Priority::Warning,
        Level::Info => Priority::Informational,
        Level::Debug | Level::Trace => Priority::Debug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_log_daemon_waits_on() {
        let mut state = State::new(None, false, true, false);
        let nobody = Path::new("/none/log");
        state.syslog = Some(SyslogSender::new(nobody, None).unwrap());
        state.backlog.push_back((Priority::Error, 1, "kept".into()));
        let state = State::new(Some(state), true, true, true);
        assert!(state.stderr && state.iso_time && state.syslog.is_some());
        assert_eq!(state.backlog[0].2, "kept");
        // Nobody is to get them any more.
        let state = State::new(Some(state), true, false, true);
        assert!(state.syslog.is_none() && state.backlog.is_empty());
    }

    #[test]
    fn line_forms() {
        let mut state = State {
            stderr: true,
            iso_time: false,
            clock: Clock::with_zone(jiff::tz::TimeZone::UTC),
            syslog: None,
            backlog: VecDeque::new(),
        };
        let time = 1_700_000_000_000_000_000;
        assert_eq!(
            state.line(time, "ready"),
            "Tue Nov 14 22:13:20 2023: ready\n"
        );
        state.iso_time = true;
        assert_eq!(
            state.line(time, "ready"),
            "2023-11-14T22:13:20+0000: ready\n"
        );
    }
}
