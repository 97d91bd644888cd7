//! The table of keys.
//!
//! A key that is added here is read, checked, explained when it is misspelled
//! and described in the documentation; nothing else has to know about it.

use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::model::{
    Config, DropAction, EngineKind, RuleMatching, RuleSelection, RuleSelector, Transport,
};
use super::reference::schema;
use super::schema::{Key, Kind, Reader, Support, Text};
use crate::clock;
use crate::metadata::engines::Engines;
use crate::rules::report::Text as Phrase;
use crate::rules::{AppendOutput, ExtraField, Match, Placement};
use crate::yaml::{self, Node};
use Support::{Follows, Full, Needless, Pending};

const TEXT_SCHEMA: fn() -> Value = || json!({ "type": "string" });
const TEXT_LIST: fn() -> Value = || json!({ "type": "array", "items": { "type": "string" } });
/// A map from names to single values.
const VALUES: fn() -> Value = || {
    let value = json!({ "type": ["string", "number", "boolean"] });
    json!({ "type": "object", "additionalProperties": value })
};
const ACTIONS: fn() -> Value = || json!({ "type": "array", "items": { "enum": ACTION_NAMES } });
const INCLUDES: fn() -> Value = || {
    let strategies = super::include::STRATEGIES.map(|(name, _)| name);
    let entry = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": { "path": { "type": "string" }, "strategy": { "enum": strategies } },
        "required": ["path"],
    });
    json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, entry] } })
};
const EXTRA_FIELDS: fn() -> Value = || {
    let formats = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    json!({ "type": "array", "items": { "anyOf": [{ "type": "string" }, formats] } })
};

fn list_of<T>(table: &[Key<T>]) -> Value {
    json!({ "type": "array", "items": schema(table) })
}

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
const TEXTS: Kind<Config> = Kind::Texts(|_, _| {});

const fn word(words: &'static [&'static str]) -> Kind<Config> {
    Kind::Choice {
        words,
        set: |_, _| {},
    }
}

/// A part that Falco has and this program has not, which is told to whoever
/// turns on what it belongs to.
const fn absent(switch: &'static str, reason: &'static str) -> Support {
    Support::Absent { switch, reason }
}

/// A number that its key keeps within the type.
fn narrow<T: TryFrom<u64> + Default>(value: u64) -> T {
    T::try_from(value).unwrap_or_default()
}

const fn pending(inert: &'static [&'static str], effect: &'static str) -> Support {
    Pending { inert, effect }
}

/// Every key of `falco.yaml`.
pub static KEYS: &[Key<Config>] = &[
    // Files, rules, engine.
    full(
        "config_files",
        Kind::Special {
            form: "a list of paths, or of maps with `path` and `strategy`",
            schema: INCLUDES,
            set: |_, _, _| {},
        },
        "[]",
        "Further configuration files, and directories whose files are taken sorted by name. What does not exist is left out. `strategy` says what becomes of keys of the first level that are there already: `append` (also without it) adds to lists and replaces the rest, `override` replaces all, `add-only` none.",
    ),
    full(
        "watch_config_files",
        Kind::Bool(|c, v| c.watch_files = v),
        "true",
        "Load rules and configuration again when their files change. Files with errors change nothing but the log. SIGHUP does the same at any time.",
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
            schema: TEXT_LIST,
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
            schema: || list_of(RULES_KEYS),
            set: rules,
        },
        "[]",
        "Rules to enable and disable after all files are loaded.",
    ),
    full(
        "engine.kind",
        Kind::Choice {
            words: &["auto", "kmod", "modern_ebpf", "replay", "nodriver"],
            set: |c, v| c.engine.kind = engine_kind(v),
        },
        "kmod",
        "Source of events: kmod, the kernel module; modern_ebpf, eBPF programs; auto, the module if \
         it is loaded, else eBPF programs; replay, a capture; nodriver, none.",
    ),
    full(
        "engine.kmod.buf_size_preset",
        Kind::Integer {
            min: 1,
            max: BUFFER_MIB.len() as u64,
            set: |c, v| {
                c.engine.buffer_size = preset(v);
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
    full(
        "engine.modern_ebpf.cpus_for_each_buffer",
        Kind::Integer {
            min: 0,
            max: u32::MAX as u64,
            set: |c, v| c.engine.ebpf.cpus_for_each_buffer = v.try_into().unwrap_or(0),
        },
        "2",
        "Processors that share a ring; 0: all of them.",
    ),
    full(
        "engine.modern_ebpf.buf_size_preset",
        Kind::Integer {
            min: 1,
            max: BUFFER_MIB.len() as u64,
            set: |c, v| c.engine.ebpf.buffer_size = preset(v),
        },
        "4",
        "Size of each ring: 1 to 10 stand for 1 to 512 MiB as with the module.",
    ),
    full(
        "engine.modern_ebpf.drop_failed_exit",
        Kind::Bool(|c, v| c.engine.ebpf.drop_failed_exit = v),
        "false",
        "Leave out system calls that failed, already in the kernel.",
    ),
    other(
        "engine.modern_ebpf.disable_iterators",
        BOOL,
        "false",
        Needless("the first picture of processes is always taken from /proc"),
        "Take the first picture of processes from /proc.",
    ),
    full(
        "engine.replay.capture_file",
        Kind::Text(|c, v| c.engine.capture_file = v.value.into()),
        "",
        "Capture to replay; `-` is standard input.",
    ),
    full(
        "engine.replay.speed",
        Kind::Number {
            min: 0.0,
            max: f64::INFINITY,
            set: |c, v| c.engine.replay_speed = v,
        },
        "0",
        "Replay as fast as it was recorded, times this number; 0: as fast as possible. Not known to \
         Falco.",
    ),
    other(
        "load_plugins",
        TEXTS,
        "",
        pending(
            &["[]", "[container]", "container"],
            "plugins are not loaded; only `container` is built in",
        ),
        "Plugins to load.",
    ),
    full(
        "plugins",
        Kind::Special {
            form: "a list of maps",
            schema: || json!({ "type": "array", "items": { "type": "object" } }),
            set: plugins,
        },
        "[]",
        "Plugins that may be loaded. Of `container`, which is built in, init_config counts: \
         label_max_len, with_size, and engines (docker, podman, cri, containerd, lxc, libvirt_lxc, nspawn, \
         bpm), each with enabled and sockets, or static, the one container that all is in.",
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
        "System calls to collect beside those of the rules, instead of those by which users, directories \
         and descriptors of processes are known; or with ! in front, not to.",
    ),
    full(
        "base_syscalls.repair",
        Kind::Bool(|c, v| c.base_syscalls.repair = v),
        "false",
        "Collect what is needed to know processes even if custom_set names system calls. Without such \
         names that is so anyway, and no more than the rules need.",
    ),
    full(
        "base_syscalls.all",
        Kind::Bool(|c, v| c.base_syscalls.all = v),
        "false",
        "Nothing to do: what the rules need is collected anyway, whatever its volume.",
    ),
    full(
        "falco_libs.thread_table_size",
        Kind::Clamped {
            min: 0,
            max: 1 << 24,
            set: |c, v| c.engine.threads = usize::try_from(v).unwrap_or(0),
        },
        "262144",
        "Most entries of the table of threads; 0 stands for 262144. What finds no room is counted.",
    ),
    full(
        "falco_libs.thread_table_auto_purging_interval_s",
        Kind::Clamped {
            min: 0,
            max: 1 << 24,
            set: |c, v| c.engine.purging_interval = v,
        },
        "300",
        "Seconds within which each thread is looked for once, in case the event of its end was lost. After a loss all are looked for at once.",
    ),
    full(
        "falco_libs.thread_table_auto_purging_thread_timeout_s",
        Kind::Clamped {
            min: 0,
            max: 1 << 24,
            set: |c, v| c.engine.purging_timeout = v,
        },
        "300",
        "Seconds for which a thread must not be there before it is forgotten; at least 3.",
    ),
    full(
        "falco_libs.snaplen",
        Kind::Integer {
            min: 0,
            max: 65_535,
            set: |c, v| c.engine.limits.snaplen = narrow(v),
        },
        "80",
        "Bytes kept of what a process reads and writes, as many as 16384; 0 stands for 80.",
    ),
    full(
        "falco_libs.snaplen_ports.bytes",
        Kind::Integer {
            min: 0,
            max: 65_535,
            set: |c, v| c.engine.limits.port_snaplen = narrow(v),
        },
        "0",
        "Bytes kept of what goes through a socket of which either port is within the next two, if that is \
         more than `falco_libs.snaplen`. Not known to Falco.",
    ),
    full(
        "falco_libs.snaplen_ports.first",
        Kind::Integer {
            min: 0,
            max: 65_535,
            set: |c, v| c.engine.limits.port_first = narrow(v),
        },
        "0",
        "The first of these ports. Not known to Falco.",
    ),
    full(
        "falco_libs.snaplen_ports.last",
        Kind::Integer {
            min: 0,
            max: 65_535,
            set: |c, v| c.engine.limits.port_last = narrow(v),
        },
        "0",
        "The last of these ports. Not known to Falco.",
    ),
    full(
        "falco_libs.throttle",
        Kind::Integer {
            min: 0,
            max: 1 << 30,
            set: |c, v| c.engine.limits.throttle = narrow(v),
        },
        "0",
        "Most records that one process may make in a second; the rest of that second's are left out, counted \
         as lost (`throttled`) and told in the log. Starts, forks and ends of processes are never left out. \
         0: as many as it likes. Not known to Falco.",
    ),
    full(
        "falco_libs.throttle_cgroup",
        Kind::Integer {
            min: 0,
            max: 1 << 30,
            set: |c, v| c.engine.limits.throttle_group = narrow(v),
        },
        "0",
        "The same for all processes of a control group (of version 2) together: those of a container, as a \
         rule. Not known to Falco.",
    ),
    full(
        "falco_libs.args_and_env_bytes",
        Kind::Integer {
            min: 0,
            max: 65_535,
            set: |c, v| c.engine.limits.strings = narrow(v),
        },
        "4096",
        "Bytes kept of the arguments of a program that is started, and as many of its environment, up to 8000; \
         0 stands for 4096. Not known to Falco.",
    ),
    // Containers.
    full(
        "containers.hold_ms",
        Kind::Integer {
            min: 0,
            max: 10_000,
            set: |c, v| c.holding.time = Duration::from_millis(v),
        },
        "500",
        "Milliseconds that an event waits at most for what the runtime knows of its container, when that \
         is on its way; 0: none waits. Not known to Falco.",
    ),
    full(
        "containers.hold_mib",
        Kind::Integer {
            min: 1,
            max: 1024,
            set: |c, v| c.holding.bytes = usize::try_from(v << 20).unwrap_or(usize::MAX),
        },
        "8",
        "MiB of events that may wait. What finds no room does not wait, and is counted. Not known to Falco.",
    ),
    full(
        "kubernetes.enabled",
        Kind::Bool(|c, v| c.kubernetes.enabled = v),
        "false",
        "Ask the API server for this node's pods, what owns them, their namespaces and services: the fields \
         k8smeta.*. What the fields k8s.* tell comes from the runtime and needs none of this. Not known to Falco.",
    ),
    full(
        "kubernetes.api_server",
        Kind::Text(|c, v| c.kubernetes.server = v.value),
        "",
        "The API server, as https://HOST:PORT; without it the one that a pod's environment names. Not known to Falco.",
    ),
    full(
        "kubernetes.node_name",
        Kind::Text(|c, v| c.kubernetes.node = v.value),
        "",
        "Name of this node; without it that of the variable FALCO_K8S_NODE_NAME, or the host name. Not known to Falco.",
    ),
    full(
        "kubernetes.token_file",
        Kind::Text(|c, v| c.kubernetes.token = v.value.into()),
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "File with the token of the service account; it is read for each request. Not known to Falco.",
    ),
    full(
        "kubernetes.ca_cert",
        Kind::Text(|c, v| c.kubernetes.authority = v.value.into()),
        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        "File with the certificate of the authority that is trusted. Not known to Falco.",
    ),
    full(
        "privileges.user",
        Kind::Text(|c, v| c.privileges.user = v.value),
        "falco",
        "The user that the program becomes once it has opened the kernel module, if root starts it, as `/etc/passwd` has it. Without such a user, or if that one may not write the files of the outputs, it goes on as root and says so; `root` asks for that. Not known to Falco.",
    ),
    full(
        "privileges.seccomp",
        Kind::Bool(|c, v| c.privileges.seccomp = v),
        "true",
        "Refuse system calls that the program never needs, for itself and what it starts. Without program_output it cannot start programs at all. Not known to Falco.",
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
    full(
        "buffer_format_base64",
        Kind::Bool(|c, v| c.base64 = v),
        "false",
        "Show bytes that were read or written as base64, instead of with dots for what cannot be printed.",
    ),
    full(
        "buffered_outputs",
        Kind::Bool(|c, v| c.outputs.buffered = v),
        "false",
        "Let lines wait for more lines before they are written to standard output.",
    ),
    full(
        "outputs_queue.capacity",
        Kind::Clamped {
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
            schema: || list_of(APPEND_KEYS),
            set: append_output,
        },
        "[]",
        "What is added to the outputs of rules.",
    ),
    full(
        "static_fields",
        Kind::Special {
            form: "a map from names to values",
            schema: VALUES,
            set: static_fields,
        },
        "{}",
        "Fields of one's own: `%static.NAME` has the value of NAME, in outputs and in conditions. `suggested_output` adds them.",
    ),
    full(
        "output_timeout",
        Kind::Clamped {
            min: 1,
            max: 3_600_000,
            set: |c, v| c.outputs.timeout_ms = v,
        },
        "2000",
        "Milliseconds after which an output that does not return is reported.",
    ),
    full(
        "capture.enabled",
        Kind::Bool(|c, v| c.capture.enabled = v),
        "false",
        "Write captures of what happens around alerts: one begins with an alert, later alerts \
         make it longer.",
    ),
    full(
        "capture.path_prefix",
        Kind::Text(|c, v| c.capture.path_prefix = v.value.into()),
        "/tmp/falco",
        "Beginning of a capture's name; time and number of the event and `.scap` follow.",
    ),
    full(
        "capture.mode",
        Kind::Choice {
            words: &["rules", "all_rules"],
            set: |c, v| c.capture.all_rules = v == "all_rules",
        },
        "rules",
        "Which rules begin a capture: those with `capture: true`, or all.",
    ),
    full(
        "capture.default_duration",
        Kind::Integer {
            min: 0,
            max: u64::MAX,
            set: |c, v| c.capture.duration = Duration::from_millis(v),
        },
        "5000",
        "Milliseconds from the last alert to the end of the capture, where the rule has no \
         `capture_duration`.",
    ),
    full(
        "capture.max_file_size_mb",
        Kind::Integer {
            min: 0,
            max: 1 << 20,
            set: |c, v| c.capture.max_file_mib = v,
        },
        "0",
        "A file that is larger ends, and an alert tells it; 0 is any size.",
    ),
    full(
        "capture.max_events",
        Kind::Integer {
            min: 0,
            max: u64::MAX,
            set: |c, v| c.capture.max_events = v,
        },
        "0",
        "A file with so many events ends; 0 is any number.",
    ),
    full(
        "capture.before_events",
        Kind::Integer {
            min: 0,
            max: 1 << 24,
            set: |c, v| c.capture.before_events = v,
        },
        "0",
        "So many events before the alert are kept for its capture, or more, but no more than 16 MiB.",
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
    full(
        "file_output.rotate_size_mb",
        Kind::Integer {
            min: 0,
            max: 1 << 20,
            set: |c, v| c.outputs.file.rotate_bytes = v << 20,
        },
        "0",
        "Begin a new file when the next lines would make it larger than so many MiB; 0: never. Not known to Falco.",
    ),
    full(
        "file_output.rotate_keep",
        Kind::Integer {
            min: 1,
            max: 1000,
            set: |c, v| c.outputs.file.rotate_keep = v,
        },
        "5",
        "Old files that are kept, as `.1`, `.2` and so on. Not known to Falco.",
    ),
    full(
        "program_output.enabled",
        Kind::Bool(|c, v| c.outputs.program.enabled = v),
        "false",
        "Hand alerts to a program. This is the one key whose value is executed: who can write the configuration can run programs as the user of the engine (privileges.user), without any capability.",
    ),
    full(
        "program_output.keep_alive",
        Kind::Bool(|c, v| c.outputs.program.keep_alive = v),
        "false",
        "Start the program once and write all alerts to it, instead of once for each alert. It is started again when it has ended, and by SIGUSR1.",
    ),
    full(
        "program_output.program",
        Kind::Text(|c, v| c.outputs.program.program = v.value),
        "",
        "Command for `/bin/sh -c`, with the alert on its standard input.",
    ),
    full(
        "http_output.enabled",
        Kind::Bool(|c, v| c.outputs.http.enabled = v),
        "false",
        "Post alerts to a web server, as `application/json` or `text/plain`. What the server does not take (no answer, 429, 5xx) waits and is tried again; what it refuses (other 4xx) is lost and counted.",
    ),
    full(
        "http_output.url",
        Kind::Text(|c, v| c.outputs.http.url = v.value),
        "",
        "Address, http or https.",
    ),
    full(
        "http_output.user_agent",
        Kind::Text(|c, v| c.outputs.http.user_agent = v.value),
        "falcosecurity/falco",
        "The header User-Agent.",
    ),
    full(
        "http_output.headers",
        Kind::Special {
            form: "a map from names to values",
            schema: VALUES,
            set: headers,
        },
        "{}",
        "Further headers, for example a token. Not known to Falco.",
    ),
    full(
        "http_output.batch_size",
        Kind::Integer {
            min: 1,
            max: 256,
            set: |c, v| c.outputs.http.batch = usize::try_from(v).unwrap_or(1),
        },
        "1",
        "Alerts in one request, at most, a line for each. More than 1 helps where many alerts come. Not known to Falco.",
    ),
    full(
        "http_output.insecure",
        Kind::Bool(|c, v| c.outputs.http.insecure = v),
        "false",
        "Accept any certificate.",
    ),
    full(
        "http_output.ca_cert",
        Kind::Text(|c, v| c.outputs.http.ca_cert = path(&v)),
        "",
        "File with the certificate of the authority that is trusted. Of this and the two following the first that is set counts.",
    ),
    full(
        "http_output.ca_bundle",
        Kind::Text(|c, v| c.outputs.http.ca_bundle = path(&v)),
        "",
        "File with the certificates of trusted authorities.",
    ),
    full(
        "http_output.ca_path",
        Kind::Text(|c, v| c.outputs.http.ca_path = v.value.into()),
        "/etc/ssl/certs",
        "Directory with files of such certificates.",
    ),
    full(
        "http_output.mtls",
        Kind::Bool(|c, v| c.outputs.http.mtls = v),
        "false",
        "Show a certificate to the server.",
    ),
    full(
        "http_output.client_cert",
        Kind::Text(|c, v| c.outputs.http.client_cert = v.value.into()),
        "/etc/ssl/certs/client.crt",
        "That certificate, in PEM, with those between it and the authority.",
    ),
    full(
        "http_output.client_key",
        Kind::Text(|c, v| c.outputs.http.client_key = v.value.into()),
        "/etc/ssl/certs/client.key",
        "Its key, in PEM.",
    ),
    full(
        "http_output.echo",
        Kind::Bool(|c, v| c.outputs.http.echo = v),
        "false",
        "Write the server's answers to standard output.",
    ),
    full(
        "http_output.compress_uploads",
        Kind::Bool(|c, v| c.outputs.http.compress = v),
        "false",
        "Compress what is posted, with gzip. (Falco only asks for compressed answers.)",
    ),
    full(
        "http_output.keep_alive",
        Kind::Bool(|c, v| c.outputs.http.keep_alive = v),
        "false",
        "Probe the connection while it is idle. It is used for further alerts in any case.",
    ),
    full(
        "http_output.max_consecutive_timeouts",
        Kind::Clamped {
            min: 0,
            max: 255,
            set: |c, v| c.outputs.http.retries = u8::try_from(v).unwrap_or(u8::MAX),
        },
        "5",
        "Further tries at once when the server does not answer in time; then the alert waits like others.",
    ),
    full(
        "remote_syslog_output.enabled",
        Kind::Bool(|c, v| c.outputs.remote_syslog.enabled = v),
        "false",
        "Send alerts to a log daemon on another machine, in the form of RFC 5424. Not known to Falco.",
    ),
    full(
        "remote_syslog_output.address",
        Kind::Text(|c, v| c.outputs.remote_syslog.address = v.value),
        "",
        "Its `host:port`.",
    ),
    full(
        "remote_syslog_output.transport",
        Kind::Choice {
            words: &["udp", "tcp", "tls"],
            set: |c, v| {
                c.outputs.remote_syslog.transport = match v {
                    "tls" => Transport::Tls,
                    "tcp" => Transport::Tcp,
                    _ => Transport::Udp,
                };
            },
        },
        "tcp",
        "How: `udp`, where nobody learns of loss, `tcp` or `tls`, both with the length in front of each message.",
    ),
    full(
        "remote_syslog_output.insecure",
        Kind::Bool(|c, v| c.outputs.remote_syslog.insecure = v),
        "false",
        "With tls: accept any certificate.",
    ),
    full(
        "remote_syslog_output.ca_bundle",
        Kind::Text(|c, v| c.outputs.remote_syslog.ca_bundle = path(&v)),
        "",
        "With tls: file with the certificates of trusted authorities, instead of /etc/ssl/certs.",
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
    full(
        "webserver.enabled",
        Kind::Bool(|c, v| c.web.enabled = v),
        "false",
        "Serve health, versions, metrics and a page about the state of the program.",
    ),
    full(
        "webserver.threadiness",
        Kind::Clamped {
            min: 0,
            max: 64,
            set: |c, v| c.web.threads = usize::try_from(v).unwrap_or(0),
        },
        "0",
        "Threads that serve; 0 stands for one, which is enough for what there is. (In Falco: for one of each processor.)",
    ),
    full(
        "webserver.listen_port",
        Kind::Integer {
            min: 1,
            max: 65535,
            set: |c, v| c.web.port = u16::try_from(v).unwrap_or(0),
        },
        "8765",
        "Port.",
    ),
    full(
        "webserver.listen_address",
        Kind::Special {
            form: "an IP address",
            schema: TEXT_SCHEMA,
            set: listen_address,
        },
        "127.0.0.1",
        "Address to listen on. There is no authentication, so that without this key nobody else is served. (Falco listens on all addresses.)",
    ),
    full(
        "webserver.k8s_healthz_endpoint",
        Kind::Special {
            form: "a path that begins with `/`",
            schema: TEXT_SCHEMA,
            set: health_path,
        },
        "/healthz",
        "Path of the health check.",
    ),
    full(
        "webserver.prometheus_metrics_enabled",
        Kind::Bool(|c, v| c.web.prometheus = v),
        "false",
        "Serve /metrics, if metrics.enabled is on too.",
    ),
    full(
        "webserver.status_page_enabled",
        Kind::Bool(|c, v| c.web.status_page = v),
        "true",
        "Serve a page about the state of the program at `/`, with the last alerts. Not known to Falco.",
    ),
    full(
        "webserver.ssl_enabled",
        Kind::Bool(|c, v| c.web.tls = v),
        "false",
        "Serve HTTPS.",
    ),
    full(
        "webserver.ssl_certificate",
        Kind::Text(|c, v| c.web.certificate = v.value.into()),
        "/etc/falco/falco.pem",
        "File with certificate and key, in PEM.",
    ),
    full(
        "syscall_event_timeouts.max_consecutives",
        Kind::Integer {
            min: 1,
            max: u64::MAX,
            set: |c, v| c.max_timeouts = v,
        },
        "1000",
        "Seconds without any event after which an alert is made. (Falco counts its reads.)",
    ),
    full(
        "syscall_event_drops.threshold",
        Kind::Number {
            min: 0.0,
            max: 1.0,
            set: |c, v| c.drops.threshold = v,
        },
        "0.1",
        "Share of events lost within a second above which the actions are taken. Each loss is logged whatever its share.",
    ),
    full(
        "syscall_event_drops.actions",
        Kind::Special {
            form: "a list of ignore, log, alert, exit",
            schema: ACTIONS,
            set: drop_actions,
        },
        "[log, alert]",
        "What is done then: `ignore`, or some of `log`, `alert` and `exit`.",
    ),
    full(
        "syscall_event_drops.rate",
        Kind::Number {
            min: 0.0,
            max: f64::INFINITY,
            set: |c, v| c.drops.rate = v,
        },
        "0.03333",
        "Times per second that the actions are taken, in the long run.",
    ),
    full(
        "syscall_event_drops.max_burst",
        Kind::Clamped {
            min: 0,
            max: 1_000_000,
            set: |c, v| c.drops.max_burst = v,
        },
        "1",
        "Times that may follow each other at once.",
    ),
    full(
        "syscall_event_drops.simulate_drops",
        Kind::Bool(|c, v| c.drops.simulate = v),
        "false",
        "Take the actions without any loss, as a test.",
    ),
    full(
        "metrics.enabled",
        Kind::Bool(|c, v| c.metrics.enabled = v),
        "false",
        "Take snapshots of the program's numbers.",
    ),
    full(
        "metrics.interval",
        Kind::Special {
            form: "a time such as 15m or 1h30m, 100ms or more",
            schema: TEXT_SCHEMA,
            set: interval,
        },
        "1h",
        "How often; units are y, w, d, h, m, s, ms.",
    ),
    full(
        "metrics.output_rule",
        Kind::Bool(|c, v| c.metrics.output_rule = v),
        "false",
        "Make an alert of each snapshot.",
    ),
    full(
        "metrics.output_file",
        Kind::Text(|c, v| c.metrics.output_file = path(&v)),
        "",
        "Append each snapshot to this file, as a line of JSON.",
    ),
    full(
        "metrics.rules_counters_enabled",
        Kind::Bool(|c, v| c.metrics.rules = v),
        "true",
        "Matches of each rule.",
    ),
    full(
        "metrics.resource_utilization_enabled",
        Kind::Bool(|c, v| c.metrics.resources = v),
        "true",
        "Processor time and memory of the program and the machine.",
    ),
    full(
        "metrics.state_counters_enabled",
        Kind::Bool(|c, v| c.metrics.state = v),
        "true",
        "Tables of processes and containers.",
    ),
    full(
        "metrics.kernel_event_counters_enabled",
        Kind::Bool(|c, v| c.metrics.kernel = v),
        "true",
        "Events and losses.",
    ),
    full(
        "metrics.kernel_event_counters_per_cpu_enabled",
        Kind::Bool(|c, v| c.metrics.kernel_per_cpu = v),
        "true",
        "The same for each processor.",
    ),
    full(
        "metrics.libbpf_stats_enabled",
        Kind::Bool(|c, v| c.metrics.programs = v),
        "true",
        "Runs and run times of eBPF programs, if the kernel measures them \
         (`sysctl kernel.bpf_stats_enabled=1`).",
    ),
    other(
        "metrics.plugins_metrics_enabled",
        BOOL,
        "true",
        absent("metrics.enabled", "plugins are not loaded"),
        "Metrics of plugins.",
    ),
    other(
        "metrics.kernel_iter_event_counters_enabled",
        BOOL,
        "true",
        absent("metrics.enabled", "there are no BPF iterators"),
        "Events of BPF iterators.",
    ),
    other(
        "metrics.jemalloc_stats_enabled",
        BOOL,
        "true",
        absent("metrics.enabled", "the allocator is not jemalloc"),
        "Numbers of the memory allocator.",
    ),
    full(
        "metrics.convert_memory_to_mb",
        Kind::Bool(|c, v| c.metrics.memory_in_mb = v),
        "true",
        "Memory in MB instead of bytes, in snapshots.",
    ),
    full(
        "metrics.include_empty_values",
        Kind::Bool(|c, v| c.metrics.include_empty = v),
        "false",
        "Even numbers that are 0.",
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
            schema: || schema(MATCH_KEYS),
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
            schema: TEXT_SCHEMA,
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
            schema: EXTRA_FIELDS,
            set: extra_fields,
        },
        "[]",
        "Fields to add to JSON: names of fields, or {key: text with %fields}.",
    ),
    full(
        "suggested_output",
        Kind::Bool(|entry, v| entry.suggested = v),
        "false",
        "Add the fields that describe container and pod: id, name, image, namespace.",
    ),
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
            schema: TEXT_SCHEMA,
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

/// A path, unless the text is empty.
fn path(text: &Text) -> Option<PathBuf> {
    (!text.value.is_empty()).then(|| PathBuf::from(&text.value))
}

fn listen_address(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    match node.text().and_then(|text| text.parse::<IpAddr>().ok()) {
        Some(address) => config.web.address = address,
        None => reader.mismatch("webserver.listen_address", "an IP address", node),
    }
}

fn health_path(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    match node.text().filter(|text| text.starts_with('/')) {
        Some(path) => path.clone_into(&mut config.web.health_path),
        None => reader.mismatch(
            "webserver.k8s_healthz_endpoint",
            "a path that begins with `/`",
            node,
        ),
    }
}

fn interval(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    const SHORTEST: u64 = 100;
    let interval = node.text().and_then(clock::duration);
    match interval.filter(|interval| interval.as_millis() >= SHORTEST.into()) {
        Some(interval) => config.metrics.interval = interval,
        None => reader.mismatch(
            "metrics.interval",
            "a time such as 15m or 1h30m, 100ms or more",
            node,
        ),
    }
}

fn headers(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    const NAME: &str = "http_output.headers";
    let yaml::Kind::Map(pairs) = &node.kind else {
        return reader.mismatch(NAME, "a map from names to values", node);
    };
    for (key, value) in pairs {
        let name = key.to_string();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            reader.error(
                key.place,
                format!("`{name}` cannot be the name of a header"),
            );
            continue;
        }
        let valid = |text: &&str| http::HeaderValue::from_str(text).is_ok();
        match value.text().filter(valid) {
            Some(value) => config.outputs.http.headers.push((name, value.to_owned())),
            None => reader.mismatch(&format!("{NAME}.{name}"), "text in one line", value),
        }
    }
}

fn static_fields(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    const NAME: &str = "static_fields";
    let yaml::Kind::Map(pairs) = &node.kind else {
        return reader.mismatch(NAME, "a map from names to values", node);
    };
    config.static_fields.clear();
    for (key, value) in pairs {
        let name = key.to_string();
        // As the parts of fields are, or no condition could name it.
        let is_part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !name.split('.').all(is_part) {
            reader.warning(
                key.place,
                format!("{NAME}.{name} is left out: `{name}` cannot be part of a field's name"),
            );
            continue;
        }
        match value.text() {
            Some(value) => {
                config.static_fields.insert(name, value.to_owned());
            }
            None => reader.mismatch(&format!("{NAME}.{name}"), "text", value),
        }
    }
}

const ACTION_NAMES: [&str; 4] = ["ignore", "log", "alert", "exit"];

fn drop_actions(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    const NAME: &str = "syscall_event_drops.actions";
    let items: Vec<&Node> = match &node.kind {
        yaml::Kind::Sequence(items) => items.iter().map(Rc::as_ref).collect(),
        yaml::Kind::Scalar(_) => vec![node],
        yaml::Kind::Map(_) => {
            return reader.mismatch(NAME, "a list of ignore, log, alert, exit", node);
        }
    };
    let mut ignore = false;
    let mut actions = Vec::new();
    for item in items {
        match item.text() {
            Some("ignore") => ignore = true,
            Some("log") => actions.push(DropAction::Log),
            Some("alert") => actions.push(DropAction::Alert),
            Some("exit") => actions.push(DropAction::Exit),
            _ => reader.mismatch(NAME, "one of ignore, log, alert, exit", item),
        }
    }
    if ignore && actions.iter().any(|action| *action != DropAction::Exit) {
        reader.error(
            node.place,
            format!("{NAME}: `ignore` excludes `log` and `alert`"),
        );
    }
    config.drops.actions = actions;
}

/// A text that the rules' compiler reads, and that keeps its place for errors
/// in it.
fn phrase(name: &str, node: &Node, reader: &mut Reader<'_>) -> Option<Phrase> {
    let scalar = node.scalar();
    if scalar.is_none() {
        reader.mismatch(name, "text", node);
    }
    scalar.map(Phrase::from)
}

/// Bytes of a ring.
fn preset(preset: u64) -> u32 {
    let index = usize::try_from(preset).unwrap_or(0).saturating_sub(1);
    BUFFER_MIB.get(index).map_or(0, |mib| mib << 20)
}

fn engine_kind(word: &str) -> EngineKind {
    match word {
        "auto" => EngineKind::Auto,
        "modern_ebpf" => EngineKind::ModernEbpf,
        "replay" => EngineKind::Replay,
        "nodriver" => EngineKind::Nodriver,
        _ => EngineKind::Kmod,
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
            schema: || schema(SELECTOR_KEYS),
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
            schema: || schema(SELECTOR_KEYS),
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

/// Only the configuration of the plugin that is built in is read.
fn plugins(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    let yaml::Kind::Sequence(items) = &node.kind else {
        return reader.mismatch("plugins", "a list of maps", node);
    };
    let is_container =
        |item: &&Rc<Node>| item.get("name").and_then(Node::text) == Some("container");
    for init in items
        .iter()
        .filter(is_container)
        .filter_map(|item| item.get("init_config"))
    {
        let json = match init.text() {
            _ if init.is_null() => continue,
            // As JSON in a text.
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            None => init.to_json(),
        };
        match serde_json::from_value::<Engines>(json) {
            Ok(engines) => {
                for (key, reason) in engines.without_effect() {
                    let text = format!("plugins.init_config.{key} has no effect: {reason}");
                    reader.warning(init.place, text);
                }
                config.engines = engines;
            }
            Err(error) => reader.error(
                init.place,
                format!("plugins.init_config of container: {error}"),
            ),
        }
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
