//! Captures put together here, byte by byte: every version of every block, old
//! pairs of events, and files that lie or end too early.

mod scap;

use std::io::{Cursor, Read as _};
use std::path::Path;
use std::time::Duration;

use falco_abi::control::Interest;
use falco_abi::event::Event as Kind;
use falco_engine::event::Event;
use falco_engine::source::capture::{CaptureError, CaptureSource};
use falco_engine::source::{Batch, FdCall, Sink, Source};
use falco_engine::state::State;

use scap::{
    Body, File, LARGE, LARGE_FLAGS, TIME, V0, V1, V1_FLAGS, V2, V2_FLAGS, number, openat, replay,
    shown, text, whole, word,
};

#[test]
fn what_was_known_is_there() {
    let format = "%evt.num %proc.name %proc.args %proc.cwd %proc.tty %user.name %group.name \
                  %user.loginuid %fd.name %evt.hostname %evt.cpu";
    let lines = shown(&whole(), format);
    assert_eq!(
        lines[0],
        "1 bash -a b /home/ 34816 games players 1000 /etc/motd box 3"
    );
    assert_eq!(
        shown(&whole(), "%evt.type %evt.args")[..2],
        [
            "read res=2 data=hi fd=3(<f>/etc/motd) size=9",
            "openat fd=4(<f>/home/a/b) dirfd=-100(AT_FDCWD) name=a/b(/home/a/b) \
             flags=1(O_RDONLY) mode=0 dev=FE00 ino=123"
        ]
    );
}

#[test]
fn every_version_of_the_process_list() {
    for version in 1..=9 {
        let file = File::new()
            .process(version, 10, "one")
            .event(V2, 202 + 1, 10, &[word(5)]);
        let lines = shown(&file, "%proc.name %proc.exe %proc.args %user.uid %proc.env");
        let env = if version >= 3 { "HOME=/home" } else { "" };
        assert_eq!(lines, [format!("one /bin/exe -a b 5 {env}")], "{version}");
        // What later versions have is not known from earlier ones.
        let known = |since: u8, value: &'static str, without: &'static str| match version {
            version if version >= since => value,
            _ => without,
        };
        let format = "%proc.sid|%proc.vpgid|%proc.exepath|%thread.vtid|%proc.vpid|%thread.cgroups";
        let expected = [
            known(6, "7", "-1"),
            known(8, "8", "-1"),
            known(7, "/usr/bin/exe", ""),
            known(4, "110", "10"),
            known(4, "210", "10"),
            known(4, "cpu=/x", ""),
        ];
        let lines = shown(&file, format);
        assert_eq!(lines, [expected.join("|")], "{version}");
    }
    // Numbers of the time before the format was published.
    for (ty, version) in [(0x8000_ABCD, 1), (0x8013_ABCD, 2), (0x8014_ABCD, 3)] {
        let mut file = File::new();
        let start = file.0.len();
        file = file.process(version, 10, "old");
        file.0[start..start + 4].copy_from_slice(&u32::to_le_bytes(ty));
        let file = file.event(V2, 203, 10, &[word(5)]);
        assert_eq!(shown(&file, "%proc.name"), ["old"]);
    }
}

/// An entry of a list of interfaces without its length.
fn interface(ty: u16, name: &str, address: &str) -> Body {
    let octets = |text: &str| match text.parse().expect("an address") {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let zero = if address.contains(':') {
        "::"
    } else {
        "0.0.0.0"
    };
    let body = Body::default().u16(ty).u16(name.len() as u16);
    let body = [address, zero, zero]
        .iter()
        .fold(body, |body, part| body.raw(&octets(part)));
    let body = if ty <= 2 { body.u64(1000) } else { body };
    body.raw(name.as_bytes())
}

#[test]
fn every_version_of_the_interface_list() {
    let entries = [
        interface(1, "eth0", "10.0.0.1"),
        interface(2, "eth1", "fd00::1"),
        interface(3, "old0", "10.0.0.2"),
        interface(4, "old1", "fd00::2"),
    ];
    for ty in [0x205, 0x219, 0x8011_ABCD] {
        let body = entries
            .iter()
            .fold(Body::default(), |body, entry| match ty {
                // Its length is that of what follows.
                0x219 => body.u32(entry.0.len() as u32).raw(&entry.0),
                _ => body.raw(&entry.0),
            });
        let mut file = File::new().block(ty, &body);
        for (num, own) in ["10.0.0.1", "fd00::1", "10.0.0.2", "fd00::2"]
            .iter()
            .enumerate()
        {
            // Sent by somebody to an address of ours: what was recorded does not
            // tell which side the thread is on.
            let v6 = own.contains(':');
            let (other, family) = if v6 { ("fd00::9", 10) } else { ("10.0.0.9", 2) };
            let end = |text: &str, port: u16| {
                let address = match text.parse().expect("an address") {
                    std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
                    std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                [address, port.to_le_bytes().to_vec()].concat()
            };
            let tuple = [vec![family], end(other, 4000), end(own, 80)].concat();
            let fd = number(10 + num as i64);
            file = file.event(V2, 31, 10, &[number(1), b"x".to_vec(), fd, word(1), tuple]);
        }
        let lines = shown(&file, "%fd.lip %fd.rip %fd.is_server");
        assert_eq!(
            lines,
            [
                "10.0.0.1 10.0.0.9 true",
                "fd00::1 fd00::9 true",
                "10.0.0.2 10.0.0.9 true",
                "fd00::2 fd00::9 true",
            ],
            "{ty:x}"
        );
    }
    // An unknown kind of entry has an end only where its length says it.
    let unknown = Body::default().u16(9).u16(0).raw(&[7; 9]);
    let sized = Body::default().u32(13).raw(&unknown.0);
    let known = interface(1, "eth0", "10.0.0.1");
    let sized = sized.u32(known.0.len() as u32).raw(&known.0);
    let file = File::new()
        .block(0x219, &sized)
        .event(V2, 203, 10, &[word(5)]);
    assert_eq!(shown(&file, "%evt.type"), ["getuid"]);
    let file = File::new().block(0x205, &unknown);
    assert!(error(&file).message.contains("list of interfaces"));
}

#[test]
fn every_version_of_the_user_list() {
    let user = Body::default().u8(0).u32(5).u32(6);
    let user = user.text("games").text("/g").text("/bin/no");
    let group = Body::default().u8(1).u32(6).text("players");
    for ty in [0x206, 0x220, 0x8012_ABCD] {
        let body = match ty {
            0x220 => Body::default()
                .entry(&user.clone().raw(b"later"))
                .entry(&group),
            _ => Body::default().raw(&user.0).raw(&group.0),
        };
        let file =
            File::new()
                .block(ty, &body)
                .process(9, 10, "one")
                .event(V2, 203, 10, &[word(5)]);
        let lines = shown(&file, "%user.name %user.homedir %user.shell %group.name");
        assert_eq!(lines, ["games /g /bin/no players"], "{ty:x}");
    }
}

#[test]
fn every_version_of_the_descriptor_list() {
    let ends = |size: usize| {
        let address = |last: u8| {
            let mut address = vec![0xFD; size];
            address[size - 1] = last;
            address
        };
        let body = Body::default().raw(&address(1)).raw(&address(2));
        (body, address(3))
    };
    let name = || Body::default().text("/some/path");
    // The kind, what follows, and what is known by it.
    let mut kinds: Vec<(u8, Body, &str)> = vec![
        (1, name(), "/some/path file"),
        (2, name(), "/some/path directory"),
        (7, name(), "/some/path pipe"),
        (
            8,
            Body::default().u64(1).u64(2).text("/run/x"),
            "/run/x unix",
        ),
        (9, name(), "/some/path event"),
        (11, name(), "/some/path signalfd"),
        (12, name(), "/some/path eventpoll"),
        (13, name(), "/some/path inotify"),
        (14, name(), "/some/path timerfd"),
        (15, name(), "/some/path netlink"),
        (16, Body::default().u32(1).text("/f"), "/f file"),
        (17, name(), "/some/path bpf"),
        (18, name(), "/some/path userfaultfd"),
        (19, name(), "/some/path io_uring"),
        (20, name(), "/some/path memfd"),
        (21, name(), "/some/path pidfd"),
    ];
    for (v4, size) in [(true, 4), (false, 16)] {
        let (both, one) = ends(size);
        // Addresses come before ports.
        let (source, destination) = both.0.split_at(size);
        let pair = Body::default()
            .raw(source)
            .raw(destination)
            .u16(1)
            .u16(2)
            .u8(2);
        let bound = Body::default().raw(&one).u16(80).u8(2);
        let shown = match v4 {
            true => [
                "253.253.253.1:1->253.253.253.2:2 ipv4",
                "253.253.253.3:80 ipv4",
            ],
            false => [
                "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fd01:1->fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fd02:2 ipv6",
                "fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fd03:80 ipv6",
            ],
        };
        kinds.push((if v4 { 3 } else { 4 }, pair, shown[0]));
        kinds.push((if v4 { 5 } else { 6 }, bound, shown[1]));
    }
    for ty in [0x203, 0x218, 0x8001_ABCD] {
        for (kind, rest, expected) in &kinds {
            let entry = Body::default().u64(3).u64(99).u8(*kind).raw(&rest.0);
            let body = Body::default().u64(10);
            let body = match ty {
                0x218 => body.entry(&entry),
                _ => body.raw(&entry.0),
            };
            let file = File::new().process(9, 10, "one").block(ty, &body).event(
                V2,
                7,
                10,
                &[number(2), b"hi".to_vec(), number(3), word(9)],
            );
            assert_eq!(
                shown(&file, "%fd.name %fd.type"),
                [*expected],
                "{ty:x} {kind}"
            );
        }
    }
}

#[test]
fn every_form_of_an_event() {
    for form in [V0, V1, V1_FLAGS, V2, V2_FLAGS, LARGE, LARGE_FLAGS] {
        let file = File::new().event(form, 307, 10, &openat());
        let lines = shown(&file, "%evt.num %evt.cpu %thread.tid %evt.type %evt.rawres");
        assert_eq!(lines, ["1 3 10 openat 4"], "{form:x}");
    }
    // Types of later versions are passed over.
    let file = File::new()
        .event(V2, 9999, 10, &[])
        .block(0x7777, &Body::default().u32(1));
    let file = file.event(V2, 307, 10, &openat());
    assert_eq!(shown(&file, "%evt.num"), ["1"]);
}

#[test]
fn an_entry_completes_its_exit() {
    let close = |file: File| file.event(V1, 5, 10, &[number(0)]);
    // Entries have no numbers of their own but for those that are told at once.
    let file = close(File::new().event(V1, 4, 10, &[number(7)]));
    assert_eq!(shown(&file, "%evt.num %evt.args"), ["1 res=0 fd=7"]);
    let open = File::new().event(V1, 2, 10, &[]);
    let open = open.event(V1, 3, 10, &[number(3), text("/x"), word(1), word(0)]);
    assert_eq!(
        shown(&open, "%evt.num %evt.args"),
        ["2 fd=3(<f>/x) name=/x flags=1(O_RDONLY) mode=0 dev=<NA> ino=<NA>"]
    );
    // An entry of another call, of another thread, or none.
    let other = File::new().event(V1, 6, 10, &[number(7), word(1)]);
    let thread = File::new().event(V1, 4, 11, &[number(7)]);
    for file in [other, thread, File::new()] {
        assert_eq!(shown(&close(file), "%evt.args"), ["res=0 fd=0"]);
    }
    let unlinked = File::new().event(V1, 109, 10, &[number(0)]);
    assert_eq!(
        shown(&unlinked, "%evt.type %evt.args"),
        ["unlink res=0 path=<NA>"]
    );
    // A pair of the first version of openat.
    let pair = File::new().event(V1, 102, 10, &[number(-100), text("/y"), word(1), word(0)]);
    let pair = pair.event(V1, 103, 10, &[number(5)]);
    let args =
        "fd=5(<f>/y) dirfd=-100(AT_FDCWD) name=/y flags=1(O_RDONLY) mode=0 dev=<NA> ino=<NA>";
    assert_eq!(
        shown(&pair, "%evt.type %evt.args"),
        [format!("openat {args}")]
    );
}

/// A state that takes calls that change descriptors without their records where it can.
#[derive(Default)]
struct Closing {
    state: State,
    /// Thread, descriptor, and whether no record was needed.
    closed: Vec<(u32, i64, bool)>,
    records: Vec<(Kind, u64)>,
}

impl Sink for Closing {
    fn record(&mut self, num: u64, record: &[u8]) {
        let event = Event::decode(record, num, 0).unwrap();
        self.records.push((event.kind, num));
        self.state.before(&event);
        self.state.after(&event);
    }

    fn fd_call(&mut self, call: &FdCall) -> bool {
        let taken = self.state.take_fd_call(call, call.time);
        self.closed.push((call.tid, call.fd, taken));
        assert_eq!(call.time, TIME);
        taken
    }
}

#[test]
fn a_close_needs_no_record() {
    let close = |fd: i64, result: i64| [number(result), number(fd)];
    let open = |fd: i64| [&[number(fd)], &openat()[1..]].concat();
    let bad = -i64::from(libc::EBADF);
    let file = File::new().process(9, 10, "one").process(9, 11, "two");
    let file = [4, 5, 6]
        .into_iter()
        .fold(file, |file, fd| file.event(V2, 307, 10, &open(fd)));
    let file = file
        .event(V2, 5, 10, &close(4, 0))
        .event(V2, 5, 10, &close(5, bad))
        // Of another thread than the event before, and of another form.
        .event(V2, 5, 11, &close(4, 0))
        .event(V1, 5, 10, &close(6, 0));
    let mut source = CaptureSource::new(Cursor::new(file.0)).unwrap();
    let mut closing = Closing::default();
    source.restore(&mut closing.state).unwrap();
    while source.read_into(Duration::ZERO, &mut closing).unwrap() != Batch::End {}
    assert_eq!(
        closing.closed,
        [(10, 4, true), (10, 5, true), (11, 4, false)]
    );
    let opened = (1..=3).map(|num| (Kind::Openat, num));
    let closed = [(Kind::Close, 6), (Kind::Close, 7)];
    assert_eq!(closing.records, opened.chain(closed).collect::<Vec<_>>());
    let threads = closing.state.threads();
    let files = threads.files(threads.get(10).unwrap()).unwrap();
    assert_eq!(files.iter().map(|(num, _)| num).collect::<Vec<_>>(), [5]);
    assert_eq!(closing.state.times().previous, TIME);
    // Nobody looks at them: they are counted.
    let file = File::new().event(V2, 5, 10, &close(4, 0));
    let mut source = CaptureSource::new(Cursor::new(file.0)).unwrap();
    source.set_interest(&Interest::default()).unwrap();
    let mut closing = Closing::default();
    source.restore(&mut closing.state).unwrap();
    while source.read_into(Duration::ZERO, &mut closing).unwrap() != Batch::End {}
    assert_eq!(
        (closing.closed.len(), source.counters().unwrap().records),
        (0, 1)
    );
}

#[test]
fn a_copy_needs_no_record() {
    let fcntl = |result: i64, fd: i64, command: u8, arg: u64| {
        [
            number(result),
            number(fd),
            vec![command],
            number(arg.cast_signed()),
        ]
    };
    let [copy, set, copy_cloexec, get] = [1, 3, 26, 2];
    let file = File::new()
        .process(9, 10, "one")
        .event(V2, 307, 10, &[&[number(4)], &openat()[1..]].concat())
        .event(V2, 151, 10, &fcntl(5, 4, copy, 0))
        .event(V2, 151, 10, &fcntl(6, 4, copy_cloexec, 0))
        .event(V2, 151, 10, &fcntl(0, 4, set, 1))
        // Failed, of what nobody knows, and one that changes nothing.
        .event(V2, 151, 10, &fcntl(-9, 4, copy, 0))
        .event(V2, 151, 10, &fcntl(8, 7, copy, 0))
        .event(V2, 151, 10, &fcntl(1, 4, get, 0));
    let told = |without_queries| {
        let mut source = CaptureSource::new(Cursor::new(file.0.clone())).unwrap();
        source.leave_out_queries(without_queries);
        let mut closing = Closing::default();
        source.restore(&mut closing.state).unwrap();
        while source.read_into(Duration::ZERO, &mut closing).unwrap() != Batch::End {}
        assert_eq!(source.counters().unwrap().records, 7);
        let fds: Vec<_> = closing
            .closed
            .iter()
            .map(|&(_, fd, taken)| (fd, taken))
            .collect();
        assert_eq!(fds, [(4, true), (4, true), (4, true), (4, true), (7, true)]);
        let threads = closing.state.threads();
        let files = threads.files(threads.get(10).unwrap()).unwrap();
        // By their records they are the same.
        let mut source = CaptureSource::new(Cursor::new(file.0.clone())).unwrap();
        let mut state = State::new();
        source.restore(&mut state).unwrap();
        let mut each = |num, record: &[u8]| {
            let event = Event::decode(record, num, 0).unwrap();
            state.before(&event);
            state.after(&event);
        };
        while source.read(Duration::ZERO, &mut each).unwrap() != Batch::End {}
        let threads = state.threads();
        let expected = threads.files(threads.get(10).unwrap()).unwrap();
        assert_eq!(format!("{files:?}"), format!("{expected:?}"));
        assert_eq!(
            files.iter().map(|(num, _)| num).collect::<Vec<_>>(),
            [4, 5, 6]
        );
        closing.records
    };
    let opened = (Kind::Openat, 1);
    assert_eq!(told(true), [opened]);
    assert_eq!(told(false), [opened, (Kind::Fcntl, 7)]);
}

#[test]
fn generic_calls_have_names() {
    let id = |id: u16| id.to_le_bytes().to_vec();
    let file = File::new()
        .event(V1, 0, 10, &[id(380), id(334)])
        .event(V1, 1, 10, &[id(380)])
        .event(V2, 1, 10, &[id(154), id(202)])
        // Only the native number is known here.
        .event(V2, 1, 10, &[id(999), id(334)]);
    assert_eq!(shown(&file, "%evt.type"), ["rseq", "futex", "rseq"]);
}

/// The first events of containers had a parameter for each thing.
#[test]
fn an_old_container_becomes_json() {
    let params = [
        text("3ad7b26ded6d"),
        word(0),
        text("a \"b\""),
        text("busybox"),
    ];
    for (count, json) in [
        (
            4,
            r#"{"id":"3ad7b26ded6d","type":0,"name":"a \"b\"","image":"busybox"}"#,
        ),
        (2, r#"{"id":"3ad7b26ded6d","type":0}"#),
        (0, "{}"),
    ] {
        // As it is behind another event, and as part of what was known.
        let file = File::new().event(V2, 203, 10, &[word(5)]);
        let file = file.event(V1, 228, 10, &params[..count]);
        assert_eq!(
            shown(&file, "%evt.num %evt.type %evt.arg.json")[1],
            format!("2 container {json}")
        );
        let file = File::new().event(V1, 228, 10, &params[..count]);
        let file = file.event(V2, 203, 10, &[word(5)]);
        assert_eq!(shown(&file, "%evt.num %evt.type"), ["2 getuid"]);
    }
    let cut = Body::default().u16(0).u64(TIME).u64(10).u32(30).u16(228);
    let cut = cut.u32(1).u16(9).u16(0);
    assert!(
        error(&File::new().block(V2, &cut))
            .message
            .contains("longer")
    );
}

#[test]
fn what_was_known_is_told_by_events_too() {
    let user = |uid: u32, name: &str| {
        [
            word(uid),
            word(0),
            text(name),
            text("/h"),
            text("/s"),
            text(""),
        ]
    };
    let file = File::new()
        .process(9, 10, "bash")
        .event(V2, 354, u64::MAX, &user(5, "games"))
        .event(V2, 203, 10, &[word(5)])
        .event(V2, 354, u64::MAX, &user(6, "later"));
    let lines = shown(&file, "%evt.num %evt.type %thread.tid");
    assert_eq!(lines, ["2 getuid 10", "3 useradded -1"]);
}

#[test]
fn a_section_knows_nothing_of_the_one_before() {
    let mut file = File::new()
        .process(9, 10, "first")
        .event(V2, 203, 10, &[word(5)]);
    file.0.extend(
        File::new()
            .process(9, 11, "second")
            .event(V2, 203, 11, &[word(5)])
            .0,
    );
    let file = file.event(V2, 203, 10, &[word(5)]);
    assert_eq!(
        shown(&file, "%evt.num %proc.name"),
        ["1 first", "2 second", "3 <NA>"]
    );
}

/// No byte that is another makes more than an error.
#[test]
fn changed_bytes() {
    let mut file = whole().0;
    file.truncate(file.len() - 70_100);
    for at in 0..file.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut changed = file.clone();
            changed[at] ^= change;
            let _ = replay(changed, "%evt.args %fd.name %proc.cmdline");
        }
    }
}

fn error(file: &File) -> CaptureError {
    let error = replay(file.0.clone(), "%evt.args").expect_err("an error");
    error.downcast().expect("an error with an offset")
}

#[test]
fn lies_have_a_place() {
    let start = whole().0.len() as u64;
    let lie = |ty: u32, len: u32| {
        whole()
            .0
            .into_iter()
            .chain(Body::default().u32(ty).u32(len).0)
    };
    let short = error(&File(lie(V2, 8).collect()));
    assert_eq!(
        short.to_string(),
        format!("a block has the impossible length 8 at offset {start}")
    );
    let long = error(&File(lie(V2, u32::MAX).collect()));
    assert_eq!(
        long.to_string(),
        format!("a block of 4294967295 bytes is too long at offset {start}")
    );
    // One that is merely longer than the file is a file that is cut off.
    assert!(replay(lie(V2, 1000).collect(), "%evt.args").is_ok());
    let mut trailer = whole();
    let end = trailer.0.len() - 4;
    trailer.0[end] ^= 1;
    assert!(error(&trailer).message.contains("at its end"));
    // Parameters that are longer than their event.
    let event = Body::default()
        .u16(0)
        .u64(TIME)
        .u64(10)
        .u32(28)
        .u16(5)
        .u32(1)
        .u16(8);
    let broken = error(&whole().block(V2, &event));
    assert_eq!(broken.offset, start);
    let event = Body::default()
        .u16(0)
        .u64(TIME)
        .u64(10)
        .u32(5000)
        .u16(5)
        .u32(1)
        .u16(8);
    assert_eq!(error(&whole().block(V2, &event)).offset, start);
    // An entry of a list that says it is longer than the list.
    let entry = Body::default().u32(500).u64(1);
    assert_eq!(error(&File::new().block(0x215, &entry)).offset, 40);
    let big = Body::default().u32(0x4D3C_2B1A).u32(0).u64(0);
    assert!(
        error(&File::default().block(0x0A0D_0D0A, &big))
            .message
            .contains("endian")
    );
}

/// Files that have blocks of all types, and entries of all kinds in them.
fn samples() -> [File; 3] {
    let users = Body::default().u8(0).u32(5).u32(6);
    let users = users.text("games").text("/g").text("/bin/no");
    let users = users.u8(1).u32(6).text("players");
    let short = |body: Body| Body::default().entry(&body);
    let sized = |entry: &Body| Body::default().u32(entry.0.len() as u32).raw(&entry.0);
    let mut opened = Body::default().u64(10);
    let mut plain = opened.clone();
    let named = (1..=21).filter(|kind| !matches!(kind, 3..=6 | 8 | 16));
    let mut kinds: Vec<Body> = named
        .map(|kind| Body::default().u8(kind).text("x"))
        .collect();
    let ends = |kind, len| Body::default().u8(kind).raw(&[9; 32][..len]).u16(80);
    kinds.extend([
        ends(3, 8).u16(2).u8(2),
        ends(4, 32).u16(2).u8(3),
        ends(5, 4).u8(2),
        ends(6, 16).u8(2),
        Body::default().u8(8).u64(0).u64(0).text("/run/x"),
        Body::default().u8(16).u32(1).text("/etc/motd"),
    ]);
    for (num, kind) in kinds.iter().enumerate() {
        let entry = Body::default().u64(num as u64).u64(99).raw(&kind.0);
        opened = opened.entry(&entry);
        plain = plain.raw(&entry.0);
    }
    let today = File::new()
        .machine()
        .block(0x219, &sized(&interface(1, "eth0", "10.0.0.1")))
        .block(0x220, &short(users.clone()))
        .process(9, 10, "bash")
        .block(0x218, &opened)
        .event(V2, 7, 10, &[number(2), b"hi".to_vec(), number(3), word(9)])
        .event(V2_FLAGS, 307, 10, &openat())
        .event(
            LARGE,
            402,
            u64::MAX,
            &[word(1), text("note"), vec![b'x'; 70]],
        )
        .event(LARGE_FLAGS, 402, u64::MAX, &[word(1), text(""), vec![]]);
    let mut old = File::new().machine();
    for version in 1..=8 {
        old = old.process(version, 10 + u64::from(version), "old");
    }
    let old = old
        .block(0x203, &plain)
        .block(0x205, &interface(3, "old0", "10.0.0.2"))
        .block(0x206, &users)
        .event(V1, 4, 10, &[number(7)])
        .event(V1, 5, 10, &[number(0)])
        .event(
            V1_FLAGS,
            102,
            10,
            &[number(-100), text("/y"), word(1), word(0)],
        )
        .event(V1, 103, 10, &[number(5)]);
    // Before the format was published.
    let first = File::new()
        .block(0x8002_ABCD, &Body::default().raw(&[1; 148]))
        .block(0x8011_ABCD, &interface(4, "old1", "fd00::2"))
        .block(0x8012_ABCD, &users)
        .block(0x8001_ABCD, &plain)
        .event(V0, 5, 10, &[number(0), number(3)]);
    [today, old, first]
}

/// Wherever a length of two or four bytes may stand, it is another one.
#[test]
fn lengths_that_lie() {
    const LIES: [&[u8]; 3] = [&[0xFF; 2], &[0xFF; 4], &[3, 0, 0, 0]];
    let (mut errors, mut cut) = (0, 0);
    for file in samples() {
        let all = shown(&file, "%evt.args").len();
        assert!(all > 0);
        for at in (0..file.0.len()).step_by(3) {
            for lie in LIES {
                let mut file = file.clone();
                let Some(place) = file.0.get_mut(at..at + lie.len()) else {
                    continue;
                };
                place.copy_from_slice(lie);
                let len = file.0.len() as u64;
                match replay(file.0, "%evt.args %fd.name %proc.cmdline") {
                    Ok(lines) => cut += usize::from(lines.len() < all),
                    Err(error) => {
                        errors += 1;
                        if let Some(error) = error.downcast_ref::<CaptureError>() {
                            assert!(error.offset <= len, "{error}");
                        } else {
                            assert!(at < 4, "{error}");
                        }
                    }
                }
            }
        }
    }
    println!("{errors} errors, {cut} captures that end early");
    assert!(errors > 0 && cut > 0);
}

/// Files in a tar archive.
fn archived(archive: &[u8]) -> Vec<&[u8]> {
    let mut files = Vec::new();
    let mut rest = archive;
    while let Some((header, data)) = rest.split_at_checked(512) {
        let len = std::str::from_utf8(&header[124..135]).unwrap_or_default();
        let Ok(len) = usize::from_str_radix(len, 8) else {
            break;
        };
        files.push(&data[..len]);
        rest = &data[len.next_multiple_of(512)..];
    }
    files
}

/// What the fuzz target `capture` begins with, and what its runs came to: read
/// here as it is there, so that it stays right without a fuzzer.
#[test]
fn inputs_of_the_fuzzer() {
    let seeds = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds"));
    let packed = std::fs::File::open(seeds.join("capture.tar.zst")).expect("a corpus");
    let mut archive = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(packed)
        .expect("zstd")
        .read_to_end(&mut archive)
        .expect("an archive");
    let mut inputs: Vec<Vec<u8>> = archived(&archive)
        .iter()
        .map(|file| file.to_vec())
        .collect();
    for entry in std::fs::read_dir(seeds.join("capture")).expect("seeds") {
        inputs.push(std::fs::read(entry.expect("an entry").path()).expect("a seed"));
    }
    let format = "%evt.num %evt.type %evt.args %fd.name %proc.cmdline %proc.aname %user.name";
    let mut events = 0;
    for input in &inputs {
        let compressed = [&b"\x1F\x8B"[..], b"\x28\xB5\x2F\xFD"];
        let file = match compressed.iter().any(|magic| input.starts_with(magic)) {
            true => input.clone(),
            false => [&File::new().0[..], input].concat(),
        };
        events += replay(file, format).map_or(0, |lines| lines.len());
    }
    println!(
        "{} inputs, {events} events of those that are no error",
        inputs.len()
    );
    assert!(inputs.len() > 600 && events > 20);
}

/// A list of ever the same process cannot fill the memory.
#[test]
fn entries_that_never_end() {
    let mut file = File::new();
    for thread in 0..100_000 {
        file = file.event(V1, 4, thread, &[number(7)]);
    }
    assert!(shown(&file, "%evt.num").is_empty());
}

/// Runs the program over the file, with a rule for every `openat`.
fn run(arguments: &[&str], config: &str) -> (bool, String, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let rule = "- rule: opened\n  desc: d\n  condition: evt.type = openat\n  \
                output: opened %fd.name\n  priority: INFO\n";
    std::fs::write(path("rules.yaml"), rule).expect("rules");
    std::fs::write(
        path("falco.yaml"),
        format!("stdout_output: {{enabled: true}}\n{config}"),
    )
    .expect("a configuration");
    std::fs::write(path("file.scap"), whole().0).expect("a capture");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(["-c", "falco.yaml", "-r", "rules.yaml"])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_program_replays() {
    let replay = "engine: {kind: replay, replay: {capture_file: file.scap}}\n";
    for (arguments, config) in [(&["-e", "file.scap"][..], ""), (&[], replay)] {
        let (worked, out, err) = run(arguments, config);
        assert!(worked, "{err}");
        assert!(out.contains("Informational opened /home/a/b"), "{out}");
        assert!(out.contains("Events detected: 1\n"), "{out}");
    }
    let (worked, _, err) = run(&["-e", "none.scap"], "");
    assert!(
        !worked && err.contains("cannot open capture none.scap"),
        "{err}"
    );
    let (worked, _, err) = run(&["-e", "rules.yaml"], "");
    assert!(!worked && err.contains("this is no capture"), "{err}");
    let (worked, _, err) = run(&[], "engine: {kind: replay}\n");
    assert!(
        !worked && err.contains("capture_file names no capture"),
        "{err}"
    );
}
