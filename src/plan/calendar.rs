//! Working hours: weekly hours, holidays, one-off closures, in the time zone of the site.

use crate::model::{Period, Wall};

/// When a queue or a number is open. Without one it always is.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: jiff::tz::TimeZone,
}

impl Calendar {
    /// Open at every moment.
    pub const fn always(zone: jiff::tz::TimeZone) -> Calendar {
        Calendar { zone }
    }

    /// Whether it is open at a moment.
    pub fn is_open(&self, _at: Wall) -> bool {
        true
    }

    /// The next moment after `at` at which `is_open` changes; `None` when it never does.
    pub fn next_change(&self, _at: Wall) -> Option<Wall> {
        None
    }

    /// The moment when `length` of open time has passed since `at` (due times of callbacks).
    pub fn after_open(&self, at: Wall, length: Period) -> Wall {
        at + length
    }
}
