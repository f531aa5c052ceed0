//! Calls that operators place: dialled on their telephone, or asked for on a page; and callers
//! whom they take from somebody else's telephone.

use super::arrive::OUTSIDE_RING_MAX;
use super::engine::Engine;
use super::entry::EntryState;
use super::io::{Effect, LegReason, Placement, Refusal, Refused, Target};
use super::offer::OfferEvent;
use crate::model::{
    Authority, CallId, Direction, Disposition, EndedBy, Intent, LegId, LegMove, Name, Number,
    OfferId, OperatorId, Party, Period, Reach, Record,
};

/// How long the telephone of who asked for a call rings first. Longer rings somebody who walked
/// away, shorter misses somebody who has to take up the handset.
const PLACER_RING_MAX: Period = Period::secs(30);

/// The account of calls that no trunk carries, or none yet.
const NO_TRUNK: &str = "sip";

impl Engine {
    /// An operator dialled something on their own telephone.
    pub(super) fn placed(&mut self, placement: Placement) {
        let Placement { leg, operator, to } = placement;
        if self.state.legs.contains_key(&leg) {
            return; // a leg comes once
        }
        let Some(id) = self.operator_id(&operator) else {
            self.act(Effect::Refuse { leg, because: Refused::Declined });
            return;
        };
        match to {
            Target::Outside { number, account } => {
                let client = Party::Number(number);
                let call = self.open_placed(id, leg, account.clone(), client, Direction::Out);
                self.dial_client(call, account.as_ref());
            }
            Target::Operator(name) => self.call_colleague(id, leg, &name),
            Target::Queue(_) => {
                self.act(Effect::Refuse { leg, because: Refused::UnknownNumber });
            }
            Target::Pickup => {
                let call = self.ringing_near(id);
                let taken = call.is_some_and(|call| self.pick_up(call, id, Some(leg)).is_ok());
                if !taken {
                    self.act(Effect::Refuse { leg, because: Refused::UnknownNumber });
                }
            }
        }
    }

    /// Calls a number for an operator: first their telephone rings.
    pub(super) fn place(&mut self, operator: &Name, number: Number) -> Result<(), Refusal> {
        let id = self.free_operator(operator)?;
        let leg = LegId(self.state.next.leg);
        let call = self.open_placed(id, leg, None, Party::Number(number), Direction::Out);
        let due_at = Some(self.now.mono + PLACER_RING_MAX);
        self.emit(Record::StepTaken { call, step: None, due_at });
        self.act(Effect::Dial { leg, offer: None, operator: id, call, with: None });
        Ok(())
    }

    /// Somebody whose telephone can be rung now for something of their own.
    fn free_operator(&self, operator: &Name) -> Result<OperatorId, Refusal> {
        let id = self.operator_id(operator).ok_or(Refusal::Unknown("operator"))?;
        let it = self.state.operators.get(&id).ok_or(Refusal::Unknown("operator"))?;
        if it.intent == Intent::Disabled {
            return Err(Refusal::Conflict(format!("{operator} is switched off")));
        }
        if it.reach == Reach::Unreachable {
            let why = format!("no telephone of {operator} can be reached");
            return Err(Refusal::Conflict(why));
        }
        if self.is_taken(id) {
            return Err(Refusal::Conflict(format!("{operator} is in a call")));
        }
        Ok(id)
    }

    fn open_placed(
        &mut self,
        operator: OperatorId,
        leg: LegId,
        account: Option<Name>,
        client: Party,
        direction: Direction,
    ) -> CallId {
        let account = account.unwrap_or_else(|| Name::from(NO_TRUNK));
        let call = self.open_call(account, Some(client), None, leg);
        self.emit(Record::CallDirected { call, direction, placed_by: operator });
        self.emit(Record::CallPlaced { call, operator: Some(operator) });
        if direction == Direction::Out {
            self.note_attempt(call);
        }
        call
    }

    fn dial_client(&mut self, call: CallId, account: Option<&Name>) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let (Some(number), by) = (it.client_e164(), it.course.placed_by) else { return };
        let due_at = Some(self.now.mono + OUTSIDE_RING_MAX);
        self.emit(Record::StepTaken { call, step: None, due_at });
        self.dial_out(call, &[number], account, by);
    }

    /// A trunk was taken for a number outside: a call that an operator placed is that trunk's,
    /// until somebody talks on it. What a caller is passed on over stays their own trunk's call.
    pub(super) fn carried(&mut self, leg: LegId, account: Name, line: Option<Number>) {
        let leg = self.state.legs.get(&leg);
        let Some(it) = leg.and_then(|leg| self.state.calls.get(&leg.call)) else { return };
        let placed = it.course.placed_by.is_some() && it.direction == Some(Direction::Out);
        if !placed || it.conversed_at.is_some() || it.account == account {
            return;
        }
        let known = self.roster.account(&account).map(|account| account.kind.clone());
        let provider = known.unwrap_or_else(|| it.provider.clone());
        let call = it.id;
        self.emit(Record::CallCarried { call, account, provider, line });
    }

    /// The telephone of who asked for a call was picked up: now the client is rung.
    pub(super) fn placer_answered(&mut self, call: CallId, leg: LegId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let asked = it.placing.is_some() && it.leg == Some(leg) && it.course.legs.is_empty();
        if asked && it.direction == Some(Direction::Out) {
            self.dial_client(call, None);
        }
    }

    /// The client of a placed call is not to be had.
    pub(super) fn client_not_had(&mut self, call: CallId, by: EndedBy) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let placer = it.leg.and_then(|leg| self.state.legs.get(&leg));
        let dialled = !it.course.legs.is_empty();
        let disposition = match by {
            _ if placer.is_none() || !dialled => Disposition::Cancelled,
            EndedBy::Busy | EndedBy::Rejected => Disposition::Busy,
            EndedBy::Party | EndedBy::Us => Disposition::NoAnswer,
            EndedBy::Unreachable if it.course.rang => Disposition::NoAnswer,
            EndedBy::Unreachable | EndedBy::Failed | EndedBy::Stale | EndedBy::Restart => {
                Disposition::Failed
            }
        };
        let disposition = Some(disposition);
        self.emit(Record::CallJudged { call, outcome: None, disposition });
        self.end_call(call, LegReason::NoAnswer);
    }

    /// One operator rings another: no queue, no client, nobody's missed call.
    fn call_colleague(&mut self, operator: OperatorId, leg: LegId, name: &Name) {
        let caller = self.state.operators.get(&operator).map(|it| it.name.as_str().to_owned());
        let client = Party::Extension(caller.unwrap_or_default());
        let call = self.open_placed(operator, leg, None, client, Direction::Internal);
        match self.callable(name) {
            Ok(other) if other != operator => self.ring_directly(call, other),
            Ok(_) => self.colleague_not_had(call, Refused::Busy),
            Err(because) => self.colleague_not_had(call, because),
        }
    }

    /// A colleague is not to be had.
    pub(super) fn colleague_not_had(&mut self, call: CallId, because: Refused) {
        let disposition = match because {
            Refused::Busy | Refused::Declined => Disposition::Busy,
            Refused::TimedOut => Disposition::NoAnswer,
            Refused::Closed
            | Refused::Full
            | Refused::Blocked
            | Refused::NoOperators
            | Refused::UnknownNumber
            | Refused::Unreachable
            | Refused::Failed
            | Refused::Over => Disposition::Failed,
        };
        let disposition = Some(disposition);
        self.emit(Record::CallJudged { call, outcome: None, disposition });
        self.end_call(call, LegReason::Over);
    }

    /// The call that rings longest in a queue of an operator's.
    fn ringing_near(&self, operator: OperatorId) -> Option<CallId> {
        let queues = self.queues_of(operator);
        let waiting = queues.iter().filter_map(|queue| self.state.index.waiting.get(queue));
        let entries = waiting.flatten().filter_map(|(_, entry)| self.state.entries.get(entry));
        let rings = entries.filter(|entry| {
            let call = self.state.calls.get(&entry.call);
            entry.state == EntryState::Offering
                && call.is_some_and(|call| call.authority == Authority::Owned)
        });
        rings.min_by_key(|entry| (entry.first.mono, entry.id)).map(|entry| entry.call)
    }

    /// Gives a caller who waits to an operator, on their telephone or on the leg that they
    /// dialled from. Whoever else rings loses when they answer.
    pub(super) fn pick_up(
        &mut self,
        call: CallId,
        operator: OperatorId,
        dialled: Option<LegId>,
    ) -> Result<(), Refusal> {
        let name = self.state.operators.get(&operator).map(|it| it.name.clone());
        self.free_operator(&name.ok_or(Refusal::Unknown("operator"))?)?;
        let it = self.state.calls.get(&call).ok_or(Refusal::Unknown("call"))?;
        if it.authority != Authority::Owned {
            return Err(Refusal::ProvidersOwn(it.account.clone()));
        }
        let (with, last) = (it.leg, it.entries.last().copied());
        let entry = last.and_then(|entry| self.state.entries.get(&entry));
        let waits = entry.filter(|entry| {
            it.is_open() && matches!(entry.state, EntryState::Waiting | EntryState::Offering)
        });
        let gone = || Refusal::Conflict(String::from("nobody waits in it any more"));
        let (entry, round) = waits.map(|it| (it.id, it.round.max(1))).ok_or_else(gone)?;
        let ring = self.rules_of(entry).map_or(PLACER_RING_MAX, |rules| rules.ring);
        let (offer, own) = (OfferId(self.state.next.offer), LegId(self.state.next.leg));
        let (leg, ring_until) = (dialled.unwrap_or(own), self.now.mono + ring);
        self.emit(Record::OfferMade {
            offer,
            call,
            entry,
            operator,
            leg: Some(leg),
            queue: None,
            round,
            ring_until: Some(ring_until),
            lease_until: ring_until,
        });
        self.emit(Record::LegMade { leg, call, offer: Some(offer), number: None });
        if dialled.is_some() {
            self.act(Effect::AnswerCaller { leg });
            self.emit(Record::LegMoved { leg, to: LegMove::Answered });
            self.move_offer(offer, OfferEvent::Answered);
        } else {
            self.act(Effect::Dial { leg, offer: Some(offer), operator, call, with });
        }
        Ok(())
    }

    /// The same from a page.
    pub(super) fn pick_up_for(&mut self, call: CallId, operator: &Name) -> Result<(), Refusal> {
        let id = self.operator_id(operator).ok_or(Refusal::Unknown("operator"))?;
        self.pick_up(call, id, None)
    }
}
