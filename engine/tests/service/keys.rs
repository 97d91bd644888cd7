//! Keys of the configuration that change what alerts say.

use std::fs;

use tempfile::TempDir;

use super::{engine, feed};

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
