//! What the state makes of events, and what it takes from the proc file system.

mod machine;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bumpalo::Bump;
use falco_abi::event::Event as Kind;
use falco_engine::event::{Event, RecordBuilder};
use falco_engine::state::{Purging, State, UNSET};
use machine::{ID, Root};

fn apply(state: &mut State, record: RecordBuilder) {
    let record = record.build();
    let event = Event::decode(&record, 1, 0).unwrap();
    state.before(&event);
    state.after(&event);
}

fn task_new(maker: u32, tid: u32, pid: u32, ptid: u32) -> RecordBuilder {
    RecordBuilder::new(Kind::TaskNew, maker)
        .number("tid", i64::from(tid))
        .number("pid", i64::from(pid))
        .number("ptid", i64::from(ptid))
}

fn execve(pid: u32, comm: &str, args: &str) -> RecordBuilder {
    RecordBuilder::new(Kind::Execve, pid)
        .number("res", 0)
        .bytes("exe", comm.as_bytes())
        .bytes("comm", comm.as_bytes())
        .bytes("args", args.as_bytes())
}

fn exit(tid: u32, pid: u32) -> RecordBuilder {
    RecordBuilder::new(Kind::Procexit, tid)
        .header(|h| h.pid = pid)
        .number("reaper_tid", 1)
}

fn ancestors(state: &State, tid: u32) -> Vec<u32> {
    let thread = state.thread(tid).unwrap();
    let all = state.threads().ancestors(thread);
    all.map(|t| t.tid).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// init (1), its child bash (10).
fn state() -> State {
    let mut state = State::new();
    apply(&mut state, execve(1, "init", ""));
    apply(&mut state, task_new(1, 10, 10, 1));
    apply(
        &mut state,
        execve(10, "bash", "-l\0")
            .number("uid", 1000)
            .bytes("env", b"A=1\0")
            .bytes("cgroups", format!("cpu=/docker/{ID}\0").as_bytes()),
    );
    state
}

#[test]
fn a_child_is_its_parents_copy() {
    let mut state = state();
    apply(&mut state, task_new(10, 20, 20, 10).number("start", 77));
    let (parent, child) = (state.thread(10).unwrap(), state.thread(20).unwrap());
    assert!(std::ptr::eq(&*parent.image, &*child.image));
    assert_eq!(parent.cmdline.as_ptr(), child.cmdline.as_ptr());
    assert_eq!((child.uid, child.start), (1000, 77));
    assert_eq!(child.container.as_ref().unwrap().id(), "7939f7035e61");
    assert_eq!(ancestors(&state, 20), [10, 1]);
}

#[test]
fn a_program_replaces_the_image_alone() {
    let mut state = state();
    apply(&mut state, task_new(10, 20, 20, 10));
    apply(&mut state, execve(20, "ls", "-l\0/\0").number("ptid", 10));
    let thread = state.thread(20).unwrap();
    assert_eq!(text(&thread.cmdline), "ls -l /");
    assert_eq!(thread.uid, 1000);
    // Without an environment in the record it has the one from before.
    assert_eq!(thread.image.env, state.thread(10).unwrap().image.env);
    // The record tells no groups: those of the parent are still right.
    assert!(thread.container.is_some());
    assert_eq!(text(&state.thread(10).unwrap().cmdline), "bash -l");
}

#[test]
fn a_failed_program_changes_nothing() {
    let mut state = state();
    apply(&mut state, execve(10, "nothing", "").number("res", -2));
    assert_eq!(text(state.thread(10).unwrap().comm()), "bash");
}

#[test]
fn a_program_is_started_by_another_thread() {
    let mut state = state();
    apply(&mut state, task_new(10, 11, 10, 1));
    apply(&mut state, task_new(10, 12, 10, 1));
    assert_eq!(state.threads().thread_count(10), 3);
    assert_eq!(ancestors(&state, 11), [1]);
    // As the kernel has it, the thread has the id of the process by then.
    apply(&mut state, execve(10, "new", ""));
    assert_eq!(state.threads().thread_count(10), 1);
    assert!(state.thread(11).is_none() && state.thread(12).is_none());
    assert_eq!(ancestors(&state, 10), [1]);
    // A record with the old id means the same.
    apply(&mut state, task_new(10, 13, 10, 1));
    let record = execve(13, "newer", "").header(|h| h.pid = 10);
    apply(&mut state, record);
    assert_eq!(text(state.thread(10).unwrap().comm()), "newer");
    assert!(state.thread(13).is_none());
}

#[test]
fn a_thread_is_there_until_its_end_was_seen() {
    let mut state = state();
    apply(&mut state, task_new(10, 20, 20, 10));
    apply(&mut state, task_new(20, 30, 30, 20));
    let record = exit(20, 20).build();
    let event = Event::decode(&record, 1, 0).unwrap();
    state.before(&event);
    assert!(state.thread(20).is_some());
    state.after(&event);
    assert!(state.thread(20).is_none());
    assert_eq!(ancestors(&state, 30), [1]);
    assert_eq!(state.thread(30).unwrap().ptid, 1);
}

#[test]
fn the_first_thread_ends_first() {
    let mut state = state();
    apply(&mut state, task_new(10, 11, 10, 1));
    apply(&mut state, exit(10, 10));
    assert_eq!(ancestors(&state, 11), [1]);
    apply(&mut state, exit(11, 10));
    assert!(state.thread(10).is_none() && state.thread(11).is_none());
    assert_eq!(state.threads().len(), 1);
}

#[test]
fn ids_change() {
    let mut state = state();
    let set = |kind, names: &[&str], ids: &[i64]| {
        let record = RecordBuilder::new(kind, 10).number("res", 0);
        let pairs = names.iter().zip(ids);
        pairs.fold(record, |record, (name, id)| record.number(name, *id))
    };
    let ids = |state: &State| {
        let t = state.thread(10).unwrap();
        (t.ruid, t.uid, t.rgid, t.gid)
    };
    let unset = i64::from(UNSET);
    apply(
        &mut state,
        set(Kind::Setresuid, &["ruid", "euid", "suid"], &[5, 0, unset]),
    );
    // Nobody told the groups.
    assert_eq!(ids(&state), (5, 0, UNSET, UNSET));
    apply(&mut state, set(Kind::Setgid, &["gid"], &[7]));
    assert_eq!(ids(&state), (5, 0, 7, 7));
    apply(
        &mut state,
        set(Kind::Setregid, &["rgid", "egid"], &[unset, 8]),
    );
    assert_eq!(ids(&state), (5, 0, 7, 8));
    apply(&mut state, set(Kind::Setuid, &["uid"], &[9]));
    assert_eq!(ids(&state), (9, 9, 7, 8));
    let failed = RecordBuilder::new(Kind::Setuid, 10)
        .number("res", -1)
        .number("uid", 0);
    apply(&mut state, failed);
    assert_eq!(ids(&state), (9, 9, 7, 8));
}

#[test]
fn paths_tell_the_working_directory() {
    let mut state = state();
    let open = |base: &[u8], dirfd: i64| {
        RecordBuilder::new(Kind::Openat, 10)
            .number("fd", 3)
            .number("dirfd", dirfd)
            .bytes("name", b"x")
            .bytes("base", base)
    };
    let cwd = |state: &State| text(&state.thread(10).unwrap().cwd).to_owned();
    apply(&mut state, open(b"/srv", -100));
    assert_eq!(cwd(&state), "/srv/");
    apply(&mut state, open(b"/elsewhere", 4));
    assert_eq!(cwd(&state), "/srv/");
    apply(&mut state, open(b"/", -100));
    assert_eq!(cwd(&state), "/");
}

#[test]
fn a_pid_namespace_has_a_first_process() {
    let mut state = state();
    let new = |maker, tid: u32, ns: i64, vpid: i64| {
        task_new(maker, tid, tid, maker)
            .number("pidns", ns)
            .number("vpid", vpid)
            .number("start", i64::from(tid) * 100)
    };
    apply(&mut state, new(10, 20, 1, 20));
    apply(&mut state, new(20, 30, 2, 1));
    apply(&mut state, new(30, 40, 2, 2));
    assert_eq!(state.thread(20).unwrap().pidns_start, 0);
    assert_eq!(state.thread(30).unwrap().pidns_start, 3000);
    assert_eq!(state.thread(40).unwrap().pidns_start, 3000);
}

#[test]
fn threads_are_found_at_the_start() {
    let root = Root::new("scan");
    // Children before their parents.
    root.process(5, 5, 9, "child");
    root.process(9, 9, 1, "parent");
    root.process(10, 9, 1, "worker");
    root.write("proc/11/status", "nonsense");
    root.write("proc/12/status", "Tgid:\t12\n");
    root.write("proc/self/status", "Tgid:\t12\n");
    let mut state = root.state();
    assert_eq!(state.scan(), 3);
    let parent = state.thread(9).unwrap();
    assert_eq!(text(&parent.cmdline), "parent -x");
    assert_eq!((parent.uid, parent.loginuid, parent.vtid), (33, 1000, 3));
    assert_eq!(parent.container.as_ref().unwrap().full_id(), ID);
    let worker = state.thread(10).unwrap();
    assert_eq!(text(&worker.cmdline), "worker -x");
    assert!(std::ptr::eq(&*worker.image, &*parent.image));
    assert_eq!(state.threads().thread_count(9), 2);
    assert_eq!(ancestors(&state, 5), [9]);
    apply(&mut state, exit(10, 9));
    apply(&mut state, exit(9, 9));
    assert_eq!(state.thread(5).unwrap().ptid, 1);
}

#[test]
fn missed_threads_are_looked_for_once() {
    let root = Root::new("heal");
    root.process(1, 1, 0, "init");
    root.process(20, 20, 1, "parent");
    root.process(30, 30, 20, "child");
    root.process(31, 30, 20, "worker");
    let mut state = root.state();
    let event = |tid: u32, pid: u32| RecordBuilder::new(Kind::Kill, tid).header(|h| h.pid = pid);
    apply(&mut state, event(31, 30));
    assert_eq!(text(state.thread(31).unwrap().comm()), "worker");
    assert_eq!(ancestors(&state, 31), [20, 1]);
    assert_eq!(state.counters().healed, 1);
    for _ in 0..3 {
        apply(&mut state, event(40, 40));
    }
    assert_eq!(state.counters().unknown, 1);
    assert!(state.thread(40).is_none());
    // It is made known by its parent after all.
    apply(&mut state, task_new(20, 40, 40, 20));
    assert_eq!(ancestors(&state, 40), [20, 1]);
}

#[test]
fn users_are_those_of_the_container() {
    let root = Root::new("users");
    root.process(9, 9, 1, "web");
    root.write("etc/passwd", "host:x:33:33::/h:/bin/sh\n");
    root.write("proc/9/root/etc/passwd", "web:x:33:33::/w:/bin/false\n");
    let mut state = root.state();
    state.scan();
    apply(&mut state, RecordBuilder::new(Kind::Kill, 9));
    let container = state.thread(9).unwrap().container.clone().unwrap();
    // The files are read by another thread; it may not have had its turn.
    for _ in 0..1000 {
        if container.users().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let arena = Bump::new();
    let name = |container, uid| state.user_name(container, uid, &arena);
    assert_eq!(name(Some(&*container), 33), "web");
    assert_eq!(name(Some(&*container), 0), "root");
    assert_eq!(name(Some(&*container), 5), "<NA>");
    assert_eq!(name(None, 33), "host");
}

#[test]
fn threads_whose_end_was_lost_go() {
    let root = Root::new("sweep");
    root.process(9, 9, 1, "gone");
    root.process(10, 10, 1, "lives");
    let mut state = root.state();
    state.scan();
    std::fs::remove_dir_all(root.0.join("proc/9")).unwrap();
    // One half each second; what is gone is known for three seconds.
    state.set_purging(Purging {
        interval: 2,
        timeout: 0,
    });
    for _ in 0..4 {
        state.sweep(1);
        assert!(state.thread(9).is_some());
    }
    for _ in 0..3 {
        state.sweep(1);
    }
    assert!(state.thread(10).is_some());
    assert!(state.thread(9).is_none());
    assert_eq!(state.counters().swept, 1);
}

#[test]
fn this_machine() {
    let mut child = Command::new("sleep")
        .arg("60")
        .current_dir("/")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut state = State::of_host(Path::new("/"), Arc::default()).unwrap();
    let threads = state.scan();
    let found = state.thread(child.id()).cloned();
    child.kill().unwrap();
    child.wait().unwrap();
    let found = found.unwrap();
    assert_eq!(found.ptid, std::process::id());
    assert_eq!(text(&found.cwd), "/");
    // Between fork and exec it still is this program.
    assert!(text(found.exepath()).starts_with('/'));
    assert_eq!(state.threads().len(), threads);
}

#[test]
fn threads_of_a_process_are_in_one_directory() {
    let mut state = state();
    apply(&mut state, task_new(10, 11, 10, 1));
    apply(&mut state, task_new(10, 12, 10, 1));
    let chdir = RecordBuilder::new(Kind::Chdir, 11).header(|h| h.pid = 10);
    apply(&mut state, chdir.number("res", 0).bytes("cwd", b"/tmp/x"));
    for tid in [10, 11, 12] {
        assert_eq!(text(&state.thread(tid).unwrap().cwd), "/tmp/x/", "{tid}");
    }
}

#[test]
fn a_directory_does_not_grow_without_an_end() {
    let mut state = state();
    let longest = libc::PATH_MAX as usize;
    apply(&mut state, task_new(10, 20, 20, 10));
    let mut seen = 0;
    for _ in 0..longest {
        let chdir = RecordBuilder::new(Kind::Chdir, 20);
        apply(&mut state, chdir.number("res", 0).bytes("path", b"deep"));
        let len = state.thread(20).unwrap().cwd.len();
        assert!(len <= longest + "deep/".len(), "{len}");
        seen = seen.max(len);
    }
    // As long as a path may be, it is followed.
    assert!(seen >= longest, "{seen}");
}

#[test]
fn calls_that_change_a_process_are_followed() {
    let mut state = state();
    apply(
        &mut state,
        task_new(10, 20, 20, 10)
            .number("vtid", 20)
            .number("vpid", 20),
    );
    let chdir = RecordBuilder::new(Kind::Chdir, 20);
    apply(
        &mut state,
        chdir
            .number("res", 0)
            .bytes("path", b"x")
            .bytes("cwd", b"/tmp/x"),
    );
    let thread = state.thread(20).unwrap();
    assert_eq!(text(&thread.cwd), "/tmp/x/");
    apply(
        &mut state,
        RecordBuilder::new(Kind::Setsid, 20).number("res", -1),
    );
    assert_eq!(state.thread(20).unwrap().sid, state.thread(10).unwrap().sid);
    apply(
        &mut state,
        RecordBuilder::new(Kind::Setsid, 20).number("res", 20),
    );
    let thread = state.thread(20).unwrap();
    // Its group is told by the next program.
    let group = state.thread(10).unwrap().pgid;
    assert_eq!((thread.sid, thread.pgid), (20, group));
    apply(
        &mut state,
        task_new(20, 30, 30, 20)
            .number("vtid", 30)
            .number("vpid", 30),
    );
    let group = |pid: i64, pgid: i64| {
        let record = RecordBuilder::new(Kind::Setpgid, 20).number("res", 0);
        record.number("pid", pid).number("pgid", pgid)
    };
    apply(&mut state, group(30, 0));
    let child = state.thread(30).unwrap();
    assert_eq!((child.sid, child.pgid, child.vpgid), (20, 30, 30));
    apply(&mut state, group(30, 20));
    assert_eq!(state.thread(30).unwrap().pgid, 20);
    let comm = state.thread(20).unwrap().comm().to_vec();
    let name = RecordBuilder::new(Kind::Prctl, 20).number("res", 0);
    let name = name
        .number("option", 15)
        .bytes("arg2_str", b"a-name-that-is-too-long");
    apply(&mut state, name);
    // Rules know it by its program.
    assert_eq!(state.thread(20).unwrap().comm(), comm);
    let caps = RecordBuilder::new(Kind::Capset, 20).number("res", 0);
    apply(
        &mut state,
        caps.number("cap_effective", 7).number("cap_permitted", 15),
    );
    let caps = state.thread(20).unwrap().caps;
    assert_eq!((caps.effective, caps.permitted), (7, 15));
}

fn opens(pid: u32, num: i64) -> RecordBuilder {
    RecordBuilder::new(Kind::Openat, pid)
        .number("fd", num)
        .bytes("name", b"/etc/hosts")
}

fn name_of(state: &State, pid: u32, num: u32) -> Option<&[u8]> {
    let files = state.threads().files(state.thread(pid)?)?;
    files.get(num).map(falco_engine::state::Descriptor::name)
}

#[test]
fn open_files_are_kept_from_when_they_are_wanted() {
    let mut state = state();
    apply(&mut state, opens(10, 3));
    assert_eq!(name_of(&state, 10, 3), Some(&b"/etc/hosts"[..]));
    state.keep_open_files(true);
    assert_eq!(name_of(&state, 10, 3), Some(&b"/etc/hosts"[..]));
    // What changed meanwhile would be missed.
    state.keep_open_files(false);
    assert_eq!(state.threads().all_files().len(), 0);
    apply(&mut state, opens(10, 4));
    state.keep_open_files(true);
    apply(&mut state, opens(10, 5));
    let known = [3, 4, 5].map(|num| name_of(&state, 10, num).is_some());
    assert_eq!(known, [false, false, true]);
}

#[test]
fn environments_are_read_when_they_are_wanted() {
    let root = Root::new("environments");
    for (tid, pid) in [(10, 10), (11, 10), (20, 20)] {
        root.process(tid, pid, 1, "service");
        root.write(&format!("proc/{tid}/environ"), &format!("ID={pid}\0"));
    }
    let env = |state: &State, tid| text(&state.thread(tid).unwrap().image.env).to_owned();
    let mut state = root.state();
    state.keep_environments(false);
    assert_eq!(state.scan(), 3);
    assert_eq!([10, 11, 20].map(|tid| env(&state, tid)), ["", "", ""]);
    // What an event tells is the newer one.
    let exec = RecordBuilder::new(Kind::Execve, 20)
        .number("res", 0)
        .bytes("exe", b"/bin/sh")
        .bytes("env", b"ID=new\0");
    apply(&mut state, exec);
    state.keep_environments(true);
    let read = ["ID=10\0", "ID=10\0", "ID=new\0"];
    assert_eq!([10, 11, 20].map(|tid| env(&state, tid)), read);
    let images = [10, 11].map(|tid| &*state.thread(tid).unwrap().image);
    assert!(std::ptr::eq(images[0], images[1]));
    // From now on they come with threads that are read.
    root.process(30, 30, 1, "service");
    root.write("proc/30/environ", "ID=30\0");
    apply(&mut state, RecordBuilder::new(Kind::Close, 30));
    assert_eq!(env(&state, 30), "ID=30\0");
}

#[test]
fn what_was_open_is_read_when_it_is_wanted() {
    use std::os::fd::AsRawFd;
    let mut state = State::of_host(Path::new("/"), Arc::default()).unwrap();
    state.keep_open_files(false);
    state.scan();
    let file = std::fs::File::open("/proc/self/status").unwrap();
    let (pid, num) = (std::process::id(), file.as_raw_fd());
    let close = |num| {
        RecordBuilder::new(Kind::Close, pid)
            .number("res", 0)
            .number("fd", num)
    };
    apply(&mut state, close(9999));
    assert_eq!(name_of(&state, pid, num as u32), None);
    state.keep_open_files(true);
    apply(&mut state, close(9999));
    let name = name_of(&state, pid, num as u32).map(text);
    assert_eq!(name, Some(&*format!("/proc/{pid}/status")));
}

#[test]
fn another_machine_has_the_same_limits() {
    let mut state = state();
    state.set_thread_limit(2);
    state.choose_hostname("node");
    state.restart();
    assert!(state.threads().is_empty());
    state.set_hostname("recorder");
    assert_eq!(state.hostname(), "node");
    for pid in [1, 2, 3] {
        apply(&mut state, execve(pid, "a", ""));
    }
    assert_eq!(state.threads().len(), 2);
    assert!(state.threads().refused() > 0);
}

/// Portable bits of the flags of the clone family.
const FILES: i64 = 1 << 0;
const THREAD: i64 = 1 << 13;
const VFORK: i64 = 1 << 27;

/// A call of the clone family returned in thread `tid`.
fn cloned(tid: u32, pid: u32, res: i64, flags: i64) -> RecordBuilder {
    RecordBuilder::new(Kind::Clone, tid)
        .header(|h| h.pid = pid)
        .number("res", res)
        .number("flags", flags)
}

fn unshare(tid: u32, pid: u32) -> RecordBuilder {
    RecordBuilder::new(Kind::Unshare, tid)
        .header(|h| h.pid = pid)
        .number("res", 0)
        .number("flags", FILES)
}

fn have<const N: usize>(state: &State, tids: [u32; N], num: u32) -> [bool; N] {
    tids.map(|tid| name_of(state, tid, num).is_some())
}

#[test]
fn a_child_shares_the_table_if_the_call_says_so() {
    let mut state = state();
    // What it opened before its maker's call returned is the maker's as well.
    apply(&mut state, task_new(10, 20, 20, 10));
    apply(&mut state, cloned(20, 20, 0, FILES));
    apply(&mut state, opens(20, 7));
    apply(&mut state, cloned(10, 10, 20, FILES));
    assert_eq!(have(&state, [10, 20], 7), [true, true]);
    // The caller's event says it where the child's was lost.
    apply(&mut state, task_new(10, 21, 21, 10));
    apply(&mut state, cloned(10, 10, 21, FILES));
    apply(&mut state, opens(21, 8));
    assert_eq!(have(&state, [10, 20, 21], 8), [true, true, true]);
    apply(&mut state, task_new(10, 22, 22, 10));
    apply(&mut state, cloned(22, 22, 0, 0));
    apply(&mut state, opens(22, 9));
    assert_eq!(have(&state, [10, 22], 9), [false, true]);
}

#[test]
fn a_child_in_a_pid_namespace_shares_the_table_too() {
    let mut state = state();
    let inside = |maker: u32, tid: u32, vtid: i64| {
        task_new(maker, tid, tid, maker)
            .number("vtid", vtid)
            .number("vpid", vtid)
    };
    apply(&mut state, inside(10, 20, 2));
    apply(&mut state, inside(20, 30, 3));
    apply(&mut state, cloned(30, 30, 0, FILES));
    apply(&mut state, opens(30, 5));
    // The caller is told an id of its own namespace.
    apply(&mut state, cloned(20, 20, 3, FILES));
    assert_eq!(have(&state, [20, 30], 5), [true, true]);
}

#[test]
fn a_program_has_a_table_of_its_own_whoever_made_it() {
    for child_tells in [true, false] {
        let mut state = state();
        let flags = FILES | VFORK;
        apply(&mut state, task_new(10, 20, 20, 10));
        if child_tells {
            apply(&mut state, cloned(20, 20, 0, flags));
        }
        apply(&mut state, execve(20, "ls", ""));
        apply(&mut state, opens(20, 5));
        // It went on when the child had its program.
        apply(&mut state, cloned(10, 10, 20, flags));
        assert_eq!(have(&state, [10, 20], 5), [false, true], "{child_tells}");
    }
}

#[test]
fn threads_have_the_table_of_the_thread_that_made_them() {
    let mut state = state();
    apply(&mut state, task_new(10, 11, 10, 1));
    apply(&mut state, cloned(11, 10, 0, THREAD | FILES));
    apply(&mut state, opens(11, 3));
    // One that was made without sharing.
    apply(&mut state, task_new(10, 12, 10, 1));
    apply(&mut state, cloned(12, 10, 0, THREAD));
    apply(&mut state, opens(12, 5));
    assert_eq!(have(&state, [10, 11, 12], 3), [true, true, true]);
    assert_eq!(have(&state, [10, 11, 12], 5), [false, false, true]);
    // One that was made by that one, with sharing.
    apply(&mut state, task_new(12, 13, 10, 1));
    apply(&mut state, cloned(13, 10, 0, THREAD | FILES));
    apply(&mut state, opens(13, 6));
    assert_eq!(
        have(&state, [10, 11, 12, 13], 6),
        [false, false, true, true]
    );
    for tid in [11, 12, 13] {
        apply(&mut state, exit(tid, 10));
    }
    assert_eq!(state.threads().all_files().len(), 1);
}

#[test]
fn a_program_has_the_table_of_the_thread_that_started_it() {
    for has_old_id in [true, false] {
        let mut state = state();
        apply(&mut state, opens(10, 3));
        for tid in [11, 12] {
            apply(&mut state, task_new(10, tid, 10, 1));
        }
        apply(&mut state, unshare(11, 10));
        apply(&mut state, opens(10, 4));
        apply(&mut state, opens(11, 5));
        // The others end before it begins.
        apply(&mut state, exit(12, 10));
        apply(&mut state, exit(10, 10));
        let caller = if has_old_id { 11 } else { 10 };
        apply(&mut state, execve(caller, "new", "").header(|h| h.pid = 10));
        let known = [3, 4, 5].map(|num| name_of(&state, 10, num).is_some());
        assert_eq!(known, [true, false, true], "{has_old_id}");
        assert_eq!(state.threads().thread_count(10), 1);
        assert_eq!(state.threads().all_files().len(), 1);
        assert_eq!(ancestors(&state, 10), [1]);
    }
}

#[test]
fn descriptors_end_with_a_program_if_the_call_said_so() {
    let mut state = state();
    let timer = |num: i64, flags: i32| {
        RecordBuilder::new(Kind::TimerfdCreate, 10)
            .number("res", num)
            .number("flags", flags.into())
    };
    apply(&mut state, timer(3, libc::TFD_NONBLOCK));
    apply(&mut state, timer(4, libc::TFD_CLOEXEC));
    assert_eq!(state.threads().all_files().open(), 2);
    // Captures have the call by which a program was started.
    let starts = RecordBuilder::new(Kind::Execveat, 10)
        .number("res", 0)
        .bytes("exe", b"new")
        .bytes("comm", b"new");
    apply(&mut state, starts);
    assert_eq!(text(state.thread(10).unwrap().comm()), "new");
    assert_eq!(have(&state, [10], 3), [true]);
    assert_eq!(have(&state, [10], 4), [false]);
}

#[test]
fn who_enters_a_user_namespace_may_do_everything_there() {
    let mut state = state();
    let enters = |path: &[u8], kinds: i64| {
        RecordBuilder::new(Kind::Setns, 10)
            .number("res", 0)
            .number("nstype", kinds)
            .bytes("path", path)
    };
    let permitted = |state: &State| state.thread(10).unwrap().caps.permitted;
    apply(&mut state, enters(b"net:[1]", 0));
    assert_eq!(permitted(&state), 0);
    apply(&mut state, enters(b"user:[1]", 0));
    assert_eq!(permitted(&state), (1 << 41) - 1);
    let mut state = self::state();
    // CLONE_NEWUSER.
    apply(&mut state, enters(b"pidfd", 1 << 20));
    assert_eq!(permitted(&state), (1 << 41) - 1);
}

/// A pid namespace with its first process and another one.
fn namespace(root: &Root) {
    root.process(1, 1, 0, "init");
    for (pid, vpid) in [(40, 1), (41, 2)] {
        root.process(pid, pid, 1, "inside");
        root.write(
            &format!("proc/{pid}/status"),
            &format!("Tgid:\t{pid}\nPPid:\t1\nNStgid:\t{pid}\t{vpid}\nNSpid:\t{pid}\t{vpid}\n"),
        );
        let stat = format!("{pid} (inside) S 1 1 1 0 1 0 1 0 1 0 0 0 0 0 20 0 1 0 {pid}00 1 1");
        root.write(&format!("proc/{pid}/stat"), &stat);
        let link = root.0.join(format!("proc/{pid}/ns/pid"));
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("pid:[77]", link).unwrap();
    }
}

#[test]
fn namespaces_are_known_from_the_start() {
    let root = Root::new("namespace");
    namespace(&root);
    let mut state = root.state();
    state.scan();
    let start = state.thread(40).unwrap().start;
    for pid in [40, 41] {
        let thread = state.thread(pid).unwrap();
        assert_eq!((thread.pidns, thread.pidns_start), (77, start), "{pid}");
    }
    assert_ne!(state.thread(41).unwrap().start, start);
    // Who enters it from outside did not make it.
    let enters = |vpid: i64, pidns: i64| {
        task_new(41, 50, 50, 1)
            .number("start", 9)
            .number("vpid", vpid)
            .number("pidns", pidns)
    };
    apply(&mut state, enters(1, 88));
    assert_eq!(state.thread(50).unwrap().pidns_start, 9);
    let outside = task_new(50, 60, 60, 1).number("pidns", 77);
    apply(&mut state, outside.number("vpid", 3).number("start", 10));
    assert_eq!(state.thread(60).unwrap().pidns_start, start);
}

#[test]
fn what_was_open_is_known_when_somebody_may_ask() {
    let root = Root::new("asked");
    for pid in [20, 30, 40] {
        root.process(pid, pid, 1, "old");
        let link = root.0.join(format!("proc/{pid}/fd/3"));
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/etc/hosts", link).unwrap();
        root.write(
            &format!("proc/{pid}/limits"),
            "Limit            Soft Limit  Hard Limit  Units\nMax open files   512         1024        files\n",
        );
    }
    root.process(21, 20, 1, "thread");
    let mut state = root.state();
    state.scan();
    assert!(state.is_reading());
    let limits = |state: &State| [20, 21, 30].map(|tid| state.thread(tid).unwrap().usage.fd_limit);
    assert_eq!(limits(&state), [0, 0, 0]);
    let record = RecordBuilder::new(Kind::Poll, 20).number("res", 0).build();
    let event = Event::decode(&record, 1, 0).unwrap();
    state.before(&event);
    assert_eq!(have(&state, [20, 30], 3), [false, false]);
    state.know_open_files(&event);
    assert_eq!(have(&state, [20, 30], 3), [true, false]);
    assert_eq!(limits(&state), [512, 512, 0]);
    state.after(&event);
    // The others have their turn in the pauses, however little each has.
    while state.is_reading() {
        state.read_on();
    }
    assert_eq!(have(&state, [20, 30, 40], 3), [true, true, true]);
    assert_eq!(limits(&state), [512, 512, 512]);
}

#[test]
fn orphans_of_a_lost_process_have_the_nearest_reaper() {
    let root = Root::new("orphans");
    for (pid, ptid) in [(1, 0), (10, 1), (20, 10), (30, 20)] {
        root.process(pid, pid, ptid, "process");
    }
    let mut state = root.state();
    state.scan();
    let reaps = RecordBuilder::new(Kind::Prctl, 10).number("res", 0);
    apply(&mut state, reaps.number("option", 36).number("arg2_int", 1));
    std::fs::remove_dir_all(root.0.join("proc/20")).unwrap();
    state.set_purging(Purging {
        interval: 1,
        timeout: 0,
    });
    for _ in 0..8 {
        state.sweep(1);
    }
    assert!(state.thread(20).is_none());
    assert_eq!(ancestors(&state, 30), [10, 1]);
}

#[test]
fn users_of_containers_come_and_go() {
    let root = Root::new("useradd");
    root.process(9, 9, 1, "web");
    let passwd = |name: &str| {
        let line = format!("{name}:x:33:33::/w:/bin/false\n");
        root.write("proc/9/root/etc/passwd", &line);
    };
    passwd("first");
    let mut state = root.state();
    state.scan();
    let container = state.thread(9).unwrap().container.clone().unwrap();
    let name = |state: &State, uid| {
        state
            .user_name(Some(&container), uid, &Bump::new())
            .to_owned()
    };
    // Another thread reads, and looks again once a second.
    let await_name = |state: &mut State, wanted: &str| {
        for _ in 0..6000 {
            state.tick();
            apply(state, RecordBuilder::new(Kind::Kill, 9));
            if name(state, 33) == wanted {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{} is not {wanted}", name(state, 33));
    };
    await_name(&mut state, "first");
    passwd("another");
    await_name(&mut state, "another");
    // As a recorder tells it.
    let told = |kind, uid: i64| {
        RecordBuilder::new(kind, 0)
            .number("uid", uid)
            .bytes("name", b"told")
            .bytes("container_id", container.id().as_bytes())
    };
    apply(&mut state, told(Kind::Useradded, 44));
    assert_eq!(name(&state, 44), "told");
    assert_eq!(state.user_name(None, 44, &Bump::new()), "<NA>");
    apply(&mut state, told(Kind::Userdeleted, 44));
    assert_eq!(name(&state, 44), "<NA>");
}
