// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Root of the files that both halves compile.

/// The atomics of the ring: the processor's own, or in a test those of a model.
mod atomic {
    pub(super) use core::sync::atomic::{fence, AtomicU64, Ordering};
}

pub mod control;
pub mod event;
pub mod flags;
pub mod ia32;
pub mod layout;
pub mod record;
pub mod ring;
pub mod syscall;

/// Version of everything in this directory. Raise it with every change that an
/// old reader or writer would misunderstand; [`layout::DIGEST`] catches those
/// that were forgotten.
pub const ABI_VERSION: u32 = 1;
