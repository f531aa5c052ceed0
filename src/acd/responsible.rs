//! The responsible operator first: who that is for a client, the question to an outside service,
//! and how long a caller is held for them.
//!
//! Resolvers in order: who owns the client's deal or contact (an outside service is asked), who
//! talked with the client last, who dialled them last. Where the first of them is away, the
//! queue's deputies stand in.

use super::eligible::{could_serve, judge_for};
use super::engine::Engine;
use super::entry::{Entry, EntryState};
use super::io::{AskKind, Effect, RouteAsk};
use super::settings::{QueueSettings, Sticky};
use super::strategy::{Responsible, responsible};
use crate::model::{
    Authority, CallId, EntryId, First, Mono, Name, Number, OperatorId, Party, Period, Record, Tie,
};

/// How long a wait is held for the answer of an outside service. Longer keeps a caller in silence
/// for a slow one, shorter rings others before it could answer.
pub const OWNER_WAIT: Period = Period::millis(700);

/// How long before a provider stops waiting for us its question is answered at the latest: the
/// commit of the answer may take 50 ms.
const ANSWER_MARGIN: Period = Period::millis(70);

/// Questions of providers that wait at the same time; more are answered at once. Larger costs
/// memory in a flood, smaller sends callers to strangers in a busy second.
const HELD_MAX: usize = 1000;

/// Questions of a provider about one wait, until the answer to ours.
#[derive(Debug, Clone)]
pub(super) struct HeldAsks {
    /// Until when, at most.
    pub until: Mono,
    asks: Vec<RouteAsk>,
}

impl Engine {
    /// The responsible operator first. True when the caller goes the queue's normal way.
    pub(super) fn hold_for_responsible(
        &mut self,
        id: EntryId,
        rules: &QueueSettings,
        sticky: &Sticky,
    ) -> bool {
        let Some(entry) = self.state.entries.get(&id) else { return true };
        let rings = self.state.index.live.contains_key(&id);
        match entry.hold {
            None if entry.stuck => return true,
            Some(_) if rings => return false, // alone, for as long as it rings
            Some(hold) if hold.until <= self.now.mono || entry.tried.contains(&hold.operator) => {
                self.emit(Record::StickyLetGo { entry: id });
                return true;
            }
            None | Some(_) => {}
        }
        if sticky.crm && !self.has_asked(entry) {
            self.ask_owner(id, self.now.mono + OWNER_WAIT);
        }
        let Some(entry) = self.state.entries.get(&id) else { return true };
        if entry.owner.is_some_and(|ask| ask.waits(self.now.mono)) {
            return false;
        }
        let known = self.candidates(entry, sticky);
        let bench = self.benches.get(&entry.queue);
        let ruled =
            known.iter().filter_map(|(operator, _)| Some((*operator, bench?.ruling(*operator)?)));
        let (waited, first, held) = (entry.waited(self.now), entry.first, entry.hold.is_some());
        // A caller is held for one person only while there is time left to serve them in.
        let patience = sticky.wait_max.min(entry.target.unwrap_or(rules.service_level.target));
        let decided = responsible(ruled, waited, patience);
        let by = |operator| {
            let tie = known.iter().find(|(known, _)| *known == operator);
            tie.map_or(Tie::default(), |(_, tie)| *tie)
        };
        match decided {
            Responsible::Nobody => {
                self.emit(Record::StickyLetGo { entry: id });
                true
            }
            Responsible::WaitFor(operator) => {
                let until = first.mono + patience;
                if !held {
                    self.emit(Record::StickyHeld { entry: id, operator, until, by: by(operator) });
                }
                false
            }
            Responsible::Ring(operator) => {
                let until = self.now.mono + sticky.ring;
                self.emit(Record::StickyHeld { entry: id, operator, until, by: by(operator) });
                self.round(id, rules, Some((operator, sticky.ring)));
                false
            }
        }
    }

    /// Who is responsible for the client of a wait, in order of precedence.
    pub(super) fn candidates(&self, entry: &Entry, sticky: &Sticky) -> Vec<(OperatorId, Tie)> {
        let client = self.state.calls.get(&entry.call).and_then(super::call::Call::client_e164);
        let now = self.now.wall;
        let talked = client.as_ref().and_then(|client| self.state.talked.get(client));
        let talked = talked.filter(|known| now < known.at + sticky.talked);
        let dialled = client.as_ref().and_then(|client| self.state.dialled.get(client));
        let dialled = dialled.filter(|known| now < known.at + sticky.dialled);
        let owner = self.owner_of(entry).map(|operator| (operator, Tie::Owner));
        let talked = talked.and_then(|known| Some((known.operator?, Tie::Talked)));
        let dialled = dialled.map(|known| (known.operator, Tie::Dialled));
        let mut found: Vec<(OperatorId, Tie)> = Vec::new();
        for one in [owner, talked, dialled].into_iter().flatten() {
            if !found.iter().any(|(known, _)| *known == one.0) {
                found.push(one);
            }
        }
        let bench = self.benches.get(&entry.queue);
        let away =
            |id: OperatorId| !bench.and_then(|bench| bench.ruling(id)).is_some_and(could_serve);
        if found.first().is_some_and(|(id, _)| away(*id)) {
            let deputies = sticky.deputies.iter().filter_map(|name| self.operator_id(name));
            found.extend(deputies.map(|id| (id, Tie::Deputy)));
        }
        found
    }

    /// Whom an outside service named for the call of a wait: in time for this wait, or for one
    /// before it.
    fn owner_of(&self, entry: &Entry) -> Option<OperatorId> {
        let call = self.state.calls.get(&entry.call)?;
        let entries = call.entries.iter().rev().filter_map(|id| self.state.entries.get(id));
        let mut asks = entries
            .filter_map(|it| it.owner.filter(|ask| ask.told && (it.id != entry.id || !ask.late)));
        asks.next()?.operator
    }

    /// The responsible operator of a client whose call was missed, as an outside service said.
    pub(super) fn owner_of_call(&self, call: CallId) -> Option<OperatorId> {
        let call = self.state.calls.get(&call)?;
        let entries = call.entries.iter().rev().filter_map(|id| self.state.entries.get(id));
        entries.filter_map(|it| it.owner.filter(|ask| ask.told)).next()?.operator
    }

    /// Whether the service was asked about the call of a wait: one question for each call.
    fn has_asked(&self, entry: &Entry) -> bool {
        let call = self.state.calls.get(&entry.call);
        let mut entries = call.into_iter().flat_map(|call| &call.entries);
        entries.any(|id| self.state.entries.get(id).is_some_and(|it| it.owner.is_some()))
    }

    /// Asks who is responsible; callers without a number are nobody's.
    fn ask_owner(&mut self, id: EntryId, until: Mono) -> bool {
        let Some(entry) = self.state.entries.get(&id) else { return false };
        let (call, queue) = (entry.call, entry.queue_name.clone());
        let client = self.state.calls.get(&call).and_then(super::call::Call::client_e164);
        let Some(client): Option<Number> = client else { return false };
        self.emit(Record::OwnerAsked { entry: id, until });
        self.act(Effect::AskOwner { call, client, queue });
        true
    }

    /// An outside service said who is responsible. An answer that comes late reroutes nothing and
    /// opens a card.
    pub(super) fn owner_known(&mut self, call: CallId, operator: Option<Name>) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let mut entries = it.entries.iter().rev().filter_map(|id| self.state.entries.get(id));
        let asked = entries.find_map(|it| Some((it, it.owner.filter(|ask| !ask.told)?)));
        let Some((entry, ask)) = asked else { return };
        let (id, waits) = (entry.id, entry.state.is_waiting() && ask.waits(self.now.mono));
        let operator = operator.and_then(|name| self.operator_id(&name));
        self.emit(Record::OwnerTold { entry: id, operator, late: !waits });
        if waits {
            self.wanted.insert(id);
        } else {
            let last = self.state.calls.get(&call).and_then(|call| call.entries.last().copied());
            self.inform(last, operator);
        }
        self.answer_held(id);
    }

    /// Whether a provider's question is held until an outside service has answered ours.
    pub(super) fn waits_for_owner(&mut self, ask: &RouteAsk) -> bool {
        let now = self.now.mono;
        let spare = Period(ask.deadline.since(now).0.saturating_sub(ANSWER_MARGIN.0));
        let until = now + OWNER_WAIT.min(spare);
        let word = ask.queue.as_deref();
        let rules = self.asked_queue(ask, word).filter(|_| ask.kind == AskKind::Order).cloned();
        let parties = (ask.line.as_ref(), Some(&ask.client));
        let shut = self.is_shut_for(&ask.account, word, parties, self.now.wall);
        let Some(rules) = rules.filter(|rules| !shut && self.is_open(rules)) else { return false };
        let asks = rules.sticky.as_ref().is_some_and(|sticky| sticky.crm);
        if !asks || ask.client.e164().is_none() || until <= now || self.held_asks.len() >= HELD_MAX
        {
            return false;
        }
        let call = self.asked_call(ask);
        let Some(id) = self.asked_entry(call, &rules.name) else { return false };
        if let Some(held) = self.held_asks.get_mut(&id) {
            held.asks.push(ask.clone()); // asked again meanwhile
            return true;
        }
        let asked = self.state.entries.get(&id).is_none_or(|entry| self.has_asked(entry));
        if asked || !self.ask_owner(id, until) {
            return false;
        }
        self.held_asks.insert(id, HeldAsks { until, asks: vec![ask.clone()] });
        true
    }

    /// Answers what was held, once the service has answered or its time is over.
    pub(super) fn answer_held(&mut self, id: EntryId) {
        let Some(held) = self.held_asks.get(&id) else { return };
        let entry = self.state.entries.get(&id);
        let waits = entry.is_some_and(|entry| {
            let asked = entry.owner.is_some_and(|ask| ask.waits(self.now.mono));
            asked && matches!(entry.state, EntryState::Waiting | EntryState::Offering)
        });
        if waits && held.until > self.now.mono {
            return;
        }
        let asks = self.held_asks.remove(&id).map(|held| held.asks).unwrap_or_default();
        for ask in asks {
            self.answer_route(&ask);
        }
    }

    /// Who goes first in the answer to a provider's question, and why.
    pub(super) fn first_of(&self, entry: &Entry, sticky: &Sticky) -> Option<(OperatorId, Tie)> {
        let bench = self.benches.get(&entry.queue)?;
        let bars = super::eligible::Bars::NONE;
        self.candidates(entry, sticky).into_iter().find(|(operator, _)| {
            bench.ruling(*operator).is_some_and(|ruling| {
                judge_for(ruling, *operator, Authority::Advised, true, &bars).is_eligible()
            })
        })
    }

    /// How a decision record tells of a responsible operator.
    pub(super) fn told_first(&self, (operator, by): (OperatorId, Tie)) -> Option<First> {
        let operator = self.state.operators.get(&operator)?.name.clone();
        Some(First { operator, by })
    }

    /// An operator dials a client, however the call goes.
    pub(super) fn note_dialled(&mut self, call: CallId, operator: Option<&Name>) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let client = it.client.as_ref().and_then(Party::e164);
        let operator = operator.and_then(|name| self.operator_id(name));
        let (Some(client), Some(operator)) = (client, operator) else { return };
        let known = self.state.dialled.get(client);
        let is_news = known.is_none_or(|known| {
            known.at <= it.started_at && (known.call, known.operator) != (call, operator)
        });
        if is_news {
            self.emit(Record::Dialled { call, operator });
        }
    }
}
