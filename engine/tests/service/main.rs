//! The program as a service: it reads a capture that never ends, is told to
//! read its files again, is asked for its numbers, has trouble with its
//! outputs, and ends.

mod collector;
mod feed;
mod keys;
mod life;
mod look;
mod options;
mod privileges;
mod trouble;
mod web;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Events per second.
const RATE: u64 = 10_000;

fn rules(word: &str) -> String {
    format!(
        "- rule: {word}\n  desc: d\n  condition: evt.type = openat and evt.arg.name startswith \
         /event\n  output: {word} %evt.arg.name\n  priority: WARNING\n  tags: [some-tag]\n"
    )
}

struct Service {
    directory: TempDir,
    child: Option<Child>,
    stop: Arc<AtomicBool>,
    pause: Arc<AtomicBool>,
    fed: Arc<AtomicU64>,
    feeder: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts the program on events that come until it is stopped. `DIR` in the
    /// settings stands for its directory.
    fn start(settings: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        Self::start_at(RATE, settings, prepare)
    }

    /// The same at a rate, in events per second.
    fn start_at(rate: u64, settings: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("rules.yaml"), rules("first")).unwrap();
        let mut text = format!(
            "rules_files: [{0}/rules.yaml]\nlog_syslog: false\n\
             file_output: {{enabled: true, filename: {0}/events}}\n",
            path.display()
        );
        // On a busy machine a file may be slow: room for all that comes meanwhile.
        if !settings.contains("outputs_queue") {
            text += "outputs_queue: {capacity: 2000000}\n";
        }
        text += settings;
        fs::write(
            path.join("falco.yaml"),
            text.replace("DIR", path.to_str().unwrap()),
        )
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_falco-engine"));
        command
            .arg("-c")
            .arg(path.join("falco.yaml"))
            .args(["-e", "-"])
            .stdin(Stdio::piped())
            .stdout(File::create(path.join("out")).unwrap())
            .stderr(File::create(path.join("log")).unwrap());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let pause = Arc::new(AtomicBool::new(false));
        let fed = Arc::new(AtomicU64::new(0));
        let (stopped, paused, count) = (Arc::clone(&stop), Arc::clone(&pause), Arc::clone(&fed));
        let feeder = thread::spawn(move || {
            feed::feed(&mut input, Some(rate), |number| {
                count.store(number, Ordering::Relaxed);
                while paused.load(Ordering::Relaxed) && !stopped.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(5));
                }
                !stopped.load(Ordering::Relaxed)
            });
        });
        Self {
            directory,
            child: Some(child),
            stop,
            pause,
            fed,
            feeder: Some(feeder),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn log(&self) -> String {
        self.read("log")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Changes a text in the configuration.
    fn configure(&self, from: &str, to: &str) {
        let text = self.read("falco.yaml");
        assert!(text.contains(from), "{text}");
        fs::write(self.path("falco.yaml"), text.replace(from, to)).unwrap();
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_there(self) {
            assert!(
                start.elapsed() < LIMIT,
                "{what} does not happen:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the last alerts are those of a rule.
    fn wait_for_alerts(&self, word: &str) {
        let word = format!("Warning {word} ");
        self.wait_for(&word, |service| {
            let tail = tail(&service.path("events"));
            let last = tail.lines().next_back().unwrap_or_default();
            last.contains(&word)
        });
    }

    /// Makes no more events, but does not end them yet, and waits until `seen`
    /// says that all that there were have arrived, or all but a few.
    fn settle(&self, few: u64, seen: impl Fn(&Self) -> u64) {
        self.pause.store(true, Ordering::Relaxed);
        self.wait_for("the arrival of the last alerts", |service| {
            seen(service) + few >= service.fed.load(Ordering::Relaxed)
        });
    }

    /// Ends the events, and waits for the program to end.
    fn end(&mut self) -> ExitStatus {
        self.end_events();
        self.wait()
    }

    /// Ends the events, and says how many there were.
    fn end_events(&mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.feeder.take().unwrap().join().unwrap();
        self.fed.load(Ordering::Relaxed)
    }

    /// Waits for the program to end.
    fn wait(&mut self) -> ExitStatus {
        self.child.take().unwrap().wait().unwrap()
    }

    /// Rule and number of each alert of the events, in a file of alerts.
    fn alerts_in(&self, name: &str) -> Vec<(String, u64)> {
        self.read(name).lines().filter_map(alert).collect()
    }

    /// Checks that every event made one alert, in order, and that the rules
    /// changed in this order.
    fn check_no_gap(&self, words: &[&str]) {
        let alerts = self.alerts_in("events");
        let numbers: Vec<_> = alerts.iter().map(|(_, number)| *number).collect();
        let expected: Vec<_> = (0..self.fed.load(Ordering::Relaxed)).collect();
        assert!(
            numbers == expected,
            "{} alerts of {} events:\n{}",
            numbers.len(),
            expected.len(),
            self.log()
        );
        let mut seen: Vec<_> = alerts.into_iter().map(|(word, _)| word).collect();
        seen.dedup();
        assert_eq!(seen, words);
    }
}

/// Rule and number of an alert of an event.
fn alert(line: &str) -> Option<(String, u64)> {
    let (_, rest) = line.split_once(": Warning ")?;
    let (word, name) = rest.split_once(' ')?;
    let number = name.strip_prefix(feed::PATH)?.parse().ok()?;
    Some((word.to_owned(), number))
}

/// The end of a file.
fn tail(path: &Path) -> String {
    const LENGTH: u64 = 4096;
    let Ok(mut file) = File::open(path) else {
        return String::new();
    };
    let length = file.metadata().map_or(0, |data| data.len());
    let _ = file.seek(SeekFrom::Start(length.saturating_sub(LENGTH)));
    let mut bytes = Vec::new();
    let _ = file.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn engine(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .current_dir(directory)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
