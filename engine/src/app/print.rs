//! `falco-engine print`: events as lines.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, StdoutLock, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};

use super::record::{self, Recorder};
use super::signals;
use super::stream::{Both, Progress, Sink, Stream, Taken, wrong};
use crate::filter::field::Context;
use crate::filter::fields::FIELDS;
use crate::filter::table::FieldTable;
use crate::filter::template::Template;
use crate::output::FieldValue;
use crate::source::capture::Machine;
use crate::state::State;

/// What sysdig prints of each event. Marks stand where colours begin and end.
const LINE: &str = "*\u{F8F0}%evt.num\u{F8F3} \u{F8F0}%evt.time\u{F8F3} %evt.cpu \
                    \u{F8F1}%proc.name\u{F8F3} (%thread.tid) %evt.dir \
                    \u{F8F2}%evt.type\u{F8F3} %evt.info";

/// Marks of [`LINE`], and what a terminal makes of them.
const COLOURS: [(char, &str); 4] = [
    ('\u{F8F0}', "\x1b[2m"),
    ('\u{F8F1}', "\x1b[32m"),
    ('\u{F8F2}', "\x1b[36m"),
    ('\u{F8F3}', "\x1b[0m"),
];

/// Files of so many bytes have a progress bar.
const LARGE: u64 = 16 << 20;
/// How often it is drawn.
const DRAWN: Duration = Duration::from_millis(200);
/// How wide it is.
const WIDTH: u64 = 40;

/// Options of `print`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    #[command(flatten)]
    /// Which events.
    pub taken: Taken,

    /// Print FORMAT for each event, a text with %fields
    ///
    /// Events that lack one of the fields are left out, unless the format
    /// begins with *.
    #[arg(short = 'p', value_name = "FORMAT")]
    pub format: Option<String>,

    /// Print the fields of the format as JSON, one object for each event
    #[arg(short = 'j', long = "json")]
    pub json: bool,

    /// Write the events into the capture FILE too, as `record` does
    #[arg(short = 'w', value_name = "FILE")]
    pub write: Option<PathBuf>,

    /// Colour lines
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Colour,
}

/// When lines are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Prints events.
///
/// # Errors
/// When they cannot be read, or what is asked for is wrong.
pub(super) fn print(options: &Options) -> anyhow::Result<()> {
    let text = options.format.as_deref().unwrap_or(LINE);
    let table = FieldTable::new(FIELDS);
    let template = Template::compile(text, &table);
    let template = template.map_err(|errors| wrong("-p", text, errors))?;
    let (signals, _) = signals::watch()?;
    let mut stream = Stream::open(&options.taken)?;
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut printer = Printer {
        template,
        complete: !text.starts_with('*'),
        json: options.json,
        terminal,
        marked: options.format.is_none(),
        coloured: match options.color {
            Colour::Auto => terminal && !is_set("NO_COLOR"),
            Colour::Always => true,
            Colour::Never => false,
        },
        live: options.taken.read.is_none() || options.taken.speed.is_some(),
        out: BufWriter::with_capacity(64 << 10, stdout.lock()),
        line: String::new(),
        values: Vec::new(),
        bar: (!terminal && io::stderr().is_terminal()).then(Bar::default),
    };
    let recorded = options
        .write
        .as_ref()
        .map(|path| record::Options::plain(&options.taken, path));
    let mut recorder = recorded.as_ref().map(Recorder::new);
    let ended = match &mut recorder {
        Some(recorder) => stream.run(&signals, &mut Both(&mut printer, recorder)),
        None => stream.run(&signals, &mut printer),
    };
    let ended = match recorder {
        Some(recorder) => recorder.finish(ended, &stream),
        None => ended,
    };
    if let Some(bar) = &mut printer.bar {
        bar.clear();
    }
    let flushed = printer.out.flush();
    match ended.and_then(|()| Ok(flushed?)) {
        // Whoever reads has seen enough.
        Err(error) if is_closed(&error) => Ok(()),
        ended => ended,
    }
}

/// Whether a variable is there and not empty.
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

struct Printer<'o> {
    template: Template,
    /// Events that lack a field are left out.
    complete: bool,
    json: bool,
    terminal: bool,
    /// The format has marks for colours.
    marked: bool,
    coloured: bool,
    live: bool,
    out: BufWriter<StdoutLock<'o>>,
    line: String,
    values: Vec<(Arc<str>, FieldValue)>,
    bar: Option<Bar>,
}

/// Fields with their values, in their order.
struct Object<'a>(&'a [(Arc<str>, FieldValue)]);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (&**name, value)))
    }
}

impl Sink for Printer<'_> {
    fn begin(&mut self, _: &Machine, _: &State) -> anyhow::Result<()> {
        Ok(())
    }

    fn event<'a>(&'a mut self, ctx: &Context<'a>, matches: bool) -> anyhow::Result<bool> {
        if !matches {
            return Ok(true);
        }
        if self.json || self.complete {
            self.values.clear();
            self.template.values(ctx, &mut self.values);
            let missing = |(_, value): &(_, FieldValue)| *value == FieldValue::Missing;
            if self.complete && self.values.iter().any(missing) {
                return Ok(true);
            }
        }
        if self.json {
            serde_json::to_writer(&mut self.out, &Object(&self.values)).map_err(io::Error::from)?;
            self.out.write_all(b"\n")?;
            return Ok(true);
        }
        self.line.clear();
        self.template.render(ctx, &mut self.line);
        if self.terminal {
            // What events say must not steer the terminal.
            let shown = |c: char| if c.is_control() { '.' } else { c };
            self.line = self.line.chars().map(shown).collect();
        }
        if self.marked {
            for (mark, colour) in COLOURS {
                let colour = if self.coloured { colour } else { "" };
                self.line = self.line.replace(mark, colour);
            }
        }
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())?;
        Ok(true)
    }

    fn pause(&mut self, progress: &Progress) {
        if self.live || self.terminal {
            // An error comes back with the next line.
            let _ = self.out.flush();
        }
        if let Some(bar) = self.bar.as_mut().filter(|_| progress.size >= LARGE) {
            bar.draw(progress);
        }
    }
}

/// A progress bar on standard error.
#[derive(Default)]
struct Bar {
    drawn: Option<Instant>,
}

impl Bar {
    fn draw(&mut self, progress: &Progress) {
        if self.drawn.is_some_and(|drawn| drawn.elapsed() < DRAWN) {
            return;
        }
        self.drawn = Some(Instant::now());
        // Nobody needs to see it.
        let _ = io::stderr().write_all(bar(progress.read(), progress.size).as_bytes());
    }

    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn bar(read: u64, size: u64) -> String {
    let share = |of: u64| (read.min(size)).saturating_mul(of) / size.max(1);
    let done = "#".repeat(share(WIDTH) as usize);
    let width = WIDTH as usize;
    format!("\r[{done:<width$}] {:>3}%", share(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows() {
        assert_eq!(bar(0, 100), format!("\r[{}]   0%", " ".repeat(40)));
        assert_eq!(
            bar(50, 100),
            format!("\r[{}{}]  50%", "#".repeat(20), " ".repeat(20))
        );
        assert_eq!(bar(200, 100), format!("\r[{}] 100%", "#".repeat(40)));
    }

    #[test]
    fn the_line_is_a_template() {
        Template::compile(LINE, &FieldTable::new(FIELDS)).unwrap();
    }
}
