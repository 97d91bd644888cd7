//! A process that is older than the engine: what is known of it is what the proc
//! file system tells.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use nix::libc;

use crate::kernel::{
    call, close, copy_to, end, exec, fork, open, read, stat, stat_open, wait, write,
};
use crate::scene::{DIR, mark, now, say, say_span};

/// Where it is, which the scene leaves alone.
const OWN: &str = "/tmp/fields-older";
/// How long the scene waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Becomes the process, with some things open.
pub(crate) fn begin() -> anyhow::Result<()> {
    let _ = fs::remove_dir_all(OWN);
    // What an earlier scene left would begin another.
    let _ = fs::remove_dir_all(DIR);
    fs::create_dir_all(format!("{OWN}/dir"))?;
    let program = format!("{OWN}/older");
    fs::copy(std::env::current_exe()?, &program)?;
    let after = now()?;
    let pid = fork()?;
    if pid != 0 {
        return wait(pid);
    }
    let failed = become_older(&program, after);
    eprintln!("older: {failed:?}");
    end(1);
}

fn become_older(program: &str, after: i64) -> anyhow::Result<()> {
    fs::write(format!("{OWN}/born"), format!("{after} {}", now()?))?;
    call(libc::SYS_setsid, &[])?;
    fs::write("/proc/self/loginuid", "1000").context("loginuid")?;
    std::env::set_current_dir(format!("{OWN}/dir"))?;
    let limit = [333_u64, 333];
    let limit = std::ptr::from_ref(&limit).addr();
    let files = libc::RLIMIT_NOFILE as usize;
    call(libc::SYS_prlimit64, &[0, files, limit, 0])?;
    let null = open("/dev/null", libc::O_RDWR)?;
    for number in 0..3 {
        copy_to(null, number)?;
    }
    call(libc::SYS_close_range, &[3, u32::MAX as usize, 0])?;
    // 3: a file; 4: a client, 5: the socket that waits, 6: that of its connection.
    open(&format!("{OWN}/file"), libc::O_RDWR | libc::O_CREAT)?;
    let server = TcpListener::bind("127.0.0.1:4819")?;
    let client = socket_from_4820()?;
    let (taken, _) = server.accept()?;
    for (number, fd) in [
        (10, client.as_raw_fd()),
        (11, server.as_raw_fd()),
        (12, taken.as_raw_fd()),
    ] {
        copy_to(fd as usize, number)?;
    }
    for number in 4..7 {
        copy_to(number + 6, number)?;
    }
    call(libc::SYS_close_range, &[7, u32::MAX as usize, 0])?;
    std::mem::forget((server, client, taken));
    Err(exec(
        program,
        &["an older program", "since", "long"],
        &["SCENE=older"],
    ))
}

/// A connection whose own port is known.
fn socket_from_4820() -> anyhow::Result<TcpStream> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
    let socket = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )?;
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 4820))?;
    connect(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 4819))?;
    Ok(socket.into())
}

fn sign(name: &str) -> String {
    format!("{DIR}/{name}")
}

/// The process: with a thread of its own, waits for the rest of the scene.
pub(crate) fn older() -> anyhow::Result<()> {
    let (go, turn) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let _ = turn.recv();
        let told = call(libc::SYS_gettid, &[])
            .map_err(anyhow::Error::from)
            .and_then(|tid| say("olderthread", "tid", tid))
            .and_then(|()| mark("olderthread"));
        let _ = done.send(told);
        // It lives as long as the process.
        let _ = turn.recv();
    });
    fs::write(format!("{OWN}/ready"), "")?;
    while !Path::new(&sign("begin")).exists() {
        thread::sleep(Duration::from_millis(50));
    }
    for (number, name) in [(1, "facts"), (2, "errors")] {
        let fd = open(&sign(name), libc::O_WRONLY | libc::O_APPEND)?;
        copy_to(fd, number)?;
        close(fd)?;
    }
    let own = std::process::id();
    let parent = std::os::unix::process::parent_id();
    let born = fs::read_to_string(format!("{OWN}/born"))?;
    let (after, before) = born.split_once(' ').context("no times")?;
    say_span(
        "older",
        ("born.after", "born.before"),
        after.parse()?,
        before.parse()?,
    )?;
    for (step, name, id) in [
        ("older", "pid", own),
        ("older", "ppid", parent),
        ("olderthread", "pid", own),
        ("heir", "ppid", own),
    ] {
        say(step, name, id)?;
    }
    let exe = stat("/proc/self/exe")?;
    say("older", "exe.ino", exe.ino)?;
    say("older", "exe.mtime", exe.times.1)?;
    say("olderfile", "ino", stat_open(3)?.ino)?;
    mark("older")?;
    go.send(())?;
    is_done.recv()??;
    write(3, b"text")?;
    write(4, b"ping")?;
    read(6, &mut [0; 16])?;
    let pid = fork()?;
    if pid == 0 {
        end(usize::from(mark("heir").is_err()));
    }
    wait(pid)?;
    fs::write(sign("over"), "")?;
    Ok(())
}

/// Lets the process go on, and waits until it has done so.
pub(crate) fn go_on() -> anyhow::Result<()> {
    fs::write(sign("begin"), "")?;
    let end = Instant::now() + PATIENCE;
    while !Path::new(&sign("over")).exists() {
        ensure!(Instant::now() < end, "no older process goes on");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
