//! `--version` and `--support`: what somebody who helps wants to know.

use std::fs;

use serde_json::json;

use super::listing::pretty;
use crate::cli::{self, Cli};
use crate::config::Config;

/// `--version`: for people, or for programs if the configuration says so.
pub(super) fn version(cli: &Cli) -> String {
    let json = cli
        .load_config_if_there()
        .is_ok_and(|loaded| loaded.config.outputs.format.json);
    match json {
        true => pretty(&cli::versions()),
        false => cli::version(),
    }
}

/// `--support`: version, system, command line, configuration and rules.
pub(super) fn support(cli: &Cli, config: &Config) -> anyhow::Result<String> {
    let system = nix::sys::utsname::uname()?;
    let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    let file = |path: &std::path::PathBuf| {
        json!({
            "name": path,
            "content": fs::read_to_string(path).unwrap_or_else(|error| error.to_string()),
        })
    };
    let rules = cli.rules_files(config)?;
    let arguments: Vec<_> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    Ok(pretty(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "versions": cli::versions(),
        "system_info": {
            "sysname": text(system.sysname()),
            "nodename": text(system.nodename()),
            "release": text(system.release()),
            "version": text(system.version()),
            "machine": text(system.machine()),
        },
        "cmdline": arguments.join(" "),
        "config_files": config.files.iter().map(file).collect::<Vec<_>>(),
        "rules_files": rules.iter().map(file).collect::<Vec<_>>(),
    })))
}
