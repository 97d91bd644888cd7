//! Many threads make system calls whose records say themselves whether they are
//! whole, while this reads them: no record may be torn, none may come twice, and
//! those that were read and those that were counted as lost are all there were.
//!
//! `storm [THREADS [CALLS [ebpf]]]`: more threads than processors, so that probes are
//! preempted in the middle. Run it where little else happens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use falco_abi::control::Setup;
use falco_abi::event::{Event as Kind, lost, openat2 as slots};
use falco_abi::ring::RING_MIN;
use falco_abi::syscall::SYSCALLS;
use falco_engine::event::Event;
use falco_engine::source::{Batch, Counters, interest, live};
use nix::fcntl::{AT_FDCWD, OpenHow, openat2};

/// A path that does not exist and that only its thread and turn can have. Its
/// length goes from a few bytes to most of what a path may have.
fn path(thread: u32, turn: u32) -> String {
    let mut path = format!("/storm/{thread}/{turn}/");
    let length = 20 + (thread.wrapping_mul(7919) ^ turn.wrapping_mul(104_729)) as usize % 3000;
    while path.len() < length {
        let letter = b'a' + ((thread as usize + turn as usize + path.len()) % 26) as u8;
        // Names of files may not be long, paths may.
        path.push(if path.len() % 200 == 199 {
            '/'
        } else {
            char::from(letter)
        });
    }
    path
}

/// The thread and the turn that a path says it is of.
fn origin(path: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(path).ok()?;
    let mut parts = text.strip_prefix("/storm/")?.split('/');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What was read.
#[derive(Default)]
struct Seen {
    records: u64,
    torn: u64,
    repeated: u64,
    /// Opens that records of loss told of.
    told: u64,
    /// The last turn of each thread.
    turns: HashMap<u32, u32>,
}

impl Seen {
    fn take(&mut self, record: &[u8]) {
        let Ok(event) = Event::decode(record, 1, 0) else {
            self.torn += 1;
            return;
        };
        if event.kind == Kind::Lost {
            let opens = event.int(lost::Slot::open as usize).unwrap_or(0);
            self.told += opens.cast_unsigned();
        }
        if event.kind != Kind::Openat2 || event.header.pid != std::process::id() {
            return;
        }
        let name = event.bytes(slots::Slot::name as usize).unwrap_or_default();
        let Some((thread, turn)) = origin(name) else {
            return;
        };
        self.records += 1;
        let failed = event.result().is_some_and(|result| result < 0);
        if !failed || name != path(thread, turn).as_bytes() {
            self.torn += 1;
        }
        if self
            .turns
            .insert(thread, turn)
            .is_some_and(|last| last >= turn)
        {
            self.repeated += 1;
        }
    }
}

fn lost_opens(counters: &Counters) -> u64 {
    let opens = counters.lost.iter().filter(|l| l.class == "open");
    opens.map(|l| l.count).sum()
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().map_or(Ok(8), |n| n.parse::<u32>())?;
    let calls = arguments.next().map_or(Ok(5000), |n| n.parse::<u32>())?;
    // The smallest ring, so that it wraps often and fills up at times.
    let setup = Setup {
        ring_bytes: RING_MIN as u64,
        ..Setup::default()
    };
    let mut source = live(arguments.next().as_deref(), setup)?;
    // A call that nothing else here makes: the C library opens files by itself.
    let call = SYSCALLS.iter().find(|s| s.name == "openat2");
    source.set_interest(&interest(call.map(|s| u32::from(s.number()))))?;

    let done = AtomicBool::new(false);
    let mut seen = Seen::default();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    for turn in 0..calls {
                        let path = path(thread, turn);
                        let _ = openat2(AT_FDCWD, path.as_str(), OpenHow::new());
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
        "{made} calls: {} read, {lost} lost, {} torn, {} out of turn; {:?}",
        seen.records, seen.torn, seen.repeated, counters.lost
    );
    ensure!(seen.torn == 0, "torn records");
    ensure!(seen.repeated == 0, "records twice or out of order");
    ensure!(
        seen.records + lost == made,
        "{made} calls are not accounted for"
    );
    ensure!(
        seen.told <= lost && (lost == 0 || seen.told > 0),
        "of {lost} lost records {} were told of",
        seen.told
    );
    ensure!(seen.records > made / 100, "hardly anything was read");
    Ok(())
}
