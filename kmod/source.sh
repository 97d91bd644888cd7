#!/usr/bin/env bash
# Copies what falco_kmod is made from to a directory: the source tree that DKMS gets.
#
#   source.sh DIRECTORY
#
# Files keep their times and objects of an earlier build stay, so a build in that directory does
# no more than it must; sources that are no longer there go, so it does no less either.
set -euo pipefail
top="$(cd "$(dirname "$0")/.." && pwd)"
mkdir -p "$1"
find "$1" -type f \( -name '*.rs' -o -name '*.[chS]' -o -name '*.sh' \) ! -name '*.mod.c' -delete
cd "$top"
parts=(Kbuild dkms.conf kmod shared-abi/src)
for part in LICENSE* LICENSES; do
    [ ! -e "$part" ] || parts+=("$part")
done
tar --create --exclude '*.o' --exclude '*.ko' --exclude '*.mod*' --exclude '.*.cmd' "${parts[@]}" |
    tar --extract --no-same-owner --directory "$1"
