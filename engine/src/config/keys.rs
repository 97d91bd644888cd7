//! The table of keys.
//!
//! A key that is added here is read, checked, explained when it is misspelled
//! and described in the documentation; nothing else has to know about it.

use super::schema::{Key, Kind, Reader, Support};
use super::{Config, EngineKind, RuleMatching, RuleSelection, RuleSelector, Text};
use crate::rules::report::Text as Phrase;
use crate::rules::{AppendOutput, ExtraField, Match, Placement};
use crate::yaml::{self, Node};
use Support::{Follows, Full, Needless, Pending};

const LEVELS: &[&str] = &[
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "info",
    "debug",
];

/// Size of a processor's ring in MiB for each `buf_size_preset` from 1.
const BUFFER_MIB: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

const BUILT_IN_CONTAINERS: &str = "containers are recognised by the program itself";
const NO_EFFECT_IN_FALCO: &str = "Falco 0.44 does not use it either";

const fn full<T>(
    name: &'static str,
    kind: Kind<T>,
    default: &'static str,
    meaning: &'static str,
) -> Key<T> {
    Key {
        name,
        kind,
        default,
        support: Full,
        meaning,
    }
}

/// A key whose value is checked but not used.
const fn other(
    name: &'static str,
    kind: Kind<Config>,
    default: &'static str,
    support: Support,
    meaning: &'static str,
) -> Key<Config> {
    Key {
        name,
        kind,
        default,
        support,
        meaning,
    }
}

const BOOL: Kind<Config> = Kind::Bool(|_, _| {});
const TEXT: Kind<Config> = Kind::Text(|_, _| {});
const TEXTS: Kind<Config> = Kind::Texts(|_, _| {});
const UINT: Kind<Config> = from(0);

const fn from(min: u64) -> Kind<Config> {
    between(min, u64::MAX)
}

const fn between(min: u64, max: u64) -> Kind<Config> {
    Kind::Integer {
        min,
        max,
        set: |_, _| {},
    }
}

const fn number(max: f64) -> Kind<Config> {
    Kind::Number {
        min: 0.0,
        max,
        set: |_, _| {},
    }
}

const fn word(words: &'static [&'static str]) -> Kind<Config> {
    Kind::Choice {
        words,
        set: |_, _| {},
    }
}

const LIST: Kind<Config> = Kind::List;
const MAP: Kind<Config> = Kind::Map;

const fn pending(inert: &'static [&'static str], effect: &'static str) -> Support {
    Pending { inert, effect }
}

/// Every key of `falco.yaml`.
pub static KEYS: &[Key<Config>] = &[
    // Files, rules, engine.
    other(
        "config_files",
        LIST,
        "",
        pending(&["[]"], "no other configuration file is read"),
        "Further configuration files and directories.",
    ),
    other(
        "watch_config_files",
        BOOL,
        "false",
        pending(
            &["false"],
            "a change of the files takes effect with the next start",
        ),
        "Load rules and configuration again when their files change.",
    ),
    full(
        "rules_files",
        Kind::Texts(|c, v| c.rules_files = v),
        "",
        "Files and directories of rules, in order. From a directory come its *.yaml and *.yml \
         sorted by name. What does not exist is an error, but for *.local.yaml and *.d, which \
         are there for the owner of the machine to make.",
    ),
    full(
        "rules_file",
        Kind::Special {
            form: "a list of texts",
            set: old_rules_files,
        },
        "",
        "Old name of rules_files.",
    ),
    other(
        "rule_files",
        TEXTS,
        "",
        Needless("its name is rules_files"),
        "Unused.",
    ),
    full(
        "rules",
        Kind::Special {
            form: "a list of `enable:` and `disable:`, each with `rule:` or `tag:`",
            set: rules,
        },
        "[]",
        "Rules to enable and disable after all files are loaded.",
    ),
    full(
        "engine.kind",
        Kind::Special {
            form: "`kmod` or `replay`",
            set: engine_kind,
        },
        "kmod",
        "Source of events: kmod, the kernel module.",
    ),
    full(
        "engine.kmod.buf_size_preset",
        Kind::Integer {
            min: 1,
            max: BUFFER_MIB.len() as u64,
            set: |c, v| {
                let index = usize::try_from(v).unwrap_or(0).saturating_sub(1);
                c.engine.buffer_size = BUFFER_MIB.get(index).map_or(0, |mib| mib << 20);
            },
        },
        "4",
        "Size of each processor's ring: 1 to 10 stand for 1, 2, 4, 8, 16, 32, 64, 128, 256 and \
         512 MiB.",
    ),
    full(
        "engine.kmod.drop_failed_exit",
        Kind::Bool(|c, v| c.engine.drop_failed_exit = v),
        "false",
        "Leave out system calls that failed, already in the kernel.",
    ),
    other(
        "engine.modern_ebpf.cpus_for_each_buffer",
        UINT,
        "2",
        Follows("engine.kind"),
        "Processors that share a ring.",
    ),
    other(
        "engine.modern_ebpf.buf_size_preset",
        between(1, 10),
        "4",
        Follows("engine.kind"),
        "Size of each ring.",
    ),
    other(
        "engine.modern_ebpf.drop_failed_exit",
        BOOL,
        "false",
        Follows("engine.kind"),
        "Leave out system calls that failed.",
    ),
    other(
        "engine.modern_ebpf.disable_iterators",
        BOOL,
        "false",
        Follows("engine.kind"),
        "Take the first picture of processes from /proc.",
    ),
    full(
        "engine.replay.capture_file",
        Kind::Text(|c, v| c.engine.capture_file = v.value.into()),
        "",
        "Capture to replay; `-` is standard input.",
    ),
    other(
        "load_plugins",
        TEXTS,
        "",
        pending(
            &["[]", "[container]"],
            "plugins are not loaded; only `container` is built in",
        ),
        "Plugins to load.",
    ),
    other(
        "plugins",
        LIST,
        "",
        Follows("load_plugins"),
        "Plugins that may be loaded.",
    ),
    other(
        "plugins_hostinfo",
        BOOL,
        "true",
        Follows("load_plugins"),
        "Give plugins host data.",
    ),
    full(
        "base_syscalls.custom_set",
        Kind::Texts(|c, v| c.base_syscalls.custom_set = v),
        "[]",
        "System calls to collect beside those of the rules, or with ! in front, not to.",
    ),
    full(
        "base_syscalls.repair",
        Kind::Bool(|c, v| c.base_syscalls.repair = v),
        "false",
        "Nothing to do: only what the rules and the state need is collected anyway.",
    ),
    full(
        "base_syscalls.all",
        Kind::Bool(|c, v| c.base_syscalls.all = v),
        "false",
        "Nothing to do: what the rules need is collected, whatever its volume.",
    ),
    other(
        "falco_libs.thread_table_size",
        UINT,
        "262144",
        pending(&["262144", "0"], "the table of processes has its own limit"),
        "Most entries of the table of processes.",
    ),
    other(
        "falco_libs.thread_table_auto_purging_interval_s",
        UINT,
        "300",
        pending(
            &["300"],
            "dead processes are forgotten at the program's own pace",
        ),
        "Seconds between two searches for dead processes.",
    ),
    other(
        "falco_libs.thread_table_auto_purging_thread_timeout_s",
        UINT,
        "300",
        pending(
            &["300"],
            "dead processes are forgotten at the program's own pace",
        ),
        "Seconds after which an idle process may be forgotten.",
    ),
    other(
        "falco_libs.snaplen",
        UINT,
        "80",
        pending(&["80", "0"], "80 bytes of read and written data are kept"),
        "Bytes kept of what a process reads and writes.",
    ),
    // Alerts.
    full(
        "priority",
        Kind::Choice {
            words: LEVELS,
            set: |c, v| {
                if let Ok(priority) = v.parse() {
                    c.priority = priority;
                }
            },
        },
        "debug",
        "Rules of lower priority are not loaded.",
    ),
    full(
        "rule_matching",
        Kind::Choice {
            words: &["first", "all"],
            set: |c, v| {
                c.rule_matching = if v == "all" {
                    RuleMatching::All
                } else {
                    RuleMatching::First
                };
            },
        },
        "first",
        "Whether an event makes one alert, of the first rule that matches, or one for each rule.",
    ),
    full(
        "json_output",
        Kind::Bool(|c, v| c.outputs.format.json = v),
        "false",
        "Write alerts as JSON, one object per line.",
    ),
    full(
        "json_include_output_property",
        Kind::Bool(|c, v| c.outputs.format.include_output = v),
        "true",
        "JSON has `output`, the whole line of text.",
    ),
    full(
        "json_include_message_property",
        Kind::Bool(|c, v| c.outputs.format.include_message = v),
        "false",
        "JSON has `message`, the text without time and priority.",
    ),
    full(
        "json_include_output_fields_property",
        Kind::Bool(|c, v| c.outputs.format.include_output_fields = v),
        "true",
        "JSON has `output_fields`, the values of the fields in the output.",
    ),
    full(
        "json_include_tags_property",
        Kind::Bool(|c, v| c.outputs.format.include_tags = v),
        "true",
        "JSON has `tags`.",
    ),
    full(
        "time_format_iso_8601",
        Kind::Bool(|c, v| c.outputs.format.iso_time = v),
        "false",
        "Write times of alerts and log as ISO 8601 in UTC.",
    ),
    other(
        "buffer_format_base64",
        BOOL,
        "false",
        pending(&["false"], "bytes are shown as text"),
        "Show read and written bytes as base64.",
    ),
    full(
        "buffered_outputs",
        Kind::Bool(|c, v| c.outputs.buffered = v),
        "false",
        "Let lines wait for more lines before they are written to standard output.",
    ),
    full(
        "outputs_queue.capacity",
        Kind::Integer {
            min: 0,
            max: 1 << 24,
            set: |c, v| {
                c.outputs.capacity = usize::try_from(v).unwrap_or(usize::MAX);
            },
        },
        "0",
        "Alerts that may wait for each output; more are dropped and counted. 0 stands for 16384: \
         no queue is without a limit.",
    ),
    full(
        "append_output",
        Kind::Special {
            form: "a list of maps",
            set: append_output,
        },
        "[]",
        "What is added to the outputs of rules.",
    ),
    other(
        "static_fields",
        MAP,
        "",
        pending(&["{}"], "fields %static.* do not exist"),
        "Values of fields %static.*.",
    ),
    full(
        "output_timeout",
        Kind::Integer {
            min: 1,
            max: 3_600_000,
            set: |c, v| c.outputs.timeout_ms = v,
        },
        "2000",
        "Milliseconds after which an output that does not return is reported.",
    ),
    other(
        "capture.enabled",
        BOOL,
        "false",
        pending(&["false"], "no capture is written"),
        "Write captures of events around alerts.",
    ),
    other(
        "capture.path_prefix",
        TEXT,
        "/tmp/falco",
        Follows("capture.enabled"),
        "Beginning of a capture's name.",
    ),
    other(
        "capture.mode",
        word(&["rules", "all_rules"]),
        "rules",
        Follows("capture.enabled"),
        "Which rules start a capture.",
    ),
    other(
        "capture.default_duration",
        UINT,
        "5000",
        Follows("capture.enabled"),
        "Milliseconds.",
    ),
    other(
        "capture.max_file_size_mb",
        between(0, 1 << 20),
        "0",
        Follows("capture.enabled"),
        "Largest size; 0 is any.",
    ),
    // Output channels.
    full(
        "stdout_output.enabled",
        Kind::Bool(|c, v| c.outputs.stdout = v),
        "false",
        "Write alerts to standard output.",
    ),
    full(
        "syslog_output.enabled",
        Kind::Bool(|c, v| c.outputs.syslog = v),
        "false",
        "Send alerts to syslog, with the severity of their priority. While the log daemon is \
         away, they wait.",
    ),
    full(
        "file_output.enabled",
        Kind::Bool(|c, v| c.outputs.file.enabled = v),
        "false",
        "Append alerts to a file.",
    ),
    full(
        "file_output.keep_alive",
        Kind::Bool(|c, v| c.outputs.file.keep_alive = v),
        "false",
        "Keep the file open; SIGUSR1 opens it anew. Otherwise it is opened for each write, so \
         that it can be moved away at any time.",
    ),
    full(
        "file_output.filename",
        Kind::Text(|c, v| c.outputs.file.filename = v.value.into()),
        "./events.txt",
        "The file.",
    ),
    other(
        "program_output.enabled",
        BOOL,
        "false",
        pending(&["false"], "no program gets the alerts"),
        "Hand alerts to a program.",
    ),
    other(
        "program_output.keep_alive",
        BOOL,
        "false",
        Follows("program_output.enabled"),
        "Start the program once, not for each alert.",
    ),
    other(
        "program_output.program",
        TEXT,
        "",
        Follows("program_output.enabled"),
        "Shell command.",
    ),
    other(
        "http_output.enabled",
        BOOL,
        "false",
        pending(&["false"], "no alert is posted"),
        "Post alerts to a web server.",
    ),
    other(
        "http_output.url",
        TEXT,
        "",
        Follows("http_output.enabled"),
        "Address.",
    ),
    other(
        "http_output.user_agent",
        TEXT,
        "falcosecurity/falco",
        Follows("http_output.enabled"),
        "Name given to the server.",
    ),
    other(
        "http_output.insecure",
        BOOL,
        "false",
        Follows("http_output.enabled"),
        "Accept any certificate.",
    ),
    other(
        "http_output.ca_cert",
        TEXT,
        "",
        Follows("http_output.enabled"),
        "Certificate of the authority.",
    ),
    other(
        "http_output.ca_bundle",
        TEXT,
        "",
        Follows("http_output.enabled"),
        "Certificates of authorities in one file.",
    ),
    other(
        "http_output.ca_path",
        TEXT,
        "/etc/ssl/certs",
        Follows("http_output.enabled"),
        "Certificates of authorities in a directory.",
    ),
    other(
        "http_output.mtls",
        BOOL,
        "false",
        Follows("http_output.enabled"),
        "Show a certificate to the server.",
    ),
    other(
        "http_output.client_cert",
        TEXT,
        "/etc/ssl/certs/client.crt",
        Follows("http_output.enabled"),
        "That certificate.",
    ),
    other(
        "http_output.client_key",
        TEXT,
        "/etc/ssl/certs/client.key",
        Follows("http_output.enabled"),
        "Its key.",
    ),
    other(
        "http_output.echo",
        BOOL,
        "false",
        Follows("http_output.enabled"),
        "Print answers.",
    ),
    other(
        "http_output.compress_uploads",
        BOOL,
        "false",
        Follows("http_output.enabled"),
        "Compress what is posted.",
    ),
    other(
        "http_output.keep_alive",
        BOOL,
        "false",
        Follows("http_output.enabled"),
        "Probe idle connections.",
    ),
    other(
        "http_output.max_consecutive_timeouts",
        between(0, 255),
        "5",
        Follows("http_output.enabled"),
        "Further tries after a time-out.",
    ),
    // Log, web server, health, metrics.
    full(
        "log_stderr",
        Kind::Bool(|c, v| c.log.stderr = v),
        "true",
        "Write the program's own messages to standard error.",
    ),
    full(
        "log_syslog",
        Kind::Bool(|c, v| c.log.syslog = v),
        "true",
        "Send the program's own messages to syslog.",
    ),
    full(
        "log_level",
        Kind::Choice {
            words: LEVELS,
            set: |c, v| {
                if let Ok(level) = v.parse() {
                    c.log.level = level;
                }
            },
        },
        "info",
        "Least important of the program's own messages to show.",
    ),
    other(
        "libs_logger.enabled",
        BOOL,
        "false",
        Needless("there are no separate libraries; log_level holds for everything"),
        "Messages of the libraries.",
    ),
    other(
        "libs_logger.severity",
        word(&[
            "fatal", "critical", "error", "warning", "notice", "info", "debug", "trace",
        ]),
        "info",
        Follows("libs_logger.enabled"),
        "Least important of them.",
    ),
    other(
        "webserver.enabled",
        BOOL,
        "false",
        pending(&["false"], "nothing listens"),
        "Serve health, versions and metrics.",
    ),
    other(
        "webserver.threadiness",
        UINT,
        "0",
        Follows("webserver.enabled"),
        "Threads.",
    ),
    other(
        "webserver.listen_port",
        between(1, 65535),
        "8765",
        Follows("webserver.enabled"),
        "Port.",
    ),
    other(
        "webserver.listen_address",
        TEXT,
        "0.0.0.0",
        Follows("webserver.enabled"),
        "Address.",
    ),
    other(
        "webserver.k8s_healthz_endpoint",
        TEXT,
        "/healthz",
        Follows("webserver.enabled"),
        "Path of the health check.",
    ),
    other(
        "webserver.prometheus_metrics_enabled",
        BOOL,
        "false",
        Follows("webserver.enabled"),
        "Serve /metrics.",
    ),
    other(
        "webserver.ssl_enabled",
        BOOL,
        "false",
        Follows("webserver.enabled"),
        "Serve HTTPS.",
    ),
    other(
        "webserver.ssl_certificate",
        TEXT,
        "/etc/falco/falco.pem",
        Follows("webserver.enabled"),
        "Certificate and key.",
    ),
    other(
        "syscall_event_timeouts.max_consecutives",
        from(1),
        "1000",
        pending(&["1000"], "silence of the source is not reported"),
        "Reads without events before that is reported.",
    ),
    other(
        "syscall_event_drops.threshold",
        number(1.0),
        "0.1",
        pending(&["0.1", ".1"], "every loss of events is logged"),
        "Share of lost events from which something is done.",
    ),
    other(
        "syscall_event_drops.actions",
        TEXTS,
        "[log, alert]",
        pending(
            &["[log]", "[log, alert]", "[alert, log]"],
            "loss of events is logged",
        ),
        "What is done: ignore, log, alert, exit.",
    ),
    other(
        "syscall_event_drops.rate",
        number(f64::INFINITY),
        "0.03333",
        pending(
            &["0.03333", ".03333"],
            "reports of loss have their own pace",
        ),
        "Actions per second.",
    ),
    other(
        "syscall_event_drops.max_burst",
        UINT,
        "1",
        pending(&["1"], "reports of loss have their own pace"),
        "Actions that may follow each other at once.",
    ),
    other(
        "syscall_event_drops.simulate_drops",
        BOOL,
        "false",
        pending(&["false"], "loss is not simulated"),
        "Pretend loss, as a test.",
    ),
    other(
        "metrics.enabled",
        BOOL,
        "false",
        pending(&["false"], "no metrics are written"),
        "Write the program's metrics regularly.",
    ),
    other(
        "metrics.interval",
        TEXT,
        "1h",
        Follows("metrics.enabled"),
        "How often, as in 1h30m.",
    ),
    other(
        "metrics.output_rule",
        BOOL,
        "false",
        Follows("metrics.enabled"),
        "As an alert.",
    ),
    other(
        "metrics.output_file",
        TEXT,
        "",
        Follows("metrics.enabled"),
        "To a file.",
    ),
    other(
        "metrics.rules_counters_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Matches of each rule.",
    ),
    other(
        "metrics.resource_utilization_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Processor time and memory.",
    ),
    other(
        "metrics.state_counters_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Tables of processes and files.",
    ),
    other(
        "metrics.kernel_event_counters_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Events and losses.",
    ),
    other(
        "metrics.kernel_event_counters_per_cpu_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "The same for each processor.",
    ),
    other(
        "metrics.libbpf_stats_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Run times of BPF programs.",
    ),
    other(
        "metrics.plugins_metrics_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Metrics of plugins.",
    ),
    other(
        "metrics.kernel_iter_event_counters_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Events of BPF iterators.",
    ),
    other(
        "metrics.jemalloc_stats_enabled",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Numbers of the memory allocator.",
    ),
    other(
        "metrics.convert_memory_to_mb",
        BOOL,
        "true",
        Follows("metrics.enabled"),
        "Memory in MB.",
    ),
    other(
        "metrics.include_empty_values",
        BOOL,
        "false",
        Follows("metrics.enabled"),
        "Even counters that are 0.",
    ),
    // Left over in Falco's own schema.
    other(
        "container_engines.docker.enabled",
        BOOL,
        "",
        Needless(BUILT_IN_CONTAINERS),
        "Unused.",
    ),
    other(
        "container_engines.podman.enabled",
        BOOL,
        "",
        Needless(BUILT_IN_CONTAINERS),
        "Unused.",
    ),
    other(
        "container_engines.cri.enabled",
        BOOL,
        "",
        Needless(BUILT_IN_CONTAINERS),
        "Unused.",
    ),
    other(
        "container_engines.cri.sockets",
        TEXTS,
        "",
        Needless(NO_EFFECT_IN_FALCO),
        "Unused.",
    ),
    other(
        "container_engines.cri.disable_async",
        BOOL,
        "",
        Needless(NO_EFFECT_IN_FALCO),
        "Unused.",
    ),
    other(
        "container_engines.lxc.enabled",
        BOOL,
        "",
        Needless(NO_EFFECT_IN_FALCO),
        "Unused.",
    ),
    other(
        "container_engines.libvirt_lxc.enabled",
        BOOL,
        "",
        Needless(NO_EFFECT_IN_FALCO),
        "Unused.",
    ),
    other(
        "container_engines.bpm.enabled",
        BOOL,
        "",
        Needless(NO_EFFECT_IN_FALCO),
        "Unused.",
    ),
];

/// The keys of one entry of `append_output`.
pub static APPEND_KEYS: &[Key<AppendOutput>] = &[
    full(
        "match",
        Kind::Special {
            form: "a map",
            set: |entry, node, reader| {
                reader.map(MATCH_KEYS, "append_output.match", node, &mut entry.matches);
            },
        },
        "",
        "Rules the entry applies to; without it, all.",
    ),
    full(
        "extra_output",
        Kind::Special {
            form: "text",
            set: |entry, node, reader| {
                entry.extra_output = phrase("append_output.extra_output", node, reader);
            },
        },
        "",
        "Text to add to the output, with %fields.",
    ),
    full(
        "extra_fields",
        Kind::Special {
            form: "a list of field names or maps",
            set: extra_fields,
        },
        "[]",
        "Fields to add to JSON: names of fields, or {key: text with %fields}.",
    ),
    Key {
        name: "suggested_output",
        kind: Kind::Bool(|_, _| {}),
        default: "false",
        support: pending(&["false"], "only what the entry names is added"),
        meaning: "Add the fields that describe the container.",
    },
    full(
        "placement",
        Kind::Choice {
            words: &["end", "before_closing_parenthesis"],
            set: |entry, v| {
                entry.placement = if v == "end" {
                    Placement::End
                } else {
                    Placement::BeforeClosingParenthesis
                };
            },
        },
        "end",
        "Where extra_output goes. Not known to Falco.",
    ),
    full(
        "when",
        Kind::Special {
            form: "text",
            set: |entry, node, reader| entry.when = phrase("append_output.when", node, reader),
        },
        "",
        "Condition on the event that must hold for extra_output, in the language of rules. Not \
         known to Falco.",
    ),
];

/// The keys of `match` in an entry of `append_output`.
pub static MATCH_KEYS: &[Key<Match>] = &[
    full(
        "source",
        Kind::Text(|rules, v| rules.source = Some(v.value)),
        "",
        "Source of the rule's events, `syscall`.",
    ),
    full(
        "tags",
        Kind::Texts(|rules, v| rules.tags = v.into_iter().map(|tag| tag.value).collect()),
        "[]",
        "Tags, all of which the rule has.",
    ),
    full(
        "rule",
        Kind::Text(|rules, v| rules.rule = Some(v.value)),
        "",
        "Name of the rule.",
    ),
];

/// A text that the rules' compiler reads, and that keeps its place for errors
/// in it.
fn phrase(name: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Phrase> {
    let scalar = node.scalar();
    if scalar.is_none() {
        reader.mismatch(name, "text", node);
    }
    scalar.map(Phrase::from)
}

fn engine_kind(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    match node.text() {
        Some("kmod") => config.engine.kind = EngineKind::Kmod,
        Some("replay") => config.engine.kind = EngineKind::Replay,
        Some(kind @ ("modern_ebpf" | "nodriver")) => reader.error(
            node.place,
            format!("engine.kind `{kind}` does not exist yet; there are `kmod` and `replay`"),
        ),
        _ => reader.mismatch("engine.kind", "`kmod` or `replay`", node),
    }
}

fn old_rules_files(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    let names: Option<Vec<Text>> = match &node.kind {
        yaml::Kind::Scalar(_) => reader.text(node).map(|name| vec![name]),
        yaml::Kind::Sequence(items) => items.iter().map(|item| reader.text(item)).collect(),
        yaml::Kind::Map(_) => None,
    };
    match names {
        Some(names) => {
            config.rules_files = names;
            reader.warning(node.place, "rules_file is the old name of rules_files");
        }
        None => reader.mismatch("rules_file", "a list of texts", node),
    }
}

/// What an entry of `rules` does.
static RULES_KEYS: &[Key<RuleSelection>] = &[
    full(
        "enable",
        Kind::Special {
            form: "a map with `rule` or `tag`",
            set: |entry, node, reader| {
                let rules = entry.enable.get_or_insert_default();
                reader.map(SELECTOR_KEYS, "rules.enable", node, rules);
            },
        },
        "",
        "Rules to turn on.",
    ),
    full(
        "disable",
        Kind::Special {
            form: "a map with `rule` or `tag`",
            set: |entry, node, reader| {
                let rules = entry.disable.get_or_insert_default();
                reader.map(SELECTOR_KEYS, "rules.disable", node, rules);
            },
        },
        "",
        "Rules to turn off.",
    ),
];

/// Which rules an entry of `rules` is about.
static SELECTOR_KEYS: &[Key<RuleSelector>] = &[
    full(
        "rule",
        Kind::Text(|rules, v| rules.rule = Some(v)),
        "",
        "Name of rules; `*` is any text.",
    ),
    full(
        "tag",
        Kind::Text(|rules, v| rules.tag = Some(v)),
        "",
        "Tag of rules.",
    ),
];

fn rules(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    let yaml::Kind::Sequence(items) = &node.kind else {
        return reader.mismatch("rules", "a list of `enable:` and `disable:`", node);
    };
    for item in items {
        let mut entry = RuleSelection::default();
        reader.map(RULES_KEYS, "rules", item, &mut entry);
        config.rules.push(entry);
    }
}

fn append_output(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    let yaml::Kind::Sequence(items) = &node.kind else {
        return reader.mismatch("append_output", "a list of maps", node);
    };
    for item in items {
        let mut entry = AppendOutput::default();
        reader.map(APPEND_KEYS, "append_output", item, &mut entry);
        config.append_output.push(entry);
    }
}

fn extra_fields(entry: &mut AppendOutput, node: &Node, reader: &mut Reader<'_>) {
    const NAME: &str = "append_output.extra_fields";
    let yaml::Kind::Sequence(items) = &node.kind else {
        return reader.mismatch(NAME, "a list of field names or maps", node);
    };
    for item in items {
        match &item.kind {
            yaml::Kind::Scalar(name) => {
                entry.extra_fields.push(ExtraField::Field(name.into()));
            }
            yaml::Kind::Map(formats) => {
                for (key, format) in formats {
                    let name = key.to_string();
                    let format = phrase(&format!("{NAME}.{name}"), format, reader);
                    let field = format.map(|format| ExtraField::Formatted { name, format });
                    entry.extra_fields.extend(field);
                }
            }
            yaml::Kind::Sequence(_) => {
                reader.mismatch(NAME, "a list of field names or maps", item);
            }
        }
    }
}
