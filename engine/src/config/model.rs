//! What the configuration decides, in the form in which the program asks for it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use super::schema::Text;
use crate::diagnostic::Source;
use crate::metadata::engines::Engines;
use crate::metadata::kubernetes::Kubernetes;
use crate::output::Priority;
use crate::rules::AppendOutput;

/// Everything that `falco.yaml` decides.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Load configuration and rules again when their files change.
    pub watch_files: bool,
    /// Files and directories of rules, in order.
    pub rules_files: Vec<Text>,
    /// Rules of lower priority are not loaded.
    pub priority: Priority,
    /// What happens when several rules match one event.
    pub rule_matching: RuleMatching,
    /// The source of events.
    pub engine: Engine,
    /// System calls collected beside those of the rules.
    pub base_syscalls: BaseSyscalls,
    /// Rules that are turned on and off, in order.
    pub rules: Vec<RuleSelection>,
    /// What the program gives up when it starts.
    pub privileges: Privileges,
    /// What is added to the outputs of rules.
    pub append_output: Vec<AppendOutput>,
    /// Alerts and where they go.
    pub outputs: Outputs,
    /// Bytes that were read or written are shown as base64.
    pub base64: bool,
    /// Captures of what happens around alerts.
    pub capture: Capture,
    /// Values of the fields `%static.*`.
    pub static_fields: BTreeMap<String, String>,
    /// How container runtimes are asked.
    pub engines: Engines,
    /// How long events wait for what runtimes know.
    pub holding: Holding,
    /// How the API server of Kubernetes is asked.
    pub kubernetes: Kubernetes,
    /// What is done when the kernel lost events.
    pub drops: Drops,
    /// Reads in a row without events before that is reported.
    pub max_timeouts: u64,
    /// Numbers about the program itself.
    pub metrics: Metrics,
    /// The web server.
    pub web: WebServer,
    /// The program's own messages.
    pub log: Log,
    /// The files that were read, the main one first.
    pub files: Vec<PathBuf>,
    /// The main file and what it includes, files and directories, even those
    /// that are not there.
    pub watched: Vec<PathBuf>,
    /// The files and the options of the command line that were read, by the
    /// numbers in the places of texts.
    pub sources: Vec<Source>,
}

/// What happens when several rules match one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleMatching {
    /// One alert, of the rule that was loaded first.
    #[default]
    First,
    /// One alert for each.
    All,
}

/// Where events come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The kernel module.
    #[default]
    Kmod,
    /// eBPF programs.
    ModernEbpf,
    /// The module if it is there, else eBPF programs.
    Auto,
    /// A capture, from its beginning to its end.
    Replay,
    /// Nowhere.
    Nodriver,
}

impl EngineKind {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kmod => "kmod",
            Self::ModernEbpf => "modern_ebpf",
            Self::Auto => "auto",
            Self::Replay => "replay",
            Self::Nodriver => "nodriver",
        }
    }
}

/// The section `engine`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engine {
    /// Where events come from.
    pub kind: EngineKind,
    /// Bytes of each processor's ring, from `engine.kmod.buf_size_preset`.
    pub buffer_size: u32,
    /// The module sends no exits of system calls that failed.
    pub drop_failed_exit: bool,
    /// What is said of the eBPF programs.
    pub ebpf: EbpfOptions,
    /// Most threads that are kept, from `falco_libs.thread_table_size`; 0: as
    /// many as the state keeps by itself.
    pub threads: usize,
    /// Seconds within which each thread is looked for once, from
    /// `falco_libs.thread_table_auto_purging_interval_s`.
    pub purging_interval: u64,
    /// Seconds for which a thread must not be there before it is forgotten, from
    /// `falco_libs.thread_table_auto_purging_thread_timeout_s`.
    pub purging_timeout: u64,
    /// The capture to replay; empty if none was named.
    pub capture_file: PathBuf,
    /// How many times as fast as it was recorded it is replayed; 0: as fast as
    /// possible.
    pub replay_speed: f64,
    /// How much is recorded.
    pub limits: RecordLimits,
}

/// How much the kernel half records, of the section `falco_libs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordLimits {
    /// Bytes of what is read and written, from `snaplen`; 0: as many as it
    /// records by itself.
    pub snaplen: u32,
    /// The same of sockets of which a port is within the next two, from
    /// `snaplen_ports.bytes`; 0: the same.
    pub port_snaplen: u32,
    /// From `snaplen_ports.first`.
    pub port_first: u16,
    /// From `snaplen_ports.last`.
    pub port_last: u16,
    /// Most records of a process in a second, from `throttle`; 0: any number.
    pub throttle: u32,
    /// The same of a control group, from `throttle_cgroup`.
    pub throttle_group: u32,
    /// Bytes of a program's arguments, and of its environment, from `args_and_env_bytes`;
    /// 0: as many as it records by itself.
    pub strings: u32,
}

/// The section `engine.modern_ebpf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EbpfOptions {
    /// Bytes of each ring, from `buf_size_preset`.
    pub buffer_size: u32,
    /// CPUs that share a ring; 0: all.
    pub cpus_for_each_buffer: u32,
    /// The programs send no exits of system calls that failed.
    pub drop_failed_exit: bool,
}

/// Of the section `containers`: events that wait for what a runtime knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// How long one waits at most.
    pub time: Duration,
    /// Memory of all that wait, in bytes.
    pub bytes: usize,
}

impl Default for Holding {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(500),
            bytes: 8 << 20,
        }
    }
}

/// The section `privileges`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// The user to become; empty: none.
    pub user: String,
    /// Refuse system calls that are never needed.
    pub seccomp: bool,
}

/// The section `base_syscalls`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseSyscalls {
    /// Names to collect instead of those that the state needs, or with `!` in front
    /// to leave out.
    pub custom_set: Vec<Text>,
    /// What the state needs, beside the names to collect.
    pub repair: bool,
    /// Also calls of the rules that are made very often, which here is always so.
    pub all: bool,
}

/// One entry of `rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSelection {
    /// Rules to turn on.
    pub enable: Option<RuleSelector>,
    /// Rules to turn off.
    pub disable: Option<RuleSelector>,
}

/// Some rules: those of a name or a pattern, and those with a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSelector {
    /// Name; `*` is any text.
    pub rule: Option<Text>,
    /// Tag.
    pub tag: Option<Text>,
}

/// What alerts look like and where they go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Form of a line.
    pub format: Format,
    /// `stdout_output.enabled`.
    pub stdout: bool,
    /// `syslog_output.enabled`.
    pub syslog: bool,
    /// The section `file_output`.
    pub file: FileOutput,
    /// The section `program_output`.
    pub program: ProgramOutput,
    /// The section `http_output`.
    pub http: HttpOutput,
    /// The section `remote_syslog_output`.
    pub remote_syslog: RemoteSyslog,
    /// Lines may wait in the process for more lines.
    pub buffered: bool,
    /// Alerts that may wait for one output; 0 takes
    /// [`DEFAULT_CAPACITY`](crate::output::DEFAULT_CAPACITY).
    pub capacity: usize,
    /// The socket of the log daemon. Not a key; another one is for tests.
    pub syslog_socket: PathBuf,
    /// Milliseconds after which an output that does not return is reported.
    pub timeout_ms: u64,
}

/// The form of alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// One JSON object per line instead of text.
    pub json: bool,
    /// JSON has `output`.
    pub include_output: bool,
    /// JSON has `message`.
    pub include_message: bool,
    /// JSON has `output_fields`.
    pub include_output_fields: bool,
    /// JSON has `tags`.
    pub include_tags: bool,
    /// Times in text are ISO 8601 and UTC. Also holds for the log.
    pub iso_time: bool,
}

/// The section `capture`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// Write captures.
    pub enabled: bool,
    /// Beginning of their names.
    pub path_prefix: PathBuf,
    /// Alerts of all rules begin one, not only those of rules with `capture`.
    pub all_rules: bool,
    /// How long one lasts after the last alert, unless the rule says otherwise.
    pub duration: Duration,
    /// Largest size of a file in MiB; 0: any.
    pub max_file_mib: u64,
    /// Most events of a file; 0: any.
    pub max_events: u64,
    /// Events before the alert that are kept for its file.
    pub before_events: u64,
}

/// The section `file_output`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOutput {
    /// Write to a file.
    pub enabled: bool,
    /// Keep it open between alerts.
    pub keep_alive: bool,
    /// Which file.
    pub filename: PathBuf,
    /// Bytes after which a new file is begun; 0: never.
    pub rotate_bytes: u64,
    /// Old files that are kept, with `.1`, `.2` … behind their names.
    pub rotate_keep: u64,
}

/// The section `program_output`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgramOutput {
    /// Hand alerts to a program.
    pub enabled: bool,
    /// One process for all alerts instead of one for each.
    pub keep_alive: bool,
    /// What the shell runs.
    pub program: String,
}

/// The section `http_output`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpOutput {
    /// Post alerts.
    pub enabled: bool,
    /// Where to.
    pub url: String,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// More headers: name and value.
    pub headers: Vec<(String, String)>,
    /// Any certificate will do.
    pub insecure: bool,
    /// One authority's certificate. The first of the three that is set counts.
    pub ca_cert: Option<PathBuf>,
    /// Certificates of authorities in one file.
    pub ca_bundle: Option<PathBuf>,
    /// Certificates of authorities in the files of a directory.
    pub ca_path: PathBuf,
    /// Show a certificate to the server.
    pub mtls: bool,
    /// That certificate.
    pub client_cert: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// Write the server's answers to standard output.
    pub echo: bool,
    /// Send bodies compressed.
    pub compress: bool,
    /// Probe idle connections.
    pub keep_alive: bool,
    /// Further tries at once after a time-out.
    pub retries: u8,
    /// Alerts in one request at most.
    pub batch: usize,
}

/// How messages get to a log daemon elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// One datagram for each, without any answer.
    #[default]
    Udp,
    /// One stream.
    Tcp,
    /// One stream, encrypted.
    Tls,
}

/// The section `remote_syslog_output`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteSyslog {
    /// Send alerts to a log daemon elsewhere, as RFC 5424 has it.
    pub enabled: bool,
    /// Its host and port.
    pub address: String,
    /// How to get there.
    pub transport: Transport,
    /// With TLS: any certificate will do.
    pub insecure: bool,
    /// With TLS: certificates of authorities in one file; else those of the
    /// system.
    pub ca_bundle: Option<PathBuf>,
}

/// What may be done about lost events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropAction {
    /// Write it to the log.
    Log,
    /// Make an alert.
    Alert,
    /// End the program.
    Exit,
}

/// The section `syscall_event_drops`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drops {
    /// Share of lost events above which something is done.
    pub threshold: f64,
    /// What is done. Empty: nothing.
    pub actions: Vec<DropAction>,
    /// Actions per second.
    pub rate: f64,
    /// Actions that may follow each other at once.
    pub max_burst: u64,
    /// Do it each second without any loss, as a test.
    pub simulate: bool,
}

/// The section `metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Take snapshots.
    pub enabled: bool,
    /// How often.
    pub interval: Duration,
    /// Send them as alerts.
    pub output_rule: bool,
    /// Append them to this file.
    pub output_file: Option<PathBuf>,
    /// Matches of each rule.
    pub rules: bool,
    /// Processor time and memory.
    pub resources: bool,
    /// Tables of processes and containers.
    pub state: bool,
    /// Events and losses.
    pub kernel: bool,
    /// The same for each processor.
    pub kernel_per_cpu: bool,
    /// Runs of eBPF programs.
    pub programs: bool,
    /// Memory in MB instead of bytes.
    pub memory_in_mb: bool,
    /// Even what is 0.
    pub include_empty: bool,
}

/// The section `webserver`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebServer {
    /// Serve at all.
    pub enabled: bool,
    /// Threads; 0: one.
    pub threads: usize,
    /// Address.
    pub address: IpAddr,
    /// Port.
    pub port: u16,
    /// Path of the health check.
    pub health_path: String,
    /// Serve `/metrics`.
    pub prometheus: bool,
    /// Serve the page about the state of the program.
    pub status_page: bool,
    /// Serve HTTPS.
    pub tls: bool,
    /// File with certificate and key.
    pub certificate: PathBuf,
}

impl Default for WebServer {
    fn default() -> Self {
        Self {
            enabled: false,
            threads: 0,
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            health_path: String::new(),
            prometheus: false,
            status_page: false,
            tls: false,
            certificate: PathBuf::new(),
        }
    }
}

/// The program's own messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Messages of lower level are left out.
    pub level: Priority,
    /// Write them to standard error.
    pub stderr: bool,
    /// Send them to syslog.
    pub syslog: bool,
}
