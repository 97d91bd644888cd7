//! The command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::DEFAULT_FILE;

/// Version of Falco's engine whose rules are understood.
pub const ENGINE_VERSION: &str = "0.62.0";

/// Exit code when the pid file cannot be written, as with Falco.
pub const EXIT_PID_FILE: u8 = 255;

/// Alerts on what processes do, by rules over the events of the kernel module
/// falco_kmod.
#[derive(Clone, Debug, Parser)]
#[command(name = "falco-engine", disable_version_flag = true)]
pub struct Cli {
    /// Read the configuration from FILE
    #[arg(short = 'c', value_name = "FILE", default_value = DEFAULT_FILE)]
    pub config: PathBuf,

    /// Load rules from FILE, or from every *.yaml and *.yml in it if it is a
    /// directory. Replaces rules_files of the configuration; may be repeated
    #[arg(short = 'r', value_name = "FILE")]
    pub rules: Vec<PathBuf>,

    /// Check the rules in FILE, print what is wrong and exit. May be repeated;
    /// the files are read in order, as with -r
    #[arg(short = 'V', long = "validate", value_name = "FILE")]
    pub validate: Vec<PathBuf>,

    /// Stop after SECONDS
    #[arg(short = 'M', value_name = "SECONDS")]
    pub seconds: Option<u64>,

    /// Set a key of the configuration, as in -o json_output=true or
    /// -o append_output[0].when='evt.type = open'. Dots lead into maps, [N]
    /// into lists, [] adds to a list; the value is YAML. May be repeated
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    pub options: Vec<String>,

    /// Write every alert at once, whatever buffered_outputs says
    #[arg(short = 'U', long = "unbuffered")]
    pub unbuffered: bool,

    /// Write the process id to FILE
    #[arg(short = 'P', long = "pidfile", value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Print versions and exit
    #[arg(long = "version")]
    pub version: bool,
}

/// Reads the command line. An exit code means that everything asked for is
/// already printed.
pub fn parse() -> Result<Cli, ExitCode> {
    match Cli::try_parse() {
        Ok(cli) if cli.version => {
            print!("{}", version());
            Err(ExitCode::SUCCESS)
        }
        Ok(cli) => Ok(cli),
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
    format!(
        "falco-engine {}\nKernel ABI: version {}, digest {:016x}\nEngine: {ENGINE_VERSION}\n",
        env!("CARGO_PKG_VERSION"),
        falco_abi::ABI_VERSION,
        falco_abi::layout::DIGEST,
    )
}

/// Writes the process id to `path`.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    fs::write(path, format!("{}\n", std::process::id()))
}
