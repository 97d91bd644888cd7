//! The one table of fields. What `--list` prints, which names a rule may use, of
//! which type they are and how they are read: all of it comes from here.

mod args;
mod cluster;
mod container;
pub(super) mod descriptor;
mod evt;
mod fd;
mod fdlist;
mod io;
mod names;
mod path;
mod proc;
mod user;

use std::fmt::{self, Write};

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use super::field::{
    ArgKind::{
        self, Dotted, IndexOrDotted, IndexOrKey, Key, OptionalDotted, OptionalIndex,
        OptionalIndexOrKey, OptionalKey,
    },
    Cardinality::{self, AnyAncestor, BothEnds},
    Field,
    FieldType::{
        self, AbsTime, Bool, Bytes, Double, Dynamic, Host, Int, Ip, Net, Port, RelTime, Text, Uint,
    },
    Get, Print, Value,
};

const fn row(
    name: &'static str,
    ty: FieldType,
    about: &'static str,
    example: &'static str,
    get: Get,
) -> Field {
    Field {
        name,
        example,
        since: FIRST,
        ty,
        arg: ArgKind::None,
        cardinality: Cardinality::One,
        print: Print::Plain,
        hidden: false,
        open_files: false,
        environments: false,
        about,
        get,
    }
}

/// The first version of the program, which has all of them.
const FIRST: &str = "0.1.0";

impl Field {
    const fn arg(self, arg: ArgKind) -> Self {
        Self { arg, ..self }
    }

    const fn many(self, cardinality: Cardinality) -> Self {
        Self {
            cardinality,
            ..self
        }
    }

    const fn open_files(self) -> Self {
        Self {
            open_files: true,
            ..self
        }
    }

    const fn environments(self) -> Self {
        Self {
            environments: true,
            ..self
        }
    }

    const fn hidden(self) -> Self {
        Self {
            hidden: true,
            ..self
        }
    }

    const fn print(self, print: Print) -> Self {
        Self { print, ..self }
    }
}

/// All fields, by class.
#[rustfmt::skip]
pub static FIELDS: &[Field] = &[
    row("evt.num", Uint, "number of the event since the start", "62", evt::num),
    row("evt.time", Text, "local time of day, with nanoseconds", "17:04:05.123456789", evt::time),
    row("evt.time.s", Text, "local time of day, whole seconds", "17:04:05", evt::time_s),
    row("evt.time.iso8601", Text, "UTC, as ISO 8601 with nanoseconds", "2026-11-24T17:04:05.123456789+0000", evt::time_iso8601),
    row("evt.datetime", Text, "local date and time, with nanoseconds", "2026-11-24 17:04:05.123456789", evt::datetime),
    row("evt.datetime.s", Text, "local date and time, whole seconds", "2026-11-24 17:04:05", evt::datetime_s),
    row("evt.rawtime", AbsTime, "nanoseconds since the epoch", "1795485052366008523", evt::rawtime),
    row("evt.rawtime.s", AbsTime, "whole seconds since the epoch", "1795485052", evt::rawtime_s),
    row("evt.rawtime.ns", AbsTime, "nanoseconds behind the whole second", "366008523", evt::rawtime_ns).print(Print::NineDigits),
    row("evt.reltime", RelTime, "nanoseconds since the first event", "000003946", evt::reltime).print(Print::NineDigits),
    row("evt.reltime.s", RelTime, "whole seconds since the first event", "3", evt::reltime_s),
    row("evt.reltime.ns", RelTime, "nanoseconds behind the whole second since the first event", "003946838", evt::reltime_ns).print(Print::NineDigits),
    row("evt.deltatime", RelTime, "nanoseconds since the event before", "000010079", evt::deltatime),
    row("evt.deltatime.s", RelTime, "whole seconds since the event before", "0", evt::deltatime_s),
    row("evt.deltatime.ns", RelTime, "nanoseconds behind the whole second since the event before", "000010079", evt::deltatime_ns).print(Print::NineDigits),
    row("evt.outputtime", Text, "the same as evt.time", "17:04:05.123456789", evt::time),
    row("evt.pluginname", Text, "no value: no plugin makes these events", "", evt::none),
    row("evt.plugininfo", Text, "no value: no plugin makes these events", "", evt::none),
    row("evt.source", Text, "where events come from: syscall", "syscall", evt::source),
    row("evt.is_async", Bool, "not made by a system call or a hook of the kernel", "true", evt::is_async),
    row("evt.asynctype", Text, "name of an event that no system call and no hook of the kernel made", "container", evt::asynctype),
    row("evt.hostname", Text, "name of the machine, or FALCO_HOSTNAME", "node-1", evt::hostname),
    row("evt.dir", Text, "deprecated: always <", "<", evt::dir),
    row("evt.type", Text, "name of the event, which is nearly always that of a system call", "openat", evt::kind),
    row("evt.type.is", Uint, "1 for events of the type with this name, or with the number that captures have for it, else 0", "1", evt::type_is).arg(Dotted),
    row("syscall.type", Text, "name of the system call", "openat", evt::syscall),
    row("evt.category", Text, "group of the event: file, net, process, …", "file", io::category),
    row("evt.cpu", Int, "processor on which it happened", "1", evt::cpu),
    row("evt.args", Text, "all arguments as name=value", "res=0 fd=3(<f>/etc/passwd)", args::all),
    row("evt.info", Text, "the same as evt.args", "res=0 fd=3(<f>/etc/passwd)", args::all),
    row("evt.arg", Text, "one argument as text, by name or number", "/etc/passwd", args::one).arg(IndexOrDotted),
    row("evt.rawarg", Dynamic, "one argument in its own type, by name", "3", args::raw).arg(Dotted),
    row("evt.buffer", Bytes, "bytes that were read or written", "GET / HTTP/1.0", args::buffer),
    row("evt.buflen", Uint, "how many bytes were read or written", "18", args::buflen),
    row("evt.buflen.in", Uint, "how many bytes were read", "18", io::buflen_in).hidden(),
    row("evt.buflen.out", Uint, "how many bytes were written", "18", io::buflen_out).hidden(),
    row("evt.buflen.file", Uint, "how many bytes went through a file", "832", io::buflen_file).hidden(),
    row("evt.buflen.file.in", Uint, "how many bytes were read from a file", "832", io::buflen_file_in).hidden(),
    row("evt.buflen.file.out", Uint, "how many bytes were written to a file", "832", io::buflen_file_out).hidden(),
    row("evt.buflen.net", Uint, "how many bytes went over the network", "18", io::buflen_net).hidden(),
    row("evt.buflen.net.in", Uint, "how many bytes came over the network", "18", io::buflen_net_in).hidden(),
    row("evt.buflen.net.out", Uint, "how many bytes were sent over the network", "18", io::buflen_net_out).hidden(),
    row("evt.latency", RelTime, "deprecated: always 0", "0", evt::zero),
    row("evt.latency.s", RelTime, "deprecated: always 0", "0", evt::zero),
    row("evt.latency.ns", RelTime, "deprecated: always 0", "000000000", evt::zero).print(Print::NineDigits),
    row("evt.latency.human", Text, "deprecated: always 0ns", "0ns", evt::zero_human),
    row("evt.latency.quantized", Uint, "deprecated: always 0", "0", evt::zero).hidden(),
    row("evt.res", Text, "SUCCESS, or the name of the error", "SUCCESS", evt::res),
    row("evt.rawres", Int, "the returned number", "3", evt::rawres),
    row("evt.failed", Bool, "whether the call failed", "true", evt::failed),
    row("evt.is_io", Bool, "reads from or writes to a descriptor", "true", io::is_io),
    row("evt.is_io_read", Bool, "reads from a descriptor", "true", io::is_io_read),
    row("evt.is_io_write", Bool, "writes to a descriptor", "true", io::is_io_write),
    row("evt.io_dir", Text, "read or write", "write", io::io_dir),
    row("evt.is_wait", Bool, "waits for something", "true", io::is_wait),
    row("evt.wait_latency", RelTime, "deprecated: always 0, of calls that wait", "0", io::wait_latency),
    row("evt.is_syslog", Bool, "writes to /dev/log", "true", io::is_syslog),
    row("evt.count", Uint, "always 1", "1", evt::count),
    row("evt.count.error", Uint, "1 if the call failed, else 0", "0", evt::count_error),
    row("evt.count.error.file", Uint, "evt.count.error of calls about files", "0", io::errors_file),
    row("evt.count.error.net", Uint, "evt.count.error of calls about sockets", "0", io::errors_net),
    row("evt.count.error.memory", Uint, "evt.count.error of calls about memory", "0", io::errors_memory),
    row("evt.count.error.other", Uint, "evt.count.error of all other calls", "0", io::errors_other),
    row("evt.count.exit", Uint, "1 for calls that returned", "1", evt::count_exit),
    row("evt.count.procinfo", Uint, "1 for what a recorder tells of a process", "1", evt::count_procinfo).hidden(),
    row("evt.count.threadinfo", Uint, "1 for what a recorder tells of a thread", "1", evt::count_threadinfo).hidden(),
    row("evt.around", Uint, "whether a time, in nanoseconds since the epoch, is within so many milliseconds of the event", "500", evt::around).arg(Key),
    row("evt.is_open_read", Bool, "a file was opened for reading", "true", evt::is_open_read),
    row("evt.is_open_write", Bool, "a file was opened for writing", "true", evt::is_open_write),
    row("evt.is_open_exec", Bool, "a file was made that may be run", "true", evt::is_open_exec),
    row("evt.is_open_create", Bool, "a file was made by opening it", "true", evt::is_open_create),
    row("evt.abspath", Text, "absolute path of the calls that take a directory; .src or .dst of two", "/etc/passwd", path::abspath).arg(OptionalDotted),
    row("evt.infra.docker.name", Text, "no value", "", evt::none).hidden(),
    row("evt.infra.docker.container.id", Text, "no value", "", evt::none).hidden(),
    row("evt.infra.docker.container.name", Text, "no value", "", evt::none).hidden(),
    row("evt.infra.docker.container.image", Text, "no value", "", evt::none).hidden(),
    row("util.cnt", Uint, "how often this field was read", "1", evt::extractions).hidden(),

    row("proc.name", Text, "name of the task", "cat", proc::name),
    row("proc.pname", Text, "proc.name of the parent", "bash", proc::pname),
    row("proc.aname", Text, "proc.name of an ancestor: [1] is the parent; without number, of any", "bash sshd systemd", proc::aname).arg(OptionalIndex).many(AnyAncestor),
    row("proc.exe", Text, "first element of the argument vector", "cat", proc::exe),
    row("proc.pexe", Text, "proc.exe of the parent", "-bash", proc::pexe),
    row("proc.aexe", Text, "proc.exe of an ancestor", "-bash sshd", proc::aexe).arg(OptionalIndex).many(AnyAncestor),
    row("proc.exepath", Text, "path of the executable file", "/usr/bin/cat", proc::exepath),
    row("proc.pexepath", Text, "proc.exepath of the parent", "/usr/bin/bash", proc::pexepath),
    row("proc.aexepath", Text, "proc.exepath of an ancestor", "/usr/bin/bash /usr/sbin/sshd", proc::aexepath).arg(OptionalIndex).many(AnyAncestor),
    row("proc.args", Text, "the arguments behind the first, or one of them by number", "/etc/shadow", proc::args).arg(OptionalIndex),
    row("proc.aargs", Text, "proc.args of an ancestor, or of all", "-D", proc::aargs).arg(OptionalIndex),
    row("proc.cmdline", Text, "name and arguments", "cat /etc/shadow", proc::cmdline),
    row("proc.pcmdline", Text, "proc.cmdline of the parent", "bash -l", proc::pcmdline),
    row("proc.acmdline", Text, "proc.cmdline of an ancestor", "bash -l sshd -D", proc::acmdline).arg(OptionalIndex).many(AnyAncestor),
    row("proc.cmdnargs", Uint, "number of arguments behind the first", "1", proc::cmdnargs),
    row("proc.cmdlenargs", Uint, "bytes of the arguments behind the first", "11", proc::cmdlenargs),
    row("proc.exeline", Text, "all arguments", "cat /etc/shadow", proc::exeline),
    row("proc.env", Text, "environment, or one variable by name", "HOME=/root LANG=C", proc::env).arg(OptionalKey).environments(),
    row("proc.aenv", Text, "environment of an ancestor, or a variable by name", "HOME=/root LANG=C", proc::aenv).arg(OptionalIndexOrKey).many(AnyAncestor).print(Print::OwnThread).environments(),
    row("proc.cwd", Text, "working directory, with a slash at its end", "/root/", proc::cwd),
    row("proc.loginshellid", Int, "process id of the oldest shell among the ancestors", "4711", proc::loginshellid),
    row("proc.tty", Uint, "controlling terminal, 0 if none", "34816", proc::tty),
    row("proc.pid", Int, "process id", "4712", proc::pid),
    row("proc.ppid", Int, "process id of the parent", "4711", proc::ppid),
    row("proc.apid", Int, "process id of an ancestor", "4711", proc::apid).arg(OptionalIndex).many(AnyAncestor).print(Print::OwnThread),
    row("proc.vpid", Int, "process id in its own pid namespace", "12", proc::vpid),
    row("proc.pvpid", Int, "proc.vpid of the parent", "1", proc::pvpid),
    row("proc.sid", Int, "session id", "4711", proc::sid),
    row("proc.sname", Text, "proc.name of the session's leader", "bash", proc::sname),
    row("proc.sid.exe", Text, "proc.exe of the session's leader", "-bash", proc::sid_exe),
    row("proc.sid.exepath", Text, "proc.exepath of the session's leader", "/usr/bin/bash", proc::sid_exepath),
    row("proc.vpgid", Int, "process group id in its own pid namespace", "4712", proc::vpgid),
    row("proc.vpgid.name", Text, "proc.name of the group's leader", "cat", proc::vpgid_name),
    row("proc.vpgid.exe", Text, "proc.exe of the group's leader", "cat", proc::vpgid_exe),
    row("proc.vpgid.exepath", Text, "proc.exepath of the group's leader", "/usr/bin/cat", proc::vpgid_exepath),
    row("proc.pgid", Int, "process group id", "4712", proc::pgid),
    row("proc.pgid.name", Text, "proc.name of the group's leader", "cat", proc::pgid_name),
    row("proc.pgid.exe", Text, "proc.exe of the group's leader", "cat", proc::pgid_exe),
    row("proc.pgid.exepath", Text, "proc.exepath of the group's leader", "/usr/bin/cat", proc::pgid_exepath),
    row("proc.duration", RelTime, "nanoseconds since the process was made", "2327296", proc::duration),
    row("proc.ppid.duration", RelTime, "nanoseconds since the parent was made", "18327296", proc::ppid_duration),
    row("proc.pid.ts", RelTime, "when the process was made, nanoseconds since the epoch", "1795485052388665692", proc::pid_ts),
    row("proc.ppid.ts", RelTime, "when the parent was made, nanoseconds since the epoch", "1795485052372665692", proc::ppid_ts),
    row("proc.is_exe_writable", Bool, "the user may write to the executable", "true", proc::is_exe_writable),
    row("proc.is_exe_upper_layer", Bool, "the executable is on the upper layer of an overlay", "true", proc::is_exe_upper_layer),
    row("proc.is_exe_lower_layer", Bool, "the executable is on a lower layer of an overlay", "true", proc::is_exe_lower_layer),
    row("proc.is_exe_from_memfd", Bool, "the executable is held in memory alone", "true", proc::is_exe_from_memfd),
    row("proc.is_sid_leader", Bool, "the process leads its session", "true", proc::is_sid_leader),
    row("proc.is_vpgid_leader", Bool, "the process leads its group, by proc.vpgid", "true", proc::is_vpgid_leader),
    row("proc.is_pgid_leader", Bool, "the process leads its group, by proc.pgid", "true", proc::is_pgid_leader),
    row("proc.is_guessed", Bool, "events of the process were lost: what is known was read from /proc later", "false", proc::is_guessed),
    row("proc.exe_ino", Int, "inode of the executable", "778459", proc::exe_ino),
    row("proc.exe_ino.ctime", AbsTime, "when its inode changed, nanoseconds since the epoch", "1795485052388665692", proc::exe_ctime),
    row("proc.exe_ino.mtime", AbsTime, "when it was written to, nanoseconds since the epoch", "1795485052388665692", proc::exe_mtime),
    row("proc.exe_ino.ctime_duration_proc_start", AbsTime, "nanoseconds from the inode's change to the making of the process", "500000000", proc::exe_ctime_to_start),
    row("proc.exe_ino.ctime_duration_pidns_start", AbsTime, "nanoseconds from the making of the pid namespace to the inode's change", "500000000", proc::exe_ctime_from_pidns),
    row("proc.pidns_init_start_ts", Uint, "when the pid namespace was made, nanoseconds since the epoch", "1795477633991512650", proc::pidns_start),
    row("proc.nthreads", Uint, "living threads of the process", "1", proc::nthreads),
    row("proc.nchilds", Uint, "living threads of the process but for the first", "0", proc::nchilds),
    row("proc.vmsize", Uint, "virtual memory in KiB", "4904", proc::vmsize),
    row("proc.vmrss", Uint, "resident memory in KiB", "1988", proc::vmrss),
    row("proc.vmswap", Uint, "swapped memory in KiB", "0", proc::vmswap),
    row("proc.fdlimit", Int, "most descriptors that may be open", "20000", proc::fdlimit).open_files(),
    row("proc.fdopencount", Uint, "descriptors that are open", "2", proc::fdopencount).open_files(),
    row("proc.fdusage", Double, "share of proc.fdlimit that is used, in percent", "0.04", proc::fdusage).open_files(),
    row("proc.stdin.type", Text, "fd.type of the standard input", "file", proc::stdin_type).open_files(),
    row("proc.stdin.name", Text, "fd.name of the standard input", "/dev/pts/0", proc::stdin_name).open_files(),
    row("proc.stdout.type", Text, "fd.type of the standard output", "file", proc::stdout_type).open_files(),
    row("proc.stdout.name", Text, "fd.name of the standard output", "/etc/scen.conf", proc::stdout_name).open_files(),
    row("proc.stderr.type", Text, "fd.type of the standard error", "file", proc::stderr_type).open_files(),
    row("proc.stderr.name", Text, "fd.name of the standard error", "/dev/null", proc::stderr_name).open_files(),
    row("proc.is_container_healthcheck", Bool, "deprecated: no value", "", evt::none),
    row("proc.is_container_liveness_probe", Bool, "deprecated: no value", "", evt::none),
    row("proc.is_container_readiness_probe", Bool, "deprecated: no value", "", evt::none),
    row("thread.tid", Int, "thread id", "4712", proc::tid),
    row("thread.vtid", Int, "thread id in its own pid namespace", "12", proc::vtid),
    row("thread.ismain", Bool, "the first thread of its process", "true", proc::ismain),
    row("thread.cap_permitted", Text, "permitted capabilities", "CAP_KILL CAP_SETGID", proc::cap_permitted),
    row("thread.cap_inheritable", Text, "inheritable capabilities", "CAP_KILL", proc::cap_inheritable),
    row("thread.cap_effective", Text, "effective capabilities", "CAP_KILL CAP_SETGID", proc::cap_effective),
    row("thread.cgroups", Text, "all control groups as subsystem=path", "cpu=/system.slice memory=/system.slice", proc::cgroups),
    row("thread.cgroup", Text, "path of one control group, by subsystem", "/system.slice", proc::cgroup).arg(Dotted),
    row("thread.pfmajor", Uint, "major page faults", "0", proc::pfmajor),
    row("thread.pfminor", Uint, "minor page faults", "48", proc::pfminor),
    row("thread.vmsize", Uint, "proc.vmsize of the first thread, 0 of others", "4904", proc::thread_vmsize),
    row("thread.vmrss", Uint, "proc.vmrss of the first thread, 0 of others", "1988", proc::thread_vmrss),
    row("thread.vmsize.b", Uint, "thread.vmsize in bytes", "4304896", proc::thread_vmsize_bytes).hidden(),
    row("thread.vmrss.b", Uint, "thread.vmrss in bytes", "2174976", proc::thread_vmrss_bytes).hidden(),
    row("thread.nametid", Text, "name and thread id", "cat4712", proc::nametid).hidden(),
    row("thread.exectime", RelTime, "always 0: nobody records the scheduler", "0", proc::exectime),
    row("thread.totexectime", RelTime, "always 0: nobody records the scheduler", "0", proc::totexectime),
    row("thread.cpu", Double, "share of a processor that a recorder told", "0", proc::cpu),
    row("thread.cpu.user", Double, "the same in user mode", "0", proc::cpu),
    row("thread.cpu.system", Double, "the same in the kernel", "0", proc::cpu),

    row("user.uid", Uint, "effective user id", "0", user::uid),
    row("user.name", Text, "name of the effective user", "root", user::name),
    row("user.homedir", Text, "home directory of the effective user", "/root", user::homedir),
    row("user.shell", Text, "login shell of the effective user", "/bin/bash", user::shell),
    row("user.loginuid", Int, "id of the user who logged in, -1 if nobody did", "1000", user::loginuid),
    row("user.loginname", Text, "name of the user who logged in", "alice", user::loginname),
    row("group.gid", Uint, "effective group id", "0", user::gid),
    row("group.name", Text, "name of the effective group", "root", user::group),

    row("fd.num", Int, "number of the descriptor", "3", fd::num),
    row("fd.type", Text, "kind of the descriptor: file, directory, ipv4, ipv6, unix, …", "file", fd::kind),
    row("fd.typechar", Text, "the same as one letter", "f", fd::typechar),
    row("fd.name", Text, "path, or both ends of a socket", "/etc/passwd", fd::name),
    row("fd.nameraw", Text, "path as the program gave it", "../etc/passwd", fd::nameraw),
    row("fd.directory", Text, "directory that the file is in", "/etc", fd::directory),
    row("fd.filename", Text, "name of the file without directory", "passwd", fd::filename),
    row("fd.ip", Ip, "address of either end", "10.0.0.7", fd::either_ip).many(BothEnds),
    row("fd.cip", Ip, "address of the client", "10.0.0.7", fd::cip),
    row("fd.sip", Ip, "address of the server", "10.0.0.1", fd::sip),
    row("fd.lip", Ip, "local address", "10.0.0.7", fd::lip),
    row("fd.rip", Ip, "remote address", "10.0.0.1", fd::rip),
    row("fd.port", Port, "port of either end", "443", fd::port).many(BothEnds),
    row("fd.cport", Port, "port of the client", "40254", fd::cport),
    row("fd.sport", Port, "port of the server", "443", fd::sport),
    row("fd.lport", Port, "local port", "40254", fd::lport),
    row("fd.rport", Port, "remote port", "443", fd::rport),
    row("fd.proto", Port, "port of either end, for names of services", "443", fd::port).many(BothEnds),
    row("fd.cproto", Text, "port of the client as text", "40254", fd::cproto),
    row("fd.sproto", Text, "port of the server as text", "443", fd::sproto),
    row("fd.lproto", Text, "local port as text", "40254", fd::lproto),
    row("fd.rproto", Text, "remote port as text", "443", fd::rproto),
    row("fd.net", Net, "address of either end, for networks", "10.0.0.7", fd::either_ip).many(BothEnds),
    row("fd.cnet", Net, "address of the client, for networks", "10.0.0.7", fd::cip),
    row("fd.snet", Net, "address of the server, for networks", "10.0.0.1", fd::sip),
    row("fd.lnet", Net, "local address, for networks", "10.0.0.7", fd::lip),
    row("fd.rnet", Net, "remote address, for networks", "10.0.0.1", fd::rip),
    row("fd.cip.name", Host, "name, among those in conditions, of the client's address", "client.example", fd::cip),
    row("fd.sip.name", Host, "name, among those in conditions, of the server's address", "server.example", fd::sip),
    row("fd.lip.name", Host, "name, among those in conditions, of the local address", "client.example", fd::lip),
    row("fd.rip.name", Host, "name, among those in conditions, of the remote address", "server.example", fd::rip),
    row("fd.l4proto", Text, "tcp, or <NA> if that is not known", "tcp", fd::l4proto),
    row("fd.sockfamily", Text, "ip or unix", "unix", fd::sockfamily),
    row("fd.is_server", Bool, "this process is the server", "true", fd::is_server),
    row("fd.connected", Bool, "the socket is connected", "true", fd::connected),
    row("fd.name_changed", Bool, "the event gave the descriptor its name", "true", fd::name_changed),
    row("fd.uid", Text, "thread id and number of the descriptor", "47123", fd::uid),
    row("fd.containername", Text, "container id, colon, name", "7939f7035e61:/etc/passwd", fd::containername),
    row("fd.containerdirectory", Text, "container id, colon, directory", "7939f7035e61:/etc", fd::containerdirectory),
    row("fd.dev", Int, "device of the file", "FE00", fd::dev).print(Print::Hex),
    row("fd.dev.major", Int, "major number of the device", "254", fd::dev_major),
    row("fd.dev.minor", Int, "minor number of the device", "0", fd::dev_minor),
    row("fd.ino", Int, "inode of the file", "780066", fd::ino),
    row("fd.is_upper_layer", Bool, "the file is on the upper layer of an overlay", "true", fd::is_upper_layer),
    row("fd.is_lower_layer", Bool, "the file is on a lower layer of an overlay", "true", fd::is_lower_layer),
    row("fd.types", Text, "kinds of all descriptors that are open, or the kind of one by number", "(file,pipe,ipv4)", fd::types).arg(OptionalIndex).many(Cardinality::List).open_files(),

    row("fdlist.nums", Text, "poll: numbers of the descriptors, with commas", "0,3", fdlist::nums),
    row("fdlist.names", Text, "poll: their names", "/dev/null,10.0.0.7:40254->10.0.0.1:443", fdlist::names).open_files(),
    row("fdlist.cips", Text, "poll: addresses of their clients", "10.0.0.7", fdlist::cips).open_files(),
    row("fdlist.sips", Text, "poll: addresses of their servers", "10.0.0.1", fdlist::sips).open_files(),
    row("fdlist.cports", Text, "poll: ports of their clients", "40254", fdlist::cports).open_files(),
    row("fdlist.sports", Text, "poll: ports of their servers", "443", fdlist::sports).open_files(),

    row("fs.path.name", Text, "absolute path of a call with one path", "/etc/passwd", path::name),
    row("fs.path.nameraw", Text, "the same as the program gave it", "../etc/passwd", path::nameraw),
    row("fs.path.source", Text, "absolute path that a call with two starts from", "/tmp/a", path::source),
    row("fs.path.sourceraw", Text, "the same as the program gave it", "a", path::sourceraw),
    row("fs.path.target", Text, "absolute path that a call with two leads to", "/tmp/b", path::target),
    row("fs.path.targetraw", Text, "the same as the program gave it", "b", path::targetraw),

    row("container.id", Text, "first 12 characters of the container's id, or host", "7939f7035e61", container::id),
    row("container.full_id", Text, "the container's id, or host", "7939f7035e61aa00…", container::full_id),
    row("container.name", Text, "name of the container, or host", "nginx", container::name),
    row("container.image", Text, "image with its tag", "docker.io/library/nginx:1.27", container::image),
    row("container.image.id", Text, "id of the image", "7939f7035e61aa00…", container::image_id),
    row("container.image.repository", Text, "image without tag", "docker.io/library/nginx", container::image_repository),
    row("container.image.tag", Text, "tag of the image", "1.27", container::image_tag),
    row("container.image.digest", Text, "digest of the image in its registry", "sha256:7939f7035e61…", container::image_digest),
    row("container.type", Text, "kind of the runtime", "containerd", container::kind),
    row("container.privileged", Bool, "the container is privileged", "true", container::privileged),
    row("container.mounts", Text, "all mounts as source:destination:mode:writable:propagation", "/proc:/host/proc::false:private", container::mounts),
    row("container.mount", Text, "one mount, by number or by a pattern of its source", "/proc:/host/proc::false:private", container::mount).arg(IndexOrKey),
    row("container.mount.source", Text, "source of a mount, by number or by a pattern of its destination", "/proc", container::mount_source).arg(IndexOrKey),
    row("container.mount.dest", Text, "destination of a mount, by number or by a pattern of its source", "/host/proc", container::mount_dest).arg(IndexOrKey),
    row("container.mount.mode", Text, "mode of a mount, by number or by a pattern of its source", "ro", container::mount_mode).arg(IndexOrKey),
    row("container.mount.rdwr", Text, "whether a mount may be written to, by number or by a pattern of its source", "false", container::mount_rdwr).arg(IndexOrKey),
    row("container.mount.propagation", Text, "how mounts below a mount spread, by number or by a pattern of its source", "private", container::mount_propagation).arg(IndexOrKey),
    row("container.start_ts", AbsTime, "when the container was started, nanoseconds since the epoch", "1795477633991512650", container::start_ts),
    row("container.duration", RelTime, "nanoseconds since then", "5000000000", container::duration),
    row("container.ip", Text, "address of the container's pod", "10.0.0.7", container::ip),
    row("container.host_pid", Bool, "in the host's pid namespace", "true", container::host_pid),
    row("container.host_network", Bool, "on the host's network", "true", container::host_network),
    row("container.host_ipc", Bool, "in the host's IPC namespace", "true", container::host_ipc),
    row("container.label", Text, "one label of the container", "web", container::label).arg(Key),
    row("container.labels", Text, "all labels of the container", "app:web, tier:front", container::labels),
    row("container.cni.json", Text, "network of the pod as its plugin told it", "{IPs:[10.0.0.7]}", container::cni_json),
    row("container.healthcheck", Text, "deprecated: no value", "", evt::none),
    row("container.liveness_probe", Text, "deprecated: no value", "", evt::none),
    row("container.readiness_probe", Text, "deprecated: no value", "", evt::none),
    row("k8s.pod.name", Text, "name of the pod", "nginx-1", container::pod_name),
    row("k8s.ns.name", Text, "namespace of the pod", "default", container::ns_name),
    row("k8s.pod.id", Text, "the same as k8s.pod.uid", "1d9a4c3e-…", container::pod_uid),
    row("k8s.pod.uid", Text, "uid of the pod", "1d9a4c3e-…", container::pod_uid),
    row("k8s.pod.sandbox_id", Text, "first 12 characters of the id of the pod's sandbox", "0a1b2c3d4e5f", container::sandbox_id),
    row("k8s.pod.full_sandbox_id", Text, "id of the pod's sandbox", "0a1b2c3d4e5f6071…", container::full_sandbox_id),
    row("k8s.pod.label", Text, "one label of the pod", "web", container::pod_label).arg(Key),
    row("k8s.pod.labels", Text, "all labels of the pod", "app:web, tier:front", container::pod_labels),
    row("k8s.pod.ip", Text, "address of the pod", "10.0.0.7", container::pod_ip),
    row("k8s.pod.cni.json", Text, "network of the pod as its plugin told it", "{IPs:[10.0.0.7]}", container::cni_json),
    row("k8s.rc.name", Text, "no value: no runtime knows the replication controller", "", evt::none),
    row("k8s.rc.id", Text, "no value: no runtime knows the replication controller", "", evt::none),
    row("k8s.rc.label", Text, "no value: no runtime knows the replication controller", "", evt::none).arg(Key),
    row("k8s.rc.labels", Text, "no value: no runtime knows the replication controller", "", evt::none),
    row("k8s.svc.name", Text, "no value: no runtime knows the service", "", evt::none),
    row("k8s.svc.id", Text, "no value: no runtime knows the service", "", evt::none),
    row("k8s.svc.label", Text, "no value: no runtime knows the service", "", evt::none).arg(Key),
    row("k8s.svc.labels", Text, "no value: no runtime knows the service", "", evt::none),
    row("k8s.ns.id", Text, "no value: no runtime knows the namespace", "", evt::none),
    row("k8s.ns.label", Text, "no value: no runtime knows the namespace", "", evt::none).arg(Key),
    row("k8s.ns.labels", Text, "no value: no runtime knows the namespace", "", evt::none),
    row("k8s.rs.name", Text, "no value: no runtime knows the replica set", "", evt::none),
    row("k8s.rs.id", Text, "no value: no runtime knows the replica set", "", evt::none),
    row("k8s.rs.label", Text, "no value: no runtime knows the replica set", "", evt::none).arg(Key),
    row("k8s.rs.labels", Text, "no value: no runtime knows the replica set", "", evt::none),
    row("k8s.deployment.name", Text, "no value: no runtime knows the deployment", "", evt::none),
    row("k8s.deployment.id", Text, "no value: no runtime knows the deployment", "", evt::none),
    row("k8s.deployment.label", Text, "no value: no runtime knows the deployment", "", evt::none).arg(Key),
    row("k8s.deployment.labels", Text, "no value: no runtime knows the deployment", "", evt::none),
    row("k8smeta.pod.name", Text, "name of the pod, from the API server", "nginx-1", cluster::pod_name),
    row("k8smeta.pod.uid", Text, "uid of the pod, from the API server", "1d9a4c3e-…", cluster::pod_uid),
    row("k8smeta.pod.label", Text, "one label of the pod, from the API server", "web", cluster::pod_label).arg(Key),
    row("k8smeta.pod.labels", Text, "all labels of the pod, from the API server", "(app:web,tier:front)", cluster::pod_labels).many(Cardinality::List),
    row("k8smeta.pod.ip", Text, "address of the pod, if the API server knows it", "10.0.0.7", cluster::pod_ip),
    row("k8smeta.ns.name", Text, "name of the namespace, from the API server", "default", cluster::ns_name),
    row("k8smeta.ns.uid", Text, "uid of the namespace, from the API server", "1d9a4c3e-…", cluster::ns_uid),
    row("k8smeta.ns.label", Text, "one label of the namespace, from the API server", "web", cluster::ns_label).arg(Key),
    row("k8smeta.ns.labels", Text, "all labels of the namespace, from the API server", "(app:web,tier:front)", cluster::ns_labels).many(Cardinality::List),
    row("k8smeta.deployment.name", Text, "name of the deployment, from the API server", "nginx", cluster::deployment_name),
    row("k8smeta.deployment.uid", Text, "uid of the deployment, from the API server", "1d9a4c3e-…", cluster::deployment_uid),
    row("k8smeta.deployment.label", Text, "one label of the deployment, from the API server", "web", cluster::deployment_label).arg(Key),
    row("k8smeta.deployment.labels", Text, "all labels of the deployment, from the API server", "(app:web,tier:front)", cluster::deployment_labels).many(Cardinality::List),
    row("k8smeta.svc.name", Text, "names of the services that lead to the pod, from the API server", "(web,web-internal)", cluster::svc_name).many(Cardinality::List),
    row("k8smeta.svc.uid", Text, "uids of the services that lead to the pod, from the API server", "(1d9a4c3e-…)", cluster::svc_uid).many(Cardinality::List),
    row("k8smeta.svc.label", Text, "one label of the services that lead to the pod, from the API server", "(web)", cluster::svc_label).arg(Key).many(Cardinality::List),
    row("k8smeta.svc.labels", Text, "all labels of the services that lead to the pod, from the API server", "(app:web)", cluster::svc_labels).many(Cardinality::List),
    row("k8smeta.rs.name", Text, "name of the replica set, from the API server", "nginx-7d9c", cluster::rs_name),
    row("k8smeta.rs.uid", Text, "uid of the replica set, from the API server", "1d9a4c3e-…", cluster::rs_uid),
    row("k8smeta.rs.label", Text, "one label of the replica set, from the API server", "web", cluster::rs_label).arg(Key),
    row("k8smeta.rs.labels", Text, "all labels of the replica set, from the API server", "(app:web,tier:front)", cluster::rs_labels).many(Cardinality::List),
    row("k8smeta.rc.name", Text, "name of the replication controller, from the API server", "nginx", cluster::rc_name),
    row("k8smeta.rc.uid", Text, "uid of the replication controller, from the API server", "1d9a4c3e-…", cluster::rc_uid),
    row("k8smeta.rc.label", Text, "one label of the replication controller, from the API server", "web", cluster::rc_label).arg(Key),
    row("k8smeta.rc.labels", Text, "all labels of the replication controller, from the API server", "(app:web,tier:front)", cluster::rc_labels).many(Cardinality::List),
];

/// The field with this name.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// Parts as one text.
fn joined<'a>(
    arena: &'a Bump,
    separator: &[u8],
    parts: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> &'a [u8] {
    let mut text = BumpVec::new_in(arena);
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            text.extend_from_slice_copy(separator);
        }
        text.extend_from_slice_copy(part.as_ref());
    }
    text.into_bump_slice()
}

/// The strings of a buffer in which each is followed by a NUL, joined by blanks.
fn blanks<'a>(arena: &'a Bump, strings: &[u8]) -> &'a [u8] {
    let strings = strings.strip_suffix(b"\0").unwrap_or(strings);
    let text = arena.alloc_slice_copy(strings);
    for byte in text.iter_mut().filter(|byte| **byte == 0) {
        *byte = b' ';
    }
    text
}

fn format_in<'a>(arena: &'a Bump, text: fmt::Arguments<'_>) -> &'a [u8] {
    let mut all = BumpString::new_in(arena);
    // Writing to memory does not fail, nor does what is written here.
    let _ = all.write_fmt(text);
    all.into_bump_str().as_bytes()
}

/// Text put together like `format!`.
macro_rules! text_in {
    ($arena:expr, $($format:tt)*) => {
        $crate::filter::fields::format_in($arena, format_args!($($format)*))
    };
}
use text_in;

/// A list of values.
fn list<'a>(arena: &'a Bump, values: impl IntoIterator<Item = Value<'a>>) -> Value<'a> {
    let mut all = BumpVec::new_in(arena);
    all.extend(values);
    Value::List(all.into_bump_slice())
}
