//! Steps about processes: programs, groups, sessions, users, threads, names,
//! directories, namespaces, containers.

use std::fs;
use std::io::Read as _;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::libc;

use crate::kernel::{
    call, close, end, exec, fork, fork_by_clone3, fork_with, open, open_at, stat, stat_open, text,
    wait,
};
use crate::scene::{DIR, become_program, mark, now, program, run_at, say, say_span};

fn own_id() -> u32 {
    std::process::id()
}

fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

fn thread_id() -> anyhow::Result<usize> {
    Ok(call(libc::SYS_gettid, &[])?)
}

/// The program itself tells what is known of it.
pub(crate) fn exec_facts() -> anyhow::Result<()> {
    let step = "exec";
    let stat_line = fs::read_to_string("/proc/self/stat")?;
    let columns = stat_line.rsplit(')').next().unwrap_or_default();
    let tty = columns.split_whitespace().nth(4).context("no terminal")?;
    ensure!(tty != "0", "no terminal");
    say(step, "tty", tty)?;
    say(step, "pid", own_id())?;
    say(step, "ppid", parent_id())?;
    say(step, "nametid", format_args!("exec{}", own_id()))?;
    let exe = stat("/proc/self/exe")?;
    say(step, "exe.ino", exe.ino)?;
    say(step, "exe.ctime", exe.times.0)?;
    say(step, "exe.mtime", exe.times.1)
}

/// Leads a group in which another program is.
pub(crate) fn group() -> anyhow::Result<()> {
    run_at(&program("member"))
}

/// In the group of its parent.
pub(crate) fn member() -> anyhow::Result<()> {
    say("member", "ppid", parent_id())
}

/// Makes a session, which who leads a group cannot do.
pub(crate) fn session() -> anyhow::Result<()> {
    let pid = fork()?;
    if pid == 0 {
        let begin = || {
            call(libc::SYS_setsid, &[])?;
            say("session", "pid", own_id())
        };
        if begin().is_ok() {
            let failed = become_program("leader");
            eprintln!("{failed:#}");
        }
        end(1);
    }
    wait(pid)
}

/// Leads a session and a group.
pub(crate) fn leader() -> anyhow::Result<()> {
    say("leader", "pid", own_id())
}

/// Becomes another user.
pub(crate) fn ids() -> anyhow::Result<()> {
    call(libc::SYS_setresgid, &[1001, 1001, 1001])?;
    call(libc::SYS_setresuid, &[1000, 1000, 1000])?;
    mark("ids")?;
    Err(become_program("plain"))
}

/// Keeps two capabilities.
pub(crate) fn caps() -> anyhow::Result<()> {
    const VERSION: u32 = 0x2008_0522;
    let (chown, kill) = (1_u32 << 0, 1_u32 << 5);
    let header = [VERSION, 0];
    // Effective, permitted, inheritable; then the upper halves.
    let sets = [kill, chown | kill, chown, 0, 0, 0];
    let arguments = [
        std::ptr::from_ref(&header).addr(),
        std::ptr::from_ref(&sets).addr(),
    ];
    call(libc::SYS_capset, &arguments)?;
    Ok(())
}

/// Maps memory, and looks at once how much there is.
pub(crate) fn memory() -> anyhow::Result<()> {
    let mut buffer = [0_u8; 4096];
    let mut file = fs::File::open("/proc/self/status")?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let none = usize::MAX;
    call(
        libc::SYS_mmap,
        &[
            0,
            12_345_344,
            libc::PROT_READ as usize,
            flags as usize,
            none,
            0,
        ],
    )?;
    let len = file.read(&mut buffer)?;
    let status = String::from_utf8_lossy(&buffer[..len]);
    let size = status.lines().find_map(|l| l.strip_prefix("VmSize:"));
    let size = size.and_then(|size| size.split_whitespace().next());
    say("memory", "vmsize", size.context("no VmSize")?)
}

/// Two threads behind the first.
pub(crate) fn thread() -> anyhow::Result<()> {
    let both = Barrier::new(3);
    thread::scope(|scope| {
        scope.spawn(|| {
            // All of them are in it then.
            let entered = std::env::set_current_dir("dir");
            both.wait();
            both.wait();
            entered.expect("a directory");
        });
        let second = scope.spawn(|| {
            both.wait();
            let told = say("thread", "pid", own_id())
                .and_then(|()| say("thread", "tid", thread_id()?))
                .and_then(|()| mark("thread"));
            both.wait();
            told
        });
        both.wait();
        both.wait();
        second.join().unwrap_or_else(|_| anyhow::bail!("it died"))
    })
}

/// The first thread ends, another goes on.
pub(crate) fn headless() -> anyhow::Result<()> {
    thread::spawn(|| {
        let path = format!("/proc/self/task/{}/stat", own_id());
        let is_over = || fs::read_to_string(&path).is_ok_and(|stat| stat.contains(") Z "));
        while !is_over() {
            thread::sleep(Duration::from_millis(5));
        }
        let told = say("headless", "pid", own_id()).and_then(|()| mark("headless"));
        end(usize::from(told.is_err()));
    });
    // This thread alone.
    call(libc::SYS_exit, &[0])?;
    Ok(())
}

/// Another thread than the first becomes a program.
pub(crate) fn threadexec() -> anyhow::Result<()> {
    let failed = thread::spawn(|| become_program("fromthread")).join();
    Err(failed.unwrap_or_else(|_| anyhow::anyhow!("it died")))
}

/// It has the id of the first thread.
pub(crate) fn fromthread() -> anyhow::Result<()> {
    say("fromthread", "pid", own_id())
}

/// Takes in what its child leaves behind.
pub(crate) fn reaper() -> anyhow::Result<()> {
    let set_child_subreaper = 36;
    call(libc::SYS_prctl, &[set_child_subreaper, 1])?;
    let reaper = own_id();
    let pid = fork()?;
    if pid == 0 {
        if fork().is_ok_and(|pid| pid == 0) {
            while parent_id() != reaper {
                thread::sleep(Duration::from_millis(5));
            }
            let told = say("orphan", "reaper", reaper).and_then(|()| mark("orphan"));
            end(usize::from(told.is_err()));
        }
        end(0);
    }
    wait(pid)?;
    let any = usize::MAX;
    call(libc::SYS_wait4, &[any, 0, 0, 0])?;
    Ok(())
}

/// Calls itself something else.
pub(crate) fn title() -> anyhow::Result<()> {
    let name = text("another");
    call(
        libc::SYS_prctl,
        &[libc::PR_SET_NAME as usize, name.as_ptr().addr()],
    )?;
    mark("title")?;
    let pid = fork()?;
    if pid == 0 {
        end(usize::from(mark("titled").is_err()));
    }
    wait(pid)
}

/// Goes into directories by path and by descriptor.
pub(crate) fn chdir() -> anyhow::Result<()> {
    std::env::set_current_dir("dir")?;
    close(open("below-chdir", libc::O_CREAT | libc::O_WRONLY)?)?;
    let mark = open("../mark", libc::O_DIRECTORY)?;
    call(libc::SYS_fchdir, &[mark])?;
    let path = text("below-fchdir");
    let here = libc::AT_FDCWD as usize;
    call(libc::SYS_mkdirat, &[here, path.as_ptr().addr(), 0o755])?;
    Ok(())
}

fn change_root() -> anyhow::Result<()> {
    let root = text(&format!("{DIR}/root"));
    call(libc::SYS_chroot, &[root.as_ptr().addr()])?;
    std::env::set_current_dir("/")?;
    Ok(())
}

/// Has another root.
pub(crate) fn chroot() -> anyhow::Result<()> {
    change_root()?;
    close(open("/inside", libc::O_RDONLY)?)?;
    Ok(())
}

/// Makes a pid namespace. The caller is told the id that its child has here.
pub(crate) fn pidns() -> anyhow::Result<()> {
    call(libc::SYS_unshare, &[libc::CLONE_NEWPID as usize])?;
    let (after, pid) = (now()?, fork()?);
    if pid == 0 {
        let failed = become_first(after);
        eprintln!("{failed:?}");
        end(1);
    }
    say("first", "pid", pid)?;
    say("first", "ppid", own_id())?;
    say_span("first", ("pidns.after", "pidns.before"), after, now()?)?;
    wait(pid)
}

fn become_first(after: i64) -> anyhow::Result<()> {
    let before = now()?;
    call(libc::SYS_setsid, &[])?;
    // Its program is younger than the namespace.
    thread::sleep(Duration::from_millis(50));
    let path = program("first");
    let name = text(&path);
    let here = libc::AT_FDCWD as usize;
    call(libc::SYS_fchmodat, &[here, name.as_ptr().addr(), 0o755])?;
    let ctime = stat(&path)?.times.0;
    say_span(
        "first",
        ("young.least", "young.most"),
        ctime - before,
        ctime - after,
    )?;
    Err(become_program("first"))
}

/// The first process of its namespace.
pub(crate) fn first() -> anyhow::Result<()> {
    ensure!(own_id() == 1, "not the first");
    run_at(&program("second"))
}

/// What the proc file system, which is that of outside, calls it.
pub(crate) fn second() -> anyhow::Result<()> {
    ensure!(own_id() == 2, "not the second");
    let own = fs::read_link("/proc/self")?;
    say("second", "pid", own.display())
}

/// Has all capabilities where nobody else is.
pub(crate) fn userns() -> anyhow::Result<()> {
    call(libc::SYS_unshare, &[libc::CLONE_NEWUSER as usize])?;
    mark("userns")
}

/// Mounts a file system.
pub(crate) fn mount(
    source: &str,
    target: &str,
    kind: &str,
    flags: u64,
    options: &str,
) -> anyhow::Result<()> {
    let texts = [source, target, kind, options].map(text);
    let [source, target, kind, options] = [0, 1, 2, 3].map(|n| texts[n].as_ptr().addr());
    let arguments = [source, target, kind, flags as usize, options];
    call(libc::SYS_mount, &arguments)?;
    Ok(())
}

/// Sees another file system in a place than the others.
pub(crate) fn mntns() -> anyhow::Result<()> {
    call(libc::SYS_unshare, &[libc::CLONE_NEWNS as usize])?;
    mount("none", "/", "none", libc::MS_REC | libc::MS_PRIVATE, "")?;
    mount("scene", "dir", "tmpfs", 0, "")?;
    let fd = open(&format!("{DIR}/dir/mounted"), libc::O_CREAT | libc::O_RDWR)?;
    let file = stat_open(fd)?;
    say("mntns", "ino", file.ino)?;
    say("mntns", "minor", file.numbers.1)
}

/// Enters a pid namespace that another process is the first of: its children are
/// in it.
pub(crate) fn setns() -> anyhow::Result<()> {
    let (after, other) = (now()?, fork_with(libc::CLONE_NEWPID)?);
    if other == 0 {
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }
    say_span("entered", ("pidns.after", "pidns.before"), after, now()?)?;
    let namespace = format!("/proc/{other}/ns/pid");
    let link = fs::read_link(&namespace)?;
    say("setns", "namespace", link.display())?;
    let fd = open(&namespace, libc::O_RDONLY)?;
    call(libc::SYS_setns, &[fd, libc::CLONE_NEWPID as usize])?;
    let pid = fork()?;
    if pid == 0 {
        end(usize::from(mark("entered").is_err()));
    }
    say("entered", "pid", pid)?;
    let over = wait(pid);
    call(libc::SYS_kill, &[other, libc::SIGKILL as usize])?;
    call(libc::SYS_wait4, &[other, 0, 0, 0])?;
    over
}

/// Starts a program with its own memory until that runs.
pub(crate) fn vfork() -> anyhow::Result<()> {
    let pid = crate::kernel::vfork(&program("vforked"))?;
    say("vfork", "pid", pid)?;
    say("vforked", "pid", pid)?;
    say("vforked", "ppid", own_id())?;
    wait(pid)
}

/// Makes a process that has the same parent, and goes on when that is over.
pub(crate) fn clone3() -> anyhow::Result<()> {
    let pid = fork_by_clone3(libc::CLONE_PARENT | libc::CLONE_VFORK)?;
    if pid == 0 {
        end(usize::from(mark("sibling").is_err()));
    }
    say("clone3", "pid", pid)?;
    say("sibling", "pid", pid)?;
    say("sibling", "ppid", parent_id())
}

/// Goes where runtimes put containers, and becomes a program of one.
pub(crate) fn contain() -> anyhow::Result<()> {
    let id = "0123456789abcdef".repeat(4);
    let group = format!("/sys/fs/cgroup/docker-{id}.scope");
    fs::create_dir_all(&group)?;
    let pid = fork()?;
    if pid == 0 {
        let become_contained = || -> anyhow::Result<()> {
            fs::write(format!("{group}/cgroup.procs"), own_id().to_string())?;
            change_root()?;
            call(libc::SYS_setresgid, &[1001, 1001, 1001])?;
            call(libc::SYS_setresuid, &[1000, 1000, 1000])?;
            Err(exec("/contained", &["contained"], &[]))
        };
        let failed = become_contained();
        eprintln!("{failed:?}");
        end(1);
    }
    wait(pid)?;
    fs::remove_dir(&group)?;
    Ok(())
}

/// Lives for a while, as containers do.
pub(crate) fn contained() -> anyhow::Result<()> {
    thread::sleep(Duration::from_secs(1));
    let here = libc::AT_FDCWD as usize;
    close(open_at(here, "/inside", libc::O_RDONLY, 0)?)?;
    thread::sleep(Duration::from_millis(200));
    Ok(())
}
