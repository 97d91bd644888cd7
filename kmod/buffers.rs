// SPDX-License-Identifier: GPL-2.0-only

//! The first bytes of what a call sends or has received, wherever it lies.

use kernel::prelude::*;

use crate::record::Filled;
use crate::user;

/// Most buffers that the kernel takes in one call (`UIO_MAXIOV`).
const VECTOR_MAX: usize = 1024;
/// Buffers that are looked at in one access.
const AT_ONCE: usize = 8;
/// Size of `struct iovec`, and of `struct msghdr`.
const IOVEC: usize = 16;
const MSGHDR: usize = 56;

/// Reads the start of a buffer (address, length), of which `len` bytes count.
/// May sleep.
pub(crate) fn one((address, size): (usize, usize), len: usize, to: &mut [u8]) -> Filled {
    let whole = size.min(len);
    let len = whole.min(to.len());
    if user::bytes(address, &mut to[..len]).is_err() {
        Filled::Fault
    } else if len < whole {
        Filled::Cut(len)
    } else {
        Filled::Whole(len)
    }
}

/// The `long` number `n` out of bytes that are long enough for it.
fn long(bytes: &[u8], n: usize, compat: bool) -> usize {
    let size = user::long_size(compat);
    let mut word = [0; 8];
    if let Some(from) = bytes.get(size * n..size * (n + 1)) {
        word[..size].copy_from_slice(from);
    }
    u64::from_le_bytes(word) as usize
}

/// An array of `struct iovec` in user memory.
pub(crate) struct Vector {
    address: usize,
    count: usize,
    compat: bool,
}

impl Vector {
    /// The array at an address. More buffers than the kernel takes are none.
    pub(crate) fn new(address: usize, count: usize, compat: bool) -> Self {
        Self {
            address,
            count: if count > VECTOR_MAX { 0 } else { count },
            compat,
        }
    }

    /// Calls `each` with address and length of each buffer, while it returns
    /// true. May sleep.
    fn each(&self, mut each: impl FnMut(usize, usize) -> bool) -> Result {
        let mut raw = [0; IOVEC * AT_ONCE];
        let size = 2 * user::long_size(self.compat);
        let mut done = 0;
        while done < self.count {
            let n = AT_ONCE.min(self.count - done);
            let from = self.address.wrapping_add(size * done);
            let raw = &mut raw[..size * n];
            user::bytes(from, raw)?;
            for i in 0..n {
                let (address, len) = (2 * i, 2 * i + 1);
                if !each(long(raw, address, self.compat), long(raw, len, self.compat)) {
                    return Ok(());
                }
            }
            done += n;
        }
        Ok(())
    }

    /// Length of all buffers. May sleep.
    pub(crate) fn size(&self) -> Result<u64> {
        let mut size = 0u64;
        self.each(|_, len| {
            size = size.saturating_add(len as u64);
            true
        })?;
        Ok(size)
    }

    /// Reads the first bytes of the buffers, of which `len` count. May sleep.
    pub(crate) fn gather(&self, len: usize, to: &mut [u8]) -> Filled {
        let mut left = len;
        let mut at = 0;
        let mut fault = false;
        let mut cut = false;
        let walked = self.each(|address, size| {
            let whole = size.min(left);
            let n = whole.min(to.len() - at);
            if user::bytes(address, &mut to[at..at + n]).is_err() {
                fault = true;
                return false;
            }
            at += n;
            left -= whole;
            cut |= n < whole;
            left > 0 && !cut
        });
        if walked.is_err() || fault {
            Filled::Fault
        } else if cut {
            Filled::Cut(at)
        } else {
            Filled::Whole(at)
        }
    }
}

/// A `struct msghdr`, copied out of user memory.
pub(crate) struct Message {
    raw: [u8; MSGHDR],
    compat: bool,
}

impl Message {
    /// Reads it. May sleep.
    pub(crate) fn read(address: usize, compat: bool) -> Result<Self> {
        let mut raw = [0; MSGHDR];
        // Seven words, of which one may be half padding.
        user::bytes(address, &mut raw[..7 * user::long_size(compat)])?;
        Ok(Self { raw, compat })
    }

    fn long(&self, n: usize) -> usize {
        long(&self.raw, n, self.compat)
    }

    /// Address of the other end: where it is and how long.
    pub(crate) fn name(&self) -> (usize, i32) {
        (self.long(0), self.long(1) as i32)
    }

    /// The buffers.
    pub(crate) fn vector(&self) -> Vector {
        Vector::new(self.long(2), self.long(3), self.compat)
    }

    /// Control data: where it is and how long.
    pub(crate) fn control(&self) -> (usize, usize) {
        (self.long(4), self.long(5))
    }
}
