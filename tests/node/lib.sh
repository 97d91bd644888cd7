# shellcheck shell=bash
# What every script of the virtual node needs: where things are, and how progress is shown.
# To be sourced.

NODE_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# Where this checkout is.
TOP="$(cd "$NODE_DIR/../.." && pwd)"
# What takes long to make is kept outside the checkout, so that `git clean` and a second
# checkout cost nothing.
FALCO_CACHE="${FALCO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/falco}"
# The host name of the node, as it appears in the log lines that the scenario checks.
# shellcheck disable=SC2034 # used by those who source this
NODE_NAME=controlplane

# One line of progress on standard error: time of day, seconds so far, what happens now. Where
# there is a log, it gets the line too.
step() {
    local line
    printf -v line '%(%H:%M:%S)T [%4ds] %s' -1 "$SECONDS" "$*"
    printf '%s\n' "$line" >&2
    [ -z "${log:-}" ] || printf '%s\n' "$line" >>"$log"
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The files that decide what the node looks like. When one of them changes, the node is
# built anew under another name.
node_inputs() {
    printf '%s\n' tests/node/build.sh tests/node/enter.sh tests/node/packages \
        kmod/rust-metadata.sh
    (cd "$TOP" && find tests/node/guest -type f | LC_ALL=C sort)
}

# A short name for the content of files and for words: those that are no files.
key() {
    local input
    for input; do
        if [ -f "$input" ]; then cat "$input"; else printf '%s\n' "$input"; fi
    done | sha256sum | cut -c1-12
}

# Runs a command with its output in the log, and shows the end of it when it fails.
logged() {
    # shellcheck disable=SC2154 # whoever calls this has a log
    printf '+ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        die "failed: $1 (all of it: $log)"
    }
}

# The directory of the node that belongs to this checkout. It may not exist yet.
node_dir() {
    local key
    key="$(cd "$TOP" && node_inputs | xargs sha256sum | sha256sum | cut -c1-12)"
    printf '%s/node-%s\n' "$FALCO_CACHE" "$key"
}

# The node that has the kernel in question: FALCO_NODE, where another than its own is to be tested.
kernel_node() {
    if [ -n "${FALCO_NODE:-}" ]; then printf '%s\n' "$FALCO_NODE"; else "$NODE_DIR/build.sh" kernel; fi
}

# The kernel version of a built node.
node_kernel() {
    cat "$1/kernel-version"
}

# Debian's mirror as this machine uses it; FALCO_DEBIAN_MIRROR overrules.
debian_mirror() {
    local mirror="${FALCO_DEBIAN_MIRROR:-}"
    if [ -z "$mirror" ]; then
        # shellcheck disable=SC2016 # apt expands it
        mirror="$(apt-get indextargets --format '$(SITE)' \
            'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)"
    fi
    [ -n "$mirror" ] || die "apt knows no Debian mirror; set FALCO_DEBIAN_MIRROR"
    printf '%s\n' "$mirror"
}

# Runs apt with a suite of Debian as its only source, so that nothing of this machine's is changed:
# `debian SUITE COMMAND...`. The same with the suite's packages of sources: `debian_sources`; with
# those of another architecture: `debian_arm64`.
debian() { debian_of deb "$FALCO_CACHE/apt-$1" "$@"; }
debian_sources() { debian_of deb-src "$FALCO_CACHE/apt-source-$1" "$@"; }
debian_arm64() {
    debian_of deb "$FALCO_CACHE/apt-arm64-$1" "$@" -o APT::Architecture=arm64 -o APT::Architectures=arm64
}
debian_of() {
    local kind="$1" state="$2"
    shift 2
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    printf '%s [signed-by=%s] %s %s main\n' "$kind" \
        /usr/share/keyrings/debian-archive-keyring.gpg "$(debian_mirror)" "$1" \
        >"$state/sources.list"
    "$2" -o Dir::Etc::SourceList="$state/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" \
        -o APT::Sandbox::User=root -qq "${@:3}"
}

# The source of Rust's library, for what rustup and Debian have no compiled one for. Debian has it,
# for exactly the version of this machine's compiler. Prints the directory.
rust_library_source() {
    local version library package
    version="$(rustc --version | cut -d ' ' -f 2)"
    library="$FALCO_CACHE/rust-src-$version"
    if [ ! -d "$library/usr/src" ]; then
        step "fetching the source of Rust's library $version"
        command -v apt-get >/dev/null || die "the source of Rust's library comes from Debian: apt-get is needed"
        debian trixie-backports apt-get update >&2
        package="$(debian trixie-backports apt-cache madison rust-src | awk -v v="$version" \
            '$3 ~ "^" v "\\+" { print $3; exit }')"
        [ -n "$package" ] || die "Debian has no rust-src of version $version, which is that of rustc"
        rm -rf "$library.new"
        mkdir -p "$library.new"
        (cd "$library.new" && debian trixie-backports apt-get download "rust-src=$package" >&2 &&
            dpkg-deb -x ./*.deb . && rm ./*.deb)
        mv "$library.new" "$library"
    fi
    library="$library/usr/src/rustc-$version/library"
    [ -d "$library/core" ] || die "$library is not the source of Rust's library"
    printf '%s\n' "$library"
}

# What compiles and links programs for arm64.
install_cross_compiler() {
    [ ! -e /usr/aarch64-linux-gnu/lib/libc.so ] || ! command -v aarch64-linux-gnu-gcc >/dev/null || return 0
    step "installing a compiler for arm64"
    [ "$(id -u)" = 0 ] || die "install gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        gcc-aarch64-linux-gnu libc6-dev-arm64-cross >&2
}
