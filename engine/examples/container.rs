//! Asks the runtimes of this machine about the containers of processes and prints
//! what they tell: `container PID...`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use falco_engine::metadata::endpoint::Limits;
use falco_engine::metadata::engines::Engines;
use falco_engine::metadata::runtimes::Runtimes;
use falco_engine::metadata::{Containers, cgroup};

fn main() -> anyhow::Result<()> {
    let containers = Arc::new(Containers::new());
    let limits = Limits::default();
    Runtimes::start(Path::new("/"), Engines::default(), limits, &containers)?;
    let mut all = Vec::new();
    for pid in std::env::args().skip(1) {
        let path = format!("/proc/{pid}/cgroup");
        let groups = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
        let Some((id, runtime)) = paths.into_iter().find_map(cgroup::of_path) else {
            bail!("{path} names no container");
        };
        all.push(containers.get(&id, runtime));
    }
    containers.settle(Duration::from_secs(5));
    for container in all {
        println!("{} {:#?}", container.full_id(), container.info());
    }
    Ok(())
}
