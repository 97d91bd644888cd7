//! What the state costs: events through decoding and state, bytes that are
//! allocated for them, memory of threads, the start from the proc file system, and
//! how long the state takes to be right again after a loss.
//!
//! `cargo bench -p falco-engine --bench state` prints one line for each
//! measure, with its goal; with `-- events`, `-- memory` or `-- start` those alone.

#[expect(dead_code, reason = "each benchmark reads some of the counters")]
mod counting;

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use falco_abi::event::{Event as Kind, sockaddr};
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::metadata::Containers;
use falco_engine::state::address::Address;
use falco_engine::state::{Descriptor, FdKind, Image, Label, State, Thread};
use nix::sys::resource::{UsageWho, getrusage};

fn kib(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}

/// Whether a goal is met.
fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// What events may cost.
enum Goal {
    /// Bytes allocated per event, at most.
    Bytes(f64),
    /// Million events in a second, at least.
    Millions(f64),
}

/// Takes all records in, several times over; prints the speed and the bytes per event.
fn through(what: &str, state: &mut State, records: &[Vec<u8>], rounds: usize, goal: &Goal) {
    let bytes = counting::memory().bytes;
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
    let bytes = counting::memory().bytes - bytes;
    let speed = events as f64 / time.as_secs_f64() / 1e6;
    let bytes = bytes as f64 / events as f64;
    let goal = match *goal {
        Goal::Bytes(most) => format!("{most} bytes, {}", verdict(bytes <= most)),
        Goal::Millions(least) => format!("{least} million, {}", verdict(speed >= least)),
    };
    println!(
        "{what}: {speed:.2} million events/s, {bytes:.1} bytes allocated per event (goal: {goal})"
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

/// Both ends of a connection.
fn tuple(port: u16) -> Vec<u8> {
    let mut tuple = vec![sockaddr::INET, 10, 0, 0, 1];
    tuple.extend_from_slice(&port.to_ne_bytes());
    tuple.extend_from_slice(&[10, 0, 0, 2]);
    tuple.extend_from_slice(&443_u16.to_ne_bytes());
    tuple
}

/// A connection that is made, used and closed.
fn connection(tid: u32) -> [RecordBuilder; 5] {
    let call = |kind| RecordBuilder::new(kind, tid);
    let tuple = tuple(tid as u16);
    [
        call(Kind::Socket)
            .number("fd", 9)
            .number("domain", 2)
            .number("type", 1),
        call(Kind::Connect)
            .number("res", 0)
            .number("fd", 9)
            .bytes("tuple", &tuple),
        call(Kind::Sendto)
            .number("res", 80)
            .number("fd", 9)
            .bytes("data", &[0; 80])
            .bytes("tuple", &tuple),
        call(Kind::Recvfrom)
            .number("res", 80)
            .number("fd", 9)
            .bytes("data", &[0; 80])
            .bytes("tuple", &tuple),
        call(Kind::Close).number("res", 0).number("fd", 9),
    ]
}

/// A process that is made, runs a program and ends, as both sides of the call
/// and the hooks tell it.
fn short_process(maker: u32, child: u32) -> [RecordBuilder; 5] {
    let returned = |tid: u32, result: u32| {
        RecordBuilder::new(Kind::Clone, tid)
            .number("res", result.into())
            .number("flags", 0)
            .number("fdlimit", 1024)
            .number("vm_size", 4204)
            .bytes("comm", b"service")
            .number("vtid", tid.into())
            .number("vpid", tid.into())
    };
    [
        RecordBuilder::new(Kind::TaskNew, maker)
            .number("tid", child.into())
            .number("pid", child.into())
            .number("ptid", maker.into())
            .bytes("comm", b"service"),
        returned(child, 0),
        returned(maker, child),
        RecordBuilder::new(Kind::Execve, child)
            .number("res", 0)
            .bytes("exe", b"/bin/true")
            .bytes("comm", b"true")
            .bytes("args", b"--help\0")
            .bytes("env", b"PATH=/usr/bin:/bin\0HOME=/root\0LANG=C\0"),
        RecordBuilder::new(Kind::Procexit, child).number("reaper_tid", 1),
    ]
}

/// A mix as a busy machine has it: mostly reads and writes, some files opened
/// and closed, for one thread in five a connection, for one in ten a process.
fn mixed() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for tid in 1..=THREADS {
        records.extend(quiet().into_iter().skip(4 * (tid as usize - 1)).take(4));
        for num in 5..7 {
            records.push(open(tid, num).build());
            let close = RecordBuilder::new(Kind::Close, tid).number("res", 0);
            records.push(close.number("fd", num).build());
        }
        if tid.is_multiple_of(5) {
            records.extend(connection(tid).map(RecordBuilder::build));
        }
        if tid.is_multiple_of(10) {
            let process = short_process(tid, tid + 100_000);
            records.extend(process.map(RecordBuilder::build));
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

/// Takes in one record.
fn take(state: &mut State, record: RecordBuilder) {
    let record = record.build();
    let event = Event::decode(&record, 1, 0).expect("a record");
    state.before(&event);
    state.after(&event);
}

/// The process that starts all others, and what they have from it: nothing to
/// read, and the journal to write to.
fn manager(state: &mut State) {
    let mut manager = Thread::new(1, 1);
    manager.run(b"systemd", image(1));
    manager.cwd = b"/".as_slice().into();
    state.add_thread(manager);
    let mut null = Descriptor::new(FdKind::File);
    null.label = Label::name(b"/dev/null");
    state.add_descriptor(1, 0, null, false);
    let mut journal = Descriptor::new(FdKind::Unix);
    journal.label = Label::name(b"/run/systemd/journal/stdout");
    for num in 1..3 {
        state.add_descriptor(1, num, journal.clone(), false);
    }
}

/// A service, as the manager starts it: of its own are its control group, its
/// arguments and environment, and 17 of its 20 descriptors.
fn service(state: &mut State, pid: u32) {
    let made = RecordBuilder::new(Kind::TaskNew, 1)
        .number("tid", pid.into())
        .number("pid", pid.into())
        .number("ptid", 1);
    take(state, made);
    let image = image(pid);
    let runs = RecordBuilder::new(Kind::Execve, pid)
        .number("res", 0)
        .bytes("comm", b"service")
        .bytes("exe", &image.exe)
        .bytes("trusted_exepath", &image.exepath)
        .bytes("args", &image.args)
        .bytes(
            "env",
            format!("PATH=/usr/local/sbin:/usr/bin\0HOME=/root\0ID={pid:08}\0").as_bytes(),
        )
        .bytes(
            "cgroups",
            format!("cpu=/system.slice/service-{pid}\0").as_bytes(),
        );
    take(state, runs);
    for num in 3..20 {
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
                descriptor.label = Address::IpPair(end(pid as u16), end(443)).into();
            }
            _ => descriptor.ino = pid.into(),
        }
        state.add_descriptor(pid, num, descriptor, false);
    }
}

/// Threads, of which every `per_process` are of one process with 20 descriptors.
fn filled(threads: u32, per_process: u32) -> State {
    let mut state = State::new();
    manager(&mut state);
    for pid in (2..=threads).step_by(per_process as usize) {
        service(&mut state, pid);
        for tid in pid + 1..(pid + per_process).min(threads + 1) {
            let made = RecordBuilder::new(Kind::TaskNew, pid)
                .number("tid", tid.into())
                .number("pid", pid.into())
                .number("ptid", 1);
            take(&mut state, made);
        }
    }
    state
}

fn memory(per_process: u32) {
    const COUNT: u32 = 10_000;
    let before = counting::memory().live;
    let state = filled(COUNT, per_process);
    let used = counting::memory().live - before;
    let threads = state.threads().len();
    // What the descriptors alone take: as much as is given back without them.
    let mut state = state;
    state.keep_open_files(false);
    let open = used + before - counting::memory().live;
    let (each, all) = (used / threads, kib(used) / 1024.0);
    println!(
        "memory, {per_process} threads per process with 20 descriptors: {each} bytes per thread \
         (goal: 1536, {}), {all:.1} MiB for {threads} (goal: 60, {}); {:.0} bytes per descriptor",
        verdict(each <= 1536),
        verdict(all <= 60.0),
        open as f64 / (20.0 * state.threads().iter().filter(|t| t.is_leader()).count() as f64),
    );
}

/// Processes that do nothing, ended when this is dropped.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(count: usize) -> Self {
        let sleep = |_| Command::new("sleep").arg("600").spawn();
        Self((0..count).map_while(|at| sleep(at).ok()).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A proc file system of so many processes, as files, which cost less to read
/// than what the kernel puts together.
fn made_up(root: &Path, processes: u32) -> std::io::Result<()> {
    for pid in 2..processes + 2 {
        let process = root.join(format!("proc/{pid}"));
        fs::create_dir_all(process.join("ns"))?;
        fs::create_dir_all(process.join(format!("task/{pid}")))?;
        let ids = "1000\t1000\t1000\t1000";
        let status = format!(
            "Name:\tservice\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t1\nUid:\t{ids}\nGid:\t{ids}\n\
             NStgid:\t{pid}\nNSpid:\t{pid}\nNSpgid:\t{pid}\nNSsid:\t{pid}\nVmSize:\t4204 kB\n"
        );
        let columns = ["0"; 49].join(" ");
        let files = [
            ("status", status),
            ("stat", format!("{pid} (service) S {columns}")),
            ("loginuid", "1000".to_owned()),
            ("cgroup", format!("0::/system.slice/service-{pid}\n")),
            ("cmdline", "/usr/sbin/service\0--config\0".to_owned()),
            ("environ", "PATH=/usr/bin\0HOME=/root\0".to_owned()),
        ];
        for (name, text) in files {
            fs::write(process.join(name), text)?;
        }
        for (name, target) in [
            ("cwd", "/"),
            ("exe", "/bin/sh"),
            ("ns/pid", "pid:[4026531836]"),
        ] {
            std::os::unix::fs::symlink(target, process.join(name))?;
        }
    }
    Ok(())
}

/// Time that all threads of this process had a processor for: what else the machine
/// has to do counts little in it.
fn processor_time() -> Duration {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("the time that was used");
    let spans = [used.user_time(), used.system_time()];
    let micros = spans.map(|t| (t.tv_sec() * 1_000_000 + t.tv_usec()).cast_unsigned());
    Duration::from_micros(micros.iter().sum())
}

/// The start, from the proc file system below `root`.
fn scan(what: &str, root: &Path) {
    let containers = Arc::new(Containers::new());
    let mut state = State::of_host(root, containers).expect("a thread");
    // No rule that is shipped asks for them.
    state.keep_environments(false);
    let (start, before) = (Instant::now(), processor_time());
    let threads = state.scan();
    let (time, used) = (start.elapsed(), processor_time() - before);
    let each = time.as_secs_f64() / threads.max(1) as f64;
    println!(
        "start, {what}: {threads} threads in {:.1} ms, {:.0} µs each ({:.0} µs of a processor), \
         {:.2} s for 20,000 (goal: under 1 s, {})",
        time.as_secs_f64() * 1e3,
        each * 1e6,
        used.as_secs_f64() * 1e6 / threads.max(1) as f64,
        each * 20_000.0,
        verdict(each * 20_000.0 < 1.0),
    );
    // The start does not wait for it: it is read when an event needs it, and in pauses.
    let (start, before) = (Instant::now(), processor_time());
    state.read_open_files();
    let (time, used) = (start.elapsed(), processor_time() - before);
    println!(
        "descriptors, {what}: {} of {threads} threads in {:.1} ms ({:.1} of a processor)",
        state.threads().all_files().open(),
        time.as_secs_f64() * 1e3,
        used.as_secs_f64() * 1e3,
    );
    let (start, before) = (Instant::now(), processor_time());
    state.keep_environments(true);
    let (time, used) = (start.elapsed(), processor_time() - before);
    println!(
        "environments, {what}: {threads} threads in {:.1} ms ({:.1} of a processor)",
        time.as_secs_f64() * 1e3,
        used.as_secs_f64() * 1e3,
    );
    heal(what, &mut state);
}

/// From the record of a loss until the state is what the proc file system tells,
/// and how long no event was taken in meanwhile.
fn heal(what: &str, state: &mut State) {
    let (start, before) = (Instant::now(), processor_time());
    take(state, RecordBuilder::new(Kind::Lost, 0).number("exec", 1));
    let (mut busy, mut longest) = (Duration::ZERO, Duration::ZERO);
    while state.is_healing() {
        let begun = Instant::now();
        state.heal_on();
        let took = begun.elapsed();
        (busy, longest) = (busy + took, longest.max(took));
        std::thread::sleep(Duration::from_millis(1));
    }
    let time = start.elapsed();
    println!(
        "heal, {what}: {:.0} ms ({:.0} of a processor) for {} threads (goal: 1000, {}), of which \
         the loop stood {:.0} ms, at most {:.1} at once",
        time.as_secs_f64() * 1e3,
        (processor_time() - before).as_secs_f64() * 1e3,
        state.threads().len(),
        verdict(time < Duration::from_secs(1)),
        busy.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
    );
}

fn events() {
    let mut state = filled(THREADS, 1);
    through("quiet calls", &mut state, &quiet(), 250, &Goal::Bytes(0.0));
    through("a mix", &mut state, &mixed(), 100, &Goal::Millions(3.0));
}

fn start() {
    // As many as the goal tells, because the kernel's part is the dearer one; fewer where a
    // limit of processes forbids it.
    let sleepers = Sleepers::start(20_000);
    let what = format!("this machine with {} processes more", sleepers.0.len());
    scan(&what, Path::new("/"));
    drop(sleepers);
    let folder = tempfile::tempdir().expect("a folder");
    made_up(folder.path(), 20_000).expect("files");
    scan("made-up processes", folder.path());
}

/// Does the parts that are named, or all.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<_> = named.iter().filter(|name| !name.starts_with('-')).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|name| *name == part);
    if wanted("events") {
        events();
    }
    if wanted("memory") {
        [1, 4, 16].into_iter().for_each(memory);
    }
    if wanted("start") {
        start();
    }
}
