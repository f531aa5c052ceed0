//! By weights, evenly spread: weight 20 gets two calls for one of weight 10, never in a row when
//! it can be helped.
//!
//! Every round each eligible seat's current weight grows by its weight, the largest is taken and
//! loses the sum of the weights of all that were eligible. A seat keeps its current weight while
//! it is not eligible. The growth is a function of the count of rounds, so that a round touches
//! one seat and not ten thousand.

use super::{Score, SeatFacts, signed};

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    let weight = i64::from(seat.weight);
    // One round ahead: a round adds first and takes the largest then.
    let next = signed(seat.rounds).saturating_sub(1);
    let p = seat.keys.current.saturating_sub(weight.saturating_mul(next));
    Score { p, q: weight, ..Score::fixed(0) }
}

/// The current weight of a seat that was eligible for so many `rounds` since it was `current`.
pub fn grown(current: i64, weight: u16, rounds: u64) -> i64 {
    current.saturating_add(i64::from(weight).saturating_mul(signed(rounds)))
}
