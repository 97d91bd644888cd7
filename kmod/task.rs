// SPDX-License-Identifier: GPL-2.0-only

//! Facts about tasks.

use core::ptr;

use kernel::bindings;
use kernel::sync::rcu;

use crate::abi::event::Fact;
use crate::abi::flags::exec;
use crate::cgroup;
use crate::clock;
use crate::file::{self, Layer, OpenFile};
use crate::record::{Filled, Record};
use crate::shim;
use crate::user::{self, PATH_MAX};

/// A task that stays valid: the calling one, or one that a hook was given.
///
/// # Invariants
///
/// The pointer is valid.
#[derive(Clone, Copy)]
pub(crate) struct Task(*mut bindings::task_struct);

impl Task {
    /// The calling task.
    #[inline]
    pub(crate) fn current() -> Self {
        // INVARIANT: The calling task is valid while it runs this.
        Self(kernel::task::Task::current_raw())
    }

    /// # Safety
    ///
    /// The task is valid while the result is used.
    pub(crate) unsafe fn from_raw(task: *mut bindings::task_struct) -> Self {
        // INVARIANT: By contract.
        Self(task)
    }

    /// The task, which is valid while this is used.
    pub(crate) fn as_ptr(self) -> *mut bindings::task_struct {
        self.0
    }

    /// Thread id in the initial pid namespace.
    #[inline]
    pub(crate) fn tid(self) -> u32 {
        // SAFETY: The task is valid; its id never changes while it can be seen.
        unsafe { (*self.0).pid as u32 }
    }

    /// Process id in the initial pid namespace.
    #[inline]
    pub(crate) fn pid(self) -> u32 {
        // SAFETY: As above.
        unsafe { (*self.0).tgid as u32 }
    }

    /// An id as the task's own pid namespace counts.
    fn namespaced(self, kind: bindings::pid_type) -> i64 {
        // SAFETY: The task is valid; null stands for its own namespace.
        unsafe { i64::from(bindings::__task_pid_nr_ns(self.0, kind, ptr::null_mut())) }
    }

    /// Thread id in its own pid namespace.
    pub(crate) fn vtid(self) -> i64 {
        self.namespaced(bindings::pid_type_PIDTYPE_PID)
    }

    /// Process id in its own pid namespace.
    pub(crate) fn vpid(self) -> i64 {
        self.namespaced(bindings::pid_type_PIDTYPE_TGID)
    }

    /// Process group in the initial pid namespace.
    fn pgid(self) -> i64 {
        // SAFETY: The task is valid, the initial namespace always is.
        let pgid = unsafe {
            bindings::__task_pid_nr_ns(
                self.0,
                bindings::pid_type_PIDTYPE_PGID,
                &raw mut bindings::init_pid_ns,
            )
        };
        i64::from(pgid)
    }

    /// Process id of the parent.
    pub(crate) fn ppid(self) -> i64 {
        let _rcu = rcu::read_lock();
        // SAFETY: The task is valid; RCU keeps its parent.
        unsafe { i64::from((*ptr::read_volatile(&raw const (*self.0).real_parent)).tgid) }
    }

    /// Name that the kernel keeps. A reader races with `prctl`, as in /proc.
    pub(crate) fn comm(self) -> [u8; 16] {
        // SAFETY: The task is valid; any bytes are a name, and the last is cut off.
        unsafe { ptr::read_volatile((&raw const (*self.0).comm).cast()) }
    }

    /// Writes the name.
    pub(crate) fn put_comm(self, record: &mut Record<'_>, slot: usize) {
        let comm = self.comm();
        let len = comm[..15].iter().position(|&b| b == 0).unwrap_or(15);
        record.bytes(slot, &comm[..len]);
    }

    fn pid_namespace(self) -> *mut bindings::pid_namespace {
        // SAFETY: The task is valid; the namespace lives as long as its pid.
        unsafe { bindings::task_active_pid_ns(self.0) }
    }

    /// Inode of its pid namespace, 0 when it has lost it.
    pub(crate) fn pidns(self) -> u64 {
        let namespace = self.pid_namespace();
        if namespace.is_null() {
            return 0;
        }
        // SAFETY: Not null, and held by the task's pid.
        unsafe { u64::from((*namespace).ns.inum) }
    }

    /// Whether its pid namespace is the initial one.
    pub(crate) fn in_initial_pidns(self) -> bool {
        self.pid_namespace() == &raw mut bindings::init_pid_ns
    }

    /// Start of the first process of its pid namespace, since the epoch.
    fn pidns_start(self) -> Option<u64> {
        let namespace = self.pid_namespace();
        if namespace.is_null() {
            return None;
        }
        let _rcu = rcu::read_lock();
        // SAFETY: Not null, and held by the task's pid; RCU keeps the reaper.
        let reaper = unsafe { ptr::read_volatile(&raw const (*namespace).child_reaper) };
        if reaper.is_null() {
            return None;
        }
        // SAFETY: As above.
        Some(clock::epoch_of(unsafe { (*reaper).start_boottime }))
    }

    /// When it was made, since the epoch.
    pub(crate) fn start(self) -> u64 {
        // SAFETY: The task is valid; set before anyone sees it.
        clock::epoch_of(unsafe { (*self.0).start_boottime })
    }

    /// How it ended, as `wait` encodes it.
    pub(crate) fn exit_code(self) -> i32 {
        // SAFETY: The task is valid.
        unsafe { (*self.0).exit_code }
    }

    /// Who gets its children: 0 when it has none, or when it is a thread whose
    /// process goes on and keeps them.
    pub(crate) fn reaper(self) -> u32 {
        // SAFETY: The task is valid; an empty list points to itself.
        let orphans = unsafe {
            let children = &raw const (*self.0).children;
            ptr::read_volatile(&raw const (*children).next).cast_const() != children
        };
        // SAFETY: The signal structure lives as long as the task. `live` was
        // already counted down for this thread.
        let process_goes_on = unsafe { (*(*self.0).signal).live.counter > 0 };
        if !orphans || process_goes_on {
            return 0;
        }
        let namespace = self.pid_namespace();
        let _rcu = rcu::read_lock();
        // SAFETY: The task is valid; RCU keeps its ancestors.
        let mut ancestor = unsafe { ptr::read_volatile(&raw const (*self.0).real_parent) };
        // Bounded, since the chain may change under us.
        for _ in 0..64 {
            // INVARIANT: RCU keeps the ancestor.
            let task = Self(ancestor);
            if task.pid() <= 1 || task.pid_namespace() != namespace {
                break;
            }
            // SAFETY: RCU keeps the ancestor and its signal structure.
            if unsafe { shim::falco_is_subreaper(ancestor) } {
                return task.pid();
            }
            // SAFETY: As above.
            ancestor = unsafe { ptr::read_volatile(&raw const (*ancestor).real_parent) };
        }
        if namespace.is_null() {
            return 1;
        }
        // SAFETY: Not null, and held by the task's pid; RCU keeps the reaper.
        let reaper = unsafe { ptr::read_volatile(&raw const (*namespace).child_reaper) };
        // SAFETY: RCU keeps the reaper.
        if reaper.is_null() {
            0
        } else {
            unsafe { (*reaper).tgid as u32 }
        }
    }
}

/// Facts of the calling task, read once each as a record asks for them.
pub(crate) struct Facts {
    task: Task,
    /// `None`: not looked for yet.
    executable: Option<Option<OpenFile>>,
    /// Most bytes of arguments, and of environment.
    strings: usize,
}

impl Facts {
    /// Of the calling task, with so many bytes of arguments and of environment.
    pub(crate) fn of_current(strings: usize) -> Self {
        Self {
            task: Task::current(),
            executable: None,
            strings,
        }
    }

    fn raw(&self) -> *mut bindings::task_struct {
        self.task.0
    }

    fn mm(&self) -> Option<*mut bindings::mm_struct> {
        // SAFETY: The calling task changes its own memory alone.
        let mm = unsafe { (*self.raw()).mm };
        (!mm.is_null()).then_some(mm)
    }

    fn cred(&self) -> &bindings::cred {
        // SAFETY: The calling task changes its own credentials alone, and not
        // while this runs.
        unsafe { &*(*self.raw()).cred }
    }

    fn executable(&mut self) -> Option<&OpenFile> {
        let mm = self.mm()?;
        self.executable
            // SAFETY: The calling task's memory lives while it runs this.
            .get_or_insert_with(|| unsafe { OpenFile::of_executable(mm) })
            .as_ref()
    }

    /// Pages to KiB.
    fn kib(pages: usize) -> u64 {
        (pages as u64) << (kernel::page::PAGE_SHIFT - 10)
    }

    /// Writes one fact into a slot. Does not sleep.
    pub(crate) fn put(&mut self, record: &mut Record<'_>, slot: usize, fact: Fact) {
        let task = self.task;
        match fact {
            // Both in one, see `put_arguments`.
            Fact::Exe | Fact::Args => {}
            Fact::Tid => record.number(slot, u64::from(task.tid())),
            Fact::Pid => record.number(slot, u64::from(task.pid())),
            Fact::Ptid => record.int(slot, task.ppid()),
            Fact::Cwd => record.fill(slot, PATH_MAX, file::working_directory),
            Fact::Fdlimit => record.number(slot, self.descriptor_limit()),
            // SAFETY: The calling task is valid.
            Fact::PgftMaj => record.number(slot, unsafe { (*self.raw()).maj_flt } as u64),
            // SAFETY: As above.
            Fact::PgftMin => record.number(slot, unsafe { (*self.raw()).min_flt } as u64),
            Fact::VmSize | Fact::VmRss | Fact::VmSwap => self.put_memory(record, slot, fact),
            Fact::Comm => task.put_comm(record, slot),
            Fact::Cgroups => {
                // SAFETY: The calling task is valid.
                record.fill(slot, PATH_MAX, |to| unsafe { cgroup::paths(task.0, to) });
            }
            Fact::Env => self.put_environment(record, slot),
            Fact::Tty => record.number(slot, u64::from(shim::falco_tty())),
            Fact::Vpgid => record.int(slot, task.namespaced(bindings::pid_type_PIDTYPE_PGID)),
            Fact::Sid => record.int(slot, task.namespaced(bindings::pid_type_PIDTYPE_SID)),
            Fact::Pgid => record.int(slot, task.pgid()),
            Fact::Vtid => record.int(slot, task.vtid()),
            Fact::Vpid => record.int(slot, task.vpid()),
            Fact::Pidns => record.number(slot, task.pidns()),
            Fact::Userns => {
                // SAFETY: Credentials hold their user namespace.
                let inode = unsafe { (*self.cred().user_ns).ns.inum };
                record.number(slot, u64::from(inode));
            }
            Fact::PidnsInitStartTs => {
                if let Some(start) = task.pidns_start() {
                    record.number(slot, start);
                }
            }
            // SAFETY: The calling task is valid.
            Fact::Loginuid => record.number(slot, u64::from(unsafe { (*self.raw()).loginuid.val })),
            Fact::ExecFlags => {
                if let Some(executable) = self.executable() {
                    let mut flags = 0;
                    if executable.writable() {
                        flags |= exec::WRITABLE;
                    }
                    if executable.is_memfd() {
                        flags |= exec::FROM_MEMFD;
                    }
                    flags |= match executable.layer() {
                        Layer::None => 0,
                        Layer::Upper => exec::UPPER_LAYER,
                        Layer::Lower => exec::LOWER_LAYER,
                    };
                    record.number(slot, u64::from(flags));
                }
            }
            Fact::CapInheritable => record.number(slot, self.cred().cap_inheritable.val),
            Fact::CapPermitted => record.number(slot, self.cred().cap_permitted.val),
            Fact::CapEffective => record.number(slot, self.cred().cap_effective.val),
            Fact::Uid => record.number(slot, u64::from(self.cred().euid.val)),
            Fact::Gid => record.number(slot, u64::from(self.cred().egid.val)),
            Fact::Ruid => record.number(slot, u64::from(self.cred().uid.val)),
            Fact::Rgid => record.number(slot, u64::from(self.cred().gid.val)),
            Fact::ExeIno | Fact::ExeInoCtime | Fact::ExeInoMtime => {
                if let Some(executable) = self.executable() {
                    record.number(
                        slot,
                        match fact {
                            Fact::ExeIno => executable.ino(),
                            Fact::ExeInoCtime => executable.ctime(),
                            _ => executable.mtime(),
                        },
                    );
                }
            }
            Fact::TrustedExepath => {
                if let Some(executable) = self.executable() {
                    record.fill(slot, PATH_MAX, |to| executable.path(to));
                }
            }
        }
    }

    fn descriptor_limit(&self) -> u64 {
        // SAFETY: The calling task's signal structure lives as long as it does.
        unsafe { (*(*self.raw()).signal).rlim[bindings::RLIMIT_NOFILE as usize].rlim_cur as u64 }
    }

    fn put_memory(&self, record: &mut Record<'_>, slot: usize, fact: Fact) {
        if let Some(kib) = self.memory(fact) {
            record.number(slot, kib);
        }
    }

    /// One of the three facts about memory, in KiB.
    fn memory(&self, fact: Fact) -> Option<u64> {
        let mm = self.mm()?;
        // SAFETY: The calling task's memory lives while it runs this.
        let pages = unsafe {
            match fact {
                Fact::VmSize => (*mm).__bindgen_anon_1.total_vm,
                Fact::VmRss => shim::falco_mm_rss(mm),
                _ => shim::falco_mm_swap(mm),
            }
        };
        Some(Self::kib(pages))
    }

    /// Major and minor page faults, and KiB of memory in all, resident and swapped
    /// out: 0 for a task of the kernel. Does not sleep.
    pub(crate) fn usage(&self) -> [u64; 5] {
        // SAFETY: The calling task is valid.
        let (major, minor) = unsafe { ((*self.raw()).maj_flt, (*self.raw()).min_flt) };
        let kib = |fact| self.memory(fact).unwrap_or(0);
        let [size, rss, swap] = [Fact::VmSize, Fact::VmRss, Fact::VmSwap].map(kib);
        [major as u64, minor as u64, size, rss, swap]
    }

    /// Writes the first argument and the others, which the kernel has just put
    /// on the new program's stack.
    pub(crate) fn put_arguments(&self, record: &mut Record<'_>, exe: usize, args: usize) {
        let Some(mm) = self.mm() else {
            return;
        };
        // SAFETY: The calling task's memory lives while it runs this.
        let (start, end) = unsafe {
            let layout = &(*mm).__bindgen_anon_1;
            (layout.arg_start, layout.arg_end)
        };
        self.put_region(record, args, start, end);
        split_first(record, exe, args);
    }

    fn put_environment(&self, record: &mut Record<'_>, slot: usize) {
        let Some(mm) = self.mm() else {
            return;
        };
        // SAFETY: The calling task's memory lives while it runs this.
        let (start, end) = unsafe {
            let layout = &(*mm).__bindgen_anon_1;
            (layout.env_start, layout.env_end)
        };
        self.put_region(record, slot, start, end);
    }

    /// Writes what lies between two addresses of the calling task, up to the limit.
    fn put_region(&self, record: &mut Record<'_>, slot: usize, start: usize, end: usize) {
        let whole = end.saturating_sub(start);
        let len = whole.min(self.strings);
        record.fill(slot, len, |to| match user::resident(start, to) {
            Filled::Whole(n) if n < whole => Filled::Cut(n),
            other => other,
        });
    }
}

/// Turns the parameter `all` (strings, each with its NUL) into its first string,
/// which becomes `first`, and the rest.
pub(crate) fn split_first(record: &mut Record<'_>, first: usize, all: usize) {
    let Some((start, len)) = record.located(all) else {
        return;
    };
    let end = record
        .read(all)
        .and_then(|bytes| bytes.iter().position(|&b| b == 0))
        .unwrap_or(len);
    record.span(first, start, end);
    let rest = len.min(end + 1);
    record.span(all, start + rest, len - rest);
}
