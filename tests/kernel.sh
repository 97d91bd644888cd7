#!/usr/bin/env bash
# Runs jobs of the node with a kernel that is not its own, or that are not for every day.
#
#   kernel.sh KERNEL JOB...     KERNEL is node for its own, checked for the same when it looks after
#                               its memory as well as it can, debug for one that looks for mistakes
#                               of all kinds, or a suite of Debian's: sid, experimental; for the
#                               job ebpf alone bullseye, and arm64 for another architecture
#
# SOAK is for how many seconds the stress makes calls (see job.sh).
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"

kernel="${1:?a kernel is needed}"
shift
options=(--time-limit "$((3600 + ${SOAK:-0}))")
case "$kernel" in
node) ;;
# Red zones and poison around and in every object, whose place now and then is a page of its own.
checked) options+=(--append 'slab_debug=FZPU kfence.sample_interval=1') ;;
debug)
    FALCO_NODE="$("$NODE_DIR/debug-kernel.sh")"
    # What is freed is kept for a while, and each byte is accounted for.
    options+=(--memory 4096)
    ;;
arm64)
    FALCO_NODE="$("$NODE_DIR/arm64.sh")"
    programs="$("$NODE_DIR/arm64-programs.sh")"
    export FALCO_ENGINE="$programs/falco-engine" FALCO_EXAMPLES="$programs/examples"
    ;;
bullseye) FALCO_NODE="$("$NODE_DIR/old-kernel.sh" "$kernel")" ;;
*) FALCO_NODE="$("$NODE_DIR/other-kernel.sh" "$kernel")" ;;
esac
export FALCO_NODE="${FALCO_NODE:-}"

[ -n "${FALCO_ENGINE:-}" ] || packaging/build.sh --quiet
[ -n "${FALCO_EXAMPLES:-}" ] || cargo build --quiet --locked --package falco-engine --examples
failed=0
for job in "$@"; do
    # A test program is part of that job.
    if [ "$job" = ebpf ] && [ -z "${FALCO_EXAMPLES:-}" ]; then
        cargo test --quiet --locked --package falco-engine --test ebpf_programs --no-run
    fi
    node=(--fast)
    [[ "$job" != scenario* ]] || node=()
    step "$job on the kernel $(node_kernel "$(kernel_node)")"
    "$NODE_DIR/job.sh" "$job" "$TOP/target/job/$job-$kernel"
    "$NODE_DIR/boot.sh" "${node[@]}" "${options[@]}" --log "$TOP/target/test/$job-$kernel" \
        "$TOP/target/job/$job-$kernel" || {
        printf 'FAIL %s on the kernel %s: %s\n' "$job" "$kernel" "$TOP/target/test/$job-$kernel"
        failed=1
    }
done
exit "$failed"
