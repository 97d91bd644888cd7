#!/usr/bin/env bash
# Builds the virtual node and prints the directory that holds it:
#
#   root/            a Debian root file system with a Rust-enabled kernel, its headers with the
#                    Rust metadata, and everything that a module is built with: the place
#                    where falco_kmod is compiled, whatever the machine around it is
#   node.img         the same as a disk that boots
#   boot/            its vmlinuz and initrd
#   kernel-version   the name of its kernel
#
# The directory lies in the cache, under a name made from the files that decide its content.
# Every stage is made under a temporary name and renamed when it is complete: what exists is
# whole, and an interrupted build goes on where it stopped.
#
#   build.sh [STAGE]     stop after that stage: tools, base, root, kernel, image
# shellcheck disable=SC2317 # the stages are called by name
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

last="${1:-image}"
# Debian 13 with the kernel of its backports: the first stable release whose rustc built it.
SUITE=trixie

out="$(node_dir)"
guest="$NODE_DIR/guest"

# Fresh machines lack most of this; what is there is left alone.
stage_tools() {
    local packages=()
    need() { [ -e "$1" ] || command -v "$1" >/dev/null || packages+=("$2"); }
    need debootstrap debootstrap
    need mke2fs e2fsprogs
    need unshare util-linux
    need /bin/busybox busybox-static
    need cpio cpio
    need zstd zstd
    need shellcheck shellcheck
    need qemu-system-x86_64 qemu-system-x86
    [ ${#packages[@]} = 0 ] || install_tools "${packages[@]}"
    # Tests hold captures against it; not every suite has it.
    if [ "$(id -u)" = 0 ] && ! command -v sysdig >/dev/null; then
        DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends sysdig \
            >>"$log" 2>&1 </dev/null || true
    fi
}

install_tools() {
    local packages=("$@")
    [ "$(id -u)" = 0 ] || die "run me as root: ${packages[*]} must be installed"
    step "installing ${packages[*]}"
    local options=(-y --no-install-recommends)
    local codename
    codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
    if [[ " ${packages[*]} " == *" qemu-system-x86 "* && "$codename" = bookworm ]]; then
        # Debian 12's own emulator is too old for the kernels of Debian 13's backports.
        printf 'deb %s bookworm-backports main\n' "$(debian_mirror)" \
            >/etc/apt/sources.list.d/falco-backports.list
        logged apt-get update
        logged env DEBIAN_FRONTEND=noninteractive \
            apt-get install "${options[@]}" --target-release bookworm-backports qemu-system-x86
    else
        logged apt-get update
    fi
    logged env DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${packages[@]}"
}

# Debian's minimal base, nothing else. Also the material for the container image.
stage_base() {
    local new="$1"
    mkdir -p "$FALCO_CACHE/debs"
    logged debootstrap --variant=minbase --cache-dir="$FALCO_CACHE/debs" \
        --include=ca-certificates,eatmydata "$SUITE" "$new" "$(debian_mirror)"
}

# The root file system grows in place, part by part; each is safe to repeat.
stage_root() {
    local new="$1" part
    for part in system metadata files images; do
        if [ ! -e "$new/.done-$part" ]; then
            step "root: $part"
            "part_$part" "$new"
            touch "$new/.done-$part"
        fi
    done
    rm -rf "$new"/.done-* "$new"/var/lib/apt/lists/* "$new"/var/cache/apt/*.bin \
        "$new/etc/apt/apt.conf.d/90proxy"
    mkdir -p "$new/build" "$new/var/lib/apt/lists/partial"
    # Says that caches made from /usr are up to date, so that the first boot makes none.
    touch "$new/etc/.updated" "$new/var/.updated"
}

# Runs a command inside the root that is being made.
inside() {
    logged "$NODE_DIR/enter.sh" --bind "$FALCO_CACHE/archives:/var/cache/apt/archives" \
        "$out/root.new" "$@"
}

# All packages.
part_system() {
    local new="$1"
    rm -rf "$new"
    cp -a "$out/base" "$new"

    cat >"$new/etc/dpkg/dpkg.cfg.d/node" <<'CONF'
# A node for tests: no reader for documentation, no data to lose.
force-unsafe-io
path-exclude=/usr/share/doc/*
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
CONF
    cat >"$new/etc/apt/sources.list" <<CONF
deb $(debian_mirror) $SUITE main
deb $(debian_mirror) $SUITE-backports main
CONF
    cat >"$new/etc/apt/preferences.d/kernel" <<CONF
Package: linux-image-* linux-headers-* linux-kbuild-* linux-source-* linux-base linux-binary-*
Pin: release n=$SUITE-backports
Pin-Priority: 900
CONF
    mkdir -p "$new/etc/initramfs-tools/conf.d"
    # Only what finds the disk: an initrd of every driver takes long to unpack in emulation.
    printf 'MODULES=list\nCOMPRESS=zstd\n' >"$new/etc/initramfs-tools/conf.d/node"
    cp /etc/resolv.conf "$new/etc/resolv.conf"
    apt-config dump Acquire | grep -E '::[Pp]roxy' >"$new/etc/apt/apt.conf.d/90proxy" || true

    mkdir -p "$FALCO_CACHE/archives/partial"
    inside apt-get update
    # shellcheck disable=SC2046 # one word per package
    inside eatmydata apt-get install -y --no-install-recommends \
        $(grep -v '^#' "$NODE_DIR/packages")
}

# What Debian's headers lack for Rust.
part_metadata() {
    local new="$1"
    install -D -m 755 "$TOP/kmod/rust-metadata.sh" "$new/opt/rust-metadata.sh"
    # A hundred thousand small files for a few minutes: in memory where there is enough of it.
    local scratch=/var/tmp
    [ "$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)" -lt 6 ] || scratch=/run
    inside eatmydata env TMPDIR="$scratch" /opt/rust-metadata.sh "$(kernel_of "$new")"
    rm "$new/opt/rust-metadata.sh"
}

# The node's own configuration.
part_files() {
    local new="$1"
    printf 'virtio_blk\next4\n' >"$new/etc/initramfs-tools/modules"
    inside eatmydata update-initramfs -c -k "$(kernel_of "$new")"
    printf '%s\n' "$NODE_NAME" >"$new/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$NODE_NAME" >"$new/etc/hosts"
    printf '/dev/vda / ext4 rw,noatime 0 0\n' >"$new/etc/fstab"
    # An empty machine id would make every boot a "first boot".
    printf '%s\n' "0123456789abcdef0123456789abcdef" >"$new/etc/machine-id"
    install -D -m 755 "$guest/node-job" "$new/usr/local/sbin/node-job"
    install -m 644 "$guest/node-job.service" "$new/etc/systemd/system/"
    install -D -m 644 "$guest/containerd.toml" "$new/etc/containerd/config.toml"
    inside systemctl enable node-job.service
    # Nobody logs in, and nothing here should wake up in the middle of a measurement.
    inside systemctl mask getty.target console-getty.service serial-getty@ttyS0.service \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        fstrim.timer systemd-tmpfiles-clean.timer systemd-networkd-wait-online.service
    # A node has containerd; the job that wants more starts it.
    inside systemctl disable docker.service docker.socket podman.service podman.socket \
        podman-restart.service podman-auto-update.timer netavark-dhcp-proxy.service \
        netavark-dhcp-proxy.socket
    part_user "$new"
}

# Somebody who is not root, and may run containers of her own.
part_user() {
    grep -q '^ann:' "$1/etc/passwd" || inside useradd --create-home --shell /bin/bash ann
    printf 'ann:100000:65536\n' | tee "$1/etc/subuid" >"$1/etc/subgid"
}

kernel_of() {
    basename "$(echo "$1"/usr/lib/modules/*)"
}

# Two images as archives in /opt/images: the pause image of every pod, and one that passes for
# the web server of the scenario. That one holds a shell and Debian's real apt, taken from
# the base, with just the libraries that they load.
part_images() {
    local new="$1" work
    rm -rf "$new/build"
    mkdir -p "$new/opt/images" "$new/build/pause"
    cp "$guest/pause.c" "$new/build/pause.c"
    inside gcc -static -Os -s -o /build/pause/pause /build/pause.c
    "$guest/image.sh" "$new/build/pause" localhost/node/pause:1 '["/pause"]' \
        "$new/opt/images/pause.tar"

    work="$new/build/web"
    mkdir -p "$work"/{etc,proc,sys,dev,tmp,run,root,etc/apt/preferences.d,var/lib/apt/lists/partial} \
        "$work"/var/{cache/apt/archives/partial,log/apt,lib/dpkg}
    chmod 1777 "$work/tmp"
    touch "$work/var/lib/dpkg/status"
    local programs=()
    for program in bash sh apt apt-get apt-cache apt-config dpkg cat chmod chown cp env id ls \
        mkdir mktemp mv rm sleep touch true uname grep sed tar gzip; do
        programs+=("usr/bin/$program")
    done
    (
        cd "$new"
        # Merged /usr: the links at the top are part of every Debian.
        tar --create bin sbin lib lib64 "${programs[@]}" usr/lib/apt \
            etc/passwd etc/group etc/shadow etc/os-release usr/lib/os-release \
            etc/debian_version etc/ld.so.conf etc/ld.so.conf.d etc/apt/apt.conf.d \
            etc/nsswitch.conf usr/share/keyrings usr/share/dpkg usr/share/apt |
            tar --extract --directory "build/web"
    )
    # shellcheck disable=SC2016 # for the shell inside
    inside bash -c '
        set -eu
        cd /build/web
        find usr/bin usr/lib/apt -type f -print0 | xargs -0 ldd 2>/dev/null |
            grep -oE "/[^ ]+\.so[^ ]*" | sort -u | while read -r library; do
                real="/usr${library#/usr}"
                mkdir -p ".${real%/*}"
                cp -L "$library" ".$real"
            done
        # The name service is loaded at run time, unseen by ldd.
        cp -L /usr/lib/*-linux-gnu/libnss_files.so.2 usr/lib/*-linux-gnu/ 2>/dev/null || true
        ldconfig -r /build/web
        chroot /build/web apt --version'
    printf 'deb [trusted=yes] http://localhost/debian %s main\n' "$SUITE" \
        >"$work/etc/apt/sources.list"
    "$guest/image.sh" "$work" docker.io/library/nginx:latest '["sleep","infinity"]' \
        "$new/opt/images/nginx.tar"
    rm -rf "$new/build"
}

stage_kernel() {
    local new="$1" kernel
    kernel="$(kernel_of "$out/root")"
    mkdir "$new"
    cp "$out/root/boot/vmlinuz-$kernel" "$new/vmlinuz"
    cp "$out/root/boot/initrd.img-$kernel" "$new/initrd"
    printf '%s\n' "$kernel" >"$out/kernel-version"
}

stage_image() {
    local new="$1" used
    used="$(du -s -m --apparent-size "$out/root" | cut -f 1)"
    # No journal and no lazy work left for the first mount: the disk lives for one run, on a
    # copy. Half as much again as is used leaves room for builds and container images.
    logged mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=0 -m 0 \
        -L node -d "$out/root" "$new" "$((used * 3 / 2 + 1024))M"
}

# Runs a command with its output in the log, and shows the end of it when it fails.
logged() {
    printf '+ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        die "failed: $1 (all of it: $log)"
    }
}

# Makes $out/NAME by way of a temporary name, unless it is there.
stage() {
    local name="$1" target="$2"
    if [ ! -e "$out/$target" ]; then
        step "$name"
        # The root goes on where it stopped.
        [ "$name" = root ] || rm -rf "${out:?}/$target.new"
        "stage_$name" "$out/$target.new"
        mv "$out/$target.new" "$out/$target"
        step "$name: done"
    fi
    [ "$last" != "$name" ] || finish
}

finish() {
    printf '%s\n' "$out"
    exit 0
}

mkdir -p "$out"
log="$out/build.log"
# Two builds at once would build into each other's temporary names.
exec 9>"$FALCO_CACHE/lock"
flock --nonblock 9 || {
    step "waiting for another build of the node"
    flock 9
}

stage_tools
[ "$last" != tools ] || finish
[ -e "$out/root" ] || [ "$(id -u)" = 0 ] || die "run me as root: it takes chroot and mounts"
stage base base
stage root root
stage kernel boot
stage image node.img
finish
