// SPDX-License-Identifier: GPL-2.0-only

//! The counters of a session as text, in `/sys/kernel/debug/falco/statistics`,
//! which root alone can reach. One line for each, those of losses and of records that
//! lack a parameter whose memory could not be read only where there are any:
//!
//! ```text
//! cpu0 records 5120
//! cpu0 lost full open 17
//! cpu0 faults open 3
//! no_ring 0
//! ```

use core::sync::atomic::Ordering;

use kernel::debugfs::{Dir, File, Writer};
use kernel::fmt;
use kernel::prelude::*;
use kernel::sync::Arc;

use crate::abi::event::CLASS_NAMES;
use crate::abi::ring::LOSS_NAMES;
use crate::session::Session;

struct Shown(Arc<Session>);

impl Writer for Shown {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ring in self.0.rings() {
            let page = ring.producer();
            let cpu = page.cpu.load(Ordering::Relaxed);
            let records = page.records.load(Ordering::Relaxed);
            writeln!(to, "cpu{cpu} records {records}")?;
            for (cause, classes) in LOSS_NAMES.iter().zip(&page.lost) {
                for (class, count) in CLASS_NAMES.iter().zip(classes) {
                    match count.load(Ordering::Relaxed) {
                        0 => {}
                        count => writeln!(to, "cpu{cpu} lost {cause} {class} {count}")?,
                    }
                }
            }
            for (class, count) in CLASS_NAMES.iter().zip(&page.faults) {
                match count.load(Ordering::Relaxed) {
                    0 => {}
                    count => writeln!(to, "cpu{cpu} faults {class} {count}")?,
                }
            }
        }
        writeln!(to, "no_ring {}", self.0.lost_no_ring())
    }
}

/// The file; gone when dropped, after those who read it are done.
pub(crate) struct Statistics {
    _file: Pin<KBox<File<Shown>>>,
    _dir: Dir,
}

impl Statistics {
    /// Of this session.
    pub(crate) fn new(session: Arc<Session>) -> Result<Self> {
        let dir = Dir::new(c"falco");
        let file = KBox::pin_init(
            dir.read_only_file(c"statistics", Ok::<_, Error>(Shown(session))),
            GFP_KERNEL,
        )?;
        Ok(Self {
            _file: file,
            _dir: dir,
        })
    }
}
