//! Passing a party on: blind and attended transfers, and what comes back of a failed one.
//!
//! While somebody is rung for the party, whoever passes them on keeps their leg, so that the
//! party can come back. A party who comes back to somebody who left rings them anew, and goes to
//! the queue they came from when that fails too: nobody is dropped.

use super::arrive::{OUTSIDE_RING_MAX, Rank};
use super::course::Passing;
use super::engine::Engine;
use super::io::{
    Effect, LegEvent, LegReason, Refusal, Refused, Target, Transfer, TransferProgress, TransferTo,
};
use super::leg::LegState;
use super::offer::{Offer, OfferEvent};
use super::owned::BRIDGE_MAX;
use super::owned_ends::refused_for;
use crate::model::{
    Authority, CallId, Direction, Disposition, EndedBy, EntryId, Intent, LegId, Name, OfferEnd,
    OfferId, OperatorId, Outcome, Period, Reach, Record, WithdrawnBecause,
};

/// How long an operator rings for a colleague or for a transfer. Longer keeps the party in
/// silence, shorter misses people who have to reach for the telephone.
const DIRECT_RING_MAX: Period = Period::secs(30);

/// How long such an offer may go without a sign of life beyond that.
const DIRECT_LEASE: Period = Period::secs(10);

/// Who passes whom on.
#[derive(Debug, Clone, Copy)]
struct Sides {
    call: CallId,
    /// Who passes on.
    by: LegId,
    operator: OperatorId,
    /// Who is passed on.
    party: LegId,
}

impl Engine {
    /// A leg asks that its other party be passed on.
    pub(super) fn transfer(&mut self, transfer: Transfer) {
        let leg = transfer.leg;
        let begun = match transfer.to {
            TransferTo::Target(to) => self.pass(leg, &to),
            TransferTo::PartyOf(other) => self.pass_to_party(leg, other),
        };
        if let Err(because) = begun {
            let progress = TransferProgress::Failed(because);
            self.act(Effect::Transferred { leg, progress });
        }
    }

    /// The same from a page.
    pub(super) fn transfer_for(
        &mut self,
        operator: &Name,
        to: &Target,
        call: Option<CallId>,
    ) -> Result<(), Refusal> {
        let id = self.operator_id(operator).ok_or(Refusal::Unknown("operator"))?;
        let busy = self.state.index.busy.get(&id).into_iter().flatten();
        let talks = busy
            .filter_map(|offer| self.state.offers.get(offer))
            .filter(|offer| offer.is_talking())
            .filter_map(|offer| offer.leg);
        let placed = self.state.index.placing.get(&id).into_iter().flatten();
        let placed = placed.filter_map(|call| self.state.calls.get(call));
        let placed = placed.flat_map(|call| call.leg.into_iter().chain(call.course.other));
        let fits = |leg: &LegId| {
            let sides = self.sides(*leg);
            sides.is_some_and(|sides| call.is_none_or(|call| call == sides.call))
        };
        let leg = talks.chain(placed).find(fits);
        let leg = leg.ok_or_else(|| match call {
            Some(_) => Refusal::Conflict(format!("{operator} does not talk in this call")),
            None => Refusal::Conflict(format!("{operator} talks with nobody")),
        })?;
        self.pass(leg, to).map_err(|because| {
            Refusal::Conflict(String::from(match because {
                Refused::Closed => "it is closed",
                Refused::Full | Refused::Busy => "it is busy",
                Refused::UnknownNumber => "there is nobody of that name",
                Refused::Unreachable => "no telephone of theirs can be reached",
                Refused::Blocked
                | Refused::NoOperators
                | Refused::TimedOut
                | Refused::Declined
                | Refused::Failed
                | Refused::Over => "it cannot be passed on to them",
            }))
        })
    }

    /// The sides of a conversation as an operator sees it; `None` where nobody talks, a transfer
    /// is under way, or the leg is no operator's.
    fn sides(&self, by: LegId) -> Option<Sides> {
        let call = self.state.calls.get(&self.state.legs.get(&by)?.call)?;
        let course = &call.course;
        if !call.is_open() || call.authority != Authority::Owned {
            return None;
        }
        if !course.joined || course.passing.is_some() {
            return None;
        }
        let (first, other) = (call.leg?, course.other?);
        let talk = course.talks.iter().find(|talk| talk.leg == by && talk.to.is_none());
        let placer = call.placing.filter(|_| by == first);
        let operator = talk.and_then(|talk| talk.operator).or(placer)?;
        let party = if by == first { other } else { first };
        (by == first || by == other).then_some(Sides { call: call.id, by, operator, party })
    }

    /// Passes the other party of a leg on to somebody who is rung now.
    fn pass(&mut self, by: LegId, to: &Target) -> Result<(), Refused> {
        let sides = self.sides(by).ok_or(Refused::Failed)?;
        match to {
            Target::Operator(name) => {
                let operator = self.callable(name)?;
                if operator == sides.operator {
                    return Err(Refused::Declined);
                }
                self.begin_passing(sides, LegId(self.state.next.leg), None);
                self.ring_directly(sides.call, operator);
            }
            Target::Queue(queue) => self.pass_to_queue(sides, queue)?,
            Target::Outside { number, account } => {
                let due_at = Some(self.now.mono + OUTSIDE_RING_MAX);
                self.begin_passing(sides, LegId(self.state.next.leg), due_at);
                let numbers = std::slice::from_ref(number);
                self.dial_out(sides.call, numbers, account.as_ref(), Some(sides.operator));
            }
            Target::Pickup => return Err(Refused::UnknownNumber),
        }
        Ok(())
    }

    fn begin_passing(&mut self, sides: Sides, to: LegId, due_at: Option<crate::model::Mono>) {
        let Sides { call, by, operator, party } = sides;
        self.stop_talks(call);
        self.emit(Record::TransferBegan { call, party, by: Some(by), operator, to, due_at });
    }

    /// Into a queue by the same gate as from outside; who passes the caller on is let go of.
    fn pass_to_queue(&mut self, sides: Sides, queue: &Name) -> Result<(), Refused> {
        let id = self.state.index.queues.get(queue).copied().ok_or(Refused::UnknownNumber)?;
        let rules = self.roster.queue(queue).cloned().ok_or(Refused::UnknownNumber)?;
        if let Some(outcome) = self.refused(id, &rules) {
            return Err(refused_for(outcome));
        }
        self.begin_passing(sides, sides.by, None);
        let passing = Passing { by: Some(sides.by), operator: sides.operator, to: sides.by };
        self.emit(Record::TransferOver { call: sides.call });
        self.passed_on(sides.call, passing);
        self.queue_again(sides.call, queue);
        Ok(())
    }

    /// A caller who was talked with waits again.
    fn queue_again(&mut self, call: CallId, queue: &Name) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let last = it.entries.last().and_then(|entry| self.state.entries.get(entry));
        let done: Option<EntryId> = last.filter(|it| !it.state.is_done()).map(|entry| entry.id);
        if let Some(entry) = done {
            self.emit(Record::EntryDone { entry, outcome: Outcome::Answered });
        }
        self.emit(Record::StepTaken { call, step: None, due_at: None });
        self.enqueue(call, queue, self.now, Rank::default());
    }

    /// An operator whom a colleague may ring.
    pub(super) fn callable(&self, name: &Name) -> Result<OperatorId, Refused> {
        let id = self.operator_id(name).ok_or(Refused::UnknownNumber)?;
        let it = self.state.operators.get(&id).ok_or(Refused::UnknownNumber)?;
        if it.reach == Reach::Unreachable || it.intent == Intent::Disabled {
            return Err(Refused::Unreachable);
        }
        if self.is_taken(id) { Err(Refused::Busy) } else { Ok(id) }
    }

    /// Whether an operator rings, talks or places a call.
    pub(super) fn is_taken(&self, id: OperatorId) -> bool {
        let (talking, ringing, dialing) = self.state.burdens(id);
        let burden = talking.saturating_add(ringing).saturating_add(dialing);
        burden > 0 || self.state.index.placing.contains_key(&id)
    }

    /// Rings an operator outside any queue, to be joined with the first leg of a call.
    pub(super) fn ring_directly(&mut self, call: CallId, operator: OperatorId) {
        let with = self.state.calls.get(&call).and_then(|call| call.leg);
        let (offer, leg) = (OfferId(self.state.next.offer), LegId(self.state.next.leg));
        let ring_until = self.now.mono + DIRECT_RING_MAX;
        self.emit(Record::OfferedDirectly {
            offer,
            call,
            operator,
            leg,
            ring_until,
            lease_until: ring_until + DIRECT_LEASE,
        });
        self.emit(Record::LegMade { leg, call, offer: Some(offer), number: None });
        self.act(Effect::Dial { leg, offer: Some(offer), operator, call, with });
    }

    /// The leg of a number outside to which a party is passed on.
    pub(super) fn passed_leg(&mut self, id: CallId, leg: LegId, event: LegEvent) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let (Some(first), Some(passing)) = (call.leg, call.course.passing) else { return };
        match event {
            LegEvent::Ringing => self.tell_passing(id, Some(leg)),
            LegEvent::Answered => {
                let due_at = self.now.mono + BRIDGE_MAX;
                self.emit(Record::LegChosen { call: id, leg, due_at });
                self.act(Effect::Bridge { caller: first, operator: leg });
            }
            LegEvent::Bridged => {
                let from = self.state.said_in(id, self.now);
                self.join(id, (first, leg), (leg, None), from);
                self.passed_on(id, passing);
            }
            LegEvent::Ended(by) => self.transfer_failed(id, refused_by_leg(by)),
            LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    fn join(
        &mut self,
        call: CallId,
        (first, second): (LegId, LegId),
        (talker, operator): (LegId, Option<OperatorId>),
        from: crate::model::Wall,
    ) {
        self.emit(Record::PartiesJoined { call, first, second, talker, operator, from });
    }

    /// Tells who passes a party on that it rings for them.
    pub(super) fn tell_passing(&mut self, call: CallId, to: Option<LegId>) {
        let passing = self.state.calls.get(&call).and_then(|call| call.course.passing);
        let passing = passing.filter(|passing| Some(passing.to) == to);
        let by = passing.and_then(|passing| passing.by).filter(|by| self.lives(*by));
        if let Some(leg) = by {
            self.act(Effect::Transferred { leg, progress: TransferProgress::Ringing });
        }
    }

    /// The party has somebody else: who passed them on is let go of.
    pub(super) fn passed_on(&mut self, call: CallId, passing: Passing) {
        let Some(by) = passing.by else { return };
        if self.lives(by) {
            self.act(Effect::Transferred { leg: by, progress: TransferProgress::Done });
        }
        let offer = self.state.legs.get(&by).and_then(|leg| leg.offer);
        let offer = offer.and_then(|offer| self.state.offers.get(&offer));
        match offer.map(|offer| (offer.id, offer.is_talking())) {
            Some((offer, true)) => self.emit(Record::TalkEnded { offer }),
            Some((_, false)) => {}
            None => self.placer_leaves(call),
        }
        self.drop_leg(Some(by), LegReason::Transferred);
        self.wrap_up_after(call);
    }

    /// Nobody took the party: they come back.
    pub(super) fn transfer_failed(&mut self, call: CallId, because: Refused) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let (Some(party), Some(passing)) = (it.leg, it.course.passing) else { return };
        self.emit(Record::TransferOver { call });
        let rung = self.state.legs.get(&passing.to).and_then(|leg| leg.offer);
        match rung {
            Some(offer) => self.move_offer(offer, OfferEvent::Withdrawn(WithdrawnBecause::MovedOn)),
            None => self.drop_leg(Some(passing.to), LegReason::NoAnswer),
        }
        match passing.by {
            Some(by) if self.lives(by) => {
                let progress = TransferProgress::Failed(because);
                self.act(Effect::Transferred { leg: by, progress });
                self.act(Effect::Bridge { caller: party, operator: by });
                let from = self.state.said_in(call, self.now);
                self.join(call, (party, by), (by, Some(passing.operator)), from);
            }
            Some(_) => self.bring_back(call, passing.operator),
            None => self.back_to_queue(call),
        }
    }

    /// Rings who passed a party on and left.
    fn bring_back(&mut self, call: CallId, operator: OperatorId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let Some(party) = it.leg else { return };
        let name = self.state.operators.get(&operator).map(|it| it.name.clone());
        if name.is_none_or(|name| self.callable(&name).is_err()) {
            self.back_to_queue(call);
            return;
        }
        let to = LegId(self.state.next.leg);
        let due_at = None;
        self.emit(Record::TransferBegan { call, party, by: None, operator, to, due_at });
        self.ring_directly(call, operator);
    }

    /// A party whom nobody has any more waits again where they came from.
    fn back_to_queue(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let last = it.entries.last().and_then(|entry| self.state.entries.get(entry));
        match last.map(|entry| entry.queue_name.clone()) {
            Some(queue) => self.queue_again(call, &queue),
            None => self.end_call(call, LegReason::Over),
        }
    }

    /// An offer outside queues is over without a win.
    pub(super) fn direct_over(&mut self, offer: &Offer, end: OfferEnd) {
        let Some(because) = refused_by_offer(end) else { return };
        let Some(call) = self.state.calls.get(&offer.call) else { return };
        let (id, course) = (call.id, &call.course);
        if course.passing.is_some_and(|passing| Some(passing.to) == offer.leg) {
            self.transfer_failed(id, because);
        } else if call.direction == Some(Direction::Internal) && course.talks.is_empty() {
            // Once two have talked, an offer was rung for a transfer, whose end is told there.
            self.colleague_not_had(id, because);
        }
    }

    /// Joins the other parties of two calls of one operator.
    fn pass_to_party(&mut self, by: LegId, other: LegId) -> Result<(), Refused> {
        let one = self.sides(by).ok_or(Refused::Failed)?;
        let Some(two) = self.sides(other) else { return self.pass_to_rung(one, other) };
        if one.operator != two.operator || one.call == two.call {
            return Err(Refused::Declined);
        }
        let internal = |call: CallId| {
            let call = self.state.calls.get(&call);
            call.is_some_and(|call| call.direction == Some(Direction::Internal))
        };
        // The client's call goes on, whichever of the two the telephone names first.
        let (one, two) =
            if internal(one.call) && !internal(two.call) { (two, one) } else { (one, two) };
        let second = self.state.calls.get(&two.call);
        let placer = second.and_then(|call| call.placing.filter(|_| call.leg == Some(two.party)));
        let talk = second.and_then(|call| {
            call.course.talks.iter().find(|talk| talk.leg == two.party && talk.operator.is_some())
        });
        let talker = talk.and_then(|talk| talk.operator).or(placer);
        self.begin_passing(one, two.party, None);
        self.stop_talks(two.call);
        self.emit(Record::LegPassed { leg: two.party, call: one.call });
        self.act(Effect::Bridge { caller: one.party, operator: two.party });
        let from = self.state.said_in(one.call, self.now);
        self.join(one.call, (one.party, two.party), (two.party, talker), from);
        let passing = Passing { by: Some(one.by), operator: one.operator, to: two.party };
        self.passed_on(one.call, passing);
        // Who placed the other call is as busy with this one, also while they pass it on.
        let free = self.state.calls.get(&one.call).is_some_and(|call| call.placing.is_none());
        if let Some(operator) = placer.filter(|_| free) {
            self.emit(Record::CallPlaced { call: one.call, operator: Some(operator) });
        }
        self.end_call(two.call, LegReason::Transferred);
        Ok(())
    }

    /// The second call of an attended transfer still rings: from here on it rings for the party.
    fn pass_to_rung(&mut self, sides: Sides, other: LegId) -> Result<(), Refused> {
        let leg = self.state.legs.get(&other).ok_or(Refused::Failed)?;
        let call = self.state.calls.get(&leg.call).ok_or(Refused::Failed)?;
        if call.placing != Some(sides.operator) || call.leg != Some(other) || call.id == sides.call
        {
            return Err(Refused::Declined);
        }
        let offers = call.offers.iter().filter_map(|offer| self.state.offers.get(offer)?.leg);
        let rings = |leg: &LegId| {
            let leg = self.state.legs.get(leg);
            leg.is_some_and(|it| matches!(it.state, LegState::Dialing | LegState::Ringing))
        };
        let mut rung = offers.chain(call.course.legs.iter().copied()).filter(rings);
        let to = rung.next().ok_or(Refused::Failed)?;
        let (second, due_at) = (call.id, call.course.due_at);
        self.begin_passing(sides, to, due_at);
        self.emit(Record::LegPassed { leg: to, call: sides.call });
        let disposition = Some(Disposition::Cancelled);
        self.emit(Record::CallJudged { call: second, outcome: None, disposition });
        self.end_call(second, LegReason::Transferred);
        Ok(())
    }
}

/// Why a transfer to a number failed.
const fn refused_by_leg(by: EndedBy) -> Refused {
    match by {
        EndedBy::Busy => Refused::Busy,
        EndedBy::Rejected | EndedBy::Party => Refused::Declined,
        EndedBy::Unreachable | EndedBy::Stale => Refused::Unreachable,
        EndedBy::Failed | EndedBy::Us | EndedBy::Restart => Refused::Failed,
    }
}

/// Why an operator did not take a colleague or a party; `None` where nobody has to be told.
const fn refused_by_offer(end: OfferEnd) -> Option<Refused> {
    Some(match end {
        OfferEnd::NoAnswer => Refused::TimedOut,
        OfferEnd::Rejected => Refused::Declined,
        OfferEnd::Busy => Refused::Busy,
        OfferEnd::Unreachable | OfferEnd::Expired => Refused::Unreachable,
        OfferEnd::Failed | OfferEnd::DroppedBeforeBridge | OfferEnd::Withdrawn(_) => {
            Refused::Failed
        }
        OfferEnd::Won | OfferEnd::Lost | OfferEnd::CallerGone => return None,
    })
}
