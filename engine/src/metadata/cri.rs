//! The Container Runtime Interface, which the runtimes of a Kubernetes node have
//! in common.

pub mod api;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use prost::Message;
use serde::Deserialize;

use super::endpoint::{Announce, Api, Error};
use super::grpc::{Channel, NOT_FOUND};
use super::image::{is_digest, repository_and_tag};
use super::{Announced, Info, Mount, Pod, Runtime, Told};
use api::SERVICE;

/// A runtime that answers.
pub struct Cri {
    channel: Channel,
    runtime: Runtime,
    limit: Duration,
}

impl Api for Cri {
    async fn connect(path: &Path, limit: Duration) -> Result<Self, Error> {
        let channel = Channel::connect(path, limit).await?;
        let request = api::VersionRequest::default();
        let version: api::VersionResponse = channel
            .call(&format!("{SERVICE}/Version"), &request, limit)
            .await?;
        let runtime = match version.runtime_name.as_str() {
            "containerd" => Runtime::Containerd,
            "cri-o" => Runtime::CriO,
            "docker" => Runtime::Docker,
            _ => Runtime::Cri,
        };
        Ok(Self {
            channel,
            runtime,
            limit,
        })
    }

    async fn ask(&self, id: &str, with_size: bool) -> Result<Option<Told>, Error> {
        let request = api::ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: true,
        };
        let container: Option<api::ContainerStatusResponse> =
            self.call("ContainerStatus", &request).await?;
        let Some(container) = container.filter(|c| c.status.is_some()) else {
            // The process that holds a pod's namespaces is in a container
            // that goes by the name of the pod.
            let pod = self.sandbox(id).await?;
            return Ok(pod.map(|pod| {
                Told::All(Info {
                    runtime: Some(self.runtime),
                    ..pod_info(pod)
                })
            }));
        };
        let verbose = Verbose::of(&container.info);
        let mut sandbox_id = verbose.sandbox_id.clone().unwrap_or_default();
        if sandbox_id.is_empty() {
            let request = api::ListContainersRequest {
                filter: Some(api::ContainerFilter {
                    id: id.to_owned(),
                    state: None,
                }),
            };
            let list: Option<api::ListContainersResponse> =
                self.call("ListContainers", &request).await?;
            let listed = list.into_iter().flat_map(|list| list.containers);
            let mut listed = listed.filter(|container| container.id == id);
            sandbox_id = listed.next().map(|c| c.pod_sandbox_id).unwrap_or_default();
        }
        let pod = match sandbox_id.as_str() {
            "" => None,
            sandbox_id => self.sandbox(sandbox_id).await?,
        };
        let size = match with_size {
            true => self.size(id).await,
            false => None,
        };
        Ok(container.status.map(|status| {
            let is_started = status.started_at != 0;
            let info = Info {
                runtime: Some(self.runtime),
                size,
                ..container_info(status, &verbose, pod)
            };
            match is_started {
                true => Told::All(info),
                // The time of its start is yet to come.
                false => Told::Some(info),
            }
        }))
    }

    async fn list(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        let request = api::ListContainersRequest {
            filter: Some(api::ContainerFilter {
                id: String::new(),
                state: Some(api::StateValue {
                    state: api::RUNNING,
                }),
            }),
        };
        let list: Option<api::ListContainersResponse> =
            self.call("ListContainers", &request).await?;
        for container in list.into_iter().flat_map(|list| list.containers) {
            each(&container.id, Some(self.runtime), Announced::Is);
        }
        // Pods have a container that holds them.
        let request = api::ListPodSandboxRequest {
            filter: Some(api::PodSandboxFilter {
                state: Some(api::StateValue { state: api::READY }),
            }),
        };
        let list: Option<api::ListPodSandboxResponse> =
            self.call("ListPodSandbox", &request).await?;
        for sandbox in list.into_iter().flat_map(|list| list.items) {
            each(&sandbox.id, Some(self.runtime), Announced::Is);
        }
        Ok(())
    }

    async fn watch(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        let method = format!("{SERVICE}/GetContainerEvents");
        let mut told = |event: api::ContainerEventResponse| {
            let what = match event.container_event_type {
                api::CREATED => Announced::Made,
                api::STARTED => Announced::Changed,
                _ => return,
            };
            each(&event.container_id, Some(self.runtime), what);
        };
        self.channel
            .stream(&method, &api::GetEventsRequest {}, &mut told)
            .await
    }
}

impl Cri {
    /// `None`: there is no such thing.
    async fn call<Answer: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<Option<Answer>, Error> {
        let method = format!("{SERVICE}/{method}");
        match self.channel.call(&method, request, self.limit).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Status(NOT_FOUND, _)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bytes in the container's own layer. `None`: nobody knows, which is no reason to
    /// know nothing else.
    async fn size(&self, id: &str) -> Option<i64> {
        let request = api::ContainerStatsRequest {
            container_id: id.to_owned(),
        };
        let answer = self.call("ContainerStats", &request).await.ok()?;
        let answer: api::ContainerStatsResponse = answer?;
        let used = answer.stats?.writable_layer?.used_bytes?.value;
        i64::try_from(used).ok()
    }

    async fn sandbox(&self, id: &str) -> Result<Option<Sandbox>, Error> {
        let request = api::PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose: true,
        };
        let answer: Option<api::PodSandboxStatusResponse> =
            self.call("PodSandboxStatus", &request).await?;
        Ok(answer.and_then(|answer| {
            Some(Sandbox {
                cni_json: Verbose::of(&answer.info).cni(),
                status: answer.status?,
            })
        }))
    }
}

/// The sandbox of a pod.
struct Sandbox {
    status: api::PodSandboxStatus,
    /// What the network plugin answered, as JSON; empty if that is not told.
    cni_json: String,
}

/// What runtimes tell beyond the interface, as JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verbose {
    #[serde(rename = "sandboxID")]
    sandbox_id: Option<String>,
    /// CRI-O.
    privileged: Option<bool>,
    /// containerd.
    config: Option<VerboseConfig>,
    /// containerd, of a sandbox.
    #[serde(rename = "cniResult")]
    cni_result: Option<serde_json::Value>,
    #[serde(rename = "runtimeSpec")]
    spec: VerboseSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseSpec {
    annotations: BTreeMap<String, String>,
    process: VerboseProcess,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseProcess {
    env: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseConfig {
    linux: Option<VerboseLinux>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseLinux {
    security_context: Option<VerboseSecurity>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VerboseSecurity {
    privileged: Option<bool>,
}

impl Verbose {
    fn of(info: &BTreeMap<String, String>) -> Self {
        let info = info.get("info");
        info.and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
    }

    fn cni(&self) -> String {
        let result = self.cni_result.as_ref().filter(|result| !result.is_null());
        let of_crio = self.spec.annotations.get("io.kubernetes.cri-o.CNIResult");
        let result = result.map(ToString::to_string);
        result.or_else(|| of_crio.cloned()).unwrap_or_default()
    }

    /// Name of the image, where the interface has its id alone.
    fn image(&self) -> Option<&String> {
        const NAMES: [&str; 2] = [
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.ImageName",
        ];
        NAMES
            .iter()
            .find_map(|name| self.spec.annotations.get(*name))
    }

    fn privileged(&self) -> Option<bool> {
        let config = self.config.as_ref().map(|config| {
            let linux = config.linux.as_ref();
            let security = linux.and_then(|linux| linux.security_context.as_ref());
            // What is false is left out.
            security.and_then(|s| s.privileged).unwrap_or(false)
        });
        self.privileged.or(config)
    }
}

fn pod(sandbox: Sandbox) -> Pod {
    let Sandbox { status, cni_json } = sandbox;
    let metadata = status.metadata.unwrap_or_default();
    Pod {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        sandbox_id: status.id,
        labels: status.labels.into_iter().collect(),
        ip: status.network.unwrap_or_default().ip,
        cni_json,
    }
}

/// Takes the namespaces that the pod shares with the host.
fn share(info: &mut Info, sandbox: &api::PodSandboxStatus) {
    let linux = sandbox.linux.as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces.as_ref());
    if let Some(options) = namespaces.and_then(|n| n.options.as_ref()) {
        info.host_network = Some(options.network == api::NODE);
        info.host_pid = Some(options.pid == api::NODE);
        info.host_ipc = Some(options.ipc == api::NODE);
    }
}

fn pod_info(sandbox: Sandbox) -> Info {
    let mut info = Info {
        started: u64::try_from(sandbox.status.created_at).unwrap_or_default(),
        labels: sandbox.status.labels.clone().into_iter().collect(),
        ..Info::default()
    };
    share(&mut info, &sandbox.status);
    let pod = pod(sandbox);
    info.name.clone_from(&pod.name);
    info.pod = Some(pod);
    info
}

fn container_info(
    status: api::ContainerStatus,
    verbose: &Verbose,
    sandbox: Option<Sandbox>,
) -> Info {
    let spec = status.image.unwrap_or_default();
    let named = [&spec.image, &spec.user_specified_image, &status.image_ref];
    let image = named
        .into_iter()
        .chain(verbose.image())
        .find(|name| !name.is_empty() && !is_digest(name))
        .cloned()
        .unwrap_or_default();
    let (repository, tag) = repository_and_tag(&image);
    let digest = status.image_ref.split_once('@').map(|(_, digest)| digest);
    let id = [&status.image_id, &status.image_ref]
        .into_iter()
        .find(|id| is_digest(id));
    let mut info = Info {
        name: status.metadata.unwrap_or_default().name,
        image_repository: repository.to_owned(),
        image_tag: tag.to_owned(),
        image_digest: digest.unwrap_or_default().to_owned(),
        image_id: id
            .map(|id| id.trim_start_matches("sha256:"))
            .unwrap_or_default()
            .to_owned(),
        image,
        privileged: verbose.privileged(),
        env: verbose.spec.process.env.clone(),
        labels: status.labels.into_iter().collect(),
        mounts: status.mounts.into_iter().map(mount).collect(),
        // None when it was only made yet.
        started: [status.started_at, status.created_at]
            .into_iter()
            .find_map(|time| u64::try_from(time).ok().filter(|&time| time != 0))
            .unwrap_or_default(),
        ..Info::default()
    };
    match sandbox {
        Some(sandbox) => {
            share(&mut info, &sandbox.status);
            info.pod = Some(pod(sandbox));
        }
        None => info.pod = Pod::of_labels(&info.labels),
    }
    info
}

fn mount(mount: api::Mount) -> Mount {
    Mount {
        source: mount.host_path,
        destination: mount.container_path,
        mode: String::new(),
        readonly: mount.readonly,
        propagation: match mount.propagation {
            1 => "rslave",
            2 => "rshared",
            _ => "private",
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_information_of_both_runtimes() {
        let privileged =
            |json: &str| Verbose::of(&[("info".to_owned(), json.to_owned())].into()).privileged();
        assert_eq!(
            privileged(r#"{"privileged":true,"runtimeSpec":{}}"#),
            Some(true)
        );
        assert_eq!(
            privileged(r#"{"config":{"linux":{"security_context":{"privileged":true}}}}"#),
            Some(true)
        );
        assert_eq!(
            privileged(r#"{"config":{"linux":{"security_context":{}}}}"#),
            Some(false)
        );
        assert_eq!(privileged(r#"{"config":{"linux":null}}"#), Some(false));
        assert_eq!(privileged("{}"), None);
        assert_eq!(privileged("[1"), None);
    }

    #[test]
    fn an_image_without_a_name_has_an_id() {
        let digest = "a".repeat(64);
        let status = api::ContainerStatus {
            image: Some(api::ImageSpec {
                image: format!("sha256:{digest}"),
                user_specified_image: "r/app:v2".into(),
            }),
            image_ref: format!("sha256:{digest}"),
            ..Default::default()
        };
        let info = container_info(status, &Verbose::default(), None);
        assert_eq!((info.image.as_str(), info.image_id), ("r/app:v2", digest));
        assert_eq!((info.image_digest.as_str(), info.pod), ("", None));
    }
}
