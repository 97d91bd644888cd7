//! What the scene asks of the kernel that no library of ours wraps.

use std::ffi::CString;
use std::io;

use nix::libc;

/// A call with its arguments; the error is that of the kernel.
pub(crate) fn call(number: libc::c_long, args: &[usize]) -> io::Result<usize> {
    let arg = |n: usize| args.get(n).copied().unwrap_or(0);
    // SAFETY: Callers pass pointers to what lives during the call and is large
    // enough; nothing here takes memory away.
    let result = unsafe { libc::syscall(number, arg(0), arg(1), arg(2), arg(3), arg(4), arg(5)) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The text with a NUL behind it.
pub(crate) fn text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// Opens a path from the working directory.
pub(crate) fn open(path: &str, flags: i32) -> io::Result<usize> {
    open_at(libc::AT_FDCWD as usize, path, flags, 0o644)
}

/// Opens a path from a directory.
pub(crate) fn open_at(directory: usize, path: &str, flags: i32, mode: usize) -> io::Result<usize> {
    let path = text(path);
    let path = path.as_ptr().addr();
    call(libc::SYS_openat, &[directory, path, flags as usize, mode])
}

/// Closes a descriptor.
pub(crate) fn close(fd: usize) -> io::Result<usize> {
    call(libc::SYS_close, &[fd])
}

/// Writes to a descriptor.
pub(crate) fn write(fd: usize, bytes: &[u8]) -> io::Result<usize> {
    call(libc::SYS_write, &[fd, bytes.as_ptr().addr(), bytes.len()])
}

/// Reads from a descriptor; how much.
pub(crate) fn read(fd: usize, into: &mut [u8]) -> io::Result<usize> {
    let at = into.as_mut_ptr().expose_provenance();
    call(libc::SYS_read, &[fd, at, into.len()])
}

/// Copies a descriptor to a number.
pub(crate) fn copy_to(fd: usize, number: usize) -> io::Result<usize> {
    call(libc::SYS_dup3, &[fd, number, 0])
}

/// Copies a descriptor to a number and closes the first.
pub(crate) fn move_to(fd: usize, number: usize) -> io::Result<usize> {
    copy_to(fd, number)?;
    close(fd)
}

/// Makes a process that goes on here: 0 in it, its id in the caller.
pub(crate) fn fork() -> io::Result<usize> {
    fork_with(0)
}

/// Like [`fork`], with flags of `clone`; none that shares memory.
pub(crate) fn fork_with(flags: i32) -> io::Result<usize> {
    let flags = flags | libc::SIGCHLD;
    // The child has a copy of everything, and no other threads.
    call(libc::SYS_clone, &[flags as usize])
}

/// Like [`fork_with`], by the newer call. The child's own signal at its end is that
/// of its parent.
pub(crate) fn fork_by_clone3(flags: i32) -> io::Result<usize> {
    let arguments = [flags as u64, 0, 0, 0, 0, 0, 0, 0];
    let place = std::ptr::from_ref(&arguments).addr();
    call(libc::SYS_clone3, &[place, size_of_val(&arguments)])
}

/// Starts a program in a process that has our memory until then.
#[cfg(target_arch = "x86_64")]
pub(crate) fn vfork(path: &str) -> io::Result<usize> {
    let pid = crate::vfork::vfork(&text(path))?;
    usize::try_from(pid).map_err(io::Error::other)
}

/// The same where there is no such call.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn vfork(path: &str) -> io::Result<usize> {
    let pid = fork_with(libc::CLONE_VFORK)?;
    if pid == 0 {
        let failed = exec(path, &[path], &[]);
        eprintln!("{failed:#}");
        end(1);
    }
    Ok(pid)
}

/// Waits for a child; an error if it failed.
pub(crate) fn wait(pid: usize) -> anyhow::Result<()> {
    use nix::sys::wait::{WaitStatus, waitpid};
    let status = waitpid(nix::unistd::Pid::from_raw(pid as i32), None)?;
    anyhow::ensure!(
        matches!(status, WaitStatus::Exited(_, 0)),
        "process {pid}: {status:?}"
    );
    Ok(())
}

/// Ends this process at once, all its threads with it.
pub(crate) fn end(status: usize) -> ! {
    loop {
        let _ = call(libc::SYS_exit_group, &[status]);
    }
}

/// Starts a program in place of this one. Comes back only to say why not.
pub(crate) fn exec(path: &str, args: &[&str], env: &[&str]) -> anyhow::Error {
    let list = |texts: &[&str]| texts.iter().map(|t| text(t)).collect::<Vec<_>>();
    let (args, env) = (list(args), list(env));
    match nix::unistd::execve(&text(path), &args, &env) {
        Ok(never) => match never {},
        Err(error) => anyhow::anyhow!("{path}: {error}"),
    }
}

/// What a file is, as the kernel numbers it.
pub(crate) struct Stat {
    /// Device in the kernel's own encoding.
    pub(crate) dev: u64,
    /// Major and minor number of the device.
    pub(crate) numbers: (u32, u32),
    /// Inode.
    pub(crate) ino: u64,
    /// Times of change and of modification, nanoseconds since the epoch.
    pub(crate) times: (i64, i64),
}

/// What the file is that the path leads to.
pub(crate) fn stat(path: &str) -> io::Result<Stat> {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::metadata(path)?;
    let (major, minor) = (libc::major(meta.dev()), libc::minor(meta.dev()));
    Ok(Stat {
        dev: u64::from(minor & 0xff | major << 8 | (minor & !0xff) << 12),
        numbers: (major, minor),
        ino: meta.ino(),
        times: (
            meta.ctime() * 1_000_000_000 + meta.ctime_nsec(),
            meta.mtime() * 1_000_000_000 + meta.mtime_nsec(),
        ),
    })
}

/// What an open descriptor is.
pub(crate) fn stat_open(fd: usize) -> io::Result<Stat> {
    stat(&format!("/proc/self/fd/{fd}"))
}
