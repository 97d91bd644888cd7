//! Makes every system call that has an event of its own, with known arguments,
//! and compares each parameter of its record; then the same with pointers that
//! point nowhere, which must give a record that says so. A call in the table
//! without a test here is a failure.
//!
//! Run it as root on a machine for tests: `calls`.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use falco_abi::control::DEVICE_PATH;
use falco_abi::event::{Event as Kind, Source as From};
use falco_abi::flags::{clone, open};
use falco_abi::record::flag;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Batch, Source, interest, kmod::KmodSource};
use nix::libc;

/// Where files are made.
const DIR: &str = "/tmp/calls";
/// Addresses that no program has: below the first page, and the kernel's.
const NOWHERE: [usize; 2] = [8, 0xffff_8880_0000_1000];

/// What a parameter must be.
#[derive(Debug)]
enum Want {
    Int(i64),
    Bytes(Vec<u8>),
    /// Bytes that begin like this.
    Start(&'static str),
    /// A value, whichever.
    Some,
    /// No value.
    Nothing,
    /// Whatever it is.
    Any,
}

impl std::convert::From<i64> for Want {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl std::convert::From<u32> for Want {
    fn from(n: u32) -> Self {
        Self::Int(n.into())
    }
}

impl std::convert::From<i32> for Want {
    fn from(n: i32) -> Self {
        Self::Int(n.into())
    }
}

impl std::convert::From<&str> for Want {
    fn from(text: &str) -> Self {
        Self::Bytes(text.into())
    }
}

impl std::convert::From<Vec<u8>> for Want {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

macro_rules! want {
    ($($name:ident: $value:expr),* $(,)?) => {
        vec![$((stringify!($name), Want::from($value))),*]
    };
}

type Wanted = Vec<(&'static str, Want)>;

struct Tester {
    source: KmodSource,
    tested: BTreeSet<&'static str>,
    checks: u32,
    failures: u32,
}

fn number(name: &str) -> u32 {
    let row = SYSCALLS.iter().find(|s| s.name == name);
    row.map_or(u32::MAX, |s| s.number().into())
}

/// Makes a call; a failure is a negative error number.
fn raw(number: u32, args: &[usize]) -> i64 {
    let arg = |n: usize| args.get(n).copied().unwrap_or(0);
    // SAFETY: The callers pass pointers to memory that lives during the call, or
    // such that the kernel refuses; no call here takes memory away.
    let result = unsafe {
        libc::syscall(
            number.into(),
            arg(0),
            arg(1),
            arg(2),
            arg(3),
            arg(4),
            arg(5),
        )
    };
    if result == -1 {
        -i64::from(nix::errno::Errno::last_raw())
    } else {
        result
    }
}

/// Makes a call that makes a process, which ends at once, without a return to
/// Rust: its memory may be its parent's.
#[cfg(target_arch = "x86_64")]
fn raw_fork(number: u32, args: [usize; 2], end: u32, status: usize) -> i64 {
    let mut result = i64::from(number);
    // SAFETY: The child does nothing but end, on registers alone; the parent
    // goes on with nothing changed but the registers named.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, r12",
            "mov rax, r13",
            "syscall",
            "2:",
            inout("rax") result,
            inout("rdi") args[0] => _,
            in("rsi") args[1],
            in("rdx") 0,
            in("r10") 0,
            in("r8") 0,
            in("r12") status,
            in("r13") u64::from(end),
            out("rcx") _,
            out("r11") _,
        );
    }
    result
}

fn address<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).cast::<u8>().addr()
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

impl Tester {
    /// Takes what is there out of the rings.
    fn drain(&mut self) -> anyhow::Result<()> {
        while self
            .source
            .read(Duration::from_millis(1), &mut |_, _| {})
            .context("reading")?
            == Batch::Some
        {}
        Ok(())
    }

    fn fail(&mut self, what: &str) {
        self.failures += 1;
        println!("FAIL {what}");
    }

    /// The first record that `is` says yes to; what `make` of it.
    fn find<T>(
        &mut self,
        is: impl Fn(&Event<'_>) -> bool,
        make: impl Fn(&Event<'_>) -> T,
    ) -> anyhow::Result<Option<T>> {
        let end = Instant::now() + Duration::from_secs(5);
        let mut found = None;
        while found.is_none() && Instant::now() < end {
            self.source
                .read(Duration::from_millis(20), &mut |_, bytes| {
                    if let Ok(event) = Event::decode(bytes, 1, 0)
                        && found.is_none()
                        && is(&event)
                    {
                        found = Some(make(&event));
                    }
                })?;
        }
        Ok(found)
    }

    /// Makes the call and compares its record; then with each bad pointer.
    fn call(&mut self, name: &'static str, args: &[usize], want: &Wanted) -> anyhow::Result<i64> {
        let result = self.once(name, args, want)?;
        let row = SYSCALLS.iter().find(|s| s.name == name);
        let event = row.context("no such call")?.event;
        let mut pointers = BTreeSet::new();
        for param in event.info().params {
            let given = param.source.pointers().into_iter().flatten();
            // A null pointer stands for nothing.
            pointers.extend(given.filter(|&n| args.get(usize::from(n)).is_some_and(|&a| a != 0)));
        }
        for n in pointers {
            for nowhere in NOWHERE {
                let mut args = args.to_vec();
                args[usize::from(n)] = nowhere;
                self.bad(name, n, &args)?;
            }
        }
        Ok(result)
    }

    fn bad(&mut self, name: &'static str, n: u8, args: &[usize]) -> anyhow::Result<()> {
        self.drain()?;
        let result = raw(number(name), args);
        let (tid, call) = (std::process::id(), number(name));
        let flags = self.find(
            |e| e.header.tid == tid && e.header.syscall == call,
            |e| e.header.flags,
        )?;
        self.checks += 1;
        if flags.is_none_or(|flags| flags & flag::FAULT == 0) {
            self.fail(&format!(
                "{name}: argument {n} points to {:#x}, result {result}: flags {flags:?}",
                args[usize::from(n)]
            ));
        }
        Ok(())
    }

    /// Makes the call and compares its record.
    fn once(&mut self, name: &'static str, args: &[usize], want: &Wanted) -> anyhow::Result<i64> {
        self.drain()?;
        let result = raw(number(name), args);
        let tid = std::process::id();
        self.compare(name, tid, Some(result), want)?;
        Ok(result)
    }

    /// Compares the next record of a task's call.
    fn compare(
        &mut self,
        name: &'static str,
        tid: u32,
        result: Option<i64>,
        want: &Wanted,
    ) -> anyhow::Result<()> {
        self.tested.insert(name);
        let call = number(name);
        let wrong = self.find(
            |e| e.header.tid == tid && e.header.syscall == call,
            |event| differences(event, result, want),
        )?;
        self.checks += 1;
        match wrong {
            None => self.fail(&format!("{name}: no record")),
            Some(wrong) if wrong.is_empty() => {}
            Some(wrong) => self.fail(&format!("{name} = {result:?}: {}", wrong.join("; "))),
        }
        Ok(())
    }

    /// A call that makes a process.
    #[cfg(target_arch = "x86_64")]
    fn fork(&mut self, name: &'static str, args: [usize; 2], flags: u32) -> anyhow::Result<()> {
        self.drain()?;
        let child = raw_fork(number(name), args, number("exit_group"), 0);
        let mut want = vec![("flags", Want::from(flags)), ("res", Want::from(child))];
        for known in ["comm", "tid", "pid", "ptid", "uid", "gid", "vtid", "vpid"] {
            want.push((known, Want::Some));
        }
        want.push(("*", Want::Any));
        self.compare(name, std::process::id(), Some(child), &want)?;
        reap(child);
        Ok(())
    }

    /// A call that ends a process.
    #[cfg(target_arch = "x86_64")]
    fn end(&mut self, name: &'static str) -> anyhow::Result<()> {
        self.drain()?;
        let child = raw_fork(number("fork"), [0, 0], number(name), 7);
        let tid = u32::try_from(child).context("fork")?;
        self.compare(name, tid, None, &want! { status: 7 })?;
        reap(child);
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
fn reap(child: i64) {
    let pid = nix::unistd::Pid::from_raw(child as i32);
    let _ = nix::sys::wait::waitpid(pid, None);
}

fn differences(event: &Event<'_>, result: Option<i64>, want: &Wanted) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, _) in want.iter().filter(|(name, _)| *name != "*") {
        if event.param(name).is_none() {
            wrong.push(format!("there is no parameter {name}"));
        }
    }
    let rest = want.iter().any(|(name, _)| *name == "*");
    for (slot, param) in event.info().params.iter().enumerate() {
        let (int, bytes) = (event.int(slot), event.bytes(slot));
        let named = want.iter().find(|(name, _)| *name == param.name);
        let right = match named.map(|(_, want)| want) {
            Some(Want::Int(wanted)) => int == Some(*wanted),
            Some(Want::Bytes(wanted)) => bytes == Some(wanted),
            Some(Want::Start(wanted)) => bytes.is_some_and(|b| b.starts_with(wanted.as_bytes())),
            Some(Want::Some) => int.is_some() || bytes.is_some(),
            Some(Want::Nothing) => int.is_none() && bytes.is_none(),
            Some(Want::Any) => true,
            None if param.source == From::Return => result.is_none() || int == result,
            None => rest,
        };
        if !right {
            let text = bytes.map(String::from_utf8_lossy);
            wrong.push(format!(
                "{} is {int:?} {text:?} {bytes:?}, not {named:?}",
                param.name
            ));
        }
    }
    wrong
}

const HERE: [u8; 4] = [127, 0, 0, 1];

/// A `struct sockaddr_in` of this machine.
fn inet(port: u16) -> [u8; 16] {
    let mut raw = [0; 16];
    raw[..2].copy_from_slice(&2u16.to_ne_bytes());
    raw[2..4].copy_from_slice(&port.to_be_bytes());
    raw[4..8].copy_from_slice(&HERE);
    raw
}

/// Its encoding in records.
fn end(port: u16) -> Vec<u8> {
    [&HERE[..], &port.to_ne_bytes()].concat()
}

fn addr(port: u16) -> Vec<u8> {
    [&[2][..], &end(port)].concat()
}

fn tuple(from: u16, to: u16) -> Vec<u8> {
    [&[2][..], &end(from), &end(to)].concat()
}

/// An argument of any integer type as a register has it.
fn int(n: impl Into<i64>) -> usize {
    n.into().cast_unsigned() as usize
}

const AT_FDCWD: i32 = -100;
const REGULAR: u32 = 8;

fn files(t: &mut Tester) -> anyhow::Result<()> {
    let (a, b, d) = (text("a"), text("b"), text("d"));
    let whole = text("/tmp/calls/d");
    let (pa, pb, pd) = (address(&*a), address(&*b), address(&*d));
    let cwd = int(AT_FDCWD);
    let dir = t.call(
        "open",
        &[address(&*text(DIR)), 0o200_000],
        &want! { name: DIR, flags: open::RDONLY | open::DIRECTORY, mode: 0, dev: Want::Some, ino: Want::Some, base: Want::Nothing },
    );
    let dir = int(dir?);
    t.call(
        "openat",
        &[dir, pa, 0o102, 0o640],
        &want! { dirfd: dir as i64, name: "a", flags: open::RDWR | open::CREAT | open::F_CREATED, mode: 0o640, dev: Want::Some, ino: Want::Some, base: DIR },
    )?;
    let how = [0u64, 0, 0x08];
    t.call(
        "openat2",
        &[cwd, pa, address(&how), 24],
        &want! { dirfd: -100, name: "a", flags: open::RDONLY, mode: 0, resolve: 1, dev: Want::Some, ino: Want::Some, base: DIR },
    )?;
    t.call(
        "creat",
        &[pb, 0o600],
        &want! { name: "b", mode: 0o600, dev: Want::Some, ino: Want::Some, creat_flags: Want::Nothing, base: DIR },
    )?;
    t.call("unlink", &[pb], &want! { path: "b", base: DIR })?;
    t.call(
        "link",
        &[pa, pb],
        &want! { oldpath: "a", newpath: "b", oldbase: DIR, newbase: DIR },
    )?;
    t.call(
        "unlinkat",
        &[dir, pb, 0],
        &want! { dirfd: dir as i64, name: "b", flags: 0, base: DIR },
    )?;
    t.call(
        "linkat",
        &[cwd, pa, dir, pb, 0x400],
        &want! { olddir: -100, oldpath: "a", newdir: dir as i64, newpath: "b", flags: 1, oldbase: DIR, newbase: DIR },
    )?;
    let _ = raw(number("unlink"), &[pb]);
    t.call(
        "symlink",
        &[pa, pb],
        &want! { target: "a", linkpath: "b", base: DIR },
    )?;
    let _ = raw(number("unlink"), &[pb]);
    t.call(
        "symlinkat",
        &[pa, dir, pb],
        &want! { target: "a", linkdirfd: dir as i64, linkpath: "b", base: DIR },
    )?;
    t.call(
        "rename",
        &[pb, pd],
        &want! { oldpath: "b", newpath: "d", oldbase: DIR, newbase: DIR },
    )?;
    t.call(
        "renameat",
        &[dir, pd, cwd, pb],
        &want! { olddirfd: dir as i64, oldpath: "d", newdirfd: -100, newpath: "b", oldbase: DIR, newbase: DIR },
    )?;
    t.call(
        "renameat2",
        &[cwd, pb, dir, pd, 1],
        &want! { olddirfd: -100, oldpath: "b", newdirfd: dir as i64, newpath: "d", flags: 1, oldbase: DIR, newbase: DIR },
    )?;
    let _ = raw(number("unlink"), &[pd]);
    t.call(
        "mkdir",
        &[pd, 0o750],
        &want! { path: "d", mode: 0o750, base: DIR },
    )?;
    t.call(
        "rmdir",
        &[address(&*whole)],
        &want! { path: "/tmp/calls/d", base: Want::Nothing },
    )?;
    t.call(
        "mkdirat",
        &[dir, pd, 0o700],
        &want! { dirfd: dir as i64, path: "d", mode: 0o700, base: DIR },
    )?;
    t.call(
        "mknod",
        &[pb, 0o010_640, 0],
        &want! { path: "b", mode: 0o010_640, dev: 0, base: DIR },
    )?;
    let _ = raw(number("unlink"), &[pb]);
    t.call(
        "mknodat",
        &[dir, pb, 0o020_600, 0x103],
        &want! { dirfd: dir as i64, path: "b", mode: 0o020_600, dev: 0x103, base: DIR },
    )?;
    t.call(
        "chmod",
        &[pa, 0o644],
        &want! { filename: "a", mode: 0o644, base: DIR },
    )?;
    t.call(
        "fchmodat",
        &[dir, pa, 0o640],
        &want! { dirfd: dir as i64, filename: "a", mode: 0o640, base: DIR },
    )?;
    t.call(
        "fchmodat2",
        &[dir, pa, 0o600, 0x100],
        &want! { dirfd: dir as i64, filename: "a", mode: 0o600, flags: 0x100, base: DIR },
    )?;
    t.call(
        "fchmod",
        &[dir, 0o755],
        &want! { fd: dir as i64, mode: 0o755, path: DIR, kind: 4 },
    )?;
    t.call(
        "chown",
        &[pa, 1, 2],
        &want! { path: "a", uid: 1, gid: 2, base: DIR },
    )?;
    t.call(
        "lchown",
        &[pa, 3, 4],
        &want! { path: "a", uid: 3, gid: 4, base: DIR },
    )?;
    t.call(
        "fchown",
        &[dir, 0, int(-1)],
        &want! { fd: dir as i64, uid: 0, gid: u32::MAX, path: DIR, kind: 4 },
    )?;
    t.call(
        "fchownat",
        &[dir, pa, 0, 0, 0x1100],
        &want! { dirfd: dir as i64, pathname: "a", uid: 0, gid: 0, flags: 3, base: DIR },
    )?;
    let (none, tmpfs) = (text("none"), text("tmpfs"));
    t.call(
        "mount",
        &[
            address(&*none),
            address(&*whole),
            address(&*tmpfs),
            0xC0ED_0002,
        ],
        &want! { dev: "none", dir: "/tmp/calls/d", flags: 2, type: "tmpfs" },
    )?;
    t.call(
        "umount2",
        &[address(&*whole), 2],
        &want! { name: "/tmp/calls/d", flags: 2 },
    )?;
    t.call("chdir", &[pd], &want! { path: "d", cwd: "/tmp/calls/d" })?;
    t.call(
        "fchdir",
        &[dir],
        &want! { fd: dir as i64, path: DIR, kind: 4, cwd: DIR },
    )?;
    t.call("chroot", &[address(&*text("/"))], &want! { path: "/" })?;
    Ok(())
}

fn descriptors(t: &mut Tester) -> anyhow::Result<()> {
    let file = text("/tmp/calls/data");
    let path = "/tmp/calls/data";
    let fd = int(raw(number("open"), &[address(&*file), 0o102, 0o600]));
    let about = |mut more: Wanted| {
        more.extend(want! { path: path, kind: REGULAR, tuple: Want::Nothing, addr: Want::Nothing, proto: Want::Nothing, connected: Want::Nothing });
        more
    };
    let n = fd as i64;
    let copy = t.call("dup", &[fd], &about(want! { oldfd: n }))?;
    t.call(
        "dup2",
        &[fd, int(copy)],
        &about(want! { oldfd: n, newfd: copy }),
    )?;
    t.call(
        "dup3",
        &[fd, int(copy), 0o2_000_000],
        &about(want! { oldfd: n, newfd: copy, flags: open::CLOEXEC }),
    )?;
    t.call("close", &[int(copy)], &want! { fd: copy })?;
    t.call("fcntl", &[fd, 2, 1], &want! { fd: n, cmd: 3, arg: 1 })?;
    let long = "0123456789".repeat(10);
    t.call(
        "write",
        &[fd, address(long.as_str()), long.len()],
        &about(want! { data: &long[..80], fd: n, size: 100 }),
    )?;
    let parts = ["one", "", " and two"];
    let vector: Vec<[usize; 2]> = parts.iter().map(|p| [address(*p), p.len()]).collect();
    t.call(
        "writev",
        &[fd, address(vector.as_slice()), 3],
        &about(want! { data: "one and two", fd: n, size: 11 }),
    )?;
    let _ = raw(number("lseek"), &[fd, 95, 0]);
    let buffer = [0u8; 64];
    t.call(
        "read",
        &[fd, address(&buffer), 10],
        &about(want! { data: "56789one a", fd: n, size: 10 }),
    )?;
    let halves = [[address(&buffer), 3], [address(&buffer) + 30, 30]];
    t.call(
        "readv",
        &[fd, address(&halves), 2],
        &about(want! { size: 33, data: "nd two", fd: n }),
    )?;
    let fds = [0i32; 2];
    let result = t.call(
        "pipe",
        &[address(&fds)],
        &want! { fd1: Want::Some, fd2: Want::Some, ino: Want::Some },
    )?;
    ensure!(result == 0, "pipe: {result}");
    t.call(
        "pipe2",
        &[address(&fds), 0o2_004_000],
        &want! { fd1: Want::Some, fd2: Want::Some, ino: Want::Some, flags: open::CLOEXEC | open::NONBLOCK },
    )?;
    t.once(
        "pipe2",
        &[NOWHERE[0], 0],
        &want! { fd1: Want::Nothing, fd2: Want::Nothing, ino: Want::Nothing, flags: 0 },
    )?;
    t.call(
        "memfd_create",
        &[address(&*text("in memory")), 3],
        &want! { name: "in memory", flags: 3 },
    )?;
    t.call(
        "userfaultfd",
        &[0o2_004_000],
        &want! { flags: open::RDONLY | open::CLOEXEC | open::NONBLOCK },
    )?;
    let junk = *b"no module";
    t.call(
        "init_module",
        &[address(&junk), junk.len(), address(&*text("a=b"))],
        &want! { img: "no module", length: 9, uargs: "a=b" },
    )?;
    t.call(
        "finit_module",
        &[fd, address(&*text("c=d")), 3],
        &want! { fd: n, uargs: "c=d", flags: 3, path: path, kind: REGULAR },
    )?;
    t.call(
        "delete_module",
        &[address(&*text("no_such_module")), 0o5000],
        &want! { name: "no_such_module", flags: 3 },
    )?;
    t.call("lseek", &[fd, 5, 1], &want! { fd: n, offset: 5, whence: 1 })?;
    t.call(
        "access",
        &[address(&*file), 6],
        &want! { name: path, mode: 6, base: Want::Nothing },
    )?;
    t.call(
        "eventfd2",
        &[7, 0o2_004_000],
        &want! { initval: 7, flags: open::CLOEXEC | open::NONBLOCK },
    )?;
    t.call(
        "mprotect",
        &[0, 0, 3],
        &want! { addr: 0, length: 0, prot: 3 },
    )?;
    Ok(())
}

fn sockets(t: &mut Tester) -> anyhow::Result<()> {
    const TCP: i32 = 6;
    const UDP: i32 = 17;
    let socket = |kind: usize| raw(number("socket"), &[2, kind, 0]);
    let listener = t.call(
        "socket",
        &[2, 0o2_000_001, 6],
        &want! { domain: 2, type: 0o2_000_001, proto: 6, flags: open::CLOEXEC },
    )?;
    let at = inet(45003);
    t.call(
        "bind",
        &[int(listener), address(&at), 16],
        &want! { addr: addr(45003), fd: listener, proto: TCP },
    )?;
    t.call(
        "listen",
        &[int(listener), 5],
        &want! { fd: listener, backlog: 5, addr: addr(45003), proto: TCP, connected: 0 },
    )?;
    for (accept, port) in [("accept", 45004), ("accept4", 45005)] {
        let client = socket(1);
        let from = inet(port);
        let _ = raw(number("bind"), &[int(client), address(&from), 16]);
        t.once(
            "connect",
            &[int(client), address(&at), 16],
            &want! { tuple: tuple(port, 45003), fd: client, addr: addr(45003), proto: TCP },
        )?;
        let mut wanted =
            want! { tuple: tuple(port, 45003), queuepct: 0, queuelen: 0, queuemax: 5, proto: TCP };
        if accept == "accept4" {
            wanted.extend(want! { flags: 0o2_000_000 });
        }
        let taken = t.once(accept, &[int(listener), 0, 0, 0o2_000_000], &wanted)?;
        t.call(
            "dup2",
            &[int(taken), 200],
            &want! { oldfd: taken, newfd: 200, path: Want::Start("socket:["), kind: 12, tuple: tuple(45003, port), addr: addr(45003), proto: TCP, connected: 1 },
        )?;
        t.call(
            "sendto",
            &[int(client), address("hello"), 5, 0, 0, 0],
            &want! { data: "hello", fd: client, size: 5, tuple: tuple(port, 45003), addr: addr(port), proto: TCP, connected: 1 },
        )?;
        t.call(
            "shutdown",
            &[int(client), 0],
            &want! { fd: client, how: 0, tuple: tuple(port, 45003), addr: addr(port), proto: TCP, connected: 1 },
        )?;
    }
    let unbound = socket(1);
    t.call(
        "connect",
        &[int(unbound), address(&inet(9)), 16],
        &want! { tuple: Want::Nothing, fd: unbound, addr: addr(9), proto: TCP },
    )?;
    let (a, b) = (socket(2), socket(2));
    let (at_a, at_b) = (inet(45001), inet(45002));
    let _ = raw(number("bind"), &[int(a), address(&at_a), 16]);
    let _ = raw(number("bind"), &[int(b), address(&at_b), 16]);
    t.call(
        "sendto",
        &[int(a), address("datagram"), 8, 0, address(&at_b), 16],
        &want! { data: "datagram", fd: a, size: 8, tuple: tuple(45001, 45002), addr: addr(45001), proto: UDP, connected: 0 },
    )?;
    let buffer = [0u8; 64];
    let (from, from_len) = ([0u8; 16], [16i32]);
    t.once(
        "recvfrom",
        &[int(b), address(&buffer), 64, 0, address(&from), address(&from_len)],
        &want! { data: "datagram", tuple: tuple(45001, 45002), fd: b, size: 64, addr: addr(45002), proto: UDP, connected: 0 },
    )?;
    t.once(
        "recvfrom",
        &[int(b), address(&buffer), 64, 0x40, 0, 0],
        &want! { data: Want::Nothing, tuple: Want::Nothing, fd: b, size: 64, addr: addr(45002), proto: UDP, connected: 0 },
    )?;
    let parts = [[address("gathered"), 8], [address(" text"), 5]];
    let message = [address(&at_b), 16, address(&parts), 2, 0, 0, 0];
    t.call(
        "sendmsg",
        &[int(a), address(&message), 0],
        &want! { data: "gathered text", fd: a, size: 13, tuple: tuple(45001, 45002), addr: addr(45001), proto: UDP, connected: 0 },
    )?;
    let parts = [[address(&buffer), 4], [address(&buffer) + 32, 32]];
    let message = [address(&from), 16, address(&parts), 2, 0, 0, 0];
    t.call(
        "recvmsg",
        &[int(b), address(&message), 0x40],
        &want! { size: 36, data: "gathered text", tuple: tuple(45001, 45002), msgcontrol: "", fd: b, addr: addr(45002), proto: UDP, connected: 0 },
    )?;
    let fds = [0i32; 2];
    t.call(
        "socketpair",
        &[1, 1, 0, address(&fds)],
        &want! { fd1: Want::Some, fd2: Want::Some, source: Want::Some, peer: Want::Some, domain: 1, type: 1, proto: 0 },
    )?;
    Ok(())
}

fn processes(t: &mut Tester) -> anyhow::Result<()> {
    let me = i64::from(std::process::id());
    t.call("setuid", &[0], &want! { uid: 0 })?;
    t.call("setgid", &[0], &want! { gid: 0 })?;
    t.call(
        "setreuid",
        &[int(-1), 0],
        &want! { ruid: u32::MAX, euid: 0 },
    )?;
    t.call(
        "setregid",
        &[0, int(-1)],
        &want! { rgid: 0, egid: u32::MAX },
    )?;
    t.call(
        "setresuid",
        &[0, int(-1), 0],
        &want! { ruid: 0, euid: u32::MAX, suid: 0 },
    )?;
    t.call(
        "setresgid",
        &[int(-1), 0, 0],
        &want! { rgid: u32::MAX, egid: 0, sgid: 0 },
    )?;
    t.call("kill", &[int(me), 0], &want! { pid: me, sig: 0 })?;
    t.call(
        "ptrace",
        &[17, 0, 2, 3],
        &want! { addr: 2, data: 3, request: 12, pid: 0 },
    )?;
    t.call("tkill", &[int(me), 0], &want! { tid: me, sig: 0 })?;
    t.call(
        "tgkill",
        &[int(me), int(me), 0],
        &want! { pid: me, tid: me, sig: 0 },
    )?;
    t.call("seccomp", &[9, 5], &want! { op: 9, flags: 5 })?;
    t.call("mlock", &[4096, 0], &want! { addr: 4096, len: 0 })?;
    t.call("munlock", &[4096, 0], &want! { addr: 4096, len: 0 })?;
    t.call("munlockall", &[], &want! {})?;
    t.call("setsid", &[], &want! {})?;
    t.call("setpgid", &[0, int(me)], &want! { pid: 0, pgid: me })?;
    t.call(
        "prctl",
        &[15, address(&*text("renamed"))],
        &want! { option: 15, arg2_str: "renamed", arg2_int: 0 },
    )?;
    t.call(
        "prctl",
        &[23, 1],
        &want! { option: 23, arg2_str: Want::Nothing, arg2_int: 1 },
    )?;
    let sub = [7i32];
    t.call(
        "prctl",
        &[37, address(&sub)],
        &want! { option: 37, arg2_str: Want::Nothing, arg2_int: 0 },
    )?;
    for option in [15, 37] {
        for nowhere in NOWHERE {
            t.bad("prctl", 1, &[option, nowhere])?;
        }
    }
    let header = [0x2008_0522u32, 0];
    let caps = [[0u32; 3]; 2];
    let _ = raw(number("capget"), &[address(&header), address(&caps)]);
    let set = |n: usize| i64::from(caps[0][n]) | i64::from(caps[1][n]) << 32;
    t.call(
        "capset",
        &[address(&header), address(&caps)],
        &want! { cap_inheritable: set(2), cap_permitted: set(1), cap_effective: set(0) },
    )?;
    let namespace = raw(number("open"), &[address(&*text("/proc/self/ns/uts")), 0]);
    t.call(
        "unshare",
        &[0x0400_0000],
        &want! { flags: clone::from_kernel(0x0400_0000) },
    )?;
    t.call(
        "setns",
        &[int(namespace), 0x0400_0000],
        &want! { fd: namespace, nstype: clone::from_kernel(0x0400_0000), path: Want::Start("uts:["), kind: REGULAR },
    )?;
    let attributes = [0u64; 4];
    t.call("bpf", &[11, address(&attributes), 32], &want! { cmd: 11 })?;
    let program = text("/does/not/exist");
    let second = text("x");
    let argv = [address(&*program), address(&*second), 0];
    let mut wanted = want! { exe: "/does/not/exist", filename: "/does/not/exist", args: Want::Some, comm: "renamed", tid: me, pid: me };
    wanted.push(("*", Want::Any));
    t.once("execve", &[address(&*program), address(&argv), 0], &wanted)?;
    t.once(
        "execveat",
        &[int(AT_FDCWD), address(&*program), address(&argv), 0, 0],
        &wanted,
    )?;
    #[cfg(target_arch = "x86_64")]
    {
        t.fork("fork", [0, 0], 0)?;
        t.fork("vfork", [0, 0], clone::VFORK | clone::VM)?;
        t.fork("clone", [0x0020_0011, 0], clone::from_kernel(0x0020_0000))?;
        let how = [0x0020_0000u64, 0, 0, 0, 17, 0, 0, 0];
        t.fork(
            "clone3",
            [address(&how), 64],
            clone::from_kernel(0x0020_0000),
        )?;
        t.end("exit")?;
        t.end("exit_group")?;
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(DIR);
    std::fs::create_dir_all(DIR)?;
    std::env::set_current_dir(DIR)?;
    let own = SYSCALLS
        .iter()
        .filter(|s| s.number() != NONE && s.event != Kind::Syscall);
    let mut source = KmodSource::open(Path::new(DEVICE_PATH), 0)?;
    source.set_interest(&interest(own.clone().map(|s| u32::from(s.number()))))?;
    let mut tester = Tester {
        source,
        tested: BTreeSet::new(),
        checks: 0,
        failures: 0,
    };
    files(&mut tester)?;
    descriptors(&mut tester)?;
    sockets(&mut tester)?;
    processes(&mut tester)?;
    for call in own {
        if !tester.tested.contains(call.name) {
            tester.fail(&format!(
                "{} has an event of its own and no test",
                call.name
            ));
        }
    }
    println!(
        "{} calls, {} records compared, {} failures",
        tester.tested.len(),
        tester.checks,
        tester.failures
    );
    ensure!(tester.failures == 0, "records are not what they should be");
    Ok(())
}
