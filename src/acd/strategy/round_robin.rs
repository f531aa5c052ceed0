//! Whose turn it is: who has waited longest for a turn goes first.
//!
//! The turn is a stored number per queue and operator, moved to the tail when an offer rings. It
//! is not an index into the bench, so joining, leaving or a restart skips nobody.

use super::{Score, SeatFacts, signed};

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    Score::fixed(signed(seat.keys.turn))
}
