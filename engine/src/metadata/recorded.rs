//! Containers as recorders describe them in captures: one JSON object for each.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cgroup::Runtime;
use super::{Container, Info, Mount, Pod};

#[derive(Deserialize)]
struct Described {
    container: Entry,
}

/// What recorders of different ages wrote, as far as fields have it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: String,
    full_id: String,
    #[serde(rename = "type")]
    kind: u64,
    name: String,
    image: String,
    imageid: String,
    imagerepo: String,
    imagetag: String,
    imagedigest: String,
    privileged: Told,
    host_pid: Told,
    host_network: Told,
    host_ipc: Told,
    /// Seconds since the epoch.
    created_time: i64,
    /// Nanoseconds; we alone write them.
    created_time_ns: u64,
    // Some wrote it as a number, or nothing.
    ip: Value,
    cni_json: String,
    pod_sandbox_id: String,
    env: Vec<String>,
    /// Nobody knows it where it is less than nothing.
    size: Option<i64>,
    labels: Map<String, Value>,
    pod_sandbox_labels: Map<String, Value>,
    /// We alone write it: others tell the pod by the container's labels.
    pod: Option<PodName>,
    #[serde(rename = "Mounts")]
    mounts: Vec<RecordedMount>,
}

/// What is not told is false; `null` is what nobody knew.
#[derive(Deserialize)]
#[serde(transparent)]
struct Told(Option<bool>);

impl Default for Told {
    fn default() -> Self {
        Self(Some(false))
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
struct PodName {
    name: String,
    namespace: String,
    uid: String,
}

#[derive(Default, Deserialize, Serialize)]
#[serde(default, rename_all = "PascalCase")]
struct RecordedMount {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    writable: bool,
    propagation: String,
}

/// Kinds of runtimes by their numbers in captures.
const RUNTIMES: [(u64, Runtime); 9] = [
    (0, Runtime::Docker),
    (1, Runtime::Lxc),
    (2, Runtime::LibvirtLxc),
    (6, Runtime::Cri),
    (7, Runtime::Containerd),
    (8, Runtime::CriO),
    (9, Runtime::Bpm),
    (10, Runtime::Static),
    (11, Runtime::Podman),
];

/// Number of what has none.
const NO_NUMBER: u64 = 255;

fn runtime(kind: u64) -> Option<Runtime> {
    let mut known = RUNTIMES.iter();
    known
        .find(|(number, _)| *number == kind)
        .map(|known| known.1)
}

fn number(runtime: Runtime) -> u64 {
    let mut known = RUNTIMES.iter();
    let known = known.find(|(_, known)| *known == runtime);
    known.map_or(NO_NUMBER, |known| known.0)
}

fn pairs(map: Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let pairs = map.into_iter().map(|(key, value)| (key, text(value)));
    pairs.collect()
}

/// The container that the JSON describes: its id and what is known of it.
/// Bytes behind the object are ignored, as recorders left some there.
pub fn parse(json: &[u8]) -> Option<(String, Info)> {
    let mut objects = serde_json::Deserializer::from_slice(json).into_iter::<Described>();
    let entry = objects.next()?.ok()?.container;
    if entry.id.is_empty() {
        return None;
    }
    let labels = pairs(entry.labels);
    let pod_labels = pairs(entry.pod_sandbox_labels);
    let pod = Pod::of_labels(&labels).or_else(|| Pod::of_labels(&pod_labels));
    let pod = entry.pod.map_or(pod, |named| {
        Some(Pod {
            name: named.name,
            namespace: named.namespace,
            uid: named.uid,
            ..Pod::default()
        })
    });
    let ip = entry.ip.as_str().unwrap_or_default();
    let sandbox = Some(entry.pod_sandbox_id).filter(|id| !id.is_empty());
    let pod = match (pod, sandbox) {
        (None, None) => None,
        (pod, sandbox) => {
            let pod = pod.unwrap_or_default();
            Some(Pod {
                sandbox_id: sandbox.unwrap_or_else(|| pod.sandbox_id.clone()),
                labels: pod_labels,
                // A container has the address of its pod.
                ip: ip.to_owned(),
                cni_json: entry.cni_json,
                ..pod
            })
        }
    };
    let mounts = entry.mounts.into_iter().map(|mount| Mount {
        source: mount.source,
        destination: mount.destination,
        mode: mount.mode,
        readonly: !mount.writable,
        propagation: mount.propagation,
    });
    let info = Info {
        runtime: runtime(entry.kind),
        full_id: Some(entry.full_id),
        name: entry.name,
        image: entry.image,
        image_repository: entry.imagerepo,
        image_tag: entry.imagetag,
        image_digest: entry.imagedigest,
        image_id: entry.imageid,
        privileged: entry.privileged.0,
        host_pid: entry.host_pid.0,
        host_network: entry.host_network.0,
        host_ipc: entry.host_ipc.0,
        started: match entry.created_time_ns {
            0 => u64::try_from(entry.created_time)
                .unwrap_or(0)
                .saturating_mul(1_000_000_000),
            exactly => exactly,
        },
        ip: ip.to_owned(),
        labels,
        mounts: mounts.collect(),
        env: entry.env,
        size: entry.size.filter(|&size| size >= 0),
        pod,
    };
    Some((entry.id, info))
}

/// What is known of a container, as [`parse`] and other readers of captures
/// take it.
pub fn describe(container: &Container, info: &Info) -> Vec<u8> {
    let map = |pairs: &[(String, String)]| -> Map<String, Value> {
        let pairs = pairs.iter().cloned();
        pairs.map(|(key, value)| (key, value.into())).collect()
    };
    let mounts = info.mounts.iter().map(|mount| RecordedMount {
        source: mount.source.clone(),
        destination: mount.destination.clone(),
        mode: mount.mode.clone(),
        writable: !mount.readonly,
        propagation: mount.propagation.clone(),
    });
    let pod = info.pod.as_ref();
    let pod_ip = pod.map(|pod| &pod.ip).filter(|ip| !ip.is_empty());
    let mut object = json!({
        "id": container.id(),
        "full_id": info.full_id.as_deref().unwrap_or(container.full_id()),
        "type": number(info.runtime.unwrap_or(container.runtime())),
        "name": info.name,
        "image": info.image,
        "imageid": info.image_id,
        "imagerepo": info.image_repository,
        "imagetag": info.image_tag,
        "imagedigest": info.image_digest,
        "privileged": info.privileged,
        "host_pid": info.host_pid,
        "host_network": info.host_network,
        "host_ipc": info.host_ipc,
        "created_time": info.started / 1_000_000_000,
        "created_time_ns": info.started,
        "ip": pod_ip.unwrap_or(&info.ip),
        "env": info.env,
        "size": info.size.unwrap_or(-1),
        "labels": map(&info.labels),
        "Mounts": mounts.collect::<Vec<_>>(),
    });
    if let Some(pod) = pod {
        object["cni_json"] = pod.cni_json.as_str().into();
        object["pod_sandbox_id"] = pod.sandbox_id.as_str().into();
        object["pod_sandbox_labels"] = map(&pod.labels).into();
        object["pod"] = json!(PodName {
            name: pod.name.clone(),
            namespace: pod.namespace.clone(),
            uid: pod.uid.clone(),
        });
    }
    json!({ "container": object }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_comes_back() {
        let text = str::to_owned;
        let pair = |key: &str| vec![(text(key), text("value"))];
        let pod = Pod {
            name: text("web-0"),
            namespace: text("shop"),
            uid: text("1-2-3"),
            sandbox_id: "f".repeat(64),
            labels: pair("app"),
            ip: text("10.0.0.7"),
            cni_json: text("{\"a\":1}"),
        };
        let info = Info {
            runtime: Some(Runtime::Containerd),
            full_id: None,
            name: text("web"),
            image: text("docker.io/library/nginx:1"),
            image_repository: text("docker.io/library/nginx"),
            image_tag: text("1"),
            image_digest: text("sha256:1"),
            image_id: text("2"),
            privileged: Some(true),
            labels: pair("tier"),
            mounts: vec![Mount {
                source: text("/a"),
                destination: text("/b"),
                mode: text("ro"),
                readonly: true,
                propagation: text("rslave"),
            }],
            started: 1_700_000_000_123_456_789,
            host_pid: Some(false),
            host_network: None,
            host_ipc: Some(true),
            ip: text("10.0.0.7"),
            env: vec![text("A=b"), text("PATH=/bin")],
            size: Some(1234),
            pod: Some(pod),
        };
        let alone = Info {
            name: text("db"),
            ip: text("172.17.0.2"),
            ..Info::default()
        };
        for (runtime, info) in [(Runtime::Containerd, info), (Runtime::Nspawn, alone)] {
            let container = Container::new(&"0123456789abcdef".repeat(4), runtime);
            let (id, back) = parse(&describe(&container, &info)).unwrap();
            assert_eq!(id, container.id());
            let full_id = Some(text(container.full_id()));
            assert_eq!(back, Info { full_id, ..info });
        }
    }

    #[test]
    fn what_a_recorder_wrote() {
        let json =
            br#"{"container":{"Mounts":[{"Source":"/a","Destination":"/b","Mode":"","RW":true,
            "Propagation":"rprivate"}],"id":"0123456789ab","image":"nginx:1","imagerepo":"nginx",
            "imagetag":"1","ip":"172.17.0.2","labels":{"k":"v"},"name":"web","privileged":true,
            "type":0}}"#;
        let mut bytes = json.to_vec();
        bytes.extend_from_slice(b"\0\xff");
        let (id, info) = parse(&bytes).unwrap();
        assert_eq!(id, "0123456789ab");
        assert_eq!((&*info.name, &*info.image_tag), ("web", "1"));
        assert_eq!(info.runtime, Some(Runtime::Docker));
        assert_eq!(info.privileged, Some(true));
        assert_eq!(info.ip, "172.17.0.2");
        assert_eq!(info.labels, [("k".to_owned(), "v".to_owned())]);
        assert!(!info.mounts[0].readonly && info.pod.is_none());
    }

    #[test]
    fn what_is_no_container() {
        for json in [&b""[..], b"{", b"{}", b"{\"container\":{}}", b"\xff"] {
            assert!(parse(json).is_none());
        }
    }
}
