//! Which processors a thread runs on.

use anyhow::ensure;
use nix::libc;

/// The processors that this program may use.
pub(crate) fn processors() -> anyhow::Result<Vec<usize>> {
    // SAFETY: A set of no processors is all zeros.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: The set is as large as that.
    let status = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    ensure!(status == 0, "sched_getaffinity failed");
    // SAFETY: The numbers are within the set.
    let is_in = |&cpu: &usize| unsafe { libc::CPU_ISSET(cpu, &set) };
    Ok((0..libc::CPU_SETSIZE as usize).filter(is_in).collect())
}

/// Keeps the calling thread on these processors.
pub(crate) fn stay_on(processors: &[usize]) -> anyhow::Result<()> {
    // SAFETY: A set of no processors is all zeros.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in processors {
        // SAFETY: The numbers are those of `processors`.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: The set is as large as that.
    let status = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    ensure!(status == 0, "sched_setaffinity failed");
    Ok(())
}
