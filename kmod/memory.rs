// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a reader maps.

use core::marker::PhantomData;

use kernel::bindings;
use kernel::error::to_result;
use kernel::mm::virt::VmaNew;
use kernel::page::PAGE_SIZE;
use kernel::prelude::*;

use crate::abi::ring;

/// Up to this many bytes a loop over words is cheaper than the start of the
/// processor's own string copy.
const WORDWISE: usize = 1024;

/// Where to write, word by word; behind the end of the area its beginning follows.
///
/// # Invariants
///
/// `mask` is the size of the area, a power of two, less one; `at` is a multiple of 8.
pub(crate) struct Words<'a> {
    area: *mut u8,
    mask: usize,
    at: usize,
    _area: PhantomData<&'a SharedPages>,
}

impl Words<'_> {
    /// Writes a word.
    #[inline(always)]
    pub(crate) fn put(&mut self, word: u64) {
        // SAFETY: Within the area and aligned by the invariant, and ours alone.
        unsafe {
            let to = self.area.add(self.at & self.mask).cast::<u64>();
            to.write_volatile(word);
        }
        // INVARIANT: Still a multiple of 8.
        self.at = self.at.wrapping_add(8);
    }

    /// Writes bytes, a multiple of 8 of them.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        let size = self.mask as u64 + 1;
        let (at, first, rest) = ring::split(self.at as u64, bytes.len(), size);
        // SAFETY: Up to the end of the area, as `split` computes it.
        unsafe { copy(&bytes[..first], self.area.add(at)) };
        if rest > 0 {
            // SAFETY: At the beginning of the area.
            unsafe { copy(&bytes[first..], self.area) };
        }
        // INVARIANT: Whole words were written.
        self.at = self.at.wrapping_add(bytes.len());
    }
}

/// # Safety
///
/// `to` has room for the bytes, a multiple of 8, and nobody else uses it.
#[inline(always)]
unsafe fn copy(bytes: &[u8], to: *mut u8) {
    if bytes.len() > WORDWISE {
        // SAFETY: By contract.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        return;
    }
    let mut to = to.cast::<u64>();
    let mut put = |word: &[u8]| {
        let mut value = [0; 8];
        value.copy_from_slice(word);
        // SAFETY: By contract.
        unsafe { to.write_volatile(u64::from_ne_bytes(value)) };
        // SAFETY: Stays within the room, or at its end after the last word.
        to = unsafe { to.add(1) };
    };
    let blocks = bytes.chunks_exact(32);
    let rest = blocks.remainder();
    for block in blocks {
        put(&block[..8]);
        put(&block[8..16]);
        put(&block[16..24]);
        put(&block[24..]);
    }
    for word in rest.chunks_exact(8) {
        put(word);
    }
}

/// Zeroed pages, contiguous for the kernel, mappable by user space.
///
/// # Invariants
///
/// `start` points to `len` zeroed or written bytes, whole pages, in the vmalloc
/// area that `_area` owns.
pub(crate) struct SharedPages {
    _area: VVec<u8>,
    start: *mut u8,
    len: usize,
}

// SAFETY: The raw pointer is to memory that the struct owns; every access goes
// through methods that say what they need.
unsafe impl Send for SharedPages {}
// SAFETY: As above.
unsafe impl Sync for SharedPages {}

impl SharedPages {
    /// `size` bytes, rounded up to pages.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let len = size.next_multiple_of(PAGE_SIZE);
        let mut area = VVec::<u8>::with_capacity(len, GFP_KERNEL | __GFP_ZERO)?;
        let start = area.as_mut_ptr();
        // INVARIANT: A `VVec` is always a vmalloc area; `len` is whole pages.
        Ok(Self {
            _area: area,
            start,
            len,
        })
    }

    /// Size in bytes.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The first bytes as a `T` that is shared with user space.
    ///
    /// # Safety
    ///
    /// `T` consists of atomics and padding alone, is valid when zeroed, and is
    /// not larger than a page.
    #[inline]
    pub(crate) unsafe fn cast<T>(&self) -> &T {
        // SAFETY: Page-aligned zeroed memory, large enough; others change it
        // only through atomics of the same size.
        unsafe { &*self.start.cast::<T>() }
    }

    /// A place in the area, to write words from there on.
    ///
    /// # Safety
    ///
    /// The size of the area is a power of two and `offset` a multiple of 8. Nothing
    /// else in the kernel accesses what is written.
    #[inline]
    pub(crate) unsafe fn words(&self, offset: usize) -> Words<'_> {
        Words {
            area: self.start,
            mask: self.len.wrapping_sub(1),
            at: offset,
            _area: PhantomData,
        }
    }

    /// Maps the area `times` times in a row at the start of `vma`, whose size
    /// must be exactly that.
    pub(crate) fn map(&self, vma: &VmaNew, times: usize, writable: bool) -> Result {
        if vma.flags() & bindings::VM_SHARED == 0 || vma.end() - vma.start() != times * self.len() {
            return Err(EINVAL);
        }
        if !writable {
            // Fails when the mapping is already writable.
            vma.try_clear_maywrite().map_err(|_| EACCES)?;
        }
        vma.try_clear_mayexec().map_err(|_| EACCES)?;
        vma.set_dontcopy();
        vma.set_dontexpand();
        vma.set_dontdump();
        vma.set_mixedmap();
        let mut address = vma.start();
        for _ in 0..times {
            for offset in (0..self.len()).step_by(PAGE_SIZE) {
                // SAFETY: The offset is within the vmalloc area.
                let page = unsafe { bindings::vmalloc_to_page(self.start.add(offset).cast()) };
                // SAFETY: The VMA is being set up and takes mixed maps; the page
                // belongs to the area, which the file, pinned by the VMA, owns.
                to_result(unsafe { bindings::vm_insert_page(vma.as_ptr(), address, page) })?;
                address += PAGE_SIZE;
            }
        }
        Ok(())
    }
}
