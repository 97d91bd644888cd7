// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The first bytes of what a call sends or has received, wherever it lies.

use crate::kernel::user;
use crate::record::{CUT, FAULT, Scratch, bytes};
use crate::values::pair;

/// Most buffers that the kernel takes in one call (`UIO_MAXIOV`).
const VECTOR_MAX: u64 = 1024;
/// Most buffers of which the lengths are added.
const SIZE_MAX: u64 = 256;
/// Most buffers of which data is taken.
const GATHER_MAX: u64 = 32;
/// What the loops count: bytes written, bytes to come, and what was amiss.
const SUM: usize = 0;
const LEFT: usize = 1;
const AMISS: usize = 2;
/// How many buffers there are: of the number in a register the verifier would learn in
/// each round, also for the caller.
const COUNT: usize = 3;
/// Size of `struct iovec`, and of that of a 32-bit program.
const IOVEC: u64 = 16;
const IOVEC_32: u64 = 8;

/// A buffer of an array of `struct iovec`: address and length.
#[inline(always)]
fn buffer(scratch: &Scratch, vector: u64, i: u64) -> Option<[u64; 2]> {
    if scratch.is_compat() {
        pair(vector.wrapping_add(IOVEC_32 * i), true)
    } else {
        pair(vector.wrapping_add(IOVEC * i), false)
    }
}

/// Length of all buffers; `u64::MAX` where they cannot be read, [`CUT`] where there
/// are too many.
#[inline(never)]
pub fn size(scratch: &mut Scratch, vector: u64, count: u64) -> u64 {
    scratch.set::<SUM>(0);
    scratch.set::<COUNT>(count);
    if scratch.get::<COUNT>() > VECTOR_MAX {
        return 0;
    }
    for i in 0..SIZE_MAX {
        if i >= scratch.get::<COUNT>() {
            break;
        }
        let Some([_, len]) = buffer(scratch, vector, i) else {
            return u64::MAX;
        };
        scratch.set::<SUM>(scratch.get::<SUM>().wrapping_add(len & 0xFFFF_FFFF));
    }
    if scratch.get::<COUNT>() > SIZE_MAX {
        return CUT;
    }
    scratch.get::<SUM>()
}

/// Writes the first bytes of the buffers, of which `len` count, to the end of the
/// record.
#[inline(never)]
pub fn gather(scratch: &mut Scratch, vector: u64, count: u64, len: u64, limit: u64) -> u64 {
    scratch.set::<COUNT>(count);
    if scratch.get::<COUNT>() > VECTOR_MAX {
        return 0;
    }
    scratch.set::<SUM>(0);
    scratch.set::<LEFT>(len);
    scratch.set::<AMISS>(0);
    for i in 0..GATHER_MAX {
        let left = scratch.get::<LEFT>();
        if i >= scratch.get::<COUNT>() || left == 0 {
            break;
        }
        let Some([address, size]) = buffer(scratch, vector, i) else {
            scratch.set::<AMISS>(FAULT);
            break;
        };
        let whole = if size < left { size } else { left };
        let sum = scratch.get::<SUM>();
        let one = bytes(scratch, address, whole, limit.wrapping_sub(sum));
        let len = one & 0xFFFF_FFFF;
        scratch.len += len;
        scratch.set::<SUM>(sum + len);
        scratch.set::<LEFT>(left - whole);
        if one >= CUT {
            scratch.set::<AMISS>(one);
            break;
        }
    }
    let sum = scratch.get::<SUM>();
    scratch.len -= sum;
    let amiss = scratch.get::<AMISS>();
    if amiss & FAULT != 0 {
        return FAULT;
    }
    // There was no room for it, or it was not looked at.
    let more = scratch.get::<LEFT>() != 0 && scratch.get::<COUNT>() > GATHER_MAX;
    sum | amiss & CUT | if more { CUT } else { 0 }
}

/// A `struct msghdr`.
#[derive(Clone, Copy)]
pub struct Message {
    pub name: u64,
    pub name_len: i32,
    pub vector: u64,
    pub count: u64,
    pub control: u64,
    pub control_len: u64,
}

impl Message {
    /// Copies it out of the program's memory.
    #[inline(always)]
    pub fn read(scratch: &Scratch, address: u64) -> Option<Self> {
        let words = if scratch.is_compat() {
            user::<[u32; 6]>(address)?.map(u64::from)
        } else {
            user::<[u64; 6]>(address)?
        };
        let [name, name_len, vector, count, control, control_len] = words;
        Some(Self {
            name,
            name_len: name_len as i32,
            vector,
            count,
            control,
            control_len,
        })
    }
}
