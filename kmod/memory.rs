// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a reader maps.

use core::marker::PhantomData;

use kernel::bindings;
use kernel::error::to_result;
use kernel::mm::virt::VmaNew;
use kernel::page::PAGE_SIZE;
use kernel::prelude::*;

use crate::shim;

/// Up to this many bytes a loop over words is cheaper than the start of the
/// processor's own string copy.
const WORDWISE: usize = 1024;

/// Where to write, word by word.
///
/// # Invariants
///
/// `to` is a multiple of 8.
pub(crate) struct Words<'a> {
    to: *mut u64,
    _area: PhantomData<&'a Mirrored>,
}

impl Words<'_> {
    /// Writes a word.
    #[inline(always)]
    pub(crate) fn put(&mut self, word: u64) {
        // SAFETY: Within what `Mirrored::words` was asked for, aligned by the
        // invariant, and ours alone.
        unsafe { self.to.write_volatile(word) };
        // INVARIANT: Still a multiple of 8.
        self.to = self.to.wrapping_add(1);
    }

    /// Writes bytes, a multiple of 8 of them.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) {
        // SAFETY: As above.
        unsafe { copy(bytes, self.to.cast()) };
        // INVARIANT: Whole words were written.
        self.to = self.to.wrapping_add(bytes.len() / 8);
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

/// Pages that the kernel sees twice in a row, as their readers do: what begins in the
/// area and ends behind it needs no second look.
///
/// # Invariants
///
/// At `start` are the pages twice.
pub(crate) struct Mirrored {
    pages: SharedPages,
    start: *mut u8,
}

// SAFETY: The raw pointer is to memory that the struct owns; every access goes
// through methods that say what they need.
unsafe impl Send for Mirrored {}
// SAFETY: As above.
unsafe impl Sync for Mirrored {}

impl Mirrored {
    /// `size` bytes, a power of two and whole pages.
    pub(crate) fn new(size: usize) -> Result<Self> {
        let pages = SharedPages::new(size)?;
        let count = 2 * (size / PAGE_SIZE);
        let mut list = VVec::with_capacity(count, GFP_KERNEL)?;
        for n in 0..count {
            let offset = n * PAGE_SIZE & (size - 1);
            // SAFETY: The offset is within the vmalloc area.
            let page = unsafe { bindings::vmalloc_to_page(pages.start.add(offset).cast()) };
            list.push(page, GFP_KERNEL)?;
        }
        // SAFETY: So many pages, which live as long as the mapping.
        let start = unsafe { shim::falco_map_pages(list.as_mut_ptr(), count as u32) };
        if start.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: The list has them twice.
        Ok(Self {
            pages,
            start: start.cast(),
        })
    }

    /// Size of the pages in bytes, once.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// A place to write words from there on, modulo the size.
    ///
    /// # Safety
    ///
    /// The size is a power of two, `position` a multiple of 8, and no more than the size
    /// is written. Nothing else in the kernel accesses what is written.
    #[inline]
    pub(crate) unsafe fn words(&self, position: usize) -> Words<'_> {
        let offset = position & self.len().wrapping_sub(1);
        // INVARIANT: The start is that of a page, the offset a multiple of 8.
        Words {
            to: self.start.wrapping_add(offset).cast(),
            _area: PhantomData,
        }
    }

    /// As [`SharedPages::map`], twice in a row and not writable.
    pub(crate) fn map(&self, vma: &VmaNew) -> Result {
        self.pages.map(vma, 2, false)
    }
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        // SAFETY: Mapped in `new`; nobody writes any more.
        unsafe { shim::falco_unmap_pages(self.start.cast()) };
    }
}
