#!/usr/bin/env bash
# Prints what a system call costs with and without the module, in instructions of the guest.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"
cargo build --release --locked --package falco-engine --example syscall_cost
job="$TOP/target/cost"
"$NODE_DIR/job.sh" cost "$job"
"$NODE_DIR/boot.sh" --fast --icount --time-limit 600 "$job"
