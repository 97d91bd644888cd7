// SPDX-License-Identifier: GPL-2.0-only

//! Registering probes on the kernel's tracepoints.

use core::ffi::CStr;
use core::ptr;

use kernel::bindings;
use kernel::error::to_result;
use kernel::ffi::c_void;
use kernel::prelude::*;

use crate::shim;

struct Search<'a> {
    name: &'a CStr,
    found: *mut bindings::tracepoint,
}

/// # Safety
///
/// Called by `for_each_kernel_tracepoint` alone, with a [`Search`] as `data`.
unsafe extern "C" fn compare(tp: *mut bindings::tracepoint, data: *mut c_void) {
    // SAFETY: `find` passes its exclusively borrowed `Search`.
    let search = unsafe { &mut *data.cast::<Search<'_>>() };
    // SAFETY: A tracepoint's name is a string constant of the kernel.
    let name = unsafe { CStr::from_ptr((*tp).name.cast()) };
    if name == search.name {
        search.found = tp;
    }
}

/// The kernel exports no symbol for the tracepoints we need, but lists them all.
fn find(name: &CStr) -> Result<*mut bindings::tracepoint> {
    let mut search = Search {
        name,
        found: ptr::null_mut(),
    };
    // SAFETY: `compare` gets the pointer to `search` as it expects, during this call.
    unsafe { bindings::for_each_kernel_tracepoint(Some(compare), (&raw mut search).cast()) };
    if search.found.is_null() {
        pr_err!("this kernel has no tracepoint {:?}\n", name);
        return Err(ENOENT);
    }
    Ok(search.found)
}

/// A probe on a tracepoint, unregistered when dropped.
///
/// Whoever drops it calls [`synchronize`] before anything that the probe uses goes.
pub(crate) struct Probe {
    tracepoint: *mut bindings::tracepoint,
    function: *mut c_void,
    data: *mut c_void,
}

// SAFETY: The pointers are only handed back to the kernel, which locks.
unsafe impl Send for Probe {}

impl Probe {
    /// Registers `function` on the tracepoint called `name`.
    ///
    /// With `faultable`, only where the kernel calls it with preemption on, so
    /// that it may read user memory that has to be paged in.
    ///
    /// # Safety
    ///
    /// `function` has the signature that the tracepoint calls, with `data` as
    /// its first argument, and `data` stays valid until after a [`synchronize`]
    /// that follows the drop of the result.
    pub(crate) unsafe fn register(
        name: &CStr,
        faultable: bool,
        function: *mut c_void,
        data: *mut c_void,
    ) -> Result<Self> {
        let tracepoint = find(name)?;
        // SAFETY: Tracepoints of the kernel itself are never freed.
        if faultable && !unsafe { shim::falco_tracepoint_is_faultable(tracepoint) } {
            pr_err!(
                "the tracepoint {:?} may not fault; the kernel is too old\n",
                name
            );
            return Err(ENOTSUPP);
        }
        // SAFETY: The caller vouches for `function` and `data`.
        to_result(unsafe { bindings::tracepoint_probe_register(tracepoint, function, data) })?;
        Ok(Self {
            tracepoint,
            function,
            data,
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        // SAFETY: Registered with the same three in `register`.
        let status = unsafe {
            bindings::tracepoint_probe_unregister(self.tracepoint, self.function, self.data)
        };
        if status != 0 {
            pr_err!("a probe could not be unregistered: {}\n", status);
        }
    }
}

/// Waits until no unregistered probe runs any more. Sleeps.
pub(crate) fn synchronize() {
    shim::falco_tracepoint_synchronize();
}
