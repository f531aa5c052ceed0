//! The responsible operator first: alone for a while, then like anybody else.

use crate::model::{OperatorId, Period, Ruling, Why};

/// What a caller with responsible operators does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Responsible {
    /// Rings this one alone.
    Ring(OperatorId),
    /// Waits for this one, who talks.
    WaitFor(OperatorId),
    /// Goes the queue's normal way.
    Nobody,
}

/// Decides for candidates in order of precedence (owner of the deal, of the contact, who talked
/// last …), each with what stands against them; a caller waits only for one who will be free by
/// themselves, and only up to `wait_max` of waiting.
pub fn responsible(
    candidates: impl Iterator<Item = (OperatorId, Ruling)>,
    waited: Period,
    wait_max: Period,
) -> Responsible {
    const PASSING: [Why; 3] = [Why::Talking, Why::WrapUp, Why::Ringing];
    let mut waits = Responsible::Nobody;
    for (operator, ruling) in candidates {
        if ruling.is_eligible() {
            return Responsible::Ring(operator);
        }
        let passing = PASSING.into_iter().fold(ruling, Ruling::without).is_eligible();
        if passing && waited < wait_max && waits == Responsible::Nobody {
            waits = Responsible::WaitFor(operator);
        }
    }
    waits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_who_can_is_rung_and_one_who_talks_is_waited_for() {
        let talks = Ruling::ELIGIBLE.with(Why::Talking, true);
        let away = talks.with(Why::OnBreak, true);
        let decide = |rulings: &[Ruling], waited| {
            let ids = (1..).map(OperatorId).zip(rulings.iter().copied());
            responsible(ids, Period::secs(waited), Period::secs(10))
        };
        assert_eq!(decide(&[], 0), Responsible::Nobody);
        assert_eq!(decide(&[away, Ruling::ELIGIBLE], 0), Responsible::Ring(OperatorId(2)));
        assert_eq!(decide(&[away, talks], 0), Responsible::WaitFor(OperatorId(2)));
        assert_eq!(decide(&[talks, talks], 9), Responsible::WaitFor(OperatorId(1)));
        assert_eq!(decide(&[talks], 10), Responsible::Nobody);
        assert_eq!(decide(&[away], 0), Responsible::Nobody);
    }
}
