//! The thread that compresses captures and puts them on the disk.
//!
//! The loop never waits for it: what finds no room in the queue is counted and
//! told in the log. In a replay, whose events wait, it does.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use log::{error, info};

use crate::clock;
use crate::output::{Alert, FieldValue, Priority};
use crate::recording::{self, Compression, Sink};

/// Most bytes that wait for the disk.
const MOST_WAITING: usize = 64 << 20;
/// The same in a replay, which does not lose anything by fewer.
const MOST_REPLAYED: usize = 1 << 20;
/// How long the end of the program waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a replay sleeps until it looks again whether there is room.
const NAP: Duration = Duration::from_millis(1);

/// The rule of the alert about a file that is as large as may be.
const TOO_LARGE: &str = "Falco internal: capture size limit reached";

/// Where a file ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes on the disk; 0: any number.
    pub(super) bytes: u64,
}

enum Message {
    Begin {
        number: u64,
        path: PathBuf,
        limits: Limits,
    },
    Blocks {
        bytes: Vec<u8>,
        events: u64,
    },
    /// The file ends; so many of its events found no room.
    End {
        lost: u64,
    },
}

/// What both sides see.
#[derive(Default)]
struct Shared {
    /// Bytes on their way.
    waiting: AtomicUsize,
    /// The last file that the thread ended by itself.
    ended: AtomicU64,
}

/// The loop's side.
pub(super) struct Writer {
    messages: Sender<Message>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
    patient: bool,
    files: u64,
    /// Events of the file at hand that found no room.
    lost: u64,
    /// The same of all files, and files that found none.
    all_lost: u64,
    no_room: u64,
}

impl Writer {
    pub(super) fn start(patient: bool, alerts: Sender<Alert>) -> io::Result<Self> {
        Self::spawn(patient, move |shared, messages| {
            let writing = Writing {
                shared,
                alerts,
                file: None,
            };
            writing.run(messages);
        })
    }

    fn spawn(
        patient: bool,
        run: impl FnOnce(Arc<Shared>, &Receiver<Message>) + Send + 'static,
    ) -> io::Result<Self> {
        let (messages, received) = unbounded();
        let (ended, done) = bounded(1);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("capture".into())
            .spawn(move || {
                run(theirs, &received);
                let _ = ended.send(());
            })?;
        Ok(Self {
            messages,
            done,
            thread,
            shared,
            patient,
            files: 0,
            lost: 0,
            all_lost: 0,
            no_room: 0,
        })
    }

    /// Takes room for so many bytes, if there is some.
    fn room(&self, bytes: usize) -> bool {
        let most = if self.patient {
            MOST_REPLAYED
        } else {
            MOST_WAITING
        };
        loop {
            let waiting = self.shared.waiting.load(Ordering::Acquire);
            // One that is larger than all goes alone.
            if waiting == 0 || waiting + bytes <= most {
                self.shared.waiting.fetch_add(bytes, Ordering::AcqRel);
                return true;
            }
            if !self.patient || self.thread.is_finished() {
                return false;
            }
            thread::sleep(NAP);
        }
    }

    fn send(&self, message: Message) {
        // Without the thread nothing is written, which it has told.
        let _ = self.messages.send(message);
    }

    /// Begins a file with `known` and the events in it, and returns its number.
    /// `None`: there is no room, which is counted.
    pub(super) fn begin(
        &mut self,
        path: PathBuf,
        limits: Limits,
        known: Vec<u8>,
        events: u64,
    ) -> Option<u64> {
        if !self.room(known.len()) {
            if self.no_room == 0 {
                error!(
                    "capture {}: not written, the disk is too slow",
                    path.display()
                );
            }
            self.no_room += 1;
            return None;
        }
        self.all_lost += std::mem::take(&mut self.lost);
        self.files += 1;
        let number = self.files;
        self.send(Message::Begin {
            number,
            path,
            limits,
        });
        self.send(Message::Blocks {
            bytes: known,
            events,
        });
        Some(number)
    }

    /// Blocks of the file at hand with so many events.
    pub(super) fn write(&mut self, bytes: Vec<u8>, events: u64) {
        match self.room(bytes.len()) {
            true => self.send(Message::Blocks { bytes, events }),
            false => self.lost += events,
        }
    }

    /// Whether the thread ended the file by itself.
    pub(super) fn has_ended(&self, number: u64) -> bool {
        self.shared.ended.load(Ordering::Acquire) == number
    }

    pub(super) fn end(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        self.all_lost += lost;
        self.send(Message::End { lost });
    }

    /// Waits until everything is written.
    pub(super) fn finish(self) {
        drop(self.messages);
        let written = match self.patient {
            true => self.done.recv().is_ok(),
            false => self.done.recv_timeout(PATIENCE).is_ok(),
        };
        if written {
            let _ = self.thread.join();
        } else {
            error!("captures: the disk is too slow, the last one is not complete");
        }
        if self.all_lost + self.no_room > 0 {
            error!(
                "captures: {} events and {} files were not written, the disk was too slow",
                self.all_lost, self.no_room
            );
        }
    }
}

/// The thread's side.
struct Writing {
    shared: Arc<Shared>,
    alerts: Sender<Alert>,
    file: Option<Open>,
}

struct Open {
    number: u64,
    path: PathBuf,
    limits: Limits,
    sink: Sink,
    events: u64,
}

impl Writing {
    fn run(mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Begin {
                    number,
                    path,
                    limits,
                } => {
                    self.end(0);
                    match recording::create(&path) {
                        Ok(file) => {
                            self.file = Some(Open {
                                number,
                                path,
                                limits,
                                sink: Sink::new(Box::new(file), Compression::Gzip),
                                events: 0,
                            });
                        }
                        Err(error) => self.failed(number, &path, &error),
                    }
                }
                Message::Blocks { bytes, events } => {
                    self.write(&bytes, events);
                    self.shared.waiting.fetch_sub(bytes.len(), Ordering::AcqRel);
                }
                Message::End { lost } => self.end(lost),
            }
        }
        self.end(0);
    }

    fn failed(&self, number: u64, path: &Path, error: &io::Error) {
        error!("cannot write the capture {}: {error}", path.display());
        self.shared.ended.store(number, Ordering::Release);
    }

    fn write(&mut self, bytes: &[u8], events: u64) {
        let Some(file) = &mut self.file else {
            return;
        };
        if let Err(error) = file.sink.write(bytes) {
            let (number, path) = (file.number, std::mem::take(&mut file.path));
            self.file = None;
            self.failed(number, &path, &error);
            return;
        }
        file.events += events;
        let (most, written) = (file.limits.bytes, file.sink.written());
        if most > 0 && written >= most {
            self.shared.ended.store(file.number, Ordering::Release);
            self.tell(most >> 20, written);
            self.end(0);
        }
    }

    fn tell(&self, most: u64, written: u64) {
        let message = format!("{TOO_LARGE}. A capture has {written} bytes, {most} MiB may be.");
        let fields = [("max_file_size_mb", most), ("written_bytes", written)];
        let fields = fields.map(|(name, value)| (name.into(), FieldValue::Uint(value)));
        // The loop takes it; if it does not, nobody does.
        let _ = self.alerts.try_send(Alert {
            fields: fields.into(),
            ..Alert::internal(TOO_LARGE, Priority::Informational, clock::now(), message)
        });
    }

    fn end(&mut self, lost: u64) {
        let Some(file) = self.file.take() else {
            return;
        };
        let Open {
            number,
            path,
            sink,
            events,
            ..
        } = file;
        match sink.finish() {
            Ok(()) => info!("capture {}: {events} events", path.display()),
            Err(error) => self.failed(number, &path, &error),
        }
        if lost > 0 {
            let path = path.display();
            error!("capture {path}: {lost} events are missing, the disk was too slow");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_nobody_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.scap");
        let (gate, open) = bounded::<()>(0);
        let (alerts, _kept) = bounded(1);
        // A disk that does nothing for a while.
        let mut writer = Writer::spawn(false, move |shared, messages| {
            let _ = open.recv();
            let writing = Writing {
                shared,
                alerts,
                file: None,
            };
            writing.run(messages);
        })
        .unwrap();
        let limits = Limits { bytes: 0 };
        let number = writer.begin(path.clone(), limits, vec![0; 100], 0).unwrap();
        let chunk = MOST_WAITING / 4;
        for _ in 0..6 {
            writer.write(vec![0; chunk], 10);
        }
        // Three fit beside the beginning.
        assert_eq!(writer.lost, 30);
        writer.end();
        assert!(
            writer
                .begin(path.clone(), limits, vec![0; chunk], 5)
                .is_none()
        );
        assert_eq!((writer.all_lost, writer.no_room), (30, 1));
        assert!(!writer.has_ended(number));
        gate.send(()).unwrap();
        writer.finish();
        assert!(std::fs::metadata(path).unwrap().len() > 0);
    }
}
