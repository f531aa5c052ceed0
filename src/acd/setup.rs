//! Start and reload: names get ids, benches are filled, clocks are armed.

use std::sync::Arc;

use super::alarms::Alarm;
use super::bench::{Bench, QueueKeys};
use super::eligible::Facts;
use super::engine::{Engine, Post};
use super::roster::Roster;
use super::settings::{OperatorSettings, ReadyRule, Settings};
use crate::model::{
    By, Intent, Mono, Name, OfferId, OperatorId, Period, QueueId, Record, Wall, WithdrawnBecause,
};

/// A calendar is looked at again after this long at most, so that a wall clock that was set does
/// not leave a queue shut for a day. Smaller costs a look at every calendar more often.
const SCHEDULE_MAX: Period = Period::mins(10);

/// Queues up to this size have every running weight journaled after each round. Larger makes
/// the journal longer, smaller lets a restart disturb the spread a little.
const WEIGHTS_KEPT_MAX: u32 = 64;

impl Engine {
    /// Brings everything that is worked out in line with state and settings.
    pub(super) fn set_up(&mut self) {
        self.offers_from = self.state.next.offer;
        self.name_everything();
        self.seat_everybody();
        self.regroup_episodes();
        if self.state.day_until.is_none_or(|until| until <= self.now.mono) {
            self.turn_day();
        }
        self.follow_schedule();
        self.rearm();
        self.show_everybody();
    }

    /// Takes a new configuration; waits that live keep theirs.
    pub(super) fn reload(&mut self, settings: Arc<Settings>) {
        let before = std::mem::replace(&mut self.roster, Roster::new(settings));
        self.offers_from = self.state.next.offer;
        self.older.insert(before.settings().version.clone(), before);
        let open = self.state.index.open.iter().filter_map(|call| self.state.calls.get(call));
        let planned: Vec<String> = open
            .filter_map(|call| call.course.step.as_ref())
            .map(|step| step.config.clone())
            .collect();
        let held: Vec<String> = self
            .state
            .index
            .waiting
            .values()
            .flatten()
            .filter_map(|(_, entry)| self.state.entries.get(entry))
            .map(|entry| entry.config.clone())
            .chain(planned)
            .collect();
        let version = self.version();
        self.older.retain(|older, _| *older != version && held.contains(older));
        self.name_everything();
        self.seat_everybody();
        self.regroup_episodes();
        self.withdraw_from_removed();
        self.follow_schedule();
        self.rearm();
        self.show_everybody();
    }

    fn name_everything(&mut self) {
        let settings = Arc::clone(self.roster.settings());
        for queue in &settings.queues {
            if !self.state.index.queues.contains_key(&queue.name) {
                let id = QueueId(self.state.next.queue);
                self.emit(Record::QueueNamed { queue: id, name: queue.name.clone() });
            }
        }
        self.posts.clear();
        for (place, operator) in settings.operators.iter().enumerate() {
            let id = match self.operator_id(&operator.name) {
                Some(id) => id,
                None => {
                    let id = OperatorId(self.state.next.operator);
                    let name = operator.name.clone();
                    self.emit(Record::OperatorNamed { operator: id, name });
                    id
                }
            };
            self.posts.insert(id, Post { place: Some(place), queues: 0..0 });
            self.follow_disabling(id, operator.disabled);
        }
        let gone: Vec<OperatorId> = self
            .state
            .operators
            .values()
            .filter(|it| self.roster.operator(&it.name).is_none())
            .map(|it| it.id)
            .collect();
        for id in gone {
            self.follow_disabling(id, true);
        }
    }

    fn follow_disabling(&mut self, id: OperatorId, disabled: bool) {
        let Some(it) = self.state.operators.get(&id) else { return };
        let is_off = it.intent == Intent::Disabled;
        let intent = match (is_off, disabled) {
            (false, true) => Intent::Disabled,
            (true, false) if it.intent_by == By::Config => Intent::Offline,
            (true, _) | (false, false) => return,
        };
        self.emit(Record::IntentSet { operator: id, intent, by: By::Config, until: None });
    }

    /// Fills the benches anew and tells them of everybody. Places that members got by joining
    /// are journaled.
    fn seat_everybody(&mut self) {
        self.benches.clear();
        let mut members = Vec::new();
        let settings = Arc::clone(self.roster.settings());
        for queue in &settings.queues {
            let Some(id) = self.state.index.queues.get(&queue.name).copied() else { continue };
            let keys = self.state.queues.get(&id).map(|it| it.keys.clone()).unwrap_or_default();
            let names = &self.state.index.operators;
            let bench = Bench::new(queue, &|name: &Name| names.get(name).copied(), keys.clone());
            members.extend(bench.members().map(|operator| (operator, id)));
            let after = bench.keys();
            self.benches.insert(id, bench);
            self.keep_seats(id, &keys, &after);
            self.state.dirty.queues.insert(id);
        }
        self.keep_memberships(members);
        let everybody: Vec<OperatorId> = self.state.operators.ids().collect();
        for operator in everybody {
            self.follow(operator);
            self.freed.insert(operator);
        }
    }

    fn keep_memberships(&mut self, mut members: Vec<(OperatorId, QueueId)>) {
        members.sort_by_key(|(operator, _)| *operator); // keeps the order of the queues
        self.memberships = members.iter().map(|(_, queue)| *queue).collect();
        let mut from = 0;
        for own in members.chunk_by(|one, other| one.0 == other.0) {
            let queues = from..from + own.len();
            from = queues.end;
            let Some((operator, _)) = own.first() else { continue };
            match self.posts.get_mut(operator) {
                Some(post) => post.queues = queues,
                None => self.posts.insert(*operator, Post { place: None, queues }),
            }
        }
    }

    fn keep_seats(&mut self, queue: QueueId, before: &QueueKeys, after: &QueueKeys) {
        let changed = after.seats.iter().filter(|(id, keys)| before.seats.get(id) != Some(keys));
        let seats: Vec<(OperatorId, u64, i64)> =
            changed.map(|(id, keys)| (*id, keys.turn, keys.current)).collect();
        if !seats.is_empty() {
            self.emit(Record::SeatsKept { queue, next_turn: after.next_turn, seats });
        }
    }

    /// Counts a round of smooth weights and journals what it moved; of a large queue only the
    /// one who was taken, because the others are made up for in the next rounds.
    pub(super) fn count_round(&mut self, queue: QueueId, operator: OperatorId) {
        let Some(bench) = self.benches.get_mut(&queue) else { return };
        let Some(keys) = bench.count_round(operator) else { return };
        let Some(known) = self.state.queues.get(&queue).map(|it| &it.keys) else { return };
        if bench.counts().members <= WEIGHTS_KEPT_MAX {
            let (before, after) = (known.clone(), bench.keys());
            self.keep_seats(queue, &before, &after);
        } else {
            let next_turn = known.next_turn;
            let seats = vec![(operator, keys.turn, keys.current)];
            self.emit(Record::SeatsKept { queue, next_turn, seats });
        }
    }

    /// Tells the benches of an operator's queues how the operator stands.
    pub(super) fn follow(&mut self, id: OperatorId) {
        let Some(Post { place, queues }) = self.posts.get(&id) else { return };
        let queues = self.memberships.get(queues.clone()).unwrap_or_default();
        let Some(it) = self.state.operators.get(&id) else { return };
        let settings = place.and_then(|place| self.roster.settings().operators.get(place));
        let (talking, ringing, dialing) = self.state.burdens(id);
        let facts = Facts {
            intent: &it.intent,
            reach: it.reach,
            offers: ringing.saturating_add(dialing),
            talking,
            wrap_up_until: it.wrap_up.map(|wrap| wrap.until),
            calls_max: settings.map_or(1, |settings| settings.calls_max),
            outside_call: self.state.index.placing.contains_key(&id),
            disabled: settings.is_none_or(|settings| settings.disabled),
            skills: settings.map_or(&[], |settings| settings.skills.as_slice()),
            tally: &it.tally,
        };
        for queue in queues {
            if let Some(bench) = self.benches.get_mut(queue) {
                bench.update(id, &facts, self.now.mono);
            }
        }
        self.state.dirty.queues.extend(queues.iter().copied());
    }

    fn withdraw_from_removed(&mut self) {
        let busy = self.state.index.busy.iter();
        let offers = busy.flat_map(|(operator, offers)| offers.iter().map(|it| (*operator, *it)));
        let offers: Vec<_> = offers
            .filter(|(operator, offer)| {
                let it = self.state.operators.get(operator);
                it.is_none_or(|it| it.intent == Intent::Disabled)
                    || self.is_out_of_queue(*operator, *offer)
            })
            .map(|(_, offer)| offer)
            .collect();
        for offer in offers {
            self.withdraw(offer, WithdrawnBecause::Removed);
        }
    }

    /// Whether an offer is of a queue that still is there and has the operator no longer. Callers
    /// of a queue that was removed as a whole are served to the end.
    fn is_out_of_queue(&self, operator: OperatorId, offer: OfferId) -> bool {
        let offer = self.state.offers.get(&offer);
        let queue = offer.and_then(|offer| self.state.queue_of(offer));
        let bench = queue.and_then(|queue| self.benches.get(&queue));
        bench.is_some_and(|bench| bench.ruling(operator).is_none())
    }

    /// Arms every alarm anew and looks at every wait once.
    fn rearm(&mut self) {
        self.alarms = super::alarms::Alarms::default();
        let waiting = self.state.index.waiting.values().flatten().map(|(_, entry)| *entry);
        let waiting: Vec<_> = waiting.collect();
        self.wanted.extend(waiting.iter().copied());
        self.state.dirty.entries.extend(waiting);
        let busy: Vec<_> = self.state.index.busy.values().flatten().copied().collect();
        let live = self.state.index.live.values().flatten().copied().chain(busy);
        for offer in live.collect::<Vec<_>>() {
            self.arm_offer(offer);
        }
        for call in self.state.calls.keys().copied().collect::<Vec<_>>() {
            self.arm_call(call);
        }
        for operator in self.state.operators.ids().collect::<Vec<_>>() {
            self.arm_operator(operator);
        }
        for episode in self.state.episodes.keys().copied().collect::<Vec<_>>() {
            self.arm_episode(episode);
        }
        for token in self.state.tokens.keys().copied().collect::<Vec<_>>() {
            self.arm_token(token);
        }
        self.alarms.set(Alarm::Day, self.state.day_until);
        self.arm_schedule();
    }

    /// Arms what the records of this input touched.
    pub(super) fn arm(&mut self) {
        for offer in std::mem::take(&mut self.state.dirty.armed_offers) {
            self.arm_offer(offer);
        }
        for call in std::mem::take(&mut self.state.dirty.armed_calls) {
            self.arm_call(call);
        }
        for operator in std::mem::take(&mut self.state.dirty.armed_operators) {
            self.arm_operator(operator);
        }
        for entry in std::mem::take(&mut self.state.dirty.entries) {
            self.arm_entry(entry);
        }
        for episode in std::mem::take(&mut self.state.dirty.armed_episodes) {
            self.arm_episode(episode);
        }
        for token in std::mem::take(&mut self.state.dirty.armed_tokens) {
            self.arm_token(token);
        }
        let fading = self.state.index.fading.first().map(|(due, _)| *due);
        if self.alarms.due(Alarm::Fade) != fading {
            self.alarms.set(Alarm::Fade, fading);
        }
        if self.alarms.due(Alarm::Day) != self.state.day_until {
            self.alarms.set(Alarm::Day, self.state.day_until);
        }
    }

    fn arm_offer(&mut self, id: OfferId) {
        let live = self.state.offers.get(&id).filter(|offer| offer.state.is_live());
        let due = live.and_then(|offer| earliest([offer.ring_until, offer.lease_until]));
        self.alarms.set(Alarm::Offer(id), due);
    }

    fn arm_call(&mut self, id: crate::model::CallId) {
        let due = self.state.calls.get(&id).and_then(|call| {
            let open = call.is_open();
            let quiet = call.quiet_at.filter(|_| open);
            let course = call.course.due_at.filter(|_| open);
            earliest([call.settle_at, quiet, call.stale_at.filter(|_| open), course])
        });
        self.alarms.set(Alarm::Call(id), due);
    }

    fn arm_operator(&mut self, id: OperatorId) {
        let due = self.state.operators.get(&id).and_then(|it| {
            earliest([it.wrap_up.map(|wrap| wrap.until), it.intent_until, it.reach_until])
        });
        self.alarms.set(Alarm::Operator(id), due);
    }

    /// The site's day begins: counters by day start over.
    pub(super) fn turn_day(&mut self) {
        let zone = self.roster.settings().timezone.clone();
        let left = until_midnight(self.now.wall, zone).unwrap_or(Period::days(1));
        self.emit(Record::DayTurned { until: self.now.mono + left });
    }

    /// Who is ready by the calendar follows it; boards are told which queues are open.
    pub(super) fn follow_schedule(&mut self) {
        let settings = Arc::clone(self.roster.settings());
        for operator in settings.operators.iter().filter(|it| it.ready == ReadyRule::Always) {
            self.follow_calendar(operator);
        }
        self.state.dirty.queues.extend(self.benches.keys().copied());
        self.arm_schedule();
    }

    /// The schedule moves an intent only from one of its own words to the other: whoever went on
    /// a break comes back by themselves.
    fn follow_calendar(&mut self, settings: &OperatorSettings) {
        let Some(id) = self.operator_id(&settings.name) else { return };
        let queues = self.queues_of(id).to_vec();
        let mut rules = queues.iter().filter_map(|queue| self.rules(*queue));
        let open = rules.any(|rules| self.is_open(rules));
        let Some(it) = self.state.operators.get(&id) else { return };
        let intent = match (&it.intent, &it.intent_by, open) {
            (Intent::Offline, By::Schedule | By::Config, true) => Intent::Ready,
            (Intent::Ready, _, false) => Intent::Offline,
            (
                Intent::Offline
                | Intent::Ready
                | Intent::Break { .. }
                | Intent::Dnd
                | Intent::Disabled,
                _,
                _,
            ) => return,
        };
        self.emit(Record::IntentSet { operator: id, intent, by: By::Schedule, until: None });
    }

    fn arm_schedule(&mut self) {
        let now = self.now;
        let changes = self.roster.settings().queues.iter().filter_map(|queue| {
            queue.calendar.as_ref().and_then(|calendar| calendar.next_change(now.wall))
        });
        let due = changes
            .min()
            .map(|at| now.mono + at.since(now.wall).clamp(Period::millis(1), SCHEDULE_MAX));
        self.alarms.set(Alarm::Schedule, due);
    }
}

/// The first of several due times.
pub(super) fn earliest<const N: usize>(dues: [Option<Mono>; N]) -> Option<Mono> {
    dues.into_iter().flatten().min()
}

/// How long the local day of a moment still lasts.
fn until_midnight(at: Wall, zone: jiff::tz::TimeZone) -> Option<Period> {
    let local = jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(zone);
    let next = local.tomorrow().ok()?.start_of_day().ok()?;
    Some(Wall(next.timestamp().as_millisecond()).since(at))
}
