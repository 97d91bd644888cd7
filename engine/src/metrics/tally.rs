//! How often each type of event came.

use falco_abi::event::{ALL, Event as Kind};
use falco_abi::syscall::SYSCALL_MAX;

use crate::event::{Event, syscall_name};

/// Counts by type; events of system calls without a type of their own by the
/// number of the call.
#[derive(Clone, Debug)]
pub struct Tally {
    kinds: Box<[u64]>,
    calls: Box<[u64]>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            kinds: vec![0; ALL.len()].into(),
            calls: vec![0; SYSCALL_MAX].into(),
        }
    }
}

impl Tally {
    /// Counts an event.
    #[inline]
    pub fn count(&mut self, event: &Event<'_>) {
        let place = match event.kind {
            Kind::Syscall => self.calls.get_mut(event.header.syscall as usize),
            kind => self.kinds.get_mut(kind as usize),
        };
        if let Some(count) = place {
            *count += 1;
        }
    }

    /// Counts an event of a type of its own.
    #[inline]
    pub fn count_kind(&mut self, kind: Kind) {
        if let Some(count) = self.kinds.get_mut(kind as usize) {
            *count += 1;
        }
    }

    /// The types that came most often, the most frequent first.
    pub fn top(&self, most: usize) -> Vec<(&'static str, u64)> {
        let kinds = ALL.iter().zip(&self.kinds);
        let kinds = kinds.map(|(kind, &count)| (kind.info().name, count));
        let calls = self.calls.iter().enumerate().map(|(number, &count)| {
            let name = u32::try_from(number).ok().and_then(syscall_name);
            (name.unwrap_or("unknown"), count)
        });
        let mut all: Vec<_> = kinds.chain(calls).filter(|(_, count)| *count > 0).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all.truncate(most);
        all
    }
}
