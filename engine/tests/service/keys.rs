//! Keys of the configuration that change what alerts say.

use std::fs;

use tempfile::TempDir;

use super::web::{free_port, get};
use super::{Service, engine, feed};

const RULES: &str = "\
- rule: Read
  desc: d
  condition: evt.type = read and evt.buffer startswith abc
  output: read data=%evt.buffer arg=%evt.arg.data len=%evt.rawarg.data
  priority: INFO
- rule: Opened
  desc: d
  condition: evt.type = openat and static.env = prod
  output: opened %evt.arg.name in %static.env and %static.site.no
  priority: INFO
";

/// Number of the type of a `read` that has returned, in captures.
const READ: u16 = 7;

/// A directory with a capture of two events and a configuration.
fn prepared(settings: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let data = b"abc\x00\xff\n";
    let length = (data.len() as u64).to_le_bytes();
    let events = [
        feed::section(),
        feed::openat(7, feed::time(0)),
        feed::event(READ, feed::time(1), &[&length, data]),
    ];
    fs::write(path.join("capture.scap"), events.concat()).unwrap();
    fs::write(path.join("rules.yaml"), RULES).unwrap();
    let text = format!(
        "rules_files: [rules.yaml]\nstdout_output: {{enabled: true}}\nlog_syslog: false\n\
         static_fields: {{env: prod, site.no: 12}}\n{settings}"
    );
    fs::write(path.join("falco.yaml"), text).unwrap();
    directory
}

/// The lines of alerts, without their times.
fn alerts(directory: &TempDir, more: &[&str]) -> Vec<String> {
    let arguments = ["-c", "falco.yaml", "-e", "capture.scap"];
    let (code, out, log) = engine(directory.path(), &[&arguments, more].concat());
    assert_eq!(code, Some(0), "{log}");
    let lines = out.lines().take_while(|line| !line.starts_with("Events"));
    lines
        .map(|line| line.split_once(": ").unwrap_or(("", line)).1.to_owned())
        .collect()
}

#[test]
fn static_fields_are_fields() {
    let directory = prepared("");
    let lines = alerts(&directory, &[]);
    assert_eq!(lines[0], "Informational opened /event/7 in prod and 12");
    // Another value, other alerts.
    let lines = alerts(&directory, &["-o", "static_fields.env=test"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    // They are suggested, before those of containers.
    let suggested = ["-o", "append_output[].suggested_output=true"];
    let lines = alerts(&directory, &suggested);
    let rest = " static_env=prod static_site_no=12 container_id=";
    assert!(lines[0].contains(&format!(" and 12{rest}")), "{lines:?}");
    let json = [&suggested[..], &["-o", "json_output=true"]].concat();
    let (_, out, _) = engine(
        directory.path(),
        &[&["-c", "falco.yaml", "-e", "capture.scap"], &json[..]].concat(),
    );
    assert!(out.contains(r#""static.env":"prod""#), "{out}");
    // What is misspelled has its place and the nearest name.
    let text = RULES.replace("%static.env", "%static.enf");
    fs::write(directory.path().join("rules.yaml"), text).unwrap();
    let (code, _, log) = engine(directory.path(), &["-c", "falco.yaml", "--dry-run"]);
    assert_eq!(code, Some(1));
    assert!(
        log.contains("rules.yaml:9:") && log.contains("did you mean `static.env`"),
        "{log}"
    );
}

#[test]
fn static_fields_that_no_rule_could_name_are_left_out() {
    let directory = prepared("");
    let option = r#"static_fields={"a-b": 1, env: prod, site.no: 1}"#;
    let arguments = ["-c", "falco.yaml", "--dry-run", "-o", option];
    let (code, _, log) = engine(directory.path(), &arguments);
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("static_fields.a-b is left out: `a-b` cannot be part of a field's name"),
        "{log}"
    );
}

#[test]
fn bytes_as_base64() {
    let directory = prepared("");
    let shown = |more: &[&str]| alerts(&directory, more).remove(1);
    assert_eq!(
        shown(&[]),
        "Informational read data=abc... arg=abc... len=abc..."
    );
    let expected = "Informational read data=YWJjAP8K arg=YWJjAP8K len=YWJjAP8K";
    for option in [&["-o", "buffer_format_base64=true"][..], &["-b"]] {
        assert_eq!(shown(option), expected);
    }
    let json = ["-b", "-o", "json_output=true"];
    let (_, out, _) = engine(
        directory.path(),
        &[&["-c", "falco.yaml", "-e", "capture.scap"], &json[..]].concat(),
    );
    assert!(out.contains(r#""evt.buffer":"YWJjAP8K""#), "{out}");
}

#[test]
fn keys_of_the_form_of_alerts() {
    let directory = prepared("");
    let shown = |option: &str, json: bool| {
        let mut arguments = vec!["-c", "falco.yaml", "-e", "capture.scap", "-o", option];
        if json {
            arguments.extend(["-o", "json_output=true"]);
        }
        let (code, out, log) = engine(directory.path(), &arguments);
        assert_eq!(code, Some(0), "{log}");
        (out.lines().next().unwrap().to_owned(), log)
    };
    // The option, and a text that an alert has with one value of it and not with the other.
    for (key, text) in [
        ("json_include_output_property", "\"output\":"),
        ("json_include_message_property", "\"message\":"),
        ("json_include_output_fields_property", "\"output_fields\":"),
        ("json_include_tags_property", "\"tags\":"),
    ] {
        for value in [true, false] {
            let (line, _) = shown(&format!("{key}={value}"), true);
            assert_eq!(line.contains(text), value, "{key}: {line}");
        }
    }
    // `2026-…T…` in alerts and in the log.
    let is_iso = |line: &str| {
        let bytes = line.as_bytes();
        bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && bytes[10] == b'T'
    };
    for value in [true, false] {
        let (line, log) = shown(&format!("time_format_iso_8601={value}"), false);
        assert_eq!(is_iso(&line), value, "{line}");
        assert_eq!(is_iso(&log), value, "{log}");
    }
}

#[test]
fn silence_is_told_after_so_many_seconds() {
    let directory = prepared("engine: {kind: nodriver}\n");
    let run = |seconds: u64| {
        let limit = format!("syscall_event_timeouts.max_consecutives={seconds}");
        let arguments = ["-c", "falco.yaml", "-M", "5", "-o", &limit];
        let (code, out, log) = engine(directory.path(), &arguments);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("no system call is looked at"), "{log}");
        out
    };
    let alert = " Debug Falco internal: timeouts notification";
    let out = run(1);
    assert!(out.contains(alert), "{out}");
    assert!(!run(1000).contains(alert));
}

#[test]
fn metrics_and_page_have_what_is_asked_for() {
    let port = free_port();
    let toggles = [
        (
            "rules_counters_enabled",
            "falcosecurity_falco_rules_matches_total{",
        ),
        (
            "resource_utilization_enabled",
            "falcosecurity_falco_memory_rss_bytes ",
        ),
        (
            "state_counters_enabled",
            "falcosecurity_scap_n_threads_total ",
        ),
        (
            "kernel_event_counters_enabled",
            "falcosecurity_scap_n_evts_total ",
        ),
    ];
    let mut settings = format!(
        "watch_config_files: false\nwebserver: {{enabled: true, listen_port: {port}, \
         prometheus_metrics_enabled: true, status_page_enabled: false}}\n\
         metrics:\n  enabled: true\n  interval: 200ms\n  output_file: DIR/metrics\n  \
         convert_memory_to_mb: true\n  include_empty_values: false\n"
    );
    for (key, _) in toggles {
        settings += &format!("  {key}: true\n");
    }
    let mut service = Service::start(&settings, |_| {});
    let metrics = || {
        get(port, "localhost", "/metrics")
            .map(|(_, body)| body)
            .unwrap_or_default()
    };
    service.wait_for("a count", |_| metrics().contains(toggles[0].1));
    let page = |path| get(port, "localhost", path).unwrap().0;
    for path in ["/", "/status"] {
        assert!(page(path).starts_with("HTTP/1.1 404"));
    }
    let snapshot = |service: &Service| -> Option<serde_json::Value> {
        let text = service.read("metrics");
        let line = text.lines().next_back().filter(|_| text.ends_with('\n'))?;
        Some(serde_json::from_str::<serde_json::Value>(line).ok()?["output_fields"].clone())
    };
    let has =
        |service: &Service, key: &str| snapshot(service).is_some_and(|all| !all[key].is_null());
    service.wait_for("a snapshot", |service| has(service, "falco.memory_rss_mb"));
    assert!(!has(&service, "scap.n_drops_bug"));
    let reload = |from: &str, to: &str| {
        service.configure(from, to);
        service.signal(nix::sys::signal::Signal::SIGHUP);
    };
    reload("include_empty_values: false", "include_empty_values: true");
    service.wait_for("an empty value", |service| has(service, "scap.n_drops_bug"));
    reload("convert_memory_to_mb: true", "convert_memory_to_mb: false");
    service.wait_for("bytes", |service| has(service, "falco.memory_rss_bytes"));
    for (key, name) in toggles {
        assert!(metrics().contains(&format!("\n{name}")), "{key}");
        reload(&format!("{key}: true"), &format!("{key}: false"));
        service.wait_for(key, |_| !metrics().contains(&format!("\n{name}")));
        assert!(metrics().contains("falcosecurity_falco_version_info{"));
    }
    reload("status_page_enabled: false", "status_page_enabled: true");
    service.wait_for("the page", |_| page("/").starts_with("HTTP/1.1 200"));
    assert_eq!(service.end().code(), Some(0));
}
