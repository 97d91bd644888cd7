#!/usr/bin/env bash
# What Debian's sysdig reads in a capture of the node is what our own program reads.
#
#   sysdig.sh LOG       LOG is the output of the fast job, which has the capture in it
#
# FALCO_ENGINE names another engine than that of this checkout.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

engine="${FALCO_ENGINE:-$TOP/target/release/falco-engine}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if ! command -v sysdig >/dev/null; then
    apt-get install -y --no-install-recommends sysdig >/dev/null || die "sysdig cannot be installed"
fi

tr -d '\r' <"$1" | sed -n '/^capture for sysdig:$/,/^end of the capture$/p' | sed '1d;$d' |
    base64 --decode >"$work/node.scap.gz"
[ -s "$work/node.scap.gz" ] || die "there is no capture in $1"
# Entries of calls are there for sysdig alone, and generic events have no parameters for either.
fields='*%evt.rawtime %evt.cpu %thread.tid %proc.pid %proc.ppid %proc.name %proc.exe %proc.args
%proc.cwd %user.uid %user.name %group.gid %evt.type %fd.num %fd.name'
fields="$(tr '\n' ' ' <<<"$fields")"
"$engine" print -r "$work/node.scap.gz" -p "$fields" >"$work/own"
sysdig -r "$work/node.scap.gz" -p "$fields" 'evt.dir=<' >"$work/theirs"
wc -l "$work/own" "$work/theirs"
[ "$(wc -l <"$work/own")" -gt 500 ]
diff "$work/own" "$work/theirs"
