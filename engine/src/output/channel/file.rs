//! Alerts in a file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
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
        torn: None,
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
    /// The file that ends with the first half of a line.
    torn: Option<Ending>,
}

/// Which file it is, and where it ends: device, inode, size.
type Ending = (u64, u64, u64);

fn ending(file: &File) -> Option<Ending> {
    let data = file.metadata().ok()?;
    Some((data.dev(), data.ino(), data.len()))
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
        if self.writer.begun > 0 && (self.torn.is_none() || ending(&file) != self.torn) {
            // The first half of the line was moved away with its file, or is not its
            // end any more.
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
        if self.writer.begun > 0 {
            self.torn = ending(&file);
        }
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

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;

    /// A channel whose disk was full in the middle of `x`, and that file.
    fn torn(path: &Path) -> FileChannel {
        let whole = line("x");
        fs::write(path, &whole.text()[..5]).unwrap();
        FileChannel {
            path: path.to_owned(),
            keep_alive: false,
            rotation: Rotation { bytes: 0, keep: 1 },
            file: None,
            writer: LineWriter { begun: 5 },
            torn: ending(&append(path).unwrap()),
        }
    }

    #[test]
    fn a_torn_line_is_continued_where_it_was_torn_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alerts");
        let whole = format!("{}\n", line("x").text());
        let written = |channel: &mut FileChannel| {
            assert_eq!(channel.write(&[line("x")]).done, 1);
            fs::read_to_string(&path).unwrap()
        };
        assert_eq!(written(&mut torn(&path)), whole);
        // Another file, with something in it, has its place.
        let mut channel = torn(&path);
        fs::rename(&path, directory.path().join("old")).unwrap();
        fs::write(&path, "other\n").unwrap();
        assert_eq!(written(&mut channel), format!("other\n{whole}"));
        // The same file, which somebody has emptied.
        let mut channel = torn(&path);
        File::create(&path).unwrap();
        assert_eq!(written(&mut channel), whole);
    }
}
