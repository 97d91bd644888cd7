//! What the program gives up before it reads the first event: most of what root
//! may do, for itself and for whatever it starts.
//!
//! The unit for systemd gives up the same and more; this is for those who start
//! the program otherwise.

use log::{debug, warn};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities, set_no_new_privs,
};

/// What is still needed: the device (`PERFMON`), eBPF programs of a rule that is added
/// later (`BPF`, `SYS_RESOURCE` for their memory before Linux 5.11), `/proc` of every process and
/// files of rules (`SYS_PTRACE`, `DAC_READ_SEARCH`), and, if somebody wants it,
/// a small port for the web server.
const KEPT: CapabilitySet = CapabilitySet::PERFMON
    .union(CapabilitySet::BPF)
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// Gives up the rest. Must be called before there are other threads, since each
/// has its own.
pub(super) fn drop_privileges() {
    if let Err(error) = try_drop() {
        warn!("privileges cannot be given up: {error}");
    }
}

fn try_drop() -> Result<(), Errno> {
    set_no_new_privs(true)?;
    let now = capabilities(None)?;
    if now.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(KEPT).iter() {
            match remove_capability_from_bounding_set(capability) {
                // The kernel is older than the capability.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let left = now.permitted & KEPT;
    set_capabilities(
        None,
        CapabilitySets {
            effective: left,
            permitted: left,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    debug!("capabilities: {left:?}");
    Ok(())
}
