//! How a record changes the state: the only place that writes it.
//!
//! The same function runs when the engine decides something and when a restart reads the
//! journal, so both end in the same state. It judges nothing: whatever was decided stands in the
//! record. A record about something that is gone changes nothing.

use super::bench::QueueKeys;
use super::call::{Call, CallEvent, CallState};
use super::course::Course;
use super::entry::{Entry, EntryEvent, EntryState, Hold, OwnerAsk};
use super::leg::{Leg, LegState};
use super::operator::{Operator, WrapUp};
use super::state::{Dialled, Queue, State, Talked, Talks};
use super::strategy::SeatKeys;
use crate::model::{
    Authority, CallId, Closing, Direction, EntryId, EpisodeId, EpisodeRow, EpisodeState, LegId,
    LegMove, Mono, Name, Now, OfferId, OperatorId, Outcome, QueueId, Reach, Record, StageName,
    Wall,
};

/// Numbers whose last operator is remembered. More costs memory only; with fewer a client who
/// calls seldom is a stranger to the responsible operator.
const TALKED_MAX: usize = 100_000;

/// Numbers of which is remembered who dialled them. With fewer a client who returns a call after
/// some hours is a stranger; more costs memory only.
const DIALLED_MAX: usize = 20_000;

impl State {
    /// Folds one record in, and what follows from it for operators.
    pub fn apply(&mut self, at: Now, record: &Record) {
        self.fold(at, record);
        while let Some(operator) = self.dirty.retied.pop_first() {
            self.rework(operator, at);
        }
    }

    fn fold(&mut self, at: Now, record: &Record) {
        match record {
            Record::Heard { request } => self.heard = self.heard.max(Some(*request)),
            Record::OperatorNamed { .. }
            | Record::QueueNamed { .. }
            | Record::SeatsKept { .. }
            | Record::DayTurned { .. }
            | Record::IntentSet { .. }
            | Record::ReachSet { .. }
            | Record::WrapUpStarted { .. }
            | Record::WrapUpEnded { .. } => self.apply_to_people(at, record),
            Record::CallArrived { .. }
            | Record::CallKeyed { .. }
            | Record::FactLearned { .. }
            | Record::CallTold { .. }
            | Record::CallPlaced { .. }
            | Record::Conversed { .. }
            | Record::Dialled { .. }
            | Record::CallEnded { .. }
            | Record::CallSettled { .. }
            | Record::CallForgotten { .. }
            | Record::ResultSet { .. }
            | Record::LegMade { .. }
            | Record::LegMoved { .. }
            | Record::CallSaved(_) => self.apply_to_call(at, record),
            Record::CallDirected { .. }
            | Record::CallCarried { .. }
            | Record::StepTaken { .. }
            | Record::PartiesJoined { .. }
            | Record::TalkStopped { .. }
            | Record::LegChosen { .. }
            | Record::LegDropped { .. }
            | Record::OfferedDirectly { .. }
            | Record::TransferBegan { .. }
            | Record::TransferOver { .. }
            | Record::LegPassed { .. }
            | Record::CallJudged { .. } => self.apply_to_course(at, record),
            Record::EntryQueued { .. }
            | Record::EntryTold { .. }
            | Record::OwnerAsked { .. }
            | Record::OwnerTold { .. }
            | Record::StickyHeld { .. }
            | Record::StickyLetGo { .. }
            | Record::PassEnded { .. }
            | Record::OverflowTaken { .. }
            | Record::ClaimMade { .. }
            | Record::ClaimUndone { .. }
            | Record::EntryDone { .. } => self.apply_to_entry(at, record),
            Record::TokenMade { .. }
            | Record::TokenWoken { .. }
            | Record::TokenSlept { .. }
            | Record::ClientOnLine { .. }
            | Record::TokenLent { .. }
            | Record::TokenClosed { .. } => self.apply_to_token(at, record),
            Record::OfferMade { .. }
            | Record::OfferRinging { .. }
            | Record::OfferAnswered { .. }
            | Record::OfferOver { .. }
            | Record::TalkEnded { .. }
            | Record::OwnerInformed { .. }
            | Record::OfferTold(_) => self.apply_to_offer(at, record),
            Record::EpisodeSaved(row) => self.episode_saved(row),
            Record::EpisodeForgotten { episode } => self.episode_forgotten(*episode),
            Record::Decided(_) | Record::OperatorSaved(_) => {}
            // The switch keeps these beside the engine's state.
            Record::LegKept { .. }
            | Record::InviteKept { .. }
            | Record::BindingKept { .. }
            | Record::BindingGone { .. }
            | Record::OutsideCounted { .. } => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    fn apply_to_people(&mut self, at: Now, record: &Record) {
        match record {
            Record::OperatorNamed { operator, name } => self.operator_named(at, *operator, name),
            Record::QueueNamed { queue, name } => self.queue_named(*queue, name),
            Record::SeatsKept { queue, next_turn, seats } => {
                self.seats_kept(*queue, *next_turn, seats);
            }
            Record::DayTurned { until } => self.day_turned(at, *until),
            Record::IntentSet { operator, intent, by, until } => {
                let Some(it) = self.operators.get_mut(operator) else { return };
                it.intent = intent.clone();
                it.intent_by = by.clone();
                it.intent_since = at.wall;
                it.intent_until = *until;
                it.misses = 0;
                it.unreached = 0;
                self.dirty.axes.insert(*operator);
                self.rework(*operator, at);
            }
            Record::ReachSet { operator, reach, until } => {
                self.reach_set(at, *operator, *reach, *until);
            }
            Record::WrapUpStarted { operator, offer, until } => {
                self.wrap_up_started(at, *operator, *offer, *until);
            }
            Record::WrapUpEnded { operator } => {
                let Some(it) = self.operators.get_mut(operator) else { return };
                it.wrap_up = None;
                self.dirty.axes.insert(*operator); // also while a telephone rings: work stays
                self.rework(*operator, at);
            }
            _ => {}
        }
    }

    fn operator_named(&mut self, at: Now, id: OperatorId, name: &Name) {
        self.next.operator = self.next.operator.max(id.0.saturating_add(1));
        self.operators.insert(id, Operator::new(id, name.clone(), at));
        self.index.operators.insert(name.clone(), id);
        self.dirty.axes.insert(id);
        self.dirty.operator(id);
    }

    fn queue_named(&mut self, id: QueueId, name: &Name) {
        self.next.queue = self.next.queue.max(id.0.saturating_add(1));
        let keys = QueueKeys::default();
        let queue = Queue { name: name.clone(), keys, talks: Talks::default() };
        self.queues.insert(id, queue);
        self.index.queues.insert(name.clone(), id);
        self.dirty.queues.insert(id);
    }

    fn seats_kept(&mut self, queue: QueueId, next_turn: u64, seats: &[(OperatorId, u64, i64)]) {
        let Some(it) = self.queues.get_mut(&queue) else { return };
        it.keys.next_turn = it.keys.next_turn.max(next_turn);
        let seats = seats.iter().copied();
        it.keys
            .seats
            .extend(seats.map(|(operator, turn, current)| (operator, SeatKeys { turn, current })));
    }

    /// Moves a turn to the tail; the number was decided with the record.
    pub(super) fn turn_moved(&mut self, queue: Option<QueueId>, operator: OperatorId, turn: u64) {
        let Some(it) = queue.and_then(|queue| self.queues.get_mut(&queue)) else { return };
        it.keys.next_turn = it.keys.next_turn.max(turn.saturating_add(1));
        it.keys.seats.entry(operator).or_default().turn = turn;
    }

    fn day_turned(&mut self, at: Now, until: Mono) {
        let begun_before = self.day_until.is_some();
        self.day_until = Some(until);
        for operator in self.operators.values_mut().filter(|_| begun_before) {
            operator.tally.new_day(at.mono);
            self.dirty.operator(operator.id);
        }
    }

    fn reach_set(&mut self, at: Now, id: OperatorId, reach: Reach, until: Option<Mono>) {
        let Some(it) = self.operators.get_mut(&id) else { return };
        it.reach_until = until;
        if reach == Reach::Reachable {
            it.unreached = 0;
        }
        if it.reach != reach {
            it.reach = reach;
            it.reach_since = at.wall;
            self.dirty.axes.insert(id);
        }
        self.dirty.operator(id);
    }

    fn wrap_up_started(&mut self, at: Now, id: OperatorId, offer: Option<OfferId>, until: Mono) {
        if let Some(offer) = offer.and_then(|offer| self.offers.get_mut(&offer)) {
            offer.wrapped = true;
        }
        let Some(it) = self.operators.get_mut(&id) else { return };
        let until = it.wrap_up.map_or(until, |wrap| wrap.until.max(until));
        it.wrap_up = Some(WrapUp { offer, until, until_at: at.wall + until.since(at.mono) });
        self.dirty.axes.insert(id);
        self.rework(id, at);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    fn apply_to_call(&mut self, at: Now, record: &Record) {
        match record {
            Record::CallArrived { call, .. } => {
                let Some(arrived) = arrived(at, record) else { return };
                self.next.call = self.next.call.saturating_add(1);
                self.index.add_call(&arrived);
                self.calls.insert(*call, arrived);
                self.dirty.call(*call);
            }
            Record::LegMade { leg, call, offer, number: _ } => {
                self.next.leg_is_named(*leg);
                let made = Leg {
                    id: *leg,
                    call: *call,
                    offer: *offer,
                    state: LegState::Dialing,
                    since: at.mono,
                };
                self.legs.insert(*leg, made);
                if offer.is_none() {
                    self.on_call(*call, |it| {
                        if it.leg != Some(*leg) {
                            it.course.legs.push(*leg);
                        }
                    });
                }
            }
            Record::LegMoved { leg, to } => self.leg_moved(at, *leg, *to),
            Record::CallForgotten { call } => self.call_forgotten(*call),
            Record::CallKeyed { call, key } => {
                let known = self.calls.get(call).cloned();
                if let Some(it) = &known {
                    self.index.drop_call(it);
                }
                self.on_call(*call, |it| it.key.clone_from(key));
                self.index.keys.insert(key.clone(), *call);
            }
            Record::FactLearned { call, fact, stale_at } => self.on_call(*call, |it| {
                it.story.get_or_insert_default().learn(fact.clone());
                it.stale_at = Some(*stale_at);
                it.stages.entry(StageName::Provider).or_insert(fact.at);
            }),
            Record::CallTold { .. } => self.call_told(record),
            Record::CallPlaced { call, operator } => self.call_placed(at, *call, *operator),
            Record::Conversed { call, operator, answered_at } => {
                self.conversed(*call, *operator, *answered_at);
            }
            Record::Dialled { call, operator } => self.dialled(*call, *operator),
            Record::CallEnded { call } => self.call_ended(at, *call),
            Record::CallSettled { call, forget_at } => self.on_call(*call, |it| {
                it.settled = true;
                it.settle_at = None;
                it.stale_at = None;
                it.forget_at = Some(*forget_at);
            }),
            Record::ResultSet { call, result } => {
                self.on_call(*call, |it| it.result = Some(result.clone()));
            }
            Record::CallSaved(row) => {
                if let Some(it) = self.calls.get_mut(&row.id) {
                    it.revision = row.revision;
                }
                self.dirty.calls.remove(&row.id); // also where a restart reads the journal
            }
            _ => {}
        }
    }

    /// Changes a call and keeps the index true to it.
    pub(super) fn on_call(&mut self, id: CallId, change: impl FnOnce(&mut Call)) {
        let Some(it) = self.calls.get_mut(&id) else { return };
        self.index.place_call(it, false);
        let before = it.tied();
        change(it);
        self.index.place_call(it, true);
        self.dirty.retied.extend(it.tied().symmetric_difference(&before));
        self.dirty.call(id);
    }

    fn leg_moved(&mut self, at: Now, id: LegId, to: LegMove) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        let Some(next) = leg.state.on(to) else { return };
        leg.state = next;
        leg.since = at.mono;
        let call = leg.call;
        self.hold_talk(at, id, to);
        // The row of a call that is over says all that it will: the ends of its legs, which come
        // later, are no news.
        if self.calls.get(&call).is_some_and(Call::is_open) {
            self.dirty.call(call);
        }
    }

    fn call_told(&mut self, record: &Record) {
        let Record::CallTold {
            call,
            direction,
            client,
            line,
            ended_at,
            settle_at,
            quiet_at,
            stale,
        } = record
        else {
            return;
        };
        let (id, ended_at, settle_at, stale) = (*call, *ended_at, *settle_at, *stale);
        let last = self.last_outcome(id);
        let talks = self.calls.get(&id).is_some_and(|call| {
            call.offers.iter().any(|offer| self.offers.get(offer).is_some_and(|it| it.is_talking()))
        });
        let queued = self.calls.get(&id).and_then(|call| call.entries.last().copied());
        self.on_call(id, |it| {
            it.direction = *direction;
            it.client.clone_from(client);
            it.line.clone_from(line);
            it.ended_at = ended_at;
            it.quiet_at = *quiet_at;
            it.stale = stale;
            it.settle_at = if it.settled { None } else { settle_at };
            // Facts may take an end back; a call that we own never comes back to life.
            it.state = match (ended_at, talks, queued) {
                (Some(_), _, _) => CallState::Ended(last),
                (None, true, _) => CallState::Connected,
                (None, false, Some(entry)) => CallState::Queued(entry),
                (None, false, None) => CallState::Screened,
            };
        });
    }

    fn call_placed(&mut self, at: Now, id: CallId, operator: Option<OperatorId>) {
        let before = self.calls.get(&id).and_then(|call| call.placing);
        self.on_call(id, |it| it.placing = operator);
        for operator in before.into_iter().chain(operator) {
            self.rework(operator, at);
        }
    }

    fn call_ended(&mut self, at: Now, id: CallId) {
        let (last, said) = (self.last_outcome(id), self.said_in(id, at));
        self.on_call(id, |it| {
            if let Some(next) = it.state.on(CallEvent::Ended(last)) {
                it.state = next;
                it.ended_at = Some(said);
            }
        });
    }

    /// The outcome of the last wait of a call, where one ended.
    pub(super) fn last_outcome(&self, id: CallId) -> Option<Outcome> {
        let call = self.calls.get(&id)?;
        let mut outcomes = call.entries.iter().rev().filter_map(|id| self.entries.get(id));
        outcomes.find_map(|entry| entry.state.outcome())
    }

    fn call_forgotten(&mut self, id: CallId) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.index.drop_call(&call);
        for offer in call.offers.iter().filter_map(|id| self.offers.remove(id)) {
            for fyi in &offer.fyis {
                self.fyis.remove(fyi);
            }
            self.index.place_offer(&offer, false);
            if let Some(leg) = offer.leg {
                self.legs.remove(&leg);
            }
        }
        for entry in call.entries.iter().filter_map(|id| self.entries.remove(id)) {
            self.index.drop_entry(&entry);
        }
        for leg in call.leg.iter().chain(&call.course.legs).chain(&call.course.past) {
            self.legs.remove(leg);
        }
        self.dirty.calls.remove(&id);
        self.dirty.armed_calls.insert(id);
        self.dirty.armed_offers.extend(call.offers);
        self.dirty.entries.extend(call.entries);
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "`fold` lists every kind and says which table it belongs to"
    )]
    fn apply_to_entry(&mut self, at: Now, record: &Record) {
        match record {
            Record::EntryQueued { entry, call, queue, config, first, class, target } => {
                let Some(name) = self.queues.get(queue).map(|queue| queue.name.clone()) else {
                    return;
                };
                let mut made =
                    Entry::new(*entry, *call, (*queue, name), config.clone(), at, *first);
                made.resumed = self.is_lent(*call);
                (made.class, made.target) = (*class, *target);
                self.add_entry(made);
                self.on_call(*call, |it| {
                    // Hours and block lists are behind whoever stands in a queue.
                    let screened = it.state.on(CallEvent::Screened).unwrap_or(it.state);
                    it.state = screened.on(CallEvent::Queued(*entry)).unwrap_or(screened);
                });
            }
            Record::EntryTold { .. } => self.entry_told(at, record),
            Record::OwnerAsked { entry, until } => self.on_entry(at, *entry, |it| {
                let ask = OwnerAsk { until: *until, told: false, operator: None, late: false };
                it.owner = Some(ask);
            }),
            Record::OwnerTold { entry, operator, late } => {
                self.owner_told(*entry, *operator, *late);
            }
            Record::StickyHeld { entry, operator, until, by } => self.on_entry(at, *entry, |it| {
                it.stuck = true;
                it.hold = Some(Hold { operator: *operator, until: *until, by: *by });
            }),
            Record::StickyLetGo { entry } => self.on_entry(at, *entry, |it| {
                it.stuck = true;
                it.hold = None;
            }),
            Record::PassEnded { entry, until } => self.on_entry(at, *entry, |it| {
                it.tried.clear();
                it.pass_until = Some(*until);
            }),
            Record::OverflowTaken { entry, step, hop } => self.on_entry(at, *entry, |it| {
                it.taken |= 1_u32.checked_shl(u32::from(*step)).unwrap_or(0);
                if let Some(hop) = hop {
                    it.ease(hop);
                }
            }),
            Record::ClaimMade { entry, offer, confirm_until } => self.on_entry(at, *entry, |it| {
                if let Some(next) = it.state.on(EntryEvent::Claimed(*offer)) {
                    it.state = next;
                    it.confirm_until = Some(*confirm_until);
                }
            }),
            Record::ClaimUndone { entry } => {
                self.on_entry(at, *entry, |it| {
                    it.state = it.state.on(EntryEvent::ClaimUndone).unwrap_or(it.state);
                    it.confirm_until = None;
                });
                self.rest_when_tried_out(at, *entry);
            }
            Record::EntryDone { entry, outcome } => {
                let call = self.entries.get(entry).map(|it| it.call);
                let said = call.map_or(at.wall, |call| self.said_in(call, at));
                self.on_entry(at, *entry, |it| {
                    if let Some(next) = it.state.on(EntryEvent::Done(*outcome)) {
                        it.state = next;
                        it.hold = None;
                        it.done_at.get_or_insert(said);
                    }
                });
            }
            _ => {}
        }
    }

    fn add_entry(&mut self, entry: Entry) {
        self.next.entry = self.next.entry.max(entry.id.0.saturating_add(1));
        self.index.add_entry(&entry);
        self.dirty.queues.insert(entry.queue);
        self.dirty.entries.insert(entry.id);
        let (id, call) = (entry.id, entry.call);
        self.entries.insert(id, entry);
        self.on_call(call, |it| {
            if !it.entries.contains(&id) {
                it.entries.push(id);
            }
        });
    }

    /// An answer about the client's owner. It may come when the call is over, and no row tells of
    /// it, so the call is not saved for it.
    fn owner_told(&mut self, id: EntryId, operator: Option<OperatorId>, late: bool) {
        let Some(it) = self.entries.get_mut(&id) else { return };
        if let Some(ask) = &mut it.owner {
            *ask = OwnerAsk { told: true, operator, late, ..*ask };
        }
        self.index.add_entry(it);
        self.dirty.entries.insert(id);
    }

    /// Changes a wait and keeps the index true to it.
    pub(super) fn on_entry(&mut self, at: Now, id: EntryId, change: impl FnOnce(&mut Entry)) {
        let Some(it) = self.entries.get_mut(&id) else { return };
        let waited = it.state.is_waiting();
        change(it);
        it.count_alone(at.mono);
        self.index.add_entry(it);
        if waited != it.state.is_waiting() {
            self.dirty.queues.insert(it.queue);
        }
        self.dirty.entries.insert(id);
        self.dirty.call(it.call);
    }

    /// Lets an entry wait again when its last live offer is gone.
    pub(super) fn rest_when_tried_out(&mut self, at: Now, id: EntryId) {
        if self.index.live.contains_key(&id) {
            return;
        }
        self.on_entry(at, id, |it| {
            it.state = it.state.on(EntryEvent::OffersOver).unwrap_or(it.state);
        });
    }

    fn entry_told(&mut self, at: Now, record: &Record) {
        let Record::EntryTold { entry, call, queue, config, enqueued_at, done_at, outcome, won_by } =
            record
        else {
            return;
        };
        let Some(name) = self.queues.get(queue).map(|queue| queue.name.clone()) else { return };
        let known = self.entries.get(entry).cloned();
        if let Some(known) = &known {
            self.index.drop_entry(known);
            self.dirty.queues.insert(known.queue);
        }
        let fresh = || Entry::new(*entry, *call, (*queue, name.clone()), config.clone(), at, at);
        let mut told = known.unwrap_or_else(fresh);
        told.told = true;
        told.queue = *queue;
        told.queue_name = name.clone();
        told.enqueued.wall = *enqueued_at;
        told.first.wall = *enqueued_at;
        told.done_at = *done_at;
        told.won_by = *won_by;
        let live = self.calls.get(call).is_some_and(|call| {
            call.offers
                .iter()
                .filter_map(|id| self.offers.get(id))
                .any(|offer| offer.entry == Some(*entry) && offer.state.is_live())
        });
        told.state = match (outcome, won_by) {
            (Some(outcome), _) => EntryState::Done(*outcome),
            (None, Some(offer)) => EntryState::Bridged(*offer),
            (None, None) if live => EntryState::Offering,
            (None, None) => EntryState::Waiting,
        };
        self.add_entry(told);
        for offer in self.calls.get(call).into_iter().flat_map(|call| &call.offers) {
            if let Some(offer) = self.offers.get(offer) {
                self.index.add_offer(offer);
            }
        }
    }

    fn episode_saved(&mut self, row: &EpisodeRow) {
        self.next.episode = self.next.episode.max(row.id.0.saturating_add(1));
        let before = self.episodes.get(&row.id);
        if let Some(before) = before {
            self.index.drop_episode(before);
        }
        self.index.add_episode(row);
        let known = before.map(|before| before.calls.as_slice()).unwrap_or_default();
        let taken_out = match &row.state {
            EpisodeState::Closed(Closing::Answered { call, .. }) => Some(*call),
            EpisodeState::Open
            | EpisodeState::Assigned
            | EpisodeState::Attempting { .. }
            | EpisodeState::NoContact
            | EpisodeState::Closed(_) => None,
        };
        for id in known.iter().chain(&row.calls) {
            if let Some(call) = self.calls.get_mut(id) {
                call.is_counted = row.calls.contains(id) && taken_out != Some(*id);
            }
        }
        let owner_before = before.and_then(|before| before.owner.as_ref());
        if let Some(owner) = row.owner.as_ref().filter(|owner| owner_before != Some(owner)) {
            // Whoever was given something last has their turn last.
            let last = self.given.values().max().copied().unwrap_or(0);
            self.given.insert(owner.clone(), last.saturating_add(1));
        }
        self.episodes.insert(row.id, row.clone());
        self.dirty.episodes.insert(row.id);
        self.dirty.armed_episodes.insert(row.id);
    }

    fn episode_forgotten(&mut self, id: EpisodeId) {
        if let Some(row) = self.episodes.remove(&id) {
            self.index.drop_episode(&row);
        }
        self.dirty.armed_episodes.insert(id);
    }

    /// Remembers who talked with a client: for the responsible operator, and because a missed
    /// call that settles later may have been made good already.
    fn conversed(&mut self, id: CallId, operator: Option<OperatorId>, at: Wall) {
        self.on_call(id, |it| it.conversed_at = Some(it.conversed_at.unwrap_or(at)));
        let Some(call) = self.calls.get(&id) else { return };
        let Some(client) = call.client_e164() else { return };
        let direction = call.direction;
        if self.talked.get(&client).is_some_and(|known| known.at > at) {
            return;
        }
        if self.talked.len() >= TALKED_MAX && !self.talked.contains_key(&client) {
            let oldest = self.talked.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(number, _)| number.clone()) {
                self.talked.remove(&oldest);
            }
        }
        // A nameless conversation does not make the last known person a stranger.
        let operator = operator.or_else(|| self.talked.get(&client)?.operator);
        self.talked.insert(client, Talked { operator, at, call: id, direction });
    }

    /// Remembers who dialled a client: whoever calls back a missed call from us gets them.
    fn dialled(&mut self, id: CallId, operator: OperatorId) {
        let Some(call) = self.calls.get(&id) else { return };
        let (Some(client), at) = (call.client_e164(), call.started_at) else { return };
        if self.dialled.len() >= DIALLED_MAX && !self.dialled.contains_key(&client) {
            let oldest = self.dialled.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(number, _)| number.clone()) {
                self.dialled.remove(&oldest);
            }
        }
        self.dialled.insert(client, Dialled { operator, at, call: id });
    }
}

/// The call that a record tells of.
fn arrived(at: Now, record: &Record) -> Option<Call> {
    let Record::CallArrived {
        call,
        key,
        account,
        provider,
        authority,
        client,
        line,
        leg,
        started_at,
        provider_at,
        stale_at,
    } = record
    else {
        return None;
    };
    let journalled = (StageName::Journal, at.wall);
    let told = provider_at.map(|told_at| (StageName::Provider, told_at));
    Some(Call {
        id: *call,
        key: key.clone(),
        account: account.clone(),
        provider: provider.clone(),
        authority: *authority,
        state: CallState::Arrived,
        direction: (*authority != Authority::Observed).then_some(Direction::In),
        client: client.clone(),
        line: line.clone(),
        leg: *leg,
        course: Course::default(),
        token: None,
        asked_callback: false,
        story: None,
        placing: None,
        heard: at.mono,
        started_at: *started_at,
        ended_at: None,
        settle_at: None,
        quiet_at: None,
        stale_at: *stale_at,
        forget_at: None,
        stale: false,
        settled: false,
        conversed_at: None,
        is_counted: false,
        result: None,
        entries: Vec::new(),
        offers: Vec::new(),
        stages: told.into_iter().chain([journalled]).collect(),
        revision: 0,
    })
}
