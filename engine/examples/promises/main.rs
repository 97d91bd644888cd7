//! What the module promises beyond single records: data is cut where it was asked
//! to be, a process that makes too many records is held back and that is said, the
//! reader's own calls are left out, signals and switches are told, and an argument
//! that is changed while the kernel reads it hides nothing; losses are told in order, and
//! processes are not among them. `promises [ebpf]`, on a machine for tests.

#[path = "../storm/affinity.rs"]
mod affinity;
mod changing;
mod losses;
mod pointers;

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use falco_abi::control::{STRINGS_MAX, Setup, hook};
use falco_abi::event::{Event as Kind, execve, page_fault, switch, throttled, write};
use falco_abi::record::flag;
use falco_abi::syscall::SYSCALLS;
use falco_engine::event::Event;
use falco_engine::source::{Batch, Source, interest, live};
use nix::libc;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

fn number(name: &str) -> Option<u32> {
    let row = SYSCALLS.iter().find(|s| s.name == name);
    row.map(|s| s.number().into())
}

/// Whether another thread really came between: on the node it must have. On a machine that
/// others use as well it may not have had a processor meanwhile.
fn must_race(races: bool, what: &str) -> anyhow::Result<()> {
    let shared = std::env::args().nth(1).is_some();
    ensure!(races || shared, "{what} did not change in time");
    Ok(())
}

/// Hands over everything that is there.
fn drain(source: &mut Box<dyn Source>, mut each: impl FnMut(&Event<'_>)) -> anyhow::Result<()> {
    loop {
        let batch = source.read(Duration::from_millis(50), &mut |_, record| {
            if let Ok(event) = Event::decode(record, 1, 0) {
                each(&event);
            }
        })?;
        if batch != Batch::Some {
            return Ok(());
        }
    }
}

fn source(setup: Setup, calls: &[&str], hooks: u64) -> anyhow::Result<Box<dyn Source>> {
    let mut source = live(std::env::args().nth(1).as_deref(), setup)?;
    let mut wanted = interest(calls.iter().filter_map(|name| number(name)));
    wanted.hooks |= hooks;
    source.set_interest(&wanted)?;
    Ok(source)
}

fn data_is_cut() -> anyhow::Result<()> {
    let setup = Setup {
        snaplen: 200,
        ..Setup::default()
    };
    let mut source = source(setup, &["write"], 0)?;
    let mut null = OpenOptions::new().write(true).open("/dev/null")?;
    null.write_all(&[b'x'; 300])?;
    let me = std::process::id();
    let mut lengths = Vec::new();
    drain(&mut source, |event| {
        if event.kind == Kind::Write && event.header.pid == me {
            lengths.extend(event.bytes(write::Slot::data as usize).map(<[u8]>::len));
        }
    })?;
    ensure!(lengths == [200], "lengths of data: {lengths:?}");
    Ok(())
}

/// Starts a program with a long argument and a long variable: how many bytes its record has of
/// the arguments and of the environment, and whether it says that they are cut.
fn started_with(strings: u32, length: usize) -> anyhow::Result<(usize, usize, bool)> {
    let setup = Setup {
        strings,
        ..Setup::default()
    };
    let mut source = source(setup, &["execve"], 0)?;
    let long = "x".repeat(length);
    let mut command = Command::new("/bin/busybox");
    let mut child = command.args(["true", &long]).env_clear();
    child = child.env("LONG", &long);
    let mut child = child.spawn()?;
    child.wait()?;
    let mut found = None;
    drain(&mut source, |event| {
        if event.kind == Kind::Execve && event.header.pid == child.id() {
            use execve::Slot;
            let len = |slot: Slot| event.bytes(slot as usize).map_or(0, <[u8]>::len);
            let arguments = len(Slot::exe) + 1 + len(Slot::args);
            let cut = event.header.flags & flag::TRUNCATED != 0;
            found = Some((arguments, len(Slot::env), cut));
        }
    })?;
    found.context("the program was not told")
}

fn arguments_are_cut() -> anyhow::Result<()> {
    // `/bin/busybox`, `true`, the argument; `LONG=` and the same: each with a NUL.
    let whole = |length: usize| (13 + 5 + length + 1, 5 + length + 1, false);
    for (strings, length, wanted) in [
        (100, 300, (100, 100, true)),
        (100, 50, whole(50)),
        (0, 5_000, (4096, 4096, true)),
        (STRINGS_MAX, 7_000, whole(7_000)),
        (
            STRINGS_MAX,
            9_000,
            (STRINGS_MAX as usize, STRINGS_MAX as usize, true),
        ),
    ] {
        let told = started_with(strings, length)?;
        ensure!(
            told == wanted,
            "{strings}, {length}: {told:?} instead of {wanted:?}"
        );
    }
    Ok(())
}

/// Users and user namespace in the record of a program.
#[derive(Debug, PartialEq)]
struct Owner {
    uid: Option<u64>,
    ruid: Option<u64>,
    userns: Option<u64>,
}

fn owner_of(command: &mut Command) -> anyhow::Result<Owner> {
    let mut source = source(Setup::default(), &["execve"], 0)?;
    let mut child = command.spawn()?;
    child.wait()?;
    let mut found = None;
    drain(&mut source, |event| {
        if event.kind == Kind::Execve && event.header.pid == child.id() {
            use execve::Slot;
            found = Some(Owner {
                uid: event.number(Slot::uid as usize),
                ruid: event.number(Slot::ruid as usize),
                userns: event.number(Slot::userns as usize),
            });
        }
    })?;
    found.context("the program was not told")
}

/// The user whom a setuid program becomes, and who started it; the user namespace.
fn owners_are_told() -> anyhow::Result<()> {
    const USER: u32 = 12_345;
    let here = std::fs::metadata("/proc/self/ns/user")?.ino();
    let program = "/tmp/promises-setuid";
    std::fs::copy("/bin/busybox", program)?;
    std::fs::set_permissions(program, Permissions::from_mode(0o4755))?;
    let told = owner_of(Command::new(program).arg("true").uid(USER))?;
    let obeyed = !nix::sys::statvfs::statvfs(program)?
        .flags()
        .contains(nix::sys::statvfs::FsFlags::ST_NOSUID);
    let wanted = Owner {
        uid: Some(if obeyed { 0 } else { USER.into() }),
        ruid: Some(USER.into()),
        userns: Some(here),
    };
    ensure!(told == wanted, "{told:?}, not {wanted:?}");
    let mut command = Command::new("/bin/busybox");
    let leave = || {
        // SAFETY: Only the child between fork and exec calls it.
        match unsafe { libc::unshare(libc::CLONE_NEWUSER) } {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: One system call, which is all that it does.
    unsafe { command.arg("true").pre_exec(leave) };
    match owner_of(&mut command) {
        Ok(told) => {
            let other = told.userns.is_some_and(|space| space != 0 && space != here);
            ensure!(other, "{told:?} in a user namespace of its own");
        }
        Err(error) if error.is::<std::io::Error>() => {
            println!("skipped: no user namespace can be made: {error:#}");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// A record that lacks a parameter counts, by class; it is not lost.
fn faults_are_counted() -> anyhow::Result<()> {
    const CALLS: u64 = 7;
    let mut source = source(Setup::default(), &["connect"], 0)?;
    for _ in 0..CALLS {
        // SAFETY: Nothing is at that address, and there is no such socket.
        unsafe { libc::syscall(libc::SYS_connect, -1, 8, 16) };
    }
    let me = std::process::id();
    let mut marked = 0;
    drain(&mut source, |event| {
        let fault = event.header.flags & flag::FAULT != 0;
        marked += u64::from(event.kind == Kind::Connect && event.header.pid == me && fault);
    })?;
    let counters = source.counters()?;
    let faults = counters.faults.iter().filter(|f| f.class == "connect");
    let faults: u64 = faults.map(|f| f.count).sum();
    ensure!(
        marked == CALLS && faults >= CALLS,
        "{marked} marked, {faults} counted"
    );
    ensure!(counters.lost() == 0, "lost: {:?}", counters.lost);
    // The module shows the same, where its file system is mounted.
    if let Ok(text) = std::fs::read_to_string("/sys/kernel/debug/falco/statistics") {
        let lines = text
            .lines()
            .filter(|line| line.contains(" faults connect "));
        let counts = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        ensure!(counts.sum::<u64>() >= CALLS, "shown: {text}");
    }
    Ok(())
}

fn floods_are_held_back() -> anyhow::Result<()> {
    const LIMIT: u32 = 50;
    const CALLS: usize = 2000;
    let setup = Setup {
        throttle: LIMIT,
        ..Setup::default()
    };
    // Itself a call that counts.
    let me = std::process::id();
    let mut source = source(setup, &["getpid"], 0)?;
    for _ in 0..CALLS {
        std::hint::black_box(nix::unistd::getpid());
    }
    let (mut records, mut said, mut wrong, mut doubts) = (0u64, 0, 0, 0);
    drain(&mut source, |event| {
        doubts += u32::from(event.kind == Kind::Lost);
        if event.header.pid == me && event.kind == Kind::Syscall {
            records += 1;
        }
        if event.kind == Kind::Throttled {
            let pid = event.int(throttled::Slot::pid as usize);
            let limit = event.int(throttled::Slot::limit as usize);
            said += 1;
            wrong += u32::from(pid != Some(me.into()) || limit != Some(LIMIT.into()));
        }
    })?;
    let lost = source.counters()?.lost;
    let held = lost.iter().filter(|l| l.cause == "throttled");
    let held: u64 = held.map(|l| l.count).sum();
    ensure!(
        said > 0 && wrong == 0,
        "{said} records of it, {wrong} wrong"
    );
    ensure!(
        records + held == CALLS as u64,
        "{records} read, {held} held back"
    );
    ensure!(records >= LIMIT.into(), "only {records} read");
    ensure!(doubts == 0, "what was left out on purpose was told as lost");
    Ok(())
}

fn own_calls_are_left_out() -> anyhow::Result<()> {
    let mut source = source(Setup::default(), &["getppid", "openat"], hook::NO_OWN)?;
    std::hint::black_box(nix::unistd::getppid());
    let _ = File::open("/etc/passwd");
    let status = Command::new("/bin/busybox")
        .args(["cat", "/etc/passwd"])
        .output()?;
    ensure!(status.status.success(), "busybox: {status:?}");
    let me = std::process::id();
    let (mut own, mut others) = (0, 0);
    drain(&mut source, |event| {
        if matches!(event.kind, Kind::Openat | Kind::Syscall) {
            *(if event.header.pid == me {
                &mut own
            } else {
                &mut others
            }) += 1;
        }
    })?;
    ensure!(own == 0 && others > 0, "{own} own records, {others} others");
    Ok(())
}

fn signals_are_told() -> anyhow::Result<()> {
    const USR1: i32 = libc::SIGUSR1;
    let arrived = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(USR1, Arc::clone(&arrived))?;
    let mut source = source(Setup::default(), &[], hook::SIGNAL)?;
    signal_hook::low_level::raise(USR1)?;
    ensure!(arrived.load(Ordering::Relaxed), "the signal did not arrive");
    let me = i64::from(std::process::id());
    let mut seen = Vec::new();
    drain(&mut source, |event| {
        if event.kind == Kind::Signaldeliver {
            seen.push([0, 1, 2].map(|slot| event.int(slot).unwrap_or(-1)));
        }
    })?;
    ensure!(seen.contains(&[me, me, USR1.into()]), "signals: {seen:?}");
    Ok(())
}

/// The scheduler's switches and the pages that are not there are told, without an
/// address of the kernel.
fn the_busiest_events_are_told() -> anyhow::Result<()> {
    let mut source = source(Setup::default(), &[], hook::SWITCH | hook::FAULT)?;
    let me = std::process::id();
    std::thread::sleep(Duration::from_millis(5));
    // New memory, not what the allocator has from before.
    let len = NonZeroUsize::new(1 << 20).context("some memory")?;
    let (protection, flags) = (
        ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
        MapFlags::MAP_PRIVATE,
    );
    // SAFETY: A new mapping, which stays until the program ends.
    let memory = unsafe { mmap_anonymous(None, len, protection, flags)? };
    // SAFETY: All of it is ours, and may be written to.
    unsafe { memory.write_bytes(1, len.get()) };
    let start = memory.addr().get() as u64;
    let touched = start..start + len.get() as u64;
    // Whoever reads of switches makes some: no more of them from here on.
    source.set_interest(&interest([]))?;
    let (mut switches, mut faults, mut wrong) = (0, 0, 0);
    drain(&mut source, |event| {
        // Not of a thread that is about to end, which has lost its memory already.
        if event.header.tid != me {
            return;
        }
        let number = |slot| event.number(slot).unwrap_or(u64::MAX);
        if event.kind == Kind::Switch {
            switches += 1;
            // A program with threads has some memory, and has had to get it.
            let some = [
                switch::Slot::pgft_min,
                switch::Slot::vm_size,
                switch::Slot::vm_rss,
            ];
            wrong += u32::from(some.iter().any(|&slot| number(slot as usize) == 0));
        }
        if event.kind == Kind::PageFault {
            use page_fault::Slot;
            let secret = |slot| number(slot) > i64::MAX as u64;
            wrong += u32::from(secret(Slot::addr as usize) || secret(Slot::ip as usize));
            if touched.contains(&number(Slot::addr as usize)) {
                faults += 1;
                // It is not there, is written to, by a program.
                wrong += u32::from(number(Slot::error as usize) != 0b1_0110);
            }
        }
    })?;
    ensure!(
        switches > 0 && faults >= 128 && wrong == 0,
        "{switches} switches, {faults} faults, {wrong} wrong"
    );
    Ok(())
}

fn main() -> anyhow::Result<()> {
    type Promise = (&'static str, fn() -> anyhow::Result<()>);
    let promises: [Promise; 20] = [
        ("data is cut where it was asked to be", data_is_cut),
        (
            "arguments are cut where it was asked to be",
            arguments_are_cut,
        ),
        ("owners of programs are told", owners_are_told),
        ("faults are counted by class", faults_are_counted),
        ("floods are held back", floods_are_held_back),
        (
            "of each process by itself",
            losses::neighbours_are_told_apart,
        ),
        ("of control groups as well", losses::groups_are_held_back),
        ("losses are told in order", losses::in_order),
        ("starts survive a flood", losses::starts_survive_a_flood),
        ("starts survive sleepers", losses::starts_survive_sleepers),
        ("own calls are left out", own_calls_are_left_out),
        ("signals are told", signals_are_told),
        ("the busiest events are told", the_busiest_events_are_told),
        ("changing paths hide nothing", changing::paths),
        ("changing addresses hide nothing", changing::addresses),
        ("changing flags hide nothing", changing::flags),
        ("changing programs hide nothing", changing::programs),
        ("odd pointers are read", pointers::odd),
        ("what is cut off is marked", pointers::cut_off),
        ("racing pointers are read or marked", pointers::racing),
    ];
    let mut broken = 0;
    for (name, keeps) in promises {
        match keeps() {
            Ok(()) => println!("kept: {name}"),
            Err(error) => {
                broken += 1;
                println!("BROKEN: {name}: {error:#}");
            }
        }
    }
    ensure!(broken == 0, "{broken} promises are broken");
    Ok(())
}
