#!/usr/bin/env bash
# Fetches another kernel of Debian's, with the compilers that built it, and prints the directory
# that holds it, which has the shape of a node's (see build.sh) and is used in its place with
# FALCO_NODE. There is no disk: the fast node runs it.
#
#   other-kernel.sh SUITE       sid, or experimental, which is on top of sid
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

suite="${1:?a suite of Debian is needed}"
base="${suite/experimental/sid}"
log="$FALCO_CACHE/kernel-$suite.log"
logged debian "$suite" apt-get update
version="$(debian "$suite" apt-cache madison linux-image-cloud-amd64 | awk 'NR == 1 { print $3 }')"
[ -n "$version" ] || die "$suite has no linux-image-cloud-amd64"
out="$FALCO_CACHE/kernel-$suite-$(key "$version" "$0" "$NODE_DIR/packages" "$TOP/kmod/rust-metadata.sh")"
[ ! -e "$out" ] || {
    printf '%s\n' "$out"
    exit
}

"$NODE_DIR/build.sh" tools >/dev/null
step "kernel $version of $suite"
new="$out.new"
root="$new/root"
rm -rf "$new"
mkdir -p "$new" "$FALCO_CACHE/debs-$base"
inside() { logged "$NODE_DIR/enter.sh" "$root" "$@"; }

logged debootstrap --variant=minbase --cache-dir="$FALCO_CACHE/debs-$base" \
    --include=ca-certificates,eatmydata "$base" "$root" "$(debian_mirror)"
printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\npath-exclude=/usr/share/locale/*\n' \
    >"$root/etc/dpkg/dpkg.cfg.d/node"
for one in "$base" "$suite"; do
    printf 'deb %s %s main\n' "$(debian_mirror)" "$one"
done | sort -u >"$root/etc/apt/sources.list"
# The kernel alone comes from the suite on top: its compilers are those below.
printf 'Package: linux-*\nPin: release a=%s\nPin-Priority: 900\n' \
    "$([ "$suite" = sid ] && echo unstable || echo "$suite")" >"$root/etc/apt/preferences.d/kernel"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# A proxy, or a mirror that stands still, is this machine's to know of.
apt-config dump Acquire | grep -E '::([Pp]roxy|Check-Valid-Until)' \
    >"$root/etc/apt/apt.conf.d/90machine" || true
inside apt-get update
# Kernel, headers and what builds a module: of the node's packages those up to the last of these.
# shellcheck disable=SC2046 # one word per package
inside eatmydata apt-get install -y --no-install-recommends kmod linux-base initramfs-tools \
    $(sed -n '/^linux-image/,/^xz-utils/ { /^[^#]/p }' "$NODE_DIR/packages")

kernel="$(basename "$root"/usr/lib/modules/*)"
install -m 755 "$TOP/kmod/rust-metadata.sh" "$root/opt/rust-metadata.sh"
inside eatmydata /opt/rust-metadata.sh "$kernel"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
mkdir "$new/boot" "$root/build"
cp "$root/boot/vmlinuz-$kernel" "$new/boot/vmlinuz"
printf '%s\n' "$kernel" >"$new/kernel-version"
mv "$new" "$out"
step "kernel $version of $suite: done"
printf '%s\n' "$out"
