#!/usr/bin/env bash
# Holds what files say of their licence, in headers and manifests, against REUSE.toml: sources of
# the kernel's side must say it, others may.
#
# Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong=0
complain() {
    printf '%s\n' "$*"
    wrong=1
}

# The licence of a path, by the last annotation that it matches.
declare -a patterns=() licences=()
while IFS= read -r line; do
    case "$line" in
    'path = '*) mapfile -t found < <(grep -oP '"\K[^"]+' <<<"$line") ;;
    'SPDX-License-Identifier = '*)
        licence="$(grep -oP '"\K[^"]+' <<<"$line")"
        for pattern in "${found[@]}"; do
            patterns+=("$pattern")
            licences+=("$licence")
        done
        ;;
    esac
done <REUSE.toml
licence_of() {
    local path="$1" i
    for ((i = ${#patterns[@]} - 1; i >= 0; i--)); do
        # shellcheck disable=SC2053 # a pattern is meant
        [[ "$path" != ${patterns[i]//\*\*/*} ]] || {
            printf '%s' "${licences[i]}"
            return
        }
    done
}

count=0
while IFS= read -r -d '' file; do
    count=$((count + 1))
    wanted="$(licence_of "$file")"
    said="$(head -n 3 "$file" | grep -aoP 'SPDX-License-Identifier: \K[A-Za-z0-9. -]*[A-Za-z0-9]' | head -n 1)" || true
    case "$file" in
    *Cargo.toml) said="$(sed -n 's/^license = "\(.*\)"/\1/p' "$file")" ;;
    esac
    [ -z "$said" ] || [ "$said" = "$wanted" ] ||
        complain "$file says $said, REUSE.toml says $wanted"
    case "$file" in
    # The engine's and the programs' way to them alone.
    shared-abi/src/lib.rs) ;;
    kmod/*.rs | kmod/*.[ch] | ebpf/src/*.rs | shared-abi/src/*.rs | Kbuild)
        [ -n "$said" ] || complain "$file does not say its licence, $wanted"
        ;;
    esac
done < <(tests/node/files.sh)
[ "$count" -gt 100 ] || complain "only $count files are looked at"
for licence in $(printf '%s\n' "${licences[@]}" | sed 's/ OR /\n/g' | sort -u); do
    [ -s "LICENSES/$licence.txt" ] || complain "there is no LICENSES/$licence.txt"
    grep -q "$licence" LICENSE || complain "LICENSE does not name $licence"
done
exit "$wrong"
