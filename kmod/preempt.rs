// SPDX-License-Identifier: GPL-2.0-only

//! Staying on one CPU.

use core::marker::PhantomData;

use crate::shim;

/// Preemption is off while this lives: the task stays on its CPU and no other
/// task's hook can run there.
pub(crate) struct Guard {
    cpu: usize,
    _task: PhantomData<*mut ()>,
}

impl Guard {
    /// Turns preemption off. Nothing may sleep until the guard is dropped.
    #[inline]
    pub(crate) fn new() -> Self {
        Self {
            cpu: shim::falco_preempt_disable() as usize,
            _task: PhantomData,
        }
    }

    /// Number of the CPU.
    #[inline]
    pub(crate) fn cpu(&self) -> usize {
        self.cpu
    }
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `new` turned preemption off on this very task.
        unsafe { shim::falco_preempt_enable() }
    }
}
