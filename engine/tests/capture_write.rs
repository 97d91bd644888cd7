//! What is written into captures is what comes out of them.

use std::collections::VecDeque;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bumpalo::Bump;
use falco_abi::event::{ALL, Event as Kind, ParamType};
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::field::ArgKind;
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;
use falco_engine::recording::{self, Compression, Options, Writer};
use falco_engine::source::capture::{CaptureSource, Machine};
use falco_engine::source::{Batch, Source};
use falco_engine::state::{Descriptor, FdKind, Label, State, Thread};

/// Bytes that a writer, which owns what it writes to, leaves behind.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().expect("no panic").clone()
    }
}

fn packed(compression: Compression) -> Options {
    Options {
        compression,
        ..Options::default()
    }
}

/// A capture that is read, with its state.
struct Reading {
    source: CaptureSource,
    state: State,
    ended: bool,
}

impl Reading {
    fn new(mut source: CaptureSource) -> Self {
        let mut state = State::new();
        source.restore(&mut state).expect("a state");
        Self {
            source,
            state,
            ended: false,
        }
    }

    fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::new(CaptureSource::new(io::Cursor::new(bytes)).expect("a capture"))
    }

    /// Calls back for the events of a batch.
    fn batch(&mut self, mut each: impl FnMut(&Event<'_>, &State)) {
        let Self { source, state, .. } = self;
        let batch = source.read(Duration::ZERO, &mut |num, record| {
            let event = Event::decode(record, num, 0).expect("a record");
            state.before(&event);
            each(&event, state);
            state.after(&event);
        });
        self.ended = match batch.expect("events") {
            Batch::End => true,
            Batch::Section => panic!("a capture of several sections"),
            Batch::Some | Batch::Nothing => false,
        };
    }
}

/// What is known now, as bytes.
fn known(machine: &Machine, state: &State) -> Vec<u8> {
    let out = Memory::default();
    let options = Options::default();
    let writer = Writer::new(Box::new(out.clone()), options, machine, state).expect("a capture");
    writer.finish().expect("a capture");
    out.bytes()
}

/// Reads a capture and writes it anew.
fn rewrite(source: CaptureSource, options: Options) -> Vec<u8> {
    let mut reading = Reading::new(source);
    let out = Memory::default();
    let machine = reading.source.machine().clone();
    let boxed = Box::new(out.clone());
    let mut writer = Writer::new(boxed, options, &machine, &reading.state).expect("a capture");
    while !reading.ended {
        reading.batch(|event, state| writer.event(event, state, false).expect("an event"));
    }
    writer.finish().expect("a capture");
    out.bytes()
}

/// All fields that need no argument.
fn fields() -> Vec<(&'static str, Template)> {
    let table = FieldTable::new(FIELDS);
    let plain = FIELDS
        .iter()
        .filter(|field| !matches!(field.arg, ArgKind::Key | ArgKind::IndexOrKey));
    plain
        .map(|field| {
            let text = format!("%{}", field.name);
            (field.name, Template::compile(&text, &table).expect(&text))
        })
        .collect()
}

/// Reads two captures side by side: all fields of all events, and what is known
/// before and behind them, must be the same.
fn compare(name: &str, before: CaptureSource, after: Vec<u8>, fields: &[(&str, Template)]) {
    let mut readings = [Reading::new(before), Reading::of_bytes(after)];
    let same_state = |readings: &[Reading; 2], when: &str| {
        let [a, b] = readings
            .each_ref()
            .map(|r| known(r.source.machine(), &r.state));
        assert!(a == b, "{name}: another state {when}");
    };
    same_state(&readings, "at the start");
    let mut lines: [VecDeque<Vec<String>>; 2] = Default::default();
    let mut arena = Bump::new();
    let mut count = 0;
    while readings.iter().any(|r| !r.ended) {
        for (reading, lines) in readings.iter_mut().zip(&mut lines) {
            if reading.ended {
                continue;
            }
            reading.batch(|event, state| {
                if event.is_internal() {
                    return;
                }
                arena.reset();
                let context = state.context(event, &arena);
                let values = fields.iter().map(|(_, template)| {
                    let mut text = String::new();
                    template.render(&context, &mut text);
                    text
                });
                lines.push_back(values.collect());
            });
        }
        let [before, after] = &mut lines;
        while let (Some(a), Some(b)) = (before.front(), after.front()) {
            count += 1;
            for ((field, _), (a, b)) in fields.iter().zip(a.iter().zip(b)) {
                assert_eq!(a, b, "{name}: {field} of event {count}");
            }
            before.pop_front();
            after.pop_front();
        }
    }
    let [before, after] = lines.map(|lines| lines.len());
    assert_eq!((before, after), (0, 0), "{name}: too few events, too many");
    same_state(&readings, "at the end");
    println!("{name}: {count} events");
}

/// The captures of the reference, beside the repository or where
/// `FALCO_REFERENCE` says. `FALCO_CAPTURE=NAME` takes one alone.
fn captures() -> Vec<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let folder = env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let folder = folder.join("captures");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let only = env::var("FALCO_CAPTURE").ok();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "scap"))
        .filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            only.as_deref().is_none_or(|only| stem == Some(only))
        })
        .collect();
    paths.sort();
    paths
}

#[test]
fn what_was_read_is_written_the_same() {
    let fields = fields();
    for path in captures() {
        let name = path.display().to_string();
        let open = || CaptureSource::open(&path).expect("a capture");
        let written = rewrite(open(), Options::default());
        compare(&name, open(), written, &fields);
    }
}

/// A machine with a shell and its child, a user, and descriptors of all kinds.
fn state() -> State {
    let mut state = State::new();
    state.set_hostname("host");
    state.add_user(
        7,
        falco_engine::state::users::User {
            name: "seven".into(),
            home: "/home/seven".into(),
            shell: "/bin/sh".into(),
        },
    );
    state.add_group(8, "eight");
    for (tid, ptid) in [(1, 0), (40, 1), (41, 40)] {
        let mut thread = Thread::new(tid, tid);
        thread.ptid = ptid;
        thread.uid = 7;
        thread.cwd = (*b"/work/").into();
        thread.cgroups = (*b"cpu=/a\0memory=/b\0").into();
        let image = falco_engine::state::Image {
            exe: (*b"bash").into(),
            exepath: (*b"/usr/bin/bash").into(),
            args: (*b"-c\0ls -l\0").into(),
            env: (*b"A=1\0").into(),
            ino: 99,
            ..Default::default()
        };
        thread.run(b"bash", image);
        state.add_thread(thread);
    }
    for (num, &kind) in FdKind::ALL.iter().enumerate() {
        let end = |text: &str, port| (text.parse().expect("an address"), port);
        let label = match kind {
            FdKind::Ipv4 => Label::Ends((end("10.0.0.1", 1), end("10.0.0.2", 2)).into()),
            FdKind::Ipv6 => Label::Bound(end("fd00::1", 443).into()),
            FdKind::Unix => Label::Unix((0, 0, (*b"/run/x").into()).into()),
            _ => Label::name(format!("name {num}").as_bytes()),
        };
        let descriptor = Descriptor {
            label,
            ino: 1000 + num as u64,
            connected: kind == FdKind::Ipv4,
            server: kind == FdKind::Ipv6,
            ..Descriptor::new(kind)
        };
        state.add_descriptor(40, num as u32, descriptor, false);
    }
    state.link();
    state
}

/// An event with a value in every parameter that captures have.
fn full(kind: Kind, num: usize) -> Vec<u8> {
    let mut builder = RecordBuilder::new(kind, 40);
    for (at, param) in kind.info().params.iter().enumerate() {
        if param.extra {
            continue;
        }
        let value = 1 + at as i64;
        builder = match param.ty {
            ParamType::Strings => builder.bytes(param.name, b"one\0two\0"),
            ParamType::SockAddr => builder.bytes(param.name, b"\x02\x0A\0\0\x01\x50\0"),
            ParamType::SockTuple => builder.bytes(
                param.name,
                b"\x01\x11\0\0\0\0\0\0\0\x22\0\0\0\0\0\0\0/run/socket",
            ),
            ParamType::FdList => builder.bytes(param.name, &[3, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
            ParamType::Dyn(types) if types[0].is_span() => builder.bytes(param.name, b"\0text"),
            ParamType::Dyn(_) => builder.bytes(param.name, b"\0\x05\0\0\0\0\0\0\0"),
            ty if ty.is_span() => builder.bytes(param.name, format!("text {at}").as_bytes()),
            _ => builder.number(param.name, value),
        };
    }
    builder
        .header(|header| {
            header.ts = 1_700_000_000_000_000_000 + num as u64;
            header.cpu = 3;
        })
        .build()
}

#[test]
fn every_event_keeps_its_parameters() {
    let state = state();
    // Those that captures have.
    let kinds: Vec<Kind> = ALL
        .iter()
        .copied()
        .filter(|kind| !kind.info().internal && *kind != Kind::Syscall)
        .filter(|kind| kind.info().params.iter().any(|param| !param.extra))
        .collect();
    let records: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(num, &kind)| full(kind, num))
        .collect();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let out = Memory::default();
        let machine = recording::of_host();
        let options = packed(compression);
        let mut writer =
            Writer::new(Box::new(out.clone()), options, &machine, &state).expect("start");
        for (at, record) in records.iter().enumerate() {
            let event = Event::decode(record, at as u64 + 1, 0).expect("a record");
            writer.event(&event, &state, false).expect("an event");
        }
        assert_eq!(writer.events(), records.len() as u64);
        writer.finish().expect("an end");

        let mut reading = Reading::of_bytes(out.bytes());
        assert_eq!(reading.source.machine().cpus, machine.cpus);
        assert_eq!(reading.source.machine().interfaces, machine.interfaces);
        let same = known(&machine, &reading.state) == known(&machine, &state);
        assert!(same, "another state");
        let mut at = 0;
        while !reading.ended {
            reading.batch(|event, _| {
                let own = Event::decode(&records[at], at as u64 + 1, 0).expect("a record");
                let name = own.name();
                assert_eq!(
                    (event.kind, event.time, event.num),
                    (own.kind, own.time, own.num)
                );
                assert_eq!((event.header.tid, event.header.cpu), (40, 3), "{name}");
                let params = own.info().params.iter().enumerate();
                for (slot, param) in params.filter(|(_, param)| !param.extra) {
                    let name = format!("{name}.{}", param.name);
                    assert_eq!(event.number(slot), own.number(slot), "{name}");
                    assert_eq!(event.bytes(slot), own.bytes(slot), "{name}");
                }
                at += 1;
            });
        }
        assert_eq!(at, records.len());
    }
}
