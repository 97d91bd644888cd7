#!/usr/bin/env bash
# The demonstration on this machine itself, in seconds: the engine with its eBPF programs, and a
# pod of a container runtime of its own, whose files go away with it. Nothing is loaded or
# installed but, where it lacks, the runtime.
#
#   live.sh [--possible]      --possible says only whether it can be done here
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
# shellcheck source=tests/containerd.sh
. "$TOP/tests/containerd.sh"
cd "$TOP"

why="$(runtime_hindrance)"
if [ "${1:-}" = --possible ]; then
    [ -z "$why" ] || step "not on this machine itself: the demonstration there $why"
    [ -z "$why" ]
    exit
fi
[ -z "$why" ] || die "$why"

# As for the jobs of the node: whoever built them already says where they are.
engine_program="${FALCO_ENGINE:-target/release/falco-engine}"
examples="${FALCO_EXAMPLES:-target/release/examples}"
if [ -z "${FALCO_EXAMPLES:-}" ]; then
    step "building the engine"
    packaging/build.sh --example cri-pod
fi
install_runtime
since=$SECONDS

work="$(mktemp -d /run/falco-live.XXXXXX)"
socket="$work/containerd.sock"
runtime='' engine=''
leave() {
    local status=$?
    trap - EXIT
    set +e
    [ "$status" = 0 ] || tail -n 20 "$work"/*.log >&3
    [ -z "$engine" ] || { kill "$engine" && wait "$engine"; }
    remove_runtime k8s.io
    rm -rf "$work"
    exit "$status"
} 3>&2 >/dev/null 2>&1
trap leave EXIT

step "starting a container runtime"
start_runtime
make_images apt sleep
ctr images import "$work/nginx.tar" >/dev/null
ctr images import "$work/pause.tar" >/dev/null

step "starting the engine"
"$engine_program" -c rules/falco.yaml \
    -o "rules_files[0]=$TOP/rules/falco_rules.yaml" \
    -o "rules_files[1]=$work/rules.d" -o "rules_files[2]=$work/rules.d" \
    -o engine.kind=modern_ebpf \
    -o "file_output.filename=$work/events.log" -o syslog_output.enabled=false \
    -o 'plugins[0].name=container' -o "plugins[0].init_config.engines.cri.sockets[0]=$socket" \
    >"$work/engine.log" 2>&1 &
engine=$!
for _ in $(seq 300); do
    grep -q 'threads are running' "$work/engine.log" && break
    kill -0 "$engine" || die "the engine ended"
    sleep 0.1
done

step "creating a pod in critical-apps, and executing apt update in its container"
"$examples/cri-pod" "$socket" critical-apps simple-webapp simple-webapp-1 \
    docker.io/library/nginx:latest --command sleep infinity -- apt update >"$work/pod.log" 2>&1 || true
for _ in $(seq 100); do
    grep -q 'Package management process' "$work/events.log" 2>/dev/null && break
    sleep 0.1
done
printf '\nThe alert, in the file of the engine, %d seconds after all was built:\n' $((SECONDS - since))
line='Package management process launched in container'
grep "$line" "$work/events.log"
grep -qE "Error $line \(user=root user_loginuid=-?[0-9]+ command=apt update pid=[0-9]+ \
container_id=[0-9a-f]{12} container_name=simple-webapp-1 image=docker\.io/library/nginx:latest \
namespace=critical-apps\)$" "$work/events.log" || die "that is not what it should say"
