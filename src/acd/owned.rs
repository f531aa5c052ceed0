//! Calls that we own: what happens to legs, and every way into and out of an offer.

use super::engine::Engine;
use super::io::{Effect, LegEvent, LegReason};
use super::leg::LegState;
use super::offer::{Offer, OfferChange, OfferEvent, OfferState};
use super::strategy::TurnMoves;
use crate::model::{
    CallId, Disposition, EndedBy, EntryId, LegId, LegMove, Mono, Name, OfferEnd, OfferId, Period,
    Record, Wall, WithdrawnBecause,
};
use crate::plan::Exit;

/// How long the edge may take to join the parties after an answer. Shorter drops calls on a slow
/// line, longer keeps a caller in silence.
pub(super) const BRIDGE_MAX: Period = Period::secs(10);

impl Engine {
    /// Something happened to a leg; an unknown leg has no effect.
    pub(super) fn leg_event(&mut self, id: LegId, event: LegEvent) {
        let Some(leg) = self.state.legs.get(&id).cloned() else { return };
        let to = match event {
            LegEvent::Ringing => LegMove::Ringing,
            LegEvent::Answered => LegMove::Answered,
            LegEvent::Bridged => LegMove::Bridged,
            LegEvent::Held => LegMove::Held,
            LegEvent::Resumed => LegMove::Resumed,
            LegEvent::Ended(by) => LegMove::Ended(by),
        };
        if leg.state.on(to).is_none() {
            return; // history
        }
        self.emit(Record::LegMoved { leg: id, to });
        match leg.offer {
            Some(offer) => self.operator_leg(offer, event),
            None => self.other_leg(leg.call, id, event),
        }
    }

    fn operator_leg(&mut self, offer: OfferId, event: LegEvent) {
        let Some(it) = self.state.offers.get(&offer) else { return };
        let talking = it.is_talking();
        match event {
            LegEvent::Ringing => self.move_offer(offer, OfferEvent::Ringing),
            LegEvent::Answered => self.move_offer(offer, OfferEvent::Answered),
            LegEvent::Bridged => self.move_offer(offer, OfferEvent::Bridged),
            LegEvent::Held | LegEvent::Resumed => {}
            LegEvent::Ended(_) if talking => self.talker_gone(offer),
            LegEvent::Ended(by) => self.move_offer(offer, OfferEvent::LegEnded(end_of(by))),
        }
    }

    /// A leg without an offer: the first of a call, a number outside, a telephone that placed it.
    fn other_leg(&mut self, id: CallId, leg: LegId, event: LegEvent) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let is_first = call.leg == Some(leg);
        if !call.is_open() {
            if !is_first && event == LegEvent::Answered {
                self.act(Effect::HangUp { leg, because: LegReason::CallerGone });
            }
            return; // the answer of an outside number may cross our cancel
        }
        if self.is_callback_leg(id, leg) {
            self.client_leg(id, leg, event);
            return;
        }
        if call.course.past.contains(&leg) {
            if event == LegEvent::Answered {
                self.act(Effect::HangUp { leg, because: LegReason::AnsweredElsewhere });
            }
            return;
        }
        let passing = call.course.passing;
        if passing.is_some_and(|passing| passing.by == Some(leg)) {
            if let LegEvent::Ended(_) = event {
                self.placer_leaves(id); // whoever passes a client on may leave at once
            }
            return;
        }
        let passed = call.course.passing.is_some_and(|passing| passing.to == leg);
        if is_first {
            self.first_leg(id, leg, event);
        } else if passed {
            self.passed_leg(id, leg, event);
        } else {
            self.outside_leg(id, leg, event);
        }
    }

    fn first_leg(&mut self, id: CallId, leg: LegId, event: LegEvent) {
        match event {
            LegEvent::Ended(_) if self.waits_called_back(id) => {
                self.callback_over(id, Disposition::Cancelled); // rung first, and gone again
            }
            LegEvent::Ended(_) => self.caller_gone(id),
            LegEvent::Answered => self.placer_answered(id, leg),
            LegEvent::Ringing | LegEvent::Bridged | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    /// Whether the client of a callback is on the line and nobody has talked with them.
    fn waits_called_back(&self, id: CallId) -> bool {
        let call = self.state.calls.get(&id);
        call.is_some_and(|call| call.token.is_some() && call.conversed_at.is_none())
    }

    /// A number outside that a plan, overflow or an operator dialled.
    fn outside_leg(&mut self, id: CallId, leg: LegId, event: LegEvent) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let Some(first) = call.leg else { return };
        let chosen = call.course.other.filter(|other| self.lives(*other));
        match event {
            LegEvent::Ringing => self.ring_caller(id),
            LegEvent::Answered if chosen.is_none() => {
                let due_at = self.now.mono + BRIDGE_MAX;
                let others = call.course.legs.clone();
                self.emit(Record::LegChosen { call: id, leg, due_at });
                for other in others.into_iter().filter(|other| *other != leg) {
                    self.drop_leg(Some(other), LegReason::AnsweredElsewhere);
                }
                self.answer_caller(first);
                self.act(Effect::Bridge { caller: first, operator: leg });
            }
            LegEvent::Answered => self.drop_leg(Some(leg), LegReason::AnsweredElsewhere),
            LegEvent::Bridged if chosen == Some(leg) => self.outside_joined(id, first, leg),
            LegEvent::Ended(_) if call.course.joined && call.course.other == Some(leg) => {
                self.end_call(id, LegReason::Over);
            }
            LegEvent::Ended(by) => self.outside_gone(id, by),
            LegEvent::Bridged | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    fn outside_joined(&mut self, call: CallId, first: LegId, second: LegId) {
        let placer = self.state.calls.get(&call).and_then(|call| call.course.placed_by);
        let talker = if placer.is_some() { first } else { second };
        let answered_at = self.state.said_in(call, self.now);
        self.emit(Record::PartiesJoined {
            call,
            first,
            second,
            talker,
            operator: placer,
            from: answered_at,
        });
        self.emit(Record::Conversed { call, operator: placer, answered_at });
        self.made_good(call);
    }

    /// A number outside is not to be had; when it was the last, the call goes on without.
    fn outside_gone(&mut self, id: CallId, by: EndedBy) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let others = call.course.legs.iter().chain(&call.course.other);
        let waits = call.entries.last().and_then(|entry| self.state.entries.get(entry));
        let busy = call.course.joined
            || call.course.passing.is_some()
            || waits.is_some_and(|entry| entry.state.is_waiting())
            || others.into_iter().any(|leg| self.lives(*leg));
        if busy {
            return; // the end of a leg that the call has left behind
        }
        if call.course.placed_by.is_some() {
            self.client_not_had(id, by);
        } else if !self.step_on(id, Exit::Timeout, None) {
            self.end_call(id, LegReason::Over);
        }
    }

    /// Whether a leg has not ended.
    pub(super) fn lives(&self, leg: LegId) -> bool {
        let leg = self.state.legs.get(&leg);
        leg.is_some_and(|leg| !matches!(leg.state, LegState::Ended(_)))
    }

    /// Tells a caller who was not answered that it rings.
    fn ring_caller(&mut self, call: CallId) {
        let first = self.state.calls.get(&call).and_then(|call| call.leg);
        let Some(leg) = first.and_then(|leg| self.state.legs.get(&leg)) else { return };
        if matches!(leg.state, LegState::Dialing | LegState::Ringing) {
            let leg = leg.id;
            self.act(Effect::RingCaller { leg });
        }
    }

    /// Moves an offer by its table and does what the move means.
    pub(super) fn move_offer(&mut self, id: OfferId, event: OfferEvent) {
        let Some(offer) = self.state.offers.get(&id).cloned() else { return };
        let Some((_, change)) = offer.state.on(event) else { return };
        match change {
            OfferChange::Rings => self.rings(&offer),
            OfferChange::Claims => self.claims(&offer),
            OfferChange::HangUpLate => self.hang_up_late(&offer),
            OfferChange::Ends(OfferEnd::Won) => self.wins(&offer),
            OfferChange::Ends(end) => self.ends(&offer, end),
        }
    }

    fn rings(&mut self, offer: &Offer) {
        let turn = self.turn_for(offer, TurnMoves::AtRinging);
        let first = self.state.calls.get(&offer.call).is_some_and(|call| {
            let others = call.offers.iter().filter_map(|id| self.state.offers.get(id));
            others.into_iter().all(|other| other.ringing_at.is_none())
        });
        self.emit(Record::OfferRinging { offer: offer.id, turn });
        if first {
            self.ring_caller(offer.call);
        }
        self.tell_passing(offer.call, offer.leg);
    }

    /// The turn that an operator gets when it is used up at this moment.
    pub(super) fn turn_for(&mut self, offer: &Offer, moment: TurnMoves) -> Option<u64> {
        let queue = self.state.queue_of(offer)?;
        if self.rules(queue)?.ordering().turn_moves() != moment {
            return None;
        }
        self.benches.get_mut(&queue)?.move_turn(offer.operator?)
    }

    /// An operator picked up: the first one claims the caller, others are kept as standby.
    fn claims(&mut self, offer: &Offer) {
        let joins_within = self.client_ring_max(offer.call).unwrap_or(BRIDGE_MAX);
        let lease_until = self.now.mono + joins_within;
        self.emit(Record::OfferAnswered { offer: offer.id, lease_until });
        match offer.entry {
            Some(entry) => self.claim(entry, offer.id),
            None => self.direct_answered(offer, lease_until),
        }
    }

    /// Gives a caller to an answered offer, if nobody has them.
    fn claim(&mut self, entry: EntryId, offer: OfferId) {
        let Some(it) = self.state.entries.get(&entry) else { return };
        let event = super::entry::EntryEvent::Claimed(offer);
        if it.state.on(event).is_none() {
            return; // held as standby until the parties are joined
        }
        let confirm = self.rules_of(entry).map_or(Period::ZERO, |rules| rules.confirm);
        let confirm_until = self.now.mono + confirm;
        self.emit(Record::ClaimMade { entry, offer, confirm_until });
        let Some(offer) = self.state.offers.get(&offer) else { return };
        let (call, operator) = (offer.call, offer.leg);
        let caller = self.state.calls.get(&call).and_then(|call| call.leg);
        if let (Some(caller), Some(operator)) = (caller, operator) {
            self.answer_caller(caller);
            self.act(Effect::Bridge { caller, operator });
        } else {
            self.call_client_back(call);
        }
        if confirm == Period::ZERO {
            self.release_others(entry);
        }
    }

    /// An operator who was rung outside a queue picked up.
    fn direct_answered(&mut self, offer: &Offer, due_at: Mono) {
        let Some(call) = self.state.calls.get(&offer.call) else { return };
        let (Some(caller), Some(leg)) = (call.leg, offer.leg) else { return };
        if call.course.passing.is_none() {
            self.emit(Record::LegChosen { call: offer.call, leg, due_at });
            self.answer_caller(caller);
        }
        self.act(Effect::Bridge { caller, operator: leg });
    }

    pub(super) fn answer_caller(&mut self, caller: LegId) {
        if self.state.legs.get(&caller).is_some_and(|leg| leg.state.on(LegMove::Answered).is_some())
        {
            // From here on the leg counts as picked up: the caller is answered once.
            self.emit(Record::LegMoved { leg: caller, to: LegMove::Answered });
            self.act(Effect::AnswerCaller { leg: caller });
        }
    }

    /// The parties are joined: only here the others have lost.
    fn wins(&mut self, offer: &Offer) {
        let claimed = offer.entry.and_then(|entry| self.state.entries.get(&entry)).is_some_and(
            |entry| matches!(entry.state, super::entry::EntryState::Claimed(id) if id == offer.id),
        );
        if !claimed && !self.is_direct(offer) {
            return; // joined without our asking: the edge is told again when we do
        }
        // Where nobody told of ringing, the answer says that it rang.
        let turn = match offer.rang {
            Some(_) => self.turn_for(offer, TurnMoves::AtWon),
            None => {
                let unrung = self.turn_for(offer, TurnMoves::AtRinging);
                unrung.or_else(|| self.turn_for(offer, TurnMoves::AtWon))
            }
        };
        let owner = self.responsible_for(offer.entry);
        self.emit(Record::OfferOver {
            offer: offer.id,
            end: OfferEnd::Won,
            counts: false,
            taken_by: None,
            back_off_until: None,
            turn,
        });
        let won = self.state.offers.get(&offer.id).and_then(|offer| offer.answered_at);
        let answered_at = won.unwrap_or(self.now.wall);
        self.join_offer(offer, answered_at);
        self.emit(Record::Conversed { call: offer.call, operator: offer.operator, answered_at });
        self.inform(offer.entry, owner);
        if let Some(entry) = offer.entry {
            self.release_others(entry);
        }
        self.made_good(offer.call);
    }

    /// Whether an offer outside queues is the one that its call waits for.
    fn is_direct(&self, offer: &Offer) -> bool {
        let call = self.state.calls.get(&offer.call).filter(|_| offer.entry.is_none());
        call.is_some_and(|call| {
            let passing = call.course.passing.map(|passing| passing.to);
            offer.leg.is_some() && passing.or(call.course.other) == offer.leg
        })
    }

    /// The conversation of an offer begins; whoever passed the party on is let go of.
    fn join_offer(&mut self, offer: &Offer, from: Wall) {
        let call = offer.call;
        let first = self.state.calls.get(&call).and_then(|call| call.leg);
        let first = first.or_else(|| self.client_leg_of(call));
        let (Some(first), Some(second)) = (first, offer.leg) else { return };
        let passing = self.state.calls.get(&call).and_then(|call| call.course.passing);
        let operator = offer.operator;
        let joined = Record::PartiesJoined { call, first, second, talker: second, operator, from };
        self.emit(joined);
        if let Some(passing) = passing {
            self.passed_on(call, passing);
        }
    }

    /// Lets everybody else of an entry go: somebody has the caller.
    pub(super) fn release_others(&mut self, entry: EntryId) {
        let Some(it) = self.state.entries.get(&entry) else { return };
        let winner = match it.state {
            super::entry::EntryState::Claimed(offer) | super::entry::EntryState::Bridged(offer) => {
                offer
            }
            super::entry::EntryState::Waiting
            | super::entry::EntryState::Offering
            | super::entry::EntryState::Done(_) => return,
        };
        for offer in self.state.live_offers(entry) {
            if offer != winner {
                self.move_offer(offer, OfferEvent::OtherWon);
            }
        }
    }

    fn hang_up_late(&mut self, offer: &Offer) {
        if let Some(leg) = offer.leg {
            self.act(Effect::HangUp { leg, because: reason_of(offer.state) });
        }
    }

    /// An offer is over without a win.
    fn ends(&mut self, offer: &Offer, end: OfferEnd) {
        let entry = offer.entry.and_then(|entry| self.state.entries.get(&entry));
        let claimed = entry.is_some_and(
            |entry| matches!(entry.state, super::entry::EntryState::Claimed(id) if id == offer.id),
        );
        let rules = offer.entry.and_then(|entry| self.rules_of(entry));
        let ring_min = rules.map_or(Period::ZERO, |rules| rules.ring_min);
        let retry = rules.map_or(Period::ZERO, |rules| rules.retry);
        let retry = self.callback_retry(offer.call, retry);
        let rang = offer.rang.map(|rang| self.now.mono.since(rang));
        // A colleague's call is nobody's missed call.
        let refusal_counts = rules.is_some_and(|rules| rules.refusal_is_miss);
        let counts = offer.entry.is_some()
            && match end {
                OfferEnd::NoAnswer => rang.is_some_and(|rang| rang >= ring_min),
                OfferEnd::Rejected => refusal_counts,
                OfferEnd::Won
                | OfferEnd::Lost
                | OfferEnd::Busy
                | OfferEnd::Unreachable
                | OfferEnd::Failed
                | OfferEnd::CallerGone
                | OfferEnd::Withdrawn(_)
                | OfferEnd::Expired
                | OfferEnd::DroppedBeforeBridge => false,
            };
        let turn = match self.rang_silently(offer, end, ring_min) {
            true => self.turn_for(offer, TurnMoves::AtRinging),
            false => None,
        };
        let taken_by = match end {
            OfferEnd::Lost => self.holder(offer.entry),
            OfferEnd::Won
            | OfferEnd::NoAnswer
            | OfferEnd::Rejected
            | OfferEnd::Busy
            | OfferEnd::Unreachable
            | OfferEnd::Failed
            | OfferEnd::CallerGone
            | OfferEnd::Withdrawn(_)
            | OfferEnd::Expired
            | OfferEnd::DroppedBeforeBridge => None,
        };
        let back_off_until = backs_off(end).then(|| self.now.mono + retry);
        self.emit(Record::OfferOver {
            offer: offer.id,
            end,
            counts,
            taken_by,
            back_off_until,
            turn,
        });
        self.drop_leg(offer.leg, reason_of(OfferState::Over(end)));
        self.pause_after_misses(offer.id);
        let Some(entry) = offer.entry else {
            self.direct_over(offer, end);
            return;
        };
        if claimed && self.is_unjoined_callback(offer.call) {
            let lapsed = offer.lease_until.is_some_and(|until| until <= self.now.mono);
            self.callback_dropped(offer.call, lapsed);
        } else if claimed {
            self.undo_claim(entry);
        }
        self.wanted.insert(entry);
    }

    /// Whether a telephone of which no ringing was told rang all the same, as far as its turn is
    /// concerned: it was picked up, or dialled for as long as makes a ring a miss.
    fn rang_silently(&self, offer: &Offer, end: OfferEnd, ring_min: Period) -> bool {
        let dialled = self.now.mono.since(offer.made);
        let is_there = match end {
            OfferEnd::Unreachable | OfferEnd::Failed | OfferEnd::Expired => false,
            OfferEnd::Won
            | OfferEnd::Lost
            | OfferEnd::NoAnswer
            | OfferEnd::Rejected
            | OfferEnd::Busy
            | OfferEnd::CallerGone
            | OfferEnd::Withdrawn(_)
            | OfferEnd::DroppedBeforeBridge => true,
        };
        let rang = end == OfferEnd::NoAnswer || offer.answered_at.is_some() || dialled >= ring_min;
        offer.rang.is_none() && is_there && rang
    }

    /// The winner went before the parties were joined: whoever is on standby gets the caller.
    fn undo_claim(&mut self, entry: EntryId) {
        self.emit(Record::ClaimUndone { entry });
        let standby = self.state.live_offers(entry).into_iter().find(|offer| {
            self.state.offers.get(offer).is_some_and(|it| it.state == OfferState::Answered)
        });
        if let Some(offer) = standby {
            self.claim(entry, offer);
        }
    }

    /// Who has the caller of an entry.
    fn holder(&self, entry: Option<EntryId>) -> Option<Name> {
        let entry = self.state.entries.get(&entry?)?;
        let offer = match entry.state {
            super::entry::EntryState::Claimed(offer) | super::entry::EntryState::Bridged(offer) => {
                offer
            }
            super::entry::EntryState::Waiting
            | super::entry::EntryState::Offering
            | super::entry::EntryState::Done(_) => return None,
        };
        self.state.offers.get(&offer).map(|offer| offer.name.clone())
    }

    /// Cancels a leg that was not answered, hangs one up that was.
    pub(super) fn drop_leg(&mut self, leg: Option<LegId>, because: LegReason) {
        let Some(leg) = leg.and_then(|leg| self.state.legs.get(&leg)) else { return };
        let (id, call, state) = (leg.id, leg.call, leg.state);
        let course = self.state.calls.get(&call).map(|call| &call.course);
        if course.is_some_and(|course| course.legs.contains(&id)) {
            self.emit(Record::LegDropped { call, leg: id });
        }
        match state {
            LegState::Dialing | LegState::Ringing => self.act(Effect::Cancel { leg: id, because }),
            LegState::Answered | LegState::Bridged | LegState::Held => {
                self.act(Effect::HangUp { leg: id, because });
            }
            LegState::Ended(_) => {}
        }
    }

    /// Takes an offer back.
    pub(super) fn withdraw(&mut self, offer: OfferId, why: WithdrawnBecause) {
        let Some(it) = self.state.offers.get(&offer) else { return };
        let told = self.state.calls.get(&it.call).is_some_and(super::call::Call::is_told);
        if told && it.ringing_at.is_some() {
            return; // the provider's telephone rings on, whatever we think of it
        }
        self.move_offer(offer, OfferEvent::Withdrawn(why));
    }

    /// The operator refuses an offer that rings.
    pub(super) fn refuse(&mut self, offer: OfferId) {
        self.move_offer(offer, OfferEvent::LegEnded(OfferEnd::Rejected));
    }

    /// The ring time or the lease of an offer ended.
    pub(super) fn offer_due(&mut self, id: OfferId) {
        let now = self.now.mono;
        let Some(offer) = self.state.offers.get(&id) else { return };
        if offer.ring_until.is_some_and(|until| until <= now) {
            self.move_offer(id, OfferEvent::RingExpired);
        } else if offer.lease_until.is_some_and(|until| until <= now) {
            self.move_offer(id, OfferEvent::LeaseExpired);
        }
    }
}

/// What the end of a leg that was not answered says of its offer.
pub(super) const fn end_of(by: EndedBy) -> OfferEnd {
    match by {
        EndedBy::Busy => OfferEnd::Busy,
        EndedBy::Rejected | EndedBy::Party => OfferEnd::Rejected,
        EndedBy::Unreachable => OfferEnd::Unreachable,
        EndedBy::Failed | EndedBy::Us | EndedBy::Restart => OfferEnd::Failed,
        EndedBy::Stale => OfferEnd::Expired,
    }
}

/// Whether a caller leaves an operator alone for a while after this end.
const fn backs_off(end: OfferEnd) -> bool {
    match end {
        OfferEnd::NoAnswer
        | OfferEnd::Rejected
        | OfferEnd::Busy
        | OfferEnd::Unreachable
        | OfferEnd::Failed
        | OfferEnd::Withdrawn(_)
        | OfferEnd::Expired
        | OfferEnd::DroppedBeforeBridge => true,
        OfferEnd::Won | OfferEnd::Lost | OfferEnd::CallerGone => false,
    }
}

/// What the other side is told about the end of a leg.
const fn reason_of(state: OfferState) -> LegReason {
    match state {
        OfferState::Over(OfferEnd::Lost) => LegReason::AnsweredElsewhere,
        OfferState::Over(OfferEnd::CallerGone) => LegReason::CallerGone,
        OfferState::Over(OfferEnd::NoAnswer) => LegReason::NoAnswer,
        OfferState::Over(OfferEnd::Won) => LegReason::Over,
        OfferState::Over(
            OfferEnd::Rejected
            | OfferEnd::Busy
            | OfferEnd::Unreachable
            | OfferEnd::Failed
            | OfferEnd::Withdrawn(_)
            | OfferEnd::Expired
            | OfferEnd::DroppedBeforeBridge,
        )
        | OfferState::Dialing
        | OfferState::Ringing
        | OfferState::Answered => LegReason::Withdrawn,
    }
}
