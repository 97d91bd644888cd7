// SPDX-License-Identifier: GPL-2.0-only

//! Parameters that lie in the program's memory in a form of their own.

use kernel::prelude::*;

use crate::abi::event::{Field, Quota};
use crate::abi::flags;
use crate::abi::record::flag;
use crate::buffers;
use crate::capture::Call;
use crate::record::{Filled, Record};
use crate::user::{self, PATH_MAX};

/// Most entries of an array of `struct pollfd` that are looked at.
const POLL_MAX: usize = 1024;
/// Most descriptors of one record, in bytes of their list.
const FD_LIST: usize = 1024;
/// Most bytes of a value in a record.
const VALUE_MAX: usize = 80;

const SETVAL: u32 = 16;
/// Commands of `quotactl`, without the type.
const Q_QUOTAON: u32 = 0x80_0002;
const Q_GETFMT: u32 = 0x80_0004;
const Q_GETINFO: u32 = 0x80_0005;
const Q_SETINFO: u32 = 0x80_0006;
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
/// Commands of `fsconfig`.
const SET_STRING: u32 = 1;
const SET_BINARY: u32 = 2;
const SET_PATH: u32 = 3;
const SET_PATH_EMPTY: u32 = 4;

const SECOND: u64 = 1_000_000_000;

/// Sets a number that was read, or marks the record.
pub(crate) fn put(record: &mut Record<'_>, slot: usize, value: Result<u64>) {
    match value {
        Ok(value) => record.number(slot, value),
        Err(_) => record.mark(flag::FAULT),
    }
}

/// A number in memory. May sleep.
pub(crate) fn field(call: &Call, n: u8, at: u8, field: Field) -> Result<u64> {
    let address = call.arg(n);
    if address == 0 {
        return Ok(0);
    }
    let at = address.wrapping_add(match field {
        Field::Long => usize::from(at) * user::long_size(call.compat),
        _ => usize::from(at),
    });
    Ok(match field {
        Field::U32 => u64::from(user::int(at)? as u32),
        Field::U64 => user::word(at)?,
        Field::Long if call.compat => i64::from(user::int(at)?) as u64,
        Field::Long => user::word(at)?,
    })
}

/// A `struct timespec` in nanoseconds; `None` for a null pointer. May sleep.
pub(crate) fn timespec(call: &Call, n: u8) -> Option<Result<u64>> {
    let address = call.arg(n);
    let read = || {
        let size = user::long_size(call.compat && !call.time64);
        let narrow = size == 4;
        let seconds = user::long(address, narrow)? as u64;
        let rest = user::long(address.wrapping_add(size), narrow)? as u64;
        Ok(seconds.wrapping_mul(SECOND).wrapping_add(rest))
    };
    (address != 0).then(read)
}

/// Writes the descriptors for which something happened. May sleep.
pub(crate) fn poll_fds(call: &Call, address: u8, count: u8, to: &mut [u8]) -> Filled {
    let (address, count) = (call.arg(address), call.arg(count));
    let mut len = 0;
    for i in 0..count.min(POLL_MAX) {
        let mut raw = [0; 8];
        if user::bytes(address.wrapping_add(8 * i), &mut raw).is_err() {
            return Filled::Fault;
        }
        let [a, b, c, d, _, _, events @ ..] = raw;
        let happened = u16::from_ne_bytes(events);
        if happened == 0 {
            continue;
        }
        let Some(entry) = to.get_mut(len..len + 10).filter(|_| len + 10 <= FD_LIST) else {
            return Filled::Cut(len);
        };
        let fd = i64::from(i32::from_ne_bytes([a, b, c, d]));
        let bits = flags::portable(u32::from(happened), flags::POLL_BITS) as u16;
        entry[..8].copy_from_slice(&fd.to_le_bytes());
        entry[8..].copy_from_slice(&bits.to_le_bytes());
        len += 10;
    }
    if count > POLL_MAX {
        Filled::Cut(len)
    } else {
        Filled::Whole(len)
    }
}

/// Writes a type and a number of so many bytes.
fn tagged(to: &mut [u8], which: u8, value: u64, width: usize) -> Filled {
    match to.get_mut(..1 + width) {
        Some(to) => {
            to[0] = which;
            to[1..].copy_from_slice(&value.to_le_bytes()[..width]);
            Filled::Whole(1 + width)
        }
        None => Filled::Cut(0),
    }
}

/// Writes a type and bytes of user memory. May sleep.
fn tagged_bytes(to: &mut [u8], which: u8, address: usize, len: usize) -> Filled {
    let Some((first, rest)) = to.split_first_mut() else {
        return Filled::Cut(0);
    };
    *first = which;
    let limit = rest.len().min(VALUE_MAX);
    match buffers::one((address, len), len, &mut rest[..limit]) {
        Filled::Whole(n) => Filled::Whole(n + 1),
        Filled::Cut(n) => Filled::Cut(n + 1),
        other => other,
    }
}

/// Writes the value of the socket option in arguments 1 and 2, of `len` bytes.
/// May sleep.
pub(crate) fn sockopt(call: &Call, address: u8, len: usize, to: &mut [u8]) -> Filled {
    let address = call.arg(address);
    if address == 0 {
        return Filled::Nothing;
    }
    let option = flags::sockopt_from_kernel(call.word(1), call.word(2));
    let which = flags::sockopt_type(option);
    let number = match which {
        // An error is stored as a positive number.
        1 if len >= 4 => user::int(address).map(|error| (-i64::from(error)) as u64),
        2 if len >= 4 => user::int(address).map(|value| u64::from(value as u32)),
        3 if len >= 8 => user::word(address),
        4 => timeval(call, address, len),
        _ => return tagged_bytes(to, 0, address, len),
    };
    match number {
        Ok(number) => tagged(to, which, number, if which == 2 { 4 } else { 8 }),
        Err(_) => Filled::Fault,
    }
}

/// A `struct timeval` in nanoseconds.
fn timeval(call: &Call, address: usize, len: usize) -> Result<u64> {
    // The length tells which of both forms a 32-bit program uses.
    let narrow = call.compat && len < 16;
    let seconds = user::long(address, narrow)? as u64;
    let micros = user::long(address.wrapping_add(user::long_size(narrow)), narrow)? as u64;
    Ok(seconds
        .wrapping_mul(SECOND)
        .wrapping_add(micros.wrapping_mul(1000)))
}

/// One of the first two operations of `semop`. May sleep.
pub(crate) fn sembuf(call: &Call, which: u8, field: u8) -> Result<u64> {
    if call.arg(2) <= usize::from(which) {
        return Ok(0);
    }
    let mut raw = [0; 2];
    let at = 6 * usize::from(which) + 2 * usize::from(field);
    user::bytes(call.arg(1).wrapping_add(at), &mut raw)?;
    Ok(match field {
        0 => u64::from(u16::from_ne_bytes(raw)),
        1 => i64::from(i16::from_ne_bytes(raw)) as u64,
        _ => {
            let bits = u32::from(u16::from_ne_bytes(raw));
            u64::from(flags::portable(bits, flags::SEMOP_BITS))
        }
    })
}

/// The value that `semctl` sets.
pub(crate) fn semctl_value(call: &Call) -> u64 {
    if call.word(2) == SETVAL {
        i64::from(call.int(3)) as u64
    } else {
        0
    }
}

/// Something of `quotactl`. May sleep.
pub(crate) fn quota(record: &mut Record<'_>, slot: usize, call: &Call, what: Quota) {
    let raw = call.word(0);
    let command = raw >> 8;
    let worked = call.result() >= 0;
    let limits = command == Q_SETQUOTA || command == Q_GETQUOTA && worked;
    let info = command == Q_SETINFO || command == Q_GETINFO && worked;
    // `struct if_dqblk` and `struct if_dqinfo`.
    let at = |there: bool, offset: u8, size: Field| {
        if there {
            field(call, 3, offset, size)
        } else {
            Ok(0)
        }
    };
    let seconds = |time: Result<u64>| time.map(|time| time.wrapping_mul(SECOND));
    let value = match what {
        Quota::Path => {
            if command == Q_QUOTAON {
                record.fill(slot, PATH_MAX, |to| user::string(call.arg(3), to));
            }
            return;
        }
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
            field(call, 3, 0, Field::U32).map(|format| flags::quota_format(format as u32).into())
        }
        Quota::FormatGiven if command == Q_QUOTAON => Ok(flags::quota_format(call.word(2)).into()),
        Quota::FormatFound | Quota::FormatGiven => Ok(flags::quota_format(0).into()),
        Quota::Command => Ok(flags::quotactl_command(raw).into()),
        Quota::Type => Ok(match raw & 0xFF {
            0 => 1 << 0,
            1 => 1 << 1,
            _ => 0,
        }),
        Quota::Id if command == Q_QUOTAON => Ok(0),
        Quota::Id => Ok(call.word(2).into()),
    };
    put(record, slot, value);
}

/// Writes an argument of `keyctl` with its type. May sleep.
pub(crate) fn keyctl(call: &Call, n: u8, to: &mut [u8]) -> Filled {
    let which = flags::keyctl_type(call.word(0), n);
    match which {
        1 if call.arg(n) == 0 => Filled::Nothing,
        1 => {
            let Some((first, rest)) = to.split_first_mut() else {
                return Filled::Cut(0);
            };
            *first = which;
            let limit = rest.len().min(PATH_MAX);
            match user::string(call.arg(n), &mut rest[..limit]) {
                Filled::Whole(n) => Filled::Whole(n + 1),
                Filled::Cut(n) => Filled::Cut(n + 1),
                other => other,
            }
        }
        2 => tagged_bytes(to, which, call.arg(n), call.arg(n + 1)),
        _ => tagged(to, which, i64::from(call.int(n)) as u64, 8),
    }
}

/// Writes the value that `fsconfig` is given, if it is bytes. May sleep.
pub(crate) fn fsconfig_bytes(call: &Call, to: &mut [u8]) -> Filled {
    if call.word(1) != SET_BINARY {
        return Filled::Nothing;
    }
    let len = call.arg(4);
    let limit = to.len().min(VALUE_MAX);
    buffers::one((call.arg(3), len), len, &mut to[..limit])
}

/// Writes the value that `fsconfig` is given, if it is text. May sleep.
pub(crate) fn fsconfig_text(call: &Call, to: &mut [u8]) -> Filled {
    match call.word(1) {
        SET_STRING | SET_PATH | SET_PATH_EMPTY => user::string(call.arg(3), to),
        _ => Filled::Nothing,
    }
}
