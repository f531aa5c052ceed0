//! Where a call should go: dialplans that are data and can be tested, and working hours.

mod calendar;

pub use calendar::Calendar;
