//! The SIP calls of the demo's day: what people want to do in each, from a seed.
//!
//! Unlike the webhooks' day this is not the truth: whom a caller reaches is for navbat to say.
//! What came of it is told by the two ends of the line. Times are milliseconds of the demo's own
//! day.

use super::people::{CONTACTS, UNREADABLE};
use crate::model::Seed;

/// Mean time between two SIP calls.
const GAP_MEAN: u64 = 45_000;
/// Callers who give up after a few seconds, in a hundred.
const IMPATIENT: u64 = 25;
/// The first audio port of clients; each call has its own for as long as it lasts.
const CLIENT_PORT: u16 = 20_000;
/// Audio ports of clients. More calls than that never live at once.
const CLIENT_PORTS: u32 = 30_000;

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The client calls.
    In,
    /// An operator calls the client.
    Out,
}

/// What the client of an outbound call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    /// Picks up.
    Answers,
    /// Is in another call.
    Busy,
    /// Lets it ring until the operator gives up.
    Rings,
}

/// What people want to do in one call.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The client's audio port.
    pub port: u16,
    /// When it begins.
    pub at: u64,
    /// The client's number.
    pub number: &'static str,
    /// Who calls.
    pub way: Way,
    /// How long who calls waits to be answered.
    pub patience: u64,
    /// How long the client of an outbound call takes to react, and what they do.
    pub callee: (u64, Callee),
    /// How long they talk.
    pub talks_for: u64,
    /// Whether the client hangs up first.
    pub client_ends: bool,
    /// Whether the operator holds the client for a while.
    pub holds: bool,
    /// Whether the operator passes the client on.
    pub moves: bool,
}

/// Plans the SIP calls of a day.
pub struct Calls {
    seed: Seed,
    at: u64,
    made: u32,
}

impl Calls {
    /// A day that has not begun.
    pub fn new(seed: u64) -> Calls {
        Calls { seed: Seed::new(seed ^ 0x51b), at: 1_000, made: 0 }
    }

    /// The next call; calls come in the order of their beginning.
    pub fn next_plan(&mut self) -> Plan {
        self.at += GAP_MEAN / 4 + self.seed.below(GAP_MEAN * 3 / 2);
        let slot = u16::try_from(self.made % CLIENT_PORTS).unwrap_or(0);
        self.made += 1;
        let known: Vec<&'static str> =
            CONTACTS.iter().copied().filter(|number| *number != UNREADABLE).collect();
        let at = usize::try_from(self.seed.below(known.len() as u64)).unwrap_or(0);
        let callee = match self.seed.below(10) {
            0..=5 => Callee::Answers,
            6..=7 => Callee::Busy,
            _ => Callee::Rings,
        };
        let hurried = self.seed.chance(IMPATIENT);
        let least = if hurried { 2_000 } else { 12_000 };
        let patience = least + self.seed.below(if hurried { 4_000 } else { 40_000 });
        Plan {
            port: CLIENT_PORT + slot,
            at: self.at,
            number: known.get(at).copied().unwrap_or(""),
            way: if self.seed.chance(20) { Way::Out } else { Way::In },
            patience,
            callee: (2_000 + self.seed.below(9_000), callee),
            talks_for: 12_000 + self.seed.below(60_000),
            client_ends: self.seed.chance(55),
            holds: self.seed.chance(20),
            moves: self.seed.chance(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_something_of_everything_and_can_be_lived_twice() {
        let day = |seed| {
            let mut calls = Calls::new(seed);
            (0..200).map(|_| calls.next_plan()).collect::<Vec<_>>()
        };
        let plans = day(42);
        let with = |what: fn(&Plan) -> bool| plans.iter().filter(|plan| what(plan)).count();
        assert!(with(|plan| plan.way == Way::Out) > 20);
        assert!(with(|plan| plan.moves) > 10);
        assert!(with(|plan| plan.holds) > 10);
        assert!(with(|plan| plan.client_ends) > 50);
        assert!(with(|plan| plan.callee.1 == Callee::Busy) > 10);
        assert!(plans.windows(2).all(|pair| pair[0].at < pair[1].at));
        let times = |plans: &[Plan]| plans.iter().map(|plan| plan.at).collect::<Vec<_>>();
        assert_eq!(times(&plans), times(&day(42)));
        assert_ne!(times(&plans), times(&day(43)));
    }
}
