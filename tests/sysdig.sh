#!/usr/bin/env bash
# Holds what Debian's sysdig says of a capture that our module recorded on the node against what
# our own program says of it, event by event.
#
#   sysdig.sh DIRECTORY      DIRECTORY is that of --log of the fast node's run
#
# FALCO_ENGINE names another program than that of this checkout.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"

engine="${FALCO_ENGINE:-$TOP/target/release/falco-engine}"
if ! command -v sysdig >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends sysdig >&2; then
        echo "skipped: there is no sysdig, and it cannot be installed"
        exit 0
    fi
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tar --extract --file "$1/files.tar" --directory "$work"

# What sysdig 0.29 says otherwise, and why, is in docs/captures.md: these fields and events are
# left out.
format='%evt.rawtime %evt.cpu %thread.tid %proc.pid %proc.ppid %proc.name %proc.exe %proc.args'
format+=' %proc.cwd %user.uid %user.name %evt.type %evt.res %fd.num %fd.name'
export TZ=UTC
sysdig -r "$work/node.scap.gz" -p "*$format" \
    '(evt.dir=< or evt.type=procexit) and not evt.type in (getuid, geteuid, getgid, getegid, mmap)' |
    grep -av '<unknown>' | sed 's/ *$//' >"$work/sysdig"
"$engine" print -r "$work/node.scap.gz" -p "*$format" \
    'not evt.type in (rseq, getuid, geteuid, getgid, getegid, mmap)' | sed 's/ *$//' >"$work/ours"

lines="$(wc -l <"$work/sysdig")"
echo "$(sysdig --version): $lines events"
[ "$lines" -gt 500 ] || die "sysdig read too few events"
diff "$work/sysdig" "$work/ours" | head -n 40
cmp --quiet "$work/sysdig" "$work/ours"
