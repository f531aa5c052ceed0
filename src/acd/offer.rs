//! One attempt to reach one operator for one caller.
//!
//! An offer is what ties an operator up before an answer, so every way out of it must set the
//! operator free. The ways out are the arms of [`OfferEnd`]; there are no others.
//!
//! Of calls that we own the state moves by [`OfferState::on`]. What facts say of other calls
//! replaces the state as a whole, because facts come in any order (`told.rs`).

use serde::{Deserialize, Serialize};

use crate::model::{
    CallId, EntryId, LegId, Mono, Name, Now, OfferEnd, OfferId, OperatorId, PopState, QueueId, Wall,
};

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    /// Chosen, or named in our answer; no telephone rings yet.
    Dialing,
    /// The telephone rings.
    Ringing,
    /// Picked up; the caller is not joined yet.
    Answered,
    /// Over.
    Over(OfferEnd),
}

/// What can happen to an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferEvent {
    /// The telephone rings.
    Ringing,
    /// It was picked up.
    Answered,
    /// Caller and operator are joined.
    Bridged,
    /// The telephone refused, or its leg ended for another reason.
    LegEnded(OfferEnd),
    /// It rang for its whole time.
    RingExpired,
    /// No sign of life until the lease ran out.
    LeaseExpired,
    /// Another offer of the entry was bridged.
    OtherWon,
    /// The caller hung up.
    CallerGone,
    /// We take it back.
    Withdrawn(crate::model::WithdrawnBecause),
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferChange {
    /// It rings now.
    Rings,
    /// It asks for the entry.
    Claims,
    /// It is over.
    Ends(OfferEnd),
    /// An answer after the end: the leg has to be hung up, nothing else changes.
    HangUpLate,
}

impl OfferState {
    /// Whether it ties its operator up before a conversation.
    pub const fn is_live(self) -> bool {
        matches!(self, OfferState::Dialing | OfferState::Ringing | OfferState::Answered)
    }

    /// How it ended, once it has.
    pub const fn end(self) -> Option<OfferEnd> {
        match self {
            OfferState::Over(end) => Some(end),
            OfferState::Dialing | OfferState::Ringing | OfferState::Answered => None,
        }
    }

    /// The next state and what it means; `None` when the event changes nothing.
    ///
    /// An answer after the end is normal: a 200 OK may cross our CANCEL on the wire. It never
    /// reopens the offer.
    pub const fn on(self, event: OfferEvent) -> Option<(OfferState, OfferChange)> {
        use {OfferChange as C, OfferEnd as End, OfferEvent as E, OfferState as S};
        let end = match (self, event) {
            (S::Dialing, E::Ringing) => return Some((S::Ringing, C::Rings)),
            (S::Dialing | S::Ringing, E::Answered) => return Some((S::Answered, C::Claims)),
            (S::Over(End::Won), E::Answered) => return None, // the 200 OK again
            (S::Over(_), E::Answered) => return Some((self, C::HangUpLate)),
            (S::Answered, E::Bridged) => End::Won,
            (S::Dialing | S::Ringing, E::LegEnded(end)) => end,
            (S::Answered, E::LegEnded(_)) => End::DroppedBeforeBridge,
            (S::Dialing | S::Ringing, E::RingExpired) => End::NoAnswer,
            (S::Dialing | S::Ringing, E::LeaseExpired) => End::Expired,
            (S::Answered, E::LeaseExpired) => End::DroppedBeforeBridge,
            (S::Dialing | S::Ringing | S::Answered, E::OtherWon) => End::Lost,
            (S::Dialing | S::Ringing | S::Answered, E::CallerGone) => End::CallerGone,
            (S::Dialing | S::Ringing | S::Answered, E::Withdrawn(why)) => End::Withdrawn(why),
            (S::Ringing | S::Answered, E::Ringing) => return None, // a late or repeated 180
            (S::Answered, E::Answered | E::RingExpired) => return None,
            (S::Dialing | S::Ringing, E::Bridged) => return None, // nobody picked up
            (S::Over(_), E::Ringing | E::Bridged | E::LegEnded(_)) => return None,
            (S::Over(_), E::RingExpired | E::LeaseExpired | E::OtherWon) => return None,
            (S::Over(_), E::CallerGone | E::Withdrawn(_)) => return None,
        };
        Some((S::Over(end), C::Ends(end)))
    }
}

/// One attempt at one operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Ours.
    pub id: OfferId,
    /// The call.
    pub call: CallId,
    /// The wait it belongs to.
    pub entry: Option<EntryId>,
    /// Who, when the alias is known.
    pub operator: Option<OperatorId>,
    /// The operator's name, or `ext:NNN`.
    pub name: Name,
    /// The leg that rings them, for calls that we own.
    pub leg: Option<LegId>,
    /// The queue whose member they are, where that is not the one the caller waits in.
    #[serde(default)]
    pub queue: Option<QueueId>,
    /// Where it stands.
    pub state: OfferState,
    /// Which round of the entry made it; 0 for offers told by facts.
    pub round: u32,
    /// When it was made, on the engine's clock.
    pub made: Mono,
    /// When it was made.
    pub offered_at: Wall,
    /// When the telephone began to ring, on both clocks.
    pub rang: Option<Mono>,
    /// When the telephone began to ring.
    pub ringing_at: Option<Wall>,
    /// When it was picked up.
    pub answered_at: Option<Wall>,
    /// When the conversation began, on the engine's clock.
    pub joined: Option<Mono>,
    /// When it was over.
    pub over_at: Option<Wall>,
    /// Of a winner: when the conversation ended.
    pub left_at: Option<Wall>,
    /// How long it may ring.
    pub ring_until: Option<Mono>,
    /// When it is reaped unless there is a sign of life.
    pub lease_until: Option<Mono>,
    /// Whether the person is said not to have picked up.
    pub counts: bool,
    /// Whether the miss was counted against the person already: once for ever.
    pub counted: bool,
    /// Whether the conversation was counted for the person already.
    pub credited: bool,
    /// Whether wrap-up was started for it already.
    pub wrapped: bool,
    /// Who has the call, when that is not this operator.
    pub taken_by: Option<Name>,
    /// What the card shows; `None` while no card was opened. Never live again once it was over.
    pub card: Option<PopState>,
    /// Cards of others about the conversation that it won.
    #[serde(default)]
    pub fyis: Vec<OfferId>,
}

impl Offer {
    /// Whether the operator is in the conversation that this offer won.
    pub const fn is_talking(&self) -> bool {
        matches!(self.state, OfferState::Over(OfferEnd::Won)) && self.left_at.is_none()
    }

    /// Whether it ties its operator up: offered, ringing, answered or talking.
    pub const fn is_busy(&self) -> bool {
        self.state.is_live() || self.is_talking()
    }

    /// Moves the card after the state; a card that was over stays over.
    pub fn turn_card(&mut self, at: Now) {
        let next = match self.state {
            OfferState::Dialing | OfferState::Ringing | OfferState::Answered => PopState::Ringing,
            OfferState::Over(end) => self.closing_card(end, at),
        };
        let was_live = self.card.as_ref().map(PopState::is_live);
        match (was_live, next.is_live()) {
            (None | Some(true), true) | (Some(_), false) => self.card = Some(next),
            (Some(false), true) | (None, false) => {}
        }
    }

    fn closing_card(&self, end: OfferEnd, at: Now) -> PopState {
        let over_at = self.over_at.unwrap_or(at.wall);
        match end {
            OfferEnd::Won => match (self.left_at, self.answered_at) {
                (None, since) => PopState::Talking { since: since.unwrap_or(at.wall) },
                (Some(left), since) => PopState::Over { talk: left.since(since.unwrap_or(left)) },
            },
            OfferEnd::Lost => match &self.taken_by {
                Some(operator) => PopState::TakenBy { operator: operator.clone() },
                None => PopState::Ended { how: String::from(end.word()) },
            },
            OfferEnd::NoAnswer => {
                PopState::Missed { rang: over_at.since(self.ringing_at.unwrap_or(self.offered_at)) }
            }
            OfferEnd::CallerGone => PopState::CallerGone,
            OfferEnd::Withdrawn(because) => PopState::Withdrawn { because },
            OfferEnd::Rejected
            | OfferEnd::Busy
            | OfferEnd::Unreachable
            | OfferEnd::Failed
            | OfferEnd::Expired
            | OfferEnd::DroppedBeforeBridge => PopState::Ended { how: String::from(end.word()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::WithdrawnBecause;
    use {OfferEvent as E, OfferState as S};

    const EVENTS: [OfferEvent; 9] = [
        E::Ringing,
        E::Answered,
        E::Bridged,
        E::LegEnded(OfferEnd::Busy),
        E::RingExpired,
        E::LeaseExpired,
        E::OtherWon,
        E::CallerGone,
        E::Withdrawn(WithdrawnBecause::NotReady),
    ];

    #[test]
    fn the_end_is_final_and_a_late_answer_is_hung_up() {
        for event in EVENTS {
            let over = S::Over(OfferEnd::Lost);
            match over.on(event) {
                None => {}
                Some((state, change)) => {
                    assert_eq!((state, change), (over, OfferChange::HangUpLate), "{event:?}");
                    assert_eq!(event, E::Answered);
                }
            }
            assert_eq!(S::Over(OfferEnd::Won).on(event), None, "{event:?}");
        }
    }

    #[test]
    fn only_an_answered_offer_can_be_won() {
        assert_eq!(S::Dialing.on(E::Bridged), None);
        assert_eq!(S::Ringing.on(E::Bridged), None);
        let won = S::Over(OfferEnd::Won);
        assert_eq!(S::Answered.on(E::Bridged), Some((won, OfferChange::Ends(OfferEnd::Won))));
    }

    #[test]
    fn a_claim_that_breaks_is_no_win_and_no_miss() {
        let (state, _) = S::Answered.on(E::LegEnded(OfferEnd::Rejected)).unwrap();
        assert_eq!(state, S::Over(OfferEnd::DroppedBeforeBridge));
    }
}
