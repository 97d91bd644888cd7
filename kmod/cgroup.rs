// SPDX-License-Identifier: GPL-2.0-only

//! Control groups of a task.

use core::ffi::CStr;
use core::ptr;

use kernel::bindings;
use kernel::sync::rcu;

use crate::record::Filled;
use crate::task::Task;

/// The number of a task's group in the unified hierarchy.
pub(crate) fn id(task: Task) -> u64 {
    let _rcu = rcu::read_lock();
    // SAFETY: The task is valid; RCU keeps the set it points to.
    let set = unsafe { ptr::read_volatile(&raw const (*task.as_ptr()).cgroups) };
    // SAFETY: A task always has a set, a set its group, and a group its node.
    unsafe { (*(*(*set).dfl_cgrp).kn).id }
}

/// Writes `controller=path`, NUL-separated: first the unified hierarchy under
/// the name `unified`, then every controller that is on a hierarchy of its own.
///
/// # Safety
///
/// `task` is valid.
pub(crate) unsafe fn paths(task: *mut bindings::task_struct, to: &mut [u8]) -> Filled {
    let _rcu = rcu::read_lock();
    // SAFETY: The caller vouches for the task; RCU keeps the set it points to.
    let set = unsafe { ptr::read_volatile(&raw const (*task).cgroups) };
    // SAFETY: A task always has a set, and a set its group of the unified hierarchy.
    let unified = unsafe { (*set).dfl_cgrp };
    let mut writer = Writer { to, len: 0 };
    // SAFETY: The set holds a reference to the group.
    let mut whole = unsafe { writer.entry(c"unified", unified) };
    // SAFETY: As above.
    let states = unsafe { &(*set).subsys };
    for &state in states {
        if state.is_null() {
            continue;
        }
        // SAFETY: The set holds references to its states, they to their groups.
        let (group, controller) = unsafe { ((*state).cgroup, (*state).ss) };
        // SAFETY: As above; groups of the same hierarchy share the root.
        if group.is_null() || unsafe { (*group).root == (*unified).root } {
            continue;
        }
        // SAFETY: A controller's name is a string constant of the kernel.
        let name = unsafe { CStr::from_ptr((*controller).name.cast()) };
        // SAFETY: The set holds a reference to the group.
        whole &= unsafe { writer.entry(name, group) };
    }
    if whole {
        Filled::Whole(writer.len)
    } else {
        Filled::Cut(writer.len)
    }
}

struct Writer<'a> {
    to: &'a mut [u8],
    len: usize,
}

impl Writer<'_> {
    /// Adds one entry if it fits whole.
    ///
    /// # Safety
    ///
    /// `group` is valid.
    unsafe fn entry(&mut self, name: &CStr, group: *mut bindings::cgroup) -> bool {
        let name = name.to_bytes();
        let free = &mut self.to[self.len..];
        let path_at = name.len() + 1;
        if free.len() <= path_at {
            return false;
        }
        free[..name.len()].copy_from_slice(name);
        free[name.len()] = b'=';
        let room = free.len() - path_at;
        // SAFETY: A group's node lives as long as the group; the buffer has `room` bytes.
        let len = unsafe {
            bindings::kernfs_path_from_node(
                (*group).kn,
                ptr::null_mut(),
                free[path_at..].as_mut_ptr().cast(),
                room,
            )
        };
        match usize::try_from(len) {
            // With its NUL, which separates the entries.
            Ok(len) if len < room => {
                self.len += path_at + len + 1;
                true
            }
            _ => false,
        }
    }
}
