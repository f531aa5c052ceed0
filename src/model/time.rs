//! Time as a value: two readings of one moment, and lengths.
//!
//! Deadlines and differences use [`Mono`], reports and calendars [`Wall`]. Only the clock of
//! the `app` room makes a [`Now`] from the machine; everybody else is given one.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A monotonic reading in milliseconds since this installation first started.
///
/// It goes on over a restart: the clock anchors it at the last journalled reading plus the wall
/// time that has passed (never less than nothing), so a deadline in the journal stays a deadline.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Mono(pub u64);

/// A wall-clock reading: milliseconds since 1970-01-01T00:00:00Z. It labels, it never times.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Wall(pub i64);

/// One moment, read from both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Now {
    /// For deadlines and differences.
    pub mono: Mono,
    /// For labels, calendars and reports.
    pub wall: Wall,
}

/// A length of time in whole milliseconds. Written as text: `400ms`, `20s`, `5m`, `2h`, `90d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Period(pub u64);

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a length of time: write a whole number and ms, s, m, h or d, like 20s")]
pub struct PeriodError(String);

impl Mono {
    /// How long after `earlier` this is; nothing when it is not after it.
    pub fn since(self, earlier: Mono) -> Period {
        Period(self.0.saturating_sub(earlier.0))
    }
}

impl Wall {
    /// How long after `earlier` this is; nothing when the wall clock was set back between them.
    pub fn since(self, earlier: Wall) -> Period {
        Period(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment `seconds` after the Unix epoch.
    pub const fn from_unix(seconds: i64) -> Wall {
        Wall(seconds.saturating_mul(1000))
    }

    /// RFC 3339 in UTC with milliseconds, as every outside text shows it.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(stamp) => format!("{stamp:.3}"),
            Err(_) => String::from("1970-01-01T00:00:00.000Z"), // beyond year 9999: a broken clock
        }
    }

    /// Reads RFC 3339 text with any offset; `None` when it is not that.
    pub fn parse_rfc3339(text: &str) -> Option<Wall> {
        text.parse::<jiff::Timestamp>().ok().map(|stamp| Wall(stamp.as_millisecond()))
    }
}

impl Period {
    /// No time at all.
    pub const ZERO: Period = Period(0);

    /// So many milliseconds.
    pub const fn millis(count: u64) -> Period {
        Period(count)
    }

    /// So many seconds.
    pub const fn secs(count: u64) -> Period {
        Period(count.saturating_mul(1000))
    }

    /// So many minutes.
    pub const fn mins(count: u64) -> Period {
        Period::secs(count.saturating_mul(60))
    }

    /// So many hours.
    pub const fn hours(count: u64) -> Period {
        Period::mins(count.saturating_mul(60))
    }

    /// So many days of 24 hours.
    pub const fn days(count: u64) -> Period {
        Period::hours(count.saturating_mul(24))
    }

    /// Whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Seconds with three decimals, as the API shows lengths.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The same length for a timer of the runtime.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl Add<Period> for Mono {
    type Output = Mono;
    fn add(self, length: Period) -> Mono {
        Mono(self.0.saturating_add(length.0))
    }
}

impl Sub<Period> for Mono {
    type Output = Mono;
    fn sub(self, length: Period) -> Mono {
        Mono(self.0.saturating_sub(length.0))
    }
}

impl Add<Period> for Wall {
    type Output = Wall;
    fn add(self, length: Period) -> Wall {
        Wall(self.0.saturating_add_unsigned(length.0))
    }
}

impl Sub<Period> for Wall {
    type Output = Wall;
    fn sub(self, length: Period) -> Wall {
        Wall(self.0.saturating_sub_unsigned(length.0))
    }
}

impl Add for Period {
    type Output = Period;
    fn add(self, other: Period) -> Period {
        Period(self.0.saturating_add(other.0))
    }
}

/// Units from the longest to the shortest, so that printing picks the longest that divides.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let unit = UNITS.iter().find(|(_, size)| self.0.is_multiple_of(*size));
        let (name, size) = unit.copied().unwrap_or(("ms", 1));
        write!(f, "{}{name}", self.0 / size)
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Period, PeriodError> {
        let wrong = || PeriodError(text.to_owned());
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (count, unit) = text.split_at(split);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let count: u64 = count.parse().map_err(|_| wrong())?;
        count.checked_mul(*size).map(Period).ok_or_else(wrong)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Period, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_reads_and_prints_itself() {
        for text in ["400ms", "20s", "5m", "2h", "90d", "0s"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        assert_eq!("1500ms".parse(), Ok(Period::millis(1500)));
        assert_eq!(Period::secs(60).to_string(), "1m");
    }

    #[test]
    fn a_period_refuses_what_has_no_unit_or_no_end() {
        for text in ["", "20", "s", "20 s", "-1s", "20x", "99999999999999999999s", "1.5s"] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }

    #[test]
    fn wall_time_prints_utc_with_milliseconds() {
        assert_eq!(Wall::from_unix(1_795_150_800).rfc3339(), "2026-11-20T05:00:00.000Z");
        assert_eq!(
            Wall::parse_rfc3339("2026-11-20T10:00:00+05:00"),
            Some(Wall::from_unix(1_795_150_800))
        );
    }
}
