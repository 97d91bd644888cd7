//! Asking Docker and Podman, and reading what runtimes leave in files.

mod runtime;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use falco_engine::metadata::engines::{Engine, Engines};
use falco_engine::metadata::{Runtime, recorded};
use runtime::{PATIENCE, known, socket, start, until, wait};

const ID: &str = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
const LATER: &str = "8939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";

/// What became of the second container of a daemon, for numbers that grow.
const MADE: usize = 0;
const STARTED: usize = 1;
/// It has another address then, and another name.
const STARTED_AGAIN: usize = 2;

/// A daemon with one container that runs, which announces another that was made,
/// and again when something becomes of it.
fn serve(socket: &Path) -> Arc<AtomicUsize> {
    let listener = UnixListener::bind(socket).unwrap();
    let stage = Arc::new(AtomicUsize::new(MADE));
    let shared = Arc::clone(&stage);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let stage = Arc::clone(&shared);
            std::thread::spawn(move || answer(&stream, &stage));
        }
    });
    stage
}

fn answer(mut stream: &UnixStream, stage: &AtomicUsize) {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap().unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    for line in lines {
        if line.unwrap().is_empty() {
            break;
        }
    }
    let container = |id: &str, names: [&str; 3], size: &str| {
        let stage = stage.load(Ordering::Relaxed);
        let (started, address) = [
            // As Docker says it.
            ("0001-01-01T00:00:00Z", ""),
            ("2026-01-02T03:04:05Z", "172.17.0.2"),
            ("2026-01-02T03:04:06Z", "172.17.0.9"),
        ][stage];
        let name = names[stage];
        format!(
            r#"{{"Id":"{id}","Name":"/{name}","Image":"sha256:abcd",{size}
            "Config":{{"Image":"nginx:1.27","Labels":{{"io.kubernetes.pod.name":"web-0",
            "io.kubernetes.pod.namespace":"shop","abc":"123","long":"{}"}},"Env":["A=b","PATH=/bin"]}},
            "HostConfig":{{"Privileged":true,"PidMode":"host"}},"State":{{"StartedAt":"{started}"}},
            "NetworkSettings":{{"IPAddress":"{address}"}}}}"#,
            "x".repeat(200)
        )
    };
    let body = match path.as_str() {
        "/_ping" => "OK".to_owned(),
        "/images/sha256:abcd/json" => r#"{"RepoDigests":["nginx@sha256:ef"]}"#.to_owned(),
        "/containers/json" => format!(r#"[{{"Id":"{ID}","State":"running"}}]"#),
        path if path == format!("/containers/{ID}/json") => container(ID, ["web"; 3], ""),
        path if path == format!("/containers/{ID}/json?size=1") => {
            container(ID, ["web"; 3], r#""SizeRw":4096,"#)
        }
        path if path == format!("/containers/{LATER}/json") => {
            container(LATER, ["late", "late", "later"], "")
        }
        path if path.starts_with("/events?") => {
            // A stream in pieces, which ends with the daemon.
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            .unwrap();
            let mut tell = |action: &str| {
                let event = format!(
                    r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{LATER}"}}}}"#
                );
                let (first, second) = event.split_at(20);
                for piece in [first, second, "\n"] {
                    write!(stream, "{:x}\r\n{piece}\r\n", piece.len()).unwrap();
                    stream.flush().unwrap();
                }
            };
            tell("create");
            until(|| stage.load(Ordering::Relaxed) >= STARTED);
            tell("start");
            until(|| stage.load(Ordering::Relaxed) >= STARTED_AGAIN);
            tell("rename");
            std::thread::sleep(PATIENCE);
            return;
        }
        _ => {
            write!(
                stream,
                "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{{}}"
            )
            .unwrap();
            return;
        }
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}

#[test]
fn a_daemon_tells_and_announces() {
    let root = tempfile::tempdir().unwrap();
    for (engine, runtime) in [
        (Engine::Docker, Runtime::Docker),
        (Engine::Podman, Runtime::Podman),
    ] {
        // One of a user: its place is a pattern.
        let directory = root.path().join(runtime.name()).join("1000");
        std::fs::create_dir_all(&directory).unwrap();
        serve(&directory.join("api.sock"));
        let pattern = format!("/{}/*/api.sock", runtime.name());
        let containers = start(root.path(), Engines::at(engine, vec![pattern]));
        let info = known(&containers.get(ID, runtime)).clone();
        assert_eq!(
            (info.name.as_str(), info.image.as_str()),
            ("web", "nginx:1.27")
        );
        assert_eq!(
            (info.image_digest.as_str(), info.runtime),
            ("sha256:ef", Some(runtime))
        );
        assert_eq!((info.privileged, info.host_pid), (Some(true), Some(true)));
        let pod = info.pod.unwrap();
        assert_eq!(
            (pod.name.as_str(), pod.namespace.as_str()),
            ("web-0", "shop")
        );
        // A label that is too long is left out.
        assert_eq!(info.labels.len(), 3);
        // Before any process of it was seen.
        until(|| containers.lookup(LATER).is_some_and(|c| c.info().is_some()));
        let unknown = containers.get(&"0".repeat(64), runtime);
        wait(&unknown, |c| !c.is_pending());
        assert!(unknown.info().is_none());
    }
}

#[test]
fn a_container_is_asked_about_again_when_something_becomes_of_it() {
    let place = socket("started");
    let stage = serve(&place);
    let containers = runtime::containers(Engine::Docker, &[&place]);
    until(|| containers.lookup(LATER).is_some_and(|c| c.info().is_some()));
    let later = containers.lookup(LATER).unwrap();
    let info = known(&later);
    assert_eq!((info.name.as_str(), info.ip.as_str()), ("late", ""));
    assert_eq!(info.started, 0);
    drop(later);
    let news = || {
        let news = containers.take_news();
        news.iter().filter(|c| c.full_id() == LATER).count()
    };
    // It is left alone, as nobody is in it.
    assert_eq!(news(), 1);
    std::thread::sleep(Duration::from_millis(400));
    stage.store(STARTED, Ordering::Relaxed);
    let later = containers.lookup(LATER).unwrap();
    wait(&later, |c| {
        c.info().is_some_and(|info| info.ip == "172.17.0.2")
    });
    let first = known(&later).clone();
    assert_ne!(first.started, 0);
    // All is known of it by now.
    stage.store(STARTED_AGAIN, Ordering::Relaxed);
    wait(&later, |c| {
        c.info().is_some_and(|info| info.ip == "172.17.0.9")
    });
    assert_eq!(known(&later).name, "later");
    assert!(known(&later).started > first.started);
    assert_eq!(news(), 0, "it is news once");
    assert!(containers.lookups().again >= 1);
}

#[test]
fn what_runs_is_known_before_the_first_event() {
    let place = socket("listed");
    serve(&place);
    let engines = runtime::engines(&serde_json::json!({"with_size": true, "label_max_len": 3,
        "engines": {"docker": {"sockets": [place.display().to_string()]}}}));
    let containers = start(Path::new("/"), engines);
    assert!(containers.settle(PATIENCE));
    let web = containers.lookup(ID).expect("it was listed");
    let info = known(&web);
    assert_eq!(info.name, "web");
    assert_eq!(info.env, ["A=b", "PATH=/bin"]);
    assert_eq!(info.size, Some(4096));
    // The others are longer than three bytes.
    assert_eq!(info.labels, [("abc".to_owned(), "123".to_owned())]);
    let json = recorded::describe(&web, info);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["container"]["size"], 4096);
    assert_eq!(json["container"]["env"][1], "PATH=/bin");
}

#[test]
fn files_tell_when_nobody_listens() {
    let root = tempfile::tempdir().unwrap();
    let file = |path: &str, text: &str| {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let id = |digit: &str| digit.repeat(64);
    file(
        &format!("var/lib/docker/containers/{}/config.v2.json", id("1")),
        r#"{"Name":"/one","Image":"sha256:11","Config":{"Image":"debian:13"},
            "MountPoints":{"/data":{"Source":"/srv","Destination":"/data","RW":true}}}"#,
    );
    file(
        &format!("var/lib/docker/containers/{}/hostconfig.json", id("1")),
        r#"{"Privileged":true,"NetworkMode":"host"}"#,
    );
    file(
        &format!(
            "run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json",
            id("2")
        ),
        r#"{"annotations":{"io.kubernetes.cri.container-name":"two",
            "io.kubernetes.cri.image-name":"docker.io/library/nginx:latest",
            "io.kubernetes.cri.sandbox-name":"web-0","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.sandbox-id":"sand"},
            "mounts":[{"type":"bind","source":"/a","destination":"/b","options":["ro","rslave"]},
                      {"type":"proc","source":"proc","destination":"/proc"}],
            "linux":{"namespaces":[{"type":"pid"},{"type":"ipc"}]}}"#,
    );
    file(
        "home/ann/.local/share/containers/storage/overlay-containers/containers.json",
        &format!(
            r#"[{{"id":"{}","names":["three"],"image":"33","metadata":"{{\"image-name\":\"alpine:3\"}}"}}]"#,
            id("3")
        ),
    );
    file(
        "var/lib/containers/storage/overlay-containers/volatile-containers.json",
        &format!(
            r#"[{{"id":"{}","names":["four"],"metadata":"{{\"image-name\":\"alpine:3\"}}"}}]"#,
            id("4")
        ),
    );
    // Of users.
    file(
        &format!(
            "home/ann/.local/share/docker/containers/{}/config.v2.json",
            id("5")
        ),
        r#"{"Name":"/five","Image":"sha256:11","Config":{"Image":"debian:13","Env":["A=b"]}}"#,
    );
    for (place, digit) in [
        ("run/user/1000/containerd", "6"),
        ("run/host-containerd", "7"),
        ("run/user/1000/docker/containerd/daemon", "8"),
    ] {
        file(
            &format!(
                "{place}/io.containerd.runtime.v2.task/x/{}/config.json",
                id(digit)
            ),
            r#"{"annotations":{"nerdctl/name":"task"},"process":{"env":["A=b"]}}"#,
        );
    }
    file("var/lib/docker/containers/../broken", "{");
    let containers = start(root.path(), Engines::default());
    let docker = containers.get(&id("1"), Runtime::Docker);
    let info = known(&docker);
    assert_eq!((info.name.as_str(), info.image_tag.as_str()), ("one", "13"));
    assert_eq!(
        (info.privileged, info.host_network),
        (Some(true), Some(true))
    );
    assert_eq!(info.mounts[0].source, "/srv");
    for runtime in [Runtime::Containerd, Runtime::Cri] {
        let containers = start(root.path(), Engines::default());
        let pod = containers.get(&id("2"), runtime);
        let info = known(&pod);
        assert_eq!(
            (info.name.as_str(), info.image_tag.as_str()),
            ("two", "latest")
        );
        let of = info.pod.as_ref().unwrap();
        assert_eq!(
            (of.name.as_str(), of.sandbox_id.as_str()),
            ("web-0", "sand")
        );
        assert_eq!(
            (info.host_network, info.host_pid),
            (Some(true), Some(false))
        );
        assert_eq!(info.mounts.len(), 1);
        assert_eq!(
            (info.mounts[0].readonly, info.mounts[0].propagation.as_str()),
            (true, "rslave")
        );
    }
    let info = known(&containers.get(&id("3"), Runtime::Podman)).clone();
    assert_eq!(
        (info.name.as_str(), info.image_repository.as_str()),
        ("three", "alpine")
    );
    assert_eq!(info.image_id, "33");
    assert_eq!(
        known(&containers.get(&id("4"), Runtime::Podman)).name,
        "four"
    );
    for (digit, runtime, name) in [
        ("5", Runtime::Docker, "five"),
        ("6", Runtime::Containerd, "task"),
        ("7", Runtime::Containerd, "task"),
        ("8", Runtime::Docker, "task"),
    ] {
        let info = known(&containers.get(&id(digit), runtime)).clone();
        assert_eq!(
            (info.name.as_str(), info.env),
            (name, vec!["A=b".to_owned()])
        );
    }
    let lxc = containers.get("web", Runtime::Lxc);
    assert_eq!(known(&lxc).name, "web");
    // A name is no way out of the directory.
    let hostile = containers.get("../broken", Runtime::Docker);
    wait(&hostile, |c| !c.is_pending());
    assert!(hostile.info().is_none());
}

#[test]
fn engines_that_are_off_are_not_asked() {
    let root = tempfile::tempdir().unwrap();
    let engines = serde_json::from_str(r#"{"engines":{"lxc":{"enabled":false}}}"#).unwrap();
    let containers = start(root.path(), engines);
    let lxc = containers.get("web", Runtime::Lxc);
    wait(&lxc, |c| !c.is_pending());
    assert!(lxc.info().is_none());
    let wrong = serde_json::from_str::<Engines>(r#"{"engines":{"dokcer":{}}}"#).unwrap_err();
    assert!(wrong.to_string().contains("dokcer"), "{wrong}");
}
