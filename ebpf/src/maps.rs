// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What programs and reader share.

use aya_ebpf::btf_maps::{Array, ArrayOfMaps, PerCpuArray, ProgramArray, RingBuf};
use aya_ebpf::macros::btf_map;
use falco_abi::ebpf::{self as table, counter, setting};
use falco_abi::syscall::SYSCALL_MAX;

use crate::record::Scratch;

/// One ring for each CPU, or the same for several. The loader sets how many there
/// are; the size is that of the rings that it makes.
#[btf_map]
pub static RINGS: ArrayOfMaps<RingBuf<u64, { 8 << 20 }>, 1> = ArrayOfMaps::new();

/// Buffers in which records are put together, `SCRATCH_DEPTH` for each CPU.
#[btf_map]
pub static SCRATCH: Array<Scratch, 1> = Array::new();

/// By number of the call: 0, or one more than its program where the call is of interest,
/// which has the number of its event, or that and [`table::BARE`];
/// then the same for the call that this number is in a 32-bit program, see
/// [`table::foreign`].
#[btf_map]
pub static INTEREST: Array<[u32; 2], { SYSCALL_MAX }> = Array::new();

/// The programs of [`INTEREST`]'s events, then those of more messages.
#[btf_map]
pub static PROGRAMS: ProgramArray<{ table::PROGRAMS }> = ProgramArray::new();

/// One element: what can change while programs run.
#[btf_map]
pub static SETTINGS: Array<[u64; setting::LEN], 1> = Array::new();

/// The kernel's `BPF_F_MMAPABLE`.
const MAPPED: usize = 1 << 10;

/// Not 0: the reader, which has it mapped, sleeps or is about to.
#[btf_map]
pub static WAITING: Array<u64, 1, MAPPED> = Array::new();

/// Records and losses, by [`counter`].
#[btf_map]
pub static COUNTERS: PerCpuArray<[u64; counter::LEN], 1> = PerCpuArray::new();

/// Process or control group and second in the first word, records in the second.
#[btf_map]
pub static THROTTLE: Array<[u64; 2], 1024> = Array::new();

/// A setting by [`setting`].
#[inline(always)]
pub fn setting(index: usize) -> u64 {
    SETTINGS.get(0).map_or(0, |settings| settings[index])
}

/// Changes a setting.
#[inline(always)]
pub fn set(index: usize, value: u64) {
    if let Some(settings) = SETTINGS.get_ptr_mut(0) {
        // SAFETY: An element of the map.
        unsafe { (*settings)[index] = value };
    }
}
