//! A web server that takes alerts, or does not, as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

/// Takes what is posted.
pub(crate) const ACCEPT: u8 = 0;
/// Reads it and says nothing.
pub(crate) const HANG: u8 = 1;
/// Answers 500.
pub(crate) const FAIL: u8 = 2;

/// Serves for ever, in one thread for each connection. `take` gets each body that is taken,
/// before the answer.
pub(crate) fn collect<T: Fn(&str) + Send + Sync + 'static>(
    listener: &TcpListener,
    mode: &Arc<AtomicU8>,
    take: &Arc<T>,
) {
    for stream in listener.incoming() {
        let (mode, take) = (Arc::clone(mode), Arc::clone(take));
        thread::spawn(move || answer(stream.ok()?, &mode, &*take));
    }
}

fn answer(stream: TcpStream, mode: &AtomicU8, take: &impl Fn(&str)) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let status = match mode.load(Ordering::Relaxed) {
            HANG => {
                // Until the other side gives up.
                let _ = stream.read(&mut [0]);
                return None;
            }
            FAIL => 500,
            _ => {
                take(&String::from_utf8(body).ok()?);
                200
            }
        };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 5\r\n\r\nheard");
        stream.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}
