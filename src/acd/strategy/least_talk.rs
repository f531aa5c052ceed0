//! Who has talked the least for their ready time: the rule of `fewest_calls` with seconds of
//! conversation in place of calls.

use super::{Score, SeatFacts, fewest_calls, signed};

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    fewest_calls::by_ready_time(seat, signed(seat.tally.talk_for.0 / 1000).saturating_add(1))
}
