#!/usr/bin/env bash
# shellcheck disable=SC2317 # functions are called by name, by check and within
# Containers of the runtimes that this machine has, natively, and what the engine's alerts say of
# them; the events come from eBPF programs. The job `runtimes` of the node has more of them, with
# the module, as a system that is all its own. Every runtime here is one of the test's own, whose
# files go away with it.
#
#   runtimes.sh [SECTION…]    of: plain pod reused hang nonsense away restart docker podman rootless
#                             nspawn runc again hostroot flood
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
sections="${*:-plain pod reused hang nonsense away restart docker podman rootless nspawn runc again hostroot flood}"
many="${FLOOD:-200}"
engine_program="$(realpath "${FALCO_ENGINE:-target/release/falco-engine}")"
examples="$(realpath "${FALCO_EXAMPLES:-target/debug/examples}")"
for program in "$engine_program" "$examples/cri-pod"; do
    [ -x "$program" ] || die "$program is not there: make engine, cargo build --examples"
done
# The others as well, where their packages start no service of this machine's.
install_others() {
    local program packages=()
    [ ! -e /run/systemd/system ] && command -v apt-get >/dev/null || return 0
    for program in docker.io:dockerd docker-cli:docker podman:podman uidmap:newuidmap systemd-container:systemd-nspawn; do
        command -v "${program#*:}" >/dev/null || packages+=("${program%:*}")
    done
    [ "${#packages[@]}" != 0 ] || return 0
    step "installing ${packages[*]}"
    apt-get update -qq
    for program in "${packages[@]}"; do
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$program" || true
    done
} >&2
install_runtime
install_others

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
        remove_runtime k8s.io default build
        # Those of a container whose end the runtime did not wait for.
        for shim in $(pgrep -f -- "-address $work/"); do
            for process in $(pgrep -P "$shim") "$shim"; do kill -KILL "$process"; done
        done
        if [ -e "$work/home" ]; then
            for container in $(ann ps --all --quiet); do ann rm --force --time 0 "$container"; done
            for process in $(pgrep -u falco-test); do kill "$process"; done
            sleep 0.2
            userdel falco-test
        fi
        # Networks of pods, which nobody else takes down when the runtime is gone.
        for space in $(networks | comm -13 "$work/networks" -); do ip netns delete "$space"; done
        ip link delete falco-test0
        find /sys/fs/cgroup -depth -type d -path '*falco\\x2dnest*' -exec rmdir {} +
        rm -rf "$work"
    } >/dev/null 2>&1
}
networks() { find /run/netns -name 'cni-*' -printf '%f\n' 2>/dev/null | sort; }
networks >"$work/networks"
trap leave EXIT
has() { case " $sections " in *" $1 "*) ;; *) return 1 ;; esac; }
# A runtime that this machine lacks, or may not run, is no mistake of the engine's.
unavailable() { printf 'not here: %s\n' "$*"; }

start_engine() {
    "$engine_program" -c "${1:-$work/falco.yaml}" >>"$work/engine.log" 2>&1 &
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
# What is lost is told in the log.
nothing_lost() { ! grep -F 'records lost' "$work/engine.log"; }
# `warned SOCKET COUNT`: of warnings since the engine was started.
warned() { [ "$(grep -F "container runtime at $1" "$work/engine.log" | grep -vc 'answers again')" = "$2" ]; }
# A program in the control groups of a container, without asking its runtime: `inside ID MARK`.
inside() {
    sh -c 'for group in $(find /sys/fs/cgroup -type d -name "$1"); do echo $$ >"$group/cgroup.procs"; done
        exec touch "$2"' sh "$1" "$work/$2"
}
cri() { "$examples/cri-pod" "$work/containerd.sock" critical-apps "$@"; }
ctr_plain() { namespace=default ctr "$@"; }

mkdir -p "$work/net.d" "$work/srv" "$work/rules.d"
sed "s#WORK#$work#" >"$work/net.d/10-test.conflist" <<'JSON'
{"cniVersion": "0.4.0", "name": "falco-test", "plugins": [{"type": "bridge", "bridge": "falco-test0",
 "ipam": {"type": "host-local", "dataDir": "WORK/leases", "ranges": [[{"subnet": "10.88.77.0/24"}]]}}]}
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

if has reused; then
    other=docker.io/library/other:1
    ctr_plain images tag "$nginx" "$other" >/dev/null
    # `reuse IMAGE MARK`: each time by the same name.
    reuse() { ctr_plain run --snapshotter overlayfs --rm "$1" reused bash -c ": $2; true"; }
    check 'name: runs a container' reuse "$nginx" of-reused-first
    check 'name: it has its image' named of-reused-first reused "$nginx"
    check 'name: another by the same name' reuse "$other" of-reused-second
    check 'name: it has its own image' named of-reused-second reused "$other"
    check 'name: the first image again' reuse "$nginx" of-reused-third
    check 'name: it is told' named of-reused-third reused "$nginx"
    # By an id, as nerdctl names them, in a namespace of its own.
    namespace=build ctr images import --snapshotter overlayfs "$work/nginx.tar" >/dev/null
    id="$(printf '%064d' 7)"
    of_build() { namespace=build ctr run --snapshotter overlayfs --rm "$nginx" "$id" true of-build; }
    check 'namespace: runs a container in one of its own' of_build
    check 'namespace: it has its name and image' named of-build "$id" "$nginx"
fi

# Events go on as fast as beside runtimes that are well: `quick MARK`.
quick() {
    local before took
    before="$(date +%s%N)"
    for i in $(seq 100); do /bin/true "of-quick-$1-$i-"; done
    within 30 all_quick "$1" || return
    took=$((($(date +%s%N) - before) / 1000000))
    [ "$1" != warm ] || echo "$took" >"$work/warm"
    echo "100 programs of the host and their alerts: $took ms, $(cat "$work/warm") ms beside runtimes that are well"
    [ "$took" -le $((3 * $(cat "$work/warm") + 2000)) ] && nothing_lost
}
all_quick() { [ "$(grep -F '"rule":"Program in a container"' "$alerts" | grep -c "of-quick-$1-")" = 100 ]; }
if has hang || has nonsense || has away; then
    check 'engine: is warm' quick warm
    sed -n '/^100 programs/p' /tmp/check.out
fi
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
    rm -f "$work/containerd.sock"
    check 'gone: the engine starts' start_engine
    check 'gone: events go on' quick gone
    check 'gone: a program in a container' inside plain of-gone
    check 'gone: is told' alert of-gone
    check 'gone: the runtime returns' start_runtime
    check 'gone: what it knows is back' back plain returned
    sed -n '/^known/p' /tmp/check.out
    check 'gone in the middle: the engine stops' stop_engine
    check 'gone in the middle: it starts' start_engine
    settled() { knows plain settled; }
    check 'gone in the middle: runtimes are well' within 20 settled
    check 'gone in the middle: and no trouble' warned "$work/containerd.sock" 0
    kill "$runtime"
    wait "$runtime"
    rm -f "$work/containerd.sock"
    check 'gone in the middle: events go on' quick vanished
    check 'gone in the middle: a warning for each interface' within 20 warned "$work/containerd.sock" 2
    check 'gone in the middle: a program in a container' inside plain of-vanished
    check 'gone in the middle: it has its name and image' named of-vanished plain "$nginx"
    check 'gone in the middle: the runtime returns' start_runtime
    returned() { [ "$(grep -c "container runtime at $work/containerd.sock .* answers again" "$work/engine.log")" = 2 ]; }
    check 'gone in the middle: that it answers is told once for each' within 20 returned
    check 'gone in the middle: just one warning for each' warned "$work/containerd.sock" 2
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
start_docker() {
    dockerd --live-restore --data-root "$work/docker" --exec-root "$work/docker-exec" --pidfile "$work/docker.pid" \
        --host "unix://$work/docker.sock" --containerd "$work/containerd.sock" --group root \
        --iptables=false --bridge=none >>"$work/dockerd.log" 2>&1 &
    docker_daemon=$!
    others="$others $docker_daemon"
    within 20 dock version
}
docker_starts() {
    start_docker && dock load -i "$work/nginx.tar" &&
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
        # `enter_docker_as MARK NAME`: it may take a moment until what changed is known.
        enter_docker_as() {
            round=$((${round:-0} + 1))
            dock exec "$2" touch "/tmp/$1-$round-" && named "$1-$round-" "$2" nginx:latest
        }
        rename_docker() { dock rename web shop && within 10 enter_docker_as of-docker-named shop; }
        check 'docker: a container that is named anew has its new name' rename_docker
        back_docker() { dock rename shop web && dock restart --time 0 web && within 10 enter_docker_as of-docker-restarted web; }
        check 'docker: so has one that is started again' back_docker
        restart_docker() { kill "$docker_daemon" && { wait "$docker_daemon"; start_docker; } && enter_docker_as of-docker-daemon web; }
        check 'docker: so has one after Docker was started again' restart_docker
        new_docker() { dock run --rm --network none --name fresh nginx:latest true of-docker-fresh; }
        check 'docker: a new one then' new_docker
        check 'docker: it has its name and image' named of-docker-fresh fresh nginx:latest
        has_docker=1
    else
        unavailable "docker: $(cat "$work/docker.out" "$work/dockerd.log" | tail -n 1)"
    fi
fi

# No more than a process without CAP_SYS_RESOURCE may set.
limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
of_podman=(--runtime runc --root "$work/pods" --runroot "$work/pods-run" --tmpdir "$work/pods-tmp"
    --cgroup-manager cgroupfs --events-backend file)
pod_man() { podman "${of_podman[@]}" "$@"; }
start_podman() {
    # Itself, and no shell around it: it is to be ended.
    podman "${of_podman[@]}" system service --time 0 "unix://$work/podman.sock" >"$work/podman.log" 2>&1 &
    podman_service=$!
    others="$others $podman_service"
    within 20 test -S "$work/podman.sock"
}
podman_starts() {
    start_podman && pod_man load -i "$work/nginx.tar" &&
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
        restart_podman() { kill "$podman_service" && { wait "$podman_service"; rm -f "$work/podman.sock"; start_podman; }; }
        check 'podman: its service restarts' restart_podman
        fresh_podman() { pod_man run "${limits[@]}" --rm --network none --name pod-fresh "$nginx" true of-podman-fresh; }
        check 'podman: a new one then' fresh_podman
        check 'podman: it has its name and image' named of-podman-fresh pod-fresh "$nginx"
        has_podman=1
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

# Nobody registers it here: it is put into the group that systemd would make for it. A dash in its
# name is written otherwise there.
machine='machine-falco\x2dnest.scope'
nspawn() (
    for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -e "$group/cgroup.procs" ] || continue
        mkdir -p "$group/machine.slice/$machine" &&
            { echo "$BASHPID" >"$group/machine.slice/$machine/cgroup.procs"; } 2>/dev/null
    done
    exec systemd-nspawn --quiet --register=no --keep-unit --directory "$work/machine" --machine falco-nest "$@"
)
if has nspawn; then
    nspawn_starts() {
        cp -a "$work/image" "$work/machine" && mkdir -p "$work/machine/usr" && nspawn true
    }
    if nspawn_starts >"$work/nspawn.out" 2>&1; then
        check 'nspawn: runs' nspawn bash -c ': of-nspawn; true'
        check 'nspawn: it has its name' named of-nspawn falco-nest ''
        check 'nspawn: a moment' nspawn true of-nspawn-moment
        check 'nspawn: even that has its name' named of-nspawn-moment falco-nest ''
    else
        unavailable "nspawn: $(tail -n 1 "$work/nspawn.out")"
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

known_plain() { grep -F '"rule":"Container known"' "$alerts" | grep -cF '"container.name":"plain"'; }
if has again; then
    check 'again: the engine stops' stop_engine
    before="$(known_plain)"
    check 'again: it starts beside containers of all runtimes' start_engine
    # `entered MARK NAME IMAGE COMMAND…`: the command, and what is told of its program.
    entered() {
        local mark="$1" name="$2" image="$3"
        shift 3
        "$@" touch "/tmp/$mark" && named "$mark" "$name" "$image"
    }
    check 'again: containerd' entered of-again-plain plain "$nginx" ctr_plain task exec --exec-id again plain
    if has pod; then
        id="$(alert of-pod-1 | sed 's/.*"container.full_id":"\([^"]*\)".*/\1/')"
        check 'again: a pod' entered of-again-pod simple-webapp-1 "$nginx" ctr task exec --exec-id again "$id"
    fi
    if [ -n "${has_docker:-}" ]; then
        check 'again: docker' entered of-again-docker web nginx:latest dock exec web
    fi
    if [ -n "${has_podman:-}" ]; then
        check 'again: podman' entered of-again-podman pod-web "$nginx" pod_man exec pod-web
    fi
    known_again() { [ "$(known_plain)" -gt "$before" ]; }
    check 'again: rules see what ran already' within 20 known_again
fi

# As in a container: the node is below a directory, and its socket is nowhere else.
if has hostroot; then
    host="$work/host"
    mkdir -p "$host/proc" "$host/etc" "$host/sockets"
    cp /etc/passwd /etc/group "$host/etc"
    mount --rbind /proc "$host/proc" && mount --bind "$work" "$host/sockets"
    sed "s#\[$work/containerd.sock\]#[/sockets/containerd.sock]#" "$work/falco.yaml" >"$work/host.yaml"
    check 'host root: the engine stops' stop_engine
    export HOST_ROOT="$host"
    check 'host root: it starts with the node elsewhere' start_engine "$work/host.yaml"
    unset HOST_ROOT
    below() { ctr_plain task exec --exec-id below plain touch /tmp/of-below; }
    check 'host root: enters a container' below
    check 'host root: it has its name and image' named of-below plain "$nginx"
    check 'host root: the engine stops again' stop_engine
    check 'host root: it starts without' start_engine
fi

# Questions to runtimes have a bound: for each container one, and one more when it is started; none
# found no room. Beside those of the flood there are some dozens.
bounded() {
    sed -n 's/.*\] *//; /were asked about/p' "$work/engine.all" | tail -n 1 | tee /dev/stderr |
        awk -v many="$many" '{
            for (i = 2; i <= NF; i++) {
                if ($i == "containers" && !asked) asked = $(i - 1)
                if ($i == "times") again = $(i - 1)
                if ($i == "too") refused = $(i - 1)
            }
            exit !(asked >= many && asked <= many + 100 && again <= many + 100 && refused == 0)
        }'
}
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
if has flood; then
    check 'flood: nothing was lost' refused grep -F 'records lost' "$work/engine.all"
    check 'flood: questions are bounded' bounded
fi
echo "the engine's program: $(($(stat --format %s "$engine_program") / 1024)) KiB"
[ "$failed" = 0 ] || grep -E 'WARN|ERROR' "$work/engine.all" | tail -n 30
finish 5
