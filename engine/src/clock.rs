//! Times as people and log collectors read them.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

static ZONE: LazyLock<TimeZone> = LazyLock::new(zone);

/// To look the zone up by name would take a walk through the names of all.
fn zone() -> TimeZone {
    let file = match std::env::var_os("TZ") {
        Some(_) => None,
        None => std::fs::read("/etc/localtime").ok(),
    };
    let local = file.and_then(|file| TimeZone::tzif("Local", &file).ok());
    local.unwrap_or_else(|| TimeZone::try_system().unwrap_or(TimeZone::UTC))
}

/// The zone of this machine: `TZ`, else `/etc/localtime`, else UTC.
#[derive(Clone, Debug)]
pub struct Clock {
    zone: TimeZone,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// Takes the zone of this machine.
    pub fn system() -> Self {
        Self { zone: ZONE.clone() }
    }

    /// Takes the given zone.
    pub fn with_zone(zone: TimeZone) -> Self {
        Self { zone }
    }

    fn local(&self, nanoseconds: u64) -> DateTime {
        self.zone.to_datetime(timestamp(nanoseconds))
    }

    /// `HH:MM:SS.nnnnnnnnn`, local.
    pub fn time_of_day(&self, nanoseconds: u64) -> String {
        let time = Civil(self.local(nanoseconds));
        format!("{}.{}", time.clock(), time.fraction())
    }

    /// `Mmm dd HH:MM:SS`, local, as RFC 3164 wants it.
    pub fn rfc3164(&self, nanoseconds: u64) -> String {
        self.local(nanoseconds)
            .strftime("%b %e %H:%M:%S")
            .to_string()
    }

    /// `Www Mmm dd HH:MM:SS YYYY`, local, as in the log.
    pub fn log(&self, nanoseconds: u64) -> String {
        self.local(nanoseconds)
            .strftime("%a %b %e %H:%M:%S %Y")
            .to_string()
    }
}

/// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn` in UTC, without a mark of the zone.
pub fn iso(nanoseconds: u64) -> String {
    let time = Civil::utc(nanoseconds);
    format!("{}T{}.{}", time.date(), time.clock(), time.fraction())
}

/// `YYYY-MM-DDTHH:MM:SS` in UTC, without a mark of the zone.
pub fn iso_seconds(nanoseconds: u64) -> String {
    let time = Civil::utc(nanoseconds);
    format!("{}T{}", time.date(), time.clock())
}

/// A time divided into what is printed.
#[derive(Clone, Copy)]
pub struct Civil(DateTime);

/// What a function writes.
struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

impl Civil {
    /// UTC.
    pub fn utc(nanoseconds: u64) -> Self {
        Self(TimeZone::UTC.to_datetime(timestamp(nanoseconds)))
    }

    /// The machine's zone.
    pub fn local(nanoseconds: u64) -> Self {
        Self(ZONE.to_datetime(timestamp(nanoseconds)))
    }

    /// `YYYY-MM-DD`.
    pub fn date(self) -> impl fmt::Display {
        let date = self.0;
        Shown(move |f: &mut fmt::Formatter<'_>| {
            let (year, month, day) = (date.year(), date.month(), date.day());
            write!(f, "{year:04}-{month:02}-{day:02}")
        })
    }

    /// `HH:MM:SS`.
    pub fn clock(self) -> impl fmt::Display {
        let time = self.0;
        Shown(move |f: &mut fmt::Formatter<'_>| {
            let (hour, minute, second) = (time.hour(), time.minute(), time.second());
            write!(f, "{hour:02}:{minute:02}:{second:02}")
        })
    }

    /// Nanoseconds behind the second, 9 digits.
    pub fn fraction(self) -> impl fmt::Display {
        let nanosecond = self.0.subsec_nanosecond();
        Shown(move |f: &mut fmt::Formatter<'_>| write!(f, "{nanosecond:09}"))
    }
}

/// Nanoseconds since the epoch.
pub fn now() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// A length of time such as `1h30m`, in the units y, w, d, h, m, s and ms, the
/// longest first, each at most once.
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("y", 365 * 24 * 3_600_000),
        ("w", 7 * 24 * 3_600_000),
        ("d", 24 * 3_600_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ];
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let (number, behind) = rest.split_at(digits);
        let end = behind
            .find(|char: char| char.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        let number: u64 = number.parse().ok()?;
        total = total.checked_add(number.checked_mul(*length)?)?;
        rest = behind;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

fn timestamp(nanoseconds: u64) -> Timestamp {
    // 64 bits of nanoseconds end in 2554, which a timestamp can hold.
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let milliseconds = |text| duration(text).map(|length| length.as_millis());
        assert_eq!(milliseconds("1h30m"), Some(5_400_000));
        assert_eq!(milliseconds("2w1d"), Some(15 * 86_400_000));
        assert_eq!(milliseconds("100ms"), Some(100));
        for wrong in [
            "",
            "10",
            "h",
            "1m1h",
            "1s1s",
            "1x",
            "-1s",
            "99999999999999999y",
        ] {
            assert_eq!(milliseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn forms() {
        let time = 1_700_000_000_000_000_042;
        let clock = Clock::with_zone(TimeZone::fixed(jiff::tz::offset(2)));
        assert_eq!(clock.time_of_day(time), "00:13:20.000000042");
        assert_eq!(clock.rfc3164(time), "Nov 15 00:13:20");
        assert_eq!(
            clock.rfc3164(time - 10 * 86_400_000_000_000),
            "Nov  5 00:13:20"
        );
        assert_eq!(clock.log(time), "Wed Nov 15 00:13:20 2023");
        assert_eq!(iso(time), "2023-11-14T22:13:20.000000042");
        assert_eq!(iso_seconds(time), "2023-11-14T22:13:20");
        assert_eq!(iso(u64::MAX), "2554-07-21T23:34:33.709551615");
    }
}
