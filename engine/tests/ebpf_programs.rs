//! The eBPF programs on the kernel that runs this test: its verifier accepts each of
//! them, and what they record is what happened. Skipped where the kernel does not allow
//! them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use falco_abi::event::{Event as Kind, execve};
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::ebpf::{EbpfSource, Options, object};
use falco_engine::source::{Source as _, interest};

/// The source, unless this machine cannot have it.
fn source() -> Option<EbpfSource> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: eBPF programs need root");
        return None;
    }
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        eprintln!("skipped: this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)");
        return None;
    }
    match EbpfSource::open(Options::default()) {
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
    if let Err(error) = source.set_interest(&all) {
        panic!("{error:#}");
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

/// Linux 5.8 has none of the instructions, helpers and kinds of maps that came later,
/// and looks at all instructions, also at those that it would never run.
#[test]
fn nothing_is_used_that_linux_5_8_lacks() {
    /// The last helper of that version, and one that is called only where it is.
    const LAST: i32 = 140;
    const CURRENT_TASK_BTF: i32 = 158;
    const CALL: u8 = 0x85;
    const STORE: u8 = 3;
    const CLASS: u8 = 7;
    const ATOMIC: u8 = 0xC0;
    let object = aya_obj::Object::parse(object()).expect("the programs");
    let (mut helpers, mut additions) = (BTreeSet::new(), 0);
    for function in object.functions.values() {
        for instruction in &function.instructions {
            if instruction.code == CALL && instruction.src_reg() == 0 {
                helpers.insert(instruction.imm);
            }
            if instruction.code & CLASS == STORE && instruction.code & 0xE0 == ATOMIC {
                additions += 1;
                assert_eq!(instruction.imm, 0, "{}: not an addition", function.name);
            }
        }
    }
    let newer = |helper: &&i32| **helper > LAST && **helper != CURRENT_TASK_BTF;
    let newer: Vec<_> = helpers.iter().filter(newer).collect();
    assert!(newer.is_empty(), "helpers {newer:?}");
    assert!(
        helpers.len() > 5 && additions > 0,
        "{helpers:?}, {additions}"
    );
    // Arrays, of programs, for each CPU, of maps, and rings; read-only data is an array.
    let kinds: BTreeSet<u32> = object.maps.values().map(aya_obj::Map::map_type).collect();
    let known = BTreeSet::from([2, 3, 6, 12, 27]);
    assert!(kinds.is_subset(&known), "maps {kinds:?}");
}

/// Ends a program, whatever happens.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A user without any other right sees what happens, with as few capabilities as the
/// documentation says, and gives up what is not needed afterwards.
#[test]
fn few_capabilities_are_enough() {
    if source().is_none() {
        return;
    }
    // By their numbers: CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF.
    let (mut names, mut bits) = ("+sys_ptrace,+perfmon,+bpf".to_owned(), 1u64 << 19 | 3 << 38);
    let mine = capabilities("self");
    if mine & 1 << 24 != 0 {
        names.push_str(",+sys_resource");
        bits |= 1 << 24;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let marked = path("marked");
    fs::copy(env!("CARGO_BIN_EXE_falco-engine"), path("engine")).expect("the engine");
    let config = "rules_files: [rules.yaml]\nstdout_output: {enabled: true}\nlog_syslog: false\n\
                  engine: {kind: modern_ebpf}\nbuffered_outputs: false\n";
    fs::write(path("falco.yaml"), config).expect("a configuration");
    let rule = "- rule: R\n  desc: d\n  condition: evt.type = openat and fd.name endswith /marked\n  \
                output: seen by %proc.name\n  priority: INFO\n";
    fs::write(path("rules.yaml"), rule).expect("rules");
    fs::write(&marked, "").expect("a file");
    for readable in [".", "engine", "falco.yaml", "rules.yaml"] {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path(readable), mode).expect("a mode");
    }
    let spawned = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(format!("--bounding-set=-all,{names}"))
        .arg(format!("--inh-caps=-all,{names}"))
        .arg(format!("--ambient-caps=-all,{names}"))
        .arg(path("engine"))
        .args(["-c", "falco.yaml"])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(path("log")).expect("a log"))
        .spawn();
    let Ok(child) = spawned else {
        eprintln!("skipped: there is no setpriv");
        return;
    };
    let mut child = Ended(child);
    let stdout = child.0.stdout.take().expect("a pipe");
    let (found, finds) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = found.send(line);
        }
    });
    let end = Instant::now() + Duration::from_secs(120);
    let mut alert = None;
    while alert.is_none() && Instant::now() < end && matches!(child.0.try_wait(), Ok(None)) {
        let _ = fs::read(&marked);
        alert = finds.recv_timeout(Duration::from_millis(100)).ok();
    }
    let log = fs::read_to_string(path("log")).unwrap_or_default();
    let alert = alert.unwrap_or_else(|| panic!("no alert: {log}"));
    assert!(alert.contains("seen by "), "{alert}");
    let left = capabilities(&child.0.id().to_string());
    assert_eq!(left, bits, "{left:x} are left of {bits:x}: {log}");
}

/// The effective capabilities of a process.
fn capabilities(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    u64::from_str_radix(line.expect("its capabilities").trim(), 16).expect("a number")
}
