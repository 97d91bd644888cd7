//! What the API server of Kubernetes tells, over TLS: from one that answers, that
//! refuses, that fails and returns, that is another.

mod runtime;
mod shown;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::metadata::kubernetes::{Cluster, Kubernetes, Times};
use falco_engine::metadata::{Containers, Info, Pod};
use falco_engine::state::State;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use runtime::until;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use shown::read;

const TIMES: Times = Times {
    answer: Duration::from_secs(5),
    rest: Duration::from_millis(20),
    longest_rest: Duration::from_millis(100),
    renew: Duration::from_secs(60),
    remember: Duration::from_millis(50),
};

/// What is answered to a path: a status and a body, or lines of a stream.
enum Reply {
    Body(u16, Value),
    Lines(Vec<Value>),
}

type Answer = Box<dyn Fn(&str) -> Reply + Send + Sync>;

struct Server {
    directory: tempfile::TempDir,
    port: u16,
    /// Paths that were asked for, with the token that was shown.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Server {
    fn start(answer: Answer) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(directory.path().join("ca.crt"), authority.pem()).unwrap();
        std::fs::write(directory.path().join("token"), "secret-1\n").unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let tls = Arc::new(
            tls.with_single_cert(vec![certificate.der().clone()], key)
                .unwrap(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            directory,
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        };
        let (asked, answer) = (Arc::clone(&server.asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let tls = ServerConnection::new(Arc::clone(&tls)).unwrap();
                let stream = StreamOwned::new(tls, stream.unwrap());
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                // Who does not trust the certificate goes.
                std::thread::spawn(move || serve(stream, &asked, &answer));
            }
        });
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn settings(&self) -> Kubernetes {
        Kubernetes {
            enabled: true,
            server: format!("https://127.0.0.1:{}", self.port),
            node: "node-1".into(),
            token: self.path("token"),
            authority: self.path("ca.crt"),
        }
    }

    fn asked(&self, start: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(path, _)| path.starts_with(start))
            .count()
    }
}

fn serve(
    stream: impl Read + Write,
    asked: &Mutex<Vec<(String, String)>>,
    answer: &Answer,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut lines = stream.by_ref().lines();
    let request = lines.next()?.ok()?;
    let path = request.split(' ').nth(1)?.to_owned();
    let mut token = String::new();
    for line in lines.by_ref() {
        let line = line.ok()?;
        if let Some(value) = line.strip_prefix("authorization: ") {
            value.clone_into(&mut token);
        }
        if line.is_empty() {
            break;
        }
    }
    asked.lock().unwrap().push((path.clone(), token));
    let stream = stream.get_mut();
    match answer(&path) {
        Reply::Body(status, body) => {
            let body = body.to_string();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .ok()?;
        }
        Reply::Lines(lines) => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            .ok()?;
            for line in lines {
                let line = format!("{line}\n");
                write!(stream, "{:x}\r\n{line}\r\n", line.len()).ok()?;
                stream.flush().ok()?;
            }
            std::thread::sleep(runtime::PATIENCE);
        }
    }
    stream.flush().ok()
}

fn meta(name: &str, uid: &str, labels: &Value, owner: Option<(&str, &str)>) -> Value {
    let owners: Vec<_> = owner
        .into_iter()
        .map(|(kind, name)| json!({"kind": kind, "name": name, "uid": "x", "controller": true}))
        .collect();
    json!({"metadata": {"name": name, "namespace": "shop", "uid": uid, "labels": labels,
        "ownerReferences": owners}})
}

fn pod(name: &str, owner: Option<(&str, &str)>) -> Value {
    let labels = json!({"app": "web", "tier": "front"});
    meta(name, &format!("uid-{name}"), &labels, owner)
}

/// A cluster: a deployment with a pod, a replication controller with another, a
/// service. One pod comes later, another goes.
fn cluster(path: &str) -> Reply {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let of = |name: &str| meta(name, &format!("uid-{name}"), &json!({"of": name}), None);
    Reply::Body(
        200,
        match place {
            "/api/v1/pods" if query.contains("watch=true") => {
                assert!(query.contains("resourceVersion=7"), "{query}");
                return Reply::Lines(vec![
                    json!({"type": "ADDED", "object": pod("late", None)}),
                    json!({"type": "BOOKMARK", "object": {}}),
                    json!({"type": "DELETED", "object": pod("gone", None)}),
                ]);
            }
            // In two pages.
            "/api/v1/pods" if query.contains("continue=more") => json!({
                "metadata": {"resourceVersion": "7"},
                "items": [pod("old", Some(("ReplicationController", "keeper"))), pod("gone", None)],
            }),
            "/api/v1/pods" => {
                assert!(
                    query.contains("fieldSelector=spec.nodeName%3Dnode-1"),
                    "{query}"
                );
                json!({"metadata": {"resourceVersion": "7", "continue": "more"},
                    "items": [pod("web-1", Some(("ReplicaSet", "web-7d9c")))]})
            }
            "/api/v1/namespaces/shop" => of("shop"),
            "/apis/apps/v1/namespaces/shop/replicasets/web-7d9c" => meta(
                "web-7d9c",
                "uid-rs",
                &json!({"of": "rs"}),
                Some(("Deployment", "web")),
            ),
            "/apis/apps/v1/namespaces/shop/deployments/web" => of("web"),
            "/api/v1/namespaces/shop/replicationcontrollers/keeper" => of("keeper"),
            "/api/v1/namespaces/shop/services" => json!({"metadata": {}, "items": [
                {"metadata": {"name": "front", "uid": "uid-front", "labels": {"of": "front"}},
                 "spec": {"selector": {"app": "web"}}},
                {"metadata": {"name": "all", "uid": "uid-all"}, "spec": {"selector": {"tier": "front"}}},
                {"metadata": {"name": "other", "uid": "uid-other"}, "spec": {"selector": {"app": "db"}}},
                {"metadata": {"name": "by-hand", "uid": "uid-hand"}, "spec": {}},
            ]}),
            _ => return Reply::Body(404, json!({})),
        },
    )
}

/// The state of a machine on which a process of the pod with this uid started, and
/// its record.
fn machine(root: &Path, containers: &Arc<Containers>, uid: &str) -> (State, Vec<u8>) {
    std::fs::create_dir_all(root.join("proc")).unwrap();
    let id = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
    let mut state = State::of_host(root, Arc::clone(containers)).unwrap();
    let record = RecordBuilder::new(Kind::Execve, 2_000_000_000)
        .number("res", 0)
        .bytes("comm", b"sh")
        .bytes("cgroups", format!("cpu=/k8s.io/{id}\0").as_bytes())
        .build();
    state.before(&Event::decode(&record, 1, 0).unwrap());
    state.containers().lookup(id).unwrap().publish(Info {
        pod: Some(Pod {
            uid: uid.into(),
            ip: "10.1.2.3".into(),
            ..Pod::default()
        }),
        ..Info::default()
    });
    (state, record)
}

#[test]
fn every_field_of_a_pod() {
    let server = Server::start(Box::new(cluster));
    let containers = Arc::new(Containers::new());
    let cluster = containers.cluster();
    server.settings().start(TIMES, cluster).unwrap();
    until(|| cluster.member("uid-late").is_some() && cluster.member("uid-gone").is_none());
    assert_eq!(cluster.len(), 3);
    let root = tempfile::tempdir().unwrap();
    #[rustfmt::skip]
    let of_deployment = [
        ("k8smeta.pod.name", "web-1"), ("k8smeta.pod.uid", "uid-web-1"),
        ("k8smeta.pod.label[app]", "web"), ("k8smeta.pod.label[none]", "<NA>"),
        ("k8smeta.pod.labels", "(app:web,tier:front)"), ("k8smeta.pod.ip", "10.1.2.3"),
        ("k8smeta.ns.name", "shop"), ("k8smeta.ns.uid", "uid-shop"),
        ("k8smeta.ns.label[of]", "shop"), ("k8smeta.ns.labels", "(of:shop)"),
        ("k8smeta.deployment.name", "web"), ("k8smeta.deployment.uid", "uid-web"),
        ("k8smeta.deployment.label[of]", "web"), ("k8smeta.deployment.labels", "(of:web)"),
        ("k8smeta.rs.name", "web-7d9c"), ("k8smeta.rs.uid", "uid-rs"),
        ("k8smeta.rs.label[of]", "rs"), ("k8smeta.rs.labels", "(of:rs)"),
        ("k8smeta.rc.name", "<NA>"), ("k8smeta.rc.uid", "<NA>"),
        ("k8smeta.rc.label[of]", "<NA>"), ("k8smeta.rc.labels", "<NA>"),
        ("k8smeta.svc.name", "(front,all)"), ("k8smeta.svc.uid", "(uid-front,uid-all)"),
        ("k8smeta.svc.label[of]", "(front)"), ("k8smeta.svc.labels", "(of:front)"),
    ];
    #[rustfmt::skip]
    let of_controller = [
        ("k8smeta.pod.name", "old"), ("k8smeta.rc.name", "keeper"), ("k8smeta.rc.uid", "uid-keeper"),
        ("k8smeta.rc.label[of]", "keeper"), ("k8smeta.rc.labels", "(of:keeper)"),
        ("k8smeta.rs.name", "<NA>"), ("k8smeta.deployment.name", "<NA>"),
    ];
    let (state, record) = machine(root.path(), &containers, "uid-web-1");
    for (field, value) in of_deployment {
        assert_eq!(read(&state, &record, field), value, "{field}");
    }
    let other = Arc::new(Containers::new());
    server.settings().start(TIMES, other.cluster()).unwrap();
    until(|| other.cluster().member("uid-old").is_some());
    let (state, record) = machine(root.path(), &other, "uid-old");
    for (field, value) in of_controller {
        assert_eq!(read(&state, &record, field), value, "{field}");
    }
    // What two pods have in common was asked for once for each follower.
    assert_eq!(server.asked("/api/v1/namespaces/shop/services"), 2);
    let asked = server.asked.lock().unwrap();
    assert!(
        asked.iter().all(|(_, token)| token == "Bearer secret-1"),
        "{asked:?}"
    );
}

#[test]
fn what_is_forbidden_is_left_out() {
    let server = Server::start(Box::new(|path| match path {
        path if path.contains("/services") || path.contains("/deployments") => {
            Reply::Body(403, json!({"message": "no"}))
        }
        path => cluster(path),
    }));
    let containers = Arc::new(Containers::new());
    server
        .settings()
        .start(TIMES, containers.cluster())
        .unwrap();
    until(|| containers.cluster().member("uid-web-1").is_some());
    let member = containers.cluster().member("uid-web-1").unwrap();
    assert_eq!(member.replica_set.as_ref().unwrap().name, "web-7d9c");
    assert!(member.deployment.is_none() && member.services.is_empty());
}

#[test]
fn a_server_fails_and_returns() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(Box::new(move |path| {
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Body(500, json!({})),
            1 => Reply::Body(200, json!("garbage")),
            2 => Reply::Body(401, json!({})),
            _ => cluster(path),
        }
    }));
    let containers = Arc::new(Containers::new());
    server
        .settings()
        .start(TIMES, containers.cluster())
        .unwrap();
    until(|| containers.cluster().member("uid-late").is_some());
    assert!(asked.load(Ordering::Relaxed) > 3);
}

#[test]
fn a_server_with_another_certificate_is_told_nothing() {
    let server = Server::start(Box::new(cluster));
    let other = Server::start(Box::new(cluster));
    let settings = Kubernetes {
        authority: other.path("ca.crt"),
        ..server.settings()
    };
    let containers = Arc::new(Containers::new());
    settings.start(TIMES, containers.cluster()).unwrap();
    std::thread::sleep(5 * TIMES.longest_rest);
    assert!(containers.cluster().is_empty());
    assert_eq!(server.asked(""), 0, "a token went to a stranger");
}

#[test]
fn settings_that_cannot_be_used() {
    let server = Server::start(Box::new(cluster));
    let cluster = Arc::new(Cluster::default());
    let error = |change: &dyn Fn(&mut Kubernetes)| {
        let mut settings = server.settings();
        change(&mut settings);
        settings.start(TIMES, &cluster).unwrap_err()
    };
    let wrong = error(&|settings| settings.server = "http://127.0.0.1".into());
    assert!(wrong.contains("kubernetes.api_server"), "{wrong}");
    let missing = error(&|settings| settings.authority = "/none".into());
    assert!(
        missing.contains("kubernetes.ca_cert") && missing.contains("/none"),
        "{missing}"
    );
    let off = Kubernetes::default();
    assert_eq!((off.enabled, off.start(TIMES, &cluster)), (false, Ok(())));
}
