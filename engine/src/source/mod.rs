//! Where records come from.

pub mod capture;
pub mod device;
pub mod ebpf;
pub mod kmod;
mod mapping;
mod merge;
pub mod nodriver;

use falco_abi::control::{Interest, Setup, hook};
use falco_abi::event::Event as Kind;
use falco_abi::syscall::SYSCALL_MAX;
use nix::time::{ClockId, clock_gettime};

use crate::state::State;

/// What became of records since the source was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records written.
    pub records: u64,
    /// Records that were handed out after one with a later time.
    pub late: u64,
    /// Records lost, with cause and class, without those that are 0.
    pub lost: Vec<Lost>,
    /// Records that are there but lack a parameter, since a program's memory could not be
    /// read, by class; the cause is [`FAULT`].
    pub faults: Vec<Lost>,
    /// The rings, if the source has some.
    pub rings: Vec<RingUse>,
    /// What eBPF programs cost, if the kernel measures it.
    pub programs: Vec<ProgramUse>,
}

/// What an eBPF program has cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramUse {
    /// Its name.
    pub name: Box<str>,
    /// How often it ran.
    pub runs: u64,
    /// Nanoseconds that it took.
    pub nanoseconds: u64,
}

/// What a ring holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingUse {
    /// Its CPU.
    pub cpu: u32,
    /// Records written to it so far.
    pub records: u64,
    /// Bytes that are not read yet.
    pub used: u64,
    /// Bytes that it has room for.
    pub size: u64,
}

/// Cause of [`Counters::faults`].
pub const FAULT: &str = "fault";

impl Counters {
    /// Records lost for any reason.
    pub fn lost(&self) -> u64 {
        self.lost.iter().map(|l| l.count).sum()
    }
}

/// Records lost for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// CPU that made them; `None` for all CPUs without a ring.
    pub cpu: Option<u32>,
    /// Why ([`falco_abi::ring::LOSS_NAMES`], or `no_ring`).
    pub cause: &'static str,
    /// What they were ([`falco_abi::event::CLASS_NAMES`], or `any`).
    pub class: &'static str,
    /// How many.
    pub count: u64,
}

/// What a source brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Records were handed out.
    Some,
    /// There was nothing within the time given.
    Nothing,
    /// What follows is of another recording: [`Source::restore`] is next.
    Section,
    /// There will never be more.
    End,
}

/// A call that changes no more than one number of a descriptor, without a record.
#[derive(Clone, Copy, Debug)]
pub struct FdCall {
    /// Number of the event.
    pub num: u64,
    /// When it happened, as in a record.
    pub time: u64,
    /// The thread that called.
    pub tid: u32,
    /// What the call returned.
    pub result: i64,
    /// The descriptor.
    pub fd: i64,
    /// What it did.
    pub change: FdChange,
}

/// What such a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdChange {
    /// `close`.
    Close,
    /// `fcntl` makes a copy, which the call returns.
    Copy {
        /// It ends with the next program.
        cloexec: bool,
    },
    /// `fcntl` says whether it ends with the next program.
    Cloexec(bool),
}

impl FdCall {
    /// The kind of its event.
    pub fn kind(&self) -> Kind {
        match self.change {
            FdChange::Close => Kind::Close,
            FdChange::Copy { .. } | FdChange::Cloexec(_) => Kind::Fcntl,
        }
    }
}

/// Takes what a source hands out.
pub trait Sink {
    /// A record, with the number of its event.
    fn record(&mut self, num: u64, record: &[u8]);

    /// A descriptor was closed or copied. `false`: the record of that is wanted.
    fn fd_call(&mut self, _call: &FdCall) -> bool {
        false
    }
}

impl<F: FnMut(u64, &[u8])> Sink for F {
    fn record(&mut self, num: u64, record: &[u8]) {
        self(num, record);
    }
}

/// Makes ready what an interest needs, on another thread than that of the source:
/// see [`Source::preparer`].
pub type Preparer = Box<dyn FnMut(&Interest) -> anyhow::Result<()> + Send>;

/// A source of records: the module's rings, or a capture, whose events become
/// the same records.
pub trait Source {
    /// Says which system calls (by number) and hooks make records.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()>;

    /// What is to be asked first, beside the reader, where an interest may take its time.
    fn preparer(&self) -> Option<Preparer> {
        None
    }

    /// Says whether nobody wants the calls of `fcntl` that change nothing. A source
    /// for which they cost nothing may make records of them nevertheless.
    fn leave_out_queries(&mut self, _leave_out: bool) {}

    /// Takes what the source knows of the machine into a new state, before the
    /// first record and after [`Batch::Section`].
    ///
    /// # Errors
    /// When the source is broken for good.
    fn restore(&mut self, _state: &mut State) -> anyhow::Result<()> {
        Ok(())
    }

    /// Hands every record that is there to `each`, with the number of its event
    /// (from 1), ordered by time across CPUs, and waits for at most `wait` when
    /// there is none. A record is valid during its call only.
    ///
    /// # Errors
    /// When the source is broken for good.
    fn read(
        &mut self,
        wait: std::time::Duration,
        each: &mut dyn FnMut(u64, &[u8]),
    ) -> anyhow::Result<Batch>;

    /// The same, where not all that is handed out needs a record.
    ///
    /// # Errors
    /// When the source is broken for good.
    fn read_into(
        &mut self,
        wait: std::time::Duration,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<Batch> {
        self.read(wait, &mut |num, record| sink.record(num, record))
    }

    /// Records written and lost so far.
    ///
    /// # Errors
    /// When the source does not answer.
    fn counters(&self) -> anyhow::Result<Counters>;

    /// The machine that the records are of, if it is not this one.
    fn machine(&self) -> Option<&capture::Machine> {
        None
    }

    /// What to add to a record's time to get nanoseconds since the epoch.
    fn epoch_offset(&self) -> i64;
}

/// The interest in the given system calls, with what their descriptors are, and in all
/// other hooks.
pub fn interest(syscalls: impl IntoIterator<Item = u32>) -> Interest {
    let mut interest = Interest {
        hooks: hook::ALL,
        ..Interest::default()
    };
    for number in syscalls {
        let number = number as usize;
        if number < SYSCALL_MAX {
            interest.syscalls[number / 64] |= 1 << (number % 64);
        }
    }
    interest.descriptors = interest.syscalls;
    interest
}

/// What happens on this machine, by `ebpf` or else by the module: what tests name.
///
/// # Errors
/// When there is no such source, or this machine cannot have it.
pub fn live(name: Option<&str>, setup: Setup) -> anyhow::Result<Box<dyn Source>> {
    match name {
        None | Some("kmod") => {
            let path = std::path::Path::new(falco_abi::control::DEVICE_PATH);
            Ok(Box::new(kmod::KmodSource::open_with(path, setup)?))
        }
        Some("ebpf") => {
            let cpus_for_each_buffer = 1;
            Ok(Box::new(ebpf::EbpfSource::open(ebpf::Options {
                setup,
                cpus_for_each_buffer,
            })?))
        }
        Some(other) => anyhow::bail!("`{other}` is no source: kmod or ebpf"),
    }
}

/// Bytes of a page.
fn page_size() -> Option<usize> {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok()
        .flatten()
        .and_then(|size| usize::try_from(size).ok())
}

fn nanoseconds(clock: ClockId) -> i64 {
    // The two clocks used exist on every kernel that a source can read from.
    clock_gettime(clock).map_or(0, |t| t.tv_sec() * 1_000_000_000 + t.tv_nsec())
}

/// Now, on the clock of the records.
pub fn boot_time() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME).cast_unsigned()
}

/// What turns a boot time into nanoseconds since the epoch; changes when
/// somebody sets the clock.
fn epoch_offset() -> i64 {
    nanoseconds(ClockId::CLOCK_REALTIME) - nanoseconds(ClockId::CLOCK_BOOTTIME)
}
