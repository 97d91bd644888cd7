// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Parameters that lie in the program's memory in a form of their own.

use falco_abi::event::{Field, Quota};
use falco_abi::flags;

use crate::call::Call;
use crate::kernel::user;
use crate::record::{CUT, FAULT, PATH_MAX, Scratch, bytes, string};

/// Most entries of an array of `struct pollfd` that are looked at.
const POLL_MAX: u64 = 256;
/// Most descriptors of one record: of ten bytes each.
const FD_LIST: u64 = 102;
/// What the loop counts.
const FOUND: usize = 0;
/// Most bytes of a value in a record.
pub const VALUE_MAX: u64 = 80;

/// Commands of `quotactl`, without the type.
const Q_QUOTAON: u32 = 0x80_0002;
const Q_GETFMT: u32 = 0x80_0004;
const Q_GETINFO: u32 = 0x80_0005;
const Q_SETINFO: u32 = 0x80_0006;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
/// Commands of `fsconfig`.
const SET_STRING: u32 = 1;
pub const SET_BINARY: u32 = 2;
const SET_PATH: u32 = 3;
const SET_PATH_EMPTY: u32 = 4;

const SECOND: u64 = 1_000_000_000;

/// A number in memory.
#[inline(always)]
pub fn field(scratch: &Scratch, call: &Call, n: u8, at: u8, field: Field) -> Option<u64> {
    let address = call.arg(n);
    if address == 0 {
        return Some(0);
    }
    let at = u64::from(at);
    match field {
        Field::U32 => user::<u32>(address.wrapping_add(at)).map(u64::from),
        Field::U64 => user(address.wrapping_add(at)),
        Field::Long if scratch.is_compat() => {
            let long = user::<i32>(address.wrapping_add(4 * at));
            long.map(|long| i64::from(long) as u64)
        }
        Field::Long => user(address.wrapping_add(8 * at)),
    }
}

/// Two numbers side by side, of 32 bits each or of 64.
#[inline(always)]
pub fn pair(address: u64, narrow: bool) -> Option<[u64; 2]> {
    if narrow {
        let [a, b] = user::<[u32; 2]>(address)?;
        Some([a.into(), b.into()])
    } else {
        user(address)
    }
}

/// A `struct timespec` in nanoseconds.
#[inline(always)]
pub fn timespec(address: u64, narrow: bool) -> Option<u64> {
    let [seconds, rest] = pair(address, narrow)?;
    Some(seconds.wrapping_mul(SECOND).wrapping_add(rest))
}

/// Writes the descriptors for which something happened.
#[inline(never)]
pub fn poll_fds(scratch: &mut Scratch, address: u64, count: u64) -> u64 {
    let start = scratch.len;
    scratch.set::<FOUND>(0);
    for i in 0..POLL_MAX {
        if i >= count {
            break;
        }
        let Some(entry) = user::<u64>(address.wrapping_add(8 * i)) else {
            scratch.len = start;
            return FAULT;
        };
        let happened = entry >> 48;
        if happened == 0 {
            continue;
        }
        let found = scratch.get::<FOUND>();
        if found >= FD_LIST {
            scratch.set::<FOUND>(FD_LIST + 1);
            break;
        }
        scratch.set::<FOUND>(found + 1);
        let bits = flags::portable(happened as u32, flags::POLL_BITS) as u16;
        scratch.push_from(&i64::from(entry as i32).to_le_bytes());
        scratch.push_from(&bits.to_le_bytes());
    }
    let len = scratch.len.wrapping_sub(start);
    scratch.len = start;
    if count > POLL_MAX || scratch.get::<FOUND>() > FD_LIST {
        CUT | len
    } else {
        len
    }
}

/// Writes a type and a number of so many bytes; `None` where it could not be read.
#[inline(always)]
fn tagged(scratch: &mut Scratch, which: u64, value: Option<u64>, width: u64) -> u64 {
    let Some(value) = value else {
        return FAULT;
    };
    if scratch.is_full() {
        return CUT;
    }
    let start = scratch.len;
    scratch.push(which as u8);
    scratch.push_from(&value.to_le_bytes());
    scratch.len = start;
    1 + width
}

/// Writes a type and what a writer of bytes puts behind it.
#[inline(always)]
fn tagged_by(scratch: &mut Scratch, which: u64, write: impl FnOnce(&mut Scratch) -> u64) -> u64 {
    if scratch.is_full() {
        return CUT;
    }
    let start = scratch.len;
    scratch.push(which as u8);
    let result = write(scratch);
    scratch.len = start;
    if result & FAULT != 0 {
        FAULT
    } else {
        result + 1
    }
}

/// Writes the value of a socket option of `len` bytes whose type is known.
#[inline(never)]
pub fn sockopt(scratch: &mut Scratch, which: u64, address: u64, len: u64) -> u64 {
    match which {
        // An error is stored as a positive number.
        1 if len >= 4 => {
            let error = user::<i32>(address).map(|error| (-i64::from(error)) as u64);
            tagged(scratch, 1, error, 8)
        }
        2 if len >= 4 => tagged(scratch, 2, user::<u32>(address).map(u64::from), 4),
        3 if len >= 8 => tagged(scratch, 3, user(address), 8),
        4 => {
            // The length tells which of both forms a 32-bit program uses.
            let narrow = scratch.is_compat() && len < 16;
            let time = pair(address, narrow).map(|[seconds, micros]| {
                let micros = micros.wrapping_mul(1000);
                seconds.wrapping_mul(SECOND).wrapping_add(micros)
            });
            tagged(scratch, 4, time, 8)
        }
        _ => tagged_by(scratch, 0, |scratch| {
            bytes(scratch, address, len, VALUE_MAX)
        }),
    }
}

/// One of the first two operations of `semop`.
#[inline(always)]
pub fn sembuf(call: &Call, which: u8, field: u8) -> Option<u64> {
    if call.arg(2) <= u64::from(which) {
        return Some(0);
    }
    let at = 6 * u64::from(which) + 2 * u64::from(field);
    let raw: u16 = user(call.arg(1).wrapping_add(at))?;
    Some(match field {
        0 => u64::from(raw),
        1 => i64::from(raw as i16) as u64,
        _ => u64::from(flags::portable(raw.into(), flags::SEMOP_BITS)),
    })
}

/// Whether `quotactl` is given the path of a file.
#[inline(always)]
pub fn is_quota_on(call: &Call) -> bool {
    call.word(0) >> 8 == Q_QUOTAON
}

/// Something of `quotactl`, but for the path.
#[inline(always)]
pub fn quota(scratch: &Scratch, call: &Call, what: Quota) -> Option<u64> {
    let raw = call.word(0);
    let command = raw >> 8;
    let worked = call.result >= 0;
    let limits = command == Q_SETQUOTA || command == Q_GETQUOTA && worked;
    let info = command == Q_SETINFO || command == Q_GETINFO && worked;
    // `struct if_dqblk` and `struct if_dqinfo`.
    let at = |there: bool, offset: u8, size: Field| {
        if there {
            field(scratch, call, 3, offset, size)
        } else {
            Some(0)
        }
    };
    let seconds = |time: Option<u64>| time.map(|time| time.wrapping_mul(SECOND));
    match what {
        Quota::Path => None,
        Quota::BlockHard => at(limits, 0, Field::U64),
        Quota::BlockSoft => at(limits, 8, Field::U64),
        Quota::Space => at(limits, 16, Field::U64),
        Quota::InodeHard => at(limits, 24, Field::U64),
        Quota::InodeSoft => at(limits, 32, Field::U64),
        Quota::BlockTime => seconds(at(limits, 48, Field::U64)),
        Quota::InodeTime => seconds(at(limits, 56, Field::U64)),
        Quota::BlockGrace => seconds(at(info, 0, Field::U64)),
        Quota::InodeGrace => seconds(at(info, 8, Field::U64)),
        Quota::InfoFlags => at(info, 16, Field::U32).map(|bits| (bits & 1) << 1),
        Quota::FormatFound if command == Q_GETFMT && worked => {
            field(scratch, call, 3, 0, Field::U32)
                .map(|format| flags::quota_format(format as u32).into())
        }
        Quota::FormatGiven if command == Q_QUOTAON => {
            Some(flags::quota_format(call.word(2)).into())
        }
        Quota::FormatFound | Quota::FormatGiven => Some(flags::quota_format(0).into()),
        Quota::Command => Some(flags::quotactl_command(raw).into()),
        Quota::Type => Some(match raw & 0xFF {
            0 => 1 << 0,
            1 => 1 << 1,
            _ => 0,
        }),
        Quota::Id if command == Q_QUOTAON => Some(0),
        Quota::Id => Some(call.word_of(2)),
    }
}

/// Writes an argument of `keyctl` with its type; `more` is the next one.
#[inline(never)]
pub fn keyctl(scratch: &mut Scratch, which: u64, value: u64, more: u64) -> u64 {
    match which {
        1 => tagged_by(scratch, which, |scratch| {
            string(scratch, value, PATH_MAX as u32)
        }),
        2 => tagged_by(scratch, which, |scratch| {
            bytes(scratch, value, more, VALUE_MAX)
        }),
        _ => tagged(scratch, which, Some(i64::from(value as i32) as u64), 8),
    }
}

/// Whether a command of `fsconfig` is given text.
#[inline(always)]
pub fn is_fsconfig_text(command: u32) -> bool {
    matches!(command, SET_STRING | SET_PATH | SET_PATH_EMPTY)
}
