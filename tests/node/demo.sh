#!/usr/bin/env bash
# The demonstration behind `make run`: builds everything, boots the node, executes `apt update`
# in a container there, and shows the alert as the journal and the file have it.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$TOP"

logs="$TOP/target/run"
mkdir -p "$logs"
step "building the virtual node (minutes the first time, then nothing)"
"$NODE_DIR/build.sh" >/dev/null &
node=$!
step "building the engine"
packaging/build.sh --example cri-pod --example collector --example latency
wait "$node"
FALCO_EXAMPLES="$TOP/target/release/examples" "$NODE_DIR/job.sh" scenario "$TOP/target/job/run"
touch "$TOP/target/job/run/show"
step "running the scenario"
status=0
"$NODE_DIR/boot.sh" --log "$logs" --time-limit 1800 "$TOP/target/job/run" || status=$?

printf '\nThe alert, in the journal of the unit (journalctl -u falco):\n'
sed -n '/^journalctl -u falco:/{n;p}' "$logs/output.log"
printf '\nThe same in the file of the engine:\n'
sed -n '/^\/.*:$/{n;p}' "$logs/output.log" | head -n 1
exit "$status"
