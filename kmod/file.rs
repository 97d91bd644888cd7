// SPDX-License-Identifier: GPL-2.0-only

//! Open files and paths.

use core::mem::MaybeUninit;
use core::num::NonZero;

use kernel::bindings;
use kernel::task::Task;

use crate::record::Filled;
use crate::shim;
use crate::walk;

/// The call that opened the file made it.
const FMODE_CREATED: u32 = 1 << 20;

/// Where in an overlay a file is.
#[derive(Clone, Copy)]
pub(crate) enum Layer {
    /// In none, or it cannot be told.
    None = 0,
    /// In the layer that is written to.
    Upper = 1,
    /// In one of those below.
    Lower = 2,
}

/// A reference to an open file as the kernel's `struct fd` has it: its address, and a bit
/// that says whether it is counted. It need not be where the table of descriptors is the
/// calling task's alone, which closes nothing meanwhile.
///
/// # Invariants
///
/// The file is valid while this lives, and ours is one of its references if the bit is set.
pub(crate) struct OpenFile(NonZero<usize>);

/// The reference is counted.
const COUNTED: usize = bindings::FDPUT_FPUT as usize;
/// What is no address.
const BITS: usize = COUNTED | bindings::FDPUT_POS_UNLOCK as usize;

impl OpenFile {
    /// The file behind a descriptor of the calling task. To be dropped in the same probe.
    #[inline]
    pub(crate) fn of_descriptor(fd: i32) -> Option<Self> {
        let fd = u32::try_from(fd).ok()?;
        // SAFETY: Any number is allowed. INVARIANT: As the function says.
        match NonZero::new(unsafe { bindings::fdget(fd) }.word) {
            Some(found) => Some(Self(found)),
            None => Self::of_path_descriptor(fd),
        }
    }

    /// The same of one that was opened for its path alone, which `fdget` does not find.
    #[cold]
    fn of_path_descriptor(fd: u32) -> Option<Self> {
        // SAFETY: Any number is allowed; the result is null or counted.
        Self::counted(unsafe { bindings::fget_raw(fd) })
    }

    /// INVARIANT: The caller has a counted reference or null.
    fn counted(file: *mut bindings::file) -> Option<Self> {
        NonZero::new(file as usize).map(|address| Self(address | COUNTED))
    }

    /// The executable of a task's memory.
    ///
    /// # Safety
    ///
    /// `mm` is valid.
    pub(crate) unsafe fn of_executable(mm: *mut bindings::mm_struct) -> Option<Self> {
        // SAFETY: The caller vouches for `mm`; the result is null or counted.
        Self::counted(unsafe {
            bindings::get_file_active(&raw mut (*mm).__bindgen_anon_1.exe_file)
        })
    }

    /// Writes the path under which the task's root reaches the file.
    pub(crate) fn path(&self, to: &mut [u8]) -> Filled {
        // SAFETY: The file is valid, so its path is valid.
        unsafe { path_text(shim::falco_file_path(self.as_ptr()), to) }
    }

    /// The file, for the calls of the kernel that need it.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut bindings::file {
        (self.0.get() & !BITS) as *mut bindings::file
    }

    /// Where in an overlay it is.
    pub(crate) fn layer(&self) -> Layer {
        // SAFETY: The file is valid.
        match unsafe { shim::falco_overlay_layer(self.as_ptr()) } {
            1 => Layer::Upper,
            2 => Layer::Lower,
            _ => Layer::None,
        }
    }

    fn inode(&self) -> *const bindings::inode {
        // SAFETY: The file is valid; its inode never changes.
        unsafe { (*self.as_ptr()).f_inode }
    }

    /// Number of its inode.
    pub(crate) fn ino(&self) -> u64 {
        // SAFETY: The file is valid and holds its inode.
        unsafe { (*self.inode()).i_ino as u64 }
    }

    /// Device of its file system, as `stat` encodes it.
    pub(crate) fn dev(&self) -> u32 {
        // SAFETY: The file is valid and holds its inode and file system.
        shim::falco_encode_dev(unsafe { (*(*self.inode()).i_sb).s_dev })
    }

    /// The bits of its mode that say what it is, shifted down; 0 for none.
    pub(crate) fn kind(&self) -> u32 {
        // SAFETY: The file is valid and holds its inode.
        u32::from(unsafe { (*self.inode()).i_mode }) >> 12
    }

    /// When its inode was changed, nanoseconds since the epoch.
    pub(crate) fn ctime(&self) -> u64 {
        // SAFETY: The file is valid and holds its inode.
        unsafe { shim::falco_inode_ctime(self.inode()) }
    }

    /// When its content was changed, nanoseconds since the epoch.
    pub(crate) fn mtime(&self) -> u64 {
        // SAFETY: The file is valid and holds its inode.
        unsafe { shim::falco_inode_mtime(self.inode()) }
    }

    /// Whether the calling task may write to it, or may allow itself to.
    pub(crate) fn writable(&self) -> bool {
        // SAFETY: The file is valid.
        unsafe { shim::falco_file_writable(self.as_ptr()) }
    }

    /// Whether it is held in memory alone.
    pub(crate) fn is_memfd(&self) -> bool {
        // SAFETY: The file is valid and holds its directory entry.
        unsafe { shim::falco_file_is_memfd(self.as_ptr()) }
    }

    /// The flags that it was opened with, as `fcntl` may have changed them since.
    pub(crate) fn flags(&self) -> u32 {
        // SAFETY: The file is valid.
        unsafe { core::ptr::read_volatile(&raw const (*self.as_ptr()).f_flags) }
    }

    /// Whether opening it made it.
    pub(crate) fn created(&self) -> bool {
        // SAFETY: The file is valid; the bit is set before it gets a descriptor.
        unsafe { (*self.as_ptr()).f_mode & FMODE_CREATED != 0 }
    }
}

impl Drop for OpenFile {
    #[inline]
    fn drop(&mut self) {
        if self.0.get() & COUNTED != 0 {
            // SAFETY: The reference is ours.
            unsafe { bindings::fput(self.as_ptr()) }
        }
    }
}

/// Writes the calling task's working directory.
pub(crate) fn working_directory(to: &mut [u8]) -> Filled {
    let mut pwd = MaybeUninit::<bindings::path>::uninit();
    // SAFETY: Writes the path, counted, when it returns true.
    if !unsafe { shim::falco_cwd(pwd.as_mut_ptr()) } {
        return Filled::Nothing;
    }
    // SAFETY: Written above and counted.
    let filled = unsafe { path_text(pwd.as_ptr(), to) };
    // SAFETY: The reference is ours.
    unsafe { bindings::path_put(pwd.as_ptr()) };
    filled
}

/// Writes the text of a path to the start of `to`.
///
/// # Safety
///
/// `path` is valid and counted.
unsafe fn path_text(path: *const bindings::path, to: &mut [u8]) -> Filled {
    if (to.len() as i32) < 2 {
        return Filled::Cut(0);
    }
    // SAFETY: The caller vouches for the path.
    if let Some(len) = unsafe { walk::path(path, to) } {
        return Filled::Whole(len);
    }
    let start = to.as_mut_ptr();
    // SAFETY: The caller vouches for the path; the buffer has that many bytes.
    let text = unsafe { bindings::d_path(path, start.cast(), to.len() as i32) };
    // SAFETY: Only looks whether the pointer is an error code.
    if kernel::error::from_err_ptr(text).is_err() {
        // The one error is that the path is longer than the buffer.
        return Filled::Cut(0);
    }
    // The text ends with a NUL at the end of the buffer.
    let at = text as usize - start as usize;
    let len = to.len() - 1 - at;
    to.copy_within(at..at + len, 0);
    Filled::Whole(len)
}

/// Whether the calling task has memory of its own, that is, is no kernel thread.
pub(crate) fn has_memory() -> bool {
    // SAFETY: The current task is always valid; `mm` changes only by itself.
    unsafe { !(*Task::current_raw()).mm.is_null() }
}
