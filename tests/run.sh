#!/usr/bin/env bash
# Runs every check there is and counts: one line for each, the sum alone on the last.
#
#   run.sh [--lint | --quick]
#
#   --lint    only what can be said without running anything
#   --quick   all but the full node: minutes less, for the way to a change
#
# The details of each step are in target/test/. What the machine lacks is installed.
# shellcheck disable=SC2317 # the checks are called by name
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"

extent="${1:-}"
logs="$TOP/target/test"
mkdir -p "$logs"
passed=0
failed=0

count() {
    passed=$((passed + $1))
    failed=$((failed + $2))
}

# One check: the command succeeds. `check NAME COMMAND...`. What says first of all that it is skipped
# is not counted.
check() {
    local name="$1" since=$SECONDS log
    log="$logs/${name//[^a-zA-Z0-9]/-}.log"
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        if [[ "$(head -n 1 "$log")" == 'skipped: '* ]]; then
            printf 'skipped %s: %s\n' "$name" "$(head -n 1 "$log" | cut -d ' ' -f 2-)"
            return
        fi
        count 1 0
        printf 'ok %s (%d s)\n' "$name" $((SECONDS - since))
    else
        count 0 1
        printf 'FAIL %s (%d s): %s\n' "$name" $((SECONDS - since)) "$log"
        tail -n 40 "$log" | sed 's/^/    /'
        return 1
    fi
}

# Many checks in one command, which says itself how many: cargo's test harness in one line for
# each program, our own jobs at the end. `several NAME LOG PATTERN COMMAND...`; the groups of the
# pattern are the numbers of those that passed and failed.
several() {
    local name="$1" pattern="$2" since=$SECONDS status=0 good=0 bad=0 log line
    log="$logs/${name//[^a-zA-Z0-9]/-}.log"
    shift 2
    "$@" >"$log" 2>&1 </dev/null || status=$?
    while read -r line; do
        if [[ "$line" =~ $pattern ]]; then
            good=$((good + BASH_REMATCH[1]))
            bad=$((bad + BASH_REMATCH[2]))
        fi
    done < <(tr -d '\r' <"$log")
    # A command that fails without a failed check did not get as far as counting.
    if [ "$status" != 0 ] && [ "$bad" = 0 ]; then
        bad=1
    elif [ "$good" = 0 ] && [ "$bad" = 0 ]; then
        bad=1
    fi
    count "$good" "$bad"
    if [ "$bad" = 0 ]; then
        printf 'ok %s: %d checks (%d s)\n' "$name" "$good" $((SECONDS - since))
        grep -ao 'skipped: .*' "$log" | sort -u | sed 's/^/    /' || true
    else
        printf 'FAIL %s: %d of %d checks (%d s): %s\n' "$name" "$bad" $((good + bad)) \
            $((SECONDS - since)) "$log"
        grep -aE -A 12 '^(FAIL |test .* FAILED$|---- |error)' "$log" | head -n 80 | sed 's/^/    /' ||
            true
        tail -n 15 "$log" | sed 's/^/    /'
        return 1
    fi
}
CARGO_COUNTS='^test result: .* ([0-9]+) passed; ([0-9]+) failed'
JOB_COUNTS='^([0-9]+) passed, ([0-9]+) failed$'

require_cargo() {
    command -v cargo >/dev/null || die "cargo is needed; install Rust first"
    local part
    for part in fmt clippy; do
        cargo "$part" --version >/dev/null 2>&1 || {
            command -v rustup >/dev/null || die "cargo $part is needed"
            rustup component add "${part/fmt/rustfmt}"
        }
    done
}

# What people look at is looked at with these. Where they cannot be had, those tests say that they
# are skipped.
install_viewers() {
    local program
    [ "$(id -u)" = 0 ] || return 0
    for program in chromium tmux; do
        command -v "$program" >/dev/null && continue
        step "installing $program"
        { apt-get update && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends "$program"; } >"$logs/$program.log" 2>&1 ||
            step "there is no $program: what needs it is skipped"
    done
}

shell_scripts() {
    "$NODE_DIR/files.sh" | while IFS= read -r -d '' file; do
        [ -f "$file" ] || continue
        case "$(head -c 64 "$file" | head -n 1)" in
        # A shell with a name that the checker does not know; it is looked at as sh below.
        '#!'*busybox*) ;;
        '#!'*sh | '# shellcheck shell='*) printf '%s\n' "$file" ;;
        esac
    done
}

scripts_are_clean() {
    local scripts
    mapfile -t scripts < <(shell_scripts)
    shellcheck --external-sources --source-path=SCRIPTDIR --source-path="$TOP" "${scripts[@]}"
    shellcheck --shell=sh tests/node/guest/init
}

# Number one of what goes wrong in a release: a version that was raised in one place only.
versions_agree() {
    local workspace dkms
    workspace="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml)"
    dkms="$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)"
    echo "Cargo.toml says $workspace, dkms.conf says $dkms"
    [ -n "$workspace" ] && [ "$workspace" = "$dkms" ]
}

# Outside the workspace, so cargo does not see it; the edition is that of the kernel.
kernel_format() {
    rustfmt --check --edition 2021 kmod/main.rs
}

documents() {
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked
}

# Compiles the module anew, so that a warning of an earlier build is not missed; none is taken.
module_compiles() {
    rm -f target/kmod/*/kmod/*.o
    kmod/build.sh --node
    ! grep -E '^(warning|WARNING)|: warning:' "$logs/module-compiles.log"
}

job() {
    local name="$1"
    shift
    "$NODE_DIR/job.sh" "$name" "$TOP/target/job/$name"
    "$NODE_DIR/boot.sh" --log "$logs/$name" "$@" "$TOP/target/job/$name"
}

# What a job printed that has run in the background, and its status: `ended PID LOG`.
# shellcheck disable=SC2317
ended() {
    local status=0
    wait "$1" || status=$?
    cat "$2"
    return "$status"
}

finish() {
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}

require_cargo
"$NODE_DIR/build.sh" tools >/dev/null
if [ "$extent" != --lint ]; then
    # The node takes minutes once and the network more than the processors: meanwhile the
    # checks that need no node run.
    target="$([ "$extent" = --quick ] && echo kernel || echo image)"
    "$NODE_DIR/build.sh" "$target" >/dev/null &
    node_pid=$!
fi

step "looking for mistakes"
check 'format' cargo fmt --all --check || true
check 'format of the module' kernel_format || true
check 'scripts' scripts_are_clean || true
check 'versions agree' versions_agree || true
check 'licences agree' tests/licences.sh || true
check 'lints' cargo clippy --workspace --all-targets --locked -- -D warnings || true
check 'documentation' documents || true
check 'dependencies' tests/dependencies.sh || true
[ "$extent" != --lint ] || finish

step "testing the engine"
install_viewers
several 'engine' "$CARGO_COUNTS" cargo test --workspace --locked --no-fail-fast || true
engine=
if check 'engine builds' packaging/build.sh; then
    engine=1
    check 'packages' tests/deb.sh || true
fi

# The records of the eBPF programs on this machine's own kernel, if it allows them.
native_calls() {
    if [ "$(id -u)" != 0 ] || [ ! -e /sys/kernel/btf/vmlinux ]; then
        echo "skipped: eBPF programs need root and a kernel that describes its types"
        return
    fi
    target/debug/examples/calls ebpf
    target/debug/examples/promises ebpf
    target/debug/examples/storm 8 1000 ebpf
    target/debug/examples/storm soak 10 8 ebpf stay
}
# The demonstration on this machine itself, with the programs that are built already.
live() {
    local why
    why="$(tests/live.sh --possible 2>&1)" || {
        echo "skipped: ${why#*] }"
        return
    }
    FALCO_EXAMPLES="$TOP/target/debug/examples" tests/live.sh
}
# Containers of all runtimes that can run on this machine itself.
runtimes() {
    FLOOD=20 FALCO_EXAMPLES="$TOP/target/debug/examples" tests/runtimes.sh
}
if [ -n "$engine" ]; then
    check 'eBPF programs record every parameter, and keep what is promised' native_calls || true
    check 'demonstration by eBPF' live || true
    if tests/live.sh --possible >/dev/null 2>&1; then
        several 'runtimes of this machine' "$JOB_COUNTS" runtimes || true
    else
        echo "skipped: runtimes of this machine: no eBPF programs or no containers can run here"
    fi
fi

step "testing on the node"
module=
if check 'node builds' wait "$node_pid" && check 'module compiles' module_compiles; then module=1; fi
if [ -n "$module" ]; then check 'layouts agree' tests/layout.sh || true; fi
if [ -n "$engine" ] && [ -n "$module" ]; then
    # DKMS, which keeps one processor of the node busy: there is another for the rest.
    if [ "$extent" != --quick ]; then
        job deb --time-limit 2700 >"$logs/deb-job.log" 2>&1 </dev/null &
        deb_pid=$!
    fi
    several 'fast node' "$JOB_COUNTS" job fast --fast --time-limit 600 || true
    check 'sysdig reads what the node recorded' tests/sysdig.sh "$logs/fast" || true
    if [ "$extent" != --quick ]; then
        several 'scenario' "$JOB_COUNTS" job scenario --time-limit 2700 || true
        several 'stress' "$JOB_COUNTS" job stress --fast --time-limit 1800 || true
        several 'packages on the node' "$JOB_COUNTS" ended "$deb_pid" "$logs/deb-job.log" || true
    fi
fi
finish
