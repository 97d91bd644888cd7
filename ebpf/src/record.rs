// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Building a record.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::SCRATCH_DEPTH;
use falco_abi::event::Event;
use falco_abi::record::{HEADER_SIZE, MAX_RECORD, NO_SYSCALL, RECORD_ALIGN, Span, flag};

use crate::compat;
use crate::kernel::{atomic_add, bounded, opaque};
use crate::maps::SCRATCH;
use crate::ring;

/// Longest path that the kernel accepts.
pub const PATH_MAX: usize = 4096;
/// Longest name in a directory.
const NAME_ROOM: usize = 512;
/// One parameter can be written whole wherever a record ends; then it is cut.
const SLACK: usize = 16 * 1024 + 64;
/// Mask of a position within a record.
pub const WITHIN: i32 = MAX_RECORD as i32 - 1;

/// A buffer in which a record is put together. It belongs to one probe from `take` to
/// `free`: since Linux 6.13 another task's probe can come between on the same CPU.
#[repr(C)]
pub struct Scratch {
    /// How many probes have it or want it.
    users: u64,
    /// Bytes of the record so far.
    pub len: u64,
    /// Bits of the parameters without value.
    pub missing: u64,
    /// Bits of [`flag`].
    pub flags: u64,
    /// Where in `path` the text starts, which ends at [`PATH_MAX`].
    pub start: u64,
    /// Not 0: of a call of a 32-bit program.
    compat: u64,
    /// What a loop counts. The verifier, which follows numbers in registers, would look
    /// at every way through a loop anew; of what is in memory it knows nothing.
    work: [u64; 4],
    /// The record.
    pub bytes: [u8; MAX_RECORD + SLACK],
    /// A path, which is written from its end.
    pub path: [u8; PATH_MAX + NAME_ROOM],
}

/// An event, all of whose parameters have slots.
#[inline(always)]
pub const fn whole(event: Event) -> (Event, usize) {
    (event, event.info().params.len())
}

/// Writes a header but for time and CPU. The ids are as the helper has them, the
/// process in the upper half, which is where the header wants it.
#[inline(always)]
pub fn header(
    to: *mut u64,
    (event, slots): (Event, usize),
    len: u64,
    ids: u64,
    flags: u64,
    syscall: u32,
    missing: u64,
) {
    let slots = slots as u64;
    // SAFETY: The callers pass room for a header.
    unsafe {
        *to = len | (event as u64) << 32;
        *to.add(2) = missing;
        *to.add(3) = ids;
        *to.add(4) = slots | flags << 16 | u64::from(syscall) << 32;
    }
}

/// The flag for a call of a 32-bit program, without a look at whether it is one.
#[inline(always)]
pub fn compat_flag(compat: u64) -> u64 {
    u64::from(flag::COMPAT) / compat::STATUS * compat
}

/// Process and thread of the caller: the process in the upper half.
#[inline(always)]
pub fn ids() -> u64 {
    // SAFETY: Can be asked for anywhere.
    unsafe { helper::bpf_get_current_pid_tgid() }
}

impl Scratch {
    /// Takes a buffer of this CPU for a record with so many slots, of which every parameter is
    /// missing.
    #[inline(always)]
    pub fn take((event, slots): (Event, usize)) -> Option<&'static mut Self> {
        // SAFETY: Can be asked for anywhere.
        let first = unsafe { helper::bpf_get_smp_processor_id() } * SCRATCH_DEPTH;
        // Without a loop: of one over numbers that it does not know an old verifier says
        // that it never ends.
        const { assert!(SCRATCH_DEPTH == 4) };
        let index = if Self::claim(first) {
            first
        } else if Self::claim(first + 1) {
            first + 1
        } else if Self::claim(first + 2) {
            first + 2
        } else if Self::claim(first + 3) {
            first + 3
        } else {
            ring::lost(falco_abi::ring::Loss::NoMemory, event.info().class as usize);
            return None;
        };
        let scratch = SCRATCH.get_ptr_mut(opaque(index.into()) as u32)?;
        // SAFETY: An element of the map, which is ours since `claim`.
        let scratch = unsafe { &mut *scratch };
        scratch.len = (HEADER_SIZE + 8 * slots) as u64;
        scratch.missing = u64::MAX >> (64 - event.info().params.len());
        scratch.flags = 0;
        let mut slot = 0;
        while slot < slots {
            scratch.store(slot, 0);
            slot += 1;
        }
        Some(scratch)
    }

    /// Takes a buffer, if it is free. Only probes of this CPU look at it, one of which can
    /// come between any two instructions where probes can be preempted. Whoever finds
    /// itself alone has it: who comes later does not. Two that come at once may both go
    /// on to the next one. Kernels before 5.12 have no instruction that exchanges.
    #[inline(always)]
    fn claim(index: u32) -> bool {
        let Some(scratch) = SCRATCH.get_ptr_mut(index) else {
            return false;
        };
        // SAFETY: An element of the map; all access is atomic.
        unsafe {
            let users = &raw mut (*scratch).users;
            atomic_add(users, 1);
            if users.read_volatile() == 1 {
                return true;
            }
            atomic_add(users, u64::MAX);
        }
        false
    }

    /// Gives the buffer back.
    #[inline(always)]
    pub fn free(&mut self) {
        // SAFETY: An element of the map. Nothing else is written later.
        unsafe { atomic_add(&raw mut self.users, u64::MAX) };
    }

    /// Says that the record is of a call of a 32-bit program, if `compat` is not 0.
    #[inline(always)]
    pub fn set_compat(&mut self, compat: u64) {
        // SAFETY: Ours. Volatile, see `work`.
        unsafe { (&raw mut self.compat).write_volatile(compat) };
        self.flags |= compat_flag(compat);
    }

    /// Whether numbers and pointers in the program's memory have 32 bits.
    #[inline(always)]
    pub fn is_compat(&self) -> bool {
        // SAFETY: Ours. Volatile, see `work`.
        unsafe { (&raw const self.compat).read_volatile() != 0 }
    }

    /// Publishes the record, and goes on to the next or to `free`.
    #[inline(always)]
    pub fn publish(
        &mut self,
        (event, slots): (Event, usize),
        priority: bool,
        ids: u64,
        syscall: u32,
    ) {
        if self.flags & u64::from(flag::FAULT) != 0 {
            ring::fault(event.info().class as usize);
        }
        let mut len = self.len;
        if len > MAX_RECORD as u64 {
            len = MAX_RECORD as u64;
        }
        // What an earlier record left must not get out.
        self.write_word(bounded::<{ 2 * MAX_RECORD as i32 - 1 }>(len), 0);
        let len = (len + RECORD_ALIGN as u64 - 1) & !(RECORD_ALIGN as u64 - 1);
        header(
            self.bytes.as_mut_ptr().cast(),
            (event, slots),
            len,
            ids,
            self.flags,
            syscall,
            self.missing,
        );
        let mut len = opaque(len);
        if len > MAX_RECORD as u64 {
            len = MAX_RECORD as u64;
        }
        ring::publish(self.bytes.as_mut_ptr().cast(), len, event, priority);
    }

    /// The same for a record that no system call made.
    #[inline(always)]
    pub fn publish_own(&mut self, event: Event, ids: u64) {
        self.publish(whole(event), event.info().priority, ids, NO_SYSCALL);
    }

    #[inline(always)]
    fn write_word(&mut self, at: u64, value: u64) {
        if at <= MAX_RECORD as u64 {
            // SAFETY: Within the record's room and its slack.
            unsafe {
                self.bytes
                    .as_mut_ptr()
                    .add(at as usize)
                    .cast::<u64>()
                    .write_unaligned(value);
            }
        }
    }

    #[inline(always)]
    fn store(&mut self, slot: usize, value: u64) {
        // SAFETY: The table has no event with more slots than fit.
        unsafe {
            self.bytes
                .as_mut_ptr()
                .add(HEADER_SIZE + 8 * slot)
                .cast::<u64>()
                .write(value);
        }
    }

    /// Sets a number.
    #[inline(always)]
    pub fn number(&mut self, slot: usize, value: u64) {
        self.store(slot, value);
        self.missing &= !(1 << slot);
    }

    /// Sets a number that was read, or marks the record.
    #[inline(always)]
    pub fn put(&mut self, slot: usize, value: Option<u64>) {
        match value {
            Some(value) => self.number(slot, value),
            None => self.mark(flag::FAULT),
        }
    }

    /// Sets a flag of [`flag`].
    #[inline(always)]
    pub fn mark(&mut self, flags: u16) {
        self.flags |= u64::from(flags);
    }

    /// Where the next bytes go; there is room for `SLACK` of them.
    #[inline(always)]
    pub fn end(&mut self) -> *mut u8 {
        let at = bounded::<WITHIN>(self.len);
        // SAFETY: Within the record.
        unsafe { self.bytes.as_mut_ptr().add(at as usize) }
    }

    /// Whether nothing more can be added.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.len >= MAX_RECORD as u64
    }

    /// Makes a parameter of the bytes that were written at the end.
    #[inline(always)]
    pub fn append(&mut self, slot: usize, len: u64, cut: bool) {
        let mut len = len;
        let room = (MAX_RECORD as u64).wrapping_sub(self.len);
        if cut {
            self.mark(flag::TRUNCATED);
        }
        if len > room {
            len = room;
            self.mark(flag::TRUNCATED);
        }
        self.span(slot, self.len, len);
        self.len += len;
    }

    /// Makes a parameter of bytes that are there already.
    #[inline(always)]
    pub fn span(&mut self, slot: usize, start: u64, len: u64) {
        let span = Span {
            offset: start as u32,
            len: len as u32,
        };
        self.number(slot, span.pack());
    }

    /// Whether a parameter has a value.
    #[inline(always)]
    pub fn is_there(&self, slot: usize) -> bool {
        self.missing & (1 << slot) == 0
    }

    /// Where the bytes of a parameter are: offset and length.
    #[inline(always)]
    pub fn located(&self, slot: usize) -> Span {
        // SAFETY: As in `store`.
        Span::unpack(unsafe {
            self.bytes
                .as_ptr()
                .add(HEADER_SIZE + 8 * slot)
                .cast::<u64>()
                .read()
        })
    }

    /// One byte of the record.
    #[inline(always)]
    pub fn byte(&self, at: u64) -> u8 {
        // SAFETY: Within the record.
        unsafe { *self.bytes.as_ptr().add(bounded::<WITHIN>(at) as usize) }
    }

    /// Adds one byte without making a parameter of it.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        if !self.is_full() {
            // SAFETY: Room for it, see `end`.
            unsafe { *self.end() = byte };
            self.len += 1;
        }
    }

    /// Adds bytes of the kernel's memory without making a parameter of them.
    #[inline(always)]
    pub fn push_from<const N: usize>(&mut self, bytes: &[u8; N]) {
        if !self.is_full() {
            // SAFETY: Room for it, see `end`.
            unsafe { self.end().cast::<[u8; N]>().write_unaligned(*bytes) };
            self.len += N as u64;
        }
    }
}

/// Reads a string of the program's memory. Not inlined: it is what most events have.
#[inline(never)]
pub fn string(scratch: &mut Scratch, address: u64, limit: u32) -> u64 {
    if scratch.is_full() {
        return CUT;
    }
    let mut limit = u64::from(limit);
    if limit > PATH_MAX as u64 {
        limit = PATH_MAX as u64;
    }
    // SAFETY: There is room for that many bytes and the NUL, see `end`; a bad address
    // is an error.
    let n = unsafe {
        helper::bpf_probe_read_user_str(scratch.end().cast(), limit as u32 + 1, address as *const _)
    };
    if n <= 0 {
        return FAULT;
    }
    let len = n as u64 - 1;
    if len == limit { CUT | len } else { len }
}

/// Reads a string of the kernel's memory.
#[inline(never)]
pub fn kernel_string(scratch: &mut Scratch, address: u64) -> u64 {
    if scratch.is_full() {
        return CUT;
    }
    // SAFETY: There is room for that many bytes and the NUL, see `end`.
    let n = unsafe {
        let to = scratch.end().cast();
        helper::bpf_probe_read_kernel_str(to, PATH_MAX as u32 + 1, address as *const _)
    };
    if n <= 0 { FAULT } else { n as u64 - 1 }
}

/// Reads bytes of the program's memory.
#[inline(never)]
pub fn bytes(scratch: &mut Scratch, address: u64, whole: u64, limit: u64) -> u64 {
    if scratch.is_full() {
        return CUT;
    }
    let mut len = whole;
    if len > limit {
        len = limit;
    }
    let mut len = opaque(len);
    if len > 16 * 1024 {
        len = 16 * 1024;
    }
    if len == 0 {
        return if whole == 0 { 0 } else { CUT };
    }
    // SAFETY: There is room for that many bytes, see `end`.
    let status = unsafe {
        helper::bpf_probe_read_user(scratch.end().cast(), len as u32, address as *const _)
    };
    match status {
        0 if len < whole => CUT | len,
        0 => len,
        _ => FAULT,
    }
}

/// In what writers of bytes return, beside the length: it is not all of it.
pub const CUT: u64 = 1 << 62;
/// Memory could not be read.
pub const FAULT: u64 = 1 << 63;

impl Scratch {
    /// Sets what a loop counts.
    #[inline(always)]
    pub fn set<const N: usize>(&mut self, value: u64) {
        // SAFETY: Ours. Volatile, see `work`.
        unsafe { (&raw mut self.work[N]).write_volatile(value) };
    }

    /// What a loop has counted.
    #[inline(always)]
    pub fn get<const N: usize>(&self) -> u64 {
        // SAFETY: As above.
        unsafe { (&raw const self.work[N]).read_volatile() }
    }

    /// Makes a parameter of what a writer of bytes has returned.
    #[inline(always)]
    pub fn filled(&mut self, slot: usize, result: u64) {
        if result & FAULT != 0 {
            self.mark(flag::FAULT);
        } else {
            self.append(slot, result & 0xFFFF_FFFF, result & CUT != 0);
        }
    }

    /// A string of the program's memory as a parameter.
    #[inline(always)]
    pub fn text(&mut self, slot: usize, address: u64) {
        let result = string(self, address, PATH_MAX as u32);
        self.filled(slot, result);
    }

    /// The text of a path as a parameter: what `file::path` has written.
    #[inline(always)]
    pub fn path_text(&mut self, slot: usize, whole: u64) {
        if whole == 0 {
            self.append(slot, 0, true);
            return;
        }
        if self.is_full() {
            self.append(slot, 0, true);
            return;
        }
        let len = copy_path(self);
        self.append(slot, len, false);
    }
}

/// Copies the path to the end of the record.
#[inline(never)]
pub fn copy_path(scratch: &mut Scratch) -> u64 {
    let start = bounded::<0xFFF>(scratch.start);
    let len = PATH_MAX as u64 - start;
    // SAFETY: Both within their buffers: `start` is less than `PATH_MAX`.
    unsafe {
        let from = scratch.path.as_ptr().add(start as usize);
        helper::bpf_probe_read_kernel(scratch.end().cast(), len as u32, from.cast());
    }
    len
}
