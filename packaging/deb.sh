#!/usr/bin/env bash
# Builds the Debian packages falco-engine and falco-kmod-dkms, from an engine that is built
# already. The same tree and engine give the same bytes.
#
#   deb.sh [DIRECTORY]      where the packages go (default: target/debian)
#
# ENGINE names the engine, VERSION another version than that of the workspace.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

engine="$(realpath "${ENGINE:-target/release/falco-engine}")"
out="${1:-target/debian}"
version="${VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}"
module="$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)"
maintainer="${DEBMAINTAINER:-falco-engine developers <root@localhost>}"
# Files of a package have the time of the commit, if there is one.
SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}"
export SOURCE_DATE_EPOCH

[ -x "$engine" ] || {
    printf 'there is no %s: run make engine first, or set ENGINE\n' "$engine" >&2
    exit 1
}
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

copyright() {
    cat <<EOF
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: falco-engine

Files: *
Copyright: the falco-engine developers
License: $1
 The full texts are in the directory LICENSES of the source and, on Debian systems, in
 /usr/share/common-licenses.
EOF
}

# What the engine is linked against. Only its maker knows better than dpkg-shlibdeps.
libraries() {
    local found=
    if command -v dpkg-shlibdeps >/dev/null; then
        mkdir -p "$work/shlibs/debian"
        printf 'Source: x\n\nPackage: x\nArchitecture: any\n' >"$work/shlibs/debian/control"
        found="$(cd "$work/shlibs" && dpkg-shlibdeps -O -e"$engine" 2>/dev/null |
            sed -n 's/^shlibs:Depends=//p')" || true
    fi
    printf '%s\n' "${found:-libc6}"
}

# finish NAME: checksums, sizes, and the package itself.
finish() {
    local root="$work/$1" name="$1"
    find "$root" -depth -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z |
        xargs -0 md5sum >DEBIAN/md5sums)
    sed -i "s/^Installed-Size:.*/Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f 1)/" \
        "$root/DEBIAN/control"
    find "$root/DEBIAN" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$out" >/dev/null
    printf '%s\n' "$out/${name}_$version"_*.deb
}

engine_package() {
    local root="$work/falco-engine"
    mkdir -p "$root/DEBIAN"
    DESTDIR="$root" PREFIX=/usr SYSCONFDIR=/etc UNITDIR=/usr/lib/systemd/system ENGINE="$engine" \
        packaging/install.sh
    install -d -m 755 "$root/usr/share/doc/falco-engine"
    install -D -m 644 packaging/logrotate "$root/etc/logrotate.d/falco-engine"
    copyright Apache-2.0 >"$root/usr/share/doc/falco-engine/copyright"
    gzip -9n <CHANGELOG.md >"$root/usr/share/doc/falco-engine/changelog.gz"
    cat >"$root/DEBIAN/control" <<EOF
Package: falco-engine
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: $maintainer
Installed-Size: 0
Depends: $(libraries)
Recommends: falco-kmod-dkms
Suggests: logrotate
Section: admin
Priority: optional
Homepage: https://falco.org/
Description: runtime security: alerts on what processes do
 Evaluates rules over the events of the kernel module falco_kmod and sends
 alerts to syslog, files, programs and web servers. Rules and configuration
 are those of Falco.
EOF
    (cd "$root" && find etc -type f -printf '/%p\n' | LC_ALL=C sort) >"$root/DEBIAN/conffiles"
    # shellcheck disable=SC2016 # "$1" is that of the script which is made
    {
        printf '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then\n'
        sed '1d; s/^/    /' packaging/account.sh
        printf 'fi\n'
        sed 1d packaging/deb/falco-engine.postinst
    } >"$root/DEBIAN/postinst"
    chmod 755 "$root/DEBIAN/postinst"
    install -m 755 packaging/deb/falco-engine.prerm "$root/DEBIAN/prerm"
    install -m 755 packaging/deb/falco-engine.postrm "$root/DEBIAN/postrm"
    finish falco-engine
}

module_package() {
    local root="$work/falco-kmod-dkms" script
    mkdir -p "$root/DEBIAN"
    kmod/source.sh "$root/usr/src/falco_kmod-$module"
    install -d -m 755 "$root/usr/share/doc/falco-kmod-dkms"
    copyright GPL-2.0-only >"$root/usr/share/doc/falco-kmod-dkms/copyright"
    gzip -9n <CHANGELOG.md >"$root/usr/share/doc/falco-kmod-dkms/changelog.gz"
    cat >"$root/DEBIAN/control" <<EOF
Package: falco-kmod-dkms
Version: $version
Architecture: all
Maintainer: $maintainer
Installed-Size: 0
Depends: dkms, rustc, rust-src, bindgen, clang, libclang-dev
Recommends: falco-engine
Section: kernel
Priority: optional
Homepage: https://falco.org/
Description: kernel module of falco-engine, built by DKMS
 Records system calls and the life of processes for falco-engine. Needs a
 kernel that is built with Rust (CONFIG_RUST), 7.3 or newer, and its headers.
EOF
    for script in postinst prerm; do
        sed "s/@VERSION@/$module/" "packaging/deb/falco-kmod-dkms.$script" >"$root/DEBIAN/$script"
        chmod 755 "$root/DEBIAN/$script"
    done
    finish falco-kmod-dkms
}

engine_package
module_package
