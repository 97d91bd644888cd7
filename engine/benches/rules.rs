//! What rules cost: loading them, evaluating them, and the memory that both
//! need. Rules and events are Falco's own and those of its captures where the
//! reference lies beside the repository (or where `FALCO_REFERENCE` says), else
//! the rules that are shipped and events of a made-up node.
//!
//! `cargo bench -p falco-engine --bench rules` prints one line for each
//! measure, with its goal.

#[expect(dead_code, reason = "each benchmark reads some of the counters")]
mod counting;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use falco_abi::event::Event as Kind;
use falco_abi::syscall::SYSCALLS;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::{LoadOptions, RuleSource, Ruleset, Scratch};
use falco_engine::source::capture::CaptureSource;
use falco_engine::source::{Batch, Source};
use falco_engine::state::State;

fn reference() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    std::env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from)
}

fn upstream() -> Vec<RuleSource> {
    let folder = reference();
    let names = [
        "falco_rules",
        "falco-incubating_rules",
        "falco-sandbox_rules",
    ];
    let files = names.map(|name| folder.join("rules").join(format!("{name}.yaml")));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/falco_rules.yaml");
    let files = match files.iter().all(|file| file.exists()) {
        true => files.to_vec(),
        false => {
            println!("the shipped rules are measured: the reference is not there");
            vec![PathBuf::from(shipped)]
        }
    };
    let read = |file: PathBuf| RuleSource {
        text: std::fs::read_to_string(&file).expect("a rule file"),
        path: file.display().to_string(),
    };
    files.into_iter().map(read).collect()
}

fn load(sources: &[RuleSource]) -> Ruleset {
    let loaded = Ruleset::load(sources, &FieldTable::new(FIELDS), &LoadOptions::default());
    let shown = loaded.diagnostics.iter().map(ToString::to_string);
    loaded
        .ruleset
        .unwrap_or_else(|| panic!("{}", shown.collect::<Vec<_>>().join("\n")))
}

/// The quickest of several runs, which other work on the machine disturbed
/// least.
fn quickest(runs: usize, mut run: impl FnMut()) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

fn syscall(name: &str) -> u32 {
    let call = SYSCALLS.iter().find(|call| call.name == name);
    u32::from(call.expect("a system call").number())
}

/// Programs of a node: what each starts as.
const PROGRAMS: [(&str, &str, &str); 8] = [
    ("nginx", "/usr/sbin/nginx", "-g\0daemon off;\0"),
    (
        "postgres",
        "/usr/lib/postgresql/bin/postgres",
        "-D\0/var/lib/pg\0",
    ),
    ("python3", "/usr/bin/python3.13", "app.py\0"),
    ("java", "/opt/java/bin/java", "-Xmx2g\0-jar\0svc.jar\0"),
    ("bash", "/usr/bin/bash", "-c\0date; ls /tmp\0"),
    ("node", "/usr/bin/node", "server.js\0"),
    (
        "kubelet",
        "/usr/bin/kubelet",
        "--config=/var/lib/kubelet/config.yaml\0",
    ),
    ("systemd-journald", "/usr/lib/systemd/systemd-journald", ""),
];

/// Paths that they open.
const PATHS: [&str; 10] = [
    "/etc/ld.so.cache",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/proc/self/status",
    "/var/log/app/access.log",
    "/var/lib/pg/base/16384/2619",
    "/usr/share/zoneinfo/UTC",
    "/app/static/index.html",
    "/dev/null",
    "/sys/fs/cgroup/memory.current",
    "/tmp/cache-8f3a.tmp",
];

/// Calls without parameters of their own, as often as they are seen.
const GENERIC: [&str; 12] = [
    "read",
    "write",
    "close",
    "futex",
    "epoll_wait",
    "recvfrom",
    "sendto",
    "mmap",
    "fstat",
    "nanosleep",
    "getpid",
    "lseek",
];

fn execve(pid: u32) -> Vec<u8> {
    let (comm, exe, args) = PROGRAMS[pid as usize % PROGRAMS.len()];
    RecordBuilder::new(Kind::Execve, pid)
        .header(|header| header.syscall = syscall("execve"))
        .number("res", 0)
        .bytes("comm", comm.as_bytes())
        .bytes("exe", exe.as_bytes())
        .bytes("trusted_exepath", exe.as_bytes())
        .bytes("args", args.as_bytes())
        .number("tid", pid.into())
        .number("pid", pid.into())
        .number("ptid", i64::from(pid.saturating_sub(8)))
        .number("uid", 1000)
        .number("tty", 0)
        .build()
}

/// The mix of calls of a node that works: of a thousand events about six
/// hundred have no parameters, two hundred and fifty open files.
fn mix() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for at in 0..1000_u32 {
        let pid = 100 + at % 64;
        let path = PATHS[at as usize % PATHS.len()];
        let generic = GENERIC[at as usize % GENERIC.len()];
        records.push(match at * 7 % 100 {
            0..60 => RecordBuilder::new(Kind::Syscall, pid)
                .header(|header| header.syscall = syscall(generic))
                .build(),
            60..85 => RecordBuilder::new(Kind::Openat, pid)
                .header(|header| header.syscall = syscall("openat"))
                .number("fd", 3 + i64::from(at % 30))
                .number("dirfd", -100)
                .bytes("name", path.as_bytes())
                .number("flags", if at % 9 == 0 { 2 } else { 1 })
                .number("ino", at.into())
                .build(),
            85..89 => {
                let mut tuple = vec![falco_abi::event::sockaddr::INET];
                tuple.extend_from_slice(&[10, 0, 0, 5, 0x10, 0x27, 10, 96, 0, 10, 0xbb, 1]);
                RecordBuilder::new(Kind::Connect, pid)
                    .header(|header| header.syscall = syscall("connect"))
                    .number("res", 0)
                    .number("fd", 5)
                    .bytes("tuple", &tuple)
                    .build()
            }
            89..92 => RecordBuilder::new(Kind::Unlinkat, pid)
                .header(|header| header.syscall = syscall("unlinkat"))
                .number("res", 0)
                .number("dirfd", -100)
                .bytes("name", b"/tmp/cache-8f3a.tmp")
                .build(),
            92..94 => RecordBuilder::new(Kind::Rename, pid)
                .header(|header| header.syscall = syscall("rename"))
                .number("res", 0)
                .bytes("oldpath", b"/tmp/a")
                .bytes("newpath", b"/tmp/b")
                .build(),
            94..96 => RecordBuilder::new(Kind::Fchmodat, pid)
                .header(|header| header.syscall = syscall("fchmodat"))
                .number("res", 0)
                .number("dirfd", -100)
                .bytes("filename", b"/tmp/a")
                .number("mode", 0o644)
                .build(),
            96..98 => RecordBuilder::new(Kind::Kill, pid)
                .header(|header| header.syscall = syscall("kill"))
                .number("res", 0)
                .build(),
            _ => execve(pid),
        });
    }
    records
}

fn state() -> State {
    let mut state = State::new();
    for pid in 1..164 {
        let record = execve(pid);
        let event = Event::decode(&record, 1, 0).expect("a record");
        state.before(&event);
        state.after(&event);
    }
    state
}

struct Speed {
    per_second: f64,
    allocations: usize,
    alerts: usize,
    tried: usize,
}

/// Evaluates the rules over the mix on this core.
fn speed(ruleset: &Ruleset, records: &[Vec<u8>], state: &State) -> Speed {
    let mut events = Vec::with_capacity(records.len());
    for (at, record) in records.iter().enumerate() {
        events.push(Event::decode(record, at as u64 + 1, 1).expect("a record"));
    }
    let tried = events.iter().filter(|event| ruleset.wants(event)).count();
    let mut scratch = Scratch::default();
    let mut arena = Bump::with_capacity(1 << 16);
    let mut alerts = 0;
    let mut pass = |alerts: &mut usize| {
        for event in &events {
            if ruleset.wants(event) {
                let context = state.context(event, &arena);
                ruleset.evaluate(&context, &mut scratch, &mut |_, _| *alerts += 1);
                arena.reset();
            }
        }
    };
    pass(&mut alerts);
    let before = counting::memory().allocations;
    let mut again = 0;
    pass(&mut again);
    let allocations = counting::memory().allocations - before;
    const PASSES: u32 = 50;
    let took = quickest(7, || (0..PASSES).for_each(|_| pass(&mut alerts)));
    let count = f64::from(PASSES) * events.len() as f64;
    Speed {
        per_second: count / took.as_secs_f64(),
        allocations,
        alerts: again,
        tried,
    }
}

/// A capture whose events are in memory, in the form in which rules see them.
struct Recording {
    path: PathBuf,
    records: Vec<(u64, Vec<u8>)>,
}

impl Recording {
    /// The captures of the reference that are there.
    fn all() -> Vec<Self> {
        let names = ["bench-falco.scap.zst", "scen-a.scap"];
        let paths = names.map(|name| reference().join("captures").join(name));
        let there = paths.into_iter().filter(|path| path.exists());
        there.map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let (mut source, _) = Self::start(&path);
        let mut records = Vec::new();
        loop {
            let batch = source.read(Duration::ZERO, &mut |num, record| {
                records.push((num, record.to_vec()));
            });
            match batch.expect("events") {
                Batch::Some | Batch::Nothing => {}
                Batch::Section | Batch::End => return Self { path, records },
            }
        }
    }

    /// The capture, and what was known when it begins.
    fn start(path: &Path) -> (CaptureSource, State) {
        let mut source = CaptureSource::open(path).expect("a capture");
        let mut state = State::new();
        source.restore(&mut state).expect("a state");
        (source, state)
    }

    /// Takes all events through the state; calls for each that rules may see.
    fn replay(&self, mut each: impl FnMut(&Event<'_>, &State)) -> Duration {
        let (_, mut state) = Self::start(&self.path);
        let start = Instant::now();
        for (num, record) in &self.records {
            let event = Event::decode(record, *num, 0).expect("a record");
            state.before(&event);
            if !event.is_internal() {
                each(&event, &state);
            }
            state.after(&event);
        }
        start.elapsed()
    }
}

/// What one replay did.
#[derive(Default)]
struct Counts {
    tried: usize,
    /// Those of them that made no alert.
    quiet: usize,
    /// Allocations for these.
    allocations: usize,
    alerts: usize,
}

/// Evaluates the rules over recorded events on this core. What decoding and the
/// state cost is measured by itself and taken off, because the rules need the
/// state of each moment.
fn recorded(ruleset: &Ruleset, recording: &Recording) {
    let mut scratch = Scratch::default();
    let mut arena = Bump::with_capacity(1 << 16);
    let mut counts = Counts::default();
    // Memory grows to what it needs once: the second time counts.
    for _ in 0..2 {
        counts = Counts::default();
        recording.replay(|event, state| {
            if ruleset.wants(event) {
                counts.tried += 1;
                let before = (counting::memory().allocations, counts.alerts);
                let context = state.context(event, &arena);
                ruleset.evaluate(&context, &mut scratch, &mut |_, _| counts.alerts += 1);
                arena.reset();
                if counts.alerts == before.1 {
                    counts.quiet += 1;
                    counts.allocations += counting::memory().allocations - before.0;
                }
            }
        });
    }
    let Counts {
        tried,
        quiet,
        allocations,
        ..
    } = counts;
    const RUNS: usize = 5;
    let runs = (0..RUNS).map(|_| recording.replay(|_, _| {}));
    let state = runs.min().unwrap_or_default();
    let runs = (0..RUNS).map(|_| {
        recording.replay(|event, state| {
            if ruleset.wants(event) {
                let context = state.context(event, &arena);
                ruleset.evaluate(&context, &mut scratch, &mut |_, alert| {
                    drop(black_box(alert));
                });
                arena.reset();
            }
        })
    });
    let both = runs.min().unwrap_or_default();
    let took = both.saturating_sub(state).as_secs_f64();
    let events = recording.records.len();
    println!(
        "evaluation over {}: {:.2} million events/s (goal: > 2); {tried} of {events} events \
         tried on rules, {:.2} million/s of these",
        recording.path.file_name().unwrap_or_default().display(),
        events as f64 / took / 1e6,
        tried as f64 / took / 1e6,
    );
    println!("allocations: {allocations} for {quiet} events tried without alert (goal: 0)");
}

/// Rules and lists as a large organisation might generate them.
fn many() -> Vec<RuleSource> {
    let mut text = String::new();
    for list in 0..4 {
        // Writing to a string cannot fail.
        let _ = write!(text, "- list: names_{list}\n  items: [");
        for item in 0..25_000 {
            let _ = write!(text, "program-{list}-{item}, ");
        }
        text.push_str("end]\n");
    }
    text.push_str("- macro: spawned\n  condition: evt.type in (execve, execveat)\n");
    for rule in 0..10_000 {
        let list = rule % 4;
        let _ = write!(
            text,
            "- rule: Rule {rule}\n  desc: d\n  condition: spawned and proc.name = name-{rule} \
             and not proc.pname in (names_{list})\n  output: \"%proc.name %proc.cmdline\"\n  \
             priority: INFO\n"
        );
    }
    vec![RuleSource {
        path: "many.yaml".to_owned(),
        text,
    }]
}

fn main() {
    let sources = upstream();
    // Nothing but the evaluation of recorded events.
    if std::env::args().any(|argument| argument == "recorded") {
        let ruleset = load(&sources);
        Recording::all()
            .iter()
            .for_each(|recording| recorded(&ruleset, recording));
        return;
    }
    // Nothing but the evaluation, for a profiler.
    if std::env::args().any(|argument| argument == "evaluate") {
        let (ruleset, records, state) = (load(&sources), mix(), state());
        let runs = std::env::args().find_map(|argument| argument.parse().ok());
        for _ in 0..runs.unwrap_or(10) {
            let found = speed(&ruleset, &records, &state);
            println!("{:.2} million events/s", found.per_second / 1e6);
        }
        return;
    }
    // What each kind of event costs.
    if std::env::args().any(|argument| argument == "kinds") {
        let (ruleset, records, state) = (load(&sources), mix(), state());
        let kind = |record: &Vec<u8>| Event::decode(record, 1, 1).expect("a record").kind;
        let mut kinds: Vec<_> = records.iter().map(kind).collect();
        kinds.sort_unstable_by_key(|kind| *kind as usize);
        kinds.dedup();
        for own in kinds {
            let records: Vec<_> = records.iter().filter(|r| kind(r) == own).cloned().collect();
            let found = speed(&ruleset, &records, &state);
            let nanoseconds = 1e9 / found.per_second;
            println!("{:?}: {nanoseconds:.0} ns each of {}", own, records.len());
        }
        return;
    }
    let took = quickest(10, || drop(load(&sources)));
    println!(
        "load of the rule files: {:.1} ms (goal: < 50)",
        took.as_secs_f64() * 1e3
    );

    let ruleset = load(&sources);
    let recordings = Recording::all();
    if recordings.is_empty() {
        println!(
            "no recorded events: there are no captures in {}",
            reference().display()
        );
    }
    for recording in &recordings {
        recorded(&ruleset, recording);
    }
    drop(recordings);
    let (records, state) = (mix(), state());
    let found = speed(&ruleset, &records, &state);
    println!(
        "evaluation over a made-up mix: {:.2} million events/s (goal: > 2), {} of {} events tried",
        found.per_second / 1e6,
        found.tried,
        records.len()
    );
    println!(
        "allocations: {} for {} events, of which {} made an alert (goal: 0 without alert)",
        found.allocations,
        records.len(),
        found.alerts
    );
    let mut unshared = load(&sources);
    unshared.share_nothing();
    let alone = speed(&unshared, &records, &state);
    println!(
        "shared against unshared evaluation: {:.2} times as fast",
        found.per_second / alone.per_second
    );
    assert_eq!(found.alerts, alone.alerts);

    let sources = many();
    let start = Instant::now();
    let (ruleset, most) = counting::peak(|| load(&sources));
    let took = start.elapsed();
    println!(
        "10,000 rules, lists of 100,000 entries: {:.2} s (goal: < 2), {} MiB (goal: < 200)",
        took.as_secs_f64(),
        most >> 20
    );
    let found = speed(&ruleset, &records, &state);
    println!(
        "evaluation of these: {:.2} million events/s",
        found.per_second / 1e6
    );
}
