//! Alerts on the standard input of a program.
//!
//! With `keep_alive` one process reads all alerts; what it has not taken out of
//! the pipe when it ends goes to the next one. Otherwise each alert has a
//! process of its own, and the next alert waits until that has ended.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Channel, Failure, LineWriter, Opened, Written};
use crate::config::Outputs as Settings;
use crate::output::format::Line;

/// How long one call waits for the program. The call comes back and is made
/// again, so that the end of the engine does not wait for it.
const PATIENCE: Duration = Duration::from_millis(250);

/// The longest pause between two looks whether a process has ended.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let command = settings.program.program.clone();
    let slow = Slow {
        timeout: Duration::from_millis(settings.timeout_ms),
        since: None,
    };
    let channel: Box<dyn Channel> = match settings.program.keep_alive {
        true => Box::new(Lasting {
            command,
            running: None,
            left: VecDeque::new(),
            slow,
        }),
        false => Box::new(PerAlert {
            command,
            running: None,
            slow,
        }),
    };
    Ok(Opened {
        channel,
        away: None,
    })
}

/// A running program and the end of the pipe that it reads.
struct Running {
    child: Child,
    input: File,
}

impl Running {
    fn start(command: &str) -> Result<Self, Failure> {
        let mut child = Command::new("/bin/sh")
            .arg("-c")
            .arg(command)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::wait(format!("cannot start `{command}`: {error}")))?;
        let input = child.stdin.take().map(OwnedFd::from);
        let input = input.ok_or_else(|| Failure::wait("the program has no standard input"))?;
        // A program that does not read must not hold up the end of the engine.
        rustix::io::ioctl_fionbio(&input, true)
            .map_err(|error| Failure::wait(format!("cannot use a pipe: {error}")))?;
        Ok(Self {
            child,
            input: input.into(),
        })
    }

    /// Waits until the program can take more, or is gone.
    fn wait_for_room(&self) {
        let mut fds = [PollFd::new(self.input.as_fd(), PollFlags::POLLOUT)];
        let timeout = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        // What went wrong shows in the next write.
        let _ = poll(&mut fds, timeout);
    }
}

/// Waits for the end of a process, for a while.
fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let until = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait()? {
            None if Instant::now() < until => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(LOOK);
            }
            status => return Ok(status),
        }
    }
}

/// One process for all alerts.
struct Lasting {
    command: String,
    running: Option<Reader>,
    /// What the last process left in its pipe.
    left: VecDeque<Arc<Line>>,
    slow: Slow,
}

/// The process with what it may not have read yet.
struct Reader {
    process: Running,
    writer: LineWriter,
    /// Lines by the position in the stream at which they end.
    written: VecDeque<(u64, Arc<Line>)>,
    position: u64,
}

/// What became of the lines in a pipe.
enum Drained {
    /// All are read.
    Read,
    /// The process takes its time.
    Runs,
    /// There is no process that could read them.
    Ended,
}

impl Reader {
    fn start(command: &str) -> Result<Self, Failure> {
        Ok(Self {
            process: Running::start(command)?,
            writer: LineWriter::default(),
            written: VecDeque::new(),
            position: 0,
        })
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> (usize, io::Result<()>) {
        let (done, result) = self.writer.write(&mut self.process.input, lines);
        for line in &lines[..done] {
            self.position += line.text().len() as u64 + 1;
            self.written.push_back((self.position, Arc::clone(line)));
        }
        self.forget_read();
        (done, result)
    }

    /// Lets the process read what is in the pipe, for a while.
    fn drain(&mut self) -> Drained {
        let until = Instant::now() + PATIENCE / 2;
        loop {
            self.forget_read();
            if self.written.is_empty() {
                return Drained::Read;
            }
            match self.process.child.try_wait() {
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                Ok(None) => return Drained::Runs,
                Ok(Some(_)) | Err(_) => return Drained::Ended,
            }
        }
    }

    /// Forgets the lines that are not in the pipe any more.
    fn forget_read(&mut self) {
        let unread = rustix::io::ioctl_fionread(&self.process.input).unwrap_or(0);
        let read = (self.position + self.writer.begun as u64).saturating_sub(unread);
        while self.written.front().is_some_and(|(end, _)| *end <= read) {
            self.written.pop_front();
        }
    }
}

impl Lasting {
    /// Writes what an earlier process left, then `lines`, and says how many of
    /// these are written.
    fn try_write(&mut self, lines: &[Arc<Line>]) -> Result<(usize, io::Result<()>), Failure> {
        let reader = match &mut self.running {
            Some(reader) => reader,
            None => self.running.insert(Reader::start(&self.command)?),
        };
        let (done, result) = reader.write(self.left.make_contiguous());
        self.left.drain(..done);
        Ok(match result {
            Ok(()) => reader.write(lines),
            Err(error) => (0, Err(error)),
        })
    }

    /// Puts aside what the process has not read, for the next one.
    fn bury(&mut self) {
        if let Some(reader) = &mut self.running {
            reader.forget_read();
            for (_, line) in reader.written.drain(..).rev() {
                self.left.push_front(line);
            }
        }
        self.part();
    }

    /// Leaves a process alone with what is in its pipe.
    fn part(&mut self) {
        if let Some(reader) = self.running.take() {
            let Running { mut child, input } = reader.process;
            // The end of its input tells it to end, if it has not done so.
            drop(input);
            let _ = wait(&mut child, PATIENCE / 2);
        }
    }
}

impl Channel for Lasting {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        let (done, result) = match self.try_write(lines) {
            Ok(written) => written,
            Err(failure) => return failed(0, failure),
        };
        match result {
            Ok(()) => {
                self.slow.has_moved();
                Written::all(done)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if done > 0 {
                    self.slow.has_moved();
                }
                if let Some(reader) = &self.running {
                    reader.process.wait_for_room();
                }
                let reason = || format!("`{}` does not read", self.command);
                failed(done, self.slow.failure(reason))
            }
            Err(error) => {
                self.bury();
                let reason = format!("`{}` has ended: {error}", self.command);
                failed(done, Failure::wait(reason))
            }
        }
    }

    fn reopen(&mut self) {
        let Some(reader) = &mut self.running else {
            return;
        };
        // Who still runs goes on with what is in the pipe. The rest, and what those
        // before have left, is for the next one.
        match reader.drain() {
            Drained::Ended => self.bury(),
            Drained::Read | Drained::Runs => self.part(),
        }
    }

    fn finish(&mut self) -> Vec<Arc<Line>> {
        self.reopen();
        self.left.drain(..).collect()
    }
}

/// Tells what takes its time from what stands still.
struct Slow {
    timeout: Duration,
    since: Option<Instant>,
}

impl Slow {
    fn has_moved(&mut self) {
        self.since = None;
    }

    /// Nothing is wrong before the time is over.
    fn failure(&mut self, reason: impl Fn() -> String) -> Failure {
        let since = *self.since.get_or_insert_with(Instant::now);
        match since.elapsed() < self.timeout {
            true => Failure::again(),
            false => Failure::wait(reason()),
        }
    }
}

/// One process for each alert.
struct PerAlert {
    command: String,
    running: Option<Delivery>,
    slow: Slow,
}

/// A process that gets an alert.
struct Delivery {
    child: Child,
    /// Until all of the alert is written.
    input: Option<File>,
    writer: LineWriter,
}

impl PerAlert {
    /// Goes on with the delivery of a line. `Ok`: the process has ended well.
    fn deliver(&mut self, line: &Arc<Line>) -> Result<(), Failure> {
        let mut delivery = match self.running.take() {
            Some(delivery) => delivery,
            None => {
                let Running { child, input } = Running::start(&self.command)?;
                Delivery {
                    child,
                    input: Some(input),
                    writer: LineWriter::default(),
                }
            }
        };
        if let Some(mut input) = delivery.input.take() {
            let (_, result) = delivery
                .writer
                .write(&mut input, std::slice::from_ref(line));
            if result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                delivery.input = Some(input);
            }
            // Who does not read its input may still do what it is for.
        }
        let status = wait(&mut delivery.child, PATIENCE);
        if !matches!(status, Ok(None)) {
            self.slow.has_moved();
        }
        match status {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(Failure::lose(format!(
                "`{}` failed: {status}",
                self.command
            ))),
            Ok(None) => {
                self.running = Some(delivery);
                let reason = || format!("`{}` still runs", self.command);
                Err(self.slow.failure(reason))
            }
            Err(error) => Err(Failure::lose(format!(
                "`{}` is gone: {error}",
                self.command
            ))),
        }
    }
}

impl Channel for PerAlert {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        for (done, line) in lines.iter().enumerate() {
            if let Err(failure) = self.deliver(line) {
                return failed(done, failure);
            }
        }
        Written::all(lines.len())
    }
}

fn failed(done: usize, failure: Failure) -> Written {
    Written {
        done,
        failure: Some(failure),
    }
}
