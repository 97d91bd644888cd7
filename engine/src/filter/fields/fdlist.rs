//! Getters of `fdlist.*`: the descriptors that a call waits for.

use bumpalo::collections::Vec as BumpVec;
use falco_abi::event::{Event as Kind, poll, ppoll};

use super::descriptor::Fd;
use super::text_in;
use crate::filter::field::{Context, FieldArg, Value};
use crate::state::address::End;

type Answer<'a> = Option<Value<'a>>;

/// Bytes of one entry: the number, and the bits that are waited for.
const ENTRY: usize = 10;

/// What each of the descriptors has, with commas between.
fn each<'a>(
    ctx: &Context<'a>,
    get: impl Fn(i64, Option<&Fd<'a>>) -> Option<&'a [u8]>,
) -> Answer<'a> {
    let slot = match ctx.event.kind {
        Kind::Poll => poll::Slot::fds as usize,
        Kind::Ppoll => ppoll::Slot::fds as usize,
        _ => return None,
    };
    let mut text = BumpVec::new_in(ctx.arena);
    let mut some = false;
    for entry in ctx.event.bytes(slot)?.chunks_exact(ENTRY) {
        let Some(num) = entry.first_chunk().map(|num| i64::from_le_bytes(*num)) else {
            continue;
        };
        let Some(part) = get(num, Fd::open(ctx, num).as_ref()) else {
            continue;
        };
        if some {
            text.push(b',');
        }
        some = true;
        text.extend_from_slice_copy(part);
    }
    some.then(|| Value::Text(text.into_bump_slice()))
}

fn client(fd: Option<&Fd<'_>>) -> Option<End> {
    fd?.ends().0
}

fn server(fd: Option<&Fd<'_>>) -> Option<End> {
    fd?.ends().1
}

pub(super) fn nums<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |num, _| Some(text_in!(ctx.arena, "{num}")))
}

pub(super) fn names<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |_, fd| {
        let name = fd.and_then(|fd| fd.name(ctx));
        Some(name.filter(|name| !name.is_empty()).unwrap_or(b"<NA>"))
    })
}

pub(super) fn cips<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |_, fd| Some(text_in!(ctx.arena, "{}", client(fd)?.0)))
}

pub(super) fn sips<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |_, fd| Some(text_in!(ctx.arena, "{}", server(fd)?.0)))
}

pub(super) fn cports<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |_, fd| Some(text_in!(ctx.arena, "{}", client(fd)?.1)))
}

pub(super) fn sports<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    each(ctx, |_, fd| Some(text_in!(ctx.arena, "{}", server(fd)?.1)))
}
