#!/usr/bin/env bash
# Holds what Debian's sysdig says of a capture that our module recorded on the node against what
# our own program says of it, event by event: that of this machine, and that of Debian's newest
# suite, which is unpacked beside it with its libraries.
#
#   sysdig.sh DIRECTORY      DIRECTORY is that of --log of the fast node's run
#
# FALCO_ENGINE names another program than that of this checkout.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"

engine="${FALCO_ENGINE:-$TOP/target/release/falco-engine}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tar --extract --file "$1/files.tar" --directory "$work"
export TZ=UTC

# Sysdig of Debian's suite sid, as a directory in the cache. It fails where there is none.
newest_sysdig() {
    local out="$FALCO_CACHE/sysdig-sid" package log
    log="$out.log"
    if [ ! -e "$out" ]; then
        rm -rf "$out.new"
        mkdir -p "$out.new/debs/partial"
        logged debian sid apt-get update || return 1
        # All that it needs, whatever this machine has.
        logged debian sid apt-get install -y --no-install-recommends --download-only \
            -o Dir::State::status=/dev/null -o Dir::Cache::archives="$out.new/debs" sysdig || return 1
        for package in "$out.new"/debs/*.deb; do
            logged dpkg-deb -x "$package" "$out.new" || return 1
        done
        rm -rf "$out.new/debs"
        mv "$out.new" "$out"
    fi
    printf '%s\n' "$out"
}

# Its loader runs it with its own libraries.
newest() {
    "$newest/usr/lib64/ld-linux-x86-64.so.2" --library-path "$newest/usr/lib/x86_64-linux-gnu" \
        "$newest/usr/bin/sysdig" "$@"
}

# What sysdig says otherwise, and why, is in docs/captures.md: these fields and events are left out.
format='%evt.rawtime %evt.cpu %thread.tid %proc.pid %proc.ppid %proc.name %proc.exe %proc.args'
format+=' %proc.cwd %user.uid %user.name %evt.type %evt.res %fd.num %fd.name'

# compare NAME COMMAND FILTER: the lines of sysdig, and ours.
compare() {
    "$2" -r "$work/node.scap.gz" -p "*$format" "$3" |
        grep -av '<unknown>' | sed 's/ NULL$//; s/ *$//' >"$work/sysdig"
    "$engine" print -r "$work/node.scap.gz" -p "*$format" \
        'not evt.type in (rseq, getuid, geteuid, getgid, getegid, mmap)' |
        sed 's/ *$//' >"$work/ours"
    local lines
    lines="$(wc -l <"$work/sysdig")"
    echo "$1: $lines events"
    [ "$lines" -gt 500 ] || die "sysdig read too few events"
    diff "$work/sysdig" "$work/ours" | head -n 40
    cmp --quiet "$work/sysdig" "$work/ours"
}

if ! command -v sysdig >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends sysdig >&2; then
        echo "skipped: there is no sysdig, and it cannot be installed"
        exit 0
    fi
fi
compare "$(sysdig --version)" sysdig \
    '(evt.dir=< or evt.type=procexit) and not evt.type in (getuid, geteuid, getgid, getegid, mmap)'

if [ "$(uname -m)" = x86_64 ] && newest="$(newest_sysdig)"; then
    compare "$(newest --version)" newest \
        'not evt.type in (rseq, getuid, geteuid, getgid, getegid, mmap)'
else
    echo "skipped: sysdig of Debian's newest suite cannot be had"
fi
