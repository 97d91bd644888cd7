# shellcheck shell=sh
# shellcheck disable=SC2317 # functions are called by name, by within
# A scene of processes whose every step is known, and what each field must be then. To be sourced.

# `fields_are_right KIND`, with that engine.kind.
fields_are_right() {
    insmod overlay.ko || return 1
    ip addr add 10.9.8.7/24 dev lo && ip addr add 10.9.8.8/24 dev lo || return 1
    printf '10.9.8.7 server.example\n10.9.8.8 client.example\n' >>/etc/hosts
    echo 'alice:x:1000:1001:Alice:/home/alice:/bin/false' >>/etc/passwd
    echo 'staff:x:1001:' >>/etc/group
    ./fields rules >/tmp/fields-rules.yaml || return 1
    ./fields older &
    within 600 test -e /tmp/fields-older/ready || return 1
    ./falco-engine -c "$PWD/fields.yaml" -o "engine.kind=$1" >/tmp/fields-engine.log 2>&1 &
    fields_engine=$!
    reads() { grep -q 'threads are running' /tmp/fields-engine.log; }
    within 600 reads || {
        cat /tmp/fields-engine.log
        return 1
    }
    # The names of hosts are looked up meanwhile, on a thread of their own.
    sleep 1
    ./fields scene && ./fields check /var/log/falco/fields.log
    status=$?
    [ "$status" = 0 ] || cat /tmp/fields-engine.log
    kill -TERM "$fields_engine" && wait "$fields_engine" || status=1
    return "$status"
}
