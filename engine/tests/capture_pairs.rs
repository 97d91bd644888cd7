//! The table of event types: an exit, with its entry or without, and however many
//! parameters the recorder knew, becomes today's event; and the types of today are
//! those of Falco.

mod scap;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use falco_abi::event::{EVENTS, Event as Kind, EventInfo, ParamType};
use falco_engine::event::Event;
use falco_engine::source::capture::CaptureSource;
use falco_engine::source::capture::events::{
    EVENT_TYPES, EventType, Kind as Role, Type, event_type,
};
use falco_engine::source::{Batch, Source};
use falco_engine::state::State;

use scap::{File, V2};

/// What a record has for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

/// A value of a type: its bytes in a file, and what a record has for it.
fn sample(from: Type, to: Option<ParamType>, seed: u8) -> (Vec<u8>, Value) {
    let span = to.is_some_and(ParamType::is_span);
    match from {
        Type::Text | Type::Path | Type::RelPath => {
            let text = format!("text {seed}").into_bytes();
            ([&text[..], b"\0"].concat(), Value::Bytes(text))
        }
        Type::Bytes => (vec![seed; 9], Value::Bytes(vec![seed; 9])),
        Type::SockAddr => {
            let address = vec![2, 127, 0, 0, seed, seed, 0];
            (address.clone(), Value::Bytes(address))
        }
        Type::SockTuple => {
            let tuple = vec![2, 127, 0, 0, seed, 1, 0, 127, 0, 0, 1, 2, 0];
            (tuple.clone(), Value::Bytes(tuple))
        }
        Type::FdList => {
            let one = [[seed, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[1, 0]].concat();
            ([&[1, 0], &one[..]].concat(), Value::Bytes(one))
        }
        Type::Dynamic => {
            let bytes = [[1].as_slice(), &u64::from(seed).to_le_bytes()].concat();
            let value = match span {
                true => Value::Bytes(bytes.clone()),
                false => Value::Number(seed.into()),
            };
            (bytes, value)
        }
        number => {
            let width = number.width().expect("a number");
            let mut bytes = vec![0; width];
            bytes[0] = seed;
            (bytes, Value::Number(seed.into()))
        }
    }
}

/// The kinds of the events of a file, with the values of their parameters.
fn records(file: &File) -> Vec<(Kind, Vec<Option<Value>>)> {
    let mut source = CaptureSource::new(Cursor::new(file.0.clone())).expect("a capture");
    source.restore(&mut State::new()).expect("a state");
    let mut all = Vec::new();
    loop {
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            if event.is_internal() {
                return;
            }
            let params = event.info().params.iter().enumerate();
            let values = params.map(|(slot, param)| match param.ty.is_span() {
                true => event.bytes(slot).map(|bytes| Value::Bytes(bytes.to_vec())),
                false => event.number(slot).map(Value::Number),
            });
            all.push((event.kind, values.collect()));
        });
        match batch.expect("events") {
            Batch::End => return all,
            Batch::Some | Batch::Nothing | Batch::Section => {}
        }
    }
}

/// Parameters of a type, with the values that records have for them.
struct Samples {
    bytes: Vec<Vec<u8>>,
    values: BTreeMap<&'static str, (usize, Value)>,
}

impl Samples {
    /// `seed`: the first of its values.
    fn new(ty: &EventType, today: &EventInfo, seed: u8) -> Self {
        let (mut bytes, mut values) = (Vec::new(), BTreeMap::new());
        for (at, param) in ty.params.iter().enumerate() {
            let slot = today.params.iter().find(|slot| slot.name == param.name);
            let (raw, value) = sample(param.ty, slot.map(|slot| slot.ty), seed + at as u8);
            bytes.push(raw);
            values.insert(param.name, (at, value));
        }
        Self { bytes, values }
    }

    /// The value of a parameter, if the event has so many.
    fn get(&self, name: &str, count: usize) -> Option<Value> {
        let (at, value) = self.values.get(name)?;
        (*at < count).then(|| value.clone())
    }
}

/// Parameters that came later and that readers take for 0 where they are missing.
const ZERO: [(u16, &[&str]); 8] = [
    (19, &["flags"]),
    (27, &["queuelen", "queuemax"]),
    (51, &["res"]),
    (55, &["res"]),
    (57, &["queuelen", "queuemax"]),
    (151, &["arg"]),
    (299, &["flags"]),
    (0, &[]),
];

fn is_number(from: Type) -> bool {
    from.width().is_some() && from != Type::Syscall
}

#[test]
fn every_pair_with_and_without_its_entry() {
    let (mut types, mut pairs, mut events) = (0, 0, 0);
    for ty in EVENT_TYPES {
        if !matches!(ty.kind, Role::Exit | Role::ExitEmpty) || ty.code <= 1 {
            continue;
        }
        let Some(at) = EVENTS.iter().position(|event| event.name == ty.name) else {
            // Its parameters are not told any more.
            continue;
        };
        let kind = Kind::from_number(at as u16).expect("an event");
        let today = kind.info();
        let entry = event_type(ty.code - 1);
        types += 1;
        pairs += usize::from(entry.is_some());
        let exits = Samples::new(ty, today, 1);
        let enters = entry.map(|entry| Samples::new(entry, today, 101));
        let zero = ZERO.iter().find(|(code, _)| *code == ty.code);
        let zero = zero.map_or(&[][..], |(_, names)| names);
        // As many parameters of both as there can be; `None`: there is no entry.
        let most = entry.map_or(0, |entry| entry.params.len());
        let counts = (0..=most).map(Some).filter(|_| entry.is_some());
        let cases: Vec<(Option<usize>, usize)> = counts
            .chain([None])
            .flat_map(|enter| (0..=ty.params.len()).map(move |exit| (enter, exit)))
            .collect();
        let mut file = File::new();
        for (tid, (enter, exit)) in (1..).zip(&cases) {
            if let (Some(count), Some(enters)) = (enter, &enters) {
                file = file.event(V2, ty.code - 1, tid, &enters.bytes[..*count]);
            }
            file = file.event(V2, ty.code, tid, &exits.bytes[..*exit]);
        }
        let records = records(&file);
        assert_eq!(records.len(), cases.len(), "{} {}", ty.code, ty.name);
        for ((enter, exit), (found, values)) in cases.iter().zip(records) {
            assert_eq!(found, kind, "{} {}", ty.code, ty.name);
            events += 1;
            let expected: Vec<Option<Value>> = today
                .params
                .iter()
                .map(|slot| {
                    let name = slot.name;
                    exits
                        .get(name, *exit)
                        .or_else(|| enters.as_ref()?.get(name, (*enter)?))
                        .or_else(|| {
                            // An old exit without its entry has zeros of what was told there.
                            let param = entry?.params.iter().find(|param| param.name == name)?;
                            let lost = enter.is_none() && ty.kind == Role::Exit;
                            (lost && is_number(param.ty)).then_some(Value::Number(0))
                        })
                        .or_else(|| zero.contains(&name).then_some(Value::Number(0)))
                })
                .collect();
            let names: Vec<_> = today.params.iter().map(|slot| slot.name).collect();
            assert_eq!(
                values, expected,
                "{} {} with {exit} parameters, entry {enter:?}: {names:?}",
                ty.code, ty.name
            );
        }
    }
    println!("{events} events of {types} types, {pairs} of them pairs");
    assert!(types > 150 && pairs > 80);
}

/// The file of the reference that has Falco's events, if it is there.
fn reference() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let folder = std::env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let path = folder.join("event_params.tsv");
    if !path.exists() {
        println!("skipped: there is no {}", path.display());
        return None;
    }
    Some(path)
}

/// Falco's name of a type.
fn type_of(name: &str) -> Option<Type> {
    Some(match name {
        "int8" => Type::I8,
        "int16" => Type::I16,
        "int32" | "fd32" | "pid32" => Type::I32,
        "int64" => Type::I64,
        "uint8" => Type::U8,
        "uint16" | "port" => Type::U16,
        "uint32" | "ipv4addr" => Type::U32,
        "uint64" => Type::U64,
        "charbuf" => Type::Text,
        "bytebuf" | "charbufarray" | "ipv6addr" => Type::Bytes,
        "errno" => Type::Errno,
        "sockaddr" => Type::SockAddr,
        "socktuple" => Type::SockTuple,
        "fd" => Type::Fd,
        "pid" => Type::Pid,
        "fdlist" => Type::FdList,
        "fspath" => Type::Path,
        "fsrelpath" => Type::RelPath,
        "syscallid" => Type::Syscall,
        "sigtype" => Type::Signal,
        "reltime" => Type::RelTime,
        "abstime" => Type::AbsTime,
        "dyn" => Type::Dynamic,
        "flags8" => Type::Flags8,
        "flags16" => Type::Flags16,
        "flags32" => Type::Flags32,
        "enumflags8" => Type::Enum8,
        "enumflags16" => Type::Enum16,
        "enumflags32" => Type::Enum32,
        "uid" => Type::Uid,
        "gid" => Type::Gid,
        "mode" => Type::Mode,
        "sigset" => Type::SigSet,
        _ => return None,
    })
}

#[test]
fn todays_types_are_falcos() {
    let Some(path) = reference() else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("a table");
    // The events with their parameters, in order.
    type Theirs<'a> = (&'a str, &'a str, Vec<(&'a str, Type)>);
    let mut theirs: BTreeMap<&str, Theirs<'_>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let row: Vec<&str> = line.split('\t').collect();
        let &[code, name, kind, _, _, _, at, param, ty, ..] = &row[..] else {
            panic!("a row has other columns: {line}");
        };
        let event = theirs.entry(code).or_insert((name, kind, Vec::new()));
        if !param.is_empty() {
            assert_eq!(at.parse().ok(), Some(event.2.len()), "{line}");
            let ty = type_of(ty).unwrap_or_else(|| panic!("no such type: {line}"));
            event.2.push((param, ty));
        }
    }
    let mut failures = Vec::new();
    for (code, (name, kind, params)) in &theirs {
        let same = |ty: &&EventType| {
            let own = ty.params.iter().map(|param| (param.name, param.ty));
            let entry = matches!(ty.kind, Role::Enter | Role::Early);
            ty.name == *name
                && own.eq(params.iter().copied())
                && entry == kind.starts_with("syscall-enter")
                && ty.kind.is_call() == kind.starts_with("syscall-")
        };
        if !EVENT_TYPES.iter().any(|ty| same(&ty)) {
            failures.push(format!("{code} {name} ({kind}): {params:?}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    assert!(theirs.len() > 150, "{} events", theirs.len());
}
