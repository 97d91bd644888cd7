//! What system calls cost while the module watches, in ticks of the processor's
//! counter. In a virtual machine that counts guest instructions
//! (`qemu -icount shift=0`) ticks are instructions; the guest's own clock is
//! not: it guesses how fast they come.
//!
//! `syscall_cost none|idle|attached|all`
//!
//! | argument | the device | the interest |
//! | --- | --- | --- |
//! | `none` | closed | |
//! | `idle` | open, set up | none |
//! | `attached` | open, set up | a call that is not made |
//! | `all` | open, set up | all system calls and hooks |
//!
//! Prints one line for each of a few things that programs do: the mode, its
//! name, ticks. With `all` the records are read between the measurements, and
//! the cost of that is printed.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use falco_abi::control::DEVICE_PATH;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Source, interest, kmod::KmodSource};

/// Measurements, of which the least counts: what interrupts and other tasks add
/// only ever makes it more.
const BATCHES: u32 = 40;

/// What is measured: its name, how often in one batch, and how to do it.
type Work = (&'static str, u32, fn(&Things) -> anyhow::Result<()>);

const WORKS: [Work; 5] = [
    ("getpid", 500, |_| {
        std::hint::black_box(nix::unistd::getpid());
        Ok(())
    }),
    ("open+close", 100, |_| {
        drop(File::open("/etc/passwd")?);
        Ok(())
    }),
    ("write 64 bytes", 200, |things| {
        Ok((&things.null).write_all(&[b'x'; 64])?)
    }),
    ("connect", 100, |things| {
        Ok(things.socket.connect((Ipv4Addr::LOCALHOST, 9))?)
    }),
    ("spawn+exec+exit", 2, |_| {
        let ended = Command::new("/bin/busybox").arg("true").status()?;
        anyhow::ensure!(ended.success(), "busybox: {ended}");
        Ok(())
    }),
];

/// What is made once, before anything is measured.
struct Things {
    null: File,
    socket: UdpSocket,
}

fn main() -> anyhow::Result<()> {
    let mode = std::env::args().nth(1).unwrap_or_else(|| "none".to_owned());
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
    let things = Things {
        null: OpenOptions::new().write(true).open("/dev/null")?,
        socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
    };
    let mut read = Read::default();
    for (name, times, work) in WORKS {
        let mut least = u64::MAX;
        for _ in 0..BATCHES {
            let start = ticks();
            for _ in 0..times {
                work(&things)?;
            }
            least = least.min(ticks() - start);
            if let (Some(source), "all") = (&mut source, mode.as_str()) {
                read.all(source)?;
            }
        }
        println!("{mode}\t{name}\t{:.1}", least as f64 / f64::from(times));
    }
    if let (Some(source), "all") = (&source, mode.as_str()) {
        println!(
            "{mode}\treading one of {} records of {} bytes\t{:.1}",
            read.records,
            read.bytes / read.records.max(1),
            read.ticks as f64 / read.records.max(1) as f64
        );
        let lost = source.counters()?.lost();
        anyhow::ensure!(read.broken == 0, "{} records are broken", read.broken);
        anyhow::ensure!(lost == 0, "{lost} records were lost");
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

/// What was recorded, and what it cost to read it.
#[derive(Default)]
struct Read {
    records: u64,
    bytes: u64,
    broken: u64,
    ticks: u64,
}

impl Read {
    /// Reads what is there, decoding each record.
    fn all(&mut self, source: &mut KmodSource) -> anyhow::Result<()> {
        let start = ticks();
        source.read(Duration::ZERO, &mut |_, record| {
            self.records += 1;
            self.bytes += record.len() as u64;
            match Event::decode(record, self.records, 0) {
                Ok(event) => {
                    std::hint::black_box(event.result());
                }
                Err(_) => self.broken += 1,
            }
        })?;
        self.ticks += ticks() - start;
        Ok(())
    }
}
