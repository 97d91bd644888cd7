//! What the kernel tells of a thread by a descriptor of it, without a text that it
//! writes and somebody has to read: Linux 6.13 and newer.
#![expect(unsafe_code, reason = "ioctls have no safe form")]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::{ioctl_none, ioctl_readwrite};
use rustix::fs::fstat;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::capabilities;

use super::thread::Thread;

/// `PIDFD_THREAD`: of any thread, and not of the first of a process alone.
const ANY_THREAD: PidfdFlags = PidfdFlags::from_bits_retain(0o200);

/// `PIDFD_INFO_PID`, `PIDFD_INFO_CREDS` and `PIDFD_INFO_CGROUPID`.
const WANTED: u64 = 0b111;

/// `struct pidfd_info` of `<linux/pidfd.h>`, as it was at first.
#[repr(C)]
#[derive(Default)]
struct Info {
    mask: u64,
    cgroup: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ruid: u32,
    rgid: u32,
    euid: u32,
    egid: u32,
    suid: u32,
    sgid: u32,
    fsuid: u32,
    fsgid: u32,
    exit_code: i32,
}

ioctl_readwrite!(get_info, 0xff, 11, Info);
ioctl_none!(get_pid_namespace, 0xff, 5);

/// A thread that lives, or has ended since.
pub(super) struct PidFd {
    fd: OwnedFd,
    tid: Pid,
}

impl PidFd {
    /// The thread with this number in the own pid namespace.
    pub(super) fn open(tid: u32) -> Option<Self> {
        let tid = Pid::from_raw(tid.try_into().ok()?)?;
        let fd = pidfd_open(tid, ANY_THREAD).ok()?;
        Some(Self { fd, tid })
    }

    /// Takes process, credentials and capabilities into the thread. Returns the id
    /// of its control group in the unified hierarchy. `None`: it has ended, or the
    /// kernel does not tell.
    pub(super) fn tell(&self, thread: &mut Thread) -> Option<u64> {
        let mut info = Info {
            mask: WANTED,
            ..Info::default()
        };
        // SAFETY: `info` has the layout and the size that the number of the call stands
        // for, and lives until it returns.
        unsafe { get_info(self.fd.as_raw_fd(), &raw mut info) }.ok()?;
        if info.mask & WANTED != WANTED {
            return None;
        }
        // By its number, which may be another's by now; whoever asks reads something of
        // the thread itself afterwards, and that fails then.
        let caps = capabilities(Some(self.tid)).ok()?;
        thread.pid = info.tgid;
        (thread.ruid, thread.uid) = (info.ruid, info.euid);
        (thread.rgid, thread.gid) = (info.rgid, info.egid);
        thread.caps.inheritable = caps.inheritable.bits();
        thread.caps.permitted = caps.permitted.bits();
        thread.caps.effective = caps.effective.bits();
        Some(info.cgroup)
    }

    /// Number of its pid namespace.
    pub(super) fn pid_namespace(&self) -> Option<u32> {
        // SAFETY: The call has no argument.
        let fd = unsafe { get_pid_namespace(self.fd.as_raw_fd()) }.ok()?;
        // SAFETY: The kernel has just made this descriptor, and nobody else knows of it.
        let namespace = unsafe { OwnedFd::from_raw_fd(fd) };
        fstat(namespace).ok()?.st_ino.try_into().ok()
    }
}
