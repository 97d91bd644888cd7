//! Alerts on standard output.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Channel, Failure, Fate, LineWriter, Opened, Written};
use crate::config::Outputs as Settings;
use crate::output::format::Line;

/// Lines kept back with `buffered_outputs`.
const BUFFERED_LINES: usize = 64;

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    // Not through the library's own buffer, which would tear a batch into
    // lines and hold a lock that other threads want.
    let out = io::stdout()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| format!("standard output cannot be used: {error}"))?;
    let channel = Stdout {
        out: out.into(),
        writer: LineWriter::default(),
        buffered: settings.buffered,
        kept: Vec::new(),
    };
    Ok(Opened {
        channel: Box::new(channel),
        away: None,
    })
}

struct Stdout {
    out: File,
    writer: LineWriter,
    buffered: bool,
    kept: Vec<Arc<Line>>,
}

impl Channel for Stdout {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        if self.buffered && self.kept.len() + lines.len() < BUFFERED_LINES {
            self.kept.extend_from_slice(lines);
            return Written::all(lines.len());
        }
        let (done, result) = self.writer.write(&mut self.out, &self.kept);
        self.kept.drain(..done);
        let (done, result) = match result {
            Ok(()) => self.writer.write(&mut self.out, lines),
            Err(error) => (0, Err(error)),
        };
        let failure = result.err().map(|error| Failure {
            // Who closed his end of a pipe does not come back.
            fate: match error.kind() {
                ErrorKind::BrokenPipe => Fate::Lose,
                _ => Fate::Wait,
            },
            reason: format!("cannot write to standard output: {error}"),
        });
        Written { done, failure }
    }

    fn finish(&mut self) -> Vec<Arc<Line>> {
        let (done, _) = self.writer.write(&mut self.out, &self.kept);
        self.kept.split_off(done)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::super::tests::line;
    use super::*;

    fn channel(out: impl Into<OwnedFd>, buffered: bool) -> Stdout {
        let out = File::from(out.into());
        Stdout {
            out,
            writer: LineWriter::default(),
            buffered,
            kept: Vec::new(),
        }
    }

    #[test]
    fn buffered_lines_come_in_order_and_all_at_the_end() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut channel = channel(writer, true);
        let mut expected = String::new();
        for number in 0..BUFFERED_LINES + 10 {
            let line = line(&number.to_string());
            expected += line.text();
            expected.push('\n');
            assert!(channel.write(&[line]).failure.is_none());
        }
        assert!(channel.finish().is_empty());
        drop(channel);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn buffered_lines_that_nobody_reads_are_given_back() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut channel = channel(writer, true);
        assert_eq!(channel.write(&[line("a"), line("b")]).done, 2);
        let left = channel.finish();
        assert_eq!(left.len(), 2);
        assert_eq!(left[0].text(), line("a").text());
    }

    #[test]
    fn a_closed_pipe_does_not_come_back() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let written = channel(writer, false).write(&[line("x")]);
        assert_eq!(written.done, 0);
        assert_eq!(written.failure.unwrap().fate, Fate::Lose);
    }
}
