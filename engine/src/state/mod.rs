//! Processes, threads, users: what events alone do not tell.
//!
//! The order for each event: [`State::before`] takes in what the event tells
//! about its thread, then the rules look at it, then [`State::after`] takes out
//! what ended with it. [`State::tick`] is for the quiet moments.

pub mod address;
pub mod descriptor;
pub mod files;
pub mod procfs;
pub mod table;
pub mod thread;
pub mod users;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use falco_abi::event::{
    Event as Kind, capset, chdir, clone, execve, fchdir, prctl, procexit, setgid, setpgid,
    setregid, setresgid, setresuid, setreuid, setuid, task_new,
};

use crate::event::Event;
use crate::filter::field::Context;
use crate::metadata::{Container, Containers, cgroup};
use crate::paths;
pub use descriptor::{Descriptor, FdKind, Label, Protocol};
use procfs::ProcFs;
use table::Table;
pub use thread::{Image, Thread, UNSET};
use users::{ContainerUsers, HostUsers, User};

/// How long the first event of a container waits for the container's users.
const USERS_PATIENCE: Duration = Duration::from_millis(2);

/// How often files of users are looked at.
const REFRESH: Duration = Duration::from_secs(1);

/// Threads that are looked for in one [`State::tick`]: the end of a thread may
/// have been lost.
const SWEEP: usize = 64;

/// How often in a row a thread is looked for in vain before it is taken out.
const MISSED: u8 = 3;

/// Numbers of what the state had to do, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Threads whose making was missed and that were found in the proc file system.
    pub healed: u64,
    /// Threads of which nothing could be found.
    pub unknown: u64,
    /// Threads that were gone without an event.
    pub swept: u64,
}

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {
    table: Table,
    proc: Option<ProcFs>,
    host_users: HostUsers,
    container_users: Option<ContainerUsers>,
    containers: Arc<Containers>,
    hostname: Box<str>,
    refreshed: Option<Instant>,
    to_sweep: Vec<u32>,
    counters: Counters,
}

impl State {
    /// A state that knows nothing and never looks at this machine: for events
    /// that were recorded elsewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state of the machine whose file systems are below `host_root`
    /// (`/`, or `HOST_ROOT` in a container). Call [`State::scan`] once the
    /// source delivers, so that no thread is missed in between.
    ///
    /// # Errors
    /// When the thread that reads users of containers cannot be started.
    pub fn of_host(host_root: &Path, containers: Arc<Containers>) -> std::io::Result<Self> {
        let proc = host_root.join("proc");
        Ok(Self {
            container_users: Some(ContainerUsers::start(proc.clone())?),
            proc: Some(ProcFs::new(&proc)),
            host_users: HostUsers::new(host_root),
            containers,
            hostname: hostname(),
            ..Self::default()
        })
    }

    /// Takes in all threads of the machine. Gives their number.
    pub fn scan(&mut self) -> usize {
        let Some(proc) = &self.proc else {
            return 0;
        };
        for pid in proc.processes() {
            self.read_process(pid);
        }
        self.table.link();
        // Long before their first events.
        if let Some(reader) = &self.container_users {
            for thread in self.table.iter() {
                if let Some(container) = &thread.container {
                    reader.request(container, thread.pid, Duration::ZERO);
                }
            }
        }
        self.table.len()
    }

    fn read_process(&mut self, pid: u32) {
        self.read_thread(pid);
        let Some(proc) = &mut self.proc else {
            return;
        };
        for tid in proc.tasks(pid) {
            if tid != pid {
                self.read_thread(tid);
            }
        }
    }

    fn read_thread(&mut self, tid: u32) -> bool {
        let (Some(proc), table) = (&mut self.proc, &self.table) else {
            return false;
        };
        let leader = |pid| table.get(pid).map(ProcFs::shared);
        let Some(mut thread) = proc.thread(tid, leader) else {
            return false;
        };
        if thread.container.is_none() {
            thread.container = self.container_of(&thread.cgroups);
        }
        self.table.insert(thread)
    }

    /// Takes in a thread that a source knows of. [`State::link`] follows when
    /// all are in. `false`: there is no room.
    pub fn add_thread(&mut self, mut thread: Thread) -> bool {
        if thread.container.is_none() {
            thread.container = self.container_of(&thread.cgroups);
        }
        self.table.insert(thread)
    }

    /// Takes in an open descriptor of a thread, for all that share its table.
    /// `cloexec`: it ends with the next program.
    pub fn add_descriptor(&mut self, tid: u32, num: u32, descriptor: Descriptor, cloexec: bool) {
        if let Some(files) = self.table.files_mut(tid) {
            files.insert(num, Arc::new(descriptor), cloexec);
        }
    }

    /// Takes in a user of the machine that the events are of.
    pub fn add_user(&mut self, uid: u32, user: User) {
        self.host_users.users_mut().add_user(uid, user);
    }

    /// Takes in a group of that machine.
    pub fn add_group(&mut self, gid: u32, name: &str) {
        self.host_users.users_mut().add_group(gid, name);
    }

    /// Makes threads that were taken in the children of their parents, in
    /// whichever order they came.
    pub fn link(&mut self) {
        self.table.link();
    }

    fn container_of(&self, groups: &[u8]) -> Option<Arc<Container>> {
        let (id, runtime) = cgroup::container(groups)?;
        Some(self.containers.get(id, runtime))
    }

    /// All threads.
    pub fn threads(&self) -> &Table {
        &self.table
    }

    /// A thread, if anything is known of it.
    pub fn thread(&self, tid: u32) -> Option<&Thread> {
        self.table.get(tid)
    }

    /// The thread that made the event. A thread that was missed is much like the
    /// first one of its process.
    pub fn thread_of(&self, event: &Event<'_>) -> Option<&Thread> {
        let header = &event.header;
        self.thread(header.tid).or_else(|| self.thread(header.pid))
    }

    /// All containers.
    pub fn containers(&self) -> &Arc<Containers> {
        &self.containers
    }

    /// Name of the machine.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Gives the machine a name.
    pub fn set_hostname(&mut self, name: &str) {
        self.hostname = name.into();
    }

    /// What the state had to do.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What fields are read from.
    pub fn context<'a>(&'a self, event: &'a Event<'a>, arena: &'a Bump) -> Context<'a> {
        Context {
            event,
            thread: self.thread_of(event),
            state: self,
            arena,
        }
    }

    /// The user in the eyes of a thread: a container has users of its own.
    pub fn user<'a>(&'a self, container: Option<&'a Container>, uid: u32) -> Option<&'a User> {
        match container {
            Some(container) => container.users()?.user(uid),
            None => self.host_users.users().user(uid),
        }
    }

    /// Name of the user in the eyes of a thread.
    pub fn user_name<'a>(&'a self, container: Option<&'a Container>, uid: u32) -> &'a str {
        match self.user(container, uid) {
            Some(user) => &user.name,
            None if uid == 0 => "root",
            None => "<NA>",
        }
    }

    /// Name of the group in the eyes of a thread.
    pub fn group_name<'a>(&'a self, container: Option<&'a Container>, gid: u32) -> &'a str {
        let users = match container {
            Some(container) => container.users(),
            None => Some(self.host_users.users()),
        };
        match users.and_then(|users| users.group(gid)) {
            Some(name) => name,
            None if gid == 0 => "root",
            None => "<NA>",
        }
    }

    /// Takes in what the event tells, before the rules look at it.
    pub fn before(&mut self, event: &Event<'_>) {
        if event.kind == Kind::TaskNew {
            self.task_new(event);
            return;
        }
        let tid = event.header.tid;
        if tid == 0 {
            return;
        }
        if self.table.entry(tid).is_none() {
            self.heal(event);
        }
        match event.kind {
            Kind::Execve => self.execve(event),
            Kind::Clone | Kind::Clone3 | Kind::Fork | Kind::Vfork => self.cloned(event),
            Kind::Setuid
            | Kind::Setgid
            | Kind::Setreuid
            | Kind::Setregid
            | Kind::Setresuid
            | Kind::Setresgid => self.credentials(event),
            Kind::Chdir | Kind::Fchdir => self.entered(event),
            Kind::Setsid | Kind::Setpgid => self.grouped(event),
            Kind::Prctl => self.named(event),
            Kind::Capset => self.capable(event),
            kind => self.moved(event, kind),
        }
        self.want_users(tid);
    }

    /// Takes out what ended with the event, after the rules looked at it.
    pub fn after(&mut self, event: &Event<'_>) {
        if event.kind == Kind::Procexit {
            let reaper = event.int(procexit::Slot::reaper_tid as usize);
            let reaper = reaper.and_then(|tid| u32::try_from(tid).ok()).unwrap_or(0);
            self.table
                .remove(event.header.tid, if reaper == 0 { 1 } else { reaper });
        }
    }

    /// For the quiet moments, a few times per second: reads changed files of
    /// users, takes out threads whose end was lost.
    pub fn tick(&mut self) {
        let now = Instant::now();
        if self
            .refreshed
            .is_some_and(|last| now.duration_since(last) < REFRESH)
        {
            return;
        }
        self.refreshed = Some(now);
        if self.proc.is_some() {
            self.host_users.refresh();
            self.sweep();
        }
    }

    /// Looks for a few threads; takes out those that are gone for a while.
    pub fn sweep(&mut self) {
        let Some(proc) = &mut self.proc else {
            return;
        };
        if self.to_sweep.is_empty() {
            self.to_sweep = self.table.iter().map(|t| t.tid).collect();
        }
        let rest = self.to_sweep.len().saturating_sub(SWEEP);
        for tid in self.to_sweep.drain(rest..) {
            let lives = proc.lives(tid);
            let Some(thread) = self.table.get_mut(tid) else {
                continue;
            };
            thread.missed = if lives { 0 } else { thread.missed + 1 };
            // The event of its end, and others before it, may be on the way.
            if thread.missed >= MISSED {
                self.table.remove(tid, 1);
                self.counters.swept += 1;
            }
        }
    }

    /// Looks for a thread whose making was missed.
    fn heal(&mut self, event: &Event<'_>) {
        let (tid, pid) = (event.header.tid, event.header.pid);
        if pid != 0 && pid != tid && self.table.entry(pid).is_none() {
            self.read_thread(pid);
        }
        if self.read_thread(tid) {
            self.counters.healed += 1;
            // Its ancestors may have been missed as well.
            let mut child = tid;
            for _ in 0..16 {
                let parent = self.table.get(child).map_or(0, |t| t.ptid);
                if parent == 0 || self.table.entry(parent).is_some() || !self.read_thread(parent) {
                    break;
                }
                self.table.adopt(parent, child);
                child = parent;
            }
            return;
        }
        self.counters.unknown += 1;
        // So that it is not looked for again.
        self.table.insert(Thread {
            tid,
            pid: if pid == 0 { tid } else { pid },
            loginuid: UNSET,
            ..Thread::default()
        });
    }

    fn want_users(&self, tid: u32) {
        let (Some(reader), Some(thread)) = (&self.container_users, self.table.get(tid)) else {
            return;
        };
        if let Some(container) = &thread.container
            && container.users().is_none()
        {
            reader.request(container, thread.pid, USERS_PATIENCE);
        }
    }

    /// A task was made, seen by its parent: the child is the parent's copy.
    fn task_new(&mut self, event: &Event<'_>) {
        use task_new::Slot;
        let id = |slot: Slot| {
            let number = event.int(slot as usize)?;
            u32::try_from(number).ok()
        };
        let Some(tid) = id(Slot::tid).filter(|&tid| tid != 0) else {
            return;
        };
        let pid = id(Slot::pid).unwrap_or(tid);
        let maker = event.header.tid;
        if maker != 0 && self.table.entry(maker).is_none() {
            self.heal(event);
        }
        let mut child = match self.table.get(maker) {
            Some(parent) => parent.copy(),
            None => Thread {
                loginuid: UNSET,
                ..Thread::default()
            },
        };
        child.known = true;
        child.tid = tid;
        child.pid = pid;
        child.ptid = id(Slot::ptid).unwrap_or(event.header.pid);
        child.vtid = id(Slot::vtid).unwrap_or(tid);
        child.vpid = id(Slot::vpid).unwrap_or(pid);
        child.start = event.number(Slot::start as usize).unwrap_or(event.time);
        if let Some(comm) = event.bytes(Slot::comm as usize) {
            child.rename(comm);
        }
        if let Some(pidns) = event.number(Slot::pidns as usize) {
            let pidns = pidns as u32;
            if child.pidns != 0 && child.pidns != pidns {
                // The first process of a namespace.
                child.pidns_start = child.start;
                child.sid = 0;
                child.vpgid = 0;
            }
            child.pidns = pidns;
        }
        self.table.insert(child);
    }

    /// A program was started. It has one thread, whichever called.
    fn execve(&mut self, event: &Event<'_>) {
        use execve::Slot;
        if event.int(Slot::res as usize) != Some(0) {
            return;
        }
        let bytes = |slot: Slot| event.bytes(slot as usize);
        let number = |slot: Slot| event.number(slot as usize);
        let id = |slot: Slot| {
            let number = event.int(slot as usize)?;
            u32::try_from(number).ok()
        };
        let tid = event.header.tid;
        let pid = if event.header.pid == 0 {
            tid
        } else {
            event.header.pid
        };
        if pid != tid {
            // A record that still has the caller's old id.
            self.table.remove(tid, 0);
        }
        self.table.keep_leader_alone(pid);
        let container = bytes(Slot::cgroups).map(|groups| self.container_of(groups));
        if self.table.entry(pid).is_none() {
            self.table.insert(Thread {
                tid: pid,
                pid,
                loginuid: UNSET,
                ..Thread::default()
            });
        }
        let Some(thread) = self.table.get_mut(pid) else {
            return;
        };
        thread.known = true;
        let exepath = bytes(Slot::trusted_exepath).or(bytes(Slot::filename));
        let image = Image {
            exe: bytes(Slot::exe).unwrap_or_default().into(),
            exepath: exepath.unwrap_or_default().into(),
            args: bytes(Slot::args).unwrap_or_default().into(),
            env: bytes(Slot::env).unwrap_or_default().into(),
            flags: number(Slot::flags).unwrap_or_default() as u32,
            ino: number(Slot::exe_ino).unwrap_or_default(),
            ctime: number(Slot::exe_ino_ctime).unwrap_or_default(),
            mtime: number(Slot::exe_ino_mtime).unwrap_or_default(),
        };
        let comm: Arc<[u8]> = match bytes(Slot::comm) {
            Some(comm) => comm.into(),
            None => Arc::clone(&thread.comm),
        };
        thread.run(&comm, image);
        if let Some(groups) = bytes(Slot::cgroups) {
            if *thread.cgroups != *groups {
                thread.cgroups = groups.into();
            }
            thread.container = container.flatten();
        }
        if let Some(cwd) = bytes(Slot::cwd) {
            thread.cwd = thread::with_slash(cwd);
        }
        let set = |field: &mut u32, value: Option<u32>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        let word = |slot: Slot| number(slot).map(|n| n as u32);
        set(&mut thread.vtid, id(Slot::vtid));
        set(&mut thread.vpid, id(Slot::vpid));
        set(&mut thread.sid, id(Slot::sid));
        set(&mut thread.pgid, id(Slot::pgid));
        set(&mut thread.vpgid, id(Slot::vpgid));
        set(&mut thread.uid, word(Slot::uid));
        set(&mut thread.gid, word(Slot::gid));
        set(&mut thread.ruid, word(Slot::ruid));
        set(&mut thread.rgid, word(Slot::rgid));
        set(&mut thread.loginuid, word(Slot::loginuid));
        set(&mut thread.tty, word(Slot::tty));
        set(&mut thread.pidns, word(Slot::pidns));
        let usage = &mut thread.usage;
        set(&mut usage.vm_size, word(Slot::vm_size));
        set(&mut usage.vm_rss, word(Slot::vm_rss));
        set(&mut usage.vm_swap, word(Slot::vm_swap));
        usage.major_faults = number(Slot::pgft_maj).unwrap_or(usage.major_faults);
        usage.minor_faults = number(Slot::pgft_min).unwrap_or(usage.minor_faults);
        usage.fd_limit = number(Slot::fdlimit).map_or(usage.fd_limit, u64::cast_signed);
        let caps = &mut thread.caps;
        caps.inheritable = number(Slot::cap_inheritable).unwrap_or(caps.inheritable);
        caps.permitted = number(Slot::cap_permitted).unwrap_or(caps.permitted);
        caps.effective = number(Slot::cap_effective).unwrap_or(caps.effective);
        if let Some(parent) = id(Slot::ptid) {
            self.table.adopt(parent, pid);
        }
    }

    /// What the result of the clone family tells of the caller.
    fn cloned(&mut self, event: &Event<'_>) {
        // The four have the same parameters.
        use clone::Slot;
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let number = |slot: Slot| event.number(slot as usize);
        let usage = &mut thread.usage;
        usage.vm_size = number(Slot::vm_size).map_or(usage.vm_size, |n| n as u32);
        usage.vm_rss = number(Slot::vm_rss).map_or(usage.vm_rss, |n| n as u32);
        usage.vm_swap = number(Slot::vm_swap).map_or(usage.vm_swap, |n| n as u32);
        usage.major_faults = number(Slot::pgft_maj).unwrap_or(usage.major_faults);
        usage.minor_faults = number(Slot::pgft_min).unwrap_or(usage.minor_faults);
        usage.fd_limit = number(Slot::fdlimit).map_or(usage.fd_limit, u64::cast_signed);
        if let Some(start) = number(Slot::pidns_init_start_ts).filter(|&start| start != 0) {
            thread.pidns_start = start;
        }
        if let Some(comm) = event.bytes(Slot::comm as usize) {
            thread.rename(comm);
        }
    }

    /// The working directory was changed; the kernel says what it is now.
    fn entered(&mut self, event: &Event<'_>) {
        let slot = match event.kind {
            Kind::Chdir => chdir::Slot::cwd as usize,
            _ => fchdir::Slot::cwd as usize,
        };
        let cwd = event.bytes(slot).filter(|cwd| cwd.starts_with(b"/"));
        if let (Some(cwd), Some(thread)) = (cwd, self.table.get_mut(event.header.tid)) {
            thread.cwd = thread::with_slash(cwd);
        }
    }

    /// A session was made, or a process was put into a group. Both belong to
    /// the process; its first thread and the caller have them.
    fn grouped(&mut self, event: &Event<'_>) {
        let Some(result) = event.result().and_then(|res| u32::try_from(res).ok()) else {
            return;
        };
        let (tid, pid) = (event.header.tid, event.header.pid);
        let Some((vpid, own)) = self.table.get(tid).map(|t| (t.vpid, t.vpid == t.pid)) else {
            return;
        };
        let (target, group) = match event.kind {
            Kind::Setsid => (pid, result),
            _ => {
                let id = |slot: setpgid::Slot| {
                    let id = event.int(slot as usize)?;
                    u32::try_from(id).ok()
                };
                let (Some(target), Some(group)) = (id(setpgid::Slot::pid), id(setpgid::Slot::pgid))
                else {
                    return;
                };
                let named = if target == 0 { vpid } else { target };
                // The ids of other processes are those of the caller's namespace.
                let target = match named {
                    named if named == vpid => pid,
                    named if own => named,
                    _ => return,
                };
                (target, if group == 0 { named } else { group })
            }
        };
        for tid in [target, tid] {
            let Some(thread) = self.table.get_mut(tid).filter(|t| t.pid == target) else {
                continue;
            };
            thread.vpgid = group;
            if group == thread.vpid {
                thread.pgid = thread.pid;
            } else if own {
                thread.pgid = group;
            }
            if event.kind == Kind::Setsid {
                thread.sid = group;
                thread.tty = 0;
            }
        }
    }

    /// The caller gave itself a name.
    fn named(&mut self, event: &Event<'_>) {
        const SET_NAME: u64 = 15;
        use prctl::Slot;
        if event.number(Slot::option as usize) != Some(SET_NAME) || event.result() != Some(0) {
            return;
        }
        let name = event.bytes(Slot::arg2_str as usize);
        if let (Some(name), Some(thread)) = (name, self.table.get_mut(event.header.tid)) {
            // The kernel keeps no more.
            thread.rename(&name[..name.len().min(15)]);
        }
    }

    /// The caller's capabilities as they are now.
    fn capable(&mut self, event: &Event<'_>) {
        use capset::Slot;
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let number = |slot: Slot| event.number(slot as usize);
        let caps = &mut thread.caps;
        caps.inheritable = number(Slot::cap_inheritable).unwrap_or(caps.inheritable);
        caps.permitted = number(Slot::cap_permitted).unwrap_or(caps.permitted);
        caps.effective = number(Slot::cap_effective).unwrap_or(caps.effective);
    }

    /// A path that starts from the working directory tells which that is, even
    /// when the record of the change was lost.
    fn moved(&mut self, event: &Event<'_>, kind: Kind) {
        let Some(cwd) = paths::working_directory(event, kind) else {
            return;
        };
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        if !thread::is_directory(&thread.cwd, cwd) {
            thread.cwd = thread::with_slash(cwd);
        }
    }

    /// Ids were changed.
    fn credentials(&mut self, event: &Event<'_>) {
        if event.int(0) != Some(0) {
            return;
        }
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let id = |slot: usize| event.number(slot).map(|id| id as u32);
        // The value -1 leaves an id as it is.
        let set = |field: &mut u32, value: Option<u32>| {
            if let Some(value) = value.filter(|&id| id != UNSET) {
                *field = value;
            }
        };
        match event.kind {
            Kind::Setuid => {
                let uid = id(setuid::Slot::uid as usize);
                // Without the capability the real id stays; that a thread
                // whose effective id is 0 has it is nearly always so.
                if thread.uid == 0 {
                    set(&mut thread.ruid, uid);
                }
                set(&mut thread.uid, uid);
            }
            Kind::Setgid => {
                let gid = id(setgid::Slot::gid as usize);
                if thread.uid == 0 {
                    set(&mut thread.rgid, gid);
                }
                set(&mut thread.gid, gid);
            }
            Kind::Setreuid => {
                set(&mut thread.ruid, id(setreuid::Slot::ruid as usize));
                set(&mut thread.uid, id(setreuid::Slot::euid as usize));
            }
            Kind::Setregid => {
                set(&mut thread.rgid, id(setregid::Slot::rgid as usize));
                set(&mut thread.gid, id(setregid::Slot::egid as usize));
            }
            Kind::Setresuid => {
                set(&mut thread.ruid, id(setresuid::Slot::ruid as usize));
                set(&mut thread.uid, id(setresuid::Slot::euid as usize));
            }
            Kind::Setresgid => {
                set(&mut thread.rgid, id(setresgid::Slot::rgid as usize));
                set(&mut thread.gid, id(setresgid::Slot::egid as usize));
            }
            _ => {}
        }
    }
}

fn hostname() -> Box<str> {
    if let Ok(name) = std::env::var("FALCO_HOSTNAME") {
        return name.into();
    }
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap_or_default()
        .trim_end()
        .into()
}
