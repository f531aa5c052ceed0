//! Where a call should go: dialplans that are data and can be tested, and working hours.

mod calendar;
mod hours;

pub use calendar::Calendar;
pub use hours::{Closure, HoursError, Span, read_date, read_zone};
