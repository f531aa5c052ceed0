//! People: what they chose, whether they can be reached, pauses by rule, finishing up.

use super::engine::Engine;
use super::io::{Command, Refusal};
use super::offer::{OfferEvent, OfferState};
use crate::model::{
    Authority, By, CallId, Intent, Mono, Name, OfferEnd, OfferId, OperatorId, PauseCause, Period,
    Reach, Record, WithdrawnBecause,
};

/// Words in one note on a call. Larger only costs room in the journal.
const RESULT_MAX: usize = 200;

impl Engine {
    /// Does what a person asks for, or says why not.
    pub(super) fn command(
        &mut self,
        by: &Name,
        supervisor: bool,
        command: Command,
    ) -> Result<(), Refusal> {
        match command {
            Command::SetIntent { operator, intent } => {
                self.set_intent(by, supervisor, &operator, intent)
            }
            Command::EndWrapUp { operator } => self.end_wrap_up(&operator),
            Command::Decline { offer } => self.decline(offer),
            Command::Pickup { call, operator } => self.pick_up_for(call, &operator),
            Command::Place { operator, number } => self.place(&operator, number),
            Command::Transfer { operator, to, call } => self.transfer_for(&operator, &to, call),
            Command::SetResult { call, result } => self.set_result(call, result),
            Command::TakeCallback { call } => self.ask_callback(call),
            Command::AssignEpisode { episode, owner, due } => {
                self.assign_episode(episode, owner, due)
            }
            Command::AttemptEpisode { episode, operator } => {
                self.attempt_episode(episode, &operator)
            }
            Command::CloseEpisode { episode, reason } => self.close_episode(by, episode, reason),
        }
    }

    fn known(&self, operator: &Name) -> Result<OperatorId, Refusal> {
        self.operator_id(operator).ok_or(Refusal::Unknown("operator"))
    }

    fn set_intent(
        &mut self,
        by: &Name,
        supervisor: bool,
        operator: &Name,
        intent: Intent,
    ) -> Result<(), Refusal> {
        let id = self.known(operator)?;
        let it = self.state.operators.get(&id).ok_or(Refusal::Unknown("operator"))?;
        if it.intent == Intent::Disabled {
            return Err(Refusal::Conflict(format!("{operator} is switched off")));
        }
        if intent == Intent::Disabled {
            return Err(Refusal::Conflict(String::from(
                "an operator is switched off in the configuration",
            )));
        }
        if it.intent == intent && it.intent_until.is_none() {
            return Ok(());
        }
        let by = if supervisor { By::Supervisor { login: by.clone() } } else { By::Person };
        self.intent_is(id, intent, by, None);
        Ok(())
    }

    /// Sets an intent; who is not ready any more is rung no longer, once.
    fn intent_is(&mut self, id: OperatorId, intent: Intent, by: By, until: Option<Mono>) {
        let ready = intent == Intent::Ready;
        self.emit(Record::IntentSet { operator: id, intent, by, until });
        if ready {
            return;
        }
        for offer in self.state.index.busy.get(&id).cloned().unwrap_or_default() {
            let ringing = self.state.offers.get(&offer).is_some_and(|offer| {
                matches!(offer.state, OfferState::Dialing | OfferState::Ringing)
            });
            if ringing {
                self.withdraw(offer, WithdrawnBecause::NotReady);
            }
        }
    }

    fn end_wrap_up(&mut self, operator: &Name) -> Result<(), Refusal> {
        let id = self.known(operator)?;
        let wraps = self.state.operators.get(&id).is_some_and(|it| it.wrap_up.is_some());
        if wraps {
            self.emit(Record::WrapUpEnded { operator: id });
        }
        Ok(())
    }

    fn decline(&mut self, offer: OfferId) -> Result<(), Refusal> {
        let it = self.state.offers.get(&offer).ok_or(Refusal::Unknown("offer"))?;
        let call = self.state.calls.get(&it.call).ok_or(Refusal::Unknown("call"))?;
        if call.authority == Authority::Observed {
            return Err(Refusal::ProvidersOwn(call.account.clone()));
        }
        match it.state {
            OfferState::Dialing | OfferState::Ringing => {
                self.refuse(offer);
                Ok(())
            }
            OfferState::Answered | OfferState::Over(_) => {
                Err(Refusal::Conflict(String::from("it does not ring any more")))
            }
        }
    }

    fn set_result(&mut self, call: CallId, result: String) -> Result<(), Refusal> {
        if !self.state.calls.contains_key(&call) {
            return Err(Refusal::Unknown("call"));
        }
        if result.len() > RESULT_MAX {
            return Err(Refusal::Conflict(format!("longer than {RESULT_MAX} bytes")));
        }
        self.emit(Record::ResultSet { call, result });
        Ok(())
    }

    /// A registrar or a probe learned something.
    pub(super) fn reach_told(&mut self, operator: &Name, reach: Reach) {
        if let Some(id) = self.operator_id(operator) {
            self.reach_is(id, reach, None);
            if reach == Reach::Unreachable {
                self.give_up_ringing(id);
            }
        }
    }

    /// The last telephone of an operator is gone: what rings there rings nowhere. Calls of
    /// providers ring on telephones that the registrar knows nothing of.
    fn give_up_ringing(&mut self, id: OperatorId) {
        for offer in self.state.index.busy.get(&id).cloned().unwrap_or_default() {
            let Some(it) = self.state.offers.get(&offer) else { continue };
            let rings = matches!(it.state, OfferState::Dialing | OfferState::Ringing);
            let call = self.state.calls.get(&it.call);
            if rings && call.is_some_and(|call| call.authority == Authority::Owned) {
                self.move_offer(offer, OfferEvent::LegEnded(OfferEnd::Unreachable));
            }
        }
    }

    /// Notes what is known of a device. A pause for want of a telephone ends with the proof
    /// that there is one.
    pub(super) fn reach_is(&mut self, id: OperatorId, reach: Reach, until: Option<Mono>) {
        let Some(it) = self.state.operators.get(&id) else { return };
        let heals = matches!(it.intent_by, By::AutoPause { cause: PauseCause::Unreachable, .. });
        if it.reach != reach || it.reach_until != until {
            self.emit(Record::ReachSet { operator: id, reach, until });
        }
        if heals && reach == Reach::Reachable {
            self.intent_is(id, Intent::Ready, By::Schedule, None);
        }
    }

    /// After a restart nothing is known of telephones until somebody proves it.
    pub(super) fn doubt_telephones(&mut self) {
        let known = self.state.operators.values().filter(|it| it.reach != Reach::Unknown);
        for id in known.map(|it| it.id).collect::<Vec<_>>() {
            self.reach_is(id, Reach::Unknown, None);
        }
    }

    /// Ends what has a moment at which it ends by itself.
    pub(super) fn operator_due(&mut self, id: OperatorId) {
        let now = self.now.mono;
        let Some(it) = self.state.operators.get(&id) else { return };
        let wraps = it.wrap_up.is_some_and(|wrap| wrap.until <= now);
        let paused = it.intent_until.is_some_and(|until| until <= now);
        let doubted = it.reach_until.is_some_and(|until| until <= now);
        if wraps {
            self.emit(Record::WrapUpEnded { operator: id });
        }
        if paused {
            self.intent_is(id, Intent::Ready, By::Schedule, None);
        }
        if doubted {
            self.emit(Record::ReachSet { operator: id, reach: Reach::Unknown, until: None });
        }
    }

    /// The rule on misses in a row, after an offer that ended badly.
    pub(super) fn pause_after_misses(&mut self, offer: OfferId) {
        let Some(it) = self.state.offers.get(&offer) else { return };
        let (Some(id), Some(entry)) = (it.operator, it.entry) else { return };
        let Some(rule) = self.rules_of(entry).and_then(|rules| rules.auto_pause) else { return };
        let Some(person) = self.state.operators.get(&id) else { return };
        if person.intent != Intent::Ready {
            return;
        }
        let (cause, misses) = match it.state.end() {
            Some(OfferEnd::NoAnswer | OfferEnd::Rejected) => (PauseCause::NoAnswer, person.misses),
            Some(OfferEnd::Unreachable | OfferEnd::Expired) => {
                (PauseCause::Unreachable, person.unreached)
            }
            Some(
                OfferEnd::Won
                | OfferEnd::Lost
                | OfferEnd::Busy
                | OfferEnd::Failed
                | OfferEnd::CallerGone
                | OfferEnd::Withdrawn(_)
                | OfferEnd::DroppedBeforeBridge,
            )
            | None => return,
        };
        if misses < rule.misses.max(1) {
            return;
        }
        let reason = String::from(match cause {
            PauseCause::NoAnswer => "no_answer",
            PauseCause::Unreachable => "unreachable",
        });
        let planned_end = Some(self.now.wall + rule.lasts);
        let intent = Intent::Break { reason, planned_end };
        let until = Some(self.now.mono + rule.lasts);
        self.intent_is(id, intent, By::AutoPause { cause, misses }, until);
    }

    /// Starts the time to finish up for everybody whose conversation in this call is over.
    pub(super) fn wrap_up_after(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let rules = it.entries.last().and_then(|entry| self.rules_of(*entry));
        let length = rules.map_or(Period::ZERO, |rules| rules.wrap_up);
        let offers = it.offers.iter().filter_map(|offer| self.state.offers.get(offer));
        let over: Vec<(OfferId, OperatorId, Mono)> = offers
            .filter(|offer| !offer.wrapped && offer.state == OfferState::Over(OfferEnd::Won))
            .filter_map(|offer| {
                let left = offer.left_at?;
                // What came late is shorter by as much: the person finished up meanwhile.
                let late = self.state.said_in(call, self.now).since(left);
                let rest = Period(length.0.saturating_sub(late.0));
                Some((offer.id, offer.operator?, self.now.mono + rest))
            })
            .filter(|(_, _, until)| *until > self.now.mono)
            .collect();
        for (offer, operator, until) in over {
            self.emit(Record::WrapUpStarted { operator, offer: Some(offer), until });
        }
    }
}
