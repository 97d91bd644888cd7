#!/usr/bin/env bash
# Builds the programs of the job `ebpf` for arm64, unoptimized, and prints the directory that has
# them: the engine, examples/ and deps/.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TOP"

target=aarch64-unknown-linux-gnu
install_cross_compiler
# Neither rustup's nor Debian's compiler for this machine comes with the library for another, so it
# is built from its source, which is what cargo's -Z build-std does.
export RUSTC_BOOTSTRAP=1 __CARGO_TESTS_ONLY_SRC_ROOT CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
__CARGO_TESTS_ONLY_SRC_ROOT="$(rust_library_source)"
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc
build=(--quiet --locked "-Zbuild-std=std,panic_unwind" --target "$target" --package falco-engine)
step "building the programs for arm64"
cargo build "${build[@]}" --bins --example calls --example fields --example promises --example storm >&2
cargo test "${build[@]}" --no-run --test ebpf_programs >&2
printf '%s\n' "${CARGO_TARGET_DIR:-$TOP/target}/$target/debug"
