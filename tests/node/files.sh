#!/usr/bin/env bash
# Lists the files of this tree, without what was built in it; separated by NUL.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -e .git ] && command -v git >/dev/null; then
    # What is not committed yet counts, what was deleted does not.
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            [ ! -e "$file" ] || printf '%s\0' "$file"
        done
else
    find . \( -name target -o -name .git \) -prune -o -type f -printf '%P\0'
fi
