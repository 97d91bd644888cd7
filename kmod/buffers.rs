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

/// A word out of bytes that are long enough for it.
fn word(bytes: &[u8], at: usize) -> usize {
    let mut word = [0; 8];
    if let Some(from) = bytes.get(at..at + 8) {
        word.copy_from_slice(from);
    }
    u64::from_ne_bytes(word) as usize
}

/// An array of `struct iovec` in user memory.
pub(crate) struct Vector {
    address: usize,
    count: usize,
}

impl Vector {
    /// The array at an address. More buffers than the kernel takes are none.
    pub(crate) fn new(address: usize, count: usize) -> Self {
        Self {
            address,
            count: if count > VECTOR_MAX { 0 } else { count },
        }
    }

    /// Calls `each` with address and length of each buffer, while it returns
    /// true. May sleep.
    fn each(&self, mut each: impl FnMut(usize, usize) -> bool) -> Result {
        let mut raw = [0; IOVEC * AT_ONCE];
        let mut done = 0;
        while done < self.count {
            let n = AT_ONCE.min(self.count - done);
            let from = self.address.wrapping_add(IOVEC * done);
            let raw = &mut raw[..IOVEC * n];
            user::bytes(from, raw)?;
            for i in 0..n {
                if !each(word(raw, IOVEC * i), word(raw, IOVEC * i + 8)) {
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
pub(crate) struct Message([u8; MSGHDR]);

impl Message {
    /// Reads it. May sleep.
    pub(crate) fn read(address: usize) -> Result<Self> {
        let mut raw = [0; MSGHDR];
        user::bytes(address, &mut raw)?;
        Ok(Self(raw))
    }

    /// Address of the other end: where it is and how long.
    pub(crate) fn name(&self) -> (usize, i32) {
        (word(&self.0, 0), word(&self.0, 8) as i32)
    }

    /// The buffers.
    pub(crate) fn vector(&self) -> Vector {
        Vector::new(word(&self.0, 16), word(&self.0, 24))
    }

    /// Control data: where it is and how long.
    pub(crate) fn control(&self) -> (usize, usize) {
        (word(&self.0, 32), word(&self.0, 40))
    }
}
