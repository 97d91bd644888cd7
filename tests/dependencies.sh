#!/usr/bin/env bash
# Looks at what the engine is built from: every package comes from the registry, has a licence
# that may be combined with ours, and is there in one version only.
#
# Prints one line for each thing it finds; says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/.."

# A package passes if one of its alternatives consists of these.
allowed='^(MIT|MIT-0|Apache-2\.0|Apache-2\.0 WITH LLVM-exception|BSD-2-Clause|BSD-3-Clause|ISC|Zlib|0BSD|Unicode-3\.0|Unlicense|CC0-1\.0|BSL-1\.0|CDLA-Permissive-2\.0|MPL-2\.0)$'
# Two versions of these cannot be avoided by us: packages that we use disagree about them. What only
# runs while compiling does not count.
doubled='^()$'

found=0
complain() {
    printf '%s\n' "$*"
    found=1
}

# Whether a licence expression can be met: (A OR B) AND C.
acceptable() {
    local part alternative fits
    local expression="${1//\// OR }"
    while IFS= read -r part; do
        fits=
        while IFS= read -r alternative; do
            [[ ! "$alternative" =~ $allowed ]] || fits=1
        done < <(printf '%s\n' "$part" | sed 's/ OR /\n/g; s/[()]//g' | sed 's/^ *//; s/ *$//')
        [ -n "$fits" ] || return 1
    done < <(printf '%s\n' "$expression" | sed 's/ AND /\n/g')
}

while IFS='|' read -r package licence; do
    [ -n "$licence" ] || complain "$package states no licence"
    acceptable "$licence" || complain "$package: the licence $licence is not one of those allowed"
done < <(cargo tree --locked --workspace --edges normal,build --target all --prefix none \
    --format '{p}|{l}' | sed 's/ (\*)$//; /^$/d' | sort -u)

while read -r source; do
    [[ "$source" == '"registry+'* ]] || complain "a package comes from $source"
done < <(sed -n 's/^source = //p' Cargo.lock | sort -u)

while read -r package; do
    [[ "$package" =~ $doubled ]] || complain "$package is there in more than one version"
done < <(cargo tree --locked --workspace --edges normal,no-proc-macro --prefix none --format '{p}' |
    sed 's/ (.*//; /^$/d' | sort -u | cut -d ' ' -f 1 | uniq -d)

exit "$found"
