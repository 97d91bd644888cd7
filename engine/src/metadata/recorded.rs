//! Containers as recorders describe them in captures: one JSON object for each.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cgroup::Runtime;
use super::{Container, Info, Mount, Pod};

const SECOND: u64 = 1_000_000_000;

#[derive(Deserialize, Serialize)]
struct Described {
    container: Entry,
}

/// What recorders of different ages wrote, as far as fields have it.
#[derive(Default, Deserialize, Serialize)]
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
    privileged: bool,
    host_pid: bool,
    host_network: bool,
    host_ipc: bool,
    created_time: i64,
    // Some wrote it as a number, or nothing.
    ip: Value,
    cni_json: String,
    pod_sandbox_id: String,
    labels: Map<String, Value>,
    pod_sandbox_labels: Map<String, Value>,
    #[serde(rename = "Mounts")]
    mounts: Vec<RecordedMount>,
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
const KINDS: &[(u64, Runtime)] = &[
    (0, Runtime::Docker),
    (1, Runtime::Lxc),
    (2, Runtime::LibvirtLxc),
    (6, Runtime::Cri),
    (7, Runtime::Containerd),
    (8, Runtime::CriO),
    (9, Runtime::Bpm),
    (11, Runtime::Podman),
];

/// A kind that has no number.
const OTHER: u64 = 0xffff;

fn runtime(kind: u64) -> Option<Runtime> {
    let found = KINDS.iter().find(|(number, _)| *number == kind);
    found.map(|(_, runtime)| *runtime)
}

fn number(runtime: Runtime) -> u64 {
    let found = KINDS.iter().find(|(_, known)| *known == runtime);
    found.map_or(OTHER, |(number, _)| *number)
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
    let sandbox = Some(entry.pod_sandbox_id).filter(|id| !id.is_empty());
    let pod = match (pod, sandbox) {
        (None, None) => None,
        (pod, sandbox) => {
            let pod = pod.unwrap_or_default();
            Some(Pod {
                sandbox_id: sandbox.unwrap_or_else(|| pod.sandbox_id.clone()),
                labels: pod_labels,
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
        privileged: Some(entry.privileged),
        host_pid: Some(entry.host_pid),
        host_network: Some(entry.host_network),
        host_ipc: Some(entry.host_ipc),
        started: u64::try_from(entry.created_time)
            .unwrap_or(0)
            .saturating_mul(SECOND),
        ip: entry.ip.as_str().unwrap_or_default().to_owned(),
        labels,
        mounts: mounts.collect(),
        pod,
    };
    Some((entry.id, info))
}

/// The container as a recorder describes it. `None`: nothing is known of it.
pub fn describe(container: &Container) -> Option<String> {
    let info = container.info()?;
    let mut labels = info.labels.clone();
    let pod = info.pod.clone().unwrap_or_default();
    // Where readers look for the pod.
    for (key, value) in [
        (Pod::NAME, &pod.name),
        (Pod::NAMESPACE, &pod.namespace),
        (Pod::UID, &pod.uid),
    ] {
        if !value.is_empty() && !labels.iter().any(|(known, _)| known == key) {
            labels.push((key.to_owned(), value.clone()));
        }
    }
    let map = |pairs: Vec<(String, String)>| {
        let pairs = pairs.into_iter().map(|(key, value)| (key, value.into()));
        pairs.collect::<Map<_, _>>()
    };
    let mounts = info.mounts.iter().map(|mount| RecordedMount {
        source: mount.source.clone(),
        destination: mount.destination.clone(),
        mode: mount.mode.clone(),
        writable: !mount.readonly,
        propagation: mount.propagation.clone(),
    });
    let entry = Entry {
        id: container.id().to_owned(),
        full_id: container.full_id().to_owned(),
        kind: number(info.runtime.unwrap_or(container.runtime())),
        name: info.name.clone(),
        image: info.image.clone(),
        imageid: info.image_id.clone(),
        imagerepo: info.image_repository.clone(),
        imagetag: info.image_tag.clone(),
        imagedigest: info.image_digest.clone(),
        privileged: info.privileged.unwrap_or_default(),
        host_pid: info.host_pid.unwrap_or_default(),
        host_network: info.host_network.unwrap_or_default(),
        host_ipc: info.host_ipc.unwrap_or_default(),
        created_time: i64::try_from(info.started / SECOND).unwrap_or_default(),
        ip: match pod.ip.as_str() {
            "" => info.ip.clone(),
            ip => ip.to_owned(),
        }
        .into(),
        cni_json: pod.cni_json,
        pod_sandbox_id: pod.sandbox_id,
        labels: map(labels),
        pod_sandbox_labels: map(pod.labels),
        mounts: mounts.collect(),
    };
    serde_json::to_string(&Described { container: entry }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_described_is_read_again() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let info = Info {
            runtime: Some(Runtime::CriO),
            name: "web".into(),
            image: "r/nginx:1".into(),
            image_repository: "r/nginx".into(),
            image_tag: "1".into(),
            image_digest: "sha256:aa".into(),
            image_id: "bb".into(),
            privileged: Some(true),
            labels: vec![pair("tier", "front")],
            mounts: vec![Mount {
                source: "/a".into(),
                destination: "/b".into(),
                readonly: true,
                propagation: "rslave".into(),
                ..Mount::default()
            }],
            started: 5 * SECOND,
            host_pid: Some(true),
            host_network: Some(false),
            host_ipc: Some(false),
            pod: Some(Pod {
                name: "shop-0".into(),
                namespace: "shop".into(),
                uid: "u".into(),
                sandbox_id: "sand".into(),
                labels: vec![pair("app", "shop")],
                ip: "10.0.0.1".into(),
                cni_json: "{}".into(),
            }),
            ..Info::default()
        };
        let id = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
        let container = Container::new(id, Runtime::CriO);
        assert_eq!(describe(&container), None);
        container.publish(info.clone());
        let (short, mut read) = parse(describe(&container).unwrap().as_bytes()).unwrap();
        assert_eq!(
            (&*short, read.full_id.take().as_deref()),
            (&id[..12], Some(id))
        );
        let pod = read.pod.as_mut().unwrap();
        assert_eq!(read.ip, "10.0.0.1");
        (pod.ip, read.ip) = (std::mem::take(&mut read.ip), String::new());
        read.labels
            .retain(|(key, _)| !key.starts_with("io.kubernetes."));
        assert_eq!(read, info);
    }

    #[test]
    fn what_is_no_container() {
        for json in [&b""[..], b"{", b"{}", b"{\"container\":{}}", b"\xff"] {
            assert!(parse(json).is_none());
        }
    }
}
