#!/usr/bin/env bash
# Builds the engine as it is released: the binary says nothing of the directories in which it was
# built, so that another machine with the same compiler makes the same one.
#
#   build.sh [ARGUMENTS]      ARGUMENTS are cargo's, for example --example latency
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
# The last that fits counts.
toolchain="$(rustc --print sysroot)"
RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$HOME=home --remap-path-prefix=$cargo_home=cargo \
--remap-path-prefix=$toolchain=rust --remap-path-prefix=$PWD=."
export RUSTFLAGS
exec cargo build --release --locked --package falco-engine --bin falco-engine "$@"
