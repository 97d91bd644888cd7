//! The eBPF programs on the kernel that runs this test: each is accepted by its
//! verifier, and what they record is what happened. Skipped where the kernel does not
//! allow them.

use falco_engine::source::ebpf::{EbpfSource, Options};
use falco_engine::source::{Source as _, interest};
use falco_abi::syscall::{NONE, SYSCALLS};

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
    Some(EbpfSource::open(Options::default()).unwrap_or_else(|error| panic!("{error:?}")))
}

#[test]
fn every_program_is_accepted() {
    let Some(mut source) = source() else {
        return;
    };
    let mut refused = Vec::new();
    for call in SYSCALLS {
        if let Ok(only) = std::env::var("CALLS") { if !only.split(' ').any(|n| n == call.name) { continue; } }
        if call.number() != NONE {
            let now = std::time::Instant::now();
            eprintln!("{}", call.name);
            if let Err(error) = source.set_interest(&interest([call.number().into()])) {
                eprintln!("{}: {error:?}", call.name); refused.push(format!("{}: {error:?}", call.name));
            }
            eprintln!("   {:?}", now.elapsed());
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n\n"));
}
