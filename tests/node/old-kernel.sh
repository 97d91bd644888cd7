#!/usr/bin/env bash
# Fetches the kernel of an older suite of Debian's, which carries no Rust and so takes no module
# of ours, for the job of the eBPF programs. Prints a directory to be used as FALCO_NODE.
#
#   old-kernel.sh SUITE       bullseye has Linux 5.10
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

suite="${1:?a suite of Debian is needed}"
out="$FALCO_CACHE/old-kernel-$suite"
if [ ! -e "$out" ]; then
    step "the kernel of $suite"
    new="$out.new"
    rm -rf "$new"
    mkdir -p "$new/boot" "$new/package"
    debian "$suite" apt-get update >&2
    # The newest one, signed, of the small flavour.
    package="$(debian "$suite" apt-cache search --names-only '^linux-image-[0-9.-]+-cloud-amd64$' |
        cut -d ' ' -f 1 | sort --version-sort | tail -n 1)"
    [ -n "$package" ] || die "$suite has no kernel"
    (cd "$new" && debian "$suite" apt-get download "$package" >&2 && dpkg-deb -x ./*.deb package && rm ./*.deb)
    mv "$new"/package/boot/vmlinuz-* "$new/boot/vmlinuz"
    printf '%s\n' "${package#linux-image-}" >"$new/kernel-version"
    rm -rf "$new/package"
    mv "$new" "$out"
fi
printf '%s\n' "$out"
