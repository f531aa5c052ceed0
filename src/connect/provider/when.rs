//! Moments and lengths as providers write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::{Period, Wall};

/// From here on a bare number counts milliseconds: as seconds it would be the year 5138.
const MILLIS_FROM: f64 = 1e11;
/// The year 9999, beyond which no moment can be printed.
const SECONDS_MAX: f64 = 253_402_300_799.0;
/// A call of more than a year is a mistake of the sender's.
const LENGTH_MAX: f64 = 366.0 * 86_400.0;

/// Unix seconds, or milliseconds where the number is too large for seconds.
pub(super) fn unix(text: &str) -> Option<Wall> {
    let number: f64 = digits(text)?;
    let seconds = if number >= MILLIS_FROM { number / 1000.0 } else { number };
    wall(seconds)
}

/// Unix seconds; `0` stands for no time at all.
pub(super) fn unix_set(text: &str) -> Option<Wall> {
    unix(text).filter(|at| at.0 > 0)
}

/// A count of seconds from the epoch.
pub(super) fn wall(seconds: f64) -> Option<Wall> {
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = |seconds: f64| Wall((seconds * 1000.0).round() as i64);
    (0.0..=SECONDS_MAX).contains(&seconds).then(|| whole(seconds))
}

/// A length in seconds.
pub(super) fn seconds(text: &str) -> Option<Period> {
    let number = digits(text).filter(|number| *number <= LENGTH_MAX)?;
    wall(number).and_then(|length| u64::try_from(length.0).ok()).map(Period::millis)
}

/// A number without sign or exponent.
fn digits(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

/// Any of the usual forms: a Unix number, RFC 3339 with an offset, or date and time of day in
/// the zone of the account.
pub(super) fn any(text: &str, zone: &TimeZone) -> Option<Wall> {
    let text = text.trim();
    unix(text).or_else(|| iso(text, zone)).or_else(|| compact(text, zone))
}

/// ISO 8601: with an offset, or a civil time in the zone. A space may stand for the `T`.
pub(super) fn iso(text: &str, zone: &TimeZone) -> Option<Wall> {
    let text = text.trim();
    Wall::parse_rfc3339(text).or_else(|| civil(text.parse().ok()?, zone))
}

/// `20261120T050000Z`, `20261120T100000+05:00`, or without a zone in UTC where `zone` says so.
pub(super) fn compact(text: &str, zone: &TimeZone) -> Option<Wall> {
    let text = text.trim();
    let (stamp, offset) = text.split_at_checked(15)?;
    let at = DateTime::strptime("%Y%m%dT%H%M%S", stamp).ok()?;
    match offset {
        "" => civil(at, zone),
        "Z" | "z" => civil(at, &TimeZone::UTC),
        offset => Wall::parse_rfc3339(&format!("{at}{offset}")),
    }
}

/// A form of strptime, in the zone unless it reads an offset.
pub(super) fn formed(text: &str, form: &str, zone: &TimeZone) -> Option<Wall> {
    let parsed = jiff::fmt::strtime::parse(form, text.trim()).ok()?;
    match parsed.to_timestamp() {
        Ok(stamp) => Some(Wall(stamp.as_millisecond())),
        Err(_) => civil(parsed.to_datetime().ok()?, zone),
    }
}

fn civil(at: DateTime, zone: &TimeZone) -> Option<Wall> {
    let zoned = zone.to_ambiguous_zoned(at).compatible().ok()?;
    Some(Wall(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Wall = Wall::from_unix(1_795_150_800);

    #[test]
    fn every_form_of_one_moment_is_one_moment() {
        let zone = TimeZone::get("Asia/Tashkent").unwrap();
        for text in [
            "1795150800",
            "1795150800000",
            "1795150800.0",
            "2026-11-20T05:00:00Z",
            "2026-11-20 10:00:00",
            "2026-11-20T10:00:00",
            "2026-11-20T10:00:00+05:00",
            "2026-11-20 10:00:00.000+05:00",
            "20261120T050000Z",
            "20261120T100000",
            "20261120T100000+05:00",
        ] {
            assert_eq!(any(text, &zone), Some(NOON), "{text}");
        }
        assert_eq!(formed("20.11.2026 10:00", "%d.%m.%Y %H:%M", &zone), Some(NOON));
        assert_eq!(formed("20.11.2026 05:00 +0000", "%d.%m.%Y %H:%M %z", &zone), Some(NOON));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "now", "-5", "1e9", "..", "99999999999999999999999", "2026-13-01 00:00:00"]
        {
            assert_eq!(any(text, &TimeZone::UTC), None, "{text}");
        }
        assert_eq!(seconds("60"), Some(Period::secs(60)));
        assert_eq!(seconds("60.5"), Some(Period::millis(60_500)));
        assert_eq!((seconds("-1"), seconds("1e3"), seconds("nan")), (None, None, None));
    }
}
