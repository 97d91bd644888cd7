#!/usr/bin/env bash
# Runs a command inside a root file system, with /proc, /dev and what is asked for mounted.
#
#   enter.sh [--bind SOURCE:TARGET]... ROOT COMMAND [ARGUMENT]...
#
# The mounts live in a mount namespace of their own: they vanish with the command, however it
# ends, so a crash can never leave /dev bound below a directory that somebody then deletes.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
    exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift

binds=()
while [ "${1:-}" = --bind ]; do
    binds+=("$2")
    shift 2
done
root="$1"
shift

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
for bind in ${binds[@]+"${binds[@]}"}; do
    mkdir -p "$root/${bind##*:}"
    mount --bind "${bind%:*}" "$root/${bind##*:}"
done

# A clean environment: what the caller's shell exports (HOME, cargo's variables, locales that
# the root does not have) must not decide what is built. Proxies are the exception.
keep=()
for name in http_proxy https_proxy no_proxy; do
    [ -z "${!name:-}" ] || keep+=("$name=${!name}")
done
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive INITRD=No TERM=dumb \
    ${keep[@]+"${keep[@]}"} \
    chroot "$root" "$@"
