#!/bin/sh
# Builds and runs one fuzz target with the stable compiler:
#
#   fuzz/run.sh TARGET [OPTIONS OF LIBFUZZER]
#
# What it finds is in fuzz/artifacts/. With cargo-fuzz and a nightly compiler,
# `cargo fuzz run TARGET` does the same.
set -eu
cd "$(dirname "$0")"
target="$1"
shift
host="$(rustc -vV | sed -n 's/^host: //p')"
# The options of cargo-fuzz, which a stable compiler takes only when asked to
# behave like the one that built it.
export RUSTC_BOOTSTRAP=1
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
--cfg fuzzing -Zsanitizer=address -Ccodegen-units=1"
cargo build --release --target "$host" --bin "$target"
mkdir -p "corpus/$target" "artifacts/$target"
# What earlier runs came to.
[ ! -f "seeds/$target.tar.zst" ] ||
    tar --extract --skip-old-files --file "seeds/$target.tar.zst" --directory "corpus/$target"
[ ! -d "seeds/$target" ] || set -- "seeds/$target" "$@"
exec "target/$host/release/$target" -artifact_prefix="artifacts/$target/" \
    "corpus/$target" "$@"
