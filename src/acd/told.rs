//! Calls of providers: facts go into the call's story, and what the story says becomes offers,
//! a wait, cards and rows.
//!
//! The story's view is the same for every order of arrival, so this file only brings the state
//! in line with it. Things that may happen once only (a card, a miss that counts, wrap-up) are
//! kept once by the offers themselves, whatever comes late or twice.

use super::call::{KEYLESS, is_same_client};
use super::engine::Engine;
use super::io::Heard;
use super::observed::{QUIET, View};
use super::offer::{Offer, OfferState};
use super::roster::NO_QUEUE;
use super::settings::QueueSettings;
use super::strategy::TurnMoves;
use crate::model::{
    Alias, Authority, CallId, Direction, EntryId, Fact, FactKind, Legs, Name, OfferEnd, OfferId,
    OfferTold, OperatorId, Outcome, Period, Reach, Record, Source, Totals, Wall,
};

/// Two events this close are one moment: providers tell whole seconds. Larger calls a refusal
/// just before a colleague's answer a lost offer, smaller the other way round.
const GLARE: Period = Period::millis(1500);

/// A question without a call id belongs to facts of the same number that come within this time.
/// Larger ties a redial to the first call, smaller misses slow providers.
const TIE_MAX: Period = Period::secs(60);

/// What an account without settings of its own is taken to have.
const SETTLE: Period = Period::secs(5);
const STALE_AFTER: Period = Period::hours(2);
const RING_MIN: Period = Period::secs(5);

/// What the story says of one person.
#[derive(Debug, Clone)]
struct Person {
    name: Name,
    operator: Option<OperatorId>,
    at: Wall,
    rang: bool,
    answered: Option<Wall>,
    left: Option<Wall>,
}

/// What the story says of the call, as far as single attempts need it.
struct Course<'a> {
    direction: Option<Direction>,
    ended: Option<Wall>,
    stale: bool,
    first: Option<Wall>,
    winner: Option<&'a Name>,
    entry: Option<EntryId>,
    ring_min: Period,
}

impl Engine {
    /// Takes a stored request in.
    pub(super) fn hear(&mut self, heard: Heard) {
        let mut touched: Vec<CallId> = Vec::new();
        for fact in &heard.facts {
            let call = self.call_of(&heard, fact);
            if self.learn(call, fact) && !touched.contains(&call) {
                touched.push(call);
            }
        }
        for call in touched {
            self.retell(call);
            self.amend(call);
        }
    }

    /// The call that a fact is about; a new one when nobody has heard of it.
    fn call_of(&mut self, heard: &Heard, fact: &Fact) -> CallId {
        let key = format!("{}/{}", heard.account, fact.key);
        if let Some(call) = self.state.index.keys.get(&key) {
            return *call;
        }
        if let Some(call) = self.tie(heard, &fact.key) {
            self.emit(Record::CallKeyed { call, key });
            return call;
        }
        let call = self.new_call_id();
        let account = self.roster.account(&heard.account);
        let provider = account.map_or_else(String::new, |account| account.kind.clone());
        let stale_after = account.map_or(STALE_AFTER, |account| account.stale_after);
        self.emit(Record::CallArrived {
            call,
            key,
            account: heard.account.clone(),
            provider,
            authority: Authority::Observed,
            client: None,
            line: None,
            leg: None,
            started_at: fact.at,
            provider_at: Some(fact.at),
            stale_at: Some(self.now.mono + stale_after),
        });
        call
    }

    /// The call we were asked about without an id that these facts belong to.
    fn tie(&self, heard: &Heard, key: &str) -> Option<CallId> {
        let asked = self.state.index.asked.get(&heard.account)?;
        let same = heard.facts.iter().filter(|fact| fact.key == key);
        let clients = same.filter_map(|fact| legs_of(&fact.kind)?.client.as_ref());
        let client = clients.into_iter().next()?;
        asked.iter().copied().find(|id| {
            self.state.calls.get(id).is_some_and(|call| {
                call.client.as_ref().is_some_and(|asked| is_same_client(asked, client))
                    && self.now.mono.since(call.heard) <= TIE_MAX
            })
        })
    }

    /// Adds a fact to the call's story; false when it is known.
    fn learn(&mut self, call: CallId, fact: &Fact) -> bool {
        let Some(it) = self.state.calls.get(&call) else { return false };
        let mut story = it.story.clone().unwrap_or_default();
        if !story.learn(fact.clone()) {
            return false;
        }
        let account = self.roster.account(&it.account);
        let stale_after = account.map_or(STALE_AFTER, |account| account.stale_after);
        let stale_at = self.now.mono + stale_after;
        self.emit(Record::FactLearned { call, fact: fact.clone(), stale_at });
        true
    }

    /// What the facts of a call say; `None` for calls without facts.
    pub(super) fn view_of(&self, call: CallId) -> Option<View> {
        let it = self.state.calls.get(&call)?;
        let is_operator = |alias: &Alias| self.roster.who(&it.account, alias).is_some();
        it.story.as_ref().map(|story| story.view(&is_operator))
    }

    /// The name under which an alias of an account is shown.
    pub(super) fn name_of(&self, account: &Name, alias: &Alias) -> Name {
        match self.roster.who(account, alias) {
            Some(name) => name.clone(),
            None => Name::from(format!("ext:{}", alias.0)),
        }
    }

    /// Brings offers, wait and call in line with what the facts say.
    pub(super) fn retell(&mut self, call: CallId) {
        let Some(view) = self.view_of(call) else { return };
        let Some(it) = self.state.calls.get(&call) else { return };
        // The end may be known without its time: it is taken for the moment we heard of it.
        let over = view.is_over || it.stale;
        let heard_end = || it.ended_at.unwrap_or(self.now.wall);
        let ended = over.then(|| view.ended_at.unwrap_or_else(heard_end));
        let stale = it.stale && !view.is_over;
        let direction = view.direction.or(it.direction);
        let persons = self.persons(call, &view);
        let first = first_answer(&persons);
        let unnamed = view.is_answered.then(|| view.started_at.or(view.first_at)).flatten();
        let entry = self.entry_for(call, &view, direction);
        let rules = entry.and_then(|entry| self.rules_of(entry));
        let course = Course {
            direction,
            ended,
            stale,
            first: view.answered_at.or(first.map(|(at, _)| at)).or(unnamed),
            winner: first.map(|(_, name)| name),
            entry,
            ring_min: rules.map_or(RING_MIN, |rules| rules.ring_min),
        };
        self.tell_offers(call, &persons, &course);
        if let Some(entry) = entry {
            self.tell_entry(entry, &view, &course);
        }
        self.tell_call(call, &view, &course);
        self.tell_placing(call, &view, &course);
        self.tell_conversation(call, &view);
        self.prove_reach(call);
        self.wrap_up_after(call);
    }

    /// Everybody whom the story names as rung or talking, one row for each person.
    fn persons(&self, call: CallId, view: &View) -> Vec<Person> {
        let Some(it) = self.state.calls.get(&call) else { return Vec::new() };
        let placed = view.placed_by.as_ref().map(|alias| self.name_of(&it.account, alias));
        let mut persons: Vec<Person> = Vec::new();
        let mut add = |alias: &Alias, at, rang, answered: Option<Wall>, left: Option<Wall>| {
            let name = self.name_of(&it.account, alias);
            if placed.as_ref() == Some(&name) {
                return;
            }
            let Some(known) = persons.iter_mut().find(|known| known.name == name) else {
                let operator = self.operator_id(&name);
                persons.push(Person { name, operator, at, rang, answered, left });
                return;
            };
            known.at = known.at.min(at);
            known.rang |= rang;
            known.answered = match (known.answered, answered) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            known.left = match (known.left, left) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) if !rang => one.and(other), // one stretch of talk still lasts
                (one, other) => one.or(other),
            };
        };
        for (alias, from, to) in &view.talks {
            add(alias, *from, false, Some(*from), *to);
        }
        for rung in &view.rung {
            add(&rung.alias, rung.at, true, rung.answered_at, rung.left_at);
        }
        let start = view.started_at.unwrap_or(it.started_at);
        for alias in &view.handled_by {
            let name = self.name_of(&it.account, alias);
            let told = persons.iter().any(|known| known.name == name && known.answered.is_some());
            if !told && placed.as_ref() != Some(&name) {
                let operator = self.operator_id(&name);
                let answered = Some(start);
                match persons.iter_mut().find(|known| known.name == name) {
                    Some(known) => known.answered = Some(known.at),
                    None => persons.push(Person {
                        name,
                        operator,
                        at: start,
                        rang: false,
                        answered,
                        left: None,
                    }),
                }
            }
        }
        persons.sort_by(|one, other| (one.at, &one.name).cmp(&(other.at, &other.name)));
        persons
    }

    /// The wait of an inbound call in the account's queue; made when it is first needed.
    fn entry_for(
        &mut self,
        call: CallId,
        view: &View,
        direction: Option<Direction>,
    ) -> Option<EntryId> {
        let it = self.state.calls.get(&call)?;
        if let Some(entry) = it.entries.last() {
            return Some(*entry);
        }
        if direction != Some(Direction::In) {
            return None;
        }
        let line = view.line.as_ref().or(it.line.as_ref());
        let client = view.client.as_ref().or(it.client.as_ref());
        let enqueued_at = view.started_at.unwrap_or(it.started_at);
        let (word, parties) = (view.queue.as_deref(), (line, client));
        let rules = self.queue_for(&it.account, word, parties, enqueued_at);
        // A call that no queue is configured for is missed as much as any other.
        let name = rules.map_or_else(|| Name::from(NO_QUEUE), |rules| rules.name.clone());
        let queue = self.queue_named(&name);
        let entry = EntryId(self.state.next.entry);
        self.emit(Record::EntryTold {
            entry,
            call,
            queue,
            config: self.version(),
            enqueued_at,
            done_at: None,
            outcome: None,
            won_by: None,
        });
        Some(entry)
    }

    fn tell_offers(&mut self, call: CallId, persons: &[Person], course: &Course<'_>) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let known: Vec<(Name, OfferId)> = it
            .offers
            .iter()
            .filter_map(|id| self.state.offers.get(id))
            .map(|offer| (offer.name.clone(), offer.id))
            .collect();
        for person in persons {
            let id = known.iter().find(|(name, _)| *name == person.name).map(|(_, id)| *id);
            let before = id.and_then(|id| self.state.offers.get(&id));
            let id = id.unwrap_or(OfferId(self.state.next.offer));
            let told = tell(id, call, person, course, before);
            self.tell_offer(told);
        }
        for (name, id) in known {
            if !persons.iter().any(|person| person.name == name) {
                self.tell_unrung(id, course);
            }
        }
    }

    /// An operator who was named in our answer, or whom later facts took out again.
    fn tell_unrung(&mut self, id: OfferId, course: &Course<'_>) {
        let Some(offer) = self.state.offers.get(&id) else { return };
        let mut told = offer.as_told();
        let end = match (offer.state, course.first, course.ended) {
            (OfferState::Over(OfferEnd::Won), None, Some(_)) => OfferEnd::CallerGone,
            (OfferState::Over(OfferEnd::Won), None, None) => OfferEnd::Failed,
            (OfferState::Over(OfferEnd::Won), Some(_), _) => OfferEnd::Lost,
            (OfferState::Over(_), _, _) => return,
            (OfferState::Dialing | OfferState::Ringing | OfferState::Answered, Some(_), _) => {
                OfferEnd::Lost
            }
            (OfferState::Dialing | OfferState::Ringing | OfferState::Answered, None, ended) => {
                match ended {
                    Some(_) => OfferEnd::CallerGone,
                    None => return,
                }
            }
        };
        told.end = Some(end);
        told.counts = false;
        told.answered_at = None;
        told.taken_by = course.winner.cloned();
        told.over_at = course.first.or(course.ended);
        told.lease_until = None;
        self.tell_offer(told);
    }

    fn tell_offer(&mut self, told: OfferTold) {
        let before = self.state.offers.get(&told.offer);
        if before.is_some_and(|before| before.as_told() == told) {
            return;
        }
        let (offer, missed) = (told.offer, told.counts);
        let known = before.map(|before| (before.rang.is_some(), before.joined.is_some()));
        self.emit(Record::OfferTold(Box::new(told)));
        self.use_turn_told(offer, known.unwrap_or_default());
        if missed {
            self.pause_after_misses(offer);
        }
    }

    /// Uses up the turn of an operator whom a provider rang by our order, or who won by it; once,
    /// whatever is told again. Where a provider distributes by itself turns mean nothing.
    fn use_turn_told(&mut self, id: OfferId, (rang, won): (bool, bool)) {
        let Some(offer) = self.state.offers.get(&id).cloned() else { return };
        let call = self.state.calls.get(&offer.call);
        if call.is_none_or(|call| call.authority != Authority::Advised) {
            return;
        }
        let rings_now = !rang && !won && (offer.rang.is_some() || offer.joined.is_some());
        let wins_now = !won && offer.joined.is_some();
        let at_ringing = rings_now.then(|| self.turn_for(&offer, TurnMoves::AtRinging)).flatten();
        let at_won = wins_now.then(|| self.turn_for(&offer, TurnMoves::AtWon)).flatten();
        let Some(turn) = at_ringing.or(at_won) else { return };
        let (Some(queue), Some(operator)) = (self.state.queue_of(&offer), offer.operator) else {
            return;
        };
        let keys = self.benches.get(&queue).and_then(|bench| bench.keys_of(operator));
        let current = keys.map_or(0, |keys| keys.current);
        let (next_turn, seats) = (turn.saturating_add(1), vec![(operator, turn, current)]);
        self.emit(Record::SeatsKept { queue, next_turn, seats });
    }

    fn tell_entry(&mut self, id: EntryId, view: &View, course: &Course<'_>) {
        let Some(entry) = self.state.entries.get(&id) else { return };
        let Some(call) = self.state.calls.get(&entry.call) else { return };
        let line = view.line.as_ref().or(call.line.as_ref());
        let client = view.client.as_ref().or(call.client.as_ref());
        let (word, parties) = (view.queue.as_deref(), (line, client));
        let began_at = view.started_at.unwrap_or(call.started_at);
        let rules = self.queue_for(&call.account, word, parties, began_at);
        let shut = self.is_shut_for(&call.account, word, parties, began_at);
        let queue = match rules.and_then(|rules| self.state.index.queues.get(&rules.name)) {
            Some(queue) if call.authority == Authority::Observed => *queue,
            Some(_) | None => entry.queue,
        };
        let enqueued_at = match call.authority {
            Authority::Observed => view.started_at.unwrap_or(call.started_at),
            Authority::Advised | Authority::Owned => entry.enqueued.wall,
        };
        let rules = self.rules(queue).or_else(|| self.rules_of(id));
        let outcome =
            rules.and_then(|rules| told_outcome(rules, view, course, (enqueued_at, shut)));
        let left = [Some(Outcome::Abandoned), Some(Outcome::AbandonedShort)].contains(&outcome);
        let to_be_called = left && call.asked_callback;
        let outcome = if to_be_called { Some(Outcome::CallbackTaken) } else { outcome };
        let won = |offer: &&Offer| {
            offer.entry == Some(id) && offer.state == OfferState::Over(OfferEnd::Won)
        };
        let offers = call.offers.iter().filter_map(|offer| self.state.offers.get(offer));
        let won_by = offers.into_iter().find(won).map(|offer| offer.id);
        let done_at = course.first.or(course.ended);
        let same = entry.told
            && entry.queue == queue
            && entry.enqueued.wall == enqueued_at
            && entry.done_at == done_at
            && entry.won_by == won_by
            && entry.state.is_done() == outcome.is_some()
            && outcome.is_none_or(|outcome| entry.state.outcome() == Some(outcome));
        if same {
            return;
        }
        let (call, config) = (entry.call, entry.config.clone());
        self.emit(Record::EntryTold {
            entry: id,
            call,
            queue,
            config,
            enqueued_at,
            done_at,
            outcome,
            won_by,
        });
    }

    fn tell_call(&mut self, id: CallId, view: &View, course: &Course<'_>) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let account = self.roster.account(&call.account);
        let settle = account.map_or(SETTLE, |account| account.settle);
        let settle_at = match (course.ended, call.settled, call.settle_at) {
            (None, _, _) | (_, true, _) => None,
            (Some(_), false, Some(due)) => Some(due),
            (Some(_), false, None) => Some(self.now.mono + settle),
        };
        let quiet_at = view.quiet_at.filter(|_| course.ended.is_none()).map(|at| {
            // The wall clock of the provider may be wrong: never later than the whole wait.
            let due = self.now.mono + at.since(self.now.wall).min(QUIET);
            call.quiet_at.map_or(due, |known| known.min(due))
        });
        let talks = call.offers.iter().filter_map(|offer| self.state.offers.get(offer));
        let connected = talks.into_iter().any(Offer::is_talking);
        let told = Record::CallTold {
            call: id,
            direction: course.direction,
            client: view.client.clone().or_else(|| call.client.clone()),
            line: view.line.clone().or_else(|| call.line.clone()),
            ended_at: course.ended,
            settle_at,
            quiet_at,
            stale: course.stale,
        };
        let is_connected = call.state == super::call::CallState::Connected;
        let before = Record::CallTold {
            call: id,
            direction: call.direction,
            client: call.client.clone(),
            line: call.line.clone(),
            ended_at: call.ended_at,
            settle_at: call.settle_at,
            quiet_at: call.quiet_at,
            stale: call.stale,
        };
        if told != before || connected != is_connected {
            self.emit(told);
        }
    }

    /// Who places an outbound or internal call is busy with it while it lasts.
    fn tell_placing(&mut self, id: CallId, view: &View, course: &Course<'_>) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let placer = view.placed_by.as_ref().map(|alias| self.name_of(&call.account, alias));
        let operator = placer.and_then(|name| self.operator_id(&name));
        let operator = operator.filter(|_| course.ended.is_none());
        if call.placing != operator {
            self.emit(Record::CallPlaced { call: id, operator });
        }
        if course.direction == Some(Direction::Out) {
            self.note_attempt(id);
        }
    }

    fn tell_conversation(&mut self, id: CallId, view: &View) {
        let Some(call) = self.state.calls.get(&id) else { return };
        if !view.is_answered {
            return;
        }
        let answered_at = view.answered_at.unwrap_or(call.started_at);
        let name = view.answered_by.as_ref().map(|alias| self.name_of(&call.account, alias));
        let operator = name.and_then(|name| self.operator_id(&name));
        if call.conversed_at.is_none() {
            let entry = call.entries.last().copied();
            let owner = self.responsible_for(entry);
            self.emit(Record::Conversed { call: id, operator, answered_at });
            self.inform(entry, owner);
        }
        self.made_good(id);
    }

    /// A ring or an answer proves that a device can be reached.
    fn prove_reach(&mut self, call: CallId) {
        let Some(call) = self.state.calls.get(&call).filter(|call| call.is_open()) else { return };
        let offers = call.offers.iter().filter_map(|offer| self.state.offers.get(offer));
        let rang = offers.into_iter().filter(|offer| {
            offer.is_busy() && (offer.ringing_at.is_some() || offer.answered_at.is_some())
        });
        let proven: Vec<OperatorId> = rang
            .filter_map(|offer| offer.operator)
            .chain(call.placing)
            .filter(|id| {
                self.state.operators.get(id).is_some_and(|it| it.reach != Reach::Reachable)
            })
            .collect();
        for operator in proven {
            self.reach_is(operator, Reach::Reachable, None);
        }
    }

    /// Everybody left, nobody talked, and nothing came since: the provider tells no end.
    pub(super) fn close_quiet(&mut self, id: CallId) {
        let Some(left_at) = self.view_of(id).and_then(|view| view.all_left_at) else { return };
        let Some(call) = self.state.calls.get(&id) else { return };
        let key = call.key.strip_prefix(&format!("{}/", call.account)).unwrap_or(&call.key);
        let over = Fact {
            key: key.to_owned(),
            at: left_at,
            source: Source::Live,
            vague: false,
            kind: FactKind::CallEnded { legs: Legs::default(), totals: Totals::default() },
        };
        self.learn(id, &over);
        self.retell(id);
    }

    /// Somebody closed the call for want of news.
    pub(super) fn close_stale(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let account = self.roster.account(&call.account);
        let settle = account.map_or(SETTLE, |account| account.settle);
        let told = Record::CallTold {
            call: id,
            direction: call.direction,
            client: call.client.clone(),
            line: call.line.clone(),
            ended_at: Some(self.now.wall),
            settle_at: Some(self.now.mono + settle),
            quiet_at: None,
            stale: true,
        };
        let unheard = call.story.is_none();
        self.emit(told);
        if unheard {
            self.close_unheard(id);
        }
        self.retell(id);
    }
}

/// What the facts say of one attempt.
fn tell(
    id: OfferId,
    call: CallId,
    person: &Person,
    course: &Course<'_>,
    before: Option<&Offer>,
) -> OfferTold {
    let first_at = course.first;
    let is_first = course.winner.is_some_and(|name| *name == person.name);
    let is_transfer = !is_first && first_at.is_some_and(|first| person.at > first);
    let also_answered = !is_first && person.answered.is_some();
    let left_early = |limit: Wall| person.left.filter(|left| *left + GLARE < limit);
    let (end, over_at) = match (person.answered, first_at, course.ended) {
        (Some(_), _, ended) => (Some(OfferEnd::Won), person.left.or(ended)),
        (None, Some(first), _) if !is_transfer => match left_early(first) {
            Some(left) => (Some(OfferEnd::NoAnswer), Some(left)),
            None => (Some(OfferEnd::Lost), Some(first)),
        },
        (None, _, None) => match person.left {
            Some(left) => (Some(OfferEnd::NoAnswer), Some(left)),
            None => (None, None),
        },
        (None, _, Some(ended)) => match left_early(ended) {
            Some(left) => (Some(OfferEnd::NoAnswer), Some(left)),
            None if course.stale => (Some(OfferEnd::Expired), Some(ended)),
            None => (Some(OfferEnd::CallerGone), Some(ended)),
        },
    };
    // An operator whom we named was offered the call when we named them.
    let ours = before.filter(|before| before.round > 0).map(|before| before.offered_at);
    let rang_for = over_at.map_or(Period::ZERO, |over| over.since(person.at));
    let talks = end == Some(OfferEnd::Won);
    OfferTold {
        offer: id,
        call,
        entry: course.entry.filter(|_| !is_transfer && !also_answered),
        operator: person.operator,
        name: person.name.clone(),
        offered_at: ours.unwrap_or(person.at),
        ringing_at: person.rang.then_some(person.at),
        answered_at: person.answered,
        over_at: if talks { over_at.or(person.left) } else { over_at },
        end,
        counts: end == Some(OfferEnd::NoAnswer) && rang_for >= course.ring_min,
        taken_by: match end {
            Some(OfferEnd::Lost) => course.winner.cloned(),
            Some(_) | None => None,
        },
        lease_until: None,
    }
}

/// Who talked first, and when.
fn first_answer(persons: &[Person]) -> Option<(Wall, &Name)> {
    persons.iter().filter_map(|person| person.answered.map(|at| (at, &person.name))).min()
}

/// How a wait ended, as far as facts tell.
fn told_outcome(
    rules: &QueueSettings,
    view: &View,
    course: &Course<'_>,
    (enqueued_at, shut): (Wall, bool),
) -> Option<Outcome> {
    let ended = course.ended?;
    // Taken for an inbound call before a fact told better: nobody waited.
    if matches!(course.direction, Some(Direction::Out | Direction::Internal)) {
        return Some(Outcome::Withdrawn);
    }
    if course.first.is_some() {
        return Some(Outcome::Answered);
    }
    if course.direction != Some(Direction::In) {
        return Some(Outcome::Withdrawn);
    }
    if course.stale {
        return Some(Outcome::Failed);
    }
    if shut || rules.calendar.as_ref().is_some_and(|calendar| !calendar.is_open(enqueued_at)) {
        return Some(Outcome::Closed);
    }
    let wait = view.wait.unwrap_or_else(|| ended.since(enqueued_at));
    if wait <= rules.service_level.short {
        Some(Outcome::AbandonedShort)
    } else {
        Some(Outcome::Abandoned)
    }
}

/// Who and what line a fact tells, where it does.
fn legs_of(kind: &FactKind) -> Option<&Legs> {
    match kind {
        FactKind::CallStarted(legs)
        | FactKind::OperatorRinging { legs, .. }
        | FactKind::OperatorAnswered { legs, .. }
        | FactKind::Accepted { legs, .. }
        | FactKind::ClientDialled { legs }
        | FactKind::ClientAnswered { legs }
        | FactKind::Told(legs)
        | FactKind::CallEnded { legs, .. }
        | FactKind::Summary { legs, .. } => Some(legs),
        FactKind::OperatorLeft { .. }
        | FactKind::Transferred { .. }
        | FactKind::Recording { .. } => None,
    }
}

/// The key of a call that we were asked about without one.
pub(super) fn keyless(account: &Name, call: CallId) -> String {
    format!("{account}/{call}{KEYLESS}")
}

impl Offer {
    /// The offer in the words of facts.
    pub(super) fn as_told(&self) -> OfferTold {
        let won = self.state == OfferState::Over(OfferEnd::Won);
        OfferTold {
            offer: self.id,
            call: self.call,
            entry: self.entry,
            operator: self.operator,
            name: self.name.clone(),
            offered_at: self.offered_at,
            ringing_at: self.ringing_at,
            answered_at: self.answered_at,
            over_at: if won { self.left_at } else { self.over_at },
            end: self.state.end(),
            counts: self.counts,
            taken_by: self.taken_by.clone(),
            lease_until: self.lease_until,
        }
    }
}
