//! How much memory was taken for what events tell in few bytes: copies of whole
//! tables, paths that begin with long directories. Whoever must keep within a
//! limit looks when this has grown, instead of at each event.

use std::cell::Cell;

thread_local! {
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// So many bytes were taken.
#[inline]
pub(crate) fn add(bytes: usize) {
    BYTES.set(BYTES.get().wrapping_add(bytes as u64));
}

/// Bytes that this thread has taken, whatever was given back since.
#[inline]
pub(crate) fn bytes() -> u64 {
    BYTES.get()
}
