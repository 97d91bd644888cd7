//! Asking a runtime, with runtimes that answer, hang, talk nonsense, come late.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use falco_engine::metadata::cri::api;
use falco_engine::metadata::endpoint::Limits;
use falco_engine::metadata::engines::{Engine, Engines};
use falco_engine::metadata::grpc::{NOT_FOUND, frame, unframe};
use falco_engine::metadata::runtimes::Runtimes;
use falco_engine::metadata::{Container, Containers, Runtime};
use http::{HeaderMap, HeaderValue, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

const LIMITS: Limits = Limits {
    answer: Duration::from_millis(300),
    rest: Duration::from_millis(20),
    longest_rest: Duration::from_millis(100),
    listen: Duration::from_millis(20),
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the runtime at a socket does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    /// Answers.
    Well,
    /// Takes connections, says nothing.
    Hangs,
    /// Says something that is not HTTP.
    Garbage,
    /// Answers with messages that are none.
    BadMessages,
    /// Ends the connection in the middle of the second answer.
    HangsUp,
}

fn socket(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("cri-{}-{name}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

/// Starts a runtime; gives how often it was asked.
fn serve(path: &Path, manner: Manner) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = {
        let _guard = runtime.enter();
        UnixListener::bind(path).unwrap()
    };
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(connection(stream, manner, Arc::clone(&count)));
            }
        });
    });
    asked
}

async fn connection(mut stream: UnixStream, manner: Manner, asked: Arc<AtomicUsize>) {
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Garbage => {
            let _ = stream.write_all(&[0xA5; 4096]).await;
            return;
        }
        _ => {}
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let count = asked.fetch_add(1, Ordering::Relaxed);
        if matches!(manner, Manner::HangsUp) && count % 2 == 1 {
            return;
        }
        tokio::spawn(async move {
            let path = request.uri().path().to_owned();
            let mut body = request.into_body();
            let mut bytes = Vec::new();
            while let Some(Ok(chunk)) = body.data().await {
                bytes.extend_from_slice(&chunk);
            }
            let answer = match manner {
                Manner::BadMessages => Some(Bytes::from_static(b"\0\0\0\0\x04\xff\xff\xff\xff")),
                _ => answer(path.rsplit('/').next().unwrap(), &bytes),
            };
            let response = Response::builder().header("content-type", "application/grpc");
            let Some(answer) = answer else {
                // As gRPC servers do it when there is nothing but an error.
                let code = HeaderValue::from(NOT_FOUND);
                let response = response.header("grpc-status", code).body(()).unwrap();
                let _ = respond.send_response(response, true);
                return;
            };
            let response = response.body(()).unwrap();
            let mut stream = respond.send_response(response, false).unwrap();
            stream.send_data(answer, false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers).unwrap();
        });
    }
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(k, v)| (k.into(), v.into())).into()
}

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
        labels: map([("app", "web")]),
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
                "web" => map([(
                    "info",
                    r#"{"sandboxID":"sand","config":{"linux":{"security_context":{"privileged":true}}}}"#,
                )]),
                "plain" => map([]),
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
                    labels: map([("tier", "front")]),
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

fn containers(sockets: &[&PathBuf]) -> Arc<Containers> {
    let paths = sockets.iter().map(|path| path.display().to_string());
    let engines = Engines::at(Engine::Cri, paths.collect());
    let containers = Arc::new(Containers::new());
    Runtimes::start(Path::new("/"), engines, LIMITS, &containers).unwrap();
    containers
}

fn wait(container: &Container, what: impl Fn(&Container) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what(container) {
        assert!(Instant::now() < end, "nothing came");
        std::thread::sleep(Duration::from_millis(2));
    }
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
    let asked = serve(&path, Manner::HangsUp);
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
    let asked = serve(&path, Manner::Well);
    let containers = containers(&[&path]);
    let docker = containers.get("web", Runtime::Docker);
    assert!(containers.settle(PATIENCE));
    assert!(docker.info().is_none());
    // One request for the version, when the connection was made.
    assert!(asked.load(Ordering::Relaxed) <= 1);
}
