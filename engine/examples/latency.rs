//! How long it takes from the return of a system call to the line of its alert.
//!
//! `latency FILE COUNT [journal]` opens paths that are not there, one at a time,
//! each named in an alert of a rule that waits for them, and waits for each line
//! in the file of alerts. With `journal` it asks the journal afterwards when it
//! got the same alerts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use serde_json::Value;
use std::os::fd::AsFd as _;

/// The paths, which the rule knows too, up to their numbers.
const PATH: &str = "/latency-probe/";
/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);
/// How long a line may take, in milliseconds.
const PATIENCE: u16 = 10_000;

/// When a call was made and when it had returned, in microseconds since the epoch.
struct Call {
    made: u64,
    returned: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, count) = match &arguments[..] {
        [file, count, ..] => (file, count.parse::<u32>().context("COUNT is a number")?),
        _ => bail!("latency FILE COUNT [journal]"),
    };
    let mut alerts = File::open(file).with_context(|| format!("cannot read {file}"))?;
    alerts.seek(SeekFrom::End(0))?;
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK)?;
    inotify.add_watch(file.as_str(), AddWatchFlags::IN_MODIFY)?;
    let mut calls = BTreeMap::new();
    let mut times = Vec::new();
    let mut text = String::new();
    for number in 0..count {
        let path = format!("{PATH}{number}");
        let made = now();
        // That it is not there is the point.
        let _ = File::open(&path);
        let returned = now();
        calls.insert(number, Call { made, returned });
        let wanted = format!("{path} ");
        loop {
            text.clear();
            alerts.read_to_string(&mut text)?;
            if text.contains(&wanted) {
                break;
            }
            let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PATIENCE)? == 0 {
                bail!("there is no alert of {path}");
            }
            // They only wake.
            let _ = inotify.read_events();
        }
        times.push(now().saturating_sub(returned));
        thread::sleep(PAUSE);
    }
    report("file", times);
    if arguments.len() > 2 {
        report("journal", journal(&calls)?);
    }
    Ok(())
}

/// Microseconds since the epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0))
}

/// When the journal got each alert, from the return of its call on.
fn journal(calls: &BTreeMap<u32, Call>) -> anyhow::Result<Vec<u64>> {
    // It writes a moment later what it has got.
    thread::sleep(Duration::from_secs(1));
    let output = Command::new("journalctl")
        .args(["--output=json", "--identifier=falco", "--since=-10min"])
        .output()
        .context("cannot ask the journal")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut times = Vec::new();
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line)?;
        let message = entry["MESSAGE"].as_str().unwrap_or_default();
        let number = message.split(PATH).nth(1);
        let number = number.and_then(|rest| rest.split(' ').next()?.parse().ok());
        let got = entry["__REALTIME_TIMESTAMP"].as_str();
        let got = got.and_then(|text| text.parse::<u64>().ok());
        // What is older is of an earlier call of the same name. Its alert may be
        // there before the clock is read again after the call.
        if let (Some(call), Some(got)) = (number.and_then(|n| calls.get(&n)), got)
            && got >= call.made
        {
            times.push(got.saturating_sub(call.returned));
        }
    }
    if times.len() != calls.len() {
        bail!(
            "{} of {} alerts are in the journal",
            times.len(),
            calls.len()
        );
    }
    Ok(times)
}

fn report(what: &str, mut times: Vec<u64>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "from the return of a call to its alert in the {what}: median {} µs, 99 % within {} µs, \
         {} calls",
        at(50),
        at(99),
        times.len()
    );
}
