// SPDX-License-Identifier: GPL-2.0-only

//! Declarations of `shim.c`.

use kernel::bindings;
use kernel::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

/// Ends of an internet socket, addresses in network order, ports in the host's.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Ends {
    pub(crate) local_port: u16,
    pub(crate) remote_port: u16,
    pub(crate) local: [u8; 16],
    pub(crate) remote: [u8; 16],
}

// The kernel's own structures, with empty ones among them as C has them.
#[allow(improper_ctypes)]
unsafe extern "C" {
    pub(crate) safe fn falco_preempt_disable() -> c_uint;
    pub(crate) safe fn falco_tracepoint_synchronize();
    pub(crate) safe fn falco_compat_syscall() -> bool;
    pub(crate) safe fn falco_rename_begin() -> u32;
    pub(crate) safe fn falco_rename_retry(sequence: u32) -> bool;
    pub(crate) safe fn falco_tty() -> u32;
    pub(crate) safe fn falco_encode_dev(device: bindings::dev_t) -> u32;
    pub(crate) fn falco_preempt_enable();
    pub(crate) fn falco_tracepoint_is_faultable(tp: *mut bindings::tracepoint) -> bool;
    pub(crate) fn falco_map_pages(pages: *mut *mut bindings::page, count: c_uint) -> *mut c_void;
    pub(crate) fn falco_unmap_pages(start: *const c_void);
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn falco_syscall_number(regs: *mut bindings::pt_regs) -> c_int;
    pub(crate) fn falco_syscall_arguments(regs: *mut bindings::pt_regs, args: *mut c_ulong);
    pub(crate) fn falco_cwd(pwd: *mut bindings::path) -> bool;
    pub(crate) fn falco_file_path(file: *const bindings::file) -> *const bindings::path;
    pub(crate) fn falco_bprm_filename(bprm: *const bindings::linux_binprm) -> *const c_char;
    pub(crate) fn falco_mm_rss(mm: *mut bindings::mm_struct) -> c_ulong;
    pub(crate) fn falco_mm_swap(mm: *mut bindings::mm_struct) -> c_ulong;
    pub(crate) fn falco_path_below_root(path: *const bindings::path) -> *const bindings::dentry;
    pub(crate) fn falco_entry_name(entry: *const bindings::dentry, len: *mut u32) -> *const u64;
    pub(crate) fn falco_entry_parent(entry: *const bindings::dentry) -> *const bindings::dentry;
    pub(crate) fn falco_overlay_layer(file: *const bindings::file) -> c_int;
    pub(crate) fn falco_copy_from_user(to: *mut u8, from: usize, len: usize) -> usize;
    pub(crate) fn falco_string_from_user(to: *mut u8, from: usize, room: usize) -> isize;
    pub(crate) fn falco_socket_of(file: *mut bindings::file) -> *mut bindings::socket;
    pub(crate) fn falco_inet_ends(sock: *const bindings::socket, ends: *mut Ends) -> u16;
    pub(crate) fn falco_accept_queue(sock: *const bindings::socket, len: *mut u32, max: *mut u32);
    pub(crate) fn falco_socket_protocol(sock: *const bindings::socket) -> u16;
    pub(crate) fn falco_socket_connected(sock: *const bindings::socket) -> bool;
    pub(crate) fn falco_inode_ctime(inode: *const bindings::inode) -> u64;
    pub(crate) fn falco_inode_mtime(inode: *const bindings::inode) -> u64;
    pub(crate) fn falco_file_writable(file: *mut bindings::file) -> bool;
    pub(crate) fn falco_file_is_memfd(file: *const bindings::file) -> bool;
    pub(crate) fn falco_signal_sender(info: *const bindings::kernel_siginfo) -> c_int;
    pub(crate) fn falco_instruction_pointer(regs: *mut bindings::pt_regs) -> usize;
    pub(crate) fn falco_is_subreaper(task: *const bindings::task_struct) -> bool;
}
