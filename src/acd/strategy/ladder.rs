//! Keeps the eligible seats of one tier in an order that stands while nobody changes: turns,
//! fixed places, time free.
//!
//! Whoever is taken stands at one end and whoever is put in mostly goes to the other, so among
//! ten thousand the memory that is touched is the same as among twenty.

use std::collections::BTreeSet;
use std::collections::btree_set::Iter;
use std::iter::Peekable;

use super::score::{Score, Worth};

/// A seat's place on the ladder: stage, then the larger value first, then the seat.
type Rung = (u16, i64, u32);

/// The ladder of the seats `0..n`. Values are compared as of `x`; two ladders are enough,
/// because a value either stands or grows with the clock.
#[derive(Debug, Clone)]
pub struct Ladder {
    stands: BTreeSet<Rung>,
    grows: BTreeSet<Rung>,
    /// Where each seat is, and whether it grows.
    rungs: Vec<Option<(Rung, bool)>>,
    at: i64,
}

impl Ladder {
    /// With room for `n` seats, none of them in it.
    pub fn new(n: usize) -> Ladder {
        Ladder { stands: BTreeSet::new(), grows: BTreeSet::new(), rungs: vec![None; n], at: 0 }
    }

    /// Puts a seat in or takes it out; to be called after every change of its score too.
    pub fn set(&mut self, seat: usize, sits: bool, score: Option<&Score>) {
        let (Some(slot), Ok(number)) = (self.rungs.get_mut(seat), u32::try_from(seat)) else {
            return;
        };
        let score = score.filter(|_| sits);
        let next = score.map(|it| ((it.stage, it.p.saturating_neg(), number), it.q != 0));
        let before = std::mem::replace(slot, next);
        if before == next {
            return;
        }
        if let Some((rung, grows)) = before {
            self.side(grows).remove(&rung);
        }
        if let Some((rung, grows)) = next {
            self.side(grows).insert(rung);
        }
    }

    fn side(&mut self, grows: bool) -> &mut BTreeSet<Rung> {
        if grows { &mut self.grows } else { &mut self.stands }
    }

    /// Lets time pass.
    pub fn advance(&mut self, x: i64) {
        self.at = self.at.max(x);
    }

    /// Whether a seat is in it.
    pub fn holds(&self, seat: usize) -> bool {
        self.rungs.get(seat).is_some_and(Option::is_some)
    }

    /// The seats from the best to the worst.
    pub fn climb(&self) -> Climb<'_> {
        Climb {
            stands: self.stands.iter().peekable(),
            grows: self.grows.iter().peekable(),
            at: self.at,
        }
    }
}

/// Walks the seats of a ladder from the best to the worst, each at the same small cost.
#[derive(Debug)]
pub struct Climb<'a> {
    stands: Peekable<Iter<'a, Rung>>,
    grows: Peekable<Iter<'a, Rung>>,
    at: i64,
}

impl Iterator for Climb<'_> {
    type Item = (usize, Worth);

    fn next(&mut self) -> Option<(usize, Worth)> {
        let worth = |rung: &Rung, by: i64| {
            let score = Score { stage: rung.0, ..Score::fixed(rung.1.saturating_sub(by)) };
            (score.at(0), std::cmp::Reverse(rung.2))
        };
        let stands = self.stands.peek().map(|rung| worth(rung, 0));
        let grows = self.grows.peek().map(|rung| worth(rung, self.at));
        let best = if grows > stands {
            self.grows.next();
            grows
        } else {
            self.stands.next();
            stands
        };
        let (worth, seat) = best?;
        Some((usize::try_from(seat.0).ok()?, worth))
    }
}
