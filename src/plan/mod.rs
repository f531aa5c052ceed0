//! Where a call should go: dialplans that are data and can be tested, and working hours.
//!
//! The files that people write are read here too (`sheet`, `section`): every complaint names a
//! line and a column, and the configuration uses the same reader.

mod calendar;
mod check;
mod dialplan;
mod hours;
mod problem;
mod read;
mod section;
mod sheet;
mod walk;

pub use calendar::Calendar;
pub use dialplan::{Act, CLASS_MAX, CallerIs, End, Expect, Line, Plan, Record, Rule, Step, Target};
pub use hours::{Closure, HoursError, Span, read_date, read_time, read_zone};
pub use problem::{InPages, Level, Place, Problem, nearest, quoted};
pub use read::{Calendars, read_calendar, read_class, read_zone_key};
pub use section::{Found, Reader, Section, Shown, Word, did_you_mean};
pub use sheet::{Entries, Entry, Node, Value, parse};
pub use walk::{DEPTH_MAX, Exit, Next, Walk};
