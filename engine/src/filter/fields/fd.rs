//! Getters of `fd.*`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_abi::flags::open as bits;

use super::descriptor::Fd;
use super::{joined, list, text_in};
use crate::filter::field::{Context, FieldArg, Value};
use crate::state::FdKind;
use crate::state::address::End;

type Answer<'a> = Option<Value<'a>>;

fn text(text: &[u8]) -> Answer<'_> {
    Some(Value::Text(text))
}

fn flag<'a>(flag: bool) -> Answer<'a> {
    Some(Value::Bool(flag))
}

pub(super) fn num<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.num))
}

pub(super) fn kind<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    text(fd.worked().then(|| fd.kind.name())??.as_bytes())
}

pub(super) fn typechar<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(Fd::of(ctx)?.kind.letter().as_bytes())
}

/// The name; empty if there is a descriptor without one.
fn name_of<'a>(ctx: &Context<'a>) -> Option<&'a [u8]> {
    Some(Fd::of(ctx)?.name(ctx).unwrap_or_default())
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(name_of(ctx)?)
}

pub(super) fn nameraw<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(Fd::of(ctx)?.name_given(ctx))
}

/// Up to the last slash; a directory is its own.
fn directory_of<'a>(ctx: &Context<'a>) -> Option<&'a [u8]> {
    let fd = Fd::of(ctx)?;
    if !fd.kind.is_file() && fd.kind != FdKind::Unknown {
        return None;
    }
    let name = fd.name(ctx).unwrap_or_default();
    if fd.kind == FdKind::Directory {
        return Some(name);
    }
    Some(match memchr::memrchr(b'/', name) {
        None | Some(0) => b"/",
        Some(slash) => &name[..slash],
    })
}

pub(super) fn directory<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(directory_of(ctx)?)
}

pub(super) fn filename<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    if fd.kind != FdKind::File || !fd.worked() {
        return None;
    }
    let name = fd.name(ctx)?;
    text(match memchr::memrchr(b'/', name) {
        None => name,
        Some(slash) => &name[slash + 1..],
    })
}

fn address<'a>(end: Option<End>) -> Answer<'a> {
    Some(Value::Ip(end?.0))
}

fn port_number<'a>(end: Option<End>) -> Answer<'a> {
    Some(Value::Uint(u64::from(end?.1)))
}

fn port_text<'a>(ctx: &Context<'a>, end: Option<End>) -> Answer<'a> {
    let port = end?.1;
    text(text_in!(ctx.arena, "{port}"))
}

fn client(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.ends().0
}

fn server(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.ends().1
}

fn local(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.sides(ctx.state).0
}

fn remote(ctx: &Context<'_>) -> Option<End> {
    Fd::of(ctx)?.sides(ctx.state).1
}

fn ends<'a>(ctx: &Context<'a>, get: fn(Option<End>) -> Answer<'a>) -> Answer<'a> {
    let fd = Fd::of(ctx).filter(|fd| fd.worked())?;
    let (client, mut server) = fd.ends();
    if client.is_none() && server.is_none() {
        // A socket without ends has the unspecified address, so that it is none
        // of those that a condition excludes.
        let unspecified: IpAddr = match fd.kind {
            FdKind::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            FdKind::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        server = Some((unspecified, 0));
    }
    Some(list(
        ctx.arena,
        [get(client), get(server)].into_iter().flatten(),
    ))
}

pub(super) fn either_ip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ends(ctx, address)
}

pub(super) fn port<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ends(ctx, port_number)
}

pub(super) fn cip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(client(ctx))
}

pub(super) fn sip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(server(ctx))
}

pub(super) fn lip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(local(ctx))
}

pub(super) fn rip<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    address(remote(ctx))
}

pub(super) fn cport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(client(ctx))
}

pub(super) fn sport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(server(ctx))
}

pub(super) fn lport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(local(ctx))
}

pub(super) fn rport<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_number(remote(ctx))
}

pub(super) fn cproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    match fd.ends() {
        (Some(client), _) => port_text(ctx, Some(client)),
        (None, Some(_)) => text(b""),
        // One that has two ends without ports.
        (None, None) if fd.kind == FdKind::Unix && fd.connected => text(b""),
        (None, None) => None,
    }
}

pub(super) fn sproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match Fd::of(ctx)?.ends() {
        (Some(_), server) => port_text(ctx, server),
        // What waits for clients has none yet.
        (None, Some(_)) => text(b""),
        (None, None) => None,
    }
}

pub(super) fn lproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, local(ctx))
}

pub(super) fn rproto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    port_text(ctx, remote(ctx))
}

pub(super) fn l4proto<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx)?;
    match fd.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => text(fd.protocol().name().unwrap_or("<NA>").as_bytes()),
        _ => None,
    }
}

pub(super) fn sockfamily<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match Fd::of(ctx)?.kind {
        FdKind::Ipv4 | FdKind::Ipv6 => text(b"ip"),
        FdKind::Unix => text(b"unix"),
        _ => None,
    }
}

pub(super) fn is_server<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let fd = Fd::of(ctx).filter(|fd| fd.is_known())?;
    flag(fd.serves(ctx.state))
}

pub(super) fn connected<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(|fd| fd.is_known())?.connected)
}

pub(super) fn name_changed<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(|fd| fd.is_known())?.named)
}

pub(super) fn uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let (tid, num) = (ctx.event.header.tid, Fd::of(ctx)?.num);
    text(text_in!(ctx.arena, "{tid}{num}"))
}

fn container_id<'a>(ctx: &Context<'a>) -> &'a [u8] {
    let container = ctx.thread.and_then(|t| t.container.as_ref());
    container.map_or(b"", |c| c.id().as_bytes())
}

pub(super) fn containername<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let name = name_of(ctx)?;
    text(joined(ctx.arena, b":", [container_id(ctx), name]))
}

pub(super) fn containerdirectory<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let directory = directory_of(ctx)?;
    text(joined(ctx.arena, b":", [container_id(ctx), directory]))
}

pub(super) fn dev<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.dev?.cast_signed()))
}

/// Parts of a device number in the kernel's newer encoding.
pub(super) fn dev_major<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let dev = Fd::of(ctx)?.dev?;
    Some(Value::Int((dev >> 8 & 0xfff).cast_signed()))
}

pub(super) fn dev_minor<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let dev = Fd::of(ctx)?.dev?;
    Some(Value::Int(
        (dev & 0xff | dev >> 12 & 0xf_ff00).cast_signed(),
    ))
}

pub(super) fn ino<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(Fd::of(ctx)?.ino?.cast_signed()))
}

pub(super) fn is_upper_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(|fd| fd.is_known())?.flags & bits::FD_UPPER_LAYER != 0)
}

pub(super) fn is_lower_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(Fd::of(ctx).filter(|fd| fd.is_known())?.flags & bits::FD_LOWER_LAYER != 0)
}

/// The distinct kinds of what the process has open, or the kind of one number.
pub(super) fn types<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let name = |kind: FdKind| kind.name().map(|name| Value::Text(name.as_bytes()));
    if let FieldArg::Index(num) = arg {
        let kind = Fd::open(ctx, i64::from(*num))?.kind;
        return Some(list(ctx.arena, name(kind)));
    }
    // Like the other fields of the class, of events about a descriptor alone.
    Fd::of(ctx)?;
    let files = ctx.state.threads().files(ctx.thread?)?;
    let mut seen = 0_u32;
    let kinds = files.iter().rev().filter_map(|(_, descriptor)| {
        let bit = 1 << descriptor.kind as u32;
        let first = seen & bit == 0;
        seen |= bit;
        first.then_some(descriptor.kind)
    });
    let mut names = kinds.filter_map(name).peekable();
    names.peek()?;
    Some(list(ctx.arena, names))
}
