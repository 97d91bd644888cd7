//! Follows the pods of a node.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Instant;

use serde::de::DeserializeOwned;

use super::api::{Change, List, METADATA, METADATA_LIST, Metadata, Partial, Service, WHOLE};
use super::{Cluster, Member, Object, Times};
use crate::metadata::endpoint::{Error, within};
use crate::metadata::http::Client;

/// Objects in one answer at most.
const PAGE: usize = 100;

/// Answers of one list at most: no namespace has more services that matter.
const PAGES: usize = 50;

/// The server refuses.
const FORBIDDEN: u32 = 403;

/// Who follows.
pub(super) struct Follower {
    client: Client,
    pods: String,
    times: Times,
    cluster: Weak<Cluster>,
    /// Kinds of objects that the account may not read; each was told of once.
    forbidden: HashSet<&'static str>,
}

/// What was read of what pods belong to, since everything was listed.
#[derive(Default)]
struct Known {
    /// By kind, namespace and name. `None`: there is no such thing.
    objects: HashMap<(&'static str, String, String), Option<Arc<Partial>>>,
    services: HashMap<String, Arc<Vec<Service>>>,
}

/// A kind of objects: its name in owners, and where it is.
struct Kind {
    name: &'static str,
    path: &'static str,
}

const NAMESPACE: Kind = Kind {
    name: "Namespace",
    path: "/api/v1/namespaces",
};
const REPLICA_SET: Kind = Kind {
    name: "ReplicaSet",
    path: "/apis/apps/v1/namespaces/{}/replicasets",
};
const DEPLOYMENT: Kind = Kind {
    name: "Deployment",
    path: "/apis/apps/v1/namespaces/{}/deployments",
};
const CONTROLLER: Kind = Kind {
    name: "ReplicationController",
    path: "/api/v1/namespaces/{}/replicationcontrollers",
};
const SERVICE: Kind = Kind {
    name: "Service",
    path: "/api/v1/namespaces/{}/services",
};

impl Kind {
    /// Where those of a namespace are; `None` if that is no name.
    fn of(&self, namespace: &str) -> Option<String> {
        let in_none = !self.path.contains("{}");
        (in_none || is_name(namespace)).then(|| self.path.replace("{}", namespace))
    }

    /// Where one of them is; `None` if these are no names.
    fn named(&self, namespace: &str, name: &str) -> Option<String> {
        let path = self.of(namespace)?;
        is_name(name).then(|| format!("{path}/{name}"))
    }
}

/// Names of Kubernetes are letters, digits, `-` and `.`: anything else would lead
/// to another place of the server.
fn is_name(name: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':');
    !name.is_empty() && name.bytes().all(is_part) && name != "." && name != ".."
}

impl Follower {
    pub(super) fn new(client: Client, node: &str, times: Times, cluster: &Arc<Cluster>) -> Self {
        Self {
            client,
            pods: format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"),
            times,
            cluster: Arc::downgrade(cluster),
            forbidden: HashSet::new(),
        }
    }

    /// Runs until nobody needs it any more.
    pub(super) async fn run(mut self) {
        let mut rest = self.times.rest;
        let mut errors = 0_u32;
        while self.cluster.strong_count() > 0 {
            let begun = Instant::now();
            match self.follow().await {
                Ok(()) => {
                    if errors > 0 {
                        log::info!("the API server answers again");
                    }
                    (errors, rest) = (0, self.times.rest);
                }
                Err(error) => {
                    // Once is news; that it goes on is not.
                    match errors {
                        0 => log::warn!("the API server: {error}"),
                        _ => log::debug!("the API server: {error}"),
                    }
                    errors = errors.saturating_add(1);
                    // It had listed everything, so this is another trouble.
                    if begun.elapsed() > self.times.longest_rest {
                        rest = self.times.rest;
                    }
                    tokio::time::sleep(rest).await;
                    rest = (rest * 2).min(self.times.longest_rest);
                }
            }
        }
    }

    /// Lists everything, then takes in changes, until it is time to list again.
    async fn follow(&mut self) -> Result<(), Error> {
        let mut known = Known::default();
        let (pods, version) = self
            .list::<Partial>(&self.pods.clone(), METADATA_LIST)
            .await?;
        let mut there = HashSet::new();
        for pod in &pods {
            there.insert(pod.metadata.uid.clone());
            self.take_in(&pod.metadata, &mut known).await?;
        }
        let Some(cluster) = self.cluster.upgrade() else {
            return Ok(());
        };
        cluster.keep(|uid| there.contains(uid));
        log::debug!("{} pods are on this node", cluster.len());
        drop(cluster);
        let seconds = self.times.renew.as_secs().max(1);
        let path = format!(
            "{}&watch=true&allowWatchBookmarks=false&resourceVersion={version}&timeoutSeconds={seconds}",
            self.pods
        );
        let renew = Instant::now() + self.times.renew;
        let mut lines = self.client.lines(&path, METADATA).await?;
        let mut gone: VecDeque<(Instant, String)> = VecDeque::new();
        loop {
            let now = Instant::now();
            if now >= renew {
                return Ok(());
            }
            while let Some((_, uid)) = gone.pop_front_if(|(until, _)| *until <= now) {
                if let Some(cluster) = self.cluster.upgrade() {
                    cluster.remove(&uid);
                }
            }
            let next = gone.front().map_or(renew, |(until, _)| renew.min(*until));
            let line = match within(next - now, lines.next()).await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(Error::Timeout) => continue,
                Err(error) => return Err(error),
            };
            let change: Change = serde_json::from_slice(&line).map_err(Error::protocol)?;
            let pod = change.object.metadata;
            match change.kind.as_str() {
                "ADDED" | "MODIFIED" => self.take_in(&pod, &mut known).await?,
                "DELETED" => gone.push_back((Instant::now() + self.times.remember, pod.uid)),
                // Too much has changed for the server to tell it all.
                "ERROR" => return Ok(()),
                _ => {}
            }
        }
    }

    async fn list<T: DeserializeOwned + Default>(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<(Vec<T>, String), Error> {
        let mut all = Vec::new();
        let mut version = String::new();
        let mut next = String::new();
        let separator = if path.contains('?') { '&' } else { '?' };
        for _ in 0..PAGES {
            let mut page = format!("{path}{separator}limit={PAGE}");
            if !next.is_empty() {
                page.push_str("&continue=");
                page.push_str(&next);
            }
            let list: Option<List<T>> = self.client.get_as(&page, accept).await?;
            let list = list.ok_or_else(|| Error::protocol("there is no such list"))?;
            all.extend(list.items);
            version = list.metadata.resource_version;
            next = list.metadata.next;
            if next.is_empty() {
                break;
            }
        }
        Ok((all, version))
    }

    /// What a pod belongs to is looked up, and kept with it.
    async fn take_in(&mut self, pod: &Metadata, known: &mut Known) -> Result<(), Error> {
        let namespace = self.object(&NAMESPACE, "", &pod.namespace, known).await?;
        let mut member = Member {
            pod: pod.object(),
            namespace: namespace.map_or_else(
                || Object {
                    name: pod.namespace.clone(),
                    ..Object::default()
                },
                |namespace| namespace.metadata.object(),
            ),
            ..Member::default()
        };
        let owner = pod
            .controller()
            .map(|owner| (owner.kind.as_str(), owner.name.as_str()));
        match owner {
            Some(("ReplicaSet", name)) => {
                if let Some(set) = self
                    .object(&REPLICA_SET, &pod.namespace, name, known)
                    .await?
                {
                    member.replica_set = Some(set.metadata.object());
                    let owner = set.metadata.controller();
                    if let Some(owner) = owner.filter(|owner| owner.kind == DEPLOYMENT.name) {
                        let deployment = self
                            .object(&DEPLOYMENT, &pod.namespace, &owner.name, known)
                            .await?;
                        member.deployment = deployment.map(|found| found.metadata.object());
                    }
                }
            }
            Some(("ReplicationController", name)) => {
                let found = self
                    .object(&CONTROLLER, &pod.namespace, name, known)
                    .await?;
                member.replication_controller = found.map(|found| found.metadata.object());
            }
            _ => {}
        }
        let services = self.services(&pod.namespace, known).await?;
        let services = services.iter().filter(|service| service.selects(pod));
        member.services = services.map(Service::object).collect();
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.insert(member);
        }
        Ok(())
    }

    async fn object(
        &mut self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        known: &mut Known,
    ) -> Result<Option<Arc<Partial>>, Error> {
        let key = (kind.name, namespace.to_owned(), name.to_owned());
        if let Some(found) = known.objects.get(&key) {
            return Ok(found.clone());
        }
        let Some(path) = kind.named(namespace, name) else {
            return Ok(None);
        };
        let found = self.client.get_as::<Partial>(&path, METADATA).await;
        let found = self.allowed(kind, found)?.flatten().map(Arc::new);
        known.objects.insert(key, found.clone());
        Ok(found)
    }

    async fn services(
        &mut self,
        namespace: &str,
        known: &mut Known,
    ) -> Result<Arc<Vec<Service>>, Error> {
        if let Some(found) = known.services.get(namespace) {
            return Ok(Arc::clone(found));
        }
        let Some(path) = SERVICE.of(namespace) else {
            return Ok(Arc::default());
        };
        let listed = self.list(&path, WHOLE).await;
        let listed = self.allowed(&SERVICE, listed)?.unwrap_or_default();
        let found = Arc::new(listed.0);
        known
            .services
            .insert(namespace.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    /// Without the right to read one kind of objects the others are still told.
    fn allowed<T>(&mut self, kind: &Kind, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Status(FORBIDDEN, message)) => {
                if self.forbidden.insert(kind.name) {
                    log::warn!("the account may not read {}s: {message}", kind.name);
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in ["web", "kube-system", "a.b-c", "system:node"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "..", "a/b", "a?b", "a%2fb", "a b"] {
            assert!(!is_name(name), "{name}");
            assert_eq!(SERVICE.of(name), None, "{name}");
            assert_eq!(NAMESPACE.named("", name), None, "{name}");
        }
        let path = DEPLOYMENT.named("shop", "web");
        let expected = "/apis/apps/v1/namespaces/shop/deployments/web";
        assert_eq!(path.as_deref(), Some(expected));
    }
}
