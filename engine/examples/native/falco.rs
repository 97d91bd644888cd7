//! Falco's own eBPF programs, loaded and read by `scap-open`, the example of its libraries.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// The hook that tells of the end of a process, as Falco names it.
pub(super) const END: &str = "sched_process_exit";

/// How often to look whether it has attached them.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(100);

/// The program, beside which are its version and its numbers of calls.
pub(super) struct Falco {
    program: PathBuf,
    version: String,
    numbers: String,
}

/// It runs.
pub(super) struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Falco {
    /// What the environment names, if it names one.
    pub(super) fn new() -> anyhow::Result<Option<Self>> {
        let program = std::env::var_os("FALCO_SCAP_OPEN").filter(|program| !program.is_empty());
        let Some(program) = program.map(PathBuf::from) else {
            return Ok(None);
        };
        let read = |name: &str| {
            let path = program.with_file_name(name);
            std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        Ok(Some(Self {
            version: read("version")?.trim().to_owned(),
            numbers: read("ppm_events_public.h")?,
            program,
        }))
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The number of a call in its own table, of lines like `PPM_SC_X(GETPID, 16)`.
    fn number(&self, call: &str) -> anyhow::Result<&str> {
        let start = format!("PPM_SC_X({}, ", call.to_uppercase());
        let rest = self.numbers.split_once(&start).map(|(_, rest)| rest);
        let number = rest.and_then(|rest| rest.split_once(')'));
        Ok(number.with_context(|| format!("Falco has no {call}"))?.0)
    }

    /// Records these calls until it is dropped.
    pub(super) fn watch<'c>(
        &self,
        calls: impl IntoIterator<Item = &'c str>,
    ) -> anyhow::Result<Watch> {
        let mut command = Command::new(&self.program);
        command
            .arg("--modern_bpf")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        for call in calls {
            command.args(["--ppm_sc", self.number(call)?]);
        }
        let mut watch = Watch(command.spawn().context("cannot start scap-open")?);
        for _ in 0..LOOKS {
            if let Some(status) = watch.0.try_wait()? {
                bail!("scap-open has ended: {status}");
            }
            if is_attached(watch.0.id()) {
                std::thread::sleep(LOOK);
                return Ok(watch);
            }
            std::thread::sleep(LOOK);
        }
        bail!("scap-open attaches nothing")
    }
}

/// Whether a process has a program attached somewhere.
fn is_attached(process: u32) -> bool {
    let directory = std::fs::read_dir(format!("/proc/{process}/fdinfo"));
    directory.into_iter().flatten().flatten().any(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        text.contains("link_type")
    })
}
