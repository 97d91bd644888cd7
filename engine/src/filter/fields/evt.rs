//! Getters of `evt.*`.

use falco_abi::event::{Category, Event as Kind, asyncevent, creat, open, openat, openat2};
use falco_abi::flags::open as bits;
use falco_abi::record::NO_SYSCALL;

use super::names::errno;
use super::text_in;
use crate::clock::{Civil, SECOND};
use crate::event::Event;
use crate::filter::field::{Context, FieldArg, Value};
use crate::state::Thread;

type Answer<'a> = Option<Value<'a>>;

fn text<'a>(text: &'a str) -> Answer<'a> {
    Some(Value::Text(text.as_bytes()))
}

/// What events without a beginning of their own took.
pub(super) fn zero<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(0))
}

pub(super) fn zero_human<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text("0ns")
}

pub(super) fn num<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.event.num))
}

pub(super) fn time<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let at = Civil::local(ctx.event.time);
    let text = text_in!(ctx.arena, "{}.{}", at.clock(), at.fraction());
    Some(Value::Text(text))
}

pub(super) fn time_s<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let at = Civil::local(ctx.event.time);
    Some(Value::Text(text_in!(ctx.arena, "{}", at.clock())))
}

pub(super) fn time_iso8601<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let at = Civil::utc(ctx.event.time);
    let (date, clock, fraction) = (at.date(), at.clock(), at.fraction());
    let text = text_in!(ctx.arena, "{date}T{clock}.{fraction}+0000");
    Some(Value::Text(text))
}

pub(super) fn datetime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let at = Civil::local(ctx.event.time);
    let (date, clock, fraction) = (at.date(), at.clock(), at.fraction());
    Some(Value::Text(text_in!(
        ctx.arena,
        "{date} {clock}.{fraction}"
    )))
}

pub(super) fn datetime_s<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let at = Civil::local(ctx.event.time);
    let text = text_in!(ctx.arena, "{} {}", at.date(), at.clock());
    Some(Value::Text(text))
}

pub(super) fn rawtime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.event.time))
}

pub(super) fn rawtime_s<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.event.time / SECOND))
}

pub(super) fn rawtime_ns<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.event.time % SECOND))
}

/// From the first event on; before it there was none.
fn since_first(ctx: &Context<'_>) -> u64 {
    ctx.event.time.saturating_sub(ctx.state.times().first)
}

pub(super) fn reltime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_first(ctx)))
}

pub(super) fn reltime_s<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_first(ctx) / SECOND))
}

pub(super) fn reltime_ns<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_first(ctx) % SECOND))
}

/// From the event before; 0 for the first one.
fn since_last(ctx: &Context<'_>) -> u64 {
    match ctx.state.times().previous {
        0 => 0,
        previous => ctx.event.time.saturating_sub(previous),
    }
}

pub(super) fn deltatime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_last(ctx)))
}

pub(super) fn deltatime_s<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_last(ctx) / SECOND))
}

pub(super) fn deltatime_ns<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(since_last(ctx) % SECOND))
}

/// What the event tells of plugins: there are none.
pub(super) fn none<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    None
}

/// How many nanoseconds lie between the event and the given time.
pub(super) fn around<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let at: u64 = match arg {
        FieldArg::Index(at) => u64::from(*at),
        FieldArg::Key(at) => at.parse().ok()?,
        FieldArg::None => return None,
    };
    Some(Value::Uint(ctx.event.time.abs_diff(at)))
}

pub(super) fn source<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text("syscall")
}

/// Made by no call and no hook, but by the recorder or by a plugin.
fn asynchronous(event: &Event<'_>) -> bool {
    event.info().category == Category::Internal
        || matches!(
            event.kind,
            Kind::Asyncevent
                | Kind::Container
                | Kind::ContainerRemoved
                | Kind::Notification
                | Kind::Infra
        )
}

pub(super) fn is_async<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Bool(asynchronous(ctx.event)))
}

pub(super) fn asynctype<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match ctx.event.kind {
        Kind::Asyncevent => {
            let name = ctx.event.bytes(asyncevent::Slot::name as usize)?;
            Some(Value::Text(name))
        }
        _ if asynchronous(ctx.event) => text(ctx.event.name()),
        _ => None,
    }
}

pub(super) fn hostname<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(ctx.state.hostname())
}

/// What is no return of a call counts as a beginning.
pub(super) fn dir<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(if is_call(ctx) { "<" } else { ">" })
}

/// Whether a system call made it.
fn is_call(ctx: &Context<'_>) -> bool {
    !matches!(
        ctx.event.kind,
        Kind::Procexit
            | Kind::Drop
            | Kind::Switch
            | Kind::Scapevent
            | Kind::Signaldeliver
            | Kind::Procinfo
            | Kind::CpuHotplug
            | Kind::Notification
            | Kind::Infra
            | Kind::PageFault
            | Kind::Pluginevent
            | Kind::Container
            | Kind::ContainerRemoved
            | Kind::Useradded
            | Kind::Userdeleted
            | Kind::Groupadded
            | Kind::Groupdeleted
            | Kind::Asyncevent
    )
}

pub(super) fn kind<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(ctx.event.name())
}

pub(super) fn type_is<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let is = match arg {
        FieldArg::Key(name) => ctx.event.name() == &**name,
        FieldArg::Index(number) => ctx.event.kind as u32 == *number,
        FieldArg::None => return None,
    };
    Some(Value::Uint(u64::from(is)))
}

pub(super) fn syscall<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    is_call(ctx).then(|| Value::Text(ctx.event.name().as_bytes()))
}

pub(super) fn cpu<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(i64::from(ctx.event.header.cpu)))
}

pub(super) fn res<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    match ctx.event.result()? {
        0.. => text("SUCCESS"),
        error => match errno(error) {
            Some(name) => text(name),
            None => Some(Value::Text(text_in!(ctx.arena, "{error}"))),
        },
    }
}

pub(super) fn rawres<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ctx.event.result().map(Value::Int)
}

pub(super) fn failed<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Bool(ctx.event.result()? < 0))
}

pub(super) fn count<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(1))
}

pub(super) fn count_error<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(u64::from(ctx.event.result()? < 0)))
}

pub(super) fn count_procinfo<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let main = ctx.thread.is_some_and(Thread::is_leader);
    (main && ctx.event.kind == Kind::Procinfo).then_some(Value::Uint(1))
}

pub(super) fn count_threadinfo<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    (ctx.event.kind == Kind::Procinfo).then_some(Value::Uint(1))
}

pub(super) fn extractions<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Uint(ctx.state.count_extraction()))
}

pub(super) fn count_exit<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    (ctx.event.header.syscall != NO_SYSCALL).then_some(Value::Uint(1))
}

/// Flags and mode of the calls that open by flags.
fn opening(ctx: &Context<'_>) -> Option<(u32, u64)> {
    let (flags, mode) = match ctx.event.kind {
        Kind::Open => (open::Slot::flags as usize, open::Slot::mode as usize),
        Kind::Openat => (openat::Slot::flags as usize, openat::Slot::mode as usize),
        Kind::Openat2 => (openat2::Slot::flags as usize, openat2::Slot::mode as usize),
        _ => return None,
    };
    let flags = ctx.event.number(flags).unwrap_or_default() as u32;
    Some((flags, ctx.event.number(mode).unwrap_or_default()))
}

fn opened<'a>(ctx: &Context<'a>, bit: u32) -> Answer<'a> {
    let has = opening(ctx).is_some_and(|(flags, _)| flags & bit != 0);
    Some(Value::Bool(has))
}

pub(super) fn is_open_read<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    opened(ctx, bits::RDONLY)
}

pub(super) fn is_open_write<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    opened(ctx, bits::WRONLY)
}

pub(super) fn is_open_create<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    // A file without a name is always made.
    let made = match ctx.event.result() {
        Some(0..) => bits::F_CREATED | bits::TMPFILE,
        _ => bits::F_CREATED,
    };
    opened(ctx, made)
}

pub(super) fn is_open_exec<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    const ANY_EXEC: u64 = 0o111;
    let is = match opening(ctx) {
        Some((flags, mode)) => flags & (bits::CREAT | bits::TMPFILE) != 0 && mode & ANY_EXEC != 0,
        None if ctx.event.kind == Kind::Creat => ctx
            .event
            .number(creat::Slot::mode as usize)
            .is_some_and(|mode| mode & ANY_EXEC != 0),
        None => false,
    };
    Some(Value::Bool(is))
}
