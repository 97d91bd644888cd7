//! What is lost, and how that is told: in order with what is around it, and never the starts
//! and ends of processes for a flood of other calls.

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use falco_abi::control::Setup;
use falco_abi::event::{Event as Kind, lost, openat2, task_new};
use falco_abi::ring::RING_MIN;
use falco_engine::source::Source;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use crate::affinity::{processors, stay_on};

/// Opens what is not there, with a path that has a number and is so long.
fn open(number: usize, length: usize) {
    let path = format!("/losses/{number}/{:a<length$}\0", "");
    // `struct open_how`: flags, mode, resolve.
    let how = [0u64; 3];
    // SAFETY: A string with a NUL, and a structure as long as that.
    unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of_val(&how),
        )
    };
}

fn number_of(path: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(path).ok()?;
    text.strip_prefix("/losses/")?
        .split('/')
        .next()?
        .parse()
        .ok()
}

/// The first record after a loss on a processor is the one that tells of it, whether what
/// follows is a call or the making of a process.
pub(crate) fn in_order() -> anyhow::Result<()> {
    let all = processors()?;
    let cpu = *all.first().context("no processor")?;
    stay_on(&[cpu])?;
    let kept = tell_in_order(cpu);
    stay_on(&all)?;
    kept
}

fn tell_in_order(cpu: usize) -> anyhow::Result<()> {
    const ROUNDS: usize = 5;
    // More than the smallest ring holds.
    const CALLS: usize = 2_000;
    let setup = Setup {
        ring_bytes: RING_MIN as u64,
        ..Setup::default()
    };
    let mut source = super::source(setup, &["openat2"], 0)?;
    let me = std::process::id();
    // The number of the next call, and of the call that followed a child.
    let (mut next, mut children) = (0, Vec::new());
    let (mut missing, mut told, mut early) = (0, 0, 0);
    let (mut expected, mut calls, mut forks) = (0, 0, 0);
    for _ in 0..ROUNDS {
        for turn in 0..CALLS {
            open(next, 200);
            next += 1;
            // While the ring is full.
            if turn == CALLS / 2 {
                // SAFETY: The child does nothing but end.
                match unsafe { fork()? } {
                    // SAFETY: Ends the child as it is.
                    ForkResult::Child => unsafe { libc::_exit(0) },
                    ForkResult::Parent { child } => waitpid(child, None)?,
                };
                children.push(next);
            }
        }
        super::drain(&mut source, |event| {
            if usize::from(event.header.cpu) != cpu {
                return;
            }
            match event.kind {
                Kind::Lost => {
                    told += event.number(lost::Slot::open as usize).unwrap_or(0) as usize;
                }
                Kind::Openat2 if event.header.pid == me => {
                    let path = event.bytes(openat2::Slot::name as usize);
                    let Some(number) = path.and_then(number_of) else {
                        return;
                    };
                    missing += number - expected;
                    expected = number + 1;
                    calls += 1;
                    early += u32::from(told < missing);
                }
                Kind::TaskNew if event.header.pid == me => {
                    // The calls before the child that were not read are lost.
                    let lost = missing + children[forks] - expected;
                    forks += 1;
                    early += u32::from(told < lost);
                }
                _ => {}
            }
        })?;
    }
    println!("{next} calls, {calls} read, {missing} missing between them, {told} told of");
    // Programs of the kernel's virtual machine may be preempted while they tell of a loss.
    let most = if std::env::args().nth(1).is_none() {
        0
    } else {
        2
    };
    ensure!(
        early <= most,
        "{early} records came before what was lost before them"
    );
    ensure!(forks == ROUNDS, "{forks} children of {ROUNDS}");
    ensure!(missing > 0 && calls > ROUNDS, "nothing was lost, or all");
    Ok(())
}

/// Starts programs; their ids.
fn start_programs(count: usize) -> anyhow::Result<BTreeSet<u32>> {
    let mut started = BTreeSet::new();
    for _ in 0..count {
        let mut child = Command::new("/bin/busybox").arg("true").spawn()?;
        started.insert(child.id());
        child.wait()?;
    }
    Ok(started)
}

/// Whether each of these programs was made, started, and ended, as is told.
fn lives_are_told(source: &mut Box<dyn Source>, started: &BTreeSet<u32>) -> anyhow::Result<()> {
    let [mut made, mut begun, mut ended] = [const { BTreeSet::new() }; 3];
    super::drain(source, |event| {
        let pid = event.header.pid;
        match event.kind {
            Kind::TaskNew => {
                let child = event.number(task_new::Slot::pid as usize).unwrap_or(0);
                made.insert(child as u32)
            }
            Kind::Execve if event.int(0) == Some(0) => begun.insert(pid),
            Kind::Procexit => ended.insert(pid),
            _ => false,
        };
    })?;
    for (what, told) in [("made", made), ("started", begun), ("ended", ended)] {
        let missing = started.difference(&told).count();
        let of = started.len();
        ensure!(
            missing == 0,
            "of {of} programs {missing} were not told to have {what}"
        );
    }
    let lost = source.counters()?.lost;
    let lives = |class| matches!(class, "exec" | "fork" | "exit");
    let lives: Vec<_> = lost.iter().filter(|l| lives(l.class)).collect();
    ensure!(lives.is_empty(), "lost: {lives:?}");
    Ok(())
}

const LIVES: [&str; 7] = [
    "clone", "clone3", "fork", "vfork", "execve", "execveat", "openat2",
];

/// While threads on all processors make more calls than a reader, who sleeps, can ever read.
pub(crate) fn starts_survive_a_flood() -> anyhow::Result<()> {
    const PROGRAMS: usize = 40;
    let setup = Setup {
        ring_bytes: 16 << 20,
        ..Setup::default()
    };
    let mut source = super::source(setup, &LIVES, 0)?;
    let processors = processors()?;
    let (done, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    // Until every ring is full.
    let enough = (16 << 20) / 3_000 * processors.len();
    let started = thread::scope(|scope| {
        for &cpu in &processors {
            let (done, calls) = (&done, &calls);
            scope.spawn(move || {
                // Wherever it is, it floods.
                let _ = stay_on(&[cpu]);
                let mut own = 0;
                while !done.load(Ordering::Relaxed) {
                    open(0, 3_000);
                    own += 1;
                    // None counts for more than its own ring.
                    if own <= (16 << 20) / 3_000 {
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        while calls.load(Ordering::Relaxed) < enough {
            thread::yield_now();
        }
        let started = start_programs(PROGRAMS);
        done.store(true, Ordering::Relaxed);
        started
    })?;
    let lost = source.counters()?.lost;
    let opens = lost.iter().filter(|l| l.class == "open");
    let opens: u64 = opens.map(|l| l.count).sum();
    ensure!(opens > 0, "there was no flood");
    println!("{PROGRAMS} programs while {opens} calls were lost");
    lives_are_told(&mut source, &started)
}

/// `struct uffdio_api` and `struct uffdio_register`.
const UFFDIO_API: libc::c_ulong = 0xC018_AA3F;
const UFFDIO_REGISTER: libc::c_ulong = 0xC020_AA00;
/// Bytes of a message about a page that is waited for.
const MESSAGE: usize = 32;

/// Pages that are there for nobody before this is dropped: who touches one waits.
struct Absent {
    descriptor: OwnedFd,
    start: usize,
}

impl Absent {
    fn new(pages: usize) -> anyhow::Result<Option<Self>> {
        // SAFETY: Makes a descriptor, or fails.
        let fd =
            unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) };
        if fd < 0 {
            return Ok(None);
        }
        // SAFETY: Just made, and nobody else has it.
        let descriptor = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        let start = super::pointers::map(pages)?;
        let mut api = [0xAAu64, 0, 0];
        let mut range = [start as u64, (pages * super::pointers::PAGE) as u64, 1, 0];
        // SAFETY: The structures are what the numbers stand for.
        let ready = unsafe { libc::ioctl(descriptor.as_raw_fd(), UFFDIO_API, &raw mut api) };
        // SAFETY: As above.
        let status =
            unsafe { libc::ioctl(descriptor.as_raw_fd(), UFFDIO_REGISTER, &raw mut range) };
        ensure!(
            ready | status == 0,
            "userfaultfd does not do what it should"
        );
        Ok(Some(Self { descriptor, start }))
    }

    /// How many more pages are waited for.
    fn waited_for(&self) -> usize {
        let mut messages = [0u8; 16 * MESSAGE];
        let read = nix::unistd::read(&self.descriptor, &mut messages);
        read.map_or(0, |bytes| bytes / MESSAGE)
    }
}

/// While threads sleep in the middle of their records, for memory that does not come, with as
/// many buffers as they can have.
pub(crate) fn starts_survive_sleepers() -> anyhow::Result<()> {
    const PROGRAMS: usize = 20;
    let calls: Vec<&str> = LIVES.into_iter().chain(["write"]).collect();
    let mut source = super::source(Setup::default(), &calls, 0)?;
    let threads = 4 * processors()?.len() + 8;
    let Some(absent) = Absent::new(threads)? else {
        println!("skipped: this kernel has no userfaultfd");
        return Ok(());
    };
    let returned = AtomicUsize::new(0);
    let (started, asleep) = thread::scope(|scope| {
        for thread in 0..threads {
            let (returned, page) = (&returned, absent.start + thread * super::pointers::PAGE);
            scope.spawn(move || {
                // The kernel does not look at the memory of a call for no file; the record does.
                // SAFETY: The kernel alone looks at the page.
                unsafe { libc::syscall(libc::SYS_write, -1, page, 80) };
                returned.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut asleep = 0;
        while asleep + returned.load(Ordering::Relaxed) < threads {
            asleep += absent.waited_for();
            thread::yield_now();
        }
        let started = start_programs(PROGRAMS);
        // Who waits goes on.
        drop(absent);
        (started, asleep)
    });
    println!("{PROGRAMS} programs while {asleep} of {threads} threads slept in their records");
    // Programs of the kernel's virtual machine do not wait, so nobody sleeps there.
    let waits = std::env::args().nth(1).is_none();
    ensure!(!waits || (1..threads).contains(&asleep), "{asleep} slept");
    lives_are_told(&mut source, &started?)
}

/// Makes calls in this process and another one whose number differs by a whole number of the
/// places in which records are counted: each is held back by itself.
pub(crate) fn neighbours_are_told_apart() -> anyhow::Result<()> {
    const LIMIT: u32 = 50;
    const CALLS: usize = 20_000;
    const APART: u32 = 1024;
    let calls = || {
        for _ in 0..CALLS {
            std::hint::black_box(nix::unistd::getpid());
        }
    };
    let setup = Setup {
        throttle: LIMIT,
        ..Setup::default()
    };
    let mut source = super::source(setup, &["getpid"], 0)?;
    let me = std::process::id();
    // The kernel is told where to go on; another process may come first.
    let mut child = None;
    for _ in 0..100 {
        let wanted = me + APART - 1;
        if std::fs::write("/proc/sys/kernel/ns_last_pid", wanted.to_string()).is_err() {
            println!("skipped: this kernel does not let processes choose their number");
            return Ok(());
        }
        // SAFETY: The child makes calls, and ends.
        match unsafe { fork()? } {
            ForkResult::Child => {
                if std::process::id() == me + APART {
                    calls();
                }
                // SAFETY: Ends the child as it is.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child: pid } if pid.as_raw() as u32 == me + APART => {
                child = Some(pid);
                break;
            }
            ForkResult::Parent { child: pid } => waitpid(pid, None)?,
        };
    }
    let child = child.context("no process got that number")?;
    let begin = std::time::Instant::now();
    calls();
    waitpid(child, None)?;
    // Of each second that was begun, a little shorter than ours.
    let most = (begin.elapsed().as_secs() as usize + 2) * LIMIT as usize;
    let mut read = [0usize; 2];
    super::drain(&mut source, |event| {
        if event.kind == Kind::Syscall {
            read[0] += usize::from(event.header.pid == me);
            read[1] += usize::from(event.header.pid == me + APART);
        }
    })?;
    println!("{read:?} records of {CALLS} calls each, at most {most} allowed");
    ensure!(
        read.iter().all(|n| (LIMIT as usize..=most).contains(n)),
        "{read:?} records are not held back"
    );
    Ok(())
}

/// Processes of one control group are held back together.
pub(crate) fn groups_are_held_back() -> anyhow::Result<()> {
    const LIMIT: u32 = 60;
    // Less than the limit, each.
    const CALLS: usize = 40;
    const PROCESSES: usize = 30;
    let setup = Setup {
        throttle_group: LIMIT,
        ..Setup::default()
    };
    let mut source = super::source(setup, &["getppid"], 0)?;
    for _ in 0..PROCESSES {
        // SAFETY: The child makes calls, and ends.
        match unsafe { fork()? } {
            ForkResult::Child => {
                for _ in 0..CALLS {
                    std::hint::black_box(nix::unistd::getppid());
                }
                // SAFETY: Ends the child as it is.
                unsafe { libc::_exit(0) }
            }
            ForkResult::Parent { child } => waitpid(child, None)?,
        };
    }
    let (mut read, mut groups) = (0, BTreeSet::new());
    super::drain(&mut source, |event| match event.kind {
        Kind::Syscall => read += 1,
        Kind::Throttled => {
            use falco_abi::event::throttled::Slot;
            let number = |slot| event.number(slot).unwrap_or(0);
            groups.insert((number(Slot::group as usize), number(Slot::limit as usize)));
        }
        _ => {}
    })?;
    let lost = source.counters()?.lost;
    let held = lost.iter().filter(|l| l.cause == "throttled");
    let held: u64 = held.map(|l| l.count).sum();
    let made = CALLS * PROCESSES;
    println!("{read} of {made} calls read, {held} held back; groups and limits {groups:?}");
    let expected = (own_group(), LIMIT.into());
    ensure!(
        held > 0 && read + held as usize >= made,
        "{read} read, {held} held back"
    );
    ensure!(groups.contains(&expected), "{groups:?}, not {expected:?}");
    // What is held back by intention is no loss to be told of.
    Ok(())
}

/// The number of this process's control group: the inode of its directory.
fn own_group() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .map(|mount| PathBuf::from(mount).join(path.unwrap_or_default()))
        .find(|directory| directory.join("cgroup.procs").exists())
        .and_then(|directory| std::fs::metadata(directory).ok())
        // Nobody has mounted it: all are in the first group.
        .map_or(1, |directory| directory.ino())
}
