# shellcheck shell=sh
# shellcheck disable=SC2317 # functions are called by name, by within
# What is recorded is what was seen. To be sourced by a job whose module is loaded.

# What is printed of each event, live and of the capture. Results of calls that captures know by
# name alone are not recorded.
capture_fields='%evt.rawtime %evt.cpu %thread.tid %proc.pid %proc.ppid %proc.name %proc.exe
%proc.exepath %proc.args %proc.cwd %proc.tty %proc.aname[2] %user.name %user.uid %user.loginuid
%group.gid %container.id %evt.type %evt.args %fd.num %fd.type %fd.name %fd.l4proto %fd.lport
%fd.rport'
capture_fields="*$(printf %s "$capture_fields" | tr '\n' ' ')"

# A little of everything.
capture_work() {
    for round in 1 2 3; do
        mkdir /tmp/recorded
        (cd /tmp/recorded && echo "$round" >file && cat file ./file >/dev/null && mv file other &&
            ln -s other link && chmod 600 other && rm link other)
        cat /does/not/exist 2>/dev/null
        sh -c 'exec 5</etc/passwd; read -r line <&5; exec 6<&5; : "$line"' | cat
        nc -l -p 4712 >/dev/null &
        listener=$!
        within 10 sh -c 'echo hello | nc 127.0.0.1 4712'
        kill "$listener" 2>/dev/null
        rmdir /tmp/recorded
    done
}

# Prints events and records them at the same time.
capture_record() {
    ./falco-engine print -w /tmp/live.scap.gz -p "$capture_fields" >/tmp/live.lines 2>/tmp/live.err &
    recorder=$!
    # In a shell of its own: what this one has open must not change while it is read.
    begun() (cat /etc/hostname >/dev/null 2>&1; grep -q ' openat ' /tmp/live.lines)
    within 60 begun || return 1
    capture_work
    sleep 1
    kill -INT "$recorder"
    wait "$recorder"
    status=$?
    cat /tmp/live.err
    [ "$status" = 0 ] && grep -q ' 0 were lost' /tmp/live.err
}

# What is printed of the capture is what was printed live, line by line.
capture_replay() {
    ./falco-engine print -r /tmp/live.scap.gz -p "$capture_fields" >/tmp/replayed.lines || return 1
    lines="$(wc -l </tmp/live.lines)"
    echo "$lines lines"
    [ "$lines" -gt 500 ] && diff /tmp/live.lines /tmp/replayed.lines
}

# Records for sysdig, which is not on this node, and hands the capture back to those who booted it.
capture_for_sysdig() {
    ./falco-engine record --old-readers -w /tmp/node.scap.gz 2>/tmp/node.err &
    recorder=$!
    within 60 grep -q 'threads are running' /tmp/node.err || return 1
    sleep 2
    capture_work
    sleep 1
    kill -INT "$recorder"
    wait "$recorder"
    status=$?
    cat /tmp/node.err
    [ "$status" = 0 ] && grep -q ' 0 were lost' /tmp/node.err || return 1
    stty -F /dev/ttyS2 raw && tar -c -C /tmp node.scap.gz >/dev/ttyS2
}
