//! What the program and the machine use, from `/proc`.

use std::fs;

use crate::clock::SECOND;

/// Processor time and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Share of one processor that the program used since it started.
    pub cpu: f64,
    /// Memory that is there, in bytes.
    pub rss: u64,
    /// Memory that is mapped.
    pub vsz: u64,
    /// Memory that is there, what is shared counted in parts.
    pub pss: u64,
    /// Memory of the container or unit that the program runs in.
    pub container: u64,
    /// Share of all processors that the machine used since it started.
    pub host_cpu: f64,
    /// Memory that the machine uses.
    pub host_memory: u64,
    /// Processes that run or want to.
    pub host_running: u64,
    /// Descriptors that are open on the machine.
    pub host_fds: u64,
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The number behind a name, as in `MemTotal:  123 kB`.
fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Ticks in a second, in which the kernel counts processor time.
fn ticks() -> f64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks.ok().flatten().map_or(100.0, |ticks| ticks as f64)
}

/// Processors that are online.
pub fn cpus() -> u64 {
    let cpus = nix::unistd::sysconf(nix::unistd::SysconfVar::_NPROCESSORS_ONLN);
    cpus.ok().flatten().map_or(1, i64::cast_unsigned)
}

/// When the machine started, in nanoseconds since the epoch.
pub fn boot_time() -> u64 {
    number(&read("/proc/stat"), "btime") * SECOND
}

impl Usage {
    /// What is used now.
    pub fn now() -> Self {
        let status = read("/proc/self/status");
        let memory = read("/proc/meminfo");
        let stat = read("/proc/stat");
        let fds = read("/proc/sys/fs/file-nr");
        let kib = |text: &str, name| number(text, name) * 1024;
        Self {
            cpu: own_cpu(&read("/proc/self/stat"), &read("/proc/uptime"), ticks()),
            rss: kib(&status, "VmRSS:"),
            vsz: kib(&status, "VmSize:"),
            pss: kib(&read("/proc/self/smaps_rollup"), "Pss:"),
            container: container_memory(),
            host_cpu: host_cpu(&stat),
            host_memory: kib(&memory, "MemTotal:").saturating_sub(kib(&memory, "MemAvailable:")),
            host_running: number(&stat, "procs_running"),
            host_fds: number(&fds, ""),
        }
    }
}

/// The file that Falco's packages name, or that of our own control group.
fn container_memory() -> u64 {
    let file = std::env::var("FALCO_CGROUP_MEM_PATH").unwrap_or_else(|_| {
        let groups = read("/proc/self/cgroup");
        let own = groups.lines().find_map(|line| line.strip_prefix("0::"));
        format!("/sys/fs/cgroup{}/memory.current", own.unwrap_or_default())
    });
    number(&read(&file), "")
}

fn own_cpu(stat: &str, uptime: &str, ticks: f64) -> f64 {
    // The name, in brackets, can have blanks in it.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |index| {
        rest.split(' ')
            .nth(index)
            .and_then(|text| text.parse::<f64>().ok())
    };
    let (Some(user), Some(system), Some(start)) = (field(11), field(12), field(19)) else {
        return 0.0;
    };
    let uptime = uptime
        .split(' ')
        .next()
        .and_then(|text| text.parse::<f64>().ok());
    let lived = uptime.unwrap_or(0.0) - start / ticks;
    if lived <= 0.0 {
        return 0.0;
    }
    (user + system) / ticks / lived
}

fn host_cpu(stat: &str) -> f64 {
    let line = stat.lines().next().unwrap_or_default();
    let numbers = line.split_whitespace().skip(1);
    let times: Vec<f64> = numbers.filter_map(|text| text.parse().ok()).collect();
    // The last two are parts of the first two.
    let all: f64 = times.iter().take(8).sum();
    let idle: f64 = times.iter().skip(3).take(2).sum();
    if all > 0.0 { (all - idle) / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number("a: 1\nMemTotal:   17 kB\n", "MemTotal:"), 17);
        assert_eq!(number("12 3 4", ""), 12);
        assert_eq!(number("", "x"), 0);
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 1000 5 5";
        assert!((own_cpu(stat, "30.00 1.0", 100.0) - 0.1).abs() < 1e-9);
        assert_eq!(own_cpu("", "", 100.0), 0.0);
        assert!((host_cpu("cpu 10 0 10 70 10 0 0 0 5 5\n") - 0.2).abs() < 1e-9);
    }

    #[test]
    fn this_process_is_there() {
        let usage = Usage::now();
        assert!(
            usage.rss > 0 && usage.vsz >= usage.rss && usage.host_memory > 0,
            "{usage:?}"
        );
        assert!(usage.host_fds > 0 && cpus() > 0 && boot_time() > 0);
    }
}
