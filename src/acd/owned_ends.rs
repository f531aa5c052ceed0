//! How calls that we own end: callers who leave, operators who hang up, waits that nobody
//! served, lost legs, and a restart.

use super::engine::Engine;
use super::io::{Effect, LegReason, Refused};
use super::leg::LegState;
use super::offer::OfferEvent;
use crate::model::{
    Authority, CallId, Direction, Disposition, EndedBy, EntryId, LegId, LegMove, OfferId, Outcome,
    Period, Record, WithdrawnBecause,
};
use crate::plan::Exit;

impl Engine {
    /// The first party hung up: everything of the call ends in this input.
    pub(super) fn caller_gone(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let placed = it.course.placed_by.is_some() && it.conversed_at.is_none();
        let entry = it.entries.last().copied();
        if placed && it.course.disposition.is_none() {
            let disposition = Some(Disposition::Cancelled);
            self.emit(Record::CallJudged { call, outcome: None, disposition });
        }
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
        self.book_unqueued(call, Outcome::Abandoned);
        self.end_call(call, LegReason::CallerGone);
    }

    /// An operator in conversation hung up: the call is over, unless they are passing it on.
    pub(super) fn talker_gone(&mut self, offer: OfferId) {
        let Some(it) = self.state.offers.get(&offer) else { return };
        let (call, leg) = (it.call, it.leg);
        let passing = self.state.calls.get(&call).and_then(|call| call.course.passing);
        if passing.is_some_and(|passing| passing.by == leg) {
            self.emit(Record::TalkEnded { offer });
            self.wrap_up_after(call);
        } else {
            self.end_call(call, LegReason::Over);
        }
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
        let (caller, outside) = (it.leg, it.course.legs.clone());
        let offers = it.offers.clone();
        let last = it.entries.last().and_then(|entry| self.state.entries.get(entry));
        if let Some(entry) = last.filter(|entry| !entry.state.is_done()) {
            let outcome = entry.state.outcome().unwrap_or(Outcome::Failed);
            self.emit(Record::EntryDone { entry: entry.id, outcome });
        }
        self.book_unqueued(call, Outcome::Failed);
        self.stop_talks(call);
        for offer in offers {
            let Some(it) = self.state.offers.get(&offer) else { continue };
            let (talking, leg) = (it.is_talking(), it.leg);
            if it.state.is_live() {
                self.move_offer(offer, OfferEvent::CallerGone);
            } else if talking {
                self.emit(Record::TalkEnded { offer });
                if leg != caller {
                    self.drop_leg(leg, LegReason::Over); // a colleague who is passed on is both
                }
            }
        }
        for leg in outside {
            self.let_go(leg, call, because);
        }
        if let Some(caller) = caller {
            self.let_go(caller, call, LegReason::Over);
        }
        self.emit(Record::CallEnded { call });
        let placed_out = self.state.calls.get(&call).is_some_and(|it| {
            it.course.placed_by.is_some() && it.direction == Some(Direction::Out)
        });
        if placed_out {
            self.note_attempt(call);
        }
        self.placer_leaves(call);
        self.wrap_up_after(call);
        self.settle(call);
    }

    /// Every stretch of conversation of a call ends.
    pub(super) fn stop_talks(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let open = it.course.talks.iter().filter(|talk| talk.to.is_none());
        for leg in open.map(|talk| talk.leg).collect::<Vec<_>>() {
            self.emit(Record::TalkStopped { call, leg });
        }
    }

    /// Lets go of a leg: hangs up, cancels, or tells a caller who was not answered why not.
    pub(super) fn let_go(&mut self, id: LegId, call: CallId, because: LegReason) {
        let Some(leg) = self.state.legs.get(&id) else { return };
        let is_theirs = id.0 < self.state.next.edge_leg;
        match leg.state {
            LegState::Dialing | LegState::Ringing if is_theirs => {
                let because = self.refusal_of(call);
                self.act(Effect::Refuse { leg: id, because });
            }
            LegState::Dialing
            | LegState::Ringing
            | LegState::Answered
            | LegState::Bridged
            | LegState::Held
            | LegState::Ended(_) => self.drop_leg(Some(id), because),
        }
    }

    /// What a caller who was not answered is told.
    fn refusal_of(&self, call: CallId) -> Refused {
        let Some(it) = self.state.calls.get(&call) else { return Refused::Failed };
        match (it.course.disposition, self.state.last_outcome(call), it.course.outcome) {
            (Some(disposition), _, _) => refused_by(disposition),
            (None, Some(Outcome::Failed) | None, Some(Outcome::Failed)) => Refused::UnknownNumber,
            (None, Some(outcome), _) => refused_for(outcome),
            (None, None, Some(outcome)) => refused_for(outcome),
            (None, None, None) => Refused::Failed,
        }
    }

    /// The time of a call's present step, or of the call itself, is over.
    pub(super) fn owned_due(&mut self, id: CallId) {
        let now = self.now.mono;
        let Some(call) = self.state.calls.get(&id).filter(|call| call.is_open()) else { return };
        if call.stale_at.is_some_and(|due| due <= now) {
            self.reap(id);
            return;
        }
        if call.course.due_at.is_none_or(|due| due > now) {
            return;
        }
        let rung = call.course.legs.clone();
        if call.course.passing.is_some() {
            self.transfer_failed(id, Refused::TimedOut);
        } else if call.course.placed_by.is_some() {
            self.client_not_had(id, EndedBy::Us);
        } else if self.rings_client(id) {
            self.callback_over(id, Disposition::NoAnswer);
        } else {
            let step = call.course.step.clone();
            self.emit(Record::StepTaken { call: id, step, due_at: None });
            for leg in rung {
                self.drop_leg(Some(leg), LegReason::NoAnswer);
            }
            if !self.step_on(id, Exit::Timeout, None) {
                self.end_call(id, LegReason::Over);
            }
        }
    }

    /// A call that is older than any call may be: legs whose end was lost.
    fn reap(&mut self, call: CallId) {
        for leg in self.legs_of(call) {
            self.let_go(leg, call, LegReason::Over);
            self.emit(Record::LegMoved { leg, to: LegMove::Ended(EndedBy::Stale) });
        }
        self.end_call(call, LegReason::Over);
    }

    /// Legs of a call that have not ended.
    fn legs_of(&self, call: CallId) -> Vec<LegId> {
        let Some(it) = self.state.calls.get(&call) else { return Vec::new() };
        let offers = it.offers.iter().filter_map(|offer| self.state.offers.get(offer)?.leg);
        let legs = it.leg.into_iter().chain(it.course.legs.iter().copied()).chain(offers);
        legs.filter(|leg| self.lives(*leg)).collect()
    }

    /// The process started again. Legs that the edge did not keep are gone; where the two who
    /// talk are kept they talk on, everything else of ours ends.
    pub(super) fn restarted(&mut self, kept: &[LegId]) {
        let owned = |id: &CallId| {
            let call = self.state.calls.get(id);
            call.is_some_and(|it| it.authority == Authority::Owned)
        };
        let owned: Vec<CallId> = self.state.index.open.iter().copied().filter(owned).collect();
        self.doubt_telephones();
        for call in owned {
            if self.callback_survives(call) {
                continue;
            }
            for leg in self.legs_of(call) {
                if leg.0 < self.legs_from && !kept.contains(&leg) {
                    self.emit(Record::LegMoved { leg, to: LegMove::Ended(EndedBy::Restart) });
                }
            }
            self.resume(call);
        }
    }

    fn resume(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let lives = |leg: Option<LegId>| leg.is_some_and(|leg| self.lives(leg));
        let by = it.course.passing.and_then(|passing| passing.by);
        if it.course.joined && lives(it.leg) && lives(it.course.other) {
            return;
        }
        if lives(it.leg) && lives(by) {
            self.transfer_failed(call, Refused::Failed);
        } else {
            self.end_call(call, LegReason::Over);
        }
    }

    /// Who placed a call has nothing to do with it any more.
    pub(super) fn placer_leaves(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let (Some(operator), direction) = (it.placing, it.direction) else { return };
        let talked = it.course.talks.iter().any(|talk| talk.operator == Some(operator));
        self.emit(Record::CallPlaced { call, operator: None });
        let queue = self.queues_of(operator).first();
        let rules = queue.and_then(|queue| self.rules(*queue));
        let length = rules.map_or(Period::ZERO, |rules| rules.wrap_up);
        if talked && direction == Some(Direction::Out) && length > Period::ZERO {
            let until = self.now.mono + length;
            self.emit(Record::WrapUpStarted { operator, offer: None, until });
        }
    }
}

/// What a caller who was not answered is told of a wait.
pub(super) const fn refused_for(outcome: Outcome) -> Refused {
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

/// What the telephone that placed a call is told.
const fn refused_by(disposition: Disposition) -> Refused {
    match disposition {
        Disposition::Busy => Refused::Busy,
        Disposition::NoAnswer => Refused::TimedOut,
        Disposition::Failed => Refused::Unreachable,
        Disposition::Open
        | Disposition::Answered
        | Disposition::Missed
        | Disposition::Cancelled
        | Disposition::Internal
        | Disposition::UnknownEnd => Refused::Over,
    }
}
