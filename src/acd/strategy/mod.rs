//! How to pick from a bench: one file for each strategy.
//!
//! A strategy is two pure answers: how good a seat is ([`Score`], larger first, exact at every
//! moment) and how many seats a round takes. Everything else — tiers, bars, fan-out, the split
//! between callers — is the same for all of them and lives in `bench.rs`.

mod fewest_calls;
mod ladder;
mod least_talk;
mod linear;
mod longest_idle;
mod lots;
mod order;
mod overflow;
mod parallel;
mod progressive;
mod random;
mod round_robin;
mod round_robin_calls;
mod score;
mod smooth_weighted;
mod sticky;
mod tally;
mod tournament;
mod weighted_random;

use serde::{Deserialize, Serialize};

pub use order::{Order, Ranked};
pub use overflow::{
    Look, OVERFLOW_MAX, expected_wait, overflow_again, overflow_cycle, overflow_due,
    overflow_unstaffed,
};
pub use parallel::share;
pub use score::{Score, Worth};
pub use sticky::{Responsible, responsible};
pub use tally::Tally;

pub(super) use parallel::{may_join, stage_now};
pub(super) use progressive::wanted;
pub(super) use random::lot;
pub(super) use smooth_weighted::grown;

use super::settings::Strategy;
use crate::model::Period;

/// What a queue remembers of one member. Durable: it outlives breaks, reloads and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SeatKeys {
    /// Whose turn it is: the smallest goes first. A number out of the queue's sequence, not an
    /// index, so that nobody's coming or going moves anybody else.
    pub turn: u64,
    /// Smooth weights: the current weight.
    #[serde(default)]
    pub current: i64,
}

/// When a member's turn is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnMoves {
    /// When their telephone rings (or `ring_min` after dialling where nobody tells).
    AtRinging,
    /// When they win the call.
    AtWon,
    /// The strategy has no turns.
    Never,
}

impl Strategy {
    /// When a member's turn is used up.
    pub const fn turn_moves(self) -> TurnMoves {
        match self {
            Strategy::RoundRobin => TurnMoves::AtRinging,
            Strategy::RoundRobinCalls => TurnMoves::AtWon,
            Strategy::Parallel
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::SmoothWeighted
            | Strategy::Progressive => TurnMoves::Never,
        }
    }

    /// Whether a round takes one operator only.
    pub const fn is_single(self) -> bool {
        match self {
            Strategy::Parallel | Strategy::Progressive => false,
            Strategy::RoundRobin
            | Strategy::RoundRobinCalls
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::SmoothWeighted => true,
        }
    }

    /// Which clock its scores move with.
    pub(super) const fn clock(self) -> Clock {
        match self {
            Strategy::SmoothWeighted => Clock::Rounds,
            Strategy::Parallel
            | Strategy::RoundRobin
            | Strategy::RoundRobinCalls
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::Random
            | Strategy::WeightedRandom
            | Strategy::Progressive => Clock::Millis,
        }
    }
}

/// The clock of a strategy's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The monotonic time in milliseconds.
    Millis,
    /// The tier's count of rounds.
    Rounds,
}

/// What a strategy may know of a seat.
#[derive(Debug, Clone, Copy)]
pub struct SeatFacts<'a> {
    /// What the queue remembers of them.
    pub keys: SeatKeys,
    /// The tier's count of rounds that their current weight is of.
    pub rounds: u64,
    /// Their counters.
    pub tally: &'a Tally,
    /// Their weight in this queue.
    pub weight: u16,
    /// Place of their weight among the different weights of the tier; 0 is the largest.
    pub stage: u16,
}

/// How good a seat is under a strategy.
pub fn score(strategy: Strategy, seat: &SeatFacts<'_>) -> Score {
    match strategy {
        Strategy::Parallel => parallel::score(seat),
        Strategy::RoundRobin => round_robin::score(seat),
        Strategy::RoundRobinCalls => round_robin_calls::score(seat),
        Strategy::Linear => linear::score(),
        Strategy::LongestIdle => longest_idle::score(seat),
        Strategy::FewestCalls => fewest_calls::score(seat),
        Strategy::LeastTalk => least_talk::score(seat),
        Strategy::Random => random::score(),
        Strategy::WeightedRandom => weighted_random::score(),
        Strategy::SmoothWeighted => smooth_weighted::score(seat),
        Strategy::Progressive => progressive::score(seat),
    }
}

/// The key as decision records show it, the smallest first; its unit is the strategy's: turns,
/// milliseconds free (negative), thousandths of a call or of a second an hour, current weight
/// (negative).
pub fn shown_key(strategy: Strategy, score: &Score, x: i64) -> i64 {
    let value = score.p.saturating_add(score.q.saturating_mul(x));
    match strategy {
        Strategy::FewestCalls | Strategy::LeastTalk => {
            let per_hour = i128::from(score.d) * i128::from(Period::hours(1).0) * 1000;
            let shown = per_hour / i128::from(value.max(1));
            i64::try_from(shown).unwrap_or(i64::MAX)
        }
        Strategy::Parallel
        | Strategy::RoundRobin
        | Strategy::RoundRobinCalls
        | Strategy::Linear
        | Strategy::LongestIdle
        | Strategy::Random
        | Strategy::WeightedRandom
        | Strategy::SmoothWeighted
        | Strategy::Progressive => value.saturating_neg(),
    }
}

/// Milliseconds as a signed number.
fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}
