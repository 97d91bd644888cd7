// SPDX-License-Identifier: GPL-2.0-only

//! Reading user memory, always bounded.

use core::mem::MaybeUninit;

use kernel::bindings;
use kernel::prelude::*;

use crate::record::Filled;
use crate::shim;

/// Longest path that the kernel itself accepts.
pub(crate) const PATH_MAX: usize = 4096;

/// Reads a string, without its NUL. May sleep.
pub(crate) fn string(address: usize, to: &mut [u8]) -> Filled {
    if to.is_empty() {
        return Filled::Cut(0);
    }
    // SAFETY: `to` is valid for its length; a bad address is an error, not a fault.
    let len = unsafe { shim::falco_string_from_user(to.as_mut_ptr(), address, to.len()) };
    match usize::try_from(len) {
        Err(_) => Filled::Fault,
        // The whole buffer without a NUL.
        Ok(len) if len == to.len() => Filled::Cut(len),
        Ok(len) => Filled::Whole(len),
    }
}

/// Reads exactly `to.len()` bytes. May sleep.
#[inline]
pub(crate) fn bytes(address: usize, to: &mut [u8]) -> Result {
    // SAFETY: `to` is valid for its length; a bad address is an error, not a fault.
    match unsafe { shim::falco_copy_from_user(to.as_mut_ptr(), address, to.len()) } {
        0 => Ok(()),
        _ => Err(EFAULT),
    }
}

/// Reads as many bytes as there is room for, which need not have been written
/// before. May sleep.
#[inline]
pub(crate) fn into(address: usize, room: &mut [MaybeUninit<u8>]) -> Result<&[u8]> {
    let to = room.as_mut_ptr().cast();
    // SAFETY: The room is valid for its length; a bad address is an error, not a fault.
    match unsafe { shim::falco_copy_from_user(to, address, room.len()) } {
        // SAFETY: All of it was written.
        0 => Ok(unsafe { &*(core::ptr::from_mut(room) as *const [u8]) }),
        _ => Err(EFAULT),
    }
}

/// Most bytes that [`Few`] takes.
pub(crate) const FEW: usize = 128;

/// Room on the stack for a few bytes of user memory, in whole words.
pub(crate) struct Few([MaybeUninit<u64>; FEW / 8 + 1]);

impl Few {
    /// Not written yet.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; _])
    }

    /// Reads so many bytes, at most [`FEW`]: as whole words, with zeros behind the
    /// bytes. May sleep.
    #[inline]
    pub(crate) fn read(&mut self, address: usize, len: usize) -> Result<&[u8]> {
        let len = len.min(FEW);
        self.0[len / 8].write(0);
        let to = self.0.as_mut_ptr().cast::<u8>();
        // SAFETY: The room has `FEW` bytes; a bad address is an error, not a fault.
        match unsafe { shim::falco_copy_from_user(to, address, len) } {
            // SAFETY: All words of it were written, the last by us before.
            0 => Ok(unsafe { core::slice::from_raw_parts(to, len.wrapping_add(7) & !7) }),
            _ => Err(EFAULT),
        }
    }
}

/// Reads a number. May sleep.
pub(crate) fn word(address: usize) -> Result<u64> {
    let mut word = [0; 8];
    bytes(address, &mut word)?;
    Ok(u64::from_ne_bytes(word))
}

/// Reads an `int`. May sleep.
pub(crate) fn int(address: usize) -> Result<i32> {
    let mut int = [0; 4];
    bytes(address, &mut int)?;
    Ok(i32::from_ne_bytes(int))
}

/// Reads a number that the kernel itself has just read, without waiting for a page that has
/// gone meanwhile.
pub(crate) fn resident_word(address: usize) -> Result<u64> {
    let mut word = [0; 8];
    match resident(address, &mut word) {
        Filled::Whole(_) => Ok(u64::from_ne_bytes(word)),
        _ => Err(EFAULT),
    }
}

/// Reads a `long` or a pointer, of four bytes in a 32-bit program. May sleep.
pub(crate) fn long(address: usize, compat: bool) -> Result<usize> {
    if compat {
        Ok(int(address)? as u32 as usize)
    } else {
        Ok(word(address)? as usize)
    }
}

/// Bytes of a `long` or a pointer.
pub(crate) const fn long_size(compat: bool) -> usize {
    if compat {
        4
    } else {
        8
    }
}

/// Most strings taken from an array such as `argv`.
const STRINGS_MAX: usize = 256;

/// Reads an array of strings that ends with a null pointer, each with its NUL.
/// May sleep.
pub(crate) fn strings(address: usize, compat: bool, to: &mut [u8]) -> Filled {
    if address == 0 {
        return Filled::Whole(0);
    }
    let mut len = 0;
    for i in 0..STRINGS_MAX {
        let Ok(string_at) = long(address.wrapping_add(long_size(compat) * i), compat) else {
            return if i == 0 {
                Filled::Fault
            } else {
                Filled::Broken(len)
            };
        };
        if string_at == 0 {
            return Filled::Whole(len);
        }
        match string(string_at, &mut to[len..]) {
            // Not the whole buffer, so the NUL that was read is in it.
            Filled::Whole(n) => len += n + 1,
            Filled::Cut(n) => return Filled::Cut(len + n),
            _ => return Filled::Broken(len),
        }
    }
    Filled::Cut(len)
}

/// Copies memory that the kernel has just written, from a context that must not
/// sleep: a page that has gone meanwhile is a fault.
pub(crate) fn resident(address: usize, to: &mut [u8]) -> Filled {
    // SAFETY: `to` is valid for its length; a bad address is an error, not a fault.
    let status = unsafe {
        bindings::copy_from_user_nofault(to.as_mut_ptr().cast(), address as *const _, to.len())
    };
    if status == 0 {
        Filled::Whole(to.len())
    } else {
        Filled::Fault
    }
}
