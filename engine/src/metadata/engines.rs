//! The one table of container engines: their names in the configuration, where
//! they listen, which containers they may know.

use serde::Deserialize;

use super::{Info, Runtime};

macro_rules! engines {
    ($( $(#[$doc:meta])* $engine:ident $field:ident [$($socket:literal),*] knows $($runtime:ident)|+; )*) => {
        /// A container engine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Engine { $( $(#[$doc])* $engine ),* }

        impl Engine {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$engine ),*];

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
        struct Settings { $( $field: Setting ),* }

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
    Docker docker ["/var/run/docker.sock"] knows Docker | Cri;
    /// Podman; each user may have one.
    Podman podman ["/run/podman/podman.sock", "/run/user/*/podman/podman.sock"] knows Podman;
    /// What Kubernetes uses.
    Cri cri ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
        "/run/k0s/containerd.sock", "/var/snap/microk8s/common/run/containerd.sock"]
        knows Containerd | CriO | Cri;
    /// containerd without Kubernetes.
    Containerd containerd ["/run/containerd/containerd.sock", "/run/host-containerd/containerd.sock"]
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

/// What the configuration says of containers: that of Falco's container plugin
/// (`plugins[].init_config`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engines {
    /// Labels with longer values are left out.
    label_max_len: usize,
    /// No field has it.
    with_size: bool,
    /// When Falco's plugin asks; here that is as soon as a container is seen.
    hooks: Vec<String>,
    engines: Settings,
}

impl Default for Engines {
    fn default() -> Self {
        Self {
            label_max_len: 100,
            with_size: false,
            hooks: Vec::new(),
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
                    Some(sockets) => sockets.clone(),
                    None => default_sockets(engine)
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
