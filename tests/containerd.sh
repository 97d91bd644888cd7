# shellcheck shell=bash
# A container runtime of one's own on this machine, all of whose files are in $work. To be sourced
# after tests/node/lib.sh; who needs it calls `runtime_hindrance`, `install_runtime`,
# `start_runtime`, and at the end `remove_runtime`.
#
# shellcheck disable=SC2154 # whoever calls this has $work

# Why it cannot be had here; nothing if it can.
runtime_hindrance() {
    if [ "$(id -u)" != 0 ]; then
        echo "needs root"
    elif [ ! -e /sys/kernel/btf/vmlinux ]; then
        echo "needs a kernel that describes its types (CONFIG_DEBUG_INFO_BTF)"
    elif ! find "$TOP/ebpf/prebuilt" -name "falco-$(uname -m).o" | grep -q .; then
        echo "needs eBPF programs for $(uname -m)"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "may not make containers"
    elif ! { command -v containerd && command -v runc; } >/dev/null && ! command -v apt-get >/dev/null; then
        echo "needs containerd and runc"
    fi
}

install_runtime() {
    if { command -v containerd && command -v runc; } >/dev/null; then return; fi
    step "installing containerd and runc"
    {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends containerd runc
    } >&2
}

# Without CAP_SYS_RESOURCE, as within a container, nobody's score can be lowered.
runtime_config() {
    cat <<TOML
version = 2
root = "$work/root"
state = "$work/state"
[grpc]
  address = "$work/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/live/pause:1"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${snapshotter:-native}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$work/net.d"
TOML
}

# Sets `runtime`, its process.
start_runtime() {
    runtime_config >"$work/containerd.toml"
    containerd --config "$work/containerd.toml" >>"$work/containerd.log" 2>&1 &
    runtime=$!
    for _ in $(seq 100); do
        ctr version >/dev/null 2>&1 && return
        kill -0 "$runtime" || die "the container runtime ended"
        sleep 0.1
    done
    die "the container runtime does not answer"
}

ctr() { command ctr --address "$work/containerd.sock" --namespace "${namespace:-k8s.io}" "$@"; }

# A root of these programs of this machine, and of all that they are linked with.
image_root() {
    mkdir -p "$work/image"/{bin,etc,proc,sys,dev,tmp,var/lib/apt/lists/partial,var/cache/apt/archives/partial,var/lib/dpkg,etc/apt}
    for program; do
        path="$(readlink -f "$(type -P "$program")")"
        cp "$path" "$work/image/bin/$program"
        { ldd "$path" | grep -o '/[^ ]*'; } | while read -r library; do
            mkdir -p "$work/image/${library%/*}"
            cp --dereference "$library" "$work/image/$library"
        done
    done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$work/image/etc/passwd"
}

# Images of that root: one to run, and what holds a pod's namespaces.
make_images() {
    image_root "$@"
    "$NODE_DIR/guest/image.sh" "$work/image" docker.io/library/nginx:latest '["sleep","infinity"]' "$work/nginx.tar"
    "$NODE_DIR/guest/image.sh" "$work/image" localhost/live/pause:1 '["sleep","infinity"]' "$work/pause.tar"
}

# Ends the containers of these namespaces and the runtime, and takes away what is mounted.
remove_runtime() {
    local namespace id mount
    for namespace; do
        for id in $(ctr tasks list --quiet); do ctr tasks delete --force "$id"; done
    done
    [ -z "${runtime:-}" ] || { kill "$runtime" && wait "$runtime"; }
    awk -v work="$work/" 'index($2, work) == 1 { print $2 }' /proc/mounts | tac |
        while read -r mount; do umount --lazy "$mount"; done
}
