// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A system call: its registers, and the parameters that are made of them. The
//! methods that end in `_of` are named after the sources of the table of events.

use falco_abi::ebpf::At;
use falco_abi::event::Event;
use falco_abi::flags;
use falco_abi::ring::Loss;
use falco_abi::syscall::SYSCALL_MAX;

use crate::compat;
use crate::kernel::{at, compat_status};
use crate::ring;

/// The kernel's `AT_REMOVEDIR`.
const AT_REMOVEDIR: u32 = 0x200;
/// `mount` flags of old programs carry this in the upper half.
const MS_MGC_MASK: u64 = 0xFFFF_0000;
const MS_MGC_VAL: u64 = 0xC0ED_0000;
const SETVAL: u32 = 16;
/// The kernel's own codes for "start again"; what the program would see is `EINTR`.
const ERESTARTSYS: i64 = -512;
const ERESTART_RESTARTBLOCK: i64 = -516;
const EINTR: i64 = 4;

/// The one call of 32-bit programs of which a time is recorded and has 64 bits.
const PPOLL_TIME64: u32 = 414;

/// The number that a program named.
#[inline(always)]
pub fn raw_number(regs: u64) -> u32 {
    // SAFETY: The verifier knows the type of the registers, and the offset.
    unsafe { *((regs + at(At::RegsNumber)) as *const u32) }
}

/// A result as the program sees it.
#[inline(always)]
fn shown(result: i64) -> i64 {
    match result {
        ERESTART_RESTARTBLOCK..=ERESTARTSYS => -EINTR,
        result => result,
    }
}

/// A system call that has returned, or (with `entry`) will not.
#[derive(Clone, Copy)]
pub struct Call {
    /// Its arguments.
    pub args: [u64; 6],
    /// What it returned.
    pub result: i64,
    /// Its number.
    pub number: u32,
    /// The number that the program named.
    raw: u32,
    /// Not 0: of a 32-bit program.
    pub compat: u64,
    /// Bytes that went through, where that is not the result.
    pub moved: Option<u64>,
}

impl Call {
    /// A call out of the registers that a tracepoint is given, which makes an event.
    /// `None` for one of a 32-bit program whose arguments cannot be read.
    ///
    /// # Safety
    ///
    /// `context` is that of `sys_exit` or `sys_enter`.
    #[inline(always)]
    pub unsafe fn new(context: *const u64, result: i64, event: Event) -> Option<Self> {
        // SAFETY: The registers are the first argument of both tracepoints.
        let regs = unsafe { *context };
        // SAFETY: The verifier knows the type of the registers, and the offsets.
        let word = |field: At| unsafe { *((regs + at(field)) as *const u64) };
        let raw = raw_number(regs);
        let mut number = raw;
        let mut args = [
            word(At::RegsArg0),
            word(At::RegsArg1),
            word(At::RegsArg2),
            word(At::RegsArg3),
            word(At::RegsArg4),
            word(At::RegsArg5),
        ];
        let mut foreign = 0;
        if compat::is_known() {
            if compat_status() != 0 && !compat::translate(&mut args, &mut number, regs, event) {
                ring::lost(Loss::Fault, event.info().class as usize);
                return None;
            }
            foreign = compat_status();
            if event as u16 == Event::Syscall as u16 && number as usize >= SYSCALL_MAX {
                number = compat::x32(number);
                foreign = compat::STATUS;
            }
        }
        Some(Self {
            args,
            result: shown(result),
            number,
            raw,
            compat: foreign,
            moved: None,
        })
    }

    /// A call of a 64-bit program of which number and result are enough.
    #[inline(always)]
    pub fn plain(regs: u64, result: i64) -> Self {
        let number = raw_number(regs);
        Self {
            result: shown(result),
            number,
            raw: number,
            ..Self::none()
        }
    }

    /// No call: what a hook of its own records.
    #[inline(always)]
    pub const fn none() -> Self {
        Self {
            args: [0; 6],
            result: 0,
            number: 0,
            raw: 0,
            compat: 0,
            moved: None,
        }
    }

    /// Whether times in memory have 64 bits, though the program has 32.
    #[inline(always)]
    pub fn has_time64(&self) -> bool {
        self.raw == PPOLL_TIME64
    }

    /// An argument.
    #[inline(always)]
    pub fn arg(&self, n: u8) -> u64 {
        self.args[n as usize]
    }

    #[inline(always)]
    pub fn int(&self, n: u8) -> i32 {
        self.arg(n) as i32
    }

    #[inline(always)]
    pub fn word(&self, n: u8) -> u32 {
        self.arg(n) as u32
    }

    /// Bytes that the call took from the program; all when it failed.
    #[inline(always)]
    pub fn sent(&self) -> u64 {
        match self.moved {
            Some(moved) if self.result >= 0 => moved,
            _ if self.result >= 0 => self.result as u64,
            _ => u64::MAX,
        }
    }

    /// Bytes that the call gave to the program, unless it failed.
    #[inline(always)]
    pub fn received(&self) -> Option<u64> {
        (self.result >= 0).then(|| self.moved.unwrap_or(self.result as u64))
    }

    #[inline(always)]
    pub fn return_of(&self) -> u64 {
        self.result as u64
    }

    #[inline(always)]
    pub fn signed_of(&self, n: u8) -> u64 {
        i64::from(self.int(n)) as u64
    }

    #[inline(always)]
    pub fn word_of(&self, n: u8) -> u64 {
        u64::from(self.word(n))
    }

    #[inline(always)]
    pub fn long_of(&self, n: u8) -> u64 {
        self.arg(n)
    }

    #[inline(always)]
    pub fn number_of(&self) -> u64 {
        u64::from(self.number)
    }

    #[inline(always)]
    pub fn zero_of(&self) -> u64 {
        0
    }

    #[inline(always)]
    pub fn open_mode_of(&self, flags: u8, mode: u8) -> u64 {
        let makes = flags::open::CREAT | flags::open::TMPFILE;
        match flags::open::from_kernel(self.word(flags)) & makes {
            0 => 0,
            _ => self.word_of(mode),
        }
    }

    #[inline(always)]
    pub fn unlink_flags_of(&self, n: u8) -> u64 {
        u64::from(self.word(n) & AT_REMOVEDIR)
    }

    #[inline(always)]
    pub fn ptrace_of(&self, n: u8) -> u64 {
        u64::from(flags::ptrace_from_kernel(self.word(n)))
    }

    #[inline(always)]
    pub fn mount_flags_of(&self, n: u8) -> u64 {
        let flags = self.arg(n);
        let magic = flags & MS_MGC_MASK == MS_MGC_VAL;
        flags & if magic { !MS_MGC_MASK } else { u64::MAX } & 0xFFFF_FFFF
    }

    #[inline(always)]
    pub fn permissions_of(&self, n: u8) -> u64 {
        u64::from(self.word(n) & 0o7777)
    }

    #[inline(always)]
    pub fn bits_of(&self, n: u8, pairs: &'static [(u32, u32)]) -> u64 {
        u64::from(flags::portable(self.word(n), pairs))
    }

    #[inline(always)]
    pub fn open_bits_of(&self, n: u8) -> u64 {
        u64::from(flags::open::from_kernel(self.word(n)))
    }

    #[inline(always)]
    pub fn clone_bits_of(&self, n: u8) -> u64 {
        u64::from(flags::clone::from_kernel(self.arg(n)))
    }

    #[inline(always)]
    pub fn fcntl_of(&self, n: u8) -> u64 {
        u64::from(flags::fcntl_from_kernel(self.word(n)))
    }

    #[inline(always)]
    pub fn code_of(&self, n: u8, pairs: &'static [(u32, u32)], other: u32) -> u64 {
        let word = self.word(n);
        let mut i = 0;
        while i < pairs.len() {
            if pairs[i].0 == word {
                return u64::from(pairs[i].1);
            }
            i += 1;
        }
        u64::from(other)
    }

    #[inline(always)]
    pub fn sock_opt_of(&self, level: u8, n: u8) -> u64 {
        u64::from(flags::sockopt_from_kernel(self.word(level), self.word(n)))
    }

    #[inline(always)]
    pub fn semctl_value_of(&self) -> u64 {
        if self.word(2) == SETVAL {
            self.signed_of(3)
        } else {
            0
        }
    }
}
