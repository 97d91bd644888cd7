// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls of 32-bit programs on x86_64: which call of the one table each is, and with
//! which arguments.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::{At, foreign};
use falco_abi::event::Event;
use falco_abi::ia32::{
    Adapt, IA32, IA32_MAX, IPC_MAX, SOCKETCALLS, X32, X32_BIT, X32_OWN, ipc_call,
};
use falco_abi::syscall::{EVENT_BY_NUMBER, NONE};

use crate::kernel::{at, bounded, has};
use crate::maps;

/// What `kernel::compat_status` has for a 32-bit program (`TS_COMPAT`).
pub const STATUS: u64 = 2;
/// Arguments of a call.
pub type Args = [u64; 6];

/// By the number of a 32-bit program: the number in the one table.
static NUMBER: [u16; IA32_MAX] = {
    let mut numbers = [NONE; IA32_MAX];
    let mut n = 0;
    while n < IA32_MAX {
        if let Some(call) = IA32[n] {
            numbers[n] = call.number;
        }
        n += 1;
    }
    numbers
};

/// What `socketcall` calls, by its first argument: the number, and in the upper half how
/// many arguments there are in memory.
static SOCKET: [u32; SUB_MAX as usize] = {
    let mut calls = [NONE as u32; SUB_MAX as usize];
    let mut which = 0;
    while which < SOCKETCALLS.len() {
        let (number, len) = SOCKETCALLS[which];
        calls[which + 1] = number as u32 | (len as u32) << 16;
        which += 1;
    }
    calls
};

/// What `ipc` calls, by its first argument: the number.
static IPC: [u16; IPC_MAX] = {
    let mut calls = [NONE; IPC_MAX];
    let mut which = 0;
    while which < calls.len() {
        if let Some((number, _)) = ipc_call(which) {
            calls[which] = number;
        }
        which += 1;
    }
    calls
};

/// Which of its arguments are the call's own: four times a byte.
static IPC_ORDER: [u32; IPC_MAX] = {
    let mut orders = [0; IPC_MAX];
    let mut which = 0;
    while which < orders.len() {
        if let Some((_, [a, b, c, d])) = ipc_call(which) {
            orders[which] = (a | b << 8 | c << 16 | d << 24) as u32;
        }
        which += 1;
    }
    orders
};

/// [`SOCKETCALLS`] and [`ipc_call`] tell more than a number has.
const SOCKETCALL: u32 = 102;
const IPC_CALL: u32 = 117;
/// Beyond the numbers that `ipc` and `socketcall` have.
const SUB_MAX: u64 = IPC_MAX as u64;

/// An element of a table. The compiler would look up whether it is within.
macro_rules! element {
    ($table:ident, $index:expr, $mask:literal) => {
        // SAFETY: The mask is the table's.
        unsafe {
            let index = bounded::<$mask>($index) as usize;
            $table.as_ptr().add(index).read_volatile()
        }
    };
}

/// A number in the one table's place: `NONE` where no kernel has such a call.
#[inline(always)]
fn number_of(raw: u32) -> u32 {
    if raw as usize >= IA32_MAX {
        return NONE.into();
    }
    element!(NUMBER, raw.into(), 0x1FF).into()
}

/// A register of a call.
#[inline(always)]
fn register(regs: u64, field: At) -> u64 {
    // SAFETY: The verifier knows the type of the registers, and the offset.
    let word = unsafe { *((regs + at(field)) as *const u64) };
    word & 0xFFFF_FFFF
}

/// Whether this kernel can have 32-bit programs whose calls are known.
#[inline(always)]
pub fn is_known() -> bool {
    has(At::RegsIa32Arg0)
}

/// The event of a call of a 32-bit program, or one more than that. `entry` is what the
/// table of interest has for its number.
#[inline(always)]
pub fn interest(entry: u32, regs: u64) -> u32 {
    if entry < foreign::SOCKETCALL {
        return entry;
    }
    let which = register(regs, At::RegsIa32Arg0);
    let number = if entry == foreign::SOCKETCALL {
        if which >= SUB_MAX {
            return 0;
        }
        element!(SOCKET, which, 0x1F) & 0xFFFF
    } else {
        if which & 0xFFFF >= SUB_MAX {
            return 0;
        }
        element!(IPC, which, 0x1F).into()
    };
    maps::INTEREST.get(number).map_or(0, |[own, _]| *own)
}

/// The number that an x32 number stands for; one that no table has where it is none.
#[inline(always)]
pub fn x32(raw: u32) -> u32 {
    if !is_known() || raw & X32_BIT as u32 == 0 {
        return u32::MAX;
    }
    let number = raw & !(X32_BIT as u32);
    if (number as usize) < X32_OWN {
        return number;
    }
    let own = number - X32_OWN as u32;
    if own as usize >= X32.len() {
        return u32::MAX;
    }
    // SAFETY: Just compared; the mask is for the verifier, which knows the comparison.
    let found = unsafe { X32.as_ptr().add(own as usize).read_volatile() };
    found.into()
}

/// Whether some call of this event has arguments that are not simply in registers.
const fn is_adapted(event: Event) -> bool {
    let mut n = 0;
    while n < IA32_MAX {
        if let Some(call) = IA32[n] {
            let same = matches!(call.adapt, Adapt::Same | Adapt::Time64);
            if !same && is(call.number, event) {
                return true;
            }
        }
        n += 1;
    }
    let mut which = 0;
    while which < SOCKETCALLS.len() {
        if is(SOCKETCALLS[which].0, event) {
            return true;
        }
        which += 1;
    }
    let mut which = 0;
    while which < SUB_MAX as usize {
        if let Some((number, _)) = ipc_call(which) {
            if is(number, event) {
                return true;
            }
        }
        which += 1;
    }
    false
}

const fn is(number: u16, event: Event) -> bool {
    number != NONE && EVENT_BY_NUMBER[number as usize] as u16 == event as u16
}

/// Events whose calls can have arguments elsewhere than in registers.
static ADAPTED: [bool; falco_abi::event::EVENTS.len()] = {
    let mut events = [false; falco_abi::event::EVENTS.len()];
    let mut n = 0;
    while n < falco_abi::syscall::SYSCALL_MAX {
        let event = EVENT_BY_NUMBER[n];
        events[event as usize] = is_adapted(event);
        n += 1;
    }
    events
};

/// Makes number and arguments those of the one table's call; whether they could be read.
#[inline(always)]
pub fn translate(args: &mut Args, number: &mut u32, regs: u64, event: Event) -> bool {
    let raw = *number;
    *args = [
        register(regs, At::RegsIa32Arg0),
        register(regs, At::RegsIa32Arg1),
        register(regs, At::RegsArg2),
        register(regs, At::RegsArg1),
        register(regs, At::RegsArg0),
        register(regs, At::RegsIa32Arg5),
    ];
    if ADAPTED[event as usize] {
        let found = adapt(args, raw);
        *number = found as u32;
        found != u64::MAX
    } else {
        *number = number_of(raw);
        true
    }
}

/// How arguments become those of the 64-bit call, and which call that is.
#[inline(never)]
fn adapt(args: &mut Args, raw: u32) -> u64 {
    match raw {
        SOCKETCALL => {
            if args[0] >= SUB_MAX {
                return u64::MAX;
            }
            let entry = element!(SOCKET, args[0], 0x1F);
            if !block(args, 1, entry >> 16) {
                return u64::MAX;
            }
            return (entry & 0xFFFF).into();
        }
        IPC_CALL => {
            let which = args[0] & 0xFFFF;
            if which >= SUB_MAX {
                return u64::MAX;
            }
            let order = element!(IPC_ORDER, which, 0x1F);
            let pick = |n: u32| match order >> (8 * n) & 0xFF {
                1 => args[1],
                2 => args[2],
                3 => args[3],
                4 => args[4],
                5 => args[5],
                _ => args[0],
            };
            *args = [pick(0), pick(1), pick(2), pick(3), 0, 0];
            return element!(IPC, which, 0x1F).into();
        }
        _ => {}
    }
    match code_of(raw) {
        code::WITHOUT_1 => args[1] = 0,
        code::BLOCK => {
            if !block(args, 0, 6) {
                return u64::MAX;
            }
        }
        code::BLOCK_5 => {
            if !block(args, 0, 5) {
                return u64::MAX;
            }
        }
        code::PAGES_5 => args[5] = args[5] << 12,
        code::WIDE_3 => {
            args[3] |= args[4] << 32;
            args[4] = args[5];
        }
        code::LLSEEK => *args = [args[0], args[1] << 32 | args[2], args[4], 0, 0, 0],
        _ => {}
    }
    number_of(raw).into()
}

/// The forms of [`Adapt`] that calls have.
mod code {
    pub const SAME: u8 = 0;
    pub const WITHOUT_1: u8 = 1;
    pub const BLOCK: u8 = 2;
    pub const BLOCK_5: u8 = 3;
    pub const PAGES_5: u8 = 4;
    pub const WIDE_3: u8 = 5;
    pub const LLSEEK: u8 = 6;
}

static CODE: [u8; IA32_MAX] = {
    let mut codes = [code::SAME; IA32_MAX];
    let mut n = 0;
    while n < IA32_MAX {
        if let Some(call) = IA32[n] {
            codes[n] = match call.adapt {
                Adapt::Without(1) => code::WITHOUT_1,
                Adapt::Block(6) => code::BLOCK,
                Adapt::Block(5) => code::BLOCK_5,
                Adapt::Pages(5) => code::PAGES_5,
                Adapt::Wide(3) => code::WIDE_3,
                Adapt::Llseek => code::LLSEEK,
                Adapt::Same | Adapt::Time64 => code::SAME,
                Adapt::Socketcall | Adapt::Ipc => {
                    assert!(n as u32 == SOCKETCALL || n as u32 == IPC_CALL);
                    code::SAME
                }
                // A form that `adapt` does not know.
                _ => panic!(),
            };
        }
        n += 1;
    }
    codes
};

#[inline(always)]
fn code_of(raw: u32) -> u8 {
    if raw as usize >= IA32_MAX {
        return code::SAME;
    }
    element!(CODE, raw.into(), 0x1FF)
}

/// Replaces arguments by those in memory, where one of them points.
#[inline(always)]
fn block(args: &mut Args, pointer: usize, len: u32) -> bool {
    let mut raw = [0u32; 6];
    let mut size = crate::kernel::opaque(4 * u64::from(len));
    if size > 24 {
        size = 24;
    }
    // SAFETY: No more than there is room for; a bad address is an error.
    let status = unsafe {
        let from = args[pointer] as *const _;
        helper::bpf_probe_read_user(raw.as_mut_ptr().cast(), size as u32, from)
    };
    *args = raw.map(u64::from);
    status == 0
}
