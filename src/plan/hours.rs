//! The words of working hours: days, times of day, dates, and spans that stay shut.
//!
//! Each reader takes one text of a configuration file or a dialplan, so that whoever reads the
//! file can say where a wrong one stands.

use jiff::civil::{Date, DateTime, Weekday};

/// Minutes of a whole day; as an end it is the midnight after.
pub(super) const DAY: u16 = 1440;

/// A text of working hours that cannot be read; says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No such day.
    #[error("`{0}` is not a day: write mon, tue, wed, thu, fri, sat, sun, like mon-sat or mon,wed")]
    Day(String),
    /// Not a time of day.
    #[error("`{0}` is not a time of day: write 09:00, at most 24:00")]
    Time(String),
    /// A span of no length.
    #[error("opens and shuts at {0}: for the whole day write from 00:00 to 24:00")]
    SameMinute(String),
    /// Not a date.
    #[error("`{0}` is not a date: write 2026-03-21")]
    Date(String),
    /// Not a one-off closure.
    #[error("`{0}` is not a span: write 2026-05-05, 2026-05-05T14:00/18:00 or two full times")]
    Closure(String),
    /// A closure that ends before it begins.
    #[error("`{0}` ends before it begins")]
    Backwards(String),
    /// Not a time zone.
    #[error("`{0}` is not a time zone: write a name like Asia/Tashkent")]
    Zone(String),
}

/// Weekly hours: on these days, from one time of day to another.
///
/// An end at or before the beginning is on the next day; such a span belongs to the day on
/// which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// One bit a day, Monday lowest.
    days: u8,
    /// Minutes after midnight.
    from: u16,
    /// Minutes after midnight, up to [`DAY`].
    to: u16,
}

/// A one-off time in which it is shut, in local time; the end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Closure {
    pub(super) from: DateTime,
    pub(super) to: DateTime,
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Span {
    /// Reads days (`mon-sat`, `mon,wed`, `fri-mon`) and two times of day.
    ///
    /// Fails when one of them cannot be read or both times are the same.
    pub fn new(days: &str, from: &str, to: &str) -> Result<Span, HoursError> {
        let (days, from_at, to_at) = (read_days(days)?, read_time(from)?, read_time(to)?);
        if from_at == to_at || from_at == DAY {
            return Err(HoursError::SameMinute(from.to_owned()));
        }
        Ok(Span { days, from: from_at, to: to_at })
    }

    /// Whether a span that begins on this day of the week exists.
    pub(super) fn begins_on(self, day: Weekday) -> bool {
        self.days & bit(day) != 0
    }

    /// Whether a minute of the day on which it begins lies in it.
    pub(super) const fn covers(self, minute: u16) -> bool {
        minute >= self.from && (minute < self.to || self.is_overnight())
    }

    /// Whether a minute of the day after the one on which it begins lies in it.
    pub(super) const fn covers_next_day(self, minute: u16) -> bool {
        self.is_overnight() && minute < self.to
    }

    /// The times of day at which it may open or shut; midnight is not told.
    pub(super) fn edges(self) -> [u16; 2] {
        [self.from, self.to % DAY]
    }

    const fn is_overnight(self) -> bool {
        self.to < self.from
    }
}

impl Closure {
    /// Reads `2026-05-05`, `2026-05-05T14:00/18:00`, `2026-05-05T14:00/2026-05-06T10:00` or
    /// `2026-05-05/2026-05-09` (both days whole).
    ///
    /// Fails when it is none of these or ends before it begins.
    pub fn parse(text: &str) -> Result<Closure, HoursError> {
        let wrong = || HoursError::Closure(text.to_owned());
        let (from, to) = match text.split_once('/') {
            None => (text, text),
            Some(both) => both,
        };
        let (day, time) = moment(from).ok_or_else(wrong)?;
        let begins = at(day, time.unwrap_or(0)).ok_or_else(wrong)?;
        let ends = match (moment(to), read_time(to)) {
            (Some((day, None)), _) => at(day, DAY),
            (Some((day, Some(time))), _) => at(day, time),
            (None, Ok(time)) => at(day, time),
            (None, Err(_)) => None,
        };
        let ends = ends.ok_or_else(wrong)?;
        if ends <= begins {
            return Err(HoursError::Backwards(text.to_owned()));
        }
        Ok(Closure { from: begins, to: ends })
    }
}

/// Reads a date; fails on anything but `2026-03-21`.
pub fn read_date(text: &str) -> Result<Date, HoursError> {
    let wrong = || HoursError::Date(text.to_owned());
    if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// Reads the name of a time zone; fails when the world has none of that name.
pub fn read_zone(text: &str) -> Result<jiff::tz::TimeZone, HoursError> {
    jiff::tz::TimeZone::get(text).map_err(|_| HoursError::Zone(text.to_owned()))
}

/// `2026-05-05` or `2026-05-05T14:00`.
fn moment(text: &str) -> Option<(Date, Option<u16>)> {
    match text.split_once(['T', ' ']) {
        None => Some((read_date(text).ok()?, None)),
        Some((day, time)) => Some((read_date(day).ok()?, Some(read_time(time).ok()?))),
    }
}

/// So many minutes after midnight of a date; the last of them is the next midnight.
pub(super) fn at(day: Date, minute: u16) -> Option<DateTime> {
    if minute >= DAY {
        return Some(day.tomorrow().ok()?.at(0, 0, 0, 0));
    }
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Some(day.at(hour, minute, 0, 0))
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

fn read_days(text: &str) -> Result<u8, HoursError> {
    text.split(',').try_fold(0, |days, part| Ok(days | read_day_range(part.trim())?))
}

fn read_day_range(text: &str) -> Result<u8, HoursError> {
    let day = |word: &str| {
        let found = DAYS.iter().find(|(name, _)| *name == word.trim());
        found.map(|(_, day)| *day).ok_or_else(|| HoursError::Day(text.to_owned()))
    };
    let (first, last) = match text.split_once('-') {
        None => (day(text)?, day(text)?),
        Some((first, last)) => (day(first)?, day(last)?),
    };
    let mut days = bit(first);
    let mut at = first;
    while at != last {
        at = at.next();
        days |= bit(at);
    }
    Ok(days)
}

pub fn read_time(text: &str) -> Result<u16, HoursError> {
    let wrong = || HoursError::Time(text.to_owned());
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 || !digits(hour) || !digits(minute) {
        return Err(wrong());
    }
    let hour: u16 = hour.parse().map_err(|_| wrong())?;
    let minute: u16 = minute.parse().map_err(|_| wrong())?;
    let sum = hour * 60 + minute;
    if minute > 59 || sum > DAY { Err(wrong()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_as_lists_and_ranges() {
        let days = |text: &str| Span::new(text, "09:00", "18:00").map(|span| span.days);
        assert_eq!(days("mon-sat"), Ok(0b011_1111));
        assert_eq!(days("mon,wed"), Ok(0b000_0101));
        assert_eq!(days("fri-mon, wed"), Ok(0b111_0101));
        assert_eq!(days("sun"), Ok(0b100_0000));
        for wrong in ["", "monday", "mon-", "mon-sat-sun", "dushanba", "mon,,tue"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_and_closures_refuse_what_does_not_exist() {
        for wrong in ["24:01", "9", "09:60", "-1:00", "09:0", "９:00", "09:00:00", ""] {
            assert!(Span::new("mon", wrong, "18:00").is_err(), "{wrong}");
        }
        assert!(Span::new("mon", "09:00", "09:00").is_err());
        assert!(Span::new("mon", "24:00", "09:00").is_err());
        for wrong in ["2026-02-30", "2026-05-05T14:00/", "18:00", "2026-05-05/18:60", "x/y", ""] {
            assert!(Closure::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Closure::parse("2026-05-05T18:00/14:00").is_err());
    }

    #[test]
    fn a_closure_reads_in_four_ways() {
        let show = |text: &str| Closure::parse(text).map(|c| format!("{} {}", c.from, c.to));
        assert_eq!(show("2026-05-05").unwrap(), "2026-05-05T00:00:00 2026-05-06T00:00:00");
        assert_eq!(
            show("2026-05-05T14:00/18:00").unwrap(),
            "2026-05-05T14:00:00 2026-05-05T18:00:00"
        );
        assert_eq!(
            show("2026-05-05T14:00/2026-05-06T10:00").unwrap(),
            "2026-05-05T14:00:00 2026-05-06T10:00:00"
        );
        assert_eq!(
            show("2026-05-05/2026-05-09").unwrap(),
            "2026-05-05T00:00:00 2026-05-10T00:00:00"
        );
    }
}
