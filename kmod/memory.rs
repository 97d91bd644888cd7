// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a reader maps.

use kernel::bindings;
use kernel::error::to_result;
use kernel::mm::virt::VmaNew;
use kernel::page::PAGE_SIZE;
use kernel::prelude::*;

/// Up to this many bytes a loop over words is cheaper than the start of the
/// processor's own string copy.
const WORDWISE: usize = 1024;

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

    /// Copies `bytes` to `offset`. Both are multiples of 8.
    ///
    /// # Safety
    ///
    /// Nothing else in the kernel accesses these bytes meanwhile.
    #[inline]
    pub(crate) unsafe fn write(&self, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= self.len());
        // SAFETY: Within the area as the caller of `ring::Ring::publish`
        // computed it with `abi::ring::split`.
        let to = unsafe { self.start.add(offset) };
        if bytes.len() > WORDWISE {
            // SAFETY: As above; exclusive by contract.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
            return;
        }
        let mut to = to.cast::<u64>();
        let mut put = |word: &[u8]| {
            let mut value = [0; 8];
            value.copy_from_slice(word);
            // SAFETY: As above; aligned, since `offset` is and pages are.
            unsafe { to.write_volatile(u64::from_ne_bytes(value)) };
            // SAFETY: Stays within the area, or at its end after the last word.
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
