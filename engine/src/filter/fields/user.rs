//! Getters of `user.*` and `group.*`.

use crate::filter::field::{Context, FieldArg, Value};
use crate::state::UNSET;

type Answer<'a> = Option<Value<'a>>;

/// How an id that nobody set is printed.
pub(super) fn signed(id: u32) -> i64 {
    if id == UNSET { -1 } else { i64::from(id) }
}

pub(super) fn uid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(u64::from(ctx.thread?.uid)))
}

pub(super) fn gid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(u64::from(ctx.thread?.gid)))
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let name = ctx
        .state
        .user_name(thread.container.as_deref(), thread.uid, ctx.arena);
    Some(Value::Text(name.as_bytes()))
}

pub(super) fn homedir<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let container = thread.container.as_deref();
    match ctx
        .state
        .of_user(container, thread.uid, |user| &user.home, ctx.arena)
    {
        Some(home) => Some(Value::Text(home.as_bytes())),
        // Like its name, this one is the same everywhere.
        None => (thread.uid == 0).then_some(Value::Text(b"/root")),
    }
}

pub(super) fn shell<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let container = thread.container.as_deref();
    let shell = ctx
        .state
        .of_user(container, thread.uid, |user| &user.shell, ctx.arena)?;
    Some(Value::Text(shell.as_bytes()))
}

pub(super) fn loginuid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(signed(ctx.thread?.loginuid)))
}

pub(super) fn loginname<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let container = thread.container.as_deref();
    let name = match thread.loginuid {
        UNSET => "<NA>",
        uid => ctx.state.user_name(container, uid, ctx.arena),
    };
    Some(Value::Text(name.as_bytes()))
}

pub(super) fn group<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let name = ctx
        .state
        .group_name(thread.container.as_deref(), thread.gid, ctx.arena);
    Some(Value::Text(name.as_bytes()))
}
