//! What `--list`, `--list-events` and `--rule-schema` print: the tables of
//! fields and events, and the form of rule files.

use std::fmt::Write as _;

use clap::ValueEnum;
use falco_abi::event::{ALL, ParamType};
use falco_abi::syscall::SYSCALLS;
use serde_json::{Value, json};

use crate::filter::field::{ArgKind, Cardinality, Field, FieldType};
use crate::filter::fields::FIELDS;

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
        let kind = type_of(field);
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
        let (name, kind, since) = (plain(&shown(field)), type_of(field), field.since);
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

/// `--list-events`, or with `syscalls_only` those that system calls make.
pub fn events(format: Format, syscalls_only: bool) -> String {
    let groups = [
        ("Syscall events", rows(true)),
        (
            "Other events",
            if syscalls_only {
                Vec::new()
            } else {
                rows(false)
            },
        ),
    ];
    if format == Format::Json {
        let all = groups.iter().flat_map(|(group, rows)| {
            rows.iter().map(move |(name, params)| {
                let params = params
                    .iter()
                    .map(|(ty, name)| json!({"type": ty, "name": name}));
                json!({
                    "category": group,
                    "dir": "<",
                    "name": name,
                    "args": params.collect::<Vec<_>>(),
                })
            })
        });
        return pretty(&json!({ "events": all.collect::<Vec<_>>() }));
    }
    let mut text = String::new();
    for (group, rows) in groups.iter().filter(|(_, rows)| !rows.is_empty()) {
        match format {
            Format::Markdown => {
                let _ = write!(text, "## {group}\n\nName | Params\n:----|:------\n");
            }
            _ => {
                let _ = write!(text, "## {group}\n\n");
            }
        }
        for (name, params) in rows {
            let params = params.iter().map(|(ty, name)| match format {
                Format::Markdown => format!("{ty} **{name}**"),
                _ => format!("{ty} {name}"),
            });
            let params = params.collect::<Vec<_>>().join(", ");
            let _ = match format {
                Format::Markdown => writeln!(text, "`{name}` | {params}"),
                _ => writeln!(text, "< {name}({params})"),
            };
        }
        text.push('\n');
    }
    text
}

type Row = (&'static str, Vec<(&'static str, &'static str)>);

fn rows(of_syscalls: bool) -> Vec<Row> {
    let is_call = |name: &str| SYSCALLS.iter().any(|call| call.name == name);
    let kinds = ALL.iter().map(|kind| kind.info());
    let kinds = kinds.filter(|info| !info.internal && !info.name.is_empty());
    let own = kinds
        .filter(|info| is_call(info.name) == of_syscalls)
        .map(|info| {
            let params = info.params.iter().filter(|param| !param.extra);
            let params = params.map(|param| (param_type(param.ty), param.name));
            (info.name, params.collect())
        });
    let mut all: Vec<Row> = own.collect();
    if of_syscalls {
        let named: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        let generic = SYSCALLS.iter().filter(|call| !named.contains(&call.name));
        all.extend(generic.map(|call| (call.name, Vec::new())));
    }
    all
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
        ParamType::Strings => "CHARBUFARRAY",
        ParamType::Bytes => "BYTEBUF",
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
    }

    #[test]
    fn events_are_listed() {
        let all = events(Format::Text, false);
        assert!(
            all.contains("< openat(FD fd, FD dirfd, FSRELPATH name"),
            "{all}"
        );
        assert!(all.contains("< getpid()\n") && all.contains("procexit("));
        assert!(!events(Format::Markdown, true).contains("procexit"));
    }
}
