//! All living threads by id.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rustc_hash::FxHashMap;
use triomphe::Arc;

use super::files::{FileTable, Files, FilesId, OpenFiles, Turnover};
use super::shared::Shared;
use super::thread::{Image, Thread};
use crate::event::Event;
use crate::paths::{self, Slots};

/// Most threads that are kept unless [`Table::set_limit`] says otherwise; beyond
/// it new ones stay unknown.
pub const MAX_THREADS: usize = 262_144;

/// Most ancestors that are walked: a stale parent must not lead in a circle.
const MAX_ANCESTORS: usize = 128;

/// Ids are small numbers that nobody outside of the kernel chooses.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.write_u32(u32::from(b));
        }
    }

    fn write_u32(&mut self, id: u32) {
        // The map takes the low bits for the place and the high ones for the tag.
        let mixed = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// All living threads by id. Boxed, for the map to stay small when it grows.
pub struct Table {
    threads: HashMap<u32, Box<Thread>, BuildHasherDefault<IdHasher>>,
    files: Files,
    /// Whose table of descriptors was changed last, and which that is, until another
    /// thread may have it: of most events it is the same again.
    last: Option<(u32, FilesId)>,
    limit: usize,
    refused: u64,
    turnover: Turnover,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            threads: HashMap::default(),
            files: Files::default(),
            last: None,
            limit: MAX_THREADS,
            refused: 0,
            turnover: Turnover::default(),
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} threads)", self.threads.len())
    }
}

impl Table {
    /// Number of threads.
    pub fn len(&self) -> usize {
        self.threads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// Sets how many threads are kept at most.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How many threads are kept at most.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// How many threads found no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How many threads were put in and taken out.
    pub fn turnover(&self) -> Turnover {
        self.turnover
    }

    /// All tables of descriptors.
    pub fn all_files(&self) -> &Files {
        &self.files
    }

    /// All threads, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Thread> {
        self.threads.values().map(|t| &**t)
    }

    /// The thread, if there is an entry, even one without knowledge.
    pub(super) fn entry(&self, tid: u32) -> Option<&Thread> {
        self.threads.get(&tid).map(|t| &**t)
    }

    /// The thread, if anything is known of it.
    pub fn get(&self, tid: u32) -> Option<&Thread> {
        self.entry(tid).filter(|t| t.known)
    }

    /// Changes a thread. Its ids stay as they are.
    pub(super) fn get_mut(&mut self, tid: u32) -> Option<&mut Thread> {
        self.threads.get_mut(&tid).map(|t| &mut **t)
    }

    /// First thread of the process that the thread is of.
    pub fn leader(&self, thread: &Thread) -> Option<&Thread> {
        self.get(thread.pid)
    }

    /// First thread of the parent process.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        if thread.ptid == 0 || thread.ptid == thread.pid {
            return None;
        }
        let parent = self.get(thread.ptid)?;
        if parent.is_leader() {
            return Some(parent);
        }
        self.get(parent.pid)
    }

    /// The parent, its parent, and so on.
    pub fn ancestors<'a>(&'a self, thread: &Thread) -> impl Iterator<Item = &'a Thread> {
        let this = thread.pid;
        std::iter::successors(self.parent(thread), |t| self.parent(t))
            .take_while(move |t| t.pid != this)
            .take(MAX_ANCESTORS)
    }

    /// The table of descriptors that the thread uses.
    pub fn files(&self, thread: &Thread) -> Option<&FileTable> {
        self.files_id(thread).map(|id| self.files.get(id))
    }

    fn files_id(&self, thread: &Thread) -> Option<FilesId> {
        if let Some((tid, id)) = self.last
            && tid == thread.tid
        {
            return Some(id);
        }
        let leader = || self.threads.get(&thread.pid)?.files;
        thread.files.or_else(leader)
    }

    /// The directory that a path of the event starts from.
    pub(crate) fn base<'a>(
        &'a self,
        event: &Event<'a>,
        thread: Option<&'a Thread>,
        slots: Slots,
    ) -> Option<&'a [u8]> {
        if let Some(base) = paths::base(event, slots) {
            return Some(base);
        }
        let directory = paths::descriptor(event.kind, slots).and_then(|slot| event.int(slot));
        match directory {
            None | Some(paths::AT_FDCWD) => thread.map(|t| &*t.cwd),
            Some(num) => {
                let files = self.files(thread?)?;
                let descriptor = files.get(u32::try_from(num).ok()?)?;
                Some(descriptor.name()).filter(|name| !name.is_empty())
            }
        }
    }

    /// The table of descriptors that a known thread uses, if there is one.
    #[inline]
    pub(super) fn known_files_mut(&mut self, tid: u32) -> Option<OpenFiles<'_>> {
        let id = match self.last {
            Some((last, id)) if last == tid => id,
            _ => {
                let id = self.files_id(self.get(tid)?)?;
                self.last = Some((tid, id));
                id
            }
        };
        Some(self.files.get_mut(id))
    }

    /// The table of descriptors that the thread uses, made if there is none.
    #[inline]
    pub(super) fn files_mut(&mut self, tid: u32) -> Option<OpenFiles<'_>> {
        match self.last {
            Some((last, id)) if last == tid => Some(self.files.get_mut(id)),
            _ => self.other_files_mut(tid),
        }
    }

    fn other_files_mut(&mut self, tid: u32) -> Option<OpenFiles<'_>> {
        let thread = self.threads.get(&tid)?;
        let known = thread.known;
        let id = match self.files_id(thread) {
            Some(id) => id,
            None => {
                let owner = match self.threads.contains_key(&thread.pid) {
                    true => thread.pid,
                    false => tid,
                };
                let id = self.files.add(FileTable::default());
                self.threads.get_mut(&owner)?.files = Some(id);
                id
            }
        };
        if known {
            self.last = Some((tid, id));
        }
        Some(self.files.get_mut(id))
    }

    /// Gives a thread its own table, with what `from` has open.
    pub(super) fn copy_files(&mut self, from: u32, to: u32) {
        let Some(parent) = self.threads.get(&from) else {
            return;
        };
        let Some(table) = self.files(parent).cloned() else {
            return;
        };
        let id = self.files.add(table);
        self.set_files(to, id);
    }

    /// Makes a thread use the same table as `from`.
    pub(super) fn share_files(&mut self, from: u32, to: u32) {
        if self.have_same_files(from, to) || self.files_mut(from).is_none() {
            return;
        }
        let Some(id) = self.threads.get(&from).and_then(|t| self.files_id(t)) else {
            return;
        };
        self.files.share(id);
        self.set_files(to, id);
    }

    /// Whether two threads use one table.
    pub(super) fn have_same_files(&self, one: u32, other: u32) -> bool {
        let (Some(one), Some(other)) = (self.threads.get(&one), self.threads.get(&other)) else {
            return false;
        };
        match (self.files_id(one), self.files_id(other)) {
            // Whichever opens something first makes it for the process.
            (None, None) => one.pid == other.pid,
            (one, other) => one == other,
        }
    }

    /// Gives a thread a table that nobody shares.
    pub(super) fn own_files(&mut self, tid: u32) {
        if self.files_mut(tid).is_none() {
            return;
        }
        let Some(thread) = self.threads.get(&tid) else {
            return;
        };
        let Some(id) = self.files_id(thread) else {
            return;
        };
        self.last = None;
        // The other threads keep the one that they had.
        for other in thread.tasks().to_vec() {
            let Some(other) = self.threads.get_mut(&other) else {
                continue;
            };
            if other.files.is_none() {
                other.files = Some(self.files.share(id));
            }
        }
        self.copy_files(tid, tid);
    }

    /// A new program was started: it shares its table with nobody, and some
    /// descriptors are closed.
    pub(super) fn exec_files(&mut self, pid: u32) {
        let Some(id) = self.threads.get(&pid).and_then(|t| t.files) else {
            return;
        };
        if self.files.users(id) > 1 {
            self.copy_files(pid, pid);
        }
        if let Some(id) = self.threads.get(&pid).and_then(|t| t.files) {
            self.files.get_mut(id).exec();
        }
    }

    fn set_files(&mut self, tid: u32, id: FilesId) {
        self.last = None;
        match self.threads.get_mut(&tid) {
            Some(thread) => {
                if let Some(old) = thread.files.replace(id) {
                    self.files.release(old);
                }
            }
            None => self.files.release(id),
        }
    }

    /// Forgets what processes have open, to be read again.
    pub(super) fn forget_files(&mut self) {
        self.last = None;
        self.files.clear();
        for thread in self.threads.values_mut() {
            thread.files = None;
            thread.unread = thread.is_leader();
        }
    }

    /// Gives the program of a process the environment that it was started with.
    pub(super) fn set_environment(&mut self, pid: u32, env: Shared) {
        let Some(leader) = self.threads.get(&pid) else {
            return;
        };
        let before = Arc::clone(&leader.image);
        let image = Arc::new(Image {
            env,
            ..Image::clone(&before)
        });
        for tid in [&[pid], leader.tasks()].concat() {
            if let Some(thread) = self.threads.get_mut(&tid)
                && Arc::ptr_eq(&thread.image, &before)
            {
                thread.image = Arc::clone(&image);
            }
        }
    }

    /// Takes the entry out, and gives back its table of descriptors.
    fn take(&mut self, tid: u32) -> Option<Box<Thread>> {
        self.last = None;
        let thread = self.threads.remove(&tid)?;
        self.turnover.removed += 1;
        if let Some(files) = thread.files {
            self.files.release(files);
        }
        Some(thread)
    }

    /// Living threads of the process, its first one included.
    pub fn thread_count(&self, pid: u32) -> u64 {
        self.get(pid)
            .map_or(0, |t| u64::from(!t.dead) + t.tasks().len() as u64)
    }

    /// Puts in a thread, in the place of another with its id. `false`: no room.
    pub(super) fn insert(&mut self, thread: Thread) -> bool {
        match self.entry(thread.tid) {
            Some(known) if known.is_leader() => self.remove_process(thread.tid, 0),
            // The process lives on in it, even if all others have ended.
            Some(known) if known.pid == thread.pid => {
                self.ends(thread.tid);
                self.take(thread.tid);
            }
            Some(_) => self.remove(thread.tid, 0),
            None => {}
        }
        if self.threads.len() >= self.limit {
            self.refused += 1;
            return false;
        }
        let (tid, pid, ptid) = (thread.tid, thread.pid, thread.ptid);
        self.last = None;
        self.threads.insert(tid, Box::new(thread));
        self.turnover.added += 1;
        if tid == pid {
            self.adopt(ptid, pid);
        } else if let Some(leader) = self.get_mut(pid) {
            leader.family().tasks.push(tid);
        }
        true
    }

    /// A thread is about to end, and counts no more.
    pub(super) fn ends(&mut self, tid: u32) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if tid == thread.pid {
            thread.dead = true;
        } else if let Some(leader) = {
            let pid = thread.pid;
            self.threads.get_mut(&pid)
        } {
            leader.forget_task(tid);
        }
    }

    /// Who gets the children of a thread that ends: the nearest ancestor that
    /// takes in orphans, or the first process.
    pub(super) fn reaper(&self, tid: u32) -> u32 {
        let Some(thread) = self.entry(tid) else {
            return 1;
        };
        let mut above = self.ancestors(thread);
        let reaper = above.find(|t| t.subreaper || (t.vpid == 1 && t.pidns == thread.pidns));
        reaper.map_or(1, |t| t.pid)
    }

    /// Takes out a thread that ended. `reaper` gets its children, if known.
    pub(super) fn remove(&mut self, tid: u32, reaper: u32) {
        let Some(thread) = self.threads.get_mut(&tid) else {
            return;
        };
        if tid != thread.pid {
            let pid = thread.pid;
            self.take(tid);
            let Some(leader) = self.threads.get_mut(&pid) else {
                return;
            };
            leader.forget_task(tid);
            if leader.dead && leader.tasks().is_empty() {
                self.remove_process(pid, reaper);
            }
            return;
        }
        if thread.tasks().is_empty() {
            self.remove_process(tid, reaper);
        } else {
            // The process lives on in its other threads, which look here for
            // their parent and program.
            thread.dead = true;
        }
    }

    /// Takes out all threads of the process but the first: the program that
    /// they ran is gone. If another thread started the new one, what that has
    /// open stays. `caller`: which, if it is known; else it is the only one
    /// whose end was not told.
    pub(super) fn keep_leader_alone(&mut self, pid: u32, caller: Option<u32>) {
        let Some(leader) = self.get_mut(pid) else {
            return;
        };
        let died = std::mem::take(&mut leader.dead);
        if leader.tasks().is_empty() {
            return;
        }
        let tasks = std::mem::take(&mut leader.family().tasks);
        let caller = caller.or(match tasks[..] {
            [last] if died => Some(last),
            _ => None,
        });
        let caller = caller.filter(|tid| tasks.contains(tid));
        self.last = None;
        let own = caller.and_then(|tid| self.get_mut(tid)?.files.take());
        if let Some(own) = own {
            self.set_files(pid, own);
        }
        for tid in tasks {
            self.take(tid);
        }
    }

    /// Takes out the process with all its threads.
    pub(super) fn remove_process(&mut self, pid: u32, reaper: u32) {
        let Some(mut process) = self.take(pid) else {
            return;
        };
        let family = process.take_family();
        for tid in family.tasks {
            self.take(tid);
        }
        if let Some(parent) = self.threads.get_mut(&process.ptid) {
            parent.forget_child(pid);
        }
        for child in family.children {
            if let Some(child) = self.threads.get_mut(&child) {
                child.ptid = 0;
            } else {
                continue;
            }
            self.adopt(reaper, child);
        }
    }

    /// Makes all processes the children of their parents, and tells them when
    /// their pid namespaces were made: while a table is filled, a child may come
    /// before its parent.
    pub(super) fn link(&mut self) {
        let processes: Vec<(u32, u32)> = self.iter().map(|t| (t.pid, t.ptid)).collect();
        for (pid, ptid) in processes {
            self.adopt(ptid, pid);
        }
        let firsts = self.iter().filter(|t| t.is_first_of_pidns());
        let starts: FxHashMap<u32, u64> = firsts.map(|t| (t.pidns, t.start)).collect();
        for thread in self.threads.values_mut() {
            if thread.pidns_start == 0
                && let Some(&start) = starts.get(&thread.pidns)
            {
                thread.pidns_start = start;
            }
        }
    }

    /// When the pid namespace was made, as its first process tells; 0 if nobody
    /// knows.
    pub(super) fn pidns_start(&self, pidns: u32) -> u64 {
        let mut firsts = self.iter().filter(|t| t.is_first_of_pidns());
        firsts.find(|t| t.pidns == pidns).map_or(0, |t| t.start)
    }

    /// Makes `child` a child of `parent`.
    pub(super) fn adopt(&mut self, parent: u32, child: u32) {
        let Some(entry) = self.threads.get_mut(&child) else {
            return;
        };
        let old = std::mem::replace(&mut entry.ptid, parent);
        if old != parent
            && let Some(old) = self.threads.get_mut(&old)
        {
            old.forget_child(child);
        }
        if parent != child
            && let Some(parent) = self.threads.get_mut(&parent)
        {
            parent.add_child(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(tid: u32, pid: u32, ptid: u32) -> Thread {
        Thread {
            tid,
            pid,
            ptid,
            known: true,
            ..Thread::default()
        }
    }

    fn table(threads: &[(u32, u32, u32)]) -> Table {
        let mut table = Table::default();
        for &(tid, pid, ptid) in threads {
            assert!(table.insert(thread(tid, pid, ptid)));
        }
        table
    }

    fn ancestors(table: &Table, tid: u32) -> Vec<u32> {
        let thread = table.get(tid).unwrap();
        table.ancestors(thread).map(|t| t.tid).collect()
    }

    #[test]
    fn children_of_the_dead_go_to_the_reaper() {
        let mut table = table(&[(1, 1, 0), (10, 10, 1), (20, 20, 10), (30, 30, 20)]);
        assert_eq!(ancestors(&table, 30), [20, 10, 1]);
        table.remove(20, 10);
        assert_eq!(ancestors(&table, 30), [10, 1]);
        table.remove(10, 1);
        assert_eq!(ancestors(&table, 30), [1]);
        assert_eq!(table.get(1).unwrap().children(), [30]);
        table.remove(30, 1);
        assert!(table.get(1).unwrap().children().is_empty());
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn circles_end() {
        let table = table(&[(10, 10, 20), (20, 20, 10), (30, 30, 10), (40, 40, 40)]);
        assert_eq!(ancestors(&table, 10), [20]);
        assert_eq!(ancestors(&table, 30).len(), MAX_ANCESTORS);
        assert!(ancestors(&table, 40).is_empty());
    }

    #[test]
    fn a_process_outlives_its_first_thread() {
        let mut table = table(&[(1, 1, 0), (10, 10, 1), (11, 10, 1), (12, 10, 1)]);
        assert_eq!(table.thread_count(10), 3);
        table.remove(10, 1);
        assert_eq!(table.thread_count(10), 2);
        assert_eq!(ancestors(&table, 11), [1]);
        table.remove(11, 1);
        table.remove(12, 1);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_new_program_has_one_thread() {
        let mut table = table(&[(10, 10, 1), (11, 10, 1), (12, 10, 1)]);
        table.remove(10, 0);
        table.keep_leader_alone(10, None);
        assert_eq!((table.len(), table.thread_count(10)), (1, 1));
    }

    #[test]
    fn there_is_a_limit() {
        let mut table = Table::default();
        table.set_limit(2);
        assert!(table.insert(thread(1, 1, 0)) && table.insert(thread(2, 2, 1)));
        assert!(!table.insert(thread(3, 3, 1)));
        // The same id takes the place of its own.
        assert!(table.insert(thread(2, 2, 1)));
        assert_eq!((table.len(), table.refused()), (2, 1));
    }

    #[test]
    fn a_thread_that_is_told_of_twice_is_its_process() {
        let mut table = table(&[(10, 10, 1), (11, 10, 1)]);
        table.remove(10, 0);
        table.insert(thread(11, 10, 1));
        assert_eq!(table.get(10).unwrap().tasks(), [11]);
        table.remove(11, 0);
        assert!(table.is_empty());
    }

    #[test]
    fn an_id_is_used_again() {
        let mut table = table(&[(1, 1, 0), (10, 10, 1), (11, 10, 1), (20, 20, 10)]);
        table.insert(thread(11, 11, 1));
        assert!(table.get(10).unwrap().tasks().is_empty());
        assert_eq!(ancestors(&table, 11), [1]);
    }
}
