//! The last alerts, for whoever looks at the program while it runs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::format::Line;

/// Alerts that are kept.
const KEPT: usize = 100;

/// The last alerts. Keeps none until somebody can look at them.
#[derive(Debug, Default)]
pub struct Recent {
    wanted: AtomicBool,
    lines: Mutex<VecDeque<Arc<Line>>>,
}

impl Recent {
    /// Keeps alerts from now on, or none any more.
    pub fn want(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    pub(super) fn add(&self, line: &Arc<Line>) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(Arc::clone(line));
    }

    /// The last alerts, the oldest first.
    pub fn lines(&self) -> Vec<Arc<Line>> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}
