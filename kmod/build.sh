#!/usr/bin/env bash
# Compiles falco_kmod and prints the path of the module.
#
#   build.sh [--node | --other-version]
#
# Against the running kernel where that one can carry it and its headers have the Rust
# metadata; otherwise, and always with --node, in the root file system of the virtual node,
# for the node's kernel. With --other-version it is a module for the node that claims another
# version of the interface: what an engine says to that is tested. The sources are copied to target/kmod/VERSION and built there, so the
# checkout stays clean, and only what changed is compiled again.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/../tests/node/lib.sh"

variant="${1:-}"
native=
kernel="$(uname -r)"
if [ -z "$variant" ] && [ -e "/lib/modules/$kernel/build/rust/libkernel.rmeta" ]; then
    native=1
else
    node="$(kernel_node)"
    kernel="$(node_kernel "$node")"
fi

build="$TOP/target/kmod/$kernel${variant#--node}"
mkdir -p "$build"
# The same files as a DKMS source tree, so that what is missing there is noticed here.
"$TOP/kmod/source.sh" "$build"
if [ "$variant" = --other-version ]; then
    sed -i 's/^pub const ABI_VERSION: u32 = .*/pub const ABI_VERSION: u32 = 999;/' \
        "$build/shared-abi/src/abi.rs"
fi
step "compiling falco_kmod for $kernel"
if [ -n "$native" ]; then
    make -C "/lib/modules/$kernel/build" M="$build" modules >&2
else
    # What gcc did not build, gcc cannot add to.
    compiler=()
    ! grep -qx 'CONFIG_CC_IS_CLANG=y' "$node/root/usr/lib/modules/$kernel/build/.config" ||
        compiler=(CC=clang)
    "$NODE_DIR/enter.sh" --bind "$build:/build" "$node/root" \
        make -C "/lib/modules/$kernel/build" M=/build "${compiler[@]}" modules >&2
fi
printf '%s\n' "$build/falco_kmod.ko"
