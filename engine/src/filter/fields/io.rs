//! Getters of `evt.*` that depend on what an event does and on the descriptor
//! that it does it with.

use falco_abi::event::{Category, Event as Kind, traits};

use super::args;
use super::descriptor::Fd;
use crate::filter::field::{Context, FieldArg, Value};
use crate::state::FdKind;

type Answer<'a> = Option<Value<'a>>;

fn does(ctx: &Context<'_>, bits: u16) -> bool {
    ctx.event.info().traits & bits != 0
}

fn flag<'a>(flag: bool) -> Answer<'a> {
    Some(Value::Bool(flag))
}

fn kind_of(ctx: &Context<'_>) -> FdKind {
    Fd::of(ctx).map_or(FdKind::Unknown, |fd| fd.kind)
}

pub(super) fn category<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let name = match ctx.event.info().category {
        Category::IoRead | Category::IoWrite | Category::IoOther => match kind_of(ctx) {
            FdKind::File | FdKind::Directory => "file",
            FdKind::Ipv4 | FdKind::Ipv6 => "net",
            FdKind::Unix | FdKind::Pipe | FdKind::Event => "ipc",
            _ => "unknown",
        },
        category => category.name(),
    };
    Some(Value::Text(name.as_bytes()))
}

pub(super) fn is_io<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(does(ctx, traits::READS_FROM_FD | traits::WRITES_TO_FD))
}

pub(super) fn is_io_read<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(does(ctx, traits::READS_FROM_FD))
}

pub(super) fn is_io_write<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(does(ctx, traits::WRITES_TO_FD))
}

pub(super) fn io_dir<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let direction: &[u8] = if does(ctx, traits::WRITES_TO_FD) {
        b"write"
    } else if does(ctx, traits::READS_FROM_FD) {
        b"read"
    } else {
        return None;
    };
    Some(Value::Text(direction))
}

pub(super) fn is_wait<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    flag(does(ctx, traits::WAITS))
}

pub(super) fn wait_latency<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    does(ctx, traits::WAITS).then_some(Value::Uint(0))
}

pub(super) fn is_syslog<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    const SOCKET: &[u8] = b"/dev/log";
    if !does(ctx, traits::WRITES_TO_FD) {
        return flag(false);
    }
    let name = Fd::of(ctx).and_then(|fd| fd.name(ctx)).unwrap_or_default();
    flag(name.windows(SOCKET.len()).any(|part| part == SOCKET))
}

/// Which events a counter is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    File,
    Net,
    Memory,
    Other,
}

fn is_of(ctx: &Context<'_>, area: Area) -> bool {
    let opens = matches!(
        ctx.event.kind,
        Kind::Open | Kind::Openat | Kind::Openat2 | Kind::OpenByHandleAt | Kind::Creat
    );
    let connects = matches!(
        ctx.event.kind,
        Kind::Accept | Kind::Accept4 | Kind::Connect | Kind::Socketpair
    );
    match area {
        Area::File => opens || kind_of(ctx).is_file(),
        Area::Net => connects || matches!(kind_of(ctx), FdKind::Ipv4 | FdKind::Ipv6 | FdKind::Unix),
        Area::Memory => ctx.event.info().category == Category::Memory,
        // Calls for memory with a descriptor count as others as well.
        Area::Other => {
            let described = Fd::of(ctx).is_some_and(Fd::is_known);
            let memory = !described && is_of(ctx, Area::Memory);
            !memory && !is_of(ctx, Area::File) && !is_of(ctx, Area::Net)
        }
    }
}

fn errors<'a>(ctx: &Context<'a>, area: Area) -> Answer<'a> {
    let failed = ctx.event.result()? < 0;
    is_of(ctx, area).then_some(Value::Uint(u64::from(failed)))
}

pub(super) fn errors_file<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    errors(ctx, Area::File)
}

pub(super) fn errors_net<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    errors(ctx, Area::Net)
}

pub(super) fn errors_memory<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    errors(ctx, Area::Memory)
}

pub(super) fn errors_other<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    errors(ctx, Area::Other)
}

/// Bytes that went through a descriptor, if it is one of these and they went in
/// one of these directions.
fn bytes<'a>(ctx: &Context<'a>, directions: u16, kinds: fn(FdKind) -> bool) -> Answer<'a> {
    if !does(ctx, directions) || !kinds(kind_of(ctx)) {
        return None;
    }
    args::buflen(ctx, &FieldArg::None)
}

const IN: u16 = traits::READS_FROM_FD;
const OUT: u16 = traits::WRITES_TO_FD;

pub(super) fn buflen_in<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, IN, |_| true)
}

pub(super) fn buflen_out<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, OUT, |_| true)
}

pub(super) fn buflen_file<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, IN | OUT, FdKind::is_file)
}

pub(super) fn buflen_file_in<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, IN, FdKind::is_file)
}

pub(super) fn buflen_file_out<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, OUT, FdKind::is_file)
}

pub(super) fn buflen_net<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, IN | OUT, FdKind::is_ip)
}

pub(super) fn buflen_net_in<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, IN, FdKind::is_ip)
}

pub(super) fn buflen_net_out<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    bytes(ctx, OUT, FdKind::is_ip)
}
