// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Open files and their paths.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::At;
use falco_abi::flags::{exec, open};

use crate::kernel::{
    Window, are_neighbours, at, bounded, current, current_pointers, field, pointer, read,
    two_pointers, word,
};
use crate::record::{PATH_MAX, Scratch, WITHIN};

/// Most names of a path, mounts included.
const DEPTH: u32 = 48;
/// Longest name.
const NAME_MAX: i32 = 255;
/// The call that opened the file made it.
const FMODE_CREATED: u32 = 1 << 20;
/// File systems without a tree, by their magic number.
const PIPEFS: u64 = 0x5049_5045;
const SOCKFS: u64 = 0x534F_434B;
const NSFS: u64 = 0x6E73_6673;
const ANON_INODE_FS: u64 = 0x0904_1934;
const OVERLAYFS: u64 = 0x794C_7630;

/// The file behind a descriptor of the calling task, or 0.
#[inline(always)]
pub fn of_descriptor(fd: i32) -> u64 {
    if fd < 0 {
        return 0;
    }
    let table = Window::at(
        current_pointers(At::TaskFiles, At::FilesTable),
        At::TableMax,
    );
    if fd as u32 >= table.field::<u32>(At::TableMax) {
        return 0;
    }
    let files: u64 = table.field(At::TableFiles);
    read(files.wrapping_add(8 * fd as u64))
}

/// The inode of a file.
#[inline(always)]
pub fn inode(file: u64) -> u64 {
    pointer(file, At::FileInode)
}

/// The inode of a file, and what it is for its file system, or 0 where that takes another
/// access.
#[inline(always)]
pub fn inode_and_private(file: u64) -> [u64; 2] {
    if are_neighbours(At::FilePrivate, At::FileInode) {
        let [private, inode] = field(file, At::FilePrivate);
        [inode, private]
    } else {
        [inode(file), 0]
    }
}

/// The bits of an inode's mode that say what it is, shifted down; 0 for none.
#[inline(always)]
pub fn kind(inode: u64) -> u64 {
    u64::from(field::<u16>(inode, At::InodeMode) >> 12)
}

/// Number of an inode.
#[inline(always)]
pub fn ino(inode: u64) -> u64 {
    field(inode, At::InodeNumber)
}

/// Device of an inode's file system, as `stat` encodes it.
#[inline(always)]
pub fn dev(inode: u64) -> u64 {
    encode_dev(field(pointer(inode, At::InodeSuper), At::SuperDevice))
}

/// A device number as `stat` encodes it.
#[inline(always)]
pub fn encode_dev(device: u32) -> u64 {
    let (major, minor) = (device >> 20, device & 0xF_FFFF);
    u64::from(minor & 0xFF | major << 8 | (minor & !0xFF) << 12)
}

#[inline(always)]
fn magic(inode: u64) -> u64 {
    field(pointer(inode, At::InodeSuper), At::SuperMagic)
}

/// Where in an overlay a file is, by its inode: 1 above, 2 below, 0 elsewhere.
#[inline(always)]
pub fn layer(inode: u64) -> u64 {
    if magic(inode) != OVERLAYFS || field::<u16>(inode, At::InodeMode) >> 12 != 8 {
        return 0;
    }
    // The overlay's own inode has the entry above right behind the part that all
    // inodes have.
    if read::<u64>(inode.wrapping_add(at(At::InodeSize))) != 0 {
        1
    } else {
        2
    }
}

/// The kernel's flags that a file was opened with, as `fcntl` may have changed them since.
#[inline(always)]
pub fn flags(file: u64) -> u32 {
    field(file, At::FileFlags)
}

/// What opening a file, with this inode, adds to its flags.
#[inline(always)]
pub fn open_flags(file: u64, inode: u64) -> u32 {
    let made = field::<u32>(file, At::FileMode) & FMODE_CREATED != 0;
    let made = if made { open::F_CREATED } else { 0 };
    made | match layer(inode) {
        1 => open::FD_UPPER_LAYER,
        2 => open::FD_LOWER_LAYER,
        _ => 0,
    }
}

/// Nanoseconds since the epoch of two fields of an inode.
#[inline(always)]
pub fn time(file: u64, seconds: At, rest: At) -> u64 {
    let inode = inode(file);
    let seconds: u64 = field(inode, seconds);
    // Since 6.13 the highest bit says that somebody has asked for the time.
    let rest = field::<u32>(inode, rest) & 0x7FFF_FFFF;
    seconds
        .wrapping_mul(1_000_000_000)
        .wrapping_add(u64::from(rest))
}

/// [`exec`] flags of an executable.
#[inline(always)]
pub fn exec_flags(file: u64) -> u32 {
    let inode = inode(file);
    let mut flags = 0;
    if is_writable(inode) {
        flags |= exec::WRITABLE;
    }
    let entry = pointer(file.wrapping_add(at(At::FilePath)), At::PathEntry);
    let name: [u64; 2] = field(entry, At::EntryName);
    if pointer(entry, At::EntryParent) == entry && read::<[u8; 6]>(name[1]) == *b"memfd:" {
        flags |= exec::FROM_MEMFD;
    }
    flags
        | match layer(inode) {
            1 => exec::UPPER_LAYER,
            2 => exec::LOWER_LAYER,
            _ => 0,
        }
}

/// Capabilities that let a task write to what is not its own, or make it writable.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;
const CAP_FOWNER: u64 = 1 << 3;
/// Flag of a file system that is read-only.
const SB_RDONLY: u64 = 1;

/// Whether the calling task may write to a file, or allow itself to. Access control
/// lists, supplementary groups and mapped mounts are not looked at.
#[inline(always)]
fn is_writable(inode: u64) -> bool {
    let cred = pointer(current(), At::TaskCred);
    let capabilities: u64 = field(cred, At::CredEffective);
    let owner: u32 = field(inode, At::InodeUid);
    if owner == field::<u32>(cred, At::CredFsuid) || capabilities & CAP_FOWNER != 0 {
        return true;
    }
    let flags: u64 = field(pointer(inode, At::InodeSuper), At::SuperFlags);
    if flags & SB_RDONLY != 0 {
        return false;
    }
    if capabilities & CAP_DAC_OVERRIDE != 0 {
        return true;
    }
    let mode: u16 = field(inode, At::InodeMode);
    let group: u32 = field(inode, At::InodeGid);
    if group == field::<u32>(cred, At::CredFsgid) {
        mode & 0o020 != 0
    } else {
        mode & 0o002 != 0
    }
}

/// Writes the path of a file; see [`text`].
#[inline(always)]
pub fn path(scratch: &mut Scratch, file: u64) -> u64 {
    text(scratch, file.wrapping_add(at(At::FilePath)))
}

/// Writes the calling task's working directory; see [`text`].
#[inline(always)]
pub fn working_directory(scratch: &mut Scratch) -> u64 {
    let fs = pointer(current(), At::TaskFs);
    text(scratch, fs.wrapping_add(at(At::FsPwd)))
}

/// Puts bytes before what was written so far.
#[inline(always)]
pub fn prepend<const N: usize>(scratch: &mut Scratch, text: &[u8; N]) {
    let start = bounded::<0xFFF>(scratch.start.wrapping_sub(N as u64));
    // SAFETY: `path` has room for a name behind `PATH_MAX`.
    unsafe {
        scratch
            .path
            .as_mut_ptr()
            .add(start as usize)
            .cast::<[u8; N]>()
            .write_unaligned(*text);
    }
    scratch.start = start;
}

/// Puts a name, with its length in the upper half of the first word, before what was
/// written so far; whether it fits.
#[inline(always)]
pub fn prepend_name(scratch: &mut Scratch, name: [u64; 2], slash: bool) -> bool {
    let len = bounded::<NAME_MAX>(name[0] >> 32);
    let whole = len + u64::from(slash);
    let end = scratch.start;
    if end < whole {
        return false;
    }
    let start = bounded::<0xFFF>(end - whole);
    // SAFETY: A position before `PATH_MAX` and a name of at most 255 bytes.
    unsafe {
        let to = scratch.path.as_mut_ptr().add(start as usize);
        if slash {
            *to = b'/';
        }
        helper::bpf_probe_read_kernel(
            to.add(usize::from(slash)).cast(),
            len as u32,
            name[1] as *const _,
        );
    }
    scratch.start = start;
    true
}

/// The same with a name whose length is not known, as far as 255 bytes.
#[inline(always)]
pub fn prepend_text(scratch: &mut Scratch, name: u64, slash: bool) -> bool {
    // SAFETY: `path` has room for a name behind `PATH_MAX`, where it is left.
    let n = unsafe {
        let room = scratch.path.as_mut_ptr().add(PATH_MAX);
        helper::bpf_probe_read_kernel_str(room.cast(), 256, name as *const _)
    };
    n > 0 && prepend_name(scratch, [(n as u64 - 1) << 32, name], slash)
}

/// Puts `[number]` before what was written so far.
#[inline(always)]
fn prepend_number(scratch: &mut Scratch, number: u64) {
    prepend(scratch, b"]");
    let mut rest = number;
    for _ in 0..20 {
        prepend(scratch, &[b'0' + (rest % 10) as u8]);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    prepend(scratch, b"[");
}

/// The name of what is in no tree, as the kernel makes it up.
#[inline(always)]
fn made_up(scratch: &mut Scratch, entry: u64, name: [u64; 2]) {
    let inode = pointer(entry, At::EntryInode);
    match magic(inode) {
        PIPEFS => {
            prepend_number(scratch, field(inode, At::InodeNumber));
            prepend(scratch, b"pipe:");
        }
        SOCKFS => {
            prepend_number(scratch, field(inode, At::InodeNumber));
            prepend(scratch, b"socket:");
        }
        NSFS => {
            let operations = pointer(pointer(inode, At::InodePrivate), At::SpaceOperations);
            prepend_number(scratch, field(inode, At::InodeNumber));
            prepend(scratch, b":");
            prepend_text(scratch, field(operations, At::SpaceName), false);
        }
        ANON_INODE_FS => {
            prepend_name(scratch, name, false);
            prepend(scratch, b"anon_inode:");
        }
        _ => {
            prepend(scratch, b" (deleted)");
            prepend_name(scratch, name, true);
        }
    }
}

/// Whether an entry of a directory is no longer there, with its parent and name, in one
/// access where that can be.
#[inline(always)]
fn whole_entry(entry: u64) -> (bool, u64, [u64; 2]) {
    if are_neighbours(At::EntryHashed, At::EntryParent)
        && are_neighbours(At::EntryParent, At::EntryName)
    {
        let [hashed, parent, len, name] = field::<[u64; 4]>(entry, At::EntryHashed);
        (hashed == 0, parent, [len, name])
    } else {
        let (parent, name) = parent_and_name(entry);
        (pointer(entry, At::EntryHashed) == 0, parent, name)
    }
}

/// Parent and name of an entry of a directory, in one access where that can be. The name
/// has its length in the upper half of the first word.
#[inline(always)]
fn parent_and_name(entry: u64) -> (u64, [u64; 2]) {
    if are_neighbours(At::EntryParent, At::EntryName) {
        let [parent, len, name] = field(entry, At::EntryParent);
        (parent, [len, name])
    } else {
        (pointer(entry, At::EntryParent), field(entry, At::EntryName))
    }
}

/// Writes the text of a path (a `struct path` in the kernel's memory) to the end of
/// `scratch.path`, from its last name to its first, as far as the task's root. 0 when
/// it is too long.
#[inline(never)]
pub fn text(scratch: &mut Scratch, path: u64) -> u64 {
    let root = pointer(current(), At::TaskFs).wrapping_add(at(At::FsRoot));
    let [root_mount, root_entry] = two_pointers(root, At::PathMount, At::PathEntry);
    let [mut mount, mut entry] = two_pointers(path, At::PathMount, At::PathEntry);
    scratch.start = PATH_MAX as u64;
    let mut top = pointer(mount, At::VfsRoot);
    let (is_gone, mut parent, mut name) = whole_entry(entry);
    if parent == entry && entry != top {
        made_up(scratch, entry, name);
        return 1;
    }
    if parent != entry && is_gone {
        prepend(scratch, b" (deleted)");
    }
    for _ in 0..DEPTH {
        if entry == root_entry && mount == root_mount {
            return finish(scratch);
        }
        if entry == top || entry == parent {
            let here = mount.wrapping_sub(at(At::MountVfs));
            let [above, point] = two_pointers(here, At::MountParent, At::MountPoint);
            if above == here || entry != top {
                return finish(scratch);
            }
            entry = point;
            mount = above.wrapping_add(at(At::MountVfs));
            top = pointer(mount, At::VfsRoot);
        } else {
            if !prepend_name(scratch, name, true) {
                return 0;
            }
            entry = parent;
        }
        (parent, name) = parent_and_name(entry);
    }
    0
}

/// The root itself has no name.
#[inline(always)]
fn finish(scratch: &mut Scratch) -> u64 {
    if scratch.start == PATH_MAX as u64 {
        prepend(scratch, b"/");
    }
    1
}

/// Whether the path that was written is the same as a text of the record.
#[inline(never)]
pub fn is_text(scratch: &mut Scratch, at: u64, len: u64) -> u64 {
    let start = scratch.start;
    if len != (PATH_MAX as u64).wrapping_sub(start) {
        return 0;
    }
    let differ = |i: u64| {
        let known = bounded::<0xFFF>(start.wrapping_add(i)) as usize;
        let given = bounded::<WITHIN>(at.wrapping_add(i)) as usize;
        // SAFETY: Positions in both buffers, which have room for a word behind them.
        unsafe { word(scratch.path.as_ptr().add(known)) ^ word(scratch.bytes.as_ptr().add(given)) }
    };
    if len < 8 {
        // The first bytes are the lower ones.
        return u64::from(len == 0 || differ(0) << bounded::<63>(64 - 8 * len) == 0);
    }
    for i in 0..PATH_MAX as u64 / 8 {
        if 8 * i + 8 > len {
            break;
        }
        if differ(8 * i) != 0 {
            return 0;
        }
    }
    u64::from(differ(len - 8) == 0)
}
