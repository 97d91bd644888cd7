//! What alerts can be written to.

mod file;
mod http;
mod program;
mod remote;
mod stdout;
mod syslog;

use std::io::{self, Write};
use std::sync::Arc;

use super::format::Line;
use crate::config::Outputs as Settings;

pub(crate) use syslog::Sender as SyslogSender;

/// One kind of output.
#[derive(Debug)]
pub struct Output {
    /// Its name in the log.
    pub name: &'static str,
    /// Its section in the configuration.
    pub section: &'static str,
    /// Whether the configuration asks for it.
    pub enabled: fn(&Settings) -> bool,
    /// Whether two configurations mean the same for it.
    pub same: fn(&Settings, &Settings) -> bool,
    /// Makes it ready. An error is a reason not to start at all.
    pub open: fn(&Settings) -> Result<Opened, String>,
}

/// Every output there is. A new one is a row here and its keys in
/// [`KEYS`](crate::config::KEYS).
pub static OUTPUTS: &[Output] = &[
    Output {
        name: "stdout",
        section: "stdout_output",
        enabled: |settings| settings.stdout,
        same: |a, b| a.buffered == b.buffered,
        open: stdout::open,
    },
    Output {
        name: "file",
        section: "file_output",
        enabled: |settings| settings.file.enabled,
        same: |a, b| a.file == b.file,
        open: file::open,
    },
    Output {
        name: "syslog",
        section: "syslog_output",
        enabled: |settings| settings.syslog,
        same: |a, b| a.syslog_socket == b.syslog_socket,
        open: syslog::open,
    },
    Output {
        name: "program",
        section: "program_output",
        enabled: |settings| settings.program.enabled,
        same: |a, b| a.program == b.program && a.timeout_ms == b.timeout_ms,
        open: program::open,
    },
    Output {
        name: "http",
        section: "http_output",
        enabled: |settings| settings.http.enabled,
        same: |a, b| {
            a.http == b.http && a.format.json == b.format.json && a.timeout_ms == b.timeout_ms
        },
        open: http::open,
    },
    Output {
        name: "remote_syslog",
        section: "remote_syslog_output",
        enabled: |settings| settings.remote_syslog.enabled,
        same: |a, b| a.remote_syslog == b.remote_syslog,
        open: remote::open,
    },
];

/// An output that is ready.
pub struct Opened {
    /// Where to write.
    pub channel: Box<dyn Channel>,
    /// Why writing would fail now, if that may pass.
    pub away: Option<String>,
}

/// Writes lines somewhere. Each channel has a thread of its own and may block,
/// but should come back within a second so that the program can end.
pub trait Channel: Send {
    /// Writes as many lines as it can, in order.
    fn write(&mut self, lines: &[Arc<Line>]) -> Written;

    /// Opens anew what is kept open.
    fn reopen(&mut self) {}

    /// Writes what it has kept back, before it is dropped. Gives what it said to be
    /// written and is not.
    fn finish(&mut self) -> Vec<Arc<Line>> {
        Vec::new()
    }
}

/// What became of the lines given to [`Channel::write`].
#[derive(Debug)]
pub struct Written {
    /// Lines from the front that are written.
    pub done: usize,
    /// Why the next one is not.
    pub failure: Option<Failure>,
}

impl Written {
    /// So many lines, and all went well.
    fn all(done: usize) -> Self {
        Self {
            done,
            failure: None,
        }
    }
}

impl Failure {
    /// Something that may pass.
    fn wait(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            fate: Fate::Wait,
        }
    }

    /// Something that will not.
    fn lose(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            fate: Fate::Lose,
        }
    }

    /// Nothing; it only takes longer.
    fn again() -> Self {
        Self {
            reason: String::new(),
            fate: Fate::Again,
        }
    }
}

/// Why a line was not written.
#[derive(Debug)]
pub struct Failure {
    /// The reason, for the log.
    pub reason: String,
    /// What to do with the line.
    pub fate: Fate,
}

/// What to do with a line that was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Try again later: the reason may pass.
    Wait,
    /// Try again at once: it is not done yet, and nothing is wrong.
    Again,
    /// Give it up: it will never be written.
    Lose,
}

/// Appends lines to a stream and goes on where it was interrupted.
#[derive(Debug, Default)]
struct LineWriter {
    /// Bytes of the first line that are already in the stream.
    begun: usize,
}

impl LineWriter {
    /// Writes all lines at once. The number of those that got through whole
    /// comes back in any case; the next call must begin with the line after
    /// them.
    fn write(&mut self, out: &mut impl Write, lines: &[Arc<Line>]) -> (usize, io::Result<()>) {
        let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.text().len() + 1).sum());
        let mut ends = Vec::with_capacity(lines.len());
        for line in lines {
            bytes.extend_from_slice(line.text().as_bytes());
            bytes.push(b'\n');
            ends.push(bytes.len());
        }
        let mut written = self.begun.min(bytes.len());
        let result = loop {
            if written == bytes.len() {
                break Ok(());
            }
            match out.write(&bytes[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let done = ends.partition_point(|end| *end <= written);
        self.begun = written - done.checked_sub(1).map_or(0, |last| ends[last]);
        (done, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::output::format::Formatter;
    use crate::output::{Alert, Priority};

    /// The line of an alert with this message.
    pub(super) fn line(message: &str) -> Arc<Line> {
        let clock = Clock::with_zone(jiff::tz::TimeZone::UTC);
        let formatter = Formatter::with(crate::config::Format::default(), clock, String::new());
        Arc::new(formatter.line(&Alert {
            time: 0,
            priority: Priority::Error,
            rule: "r".into(),
            source: "syscall".into(),
            tags: Arc::new([]),
            message: message.into(),
            fields: Vec::new(),
        }))
    }

    struct Limited(Vec<u8>, usize);

    impl Write for Limited {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            if count == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend_from_slice(&bytes[..count]);
            self.1 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn interrupted_lines_are_continued() {
        let lines = ["one", "two"].map(line);
        let length = lines[0].text().len() + 1;
        for limit in 0..=2 * length {
            let mut out = Limited(Vec::new(), limit);
            let mut writer = LineWriter::default();
            let (done, result) = writer.write(&mut out, &lines);
            assert_eq!(done, limit / length, "after {limit} bytes");
            assert_eq!(result.is_err(), limit < 2 * length);
            out.1 = usize::MAX;
            assert_eq!(writer.write(&mut out, &lines[done..]).0, 2 - done);
            let text = String::from_utf8(out.0).unwrap();
            assert_eq!(text, format!("{}\n{}\n", lines[0].text(), lines[1].text()));
        }
    }
}
