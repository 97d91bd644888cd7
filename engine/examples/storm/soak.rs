//! Rounds of calls, each with a reader of its own, for as long as one likes.
//!
//! The threads never rest. Between rounds they make calls that nobody records, so
//! that the source's probes come and go under them; which calls belong to a round is
//! known exactly all the same, since a thread says when it has seen that the round is
//! over.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use falco_abi::control::Setup;
use falco_abi::ring::RING_MIN;
use falco_engine::source::{Batch, Source, live};

use crate::seen::{Call, Seen, lost_opens, watch};

/// A source, by its name, with rings of so many bytes.
fn source(by: Option<&str>, ring_bytes: u64) -> anyhow::Result<Box<dyn Source>> {
    let setup = Setup {
        ring_bytes,
        ..Setup::default()
    };
    let mut source = live(by, setup)?;
    watch(source.as_mut())?;
    Ok(source)
}

/// The argument that makes this program a reader to be killed.
pub(crate) const READER: &str = "reader";

/// The processor that goes and comes.
const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";

/// How long a round is. Many short ones: their ends are what is hard.
const ROUND: Duration = Duration::from_secs(2);

/// What happens in a round.
struct Phase {
    name: &'static str,
    ring: u64,
    /// The second processor goes and comes, also while the reader changes.
    plug: bool,
    /// The reader sleeps this long before each look.
    sleep: Duration,
    /// The reader is another process, which is killed; nothing is counted.
    kill: bool,
}

const PHASE: Phase = Phase {
    name: "",
    ring: RING_MIN as u64,
    plug: false,
    sleep: Duration::ZERO,
    kill: false,
};

/// What the rounds are, in turn.
const PHASES: [Phase; 6] = [
    Phase {
        name: "smallest rings",
        ..PHASE
    },
    Phase {
        name: "large rings",
        ring: 1 << 23,
        ..PHASE
    },
    Phase {
        name: "processor goes and comes",
        ring: 1 << 20,
        plug: true,
        ..PHASE
    },
    Phase {
        name: "rings are full",
        sleep: Duration::from_millis(100),
        ..PHASE
    },
    Phase {
        name: "both",
        plug: true,
        sleep: Duration::from_millis(50),
        ..PHASE
    },
    Phase {
        name: "reader is killed",
        kill: true,
        ..PHASE
    },
];

/// What the threads look at.
struct Shared {
    /// Odd while a round is on, even between rounds.
    round: AtomicU32,
    over: AtomicBool,
    plug: AtomicBool,
    plugged: AtomicU64,
    threads: Vec<Thread>,
}

#[derive(Default)]
struct Thread {
    /// The last round that it made a call in.
    round: AtomicU32,
    /// Calls that it has made in rounds.
    made: AtomicU64,
}

impl Shared {
    fn work(&self, number: u32) {
        let thread = &self.threads[number as usize];
        let mut turn = 0;
        while !self.over.load(Ordering::Relaxed) {
            let round = self.round.load(Ordering::Acquire);
            let call = Call {
                round,
                thread: number,
                turn,
            };
            if round % 2 == 1 {
                call.make();
                turn += 1;
                thread.made.store(turn.into(), Ordering::Relaxed);
            } else {
                // Not of interest, but it takes the same way into the kernel.
                let _ = nix::sys::stat::lstat(call.path().as_str());
            }
            thread.round.store(round, Ordering::Release);
        }
    }

    /// Begins what comes next, a round or the time after it.
    fn next(&self) -> u32 {
        self.round.fetch_add(1, Ordering::Release) + 1
    }

    /// Whether every thread knows which round it is: no call of an earlier one is made any more.
    fn known(&self, round: u32) -> bool {
        let mut threads = self.threads.iter();
        threads.all(|t| t.round.load(Ordering::Acquire) == round)
    }

    fn made(&self) -> u64 {
        let made = self.threads.iter().map(|t| t.made.load(Ordering::Relaxed));
        made.sum()
    }

    /// Lets the second processor go and come while that is wanted.
    fn plug(&self) -> std::io::Result<()> {
        let mut online = true;
        while !self.over.load(Ordering::Relaxed) || !online {
            if self.plug.load(Ordering::Relaxed) || !online {
                online = !online;
                std::fs::write(ONLINE, if online { "1" } else { "0" })?;
                self.plugged.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }
}

/// Sums over the rounds of a phase.
#[derive(Default)]
struct Sum {
    rounds: u64,
    made: u64,
    read: u64,
    lost: u64,
    plugged: u64,
}

/// Runs for about that long; processors go and come if `plugs`.
///
/// # Errors
/// A round that does not add up.
pub(crate) fn run(
    length: Duration,
    threads: u32,
    by: Option<&str>,
    plugs: bool,
) -> anyhow::Result<()> {
    let shared = Shared {
        round: AtomicU32::new(0),
        over: AtomicBool::new(false),
        plug: AtomicBool::new(false),
        plugged: AtomicU64::new(0),
        threads: (0..threads).map(|_| Thread::default()).collect(),
    };
    let begin = Instant::now();
    let mut sums: BTreeMap<usize, Sum> = BTreeMap::new();
    let result = std::thread::scope(|scope| -> anyhow::Result<()> {
        let shared = &shared;
        for number in 0..threads {
            scope.spawn(move || shared.work(number));
        }
        let plugger = scope.spawn(move || if plugs { shared.plug() } else { Ok(()) });
        let mut rounds = || {
            for at in (0..PHASES.len()).cycle() {
                if begin.elapsed() >= length && sums.len() == PHASES.len() {
                    break;
                }
                let phase = &PHASES[at];
                let sum = sums.entry(at).or_default();
                round(shared, phase, by, sum).with_context(|| phase.name.to_owned())?;
            }
            anyhow::Ok(())
        };
        let result = rounds();
        shared.over.store(true, Ordering::Relaxed);
        let plugged = plugger.join();
        result?;
        plugged
            .map_err(|_| anyhow::anyhow!("the processor's thread panicked"))?
            .context(ONLINE)
    });
    for (at, sum) in &sums {
        println!(
            "{}: {} rounds, {} calls, {} read, {} lost, processor switched {} times",
            PHASES[*at].name, sum.rounds, sum.made, sum.read, sum.lost, sum.plugged
        );
    }
    result?;
    let all = |part: fn(&Sum) -> u64| sums.values().map(part).sum::<u64>();
    let (read, lost) = (all(|s| s.read), all(|s| s.lost));
    println!(
        "{threads} threads, {} s: {} calls counted, {read} read, {lost} lost, none torn or twice",
        begin.elapsed().as_secs(),
        read + lost
    );
    ensure!(read > 0 && lost > 0, "not everything has happened");
    ensure!(
        !plugs || all(|s| s.plugged) > 1,
        "no processor came and went"
    );
    Ok(())
}

/// One reader, from the opening of its source to the closing.
fn round(shared: &Shared, phase: &Phase, by: Option<&str>, sum: &mut Sum) -> anyhow::Result<()> {
    let plugged = shared.plugged.load(Ordering::Relaxed);
    shared.plug.store(phase.plug, Ordering::Relaxed);
    let before = shared.made();
    if phase.kill {
        killed(shared, by)?;
    } else {
        let mut source = source(by, phase.ring)?;
        let mut seen = Seen::new(shared.next());
        let begin = Instant::now();
        let mut after = None;
        loop {
            if after.is_none() && begin.elapsed() >= ROUND {
                after = Some(shared.next());
            }
            let finished = after.is_some_and(|after| shared.known(after));
            std::thread::sleep(phase.sleep);
            let batch = source.read(Duration::from_millis(20), &mut |_, record| {
                seen.take(record);
            })?;
            if finished && batch == Batch::Nothing {
                break;
            }
        }
        let counters = source.counters()?;
        seen.judge(shared.made() - before, &counters)?;
        ensure!(seen.records > 0, "nothing was read");
        sum.read += seen.records;
        sum.lost += lost_opens(&counters);
    }
    sum.rounds += 1;
    sum.made += shared.made() - before;
    sum.plugged += shared.plugged.load(Ordering::Relaxed) - plugged;
    Ok(())
}

/// A reader that is killed in the middle: what it read nobody knows, but the next one
/// must find the source free.
fn killed(shared: &Shared, by: Option<&str>) -> anyhow::Result<()> {
    let mut reader = Command::new("/proc/self/exe")
        .arg(READER)
        .args(by)
        .stdout(Stdio::piped())
        .spawn()?;
    let said = reader.stdout.take().context("no pipe")?;
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(said), &mut first)?;
    shared.next();
    std::thread::sleep(ROUND / 4);
    reader.kill()?;
    reader.wait()?;
    let after = shared.next();
    while !shared.known(after) {
        std::thread::sleep(Duration::from_millis(1));
    }
    ensure!(!first.is_empty(), "the reader did not begin");
    Ok(())
}

/// What that reader does.
///
/// # Errors
/// What goes wrong with the source.
pub(crate) fn read_until_killed(by: Option<&str>) -> anyhow::Result<()> {
    let mut source = source(by, 0)?;
    println!("reading");
    loop {
        source.read(Duration::from_millis(20), &mut |_, _| {})?;
    }
}
