//! How much memory a capture may take: a small file can stand for any number of
//! processes and descriptors.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use nix::unistd::{SysconfVar, sysconf};

use super::CaptureError;
use crate::state::grown;

/// Most bytes by which the program may grow while a capture is read. The window
/// of a compressed file, which may have 128 MiB, is part of it.
const MOST: u64 = 192 << 20;

/// Bytes of a capture between two looks. What they become is no more than some
/// dozen times as much, but for what the state counts.
const OFTEN: u64 = 1 << 20;

/// How many bytes that the state counts are like one of the capture.
const COUNTED: u64 = 8;

/// The memory of the program since a capture was opened.
pub(super) struct Memory {
    /// Where the kernel tells it; `None`: nowhere.
    statm: Option<File>,
    page: u64,
    before: u64,
    /// Bytes of the capture, and those that count like some, at which to look
    /// again.
    next: u64,
}

impl Memory {
    pub(super) fn new() -> Self {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        let mut this = Self {
            statm: File::open("/proc/self/statm").ok(),
            page: page
                .and_then(|page| u64::try_from(page).ok())
                .unwrap_or(4096),
            before: 0,
            next: 0,
        };
        this.before = this.now();
        this
    }

    /// Resident bytes; 0, if nobody tells.
    fn now(&self) -> u64 {
        let mut text = [0; 128];
        let read = |file: &File| file.read_at(&mut text, 0).ok();
        let len = self.statm.as_ref().and_then(read).unwrap_or(0);
        let text = std::str::from_utf8(&text[..len]).unwrap_or_default();
        let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        pages.map_or(0, |pages: u64| pages.saturating_mul(self.page))
    }

    /// Looks, now and then.
    ///
    /// # Errors
    /// When the capture takes too much.
    #[inline]
    pub(super) fn check(&mut self, offset: u64) -> Result<(), CaptureError> {
        let taken = offset.saturating_add(grown::bytes() / COUNTED);
        if taken < self.next {
            return Ok(());
        }
        self.next = taken.saturating_add(OFTEN);
        self.look(offset)
    }

    #[cold]
    fn look(&self, offset: u64) -> Result<(), CaptureError> {
        if self.now().saturating_sub(self.before) <= MOST {
            return Ok(());
        }
        let most = MOST >> 20;
        let message = format!("what the capture tells takes more than {most} MiB of memory");
        Err(CaptureError { offset, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells() {
        let mut memory = Memory::new();
        assert!(memory.before > 1 << 20);
        assert!(memory.check(0).is_ok());
        let next = memory.next;
        assert!(memory.check(OFTEN - 1).is_ok() && memory.next == next);
        assert!(memory.check(OFTEN).is_ok() && memory.next == next + OFTEN);
        // What the state has taken makes it look as well.
        grown::add((COUNTED * OFTEN) as usize);
        assert!(memory.check(OFTEN).is_ok() && memory.next == next + 2 * OFTEN);
        memory.before = 0;
        assert_eq!(memory.now() % memory.page, 0);
    }
}
