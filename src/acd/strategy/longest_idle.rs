//! Who has been free the longest since the last contact.
//!
//! Only time that was both ready and idle counts, so a break neither adds nor takes. While two
//! operators are free their times grow together, so their order stands.

use super::{Score, SeatFacts, signed};

pub(super) fn score(seat: &SeatFacts<'_>) -> Score {
    let counted = signed(seat.tally.idle_for.0);
    match seat.tally.idle_since {
        Some(since) => {
            Score { p: counted.saturating_sub(signed(since.0)), q: 1, ..Score::fixed(0) }
        }
        None => Score { p: counted, ..Score::fixed(0) },
    }
}
