//! Arguments that fields have behind a dot: names of events' parameters
//! (`evt.arg.fd`), of events and of paths.

use std::sync::LazyLock;

use falco_abi::event::{ALL, EVENTS, Event, ParamType};
use rustc_hash::FxHashSet;

use super::ast::FieldRef;
use super::error::{Error, ErrorKind, nearest};
use super::events::EventSet;
use super::field::{Field, FieldType};
use crate::source::capture::events::{EVENT_TYPES, EventType, Kind, event_type};

/// Names of all parameters of all events, those of captures included.
static PARAMETERS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
    let own = EVENTS.iter().flat_map(|event| event.params);
    let captured = EVENT_TYPES.iter().flat_map(|event| event.params);
    let own = own.map(|param| param.name);
    own.chain(captured.map(|param| param.name)).collect()
});

/// Whether the field has this argument.
pub(super) fn fits(field: &Field, key: &str) -> bool {
    match field.name {
        "evt.arg" => PARAMETERS.contains(key),
        "evt.rawarg" => raw_type(key).is_some(),
        "evt.type.is" => EventSet::of_type(key).is_some() || event_number(field, key).is_some(),
        "evt.abspath" => matches!(key, "src" | "dst"),
        "evt.around" => key.parse::<u64>().is_ok(),
        _ => true,
    }
}

/// Whether the field has this argument.
///
/// # Errors
/// Why not.
pub(super) fn check(field: &Field, key: &str, reference: &FieldRef) -> Result<(), Error> {
    if fits(field, key) {
        return Ok(());
    }
    let (kind, hint) = match field.name {
        "evt.arg" | "evt.rawarg" if !begins_with_parameter(key) => (
            ErrorKind::UnknownParameter(key.to_owned()),
            nearest(key, PARAMETERS.iter().copied()),
        ),
        "evt.type.is" => (
            ErrorKind::UnknownEvent(key.to_owned()),
            nearest(key, EventSet::type_names()),
        ),
        _ => (
            ErrorKind::BadArg {
                field: field.name.to_owned(),
                arg: key.to_owned(),
            },
            None,
        ),
    };
    Err(Error::new(reference.span, kind).hint(hint))
}

/// A rule can ask to be skipped for the sake of such a name, as for that of any
/// field that does not exist.
fn begins_with_parameter(key: &str) -> bool {
    let starts = key.char_indices().map(|(at, _)| &key[..at]);
    starts.into_iter().any(|start| PARAMETERS.contains(start))
}

/// The number of the event that a field names by the number that captures have for
/// it. No rule sees where a call was entered.
pub(super) fn event_number(field: &Field, key: &str) -> Option<u32> {
    const NEVER: u32 = u32::MAX;
    if field.name != "evt.type.is" {
        return None;
    }
    let EventType { kind, name, .. } = *event_type(key.parse().ok()?)?;
    if matches!(kind, Kind::Enter | Kind::Early) {
        return Some(NEVER);
    }
    let named = |event: &&Event| match **event {
        Event::Syscall => name == "syscall",
        event => event.info().name == name && !event.info().internal,
    };
    ALL.iter().find(named).map(|event| *event as u32)
}

/// Type of the first parameter with this name over all events.
pub(super) fn raw_type(name: &str) -> Option<FieldType> {
    let params = EVENTS.iter().flat_map(|event| event.params);
    let param = params.into_iter().find(|param| param.name == name)?;
    Some(match param.ty {
        ParamType::Errno | ParamType::Fd | ParamType::Pid | ParamType::Int(_) => FieldType::Int,
        ParamType::Time => FieldType::AbsTime,
        ParamType::Text | ParamType::Strings => FieldType::Text,
        ParamType::Path | ParamType::RelPath => FieldType::Path,
        ParamType::RelTime => FieldType::RelTime,
        ParamType::Bytes
        | ParamType::SockAddr
        | ParamType::SockTuple
        | ParamType::FdList
        | ParamType::Dyn(_) => FieldType::Bytes,
        _ => FieldType::Uint,
    })
}
