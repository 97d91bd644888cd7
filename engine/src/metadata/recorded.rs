//! Containers as recorders describe them in captures: one JSON object for each.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::cgroup::Runtime;
use super::{Info, Mount, Pod};

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

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct RecordedMount {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    writable: bool,
    propagation: String,
}

/// Kind of a runtime by its number in captures.
fn runtime(kind: u64) -> Option<Runtime> {
    Some(match kind {
        0 => Runtime::Docker,
        1 => Runtime::Lxc,
        2 => Runtime::LibvirtLxc,
        6 => Runtime::Cri,
        7 => Runtime::Containerd,
        8 => Runtime::CriO,
        9 => Runtime::Bpm,
        11 => Runtime::Podman,
        _ => return None,
    })
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
            .saturating_mul(1_000_000_000),
        ip: entry.ip.as_str().unwrap_or_default().to_owned(),
        labels,
        mounts: mounts.collect(),
        pod,
    };
    Some((entry.id, info))
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
    fn what_is_no_container() {
        for json in [&b""[..], b"{", b"{}", b"{\"container\":{}}", b"\xff"] {
            assert!(parse(json).is_none());
        }
    }
}
