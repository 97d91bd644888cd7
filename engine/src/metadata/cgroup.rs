//! The container that a control group is of.
//!
//! | made by | last part of the path |
//! | --- | --- |
//! | Docker, cgroupfs | `docker/ID` |
//! | Docker, systemd | `docker-ID.scope` |
//! | Podman | `libpod-ID.scope` or `libpod-ID`, perhaps with `container` below; below a service `libpod-payload-ID` |
//! | containerd, systemd, Kubernetes | `cri-containerd-ID.scope` |
//! | containerd, cgroupfs | `kubepods/…/podUID/ID`, `k8s.io/ID`, `default/ID` |
//! | CRI-O | `crio-ID.scope` or `crio-ID` |
//! | containerd without Kubernetes | `default/NAME`, `NAMESPACE/ID` |
//! | LXC | `lxc/NAME`, `lxc.payload.NAME`, `lxc.payload/NAME` |
//! | LXC through libvirt | `NAME.libvirt-lxc`, `machine-lxc\x2dNUMBER\x2dNAME.scope`, `libvirt/lxc/NAME` |
//! | systemd-nspawn | `machine-NAME.scope`, `systemd-nspawn@NAME.service` |
//! | BPM | `bpm/NAME`, `bpm-NAME` |

use std::borrow::Cow;

/// Kind of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, through Kubernetes' interface.
    Containerd,
    /// CRI-O.
    CriO,
    /// LXC.
    Lxc,
    /// LXC through libvirt.
    LibvirtLxc,
    /// systemd-nspawn.
    Nspawn,
    /// BOSH's process manager.
    Bpm,
    /// A Kubernetes container of a runtime that the path does not tell.
    Cri,
    /// None: the configuration says that everything is in this container.
    Static,
}

impl Runtime {
    /// As in `container.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Lxc => "lxc",
            Self::LibvirtLxc => "libvirt-lxc",
            Self::Nspawn => "systemd-nspawn",
            Self::Bpm => "bpm",
            Self::Cri => "cri",
            Self::Static => "static",
        }
    }
}

/// The container of the first control group that is of one. `groups` are
/// `subsystem=path`, each followed by a NUL.
pub fn container(groups: &[u8]) -> Option<(Cow<'_, str>, Runtime)> {
    crate::state::thread::strings(groups).find_map(|group| {
        let path = match group.iter().position(|&b| b == b'=') {
            Some(equals) => &group[equals + 1..],
            None => group,
        };
        of_path(std::str::from_utf8(path).ok()?)
    })
}

/// The container that the path of a control group is of.
pub fn of_path(path: &str) -> Option<(Cow<'_, str>, Runtime)> {
    let mut below = None;
    // The innermost container: a part that names one, or an id whose parent
    // tells who made it.
    for part in path.rsplit('/') {
        let plain = below.take().and_then(|id| of_plain(part, id, path));
        if let Some((id, runtime)) = plain.or_else(|| of_part(part)) {
            // What systemd registers has a name that is part of a unit's.
            return Some(match runtime {
                Runtime::Nspawn | Runtime::LibvirtLxc => (unescaped(id), runtime),
                _ => (id.into(), runtime),
            });
        }
        if is_id(part) || is_lxc_name(part) {
            below = Some(part);
        }
    }
    None
}

/// A part that tells both the id and the runtime.
fn of_part(part: &str) -> Option<(&str, Runtime)> {
    const PREFIXES: &[(&str, Runtime)] = &[
        ("docker-", Runtime::Docker),
        ("cri-containerd-", Runtime::Containerd),
        ("nerdctl-", Runtime::Containerd),
        ("crio-", Runtime::CriO),
        ("libpod-payload-", Runtime::Podman),
        ("libpod-", Runtime::Podman),
    ];
    // systemd's slice of a pod, with the id behind colons:
    // `system.slice:cri-containerd:ID`, `kubepods-…slice:crio:ID`.
    if let Some((who, id)) = part.rsplit_once(':') {
        let runtime = match who.rsplit(':').next() {
            Some("cri-containerd") => Runtime::Containerd,
            Some("crio") => Runtime::CriO,
            Some("docker") => Runtime::Docker,
            Some("libpod") => Runtime::Podman,
            _ => return None,
        };
        return is_id(id).then_some((id, runtime));
    }
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return (!name.is_empty()).then_some((name, Runtime::Lxc));
    }
    if let Some(name) = part.strip_suffix(".libvirt-lxc") {
        return (!name.is_empty()).then_some((name, Runtime::LibvirtLxc));
    }
    if let Some(name) = part.strip_prefix("systemd-nspawn@") {
        let name = name.strip_suffix(".service")?;
        return (!name.is_empty()).then_some((name, Runtime::Nspawn));
    }
    let name = part.strip_suffix(".scope").unwrap_or(part);
    if let (Some(machine), true) = (name.strip_prefix("machine-"), name != part) {
        return of_machine(machine);
    }
    // `crio-conmon-ID` and `libpod-conmon-ID` watch over a container from
    // outside: what follows the prefix is no id.
    PREFIXES.iter().find_map(|&(prefix, runtime)| {
        let id = name.strip_prefix(prefix).filter(|id| is_id(id))?;
        Some((id, runtime))
    })
}

/// A machine as systemd registers it, which may be a virtual one. It writes `-`
/// in names as `\x2d`. libvirt puts its driver and a number in front.
fn of_machine(name: &str) -> Option<(&str, Runtime)> {
    const DASH: &str = r"\x2d";
    let numbered = name.split_once(DASH).and_then(|(driver, rest)| {
        let (number, name) = rest.split_once(DASH)?;
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_number.then_some((driver, name))
    });
    match numbered {
        Some(("qemu", _)) => None,
        Some(("lxc", name)) => Some((name, Runtime::LibvirtLxc)),
        _ => (!name.is_empty()).then_some((name, Runtime::Nspawn)),
    }
}

/// A name without what systemd writes for characters that have a meaning in names
/// of units: `\x2d` for `-`.
fn unescaped(name: &str) -> Cow<'_, str> {
    if !name.contains('\\') {
        return name.into();
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once(r"\x") {
        bytes.extend_from_slice(before.as_bytes());
        let code = after.get(..2);
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.extend_from_slice(br"\x");
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_or_else(|_| name.into(), Cow::Owned)
}

/// An id, or a name, in the group `parent`.
fn of_plain<'a>(parent: &str, id: &'a str, path: &str) -> Option<(&'a str, Runtime)> {
    let runtime = match parent {
        "lxc" if path.contains("/libvirt/lxc/") => return Some((id, Runtime::LibvirtLxc)),
        "bpm" => return Some((id, Runtime::Bpm)),
        "lxc" | "lxc.payload" => return Some((id, Runtime::Lxc)),
        // `ctr` lets people choose the id.
        "default" if path.starts_with("/default/") => return Some((id, Runtime::Containerd)),
        _ if !is_id(id) => return None,
        "docker" | "moby" => Runtime::Docker,
        "libpod_parent" | "libpod" => Runtime::Podman,
        "k8s.io" | "default" | "containerd" | "garden" => Runtime::Containerd,
        _ if parent.starts_with("pod") && path.contains("kubepods") => Runtime::Cri,
        _ if parent.starts_with("kubepods") => Runtime::Cri,
        // `docker run --cgroup-parent` and ECS put the id below a name of
        // their own.
        _ if path.starts_with("/ecs/") || path.starts_with("/docker/") => Runtime::Docker,
        // containerd makes a group for each of its namespaces.
        _ if is_at_top(parent, id, path) => Runtime::Containerd,
        _ => return None,
    };
    Some((id, runtime))
}

/// Whether the path begins with this group and that below it.
fn is_at_top(parent: &str, id: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some("") && parts.next() == Some(parent) && parts.next() == Some(id)
}

/// 64 lower-case hexadecimal digits, or ECS's 32 with a number behind.
fn is_id(part: &str) -> bool {
    let hex = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match part.len() {
        64 => hex(part),
        34.. => part.split_once('-').is_some_and(|(task, number)| {
            task.len() == 32 && hex(task) && number.bytes().all(|b| b.is_ascii_digit())
        }),
        _ => false,
    }
}

fn is_lxc_name(part: &str) -> bool {
    !part.is_empty() && !part.contains([':', ' ']) && !part.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";

    #[test]
    fn paths() {
        use Runtime::{Containerd, Cri, CriO, Docker, Lxc, Podman};
        let uid = "pod0b9b3a1c_3f0b_4b5e_8d4f_1f2e3d4c5b6a";
        let slice = format!("kubepods-burstable-{uid}.slice");
        let pod = "pod0b9b3a1c-3f0b-4b5e-8d4f-1f2e3d4c5b6a";
        #[rustfmt::skip]
        let cases: &[(String, Option<Runtime>)] = &[
            // Docker.
            (format!("/docker/{ID}"), Some(Docker)),
            (format!("/docker/{ID}/init.scope"), Some(Docker)),
            (format!("/docker/buildx/{ID}"), Some(Docker)),
            (format!("/system.slice/docker-{ID}.scope"), Some(Docker)),
            (format!("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"), Some(Docker)),
            (format!("/kubepods/besteffort/{pod}/docker-{ID}.scope"), Some(Docker)),
            (format!("/kubepods.slice/kubepods-burstable.slice/{slice}/docker-{ID}.scope"), Some(Docker)),
            (format!("/actions_job/docker/{ID}"), Some(Docker)),
            (format!("/user.slice/user-1000.slice/user@1000.service/docker/{ID}"), Some(Docker)),
            (format!("/system.slice/docker-{ID}.scope/system.slice/ssh.service"), Some(Docker)),
            (format!("/nomad.slice/share.slice/docker-{ID}.scope"), Some(Docker)),
            (format!("/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-{ID}.scope"), Some(Docker)),
            (format!("/../../docker-{ID}.scope"), Some(Docker)),
            // Docker in Docker: the inner one.
            (format!("/docker/{}/docker/{ID}", "b".repeat(64)), Some(Docker)),
            (format!("/ecs/0123456789abcdef0123456789abcdef/{ID}"), Some(Docker)),
            // Podman.
            (format!("/machine.slice/libpod-{ID}.scope"), Some(Podman)),
            (format!("/machine.slice/libpod-{ID}.scope/container"), Some(Podman)),
            (format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope"), Some(Podman)),
            (format!("/libpod_parent/libpod-{ID}"), Some(Podman)),
            (format!("/machine.slice/machine-libpod_pod_{}.slice/libpod-{ID}.scope/container", "b".repeat(64)), Some(Podman)),
            (format!("/system.slice/web.service/libpod-payload-{ID}"), Some(Podman)),
            (format!("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/libpod-payload-{ID}"), Some(Podman)),
            (format!("/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_{}.slice/libpod-{ID}.scope", "b".repeat(64)), Some(Podman)),
            (format!("/system.slice/docker-{}.scope/libpod_parent/libpod-{ID}", "b".repeat(64)), Some(Podman)),
            (format!("/machine.slice/libpod-conmon-{ID}.scope"), None),
            // Kubernetes with containerd.
            (format!("/kubepods.slice/kubepods-burstable.slice/{slice}/cri-containerd-{ID}.scope"), Some(Containerd)),
            (format!("/kubepods.slice/kubepods-{uid}.slice/cri-containerd-{ID}.scope"), Some(Containerd)),
            (format!("/kubepods/burstable/{pod}/{ID}"), Some(Cri)),
            (format!("/kubepods/{pod}/{ID}"), Some(Cri)),
            (format!("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/cri-containerd-{ID}.scope"), Some(Containerd)),
            (format!("/system.slice/containerd.service/kubepods-besteffort-{uid}.slice:cri-containerd:{ID}"), Some(Containerd)),
            (format!("/kubelet/kubepods/besteffort/{pod}/{ID}"), Some(Cri)),
            (format!("/k8s.io/{ID}"), Some(Containerd)),
            (format!("/system.slice/containerd.service/k8s.io/{ID}"), Some(Containerd)),
            (format!("/default/{ID}"), Some(Containerd)),
            // `ctr -n build`, `nerdctl -n build`.
            (format!("/build/{ID}"), Some(Containerd)),
            (format!("/build/{ID}/init.scope"), Some(Containerd)),
            (format!("/system.slice/nerdctl-{ID}.scope"), Some(Containerd)),
            (format!("/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-{ID}.scope"), Some(Containerd)),
            // k3s, RKE2, k0s, MicroK8s, GKE, EKS, Bottlerocket, kind.
            (format!("/system.slice/k3s.service/kubepods-besteffort-{uid}.slice:cri-containerd:{ID}"), Some(Containerd)),
            (format!("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-{uid}.slice/cri-containerd-{ID}.scope"), Some(Containerd)),
            (format!("/system.slice/k0scontroller.service/kubepods/besteffort/{pod}/{ID}"), Some(Cri)),
            (format!("/system.slice/snap.microk8s.daemon-containerd.service/kubepods-besteffort-{uid}.slice:cri-containerd:{ID}"), Some(Containerd)),
            (format!("/kubepods/besteffort/{pod}/{ID}"), Some(Cri)),
            (format!("/runtime.slice/containerd.service/kubepods-burstable-{uid}.slice:cri-containerd:{ID}"), Some(Containerd)),
            (format!("/system.slice/docker-{}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-{uid}.slice/cri-containerd-{ID}.scope", "b".repeat(64)), Some(Containerd)),
            (format!("/kubepods.slice/kubepods-{uid}.slice/cri-containerd-{ID}.scope/init.scope"), Some(Containerd)),
            // Kubernetes in a container (kind): the inner one.
            (format!("/docker/{}/kubelet/kubepods/{pod}/{ID}", "b".repeat(64)), Some(Cri)),
            // Kubernetes with CRI-O.
            (format!("/kubepods.slice/kubepods-besteffort.slice/{slice}/crio-{ID}.scope"), Some(CriO)),
            (format!("/kubepods.slice/kubepods-besteffort.slice/{slice}/crio-{ID}"), Some(CriO)),
            (format!("/kubepods/besteffort/{pod}/crio-{ID}"), Some(CriO)),
            (format!("/kubepods.slice/{slice}/crio-{ID}.scope/container"), Some(CriO)),
            (format!("/kubepods.slice/{slice}/crio-conmon-{ID}.scope"), None),
            (format!("/runtime.slice/crio-conmon-{ID}.scope"), None),
            // Hosts.
            ("/".into(), None),
            (String::new(), None),
            ("/init.scope".into(), None),
            ("/system.slice/docker.service".into(), None),
            ("/system.slice/containerd.service".into(), None),
            ("/user.slice/user-0.slice/session-1.scope".into(), None),
            ("/kubepods.slice/kubepods-burstable.slice".into(), None),
            (format!("/kubepods.slice/{slice}"), None),
            ("/docker/short".into(), None),
            (format!("/docker/{}", ID.to_uppercase()), None),
            (format!("/home/ann/{ID}"), None),
            (format!("/{ID}"), None),
            (format!("/system.slice/docker-{}.scope", &ID[..63]), None),
            (format!("/system.slice/other-{ID}.scope"), None),
        ];
        for (path, runtime) in cases {
            let found = of_path(path);
            let found = found.as_ref().map(|(id, runtime)| (&**id, *runtime));
            assert_eq!(found, runtime.map(|r| (ID, r)), "{path}");
        }
        let of_path = |path| of_path(path).map(|(id, runtime)| (id.into_owned(), runtime));
        let name = |name: &str, runtime| Some((name.to_owned(), runtime));
        assert_eq!(of_path("/lxc/web"), name("web", Lxc));
        assert_eq!(of_path("/lxc.payload.web/system.slice"), name("web", Lxc));
        assert_eq!(of_path("/lxc.payload/web"), name("web", Lxc));
        assert_eq!(of_path("/lxc.monitor.web"), None);
        assert_eq!(of_path("/lxc/101/ns"), name("101", Lxc));
        let unprivileged = "/user.slice/user-1000.slice/session-1.scope/lxc.payload.web";
        assert_eq!(of_path(unprivileged), name("web", Lxc));
        // Bottlerocket's own.
        assert_eq!(of_path("/default/admin"), name("admin", Containerd));
        for path in [
            "/machine/web.libvirt-lxc",
            r"/machine.slice/machine-lxc\x2d4021\x2dweb.scope",
            "/libvirt/lxc/web",
        ] {
            assert_eq!(of_path(path), name("web", Runtime::LibvirtLxc), "{path}");
        }
        for path in [
            "/machine.slice/machine-web.scope/payload",
            "/machine.slice/systemd-nspawn@web.service/payload/init.scope",
        ] {
            assert_eq!(of_path(path), name("web", Runtime::Nspawn), "{path}");
        }
        assert_eq!(of_path("/default/web"), name("web", Runtime::Containerd));
        assert_eq!(of_path("/x/default/web"), None);
        assert_eq!(of_path("/bpm/web"), name("web", Runtime::Bpm));
        assert_eq!(
            of_path(r"/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt"),
            None
        );
        assert_eq!(of_path("/machine.slice"), None);
        let task = "0123456789abcdef0123456789abcdef-1234567890";
        for (path, machine) in [
            (r"/machine.slice/machine-my\x2dbox.scope/payload", "my-box"),
            (
                r"/machine.slice/systemd-nspawn@my\x2dbox.service/payload",
                "my-box",
            ),
            (
                r"/machine.slice/machine-lxc\x2dfoo.scope/payload",
                "lxc-foo",
            ),
            (
                r"/machine.slice/machine-qemu\x2dfoo.scope/payload",
                "qemu-foo",
            ),
            (r"/machine.slice/machine-a\x5cb\xzz\x.scope", r"a\b\xzz\x"),
            // No text: as it is.
            (r"/machine.slice/machine-a\xff.scope", r"a\xff"),
        ] {
            assert_eq!(of_path(path), name(machine, Runtime::Nspawn), "{path}");
        }
        assert_eq!(
            of_path(r"/machine.slice/machine-lxc\x2d4021\x2dmy\x2dbox.scope"),
            name("my-box", Runtime::LibvirtLxc)
        );
        assert_eq!(of_path(&format!("/ecs/x/{task}")), name(task, Docker));
    }

    #[test]
    fn the_first_group_with_a_container_counts() {
        let groups = format!("cpuset=/\0cpu=/docker/{ID}\0memory=/\0");
        let found = container(groups.as_bytes());
        assert_eq!(found, Some((ID.into(), Runtime::Docker)));
        assert_eq!(container(b"cpu=/\0memory=/\xff\0"), None);
        assert_eq!(container(b""), None);
    }
}
