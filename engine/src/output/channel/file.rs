//! Alerts in a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Channel, Failure, Fate, LineWriter, Opened, Written};
use crate::config::Outputs as Settings;
use crate::output::format::Line;

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let path = settings.file.filename.clone();
    // Opened even if it is not kept: a file that cannot be written is found at
    // the start, not with the first alert.
    let file = append(&path).map_err(|error| reason(&path, &error))?;
    let channel = FileChannel {
        path,
        keep_alive: settings.file.keep_alive,
        file: settings.file.keep_alive.then_some(file),
        writer: LineWriter::default(),
    };
    Ok(Opened {
        channel: Box::new(channel),
        away: None,
    })
}

struct FileChannel {
    path: PathBuf,
    keep_alive: bool,
    file: Option<File>,
    writer: LineWriter,
}

fn append(path: &Path) -> io::Result<File> {
    // Alerts show command lines and names of files: for the owner only.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn reason(path: &Path, error: &io::Error) -> String {
    format!("cannot write to {}: {error}", path.display())
}

impl FileChannel {
    fn try_write(&mut self, lines: &[Arc<Line>]) -> (usize, io::Result<()>) {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match append(&self.path) {
                Ok(file) => file,
                Err(error) => return (0, Err(error)),
            },
        };
        if self.writer.begun > 0 && file.metadata().is_ok_and(|data| data.len() == 0) {
            // The first half of the line was moved away with its file.
            self.writer.begun = 0;
        }
        let (done, result) = self.writer.write(&mut file, lines);
        if self.keep_alive && result.is_ok() {
            self.file = Some(file);
        }
        (done, result)
    }
}

impl Channel for FileChannel {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        let (done, result) = self.try_write(lines);
        let failure = result.err().map(|error| Failure {
            reason: reason(&self.path, &error),
            fate: Fate::Wait,
        });
        Written { done, failure }
    }

    fn reopen(&mut self) {
        // Opened again with the next line, or if that fails, with each further
        // one.
        self.file = None;
        if self.keep_alive {
            self.file = append(&self.path).ok();
        }
    }
}
