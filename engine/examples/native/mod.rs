//! What system calls cost on this machine itself while eBPF programs watch, in one
//! table of nanoseconds: `syscall_cost native`. Whatever else runs adds to some
//! measurements; the least of many counts.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use falco_abi::control::{Setup, hook};
use falco_engine::source::{Source, interest, live};
use nix::sys::resource::{UsageWho, getrusage};

use super::{Things, WORKS, Work, made_calls, number, read_all, write_program};

/// Measurements of one state, and rounds of all states: what a machine does meanwhile
/// hits all of them.
const BATCHES: u32 = 40;
const ROUNDS: u32 = 5;
/// How long the flood is.
const FLOOD: Duration = Duration::from_secs(3);
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// Nanoseconds of a call in each state: nobody watches, programs are attached for another
/// call, every call makes a record.
#[derive(Clone, Copy)]
struct Row {
    nobody: f64,
    idle: f64,
    captured: f64,
}

pub(super) fn table() -> anyhow::Result<()> {
    let things = Things::new()?;
    write_program()?;
    let mut rows = WORKS.map(|_| Row {
        nobody: f64::MAX,
        idle: f64::MAX,
        captured: f64::MAX,
    });
    for _ in 0..ROUNDS {
        for (row, work) in rows.iter_mut().zip(WORKS) {
            row.nobody = row.nobody.min(least(work, &things, None)?);
        }
        // Attached and detached each time, so that all states see the same machine.
        let mut source = live(Some("ebpf"), Setup::default())?;
        // As a 32-bit program counts, it has the number of getpid.
        source.set_interest(&interest(number("mkdir")))?;
        for (row, work) in rows.iter_mut().zip(WORKS) {
            row.idle = row.idle.min(least(work, &things, None)?);
        }
        source.set_interest(&interest(made_calls()))?;
        for (row, work) in rows.iter_mut().zip(WORKS) {
            let each = least(work, &things, Some(&mut *source))?;
            row.captured = row.captured.min(each);
        }
    }
    println!("ns\tnobody\tidle +\tcaptured +\tin programs");
    for (row, work) in rows.iter().zip(WORKS) {
        let inside = in_programs(work, &things)?;
        println!(
            "{}\t{:.0}\t{:.0}\t{:.0}\t{inside}",
            work.0,
            row.nobody,
            row.idle - row.nobody,
            row.captured - row.nobody
        );
    }
    flood()
}

/// The least that a call took.
fn least(
    (_, times, work): Work,
    things: &Things,
    mut source: Option<&mut dyn Source>,
) -> anyhow::Result<f64> {
    let mut least = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..times {
            work(things)?;
        }
        least = least.min(start.elapsed());
        if let Some(source) = &mut source {
            read_all(*source, |_| {})?;
        }
    }
    Ok(least.as_nanos() as f64 / f64::from(times))
}

/// Nanoseconds in the programs for each call, as the kernel counts them, which costs some
/// by itself.
fn in_programs((_, times, work): Work, things: &Things) -> anyhow::Result<String> {
    let before = std::fs::read_to_string(STATISTICS).unwrap_or_default();
    if std::fs::write(STATISTICS, "1").is_err() {
        return Ok("not allowed".to_owned());
    }
    let mut source = live(Some("ebpf"), Setup::default())?;
    source.set_interest(&interest(made_calls()))?;
    let sum = |source: &dyn Source| -> anyhow::Result<u64> {
        let programs = source.counters()?.programs;
        Ok(programs.iter().map(|program| program.nanoseconds).sum())
    };
    let start = sum(&*source)?;
    for _ in 0..times {
        work(things)?;
    }
    let spent = sum(&*source)? - start;
    std::fs::write(STATISTICS, before.trim())?;
    Ok(format!("{:.0}", spent as f64 / f64::from(times)))
}

/// Another process that makes calls without end.
struct Flooder(Child);

impl Drop for Flooder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes calls without end, for [`flood`].
pub(super) fn make_calls() -> anyhow::Result<()> {
    let things = Things::new()?;
    loop {
        for (_, times, work) in WORKS.into_iter().take(3) {
            for _ in 0..times {
                work(&things)?;
            }
        }
    }
}

/// Events in a second that are read while a process makes as many as it can, how many of
/// them are lost, and what the reader takes of a processor.
fn flood() -> anyhow::Result<()> {
    let mut source = live(Some("ebpf"), Setup::default())?;
    let mut wanted = interest(made_calls());
    wanted.hooks |= hook::NO_OWN;
    source.set_interest(&wanted)?;
    let program = std::env::current_exe()?;
    let mut flooder = Command::new(program);
    flooder.arg("flood").stdin(Stdio::null());
    let flooder = Flooder(flooder.spawn().context("cannot start myself")?);
    let before = getrusage(UsageWho::RUSAGE_SELF)?;
    let start = Instant::now();
    let (mut records, mut bytes) = (0u64, 0u64);
    while start.elapsed() < FLOOD {
        source.read(Duration::from_millis(20), &mut |_, record| {
            records += 1;
            bytes += record.len() as u64;
        })?;
    }
    let passed = start.elapsed();
    drop(flooder);
    let after = getrusage(UsageWho::RUSAGE_SELF)?;
    let time = |usage: nix::sys::resource::Usage| {
        let (user, system) = (usage.user_time(), usage.system_time());
        let micros = (user.tv_sec() + system.tv_sec()) * 1_000_000;
        (micros + user.tv_usec() + system.tv_usec()) as f64 / 1e6
    };
    println!(
        "a flood: {:.0} records of {} bytes in a second, {} lost; the reader has {:.0} % of a processor",
        records as f64 / passed.as_secs_f64(),
        bytes / records.max(1),
        source.counters()?.lost(),
        100.0 * (time(after) - time(before)) / passed.as_secs_f64(),
    );
    Ok(())
}
