//! Working hours: weekly hours, holidays, one-off closures, in the time zone of the site.
//!
//! Hours are local (wall on the wall of the office). Where clocks are changed, a local time that
//! comes twice is open both times, one that is skipped never comes.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::hours::{self, Closure, Span};
use crate::model::{Period, Wall};

/// When a queue or a number is open. Without one it always is.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// `None`: always open.
    hours: Option<Hours>,
}

#[derive(Debug, Clone, PartialEq)]
struct Hours {
    spans: Vec<Span>,
    /// Local dates that stay shut, along with the nights that begin on them.
    holidays: BTreeSet<Date>,
    closures: Vec<Closure>,
}

/// With no change for this long, only a holiday, a closure or nothing can bring one: weekly hours
/// repeat after 7 days, and a span that a change of clocks swallows comes after 14.
const QUIET_DAYS: i64 = 15;

/// Changes that `after_open` passes at most. Larger costs time on absurd lengths; smaller would
/// cut a due time that is a hundred working days away.
const CHANGES_MAX: u32 = 2000;

impl Calendar {
    /// Open at every moment.
    pub const fn always(zone: TimeZone) -> Calendar {
        Calendar { zone, hours: None }
    }

    /// Open in these spans, but not on holidays (nor in nights that begin on one) and closures.
    pub fn new(
        zone: TimeZone,
        spans: Vec<Span>,
        holidays: BTreeSet<Date>,
        closures: Vec<Closure>,
    ) -> Calendar {
        Calendar { zone, hours: Some(Hours { spans, holidays, closures }) }
    }

    /// The zone in which its hours are read.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Whether no weekly hours stand in it at all.
    pub fn never_opens(&self) -> bool {
        self.hours.as_ref().is_some_and(|hours| hours.spans.is_empty())
    }

    /// Whether it is open at a moment.
    pub fn is_open(&self, at: Wall) -> bool {
        let Some(hours) = &self.hours else { return true };
        let Ok(stamp) = Timestamp::from_millisecond(at.0) else { return false };
        hours.is_open(self.zone.to_datetime(stamp))
    }

    /// The next moment after `at` at which `is_open` changes; `None` when it never does.
    pub fn next_change(&self, at: Wall) -> Option<Wall> {
        let hours = self.hours.as_ref()?;
        let begin = self.zone.to_datetime(Timestamp::from_millisecond(at.0).ok()?).date();
        let open = self.is_open(at);
        let special = hours.special_days();
        let mut pending = BTreeSet::new();
        let mut day = begin.yesterday().ok()?;
        let mut until = day_after(begin, QUIET_DAYS)?;
        loop {
            if day > until {
                day = special.range(day..).next()?.yesterday().ok()?;
                until = day_after(day, QUIET_DAYS)?;
            }
            if special.contains(&day) {
                until = day_after(day, QUIET_DAYS)?;
            }
            pending.extend(hours.edges(day).into_iter().flat_map(|edge| self.moments(edge)));
            pending.extend(self.clock_changes(day));
            day = day.tomorrow().ok()?;
            // Clocks set back over midnight bring yesterday again: what is not certainly before
            // the coming day waits for the edges of that day.
            let certain = self.earliest(day)?;
            let later = pending.split_off(&certain);
            let due = std::mem::replace(&mut pending, later);
            if let Some(found) = due.into_iter().find(|m| *m > at && self.is_open(*m) != open) {
                return Some(found);
            }
        }
    }

    /// The moment when `length` of open time has passed since `at` (due times of callbacks).
    ///
    /// Where it never opens again, plain time counts: a due time is better than none.
    pub fn after_open(&self, at: Wall, length: Period) -> Wall {
        let (mut at, mut left) = (at, length);
        for _ in 0..CHANGES_MAX {
            if left == Period::ZERO {
                return at;
            }
            let Some(change) = self.next_change(at) else { return at + left };
            if self.is_open(at) {
                let passed = change.since(at);
                if passed >= left {
                    return at + left;
                }
                left = Period(left.0 - passed.0);
            }
            at = change;
        }
        at + left
    }

    /// The moments at which the local clock shows a time: one, two, or none.
    fn moments(&self, local: DateTime) -> Vec<Wall> {
        let offsets = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![offset],
            AmbiguousOffset::Fold { before, after } => vec![before, after],
            AmbiguousOffset::Gap { .. } => Vec::new(), // the change of clocks itself is a candidate
        };
        let moment = |offset: jiff::tz::Offset| offset.to_timestamp(local).ok();
        offsets.into_iter().filter_map(moment).map(|m| Wall(m.as_millisecond())).collect()
    }

    /// The changes of clocks on one local day, most days none.
    fn clock_changes(&self, day: Date) -> Vec<Wall> {
        let (Some(from), Some(to)) = (self.earliest(day), day_after(day, 1)) else {
            return Vec::new();
        };
        let (Some(to), Ok(stamp)) = (self.earliest(to), Timestamp::from_millisecond(from.0)) else {
            return Vec::new();
        };
        let stamp = stamp.checked_sub(SignedDuration::from_secs(1)).unwrap_or(stamp);
        let changes = self.zone.following(stamp).map(|t| Wall(t.timestamp().as_millisecond()));
        changes.take_while(|moment| *moment <= to).collect()
    }

    /// A moment that no moment of this local day or a later one comes before.
    fn earliest(&self, day: Date) -> Option<Wall> {
        let midnight = self.zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0));
        midnight.earlier().ok().map(|stamp| Wall(stamp.as_millisecond()))
    }
}

impl Hours {
    fn is_open(&self, local: DateTime) -> bool {
        let day = local.date();
        let shut = |closure: &Closure| closure.from <= local && local < closure.to;
        if self.holidays.contains(&day) || self.closures.iter().any(shut) {
            return false;
        }
        let minute =
            u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let night_from = day.yesterday().ok().filter(|before| !self.holidays.contains(before));
        self.spans.iter().any(|span| {
            let today = span.begins_on(day.weekday()) && span.covers(minute);
            let night = |before: Date| span.begins_on(before.weekday());
            today || span.covers_next_day(minute) && night_from.is_some_and(night)
        })
    }

    /// Local times of a day at which something may change; a few too many do no harm.
    fn edges(&self, day: Date) -> Vec<DateTime> {
        let mut edges = vec![day.at(0, 0, 0, 0)];
        let times = self.spans.iter().flat_map(|span| span.edges());
        edges.extend(times.filter_map(|minute| hours::at(day, minute)));
        let ends = self.closures.iter().flat_map(|closure| [closure.from, closure.to]);
        edges.extend(ends.filter(|edge| edge.date() == day));
        edges
    }

    /// Days after which the weekly hours may show again, or stop to.
    fn special_days(&self) -> BTreeSet<Date> {
        let ends =
            self.closures.iter().flat_map(|closure| [closure.from.date(), closure.to.date()]);
        self.holidays.iter().copied().chain(ends).collect()
    }
}

fn day_after(day: Date, days: i64) -> Option<Date> {
    day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
