#!/usr/bin/env bash
# Gives falco_kmod to DKMS and builds it for the running kernel, or takes it back.
#
#   dkms.sh [--remove]
set -euo pipefail
cd "$(dirname "$0")/.."

version="$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)"
tree="/usr/src/falco_kmod-$version"

[ "$(id -u)" = 0 ] || {
    echo "run me as root" >&2
    exit 1
}
command -v dkms >/dev/null || {
    echo "DKMS is not installed; its package is called dkms" >&2
    exit 1
}

# Another copy of the same version would be mixed with ours.
if [ -n "$(dkms status -m falco_kmod -v "$version")" ]; then
    dkms remove -m falco_kmod -v "$version" --all
fi
rm -rf "$tree"
[ "${1:-}" != --remove ] || exit 0

kmod/source.sh "$tree"
dkms add -m falco_kmod -v "$version"
dkms install -m falco_kmod -v "$version" -k "$(uname -r)"
