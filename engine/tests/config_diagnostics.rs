//! What a configuration says, and what is said about it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use falco_engine::config::{
    self, Config, Diagnostic, EngineKind, Kind, RuleMatching, Support, expand_path, from_text,
    rules_files,
};
use falco_engine::output::Priority;
use falco_engine::rules::report::Text;
use falco_engine::rules::{ExtraField, Match, Placement};

fn warnings(text: &str) -> String {
    headers(text, &from_text("falco.yaml", text, &[]).unwrap().warnings)
}

fn errors(text: &str) -> String {
    headers(text, &from_text("falco.yaml", text, &[]).unwrap_err().0)
}

/// Diagnostics about `text` without their excerpts, each of which must show the
/// line and mark a part of it.
fn headers(text: &str, diagnostics: &[Diagnostic]) -> String {
    for diagnostic in diagnostics {
        let shown = diagnostic.to_string();
        let location = diagnostic.location.as_ref().expect("a place");
        let line = text.lines().nth(location.line - 1).unwrap_or_default();
        assert_eq!(location.text, line, "{shown}");
        assert!(location.column <= line.chars().count() + 1, "{shown}");
        let excerpt: Vec<_> = shown.lines().skip(1).take(3).collect();
        assert!(
            matches!(excerpt[..], [_, _, carets] if carets.ends_with('^')),
            "{shown}"
        );
    }
    lines(diagnostics.iter().map(header))
}

fn header(diagnostic: &Diagnostic) -> String {
    let shown = diagnostic.to_string();
    let mut lines = shown.lines();
    let first = lines.next().unwrap_or_default();
    match lines.next_back().filter(|last| last.contains(" hint: ")) {
        Some(hint) => format!("{first}\n{hint}"),
        None => first.to_owned(),
    }
}

/// What the carets are under.
fn marked(diagnostic: &Diagnostic) -> String {
    let location = diagnostic.location.as_ref().expect("a place");
    let from_column = location.text.chars().skip(location.column - 1);
    from_column.take(location.width).collect()
}

fn lines(diagnostics: impl Iterator<Item = impl ToString>) -> String {
    diagnostics
        .map(|line| line.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

fn config(text: &str) -> Config {
    from_text("falco.yaml", text, &[]).unwrap().config
}

#[test]
fn the_shipped_file_is_valid_and_says_what_it_means() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules/falco.yaml");
    let loaded = config::load(&path, &[]).unwrap();
    assert_eq!(lines(loaded.warnings.iter()), "");
    let config = loaded.config;
    assert_eq!(
        config
            .rules_files
            .iter()
            .map(|file| file.value.as_str())
            .collect::<Vec<_>>(),
        [
            "/etc/falco/falco_rules.yaml",
            "/etc/falco/falco_rules.local.yaml",
            "/etc/falco/rules.d"
        ]
    );
    assert_eq!(config.priority, Priority::Debug);
    assert_eq!(config.rule_matching, RuleMatching::First);
    assert_eq!(config.engine.buffer_size, 8 << 20);
    assert!(config.outputs.syslog && config.outputs.file.enabled && !config.outputs.stdout);
    assert!(!config.outputs.file.keep_alive);
    assert_eq!(
        config.outputs.file.filename,
        Path::new("/var/log/falco/events.log")
    );
    assert!(config.log.stderr && !config.log.syslog);
    let [entry] = &config.append_output[..] else {
        panic!("one entry")
    };
    assert_eq!(entry.matches.source.as_deref(), Some("syscall"));
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_owned());
    assert_eq!(
        text(&entry.extra_output).as_deref(),
        Some("namespace=%k8s.ns.name")
    );
    assert_eq!(entry.placement, Placement::BeforeClosingParenthesis);
    assert_eq!(text(&entry.when).as_deref(), Some("k8s.ns.name exists"));
}

#[test]
fn defaults() {
    let config = config("");
    assert!(config.outputs.format.include_output && config.outputs.format.include_tags);
    assert!(!config.outputs.format.include_message && !config.outputs.format.json);
    assert_eq!(config.engine.buffer_size, 8 << 20);
    assert_eq!(config.outputs.timeout_ms, 2000);
    assert_eq!(config.log.level, Priority::Informational);
    assert_eq!(config.outputs.syslog_socket, Path::new("/dev/log"));
    assert!(config.append_output.is_empty() && config.rules_files.is_empty());
}

#[test]
fn errors_name_line_column_and_text() {
    for (text, expected) in [
        (
            "json_output: maybe\n",
            "falco.yaml:1:14: error: json_output must be true or false, not `maybe`",
        ),
        (
            "file_output:\n  enabled: [1, 2]\n",
            "falco.yaml:2:12: error: file_output.enabled must be true or false, not the list `[1, 2]`",
        ),
        (
            "file_output: true\n",
            "falco.yaml:1:14: error: file_output must be a map of keys, not `true`",
        ),
        (
            "engine:\n  kmod:\n    buf_size_preset: 11\n",
            "falco.yaml:3:22: error: engine.kmod.buf_size_preset must be a whole number from 1 to 10, \
             not `11`",
        ),
        (
            "engine: {kind: bpf}\n",
            "falco.yaml:1:16: error: engine.kind must be one of auto, kmod, modern_ebpf, replay, \
             nodriver, not `bpf`",
        ),
        (
            "priority: loud\n",
            "falco.yaml:1:11: error: priority must be one of emergency, alert, critical, error, \
             warning, notice, informational, info, debug, not `loud`",
        ),
        (
            "rules_files: {a: b}\n",
            "falco.yaml:1:14: error: rules_files must be a list of texts, not the map `{a: b}`",
        ),
        (
            "rules_files:\n  - a.yaml\n  - {b: c}\n",
            "falco.yaml:3:5: error: rules_files[1] must be text, not the map `{b: c}`",
        ),
        (
            "append_output:\n  - placement: left\n    when: [a]\n",
            "falco.yaml:2:16: error: append_output.placement must be one of end, \
             before_closing_parenthesis, not `left`\n\
             falco.yaml:3:11: error: append_output.when must be text, not the list `[a]`",
        ),
        (
            "append_output: {when: a}\n",
            "falco.yaml:1:16: error: append_output must be a list of maps, not the map `{when: a}`",
        ),
        (
            "priority: info\npriority: debug\n",
            "falco.yaml:2:1: error: key `priority` was already given in line 1",
        ),
        (
            "- a\n",
            "falco.yaml:1:1: error: the configuration must be a map of keys, not the list `[a]`",
        ),
        (
            "rules_files: [a]\nrules_file: b\n",
            "falco.yaml:2:13: warning: rules_file is the old name of rules_files\n\
             falco.yaml:2:13: error: rules_file is the old name of rules_files; only one may be given",
        ),
    ] {
        assert_eq!(errors(text), expected);
    }
    let syntax = errors("a: [1\nb: 2\n");
    assert!(
        syntax.starts_with("falco.yaml:2:") && syntax.contains("not valid YAML"),
        "{syntax}"
    );
    let long = errors(&format!("json_output: {}\n", "é\u{1b}[31m".repeat(1000)));
    assert!(
        long.chars().count() < 200 && !long.contains('\u{1b}'),
        "{long}"
    );
}

#[test]
fn diagnostics_show_the_line_and_mark_the_text() {
    let text = "json_output: maybe # sure\nfile_output: {enabled: true, file_name: /x}\nengine:\n  \
                kind: \"bpf\"\n  kmod:\n    buf_size_preset:\n      - 1\n      - 2\n";
    let found = from_text("falco.yaml", text, &[]).unwrap_err();
    assert_eq!(
        found.to_string(),
        "\
falco.yaml:1:14: error: json_output must be true or false, not `maybe`
   |
 1 | json_output: maybe # sure
   |              ^^^^^
falco.yaml:2:30: warning: unknown key file_output.file_name
   |
 2 | file_output: {enabled: true, file_name: /x}
   |                              ^^^^^^^^^
  hint: did you mean `file_output.filename`?
falco.yaml:4:9: error: engine.kind must be one of auto, kmod, modern_ebpf, replay, nodriver, not `bpf`
   |
 4 |   kind: \"bpf\"
   |         ^^^^^
falco.yaml:7:7: error: engine.kmod.buf_size_preset must be a whole number from 1 to 10, not the list `[1, 2]`
   |
 7 |       - 1
   |       ^^^"
    );
}

#[test]
fn a_file_may_close_a_list_at_the_margin() {
    let text = "rules_files: [\n  a.yaml,\n]\njson_output: maybe\n";
    let found = from_text("falco.yaml", text, &[]).unwrap_err().0;
    assert_eq!(found.iter().map(marked).collect::<Vec<_>>(), ["maybe"]);
}

#[test]
fn all_errors_are_found_at_once() {
    let text = "json_output: 1\npriority: x\nunknown_thing: 2\nlog_stderr: 3\n";
    assert_eq!(errors(text).lines().count(), 4);
}

#[test]
fn unknown_keys_are_warnings_with_the_nearest_one() {
    for (text, expected) in [
        (
            "json_ouptut: true\n",
            "falco.yaml:1:1: warning: unknown key json_ouptut\n  hint: did you mean `json_output`?",
        ),
        (
            "file_output:\n  enabled: true\n  file_name: /x\n",
            "falco.yaml:3:3: warning: unknown key file_output.file_name\n  hint: did you mean `file_output.filename`?",
        ),
        (
            "append_output:\n  - match: {tag: [a]}\n",
            "falco.yaml:2:13: warning: unknown key append_output.match.tag\n  hint: did you mean `append_output.match.tags`?",
        ),
        (
            "grpc: {enabled: true}\n",
            "falco.yaml:1:1: warning: unknown key grpc",
        ),
        (
            "capture: {enabled: true, mode: rules, before_events: 5}\n",
            "",
        ),
        (
            "metrics: {enabled: true, jemalloc_stats_enabled: true}\n",
            "falco.yaml:1:50: warning: key metrics.jemalloc_stats_enabled has no effect: the \
             allocator is not jemalloc",
        ),
        (
            "metrics: {enabled: false, jemalloc_stats_enabled: true}\n",
            "",
        ),
        ("webserver:\njson_output: ~\n", ""),
        (
            "load_plugins: [json]\n",
            "falco.yaml:1:15: warning: key load_plugins is not supported yet: plugins are not \
             loaded; only `container` is built in",
        ),
        ("load_plugins: [container]\nplugins: [{name: json}]\n", ""),
        ("plugins: [{name: container}]\n", ""),
        (
            "plugins: [{name: json}]\n",
            "falco.yaml:1:10: warning: key plugins is not supported yet: plugins are not loaded",
        ),
        (
            "container_engines: {cri: {enabled: true}}\n",
            "falco.yaml:1:36: warning: key container_engines.cri.enabled has no effect: containers \
             are recognised by the program itself",
        ),
    ] {
        assert_eq!(warnings(text), expected, "{text}");
    }
}

#[test]
fn what_works_with_falco_is_no_error() {
    // One text is a list of one.
    let text = "rules_files: /x\nload_plugins: container\nbase_syscalls: {custom_set: read}\n";
    assert_eq!(warnings(text), "");
    let read = config(text);
    assert_eq!(read.rules_files[0].value, "/x");
    assert_eq!(read.base_syscalls.custom_set[0].value, "read");
    assert_eq!(
        warnings("load_plugins: json\n"),
        "falco.yaml:1:15: warning: key load_plugins is not supported yet: plugins are not loaded; \
         only `container` is built in"
    );
    assert_eq!(
        config("engine: {kind: nodriver}").engine.kind,
        EngineKind::Nodriver
    );
    // Falco has no bounds for these.
    for (key, value, bound) in [
        ("webserver.threadiness", 1_000, 64),
        ("outputs_queue.capacity", 1 << 40, 1 << 24),
        ("falco_libs.thread_table_size", 1 << 40, 1 << 24),
        (
            "falco_libs.thread_table_auto_purging_interval_s",
            1 << 40,
            1 << 24,
        ),
        (
            "falco_libs.thread_table_auto_purging_thread_timeout_s",
            1 << 40,
            1 << 24,
        ),
        ("syscall_event_drops.max_burst", 1 << 40, 1_000_000),
        ("output_timeout", 0, 1),
        ("output_timeout", 7_200_000, 3_600_000),
        ("http_output.max_consecutive_timeouts", 256, 255_u64),
    ] {
        let load = |value: u64| from_text("f", "", &[format!("{key}={value}")]).unwrap();
        let loaded = load(value);
        let [warning] = &loaded.warnings[..] else {
            panic!("{key}: {}", lines(loaded.warnings.iter()))
        };
        let text = format!("{key} is taken as {bound}: ");
        assert!(warning.to_string().contains(&text), "{warning}");
        let at_bound = load(bound);
        assert!(at_bound.warnings.is_empty());
        let shown = |mut config: Config| {
            config.sources.clear();
            format!("{config:?}")
        };
        assert_eq!(shown(loaded.config), shown(at_bound.config), "{key}");
    }
}

#[test]
fn the_schema_has_the_words_of_choices() {
    let schema = config::reference::json_schema();
    let words = |path: &str| {
        let pointer = format!("/properties/{}/enum", path.replace('.', "/properties/"));
        schema
            .pointer(&pointer)
            .and_then(|words| words.as_array())
            .cloned()
    };
    for (key, word) in [
        ("engine.kind", "nodriver"),
        ("priority", "debug"),
        ("priority", "Debug"),
        ("rule_matching", "all"),
        ("capture.mode", "all_rules"),
        ("remote_syslog_output.transport", "TLS"),
        ("log_level", "info"),
    ] {
        let words = words(key).unwrap_or_else(|| panic!("no words of {key}"));
        assert!(words.contains(&word.into()), "{key}: {words:?}");
    }
}

#[test]
fn append_output_in_all_its_forms() {
    let text = "\
append_output:
  - suggested_output: true
  - match: {source: syscall, tags: [a, b], rule: R}
    extra_output: x=%proc.name
    extra_fields: [evt.num, {k: '%proc.name!', l: x}]
";
    assert_eq!(warnings(text), "");
    let config = config(text);
    let [first, second] = &config.append_output[..] else {
        panic!("two entries")
    };
    assert_eq!(first.matches, Match::default());
    assert!(first.suggested && !second.suggested);
    assert_eq!(first.placement, Placement::End);
    assert_eq!(second.matches.rule.as_deref(), Some("R"));
    assert_eq!(second.matches.tags, ["a", "b"]);
    let fields: Vec<_> = second
        .extra_fields
        .iter()
        .map(|field| match field {
            ExtraField::Field(name) => (name.as_str(), None),
            ExtraField::Formatted { name, format } => (name.as_str(), Some(format.as_str())),
        })
        .collect();
    assert_eq!(
        fields,
        [
            ("evt.num", None),
            ("k", Some("%proc.name!")),
            ("l", Some("x"))
        ]
    );
}

#[test]
fn options_override_the_file() {
    let options = [
        "json_output=true",
        "append_output[].when=evt.type = open",
        "engine.kmod.buf_size_preset=1",
    ];
    let options = options.map(str::to_owned);
    let config = from_text("f", "json_output: false", &options)
        .unwrap()
        .config;
    assert!(config.outputs.format.json);
    assert_eq!(
        config.append_output[0].when.as_ref().unwrap().as_str(),
        "evt.type = open"
    );
    assert_eq!(config.engine.buffer_size, 1 << 20);
    let error = from_text("f", "", &["json_output=x".to_owned()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "-o json_output=x: error: json_output must be true or false, not `x`"
    );
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("none.yaml");
    let error = config::load(&missing, &[]).unwrap_err().to_string();
    assert!(
        error.contains("none.yaml: error: cannot read the configuration: No such file"),
        "{error}"
    );
    let binary = directory.path().join("binary.yaml");
    fs::write(&binary, b"a: \xff").unwrap();
    let error = config::load(&binary, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "binary.yaml:1:4: error: not UTF-8 at byte 3\n   |\n 1 | a: \u{fffd}\n   |    ^"
        ),
        "{error}"
    );
    let endless = config::load(Path::new("/dev/zero"), &[])
        .unwrap_err()
        .to_string();
    assert!(endless.contains("larger than 4 MiB"), "{endless}");
}

#[test]
fn rules_files_are_found_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(path("rules.d")).unwrap();
    for name in [
        "main.yaml",
        "rules.d/b.yaml",
        "rules.d/a.yml",
        "rules.d/c.txt",
    ] {
        fs::write(path(name), "").unwrap();
    }
    let text = format!(
        "rules_files: [{}, {}, {}, {}]",
        path("main.yaml"),
        path("main.local.yaml"),
        path("rules.d"),
        path("more.d")
    );
    let found = rules_files(&config(&text).rules_files).unwrap();
    assert_eq!(
        found,
        ["main.yaml", "rules.d/a.yml", "rules.d/b.yaml"].map(|name| directory.path().join(name))
    );
    let text = format!("rules_files:\n  - {}", path("other.yaml"));
    let errors = rules_files(&config(&text).rules_files).unwrap_err();
    let shown = errors.to_string();
    assert!(
        shown.starts_with("falco.yaml:2:5: error: cannot read the rules in"),
        "{shown}"
    );
    assert!(expand_path(&directory.path().join("other.yaml")).is_err());
}

#[test]
fn container_engines_are_those_of_the_plugin() {
    use falco_engine::metadata::engines::Engine;
    let text = "plugins:
  - name: other
    init_config: {anything: 1}
  - name: container
    library_path: libcontainer.so
    init_config:
      label_max_len: 50
      engines:
        docker: {enabled: no}
        podman:
          enabled: true
          sockets: [/run/one.sock]
";
    let engines = config(text).engines;
    assert!(!engines.is_enabled(Engine::Docker) && engines.is_enabled(Engine::Cri));
    let sockets = engines.sockets();
    assert!(sockets.contains(&(Engine::Podman, "/run/one.sock".into())));
    assert!(sockets.iter().all(|(engine, _)| *engine != Engine::Docker));
    let json =
        r#"plugins: [{name: container, init_config: '{"engines": {"cri": {"enabled": false}}}'}]"#;
    assert!(!config(json).engines.is_enabled(Engine::Cri));
    let wrong = errors(
        "plugins:\n  - name: container\n    init_config:\n      engines: {dokcer: {enabled: true}}\n",
    );
    assert!(
        wrong.starts_with("falco.yaml:4:7: error: plugins.init_config of container:"),
        "{wrong}"
    );
    assert!(wrong.contains("dokcer"), "{wrong}");
}

#[test]
fn every_key_of_the_container_plugin_works_or_is_told_to_have_no_effect() {
    let of = |keys: &str| format!("plugins: [{{name: container, init_config: {{{keys}}}}}]");
    assert_eq!(
        warnings(&of("label_max_len: 9, with_size: true, hooks: [create]")),
        ""
    );
    assert!(config(&of("with_size: true")).engines.wants_sizes());
    let told = warnings(&of(
        "hooks: [create, start], engine_timeout: 5, log_level: debug",
    ));
    for key in ["hooks", "engine_timeout", "log_level"] {
        let line = format!("warning: plugins.init_config.{key} has no effect: ");
        assert_eq!(told.matches(&line).count(), 1, "{key}: {told}");
    }
    assert!(errors(&of("hooks: [begin]")).contains("begin"));
    // No socket is as good as not to say which.
    let engines = config(&of("engines: {cri: {enabled: true, sockets: []}}")).engines;
    assert_eq!(engines.sockets(), config("").engines.sockets());
    let only = "container_id: 0123456789abcdef, container_name: web, container_image: 'r/app:v2'";
    let whole = |enabled: bool| {
        of(&format!(
            "engines: {{static: {{enabled: {enabled}, {only}}}}}"
        ))
    };
    let engines = config(&whole(true)).engines;
    let (id, info) = engines.only().unwrap();
    assert_eq!((id, info.name.as_str()), ("0123456789abcdef", "web"));
    assert_eq!(config(&whole(false)).engines.only(), None);
    let wrong = errors(&of(
        "engines: {static: {enabled: true, container_id: one, container_name: two}}",
    ));
    assert!(wrong.contains("container_image"), "{wrong}");
    let empty = whole(true).replace("web", "''");
    assert!(errors(&empty).contains("an empty text names no container"));
}

/// A value of the right type that is not the default, in YAML.
fn other_value<T>(name: &str, kind: &Kind<T>, default: &str) -> String {
    match (name, kind) {
        ("engine.kind", _) => "kmod".into(),
        ("static_fields", _) => "{env: prod, n: 5}".into(),
        ("rules_file", _) => "[a]".into(),
        ("rules", _) => "[{disable: {tag: some}}]".into(),
        ("plugins", _) => "[{name: container, init_config: {label_max_len: 7}}]".into(),
        ("append_output", _) => "[{extra_output: some}]".into(),
        ("config_files", _) => "[/no/such/file]".into(),
        ("http_output.headers", _) => "{x-some: thing}".into(),
        ("webserver.listen_address", _) => "::1".into(),
        ("metrics.interval", _) => "1h30m".into(),
        ("webserver.k8s_healthz_endpoint", _) => "/health".into(),
        ("syscall_event_drops.actions", _) => "[alert, exit]".into(),
        (_, Kind::Bool(_)) => (default != "true").to_string(),
        (_, Kind::Integer { min, .. } | Kind::Clamped { min, .. }) => (min + 7).to_string(),
        (_, Kind::Number { .. }) => "0.7".into(),
        (_, Kind::Text(_)) => "/some/thing".into(),
        (_, Kind::Choice { words, .. }) => (*words.last().unwrap()).into(),
        (_, Kind::Texts(_)) => "[some, thing]".into(),
        (_, Kind::Special { form, .. }) => panic!("{name}: no value for {form}"),
    }
}

#[test]
fn every_key_of_the_table_is_read_and_warned_of_once() {
    let mut text = String::new();
    let mut expected = 0;
    for key in config::KEYS.iter().filter(|key| key.name != "rules_file") {
        let value = other_value(key.name, &key.kind, key.default);
        writeln!(text, "{}={value}", key.name).unwrap();
        expected += usize::from(match key.support {
            Support::Full | Support::Follows(_) => false,
            Support::Pending { .. } | Support::Needless(_) => true,
            // Set to what asks for nothing here.
            Support::Absent { .. } => false,
        });
    }
    let options: Vec<String> = text.lines().map(str::to_owned).collect();
    let loaded = from_text("falco.yaml", "", &options).unwrap();
    assert_eq!(
        loaded.warnings.len(),
        expected,
        "{}",
        lines(loaded.warnings.iter())
    );
    assert!(config::KEYS.len() > 100);
}

#[test]
fn every_key_that_does_something_changes_the_configuration() {
    // What some switches need before they can be turned on.
    let needed = "program_output: {program: a}\nhttp_output: {url: b}\n\
                  remote_syslog_output: {address: c}\n";
    let shown = |options: &[String]| {
        let loaded = from_text("falco.yaml", needed, options);
        let mut config = loaded.unwrap().config;
        // Where it was written is told by places, not by what it says.
        config.sources.clear();
        format!("{config:?}")
    };
    let defaults = shown(&[]);
    for key in config::KEYS {
        if !matches!(key.support, Support::Full) || key.name == "config_files" {
            continue;
        }
        let value = match key.name {
            "engine.kind" => "replay".into(),
            name => other_value(name, &key.kind, key.default),
        };
        if value == key.default {
            continue;
        }
        let option = format!("{}={value}", key.name);
        assert_ne!(shown(&[option]), defaults, "{} does nothing", key.name);
    }
}

/// The keys below `prefix` as nested maps.
fn nested(prefix: &str, indent: usize, text: &mut String) {
    let mut seen = Vec::new();
    for key in config::KEYS.iter().filter(|key| key.name != "rules_file") {
        let Some(rest) = key.name.strip_prefix(prefix) else {
            continue;
        };
        let (name, below) = rest.split_once('.').unwrap_or((rest, ""));
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        write!(text, "{:indent$}{name}:", "").unwrap();
        if below.is_empty() {
            writeln!(text, " {}", other_value(key.name, &key.kind, key.default)).unwrap();
        } else {
            text.push('\n');
            nested(&format!("{prefix}{name}."), indent + 2, text);
        }
    }
}

#[test]
fn a_file_with_every_key_loads() {
    let mut text = String::new();
    nested("", 0, &mut text);
    let loaded = from_text("falco.yaml", &text, &[]).unwrap();
    assert!(
        loaded.warnings.len() > 10,
        "{}",
        lines(loaded.warnings.iter())
    );
    assert!(
        loaded
            .warnings
            .iter()
            .filter_map(|warning| warning.location.as_ref())
            .filter(|location| location.line > 0 && location.column > 1)
            .count()
            == loaded.warnings.len()
    );
    assert!(!lines(loaded.warnings.iter()).contains("unknown"));
    assert!(loaded.config.outputs.format.json && loaded.config.outputs.file.enabled);
}

#[test]
fn the_table_is_consistent() {
    for (index, key) in config::KEYS.iter().enumerate() {
        assert!(
            !key.meaning.is_empty() && !key.kind.form().is_empty(),
            "{}",
            key.name
        );
        assert!(
            config::KEYS[..index]
                .iter()
                .all(|other| other.name != key.name),
            "{}",
            key.name
        );
        if let Support::Follows(switch) = key.support {
            assert!(
                config::KEYS.iter().any(|other| other.name == switch),
                "{switch}"
            );
        }
        if !key.default.is_empty() && !matches!(key.support, Support::Needless(_)) {
            // The default set explicitly changes nothing and warns of nothing.
            let option = format!("{}={}", key.name, key.default);
            let loaded = from_text("f", "", std::slice::from_ref(&option)).unwrap();
            assert_eq!(lines(loaded.warnings.iter()), "", "{option}");
        }
    }
}
