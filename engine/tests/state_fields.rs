//! The table of fields against the reference, and what fields give for records.

mod shown;

use std::collections::HashSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use falco_abi::event::{ALL, Event as Kind, sockaddr};
use falco_abi::flags::open;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::filter::field::{FieldArg, FieldType, Value};
use falco_engine::filter::fields::FIELDS;
use falco_engine::metadata::{Info, Mount, Pod};
use falco_engine::state::State;
use falco_engine::state::users::Users;
use shown::check;

/// What only recorders tell: the scene of the live node (`examples/fields`) has
/// the other fields of `evt`.
#[test]
fn events_of_recorders() {
    let state = state();
    let told = RecordBuilder::new(Kind::Asyncevent, 0).bytes("name", b"something");
    check(
        &state,
        &told.build(),
        &[
            ("evt.type", "asyncevent"),
            ("evt.is_async", "true"),
            ("evt.asynctype", "something"),
            ("evt.count.procinfo", "<NA>"),
        ],
    );
    let used = RecordBuilder::new(Kind::Procinfo, 10).number("cpu_usr", 1);
    check(
        &state,
        &used.build(),
        &[
            ("evt.is_async", "true"),
            ("evt.asynctype", "procinfo"),
            ("evt.count.procinfo", "1"),
            ("evt.count.threadinfo", "1"),
            ("thread.cpu", "0"),
            ("thread.cpu.user", "0"),
            ("thread.cpu.system", "0"),
        ],
    );
}

/// A shell in a directory, and the program that it runs.
fn state() -> State {
    let mut state = State::new();
    for record in [
        RecordBuilder::new(Kind::Execve, 10)
            .number("res", 0)
            .number("ptid", 1)
            .bytes("exe", b"/bin/bash")
            .bytes("args", b"-l\0")
            .bytes("comm", b"bash")
            .bytes("cwd", b"/tmp")
            .bytes("env", b"HOME=/root\0PATH=/bin\0")
            .bytes("trusted_exepath", b"/usr/bin/bash")
            .bytes("cgroups", b"cpuset=/\0cpu=/user.slice\0")
            .number("pgid", 10)
            .number("vpgid", 10)
            .number("vpid", 10)
            .number("vtid", 10)
            .number("sid", 10)
            .number("uid", 0)
            .number("gid", 0)
            .number("loginuid", 1000)
            .build(),
        RecordBuilder::new(Kind::TaskNew, 10)
            .number("tid", 20)
            .number("pid", 20)
            .number("ptid", 10)
            .number("vtid", 20)
            .number("vpid", 20)
            .bytes("comm", b"bash")
            .number("start", 5_000)
            .build(),
        RecordBuilder::new(Kind::Execve, 20)
            .number("res", 0)
            .number("ptid", 10)
            .bytes("exe", b"cat")
            .bytes("args", b"/etc/shadow\0-n\0")
            .bytes("comm", b"cat")
            .bytes("trusted_exepath", b"/usr/bin/cat")
            .number("flags", 1)
            .number("cap_effective", 0b11)
            .number("exe_ino", 99)
            .number("loginuid", 0xFFFF_FFFF)
            .number("tty", 34816)
            .build(),
    ] {
        let event = Event::decode(&record, 1, 0).unwrap();
        state.before(&event);
        state.after(&event);
    }
    state
}

#[test]
fn names_are_unique() {
    let names: HashSet<_> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names.len(), FIELDS.len());
}

#[test]
fn values_have_the_type_of_their_field() {
    let state = state();
    for record in records() {
        let event = Event::decode(&record, 1, 0).unwrap();
        let arena = Bump::new();
        let context = state.context(&event, &arena);
        for field in FIELDS {
            let Some(value) = (field.get)(&context, &FieldArg::None) else {
                continue;
            };
            let first = match value {
                Value::List([first, ..]) => *first,
                value => value,
            };
            let fits = match field.ty {
                FieldType::Bool => matches!(first, Value::Bool(_)),
                FieldType::Int => matches!(first, Value::Int(_)),
                FieldType::Uint | FieldType::AbsTime | FieldType::RelTime | FieldType::Port => {
                    matches!(first, Value::Uint(_))
                }
                FieldType::Double => matches!(first, Value::Double(_)),
                FieldType::Text | FieldType::Path => matches!(first, Value::Text(_)),
                FieldType::Bytes => matches!(first, Value::Bytes(_)),
                FieldType::Ip | FieldType::Net | FieldType::Host => matches!(first, Value::Ip(_)),
                FieldType::Dynamic => true,
            };
            assert!(fits, "{} gives {value:?}", field.name);
        }
    }
}

/// A record of each event with all parameters.
fn records() -> Vec<Vec<u8>> {
    let mut tuple = vec![sockaddr::INET, 10, 0, 0, 1];
    tuple.extend_from_slice(&443_u16.to_ne_bytes());
    tuple.extend_from_slice(&[10, 0, 0, 2]);
    tuple.extend_from_slice(&80_u16.to_ne_bytes());
    let whole = |kind: Kind| {
        let builder = RecordBuilder::new(kind, 20);
        kind.info().params.iter().fold(builder, |builder, param| {
            if param.ty.is_span() {
                builder.bytes(param.name, &tuple)
            } else {
                builder.number(param.name, 3)
            }
        })
    };
    ALL.iter().map(|&kind| whole(kind).build()).collect()
}

#[test]
fn hostile_records_give_values_or_none() {
    let mut state = state();
    let arguments = [
        FieldArg::None,
        FieldArg::Index(0),
        FieldArg::Index(u32::MAX),
        FieldArg::Key("fd".into()),
        FieldArg::Key("".into()),
    ];
    // A small generator of bytes is enough here, and always gives the same.
    let mut seed = 42_u64;
    let mut byte = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    for record in records() {
        for round in 0..40 {
            let mut record = record.clone();
            if round > 0 {
                // Everything but the length and the number of the event.
                for at in (8..record.len()).filter(|at| !(32..34).contains(at)) {
                    if byte() & 7 == 0 {
                        record[at] = byte();
                    }
                }
            }
            let Ok(event) = Event::decode(&record, 1, 0) else {
                continue;
            };
            state.before(&event);
            let arena = Bump::new();
            let context = state.context(&event, &arena);
            for field in FIELDS {
                for arg in &arguments {
                    let _ = (field.get)(&context, arg);
                }
            }
            state.after(&event);
        }
    }
}

#[test]
fn a_file_is_opened() {
    let record = RecordBuilder::new(Kind::Openat, 20)
        .header(|h| h.cpu = 3)
        .number("fd", 3)
        .number("dirfd", -100)
        .bytes("name", b"../etc//shadow")
        .bytes("base", b"/tmp")
        .number(
            "flags",
            i64::from(open::RDONLY | open::CLOEXEC | open::CREAT),
        )
        .number("mode", 0o755)
        .number("dev", 0xFE00)
        .number("ino", 7)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=../etc//shadow(/etc/shadow) \
            flags=4101(O_CREAT|O_RDONLY|O_CLOEXEC) mode=0755 dev=FE00 ino=7"),
        ("evt.arg.fd", "<f>/etc/shadow"),
        ("evt.arg[1]", "AT_FDCWD"),
        ("evt.arg[2]", "/etc/shadow"),
        ("evt.arg.base", "/tmp"),
        ("evt.arg[7]", "<NA>"),
        ("evt.rawarg[fd]", "3"),
        ("evt.type", "openat"), ("syscall.type", "openat"), ("evt.category", "file"),
        ("evt.type.is[openat]", "1"), ("evt.type.is[open]", "0"),
        ("evt.res", "SUCCESS"), ("evt.rawres", "3"), ("evt.failed", "false"),
        ("evt.cpu", "3"), ("evt.num", "7"), ("evt.rawtime", "1000000000"),
        ("evt.time.iso8601", "1970-01-01T00:00:01.000000000+0000"),
        ("evt.is_open_read", "true"), ("evt.is_open_write", "false"),
        ("evt.is_open_exec", "true"), ("evt.is_open_create", "false"),
        ("evt.abspath", "/etc/shadow"),
        ("fd.num", "3"), ("fd.type", "file"), ("fd.typechar", "f"),
        ("fd.name", "/etc/shadow"), ("fd.nameraw", "../etc//shadow"),
        ("fd.directory", "/etc"), ("fd.filename", "shadow"),
        ("fd.dev.major", "254"), ("fd.dev.minor", "0"), ("fd.ino", "7"),
        ("fd.ip", "<NA>"), ("fd.sockfamily", "<NA>"), ("fd.l4proto", "<NA>"),
        ("fd.uid", "203"), ("fd.containername", ":/etc/shadow"),
        ("fs.path.name", "/etc/shadow"), ("fs.path.nameraw", "../etc//shadow"),
        ("fs.path.source", "<NA>"),
    ]);
}

#[test]
fn a_file_is_not_opened() {
    let record = RecordBuilder::new(Kind::Openat, 20)
        .number("fd", -6)
        .number("dirfd", -100)
        .bytes("name", b"/dev/tty")
        .number("flags", 67)
        .number("mode", 0)
        .number("dev", 0)
        .number("ino", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "fd=-6(ENXIO) dirfd=-100(AT_FDCWD) name=/dev/tty \
            flags=67(O_NONBLOCK|O_RDWR) mode=0 dev=0 ino=0"),
        ("evt.arg.fd", "ENXIO"), ("evt.res", "ENXIO"), ("evt.failed", "true"),
        ("fd.num", "-1"), ("fd.name", "/dev/tty"), ("fd.type", "<NA>"), ("fd.typechar", "f"),
        ("fd.directory", "/dev"), ("fd.filename", "<NA>"), ("fd.dev", "<NA>"),
        ("fs.path.name", "/dev/tty"), ("evt.abspath", "/dev/tty"),
    ]);
}

#[test]
fn a_directory_is_opened_and_a_name_removed_in_it() {
    let record = RecordBuilder::new(Kind::Open, 20)
        .number("fd", 4)
        .bytes("name", b"/tmp/d")
        .number("flags", i64::from(open::RDONLY | open::DIRECTORY))
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.arg.fd", "<d>/tmp/d"), ("fd.type", "directory"), ("fd.directory", "/tmp/d"),
        ("fd.filename", "<NA>"), ("evt.arg.mode", "<NA>"),
    ]);
    let record = RecordBuilder::new(Kind::Unlinkat, 20)
        .number("res", 0)
        .number("dirfd", 4)
        .bytes("name", b"h")
        .bytes("base", b"/tmp/d")
        .number("flags", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "res=0 dirfd=4(<d>/tmp/d) name=h(/tmp/d/h) flags=0"),
        ("fd.num", "4"), ("fd.name", "/tmp/d"), ("fd.type", "directory"),
        ("fs.path.name", "/tmp/d/h"), ("evt.abspath", "/tmp/d/h"),
    ]);
    let record = RecordBuilder::new(Kind::Unlinkat, 20)
        .number("res", -2)
        .number("dirfd", -100)
        .bytes("name", b"/x")
        .number("flags", 512)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "res=-2(ENOENT) dirfd=-100(AT_FDCWD) name=/x flags=512(AT_REMOVEDIR)"),
        ("fd.num", "-100"), ("fd.name", ""), ("fd.typechar", "o"), ("fd.type", "<NA>"),
        ("fs.path.name", "<NA>"),
    ]);
}

#[test]
fn names_and_modes_are_changed() {
    let record = RecordBuilder::new(Kind::Renameat2, 20)
        .number("res", 0)
        .number("olddirfd", -100)
        .bytes("oldpath", b"/etc/a")
        .number("newdirfd", 5)
        .bytes("newpath", b"b")
        .bytes("newbase", b"/srv")
        .number("flags", 1)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "res=0 olddirfd=-100(AT_FDCWD) oldpath=/etc/a newdirfd=5(<d>/srv) \
            newpath=b(/srv/b) flags=1(RENAME_NOREPLACE)"),
        ("fs.path.source", "/etc/a"), ("fs.path.target", "/srv/b"),
        ("fs.path.targetraw", "b"), ("fs.path.name", "<NA>"),
        ("evt.abspath", "/etc/a"), ("evt.abspath[src]", "/etc/a"), ("evt.abspath[dst]", "/srv/b"),
        ("fd.num", "<NA>"),
    ]);
    let record = RecordBuilder::new(Kind::Fchmodat, 20)
        .number("res", 0)
        .number("dirfd", -100)
        .bytes("filename", b"/bin/x")
        .number("mode", 0o4755)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "res=0 dirfd=-100(AT_FDCWD) filename=/bin/x mode=04755(\
            S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID)"),
        ("fs.path.name", "/bin/x"),
    ]);
}

fn ends(family: u8, source: (&[u8], u16), destination: (&[u8], u16)) -> Vec<u8> {
    let mut bytes = vec![family];
    for (address, port) in [source, destination] {
        bytes.extend_from_slice(address);
        bytes.extend_from_slice(&port.to_ne_bytes());
    }
    bytes
}

#[test]
fn connections() {
    let tuple = ends(
        sockaddr::INET,
        (&[127, 0, 0, 1], 35502),
        (&[1, 2, 3, 4], 443),
    );
    let mut addr = vec![sockaddr::INET, 1, 2, 3, 4];
    addr.extend_from_slice(&443_u16.to_ne_bytes());
    let connect = |res: i64| {
        RecordBuilder::new(Kind::Connect, 20)
            .number("res", res)
            .number("fd", 5)
    };
    let record = connect(-115).bytes("tuple", &tuple).bytes("addr", &addr);
    let text = "127.0.0.1:35502->1.2.3.4:443";
    let args = format!("res=-115(EINPROGRESS) tuple={text} fd=5(<4t>{text}) addr=1.2.3.4:443");
    #[rustfmt::skip]
    check(&state(), &record.build(), &[
        ("evt.args", &args), ("fd.name", text), ("fd.type", "ipv4"), ("fd.typechar", "4"),
        ("fd.ip", "(127.0.0.1,1.2.3.4)"), ("fd.port", "(35502,443)"),
        ("fd.cip", "127.0.0.1"), ("fd.sip", "1.2.3.4"), ("fd.lip", "127.0.0.1"), ("fd.rip", "1.2.3.4"),
        ("fd.cport", "35502"), ("fd.sport", "443"), ("fd.lport", "35502"), ("fd.rport", "443"),
        ("fd.sproto", "443"), ("fd.l4proto", "tcp"), ("fd.sockfamily", "ip"),
        ("fd.is_server", "false"), ("fd.connected", "true"), ("fd.name_changed", "true"),
        ("fd.directory", "<NA>"),
    ]);
    // What was not reached is no end of the socket.
    #[rustfmt::skip]
    check(&state(), &connect(-111).bytes("addr", &addr).build(), &[
        ("evt.args", "res=-111(ECONNREFUSED) tuple=NULL fd=5(<4>) addr=1.2.3.4:443"),
        ("fd.sip", "<NA>"), ("fd.type", "ipv4"), ("fd.cip", "<NA>"), ("fd.rip", "<NA>"), ("fd.connected", "false"),
        ("fd.l4proto", "<NA>"),
    ]);
    let v6 = |last: u8| {
        let mut address = [0; 16];
        address[15] = last;
        address
    };
    let tuple = ends(sockaddr::INET6, (&v6(1), 45080), (&v6(1), 59205));
    let record = RecordBuilder::new(Kind::Accept4, 20)
        .number("fd", 7)
        .bytes("tuple", &tuple)
        .number("queuepct", 0)
        .number("queuelen", 0)
        .number("queuemax", 1)
        .number("flags", 0o10000);
    #[rustfmt::skip]
    check(&state(), &record.build(), &[
        ("evt.args", "fd=7(<6t>::1:45080->::1:59205) tuple=::1:45080->::1:59205 queuepct=0 \
            queuelen=0 queuemax=1 flags=1000"),
        ("fd.type", "ipv6"), ("fd.is_server", "true"), ("fd.l4proto", "tcp"),
        ("fd.lport", "45080"), ("fd.rport", "59205"),
    ]);
    let mut mapped = v6(4);
    mapped[10..].copy_from_slice(&[0xff, 0xff, 1, 2, 3, 4]);
    let tuple = ends(sockaddr::INET6, (&mapped, 1), (&mapped, 2));
    check(
        &state(),
        &connect(0).bytes("tuple", &tuple).build(),
        &[("fd.sip", "1.2.3.4")],
    );
}

#[test]
fn local_sockets() {
    let mut tuple = vec![sockaddr::UNIX];
    tuple.extend_from_slice(&0xffff_8882_649b_ad00_u64.to_ne_bytes());
    tuple.extend_from_slice(&0xffff_8882_649b_9f80_u64.to_ne_bytes());
    tuple.extend_from_slice(b"/tmp/s");
    let record = RecordBuilder::new(Kind::Connect, 20)
        .number("res", 0)
        .number("fd", 9)
        .bytes("tuple", &tuple)
        .bytes("addr", b"\x01/tmp/s");
    let text = "ffff8882649bad00->ffff8882649b9f80 /tmp/s";
    let args = format!("res=0 tuple={text} fd=9(<u>{text}) addr=/tmp/s");
    #[rustfmt::skip]
    check(&state(), &record.build(), &[
        ("evt.args", &args), ("fd.name", text), ("fd.sockfamily", "unix"), ("fd.type", "unix"),
        ("fd.ip", "<NA>"), ("fd.connected", "true"),
    ]);
    let record = RecordBuilder::new(Kind::Bind, 20)
        .number("res", 0)
        .number("fd", 8)
        .bytes("addr", b"\x01\0abstract\0\0");
    #[rustfmt::skip]
    check(&state(), &record.build(), &[
        ("evt.args", "res=0 addr=abstract fd=8(<u>abstract)"), ("fd.is_server", "false"),
    ]);
}

#[test]
fn processes() {
    let record = RecordBuilder::new(Kind::Kill, 20)
        .header(|h| h.ts = 9_000)
        .number("res", 0)
        .number("pid", 10)
        .number("sig", 19)
        .build();
    #[rustfmt::skip]
    check(&state(), &record, &[
        ("evt.args", "res=0 pid=10(bash) sig=19(SIGSTOP)"),
        ("proc.name", "cat"), ("proc.pname", "bash"), ("proc.aname[0]", "cat"),
        ("proc.aname[1]", "bash"), ("proc.aname[2]", "<NA>"), ("proc.aname", "(bash)"),
        ("proc.exe", "cat"), ("proc.pexe", "/bin/bash"), ("proc.exepath", "/usr/bin/cat"),
        ("proc.aexepath[1]", "/usr/bin/bash"),
        ("proc.args", "/etc/shadow -n"), ("proc.args[1]", "-n"), ("proc.args[2]", ""),
        ("proc.cmdline", "cat /etc/shadow -n"), ("proc.pcmdline", "bash -l"),
        ("proc.acmdline[1]", "bash -l"), ("proc.aargs", "-l"),
        ("proc.exeline", "cat /etc/shadow -n"),
        ("proc.cmdnargs", "2"), ("proc.cmdlenargs", "13"),
        ("proc.env[HOME]", "/root"), ("proc.aenv[HOME]", "/root"), ("proc.aenv[NONE]", "<NA>"),
        ("proc.cwd", "/tmp/"), ("proc.loginshellid", "10"), ("proc.tty", "34816"),
        ("proc.pid", "20"), ("proc.ppid", "10"), ("proc.apid[1]", "10"),
        ("proc.vpid", "20"), ("proc.pvpid", "10"),
        ("proc.sid", "10"), ("proc.sname", "bash"), ("proc.sid.exepath", "/usr/bin/bash"),
        ("proc.pgid", "10"), ("proc.pgid.name", "bash"), ("proc.vpgid.exe", "/bin/bash"),
        ("proc.is_sid_leader", "false"), ("proc.is_pgid_leader", "false"),
        ("proc.duration", "1000004000"), ("proc.pid.ts", "5000"),
        ("proc.is_exe_writable", "true"), ("proc.is_exe_from_memfd", "false"),
        ("proc.exe_ino", "99"), ("proc.exe_ino.ctime", "<NA>"),
        ("proc.nthreads", "1"), ("proc.nchilds", "0"),
        ("thread.tid", "20"), ("thread.ismain", "true"),
        ("thread.cap_effective", "CAP_CHOWN CAP_DAC_OVERRIDE"), ("thread.cap_permitted", ""),
        ("thread.cgroups", "cpuset=/ cpu=/user.slice"), ("thread.cgroup[cpu]", "/user.slice"),
        ("user.uid", "0"), ("user.name", "root"), ("user.loginuid", "-1"),
        ("user.loginname", "<NA>"), ("group.name", "root"),
        ("container.id", "host"), ("container.name", "host"), ("container.type", "host"),
        ("container.image", ""), ("container.image.repository", ""),
        ("container.privileged", "false"), ("k8s.pod.name", "<NA>"), ("k8s.ns.name", "<NA>"),
    ]);
}

#[test]
fn other_arguments() {
    let execve = RecordBuilder::new(Kind::Execve, 20)
        .number("res", 0)
        .bytes("exe", b"cat")
        .bytes("args", b"a\0b")
        .number("tid", 20)
        .number("ptid", 77)
        .bytes("env", b"A=1\0")
        .number("loginuid", 0xFFFF_FFFF)
        .number("cap_effective", 0x1_FFFE_FFFF)
        .number("exe_ino_ctime", 1_795_485_052_000_000_001)
        .number("uid", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &execve, &[
        ("evt.arg.args", "a.b."), ("evt.arg.env", "A=1."), ("evt.arg.tid", "cat"),
        ("evt.arg.ptid", "77"), ("evt.arg.cwd", "<NA>"), ("evt.arg.loginuid", "<NONE>"),
        ("evt.arg.cap_effective", "1FFFEFFFF"), ("evt.arg.uid", "root"),
        ("evt.arg.cgroups", "NULL"), ("evt.res", "SUCCESS"),
    ]);
    let ptrace = RecordBuilder::new(Kind::Ptrace, 20)
        .number("res", -1)
        .number("addr", 0)
        .number("data", 0)
        .number("request", 20)
        .number("pid", 55)
        .build();
    #[rustfmt::skip]
    check(&state(), &ptrace, &[
        ("evt.args", "res=-1(EPERM) addr=0 data=0 request=20(PTRACE_SEIZE) pid=55"),
    ]);
    let mount = RecordBuilder::new(Kind::Mount, 20)
        .number("res", 0)
        .bytes("dev", b"none")
        .bytes("dir", b"/")
        .number("flags", 278_528)
        .build();
    #[rustfmt::skip]
    check(&state(), &mount, &[
        ("evt.arg.dev", "none"), ("evt.arg[3]", "<NA>"), ("evt.arg.flags", "REC|PRIVATE"),
        ("fs.path.source", "/tmp/none"), ("fs.path.target", "/"),
    ]);
    let generic = RecordBuilder::new(Kind::Syscall, 20)
        .header(|h| h.syscall = 39)
        .number("ID", 39)
        .number("nativeID", 39)
        .build();
    if cfg!(target_arch = "x86_64") {
        #[rustfmt::skip]
        check(&state(), &generic, &[
            ("evt.args", ""), ("evt.arg[0]", "getpid"), ("evt.arg[1]", "39"), ("evt.type", "getpid"),
            ("evt.res", "<NA>"), ("evt.category", "other"),
        ]);
    }
    let exit = RecordBuilder::new(Kind::Procexit, 20)
        .number("status", 0)
        .number("ret", 0)
        .number("sig", 0)
        .number("core", 0)
        .number("reaper_tid", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &exit, &[
        ("evt.args", "status=0 ret=0 sig=0 core=0 reaper_tid=0"), ("evt.res", "<NA>"),
        ("syscall.type", "<NA>"), ("evt.count.exit", "<NA>"),
    ]);
}

#[test]
fn descriptors_are_described_by_their_records() {
    let tuple = [
        &[2, 127, 0, 0, 1][..],
        &1u16.to_ne_bytes(),
        &[10, 0, 0, 1],
        &2u16.to_ne_bytes(),
    ];
    let copy = RecordBuilder::new(Kind::Dup2, 20)
        .number("res", 1)
        .number("oldfd", 5)
        .number("newfd", 1)
        .bytes("path", b"socket:[17]")
        .number("kind", 12)
        .number("proto", 6)
        .bytes("tuple", &tuple.concat())
        .build();
    #[rustfmt::skip]
    check(&state(), &copy, &[
        ("fd.num", "1"), ("fd.type", "ipv4"), ("fd.name", "127.0.0.1:1->10.0.0.1:2"),
        ("fd.l4proto", "tcp"), ("fd.sip", "10.0.0.1"), ("fd.cport", "1"),
        ("evt.args", "res=1(<4t>127.0.0.1:1->10.0.0.1:2) oldfd=5(<4t>127.0.0.1:1->10.0.0.1:2) newfd=1(<4t>127.0.0.1:1->10.0.0.1:2)"),
    ]);
    let copied = |kind: i64, path: &[u8]| {
        RecordBuilder::new(Kind::Dup, 20)
            .number("res", 3)
            .number("oldfd", 5)
            .bytes("path", path)
            .number("kind", kind)
            .build()
    };
    for (kind, path, named, args) in [
        (
            8,
            "/etc/scen.conf",
            "file",
            "res=3(<f>/etc/scen.conf) oldfd=5(<f>/etc/scen.conf)",
        ),
        (
            2,
            "/dev/null",
            "file",
            "res=3(<f>/dev/null) oldfd=5(<f>/dev/null)",
        ),
        (4, "/etc", "directory", "res=3(<d>/etc) oldfd=5(<d>/etc)"),
        (
            1,
            "pipe:[7]",
            "pipe",
            "res=3(<p>pipe:[7]) oldfd=5(<p>pipe:[7])",
        ),
        (
            8,
            "/memfd:scen (deleted)",
            "memfd",
            "res=3(<m>scen) oldfd=5(<m>scen)",
        ),
        (
            0,
            "anon_inode:[eventfd]",
            "event",
            "res=3(<e>) oldfd=5(<e>)",
        ),
        (
            0,
            "anon_inode:inotify",
            "inotify",
            "res=3(<i>) oldfd=5(<i>)",
        ),
        (0, "anon_inode:bpf-prog", "bpf", "res=3(<b>) oldfd=5(<b>)"),
        (12, "socket:[7]", "<NA>", "res=3 oldfd=5"),
    ] {
        check(
            &state(),
            &copied(kind, path.as_bytes()),
            &[("fd.type", named), ("evt.args", args)],
        );
    }
    let module = RecordBuilder::new(Kind::FinitModule, 20)
        .number("res", 0)
        .number("fd", 4)
        .bytes("uargs", b"")
        .number("flags", 3)
        .bytes("path", b"/lib/m.ko")
        .number("kind", 8)
        .build();
    #[rustfmt::skip]
    check(&state(), &module, &[
        ("fd.name", "/lib/m.ko"), ("fd.filename", "m.ko"), ("evt.arg.fd", "<f>/lib/m.ko"),
        ("evt.arg.flags", "MODULE_INIT_IGNORE_MODVERSIONS|MODULE_INIT_IGNORE_VERMAGIC"),
    ]);
    let sent = RecordBuilder::new(Kind::Sendto, 20)
        .number("res", 3)
        .bytes("data", b"a\0b")
        .number("fd", 4)
        .number("size", 3)
        .bytes("tuple", &tuple.concat())
        .number("proto", 17)
        .number("connected", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &sent, &[
        ("evt.args", "res=3 data=a.b fd=4(<4u>127.0.0.1:1->10.0.0.1:2) size=3 tuple=127.0.0.1:1->10.0.0.1:2"),
        ("fd.l4proto", "udp"), ("evt.buflen", "3"), ("fd.connected", "false"), ("fd.name_changed", "true"),
    ]);
    let socket = RecordBuilder::new(Kind::Socket, 20)
        .number("fd", 4)
        .number("domain", 1)
        .number("type", 526_337)
        .number("proto", 0)
        .number("flags", 0)
        .build();
    #[rustfmt::skip]
    check(&state(), &socket, &[
        ("evt.args", "fd=4(<u>) domain=1(AF_LOCAL|AF_UNIX) type=526337 proto=0 flags=0(O_NONE)"), ("fd.type", "unix"),
    ]);
}

#[test]
fn new_names_have_paths() {
    let linkat = RecordBuilder::new(Kind::Linkat, 20)
        .number("res", 0)
        .number("olddir", -100)
        .bytes("oldpath", b"a")
        .number("newdir", 4)
        .bytes("newpath", b"b")
        .number("flags", 0x400)
        .bytes("oldbase", b"/old")
        .bytes("newbase", b"/new")
        .build();
    #[rustfmt::skip]
    check(&state(), &linkat, &[
        ("fs.path.source", "/new/b"), ("fs.path.target", "/old/a"), ("fs.path.sourceraw", "b"),
        ("evt.arg.newpath", "/new/b"), ("evt.arg.newdir", "<d>/new"), ("evt.arg.flags", "AT_SYMLINK_FOLLOW"),
        ("evt.abspath[src]", "/old/a"), ("evt.abspath[dst]", "/new/b"),
    ]);
    let symlink = RecordBuilder::new(Kind::Symlink, 20)
        .number("res", 0)
        .bytes("target", b"/etc/shadow")
        .bytes("linkpath", b"l")
        .bytes("base", b"/tmp/x")
        .build();
    #[rustfmt::skip]
    check(&state(), &symlink, &[
        ("fs.path.source", "/tmp/x/l"), ("fs.path.target", "/etc/shadow"), ("evt.arg.linkpath", "/tmp/x/l"),
    ]);
    let mkdir = RecordBuilder::new(Kind::Mkdir, 20)
        .number("res", 0)
        .bytes("path", b"d")
        .number("mode", 0o755)
        .bytes("base", b"/tmp")
        .build();
    #[rustfmt::skip]
    check(&state(), &mkdir, &[
        ("fs.path.name", "/tmp/d"), ("fs.path.nameraw", "d"), ("evt.arg.path", "/tmp/d"),
    ]);
    let fchown = RecordBuilder::new(Kind::Fchown, 20)
        .number("res", 0)
        .number("fd", 4)
        .bytes("path", b"/etc/x")
        .number("kind", 8)
        .build();
    check(
        &state(),
        &fchown,
        &[("fs.path.name", "/etc/x"), ("fd.name", "/etc/x")],
    );
}

#[test]
fn unknown_threads_have_values_of_nobody() {
    let record = RecordBuilder::new(Kind::Setuid, 2_000_000_000)
        .number("res", 0)
        .number("uid", 7)
        .build();
    let mut state = State::new();
    state.before(&Event::decode(&record, 1, 0).unwrap());
    #[rustfmt::skip]
    check(&state, &record, &[
        ("proc.name", "<NA>"), ("user.uid", "4294967295"), ("container.id", "host"),
        ("proc.pid", "-1"), ("proc.vpid", "<NA>"), ("proc.exepath", ""),
        ("proc.aname", "<NA>"), ("evt.args", "res=0 uid=7"), ("thread.tid", "2000000000"),
    ]);
    assert_eq!(state.counters().unknown, 1);
}

#[test]
fn containers_are_described() {
    let id = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";
    let groups = format!("cpu=/system.slice/cri-containerd-{id}.scope\0");
    let start = RecordBuilder::new(Kind::Execve, 30)
        .number("res", 0)
        .bytes("comm", b"apt")
        .bytes("cgroups", groups.as_bytes())
        .number("uid", 0)
        .number("gid", 0)
        .build();
    let mut state = State::new();
    state.before(&Event::decode(&start, 1, 0).unwrap());
    #[rustfmt::skip]
    check(&state, &start, &[
        ("container.id", "7939f7035e61"), ("container.full_id", "<NA>"),
        ("container.type", "<NA>"), ("container.name", "<NA>"),
        ("container.image", "<NA>"), ("container.image.repository", "<NA>"),
        ("container.privileged", "<NA>"), ("container.mounts", "<NA>"),
        ("k8s.pod.name", "<NA>"), ("user.name", "root"), ("group.name", "root"),
    ]);
    let container = state.containers().lookup(id).unwrap();
    container.publish(Info {
        name: "nginx".into(),
        image: "docker.io/library/nginx:latest".into(),
        image_repository: "docker.io/library/nginx".into(),
        image_tag: "latest".into(),
        privileged: Some(true),
        labels: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
        mounts: vec![Mount {
            source: "/proc".into(),
            destination: "/host/proc".into(),
            mode: String::new(),
            readonly: true,
            propagation: "private".into(),
        }],
        started: 900_000_000,
        pod: Some(Pod {
            name: "nginx-1".into(),
            namespace: "default".into(),
            uid: "u".into(),
            sandbox_id: "0123456789abcdef".into(),
            labels: vec![("app".into(), "web".into())],
            ip: "10.0.0.1".into(),
            cni_json: String::new(),
        }),
        ..Info::default()
    });
    container.publish_users(Users::parse(b"app:x:7:7::/:/bin/sh\n", b""));
    #[rustfmt::skip]
    check(&state, &start, &[
        ("container.name", "nginx"), ("container.image", "docker.io/library/nginx:latest"),
        ("container.image.repository", "docker.io/library/nginx"),
        ("container.image.tag", "latest"), ("container.image.digest", ""),
        ("container.privileged", "true"), ("container.host_pid", "<NA>"),
        ("container.label[b]", "2"), ("container.label[c]", "<NA>"),
        ("container.labels", "a:1, b:2"),
        ("container.mounts", "/proc:/host/proc::false:private"),
        ("container.mount[0]", "/proc:/host/proc::false:private"), ("container.mount[1]", "<NA>"),
        ("container.mount.dest[/proc*]", "/host/proc"),
        ("container.mount.source[/host/*]", "/proc"), ("container.mount.rdwr[0]", "false"),
        ("container.start_ts", "900000000"), ("container.duration", "100000000"),
        ("container.ip", "10.0.0.1"), ("fd.containername", "<NA>"),
        ("k8s.pod.name", "nginx-1"), ("k8s.ns.name", "default"), ("k8s.pod.uid", "u"),
        ("k8s.pod.sandbox_id", "0123456789ab"), ("k8s.pod.full_sandbox_id", "0123456789abcdef"),
        ("k8s.pod.label[app]", "web"), ("k8s.pod.labels", "app:web"), ("k8s.pod.ip", "10.0.0.1"),
        ("user.name", "root"), ("user.homedir", "/root"),
    ]);
}

/// What is known of a process that ran before the first event, without an event
/// that would tell it.
#[test]
fn a_process_that_ran_before_has_its_fields() {
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 333; exec sleep 600"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let comm = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    while comm() != "sleep\n" {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut state = State::of_host(Path::new("/"), Arc::default()).unwrap();
    state.scan();
    let record = RecordBuilder::new(Kind::Kill, pid).number("res", 0).build();
    let event = Event::decode(&record, 1, 0).unwrap();
    state.before(&event);
    state.know_open_files(&event);
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    // Whoever is not root may not see in which namespace that is.
    let first = state.thread(1).unwrap();
    let first = match first.pidns {
        0 => "<NA>".to_owned(),
        _ => first.start.to_string(),
    };
    let usage = open as f64 * 100.0 / 333.0;
    #[rustfmt::skip]
    check(&state, &record, &[
        ("proc.name", "sleep"), ("proc.fdlimit", "333"),
        ("proc.fdopencount", &open.to_string()), ("proc.fdusage", &usage.to_string()),
        ("proc.stdin.name", "/dev/null"), ("proc.stdout.type", "file"),
        ("fd.types[2]", "(file)"), ("proc.pidns_init_start_ts", &first),
    ]);
}
