#!/usr/bin/env bash
# Prints what a system call costs while somebody watches, in instructions of the guest that are
# added to it: by our module, by our eBPF programs, and by Falco's own module in C.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"
[ -n "${FALCO_EXAMPLES:-}" ] ||
    packaging/build.sh --example syscall_cost
job="$TOP/target/cost"
measured="$TOP/target/cost.log"
"$NODE_DIR/job.sh" cost "$job"
"$NODE_DIR/boot.sh" --fast --icount --time-limit 900 "$job" | tee "$measured" >&2

# The lines that count: mode, what is done, instructions. Of the measurements without anybody
# watching the least counts.
awk -F '\t' '
    function added(mode, work) {
        return (mode, work) in cost ? sprintf("%.0f", cost[mode, work] - cost["none", work]) : "-"
    }
    function rows(state, title, i, ours, theirs, share) {
        print title
        for (i = 1; i <= works; i++) {
            ours = added(state, names[i])
            theirs = added("scap-" state, names[i])
            share = theirs > 0 ? sprintf("%.0f %%", 100 * ours / theirs) : "-"
            printf "  %-18s %12s %12s %12s %14s\n", names[i], ours, added("ebpf-" state, names[i]),
                theirs, share
        }
    }
    NF == 3 && $3 > 0 {
        known = ($1, $2) in cost
        if (known && cost[$1, $2] <= $3) next
        if ($1 == "none" && !known) names[++works] = $2
        cost[$1, $2] = $3
    }
    END {
        printf "\n%-20s %12s %12s %12s %14s\n", "instructions added",
            "falco_kmod", "eBPF", "C module", "kmod of C"
        rows("attached", "hooks, no interest")
        rows("all", "every call recorded")
    }' "$measured"
