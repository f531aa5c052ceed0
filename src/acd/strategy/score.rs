//! How good a seat is, as a function of time that can be compared exactly.
//!
//! Some keys stand still (a turn), some move while nobody does anything: calls per ready hour
//! falls for everybody at different speeds. All of them have the form `(p + q·x) / d` of a clock
//! `x`, and two such curves change order at most once, at a moment that can be worked out. That
//! lets the bench keep ten thousand of them in order without looking at each.

use std::cmp::Ordering;

/// A seat's standing: the larger value of `(p + q·x) / d` goes first.
///
/// `stage` is compared before it and never mixed into it, so that no value, however large, makes
/// up for a later stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// The smaller goes first.
    pub stage: u16,
    /// The value at `x` = 0, times `d`.
    pub p: i64,
    /// What one unit of the clock adds, times `d`.
    pub q: i64,
    /// More than 0.
    pub d: i64,
    /// Between equal values the larger goes first.
    pub tie: i64,
}

/// What a score is worth at one moment; greater goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    stage: u16,
    over: i64,
    under: i64,
    tie: i64,
}

/// Never: the clock does not reach it.
pub const NEVER: i64 = i64::MAX;

impl Score {
    /// A value that stands still; the smaller `key` goes first.
    pub const fn fixed(key: i64) -> Score {
        Score { stage: 0, p: key.saturating_neg(), q: 0, d: 1, tie: 0 }
    }

    /// The same that keeps its value at clock `x`.
    pub const fn standing_at(self, x: i64) -> Score {
        Score { p: self.p.saturating_add(self.q.saturating_mul(x)), q: 0, ..self }
    }

    /// The worth at clock `x`.
    pub fn at(&self, x: i64) -> Worth {
        let over = self.p.saturating_add(self.q.saturating_mul(x));
        Worth { stage: self.stage, over, under: self.d, tie: self.tie }
    }

    /// The first moment after `x` at which `self`, which goes before `other` at `x`, no longer
    /// does. Equal scores are told apart by place, which `first` tells: whether `self` sits
    /// before `other`.
    pub fn beaten_at(&self, other: &Score, first: bool) -> i64 {
        if self.stage != other.stage {
            return NEVER;
        }
        // The lead is `a + b·x` over a positive number; it shrinks only when `b` is negative.
        let a = wide(self.p, other.d) - wide(other.p, self.d);
        let b = wide(self.q, other.d) - wide(other.q, self.d);
        if b >= 0 {
            return NEVER;
        }
        let keeps_ties = match self.tie.cmp(&other.tie) {
            Ordering::Greater => true,
            Ordering::Equal => first,
            Ordering::Less => false,
        };
        let even = a.div_euclid(-b); // the last whole moment at which the lead is not negative
        let exact = a.rem_euclid(-b) == 0;
        let beaten = if exact && !keeps_ties { even } else { even + 1 };
        i64::try_from(beaten).unwrap_or(NEVER)
    }
}

fn wide(left: i64, right: i64) -> i128 {
    i128::from(left) * i128::from(right)
}

impl Ord for Worth {
    fn cmp(&self, other: &Worth) -> Ordering {
        let values = if self.under == other.under {
            self.over.cmp(&other.over)
        } else {
            wide(self.over, other.under).cmp(&wide(other.over, self.under))
        };
        other.stage.cmp(&self.stage).then(values).then(self.tie.cmp(&other.tie))
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Worth) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Worth {
    /// Which stage it is of.
    pub const fn stage(&self) -> u16 {
        self.stage
    }
}
