//! Events one after the other, for `print` and `record`: from a capture or from
//! the kernel, held against a filter.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bumpalo::Bump;
use clap::Args;
use falco_abi::control::hook;
use falco_abi::event::{Event as Kind, task_new, traits};
use falco_abi::syscall::{NONE, SYSCALLS};
use rustc_hash::FxHashSet;

use super::signals::Signals;
use super::startup::{self, Needs};
use crate::config::{Config, EngineKind};
use crate::diagnostic::{Diagnostic, Severity, Source as Text};
use crate::event::Event;
use crate::filter::condition::Condition;
use crate::filter::error::Error;
use crate::filter::field::Context;
use crate::filter::fields::FIELDS;
use crate::filter::predicate::Memo;
use crate::filter::table::FieldTable;
use crate::recording;
use crate::source::boot_time;
use crate::source::capture::{CaptureSource, Machine};
use crate::source::{Batch, Source, interest};
use crate::state::State;

/// How long the loop sleeps at most when nothing happens.
const IDLE: Duration = Duration::from_millis(200);

/// Traits of the events that have to do with a descriptor.
const DESCRIPTORS: u16 = traits::CREATES_FD | traits::USES_FD | traits::DESTROYS_FD;

/// What events are taken, and how many.
#[derive(Args, Clone, Debug)]
pub struct Taken {
    /// Read the capture FILE instead of the kernel; - is standard input
    #[arg(short = 'r', value_name = "FILE")]
    pub read: Option<PathBuf>,

    /// Stop after NUMBER events
    #[arg(short = 'n', value_name = "NUMBER")]
    pub events: Option<u64>,

    /// Stop after SECONDS
    #[arg(short = 'M', value_name = "SECONDS")]
    pub seconds: Option<u64>,

    /// With -r: as fast as it was recorded, times FACTOR
    #[arg(long, value_name = "FACTOR", requires = "read", value_parser = factor)]
    pub speed: Option<f64>,

    /// Take the events alone for which this condition holds, as in a rule
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
}

/// A speed.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor.is_finite() => Ok(factor),
        _ => Err("must be a number above 0".to_owned()),
    }
}

/// Where events go.
pub(super) trait Sink {
    /// What follows is of this machine, in this state.
    fn begin(&mut self, machine: &Machine, state: &State) -> anyhow::Result<()>;

    /// One event; `matches`: it is one of those that are wanted. `false`: no
    /// more are.
    fn event<'a>(&'a mut self, ctx: &Context<'a>, matches: bool) -> anyhow::Result<bool>;

    /// Some time has passed.
    fn pause(&mut self, _: &Progress) {}
}

/// Events that go two ways.
pub(super) struct Both<'s>(pub(super) &'s mut dyn Sink, pub(super) &'s mut dyn Sink);

impl Sink for Both<'_> {
    fn begin(&mut self, machine: &Machine, state: &State) -> anyhow::Result<()> {
        self.0.begin(machine, state)?;
        self.1.begin(machine, state)
    }

    fn event<'a>(&'a mut self, ctx: &Context<'a>, matches: bool) -> anyhow::Result<bool> {
        Ok(self.0.event(ctx, matches)? && self.1.event(ctx, matches)?)
    }

    fn pause(&mut self, progress: &Progress) {
        self.0.pause(progress);
        self.1.pause(progress);
    }
}

/// How much of a capture was read.
#[derive(Clone, Default)]
pub(super) struct Progress {
    read: Arc<AtomicU64>,
    /// Bytes of the file; 0 if nobody knows.
    pub(super) size: u64,
}

impl Progress {
    /// Bytes of the file that were read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// An open source with all that belongs to it.
pub(super) struct Stream {
    source: Box<dyn Source>,
    state: State,
    /// Of this machine, where the source has none.
    host: Option<Machine>,
    condition: Option<Condition>,
    progress: Progress,
    /// What processes have open was read at this time, in the clock of events:
    /// older events are part of what is known at the start.
    settled: u64,
    left: Option<u64>,
    end: Option<Instant>,
}

impl Stream {
    /// Opens what the options name. All events are read, whatever the filter: the
    /// state needs most of them.
    ///
    /// # Errors
    /// When it cannot be opened, or the filter is wrong.
    pub(super) fn open(taken: &Taken) -> anyhow::Result<Self> {
        let condition = condition(&taken.filter)?;
        let mut progress = Progress::default();
        let mut settled = 0;
        let (source, state) = match &taken.read {
            Some(path) => {
                let mut source = open_capture(path, &mut progress)?;
                if let Some(speed) = taken.speed {
                    source.set_speed(speed);
                }
                let mut state = State::new();
                source.restore(&mut state)?;
                (Box::new(source) as Box<dyn Source>, state)
            }
            None => {
                let calls = SYSCALLS.iter().map(|call| u32::from(call.number()));
                let mut wanted = interest(calls.filter(|&call| call != u32::from(NONE)));
                // What we write would be the next event, without an end.
                wanted.hooks |= hook::NO_OWN;
                let mut config = Config::default();
                config.engine.kind = EngineKind::Auto;
                config.engine.ebpf.cpus_for_each_buffer = 1;
                let (source, mut state) = startup::open_live(&config, &wanted, Needs::ALL)?;
                // A capture begins with it.
                settled = boot_time();
                state.read_open_files();
                (source, state)
            }
        };
        let host = source.machine().is_none().then(recording::of_host);
        Ok(Self {
            source,
            state,
            host,
            condition,
            progress,
            settled,
            left: taken.events,
            end: taken
                .seconds
                .and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds))),
        })
    }

    /// Hands all events to `sink`, until there are no more, or enough.
    ///
    /// # Errors
    /// When the source or the sink breaks.
    pub(super) fn run(&mut self, signals: &Signals, sink: &mut dyn Sink) -> anyhow::Result<()> {
        let Self {
            source,
            state,
            host,
            condition,
            progress,
            settled,
            left,
            end,
        } = self;
        let mut arena = Bump::new();
        let mut memo = Memo::default();
        let machine = |source: &dyn Source| {
            let own = || host.clone().unwrap_or_default();
            source.machine().cloned().unwrap_or_else(own)
        };
        let first = machine(&**source);
        let mut begun = *settled == 0;
        if begun {
            sink.begin(&first, state)?;
        }
        // Processes made since the others were read, of which events tell all.
        let mut born = FxHashSet::default();
        let mut failed = None;
        let mut done = *left == Some(0);
        while !done && !signals.stop() {
            let mut wait = IDLE;
            if let Some(end) = end {
                wait = wait.min(end.saturating_duration_since(Instant::now()));
                if wait.is_zero() {
                    break;
                }
            }
            let epoch_offset = source.epoch_offset();
            let batch = source.read(wait, &mut |num, record| {
                if done {
                    return;
                }
                let Ok(event) = Event::decode(record, num, epoch_offset) else {
                    return;
                };
                if event.header.ts < *settled {
                    if event.kind == Kind::TaskNew {
                        born.extend(event.number(task_new::Slot::pid as usize));
                    }
                    if event.info().traits & DESCRIPTORS == 0
                        || born.contains(&event.header.pid.into())
                    {
                        state.before(&event);
                        state.after(&event);
                    }
                    return;
                }
                if !begun {
                    begun = true;
                    if let Err(error) = sink.begin(&first, state) {
                        failed = Some(error);
                        done = true;
                        return;
                    }
                }
                state.before(&event);
                arena.reset();
                let context = state.context(&event, &arena);
                let matches = !event.is_internal()
                    && match &*condition {
                        Some(condition) => condition.holds(&context, &mut memo),
                        None => true,
                    };
                match sink.event(&context, matches) {
                    Ok(more) => done |= !more,
                    Err(error) => {
                        failed = Some(error);
                        done = true;
                    }
                }
                if let Some(left) = left.as_mut().filter(|_| matches) {
                    *left -= 1;
                    done |= *left == 0;
                }
                state.after(&event);
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            // All that happened before is known by now.
            if !begun && matches!(batch, Batch::Nothing) {
                begun = true;
                sink.begin(&first, state)?;
            }
            sink.pause(progress);
            match batch {
                Batch::Some | Batch::Nothing => {}
                Batch::Section if done => {}
                Batch::Section => {
                    state.restart();
                    source.restore(state)?;
                    sink.begin(&machine(&**source), state)?;
                }
                Batch::End => break,
            }
            if host.is_some() {
                state.heal_on();
                state.tick();
            }
        }
        if !begun {
            sink.begin(&first, state)?;
        }
        Ok(())
    }

    /// Records lost so far.
    ///
    /// # Errors
    /// When the source does not answer.
    pub(super) fn lost(&self) -> anyhow::Result<u64> {
        Ok(self.source.counters()?.lost())
    }
}

fn open_capture(path: &Path, progress: &mut Progress) -> anyhow::Result<CaptureSource> {
    if path == Path::new("-") {
        return CaptureSource::open(path);
    }
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open capture {name}"))?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        bail!("cannot open capture {name}: it is a directory");
    }
    progress.size = meta.len();
    let read = Arc::clone(&progress.read);
    let counted = Counted { file, read };
    CaptureSource::new(counted).with_context(|| format!("cannot read capture {name}"))
}

/// The filter, whose words may be several arguments.
fn condition(words: &[String]) -> anyhow::Result<Option<Condition>> {
    if words.is_empty() {
        return Ok(None);
    }
    let text = words.join(" ");
    let condition = Condition::compile(&text, &FieldTable::new(FIELDS));
    Ok(Some(
        condition.map_err(|errors| wrong("filter", &text, errors))?,
    ))
}

/// What is wrong with a text of the command line, each with its place.
pub(super) fn wrong(name: &str, text: &str, errors: Vec<Error>) -> anyhow::Error {
    let source = Text::new(name, text);
    let shown = errors.into_iter().map(|error| {
        let origin = source.origin(error.span);
        let mut shown = Diagnostic::new(Severity::Error, origin, error.kind.to_string());
        shown.hint = error.hint;
        shown.to_string()
    });
    anyhow::anyhow!(shown.collect::<Vec<_>>().join("\n"))
}
