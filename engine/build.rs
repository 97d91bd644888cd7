//! Looks whether the eBPF programs that the engine embeds are those that `make ebpf` has built,
//! from the sources that are here. If not, the engine is built all the same, and says so when
//! it is to use them.

use std::collections::BTreeMap;
use std::env::var;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What the programs are made of, from the top of the tree, and the objects.
const PARTS: [&str; 9] = [
    "ebpf/.cargo",
    "ebpf/Cargo.lock",
    "ebpf/Cargo.toml",
    "ebpf/build.rs",
    "ebpf/build.sh",
    "ebpf/prebuilt",
    "ebpf/src",
    "shared-abi/Cargo.toml",
    "shared-abi/src",
];
/// Their hashes, as `sha256sum` prints them.
const SUMS: &str = "ebpf/prebuilt/SHA256SUMS";

fn main() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in PARTS {
        println!("cargo::rerun-if-changed={}", top.join(part).display());
    }
    println!("cargo::rustc-check-cfg=cfg(ebpf_is_left_out)");
    let machine = var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    match object(&top, &machine) {
        Ok(object) => println!("cargo::rustc-env=EBPF_OBJECT={}", object.display()),
        Err(why) => {
            println!("cargo::rustc-cfg=ebpf_is_left_out");
            println!("cargo::rustc-env=EBPF_LEFT_OUT={why}");
            println!("cargo::warning=the engine is built without eBPF programs: {why}");
        }
    }
}

/// The object for a machine, or why there is none.
fn object(top: &Path, machine: &str) -> Result<PathBuf, String> {
    if !["x86_64", "aarch64"].contains(&machine) {
        return Err(format!("there are none for {machine}"));
    }
    let text = fs::read_to_string(top.join(SUMS))
        .map_err(|error| format!("{SUMS}: {error} (`make ebpf` builds them)"))?;
    let known: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, file)| (file, sum))
        .collect();
    let found = files(top).map_err(|error| format!("cannot read their sources: {error}"))?;
    let odd = found
        .iter()
        .find(|(file, sum)| known.get(file.as_str()) != Some(&sum.as_str()))
        .map(|(file, _)| file.as_str())
        .or_else(|| {
            known
                .keys()
                .copied()
                .find(|&file| !found.contains_key(file))
        });
    match odd {
        Some(odd) => Err(format!(
            "{odd} is not what those in ebpf/prebuilt were made with (`make ebpf` builds them)"
        )),
        None => Ok(top.join(format!("ebpf/prebuilt/falco-{machine}.o"))),
    }
}

/// All files that count, with their hashes.
fn files(top: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut paths = Vec::new();
    for part in PARTS {
        let path = top.join(part);
        if path.is_dir() {
            for file in fs::read_dir(path)? {
                paths.push(file?.path());
            }
        } else {
            paths.push(path);
        }
    }
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(top).unwrap_or(&path);
        let name = name.to_string_lossy().into_owned();
        if name != SUMS {
            let sum = Sha256::digest(fs::read(&path)?);
            files.insert(name, format!("{sum:x}"));
        }
    }
    Ok(files)
}
