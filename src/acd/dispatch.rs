//! Who rings for which caller: one round after another until nothing more can be done.
//!
//! A wait is looked at when something about it changed, when its alarm rings, and when somebody
//! became free for its queue. Waits are looked at in the order of class and deadline, whatever
//! queue they are in, so a freed person goes to the caller of the highest class with the least
//! slack.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::alarms::Alarm;
use super::eligible::Bars;
use super::engine::Engine;
use super::entry::{Entry, EntryState};
use super::io::Effect;
use super::offer::OfferState;
use super::pick::{Ask, Choice, Ease, Request};
use super::settings::{QueueSettings, Strategy};
use super::setup::earliest;
use crate::model::{
    Authority, Decision, EntryId, LegId, Mono, OfferId, OperatorId, Outcome, Period, QueueId,
    Record,
};
use crate::plan::Exit;

/// How long an offer may go without a sign of life beyond its ring time. Longer keeps an
/// operator tied to a lost leg, shorter gives up legs of slow gateways.
const LEASE: Period = Period::secs(10);

/// Rounds that one input may start. Only a fault of ours would want more; the rest waits for the
/// next input.
const ROUNDS_MAX: u32 = 100_000;

/// How long a caller waits in a queue in which nobody is signed in. Longer keeps callers for
/// nothing before the office opens; shorter loses them to a panel that was loaded anew.
const UNSTAFFED_MAX: Period = Period::secs(30);

/// Nobody is barred by a rule of the call.
static NOBODY: BTreeSet<OperatorId> = BTreeSet::new();

/// What decides which wait is looked at first; the least goes first.
type Slack = Option<(bool, Reverse<u8>, Mono)>;

/// The waits of one input that are still to be looked at, the one with the least slack first. A
/// freed person may be for anybody who waits, so it can be as long as the queue.
#[derive(Default)]
struct Line {
    by_slack: BTreeSet<(Slack, EntryId)>,
    slack_of: BTreeMap<EntryId, Slack>,
}

/// A queue that is asked for its part of a round.
struct Source<'a> {
    queue: QueueId,
    rules: &'a QueueSettings,
    /// How long its members ring.
    ring: Period,
    tell: Tell,
}

/// Which answers of a queue are put on record.
#[derive(Clone, Copy)]
enum Tell {
    /// One that chose somebody, and the first of those that chose nobody.
    Once,
    /// One that chose somebody.
    Chosen,
    /// Each.
    Always,
}

/// What came of asking for a round.
#[derive(Default)]
struct Rung {
    count: u32,
    again_in: Option<Period>,
    /// Whether an answer without anybody was put on record.
    told_empty: bool,
}

impl Line {
    fn put(&mut self, entry: EntryId, slack: Slack) {
        if let Some(before) = self.slack_of.insert(entry, slack) {
            self.by_slack.remove(&(before, entry));
        }
        self.by_slack.insert((slack, entry));
    }

    fn take(&mut self) -> Option<EntryId> {
        let (_, entry) = self.by_slack.pop_first()?;
        self.slack_of.remove(&entry);
        Some(entry)
    }
}

impl Engine {
    /// Looks at every wait that something may have changed for.
    pub(super) fn dispatch(&mut self) {
        let mut line = Line::default();
        for _ in 0..ROUNDS_MAX {
            self.want_for_freed();
            while let Some(entry) = self.wanted.pop_first() {
                line.put(entry, self.slack(entry));
            }
            let Some(entry) = line.take() else { return };
            self.consider(entry);
        }
        self.wanted = line.slack_of.into_keys().collect();
        tracing::error!("a single input started too many rounds; the rest waits");
    }

    /// Whoever became free may be for somebody who waits in one of their queues.
    fn want_for_freed(&mut self) {
        while let Some(operator) = self.freed.pop_first() {
            let post = self.posts.get(&operator);
            let queues = post.and_then(|post| self.memberships.get(post.queues.clone()));
            for queue in queues.unwrap_or_default() {
                let free = self.benches.get(queue).and_then(|bench| bench.ruling_at_best(operator));
                let busy_only = free.is_some_and(super::eligible::could_serve);
                let empty = self.benches.get(queue).is_none_or(|it| it.counts().signed_in == 0);
                if !busy_only && !empty {
                    continue;
                }
                let index = &self.state.index;
                let own = index.waiting.get(queue).into_iter().flatten().map(|(_, entry)| *entry);
                let added = index.added.get(queue).into_iter().flatten().copied();
                let is_free = free.is_some_and(|ruling| {
                    ruling.without(crate::model::Why::ReachUnknown).is_eligible()
                });
                if is_free || empty {
                    self.wanted.extend(own.chain(added));
                }
            }
        }
    }

    /// When a wait is to be over, by class first. Where the idle are split, a caller for whom nobody
    /// rings goes before one for whom somebody does; a wait that is gone is done with at once.
    fn slack(&self, id: EntryId) -> Slack {
        let (entry, rules) = (self.state.entries.get(&id)?, self.rules_of(id));
        let rings = rules.is_some_and(|it| it.split) && entry.state != EntryState::Waiting;
        let (class, deadline, _) = self.order_of(entry, rules);
        Some((rings, class, deadline))
    }

    /// The order in which callers are served: class, deadline, and who came first.
    pub(super) fn order_of(
        &self,
        entry: &Entry,
        rules: Option<&Arc<QueueSettings>>,
    ) -> (Reverse<u8>, Mono, EntryId) {
        let own = rules.map(|it| it.service_level.target);
        let target = entry.target.or(own).unwrap_or(Period::ZERO);
        (Reverse(entry.class_at(self.now, target)), entry.first.mono + target, entry.id)
    }

    /// Looks at one wait of ours and does whatever is to be done for it.
    fn consider(&mut self, id: EntryId) {
        self.looks = self.looks.saturating_add(1);
        self.state.dirty.entries.insert(id); // armed anew, even when nothing comes of the look
        let Some(entry) = self.state.entries.get(&id) else { return };
        let owned = self
            .state
            .calls
            .get(&entry.call)
            .is_some_and(|call| call.authority == Authority::Owned && call.is_open());
        if !owned || !matches!(entry.state, EntryState::Waiting | EntryState::Offering) {
            return;
        }
        if let Some(token) = self.token_of(entry.call) {
            self.consider_callback(id, token);
            return;
        }
        let Some(rules) = self.rules_of(id).cloned() else {
            self.give_up(id, Outcome::Failed); // the queue is gone and nobody remembers it
            return;
        };
        let waited = self.now.mono.since(entry.patience_from());
        if self.overflows(id, &rules) {
            return;
        }
        let Some(entry) = self.state.entries.get(&id) else { return };
        if waited >= rules.wait_max {
            self.leave_by(id, Exit::Timeout, Outcome::TimedOut);
            return;
        }
        if self.nobody_can_serve(entry) {
            if self.now.mono.since(entry.enqueued.mono) < UNSTAFFED_MAX {
                return;
            }
            if !self.overflows_unstaffed(id, &rules) {
                self.leave_by(id, Exit::NoOperators, Outcome::NoOperators);
            }
            return;
        }
        if let Some(sticky) = &rules.sticky
            && !self.hold_for_responsible(id, &rules, sticky)
        {
            return;
        }
        self.round(id, &rules, None);
    }

    /// Whether everybody of the queue, and of those that were added to it, is signed out.
    pub(super) fn nobody_can_serve(&self, entry: &Entry) -> bool {
        let is_staffed = |queue: &QueueId| {
            self.benches.get(queue).is_some_and(|bench| bench.counts().signed_in > 0)
        };
        let added = self.added_to(entry);
        let mut queues = added.iter().map(|(queue, _)| queue).chain([&entry.queue]);
        !queues.any(is_staffed) && !self.state.index.live.contains_key(&entry.id)
    }

    /// One round: chooses, rings, and keeps the record of why.
    pub(super) fn round(
        &mut self,
        id: EntryId,
        rules: &QueueSettings,
        only: Option<(OperatorId, Period)>,
    ) {
        let Some(entry) = self.state.entries.get(&id).cloned() else { return };
        if entry.eased.queues.is_empty() && self.rests(&entry, rules) {
            return;
        }
        // A callback is offered to one at a time: nobody waits on the line meanwhile.
        let is_callback = self.is_unjoined_callback(entry.call);
        let live = self.state.index.live.get(&id).map_or(0, BTreeSet::len);
        let backed_off = backed_off(&entry, self.now.mono);
        let sharing = self.callers_to_share(entry.queue, rules);
        let request = Request {
            entry: id,
            round: entry.round.saturating_add(u32::from(live == 0)).max(1),
            authority: Authority::Owned,
            open: true, // whoever was let in is served, even after hours
            now: self.now.mono,
            waited: entry.waited(self.now),
            ringing_for: if live == 0 { Period::ZERO } else { self.now.mono.since(entry.round_at) },
            live: u32::try_from(live).unwrap_or(u32::MAX),
            waiting: sharing.saturating_add(u32::from(live > 0)),
            only: only.map(|(operator, _)| operator),
            first: None,
            ask: if is_callback { Ask::Order(1) } else { Ask::Round },
            bars: Bars {
                backed_off: &backed_off,
                excluded: &NOBODY,
                tried: if is_callback { &NOBODY } else { &entry.tried },
            },
            ease: Ease { tier: entry.eased.tier, skills: &entry.eased.skills },
        };
        let ring = only.map_or(rules.ring, |(_, ring)| ring);
        let own = Source { queue: entry.queue, rules, ring, tell: Tell::Once };
        let mut rung = Rung::default();
        if !self.rests(&entry, rules) {
            rung = self.ring_from(&entry, &own, &request);
        }
        if only.is_none() && !is_callback {
            self.ring_added(&entry, rules, &request, &mut rung);
        }
        match rung.again_in {
            Some(wait) => self.again.insert(id, self.now.mono + wait),
            None => self.again.remove(&id),
        };
    }

    /// Whether everybody of a fixed order was tried and the next pass has not begun.
    fn rests(&self, entry: &Entry, rules: &QueueSettings) -> bool {
        rules.strategy == Strategy::Linear
            && entry.pass_until.is_some_and(|until| until > self.now.mono)
    }

    /// Members of queues that were added to a wait: with `parallel` they ring along, else they
    /// are asked when nobody of the queues before theirs can be.
    fn ring_added(
        &mut self,
        entry: &Entry,
        rules: &QueueSettings,
        request: &Request<'_>,
        rung: &mut Rung,
    ) {
        for (queue, theirs) in self.added_to(entry) {
            let live = request.live.saturating_add(rung.count);
            if live > 0 && rules.strategy != Strategy::Parallel {
                return;
            }
            if self.rests(entry, &theirs) {
                continue;
            }
            let waiting = self.callers_to_share(queue, &theirs).saturating_add(1);
            let request = Request { live, waiting, ease: Ease::default(), ..*request };
            let tell = if rung.told_empty { Tell::Always } else { Tell::Chosen };
            let source = Source { queue, rules: &theirs, ring: theirs.ring, tell };
            let more = self.ring_from(entry, &source, &request);
            rung.count = rung.count.saturating_add(more.count);
            rung.again_in = rung.again_in.into_iter().chain(more.again_in).min();
        }
    }

    /// Asks one queue for its part of a round, rings whom it chose, and keeps the record of why.
    fn ring_from(&mut self, entry: &Entry, source: &Source<'_>, request: &Request<'_>) -> Rung {
        let (queue, rules) = (source.queue, source.rules);
        let Some(bench) = self.benches.get_mut(&queue) else { return Rung::default() };
        let choice = bench.choose(request);
        let told_empty = self.tell_round(entry, source, request, &choice);
        if choice.pass_over {
            self.emit(Record::PassEnded { entry: entry.id, until: self.now.mono + rules.retry });
        }
        let joins = request.ringing_for > Period::ZERO && rules.strategy == Strategy::Parallel;
        let began = if joins { entry.round_at } else { self.now.mono };
        for chosen in &choice.chosen {
            let ring_until = began + source.ring;
            self.ring_one(entry, (queue, chosen.operator), request.round, ring_until);
        }
        let count = u32::try_from(choice.chosen.len()).unwrap_or(u32::MAX);
        Rung { count, again_in: choice.again_in, told_empty }
    }

    /// Whether anybody could be rung for a wait at this moment.
    pub(super) fn anybody_for(&mut self, id: EntryId) -> bool {
        let Some(entry) = self.state.entries.get(&id) else { return false };
        let backed_off = backed_off(entry, self.now.mono);
        let request = Request {
            entry: id,
            round: entry.round.saturating_add(1),
            authority: Authority::Owned,
            open: true,
            now: self.now.mono,
            waited: entry.waited(self.now),
            ringing_for: Period::ZERO,
            live: 0,
            waiting: 1,
            only: None,
            first: None,
            ask: Ask::Order(1),
            bars: Bars { backed_off: &backed_off, excluded: &NOBODY, tried: &NOBODY },
            ease: Ease::default(),
        };
        let bench = self.benches.get_mut(&entry.queue);
        bench.is_some_and(|bench| !bench.choose(&request).chosen.is_empty())
    }

    fn ring_one(
        &mut self,
        entry: &Entry,
        (queue, operator): (QueueId, OperatorId),
        round: u32,
        ring_until: Mono,
    ) {
        self.count_round(queue, operator);
        let (offer, leg) = (OfferId(self.state.next.offer), LegId(self.state.next.leg));
        let call = entry.call;
        self.emit(Record::OfferMade {
            offer,
            call,
            entry: entry.id,
            operator,
            leg: Some(leg),
            queue: Some(queue).filter(|queue| *queue != entry.queue),
            round,
            ring_until: Some(ring_until),
            lease_until: ring_until + LEASE,
        });
        self.emit(Record::LegMade { leg, call, offer: Some(offer), number: None });
        let with = self.state.calls.get(&call).and_then(|call| call.leg);
        self.act(Effect::Dial { leg, offer: Some(offer), operator, call, with });
    }

    /// Callers of a queue for whom nobody rings and among whom the idle are split. Beyond one for
    /// each of the idle they make no difference, so a long queue is not counted to its end for
    /// everybody who waits in it.
    fn callers_to_share(&self, queue: QueueId, rules: &QueueSettings) -> u32 {
        let idle = self.benches.get(&queue).map_or(0, |bench| bench.counts().ready);
        if !rules.split || idle < 2 {
            return 0;
        }
        let waiting = self.state.index.waiting.get(&queue).into_iter().flatten();
        let silent = waiting.filter(|(_, entry)| {
            self.state.entries.get(entry).is_some_and(|it| it.state == EntryState::Waiting)
        });
        let counted = silent.take(usize::try_from(idle).unwrap_or(usize::MAX)).count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    }

    /// The stored answer to why somebody did or did not ring; whether a round without anybody was
    /// told. A wait for which nobody can be found is told once, not at every look.
    fn tell_round(
        &mut self,
        entry: &Entry,
        source: &Source<'_>,
        request: &Request<'_>,
        choice: &Choice,
    ) -> bool {
        let is_empty = choice.chosen.is_empty();
        let told = match source.tell {
            Tell::Once if is_empty => request.live == 0 && self.told_empty.insert(entry.id),
            Tell::Chosen => !is_empty,
            Tell::Once | Tell::Always => true,
        };
        if !is_empty {
            self.told_empty.remove(&entry.id);
        }
        if told {
            let decision = self.decision(entry, (source.queue, source.rules), request, choice);
            self.decisions.extend(decision);
        }
        told && is_empty
    }

    pub(super) fn decision(
        &mut self,
        entry: &Entry,
        (queue, rules): (QueueId, &QueueSettings),
        request: &Request<'_>,
        choice: &Choice,
    ) -> Option<Decision> {
        let (whole, members) = self.benches.get_mut(&queue)?.account(request, choice);
        let only = self.state.entries.get(&entry.id).and_then(|entry| entry.hold);
        let only = only.filter(|hold| request.only == Some(hold.operator));
        let first = only.and_then(|hold| self.told_first((hold.operator, hold.by)));
        Some(Decision {
            call: entry.call,
            entry: entry.id,
            queue: rules.name.clone(),
            round: request.round,
            at: self.now.wall,
            waited: request.waited,
            strategy: String::from(rules.strategy.word()),
            config: entry.config.clone(),
            tier: choice.tier,
            seed: choice.seed,
            first,
            class: entry.class_at(self.now, entry.target.unwrap_or(rules.service_level.target)),
            relaxed: request.ease.skills.to_vec(),
            hop: None,
            whole,
            members,
        })
    }

    /// The alarm of a wait rang: the others are held no longer than the confirm window.
    pub(super) fn entry_due_fired(&mut self, id: EntryId) {
        let Some(entry) = self.state.entries.get(&id) else { return };
        let claimed = matches!(entry.state, EntryState::Claimed(_));
        if claimed && entry.confirm_until.is_some_and(|until| until <= self.now.mono) {
            let standby = self.state.live_offers(id).into_iter().filter(|offer| {
                self.state.offers.get(offer).is_some_and(|it| it.state != OfferState::Answered)
            });
            if standby.count() > 0 || self.state.live_offers(id).len() > 1 {
                self.release_others(id);
            }
        }
    }

    /// When a wait has to be looked at again if nothing else happens.
    pub(super) fn arm_entry(&mut self, id: EntryId) {
        let due = self.entry_due(id);
        self.alarms.set(Alarm::Entry(id), due);
        if due.is_none() {
            self.again.remove(&id);
            self.told_empty.remove(&id);
        }
    }

    fn entry_due(&self, id: EntryId) -> Option<Mono> {
        if let Some(held) = self.held_asks.get(&id) {
            return Some(held.until);
        }
        let entry = self.state.entries.get(&id).filter(|entry| entry.state.is_waiting())?;
        let call = self.state.calls.get(&entry.call).filter(|call| call.is_open())?;
        if call.authority != Authority::Owned {
            return None;
        }
        let now = self.now.mono;
        if matches!(entry.state, EntryState::Claimed(_)) {
            return entry.confirm_until.filter(|until| *until > now);
        }
        if call.token.is_some() {
            return self.callback_look(entry);
        }
        let rules = self.rules_of(id)?;
        let waited = entry.waited(self.now);
        let at = |length: Period| entry.patience_from() + length;
        let tier = self.benches.get(&entry.queue).and_then(|it| it.next_tier_at(waited));
        let added = entry.eased.queues.iter().filter_map(|queue| self.benches.get(queue));
        let tiers = added.filter_map(|bench| bench.next_tier_at(waited));
        let tier = tier.into_iter().chain(tiers).min();
        let unstaffed = entry.enqueued.mono + UNSTAFFED_MAX;
        let back_off = entry.back_off.values().copied().filter(|until| *until > now).min();
        let mut dues = earliest([
            Some(at(rules.wait_max)),
            self.overflow_look(entry, rules),
            tier.map(|length| entry.first.mono + length),
            back_off,
            Some(unstaffed).filter(|until| *until > now),
            entry.pass_until.filter(|until| *until > now),
            entry.hold.map(|hold| hold.until).filter(|until| *until > now),
            entry.owner.filter(|ask| ask.waits(now)).map(|ask| ask.until),
            self.again.get(&id).copied(),
        ]);
        if let Some(due) = &mut dues {
            *due = (*due).max(now + Period(1));
        }
        dues
    }
}

/// Whom a caller leaves alone at this moment.
fn backed_off(entry: &Entry, now: Mono) -> BTreeSet<OperatorId> {
    entry.back_off.iter().filter(|(_, until)| **until > now).map(|(id, _)| *id).collect()
}
