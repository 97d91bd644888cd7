// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The first bytes of what a call sends or has received, wherever it lies.

use crate::kernel::user;
use crate::record::{CUT, FAULT, Scratch, bytes};

/// Most buffers that the kernel takes in one call (`UIO_MAXIOV`).
const VECTOR_MAX: u64 = 1024;
/// Most buffers of which data is taken.
const GATHER_MAX: u64 = 64;
/// Size of `struct iovec`.
const IOVEC: u64 = 16;

/// A buffer of an array of `struct iovec`: address and length.
#[inline(always)]
fn buffer(vector: u64, i: u64) -> Option<[u64; 2]> {
    user(vector.wrapping_add(IOVEC * i))
}

/// Length of all buffers; `u64::MAX` where they cannot be read.
#[inline(never)]
pub fn size(_scratch: &mut Scratch, vector: u64, count: u64) -> u64 {
    let mut size = 0u64;
    if count > VECTOR_MAX {
        return 0;
    }
    for i in 0..VECTOR_MAX {
        if i >= count {
            break;
        }
        let Some([_, len]) = buffer(vector, i) else {
            return u64::MAX;
        };
        size = size.wrapping_add(len & 0xFFFF_FFFF);
    }
    size
}

/// Writes the first bytes of the buffers, of which `len` count, to the end of the
/// record.
#[inline(never)]
pub fn gather(scratch: &mut Scratch, vector: u64, count: u64, len: u64, limit: u64) -> u64 {
    let start = scratch.len;
    let mut left = len;
    let mut result = 0;
    if count <= VECTOR_MAX {
        for i in 0..GATHER_MAX {
            if i >= count || left == 0 {
                break;
            }
            let Some([address, size]) = buffer(vector, i) else {
                result = FAULT;
                break;
            };
            let whole = if size < left { size } else { left };
            let room = limit.wrapping_sub(scratch.len.wrapping_sub(start));
            let one = bytes(scratch, address, whole, room);
            if one & FAULT != 0 {
                result = FAULT;
                break;
            }
            scratch.len += one & 0xFFFF_FFFF;
            if one & CUT != 0 {
                result = CUT;
                break;
            }
            left -= whole;
        }
        if result == 0 && left != 0 && count > GATHER_MAX {
            result = CUT;
        }
    }
    let len = scratch.len.wrapping_sub(start);
    scratch.len = start;
    result | len
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
    pub fn read(address: u64) -> Option<Self> {
        let [name, name_len, vector, count, control, control_len] = user::<[u64; 6]>(address)?;
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
