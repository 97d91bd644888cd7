//! Pointers that are hard to read through: at odd addresses, to what ends within a page that
//! is there, and to memory that another thread takes away and brings back meanwhile.

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::ensure;
use falco_abi::control::Setup;
use falco_abi::event::{Event as Kind, bind, openat, write};
use falco_abi::record::flag;
use falco_engine::event::Event;
use nix::libc;

pub(crate) const PAGE: usize = 4096;

/// New memory of so many pages, which stays until the program ends.
pub(crate) fn map(pages: usize) -> anyhow::Result<usize> {
    // SAFETY: New memory at an address that the kernel chooses.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            pages * PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    ensure!(start != libc::MAP_FAILED, "no memory");
    Ok(start as usize)
}

/// Writes bytes there.
fn put(at: usize, bytes: &[u8]) {
    // SAFETY: The callers name room in what `map` gave them.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
}

fn open(path: usize) -> i64 {
    // SAFETY: The kernel alone looks at the path, and refuses what is not there.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, libc::O_RDONLY) }
}

/// A record's bytes in a slot, and whether it says that memory could not be read.
type Told = (Option<Vec<u8>>, bool);

/// What this program's records of an event tell in a slot.
fn told(calls: &[&str], kind: Kind, slot: usize, make: impl FnOnce()) -> anyhow::Result<Vec<Told>> {
    let setup = Setup {
        ring_bytes: 32 << 20,
        ..Setup::default()
    };
    let mut source = super::source(setup, calls, 0)?;
    make();
    let me = std::process::id();
    let mut told = Vec::new();
    super::drain(&mut source, |event: &Event<'_>| {
        if event.kind == kind && event.header.pid == me {
            let fault = event.header.flags & flag::FAULT != 0;
            told.push((event.bytes(slot).map(<[u8]>::to_vec), fault));
        }
    })?;
    Ok(told)
}

/// At every address of a word, and over the end of a page.
pub(crate) fn odd() -> anyhow::Result<()> {
    const PATH: &[u8] = b"/pointers/odd\0";
    let start = map(2)?;
    let name = Some(PATH[..PATH.len() - 1].to_vec());
    let places: Vec<usize> = (0..8).chain(PAGE - PATH.len()..=PAGE).collect();
    let names = told(
        &["openat"],
        Kind::Openat,
        openat::Slot::name as usize,
        || {
            for at in &places {
                put(start + at, PATH);
                open(start + at);
            }
        },
    )?;
    ensure!(
        names == vec![(name, false); places.len()],
        "paths: {names:?}"
    );

    // `struct sockaddr_in` of 127.0.0.1:47011, and its encoding in a record.
    let address = [2, 0, 0xB7, 0xA3, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let encoded = Some(vec![2, 127, 0, 0, 1, 0xA3, 0xB7]);
    let places: Vec<usize> = (0..8).chain(PAGE - 15..PAGE).collect();
    let addresses = told(&["bind"], Kind::Bind, bind::Slot::addr as usize, || {
        for at in &places {
            put(start + at, &address);
            // SAFETY: The kernel alone looks at the address, of a socket that there is not.
            unsafe { libc::syscall(libc::SYS_bind, -1, start + at, address.len()) };
        }
    })?;
    ensure!(
        addresses == vec![(encoded, false); places.len()],
        "addresses: {addresses:?}"
    );
    Ok(())
}

/// What ends where a page is there no more.
pub(crate) fn cut_off() -> anyhow::Result<()> {
    let start = map(2)?;
    // SAFETY: Ours, and nothing refers to it.
    let status = unsafe { libc::mprotect((start + PAGE) as *mut _, PAGE, libc::PROT_NONE) };
    ensure!(status == 0, "no page could be taken away");
    let names = told(
        &["openat"],
        Kind::Openat,
        openat::Slot::name as usize,
        || {
            // The last byte of the page is a NUL, then the last of the name.
            put(start + PAGE - 4, b"/a\0");
            open(start + PAGE - 4);
            put(start + PAGE - 4, b"/abc");
            open(start + PAGE - 4);
        },
    )?;
    ensure!(
        names == [(Some(b"/a".to_vec()), false), (None, true)],
        "paths: {names:?}"
    );

    // The kernel takes what is there, and says how much that was.
    let (reader, writer) = nix::unistd::pipe()?;
    put(start + PAGE - 10, b"0123456789");
    let mut taken = 0;
    let data = told(&["write"], Kind::Write, write::Slot::data as usize, || {
        // SAFETY: The kernel alone looks at the memory, and takes what is there.
        taken =
            unsafe { libc::syscall(libc::SYS_write, writer.as_raw_fd(), start + PAGE - 10, 40) };
    })?;
    drop(reader);
    let wanted = match taken {
        10 => (Some(b"0123456789".to_vec()), false),
        _ => (None, true),
    };
    ensure!(data == [wanted], "{taken} bytes taken, told: {data:?}");
    Ok(())
}

/// A path that another thread unmaps and maps again all the time: each call makes a record
/// that has it, or says that it could not be read.
pub(crate) fn racing() -> anyhow::Result<()> {
    const TURNS: usize = 10_000;
    const PATH: &[u8] = b"/pointers/racing\0";
    // A file, so that the memory is the same whenever it comes back.
    // SAFETY: A string with a NUL.
    let fd = unsafe { libc::memfd_create(c"racing".as_ptr(), 0) };
    ensure!(fd >= 0, "no file in memory");
    // SAFETY: Just made, and nobody else has it.
    let file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    std::os::unix::fs::FileExt::write_all_at(&file, PATH, 0)?;
    file.set_len(PAGE as u64)?;
    // Between two pages, so that nothing else comes there.
    let page = map(3)? + PAGE;
    let done = AtomicBool::new(false);
    let mut names = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // SAFETY: Ours; the kernel alone looks at it.
                unsafe {
                    libc::mmap(
                        page as *mut _,
                        PAGE,
                        libc::PROT_READ,
                        libc::MAP_SHARED | libc::MAP_FIXED,
                        file.as_raw_fd(),
                        0,
                    );
                }
                // SAFETY: As above.
                unsafe {
                    libc::mmap(
                        page as *mut _,
                        PAGE,
                        libc::PROT_NONE,
                        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                        -1,
                        0,
                    );
                }
            }
        });
        let calls = || {
            for _ in 0..TURNS {
                open(page);
            }
        };
        let told = told(
            &["openat"],
            Kind::Openat,
            openat::Slot::name as usize,
            calls,
        );
        done.store(true, Ordering::Relaxed);
        told.map(|told| names = told)
    })?;
    let whole = (Some(PATH[..PATH.len() - 1].to_vec()), false);
    let read = names.iter().filter(|name| **name == whole).count();
    let marked = names.iter().filter(|name| **name == (None, true)).count();
    println!("{TURNS} calls, {read} whole, {marked} marked");
    ensure!(names.len() == TURNS, "{} records", names.len());
    ensure!(read + marked == TURNS, "some are neither whole nor marked");
    super::must_race(marked > 0, "the memory")?;
    Ok(())
}
