//! Configurations of several files, and who may write them.

use std::fs;
use std::path::PathBuf;

use falco_engine::config::{self, Config, DropAction};
use tempfile::TempDir;

struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = text.replace("DIR", directory.path().to_str().unwrap());
            fs::write(path, text).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn load(&self, options: &[&str]) -> Result<Config, String> {
        let options: Vec<_> = options.iter().map(|option| (*option).to_owned()).collect();
        config::load(&self.path("main.yaml"), &options)
            .map(|loaded| {
                let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
                assert!(warnings.is_empty(), "{warnings:?}");
                loaded.config
            })
            .map_err(|error| {
                error
                    .to_string()
                    .replace(self.0.path().to_str().unwrap(), "DIR")
            })
    }
}

fn rules(config: &Config) -> Vec<&str> {
    config
        .rules_files
        .iter()
        .map(|file| file.value.as_str())
        .collect()
}

#[test]
fn files_are_merged_in_order_by_their_strategies() {
    let files = Files::new(&[
        (
            "main.yaml",
            "config_files:\n\
             - DIR/one.yaml\n\
             - {path: DIR/two.yaml, strategy: override}\n\
             - {path: DIR/none.yaml}\n\
             - {path: DIR/three.yaml, strategy: add-only}\n\
             rules_files: [main]\n\
             priority: error\n\
             file_output: {enabled: true, filename: main}\n",
        ),
        (
            "one.yaml",
            "rules_files: [one]\npriority: info\nfile_output: {keep_alive: true}\n",
        ),
        ("two.yaml", "rules_files: [two]\n"),
        (
            "three.yaml",
            "rules_files: [three]\nrule_matching: all\npriority: alert\n",
        ),
    ]);
    let config = files.load(&[]).unwrap();
    assert_eq!(rules(&config), ["two"]);
    assert_eq!(config.priority.name(), "Informational");
    // A map is replaced as a whole.
    assert!(config.outputs.file.keep_alive && !config.outputs.file.enabled);
    assert_eq!(config.rule_matching, config::RuleMatching::All);
    let names = ["main.yaml", "one.yaml", "two.yaml", "three.yaml"];
    assert_eq!(config.files, names.map(|name| files.path(name)));
}

#[test]
fn lists_grow_and_options_come_last() {
    let files = Files::new(&[
        (
            "main.yaml",
            "config_files: [DIR/d]\nrules_files: [main]\njson_output: false\n",
        ),
        ("d/b.yaml", "rules_files: [b]\n"),
        (
            "d/a.yaml",
            "rules_files: [a]\njson_output: true\nsyscall_event_drops: {actions: [exit]}\n",
        ),
        ("d/sub/c.yaml", "rules_files: [c]\n"),
        ("more.yaml", "rules_files: [more]\n"),
    ]);
    let config = files.load(&["rules_files[]=option"]).unwrap();
    assert_eq!(rules(&config), ["main", "a", "b", "option"]);
    assert!(config.outputs.format.json);
    assert_eq!(config.drops.actions, [DropAction::Exit]);
    assert_eq!(
        config.watched,
        ["main.yaml", "d"].map(|name| files.path(name))
    );
    // Which files there are is decided before they are read.
    let more = files.path("more.yaml").display().to_string();
    let option = format!("config_files[]={more}");
    let config = files.load(&["json_output=false", &option]).unwrap();
    assert_eq!(rules(&config), ["main", "a", "b", "more"]);
    assert!(!config.outputs.format.json);
}

#[test]
fn what_is_wrong_with_a_file_is_shown_there() {
    for (main, other, expected) in [
        (
            "config_files: [DIR/o.yaml]",
            "config_files: []",
            "DIR/o.yaml:1:1: error: config_files: an included file cannot include others",
        ),
        (
            "config_files: [DIR/o.yaml]",
            "json_output: 5",
            "DIR/o.yaml:1:14: error: json_output must be true or false, not `5`",
        ),
        ("config_files: [DIR/o.yaml]", "a: [", "DIR/o.yaml:"),
        (
            "config_files: [DIR/o.yaml]",
            "- x",
            "DIR/o.yaml:1:1: error: config_files: the file must be a map of keys",
        ),
        (
            "config_files: [DIR/main.yaml]",
            "",
            "DIR/main.yaml:1:16: error: config_files: `DIR/main.yaml` is the main file",
        ),
        (
            "config_files: x",
            "",
            "DIR/main.yaml:1:15: error: config_files: must be a list of paths or maps",
        ),
        (
            "config_files: [{strategy: append}]",
            "",
            "DIR/main.yaml:1:16: error: config_files: an item needs a `path`",
        ),
        (
            "config_files: [{path: x, strategy: mix}]",
            "",
            "DIR/main.yaml:1:36: error: config_files: strategy must be one of append, override, add-only, not `mix`",
        ),
        (
            "config_files: [{path: x, how: y}]",
            "",
            "DIR/main.yaml:1:26: error: config_files: an item must be a path or a map with `path` and `strategy`",
        ),
        (
            "config_files: [[x]]",
            "",
            "DIR/main.yaml:1:16: error: config_files: an item must be a path or a map",
        ),
    ] {
        let files = Files::new(&[("main.yaml", main), ("o.yaml", other)]);
        let error = files.load(&[]).unwrap_err();
        assert!(error.starts_with(expected), "{main}: {error}");
    }
}

#[test]
fn paths_of_files_can_come_from_the_environment() {
    let files = Files::new(&[
        (
            "main.yaml",
            "config_files: ['${CARGO_MANIFEST_DIR}/../rules/none', 'DIR/${NO_SUCH_VARIABLE}o.yaml']\n",
        ),
        (
            "o.yaml",
            "file_output: {filename: '$${A}${CARGO_PKG_NAME}${NO_SUCH_VARIABLE}'}\n",
        ),
    ]);
    let config = files.load(&[]).unwrap();
    assert_eq!(
        config.outputs.file.filename.to_str(),
        Some("${A}falco-engine")
    );
}

#[test]
fn what_needs_more_is_refused() {
    for (text, expected) in [
        (
            "http_output: {enabled: true}",
            "main.yaml:1:24: error: http_output.enabled needs http_output.url",
        ),
        (
            "program_output: {enabled: true}",
            "main.yaml:1:27: error: program_output.enabled needs program_output.program",
        ),
        (
            "remote_syslog_output: {enabled: true}",
            "main.yaml:1:33: error: remote_syslog_output.enabled needs remote_syslog_output.address",
        ),
        (
            "webserver: {listen_address: everywhere}",
            "main.yaml:1:29: error: webserver.listen_address must be an IP address",
        ),
        (
            "webserver: {k8s_healthz_endpoint: healthz}",
            "main.yaml:1:35: error: webserver.k8s_healthz_endpoint must be a path",
        ),
        (
            "metrics: {interval: 10}",
            "main.yaml:1:21: error: metrics.interval must be a time such as",
        ),
        (
            "metrics: {interval: 99ms}",
            "main.yaml:1:21: error: metrics.interval must be a time such as",
        ),
        (
            "syscall_event_drops: {actions: [ignore, log]}",
            "main.yaml:1:32: error: syscall_event_drops.actions: `ignore` excludes",
        ),
        (
            "syscall_event_drops: {actions: [cry]}",
            "main.yaml:1:33: error: syscall_event_drops.actions must be one of",
        ),
        (
            "syscall_event_drops: {threshold: 1.5}",
            "main.yaml:1:34: error: syscall_event_drops.threshold must be a number from 0 to 1",
        ),
        (
            "http_output: {headers: {'a b': c}}",
            "main.yaml:1:25: error: `a b` cannot be the name of a header",
        ),
        (
            "http_output: {headers: {a: \"x\\ny\"}}",
            "main.yaml:1:28: error: http_output.headers.a must be text in one line",
        ),
    ] {
        let files = Files::new(&[("main.yaml", text)]);
        let error = files.load(&[]).unwrap_err();
        assert!(
            error.starts_with(&format!("DIR/{expected}")),
            "{text}: {error}"
        );
    }
}
