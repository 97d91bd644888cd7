// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The programs that make records where the kernel module cannot be loaded. The
//! records are the module's, and so is what each hook does (`kmod/probe.rs`); what
//! differs is how memory is reached and what the verifier must be able to follow.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod buffers;
mod call;
mod capture;
mod cgroup;
mod compat;
mod file;
mod kernel;
mod maps;
mod record;
mod ring;
mod socket;
mod task;
mod throttle;
mod values;

use aya_ebpf::helpers::generated as helper;
use falco_abi::control::hook;
use falco_abi::ebpf::constant::CHAINS;
use falco_abi::ebpf::{At, BARE, MESSAGES_MAX, message_program, setting};
use falco_abi::event::{Event, page_fault, procexit, signaldeliver, switch, task_new};
use falco_abi::flags;
use falco_abi::record::{HEADER_SIZE, flag};
use falco_abi::ring::Loss;

use call::Call;
use capture::Reader;
use kernel::{bounded, compat_status, constant, current, field};
use record::{Scratch, compat_flag, header, ids, whole};
use task::Id;

/// Without it the kernel gives no program the helpers that read memory.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 4] = *b"GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier admits no program that could get here.
    loop {}
}

/// A program with a section that says where it is attached.
macro_rules! attached {
    ($name:ident, $section:literal, $context:ident, $body:block) => {
        /// A program of this name.
        ///
        /// # Safety
        ///
        /// The kernel calls it at its tracepoint.
        #[unsafe(no_mangle)]
        #[unsafe(link_section = $section)]
        unsafe extern "C" fn $name($context: *const u64) -> i32 {
            $body
            0
        }
    };
}

/// A record of numbers alone, which is put together on the stack, and as bits the parameters
/// that have a value.
struct Numbers<const WORDS: usize>([u64; WORDS], u64);

impl<const WORDS: usize> Numbers<WORDS> {
    /// One in which all parameters are missing.
    const NONE: Self = Self([0; WORDS], 0);

    #[inline(always)]
    fn number(&mut self, slot: usize, value: u64) {
        self.0[HEADER_SIZE / 8 + slot] = value;
        self.1 |= 1 << slot;
    }
}

/// The event of a call of which all parameters are in registers.
macro_rules! numbers {
    ($name:ident, $event:ident, $slots:literal, $call:ident, $to:ident, $parameters:block) => {
        attached!($name, "tp_btf/sys_exit", context, {
            // SAFETY: The arguments of `sys_exit`.
            let call = unsafe { Call::new(context, *context.add(1) as i64, Event::$event) };
            let Some($call) = call else {
                return 0;
            };
            const WORDS: usize = HEADER_SIZE / 8 + $slots;
            let mut record = Numbers::<WORDS>::NONE;
            let $to = &mut record;
            $parameters
            publish_numbers(&mut record, Event::$event, $call.number, compat_flag($call.compat));
        });
    };
}

#[inline(always)]
fn publish_numbers<const WORDS: usize>(
    record: &mut Numbers<WORDS>,
    event: Event,
    number: u32,
    flags: u64,
) {
    let len = 8 * WORDS as u64;
    let to = record.0.as_mut_ptr();
    let missing = u64::MAX >> (64 - event.info().params.len()) & !record.1;
    let slots = WORDS - HEADER_SIZE / 8;
    header(to, (event, slots), len, ids(), flags, number, missing);
    ring::publish(to, len, event, event.info().priority);
}

/// The event of a call of which some parameters are elsewhere.
macro_rules! program {
    ($name:ident, $event:ident, $slots:literal, $call:ident, $to:ident, $parameters:block) => {
        attached!($name, "tp_btf/sys_exit", context, {
            // SAFETY: The arguments of `sys_exit`.
            let call = unsafe { Call::new(context, *context.add(1) as i64, Event::$event) };
            let Some($call) = call else {
                return 0;
            };
            if let Some(scratch) = Scratch::take((Event::$event, $slots)) {
                let mut reader = Reader::new(scratch, Event::$event, $call);
                let $to = &mut reader;
                $parameters
                // A start or a fork that failed is a call like all others.
                let priority = Event::$event.info().priority && $call.result >= 0;
                reader.scratch.publish((Event::$event, $slots), priority, ids(), $call.number);
                reader.scratch.free();
            }
        });
    };
}

/// The event of a call with several messages: one of them; then the next one's program.
macro_rules! messages {
    ($name:ident, $event:ident, $i:literal, $slots:literal, $call:ident, $to:ident, $parameters:block) => {
        attached!($name, "tp_btf/sys_exit", context, {
            // SAFETY: The arguments of `sys_exit`.
            let call = unsafe { Call::new(context, *context.add(1) as i64, Event::$event) };
            let Some(whole) = call else {
                return 0;
            };
            if let Some(scratch) = Scratch::take((Event::$event, $slots)) {
                let $call = capture::one_message(scratch, &whole, $i);
                let mut reader = Reader::new(scratch, Event::$event, $call);
                let $to = &mut reader;
                $parameters
                // A start or a fork that failed is a call like all others.
                let priority = Event::$event.info().priority && $call.result >= 0;
                reader.scratch.publish((Event::$event, $slots), priority, ids(), $call.number);
                reader.scratch.free();
            }
            let count = capture::message_count(&whole);
            if count > $i + 1 {
                if $i + 1 < MESSAGES_MAX && constant(CHAINS) != 0 {
                    // SAFETY: The context is this program's own.
                    unsafe { go_to(context, message_program(Event::$event, $i + 1) as u32) };
                }
                let more = count - $i - 1;
                ring::lost_many(Loss::NoMemory, Event::$event.info().class as usize, more);
            }
        });
    };
}

/// Goes on with a program of the table. Comes back only if there is none.
///
/// # Safety
///
/// The context is that of the running program.
#[inline(always)]
unsafe fn go_to(context: *const u64, program: u32) {
    // SAFETY: By contract.
    unsafe {
        let programs = (&raw const maps::PROGRAMS).cast_mut().cast();
        helper::bpf_tail_call(context.cast_mut().cast(), programs, program);
    }
}

/// What `build.rs` has made of the table of events.
#[macro_use]
mod calls {
    // The sources of parameters by their plain names, as they are printed.
    use falco_abi::event::Fact::*;
    use falco_abi::event::Field::*;
    use falco_abi::event::Quota::*;

    use super::*;

    include!(concat!(env!("OUT_DIR"), "/programs.rs"));
}

/// The event of a call that may be of interest, or one more than that, of its registers;
/// and whether the number that the program named is that of the call. What is not of
/// interest costs as little as possible.
#[inline(always)]
fn interest(regs: u64) -> (u32, bool) {
    let number = call::raw_number(regs);
    let Some(&[own, foreign]) = maps::INTEREST.get(number) else {
        let entry = maps::INTEREST.get(compat::x32(number));
        let is_wanted = entry.is_some_and(|[own, _]| *own != 0);
        return (
            if is_wanted {
                Event::Syscall as u32 + 1
            } else {
                0
            },
            false,
        );
    };
    if own == 0 && foreign == 0 {
        return (0, true);
    }
    if compat_status() == 0 {
        (own, true)
    } else if compat::is_known() {
        (compat::interest(foreign, regs), false)
    } else {
        // The number is one of another table.
        ring::lost(Loss::Compat, falco_abi::event::Class::Other as usize);
        (0, false)
    }
}

attached!(sys_exit, "tp_btf/sys_exit", context, {
    // SAFETY: The arguments of `sys_exit`.
    let (regs, result) = unsafe { (*context, *context.add(1) as i64) };
    let (entry, is_own) = interest(regs);
    if entry == 0 {
        return 0;
    }
    let event = entry - 1;
    let exec = event == Event::Execve as u32 || event == Event::Execveat as u32;
    // A started program was recorded where the kernel started it.
    if exec && result == 0 {
        return 0;
    }
    let hooks = maps::setting(setting::HOOKS);
    if result < 0 && hooks & hook::NO_FAILED != 0 {
        return 0;
    }
    if hooks & hook::NO_OWN != 0 && ids() >> 32 == maps::setting(setting::OWNER) {
        return 0;
    }
    if !throttle::admits(event & (BARE - 1), result) {
        return 0;
    }
    if is_own && event == Event::Syscall as u32 && !ring::is_behind() {
        // Made here: it takes less than to go on with another program. Without a function,
        // with which old kernels let nobody do that, so that losses are told by that one.
        let call = Call::plain(regs, result);
        let mut record = Numbers::<{ HEADER_SIZE / 8 + Event::Syscall.info().params.len() }>::NONE;
        let to = &mut record;
        syscall_parameters!(call, to);
        let len = 8 * record.0.len() as u64;
        let to = record.0.as_mut_ptr();
        header(to, whole(Event::Syscall), len, ids(), 0, call.number, 0);
        ring::publish_quietly(to, len, Event::Syscall, false);
        return 0;
    }
    // SAFETY: The context is this program's own.
    unsafe { go_to(context, event) };
    // There is no such program, which the loader does not let happen.
    ring::lost(Loss::Invalid, falco_abi::event::Class::Other as usize);
});

/// Whether an entry of the table of interest is a call that does not return.
#[inline(always)]
fn never_returns(entry: u32) -> bool {
    entry == Event::Exit as u32 + 1 || entry == Event::ExitGroup as u32 + 1
}

attached!(sys_enter, "tp_btf/sys_enter", context, {
    // SAFETY: The arguments of `sys_enter`.
    let regs = unsafe { *context };
    let Some(&[own, foreign]) = maps::INTEREST.get(call::raw_number(regs)) else {
        return 0;
    };
    // Most calls of interest are recorded when they return.
    if !never_returns(own) && !never_returns(foreign) {
        return 0;
    }
    let (entry, _) = interest(regs);
    if !never_returns(entry) {
        return 0;
    }
    let is_own = maps::setting(setting::HOOKS) & hook::NO_OWN != 0
        && ids() >> 32 == maps::setting(setting::OWNER);
    if is_own || !throttle::admits(entry - 1, 0) {
        return 0;
    }
    // SAFETY: The context is that of the tracepoint. Both calls have their argument in
    // a register.
    let Some(call) = (unsafe { Call::new(context, 0, Event::Exit) }) else {
        return 0;
    };
    let mut record = Numbers::<{ HEADER_SIZE / 8 + 1 }>::NONE;
    record.number(0, call.signed_of(0));
    let flags = u64::from(flag::ENTRY) | compat_flag(call.compat);
    if entry == Event::Exit as u32 + 1 {
        publish_numbers(&mut record, Event::Exit, call.number, flags);
    } else {
        publish_numbers(&mut record, Event::ExitGroup, call.number, flags);
    }
});

// Attached for a moment when the reader is in a pid namespace of its own, where it does not
// learn which number it has outside.
attached!(find_owner, "tp_btf/sys_enter", _context, {
    let task = current();
    if task::namespaced(task, Id::Process) == maps::setting(setting::OWN_PID)
        && task::pidns(task) == maps::setting(setting::OWN_SPACE)
    {
        maps::set(setting::OWNER, ids() >> 32);
    }
});

attached!(process_exec, "tp_btf/sched_process_exec", context, {
    // SAFETY: The third argument of `sched_process_exec` is the program.
    let program = unsafe { *context.add(2) };
    if task::has_memory(current()) {
        if let Some(scratch) = Scratch::take(whole(Event::Execve)) {
            let call = Call::none();
            let mut reader = Reader::new(scratch, Event::Execve, call);
            reader.program = field(program, At::ProgramName);
            let to = &mut reader;
            {
                use falco_abi::event::Fact::*;
                execve_parameters!(call, to);
            }
            reader.scratch.publish_own(Event::Execve, ids());
            reader.scratch.free();
        }
    }
});

attached!(process_fork, "tp_btf/sched_process_fork", context, {
    use task_new::Slot;
    // SAFETY: The arguments of `sched_process_fork`.
    let (parent, child) = unsafe { (*context, *context.add(1)) };
    if let Some(scratch) = Scratch::take(whole(Event::TaskNew)) {
        scratch.number(Slot::tid as usize, task::tid(child).into());
        scratch.number(Slot::pid as usize, task::pid(child).into());
        scratch.number(Slot::ptid as usize, task::ppid(child));
        scratch.number(Slot::vtid as usize, task::namespaced(child, Id::Thread));
        scratch.number(Slot::vpid as usize, task::namespaced(child, Id::Process));
        task::put_comm(scratch, Slot::comm as usize, parent);
        scratch.number(Slot::start as usize, task::start(child));
        scratch.number(Slot::pidns as usize, task::pidns(child));
        scratch.publish_own(Event::TaskNew, ids());
        scratch.free();
    }
});

attached!(process_exit, "tp_btf/sched_process_exit", context, {
    use procexit::Slot;
    // SAFETY: The argument of `sched_process_exit`.
    let task = unsafe { *context };
    if let Some(scratch) = Scratch::take(whole(Event::Procexit)) {
        let code: i32 = field(task, At::TaskExitCode);
        scratch.number(Slot::status as usize, i64::from(code) as u64);
        scratch.number(Slot::ret as usize, (code >> 8 & 0xFF) as u64);
        scratch.number(Slot::sig as usize, (code & 0x7F) as u64);
        scratch.number(Slot::core as usize, (code >> 7 & 1) as u64);
        scratch.number(Slot::reaper_tid as usize, task::reaper(task));
        scratch.publish_own(Event::Procexit, ids());
        scratch.free();
    }
});

attached!(signal_deliver, "tp_btf/signal_deliver", context, {
    use signaldeliver::Slot;
    const SIGCHLD: i32 = 17;
    // SAFETY: The arguments of `signal_deliver`.
    let (signal, info) = unsafe { (*context as i32, *context.add(1)) };
    let from_a_process =
        field::<i32>(info, At::SignalCode) <= 0 || field::<i32>(info, At::SignalNumber) == SIGCHLD;
    // 0 and 1 stand for signals of which nothing more is known.
    let sender = if info > 1 && from_a_process {
        field::<i32>(info, At::SignalSender)
    } else {
        0
    };
    if throttle::admits(Event::Signaldeliver as u32, 0) {
        let mut record = Numbers::<{ HEADER_SIZE / 8 + 3 }>::NONE;
        record.number(Slot::spid as usize, i64::from(sender) as u64);
        record.number(
            Slot::dpid as usize,
            bounded::<-1>(task::tid(current()).into()),
        );
        record.number(Slot::sig as usize, i64::from(signal) as u64);
        publish_numbers(
            &mut record,
            Event::Signaldeliver,
            falco_abi::record::NO_SYSCALL,
            0,
        );
    }
});

attached!(sched_switch, "tp_btf/sched_switch", context, {
    use switch::Slot;
    // SAFETY: The arguments of `sched_switch`: the one before is the calling task.
    let (previous, next) = unsafe { (*context.add(1), *context.add(2)) };
    if throttle::admits(Event::Switch as u32, 0) {
        let mut record = Numbers::<{ HEADER_SIZE / 8 + 6 }>::NONE;
        record.number(Slot::next as usize, task::tid(next).into());
        record.number(Slot::pgft_maj as usize, field(previous, At::TaskMajFlt));
        record.number(Slot::pgft_min as usize, field(previous, At::TaskMinFlt));
        let [size, rss, swap] = task::memory(previous);
        record.number(Slot::vm_size as usize, size);
        record.number(Slot::vm_rss as usize, rss);
        record.number(Slot::vm_swap as usize, swap);
        publish_numbers(&mut record, Event::Switch, falco_abi::record::NO_SYSCALL, 0);
    }
});

/// A page fault of a program or of the kernel.
#[inline(always)]
fn fault(address: u64, regs: u64, error: u64) {
    use page_fault::Slot;
    // Addresses of the kernel, which are those of the upper half, are told to nobody.
    let of_program = |address: u64| if (address as i64) < 0 { 0 } else { address };
    if throttle::admits(Event::PageFault as u32, 0) {
        let mut record = Numbers::<{ HEADER_SIZE / 8 + 3 }>::NONE;
        record.number(Slot::addr as usize, of_program(address));
        record.number(Slot::ip as usize, of_program(field(regs, At::RegsIp)));
        record.number(
            Slot::error as usize,
            flags::page_fault::from_kernel(error).into(),
        );
        publish_numbers(
            &mut record,
            Event::PageFault,
            falco_abi::record::NO_SYSCALL,
            0,
        );
    }
}

attached!(page_fault_user, "tp_btf/page_fault_user", context, {
    // SAFETY: The arguments of the tracepoint.
    unsafe { fault(*context, *context.add(1), *context.add(2)) };
});

attached!(page_fault_kernel, "tp_btf/page_fault_kernel", context, {
    // SAFETY: The arguments of the tracepoint.
    unsafe { fault(*context, *context.add(1), *context.add(2)) };
});
