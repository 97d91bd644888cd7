//! Sets of events: under which of them a condition can be true.

use std::sync::LazyLock;

use falco_abi::control::{Interest, hook};
use falco_abi::event::{ALL, Event as Kind};
use falco_abi::syscall::{EVENT_BY_NUMBER, NONE, SYSCALL_WORDS, SYSCALLS, Syscall};

use crate::event::Event;
use crate::source::capture::events::EVENT_TYPES;
use crate::source::capture::syscalls::NAMES;

const KIND_WORDS: usize = ALL.len().div_ceil(64);

/// Stands for every system call that this architecture does not have: no event
/// has this number.
const ELSEWHERE: usize = SYSCALL_WORDS * 64;

/// A set of event types: kinds of events, and of those system calls whose
/// events differ in their number alone ([`Kind::Syscall`]) each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventSet {
    kinds: [u64; KIND_WORDS],
    syscalls: [u64; SYSCALL_WORDS + 1],
}

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A kind of events.
    Kind(Kind),
    /// A system call without a kind of its own.
    Syscall(u32),
}

impl Probe {
    /// What rules take an event for that tells a system call by its number alone:
    /// captures and calls of x32 have such events of calls with a kind of their
    /// own as well.
    pub fn of_call(number: u32) -> Self {
        match EVENT_BY_NUMBER.get(number as usize) {
            None | Some(Kind::Syscall) => Self::Syscall(number),
            Some(&kind) => Self::Kind(kind),
        }
    }
}

impl EventSet {
    /// Whether the type is one of them.
    pub fn has(&self, event: Probe) -> bool {
        match event {
            Probe::Kind(kind) => self.has_kind(kind),
            Probe::Syscall(number) => self.has_syscall(number),
        }
    }

    /// No event.
    pub const EMPTY: Self = Self {
        kinds: [0; KIND_WORDS],
        syscalls: [0; SYSCALL_WORDS + 1],
    };

    /// Every event that rules see.
    pub const fn all() -> Self {
        const EVERY: EventSet = {
            let mut set = EventSet::EMPTY;
            let mut at = 0;
            while at < ALL.len() {
                if !ALL[at].info().internal {
                    set.insert_kind(ALL[at]);
                }
                at += 1;
            }
            let mut at = 0;
            while at < SYSCALLS.len() {
                if SYSCALLS[at].event as u16 == Kind::Syscall as u16 {
                    set.insert_syscall(&SYSCALLS[at]);
                }
                at += 1;
            }
            set
        };
        EVERY
    }

    /// The events whose `evt.type` is `name`; `None` when there is no such name.
    /// Names that only other architectures have are known, too.
    pub fn of_type(name: &str) -> Option<Self> {
        let mut set = Self::EMPTY;
        let mut known = false;
        for &kind in ALL {
            let info = kind.info();
            if info.name == name && !info.internal && !name.is_empty() {
                set.insert_kind(kind);
                known = true;
            }
        }
        for syscall in SYSCALLS.iter().filter(|s| s.name == name) {
            if syscall.event == Kind::Syscall {
                set.insert_syscall(syscall);
            }
            known = true;
        }
        if !known && NAMES.contains(&name) {
            set.insert_number(ELSEWHERE);
            known = true;
        }
        known.then_some(set)
    }

    /// The events that the system call `name` can make; `None` when there is
    /// no such call.
    pub fn of_syscall(name: &str) -> Option<Self> {
        let mut set = Self::EMPTY;
        let Some(syscall) = SYSCALLS.iter().find(|s| s.name == name) else {
            set.insert_number(ELSEWHERE);
            return NAMES.contains(&name).then_some(set);
        };
        match syscall.event {
            Kind::Syscall => set.insert_syscall(syscall),
            kind => set.insert_kind(kind),
        }
        // A successful execveat is reported as execve.
        if syscall.event == Kind::Execveat {
            set.insert_kind(Kind::Execve);
        }
        Some(set)
    }

    /// Names of everything that `evt.type` can be.
    pub fn type_names() -> impl Iterator<Item = &'static str> {
        let kinds = ALL.iter().map(|kind| kind.info());
        kinds
            .filter(|info| !info.internal && !info.name.is_empty())
            .map(|info| info.name)
            .chain(SYSCALLS.iter().map(|syscall| syscall.name))
    }

    const fn insert_kind(&mut self, kind: Kind) {
        self.kinds[kind as usize / 64] |= 1 << (kind as usize % 64);
    }

    const fn insert_syscall(&mut self, syscall: &Syscall) {
        self.insert_number(match syscall.number() {
            NONE => ELSEWHERE,
            number => number as usize,
        });
    }

    const fn insert_number(&mut self, number: usize) {
        if number / 64 < self.syscalls.len() {
            self.syscalls[number / 64] |= 1 << (number % 64);
        }
    }

    fn has_kind(&self, kind: Kind) -> bool {
        self.kinds[kind as usize / 64] & (1 << (kind as usize % 64)) != 0
    }

    fn has_syscall(&self, number: u32) -> bool {
        let word = self.syscalls.get(number as usize / 64);
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Whether the event is one of them.
    #[inline]
    pub fn contains(&self, event: &Event<'_>) -> bool {
        match event.kind {
            Kind::Syscall => self.has(Probe::of_call(event.header.syscall)),
            kind => self.has_kind(kind),
        }
    }

    /// Events in either.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        let own = self.kinds.iter_mut().chain(&mut self.syscalls);
        own.zip(other.kinds.iter().chain(&other.syscalls))
            .for_each(|(own, other)| *own |= other);
        self
    }

    /// Events in both.
    #[must_use]
    pub fn intersection(mut self, other: &Self) -> Self {
        let own = self.kinds.iter_mut().chain(&mut self.syscalls);
        own.zip(other.kinds.iter().chain(&other.syscalls))
            .for_each(|(own, other)| *own &= other);
        self
    }

    /// Events that rules see and that are not in this set.
    #[must_use]
    pub fn complement(&self) -> Self {
        let mut set = Self::all();
        let words = set.kinds.iter_mut().chain(&mut set.syscalls);
        words
            .zip(self.kinds.iter().chain(&self.syscalls))
            .for_each(|(word, own)| *word &= !own);
        set
    }

    /// How many event types there are of them in captures, where most have two
    /// in each of several versions, and calls without parameters share two.
    pub fn codes(&self) -> usize {
        let kinds: usize = self.kinds().map(|kind| CODES[kind as usize]).sum();
        kinds
            + if self.syscalls.iter().any(|word| *word != 0) {
                2
            } else {
                0
            }
    }

    /// Whether a rule for them says under which events it is tried: more than
    /// this many types, counted as Falco does, cost too much.
    pub fn is_narrow(&self) -> bool {
        const MANY: usize = 100;
        self.codes() <= MANY
    }

    /// How many.
    pub fn len(&self) -> usize {
        let words = self.kinds.iter().chain(&self.syscalls);
        words.map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The kinds of events among them, [`Kind::Syscall`] left out.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        let kinds = ALL.iter().copied();
        kinds.filter(|&kind| kind != Kind::Syscall && self.has_kind(kind))
    }

    /// The system calls among them that have no kind of their own.
    pub fn generic_syscalls(&self) -> impl Iterator<Item = u32> + '_ {
        (0..64 * SYSCALL_WORDS as u32).filter(|&number| self.has_syscall(number))
    }

    /// Names of all of them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        let kinds = self.kinds().map(|kind| kind.info().name);
        kinds.chain(
            self.generic_syscalls()
                .filter_map(crate::event::syscall_name),
        )
    }

    /// What the kernel half must report so that none of them is missed. What
    /// the engine's own state needs comes on top.
    pub fn interest(&self) -> Interest {
        let mut interest = Interest::default();
        let own = SYSCALLS.iter().filter(|s| s.number() != NONE);
        let wanted = own.filter(|s| match s.event {
            Kind::Syscall => self.has_syscall(u32::from(s.number())),
            kind => self.has_kind(kind),
        });
        for number in wanted.map(|s| usize::from(s.number())) {
            interest.syscalls[number / 64] |= 1 << (number % 64);
        }
        for (kind, hook) in [
            (Kind::Execve, hook::EXEC),
            (Kind::TaskNew, hook::FORK),
            (Kind::Procexit, hook::EXIT),
            (Kind::Signaldeliver, hook::SIGNAL),
        ] {
            if self.has_kind(kind) {
                interest.hooks |= hook;
            }
        }
        interest
    }

    /// Hooks for those of them that are by far the most frequent, which nothing
    /// but a condition that names them should turn on.
    pub fn busy_hooks(&self) -> u64 {
        let busy = [(Kind::Switch, hook::SWITCH), (Kind::PageFault, hook::FAULT)];
        let wanted = busy.iter().filter(|(kind, _)| self.has_kind(*kind));
        wanted.fold(0, |hooks, (_, hook)| hooks | hook)
    }
}

/// How many types the events of each kind have in captures.
static CODES: LazyLock<Vec<usize>> = LazyLock::new(|| {
    let names = ALL.iter().map(|kind| kind.info().name);
    names.map(codes_of).collect()
});

/// How many types events of this name have in captures: calls one for their
/// entry and one for their exit.
fn codes_of(name: &str) -> usize {
    let own = EVENT_TYPES.iter().filter(|ty| ty.name == name);
    let mut pairs: Vec<_> = own
        .map(|ty| match ty.kind.is_call() {
            false => (ty.code, 1),
            true => (ty.code / 2 * 2, 2),
        })
        .collect();
    pairs.dedup();
    pairs.into_iter().map(|(_, codes)| codes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RecordBuilder;
    use falco_abi::record::NO_SYSCALL;

    fn number(name: &str) -> u32 {
        let syscall = SYSCALLS.iter().find(|s| s.name == name);
        u32::from(syscall.expect("a system call").number())
    }

    fn contains(set: &EventSet, kind: Kind, syscall: u32) -> bool {
        let record = RecordBuilder::new(kind, 1)
            .header(|header| header.syscall = syscall)
            .build();
        set.contains(&Event::decode(&record, 1, 0).expect("a record"))
    }

    #[test]
    fn names_become_kinds_or_numbers() {
        let openat = EventSet::of_type("openat").expect("known");
        assert!(contains(&openat, Kind::Openat, number("openat")));
        assert!(!contains(&openat, Kind::Syscall, number("read")));
        assert!(contains(&openat, Kind::Syscall, number("openat")));
        assert!(contains(&EventSet::all(), Kind::Syscall, number("openat")));
        let getpid = EventSet::of_type("getpid").expect("known");
        assert!(contains(&getpid, Kind::Syscall, number("getpid")));
        assert!(!contains(&getpid, Kind::Syscall, NO_SYSCALL));
        assert_eq!(EventSet::of_type("opennn"), None);
        assert_eq!(EventSet::of_type(""), None);
        assert_eq!(EventSet::of_type("task_new"), None);
        assert!(EventSet::of_type("procexit").is_some());
        assert!(EventSet::of_syscall("procexit").is_none());
    }

    #[test]
    fn names_of_other_architectures_are_known() {
        for name in ["waitpid", "s390_sthyi", "sched_switch"] {
            let set = EventSet::of_type(name).expect(name);
            assert!(!set.is_empty() && set.codes() == 2, "{name}");
            assert_eq!(set.generic_syscalls().count(), 0);
            assert_eq!(set.interest(), Interest::default());
            assert_eq!(EventSet::of_syscall(name), Some(set));
        }
    }

    #[test]
    fn event_types_have_versions() {
        let codes = |name| EventSet::of_type(name).expect("known").codes();
        assert_eq!(codes("getpid"), 2);
        assert_eq!(codes("execve"), 16);
        assert_eq!(codes("close"), 2);
        assert_eq!(codes("procexit"), 2);
    }

    #[test]
    fn complement_is_what_rules_see() {
        let openat = EventSet::of_type("openat").expect("known");
        let rest = openat.complement();
        assert!(openat.intersection(&rest).is_empty());
        assert_eq!(openat.union(&rest), EventSet::all());
        assert_eq!(rest.len() + 1, EventSet::all().len());
        assert!(!contains(&rest, Kind::TaskNew, NO_SYSCALL));
    }

    #[test]
    fn interest_names_calls_and_hooks() {
        let set = ["execve", "read", "procexit"]
            .map(|name| EventSet::of_type(name).expect("known"))
            .iter()
            .fold(EventSet::EMPTY, EventSet::union);
        let interest = set.interest();
        let has = |name| {
            let number = number(name);
            interest.syscalls[number as usize / 64] >> (number % 64) & 1 == 1
        };
        assert!(has("execve") && has("read") && !has("openat"));
        assert_eq!(interest.hooks, hook::EXEC | hook::EXIT);
        let names: Vec<_> = set.names().collect();
        assert_eq!(names, ["execve", "procexit", "read"]);
    }
}
