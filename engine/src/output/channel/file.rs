//! Alerts in a file.

use std::fs::{self, File, OpenOptions};
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
        rotation: Rotation {
            bytes: settings.file.rotate_bytes,
            keep: settings.file.rotate_keep,
        },
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
    rotation: Rotation,
    file: Option<File>,
    writer: LineWriter,
}

/// When a new file is begun, and what becomes of the old one.
struct Rotation {
    /// The file's largest size; 0: any.
    bytes: u64,
    /// Old files that are kept.
    keep: u64,
}

impl Rotation {
    /// Moves the file away if it would become too large. `true`: it did.
    fn rotate(&self, path: &Path, file: &File, more: u64) -> io::Result<bool> {
        if self.bytes == 0 {
            return Ok(false);
        }
        let size = file.metadata()?.len();
        if size == 0 || size + more <= self.bytes {
            return Ok(false);
        }
        for number in (1..self.keep).rev() {
            match fs::rename(numbered(path, number), numbered(path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(path, numbered(path, 1))?;
        Ok(true)
    }
}

/// `events.log.1` for `events.log`.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
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
        if self.writer.begun == 0 {
            let more = lines.iter().map(|line| line.text().len() as u64 + 1).sum();
            let rotated = self.rotation.rotate(&self.path, &file, more);
            match rotated.and_then(|rotated| match rotated {
                true => append(&self.path).map(Some),
                false => Ok(None),
            }) {
                Ok(None) => {}
                Ok(Some(new)) => file = new,
                Err(error) => return (0, Err(error)),
            }
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
