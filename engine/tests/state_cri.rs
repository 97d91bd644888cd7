//! Asking a runtime, with runtimes that answer, hang, talk nonsense, come late.

mod runtime;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use falco_engine::metadata::containerd::api as containerd_api;
use falco_engine::metadata::cri::api;
use falco_engine::metadata::endpoint::Limits;
use falco_engine::metadata::engines::{Engine, Engines};
use falco_engine::metadata::grpc::{frame, unframe};
use falco_engine::metadata::{Containers, Runtime};
use runtime::{LIMITS, Manner, PATIENCE, Reply, Socket, pairs, socket, until, wait};

fn sandbox(id: &str) -> api::PodSandboxStatus {
    api::PodSandboxStatus {
        id: id.into(),
        metadata: Some(api::PodSandboxMetadata {
            name: "web-0".into(),
            uid: "uid-1".into(),
            namespace: "shop".into(),
            attempt: 0,
        }),
        network: Some(api::PodSandboxNetworkStatus {
            ip: "10.1.2.3".into(),
        }),
        linux: Some(api::LinuxPodSandboxStatus {
            namespaces: Some(api::Namespace {
                options: Some(api::NamespaceOption {
                    network: api::NODE,
                    pid: 1,
                    ipc: 0,
                }),
            }),
        }),
        labels: pairs([("app", "web")]),
        ..Default::default()
    }
}

/// The answers of a runtime with a container `web` in the sandbox `sand`.
fn answer(method: &str, request: &[u8]) -> Option<Bytes> {
    match method {
        "Version" => Some(frame(&api::VersionResponse {
            runtime_name: "containerd".into(),
            ..Default::default()
        })),
        "ContainerStatus" => {
            let request: api::ContainerStatusRequest = unframe(request).unwrap();
            let info = match request.container_id.as_str() {
                "web" => pairs([(
                    "info",
                    r#"{"sandboxID":"sand","config":{"linux":{"security_context":{"privileged":true}}}}"#,
                )]),
                "plain" => pairs([]),
                _ => return None,
            };
            Some(frame(&api::ContainerStatusResponse {
                status: Some(api::ContainerStatus {
                    id: request.container_id,
                    metadata: Some(api::ContainerMetadata {
                        name: "nginx".into(),
                        attempt: 0,
                    }),
                    image: Some(api::ImageSpec {
                        image: "docker.io/library/nginx:latest".into(),
                        user_specified_image: String::new(),
                    }),
                    image_ref: "docker.io/library/nginx@sha256:0011".into(),
                    image_id: format!("sha256:{}", "a".repeat(64)),
                    started_at: 5,
                    labels: pairs([("tier", "front")]),
                    mounts: vec![api::Mount {
                        container_path: "/data".into(),
                        host_path: "/srv".into(),
                        readonly: true,
                        propagation: 1,
                    }],
                    ..Default::default()
                }),
                info,
            }))
        }
        "ListContainers" => {
            let request: api::ListContainersRequest = unframe(request).unwrap();
            let id = request.filter.unwrap().id;
            if id.is_empty() {
                return Some(frame(&api::ListContainersResponse::default()));
            }
            Some(frame(&api::ListContainersResponse {
                containers: vec![api::ListedContainer {
                    id,
                    pod_sandbox_id: "sand".into(),
                    ..Default::default()
                }],
            }))
        }
        "PodSandboxStatus" => {
            let request: api::PodSandboxStatusRequest = unframe(request).unwrap();
            (request.pod_sandbox_id == "sand").then(|| {
                frame(&api::PodSandboxStatusResponse {
                    status: Some(sandbox("sand")),
                    info: [(
                        "info".into(),
                        r#"{"cniResult":{"IPs":["10.0.0.1"]}}"#.into(),
                    )]
                    .into(),
                })
            })
        }
        _ => None,
    }
}

fn serve(path: &Path, manner: Manner) -> runtime::Server {
    runtime::serve(path, manner, |method, _, request| match method {
        "GetContainerEvents" => Reply::Stream(events()),
        _ => answer(method, request).into(),
    })
}

/// One container is made, one goes.
fn events() -> Vec<Bytes> {
    [("plain", api::CREATED), ("gone", 3)]
        .map(|(id, kind)| {
            frame(&api::ContainerEventResponse {
                container_id: id.into(),
                container_event_type: kind,
            })
        })
        .into()
}

fn containers(sockets: &[&Socket]) -> Arc<Containers> {
    runtime::containers(Engine::Cri, sockets)
}

#[test]
fn a_runtime_tells_what_it_knows() {
    let path = socket("well");
    serve(&path, Manner::Well);
    let containers = containers(&[&path]);
    let web = containers.get("web", Runtime::Containerd);
    let plain = containers.get("plain", Runtime::Cri);
    let sand = containers.get("sand", Runtime::Cri);
    let unknown = containers.get("unknown", Runtime::Containerd);
    assert!(containers.is_pending("web"));
    assert!(containers.settle(PATIENCE));
    let info = web.info().unwrap();
    let cni = &info.pod.as_ref().unwrap().cni_json;
    assert_eq!(cni, r#"{"IPs":["10.0.0.1"]}"#);
    assert_eq!(info.name, "nginx");
    assert_eq!(info.image, "docker.io/library/nginx:latest");
    assert_eq!(info.image_repository, "docker.io/library/nginx");
    assert_eq!(info.image_tag, "latest");
    assert_eq!(info.image_digest, "sha256:0011");
    assert_eq!(info.image_id, "a".repeat(64));
    assert_eq!(info.privileged, Some(true));
    assert_eq!(info.runtime, Some(Runtime::Containerd));
    assert_eq!(info.labels, [("tier".to_owned(), "front".to_owned())]);
    assert_eq!(
        (info.host_network, info.host_pid),
        (Some(true), Some(false))
    );
    assert_eq!(
        (info.mounts[0].propagation.as_str(), info.mounts[0].readonly),
        ("rslave", true)
    );
    let pod = info.pod.as_ref().unwrap();
    assert_eq!(
        (pod.name.as_str(), pod.namespace.as_str()),
        ("web-0", "shop")
    );
    assert_eq!(
        (pod.uid.as_str(), pod.sandbox_id.as_str()),
        ("uid-1", "sand")
    );
    assert_eq!((pod.ip.as_str(), pod.labels.len()), ("10.1.2.3", 1));
    // Without additional information the list has the sandbox.
    let info = plain.info().unwrap();
    assert_eq!((info.privileged, info.pod.as_ref()), (None, Some(pod)));
    // The container that holds the pod.
    let info = sand.info().unwrap();
    assert_eq!(
        (info.name.as_str(), info.pod.as_ref()),
        ("web-0", Some(pod))
    );
    assert!(unknown.info().is_none() && !unknown.is_pending());
}

#[test]
fn others_are_asked_when_one_hangs_or_talks_nonsense() {
    for (name, manner) in [
        ("hangs", Manner::Hangs),
        ("garbage", Manner::Garbage),
        ("messages", Manner::BadMessages),
    ] {
        let (bad, good) = (socket(name), socket(&format!("{name}-good")));
        serve(&bad, manner);
        serve(&good, Manner::Well);
        let containers = containers(&[&bad, &good]);
        let web = containers.get("web", Runtime::Cri);
        assert!(containers.settle(PATIENCE), "{name}");
        assert_eq!(web.info().unwrap().name, "nginx", "{name}");
    }
}

/// What was logged.
struct Lines(Mutex<Vec<String>>);

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {}", record.level(), record.args());
            self.0.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

static LINES: Lines = Lines(Mutex::new(Vec::new()));

fn log_lines() {
    // Whichever test comes first.
    let _ = log::set_logger(&LINES);
    log::set_max_level(log::LevelFilter::Info);
}

/// The lines of one level about the socket of a name.
fn logged(level: log::Level, name: &str) -> Vec<String> {
    let all = LINES.0.lock().unwrap();
    let of_level = all
        .iter()
        .filter(|line| line.starts_with(level.as_str()) && line.contains(&format!("/{name}.sock")));
    of_level.cloned().collect()
}

#[test]
fn trouble_is_told_once() {
    log_lines();
    for (name, manner) in [
        ("told-hangs", Manner::Hangs),
        ("told-garbage", Manner::Garbage),
        ("told-messages", Manner::BadMessages),
    ] {
        let path = socket(name);
        let _server = serve(&path, manner);
        let containers = containers(&[&path]);
        for round in 0..5 {
            containers.get(&format!("{name}-{round}"), Runtime::Cri);
            assert!(containers.settle(PATIENCE), "{name}");
            std::thread::sleep(LIMITS.longest_rest);
        }
        let told = logged(log::Level::Warn, name);
        assert_eq!(told.len(), 1, "{name}: {told:?}");
    }
}

#[test]
fn a_runtime_that_hangs_costs_its_time_limit() {
    let path = socket("alone");
    serve(&path, Manner::Hangs);
    let containers = containers(&[&path]);
    let start = Instant::now();
    let web = containers.get("web", Runtime::Cri);
    assert!(start.elapsed() < LIMITS.answer, "asking waited");
    assert!(web.is_pending());
    assert!(containers.settle(PATIENCE));
    assert!(web.info().is_none() && !web.is_pending());
    // While the socket rests nobody waits for it.
    let start = Instant::now();
    containers.get("other", Runtime::Cri);
    assert!(containers.settle(PATIENCE));
    assert!(start.elapsed() < LIMITS.answer * 2);
}

#[test]
fn a_connection_is_made_again() {
    let path = socket("ends");
    let asked = serve(&path, Manner::HangsUp).asked;
    let containers = containers(&[&path]);
    let web = containers.get("web", Runtime::Cri);
    // Each answer is followed by an end: only the version comes through.
    wait(&web, |c| !c.is_pending());
    wait(&web, |_| asked.load(Ordering::Relaxed) >= 4);
    assert!(web.info().is_none());
}

#[test]
fn a_runtime_comes_late() {
    let path = socket("late");
    let containers = containers(&[&path]);
    let web = containers.get("web", Runtime::Cri);
    // Two more have it than the list of all: as a thread would.
    let _thread = Arc::clone(&web);
    assert!(containers.settle(PATIENCE));
    assert!(web.info().is_none());
    serve(&path, Manner::Well);
    wait(&web, |c| c.info().is_some());
}

#[test]
fn nobody_asks_this_interface_for_others() {
    let path = socket("others");
    let server = serve(&path, Manner::Well);
    let containers = containers(&[&path]);
    let docker = containers.get("web", Runtime::Docker);
    assert!(containers.settle(PATIENCE));
    assert!(docker.info().is_none());
    // The version, when the connection was made, what runs, and of what was announced
    // the container and its sandbox.
    assert!(server.asked.load(Ordering::Relaxed) <= 6);
}

#[test]
fn a_container_is_fetched_when_it_is_announced() {
    let path = socket("announced");
    let _server = serve(&path, Manner::Well);
    let containers = containers(&[&path]);
    // Nobody has seen a process of it.
    until(|| {
        containers
            .lookup("plain")
            .is_some_and(|c| c.info().is_some())
    });
    let plain = containers.lookup("plain").unwrap();
    assert_eq!(plain.info().unwrap().name, "nginx");
    assert_eq!(plain.runtime(), Runtime::Containerd);
    assert!(containers.lookup("gone").is_none());
}

#[test]
fn a_runtime_vanishes_and_returns() {
    log_lines();
    let path = socket("returns");
    let server = serve(&path, Manner::Well);
    let containers = containers(&[&path]);
    let web = containers.get("web", Runtime::Cri);
    assert!(containers.settle(PATIENCE));
    assert!(web.info().is_some());
    server.stop();
    let meanwhile = containers.get("plain", Runtime::Cri);
    let _thread = Arc::clone(&meanwhile);
    assert!(
        containers.settle(PATIENCE),
        "somebody waits for who is away"
    );
    let away = containers.get("sand", Runtime::Cri);
    let _thread = Arc::clone(&away);
    assert!(containers.settle(PATIENCE));
    assert!(away.info().is_none());
    until(|| !logged(log::Level::Warn, "returns").is_empty());
    // However often it is looked for.
    std::thread::sleep(LIMITS.listen * 5);
    assert!(logged(log::Level::Info, "returns").is_empty());
    let _server = serve(&path, Manner::Well);
    wait(&away, |c| c.info().is_some());
    wait(&meanwhile, |c| c.info().is_some());
    let told = logged(log::Level::Warn, "returns");
    assert_eq!(told.len(), 1, "{told:?}");
    until(|| !logged(log::Level::Info, "returns").is_empty());
    let told = logged(log::Level::Info, "returns");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("answers again"), "{told:?}");
    // The first one after the return does not suffer from what was before.
    let first = containers.get("unknown", Runtime::Cri);
    assert!(containers.settle(PATIENCE));
    assert!(first.info().is_none());
}

/// Held while the runtime shall hang, as one does that was stopped: it takes
/// connections, and answers later.
static HANGING: Mutex<()> = Mutex::new(());

#[test]
fn a_runtime_hangs_and_goes_on() {
    let path = socket("hangs-and-goes-on");
    // It announces nothing, as containerd before 2.0.
    let _server = runtime::serve(&path, Manner::Well, |method, _, request| {
        drop(HANGING.lock().unwrap());
        answer(method, request).into()
    });
    let containers = containers(&[&path]);
    let web = containers.get("web", Runtime::Cri);
    wait(&web, |c| c.info().is_some());
    let hanging = HANGING.lock().unwrap();
    // More than are asked about at a time: it is one error all the same.
    let names: Vec<_> = (0..20).map(|i| format!("unknown-{i}")).collect();
    let names = names.iter().map(String::as_str).chain(["plain", "sand"]);
    let meanwhile: Vec<_> = names.map(|id| containers.get(id, Runtime::Cri)).collect();
    // Somebody is in each of them.
    let _threads = meanwhile.clone();
    assert!(containers.settle(PATIENCE), "somebody waits for who hangs");
    // Until it would be asked about them again only after ten seconds.
    std::thread::sleep(Duration::from_secs(3));
    assert!(meanwhile.iter().all(|c| c.info().is_none()));
    drop(hanging);
    let begin = Instant::now();
    for container in &meanwhile[20..] {
        wait(container, |c| c.info().is_some());
    }
    let late = begin.elapsed();
    assert!(late < Duration::from_secs(5), "known after {late:?} only");
}

#[test]
fn a_socket_that_is_gone_is_missed_by_whoever_listens() {
    log_lines();
    // One announces what it makes, one does not.
    let silent = |path: &Path| {
        runtime::serve(path, Manner::Well, |method, _, request| match method {
            "ListPodSandbox" => Reply::Message(frame(&api::ListPodSandboxResponse {
                items: vec![api::ListedSandbox { id: "sand".into() }],
            })),
            _ => answer(method, request).into(),
        })
    };
    for (name, seen) in [("missed", "plain"), ("missed-silent", "sand")] {
        let path = socket(name);
        let start = || match name {
            "missed" => serve(&path, Manner::Well),
            _ => silent(&path),
        };
        let server = start();
        let containers = containers(&[&path]);
        until(|| containers.lookup(seen).is_some());
        server.stop();
        // Nobody asks about anything.
        until(|| !logged(log::Level::Warn, name).is_empty());
        let _server = start();
        until(|| !logged(log::Level::Info, name).is_empty());
        let told = logged(log::Level::Warn, name);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn a_socket_that_was_never_there_is_no_trouble() {
    log_lines();
    let path = socket("never");
    let containers = containers(&[&path]);
    containers.get("web", Runtime::Cri);
    assert!(containers.settle(PATIENCE));
    std::thread::sleep(LIMITS.listen * 5);
    assert!(logged(log::Level::Warn, "never").is_empty());
}

#[test]
fn what_runs_is_known_before_the_first_event() {
    let path = socket("runs");
    let _server = runtime::serve(&path, Manner::Well, |method, _, request| match method {
        "ListContainers" => {
            let request: api::ListContainersRequest = unframe(request).unwrap();
            let filter = request.filter.unwrap();
            match filter.state {
                None => answer(
                    method,
                    &frame(&api::ListContainersRequest {
                        filter: Some(filter),
                    }),
                )
                .into(),
                Some(state) => {
                    assert_eq!(state.state, api::RUNNING);
                    Reply::Message(frame(&api::ListContainersResponse {
                        containers: vec![api::ListedContainer {
                            id: "web".into(),
                            ..Default::default()
                        }],
                    }))
                }
            }
        }
        "ListPodSandbox" => Reply::Message(frame(&api::ListPodSandboxResponse {
            items: vec![api::ListedSandbox { id: "sand".into() }],
        })),
        // A runtime that announces nothing.
        _ => answer(method, request).into(),
    });
    let containers = containers(&[&path]);
    // As the start of the engine does; no process of them was seen.
    assert!(containers.settle(PATIENCE));
    let name = |id: &str| {
        let container = containers.lookup(id).expect("it was listed");
        container.info().map(|info| info.name.clone())
    };
    assert_eq!(name("web").as_deref(), Some("nginx"));
    assert_eq!(name("sand").as_deref(), Some("web-0"));
    let lookups = containers.lookups();
    assert_eq!((lookups.asked, lookups.answered), (2, 2), "{lookups:?}");
}

/// How often it was asked about the container that comes late.
static ASKED_LATE: AtomicUsize = AtomicUsize::new(0);

#[test]
fn nobody_is_unknown_while_events_wait() {
    let path = socket("hold");
    let _server = runtime::serve(&path, Manner::Well, |method, _, request| {
        let known = method != "ContainerStatus" || ASKED_LATE.fetch_add(1, Ordering::Relaxed) > 0;
        known.then(|| answer(method, request)).flatten().into()
    });
    let engines = Engines::at(Engine::Cri, vec![path.display().to_string()]);
    let limits = Limits {
        hold: PATIENCE,
        ..LIMITS
    };
    let containers = runtime::start_within(limits, Path::new("/"), engines);
    let web = containers.get("web", Runtime::Cri);
    // Somebody is in it.
    let _threads = [Arc::clone(&web), Arc::clone(&web)];
    // From the first question, which nobody can answer, to the second.
    until(|| {
        assert!(web.is_pending() || web.info().is_some(), "it was given up");
        web.info().is_some()
    });
    assert!(ASKED_LATE.load(Ordering::Relaxed) >= 2);
}

#[test]
fn one_that_hangs_delays_no_other() {
    let (hangs, well) = (socket("hangs-first"), socket("well-behind"));
    let _hangs = runtime::serve(&hangs, Manner::Hangs, |_, _, _| Reply::NotFound);
    let _well = serve(&well, Manner::Well);
    let at = |socket: &Socket| serde_json::json!({"sockets": [socket.display().to_string()]});
    let engines = runtime::engines(&serde_json::json!({"engines": {
        "docker": at(&hangs),
        "cri": at(&well),
        "containerd": {"enabled": false},
        "podman": {"enabled": false},
    }}));
    // Whoever waited for the first one would wait for ever.
    let limits = Limits {
        answer: PATIENCE * 10,
        ..LIMITS
    };
    let containers = runtime::start_within(limits, Path::new("/"), engines);
    let web = containers.get("web", Runtime::Cri);
    wait(&web, |c| c.info().is_some());
    assert_eq!(web.info().unwrap().name, "nginx");
    // The start waits for it no longer than is said.
    assert!(!containers.settle(Duration::from_millis(50)));
}

/// Whether the container has been started.
static IS_STARTED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn the_time_of_the_start_is_asked_for_again() {
    let path = socket("starts");
    let _server = runtime::serve(&path, Manner::Well, |method, _, request| match method {
        "ContainerStatus" => {
            let reply = answer(method, request);
            let Some(bytes) = reply else {
                return Reply::NotFound;
            };
            let mut told: api::ContainerStatusResponse = unframe(&bytes).unwrap();
            let status = told.status.as_mut().unwrap();
            status.created_at = 3;
            if IS_STARTED.load(Ordering::Relaxed) == 0 {
                status.started_at = 0;
            }
            Reply::Message(frame(&told))
        }
        "ContainerStats" => Reply::Message(frame(&api::ContainerStatsResponse {
            stats: Some(api::ContainerStats {
                writable_layer: Some(api::FilesystemUsage {
                    used_bytes: Some(api::UInt64Value { value: 4096 }),
                }),
            }),
        })),
        _ => answer(method, request).into(),
    });
    let engines = runtime::engines(&serde_json::json!({"with_size": true, "engines": {
        "cri": {"sockets": [path.display().to_string()]},
    }}));
    let containers = runtime::start(Path::new("/"), engines);
    let web = containers.get("web", Runtime::Cri);
    let _threads = [Arc::clone(&web), Arc::clone(&web)];
    wait(&web, |c| c.info().is_some());
    assert_eq!(web.info().unwrap().started, 3, "when it was made");
    assert_eq!(web.info().unwrap().size, Some(4096));
    IS_STARTED.store(1, Ordering::Relaxed);
    wait(&web, |c| c.info().unwrap().started == 5);
    assert_eq!(containers.take_news().len(), 1, "it is news once");
}

#[test]
fn the_interface_of_kubernetes_counts_before_containerds_own() {
    // Both are at one socket; the container was made, and is not started yet.
    let path = socket("both");
    let _server = runtime::serve(&path, Manner::Well, |method, namespace, request| {
        Reply::Message(match method {
            "List" if namespace.is_empty() => frame(&containerd_api::Namespaces {
                namespaces: vec![containerd_api::Namespace {
                    name: "k8s.io".into(),
                }],
            }),
            "Get" => frame(&containerd_api::GotContainer {
                container: Some(containerd_api::Container {
                    id: "web".into(),
                    labels: pairs([("io.kubernetes.pod.name", "less")]),
                    ..Default::default()
                }),
            }),
            "ContainerStatus" => {
                let Some(bytes) = answer(method, request) else {
                    return Reply::NotFound;
                };
                let mut told: api::ContainerStatusResponse = unframe(&bytes).unwrap();
                told.status.as_mut().unwrap().started_at = 0;
                frame(&told)
            }
            _ => return answer(method, request).into(),
        })
    });
    let at = serde_json::json!({"sockets": [path.display().to_string()]});
    let engines = runtime::engines(&serde_json::json!({"engines": {"cri": at, "containerd": at}}));
    let containers = runtime::start(Path::new("/"), engines);
    let web = containers.get("web", Runtime::Containerd);
    wait(&web, |c| c.info().is_some());
    let info = web.info().unwrap();
    assert_eq!(info.image, "docker.io/library/nginx:latest");
    let pod = info.pod.as_ref().unwrap();
    assert_eq!((pod.name.as_str(), pod.ip.as_str()), ("web-0", "10.1.2.3"));
}
