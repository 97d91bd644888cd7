//! What people look at: the page in a browser, and the view in a terminal.
//! Skipped where there is no chromium, or no tmux.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Service;
use super::web::{free_port, get};

/// A program by its name, or why the test is skipped.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.exists());
    if found.is_none() {
        // Not by `eprintln`, which nobody sees of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: there is no {name}");
    }
    found
}

/// Where pictures are kept for people.
fn pictures() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A service that has something to show.
fn service(port: u16) -> Service {
    let settings = format!("webserver: {{enabled: true, listen_port: {port}}}\n");
    let service = Service::start(&settings, |_| {});
    service.wait_for("some history", |_| {
        let status = get(port, "localhost", "/status");
        status.is_some_and(|(_, body)| body.matches("\"lost\":").count() > 8)
    });
    service
}

/// What a browser makes of the page: its own text, and what it complained of.
fn browse(browser: &Path, more: &[&str], port: u16) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--window-size=1200,1500",
        ])
        .arg(format!("--user-data-dir={}", home.path().display()))
        // Long enough for some looks at the numbers, in the browser's own time.
        .arg("--virtual-time-budget=5000")
        .args(more)
        .arg(format!("http://127.0.0.1:{port}/"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_in_a_browser() {
    let Some(browser) = find("chromium") else {
        return;
    };
    let port = free_port();
    let mut service = service(port);
    // A machine that is busy may need more than one try.
    let looks = (0..5).map(|_| browse(&browser, &["--dump-dom"], port));
    let (page, said) = looks
        .into_iter()
        .find(|(page, _)| page.contains("<td>first</td>"))
        .expect("the page is never filled");
    for text in [
        // Filled by the script, from what the engine answers.
        "<td>first</td>",
        "<td>openat</td>",
        "<td>file</td>",
        "class=\"warn\">Warning",
        "/event/",
        "<polyline class=\"curve\" points=\"",
        "seconds shown",
    ] {
        let (page, _) = page.split_once("<script>").unwrap();
        assert!(
            page.contains(text),
            "the page has no {text:?}:\n{page}\n{said}"
        );
    }
    // Events, alerts and losses as curves.
    assert_eq!(page.matches(" seconds shown</span>").count(), 3, "{page}");
    assert_eq!(
        page.matches("<polyline class=\"curve\"").count(),
        3,
        "{page}"
    );
    assert!(!page.contains("<body class=\"gone\">"), "{page}");
    // What the page itself caused; the rest is the browser's own talk, with numbers of any kind.
    for line in said.lines().filter(|line| line.contains("CONSOLE")) {
        for complaint in ["Content Security Policy", "Uncaught", "ERR_", "404"] {
            assert!(!line.contains(complaint), "{said}");
        }
    }
    for (name, more) in [
        ("page.png", &[][..]),
        (
            "page-dark.png",
            &[
                "--force-dark-mode",
                "--blink-settings=preferredColorScheme=0",
            ],
        ),
        ("page-narrow.png", &["--window-size=500,2400"]),
    ] {
        let picture = pictures().join(name);
        let _ = fs::remove_file(&picture);
        let option = format!("--screenshot={}", picture.display());
        let (_, said) = browse(&browser, &[&[option.as_str()], more].concat(), port);
        let bytes = fs::read(&picture).unwrap_or_else(|_| panic!("no picture:\n{said}"));
        assert!(
            bytes.starts_with(b"\x89PNG") && bytes.len() > 20_000,
            "{}",
            bytes.len()
        );
        println!("{}", picture.display());
    }
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn the_view_in_a_terminal() {
    let Some(tmux) = find("tmux") else {
        return;
    };
    let port = free_port();
    let mut service = service(port);
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("tmux");
    let run = |arguments: &[&str]| {
        let output = Command::new(&tmux)
            .env("LC_ALL", "C.UTF-8")
            .arg("-S")
            .arg(&socket)
            .args(["-f", "/dev/null"])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let command = format!(
        "{} top 127.0.0.1:{port}",
        env!("CARGO_BIN_EXE_falco-engine")
    );
    run(&["new-session", "-d", "-x", "110", "-y", "40", &command]);
    let shown = || run(&["capture-pane", "-p"]);
    service.wait_for("a picture", |_| shown().contains("Warning first /event/"));
    // Drawn over, not below, the one before.
    thread::sleep(Duration::from_secs(3));
    let picture = shown();
    fs::write(pictures().join("top.txt"), &picture).unwrap();
    println!("{picture}");
    let lines: Vec<_> = picture.lines().collect();
    assert!(lines[0].starts_with("falco "), "{picture}");
    assert_eq!(picture.matches("output  ").count(), 1, "{picture}");
    assert!(
        picture.contains("▇ first") && picture.contains('█'),
        "{picture}"
    );
    assert!(lines.len() <= 40 && lines.iter().all(|line| line.chars().count() <= 110));
    // A smaller window.
    run(&["resize-window", "-x", "60", "-y", "20"]);
    thread::sleep(Duration::from_secs(3));
    let picture = shown();
    println!("{picture}");
    let lines: Vec<_> = picture.lines().collect();
    assert!(
        lines[0].starts_with("falco ") && lines.len() <= 20,
        "{picture}"
    );
    assert!(
        lines.iter().all(|line| line.chars().count() <= 60),
        "{picture}"
    );
    run(&["kill-server"]);
    assert_eq!(service.end().code(), Some(0));
}
