//! One thread, and the program that it runs.

use falco_abi::flags::exec;
use triomphe::Arc;

use super::files::FilesId;
use super::shared::Shared;
use crate::metadata::Container;

/// Value of [`Thread::loginuid`] and of other ids that were never set.
pub const UNSET: u32 = u32::MAX;

/// What the last successful `execve` brought. Never changes, so that a fork
/// shares it with its parent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// First element of the argument vector.
    pub exe: Box<[u8]>,
    /// Path of the executable file.
    pub exepath: Box<[u8]>,
    /// The other arguments, each followed by a NUL.
    pub args: Box<[u8]>,
    /// Environment: `NAME=value`, each followed by a NUL. Programs mostly hand
    /// theirs on as it is.
    pub env: Shared,
    /// Bits of [`falco_abi::flags::exec`].
    pub flags: u32,
    /// Inode of the executable; 0 if unknown.
    pub ino: u64,
    /// Its time of inode change, nanoseconds since the epoch.
    pub ctime: u64,
    /// Its time of modification.
    pub mtime: u64,
    /// When the process that started it was made; 0 if unknown.
    pub process_start: u64,
}

impl Image {
    /// Whether the program came from a memfd.
    pub fn from_memfd(&self) -> bool {
        self.flags & exec::FROM_MEMFD != 0
    }

    /// The arguments behind the first.
    pub fn args(&self) -> impl Iterator<Item = &[u8]> {
        strings(&self.args)
    }

    /// The entries of the environment.
    pub fn env(&self) -> impl Iterator<Item = &[u8]> {
        strings(&self.env)
    }

    /// This environment, for a program that this one starts.
    pub(super) fn env_or(&self, env: &[u8]) -> Shared {
        match *self.env == *env {
            true => self.env.clone(),
            false => env.into(),
        }
    }

    /// Value of a variable of the environment.
    pub fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.env()
            .find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
    }
}

/// The strings of a buffer in which each is followed by a NUL; the last may
/// lack it.
pub fn strings(buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = buffer.strip_suffix(b"\0").unwrap_or(buffer);
    // Splitting nothing would give one empty string.
    let parts = if buffer.is_empty() { 0 } else { usize::MAX };
    whole.split(|&b| b == 0).take(parts)
}

/// Capabilities of a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Kept across `execve`.
    pub inheritable: u64,
    /// May be made effective.
    pub permitted: u64,
    /// In force.
    pub effective: u64,
}

/// Memory and page faults as the last event that told them had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Virtual memory in KiB.
    pub vm_size: u32,
    /// Resident memory in KiB.
    pub vm_rss: u32,
    /// Swapped memory in KiB.
    pub vm_swap: u32,
    /// Major page faults.
    pub major_faults: u64,
    /// Minor page faults.
    pub minor_faults: u64,
    /// Most descriptors that may be open.
    pub fd_limit: i64,
}

/// Which events of its making were seen: each of the two that tell of it comes
/// once, so another one means another thread with the same id.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Birth {
    pub(super) told_by_parent: bool,
    pub(super) told_by_child: bool,
}

impl Birth {
    /// It was made before the first event.
    pub(super) const PAST: Self = Self {
        told_by_parent: true,
        told_by_child: true,
    };
}

/// One thread.
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Process id: that of the first thread.
    pub pid: u32,
    /// Process id of the parent; 0 if there is none.
    pub ptid: u32,
    /// Thread id in its own pid namespace.
    pub vtid: u32,
    /// Process id in its own pid namespace.
    pub vpid: u32,
    /// Session id in its own pid namespace.
    pub sid: u32,
    /// Process group id in the initial pid namespace.
    pub pgid: u32,
    /// Process group id in its own pid namespace.
    pub vpgid: u32,
    /// Number of the pid namespace; 0 if unknown.
    pub pidns: u32,
    /// [`Thread::comm`] and the arguments, joined by blanks.
    pub cmdline: Shared,
    /// How much of it is the name of the task.
    pub(super) comm_len: u32,
    /// The program.
    pub image: Arc<Image>,
    /// Working directory, with a slash at its end; empty if unknown.
    pub cwd: Shared,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Real user.
    pub ruid: u32,
    /// Real group.
    pub rgid: u32,
    /// User who logged in; [`UNSET`] if nobody did.
    pub loginuid: u32,
    /// Controlling terminal, 0 if there is none.
    pub tty: u32,
    /// Capabilities.
    pub caps: Capabilities,
    /// Memory and faults.
    pub usage: Usage,
    /// Control groups: `subsystem=path`, each followed by a NUL.
    pub cgroups: Shared,
    /// The container that it is in.
    pub container: Option<std::sync::Arc<Container>>,
    /// When it was made, nanoseconds since the epoch; 0 if unknown.
    pub start: u64,
    /// When its pid namespace was made, nanoseconds since the epoch; 0 if unknown.
    pub pidns_start: u64,
    /// Its table of open descriptors. `None`: that of the process's first thread.
    pub(super) files: Option<FilesId>,
    /// What the process has open was not read yet; the first thread has it.
    pub(super) unread: bool,
    /// What is known was read from the proc file system since an event was
    /// missed: it may be of another time than the events.
    pub guessed: bool,
    /// It runs what it started itself, not what its maker ran.
    pub executed: bool,
    /// What of its making was seen.
    pub(super) birth: Birth,
    /// The thread that called for it; 0 if unknown.
    pub(super) maker: u32,
    /// Orphans below it become its children.
    pub(super) subreaper: bool,
    /// Anything but the ids is known.
    pub(super) known: bool,
    /// Ended while other threads of its process live.
    pub(super) dead: bool,
    /// The first thread has it, unless it is empty: most processes have neither
    /// further threads nor children.
    pub(super) family: Option<Box<Family>>,
}

/// What belongs to a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Family {
    /// Ids of the living threads but for the first.
    pub(super) tasks: Vec<u32>,
    /// Ids of the children, in order: there may be thousands.
    pub(super) children: Vec<u32>,
}

impl Thread {
    /// What our module leaves out of an event, since the thread has it from where
    /// it comes: the value of a parameter with this name.
    pub fn inherited(&self, name: &str) -> Option<&[u8]> {
        let value = match name {
            "exe" => self.exe(),
            "args" => &self.image.args,
            "cgroups" => &self.cgroups,
            _ => return None,
        };
        (!value.is_empty()).then_some(value)
    }

    /// A thread of which nothing but the ids is told yet.
    pub fn new(tid: u32, pid: u32) -> Self {
        Self {
            tid,
            pid,
            vtid: tid,
            vpid: pid,
            sid: UNSET,
            pgid: UNSET,
            vpgid: UNSET,
            uid: UNSET,
            gid: UNSET,
            ruid: UNSET,
            rgid: UNSET,
            loginuid: UNSET,
            executed: true,
            birth: Birth::PAST,
            known: true,
            ..Self::default()
        }
    }

    /// A thread that exists but of which nothing could be found out.
    pub(super) fn unknown() -> Self {
        let mut thread = Self::new(0, UNSET);
        thread.ptid = UNSET;
        thread.vtid = UNSET;
        thread.known = false;
        thread.cwd = b"./".as_slice().into();
        let image = Image {
            exe: (*b"<NA>").into(),
            ..Image::default()
        };
        thread.run(b"<NA>", image);
        thread
    }

    /// Whether it is the first thread of its process.
    pub fn is_leader(&self) -> bool {
        self.tid == self.pid
    }

    /// Whether its process is the first one of its pid namespace.
    pub(super) fn is_first_of_pidns(&self) -> bool {
        self.pidns != 0 && self.vpid == 1 && self.is_leader()
    }

    /// Whether anything but its ids is known.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Name of the task.
    pub fn comm(&self) -> &[u8] {
        self.cmdline
            .get(..self.comm_len as usize)
            .unwrap_or_default()
    }

    /// First element of the argument vector.
    pub fn exe(&self) -> &[u8] {
        &self.image.exe
    }

    /// Path of the executable file.
    pub fn exepath(&self) -> &[u8] {
        &self.image.exepath
    }

    /// The arguments behind the first, joined by blanks.
    pub fn joined_args(&self) -> &[u8] {
        self.cmdline
            .get(self.comm_len as usize + 1..)
            .unwrap_or_default()
    }

    /// Control groups: subsystem and path.
    pub fn cgroups(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        strings(&self.cgroups).filter_map(|entry| {
            let equals = entry.iter().position(|&b| b == b'=')?;
            // The unified hierarchy has another name for it.
            let name = match &entry[..equals] {
                b"io" => b"blkio",
                name => name,
            };
            Some((name, &entry[equals + 1..]))
        })
    }

    /// Ids of the living threads of the process but for the first; the first has them.
    pub(super) fn tasks(&self) -> &[u32] {
        self.family.as_ref().map_or(&[], |family| &family.tasks)
    }

    /// Ids of the children of the process; the first thread has them.
    #[cfg(test)]
    pub(super) fn children(&self) -> &[u32] {
        self.family.as_ref().map_or(&[], |family| &family.children)
    }

    /// Both, to be added to.
    pub(super) fn family(&mut self) -> &mut Family {
        self.family.get_or_insert_default()
    }

    /// A thread of the process is there no more.
    pub(super) fn forget_task(&mut self, tid: u32) {
        if let Some(family) = &mut self.family {
            forget(&mut family.tasks, tid);
        }
    }

    /// A child of the process is there no more.
    pub(super) fn forget_child(&mut self, pid: u32) {
        if let Some(family) = &mut self.family
            && let Ok(at) = family.children.binary_search(&pid)
        {
            family.children.remove(at);
        }
    }

    /// The process has one child more, unless it is known.
    pub(super) fn add_child(&mut self, pid: u32) {
        let children = &mut self.family().children;
        if let Err(at) = children.binary_search(&pid) {
            children.insert(at, pid);
        }
    }

    /// Takes out what belongs to the process.
    pub(super) fn take_family(&mut self) -> Family {
        self.family
            .take()
            .map_or_else(Family::default, |family| *family)
    }

    /// What a new task takes over from the one that made it.
    pub(super) fn copy(&self) -> Self {
        Self {
            files: None,
            // Not inherited.
            executed: false,
            subreaper: false,
            dead: false,
            family: None,
            cmdline: self.cmdline.clone(),
            image: Arc::clone(&self.image),
            cwd: self.cwd.clone(),
            cgroups: self.cgroups.clone(),
            container: self.container.clone(),
            ..*self
        }
    }

    /// Gives the thread a name; the command line starts with it.
    pub fn rename(&mut self, comm: &[u8]) {
        if self.comm() == comm {
            return;
        }
        self.comm_len = comm.len() as u32;
        self.cmdline = cmdline(comm, &self.image);
    }

    /// Gives the thread the name and the program of another.
    pub(super) fn run_like(&mut self, other: &Self) {
        self.comm_len = other.comm_len;
        self.cmdline = other.cmdline.clone();
        self.image = Arc::clone(&other.image);
    }

    /// Gives the thread a name and a program.
    pub fn run(&mut self, comm: &[u8], image: Image) {
        self.comm_len = comm.len() as u32;
        self.cmdline = cmdline(comm, &image);
        self.image = Arc::new(image);
    }
}

fn forget(ids: &mut Vec<u32>, id: u32) {
    if let Some(at) = ids.iter().rposition(|&other| other == id) {
        ids.swap_remove(at);
    }
}

/// The path of a directory with a slash at its end.
pub fn with_slash(path: &[u8]) -> Shared {
    match path {
        [] | [.., b'/'] => path.into(),
        path => [path, b"/"].concat().as_slice().into(),
    }
}

/// Whether `cwd`, which has a slash at its end, is the directory `path`.
pub(super) fn is_directory(cwd: &[u8], path: &[u8]) -> bool {
    cwd == path || cwd.strip_suffix(b"/") == Some(path)
}

/// Name and arguments, joined by blanks.
fn cmdline(comm: &[u8], image: &Image) -> Shared {
    let mut line = Vec::with_capacity(comm.len() + 1 + image.args.len());
    line.extend_from_slice(comm);
    for arg in image.args() {
        line.push(b' ');
        line.extend_from_slice(arg);
    }
    line.as_slice().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(args: &[u8], env: &[u8]) -> Image {
        Image {
            args: args.into(),
            env: env.into(),
            ..Image::default()
        }
    }

    #[test]
    fn it_is_small() {
        let size = size_of::<Thread>();
        assert!(size <= 208, "{size} bytes");
    }

    #[test]
    fn strings_end_with_nul_or_not() {
        let list = |bytes: &'static [u8]| strings(bytes).collect::<Vec<_>>();
        assert!(list(b"").is_empty());
        assert_eq!(list(b"\0"), [b""]);
        assert_eq!(list(b"a\0b"), [b"a", b"b"]);
        assert_eq!(list(b"a\0b\0"), [b"a", b"b"]);
        assert_eq!(list(b"a\0\0"), [&b"a"[..], b""]);
    }

    #[test]
    fn command_line_follows_the_name() {
        let mut thread = Thread::default();
        thread.run(b"bash", image(b"-c\0ls -l\0", b""));
        assert_eq!(*thread.cmdline, *b"bash -c ls -l");
        assert_eq!(thread.joined_args(), b"-c ls -l");
        thread.rename(b"worker");
        assert_eq!(*thread.cmdline, *b"worker -c ls -l");
        assert_eq!(thread.joined_args(), b"-c ls -l");
        thread.run(b"true", image(b"", b""));
        assert_eq!(*thread.cmdline, *b"true");
        assert_eq!(thread.joined_args(), b"");
    }

    #[test]
    fn variables_need_the_whole_name() {
        let image = image(b"", b"PATHS=1\0PATH=/bin\0EMPTY=\0");
        assert_eq!(image.variable(b"PATH"), Some(&b"/bin"[..]));
        assert_eq!(image.variable(b"EMPTY"), Some(&b""[..]));
        assert_eq!(image.variable(b"HOME"), None);
    }
}
