//! What the program gives up before it reads the first event: most of what root
//! may do, root's own identity, and the system calls that it never needs.
//!
//! The unit for systemd gives up more; this is for those who start the program
//! otherwise, too. Landlock is not used: who is confined by it may not look
//! into processes that are not, and that is what `/proc` is read for.

mod account;
mod calls;

use anyhow::{Context as _, bail};
use log::{debug, info, warn};
use nix::unistd::geteuid;
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set,
    set_capabilities, set_keep_capabilities, set_no_new_privs,
};

use crate::config::{Config, EngineKind};
use account::Account;

/// What is still needed: the device (`PERFMON`), `/proc` of every process and files
/// of rules (`SYS_PTRACE`, `DAC_READ_SEARCH`), and, if somebody wants it, a small
/// port for the web server.
const KEPT: CapabilitySet = CapabilitySet::PERFMON
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::NET_BIND_SERVICE);

/// For eBPF programs of a rule that comes later. The limit of their memory, which `SYS_RESOURCE`
/// is for, was raised when the first were loaded.
const EBPF: CapabilitySet = CapabilitySet::BPF;

/// Gives up the rest. Must be called before there are other threads, since each
/// has its own, and after the device is open, which belongs to root.
///
/// `source` is where events really come from. Whatever cannot be given up is told in
/// the log; the program goes on.
pub(super) fn drop_privileges(config: &Config, source: EngineKind) {
    if let Err(error) = drop_capabilities(config, source) {
        warn!("capabilities cannot be given up: {error}");
    }
    if config.privileges.seccomp
        && let Err(error) = calls::refuse(config, source)
    {
        warn!("system calls cannot be given up: {error:#}");
    }
}

fn drop_capabilities(config: &Config, source: EngineKind) -> Result<(), Errno> {
    set_no_new_privs(true)?;
    let kept = match source {
        EngineKind::ModernEbpf => KEPT.union(EBPF),
        _ => KEPT,
    };
    let now = capabilities(None)?;
    if now.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(kept).iter() {
            match remove_capability_from_bounding_set(capability) {
                // The kernel is older than the capability.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(error) => return Err(error),
            }
        }
    }
    // With another user the permitted ones stay, if that is asked for.
    set_keep_capabilities(true)?;
    if geteuid().is_root()
        && let Err(error) = become_user(config)
    {
        warn!("goes on as root: {error:#}");
    }
    let left = now.permitted & kept;
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

/// Becomes the user that the configuration names, if that user can write what
/// must be written.
fn become_user(config: &Config) -> anyhow::Result<()> {
    let name = config.privileges.user.as_str();
    if name.is_empty() || name == "root" {
        return Ok(());
    }
    let Some(account) = Account::find(name, config) else {
        bail!("there is no user `{name}` (privileges.user)");
    };
    account
        .enter(config)
        .with_context(|| format!("cannot become the user `{name}`"))?;
    info!("runs as the user `{name}`");
    Ok(())
}
