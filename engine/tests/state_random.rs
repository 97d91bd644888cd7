//! Records in any order, with any of them lost, and records that make no sense:
//! the state must take them all, and stay as small as what is alive.

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;
use falco_abi::event::{ALL, Event as Kind, ParamType};
use falco_abi::flags::{clone, open};
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::state::State;

/// Numbers that look like chance, and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn bytes(&mut self) -> Vec<u8> {
        const PARTS: [&[u8]; 8] = [
            b"/",
            b"..",
            b"etc",
            b"\0",
            b"=",
            b"\x02\x7f\0\0\x01\x1f\x90",
            b"\xff",
            b"cpu=/a\0",
        ];
        let count = self.below(8);
        (0..count)
            .flat_map(|_| PARTS[self.below(8) as usize].to_vec())
            .collect()
    }
}

/// A record of any kind with any parameters.
fn nonsense(random: &mut Random) -> Vec<u8> {
    let kind = ALL[random.below(ALL.len() as u64) as usize];
    let (tid, pid) = (random.below(40) as u32, random.below(40) as u32);
    let cpu = random.next() as u16;
    let mut record = RecordBuilder::new(kind, tid).header(|h| {
        h.pid = pid;
        h.cpu = cpu;
        h.ts = 1;
    });
    for param in kind.info().params {
        if random.one_in(4) {
            continue;
        }
        record = match param.ty {
            ty if ty.is_span() => record.bytes(param.name, &random.bytes()),
            ParamType::Fd | ParamType::Pid | ParamType::Errno => {
                let number = random.below(44).cast_signed() - 4;
                record.number(param.name, number)
            }
            _ if random.one_in(2) => record.number(param.name, random.below(8).cast_signed()),
            _ => record.number(param.name, random.next().cast_signed()),
        };
    }
    record.build()
}

fn take(state: &mut State, record: &[u8], num: u64, look: impl FnOnce(&Event<'_>, &State)) {
    let event = Event::decode(record, num, 0).expect("a record");
    state.before(&event);
    look(&event, state);
    state.after(&event);
}

/// Every table of descriptors is one that a thread uses, and what is open is
/// counted once.
fn check(state: &State) {
    let threads = state.threads();
    let used = threads.iter().filter_map(|t| threads.files(t));
    let used: BTreeMap<_, u64> = used
        .map(|files| (std::ptr::from_ref(files), files.len() as u64))
        .collect();
    assert_eq!(threads.all_files().len(), used.len());
    assert_eq!(threads.all_files().open(), used.values().sum::<u64>());
}

#[test]
fn nonsense_is_taken() {
    let table = FieldTable::new(FIELDS);
    let fields: Vec<Template> = FIELDS
        .iter()
        .filter_map(|field| Template::compile(&format!("%{}", field.name), &table).ok())
        .collect();
    assert!(fields.len() > 200);
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut state = State::new();
    let (mut arena, mut text) = (Bump::new(), String::new());
    for num in 0..60_000 {
        let record = nonsense(&mut random);
        let all = random.one_in(20);
        take(&mut state, &record, num, |event, state| {
            arena.reset();
            let context = state.context(event, &arena);
            for field in fields.iter().filter(|_| all) {
                text.clear();
                field.render(&context, &mut text);
            }
        });
        if num % 1000 == 0 {
            check(&state);
        }
    }
    check(&state);
    assert!(state.threads().len() <= 1024, "{}", state.threads().len());
}

/// A record, and what it says of the life of threads.
struct Told {
    record: Vec<u8>,
    /// Threads that must be there by it.
    about: Vec<u32>,
    /// Threads that are gone after it.
    ends: Vec<u32>,
}

/// What a number refers to: a name, and whether it ends with the next program.
type Open = (Vec<u8>, bool);

/// A thread as the kernel has it.
#[derive(Clone)]
struct Task {
    pid: u32,
    ptid: u32,
    vtid: u32,
    vpid: u32,
    pidns: u32,
    /// Number of its table of descriptors.
    files: usize,
}

/// A machine: what it does at random, the records of that, and what is true
/// after it.
struct Machine {
    random: Random,
    tasks: BTreeMap<u32, Task>,
    tables: Vec<BTreeMap<u32, Open>>,
    /// The next id in each pid namespace; the first is at 1.
    next: Vec<u32>,
    told: Vec<Told>,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let init = Task {
            pid: 1,
            ptid: 0,
            vtid: 1,
            vpid: 1,
            pidns: 1,
            files: 0,
        };
        let mut machine = Self {
            random: Random(seed),
            tasks: BTreeMap::from([(1, init)]),
            tables: vec![BTreeMap::new()],
            next: vec![0, 100],
            told: Vec::new(),
        };
        let runs = RecordBuilder::new(Kind::Execve, 1).number("res", 0);
        machine.tell(runs.number("pidns", 1).bytes("comm", b"init"), &[1], &[]);
        machine
    }

    fn tell(&mut self, record: RecordBuilder, about: &[u32], ends: &[u32]) {
        self.told.push(Told {
            record: record.build(),
            about: about.into(),
            ends: ends.into(),
        });
    }

    /// A call of the thread returned.
    fn call(&self, kind: Kind, tid: u32) -> RecordBuilder {
        let pid = self.tasks[&tid].pid;
        RecordBuilder::new(kind, tid).header(|h| h.pid = pid)
    }

    /// One of those that live.
    fn any(&mut self) -> u32 {
        let at = self.random.below(self.tasks.len() as u64) as usize;
        *self.tasks.keys().nth(at).expect("a thread")
    }

    fn threads_of(&self, pid: u32) -> Vec<u32> {
        let own = self.tasks.iter().filter(|(_, task)| task.pid == pid);
        own.map(|(&tid, _)| tid).collect()
    }

    fn table(&mut self, tid: u32) -> &mut BTreeMap<u32, Open> {
        &mut self.tables[self.tasks[&tid].files]
    }

    /// The thread has a copy of its table for itself.
    fn own_table(&mut self, tid: u32) {
        let copy = self.table(tid).clone();
        self.tables.push(copy);
        let last = self.tables.len() - 1;
        self.tasks.get_mut(&tid).expect("a thread").files = last;
    }

    /// The lowest number that is free.
    fn free(&mut self, tid: u32) -> u32 {
        let table = self.table(tid);
        (0..)
            .find(|num| !table.contains_key(num))
            .expect("a number")
    }

    /// Makes a thread or a process, with a table of its own or not, in a pid
    /// namespace of its own or not.
    fn make(&mut self, maker: u32) {
        let task = self.tasks[&maker].clone();
        let thread = self.random.one_in(3);
        let shares = self.random.one_in(4) != thread;
        let namespace = !thread && self.random.one_in(12);
        let tid = self.next[1];
        self.next[1] += 1;
        let mut child = task.clone();
        if namespace {
            child.pidns = self.next.len() as u32;
            self.next.push(1);
        }
        child.vtid = match child.pidns {
            1 => tid,
            inside => {
                self.next[inside as usize] += 1;
                self.next[inside as usize] - 1
            }
        };
        if !thread {
            (child.pid, child.vpid, child.ptid) = (tid, child.vtid, task.pid);
        }
        let inside = task.pidns != 1;
        let flags = [
            (thread, clone::THREAD),
            (shares, clone::FILES),
            (namespace, clone::NEWPID),
            (inside, clone::CHILD_IN_PIDNS),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
        let flags = flags.fold(0, |all, (_, bit)| all | i64::from(bit));
        let made = RecordBuilder::new(Kind::TaskNew, maker)
            .header(|h| h.pid = task.pid)
            .number("tid", tid.into())
            .number("pid", child.pid.into())
            .number("ptid", child.ptid.into())
            .number("vtid", child.vtid.into())
            .number("vpid", child.vpid.into())
            .number("pidns", child.pidns.into());
        self.tell(made, &[maker, tid], &[]);
        // The id that it has in the caller's namespace.
        let named = if inside { child.vtid } else { tid };
        self.tasks.insert(tid, child.clone());
        if !shares {
            self.own_table(tid);
        }
        let ids = |record: RecordBuilder| {
            record
                .number("flags", flags)
                .number("pid", child.pid.into())
                .number("ptid", child.ptid.into())
                .number("vtid", child.vtid.into())
                .number("vpid", child.vpid.into())
        };
        let begins = ids(self.call(Kind::Clone, tid)).number("res", 0);
        let returns = self.call(Kind::Clone, maker).number("res", named.into());
        let returns = returns.number("flags", flags);
        // What it does first may come before its maker goes on.
        let early = self.random.one_in(2);
        self.tell(begins, &[tid], &[]);
        if early {
            self.open(tid);
        }
        let about = [maker, tid];
        let known = if inside { 1 } else { 2 };
        self.tell(returns, &about[..known], &[]);
    }

    fn open(&mut self, tid: u32) {
        let (num, cloexec) = (self.free(tid), self.random.one_in(3));
        let name = format!("/file/{}", self.random.below(50)).into_bytes();
        let flags = if cloexec { open::CLOEXEC } else { 0 };
        let record = self.call(Kind::Openat, tid).number("fd", num.into());
        let record = record.number("dirfd", -100).bytes("name", &name);
        self.tell(record.number("flags", flags.into()), &[tid], &[]);
        self.table(tid).insert(num, (name, cloexec));
    }

    /// Something else that changes what is open.
    fn change(&mut self, tid: u32) {
        let free = self.free(tid);
        let numbers: Vec<u32> = self.table(tid).keys().copied().collect();
        if numbers.is_empty() {
            return self.open(tid);
        }
        let num = numbers[self.random.below(numbers.len() as u64) as usize];
        let number = i64::from(num);
        match self.random.below(7) {
            0 | 1 => {
                let record = self.call(Kind::Close, tid).number("res", 0);
                self.tell(record.number("fd", number), &[tid], &[]);
                self.table(tid).remove(&num);
            }
            2 => {
                let record = self.call(Kind::Dup, tid).number("res", free.into());
                self.tell(record.number("oldfd", number), &[tid], &[]);
                let (name, _) = self.table(tid)[&num].clone();
                self.table(tid).insert(free, (name, false));
            }
            3 => {
                let record = self.call(Kind::Socket, tid).number("fd", free.into());
                let record = record.number("domain", 2).number("type", 1);
                self.tell(record, &[tid], &[]);
                self.table(tid).insert(free, (Vec::new(), false));
            }
            4 => {
                // One that came with a message is not known, and closed at once.
                let message = [
                    &20_u64.to_ne_bytes()[..],
                    &1_u32.to_ne_bytes(),
                    &1_u32.to_ne_bytes(),
                    &free.to_ne_bytes(),
                ];
                let record = self.call(Kind::Recvmsg, tid).number("res", 1);
                let record = record.number("fd", number);
                self.tell(record.bytes("msgcontrol", &message.concat()), &[tid], &[]);
                let record = self.call(Kind::Close, tid).number("res", 0);
                self.tell(record.number("fd", free.into()), &[tid], &[]);
            }
            5 => {
                let record = self.call(Kind::CloseRange, tid).number("res", 0);
                let record = record.number("first", number).number("last", number + 2);
                self.tell(record, &[tid], &[]);
                self.table(tid).retain(|n, _| !(num..=num + 2).contains(n));
            }
            _ => {
                let record = self.call(Kind::Unshare, tid).number("res", 0);
                self.tell(record.number("flags", clone::FILES.into()), &[tid], &[]);
                self.own_table(tid);
            }
        }
    }

    /// A thread starts a program: the others end, it has the id of the process.
    fn exec(&mut self, tid: u32) {
        let pid = self.tasks[&tid].pid;
        for other in self.threads_of(pid) {
            if other != tid {
                self.exit_thread(other);
            }
        }
        let mut task = self.tasks.remove(&tid).expect("a thread");
        task.vtid = task.vpid;
        self.tasks.insert(pid, task);
        self.own_table(pid);
        self.table(pid).retain(|_, (_, cloexec)| !*cloexec);
        let record = self.call(Kind::Execve, pid).number("res", 0);
        let record = record.bytes("exe", b"/bin/true").bytes("comm", b"true");
        let ends = if tid == pid { vec![] } else { vec![tid] };
        self.tell(record, &[pid], &ends);
    }

    fn exit_thread(&mut self, tid: u32) {
        let record = self.call(Kind::Procexit, tid).number("reaper_tid", 1);
        self.tell(record, &[], &[tid]);
        self.tasks.remove(&tid);
    }

    /// A process ends, its threads in any order.
    fn exit(&mut self, pid: u32) {
        let mut threads = self.threads_of(pid);
        while !threads.is_empty() {
            let at = self.random.below(threads.len() as u64) as usize;
            self.exit_thread(threads.swap_remove(at));
        }
        for task in self.tasks.values_mut().filter(|task| task.ptid == pid) {
            task.ptid = 1;
        }
    }

    fn lives(mut self, steps: u32) -> Self {
        for _ in 0..steps {
            let tid = self.any();
            let pid = self.tasks[&tid].pid;
            match self.random.below(12) {
                0..=2 if self.tasks.len() < 40 => self.make(tid),
                3 if pid != 1 => self.exec(tid),
                4 if pid != 1 => self.exit(pid),
                5 if tid != pid => self.exit_thread(tid),
                6..=8 => self.open(tid),
                _ => self.change(tid),
            }
        }
        self
    }

    fn ends(mut self) -> Self {
        while let Some(pid) = self.tasks.values().map(|t| t.pid).find(|&pid| pid != 1) {
            self.exit(pid);
        }
        for tid in self.threads_of(1) {
            if tid != 1 {
                self.exit_thread(tid);
            }
        }
        self
    }
}

fn take_all<'t>(state: &mut State, told: impl IntoIterator<Item = &'t Told>) {
    for (num, told) in told.into_iter().enumerate() {
        take(state, &told.record, num as u64, |_, _| ());
    }
}

/// All that the state knows, in the words of the machine.
#[test]
fn without_loss_everything_is_known() {
    for seed in 1..40 {
        let machine = Machine::new(seed).lives(600);
        let mut state = State::new();
        take_all(&mut state, &machine.told);
        check(&state);
        let known: BTreeSet<u32> = state.threads().iter().map(|t| t.tid).collect();
        let there: BTreeSet<u32> = machine.tasks.keys().copied().collect();
        assert_eq!(known, there, "seed {seed}");
        for (tid, task) in &machine.tasks {
            let thread = state.thread(*tid).expect("a thread");
            let ids = (thread.pid, thread.vtid, thread.vpid, thread.pidns);
            let expected = (task.pid, task.vtid, task.vpid, task.pidns);
            assert_eq!(ids, expected, "seed {seed}, thread {tid}");
            if *tid == task.pid {
                assert_eq!(thread.ptid, task.ptid, "seed {seed}, process {tid}");
            }
            let open = state.threads().files(thread);
            let open = open.map(|files| {
                let named = files.iter().map(|(num, open)| (num, open.name().to_vec()));
                named.collect::<Vec<_>>()
            });
            let table = machine.tables[task.files].iter();
            let expected: Vec<_> = table.map(|(num, (name, _))| (*num, name.clone())).collect();
            assert_eq!(
                open.unwrap_or_default(),
                expected,
                "seed {seed}, thread {tid}"
            );
        }
    }
}

#[test]
fn without_loss_nothing_is_left() {
    let machine = Machine::new(7).lives(6000).ends();
    let mut state = State::new();
    take_all(&mut state, &machine.told);
    let left: Vec<u32> = state.threads().iter().map(|t| t.tid).collect();
    assert_eq!(left, [1]);
    assert_eq!(state.threads().all_files().len(), 1);
}

/// How far a record may come behind one that was made after it.
const WINDOW: u64 = 32;

/// In any order within a window, with any record lost, nothing is left but
/// threads whose end was lost or came before something else about them, with
/// the first threads of their processes.
#[test]
fn loss_and_disorder_leave_what_they_explain() {
    for seed in 1..30 {
        let machine = Machine::new(seed).lives(3000).ends();
        let mut random = Random(seed + 1000);
        let mut arrives: Vec<(u64, &Told)> = Vec::new();
        for (at, told) in machine.told.iter().enumerate() {
            if !random.one_in(10) {
                arrives.push((at as u64 + random.below(WINDOW), told));
            }
        }
        arrives.sort_by_key(|(at, _)| *at);
        let mut state = State::new();
        take_all(&mut state, arrives.iter().map(|(_, told)| *told));
        check(&state);
        let explained = Explained::of(arrives.iter().map(|(_, told)| *told));
        let left: BTreeSet<u32> = state.threads().iter().map(|t| t.tid).collect();
        let may_be_left =
            |tid: u32| tid == 1 || explained.may_be_left(tid) || leads_others(&state, tid);
        let unexplained: Vec<&u32> = left.iter().filter(|tid| !may_be_left(**tid)).collect();
        assert!(unexplained.is_empty(), "seed {seed}: {unexplained:?}");
    }
}

/// Whether it is the first thread of others that are left.
fn leads_others(state: &State, pid: u32) -> bool {
    let mut threads = state.threads().iter();
    threads.any(|thread| thread.pid == pid && thread.tid != pid)
}

/// When what was told of threads arrived.
#[derive(Default)]
struct Explained {
    first: BTreeMap<u32, usize>,
    last: BTreeMap<u32, usize>,
    first_end: BTreeMap<u32, usize>,
    end: BTreeMap<u32, usize>,
    process: BTreeMap<u32, u32>,
}

impl Explained {
    fn of<'t>(told: impl Iterator<Item = &'t Told>) -> Self {
        let mut this = Self::default();
        for (at, told) in told.enumerate() {
            let event = Event::decode(&told.record, 0, 0).expect("a record");
            this.process.insert(event.header.tid, event.header.pid);
            for &tid in &told.about {
                this.first.entry(tid).or_insert(at);
                this.last.insert(tid, at);
            }
            for &tid in &told.ends {
                this.first_end.entry(tid).or_insert(at);
                this.end.insert(tid, at);
            }
        }
        this
    }

    fn may_be_left(&self, tid: u32) -> bool {
        let (Some(end), Some(last)) = (self.end.get(&tid), self.last.get(&tid)) else {
            return true;
        };
        if end < last {
            return true;
        }
        // A program ends the other threads that its process is known to have:
        // not those of which something is told before its first thread is known,
        // or after that has ended.
        let Some(pid) = self.process.get(&tid).filter(|pid| **pid != tid) else {
            return false;
        };
        let (begun, ended) = (self.first.get(pid), self.first_end.get(pid));
        begun.is_none_or(|begun| Some(begun) > self.first.get(&tid))
            || ended.is_some_and(|ended| ended < last)
    }
}
