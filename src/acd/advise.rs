//! Questions of providers: whom to ring. The answer leaves at once; what the provider makes of
//! it comes back as facts (`told.rs`), and what it makes nothing of expires.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::call::{Call, is_same_client};
use super::eligible::{Bars, judge_for};
use super::engine::Engine;
use super::entry::{Entry, EntryState};
use super::io::{AskKind, Effect, RouteAsk};
use super::offer::OfferEvent;
use super::pick::{Ask, Ease, Request};
use super::settings::QueueSettings;
use super::told::keyless;
use crate::model::{
    Alias, Authority, CallId, Decision, EntryId, Intent, Name, OfferId, OperatorId, Party, Period,
    Reach, Record, Wall,
};

/// Names in one answer. More helps a provider that tries one after another through a whole
/// queue; fewer keeps answers short and more people free for the next question.
const NAMES_MAX: u16 = 10;

/// How long an operator who was named is kept for that call before anything rings. Longer keeps
/// people from the next question after an answer that the provider ignored.
const ADVICE_FOR: Period = Period::secs(20);

/// A question about a call of which nothing more is heard is closed after this.
const UNHEARD_FOR: Period = Period::mins(2);

/// Nobody is barred by a rule of the call.
static NOBODY: BTreeSet<OperatorId> = BTreeSet::new();

impl Engine {
    /// Answers a provider's question. Past its deadline, and where no queue fits, the answer is
    /// empty and the provider does what it does without us.
    pub(super) fn route_asked(&mut self, ask: RouteAsk) {
        if ask.deadline < self.now.mono || !self.waits_for_owner(&ask) {
            self.answer_route(&ask);
        }
    }

    /// Answers with what is known at this moment.
    pub(super) fn answer_route(&mut self, ask: &RouteAsk) {
        let late = ask.deadline < self.now.mono;
        let operators = if late { Vec::new() } else { self.advise(ask) };
        let operators = if operators.is_empty() { self.safe_answer(ask) } else { operators };
        self.act(Effect::RouteAnswer { ticket: ask.ticket, operators });
    }

    /// What a question gets that came too late, or for which nobody is free: where a dialplan
    /// decides, the ready people of the first tier of the queue that it leads to now.
    fn safe_answer(&self, ask: &RouteAsk) -> Vec<Name> {
        let by_plan = ask.kind == AskKind::Order
            && self
                .roster
                .queue_for(&ask.account, ask.queue.as_deref(), ask.line.as_ref())
                .is_none();
        let line = ask.line.as_ref().and_then(Party::e164).filter(|_| by_plan);
        let Some(line) = line else { return Vec::new() };
        let queue = self
            .roster
            .plan_for(line)
            .and_then(|plan| plan.queue_at(line, ask.client.e164(), self.now.wall).cloned());
        let rules = queue.and_then(|queue| self.roster.queue(&queue));
        let Some(rules) = rules.filter(|rules| self.is_open(rules)) else { return Vec::new() };
        let members = rules.tiers.first().into_iter().flat_map(|tier| &tier.members);
        let ready = members.filter(|member| {
            let id = self.operator_id(&member.operator);
            let it = id.and_then(|id| self.state.operators.get(&id));
            it.is_some_and(|it| it.intent == Intent::Ready && it.reach != Reach::Unreachable)
        });
        ready.take(usize::from(NAMES_MAX)).map(|member| member.operator.clone()).collect()
    }

    /// Our queue for a call of a provider: as the account says, else as the dialplan of the line
    /// does at that hour; out of hours the queue that the line belongs to.
    pub(super) fn queue_for(
        &self,
        account: &Name,
        word: Option<&str>,
        (line, client): (Option<&Party>, Option<&Party>),
        at: Wall,
    ) -> Option<&Arc<QueueSettings>> {
        if let Some(rules) = self.roster.queue_for(account, word, line) {
            return Some(rules);
        }
        let line = line.and_then(Party::e164)?;
        let plan = self.roster.plan_for(line)?;
        let caller = client.and_then(Party::e164);
        let queue = plan.queue_at(line, caller, at).or_else(|| plan.home(line))?;
        self.roster.queue(queue)
    }

    /// Whether the dialplan decides about a provider's call and says that it is out of hours.
    pub(super) fn is_shut_for(
        &self,
        account: &Name,
        word: Option<&str>,
        (line, client): (Option<&Party>, Option<&Party>),
        at: Wall,
    ) -> bool {
        let by_plan = self.roster.queue_for(account, word, line).is_none();
        let line = line.and_then(Party::e164).filter(|_| by_plan);
        let plan = line.and_then(|line| Some((line, self.roster.plan_for(line)?)));
        let caller = client.and_then(Party::e164);
        plan.is_some_and(|(line, plan)| plan.is_shut(line, caller, at))
    }

    fn advise(&mut self, ask: &RouteAsk) -> Vec<Name> {
        match &ask.kind {
            AskKind::Order => self.order(ask, ask.queue.as_deref()),
            AskKind::Whether { label } => {
                let alias = Alias(label.clone());
                match self.roster.who(&ask.account, &alias).cloned() {
                    Some(name) => self.whether(ask, &name),
                    None => self.order(ask, Some(label)).into_iter().take(1).collect(),
                }
            }
        }
    }

    /// Whether one operator should get the call: their name, or nobody.
    fn whether(&mut self, ask: &RouteAsk, name: &Name) -> Vec<Name> {
        let Some(operator) = self.operator_id(name) else { return Vec::new() };
        let queue = self.asked_queue(ask, ask.queue.as_deref());
        let queue = queue.and_then(|rules| self.state.index.queues.get(&rules.name)).copied();
        let seats = queue.into_iter().chain(self.queues_of(operator).iter().copied());
        let ruled = seats.into_iter().find_map(|queue| {
            let ruling = self.benches.get(&queue)?.ruling(operator)?;
            Some((queue, ruling))
        });
        let Some((queue, ruling)) = ruled else { return Vec::new() };
        let open = self.rules(queue).is_some_and(|rules| self.is_open(rules));
        let ruling = judge_for(ruling, operator, Authority::Advised, open, &Bars::NONE);
        if !ruling.is_eligible() {
            return Vec::new();
        }
        let call = self.asked_call(ask);
        let queue = self.state.queues.get(&queue).map(|queue| queue.name.clone());
        if let Some(entry) = queue.and_then(|queue| self.asked_entry(call, &queue)) {
            let round = self.state.entries.get(&entry).map_or(1, |entry| entry.round + 1);
            self.name_one(call, entry, operator, round);
        }
        vec![name.clone()]
    }

    pub(super) fn asked_queue(
        &self,
        ask: &RouteAsk,
        word: Option<&str>,
    ) -> Option<&Arc<QueueSettings>> {
        let parties = (ask.line.as_ref(), Some(&ask.client));
        self.queue_for(&ask.account, word, parties, self.now.wall)
    }

    /// The order of operators for a call, from the queue that the question is about.
    fn order(&mut self, ask: &RouteAsk, word: Option<&str>) -> Vec<Name> {
        let rules = self.asked_queue(ask, word).cloned();
        let parties = (ask.line.as_ref(), Some(&ask.client));
        let shut = self.is_shut_for(&ask.account, word, parties, self.now.wall);
        let Some(rules) = rules.filter(|_| !shut) else { return Vec::new() };
        let call = self.asked_call(ask);
        let Some(id) = self.asked_entry(call, &rules.name) else { return Vec::new() };
        let Some(entry) = self.state.entries.get(&id).cloned() else { return Vec::new() };
        let rules = self.rules(entry.queue).cloned().unwrap_or(rules);
        let named = self.already_named(id);
        if !named.is_empty() {
            return named; // asked again: the same answer, and nobody is tied up twice
        }
        let backed_off = entry
            .back_off
            .iter()
            .filter(|(_, until)| **until > self.now.mono)
            .map(|(id, _)| *id)
            .collect();
        let first = rules.sticky.as_ref().and_then(|sticky| self.first_of(&entry, sticky));
        let request = Request {
            entry: id,
            round: entry.round.saturating_add(1),
            authority: Authority::Advised,
            open: self.is_open(&rules),
            now: self.now.mono,
            waited: entry.waited(self.now),
            ringing_for: Period::ZERO,
            live: 0,
            waiting: 1,
            only: None,
            first: first.map(|(operator, _)| operator),
            ask: Ask::Order(rules.fanout_max.min(NAMES_MAX)),
            bars: Bars { backed_off: &backed_off, excluded: &NOBODY, tried: &entry.tried },
            ease: Ease::default(),
        };
        let Some(bench) = self.benches.get_mut(&entry.queue) else { return Vec::new() };
        let choice = bench.choose(&request);
        let first = first.and_then(|first| self.told_first(first));
        let decision = self.decision(&entry, (entry.queue, &rules), &request, &choice);
        self.decisions.extend(decision.map(|decision| Decision { first, ..decision }));
        // One after another is rung from the front, so only the first is kept for this call.
        let kept = if rules.strategy.is_single() { 1 } else { choice.chosen.len() };
        for chosen in choice.chosen.iter().take(kept) {
            self.name_one(call, id, chosen.operator, request.round);
        }
        let chosen = choice.chosen.iter().filter_map(|it| self.state.operators.get(&it.operator));
        chosen.map(|operator| operator.name.clone()).collect()
    }

    /// Who was named for this wait and is still kept for it.
    fn already_named(&self, entry: EntryId) -> Vec<Name> {
        let live = self.state.live_offers(entry);
        let offers = live.iter().filter_map(|offer| self.state.offers.get(offer));
        offers.map(|offer| offer.name.clone()).collect()
    }

    fn name_one(&mut self, call: CallId, entry: EntryId, operator: OperatorId, round: u32) {
        let until = self.now.mono + ADVICE_FOR;
        if let Some(queue) = self.state.entries.get(&entry).map(|entry| entry.queue) {
            self.count_round(queue, operator);
        }
        self.emit(Record::OfferMade {
            offer: OfferId(self.state.next.offer),
            call,
            entry,
            operator,
            leg: None,
            queue: None,
            round,
            ring_until: None,
            lease_until: until,
        });
    }

    /// The call that a question is about.
    pub(super) fn asked_call(&mut self, ask: &RouteAsk) -> CallId {
        let key = ask.key.as_ref().map(|key| format!("{}/{key}", ask.account));
        if let Some(call) = key.as_ref().and_then(|key| self.state.index.keys.get(key)) {
            return *call;
        }
        if let (None, Some(call)) = (&key, self.asked_before(ask)) {
            return call;
        }
        let call = self.new_call_id();
        let account = self.roster.account(&ask.account);
        let stale_after = account.map_or(UNHEARD_FOR, |account| account.stale_after);
        let stale_after = if key.is_some() { stale_after } else { UNHEARD_FOR.min(stale_after) };
        self.emit(Record::CallArrived {
            call,
            key: key.unwrap_or_else(|| keyless(&ask.account, call)),
            account: ask.account.clone(),
            provider: account.map_or_else(String::new, |account| account.kind.clone()),
            authority: Authority::Advised,
            client: Some(ask.client.clone()),
            line: ask.line.clone(),
            leg: None,
            started_at: self.now.wall,
            provider_at: None,
            stale_at: Some(self.now.mono + stale_after),
        });
        call
    }

    /// The open call of this client that a question without an id is about: one that the account
    /// asked about a moment ago, or one that it told of and nobody talks in yet.
    fn asked_before(&self, ask: &RouteAsk) -> Option<CallId> {
        let same = |call: &&Call| {
            call.account == ask.account
                && call.conversed_at.is_none()
                && call.client.as_ref().is_some_and(|client| is_same_client(client, &ask.client))
                && self.now.mono.since(call.heard) <= UNHEARD_FOR
        };
        let asked = self.state.index.asked.get(&ask.account).into_iter().flatten();
        let fresh = |call: &&Call| self.now.mono.since(call.heard) <= UNHEARD_FOR;
        let known = |id: &CallId| self.state.calls.get(id);
        // Ids rise with time: the latest first, and none that is too old to be meant.
        let told = self.state.index.open.iter().rev().filter_map(known).take_while(fresh);
        asked.filter_map(known).chain(told).find(same).map(|call| call.id)
    }

    /// The live wait of an asked call; `None` when it is over already.
    pub(super) fn asked_entry(&mut self, call: CallId, queue: &Name) -> Option<EntryId> {
        let it = self.state.calls.get(&call).filter(|call| call.is_open())?;
        if let Some(entry) = it.entries.last() {
            let waits =
                |entry: &Entry| matches!(entry.state, EntryState::Waiting | EntryState::Offering);
            return self.state.entries.get(entry).filter(|it| waits(it)).map(|entry| entry.id);
        }
        let rules: &QueueSettings = self.roster.queue(queue)?;
        let id = self.state.index.queues.get(&rules.name).copied()?;
        let entry = EntryId(self.state.next.entry);
        let class = rules.class;
        let (config, first) = (self.version(), self.now);
        self.emit(Record::EntryQueued {
            entry,
            call,
            queue: id,
            config,
            first,
            class,
            target: None,
        });
        Some(entry)
    }

    /// A call that we were asked about and never heard of again: everybody is set free.
    pub(super) fn close_unheard(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let entry = it.entries.last().copied();
        for offer in entry.map(|entry| self.state.live_offers(entry)).unwrap_or_default() {
            self.move_offer(offer, OfferEvent::LeaseExpired);
        }
        let open = entry.and_then(|entry| self.state.entries.get(&entry));
        if let Some(entry) = open.filter(|entry| !entry.state.is_done()) {
            let outcome = crate::model::Outcome::Failed;
            self.emit(Record::EntryDone { entry: entry.id, outcome });
        }
    }
}
