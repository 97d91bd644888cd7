//! The one table of container engines: their names in the configuration, where
//! they listen, which containers they may know.

use serde::Deserialize;

use super::image::repository_and_tag;
use super::{Info, Runtime};

macro_rules! engines {
    ($( $(#[$doc:meta])* $engine:ident $field:ident [$($socket:literal),*] knows $($runtime:ident)|+; )*) => {
        /// A container engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Engine { $( $(#[$doc])* $engine ),* }

        impl Engine {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$engine ),*];

            /// Its name in the configuration.
            pub fn name(self) -> &'static str {
                match self { $( Self::$engine => stringify!($field) ),* }
            }

            /// Whether it may know containers whose control group is of this kind.
            pub fn may_know(self, runtime: Runtime) -> bool {
                match self {
                    $( Self::$engine => matches!(runtime, $(Runtime::$runtime)|+), )*
                }
            }
        }

        /// The `engines` of the configuration.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Settings {
            $( $field: Setting, )*
            /// Instead of all of them: everything is in one container.
            r#static: Option<Static>,
        }

        impl Settings {
            fn of(&self, engine: Engine) -> &Setting {
                match engine { $( Engine::$engine => &self.$field ),* }
            }

            fn of_mut(&mut self, engine: Engine) -> &mut Setting {
                match engine { $( Engine::$engine => &mut self.$field ),* }
            }
        }

        fn default_sockets(engine: Engine) -> &'static [&'static str] {
            match engine { $( Engine::$engine => &[$($socket),*] ),* }
        }
    };
}

engines! {
    /// Docker.
    Docker docker ["/var/run/docker.sock", "/run/user/*/docker.sock"] knows Docker | Cri;
    /// Podman; each user may have one.
    Podman podman ["/run/podman/podman.sock", "/run/user/*/podman/podman.sock"] knows Podman;
    /// What Kubernetes uses.
    Cri cri ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
        "/run/k0s/containerd.sock", "/var/snap/microk8s/common/run/containerd.sock"]
        knows Containerd | CriO | Cri;
    /// containerd without Kubernetes.
    Containerd containerd ["/run/containerd/containerd.sock", "/run/host-containerd/containerd.sock",
        "/run/user/*/containerd/containerd.sock"]
        knows Containerd | Cri;
    /// LXC.
    Lxc lxc [] knows Lxc;
    /// LXC through libvirt.
    LibvirtLxc libvirt_lxc [] knows LibvirtLxc;
    /// systemd's own containers.
    Nspawn nspawn [] knows Nspawn;
    /// Cloud Foundry's.
    Bpm bpm [] knows Bpm;
}

/// One engine of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Setting {
    enabled: bool,
    sockets: Option<Vec<String>>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            enabled: true,
            sockets: None,
        }
    }
}

/// The one container that everything is in: where a machine is a container of
/// somebody else's, and no control group tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Static {
    enabled: bool,
    container_id: Text,
    container_name: Text,
    container_image: Text,
}

/// A text that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.is_empty() {
            true => Err("an empty text names no container"),
            false => Ok(Self(text)),
        }
    }
}

/// When Falco's plugin asks a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hook {
    Create,
    Start,
}

/// What the configuration says of containers: that of Falco's container plugin
/// (`plugins[].init_config`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engines {
    /// Labels with longer values are left out.
    label_max_len: usize,
    /// Runtimes are asked how much containers have written.
    with_size: bool,
    hooks: Vec<Hook>,
    engine_timeout: Option<u64>,
    log_level: Option<serde_json::Value>,
    engines: Settings,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            label_max_len: 100,
            with_size: false,
            hooks: Vec::new(),
            engine_timeout: None,
            log_level: None,
            engines: Settings::default(),
        }
    }
}

impl Engines {
    /// Those that listen at these sockets alone.
    pub fn at(engine: Engine, sockets: Vec<String>) -> Self {
        let mut engines = Self::default();
        for other in Engine::ALL {
            let setting = engines.engines.of_mut(*other);
            setting.enabled = *other == engine;
        }
        engines.engines.of_mut(engine).sockets = Some(sockets);
        engines
    }

    /// Keys that are set and change nothing, and why.
    pub fn without_effect(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let keys = [
            // To ask when a container is made is what Falco does by itself.
            (
                !matches!(*self.hooks, [] | [Hook::Create]),
                "hooks",
                "a container is asked about as soon as it is announced, or first seen",
            ),
            (
                self.engine_timeout.is_some(),
                "engine_timeout",
                "the start waits half a second for runtimes, and is told the rest later",
            ),
            (
                self.log_level.is_some(),
                "log_level",
                "the log_level of the whole program counts",
            ),
        ];
        let set = keys.into_iter().filter(|(set, ..)| *set);
        set.map(|(_, key, reason)| (key, reason))
    }

    /// The one container that everything is in, if that is set.
    pub fn only(&self) -> Option<(&str, Info)> {
        let only = self.engines.r#static.as_ref()?;
        let image = &only.container_image.0;
        let (repository, tag) = repository_and_tag(image);
        let digest = image.split_once('@').map(|(_, digest)| digest);
        let info = Info {
            runtime: Some(Runtime::Static),
            name: only.container_name.0.clone(),
            image: image.clone(),
            image_repository: repository.to_owned(),
            image_tag: tag.to_owned(),
            image_digest: digest.unwrap_or_default().to_owned(),
            ..Info::default()
        };
        only.enabled.then_some((only.container_id.0.as_str(), info))
    }

    /// Whether sizes are asked for.
    pub fn wants_sizes(&self) -> bool {
        self.with_size
    }

    /// Whether the engine is asked at all.
    pub fn is_enabled(&self, engine: Engine) -> bool {
        self.engines.of(engine).enabled
    }

    /// Where engines listen that are asked, below the root of the host. `*` is
    /// each directory.
    pub fn sockets(&self) -> Vec<(Engine, String)> {
        let enabled = Engine::ALL
            .iter()
            .filter(|engine| self.is_enabled(**engine));
        enabled
            .flat_map(|&engine| {
                let sockets = match &self.engines.of(engine).sockets {
                    Some(sockets) if !sockets.is_empty() => sockets.clone(),
                    _ => default_sockets(engine)
                        .iter()
                        .map(|s| (*s).to_owned())
                        .collect(),
                };
                sockets.into_iter().map(move |socket| (engine, socket))
            })
            .collect()
    }

    /// Leaves out labels that are too long.
    pub fn cut(&self, mut info: Info) -> Info {
        let fits = |(_, value): &(String, String)| value.len() <= self.label_max_len;
        info.labels.retain(fits);
        if let Some(pod) = &mut info.pod {
            pod.labels.retain(fits);
        }
        info
    }
}
