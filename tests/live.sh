#!/usr/bin/env bash
# The demonstration on this machine itself, in seconds: the engine with its eBPF programs, and a
# pod of a container runtime of its own, whose files go away with it. Nothing is loaded or
# installed but, where it lacks, the runtime.
#
#   live.sh [--possible]      --possible says only whether it can be done here
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
cd "$TOP"

# Why it cannot be done here; nothing if it can.
hindrance() {
    if [ "$(id -u)" != 0 ]; then
        echo "needs root"
    elif [ ! -e /sys/kernel/btf/vmlinux ]; then
        echo "needs a kernel that describes its types (CONFIG_DEBUG_INFO_BTF)"
    elif ! find ebpf/prebuilt -name "falco-$(uname -m).o" | grep -q .; then
        echo "needs eBPF programs for $(uname -m)"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "may not make containers"
    elif ! { command -v containerd && command -v runc; } >/dev/null && ! command -v apt-get >/dev/null; then
        echo "needs containerd and runc"
    fi
}
why="$(hindrance)"
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
    cargo build --release --locked --package falco-engine --bin falco-engine --example cri-pod
fi
if ! { command -v containerd && command -v runc; } >/dev/null; then
    step "installing containerd and runc"
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends containerd runc
    } >&2
fi

work="$(mktemp -d /run/falco-live.XXXXXX)"
socket="$work/containerd.sock"
runtime='' engine=''
ctr() { command ctr --address "$socket" --namespace k8s.io "$@"; }
leave() {
    local status=$? id mount
    trap - EXIT
    set +e
    [ "$status" = 0 ] || tail -n 20 "$work"/*.log >&3
    for id in $(ctr tasks list --quiet); do ctr tasks delete --force "$id"; done
    [ -z "$engine" ] || kill "$engine"
    [ -z "$runtime" ] || kill "$runtime"
    wait "$engine" "$runtime"
    awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac |
        while read -r mount; do umount --lazy "$mount"; done
    rm -rf "$work"
    exit "$status"
} 3>&2 >/dev/null 2>&1
trap leave EXIT

step "starting a container runtime"
cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/root"
state = "$work/state"
[grpc]
  address = "$socket"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/live/pause:1"
  disable_apparmor = true
  # Without CAP_SYS_RESOURCE, as within a container, nobody's score can be lowered.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
TOML
containerd --config "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
runtime=$!

# An image with this machine's own apt, and all that it is linked with.
mkdir -p "$work/image"/{bin,etc,proc,sys,dev,tmp,var/lib/apt/lists/partial,var/cache/apt/archives/partial,var/lib/dpkg,etc/apt}
for program in apt sleep; do
    path="$(readlink -f "$(command -v "$program")")"
    cp "$path" "$work/image/bin/$program"
    { ldd "$path" | grep -o '/[^ ]*'; } | while read -r library; do
        mkdir -p "$work/image/${library%/*}"
        cp --dereference "$library" "$work/image/$library"
    done
done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$work/image/etc/passwd"
tests/node/guest/image.sh "$work/image" docker.io/library/nginx:latest '["sleep","infinity"]' "$work/nginx.tar"
tests/node/guest/image.sh "$work/image" localhost/live/pause:1 '["sleep","infinity"]' "$work/pause.tar"
for _ in $(seq 100); do
    ctr version >/dev/null 2>&1 && break
    kill -0 "$runtime" || die "the container runtime ended"
    sleep 0.1
done
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
printf '\nThe alert, in the file of the engine:\n'
grep 'Package management process' "$work/events.log"
