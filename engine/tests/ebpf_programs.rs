//! The eBPF programs on the kernel that runs this test: its verifier accepts each of
//! them, and what they record is what happened. Skipped where the kernel does not allow
//! them.

use std::time::{Duration, Instant};

use falco_abi::event::{Event as Kind, execve};
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::ebpf::{EbpfSource, Options};
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
fn a_started_program_is_recorded_with_its_arguments() {
    let Some(mut source) = source() else {
        return;
    };
    source
        .set_interest(&interest([]))
        .expect("the life of processes");
    let mark = format!("marker-{}", std::process::id());
    let status = std::process::Command::new("/bin/true").arg(&mark).status();
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
