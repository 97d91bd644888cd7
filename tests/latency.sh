#!/usr/bin/env bash
# Prints how long it takes from the return of a system call to the line of its alert, on the
# virtual node.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"
packaging/build.sh --example latency
job="$TOP/target/latency"
"$NODE_DIR/job.sh" latency "$job"
"$NODE_DIR/boot.sh" --fast --time-limit 600 "$job"
