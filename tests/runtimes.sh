#!/usr/bin/env bash
# shellcheck disable=SC2317 # functions are called by name, by check and within
# Containers of the runtimes that this machine has, natively, and what the engine's alerts say of
# them; the events come from eBPF programs. The job `runtimes` of the node has more of them, with
# the module, as a system that is all its own. Every runtime here is one of the test's own, whose
# files go away with it.
#
#   runtimes.sh [SECTION…]    of: plain pod hang nonsense away restart docker podman rootless runc flood
#
# FLOOD is how many containers are started in a row, FALCO_ENGINE and FALCO_EXAMPLES are as for
# the jobs of the node.
set -u
# shellcheck source=tests/node/lib.sh
. "$(dirname "$0")/node/lib.sh"
# shellcheck source=tests/node/checks.sh
. "$NODE_DIR/checks.sh"
# shellcheck source=tests/node/runtimes/alerts.sh
. "$NODE_DIR/runtimes/alerts.sh"
# shellcheck source=tests/containerd.sh
. "$TOP/tests/containerd.sh"
cd "$TOP" || exit

why="$(runtime_hindrance)"
[ -z "$why" ] || die "$why"
sections="${*:-plain pod hang nonsense away restart docker podman rootless runc flood}"
many="${FLOOD:-200}"
engine_program="$(realpath "${FALCO_ENGINE:-target/release/falco-engine}")"
examples="$(realpath "${FALCO_EXAMPLES:-target/debug/examples}")"
for program in "$engine_program" "$examples/cri-pod"; do
    [ -x "$program" ] || die "$program is not there: make engine, cargo build --examples"
done
install_runtime

work="$(mktemp -d /run/falco-runtimes.XXXXXX)"
chmod 755 "$work"
# Two hundred containers share their files.
# shellcheck disable=SC2034 # for start_runtime
snapshotter=overlayfs
# shellcheck disable=SC2034 # for alerts.sh
alerts="$work/alerts" table="$NODE_DIR/runtimes/fields"
nginx=docker.io/library/nginx:latest
runtime='' engine='' others=''
leave() {
    trap - EXIT
    {
        cp "$work/engine.all" "$work/engine.log" "${KEEP:-/nonexistent}"
        kill -CONT "$runtime"
        for container in $(dock ps --all --quiet); do dock rm --force "$container"; done
        for container in $(pod_man ps --all --quiet); do pod_man rm --force --time 0 "$container"; done
        [ -z "$engine" ] || { kill "$engine" && wait "$engine"; }
        for process in $others; do kill "$process"; done
        remove_runtime k8s.io default
        if [ -e "$work/home" ]; then
            for container in $(ann ps --all --quiet); do ann rm --force --time 0 "$container"; done
            for process in $(pgrep -u falco-test); do kill "$process"; done
            sleep 0.2
            userdel falco-test
        fi
        rm -rf "$work"
    } >/dev/null 2>&1
}
trap leave EXIT
has() { case " $sections " in *" $1 "*) ;; *) return 1 ;; esac; }
# A runtime that this machine lacks, or may not run, is no mistake of the engine's.
unavailable() { printf 'not here: %s\n' "$*"; }

start_engine() {
    "$engine_program" -c "$work/falco.yaml" >>"$work/engine.log" 2>&1 &
    engine=$!
    within 60 grep -q 'threads are running' "$work/engine.log"
}
stop_engine() {
    kill "$engine" && wait "$engine"
    local status=$?
    cat "$work/engine.log" >>"$work/engine.all"
    : >"$work/engine.log"
    engine=''
    return "$status"
}
# `warned SOCKET COUNT`: of warnings since the engine was started.
warned() { [ "$(grep -c "container runtime at $1" "$work/engine.log")" = "$2" ]; }
# A program in the control groups of a container, without asking its runtime: `inside ID MARK`.
inside() {
    sh -c 'for group in $(find /sys/fs/cgroup -type d -name "$1"); do echo $$ >"$group/cgroup.procs"; done
        exec touch "$2"' sh "$1" "$work/$2"
}
cri() { "$examples/cri-pod" "$work/containerd.sock" critical-apps "$@"; }
ctr_plain() { namespace=default ctr "$@"; }

mkdir -p "$work/net.d" "$work/srv" "$work/rules.d"
cat >"$work/net.d/10-test.conflist" <<'JSON'
{"cniVersion": "0.4.0", "name": "falco-test", "plugins": [{"type": "bridge", "bridge": "falco-test0",
 "ipam": {"type": "host-local", "dataDir": "/run/falco-test-cni", "ranges": [[{"subnet": "10.88.77.0/24"}]]}}]}
JSON
cat >"$work/falco.yaml" <<YAML
rules_files: [$TOP/rules/falco_rules.yaml, $work/rules.yaml]
rule_matching: all
engine: {kind: modern_ebpf}
json_output: true
stdout_output: {enabled: false}
syslog_output: {enabled: false}
file_output: {enabled: true, keep_alive: true, filename: $alerts}
append_output:
  - match: {source: syscall}
    when: k8s.ns.name exists
    extra_output: namespace=%k8s.ns.name
    placement: before_closing_parenthesis
load_plugins: [container]
plugins:
  - name: container
    library_path: libcontainer.so
    init_config:
      engines:
        cri: {enabled: true, sockets: [$work/containerd.sock]}
        containerd: {enabled: true, sockets: [$work/containerd.sock]}
        docker: {enabled: true, sockets: [$work/docker.sock]}
        podman: {enabled: true, sockets: [$work/podman.sock, $work/rootless/podman.sock]}
YAML
rules_of_table "$NODE_DIR/runtimes/rules.yaml" >"$work/rules.yaml"
: >"$alerts"
step "starting containerd and the engine"
start_runtime
make_images apt sleep bash true touch
for namespace in default k8s.io; do
    for image in nginx pause; do ctr images import --snapshotter overlayfs "$work/$image.tar" >/dev/null || exit; done
done
unset namespace
check 'table: has every field' table_is_whole "$engine_program"
check 'engine: starts' start_engine

plain() {
    ctr_plain run --snapshotter overlayfs --detach --label tier=front \
        --mount type=bind,src=/srv,dst=/data,options=rbind:ro "$nginx" "$@"
}
start_plain() { plain plain bash -c ': of-plain; exec sleep infinity'; }
check 'containerd: runs a container that Kubernetes does not know' start_plain
check 'containerd: it has its name and image' named of-plain plain "$nginx"

if has plain; then
    # apt fails, for want of a network; that it runs is all that counts.
    enter_plain() { ctr_plain task exec --exec-id one plain apt update -o of-plain-exec= || true; }
    check 'containerd: enters it' enter_plain
    check 'containerd: every field' all_of of-plain-exec containerd
    check 'containerd: the reference alert' reference of-plain-exec plain "$nginx"
    moment() { ctr_plain run --snapshotter overlayfs --rm "$nginx" moment true of-plain-moment; }
    check 'containerd: a moment' moment
    check 'containerd: even that has a name and an image' named of-plain-moment moment "$nginx"
fi

if has pod; then
    pod() {
        cri simple-webapp 'simple-webapp-{}' "$nginx" --own-network --mount /srv:/data --count 2 \
            --command sleep infinity -- apt update -o 'of-pod-{}=' || grep -q ' container ' /tmp/check.out
    }
    check 'pod: is created with two containers and a network through the CRI' pod
    check 'pod: every field of its first container' all_of of-pod-1 cri
    check 'pod: its second has a name of its own' named of-pod-2 simple-webapp-2 "$nginx"
    check 'pod: the reference alert' reference of-pod-2 simple-webapp-2 "$nginx" critical-apps
    check 'pod: a moment, on the network of the host' cri brief brief-1 "$nginx" --command true of-pod-moment
    check 'pod: even that has a name and an image' named of-pod-moment brief-1 "$nginx"
    check 'rules: see that a container is known' within 20 event 'Container known' simple-webapp-1
    check 'rules: see that a container is gone' within 20 event 'Container gone' brief-1
fi

quick() {
    local before
    before="$(date +%s%N)"
    for i in $(seq 100); do /bin/true "of-quick-$1-$i-"; done
    within 5 all_quick "$1"
    local status=$?
    echo "100 programs of the host and their alerts: $((($(date +%s%N) - before) / 1000000)) ms"
    return "$status"
}
all_quick() { [ "$(grep -F '"rule":"Program in a container"' "$alerts" | grep -c "of-quick-$1-")" = 100 ]; }
# What was asked about it last. The alert of a first program may be told before the answer is there.
knows() {
    round=$((${round:-0} + 1))
    inside "$1" "of-$2-$round-" && alert "of-$2-$round-" | grep -qF "\"container.image\":\"$nginx\""
}
# How long until a runtime's answers are there again: `back ID MARK`.
back() {
    local before
    before="$(date +%s)"
    within 20 knows "$1" "$2"
    local status=$?
    echo "known again after $(($(date +%s) - before)) s"
    return "$status"
}
if has hang; then
    crowd_of_hang() { cri hanging 'hanging-{}' "$nginx" --count 12 --command sleep infinity; }
    check 'hang: many containers' crowd_of_hang
    check 'engine: is warm' quick warm
    sed -n '/^100 programs/p' /tmp/check.out
    check 'engine: stops' stop_engine
    kill -STOP "$runtime"
    check 'hang: the engine starts all the same' start_engine
    check 'hang: events go on' quick hang
    sed -n '/^100 programs/p' /tmp/check.out
    check 'hang: a program in a container' inside plain of-hang-plain
    no_image() { alert of-hang-plain >"$work/told" && ! grep -qF "\"container.image\":\"$nginx\"" "$work/told"; }
    check 'hang: it is told, without what only the runtime knows' no_image
    # Long enough for every attempt of the first minute.
    sleep 20
    check 'hang: a warning for each interface, and just one' warned "$work/containerd.sock (containerd)" 1
    check 'hang: the same for the other' warned "$work/containerd.sock (cri)" 1
    kill -CONT "$runtime"
    check 'hang: what the runtime knows is back' back plain back
    sed -n '/^known/p' /tmp/check.out
    check 'hang: the engine stops' stop_engine
    check 'hang: it starts' start_engine
    kill -STOP "$runtime"
    check 'hang in the middle: a container that was known is known' inside plain of-middle
    check 'hang in the middle: its name and image' named of-middle plain "$nginx"
    check 'hang in the middle: events go on' quick middle
    kill -CONT "$runtime"
    fresh() { plain late bash -c ': of-late; exec sleep infinity'; }
    check 'hang in the middle: a new container afterwards' fresh
    check 'hang in the middle: its name and image' named of-late late "$nginx"
fi

if has nonsense; then
    check 'nonsense: the engine stops' stop_engine
    mv "$work/containerd.sock" "$work/real.sock"
    python3 -c '
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(64)
while True:
    other, _ = server.accept()
    try: other.sendall(b"\xa5" * 4096)
    except OSError: pass
    other.close()
' "$work/containerd.sock" &
    nonsense=$!
    others="$others $nonsense"
    check 'nonsense: somebody else listens' within 10 test -S "$work/containerd.sock"
    check 'nonsense: the engine starts' start_engine
    check 'nonsense: events go on' quick nonsense
    check 'nonsense: a program in a container' inside plain of-nonsense
    check 'nonsense: is told' alert of-nonsense
    sleep 5
    check 'nonsense: a warning, and just one' warned "$work/containerd.sock (containerd)" 1
    kill "$nonsense"
    mv "$work/real.sock" "$work/containerd.sock"
    check 'nonsense: what the runtime knows is back' back plain sense
    sed -n '/^known/p' /tmp/check.out
fi

if has away; then
    check 'gone: the engine stops' stop_engine
    kill "$runtime"
    wait "$runtime"
    check 'gone: the engine starts' start_engine
    check 'gone: events go on' quick gone
    check 'gone: a program in a container' inside plain of-gone
    check 'gone: is told' alert of-gone
    check 'gone: the runtime returns' start_runtime
    check 'gone: what it knows is back' back plain returned
    sed -n '/^known/p' /tmp/check.out
fi

if has restart; then
    kill "$runtime"
    wait "$runtime"
    check 'containerd: restarts' start_runtime
    again() { ctr_plain task exec --exec-id "$1" plain touch "/tmp/$2"; }
    check 'containerd: enters a container from before' again two of-again
    check 'containerd: it has its name' named of-again plain "$nginx"
    new() { ctr_plain run --snapshotter overlayfs --rm "$nginx" fresh true of-fresh; }
    check 'containerd: runs a new one' new
    check 'containerd: it has its name' named of-fresh fresh "$nginx"
    check 'engine: stops' stop_engine
    check 'engine: starts beside running containers' start_engine
    check 'containerd: enters one that ran before' again three of-still
    check 'containerd: it has its name at once' named of-still plain "$nginx"
fi

dock() { docker --host "unix://$work/docker.sock" "$@"; }
docker_starts() {
    dockerd --data-root "$work/docker" --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" \
        --host "unix://$work/docker.sock" --containerd "$work/containerd.sock" --group root \
        --iptables=false --bridge=none >"$work/dockerd.log" 2>&1 &
    others="$others $!"
    within 20 dock version && dock load -i "$work/nginx.tar" &&
        dock run --rm --network none nginx:latest true
}
if has docker; then
    if docker_starts >"$work/docker.out" 2>&1; then
        docker_runs() {
            dock run --detach --name web --label tier=front --volume /srv:/data:ro \
                --network none nginx:latest bash -c ': of-docker; exec sleep infinity'
        }
        check 'docker: runs a container' docker_runs
        check 'docker: it has its name and image' named of-docker web nginx:latest
        enter_docker() { dock exec web apt update -o of-docker-exec= || true; }
        check 'docker: enters it' enter_docker
        check 'docker: the reference alert' reference of-docker-exec web nginx:latest
        brief() { dock run --rm --network none --name brief nginx:latest true of-docker-moment; }
        check 'docker: a moment' brief
        check 'docker: even that has a name and an image' named of-docker-moment brief nginx:latest
    else
        unavailable "docker: $(cat "$work/docker.out" "$work/dockerd.log" | tail -n 1)"
    fi
fi

# No more than a process without CAP_SYS_RESOURCE may set.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
pod_man() {
    podman --root "$work/pods" --runroot "$work/pods-run" --tmpdir "$work/pods-tmp" \
        --cgroup-manager cgroupfs --events-backend file "$@"
}
podman_starts() {
    pod_man system service --time 0 "unix://$work/podman.sock" >"$work/podman.log" 2>&1 &
    others="$others $!"
    within 20 test -S "$work/podman.sock" && pod_man load -i "$work/nginx.tar" &&
        pod_man run "${limits[@]}" --rm --network none "$nginx" true
}
if has podman; then
    if podman_starts >"$work/podman.out" 2>&1; then
        podman_runs() {
            pod_man run "${limits[@]}" --detach --network none --name pod-web --label tier=front \
                --volume /srv:/data:ro "$nginx" bash -c ': of-podman; exec sleep infinity'
        }
        check 'podman: runs a container' podman_runs
        check 'podman: it has its name and image' named of-podman pod-web "$nginx"
        enter_podman() { pod_man exec pod-web apt update -o of-podman-exec= || true; }
        check 'podman: enters it' enter_podman
        check 'podman: every field' all_of of-podman-exec podman
        check 'podman: the reference alert' reference of-podman-exec pod-web "$nginx"
        brief_podman() { pod_man run "${limits[@]}" --rm --network none --name pod-brief "$nginx" true of-podman-moment; }
        check 'podman: a moment' brief_podman
        check 'podman: even that has a name and an image' named of-podman-moment pod-brief "$nginx"
    else
        unavailable "podman: $(tail -n 1 "$work/podman.out")"
    fi
fi

ann() {
    runuser -u falco-test -- env --chdir="$work/home" HOME="$work/home" XDG_RUNTIME_DIR="$work/rootless" \
        podman --cgroup-manager cgroupfs --events-backend file --storage-driver vfs \
        --storage-opt vfs.ignore_chown_errors=true "$@"
}
if has rootless; then
    rootless_starts() {
        if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
            echo "with version 1 of control groups its containers have none of their own"
            return 1
        fi
        useradd --system --home-dir "$work/home" falco-test &&
            install -d -o falco-test "$work/home" "$work/rootless" &&
            ann load -i "$work/nginx.tar" && ann run "${limits[@]}" --rm --network none "$nginx" true
    }
    if rootless_starts >"$work/rootless.out" 2>&1; then
        ann system service --time 0 "unix://$work/rootless/podman.sock" >"$work/rootless.log" 2>&1 &
        others="$others $!"
        within 20 test -S "$work/rootless/podman.sock"
        ann_runs() { ann run "${limits[@]}" --detach --network none --name ann-web "$nginx" bash -c ': of-ann; exec sleep infinity'; }
        check 'rootless: runs a container' ann_runs
        check 'rootless: it has its name and image' named of-ann ann-web "$nginx"
    else
        unavailable "podman, not as root: $(tail -n 1 "$work/rootless.out")"
    fi
fi

if has runc; then
    runc_alone() (
        cp -a "$work/image" "$work/bundle" && mkdir "$work/b" && mv "$work/bundle" "$work/b/rootfs" &&
            cd "$work/b" && runc spec && sed -i 's/"terminal": true/"terminal": false/
                s/^\([\t ]*\)"sh"$/\1"touch", "\/tmp\/of-runc"/; s/"readonly": true/"readonly": false/' config.json &&
            runc --root "$work/runc" run alone
    )
    check 'runc: runs' runc_alone
    # Nobody made it but whoever called runc: its group tells no id, and no runtime knows it.
    check 'runc: is of the host' named of-runc host ''
fi

if has flood; then
    check 'engine: starts anew' eval 'stop_engine && start_engine'
    resident "$engine"
    half=$((many / 2))
    step "a flood of $many containers"
    stay() { cri crowd 'crowd-{}' "$nginx" --count "$half" --command bash -c ': of-crowd-{}-; exec sleep infinity'; }
    check "flood: $half containers, one after the other, that stay" stay
    check 'engine: needs less than 30 MiB beside the rings' resident "$engine"
    resident "$engine"
    pass() { cri passers 'passer-{}' "$nginx" --count "$((many - half))" --command true 'of-passer-{}-'; }
    check "flood: $((many - half)) more that end at once" pass
    check 'flood: each that stays has its name and image' all_named crowd "$half" "$nginx"
    check 'flood: each that ended has them as well' all_named passer "$((many - half))" "$nginx"
    check 'engine: still needs less than 30 MiB' resident "$engine"
    resident "$engine"
fi
check 'engine: stops at the end' stop_engine
grep -F 'were asked about' "$work/engine.all"
echo "the engine's program: $(($(stat --format %s "$engine_program") / 1024)) KiB"
[ "$failed" = 0 ] || grep -E 'WARN|ERROR' "$work/engine.all" | tail -n 30
finish 5
