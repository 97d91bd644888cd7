// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Control groups of a task.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::At;

use crate::file::{prepend, prepend_text};
use crate::kernel::{at, field, pointer, read};
use crate::record::{PATH_MAX, Scratch};

/// Most controllers of a kernel.
const CONTROLLERS: u64 = 16;
/// Most groups above each other.
const DEPTH: u32 = 24;

/// Writes `controller=path`, NUL-separated: first the unified hierarchy under the name
/// `unified`, then every controller that is on a hierarchy of its own. 0 when
/// something did not fit.
#[inline(never)]
pub fn paths(scratch: &mut Scratch, task: u64) -> u64 {
    let set = pointer(task, At::TaskCgroups);
    let unified = pointer(set, At::SetUnified);
    scratch.push_from(b"unified");
    let mut whole = entry(scratch, unified);
    let root = pointer(unified, At::GroupRoot);
    let states = set.wrapping_add(at(At::SetStates));
    let count = at(At::SetStatesEnd).wrapping_sub(at(At::SetStates)) / 8;
    for i in 0..CONTROLLERS {
        if i >= count {
            break;
        }
        let state: u64 = read(states.wrapping_add(8 * i));
        if state == 0 {
            continue;
        }
        let group = pointer(state, At::StateGroup);
        if group == 0 || pointer(group, At::GroupRoot) == root {
            continue;
        }
        if scratch.is_full() {
            return 0;
        }
        let name = pointer(pointer(state, At::StateController), At::ControllerName);
        // SAFETY: Room for 16 bytes, see `end`.
        let len = unsafe {
            helper::bpf_probe_read_kernel_str(scratch.end().cast(), 16, name as *const _)
        };
        if len > 0 {
            scratch.len += len as u64 - 1;
        }
        whole &= entry(scratch, group);
    }
    whole
}

/// Adds `=`, the path of a group and a NUL.
#[inline(never)]
fn entry(scratch: &mut Scratch, group: u64) -> u64 {
    scratch.start = PATH_MAX as u64;
    let mut node = pointer(group, At::GroupNode);
    let mut whole = 0;
    for _ in 0..DEPTH {
        let parent = pointer(node, At::NodeParent);
        if parent == 0 {
            whole = 1;
            break;
        }
        let name: u64 = field(node, At::NodeName);
        if !prepend_text(scratch, name, true) {
            break;
        }
        node = parent;
    }
    if scratch.start == PATH_MAX as u64 {
        prepend(scratch, b"/");
    }
    scratch.push(b'=');
    if !scratch.is_full() {
        scratch.len += crate::record::copy_path(scratch);
    }
    scratch.push(0);
    whole
}
