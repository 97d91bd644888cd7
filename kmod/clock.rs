// SPDX-License-Identifier: GPL-2.0-only

//! Times.

use kernel::bindings;

/// Nanoseconds of `CLOCK_BOOTTIME`, from any context.
#[inline]
pub(crate) fn boot() -> u64 {
    // SAFETY: May be called from any context.
    unsafe { bindings::ktime_get_boot_fast_ns() }
}

/// Nanoseconds since the epoch of a moment of the boot-time clock.
pub(crate) fn epoch_of(boot: u64) -> u64 {
    // The distance of both clocks to the monotonic one, so that a moment has
    // the same name whenever it is asked for.
    // SAFETY: May be called outside of NMIs.
    let real = unsafe { bindings::ktime_mono_to_any(0, bindings::tk_offsets_TK_OFFS_REAL) };
    // SAFETY: As above.
    let since_boot = unsafe { bindings::ktime_mono_to_any(0, bindings::tk_offsets_TK_OFFS_BOOT) };
    boot.wrapping_add((real - since_boot) as u64)
}
