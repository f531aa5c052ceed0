//! Keeps the eligible seats of one tier so that the best and the next best are found without
//! looking at all of them.
//!
//! A tournament: seats are leaves, every inner node remembers the better of its two halves and
//! until when that stays true (`score.rs`). A change of one seat replays the matches above it;
//! the passing of time replays only matches whose order turns over.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::score::{NEVER, Score, Worth};

/// One half of the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    /// The best seat below, or [`NOBODY`].
    winner: u32,
    /// The first moment at which a match below may turn over.
    stands_until: i64,
}

const NOBODY: u32 = u32::MAX;
const EMPTY: Node = Node { winner: NOBODY, stands_until: NEVER };

/// The tournament of the seats `0..n`.
#[derive(Debug, Clone)]
pub struct Tournament {
    /// A heap-shaped tree: node `i` stands over `2i` and `2i + 1`; leaves begin at `size`.
    nodes: Vec<Node>,
    size: usize,
    /// The clock's latest reading; it never goes back.
    at: i64,
}

impl Tournament {
    /// With room for `n` seats, none of them in it.
    pub fn new(n: usize) -> Tournament {
        let size = n.next_power_of_two();
        Tournament { nodes: vec![EMPTY; size * 2], size, at: 0 }
    }

    /// Puts a seat in (`sits`) or takes it out. To be called for a seat in it after every change
    /// of its score.
    pub fn set(&mut self, seat: usize, sits: bool, scores: &[Score]) {
        let Ok(number) = u32::try_from(seat) else { return };
        let leaf = if sits { Node { winner: number, stands_until: NEVER } } else { EMPTY };
        let mut place = self.size + seat;
        if let Some(node) = self.nodes.get_mut(place) {
            *node = leaf;
        }
        while place > 1 {
            place /= 2;
            let before = self.node(place);
            let after = self.match_at(place, scores);
            if before == after && after.winner != number {
                return; // the matches above see no difference
            }
            if let Some(node) = self.nodes.get_mut(place) {
                *node = after;
            }
        }
    }

    /// Lets time pass: replays the matches that turn over up to `x`.
    pub fn advance(&mut self, x: i64, scores: &[Score]) {
        self.at = self.at.max(x);
        self.refresh(1, scores);
    }

    /// The seats from the best to the worst, as of the last `advance`.
    pub fn ranking<'a>(&'a self, scores: &'a [Score]) -> Ranking<'a> {
        let mut ranking = Ranking { tournament: self, scores, open: BinaryHeap::new(), last: None };
        ranking.push(1);
        ranking
    }

    /// Whether a seat is in it.
    pub fn holds(&self, seat: usize) -> bool {
        self.node(self.size + seat).winner != NOBODY
    }

    fn node(&self, place: usize) -> Node {
        self.nodes.get(place).copied().unwrap_or(EMPTY)
    }

    fn refresh(&mut self, place: usize, scores: &[Score]) {
        if self.node(place).stands_until > self.at || place >= self.size {
            return;
        }
        self.refresh(place * 2, scores);
        self.refresh(place * 2 + 1, scores);
        let after = self.match_at(place, scores);
        if let Some(node) = self.nodes.get_mut(place) {
            *node = after;
        }
    }

    /// Plays one match from the two halves as they stand.
    fn match_at(&self, place: usize, scores: &[Score]) -> Node {
        let (left, right) = (self.node(place * 2), self.node(place * 2 + 1));
        let halves = left.stands_until.min(right.stands_until);
        let (winner, until) = match (seat(left.winner, scores), seat(right.winner, scores)) {
            (None, None) => (NOBODY, NEVER),
            (Some(_), None) => (left.winner, NEVER),
            (None, Some(_)) => (right.winner, NEVER),
            (Some(one), Some(other)) => match one.at(self.at).cmp(&other.at(self.at)) {
                Ordering::Less => (right.winner, other.beaten_at(one, false)),
                Ordering::Equal | Ordering::Greater => (left.winner, one.beaten_at(other, true)),
            },
        };
        Node { winner, stands_until: halves.min(until) }
    }
}

fn seat(winner: u32, scores: &[Score]) -> Option<&Score> {
    scores.get(usize::try_from(winner).ok()?)
}

/// A half of the draw that is still to be looked at; the greater holds the better seat.
#[derive(Debug, PartialEq, Eq)]
struct Open {
    worth: Worth,
    seat: usize,
    place: usize,
}

impl Ord for Open {
    fn cmp(&self, other: &Open) -> Ordering {
        self.worth.cmp(&other.worth).then(other.seat.cmp(&self.seat))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Open) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Walks the seats of a tournament from the best to the worst; the first costs nothing, each
/// further one the logarithm of their number.
#[derive(Debug)]
pub struct Ranking<'a> {
    tournament: &'a Tournament,
    scores: &'a [Score],
    open: BinaryHeap<Open>,
    /// The half whose best was given out last and whose others are not open yet.
    last: Option<(usize, usize)>,
}

impl Ranking<'_> {
    fn push(&mut self, place: usize) {
        let winner = self.tournament.node(place).winner;
        let Ok(index) = usize::try_from(winner) else { return };
        if let Some(score) = self.scores.get(index) {
            let worth = score.at(self.tournament.at);
            self.open.push(Open { worth, seat: index, place });
        }
    }
}

impl Iterator for Ranking<'_> {
    type Item = (usize, Worth);

    fn next(&mut self) -> Option<(usize, Worth)> {
        if let Some((top, seat)) = self.last.take() {
            let mut place = self.tournament.size + seat;
            while place > top {
                self.push(place ^ 1);
                place /= 2;
            }
        }
        let best = self.open.pop()?;
        self.last = Some((best.place, best.seat));
        Some((best.seat, best.worth))
    }
}
