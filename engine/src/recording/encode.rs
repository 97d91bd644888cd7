//! From records to events of captures, driven by the same table of event types
//! that captures are read by.

use falco_abi::event::{ALL, Event as Kind, ParamType, Source, sockaddr};
use falco_abi::record::NO_SYSCALL;

use crate::event::Event;
use crate::source::capture::events::{self, EVENT_TYPES, EventType, Kind as Role, Type};
use crate::source::capture::format::{self, EventBlock};
use crate::source::capture::{NOBODY, syscalls};
use crate::state::Thread;

/// Generic event: a system call without parameters of its own.
const GENERIC: u16 = 1;

/// A second number of `select`, which no call of today's architectures makes.
const OLD_SELECT: u16 = 85;

/// The last system call that sysdig 0.29 knows; it crashes on later ones.
const OLD_CALLS: u16 = 343;

/// The last number of a call of x86-64 that it knows; on generic events of later
/// ones it crashes, even of those that it has a name for.
const OLD_NUMBERS: u32 = 334;

/// The last event type that sysdig 0.29 knows: it passes over later ones, or
/// crashes on them.
const OLD_TYPES: u16 = 335;

/// Calls that had no types of their own then, and those under whose types they
/// were recorded.
const OLDER: [(&str, &str); 3] = [("dup2", "dup"), ("dup3", "dup"), ("pipe2", "pipe")];

/// Types of which later parameters stop programs with version 0.23 of Falco's
/// libraries, such as sysdig 0.41, and how many they know: without the flags of
/// `socket`, the address of `connect`, the argument of `fcntl`.
const OLD_PARAMS: [(u16, usize); 3] = [(19, 4), (23, 3), (151, 3)];

/// In front of a parameter of `ptrace` of which the byte that follows is a signal.
const SIGNAL: u8 = 1;

/// Longest parameter of events whose lengths have 16 bits.
const LONGEST: usize = u16::MAX as usize;

/// A parameter of an event type, and where its value is.
struct Put {
    ty: Type,
    /// `None`: today's event does not have it.
    slot: Option<usize>,
    /// Our module leaves it out: other readers need it, and the state knows it.
    inherited: bool,
}

/// How events of one kind are written.
struct Layout {
    code: u16,
    block: EventBlock,
    params: Box<[Put]>,
    /// The entry that came before it until version 0.21 of the drivers.
    entry: Option<Box<Layout>>,
}

impl Layout {
    fn new(ty: &EventType, kind: Kind, old_readers: bool) -> Self {
        let known = OLD_PARAMS.iter().find(|(code, _)| *code == ty.code);
        let known = known.filter(|_| old_readers);
        let params = known.map_or(ty.params, |(_, count)| &ty.params[..*count]);
        let slots = kind.info().params;
        let put = |param: &events::Param| {
            let slot = slots.iter().position(|slot| slot.name == param.name);
            let left_out = slot.is_some_and(|slot| slots[slot].source == Source::None);
            Put {
                ty: param.ty,
                slot,
                inherited: left_out,
            }
        };
        let exit = matches!(ty.kind, Role::Exit | Role::ExitEmpty);
        let entry = exit.then(|| events::event_type(ty.code - 1)).flatten();
        Self {
            code: ty.code,
            block: EventBlock {
                flags: false,
                counted: true,
                large: ty.kind == Role::Large,
            },
            params: params.iter().map(put).collect(),
            entry: entry.map(|entry| Box::new(Self::new(entry, kind, old_readers))),
        }
    }
}

/// The type that events of this kind have in captures with types up to `last`: of
/// those with its name the one that tells most of what today's event has.
fn type_of(kind: Kind, last: u16) -> Option<&'static EventType> {
    let name = kind.info().name;
    named(kind, name, last).or_else(|| {
        let (_, older) = OLDER.iter().find(|(own, _)| *own == name)?;
        named(kind, older, last)
    })
}

fn named(kind: Kind, name: &str, last: u16) -> Option<&'static EventType> {
    let params = kind.info().params;
    let has = |param: &&events::Param| params.iter().any(|own| own.name == param.name);
    let types = EVENT_TYPES.iter().filter(|ty| ty.name == name);
    types
        .filter(|ty| !matches!(ty.kind, Role::Enter | Role::Early) && ty.code <= last)
        .max_by_key(|ty| {
            let told = ty.params.iter().filter(has).count();
            (told, ty.code != OLD_SELECT, ty.code)
        })
}

/// Writes events as blocks.
pub(super) struct Encoder {
    by_kind: Box<[Option<Layout>]>,
    generic: Layout,
    /// Numbers of system calls in captures, by ours.
    calls: Vec<u16>,
    /// The last number that readers know.
    last_call: u16,
    entries: bool,
}

impl Encoder {
    /// `old_readers`: a call is two events, as it was until version 0.21 of the
    /// drivers, and calls that came later have no name.
    pub(super) fn new(old_readers: bool) -> Self {
        let last = if old_readers { OLD_TYPES } else { u16::MAX };
        let layout = |&kind: &Kind| match kind {
            Kind::Syscall => None,
            kind => {
                let ty = type_of(kind, last)?;
                Some(Layout::new(ty, kind, old_readers))
            }
        };
        let generic = EventType {
            code: GENERIC,
            kind: Role::ExitEmpty,
            name: "syscall",
            params: events::event_type(GENERIC).map_or(&[], |ty| ty.params),
        };
        Self {
            by_kind: ALL.iter().map(layout).collect(),
            generic: Layout::new(&generic, Kind::Syscall, old_readers),
            calls: syscalls::capture_numbers(),
            last_call: if old_readers { OLD_CALLS } else { u16::MAX },
            entries: old_readers,
        }
    }

    /// Appends the block of an event. `thread` is its thread. `false`: there is
    /// no event for it in captures.
    pub(super) fn event(
        &self,
        event: &Event<'_>,
        thread: Option<&Thread>,
        state_only: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        let layout = match &self.by_kind[event.kind as usize] {
            Some(layout) => layout,
            // Calls whose parameters captures do not have are generic events.
            None if event.kind == Kind::Syscall || event.header.syscall != NO_SYSCALL => {
                &self.generic
            }
            None => return false,
        };
        let generic = layout.code == GENERIC;
        if self.entries && generic && event.header.syscall > OLD_NUMBERS {
            return false;
        }
        if let Some(entry) = layout.entry.as_deref().filter(|_| self.entries) {
            self.block(entry, event, thread, state_only, out);
        }
        self.block(layout, event, thread, state_only, out);
        true
    }

    fn block(
        &self,
        layout: &Layout,
        event: &Event<'_>,
        thread: Option<&Thread>,
        state_only: bool,
        out: &mut Vec<u8>,
    ) {
        let block = EventBlock {
            flags: state_only,
            ..layout.block
        };
        let Some(ty) = format::block_type(format::Block::Event(block)) else {
            return;
        };
        super::block(out, ty, |out| {
            out.extend_from_slice(&event.header.cpu.to_le_bytes());
            if state_only {
                let large = if block.large { format::LARGE } else { 0 };
                out.extend_from_slice(&(format::STATE_ONLY | large).to_le_bytes());
            }
            let header = out.len();
            let tid = match event.header.tid {
                NOBODY => u64::MAX,
                tid => tid.into(),
            };
            out.extend_from_slice(&event.time.to_le_bytes());
            out.extend_from_slice(&tid.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&layout.code.to_le_bytes());
            out.extend_from_slice(&(layout.params.len() as u32).to_le_bytes());
            let lengths = out.len();
            let size = block.length();
            out.resize(lengths + size * layout.params.len(), 0);
            for (at, put) in layout.params.iter().enumerate() {
                let start = out.len();
                self.param(put, event, thread, block.large, out);
                let len = ((out.len() - start) as u32).to_le_bytes();
                let at = lengths + size * at;
                out[at..at + size].copy_from_slice(&len[..size]);
            }
            let len = ((out.len() - header) as u32).to_le_bytes();
            out[header + 16..header + 20].copy_from_slice(&len);
        });
    }

    /// Appends the value of a parameter: nothing, if it has none.
    fn param(
        &self,
        put: &Put,
        event: &Event<'_>,
        thread: Option<&Thread>,
        large: bool,
        out: &mut Vec<u8>,
    ) {
        if event.kind == Kind::Syscall || self.by_kind[event.kind as usize].is_none() {
            return self.generic(put, event, out);
        }
        let Some(slot) = put.slot else {
            return;
        };
        if let Some(value) = event.number(slot) {
            if let (Type::Dynamic, true, Ok(signal)) =
                (put.ty, event.is_signal(slot), u8::try_from(value))
            {
                return out.extend_from_slice(&[SIGNAL, signal]);
            }
            return number(put.ty, value, out);
        }
        let inherited = || match put.inherited {
            true => thread?.inherited(event.info().params[slot].name),
            false => None,
        };
        if let Some(bytes) = event.bytes(slot).or_else(inherited) {
            // What is too long for the format is cut.
            let most = if large { usize::MAX } else { LONGEST };
            let own = event.info().params[slot].ty;
            span(put.ty, own, bytes, most, out);
        }
    }

    /// A parameter of a generic event, which names the call.
    fn generic(&self, put: &Put, event: &Event<'_>, out: &mut Vec<u8>) {
        let native = match event.kind {
            Kind::Syscall => put.slot.and_then(|slot| event.number(slot)),
            _ => Some(event.header.syscall.into()),
        };
        let Some(native) = native else {
            return;
        };
        let value = match put.ty {
            Type::Syscall => {
                let call = usize::try_from(native).ok().and_then(|n| self.calls.get(n));
                let call = call.copied().filter(|&call| call <= self.last_call);
                call.unwrap_or(0).into()
            }
            _ => native,
        };
        number(put.ty, value, out);
    }

    /// Whether events of this kind, where they come before all others, tell what
    /// was known when the capture began.
    pub(super) fn tells_known(&self, kind: Kind) -> bool {
        let layout = self.by_kind[kind as usize].as_ref();
        layout.is_some_and(|layout| events::tells_known(layout.code))
    }
}

fn number(ty: Type, value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_le_bytes();
    match ty.width() {
        Some(width) => out.extend_from_slice(&bytes[..width]),
        // The first of the types that it may have is of 8 bytes.
        None if ty == Type::Dynamic => {
            out.push(0);
            out.extend_from_slice(&bytes);
        }
        None => {}
    }
}

fn span(ty: Type, own: ParamType, bytes: &[u8], most: usize, out: &mut Vec<u8>) {
    let cut = |most: usize| &bytes[..bytes.len().min(most)];
    let unix = bytes.first() == Some(&sockaddr::UNIX);
    match ty {
        Type::Text | Type::Path | Type::RelPath => {
            out.extend_from_slice(cut(most - 1));
            out.push(0);
        }
        Type::SockAddr | Type::SockTuple if unix => {
            out.extend_from_slice(cut(most - 1));
            out.push(0);
        }
        Type::FdList => {
            const ENTRY: usize = 10;
            let list = cut((most - 2) / ENTRY * ENTRY);
            out.extend_from_slice(&((list.len() / ENTRY) as u16).to_le_bytes());
            out.extend_from_slice(list);
        }
        // A span under a type of numbers would be read as one.
        _ if ty.width().is_some() && own.is_span() => {}
        _ => out.extend_from_slice(cut(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_todays_types() {
        for (kind, code) in [
            (Kind::Openat, 307),
            (Kind::Read, 7),
            (Kind::Execve, 293),
            (Kind::Clone, 223),
            (Kind::Clone3, 335),
            (Kind::Select, 83),
            (Kind::Container, 324),
            (Kind::Umount2, 391),
            (Kind::Procexit, 186),
        ] {
            assert_eq!(
                type_of(kind, u16::MAX).expect("a type").code,
                code,
                "{kind:?}"
            );
        }
        assert!(type_of(Kind::TaskNew, u16::MAX).is_none());
        for (kind, code) in [(Kind::Dup2, 125), (Kind::Pipe2, 61), (Kind::Accept4, 249)] {
            assert_eq!(
                type_of(kind, OLD_TYPES).expect("a type").code,
                code,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn what_captures_have_is_written() {
        let encoder = Encoder::new(false);
        let lost: Vec<_> = ALL
            .iter()
            .filter_map(|&kind| {
                let layout = encoder.by_kind[kind as usize].as_ref()?;
                let written: Vec<_> = layout.params.iter().filter_map(|put| put.slot).collect();
                let params = kind.info().params.iter().enumerate();
                let lost: Vec<_> = params
                    .filter(|(slot, param)| !param.extra && !written.contains(slot))
                    .map(|(_, param)| param.name)
                    .collect();
                (!lost.is_empty()).then(|| (kind.info().name, lost))
            })
            .collect();
        assert_eq!(lost, []);
    }

    #[test]
    fn numbers_have_the_width_of_their_parameter() {
        let encoder = Encoder::new(true);
        for &kind in ALL {
            let Some(layout) = &encoder.by_kind[kind as usize] else {
                continue;
            };
            for put in &layout.params {
                let Some(slot) = put.slot else {
                    continue;
                };
                let param = &kind.info().params[slot];
                if let (Some(width), false) = (put.ty.width(), param.ty.is_span()) {
                    let name = kind.info().name;
                    assert_eq!(
                        width,
                        usize::from(param.ty.width()),
                        "{name} {}",
                        param.name
                    );
                }
            }
        }
    }
}
