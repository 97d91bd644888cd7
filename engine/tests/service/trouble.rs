//! Outputs that get into trouble while events go on: what is lost, and what the
//! log says.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::collector::{ACCEPT, FAIL, HANG, collect};
use super::{Service, alert, tail};

/// Events per second: what comes while something is broken fits into a queue.
const RATE: u64 = 1000;

/// How long something stays broken, longer than the longest pause between two
/// tries.
const BROKEN: Duration = Duration::from_millis(1500);

/// Says what became of the alerts of an output, and that none is missing.
fn report(service: &Service, output: &str, numbers: &[u64], logged: &[&str]) {
    let all: BTreeSet<_> = numbers.iter().copied().collect();
    let fed = service.fed.load(Ordering::Relaxed);
    let twice = numbers.len() - all.len();
    let log = service.log();
    let said: Vec<_> = log
        .lines()
        .filter(|line| line.contains(&format!("output {output}")))
        .collect();
    println!(
        "{output}: {fed} events, {} alerts, {} lost, {twice} twice; the log:\n    {}",
        all.len(),
        fed - all.len() as u64,
        said.join("\n    ")
    );
    assert!(all.into_iter().eq(0..fed), "{output} lost something");
    for text in logged {
        assert!(log.contains(text), "the log does not say {text:?}:\n{log}");
    }
}

fn numbers(service: &Service, names: &[&str]) -> Vec<u64> {
    let alerts = names.iter().flat_map(|name| service.alerts_in(name));
    alerts.map(|(_, number)| number).collect()
}

#[test]
fn a_file_that_is_removed_or_read_only() {
    let mut service = Service::start_at(RATE, "", |_| {});
    service.wait_for_alerts("first");
    fs::rename(service.path("events"), service.path("one")).unwrap();
    service.wait_for_alerts("first");
    // Read only; nobody can make another one either.
    let mode = |name: &str, mode| {
        fs::set_permissions(service.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("events", 0o400);
    service.wait_for("the message", |service| {
        service.log().contains("events: Permission denied")
    });
    thread::sleep(BROKEN);
    mode("events", 0o600);
    service.wait_for("the end of it", |service| {
        service.log().contains("output file works again")
    });
    fs::rename(service.path("events"), service.path("two")).unwrap();
    assert_eq!(service.end().code(), Some(0));
    let all = numbers(&service, &["one", "two", "events"]);
    let logged = [
        "output file: cannot write to ",
        "; alerts wait until it works again",
        " alerts waited, 0 dropped, 0 lost",
    ];
    report(&service, "file", &all, &logged);
    assert!(all.is_sorted(), "out of order");
}

#[test]
fn a_disk_that_is_full() {
    let disk = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        let status = Command::new(arguments[0])
            .args(&arguments[1..])
            .arg(disk.path())
            .stderr(std::process::Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=256k", "none"]) {
        eprintln!("skipped: only root can mount a small disk");
        return;
    }
    let filler = disk.path().join("filler");
    fs::write(&filler, vec![0; 200 << 10]).unwrap();
    let name = disk.path().join("alerts");
    let mut service = Service::start_at(RATE, "", |command| {
        let option = format!("file_output.filename={}", name.display());
        command.args(["-o", &option]);
    });
    service.wait_for("the message", |service| {
        service.log().contains("alerts: No space left on device")
    });
    thread::sleep(BROKEN);
    // As many as fit, until there is room again.
    let stopped = service.end_events();
    fs::remove_file(&filler).unwrap();
    service.wait_for("the end of it", |service| {
        service.log().contains("output file works again")
    });
    assert_eq!(service.wait().code(), Some(0));
    let text = fs::read_to_string(&name).unwrap();
    assert!(mount(&["umount"]));
    assert_eq!(stopped, service.fed.load(Ordering::Relaxed));
    let all: Vec<_> = text.lines().filter_map(alert).map(|(_, n)| n).collect();
    report(
        &service,
        "file",
        &all,
        &["alerts waited, 0 dropped, 0 lost"],
    );
    assert!(all.is_sorted(), "out of order");
    let whole = |line: &str| alert(line).is_some() || line.contains(": ");
    assert!(text.lines().all(whole), "a line is torn");
}

#[test]
fn a_program_that_dies() {
    let settings = "program_output: {enabled: true, keep_alive: true, program: 'echo $$ >>DIR/pids; \
                    while read -r line; do echo \"$line\"; done >>DIR/copy'}\n";
    let mut service = Service::start_at(RATE, settings, |_| {});
    for round in 1..=3 {
        service.wait_for("a program", |service| {
            service.read("pids").lines().count() == round && !tail(&service.path("copy")).is_empty()
        });
        thread::sleep(Duration::from_millis(200));
        let pids = service.read("pids");
        let pid = pids.lines().next_back().unwrap().parse().unwrap();
        // With nothing between its hands, or that would be lost.
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGSTOP).unwrap();
        thread::sleep(Duration::from_millis(300));
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
    service.wait_for("the next program", |service| {
        service.read("pids").lines().count() == 4
    });
    let arrived = |service: &Service| numbers(service, &["copy"]).len() as u64;
    service.settle(3, arrived);
    assert_eq!(service.end().code(), Some(0));
    // A line that the shell had read and not written when it was killed is gone
    // with it: nobody else knows that it was read.
    let all: BTreeSet<_> = numbers(&service, &["copy"]).into_iter().collect();
    let fed = service.fed.load(Ordering::Relaxed);
    let lost = fed - all.len() as u64;
    println!("program: {fed} events, {lost} lost, in the hands of 3 programs that were killed");
    assert!(lost <= 3, "{lost} lost");
    let log = service.log();
    assert!(log.contains("output program: "), "{log}");
    assert!(!log.contains(" dropped, 1 "), "{log}");
}

#[test]
fn a_collector_that_hangs_fails_and_is_away() {
    // Nobody listens on it at first.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mode = Arc::new(AtomicU8::new(ACCEPT));
    let bodies: Arc<Mutex<Vec<String>>> = Arc::default();
    let settings = format!(
        "http_output: {{enabled: true, url: 'http://{address}/', max_consecutive_timeouts: 0, echo: \
         true}}\noutput_timeout: 500\n"
    );
    let mut service = Service::start_at(RATE, &settings, |_| {});
    let works_again = |service: &Service| service.log().matches("output http works again").count();
    service.wait_for("the message", |service| {
        service.log().contains("Connection refused")
    });
    thread::sleep(BROKEN);
    let listener = TcpListener::bind(address).unwrap();
    let taken = Arc::clone(&bodies);
    let take = move |body: &str| {
        taken
            .lock()
            .unwrap()
            .extend(body.lines().map(str::to_owned));
    };
    let told = Arc::clone(&mode);
    thread::spawn(move || collect(&listener, &told, &Arc::new(take)));
    service.wait_for("a collector", |service| works_again(service) == 1);
    for (round, how, message) in [
        (2, HANG, "does not answer within 500 ms"),
        (3, FAIL, "answers 500 Internal Server Error"),
    ] {
        mode.store(how, Ordering::Relaxed);
        service.wait_for("the message", |service| service.log().contains(message));
        thread::sleep(BROKEN);
        mode.store(ACCEPT, Ordering::Relaxed);
        service.wait_for("the end of it", |service| works_again(service) == round);
    }
    service.settle(0, |_| bodies.lock().unwrap().len() as u64);
    assert_eq!(service.end().code(), Some(0));
    let bodies = bodies.lock().unwrap();
    let all: Vec<_> = bodies.iter().filter_map(|line| alert(line)).collect();
    let all: Vec<_> = all.into_iter().map(|(_, number)| number).collect();
    report(&service, "http", &all, &["0 dropped, 0 lost"]);
    // What the server answers is told.
    assert!(service.read("out").starts_with("heard\n"));
    // The file did not notice anything of it.
    report(&service, "file", &numbers(&service, &["events"]), &[]);
    assert!(!service.log().contains("output file"), "{}", service.log());
}

#[test]
fn an_output_that_does_not_return() {
    // Nobody reads the other end of this pipe.
    let settings = "stdout_output: {enabled: true}\noutput_timeout: 100\n\
                    outputs_queue: {capacity: 50}\n";
    let service = Service::start_at(RATE, settings, |command| {
        command.stdout(std::process::Stdio::piped());
    });
    service.wait_for("the messages", |service| {
        let log = service.log();
        log.contains("output stdout: has not returned for more than 100 ms")
            && log.contains("output stdout: its queue of 50 alerts was full; ")
            && log.contains(" alerts dropped")
    });
    // The other output goes on.
    service.wait_for_alerts("first");
}
