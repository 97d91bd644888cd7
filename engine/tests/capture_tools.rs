//! `print`, `record` and replays as programs: on terminals, at the recorded speed,
//! and with files that are in the way.

mod scap;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::pty::openpty;
use nix::sys::stat::Mode;

use scap::{File, TIME, V2, number, openat, word};

fn engine(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_falco-engine"));
    command.args(arguments).env_remove("NO_COLOR");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with a capture, of which each event comes an hour after the one before.
struct Folder(tempfile::TempDir);

const HOUR: u64 = 3_600_000_000_000;
const EVENTS: u64 = 3;

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = (0..EVENTS).fold(File::new().process(9, 10, "one"), |file, at| {
            file.event_at(TIME + at * HOUR, V2, 307, 10, &openat())
        });
        fs::write(folder.path().join("a.scap"), &file.0).expect("a capture");
        let rule = "- rule: opened\n  desc: d\n  condition: evt.type = openat\n  \
                    output: opened %evt.num\n  priority: INFO\n";
        fs::write(folder.path().join("rules.yaml"), rule).expect("rules");
        let config = "stdout_output: {enabled: true}\n";
        fs::write(folder.path().join("falco.yaml"), config).expect("a configuration");
        let replay = "engine: {kind: replay, replay: {capture_file: a.scap, speed: 1}}\n";
        let config = format!("{config}{replay}");
        fs::write(folder.path().join("slow.yaml"), config).expect("a configuration");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = engine(arguments);
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.output().expect("the program runs")
    }
}

/// A replay of a configuration with the rules of the folder.
fn replay<'a>(config: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["-c", config, "-r", "rules.yaml", "-U"], more].concat()
}

/// How events of the capture are asked for at a speed.
fn ways(speed: &str) -> Vec<Vec<&str>> {
    let print = ["print", "-p", "opened %evt.num", "-r"];
    let at = |file| [file, "--speed", speed];
    let files = ["a.scap", "-"].into_iter();
    let ways = files.flat_map(|file| {
        let replayed = replay("falco.yaml", &[&["-e"][..], &at(file)].concat());
        [[&print[..], &at(file)].concat(), replayed]
    });
    ways.collect()
}

/// The first line that tells of an event, and what comes while the program is let
/// run for a while behind it.
fn first_and_rest(folder: &Folder, arguments: &[&str]) -> (String, String, bool) {
    let input = fs::File::open(folder.path("a.scap")).expect("a capture");
    let mut child = engine(arguments)
        .current_dir(folder.0.path())
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    let mut first = String::new();
    out.read_line(&mut first).expect("a line");
    // It would be at the end by now, if it did not wait.
    std::thread::sleep(Duration::from_millis(300));
    let runs = child.try_wait().expect("its state").is_none();
    child.kill().expect("it is ours");
    child.wait().expect("its end");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("the rest");
    (first, rest, runs)
}

#[test]
fn events_come_as_fast_as_they_were_recorded() {
    let folder = Folder::new();
    let mut slow = ways("1");
    slow.push(replay(
        "falco.yaml",
        &["-e", "a.scap", "-o", "engine.replay.speed=1"],
    ));
    slow.push(replay("slow.yaml", &[]));
    for arguments in slow {
        let (first, rest, runs) = first_and_rest(&folder, &arguments);
        assert!(first.contains("opened 1"), "{arguments:?}: {first}");
        // The second comes in an hour.
        assert!(runs && rest.is_empty(), "{arguments:?}: {rest}");
    }
}

#[test]
fn hours_can_go_by_faster() {
    let folder = Folder::new();
    // An hour in a twentieth of a second.
    let speed = "72000";
    let mut fast = ways(speed);
    // As fast as possible.
    fast.push(replay("slow.yaml", &["-o", "engine.replay.speed=0"]));
    for arguments in fast {
        let began = Instant::now();
        let output = engine(&arguments)
            .current_dir(folder.0.path())
            .stdin(fs::File::open(folder.path("a.scap")).expect("a capture"))
            .output()
            .expect("the program runs");
        let told = text(&output.stdout);
        let count = told.lines().filter(|line| line.contains("opened ")).count() as u64;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        // The end of a replay names the rule as well.
        assert!(
            (EVENTS..=EVENTS + 1).contains(&count),
            "{arguments:?}: {told}"
        );
        assert!(!arguments.contains(&speed) || began.elapsed() >= Duration::from_millis(100));
    }
    for wrong in ["0", "fast", "inf", "NaN"] {
        let output = folder.run(&["-e", "a.scap", "--speed", wrong]);
        let told = text(&output.stderr);
        assert!(
            !output.status.success() && told.contains("--speed"),
            "{wrong}: {told}"
        );
    }
}

/// Runs a program with a terminal as its standard output, error, or both, and gives
/// what it wrote there, and to the other one.
fn on_terminal(mut command: Command, out: bool, err: bool) -> (String, String) {
    let pty = openpty(None, None).expect("a terminal");
    let slave = || Stdio::from(pty.slave.try_clone().expect("a terminal"));
    command.stdin(Stdio::null());
    command.stdout(if out { slave() } else { Stdio::piped() });
    command.stderr(if err { slave() } else { Stdio::piped() });
    let child = command.spawn().expect("the program runs");
    // The master ends when nobody has the other side open.
    drop(command);
    drop(pty.slave);
    let mut master = fs::File::from(pty.master);
    let mut shown = Vec::new();
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = master.read(&mut some) {
        shown.extend_from_slice(&some[..count]);
    }
    let output = child.wait_with_output().expect("its end");
    let other = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{} {}", text(&shown), text(&other));
    (text(&shown), text(&other))
}

#[test]
fn lines_are_coloured_on_a_terminal() {
    const GREEN: &str = "\x1b[32mone\x1b[0m";
    let folder = Folder::new();
    let file = folder.path("a.scap");
    let file = file.to_str().expect("text");
    let print = |arguments: &[&str], no_color: Option<&str>, out| {
        let mut command = engine(&[&["print", "-r", file], arguments].concat());
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        let (shown, other) = on_terminal(command, out, false);
        let lines = if out { shown } else { other };
        assert_eq!(lines.matches("openat").count() as u64, EVENTS, "{lines}");
        lines.contains(GREEN)
    };
    assert!(print(&[], None, true));
    assert!(print(&["--color", "auto"], None, true));
    // https://no-color.org: an empty value says nothing.
    assert!(print(&[], Some(""), true));
    assert!(!print(&[], Some("1"), true));
    assert!(!print(&["--color", "never"], None, true));
    assert!(print(&["--color", "always"], Some("1"), true));
    // Elsewhere there are none.
    assert!(!print(&[], None, false));
    assert!(print(&["--color", "always"], None, false));
}

#[test]
fn what_events_say_does_not_steer_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.scap");
    let file = File::new()
        .process(9, 10, "a\x1b[2Jb")
        .event(V2, 203, 10, &[word(5)]);
    fs::write(&path, &file.0).expect("a capture");
    let path = path.to_str().expect("text");
    let command = engine(&["print", "-r", path, "-p", "%proc.name"]);
    let (shown, _) = on_terminal(command, true, false);
    assert!(
        shown.ends_with("[2Jb\r\n") && !shown.contains('\x1b'),
        "{shown:?}"
    );
}

/// A capture of a few MiB more or less than those that have a bar.
fn large(path: &Path, mib: usize) {
    let data = vec![b'x'; 60_000];
    let params = [number(2), data, number(3), word(9)];
    let one = File::default().event(V2, 7, 10, &params).0;
    let mut file = File::new().process(9, 10, "one").0;
    while file.len() < mib << 20 {
        file.extend_from_slice(&one);
    }
    fs::write(path, file).expect("a capture");
}

#[test]
fn a_bar_shows_how_far_a_large_file_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.scap");
    let file = path.to_str().expect("text");
    let print = |out, err| {
        let (shown, _) = on_terminal(engine(&["print", "-r", file, "-p", "%evt.num"]), out, err);
        shown
    };
    large(&path, 17);
    let shown = print(false, true);
    assert!(shown.contains("\r[###") && shown.contains("%"), "{shown}");
    // It is wiped out at the end.
    assert!(shown.ends_with("\r\x1b[K"), "{shown}");
    // Where lines are printed there is none, nor of small files.
    let both = print(true, true);
    assert!(both.starts_with("1\r\n2\r\n") && !both.contains('#'));
    assert!(!print(true, false).contains('#'));
    large(&path, 15);
    assert_eq!(print(false, true), "");
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = Folder::new();
    let before = fs::read(folder.path("a.scap")).expect("a capture");
    symlink("a.scap", folder.path("link")).expect("a link");
    fs::hard_link(folder.path("a.scap"), folder.path("same")).expect("a link");
    for arguments in [
        &["record", "-r", "a.scap", "-w", "a.scap"][..],
        &["record", "-r", "a.scap", "-w", "./a.scap"],
        &["record", "-r", "link", "-w", "a.scap"],
        &["record", "-r", "a.scap", "-w", "link"],
        &["record", "-r", "a.scap", "-w", "same"],
        &["print", "-r", "a.scap", "-w", "a.scap"],
    ] {
        let output = folder.run(arguments);
        let told = text(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(told.contains("is the capture that is read"), "{told}");
        assert_eq!(fs::read(folder.path("a.scap")).expect("a capture"), before);
    }
    // Its next part would be the file itself.
    fs::rename(folder.path("a.scap"), folder.path("b0")).expect("a capture");
    let output = folder.run(&["record", "-r", "b0", "-w", "b", "-C", "1"]);
    assert!(!output.status.success());
    assert_eq!(fs::read(folder.path("b0")).expect("a capture"), before);
    // By standard input.
    let output = engine(&["record", "-r", "-", "-w", "b0"])
        .current_dir(folder.0.path())
        .stdin(fs::File::open(folder.path("b0")).expect("a capture"))
        .output()
        .expect("the program runs");
    assert!(!output.status.success());
    assert_eq!(fs::read(folder.path("b0")).expect("a capture"), before);
}

#[test]
fn a_recording_is_its_owners_alone() {
    let folder = Folder::new();
    let record = |name: &str| {
        let output = folder.run(&["record", "-r", "a.scap", "-w", name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let mode = |name: &str| {
        let meta = fs::symlink_metadata(folder.path(name)).expect("a file");
        assert!(meta.is_file(), "{name}");
        meta.permissions().mode() & 0o7777
    };
    record("new");
    assert_eq!(mode("new"), 0o600);
    // A file that others could read, and a link to one, make room.
    for name in ["open", "victim"] {
        fs::write(folder.path(name), "kept").expect("a file");
        let all = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path(name), all).expect("a mode");
    }
    symlink("victim", folder.path("link")).expect("a link");
    record("open");
    record("link");
    assert_eq!(
        (mode("open"), mode("link"), mode("victim")),
        (0o600, 0o600, 0o644)
    );
    assert_eq!(fs::read(folder.path("victim")).expect("a file"), b"kept");
    // A pipe stays one.
    let pipe = folder.path("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");
    let mut reader = fs::OpenOptions::new();
    let mut reader = reader
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&pipe)
        .expect("a pipe");
    record("pipe");
    assert!(
        fs::symlink_metadata(&pipe)
            .expect("a pipe")
            .file_type()
            .is_fifo()
    );
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("a capture");
    assert_eq!(bytes, fs::read(folder.path("new")).expect("a file"));
}
