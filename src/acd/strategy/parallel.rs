//! Everybody at once: all eligible operators of the open tiers, up to the fan-out.
//!
//! When more are free than may ring, who has been free the longest decides. Weights make stages:
//! the largest weight of a tier rings at once, each smaller one a step later. Who becomes
//! eligible during a round joins it while enough ring time is left.

use super::{Score, SeatFacts, longest_idle};
use crate::model::Period;

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    Score { stage: seat.stage, ..longest_idle::score(seat) }
}

/// The last stage that rings: one more for every step, and at once the first that has anybody
/// when nobody rings yet, because holding a caller for an empty stage serves nobody.
pub fn stage_now(ringing_for: Period, step: Period, nobody_rings: bool, first: u16) -> u16 {
    let steps = ringing_for.0.checked_div(step.0).unwrap_or(u64::from(u16::MAX));
    let stage = u16::try_from(steps).unwrap_or(u16::MAX);
    if nobody_rings { stage.max(first) } else { stage }
}

/// Whether a round that began `ringing_for` ago still rings long enough for somebody to join.
pub fn may_join(ringing_for: Period, ring: Period, ring_min: Period) -> bool {
    ringing_for + ring_min <= ring
}

/// How many of `idle` operators the first of `waiting` callers gets: an even part, rounded up,
/// so that callers behind get the rest in the order of their deadlines.
pub fn share(idle: usize, waiting: usize) -> usize {
    if idle < 2 || waiting < 2 { idle } else { idle.div_ceil(waiting) }
}
