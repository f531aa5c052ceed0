//! The eligible seats of one tier in the order of the queue's strategy, kept the cheapest way
//! that is exact for that strategy.

use super::ladder::{Climb, Ladder};
use super::lots::Lots;
use super::score::{Score, Worth};
use super::tournament::{Ranking, Tournament};
use crate::acd::settings::Strategy;

/// The order of one tier.
#[derive(Debug, Clone)]
pub struct Order {
    kept: Kept,
    count: u32,
    weight: u64,
}

#[derive(Debug, Clone)]
enum Kept {
    /// The order stands while nobody changes.
    Ladder(Ladder),
    /// The order turns over by itself.
    Tournament(Tournament),
    /// There is no order: lots are drawn.
    Lots(Lots),
}

impl Order {
    /// With room for `n` seats, none of them in it.
    pub fn new(strategy: Strategy, n: usize) -> Order {
        let kept = match strategy {
            Strategy::Parallel
            | Strategy::RoundRobin
            | Strategy::RoundRobinCalls
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::Progressive => Kept::Ladder(Ladder::new(n)),
            Strategy::FewestCalls | Strategy::LeastTalk | Strategy::SmoothWeighted => {
                Kept::Tournament(Tournament::new(n))
            }
            Strategy::Random => Kept::Lots(Lots::new(n, true)),
            Strategy::WeightedRandom => Kept::Lots(Lots::new(n, false)),
        };
        Order { kept, count: 0, weight: 0 }
    }

    /// Seats in it.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The sum of the weights of the seats in it.
    pub const fn weight(&self) -> u64 {
        self.weight
    }

    /// Puts a seat of this weight in (`sits`) or takes it out. To be called for a seat in it
    /// after every change of its score.
    pub fn set(&mut self, seat: usize, weight: u16, sits: bool, scores: &[Score]) {
        match (self.holds(seat), sits) {
            (false, true) => {
                self.count = self.count.saturating_add(1);
                self.weight = self.weight.saturating_add(u64::from(weight));
            }
            (true, false) => {
                self.count = self.count.saturating_sub(1);
                self.weight = self.weight.saturating_sub(u64::from(weight));
            }
            (false, false) | (true, true) => {}
        }
        match &mut self.kept {
            Kept::Ladder(ladder) => ladder.set(seat, sits, scores.get(seat)),
            Kept::Tournament(tournament) => tournament.set(seat, sits, scores),
            Kept::Lots(lots) => lots.set(seat, sits.then_some(weight)),
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, x: i64, scores: &[Score]) {
        match &mut self.kept {
            Kept::Ladder(ladder) => ladder.advance(x),
            Kept::Tournament(tournament) => tournament.advance(x, scores),
            Kept::Lots(_) => {}
        }
    }

    /// Whether a seat is in it.
    pub fn holds(&self, seat: usize) -> bool {
        match &self.kept {
            Kept::Ladder(ladder) => ladder.holds(seat),
            Kept::Tournament(tournament) => tournament.holds(seat),
            Kept::Lots(lots) => lots.holds(seat),
        }
    }

    /// The seats from the best to the worst, as of the last `advance`; nobody where lots are
    /// drawn.
    pub fn ranking<'a>(&'a self, scores: &'a [Score]) -> Ranked<'a> {
        match &self.kept {
            Kept::Ladder(ladder) => Ranked::Climb(ladder.climb()),
            Kept::Tournament(tournament) => Ranked::Ranking(tournament.ranking(scores)),
            Kept::Lots(_) => Ranked::Nobody,
        }
    }

    /// How many lots there are to draw from, without those of `passed`; none where the strategy
    /// draws none.
    pub fn lots(&self, passed: &[usize]) -> u64 {
        match &self.kept {
            Kept::Ladder(_) | Kept::Tournament(_) => 0,
            Kept::Lots(lots) => lots.count(passed),
        }
    }

    /// The seat over which a lot falls.
    pub fn drawn(&self, lot: u64, passed: &[usize]) -> Option<usize> {
        match &self.kept {
            Kept::Ladder(_) | Kept::Tournament(_) => None,
            Kept::Lots(lots) => lots.drawn(lot, passed),
        }
    }
}

/// Walks an order from the best to the worst.
#[derive(Debug)]
pub enum Ranked<'a> {
    /// Of a ladder.
    Climb(Climb<'a>),
    /// Of a tournament.
    Ranking(Ranking<'a>),
    /// Of lots, which have no order.
    Nobody,
}

impl Iterator for Ranked<'_> {
    type Item = (usize, Worth);

    fn next(&mut self) -> Option<(usize, Worth)> {
        match self {
            Ranked::Climb(climb) => climb.next(),
            Ranked::Ranking(ranking) => ranking.next(),
            Ranked::Nobody => None,
        }
    }
}
