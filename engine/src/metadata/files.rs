//! What runtimes leave in files: for those that have no socket, or do not answer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::image::repository_and_tag;
use super::oci::Spec;
use super::{Container, Info, Runtime, docker};

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Where Docker has a directory for each container: for all, for each user. `*` is
/// each directory there.
const DOCKERS: &[&str] = &[
    "var/lib/docker/containers",
    "home/*/.local/share/docker/containers",
];

/// Where containerd (or the like) has a directory for each namespace, and in it
/// one for each container, with its specification.
const TASKS: &[&str] = &[
    "run/containerd/io.containerd.runtime.v2.task",
    "run/k3s/containerd/io.containerd.runtime.v2.task",
    "run/k0s/containerd/io.containerd.runtime.v2.task",
    "var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task",
    "run/docker/containerd/daemon/io.containerd.runtime.v2.task",
    "run/host-containerd/io.containerd.runtime.v2.task",
    "run/user/*/containerd/io.containerd.runtime.v2.task",
    "run/user/*/docker/containerd/daemon/io.containerd.runtime.v2.task",
];

/// Where CRI-O and Podman have a directory for each container.
const OVERLAYS: &[&str] = &[
    "var/lib/containers/storage/overlay-containers",
    "run/containers/storage/overlay-containers",
    "home/*/.local/share/containers/storage/overlay-containers",
    "root/.local/share/containers/storage/overlay-containers",
];

/// What the files below the root of the host tell of the container.
pub(super) fn look(host_root: &Path, container: &Container) -> Option<Info> {
    let id = container.full_id();
    // Ids are of a few characters; a name of LXC may not lead elsewhere.
    if id.contains('/') || id.starts_with('.') {
        return None;
    }
    let found = match container.runtime() {
        Runtime::Docker => of_docker(host_root, id).or_else(|| of_task(host_root, id)),
        Runtime::Podman | Runtime::CriO => of_overlay(host_root, id),
        Runtime::Containerd => of_task(host_root, id),
        Runtime::Cri => of_task(host_root, id)
            .or_else(|| of_overlay(host_root, id))
            .or_else(|| of_docker(host_root, id)),
        // Nobody knows more than the name.
        Runtime::Lxc | Runtime::LibvirtLxc | Runtime::Nspawn | Runtime::Bpm => Some(Info {
            name: id.to_owned(),
            ..Info::default()
        }),
        Runtime::Static => None,
    };
    found.map(|info| Info {
        runtime: info.runtime.or(Some(container.runtime())),
        ..info
    })
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut text).ok()?;
    match serde_json::from_slice(&text) {
        Ok(value) => Some(value),
        Err(error) => {
            log::debug!("{}: {error}", path.display());
            None
        }
    }
}

fn of_docker(host_root: &Path, id: &str) -> Option<Info> {
    let all = DOCKERS.iter().flat_map(|path| expand(host_root, path));
    all.map(|containers| containers.join(id))
        .find_map(|directory| {
            let mut container: docker::Container = read(&directory.join("config.v2.json"))?;
            container.host_config = read(&directory.join("hostconfig.json")).unwrap_or_default();
            Some(docker::info(container, docker::Image::default()))
        })
}

fn of_task(host_root: &Path, id: &str) -> Option<Info> {
    let mut all = TASKS.iter().flat_map(|path| expand(host_root, path));
    all.find_map(|tasks| {
        let namespaces = fs::read_dir(tasks).ok()?;
        namespaces.filter_map(Result::ok).find_map(|namespace| {
            let spec: Spec = read(&namespace.path().join(id).join("config.json"))?;
            let told = spec.info("", BTreeMap::new());
            let name = match told.name.as_str() {
                "" => id.to_owned(),
                name => name.to_owned(),
            };
            Some(Info { name, ..told })
        })
    })
}

/// One of the containers of a `containers.json`.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    id: String,
    names: Vec<String>,
    /// Id of the image.
    image: String,
    /// JSON in a text.
    metadata: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Metadata {
    image_name: String,
    name: String,
    pod_name: String,
}

fn of_overlay(host_root: &Path, id: &str) -> Option<Info> {
    let storages = OVERLAYS.iter().flat_map(|path| expand(host_root, path));
    let mut found: Option<Info> = None;
    for storage in storages {
        let spec: Option<Spec> = read(&storage.join(id).join("userdata/config.json"));
        // Those that go when they end (`--rm`) are in a list of their own.
        let lists = ["containers.json", "volatile-containers.json"].into_iter();
        let lists = lists.filter_map(|name| read::<Vec<Stored>>(&storage.join(name)));
        let stored = lists.flatten().find(|stored| stored.id == id);
        if spec.is_none() && stored.is_none() {
            continue;
        }
        let mut info = spec.unwrap_or_default().info("", BTreeMap::new());
        if let Some(stored) = stored {
            let metadata: Metadata = serde_json::from_str(&stored.metadata).unwrap_or_default();
            let image = metadata.image_name;
            let (repository, tag) = repository_and_tag(&image);
            info.image_repository = repository.to_owned();
            info.image_tag = tag.to_owned();
            info.image = image;
            info.image_id = stored.image;
            let names = [info.name, metadata.name, metadata.pod_name];
            let mut names = names.into_iter().chain(stored.names);
            info.name = names.find(|name| !name.is_empty()).unwrap_or_default();
            return Some(info);
        }
        found = Some(info);
    }
    found
}

/// The paths that a path with `*` for a directory stands for.
pub(crate) fn expand(host_root: &Path, path: &str) -> Vec<PathBuf> {
    let mut path = path.trim_start_matches('/');
    // A link to `/run` would lead out of the host's root.
    if host_root != Path::new("/") && path.starts_with("var/run/") {
        path = &path["var/".len()..];
    }
    let Some((before, after)) = path.split_once("*/") else {
        return vec![host_root.join(path)];
    };
    let Ok(entries) = fs::read_dir(host_root.join(before)) else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    entries.map(|entry| entry.path().join(after)).collect()
}
