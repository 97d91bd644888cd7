//! `falco-engine`, the program. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falco_engine::app::main()
}
