#!/usr/bin/env bash
# Fetches what emulates a machine of ARM's with Debian's kernel for it, and prints a directory to be
# used as FALCO_NODE, for the job of the eBPF programs. There is no disk: the fast node runs it.
# The programs come from arm64-programs.sh.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

suite=trixie-backports
out="$FALCO_CACHE/arm64-$(key "$0" "$NODE_DIR/guest/init")"
if [ ! -e "$out" ]; then
    step "the kernel for arm64"
    new="$out.new" emulator=qemu-system-aarch64
    rm -rf "$new"
    mkdir -p "$new"/{boot,lib,package}
    cd "$new/package"
    debian_arm64 "$suite" apt-get update >&2
    # The kernel of its real machine is in parts: the image, and what it loads.
    kernel="$(debian_arm64 "$suite" apt-cache search --names-only '^linux-binary-[0-9].*-cloud-arm64$' |
        cut -d ' ' -f 1 | sort --version-sort | tail -n 1)"
    kernel="${kernel#linux-binary-}"
    [ -n "$kernel" ] || die "$suite has no kernel for arm64"
    debian_arm64 "$suite" apt-get download "linux-binary-$kernel" "linux-modules-$kernel" >&2
    debian_arm64 "${suite%-backports}" apt-get update >&2
    debian_arm64 "${suite%-backports}" apt-get download busybox-static >&2
    for package in ./*.deb; do dpkg-deb -x "$package" .; done
    modules="usr/lib/modules/$kernel"
    cp "$modules/vmlinuz" "$new/boot/vmlinuz"
    install -D -t "$new/root/$modules/kernel/fs/overlayfs" "$modules/kernel/fs/overlayfs/overlay.ko.xz"
    cp usr/bin/busybox "$new/busybox"
    printf '%s\n' "$kernel" >"$new/kernel-version"
    echo aarch64 >"$new/machine"
    # The emulator, of the version of the one for this machine: they share files.
    if ! command -v "$emulator" >/dev/null; then
        version="$(dpkg-query --show --showformat '${Version}' qemu-system-common)"
        codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
        rm ./*.deb
        for from in "$codename" "$codename-backports"; do
            debian "$from" apt-get update >&2
            debian "$from" apt-get download "qemu-system-arm=$version" >&2 2>/dev/null || continue
            dpkg-deb -x ./*.deb "$new/qemu"
            break
        done
        [ -x "$new/qemu/usr/bin/$emulator" ] || die "Debian has no $emulator $version"
    fi
    cd "$TOP"
    # The libraries that programs are linked with.
    install_cross_compiler
    cp -L /usr/aarch64-linux-gnu/lib/{ld-linux-aarch64.so.1,libc.so.6,libm.so.6,libgcc_s.so.1} "$new/lib/"
    rm -rf "$new/package"
    mv "$new" "$out"
fi
printf '%s\n' "$out"
