#!/bin/sh
# Loads falco_kmod into the node's kernel, from a container that may do that. In this order:
#
#   - it is there already
#   - the node has it for its kernel (DKMS, or a package)
#   - it is built here against the node's headers, and loaded; nothing is left on the node
#
# HOST_ROOT is where the node's /lib/modules, /usr/src and /usr/lib are; SOURCE where the module's
# sources are.
set -eu

root="${HOST_ROOT:-/host}"
source="${SOURCE:-/usr/src/falco_kmod}"
loaded="${LOADED:-/sys/module/falco_kmod}"
usr="${USR:-/usr}"
kernel="$(uname -r)"

say() { printf 'load-module: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

if [ -d "$loaded" ]; then
    say "falco_kmod is loaded already"
    exit 0
fi

if modprobe --dirname "$root" falco_kmod 2>/dev/null; then
    say "loaded the node's own falco_kmod for $kernel"
    exit 0
fi

headers="$root/lib/modules/$kernel/build"
# On the node that is a link to a place on the node.
if [ -L "$headers" ]; then
    target="$(readlink "$headers")"
    case "$target" in
    /*) headers="$root$target" ;;
    *) headers="$root/lib/modules/$kernel/$target" ;;
    esac
fi
[ -d "$headers" ] ||
    die "the node has neither falco_kmod nor the headers of its kernel: install falco-kmod-dkms there, or linux-headers-$kernel"
[ -e "$headers/rust/libkernel.rmeta" ] ||
    die "the headers of $kernel have no Rust metadata: install falco-kmod-dkms on the node, or run kmod/rust-metadata.sh there once"

# Headers name others, and the programs that build (Debian's linux-kbuild), by their places on the
# node: there they shall be found here as well.
for there in "$root"/usr/src/* "$root"/usr/lib/linux-kbuild-*; do
    here="$usr${there#"$root/usr"}"
    [ ! -e "$there" ] || [ -e "$here" ] || ln -s "$there" "$here"
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -R "$source/." "$work"
say "building falco_kmod for $kernel"
make -C "$headers" M="$work" modules >&2 || die "falco_kmod cannot be built for $kernel"
insmod "$work/falco_kmod.ko"
say "loaded falco_kmod, built here for $kernel"
