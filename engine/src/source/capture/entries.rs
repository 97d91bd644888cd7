//! Entries of calls that wait for the exit.

use rustc_hash::FxHashMap;

use super::convert::Raw;

/// Most threads whose last entry is kept.
const MAX_THREADS: usize = 32 << 10;
/// Most bytes of all kept entries.
const MAX_BYTES: usize = 16 << 20;

/// Lengths of the parameters of an event.
#[derive(Clone, Copy)]
pub(super) struct Lengths<'a> {
    bytes: &'a [u8],
    /// They have 32 bits instead of 16.
    large: bool,
}

impl<'a> Lengths<'a> {
    pub(super) fn new(bytes: &'a [u8], large: bool) -> Self {
        Self { bytes, large }
    }

    #[inline]
    pub(super) fn iter(self) -> impl Iterator<Item = usize> + 'a {
        let size = if self.large { 4 } else { 2 };
        self.bytes.chunks_exact(size).map(|len| match *len {
            [a, b] => usize::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => 0,
        })
    }

    /// The sum; the numbers of an event cannot overflow it.
    pub(super) fn sum(self) -> usize {
        self.iter().fold(0, usize::saturating_add)
    }
}

#[derive(Default)]
struct Kept {
    code: Option<u16>,
    large: bool,
    /// Lengths, then data.
    bytes: Vec<u8>,
    lengths: usize,
}

/// The last entry of each thread. What does not fit is not kept: its exit then
/// lacks what it told.
#[derive(Default)]
pub(super) struct Entries {
    threads: FxHashMap<u64, Kept>,
    bytes: usize,
}

impl Entries {
    pub(super) fn keep(&mut self, raw: &Raw<'_>) {
        let lengths = raw.lengths.bytes;
        let needed = lengths.len() + raw.data.len();
        if self.threads.len() >= MAX_THREADS || self.bytes + needed > MAX_BYTES {
            self.clear();
        }
        if needed > MAX_BYTES {
            return;
        }
        let kept = self.threads.entry(raw.tid).or_default();
        self.bytes -= kept.bytes.len();
        self.bytes += needed;
        kept.code = Some(raw.code);
        kept.large = raw.lengths.large;
        kept.lengths = lengths.len();
        kept.bytes.clear();
        kept.bytes.extend_from_slice(lengths);
        kept.bytes.extend_from_slice(raw.data);
    }

    /// The thread's last entry if it was of this type. It is of no further use.
    pub(super) fn take(&mut self, tid: u64, code: u16) -> Option<(Lengths<'_>, &[u8])> {
        let kept = self.threads.get_mut(&tid)?;
        if kept.code.take()? != code {
            return None;
        }
        let (lengths, data) = kept.bytes.split_at(kept.lengths);
        Some((Lengths::new(lengths, kept.large), data))
    }

    pub(super) fn clear(&mut self) {
        self.threads.clear();
        self.bytes = 0;
    }
}
