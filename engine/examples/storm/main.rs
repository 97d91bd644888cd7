//! Many threads make system calls whose records say themselves whether they are
//! whole, while this reads them: no record may be torn, none may come twice, and
//! those that were read and those that were counted as lost are all there were.
//!
//! - `storm [THREADS [CALLS [ebpf]]]`: more threads than processors, so that probes are
//!   preempted in the middle.
//! - `storm soak SECONDS [THREADS [SOURCE [stay]]]`: the same for that long, while processors
//!   go and come (unless they are to stay), the reader sleeps, is another one, or is killed;
//!   see [`soak`]. SOURCE is `kmod` or `ebpf`.
//!
//! Run it where little else happens.

mod affinity;
mod seen;
mod soak;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use falco_abi::control::Setup;
use falco_abi::ring::RING_MIN;
use falco_engine::source::{Batch, live};

use seen::{Call, Seen, lost_opens, watch};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |at: usize| arguments.get(at).map(String::as_str);
    println!("preemption of the kernel: {}", preemption());
    let number = |at: usize, default| arguments.get(at).map_or(Ok(default), |n| n.parse::<u32>());
    match arguments.first().map(String::as_str) {
        Some("soak") => soak::run(
            Duration::from_secs(number(1, 20)?.into()),
            number(2, 8)?,
            word(3),
            word(4) != Some("stay"),
        ),
        Some(soak::READER) => soak::read_until_killed(word(1)),
        _ => once(number(0, 8)?, number(1, 5000)?, word(2)),
    }
}

/// How the kernel takes a processor away from a task, which decides what can come between.
fn preemption() -> String {
    // The one in brackets; the file needs debugfs.
    let modes = std::fs::read_to_string("/sys/kernel/debug/sched/preempt").unwrap_or_default();
    let mode = modes.split(['(', ')']).nth(1).unwrap_or("mode not told");
    let version = std::fs::read_to_string("/proc/version").unwrap_or_default();
    let built = version.split(' ').find(|word| word.starts_with("PREEMPT"));
    format!("{}, {mode}", built.unwrap_or("none built in"))
}

/// So many calls by each of so many threads.
fn once(threads: u32, calls: u32, by: Option<&str>) -> anyhow::Result<()> {
    // The smallest ring, so that it wraps often and fills up at times.
    let setup = Setup {
        ring_bytes: RING_MIN as u64,
        ..Setup::default()
    };
    let mut source = live(by, setup)?;
    watch(source.as_mut())?;

    let done = AtomicBool::new(false);
    let mut seen = Seen::new(0);
    // Every other thread stays on one processor: what it misses was lost there.
    let processors = affinity::processors()?;
    for thread in (0..threads).step_by(2) {
        let cpu = processors[thread as usize / 2 % processors.len()];
        seen.staying.insert(thread, cpu as u16);
    }
    let staying = seen.staying.clone();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let cpu = staying.get(&thread).copied();
                scope.spawn(move || {
                    if let Some(cpu) = cpu {
                        // Elsewhere it is not looked at.
                        let _ = affinity::stay_on(&[cpu.into()]);
                    }
                    for turn in 0..calls {
                        let round = 0;
                        Call {
                            round,
                            thread,
                            turn,
                        }
                        .make();
                    }
                })
            })
            .collect();
        let done = &done;
        scope.spawn(move || {
            for worker in workers {
                let _ = worker.join();
            }
            done.store(true, Ordering::Release);
        });
        loop {
            let finished = done.load(Ordering::Acquire);
            let batch = source.read(Duration::from_millis(20), &mut |_, record| {
                seen.take(record);
            })?;
            if finished && batch == Batch::Nothing {
                return Ok(());
            }
        }
    })
    .context("reading")?;

    let made = u64::from(threads) * u64::from(calls);
    let counters = source.counters()?;
    let lost = lost_opens(&counters);
    println!(
        "{made} calls: {} read, {lost} lost, {} torn, {} out of turn, {} before their losses, {} late; {:?}",
        seen.records, seen.torn, seen.repeated, seen.early, counters.late, counters.lost
    );
    seen.judge(made, &counters)?;
    ensure!(lost == 0 || seen.told > 0, "no record told of a loss");
    // Programs of the kernel's virtual machine may be preempted while they tell of it.
    ensure!(by.is_some() || seen.early == 0, "losses were told too late");
    ensure!(seen.records > made / 100, "hardly anything was read");
    Ok(())
}
