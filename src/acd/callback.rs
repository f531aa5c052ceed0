//! Callbacks: clients who gave up the telephone and keep their place in the queue.
//!
//! Operator first: when the turn comes an operator's telephone rings, and the client's once it
//! is picked up. Client first: the client's rings once an operator is free, and who picks up waits
//! like any caller. Where we cannot dial, the turn is a notice: the missed call becomes the
//! operator's. Any conversation with the client, whoever called, ends it.

use std::collections::BTreeSet;

use super::alarms::Alarm;
use super::eligible::Bars;
use super::engine::Engine;
use super::entry::EntryState;
use super::escalate::note_step;
use super::io::{Effect, LegEvent, LegReason, Refusal};
use super::pick::{Ask, Ease, Request};
use super::roster::NO_QUEUE;
use super::settings::{Callback, CallbackFirst, QueueSettings};
use super::setup::earliest;
use super::token::{Token, TokenState};
use crate::model::{
    Authority, CallId, Disposition, EndedBy, EntryId, EpisodeState, LegId, Mono, Name, Now, Number,
    Outcome, Period, Record, StepKind, TokenEnd, TokenId, Wall,
};

/// Between the end of the client's call and the first attempt: time to put the telephone down.
const REST: Period = Period::secs(5);

/// When a callback is looked at again for which nothing can be done now: the client talks to
/// us, a colleague dials them, nobody is there. Shorter looks for nothing, longer comes late.
const LATER: Period = Period::mins(1);

/// A moment on the wall clock is looked at again after this long at most, because that clock
/// may be set.
const SLEEP_MAX: Period = Period::hours(1);

/// Openings and quiet hours that are looked through for the next moment to call.
const HOURS_MAX: u32 = 16;

static NOBODY: BTreeSet<crate::model::OperatorId> = BTreeSet::new();

impl Engine {
    /// The client of a waiting call wants to be called back.
    pub(super) fn ask_callback(&mut self, call: CallId) -> Result<(), Refusal> {
        let it = self.state.calls.get(&call).ok_or(Refusal::Unknown("call"))?;
        let entry = it.entries.last().and_then(|entry| self.state.entries.get(entry));
        let entry = entry.filter(|entry| entry.state.is_waiting() && it.is_open());
        let Some(entry) = entry.filter(|_| it.token.is_none()).map(|entry| entry.id) else {
            return Err(Refusal::Conflict(String::from("the caller does not wait")));
        };
        if it.client_e164().is_none() {
            return Err(Refusal::Conflict(String::from("the caller hid the number")));
        }
        self.take_callback(entry);
        Ok(())
    }

    /// A wait becomes a callback with the place and the time of the wait. Callers without a
    /// number go on waiting.
    pub(super) fn take_callback(&mut self, entry: EntryId) {
        if !self.make_token(entry) {
            self.wanted.insert(entry);
            return;
        }
        let Some(call) = self.state.entries.get(&entry).map(|it| it.call) else { return };
        let owned = |call: &super::call::Call| call.authority == Authority::Owned;
        if self.state.calls.get(&call).is_some_and(owned) {
            self.give_up(entry, Outcome::CallbackTaken);
        } else {
            self.retell(call);
        }
    }

    /// Makes the token of a wait; false for callers without a number.
    pub(super) fn make_token(&mut self, entry: EntryId) -> bool {
        let Some(it) = self.state.entries.get(&entry) else { return false };
        let Some(call) = self.state.calls.get(&it.call) else { return false };
        let Some(client) = call.client_e164() else { return false };
        let (id, owned, queue) = (call.id, call.authority == Authority::Owned, it.queue);
        let (first, class) = (it.first, it.class);
        if self.token_in_group(&client, &it.queue_name).is_some() {
            return true;
        }
        let keep = self.rules_of(entry).map_or(Callback::default().keep, |it| it.callback.keep);
        let token = TokenId(self.state.next.token);
        self.emit(Record::TokenMade {
            token,
            call: id,
            queue,
            client,
            dials: owned,
            first,
            class,
            until: self.now.mono + keep,
            wake_at: self.now.mono + REST,
        });
        if !owned {
            self.emit(Record::TokenLent { token, call: id }); // until the provider ends it
        }
        true
    }

    /// The callback of a client in the group of a queue.
    fn token_in_group(&self, client: &Number, queue: &Name) -> Option<&Token> {
        let group = |name: &Name| {
            self.roster.queue(name).map_or_else(|| name.clone(), |rules| rules.group.clone())
        };
        let wanted = group(queue);
        let tokens = self.state.tokens_of(client).into_iter();
        tokens
            .filter_map(|id| self.state.tokens.get(&id))
            .find(|token| group(&token.queue_name) == wanted)
    }

    /// A client who calls again takes the place of their own callback: since when they wait, and
    /// with which class.
    /// Whatever was under way for the callback stops.
    pub(super) fn take_own_place(&mut self, call: CallId, queue: &Name) -> Option<(Now, u8)> {
        let it = self.state.calls.get(&call)?;
        if !it.entries.is_empty() || it.token.is_some() {
            return None;
        }
        let token = self.token_in_group(&it.client_e164()?, queue)?;
        let (id, first, class, state) = (token.id, token.first, token.class, token.state);
        match state {
            TokenState::Lent(_) => return None, // on another telephone already
            TokenState::Asleep(_) => self.emit(Record::TokenLent { token: id, call }),
            TokenState::Woken(attempt) => {
                self.emit(Record::TokenLent { token: id, call });
                self.end_call(attempt, LegReason::Withdrawn);
            }
        }
        Some((first, class))
    }

    /// The call of a client in the place of a callback is over: talked, or asleep again.
    pub(super) fn give_place_back(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let talked = it.conversed_at.is_some();
        let tokens = it.client_e164().map(|client| self.state.tokens_of(&client));
        for token in tokens.unwrap_or_default() {
            let state = self.state.tokens.get(&token).map(|it| it.state);
            let own = [Some(TokenState::Lent(call)), Some(TokenState::Woken(call))];
            if !own.contains(&state) {
                continue;
            }
            if talked {
                self.close_token(token, TokenEnd::Reached);
            } else {
                self.sleep(token, self.now.mono + REST, None);
            }
        }
    }

    fn sleep(&mut self, token: TokenId, wake_at: Mono, how: Option<(CallId, Disposition)>) {
        let tried = how.is_some();
        self.emit(Record::TokenSlept { token, wake_at, tried, how });
    }

    /// Ends a callback with what is under way for it; a conversation of its own goes on.
    pub(super) fn close_token(&mut self, id: TokenId, because: TokenEnd) {
        let Some(token) = self.state.tokens.get(&id) else { return };
        let attempt = match token.state {
            TokenState::Woken(call) => Some(call),
            TokenState::Asleep(_) | TokenState::Lent(_) => None,
        };
        self.emit(Record::TokenClosed { token: id, because });
        let Some(call) = attempt.and_then(|call| self.state.calls.get(&call)) else { return };
        if call.conversed_at.is_none() {
            let id = call.id;
            self.end_call(id, LegReason::Withdrawn);
        }
    }

    /// Somebody talked with a client in a call: nobody has to call back.
    pub(super) fn close_tokens_of(&mut self, client: &Number, call: CallId, talked_at: Wall) {
        for id in self.state.tokens_of(client) {
            let Some(token) = self.state.tokens.get(&id) else { continue };
            let own = [TokenState::Woken(call), TokenState::Lent(call)].contains(&token.state);
            let since = self.state.calls.get(&token.call).map(|made| made.started_at);
            // Without its first call in memory the callback is older than any news.
            if own || since.is_none_or(|since| talked_at >= since) {
                self.close_token(id, TokenEnd::Reached);
            }
        }
    }

    /// A person closed the missed call: nobody is to call back.
    pub(super) fn withdraw_tokens(&mut self, client: &Number, group: &Name) {
        while let Some(id) = self.token_in_group(client, group).map(|token| token.id) {
            self.close_token(id, TokenEnd::Withdrawn);
        }
    }

    /// The alarm of a callback rang.
    pub(super) fn token_due(&mut self, id: TokenId) {
        let now = self.now.mono;
        let Some(token) = self.state.tokens.get(&id) else { return };
        if token.until <= now {
            self.close_token(id, TokenEnd::Expired);
            return;
        }
        match token.state {
            TokenState::Asleep(wake_at) if wake_at <= now => self.wake(id),
            TokenState::Asleep(_) | TokenState::Woken(_) | TokenState::Lent(_) => {
                self.state.dirty.armed_tokens.insert(id);
            }
        }
    }

    pub(super) fn arm_token(&mut self, id: TokenId) {
        let due = self.state.tokens.get(&id).and_then(|token| {
            let wake = match token.state {
                TokenState::Asleep(wake_at) => Some(wake_at),
                TokenState::Woken(_) | TokenState::Lent(_) => None,
            };
            earliest([wake, Some(token.until)])
        });
        self.alarms.set(Alarm::Token(id), due);
    }

    /// The turn of a callback may come: its place is in the queue again.
    fn wake(&mut self, id: TokenId) {
        let Some(token) = self.state.tokens.get(&id).cloned() else { return };
        let is_queue = |rules: &&std::sync::Arc<QueueSettings>| rules.name.as_str() != NO_QUEUE;
        let Some(rules) = self.roster.queue(&token.queue_name).filter(is_queue).cloned() else {
            self.close_token(id, TokenEnd::Withdrawn);
            return;
        };
        if token.tries >= rules.callback.tries {
            self.close_token(id, TokenEnd::NoContact);
            return;
        }
        if let Some(until) = self.not_before(&token, &rules) {
            self.sleep(id, until, None);
            return;
        }
        if !token.dials {
            self.notice(&token, &rules);
            return;
        }
        let call = self.new_call_id();
        self.emit(Record::TokenWoken { token: id, call });
        let entry = EntryId(self.state.next.entry);
        let (config, queue, first) = (self.version(), token.queue, token.first);
        let (class, target) = (token.class, None);
        self.emit(Record::EntryQueued { entry, call, queue, config, first, class, target });
        self.wanted.insert(entry);
    }

    /// Until when a client is not to be called: out of hours, in a call with us, or dialled by a
    /// colleague at this moment.
    fn not_before(&self, token: &Token, rules: &QueueSettings) -> Option<Mono> {
        let now = self.now;
        let callable = self.callable_at(rules);
        if callable > now.wall {
            return Some(now.mono + callable.since(now.wall).clamp(Period(1), SLEEP_MAX));
        }
        let own = |id: CallId| token.state == TokenState::Woken(id);
        let open = self.state.index.open.iter().filter(|id| !own(**id));
        let mut calls = open.filter_map(|id| self.state.calls.get(id));
        let talks = calls.any(|call| call.client_e164().as_ref() == Some(&token.client));
        let episodes = self.open_episodes(&token.client).into_iter();
        let mut rows = episodes.filter_map(|id| self.state.episodes.get(&id));
        let dialled = rows.any(|row| match &row.state {
            EpisodeState::Attempting { until, .. } => *until > now.wall,
            EpisodeState::Open
            | EpisodeState::Assigned
            | EpisodeState::NoContact
            | EpisodeState::Closed(_) => false,
        });
        (talks || dialled).then(|| now.mono + LATER)
    }

    /// The next moment at which clients of a queue may be called.
    fn callable_at(&self, rules: &QueueSettings) -> Wall {
        let mut at = self.now.wall;
        for _ in 0..HOURS_MAX {
            let shut = rules.calendar.as_ref().filter(|calendar| !calendar.is_open(at));
            let opens = shut.map(|calendar| calendar.next_change(at).unwrap_or(at + SLEEP_MAX));
            let zone = &self.roster.settings().timezone;
            match opens.or_else(|| quiet_until(at, rules.callback.quiet, zone)) {
                Some(later) => at = later,
                None => break,
            }
        }
        at
    }

    /// The turn of a callback that we cannot dial: the missed call becomes the work of an
    /// operator who is free now, and their screen shows it.
    fn notice(&mut self, token: &Token, rules: &QueueSettings) {
        let key = (Some(token.client.clone()), rules.group.clone());
        let episode = self.state.index.episodes.get(&key).copied();
        let Some(row) = episode.and_then(|id| self.state.episodes.get(&id)) else {
            self.close_token(token.id, TokenEnd::Withdrawn);
            return;
        };
        let mut row = row.clone();
        let offered = row.steps.iter().filter(|step| step.kind == StepKind::Offered);
        let offered = offered.filter_map(|step| self.operator_id(step.owner.as_ref()?)).collect();
        let request = Request {
            entry: EntryId(token.id.0),
            round: u32::from(token.tries).saturating_add(1),
            authority: Authority::Advised,
            open: true,
            now: self.now.mono,
            waited: self.now.mono.since(token.first.mono),
            ringing_for: Period::ZERO,
            live: 0,
            waiting: 1,
            only: None,
            first: None,
            ask: Ask::Order(1),
            bars: Bars { backed_off: &NOBODY, excluded: &offered, tried: &NOBODY },
            ease: Ease::default(),
        };
        let choice = self.benches.get_mut(&token.queue).map(|bench| bench.choose(&request));
        let chosen = choice.and_then(|choice| choice.chosen.first().copied());
        let chosen = chosen.and_then(|it| self.state.operators.get(&it.operator));
        let Some(name) = chosen.map(|operator| operator.name.clone()) else {
            self.sleep(token.id, self.now.mono + LATER, None);
            return;
        };
        let wake_at = self.now.mono + rules.callback.retry_after(token.tries.saturating_add(1));
        self.emit(Record::TokenSlept { token: token.id, wake_at, tried: true, how: None });
        row.owner = Some(name.clone());
        row.state = EpisodeState::Assigned;
        note_step(&mut row, StepKind::Offered, Some(name), self.now.wall);
        self.next_step_in_a_while(&mut row);
        self.save_episode(row);
    }

    /// The callback that a call is an attempt of.
    pub(super) fn token_of(&self, call: CallId) -> Option<TokenId> {
        self.state.calls.get(&call).and_then(|call| call.token)
    }

    /// Looks at a callback in its queue: an operator is offered it, one at a time.
    pub(super) fn consider_callback(&mut self, entry: EntryId, token: TokenId) {
        let Some(call) = self.state.entries.get(&entry).map(|entry| entry.call) else { return };
        let on_line = self.state.calls.get(&call).and_then(|call| call.leg);
        if on_line.is_none() && self.state.index.live.contains_key(&entry) {
            return;
        }
        let rules = self.rules_of(entry).cloned();
        let token = self.state.tokens.get(&token).cloned();
        let Some((token, rules)) = token.zip(rules) else {
            self.end_call(call, LegReason::Withdrawn);
            return;
        };
        if let Some(leg) = on_line {
            if self.has_waited_enough(entry, leg, &rules) {
                self.callback_over(call, Disposition::Cancelled);
                return;
            }
        } else if self.rings_client(call) {
            return;
        } else if let Some(until) = self.not_before(&token, &rules) {
            self.sleep(token.id, until, None);
            self.end_call(call, LegReason::Withdrawn);
            return;
        } else if rules.callback.first == CallbackFirst::Client {
            if self.anybody_for(entry) {
                self.ring_client_first(call, &rules);
            }
            return;
        }
        if let Some(sticky) = &rules.sticky
            && !self.hold_for_responsible(entry, &rules, sticky)
        {
            return;
        }
        self.round(entry, &rules, None);
    }

    /// Whether the client's telephone rings before anybody of ours has the callback.
    pub(super) fn rings_client(&self, call: CallId) -> bool {
        self.state
            .calls
            .get(&call)
            .is_some_and(|it| it.token.is_some() && it.leg.is_none() && it.course.due_at.is_some())
    }

    /// Whether a client who was rung first and picked up has waited as long as a caller may.
    fn has_waited_enough(&self, entry: EntryId, leg: LegId, rules: &QueueSettings) -> bool {
        let since = self.state.legs.get(&leg).map_or(Mono(0), |leg| leg.since);
        let entry = self.state.entries.get(&entry);
        entry.is_none_or(|entry| self.nobody_can_serve(entry))
            || self.now.mono.since(since) >= rules.wait_max
    }

    /// The client's telephone rings; they wait for an operator once they picked up.
    fn ring_client_first(&mut self, call: CallId, rules: &QueueSettings) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let Some(number) = it.client_e164() else { return };
        let account = Some(it.account.clone());
        let due_at = Some(self.now.mono + rules.callback.ring);
        self.emit(Record::StepTaken { call, step: None, due_at });
        let leg = LegId(self.state.next.leg);
        let made = Some(number.clone());
        self.emit(Record::LegMade { leg, call, offer: None, number: made });
        self.act(Effect::DialOut { leg, call, number, with: None, account, by: None });
        self.note_attempt(call);
    }

    /// When a callback in its queue is looked at again if nothing else happens.
    pub(super) fn callback_look(&self, entry: &super::entry::Entry) -> Option<Mono> {
        let now = self.now.mono;
        let back_off = entry.back_off.values().copied().filter(|until| *until > now).min();
        let hold = entry.hold.map(|hold| hold.until).filter(|until| *until > now);
        let tier = self.benches.get(&entry.queue);
        let tier = tier.and_then(|bench| bench.next_tier_at(entry.waited(self.now)));
        let tier = tier.map(|length| entry.first.mono + length);
        let asked = entry.owner.filter(|ask| ask.waits(now)).map(|ask| ask.until);
        let leg = self.state.calls.get(&entry.call).and_then(|call| call.leg);
        let since = leg.and_then(|leg| self.state.legs.get(&leg)).map(|leg| leg.since);
        let wait_max = self.rules_of(entry.id).map(|rules| rules.wait_max);
        let line = since.zip(wait_max).map(|(since, wait_max)| since + wait_max);
        let again = self.again.get(&entry.id).copied();
        let line = line.filter(|due| *due > now);
        let pass = entry.pass_until.filter(|until| *until > now);
        earliest([back_off, hold, asked, tier, line, pass, again, Some(now + LATER)])
    }

    /// How long an operator of a callback is kept after picking up.
    pub(super) fn client_ring_max(&self, call: CallId) -> Option<Period> {
        let call = self.state.calls.get(&call);
        let call = call.filter(|call| call.token.is_some() && call.leg.is_none())?;
        let rules = call.entries.last().and_then(|entry| self.rules_of(*entry));
        Some(rules.map_or(Callback::default().ring, |rules| rules.callback.ring))
    }

    /// How long an operator who did not take an offer is left alone: nobody waits on the line for
    /// a callback, so it need not ring again and again.
    pub(super) fn callback_retry(&self, call: CallId, retry: Period) -> Period {
        if self.is_unjoined_callback(call) { retry.max(LATER) } else { retry }
    }

    /// Whether a call is a callback whose client is not on the line.
    pub(super) fn is_unjoined_callback(&self, call: CallId) -> bool {
        self.state.calls.get(&call).is_some_and(|it| it.token.is_some() && it.leg.is_none())
    }

    /// The operator of a callback picked up: the client is dialled, unless they ring already.
    pub(super) fn call_client_back(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        let (Some(_), Some(number)) = (it.token, it.client_e164()) else { return };
        if !it.course.legs.is_empty() {
            return;
        }
        let account = Some(it.account.clone());
        let claimed = self.claimed_offer(call).and_then(|offer| self.state.offers.get(&offer));
        let Some(with) = claimed.and_then(|offer| offer.leg) else { return };
        let leg = LegId(self.state.next.leg);
        let made = Some(number.clone());
        self.emit(Record::LegMade { leg, call, offer: None, number: made });
        let with = Some(with);
        self.act(Effect::DialOut { leg, call, number, with, account, by: None });
        self.note_attempt(call);
    }

    /// Something happened to the client's leg of a callback.
    pub(super) fn client_leg(&mut self, call: CallId, leg: LegId, event: LegEvent) {
        let claimed = self.claimed_offer(call);
        let operator =
            claimed.and_then(|offer| self.state.offers.get(&offer)).and_then(|it| it.leg);
        match event {
            LegEvent::Answered => match operator {
                Some(operator) => self.act(Effect::Bridge { caller: leg, operator }),
                None => {
                    self.emit(Record::ClientOnLine { call, leg });
                    let it = self.state.calls.get(&call);
                    self.wanted.extend(it.and_then(|it| it.entries.last().copied()));
                }
            },
            LegEvent::Ended(by) => self.callback_over(call, disposition_of(by)),
            LegEvent::Ringing | LegEvent::Bridged | LegEvent::Held | LegEvent::Resumed => {}
        }
    }

    fn claimed_offer(&self, call: CallId) -> Option<crate::model::OfferId> {
        let call = self.state.calls.get(&call)?;
        let entry = self.state.entries.get(call.entries.last()?)?;
        match entry.state {
            EntryState::Claimed(offer) => Some(offer),
            EntryState::Waiting
            | EntryState::Offering
            | EntryState::Bridged(_)
            | EntryState::Done(_) => None,
        }
    }

    /// The operator of a callback went before the client was joined: nobody else is put there,
    /// because the client's telephone rings or rang.
    pub(super) fn callback_dropped(&mut self, call: CallId, lapsed: bool) {
        let how = if lapsed { Disposition::NoAnswer } else { Disposition::Cancelled };
        self.callback_over(call, how);
    }

    /// An attempt is over: a conversation that ended, or nobody reached and the next attempt.
    pub(super) fn callback_over(&mut self, call: CallId, how: Disposition) {
        let Some(it) = self.state.calls.get(&call).filter(|call| call.is_open()) else { return };
        let token = it.token.filter(|_| it.conversed_at.is_none());
        let rules = it.entries.last().and_then(|entry| self.rules_of(*entry));
        let rules = rules.map(|rules| rules.callback.clone()).unwrap_or_default();
        if let Some(token) = token.filter(|id| self.state.tokens.contains_key(id)) {
            let tries = self.state.tokens.get(&token).map_or(0, |it| it.tries);
            let wait = rules.retry_after(tries.saturating_add(1));
            self.sleep(token, self.now.mono + wait, Some((call, how)));
            let tries = self.state.tokens.get(&token).map_or(0, |it| it.tries);
            if tries >= rules.tries {
                self.emit(Record::TokenClosed { token, because: TokenEnd::NoContact });
            }
        }
        self.end_call(call, LegReason::CallerGone);
    }

    /// The process started again. What rang or was dialled is lost: the callback sleeps and its
    /// turn comes again. True where there was nothing to lose.
    pub(super) fn callback_survives(&mut self, call: CallId) -> bool {
        let Some(it) = self.state.calls.get(&call) else { return false };
        let Some(token) = it.token.filter(|token| self.state.tokens.contains_key(token)) else {
            return false;
        };
        let outside = !self.is_undialled(call);
        let entry = it.entries.last().copied();
        if !outside && entry.is_some_and(|entry| !self.state.index.live.contains_key(&entry)) {
            return true;
        }
        let how = outside.then_some((call, Disposition::Failed));
        self.sleep(token, self.now.mono + REST, how);
        false
    }

    /// Who of us is in the conversation or the attempt of a callback.
    pub(super) fn callback_by(&self, call: CallId) -> Option<Name> {
        let call = self.state.calls.get(&call).filter(|call| call.token.is_some())?;
        let offers = call.offers.iter().rev().filter_map(|id| self.state.offers.get(id));
        let mut picked = offers.filter(|offer| offer.answered_at.is_some());
        picked.next().map(|offer| offer.name.clone())
    }

    /// Whether a leg is the client's of a callback that is not joined yet.
    pub(super) fn is_callback_leg(&self, call: CallId, leg: LegId) -> bool {
        self.state.calls.get(&call).is_some_and(|it| {
            it.token.is_some() && it.leg.is_none() && it.course.legs.contains(&leg)
        })
    }

    /// The client's leg of a callback that is not joined yet.
    pub(super) fn client_leg_of(&self, call: CallId) -> Option<LegId> {
        let it = self.state.calls.get(&call).filter(|call| call.token.is_some())?;
        it.course.legs.last().copied()
    }

    /// Whether a call is a callback whose client was not dialled.
    pub(super) fn is_undialled(&self, call: CallId) -> bool {
        let course = self.state.calls.get(&call).map(|it| (it.leg, &it.course));
        let rung = course.is_some_and(|(leg, course)| {
            leg.is_some() || !course.legs.is_empty() || !course.past.is_empty()
        });
        self.token_of(call).is_some() && self.callback_by(call).is_none() && !rung
    }
}

/// What the end of the client's leg says of an attempt that reached nobody.
const fn disposition_of(by: EndedBy) -> Disposition {
    match by {
        EndedBy::Busy | EndedBy::Rejected => Disposition::Busy,
        EndedBy::Unreachable | EndedBy::Failed | EndedBy::Restart => Disposition::Failed,
        EndedBy::Party | EndedBy::Stale => Disposition::NoAnswer,
        EndedBy::Us => Disposition::Cancelled,
    }
}

/// The end of the quiet hours, when it is in them.
fn quiet_until(at: Wall, quiet: (u16, u16), zone: &jiff::tz::TimeZone) -> Option<Wall> {
    let (from, to) = quiet;
    let local = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone.clone());
    let hour = u16::try_from(local.hour()).ok()?;
    let minute = hour * 60 + u16::try_from(local.minute()).ok()?;
    let is_quiet = match from <= to {
        true => (from..to).contains(&minute),
        false => minute >= from || minute < to,
    };
    if !is_quiet {
        return None;
    }
    let left = (u64::from(to) + 24 * 60 - u64::from(minute)) % (24 * 60);
    let into = u64::try_from(local.second()).ok()?;
    Some(at + Period::secs((left.max(1) * 60).saturating_sub(into).max(1)))
}
