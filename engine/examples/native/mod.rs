//! What system calls cost on this machine itself while eBPF programs watch, in one
//! table of nanoseconds: `syscall_cost native`. Whatever else runs adds to some
//! measurements; the least of many counts.
//!
//! `FALCO_SCAP_OPEN` names the program that runs Falco's own eBPF programs (see
//! `tests/falco-ebpf.sh`), which are measured beside ours then. `FALCO_ENGINE` names the
//! engine whose share of a processor is told, if it is not beside this program's directory.

mod falco;
mod flood;

use std::time::{Duration, Instant};

use anyhow::ensure;
use falco_abi::control::Setup;
use falco_engine::source::{Source, live};

use super::{
    CALLS, TOLD, Things, WORKS, Work, made_calls, number, read_all, wanted_for, write_program,
};
use falco::Falco;
pub(super) use flood::make_calls;

/// Measurements of one state, and rounds of all states: what a machine does meanwhile
/// hits all of them.
const BATCHES: u32 = 200;
const ROUNDS: u32 = 5;
/// Between batches, where another process reads the records.
const PAUSE: Duration = Duration::from_millis(2);
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// What is of interest when those that are measured are not.
const OTHER: &str = "mkdir";

/// Most that may be added to a call that is not of interest.
const IDLE_GOAL: f64 = 130.0;
/// Most that may be added to each captured call: nanoseconds, or else a share of what
/// Falco adds.
const GETPID_GOAL: f64 = 230.0;
const SHARE_GOAL: f64 = 0.8;

/// Who watches.
#[derive(Clone, Copy)]
enum State {
    Nobody,
    /// Attached for another call.
    Idle,
    /// Every call makes a record, but for what does not return.
    Captured,
    /// That too, for which entries are looked at.
    WithExits,
    FalcoIdle,
    FalcoCaptured,
}

const STATES: [State; 6] = [
    State::Nobody,
    State::Idle,
    State::Captured,
    State::WithExits,
    State::FalcoIdle,
    State::FalcoCaptured,
];

/// Nanoseconds of a call in each state; infinite where that was not measured.
type Row = [f64; STATES.len()];

/// What a state adds.
fn added(row: &Row, state: State) -> f64 {
    row[state as usize] - row[State::Nobody as usize]
}

pub(super) fn table() -> anyhow::Result<()> {
    if let Err(error) = live(Some("ebpf"), Setup::default()) {
        let text = format!("{error:#}");
        // This machine's fault, not that of the programs.
        ensure!(
            text.contains("does not allow") || text.contains("eBPF needs"),
            text
        );
        println!("skipped: {text}");
        return Ok(());
    }
    let things = Things::new()?;
    write_program()?;
    let falco = Falco::new()?;
    let mut rows = WORKS.map(|_| [f64::INFINITY; STATES.len()]);
    for _ in 0..ROUNDS {
        for state in STATES {
            measure(state, &things, falco.as_ref(), &mut rows)?;
        }
    }
    println!(
        "ns\tnobody\tidle +\tcaptured +\tand exits +\tin programs\tFalco idle +\tFalco captured +\tgoals"
    );
    for (row, work) in rows.iter().zip(WORKS) {
        let inside = in_programs(work, &things)?;
        let shown = |value: f64| match value.is_finite() {
            true => format!("{value:.0}"),
            false => "-".to_owned(),
        };
        println!(
            "{}\t{}\t{}\t{}\t{}\t{inside}\t{}\t{}\t{}",
            work.0,
            shown(row[State::Nobody as usize]),
            shown(added(row, State::Idle)),
            shown(added(row, State::Captured)),
            shown(added(row, State::WithExits)),
            shown(added(row, State::FalcoIdle)),
            shown(added(row, State::FalcoCaptured)),
            goals(work.0, row)
        );
    }
    match &falco {
        Some(falco) => println!("Falco's programs are those of {}", falco.version()),
        None => println!("skipped: Falco's programs, for FALCO_SCAP_OPEN is not set"),
    }
    flood::rates()?;
    flood::engine()
}

/// Attaches, measures and detaches each time, so that all states see the same machine.
fn measure(
    state: State,
    things: &Things,
    falco: Option<&Falco>,
    rows: &mut [Row],
) -> anyhow::Result<()> {
    let calls: Vec<u32> = match state {
        // As a 32-bit program counts, it has the number of getpid.
        State::Idle => number(OTHER).into_iter().collect(),
        State::Captured => CALLS.into_iter().filter_map(number).collect(),
        State::WithExits => made_calls().collect(),
        _ => Vec::new(),
    };
    let mut source = match calls.is_empty() {
        true => None,
        false => Some(live(Some("ebpf"), Setup::default())?),
    };
    let other_program = match (state, falco) {
        (State::FalcoIdle, Some(falco)) => Some(falco.watch([OTHER])?),
        (State::FalcoCaptured, Some(falco)) => {
            Some(falco.watch(CALLS.into_iter().chain([falco::END]))?)
        }
        (State::FalcoIdle | State::FalcoCaptured, None) => return Ok(()),
        _ => None,
    };
    let captured = matches!(state, State::Captured | State::WithExits);
    for (row, work) in rows.iter_mut().zip(WORKS) {
        if let Some(source) = &mut source {
            source.set_interest(&wanted_for(work.0, calls.iter().copied()))?;
        }
        let between = || match source.as_deref_mut() {
            Some(source) if captured => read_all(source, |_| {}),
            _ if other_program.is_some() => {
                std::thread::sleep(PAUSE);
                Ok(())
            }
            _ => Ok(()),
        };
        let each = least(work, things, between)?;
        row[state as usize] = row[state as usize].min(each);
    }
    Ok(())
}

/// The least that a call took.
fn least(
    (_, times, work): Work,
    things: &Things,
    mut between: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let mut least = Duration::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..times {
            work(things)?;
        }
        least = least.min(start.elapsed());
        between()?;
    }
    Ok(least.as_nanos() as f64 / f64::from(times))
}

/// Which goals there are for a call, and whether they are met.
fn goals(name: &str, row: &Row) -> String {
    let met = |what: &str, is: bool| format!("{what} {}", if is { "met" } else { "missed" });
    if name == "getpid" {
        let idle = met("idle", added(row, State::Idle) <= IDLE_GOAL);
        let captured = met("captured", added(row, State::Captured) <= GETPID_GOAL);
        return format!("{idle}, {captured}");
    }
    if name == TOLD {
        return "Falco does not tell it".to_owned();
    }
    let share = added(row, State::Captured) / added(row, State::FalcoCaptured);
    match added(row, State::FalcoCaptured).is_finite() {
        true => met(
            &format!("{:.0} % of Falco:", 100.0 * share),
            share <= SHARE_GOAL,
        ),
        false => "not known without Falco".to_owned(),
    }
}

/// Nanoseconds in the programs for each call, as the kernel counts them, which costs some
/// by itself.
fn in_programs((name, times, work): Work, things: &Things) -> anyhow::Result<String> {
    let before = std::fs::read_to_string(STATISTICS).unwrap_or_default();
    if std::fs::write(STATISTICS, "1").is_err() {
        return Ok("not allowed".to_owned());
    }
    let mut source = live(Some("ebpf"), Setup::default())?;
    source.set_interest(&wanted_for(name, made_calls()))?;
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
