//! A machine that is a directory: its proc file system is what a test writes.

use std::path::PathBuf;
use std::sync::Arc;

use falco_engine::metadata::Containers;
use falco_engine::state::State;

/// The container that its processes are in.
pub(crate) const ID: &str = "7939f7035e61aa00bb11cc22dd33ee44ff5566778899aabbccddeeff00112233";

/// A directory in place of the root of the host.
pub(crate) struct Root(pub(crate) PathBuf);

impl Root {
    pub(crate) fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("state-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("etc")).unwrap();
        std::fs::create_dir_all(root.join("proc")).unwrap();
        Self(root)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn process(&self, tid: u32, pid: u32, ptid: u32, comm: &str) {
        let status = format!("Tgid:\t{pid}\nPPid:\t{ptid}\nUid:\t0\t33\t0\t0\nNSpid:\t{tid}\t3\n");
        let stat = format!("{tid} ({comm}) S 1 1 1 0 1 0 1 0 1 0 0 0 0 0 20 0 1 0 100 1 1");
        // Threads that are not the first are reachable, but not listed.
        self.write(&format!("proc/{tid}/status"), &status);
        self.write(&format!("proc/{tid}/stat"), &stat);
        self.write(&format!("proc/{pid}/task/{tid}/comm"), comm);
        if tid == pid {
            self.write(&format!("proc/{tid}/cmdline"), &format!("{comm}\0-x\0"));
            self.write(&format!("proc/{tid}/loginuid"), "1000");
            let cgroup = format!("0::/system.slice/docker-{ID}.scope\n");
            self.write(&format!("proc/{tid}/cgroup"), &cgroup);
        }
    }

    pub(crate) fn state(&self) -> State {
        State::of_host(&self.0, Arc::new(Containers::new())).unwrap()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
