//! Arguments that another thread changes all the time, while calls are made with them:
//! what is told is what the kernel really took, which is known by what came of it.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use falco_abi::control::Setup;
use falco_abi::event::{Event as Kind, connect, execve, openat, openat2};
#[cfg(target_arch = "x86_64")]
use falco_abi::event::{creat, open};
use falco_abi::flags::open as open_bits;
use falco_engine::event::Event;
use falco_engine::state::address::Address;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

const DIRECTORY: &str = "/tmp/promises";

fn setup() -> Setup {
    Setup {
        ring_bytes: 64 << 20,
        ..Setup::default()
    }
}

/// Runs `calls` while another thread writes both values to the byte by turns.
fn while_changing(byte: &AtomicU8, values: [u8; 2], calls: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                byte.store(values[1], Ordering::Relaxed);
                byte.store(values[0], Ordering::Relaxed);
            }
        });
        calls();
        done.store(true, Ordering::Relaxed);
    });
}

/// Memory that a child has in common with us, so that what its parent changes
/// changes for it.
fn shared(bytes: &[u8]) -> anyhow::Result<&'static [AtomicU8]> {
    // SAFETY: A new mapping, which stays until the program ends.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes.len(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    ensure!(start != libc::MAP_FAILED, "no memory");
    // SAFETY: Just mapped, as long as that, and any bytes are atomics.
    let shared = unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), bytes.len()) };
    for (to, &from) in shared.iter().zip(bytes) {
        to.store(from, Ordering::Relaxed);
    }
    Ok(shared)
}

/// Makes one call with the path and returns what it returned.
type Opens = fn(*const AtomicU8) -> i64;

// Of this one and `creat` newer machines have none.
#[cfg(target_arch = "x86_64")]
fn by_open(path: *const AtomicU8) -> i64 {
    // SAFETY: A string with a NUL; the kernel may see either letter.
    unsafe { libc::syscall(libc::SYS_open, path, libc::O_RDONLY) }
}

fn by_openat(path: *const AtomicU8) -> i64 {
    // SAFETY: As above.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY) }
}

fn by_openat2(path: *const AtomicU8) -> i64 {
    // `struct open_how`: flags, mode, resolve.
    let how = [libc::O_RDONLY as u64, 0, 0];
    let size = size_of_val(&how);
    // SAFETY: As above; the structure is as long as that.
    unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path,
            &raw const how,
            size,
        )
    }
}

#[cfg(target_arch = "x86_64")]
fn by_creat(path: *const AtomicU8) -> i64 {
    // SAFETY: As above.
    unsafe { libc::syscall(libc::SYS_creat, path, 0o600) }
}

/// A path whose last letter changes. What was opened is known by its inode.
pub(crate) fn paths() -> anyhow::Result<()> {
    const TURNS: u32 = 10_000;
    /// Most rounds of turns until some path was changed in time.
    const ROUNDS: u32 = 20;
    // The call, its event, and where that has the name, the path it found, and the inode.
    let calls: &[(&str, Opens, Kind, [usize; 3])] = &[
        #[cfg(target_arch = "x86_64")]
        ("open", by_open, Kind::Open, {
            use open::Slot;
            [Slot::name as usize, Slot::real as usize, Slot::ino as usize]
        }),
        ("openat", by_openat, Kind::Openat, {
            use openat::Slot;
            [Slot::name as usize, Slot::real as usize, Slot::ino as usize]
        }),
        ("openat2", by_openat2, Kind::Openat2, {
            use openat2::Slot;
            [Slot::name as usize, Slot::real as usize, Slot::ino as usize]
        }),
        #[cfg(target_arch = "x86_64")]
        ("creat", by_creat, Kind::Creat, {
            use creat::Slot;
            [Slot::name as usize, Slot::real as usize, Slot::ino as usize]
        }),
    ];
    fs::create_dir_all(DIRECTORY)?;
    let mut inodes = BTreeMap::new();
    for name in ["fileA", "fileB"] {
        let path = Path::new(DIRECTORY).join(name);
        inodes.insert(File::create(&path)?.metadata()?.ino(), path);
    }
    for &(name, opens, kind, [slot_name, slot_real, slot_ino]) in calls {
        let mut source = super::source(setup(), &[name], 0)?;
        let path = shared(format!("{DIRECTORY}/fileA\0").as_bytes())?;
        let me = std::process::id();
        let (mut hidden, mut changed) = (0u32, 0u32);
        for round in 1..=ROUNDS {
            while_changing(&path[path.len() - 2], *b"AB", || {
                for _ in 0..TURNS {
                    let fd = opens(path.as_ptr());
                    if fd >= 0 {
                        // SAFETY: Just opened, and nobody else has it.
                        drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
                    }
                }
            });
            let mut seen = 0u32;
            super::drain(&mut source, |event| {
                if event.kind != kind || event.header.pid != me {
                    return;
                }
                let name = event.bytes(slot_name).unwrap_or_default();
                if !name.starts_with(DIRECTORY.as_bytes()) {
                    return;
                }
                seen += 1;
                let real = event.bytes(slot_real);
                let opened = event.number(slot_ino).and_then(|ino| inodes.get(&ino));
                let told = real.unwrap_or(name);
                changed += u32::from(real.is_some());
                hidden += u32::from(opened.is_none_or(|path| path.as_os_str().as_bytes() != told));
            })?;
            println!("{name}: {seen} calls, {changed} of changed paths, {hidden} hidden");
            ensure!(seen == TURNS, "{seen} records of {TURNS} calls of {name}");
            ensure!(hidden == 0, "{name} hid {hidden} files");
            if changed > 0 {
                break;
            }
            super::must_race(round < ROUNDS, name)?;
        }
    }
    Ok(())
}

/// An address whose port changes. What was reached is known by the socket.
pub(crate) fn addresses() -> anyhow::Result<()> {
    const TURNS: u16 = 2_000;
    const PORTS: [u16; 2] = [0x5A01, 0x5A02];
    let listeners = PORTS.map(|port| TcpListener::bind(("127.0.0.1", port)));
    let mut source = super::source(setup(), &["connect"], 0)?;
    // `struct sockaddr_in`: family, port in network order, address.
    let mut address = vec![libc::AF_INET as u8, 0];
    address.extend(PORTS[0].to_be_bytes());
    address.extend([127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let address = shared(&address)?;
    let mut reached = BTreeMap::new();
    let values = PORTS.map(|port| port.to_be_bytes()[1]);
    let mut failed = None;
    while_changing(&address[3], values, || {
        for _ in 0..TURNS {
            match dial(address) {
                Ok(stream) => {
                    let ends = (stream.local_addr(), stream.peer_addr());
                    if let (Ok(own), Ok(other)) = ends {
                        reached.insert(own.port(), other.port());
                    }
                    // Its port is free for the next one at once.
                    let _ = nix::sys::socket::setsockopt(
                        &stream,
                        nix::sys::socket::sockopt::Linger,
                        &libc::linger {
                            l_onoff: 1,
                            l_linger: 0,
                        },
                    );
                    for listener in listeners.iter().flatten() {
                        let _ = listener.set_nonblocking(true);
                        let _ = listener.accept();
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let me = std::process::id();
    let (mut seen, mut changed, mut hidden) = (0u16, 0u16, 0u16);
    let mut last = BTreeMap::new();
    super::drain(&mut source, |event| {
        use connect::Slot;
        if event.kind != Kind::Connect || event.header.pid != me {
            return;
        }
        seen += 1;
        let tuple = event.bytes(Slot::tuple as usize);
        let asked = event.bytes(Slot::addr as usize);
        let Some(Address::IpPair(from, to)) = tuple.and_then(Address::of_tuple) else {
            hidden += 1;
            return;
        };
        if let Some(Address::Ip(asked)) = asked.and_then(Address::of_addr) {
            changed += u16::from(asked.1 != to.1);
        }
        last.insert(from.1, to.1);
    })?;
    // Of ports that were taken more than once the last one is known.
    hidden += reached
        .iter()
        .filter(|(own, other)| last.get(own) != Some(other))
        .count() as u16;
    println!("connect: {seen} calls, {changed} of changed addresses, {hidden} hidden");
    ensure!(seen == TURNS, "{seen} records of {TURNS} calls");
    ensure!(hidden == 0, "{hidden} connections were hidden");
    super::must_race(changed > 0, "addresses")?;
    Ok(())
}

/// A connection to the address, whatever it is at that moment.
fn dial(address: &[AtomicU8]) -> anyhow::Result<TcpStream> {
    // SAFETY: Makes a descriptor, or fails.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    ensure!(fd >= 0, "no socket");
    // SAFETY: Just made, and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: An address as long as that; the kernel may see either port.
    let status = unsafe {
        libc::connect(
            socket.as_raw_fd(),
            address.as_ptr().cast(),
            address.len() as libc::socklen_t,
        )
    };
    ensure!(status == 0, "{}", std::io::Error::last_os_error());
    Ok(TcpStream::from(socket))
}

/// Flags of `openat2` in memory that change. What the kernel took is known by the file.
pub(crate) fn flags() -> anyhow::Result<()> {
    const TURNS: usize = 5_000;
    fs::create_dir_all(DIRECTORY)?;
    let path = CString::new(format!("{DIRECTORY}/flags"))?;
    File::create(Path::new(DIRECTORY).join("flags"))?;
    let mut source = super::source(setup(), &["openat2"], 0)?;
    // `struct open_how`: flags, mode, resolve.
    let how = shared(&[0; 24])?;
    let mut taken = Vec::new();
    while_changing(&how[0], [libc::O_RDONLY as u8, libc::O_RDWR as u8], || {
        for _ in 0..TURNS {
            // SAFETY: A string with a NUL, and a structure as long as that; the kernel may
            // see either of the flags.
            let fd = unsafe {
                libc::syscall(
                    libc::SYS_openat2,
                    libc::AT_FDCWD,
                    path.as_ptr(),
                    how.as_ptr(),
                    how.len(),
                )
            };
            // SAFETY: Any number is allowed.
            taken.push(unsafe { libc::fcntl(fd as i32, libc::F_GETFL) } & libc::O_ACCMODE);
            if fd >= 0 {
                // SAFETY: Just opened, and nobody else has it.
                drop(unsafe { OwnedFd::from_raw_fd(fd as i32) });
            }
        }
    });
    let me = std::process::id();
    let mut told = Vec::new();
    super::drain(&mut source, |event| {
        if event.kind == Kind::Openat2 && event.header.pid == me {
            let flags = event.number(openat2::Slot::flags as usize).unwrap_or(0) as u32;
            told.push(match flags & open_bits::RDWR {
                open_bits::RDONLY => libc::O_RDONLY,
                open_bits::RDWR => libc::O_RDWR,
                _ => -1,
            });
        }
    })?;
    let writing = taken.iter().filter(|&&mode| mode == libc::O_RDWR).count();
    let hidden = told
        .iter()
        .zip(&taken)
        .filter(|(told, taken)| told != taken);
    let hidden = hidden.count();
    println!(
        "openat2: {} calls, {writing} to write, {hidden} hidden",
        told.len()
    );
    ensure!(
        told.len() == TURNS,
        "{} records of {TURNS} calls",
        told.len()
    );
    super::must_race((1..TURNS).contains(&writing), "the flags")?;
    ensure!(
        hidden == 0,
        "the flags of {hidden} calls are not those taken"
    );
    Ok(())
}

/// Starts a program by its path, and comes back only if that fails.
type Starts = unsafe fn(*const libc::c_char, *const *const libc::c_char);

unsafe fn by_execve(path: *const libc::c_char, arguments: *const *const libc::c_char) {
    // SAFETY: By the caller's word there are two; the last, which is none, is all there is of
    // the environment.
    let environment = unsafe { arguments.add(1) };
    // SAFETY: By the caller's word.
    unsafe { libc::execve(path, arguments, environment) };
}

unsafe fn by_execveat(path: *const libc::c_char, arguments: *const *const libc::c_char) {
    // SAFETY: As above.
    let environment = unsafe { arguments.add(1) };
    // SAFETY: As above.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            libc::AT_FDCWD,
            path,
            arguments,
            environment,
            0,
        )
    };
}

/// A program whose path changes. What was started is known by its inode.
pub(crate) fn programs() -> anyhow::Result<()> {
    started("execve", by_execve)?;
    started("execveat", by_execveat)
}

fn started(call: &str, starts: Starts) -> anyhow::Result<()> {
    const TURNS: u32 = 100;
    fs::create_dir_all(DIRECTORY)?;
    let mut inodes: BTreeMap<u64, PathBuf> = BTreeMap::new();
    for name in ["progA", "progB"] {
        let path = Path::new(DIRECTORY).join(name);
        fs::copy("/bin/busybox", &path)?;
        inodes.insert(fs::metadata(&path)?.ino(), path);
    }
    let mut source = super::source(setup(), &[call], 0)?;
    let path = shared(format!("{DIRECTORY}/progA\0").as_bytes())?;
    let name = CString::new("true")?;
    let arguments = [name.as_ptr(), std::ptr::null()];
    let mut lost = None;
    while_changing(&path[path.len() - 2], *b"AB", || {
        for _ in 0..TURNS {
            // SAFETY: The child does nothing but become another program, or end.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: Strings with a NUL; the kernel may see either letter.
                unsafe { starts(path.as_ptr().cast(), arguments.as_ptr()) };
                // SAFETY: Ends the child as it is.
                unsafe { libc::_exit(127) };
            }
            lost = waitpid(Pid::from_raw(child), None).err().or(lost);
        }
    });
    lost.map_or(Ok(()), Err).context("waiting for a program")?;
    let (mut seen, mut hidden) = (0u32, 0u32);
    super::drain(&mut source, |event: &Event<'_>| {
        use execve::Slot;
        let Some(filename) = event.bytes(Slot::filename as usize) else {
            return;
        };
        if event.kind != Kind::Execve || !filename.starts_with(DIRECTORY.as_bytes()) {
            return;
        }
        seen += 1;
        let started = event.number(Slot::exe_ino as usize);
        let started = started.and_then(|ino| inodes.get(&ino));
        let told = event.bytes(Slot::trusted_exepath as usize);
        let right = started.is_some_and(|path| {
            let path = path.as_os_str().as_bytes();
            told == Some(path) && filename == path
        });
        hidden += u32::from(!right);
    })?;
    println!("{call}: {seen} programs, {hidden} hidden");
    ensure!(seen == TURNS, "{seen} records of {TURNS} programs");
    ensure!(hidden == 0, "{hidden} programs were hidden");
    Ok(())
}
