//! Times as text.

use std::fmt;
use std::sync::LazyLock;

use tz::TimeZone;

/// Nanoseconds in a second.
pub(super) const SECOND: u64 = 1_000_000_000;

/// Seconds that local time is ahead of UTC at a time.
fn local_offset(seconds: i64) -> i64 {
    // Without a zone file local time is UTC, as in libc.
    static ZONE: LazyLock<Option<TimeZone>> = LazyLock::new(|| match std::env::var("TZ") {
        Ok(zone) if zone.is_empty() => None,
        Ok(zone) => TimeZone::from_posix_tz(&zone).ok(),
        Err(_) => TimeZone::local().ok(),
    });
    let Some(zone) = &*ZONE else {
        return 0;
    };
    zone.find_local_time_type(seconds)
        .map_or(0, |kind| i64::from(kind.ut_offset()))
}

/// What a function writes.
struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// A time divided into what is printed.
#[derive(Clone, Copy)]
pub(super) struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: u64,
}

impl Civil {
    /// UTC.
    pub(super) fn utc(time: u64) -> Self {
        Self::new(time, 0)
    }

    /// The machine's zone.
    pub(super) fn local(time: u64) -> Self {
        Self::new(time, local_offset((time / SECOND).cast_signed()))
    }

    fn new(time: u64, offset: i64) -> Self {
        let seconds = (time / SECOND).cast_signed() + offset;
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Years begin in March here, so that a leap day is a year's last; 400
        // of them always have as many days.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self {
            year: era * 400 + year + i64::from(month <= 2),
            month: month as u32,
            day: day as u32,
            hour: rest / 3_600,
            minute: rest / 60 % 60,
            second: rest % 60,
            nanosecond: time % SECOND,
        }
    }

    /// `YYYY-MM-DD`.
    pub(super) fn date(self) -> impl fmt::Display {
        Shown(move |f: &mut fmt::Formatter<'_>| {
            write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
        })
    }

    /// `HH:MM:SS`.
    pub(super) fn clock(self) -> impl fmt::Display {
        Shown(move |f: &mut fmt::Formatter<'_>| {
            write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
        })
    }

    /// Nanoseconds behind the second, 9 digits.
    pub(super) fn fraction(self) -> impl fmt::Display {
        Shown(move |f: &mut fmt::Formatter<'_>| write!(f, "{:09}", self.nanosecond))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let text = |seconds: u64| {
            let time = Civil::utc(seconds * SECOND + 7);
            format!("{} {}.{}", time.date(), time.clock(), time.fraction())
        };
        assert_eq!(text(0), "1970-01-01 00:00:00.000000007");
        assert_eq!(text(951_782_399), "2000-02-28 23:59:59.000000007");
        assert_eq!(text(951_782_400), "2000-02-29 00:00:00.000000007");
        assert_eq!(text(1_709_251_199), "2024-02-29 23:59:59.000000007");
        assert_eq!(text(1_795_485_052), "2026-11-24 01:50:52.000000007");
        assert_eq!(text(4_107_542_400), "2100-03-01 00:00:00.000000007");
    }
}
