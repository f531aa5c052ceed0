//! Who has had the fewest calls for their ready time: `(calls + 1) / (ready hours + h0)`.
//!
//! Counting from the start of the day and dividing by ready time keeps a newcomer from getting
//! every call until they have caught up; `h0` keeps the first minutes from meaning anything.

use super::{Score, SeatFacts, longest_idle, signed};
use crate::model::Period;

/// Half an hour of ready time that everybody is taken to have already. Less floods a newcomer,
/// more hides real differences for longer.
const H0: Period = Period::mins(30);

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    by_ready_time(seat, i64::from(seat.tally.calls).saturating_add(1))
}

/// The smaller `load` for the ready time goes first; ties go to the longest free.
pub(super) fn by_ready_time(seat: &SeatFacts<'_>, load: i64) -> Score {
    let ready = signed((seat.tally.ready_for + H0).0);
    let (p, q) = match seat.tally.ready_since {
        Some(since) => (ready.saturating_sub(signed(since.0)), 1),
        None => (ready, 0),
    };
    Score { stage: 0, p, q, d: load.max(1), tie: longest_idle::score(seat).p }
}
