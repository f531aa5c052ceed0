//! Round robin that is fair in calls and not in rings: the turn moves when a call is won.
//!
//! Who does not pick up keeps the turn; the back-off of the caller, not the turn, lets others
//! be asked meanwhile.

use super::{Score, SeatFacts, round_robin};

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    round_robin::score(seat)
}
