//! Calls whose records say themselves whether they are whole, and what is read of them.

use std::collections::HashMap;
use std::sync::LazyLock;

use falco_abi::event::{Event as Kind, lost, openat2 as slots};
use falco_abi::syscall::SYSCALLS;
use falco_engine::event::Event;
use falco_engine::source::{Counters, Source, interest};
use nix::fcntl::{AT_FDCWD, OpenHow, openat2};

/// What paths are made of. Names of files may not be as long as paths.
static LETTERS: LazyLock<String> = LazyLock::new(|| {
    let letters = (0..4000).map(|at| match at % 200 {
        199 => '/',
        _ => char::from(b'a' + (at % 26) as u8),
    });
    letters.collect()
});

/// A call: of a round, by a thread, the so-and-so-manieth of that thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) round: u32,
    pub(crate) thread: u32,
    pub(crate) turn: u32,
}

impl Call {
    /// A path that does not exist and that only this call can have. Its length goes
    /// from a few bytes to most of what a path may have.
    pub(crate) fn path(self) -> String {
        let Self {
            round,
            thread,
            turn,
        } = self;
        let mut path = format!("/storm/{round}/{thread}/{turn}/");
        let length = (thread.wrapping_mul(7919) ^ turn.wrapping_mul(104_729)) as usize % 3000;
        let start = (thread as usize + turn as usize) % 26;
        path.push_str(&LETTERS[start..start + length]);
        path
    }

    /// The call that a path says it is of.
    fn of(path: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(path).ok()?;
        let mut parts = text.strip_prefix("/storm/")?.split('/');
        let mut next = || parts.next()?.parse().ok();
        Some(Self {
            round: next()?,
            thread: next()?,
            turn: next()?,
        })
    }

    /// Makes it. Nothing else here makes this call: the C library opens files by itself.
    pub(crate) fn make(self) {
        let _ = openat2(AT_FDCWD, self.path().as_str(), OpenHow::new());
    }
}

/// Has those calls recorded, and no other.
///
/// # Errors
/// What the source says.
pub(crate) fn watch(source: &mut dyn Source) -> anyhow::Result<()> {
    let call = SYSCALLS.iter().find(|s| s.name == "openat2");
    source.set_interest(&interest(call.map(|s| u32::from(s.number()))))
}

/// What was read.
#[derive(Default)]
pub(crate) struct Seen {
    /// No call of another round should be there.
    round: u32,
    pub(crate) records: u64,
    pub(crate) torn: u64,
    pub(crate) repeated: u64,
    /// Opens that records of loss told of.
    pub(crate) told: u64,
    /// The last turn of each thread.
    turns: HashMap<u32, u32>,
    /// The processors of threads that stay on one.
    pub(crate) staying: HashMap<u32, u16>,
    /// Calls of these that were not read, by processor, and opens of whoever it was that were
    /// told to be lost there.
    missing: HashMap<u16, (u64, u64)>,
    /// Records that came before a record told of what was lost before them.
    pub(crate) early: u64,
}

impl Seen {
    pub(crate) fn new(round: u32) -> Self {
        Self {
            round,
            ..Self::default()
        }
    }

    pub(crate) fn take(&mut self, record: &[u8]) {
        let Ok(event) = Event::decode(record, 1, 0) else {
            self.torn += 1;
            return;
        };
        if event.kind == Kind::Lost {
            let opens = event.int(lost::Slot::open as usize).unwrap_or(0);
            self.told += opens.cast_unsigned();
            self.missing.entry(event.header.cpu).or_default().1 += opens.cast_unsigned();
        }
        if event.kind != Kind::Openat2 || event.header.pid != std::process::id() {
            return;
        }
        self.records += 1;
        let name = event.bytes(slots::Slot::name as usize).unwrap_or_default();
        let failed = event.result().is_some_and(|result| result < 0);
        let Some(call) = Call::of(name) else {
            self.torn += 1;
            return;
        };
        if !failed || call.round != self.round || name != call.path().as_bytes() {
            self.torn += 1;
        }
        let last = self.turns.insert(call.thread, call.turn);
        if self.staying.get(&call.thread) == Some(&event.header.cpu) {
            let expected = last.map_or(0, |last| last + 1);
            let (missing, told) = self.missing.entry(event.header.cpu).or_default();
            *missing += u64::from(call.turn.saturating_sub(expected));
            self.early += u64::from(*missing > *told);
        }
        if last.is_some_and(|last| last >= call.turn) {
            self.repeated += 1;
        }
    }

    /// What is wrong with it, when so many calls were made and this was counted.
    ///
    /// # Errors
    /// That.
    pub(crate) fn judge(&self, made: u64, counters: &Counters) -> anyhow::Result<()> {
        let lost = lost_opens(counters);
        anyhow::ensure!(self.torn == 0, "{} records are torn", self.torn);
        anyhow::ensure!(
            self.repeated == 0,
            "{} records are there twice or out of order",
            self.repeated
        );
        anyhow::ensure!(
            self.records + lost == made,
            "of {made} calls {} were read and {lost} lost: {:?}",
            self.records,
            counters.lost
        );
        anyhow::ensure!(
            self.told <= lost,
            "of {lost} lost records {} were told of",
            self.told
        );
        Ok(())
    }
}

/// Records of such calls that were lost for whatever reason.
pub(crate) fn lost_opens(counters: &Counters) -> u64 {
    let opens = counters.lost.iter().filter(|l| l.class == "open");
    opens.map(|l| l.count).sum()
}
