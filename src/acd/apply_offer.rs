//! How records change offers: the part of `apply.rs` that ties operators up and sets them free.

use super::call::CallEvent;
use super::entry::{EntryEvent, EntryState};
use super::fyi::{Fyi, card_of};
use super::offer::{Offer, OfferState};
use super::state::State;
use crate::model::{
    Authority, CallId, EntryId, Now, OfferEnd, OfferId, OfferTold, OperatorId, Period, QueueId,
    Record, StageName, Wall,
};

impl State {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    pub(super) fn apply_to_offer(&mut self, at: Now, record: &Record) {
        match record {
            Record::OfferMade { .. } => self.offer_made(at, record),
            Record::OfferRinging { offer, turn } => {
                let said = self.said_at(*offer, at);
                self.on_offer(at, *offer, |it| {
                    it.state = OfferState::Ringing;
                    it.ringing_at = Some(said);
                    it.rang = Some(at.mono);
                });
                self.turn_of(*offer, *turn);
            }
            Record::OfferAnswered { offer, lease_until } => {
                let said = self.said_at(*offer, at);
                self.on_offer(at, *offer, |it| {
                    it.state = OfferState::Answered;
                    it.answered_at = Some(said);
                    it.ring_until = None;
                    it.lease_until = Some(*lease_until);
                });
            }
            Record::OfferOver { .. } => self.offer_over(at, record),
            Record::TalkEnded { offer } => {
                let said = self.said_at(*offer, at);
                self.on_offer(at, *offer, |it| it.left_at = Some(said));
                self.credit_talk(at, *offer);
            }
            Record::OfferTold(told) => self.offer_told(at, told),
            Record::OwnerInformed { entry, fyi, operator } => {
                self.owner_informed(at, *entry, *fyi, *operator);
            }
            _ => {}
        }
    }

    fn offer_made(&mut self, at: Now, record: &Record) {
        let Record::OfferMade {
            offer,
            call,
            entry,
            operator,
            leg,
            queue,
            round,
            ring_until,
            lease_until,
        } = record
        else {
            return;
        };
        let Some(name) = self.operators.get(operator).map(|it| it.name.clone()) else { return };
        let made = Offer {
            entry: Some(*entry),
            operator: Some(*operator),
            leg: *leg,
            queue: *queue,
            round: *round,
            ring_until: *ring_until,
            lease_until: Some(*lease_until),
            offered_at: self.said_in(*call, at),
            ..Offer::new(*offer, *call, name, at)
        };
        self.add_offer(at, made);
        self.on_entry(at, *entry, |it| {
            if it.state == EntryState::Waiting {
                it.round_at = at.mono;
            }
            it.state = it.state.on(EntryEvent::Offered).unwrap_or(it.state);
            it.round = *round;
            it.tried.insert(*operator);
        });
        if let Some(call) = self.calls.get_mut(call) {
            if call.authority == Authority::Observed {
                call.authority = Authority::Advised; // told of first, asked about later
            }
            call.stages.entry(StageName::Routing).or_insert(at.wall);
            call.stages.entry(StageName::Pop).or_insert(at.wall);
        }
    }

    pub(super) fn add_offer(&mut self, at: Now, mut offer: Offer) {
        let (id, call, operator) = (offer.id, offer.call, offer.operator);
        self.next.offer = self.next.offer.max(id.0.saturating_add(1));
        self.dirty.offer(id, offer.card.clone());
        offer.turn_card(at);
        self.turn_fyis(&offer);
        self.index.add_offer(&offer);
        self.offers.insert(id, offer);
        if let Some(call) = self.calls.get_mut(&call)
            && !call.offers.contains(&id)
        {
            call.offers.push(id);
        }
        self.dirty.call(call);
        if let Some(operator) = operator {
            self.rework(operator, at);
        }
    }

    /// The label of a moment of a call that we own: its start and the time that has passed, so
    /// that a wall clock that is set meanwhile makes no conversation an hour longer. Of other
    /// calls the wall clock is all there is.
    pub(super) fn said_in(&self, call: CallId, at: Now) -> Wall {
        match self.calls.get(&call) {
            Some(call) if call.authority == Authority::Owned => {
                call.started_at + at.mono.since(call.heard)
            }
            Some(_) | None => at.wall,
        }
    }

    fn said_at(&self, offer: OfferId, at: Now) -> Wall {
        self.offers.get(&offer).map_or(at.wall, |offer| self.said_in(offer.call, at))
    }

    /// Changes an offer and keeps the index, the card and the operator's work true to it.
    pub(super) fn on_offer(&mut self, at: Now, id: OfferId, change: impl FnOnce(&mut Offer)) {
        let Some(it) = self.offers.get_mut(&id) else { return };
        self.dirty.offer(id, it.card.clone());
        self.index.place_offer(it, false);
        change(it);
        it.turn_card(at);
        self.index.place_offer(it, true);
        let (call, operator) = (it.call, it.operator);
        if !it.fyis.is_empty() {
            let it = it.clone();
            self.turn_fyis(&it);
        }
        self.dirty.call(call);
        if let Some(operator) = operator {
            self.rework(operator, at);
        }
    }

    /// Opens the card of whoever is responsible for a client that a colleague talks with.
    fn owner_informed(&mut self, at: Now, entry: EntryId, id: OfferId, operator: OperatorId) {
        self.next.offer = self.next.offer.max(id.0.saturating_add(1));
        let won = self.entries.get(&entry).and_then(|entry| entry.won_by);
        let Some(won) = won.and_then(|won| self.offers.get_mut(&won)) else { return };
        won.fyis.push(id);
        let opened_at = at.wall;
        let card = card_of(won, opened_at);
        let made = Fyi { id, entry, call: won.call, operator, won: won.id, at: opened_at, card };
        self.fyis.insert(id, made);
        self.dirty.offers.insert(id, None);
    }

    /// Moves the cards about a conversation after it.
    fn turn_fyis(&mut self, won: &Offer) {
        for id in &won.fyis {
            let Some(fyi) = self.fyis.get_mut(id) else { continue };
            self.dirty.offers.entry(*id).or_insert_with(|| Some(fyi.card.clone()));
            fyi.turn(won);
        }
    }

    fn turn_of(&mut self, offer: OfferId, turn: Option<u64>) {
        let Some(it) = self.offers.get(&offer) else { return };
        if let (Some(turn), Some(operator)) = (turn, it.operator) {
            self.turn_moved(self.queue_of(it), operator, turn);
        }
    }

    /// The queue whose member an offer tries.
    pub(super) fn queue_of(&self, offer: &Offer) -> Option<QueueId> {
        let entry = offer.entry.and_then(|entry| self.entries.get(&entry));
        offer.queue.or(entry.map(|entry| entry.queue))
    }

    fn offer_over(&mut self, at: Now, record: &Record) {
        let Record::OfferOver { offer, end, counts, taken_by, back_off_until, turn } = record
        else {
            return;
        };
        let said = self.said_at(*offer, at);
        let call = self.offers.get(offer).and_then(|it| self.calls.get(&it.call));
        let is_callback = call.is_some_and(|call| call.token.is_some());
        self.on_offer(at, *offer, |it| {
            it.state = OfferState::Over(*end);
            it.over_at = Some(said);
            it.counts = *counts;
            it.taken_by.clone_from(taken_by);
            it.ring_until = None;
            it.lease_until = None;
            if *end == OfferEnd::Won {
                it.joined = Some(at.mono);
                if is_callback {
                    it.answered_at = Some(said); // the conversation begins with the client
                }
            }
        });
        self.turn_of(*offer, *turn);
        let Some(it) = self.offers.get(offer).cloned() else { return };
        self.reckon(at, *offer);
        let Some(entry) = it.entry else { return };
        if let (Some(until), Some(operator)) = (*back_off_until, it.operator) {
            self.on_entry(at, entry, |it| {
                it.back_off.insert(operator, until);
            });
        }
        if *end == OfferEnd::Won {
            self.on_entry(at, entry, |it| {
                if let Some(next) = it.state.on(EntryEvent::Bridged(*offer)) {
                    it.state = next;
                    it.done_at = Some(said);
                    it.won_by = Some(*offer);
                    it.confirm_until = None;
                    it.hold = None;
                }
            });
            self.call_connected(it.call);
        } else {
            self.rest_when_tried_out(at, entry);
        }
    }

    fn call_connected(&mut self, call: CallId) {
        if let Some(it) = self.calls.get_mut(&call) {
            it.state = it.state.on(CallEvent::Connected).unwrap_or(it.state);
            self.dirty.call(call);
        }
    }

    fn offer_told(&mut self, at: Now, told: &OfferTold) {
        let known = self.offers.get(&told.offer).cloned();
        let fresh = known.is_none();
        if let Some(known) = &known {
            self.index.place_offer(known, false);
        }
        let mut it =
            known.unwrap_or_else(|| Offer::new(told.offer, told.call, told.name.clone(), at));
        let before = it.operator;
        it.entry = told.entry;
        it.operator = told.operator;
        it.name = told.name.clone();
        it.offered_at = told.offered_at;
        it.ringing_at = told.ringing_at;
        it.answered_at = told.answered_at;
        it.counts = told.counts;
        it.taken_by.clone_from(&told.taken_by);
        it.lease_until = told.lease_until;
        it.over_at = told.over_at;
        it.left_at = None;
        if it.rang.is_none() && told.ringing_at.is_some() {
            it.rang = Some(at.mono);
        }
        it.state = match (told.end, told.answered_at, told.ringing_at) {
            (Some(end), _, _) => OfferState::Over(end),
            (None, Some(_), _) => OfferState::Answered,
            (None, None, Some(_)) => OfferState::Ringing,
            (None, None, None) => OfferState::Dialing,
        };
        if told.end == Some(OfferEnd::Won) {
            it.left_at = told.over_at;
            it.over_at = told.answered_at;
            it.joined.get_or_insert(at.mono);
        }
        let opens = it.is_busy() && fresh && it.operator.is_some();
        self.add_offer(at, it);
        if let Some(before) = before.filter(|before| Some(*before) != told.operator) {
            self.rework(before, at);
        }
        if opens && let Some(call) = self.calls.get_mut(&told.call) {
            call.stages.entry(StageName::Pop).or_insert(at.wall);
        }
        self.reckon(at, told.offer);
        self.credit_talk(at, told.offer);
    }

    /// Counts a win or a miss for the person: once for ever, whatever comes late or twice.
    fn reckon(&mut self, at: Now, id: OfferId) {
        let Some(it) = self.offers.get_mut(&id) else { return };
        let (Some(operator), Some(end)) = (it.operator, it.state.end()) else { return };
        let first = !it.counted;
        it.counted = it.counted || it.counts || end == OfferEnd::Won;
        let counts = it.counts;
        let Some(person) = self.operators.get_mut(&operator) else { return };
        match end {
            OfferEnd::Won if first => {
                person.misses = 0;
                person.unreached = 0;
                person.tally.won(at.mono);
            }
            OfferEnd::NoAnswer | OfferEnd::Rejected if counts && first => {
                person.misses = person.misses.saturating_add(1);
                person.unreached = 0;
                person.tally.restart_idle(at.mono);
            }
            OfferEnd::Unreachable | OfferEnd::Expired => {
                person.unreached = person.unreached.saturating_add(1);
            }
            OfferEnd::Won
            | OfferEnd::NoAnswer
            | OfferEnd::Rejected
            | OfferEnd::Lost
            | OfferEnd::Busy
            | OfferEnd::Failed
            | OfferEnd::CallerGone
            | OfferEnd::Withdrawn(_)
            | OfferEnd::DroppedBeforeBridge => {}
        }
        self.dirty.operator(operator);
    }

    /// Counts a finished conversation for the person, once.
    fn credit_talk(&mut self, at: Now, id: OfferId) {
        let Some(it) = self.offers.get_mut(&id) else { return };
        let (Some(operator), Some(left)) = (it.operator, it.left_at) else { return };
        if it.credited {
            return;
        }
        it.credited = true;
        let length = it.answered_at.map_or(Period::ZERO, |from| left.since(from));
        let entry = it.entry.and_then(|entry| self.entries.get(&entry));
        if let Some(queue) = entry.and_then(|entry| self.queues.get_mut(&entry.queue)) {
            queue.talks.add(length);
        }
        self.person_talked(at, operator, length);
    }

    fn person_talked(&mut self, at: Now, operator: OperatorId, length: Period) {
        let Some(person) = self.operators.get_mut(&operator) else { return };
        person.tally.talked(length);
        person.tally.restart_idle(at.mono);
        self.dirty.operator(operator);
    }
}

impl Offer {
    /// An attempt that has just been made.
    pub(super) fn new(id: OfferId, call: CallId, name: crate::model::Name, at: Now) -> Offer {
        Offer {
            id,
            call,
            entry: None,
            operator: None,
            name,
            leg: None,
            queue: None,
            state: OfferState::Dialing,
            round: 0,
            made: at.mono,
            offered_at: at.wall,
            rang: None,
            ringing_at: None,
            answered_at: None,
            joined: None,
            over_at: None,
            left_at: None,
            ring_until: None,
            lease_until: None,
            counts: false,
            counted: false,
            credited: false,
            wrapped: false,
            taken_by: None,
            card: None,
            fyis: Vec::new(),
        }
    }
}
