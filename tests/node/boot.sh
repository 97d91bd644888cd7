#!/usr/bin/env bash
# Boots the virtual node for one job and hands back the job's exit status.
#
#   boot.sh [--fast] [--icount] [--time-limit SECONDS] [--log DIR] [--memory MB]
#           [--append WORDS] JOBDIR
#
# JOBDIR holds an executable `run` and whatever it needs. What it prints appears here as it is
# printed; the kernel's messages go to console.log, what it writes to /dev/ttyS2 to files.tar.
#
#   full (default)  the node's own disk with systemd and all. The job lies in /opt/job. The
#                   disk is never written to: changes go to a temporary file.
#   --fast          the kernel and a small memory file system: busybox, the job in /job, and
#                   the libraries that the job's programs load. Seconds instead of a minute.
#   --append        more words for the kernel's command line
#   --icount        one processor whose clock ticks once for each instruction of the guest:
#                   what a nanosecond is there does not depend on this machine.
#
# A node whose kernel is for another machine than this (see arm64.sh) has a file `machine` that
# says which, and beside it a busybox and the libraries for the job's programs.
#
# Exit status: the job's own; 124 when the time is up; 125 when the node ended without a word;
# 126 when the kernel complained (whatever the job said: a splat is a failure).
set -euo pipefail
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/lib.sh"

fast=
icount=
limit=600
memory=2048
logs=
append=
while [ $# -gt 1 ]; do
    case "$1" in
    --fast) fast=1 ;;
    --icount) icount=1 ;;
    --time-limit) limit="$2" && shift ;;
    --memory) memory="$2" && shift ;;
    --log) logs="$2" && shift ;;
    --append) append="$2" && shift ;;
    *) die "unknown option: $1" ;;
    esac
    shift
done
job="${1:?a job directory is needed}"
[ -x "$job/run" ] || die "$job/run is not an executable file"
if [ -n "$fast" ]; then
    node="$(kernel_node)"
else
    node="$("$NODE_DIR/build.sh")"
fi
architecture="$(cat "$node/machine" 2>/dev/null || echo x86_64)"

work="$(mktemp -d "${TMPDIR:-/var/tmp}/falco-node.XXXXXX")"
qemu_pid=
tail_pid=
# shellcheck disable=SC2317 # called by the trap
leave() {
    [ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null || true
    [ -z "$tail_pid" ] || kill "$tail_pid" 2>/dev/null || true
    rm -rf "$work"
}
trap leave EXIT
logs="${logs:-$work}"
mkdir -p "$logs"
console="$logs/console.log"
output="$logs/output.log"
: >"$console"
: >"$output"

# Into `root`, of make_initramfs.
copy_libraries() {
    while read -r file; do
        mkdir -p "$root/${file%/*}"
        cp -L "$file" "$root/$file"
    done < <(find "$job" -type f -perm /111 -exec ldd {} + 2>/dev/null |
        grep -oE '(=> |^\s+)/[^ ]+' | grep -oE '/.*' | sort -u)
}

# A memory file system for the fast mode. The libraries are this machine's: so are the
# programs of the job, but for another architecture's.
make_initramfs() {
    local root="$work/initramfs" file
    mkdir -p "$root"/{bin,dev,etc,proc,sys,tmp,run,var/log,root,job}
    if [ -e "$node/machine" ]; then
        cp -aL "$node/busybox" "$root/bin/busybox"
        cp -aL "$node/lib" "$root/lib"
    else
        cp /bin/busybox "$root/bin/busybox"
        copy_libraries
    fi
    install -m 755 "$NODE_DIR/guest/init" "$root/init"
    printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' \
        >"$root/etc/passwd"
    printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
    cp -a "$job/." "$root/job/"
    (cd "$root" && find . | cpio --quiet --create --format newc) | zstd -q -1 >"$work/initrd"
}

machine=(-nodefaults -no-user-config -display none -no-reboot -m "$memory")
emulator="qemu-system-$architecture"
console_device=ttyS0
if [ "$architecture" = aarch64 ]; then
    # Signed pointers of the real kind take the emulator half of its time.
    machine+=(-smp 2 -accel 'tcg,thread=multi' -machine virt -cpu 'max,pauth-impdef=on')
    console_device=ttyAMA0
    command -v "$emulator" >/dev/null || emulator="$node/qemu/usr/bin/$emulator"
elif [ -n "$icount" ]; then
    machine+=(-smp 1 -accel tcg -cpu max -icount 'shift=0,sleep=off')
elif grep -qE '^flags.* (svm|vmx)( |$)' /proc/cpuinfo && [ -w /dev/kvm ]; then
    machine+=(-smp 2 -accel kvm -cpu host)
else
    machine+=(-smp 2 -accel 'tcg,thread=multi' -cpu max)
fi
machine+=(-chardev "file,id=console,path=$console" -serial chardev:console
    -chardev "file,id=output,path=$output" -chardev "file,id=files,path=$logs/files.tar")
if [ "$architecture" = aarch64 ]; then
    # The machine has one port of its own, which is of another kind.
    machine+=(-chardev 'null,id=first' -chardev 'null,id=last'
        -device 'pci-serial-4x,chardev1=first,chardev2=output,chardev3=files,chardev4=last')
else
    machine+=(-serial chardev:output -serial chardev:files)
fi
# Warnings and worse reach the console; a fault ends the run at once instead of at its limit.
kernel_line="console=$console_device loglevel=6 oops=panic panic=-1 random.trust_cpu=on${append:+ $append}"
if [ -n "$fast" ]; then
    make_initramfs
    machine+=(-kernel "$node/boot/vmlinuz" -initrd "$work/initrd"
        -append "$kernel_line rdinit=/init")
else
    # Read in the guest with tar, straight from the disk.
    tar --create --file "$work/job.tar" --directory "$job" --owner root --group root .
    machine+=(-kernel "$node/boot/vmlinuz" -initrd "$node/boot/initrd"
        -append "$kernel_line root=/dev/vda rw systemd.show_status=false"
        -drive "if=virtio,format=raw,snapshot=on,cache=unsafe,file=$node/node.img"
        -drive "if=virtio,format=raw,readonly=on,file=$work/job.tar")
fi

step "booting the ${fast:+fast }node (${machine[*]:6:4})"
TMPDIR="$work" "$emulator" "${machine[@]}" </dev/null >"$logs/qemu.log" 2>&1 &
qemu_pid=$!
tail --pid="$qemu_pid" --sleep-interval=0.2 -n +1 -f "$output" 2>/dev/null |
    grep --line-buffered -v '^node-job: exit ' &
tail_pid=$!

# `timeout` cannot be used: the exit of the shell's own child is what we wait for.
(
    sleep "$limit" &
    trap 'kill $!' TERM
    wait $!
    : >"$work/late"
    kill "$qemu_pid"
) 2>/dev/null &
watchdog=$!
wait "$qemu_pid" || true
qemu_pid=
kill "$watchdog" 2>/dev/null || true
wait "$tail_pid" || true
tail_pid=

status="$(sed -n 's/^node-job: exit \([0-9]*\).*$/\1/p' "$output" | tail -n 1)"
step "the node is off"
# What the kernel prints when something is wrong with it. The job's own output is not looked
# at: it may quote such words.
splats='WARNING:|BUG[: ]|Oops|KASAN|UBSAN:|new suspected memory leaks|scheduling while atomic|general protection|Call Trace|Kernel panic|INFO: task .* blocked'
if grep -qaE "$splats" "$console"; then
    printf 'the kernel complained:\n' >&2
    grep -aE -A 30 "$splats" "$console" | head -n 80 >&2
    exit 126
elif [ -e "$work/late" ]; then
    tail -n 30 "$console" >&2
    printf 'the node took longer than %s seconds\n' "$limit" >&2
    exit 124
elif [ -z "$status" ]; then
    cat "$logs/qemu.log" >&2
    tail -n 30 "$console" >&2
    printf 'the node ended without a word from the job\n' >&2
    exit 125
fi
exit "$status"
