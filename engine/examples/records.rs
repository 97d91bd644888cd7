//! Prints the records of `/dev/falco` for a while: what the module says, with
//! no rule and no state in between. For development and for the tests on the node.
//!
//! `records [SECONDS [SYSCALL…]]`; without names, all system calls that have
//! an event of their own.

use std::path::Path;
use std::time::{Duration, Instant};

use falco_abi::event::Event as Kind;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Source, interest, kmod::KmodSource};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().map_or(Ok(5), |s| s.parse())?;
    let names: Vec<String> = args.collect();
    let numbers = SYSCALLS.iter().filter(|s| {
        s.number() != NONE
            && match names.as_slice() {
                [] => s.event != Kind::Syscall,
                [all] if all == "all" => true,
                names => names.iter().any(|n| n == s.name),
            }
    });
    let mut source = KmodSource::open(Path::new(falco_abi::control::DEVICE_PATH), 0)?;
    source.set_interest(&interest(numbers.map(|s| u32::from(s.number()))))?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    let mut last = 0;
    let mut inversions = 0;
    while Instant::now() < end {
        source.read(Duration::from_millis(200), &mut |_, record| {
            count += 1;
            match Event::decode(record, count, 0) {
                Ok(event) => {
                    inversions += u64::from(event.header.ts < last);
                    last = event.header.ts;
                    println!("{}", text(&event));
                }
                Err(error) => println!("BROKEN {error}"),
            }
        })?;
    }
    let counters = source.counters()?;
    println!(
        "{count} read, {} written, {} lost {:?}, {inversions} out of order",
        counters.records,
        counters.lost(),
        counters.lost
    );
    Ok(())
}

fn text(event: &Event<'_>) -> String {
    let h = &event.header;
    let mut text = format!(
        "{} cpu={} tid={} pid={} {}",
        h.ts,
        h.cpu,
        h.tid,
        h.pid,
        event.name()
    );
    for (slot, param) in event.info().params.iter().enumerate() {
        if let Some(bytes) = event.bytes(slot) {
            text += &format!(" {}={:?}", param.name, String::from_utf8_lossy(bytes));
        } else if let Some(number) = event.int(slot) {
            text += &format!(" {}={number}", param.name);
        }
    }
    text
}
