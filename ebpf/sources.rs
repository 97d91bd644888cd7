// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
// Which sources an object was built from, as a number: both the build of the programs and
// that of the engine, which embeds them, include this file.

use std::path::{Path, PathBuf};

/// What the object is made of, from the top of the tree.
const PARTS: [&str; 8] = [
    "ebpf/.cargo/config.toml",
    "ebpf/Cargo.lock",
    "ebpf/Cargo.toml",
    "ebpf/build.rs",
    "ebpf/sources.rs",
    "ebpf/src",
    "shared-abi/Cargo.toml",
    "shared-abi/src",
];

/// The parts, for cargo to watch.
pub(crate) fn parts(top: &Path) -> impl Iterator<Item = PathBuf> + '_ {
    PARTS.iter().map(|part| top.join(part))
}

/// A fingerprint (FNV-1a) of all files, by their names and contents.
pub(crate) fn fingerprint(top: &Path) -> std::io::Result<String> {
    let mut files = Vec::new();
    for part in parts(top) {
        if part.is_dir() {
            for file in std::fs::read_dir(part)? {
                files.push(file?.path());
            }
        } else {
            files.push(part);
        }
    }
    files.sort();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for file in files {
        let name = file.strip_prefix(top).unwrap_or(&file).to_string_lossy();
        let content = std::fs::read(&file)?;
        for byte in name.bytes().chain([0]).chain(content) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
    Ok(format!("{hash:016x}"))
}
