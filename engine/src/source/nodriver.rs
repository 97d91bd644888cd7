//! No source at all (`engine.kind: nodriver`): the program runs with its outputs,
//! its web server and what it knows of containers, and waits for nothing.

use std::thread;
use std::time::Duration;

use falco_abi::control::Interest;

use super::{Batch, Counters, Source, epoch_offset};

/// Longest sleep: who wants the program to end does not wait longer.
const NAP: Duration = Duration::from_millis(100);

/// Never brings a record.
#[derive(Debug)]
pub struct Nodriver;

impl Source for Nodriver {
    fn set_interest(&mut self, _: &Interest) -> anyhow::Result<()> {
        Ok(())
    }

    fn read(&mut self, wait: Duration, _: &mut dyn FnMut(u64, &[u8])) -> anyhow::Result<Batch> {
        thread::sleep(wait.min(NAP));
        Ok(Batch::Nothing)
    }

    fn counters(&self) -> anyhow::Result<Counters> {
        Ok(Counters::default())
    }

    fn epoch_offset(&self) -> i64 {
        epoch_offset()
    }
}
