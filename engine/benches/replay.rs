//! What the replay of a capture costs: processor time for each event and peak
//! memory of the program as it is run, with rules that never match, with Falco's
//! stable rules and with all of them, beside what Falco needs; the allocations for
//! each event; and Debian's `sysdig` beside `print` and a replay of one rule with the
//! same filters.
//!
//! `cargo bench -p falco-engine --bench replay` prints one line for each set of
//! rules, with its goal. It needs the reference beside the repository or where
//! `FALCO_REFERENCE` says; `FALCO_CAPTURE` names another capture.

#[expect(dead_code, reason = "each benchmark reads some of the counters")]
mod counting;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use bumpalo::Bump;
use falco_engine::event::Event;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::rules::{LoadOptions, RuleSource, Ruleset, Scratch};
use falco_engine::source::capture::CaptureSource;
use falco_engine::source::{Batch, Source};
use falco_engine::state::State;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// How often the program is run with the same rules.
const RUNS: usize = 5;

const NEVER: &str = "- rule: Never
  desc: Matches nothing
  condition: evt.type = execve and proc.name = no-such-program
  output: \"%proc.name\"
  priority: INFO
";

/// Rules, with the goal and with what Falco 0.44 reached on the machine that the
/// goals are for, both in millions of events per second of processor time.
struct Case {
    name: &'static str,
    rules: Vec<PathBuf>,
    goal: f64,
    falco: f64,
}

/// Filters that `sysdig` and `print` both know.
const FILTERS: [&str; 2] = [
    "evt.type = execve and proc.name = no-such-program",
    "evt.type in (open, openat) and fd.name contains no-such-file",
];

/// Processor time of all programs that were run and waited for, and the most
/// memory that one of them had, in KiB.
fn children() -> (Duration, i64) {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the use of resources");
    let time = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    (Duration::from_micros(time.unsigned_abs()), usage.max_rss())
}

/// Processor time of the program until it ends.
fn time_of(command: &mut Command) -> Duration {
    let (before, _) = children();
    let run = command.stdout(Stdio::null()).stderr(Stdio::null());
    let status = run.status().expect("a program");
    assert!(status.success(), "{command:?} ended with {status}");
    children().0 - before
}

/// The quickest of several runs, which other work on the machine disturbed least.
fn quickest(mut run: impl FnMut() -> Duration) -> Duration {
    (0..RUNS).map(|_| run()).min().unwrap_or_default()
}

/// Both programs with the same filters over the same capture, written so that
/// `sysdig` can read it.
fn beside_sysdig(capture: &Path, folder: &Path, events: u64) {
    const SYSDIG: &str = "sysdig";
    let version = Command::new(SYSDIG).arg("--version").output();
    let Ok(version) = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    else {
        println!("beside sysdig: skipped: it is not installed");
        return;
    };
    let old = folder.join("old.scap");
    let mut record = Command::new(env!("CARGO_BIN_EXE_falco-engine"));
    record.args(["record", "--old-readers", "-r"]).arg(capture);
    time_of(record.arg("-w").arg(&old));
    for filter in FILTERS {
        let program = |name: &str, options: &[&str]| {
            quickest(|| time_of(Command::new(name).args(options).arg(&old).arg(filter)))
        };
        let rule = folder.join("filter.yaml");
        let text = format!(
            "- rule: filter\n  desc: d\n  condition: {filter}\n  output: o\n  priority: INFO\n"
        );
        std::fs::write(&rule, text).expect("a rule file");
        let printed = program(env!("CARGO_BIN_EXE_falco-engine"), &["print", "-r"]);
        let replayed = quickest(|| replay(&old, std::slice::from_ref(&rule)));
        let theirs = program(SYSDIG, &["-r"]);
        let speed = |time: Duration| events as f64 / time.as_secs_f64() / 1e6;
        println!(
            "`{filter}`: {}: {:.2} million events per second of processor time",
            version.trim(),
            speed(theirs)
        );
        for (what, ours) in [("print", printed), ("as a rule", replayed)] {
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
            println!("    {what}: {:.2}, ratio {ratio:.1}", speed(ours));
        }
    }
}

/// Processor time of one replay as a user runs it, the start included.
fn replay(capture: &Path, rules: &[PathBuf]) -> Duration {
    let option = |name: &str, value: &Path| {
        let mut option = OsString::from(name);
        option.push("=");
        option.push(value);
        option
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-engine"));
    command.args(["-c", "/dev/null", "-o", "engine.kind=replay", "-o"]);
    command.arg(option("engine.replay.capture_file", capture));
    command.args(["-o", "stdout_output.enabled=false", "-o"]);
    command.args([
        "syslog_output.enabled=false",
        "-o",
        "file_output.enabled=true",
        "-o",
    ]);
    command.arg(option("file_output.filename", Path::new("/dev/null")));
    for rules in rules {
        command.arg("-r").arg(rules);
    }
    time_of(&mut command)
}

/// Events, and allocations of source, state and conditions for them. Alerts
/// allocate, so only rules that never match are of interest.
fn allocations(capture: &Path, rules: &str) -> (u64, usize) {
    let source = RuleSource {
        text: rules.to_owned(),
        path: "never.yaml".to_owned(),
    };
    let fields = FieldTable::new(FIELDS);
    let loaded = Ruleset::load(&[source], &fields, &LoadOptions::default());
    let ruleset = loaded.ruleset.expect("rules");
    let mut source = CaptureSource::open(capture).expect("a capture");
    let mut state = State::new();
    source.restore(&mut state).expect("a state");
    let mut scratch = Scratch::default();
    let mut arena = Bump::with_capacity(1 << 16);
    let before = counting::memory().allocations;
    loop {
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            if !event.is_internal() && ruleset.wants(&event) {
                ruleset.evaluate(&state.context(&event, &arena), &mut scratch, &mut |_, _| {});
                arena.reset();
            }
            state.after(&event);
        });
        match batch.expect("events") {
            Batch::Some | Batch::Nothing => {}
            Batch::Section | Batch::End => break,
        }
    }
    let count = counting::memory().allocations - before;
    (source.counters().expect("counters").records, count)
}

/// The capture, decompressed into `folder`, so that reading alone is measured.
fn decompressed(reference: &Path, folder: &Path) -> Option<PathBuf> {
    if let Some(capture) = std::env::var_os("FALCO_CAPTURE") {
        return Some(capture.into());
    }
    let packed = reference.join("captures/bench-falco.scap.zst");
    let Ok(file) = File::open(&packed) else {
        println!("skipped: there is no {}", packed.display());
        return None;
    };
    let path = folder.join("bench.scap");
    let mut reader = ruzstd::decoding::StreamingDecoder::new(BufReader::new(file)).expect("zstd");
    io::copy(&mut reader, &mut File::create(&path).expect("a file")).expect("a copy");
    Some(path)
}

fn main() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let reference =
        std::env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder");
    let Some(capture) = decompressed(&reference, folder.path()) else {
        return;
    };
    let never = folder.path().join("never.yaml");
    std::fs::write(&never, NEVER).expect("a rule file");
    let upstream = |name: &str| reference.join(format!("rules/{name}_rules.yaml"));
    let all = ["falco", "falco-incubating", "falco-sandbox"].map(upstream);
    let case = |name, rules: &[PathBuf], goal, falco| Case {
        name,
        rules: rules.to_vec(),
        goal,
        falco,
    };
    // From little to much memory: what is told is the most that any run had.
    let cases = [
        case("a rule that never matches", &[never], 8.9, 1.79),
        case("the stable rules", &all[..1], 4.5, 0.91),
        case("all rules", &all, 3.4, 0.34),
    ];
    let (events, count) = allocations(&capture, NEVER);
    let each = count as f64 / events as f64;
    println!("{events} events, {each:.3} allocations each when all go through the state");
    for Case {
        name,
        rules,
        goal,
        falco,
    } in cases
    {
        if let Some(missing) = rules.iter().find(|path| !path.exists()) {
            println!("{name}: skipped: there is no {}", missing.display());
            continue;
        }
        let speed = events as f64 / quickest(|| replay(&capture, &rules)).as_secs_f64() / 1e6;
        println!(
            "{name}: {speed:.2} million events per second of processor time (goal: > {goal}), \
             {:.1} times Falco's {falco}, at most {:.1} MiB (goal: < 13)",
            speed / falco,
            children().1 as f64 / 1024.0
        );
    }
    beside_sysdig(&capture, folder.path(), events);
}
