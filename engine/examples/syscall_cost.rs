//! What a system call costs while the module watches, in ticks of the
//! processor's counter for each of many `getpid` calls. In a virtual machine
//! that counts guest instructions (`qemu -icount shift=0`) ticks are
//! instructions; the guest's own clock is not: it guesses how fast they come.
//!
//! `syscall_cost none|idle|attached|all [CALLS]`
//!
//! | argument | the device | the interest |
//! | --- | --- | --- |
//! | `none` | closed | |
//! | `idle` | open, set up | none |
//! | `attached` | open, set up | a call that is not made |
//! | `all` | open, set up | all system calls and hooks |
//!
//! With `all` the records are read afterwards, and the cost of that is printed.

use std::path::Path;
use std::time::Duration;

use falco_abi::control::DEVICE_PATH;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Source, interest, kmod::KmodSource};

/// Measurements, of which the least counts.
const BATCHES: u32 = 40;

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let mode = args.next().unwrap_or_else(|| "none".to_owned());
    let calls: u32 = args.next().map_or(Ok(20_000), |n| n.parse())?;
    let number = |name: &str| {
        SYSCALLS
            .iter()
            .find(|s| s.name == name)
            .map(|s| u32::from(s.number()))
    };
    let mut source = match mode.as_str() {
        "none" => None,
        _ => Some(KmodSource::open(Path::new(DEVICE_PATH), 0)?),
    };
    if let Some(source) = &mut source {
        match mode.as_str() {
            "attached" => source.set_interest(&interest(number("acct")))?,
            "all" => source.set_interest(&interest(
                SYSCALLS
                    .iter()
                    .filter(|s| s.number() != NONE)
                    .map(|s| u32::from(s.number())),
            ))?,
            _ => {}
        }
    }
    let batch = calls / BATCHES;
    // The least: what interrupts and other tasks add only ever makes it more.
    let least = (0..BATCHES)
        .map(|_| measure(batch))
        .min()
        .unwrap_or_default();
    println!(
        "{mode}: {:.1} for each getpid",
        least as f64 / f64::from(batch)
    );
    if let (Some(source), "all") = (&mut source, mode.as_str()) {
        read_back(source)?;
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
fn ticks() -> u64 {
    // SAFETY: Every x86_64 processor has the counter.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(not(target_arch = "x86_64"))]
fn ticks() -> u64 {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| {
        (t.tv_sec() * 1_000_000_000 + t.tv_nsec()).cast_unsigned()
    })
}

fn measure(calls: u32) -> u64 {
    let start = ticks();
    for _ in 0..calls {
        std::hint::black_box(nix::unistd::getpid());
    }
    ticks() - start
}

/// Reads what was recorded, decoding each record.
fn read_back(source: &mut KmodSource) -> anyhow::Result<()> {
    let (mut records, mut bytes, mut broken) = (0u64, 0u64, 0u64);
    let start = ticks();
    source.read(Duration::ZERO, &mut |_, record| {
        records += 1;
        bytes += record.len() as u64;
        match Event::decode(record, records, 0) {
            Ok(event) => {
                std::hint::black_box(event.result());
            }
            Err(_) => broken += 1,
        }
    })?;
    let took = ticks() - start;
    println!(
        "read: {:.1} for each of {records} records of {} bytes; {broken} broken, {} lost",
        took as f64 / records.max(1) as f64,
        bytes / records.max(1),
        source.counters()?.lost(),
    );
    Ok(())
}
