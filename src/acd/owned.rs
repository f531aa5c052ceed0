//! Calls that we own: what happens to legs, and every way into and out of an offer.

use super::engine::Engine;
use super::io::{Arrival, Effect, LegEvent, LegReason, Refused};
use super::leg::LegState;
use super::offer::{Offer, OfferChange, OfferEvent, OfferState};
use super::settings::QueueSettings;
use super::strategy::TurnMoves;
use crate::model::{
    Authority, CallId, EndedBy, EntryId, LegId, LegMove, Name, Now, OfferEnd, OfferId, Outcome,
    Party, Period, QueueId, Record, WithdrawnBecause,
};

/// How long the edge may take to join the parties after an answer. Shorter drops calls on a slow
/// line, longer keeps a caller in silence.
const BRIDGE_MAX: Period = Period::secs(10);

impl Engine {
    /// A call of ours reached the door.
    pub(super) fn arrived(&mut self, arrival: Arrival) {
        if self.state.legs.contains_key(&arrival.leg) {
            return; // a leg arrives once
        }
        let call = self.new_call_id();
        let account_name = arrival.account.clone();
        let account = self.roster.account(&arrival.account);
        let provider = account.map_or_else(|| String::from("sip"), |account| account.kind.clone());
        self.emit(Record::CallArrived {
            call,
            key: format!("sip/{call}"),
            account: arrival.account,
            provider,
            authority: Authority::Owned,
            client: Some(arrival.client),
            line: arrival.line.map(Party::Number),
            leg: Some(arrival.leg),
            started_at: self.now.wall,
            provider_at: None,
            stale_at: None,
        });
        self.emit(Record::LegMade { leg: arrival.leg, call, offer: None, number: None });
        let home = || self.roster.account(&account_name)?.queue.clone();
        match arrival.queue.or_else(home) {
            Some(queue) => self.enqueue(call, &queue, self.now),
            None => self.end_call(call, LegReason::Over),
        }
    }

    /// Puts a caller into a queue, unless the queue is closed, full or not there.
    pub(super) fn enqueue(&mut self, call: CallId, queue: &Name, first: Now) {
        let known = self.state.index.queues.get(queue).copied();
        let Some((id, rules)) = known.zip(self.roster.queue(queue).cloned()) else {
            self.end_call(call, LegReason::Over);
            return;
        };
        let entry = EntryId(self.state.next.entry);
        let refused = self.refused(id, &rules);
        let config = self.version();
        self.emit(Record::EntryQueued { entry, call, queue: id, config, first });
        match refused {
            Some(outcome) => self.give_up(entry, outcome),
            None => {
                self.wanted.insert(entry);
            }
        }
    }

    /// Why a queue takes nobody in at this moment.
    fn refused(&self, id: QueueId, rules: &QueueSettings) -> Option<Outcome> {
        let waiting = self.state.index.waiting.get(&id).map_or(0, std::collections::BTreeSet::len);
        if !self.is_open(rules) {
            return Some(Outcome::Closed);
        }
        (waiting >= usize::from(rules.callers_max)).then_some(Outcome::Full)
    }

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
            LegEvent::Ended(_) if talking => self.operator_gone(offer),
            LegEvent::Ended(by) => self.move_offer(offer, OfferEvent::LegEnded(end_of(by))),
        }
    }

    /// A caller's leg, or the leg to an outside number.
    fn other_leg(&mut self, call: CallId, leg: LegId, event: LegEvent) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let caller = it.leg.filter(|caller| *caller != leg);
        if !it.is_open() {
            if caller.is_some() && event == LegEvent::Answered {
                self.act(Effect::HangUp { leg, because: LegReason::CallerGone });
            }
            return; // the answer of an outside number may cross our cancel
        }
        match (caller, event) {
            (None, LegEvent::Ended(_)) => self.caller_gone(call),
            (Some(caller), LegEvent::Answered) => {
                self.answer_caller(caller);
                self.act(Effect::Bridge { caller, operator: leg });
            }
            (Some(_), LegEvent::Ended(_)) => self.end_call(call, LegReason::Over),
            (Some(caller), LegEvent::Ringing) => self.act(Effect::RingCaller { leg: caller }),
            (None, LegEvent::Ringing | LegEvent::Answered | LegEvent::Bridged)
            | (Some(_), LegEvent::Bridged)
            | (_, LegEvent::Held | LegEvent::Resumed) => {}
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
        let caller = self.state.calls.get(&offer.call).and_then(|call| call.leg);
        if let Some(leg) = caller.filter(|_| first) {
            self.act(Effect::RingCaller { leg });
        }
    }

    /// The turn that an operator gets when it is used up at this moment.
    pub(super) fn turn_for(&mut self, offer: &Offer, moment: TurnMoves) -> Option<u64> {
        let entry = self.state.entries.get(&offer.entry?)?;
        let queue = entry.queue;
        if self.rules(queue)?.strategy.turn_moves() != moment {
            return None;
        }
        self.benches.get_mut(&queue)?.move_turn(offer.operator?)
    }

    /// An operator picked up: the first one claims the caller, others are kept as standby.
    fn claims(&mut self, offer: &Offer) {
        let lease_until = self.now.mono + BRIDGE_MAX;
        self.emit(Record::OfferAnswered { offer: offer.id, lease_until });
        let Some(entry) = offer.entry else { return };
        self.claim(entry, offer.id);
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
        let caller = self.state.calls.get(&offer.call).and_then(|call| call.leg);
        if let (Some(caller), Some(operator)) = (caller, offer.leg) {
            self.answer_caller(caller);
            self.act(Effect::Bridge { caller, operator });
        }
        if confirm == Period::ZERO {
            self.release_others(entry);
        }
    }

    fn answer_caller(&mut self, caller: LegId) {
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
        if !claimed {
            return; // joined without our asking: the edge is told again when we do
        }
        let turn = self.turn_for(offer, TurnMoves::AtWon);
        self.emit(Record::OfferOver {
            offer: offer.id,
            end: OfferEnd::Won,
            counts: false,
            taken_by: None,
            back_off_until: None,
            turn,
        });
        let answered_at = offer.answered_at.unwrap_or(self.now.wall);
        self.emit(Record::Conversed { call: offer.call, operator: offer.operator, answered_at });
        if let Some(entry) = offer.entry {
            self.release_others(entry);
        }
        self.made_good(offer.call);
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
        let rang = offer.rang.map(|rang| self.now.mono.since(rang));
        let counts = end == OfferEnd::NoAnswer && rang.is_some_and(|rang| rang >= ring_min);
        // Where nobody tells of ringing, a full ring time costs the turn all the same.
        let silent = end == OfferEnd::NoAnswer && offer.rang.is_none();
        let turn = if silent { self.turn_for(offer, TurnMoves::AtRinging) } else { None };
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
        let Some(entry) = offer.entry else { return };
        if claimed {
            self.undo_claim(entry);
        }
        self.wanted.insert(entry);
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
    fn drop_leg(&mut self, leg: Option<LegId>, because: LegReason) {
        let Some(leg) = leg.and_then(|leg| self.state.legs.get(&leg)) else { return };
        let (id, state) = (leg.id, leg.state);
        match state {
            LegState::Dialing | LegState::Ringing => self.act(Effect::Cancel { leg: id, because }),
            LegState::Answered | LegState::Bridged | LegState::Held => {
                self.act(Effect::HangUp { leg: id, because });
            }
            LegState::Ended(_) => {}
        }
    }

    /// Lets go of a caller: hangs up, or tells one who was not answered why not.
    fn turn_away(&mut self, caller: Option<LegId>, outcome: Option<Outcome>) {
        let Some(leg) = caller.and_then(|leg| self.state.legs.get(&leg)) else { return };
        let id = leg.id;
        match leg.state {
            LegState::Dialing | LegState::Ringing => {
                let because = outcome.map_or(Refused::UnknownNumber, refused_for);
                self.act(Effect::Refuse { leg: id, because });
            }
            LegState::Answered | LegState::Bridged | LegState::Held | LegState::Ended(_) => {
                self.drop_leg(caller, LegReason::Over);
            }
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

    /// The caller hung up: everything of the call ends in this input.
    fn caller_gone(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let entry = it.entries.last().copied();
        if let Some(entry) = entry.and_then(|entry| self.state.entries.get(&entry)) {
            let (id, waiting) = (entry.id, entry.state.is_waiting());
            let waited = entry.waited(self.now);
            let short = self.rules_of(id).map_or(Period::ZERO, |it| it.service_level.short);
            // The wait ends first, so that no standby can get a caller who is gone.
            let live = self.state.live_offers(id);
            if waiting {
                let outcome =
                    if waited <= short { Outcome::AbandonedShort } else { Outcome::Abandoned };
                self.emit(Record::EntryDone { entry: id, outcome });
            }
            for offer in live {
                self.move_offer(offer, OfferEvent::CallerGone);
            }
        }
        self.end_call(call, LegReason::CallerGone);
    }

    /// The operator in conversation hung up.
    fn operator_gone(&mut self, offer: OfferId) {
        let Some(call) = self.state.offers.get(&offer).map(|offer| offer.call) else { return };
        self.end_call(call, LegReason::Over);
    }

    /// A wait ends without an operator; the caller is let go of.
    pub(super) fn give_up(&mut self, entry: EntryId, outcome: Outcome) {
        let Some(call) = self.state.entries.get(&entry).map(|entry| entry.call) else { return };
        self.leave_queue(entry, outcome);
        self.end_call(call, LegReason::Over);
    }

    /// A wait ends; the call goes on elsewhere.
    pub(super) fn leave_queue(&mut self, entry: EntryId, outcome: Outcome) {
        let live = self.state.live_offers(entry);
        self.emit(Record::EntryDone { entry, outcome });
        for offer in live {
            self.withdraw(offer, WithdrawnBecause::MovedOn);
        }
    }

    /// Ends a call of ours with everything that belongs to it.
    pub(super) fn end_call(&mut self, call: CallId, because: LegReason) {
        let Some(it) = self.state.calls.get(&call).filter(|call| call.is_open()) else { return };
        let (caller, outside) = (it.leg, it.outside);
        let offers = it.offers.clone();
        let last = it.entries.last().and_then(|entry| self.state.entries.get(entry));
        if let Some(entry) = last.filter(|entry| !entry.state.is_done()) {
            let outcome = entry.state.outcome().unwrap_or(Outcome::Failed);
            self.emit(Record::EntryDone { entry: entry.id, outcome });
        }
        for offer in offers {
            let Some(it) = self.state.offers.get(&offer) else { continue };
            let (talking, leg) = (it.is_talking(), it.leg);
            if it.state.is_live() {
                self.move_offer(offer, OfferEvent::CallerGone);
            } else if talking {
                self.emit(Record::TalkEnded { offer });
                self.drop_leg(leg, LegReason::Over);
            }
        }
        let last_outcome = self.state.last_outcome(call);
        self.drop_leg(outside, because);
        self.turn_away(caller, last_outcome);
        self.emit(Record::CallEnded { call });
        self.wrap_up_after(call);
        self.settle(call);
    }

    /// The process started again: legs of ours that the edge does not know are gone.
    pub(super) fn restarted(&mut self, kept: &[LegId]) {
        let owned: Vec<CallId> = self
            .state
            .index
            .open
            .iter()
            .copied()
            .filter(|id| {
                self.state.calls.get(id).is_some_and(|it| it.authority == Authority::Owned)
            })
            .collect();
        self.doubt_telephones();
        for call in owned {
            let lost = |leg: &&super::leg::Leg| {
                leg.call == call && leg.id.0 < self.legs_from && !kept.contains(&leg.id)
            };
            let legs: Vec<LegId> =
                self.state.legs.values().filter(lost).map(|leg| leg.id).collect();
            for leg in legs {
                self.emit(Record::LegMoved { leg, to: LegMove::Ended(EndedBy::Restart) });
            }
            self.end_call(call, LegReason::Over);
        }
    }
}

/// What a caller who was not answered is told.
const fn refused_for(outcome: Outcome) -> Refused {
    match outcome {
        Outcome::Closed => Refused::Closed,
        Outcome::Full => Refused::Full,
        Outcome::Blocked => Refused::Blocked,
        Outcome::NoOperators => Refused::NoOperators,
        Outcome::TimedOut => Refused::TimedOut,
        Outcome::Failed => Refused::Failed,
        Outcome::Answered
        | Outcome::AbandonedShort
        | Outcome::Abandoned
        | Outcome::CallbackTaken
        | Outcome::ExitedByKey
        | Outcome::Overflowed
        | Outcome::Withdrawn => Refused::Over,
    }
}

/// What the end of a leg that was not answered says of its offer.
const fn end_of(by: EndedBy) -> OfferEnd {
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
