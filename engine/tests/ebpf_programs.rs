//! The eBPF programs on the kernel that runs this test: its verifier accepts each of
//! them, and what they record is what happened. Skipped where the kernel does not allow
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use falco_abi::control::{DEVICE_PATH, Interest, Setup, hook};
use falco_abi::event::{Event as Kind, chdir, execve};
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::ebpf::{EbpfSource, Options, object};
use falco_engine::source::{Batch, Source as _, interest};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The source, unless this machine cannot have it.
fn source() -> Option<EbpfSource> {
    source_with(Options::default())
}

/// The same with options.
fn source_with(options: Options) -> Option<EbpfSource> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: eBPF programs need root");
        return None;
    }
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        eprintln!("skipped: this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)");
        return None;
    }
    match EbpfSource::open(options) {
        Ok(source) => Some(source),
        Err(error) if format!("{error:#}").contains("does not allow") => {
            eprintln!("skipped: {error:#}");
            None
        }
        Err(error) => panic!("{error:#}"),
    }
}

#[test]
fn every_program_is_accepted() {
    let Some(mut source) = source() else {
        return;
    };
    let all = SYSCALLS.iter().filter(|call| call.number() != NONE);
    let all = interest(all.map(|call| call.number().into()));
    let bare = Interest {
        descriptors: [0; _],
        ..all
    };
    for interest in [all, bare] {
        if let Err(error) = source.set_interest(&interest) {
            panic!("{error:#}");
        }
    }
}

#[test]
fn programs_are_loaded_beside_the_reader() {
    let Some(mut source) = source() else {
        return;
    };
    source.set_interest(&interest([])).expect("no call");
    let all = SYSCALLS.iter().filter(|call| call.number() != NONE);
    let all = interest(all.map(|call| call.number().into()));
    let mut prepare = source.preparer().expect("programs to load");
    let begun = Instant::now();
    let loading = thread::spawn(move || prepare(&all).map(|()| begun.elapsed()));
    let mut rounds = 0;
    while !loading.is_finished() {
        let wait = Duration::from_millis(5);
        source.read(wait, &mut |_, _| {}).expect("a batch");
        source.counters().expect("counters");
        rounds += 1;
    }
    let prepared = loading.join().unwrap().expect("all are loaded");
    let begun = Instant::now();
    source.set_interest(&all).expect("all calls");
    let first = begun.elapsed();
    let begun = Instant::now();
    source.set_interest(&all).expect("the same again");
    let again = begun.elapsed();
    println!(
        "loading took {prepared:?} ({rounds} looks at the rings meanwhile), telling {first:?}, \
         telling the same again {again:?}"
    );
    assert!(rounds > 1 && first < prepared && again < prepared);
}

#[test]
fn processors_share_rings_as_they_are_told() {
    let Some(source) = source() else {
        return;
    };
    // All of them share one.
    assert_eq!(source.rings().0, 1);
    drop(source);
    let options = Options {
        cpus_for_each_buffer: 1,
        ..Options::default()
    };
    let each = EbpfSource::open(options).expect("rings").rings().0;
    assert!(each >= thread::available_parallelism().unwrap().get());
    let options = Options {
        cpus_for_each_buffer: 2,
        ..options
    };
    let pairs = EbpfSource::open(options).expect("rings").rings().0;
    assert_eq!(pairs, each.div_ceil(2));
}

#[test]
fn a_started_program_is_recorded_with_its_arguments() {
    let Some(mut source) = source() else {
        return;
    };
    source
        .set_interest(&interest([]))
        .expect("the life of processes");
    let mark = format!("marker-{}", std::process::id());
    let status = Command::new("/bin/true").arg(&mark).status();
    assert!(status.expect("/bin/true").success());
    let end = Instant::now() + Duration::from_secs(10);
    let mut found = None;
    while found.is_none() && Instant::now() < end {
        source
            .read(Duration::from_millis(20), &mut |_, record| {
                let event = Event::decode(record, 1, 0).expect("a record");
                let args = event.bytes(execve::Slot::args as usize).unwrap_or_default();
                if event.kind == Kind::Execve && args.starts_with(mark.as_bytes()) {
                    let path = event.bytes(execve::Slot::trusted_exepath as usize);
                    found = Some(String::from_utf8_lossy(path.unwrap_or_default()).into_owned());
                }
            })
            .expect("a batch");
    }
    let path = std::fs::canonicalize("/bin/true").expect("/bin/true");
    assert_eq!(found.as_deref(), path.to_str());
}

/// Reads until nothing more comes, and then a little.
fn drain(source: &mut EbpfSource, mut each: impl FnMut(&Event<'_>)) {
    let mut quiet = 0;
    while quiet < 2 {
        let batch = source.read(Duration::from_millis(20), &mut |_, record| {
            each(&Event::decode(record, 1, 0).expect("a record"));
        });
        quiet = match batch.expect("a batch") {
            Batch::Some => 0,
            _ => quiet + 1,
        };
    }
}

fn number(name: &str) -> u32 {
    let call = SYSCALLS.iter().find(|call| call.name == name);
    call.expect("a system call").number().into()
}

/// One ring for all processors, of the size that was asked for, in which records of each
/// of them are.
#[test]
fn processors_can_share_a_ring() {
    const BYTES: u64 = 1 << 20;
    let setup = Setup {
        ring_bytes: BYTES,
        ..Setup::default()
    };
    let Some(mut own) = source_with(Options {
        setup,
        cpus_for_each_buffer: 1,
    }) else {
        return;
    };
    let (rings, size) = own.rings();
    assert_eq!(size, BYTES);
    own.set_interest(&interest([])).expect("an interest");
    let used = own.counters().expect("counters").rings;
    assert_eq!(used.len(), rings);
    assert!(used.iter().all(|ring| ring.size == BYTES), "{used:?}");
    drop(own);
    let mut shared = source_with(Options {
        setup,
        cpus_for_each_buffer: 0,
    })
    .expect("as before");
    assert_eq!(shared.rings(), (1, BYTES));
    shared
        .set_interest(&interest([number("getppid")]))
        .expect("an interest");
    let me = std::process::id();
    let (mut on, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for cpu in 0..CpuSet::MAX_CPU {
        let mut one = CpuSet::new();
        one.set(cpu);
        if sched_setaffinity(None, &one).is_ok() {
            on.insert(cpu as u16);
            nix::unistd::getppid();
        }
    }
    drain(&mut shared, |event| {
        if event.kind == Kind::Syscall && event.header.pid == me {
            seen.insert(event.header.cpu);
        }
    });
    assert_eq!(seen, on);
}

/// `drop_failed_exit`.
#[test]
fn failed_calls_are_left_out_if_that_is_asked_for() {
    let Some(mut source) = source() else {
        return;
    };
    let me = std::process::id();
    let mut results = |failed: u64| {
        let mut wanted = interest([number("chdir")]);
        wanted.hooks |= failed;
        source.set_interest(&wanted).expect("an interest");
        assert!(std::env::set_current_dir("/no/such/directory").is_err());
        std::env::set_current_dir(".").expect("where we are");
        let mut results = Vec::new();
        drain(&mut source, |event| {
            if event.kind == Kind::Chdir && event.header.pid == me {
                results.push(event.result().expect("a result"));
            }
        });
        results
    };
    assert_eq!(results(hook::NO_FAILED), [0]);
    assert_eq!(results(0), [-2, 0]);
}

/// In a pid namespace of its own a process does not know its number outside, by which the
/// programs leave its calls out, and not those of the process that has its number there.
#[test]
fn own_calls_are_left_out_in_a_pid_namespace() {
    const INSIDE: &str = "FALCO_TEST_IN_A_PID_NAMESPACE";
    if std::env::var_os(INSIDE).is_none() {
        if source().is_none() {
            return;
        }
        let myself = std::env::current_exe().expect("this test");
        let inside = Command::new("unshare")
            .args(["--pid", "--fork", "--mount-proc"])
            .arg(myself)
            .args(["--exact", "own_calls_are_left_out_in_a_pid_namespace"])
            .env(INSIDE, "1")
            .output();
        match inside {
            Ok(inside) if String::from_utf8_lossy(&inside.stderr).contains("not permitted") => {
                eprintln!("skipped: no pid namespace can be made here");
            }
            Ok(inside) => assert!(inside.status.success(), "{inside:?}"),
            Err(error) => eprintln!("skipped: there is no unshare: {error}"),
        }
        return;
    }
    let mut source = source().expect("as outside");
    let mut wanted = interest([number("chdir")]);
    wanted.hooks |= hook::NO_OWN;
    source.set_interest(&wanted).expect("an interest");
    std::env::set_current_dir("/.").expect("the root");
    let status = Command::new("sh").args(["-c", "cd /tmp"]).status();
    assert!(status.expect("a shell").success());
    let (mut own, mut others) = (0, 0);
    drain(&mut source, |event| {
        if event.kind == Kind::Chdir {
            match event.bytes(chdir::Slot::path as usize) {
                Some(b"/.") => own += 1,
                Some(b"/tmp") => others += 1,
                _ => {}
            }
        }
    });
    assert_eq!(own, 0, "own calls are there");
    assert!(others > 0, "others are not");
}

/// Linux 5.8 has none of the instructions, helpers and kinds of maps that came later,
/// and looks at all instructions, also at those that it would never run.
#[test]
fn nothing_is_used_that_linux_5_8_lacks() {
    /// The last helper of that version, and one that is called only where it is.
    const LAST: i32 = 140;
    const CURRENT_TASK_BTF: i32 = 158;
    const CALL: u8 = 0x85;
    const FUNCTION: u8 = 1;
    const STORE: u8 = 3;
    const CLASS: u8 = 7;
    const ATOMIC: u8 = 0xC0;
    for machine in ["x86_64", "aarch64"] {
        let file = format!("../ebpf/prebuilt/falco-{machine}.o");
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        // Where this runs without the sources, the one that is embedded.
        let bytes = fs::read(path).unwrap_or_else(|_| object().to_vec());
        let object = aya_obj::Object::parse(&bytes).expect("the programs");
        let (mut helpers, mut additions) = (BTreeSet::new(), 0);
        for function in object.functions.values() {
            for instruction in &function.instructions {
                if instruction.code == CALL && instruction.src_reg() == 0 {
                    helpers.insert(instruction.imm);
                }
                // Who has functions may not go on with another program there.
                let calls = instruction.code == CALL && instruction.src_reg() == FUNCTION;
                let dispatches = function.name == "sys_exit";
                assert!(!(calls && dispatches), "{} has functions", function.name);
                if instruction.code & CLASS == STORE && instruction.code & 0xE0 == ATOMIC {
                    additions += 1;
                    assert_eq!(instruction.imm, 0, "{}: not an addition", function.name);
                }
            }
        }
        let newer = |helper: &&i32| **helper > LAST && **helper != CURRENT_TASK_BTF;
        let newer: Vec<_> = helpers.iter().filter(newer).collect();
        assert!(newer.is_empty(), "{machine}: helpers {newer:?}");
        assert!(
            helpers.len() > 5 && additions > 0,
            "{machine}: {helpers:?}, {additions}"
        );
        // Arrays, of programs, for each CPU, of maps, and rings; read-only data is an array.
        let kinds: BTreeSet<u32> = object.maps.values().map(aya_obj::Map::map_type).collect();
        let known = BTreeSet::from([2, 3, 6, 12, 27]);
        assert!(kinds.is_subset(&known), "{machine}: maps {kinds:?}");
    }
}

/// Ends a program, whatever happens.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// By their numbers: CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF.
const NEEDED: u64 = 1 << 19 | 3 << 38;
/// CAP_SYS_RESOURCE, which a machine may not have to give, and that is not kept.
const RESOURCE: u64 = 1 << 24;
/// CAP_NET_BIND_SERVICE and CAP_DAC_READ_SEARCH, kept where the engine has them.
const USEFUL: u64 = 1 << 10 | 1 << 2;

/// The engine in a directory of its own, with a rule about a file there, by a program that
/// starts it.
struct Engine {
    directory: tempfile::TempDir,
    child: Ended,
    found: Receiver<String>,
}

impl Engine {
    /// Starts it with a section `engine` of the configuration, by a command that may come
    /// first; `None` where there is no such command.
    fn start(engine: &str, by: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        fs::copy(env!("CARGO_BIN_EXE_falco-engine"), path("engine")).expect("the engine");
        let config = format!(
            "rules_files: [rules.yaml]\nstdout_output: {{enabled: true}}\nlog_syslog: false\n\
             privileges: {{user: root}}\nengine: {engine}\nbuffered_outputs: false\n"
        );
        fs::write(path("falco.yaml"), config).expect("a configuration");
        let rule = "- rule: R\n  desc: d\n  condition: evt.type = openat and fd.name endswith /marked\n  \
                    output: seen by %proc.name\n  priority: INFO\n";
        fs::write(path("rules.yaml"), rule).expect("rules");
        fs::write(path("marked"), "").expect("a file");
        for readable in [".", "engine", "falco.yaml", "rules.yaml"] {
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(path(readable), mode).expect("a mode");
        }
        let program = path("engine");
        let mut command = match by {
            [] => Command::new(&program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
        };
        let spawned = command
            .args(["-c", "falco.yaml"])
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(path("log")).expect("a log"))
            .spawn();
        let Ok(child) = spawned else {
            eprintln!("skipped: there is no {}", by[0]);
            return None;
        };
        let mut child = Ended(child);
        let stdout = child.0.stdout.take().expect("a pipe");
        let (send, found) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        Some(Self {
            directory,
            child,
            found,
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Opens the file until the engine says so.
    fn alert(&mut self) -> String {
        let marked = self.directory.path().join("marked");
        let end = Instant::now() + Duration::from_secs(120);
        let mut alert = None;
        while alert.is_none() && Instant::now() < end && matches!(self.child.0.try_wait(), Ok(None))
        {
            let _ = fs::read(&marked);
            alert = self.found.recv_timeout(Duration::from_millis(100)).ok();
        }
        alert.unwrap_or_else(|| panic!("no alert: {}", self.log()))
    }

    /// The capabilities that are left.
    fn capabilities(&self) -> u64 {
        capabilities(&self.child.0.id().to_string())
    }
}

/// A user without any other right sees what happens, with as few capabilities as the
/// documentation says, and gives up what is not needed afterwards.
#[test]
fn few_capabilities_are_enough() {
    if source().is_none() {
        return;
    }
    let mut names = "+sys_ptrace,+perfmon,+bpf".to_owned();
    if capabilities("self") & RESOURCE != 0 {
        names.push_str(",+sys_resource");
    }
    let sets =
        ["bounding-set", "inh-caps", "ambient-caps"].map(|set| format!("--{set}=-all,{names}"));
    let mut by = vec![
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    by.extend(sets.iter().map(String::as_str));
    let Some(mut engine) = Engine::start("{kind: modern_ebpf}", &by) else {
        return;
    };
    let alert = engine.alert();
    assert!(alert.contains("seen by "), "{alert}");
    let left = engine.capabilities();
    assert_eq!(left, NEEDED, "{left:x} are left: {}", engine.log());
}

/// Root has all others, which are given up. The options of the section reach the programs.
#[test]
fn root_gives_up_the_other_capabilities() {
    if source().is_none() {
        return;
    }
    let all = capabilities("self");
    let section = "{kind: modern_ebpf, modern_ebpf: {cpus_for_each_buffer: 0, buf_size_preset: 1}}";
    let mut engine = Engine::start(section, &[]).expect("the engine");
    engine.alert();
    let (left, kept) = (engine.capabilities(), NEEDED | USEFUL);
    assert_eq!(
        left,
        all & kept,
        "{left:x} of {all:x} are left: {}",
        engine.log()
    );
    assert!(all & !kept != 0, "root has no more than {all:x}");
    let log = engine.log();
    assert!(log.contains("reading 1 rings of 1024 KiB"), "{log}");
}

/// Without the module `engine.kind: auto` takes the programs, and says so.
#[test]
fn auto_takes_the_programs_where_there_is_no_module() {
    if source().is_none() {
        return;
    }
    if std::path::Path::new(DEVICE_PATH).exists() {
        eprintln!("skipped: the module is loaded");
        return;
    }
    let mut engine = Engine::start("{kind: auto}", &[]).expect("the engine");
    engine.alert();
    let log = engine.log();
    let told = format!("there is no {DEVICE_PATH}: events come from eBPF programs");
    assert!(log.contains(&told), "{log}");
}

/// Where neither can be had, the error says what to do for either.
#[test]
fn auto_says_what_to_do_for_either_source() {
    if std::path::Path::new(DEVICE_PATH).exists() {
        eprintln!("skipped: the module is loaded");
        return;
    }
    // Nobody may load programs; who is not root already is such a user.
    let by: &[&str] = match nix::unistd::geteuid().is_root() {
        true => &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ],
        false => &[],
    };
    let Some(mut engine) = Engine::start("{kind: auto}", by) else {
        return;
    };
    let status = engine.child.0.wait().expect("its end");
    let log = engine.log();
    assert!(!status.success(), "{log}");
    for part in [
        "no source of events",
        "modprobe falco_kmod",
        "eBPF cannot be used",
    ] {
        assert!(log.contains(part), "does not say {part:?}: {log}");
    }
    if std::path::Path::new("/sys/kernel/btf/vmlinux").exists() && !object().is_empty() {
        assert!(log.contains("CAP_BPF"), "{log}");
    }
}

/// The effective capabilities of a process.
fn capabilities(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    u64::from_str_radix(line.expect("its capabilities").trim(), 16).expect("a number")
}
