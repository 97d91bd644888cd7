//! `falco-engine top`: what the status page shows, in a terminal. It asks the
//! web server of the running engine.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

use crate::config::{self, DEFAULT_FILE};
use crate::tls::{self, Trust};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(1);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is taken.
const MAX_ANSWER: u64 = 8 << 20;

/// Rows of the lists and of the alerts.
const ROWS: usize = 8;

/// The web server that is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// `host:port`.
    address: String,
    tls: bool,
}

impl Target {
    /// The one that is named, else that of the configuration.
    ///
    /// # Errors
    /// When the configuration is needed and cannot be read.
    pub(super) fn new(named: Option<&str>, file: &Path) -> anyhow::Result<Self> {
        if let Some(named) = named {
            let (tls, address) = match named.split_once("://") {
                Some(("https", address)) => (true, address),
                Some(("http", address)) => (false, address),
                Some(_) => bail!("{named}: only http and https can be asked"),
                None => (false, named),
            };
            return Ok(Self {
                address: address.trim_end_matches('/').to_owned(),
                tls,
            });
        }
        let web = match file == Path::new(DEFAULT_FILE) && !file.exists() {
            true => config::defaults().web,
            false => config::load(file, &[])?.config.web,
        };
        // Who listens on all addresses listens on the loopback, too.
        let host = match web.address {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            address => address,
        };
        Ok(Self {
            address: SocketAddr::new(host, web.port).to_string(),
            tls: web.tls,
        })
    }
}

/// Shows the state of the engine again and again, or `rounds` times. An engine
/// that is away after it has answered is waited for.
///
/// # Errors
/// When the engine cannot be asked at first.
pub(super) fn top(target: &Target, rounds: Option<u64>) -> anyhow::Result<()> {
    let mut known = false;
    let mut out = io::stdout();
    let terminal = out.is_terminal();
    let mut left = rounds;
    while left != Some(0) {
        let status = match ask(target) {
            Err(error) if !known => return Err(error),
            answer => answer,
        };
        known = true;
        let (columns, rows) = match rustix::termios::tcgetwinsize(&out) {
            Ok(size) if terminal => (usize::from(size.ws_col), usize::from(size.ws_row)),
            _ => (120, usize::MAX),
        };
        let columns = columns.max(40);
        let lines = match status {
            Ok(status) => render(&status, columns),
            Err(error) => vec![format!("{error:#}").chars().take(columns).collect()],
        };
        let text: Vec<_> = lines
            .iter()
            .take(rows.saturating_sub(1))
            .map(|l| &**l)
            .collect();
        // To the corner, each line to its end, and what is below.
        let text = match terminal {
            true => format!("\x1b[H{}\x1b[K\n\x1b[J", text.join("\x1b[K\n")),
            false => format!("{}\n", text.join("\n")),
        };
        if out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err()
        {
            // Nobody looks any more.
            return Ok(());
        }
        left = left.map(|left| left - 1);
        if left != Some(0) {
            thread::sleep(PERIOD);
        }
    }
    Ok(())
}

fn ask(target: &Target) -> anyhow::Result<Value> {
    let address = &target.address;
    let hint = || format!("cannot ask {address}: is `webserver.enabled` set?");
    let stream = TcpStream::connect(address).with_context(hint)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let answer = match target.tls {
        true => {
            let config = tls::client(&Trust::Anybody, None).map_err(anyhow::Error::msg)?;
            let name = ServerName::try_from("localhost")?;
            let connection = ClientConnection::new(Arc::new(config), name)?;
            exchange(StreamOwned::new(connection, stream))
        }
        false => exchange(stream),
    };
    let answer = answer.with_context(hint)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(hint)?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200 ") {
        bail!("{address} answers {status}: is `webserver.status_page_enabled` set?");
    }
    serde_json::from_str(body).with_context(hint)
}

fn exchange(mut stream: impl io::Read + io::Write) -> io::Result<String> {
    stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        // The other side has ended without a word; what is missing shows.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        result => {
            result?;
        }
    }
    String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// The lines of a picture, none longer than `columns`.
fn render(status: &Value, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let number = |name: &str| status[name].as_u64().unwrap_or(0);
    let text = |name: &str| status[name].as_str().unwrap_or_default();
    let seconds = number("now").saturating_sub(number("start")) / 1000;
    lines.push(format!(
        "falco {} on {}, {}, for {seconds} s; {} rules, {} threads, {} containers, {:.1} % of a \
         processor, {} MiB",
        text("version"),
        text("hostname"),
        text("engine"),
        number("rules_loaded"),
        number("threads"),
        number("containers"),
        status["cpu"].as_f64().unwrap_or(0.0) * 100.0,
        number("memory") >> 20,
    ));
    let width = columns.saturating_sub(40).min(60);
    for (title, field, total) in [
        ("events", "events", number("events")),
        ("alerts", "alerts", number("alerts_total")),
        ("lost", "lost", number("lost")),
    ] {
        let values = history(status, field, width);
        let last = values.last().copied().unwrap_or(0);
        lines.push(format!(
            "{title:<7}{last:>9}/s {total:>14}  {}",
            curve(&values)
        ));
    }
    for (title, list) in [("rules", "rules"), ("events by type", "types")] {
        lines.push(String::new());
        lines.push(format!("{title}:"));
        bars(&mut lines, &status[list], width);
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<16}{:>12}{:>10}{:>10}{:>10}",
        "output", "written", "waiting", "dropped", "lost"
    ));
    for output in status["outputs"].as_array().into_iter().flatten() {
        let number = |name: &str| output[name].as_u64().unwrap_or(0);
        lines.push(format!(
            "{:<16}{:>12}{:>10}{:>10}{:>10}",
            output["name"].as_str().unwrap_or_default(),
            number("written"),
            number("waiting"),
            number("dropped"),
            number("lost"),
        ));
    }
    lines.push(String::new());
    for alert in status["alerts"].as_array().into_iter().flatten().take(ROWS) {
        lines.push(alert["text"].as_str().unwrap_or_default().to_owned());
    }
    // What processes call themselves must not reach the terminal's commands.
    let shown = |char: char| if char.is_control() { '?' } else { char };
    let cut = |line: &String| line.chars().map(shown).take(columns).collect();
    lines.iter().map(cut).collect()
}

fn history(status: &Value, field: &str, most: usize) -> Vec<u64> {
    let all = status["history"].as_array().map_or(&[][..], Vec::as_slice);
    let last = &all[all.len().saturating_sub(most)..];
    last.iter()
        .map(|second| second[field].as_u64().unwrap_or(0))
        .collect()
}

/// Values as a line of blocks, the largest full.
fn curve(values: &[u64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let block = |value: &u64| {
        let index = u128::from(*value) * 7 / u128::from(most);
        BLOCKS
            .get(usize::try_from(index).unwrap_or(7))
            .copied()
            .unwrap_or('█')
    };
    values.iter().map(block).collect()
}

fn bars(lines: &mut Vec<String>, list: &Value, width: usize) {
    let rows = list.as_array().map_or(&[][..], Vec::as_slice);
    let count = |row: &Value| row["count"].as_u64().unwrap_or(0);
    let most = rows.first().map_or(1, count).max(1);
    for row in rows.iter().take(ROWS) {
        let length = u128::from(count(row)) * width as u128 / u128::from(most);
        let bar = "▇".repeat(usize::try_from(length).unwrap_or(width));
        let mut line = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            "{:>12} {bar} {}",
            count(row),
            row["name"].as_str().unwrap_or_default()
        );
        lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whom_to_ask() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("falco.yaml");
        let of = |named, text: &str| {
            std::fs::write(&file, text).unwrap();
            let target = Target::new(named, &file).unwrap();
            (target.address, target.tls)
        };
        assert_eq!(of(None, ""), ("127.0.0.1:8765".into(), false));
        let text = "webserver: {listen_port: 99, listen_address: 0.0.0.0, ssl_enabled: true}";
        assert_eq!(of(None, text), ("127.0.0.1:99".into(), true));
        let text = "webserver: {listen_address: '::'}";
        assert_eq!(of(None, text), ("[::1]:8765".into(), false));
        assert_eq!(of(Some("h:1"), text), ("h:1".into(), false));
        assert_eq!(of(Some("https://h:1/"), text), ("h:1".into(), true));
        assert!(Target::new(Some("ftp://h"), &file).is_err());
        assert!(Target::new(None, Path::new("/none")).is_err());
    }

    #[test]
    fn a_picture() {
        let status = json!({
            "version": "1", "hostname": "h", "engine": "kmod", "now": 5000, "start": 2000,
            "rules_loaded": 2, "threads": 3, "containers": 4, "cpu": 0.125, "memory": 3 << 20,
            "events": 100, "alerts_total": 7, "lost": 0,
            "history": [{"events": 0, "alerts": 1, "lost": 0}, {"events": 70, "alerts": 0, "lost": 0}],
            "rules": [{"name": "A rule", "count": 6}, {"name": "B", "count": 3}],
            "types": [],
            "outputs": [{"name": "file", "written": 7, "waiting": 0, "dropped": 0, "lost": 0}],
            "alerts": [{"text": "Warning \u{1b}[2Jbad"}],
        });
        let lines = render(&status, 60);
        assert!(lines[0].starts_with("falco 1 on h, kmod, for 3 s; 2 rules"));
        assert_eq!(lines[1], "events        70/s            100  ▁█");
        assert!(
            lines.contains(&format!("{:>12} {} A rule", 6, "▇".repeat(20))),
            "{lines:#?}"
        );
        assert!(lines.contains(&format!("{:>12} {} B", 3, "▇".repeat(10))));
        assert!(lines.contains(&"Warning ?[2Jbad".to_owned()));
        assert!(lines.iter().all(|line| line.chars().count() <= 60));
    }
}
