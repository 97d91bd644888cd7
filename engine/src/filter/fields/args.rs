//! Arguments of an event as text, and the getters that give them.
//!
//! An argument has its own text (a number, mostly) and perhaps a resolved one (a
//! name for the number, an absolute path). `evt.arg` is the resolved text if
//! there is one; `evt.args` has both: `fd=3(<f>/etc/passwd)`.

use std::fmt::Write;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};
use falco_abi::event::{Category, Event as Kind, Param, ParamType, Source};
use falco_abi::flags::FlagTable;

use super::descriptor::Fd;
use super::names::{errno, signal};
use super::user::signed;
use super::{joined, path, text_in};
use crate::clock::Civil;
use crate::event::{Event, syscall_name};
use crate::filter::field::{Context, FieldArg, Value};
use crate::paths;
use crate::state::FdKind;
use crate::state::address::Address;

type Answer<'a> = Option<Value<'a>>;

/// An argument as text.
struct Rendered<'a> {
    own: &'a [u8],
    resolved: Option<&'a [u8]>,
}

impl<'a> Rendered<'a> {
    fn own(own: &'a [u8]) -> Self {
        Self {
            own,
            resolved: None,
        }
    }
}

/// What an argument without value shows.
fn missing(ty: ParamType) -> &'static [u8] {
    match ty {
        ParamType::Bytes
        | ParamType::Strings
        | ParamType::SockTuple
        | ParamType::FdList
        | ParamType::Dyn(_) => b"NULL",
        _ => b"<NA>",
    }
}

/// Bytes that cannot be printed become dots.
fn printable<'a>(ctx: &Context<'a>, bytes: &[u8]) -> &'a [u8] {
    let mut text = BumpVec::with_capacity_in(bytes.len(), ctx.arena);
    let shown = |b: u8| if matches!(b, b' '..=b'~') { b } else { b'.' };
    text.extend(bytes.iter().map(|&b| shown(b)));
    text.into_bump_slice()
}

/// What was read or written, as the configuration wants to see it.
fn data_text<'a>(ctx: &Context<'a>, bytes: &[u8]) -> &'a [u8] {
    if !ctx.base64 {
        return printable(ctx, bytes);
    }
    let len = base64::encoded_len(bytes.len(), true).unwrap_or(0);
    let text = ctx.arena.alloc_slice_fill_copy(len, 0);
    // It has the room that it needs.
    let len = BASE64_STANDARD.encode_slice(bytes, text).unwrap_or(0);
    &text[..len]
}

fn flag_names<'a>(ctx: &Context<'a>, table: &FlagTable, value: u64) -> Option<&'a [u8]> {
    let mut left = value as u32;
    if left == 0 {
        let none = table.entries.iter().find(|(_, bits)| *bits == 0);
        return none.map(|(name, _)| name.as_bytes());
    }
    let mut names = BumpString::new_in(ctx.arena);
    for &(name, bits) in table.entries {
        // A name uses its bits up, so that the one for two bits keeps the ones
        // for either from being shown.
        if bits != 0 && left & bits == bits {
            left &= !bits;
            if !names.is_empty() {
                names.push('|');
            }
            names.push_str(name);
        }
    }
    (!names.is_empty()).then(|| names.into_bump_str().as_bytes())
}

/// The name of a value; all of them, if it has several.
fn enum_name<'a>(ctx: &Context<'a>, table: &FlagTable, value: u64) -> Option<&'a [u8]> {
    let entries = table.entries.iter();
    let mut names = entries.filter(|(_, v)| u64::from(*v) == value);
    let (first, _) = names.next()?;
    let rest = names.map(|(name, _)| name.as_bytes());
    let all = std::iter::once(first.as_bytes()).chain(rest);
    Some(joined(ctx.arena, b"|", all))
}

/// The descriptor as `<kind>name`, if the event tells.
fn descriptor<'a>(ctx: &Context<'a>, slot: usize, num: i64) -> Option<&'a [u8]> {
    if num == paths::AT_FDCWD {
        return Some(b"AT_FDCWD");
    }
    if num < 0 {
        return errno(num).map(str::as_bytes);
    }
    if let Some(directory) = paths::of_descriptor(ctx.event, slot) {
        return Some(joined(ctx.arena, b"", [b"<d>", directory]));
    }
    // A directory may have the number that the call returned.
    let about = Fd::of(ctx);
    let fd = match about.filter(|fd| fd.num == num) {
        Some(fd) if slot == 0 || !returns_descriptor(ctx) => *fd,
        _ => Fd::open(ctx, num).or(about.copied().filter(|_| is_copy(ctx)))?,
    };
    let name = match fd.name(ctx) {
        None if fd.kind == FdKind::Unknown => return None,
        name => name.unwrap_or_default(),
    };
    let kind = text_in!(ctx.arena, "<{}{}>", fd.kind.letter(), fd.proto_letter());
    Some(joined(ctx.arena, b"", [kind, name]))
}

/// Whether the first parameter is a descriptor that the call made.
fn returns_descriptor(ctx: &Context<'_>) -> bool {
    let info = ctx.event.info();
    matches!(info.params[0].ty, ParamType::Fd) && info.params[0].source == Source::Return
}

/// A copy is what the original is.
fn is_copy(ctx: &Context<'_>) -> bool {
    matches!(ctx.event.kind, Kind::Dup | Kind::Dup2 | Kind::Dup3)
}

/// Name of a task. A number that the program itself gave is one of its own
/// pid namespace.
fn task<'a>(ctx: &Context<'a>, param: &Param, id: i64) -> Option<&'a [u8]> {
    if id < 0 {
        return errno(id).map(str::as_bytes);
    }
    let own = ctx.thread.is_none_or(|t| t.vtid == t.tid);
    let global = matches!(param.source, Source::Task(_) | Source::Hook | Source::None);
    if !own && !global {
        return None;
    }
    let thread = ctx.state.thread(u32::try_from(id).ok()?)?;
    Some(thread.comm())
}

fn number<'a>(ctx: &Context<'a>, slot: usize, param: &Param, value: u64) -> Rendered<'a> {
    let arena = ctx.arena;
    let int = value.cast_signed();
    let container = ctx.thread.and_then(|t| t.container.as_deref());
    let decimal = || text_in!(arena, "{int}");
    let (own, resolved) = match param.ty {
        ParamType::Errno => {
            let name = if int < 0 { errno(int) } else { None };
            (decimal(), name.map(str::as_bytes))
        }
        ParamType::Fd => (decimal(), descriptor(ctx, slot, int)),
        ParamType::Pid => (decimal(), task(ctx, param, int)),
        ParamType::Uid | ParamType::Gid => {
            let id = value as u32;
            let name = match (param.ty, signed(id)) {
                (_, -1) => "<NONE>",
                // Whose files nobody read.
                _ if container.is_some_and(|c| c.users().is_none()) => "<NA>",
                (ParamType::Uid, _) => ctx.state.user_name(container, id, arena),
                _ => ctx.state.group_name(container, id, arena),
            };
            // In a container somebody has each id, be the name known or not.
            let known = (container.is_some() || name != "<NA>").then_some(name.as_bytes());
            (text_in!(arena, "{}", signed(id)), known)
        }
        ParamType::Signal => (decimal(), signal(value).map(str::as_bytes)),
        ParamType::Int(_) => (decimal(), None),
        // Falco prints large numbers with a sign, as offsets have one.
        ParamType::Uint(8) => (decimal(), None),
        ParamType::Uint(4) => (text_in!(arena, "{}", signed(value as u32)), None),
        ParamType::Uint(_) => (text_in!(arena, "{value}"), None),
        ParamType::Hex(_) => (text_in!(arena, "{value:X}"), None),
        ParamType::Octal(_) => (octal(ctx, value), None),
        ParamType::Time => {
            let at = Civil::local(value);
            let (date, clock, fraction) = (at.date(), at.clock(), at.fraction());
            (text_in!(arena, "{date} {clock}.{fraction}"), None)
        }
        ParamType::RelTime => {
            let (seconds, rest) = (value / 1_000_000_000, value % 1_000_000_000);
            let human = match value {
                0 => b"0s",
                _ => text_in!(arena, "{seconds}.{:06}s", rest / 1000),
            };
            (text_in!(arena, "{value}"), Some(human))
        }
        ParamType::SigSet => (signals(ctx, value), None),
        ParamType::Mode(table) => (octal(ctx, value), flag_names(ctx, table, value)),
        ParamType::Flags(_, table) => (text_in!(arena, "{value}"), flag_names(ctx, table, value)),
        ParamType::Enum(_, table) => (text_in!(arena, "{value}"), enum_name(ctx, table, value)),
        ParamType::Syscall => {
            let name = syscall_name(value as u32).map(str::as_bytes);
            (text_in!(arena, "{value}"), name)
        }
        // Spans, which have no number.
        _ => (missing(param.ty), None),
    };
    Rendered { own, resolved }
}

/// Names of the signals in a set; the lowest bit is signal 1.
fn signals<'a>(ctx: &Context<'a>, set: u64) -> &'a [u8] {
    let members = (1..=64).filter(|number| set & 1 << (number - 1) != 0);
    let names = members.filter_map(signal).map(str::as_bytes);
    joined(ctx.arena, b" ", names)
}

/// A list of descriptors as number, colon, letter of the kind and bits in
/// hexadecimal.
fn waited<'a>(ctx: &Context<'a>, list: &[u8]) -> &'a [u8] {
    let mut text = BumpString::new_in(ctx.arena);
    for entry in list.chunks_exact(10) {
        let (number, bits) = entry.split_at(8);
        let number = i64::from_le_bytes(number.try_into().unwrap_or_default());
        let bits = u16::from_le_bytes(bits.try_into().unwrap_or_default());
        let gap = if text.is_empty() { "" } else { " " };
        let kind = match Fd::open(ctx, number) {
            Some(fd) => fd.kind.letter(),
            None => "?",
        };
        // A number that is left out is -1, and is shown without its sign.
        let number = number.cast_unsigned();
        let _ = write!(text, "{gap}{number}:{kind}{bits:x}");
    }
    text.into_bump_str().as_bytes()
}

/// A value with its type in front.
fn dynamic<'a>(
    ctx: &Context<'a>,
    slot: usize,
    param: &Param,
    types: &[ParamType],
    bytes: &'a [u8],
) -> Rendered<'a> {
    let Some((&chosen, value)) = bytes.split_first() else {
        return Rendered::own(missing(param.ty));
    };
    let Some(&ty) = types.get(usize::from(chosen)) else {
        return Rendered::own(printable(ctx, value));
    };
    let param = Param { ty, ..*param };
    if ty.is_span() {
        return span(ctx, slot, &param, value);
    }
    let mut word = [0; 8];
    let len = value.len().min(8);
    word[..len].copy_from_slice(&value[..len]);
    number(ctx, slot, &param, u64::from_le_bytes(word))
}

/// Octal with a zero in front, as C has it.
fn octal<'a>(ctx: &Context<'a>, value: u64) -> &'a [u8] {
    match value {
        0 => b"0",
        value => text_in!(ctx.arena, "0{value:o}"),
    }
}

fn span<'a>(ctx: &Context<'a>, slot: usize, param: &Param, bytes: &'a [u8]) -> Rendered<'a> {
    match param.ty {
        ParamType::Path | ParamType::RelPath => {
            let slots = paths::in_slot(ctx.event.kind, slot);
            let whole = slots.and_then(|slots| path::absolute(ctx, slots));
            Rendered {
                own: bytes,
                // One that needs no directory is shown as it is.
                resolved: whole.filter(|whole| *whole != bytes && !bytes.starts_with(b"/")),
            }
        }
        ParamType::Strings => {
            let end: &[u8] = if bytes.last().is_none_or(|&b| b == 0) {
                b""
            } else {
                b"."
            };
            let shown = printable(ctx, bytes);
            Rendered::own(joined(ctx.arena, b"", [shown, end]))
        }
        ParamType::Bytes => Rendered::own(data_text(ctx, bytes)),
        ParamType::SockAddr => Rendered::own(match Address::of_addr(bytes) {
            Some(address) => address.text(ctx.arena),
            None => missing(param.ty),
        }),
        ParamType::SockTuple => Rendered::own(match Address::of_tuple(bytes) {
            Some(address) => address.text(ctx.arena),
            None => missing(param.ty),
        }),
        ParamType::FdList => Rendered::own(waited(ctx, bytes)),
        ParamType::Dyn(types) => dynamic(ctx, slot, param, types, bytes),
        _ => Rendered::own(bytes),
    }
}

fn render<'a>(ctx: &Context<'a>, slot: usize, param: &Param) -> Rendered<'a> {
    let event = ctx.event;
    if let Some(bytes) = event.bytes(slot) {
        // Only text and lists can be empty and yet be there.
        let may_be_empty = matches!(
            param.ty,
            ParamType::Text | ParamType::Path | ParamType::RelPath | ParamType::FdList
        );
        return match bytes.is_empty() && !may_be_empty {
            true => Rendered::own(missing(param.ty)),
            false => span(ctx, slot, param, bytes),
        };
    }
    if let Some(value) = event.number(slot) {
        let ty = match event.is_signal(slot) {
            true => ParamType::Signal,
            false => param.ty,
        };
        return number(ctx, slot, &Param { ty, ..*param }, value);
    }
    if param.source == Source::None
        && param.ty.is_span()
        && let Some(bytes) = ctx.thread.and_then(|thread| thread.inherited(param.name))
    {
        return span(ctx, slot, param, bytes);
    }
    Rendered::own(missing(param.ty))
}

/// How many parameters are shown: of old captures, only as many as the event
/// had then.
fn shown(event: &Event<'_>) -> usize {
    let params = event.info().params;
    let own = params.iter().filter(|p| !p.extra).count();
    let told = (0..own).rev().find(|&slot| event.has(slot));
    match (event.kind, told) {
        // A call without parameters of its own.
        (Kind::Syscall, _) | (_, None) => 0,
        (Kind::Procexit, Some(last)) => last + 1,
        _ => own,
    }
}

pub(super) fn all<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let mut text = BumpVec::new_in(ctx.arena);
    let params = &ctx.event.info().params[..shown(ctx.event)];
    for (slot, param) in params.iter().enumerate().filter(|(_, p)| !p.extra) {
        if !text.is_empty() {
            text.push(b' ');
        }
        let rendered = render(ctx, slot, param);
        text.extend_from_slice_copy(param.name.as_bytes());
        text.push(b'=');
        text.extend_from_slice_copy(rendered.own);
        if let Some(resolved) = rendered.resolved.filter(|r| !r.is_empty()) {
            text.push(b'(');
            text.extend_from_slice_copy(resolved);
            text.push(b')');
        }
    }
    Some(Value::Text(text.into_bump_slice()))
}

fn find<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Option<(usize, &'static Param)> {
    match arg {
        FieldArg::Key(name) => ctx.event.param(name),
        FieldArg::Index(index) => {
            let slot = *index as usize;
            let param = ctx.event.info().params.get(slot)?;
            (!param.extra).then_some((slot, param))
        }
        FieldArg::None => None,
    }
}

pub(super) fn one<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let (slot, param) = find(ctx, arg)?;
    let rendered = render(ctx, slot, param);
    Some(Value::Text(rendered.resolved.unwrap_or(rendered.own)))
}

/// The parameter with the bytes that went through a descriptor.
fn data(ctx: &Context<'_>) -> Option<usize> {
    let (slot, param) = ctx.event.param("data")?;
    matches!(param.ty, ParamType::Bytes).then_some(slot)
}

pub(super) fn buffer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ctx.event.bytes(data(ctx)?).map(Value::Bytes)
}

/// What a call on a descriptor returned, for calls that read, write or do other
/// things with one that is known.
pub(super) fn buflen<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let category = ctx.event.info().category;
    let io = [Category::IoRead, Category::IoWrite, Category::IoOther];
    if !io.contains(&category) || !Fd::of(ctx)?.is_known() {
        return None;
    }
    let len = u64::try_from(ctx.event.result()?).ok()?;
    Some(Value::Uint(len))
}

pub(super) fn raw<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let (slot, param) = find(ctx, arg)?;
    if let Some(bytes) = ctx.event.bytes(slot) {
        // Without bytes it has no value.
        let bytes = Some(bytes).filter(|bytes| !bytes.is_empty())?;
        return Some(match param.ty {
            ParamType::Text | ParamType::Path | ParamType::RelPath => Value::Text(bytes),
            _ => Value::Bytes(bytes),
        });
    }
    let value = ctx.event.number(slot)?;
    Some(match param.ty {
        ParamType::Errno | ParamType::Fd | ParamType::Pid | ParamType::Int(_) => {
            Value::Int(value.cast_signed())
        }
        _ => Value::Uint(value),
    })
}
