//! Names of users and groups, from the files of a file system.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::metadata::Container;

/// Most bytes of a file of users that are read.
const MAX_FILE: u64 = 1 << 20;

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name.
    pub name: Box<str>,
    /// Home directory.
    pub home: Box<str>,
    /// Login shell.
    pub shell: Box<str>,
}

/// Users and groups of one file system.
#[derive(Clone, Debug, Default)]
pub struct Users {
    users: HashMap<u32, User>,
    groups: HashMap<u32, Box<str>>,
}

impl Users {
    /// Reads `passwd(5)` and `group(5)`; what is no entry is skipped.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let mut this = Self::default();
        for line in String::from_utf8_lossy(passwd).lines() {
            let mut columns = line.split(':');
            let (Some(name), Some(Ok(uid))) =
                (columns.next(), columns.nth(1).map(str::parse::<u32>))
            else {
                continue;
            };
            let home = columns.nth(2).unwrap_or_default();
            let shell = columns.next().unwrap_or_default();
            // As getpwuid has it, the first of several lines counts.
            this.users.entry(uid).or_insert_with(|| User {
                name: name.into(),
                home: home.into(),
                shell: shell.into(),
            });
        }
        for line in String::from_utf8_lossy(group).lines() {
            let mut columns = line.split(':');
            let (Some(name), Some(Ok(gid))) =
                (columns.next(), columns.nth(1).map(str::parse::<u32>))
            else {
                continue;
            };
            this.groups.entry(gid).or_insert_with(|| name.into());
        }
        this
    }

    /// Takes in a user, in place of one with the same id.
    pub fn add_user(&mut self, uid: u32, user: User) {
        self.users.insert(uid, user);
    }

    /// Takes in a group, likewise.
    pub fn add_group(&mut self, gid: u32, name: &str) {
        self.groups.insert(gid, name.into());
    }

    /// All users, by id.
    pub fn users(&self) -> impl Iterator<Item = (u32, &User)> {
        let mut all: Vec<_> = self.users.iter().map(|(&uid, user)| (uid, user)).collect();
        all.sort_unstable_by_key(|(uid, _)| *uid);
        all.into_iter()
    }

    /// Ids and names of all groups.
    pub fn groups(&self) -> impl Iterator<Item = (u32, &str)> {
        let mut all: Vec<_> = self
            .groups
            .iter()
            .map(|(&gid, name)| (gid, &**name))
            .collect();
        all.sort_unstable_by_key(|(gid, _)| *gid);
        all.into_iter()
    }

    /// Takes out a user.
    pub fn remove_user(&mut self, uid: u32) {
        self.users.remove(&uid);
    }

    /// Takes out a group.
    pub fn remove_group(&mut self, gid: u32) {
        self.groups.remove(&gid);
    }

    /// The user with this id.
    pub fn user(&self, uid: u32) -> Option<&User> {
        self.users.get(&uid)
    }

    /// Name of the group with this id.
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(|name| &**name)
    }
}

/// What tells that a file is another than before.
type Stamp = (u64, u64, i64, i64, u64);

fn stamp(meta: &Metadata) -> Stamp {
    (
        meta.dev(),
        meta.ino(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.size(),
    )
}

/// The host's users, read again when their files change.
#[derive(Debug, Default)]
pub struct HostUsers {
    passwd: PathBuf,
    group: PathBuf,
    stamps: [Option<Stamp>; 2],
    users: Users,
}

impl HostUsers {
    /// The users of the system at `root`.
    pub fn new(root: &Path) -> Self {
        let mut this = Self {
            passwd: root.join("etc/passwd"),
            group: root.join("etc/group"),
            ..Self::default()
        };
        this.refresh();
        this
    }

    /// Reads the files again if they changed. Not for the path of an event.
    pub fn refresh(&mut self) {
        let stamps = [&self.passwd, &self.group]
            .map(|path| std::fs::metadata(path).ok().as_ref().map(stamp));
        if stamps == self.stamps {
            return;
        }
        self.stamps = stamps;
        let read = |path: &Path| {
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(path);
            file.ok().and_then(read_regular).unwrap_or_default()
        };
        self.users = Users::parse(&read(&self.passwd), &read(&self.group));
    }

    /// The users.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// The users, to take in one that the files do not have.
    pub fn users_mut(&mut self) -> &mut Users {
        &mut self.users
    }
}

/// The bytes of a regular file that is not too large.
fn read_regular(file: File) -> Option<Vec<u8>> {
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Opens a file below `root` without ever leaving it: links in a container
/// point where the container's owner wants.
fn open_below(root: &File, path: &str) -> Option<File> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root, path, how).ok().map(File::from)
}

/// Which files of users were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    /// Device and inode of the root: a process may have one of its own.
    root: (u64, u64),
    stamps: [Option<Stamp>; 2],
}

/// Files of users below a root.
struct UserFiles {
    version: Version,
    files: [Option<File>; 2],
}

impl UserFiles {
    fn open(root: &Path) -> Option<Self> {
        let root = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(root)
            .ok()?;
        let meta = root.metadata().ok()?;
        let files = ["etc/passwd", "etc/group"].map(|path| open_below(&root, path));
        let stamp = |file: &Option<File>| Some(stamp(&file.as_ref()?.metadata().ok()?));
        let version = Version {
            root: (meta.dev(), meta.ino()),
            stamps: files.each_ref().map(stamp),
        };
        Some(Self { version, files })
    }

    /// The users, or `None` when there is no file of them.
    fn read(self) -> Option<Users> {
        let [passwd, group] = self.files.map(|file| read_regular(file?));
        if passwd.is_none() && group.is_none() {
            return None;
        }
        Some(Users::parse(
            &passwd.unwrap_or_default(),
            &group.unwrap_or_default(),
        ))
    }
}

struct Request {
    container: Arc<Container>,
    pid: u32,
    done: Sender<()>,
}

/// Versions by ids of containers.
type Versions = HashMap<Box<str>, Version>;

/// Reads the users of a container, unless they are those that were read before.
fn answer(request: &Request, proc: &Path, versions: &mut Versions) {
    let Request { container, pid, .. } = request;
    let files = UserFiles::open(&proc.join(pid.to_string()).join("root"));
    let before = versions.get(container.full_id()).copied();
    let users = files.and_then(|files| {
        let version = files.version;
        if before.is_some_and(|before| before.root != version.root || before == version) {
            return None;
        }
        if versions.len() >= MOST_VERSIONS {
            versions.clear();
        }
        versions.insert(container.full_id().into(), version);
        files.read()
    });
    match users {
        Some(users) => container.publish_users(users),
        None => container.publish_no_users(),
    }
}

/// Reads the users of containers on a thread of its own: a container's file
/// system may be one that never answers.
#[derive(Debug)]
pub struct ContainerUsers {
    requests: Sender<Request>,
}

/// How many containers may wait for their users.
const QUEUE: usize = 256;

/// Of how many containers is kept which files were read.
const MOST_VERSIONS: usize = 1024;

impl ContainerUsers {
    /// Starts the thread. `proc` is where the proc file system is mounted.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn start(proc: PathBuf) -> std::io::Result<Self> {
        let (requests, incoming): (_, Receiver<Request>) = crossbeam_channel::bounded(QUEUE);
        std::thread::Builder::new()
            .name("users".into())
            .spawn(move || {
                let mut versions = Versions::new();
                for request in incoming {
                    answer(&request, &proc, &mut versions);
                    let _ = request.done.send(());
                }
            })?;
        Ok(Self { requests })
    }

    /// Reads the users of a container that process `pid` is in, once in each
    /// second, which is counted from 1, if they changed. At first sight it waits
    /// for them, no longer than `patience`.
    pub fn request(
        &self,
        container: &Arc<Container>,
        pid: u32,
        second: u32,
        patience: std::time::Duration,
    ) {
        let Some(first) = container.ask_users(second) else {
            return;
        };
        // The thread is busy: no reason to believe that it will be quick.
        let idle = self.requests.is_empty();
        let (done, wait) = crossbeam_channel::bounded(1);
        let request = Request {
            container: Arc::clone(container),
            pid,
            done,
        };
        match self.requests.try_send(request) {
            Ok(()) if idle && first => {
                let _ = wait.recv_timeout(patience);
            }
            Ok(()) => {}
            Err(_) => container.publish_no_users(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Runtime;
    use std::time::Duration;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\n\
        # a comment\n\
        toor:x:0:0::/:/bin/sh\n\
        daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
        bad\n\
        worse:x:minus:1::/:\n\
        short:x:7\n\
        \xff\xfe:x:9:9::/:/bin/sh\n";

    #[test]
    fn entries() {
        let users = Users::parse(PASSWD, b"root:x:0:\nshadow:x:42:a,b\n:\n");
        let root = users.user(0).unwrap();
        assert_eq!(
            (&*root.name, &*root.home, &*root.shell),
            ("root", "/root", "/bin/bash")
        );
        assert_eq!(&*users.user(1).unwrap().name, "daemon");
        assert_eq!(&*users.user(7).unwrap().home, "");
        assert_eq!(users.user(2), None);
        assert_eq!(users.group(42), Some("shadow"));
        assert_eq!(users.group(1), None);
    }

    fn root(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("users-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("etc")).unwrap();
        root
    }

    #[test]
    fn a_changed_file_is_read_again() {
        let root = root("changed");
        std::fs::write(root.join("etc/passwd"), PASSWD).unwrap();
        let mut host = HostUsers::new(&root);
        assert!(host.users().user(1).is_some());
        std::fs::write(root.join("etc/new"), b"new:x:5:5::/:\n").unwrap();
        std::fs::rename(root.join("etc/new"), root.join("etc/passwd")).unwrap();
        host.refresh();
        assert!(host.users().user(1).is_none());
        assert_eq!(&*host.users().user(5).unwrap().name, "new");
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn links_do_not_leave_the_container() {
        let root = root("links");
        std::fs::write(root.join("secret"), b"inside:x:5:5::/:\n").unwrap();
        std::os::unix::fs::symlink("/secret", root.join("etc/passwd")).unwrap();
        std::os::unix::fs::symlink("../../../../../../etc/group", root.join("etc/group")).unwrap();
        let users = UserFiles::open(&root).unwrap().read().unwrap();
        assert_eq!(&*users.user(5).unwrap().name, "inside");
        assert_eq!(users.group(0), None);
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn pipes_are_not_read() {
        let root = root("pipes");
        let path = root.join("etc/passwd");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(UserFiles::open(&root).unwrap().read().is_none());
        assert!(HostUsers::new(&root).users().user(0).is_none());
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_container_has_its_own_users() {
        let proc = root("proc");
        let etc = proc.join("42/root/etc");
        std::fs::create_dir_all(&etc).unwrap();
        std::fs::write(etc.join("passwd"), b"app:x:1000:1000::/app:/bin/sh\n").unwrap();
        let reader = ContainerUsers::start(proc.clone()).unwrap();
        let container = Arc::new(Container::new("c", Runtime::Docker));
        reader.request(&container, 42, 1, Duration::from_secs(10));
        assert_eq!(&*container.users().unwrap().user(1000).unwrap().name, "app");
        let gone = Arc::new(Container::new("g", Runtime::Docker));
        reader.request(&gone, 43, 1, Duration::from_secs(10));
        assert!(gone.users().is_none() && !gone.is_pending());
        std::fs::remove_dir_all(&proc).unwrap();
    }

    #[test]
    fn a_changed_file_of_a_container_is_read_again() {
        let proc = root("again");
        let write = |pid: u32, name: &str| {
            let etc = proc.join(format!("{pid}/root/etc"));
            std::fs::create_dir_all(&etc).unwrap();
            std::fs::write(etc.join("passwd"), format!("{name}:x:7:7::/:/bin/sh\n")).unwrap();
        };
        let container = Arc::new(Container::new("c", Runtime::Docker));
        let mut versions = Versions::new();
        let mut name = |pid: u32| {
            let request = Request {
                container: Arc::clone(&container),
                pid,
                done: crossbeam_channel::bounded(1).0,
            };
            answer(&request, &proc, &mut versions);
            container
                .users()
                .map(|users| users.user(7).unwrap().name.to_string())
        };
        assert_eq!(name(42), None);
        write(42, "first");
        assert_eq!(name(42).as_deref(), Some("first"));
        let read = container.users().unwrap();
        assert_eq!(name(42).as_deref(), Some("first"));
        assert!(Arc::ptr_eq(&read, &container.users().unwrap()), "read once");
        write(42, "second");
        assert_eq!(name(42).as_deref(), Some("second"));
        // A process with another root says nothing of the container.
        write(43, "elsewhere");
        assert_eq!(name(43).as_deref(), Some("second"));
        // Nor does one that is gone.
        assert_eq!(name(44).as_deref(), Some("second"));
        std::fs::remove_dir_all(&proc).unwrap();
    }
}
