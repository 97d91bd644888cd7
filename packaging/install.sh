#!/usr/bin/env bash
# Installs falco-engine, or removes it again. Called by `make install` and `make uninstall`,
# which set the variables. Nothing is compiled here: the node that runs the engine need not
# have cargo.
#
#   install.sh [--remove]
set -euo pipefail
cd "$(dirname "$0")/.."

bin="$DESTDIR$PREFIX/bin/falco-engine"
config="$DESTDIR$SYSCONFDIR/falco"
unit="$DESTDIR$UNITDIR/falco.service"
share="$DESTDIR$PREFIX/share"
# Beside the units, whose directory is one of those that systemd knows.
sysusers="$DESTDIR${UNITDIR%/systemd/system}/sysusers.d/falco-engine.conf"
tmpfiles="$DESTDIR${UNITDIR%/systemd/system}/tmpfiles.d/falco-engine.conf"

# Only where the running system itself is meant, not a directory that becomes a package.
systemd() {
    [ -n "$DESTDIR" ] || [ ! -d /run/systemd/system ] || systemctl "$@"
}

# A changed configuration is somebody's work: never written over, never removed. Our rules are
# ours: what is changed about them is written into other files.
put_config() {
    local from="$1" to="$2"
    if [ -e "$to" ] && ! cmp -s "$from" "$to"; then
        printf 'kept %s, put the new one beside it as %s.new\n' "$to" "${to##*/}"
        to="$to.new"
    fi
    install -D -m 644 "$from" "$to"
}

drop_config() {
    local from="$1" to="$2"
    rm -f "$to.new"
    if [ -e "$to" ]; then
        if cmp -s "$from" "$to"; then rm "$to"; else printf 'kept %s: it was changed\n' "$to"; fi
    fi
}

if [ "${1:-}" = --remove ]; then
    systemd disable --now falco.service 2>/dev/null || true
    rm -f "$bin" "$unit" "$sysusers" "$tmpfiles" "$config/falco_rules.yaml" "$share/man/man8/falco-engine.8.gz" \
        "$share"/man/man5/falco{.yaml,-rules}.5.gz \
        "$share/bash-completion/completions/falco-engine" \
        "$share/zsh/site-functions/_falco-engine" "$share/fish/vendor_completions.d/falco-engine.fish"
    drop_config rules/falco.yaml "$config/falco.yaml"
    rmdir --ignore-fail-on-non-empty "$config/rules.d" "$config" 2>/dev/null || true
    systemd daemon-reload
    exit 0
fi

[ -x "$ENGINE" ] || {
    printf 'there is no %s: run make engine first, or set ENGINE\n' "$ENGINE" >&2
    exit 1
}
install -D -m 755 "$ENGINE" "$bin"
packaging/documents.sh "$ENGINE" "$share"
install -d -m 755 "$config/rules.d"
put_config rules/falco.yaml "$config/falco.yaml"
install -m 644 rules/falco_rules.yaml "$config/falco_rules.yaml"
install -d "$DESTDIR$UNITDIR"
sed "s|/usr/local/bin|$PREFIX/bin|; s|/etc/falco|$SYSCONFDIR/falco|" packaging/falco.service >"$unit"
chmod 644 "$unit"
install -D -m 644 packaging/sysusers.conf "$sysusers"
install -D -m 644 packaging/tmpfiles.conf "$tmpfiles"
[ -n "$DESTDIR" ] || packaging/account.sh
systemd daemon-reload
