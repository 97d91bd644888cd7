//! Every field about containers and pods, from the answers of every runtime.
//!
//! The answers have the shape of the runtimes' public interfaces.

mod runtime;
mod shown;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::fields::FIELDS;
use falco_engine::metadata::containerd::api as containerd_api;
use falco_engine::metadata::cri::api;
use falco_engine::metadata::engines::Engine;
use falco_engine::metadata::grpc::{frame, unframe};
use falco_engine::metadata::{Containers, Info, Runtime, recorded};
use falco_engine::state::State;
use falco_engine::state::thread::Thread;
use prost::Message;
use runtime::{Manner, Reply, Socket, pairs, socket, until, wait};
use shown::read;

const ID: &str = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
const SANDBOX: &str = "5ab0f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
const IMAGE: &str = "1111f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
const CNI: &str = r#"{"Interfaces":{"eth0":{"IPConfigs":[{"IP":"10.1.2.3"}]}}}"#;

/// When the container was started: a second before the event.
const STARTED: i64 = 1_767_323_045_000_000_006;

/// The fields, and in the columns what CRI, Docker, Podman and containerd make of
/// them. `-` is no value: the runtime does not know it.
#[rustfmt::skip]
const EXPECTED: &[(&str, [&str; 4])] = &[
    ("container.id", ["7939f7035e61"; 4]),
    ("container.full_id", [ID; 4]),
    ("container.name", ["nginx", "web", "pod-web", "shop-web"]),
    ("container.image", ["docker.io/library/nginx:1.27", "nginx:1.27", "docker.io/library/nginx:1.27", "docker.io/library/nginx:1.27"]),
    ("container.image.id", [IMAGE, IMAGE, IMAGE, ""]),
    ("container.image.repository", ["docker.io/library/nginx", "nginx", "docker.io/library/nginx", "docker.io/library/nginx"]),
    ("container.image.tag", ["1.27"; 4]),
    ("container.image.digest", ["sha256:d1"; 4]),
    ("container.type", ["cri-o", "docker", "podman", "containerd"]),
    ("container.privileged", ["true"; 4]),
    ("container.mounts", ["/srv:/data::false:rslave", "/srv:/data:ro:false:rslave", "/srv:/data:ro:false:rslave", "/srv:/data::false:rslave"]),
    ("container.mount[0]", ["/srv:/data::false:rslave", "/srv:/data:ro:false:rslave", "/srv:/data:ro:false:rslave", "/srv:/data::false:rslave"]),
    ("container.mount.source[/data]", ["/srv"; 4]),
    ("container.mount.dest[/srv]", ["/data"; 4]),
    ("container.mount.mode[/srv]", ["", "ro", "ro", ""]),
    ("container.mount.rdwr[/srv]", ["false"; 4]),
    ("container.mount.propagation[/srv]", ["rslave"; 4]),
    ("container.start_ts", ["1767323045000000006"; 4]),
    ("container.duration", ["1000000000"; 4]),
    ("container.ip", ["10.1.2.3", "172.17.0.2", "10.88.0.2", ""]),
    ("container.host_pid", ["true"; 4]),
    ("container.host_network", ["false"; 4]),
    ("container.host_ipc", ["false"; 4]),
    ("container.label[tier]", ["front"; 4]),
    ("container.labels", ["tier:front", "tier:front", "tier:front", "nerdctl/name:shop-web, tier:front"]),
    ("container.cni.json", [CNI, "", "", ""]),
    ("container.healthcheck", ["-"; 4]),
    ("container.liveness_probe", ["-"; 4]),
    ("container.readiness_probe", ["-"; 4]),
    ("k8s.pod.name", ["shop-0", "-", "-", "-"]),
    ("k8s.ns.name", ["shop", "-", "-", "-"]),
    ("k8s.pod.id", ["uid-1", "-", "-", "-"]),
    ("k8s.pod.uid", ["uid-1", "-", "-", "-"]),
    ("k8s.pod.sandbox_id", ["5ab0f7035e61", "", "", ""]),
    ("k8s.pod.full_sandbox_id", [SANDBOX, "", "", ""]),
    ("k8s.pod.label[app]", ["shop", "-", "-", "-"]),
    ("k8s.pod.labels", ["app:shop", "", "", ""]),
    ("k8s.pod.ip", ["10.1.2.3", "", "", ""]),
    ("k8s.pod.cni.json", [CNI, "", "", ""]),
];

/// Deprecated: no runtime ever told them, nor does Falco.
const NEVER: [&str; 5] = [
    "k8s.rc.",
    "k8s.svc.",
    "k8s.rs.",
    "k8s.deployment.",
    "k8s.ns.",
];

fn cri(method: &str, _: &str, request: &[u8]) -> Reply {
    let of_container = r#"{"sandboxID":"@","privileged":true,"pid":7}"#.replace('@', SANDBOX);
    let of_sandbox = format!(
        r#"{{"pid":6,"runtimeSpec":{{"annotations":{{"io.kubernetes.cri-o.CNIResult":{CNI:?}}}}}}}"#
    );
    Reply::Message(match method {
        "Version" => frame(&api::VersionResponse {
            runtime_name: "cri-o".into(),
            ..Default::default()
        }),
        "ContainerStatus" => {
            let request: api::ContainerStatusRequest = unframe(request).unwrap();
            assert!(request.verbose && request.container_id == ID);
            frame(&api::ContainerStatusResponse {
                status: Some(api::ContainerStatus {
                    id: ID.into(),
                    metadata: Some(api::ContainerMetadata {
                        name: "nginx".into(),
                        attempt: 0,
                    }),
                    started_at: STARTED,
                    image: Some(api::ImageSpec {
                        image: "docker.io/library/nginx:1.27".into(),
                        ..Default::default()
                    }),
                    image_ref: "docker.io/library/nginx@sha256:d1".into(),
                    image_id: IMAGE.into(),
                    labels: pairs([("tier", "front")]),
                    mounts: vec![api::Mount {
                        container_path: "/data".into(),
                        host_path: "/srv".into(),
                        readonly: true,
                        propagation: 1,
                    }],
                    ..Default::default()
                }),
                info: pairs([("info", &of_container)]),
            })
        }
        "PodSandboxStatus" => frame(&api::PodSandboxStatusResponse {
            status: Some(api::PodSandboxStatus {
                id: SANDBOX.into(),
                metadata: Some(api::PodSandboxMetadata {
                    name: "shop-0".into(),
                    namespace: "shop".into(),
                    uid: "uid-1".into(),
                    attempt: 0,
                }),
                network: Some(api::PodSandboxNetworkStatus {
                    ip: "10.1.2.3".into(),
                }),
                linux: Some(api::LinuxPodSandboxStatus {
                    namespaces: Some(api::Namespace {
                        options: Some(api::NamespaceOption {
                            network: 0,
                            pid: api::NODE,
                            ipc: 0,
                        }),
                    }),
                }),
                labels: pairs([("app", "shop")]),
                ..Default::default()
            }),
            info: pairs([("info", &of_sandbox)]),
        }),
        _ => return Reply::NotFound,
    })
}

fn announced(namespace: &str, id: &str) -> Bytes {
    let event = containerd_api::OfContainer { id: id.into() };
    frame(&containerd_api::Envelope {
        namespace: namespace.into(),
        topic: "/containers/create".into(),
        event: Some(containerd_api::Any {
            value: event.encode_to_vec(),
        }),
    })
}

/// The container or the image that is asked for: both are the first field.
fn asked(request: &[u8]) -> String {
    unframe::<containerd_api::GetContainer>(request).unwrap().id
}

fn containerd(method: &str, namespace: &str, request: &[u8]) -> Reply {
    const SPEC: &str = r#"{"ociVersion":"1.1.0","process":{"capabilities":{"bounding":
        ["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}},
        "mounts":[{"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/data","type":"bind","source":"/srv","options":["rbind","ro","rslave"]}],
        "linux":{"namespaces":[{"type":"ipc"},{"type":"network"},{"type":"mount"}]}}"#;
    let container = |id: &str, name: &str| {
        frame(&containerd_api::GotContainer {
            container: Some(containerd_api::Container {
                id: id.into(),
                labels: pairs([("nerdctl/name", name), ("tier", "front")]),
                image: "docker.io/library/nginx:1.27".into(),
                spec: Some(containerd_api::Any { value: SPEC.into() }),
                created_at: Some(containerd_api::Time {
                    seconds: STARTED / 1_000_000_000,
                    nanos: (STARTED % 1_000_000_000) as i32,
                }),
            }),
        })
    };
    Reply::Message(match method {
        "List" if namespace == "default" => frame(&containerd_api::Tasks {
            tasks: [("runs", 2), ("ended", containerd_api::STOPPED)]
                .map(|(id, status)| containerd_api::Task {
                    id: id.into(),
                    status,
                })
                .into(),
        }),
        "List" if !namespace.is_empty() => frame(&containerd_api::Tasks::default()),
        "List" => frame(&containerd_api::Namespaces {
            namespaces: ["empty", "default"]
                .map(|name| containerd_api::Namespace { name: name.into() })
                .into(),
        }),
        "Subscribe" => {
            // The pods' and Docker's are left to those who made them.
            return Reply::Stream(vec![
                announced("k8s.io", "of-a-pod"),
                announced("moby", "of-docker"),
                announced("default", "later"),
            ]);
        }
        "Get" if namespace == "default" => match asked(request).as_str() {
            ID => container(ID, "shop-web"),
            id @ ("later" | "runs") => container(id, id),
            "docker.io/library/nginx:1.27" => frame(&containerd_api::GotImage {
                image: Some(containerd_api::Image {
                    target: Some(containerd_api::Descriptor {
                        digest: "sha256:d1".into(),
                    }),
                }),
            }),
            _ => return Reply::NotFound,
        },
        _ => return Reply::NotFound,
    })
}

/// What Docker and Podman answer; they differ in what they call an image, and in
/// where the address is.
fn inspected(socket: &Path, image: &'static str, network: &'static str) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), image, network);
        }
    });
}

fn answer(mut stream: &UnixStream, image: &str, network: &str) {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().unwrap().unwrap();
    lines.find(|line| line.as_ref().unwrap().is_empty());
    let name = if image.starts_with("docker.io") {
        "pod-web"
    } else {
        "web"
    };
    let body = match request.split(' ').nth(1).unwrap() {
        "/_ping" => "OK".to_owned(),
        path if path == format!("/containers/{ID}/json") => format!(
            r#"{{"Id":"{ID}","Created":"2026-01-02T03:04:04Z","Name":"/{name}",
            "Image":"sha256:{IMAGE}","State":{{"Status":"running","Pid":7,
            "StartedAt":"2026-01-02T03:04:05.000000006Z"}},
            "Config":{{"Image":"{image}","Labels":{{"tier":"front"}},"Env":["A=b"]}},
            "HostConfig":{{"Privileged":true,"NetworkMode":"bridge","PidMode":"host",
            "IpcMode":"private"}},
            "Mounts":[{{"Type":"bind","Source":"/srv","Destination":"/data","Mode":"ro",
            "RW":false,"Propagation":"rslave"}}],"NetworkSettings":{network}}}"#
        ),
        path if path == format!("/images/sha256:{IMAGE}/json") => {
            let (name, _) = image.rsplit_once(':').unwrap();
            format!(
                r#"{{"Id":"sha256:{IMAGE}","RepoTags":["{image}"],"RepoDigests":["{name}@sha256:d1"]}}"#
            )
        }
        _ => {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
            return;
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
}

/// A state whose containers are asked for at one socket.
fn state(root: &Path, engine: Engine, socket: &Socket) -> State {
    std::fs::create_dir_all(root.join("proc")).unwrap();
    State::of_host(root, runtime::containers(engine, &[socket])).unwrap()
}

#[test]
fn every_field_from_every_runtime() {
    let root = tempfile::tempdir().unwrap();
    let columns = [
        (
            Engine::Cri,
            format!("/kubepods/besteffort/poduid-1/crio-{ID}"),
        ),
        (Engine::Docker, format!("/system.slice/docker-{ID}.scope")),
        (
            Engine::Podman,
            format!("/machine.slice/libpod-{ID}.scope/container"),
        ),
        (Engine::Containerd, format!("/default/{ID}")),
    ];
    let sockets = columns
        .each_ref()
        .map(|(engine, _)| socket(&format!("all-{engine:?}")));
    let _cri = runtime::serve(&sockets[0], Manner::Well, cri);
    inspected(&sockets[1], "nginx:1.27", r#"{"IPAddress":"172.17.0.2"}"#);
    let podman = r#"{"IPAddress":"","Networks":{"podman":{"IPAddress":"10.88.0.2"}}}"#;
    inspected(&sockets[2], "docker.io/library/nginx:1.27", podman);
    let _containerd = runtime::serve(&sockets[3], Manner::Well, containerd);
    for (column, (engine, group)) in columns.into_iter().enumerate() {
        let mut state = state(root.path(), engine, &sockets[column]);
        let record = RecordBuilder::new(Kind::Execve, 2_000_000_000)
            .header(|header| header.ts = STARTED as u64)
            .number("res", 0)
            .bytes("comm", b"sh")
            .bytes("cgroups", format!("cpu={group}\0").as_bytes())
            .build();
        // Read a second later, by the clock of [`read`].
        state.before(&Event::decode(&record, 1, 1_000_000_000).unwrap());
        let container = state.containers().lookup(ID).expect("an id in the group");
        wait(&container, |c| c.info().is_some());
        for (field, expected) in EXPECTED {
            let expected = match expected[column] {
                "-" => "<NA>",
                text => text,
            };
            assert_eq!(
                read(&state, &record, field),
                expected,
                "{engine:?}: {field}"
            );
        }
    }
}

#[test]
fn everything_is_in_the_one_container_that_is_configured() {
    let json = r#"{"engines":{"static":{"enabled":true,"container_id":"0123456789abcdef",
        "container_name":"web","container_image":"r/app:v2@sha256:d1"}}}"#;
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("proc")).unwrap();
    let containers = runtime::start(root.path(), serde_json::from_str(json).unwrap());
    let mut state = State::of_host(root.path(), containers).unwrap();
    for group in ["/", &format!("/system.slice/docker-{ID}.scope")] {
        let record = RecordBuilder::new(Kind::Execve, 2_000_000_000)
            .number("res", 0)
            .bytes("comm", b"sh")
            .bytes("cgroups", format!("cpu={group}\0").as_bytes())
            .build();
        state.before(&Event::decode(&record, 1, 1_000_000_000).unwrap());
        for (field, expected) in [
            ("container.id", "0123456789ab"),
            ("container.full_id", "0123456789abcdef"),
            ("container.type", "static"),
            ("container.name", "web"),
            ("container.image", "r/app:v2@sha256:d1"),
            ("container.image.repository", "r/app"),
            ("container.image.tag", "v2"),
            ("container.image.digest", "sha256:d1"),
            ("k8s.pod.name", "<NA>"),
        ] {
            assert_eq!(read(&state, &record, field), expected, "{group}: {field}");
        }
    }
    assert_eq!(state.containers().len(), 1);
}

#[test]
fn a_container_starts_with_its_pid_namespace() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("proc")).unwrap();
    for (host_pid, started, expected) in [
        (Some(false), 5, "77"),
        (Some(false), 0, "77"),
        (None, 5, "77"),
        // That one started with the machine.
        (Some(true), 5, "5"),
        (Some(true), 0, "<NA>"),
    ] {
        let containers = Arc::new(Containers::new());
        containers.get(ID, Runtime::Docker).publish(Info {
            host_pid,
            started,
            ..Info::default()
        });
        let mut state = State::of_host(root.path(), containers).unwrap();
        let group = format!("cpu=/system.slice/docker-{ID}.scope\0");
        let mut thread = Thread::new(9, 9);
        thread.cgroups = group.as_bytes().into();
        thread.pidns_start = 77;
        state.add_thread(thread);
        let record = RecordBuilder::new(Kind::Close, 0)
            .header(|header| (header.tid, header.pid) = (9, 9))
            .build();
        let told = read(&state, &record, "container.start_ts");
        assert_eq!(told, expected, "{host_pid:?}, {started}");
    }
}

#[test]
fn the_table_above_has_every_field() {
    for field in FIELDS.iter().map(|field| field.name) {
        if !field.starts_with("container.") && !field.starts_with("k8s.") {
            continue;
        }
        let is_in = |(name, _): &(&str, _)| name.split('[').next() == Some(field);
        let never = NEVER.iter().any(|prefix| field.starts_with(prefix));
        assert!(never || EXPECTED.iter().any(is_in), "{field}");
    }
}

#[test]
fn containerd_announces_what_nobody_else_does() {
    let path = socket("containerd-announces");
    let _server = runtime::serve(&path, Manner::Well, containerd);
    let containers = runtime::containers(Engine::Containerd, &[&path]);
    until(|| {
        containers
            .lookup("later")
            .is_some_and(|c| c.info().is_some())
    });
    let later = containers.lookup("later").unwrap();
    assert_eq!(later.info().unwrap().name, "later");
    assert_eq!(later.runtime(), Runtime::Containerd);
    // So does what ran before.
    until(|| {
        containers
            .lookup("runs")
            .is_some_and(|c| c.info().is_some())
    });
    for others in ["of-a-pod", "of-docker", "ended"] {
        assert!(containers.lookup(others).is_none(), "{others}");
    }
}

#[test]
fn an_event_of_a_container_tells_of_that() {
    let path = socket("announced-event");
    let _server = runtime::serve(&path, Manner::Well, containerd);
    let root = tempfile::tempdir().unwrap();
    let mut state = state(root.path(), Engine::Containerd, &path);
    let container = state.containers().get(ID, Runtime::Containerd);
    wait(&container, |c| c.info().is_some());
    // As the loop makes it of what became known.
    let news = state.containers().take_news();
    assert!(news.iter().any(|known| Arc::ptr_eq(known, &container)));
    assert!(state.containers().take_news().is_empty());
    let json = recorded::describe(&container, container.info().unwrap());
    for kind in [Kind::Container, Kind::ContainerRemoved] {
        let record = RecordBuilder::new(kind, 0).bytes("json", &json).build();
        state.before(&Event::decode(&record, 1, 0).unwrap());
        for (field, expected) in [
            ("evt.type", kind.info().name),
            ("evt.asynctype", kind.info().name),
            ("evt.is_async", "true"),
            ("container.id", &ID[..12]),
            ("container.full_id", ID),
            ("container.name", "shop-web"),
            ("container.image", "docker.io/library/nginx:1.27"),
            ("container.type", "containerd"),
            ("container.label[tier]", "front"),
            ("container.mount.dest[/srv]", "/data"),
            ("proc.name", "<NA>"),
        ] {
            assert_eq!(read(&state, &record, field), expected, "{kind:?}: {field}");
        }
    }
    let lookups = state.containers().lookups();
    assert!(lookups.asked >= 1 && lookups.answered >= 1, "{lookups:?}");
    assert_eq!(lookups.refused, 0);
}
