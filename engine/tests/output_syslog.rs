//! Alerts to a log daemon that comes and goes.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use std::thread;
use std::time::{Duration, Instant};

use falco_engine::config::{self, Outputs as Settings};
use falco_engine::output::{Alert, Outputs, Priority};

const LIMIT: Duration = Duration::from_secs(10);

/// Keeps what the program logs, with the thread that caused it: every output
/// thread logs for itself, so tests find their lines by content.
struct Messages(Mutex<Vec<String>>);

static MESSAGES: Messages = Messages(Mutex::new(Vec::new()));

impl log::Log for Messages {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0
            .lock()
            .unwrap()
            .push(format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

fn messages(part: &str) -> Vec<String> {
    let all = MESSAGES.0.lock().unwrap();
    all.iter()
        .filter(|message| message.contains(part))
        .cloned()
        .collect()
}

struct Daemon {
    path: PathBuf,
    socket: UnixDatagram,
}

impl Daemon {
    fn start(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        Self {
            path: path.to_owned(),
            socket,
        }
    }

    fn read(&self) -> String {
        let mut bytes = vec![0; 1 << 20];
        let length = self.socket.recv(&mut bytes).expect("a message");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    fn stop(self) {
        drop(self.socket);
        fs::remove_file(self.path).unwrap();
    }
}

fn settings(directory: &Path) -> Settings {
    static LOG: Once = Once::new();
    LOG.call_once(|| {
        log::set_logger(&MESSAGES).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    let mut settings = config::defaults().outputs;
    settings.syslog = true;
    settings.syslog_socket = directory.join("log");
    settings
}

fn alert(message: &str) -> Alert {
    Alert {
        time: 1_700_000_000_000_000_000,
        priority: Priority::Error,
        rule: "r".into(),
        source: "syscall".into(),
        tags: Arc::new([]),
        message: message.into(),
        fields: Vec::new(),
    }
}

/// The message as the daemon would store it.
fn stored(datagram: &str) -> &str {
    datagram.split_once("]: ").unwrap().1
}

#[test]
fn the_datagram_has_the_form_of_rfc_3164() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let daemon = Daemon::start(&settings.syslog_socket);
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert(
        "Package management process launched in container (user=root)",
    ));
    let datagram = daemon.read();
    // LOG_USER is 1 << 3, an error is 3; 15 characters of time.
    let (head, tail) = (&datagram[..4], &datagram[4 + 15..]);
    assert_eq!(head, "<11>");
    assert!(datagram[4..].starts_with("Nov 1"), "{datagram}");
    assert_eq!(
        tail,
        format!(
            " falco[{}]: Error Package management process launched in container (user=root)",
            std::process::id()
        )
    );
    outputs.shutdown(LIMIT);
}

#[test]
fn json_is_sent_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.format.json = true;
    let daemon = Daemon::start(&settings.syslog_socket);
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert("hello"));
    let datagram = daemon.read();
    let json: serde_json::Value = serde_json::from_str(stored(&datagram)).unwrap();
    assert_eq!(json["priority"], "Error");
    outputs.shutdown(LIMIT);
}

#[test]
fn a_restart_of_the_daemon_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.file.enabled = true;
    settings.file.filename = directory.path().join("events.log");
    let mut daemon = Daemon::start(&settings.syslog_socket);
    let outputs = Outputs::start(&settings).unwrap();
    for round in 0..4 {
        outputs.send(&alert(&format!("before {round}")));
        assert_eq!(stored(&daemon.read()), format!("Error before {round}"));
        daemon.stop();
        for number in 0..200 {
            outputs.send(&alert(&format!("away {round} {number}")));
        }
        // The other outputs go on meanwhile.
        let start = Instant::now();
        let last = format!("Error away {round} 199\n");
        while !fs::read_to_string(&settings.file.filename)
            .unwrap()
            .ends_with(&last)
        {
            assert!(start.elapsed() < LIMIT, "the file waits for the daemon");
            thread::sleep(Duration::from_millis(5));
        }
        daemon = Daemon::start(&settings.syslog_socket);
        for number in 0..200 {
            assert_eq!(
                stored(&daemon.read()),
                format!("Error away {round} {number}")
            );
        }
    }
    for status in outputs.shutdown(LIMIT) {
        assert_eq!(
            (status.written, status.dropped, status.lost),
            (4 * 201, 0, 0),
            "{status:?}"
        );
    }
}

#[test]
fn a_daemon_that_comes_late_gets_everything() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let outputs = Outputs::start(&settings).unwrap();
    for number in 0..50 {
        outputs.send(&alert(&format!("late {number}")));
    }
    thread::sleep(Duration::from_millis(400));
    let path = settings.syslog_socket.display().to_string();
    let warnings = messages(&path);
    assert_eq!(
        warnings,
        [format!(
            "WARN: output syslog: cannot send to {path}: No such file or directory (os error 2); \
             alerts wait until it works again"
        )]
    );
    let daemon = Daemon::start(&settings.syslog_socket);
    for number in 0..50 {
        assert_eq!(stored(&daemon.read()), format!("Error late {number}"));
    }
    outputs.shutdown(LIMIT);
    assert_eq!(messages(&path).len(), 1);
    assert_eq!(messages("50 alerts waited, 0 dropped, 0 lost").len(), 1);
}

#[test]
fn the_end_waits_for_the_daemon_but_not_longer_than_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert("gone"));
    // Long enough for the pauses between tries to have grown.
    thread::sleep(Duration::from_millis(1500));
    let start = Instant::now();
    let status = outputs.shutdown(Duration::from_millis(300))[0];
    assert!(
        (250..700).contains(&start.elapsed().as_millis()),
        "{:?}",
        start.elapsed()
    );
    assert_eq!((status.written, status.lost), (0, 1));

    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert("in time"));
    let path = settings.syslog_socket.clone();
    let daemon = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        Daemon::start(&path).read()
    });
    let status = outputs.shutdown(LIMIT)[0];
    assert_eq!((status.written, status.lost), (1, 0));
    assert_eq!(stored(&daemon.join().unwrap()), "Error in time");
}

#[test]
fn a_daemon_that_does_not_read_holds_up_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(directory.path());
    settings.capacity = 100;
    let daemon = Daemon::start(&settings.syslog_socket);
    let outputs = Outputs::start(&settings).unwrap();
    let start = Instant::now();
    for number in 0..2000 {
        outputs.send(&alert(&format!("deaf {number}")));
    }
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "sending waited for the daemon"
    );
    let status = outputs.shutdown(Duration::from_millis(300))[0];
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "the end waited for the daemon"
    );
    assert_eq!(
        status.written + status.dropped + status.lost,
        2000,
        "{status:?}"
    );
    drop(daemon);
}

#[test]
fn a_line_too_long_for_a_datagram_is_shortened() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let daemon = Daemon::start(&settings.syslog_socket);
    let outputs = Outputs::start(&settings).unwrap();
    outputs.send(&alert(&"é".repeat(1 << 20)));
    let datagram = daemon.read();
    assert!(
        datagram.len() < 9000 && datagram.ends_with("é..."),
        "{}",
        datagram.len()
    );
    outputs.shutdown(LIMIT);
}
