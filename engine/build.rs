//! Looks whether the eBPF programs that the engine embeds were built from the sources that
//! are here. If not, the engine is built all the same, and says so when it is to use them.

#[path = "../ebpf/sources.rs"]
mod sources;

use std::path::Path;

fn main() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let prebuilt = top.join("ebpf/prebuilt/sources");
    println!("cargo::rerun-if-changed={}", prebuilt.display());
    for part in sources::parts(&top) {
        println!("cargo::rerun-if-changed={}", part.display());
    }
    println!("cargo::rustc-check-cfg=cfg(ebpf_is_stale)");
    let built = std::fs::read_to_string(&prebuilt).unwrap_or_default();
    let here = sources::fingerprint(&top).unwrap_or_default();
    if built.trim() != here {
        println!("cargo::rustc-cfg=ebpf_is_stale");
        println!(
            "cargo::warning=the eBPF programs in ebpf/prebuilt are of other sources: run `make \
             ebpf`; until then this engine does without them"
        );
    }
}
