//! The one table of fields. What `--list` prints, which names a rule may use, of
//! which type they are and how they are read: all of it comes from here.

mod args;
mod container;
mod descriptor;
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
    ArgKind::{self, IndexOrKey, Key, OptionalIndex, OptionalIndexOrKey, OptionalKey},
    Cardinality::{self, AnyAncestor, BothEnds},
    Field,
    FieldType::{
        self, AbsTime, Bool, Bytes, Double, Dynamic, Host, Int, Ip, Net, Port, RelTime, Text, Uint,
    },
    Get, Print, Value,
};

const fn row(name: &'static str, ty: FieldType, about: &'static str, get: Get) -> Field {
    Field {
        name,
        ty,
        arg: ArgKind::None,
        cardinality: Cardinality::One,
        print: Print::Plain,
        hidden: false,
        about,
        get,
    }
}

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
    row("evt.num", Uint, "number of the event since the start", evt::num),
    row("evt.time", Text, "local time of day, with nanoseconds", evt::time),
    row("evt.time.s", Text, "local time of day, whole seconds", evt::time_s),
    row("evt.time.iso8601", Text, "UTC, as ISO 8601 with nanoseconds", evt::time_iso8601),
    row("evt.datetime", Text, "local date and time, with nanoseconds", evt::datetime),
    row("evt.datetime.s", Text, "local date and time, whole seconds", evt::datetime_s),
    row("evt.rawtime", AbsTime, "nanoseconds since the epoch", evt::rawtime),
    row("evt.rawtime.s", AbsTime, "whole seconds since the epoch", evt::rawtime_s),
    row("evt.rawtime.ns", AbsTime, "nanoseconds behind the whole second", evt::rawtime_ns).print(Print::NineDigits),
    row("evt.reltime", RelTime, "nanoseconds since the first event", evt::reltime).print(Print::NineDigits),
    row("evt.reltime.s", RelTime, "whole seconds since the first event", evt::reltime_s),
    row("evt.reltime.ns", RelTime, "nanoseconds behind the whole second since the first event", evt::reltime_ns).print(Print::NineDigits),
    row("evt.deltatime", RelTime, "nanoseconds since the event before", evt::deltatime),
    row("evt.deltatime.s", RelTime, "whole seconds since the event before", evt::deltatime_s),
    row("evt.deltatime.ns", RelTime, "nanoseconds behind the whole second since the event before", evt::deltatime_ns).print(Print::NineDigits),
    row("evt.outputtime", Text, "the same as evt.time", evt::time),
    row("evt.pluginname", Text, "no value: no plugin makes these events", evt::none),
    row("evt.plugininfo", Text, "no value: no plugin makes these events", evt::none),
    row("evt.source", Text, "where events come from: syscall", evt::source),
    row("evt.is_async", Bool, "not made by a system call or a hook of the kernel", evt::is_async),
    row("evt.asynctype", Text, "name of an event that no system call and no hook of the kernel made", evt::asynctype),
    row("evt.hostname", Text, "name of the machine, or FALCO_HOSTNAME", evt::hostname),
    row("evt.dir", Text, "deprecated: always <", evt::dir),
    row("evt.type", Text, "name of the event, which is nearly always that of a system call", evt::kind),
    row("evt.type.is", Uint, "1 for events of the named type, else 0", evt::type_is).arg(IndexOrKey),
    row("syscall.type", Text, "name of the system call", evt::syscall),
    row("evt.category", Text, "group of the event: file, net, process, …", io::category),
    row("evt.cpu", Int, "processor on which it happened", evt::cpu),
    row("evt.args", Text, "all arguments as name=value", args::all),
    row("evt.info", Text, "the same as evt.args", args::all),
    row("evt.arg", Text, "one argument as text, by name or number", args::one).arg(IndexOrKey),
    row("evt.rawarg", Dynamic, "one argument in its own type, by name", args::raw).arg(Key),
    row("evt.buffer", Bytes, "bytes that were read or written", args::buffer),
    row("evt.buflen", Uint, "how many bytes were read or written", args::buflen),
    row("evt.buflen.in", Uint, "how many bytes were read", io::buflen_in).hidden(),
    row("evt.buflen.out", Uint, "how many bytes were written", io::buflen_out).hidden(),
    row("evt.buflen.file", Uint, "how many bytes went through a file", io::buflen_file).hidden(),
    row("evt.buflen.file.in", Uint, "how many bytes were read from a file", io::buflen_file_in).hidden(),
    row("evt.buflen.file.out", Uint, "how many bytes were written to a file", io::buflen_file_out).hidden(),
    row("evt.buflen.net", Uint, "how many bytes went over the network", io::buflen_net).hidden(),
    row("evt.buflen.net.in", Uint, "how many bytes came over the network", io::buflen_net_in).hidden(),
    row("evt.buflen.net.out", Uint, "how many bytes were sent over the network", io::buflen_net_out).hidden(),
    row("evt.latency", RelTime, "deprecated: always 0", evt::zero),
    row("evt.latency.s", RelTime, "deprecated: always 0", evt::zero),
    row("evt.latency.ns", RelTime, "deprecated: always 0", evt::zero).print(Print::NineDigits),
    row("evt.latency.human", Text, "deprecated: always 0ns", evt::zero_human),
    row("evt.latency.quantized", Uint, "deprecated: always 0", evt::zero).hidden(),
    row("evt.res", Text, "SUCCESS, or the name of the error", evt::res),
    row("evt.rawres", Int, "the returned number", evt::rawres),
    row("evt.failed", Bool, "whether the call failed", evt::failed),
    row("evt.is_io", Bool, "reads from or writes to a descriptor", io::is_io),
    row("evt.is_io_read", Bool, "reads from a descriptor", io::is_io_read),
    row("evt.is_io_write", Bool, "writes to a descriptor", io::is_io_write),
    row("evt.io_dir", Text, "read or write", io::io_dir),
    row("evt.is_wait", Bool, "waits for something", io::is_wait),
    row("evt.wait_latency", RelTime, "deprecated: always 0, of calls that wait", io::wait_latency),
    row("evt.is_syslog", Bool, "writes to /dev/log", io::is_syslog),
    row("evt.count", Uint, "always 1", evt::count),
    row("evt.count.error", Uint, "1 if the call failed, else 0", evt::count_error),
    row("evt.count.error.file", Uint, "evt.count.error of calls about files", io::errors_file),
    row("evt.count.error.net", Uint, "evt.count.error of calls about sockets", io::errors_net),
    row("evt.count.error.memory", Uint, "evt.count.error of calls about memory", io::errors_memory),
    row("evt.count.error.other", Uint, "evt.count.error of all other calls", io::errors_other),
    row("evt.count.exit", Uint, "1 for calls that returned", evt::count_exit),
    row("evt.count.procinfo", Uint, "1 for what a recorder tells of a process", evt::count_procinfo).hidden(),
    row("evt.count.threadinfo", Uint, "1 for what a recorder tells of a thread", evt::count_threadinfo).hidden(),
    row("evt.around", Uint, "milliseconds between the event and a time, in nanoseconds since the epoch", evt::around).arg(Key),
    row("evt.is_open_read", Bool, "a file was opened for reading", evt::is_open_read),
    row("evt.is_open_write", Bool, "a file was opened for writing", evt::is_open_write),
    row("evt.is_open_exec", Bool, "a file was made that may be run", evt::is_open_exec),
    row("evt.is_open_create", Bool, "a file was made by opening it", evt::is_open_create),
    row("evt.abspath", Text, "absolute path of the calls that take a directory; .src or .dst of two", path::abspath).arg(OptionalKey),
    row("evt.infra.docker.name", Text, "no value", evt::none).hidden(),
    row("evt.infra.docker.container.id", Text, "no value", evt::none).hidden(),
    row("evt.infra.docker.container.name", Text, "no value", evt::none).hidden(),
    row("evt.infra.docker.container.image", Text, "no value", evt::none).hidden(),
    row("util.cnt", Uint, "how often this field was read", evt::extractions).hidden(),

    row("proc.name", Text, "name of the task", proc::name),
    row("proc.pname", Text, "proc.name of the parent", proc::pname),
    row("proc.aname", Text, "proc.name of an ancestor: [1] is the parent; without number, of any", proc::aname).arg(OptionalIndex).many(AnyAncestor),
    row("proc.exe", Text, "first element of the argument vector", proc::exe),
    row("proc.pexe", Text, "proc.exe of the parent", proc::pexe),
    row("proc.aexe", Text, "proc.exe of an ancestor", proc::aexe).arg(OptionalIndex).many(AnyAncestor),
    row("proc.exepath", Text, "path of the executable file", proc::exepath),
    row("proc.pexepath", Text, "proc.exepath of the parent", proc::pexepath),
    row("proc.aexepath", Text, "proc.exepath of an ancestor", proc::aexepath).arg(OptionalIndex).many(AnyAncestor),
    row("proc.args", Text, "the arguments behind the first, or one of them by number", proc::args).arg(OptionalIndex),
    row("proc.aargs", Text, "proc.args of an ancestor, or of all", proc::aargs).arg(OptionalIndex),
    row("proc.cmdline", Text, "name and arguments", proc::cmdline),
    row("proc.pcmdline", Text, "proc.cmdline of the parent", proc::pcmdline),
    row("proc.acmdline", Text, "proc.cmdline of an ancestor", proc::acmdline).arg(OptionalIndex).many(AnyAncestor),
    row("proc.cmdnargs", Uint, "number of arguments behind the first", proc::cmdnargs),
    row("proc.cmdlenargs", Uint, "bytes of the arguments behind the first", proc::cmdlenargs),
    row("proc.exeline", Text, "all arguments", proc::exeline),
    row("proc.env", Text, "environment, or one variable by name", proc::env).arg(OptionalKey),
    row("proc.aenv", Text, "environment of an ancestor, or a variable by name", proc::aenv).arg(OptionalIndexOrKey).many(AnyAncestor),
    row("proc.cwd", Text, "working directory, with a slash at its end", proc::cwd),
    row("proc.loginshellid", Int, "process id of the oldest shell among the ancestors", proc::loginshellid),
    row("proc.tty", Uint, "controlling terminal, 0 if none", proc::tty),
    row("proc.pid", Int, "process id", proc::pid),
    row("proc.ppid", Int, "process id of the parent", proc::ppid),
    row("proc.apid", Int, "process id of an ancestor", proc::apid).arg(OptionalIndex).many(AnyAncestor),
    row("proc.vpid", Int, "process id in its own pid namespace", proc::vpid),
    row("proc.pvpid", Int, "proc.vpid of the parent", proc::pvpid),
    row("proc.sid", Int, "session id", proc::sid),
    row("proc.sname", Text, "proc.name of the session's leader", proc::sname),
    row("proc.sid.exe", Text, "proc.exe of the session's leader", proc::sid_exe),
    row("proc.sid.exepath", Text, "proc.exepath of the session's leader", proc::sid_exepath),
    row("proc.vpgid", Int, "process group id in its own pid namespace", proc::vpgid),
    row("proc.vpgid.name", Text, "proc.name of the group's leader", proc::pgid_name),
    row("proc.vpgid.exe", Text, "proc.exe of the group's leader", proc::pgid_exe),
    row("proc.vpgid.exepath", Text, "proc.exepath of the group's leader", proc::pgid_exepath),
    row("proc.pgid", Int, "process group id", proc::pgid),
    row("proc.pgid.name", Text, "proc.name of the group's leader", proc::pgid_name),
    row("proc.pgid.exe", Text, "proc.exe of the group's leader", proc::pgid_exe),
    row("proc.pgid.exepath", Text, "proc.exepath of the group's leader", proc::pgid_exepath),
    row("proc.duration", RelTime, "nanoseconds since the process was made", proc::duration),
    row("proc.ppid.duration", RelTime, "nanoseconds since the parent was made", proc::ppid_duration),
    row("proc.pid.ts", RelTime, "when the process was made, nanoseconds since the epoch", proc::pid_ts),
    row("proc.ppid.ts", RelTime, "when the parent was made, nanoseconds since the epoch", proc::ppid_ts),
    row("proc.is_exe_writable", Bool, "the user may write to the executable", proc::is_exe_writable),
    row("proc.is_exe_upper_layer", Bool, "the executable is on the upper layer of an overlay", proc::is_exe_upper_layer),
    row("proc.is_exe_lower_layer", Bool, "the executable is on a lower layer of an overlay", proc::is_exe_lower_layer),
    row("proc.is_exe_from_memfd", Bool, "the executable is held in memory alone", proc::is_exe_from_memfd),
    row("proc.is_sid_leader", Bool, "the process leads its session", proc::is_sid_leader),
    row("proc.is_vpgid_leader", Bool, "the process leads its group, by proc.vpgid", proc::is_vpgid_leader),
    row("proc.is_pgid_leader", Bool, "the process leads its group, by proc.pgid", proc::is_pgid_leader),
    row("proc.exe_ino", Int, "inode of the executable", proc::exe_ino),
    row("proc.exe_ino.ctime", AbsTime, "when its inode changed, nanoseconds since the epoch", proc::exe_ctime),
    row("proc.exe_ino.mtime", AbsTime, "when it was written to, nanoseconds since the epoch", proc::exe_mtime),
    row("proc.exe_ino.ctime_duration_proc_start", AbsTime, "nanoseconds from the inode's change to the making of the process", proc::exe_ctime_to_start),
    row("proc.exe_ino.ctime_duration_pidns_start", AbsTime, "nanoseconds from the making of the pid namespace to the inode's change", proc::exe_ctime_from_pidns),
    row("proc.pidns_init_start_ts", Uint, "when the pid namespace was made, nanoseconds since the epoch", proc::pidns_start),
    row("proc.nthreads", Uint, "living threads of the process", proc::nthreads),
    row("proc.nchilds", Uint, "living threads of the process but for the first", proc::nchilds),
    row("proc.vmsize", Uint, "virtual memory in KiB", proc::vmsize),
    row("proc.vmrss", Uint, "resident memory in KiB", proc::vmrss),
    row("proc.vmswap", Uint, "swapped memory in KiB", proc::vmswap),
    row("proc.fdlimit", Int, "most descriptors that may be open", proc::fdlimit),
    row("proc.fdopencount", Uint, "descriptors that are open", proc::fdopencount),
    row("proc.fdusage", Double, "share of proc.fdlimit that is used, in percent", proc::fdusage),
    row("proc.stdin.type", Text, "fd.type of the standard input", proc::stdin_type),
    row("proc.stdin.name", Text, "fd.name of the standard input", proc::stdin_name),
    row("proc.stdout.type", Text, "fd.type of the standard output", proc::stdout_type),
    row("proc.stdout.name", Text, "fd.name of the standard output", proc::stdout_name),
    row("proc.stderr.type", Text, "fd.type of the standard error", proc::stderr_type),
    row("proc.stderr.name", Text, "fd.name of the standard error", proc::stderr_name),
    row("proc.is_container_healthcheck", Bool, "deprecated: no value", evt::none),
    row("proc.is_container_liveness_probe", Bool, "deprecated: no value", evt::none),
    row("proc.is_container_readiness_probe", Bool, "deprecated: no value", evt::none),
    row("thread.tid", Int, "thread id", proc::tid),
    row("thread.vtid", Int, "thread id in its own pid namespace", proc::vtid),
    row("thread.ismain", Bool, "the first thread of its process", proc::ismain),
    row("thread.cap_permitted", Text, "permitted capabilities", proc::cap_permitted),
    row("thread.cap_inheritable", Text, "inheritable capabilities", proc::cap_inheritable),
    row("thread.cap_effective", Text, "effective capabilities", proc::cap_effective),
    row("thread.cgroups", Text, "all control groups as subsystem=path", proc::cgroups),
    row("thread.cgroup", Text, "path of one control group, by subsystem", proc::cgroup).arg(Key),
    row("thread.pfmajor", Uint, "major page faults", proc::pfmajor),
    row("thread.pfminor", Uint, "minor page faults", proc::pfminor),
    row("thread.vmsize", Uint, "proc.vmsize of the first thread, 0 of others", proc::thread_vmsize),
    row("thread.vmrss", Uint, "proc.vmrss of the first thread, 0 of others", proc::thread_vmrss),
    row("thread.vmsize.b", Uint, "thread.vmsize in bytes", proc::thread_vmsize_bytes).hidden(),
    row("thread.vmrss.b", Uint, "thread.vmrss in bytes", proc::thread_vmrss_bytes).hidden(),
    row("thread.nametid", Text, "name and thread id", proc::nametid).hidden(),
    row("thread.exectime", RelTime, "always 0: nobody records the scheduler", proc::exectime),
    row("thread.totexectime", RelTime, "always 0: nobody records the scheduler", proc::exectime),
    row("thread.cpu", Double, "share of a processor that a recorder told", proc::cpu),
    row("thread.cpu.user", Double, "the same in user mode", proc::cpu),
    row("thread.cpu.system", Double, "the same in the kernel", proc::cpu),

    row("user.uid", Uint, "effective user id", user::uid),
    row("user.name", Text, "name of the effective user", user::name),
    row("user.homedir", Text, "home directory of the effective user", user::homedir),
    row("user.shell", Text, "login shell of the effective user", user::shell),
    row("user.loginuid", Int, "id of the user who logged in, -1 if nobody did", user::loginuid),
    row("user.loginname", Text, "name of the user who logged in", user::loginname),
    row("group.gid", Uint, "effective group id", user::gid),
    row("group.name", Text, "name of the effective group", user::group),

    row("fd.num", Int, "number of the descriptor", fd::num),
    row("fd.type", Text, "kind of the descriptor: file, directory, ipv4, ipv6, unix, …", fd::kind),
    row("fd.typechar", Text, "the same as one letter", fd::typechar),
    row("fd.name", Text, "path, or both ends of a socket", fd::name),
    row("fd.nameraw", Text, "path as the program gave it", fd::nameraw),
    row("fd.directory", Text, "directory that the file is in", fd::directory),
    row("fd.filename", Text, "name of the file without directory", fd::filename),
    row("fd.ip", Ip, "address of either end", fd::either_ip).many(BothEnds),
    row("fd.cip", Ip, "address of the client", fd::cip),
    row("fd.sip", Ip, "address of the server", fd::sip),
    row("fd.lip", Ip, "local address", fd::lip),
    row("fd.rip", Ip, "remote address", fd::rip),
    row("fd.port", Port, "port of either end", fd::port).many(BothEnds),
    row("fd.cport", Port, "port of the client", fd::cport),
    row("fd.sport", Port, "port of the server", fd::sport),
    row("fd.lport", Port, "local port", fd::lport),
    row("fd.rport", Port, "remote port", fd::rport),
    row("fd.proto", Port, "port of either end, for names of services", fd::port).many(BothEnds),
    row("fd.cproto", Text, "port of the client as text", fd::cproto),
    row("fd.sproto", Text, "port of the server as text", fd::sproto),
    row("fd.lproto", Text, "local port as text", fd::lproto),
    row("fd.rproto", Text, "remote port as text", fd::rproto),
    row("fd.net", Net, "address of either end, for networks", fd::either_ip).many(BothEnds),
    row("fd.cnet", Net, "address of the client, for networks", fd::cip),
    row("fd.snet", Net, "address of the server, for networks", fd::sip),
    row("fd.lnet", Net, "local address, for networks", fd::lip),
    row("fd.rnet", Net, "remote address, for networks", fd::rip),
    row("fd.cip.name", Host, "name, among those in conditions, of the client's address", fd::cip),
    row("fd.sip.name", Host, "name, among those in conditions, of the server's address", fd::sip),
    row("fd.lip.name", Host, "name, among those in conditions, of the local address", fd::lip),
    row("fd.rip.name", Host, "name, among those in conditions, of the remote address", fd::rip),
    row("fd.l4proto", Text, "tcp, or <NA> if that is not known", fd::l4proto),
    row("fd.sockfamily", Text, "ip or unix", fd::sockfamily),
    row("fd.is_server", Bool, "this process is the server", fd::is_server),
    row("fd.connected", Bool, "the socket is connected", fd::connected),
    row("fd.name_changed", Bool, "the event gave the descriptor its name", fd::name_changed),
    row("fd.uid", Text, "thread id and number of the descriptor", fd::uid),
    row("fd.containername", Text, "container id, colon, name", fd::containername),
    row("fd.containerdirectory", Text, "container id, colon, directory", fd::containerdirectory),
    row("fd.dev", Int, "device of the file", fd::dev).print(Print::Hex),
    row("fd.dev.major", Int, "major number of the device", fd::dev_major),
    row("fd.dev.minor", Int, "minor number of the device", fd::dev_minor),
    row("fd.ino", Int, "inode of the file", fd::ino),
    row("fd.is_upper_layer", Bool, "the file is on the upper layer of an overlay", fd::is_upper_layer),
    row("fd.is_lower_layer", Bool, "the file is on a lower layer of an overlay", fd::is_lower_layer),
    row("fd.types", Text, "kinds of all descriptors that are open, or the kind of one by number", fd::types).arg(OptionalIndex).many(Cardinality::List),

    row("fdlist.nums", Text, "poll: numbers of the descriptors, with commas", fdlist::nums),
    row("fdlist.names", Text, "poll: their names", fdlist::names),
    row("fdlist.cips", Text, "poll: addresses of their clients", fdlist::cips),
    row("fdlist.sips", Text, "poll: addresses of their servers", fdlist::sips),
    row("fdlist.cports", Text, "poll: ports of their clients", fdlist::cports),
    row("fdlist.sports", Text, "poll: ports of their servers", fdlist::sports),

    row("fs.path.name", Text, "absolute path of a call with one path", path::name),
    row("fs.path.nameraw", Text, "the same as the program gave it", path::nameraw),
    row("fs.path.source", Text, "absolute path that a call with two starts from", path::source),
    row("fs.path.sourceraw", Text, "the same as the program gave it", path::sourceraw),
    row("fs.path.target", Text, "absolute path that a call with two leads to", path::target),
    row("fs.path.targetraw", Text, "the same as the program gave it", path::targetraw),

    row("container.id", Text, "first 12 characters of the container's id, or host", container::id),
    row("container.full_id", Text, "the container's id, or host", container::full_id),
    row("container.name", Text, "name of the container, or host", container::name),
    row("container.image", Text, "image with its tag", container::image),
    row("container.image.id", Text, "id of the image", container::image_id),
    row("container.image.repository", Text, "image without tag", container::image_repository),
    row("container.image.tag", Text, "tag of the image", container::image_tag),
    row("container.image.digest", Text, "digest of the image in its registry", container::image_digest),
    row("container.type", Text, "kind of the runtime", container::kind),
    row("container.privileged", Bool, "the container is privileged", container::privileged),
    row("container.mounts", Text, "all mounts as source:destination:mode:writable:propagation", container::mounts),
    row("container.mount", Text, "one mount, by number or by a pattern of its source", container::mount).arg(IndexOrKey),
    row("container.mount.source", Text, "source of a mount, by number or by a pattern of its destination", container::mount_source).arg(IndexOrKey),
    row("container.mount.dest", Text, "destination of a mount, by number or by a pattern of its source", container::mount_dest).arg(IndexOrKey),
    row("container.mount.mode", Text, "mode of a mount, by number or by a pattern of its source", container::mount_mode).arg(IndexOrKey),
    row("container.mount.rdwr", Text, "whether a mount may be written to, by number or by a pattern of its source", container::mount_rdwr).arg(IndexOrKey),
    row("container.mount.propagation", Text, "how mounts below a mount spread, by number or by a pattern of its source", container::mount_propagation).arg(IndexOrKey),
    row("container.start_ts", AbsTime, "when the container was started, nanoseconds since the epoch", container::start_ts),
    row("container.duration", RelTime, "nanoseconds since then", container::duration),
    row("container.ip", Text, "address of the container's pod", container::ip),
    row("container.host_pid", Bool, "in the host's pid namespace", container::host_pid),
    row("container.host_network", Bool, "on the host's network", container::host_network),
    row("container.host_ipc", Bool, "in the host's IPC namespace", container::host_ipc),
    row("container.label", Text, "one label of the container", container::label).arg(Key),
    row("container.labels", Text, "all labels of the container", container::labels),
    row("container.cni.json", Text, "network of the pod as its plugin told it", container::cni_json),
    row("container.healthcheck", Text, "deprecated: no value", evt::none),
    row("container.liveness_probe", Text, "deprecated: no value", evt::none),
    row("container.readiness_probe", Text, "deprecated: no value", evt::none),
    row("k8s.pod.name", Text, "name of the pod", container::pod_name),
    row("k8s.ns.name", Text, "namespace of the pod", container::ns_name),
    row("k8s.pod.id", Text, "the same as k8s.pod.uid", container::pod_uid),
    row("k8s.pod.uid", Text, "uid of the pod", container::pod_uid),
    row("k8s.pod.sandbox_id", Text, "first 12 characters of the id of the pod's sandbox", container::sandbox_id),
    row("k8s.pod.full_sandbox_id", Text, "id of the pod's sandbox", container::full_sandbox_id),
    row("k8s.pod.label", Text, "one label of the pod", container::pod_label).arg(Key),
    row("k8s.pod.labels", Text, "all labels of the pod", container::pod_labels),
    row("k8s.pod.ip", Text, "address of the pod", container::pod_ip),
    row("k8s.pod.cni.json", Text, "network of the pod as its plugin told it", container::cni_json),
    row("k8s.rc.name", Text, "no value: no runtime knows the replication controller", evt::none),
    row("k8s.rc.id", Text, "no value: no runtime knows the replication controller", evt::none),
    row("k8s.rc.label", Text, "no value: no runtime knows the replication controller", evt::none).arg(Key),
    row("k8s.rc.labels", Text, "no value: no runtime knows the replication controller", evt::none),
    row("k8s.svc.name", Text, "no value: no runtime knows the service", evt::none),
    row("k8s.svc.id", Text, "no value: no runtime knows the service", evt::none),
    row("k8s.svc.label", Text, "no value: no runtime knows the service", evt::none).arg(Key),
    row("k8s.svc.labels", Text, "no value: no runtime knows the service", evt::none),
    row("k8s.ns.id", Text, "no value: no runtime knows the namespace", evt::none),
    row("k8s.ns.label", Text, "no value: no runtime knows the namespace", evt::none).arg(Key),
    row("k8s.ns.labels", Text, "no value: no runtime knows the namespace", evt::none),
    row("k8s.rs.name", Text, "no value: no runtime knows the replica set", evt::none),
    row("k8s.rs.id", Text, "no value: no runtime knows the replica set", evt::none),
    row("k8s.rs.label", Text, "no value: no runtime knows the replica set", evt::none).arg(Key),
    row("k8s.rs.labels", Text, "no value: no runtime knows the replica set", evt::none),
    row("k8s.deployment.name", Text, "no value: no runtime knows the deployment", evt::none),
    row("k8s.deployment.id", Text, "no value: no runtime knows the deployment", evt::none),
    row("k8s.deployment.label", Text, "no value: no runtime knows the deployment", evt::none).arg(Key),
    row("k8s.deployment.labels", Text, "no value: no runtime knows the deployment", evt::none),
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
