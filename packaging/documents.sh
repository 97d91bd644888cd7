#!/usr/bin/env bash
# Writes manual pages and completions, made by the engine itself, below a directory.
#
#   documents.sh ENGINE DIRECTORY
set -euo pipefail
man="$(dirname "$0")/man"
engine="$(realpath "$1")" share="$2"

page() { gzip -9n >"$share/man/man$1/$2.$1.gz"; }

install -d -m 755 "$share/man/man5" "$share/man/man8" "$share/bash-completion/completions" \
    "$share/zsh/site-functions" "$share/fish/vendor_completions.d"
"$engine" --document man | page 8 falco-engine
"$engine" --document man-config | page 5 falco.yaml
page 5 falco-rules <"$man/falco-rules.5"
"$engine" --document bash >"$share/bash-completion/completions/falco-engine"
"$engine" --document zsh >"$share/zsh/site-functions/_falco-engine"
"$engine" --document fish >"$share/fish/vendor_completions.d/falco-engine.fish"
