//! Reloads, the manager of services, losses, and the end.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{LIMIT, Service, rules};

#[test]
fn a_reload_loses_no_event_and_sees_none_twice() {
    let mut service = Service::start("watch_config_files: false\n", |_| {});
    service.wait_for_alerts("first");
    // With other outputs too: a file that stays open.
    let text = service
        .read("falco.yaml")
        .replace("enabled: true", "enabled: true, keep_alive: true");
    fs::write(service.path("falco.yaml"), text).unwrap();
    fs::write(service.path("rules.yaml"), rules("second")).unwrap();
    thread::sleep(Duration::from_millis(400));
    service.wait_for_alerts("first");
    service.signal(Signal::SIGHUP);
    service.wait_for_alerts("second");
    // A broken file changes nothing, and says so.
    fs::write(
        service.path("rules.yaml"),
        rules("third").replace("evt.type", "evt.tpye"),
    )
    .unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for("the alert", |service| {
        service
            .read("events")
            .contains("Critical Falco internal: hot restart failure: ")
    });
    let log = service.log();
    assert!(
        log.contains("rules.yaml:3:14: error[LOAD_ERR_COMPILE_CONDITION]"),
        "{log}"
    );
    assert!(
        log.contains("the new configuration is not used, the old one goes on"),
        "{log}"
    );
    // So does a broken configuration.
    let text = service.read("falco.yaml");
    fs::write(
        service.path("falco.yaml"),
        format!("{text}priority: loud\n"),
    )
    .unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for("the alert", |service| {
        service
            .read("events")
            .matches("hot restart failure")
            .count()
            == 2
    });
    fs::write(service.path("falco.yaml"), text).unwrap();
    fs::write(service.path("rules.yaml"), rules("fourth")).unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for_alerts("fourth");
    assert_eq!(service.end().code(), Some(0));
    service.check_no_gap(&["first", "second", "fourth"]);
    let log = service.log();
    assert_eq!(log.matches("events waited for ").count(), 2, "{log}");
}

#[test]
fn what_a_reload_cannot_change_is_said() {
    let init = "plugins: [{name: container, init_config: {label_max_len: 100}}]\n";
    let mut service = Service::start(&format!("watch_config_files: false\n{init}"), |_| {});
    service.wait_for_alerts("first");
    service.configure("label_max_len: 100", "label_max_len: 3");
    service.configure("plugins:", "kubernetes: {node_name: other}\nplugins:");
    service.signal(Signal::SIGHUP);
    service.wait_for("a reload", |service| {
        service.log().contains("events waited for ")
    });
    let log = service.log();
    for what in [
        "`plugins[].init_config` of container need a restart",
        "section `kubernetes` need a restart",
    ] {
        assert_eq!(log.matches(what).count(), 1, "{what}: {log}");
    }
    assert!(!log.contains("section `privileges`"), "{log}");
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn changed_files_are_noticed() {
    let mut service = Service::start("config_files: [DIR/config.d]\n", |_| {});
    service.wait_for_alerts("first");
    fs::write(service.path("rules.yaml"), rules("second")).unwrap();
    service.wait_for_alerts("second");
    // Put in its place by a rename, as editors and packages do.
    fs::write(service.path("new"), rules("third")).unwrap();
    fs::rename(service.path("new"), service.path("rules.yaml")).unwrap();
    service.wait_for_alerts("third");
    // A directory that was not there before.
    fs::write(service.path("more.yaml"), rules("fourth")).unwrap();
    fs::create_dir(service.path("config.d")).unwrap();
    let text = format!(
        "rules: [{{disable: {{rule: third}}}}]\nrules_files: [{}]\n",
        service.path("more.yaml").display()
    );
    fs::write(service.path("config.d/a.yaml"), text).unwrap();
    service.wait_for_alerts("fourth");
    assert_eq!(service.end().code(), Some(0));
    service.check_no_gap(&["first", "second", "third", "fourth"]);
}

#[test]
fn the_manager_of_services_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(LIMIT)).unwrap();
    let next = |wanted: &str| loop {
        let mut bytes = [0; 500];
        let length = manager.recv(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if text.starts_with(wanted) {
            return text;
        }
    };
    let mut service = Service::start("", |command| {
        command
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", "400000");
        command.arg("-P").arg(directory.path().join("pid"));
    });
    assert_eq!(next("READY"), "READY=1\nSTATUS=1 rules are active");
    let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
    assert_eq!(pid.trim(), service.child.as_ref().unwrap().id().to_string());
    next("WATCHDOG=1");
    service.signal(Signal::SIGHUP);
    next("RELOADING=1\nMONOTONIC_USEC=");
    assert!(next("READY=1").contains("STATUS=Reloaded in "));
    service.signal(Signal::SIGTERM);
    next("STOPPING=1");
    assert_eq!(service.end().code(), Some(0));
    let out = service.read("out");
    assert!(out.starts_with("Events detected: "), "{out}");
    assert!(
        out.contains("\n   WARNING: ") && out.contains("\n   first: "),
        "{out}"
    );
}

#[test]
fn simulated_losses_lead_to_the_actions() {
    let settings = "syscall_event_drops: {actions: [log, alert, exit], simulate_drops: true}\n";
    let mut service = Service::start(settings, |_| {});
    let status = service.child.take().unwrap().wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(
        service
            .read("events")
            .contains(" Debug Falco internal: syscall event drop. ")
    );
    let log = service.log();
    assert!(log.contains("the configuration says to end"), "{log}");
    assert!(log.contains("Times the actions were taken: 1"), "{log}");
    service.stop.store(true, Ordering::Relaxed);
}

#[test]
fn the_time_of_a_capture_is_that_of_its_events() {
    let mut service = Service::start("", |command| {
        command.args(["-M", "1"]);
    });
    // Faster than in life: a second has a million events of a microsecond.
    service.stop.store(true, Ordering::Relaxed);
    service.feeder.take().unwrap().join().unwrap();
    assert_eq!(
        service.child.take().unwrap().wait().unwrap().code(),
        Some(0)
    );
}
