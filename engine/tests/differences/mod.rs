//! Where what Falco printed for a capture is not right, or says less. Each is in
//! docs/differences.md; everything else must be equal. How often each is seen in
//! which capture is part of it: one that is seen more often, or not any more, is a
//! failure.

use falco_abi::event::{Event as Kind, execve, openat};
use falco_engine::event::Event;
use serde_json::{Map, Value};

/// One field of one event.
pub(crate) struct Seen<'a> {
    /// Name of the field.
    pub(crate) field: &'a str,
    /// Our value.
    pub(crate) own: &'a Value,
    /// Falco's value.
    pub(crate) theirs: &'a Value,
    /// Everything that Falco printed for the event.
    pub(crate) line: &'a Map<String, Value>,
    /// The event.
    pub(crate) event: &'a Event<'a>,
    /// The state knows the thread.
    pub(crate) thread: bool,
}

/// A difference that is known.
pub(crate) struct Known {
    /// What it is called here.
    pub(crate) name: &'static str,
    /// Whether a field of an event shows it.
    is: fn(&Seen<'_>) -> bool,
    /// How often it is seen, by capture.
    pub(crate) seen: &'static [(&'static str, usize)],
}

pub(crate) static KNOWN: &[Known] = &[
    // The environment of a parent that is not known is none, not an empty one.
    Known {
        name: "parent of a stranger",
        is: |seen| {
            !seen.thread && seen.field == "proc.aenv[1]" && seen.own.is_null() && seen.theirs == ""
        },
        seen: &[("falco-connect_localhost", 2), ("falco-syscall", 6)],
    },
    // Defaults there of what is not known.
    Known {
        name: "descriptors of a stranger",
        is: |seen| {
            let default = match seen.field {
                "fd.ino" | "fd.dev" | "fd.dev.major" | "fd.dev.minor" => {
                    *seen.theirs == 0 || seen.theirs == "0"
                }
                "fd.types" => seen.theirs.as_array().is_some_and(|kinds| kinds.len() == 1),
                _ => false,
            };
            !seen.thread && seen.own.is_null() && default
        },
        seen: &[("falco-connect_localhost", 10), ("falco-syscall", 20)],
    },
    // Never set there: what was in memory before, mostly the number of open
    // descriptors. Without the start of the parent there is no time.
    Known {
        name: "duration of a parent without a start",
        is: |seen| {
            seen.field == "proc.ppid.duration"
                && seen.own.is_null()
                && seen.number("proc.ppid.ts") == Some(0)
        },
        seen: &[
            ("falco-cat_write", 223),
            ("falco-connect_localhost", 312),
            ("falco-open-multiple-files", 1006),
            ("falco-privileged", 1373),
            ("falco-syscall", 302),
            ("libs-curl_google", 813),
            ("libs-sample", 235),
            ("scen-a", 14_483),
        ],
    },
    // Likewise for a process without a start; ours is the difference of the times,
    // if both are known.
    Known {
        name: "durations of a process without a start",
        is: |seen| {
            let start = match seen.field {
                "proc.exe_ino.ctime_duration_proc_start" => None,
                "proc.exe_ino.ctime_duration_pidns_start" => seen
                    .number("proc.pidns_init_start_ts")
                    .filter(|&at| at != 0),
                _ => return false,
            };
            let ctime = seen.number("proc.exe_ino.ctime").filter(|&at| at != 0);
            let between = start.zip(ctime).map(|(start, ctime)| ctime.abs_diff(start));
            !seen.line.contains_key("proc.pid.ts")
                && (seen.own.is_null() || seen.own.as_u64() == between)
        },
        seen: &[
            ("falco-cat_write", 368),
            ("falco-connect_localhost", 628),
            ("falco-open-multiple-files", 2038),
            ("falco-privileged", 2784),
            ("falco-syscall", 608),
            ("libs-curl_google", 396),
            ("libs-sample", 472),
        ],
    },
    // Not taken there from the records of old recorders, which have it.
    Known {
        name: "working directory of old records",
        is: |seen| {
            let own = seen.own.as_str().unwrap_or_default();
            let told = match seen.event.kind {
                Kind::Execve => {
                    let told = seen.event.bytes(execve::Slot::cwd as usize);
                    let told = told.map(|cwd| cwd.strip_suffix(b"/").unwrap_or(cwd));
                    told == own.as_bytes().strip_suffix(b"/")
                }
                _ => true,
            };
            seen.field == "proc.cwd"
                && seen.theirs == ""
                && own.starts_with('/')
                && own.ends_with('/')
                && told
        },
        seen: &[("falco-cat_write", 43), ("libs-curl_google", 624)],
    },
    // The order of a hash table there.
    Known {
        name: "order of a set",
        is: |seen| seen.field == "fd.types" && same_members(seen.own, seen.theirs),
        seen: &[
            ("falco-connect_localhost", 2),
            ("libs-sample", 1),
            ("scen-a", 431),
        ],
    },
    // What was opened in a directory has the directory's name and file there. Its
    // own are those that the event tells.
    Known {
        name: "opened in a directory",
        is: |seen| {
            seen.event.kind == Kind::Openat && seen.is_from_directory() && seen.is_of_the_file()
        },
        seen: &[("scen-a", 1196)],
    },
    // The root directory and a slash there.
    Known {
        name: "path below the root",
        is: |seen| {
            let theirs = seen.theirs.as_str().and_then(|path| path.strip_prefix('/'));
            seen.field == "evt.abspath" && theirs.is_some() && theirs == seen.own.as_str()
        },
        seen: &[("scen-a", 23)],
    },
    // Without data its text is what an event before left there.
    Known {
        name: "buffer without data",
        is: |seen| {
            let theirs = seen.theirs.as_str().unwrap_or_default();
            let left = theirs.starts_with("NULL") || "NULL".starts_with(theirs);
            seen.field == "evt.buffer"
                && seen.own.is_null()
                && seen.event.kind == Kind::Read
                && seen.text("evt.arg[1]") == "NULL"
                && left
        },
        seen: &[
            ("falco-cat_write", 1),
            ("libs-curl_google", 5),
            ("scen-a", 187),
        ],
    },
    // A number, and behind it what an event before left there.
    Known {
        name: "buffer of ptrace",
        is: |seen| {
            let theirs = seen.theirs.as_str().unwrap_or_default();
            let number = theirs.split('.').next().unwrap_or_default();
            let told = format!(" data={number}");
            seen.field == "evt.buffer"
                && seen.own.is_null()
                && seen.event.kind == Kind::Ptrace
                && seen.text("evt.args").contains(&told)
        },
        seen: &[("scen-a", 146)],
    },
    // A call that the recorder's own table has no name for.
    Known {
        name: "call without a name",
        is: |seen| {
            seen.event.kind == Kind::Syscall
                && seen.field == "evt.arg[0]"
                && seen.theirs == "unknown"
                && seen.own == seen.event.name()
        },
        seen: &[("falco-cat_write", 1)],
    },
    // A socket of which neither end is known.
    Known {
        name: "socket without ends",
        is: |seen| {
            seen.field == "fd.cproto"
                && seen.own.is_null()
                && seen.theirs == ""
                && seen.line.get("fd.name").is_some_and(|name| name == "")
        },
        seen: &[("libs-sample", 2)],
    },
];

impl Seen<'_> {
    fn text(&self, field: &str) -> &str {
        self.line
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn number(&self, field: &str) -> Option<u64> {
        self.line.get(field).and_then(Value::as_u64)
    }

    /// The event opened something in a directory that a descriptor is of, and
    /// Falco has the directory's path.
    fn is_from_directory(&self) -> bool {
        let directory = self.text("evt.arg[1]").strip_prefix("<d>");
        directory.is_some_and(|directory| self.text("fd.name") == directory)
    }

    /// Our value is that of the file, as the event itself tells it.
    fn is_of_the_file(&self) -> bool {
        let path = self.text("evt.abspath");
        let path = path
            .strip_prefix("//")
            .map_or(path.to_owned(), |rest| format!("/{rest}"));
        let (parent, name) = path.rsplit_once('/').unwrap_or_default();
        let parent = if parent.is_empty() { "/" } else { parent };
        // A directory is its own.
        let is_parent = |own: &str| own == parent || own == path;
        let own = self.own.as_str().unwrap_or_default();
        let inside = |own: &str| own.split_once(':').map(|(_, path)| path.to_owned());
        let told = |slot: openat::Slot| self.event.number(slot as usize);
        match self.field {
            "fd.name" | "fs.path.name" => own == path,
            "fd.nameraw" => own == self.text("fs.path.nameraw"),
            "fd.filename" => own == name,
            "fd.directory" => is_parent(own),
            "fd.containername" => inside(own).is_some_and(|own| own == path),
            "fd.containerdirectory" => inside(own).is_some_and(|own| is_parent(&own)),
            "fd.ino" => self.own.as_u64() == told(openat::Slot::ino),
            "fd.dev" | "fd.dev.major" | "fd.dev.minor" => {
                told(openat::Slot::dev).is_some() && !self.own.is_null()
            }
            "fd.type" => own == "file",
            "fd.typechar" => own == "f",
            _ => false,
        }
    }
}

/// The same members in whichever order.
fn same_members(own: &Value, theirs: &Value) -> bool {
    let (Some(own), Some(theirs)) = (own.as_array(), theirs.as_array()) else {
        return false;
    };
    own.len() == theirs.len() && own.iter().all(|member| theirs.contains(member))
}

/// The known difference that this is, if it is one.
pub(crate) fn known(seen: &Seen<'_>) -> Option<&'static Known> {
    if std::env::var_os("FALCO_ALL_DIFFERENCES").is_some() {
        return None;
    }
    KNOWN.iter().find(|known| (known.is)(seen))
}
