//! Getters of `fs.path.*` and `evt.abspath`.

use falco_abi::event::Event as Kind;

use super::descriptor::Fd;
use crate::event::Event;
use crate::filter::field::{Context, FieldArg, Value};
use crate::paths::{self, Slots};

type Answer<'a> = Option<Value<'a>>;

/// The absolute path.
pub(super) fn absolute<'a>(ctx: &Context<'a>, slots: Slots) -> Option<&'a [u8]> {
    let path = paths::given(ctx.event, slots)?;
    let base = || {
        let threads = ctx.state.threads();
        threads.base(ctx.event, ctx.thread, slots)
    };
    Some(paths::absolute(ctx.arena, path, base))
}

fn text(path: &[u8]) -> Answer<'_> {
    Some(Value::Text(path))
}

/// The one path of a call that worked; of opening files, in any case.
fn named(event: &Event<'_>) -> Option<Slots> {
    let opens = matches!(
        event.kind,
        Kind::Open | Kind::Openat | Kind::Openat2 | Kind::Creat
    );
    (opens || event.result()? >= 0).then(|| paths::one(event.kind))?
}

fn pair(event: &Event<'_>) -> Option<(Slots, Slots)> {
    (event.result()? >= 0).then(|| paths::two(event.kind))?
}

/// The file of a call that is given a descriptor in place of a path.
fn file<'c, 'a>(ctx: &'c Context<'a>) -> Option<&'c Fd<'a>> {
    matches!(ctx.event.kind, Kind::Fchmod | Kind::Fchown).then(|| Fd::of(ctx))?
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let slots = named(ctx.event)?;
    text(absolute(ctx, slots).or_else(|| file(ctx)?.name(ctx))?)
}

pub(super) fn nameraw<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let slots = named(ctx.event)?;
    let given = paths::given(ctx.event, slots);
    text(given.or_else(|| Some(file(ctx)?.name_given(ctx)))?)
}

pub(super) fn source<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(absolute(ctx, pair(ctx.event)?.0)?)
}

pub(super) fn sourceraw<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(paths::given(ctx.event, pair(ctx.event)?.0)?)
}

pub(super) fn target<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(absolute(ctx, pair(ctx.event)?.1)?)
}

pub(super) fn targetraw<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(paths::given(ctx.event, pair(ctx.event)?.1)?)
}

pub(super) fn abspath<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let kind = ctx.event.kind;
    let slots = match kind {
        Kind::Openat
        | Kind::Openat2
        | Kind::Unlinkat
        | Kind::Fchmodat
        | Kind::Fchmodat2
        | Kind::Fchownat
        | Kind::Mkdirat => paths::one(kind)?,
        Kind::Symlinkat => paths::two(kind)?.0,
        Kind::Linkat => {
            let (made, old) = paths::two(kind)?;
            match arg {
                FieldArg::Key(end) if &**end == "dst" => made,
                _ => old,
            }
        }
        Kind::Renameat | Kind::Renameat2 => {
            let (source, target) = paths::two(kind)?;
            match arg {
                FieldArg::Key(end) if &**end == "dst" => target,
                _ => source,
            }
        }
        _ => return None,
    };
    text(absolute(ctx, slots)?)
}
