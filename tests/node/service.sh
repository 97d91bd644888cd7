# shellcheck shell=sh
# What jobs on the full node ask of the module that DKMS built and of the service. To be sourced
# after checks.sh.

say() { printf '%s %s\n' "$(date +%T)" "$*"; }

installed() { dkms status falco_kmod | grep -q installed; }
forgotten() { [ -z "$(dkms status falco_kmod)" ] && [ -z "$(find /usr/src -name 'falco_kmod*')" ]; }

main_pid() { systemctl show --property MainPID --value falco; }
own_user() {
    cat "/proc/$(main_pid)/status"
    [ "$(ps -o user= -p "$(main_pid)")" = falco ]
}

# For whoever has to find out what went wrong.
show_journal() {
    # shellcheck disable=SC2154 # of checks.sh
    [ "$failed" != 0 ] || return 0
    printf '\nthe journal of the service:\n'
    journalctl -u falco --no-pager -n 40
}
