//! What the state costs: events through decoding and state, bytes that are
//! allocated for them, memory of threads, and the start from the proc file system.
//!
//! `cargo bench -p falco-engine --bench state` prints one line for each
//! measure, with its goal.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::metadata::Containers;
use falco_engine::state::{Descriptor, FdKind, Image, Label, State, Thread};

/// Counts what is allocated.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every request goes to the system's allocator unchanged; what is
// counted beside it touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        LIVE.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the block came from `alloc` above, with the same layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// Takes all records in, several times over; prints the speed and the bytes per event.
fn through(what: &str, state: &mut State, records: &[Vec<u8>], rounds: usize, goal: &str) {
    let bytes = BYTES.load(Relaxed);
    let start = Instant::now();
    for round in 0..rounds {
        for (num, record) in records.iter().enumerate() {
            let num = (round * records.len() + num) as u64;
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            state.after(&event);
        }
    }
    let (events, time) = (rounds * records.len(), start.elapsed());
    let bytes = BYTES.load(Relaxed) - bytes;
    println!(
        "{what}: {:.2} million events/s, {:.1} bytes allocated per event ({goal})",
        events as f64 / time.as_secs_f64() / 1e6,
        bytes as f64 / events as f64,
    );
}

const THREADS: u32 = 1000;

fn open(tid: u32, num: i64) -> RecordBuilder {
    RecordBuilder::new(Kind::Openat, tid)
        .number("fd", num)
        .number("dirfd", -100)
        .bytes("name", b"/usr/lib/x86_64-linux-gnu/libc.so.6")
        .number("flags", 1)
        .number("dev", 65024)
        .number("ino", 42)
}

/// Calls that change nothing that the state keeps.
fn quiet() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for tid in 1..=THREADS {
        let calls = [
            RecordBuilder::new(Kind::Read, tid)
                .number("res", 512)
                .number("fd", 3)
                .number("size", 512)
                .bytes("data", &[0; 80])
                .bytes("path", b"/usr/lib/x86_64-linux-gnu/libc.so.6")
                .number("kind", 8),
            RecordBuilder::new(Kind::Write, tid)
                .number("res", 80)
                .number("fd", 1)
                .bytes("data", &[0; 80]),
            RecordBuilder::new(Kind::Access, tid)
                .number("res", -2)
                .bytes("name", b"/etc/ld.so.preload"),
            RecordBuilder::new(Kind::Syscall, tid).number("ID", 39),
        ];
        records.extend(calls.map(RecordBuilder::build));
    }
    records
}

/// A mix as a busy machine has it: mostly reads and writes, some files opened
/// and closed, a connection, now and then a process.
fn mixed() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for tid in 1..=THREADS {
        records.extend(quiet().into_iter().skip(4 * (tid as usize - 1)).take(4));
        for num in 5..7 {
            records.push(open(tid, num).build());
            let close = RecordBuilder::new(Kind::Close, tid).number("res", 0);
            records.push(close.number("fd", num).build());
        }
        if tid.is_multiple_of(10) {
            let child = tid + 100_000;
            let made = RecordBuilder::new(Kind::TaskNew, tid)
                .number("tid", child.into())
                .number("pid", child.into())
                .number("ptid", tid.into());
            let runs = RecordBuilder::new(Kind::Execve, child)
                .number("res", 0)
                .bytes("exe", b"/bin/true")
                .bytes("comm", b"true")
                .bytes("args", b"--help\0")
                .bytes("env", b"PATH=/usr/bin:/bin\0HOME=/root\0LANG=C\0");
            let ends = RecordBuilder::new(Kind::Procexit, child).number("reaper_tid", 1);
            records.extend([made, runs, ends].map(RecordBuilder::build));
        }
    }
    records
}

fn image(pid: u32) -> Image {
    Image {
        exe: b"/usr/sbin/service".as_slice().into(),
        exepath: b"/usr/sbin/service".as_slice().into(),
        args: format!("--config\0/etc/service-{pid}.conf\0")
            .into_bytes()
            .into(),
        env: b"PATH=/usr/local/sbin:/usr/bin\0HOME=/root\0LANG=C.UTF-8\0"
            .as_slice()
            .into(),
        ..Image::default()
    }
}

/// Threads, of which every `per_process` are of one process with 20 descriptors.
fn filled(threads: u32, per_process: u32) -> State {
    let mut state = State::new();
    for pid in (1..=threads).step_by(per_process as usize) {
        let mut leader = Thread::new(pid, pid);
        leader.ptid = 1;
        leader.run(b"service", image(pid));
        leader.cwd = b"/".as_slice().into();
        leader.cgroups = format!("cpu=/system.slice/service-{pid}\0")
            .into_bytes()
            .into();
        state.add_thread(leader);
        for num in 0..20 {
            let mut descriptor = match num % 4 {
                0 => Descriptor::new(FdKind::File),
                1 => Descriptor::new(FdKind::Ipv4),
                2 => Descriptor::new(FdKind::Pipe),
                _ => Descriptor::new(FdKind::Event),
            };
            match num % 4 {
                0 => {
                    let path = format!("/var/lib/service/{pid}/data-{num}.db");
                    descriptor.label = Label::name(path.as_bytes());
                }
                1 => {
                    let end = |port| ([127, 0, 0, 1].into(), port);
                    descriptor.label = Label::Ends((end(pid as u16), end(443)).into());
                }
                _ => descriptor.ino = pid.into(),
            }
            state.add_descriptor(pid, num, descriptor, false);
        }
        for tid in pid + 1..(pid + per_process).min(threads + 1) {
            let record = RecordBuilder::new(Kind::TaskNew, pid)
                .number("tid", tid.into())
                .number("pid", pid.into())
                .number("ptid", 1)
                .build();
            let event = Event::decode(&record, 1, 0).expect("a record");
            state.before(&event);
        }
    }
    state
}

fn memory(per_process: u32) {
    const COUNT: u32 = 10_000;
    let before = LIVE.load(Relaxed);
    let state = filled(COUNT, per_process);
    let used = LIVE.load(Relaxed) - before;
    let threads = state.threads().len();
    println!(
        "memory, {per_process} threads per process with 20 descriptors: {:.2} KiB per thread, \
         {:.1} MiB for {threads} (goals: 1.5 KiB, 60 MiB)",
        kib(used) / threads as f64,
        kib(used) / 1024.0,
    );
}

fn scan() {
    let containers = Arc::new(Containers::new());
    let mut state = State::of_host(Path::new("/"), containers).expect("a thread");
    let start = Instant::now();
    let threads = state.scan();
    let time = start.elapsed();
    let each = time.as_secs_f64() / threads.max(1) as f64;
    println!(
        "start: {threads} threads in {:.1} ms, {:.0} µs each, {:.2} s for 20,000 (goal: under 1 s)",
        time.as_secs_f64() * 1e3,
        each * 1e6,
        each * 20_000.0,
    );
}

fn main() {
    let mut state = filled(THREADS, 1);
    through("quiet calls", &mut state, &quiet(), 250, "goal: 0 bytes");
    through("a mix", &mut state, &mixed(), 100, "goal: 3 million");
    for per_process in [1, 4, 16] {
        memory(per_process);
    }
    scan();
}
