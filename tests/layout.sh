#!/usr/bin/env bash
# Compares the layouts that the two halves were built with, number by number, without loading
# anything: the module carries its own in a section of the file.
#
#   layout.sh [MODULE]      without it, the module is built for the virtual node
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"
module="${1:-$(kmod/build.sh --node)}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cargo run --quiet --locked --package falco-abi --example layout >"$work/engine"
objcopy --output-target binary --only-section .falco.layout \
    --set-section-flags .falco.layout=alloc "$module" "$work/section"
od --address-radix=n --format=u8 --width=8 -v "$work/section" | tr -d ' ' >"$work/numbers"
# The names are the engine's: a module with other ones has another number of numbers, or another
# fingerprint among them.
cut -d ' ' -f 2- "$work/engine" | paste -d ' ' "$work/numbers" - >"$work/module"

numbers="$(wc -l <"$work/numbers")"
[ "$numbers" -ge 40 ] || die "$module has only $numbers numbers of its layout"
if ! diff --unified "$work/module" "$work/engine"; then
    die "the halves disagree: - is the module, + the engine"
fi
printf '%s numbers are the same in both halves\n' "$numbers"
