// SPDX-License-Identifier: GPL-2.0-only

//! What each hook does.

use core::ffi::CStr;

use kernel::bindings;
use kernel::ffi::{c_int, c_long, c_uint, c_ulong, c_void};
use kernel::prelude::*;

use crate::abi::control::hook;
use crate::abi::event::Event;
use crate::abi::ia32::X32_BIT;
use crate::abi::record::{flag, NO_SYSCALL};
use crate::abi::ring::Loss;
use crate::abi::syscall::{EVENT_BY_NUMBER, SYSCALL_MAX, SYSCALL_WORDS};
use crate::capture::{self, Call, Way};
use crate::compat;
use crate::file;
use crate::record::Numbers;
use crate::session::Session;
use crate::shim;
use crate::task::Task;
use crate::tracepoint::Probe;
use crate::user::Few;

/// When a hook is wanted.
enum Wanted {
    /// For calls that are recorded at their entry.
    Entries,
    /// For calls that are recorded when they return.
    Returns,
    /// If one of these bits of [`hook`] is set.
    Bits(u64),
}

/// One hook of the kernel: its tracepoint, when it is wanted, and our function for it.
struct Hook {
    tracepoint: &'static CStr,
    wanted: Wanted,
    function: fn() -> *mut c_void,
}

const fn hook(tracepoint: &'static CStr, wanted: Wanted, function: fn() -> *mut c_void) -> Hook {
    Hook {
        tracepoint,
        wanted,
        function,
    }
}

/// Only x86 has tracepoints for it.
const FAULT: u64 = if cfg!(target_arch = "x86_64") {
    hook::FAULT
} else {
    0
};

/// All hooks; life cycles first, so that no child is seen before its birth.
#[rustfmt::skip]
static HOOKS: [Hook; 9] = [
    hook(c"sched_process_fork", Wanted::Bits(hook::FORK), || process_fork as *mut c_void),
    hook(c"sched_process_exec", Wanted::Bits(hook::EXEC), || process_exec as *mut c_void),
    hook(c"sched_process_exit", Wanted::Bits(hook::EXIT), || process_exit as *mut c_void),
    hook(c"signal_deliver", Wanted::Bits(hook::SIGNAL), || signal_deliver as *mut c_void),
    hook(c"sched_switch", Wanted::Bits(hook::SWITCH), || sched_switch as *mut c_void),
    hook(c"page_fault_user", Wanted::Bits(FAULT), || page_fault as *mut c_void),
    hook(c"page_fault_kernel", Wanted::Bits(FAULT), || page_fault as *mut c_void),
    hook(c"sys_enter", Wanted::Entries, || sys_enter as *mut c_void),
    hook(c"sys_exit", Wanted::Returns, || sys_exit as *mut c_void),
];

/// The probes of a session, as its interest wants them: one for each of [`HOOKS`].
#[derive(Default)]
pub(crate) struct Probes([Option<Probe>; HOOKS.len()]);

impl Probes {
    /// Registers what the session wants and has not, unregisters what it has
    /// and does not want. After an error the rest is as it was.
    ///
    /// # Safety
    ///
    /// The session stays valid until after a `tracepoint::synchronize` that
    /// follows the drop of these probes.
    pub(crate) unsafe fn adjust(&mut self, session: &Session) -> Result {
        let hooks = session.hooks();
        let never_returns = |n: usize| never_returns(EVENT_BY_NUMBER[n]);
        let wanted = (0..SYSCALL_MAX).filter(|&n| session.wants(n));
        let entries = wanted.clone().any(never_returns);
        let exits = wanted.clone().any(|n| !never_returns(n));
        for (probe, hook) in self.0.iter_mut().zip(&HOOKS) {
            // Of calls user memory is read that may have to be paged in.
            let (on, faultable) = match hook.wanted {
                Wanted::Entries => (entries, true),
                Wanted::Returns => (exits, true),
                Wanted::Bits(bits) => (hooks & bits != 0, false),
            };
            if !on {
                *probe = None;
            } else if probe.is_none() {
                let data = core::ptr::from_ref(session).cast_mut().cast();
                // SAFETY: Each row pairs a tracepoint with a function of its
                // signature; the caller keeps the session.
                *probe = Some(unsafe {
                    Probe::register(hook.tracepoint, faultable, (hook.function)(), data)?
                });
            }
        }
        Ok(())
    }
}

/// Calls recorded at their entry, since there is no exit.
const fn never_returns(event: Event) -> bool {
    matches!(event, Event::Exit | Event::ExitGroup)
}

/// Numbers that may be such a call, of whatever program.
static MAY_NOT_RETURN: [u64; SYSCALL_WORDS] = {
    let mut numbers = [0; SYSCALL_WORDS];
    let mut n = 0;
    while n < SYSCALL_MAX {
        // Also `exit` and `exit_group` of 32-bit programs.
        let foreign = cfg!(target_arch = "x86_64") && matches!(n, 1 | 252);
        if foreign || never_returns(EVENT_BY_NUMBER[n]) {
            numbers[n / 64] |= 1 << (n % 64);
        }
        n += 1;
    }
    numbers
};

#[inline(always)]
fn may_not_return(id: usize) -> bool {
    id < SYSCALL_MAX && MAY_NOT_RETURN[id / 64] & 1 << (id % 64) != 0
}

/// The number of a system call.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn number(regs: *mut bindings::pt_regs) -> usize {
    // SAFETY: By contract. The number is an `int`.
    unsafe { (*regs).orig_ax as i32 as usize }
}

/// An argument of a system call of a 64-bit program.
///
/// # Safety
///
/// As above, of a call that `n`, below 6, is an argument of.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn argument(regs: *mut bindings::pt_regs, n: usize) -> usize {
    use bindings::pt_regs;
    use core::mem::offset_of;
    static AT: [u8; 6] = [
        offset_of!(pt_regs, di) as u8,
        offset_of!(pt_regs, si) as u8,
        offset_of!(pt_regs, dx) as u8,
        offset_of!(pt_regs, r10) as u8,
        offset_of!(pt_regs, r8) as u8,
        offset_of!(pt_regs, r9) as u8,
    ];
    let at = AT.get(n).copied().unwrap_or(0);
    // SAFETY: By contract; a register is at each of these offsets.
    unsafe { regs.byte_add(at.into()).cast::<usize>().read() }
}

/// # Safety
///
/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn number(regs: *mut bindings::pt_regs) -> usize {
    // SAFETY: By contract.
    unsafe { shim::falco_syscall_number(regs) as usize }
}

/// # Safety
///
/// As above.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn argument(regs: *mut bindings::pt_regs, n: usize) -> usize {
    let mut args = [0; 6];
    // SAFETY: By contract; six arguments, as every architecture has.
    unsafe { shim::falco_syscall_arguments(regs, args.as_mut_ptr()) };
    args.get(n).copied().unwrap_or(0)
}

/// A call of a 64-bit program.
///
/// # Safety
///
/// As above.
#[inline(always)]
unsafe fn native(regs: *mut bindings::pt_regs, number: usize, result: i64) -> Call {
    // SAFETY: By contract.
    let args = core::array::from_fn(|n| unsafe { argument(regs, n) });
    Call::new(number, args, result)
}

/// # Safety
///
/// `data` is what `Probes::adjust` registered.
#[inline]
unsafe fn session<'a>(data: *mut c_void) -> &'a Session {
    // SAFETY: By contract; the session outlives the probes.
    unsafe { &*data.cast::<Session>() }
}

/// Whether it may be a call of a 32-bit program.
#[inline(always)]
fn may_be_foreign(id: usize) -> bool {
    shim::falco_compat_syscall() || id & X32_BIT != 0
}

/// A call that may be of interest, and its event, if it is.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
unsafe fn read_call(
    session: &Session,
    regs: *mut bindings::pt_regs,
    id: usize,
    result: i64,
) -> Option<(Event, Call)> {
    if shim::falco_compat_syscall() {
        let mut args = [0; 6];
        // SAFETY: By contract; six arguments, as every architecture has.
        unsafe { shim::falco_syscall_arguments(regs, args.as_mut_ptr()) };
        return translate(session, id, args, result);
    }
    if id >= SYSCALL_MAX {
        return foreign(session, id, result);
    }
    // SAFETY: By contract.
    Some((EVENT_BY_NUMBER[id], unsafe { native(regs, id, result) }))
}

/// A call of a 32-bit program.
#[cold]
#[inline(never)]
fn translate(
    session: &Session,
    id: usize,
    args: compat::Args,
    result: i64,
) -> Option<(Event, Call)> {
    if cfg!(not(target_arch = "x86_64")) {
        // Its numbers are those of a table that there is not.
        if session.wants(id) {
            session.count_loss(Event::Syscall, Loss::Compat);
        }
        return None;
    }
    let call = compat::call(id, args)?;
    if !session.wants(call.number) {
        return None;
    }
    let Some(args) = call.args() else {
        session.count_loss(EVENT_BY_NUMBER[call.number], Loss::Fault);
        return None;
    };
    let mut found = Call::new(call.number, args, result);
    found.compat = true;
    found.time64 = call.time64;
    Some((EVENT_BY_NUMBER[call.number], found))
}

/// A number beyond the table. If it is one of x32, the name of the call is known;
/// its arguments are left alone.
#[cold]
#[inline(never)]
fn foreign(session: &Session, id: usize, result: i64) -> Option<(Event, Call)> {
    if cfg!(not(target_arch = "x86_64")) {
        return None;
    }
    let number = compat::x32(id)?;
    if !session.wants(number) {
        return None;
    }
    let mut call = Call::new(number, [0; 6], result);
    call.compat = true;
    Some((Event::Syscall, call))
}

/// # Safety
///
/// Called by the tracepoint `sys_enter` alone.
unsafe extern "C" fn sys_enter(data: *mut c_void, regs: *mut bindings::pt_regs, id: c_long) {
    let number = id as usize;
    // Most calls of interest are recorded when they return. `write` is one of these,
    // which has the number of a 32-bit program's `exit`.
    if may_not_return(number)
        && (never_returns(EVENT_BY_NUMBER[number % SYSCALL_MAX]) || shim::falco_compat_syscall())
    {
        // SAFETY: The tracepoint passes what was registered and the call's registers.
        unsafe { entered(session(data), regs, id) };
    }
}

/// Records a call that may not return.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[cold]
unsafe fn entered(session: &Session, regs: *mut bindings::pt_regs, id: c_long) {
    if !session.wants(id as usize) && !may_be_foreign(id as usize) {
        return;
    }
    // SAFETY: By contract.
    let Some((event, call)) = (unsafe { read_call(session, regs, id as usize, 0) }) else {
        return;
    };
    // Numbers of 32-bit programs are other calls.
    if !never_returns(event) {
        return;
    }
    let flags = if call.compat { flag::COMPAT } else { 0 };
    record(
        session,
        event,
        capture::way(event),
        &call,
        flags | flag::ENTRY,
    );
}

/// # Safety
///
/// Called by the tracepoint `sys_exit` alone.
unsafe extern "C" fn sys_exit(data: *mut c_void, regs: *mut bindings::pt_regs, result: c_long) {
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes the registers of this call. A number of -1
    // (no call, or one that a tracer cancelled) is out of every interest.
    let number = unsafe { number(regs) };
    // Two functions, so that what is not recorded needs no room on the stack.
    if session.wants(number) {
        // SAFETY: As above.
        unsafe { wanted(session, regs, number, result) }
    } else {
        // SAFETY: As above.
        unsafe { unwanted(session, regs, number, result) }
    }
}

/// Looks whether a number that is not of interest is one of another table.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[inline(never)]
unsafe fn unwanted(session: &Session, regs: *mut bindings::pt_regs, number: usize, result: c_long) {
    if may_be_foreign(number) {
        // SAFETY: By contract.
        unsafe { foreign_returned(session, regs, number, result) };
    }
}

/// Records a call whose number is of interest.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[inline(never)]
unsafe fn wanted(session: &Session, regs: *mut bindings::pt_regs, number: usize, result: c_long) {
    let event = EVENT_BY_NUMBER[number % SYSCALL_MAX];
    if shim::falco_compat_syscall() {
        // SAFETY: By contract.
        return unsafe { foreign_returned(session, regs, number, result) };
    }
    let (way, result) = (capture::way(event), shown(result));
    if way == Way::Registers {
        let task = Task::current();
        // None of these events has priority.
        if !is_left_out(session, result) && takes(session, event, false, task) {
            // SAFETY: By contract.
            let argument = |n: usize| unsafe { argument(regs, n) };
            session.publish(&mut capture::numbers(
                event, task, number, argument, result, 0,
            ));
        }
    } else if way == Way::Bytes && !session.wants_descriptor(number) {
        // SAFETY: By contract.
        unsafe { moved(session, event, regs, number, result) };
    } else {
        // SAFETY: By contract.
        unsafe { looked_up(session, event, way, regs, number, result) };
    }
}

/// Records a call through which bytes went, of which nobody asks what the descriptor is.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[inline(never)]
unsafe fn moved(
    session: &Session,
    event: Event,
    regs: *mut bindings::pt_regs,
    number: usize,
    result: i64,
) {
    if is_left_out(session, result) {
        return;
    }
    let (task, mut room) = (Task::current(), Few::new());
    // SAFETY: By contract.
    let argument = |n: usize| unsafe { argument(regs, n) };
    let limits = session.limits();
    match capture::bytes(event, task, number, argument, result, limits, &mut room) {
        // None of these events has priority.
        Some(mut record) if takes(session, event, false, task) => session.publish(&mut record),
        Some(_) => {}
        // SAFETY: By contract.
        None => unsafe { looked_up(session, event, Way::Bytes, regs, number, result) },
    }
}

/// Records a call of a 64-bit program whose parameters are looked up.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[inline(never)]
unsafe fn looked_up(
    session: &Session,
    event: Event,
    way: Way,
    regs: *mut bindings::pt_regs,
    number: usize,
    result: i64,
) {
    // SAFETY: By contract.
    let call = unsafe { native(regs, number, result) };
    returned(session, event, way, &call);
}

/// Whether it is a failed call, which are not wanted.
#[inline(always)]
fn is_left_out(session: &Session, result: i64) -> bool {
    result < 0 && session.hooks() & hook::NO_FAILED != 0
}

/// Whether the task's record is wanted.
#[inline(always)]
fn takes(session: &Session, event: Event, priority: bool, task: Task) -> bool {
    let own = session.hooks() & hook::NO_OWN != 0 && task.pid() == session.owner();
    !own && (priority || session.admits(event, task))
}

/// What the program sees of a result.
#[inline(always)]
fn shown(result: c_long) -> i64 {
    match result as i64 {
        // The kernel's own codes for "start again"; what the program would see,
        // if anything, is EINTR.
        -516..=-512 => EINTR.to_errno() as i64,
        result => result,
    }
}

/// Records a call of a program of another kind than the kernel.
///
/// # Safety
///
/// `regs` are those of the calling task's system call.
#[cold]
#[inline(never)]
unsafe fn foreign_returned(
    session: &Session,
    regs: *mut bindings::pt_regs,
    number: usize,
    result: c_long,
) {
    // SAFETY: By contract.
    if let Some((event, call)) = unsafe { read_call(session, regs, number, shown(result)) } {
        returned(session, event, capture::way(event), &call);
    }
}

/// Records a call that has returned.
#[inline(never)]
fn returned(session: &Session, event: Event, way: Way, call: &Call) {
    // A started program was recorded where the kernel started it.
    let recorded = way == Way::Entry || way == Way::Start && call.result() == 0;
    if recorded || is_left_out(session, call.result()) {
        return;
    }
    let flags = if call.compat { flag::COMPAT } else { 0 };
    record(session, event, way, call, flags);
}

/// Writes the record of a call.
#[inline(always)]
fn record(session: &Session, event: Event, way: Way, call: &Call, flags: u16) {
    let task = Task::current();
    // A start or a fork that failed is a call like all others.
    let priority = event.info().priority && call.result() >= 0;
    if !takes(session, event, priority, task) {
        return;
    }
    if matches!(way, Way::Registers | Way::Entry) {
        let argument = |n: usize| call.arg(n as u8);
        let (number, result) = (call.number() as usize, call.result());
        session.publish(&mut capture::numbers(
            event, task, number, argument, result, flags,
        ));
        return;
    }
    let slots = capture::slots(event, session.wants_descriptor(call.number() as usize));
    let write = |call: &Call| {
        session.record((event, slots), priority, task, |record| {
            record.mark(flags);
            capture::syscall(record, event, call, session.limits());
        });
    };
    if way == Way::Messages {
        capture::messages(call).for_each(|call| write(&call));
    } else {
        write(call);
    }
}

/// An event, all of whose parameters have slots.
fn whole(event: Event) -> (Event, usize) {
    (event, event.info().params.len())
}

/// # Safety
///
/// Called by the tracepoint `sched_process_exec` alone.
unsafe extern "C" fn process_exec(
    data: *mut c_void,
    _task: *mut bindings::task_struct,
    _old_pid: bindings::pid_t,
    bprm: *mut bindings::linux_binprm,
) {
    if !file::has_memory() {
        return;
    }
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes the program being started; its name is a
    // string that lives as long.
    let filename = unsafe { CStr::from_ptr(shim::falco_bprm_filename(bprm).cast()) };
    session.record(whole(Event::Execve), true, Task::current(), |record| {
        capture::exec(record, filename.to_bytes(), session.limits());
    });
}

/// # Safety
///
/// Called by the tracepoint `sched_process_fork` alone.
unsafe extern "C" fn process_fork(
    data: *mut c_void,
    parent: *mut bindings::task_struct,
    child: *mut bindings::task_struct,
) {
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes the caller and a child that does not run yet.
    let (parent, child) = unsafe { (Task::from_raw(parent), Task::from_raw(child)) };
    session.record(whole(Event::TaskNew), true, parent, |record| {
        capture::fork(record, parent, child);
    });
}

/// # Safety
///
/// Called by the tracepoint `sched_process_exit` alone.
unsafe extern "C" fn process_exit(data: *mut c_void, task: *mut bindings::task_struct) {
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes the calling task.
    let task = unsafe { Task::from_raw(task) };
    let values = capture::exit(task);
    session.publish(&mut Numbers {
        event: Event::Procexit,
        tid: task.tid(),
        pid: task.pid(),
        syscall: NO_SYSCALL,
        flags: 0,
        value: |i: usize| values[i],
    });
}

/// # Safety
///
/// Called by the tracepoint `signal_deliver` alone.
unsafe extern "C" fn signal_deliver(
    data: *mut c_void,
    signal: c_int,
    info: *mut bindings::kernel_siginfo,
    _action: *mut c_void,
) {
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes what is known of the signal.
    let sender = unsafe { shim::falco_signal_sender(info) };
    let task = Task::current();
    if session.admits(Event::Signaldeliver, task) {
        session.record(whole(Event::Signaldeliver), false, task, |record| {
            capture::signal(record, sender, signal);
        });
    }
}

/// A record of a hook that may be within the scheduler, where nobody can be woken: the
/// reader comes by itself, or is woken for the next record.
fn publish_quietly(session: &Session, event: Event, task: Task, value: impl Fn(usize) -> u64) {
    if session.admits(event, task) {
        session.publish_quietly(&mut Numbers {
            event,
            tid: task.tid(),
            pid: task.pid(),
            syscall: NO_SYSCALL,
            flags: 0,
            value,
        });
    }
}

/// # Safety
///
/// Called by the tracepoint `sched_switch` alone.
unsafe extern "C" fn sched_switch(
    data: *mut c_void,
    _preempted: bool,
    _previous: *mut bindings::task_struct,
    next: *mut bindings::task_struct,
    _state: c_uint,
) {
    // SAFETY: The tracepoint passes what was registered, and a task that is about to run.
    let (session, next) = unsafe { (session(data), Task::from_raw(next)) };
    // The one before is the calling task until the switch is done.
    let values = capture::switch(next);
    publish_quietly(session, Event::Switch, Task::current(), |i| values[i]);
}

/// # Safety
///
/// Called by the tracepoints `page_fault_user` and `page_fault_kernel` alone.
unsafe extern "C" fn page_fault(
    data: *mut c_void,
    address: c_ulong,
    regs: *mut bindings::pt_regs,
    error: c_ulong,
) {
    // SAFETY: The tracepoint passes what was registered.
    let session = unsafe { session(data) };
    // SAFETY: The tracepoint passes the registers at the fault.
    let instruction = unsafe { shim::falco_instruction_pointer(regs) };
    let values = capture::page_fault(address, instruction, error);
    publish_quietly(session, Event::PageFault, Task::current(), |i| values[i]);
}
