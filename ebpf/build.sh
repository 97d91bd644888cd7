#!/usr/bin/env bash
# Builds the eBPF programs and puts them into ebpf/prebuilt/, which the engine embeds.
#
#   build.sh [--check]      --check compares them with what is there instead
#
# The compiler is the one that builds the engine. It can make code for the kernel's virtual
# machine, but three things are missing, and are fetched into the cache: the source of its own
# library (Debian has it, for exactly this version), a linker for that code (bpf-linker), and
# a tool that leaves out what only debuggers want. The same sources and versions of the tools
# give the same object, wherever they are. SHA256SUMS beside the objects has what they are made of
# and themselves; the build of the engine holds both against it.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/../tests/node/lib.sh"
cd "$TOP"

LINKER=0.10.3

prebuilt=ebpf/prebuilt
check=
if [ "${1:-}" = --check ]; then
    check=1
    prebuilt="$(mktemp -d)"
fi

# What counts, with its hash; engine/build.rs has the same list.
sums() {
    find ebpf/.cargo ebpf/Cargo.lock ebpf/Cargo.toml ebpf/build.rs ebpf/build.sh ebpf/prebuilt ebpf/src \
        shared-abi/Cargo.toml shared-abi/src -type f ! -name SHA256SUMS -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum
}

sysroot="$(rustc --print sysroot)"
tools="$FALCO_CACHE/ebpf-$LINKER"
source="$(rust_library_source)"

if [ ! -x "$tools/bin/bpf-linker" ]; then
    step "building bpf-linker $LINKER"
    CARGO_TARGET_DIR="$tools/build" cargo install --quiet bpf-linker --version "$LINKER" --locked --root "$tools"
    rm -rf "$tools/build"
fi
if ! command -v llvm-objcopy >/dev/null; then
    step "installing llvm-objcopy"
    [ "$(id -u)" = 0 ] || die "llvm-objcopy is needed: install the package llvm"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends llvm
fi

step "compiling the eBPF programs"
mkdir -p "$prebuilt"
target="$TOP/target/ebpf"
remap="'--remap-path-prefix=$TOP=.', '--remap-path-prefix=$source=library'"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    remap="$remap, '--remap-path-prefix=$registry=crates'"
done
# One object for each architecture: numbers of the kernel's flags differ.
for machine in x86_64 aarch64; do
    (
        unset FALCO_EBPF_AARCH64
        [ "$machine" != aarch64 ] || export FALCO_EBPF_AARCH64=1
        cd ebpf
        PATH="$tools/bin:$PATH" LD_LIBRARY_PATH="$sysroot/lib" RUSTC_BOOTSTRAP=1 \
            __CARGO_TESTS_ONLY_SRC_ROOT="$source" CARGO_TARGET_DIR="$target" \
            cargo build --release --locked --config "build.rustflags=[$remap]"
    )
    object="$target/bpfel-unknown-none/release/falco-ebpf"
    # The verifier would refuse a program that can panic; here it has a name.
    if llvm-objdump --section-headers "$object" | grep -q '\.text\.unlikely'; then
        die "some program contains a panic"
    fi
    llvm-objcopy --strip-debug "$object" "$prebuilt/falco-$machine.o"
    # Names of data have a number that is of the directory, which nobody needs: with as many
    # digits, but for one directory in twenty.
    LC_ALL=C sed -E -i -e 's/Cs[0-9A-Za-z]{11}_([0-9]+falco_)/Cs00000000000_\1/g' \
        -e 's/anon\.[0-9a-f]{32}\./anon.00000000000000000000000000000000./g' "$prebuilt/falco-$machine.o"
done

printf '%s\n' "rustc $(rustc --version | cut -d " " -f 2)" "bpf-linker $LINKER" >"$prebuilt/tools"
if [ -n "$check" ]; then
    for built in "$prebuilt"/*; do
        cmp "$built" "ebpf/prebuilt/${built##*/}" || die "ebpf/prebuilt is not of these sources: make ebpf"
    done
    sums >"$prebuilt/SHA256SUMS"
    cmp "$prebuilt/SHA256SUMS" ebpf/prebuilt/SHA256SUMS
    rm -rf "$prebuilt"
    step "ebpf/prebuilt is what these sources give"
else
    sums >"$prebuilt/SHA256SUMS"
    step "$(cat "$prebuilt"/*.o | wc -c) bytes in $prebuilt"
fi
