//! Asking a runtime, with runtimes that answer, hang, talk nonsense, come late.

mod runtime;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use falco_engine::metadata::cri::api;
use falco_engine::metadata::engines::Engine;
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

/// What was logged as a warning.
struct Warnings(Mutex<Vec<String>>);

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));

#[test]
fn trouble_is_told_once() {
    // Nobody else in this program logs to it.
    let _ = log::set_logger(&WARNINGS);
    log::set_max_level(log::LevelFilter::Warn);
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
        let all = WARNINGS.0.lock().unwrap();
        let told = all.iter().filter(|line| line.contains(name)).count();
        assert_eq!(told, 1, "{name}: {all:?}");
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
    // The version, when the connection was made, and of what was announced the
    // container and its sandbox.
    assert!(server.asked.load(Ordering::Relaxed) <= 4);
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
    let _server = serve(&path, Manner::Well);
    wait(&away, |c| c.info().is_some());
    wait(&meanwhile, |c| c.info().is_some());
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
