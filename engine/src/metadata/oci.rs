//! What the specification of a container by the Open Container Initiative tells:
//! each runtime has it, as a file or in its answers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::image::repository_and_tag;
use super::{Info, Mount, Pod};

/// A container's specification, the parts that are used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    annotations: BTreeMap<String, String>,
    process: Process,
    mounts: Vec<SpecMount>,
    linux: Linux,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Process {
    apparmor_profile: String,
    capabilities: Option<Capabilities>,
    env: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capabilities {
    bounding: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SpecMount {
    source: String,
    destination: String,
    #[serde(rename = "type")]
    kind: String,
    options: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Linux {
    namespaces: Vec<Namespace>,
    masked_paths: Vec<String>,
    readonly_paths: Vec<String>,
    seccomp: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
}

/// Names that runtimes give to the same thing, by what it is.
const NAME: &[&str] = &[
    "io.kubernetes.cri.container-name",
    "io.kubernetes.container.name",
    "nerdctl/name",
];
const IMAGE: &[&str] = &[
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
    "io.podman.annotations.image-name",
];
const POD: &[&str] = &["io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"];
const NAMESPACE: &[&str] = &[
    "io.kubernetes.cri.sandbox-namespace",
    "io.kubernetes.pod.namespace",
];
const UID: &[&str] = &["io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid"];
const SANDBOX: &[&str] = &[
    "io.kubernetes.cri.sandbox-id",
    "io.kubernetes.cri-o.SandboxID",
];

impl Spec {
    fn annotation(&self, names: &[&str]) -> Option<&str> {
        let mut found = names.iter().filter_map(|name| self.annotations.get(*name));
        found.next().map(String::as_str)
    }

    fn has_own(&self, namespace: &str) -> bool {
        self.linux.namespaces.iter().any(|n| n.kind == namespace)
    }

    /// Whether nothing is left of what keeps a container in, which is what runtimes
    /// make of `--privileged`. `None`: there is no specification.
    fn is_privileged(&self) -> Option<bool> {
        let process = &self.process;
        let capabilities = process.capabilities.as_ref()?;
        let all = ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"];
        let unconfined = matches!(process.apparmor_profile.as_str(), "" | "unconfined");
        let open = self.linux.masked_paths.is_empty() && self.linux.readonly_paths.is_empty();
        let has = |name: &str| capabilities.bounding.iter().any(|known| known == name);
        Some(open && unconfined && self.linux.seccomp.is_none() && all.into_iter().all(has))
    }

    /// What it tells; `image` is the image if something else told it.
    pub(super) fn info(&self, image: &str, labels: BTreeMap<String, String>) -> Info {
        let annotation = |names| self.annotation(names).unwrap_or_default().to_owned();
        let image = match image {
            "" => annotation(IMAGE),
            image => image.to_owned(),
        };
        let (repository, tag) = repository_and_tag(&image);
        let labels: Vec<_> = labels.into_iter().collect();
        let pod = self.annotation(POD).map(|name| Pod {
            name: name.to_owned(),
            namespace: annotation(NAMESPACE),
            uid: annotation(UID),
            sandbox_id: annotation(SANDBOX),
            ..Pod::default()
        });
        // Without its own name a container of a pod is the one that holds it.
        let name = self.annotation(NAME).or(self.annotation(POD));
        let mounts = self.mounts.iter().filter(|mount| mount.kind == "bind");
        Info {
            name: name.unwrap_or_default().to_owned(),
            image_repository: repository.to_owned(),
            image_tag: tag.to_owned(),
            image,
            privileged: self.is_privileged(),
            mounts: mounts.map(mount).collect(),
            env: self.process.env.clone(),
            host_pid: Some(!self.has_own("pid")),
            host_network: Some(!self.has_own("network")),
            host_ipc: Some(!self.has_own("ipc")),
            pod: pod.or_else(|| Pod::of_labels(&labels)),
            labels,
            ..Info::default()
        }
    }
}

fn mount(mount: &SpecMount) -> Mount {
    let has = |option: &str| mount.options.iter().any(|o| o == option);
    let spreads = [
        "rshared", "rslave", "rprivate", "shared", "slave", "private",
    ];
    Mount {
        source: mount.source.clone(),
        destination: mount.destination.clone(),
        mode: String::new(),
        readonly: has("ro"),
        propagation: spreads
            .into_iter()
            .find(|spread| has(spread))
            .unwrap_or("private")
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_containers() {
        let privileged = |json: &str| {
            let spec: Spec = serde_json::from_str(json).unwrap();
            spec.is_privileged()
        };
        let all = r#"{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}"#;
        let with = |process: &str, linux: &str| {
            privileged(&format!(
                r#"{{"process":{{"capabilities":{all}{process}}},"linux":{{{linux}}}}}"#
            ))
        };
        assert_eq!(with("", ""), Some(true));
        assert_eq!(with(r#","apparmorProfile":"unconfined""#, ""), Some(true));
        assert_eq!(with(r#","apparmorProfile":"cri-default""#, ""), Some(false));
        assert_eq!(with("", r#""seccomp":{"defaultAction":"x"}"#), Some(false));
        assert_eq!(with("", r#""maskedPaths":["/proc/kcore"]"#), Some(false));
        let few = r#"{"process":{"capabilities":{"bounding":["CAP_CHOWN"]}}}"#;
        assert_eq!(privileged(few), Some(false));
        assert_eq!(privileged("{}"), None);
    }
}
