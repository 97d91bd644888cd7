#!/usr/bin/env bash
# Builds a kernel that looks for mistakes, and prints the directory that holds it, which has the
# shape of a node's (see build.sh) and is used in its place with FALCO_NODE:
#
#   root/            the node's root file system and, below usr/src, the debug kernel's tree
#   boot/vmlinuz     the kernel
#   kernel-version   its name
#
# The source is the distribution's, of the very version that the node's kernel is of; the
# compilers are the node's. What differs from the node's kernel is in debug.config.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

node="$("$NODE_DIR/build.sh" kernel)"
out="$FALCO_CACHE/kernel-debug-$(key "${node##*/}" "$0" "$NODE_DIR/debug.config")"
[ ! -e "$out" ] || {
    printf '%s\n' "$out"
    exit
}

new="$out.new"
log="$out.log"
tree=/usr/src/linux-debug

stage_source() {
    local kernel version source
    kernel="$(node_kernel "$node")"
    # shellcheck disable=SC2016 # dpkg-query expands it
    version="$(dpkg-query --admindir="$node/root/var/lib/dpkg" --show \
        --showformat '${Version}' "linux-headers-$kernel")"
    source="linux-source-$(sed -E 's/^([0-9]+\.[0-9]+).*/\1/' <<<"$version")"
    mkdir "$new/deb"
    logged debian trixie-backports apt-get update
    (cd "$new/deb" && logged debian trixie-backports apt-get download "$source=$version")
    # Links to the node's files cost nothing. Nothing below writes to them.
    cp -al "$node/root" "$new/root"
    mkdir "$new/root$tree"
    dpkg-deb --fsys-tarfile "$new"/deb/*.deb |
        tar --extract --to-stdout "./usr/src/$source.tar.xz" |
        tar --extract --xz --directory "$new/root$tree" --strip-components 1
    rm -rf "$new/deb"
}

# Rust and KASAN together are there with clang only.
inside() {
    logged nice -n 19 "$NODE_DIR/enter.sh" "$new/root" make -C "$tree" CC=clang "$@"
}

# What was asked for and is not there was renamed or depends on something else.
config_is_as_asked() {
    local lost
    lost="$(grep -E '^CONFIG_.*=[ym]$' "$NODE_DIR/debug.config" |
        grep -vxFf "$new/root$tree/.config" || true)"
    [ -z "$lost" ] || die "the debug kernel's configuration has lost" "$lost"
}

stage_build() {
    local kernel
    # A module of the node's kernel would be one more of this kernel to build.
    grep -v '=m$' "$node/root/boot/config-$(node_kernel "$node")" |
        cat - "$NODE_DIR/debug.config" >"$new/root$tree/.config"
    inside olddefconfig
    config_is_as_asked
    inside "-j$(nproc)" bzImage modules
    kernel="$(cat "$new/root$tree/include/config/kernel.release")"
    inside INSTALL_MOD_PATH=/ DEPMOD=true modules_install
    ln -sfn "../../..${tree#/usr}" "$new/root/usr/lib/modules/$kernel/build"
    mkdir -p "$new/boot"
    cp "$new/root$tree/arch/x86/boot/bzImage" "$new/boot/vmlinuz"
    printf '%s\n' "$kernel" >"$new/kernel-version"
}

for part in source build; do
    if [ ! -e "$new/.done-$part" ]; then
        step "debug kernel: $part"
        [ "$part" != source ] || rm -rf "$new"
        mkdir -p "$new"
        "stage_$part"
        touch "$new/.done-$part"
    fi
done
mv "$new" "$out"
step "debug kernel: done"
printf '%s\n' "$out"
