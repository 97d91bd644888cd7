//! A capture that never ends: its bytes, one event after the other.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Number of the type of an `openat` that has returned, in captures.
const OPENAT: u16 = 307;
/// Events of one write.
const BATCH: u64 = 50;

/// Where the number of an event is in the path that it opens.
pub(crate) const PATH: &str = "/event/";

/// A block of a capture.
fn block(ty: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let len = u32::try_from(12 + body.len() + padding)
        .unwrap()
        .to_le_bytes();
    [&ty.to_le_bytes(), &len, body, &[0; 3][..padding], &len].concat()
}

/// What a capture begins with.
pub(crate) fn section() -> Vec<u8> {
    let version = [1u16.to_le_bytes(), 2u16.to_le_bytes()].concat();
    let rest = u64::MAX.to_le_bytes();
    block(
        0x0A0D_0D0A,
        &[&0x1A2B_3C4D_u32.to_le_bytes(), &version[..], &rest].concat(),
    )
}

/// An event of this type, with these parameters.
pub(crate) fn event(ty: u16, time: u64, params: &[&[u8]]) -> Vec<u8> {
    let mut data = Vec::new();
    for param in params {
        data.extend(u16::try_from(param.len()).unwrap().to_le_bytes());
    }
    params
        .iter()
        .for_each(|param| data.extend_from_slice(param));
    let mut body = 0u16.to_le_bytes().to_vec();
    body.extend(time.to_le_bytes());
    body.extend(77u64.to_le_bytes());
    body.extend(u32::try_from(26 + data.len()).unwrap().to_le_bytes());
    body.extend(ty.to_le_bytes());
    body.extend(u32::try_from(params.len()).unwrap().to_le_bytes());
    body.extend(data);
    block(0x216, &body)
}

/// An `openat` of `/event/NUMBER`.
pub(crate) fn openat(number: u64, time: u64) -> Vec<u8> {
    let name = format!("{PATH}{number}\0");
    let params: [&[u8]; 7] = [
        &3u64.to_le_bytes(),
        &(-100i64).to_le_bytes(),
        name.as_bytes(),
        &1u32.to_le_bytes(),
        &0u32.to_le_bytes(),
        &0u32.to_le_bytes(),
        &5u64.to_le_bytes(),
    ];
    event(OPENAT, time, &params)
}

/// The time of the event of a number, where time has no meaning: a microsecond
/// after the one before.
pub(crate) fn time(number: u64) -> u64 {
    1_700_000_000_000_000_000 + number * 1000
}

/// Writes events at a rate, or as fast as they are taken without one, until
/// `go_on` says no. It is told how many there are so far, after each batch.
pub(crate) fn feed(out: &mut impl Write, rate: Option<u64>, mut go_on: impl FnMut(u64) -> bool) {
    // Whoever reads may have ended.
    let _ = try_feed(out, rate, &mut go_on);
}

fn try_feed(
    out: &mut impl Write,
    rate: Option<u64>,
    go_on: &mut impl FnMut(u64) -> bool,
) -> io::Result<()> {
    out.write_all(&section())?;
    let begun = Instant::now();
    let mut number = 0;
    while go_on(number) {
        let mut batch = Vec::new();
        for _ in 0..BATCH {
            batch.extend(openat(number, time(number)));
            number += 1;
        }
        out.write_all(&batch)?;
        if let Some(rate) = rate {
            let due = begun + Duration::from_nanos(number * 1_000_000_000 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
    Ok(())
}
