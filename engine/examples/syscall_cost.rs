//! What system calls cost while the module watches, in ticks of the processor's
//! counter. In a virtual machine that counts guest instructions
//! (`qemu -icount shift=0`) ticks are instructions; the guest's own clock is
//! not: it guesses how fast they come.
//!
//! `syscall_cost native`: with eBPF programs on this machine itself, see `native`.
//!
//! `syscall_cost none|idle|attached|all|ebpf-attached|ebpf-all|scap-attached|scap-all [WORK]`
//!
//! | argument | the device | the interest |
//! | --- | --- | --- |
//! | `none` | closed | |
//! | `idle` | open, set up | none |
//! | `attached` | open, set up | a call that is not made |
//! | `all` | open, set up | all system calls and hooks |
//! | `ebpf-attached` | eBPF programs | a call that is not made |
//! | `ebpf-all` | eBPF programs | the calls that are made, and all hooks |
//! | `scap-attached` | those of Falco's module in C | a call that is not made |
//! | `scap-all` | those of Falco's module in C | all system calls, and the hooks that ours has |
//!
//! Prints one line for each of a few things that programs do, or for one of
//! them: the mode, its name, ticks. With `all` the records are read between the
//! measurements, and the cost of that is printed.
//!
//! The kernel itself works in bursts (its console alone takes a hundred thousand
//! instructions for a letter). So batches are shorter than the time between
//! two of them, nothing is measured until the kernel had time to finish what
//! was begun, and nothing is printed before all is measured.

mod native;
mod scap;
#[cfg(target_arch = "x86_64")]
#[path = "fields/vfork.rs"]
mod vfork;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use falco_abi::control::{Interest, Setup};
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Source, interest, live};

/// Measurements, of which the least counts: what interrupts and other tasks add
/// only ever makes it more.
const BATCHES: u32 = 200;

/// Time for what the kernel still has to do.
const SETTLE: Duration = Duration::from_millis(500);

/// The program that is started: the least that the kernel takes for one.
const PROGRAM: &str = "/tmp/least-program";

/// What is measured: its name, how often in one batch, and how to do it.
type Work = (&'static str, u32, fn(&Things) -> anyhow::Result<()>);

/// Of this one the record tells what the descriptor is, as it does where a rule asks for it.
/// Of Falco's it never does.
const TOLD: &str = "write, file told";

const WORKS: [Work; 6] = [
    ("getpid", 200, |_| {
        std::hint::black_box(nix::unistd::getpid());
        Ok(())
    }),
    ("open+close", 20, |_| {
        // A file that is dropped is looked at first where it was not built for release.
        Ok(nix::unistd::close(File::open("/etc/passwd")?)?)
    }),
    ("write 64 bytes", 100, write),
    (TOLD, 100, write),
    ("connect", 50, |things| {
        Ok(things.socket.connect((Ipv4Addr::LOCALHOST, 9))?)
    }),
    ("vfork+exec+exit", 1, |_| {
        let child = start_program();
        let ended = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child), None)?;
        anyhow::ensure!(
            matches!(ended, nix::sys::wait::WaitStatus::Exited(_, 0)),
            "{PROGRAM}: {ended:?}"
        );
        Ok(())
    }),
];

fn write(things: &Things) -> anyhow::Result<()> {
    Ok((&things.null).write_all(&[b'x'; 64])?)
}

/// `exit_group(0)` as a program of one page.
#[cfg(target_arch = "x86_64")]
fn write_program() -> std::io::Result<()> {
    const AT: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    // xor edi, edi; mov eax, 231; syscall
    let code = [0x31, 0xFF, 0xB8, 231, 0, 0, 0, 0x0F, 0x05];
    let size = HEADERS + code.len() as u64;
    let mut file = b"\x7FELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3E\0\x01\0\0\0".to_vec();
    // Entry, program headers, section headers.
    for word in [AT + HEADERS, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    // Flags; sizes and counts of the headers.
    file.extend([0; 4]);
    for half in [64_u16, 56, 1, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // PT_LOAD, readable and executable, all of the file.
    file.extend(1_u32.to_le_bytes());
    file.extend(5_u32.to_le_bytes());
    for word in [0, AT, AT, size, size, 4096] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o755)
        .open(PROGRAM)?
        .write_all(&file)
}

/// Starts [`PROGRAM`] with nothing but the two system calls; its process id.
#[cfg(target_arch = "x86_64")]
fn start_program() -> i32 {
    vfork::vfork(c"/tmp/least-program").unwrap_or(-1)
}

#[cfg(not(target_arch = "x86_64"))]
fn write_program() -> std::io::Result<()> {
    std::fs::copy("/bin/busybox", PROGRAM).map(|_| ())
}

#[cfg(not(target_arch = "x86_64"))]
fn start_program() -> i32 {
    let child = std::process::Command::new(PROGRAM).arg("true").spawn();
    child.map_or(-1, |child| child.id().cast_signed())
}

/// What is made once, before anything is measured.
struct Things {
    null: File,
    socket: UdpSocket,
}

impl Things {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            null: OpenOptions::new().write(true).open("/dev/null")?,
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?,
        })
    }
}

fn number(name: &str) -> Option<u32> {
    let row = SYSCALLS.iter().find(|s| s.name == name);
    row.map(|s| u32::from(s.number()))
}

/// The calls that [`WORKS`] make, but for the one that does not return.
const CALLS: [&str; 8] = [
    "getpid", "openat", "close", "write", "connect", "vfork", "execve", "wait4",
];
const LAST_CALL: &str = "exit_group";

/// All of them.
fn made_calls() -> impl Iterator<Item = u32> {
    CALLS.into_iter().chain([LAST_CALL]).filter_map(number)
}

/// The interest in these calls while some work is measured.
fn wanted_for(work: &str, calls: impl Iterator<Item = u32>) -> Interest {
    let mut wanted = interest(calls);
    if work != TOLD {
        wanted.descriptors = [0; _];
    }
    wanted
}

fn main() -> anyhow::Result<()> {
    let mode = std::env::args().nth(1).unwrap_or_else(|| "none".to_owned());
    match mode.as_str() {
        "native" => return native::table(),
        "flood" => return native::make_calls(std::env::args().nth(2).as_deref()),
        _ => {}
    }
    let only = std::env::args().nth(2);
    let (name, state) = match mode.split_once('-') {
        Some((name, state)) => (Some(name), state),
        None => (None, mode.as_str()),
    };
    let mut source: Option<Box<dyn Source>> = match (name, state) {
        (None, "none") => None,
        (Some("scap"), _) => Some(Box::new(scap::Scap::open()?)),
        _ => Some(live(name, Setup::default())?),
    };
    // The verifier of an emulated machine would take minutes for all.
    let few = name == Some("ebpf");
    let all = SYSCALLS.iter().filter(|s| s.number() != NONE && !few);
    let all: Vec<u32> = match state {
        "attached" => number("acct").into_iter().collect(),
        "all" if few => made_calls().collect(),
        _ => all.map(|s| u32::from(s.number())).collect(),
    };
    let things = Things::new()?;
    write_program()?;
    let mut read = Read::default();
    let mut lines = String::new();
    for (name, times, work) in WORKS {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        if let (Some(source), "attached" | "all") = (&mut source, state) {
            source.set_interest(&wanted_for(name, all.iter().copied()))?;
        }
        std::thread::sleep(SETTLE);
        let mut least = u64::MAX;
        for _ in 0..BATCHES {
            let start = ticks();
            for _ in 0..times {
                work(&things)?;
            }
            least = least.min(ticks() - start);
            if let (Some(source), "all") = (&mut source, state) {
                read.all(&mut **source)?;
            }
        }
        let each = least as f64 / f64::from(times);
        lines.push_str(&format!("{mode}\t{name}\t{each:.1}\n"));
    }
    print!("{lines}");
    if let (Some(source), "all") = (&source, state) {
        if read.records != 0 {
            println!(
                "{mode}\treading one of {} records of {} bytes\t{:.1}",
                read.records,
                read.bytes / read.records,
                read.ticks as f64 / read.records as f64
            );
        }
        let counters = source.counters()?;
        let lost = counters.lost();
        anyhow::ensure!(counters.records != 0, "nothing was recorded");
        anyhow::ensure!(read.broken == 0, "{} records are broken", read.broken);
        anyhow::ensure!(lost == 0, "{lost} records were lost: {:?}", counters.lost);
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
    fn all(&mut self, source: &mut dyn Source) -> anyhow::Result<()> {
        let start = ticks();
        read_all(source, |record| {
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

/// Reads until there is nothing more: what is younger than a moment is left for the next
/// round.
fn read_all(source: &mut dyn Source, mut each: impl FnMut(&[u8])) -> anyhow::Result<()> {
    source.read(Duration::ZERO, &mut |_, record| each(record))?;
    Ok(())
}
