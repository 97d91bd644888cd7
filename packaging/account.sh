#!/bin/sh
# Makes the user that the engine becomes, and gives the alerts to it. What cannot be made is no
# reason to fail: the engine then goes on as root, and says so.
set -e
logs="${DPKG_ROOT:-}/var/log/falco"
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} falco-engine.conf || true
elif [ -z "${DPKG_ROOT:-}" ] && ! getent passwd falco >/dev/null; then
    useradd --system --user-group --home-dir /var/log/falco --no-create-home \
        --shell /usr/sbin/nologin falco || true
fi
mkdir -p "$logs"
chmod 750 "$logs"
# Of an engine that ran as root; afterwards the directory is nothing that root should walk through.
if [ -z "${DPKG_ROOT:-}" ] && getent passwd falco >/dev/null &&
    [ "$(stat -c %U "$logs")" != falco ]; then
    chown -R falco:falco "$logs"
fi
