//! After a loss: what is known of processes is held against the proc file
//! system, and what differs is corrected and marked as guessed.
//!
//! A thread of its own reads, on all processors, so that no event waits. It tells
//! of some processes at a time, and the loop takes these in when it has a pause.
//! First it takes a glance at all of them; what is not surely the same after that
//! is read whole. What a glance leaves out changes with the program alone, or
//! without any event.
//! What it tells is as old as the reading, while events go on: threads that an
//! event changed meanwhile are left alone and read again. Events that are still on
//! the way are older than what was read, and do to it what they would have done
//! anyway. Of descriptors the links are compared alone; what a process has open is
//! read anew, by the loop, where one of them is not what is known.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use falco_abi::event::{Event as Kind, traits};
use log::info;
use rustc_hash::FxHashSet;

use super::address::Address;
use super::descriptor::{Descriptor, FdKind, Protocol};
use super::procfd::{ProcFds, Seen};
use super::procfs::{Depth, ProcFs, on_all_processors};
use super::thread::{Thread, UNSET};
use super::{Counters, State};
use crate::event::Event;

/// From the end of one reading of all threads to the next, however much is lost.
const REST: Duration = Duration::from_millis(200);

/// How long a process that is not there may wait for the record of its end.
const LINGER: Duration = Duration::from_millis(250);

/// How often threads are read again that differ, or that were changed meanwhile.
const ROUNDS: u8 = 4;

/// Longest time of the loop that one call of [`State::heal_on`] takes, but for what
/// it has begun.
const SHARE: Duration = Duration::from_millis(2);

/// The proc file system tells the start of a thread in steps of this, and the
/// clocks that it is converted with may have been set.
const START_STEP: u64 = 1_000_000_000;

/// What to read.
#[derive(Debug)]
struct Request {
    /// Processes, to be read whole; `None`: a glance at all that there are.
    pids: Option<Vec<u32>>,
    /// What they have open as well.
    files: bool,
}

/// What was read.
enum Reading {
    /// Some processes.
    Some {
        threads: Vec<Thread>,
        depth: Depth,
        /// What they have open.
        open: Vec<(u32, Vec<Seen>)>,
    },
    /// That was the last. `all`: of all that there are.
    End { all: bool },
}

/// What goes on after a loss.
#[derive(Debug, Default)]
pub(super) struct Healing {
    reader: Option<Reader>,
    /// The numbers when it began, and when that was.
    before: Counters,
    begun: Option<Instant>,
    /// Something was lost since the last reading began.
    wanted: bool,
    /// A reading goes on; since when, and which threads events changed.
    reading: bool,
    changed: FxHashSet<u32>,
    /// Threads that it told of, and processes that are to be read again.
    there: FxHashSet<u32>,
    again: Vec<u32>,
    round: u8,
    rested: Option<Instant>,
    /// Threads that are not there any more, and until when they are kept.
    gone: Vec<u32>,
    linger: Option<Instant>,
    /// Processes whose descriptors are in doubt.
    doubted: Vec<u32>,
}

#[derive(Debug)]
struct Reader {
    requests: Sender<Request>,
    readings: Receiver<Reading>,
}

impl Reader {
    fn start(root: &Path) -> std::io::Result<Self> {
        let (requests, wanted) = crossbeam_channel::bounded::<Request>(1);
        // What is told waits for the loop; not much of it shall.
        let (told, readings) = crossbeam_channel::bounded(4);
        let root = PathBuf::from(root);
        std::thread::Builder::new()
            .name("heal".into())
            .spawn(move || {
                for Request { pids, files } in wanted {
                    let all = pids.is_none();
                    match pids {
                        Some(pids) => read(&root, pids.into_iter(), Depth::Whole, files, &told),
                        None => {
                            let pids = ProcFs::new(&root).processes();
                            read(&root, pids, Depth::Glance, files, &told);
                        }
                    }
                    if told.send(Reading::End { all }).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self { requests, readings })
    }
}

/// Reads processes, and tells of them until nobody listens.
fn read(
    root: &Path,
    pids: impl Iterator<Item = u32> + Send,
    depth: Depth,
    files: bool,
    told: &Sender<Reading>,
) {
    on_all_processors(pids, |shares| {
        let mut proc = ProcFs::of_many(root, true);
        let mut fds = ProcFds::new(root);
        for pids in shares {
            let threads = proc.threads_of(&pids, depth);
            let open = pids.iter().filter(|_| files);
            let open = open.map(|&pid| (pid, fds.glance(pid))).collect();
            let some = Reading::Some {
                threads,
                depth,
                open,
            };
            if told.send(some).is_err() {
                break;
            }
        }
    });
}

impl Healing {
    /// A thread that reads the proc file system at `root`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn start(root: &Path) -> std::io::Result<Self> {
        Ok(Self {
            reader: Some(Reader::start(root)?),
            ..Self::default()
        })
    }

    /// Whether there are processes whose descriptors are in doubt.
    pub(super) fn has_doubts(&self) -> bool {
        !self.doubted.is_empty()
    }

    fn is_over(&self) -> bool {
        !self.wanted && !self.reading && self.gone.is_empty() && self.doubted.is_empty()
    }

    fn ask(&mut self, pids: Option<Vec<u32>>, files: bool) {
        let Some(reader) = &self.reader else {
            return;
        };
        self.reading = reader.requests.try_send(Request { pids, files }).is_ok();
        self.changed.clear();
        self.there.clear();
        self.again.clear();
    }
}

/// Whether it runs another file than is known.
fn runs_another_file(known: &Thread, read: &Thread) -> bool {
    let (old, new) = (known.image.ino, read.image.ino);
    old != new && old != 0 && new != 0
}

/// Whether the start of its program may have been lost, which other arguments
/// would show. A process may write over them later on.
fn may_have_started(known: &Thread) -> bool {
    !known.executed || known.image.exe.is_empty()
}

/// Whether it runs another program than is known: another file, or, where the
/// start of one may have been lost, other arguments.
fn runs_another(known: &Thread, read: &Thread) -> bool {
    let (old, new) = (&known.image, &read.image);
    let other_words = (&old.exe, &old.args) != (&new.exe, &new.args);
    runs_another_file(known, read) || other_words && may_have_started(known)
}

/// Whether a thread is the one that is known, and not another of the same number.
fn is_one(known: &Thread, read: &Thread) -> bool {
    known.known && (known.start == 0 || known.start.abs_diff(read.start) < START_STEP)
}

/// Whether a glance tells that a thread is another than is known, for events were
/// lost that change it. A few of these change without an event, or count from the
/// next program only; after a loss nobody can tell that from a lost one.
fn differs_at_a_glance(known: &Thread, read: &Thread) -> bool {
    let ids = |t: &Thread| (t.uid, t.gid, t.ruid, t.rgid);
    // A new session is a new group too, and what a group is called in an inner pid
    // namespace changes with it; the glance may not have told these.
    let groups = |t: &Thread| (t.pgid, t.tty);
    let removed = read.cwd.ends_with(b" (deleted)/");
    runs_another_file(known, read)
        || known.cwd != read.cwd && !removed
        || ids(known) != ids(read)
        || groups(known) != groups(read)
        || known.caps != read.caps
        || known.is_leader() && known.ptid != read.ptid
}

/// Whether a thread that was read whole is another than is known. Control groups
/// are told by container alone: what they are called depends on who reads.
fn differs(known: &Thread, read: &Thread) -> bool {
    let groups = |t: &Thread| (t.sid, t.vpgid);
    differs_at_a_glance(known, read)
        || groups(known) != groups(read)
        || runs_another(known, read)
        || container(known) != container(read)
        || known.loginuid != read.loginuid && read.loginuid != UNSET
}

/// Id of the container that it is in.
fn container(thread: &Thread) -> Option<&str> {
    thread.container.as_ref().map(|c| c.id())
}

/// Whether what is known of a descriptor and what was read mean one thing. What
/// events told has no inode where their records have none.
fn is_same(known: &Descriptor, read: &Descriptor) -> bool {
    // A socket that is in no table of sockets has no kind.
    let untold = read.kind == FdKind::Socket && known.kind.is_socket();
    if known.kind != read.kind && !untold {
        return false;
    }
    if known.ino != 0 && read.ino != 0 {
        return known.ino == read.ino;
    }
    match (known.address(), read.address()) {
        // One that is not connected has its own end alone in the tables, while
        // events tell whom it talks to.
        (Some(Address::IpPair(source, destination)), Some(Address::Ip(own))) => {
            known.protocol != Protocol::Tcp && [source, destination].iter().any(|e| e.1 == own.1)
        }
        (Some(known), Some(read)) => known == read || known == read.turned(),
        // It has one, of which events did not tell.
        (None, Some(_)) => false,
        // What the other end is called is nowhere to be read.
        (Some(Address::UnixPair(_, _, path)), None) => {
            read.name().is_empty() || path == read.name()
        }
        (Some(_), None) => true,
        (None, None) => known.name() == read.name(),
    }
}

impl State {
    /// Records were lost: whatever is known may be wrong.
    pub(super) fn doubt(&mut self, event: &Event<'_>) {
        let classes = 0..event.info().params.len();
        let any = classes
            .into_iter()
            .any(|slot| event.number(slot).is_some_and(|n| n > 0));
        if any && self.healing.reader.is_some() {
            if self.healing.is_over() {
                self.healing.before = self.counters;
                self.healing.begun = Some(Instant::now());
            }
            self.healing.wanted = true;
        }
    }

    /// Notes what an event changes while all is read.
    pub(super) fn note_change(&mut self, event: &Event<'_>, tid: u32) {
        let changes = event.info().traits & traits::MODIFIES_STATE != 0
            || matches!(
                event.kind,
                Kind::Unshare | Kind::Setns | Kind::Setpgid | Kind::Setrlimit | Kind::Prlimit
            );
        if changes {
            self.note_changed(tid);
        }
    }

    /// Notes a thread that an event of another one changes.
    pub(super) fn note_changed(&mut self, tid: u32) {
        if self.healing.reading {
            self.healing.changed.insert(tid);
        }
    }

    /// Whether what is known is held against the proc file system by now.
    pub fn is_healing(&self) -> bool {
        !self.healing.is_over()
    }

    /// After a loss, for every pause between events: takes in what was read of
    /// processes, a little each time.
    pub fn heal_on(&mut self) {
        if self.healing.is_over() {
            return;
        }
        self.heal_some();
        if self.healing.is_over() {
            let (now, before) = (self.counters, self.healing.before);
            let took = self.healing.begun.map_or(Duration::ZERO, |t| t.elapsed());
            info!(
                "after a loss the state was held against /proc, which took {} ms for {} threads: \
                 {} were found, {} corrected, {} were gone",
                took.as_millis(),
                self.table.len(),
                now.healed - before.healed,
                now.corrected - before.corrected,
                now.swept - before.swept,
            );
        }
    }

    fn heal_some(&mut self) {
        let now = Instant::now();
        while now.elapsed() < SHARE
            && let Some(reader) = &self.healing.reader
            && let Ok(reading) = reader.readings.try_recv()
        {
            match reading {
                Reading::Some {
                    threads,
                    depth,
                    open,
                } => self.compare(threads, depth, &open),
                Reading::End { all } => self.compared(all, now),
            }
        }
        let healing = &mut self.healing;
        let rested = healing.rested.is_none_or(|end| now >= end);
        if healing.wanted && !healing.reading && rested {
            healing.wanted = false;
            healing.round = 0;
            healing.ask(None, !self.without_files);
        }
        if healing.linger.is_some_and(|end| now >= end) {
            healing.linger = None;
            for tid in std::mem::take(&mut healing.gone) {
                self.bury(tid);
            }
        }
        while now.elapsed() < SHARE
            && let Some(pid) = self.healing.doubted.pop()
        {
            self.read_files_again(pid);
        }
    }

    /// Takes in what was read of some processes.
    fn compare(&mut self, threads: Vec<Thread>, depth: Depth, open: &[(u32, Vec<Seen>)]) {
        for thread in threads {
            self.healing.there.insert(thread.tid);
            let again = self.healing.changed.contains(&thread.tid)
                || depth == Depth::Glance && !self.is_as_known(&thread);
            if again {
                self.healing.again.push(thread.pid);
            } else if depth == Depth::Whole {
                self.correct(thread);
            }
        }
        if self.without_files {
            return;
        }
        let differ = open
            .iter()
            .filter(|(pid, seen)| self.has_other_files(*pid, seen));
        let differ: Vec<u32> = differ.map(|(pid, _)| *pid).collect();
        self.healing.doubted.extend(differ);
    }

    /// All that was to be read was.
    fn compared(&mut self, all: bool, now: Instant) {
        let healing = &mut self.healing;
        healing.reading = false;
        let changed = std::mem::take(&mut healing.changed);
        let there = std::mem::take(&mut healing.there);
        let mut again = std::mem::take(&mut healing.again);
        if all {
            let gone = |t: &&Thread| !there.contains(&t.tid) && !changed.contains(&t.tid);
            let gone = self.table.iter().filter(gone).map(|t| t.tid);
            healing.gone.extend(gone);
            healing.linger = Some(now + LINGER);
            healing.rested = Some(now + REST);
        }
        self.table.link();
        again.sort_unstable();
        again.dedup();
        if !again.is_empty() && healing.round < ROUNDS {
            healing.round += 1;
            healing.ask(Some(again), !self.without_files);
        }
    }

    /// Whether a process has something open that is not what is known of it.
    fn has_other_files(&self, pid: u32, seen: &[Seen]) -> bool {
        // It ended, or nobody may look.
        if seen.is_empty() {
            return false;
        }
        let Some(files) = self.table.get(pid).and_then(|t| self.table.files(t)) else {
            return true;
        };
        let is_known = |seen: &Seen| files.get(seen.num).is_some_and(|known| seen.is(known));
        files.len() != seen.len() || !seen.iter().all(is_known)
    }

    /// Whether a glance at a thread shows that nothing is to be corrected.
    fn is_as_known(&self, seen: &Thread) -> bool {
        self.table.entry(seen.tid).is_some_and(|known| {
            // Of the other threads the first one's program is looked at.
            let is_unsure = known.is_leader() && may_have_started(known);
            is_one(known, seen) && !seen.dead && !is_unsure && !differs_at_a_glance(known, seen)
        })
    }

    /// Takes in what was read of one thread.
    fn correct(&mut self, mut read: Thread) {
        let tid = read.tid;
        read.guessed = true;
        let known = self.table.entry(tid);
        if read.container.is_none() {
            read.container = match known.filter(|known| known.cgroups == read.cgroups) {
                Some(known) => known.container.clone(),
                None => self.container_of(&read.cgroups),
            };
        }
        if !known.is_some_and(|known| is_one(known, &read)) {
            // What ended meanwhile is not begun again.
            if self.proc.as_mut().is_some_and(|proc| proc.lives(tid)) && !read.dead {
                self.table.insert(read);
                self.counters.healed += 1;
            }
            return;
        }
        if read.dead {
            self.healing.gone.push(tid);
            return;
        }
        let Some(known) = self.table.get_mut(tid) else {
            return;
        };
        if !differs(known, &read) {
            return;
        }
        self.counters.corrected += 1;
        known.guessed = true;
        if runs_another(known, &read) {
            known.run_like(&read);
            known.executed = true;
        }
        known.cwd = read.cwd;
        (known.uid, known.gid) = (read.uid, read.gid);
        (known.ruid, known.rgid) = (read.ruid, read.rgid);
        (known.sid, known.pgid, known.vpgid) = (read.sid, read.pgid, read.vpgid);
        (known.vtid, known.vpid) = (read.vtid, read.vpid);
        known.caps = read.caps;
        known.tty = read.tty;
        if read.loginuid != UNSET {
            known.loginuid = read.loginuid;
        }
        known.cgroups = read.cgroups;
        known.container = read.container;
        let (pid, ptid) = (known.pid, read.ptid);
        if pid == tid {
            self.table.adopt(ptid, pid);
        }
    }

    /// Takes out a thread that is not there, and whose end was not told.
    fn bury(&mut self, tid: u32) {
        let lives = self.proc.as_mut().is_some_and(|proc| proc.lives(tid));
        if lives || self.table.entry(tid).is_none() {
            return;
        }
        let reaper = self.table.reaper(tid);
        self.table.remove(tid, reaper);
        self.counters.swept += 1;
    }

    /// Descriptors of a process as they are. What is known of one that is still
    /// the same stays: it is more than the proc file system tells.
    fn read_files_again(&mut self, pid: u32) {
        let Some(process) = self.table.get_mut(pid) else {
            return;
        };
        process.unread = false;
        process.usage.fd_limit = 0;
        self.read_limit(pid);
        let open = self.fds.all(pid);
        // It ended, or nobody may look.
        if open.is_empty() {
            return;
        }
        let Some(mut files) = self.table.files_mut(pid) else {
            return;
        };
        let numbers: FxHashSet<u32> = open.iter().map(|open| open.num).collect();
        files.keep(|num| numbers.contains(&num));
        for open in open {
            let known = files.get(open.num);
            if !known.is_some_and(|known| is_same(known, &open.descriptor)) {
                files.insert(open.num, open.descriptor, open.cloexec);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(address: Option<Address<'_>>, protocol: Protocol) -> Descriptor {
        let kind = address.map_or(FdKind::Ipv4, Address::kind);
        let mut socket = Descriptor::new(kind);
        socket.protocol = protocol;
        if let Some(address) = address {
            socket.label = address.into();
        }
        socket
    }

    #[test]
    fn a_socket_is_told_by_its_address() {
        let end = |port: u16| ([10, 0, 0, 1].into(), port);
        let tcp = |address| socket(Some(address), Protocol::Tcp);
        let udp = |address| socket(Some(address), Protocol::Udp);
        let pair = |from, to| Address::IpPair(end(from), end(to));
        // As the tables of sockets have it, it has an inode.
        let read = |mut socket: Descriptor| {
            socket.ino = 77;
            socket
        };
        let known = tcp(pair(5000, 80));
        assert!(is_same(&known, &read(tcp(pair(5000, 80)))));
        assert!(is_same(&known, &read(tcp(pair(80, 5000)))), "by role");
        assert!(!is_same(&known, &read(tcp(pair(5001, 80)))));
        assert!(!is_same(&known, &read(tcp(Address::Ip(end(5000))))));
        assert!(!is_same(&known, &read(Descriptor::new(FdKind::Unix))));
        // One that is in no table.
        assert!(is_same(&known, &read(Descriptor::new(FdKind::Socket))));
        // That it was connected was not told.
        let new = socket(None, Protocol::Tcp);
        assert!(!is_same(&new, &read(known.clone())));
        // One without connection.
        let known = udp(pair(5000, 53));
        assert!(is_same(&known, &read(udp(Address::Ip(end(5000))))));
        assert!(!is_same(&known, &read(udp(Address::Ip(end(5001))))));
        let mut known = known;
        known.ino = 76;
        assert!(!is_same(&known, &read(known.clone())), "another inode");
        // Of a connection the tables have the path of one end at most.
        let unix = |address: Address<'_>| socket(Some(address), Protocol::Unknown);
        let known = unix(Address::UnixPair(1, 2, b"/run/a"));
        assert!(is_same(&known, &read(Descriptor::new(FdKind::Unix))));
        assert!(is_same(&known, &read(unix(Address::Unix(b"/run/a")))));
        assert!(!is_same(&known, &read(unix(Address::Unix(b"/run/b")))));
    }

    #[test]
    fn a_thread_is_told_by_all_that_events_change() {
        let mut known = Thread::new(7, 7);
        known.run(b"a", crate::state::Image::default());
        assert!(!differs(&known, &known.clone()));
        let changes: [fn(&mut Thread); 10] = [
            |t| t.uid = 1,
            |t| t.rgid = 1,
            |t| t.sid = 1,
            |t| t.pgid = 1,
            |t| t.vpgid = 1,
            |t| t.tty = 1,
            |t| t.loginuid = 1,
            |t| t.caps.effective = 1,
            |t| t.ptid = 1,
            |t| t.cwd = b"/a/".as_slice().into(),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut read = known.clone();
            change(&mut read);
            assert!(differs(&known, &read), "change {at}");
        }
        // Nobody could read it.
        known.loginuid = 5;
        let mut read = known.clone();
        read.loginuid = UNSET;
        assert!(!differs(&known, &read));
    }
}
