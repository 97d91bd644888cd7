//! Options that print something and end.

use std::fs;

use serde_json::Value;

use super::{engine, rules};

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
        let (code, _, log) = engine(
            path,
            &[&["-c", "f.yaml", "--dry-run"], &arguments[..]].concat(),
        );
        assert!(code == Some(1) && log.contains("Error: "), "{log}");
        // A capture has the sources that it has.
        let capture = ["-c", "f.yaml", "--dry-run", "-e", "none"];
        let (code, _, log) = engine(path, &[&capture, &arguments[..]].concat());
        assert_eq!(code, Some(0), "{log}");
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
