//! `falco-engine record`: events into a capture.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use falco_abi::event::traits;

use super::signals;
use super::stream::{Sink, Stream, Taken};
use crate::filter::field::Context;
use crate::recording::{self, Compression, Options as Written, Writer};
use crate::source::capture::Machine;
use crate::state::State;

/// Events that change what is known: they are written whatever the filter says,
/// for the state of whoever reads the capture.
const STATE: u16 = traits::CREATES_FD | traits::DESTROYS_FD | traits::MODIFIES_STATE;

/// Options of `record`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    /// Which events.
    pub taken: Taken,

    /// Write to FILE, which its owner alone can read; - is standard output
    ///
    /// What is there by that name is replaced, a link as well. Programs with the
    /// libraries of today's Falco read the capture; Debian's sysdig is older and
    /// needs --old-readers.
    #[arg(short = 'w', value_name = "FILE")]
    pub write: PathBuf,

    /// Compress, whatever the file is called; else .gz and .zst say how
    #[arg(long, value_name = "HOW")]
    pub compress: Option<Compression>,

    /// Begin another file after MIB MiB; a number is added to the name
    #[arg(short = 'C', value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..1 << 30))]
    pub size: Option<u64>,

    /// With -C: keep NUMBER files, the first is written again when they are full
    #[arg(short = 'W', value_name = "NUMBER", requires = "size", value_parser = clap::value_parser!(u64).range(1..))]
    pub files: Option<u64>,

    /// Write for programs with older libraries of Falco, such as Debian's sysdig
    ///
    /// The entry of each call is written too, by which they know descriptors, and
    /// no parameter and no kind of descriptors that they would refuse. Falco and
    /// this program read such captures as well.
    #[arg(long)]
    pub old_readers: bool,
}

impl Options {
    /// What is taken goes to `path`, nothing else.
    pub(super) fn plain(taken: &Taken, path: &Path) -> Self {
        Self {
            taken: taken.clone(),
            write: path.to_owned(),
            compress: None,
            size: None,
            files: None,
            old_readers: false,
        }
    }
}

/// Records events.
///
/// # Errors
/// When they cannot be read or written.
pub(super) fn record(options: &Options) -> anyhow::Result<()> {
    let (signals, _) = signals::watch()?;
    let mut stream = Stream::open(&options.taken)?;
    let mut recorder = Recorder::new(options);
    let ended = stream.run(&signals, &mut recorder);
    recorder.finish(ended, &stream)
}

/// Puts events into a capture.
pub(super) struct Recorder<'o> {
    options: &'o Options,
    written: Written,
    machine: Machine,
    writer: Option<Writer>,
    files: u64,
    events: u64,
}

/// The name of a file of several.
fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(number.to_string());
    name.into()
}

/// Whether a file is the one from which events are taken.
fn is_read(taken: &Taken, path: &Path) -> bool {
    let read = match taken.read.as_deref() {
        Some(read) if read == Path::new("-") => Path::new("/proc/self/fd/0"),
        Some(read) => read,
        None => return false,
    };
    let file = |path| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.dev(), meta.ino()))
    };
    file(read).is_some_and(|read| file(path) == Some(read))
}

/// Makes a file. Pipes and devices are written to as they are.
fn create(path: &Path) -> io::Result<File> {
    match fs::symlink_metadata(path).map(|meta| meta.file_type()) {
        Ok(kind) if !kind.is_file() && !kind.is_symlink() => File::options().write(true).open(path),
        _ => recording::create(path),
    }
}

impl<'o> Recorder<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self {
            options,
            written: Written {
                compression: options
                    .compress
                    .unwrap_or_else(|| Compression::of_name(&options.write)),
                old_readers: options.old_readers,
            },
            machine: Machine::default(),
            writer: None,
            files: 0,
            events: 0,
        }
    }

    /// Ends the capture and says what is in it. `ended`: how reading ended.
    ///
    /// # Errors
    /// Those of reading, and those of the last bytes.
    pub(super) fn finish(
        mut self,
        ended: anyhow::Result<()>,
        stream: &Stream,
    ) -> anyhow::Result<()> {
        let closed = self.close();
        ended.and(closed)?;
        let lost = stream.lost()?;
        let name = self.options.write.display();
        let events = self.events;
        eprintln!("{events} events were written to {name}, {lost} were lost");
        Ok(())
    }

    fn open(&mut self, state: &State) -> anyhow::Result<()> {
        self.close()?;
        let base = &self.options.write;
        let path = match (self.options.size, self.options.files) {
            (None, _) => base.clone(),
            (Some(_), None) => numbered(base, self.files),
            (Some(_), Some(most)) => numbered(base, self.files % most),
        };
        let out: Box<dyn Write + Send> = match path.as_os_str() == "-" {
            true => Box::new(io::stdout()),
            false => {
                if is_read(&self.options.taken, &path) {
                    bail!("{} is the capture that is read", path.display());
                }
                let file = create(&path);
                Box::new(file.with_context(|| format!("cannot write {}", path.display()))?)
            }
        };
        self.files += 1;
        let writer = Writer::new(out, self.written, &self.machine, state);
        self.writer = Some(writer.with_context(|| self.failed())?);
        Ok(())
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.options.write.display())
    }

    fn close(&mut self) -> anyhow::Result<()> {
        if let Some(writer) = self.writer.take() {
            self.events += writer.events();
            writer.finish().with_context(|| self.failed())?;
        }
        Ok(())
    }
}

impl Sink for Recorder<'_> {
    fn begin(&mut self, machine: &Machine, state: &State) -> anyhow::Result<()> {
        self.machine = machine.clone();
        match &mut self.writer {
            // A capture of several sections stays one.
            Some(writer) => writer
                .section(machine, state)
                .with_context(|| self.failed()),
            None => self.open(state),
        }
    }

    fn event<'a>(&'a mut self, ctx: &Context<'a>, matches: bool) -> anyhow::Result<bool> {
        let known = ctx.event.is_known();
        if !matches && !known && ctx.event.info().traits & STATE == 0 {
            return Ok(true);
        }
        let Some(writer) = &mut self.writer else {
            return Ok(false);
        };
        let written = writer.event(ctx.event, ctx.state, !matches && !known);
        let full = self
            .options
            .size
            .is_some_and(|size| writer.written() >= size << 20);
        written.with_context(|| self.failed())?;
        if full {
            self.open(ctx.state)?;
        }
        Ok(true)
    }
}
