//! Threads as the proc file system tells them: all of them at the start, and one
//! whose making was missed.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::Sender;
use falco_abi::flags::exec;
use rustc_hash::FxHashMap;
use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, PROC_SUPER_MAGIC, Statx, StatxFlags, StatxTimestamp, openat,
    readlinkat_raw, statfs, statx,
};
use rustix::param::page_size;
use rustix::path::Arg;

use super::pidfd::PidFd;
use super::shared::Shared;
use super::thread::{Image, Thread, UNSET, Usage};

/// Most bytes of arguments, of an environment, and of a list of control groups.
const MAX_STRINGS: usize = 4096;

/// Most processors that read all threads.
const MAX_WORKERS: usize = 8;

/// How many processes one of them takes at a time.
const SHARE: usize = 64;

/// Reads threads. Keeps its buffers.
#[derive(Debug)]
pub struct ProcFs {
    root: PathBuf,
    path: String,
    buffer: Vec<u8>,
    ticks: u64,
    boot: u64,
    /// Number of the pid namespace that it is of; 0 until that was read.
    pidns: u32,
    /// Environments are read as well.
    pub(super) with_environments: bool,
    /// While all threads are read.
    by_descriptor: Option<ByDescriptor>,
    before: Common,
}

/// For a kernel that tells of threads by descriptors, which costs less than the
/// text that says the same and more.
#[derive(Debug, Default)]
struct ByDescriptor {
    /// What `cgroup` says, by the id of the control group in the unified hierarchy;
    /// `None` where there are others too.
    cgroups: Option<FxHashMap<u64, Shared>>,
}

/// How much is read of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// All that a thread keeps.
    Whole,
    /// What shows whether it is still what is known of it: no arguments, no
    /// environment, no control groups, no login, no numbers of an inner pid namespace,
    /// and of the program the inode alone.
    Glance,
}

/// What the thread that was read before has, and others mostly too: it is there
/// once then.
#[derive(Debug, Default)]
struct Common {
    env: Shared,
    cgroups: Shared,
    cwd: Shared,
}

/// These bytes, which may be the same as before.
fn same_or(before: &mut Shared, bytes: &[u8]) -> Shared {
    if **before != *bytes {
        *before = bytes.into();
    }
    before.clone()
}

/// Reads what there is of a file, as far as the buffer goes. The kernel hands it
/// over at once.
pub(super) fn read(directory: impl AsFd, name: impl Arg, buffer: &mut [u8]) -> Option<&[u8]> {
    let file = openat(
        directory,
        name,
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let count = rustix::io::read(file.ok()?, &mut *buffer).ok()?;
    buffer.get(..count)
}

/// Where a link leads to, as far as the buffer goes.
pub(super) fn link(directory: impl AsFd, name: impl Arg, buffer: &mut [u8]) -> Option<&[u8]> {
    let count = readlinkat_raw(directory, name, &mut *buffer).ok()?;
    buffer.get(..count)
}

/// What the kernel knows by itself of the file that a link leads to: an event must
/// not wait for the server of a file system.
pub(super) fn status_at_hand(directory: impl AsFd, link: impl Arg) -> Option<Statx> {
    let flags = AtFlags::STATX_DONT_SYNC;
    statx(directory, link, flags, StatxFlags::BASIC_STATS).ok()
}

/// A directory whose entries have numbers for names.
pub(super) fn numbered(directory: impl AsFd, name: impl Arg) -> Option<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Dir::new(openat(directory, name, flags, Mode::empty()).ok()?).ok()
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn words(text: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// What `status` tells besides what a thread keeps.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    /// How many threads the process has; 0 if it does not say.
    threads: u32,
    /// The pid namespace is the one that the proc file system is of.
    outermost: bool,
}

/// Takes `status`' lines into the thread. `None`: it lacks the ids.
fn parse_status(status: &[u8], thread: &mut Thread) -> Option<Status> {
    let mut ids = false;
    let mut rest = Status {
        threads: 0,
        outermost: false,
    };
    for line in status.split(|&b| b == b'\n') {
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            continue;
        };
        let value = &line[colon + 1..];
        let first = || words(value).next();
        let last = || words(value).next_back().and_then(number);
        let hex = || u64::from_str_radix(std::str::from_utf8(first()?).ok()?, 16).ok();
        let kib = || first().and_then(number).unwrap_or_default();
        match &line[..colon] {
            b"Tgid" => {
                let pid = first().and_then(number)?;
                ids = true;
                thread.pid = pid;
                thread.vpid = pid;
                thread.vtid = thread.tid;
            }
            b"PPid" => thread.ptid = first().and_then(number).unwrap_or_default(),
            b"Uid" => {
                let mut ids = words(value).map(number);
                thread.ruid = ids.next().flatten().unwrap_or_default();
                thread.uid = ids.next().flatten().unwrap_or_default();
            }
            b"Gid" => {
                let mut ids = words(value).map(number);
                thread.rgid = ids.next().flatten().unwrap_or_default();
                thread.gid = ids.next().flatten().unwrap_or_default();
            }
            b"NStgid" => thread.vpid = last().unwrap_or(thread.pid),
            b"NSpid" => {
                thread.vtid = last().unwrap_or(thread.tid);
                rest.outermost = words(value).count() == 1;
            }
            b"NSpgid" => {
                thread.pgid = first().and_then(number).unwrap_or_default();
                thread.vpgid = last().unwrap_or_default();
            }
            b"NSsid" => thread.sid = last().unwrap_or_default(),
            b"CapInh" => thread.caps.inheritable = hex().unwrap_or_default(),
            b"CapPrm" => thread.caps.permitted = hex().unwrap_or_default(),
            b"CapEff" => thread.caps.effective = hex().unwrap_or_default(),
            b"Threads" => rest.threads = first().and_then(number).unwrap_or_default(),
            b"VmSize" => thread.usage.vm_size = kib(),
            b"VmRSS" => thread.usage.vm_rss = kib(),
            b"VmSwap" => thread.usage.vm_swap = kib(),
            _ => {}
        }
    }
    ids.then_some(rest)
}

/// What `stat` tells.
struct Stat<'a> {
    comm: &'a [u8],
    /// It ended, and nobody asked how.
    dead: bool,
    /// It is a task of the kernel, and has no program.
    kernel: bool,
    ptid: u32,
    pgid: u32,
    sid: u32,
    tty: u32,
    minor_faults: u64,
    major_faults: u64,
    start_ticks: u64,
    /// How many threads the process has; 0 if it does not say.
    threads: u32,
    /// In bytes and in pages; 0 if it does not say.
    vm_size: u64,
    vm_rss: u64,
}

impl Stat<'_> {
    /// Takes into a thread what a descriptor has not told of it.
    fn complete(&self, thread: &mut Thread) -> Status {
        let kib = |bytes: u64| u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
        (thread.vpid, thread.vtid) = (thread.pid, thread.tid);
        thread.ptid = self.ptid;
        (thread.pgid, thread.vpgid) = (self.pgid, self.pgid);
        thread.sid = self.sid;
        thread.usage.vm_size = kib(self.vm_size);
        thread.usage.vm_rss = kib(self.vm_rss.saturating_mul(page_size() as u64));
        Status {
            threads: self.threads,
            outermost: true,
        }
    }
}

fn parse_stat(stat: &[u8]) -> Option<Stat<'_>> {
    const PF_KTHREAD: u32 = 0x0020_0000;
    // The name may hold blanks and parentheses itself.
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let mut columns = words(&stat[close + 1..]);
    // Those behind the name, up to column 24: state ppid pgrp session tty tpgid flags
    // minflt cminflt majflt cmajflt utime stime cutime cstime priority nice threads
    // itrealvalue starttime vsize rss.
    let columns: [&[u8]; 22] = std::array::from_fn(|_| columns.next().unwrap_or_default());
    let [
        state,
        ptid,
        pgid,
        sid,
        tty,
        _,
        flags,
        minor_faults,
        _,
        major_faults,
        ..,
    ] = columns;
    let flags: u32 = number(flags)?;
    Some(Stat {
        comm: stat.get(open + 1..close)?,
        dead: matches!(state, b"Z" | b"X"),
        kernel: flags & PF_KTHREAD != 0,
        ptid: number(ptid)?,
        pgid: number(pgid)?,
        sid: number(sid)?,
        tty: number::<i32>(tty)?.cast_unsigned(),
        minor_faults: number(minor_faults)?,
        major_faults: number(major_faults)?,
        start_ticks: number(columns[19])?,
        threads: number(columns[17]).unwrap_or_default(),
        vm_size: number(columns[20]).unwrap_or_default(),
        vm_rss: number(columns[21]).unwrap_or_default(),
    })
}

/// The lines of `cgroup` as `subsystem=path`, each followed by a NUL.
fn parse_cgroup(lines: &[u8]) -> Vec<u8> {
    let mut groups = Vec::with_capacity(lines.len());
    for line in lines.split(|&b| b == b'\n') {
        let mut columns = line.splitn(3, |&b| b == b':');
        let (Some(_), Some(subsystems), Some(path)) =
            (columns.next(), columns.next(), columns.next())
        else {
            continue;
        };
        // As the records of the kernel half name it.
        let subsystems = match subsystems {
            b"" => b"unified",
            some => some,
        };
        for subsystem in subsystems.split(|&b| b == b',') {
            groups.extend_from_slice(subsystem);
            groups.push(b'=');
            groups.extend_from_slice(path);
            groups.push(0);
        }
    }
    groups
}

/// A process that wrote a text over its arguments may have left one NUL behind
/// it, which is no argument.
pub fn past_title(args: &[u8]) -> &[u8] {
    match args {
        b"\0" => b"",
        args => args,
    }
}

/// Divides a command line into the first argument and the others. A process
/// may have overwritten it with one text without NULs.
fn parse_cmdline(cmdline: &[u8]) -> (&[u8], &[u8]) {
    match cmdline.iter().position(|&b| b == 0) {
        Some(end) => (&cmdline[..end], &cmdline[end + 1..]),
        None => (cmdline, b""),
    }
}

/// Nanoseconds since the epoch at which the machine's boot clock began.
fn boot_time() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    let now = |clock| {
        clock_gettime(clock).map_or(0, |t| {
            t.tv_sec()
                .cast_unsigned()
                .wrapping_mul(1_000_000_000)
                .wrapping_add(t.tv_nsec().cast_unsigned())
        })
    };
    now(ClockId::CLOCK_REALTIME).wrapping_sub(now(ClockId::CLOCK_BOOTTIME))
}

impl ProcFs {
    /// The proc file system mounted at `root`.
    pub fn new(root: &Path) -> Self {
        let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
        Self {
            root: root.into(),
            path: String::new(),
            buffer: vec![0; MAX_STRINGS],
            ticks: ticks
                .ok()
                .flatten()
                .and_then(|t| t.try_into().ok())
                .filter(|&t| t > 0)
                .unwrap_or(100),
            boot: boot_time(),
            pidns: 0,
            with_environments: true,
            by_descriptor: None,
            before: Common::default(),
        }
    }

    /// One that reads many threads, on one of the processors.
    pub(super) fn of_many(root: &Path, with_environments: bool) -> Self {
        let mut proc = Self::new(root);
        proc.with_environments = with_environments;
        proc.by_descriptor = proc.can_ask();
        proc
    }

    /// What there is to know for asking by descriptors, if that can be done here.
    fn can_ask(&mut self) -> Option<ByDescriptor> {
        // Files that somebody has written are of no process that runs here.
        if statfs(&self.root).ok()?.f_type != PROC_SUPER_MAGIC {
            return None;
        }
        // Only `status` tells how much is swapped out.
        let memory = nix::sys::sysinfo::sysinfo().ok()?;
        if memory.swap_free() != memory.swap_total() {
            return None;
        }
        // Descriptors are of threads by their numbers in the own pid namespace. The
        // proc file system may be another's, of the machine around a container.
        let own = std::process::id();
        let directory = self.directory(own)?;
        let mut this = Thread::new(own, own);
        let status = parse_status(read(&directory, c"status", &mut self.buffer)?, &mut this)?;
        let pidns = self.pidns(&directory, status.outermost);
        let asked = PidFd::open(own)?;
        asked.tell(&mut this)?;
        if !status.outermost || asked.pid_namespace() != Some(pidns) {
            return None;
        }
        let groups = read(&directory, c"cgroup", &mut self.buffer).unwrap_or_default();
        let unified =
            groups.starts_with(b"0::") && groups.iter().filter(|&&b| b == b'\n').count() == 1;
        Some(ByDescriptor {
            cgroups: unified.then(FxHashMap::default),
        })
    }

    /// Where it is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a thread: what is in it is found from here, so that the
    /// kernel looks for the thread once.
    fn directory(&mut self, tid: u32) -> Option<OwnedFd> {
        self.path.clear();
        // Writing to a string does not fail.
        let _ = write!(self.path, "{}/{tid}", self.root.display());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(CWD, &*self.path, flags, Mode::empty()).ok()
    }

    /// The directory that it works in, with a slash at its end.
    fn cwd(&mut self, directory: impl AsFd) -> Option<Shared> {
        // One byte is left, for the slash.
        let room = self.buffer.len().checked_sub(1)?;
        let count = link(directory, c"cwd", &mut self.buffer[..room])?.len();
        self.buffer[count] = b'/';
        let slash = usize::from(!self.buffer[..count].ends_with(b"/"));
        Some(same_or(&mut self.before.cwd, &self.buffer[..count + slash]))
    }

    /// Number of the pid namespace of a thread. `outermost`: the one that the proc
    /// file system is of, which needs to be read once.
    fn pidns(&mut self, directory: impl AsFd, outermost: bool) -> u32 {
        if outermost && self.pidns != 0 {
            return self.pidns;
        }
        let link = link(directory, c"ns/pid", &mut self.buffer).unwrap_or_default();
        let digits = link.strip_prefix(b"pid:[");
        let digits = digits.and_then(|digits| digits.strip_suffix(b"]"));
        let pidns = digits.and_then(number).unwrap_or_default();
        if outermost {
            self.pidns = pidns;
        }
        pidns
    }

    /// Whether the thread lives.
    pub fn lives(&mut self, tid: u32) -> bool {
        let directory = self.directory(tid);
        let stat = directory.and_then(|directory| read(directory, c"stat", &mut self.buffer));
        stat.and_then(parse_stat).is_some_and(|stat| !stat.dead)
    }

    /// The environments that the programs of these processes were started with.
    pub(super) fn environments(&self, pids: Vec<u32>) -> Vec<(u32, Shared)> {
        let all = Mutex::new(Vec::new());
        on_all_processors(pids.into_iter(), |shares| {
            let mut proc = Self::new(&self.root);
            for pids in shares {
                let read = pids.into_iter().filter_map(|pid| {
                    let directory = proc.directory(pid)?;
                    Some((pid, proc.environment(directory)?))
                });
                let read: Vec<_> = read.collect();
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.extend(read);
            }
        });
        all.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn environment(&mut self, directory: impl AsFd) -> Option<Shared> {
        let env = read(directory, c"environ", &mut self.buffer)?;
        Some(same_or(&mut self.before.env, env))
    }

    /// Reads a thread. `leader` is the first thread of its process if that is
    /// known: what they share is taken from it.
    pub fn thread(
        &mut self,
        tid: u32,
        leader: impl FnOnce(u32) -> Option<Thread>,
    ) -> Option<Thread> {
        let directory = self.directory(tid)?;
        Some(self.thread_in(&directory, tid, Depth::Whole, leader)?.0)
    }

    fn thread_in(
        &mut self,
        directory: &OwnedFd,
        tid: u32,
        depth: Depth,
        leader: impl FnOnce(u32) -> Option<Thread>,
    ) -> Option<(Thread, Status)> {
        let mut thread = Thread::new(tid, tid);
        let asked = self.ask(&mut thread, depth);
        let told = match asked {
            Some(_) => None,
            None => {
                let status = read(directory, c"status", &mut self.buffer)?;
                Some(parse_status(status, &mut thread)?)
            }
        };
        thread.unread = thread.is_leader();
        let stat = parse_stat(read(directory, c"stat", &mut self.buffer)?)?;
        let status = told.unwrap_or_else(|| stat.complete(&mut thread));
        thread.tty = stat.tty;
        thread.dead = stat.dead;
        thread.usage.minor_faults = stat.minor_faults;
        thread.usage.major_faults = stat.major_faults;
        let since_boot = u128::from(stat.start_ticks) * 1_000_000_000 / u128::from(self.ticks);
        thread.start = self.boot.wrapping_add(since_boot as u64);
        let (comm, kernel): (Vec<u8>, _) = (stat.comm.into(), stat.kernel);
        let leader = (thread.pid != tid).then(|| leader(thread.pid)).flatten();
        if let Some(leader) = leader {
            thread.run_like(&leader);
            thread.cwd = leader.cwd;
            thread.cgroups = leader.cgroups;
            thread.container = leader.container;
            thread.loginuid = leader.loginuid;
            thread.pidns = leader.pidns;
            thread.pidns_start = leader.pidns_start;
            thread.usage.fd_limit = leader.usage.fd_limit;
            thread.rename(&comm);
            return Some((thread, status));
        }
        thread.cwd = self.cwd(directory).unwrap_or_default();
        let mut image = Image::default();
        if depth == Depth::Whole {
            if let Some(id) = read(directory, c"loginuid", &mut self.buffer) {
                thread.loginuid = number(id).unwrap_or(UNSET);
            }
            thread.cgroups = self.cgroups(directory, asked).unwrap_or_default();
            thread.pidns = self.pidns(directory, status.outermost);
            if !kernel {
                self.program(directory, &mut image);
            }
        }
        if !kernel {
            Self::executable(directory, thread.uid, &mut image);
        }
        image.process_start = thread.start;
        thread.run(&comm, image);
        Some((thread, status))
    }

    /// Asks by a descriptor of a thread. Returns the id of its control group. `None`:
    /// it is to be read from `status`.
    fn ask(&self, thread: &mut Thread, depth: Depth) -> Option<u64> {
        self.by_descriptor.as_ref()?;
        let asked = PidFd::open(thread.tid)?;
        // In another pid namespace it has more numbers than these. A glance can do
        // without them.
        if depth == Depth::Whole && asked.pid_namespace()? != self.pidns {
            return None;
        }
        asked.tell(thread)
    }

    /// What it says of its control groups. `id`: of the one in the unified hierarchy.
    fn cgroups(&mut self, directory: &OwnedFd, id: Option<u64>) -> Option<Shared> {
        let known = self
            .by_descriptor
            .as_mut()
            .and_then(|all| all.cgroups.as_mut());
        let known = known.zip(id);
        if let Some((known, id)) = &known
            && let Some(groups) = known.get(id)
        {
            return Some(groups.clone());
        }
        let groups = parse_cgroup(read(directory, c"cgroup", &mut self.buffer)?);
        let groups = same_or(&mut self.before.cgroups, &groups);
        if let Some((known, id)) = known {
            known.insert(id, groups.clone());
        }
        Some(groups)
    }

    /// The program that it runs: how it was started, and from which path.
    fn program(&mut self, directory: &OwnedFd, image: &mut Image) {
        if let Some(cmdline) = read(directory, c"cmdline", &mut self.buffer) {
            let (exe, args) = parse_cmdline(cmdline);
            image.exe = exe.into();
            image.args = past_title(args).into();
        }
        if self.with_environments
            && let Some(env) = self.environment(directory)
        {
            image.env = env;
        }
        if let Some(path) = link(directory, c"exe", &mut self.buffer) {
            let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
            if path.starts_with(b"/memfd:") {
                image.flags |= exec::FROM_MEMFD;
            }
            image.exepath = path.into();
        }
    }

    /// The file that the program is in.
    fn executable(directory: &OwnedFd, uid: u32, image: &mut Image) {
        let Some(status) = status_at_hand(directory, c"exe") else {
            return;
        };
        let nanoseconds = |time: StatxTimestamp| {
            time.tv_sec
                .cast_unsigned()
                .wrapping_mul(1_000_000_000)
                .wrapping_add(time.tv_nsec.into())
        };
        image.ino = status.stx_ino;
        image.ctime = nanoseconds(status.stx_ctime);
        image.mtime = nanoseconds(status.stx_mtime);
        let mode = status.stx_mode;
        let writable =
            uid == 0 || mode & 0o002 != 0 || (status.stx_uid == uid && mode & 0o200 != 0);
        if writable {
            image.flags |= exec::WRITABLE;
        }
    }

    /// Reads all threads, the first one of a process before the others, and hands
    /// them over while it goes on.
    pub fn all_threads(&self, take: impl FnMut(Thread)) {
        let (told, readings) = crossbeam_channel::unbounded();
        let read = |told: Sender<Vec<Thread>>| {
            on_all_processors(self.processes(), |shares| {
                let mut proc = Self::of_many(&self.root, self.with_environments);
                for pids in shares {
                    // Whoever takes them is there until the end.
                    let _ = told.send(proc.threads_of(&pids, Depth::Whole));
                }
            });
        };
        std::thread::scope(|scope| {
            let other = told.clone();
            let reader = std::thread::Builder::new().spawn_scoped(scope, || read(other));
            // Where there can be no more threads, this one reads first.
            match reader {
                Ok(_) => drop(told),
                Err(_) => read(told),
            }
            readings.into_iter().flatten().for_each(take);
        });
    }

    /// Reads the threads of these processes.
    pub(super) fn threads_of(&mut self, pids: &[u32], depth: Depth) -> Vec<Thread> {
        let mut threads = Vec::with_capacity(pids.len());
        for &pid in pids {
            let Some(directory) = self.directory(pid) else {
                continue;
            };
            let read = self.thread_in(&directory, pid, depth, |_| None);
            let Some((leader, status)) = read.filter(|(thread, _)| thread.is_leader()) else {
                continue;
            };
            let shared = Self::shared(&leader);
            threads.push(leader);
            if status.threads == 1 {
                continue;
            }
            for tid in ids(numbered(&directory, c"task")) {
                let other = (tid != pid).then(|| self.thread(tid, |_| Some(shared.clone())));
                threads.extend(other.flatten());
            }
        }
        threads
    }

    /// Ids of all processes.
    pub fn processes(&self) -> impl Iterator<Item = u32> + Send + use<> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &self.root, flags, Mode::empty());
        ids(root.and_then(Dir::new).ok())
    }

    /// Ids of all threads of a process.
    pub fn tasks(&mut self, pid: u32) -> impl Iterator<Item = u32> + use<> {
        let directory = self.directory(pid);
        ids(directory.and_then(|directory| numbered(directory, c"task")))
    }

    /// What the threads of a process have in common.
    pub(super) fn shared(thread: &Thread) -> Thread {
        let mut shared = Thread {
            cwd: thread.cwd.clone(),
            cgroups: thread.cgroups.clone(),
            container: thread.container.clone(),
            loginuid: thread.loginuid,
            pidns: thread.pidns,
            pidns_start: thread.pidns_start,
            usage: Usage {
                fd_limit: thread.usage.fd_limit,
                ..Usage::default()
            },
            ..Thread::default()
        };
        shared.run_like(thread);
        shared
    }
}

/// Processes that are shared out: whoever is done takes the next ones.
pub(super) struct Shares<I>(Mutex<I>);

impl<I: Iterator<Item = u32>> Iterator for &Shares<I> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let share: Vec<u32> = ids.by_ref().take(SHARE).collect();
        (!share.is_empty()).then_some(share)
    }
}

/// Shares processes out between all processors: most of the time that reading
/// takes is the kernel's, and so is that of finding out which there are.
pub(super) fn on_all_processors<I: Iterator<Item = u32> + Send>(
    pids: I,
    work: impl Fn(&Shares<I>) + Sync,
) {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let shares = Shares(Mutex::new(pids));
    std::thread::scope(|scope| {
        for _ in 1..processors.min(MAX_WORKERS) {
            // Where there can be no more threads, the others do all of it.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || work(&shares));
        }
        work(&shares);
    });
}

/// The numbers that are names in a directory.
pub(super) fn ids(directory: Option<Dir>) -> impl Iterator<Item = u32> {
    let entries = directory.into_iter().flatten();
    entries.filter_map(|entry| number(entry.ok()?.file_name().to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::thread::with_slash;

    #[test]
    fn status() {
        let text = b"Name:\tx\nTgid:\t10\nNgid:\t0\nPid:\t11\nPPid:\t1\n\
            Uid:\t1000\t1001\t1\t1\nGid:\t5\t6\t7\t8\n\
            Threads:\t4\nNStgid:\t10\t3\nNSpid:\t11\t4\nNSpgid:\t9\t2\nNSsid:\t9\t1\n\
            VmSize:\t    4204 kB\nCapEff:\t000001ffffffffff\n";
        let mut thread = Thread {
            tid: 11,
            ..Thread::default()
        };
        let status = parse_status(text, &mut thread);
        let inside = Status {
            threads: 4,
            outermost: false,
        };
        assert_eq!(status, Some(inside));
        assert_eq!((thread.pid, thread.ptid), (10, 1));
        assert_eq!((thread.vpid, thread.vtid), (3, 4));
        assert_eq!((thread.pgid, thread.vpgid, thread.sid), (9, 2, 1));
        assert_eq!(
            (thread.ruid, thread.uid, thread.rgid, thread.gid),
            (1000, 1001, 5, 6)
        );
        assert_eq!(thread.usage.vm_size, 4204);
        assert_eq!(thread.caps.effective, 0x1ff_ffff_ffff);
        for cut in 0..text.len() {
            let _ = parse_status(&text[..cut], &mut Thread::default());
        }
        assert!(parse_status(b"Tgid:\t-1\n", &mut Thread::default()).is_none());
        let outside = parse_status(b"Tgid:\t1\nNSpid:\t1\n", &mut Thread::default());
        assert!(outside.is_some_and(|status| status.outermost));
    }

    #[test]
    fn stat() {
        let text = b"11 (a) b (c) S 1 11 11 34816 11 0 100 0 7 0 0 0 0 0 20 0 1 0 555 9 9";
        let stat = parse_stat(text).unwrap();
        assert_eq!(stat.comm, b"a) b (c");
        assert_eq!(
            (stat.tty, stat.minor_faults, stat.major_faults),
            (34816, 100, 7)
        );
        assert_eq!(stat.start_ticks, 555);
        assert!(!stat.kernel && !stat.dead);
        let task = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0";
        assert!(parse_stat(task).unwrap().kernel);
        for cut in 0..text.len() - 6 {
            assert!(parse_stat(&text[..cut]).is_none(), "{cut}");
        }
        assert!(parse_stat(b")(").is_none());
    }

    #[test]
    fn cgroups() {
        assert_eq!(
            parse_cgroup(b"4:cpu,cpuacct:/a:b\n1:name=systemd:/s\nbad\n"),
            b"cpu=/a:b\0cpuacct=/a:b\0name=systemd=/s\0"
        );
        assert_eq!(parse_cgroup(b"0::/x\n"), b"unified=/x\0");
    }

    #[test]
    fn this_process() {
        let mut proc = ProcFs::new(Path::new("/proc"));
        let pid = std::process::id();
        assert!(proc.processes().any(|other| other == pid) && proc.lives(pid));
        let this = proc.thread(pid, |_| None).unwrap();
        assert_eq!((this.pid, this.tid), (pid, pid));
        assert_eq!(
            this.exepath(),
            std::env::current_exe()
                .unwrap()
                .as_os_str()
                .as_encoded_bytes()
        );
        let cwd = std::env::current_dir().unwrap();
        assert_eq!(*this.cwd, *with_slash(cwd.as_os_str().as_encoded_bytes()));
        assert_eq!(this.image.args().count() + 1, std::env::args().count());
        let other = proc.tasks(pid).find(|&tid| tid != pid).unwrap();
        let thread = proc.thread(other, |_| Some(ProcFs::shared(&this))).unwrap();
        assert_eq!(thread.pid, pid);
        assert!(std::ptr::eq(&*thread.image, &*this.image));
        assert!(proc.thread(u32::MAX, |_| None).is_none());
    }

    /// Where the kernel tells by descriptors, they tell what the texts do.
    #[test]
    fn descriptors_tell_the_same() {
        let root = Path::new("/proc");
        let mut asking = ProcFs::of_many(root, false);
        if asking.by_descriptor.is_none() {
            eprintln!("skipped: the kernel does not tell of threads by descriptors, or it swaps");
            return;
        }
        let mut reading = ProcFs::new(root);
        reading.with_environments = false;
        let pids: Vec<u32> = asking.processes().collect();
        let mut same = 0;
        for depth in [Depth::Whole, Depth::Glance] {
            for &pid in &pids {
                let [asked, read] = [&mut asking, &mut reading].map(|proc| {
                    let directory = proc.directory(pid)?;
                    proc.thread_in(&directory, pid, depth, |_| None)
                });
                // Others come and go meanwhile, and grow.
                let (Some((mut asked, told)), Some((read, said))) = (asked, read) else {
                    continue;
                };
                if asked.dead != read.dead || asked.start != read.start {
                    continue;
                }
                asked.usage = read.usage;
                if depth == Depth::Glance && !said.outermost {
                    (asked.vpid, asked.vtid) = (read.vpid, read.vtid);
                    (asked.sid, asked.vpgid) = (read.sid, read.vpgid);
                } else {
                    assert_eq!(told.outermost, said.outermost, "{pid}");
                }
                assert_eq!(format!("{asked:?}"), format!("{read:?}"));
                same += 1;
            }
        }
        assert!(same > 0);
        let this = std::process::id();
        let asked = asking.ask(&mut Thread::new(this, this), Depth::Whole);
        assert!(asked.is_some(), "it was not asked");

        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/proc/self", folder.path().join(this.to_string())).unwrap();
        let copied = ProcFs::of_many(folder.path(), false);
        assert!(copied.by_descriptor.is_none());
    }

    #[test]
    fn each_process_is_taken_once() {
        let taken = Mutex::new(Vec::new());
        on_all_processors(1..1000, |shares| {
            for pids in shares {
                taken.lock().unwrap().extend(pids);
            }
        });
        let mut taken = taken.into_inner().unwrap();
        taken.sort_unstable();
        assert!(taken.into_iter().eq(1..1000));
    }
}
