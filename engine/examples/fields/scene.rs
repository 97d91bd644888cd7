//! The scene: a login shell with a terminal of its own, and one program after
//! the other that it starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

use crate::kernel::{call, close, copy_to, end, exec, fork, move_to, open, stat, wait, write};
use crate::{files, older, processes, sockets};

/// Where everything happens.
pub(crate) const DIR: &str = "/tmp/fields";
/// What clocks of kernel and engine may differ by.
const SLACK: i64 = 20_000_000;
/// Environment of the programs.
const ENV: [&str; 2] = ["SCENE=live", "LEVEL=2"];

/// Part of the scene.
pub(crate) type Part = fn() -> anyhow::Result<()>;

/// The programs that the shell starts, in this order.
const PROGRAMS: &[&str] = &[
    "exec",
    "group",
    "session",
    "setuid",
    "ids",
    "caps",
    "memory",
    "thread",
    "headless",
    "threadexec",
    "reaper",
    "title",
    "chdir",
    "chroot",
    "pidns",
    "userns",
    "mntns",
    "setns",
    "vfork",
    "clone3",
    "memfd",
    "layers",
    "file",
    "tcp",
    "ipv6",
    "udp",
    "refused",
    "unix",
    "syslog",
    "kinds",
    "copies",
    "closed",
    "unshare",
    "together",
    "rights",
    "paths",
    "poll",
    "contain",
];

/// Programs that programs start.
const FURTHER: &[&str] = &[
    "bash",
    "member",
    "leader",
    "plain",
    "fromthread",
    "first",
    "second",
    "vforked",
];

/// What the program of this name does.
pub(crate) fn part(name: &str, words: &[&str]) -> Option<Part> {
    if words == ["in-memory"] {
        return Some(|| Ok(()));
    }
    Some(match name {
        "bash" => shell,
        "exec" => processes::exec_facts,
        "group" => processes::group,
        "member" => processes::member,
        "session" => processes::session,
        "leader" => processes::leader,
        "setuid" | "plain" | "upper" | "lower" | "vforked" => || Ok(()),
        "older" => older::older,
        "ids" => processes::ids,
        "caps" => processes::caps,
        "memory" => processes::memory,
        "thread" => processes::thread,
        "headless" => processes::headless,
        "threadexec" => processes::threadexec,
        "fromthread" => processes::fromthread,
        "reaper" => processes::reaper,
        "title" => processes::title,
        "chdir" => processes::chdir,
        "chroot" => processes::chroot,
        "pidns" => processes::pidns,
        "first" => processes::first,
        "second" => processes::second,
        "userns" => processes::userns,
        "mntns" => processes::mntns,
        "setns" => processes::setns,
        "vfork" => processes::vfork,
        "clone3" => processes::clone3,
        "contain" => processes::contain,
        "contained" => processes::contained,
        "memfd" => files::memfd,
        "layers" => files::layers,
        "file" => files::file,
        "kinds" => files::kinds,
        "copies" => files::copies,
        "kept" => || Ok(()),
        "closed" => files::closed,
        "unshare" => files::unshare,
        "together" => files::together,
        "rights" => files::rights,
        "paths" => files::paths,
        "tcp" => sockets::tcp,
        "ipv6" => sockets::ipv6,
        "udp" => sockets::udp,
        "refused" => sockets::refused,
        "unix" => sockets::unix,
        "syslog" => sockets::syslog,
        "poll" => sockets::poll,
        _ => return None,
    })
}

/// The name of this task.
pub(crate) fn own_name() -> anyhow::Result<String> {
    let name = fs::read_to_string("/proc/self/comm");
    // There is no such file in the roots that programs change to.
    Ok(name
        .unwrap_or_else(|_| "contained".into())
        .trim_end()
        .into())
}

/// Path of a program of the scene.
pub(crate) fn program(name: &str) -> String {
    format!("{DIR}/bin/{name}")
}

/// Tells a fact of a step.
pub(crate) fn say(step: &str, name: &str, value: impl std::fmt::Display) -> anyhow::Result<()> {
    let line = format!("{step}\t{name}\t{value}\n");
    write(1, line.as_bytes()).context("the facts")?;
    Ok(())
}

/// Nanoseconds since the epoch.
pub(crate) fn now() -> anyhow::Result<i64> {
    let time = clock_gettime(ClockId::CLOCK_REALTIME)?;
    Ok(time.tv_sec() * 1_000_000_000 + time.tv_nsec())
}

/// Tells a span of time within which something of the step happens.
pub(crate) fn say_span(
    step: &str,
    names: (&str, &str),
    after: i64,
    before: i64,
) -> anyhow::Result<()> {
    say(step, names.0, after - SLACK)?;
    say(step, names.1, before + SLACK)
}

/// Opens the file by which a step is found.
pub(crate) fn mark(step: &str) -> anyhow::Result<()> {
    let fd = open(&format!("{DIR}/mark/{step}"), libc::O_RDWR | libc::O_CREAT)?;
    close(fd)?;
    Ok(())
}

/// Starts a program of the scene in place of this one.
pub(crate) fn become_program(name: &str) -> anyhow::Error {
    exec(&program(name), &[name], &ENV)
}

/// Prepares everything, starts the shell and waits for it.
pub(crate) fn play() -> anyhow::Result<()> {
    prepare()?;
    // The terminal is there as long as this end of it is open.
    let (_master, terminal) = terminal()?;
    let (after, pid) = (now()?, fork()?);
    if pid == 0 {
        let failed = become_shell(&terminal, after);
        eprintln!("the shell: {failed:?}");
        end(1);
    }
    let shell = wait(pid).and_then(|()| older::go_on());
    let errors = fs::read_to_string(format!("{DIR}/errors")).unwrap_or_default();
    print!("{errors}");
    shell.context("the scene failed")?;
    ensure!(errors.is_empty(), "the scene failed");
    Ok(())
}

/// A new terminal: this end of it, and the path of the other.
fn terminal() -> anyhow::Result<(usize, String)> {
    let master = open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
    let (mut number, locked) = (0_u32, 0_u32);
    let locked = std::ptr::from_ref(&locked).addr();
    call(
        libc::SYS_ioctl,
        &[master, libc::TIOCSPTLCK as usize, locked],
    )?;
    let place = std::ptr::from_mut(&mut number).expose_provenance();
    call(libc::SYS_ioctl, &[master, libc::TIOCGPTN as usize, place])?;
    Ok((master, format!("/dev/pts/{number}")))
}

fn prepare() -> anyhow::Result<()> {
    let _ = fs::remove_dir_all(DIR);
    for part in [
        "bin", "mark", "dir", "root/etc", "low", "up", "work", "merged",
    ] {
        fs::create_dir_all(format!("{DIR}/{part}"))?;
    }
    fs::set_permissions(format!("{DIR}/mark"), PermissionsExt::from_mode(0o777))?;
    // One file with many names; other owners have their own.
    let own = std::env::current_exe()?;
    fs::copy(&own, program("fields"))?;
    for name in PROGRAMS.iter().chain(FURTHER).chain(&["kept"]) {
        if *name != "setuid" && *name != "first" {
            fs::hard_link(program("fields"), program(name))?;
        }
    }
    fs::copy(&own, program("first"))?;
    fs::copy(&own, program("setuid"))?;
    std::os::unix::fs::chown(program("setuid"), Some(1000), Some(1001))?;
    fs::set_permissions(program("setuid"), PermissionsExt::from_mode(0o6755))?;
    // Layers.
    fs::copy(&own, format!("{DIR}/low/lower"))?;
    fs::write(format!("{DIR}/low/lower-file"), "")?;
    let options = format!("lowerdir={DIR}/low,upperdir={DIR}/up,workdir={DIR}/work");
    processes::mount("overlay", &format!("{DIR}/merged"), "overlay", 0, &options)
        .context("overlay")?;
    fs::copy(&own, format!("{DIR}/merged/upper"))?;
    fs::write(format!("{DIR}/merged/upper-file"), "")?;
    // A root with users of its own.
    let root = format!("{DIR}/root");
    fs::write(
        format!("{root}/etc/passwd"),
        "root:x:0:0:root:/:/bin/no\ncarol:x:1000:1001:Carol:/home/carol:/bin/no\n",
    )?;
    fs::write(format!("{root}/etc/group"), "root:x:0:\ncrew:x:1001:\n")?;
    fs::write(format!("{root}/inside"), "")?;
    fs::copy(&own, format!("{root}/contained"))?;
    let libraries = ["/lib", "/lib64"]
        .iter()
        .filter(|lib| Path::new(lib).exists());
    let copied = Command::new("cp")
        .arg("-a")
        .args(libraries)
        .arg(&root)
        .status()?;
    ensure!(copied.success(), "the libraries were not copied");
    Ok(())
}

/// A session with a terminal, and three open files.
fn become_shell(terminal: &str, after: i64) -> anyhow::Result<()> {
    let before = now()?;
    let driver = std::os::unix::process::parent_id();
    call(libc::SYS_setsid, &[])?;
    open(terminal, libc::O_RDWR)?;
    let mut pipe = [0_i32; 2];
    let place = std::ptr::from_mut(&mut pipe).expose_provenance();
    call(libc::SYS_pipe2, &[place, 0])?;
    copy_to(pipe[0] as usize, 0)?;
    let append = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND;
    let (facts, errors) = (format!("{DIR}/facts"), format!("{DIR}/errors"));
    copy_to(open(&facts, append)?, 1)?;
    copy_to(open(&errors, append)?, 2)?;
    call(libc::SYS_close_range, &[3, u32::MAX as usize, 0])?;
    let limit = [512_u64, 512];
    let limit = std::ptr::from_ref(&limit).addr();
    let files = libc::RLIMIT_NOFILE as usize;
    call(libc::SYS_prlimit64, &[0, files, limit, 0])?;
    fs::write("/proc/self/loginuid", "1000").context("loginuid")?;
    std::env::set_current_dir(DIR)?;
    let arguments = fs::read(format!("/proc/{driver}/cmdline"))?;
    let exe = arguments.split(|&b| b == 0).next().unwrap_or_default();
    say("exec", "driver", driver)?;
    say("exec", "driver.exe", String::from_utf8_lossy(exe))?;
    let path = fs::read_link(format!("/proc/{driver}/exe"))?;
    say("exec", "driver.exepath", path.display())?;
    say_span("exec", ("parent.after", "parent.before"), after, before)?;
    Err(exec(&program("bash"), &["-bash", "-l"], &ENV[..1]))
}

/// The shell: starts the programs, each in a group of its own.
fn shell() -> anyhow::Result<()> {
    for &name in PROGRAMS {
        let ctime = stat(&program(name))?.times.0;
        let after = now()?;
        let pid = fork()?;
        if pid == 0 {
            let failed = start(name);
            eprintln!("{name}: {failed:?}");
            end(1);
        }
        let before = now()?;
        if name == "exec" {
            say_span(name, ("born.after", "born.before"), after, before)?;
            say_span(
                name,
                ("exe.older", "exe.younger"),
                after - ctime,
                before - ctime,
            )?;
        }
        if let Err(error) = wait(pid) {
            eprintln!("{name}: {error:#}");
        }
    }
    Ok(())
}

fn start(name: &str) -> anyhow::Error {
    if let Err(error) = call(libc::SYS_setpgid, &[0, 0]) {
        return error.into();
    }
    match name {
        "exec" => exec(
            &program(name),
            &["name of the program", "one", "two  words"],
            &ENV,
        ),
        name => become_program(name),
    }
}

/// Starts the program at this path under its own name, and waits for it.
pub(crate) fn run_at(path: &str) -> anyhow::Result<()> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let pid = fork()?;
    if pid == 0 {
        let failed = exec(path, &[name], &ENV);
        eprintln!("{failed:#}");
        end(1);
    }
    wait(pid)
}

/// Moves a new descriptor to a number; for those whose number must be known.
pub(crate) fn at(number: usize, fd: std::io::Result<usize>) -> anyhow::Result<()> {
    move_to(fd.with_context(|| format!("descriptor {number}"))?, number)?;
    Ok(())
}
