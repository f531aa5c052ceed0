//! The responsible operator learns that a colleague talks with their client.
//!
//! Where somebody else answers, the responsible operator has missed nothing and is asked for
//! nothing: a card says who has the client, and closes with that conversation. Whoever was rung
//! along sees it on the card of their own offer and gets no second one. An outside service that
//! answers too late to reroute the call is answered to in this way too.

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::entry::Entry;
use super::offer::{Offer, OfferState};
use crate::model::{
    CallId, EntryId, OfferEnd, OfferId, OperatorId, Period, PopState, Record, Tie, Wall,
};

/// A card for somebody who has no offer of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fyi {
    /// Its number, out of the sequence of offers: a screen tells cards apart by it.
    pub id: OfferId,
    /// The wait that was won.
    pub entry: EntryId,
    /// The call.
    pub call: CallId,
    /// Whose card.
    pub operator: OperatorId,
    /// The offer that won: the conversation that the card tells of.
    pub won: OfferId,
    /// When it opened.
    pub at: Wall,
    /// What it shows. Never live again once it was over.
    pub card: PopState,
}

impl Fyi {
    /// Moves the card after the conversation.
    pub fn turn(&mut self, won: &Offer) {
        if self.card.is_live() {
            self.card = card_of(won, self.at);
        }
    }
}

/// What the responsible operator sees of a colleague's conversation. Facts may take the win
/// back: then there was no conversation.
pub fn card_of(won: &Offer, at: Wall) -> PopState {
    let since = won.answered_at.unwrap_or(at);
    let talk = match (won.state, won.left_at) {
        (OfferState::Over(OfferEnd::Won), None) => None,
        (OfferState::Over(OfferEnd::Won), Some(left)) => Some(left.since(since)),
        (OfferState::Dialing | OfferState::Ringing, _) => Some(Period::ZERO),
        (OfferState::Answered | OfferState::Over(_), _) => Some(Period::ZERO),
    };
    PopState::Fyi { operator: won.name.clone(), since, talk }
}

impl Engine {
    /// Who is responsible for the client of a wait, whenever that became known; to be asked before
    /// the conversation that wins it is noted, because whoever talked last is responsible too.
    pub(super) fn responsible_for(&self, id: Option<EntryId>) -> Option<OperatorId> {
        let entry = self.state.entries.get(&id?)?;
        let sticky = self.rules_of(entry.id)?.sticky.as_ref()?;
        if let Some(owner) = self.owner_of_call(entry.call) {
            return Some(owner);
        }
        let known = self.candidates(entry, sticky);
        let mut known = known.into_iter().filter(|(_, tie)| *tie != Tie::Deputy);
        known.next().map(|(operator, _)| operator)
    }

    /// Opens the card of the responsible operator, if somebody else has the client.
    pub(super) fn inform(&mut self, id: Option<EntryId>, owner: Option<OperatorId>) {
        let Some((entry, owner)) = id.and_then(|id| self.state.entries.get(&id)).zip(owner) else {
            return;
        };
        let won = entry.won_by.and_then(|won| self.state.offers.get(&won));
        let Some(won) = won.filter(|won| won.is_talking() && won.operator != Some(owner)) else {
            return;
        };
        let cards = won.fyis.iter().filter_map(|id| self.state.fyis.get(id));
        let knows = cards.into_iter().any(|fyi| fyi.operator == owner);
        if !knows && !self.sees_it_already(entry, owner) {
            let fyi = OfferId(self.state.next.offer);
            self.emit(Record::OwnerInformed { entry: entry.id, fyi, operator: owner });
        }
    }

    /// Whether the card of an own offer says who has the client.
    fn sees_it_already(&self, entry: &Entry, operator: OperatorId) -> bool {
        let call = self.state.calls.get(&entry.call);
        let offers = call.into_iter().flat_map(|call| &call.offers);
        offers.filter_map(|offer| self.state.offers.get(offer)).any(|offer| {
            let end = offer.state.end();
            offer.entry == Some(entry.id)
                && offer.operator == Some(operator)
                && (offer.state.is_live() || end == Some(OfferEnd::Lost))
        })
    }
}
