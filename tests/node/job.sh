#!/usr/bin/env bash
# Puts together what a job takes along to the node.
#
#   job.sh NAME DIRECTORY      NAME is fast, ebpf, scenario, scenario-ebpf (without the module),
#                              deb, runtimes, stress, cost or latency
#
# FLOOD is how many containers the runtimes are to start in a row, where that is told; SOAK for how
# many seconds the threads of the stress make calls.
# The engine and its examples must have been built. FALCO_ENGINE, FALCO_EXAMPLES (a directory) and
# FALCO_KMOD name other ones than those of this checkout.
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

name="$1" job="$2"
engine="${FALCO_ENGINE:-$TOP/target/release/falco-engine}"
# `cargo test` builds these anyway. Optimized ones take longer to build than all else together, so
# only what measures has them.
examples="${FALCO_EXAMPLES:-$TOP/target/debug/examples}"
optimized="${FALCO_EXAMPLES:-$TOP/target/release/examples}"

# For the layers of containers' files: a module of the node's kernel.
overlay() {
    local node kernel
    node="$(kernel_node)"
    kernel="$(node_kernel "$node")"
    xz --decompress --stdout \
        "$node/root/usr/lib/modules/$kernel/kernel/fs/overlayfs/overlay.ko.xz" >"$job/overlay.ko"
}

rm -rf "$job"
mkdir -p "$job"
cp -a "$NODE_DIR/${name%-ebpf}/." "$job/"
cp "$NODE_DIR/checks.sh" "$job/"
case "$name" in
fast)
    cp "$engine" "$examples"/{calls,fields,promises,refusals,storm} "$job/"
    cp "${FALCO_KMOD:-$("$TOP/kmod/build.sh" --node)}" "$job/falco_kmod.ko"
    cp "${FALCO_KMOD_OTHER:-$("$TOP/kmod/build.sh" --other-version)}" "$job/falco_kmod_other.ko"
    overlay
    ;;
ebpf)
    cp "$engine" "$examples"/{calls,fields,promises,storm} "$NODE_DIR"/fast/fields.{sh,yaml} "$job/"
    # Old kernels come without their modules.
    [ ! -d "$(kernel_node)/root" ] || overlay
    # The newest of those that cargo has left there.
    test="$(find "${examples%/examples}/deps" -name 'ebpf_programs-*' -type f -perm /111 -printf '%T@ %p\n' |
        sort -n | tail -n 1)"
    cp "${test#* }" "$job/ebpf_programs"
    ;;
runtimes)
    cp "$engine" "$examples/cri-pod" "$TOP/rules/falco_rules.yaml" "$job/"
    [ -z "${FLOOD:-}" ] || echo "$FLOOD" >"$job/flood"
    cp "${FALCO_KMOD:-$("$TOP/kmod/build.sh" --node)}" "$job/falco_kmod.ko"
    # What the engine's image is made from.
    mkdir -p "$job/image/packaging" "$job/image/target/release"
    cp -a "$TOP/rules" "$job/image/"
    cp -a "$TOP/packaging/container" "$job/image/packaging/"
    cp "$engine" "$job/image/target/release/falco-engine"
    # What the image that loads the module has beside compilers.
    mkdir "$job/module"
    cp -a "$TOP"/{Kbuild,dkms.conf,kmod,shared-abi,packaging/container/load-module.sh} "$job/module/"
    ;;
stress)
    cp "$NODE_DIR"/fast/*.yaml "$job/"
    cp "$engine" "$examples/storm" "$job/"
    echo "${SOAK:-30}" >"$job/soak"
    cp "${FALCO_KMOD:-$("$TOP/kmod/build.sh" --node)}" "$job/falco_kmod.ko"
    ;;
cost)
    cp "$optimized/syscall_cost" "$job/"
    cp "${FALCO_KMOD:-$("$TOP/kmod/build.sh" --node)}" "$job/falco_kmod.ko"
    if scap="$("$NODE_DIR/scap.sh")"; then
        cp "$scap" "$job/"
    else
        step "Falco's module in C cannot be had for this kernel: ours is measured alone"
    fi
    ;;
latency)
    cp "$engine" "$optimized/latency" "$job/"
    cp "${FALCO_KMOD:-$("$TOP/kmod/build.sh" --node)}" "$job/falco_kmod.ko"
    ;;
scenario | scenario-ebpf)
    [ "$name" = scenario ] || : >"$job/ebpf"
    cp "$NODE_DIR/service.sh" "$examples"/{collector,cri-pod,latency} "$job/"
    cp "$NODE_DIR/latency/rules.yaml" "$job/latency.yaml"
    # The tree as somebody has it who cloned it and built the engine elsewhere: on the node
    # it is installed with `make`, without cargo.
    mkdir "$job/src"
    "$NODE_DIR/files.sh" | tar --create --directory "$TOP" --null --files-from - |
        tar --extract --directory "$job/src"
    install -D "$engine" "$job/src/target/release/falco-engine"
    ;;
deb)
    cp "$NODE_DIR/service.sh" "$job/"
    ENGINE="$engine" "$TOP/packaging/deb.sh" "$job/deb" >/dev/null
    ;;
*) die "there is no job called $name" ;;
esac
