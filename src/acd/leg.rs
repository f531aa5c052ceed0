//! One party's side of a call that we own. Matched by its id only, never by number or name.

use serde::{Deserialize, Serialize};

use crate::model::{CallId, EndedBy, LegId, LegMove, Mono, OfferId};

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// On its way.
    Dialing,
    /// Rings, with or without early media.
    Ringing,
    /// Picked up.
    Answered,
    /// Joined with its other party.
    Bridged,
    /// On hold.
    Held,
    /// Over.
    Ended(EndedBy),
}

impl LegState {
    /// The next state. The rank only rises: an event of a lower rank is history and changes
    /// nothing, and the end absorbs everything.
    pub const fn on(self, event: LegMove) -> Option<LegState> {
        use {LegMove as E, LegState as S};
        let next = match (self, event) {
            (S::Dialing, E::Ringing) => S::Ringing,
            (S::Dialing | S::Ringing, E::Answered) => S::Answered,
            (S::Answered, E::Bridged) | (S::Held, E::Resumed) => S::Bridged,
            (S::Bridged, E::Held) => S::Held,
            (S::Dialing | S::Ringing | S::Answered | S::Bridged | S::Held, E::Ended(by)) => {
                S::Ended(by)
            }
            (S::Ringing | S::Answered | S::Bridged | S::Held, E::Ringing) => return None,
            (S::Answered | S::Bridged | S::Held, E::Answered) => return None,
            (S::Dialing | S::Ringing | S::Bridged | S::Held, E::Bridged) => return None,
            (S::Dialing | S::Ringing | S::Answered | S::Held, E::Held) => return None,
            (S::Dialing | S::Ringing | S::Answered | S::Bridged, E::Resumed) => return None,
            (S::Ended(_), E::Ringing | E::Answered | E::Bridged) => return None,
            (S::Ended(_), E::Held | E::Resumed | E::Ended(_)) => return None,
        };
        Some(next)
    }
}

/// One party's side of a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    /// Its name; the edge names callers' legs, the engine the others.
    pub id: LegId,
    /// The call.
    pub call: CallId,
    /// The offer it carries; `None` for the caller and for outside numbers.
    pub offer: Option<OfferId>,
    /// Where it stands.
    pub state: LegState,
    /// Since when.
    pub since: Mono,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_of_a_leg_only_rises() {
        assert_eq!(LegState::Answered.on(LegMove::Ringing), None);
        assert_eq!(LegState::Dialing.on(LegMove::Answered), Some(LegState::Answered));
        assert_eq!(LegState::Ringing.on(LegMove::Bridged), None);
    }

    #[test]
    fn an_ended_leg_stays_ended() {
        let ended = LegState::Ended(EndedBy::Party);
        for event in [
            LegMove::Ringing,
            LegMove::Answered,
            LegMove::Bridged,
            LegMove::Held,
            LegMove::Resumed,
            LegMove::Ended(EndedBy::Us),
        ] {
            assert_eq!(ended.on(event), None, "{event:?}");
        }
    }
}
