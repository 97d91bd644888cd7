//! The web server, and what is shown in a terminal.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Service, engine, rules};

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn get(port: u16, host: &str, path: &str) -> Option<(String, String)> {
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
    // All events are of one thread, which nobody has introduced.
    let number = |name: &str| -> u64 {
        let line = line(&format!("falcosecurity_scap_{name}_total "));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert_eq!(number("n_failed_thread_lookups"), 1);
    assert!(number("n_cached_thread_lookups") > 0);
    assert_eq!(number("n_noncached_thread_lookups"), 0);
    assert_eq!(number("n_added_threads"), number("n_threads"));
    let rule = line("falcosecurity_falco_rules_matches_total{");
    assert!(
        rule.contains(
            "{priority=\"4\",rule_name=\"first\",source=\"syscall\",tag_some_tag=\"true\"} "
        ),
        "{rule}"
    );
    line("falcosecurity_falco_rules_evaluations_sampled_total{rule_name=\"first\"} ");
    let cost = line("falcosecurity_falco_rules_evaluation_nanoseconds_total{rule_name=\"first\"} ");
    let cost: u64 = cost.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(cost > 0);
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
    assert!(status["rules"][0]["cost"].as_u64() > Some(0));
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
fn the_view_waits_for_an_engine_that_was_there() {
    let port = free_port();
    let text = format!("webserver: {{enabled: true, listen_port: {port}}}\n");
    let mut service = Service::start(&text, |_| {});
    service.wait_for("an answer", |_| get(port, "localhost", "/status").is_some());
    let out = service.path("view");
    let mut view = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(["top", &format!("127.0.0.1:{port}")])
        .stdout(fs::File::create(&out).unwrap())
        .spawn()
        .unwrap();
    let lines = |service: &Service, start: &str| {
        let text = service.read("view");
        text.lines().filter(|line| line.starts_with(start)).count()
    };
    service.wait_for("a picture", |service| lines(service, "falco ") > 0);
    let off = "webserver: {enabled: false";
    service.configure("webserver: {enabled: true", off);
    service.wait_for("the message", |service| lines(service, "cannot ask ") > 0);
    let before = lines(&service, "falco ");
    service.configure(off, "webserver: {enabled: true");
    service.wait_for("a picture", |service| lines(service, "falco ") > before);
    view.kill().unwrap();
    view.wait().unwrap();
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn a_web_server_that_cannot_be_had_leaves_the_old_one() {
    let (port, taken) = (free_port(), TcpListener::bind("127.0.0.1:0").unwrap());
    let settings = format!(
        "watch_config_files: false\nwebserver: {{enabled: true, listen_port: {port}, \
         threadiness: 3}}\n"
    );
    let mut service = Service::start(&settings, |command| {
        command.arg("-v");
    });
    let healthy = |port| get(port, "localhost", "/healthz").is_some();
    service.wait_for("an answer", |_| healthy(port));
    let threads = || {
        let id = service.child.as_ref().unwrap().id();
        let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let name = |task: std::io::Result<fs::DirEntry>| {
            fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks
            .filter_map(name)
            .filter(|name| name == "web\n")
            .count()
    };
    // One of them may answer before the last has its name.
    service.wait_for("three threads", |_| threads() == 3);
    let original = service.read("falco.yaml");
    let reload = |from: &str, to: &str| {
        service.configure(from, to);
        service.signal(Signal::SIGHUP);
    };
    let failures = |service: &Service| {
        let alert = "Critical Falco internal: hot restart failure: webserver: ";
        service.read("events").matches(alert).count()
    };
    // No certificate there, then a port that somebody else has. The rules of these
    // configurations are not used either.
    fs::write(service.path("rules.yaml"), rules("second")).unwrap();
    reload(
        "threadiness: 3",
        "ssl_enabled: true, ssl_certificate: DIR/none",
    );
    service.wait_for("the alert", |service| failures(service) == 1);
    assert!(healthy(port));
    fs::write(service.path("falco.yaml"), &original).unwrap();
    let other = taken.local_addr().unwrap().port().to_string();
    reload(
        &format!("listen_port: {port}"),
        &format!("listen_port: {other}"),
    );
    service.wait_for("the alert", |service| failures(service) == 2);
    assert!(healthy(port));
    service.wait_for_alerts("first");
    assert!(!service.read("events").contains("Warning second "));
    // The same address again, then all addresses, which excludes one of them.
    let done = |service: &Service, count| {
        service.wait_for("the reload", |service| {
            service.log().matches("events waited for ").count() == count
        });
    };
    fs::write(service.path("falco.yaml"), &original).unwrap();
    reload("threadiness: 3", "prometheus_metrics_enabled: true");
    done(&service, 1);
    assert!(healthy(port));
    service.wait_for_alerts("second");
    reload(
        "prometheus_metrics_enabled: true",
        "listen_address: 0.0.0.0",
    );
    done(&service, 2);
    assert!(healthy(port));
    assert_eq!(threads(), 1);
    // `-v` still counts: what is no request is told.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"\x01\r\n\r\n").unwrap();
    service.wait_for("the message", |service| {
        service.log().contains(": webserver: invalid HTTP")
    });
    assert_eq!(service.end().code(), Some(0));
    service.check_no_gap(&["first", "second"]);
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
    // The view in a terminal finds it by the configuration.
    let arguments = ["top", "-n", "1", "-c", "falco.yaml"];
    let (code, out, log) = engine(service.directory.path(), &arguments);
    assert!(code == Some(0) && out.starts_with("falco "), "{out}{log}");
    assert_eq!(service.end().code(), Some(0));
}
