//! The program as a service under load: alerts that it writes in a second of
//! one processor, reloads while events go on, and how long an event takes to
//! become a line in a file.
//!
//! `cargo bench -p falco-engine --bench operation` prints a line for each, with
//! its goal; `FALCO_ENGINE` names another engine than that of this tree. What counts processor time alone holds on a busy machine too; the
//! times of reloads and lines do not.

#[path = "../tests/service/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Alerts of a run that counts them; of one that needs a request for each.
const ALERTS: u64 = 400_000;
const FEW_ALERTS: u64 = 40_000;
/// Alerts per second that Falco publishes for itself.
const FALCO: f64 = 10_177.0;
/// Events per second while rules are loaded again.
const RATE: u64 = 100_000;
/// How long a run may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How often they are.
const RELOADS: usize = 5;
/// Events whose way to the file is timed, and their rate.
const TIMED: u64 = 5000;
const TIMED_RATE: u64 = 1000;

const RULE: &str = "- rule: Opened
  desc: A rule that every event matches
  condition: evt.type = openat and evt.arg.name startswith /event
  output: 'A file was opened (user=%user.name process=%proc.name command=%proc.cmdline \
file=%evt.arg.name time=%evt.rawtime container=%container.id)'
  priority: WARNING
  tags: [some, tags]
";

fn main() {
    println!("alerts in a second of one processor (Falco: {FALCO} in a second)");
    for json in [false, true] {
        let form = if json { "JSON" } else { "text" };
        throughput(
            &format!("file, {form}"),
            ALERTS,
            100_000.0,
            json,
            |directory| {
                let name = directory.join("alerts");
                format!(
                    "file_output: {{enabled: true, filename: {}}}\n",
                    name.display()
                )
            },
        );
    }
    for (batch, alerts) in [(1, FEW_ALERTS), (64, ALERTS)] {
        let what = format!("http, {batch} in a request");
        throughput(&what, alerts, 50_000.0, true, |_| {
            let port = collector();
            COLLECTED.store(0, Relaxed);
            format!(
                "http_output: {{enabled: true, batch_size: {batch}, url: 'http://127.0.0.1:{port}/'}}\n"
            )
        });
    }
    reloads();
    latency();
}

/// The program as it is run, in a directory of its own.
fn start(directory: &Path, settings: &str, input: Stdio) -> Child {
    fs::write(directory.join("rules.yaml"), RULE).expect("a file");
    let text = format!(
        "rules_files: [{}/rules.yaml]\nlog_syslog: false\nwatch_config_files: false\n\
         outputs_queue: {{capacity: 4000000}}\n{settings}",
        directory.display()
    );
    fs::write(directory.join("falco.yaml"), text).expect("a file");
    let engine = std::env::var_os("FALCO_ENGINE");
    Command::new(engine.unwrap_or_else(|| env!("CARGO_BIN_EXE_falco-engine").into()))
        .arg("-c")
        .arg(directory.join("falco.yaml"))
        .args(["-e", "-"])
        .stdin(input)
        .stdout(File::create(directory.join("out")).expect("a file"))
        .stderr(File::create(directory.join("log")).expect("a file"))
        .spawn()
        .expect("the program starts")
}

/// Processor time of each thread so far, by its name.
fn threads(child: &Child) -> BTreeMap<String, Duration> {
    let mut times = BTreeMap::new();
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id()));
    for task in tasks.into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let time = read("schedstat");
        let time = time.split(' ').next().and_then(|text| text.parse().ok());
        if let Some(time) = time {
            times.insert(read("comm").trim().to_owned(), Duration::from_nanos(time));
        }
    }
    times
}

/// Runs over events that all make an alert, and says what its output did.
fn throughput(
    what: &str,
    alerts: u64,
    goal: f64,
    json: bool,
    settings: impl FnOnce(&Path) -> String,
) {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!("{}json_output: {json}\n", settings(directory.path()));
    let begun = Instant::now();
    let mut child = start(directory.path(), &text, Stdio::piped());
    let mut input = child.stdin.take().expect("a pipe");
    let posted = text.contains("http_output");
    let feeder = thread::spawn(move || {
        feed::feed(&mut input, None, |number| number < alerts);
        // The end of the input is the end of the program, soon after.
        while posted && COLLECTED.load(Relaxed) < alerts && begun.elapsed() < LIMIT {
            thread::sleep(Duration::from_millis(5));
        }
    });
    let mut times = BTreeMap::new();
    while child.try_wait().expect("a child").is_none() {
        // The last numbers before it has ended.
        let now = threads(&child);
        if now.len() > 1 {
            times.extend(now);
        }
        thread::sleep(Duration::from_millis(2));
    }
    let took = begun.elapsed().as_secs_f64();
    feeder.join().expect("the feeder");
    let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
    assert!(!log.contains("not written"), "{log}");
    let spent = |start: &str| {
        let own = times.iter().find(|(name, _)| name.starts_with(start));
        own.map_or(0.0, |(_, time)| time.as_secs_f64())
    };
    let (writer, reader) = (spent("out-"), spent("falco"));
    let rate = alerts as f64 / writer;
    println!(
        "  {what:<24} {rate:>9.0}  goal {goal:.0}, {:.0} times Falco; with the thread of events, \
         {:.0} in a second of both; {:.0} per second by the clock",
        rate / FALCO,
        alerts as f64 / (writer + reader),
        alerts as f64 / took,
    );
}

/// Alerts that the web server has got.
static COLLECTED: AtomicU64 = AtomicU64::new(0);

/// A web server that takes everything, on a port of its own.
fn collector() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || collect(stream));
        }
    });
    port
}

/// Answers one request after the other.
fn collect(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut buffer = vec![0; 1 << 20];
    let mut used = 0;
    loop {
        let head = buffer[..used].windows(4).position(|end| end == b"\r\n\r\n");
        let whole = head.and_then(|head| {
            let text = std::str::from_utf8(&buffer[..head]).ok()?;
            let length = text.split("content-length: ").nth(1)?;
            let length: usize = length.split('\r').next()?.parse().ok()?;
            Some(head + 4 + length)
        });
        match whole.filter(|&whole| whole <= used) {
            Some(whole) => {
                let lines = memchr::memchr_iter(b'{', &buffer[..whole]).count() / 2;
                COLLECTED.fetch_add(lines as u64, Relaxed);
                buffer.copy_within(whole..used, 0);
                used -= whole;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).ok()?;
            }
            None => match stream.read(&mut buffer[used..]).ok()? {
                0 => return None,
                count => used += count,
            },
        }
    }
}

/// Rules are loaded again and again while events come; each makes one alert.
fn reloads() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let settings = format!(
        "file_output: {{enabled: true, filename: {}/alerts}}\n",
        path.display()
    );
    let mut child = start(path, &settings, Stdio::piped());
    let mut input = child.stdin.take().expect("a pipe");
    let (stop, fed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (stopped, count) = (Arc::clone(&stop), Arc::clone(&fed));
    let feeder = thread::spawn(move || {
        feed::feed(&mut input, Some(RATE), |number| {
            count.store(number, Relaxed);
            !stopped.load(Relaxed)
        });
    });
    thread::sleep(Duration::from_secs(1));
    let begun = (Instant::now(), fed.load(Relaxed));
    for round in 0..RELOADS {
        let rules = RULE.replace("A file was opened", &format!("A file was opened, {round}"));
        fs::write(path.join("rules.yaml"), rules).expect("a file");
        let pid = i32::try_from(child.id()).expect("a number");
        kill(Pid::from_raw(pid), Signal::SIGHUP).expect("a signal");
        thread::sleep(Duration::from_secs(1));
    }
    let events = fed.load(Relaxed) - begun.1;
    let rate = events as f64 / begun.0.elapsed().as_secs_f64();
    stop.store(true, Relaxed);
    feeder.join().expect("the feeder");
    child.wait().expect("a child");
    let all = numbers(&directory);
    let fed = fed.load(Relaxed);
    let twice = all.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
    let missing = fed - (all.len() as u64 - twice);
    let log = fs::read_to_string(path.join("log")).unwrap_or_default();
    let swaps: Vec<_> = log
        .lines()
        .filter_map(|line| line.split("Reloaded in ").nth(1))
        .collect();
    println!(
        "reloads at {rate:.0} events per second (goal {RATE}): {fed} events, {missing} lost, {twice} twice"
    );
    for swap in &swaps {
        println!("  reloaded in {swap}");
    }
    assert_eq!((missing, twice, swaps.len()), (0, 0, RELOADS), "{log}");
}

/// The numbers of the events of all alerts, in order.
fn numbers(directory: &TempDir) -> Vec<u64> {
    let file = File::open(directory.path().join("alerts")).expect("a file");
    let number = |line: String| {
        let rest = line.split(feed::PATH).nth(1)?;
        rest.split(' ').next()?.parse().ok()
    };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    let mut all: Vec<u64> = lines.filter_map(number).collect();
    all.sort_unstable();
    all
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.expect("a time").as_nanos()).expect("a number")
}

/// From the bytes of an event in the program's input to its line in the file.
fn latency() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let alerts = path.join("alerts");
    File::create(&alerts).expect("a file");
    let settings = format!(
        "file_output: {{enabled: true, filename: {}}}\n",
        alerts.display()
    );
    let inotify = Inotify::init(InitFlags::empty()).expect("inotify");
    inotify
        .add_watch(&alerts, AddWatchFlags::IN_MODIFY)
        .expect("a watch");
    let mut child = start(path, &settings, Stdio::piped());
    let mut input = child.stdin.take().expect("a pipe");
    let feeder = thread::spawn(move || {
        input.write_all(&feed::section()).expect("a pipe");
        let begun = Instant::now();
        for number in 0..TIMED {
            let due = begun + Duration::from_nanos(number * 1_000_000_000 / TIMED_RATE);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            input
                .write_all(&feed::openat(number, now()))
                .expect("a pipe");
        }
    });
    let mut file = File::open(&alerts).expect("a file");
    let mut times = Vec::new();
    let mut text = String::new();
    while (times.len() as u64) < TIMED {
        inotify.read_events().expect("events");
        text.clear();
        file.read_to_string(&mut text).expect("text");
        let now = now();
        for line in text.lines() {
            let time = line.split("time=").nth(1);
            let time = time.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
            times.extend(time.map(|time| now.saturating_sub(time)));
        }
    }
    feeder.join().expect("the feeder");
    child.wait().expect("a child");
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] / 1000;
    println!(
        "from the event in the input to its line in the file: median {} µs, 99 % within {} µs \
         ({TIMED} events, {TIMED_RATE} per second)",
        at(0.5),
        at(0.99)
    );
}
