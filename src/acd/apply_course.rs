//! How records change the course of a call of ours: the part of `apply.rs` about joining,
//! talking, passing on and dialplans.

use super::call::CallEvent;
use super::course::{Passing, Segment};
use super::leg::LegState;
use super::offer::Offer;
use super::state::State;
use crate::model::{CallId, LegId, LegMove, Now, OfferId, Party, Record};

impl State {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    pub(super) fn apply_to_course(&mut self, at: Now, record: &Record) {
        match record {
            Record::CallDirected { call, direction, placed_by } => self.on_call(*call, |it| {
                it.direction = Some(*direction);
                it.course.placed_by = Some(*placed_by);
            }),
            Record::CallCarried { call, account, provider, line } => self.on_call(*call, |it| {
                it.account = account.clone();
                it.provider.clone_from(provider);
                it.line = line.clone().map(Party::Number).or_else(|| it.line.take());
            }),
            Record::StepTaken { call, step, due_at } => self.on_call(*call, |it| {
                it.course.step.clone_from(step);
                it.course.due_at = *due_at;
                it.state = it.state.on(CallEvent::Screened).unwrap_or(it.state);
            }),
            Record::PartiesJoined { .. } => self.parties_joined(at, record),
            Record::TalkStopped { call, leg } => {
                let said = self.said_in(*call, at);
                self.on_call(*call, |it| {
                    if let Some(talk) = it.course.talk_on(*leg) {
                        talk.unhold(at.mono);
                        talk.to = Some(said);
                    }
                });
            }
            Record::LegChosen { call, leg, due_at } => self.on_call(*call, |it| {
                it.course.other = Some(*leg);
                it.course.joined = false;
                it.course.due_at = Some(*due_at);
            }),
            Record::LegDropped { call, leg } => self.on_call(*call, |it| {
                it.course.legs.retain(|known| known != leg);
                it.course.past.push(*leg);
            }),
            Record::OfferedDirectly { .. } => self.offered_directly(at, record),
            Record::TransferBegan { call, party, by, operator, to, due_at } => {
                let passing = Passing { by: *by, operator: *operator, to: *to };
                self.on_call(*call, |it| {
                    if it.leg != Some(*party) {
                        it.course.legs.retain(|leg| leg != party);
                        it.course.legs.extend(it.leg);
                        it.leg = Some(*party);
                    }
                    it.course.other = None;
                    it.course.joined = false;
                    it.course.passing = Some(passing);
                    it.course.due_at = *due_at;
                });
            }
            Record::TransferOver { call } => self.on_call(*call, |it| {
                it.course.passing = None;
                it.course.other = None;
                it.course.joined = false;
                it.course.due_at = None;
            }),
            Record::LegPassed { leg, call } => self.leg_passed(at, *leg, *call),
            Record::CallJudged { call, outcome, disposition } => self.on_call(*call, |it| {
                it.course.outcome = outcome.or(it.course.outcome);
                it.course.disposition = disposition.or(it.course.disposition);
            }),
            _ => {}
        }
    }

    fn parties_joined(&mut self, at: Now, record: &Record) {
        let Record::PartiesJoined { call, first, second, talker, operator, from } = record else {
            return;
        };
        for leg in [first, second] {
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.state = leg.state.on(LegMove::Bridged).unwrap_or(leg.state);
            }
        }
        let held = self.legs.get(talker).is_some_and(|leg| leg.state == LegState::Held);
        let talk = Segment {
            leg: *talker,
            operator: *operator,
            offer: self.legs.get(talker).and_then(|leg| leg.offer),
            from: *from,
            to: None,
            held: crate::model::Period::ZERO,
            held_since: held.then_some(at.mono),
        };
        self.on_call(*call, |it| {
            it.leg = Some(*first);
            it.course.legs.retain(|leg| leg != first);
            it.course.other = Some(*second);
            it.course.joined = true;
            it.course.passing = None;
            it.course.due_at = None;
            it.course.talks.push(talk);
            it.state = it.state.on(CallEvent::Connected).unwrap_or(it.state);
        });
    }

    fn offered_directly(&mut self, at: Now, record: &Record) {
        let Record::OfferedDirectly { offer, call, operator, leg, ring_until, lease_until } =
            record
        else {
            return;
        };
        let Some(name) = self.operators.get(operator).map(|it| it.name.clone()) else { return };
        let made = Offer {
            operator: Some(*operator),
            leg: Some(*leg),
            ring_until: Some(*ring_until),
            lease_until: Some(*lease_until),
            offered_at: self.said_in(*call, at),
            ..Offer::new(*offer, *call, name, at)
        };
        self.add_offer(at, made);
    }

    /// Moves a leg, its offer and the card of that to another call.
    fn leg_passed(&mut self, at: Now, id: LegId, to: CallId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let (from, offer) = (leg.call, leg.offer);
        leg.call = to;
        self.on_call(from, |it| {
            it.course.legs.retain(|leg| *leg != id);
            it.offers.retain(|known| Some(*known) != offer);
            it.leg = it.leg.filter(|leg| *leg != id);
            it.course.other = it.course.other.filter(|leg| *leg != id);
        });
        match offer {
            Some(offer) => self.offer_passed(at, offer, to),
            None => self.on_call(to, |it| it.course.legs.push(id)),
        }
    }

    fn offer_passed(&mut self, at: Now, offer: OfferId, to: CallId) {
        self.on_offer(at, offer, |it| {
            it.call = to;
            it.entry = None;
        });
        self.on_call(to, |it| it.offers.push(offer));
    }

    /// The hold of a stretch of conversation begins or ends with what its leg does.
    pub(super) fn hold_talk(&mut self, at: Now, id: LegId, to: LegMove) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, outside) = (leg.call, leg.offer.is_none());
        if let Some(it) = self.calls.get_mut(&call)
            && outside
            && to == LegMove::Ringing
            && it.leg != Some(id)
        {
            it.course.rang = true;
        }
        let Some(talk) = self.calls.get_mut(&call).and_then(|it| it.course.talk_on(id)) else {
            return;
        };
        match to {
            LegMove::Held => talk.held_since = Some(at.mono),
            LegMove::Resumed => talk.unhold(at.mono),
            LegMove::Ringing | LegMove::Answered | LegMove::Bridged | LegMove::Ended(_) => {}
        }
    }
}
