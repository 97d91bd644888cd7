//! Alerts to programs that end, die, hang and do not read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use falco_engine::config::{self, Outputs as Settings};
use falco_engine::output::{Alert, Outputs, Priority, Status};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

fn settings(program: &str, keep_alive: bool) -> Settings {
    let mut settings = config::defaults().outputs;
    settings.program.enabled = true;
    settings.program.keep_alive = keep_alive;
    settings.program.program = program.to_owned();
    settings
}

struct Place {
    _directory: TempDir,
    out: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    Place {
        _directory: directory,
        out,
    }
}

fn send(outputs: &Outputs, numbers: std::ops::Range<usize>) {
    for number in numbers {
        outputs.send(&alert(&number.to_string()));
    }
}

fn alert(message: &str) -> Alert {
    Alert {
        time: 0,
        priority: Priority::Error,
        rule: "r".into(),
        source: "syscall".into(),
        tags: Arc::new([]),
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

/// The numbers in a file of alerts.
fn numbers(file: &Path) -> Vec<usize> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let number = |line: &str| line.split(": Error ").nth(1).unwrap().parse().unwrap();
    text.lines().map(number).collect()
}

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < LIMIT, "it does not happen");
        thread::sleep(Duration::from_millis(5));
    }
}

fn counts(status: &[Status]) -> (u64, u64, u64) {
    (status[0].written, status[0].dropped, status[0].lost)
}

#[test]
fn each_alert_has_a_process() {
    let place = place();
    let out = place.out.display();
    let program = format!("echo $$ >> {out}.pids; cat >> {out}");
    let outputs = Outputs::start(&settings(&program, false)).unwrap();
    send(&outputs, 0..20);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (20, 0, 0));
    assert_eq!(numbers(&place.out), (0..20).collect::<Vec<_>>());
    let pids = fs::read_to_string(format!("{out}.pids")).unwrap();
    let mut pids: Vec<_> = pids.lines().collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 20);
}

#[test]
fn a_program_that_fails_loses_its_alert_and_no_other() {
    let place = place();
    let out = place.out.display();
    let program = format!("read -r l; case $l in *' 3') exit 1;; esac; echo \"$l\" >> {out}");
    let outputs = Outputs::start(&settings(&program, false)).unwrap();
    send(&outputs, 0..6);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (5, 0, 1));
    assert_eq!(numbers(&place.out), [0, 1, 2, 4, 5]);
}

#[test]
fn a_program_may_take_its_time_and_need_not_read() {
    let place = place();
    let out = place.out.display();
    let program = format!("sleep 0.6; echo x >> {out}");
    let mut settings = settings(&program, false);
    settings.timeout_ms = 100;
    let outputs = Outputs::start(&settings).unwrap();
    // Longer than a pipe.
    outputs.send(&alert(&"y".repeat(200_000)));
    outputs.send(&alert("z"));
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (2, 0, 0));
    assert_eq!(fs::read_to_string(&place.out).unwrap(), "x\nx\n");
}

#[test]
fn one_process_reads_all_alerts() {
    let place = place();
    let out = place.out.display();
    let program = format!("echo $$ >> {out}.pids; exec cat >> {out}");
    let outputs = Outputs::start(&settings(&program, true)).unwrap();
    send(&outputs, 0..10_000);
    wait_for(|| numbers(&place.out).len() == 10_000);
    // Another one after SIGUSR1.
    outputs.reopen();
    send(&outputs, 10_000..10_010);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (10_010, 0, 0));
    wait_for(|| numbers(&place.out).len() == 10_010);
    assert_eq!(numbers(&place.out), (0..10_010).collect::<Vec<_>>());
    let pids = fs::read_to_string(format!("{out}.pids")).unwrap();
    assert_eq!(pids.lines().count(), 2);
}

#[test]
fn what_a_program_that_dies_has_not_read_goes_to_the_next() {
    let place = place();
    let out = place.out.display();
    // Reads three lines byte by byte, as the shell does, and dies.
    let program = format!("for i in 1 2 3; do read -r l && echo \"$l\" >> {out}; done");
    let outputs = Outputs::start(&settings(&program, true)).unwrap();
    send(&outputs, 0..30);
    wait_for(|| {
        // A line that is in a pipe without a reader moves on with the next one.
        outputs.send(&alert("1000"));
        numbers(&place.out)
            .iter()
            .filter(|number| **number < 1000)
            .count()
            >= 30
    });
    outputs.shutdown(Duration::from_millis(100));
    let seen: Vec<_> = numbers(&place.out)
        .into_iter()
        .filter(|n| *n < 1000)
        .collect();
    assert_eq!(seen, (0..30).collect::<Vec<_>>());
}

#[test]
fn a_program_that_does_not_read_holds_up_nothing() {
    let mut settings = settings("exec sleep 1000", true);
    settings.capacity = 100;
    settings.timeout_ms = 100;
    let place = place();
    settings.file.enabled = true;
    settings.file.filename = place.out.clone();
    let outputs = Outputs::start(&settings).unwrap();
    let long = "x".repeat(1000);
    for number in 0..3000 {
        let before = outputs
            .status()
            .iter()
            .find(|s| s.name == "file")
            .unwrap()
            .written;
        outputs.send(&alert(&long));
        if number % 50 == 0 {
            wait_for(|| {
                outputs
                    .status()
                    .iter()
                    .find(|s| s.name == "file")
                    .unwrap()
                    .written
                    > before
            });
        }
    }
    let status = outputs.shutdown(Duration::from_millis(300));
    let of = |name: &str| *status.iter().find(|status| status.name == name).unwrap();
    assert_eq!((of("file").written, of("file").dropped), (3000, 0));
    let program = of("program");
    assert!(program.dropped > 0, "{program:?}");
    assert_eq!(program.written + program.dropped + program.lost, 3000);
}

#[test]
fn a_program_that_does_not_exist_is_waited_for() {
    let place = place();
    let program = place.out.with_extension("sh");
    let command = format!("exec {}", program.display());
    let outputs = Outputs::start(&settings(&command, true)).unwrap();
    send(&outputs, 0..10);
    thread::sleep(Duration::from_millis(200));
    let out = place.out.display();
    fs::write(&program, format!("#!/bin/sh\nexec cat >> {out}\n")).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, executable).unwrap();
    wait_for(|| {
        outputs.send(&alert("1000"));
        numbers(&place.out).contains(&1000)
    });
    let seen: Vec<_> = numbers(&place.out)
        .into_iter()
        .filter(|n| *n < 1000)
        .collect();
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
}

#[test]
fn what_nobody_read_is_counted_as_lost_at_the_end() {
    let outputs = Outputs::start(&settings("exit 0", true)).unwrap();
    send(&outputs, 0..10);
    assert_eq!(
        counts(&outputs.shutdown(Duration::from_millis(300))),
        (0, 0, 10)
    );
}

#[test]
fn another_program_gets_what_the_one_before_has_not_read() {
    let place = place();
    let old = settings("exit 0", true);
    let new = settings(&format!("exec cat >> {}", place.out.display()), true);
    let mut outputs = Outputs::start(&old).unwrap();
    send(&outputs, 0..10);
    thread::sleep(Duration::from_millis(100));
    outputs.apply(Outputs::prepare(&old, &new).unwrap());
    send(&outputs, 10..20);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (20, 0, 0));
    wait_for(|| numbers(&place.out).len() == 20);
    assert_eq!(numbers(&place.out), (0..20).collect::<Vec<_>>());
}

#[test]
fn another_capacity_loses_nothing_that_waits() {
    let place = place();
    let program = place.out.with_extension("sh");
    let mut old = settings(&format!("exec {}", program.display()), true);
    old.capacity = 400;
    let mut outputs = Outputs::start(&old).unwrap();
    send(&outputs, 0..400);
    let mut new = old.clone();
    (new.capacity, new.timeout_ms) = (1000, 7000);
    outputs.apply(Outputs::prepare(&old, &new).unwrap());
    send(&outputs, 400..1000);
    assert_eq!(outputs.status()[0].capacity, 1000);
    // Less room than what waits: that waits on, and what comes is dropped.
    new.capacity = 5;
    outputs.apply(Outputs::prepare(&old, &new).unwrap());
    send(&outputs, 2000..2001);
    let out = place.out.display();
    fs::write(&program, format!("#!/bin/sh\nexec cat >> {out}\n")).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, executable).unwrap();
    wait_for(|| numbers(&place.out).len() == 1000);
    assert_eq!(counts(&outputs.shutdown(LIMIT)), (1000, 1, 0));
    assert_eq!(numbers(&place.out), (0..1000).collect::<Vec<_>>());
}
