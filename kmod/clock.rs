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
    // SAFETY: May be called outside of NMIs.
    let now = unsafe { bindings::ktime_get_real() };
    // SAFETY: As above.
    let since_boot = unsafe { bindings::ktime_get_boottime() };
    boot.wrapping_add((now - since_boot) as u64)
}
