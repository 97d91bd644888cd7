//! Memory that the kernel shares with us: the only unsafe code of the engine,
//! with the ioctls in [`super::device`].
#![expect(unsafe_code, reason = "mmap has no safe form")]

use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use falco_abi::ring::{ConsumerPage, ProducerPage};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A piece of the device, mapped.
struct Mapping {
    start: NonNull<std::ffi::c_void>,
    len: usize,
}

// SAFETY: The memory is the process's, not a thread's.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(device: impl AsFd, offset: u64, len: usize, writable: bool) -> nix::Result<Self> {
        let len = NonZeroUsize::new(len).ok_or(nix::errno::Errno::EINVAL)?;
        let mut access = ProtFlags::PROT_READ;
        access.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: A new mapping at an address that the kernel chooses.
        let start = unsafe {
            mmap(
                None,
                len,
                access,
                MapFlags::MAP_SHARED,
                device,
                offset.cast_signed(),
            )?
        };
        Ok(Self {
            start,
            len: len.get(),
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: Mapped by `new`, and whoever borrowed from it borrowed us.
        // It can only fail for a range that is not one.
        let _ = unsafe { munmap(self.start, self.len) };
    }
}

/// The page that the kernel writes.
pub(super) struct Producer(Mapping);

impl Producer {
    pub(super) fn new(device: impl AsFd, offset: u64, page: usize) -> nix::Result<Self> {
        Mapping::new(device, offset, page, false).map(Self)
    }

    pub(super) fn page(&self) -> &ProducerPage {
        // SAFETY: A whole page (the structure is smaller, asserted beside it),
        // of atomics alone, which the kernel only changes atomically.
        unsafe { self.0.start.cast::<ProducerPage>().as_ref() }
    }
}

/// The page of a ring of the eBPF programs that the kernel writes: the end of what
/// was begun.
pub(super) struct Begun(Mapping);

impl Begun {
    pub(super) fn new(map: impl AsFd, offset: u64, page: usize) -> nix::Result<Self> {
        Mapping::new(map, offset, page, false).map(Self)
    }

    pub(super) fn position(&self) -> u64 {
        // SAFETY: A whole page, of which the kernel changes the first word atomically.
        let position = unsafe { self.0.start.cast::<AtomicU64>().as_ref() };
        position.load(Ordering::Acquire)
    }
}

/// A word that we share with the eBPF programs.
pub(super) struct Word(Mapping);

impl Word {
    pub(super) fn new(map: impl AsFd, page: usize) -> nix::Result<Self> {
        Mapping::new(map, 0, page, true).map(Self)
    }

    pub(super) fn set(&self, value: u64) {
        // SAFETY: A whole page, of which the programs change the first word.
        let word = unsafe { self.0.start.cast::<AtomicU64>().as_ref() };
        word.store(value, Ordering::SeqCst);
    }
}

/// The page that we write.
pub(super) struct Consumer(Mapping);

impl Consumer {
    pub(super) fn new(device: impl AsFd, offset: u64, page: usize) -> nix::Result<Self> {
        Mapping::new(device, offset, page, true).map(Self)
    }

    pub(super) fn page(&self) -> &ConsumerPage {
        // SAFETY: As for the producer's page.
        unsafe { self.0.start.cast::<ConsumerPage>().as_ref() }
    }
}

/// The data area, twice in a row.
pub(super) struct Data {
    mapping: Mapping,
    size: usize,
}

impl Data {
    /// Maps the area of `size` bytes, a power of two.
    pub(super) fn new(device: impl AsFd, offset: u64, size: usize) -> nix::Result<Self> {
        let twice = size.checked_mul(2).ok_or(nix::errno::Errno::EINVAL)?;
        let mapping = Mapping::new(device, offset, twice, false)?;
        Ok(Self { mapping, size })
    }

    /// The word at a position, which the kernel may be about to change. Positions are
    /// multiples of 8.
    pub(super) fn word(&self, at: u64) -> u32 {
        let at = (at & (self.size as u64 - 1)) as usize & !7;
        // SAFETY: `at` is less than the size, both are multiples of 8.
        let start = unsafe { self.mapping.start.cast::<u8>().add(at) };
        // SAFETY: Within the mapping and aligned; the kernel changes it atomically.
        let word = unsafe { start.cast::<AtomicU32>().as_ref() };
        word.load(Ordering::Acquire)
    }

    /// The bytes between two positions, at most the area's size. The positions
    /// must lie between `consumed` and `committed`: the kernel does not write
    /// there.
    pub(super) fn between(&self, from: u64, to: u64) -> &[u8] {
        let len = usize::try_from(to.saturating_sub(from)).map_or(self.size, |n| n.min(self.size));
        let at = (from & (self.size as u64 - 1)) as usize;
        // SAFETY: `at` is less than the size, and the area is mapped twice.
        let start = unsafe { self.mapping.start.cast::<u8>().add(at) };
        // SAFETY: `len` is at most the size, so this ends within the second
        // mapping. The kernel leaves committed bytes alone until they are
        // consumed, which the ring that owns this does when no borrow is left.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), len) }
    }
}

/// Gives what was freed of the process's own memory back to the kernel: where much was
/// needed for a moment, the allocator would keep it.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: Takes no pointer, and any thread may call it at any time.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
