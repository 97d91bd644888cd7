//! `/dev/falco`: opening it, its ioctls, and what to say when that fails.
#![expect(unsafe_code, reason = "ioctls have no safe form")]

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use falco_abi::control::{
    ALL_CPUS, IOCTL_INTEREST, IOCTL_SETUP, IOCTL_STATS, IOCTL_VERSION, Interest, Setup, Stats,
    Version,
};
use falco_abi::{ABI_VERSION, layout};
use nix::errno::Errno;

/// Why the device could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// There is no device node.
    #[error(
        "{} does not exist: the kernel module is not loaded. Load it with `modprobe falco_kmod`; \
         if that does not find it, build it with `dkms install falco_kmod/VERSION`",
        .0.display()
    )]
    Missing(PathBuf),
    /// Another process has it open.
    #[error("{} is in use by {holder}: there is one reader at a time", path.display())]
    Busy {
        /// Device node.
        path: PathBuf,
        /// The process that has it open.
        holder: String,
    },
    /// The kernel does not allow it.
    #[error(
        "{} may not be opened: run as root, or with CAP_PERFMON and access to the file",
        .0.display()
    )]
    Forbidden(PathBuf),
    /// The module is of another version.
    #[error(
        "the loaded falco_kmod speaks version {kernel} of the interface (layout {kernel_digest:016x}), \
         this engine version {engine} (layout {engine_digest:016x}): install module and engine of the \
         same release, then `rmmod falco_kmod && modprobe falco_kmod`"
    )]
    Abi {
        /// Version of the module.
        kernel: u32,
        /// Fingerprint of the module's layouts.
        kernel_digest: u64,
        /// Ours.
        engine: u32,
        /// Ours.
        engine_digest: u64,
    },
    /// A ring size that the module refuses.
    #[error(
        "the kernel refused rings of {0} bytes: a power of two from 256 KiB to 512 MiB is needed"
    )]
    RingSize(u64),
    /// Not enough memory for the rings.
    #[error(
        "the kernel has no memory for rings of {0} bytes each; choose a smaller engine.kmod.buf_size_preset"
    )]
    NoMemory(u64),
    /// Anything else.
    #[error("{what} of {} failed: {errno}", path.display())]
    Other {
        /// What was tried.
        what: &'static str,
        /// Device node.
        path: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

/// The opened device. Capture ends when it is dropped.
#[derive(Debug)]
pub struct Device {
    file: File,
    path: PathBuf,
    version: Version,
}

impl Device {
    /// Opens the device and compares the interface's version with ours.
    ///
    /// # Errors
    /// [`DeviceError`], each with what to do.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nix::libc::O_CLOEXEC)
            .open(path)
            .map_err(|error| open_error(path, &error))?;
        let mut device = Self {
            file,
            path: path.to_owned(),
            version: Version::default(),
        };
        // SAFETY: The argument is what this number stands for; see `ioctl`.
        device.version = unsafe { device.ioctl("version", IOCTL_VERSION, Version::default())? };
        let v = &device.version;
        if (v.abi, v.digest) != (ABI_VERSION, layout::DIGEST) {
            return Err(DeviceError::Abi {
                kernel: v.abi,
                kernel_digest: v.digest,
                engine: ABI_VERSION,
                engine_digest: layout::DIGEST,
            });
        }
        Ok(device)
    }

    /// What the module says of itself.
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Makes the rings and says how much is recorded. Version and digest are
    /// filled in.
    ///
    /// # Errors
    /// When the size is impossible or memory is short.
    pub fn setup(&self, setup: Setup) -> Result<(), DeviceError> {
        let ring_bytes = setup.ring_bytes;
        let setup = Setup {
            abi: ABI_VERSION,
            digest: layout::DIGEST,
            ..setup
        };
        // SAFETY: The argument is what this number stands for; see `ioctl`.
        match unsafe { self.ioctl("setup", IOCTL_SETUP, setup) } {
            Ok(_) => Ok(()),
            Err(DeviceError::Other {
                errno: Errno::EINVAL,
                ..
            }) => Err(DeviceError::RingSize(ring_bytes)),
            Err(DeviceError::Other {
                errno: Errno::ENOMEM,
                ..
            }) => Err(DeviceError::NoMemory(ring_bytes)),
            Err(other) => Err(other),
        }
    }

    /// Says what makes records.
    ///
    /// # Errors
    /// When a hook cannot be attached.
    pub fn set_interest(&self, interest: &Interest) -> Result<(), DeviceError> {
        // SAFETY: The argument is what this number stands for; see `ioctl`.
        unsafe { self.ioctl("interest", IOCTL_INTEREST, *interest) }.map(drop)
    }

    /// Sums over all CPUs.
    ///
    /// # Errors
    /// Before setup.
    pub fn stats(&self) -> Result<Stats, DeviceError> {
        let asked = Stats {
            cpu: ALL_CPUS,
            ..Stats::default()
        };
        // SAFETY: The argument is what this number stands for; see `ioctl`.
        unsafe { self.ioctl("statistics", IOCTL_STATS, asked) }
    }

    /// An error of the kernel, with what was tried.
    pub(super) fn error(&self, what: &'static str, errno: Errno) -> DeviceError {
        DeviceError::Other {
            what,
            path: self.path.clone(),
            errno,
        }
    }

    /// # Safety
    ///
    /// `T` is the argument of this ioctl: `repr(C)`, plain numbers, and of the
    /// size that is encoded in the number.
    unsafe fn ioctl<T>(
        &self,
        what: &'static str,
        number: u32,
        mut argument: T,
    ) -> Result<T, DeviceError> {
        // SAFETY: By contract the kernel reads and writes within `argument`.
        let status = unsafe {
            nix::libc::ioctl(self.file.as_raw_fd(), u64::from(number), &raw mut argument)
        };
        Errno::result(status).map_err(|errno| self.error(what, errno))?;
        Ok(argument)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn open_error(path: &Path, error: &std::io::Error) -> DeviceError {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => DeviceError::Missing(path.to_owned()),
        (ErrorKind::PermissionDenied, _) => DeviceError::Forbidden(path.to_owned()),
        (_, Some(errno)) if errno == Errno::EBUSY as i32 => DeviceError::Busy {
            path: path.to_owned(),
            holder: holder(path).unwrap_or_else(|| "another process".to_owned()),
        },
        (_, errno) => DeviceError::Other {
            what: "opening",
            path: path.to_owned(),
            errno: Errno::from_raw(errno.unwrap_or(0)),
        },
    }
}

/// Name and id of a process that has `path` open.
fn holder(path: &Path) -> Option<String> {
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|n| n.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = descriptors
            .flatten()
            .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target == path));
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("process {pid} ({})", name.trim_end()));
        }
    }
    None
}
