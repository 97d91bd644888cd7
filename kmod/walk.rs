// SPDX-License-Identifier: GPL-2.0-only

//! Paths of files on the file system that is the task's root, which most files
//! are on: from name to name up to the root, at a third of what `d_path` costs.
//! Whatever is out of the ordinary is left to `d_path`.

use core::mem::MaybeUninit;

use kernel::bindings;
use kernel::sync::rcu;

use crate::shim;

/// Most names of a path.
const DEPTH: usize = 24;
/// Room for a name within its entry, in bytes: longer ones are elsewhere, and
/// may be freed and shorter when we get there.
const INLINE: usize = 40;

/// Writes the path to the start of `to` and returns its length, if it is an
/// ordinary one.
///
/// # Safety
///
/// `path` is valid and counted.
pub(crate) unsafe fn path(path: *const bindings::path, to: &mut [u8]) -> Option<usize> {
    let _rcu = rcu::read_lock();
    let before = shim::falco_rename_begin();
    // SAFETY: The caller vouches for the path; RCU is held.
    let mut entry = unsafe { shim::falco_path_below_root(path) };
    if entry.is_null() {
        return None;
    }
    let mut names = [const { MaybeUninit::<(*const u64, usize)>::uninit() }; DEPTH];
    let mut depth = 0;
    let mut whole = 0;
    loop {
        let mut len = 0;
        // SAFETY: RCU keeps the entry and its parents.
        let name = unsafe { shim::falco_entry_name(entry, &mut len) };
        if name.is_null() {
            break;
        }
        let len = len as usize;
        if len > INLINE || len == 0 {
            return None;
        }
        names.get_mut(depth)?.write((name, len));
        depth += 1;
        whole += len + 1;
        // SAFETY: As above.
        entry = unsafe { shim::falco_entry_parent(entry) };
        if entry.is_null() {
            break;
        }
    }
    // A word more, since names are copied by words.
    if whole + 8 > to.len() {
        return None;
    }
    let mut at = 0;
    for name in names[..depth].iter().rev() {
        // SAFETY: The first `depth` were written above.
        let (name, len) = unsafe { name.assume_init() };
        to[at] = b'/';
        at += 1;
        let mut word = name;
        let mut copied = 0;
        while copied < len {
            // SAFETY: The entry has `INLINE` bytes for names, aligned, and RCU
            // keeps it. If somebody writes to them we will notice below.
            let bytes = unsafe { word.read_volatile() }.to_ne_bytes();
            to[at + copied..at + copied + 8].copy_from_slice(&bytes);
            // SAFETY: At most the end of the name's room.
            word = unsafe { word.add(1) };
            copied += 8;
        }
        at += len;
    }
    if shim::falco_rename_retry(before) {
        return None;
    }
    Some(if depth == 0 {
        to[0] = b'/';
        1
    } else {
        whole
    })
}
