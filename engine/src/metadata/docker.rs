//! The API of Docker, which Podman has as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::endpoint::{Announce, Api, Error};
use super::http::Client;
use super::image::{is_digest, repository_and_tag};
use super::{Announced, Info, Mount, Pod, Told};

/// A daemon that answers.
pub(super) struct Docker {
    client: Client,
}

impl Api for Docker {
    async fn connect(path: &Path, limit: Duration) -> Result<Self, Error> {
        let client = Client::new(path, limit);
        // Podman takes long to say of which version it is.
        client.body("/_ping", "text/plain").await?;
        Ok(Self { client })
    }

    async fn ask(&self, id: &str, with_size: bool) -> Result<Option<Told>, Error> {
        let size = if with_size { "?size=1" } else { "" };
        let path = format!("/containers/{id}/json{size}");
        let Some(container) = self.client.get::<Container>(&path).await? else {
            return Ok(None);
        };
        // What is known of the container is worth more than all or nothing.
        let image = match container.image.as_str() {
            "" => None,
            image => self
                .client
                .get::<Image>(&format!("/images/{image}/json"))
                .await
                .ok(),
        };
        // Before that it has no address.
        let is_started = nanoseconds(&container.state.started_at) != 0;
        let info = info(container, image.flatten().unwrap_or_default());
        Ok(Some(match is_started {
            true => Told::All(info),
            false => Told::Some(info),
        }))
    }

    async fn list(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        let running: Option<Vec<Listed>> = self.client.get("/containers/json").await?;
        for container in running.unwrap_or_default() {
            each(&container.id, None, Announced::Is);
        }
        Ok(())
    }

    async fn watch(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        // The filter is JSON: {"type":["container"],"event":["create","start","rename"]}.
        const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C\
            %22event%22%3A%5B%22create%22%2C%22start%22%2C%22rename%22%5D%7D";
        let mut lines = self.client.lines(EVENTS, "application/json").await?;
        while let Some(line) = lines.next().await? {
            if let Ok(event) = serde_json::from_slice::<Event>(&line) {
                let what = match event.action.as_str() {
                    "create" => Announced::Made,
                    _ => Announced::Changed,
                };
                each(&event.actor.id, None, what);
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    actor: Actor,
    #[serde(default)]
    action: String,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
}

/// What the daemon answers; the same things are in Docker's own files.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Container {
    pub(super) name: String,
    /// Id of the image.
    pub(super) image: String,
    pub(super) config: Config,
    pub(super) host_config: HostConfig,
    network_settings: NetworkSettings,
    mounts: Vec<MountPoint>,
    /// The same in the files.
    mount_points: BTreeMap<String, MountPoint>,
    created: String,
    state: State,
    size_rw: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Config {
    /// Name of the image as it was asked for.
    image: String,
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct HostConfig {
    privileged: Option<bool>,
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(rename = "IPAddress")]
    ip_address: String,
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    ip_address: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct MountPoint {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    rw: bool,
    propagation: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    started_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Image {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

/// Nanoseconds since the epoch; 0 when it is no time, or before it.
fn nanoseconds(time: &str) -> u64 {
    let time = time.parse::<jiff::Timestamp>();
    let since = time.map_or(0, jiff::Timestamp::as_nanosecond);
    u64::try_from(since).unwrap_or(0)
}

/// What the daemon told, in our words.
pub(super) fn info(container: Container, image: Image) -> Info {
    let tags = image.repo_tags.unwrap_or_default();
    // Who asked for an image by its id may know it by its tag all the same.
    let asked = &container.config.image;
    let short = container.image.strip_prefix("sha256:").unwrap_or_default();
    let by_id = asked.is_empty() || is_digest(asked) || short.starts_with(asked.as_str());
    let name = match tags.first() {
        Some(tag) if by_id => tag,
        _ => asked,
    };
    let (repository, tag) = repository_and_tag(name);
    let digests = image.repo_digests.unwrap_or_default();
    let mut digests = digests.iter().filter_map(|digest| digest.split_once('@'));
    let digest = digests
        .clone()
        .find(|(name, _)| *name == repository)
        .or_else(|| digests.next());
    let labels: Vec<_> = container
        .config
        .labels
        .unwrap_or_default()
        .into_iter()
        .collect();
    let host = container.host_config;
    let network = container.network_settings;
    let in_networks = network.networks.unwrap_or_default().into_values();
    let mut addresses = std::iter::once(network.ip_address)
        .chain(in_networks.map(|network| network.ip_address))
        .filter(|address| !address.is_empty());
    let mounts = container.mounts.into_iter();
    let mounts = mounts.chain(container.mount_points.into_values());
    Info {
        name: container.name.trim_start_matches('/').to_owned(),
        image_repository: repository.to_owned(),
        image_tag: tag.to_owned(),
        image_digest: digest
            .map(|(_, digest)| digest.to_owned())
            .unwrap_or_default(),
        image: name.clone(),
        image_id: short.to_owned(),
        privileged: host.privileged,
        pod: Pod::of_labels(&labels),
        labels,
        env: container.config.env.unwrap_or_default(),
        size: container.size_rw,
        mounts: mounts.map(mount).collect(),
        started: [&container.state.started_at, &container.created]
            .map(|time| nanoseconds(time))
            .into_iter()
            .find(|&time| time != 0)
            .unwrap_or(0),
        host_pid: Some(host.pid_mode == "host"),
        host_network: Some(host.network_mode == "host"),
        host_ipc: Some(host.ipc_mode == "host"),
        ip: addresses.next().unwrap_or_default(),
        ..Info::default()
    }
}

fn mount(mount: MountPoint) -> Mount {
    Mount {
        source: mount.source,
        destination: mount.destination,
        mode: mount.mode,
        readonly: !mount.rw,
        propagation: mount.propagation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSPECTED: &str = r#"{
        "Id": "7939f7035e61", "Name": "/simple", "Image": "sha256:aabb",
        "Config": {"Image": "nginx:1.27", "Labels": {"tier": "front"}},
        "HostConfig": {"Privileged": true, "NetworkMode": "host", "PidMode": "", "IpcMode": "private"},
        "NetworkSettings": {"IPAddress": "", "Networks": {"x": {"IPAddress": "172.17.0.2"}}},
        "Mounts": [{"Type": "bind", "Source": "/srv", "Destination": "/data", "Mode": "z", "RW": false, "Propagation": "rprivate"}],
        "State": {"StartedAt": "2026-01-02T03:04:05.000000006Z"}
    }"#;

    #[test]
    fn a_container_as_inspected() {
        let container = serde_json::from_str(INSPECTED).unwrap();
        let image = serde_json::from_str(
            r#"{"RepoTags": ["nginx:1.27"], "RepoDigests": ["other@sha256:1", "nginx@sha256:2"]}"#,
        );
        let info = info(container, image.unwrap());
        assert_eq!(
            (info.name.as_str(), info.image.as_str()),
            ("simple", "nginx:1.27")
        );
        assert_eq!(
            (info.image_repository.as_str(), info.image_tag.as_str()),
            ("nginx", "1.27")
        );
        assert_eq!(
            (info.image_digest.as_str(), info.image_id.as_str()),
            ("sha256:2", "aabb")
        );
        assert_eq!(info.started, 1_767_323_045_000_000_006);
        assert_eq!(info.privileged, Some(true));
        assert_eq!(
            (info.host_network, info.host_pid),
            (Some(true), Some(false))
        );
        assert_eq!(info.ip, "172.17.0.2");
        assert_eq!(info.labels, [("tier".to_owned(), "front".to_owned())]);
        let mount = &info.mounts[0];
        assert_eq!((mount.mode.as_str(), mount.readonly), ("z", true));
        assert_eq!(info.pod, None);
    }

    #[test]
    fn an_image_asked_for_by_its_id() {
        let container = |asked: &str| Container {
            image: "sha256:aabbccdd".into(),
            config: Config {
                image: asked.into(),
                ..Config::default()
            },
            ..Container::default()
        };
        let image = || Image {
            repo_tags: Some(vec!["app:v1".into()]),
            repo_digests: None,
        };
        assert_eq!(info(container("aabbcc"), image()).image, "app:v1");
        assert_eq!(info(container("sha256:aabbccdd"), image()).image, "app:v1");
        assert_eq!(
            info(container("sha256:aabbccdd"), Image::default()).image,
            "sha256:aabbccdd"
        );
        assert_eq!(info(container("app:v2"), image()).image, "app:v2");
    }
}
