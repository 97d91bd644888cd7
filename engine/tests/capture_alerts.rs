//! Captures that alerts begin (`capture:` in the configuration).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::recording::{Options, Writer};
use falco_engine::source::capture::Machine;
use falco_engine::state::{Image, State, Thread};

const START: u64 = 1_700_000_000_000_000_000;
const MILLISECOND: u64 = 1_000_000;

/// Events of the capture.
const EVENTS: u64 = 1000;

const RULES: &str = "
- rule: at 300
  desc: d
  condition: evt.type = openat and fd.name = /f/300
  output: out
  priority: INFO
  capture: true
- rule: at 310
  desc: d
  condition: evt.type = openat and fd.name = /f/310
  output: out
  priority: INFO
  capture: true
  capture_duration: 20
- rule: at 600
  desc: d
  condition: evt.type = openat and fd.name = /f/600
  output: out
  priority: INFO
";

/// Those with much data, two MiB together.
const FILLING: std::ops::Range<u64> = 700..735;

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let step = || {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// A thread opens a file every millisecond; until the 250th it is `early`, which
/// then becomes `late`.
fn write(path: &Path) {
    let mut state = State::new();
    let mut thread = Thread::new(40, 40);
    thread.run(b"early", Image::default());
    state.add_thread(thread);
    state.link();
    let out = fs::File::create(path).expect("a file");
    let machine = Machine::default();
    let mut writer =
        Writer::new(Box::new(out), Options::default(), &machine, &state).expect("a start");
    for num in 1..=EVENTS {
        let record = match num {
            250 => RecordBuilder::new(Kind::Execve, 40)
                .number("res", 0)
                .number("tid", 40)
                .number("pid", 40)
                .bytes("exe", b"late")
                .bytes("comm", b"late"),
            // Nothing that could be compressed.
            num if FILLING.contains(&num) => RecordBuilder::new(Kind::Read, 40)
                .number("res", 60_000)
                .number("fd", 3)
                .bytes("data", &noise(num, 60_000)),
            num => RecordBuilder::new(Kind::Openat, 40)
                .number("fd", 3)
                .number("dirfd", -100)
                .bytes("name", format!("/f/{num}").as_bytes()),
        };
        let record = record.header(|header| header.ts = START + num * MILLISECOND);
        let record = record.build();
        let event = Event::decode(&record, num, 0).expect("a record");
        state.before(&event);
        writer.event(&event, &state, false).expect("an event");
        state.after(&event);
    }
    writer.finish().expect("an end");
}

struct Done {
    folder: tempfile::TempDir,
    stdout: String,
    stderr: String,
}

fn run(config: &str) -> Done {
    run_with(config, &[])
}

fn run_with(config: &str, arguments: &[&str]) -> Done {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write(&path("input.scap"));
    fs::write(path("rules.yaml"), RULES).expect("rules");
    let prefix = path("out");
    let config = format!(
        "stdout_output: {{enabled: true}}\ncapture:\n  path_prefix: {}\n{config}",
        prefix.display()
    );
    fs::write(path("falco.yaml"), config).expect("a configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(["-c", "falco.yaml", "-r", "rules.yaml", "-e", "input.scap"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    Done {
        stdout: text(&output.stdout),
        stderr,
        folder,
    }
}

impl Done {
    /// The captures, oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).expect("a folder");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str());
                name.is_some_and(|name| name.starts_with("out_"))
            })
            .collect();
        files.sort();
        files
    }

    /// Process and file of each event of each capture, and the numbers of its
    /// first and last file.
    fn events(&self) -> Vec<Vec<(String, u64)>> {
        let read = |path: &PathBuf| {
            let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
                .args(["print", "-p", "%proc.name %evt.arg.name", "-r"])
                .arg(path)
                .output()
                .expect("the program");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let line = |line: &str| {
                let (process, file) = line.split_once(" /f/").expect("a file");
                (process.to_owned(), file.parse().expect("a number"))
            };
            text.lines().map(line).collect()
        };
        self.files().iter().map(read).collect()
    }

    fn ranges(&self) -> Vec<(u64, u64)> {
        let range = |events: &Vec<(String, u64)>| {
            let all: Vec<u64> = events.iter().map(|event| event.1).collect();
            assert!(all.is_sorted(), "{all:?}");
            (all[0], all[all.len() - 1])
        };
        self.events().iter().map(range).collect()
    }
}

#[test]
fn alerts_begin_captures_and_make_them_longer() {
    let done = run("  enabled: true\n  default_duration: 15\n");
    // Until 15 ms after the first alert, or 20 ms after the second.
    assert_eq!(done.ranges(), [(300, 329)]);
    let file = &done.files()[0];
    let time = START + 300 * MILLISECOND;
    let name = format!("out_{time:020}_{:020}.scap", 300);
    assert_eq!(file.file_name().expect("a name"), &*name);
    let mode = fs::metadata(file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let start = fs::read(file).expect("a file");
    assert_eq!(start[..2], [0x1F, 0x8B], "it is compressed");
    assert!(
        done.stderr.contains(&format!("{name}: 30 events")),
        "{}",
        done.stderr
    );
}

#[test]
fn all_rules_or_none() {
    let done = run("  enabled: true\n  mode: all_rules\n  default_duration: 5\n");
    assert_eq!(done.ranges(), [(300, 304), (310, 329), (600, 604)]);
    assert_eq!(run("  mode: all_rules\n").files(), [] as [PathBuf; 0]);
}

#[test]
fn a_number_of_events_is_a_limit() {
    let done = run("  enabled: true\n  max_events: 4\n");
    assert_eq!(done.ranges(), [(300, 303), (310, 313)]);
}

#[test]
fn a_size_is_a_limit_that_is_told() {
    let done = run("  enabled: true\n  max_file_size_mb: 1\n  default_duration: 100000\n");
    let (first, last) = done.ranges()[0];
    assert!(first == 300 && (699..EVENTS).contains(&last), "{last}");
    let alert = "Informational Falco internal: capture size limit reached. A capture has ";
    assert_eq!(done.stdout.matches(alert).count(), 1, "{}", done.stdout);
    // Without a limit there is none.
    let done = run("  enabled: true\n  default_duration: 100000\n");
    assert_eq!(done.ranges(), [(300, EVENTS)]);
    assert!(!done.stdout.contains("size limit"), "{}", done.stdout);
}

#[test]
fn events_before_the_alert_know_what_was_known_then() {
    let done = run("  enabled: true\n  default_duration: 5\n  before_events: 100\n");
    let events = &done.events()[0];
    let (first, last) = done.ranges()[0];
    assert_eq!(last, 304);
    let before = 300 - first;
    assert!((100..=200).contains(&before), "{before}");
    for (process, file) in events {
        let expected = if *file < 250 { "early" } else { "late" };
        assert_eq!(process, expected, "{file}");
    }
    assert!(first < 250, "the start is of the time before the exec");
}

#[test]
fn a_capture_that_cannot_be_written_stops_nothing() {
    let done = run_with(
        "  enabled: true\n",
        &["-o", "capture.path_prefix=/nowhere/at/all"],
    );
    assert!(done.files().is_empty());
    assert!(
        done.stderr.contains("cannot write the capture /nowhere"),
        "{}",
        done.stderr
    );
    assert!(
        done.stdout.contains("Events detected: 3\n"),
        "{}",
        done.stdout
    );
}
