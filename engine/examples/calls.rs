//! Makes every system call that has an event of its own, with known arguments,
//! and compares each parameter of its record; then the same with pointers that
//! point nowhere, which must give a record that says so. A call in the table
//! without a test here is a failure.
//!
//! Run it as root on a machine for tests: `calls [ebpf]`.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use falco_abi::control::{SNAPLEN_DEFAULT, Setup};
use falco_abi::event::{ABOUT_FD, Event as Kind, Source as From};
use falco_abi::flags::{clone, open};
use falco_abi::record::flag;
use falco_abi::syscall::{NONE, SYSCALLS};
use falco_engine::event::Event;
use falco_engine::source::{Batch, Source, interest, live};
use nix::libc;
use nix::time::{ClockId, clock_gettime};

/// Where files are made.
const DIR: &str = "/tmp/calls";
/// Addresses that no program has: below the first page, and the kernel's.
const NOWHERE: [usize; 2] = [8, 0xffff_8880_0000_1000];

/// The calls that are tested here. One of the table that has an event of its own and is not
/// among them fails the build; one that is, and was not made, fails the run.
#[rustfmt::skip]
const TESTED: &[&str] = &[
    "read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect",
    "munmap", "brk", "ioctl", "pread64", "pwrite64", "readv", "writev", "access", "pipe", "select",
    "dup", "dup2", "nanosleep", "sendfile", "socket", "connect", "accept", "sendto", "recvfrom",
    "sendmsg", "recvmsg", "shutdown", "bind", "listen", "getsockname", "getpeername", "socketpair",
    "setsockopt", "getsockopt", "clone", "fork", "vfork", "execve", "exit", "kill", "semget",
    "semop", "semctl", "fcntl", "flock", "getdents", "getcwd", "chdir", "fchdir", "rename", "mkdir",
    "rmdir", "creat", "link", "unlink", "symlink", "chmod", "fchmod", "chown", "fchown", "lchown",
    "getrlimit", "ptrace", "getuid", "getgid", "setuid", "setgid", "geteuid", "getegid", "setpgid",
    "setsid", "setreuid", "setregid", "setresuid", "getresuid", "setresgid", "getresgid", "capset",
    "mknod", "mlock", "munlock", "mlockall", "munlockall", "prctl", "setrlimit", "chroot", "mount",
    "umount2", "init_module", "delete_module", "quotactl", "tkill", "futex", "epoll_create",
    "getdents64", "exit_group", "epoll_wait", "tgkill", "keyctl", "inotify_init", "openat",
    "mkdirat", "mknodat", "fchownat", "newfstatat", "unlinkat", "renameat", "linkat", "symlinkat",
    "fchmodat", "ppoll", "unshare", "splice", "signalfd", "timerfd_create", "eventfd", "accept4",
    "signalfd4", "eventfd2", "epoll_create1", "dup3", "pipe2", "inotify_init1", "preadv", "pwritev",
    "recvmmsg", "prlimit64", "open_by_handle_at", "sendmmsg", "setns", "process_vm_readv",
    "process_vm_writev", "finit_module", "renameat2", "seccomp", "memfd_create", "bpf", "execveat",
    "userfaultfd", "mlock2", "copy_file_range", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "fsconfig", "pidfd_open", "clone3", "close_range", "openat2",
    "pidfd_getfd", "fchmodat2",
];

const _: () = {
    let mut at = 0;
    while at < SYSCALLS.len() {
        let call = &SYSCALLS[at];
        let is_generic = call.event as u16 == Kind::Syscall as u16;
        assert!(
            is_generic || is_among(call.name, TESTED),
            "a call in the table has no test"
        );
        at += 1;
    }
};

const fn is_among(name: &str, names: &[&str]) -> bool {
    let mut at = 0;
    while at < names.len() {
        if is_same(name.as_bytes(), names[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Calls without parameters of their own that are not made here: they do not come back, or
/// the machine would not be the same after them.
const LEFT_ALONE: &[&str] = &[
    "alarm",
    "pause",
    "reboot",
    "restart_syscall",
    "rt_sigreturn",
    "set_tid_address",
    "sync",
    "umask",
    "uprobe",
    "uretprobe",
    "vhangup",
];

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

impl std::convert::From<&[u8]> for Want {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
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
    source: Box<dyn Source>,
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

/// Makes a call as a 32-bit program does.
#[cfg(target_arch = "x86_64")]
fn raw_ia32(number: u32, args: &[usize]) -> i64 {
    let arg = |n: usize| args.get(n).copied().unwrap_or(0) as u64;
    let first = [arg(0), arg(5)];
    let mut result = i64::from(number);
    // SAFETY: As for `raw`; the registers that the compiler does not lend are
    // put back.
    unsafe {
        std::arch::asm!(
            "push rbx",
            "push rbp",
            "mov rbx, [r9]",
            "mov rbp, [r9 + 8]",
            "int 0x80",
            "pop rbp",
            "pop rbx",
            inout("rax") result,
            inout("r9") first.as_ptr() => _,
            in("rcx") arg(1),
            in("rdx") arg(2),
            in("rsi") arg(3),
            in("rdi") arg(4),
            out("r8") _,
            out("r10") _,
            out("r11") _,
        );
    }
    i64::from(result as i32)
}

/// Memory that 32-bit pointers reach.
#[cfg(target_arch = "x86_64")]
struct Low {
    start: usize,
    used: usize,
}

#[cfg(target_arch = "x86_64")]
impl Low {
    const LEN: usize = 1 << 16;

    fn new() -> anyhow::Result<Self> {
        let map_32bit = 0x40;
        // SAFETY: New memory at an address that the kernel chooses.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::LEN,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | map_32bit,
                -1,
                0,
            )
        };
        let start = start as usize;
        ensure!(start < 1 << 32, "no low memory: {start:#x}");
        Ok(Self { start, used: 0 })
    }

    /// A copy of the bytes, with a NUL behind it.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let at = self.start + self.used;
        assert!(self.used + bytes.len() < Self::LEN);
        // SAFETY: Within the mapping, and at no bytes that were given out.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
        self.used += (bytes.len() + 1).next_multiple_of(8);
        at
    }

    /// Numbers and pointers as a 32-bit program has them.
    fn words(&mut self, words: &[usize]) -> usize {
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|&word| (word as u32).to_ne_bytes())
            .collect();
        self.put(&bytes)
    }
}

fn address<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).cast::<u8>().addr()
}

/// Address of what a call fills, and is read afterwards: the compiler is told
/// that it may change behind its back.
fn room<T>(of: &mut T) -> usize {
    std::ptr::from_mut(of).expose_provenance()
}

fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

impl Tester {
    /// Takes what is there out of the rings. On a machine that others use as well there is
    /// always more: what is younger than the call ends it too.
    fn drain(&mut self) -> anyhow::Result<()> {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME)?;
        let now = now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64;
        let mut younger = false;
        while !younger
            && self
                .source
                .read(Duration::from_millis(1), &mut |_, bytes| {
                    younger |= Event::decode(bytes, 1, 0).is_ok_and(|e| e.header.ts > now);
                })
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
        let (mut found, mut leaked) = (None, Vec::new());
        while found.is_none() && Instant::now() < end {
            self.source
                .read(Duration::from_millis(20), &mut |_, bytes| {
                    if let Ok(event) = Event::decode(bytes, 1, 0) {
                        leaked.extend(secrets(&event));
                        if found.is_none() && is(&event) {
                            found = Some(make(&event));
                        }
                    }
                })?;
        }
        for secret in leaked {
            self.fail(&secret);
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

    /// Makes call `number` of 32-bit programs, which is `name`, and compares.
    #[cfg(target_arch = "x86_64")]
    fn ia32(
        &mut self,
        name: &'static str,
        number: u32,
        args: &[usize],
        want: &Wanted,
    ) -> anyhow::Result<i64> {
        self.drain()?;
        let result = raw_ia32(number, args);
        self.compare_flagged(name, std::process::id(), Some(result), want, flag::COMPAT)?;
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
        self.compare_flagged(name, tid, result, want, 0)
    }

    fn compare_flagged(
        &mut self,
        name: &'static str,
        tid: u32,
        result: Option<i64>,
        want: &Wanted,
        flags: u16,
    ) -> anyhow::Result<()> {
        let call = number(name);
        let wrong = self.find(
            |e| e.header.tid == tid && e.header.syscall == call,
            |event| {
                let mut wrong = differences(event, result, want);
                if event.header.flags & flag::COMPAT != flags & flag::COMPAT {
                    wrong.push(format!("flags are {:#x}", event.header.flags));
                }
                wrong
            },
        )?;
        self.checks += 1;
        match wrong {
            None => self.fail(&format!("{name}: no record")),
            Some(wrong) if wrong.is_empty() => {}
            Some(wrong) => self.fail(&format!("{name} = {result:?}: {}", wrong.join("; "))),
        }
        Ok(())
    }

    /// Compares the records of one call that makes several.
    fn several(
        &mut self,
        name: &'static str,
        result: i64,
        wanted: &[Wanted],
    ) -> anyhow::Result<()> {
        self.tested.insert(name);
        let (call, mut next, mut wrong) = (number(name), 0, Vec::new());
        let end = Instant::now() + Duration::from_secs(5);
        while next < wanted.len() && Instant::now() < end {
            self.source
                .read(Duration::from_millis(20), &mut |_, bytes| {
                    if let Ok(event) = Event::decode(bytes, 1, 0)
                        && event.header.syscall == call
                        && let Some(want) = wanted.get(next)
                    {
                        wrong.extend(differences(&event, Some(result), want));
                        next += 1;
                    }
                })?;
        }
        self.checks += 1;
        if next < wanted.len() || !wrong.is_empty() {
            self.fail(&format!("{name}: {next} records; {}", wrong.join("; ")));
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

/// A word of a record that looks like an address of the kernel. What is near the end are
/// negative numbers.
fn is_secret(word: u64) -> bool {
    let used_here = NOWHERE.contains(&(word as usize));
    (0xFFFF_8000_0000_0000..0xFFFF_FFFF_F000_0000).contains(&word) && !used_here
}

/// The words of a record, and those at every byte of what is no text, that look like this.
fn secrets(event: &Event<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (slot, param) in event.info().params.iter().enumerate() {
        let number = event.number(slot).filter(|&number| is_secret(number));
        let bytes = event.bytes(slot).unwrap_or_default();
        let mut within = bytes.windows(8).map(|window| {
            let mut word = [0; 8];
            word.copy_from_slice(window);
            u64::from_le_bytes(word)
        });
        for word in number
            .into_iter()
            .chain(within.find(|&word| is_secret(word)))
        {
            found.push(format!(
                "{} has {word:#x}, which is the kernel's",
                param.name
            ));
        }
    }
    found
}

fn differences(event: &Event<'_>, result: Option<i64>, want: &Wanted) -> Vec<String> {
    let mut wrong = secrets(event);
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
        &want! { name: DIR, flags: open::RDONLY | open::DIRECTORY, mode: 0, dev: Want::Some, ino: Want::Some, base: Want::Nothing, real: Want::Nothing },
    );
    let dir = int(dir?);
    t.call(
        "openat",
        &[dir, pa, 0o102, 0o640],
        &want! { dirfd: dir as i64, name: "a", flags: open::RDWR | open::CREAT | open::F_CREATED, mode: 0o640, dev: Want::Some, ino: Want::Some, base: DIR, real: "/tmp/calls/a" },
    )?;
    let how = [0u64, 0, 0x08];
    t.call(
        "openat2",
        &[cwd, pa, address(&how), 24],
        &want! { dirfd: -100, name: "a", flags: open::RDONLY, mode: 0, resolve: 1, dev: Want::Some, ino: Want::Some, base: DIR, real: "/tmp/calls/a" },
    )?;
    t.call(
        "creat",
        &[pb, 0o600],
        &want! { name: "b", mode: 0o600, dev: Want::Some, ino: Want::Some, creat_flags: 0, base: DIR, real: "/tmp/calls/b" },
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
        &want! { olddir: -100, oldpath: "a", newdir: dir as i64, newpath: "b", flags: 0x400, oldbase: DIR, newbase: DIR },
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
        &want! { dirfd: dir as i64, pathname: "a", uid: 0, gid: 0, flags: 0x1100, base: DIR },
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

/// Calls that only take numbers, or write to memory, or wait.
fn others(t: &mut Tester) -> anyhow::Result<()> {
    let me = i64::from(std::process::id());
    let path = "/tmp/calls/data";
    let file = text(path);
    let fd = raw(number("open"), &[address(&*file), 0o102, 0o600]);
    let about = |mut more: Wanted| {
        more.extend(want! { path: path, kind: REGULAR, tuple: Want::Nothing, addr: Want::Nothing, proto: Want::Nothing, connected: Want::Nothing });
        more
    };
    let whole = address(&*file);
    for call in ["stat", "lstat"] {
        let status = [0u64; 32];
        t.call(
            call,
            &[whole, address(&status)],
            &want! { path: path, base: Want::Nothing },
        )?;
    }
    let status = [0u64; 32];
    t.call(
        "fstat",
        &[int(fd), address(&status)],
        &about(want! { fd: fd }),
    )?;
    t.call(
        "newfstatat",
        &[
            int(AT_FDCWD),
            address(&*text("data")),
            address(&status),
            0x100,
        ],
        &want! { dirfd: -100, path: "data", flags: 0x100, base: DIR },
    )?;
    let cwd = [0u8; 64];
    t.call("getcwd", &[address(&cwd), 64], &want! { path: DIR })?;
    t.once("getcwd", &[NOWHERE[0], 64], &want! { path: Want::Nothing })?;
    let data = "to and from a place";
    t.call(
        "pwrite64",
        &[int(fd), address(data), data.len(), 100],
        &about(want! { data: data, fd: fd, size: 19, pos: 100 }),
    )?;
    let buffer = [0u8; 64];
    t.call(
        "pread64",
        &[int(fd), address(&buffer), 64, 107],
        &about(want! { data: "from a place", fd: fd, size: 64, pos: 107 }),
    )?;
    let vector = [[address(data), 3], [address(data) + 3, 4]];
    t.call(
        "pwritev",
        &[int(fd), address(&vector), 2, 200],
        &about(want! { data: "to and ", fd: fd, size: 7, pos: 200 }),
    )?;
    let halves = [[address(&buffer), 2], [address(&buffer) + 30, 30]];
    t.call(
        "preadv",
        &[int(fd), address(&halves), 2, 200],
        &about(want! { size: 32, data: "to and ", fd: fd, pos: 200 }),
    )?;
    t.call(
        "ioctl",
        &[int(fd), 0x5401, 0x1000],
        &about(want! { fd: fd, request: 0x5401, argument: 0x1000 }),
    )?;
    t.call(
        "flock",
        &[int(fd), 6],
        &about(want! { fd: fd, operation: 6 }),
    )?;
    for call in ["getdents", "getdents64"] {
        t.call(
            call,
            &[int(fd), address(&buffer), 64],
            &about(want! { fd: fd }),
        )?;
    }
    let mut fds = [0i32; 2];
    let _ = raw(number("pipe"), &[room(&mut fds)]);
    let (out, into) = (i64::from(fds[0]), i64::from(fds[1]));
    let offset = [100u64];
    t.once(
        "sendfile",
        &[int(into), int(fd), address(&offset), 5],
        &want! { offset: 105, out_fd: into, in_fd: fd, size: 5 },
    )?;
    t.bad("sendfile", 2, &[int(into), int(fd), NOWHERE[0], 5])?;
    t.call(
        "splice",
        &[int(out), 0, int(fd), 0, 3, 2],
        &want! { fd_in: out, fd_out: fd, size: 3, flags: 2 },
    )?;
    let offsets = [[0u64; 1], [300]];
    t.once(
        "copy_file_range",
        &[
            int(fd),
            address(&offsets[0]),
            int(fd),
            address(&offsets[1]),
            10,
            0,
        ],
        &want! { fdout: fd, offout: 310, fdin: fd, offin: 10, len: 10 },
    )?;
    let mut waited = [out.to_le_bytes(), into.to_le_bytes()];
    waited[0][4] = 1;
    waited[1][4] = 4;
    let ready = |fd: i64, bits: u16| [&fd.to_le_bytes()[..], &bits.to_le_bytes()].concat();
    let both = [ready(out, 1), ready(into, 4)].concat();
    t.call(
        "poll",
        &[address(&waited), 2, 1000],
        &want! { fds: both.clone(), timeout: 1000 },
    )?;
    let (time, mask) = ([3u64, 5], [0u64]);
    t.call(
        "ppoll",
        &[address(&waited), 2, address(&time), address(&mask), 8],
        &want! { fds: both, timeout: Want::Some, sigmask: 0 },
    )?;
    t.call("select", &[0, 0, 0, 0, address(&[0u64; 2])], &want! {})?;
    t.call(
        "nanosleep",
        &[address(&[0u64, 7]), 0],
        &want! { interval: 7 },
    )?;
    t.call(
        "futex",
        &[address(&fds), 129, 3],
        &want! { addr: address(&fds) as i64, op: 129, val: 3 },
    )?;
    let epoll = t.call("epoll_create", &[4], &want! { size: 4 })?;
    t.call("epoll_create1", &[0o2_000_000], &want! { flags: 1 })?;
    let events = [0u64; 8];
    t.call(
        "epoll_wait",
        &[int(epoll), address(&events), 5, 0],
        &want! { maxevents: 5 },
    )?;
    t.call("eventfd", &[9], &want! { initval: 9, flags: 0 })?;
    let mask = [0x1200u64];
    t.call(
        "signalfd",
        &[int(-1), address(&mask), 8],
        &want! { fd: -1, mask: 0x1200, flags: 0 },
    )?;
    t.call(
        "signalfd4",
        &[int(-1), address(&mask), 8, 0o2_004_000],
        &want! { flags: open::CLOEXEC | open::NONBLOCK, fd: -1, mask: 0x1200 },
    )?;
    t.call(
        "timerfd_create",
        &[1, 0o4000],
        &want! { clockid: 1, flags: 0o4000 },
    )?;
    t.call("inotify_init", &[], &want! { flags: 0 })?;
    t.call("inotify_init1", &[0o4000], &want! { flags: open::NONBLOCK })?;
    t.call(
        "close_range",
        &[900, 950, 4],
        &want! { first: 900, last: 950, flags: 4 },
    )?;
    let memory = |mut more: Wanted| {
        more.extend(want! { vm_size: Want::Some, vm_rss: Want::Some, vm_swap: 0 });
        more
    };
    let place = t.call(
        "mmap",
        &[0, 8192, 3, 0x22, int(-1), 0],
        &memory(want! { addr: 0, length: 8192, prot: 3, flags: 0xA, fd: -1, offset: 0 }),
    )?;
    t.call(
        "munmap",
        &[int(place), 8192],
        &memory(want! { addr: place, length: 8192 }),
    )?;
    t.call("brk", &[0], &memory(want! { addr: 0 }))?;
    t.call(
        "mlock2",
        &[4096, 0, 1],
        &want! { addr: 4096, len: 0, flags: 1 },
    )?;
    t.call("mlockall", &[8], &want! { flags: 8 })?;
    for (call, name) in [
        ("getuid", "uid"),
        ("geteuid", "euid"),
        ("getgid", "gid"),
        ("getegid", "egid"),
    ] {
        t.call(call, &[], &vec![(name, Want::from(0))])?;
    }
    let ids = [[7u32; 1]; 3];
    let three = [address(&ids[0]), address(&ids[1]), address(&ids[2])];
    t.call("getresuid", &three, &want! { ruid: 0, euid: 0, suid: 0 })?;
    t.call("getresgid", &three, &want! { rgid: 0, egid: 0, sgid: 0 })?;
    t.once(
        "getresuid",
        &[NOWHERE[0], three[1], three[2]],
        &want! { ruid: Want::Nothing, euid: Want::Nothing, suid: Want::Nothing },
    )?;
    let mut limits = [0u64; 2];
    t.once(
        "getrlimit",
        &[7, room(&mut limits)],
        &want! { cur: Want::Some, max: Want::Some, resource: 7 },
    )?;
    let same = limits;
    t.call(
        "setrlimit",
        &[7, address(&same)],
        &want! { cur: same[0] as i64, max: same[1] as i64, resource: 7 },
    )?;
    t.call(
        "prlimit64",
        &[int(me), 7, address(&same), address(&limits)],
        &want! { newcur: same[0] as i64, newmax: same[1] as i64, oldcur: same[0] as i64, oldmax: same[1] as i64, pid: me, resource: 7 },
    )?;
    let semaphores = t.call(
        "semget",
        &[0, 2, 0o1600],
        &want! { key: 0, nsems: 2, semflg: 1 << 13 },
    )?;
    let operations: [i16; 6] = [0, 1, 0o4000, 1, 2, 0x1000];
    t.call(
        "semop",
        &[int(semaphores), address(&operations), 2],
        &want! { nsops: 2, sem_num_0: 0, sem_op_0: 1, sem_flg_0: 1, sem_num_1: 1, sem_op_1: 2, sem_flg_1: 2, semid: semaphores },
    )?;
    t.call(
        "semctl",
        &[int(semaphores), 1, 16, 5],
        &want! { semid: semaphores, semnum: 1, cmd: 1 << 12, val: 5 },
    )?;
    t.call(
        "semctl",
        &[int(semaphores), 0, 0],
        &want! { semid: semaphores, semnum: 0, cmd: 4, val: 0 },
    )?;
    let pidfd = t.call("pidfd_open", &[int(me), 0], &want! { pid: me, flags: 0 })?;
    t.call(
        "pidfd_getfd",
        &[int(pidfd), int(fd), 0],
        &want! { pid_fd: pidfd, target_fd: fd, flags: 0 },
    )?;
    let local = [[address(&buffer), 7]];
    let remote = [[address(data), 7]];
    t.call(
        "process_vm_readv",
        &[int(me), address(&local), 1, address(&remote), 1, 0],
        &want! { pid: me, data: "to and " },
    )?;
    let (local, remote) = ([[address(data), 6]], [[address(&buffer), 6]]);
    t.call(
        "process_vm_writev",
        &[int(me), address(&local), 1, address(&remote), 1, 0],
        &want! { pid: me, data: "to and" },
    )?;
    let mut handle = [0u32; 34];
    handle[0] = 128;
    let mount = [0i32];
    let _ = raw(
        number("name_to_handle_at"),
        &[int(AT_FDCWD), whole, address(&handle), address(&mount), 0],
    );
    let dir = raw(number("open"), &[address(&*text(DIR)), 0o200_000]);
    let opened = raw(
        number("open_by_handle_at"),
        &[int(dir), address(&handle), 0],
    );
    let some = |there: bool| if there { Want::Some } else { Want::Nothing };
    t.call(
        "open_by_handle_at",
        &[int(dir), address(&handle), 0],
        &want! { mountfd: dir, flags: open::RDONLY, path: if opened >= 0 { Want::from(path) } else { Want::Nothing }, dev: some(opened >= 0), ino: some(opened >= 0) },
    )?;
    let mut parameters = [0u32; 30];
    parameters[2] = 1 << 3;
    parameters[0] = 0;
    parameters[1] = 16;
    t.call(
        "io_uring_setup",
        &[4, address(&parameters)],
        &want! { entries: 4, sq_entries: Want::Some, cq_entries: 16, flags: 1 << 4, sq_thread_cpu: 0, sq_thread_idle: 0, features: Want::Some },
    )?;
    t.call(
        "io_uring_enter",
        &[int(fd), 1, 2, 1, 0, 0],
        &want! { fd: fd, to_submit: 1, min_complete: 2, flags: 1, sig: 0 },
    )?;
    t.call(
        "io_uring_register",
        &[int(fd), 2, 0x30, 4],
        &want! { fd: fd, opcode: 2, arg: 0x30, nr_args: 4 },
    )?;
    let (device, quota_file) = (text("/dev/none"), text("/quota.user"));
    let nothing = |mut more: Wanted| {
        for name in [
            "dqb_bhardlimit",
            "dqb_bsoftlimit",
            "dqb_curspace",
            "dqb_ihardlimit",
            "dqb_isoftlimit",
            "dqb_btime",
            "dqb_itime",
            "dqi_bgrace",
            "dqi_igrace",
            "dqi_flags",
        ] {
            if !more.iter().any(|(known, _)| *known == name) {
                more.push((name, Want::from(0)));
            }
        }
        more
    };
    t.call(
        "quotactl",
        &[0x8000_0200, address(&*device), 2, address(&*quota_file)],
        &nothing(want! { special: "/dev/none", quotafilepath: "/quota.user", quota_fmt_out: 1, cmd: 1, type: 1, id: 0, quota_fmt: 4 }),
    )?;
    let quota = [1u64, 2, 3, 4, 5, 6, 7, 8, 0];
    t.call(
        "quotactl",
        &[0x8000_0801, address(&*device), 1000, address(&quota)],
        &nothing(want! { special: "/dev/none", quotafilepath: Want::Nothing, dqb_bhardlimit: 1, dqb_bsoftlimit: 2, dqb_curspace: 3, dqb_ihardlimit: 4, dqb_isoftlimit: 5, dqb_btime: 7_000_000_000i64, dqb_itime: 8_000_000_000i64, quota_fmt_out: 1, cmd: 1 << 6, type: 2, id: 1000, quota_fmt: 1 }),
    )?;
    let key = text("source");
    t.call(
        "fsconfig",
        &[int(fd), 1, address(&*key), address(&*text("none")), 0],
        &want! { fd: fd, cmd: 1, key: "source", value_bytebuf: Want::Nothing, value_charbuf: "none", aux: 0 },
    )?;
    t.call(
        "fsconfig",
        &[int(fd), 2, address(&*key), address("bytes"), 5],
        &want! { fd: fd, cmd: 2, key: "source", value_bytebuf: "bytes", value_charbuf: Want::Nothing, aux: 5 },
    )?;
    let number_of = |n: i64| [&[0][..], &n.to_le_bytes()].concat();
    t.call(
        "keyctl",
        &[1, address(&*text("a name")), 0, 0, 0],
        &want! { operation: 1, arg2: "\u{1}a name", arg3: number_of(0), arg4: number_of(0), arg5: number_of(0) },
    )?;
    t.call(
        "keyctl",
        &[0, int(-3), 1],
        &want! { operation: 0, arg2: number_of(-3), arg3: number_of(1), arg4: number_of(0), arg5: number_of(0) },
    )?;
    options(t)
}

fn options(t: &mut Tester) -> anyhow::Result<()> {
    const UDP: i32 = 17;
    let socket = raw(number("socket"), &[2, 2, 0]);
    let fd = int(socket);
    let address_of = [0u8; 16];
    let len = [16u32];
    t.call(
        "getsockname",
        &[fd, address(&address_of), address(&len)],
        &want! {},
    )?;
    t.call(
        "getpeername",
        &[fd, address(&address_of), address(&len)],
        &want! {},
    )?;
    let value = [1u32, 0];
    let number_of = |which: u8, bytes: &[u8]| [&[which][..], bytes].concat();
    t.call(
        "setsockopt",
        &[fd, 1, 2, address(&value), 4],
        &want! { fd: socket, level: 1, optname: 2, val: number_of(2, &[1, 0, 0, 0]), optlen: 4 },
    )?;
    let time = [2u64, 5];
    t.call(
        "setsockopt",
        &[fd, 1, 20, address(&time), 16],
        &want! { fd: socket, level: 1, optname: 20, val: number_of(4, &2_000_005_000u64.to_le_bytes()), optlen: 16 },
    )?;
    t.call(
        "setsockopt",
        &[fd, 6, 1, address(&value), 4],
        &want! { fd: socket, level: 2, optname: 0, val: number_of(0, &[1, 0, 0, 0]), optlen: 4 },
    )?;
    let (value, len) = ([7u32], [4u32]);
    t.once(
        "getsockopt",
        &[fd, 1, 2, address(&value), address(&len)],
        &want! { fd: socket, level: 1, optname: 2, val: number_of(2, &[1, 0, 0, 0]), optlen: 4 },
    )?;
    t.once(
        "getsockopt",
        &[fd, 1, 4, address(&value), address(&len)],
        &want! { fd: socket, level: 1, optname: 4, val: number_of(1, &[0; 8]), optlen: 4 },
    )?;
    t.bad("getsockopt", 4, &[fd, 1, 2, address(&value), NOWHERE[0]])?;

    let (a, b) = (
        raw(number("socket"), &[2, 2, 0]),
        raw(number("socket"), &[2, 2, 0]),
    );
    let (at_a, at_b) = (inet(45011), inet(45012));
    let _ = raw(number("bind"), &[int(a), address(&at_a), 16]);
    let _ = raw(number("bind"), &[int(b), address(&at_b), 16]);
    let parts = [[address("first"), 5], [address("second one"), 10]];
    let message = |part: usize| [address(&at_b), 16, address(&parts[part]), 1, 0, 0, 0, 0];
    let messages = [message(0), message(1)];
    let first = want! { fd: a, size: 5, data: "first", tuple: tuple(45011, 45012), addr: addr(45011), proto: UDP, connected: 0 };
    let second = want! { fd: a, size: 10, data: "second one", tuple: tuple(45011, 45012), addr: addr(45011), proto: UDP, connected: 0 };
    t.drain()?;
    let sent = raw(number("sendmmsg"), &[int(a), address(&messages), 2, 0]);
    ensure!(sent == 2, "sendmmsg: {sent}");
    t.several("sendmmsg", sent, &[first, second])?;
    for nowhere in NOWHERE {
        t.bad("sendmmsg", 1, &[int(a), nowhere, 2, 0])?;
    }
    let (from, buffers) = ([0u8; 16], [[0u8; 32]; 2]);
    let parts = [[address(&buffers[0]), 32], [address(&buffers[1]), 32]];
    let message = |part: usize| [address(&from), 16, address(&parts[part]), 1, 0, 0, 0, 0];
    let messages = [message(0), message(1)];
    let first = want! { fd: b, size: 32, data: "first", tuple: tuple(45011, 45012), msgcontrol: "", addr: addr(45012), proto: UDP, connected: 0 };
    let second = want! { fd: b, size: 32, data: "second one", tuple: tuple(45011, 45012), msgcontrol: "", addr: addr(45012), proto: UDP, connected: 0 };
    t.drain()?;
    let received = raw(
        number("recvmmsg"),
        &[int(b), address(&messages), 2, 0x40, 0],
    );
    ensure!(received == 2, "recvmmsg: {received}");
    t.several("recvmmsg", received, &[first, second])?;
    t.bad("recvmmsg", 1, &[int(b), NOWHERE[1], 2, 0x40, 0])
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

/// Pointers that are not arguments, but lie where these point, and those of which another
/// argument says what they are.
fn bad_structures(t: &mut Tester) -> anyhow::Result<()> {
    let fd = raw(number("open"), &[address(&*text("/dev/null")), 2]);
    let socket = raw(number("socket"), &[2, 2, 0]);
    let (name, text_of) = (text("/does/not/exist"), |place: usize| [place, 0]);
    let (here, buffer) = (inet(45031), [0u8; 64]);
    let quota_on = 0x8000_0200;
    let quota_set = 0x8000_0801;
    for nowhere in NOWHERE {
        let vector = [[nowhere, 16]];
        t.bad("writev", 1, &[int(fd), address(&vector), 1])?;
        t.bad("pwritev", 1, &[int(fd), address(&vector), 1, 0])?;
        let parts = [[address(&buffer), 8]];
        for message in [
            [nowhere, 16, address(&parts), 1, 0, 0, 0],
            [address(&here), 16, nowhere, 1, 0, 0, 0],
            [address(&here), 16, address(&vector), 1, 0, 0, 0],
        ] {
            t.bad("sendmsg", 1, &[int(socket), address(&message), 0])?;
            let messages = [message];
            t.bad("sendmmsg", 1, &[int(socket), address(&messages), 1, 0])?;
        }
        t.bad(
            "execve",
            0,
            &[nowhere, address(&text_of(address(&*name))), 0],
        )?;
        t.bad("execve", 1, &[address(&*name), nowhere, 0])?;
        let arguments = [address(&*name), nowhere, 0];
        t.bad("execve", 1, &[address(&*name), address(&arguments), 0])?;
        let at = int(AT_FDCWD);
        t.bad(
            "execveat",
            1,
            &[at, nowhere, address(&text_of(address(&*name))), 0, 0],
        )?;
        t.bad(
            "execveat",
            2,
            &[at, address(&*name), address(&arguments), 0, 0],
        )?;
        t.bad("clone3", 0, &[nowhere, 64])?;
        t.bad("quotactl", 3, &[quota_on, address(&*name), 2, nowhere])?;
        t.bad("quotactl", 3, &[quota_set, address(&*name), 1000, nowhere])?;
        t.bad("keyctl", 1, &[1, nowhere, 0, 0, 0])?;
        for kind in [1, 2] {
            t.bad("fsconfig", 3, &[int(fd), kind, address(&*name), nowhere, 5])?;
        }
        let (local, remote) = ([[nowhere, 6]], [[address(&buffer), 6]]);
        let me = std::process::id() as usize;
        t.bad(
            "process_vm_writev",
            1,
            &[me, address(&local), 1, address(&remote), 1, 0],
        )?;
    }
    // What was read of an array stays, and is marked.
    let arguments = [address(&*name), address(&*name), NOWHERE[0], 0];
    t.drain()?;
    let _ = raw(number("execve"), &[address(&*name), address(&arguments), 0]);
    let mut wanted = want! { exe: "/does/not/exist", args: &b"/does/not/exist\0"[..] };
    wanted.push(("*", Want::Any));
    t.compare("execve", std::process::id(), None, &wanted)?;
    #[cfg(target_arch = "x86_64")]
    {
        // No record without arguments, but it is counted.
        let faults = |t: &Tester| -> anyhow::Result<u64> {
            let lost = t.source.counters()?.lost;
            let faults = lost
                .iter()
                .filter(|l| (l.cause, l.class) == ("fault", "net"));
            Ok(faults.map(|l| l.count).sum())
        };
        let before = faults(t)?;
        let bind = 2;
        let _ = raw_ia32(102, &[bind, NOWHERE[0]]);
        t.checks += 1;
        if faults(t)? != before + 1 {
            t.fail("a call of a 32-bit program whose arguments are nowhere is not counted");
        }
    }
    Ok(())
}

/// Every call that has no parameters of its own, with arguments that the kernel refuses: its
/// record has the number and the result. How many these are.
fn generic(t: &mut Tester) -> anyhow::Result<usize> {
    let rows = SYSCALLS.iter().filter(|s| {
        s.number() != NONE && s.event == Kind::Syscall && !LEFT_ALONE.contains(&s.name)
    });
    let rows: Vec<_> = rows.collect();
    let numbers = rows.iter().map(|s| u32::from(s.number()));
    t.source.set_interest(&interest(numbers))?;
    t.drain()?;
    let refused = [usize::MAX; 6];
    let mut made = std::collections::BTreeMap::new();
    for row in &rows {
        let result = raw(row.number().into(), &refused);
        made.insert(u32::from(row.number()), (row.name, result));
    }
    let tid = std::process::id();
    let end = Instant::now() + Duration::from_secs(10);
    let mut wrong = Vec::new();
    while !made.is_empty() && Instant::now() < end {
        t.source.read(Duration::from_millis(20), &mut |_, bytes| {
            let Ok(event) = Event::decode(bytes, 1, 0) else {
                return;
            };
            if event.header.tid != tid {
                return;
            }
            let Some(&(name, result)) = made.get(&event.header.syscall) else {
                return;
            };
            let call = event.header.syscall;
            let want = want! { ID: call, nativeID: call, res: result };
            let differs = differences(&event, Some(result), &want);
            // The library makes some of these calls as well.
            if differs.is_empty() {
                made.remove(&call);
            } else {
                wrong.push(format!("{name}: {}", differs.join("; ")));
            }
        })?;
    }
    t.checks += rows.len() as u32;
    for (name, _) in made.values() {
        let said = wrong
            .iter()
            .find(|said| said.starts_with(&format!("{name}: ")));
        t.fail(said.map_or(&format!("{name}: no record"), |said| said));
    }
    Ok(rows.len())
}

/// Calls with a descriptor of which nobody asks what it is: their records have all but that.
fn bare(t: &mut Tester) -> anyhow::Result<()> {
    let calls = SYSCALLS.iter().filter(|s| s.event.info().tells_of_fd());
    let calls: Vec<_> = calls.filter(|s| s.number() != NONE).collect();
    let mut wanted = interest(calls.iter().map(|s| u32::from(s.number())));
    wanted.descriptors = [0; _];
    t.source.set_interest(&wanted)?;
    let fd = raw(number("openat"), &[int(-100), address(c"/dev/null"), 2]);
    let room = [0u8; 256];
    for call in calls {
        let about = call.event.info().params.iter().rev().take(ABOUT_FD);
        let mut want: Wanted = about.map(|param| (param.name, Want::Nothing)).collect();
        let has = |name: &str| call.event.info().params.iter().any(|p| p.name == name);
        let given = ["fd", "oldfd"].into_iter().find(|name| has(name));
        want.push((given.context("no descriptor")?, Want::Int(fd)));
        want.push(("*", Want::Any));
        let other = if has("newfd") { 99 } else { address(&room) };
        t.once(call.name, &[int(fd), other, 8], &want)?;
    }
    moved(t)
}

/// Of the same calls, bytes of all kinds of lengths, at all kinds of addresses.
fn moved(t: &mut Tester) -> anyhow::Result<()> {
    let file = text("/tmp/calls/moved");
    let fd = raw(
        number("openat"),
        &[int(-100), address(&*file), 0o102, 0o600],
    );
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let room = [0u8; 256];
    for len in [
        0, 1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 79, 80, 81, 127, 128, 129, 200,
    ] {
        let data = &bytes[len % 8..][..len];
        let cut = len.min(SNAPLEN_DEFAULT as usize);
        for (name, at, size) in [
            ("pwrite64", address(data), len),
            ("pread64", address(&room), 256),
        ] {
            t.drain()?;
            let result = raw(number(name), &[int(fd), at, size, 0]);
            let want = want! { res: len as i64, data: &data[..cut], fd: fd, size: size as i64, pos: 0, path: Want::Nothing, kind: Want::Nothing, tuple: Want::Nothing, addr: Want::Nothing, proto: Want::Nothing, connected: Want::Nothing };
            let (tid, call) = (std::process::id(), number(name));
            let found = t.find(
                |e| e.header.tid == tid && e.header.syscall == call,
                |e| (e.header.flags, differences(e, Some(result), &want)),
            )?;
            t.checks += 1;
            let flags = if cut < len { flag::TRUNCATED } else { 0 };
            if found
                .as_ref()
                .is_none_or(|(is, differs)| *is != flags || !differs.is_empty())
            {
                t.fail(&format!("{name} of {len} bytes: {found:?}, flags {flags}"));
            }
        }
    }
    for nowhere in NOWHERE {
        t.bad("pwrite64", 1, &[int(fd), nowhere, 64, 0])?;
    }
    Ok(())
}

/// Calls of 32-bit programs: their numbers are other calls, their pointers are
/// shorter, and some of their arguments are in memory.
#[cfg(target_arch = "x86_64")]
fn compat(t: &mut Tester) -> anyhow::Result<()> {
    let mut low = Low::new()?;
    let path = "/tmp/calls/compat";
    let name = low.put(path.as_bytes());
    let file = t.ia32(
        "open",
        5,
        &[name, 0o102, 0o600],
        &want! { name: path, flags: open::RDWR | open::CREAT | open::F_CREATED, mode: 0o600, dev: Want::Some, ino: Want::Some, base: Want::Nothing, real: Want::Nothing },
    )?;
    t.ia32(
        "mkdir",
        39,
        &[low.put(b"low"), 0o700],
        &want! { path: "low", mode: 0o700, base: DIR },
    )?;
    t.ia32(
        "rmdir",
        40,
        &[low.put(b"low")],
        &want! { path: "low", base: DIR },
    )?;
    // 32-bit ids have calls of their own.
    t.ia32("setuid", 213, &[0], &want! { uid: 0 })?;
    let (one, two) = (low.put(b"one"), low.put(b" and two"));
    let vector = low.words(&[one, 3, two, 8]);
    let about = want! { data: "one and two", fd: file, size: 11, path: path, kind: REGULAR, tuple: Want::Nothing, addr: Want::Nothing, proto: Want::Nothing, connected: Want::Nothing };
    t.ia32("writev", 146, &[int(file), vector, 2], &about)?;
    let position = low.words(&[0, 0]);
    t.ia32(
        "lseek",
        140,
        &[int(file), 0, 5, position, 0],
        &want! { fd: file, offset: 5, whence: 0, res: 0 },
    )?;
    let arguments = low.words(&[2, 2, 0]);
    let sender = t.ia32(
        "socket",
        102,
        &[1, arguments],
        &want! { domain: 2, type: 2, proto: 0, flags: 0 },
    )?;
    let (from, to) = (low.put(&inet(45021)), low.put(&inet(45022)));
    t.ia32(
        "bind",
        361,
        &[int(sender), from, 16],
        &want! { addr: addr(45021), fd: sender, proto: 17 },
    )?;
    let vector = low.words(&[one, 3, two, 4]);
    let message = low.words(&[to, 16, vector, 2, 0, 0, 0]);
    let arguments = low.words(&[int(sender), message, 0]);
    t.ia32(
        "sendmsg",
        102,
        &[16, arguments],
        &want! { data: "one and", fd: sender, size: 7, tuple: tuple(45021, 45022), addr: addr(45021), proto: 17, connected: 0 },
    )?;
    let arguments = low.words(&[int(sender), to, 16]);
    t.ia32(
        "connect",
        102,
        &[3, arguments],
        &want! { tuple: tuple(45021, 45022), fd: sender, addr: addr(45022), proto: 17 },
    )?;
    let program = low.put(b"/does/not/exist");
    let argv = low.words(&[program, two, 0]);
    let mut wanted = want! { exe: "/does/not/exist", filename: "/does/not/exist", args: &b" and two\0"[..], res: -2 };
    wanted.push(("*", Want::Any));
    t.ia32("execve", 11, &[program, argv, 0], &wanted)?;
    // What 64-bit programs call with the same number is another call.
    t.ia32(
        "getpid",
        20,
        &[],
        &want! { ID: number("getpid"), nativeID: number("getpid") },
    )?;
    t.drain()?;
    let x32 = raw(0x4000_0000 | number("getpid"), &[]);
    t.compare_flagged(
        "getpid",
        std::process::id(),
        Some(x32),
        &want! { ID: number("getpid"), nativeID: number("getpid") },
        flag::COMPAT,
    )?;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(DIR);
    std::fs::create_dir_all(DIR)?;
    std::env::set_current_dir(DIR)?;
    let own = SYSCALLS
        .iter()
        .filter(|s| s.number() != NONE && s.event != Kind::Syscall);
    let name = std::env::args().nth(1);
    let mut source = live(name.as_deref(), Setup::default())?;
    let getpid = std::iter::once(number("getpid"));
    source.set_interest(&interest(
        own.clone().map(|s| u32::from(s.number())).chain(getpid),
    ))?;
    let mut tester = Tester {
        source,
        tested: BTreeSet::new(),
        checks: 0,
        failures: 0,
    };
    files(&mut tester)?;
    descriptors(&mut tester)?;
    sockets(&mut tester)?;
    others(&mut tester)?;
    processes(&mut tester)?;
    #[cfg(target_arch = "x86_64")]
    compat(&mut tester)?;
    bad_structures(&mut tester)?;
    for call in own {
        if !tester.tested.contains(call.name) {
            tester.fail(&format!("{} was not made", call.name));
        }
    }
    bare(&mut tester)?;
    let generic = generic(&mut tester)?;
    println!(
        "{} calls, {generic} without parameters, {} records compared, {} failures",
        tester.tested.len(),
        tester.checks,
        tester.failures
    );
    ensure!(tester.failures == 0, "records are not what they should be");
    Ok(())
}
