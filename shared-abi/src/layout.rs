// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Every size and offset on which both halves must agree, as numbers that can
//! be taken out of either build and compared without running it.

use core::mem::{offset_of, size_of};

use super::control::{Interest, Setup, Stats, Version};
use super::event;
use super::record::RecordHeader;
use super::ring::{ConsumerPage, ProducerPage, RING_DEFAULT, RING_MIN};
use super::syscall;

macro_rules! layout {
    ($( $name:literal = $value:expr; )*) => {
        /// Names of [`VALUES`], in order.
        pub const NAMES: &[&str] = &[$( $name ),*];
        /// The numbers.
        pub const VALUES: [u64; NAMES.len()] = [$( $value as u64 ),*];
    };
}

layout! {
    "ABI_VERSION" = super::ABI_VERSION;
    "RecordHeader" = size_of::<RecordHeader>();
    "RecordHeader.len" = offset_of!(RecordHeader, len);
    "RecordHeader.event" = offset_of!(RecordHeader, event);
    "RecordHeader.cpu" = offset_of!(RecordHeader, cpu);
    "RecordHeader.ts" = offset_of!(RecordHeader, ts);
    "RecordHeader.missing" = offset_of!(RecordHeader, missing);
    "RecordHeader.tid" = offset_of!(RecordHeader, tid);
    "RecordHeader.pid" = offset_of!(RecordHeader, pid);
    "RecordHeader.slots" = offset_of!(RecordHeader, slots);
    "RecordHeader.flags" = offset_of!(RecordHeader, flags);
    "RecordHeader.syscall" = offset_of!(RecordHeader, syscall);
    "ProducerPage" = size_of::<ProducerPage>();
    "ProducerPage.magic" = offset_of!(ProducerPage, magic);
    "ProducerPage.size" = offset_of!(ProducerPage, size);
    "ProducerPage.cpu" = offset_of!(ProducerPage, cpu);
    "ProducerPage.reserved" = offset_of!(ProducerPage, reserved);
    "ProducerPage.committed" = offset_of!(ProducerPage, committed);
    "ProducerPage.records" = offset_of!(ProducerPage, records);
    "ProducerPage.lost" = offset_of!(ProducerPage, lost);
    "ProducerPage.faults" = offset_of!(ProducerPage, faults);
    "ConsumerPage" = size_of::<ConsumerPage>();
    "ConsumerPage.consumed" = offset_of!(ConsumerPage, consumed);
    "Version" = size_of::<Version>();
    "Version.cpus" = offset_of!(Version, cpus);
    "Version.digest" = offset_of!(Version, digest);
    "Version.ring_bytes" = offset_of!(Version, ring_bytes);
    "Setup" = size_of::<Setup>();
    "Setup.watermark" = offset_of!(Setup, watermark);
    "Setup.digest" = offset_of!(Setup, digest);
    "Setup.ring_bytes" = offset_of!(Setup, ring_bytes);
    "Setup.snaplen" = offset_of!(Setup, snaplen);
    "Setup.port_snaplen" = offset_of!(Setup, port_snaplen);
    "Setup.port_first" = offset_of!(Setup, port_first);
    "Setup.port_last" = offset_of!(Setup, port_last);
    "Setup.throttle" = offset_of!(Setup, throttle);
    "Setup.throttle_group" = offset_of!(Setup, throttle_group);
    "Setup.strings" = offset_of!(Setup, strings);
    "Interest" = size_of::<Interest>();
    "Interest.descriptors" = offset_of!(Interest, descriptors);
    "Interest.hooks" = offset_of!(Interest, hooks);
    "Stats" = size_of::<Stats>();
    "Stats.records" = offset_of!(Stats, records);
    "Stats.lost" = offset_of!(Stats, lost);
    "Stats.faults" = offset_of!(Stats, faults);
    "Stats.lost_no_ring" = offset_of!(Stats, lost_no_ring);
    "IOCTL_VERSION" = super::control::IOCTL_VERSION;
    "IOCTL_SETUP" = super::control::IOCTL_SETUP;
    "IOCTL_INTEREST" = super::control::IOCTL_INTEREST;
    "IOCTL_STATS" = super::control::IOCTL_STATS;
    "events" = event::EVENTS.len();
    "events.digest" = event::DIGEST;
    "syscalls" = syscall::SYSCALLS.len();
    "syscalls.digest" = syscall::DIGEST;
}

/// Fingerprint of [`VALUES`]: two builds with the same one understand each other.
pub const DIGEST: u64 = {
    let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
    let mut i = 0;
    while i < VALUES.len() {
        hash = (hash ^ VALUES[i]).wrapping_mul(0x0000_0100_0000_01B3);
        hash ^= hash >> 29;
        i += 1;
    }
    hash
};

const _: () = {
    assert!(offset_of!(ProducerPage, reserved) == 64);
    assert!(offset_of!(ProducerPage, committed) == 72);
    assert!(offset_of!(ProducerPage, lost) == 128);
    assert!(size_of::<ProducerPage>() <= 4096);
    assert!(size_of::<ConsumerPage>() == 64);
    assert!(RING_MIN.is_power_of_two() && RING_DEFAULT.is_power_of_two());
};
