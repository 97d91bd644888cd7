//! The command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::app::documents::{self, Document};
use crate::app::listing::{self, Format};
use crate::app::{print, record, stream};
use crate::config::{self, Config, DEFAULT_FILE, Diagnostic, EngineKind, Invalid, Loaded};
use crate::diagnostic::Origin;

/// Version of Falco's engine whose rules are understood.
pub const ENGINE_VERSION: &str = "0.62.0";

/// Exit code when the pid file cannot be written, as with Falco.
pub const EXIT_PID_FILE: u8 = 255;

/// Alerts on what processes do, by rules over the events of the kernel module
/// falco_kmod.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "falco-engine",
    disable_version_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// What to do instead of watching
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Read the configuration from FILE
    #[arg(short = 'c', value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,

    /// Load rules from FILE instead of rules_files (repeatable)
    ///
    /// A directory stands for the *.yaml and *.yml files in it, sorted by name.
    #[arg(short = 'r', value_name = "FILE")]
    pub rules: Vec<PathBuf>,

    /// Read events from the capture FILE instead of the kernel
    ///
    /// It is read from its beginning to its end, compressed or not; - is
    /// standard input.
    #[arg(short = 'e', value_name = "FILE")]
    pub capture: Option<PathBuf>,

    /// Replay a capture as fast as it was recorded, times FACTOR
    ///
    /// The same as -o engine.replay.speed=FACTOR. Without it events are read as
    /// fast as possible.
    #[arg(long, value_name = "FACTOR", value_parser = stream::factor)]
    pub speed: Option<f64>,

    /// Check the rules in FILE and exit (repeatable)
    ///
    /// Several files are read in order, as with -r, so that a later one can
    /// change the rules of an earlier one. The exit code is 1 if a rule is
    /// wrong.
    #[arg(short = 'V', long = "validate", value_name = "FILE")]
    pub validate: Vec<PathBuf>,

    /// Describe all rules and exit
    #[arg(short = 'L')]
    pub list_rules: bool,

    /// Describe the rule NAME and exit
    #[arg(short = 'l', value_name = "NAME")]
    pub list_rule: Option<String>,

    /// Show how the rule NAME is evaluated and exit
    #[arg(long = "explain", value_name = "NAME")]
    pub explain: Option<String>,

    /// List the fields that rules can use, and exit
    #[arg(long = "list", value_name = "SOURCE", num_args = 0..=1, default_missing_value = "syscall")]
    pub list: Option<String>,

    /// With --list: names alone
    #[arg(short = 'N')]
    pub names_only: bool,

    /// List the events, and exit
    #[arg(long = "list-events")]
    pub list_events: bool,

    /// List the events of system calls, and exit
    #[arg(long = "list-syscall-events")]
    pub list_syscall_events: bool,

    /// Form of a list
    #[arg(long = "format", value_name = "FORMAT", default_value = "text")]
    pub format: Format,

    /// The same as --format markdown
    #[arg(long = "markdown", conflicts_with = "format")]
    pub markdown: bool,

    /// Print the JSON schema of rule files, and exit
    #[arg(long = "rule-schema")]
    pub rule_schema: bool,

    /// Add TEXT to the output of every rule (repeatable)
    #[arg(short = 'p', long = "print", value_name = "TEXT")]
    pub print: Vec<String>,

    /// Turn off the rules with TEXT in their names (repeatable)
    #[arg(short = 'D', value_name = "TEXT")]
    pub disable: Vec<String>,

    /// Turn off the rules with the tag TAG (repeatable)
    #[arg(short = 'T', value_name = "TAG")]
    pub disable_tags: Vec<String>,

    /// Turn on only the rules with the tag TAG (repeatable)
    #[arg(short = 't', value_name = "TAG", conflicts_with_all = ["disable", "disable_tags"])]
    pub only_tags: Vec<String>,

    /// Stop after SECONDS
    #[arg(short = 'M', value_name = "SECONDS")]
    pub seconds: Option<u64>,

    /// Set a key of the configuration (repeatable)
    ///
    /// Dots lead into maps, a number in brackets into a list, empty brackets add
    /// to it; a backslash takes the meaning from the next character. A value that
    /// begins with {, [ or a quote is YAML, any other is taken as it is:
    ///
    ///   -o file_output.enabled=true
    ///   -o 'rules_files[]=/etc/falco/more.yaml'
    #[arg(
        short = 'o',
        long = "option",
        value_name = "KEY=VALUE",
        verbatim_doc_comment
    )]
    pub options: Vec<String>,

    /// The same as -o base_syscalls.all=true
    #[arg(short = 'A')]
    pub all_syscalls: bool,

    /// The same as -o buffer_format_base64=true
    #[arg(short = 'b')]
    pub base64: bool,

    /// The same as -o falco_libs.snaplen=BYTES
    #[arg(short = 'S', long = "snaplen", value_name = "BYTES")]
    pub snaplen: Option<u64>,

    /// Append the program's numbers to FILE, as often as metrics.interval says
    ///
    /// The same as -o metrics.enabled=true -o metrics.output_file=FILE.
    #[arg(short = 's', value_name = "FILE")]
    pub statistics: Option<PathBuf>,

    /// Write every alert at once, whatever buffered_outputs says
    #[arg(short = 'U', long = "unbuffered")]
    pub unbuffered: bool,

    /// Write the process id to FILE
    #[arg(short = 'P', long = "pidfile", value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Check everything up to the first event, and exit
    #[arg(long = "dry-run")]
    pub dry_run: bool,

    /// Take events of SOURCE alone (repeatable); there is only syscall
    #[arg(
        long = "enable-source",
        value_name = "SOURCE",
        conflicts_with = "disable_sources"
    )]
    pub enable_sources: Vec<String>,

    /// Take no events of SOURCE (repeatable)
    #[arg(long = "disable-source", value_name = "SOURCE")]
    pub disable_sources: Vec<String>,

    /// Print the JSON schema of the configuration, and exit
    #[arg(long = "config-schema")]
    pub config_schema: bool,

    /// List the system calls that are never recorded, and exit
    #[arg(short = 'i')]
    pub ignored: bool,

    /// List the plugins, and exit
    #[arg(long = "list-plugins")]
    pub list_plugins: bool,

    /// Describe the plugin NAME, and exit
    #[arg(long = "plugin-info", value_name = "NAME")]
    pub plugin_info: Option<String>,

    /// Print versions, system, configuration and rules as JSON, and exit
    #[arg(long = "support")]
    pub support: bool,

    /// Print the size of a page of memory, and exit
    #[arg(long = "page-size")]
    pub page_size: bool,

    /// Print a document for packages, and exit
    #[arg(long = "document", value_name = "WHICH", hide = true)]
    pub document: Option<Document>,

    /// Log more
    #[arg(short = 'v')]
    pub verbose: bool,

    /// Print the versions of program, kernel ABI and rule language, and exit
    #[arg(long = "version")]
    pub version: bool,
}

/// What the program can do instead of watching.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Action {
    /// Show what the running engine does, again and again
    ///
    /// Asks its web server, which must be turned on (webserver.enabled).
    Top {
        /// Where the web server listens, if it is not as in the configuration
        ///
        /// https:// in front says that it encrypts. Its certificate may be any: nothing
        /// secret is sent.
        #[arg(value_name = "HOST:PORT")]
        address: Option<String>,

        /// Read the configuration from FILE
        #[arg(short = 'c', value_name = "FILE", default_value = DEFAULT_FILE)]
        config: PathBuf,

        /// Show it so often and end
        #[arg(short = 'n', value_name = "NUMBER")]
        rounds: Option<u64>,
    },

    /// Print events, of a capture or of the kernel
    Print(print::Options),

    /// Write events into a capture, from the kernel or from another capture
    Record(record::Options),
}

impl Cli {
    /// Reads the configuration with everything that the command line changes
    /// in it.
    pub fn load_config(&self) -> Result<Loaded, Invalid> {
        let mut loaded = config::load(&self.config, &self.all_options())?;
        if self.unbuffered {
            loaded.config.outputs.buffered = false;
        }
        if let Some(file) = &self.capture {
            loaded.config.engine.kind = EngineKind::Replay;
            loaded.config.engine.capture_file.clone_from(file);
        }
        Ok(loaded)
    }

    /// The same; without a file, where none was named, what the command line
    /// says alone.
    pub fn load_config_if_there(&self) -> Result<Loaded, Invalid> {
        if self.config == Path::new(DEFAULT_FILE) && !self.config.exists() {
            return config::from_text(DEFAULT_FILE, "", &self.all_options());
        }
        self.load_config()
    }

    /// The options `-o`, and behind them those that set a key in few words.
    fn all_options(&self) -> Vec<String> {
        let mut all = self.options.clone();
        let mut set = |key: &str, value: &str| all.push(format!("{key}={value}"));
        if self.all_syscalls {
            set("base_syscalls.all", "true");
        }
        if self.base64 {
            set("buffer_format_base64", "true");
        }
        if let Some(factor) = self.speed {
            set("engine.replay.speed", &factor.to_string());
        }
        if let Some(bytes) = self.snaplen {
            set("falco_libs.snaplen", &bytes.to_string());
        }
        if let Some(file) = &self.statistics {
            set("metrics.enabled", "true");
            set("metrics.output_file", &file.to_string_lossy());
        }
        all
    }

    /// Why there would be no events, if they do not come from a capture.
    pub fn refused_source(&self) -> Option<String> {
        const SOURCE: &str = "syscall";
        let mut named = self.enable_sources.iter().chain(&self.disable_sources);
        if let Some(source) = named.find(|source| *source != SOURCE) {
            return Some(format!("there is no source `{source}`, only `{SOURCE}`"));
        }
        if !self.disable_sources.is_empty() {
            return Some("at least one source must stay enabled".into());
        }
        None
    }

    /// Why what the options ask for cannot be done.
    fn refusal(&self) -> Option<String> {
        self.plugin_info
            .as_ref()
            .map(|name| format!("there is no plugin `{name}`"))
    }

    /// What one of the options that only print a table prints.
    pub fn listing(&self) -> Option<String> {
        let format = match self.markdown {
            true => Format::Markdown,
            false => self.format,
        };
        if let Some(which) = self.document {
            return Some(documents::document(which));
        }
        if self.rule_schema {
            return Some(listing::rule_schema());
        }
        if self.config_schema {
            return Some(listing::pretty(&config::reference::json_schema()));
        }
        if self.ignored {
            // What rules need is recorded, whatever its volume; nothing else is.
            return Some(String::new());
        }
        if self.page_size {
            let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
            let size = size.ok().flatten().unwrap_or_default();
            return Some(format!("Your system page size is: {size}\n"));
        }
        if self.list_plugins {
            return Some("0 Plugins Loaded:\n".into());
        }
        if self.list_events || self.list_syscall_events {
            return Some(listing::events(format, self.list_syscall_events));
        }
        match self.list.as_deref()? {
            "syscall" => Some(listing::fields(format, self.names_only)),
            // There is no other source that has fields.
            _ => Some(String::new()),
        }
    }

    /// The files of rules to load: those of `-r`, else those of the
    /// configuration.
    pub fn rules_files(&self, config: &Config) -> Result<Vec<PathBuf>, Invalid> {
        if self.rules.is_empty() {
            config::rules_files(&config.rules_files)
        } else {
            named_files("-r", &self.rules)
        }
    }

    /// The files of rules to check with `-V`.
    pub fn files_to_validate(&self) -> Result<Vec<PathBuf>, Invalid> {
        named_files("-V", &self.validate)
    }
}

/// Files that were named on the command line must exist, whatever their name.
fn named_files(option: &str, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Invalid> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match config::expand_path(path) {
            Ok(found) => files.extend(found),
            Err(error) => {
                let origin = Origin::whole(&format!("{option} {}", path.display()));
                let message = format!("cannot read the rules: {error}");
                errors.push(Diagnostic::error(origin, message));
            }
        }
    }
    if errors.is_empty() {
        Ok(files)
    } else {
        Err(Invalid(errors))
    }
}

/// Reads the command line. An exit code means that everything asked for is
/// already printed.
pub fn parse() -> Result<Cli, ExitCode> {
    match Cli::try_parse() {
        Ok(cli) => match cli.refusal() {
            Some(reason) => {
                eprintln!("Error: {reason}");
                Err(ExitCode::FAILURE)
            }
            None => Ok(cli),
        },
        Err(error) => {
            // To standard output for --help, else to standard error.
            let _ = error.print();
            Err(match error.kind() {
                ErrorKind::DisplayHelp => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            })
        }
    }
}

/// What `--version` prints.
pub fn version() -> String {
    let versions = versions();
    let text = |key: &str| versions[key].as_str().unwrap_or_default().to_owned();
    format!(
        "falco-engine {own}\n\
         Falco version: {own} ({})\n\
         Libs version:  {}\n\
         Plugin API:    none\n\
         Engine:        {ENGINE_VERSION}\n\
         Driver:\n  \
           API version:    {}\n  \
           Schema version: {}\n  \
           Default driver: {}\n",
        std::env::consts::ARCH,
        text("libs_version"),
        text("driver_api_version"),
        text("driver_schema_version"),
        text("default_driver_version"),
        own = env!("CARGO_PKG_VERSION"),
    )
}

/// The same for programs, and for `/versions` of the web server.
pub fn versions() -> Value {
    let own = env!("CARGO_PKG_VERSION");
    let minor = ENGINE_VERSION.split('.').nth(1).unwrap_or_default();
    // There are no separate libraries; driver and engine come from one tree.
    json!({
        "falco_version": own,
        "libs_version": own,
        "plugin_api_version": "",
        "driver_api_version": format!("{}.0.0", falco_abi::ABI_VERSION),
        "driver_schema_version": format!("{:016x}", falco_abi::layout::DIGEST),
        "default_driver_version": own,
        "engine_version": minor,
        "engine_version_semver": ENGINE_VERSION,
        "plugin_versions": {},
    })
}

/// Writes the process id to `path`.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    fs::write(path, format!("{}\n", std::process::id()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(["falco-engine"].iter().chain(arguments))
    }

    #[test]
    fn every_option_is_read() {
        Cli::command().debug_assert();
        let cli = parse(&[
            "-c",
            "f.yaml",
            "-r",
            "a",
            "-r",
            "b",
            "-V",
            "v",
            "-M",
            "5",
            "-o",
            "a=b",
            "-U",
            "-P",
            "pid",
            "--version",
        ])
        .unwrap();
        assert_eq!(cli.config, Path::new("f.yaml"));
        assert_eq!(cli.rules, [Path::new("a"), Path::new("b")]);
        assert_eq!(cli.validate, [Path::new("v")]);
        assert_eq!(
            (cli.seconds, cli.unbuffered, cli.version),
            (Some(5), true, true)
        );
        assert_eq!(cli.options, ["a=b"]);
        assert_eq!(cli.pid_file.as_deref(), Some(Path::new("pid")));
        assert_eq!(parse(&[]).unwrap().config, Path::new(DEFAULT_FILE));
        assert!(parse(&["-M", "soon"]).is_err() && parse(&["--nonsense"]).is_err());
    }

    #[test]
    fn versions() {
        let version = version();
        assert!(version.starts_with("falco-engine 0.1.0\nFalco version: 0.1.0 ("));
        assert!(version.contains("\nEngine:        0.62.0\nDriver:\n  API version:    1.0.0\n"));
    }

    #[test]
    fn named_rules_must_exist() {
        let cli = parse(&["-r", "/none/x.local.yaml"]).unwrap();
        let error = cli.rules_files(&Config::default()).unwrap_err().to_string();
        assert!(error.starts_with("-r /none/x.local.yaml: error: cannot read the rules: No such"));
    }
}
