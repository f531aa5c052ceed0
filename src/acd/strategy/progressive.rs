//! A few at first, one more every step, while those before keep ringing. Who has been free the
//! longest goes first.

use super::{Score, SeatFacts, longest_idle};
use crate::model::Period;

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    longest_idle::score(seat)
}

/// How many are to ring by the time the caller's round has lasted `ringing_for`.
pub fn wanted(ringing_for: Period, first: u16, step: Period) -> usize {
    let steps = ringing_for.0.checked_div(step.0).unwrap_or(u64::from(u16::MAX));
    usize::from(first.max(1)).saturating_add(usize::try_from(steps).unwrap_or(usize::MAX))
}
