//! containerd's own interface: it knows the containers that Kubernetes did not ask
//! for (`ctr`, `nerdctl`), each in a namespace.

pub mod api;

use std::path::Path;
use std::time::Duration;

use prost::Message as _;

use super::endpoint::{Announce, Api, Error};
use super::grpc::{Channel, NOT_FOUND};
use super::oci::Spec;
use super::{Announced, Info, Runtime, Told};

/// A daemon that answers.
pub(super) struct Containerd {
    channel: Channel,
    limit: Duration,
}

impl Api for Containerd {
    async fn connect(path: &Path, limit: Duration) -> Result<Self, Error> {
        let channel = Channel::connect(path, limit).await?;
        let daemon = Self { channel, limit };
        daemon.namespaces().await?;
        Ok(daemon)
    }

    async fn ask(&self, id: &str, _with_size: bool) -> Result<Option<Told>, Error> {
        let request = api::GetContainer { id: id.to_owned() };
        for namespace in self.namespaces().await? {
            let get = "containerd.services.containers.v1.Containers/Get";
            let header = Some(("containerd-namespace", namespace.name.as_str()));
            let answer = self.channel.call_with(get, &request, header, self.limit);
            match answer.await {
                Ok(api::GotContainer {
                    container: Some(container),
                }) => {
                    let digest = self.digest(&container.image, &namespace.name).await;
                    return Ok(Some(Told::All(Info {
                        image_digest: digest,
                        ..info(container)
                    })));
                }
                Ok(_) | Err(Error::Status(NOT_FOUND, _)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn list(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        let list = "containerd.services.tasks.v1.Tasks/List";
        for namespace in self.namespaces().await? {
            if is_others(&namespace.name) {
                continue;
            }
            let header = Some(("containerd-namespace", namespace.name.as_str()));
            let request = api::ListTasks {};
            let answer = self.channel.call_with(list, &request, header, self.limit);
            let answer: api::Tasks = answer.await?;
            let running = answer.tasks.iter().filter(|t| t.status != api::STOPPED);
            for task in running {
                each(&task.id, Some(Runtime::Containerd), Announced::Is);
            }
        }
        Ok(())
    }

    async fn watch(&self, each: &mut Announce<'_>) -> Result<(), Error> {
        let method = "containerd.services.events.v1.Events/Subscribe";
        let request = api::Subscribe {
            filters: vec![
                r#"topic=="/containers/create""#.to_owned(),
                r#"topic=="/tasks/start""#.to_owned(),
            ],
        };
        let mut told = |envelope: api::Envelope| {
            let value = envelope.event.unwrap_or_default().value;
            let what = match envelope.topic.as_str() {
                "/containers/create" => Announced::Made,
                _ => Announced::Is,
            };
            let others = is_others(&envelope.namespace);
            if let (Ok(event), false) = (api::OfContainer::decode(&*value), others) {
                each(&event.id, Some(Runtime::Containerd), what);
            }
        };
        self.channel.stream(method, &request, &mut told).await
    }
}

/// Whether the containers in this namespace are of somebody who announces them, and
/// knows more of them: Kubernetes, Docker.
fn is_others(namespace: &str) -> bool {
    matches!(namespace, "k8s.io" | "moby")
}

impl Containerd {
    async fn namespaces(&self) -> Result<Vec<api::Namespace>, Error> {
        let list = "containerd.services.namespaces.v1.Namespaces/List";
        let request = api::ListNamespaces {};
        let answer: api::Namespaces = self.channel.call(list, &request, self.limit).await?;
        Ok(answer.namespaces)
    }

    /// The digest of an image; empty if there is none. What is known of the
    /// container is worth more than all or nothing.
    async fn digest(&self, image: &str, namespace: &str) -> String {
        if image.is_empty() {
            return String::new();
        }
        let method = "containerd.services.images.v1.Images/Get";
        let request = api::GetImage {
            name: image.to_owned(),
        };
        let header = Some(("containerd-namespace", namespace));
        let answer = self.channel.call_with(method, &request, header, self.limit);
        let answer: Option<api::GotImage> = answer.await.ok();
        let target = answer.and_then(|answer| answer.image?.target);
        target.map(|target| target.digest).unwrap_or_default()
    }
}

fn info(container: api::Container) -> Info {
    let spec = container.spec.unwrap_or_default().value;
    let spec: Spec = serde_json::from_slice(&spec).unwrap_or_default();
    let name = container.labels.get("nerdctl/name").cloned();
    let started = container.created_at.map_or(0, |time| {
        let seconds = u64::try_from(time.seconds).unwrap_or(0);
        let nanos = u64::try_from(time.nanos).unwrap_or(0);
        seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
    });
    let told = spec.info(&container.image, container.labels);
    Info {
        runtime: Some(Runtime::Containerd),
        // `ctr` names a container by its id.
        name: name
            .or(Some(told.name.clone()).filter(|name| !name.is_empty()))
            .unwrap_or(container.id),
        started,
        ..told
    }
}
