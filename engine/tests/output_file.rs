//! Alerts in a file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use falco_engine::config::{self, Outputs as Settings};
use falco_engine::output::{Alert, Outputs, Priority};

const LIMIT: Duration = Duration::from_secs(10);

fn settings(file: &Path, keep_alive: bool) -> Settings {
    let mut settings = config::defaults().outputs;
    settings.file.enabled = true;
    settings.file.keep_alive = keep_alive;
    settings.file.filename = file.to_owned();
    settings
}

fn alert(number: usize) -> Alert {
    Alert {
        time: 0,
        priority: Priority::Notice,
        rule: "r".into(),
        source: "syscall".into(),
        tags: std::sync::Arc::new([]),
        message: format!("number {number}"),
        fields: Vec::new(),
    }
}

/// The numbers of the alerts in a file.
fn numbers(file: &Path) -> Vec<usize> {
    fs::read_to_string(file)
        .unwrap_or_default()
        .lines()
        .map(|line| {
            line.split(": Notice number ")
                .nth(1)
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect()
}

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < LIMIT, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn lines_are_appended_for_the_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.log");
    for run in 0..2 {
        let outputs = Outputs::start(&settings(&file, false)).unwrap();
        (0..500).for_each(|number| outputs.send(&alert(run * 500 + number)));
        let status = outputs.shutdown(LIMIT);
        assert_eq!(
            (status[0].name, status[0].written, status[0].lost),
            ("file", 500, 0)
        );
    }
    assert_eq!(numbers(&file), (0..1000).collect::<Vec<_>>());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_file_that_is_moved_away_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let (file, old) = (
        directory.path().join("events.log"),
        directory.path().join("events.log.1"),
    );
    let outputs = Outputs::start(&settings(&file, false)).unwrap();
    outputs.send(&alert(0));
    wait_for(|| numbers(&file) == [0]);
    fs::rename(&file, &old).unwrap();
    outputs.send(&alert(1));
    wait_for(|| numbers(&file) == [1]);
    assert_eq!(numbers(&old), [0]);
    outputs.shutdown(LIMIT);
}

#[test]
fn a_file_that_is_kept_open_is_opened_anew_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let (file, old) = (
        directory.path().join("events.log"),
        directory.path().join("events.log.1"),
    );
    let outputs = Outputs::start(&settings(&file, true)).unwrap();
    outputs.send(&alert(0));
    wait_for(|| numbers(&file) == [0]);
    fs::rename(&file, &old).unwrap();
    outputs.send(&alert(1));
    wait_for(|| numbers(&old) == [0, 1]);
    outputs.reopen();
    wait_for(|| file.exists());
    outputs.send(&alert(2));
    outputs.shutdown(LIMIT);
    assert_eq!(numbers(&file), [2]);
}

#[test]
fn a_file_that_cannot_be_written_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let error = Outputs::start(&settings(directory.path(), false))
        .err()
        .unwrap()
        .to_string();
    let expected = format!(
        "output file: cannot write to {}: Is a directory",
        directory.path().display()
    );
    assert!(error.starts_with(&expected), "{error}");
    let missing = directory.path().join("none/events.log");
    let error = Outputs::start(&settings(&missing, false))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("No such file or directory"), "{error}");
}

#[test]
fn no_output_stops_the_start() {
    let error = Outputs::start(&config::defaults().outputs)
        .err()
        .unwrap()
        .to_string();
    assert!(error.starts_with("no output is enabled"), "{error}");
}

#[test]
fn alerts_wait_while_the_file_cannot_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.log");
    for keep_alive in [false, true] {
        let _ = fs::remove_file(&file);
        let outputs = Outputs::start(&settings(&file, keep_alive)).unwrap();
        outputs.send(&alert(0));
        wait_for(|| numbers(&file) == [0]);
        // A disk without room, and then one with room again.
        fs::remove_file(&file).unwrap();
        symlink("/dev/full", &file).unwrap();
        outputs.reopen();
        thread::sleep(Duration::from_millis(50));
        (1..1000).for_each(|number| outputs.send(&alert(number)));
        thread::sleep(Duration::from_millis(300));
        assert_eq!(outputs.status()[0].written, 1);
        fs::remove_file(&file).unwrap();
        wait_for(|| numbers(&file).len() == 999);
        assert_eq!(numbers(&file), (1..1000).collect::<Vec<_>>());
        let status = outputs.shutdown(LIMIT);
        assert_eq!(
            (status[0].written, status[0].dropped, status[0].lost),
            (1000, 0, 0)
        );
    }
}

#[test]
fn a_full_queue_drops_and_counts_and_the_end_comes_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("full");
    symlink("/dev/full", &file).unwrap();
    let mut settings = settings(&file, false);
    settings.capacity = 10;
    let outputs = Outputs::start(&settings).unwrap();
    let start = Instant::now();
    (0..10_000).for_each(|number| outputs.send(&alert(number)));
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "sending waited for the output"
    );
    let status = outputs.shutdown(Duration::from_millis(200))[0];
    assert!(start.elapsed() < Duration::from_secs(4));
    assert_eq!(status.written, 0);
    assert_eq!(status.dropped + status.lost, 10_000);
    assert!(status.lost > 0 && status.dropped > 9_000, "{status:?}");
}

#[test]
fn a_file_that_is_full_is_moved_away() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.log");
    let part = |number: usize| directory.path().join(format!("events.log.{number}"));
    for keep_alive in [false, true] {
        let mut settings = settings(&file, keep_alive);
        settings.file.rotate_bytes = 2000;
        settings.file.rotate_keep = 3;
        let outputs = Outputs::start(&settings).unwrap();
        for number in 0..400 {
            outputs.send(&alert(number));
            wait_for(|| outputs.status()[0].written == number as u64 + 1);
        }
        outputs.shutdown(LIMIT);
        let mut all = Vec::new();
        for file in [part(3), part(2), part(1), file.clone()] {
            assert!(fs::metadata(&file).unwrap().len() <= 2000);
            all.extend(numbers(&file));
            fs::remove_file(file).unwrap();
        }
        // What is kept has no gap and ends with the last alert.
        assert_eq!(all, (400 - all.len()..400).collect::<Vec<_>>());
        assert!(!part(4).exists());
    }
}

#[test]
fn other_settings_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // The first output cannot write, so that its alerts wait.
    symlink("/dev/full", path("full")).unwrap();
    let old = settings(&path("full"), false);
    let mut outputs = Outputs::start(&old).unwrap();
    (0..500).for_each(|number| outputs.send(&alert(number)));
    let new = settings(&path("other"), true);
    outputs.apply(Outputs::prepare(&old, &new).unwrap());
    (500..1000).for_each(|number| outputs.send(&alert(number)));
    wait_for(|| numbers(&path("other")).len() == 1000);
    assert_eq!(numbers(&path("other")), (0..1000).collect::<Vec<_>>());
    // Another capacity is another queue; one that is taken away is written to its end.
    let mut larger = new.clone();
    larger.capacity = 50_000;
    let change = Outputs::prepare(&new, &larger).unwrap();
    (1000..1500).for_each(|number| outputs.send(&alert(number)));
    outputs.apply(change);
    (1500..2000).for_each(|number| outputs.send(&alert(number)));
    outputs.shutdown(LIMIT);
    let mut seen = numbers(&path("other"));
    seen.sort_unstable();
    assert_eq!(seen, (0..2000).collect::<Vec<_>>());
    // What cannot be opened changes nothing.
    let bad = settings(&path("none/x"), false);
    assert!(Outputs::prepare(&larger, &bad).is_err());
}
