//! What every field must be on a live machine: one table of the steps of the
//! scene, of the event of each step that is looked at, and of the values that
//! fields have there. `engine/tests/fields_live.rs` compares it with the table
//! of fields: one that is in no row, and has no reason, fails.

/// What a field must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// This, in outputs and in conditions.
    Is(&'static str),
    /// What the step found out under this name.
    Fact(&'static str),
    /// A number between two that the step found out.
    Between(&'static str, &'static str),
    /// A number between two.
    Range(i64, i64),
    /// What follows from another field of the same event.
    From(&'static str, fn(&str) -> String),
    /// No value: `<NA>`, and no condition but `not exists` holds.
    Nothing,
    /// The condition holds. Also of fields that conditions alone can name.
    Holds(&'static str),
}
use Want::{Between, Fact, From, Holds, Is, Nothing, Range};

/// A step of the scene.
pub(crate) struct Step {
    /// Its name, which is that of its process where nothing else is said.
    pub(crate) name: &'static str,
    /// The event that is looked at.
    pub(crate) when: &'static str,
    /// What fields are then.
    pub(crate) rows: &'static [(&'static str, Want)],
}

const fn step(
    name: &'static str,
    when: &'static str,
    rows: &'static [(&'static str, Want)],
) -> Step {
    Step { name, when, rows }
}

/// When a file of the step's name is opened.
macro_rules! marked {
    ($name:literal) => {
        concat!("evt.type = openat and fd.name = /tmp/fields/mark/", $name)
    };
}

/// When a program of this name was started.
macro_rules! started {
    ($name:literal) => {
        concat!("evt.type = execve and proc.name = ", $name)
    };
}

fn seconds(nanoseconds: &str) -> String {
    let nanoseconds: u64 = nanoseconds.parse().unwrap_or_default();
    (nanoseconds / 1_000_000_000).to_string()
}

fn fraction(nanoseconds: &str) -> String {
    let nanoseconds: u64 = nanoseconds.parse().unwrap_or_default();
    format!("{:09}", nanoseconds % 1_000_000_000)
}

/// A time in this shape, in UTC, which is the zone of the node.
fn shaped(nanoseconds: &str, shape: &str) -> String {
    let time = nanoseconds
        .parse()
        .ok()
        .map(jiff::Timestamp::from_nanosecond);
    match time {
        Some(Ok(time)) => time.strftime(shape).to_string(),
        _ => nanoseconds.to_owned(),
    }
}

fn clock(time: &str) -> String {
    shaped(time, "%H:%M:%S.%9f")
}

fn clock_seconds(time: &str) -> String {
    shaped(time, "%H:%M:%S")
}

fn iso(time: &str) -> String {
    shaped(time, "%Y-%m-%dT%H:%M:%S.%9f+0000")
}

fn date(time: &str) -> String {
    shaped(time, "%Y-%m-%d %H:%M:%S.%9f")
}

fn date_seconds(time: &str) -> String {
    shaped(time, "%Y-%m-%d %H:%M:%S")
}

/// Percent of the 512 descriptors that may be open.
fn share(open: &str) -> String {
    let open: f64 = open.parse().unwrap_or_default();
    format!("{:.1}", open * 100.0 / 512.0)
}

fn same(other: &str) -> String {
    other.to_owned()
}

/// A minute: what is young is younger, however slow the node is.
const MINUTE: i64 = 60_000_000_000;

/// All steps, in the order in which they happen.
#[rustfmt::skip]
pub(crate) static STEPS: &[Step] = &[
    step("exec", started!("exec"), &[
        ("proc.name", Is("exec")),
        ("proc.pname", Is("bash")),
        ("proc.aname[0]", Is("exec")),
        ("proc.aname[2]", Is("fields")),
        ("proc.aname", Holds("proc.aname in (fields) and not proc.aname in (exec)")),
        ("proc.exe", Is("name of the program")),
        ("proc.pexe", Is("-bash")),
        ("proc.aexe[2]", Fact("driver.exe")),
        ("proc.exepath", Is("/tmp/fields/bin/exec")),
        ("proc.pexepath", Is("/tmp/fields/bin/bash")),
        ("proc.aexepath[2]", Fact("driver.exepath")),
        ("proc.args", Is("one two  words")),
        ("proc.args[1]", Is("two  words")),
        ("proc.aargs[1]", Is("-l")),
        ("proc.cmdline", Is("exec one two  words")),
        ("proc.pcmdline", Is("bash -l")),
        ("proc.acmdline[1]", Is("bash -l")),
        ("proc.cmdnargs", Is("2")),
        ("proc.cmdlenargs", Is("13")),
        ("proc.exeline", Is("name of the program one two  words")),
        ("proc.env", Is("SCENE=live LEVEL=2")),
        ("proc.env[LEVEL]", Is("2")),
        ("proc.aenv[1]", Is("SCENE=live")),
        ("proc.aenv[SCENE]", Is("live")),
        ("proc.cwd", Is("/tmp/fields/")),
        ("proc.loginshellid", Fact("ppid")),
        ("proc.tty", Fact("tty")),
        ("proc.pid", Fact("pid")),
        ("proc.ppid", Fact("ppid")),
        ("proc.apid[1]", Fact("ppid")),
        ("proc.apid[2]", Fact("driver")),
        ("proc.vpid", Fact("pid")),
        ("proc.pvpid", Fact("ppid")),
        ("proc.sid", Fact("ppid")),
        ("proc.sname", Is("bash")),
        ("proc.sid.exe", Is("-bash")),
        ("proc.sid.exepath", Is("/tmp/fields/bin/bash")),
        ("proc.vpgid", Fact("pid")),
        ("proc.vpgid.name", Is("exec")),
        ("proc.vpgid.exe", Is("name of the program")),
        ("proc.vpgid.exepath", Is("/tmp/fields/bin/exec")),
        ("proc.pgid", Fact("pid")),
        ("proc.pgid.name", Is("exec")),
        ("proc.pgid.exe", Is("name of the program")),
        ("proc.pgid.exepath", Is("/tmp/fields/bin/exec")),
        ("proc.duration", Range(1, MINUTE)),
        ("proc.ppid.duration", Range(1, 10 * MINUTE)),
        ("proc.pid.ts", Between("born.after", "born.before")),
        ("proc.ppid.ts", Between("parent.after", "parent.before")),
        ("proc.is_exe_writable", Is("true")),
        ("proc.is_exe_upper_layer", Is("false")),
        ("proc.is_exe_lower_layer", Is("false")),
        ("proc.is_exe_from_memfd", Is("false")),
        ("proc.is_sid_leader", Is("false")),
        ("proc.is_vpgid_leader", Is("true")),
        ("proc.is_pgid_leader", Is("true")),
        ("proc.is_guessed", Is("false")),
        ("proc.exe_ino", Fact("exe.ino")),
        ("proc.exe_ino.ctime", Fact("exe.ctime")),
        ("proc.exe_ino.mtime", Fact("exe.mtime")),
        ("proc.exe_ino.ctime_duration_proc_start", Between("exe.older", "exe.younger")),
        ("proc.nthreads", Is("1")),
        ("proc.nchilds", Is("0")),
        ("proc.vmsize", Range(100, 1_000_000)),
        ("proc.vmrss", Range(0, 1_000_000)),
        ("proc.vmswap", Is("0")),
        ("proc.fdlimit", Is("512")),
        ("proc.fdopencount", Is("3")),
        ("proc.fdusage", From("proc.fdopencount", share)),
        ("proc.stdin.type", Is("pipe")),
        ("proc.stdin.name", Holds("proc.stdin.name = '' or proc.stdin.name startswith pipe:")),
        ("proc.stdout.type", Is("file")),
        ("proc.stdout.name", Is("/tmp/fields/facts")),
        ("proc.stderr.type", Is("file")),
        ("proc.stderr.name", Is("/tmp/fields/errors")),
        ("thread.tid", Fact("pid")),
        ("thread.vtid", Fact("pid")),
        ("thread.ismain", Is("true")),
        ("thread.pfmajor", Range(0, 100_000)),
        ("thread.pfminor", Range(1, 100_000)),
        ("thread.vmsize", From("proc.vmsize", same)),
        ("thread.vmrss", From("proc.vmrss", same)),
        ("thread.vmsize.b", From("proc.vmsize", |kib| (kib.parse().unwrap_or(0_u64) * 1024).to_string())),
        ("thread.vmrss.b", From("proc.vmrss", |kib| (kib.parse().unwrap_or(0_u64) * 1024).to_string())),
        ("thread.nametid", Fact("nametid")),
        ("thread.exectime", Is("0")),
        ("thread.totexectime", Is("0")),
        ("user.uid", Is("0")),
        ("user.name", Is("root")),
        ("user.homedir", Is("/root")),
        ("user.shell", Is("/bin/sh")),
        ("user.loginuid", Is("1000")),
        ("user.loginname", Is("alice")),
        ("group.gid", Is("0")),
        ("group.name", Is("root")),
        ("evt.type", Is("execve")),
        ("evt.category", Is("process")),
        ("evt.arg.exe", Is("name of the program")),
        ("evt.is_wait", Is("false")),
        ("fd.name", Nothing),
        ("container.id", Is("host")),
    ]),
    // A member of a group that another process leads.
    step("member", started!("member"), &[
        ("proc.pname", Is("group")),
        ("proc.aname[2]", Is("bash")),
        ("proc.vpgid", Fact("ppid")),
        ("proc.vpgid.name", Is("group")),
        ("proc.vpgid.exe", Is("group")),
        ("proc.vpgid.exepath", Is("/tmp/fields/bin/group")),
        ("proc.pgid", Fact("ppid")),
        ("proc.pgid.name", Is("group")),
        ("proc.pgid.exe", Is("group")),
        ("proc.pgid.exepath", Is("/tmp/fields/bin/group")),
        ("proc.is_pgid_leader", Is("false")),
        ("proc.is_vpgid_leader", Is("false")),
        ("proc.sname", Is("bash")),
    ]),
    step("session", "evt.type = setsid and proc.name = session", &[
        ("proc.sid", Fact("pid")),
        ("proc.sname", Is("session")),
        ("proc.tty", Is("0")),
        ("proc.is_sid_leader", Is("true")),
    ]),
    step("leader", started!("leader"), &[
        ("proc.sid", Fact("pid")),
        ("proc.sid.exe", Is("leader")),
        ("proc.pgid", Fact("pid")),
        ("proc.tty", Is("0")),
        ("proc.is_sid_leader", Is("true")),
        ("proc.is_pgid_leader", Is("true")),
        ("proc.is_vpgid_leader", Is("true")),
    ]),
    // Of another user, with the bits that make who runs it that user.
    step("setuid", started!("setuid"), &[
        ("user.uid", Is("1000")),
        ("user.name", Is("alice")),
        ("user.homedir", Is("/home/alice")),
        ("user.shell", Is("/bin/false")),
        ("user.loginuid", Is("1000")),
        ("group.gid", Is("1001")),
        ("group.name", Is("staff")),
        ("proc.is_exe_writable", Is("true")),
        ("evt.arg.uid", Is("alice")),
        ("evt.rawarg.uid", Is("1000")),
    ]),
    step("ids", marked!("ids"), &[
        ("user.uid", Is("1000")),
        ("user.name", Is("alice")),
        ("group.gid", Is("1001")),
        ("group.name", Is("staff")),
    ]),
    step("plain", started!("plain"), &[
        ("user.name", Is("alice")),
        ("thread.cap_permitted", Is("")),
        ("proc.is_exe_writable", Is("false")),
    ]),
    step("caps", "evt.type = capset and proc.name = caps", &[
        ("thread.cap_permitted", Is("CAP_CHOWN CAP_KILL")),
        ("thread.cap_effective", Is("CAP_KILL")),
        ("thread.cap_inheritable", Is("CAP_CHOWN")),
    ]),
    step("memory", "evt.type = mmap and proc.name = memory and evt.rawarg.length = 12345344", &[
        ("proc.vmsize", Fact("vmsize")),
        ("thread.vmsize", Fact("vmsize")),
        ("proc.vmrss", Range(1, 1_000_000)),
        ("evt.category", Is("memory")),
        ("evt.count.error", Is("0")),
        ("evt.count.error.memory", Is("0")),
        ("evt.count.error.file", Nothing),
        ("evt.count.error.net", Nothing),
    ]),
    step("thread", marked!("thread"), &[
        ("proc.name", Is("thread")),
        ("proc.pid", Fact("pid")),
        ("thread.tid", Fact("tid")),
        ("thread.vtid", Fact("tid")),
        ("thread.ismain", Is("false")),
        ("proc.nthreads", Is("3")),
        ("proc.nchilds", Is("2")),
        ("proc.cwd", Is("/tmp/fields/dir/")),
        ("proc.pname", Is("bash")),
        ("thread.vmsize", Is("0")),
        ("thread.vmrss.b", Is("0")),
    ]),
    // The first thread ended before the others.
    step("headless", marked!("headless"), &[
        ("proc.name", Is("headless")),
        ("proc.pid", Fact("pid")),
        ("proc.pname", Is("bash")),
        ("proc.cmdline", Is("headless")),
        ("proc.nthreads", Is("1")),
        ("thread.ismain", Is("false")),
        ("fd.filename", Is("headless")),
    ]),
    // Another thread than the first starts a program.
    step("fromthread", started!("fromthread"), &[
        ("proc.pid", Fact("pid")),
        ("thread.tid", Fact("pid")),
        ("proc.pname", Is("bash")),
        ("proc.nthreads", Is("1")),
        ("proc.exepath", Is("/tmp/fields/bin/fromthread")),
        ("thread.ismain", Is("true")),
    ]),
    step("orphan", marked!("orphan"), &[
        ("proc.ppid", Fact("reaper")),
        ("proc.pname", Is("reaper")),
        ("proc.aname[2]", Is("bash")),
    ]),
    // A program is known by the name that it was started with.
    step("title", marked!("title"), &[
        ("proc.name", Is("title")),
        ("evt.category", Is("file")),
    ]),
    step("titled", marked!("titled"), &[
        ("proc.name", Is("another")),
        ("proc.pname", Is("title")),
        ("proc.cmdline", Is("another")),
    ]),
    step("chdir", "evt.type = openat and fd.nameraw = below-chdir", &[
        ("proc.cwd", Is("/tmp/fields/dir/")),
        ("fd.name", Is("/tmp/fields/dir/below-chdir")),
        ("fs.path.name", Is("/tmp/fields/dir/below-chdir")),
        ("fs.path.nameraw", Is("below-chdir")),
        ("evt.abspath", Is("/tmp/fields/dir/below-chdir")),
    ]),
    step("fchdir", "evt.type = mkdirat and fs.path.nameraw = below-fchdir", &[
        ("proc.cwd", Is("/tmp/fields/mark/")),
        ("fs.path.name", Is("/tmp/fields/mark/below-fchdir")),
        ("evt.abspath", Is("/tmp/fields/mark/below-fchdir")),
    ]),
    step("chroot", "evt.type = openat and proc.name = chroot and fs.path.name = /inside", &[
        ("fd.name", Is("/inside")),
        ("fd.directory", Is("/")),
        ("proc.cwd", Is("/")),
    ]),
    // The first process of a pid namespace, seen from outside.
    step("first", started!("first"), &[
        ("proc.pid", Fact("pid")),
        ("proc.vpid", Is("1")),
        ("thread.vtid", Is("1")),
        ("proc.pname", Is("pidns")),
        ("proc.ppid", Fact("ppid")),
        ("proc.sid", Is("1")),
        ("proc.vpgid", Is("1")),
        ("proc.pgid", Fact("pid")),
        ("proc.is_sid_leader", Is("true")),
        ("proc.is_vpgid_leader", Is("true")),
        ("proc.pidns_init_start_ts", Between("pidns.after", "pidns.before")),
        ("proc.exe_ino.ctime_duration_pidns_start", Between("young.least", "young.most")),
    ]),
    step("second", started!("second"), &[
        ("proc.pid", Fact("pid")),
        ("proc.vpid", Is("2")),
        ("thread.vtid", Is("2")),
        ("proc.pvpid", Is("1")),
        ("proc.pname", Is("first")),
        ("proc.aname[2]", Is("pidns")),
        ("proc.sid", Is("1")),
        ("proc.sname", Is("first")),
        ("proc.vpgid", Is("1")),
        ("proc.vpgid.name", Is("first")),
        ("proc.pgid.name", Is("first")),
        ("proc.is_sid_leader", Is("false")),
    ]),
    step("userns", marked!("userns"), &[
        ("user.uid", Is("0")),
        ("user.name", Is("root")),
        ("thread.cap_effective", Holds("thread.cap_effective contains CAP_SYS_ADMIN")),
    ]),
    step("mount", "evt.type = mount and proc.name = mntns and evt.arg.dir endswith /dir", &[
        ("fs.path.target", Is("/tmp/fields/dir")),
        ("fs.path.targetraw", Is("dir")),
        ("fs.path.sourceraw", Is("scene")),
    ]),
    step("mntns", "evt.type = openat and fd.name = /tmp/fields/dir/mounted", &[
        ("proc.name", Is("mntns")),
        ("fd.ino", Fact("ino")),
        ("fd.dev.minor", Fact("minor")),
        ("fd.is_upper_layer", Is("false")),
    ]),
    step("unsharing", "evt.type = unshare and proc.name = mntns", &[
        ("evt.arg.flags", Is("CLONE_NEWNS")),
    ]),
    // Children of who enters a pid namespace are in it; who enters it is not.
    step("setns", "evt.type = setns and proc.name = setns", &[
        ("evt.arg.nstype", Is("CLONE_NEWPID")),
        ("fd.name", Fact("namespace")),
        ("fd.num", Is("3")),
    ]),
    step("entered", marked!("entered"), &[
        ("proc.name", Is("setns")),
        ("proc.pname", Is("setns")),
        ("proc.pid", Fact("pid")),
        ("proc.vpid", Is("2")),
        ("proc.pidns_init_start_ts", Between("pidns.after", "pidns.before")),
    ]),
    step("vfork", "evt.type in (vfork, clone) and proc.name = vfork and evt.rawres > 0", &[
        ("evt.rawres", Fact("pid")),
        ("proc.pname", Is("bash")),
        ("proc.fdopencount", Is("3")),
    ]),
    step("vforked", started!("vforked"), &[
        ("proc.pid", Fact("pid")),
        ("proc.ppid", Fact("ppid")),
        ("proc.pname", Is("vfork")),
        ("proc.fdopencount", Is("3")),
    ]),
    // A process that is its maker's sibling.
    step("clone3", "evt.type = clone3 and proc.name = clone3 and evt.rawres > 0", &[
        ("evt.rawres", Fact("pid")),
        ("evt.arg.flags", Holds("evt.arg.flags contains CLONE_PARENT")),
    ]),
    step("sibling", marked!("sibling"), &[
        ("proc.name", Is("clone3")),
        ("proc.pid", Fact("pid")),
        ("proc.ppid", Fact("ppid")),
        ("proc.pname", Is("bash")),
    ]),
    // A process that is older than the engine, with all that it has.
    step("older", marked!("older"), &[
        ("proc.name", Is("older")),
        ("proc.pid", Fact("pid")),
        ("proc.ppid", Fact("ppid")),
        ("proc.sid", Fact("pid")),
        ("proc.is_sid_leader", Is("true")),
        ("proc.exe", Is("an older program")),
        ("proc.exepath", Is("/tmp/fields-older/older")),
        ("proc.args", Is("since long")),
        ("proc.cmdline", Is("older since long")),
        ("proc.env", Is("SCENE=older")),
        ("proc.cwd", Is("/tmp/fields-older/dir/")),
        ("proc.nthreads", Is("2")),
        ("proc.nchilds", Is("1")),
        ("proc.exe_ino", Fact("exe.ino")),
        ("proc.exe_ino.mtime", Fact("exe.mtime")),
        ("proc.is_exe_writable", Is("true")),
        ("proc.is_guessed", Is("false")),
        ("proc.pid.ts", Between("born.after", "born.before")),
        ("proc.fdlimit", Is("333")),
        ("proc.fdopencount", Is("8")),
        ("proc.stdin.name", Is("/dev/null")),
        ("fd.types[3]", Is("(file)")),
        ("fd.types[4]", Is("(ipv4)")),
        ("fd.types[6]", Is("(ipv4)")),
        ("thread.ismain", Is("true")),
        ("thread.cap_effective", Holds("thread.cap_effective contains CAP_SYS_ADMIN")),
        ("user.name", Is("root")),
        ("user.loginuid", Is("1000")),
        ("group.name", Is("root")),
        ("container.id", Is("host")),
    ]),
    step("olderthread", marked!("olderthread"), &[
        ("proc.name", Is("older")),
        ("proc.pid", Fact("pid")),
        ("thread.tid", Fact("tid")),
        ("thread.ismain", Is("false")),
        ("proc.cwd", Is("/tmp/fields-older/dir/")),
        ("proc.fdlimit", Is("333")),
    ]),
    step("olderfile", "evt.type = write and proc.name = older and fd.num = 3", &[
        ("fd.name", Is("/tmp/fields-older/file")),
        ("fd.type", Is("file")),
        ("fd.ino", Fact("ino")),
    ]),
    step("oldersocket", "evt.type = write and proc.name = older and fd.num = 4", &[
        ("fd.name", Is("127.0.0.1:4820->127.0.0.1:4819")),
        ("fd.cip", Is("127.0.0.1")),
        ("fd.cport", Is("4820")),
        ("fd.sport", Is("4819")),
        ("fd.l4proto", Is("tcp")),
    ]),
    step("oldertaken", "evt.type = read and proc.name = older and fd.num = 6", &[
        ("fd.name", Is("127.0.0.1:4820->127.0.0.1:4819")),
        ("fd.is_server", Is("true")),
    ]),
    step("heir", marked!("heir"), &[
        ("proc.name", Is("older")),
        ("proc.pname", Is("older")),
        ("proc.ppid", Fact("ppid")),
        ("proc.env", Is("SCENE=older")),
        ("proc.fdlimit", Is("333")),
        ("fd.types[3]", Is("(file)")),
        ("fd.types[4]", Is("(ipv4)")),
    ]),
    step("memfd", "evt.type in (execve, execveat) and proc.args[0] = in-memory", &[
        ("proc.is_exe_from_memfd", Is("true")),
        ("proc.exepath", Holds("proc.exepath contains memfd:program")),
        ("proc.exe_ino", Fact("ino")),
    ]),
    step("upper", started!("upper"), &[
        ("proc.is_exe_upper_layer", Is("true")),
        ("proc.is_exe_lower_layer", Is("false")),
        ("proc.exepath", Is("/tmp/fields/merged/upper")),
    ]),
    step("lower", started!("lower"), &[
        ("proc.is_exe_upper_layer", Is("false")),
        ("proc.is_exe_lower_layer", Is("true")),
    ]),
    step("openupper", "evt.type = openat and proc.name = layers and fd.name = /tmp/fields/merged/upper-file", &[
        ("fd.is_upper_layer", Is("true")),
        ("fd.is_lower_layer", Is("false")),
    ]),
    step("openlower", "evt.type = openat and fd.name = /tmp/fields/merged/lower-file", &[
        ("fd.is_upper_layer", Is("false")),
        ("fd.is_lower_layer", Is("true")),
    ]),
    step("file", "evt.type = openat and fs.path.nameraw = dir/../dir/./file", &[
        ("fd.num", Is("3")),
        ("fd.type", Is("file")),
        ("fd.typechar", Is("f")),
        ("fd.name", Is("/tmp/fields/dir/file")),
        ("fd.nameraw", Is("dir/../dir/./file")),
        ("fd.directory", Is("/tmp/fields/dir")),
        ("fd.filename", Is("file")),
        ("fd.uid", Fact("uid")),
        ("fd.dev", Fact("dev")),
        ("fd.dev.major", Fact("major")),
        ("fd.dev.minor", Fact("minor")),
        ("fd.ino", Fact("ino")),
        ("fd.containername", Is(":/tmp/fields/dir/file")),
        ("fd.containerdirectory", Is(":/tmp/fields/dir")),
        ("fd.is_upper_layer", Is("false")),
        ("fd.is_lower_layer", Is("false")),
        ("fd.is_server", Is("false")),
        ("fd.connected", Is("false")),
        ("fd.name_changed", Is("true")),
        ("fd.ip", Holds("not fd.ip exists")),
        ("fd.l4proto", Nothing),
        ("fd.types", Is("(file,pipe)")),
        ("fd.types[0]", Is("(pipe)")),
        ("fs.path.name", Is("/tmp/fields/dir/file")),
        ("fs.path.nameraw", Is("dir/../dir/./file")),
        ("fs.path.source", Nothing),
        ("fs.path.target", Nothing),
        ("evt.num", Range(1, 1_000_000_000)),
        ("evt.rawtime", Between("before", "after")),
        ("evt.rawtime.s", From("evt.rawtime", seconds)),
        ("evt.rawtime.ns", From("evt.rawtime", fraction)),
        ("evt.time", From("evt.rawtime", clock)),
        ("evt.time.s", From("evt.rawtime", clock_seconds)),
        ("evt.time.iso8601", From("evt.rawtime", iso)),
        ("evt.datetime", From("evt.rawtime", date)),
        ("evt.datetime.s", From("evt.rawtime", date_seconds)),
        ("evt.outputtime", From("evt.rawtime", clock)),
        ("evt.reltime", Range(1, 10 * MINUTE)),
        ("evt.reltime.s", From("evt.reltime", seconds)),
        ("evt.reltime.ns", From("evt.reltime", fraction)),
        ("evt.deltatime", Range(0, MINUTE)),
        ("evt.deltatime.s", From("evt.deltatime", seconds)),
        ("evt.deltatime.ns", From("evt.deltatime", fraction)),
        ("evt.around[0]", Holds("evt.around[0] = 9000000000000 and not evt.around[0] = 5")),
        ("evt.source", Is("syscall")),
        ("evt.is_async", Is("false")),
        ("evt.hostname", Is("controlplane")),
        ("evt.dir", Is("<")),
        ("evt.type", Is("openat")),
        ("evt.type.is.openat", Is("1")),
        ("evt.type.is.read", Is("0")),
        ("syscall.type", Is("openat")),
        ("evt.category", Is("file")),
        ("evt.cpu", Is("1")),
        ("evt.args", Fact("args")),
        ("evt.info", Fact("args")),
        ("evt.arg[0]", Is("<f>/tmp/fields/dir/file")),
        ("evt.arg.flags", Is("O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED")),
        ("evt.arg.mode", Is("0644")),
        ("evt.rawarg.dirfd", Is("-100")),
        ("evt.buffer", Nothing),
        ("evt.buflen", Nothing),
        ("evt.latency", Is("0")),
        ("evt.latency.s", Is("0")),
        ("evt.latency.ns", Is("000000000")),
        ("evt.latency.human", Is("0ns")),
        ("evt.latency.quantized", Is("0")),
        ("evt.res", Is("SUCCESS")),
        ("evt.rawres", Is("3")),
        ("evt.failed", Is("false")),
        ("evt.is_io", Is("false")),
        ("evt.is_io_read", Is("false")),
        ("evt.is_io_write", Is("false")),
        ("evt.io_dir", Nothing),
        ("evt.is_wait", Is("false")),
        ("evt.wait_latency", Nothing),
        ("evt.is_syslog", Is("false")),
        ("evt.count", Is("1")),
        ("evt.count.exit", Is("1")),
        ("evt.count.error", Is("0")),
        ("evt.count.error.file", Is("0")),
        ("evt.is_open_read", Is("true")),
        ("evt.is_open_write", Is("true")),
        ("evt.is_open_exec", Is("false")),
        ("evt.is_open_create", Is("true")),
        ("evt.abspath", Is("/tmp/fields/dir/file")),
        ("util.cnt", Range(1, 1_000_000_000)),
    ]),
    step("make", "evt.type = openat and fd.filename = program", &[
        ("evt.is_open_exec", Is("true")),
        ("evt.is_open_read", Is("false")),
        ("fd.name", Is("/tmp/fields/dir/program")),
        ("evt.arg.dirfd", Is("<d>/tmp/fields/dir")),
    ]),
    step("absent", "evt.type = openat and fs.path.nameraw = /tmp/fields/absent", &[
        ("evt.res", Is("ENOENT")),
        ("evt.rawres", Is("-2")),
        ("evt.failed", Is("true")),
        ("evt.count.error", Is("1")),
        ("evt.count.error.file", Is("1")),
        ("fd.num", Is("-1")),
        ("fs.path.name", Is("/tmp/fields/absent")),
        ("evt.is_open_create", Is("false")),
    ]),
    step("directory", "evt.type = openat and proc.name = file and fs.path.nameraw = /tmp/fields/dir", &[
        ("fd.type", Is("directory")),
        ("fd.typechar", Is("d")),
        ("fd.directory", Is("/tmp/fields/dir")),
        ("fd.filename", Nothing),
    ]),
    step("write", "evt.type = write and fd.name = /tmp/fields/dir/file", &[
        ("evt.buffer", Is("hello, fields")),
        ("evt.buflen", Is("13")),
        ("evt.buflen.out", Is("13")),
        ("evt.buflen.in", Nothing),
        ("evt.buflen.file", Is("13")),
        ("evt.buflen.file.out", Is("13")),
        ("evt.buflen.file.in", Nothing),
        ("evt.buflen.net", Nothing),
        ("evt.is_io", Is("true")),
        ("evt.is_io_write", Is("true")),
        ("evt.io_dir", Is("write")),
        ("evt.category", Is("file")),
        ("evt.arg.data", Is("hello, fields")),
        ("fd.filename", Is("file")),
        ("fd.ino", Fact("ino")),
        ("fd.name_changed", Is("false")),
    ]),
    step("read", "evt.type = pread and fd.name = /tmp/fields/dir/file", &[
        ("evt.buffer", Is("fields")),
        ("evt.buflen.in", Is("6")),
        ("evt.buflen.file.in", Is("6")),
        ("evt.is_io_read", Is("true")),
        ("evt.io_dir", Is("read")),
        ("evt.rawarg.pos", Is("7")),
    ]),
    // Both ends are on this machine: the source counts as its own side.
    step("client", "evt.type = connect and fd.sport = 4801 and fd.type = ipv4", &[
        ("proc.name", Is("tcp")),
        ("fd.name", Is("10.9.8.8:4802->10.9.8.7:4801")),
        ("fd.typechar", Is("4")),
        ("fd.ip", Holds("fd.ip = 10.9.8.8 and fd.ip = 10.9.8.7 and not fd.ip = 10.9.8.9")),
        ("fd.cip", Is("10.9.8.8")),
        ("fd.sip", Is("10.9.8.7")),
        ("fd.lip", Is("10.9.8.8")),
        ("fd.rip", Is("10.9.8.7")),
        ("fd.port", Holds("fd.port = 4802 and fd.port = 4801 and not fd.port = 4803")),
        ("fd.cport", Is("4802")),
        ("fd.sport", Is("4801")),
        ("fd.lport", Is("4802")),
        ("fd.rport", Is("4801")),
        ("fd.proto", Holds("fd.proto = 4802 and fd.proto = 4801 and not fd.proto = 4803")),
        ("fd.cproto", Is("4802")),
        ("fd.sproto", Is("4801")),
        ("fd.lproto", Is("4802")),
        ("fd.rproto", Is("4801")),
        ("fd.net", Holds("fd.net = 10.9.8.0/24 and not fd.net = 10.9.9.0/24")),
        ("fd.cnet", Holds("fd.cnet = 10.9.8.8/32")),
        ("fd.snet", Holds("fd.snet = 10.9.8.7/32")),
        ("fd.lnet", Holds("fd.lnet = 10.9.8.8/32")),
        ("fd.rnet", Holds("fd.rnet = 10.9.8.7/32")),
        ("fd.cip.name", Holds("fd.cip.name = client.example and not fd.cip.name = server.example")),
        ("fd.sip.name", Holds("fd.sip.name = server.example and not fd.sip.name = client.example")),
        ("fd.lip.name", Holds("fd.lip.name = client.example")),
        ("fd.rip.name", Holds("fd.rip.name = server.example")),
        ("fd.l4proto", Is("tcp")),
        ("fd.sockfamily", Is("ip")),
        ("fd.is_server", Is("true")),
        ("fd.connected", Is("true")),
        ("fd.name_changed", Is("true")),
        ("fd.directory", Nothing),
        ("fd.filename", Nothing),
        ("evt.count.error.net", Is("0")),
        ("evt.category", Is("net")),
        ("evt.res", Is("SUCCESS")),
    ]),
    step("server", "evt.type in (accept, accept4) and fd.sport = 4801", &[
        ("fd.name", Is("10.9.8.8:4802->10.9.8.7:4801")),
        ("fd.cip", Is("10.9.8.8")),
        ("fd.sip", Is("10.9.8.7")),
        ("fd.lip", Is("10.9.8.8")),
        ("fd.rip", Is("10.9.8.7")),
        ("fd.lport", Is("4802")),
        ("fd.rport", Is("4801")),
        ("fd.is_server", Is("true")),
        ("fd.connected", Is("true")),
    ]),
    step("received", "evt.type = read and fd.type = ipv4 and proc.name = tcp", &[
        ("fd.name", Is("10.9.8.8:4802->10.9.8.7:4801")),
        ("fd.is_server", Is("true")),
        ("fd.rip", Is("10.9.8.7")),
        ("evt.buflen.net", Is("4")),
        ("evt.buflen.net.in", Is("4")),
        ("evt.buflen.net.out", Nothing),
        ("evt.category", Is("net")),
        ("evt.count.error.net", Is("0")),
    ]),
    step("sent", "evt.type = write and fd.type = ipv4 and proc.name = tcp", &[
        ("fd.rip", Is("10.9.8.7")),
        ("fd.is_server", Is("true")),
        ("evt.buflen.net.out", Is("4")),
    ]),
    step("ipv6", "evt.type = connect and fd.sport = 4803", &[
        ("fd.type", Is("ipv6")),
        ("fd.typechar", Is("6")),
        ("fd.name", Is("::1:4804->::1:4803")),
        ("fd.sip", Is("::1")),
        ("fd.l4proto", Is("tcp")),
        ("fd.snet", Holds("fd.snet = ::1/128")),
    ]),
    step("udp", "evt.type = sendto and fd.sport = 4805", &[
        ("fd.type", Is("ipv4")),
        ("fd.name", Is("10.9.8.8:4806->10.9.8.7:4805")),
        ("fd.l4proto", Is("udp")),
        ("evt.buffer", Is("datagram")),
    ]),
    step("udpin", "evt.type = recvfrom and fd.sport = 4805", &[
        ("fd.name", Is("10.9.8.8:4806->10.9.8.7:4805")),
        ("fd.cip", Is("10.9.8.8")),
        ("fd.is_server", Is("true")),
        ("fd.rip", Is("10.9.8.7")),
    ]),
    step("refused", "evt.type = connect and proc.name = refused", &[
        ("evt.res", Is("ECONNREFUSED")),
        ("evt.count.error.net", Is("1")),
        ("fd.connected", Is("false")),
    ]),
    step("unix", "evt.type = connect and proc.name = unix and evt.arg.tuple contains /tmp/fields/socket", &[
        ("fd.type", Is("unix")),
        ("fd.typechar", Is("u")),
        ("fd.sockfamily", Is("unix")),
        ("fd.name", Holds("fd.name endswith /tmp/fields/socket")),
        ("fd.connected", Is("true")),
        ("fd.is_server", Is("false")),
        ("fd.sip", Nothing),
        ("evt.count.error.net", Is("0")),
    ]),
    step("abstract", "evt.type = connect and proc.name = unix and evt.arg.tuple contains in-no-file-system", &[
        ("fd.type", Is("unix")),
        ("fd.name", Holds("fd.name endswith in-no-file-system")),
    ]),
    step("syslog", "evt.type = sendto and proc.name = syslog", &[
        ("evt.is_syslog", Is("true")),
        ("fd.name", Holds("fd.name endswith /dev/log")),
        ("evt.category", Is("ipc")),
    ]),
    // One of each kind, at the numbers from 20 on.
    step("kinds", marked!("kinds"), &[
        ("fd.types[20]", Is("(pipe)")),
        ("fd.types[21]", Is("(pipe)")),
        ("fd.types[22]", Is("(event)")),
        ("fd.types[23]", Is("(memfd)")),
        ("fd.types[24]", Is("(signalfd)")),
        ("fd.types[25]", Is("(eventpoll)")),
        ("fd.types[26]", Is("(timerfd)")),
        ("fd.types[27]", Is("(inotify)")),
        ("fd.types[28]", Is("(pidfd)")),
        ("fd.types[29]", Is("(netlink)")),
        ("fd.types[30]", Is("(unix)")),
        ("fd.types[31]", Is("(unix)")),
        ("fd.types[32]", Is("(directory)")),
        ("fd.types[33]", Is("(userfaultfd)")),
        ("fd.types[34]", Is("(ipv6)")),
        ("fd.types[35]", Is("(bpf)")),
        ("fd.types[36]", Nothing),
        ("proc.fdopencount", Is("20")),
    ]),
    step("event", "evt.type = write and proc.name = kinds and fd.type = event", &[
        ("fd.num", Is("22")),
        ("fd.typechar", Is("e")),
        ("evt.category", Is("ipc")),
    ]),
    step("inmemory", "evt.type = write and proc.name = kinds and fd.type = memfd", &[
        ("fd.num", Is("23")),
        ("fd.name", Is("scratch")),
        ("fd.typechar", Is("m")),
    ]),
    step("pipe", "evt.type = write and proc.name = kinds and fd.type = pipe", &[
        ("fd.num", Is("21")),
        ("fd.typechar", Is("p")),
        ("evt.category", Is("ipc")),
        ("fd.ino", Fact("ino")),
    ]),
    // Copies: 10 by dup2, 11 by dup3, 12 by F_DUPFD, 13 by F_DUPFD_CLOEXEC.
    step("copies", "evt.type = read and proc.name = copies and fd.num = 12", &[
        ("fd.name", Is("/tmp/fields/dir/copied")),
        ("fd.types[10]", Is("(file)")),
        ("fd.types[11]", Is("(file)")),
        ("fd.types[13]", Is("(file)")),
        ("proc.fdopencount", Is("9")),
        ("fd.ino", Fact("ino")),
    ]),
    step("dup", "evt.type = dup and proc.name = copies", &[
        ("fd.num", Is("4")),
        ("fd.name", Is("/tmp/fields/dir/copied")),
    ]),
    // 3, 11 and 13 end with the program; that of 10 is by F_SETFD.
    step("kept", started!("kept"), &[
        ("fd.types[3]", Nothing),
        ("fd.types[10]", Nothing),
        ("fd.types[11]", Nothing),
        ("fd.types[13]", Nothing),
        ("proc.fdopencount", Is("5")),
    ]),
    step("closed", marked!("closed"), &[
        ("fd.types[7]", Is("(file)")),
        ("fd.types[8]", Nothing),
        ("fd.types[9]", Nothing),
        ("fd.types[11]", Nothing),
    ]),
    // A thread that shares its table with no other any more.
    step("unshared", marked!("unshared"), &[
        ("fd.types[3]", Is("(directory)")),
        ("proc.name", Is("unshare")),
    ]),
    step("shared", marked!("shared"), &[
        ("fd.types[3]", Is("(file)")),
        ("proc.name", Is("unshare")),
    ]),
    // A process that shares its table with the one that made it (CLONE_FILES).
    step("together", marked!("together"), &[
        ("fd.types[3]", Is("(file)")),
        ("proc.name", Is("together")),
        ("proc.fdopencount", Is("5")),
    ]),
    // A descriptor that came through a socket.
    step("rights", "evt.type = read and proc.name = rights and evt.rawarg.size = 8", &[
        ("fd.name", Is("/tmp/fields/dir/passed")),
        ("fd.num", Fact("num")),
        ("fd.ino", Fact("ino")),
        ("fd.types[5]", Is("(file)")),
    ]),
    step("mkdir", "evt.type = mkdir and fs.path.name startswith /tmp/fields/dir/made", &[
        ("fs.path.name", Is("/tmp/fields/dir/made")),
        ("fs.path.nameraw", Is("./dir//made")),
        ("fs.path.source", Nothing),
    ]),
    step("rename", "evt.type in (rename, renameat, renameat2) and fs.path.sourceraw = dir/made", &[
        ("fs.path.source", Is("/tmp/fields/dir/made")),
        ("fs.path.sourceraw", Is("dir/made")),
        ("fs.path.target", Is("/tmp/fields/dir/moved")),
        ("fs.path.targetraw", Is("/tmp/fields/dir/moved")),
        ("fs.path.name", Nothing),
        ("evt.abspath.src", Is("/tmp/fields/dir/made")),
        ("evt.abspath.dst", Is("/tmp/fields/dir/moved")),
    ]),
    step("symlink", "evt.type = symlink and fs.path.source = /tmp/fields/dir/link", &[
        ("fs.path.targetraw", Is("moved")),
    ]),
    step("unlinkat", "evt.type = unlinkat and fs.path.nameraw = link", &[
        ("fs.path.name", Is("/tmp/fields/dir/link")),
    ]),
    step("poll", "evt.type in (poll, ppoll) and proc.name = poll and evt.rawarg.timeout = 1000", &[
        ("fdlist.nums", Fact("nums")),
        ("fdlist.names", Fact("names")),
        ("fdlist.cips", Is("10.9.8.8")),
        ("fdlist.sips", Is("10.9.8.7")),
        ("fdlist.cports", Is("4808")),
        ("fdlist.sports", Is("4807")),
        ("evt.is_wait", Is("true")),
        ("evt.wait_latency", Is("0")),
        ("evt.count.error.other", Is("0")),
    ]),
    step("contained", started!("contained"), &[
        ("container.id", Is("0123456789ab")),
        ("thread.cgroups", Holds("thread.cgroups contains /docker-0123456789abcdef")),
        ("thread.cgroup.cpu", Is("/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope")),
        ("user.uid", Is("1000")),
        ("user.name", Is("carol")),
        ("user.homedir", Is("/home/carol")),
        ("group.name", Is("crew")),
    ]),
    step("within", "evt.type = openat and proc.name = contained and fs.path.name = /inside", &[
        ("fd.containername", Is("0123456789ab:/inside")),
        ("fd.containerdirectory", Is("0123456789ab:/")),
        ("user.name", Is("carol")),
    ]),
];
