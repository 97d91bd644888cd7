//! Whether every field is right on a live machine: a scene of processes whose
//! every step is known, and what fields must be then (`table.rs`).
//!
//! - `fields older` becomes a process that is there before the engine is started;
//! - `fields rules` prints rules that tell the fields of each step;
//! - `fields scene` plays the scene, with the engine watching; what cannot be
//!   known before is told in `/tmp/fields/facts`;
//! - `fields check ALERTS` compares what the engine wrote with both.
//!
//! As root, on a machine for tests.

mod check;
mod files;
mod kernel;
mod older;
mod processes;
mod scene;
mod sockets;
mod table;
#[cfg(target_arch = "x86_64")]
mod vfork;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // The programs of the scene are this one under other names.
    let name = scene::own_name()?;
    if let Some(part) = scene::part(&name, &words) {
        return part();
    }
    match words[..] {
        ["rules"] => {
            print!("{}", check::rules());
            Ok(())
        }
        ["older"] => older::begin(),
        ["scene"] => scene::play(),
        ["check", alerts] => check::check(alerts),
        _ => bail!("usage: fields older | rules | scene | check ALERTS"),
    }
}
