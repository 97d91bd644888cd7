//! System calls that are refused from the start on.
//!
//! What the program and its libraries need changes with their versions; what
//! they never need does not. So a list of that is refused, with `EPERM`, and
//! the unit for systemd has the narrower list of what is permitted.

use std::collections::BTreeMap;

use anyhow::Context as _;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter_all_threads};

use crate::config::{Config, EngineKind};

/// What changes the machine, other processes or the namespaces of this one, and
/// ways around the checks of files.
const NEVER: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mknodat,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
];

/// What only a source of events needs that is in BPF programs.
const BPF: &[libc::c_long] = &[libc::SYS_bpf, libc::SYS_perf_event_open];

/// What starts another program.
const EXEC: &[libc::c_long] = &[libc::SYS_execve, libc::SYS_execveat];

/// Refuses all of them from now on, for every thread and whatever is started:
/// other programs too, unless one is to get alerts.
pub(super) fn refuse(config: &Config, source: EngineKind) -> anyhow::Result<()> {
    let bpf = match source {
        EngineKind::ModernEbpf => &[][..],
        _ => BPF,
    };
    let exec = match config.outputs.program.enabled {
        true => &[][..],
        false => EXEC,
    };
    let program = program([NEVER, bpf, exec].concat())?;
    apply_filter_all_threads(&program).context("the kernel does not take the filter")
}

fn program(calls: Vec<libc::c_long>) -> anyhow::Result<BpfProgram> {
    let arch: TargetArch = std::env::consts::ARCH
        .try_into()
        .context("not on this architecture")?;
    let filter = SeccompFilter::new(
        // Without a condition on arguments.
        calls
            .into_iter()
            .map(|call| (call, Vec::new()))
            .collect::<BTreeMap<_, _>>(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        arch,
    )
    .context("the filter is wrong")?;
    filter.try_into().context("the filter is too long")
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::process::Command;
    use std::thread;

    use seccompiler::apply_filter;

    use super::*;

    #[test]
    fn what_is_refused() {
        let alone = thread::spawn(|| {
            apply_filter(&program([NEVER, BPF, EXEC].concat()).unwrap()).unwrap();
            let error = Command::new("/bin/true").status().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            let own = nix::unistd::gethostname().unwrap();
            let refused = nix::unistd::sethostname(own).unwrap_err();
            assert_eq!(refused, nix::errno::Errno::EPERM);
            // Everything else works.
            assert!(File::open("/proc/self/status").is_ok());
            assert!(thread::spawn(|| 1).join().is_ok());
        });
        alone.join().unwrap();
        // Of that thread alone.
        assert!(Command::new("/bin/true").status().unwrap().success());
    }
}
