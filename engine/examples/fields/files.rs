//! Steps about descriptors: files, everything else that has one, copies, and
//! who shares them.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::ensure;
use nix::libc;

use crate::kernel::{
    call, close, copy_to, end, fork, fork_with, open, open_at, read, stat_open, text, wait, write,
};
use crate::scene::{DIR, at, become_program, mark, now, run_at, say, say_span};

/// A program that is in no file system.
pub(crate) fn memfd() -> anyhow::Result<()> {
    let name = text("program");
    let fd = call(libc::SYS_memfd_create, &[name.as_ptr().addr(), 1])?;
    let image = fs::read("/proc/self/exe")?;
    let mut rest = &image[..];
    while !rest.is_empty() {
        rest = &rest[write(fd, rest)?..];
    }
    say("memfd", "ino", stat_open(fd)?.ino)?;
    let arguments = [text("program"), text("in-memory")];
    let arguments = arguments.each_ref().map(|a| a.as_ptr());
    let arguments = [arguments[0], arguments[1], std::ptr::null()];
    let (path, none) = (text(""), [0_usize]);
    let empty_path = libc::AT_EMPTY_PATH as usize;
    call(
        libc::SYS_execveat,
        &[
            fd,
            path.as_ptr().addr(),
            arguments.as_ptr().addr(),
            none.as_ptr().addr(),
            empty_path,
        ],
    )?;
    Ok(())
}

/// Programs and files of both layers of an overlay.
pub(crate) fn layers() -> anyhow::Result<()> {
    for name in ["upper", "lower"] {
        run_at(&format!("{DIR}/merged/{name}"))?;
        close(open(&format!("{DIR}/merged/{name}-file"), libc::O_RDONLY)?)?;
    }
    Ok(())
}

/// Opens, writes, reads.
pub(crate) fn file() -> anyhow::Result<()> {
    // On the second processor.
    let mask = [2_usize];
    let size = size_of_val(&mask);
    call(
        libc::SYS_sched_setaffinity,
        &[0, size, mask.as_ptr().addr()],
    )?;
    let given = "dir/../dir/./file";
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC;
    let after = now()?;
    let fd = open(given, flags)?;
    let before = now()?;
    ensure!(fd == 3, "descriptor {fd}");
    let file = stat_open(fd)?;
    let step = "file";
    say_span(step, ("before", "after"), after, before)?;
    say(step, "uid", format_args!("{}{fd}", std::process::id()))?;
    say(step, "dev", format_args!("{:X}", file.dev))?;
    say(step, "major", file.numbers.0)?;
    say(step, "minor", file.numbers.1)?;
    say(step, "ino", file.ino)?;
    say(
        step,
        "args",
        format_args!(
            "fd=3(<f>{DIR}/dir/file) dirfd=-100(AT_FDCWD) name={given}({DIR}/dir/file) \
             flags=20487(O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED) mode=0644 dev={:X} ino={}",
            file.dev, file.ino
        ),
    )?;
    say("write", "ino", file.ino)?;
    write(fd, b"hello, fields")?;
    let mut bytes = [0_u8; 32];
    let place = bytes.as_mut_ptr().expose_provenance();
    call(libc::SYS_pread64, &[fd, place, bytes.len(), 7])?;
    let directory = open(&format!("{DIR}/dir"), libc::O_DIRECTORY)?;
    let flags = libc::O_CREAT | libc::O_WRONLY;
    close(open_at(directory, "program", flags, 0o755)?)?;
    let absent = open(&format!("{DIR}/absent"), libc::O_RDONLY);
    ensure!(absent.is_err(), "it should not be there");
    Ok(())
}

/// One descriptor of each kind.
pub(crate) fn kinds() -> anyhow::Result<()> {
    let mut pipe = [0_i32; 2];
    let place = pipe.as_mut_ptr().expose_provenance();
    call(libc::SYS_pipe2, &[place, 0])?;
    at(20, Ok(pipe[0] as usize))?;
    at(21, Ok(pipe[1] as usize))?;
    at(22, call(libc::SYS_eventfd2, &[0, 0]))?;
    let name = text("scratch");
    at(23, call(libc::SYS_memfd_create, &[name.as_ptr().addr(), 0]))?;
    let mask = 1_u64 << 9;
    let mask = std::ptr::from_ref(&mask).addr();
    at(24, call(libc::SYS_signalfd4, &[usize::MAX, mask, 8, 0]))?;
    at(25, call(libc::SYS_epoll_create1, &[0]))?;
    at(26, call(libc::SYS_timerfd_create, &[1, 0]))?;
    at(27, call(libc::SYS_inotify_init1, &[0]))?;
    let own = std::process::id() as usize;
    at(28, call(libc::SYS_pidfd_open, &[own, 0]))?;
    let (raw, stream) = (libc::SOCK_RAW as usize, libc::SOCK_STREAM as usize);
    let netlink = libc::AF_NETLINK as usize;
    at(29, call(libc::SYS_socket, &[netlink, raw, 0]))?;
    let mut pair = [0_i32; 2];
    let place = pair.as_mut_ptr().expose_provenance();
    let unix = libc::AF_UNIX as usize;
    call(libc::SYS_socketpair, &[unix, stream, 0, place])?;
    at(30, Ok(pair[0] as usize))?;
    at(31, Ok(pair[1] as usize))?;
    at(32, open(DIR, libc::O_DIRECTORY))?;
    at(33, call(libc::SYS_userfaultfd, &[0]))?;
    let six = libc::AF_INET6 as usize;
    at(34, call(libc::SYS_socket, &[six, stream, 0]))?;
    // A map: an array of one number.
    let map = [2_u32, 4, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let size = size_of_val(&map);
    at(35, call(libc::SYS_bpf, &[0, map.as_ptr().addr(), size]))?;
    mark("kinds")?;
    say("pipe", "ino", stat_open(21)?.ino)?;
    write(22, &1_u64.to_ne_bytes())?;
    write(23, b"x")?;
    write(21, b"x")?;
    Ok(())
}

fn control(fd: usize, command: i32, argument: usize) -> std::io::Result<usize> {
    call(libc::SYS_fcntl, &[fd, command as usize, argument])
}

/// Copies a descriptor in every way.
pub(crate) fn copies() -> anyhow::Result<()> {
    fs::write("dir/copied", "x")?;
    let fd = open("dir/copied", libc::O_RDONLY | libc::O_CLOEXEC)?;
    call(libc::SYS_dup, &[fd])?;
    // SAFETY: Takes two numbers.
    let second = unsafe { libc::dup2(fd as i32, 10) };
    ensure!(fd == 3 && second == 10, "descriptors {fd}, {second}");
    call(libc::SYS_dup3, &[fd, 11, libc::O_CLOEXEC as usize])?;
    control(fd, libc::F_DUPFD, 12)?;
    control(fd, libc::F_DUPFD_CLOEXEC, 13)?;
    say("copies", "ino", stat_open(12)?.ino)?;
    read(12, &mut [0; 8])?;
    control(10, libc::F_SETFD, libc::FD_CLOEXEC as usize)?;
    Err(become_program("kept"))
}

/// Closes several at once.
pub(crate) fn closed() -> anyhow::Result<()> {
    let fd = open("dir/copied", libc::O_RDONLY)?;
    for number in 7..12 {
        copy_to(fd, number)?;
    }
    call(libc::SYS_close_range, &[8, 10, 0])?;
    close(11)?;
    mark("closed")
}

/// A thread with descriptors of its own.
pub(crate) fn unshare() -> anyhow::Result<()> {
    let fd = open("dir/copied", libc::O_RDONLY)?;
    ensure!(fd == 3, "descriptor {fd}");
    let other = thread::spawn(|| -> anyhow::Result<()> {
        call(libc::SYS_unshare, &[libc::CLONE_FILES as usize])?;
        close(3)?;
        ensure!(open("dir", libc::O_DIRECTORY)? == 3, "not 3");
        mark("unshared")
    });
    other.join().unwrap_or_else(|_| anyhow::bail!("it died"))?;
    mark("shared")
}

/// What a process opens that shares its descriptors is open here.
pub(crate) fn together() -> anyhow::Result<()> {
    let pid = fork_with(libc::CLONE_FILES)?;
    if pid == 0 {
        end(usize::from(open("dir/copied", libc::O_RDONLY).is_err()));
    }
    wait(pid)?;
    mark("together")
}

/// A message with one descriptor beside its one byte (`SCM_RIGHTS`).
struct Message {
    byte: u8,
    part: [usize; 2],
    /// Length, level and kind, and the descriptor, as the kernel has them.
    control: [u64; 3],
    header: [usize; 7],
}

impl Message {
    const HEADER: usize = 16;

    fn new() -> Box<Self> {
        Box::new(Self {
            byte: b'x',
            part: [0; 2],
            control: [0; 3],
            header: [0; 7],
        })
    }

    /// Sends or receives it.
    fn go(&mut self, number: libc::c_long, socket: i32) -> std::io::Result<usize> {
        self.part = [std::ptr::from_mut(&mut self.byte).expose_provenance(), 1];
        let parts = self.part.as_mut_ptr().expose_provenance();
        let control = self.control.as_mut_ptr().expose_provenance();
        let size = size_of_val(&self.control);
        self.header = [0, 0, parts, 1, control, size, 0];
        let header = self.header.as_mut_ptr().expose_provenance();
        call(number, &[socket as usize, header, 0])
    }

    fn put(&mut self, fd: usize) {
        let (level, kind) = (libc::SOL_SOCKET as u64, libc::SCM_RIGHTS as u64);
        self.control = [Self::HEADER as u64 + 4, level | kind << 32, fd as u64];
    }

    fn fd(&self) -> usize {
        self.control[2] as u32 as usize
    }
}

/// Gets a descriptor from another process.
pub(crate) fn rights() -> anyhow::Result<()> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    use std::os::fd::AsRawFd as _;
    let (family, kind) = (AddressFamily::Unix, SockType::Stream);
    let (here, there) = socketpair(family, kind, None, SockFlag::empty())?;
    let mut message = Message::new();
    let pid = fork()?;
    if pid == 0 {
        let mut pass = || -> anyhow::Result<()> {
            fs::write("dir/passed", "x")?;
            message.put(open("dir/passed", libc::O_RDONLY)?);
            message.go(libc::SYS_sendmsg, there.as_raw_fd())?;
            Ok(())
        };
        end(usize::from(pass().is_err()));
    }
    message.go(libc::SYS_recvmsg, here.as_raw_fd())?;
    let fd = message.fd();
    ensure!(fd > 2, "no descriptor came");
    say("rights", "num", fd)?;
    say("rights", "ino", stat_open(fd)?.ino)?;
    // What it is of must be read, which takes a moment.
    thread::sleep(Duration::from_secs(1));
    read(fd, &mut [0; 8])?;
    wait(pid)
}

/// Calls with one path and with two.
pub(crate) fn paths() -> anyhow::Result<()> {
    fs::create_dir("./dir//made")?;
    let (from, to) = (text("dir/made"), text(&format!("{DIR}/dir/moved")));
    let here = libc::AT_FDCWD as usize;
    let (from, to) = (from.as_ptr().addr(), to.as_ptr().addr());
    call(libc::SYS_renameat2, &[here, from, here, to, 0])?;
    std::os::unix::fs::symlink("moved", format!("{DIR}/dir/link"))?;
    ensure!(Path::new("dir/link").exists(), "the link leads nowhere");
    let directory = open("dir", libc::O_DIRECTORY)?;
    let link = text("link");
    call(libc::SYS_unlinkat, &[directory, link.as_ptr().addr(), 0])?;
    Ok(())
}
