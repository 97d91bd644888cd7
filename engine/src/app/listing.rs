//! What `--list`, `--list-events` and `--rule-schema` print: the tables of
//! fields and events, and the form of rule files.

use std::fmt::Write as _;

use clap::ValueEnum;
use falco_abi::event::{ALL, Event as Kind, EventInfo, Param, ParamType};
use falco_abi::syscall::SYSCALLS;
use rustc_hash::FxHashSet;
use serde_json::{Value, json};

use crate::filter::field::{ArgKind, Cardinality, Field, FieldType};
use crate::filter::fields::FIELDS;
use crate::source::capture::events::{EVENT_TYPES, EventType};
use crate::source::capture::syscalls::NAMES;

/// Form of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For documents.
    Markdown,
    /// For programs.
    Json,
}

/// Classes of fields, by the starts of their names.
const CLASSES: [(&str, &str, &[&str]); 9] = [
    ("evt", "What every event has", &["evt.", "syscall."]),
    (
        "process",
        "The process that made the event, and its threads",
        &["proc.", "thread."],
    ),
    ("user", "The user on whose behalf it runs", &["user."]),
    ("group", "The group on whose behalf it runs", &["group."]),
    ("fd", "The descriptor that the event is about", &["fd."]),
    (
        "fdlist",
        "The descriptors that a call waits for",
        &["fdlist."],
    ),
    ("fs.path", "The paths that a call names", &["fs.path."]),
    (
        "container",
        "The container and the pod",
        &["container.", "k8s."],
    ),
    (
        "k8smeta",
        "The pod as the API server knows it, if `kubernetes.enabled`",
        &["k8smeta."],
    ),
];

/// `--list`: all fields, or their names alone.
pub fn fields(format: Format, names_only: bool) -> String {
    if names_only {
        return FIELDS
            .iter()
            .filter(|field| !field.hidden)
            .map(|field| format!("{}\n", field.name))
            .collect();
    }
    let mut text = String::new();
    let mut classes = Vec::new();
    for (name, about, starts) in CLASSES {
        let own = |field: &&Field| {
            !field.hidden && starts.iter().any(|start| field.name.starts_with(start))
        };
        let rows = FIELDS.iter().filter(own);
        match format {
            Format::Json => classes.push(json!({
                "class": name,
                "description": about,
                "sources": ["syscall"],
                "fields": rows.map(field_value).collect::<Vec<_>>(),
            })),
            Format::Text => field_class(&mut text, name, about, rows),
            Format::Markdown => field_table(&mut text, name, about, rows),
        }
    }
    match format {
        Format::Json => pretty(&json!({ "fieldclasses": classes })),
        _ => text,
    }
}

// Writing to a string cannot fail.

fn field_class<'f>(
    text: &mut String,
    name: &str,
    about: &str,
    rows: impl Iterator<Item = &'f Field>,
) {
    let _ = write!(
        text,
        "-------------------------------\nField Class:   {name} ({about})\nEvent Sources: syscall\n\n"
    );
    for field in rows {
        let about = field.about;
        let kind = shown_type(field);
        let _ = writeln!(text, "{:<42}{about} (Type: {kind})", shown(field));
    }
    text.push('\n');
}

fn field_table<'f>(
    text: &mut String,
    name: &str,
    about: &str,
    rows: impl Iterator<Item = &'f Field>,
) {
    let _ = write!(
        text,
        "## Field Class: {name}\n\n{about}.\n\nEvent Sources: syscall\n\n\
         Name | Type | Description | Example | Since\n:----|:-----|:-----------|:--------|:-----\n"
    );
    for field in rows {
        let plain = |text: &str| text.replace('|', "\\|");
        let about = plain(field.about);
        let example = match field.example {
            "" => String::new(),
            example => format!("`{}`", plain(example)),
        };
        let (name, kind, since) = (plain(&shown(field)), shown_type(field), field.since);
        let _ = writeln!(text, "`{name}` | {kind} | {about} | {example} | {since}");
    }
    text.push('\n');
}

fn field_value(field: &Field) -> Value {
    json!({
        "name": field.name,
        "type": type_of(field),
        "argument": argument(field.arg),
        "list": field.cardinality == Cardinality::List,
        "description": field.about,
        "example": field.example,
        "since": field.since,
    })
}

/// The name with the form of its argument.
fn shown(field: &Field) -> String {
    format!("{}{}", field.name, argument(field.arg))
}

fn argument(arg: ArgKind) -> &'static str {
    match arg {
        ArgKind::None => "",
        ArgKind::OptionalIndex => "[?N]",
        ArgKind::OptionalKey => "[?KEY]",
        ArgKind::OptionalIndexOrKey => "[?N|KEY]",
        ArgKind::Key => "[KEY]",
        ArgKind::IndexOrKey => "[N|KEY]",
        ArgKind::Dotted => ".NAME",
        ArgKind::OptionalDotted => "[.NAME]",
        ArgKind::IndexOrDotted => "[N]|.NAME",
    }
}

/// The type, and whether there are several values of it.
fn shown_type(field: &Field) -> String {
    match field.cardinality {
        Cardinality::List => format!("LIST({})", type_of(field)),
        _ => type_of(field).to_owned(),
    }
}

fn type_of(field: &Field) -> &'static str {
    match field.ty {
        FieldType::Bool => "BOOL",
        FieldType::Int => "INT64",
        FieldType::Uint => "UINT64",
        FieldType::Double => "DOUBLE",
        FieldType::AbsTime => "ABSTIME",
        FieldType::RelTime => "RELTIME",
        FieldType::Port => "PORT",
        FieldType::Text | FieldType::Host => "CHARBUF",
        FieldType::Path => "FSPATH",
        FieldType::Bytes => "BYTEBUF",
        FieldType::Ip => "IPADDR",
        FieldType::Net => "IPNET",
        FieldType::Dynamic => "DYNAMIC",
    }
}

/// Hooks in the kernel that are no system calls.
const TRACEPOINTS: [&str; 4] = ["switch", "procexit", "signaldeliver", "page_fault"];
/// What plugins bring.
const PLUGIN: [&str; 1] = ["pluginevent"];
/// Names that captures have for hooks.
const HOOKS: [&str; 6] = [
    "unknown",
    "sched_process_exit",
    "sched_switch",
    "page_fault_user",
    "page_fault_kernel",
    "signal_deliver",
];
/// Calls of 32-bit machines whose events have the names of other calls.
const RENAMED: [&str; 14] = [
    "_llseek",
    "fcntl64",
    "getegid32",
    "geteuid32",
    "getgid32",
    "getresgid32",
    "getresuid32",
    "getuid32",
    "sendfile64",
    "setgid32",
    "setresgid32",
    "setresuid32",
    "setuid32",
    "ugetrlimit",
];

/// One event: `<` is the end of a call, `>` everything that is no call.
struct Row {
    direction: char,
    name: &'static str,
    params: Vec<(&'static str, &'static Param)>,
}

/// `--list-events`, or with `syscalls_only` those that system calls make.
pub fn events(format: Format, syscalls_only: bool) -> String {
    let others = |title, names: &[&str], listed| (title, other_rows(names, listed));
    let known = [&TRACEPOINTS[..], &PLUGIN].concat();
    let mut groups = vec![("Syscall events", syscall_rows())];
    if !syscalls_only {
        groups.extend([
            others("Tracepoint events", &TRACEPOINTS, true),
            others("Plugin events", &PLUGIN, true),
            others("Metaevents", &known, false),
        ]);
    }
    if format == Format::Json {
        let all = groups.iter().flat_map(|(group, rows)| {
            rows.iter().map(move |row| {
                let params = row.params.iter().map(|(ty, param)| {
                    let mut value = json!({"type": ty, "name": param.name});
                    if let Some(names) = value_names(param) {
                        value["values"] = json!(names.collect::<Vec<_>>());
                    }
                    value
                });
                json!({
                    "category": group,
                    "dir": row.direction.to_string(),
                    "name": row.name,
                    "args": params.collect::<Vec<_>>(),
                })
            })
        });
        return pretty(&json!({ "events": all.collect::<Vec<_>>() }));
    }
    let mut text = String::new();
    for (group, rows) in &groups {
        let _ = write!(text, "## {group}\n\n");
        if format == Format::Markdown {
            text.push_str("Dir | Name | Params\n:---|:-----|:------\n");
        }
        for row in rows {
            let params = row.params.iter().map(|(ty, param)| {
                let names = value_names(param).map(|names| names.collect::<Vec<_>>().join(", "));
                let names = names.map(|names| format!(": {names}")).unwrap_or_default();
                format!("{ty} **{}**{names}", param.name)
            });
            let params = params.collect::<Vec<_>>().join(", ");
            let (direction, name) = (row.direction, row.name);
            let _ = match format {
                Format::Markdown => writeln!(text, "`{direction}` | `{name}` | {params}"),
                _ => writeln!(text, "{direction} {name}({params})"),
            };
        }
        text.push('\n');
    }
    text
}

/// Names of the bits or values of a parameter that has some.
fn value_names(param: &Param) -> Option<impl Iterator<Item = &'static str> + use<>> {
    match param.ty {
        ParamType::Flags(_, table) | ParamType::Enum(_, table) => {
            Some(table.entries.iter().map(|(name, _)| *name))
        }
        _ => None,
    }
}

fn row(direction: char, name: &'static str, info: &EventInfo) -> Row {
    let params = info.params.iter().filter(|param| !param.extra);
    Row {
        direction,
        name,
        params: params.map(|param| (param_type(param.ty), param)).collect(),
    }
}

/// Events of calls: those with parameters of their own by the names of the
/// events, then the others by the names of the calls, those that only other
/// architectures have last.
fn syscall_rows() -> Vec<Row> {
    let is_call = |info: &EventInfo| {
        let of_capture = EVENT_TYPES.iter().find(|ty| ty.name == info.name);
        SYSCALLS.iter().any(|call| call.name == info.name)
            || of_capture.is_some_and(|ty| ty.kind.is_call())
    };
    let infos = ALL.iter().map(|kind| kind.info());
    let infos = infos.filter(|info| !info.internal && !info.name.is_empty());
    let mut rows: Vec<_> = infos
        .filter(|info| is_call(info))
        .map(|info| row('<', info.name, info))
        .collect();
    let generic = Kind::Syscall.info();
    let own = SYSCALLS.iter().filter(|call| call.event == Kind::Syscall);
    rows.extend(own.map(|call| row('<', call.name, generic)));
    let named: FxHashSet<_> = rows.iter().map(|row| row.name).collect();
    let is_elsewhere = |name: &&&str| {
        !named.contains(**name)
            && !SYSCALLS.iter().any(|call| call.name == **name)
            && !RENAMED.contains(name)
            && !HOOKS.contains(name)
    };
    let elsewhere = NAMES.iter().filter(is_elsewhere);
    rows.extend(elsewhere.map(|name| row('<', name, generic)));
    rows
}

/// Other events: those that are `listed`, or those that are not.
fn other_rows(names: &[&str], listed: bool) -> Vec<Row> {
    let is_other = |ty: &&EventType| !ty.kind.is_call() && names.contains(&ty.name) == listed;
    let mut rows: Vec<Row> = Vec::new();
    for ty in EVENT_TYPES.iter().filter(is_other) {
        let infos = ALL.iter().map(|kind| kind.info());
        let Some(info) = infos.into_iter().find(|info| info.name == ty.name) else {
            continue;
        };
        let direction = if ty.code % 2 == 0 { '>' } else { '<' };
        let is_known = |row: &Row| row.direction == direction && row.name == ty.name;
        if !rows.iter().any(is_known) {
            rows.push(row(direction, info.name, info));
        }
    }
    rows
}

fn param_type(ty: ParamType) -> &'static str {
    match ty {
        ParamType::Errno => "ERRNO",
        ParamType::Fd => "FD",
        ParamType::Pid => "PID",
        ParamType::Uid => "UID",
        ParamType::Gid => "GID",
        ParamType::Signal => "SIGTYPE",
        ParamType::Int(2) => "INT16",
        ParamType::Int(4) => "INT32",
        ParamType::Int(_) => "INT64",
        ParamType::Uint(1) | ParamType::Hex(1) | ParamType::Octal(1) => "UINT8",
        ParamType::Uint(2) | ParamType::Hex(2) | ParamType::Octal(2) => "UINT16",
        ParamType::Uint(4) | ParamType::Hex(4) | ParamType::Octal(4) => "UINT32",
        ParamType::Uint(_) | ParamType::Hex(_) | ParamType::Octal(_) => "UINT64",
        ParamType::Time => "ABSTIME",
        ParamType::RelTime => "RELTIME",
        ParamType::SigSet => "SIGSET",
        ParamType::Mode(_) => "MODE",
        ParamType::Flags(1, _) => "FLAGS8",
        ParamType::Flags(2, _) => "FLAGS16",
        ParamType::Flags(..) => "FLAGS32",
        ParamType::Enum(1, _) => "ENUMFLAGS8",
        ParamType::Enum(2, _) => "ENUMFLAGS16",
        ParamType::Enum(..) => "ENUMFLAGS32",
        ParamType::Syscall => "SYSCALLID",
        ParamType::Text => "CHARBUF",
        ParamType::Path => "FSPATH",
        ParamType::RelPath => "FSRELPATH",
        ParamType::Strings | ParamType::Bytes => "BYTEBUF",
        ParamType::SockAddr => "SOCKADDR",
        ParamType::SockTuple => "SOCKTUPLE",
        ParamType::FdList => "FDLIST",
        ParamType::Dyn(_) => "DYNAMIC",
    }
}

/// `--rule-schema`: the form of a rule file as a JSON schema.
pub fn rule_schema() -> String {
    pretty(&crate::rules::schema::schema())
}

/// JSON for reading, with a line break at its end.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_listed_once() {
        let listed = fields(Format::Json, false);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let classes = listed["fieldclasses"].as_array().unwrap().iter();
        let count: usize = classes.map(|c| c["fields"].as_array().unwrap().len()).sum();
        let expected = FIELDS.iter().filter(|field| !field.hidden).count();
        assert_eq!(count, expected);
        assert_eq!(fields(Format::Text, true).lines().count(), expected);
        let all = fields(Format::Text, false);
        assert!(all.contains("\nfd.types[?N] ") && all.contains(" (Type: LIST(CHARBUF))\n"));
        assert_eq!(
            all.matches("(Type: LIST(").count(),
            FIELDS
                .iter()
                .filter(|f| f.cardinality == Cardinality::List)
                .count()
        );
    }

    #[test]
    fn events_are_listed() {
        let all = events(Format::Text, false);
        for line in [
            "< fchdir(ERRNO **res**, FD **fd**)",
            "< shutdown(ERRNO **res**, FD **fd**, ENUMFLAGS8 **how**: SHUT_RDWR, SHUT_WR, SHUT_RD)",
            "< getpid(SYSCALLID **ID**, UINT16 **nativeID**)",
            "< s390_sthyi(SYSCALLID **ID**, UINT16 **nativeID**)",
            "> signaldeliver(PID **spid**, PID **dpid**, SIGTYPE **sig**)",
            "> pluginevent(UINT32 **plugin_id**, BYTEBUF **event_data**)",
            "> drop(UINT32 **ratio**)",
            "< drop(UINT32 **ratio**)",
        ] {
            assert_eq!(all.lines().filter(|own| *own == line).count(), 1, "{line}");
        }
        let titles: Vec<_> = all.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(titles[0], "## Syscall events");
        assert_eq!(titles.len(), 4);
        for absent in ["task_new", "unknown(", "sched_switch(", "setuid32("] {
            assert!(!all.contains(absent), "{absent}");
        }
        let calls = events(Format::Text, true);
        assert!(all.starts_with(&calls) && !calls.contains("procexit"));
    }

    #[test]
    fn events_have_other_forms() {
        let table = events(Format::Markdown, true);
        assert!(table.contains("\nDir | Name | Params\n:---|:-----|:------\n"));
        assert!(table.contains("\n`<` | `fchdir` | ERRNO **res**, FD **fd**\n"));
        let all: Value = serde_json::from_str(&events(Format::Json, false)).unwrap();
        let all = all["events"].as_array().unwrap();
        let shutdown = all.iter().find(|event| event["name"] == "shutdown");
        let values = &shutdown.unwrap()["args"][2]["values"];
        assert_eq!(values[0], "SHUT_RDWR");
        assert_eq!(
            all.len(),
            events(Format::Text, false).matches("\n<").count()
                + events(Format::Text, false).matches("\n>").count()
        );
    }
}
