//! Notices that a file of the configuration or of rules has changed.
//!
//! Editors write files anew, packages rename, Kubernetes swaps a link above the
//! file. So the directories are watched, and what was found there tells what
//! has changed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// Changes within this time are one change.
const SETTLE: Duration = Duration::from_millis(100);

/// Most files of one directory that are looked at.
const MAX_FILES: usize = 10_000;

/// What is at some paths: file by file, enough to see that it is another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint {
    paths: Vec<PathBuf>,
    files: Vec<(PathBuf, Option<[u64; 4]>)>,
}

impl Fingerprint {
    /// Whether a file is another one than before. Where other paths are looked
    /// at, files that were not looked at before say nothing.
    pub(super) fn differs(&self, before: &Self) -> bool {
        if self.paths == before.paths {
            return self.files != before.files;
        }
        self.files.iter().any(|(file, now)| {
            let then = before.files.iter().find(|(known, _)| known == file);
            then.is_some_and(|(_, then)| then != now)
        })
    }
}

/// Looks at files, and at those in directories.
pub(super) fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let mut all = Vec::new();
    for path in paths {
        all.push((path.clone(), look(path)));
        let Ok(entries) = fs::read_dir(path) else {
            continue;
        };
        let files = entries.take(MAX_FILES).filter_map(Result::ok);
        let mut files: Vec<_> = files.map(|entry| entry.path()).collect();
        files.sort();
        all.extend(files.into_iter().map(|file| {
            let seen = look(&file);
            (file, seen)
        }));
    }
    Fingerprint {
        paths: paths.to_vec(),
        files: all,
    }
}

/// Device, number, size and time of a file; of a directory, that it is there.
fn look(path: &Path) -> Option<[u64; 4]> {
    let data = fs::metadata(path).ok()?;
    if data.is_dir() {
        return Some([0; 4]);
    }
    let time = data.mtime().cast_unsigned().wrapping_mul(1_000_000_000);
    let time = time.wrapping_add(data.mtime_nsec().cast_unsigned());
    Some([data.dev(), data.ino(), data.size(), time])
}

/// The directories in which a change of the paths shows.
fn directories(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for path in paths {
        let mut add = |path: &Path| {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty());
            all.insert(parent.unwrap_or(Path::new(".")).to_owned());
        };
        add(path);
        if let Ok(real) = fs::canonicalize(path) {
            add(&real);
        }
        if path.is_dir() {
            all.insert(path.clone());
        }
    }
    all
}

/// What woke the waiting thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// SIGHUP.
    Signal,
    /// Something in the directories has changed.
    Files,
    /// Neither will come any more.
    Ended,
}

/// Waits for SIGHUP and for changes of files.
pub(super) struct Watch {
    signal: UnixStream,
    inotify: Option<Inotify>,
}

impl Watch {
    /// Waits for the signal alone, until [`Self::files`] is called.
    pub(super) fn new(signal: UnixStream) -> Self {
        Self {
            signal,
            inotify: None,
        }
    }

    /// Watches the directories of these files from now on, or none. Returns
    /// which of them cannot be watched.
    ///
    /// # Errors
    /// When nothing can be watched.
    pub(super) fn files(&mut self, paths: Option<&[PathBuf]>) -> nix::Result<Vec<PathBuf>> {
        self.inotify = None;
        let Some(paths) = paths else {
            return Ok(Vec::new());
        };
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        let mut failed = Vec::new();
        for directory in directories(paths) {
            match inotify.add_watch(&directory, flags) {
                // It may come later, which its parent shows if that is watched.
                Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(_) => failed.push(directory),
            }
        }
        self.inotify = Some(inotify);
        Ok(failed)
    }

    /// Waits.
    pub(super) fn wait(&mut self) -> Woken {
        let mut fds = vec![PollFd::new(self.signal.as_fd(), PollFlags::POLLIN)];
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
        }
        loop {
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(_) => return Woken::Ended,
            }
        }
        if fds[0].any() == Some(true) {
            // However often it came, it is done once.
            return match self.signal.read(&mut [0; 64]) {
                Ok(0) => Woken::Ended,
                _ => Woken::Signal,
            };
        }
        std::thread::sleep(SETTLE);
        if let Some(inotify) = &self.inotify {
            while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
        }
        Woken::Files
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn changes_show() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a"), "1").unwrap();
        fs::create_dir(path("d")).unwrap();
        let paths = [path("a"), path("d"), path("none.d")];
        let mut last = fingerprint(&paths);
        assert_eq!(fingerprint(&paths), last);
        let mut changed = |what: &str| {
            let now = fingerprint(&paths);
            assert_ne!(now, last, "{what}");
            last = now;
        };
        fs::write(path("a"), "22").unwrap();
        changed("written");
        fs::write(path("b"), "22").unwrap();
        fs::rename(path("b"), path("a")).unwrap();
        changed("renamed");
        fs::write(path("d/x"), "").unwrap();
        changed("added");
        fs::remove_file(path("d/x")).unwrap();
        changed("removed");
        fs::create_dir(path("none.d")).unwrap();
        changed("made");
        fs::remove_file(path("a")).unwrap();
        changed("gone");
        symlink(path("d"), path("a")).unwrap();
        changed("a link");
    }

    #[test]
    fn a_link_above_the_file_is_watched() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("f"), version).unwrap();
        }
        symlink("v1", path("data")).unwrap();
        symlink("data/f", path("f")).unwrap();
        let paths = [path("f")];
        let before = fingerprint(&paths);
        let (signal, _writer) = UnixStream::pair().unwrap();
        let mut watch = Watch::new(signal);
        assert_eq!(watch.files(Some(&paths)), Ok(Vec::new()));
        symlink("v2", path("next")).unwrap();
        fs::rename(path("next"), path("data")).unwrap();
        assert_eq!(watch.wait(), Woken::Files);
        assert_ne!(fingerprint(&paths), before);
    }

    #[test]
    fn the_signal_wakes() {
        use std::io::Write as _;
        let (signal, mut writer) = UnixStream::pair().unwrap();
        signal.set_nonblocking(true).unwrap();
        let mut watch = Watch::new(signal);
        writer.write_all(b"xx").unwrap();
        assert_eq!(watch.wait(), Woken::Signal);
        drop(writer);
        assert_eq!(watch.wait(), Woken::Ended);
    }
}
