// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Facts about tasks.

use aya_ebpf::helpers::generated as helper;
use falco_abi::control;
use falco_abi::ebpf::{At, constant, setting};
use falco_abi::event::Fact;
use falco_abi::record::flag;

use crate::cgroup;
use crate::file;
use crate::kernel::{
    at, bounded, constant as fixed, current, field, has, opaque, pointer, read, user,
};
use crate::maps;
use crate::record::{self, FAULT, Scratch};

/// Most ancestors that are looked at.
const ANCESTORS: u32 = 32;
/// The kernel's `PF_KTHREAD` tasks and those that end have no memory.
const PAGE_TO_KIB: u64 = 10;

/// Which id of a task.
#[derive(Clone, Copy)]
pub enum Id {
    Thread,
    Process,
    Group,
    Session,
}

/// Thread id in the initial pid namespace.
#[inline(always)]
pub fn tid(task: u64) -> u32 {
    field(task, At::TaskPid)
}

/// Process id in the initial pid namespace.
#[inline(always)]
pub fn pid(task: u64) -> u32 {
    field(task, At::TaskTgid)
}

/// Process id of the parent.
#[inline(always)]
pub fn ppid(task: u64) -> u64 {
    u64::from(pid(pointer(task, At::TaskParent)))
}

/// Whether a task has memory of its own, that is, is no kernel thread.
#[inline(always)]
pub fn has_memory(task: u64) -> bool {
    pointer(task, At::TaskMm) != 0
}

/// The `struct pid` of one of a task's ids.
#[inline(always)]
fn pid_of(task: u64, id: Id) -> u64 {
    let signal = |at| pointer(pointer(task, At::TaskSignal), at);
    match id {
        Id::Thread => pointer(task, At::TaskThreadPid),
        Id::Process => signal(At::SignalTgid),
        Id::Group => signal(At::SignalPgid),
        Id::Session => signal(At::SignalSid),
    }
}

/// Number and namespace of a `struct pid` at a level.
#[inline(always)]
fn upid(pid: u64, level: u32) -> u64 {
    pid.wrapping_add(at(At::PidNumbers))
        .wrapping_add(u64::from(level & 0x1F) * at(At::UpidSize))
}

/// The task's pid namespace, or 0 when it has lost it.
#[inline(always)]
pub fn namespace(task: u64) -> u64 {
    let pid = pid_of(task, Id::Thread);
    if pid == 0 {
        return 0;
    }
    pointer(upid(pid, field(pid, At::PidLevel)), At::UpidNs)
}

/// Whether its pid namespace is the initial one, which alone is on no other.
#[inline(always)]
pub fn in_initial_namespace(task: u64) -> bool {
    field::<u32>(pid_of(task, Id::Thread), At::PidLevel) == 0
}

/// An id as the task's own pid namespace counts.
#[inline(always)]
pub fn namespaced(task: u64, id: Id) -> u64 {
    let own = pid_of(task, Id::Thread);
    let pid = pid_of(task, id);
    if own == 0 || pid == 0 {
        return 0;
    }
    let level = field::<u32>(own, At::PidLevel);
    if level > field::<u32>(pid, At::PidLevel) {
        return 0;
    }
    let (own, entry) = (upid(own, level), upid(pid, level));
    if pointer(own, At::UpidNs) != pointer(entry, At::UpidNs) {
        return 0;
    }
    i64::from(field::<i32>(entry, At::UpidNr)) as u64
}

/// Process group in the initial pid namespace.
#[inline(always)]
fn pgid(task: u64) -> u64 {
    let pid = pid_of(task, Id::Group);
    if pid == 0 {
        return 0;
    }
    u64::from(field::<u32>(upid(pid, 0), At::UpidNr))
}

/// Inode of its pid namespace, 0 when it has lost it.
#[inline(always)]
pub fn pidns(task: u64) -> u64 {
    match namespace(task) {
        0 => 0,
        namespace => u64::from(field::<u32>(namespace, At::NamespaceInum)),
    }
}

/// When it was made, since the epoch.
#[inline(always)]
pub fn start(task: u64) -> u64 {
    field::<u64>(task, At::TaskStart).wrapping_add(maps::setting(setting::EPOCH))
}

/// Writes the name.
#[inline(always)]
pub fn put_comm(scratch: &mut Scratch, slot: usize, task: u64) {
    if scratch.is_full() {
        return;
    }
    let from = task.wrapping_add(at(At::TaskComm));
    // SAFETY: Room for 16 bytes, see `end`.
    let n =
        unsafe { helper::bpf_probe_read_kernel_str(scratch.end().cast(), 16, from as *const _) };
    if n > 0 {
        scratch.append(slot, n as u64 - 1, false);
    }
}

/// Who gets its children: 0 when it has none, or when it is a thread whose process
/// goes on and keeps them.
#[inline(always)]
pub fn reaper(task: u64) -> u64 {
    let children = task.wrapping_add(at(At::TaskChildren));
    let signal = pointer(task, At::TaskSignal);
    // `live` was already counted down for this thread.
    if read::<u64>(children) == children || field::<i32>(signal, At::SignalLive) > 0 {
        return 0;
    }
    let namespace = namespace(task);
    let mut ancestor = pointer(task, At::TaskParent);
    for _ in 0..ANCESTORS {
        let pid = pid(ancestor);
        if pid <= 1 || self::namespace(ancestor) != namespace {
            break;
        }
        let bit = at(At::SignalSubreaperBit);
        let byte: u8 = read(pointer(ancestor, At::TaskSignal).wrapping_add(bit / 8));
        if byte >> (bit % 8) & 1 != 0 {
            return u64::from(pid);
        }
        ancestor = pointer(ancestor, At::TaskParent);
    }
    if namespace == 0 {
        return 1;
    }
    match pointer(namespace, At::NamespaceReaper) {
        0 => 0,
        reaper => u64::from(pid(reaper)),
    }
}

/// Device number of a task's terminal, 0 without one.
#[inline(always)]
fn tty(task: u64) -> u64 {
    let tty = pointer(pointer(task, At::TaskSignal), At::SignalTty);
    if tty == 0 {
        return 0;
    }
    let driver = pointer(tty, At::TtyDriver);
    let minor = field::<u32>(driver, At::TtyMinor).wrapping_add(field(tty, At::TtyIndex));
    file::encode_dev(field::<u32>(driver, At::TtyMajor) << 20 | minor & 0xF_FFFF)
}

/// A counter of pages; one that is behind counts as none.
#[inline(always)]
fn pages(mm: u64, counter: At) -> u64 {
    let pages: i64 = field(mm, counter);
    if pages > 0 { pages as u64 } else { 0 }
}

#[inline(always)]
fn kib(pages: u64) -> u64 {
    pages << (fixed(constant::PAGE_SHIFT) - PAGE_TO_KIB)
}

/// One of the three facts about memory, in KiB.
#[inline(always)]
fn memory_of(mm: u64, fact: Fact) -> u64 {
    kib(match fact {
        Fact::VmSize => field(mm, At::MmTotal),
        Fact::VmRss => pages(mm, At::MmRss0) + pages(mm, At::MmRss1) + pages(mm, At::MmRss3),
        _ => pages(mm, At::MmRss2),
    })
}

/// KiB of memory of a task in all, resident and swapped out: 0 for one of the kernel.
#[inline(always)]
pub fn memory(task: u64) -> [u64; 3] {
    let mm = pointer(task, At::TaskMm);
    if mm == 0 {
        return [0; 3];
    }
    [
        memory_of(mm, Fact::VmSize),
        memory_of(mm, Fact::VmRss),
        memory_of(mm, Fact::VmSwap),
    ]
}

/// A field of the calling task's credentials.
#[inline(always)]
fn cred<T: Copy>(task: u64, at: At) -> T {
    field(pointer(task, At::TaskCred), at)
}

/// The calling task and its executable, looked up once for a record.
#[derive(Clone, Copy)]
pub struct Facts {
    pub task: u64,
    executable: u64,
    looked: bool,
}

impl Facts {
    /// Of the calling task.
    #[inline(always)]
    pub fn of_current() -> Self {
        Self {
            task: current(),
            executable: 0,
            looked: false,
        }
    }

    #[inline(always)]
    fn mm(&self) -> u64 {
        pointer(self.task, At::TaskMm)
    }

    #[inline(always)]
    fn executable(&mut self) -> u64 {
        if !self.looked {
            self.looked = true;
            let mm = self.mm();
            self.executable = if mm == 0 { 0 } else { pointer(mm, At::MmExe) };
        }
        self.executable
    }

    /// Writes one fact into a slot.
    #[inline(always)]
    pub fn put(&mut self, scratch: &mut Scratch, slot: usize, fact: Fact) {
        let task = self.task;
        match fact {
            // Both in one, see `put_arguments`.
            Fact::Exe | Fact::Args => {}
            Fact::Tid => scratch.number(slot, u64::from(tid(task))),
            Fact::Pid => scratch.number(slot, u64::from(pid(task))),
            Fact::Ptid => scratch.number(slot, ppid(task)),
            Fact::Cwd => {
                let whole = file::working_directory(scratch);
                scratch.path_text(slot, whole);
            }
            Fact::Fdlimit => {
                let limit = field(pointer(task, At::TaskSignal), At::SignalNofile);
                scratch.number(slot, limit);
            }
            Fact::PgftMaj => scratch.number(slot, field(task, At::TaskMajFlt)),
            Fact::PgftMin => scratch.number(slot, field(task, At::TaskMinFlt)),
            Fact::VmSize | Fact::VmRss | Fact::VmSwap => {
                let mm = self.mm();
                if mm != 0 {
                    scratch.number(slot, memory_of(mm, fact));
                }
            }
            Fact::Comm => put_comm(scratch, slot, task),
            Fact::Cgroups => {
                let start = scratch.len;
                let whole = cgroup::paths(scratch, task);
                let len = scratch.len.wrapping_sub(start);
                scratch.span(slot, start, len);
                if whole == 0 {
                    scratch.mark(flag::TRUNCATED);
                }
            }
            Fact::Env => {
                let mm = self.mm();
                if mm != 0 {
                    put_region(
                        scratch,
                        slot,
                        field(mm, At::MmEnvStart),
                        field(mm, At::MmEnvEnd),
                    );
                }
            }
            Fact::Tty => scratch.number(slot, tty(task)),
            Fact::Vpgid => scratch.number(slot, namespaced(task, Id::Group)),
            Fact::Sid => scratch.number(slot, namespaced(task, Id::Session)),
            Fact::Pgid => scratch.number(slot, pgid(task)),
            Fact::Vtid => scratch.number(slot, namespaced(task, Id::Thread)),
            Fact::Vpid => scratch.number(slot, namespaced(task, Id::Process)),
            Fact::Pidns => scratch.number(slot, pidns(task)),
            Fact::Userns => {
                let space = cred(task, At::CredSpace);
                scratch.number(slot, u64::from(field::<u32>(space, At::UserSpaceInum)));
            }
            Fact::PidnsInitStartTs => {
                let namespace = namespace(task);
                if namespace != 0 {
                    let reaper = pointer(namespace, At::NamespaceReaper);
                    if reaper != 0 {
                        scratch.number(slot, start(reaper));
                    }
                }
            }
            Fact::Loginuid => {
                let uid = if has(At::TaskLoginuid) {
                    field(task, At::TaskLoginuid)
                } else {
                    u32::MAX
                };
                scratch.number(slot, u64::from(uid));
            }
            Fact::ExecFlags => {
                let executable = self.executable();
                if executable != 0 {
                    scratch.number(slot, u64::from(file::exec_flags(executable)));
                }
            }
            Fact::CapInheritable => scratch.number(slot, cred(task, At::CredInheritable)),
            Fact::CapPermitted => scratch.number(slot, cred(task, At::CredPermitted)),
            Fact::CapEffective => scratch.number(slot, cred(task, At::CredEffective)),
            Fact::Uid => scratch.number(slot, u64::from(cred::<u32>(task, At::CredEuid))),
            Fact::Gid => scratch.number(slot, u64::from(cred::<u32>(task, At::CredEgid))),
            Fact::Ruid => scratch.number(slot, u64::from(cred::<u32>(task, At::CredUid))),
            Fact::Rgid => scratch.number(slot, u64::from(cred::<u32>(task, At::CredGid))),
            Fact::ExeIno | Fact::ExeInoCtime | Fact::ExeInoMtime => {
                let executable = self.executable();
                if executable != 0 {
                    let value = match fact {
                        Fact::ExeIno => file::ino(file::inode(executable)),
                        Fact::ExeInoCtime => {
                            file::time(executable, At::InodeCtime, At::InodeCtimeNs)
                        }
                        _ => file::time(executable, At::InodeMtime, At::InodeMtimeNs),
                    };
                    scratch.number(slot, value);
                }
            }
            Fact::TrustedExepath => {
                let executable = self.executable();
                if executable != 0 {
                    let whole = file::path(scratch, executable);
                    scratch.path_text(slot, whole);
                }
            }
        }
    }

    /// Writes the first argument and the others, which the kernel has just put on the
    /// new program's stack.
    #[inline(always)]
    pub fn put_arguments(&self, scratch: &mut Scratch, exe: usize, args: usize) {
        let mm = self.mm();
        if mm != 0 {
            put_region(
                scratch,
                args,
                field(mm, At::MmArgStart),
                field(mm, At::MmArgEnd),
            );
            split_first(scratch, exe, args);
        }
    }
}

/// Writes what lies between two addresses of the calling task, up to the limit.
#[inline(always)]
fn put_region(scratch: &mut Scratch, slot: usize, start: u64, end: u64) {
    let whole = if end > start { end - start } else { 0 };
    let result = record::bytes(scratch, start, whole, fixed(constant::STRINGS));
    scratch.filled(slot, result);
}

/// Turns the parameter `all` (strings, each with its NUL) into its first string, which
/// becomes `first`, and the rest.
#[inline(always)]
pub fn split_first(scratch: &mut Scratch, first: usize, all: usize) {
    if !scratch.is_there(all) {
        return;
    }
    let span = scratch.located(all);
    let (start, len) = (u64::from(span.offset), u64::from(span.len));
    let end = first_nul(scratch, start, len);
    scratch.span(first, start, end);
    let rest = if end + 1 < len { end + 1 } else { len };
    scratch.span(all, start + rest, len - rest);
}

/// Where the first NUL of a text of the record is. The helper finds it on the way to
/// a copy that nobody needs.
#[inline(never)]
fn first_nul(scratch: &mut Scratch, start: u64, len: u64) -> u64 {
    let mut room = opaque(len);
    if room > u64::from(control::STRINGS_MAX) {
        room = u64::from(control::STRINGS_MAX);
    }
    let from = bounded::<{ record::WITHIN }>(start) as usize;
    // SAFETY: A position of the record, and room for what is copied.
    let n = unsafe {
        let from = scratch.bytes.as_ptr().add(from).cast();
        helper::bpf_probe_read_kernel_str(scratch.end().cast(), room as u32 + 1, from)
    };
    if n <= 0 { room } else { n as u64 - 1 }
}

/// Most strings taken from an array such as `argv`.
const STRINGS_MAX: u64 = 64;

/// Writes an array of strings of the program that ends with a null pointer, each with
/// its NUL, at the end of the record; its length and what was amiss.
#[inline(never)]
pub fn strings(scratch: &mut Scratch, address: u64) -> u64 {
    if address == 0 {
        return 0;
    }
    let start = scratch.len;
    let mut result = record::CUT;
    for i in 0..STRINGS_MAX {
        let at = if scratch.is_compat() {
            user::<u32>(address.wrapping_add(4 * i)).map(u64::from)
        } else {
            user(address.wrapping_add(8 * i))
        };
        let Some(at) = at else {
            if i == 0 {
                return FAULT;
            }
            scratch.mark(flag::FAULT);
            break;
        };
        if at == 0 {
            result = 0;
            break;
        }
        let limit = fixed(constant::STRINGS);
        let room = limit.wrapping_sub(scratch.len.wrapping_sub(start));
        if room == 0 || room > limit {
            break;
        }
        let one = record::string(scratch, at, room as u32);
        let len = one & 0xFFFF_FFFF;
        if one & FAULT != 0 {
            scratch.mark(flag::FAULT);
            break;
        }
        if one & record::CUT != 0 {
            scratch.len += len;
            break;
        }
        scratch.len += len + 1;
    }
    let len = scratch.len.wrapping_sub(start);
    scratch.len = start;
    result | len
}
