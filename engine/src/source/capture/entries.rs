//! Entries of calls that wait for the exit.

use rustc_hash::FxHashMap;

use super::convert::Raw;

/// Most threads whose last entry is kept.
const MAX_THREADS: usize = 32 << 10;
/// Most bytes of all kept entries.
const MAX_BYTES: usize = 16 << 20;

/// Lengths of the parameters of an event.
#[derive(Clone, Copy)]
pub(super) enum Lengths<'a> {
    /// Of 16 bits each.
    Small(&'a [[u8; 2]]),
    /// Of 32 bits each.
    Large(&'a [[u8; 4]]),
}

/// One length, little endian.
#[inline(always)]
pub(super) fn length<const N: usize>(bytes: [u8; N]) -> usize {
    let mut word = [0; 4];
    word[..N].copy_from_slice(&bytes);
    u32::from_le_bytes(word) as usize
}

impl<'a> Lengths<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8], large: bool) -> Self {
        match large {
            true => Self::Large(bytes.as_chunks().0),
            false => Self::Small(bytes.as_chunks().0),
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Small(lengths) => lengths.as_flattened(),
            Self::Large(lengths) => lengths.as_flattened(),
        }
    }

    fn is_large(self) -> bool {
        matches!(self, Self::Large(_))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> + 'a {
        let (small, large): (&[_], &[_]) = match self {
            Self::Small(lengths) => (lengths, &[]),
            Self::Large(lengths) => (&[], lengths),
        };
        let small = small.iter().map(|bytes| length(*bytes));
        small.chain(large.iter().map(|bytes| length(*bytes)))
    }

    /// How many there are.
    #[inline]
    pub(super) fn count(self) -> usize {
        match self {
            Self::Small(lengths) => lengths.len(),
            Self::Large(lengths) => lengths.len(),
        }
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
        let lengths = raw.lengths.bytes();
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
        kept.large = raw.lengths.is_large();
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
