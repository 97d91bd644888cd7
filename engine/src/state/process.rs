//! What events tell of threads.

use falco_abi::event::{
    Event as Kind, brk, capset, chdir, clone, execve, fchdir, prctl, prlimit, setgid, setns,
    setpgid, setregid, setresgid, setresuid, setreuid, setrlimit, setuid, switch, task_new,
    unshare,
};
use falco_abi::flags::clone as bits;

use super::State;
use super::thread::{self, Birth, Image, Thread, UNSET, Usage};
use crate::event::Event;
use crate::paths;

fn clone_flags(event: &Event<'_>) -> u32 {
    let flags = event.number(clone::Slot::flags as usize);
    flags.unwrap_or_default() as u32
}

/// Memory, faults and limit that an event of the clone family tells of what was
/// made.
fn used(usage: &mut Usage, event: &Event<'_>) {
    use clone::Slot;
    let number = |slot: Slot| event.number(slot as usize);
    usage.vm_size = number(Slot::vm_size).map_or(usage.vm_size, |n| n as u32);
    usage.vm_rss = number(Slot::vm_rss).map_or(usage.vm_rss, |n| n as u32);
    usage.vm_swap = number(Slot::vm_swap).map_or(usage.vm_swap, |n| n as u32);
    usage.major_faults = number(Slot::pgft_maj).unwrap_or(usage.major_faults);
    usage.minor_faults = number(Slot::pgft_min).unwrap_or(usage.minor_faults);
    usage.fd_limit = number(Slot::fdlimit).map_or(usage.fd_limit, u64::cast_signed);
}

impl State {
    /// A task was made, seen by its parent: the child is the parent's copy.
    pub(super) fn task_new(&mut self, event: &Event<'_>) {
        use task_new::Slot;
        let id = |slot: Slot| {
            let number = event.int(slot as usize)?;
            u32::try_from(number).ok()
        };
        let Some(tid) = id(Slot::tid).filter(|&tid| tid != 0) else {
            return;
        };
        let pid = id(Slot::pid).unwrap_or(tid);
        let maker = event.header.tid;
        if maker != 0 && self.table.entry(maker).is_none() {
            self.heal(event);
        }
        // The child has what its maker has open, and may not live long enough to be
        // read itself.
        if !self.without_files && self.proc.is_some() {
            self.read_before(event);
        }
        let mut child = match self.table.get(maker) {
            Some(parent) => parent.copy(),
            None => Thread::new(tid, pid),
        };
        child.known = true;
        child.tid = tid;
        child.pid = pid;
        child.ptid = id(Slot::ptid).unwrap_or(event.header.pid);
        child.vtid = id(Slot::vtid).unwrap_or(tid);
        child.vpid = id(Slot::vpid).unwrap_or(pid);
        child.start = event.number(Slot::start as usize).unwrap_or(event.time);
        if let Some(comm) = event.bytes(Slot::comm as usize) {
            child.rename(comm);
        }
        if let Some(pidns) = event.number(Slot::pidns as usize) {
            let pidns = pidns as u32;
            if child.pidns != 0 && child.pidns != pidns {
                // Session and group are outside.
                child.sid = 0;
                child.vpgid = 0;
                // Its maker may have entered a namespace that others live in.
                child.pidns_start = match child.vpid {
                    1 => child.start,
                    _ => self.table.pidns_start(pidns),
                };
            }
            child.pidns = pidns;
        }
        child.birth = Birth::default();
        child.maker = maker;
        // Threads share the table of their maker, processes have a copy, which
        // is nearly always so. What says otherwise is in the flags, which the
        // events of the call have.
        let flags = if pid == tid { 0 } else { bits::FILES };
        self.put_in(maker, child, flags);
    }

    /// The events of the call tell whether what was made shares the table of
    /// its maker. What ran another program since has a table of its own in any
    /// case.
    fn told_of_files(&mut self, maker: u32, tid: u32, event: &Event<'_>) {
        let flags = event.number(clone::Slot::flags as usize);
        let (Some(flags), Some(child)) = (flags, self.table.get(tid)) else {
            return;
        };
        if child.executed || maker == 0 || self.without_files {
            return;
        }
        let shared = self.table.have_same_files(maker, tid);
        match flags & u64::from(bits::FILES) {
            0 if shared => self.table.own_files(tid),
            0 => {}
            _ => self.table.share_files(maker, tid),
        }
    }

    /// A program was started. It has one thread, whichever called.
    pub(super) fn execve(&mut self, event: &Event<'_>) {
        use execve::Slot;
        if event.int(Slot::res as usize) != Some(0) {
            return;
        }
        let bytes = |slot: Slot| event.bytes(slot as usize);
        let number = |slot: Slot| event.number(slot as usize);
        let id = |slot: Slot| {
            let number = event.int(slot as usize)?;
            u32::try_from(number).ok()
        };
        let tid = event.header.tid;
        let pid = if event.header.pid == 0 {
            tid
        } else {
            event.header.pid
        };
        // Some records still have the caller's old id.
        let caller = Some(tid).filter(|&tid| tid != pid);
        self.table.keep_leader_alone(pid, caller);
        if let Some(caller) = caller {
            self.table.remove(caller, 0);
        }
        let known = self.table.entry(pid).map(|thread| &*thread.cgroups);
        let groups = bytes(Slot::cgroups).filter(|groups| known != Some(*groups));
        let moved = groups.map(|groups| (groups, self.container_of(groups)));
        if self.table.entry(pid).is_none() {
            self.table.insert(Thread::new(pid, pid));
        }
        let Some(thread) = self.table.get_mut(pid) else {
            return;
        };
        thread.known = true;
        let exepath = bytes(Slot::trusted_exepath).or(bytes(Slot::filename));
        let image = Image {
            exe: bytes(Slot::exe).unwrap_or_default().into(),
            exepath: exepath.unwrap_or_default().into(),
            args: bytes(Slot::args).unwrap_or_default().into(),
            // Without any it keeps what it had, as rules are used to.
            env: match bytes(Slot::env).filter(|env| !env.is_empty()) {
                Some(env) => thread.image.env_or(env),
                None => thread.image.env.clone(),
            },
            flags: number(Slot::flags).unwrap_or_default() as u32,
            ino: number(Slot::exe_ino).unwrap_or_default(),
            ctime: number(Slot::exe_ino_ctime).unwrap_or_default(),
            mtime: number(Slot::exe_ino_mtime).unwrap_or_default(),
            process_start: thread.start,
        };
        match bytes(Slot::comm) {
            Some(comm) => thread.run(comm, image),
            None => {
                let comm: Box<[u8]> = thread.comm().into();
                thread.run(&comm, image);
            }
        }
        thread.executed = true;
        thread.guessed = false;
        if let Some((groups, container)) = moved {
            thread.cgroups = groups.into();
            thread.container = container;
        }
        if let Some(cwd) = bytes(Slot::cwd) {
            thread.cwd = thread::with_slash(cwd);
        }
        let set = |field: &mut u32, value: Option<u32>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        let word = |slot: Slot| number(slot).map(|n| n as u32);
        set(&mut thread.vtid, id(Slot::vtid));
        set(&mut thread.vpid, id(Slot::vpid));
        set(&mut thread.sid, id(Slot::sid));
        set(&mut thread.pgid, id(Slot::pgid));
        set(&mut thread.vpgid, id(Slot::vpgid));
        set(&mut thread.uid, word(Slot::uid));
        set(&mut thread.gid, word(Slot::gid));
        set(&mut thread.ruid, word(Slot::ruid));
        set(&mut thread.rgid, word(Slot::rgid));
        set(&mut thread.loginuid, word(Slot::loginuid));
        set(&mut thread.tty, word(Slot::tty));
        set(&mut thread.pidns, word(Slot::pidns));
        let usage = &mut thread.usage;
        set(&mut usage.vm_size, word(Slot::vm_size));
        set(&mut usage.vm_rss, word(Slot::vm_rss));
        set(&mut usage.vm_swap, word(Slot::vm_swap));
        usage.major_faults = number(Slot::pgft_maj).unwrap_or(usage.major_faults);
        usage.minor_faults = number(Slot::pgft_min).unwrap_or(usage.minor_faults);
        usage.fd_limit = number(Slot::fdlimit).map_or(usage.fd_limit, u64::cast_signed);
        let caps = &mut thread.caps;
        caps.inheritable = number(Slot::cap_inheritable).unwrap_or(caps.inheritable);
        caps.permitted = number(Slot::cap_permitted).unwrap_or(caps.permitted);
        caps.effective = number(Slot::cap_effective).unwrap_or(caps.effective);
        self.table.exec_files(pid);
        if let Some(parent) = id(Slot::ptid) {
            self.table.adopt(parent, pid);
        }
    }

    /// The clone family returned, in the caller or in what it made.
    pub(super) fn cloned(&mut self, event: &Event<'_>) {
        // The four have the same parameters.
        use clone::Slot;
        let number = |slot: Slot| event.number(slot as usize);
        let tid = event.header.tid;
        let Some(result) = event.int(Slot::res as usize) else {
            return;
        };
        if result == 0 {
            self.cloned_child(event);
        }
        if let Some(start) = number(Slot::pidns_init_start_ts).filter(|&start| start != 0)
            && let Some(thread) = self.table.get_mut(tid)
        {
            thread.pidns_start = start;
        }
        if result > 0 {
            self.cloned_caller(event);
        }
    }

    /// The caller is told the id of what it made.
    fn cloned_caller(&mut self, event: &Event<'_>) {
        use clone::Slot;
        let flags = clone_flags(event);
        let caller = event.header.tid;
        let Some((own_ids, pidns)) = self.table.get(caller).map(|t| (t.vtid == t.tid, t.pidns))
        else {
            return;
        };
        // The id is one of the caller's namespace. If that is not the first,
        // the child's own event tells who it is.
        if !own_ids || flags & (bits::CHILD_IN_PIDNS | bits::NEWPID) != 0 {
            return;
        }
        let Some(tid) = event
            .int(Slot::res as usize)
            .and_then(|id| id.try_into().ok())
        else {
            return;
        };
        if let Some(child) = self.table.get_mut(tid)
            && !child.birth.told_by_parent
        {
            child.birth.told_by_parent = true;
            // Its own event, if that was first, said it before it opened anything.
            if !child.birth.told_by_child {
                self.told_of_files(caller, tid, event);
            }
            return;
        }
        // It went first: if it is not there, it is gone already.
        if flags & bits::VFORK != 0 || event.kind == Kind::Vfork {
            return;
        }
        let mut child = self.made_by(caller, tid, event, flags);
        child.birth.told_by_parent = true;
        child.pidns = pidns;
        self.put_in(caller, child, flags);
    }

    /// What was made sees its own first event.
    fn cloned_child(&mut self, event: &Event<'_>) {
        use clone::Slot;
        let id = |slot: Slot| {
            event
                .int(slot as usize)
                .and_then(|id| u32::try_from(id).ok())
        };
        let tid = event.header.tid;
        let known = match self.table.get_mut(tid) {
            Some(child) if child.known && !child.birth.told_by_child => {
                child.birth.told_by_child = true;
                if !child.birth.told_by_parent {
                    used(&mut child.usage, event);
                }
                child.vtid = id(Slot::vtid).unwrap_or(child.vtid);
                child.vpid = id(Slot::vpid).unwrap_or(child.vpid);
                Some((child.maker, child.birth))
            }
            _ => None,
        };
        if let Some((maker, birth)) = known {
            if !birth.told_by_parent {
                self.told_of_files(maker, tid, event);
            }
            return;
        }
        let flags = clone_flags(event);
        let pid = id(Slot::pid).unwrap_or(tid);
        // A thread is like the others of its process, a process like its maker.
        let maker = match flags & bits::THREAD {
            0 => id(Slot::ptid).unwrap_or(0),
            _ => pid,
        };
        let mut child = self.made_by(maker, tid, event, flags);
        child.pid = pid;
        child.ptid = id(Slot::ptid).unwrap_or(child.ptid);
        child.vtid = id(Slot::vtid).unwrap_or(tid);
        child.vpid = id(Slot::vpid).unwrap_or(pid);
        child.birth.told_by_child = true;
        self.put_in(maker, child, flags);
    }

    /// A copy of its maker, as far as the event does not say otherwise.
    fn made_by(&self, maker: u32, tid: u32, event: &Event<'_>, flags: u32) -> Thread {
        use clone::Slot;
        let bytes = |slot: Slot| event.bytes(slot as usize);
        let word = |slot: Slot| event.number(slot as usize).map(|n| n as u32);
        let parent = self.table.get(maker);
        let mut child = match parent {
            Some(parent) => parent.copy(),
            None => {
                let mut child = Thread::new(tid, tid);
                let image = Image {
                    exe: bytes(Slot::exe).unwrap_or_default().into(),
                    args: bytes(Slot::args).unwrap_or_default().into(),
                    ..Image::default()
                };
                child.run(bytes(Slot::comm).unwrap_or_default(), image);
                child.cwd = thread::with_slash(bytes(Slot::cwd).unwrap_or_default());
                child
            }
        };
        child.known = true;
        child.tid = tid;
        child.vtid = tid;
        if flags & bits::THREAD == 0 {
            child.pid = tid;
            child.vpid = tid;
            if flags & bits::PARENT == 0 {
                child.ptid = parent.map_or(maker, |parent| parent.pid);
            }
        }
        child.start = event.time;
        child.birth = Birth::default();
        child.maker = 0;
        used(&mut child.usage, event);
        if let Some(comm) = bytes(Slot::comm) {
            child.rename(comm);
        }
        if let Some(groups) = bytes(Slot::cgroups).filter(|groups| **groups != *child.cgroups) {
            child.cgroups = groups.into();
            child.container = self.container_of(groups);
        }
        child.uid = word(Slot::uid).unwrap_or(child.uid);
        child.gid = word(Slot::gid).unwrap_or(child.gid);
        child
    }

    /// Takes in what was made, with its descriptors.
    fn put_in(&mut self, maker: u32, child: Thread, flags: u32) {
        let tid = child.tid;
        self.table.insert(child);
        if self.without_files {
            return;
        }
        match flags & bits::FILES {
            0 => self.table.copy_files(maker, tid),
            _ => self.table.share_files(maker, tid),
        }
    }

    /// The working directory was changed. The kernel says what it is now; where
    /// it does not, it follows from what the call was given.
    pub(super) fn entered(&mut self, event: &Event<'_>) {
        if event.result() != Some(0) {
            return;
        }
        let told = match event.kind {
            Kind::Chdir => event.bytes(chdir::Slot::cwd as usize),
            _ => event.bytes(fchdir::Slot::cwd as usize),
        };
        let tid = event.header.tid;
        let Some(thread) = self.table.get(tid) else {
            return;
        };
        let arena = std::mem::take(&mut self.scratch);
        let cwd = match told.filter(|cwd| cwd.starts_with(b"/")) {
            Some(cwd) => Some(cwd),
            None if event.kind == Kind::Chdir => event
                .bytes(chdir::Slot::path as usize)
                .map(|path| paths::join(&arena, &thread.cwd, path)),
            None => self.directory(thread, event.int(fchdir::Slot::fd as usize)),
        };
        let (pid, cwd) = (thread.pid, cwd.map(thread::with_slash));
        if let Some(cwd) = cwd {
            // All threads of a process are in one directory.
            let leader = self.table.get(pid);
            let others = leader.map_or_else(Vec::new, |leader| leader.tasks().to_vec());
            for tid in others.into_iter().chain([pid, tid]) {
                if let Some(thread) = self.table.get_mut(tid) {
                    thread.cwd = cwd.clone();
                }
            }
        }
        self.recycle(arena);
    }

    /// Path of an open directory.
    fn directory(&self, thread: &Thread, num: Option<i64>) -> Option<&[u8]> {
        let files = self.table.files(thread)?;
        let descriptor = files.get(u32::try_from(num?).ok()?)?;
        Some(descriptor.name()).filter(|name| !name.is_empty())
    }

    /// How much memory the process has, as calls tell that change it.
    pub(super) fn sized(&mut self, event: &Event<'_>) {
        // Others of the four have these at the same places.
        use brk::Slot;
        let number = |slot: Slot| event.number(slot as usize).map(|n| n as u32);
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let usage = &mut thread.usage;
        usage.vm_size = number(Slot::vm_size).unwrap_or(usage.vm_size);
        usage.vm_rss = number(Slot::vm_rss).unwrap_or(usage.vm_rss);
        usage.vm_swap = number(Slot::vm_swap).unwrap_or(usage.vm_swap);
    }

    /// What the scheduler tells of memory is that of the process: its first
    /// thread has it.
    fn memory_of(&mut self, tid: u32) -> Option<&mut Usage> {
        let pid = self.table.get(tid)?.pid;
        let owner = if self.table.get(pid).is_some() {
            pid
        } else {
            tid
        };
        self.table.get_mut(owner).map(|t| &mut t.usage)
    }

    /// A thread was taken off its processor: what it used until then.
    pub(super) fn switched(&mut self, event: &Event<'_>) {
        use switch::Slot;
        let number = |slot: Slot| event.number(slot as usize);
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let usage = &mut thread.usage;
        usage.major_faults = number(Slot::pgft_maj).unwrap_or(usage.major_faults);
        usage.minor_faults = number(Slot::pgft_min).unwrap_or(usage.minor_faults);
        let Some(usage) = self.memory_of(event.header.tid) else {
            return;
        };
        usage.vm_size = number(Slot::vm_size).map_or(usage.vm_size, |n| n as u32);
        usage.vm_rss = number(Slot::vm_rss).map_or(usage.vm_rss, |n| n as u32);
        usage.vm_swap = number(Slot::vm_swap).map_or(usage.vm_swap, |n| n as u32);
    }

    /// How many descriptors may be open was changed.
    pub(super) fn limited(&mut self, event: &Event<'_>) {
        const NOFILE: u64 = 7;
        let (resource, current, pid) = match event.kind {
            Kind::Setrlimit => {
                use setrlimit::Slot;
                (Slot::resource as usize, Slot::cur as usize, None)
            }
            _ => {
                use prlimit::Slot;
                let pid = event.int(Slot::pid as usize).filter(|&pid| pid != 0);
                (Slot::resource as usize, Slot::newcur as usize, pid)
            }
        };
        if event.result() != Some(0) || event.number(resource) != Some(NOFILE) {
            return;
        }
        // A call that only asks gives no new limit: -1, or nothing at all. There
        // are recorders that give 0.
        let Some(current) = event.int(current).filter(|&current| current >= 0) else {
            return;
        };
        let target = match pid {
            None => event.header.tid,
            Some(pid) => u32::try_from(pid).unwrap_or_default(),
        };
        if let Some(thread) = self.table.get_mut(target) {
            thread.usage.fd_limit = current;
        }
    }

    /// Who makes or enters a user namespace has all capabilities in it. A pid
    /// namespace is for what the caller makes from then on, of which the kernel
    /// says where it is.
    pub(super) fn changed_namespace(&mut self, event: &Event<'_>) {
        const ALL: u64 = (1 << 41) - 1;
        let flags = match event.kind {
            Kind::Setns => event.number(setns::Slot::nstype as usize),
            _ => event.number(unshare::Slot::flags as usize),
        };
        // The caller need not say of which kind the descriptor is.
        let path = match event.kind {
            Kind::Setns => event.bytes(setns::Slot::path as usize),
            _ => None,
        };
        let of_users = flags.unwrap_or_default() & u64::from(bits::NEWUSER) != 0
            || path.is_some_and(|path| path.starts_with(b"user:["));
        if event.result() != Some(0) || !of_users {
            return;
        }
        if let Some(thread) = self.table.get_mut(event.header.tid) {
            thread.caps.permitted = ALL;
            thread.caps.effective = ALL;
            thread.caps.inheritable = ALL;
        }
    }

    /// A session was made, or a process was put into a group. Both belong to
    /// the process; its first thread and the caller have them.
    pub(super) fn grouped(&mut self, event: &Event<'_>) {
        let Some(result) = event.result().and_then(|res| u32::try_from(res).ok()) else {
            return;
        };
        let tid = event.header.tid;
        let caller = self.table.get(tid).map(|t| (t.pid, t.vpid));
        let Some((pid, vpid)) = caller else {
            return;
        };
        let own = pid == vpid;
        let (target, group) = match event.kind {
            Kind::Setsid => (pid, result),
            _ => {
                let id = |slot: setpgid::Slot| {
                    let id = event.int(slot as usize)?;
                    u32::try_from(id).ok()
                };
                let (Some(target), Some(group)) = (id(setpgid::Slot::pid), id(setpgid::Slot::pgid))
                else {
                    return;
                };
                let named = if target == 0 { vpid } else { target };
                // The ids of other processes are those of the caller's namespace.
                let target = match named {
                    named if named == vpid => pid,
                    named if own => named,
                    _ => return,
                };
                (target, if group == 0 { named } else { group })
            }
        };
        self.note_changed(target);
        for tid in [target, tid] {
            let Some(thread) = self.table.get_mut(tid).filter(|t| t.pid == target) else {
                continue;
            };
            if event.kind == Kind::Setsid {
                // The group is told by the next program.
                thread.sid = group;
                thread.tty = 0;
                continue;
            }
            thread.vpgid = group;
            if group == thread.vpid {
                thread.pgid = thread.pid;
            } else if own {
                thread.pgid = group;
            }
        }
    }

    /// The caller takes in the orphans below it. A name that it gives itself
    /// counts for what it makes from then on: rules know it by its program.
    pub(super) fn reaps(&mut self, event: &Event<'_>) {
        const SET_CHILD_SUBREAPER: u64 = 36;
        use prctl::Slot;
        let option = event.number(Slot::option as usize);
        if event.result() != Some(0) || option != Some(SET_CHILD_SUBREAPER) {
            return;
        }
        let on = event.int(Slot::arg2_int as usize).unwrap_or_default() != 0;
        let pid = self.table.get(event.header.tid).map_or(0, |t| t.pid);
        if let Some(process) = self.table.get_mut(pid) {
            process.subreaper = on;
        }
    }

    /// The caller's capabilities as they are now.
    pub(super) fn capable(&mut self, event: &Event<'_>) {
        use capset::Slot;
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let number = |slot: Slot| event.number(slot as usize);
        let caps = &mut thread.caps;
        caps.inheritable = number(Slot::cap_inheritable).unwrap_or(caps.inheritable);
        caps.permitted = number(Slot::cap_permitted).unwrap_or(caps.permitted);
        caps.effective = number(Slot::cap_effective).unwrap_or(caps.effective);
    }

    /// A path that starts from the working directory tells which that is, even
    /// when the record of the change was lost.
    #[inline]
    pub(super) fn moved(&mut self, event: &Event<'_>, kind: Kind) {
        let Some(cwd) = paths::working_directory(event, kind) else {
            return;
        };
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        if !thread::is_directory(&thread.cwd, cwd) {
            thread.cwd = thread::with_slash(cwd);
        }
    }

    /// Ids were changed.
    pub(super) fn credentials(&mut self, event: &Event<'_>) {
        if event.int(0) != Some(0) {
            return;
        }
        let Some(thread) = self.table.get_mut(event.header.tid) else {
            return;
        };
        let id = |slot: usize| event.number(slot).map(|id| id as u32);
        // The value -1 leaves an id as it is.
        let set = |field: &mut u32, value: Option<u32>| {
            if let Some(value) = value.filter(|&id| id != UNSET) {
                *field = value;
            }
        };
        match event.kind {
            Kind::Setuid => {
                let uid = id(setuid::Slot::uid as usize);
                // Without the capability the real id stays; that a thread
                // whose effective id is 0 has it is nearly always so.
                if thread.uid == 0 {
                    set(&mut thread.ruid, uid);
                }
                set(&mut thread.uid, uid);
            }
            Kind::Setgid => {
                let gid = id(setgid::Slot::gid as usize);
                if thread.uid == 0 {
                    set(&mut thread.rgid, gid);
                }
                set(&mut thread.gid, gid);
            }
            Kind::Setreuid => {
                set(&mut thread.ruid, id(setreuid::Slot::ruid as usize));
                set(&mut thread.uid, id(setreuid::Slot::euid as usize));
            }
            Kind::Setregid => {
                set(&mut thread.rgid, id(setregid::Slot::rgid as usize));
                set(&mut thread.gid, id(setregid::Slot::egid as usize));
            }
            Kind::Setresuid => {
                set(&mut thread.ruid, id(setresuid::Slot::ruid as usize));
                set(&mut thread.uid, id(setresuid::Slot::euid as usize));
            }
            Kind::Setresgid => {
                set(&mut thread.rgid, id(setresgid::Slot::rgid as usize));
                set(&mut thread.gid, id(setresgid::Slot::egid as usize));
            }
            _ => {}
        }
    }
}
