//! Another process makes as many calls as it can: how many records of them are read in a
//! second, and what it takes to do so.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use falco_abi::control::{Setup, hook};
use falco_engine::source::{interest, live};
use nix::sys::resource::{UsageWho, getrusage};

use super::super::{Things, WORKS, made_calls, write_program};

/// How long a flood is.
const FLOOD: Duration = Duration::from_secs(3);
/// Parts of the time, in percent, for which calls are made: with the first, without a pause.
const SHARES: [u32; 4] = [100, 50, 25, 10];
/// How long calls are made and not made by turns.
const TURN: Duration = Duration::from_millis(10);

/// Another process that makes calls.
struct Flooder(Child);

impl Flooder {
    fn start(share: u32) -> anyhow::Result<Self> {
        let mut flooder = Command::new(std::env::current_exe()?);
        flooder.args(["flood", &share.to_string()]);
        flooder.stdin(Stdio::null());
        Ok(Self(flooder.spawn().context("cannot start myself")?))
    }
}

impl Drop for Flooder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes all calls that are measured without end, for that share of the time.
pub(crate) fn make_calls(share: Option<&str>) -> anyhow::Result<()> {
    let share: u32 = share.map_or(Ok(100), str::parse)?;
    let things = Things::new()?;
    write_program()?;
    let busy = TURN * share / 100;
    let mut start = Instant::now();
    loop {
        for (_, times, work) in WORKS {
            for _ in 0..times {
                work(&things)?;
            }
            if share < 100 && start.elapsed() > busy {
                std::thread::sleep(TURN - busy);
                start = Instant::now();
            }
        }
    }
}

/// Seconds of a processor.
fn processor_time(who: UsageWho) -> anyhow::Result<f64> {
    let usage = getrusage(who)?;
    let (user, system) = (usage.user_time(), usage.system_time());
    let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000;
    Ok((micros + user.tv_usec() + system.tv_usec()) as f64 / 1e6)
}

/// Records in a second that are read without loss, and what the reader alone takes of a
/// processor.
pub(super) fn rates() -> anyhow::Result<()> {
    for share in SHARES {
        let mut source = live(Some("ebpf"), Setup::default())?;
        let mut wanted = interest(made_calls());
        wanted.hooks |= hook::NO_OWN;
        source.set_interest(&wanted)?;
        let flooder = Flooder::start(share)?;
        let before = processor_time(UsageWho::RUSAGE_SELF)?;
        let start = Instant::now();
        let (mut records, mut bytes) = (0u64, 0u64);
        while start.elapsed() < FLOOD {
            source.read(Duration::from_millis(20), &mut |_, record| {
                records += 1;
                bytes += record.len() as u64;
            })?;
        }
        let passed = start.elapsed().as_secs_f64();
        drop(flooder);
        let spent = processor_time(UsageWho::RUSAGE_SELF)? - before;
        let lost = source.counters()?.lost();
        println!(
            "calls for {share} % of the time: {:.0} records of {} bytes in a second, {lost} lost; \
             the reader has {:.0} % of a processor",
            records as f64 / passed,
            bytes / records.max(1),
            100.0 * spent / passed,
        );
        if lost == 0 {
            println!("that is the highest rate without a loss that one process makes");
            break;
        }
    }
    Ok(())
}

/// What the engine with the shipped rules takes of a processor meanwhile.
pub(super) fn engine() -> anyhow::Result<()> {
    let beside = std::env::current_exe()?;
    let beside = beside.parent().and_then(|path| path.parent());
    let beside = beside.map(|path| path.join("falco-engine"));
    let Some(program) = std::env::var_os("FALCO_ENGINE").map(Into::into).or(beside) else {
        return Ok(());
    };
    if !program.exists() {
        println!("skipped: there is no {}, the engine", program.display());
        return Ok(());
    }
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let log = std::env::temp_dir().join("syscall-cost-engine.log");
    let mut command = Command::new(&program);
    command
        .args(["-c", &format!("{top}/rules/falco.yaml")])
        .args([
            "-o",
            &format!("rules_files[0]={top}/rules/falco_rules.yaml"),
        ])
        .args([
            "-o",
            "rules_files[1]=/dev/null",
            "-o",
            "rules_files[2]=/dev/null",
        ])
        .args([
            "-o",
            "engine.kind=modern_ebpf",
            "-o",
            "privileges.user=root",
        ])
        .args([
            "-o",
            "file_output.enabled=false",
            "-o",
            "syslog_output.enabled=false",
            "-o",
            "stdout_output.enabled=true",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log)?);
    // Of children that have ended the system tells what they took.
    let mut engine = Flooder(command.spawn().context("cannot start the engine")?);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    while !said().contains("threads are running") {
        ensure!(
            engine.0.try_wait()?.is_none(),
            "the engine has ended: {}",
            said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let id = engine.0.id();
    for share in [0, SHARES[0]] {
        let flooder = (share > 0).then(|| Flooder::start(share)).transpose()?;
        let before = ticks(id)?;
        std::thread::sleep(FLOOD);
        let spent = ticks(id)? - before;
        drop(flooder);
        println!(
            "the engine with the shipped rules, calls for {share} % of the time: {:.1} % of a \
             processor, {} messages of losses",
            100.0 * spent / FLOOD.as_secs_f64(),
            said().matches("records lost").count()
        );
    }
    Ok(())
}

/// Seconds of a processor that another process has had.
fn ticks(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let rest = stat.rsplit_once(')').context("no name")?.1;
    let field = |n: usize| -> anyhow::Result<u64> {
        Ok(rest
            .split_whitespace()
            .nth(n)
            .context("too short")?
            .parse()?)
    };
    let second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?.context("no clock")?;
    Ok((field(11)? + field(12)?) as f64 / second as f64)
}
