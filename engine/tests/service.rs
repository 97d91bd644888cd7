//! The program as a service: it reads a capture that never ends, is told to
//! read its files again, is asked for its numbers, and ends.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// Number of the type of an `openat` that has returned, in captures.
const OPENAT: u16 = 307;

/// A block of a capture.
fn block(ty: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let len = u32::try_from(12 + body.len() + padding)
        .unwrap()
        .to_le_bytes();
    [&ty.to_le_bytes(), &len, body, &[0; 3][..padding], &len].concat()
}

fn section() -> Vec<u8> {
    let version = [1u16.to_le_bytes(), 2u16.to_le_bytes()].concat();
    let rest = u64::MAX.to_le_bytes();
    block(
        0x0A0D_0D0A,
        &[&0x1A2B_3C4D_u32.to_le_bytes(), &version[..], &rest].concat(),
    )
}

/// An `openat` of `/event/NUMBER`, a microsecond after the one before.
fn event(number: u64) -> Vec<u8> {
    let name = format!("/event/{number}\0");
    let params: [&[u8]; 7] = [
        &3u64.to_le_bytes(),
        &(-100i64).to_le_bytes(),
        name.as_bytes(),
        &1u32.to_le_bytes(),
        &0u32.to_le_bytes(),
        &0u32.to_le_bytes(),
        &5u64.to_le_bytes(),
    ];
    let mut data = Vec::new();
    for param in params {
        data.extend(u16::try_from(param.len()).unwrap().to_le_bytes());
    }
    params
        .iter()
        .for_each(|param| data.extend_from_slice(param));
    let time = 1_700_000_000_000_000_000 + number * 1000;
    let mut body = 0u16.to_le_bytes().to_vec();
    body.extend(time.to_le_bytes());
    body.extend(77u64.to_le_bytes());
    body.extend(u32::try_from(26 + data.len()).unwrap().to_le_bytes());
    body.extend(OPENAT.to_le_bytes());
    body.extend(7u32.to_le_bytes());
    body.extend(data);
    block(0x216, &body)
}

fn rules(word: &str) -> String {
    format!(
        "- rule: {word}\n  desc: d\n  condition: evt.type = openat and evt.arg.name startswith \
         /event\n  output: {word} %evt.arg.name\n  priority: WARNING\n  tags: [some-tag]\n"
    )
}

struct Service {
    directory: TempDir,
    child: Option<Child>,
    stop: Arc<AtomicBool>,
    fed: Arc<AtomicU64>,
    feeder: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts the program on events that come until it is stopped.
    fn start(settings: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("rules.yaml"), rules("first")).unwrap();
        let text = format!(
            "rules_files: [{0}/rules.yaml]\nlog_syslog: false\n\
             file_output: {{enabled: true, filename: {0}/events}}\n{settings}",
            path.display()
        );
        fs::write(
            path.join("falco.yaml"),
            text.replace("DIR", path.to_str().unwrap()),
        )
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_falco-engine"));
        command
            .arg("-c")
            .arg(path.join("falco.yaml"))
            .args(["-e", "-"])
            .stdin(Stdio::piped())
            .stdout(fs::File::create(path.join("out")).unwrap())
            .stderr(fs::File::create(path.join("log")).unwrap());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let (stop, fed) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&fed));
        let feeder = thread::spawn(move || {
            input.write_all(&section()).unwrap();
            let mut number = 0;
            while !stopped.load(Ordering::Relaxed) {
                let mut batch = Vec::new();
                for _ in 0..50 {
                    batch.extend(event(number));
                    number += 1;
                }
                // The program may have ended.
                if input.write_all(&batch).is_err() {
                    return;
                }
                count.store(number, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self {
            directory,
            child: Some(child),
            stop,
            fed,
            feeder: Some(feeder),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn log(&self) -> String {
        self.read("log")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_there(self) {
            assert!(
                start.elapsed() < LIMIT,
                "{what} does not happen:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_for_alerts(&self, word: &str) {
        let word = format!("Warning {word} ");
        self.wait_for(&word, |service| {
            let mut lines = service.read("events");
            lines = lines.lines().next_back().unwrap_or_default().to_owned();
            lines.contains(&word)
        });
    }

    /// Ends the events, and waits for the program to end.
    fn end(&mut self) -> ExitStatus {
        self.stop.store(true, Ordering::Relaxed);
        self.feeder.take().unwrap().join().unwrap();
        self.child.take().unwrap().wait().unwrap()
    }

    /// Rule and number of each alert of the events.
    fn alerts(&self) -> Vec<(String, u64)> {
        let text = self.read("events");
        let lines = text
            .lines()
            .filter_map(|line| line.split_once(": Warning "));
        lines
            .map(|(_, rest)| {
                let (word, name) = rest.split_once(' ').unwrap();
                let number = name.strip_prefix("/event/").unwrap().parse().unwrap();
                (word.to_owned(), number)
            })
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Every event made one alert, in order, and the rules changed in this order.
fn check_no_gap(service: &Service, words: &[&str]) {
    let alerts = service.alerts();
    let numbers: Vec<_> = alerts.iter().map(|(_, number)| *number).collect();
    let expected: Vec<_> = (0..service.fed.load(Ordering::Relaxed)).collect();
    assert!(
        numbers == expected,
        "{} alerts of {} events",
        numbers.len(),
        expected.len()
    );
    let mut seen: Vec<_> = alerts.into_iter().map(|(word, _)| word).collect();
    seen.dedup();
    assert_eq!(seen, words);
}

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
    check_no_gap(&service, &["first", "second", "fourth"]);
    let log = service.log();
    assert_eq!(log.matches("events waited for ").count(), 2, "{log}");
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
    check_no_gap(&service, &["first", "second", "third", "fourth"]);
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
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // Nothing beyond PERFMON, NET_BIND_SERVICE, SYS_PTRACE and DAC_READ_SEARCH.
    let kept = 1 << 38 | 1 << 10 | 1 << 19 | 1 << 2;
    let permitted = status
        .lines()
        .find_map(|line| line.strip_prefix("CapPrm:\t"))
        .unwrap();
    assert_eq!(
        u64::from_str_radix(permitted, 16).unwrap() & !kept,
        0,
        "{permitted}"
    );
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

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn get(port: u16, host: &str, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

#[test]
fn the_web_server_tells_the_state() {
    let port = free_port();
    let settings = format!(
        "webserver: {{enabled: true, listen_port: {port}, prometheus_metrics_enabled: true}}\n\
         metrics: {{enabled: true, interval: 300ms, output_rule: true, output_file: DIR/metrics}}\n"
    );
    let mut service = Service::start(&settings, |_| {});
    let body = |path: &str| get(port, "localhost", path).map(|(_, body)| body);
    service.wait_for("an answer", |_| body("/healthz").is_some());
    assert_eq!(body("/healthz").unwrap(), "{\"status\": \"ok\"}");
    let versions: Value = serde_json::from_str(&body("/versions").unwrap()).unwrap();
    assert_eq!(versions["engine_version_semver"], "0.62.0");
    assert_eq!(versions["engine_version"], "62");
    service.wait_for("a count", |_| {
        body("/metrics")
            .unwrap()
            .contains("falcosecurity_falco_rules_matches_total{")
    });
    let (head, metrics) = get(port, "localhost", "/metrics").unwrap();
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    let line = |start: &str| {
        let found = metrics.lines().find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in\n{metrics}"))
    };
    line("falcosecurity_falco_version_info{version=\"");
    line("falcosecurity_falco_sha256_rules_files_info{file_name=\"rules.yaml\",sha256=\"");
    line("falcosecurity_falco_sha256_config_files_info{file_name=\"falco.yaml\",sha256=\"");
    line("falcosecurity_scap_engine_name_info{engine_name=\"replay\",evt_source=\"syscall\"} 1");
    line("falcosecurity_scap_n_evts_total ");
    line("falcosecurity_scap_n_drops_buffer_total{dir=\"exit\",drop=\"clone_fork\"} 0");
    line("falcosecurity_falco_memory_rss_bytes ");
    line("falcosecurity_falco_outputs_queue_length{output=\"file\"} ");
    let rule = line("falcosecurity_falco_rules_matches_total{");
    assert!(
        rule.contains(
            "{priority=\"4\",rule_name=\"first\",source=\"syscall\",tag_some_tag=\"true\"} "
        ),
        "{rule}"
    );
    // Each name has one head, and every line is of a name that has one.
    let mut names: Vec<_> = metrics
        .lines()
        .filter(|line| line.starts_with("# TYPE "))
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    // The page and what it asks for.
    let (head, page) = get(port, "localhost", "/").unwrap();
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );
    assert!(page.starts_with("<!doctype html>"));
    service.wait_for("history", |_| {
        let status: Value = serde_json::from_str(&body("/status").unwrap()).unwrap();
        status["history"].as_array().unwrap().len() > 1
    });
    let status: Value = serde_json::from_str(&body("/status").unwrap()).unwrap();
    assert_eq!(status["rules"][0]["name"], "first");
    assert_eq!(status["types"][0]["name"], "openat");
    assert_eq!(status["outputs"][0]["name"], "file");
    assert!(status["alerts"].as_array().unwrap().len() > 10);
    // The same in a terminal.
    let address = format!("127.0.0.1:{port}");
    let (code, out, _) = engine(service.directory.path(), &["top", "-n", "1", &address]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("▇ first\n") && out.contains("▇ openat\n"),
        "{out}"
    );
    assert!(out.contains("Warning first /event/"), "{out}");
    // What is not served.
    assert!(
        get(port, "localhost", "/nothing")
            .unwrap()
            .0
            .starts_with("HTTP/1.1 404")
    );
    assert!(
        get(port, "evil.example", "/status")
            .unwrap()
            .0
            .starts_with("HTTP/1.1 403")
    );
    // Snapshots.
    service.wait_for("snapshots", |service| {
        service.read("metrics").lines().count() > 2
    });
    let snapshot: Value =
        serde_json::from_str(service.read("metrics").lines().nth(1).unwrap()).unwrap();
    assert_eq!(snapshot["sample"], 2);
    let fields = &snapshot["output_fields"];
    assert!(
        fields["falco.num_evts"].is_u64() && fields["falco.memory_rss_mb"].is_f64(),
        "{fields}"
    );
    assert_eq!(fields["scap.engine_name"], "replay");
    assert!(
        service
            .read("events")
            .contains("Informational Falco metrics snapshot (")
    );
    // Another configuration closes it.
    let text = service
        .read("falco.yaml")
        .replace("webserver: {enabled: true", "webserver: {enabled: false");
    fs::write(service.path("falco.yaml"), text).unwrap();
    service.wait_for("its end", |_| body("/healthz").is_none());
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn the_web_server_can_encrypt() {
    let port = free_port();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let pem = directory.path().join("falco.pem");
    fs::write(
        &pem,
        format!("{}{}", certificate.pem(), key.serialize_pem()),
    )
    .unwrap();
    let settings = format!(
        "webserver: {{enabled: true, listen_port: {port}, ssl_enabled: true, ssl_certificate: {}}}\n",
        pem.display()
    );
    let mut service = Service::start(&settings, |_| {});
    let authority = directory.path().join("ca.pem");
    fs::write(&authority, certificate.pem()).unwrap();
    let ask = || -> Option<String> {
        let trust = falco_engine::tls::Trust::File(authority.clone());
        let config = Arc::new(falco_engine::tls::client(&trust, None).unwrap());
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        let connection = rustls::ClientConnection::new(config, name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        Some(text)
    };
    service.wait_for("an answer", |_| {
        ask().is_some_and(|text| text.ends_with("{\"status\": \"ok\"}"))
    });
    assert_eq!(service.end().code(), Some(0));
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

fn engine(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn options_that_print_and_exit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("rules.yaml"), rules("some")).unwrap();
    fs::write(
        path.join("f.yaml"),
        "rules_files: [rules.yaml]\nstdout_output: {enabled: true}\nlog_syslog: false\n",
    )
    .unwrap();
    let (code, out, _) = engine(path, &["--config-schema"]);
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &schema["type"]), (Some(0), &Value::from("object")));
    let (code, out, _) = engine(path, &["--page-size"]);
    assert!(code == Some(0) && out.contains("page size is: "), "{out}");
    let (code, out, _) = engine(path, &["-c", "f.yaml", "--support"]);
    let support: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(support["rules_files"][0]["name"], "rules.yaml");
    assert!(support["system_info"]["release"].is_string());
    let (code, out, _) = engine(
        path,
        &["-c", "f.yaml", "-o", "json_output=true", "--version"],
    );
    let version: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &version["engine_version"]),
        (Some(0), &Value::from("62"))
    );
    let (code, out, _) = engine(path, &["-i"]);
    assert_eq!((code, &*out), (Some(0), ""));
    let (code, _, log) = engine(path, &["-c", "f.yaml", "--dry-run"]);
    assert!(
        code == Some(0) && log.contains("that is all for a dry run"),
        "{log}"
    );
    let (code, _, log) = engine(
        path,
        &[
            "-c",
            "f.yaml",
            "--dry-run",
            "-o",
            "stdout_output.enabled=false",
        ],
    );
    assert!(
        code == Some(1) && log.contains("Error: no output is enabled"),
        "{log}"
    );
    let (code, _, log) = engine(path, &["--plugin-info", "json"]);
    assert_eq!(
        (code, &*log),
        (Some(1), "Error: there is no plugin `json`\n")
    );
    for arguments in [["--enable-source", "aws"], ["--disable-source", "syscall"]] {
        assert_eq!(engine(path, &arguments).0, Some(1));
    }
    // Who else can write the rules is told.
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path.join("rules.yaml"), fs::Permissions::from_mode(0o666)).unwrap();
    let (_, _, log) = engine(path, &["-c", "f.yaml", "--dry-run"]);
    assert!(
        log.contains("rules.yaml can be written by others than its owner (mode 0666)"),
        "{log}"
    );
    // A pid file that cannot be written has an exit code of its own.
    let arguments = ["-c", "f.yaml", "-e", "none", "-P", "/none/pid"];
    assert_eq!(engine(path, &arguments).0, Some(255));
}
