//! What the program gives up, and that it can go on without it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use super::{Service, rules};

/// Nothing beyond PERFMON, NET_BIND_SERVICE, SYS_PTRACE and DAC_READ_SEARCH.
const KEPT: u64 = 1 << 38 | 1 << 10 | 1 << 19 | 1 << 2;

/// A line of the program's status.
fn status(service: &Service, name: &str) -> String {
    let pid = service.child.as_ref().unwrap().id();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

fn capabilities(service: &Service, set: &str) -> u64 {
    u64::from_str_radix(&status(service, set), 16).unwrap()
}

/// Starts the program as a user that can do nothing by itself. `None` if the
/// test is not run by root, or there is no such user.
fn start_as_nobody(settings: &str, own_directory: bool) -> Option<Service> {
    let user = User::from_name("nobody").unwrap();
    let (true, Some(user)) = (geteuid().is_root(), user) else {
        eprintln!("skipped: only root can become `nobody`");
        return None;
    };
    let settings = format!("privileges: {{user: nobody}}\nwatch_config_files: false\n{settings}");
    Some(Service::start(&settings, |command| {
        let directory = command.get_args().nth(1).map(std::path::Path::new);
        let directory = directory.unwrap().parent().unwrap();
        if own_directory {
            chown(directory, Some(user.uid.as_raw()), None).unwrap();
        }
        // Of root, and for root alone.
        for name in ["falco.yaml", "rules.yaml"] {
            let only_root = fs::Permissions::from_mode(0o600);
            fs::set_permissions(directory.join(name), only_root).unwrap();
        }
    }))
}

#[test]
fn the_program_becomes_another_user_and_goes_on() {
    let Some(mut service) = start_as_nobody("", true) else {
        return;
    };
    service.wait_for_alerts("first");
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let ids = status(&service, "Uid:");
    let own = nobody.uid.to_string();
    assert!(ids.split('\t').all(|id| id == own), "{ids}");
    let ids = status(&service, "Gid:");
    let own = nobody.gid.to_string();
    assert!(ids.split('\t').all(|id| id == own), "{ids}");
    let all = capabilities(&service, "CapBnd:");
    assert_eq!(capabilities(&service, "CapPrm:"), all & KEPT);
    assert_eq!(capabilities(&service, "CapEff:"), all & KEPT);
    assert_eq!(capabilities(&service, "CapInh:"), 0);
    assert_eq!(status(&service, "NoNewPrivs:"), "1");
    assert_eq!(status(&service, "Seccomp:"), "2");
    // Reads again what only root can read.
    fs::write(service.path("rules.yaml"), rules("second")).unwrap();
    service.signal(Signal::SIGHUP);
    service.wait_for_alerts("second");
    // Opens again what was moved away.
    service.configure("enabled: true", "enabled: true, keep_alive: true");
    service.signal(Signal::SIGHUP);
    service.wait_for("a reload", |service| {
        service.log().matches("events waited for ").count() == 2
    });
    fs::rename(service.path("events"), service.path("old")).unwrap();
    service.signal(Signal::SIGUSR1);
    service.wait_for_alerts("second");
    // Cannot start a program any more, and says so instead of losing alerts.
    service.configure(
        "log_syslog: false",
        "log_syslog: false\nprogram_output: {enabled: true, program: cat}",
    );
    service.signal(Signal::SIGHUP);
    service.wait_for("the refusal", |service| {
        service
            .log()
            .contains("program_output.enabled needs a restart")
    });
    assert_eq!(service.end().code(), Some(0));
    let text = service.read("old") + &service.read("events");
    fs::write(service.path("events"), text).unwrap();
    service.check_no_gap(&["first", "second"]);
}

#[test]
fn what_the_user_may_not_write_keeps_it_from_changing() {
    let Some(mut service) = start_as_nobody("", false) else {
        return;
    };
    service.wait_for_alerts("first");
    assert!(status(&service, "Uid:").split('\t').all(|id| id == "0"));
    assert_eq!(capabilities(&service, "CapEff:") & !KEPT, 0);
    let log = service.log();
    assert!(
        log.contains("goes on as root: cannot become the user `nobody`: it may not write /")
            && log.contains("or set privileges.user to root"),
        "{log}"
    );
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn a_program_that_gets_alerts_has_no_privileges() {
    let settings = "program_output: {enabled: true, keep_alive: true, program: \
                    'cat /proc/self/status >DIR/status; exec cat >DIR/copy'}\n";
    let Some(mut service) = start_as_nobody(settings, true) else {
        return;
    };
    service.wait_for("a copy", |service| {
        service.read("copy").contains(" Warning first ")
    });
    assert_eq!(service.end().code(), Some(0));
    let status = service.read("status");
    for line in ["CapPrm:", "CapEff:", "CapAmb:"] {
        assert!(
            status.contains(&format!("{line}\t0000000000000000")),
            "{status}"
        );
    }
    assert!(status.contains("Seccomp:\t2"), "{status}");
}
