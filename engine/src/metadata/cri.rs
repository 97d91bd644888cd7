//! Asks the runtimes of a Kubernetes node, through their common interface.
//!
//! One thread with one small runtime does all of it, so that a runtime that hangs,
//! or that answers nonsense, costs this thread alone. Each socket has its own
//! connection, made when something is asked, and after an error not again for a
//! while.

pub mod api;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use serde::Deserialize;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::time::Instant;

use super::grpc::{Channel, Error, NOT_FOUND};
use super::{Ask, Container, Info, Mount, Pod, Runtime};
use api::SERVICE;

/// Where runtimes listen, below the root of the host.
pub const SOCKETS: &[&str] = &[
    "run/containerd/containerd.sock",
    "run/crio/crio.sock",
    "run/k3s/containerd/containerd.sock",
];

/// Containers that may wait to be asked for.
const QUEUE: usize = 1024;

/// Containers that are asked for at a time.
const AT_A_TIME: usize = 8;

/// When to ask about a container that no runtime knew: a runtime may tell of a
/// sandbox only after its first process has run for a while.
const RETRIES: &[Duration] = &[
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Time limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For connecting, and for each answer.
    pub answer: Duration,
    /// How long a socket is left alone after a first error; doubles each time.
    pub rest: Duration,
    /// How long it is left alone at most.
    pub longest_rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(2),
            rest: Duration::from_millis(100),
            longest_rest: Duration::from_secs(30),
        }
    }
}

/// The usual sockets below the root of the host.
pub fn default_sockets(host_root: &Path) -> Vec<PathBuf> {
    SOCKETS
        .iter()
        .map(|socket| host_root.join(socket))
        .collect()
}

/// Asks the runtimes.
#[derive(Debug)]
pub struct Cri {
    queue: mpsc::Sender<Arc<Container>>,
}

impl Ask for Cri {
    fn ask(&self, container: &Arc<Container>) -> bool {
        // These are not behind this interface.
        let elsewhere = matches!(
            container.runtime(),
            Runtime::Docker | Runtime::Podman | Runtime::Lxc
        );
        !elsewhere && self.queue.try_send(Arc::clone(container)).is_ok()
    }
}

impl Cri {
    /// Starts the thread that asks.
    ///
    /// # Errors
    /// When the thread, or what it waits with, cannot be made.
    pub fn start(sockets: Vec<PathBuf>, limits: Limits) -> std::io::Result<Self> {
        let (queue, incoming) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        std::thread::Builder::new()
            .name("cri".into())
            .spawn(move || runtime.block_on(serve(incoming, sockets, limits)))?;
        Ok(Self { queue })
    }
}

async fn serve(
    mut incoming: mpsc::Receiver<Arc<Container>>,
    sockets: Vec<PathBuf>,
    limits: Limits,
) {
    let endpoints: Arc<[Endpoint]> = sockets
        .into_iter()
        .map(|path| Endpoint::new(path, limits))
        .collect();
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    // The first container shall not wait for a connection as well.
    for index in 0..endpoints.len() {
        let endpoints = Arc::clone(&endpoints);
        tokio::spawn(async move {
            // An error was logged, and the connection is tried again when needed.
            let _ = endpoints[index].connection().await;
        });
    }
    while let Some(container) = incoming.recv().await {
        let (endpoints, turns) = (Arc::clone(&endpoints), Arc::clone(&turns));
        tokio::spawn(async move {
            for wait in std::iter::once(&Duration::ZERO).chain(RETRIES) {
                tokio::time::sleep(*wait).await;
                // Only this task and the list of all containers have it:
                // nobody is in it any more.
                if *wait > Duration::ZERO && Arc::strong_count(&container) <= 2 {
                    return;
                }
                let Ok(_turn) = turns.acquire().await else {
                    return;
                };
                match ask_all(&endpoints, container.full_id()).await {
                    Some(info) => {
                        container.publish(info);
                        return;
                    }
                    None => container.publish_unknown(),
                }
            }
        });
    }
}

/// What the first runtime that knows the container knows.
async fn ask_all(endpoints: &[Endpoint], id: &str) -> Option<Info> {
    for endpoint in endpoints {
        match endpoint.ask(id).await {
            Ok(Some(info)) => return Some(info),
            Ok(None) => {}
            Err(error) => log::debug!("{}: {error}", endpoint.path.display()),
        }
    }
    None
}

/// A runtime that answers.
struct Connection {
    channel: Channel,
    runtime: Runtime,
}

/// One socket.
struct Endpoint {
    path: PathBuf,
    limits: Limits,
    state: Mutex<EndpointState>,
}

#[derive(Default)]
struct EndpointState {
    connection: Option<Arc<Connection>>,
    errors: u32,
    rests_until: Option<Instant>,
}

impl Endpoint {
    fn new(path: PathBuf, limits: Limits) -> Self {
        Self {
            path,
            limits,
            state: Mutex::default(),
        }
    }

    /// `None`: it rests, or nobody listens.
    async fn connection(&self) -> Result<Option<Arc<Connection>>, Error> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(Some(Arc::clone(connection)));
        }
        if state.rests_until.is_some_and(|end| Instant::now() < end) {
            return Ok(None);
        }
        // A runtime that is not installed is no error.
        if !self.path.exists() {
            return Ok(None);
        }
        match self.connect().await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                Ok(Some(connection))
            }
            Err(error) => {
                self.rest(&mut state, &error);
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let channel = Channel::connect(&self.path, self.limits.answer).await?;
        let request = api::VersionRequest::default();
        let version: api::VersionResponse = channel
            .call(&format!("{SERVICE}/Version"), &request, self.limits.answer)
            .await?;
        let runtime = match version.runtime_name.as_str() {
            "containerd" => Runtime::Containerd,
            "cri-o" => Runtime::CriO,
            "docker" => Runtime::Docker,
            _ => Runtime::Cri,
        };
        Ok(Connection { channel, runtime })
    }

    fn rest(&self, state: &mut EndpointState, error: &Error) {
        state.connection = None;
        let rest = self.limits.rest * 2_u32.saturating_pow(state.errors.min(16));
        let rest = rest.min(self.limits.longest_rest);
        state.rests_until = Some(Instant::now() + rest);
        // Once is news; that it goes on is not.
        if state.errors == 0 {
            log::warn!("container runtime at {}: {error}", self.path.display());
        }
        state.errors = state.errors.saturating_add(1);
    }

    /// Calls, and gives up the connection on an error that is not an answer.
    async fn call<Answer: Message + Default>(
        &self,
        connection: &Connection,
        method: &str,
        request: &impl Message,
    ) -> Result<Option<Answer>, Error> {
        let method = format!("{SERVICE}/{method}");
        let result = connection
            .channel
            .call(&method, request, self.limits.answer)
            .await;
        match result {
            Ok(answer) => {
                self.state.lock().await.errors = 0;
                Ok(Some(answer))
            }
            Err(Error::Status(NOT_FOUND, _)) => Ok(None),
            Err(error @ Error::Status(..)) => Err(error),
            Err(error) => {
                self.rest(&mut *self.state.lock().await, &error);
                Err(error)
            }
        }
    }

    /// What this runtime knows of the container. `None`: nothing.
    async fn ask(&self, id: &str) -> Result<Option<Info>, Error> {
        let Some(connection) = self.connection().await? else {
            return Ok(None);
        };
        let connection = &*connection;
        let request = api::ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: true,
        };
        let container: Option<api::ContainerStatusResponse> =
            self.call(connection, "ContainerStatus", &request).await?;
        let Some(container) = container.filter(|c| c.status.is_some()) else {
            // The process that holds a pod's namespaces is in a container
            // that goes by the name of the pod.
            let pod = self.sandbox(connection, id).await?;
            return Ok(pod.map(|pod| Info {
                runtime: Some(connection.runtime),
                ..pod_info(pod)
            }));
        };
        let verbose = Verbose::of(&container);
        let mut sandbox_id = verbose.sandbox_id.clone().unwrap_or_default();
        if sandbox_id.is_empty() {
            let request = api::ListContainersRequest {
                filter: Some(api::ContainerFilter { id: id.to_owned() }),
            };
            let list: Option<api::ListContainersResponse> =
                self.call(connection, "ListContainers", &request).await?;
            let listed = list.into_iter().flat_map(|list| list.containers);
            let mut listed = listed.filter(|container| container.id == id);
            sandbox_id = listed.next().map(|c| c.pod_sandbox_id).unwrap_or_default();
        }
        let pod = match sandbox_id.as_str() {
            "" => None,
            sandbox_id => self.sandbox(connection, sandbox_id).await?,
        };
        Ok(container.status.map(|status| Info {
            runtime: Some(connection.runtime),
            ..container_info(status, &verbose, pod)
        }))
    }

    async fn sandbox(&self, connection: &Connection, id: &str) -> Result<Option<Sandbox>, Error> {
        let request = api::PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose: true,
        };
        let answer: Option<api::PodSandboxStatusResponse> =
            self.call(connection, "PodSandboxStatus", &request).await?;
        Ok(answer.and_then(Sandbox::of))
    }
}

/// A pod's sandbox.
struct Sandbox {
    status: api::PodSandboxStatus,
    /// What the network's plugin answered, as JSON.
    cni_json: String,
}

impl Sandbox {
    fn of(response: api::PodSandboxStatusResponse) -> Option<Self> {
        let info = response.info.get("info");
        let info = info.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
        let cni = info.as_ref().and_then(|info| info.get("cniResult"));
        let cni_json = cni.filter(|cni| !cni.is_null()).map(ToString::to_string);
        Some(Self {
            status: response.status?,
            cni_json: cni_json.unwrap_or_default(),
        })
    }
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
    fn of(response: &api::ContainerStatusResponse) -> Self {
        let info = response.info.get("info");
        info.and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default()
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

/// Repository and tag of an image's name.
fn repository_and_tag(image: &str) -> (&str, &str) {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    match name.rsplit_once(':') {
        // Behind a slash it would be the port of a registry.
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    }
}

fn is_digest(image: &str) -> bool {
    image.starts_with("sha256:")
        || (image.len() == 64 && image.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn pod(sandbox: Sandbox) -> Pod {
    let status = sandbox.status;
    let metadata = status.metadata.unwrap_or_default();
    Pod {
        name: metadata.name,
        namespace: metadata.namespace,
        uid: metadata.uid,
        sandbox_id: status.id,
        labels: status.labels.into_iter().collect(),
        ip: status.network.unwrap_or_default().ip,
        cni_json: sandbox.cni_json,
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
        labels: status.labels.into_iter().collect(),
        mounts: status.mounts.into_iter().map(mount).collect(),
        started: u64::try_from(status.started_at).unwrap_or_default(),
        ..Info::default()
    };
    match sandbox {
        Some(sandbox) => {
            share(&mut info, &sandbox.status);
            info.pod = Some(pod(sandbox));
        }
        None => info.pod = labelled_pod(&info.labels),
    }
    info
}

/// The pod as the labels of a container tell it.
fn labelled_pod(labels: &[(String, String)]) -> Option<Pod> {
    let label = |key: &str| {
        let mut labels = labels.iter();
        labels.find_map(|(k, v)| (k == key).then(|| v.clone()))
    };
    Some(Pod {
        name: label("io.kubernetes.pod.name")?,
        namespace: label("io.kubernetes.pod.namespace").unwrap_or_default(),
        uid: label("io.kubernetes.pod.uid").unwrap_or_default(),
        ..Pod::default()
    })
}

fn mount(mount: api::Mount) -> Mount {
    Mount {
        source: mount.host_path,
        destination: mount.container_path,
        readonly: mount.readonly,
        propagation: match mount.propagation {
            1 => "rslave",
            2 => "rshared",
            _ => "private",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images() {
        let cases = [
            (
                "docker.io/library/nginx:latest",
                "docker.io/library/nginx",
                "latest",
            ),
            ("docker.io/library/nginx", "docker.io/library/nginx", ""),
            ("localhost:5000/app", "localhost:5000/app", ""),
            ("localhost:5000/app:v1", "localhost:5000/app", "v1"),
            ("r/app:v1@sha256:00", "r/app", "v1"),
            ("r/app@sha256:00", "r/app", ""),
            ("", "", ""),
        ];
        for (image, repository, tag) in cases {
            assert_eq!(repository_and_tag(image), (repository, tag), "{image}");
        }
    }

    #[test]
    fn verbose_information_of_both_runtimes() {
        let privileged = |json: &str| {
            let info = [("info".to_owned(), json.to_owned())].into();
            Verbose::of(&api::ContainerStatusResponse { status: None, info }).privileged()
        };
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
