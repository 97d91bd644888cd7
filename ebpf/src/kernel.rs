// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Reading memory: the kernel's, with offsets that the loader found out, and the
//! program's.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::{ABSENT, At, OFFSETS as COUNT, constant};

/// Offsets by [`At`]. The loader writes them before the programs are verified, so
/// that the verifier knows each as a constant.
#[unsafe(no_mangle)]
static OFFSETS: [u32; COUNT] = [0; COUNT];

/// Numbers by [`constant`], likewise.
#[unsafe(no_mangle)]
static CONSTANTS: [u64; constant::LEN] = [0; constant::LEN];

/// Offset of a field.
#[inline(always)]
pub fn at(field: At) -> u64 {
    // SAFETY: Within the table. Volatile: it is written after compilation.
    u64::from(unsafe { OFFSETS.as_ptr().add(field as usize).read_volatile() })
}

/// Whether the kernel has the field.
#[inline(always)]
pub fn has(field: At) -> bool {
    at(field) != u64::from(ABSENT)
}

/// A constant of this load, by [`constant`].
#[inline(always)]
pub fn constant(index: usize) -> u64 {
    // SAFETY: The callers name constants of the table. Volatile as above.
    unsafe { CONSTANTS.as_ptr().add(index).read_volatile() }
}

/// A value in the kernel's memory; zeros where there is none.
#[inline(always)]
pub fn read<T: Copy>(address: u64) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: The helper writes as many bytes as there are, zeros after a fault, and
    // takes any address. `T` is a number or an array of such.
    unsafe {
        helper::bpf_probe_read_kernel(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        value.assume_init()
    }
}

/// A field of the structure at an address.
#[inline(always)]
pub fn field<T: Copy>(base: u64, field: At) -> T {
    read(base.wrapping_add(at(field)))
}

/// A pointer in the structure at an address.
#[inline(always)]
pub fn pointer(base: u64, to: At) -> u64 {
    field(base, to)
}

/// Whether this kernel has one field of a structure, a pointer, right before another.
#[inline(always)]
pub fn are_neighbours(first: At, second: At) -> bool {
    at(second) == at(first) + 8
}

/// Two pointers of a structure: in one access where they are side by side.
#[inline(always)]
pub fn two_pointers(base: u64, first: At, second: At) -> [u64; 2] {
    if are_neighbours(first, second) {
        field(base, first)
    } else {
        [pointer(base, first), pointer(base, second)]
    }
}

/// A few words of a structure, read in one access for the sake of several fields.
pub struct Window {
    base: u64,
    start: u64,
    words: [u64; WINDOW],
}

/// As much as the addresses and ports of a socket take, with their hash and its family.
const WINDOW: usize = 3;

impl Window {
    /// Those that begin with a field, or right before it.
    #[inline(always)]
    pub fn at(base: u64, first: At) -> Self {
        let start = at(first) & !7;
        Self {
            base,
            start,
            words: read(base.wrapping_add(start)),
        }
    }

    /// A field of the structure, whether it is among them on this kernel or not.
    #[inline(always)]
    pub fn field<T: Copy>(&self, field: At) -> T {
        let offset = at(field).wrapping_sub(self.start);
        if offset <= (8 * WINDOW - size_of::<T>()) as u64 {
            // SAFETY: Within the words, which are aligned as those of the structure are.
            unsafe {
                self.words
                    .as_ptr()
                    .byte_add(offset as usize)
                    .cast::<T>()
                    .read()
            }
        } else {
            self::field(self.base, field)
        }
    }
}

/// A value in the program's memory; `None` where there is none, or none that is in
/// memory now: nothing here can wait for a page.
#[inline(always)]
pub fn user<T: Copy>(address: u64) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: As for `read`.
    unsafe {
        let status = helper::bpf_probe_read_user(
            value.as_mut_ptr().cast(),
            size_of::<T>() as u32,
            address as *const _,
        );
        (status == 0).then(|| value.assume_init())
    }
}

/// The calling task.
#[inline(always)]
pub fn current() -> u64 {
    // SAFETY: Can be asked for anywhere.
    unsafe { helper::bpf_get_current_task() }
}

/// A pointer in the calling task, and one in what that points to, without a helper where
/// the verifier knows their types.
#[inline(always)]
pub fn current_pointers(first: At, second: At) -> u64 {
    if constant(constant::TYPED_TASK) == 0 {
        return pointer(pointer(current(), first), second);
    }
    // SAFETY: The verifier knows the types, and the offsets; a pointer to nothing reads as 0.
    unsafe {
        let task = helper::bpf_get_current_task_btf() as u64;
        let next = ((task + at(first)) as *const u64).read_volatile();
        ((next + at(second)) as *const u64).read_volatile()
    }
}

/// Not 0 if the running call is one of a 32-bit program. Asked twice, the verifier does
/// not know that the answer is the same, and what follows is checked once for both.
#[inline(always)]
pub fn compat_status() -> u64 {
    const TIF_32BIT: u64 = 1 << 22;
    if !has(At::ThreadStatus) {
        return field::<u64>(current(), At::ThreadFlags) & TIF_32BIT;
    }
    let status: u32 = if constant(constant::TYPED_TASK) != 0 {
        // SAFETY: The verifier knows the type of the task, and the offset.
        unsafe {
            let task = helper::bpf_get_current_task_btf() as u64;
            ((task + at(At::ThreadStatus)) as *const u32).read_volatile()
        }
    } else {
        field(current(), At::ThreadStatus)
    };
    u64::from(status) & crate::compat::STATUS
}

/// `value` with the bits of a mask, in a way that the compiler cannot see through:
/// it would find the mask unneeded and leave it out, and the verifier would not
/// follow its reasons.
#[inline(always)]
pub fn bounded<const MASK: i32>(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: Arithmetic on one register.
    unsafe {
        core::arch::asm!("{0} &= {1}", inout(reg) value, const MASK,
            options(pure, nomem, nostack));
    }
    value
}

/// `value` hidden from the compiler, for the same reason.
#[inline(always)]
pub fn opaque(value: u64) -> u64 {
    let mut value = value;
    // SAFETY: A register moved to itself.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) value, options(pure, nomem, nostack)) };
    value
}

/// Adds to a number that others add to as well. The language has no such thing for this
/// machine.
///
/// # Safety
///
/// The number is in a map or on the stack.
#[inline(always)]
pub unsafe fn atomic_add(to: *mut u64, more: u64) {
    // SAFETY: By contract.
    unsafe { core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) to, in(reg) more) };
}

/// The word at an address that need not be a multiple of 8: the compiler would read
/// eight bytes.
///
/// # Safety
///
/// The word is in a map.
#[inline(always)]
pub unsafe fn word(from: *const u8) -> u64 {
    let value;
    // SAFETY: By contract.
    unsafe {
        core::arch::asm!("{0} = *(u64 *)({1} + 0)", out(reg) value, in(reg) from,
            options(readonly, nostack));
    }
    value
}
