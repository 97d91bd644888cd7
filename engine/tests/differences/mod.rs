//! Where what Falco printed for a capture is not right, or says less. Each is in
//! docs/differences.md; everything else must be equal.

use falco_abi::event::Event as Kind;
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

impl Seen<'_> {
    fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| match name.strip_suffix('*') {
            Some(start) => self.field.starts_with(start),
            None => self.field == *name,
        })
    }

    /// The event opened something in a directory that a descriptor is of, and
    /// Falco has the directory's path.
    fn is_from_directory(&self) -> bool {
        let text = |name: &str| self.line.get(name).and_then(Value::as_str);
        let directory = text("evt.arg[1]").and_then(|text| text.strip_prefix("<d>"));
        directory.is_some() && text("fd.name") == directory
    }
}

/// The same members in whichever order.
fn same_members(own: &Value, theirs: &Value) -> bool {
    let (Some(own), Some(theirs)) = (own.as_array(), theirs.as_array()) else {
        return false;
    };
    own.len() == theirs.len() && own.iter().all(|member| theirs.contains(member))
}

/// Whether the difference is one of the listed ones.
pub(crate) fn is_listed(seen: &Seen<'_>) -> bool {
    if std::env::var_os("FALCO_ALL_DIFFERENCES").is_some() {
        return false;
    }
    let kind = seen.event.kind;
    // The environment of a parent that is not known is none, not an empty one.
    let stranger =
        !seen.thread && seen.field == "proc.aenv[1]" && seen.own.is_null() && seen.theirs == "";
    // Defaults there of what is not known.
    let unknown = !seen.thread
        && seen.own.is_null()
        && seen.is(&["fd.dev*", "fd.ino", "fd.types", "container.*", "k8s.pod.*"]);
    // Never set there: what was in memory before. The open descriptors are
    // counted in the same place; a number that is no time of a known start.
    let unset = seen.field == "proc.ppid.duration"
        && seen.own.is_null()
        && seen
            .line
            .get("proc.ppid.ts")
            .is_some_and(|start| start == 0)
        || seen.is(&["proc.exe_ino.ctime_duration_*"]) && !seen.line.contains_key("proc.pid.ts");
    // Not taken there from the records of old recorders, which have it.
    let untaken = seen.field == "proc.cwd"
        && seen.theirs == ""
        && seen.own.as_str().is_some_and(|cwd| cwd.starts_with('/'));
    // The order of a hash table there.
    let order = seen.is(&["fd.types"]) && same_members(seen.own, seen.theirs);
    // What was opened in a directory has the directory's name and file there.
    let from_directory = kind == Kind::Openat
        && seen.is_from_directory()
        && seen.is(&[
            "fd.name",
            "fd.nameraw",
            "fd.directory",
            "fd.containername",
            "fd.containerdirectory",
            "fs.path.name",
            "fd.dev*",
            "fd.ino",
            "fd.type",
            "fd.typechar",
            "fd.filename",
        ]);
    // The root directory and a slash there.
    let two_slashes = seen.is(&["evt.abspath"])
        && (seen.theirs.as_str().and_then(|path| path.strip_prefix('/'))) == seen.own.as_str();
    // Without data its text is what an event before left there.
    let no_data = seen.is(&["evt.buffer"])
        && seen.own.is_null()
        && (kind == Kind::Ptrace
            || seen
                .theirs
                .as_str()
                .is_some_and(|text| "NULL".starts_with(text) || text.starts_with("NULL")));
    // A call that the recorder's own table has no name for.
    let call = kind == Kind::Syscall
        && seen.is(&["evt.arg[0]"])
        && seen.theirs.as_str() == Some("unknown");
    // A socket of which neither end is known.
    let no_ends = seen.is(&["fd.cproto"])
        && seen.own.is_null()
        && seen.theirs.as_str() == Some("")
        && seen.line.get("fd.name").and_then(Value::as_str) == Some("");
    stranger
        || unknown
        || unset
        || untaken
        || order
        || from_directory
        || two_slashes
        || no_data
        || call
        || no_ends
}
