//! Getters of `container.*` and `k8s.*`.
//!
//! Outside of containers most are empty text. In a container they have no value
//! until a runtime told what it knows.

use falco_abi::event::Event as Kind;

use super::{joined, text_in};
use crate::filter::field::{Context, FieldArg, Value};
use crate::metadata::{Container, Info, Mount, Pod, SHORT_ID};

type Answer<'a> = Option<Value<'a>>;

/// The container that the event tells of, or else the one that its thread is in;
/// `Some(None)` is the host.
#[expect(clippy::option_option, reason = "nobody knows, or nobody's")]
fn container<'a>(ctx: &Context<'a>) -> Option<Option<&'a Container>> {
    if matches!(
        ctx.event.kind,
        Kind::Container | Kind::ContainerRemoved | Kind::Asyncevent
    ) && let Some(told) = ctx.state.announced()
    {
        return Some(Some(told));
    }
    Some(ctx.thread?.container.as_deref())
}

/// The text that the runtime gave; empty on the host.
fn told<'a>(ctx: &Context<'a>, text: impl FnOnce(&'a Info) -> &'a str) -> Answer<'a> {
    let text = match container(ctx)? {
        None => "",
        Some(container) => text(container.info()?),
    };
    Some(Value::Text(text.as_bytes()))
}

fn flag<'a>(ctx: &Context<'a>, flag: impl FnOnce(&Info) -> Option<bool>) -> Answer<'a> {
    let flag = match container(ctx)? {
        None => false,
        Some(container) => flag(container.info()?)?,
    };
    Some(Value::Bool(flag))
}

fn of_pod<'a>(ctx: &Context<'a>, text: impl FnOnce(&'a Pod) -> &'a str) -> Answer<'a> {
    let pod = info(ctx)?.pod.as_ref()?;
    Some(Value::Text(text(pod).as_bytes()))
}

/// What the pod has; empty on the host.
fn of_pod_or_host<'a>(ctx: &Context<'a>, text: impl FnOnce(&'a Pod) -> &'a str) -> Answer<'a> {
    match container(ctx)? {
        None => Some(Value::Text(b"")),
        Some(container) => match &container.info()?.pod {
            None => Some(Value::Text(b"")),
            Some(pod) => Some(Value::Text(text(pod).as_bytes())),
        },
    }
}

fn info<'a>(ctx: &Context<'a>) -> Option<&'a Info> {
    container(ctx)??.info()
}

/// The pod that the runtime says the container is in.
pub(super) fn pod<'a>(ctx: &Context<'a>) -> Option<&'a Pod> {
    info(ctx)?.pod.as_ref()
}

fn by_key<'a>(labels: &'a [(String, String)], arg: &FieldArg) -> Answer<'a> {
    let FieldArg::Key(key) = arg else {
        return None;
    };
    let (_, value) = labels.iter().find(|(name, _)| *name == **key)?;
    Some(Value::Text(value.as_bytes()))
}

fn list<'a>(ctx: &Context<'a>, labels: &[(String, String)]) -> Value<'a> {
    let pairs = labels.iter().map(|(key, value)| pair(ctx, key, value));
    Value::Text(joined(ctx.arena, b", ", pairs))
}

fn pair<'a>(ctx: &Context<'a>, key: &str, value: &str) -> &'a [u8] {
    text_in!(ctx.arena, "{key}:{value}")
}

pub(super) fn id<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let id = match container(ctx)? {
        None => "host",
        Some(container) => container.id(),
    };
    Some(Value::Text(id.as_bytes()))
}

pub(super) fn full_id<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let id = match container(ctx)? {
        None => "host",
        Some(container) => {
            let told = container.info()?.full_id.as_deref();
            told.unwrap_or(container.full_id())
        }
    };
    Some(Value::Text(id.as_bytes()))
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let name = match container(ctx)? {
        None => "host",
        Some(container) => &container.info()?.name,
    };
    Some(Value::Text(name.as_bytes()))
}

pub(super) fn kind<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let name = match container(ctx)? {
        None => "host",
        Some(container) => {
            let told = container.info()?.runtime;
            told.unwrap_or(container.runtime()).name()
        }
    };
    Some(Value::Text(name.as_bytes()))
}

pub(super) fn image<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| &info.image)
}

pub(super) fn image_id<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| &info.image_id)
}

pub(super) fn image_repository<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| &info.image_repository)
}

pub(super) fn image_tag<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| &info.image_tag)
}

pub(super) fn image_digest<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| &info.image_digest)
}

pub(super) fn privileged<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(ctx, |info| info.privileged)
}

pub(super) fn host_pid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(ctx, |info| info.host_pid)
}

pub(super) fn host_network<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(ctx, |info| info.host_network)
}

pub(super) fn host_ipc<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(ctx, |info| info.host_ipc)
}

/// A mount as one text.
fn shown<'a>(ctx: &Context<'a>, mount: &Mount) -> &'a [u8] {
    let (source, destination) = (&mount.source, &mount.destination);
    let (mode, writable, propagation) = (&mount.mode, !mount.readonly, &mount.propagation);
    text_in!(
        ctx.arena,
        "{source}:{destination}:{mode}:{writable}:{propagation}"
    )
}

pub(super) fn mounts<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let Some(container) = container(ctx)? else {
        return Some(Value::Text(b""));
    };
    let mounts = &container.info()?.mounts;
    let all = mounts.iter().map(|mount| shown(ctx, mount));
    Some(Value::Text(joined(ctx.arena, b",", all)))
}

/// Whether a text is as a pattern with `*` and `?` has it.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on if what follows the last star does not fit here.
    let (mut p, mut t, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t + 1));
                p += 1;
            }
            Some(&b) if b == b'?' || b == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after_star, next)) => {
                    (p, t) = (after_star, next);
                    retry = Some((after_star, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// The mount with this number, or the first whose `end` is like the pattern.
fn one_mount<'a>(
    ctx: &Context<'a>,
    arg: &FieldArg,
    end: fn(&Mount) -> &String,
) -> Option<&'a Mount> {
    let mounts = &info(ctx)?.mounts;
    match arg {
        FieldArg::Index(index) => mounts.get(*index as usize),
        FieldArg::Key(pattern) => mounts
            .iter()
            .find(|mount| is_like(pattern.as_bytes(), end(mount).as_bytes())),
        FieldArg::None => None,
    }
}

fn by_source<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Option<&'a Mount> {
    one_mount(ctx, arg, |mount| &mount.source)
}

pub(super) fn mount<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    Some(Value::Text(shown(ctx, by_source(ctx, arg)?)))
}

pub(super) fn mount_source<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let mount = one_mount(ctx, arg, |mount| &mount.destination)?;
    Some(Value::Text(mount.source.as_bytes()))
}

pub(super) fn mount_dest<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let mount = by_source(ctx, arg)?;
    Some(Value::Text(mount.destination.as_bytes()))
}

pub(super) fn mount_mode<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let mount = by_source(ctx, arg)?;
    Some(Value::Text(mount.mode.as_bytes()))
}

pub(super) fn mount_rdwr<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let text = match by_source(ctx, arg)?.readonly {
        true => "false",
        false => "true",
    };
    Some(Value::Text(text.as_bytes()))
}

pub(super) fn mount_propagation<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let mount = by_source(ctx, arg)?;
    Some(Value::Text(mount.propagation.as_bytes()))
}

/// The start of its pid namespace, since a runtime may have been asked before it
/// started the container, or started it again. In the host's namespace what the
/// runtime told is all there is.
fn started(ctx: &Context<'_>) -> Option<u64> {
    let info = info(ctx);
    let told = info.map_or(0, |info| info.started);
    let shares_host = info.is_some_and(|info| info.host_pid == Some(true));
    let namespace = match ctx.thread {
        Some(thread) if !shares_host => thread.pidns_start,
        _ => 0,
    };
    [namespace, told].into_iter().find(|&start| start != 0)
}

pub(super) fn start_ts<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    started(ctx).map(Value::Uint)
}

pub(super) fn duration<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.event.time.saturating_sub(started(ctx)?)))
}

pub(super) fn ip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| match &info.pod {
        Some(pod) if !pod.ip.is_empty() => &pod.ip,
        _ => &info.ip,
    })
}

pub(super) fn label<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    by_key(&info(ctx)?.labels, arg)
}

pub(super) fn labels<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match container(ctx)? {
        None => Some(Value::Text(b"")),
        Some(container) => Some(list(ctx, &container.info()?.labels)),
    }
}

pub(super) fn pod_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod(ctx, |pod| &pod.name)
}

pub(super) fn ns_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod(ctx, |pod| &pod.namespace)
}

pub(super) fn pod_uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod(ctx, |pod| &pod.uid)
}

pub(super) fn sandbox_id<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod_or_host(ctx, |pod| {
        pod.sandbox_id.get(..SHORT_ID).unwrap_or(&pod.sandbox_id)
    })
}

pub(super) fn full_sandbox_id<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod_or_host(ctx, |pod| &pod.sandbox_id)
}

pub(super) fn pod_ip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    of_pod_or_host(ctx, |pod| &pod.ip)
}

pub(super) fn cni_json<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    told(ctx, |info| {
        info.pod.as_ref().map_or("", |pod| &pod.cni_json)
    })
}

pub(super) fn pod_label<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    by_key(&info(ctx)?.pod.as_ref()?.labels, arg)
}

pub(super) fn pod_labels<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let Some(container) = container(ctx)? else {
        return Some(Value::Text(b""));
    };
    let labels = match &container.info()?.pod {
        None => &[][..],
        Some(pod) => &pod.labels,
    };
    Some(list(ctx, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let like = |pattern: &str, text: &str| is_like(pattern.as_bytes(), text.as_bytes());
        for (pattern, text) in [
            ("/proc", "/proc"),
            ("/proc*", "/proc"),
            ("/proc*", "/proc/1/root"),
            ("*/docker.sock", "/var/run/docker.sock"),
            ("/a*b*c", "/abbbxc"),
            ("/?", "/x"),
            ("*", ""),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("/proc", "/proc/1"),
            ("/?", "/"),
            ("a*b", "acbd"),
            ("", "x"),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
