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

    fn own_alone(&self) -> bool {
        self.theirs.is_null() && !self.own.is_null()
    }

    /// The event opened something in a directory that a descriptor is of, and
    /// Falco has the directory's path.
    fn from_directory(&self) -> bool {
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
    // Of a thread of which nothing is known no field has a value.
    let stranger = !seen.thread
        && seen.is(&[
            "proc.*",
            "thread.*",
            "container.*",
            "k8s.*",
            "user.*",
            "group.*",
            "fd.*",
            "evt.arg*",
        ]);
    // The order of a hash table there.
    let order = seen.is(&["fd.types"]) && same_members(seen.own, seen.theirs);
    // What was opened in a directory has the directory's name and file there.
    let from_directory = kind == Kind::Openat
        && seen.from_directory()
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
    // What the recorder took for a signal.
    let signal = kind == Kind::Ptrace
        && seen.is(&["evt.arg[2]", "evt.args"])
        && seen
            .theirs
            .as_str()
            .is_some_and(|text| text.contains("SIG"));
    // A socket of which neither end is known.
    let no_ends = seen.is(&["fd.cproto"])
        && seen.own.is_null()
        && seen.theirs.as_str() == Some("")
        && seen.line.get("fd.name").and_then(Value::as_str) == Some("");
    let value_of_our_own = seen.own_alone()
        && seen.is(&["proc.ppid", "proc.aexepath", "proc.aargs", "proc.exe_ino.*"]);
    let elsewhere = seen.is(&[
        // One value there, of all ancestors here.
        "proc.apid",
        "proc.aenv",
        "proc.aargs",
        // Numbers there that are no times.
        "proc.ppid.duration",
        "proc.ppid.ts",
        // Of the thread there, of the process here.
        "proc.duration",
        "proc.pid.ts",
        // Kept from an older program there, or from an older event.
        "proc.env",
        "proc.env[PATH]",
        "proc.cwd",
        "proc.exe_ino.*",
        "thread.pfminor",
        "thread.pfmajor",
        "proc.vmrss",
        "thread.vmrss",
        "proc.vmsize",
        "thread.vmsize",
        "proc.fdlimit",
        "proc.fdusage",
        "thread.cap_*",
        "proc.sid.*",
        "proc.sname",
        // A session's first process leads its group.
        "proc.pgid*",
        "proc.vpgid*",
        "proc.is_pgid_leader",
        "proc.is_vpgid_leader",
        // Names that a thread gave itself.
        "proc.name",
        "proc.cmdline",
        "proc.acmdline",
        "proc.pcmdline",
        "proc.acmdline[1]",
        // Nothing but the scheduler tells it.
        "thread.exectime",
        "thread.cpu*",
    ]);
    stranger
        || order
        || from_directory
        || two_slashes
        || no_data
        || call
        || signal
        || no_ends
        || value_of_our_own
        || elsewhere
}

/// Whether an alert is not as Falco has it, and not right there: a socket of the
/// newer family without a port has an address there that no `!=` fits.
pub(crate) fn is_listed_alert(output: &str) -> bool {
    output.contains("connection=::1:0 ")
}

/// How many events match a condition here.
pub(crate) fn matches_here(condition: &str, theirs: usize) -> usize {
    match condition {
        // A thread that gave itself a name has it.
        r#"toupper(proc.name) in (BASH, PYTHON3)"# => theirs - 45,
        r#"proc.name in (cat, nc, "python3")"# => theirs - 45,
        "proc.name startswith oneof (ba, py)" | "proc.name endswith anyof (sh, 3)" => theirs - 45,
        // No environment is none.
        "proc.env[LANG] = C" => theirs - 138,
        // Padding may be left out.
        "b64(proc.name) exists" => 16581,
        _ => theirs,
    }
}
