#!/usr/bin/env bash
# Builds the Debian packages twice, compares them, and installs, upgrades, removes and purges
# falco-engine in a directory of its own. Needs root, dpkg-deb and an engine (ENGINE).
#
# Says nothing when all is well.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in dpkg dpkg-deb; do
    command -v "$tool" >/dev/null || {
        echo "skipped: there is no $tool" >&2
        exit 0
    }
done
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
fail() {
    printf '%s\n' "$*"
    exit 1
}

# As packaging/build.sh builds it, it does not depend on where that was.
for directory in "$PWD" "${CARGO_HOME:-$HOME/.cargo}" "$HOME/."; do
    ! grep -aqF "$directory" "${ENGINE:-target/release/falco-engine}" ||
        fail "the engine has the path $directory in it"
done

packaging/deb.sh "$work/one" >/dev/null
packaging/deb.sh "$work/two" >/dev/null
diff -r "$work/one" "$work/two" || fail "the packages of two builds differ"
# A later version, with other files of configuration.
dpkg-deb --raw-extract "$work"/one/falco-engine_*.deb "$work/next"
sed -i 's/^Version: .*/Version: 99.0.0/' "$work/next/DEBIAN/control"
for file in falco.yaml falco_rules.yaml; do
    echo '# later' >>"$work/next/etc/falco/$file"
done
dpkg-deb --root-owner-group --build "$work/next" "$work/next.deb" >/dev/null

root="$work/root"
mkdir -p "$root/var/lib/dpkg/"{updates,info} "$root/var/log"
: >"$root/var/lib/dpkg/status"
: >"$root/var/lib/dpkg/available"
run() {
    dpkg --root="$root" --force-depends --force-script-chrootless --force-confold \
        --log="$work/dpkg.log" "$@" >"$work/output" 2>&1 || {
        cat "$work/output"
        fail "dpkg $*"
    }
}

run --install "$work"/one/falco-engine_*.deb
config="$root/etc/falco"
"$root/usr/bin/falco-engine" --version >/dev/null || fail "the installed engine does not run"
[ -e "$root/usr/lib/systemd/system/falco.service" ] || fail "there is no unit"
[ -d "$root/var/log/falco" ] || fail "there is no directory for alerts"
for part in sysusers.d tmpfiles.d; do
    [ -e "$root/usr/lib/$part/falco-engine.conf" ] || fail "nothing in $part"
done
if command -v systemd-sysusers >/dev/null; then
    grep -q '^falco:' "$root/etc/passwd" || fail "there is no user for the engine"
fi
for page in man8/falco-engine.8 man5/falco.yaml.5 man5/falco-rules.5; do
    gzip -dc "$root/usr/share/man/$page.gz" | grep -q '^\.SH NAME' || fail "no manual page $page"
done
bash -n "$root/usr/share/bash-completion/completions/falco-engine" || fail "completions are no bash"

# What was edited is kept, what was not is renewed.
echo '# ours' >>"$config/falco.yaml"
echo '[]' >"$config/rules.d/own.yaml"
run --install "$work/next.deb"
[ "$(tail -n 1 "$config/falco.yaml")" = '# ours' ] || fail "an upgrade took what was edited"
[ "$(tail -n 1 "$config/falco_rules.yaml")" = '# later' ] ||
    fail "an upgrade left what was not edited"
dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Version}' falco-engine | grep -qx 99.0.0 ||
    fail "it is not upgraded"
run --remove falco-engine
[ ! -e "$root/usr/bin/falco-engine" ] || fail "the engine is not removed"
[ -e "$config/falco.yaml" ] || fail "removing took the configuration"
mkdir -p "$root/var/log/falco"
run --purge falco-engine
for left in "$config/falco.yaml" "$root/var/log/falco"; do
    [ ! -e "$left" ] || fail "purging left $left"
done
[ -e "$config/rules.d/own.yaml" ] || fail "purging took somebody's rules"

# The module's package has the tree that DKMS builds.
dpkg-deb --fsys-tarfile "$work"/one/falco-kmod-dkms_*.deb | tar -t >"$work/list"
grep -q '^\./usr/src/falco_kmod-[^/]*/dkms.conf$' "$work/list" || fail "there is no dkms.conf"
grep -q '^\./usr/src/falco_kmod-[^/]*/kmod/main.rs$' "$work/list" || fail "there is no module"
