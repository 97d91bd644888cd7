# shellcheck shell=sh
# How a job on the node reports: one line for each check, and a sum. To be sourced; plain sh,
# because the fast node has nothing but busybox.

passed=0
failed=0

# Counts one check by its result: `check NAME COMMAND...`. What the command prints is shown only
# when it fails.
check() {
    name="$1"
    shift
    if "$@" >/tmp/check.out 2>&1; then
        passed=$((passed + 1))
        printf 'ok %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAIL %s\n' "$name"
        sed 's/^/    /' /tmp/check.out | tail -n 30
    fi
}

# The opposite: the command must fail.
refused() {
    ! "$@"
}

# Everything takes longer on the debug kernel.
case "$(uname -r)" in
*-debug) patience=8 ;;
*) patience=1 ;;
esac

# Waits until a command succeeds: `within SECONDS COMMAND...`. The clock is the node's: what
# is slow because it is emulated is given its time.
within() {
    # What is left is kept among the arguments: the command may wait for something itself.
    left=$(($1 * 5 * patience))
    shift
    set -- "$left" "$@"
    while ! behind_first "$@"; do
        left=$(($1 - 1))
        shift
        set -- "$left" "$@"
        [ "$1" -gt 0 ] || return 1
        sleep 0.2
    done
}
behind_first() {
    shift
    "$@"
}

# The module must leave exactly two marks on the kernel: out of tree, and not signed.
taint_is_ours() {
    taint="$(cat /proc/sys/kernel/tainted)"
    echo "taint mask: $taint"
    [ "$taint" = 12288 ] || [ "$taint" = 4096 ]
}

# Memory of the kernel that nobody has any more, where it keeps account of that: the debug kernel.
# What is younger than five seconds does not count there, and what was found once is reported when
# it is found again.
no_memory_is_lost() {
    [ -d /sys/kernel/debug/tracing ] || mount -t debugfs debugfs /sys/kernel/debug
    [ -e /sys/kernel/debug/kmemleak ] || return 0
    sleep 6
    echo scan >/sys/kernel/debug/kmemleak
    echo scan >/sys/kernel/debug/kmemleak
    cat /sys/kernel/debug/kmemleak >/tmp/kmemleak
    cat /tmp/kmemleak
    [ ! -s /tmp/kmemleak ]
}

# No warning of the kernel about itself. boot.sh looks at the console as well; here it is known
# which job it was.
kernel_is_content() {
    ! dmesg | grep -E 'WARNING:|BUG[: ]|KASAN|UBSAN:|Oops|Call Trace|scheduling while atomic|general protection|blocked for more than|new suspected memory leaks'
}

# Ends the job: the sum, and the status that says whether all is well. A job that checked
# less than it should has lost checks on the way: `finish LEAST`.
finish() {
    if [ $((passed + failed)) -lt "$1" ]; then
        failed=$((failed + 1))
        printf 'FAIL there should be at least %s checks\n' "$1"
    fi
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
    exit
}
