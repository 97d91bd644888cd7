//! After a loss: what is known of processes is held against the proc file
//! system, and what differs is corrected and marked as guessed.
//!
//! A thread of its own reads, so that no event waits. What it tells is as old as
//! the reading, while events go on: threads that an event changed meanwhile
//! are left alone and read again. Events that are still on the way are older
//! than what was read, and do to it what they would have done anyway.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use falco_abi::event::{Event as Kind, traits};
use log::info;
use rustc_hash::FxHashSet;

use super::address::Address;
use super::descriptor::{Descriptor, FdKind, Protocol};
use super::procfs::ProcFs;
use super::thread::{Thread, UNSET};
use super::{Counters, State};
use crate::event::Event;

/// From the end of one reading of all threads to the next, however much is lost.
const REST: Duration = Duration::from_millis(200);

/// How long a process that is not there may wait for the record of its end.
const LINGER: Duration = Duration::from_millis(250);

/// How often threads that were changed meanwhile are read again.
const ROUNDS: u8 = 3;

/// Longest time of the loop that one call of [`State::heal`] takes for
/// descriptors.
const SHARE: Duration = Duration::from_millis(2);

/// The proc file system tells the start of a thread in steps of this, and the
/// clocks that it is converted with may have been set.
const START_STEP: u64 = 1_000_000_000;

/// Processes to read.
#[derive(Debug)]
enum Which {
    All,
    These(Vec<u32>),
}

/// What was read.
struct Reading {
    threads: Vec<Thread>,
    all: bool,
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
    requests: Sender<Which>,
    readings: Receiver<Reading>,
}

impl Reader {
    fn start(root: &Path) -> std::io::Result<Self> {
        let (requests, wanted) = crossbeam_channel::bounded::<Which>(1);
        let (told, readings) = crossbeam_channel::bounded(1);
        let root = PathBuf::from(root);
        std::thread::Builder::new()
            .name("heal".into())
            .spawn(move || {
                for which in wanted {
                    let proc = ProcFs::new(&root);
                    let (pids, all) = match which {
                        Which::All => (proc.processes(), true),
                        Which::These(pids) => (pids, false),
                    };
                    let threads = proc.threads_of(&pids);
                    if told.send(Reading { threads, all }).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self { requests, readings })
    }
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

    fn ask(&mut self, which: Which) {
        let Some(reader) = &self.reader else {
            return;
        };
        self.reading = reader.requests.try_send(which).is_ok();
        self.changed.clear();
    }
}

/// Whether it runs another program than is known: another file, or, where the
/// start of one may have been lost, other arguments.
fn runs_another(known: &Thread, read: &Thread) -> bool {
    let (old, new) = (&known.image, &read.image);
    let other_file = old.ino != new.ino && old.ino != 0 && new.ino != 0;
    // A process may write over its arguments later on.
    let other_words = (&old.exe, &old.args) != (&new.exe, &new.args);
    other_file || other_words && (!known.executed || old.exe.is_empty())
}

/// Whether a thread is another than is known, for events were lost that change
/// it. A few of these change without an event, or count from the next program
/// only; after a loss nobody can tell that from a lost one. Control groups are
/// told by container alone: what they are called depends on who reads.
fn differs(known: &Thread, read: &Thread) -> bool {
    let ids = |t: &Thread| (t.uid, t.gid, t.ruid, t.rgid);
    let groups = |t: &Thread| (t.sid, t.pgid, t.vpgid, t.tty);
    let container = |t: &Thread| t.container.as_ref().map(|c| c.id().to_owned());
    let removed = read.cwd.ends_with(b" (deleted)/");
    let other_login = known.loginuid != read.loginuid && read.loginuid != UNSET;
    runs_another(known, read)
        || known.cwd != read.cwd && !removed
        || ids(known) != ids(read)
        || groups(known) != groups(read)
        || known.caps != read.caps
        || container(known) != container(read)
        || known.is_leader() && known.ptid != read.ptid
        || other_login
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
        let reading = self.healing.reader.as_ref();
        if let Some(reading) = reading.and_then(|r| r.readings.try_recv().ok()) {
            self.healing.reading = false;
            self.compare(reading, now);
        }
        let healing = &mut self.healing;
        let rested = healing.rested.is_none_or(|end| now >= end);
        if healing.wanted && !healing.reading && rested {
            healing.wanted = false;
            healing.round = 0;
            healing.ask(Which::All);
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

    fn compare(&mut self, reading: Reading, now: Instant) {
        let changed = std::mem::take(&mut self.healing.changed);
        let mut again = Vec::new();
        let mut there = FxHashSet::default();
        for thread in reading.threads {
            there.insert(thread.tid);
            if changed.contains(&thread.tid) {
                again.push(thread.pid);
            } else {
                self.correct(thread);
            }
        }
        if reading.all {
            let gone = |t: &&Thread| !there.contains(&t.tid) && !changed.contains(&t.tid);
            let gone = self.table.iter().filter(gone).map(|t| t.tid);
            let gone: Vec<u32> = gone.collect();
            self.healing.gone.extend(gone);
            self.healing.linger = Some(now + LINGER);
            if !self.without_files {
                let processes = self.table.iter().filter(|t| t.is_leader());
                self.healing.doubted = processes.map(|t| t.pid).collect();
            }
            self.healing.rested = Some(now + REST);
        }
        self.table.link();
        again.dedup();
        if !again.is_empty() && self.healing.round < ROUNDS {
            self.healing.round += 1;
            self.healing.ask(Which::These(again));
        }
    }

    /// Takes in what was read of one thread.
    fn correct(&mut self, mut read: Thread) {
        let tid = read.tid;
        read.guessed = true;
        if read.container.is_none() {
            read.container = self.container_of(&read.cgroups);
        }
        let known = self.table.entry(tid);
        let is_same = known.is_some_and(|known| {
            known.known && (known.start == 0 || known.start.abs_diff(read.start) < START_STEP)
        });
        if !is_same {
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
        known.usage.fd_limit = read.usage.fd_limit;
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
