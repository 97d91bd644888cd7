//! Processes, threads, users: what events alone do not tell.
//!
//! The order for each event: [`State::before`] takes in what the event tells
//! about its thread, then the rules look at it, then [`State::after`] takes out
//! what ended with it. [`State::tick`] is for the quiet moments.

pub mod address;
pub mod descriptor;
pub mod files;
pub(crate) mod grown;
mod heal;
pub(crate) mod opened;
mod pidfd;
mod process;
pub mod procfd;
pub mod procfs;
pub mod shared;
pub mod table;
pub mod thread;
pub mod users;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use falco_abi::event::{
    Event as Kind, container_removed, groupadded, groupdeleted, procexit, traits, useradded,
    userdeleted,
};
use nix::ifaddrs::getifaddrs;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::event::Event;
use crate::filter::field::Context;
use crate::metadata::{Container, Containers, Runtime, recorded};
use crate::source::{FdCall, FdChange};
pub use descriptor::{Descriptor, FdKind, Label, Protocol};
use heal::Healing;
use procfd::ProcFds;
use procfs::ProcFs;
pub use shared::Shared;
use table::Table;
pub use thread::{Image, Thread, UNSET};
use users::{ContainerUsers, HostUsers, User, Users};

/// How long the first event of a container waits for the container's users.
const USERS_PATIENCE: Duration = Duration::from_millis(2);

/// How often files of users are looked at.
const REFRESH: Duration = Duration::from_secs(1);

/// How often the machine's own addresses are.
const READDRESS: Duration = Duration::from_secs(60);

/// Most threads that are looked for in one second.
const SWEEP: usize = 4096;

/// Seconds for which a thread is not there before it is taken out, at least:
/// the event of its end may be on the way.
const MISSED: u32 = 3;

/// When threads are looked for whose end was lost.
#[derive(Clone, Copy, Debug)]
pub struct Purging {
    /// Seconds within which each thread is looked for once.
    pub interval: u64,
    /// Seconds for which one must not be there.
    pub timeout: u64,
}

impl Default for Purging {
    fn default() -> Self {
        Self {
            interval: 300,
            timeout: 300,
        }
    }
}

/// Traits of the events that change descriptors.
const DESCRIPTORS: u16 = traits::CREATES_FD | traits::MODIFIES_STATE;

/// Traits of the events that have to do with a descriptor.
const WITH_DESCRIPTOR: u16 = traits::CREATES_FD | traits::USES_FD | traits::DESTROYS_FD;

/// Longest time of the loop that one call of [`State::read_on`] takes.
const READING: Duration = Duration::from_millis(2);

/// Stands for every thread of which nothing could be found out.
static UNKNOWN: LazyLock<Thread> = LazyLock::new(Thread::unknown);

/// Numbers of what the state had to do, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Threads whose making was missed and that were found in the proc file system.
    pub healed: u64,
    /// Threads of which nothing could be found.
    pub unknown: u64,
    /// Threads that were gone without an event.
    pub swept: u64,
    /// Threads that the proc file system knew better after a loss.
    pub corrected: u64,
    /// Look-ups of the threads of events.
    pub threads: Lookups,
    /// Look-ups of descriptors that rules ask about.
    pub descriptors: Lookups,
}

/// What looking something up came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The same as the last time.
    pub again: u64,
    /// It was there.
    pub found: u64,
    /// It was not.
    pub failed: u64,
}

/// All that is known of the machine.
#[derive(Debug, Default)]
pub struct State {
    table: Table,
    proc: Option<ProcFs>,
    fds: ProcFds,
    /// Nothing is kept of open descriptors.
    without_files: bool,
    /// Processes whose descriptors were not read yet.
    unread: Vec<u32>,
    host_users: HostUsers,
    container_users: Option<ContainerUsers>,
    containers: Arc<Containers>,
    announced: Option<Container>,
    hostname: Box<str>,
    /// The name of the machine was chosen.
    named: bool,
    /// Addresses of this machine's own interfaces.
    addresses: FxHashSet<IpAddr>,
    addressed: Option<Instant>,
    refreshed: Option<Instant>,
    /// Seconds that [`State::tick`] has seen, and one.
    second: u32,
    purging: Purging,
    /// Of the clock that sweeps go by.
    seconds: u32,
    to_sweep: Vec<u32>,
    /// Threads that are not there, with the second in which that was first seen.
    missing: FxHashMap<u32, u32>,
    counters: Counters,
    /// The thread of the event before.
    last_tid: u32,
    /// Look-ups of descriptors: those that failed, those that did not. Fields that
    /// look change nothing else.
    descriptor_lookups: [AtomicU64; 2],
    healing: Healing,
    /// For what is put together and dropped at once.
    scratch: Bump,
    /// The event at hand gave a socket another name.
    renamed: bool,
    /// Number of the event at hand and the descriptor that it opened by a path.
    path_opened: Option<(u64, u32)>,
    times: Times,
    extractions: AtomicU64,
}

/// When events happened, in nanoseconds since the epoch; 0 before there were any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// The first event that a rule could see.
    pub first: u64,
    /// The event before the one at hand.
    pub previous: u64,
    /// The last one, which may be the one at hand.
    pub current: u64,
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
    /// When the threads that read beside the events cannot be started.
    pub fn of_host(host_root: &Path, containers: Arc<Containers>) -> std::io::Result<Self> {
        let proc = host_root.join("proc");
        Ok(Self {
            container_users: Some(ContainerUsers::start(proc.clone())?),
            fds: ProcFds::new(&proc),
            healing: Healing::start(&proc)?,
            proc: Some(ProcFs::new(&proc)),
            host_users: HostUsers::new(host_root),
            containers,
            hostname: hostname(),
            second: 1,
            ..Self::default()
        })
    }

    /// Takes in all threads of the machine. Gives their number.
    pub fn scan(&mut self) -> usize {
        let Some(proc) = self.proc.take() else {
            return 0;
        };
        proc.all_threads(|mut thread| {
            if thread.container.is_none() {
                thread.container = self.container_of(&thread.cgroups);
            }
            self.table.insert(thread);
        });
        self.proc = Some(proc);
        self.read_addresses();
        self.table.link();
        self.choose_unread();
        // Long before their first events.
        if let Some(reader) = &self.container_users {
            for thread in self.table.iter() {
                if let Some(container) = &thread.container {
                    reader.request(container, thread.pid, self.second, Duration::ZERO);
                }
            }
        }
        self.table.len()
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
        // By now, which is later than the event that asks.
        thread.guessed = true;
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
        if !self.without_files
            && let Some(mut files) = self.table.files_mut(tid)
        {
            files.insert(num, descriptor, cloexec);
        }
    }

    /// Takes in a user of the machine that the events are of.
    pub fn add_user(&mut self, uid: u32, user: User) {
        self.host_users.users_mut().add_user(uid, user);
    }

    /// Users and groups of that machine.
    pub fn users(&self) -> &Users {
        self.host_users.users()
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
        self.containers.of_groups(groups)
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

    /// Sets how many threads are kept at most.
    pub fn set_thread_limit(&mut self, limit: usize) {
        self.table.set_limit(limit);
    }

    /// Sets when threads are looked for whose end was lost.
    pub fn set_purging(&mut self, purging: Purging) {
        self.purging = purging;
    }

    /// Whether to keep what processes have open. Without the events that change
    /// it, what is kept would soon be wrong. From when it is kept on, it is read
    /// as it is at the start.
    pub fn keep_open_files(&mut self, keep: bool) {
        if self.without_files != keep {
            return;
        }
        self.without_files = !keep;
        self.table.forget_files();
        self.choose_unread();
    }

    /// Whether to read the environments of programs that ran before the first
    /// event; those of later ones come with events. From when they are kept on,
    /// they are read as they are at the start.
    pub fn keep_environments(&mut self, keep: bool) {
        let Some(proc) = &mut self.proc else {
            return;
        };
        let kept = std::mem::replace(&mut proc.with_environments, keep);
        if kept || !keep {
            return;
        }
        let unread = |t: &&Thread| t.is_leader() && t.image.env.is_empty();
        let unread: Vec<u32> = self.table.iter().filter(unread).map(|t| t.pid).collect();
        for (pid, env) in proc.environments(unread) {
            self.table.set_environment(pid, env);
        }
    }

    /// What processes have open is read bit by bit.
    fn choose_unread(&mut self) {
        self.unread.clear();
        if self.proc.is_some() {
            let processes = self.table.iter().filter(|t| t.is_leader());
            self.unread.extend(processes.map(|t| t.pid));
        }
    }

    /// A container is made known, or is gone.
    fn announce(&mut self, event: &Event<'_>) {
        let gone = match event.kind {
            Kind::ContainerRemoved => event.bytes(container_removed::Slot::json as usize),
            _ => None,
        };
        let json = event.container().or(gone);
        self.announced = json.and_then(recorded::parse).map(|(id, info)| {
            let full = info.full_id.as_deref().filter(|full| !full.is_empty());
            let runtime = info.runtime.unwrap_or(Runtime::Cri);
            let told = Container::new(full.unwrap_or(&id), runtime);
            told.publish(info.clone());
            // Of a live machine it is what the runtimes told, in fewer words.
            if gone.is_none() && !self.containers.are_asked_for() {
                self.containers.tell(&id, info);
            }
            told
        });
    }

    /// The container that the current event, one about containers, is about.
    pub fn announced(&self) -> Option<&Container> {
        self.announced.as_ref()
    }

    /// All containers.
    pub fn containers(&self) -> &Arc<Containers> {
        &self.containers
    }

    /// Whether the event at hand gave a socket another name. Without open files
    /// nobody can tell, and each name counts.
    pub(crate) fn renamed(&self) -> bool {
        self.renamed || self.without_files
    }

    /// The number under which what this event opened by a path is kept: both have
    /// the same name.
    pub(crate) fn opened_by(&self, event: &Event<'_>) -> Option<u32> {
        let (by, num) = self.path_opened?;
        (by == event.num).then_some(num)
    }

    /// Name of the machine.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The machine has these addresses and no others.
    pub fn set_addresses(&mut self, addresses: impl Iterator<Item = IpAddr>) {
        self.addresses = addresses.collect();
    }

    /// Reads the addresses of this machine.
    fn read_addresses(&mut self) {
        self.addressed = Some(Instant::now());
        let all = getifaddrs().into_iter().flatten();
        let addresses = all.filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        });
        self.addresses = addresses.collect();
    }

    /// Whether it is an address of the machine itself.
    pub fn owns(&self, address: IpAddr) -> bool {
        address == Ipv4Addr::LOCALHOST
            || address == Ipv6Addr::LOCALHOST
            || self.addresses.contains(&address)
    }

    /// Gives the machine a name, unless another was chosen.
    pub fn set_hostname(&mut self, name: &str) {
        if !self.named {
            self.hostname = name.into();
        }
    }

    /// Gives the machine a name, whatever it calls itself.
    pub fn choose_hostname(&mut self, name: &str) {
        self.hostname = name.into();
        self.named = true;
    }

    /// Forgets all that it knows: what follows is of another machine. What was
    /// chosen stays.
    pub fn restart(&mut self) {
        let mut next = Self::new();
        next.without_files = self.without_files;
        next.purging = self.purging;
        next.table.set_limit(self.table.limit());
        if self.named {
            next.choose_hostname(&self.hostname);
        }
        *self = next;
    }

    /// When the first event and the one before this one happened.
    pub fn times(&self) -> Times {
        self.times
    }

    /// Counts a use of the field that counts its uses.
    pub(crate) fn count_extraction(&self) -> u64 {
        self.extractions.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What the state had to do.
    pub fn counters(&self) -> Counters {
        let [failed, found] = &self.descriptor_lookups;
        Counters {
            descriptors: Lookups {
                again: 0,
                found: found.load(Ordering::Relaxed),
                failed: failed.load(Ordering::Relaxed),
            },
            ..self.counters
        }
    }

    /// Counts that a descriptor was looked up.
    pub(crate) fn count_descriptor_lookup(&self, found: bool) {
        let count = &self.descriptor_lookups[usize::from(found)];
        // One thread alone counts, and needs no locked addition.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// What fields are read from.
    pub fn context<'a>(&'a self, event: &'a Event<'a>, arena: &'a Bump) -> Context<'a> {
        let thread = self.thread_of(event).or_else(|| {
            // The caller of a system call exists, whoever it is.
            let is_call = !matches!(
                event.kind,
                Kind::Procinfo | Kind::Switch | Kind::Container | Kind::ContainerRemoved
            );
            let exists = is_call && self.table.entry(event.header.tid).is_some();
            exists.then(|| &*UNKNOWN)
        });
        Context::new(event, thread, self, arena)
    }

    /// What users in the eyes of a thread are asked for: a container has users of its
    /// own. They may change meanwhile, so that the arena has what is told.
    fn of_users<'a>(
        &'a self,
        container: Option<&Container>,
        ask: impl Fn(&Users) -> Option<&str>,
        arena: &'a Bump,
    ) -> Option<&'a str> {
        match container {
            Some(container) => Some(arena.alloc_str(ask(&*container.users()?)?)),
            None => ask(self.host_users.users()),
        }
    }

    /// A part of the user in the eyes of a thread.
    pub fn of_user<'a>(
        &'a self,
        container: Option<&Container>,
        uid: u32,
        part: impl Fn(&User) -> &str,
        arena: &'a Bump,
    ) -> Option<&'a str> {
        self.of_users(container, |users| users.user(uid).map(&part), arena)
    }

    /// Name of the user in the eyes of a thread.
    pub fn user_name<'a>(
        &'a self,
        container: Option<&Container>,
        uid: u32,
        arena: &'a Bump,
    ) -> &'a str {
        match self.of_user(container, uid, |user| &user.name, arena) {
            Some(name) => name,
            None if uid == 0 => "root",
            None => "<NA>",
        }
    }

    /// Name of the group in the eyes of a thread.
    pub fn group_name<'a>(
        &'a self,
        container: Option<&Container>,
        gid: u32,
        arena: &'a Bump,
    ) -> &'a str {
        match self.of_users(container, |users| users.group(gid), arena) {
            Some(name) => name,
            None if gid == 0 => "root",
            None => "<NA>",
        }
    }

    /// Takes in what the event tells, before the rules look at it.
    #[inline]
    pub fn before(&mut self, event: &Event<'_>) {
        self.renamed = false;
        self.path_opened = None;
        if !event.is_notice() {
            self.reaches(event.time);
        }
        if event.kind == Kind::Close && self.is_alone(event.header.tid) {
            self.counters.threads.again += 1;
        } else {
            self.take_in(event);
        }
    }

    #[inline]
    fn reaches(&mut self, time: u64) {
        let times = &mut self.times;
        times.previous = std::mem::replace(&mut times.current, time);
        if times.first == 0 {
            times.first = time;
        }
    }

    /// Takes in a call that changes descriptors and that nobody else looks at.
    /// `false`: it has more to tell, and its event is needed.
    #[inline]
    pub fn take_fd_call(&mut self, call: &FdCall, time: u64) -> bool {
        if !self.is_alone(call.tid) {
            return false;
        }
        self.renamed = false;
        self.path_opened = None;
        self.reaches(time);
        self.counters.threads.again += 1;
        if !self.without_files {
            match call.change {
                FdChange::Close => self.free(call.tid, call.result, call.fd),
                change if call.result >= 0 => {
                    self.fcntl(call.tid, call.fd, call.result, change);
                }
                _ => {}
            }
        }
        true
    }

    fn take_in(&mut self, event: &Event<'_>) {
        if event.kind == Kind::TaskNew {
            self.task_new(event);
            return;
        }
        if self.user_changed(event) {
            return;
        }
        if event.kind == Kind::Lost {
            self.doubt(event);
            return;
        }
        if matches!(
            event.kind,
            Kind::Container | Kind::ContainerRemoved | Kind::Asyncevent
        ) {
            self.announce(event);
        }
        let tid = event.header.tid;
        if tid == 0 {
            return;
        }
        let lookups = &mut self.counters.threads;
        match self.table.entry(tid) {
            Some(_) if tid == self.last_tid => lookups.again += 1,
            Some(_) => lookups.found += 1,
            None => {
                lookups.failed += 1;
                self.heal(event);
            }
        }
        self.last_tid = tid;
        self.note_change(event, tid);
        match event.kind {
            // Captures have the one that was called.
            Kind::Execve | Kind::Execveat => self.execve(event),
            Kind::Clone | Kind::Clone3 | Kind::Fork | Kind::Vfork => self.cloned(event),
            Kind::Setuid
            | Kind::Setgid
            | Kind::Setreuid
            | Kind::Setregid
            | Kind::Setresuid
            | Kind::Setresgid => self.credentials(event),
            Kind::Chdir | Kind::Fchdir => self.entered(event),
            Kind::Setsid | Kind::Setpgid => self.grouped(event),
            Kind::Prctl => self.reaps(event),
            Kind::Capset => self.capable(event),
            Kind::Brk | Kind::Mmap | Kind::Mmap2 | Kind::Munmap => self.sized(event),
            Kind::Switch => self.switched(event),
            Kind::Setrlimit | Kind::Prlimit => self.limited(event),
            Kind::Unshare | Kind::Setns => self.changed_namespace(event),
            Kind::Procexit => self.table.ends(tid),
            kind => self.moved(event, kind),
        }
        if self.without_files {
            self.want_users(tid);
            return;
        }
        if event.info().traits & WITH_DESCRIPTOR != 0 && self.proc.is_some() {
            self.read_before(event);
        }
        if event.info().traits & DESCRIPTORS != 0 || event.kind == Kind::Unshare {
            self.opened(event);
        }
        self.want_users(tid);
    }

    /// Whether this thread needs no look before its descriptors change: it is that
    /// of the event before, in a capture, as for most events.
    #[inline]
    fn is_alone(&self, tid: u32) -> bool {
        tid == self.last_tid
            && self.last_tid != 0
            && self.proc.is_none()
            && self.container_users.is_none()
    }

    /// Takes out what ended with the event, after the rules looked at it.
    #[inline]
    pub fn after(&mut self, event: &Event<'_>) {
        if event.kind == Kind::Close && !self.without_files {
            self.closed(event);
        }
        if event.kind == Kind::Procexit {
            self.ended(event);
        }
    }

    fn ended(&mut self, event: &Event<'_>) {
        let tid = event.header.tid;
        self.last_tid = 0;
        let reaper = event.int(procexit::Slot::reaper_tid as usize);
        let reaper = reaper.and_then(|tid| u32::try_from(tid).ok());
        let reaper = reaper.filter(|&tid| tid != 0);
        self.table
            .remove(tid, reaper.unwrap_or_else(|| self.table.reaper(tid)));
    }

    /// Reads now what all processes have open, for those that want to tell it. By this
    /// thread alone: events come meanwhile, and the ends of others would be among them.
    pub fn read_open_files(&mut self) {
        while let Some(pid) = self.unread.pop() {
            self.read_files(pid);
        }
    }

    /// Whether there are processes of which is still to be read what they have
    /// open, for the first time or after a loss.
    pub fn is_reading(&self) -> bool {
        !self.without_files && (!self.unread.is_empty() || self.healing.has_doubts())
    }

    /// For every pause between events: reads what some more processes have open.
    pub fn read_on(&mut self) {
        let begun = Instant::now();
        while !self.without_files
            && begun.elapsed() < READING
            && let Some(pid) = self.unread.pop()
        {
            self.read_files(pid);
        }
    }

    /// Before somebody looks at an event of whichever kind who may ask what its
    /// process has open: that is read now, if it was not.
    pub fn know_open_files(&mut self, event: &Event<'_>) {
        if !self.without_files && self.proc.is_some() {
            self.read_before(event);
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
        self.second = self.second.wrapping_add(1).max(1);
        if self.proc.is_some() {
            self.host_users.refresh();
            self.sweep(1);
            if self
                .addressed
                .is_none_or(|last| now.duration_since(last) >= READDRESS)
            {
                self.read_addresses();
            }
        }
    }

    /// Looks for the threads whose turn it is, so many seconds after the last
    /// time; takes out those that are gone for long enough.
    pub fn sweep(&mut self, seconds: u32) {
        let Some(proc) = &mut self.proc else {
            return;
        };
        self.seconds = self.seconds.saturating_add(seconds);
        if self.to_sweep.is_empty() {
            self.to_sweep = self.table.iter().map(|t| t.tid).collect();
            let table = &self.table;
            self.missing.retain(|tid, _| table.entry(*tid).is_some());
        }
        let turns = self.purging.interval.div_ceil(u64::from(seconds).max(1));
        let turns = usize::try_from(turns).unwrap_or(usize::MAX).max(1);
        let share = self.table.len().div_ceil(turns).min(SWEEP);
        let rest = self.to_sweep.len().saturating_sub(share);
        let timeout = u32::try_from(self.purging.timeout).unwrap_or(u32::MAX);
        for tid in self.to_sweep.drain(rest..) {
            if self.table.entry(tid).is_none() || proc.lives(tid) {
                self.missing.remove(&tid);
                continue;
            }
            let since = *self.missing.entry(tid).or_insert(self.seconds);
            if self.seconds - since >= timeout.max(MISSED) {
                self.missing.remove(&tid);
                let reaper = self.table.reaper(tid);
                self.table.remove(tid, reaper);
                self.counters.swept += 1;
            }
        }
    }

    /// Reads what a process had open before its first event, when an event has
    /// to do with a descriptor: most processes never need it, and a start does
    /// not wait for it.
    fn read_before(&mut self, event: &Event<'_>) {
        let pid = match self.table.entry(event.header.tid) {
            Some(thread) => thread.pid,
            None => return,
        };
        let unread = |t: &Thread| t.unread;
        if self.table.entry(pid).is_some_and(unread) {
            self.read_files(pid);
        }
    }

    /// Takes in what a process has open, but for what events told already.
    fn read_files(&mut self, pid: u32) {
        let Some(process) = self.table.get_mut(pid).filter(|t| t.unread) else {
            return;
        };
        process.unread = false;
        self.read_limit(pid);
        for open in self.fds.all(pid) {
            if let Some(mut files) = self.table.files_mut(pid)
                && files.get(open.num).is_none()
            {
                files.insert(open.num, open.descriptor, open.cloexec);
            }
        }
    }

    /// Takes in how many descriptors a process may have open, unless an event told.
    fn read_limit(&mut self, pid: u32) {
        let Some(limit) = self.fds.limit(pid) else {
            return;
        };
        let tasks = self.table.get(pid).map(|t| t.tasks().to_vec());
        for tid in tasks.into_iter().flatten().chain([pid]) {
            if let Some(thread) = self.table.get_mut(tid).filter(|t| t.usage.fd_limit == 0) {
                thread.usage.fd_limit = limit;
            }
        }
    }

    /// Takes in what one number of the event's process refers to by now.
    fn read_file(&mut self, event: &Event<'_>, num: u32) {
        if self.proc.is_some()
            && let Some(open) = self.fds.one(event.header.pid, num)
            && let Some(mut files) = self.table.files_mut(event.header.tid)
        {
            files.insert(num, open.descriptor, open.cloexec);
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
        let mut thread = Thread::new(tid, if pid == 0 { tid } else { pid });
        thread.known = false;
        self.table.insert(thread);
    }

    /// A recorder saw a user or a group come or go, on the host or in a container.
    fn user_changed(&mut self, event: &Event<'_>) -> bool {
        macro_rules! slots {
            ($event:ident, $id:ident) => {
                (
                    $event::Slot::$id as usize,
                    $event::Slot::container_id as usize,
                    $event::Slot::name as usize,
                )
            };
        }
        // Slots of the id, the container and the name.
        let (id, container, name) = match event.kind {
            Kind::Useradded => slots!(useradded, uid),
            Kind::Userdeleted => slots!(userdeleted, uid),
            Kind::Groupadded => slots!(groupadded, gid),
            Kind::Groupdeleted => slots!(groupdeleted, gid),
            _ => return false,
        };
        let text = |slot: usize| {
            let bytes = event.bytes(slot).unwrap_or_default();
            String::from_utf8_lossy(bytes)
        };
        let Some(id) = event.number(id).map(|id| id as u32) else {
            return true;
        };
        let change = |users: &mut Users| match event.kind {
            Kind::Useradded => {
                let user = User {
                    name: text(name).into(),
                    home: text(useradded::Slot::home as usize).into(),
                    shell: text(useradded::Slot::shell as usize).into(),
                };
                users.add_user(id, user);
            }
            Kind::Userdeleted => users.remove_user(id),
            Kind::Groupadded => users.add_group(id, &text(name)),
            _ => users.remove_group(id),
        };
        match &*text(container) {
            "" => change(self.host_users.users_mut()),
            container => {
                for container in self.containers.beginning_with(container) {
                    container.change_users(change);
                }
            }
        }
        true
    }

    /// Looks once a second for the users of a container of which events come.
    fn want_users(&self, tid: u32) {
        if let Some(reader) = &self.container_users
            && let Some(thread) = self.table.get(tid)
            && let Some(container) = &thread.container
        {
            reader.request(container, thread.pid, self.second, USERS_PATIENCE);
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
