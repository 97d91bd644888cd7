// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! `/dev/falco`: ioctl numbers, their arguments, and what can be mapped.

use super::event::{Event, CLASSES};
use super::record::{HEADER_SIZE, MAX_RECORD};
use super::ring::LOSSES;
use super::syscall::SYSCALL_WORDS;

/// Path of the device node.
pub const DEVICE_PATH: &str = "/dev/falco";
/// Name under which the device is registered.
pub const DEVICE_NAME: &str = "falco";

const MAGIC: u32 = 0xFA;
const WRITE: u32 = 1;
const READ: u32 = 2;

/// The kernel's own composition of an ioctl number.
const fn number(direction: u32, nr: u32, size: usize) -> u32 {
    direction << 30 | (size as u32) << 16 | MAGIC << 8 | nr
}

/// Reads [`Version`]. Allowed at any time.
pub const IOCTL_VERSION: u32 = number(READ, 0, core::mem::size_of::<Version>());
/// Takes [`Setup`], makes the rings. Once for each open, before any mapping.
pub const IOCTL_SETUP: u32 = number(WRITE, 1, core::mem::size_of::<Setup>());
/// Takes [`Interest`], attaches and detaches hooks. As often as wanted.
pub const IOCTL_INTEREST: u32 = number(WRITE, 2, core::mem::size_of::<Interest>());
/// Reads [`Stats`] of the CPU that is asked for. After setup.
pub const IOCTL_STATS: u32 = number(READ | WRITE, 3, core::mem::size_of::<Stats>());

/// What the kernel half was built from.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// [`super::ABI_VERSION`] of the kernel half.
    pub abi: u32,
    /// One more than the highest CPU number that can ever have a ring.
    pub cpus: u32,
    /// [`super::layout::DIGEST`] of the kernel half.
    pub digest: u64,
    /// Ring size in bytes that a [`Setup`] of 0 gives (module parameter).
    pub ring_bytes: u64,
}

/// What a reader asks for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// [`super::ABI_VERSION`] of the reader; another one is refused (`EPROTO`).
    pub abi: u32,
    /// Bytes in one ring from which a waiting reader is woken; 0 means any.
    pub watermark: u32,
    /// [`super::layout::DIGEST`] of the reader; another one is refused (`EPROTO`).
    pub digest: u64,
    /// Bytes of each ring, a power of two, or 0 for the module's default.
    pub ring_bytes: u64,
    /// Bytes to record of what goes through a descriptor, at most
    /// [`SNAPLEN_MAX`]; 0 for [`SNAPLEN_DEFAULT`].
    pub snaplen: u32,
    /// The same for sockets of which either port is within the next two; 0: the
    /// same as for all.
    pub port_snaplen: u32,
    /// First port.
    pub port_first: u16,
    /// Last port.
    pub port_last: u16,
    /// Most records that a process may make in a second before the rest of that
    /// second's are left out; 0: as many as it likes. Process starts, forks and
    /// ends are not counted.
    pub throttle: u32,
    /// The same for all processes of a control group (of version 2) together.
    pub throttle_group: u32,
    /// Bytes to record of a program's arguments, and as many of its environment, at
    /// most [`STRINGS_MAX`]; 0 for [`STRINGS_DEFAULT`].
    pub strings: u32,
}

/// Bytes recorded of data unless something else is asked for.
pub const SNAPLEN_DEFAULT: u32 = 80;
/// Most bytes that can be recorded of data.
pub const SNAPLEN_MAX: u32 = 16 * 1024;
/// Bytes recorded of arguments and of environment unless something else is asked for.
pub const STRINGS_DEFAULT: u32 = 4096;
/// Most bytes that can be recorded of either.
pub const STRINGS_MAX: u32 = 8000;

/// Which hooks make records.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Bit `n`: system call `n` of the kernel's own architecture.
    pub syscalls: [u64; SYSCALL_WORDS],
    /// Bit `n`: records of that call also tell what its descriptor is, where the event has
    /// parameters for it ([`super::event::EventInfo::tells_of_fd`]). To find that out costs
    /// more than all the rest of a record.
    pub descriptors: [u64; SYSCALL_WORDS],
    /// [`hook`] bits.
    pub hooks: u64,
}

/// Bits of [`Interest::hooks`].
pub mod hook {
    /// A process image was replaced.
    pub const EXEC: u64 = 1 << 0;
    /// A task was made.
    pub const FORK: u64 = 1 << 1;
    /// A task ended.
    pub const EXIT: u64 = 1 << 2;
    /// A signal was delivered.
    pub const SIGNAL: u64 = 1 << 3;
    /// Another task is put on a CPU.
    pub const SWITCH: u64 = 1 << 4;
    /// A page was not there.
    pub const FAULT: u64 = 1 << 5;
    /// The life of processes.
    pub const ALL: u64 = EXEC | FORK | EXIT;
    /// No hook: system calls of the process that has the device open make no record.
    pub const NO_OWN: u64 = 1 << 62;
    /// No hook: system calls that fail make no record.
    pub const NO_FAILED: u64 = 1 << 63;
}

/// What became of records since setup.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Of which CPU, asked for by the reader; [`ALL_CPUS`]: sums over all of them.
    pub cpu: u64,
    /// Records written.
    pub records: u64,
    /// Records lost, by cause ([`super::ring::Loss`]), then class ([`super::event::Class`]).
    pub lost: [[u64; CLASSES]; LOSSES],
    /// Records written that lack a parameter whose memory could not be read, by class.
    pub faults: [u64; CLASSES],
    /// Records lost because their CPU has no ring, which no CPU should be without;
    /// the same whichever CPU is asked for.
    pub lost_no_ring: u64,
}

/// See [`Stats::cpu`].
pub const ALL_CPUS: u64 = u64::MAX;

/// What can be mapped; the ring's CPU and the region form the file offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Region {
    /// One page, [`super::ring::ProducerPage`], read-only.
    Producer = 0,
    /// One page, [`super::ring::ConsumerPage`], read-write.
    Consumer = 1,
    /// Twice the ring's size: the data area twice in a row, read-only.
    Data = 2,
}

const REGION_SHIFT: u32 = 32;
const CPU_SHIFT: u32 = 36;

/// File offset for `mmap` of a region of a CPU's ring.
pub const fn map_offset(cpu: u32, region: Region) -> u64 {
    (cpu as u64) << CPU_SHIFT | (region as u64) << REGION_SHIFT
}

/// The inverse of [`map_offset`]; `None` for an offset that names nothing.
pub const fn map_target(offset: u64) -> Option<(u32, Region)> {
    let region = match (offset >> REGION_SHIFT) & 0xF {
        0 => Region::Producer,
        1 => Region::Consumer,
        2 => Region::Data,
        _ => return None,
    };
    if offset & 0xFFFF_FFFF != 0 {
        return None;
    }
    Some(((offset >> CPU_SHIFT) as u32, region))
}

const _: () = {
    use core::mem::size_of;
    assert!(size_of::<Version>() == 24);
    assert!(size_of::<Setup>() == 48);
    assert!(size_of::<Interest>() == 8 * (2 * SYSCALL_WORDS + 1));
    assert!(size_of::<Stats>() == 8 * (CLASSES * (LOSSES + 1) + 3));
    // The record of a program has room for both, for four of the longest paths and for a name.
    let slots = Event::Execve.info().params.len();
    let rest = HEADER_SIZE + 8 * slots + 4 * 4096 + 16;
    assert!(rest + 2 * STRINGS_MAX as usize <= MAX_RECORD);
};
