#!/bin/sh
# Makes the user that an engine started without the unit becomes. What cannot be made is no
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
