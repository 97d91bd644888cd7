//! What the API server of Kubernetes knows of this node's pods, and no runtime:
//! who owns them, which services lead to them, labels of all of these.
//!
//! Off unless the configuration turns it on. Pods are listed, then watched, on a
//! thread of its own; nobody ever waits for it.

mod api;
mod follow;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::http::Client;
use crate::tls::{self, Trust};

/// Where a pod finds who it is.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The name of the node, as a manifest gives it to a pod.
const NODE_VARIABLE: &str = "FALCO_K8S_NODE_NAME";

/// More pods than a node runs: further ones are left out.
const MANY: usize = 1024;

/// How the API server is asked, if at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// Whether it is.
    pub enabled: bool,
    /// `https://HOST:PORT`; empty: as the environment of a pod has it.
    pub server: String,
    /// Name of this node; empty: from the environment, or the host name.
    pub node: String,
    /// File with the token of a service account.
    pub token: PathBuf,
    /// File with the certificate of the authority that the server's is of.
    pub authority: PathBuf,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            enabled: false,
            server: String::new(),
            node: String::new(),
            token: format!("{ACCOUNT}/token").into(),
            authority: format!("{ACCOUNT}/ca.crt").into(),
        }
    }
}

/// Something that the API server keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
}

/// A pod of this node, and what it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The pod itself.
    pub pod: Object,
    /// Its namespace.
    pub namespace: Object,
    /// Its deployment.
    pub deployment: Option<Object>,
    /// Its replica set.
    pub replica_set: Option<Object>,
    /// Its replication controller.
    pub replication_controller: Option<Object>,
    /// The services whose selector it fits.
    pub services: Vec<Object>,
}

/// The pods of this node by their uids.
#[derive(Default)]
pub struct Cluster {
    members: RwLock<HashMap<String, Arc<Member>>>,
}

impl Cluster {
    /// The pod with this uid, if the API server told of it.
    pub fn member(&self, uid: &str) -> Option<Arc<Member>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.get(uid).cloned()
    }

    /// Number of pods.
    pub fn len(&self) -> usize {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<String, Arc<Member>>)) {
        change(&mut self.members.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn insert(&self, member: Member) {
        self.change(|members| {
            if members.len() < MANY || members.contains_key(&member.pod.uid) {
                members.insert(member.pod.uid.clone(), Arc::new(member));
            }
        });
    }

    fn remove(&self, uid: &str) {
        self.change(|members| drop(members.remove(uid)));
    }

    fn keep(&self, is_there: impl Fn(&str) -> bool) {
        self.change(|members| members.retain(|uid, _| is_there(uid)));
    }
}

/// Times of following.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For each answer.
    pub answer: Duration,
    /// Until the next try after a first error; doubles each time.
    pub rest: Duration,
    /// Until the next try at most.
    pub longest_rest: Duration,
    /// How long pods are watched before everything is listed again.
    pub renew: Duration,
    /// How long a pod is remembered that is gone: events of it may still come.
    pub remember: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            rest: Duration::from_secs(1),
            longest_rest: Duration::from_secs(60),
            renew: Duration::from_secs(300),
            remember: Duration::from_secs(60),
        }
    }
}

impl Kubernetes {
    /// Host and port of the server.
    fn address(&self) -> Result<(String, u16), String> {
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let server = self.server.trim_end_matches('/');
        if server.is_empty() {
            let host = of("KUBERNETES_SERVICE_HOST").ok_or(
                "kubernetes.api_server is not set, and this is no pod of a cluster \
                 (KUBERNETES_SERVICE_HOST)",
            )?;
            let port = of("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok());
            return Ok((host, port.unwrap_or(443)));
        }
        let wrong = || format!("kubernetes.api_server: `{server}` is not https://HOST:PORT");
        let rest = server.strip_prefix("https://").ok_or_else(wrong)?;
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (rest, 443),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.is_empty() || host.contains(['/', '@']) {
            true => Err(wrong()),
            false => Ok((host.to_owned(), port)),
        }
    }

    fn node_name(&self) -> String {
        match self.node.as_str() {
            "" => std::env::var(NODE_VARIABLE)
                .ok()
                .filter(|name| !name.is_empty())
                .unwrap_or_else(crate::output::format::hostname),
            node => node.to_owned(),
        }
    }

    /// Starts the thread that follows this node's pods, if that is turned on.
    ///
    /// # Errors
    /// When the settings cannot be used, or there is no thread.
    pub fn start(&self, times: Times, cluster: &Arc<Cluster>) -> Result<(), String> {
        if !self.enabled {
            return Ok(());
        }
        let (host, port) = self.address()?;
        let tls = tls::client(&Trust::File(self.authority.clone()), None)
            .map_err(|error| format!("kubernetes.ca_cert: {error}"))?;
        let client = Client::tls((&host, port), tls, &self.token, times.answer)
            .map_err(|error| format!("kubernetes.api_server: {error}"))?;
        let follower = follow::Follower::new(client, &self.node_name(), times, cluster);
        let cannot = |error: std::io::Error| format!("cannot follow pods: {error}");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(cannot)?;
        std::thread::Builder::new()
            .name("kubernetes".into())
            .spawn(move || runtime.block_on(follower.run()))
            .map_err(cannot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address = |server: &str| {
            let settings = Kubernetes {
                server: server.to_owned(),
                ..Kubernetes::default()
            };
            settings.address().ok()
        };
        for (server, host, port) in [
            ("https://10.96.0.1:6443", "10.96.0.1", 6443),
            ("https://api.example.org", "api.example.org", 443),
            ("https://api.example.org/", "api.example.org", 443),
            ("https://[fd00::1]:6443", "fd00::1", 6443),
            ("https://[fd00::1]", "fd00::1", 443),
        ] {
            assert_eq!(address(server), Some((host.to_owned(), port)), "{server}");
        }
        for server in [
            "http://10.96.0.1",
            "10.96.0.1:6443",
            "https://",
            "https://host:port",
            "https://user@host",
            "https://host/path",
        ] {
            assert_eq!(address(server), None, "{server}");
        }
    }
}
