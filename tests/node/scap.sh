#!/usr/bin/env bash
# Prints the path of scap.ko for the node's kernel: Falco's own module, written in C, that ours is
# measured against. It is Debian's falcosecurity-scap-dkms, built as DKMS would, and kept in the cache.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

package=falcosecurity-scap-dkms
node="$(kernel_node)"
kernel="$(node_kernel "$node")"
out="$FALCO_CACHE/scap-$(key "${node##*/}" "$kernel" "$0")"
if [ ! -e "$out" ]; then
    step "building scap.ko of $package for $kernel"
    new="$out.new"
    log="$out.log"
    rm -rf "$new"
    mkdir -p "$new"
    logged debian sid apt-get update
    (cd "$new" && logged debian sid apt-get download "$package")
    logged dpkg-deb -x "$new"/*.deb "$new"
    source=("$new"/usr/src/scap-*)
    logged "$NODE_DIR/enter.sh" --bind "${source[0]}:/build" "$node/root" \
        make -C /build "KERNELDIR=/lib/modules/$kernel/build"
    mv "${source[0]}/scap.ko" "$new/"
    rm -rf "$new"/*.deb "$new/usr"
    mv "$new" "$out"
fi
printf '%s\n' "$out/scap.ko"
