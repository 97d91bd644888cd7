//! The user that the program becomes.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::bail;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{
    AccessFlags, Gid, Uid, faccessat, getgroups, setegid, seteuid, setgroups, setresgid, setresuid,
};

use crate::app::startup::host_root;
use crate::config::Config;
use crate::metadata::{self, engines::Engine};

/// A user and the groups that go with it.
#[derive(Debug)]
pub(super) struct Account {
    user: Uid,
    group: Gid,
    groups: Vec<Gid>,
}

impl Account {
    /// The user of this name; `None` if there is none.
    pub(super) fn find(name: &str, config: &Config) -> Option<Self> {
        let [user, group] = numbers(&fs::read("/etc/passwd").ok()?, name)?;
        let group = Gid::from_raw(group);
        Some(Self {
            user: Uid::from_raw(user),
            group,
            groups: groups(group, config),
        })
    }

    /// Becomes this user for good. If something must be written that it may not
    /// write, nothing is changed.
    pub(super) fn enter(&self, config: &Config) -> anyhow::Result<()> {
        let before = getgroups()?;
        setgroups(&self.groups)?;
        let tried = self.try_as(|| {
            for path in written(config) {
                check_writable(&path)?;
            }
            Ok(())
        });
        if let Err(error) = tried {
            setgroups(&before)?;
            return Err(error);
        }
        setresgid(self.group, self.group, self.group)?;
        setresuid(self.user, self.user, self.user)?;
        Ok(())
    }

    /// Does something in this user's name, and is root again.
    fn try_as(&self, run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        setegid(self.group)?;
        let result = seteuid(self.user).map_err(Into::into).and_then(|()| run());
        seteuid(Uid::from_raw(0))?;
        setegid(Gid::from_raw(0))?;
        result
    }
}

/// The first numbers in the line of a name in the form of `passwd(5)` or `group(5)`. Only
/// files are asked: other places where users are kept would bring their libraries into a
/// process that is still root.
fn numbers<const N: usize>(file: &[u8], name: &str) -> Option<[u32; N]> {
    let mut lines = file.split(|&byte| byte == b'\n').filter_map(|line| {
        let line = line.strip_prefix(name.as_bytes())?.strip_prefix(b":")?;
        let mut columns = line.split(|&byte| byte == b':').skip(1);
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = std::str::from_utf8(columns.next()?).ok()?.parse().ok()?;
        }
        Some(numbers)
    });
    lines.next()
}

/// The own group, root's, and those that may talk to container runtimes: their
/// sockets are for root or a group, and no capability that is kept opens them.
fn groups(own: Gid, config: &Config) -> Vec<Gid> {
    const GROUP_WRITES: u32 = 0o020;
    let mut groups = vec![own, Gid::from_raw(0)];
    for socket in sockets(&host_root(), config) {
        let Ok(data) = fs::metadata(socket) else {
            continue;
        };
        if data.file_type().is_socket() && data.mode() & GROUP_WRITES != 0 {
            groups.push(Gid::from_raw(data.gid()));
        }
    }
    // Docker may be started later; the others make theirs for root's group.
    if config.engines.is_enabled(Engine::Docker)
        && let Some([docker]) = fs::read("/etc/group")
            .ok()
            .and_then(|groups| numbers(&groups, "docker"))
    {
        groups.push(Gid::from_raw(docker));
    }
    groups.sort_unstable_by_key(|group| group.as_raw());
    groups.dedup();
    groups
}

/// The sockets of runtimes, where they are looked for.
fn sockets(root: &Path, config: &Config) -> Vec<PathBuf> {
    let named = config.engines.sockets().into_iter();
    named
        .flat_map(|(_, socket)| metadata::expand(root, &socket))
        .collect()
}

/// The files that are written while the program runs.
fn written(config: &Config) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let outputs = &config.outputs;
    if outputs.file.enabled {
        paths.push(outputs.file.filename.clone());
        if outputs.file.rotate_bytes > 0 {
            paths.extend(outputs.file.filename.parent().map(Path::to_owned));
        }
    }
    if config.capture.enabled {
        paths.push(config.capture.path_prefix.clone());
    }
    if config.metrics.enabled {
        paths.extend(config.metrics.output_file.clone());
    }
    paths
}

/// Whether a file can be written by who the process is for the moment; if it is
/// not there, whether it can be made.
fn check_writable(path: &Path) -> anyhow::Result<()> {
    let may = |path: &Path| faccessat(AT_FDCWD, path, AccessFlags::W_OK, AtFlags::AT_EACCESS);
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let (what, result) = match path.exists() {
        true => (path, may(path)),
        false => (directory, may(directory)),
    };
    if let Err(error) = result {
        bail!(
            "it may not write {}: {}; give it to that user, or set privileges.user to root",
            what.display(),
            error.desc()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_whole_name() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nfalcon:x:7:8::/:/bin/sh\n\
            falco:x:y:1::/:/bin/sh\nfalco:x:998:997:\xC4:/:/bin/false\nfalco:x:1\n";
        assert_eq!(numbers(passwd, "root"), Some([0, 0]));
        assert_eq!(numbers(passwd, "falcon"), Some([7, 8]));
        assert_eq!(numbers::<2>(passwd, "falc"), None);
        assert_eq!(numbers(b"docker:x:120:me,you\n", "docker"), Some([120]));
        assert_eq!(numbers(passwd, "falco"), Some([998, 997]));
    }

    #[test]
    fn sockets_are_those_of_the_host_and_of_its_users() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("run/user/1000")).unwrap();
        let found = sockets(root.path(), &Config::default());
        // Not below `var/run`, which is a link that leads out of the root.
        for socket in [
            "run/docker.sock",
            "run/user/1000/docker.sock",
            "run/user/1000/podman/podman.sock",
            "run/containerd/containerd.sock",
        ] {
            assert!(found.contains(&root.path().join(socket)), "{found:?}");
        }
        assert!(
            !found
                .iter()
                .any(|path| path.to_string_lossy().contains('*'))
        );
    }
}
