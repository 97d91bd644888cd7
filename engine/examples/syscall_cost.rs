//! What a system call costs while the module watches: nanoseconds for each of
//! many `getpid` calls. Run in a virtual machine whose clock counts guest
//! instructions (`qemu -icount shift=0`), that is instructions for each call.
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
use std::time::{Duration, Instant};

use falco_abi::control::DEVICE_PATH;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Source, interest, kmod::KmodSource};

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
    let _ = measure(calls / 10);
    let cost = measure(calls);
    println!(
        "{mode}: {:.1} ns for each getpid",
        cost.as_nanos() as f64 / f64::from(calls)
    );
    if let (Some(source), "all") = (&mut source, mode.as_str()) {
        read_back(source)?;
    }
    Ok(())
}

fn measure(calls: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        std::hint::black_box(nix::unistd::getpid());
    }
    start.elapsed()
}

/// Reads what was recorded, decoding each record.
fn read_back(source: &mut KmodSource) -> anyhow::Result<()> {
    let (mut records, mut bytes, mut broken) = (0u64, 0u64, 0u64);
    let start = Instant::now();
    source.read(Duration::ZERO, &mut |record| {
        records += 1;
        bytes += record.len() as u64;
        match Event::decode(record, records, 0) {
            Ok(event) => {
                std::hint::black_box(event.result());
            }
            Err(_) => broken += 1,
        }
    })?;
    let took = start.elapsed();
    let counters = source.counters()?;
    println!(
        "read: {:.1} ns for each of {records} records of {} bytes, {:.0} records/s; {broken} broken, {} lost",
        took.as_nanos() as f64 / records.max(1) as f64,
        bytes / records.max(1),
        records as f64 / took.as_secs_f64(),
        counters.lost(),
    );
    Ok(())
}
