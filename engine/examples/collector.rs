//! Takes alerts that are posted, and appends them to a file: for the node, whose outputs are to get
//! into trouble.
//!
//! ```text
//! collector ADDRESS MODE FILE    MODE is a file that says `hang` or `fail` as long as it is to be so
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[path = "../tests/service/collector.rs"]
mod collector;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [address, told, file] = &arguments[..] else {
        panic!("collector ADDRESS MODE FILE");
    };
    let listener = TcpListener::bind(address).expect("an address");
    let file = File::options().append(true).create(true).open(file);
    let file = Mutex::new(file.expect("a file"));
    let mode = Arc::new(AtomicU8::new(collector::ACCEPT));
    let (told, current) = (told.clone(), Arc::clone(&mode));
    thread::spawn(move || {
        loop {
            let mode = match fs::read_to_string(&told).unwrap_or_default().trim() {
                "hang" => collector::HANG,
                "fail" => collector::FAIL,
                _ => collector::ACCEPT,
            };
            current.store(mode, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(50));
        }
    });
    let take = move |body: &str| {
        let mut file = file.lock().expect("no thread has failed");
        writeln!(file, "{body}").expect("room in the file");
    };
    collector::collect(&listener, &mode, &Arc::new(take));
}
