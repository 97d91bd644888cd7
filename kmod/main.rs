// SPDX-License-Identifier: GPL-2.0-only

//! `falco_kmod`: writes what tasks do into one ring per CPU, for one reader of
//! `/dev/falco`.
//!
//! A hook fires ([`probe`]); the facts are read ([`capture`], [`task`],
//! [`file`], [`socket`], [`user`]) into a scratch buffer with preemption on,
//! since user memory may have to be paged in; then, with preemption off, the
//! finished record is copied into the CPU's [`ring`]. [`device`] is what the
//! reader talks to, [`session`] what lives as long as its open file.

use kernel::prelude::*;

#[allow(dead_code, unreachable_pub)]
#[path = "../shared-abi/src/abi.rs"]
mod abi;

mod buffers;
mod capture;
mod cgroup;
mod clock;
mod compat;
mod device;
mod file;
mod memory;
mod preempt;
mod probe;
mod record;
mod ring;
mod scratch;
mod session;
mod shim;
mod socket;
mod statistics;
mod task;
mod throttle;
mod tracepoint;
mod user;
mod values;
mod walk;

module! {
    type: FalcoModule,
    name: "falco_kmod",
    authors: ["The falco-engine developers"],
    description: "System-call and process records for falco-engine",
    license: "GPL",
    params: {
        ring_bytes: u64 {
            default: 8388608,
            description: "Bytes of each CPU's ring unless the reader asks for another size; a power of two",
        },
    },
}

/// The numbers of the record layout, readable in the built file without
/// loading it.
#[used]
#[link_section = ".falco.layout"]
static LAYOUT: [u64; abi::layout::VALUES.len()] = abi::layout::VALUES;

#[pin_data]
struct FalcoModule {
    #[pin]
    device: device::Registration,
}

impl kernel::InPlaceModule for FalcoModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device <- device::Registration::new(),
        })
    }
}
