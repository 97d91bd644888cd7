//! After a loss the state is what the proc file system tells, and what it took
//! from there is marked. How long that takes is what `benches/state.rs` measures.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, Instant};

use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::state::{State, Thread};
use machine::Root;

/// As long as healing may take on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

fn apply(state: &mut State, record: RecordBuilder) {
    let record = record.build();
    let event = Event::decode(&record, 1, 0).expect("a record");
    state.before(&event);
    state.after(&event);
}

/// Tells that records were lost, and waits until that is mended.
fn lose(state: &mut State) {
    apply(state, RecordBuilder::new(Kind::Lost, 0).number("exec", 1));
    assert!(state.is_healing());
    let begun = Instant::now();
    while state.is_healing() {
        assert!(begun.elapsed() < PATIENCE, "not healed");
        state.heal_on();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A process of the machine that runs the program of this name.
fn process(root: &Root, pid: u32, ptid: u32, program: &str) {
    root.process(pid, pid, ptid, program);
    let path = root.0.join("bin").join(program);
    if !path.exists() {
        root.write(&format!("bin/{program}"), program);
    }
    let link = root.0.join(format!("proc/{pid}/exe"));
    let _ = std::fs::remove_file(&link);
    symlink(path, link).expect("a link");
}

fn end(root: &Root, pid: u32) {
    std::fs::remove_dir_all(root.0.join(format!("proc/{pid}"))).expect("a process");
}

fn inode(root: &Root, program: &str) -> i64 {
    let meta = std::fs::metadata(root.0.join("bin").join(program)).expect("a program");
    meta.ino().cast_signed()
}

fn fork(state: &State, maker: u32, tid: u32) -> RecordBuilder {
    let start = state.thread(1).expect("the first").start;
    RecordBuilder::new(Kind::TaskNew, maker)
        .number("tid", i64::from(tid))
        .number("pid", i64::from(tid))
        .number("ptid", i64::from(maker))
        .number("start", start.cast_signed())
}

fn exec(root: &Root, tid: u32, program: &str) -> RecordBuilder {
    RecordBuilder::new(Kind::Execve, tid)
        .number("res", 0)
        .bytes("exe", program.as_bytes())
        .bytes("comm", program.as_bytes())
        .bytes("args", b"-x\0")
        .number("exe_ino", inode(root, program))
}

fn exit(tid: u32) -> RecordBuilder {
    RecordBuilder::new(Kind::Procexit, tid).number("reaper_tid", 1)
}

#[test]
fn what_differs_is_corrected_and_marked() {
    let root = Root::new("corrected");
    for (pid, ptid, program) in [
        (1, 0, "init"),
        (20, 1, "bash"),
        (30, 20, "cat"),
        (40, 20, "ls"),
    ] {
        process(&root, pid, ptid, program);
    }
    let mut state = root.state();
    assert_eq!(state.scan(), 4);
    assert!(state.threads().iter().all(|t| !t.guessed));
    // Nobody tells what happens now.
    process(&root, 20, 1, "sshd");
    end(&root, 30);
    process(&root, 50, 20, "new");
    lose(&mut state);
    let changed = state.thread(20).expect("20");
    assert_eq!((changed.comm(), changed.guessed), (&b"sshd"[..], true));
    assert!(state.thread(30).is_none());
    let new = state.thread(50).expect("50");
    assert_eq!((new.ptid, new.guessed), (20, true));
    assert!(!state.thread(40).expect("40").guessed);
    let counters = state.counters();
    assert_eq!(
        (counters.corrected, counters.healed, counters.swept),
        (1, 1, 1)
    );
    // What an event tells is no guess.
    apply(&mut state, exec(&root, 20, "cat"));
    assert!(!state.thread(20).expect("20").guessed);
}

#[test]
fn an_end_that_is_told_late_is_no_beginning() {
    let root = Root::new("late");
    process(&root, 1, 0, "init");
    process(&root, 20, 1, "bash");
    let mut state = root.state();
    state.scan();
    // It ended, but nobody asked how: it is still there.
    root.write(
        "proc/20/stat",
        "20 (bash) Z 1 1 1 0 1 0 1 0 1 0 0 0 0 0 20 0 1 0 100 1 1",
    );
    lose(&mut state);
    assert!(state.thread(20).is_none());
    lose(&mut state);
    assert!(state.thread(20).is_none());
}

#[test]
fn descriptors_are_those_that_are_open() {
    let root = Root::new("descriptors");
    process(&root, 1, 0, "init");
    process(&root, 20, 1, "bash");
    root.write("file", "");
    let descriptor = |num: u32, target: &str| {
        let link = root.0.join(format!("proc/20/fd/{num}"));
        std::fs::create_dir_all(link.parent().expect("a directory")).expect("a directory");
        symlink(target, link).expect("a link");
    };
    let file = root.0.join("file");
    let file = file.to_str().expect("a path");
    let mut state = root.state();
    state.scan();
    for num in [3, 4] {
        let open = RecordBuilder::new(Kind::Openat, 20)
            .header(|h| h.pid = 20)
            .number("fd", num)
            .number("dirfd", -100)
            .bytes("name", b"/before");
        apply(&mut state, open);
    }
    descriptor(3, file);
    descriptor(5, "pipe:[77]");
    lose(&mut state);
    let files = state.threads().files(state.thread(20).expect("20"));
    let files = files.expect("a table");
    let open: Vec<u32> = files.iter().map(|(num, _)| num).collect();
    assert_eq!(open, [3, 5]);
    assert_eq!(files.get(5).expect("a pipe").ino, 77);
}

/// Numbers that look like chance, and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A process as it is.
#[derive(Clone, Debug, PartialEq)]
struct Truth {
    parent: u32,
    program: String,
    /// Paths by number.
    open: BTreeMap<u32, String>,
}

/// What the state knows of all processes.
fn known(state: &State) -> BTreeMap<u32, Truth> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let process = |t: &Thread| {
        let files = state.threads().files(t).into_iter();
        let open = files.flat_map(|files| files.iter().map(|(num, d)| (num, text(d.name()))));
        let truth = Truth {
            parent: t.ptid,
            program: text(t.comm()),
            open: open.collect(),
        };
        (t.pid, truth)
    };
    state.threads().iter().map(process).collect()
}

/// All that healing compares, and whether it is marked.
fn compared(state: &State) -> BTreeMap<u32, (String, bool)> {
    let all = state.threads().iter().map(|t| {
        let program = (t.comm(), t.exe(), &t.image.args, t.image.ino, &t.cwd);
        let users = (t.uid, t.gid, t.ruid, t.rgid, t.loginuid, t.caps);
        let groups = (t.ptid, t.sid, t.pgid, t.vpgid, t.tty);
        let container = t.container.as_ref().map(|c| c.id());
        let text = format!("{program:?} {users:?} {groups:?} {container:?}");
        (t.pid, (text, t.guessed))
    });
    all.collect()
}

/// The parts of it that belong to the process, of which `guessed` is told.
fn of_process(truth: &Truth) -> (u32, &str) {
    (truth.parent, &truth.program)
}

fn guessed(state: &State) -> BTreeSet<u32> {
    let guessed = state.threads().iter().filter(|t| t.guessed);
    guessed.map(|t| t.pid).collect()
}

/// How far a record may come behind one that was made after it.
const WINDOW: usize = 16;

/// Whatever is lost, and in whichever order the rest comes: afterwards the state
/// knows the processes that there are, their parents, their programs and what
/// they have open, and which of them it knows from the proc file system.
#[test]
fn any_loss_is_healed() {
    const PROGRAMS: [&str; 4] = ["cat", "ls", "make", "sh"];
    let mut unchanged = 0;
    for seed in 1..9 {
        let mut random = Random(seed);
        let root = Root::new(&format!("any-{seed}"));
        process(&root, 1, 0, "init");
        for program in PROGRAMS {
            root.write(&format!("bin/{program}"), program);
        }
        let mut state = root.state();
        state.scan();
        let init = Truth {
            parent: 0,
            program: "init".to_owned(),
            open: BTreeMap::new(),
        };
        let mut truth = BTreeMap::from([(1, init)]);
        let mut records = Vec::new();
        for tid in 100..250 {
            let alive: Vec<u32> = truth.keys().copied().collect();
            let maker = alive[random.below(alive.len())];
            records.push(fork(&state, maker, tid));
            let mut child = Truth {
                parent: maker,
                ..truth[&maker].clone()
            };
            if random.below(3) > 0 {
                let program = PROGRAMS[random.below(PROGRAMS.len())];
                records.push(exec(&root, tid, program));
                program.clone_into(&mut child.program);
            }
            for _ in 0..random.below(3) {
                let (num, path) = (random.below(6) as u32, format!("/file/{}", random.below(9)));
                let opens = RecordBuilder::new(Kind::Openat, tid).number("fd", num.into());
                records.push(opens.number("dirfd", -100).bytes("name", path.as_bytes()));
                child.open.insert(num, path);
            }
            truth.insert(tid, child);
            if alive.len() > 20 {
                let dead = alive[1 + random.below(alive.len() - 1)];
                records.push(exit(dead));
                truth.remove(&dead);
                for process in truth.values_mut().filter(|p| p.parent == dead) {
                    process.parent = 1;
                }
            }
        }
        let arrive = |at: usize, random: &mut Random| at + random.below(WINDOW);
        let mut records: Vec<_> = records
            .into_iter()
            .enumerate()
            .filter_map(|(at, record)| {
                (random.below(4) > 0).then(|| (arrive(at, &mut random), record))
            })
            .collect();
        records.sort_by_key(|(at, _)| *at);
        for (&pid, process) in truth.iter().skip(1) {
            self::process(&root, pid, process.parent, &process.program);
            for (num, path) in &process.open {
                let link = root.0.join(format!("proc/{pid}/fd/{num}"));
                std::fs::create_dir_all(link.parent().expect("a directory")).expect("one");
                symlink(path, link).expect("a link");
            }
        }
        for (_, record) in records {
            apply(&mut state, record);
        }
        let (before, all_before) = (known(&state), compared(&state));
        lose(&mut state);
        let after = known(&state);
        for (pid, process) in &truth {
            let found = after.get(pid).map(of_process);
            assert_eq!(found, Some(of_process(process)), "seed {seed}, {pid}");
            // Of one that has nothing open nobody can tell whether it may be read.
            if !process.open.is_empty() {
                assert_eq!(after[pid].open, process.open, "seed {seed}, {pid}");
            }
            let right = before.get(pid).map(of_process) == Some(of_process(process));
            assert!(
                right || guessed(&state).contains(pid),
                "seed {seed}, {pid}: known before as {:?}",
                before.get(pid)
            );
        }
        assert_eq!(after.len(), truth.len(), "seed {seed}");
        // What was right, and still is, is no guess.
        for (pid, (after, marked)) in compared(&state) {
            if let Some((before, marked_before)) = all_before.get(&pid)
                && *before == after
            {
                assert_eq!(marked, *marked_before, "seed {seed}, {pid}: {after}");
                unchanged += 1;
            }
        }
    }
    assert!(unchanged > 20, "{unchanged} were right");
}
