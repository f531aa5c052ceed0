//! Overflow: what becomes of a caller whom the queue does not serve in the usual way.
//!
//! A step either makes the wait easier (a tier opens early, a skill is done without, members of
//! another queue join in) or takes the caller out of it. Every step is journaled, stands in a
//! decision record of its own, and is taken once for each wait. Which one is due is decided in
//! `strategy/overflow.rs`; the alarm of the wait is set for the next that may be.
//!
//! An announcement and a message need media. Until there is any, a caller who is to hear an
//! announcement is let go of without, and one who is to leave a message becomes an item for those
//! who call back.

use super::arrive::{OUTSIDE_RING_MAX, Rank};
use super::engine::Engine;
use super::entry::Entry;
use super::io::Effect;
use super::settings::{Overflow, OverflowTo, QueueSettings};
use super::strategy::{Look, expected_wait, overflow_again, overflow_due, overflow_unstaffed};
use crate::model::{
    Decision, EntryId, Hop, HopTaken, LegId, Mono, Number, Outcome, Period, QueueId, Record,
};

impl Engine {
    /// Takes the step that is due for a wait, if one is.
    pub(super) fn overflows(&mut self, id: EntryId, rules: &QueueSettings) -> bool {
        if rules.overflow.is_empty() {
            return false;
        }
        let Some(entry) = self.state.entries.get(&id) else { return false };
        let look = self.look(entry, rules);
        let due = overflow_due(&rules.overflow, entry.taken, &look);
        due.is_some_and(|step| self.take_step(id, rules, step))
    }

    /// Takes a step for a caller in a queue in which nobody serves, if one is left.
    pub(super) fn overflows_unstaffed(&mut self, id: EntryId, rules: &QueueSettings) -> bool {
        let Some(entry) = self.state.entries.get(&id) else { return false };
        let look = self.look(entry, rules);
        let step = overflow_unstaffed(&rules.overflow, entry.taken, &look);
        step.is_some_and(|step| self.take_step(id, rules, step))
    }

    /// When a step of a wait may be due that is not now.
    pub(super) fn overflow_look(&self, entry: &Entry, rules: &QueueSettings) -> Option<Mono> {
        if rules.overflow.is_empty() {
            return None;
        }
        let again = overflow_again(&rules.overflow, entry.taken, &self.look(entry, rules))?;
        Some(self.now.mono + again)
    }

    /// What is true of a wait at this moment.
    fn look(&self, entry: &Entry, rules: &QueueSettings) -> Look {
        let asks_place = rules
            .overflow
            .iter()
            .any(|step| step.when.position.is_some() || step.when.expected_wait.is_some());
        // The others of a long queue are counted only where a step asks.
        let position = if asks_place { self.position(entry) } else { 1 };
        let call = self.state.calls.get(&entry.call);
        Look {
            waited: self.now.mono.since(entry.patience_from()),
            alone_for: entry.alone_since.map(|since| self.now.mono.since(since)),
            position,
            expected_wait: self.expected_wait(entry, rules, position),
            at: self.now.wall,
            callable: call.is_some_and(|call| call.client_e164().is_some()),
        }
    }

    /// The place of a caller in the queue, from 1: how many are served before them, and they.
    fn position(&self, entry: &Entry) -> u32 {
        let order = |it: &Entry| self.order_of(it, self.rules_of(it.id));
        let own = order(entry);
        let waiting = self.state.index.waiting.get(&entry.queue).into_iter().flatten();
        let others = waiting.filter_map(|(_, id)| self.state.entries.get(id));
        let before = others.filter(|other| order(other) < own).count();
        u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// How long a caller is expected to wait: a conversation and the time to finish up after it
    /// for everybody up to them, shared by those who serve.
    fn expected_wait(&self, entry: &Entry, rules: &QueueSettings, place: u32) -> Option<Period> {
        let talks = self.state.queues.get(&entry.queue).and_then(|queue| queue.talks.known());
        let serving = self.benches.get(&entry.queue).map_or(0, |bench| bench.counts().serving);
        expected_wait(place, talks.map(|mean| mean + rules.wrap_up), serving)
    }

    fn take_step(&mut self, id: EntryId, rules: &QueueSettings, step: u8) -> bool {
        let Some(taken) = rules.overflow.get(usize::from(step)) else { return false };
        let hop = self.hop(&taken.to);
        self.emit(Record::OverflowTaken { entry: id, step, hop: Some(hop.clone()) });
        let record = self.hop_record(id, rules, HopTaken { step, hop });
        self.decisions.extend(record);
        self.told_empty.remove(&id);
        self.follow_step(id, taken);
        true
    }

    /// What a step does, as records tell it.
    fn hop(&mut self, to: &OverflowTo) -> Hop {
        match to {
            OverflowTo::Tier(tier) => Hop::TierOpened { tier: *tier },
            OverflowTo::Relax(skill) => Hop::SkillRelaxed { skill: skill.clone() },
            OverflowTo::Add(queue) => {
                Hop::QueueAdded { id: self.queue_named(queue), queue: queue.clone() }
            }
            OverflowTo::Queue(queue) => Hop::Moved { queue: queue.clone() },
            OverflowTo::Callback => Hop::Callback,
            OverflowTo::Dial(_) => Hop::DialledOut,
            OverflowTo::Voicemail => Hop::Voicemail,
            OverflowTo::Say(say) => Hop::Announced { say: say.clone() },
            OverflowTo::End => Hop::Ended,
        }
    }

    fn hop_record(&self, id: EntryId, rules: &QueueSettings, hop: HopTaken) -> Option<Decision> {
        let entry = self.state.entries.get(&id)?;
        Some(Decision {
            call: entry.call,
            entry: id,
            queue: entry.queue_name.clone(),
            round: entry.round,
            at: self.now.wall,
            waited: entry.waited(self.now),
            strategy: String::from(rules.strategy.word()),
            config: entry.config.clone(),
            tier: entry.eased.tier,
            seed: None,
            first: None,
            class: entry.class_at(self.now, entry.target.unwrap_or(rules.service_level.target)),
            relaxed: entry.eased.skills.clone(),
            hop: Some(hop),
            whole: false,
            members: Vec::new(),
        })
    }

    fn follow_step(&mut self, id: EntryId, step: &Overflow) {
        let Some(entry) = self.state.entries.get(&id) else { return };
        let call = entry.call;
        match &step.to {
            OverflowTo::Tier(_) | OverflowTo::Relax(_) | OverflowTo::Add(_) => {
                self.wanted.insert(id);
            }
            OverflowTo::Queue(queue) => {
                let (first, kept) = (entry.first, self.rank_of(id));
                let (class, target) = (step.class.or(kept.class), step.target.or(kept.target));
                let rank = Rank { class, target };
                self.leave_queue(id, Outcome::Overflowed);
                self.enqueue(call, queue, first, rank);
            }
            OverflowTo::Callback => self.take_callback(id),
            OverflowTo::Dial(number) => {
                let Ok(number) = Number::new(number) else {
                    self.give_up(id, Outcome::Failed);
                    return;
                };
                self.leave_queue(id, Outcome::Overflowed);
                let step = self.state.calls.get(&call).and_then(|it| it.course.step.clone());
                let due_at = Some(self.now.mono + OUTSIDE_RING_MAX);
                self.emit(Record::StepTaken { call, step, due_at });
                self.dial_out(call, &[number], None, None);
            }
            OverflowTo::Voicemail => {
                let caller: Option<LegId> = self.state.calls.get(&call).and_then(|call| call.leg);
                self.leave_queue(id, Outcome::TimedOut);
                if let Some(leg) = caller {
                    self.act(Effect::TakeMessage { leg });
                }
            }
            OverflowTo::Say(_) | OverflowTo::End => self.give_up(id, Outcome::TimedOut),
        }
    }

    /// The rules of queues that were added to a wait and take callers at this moment.
    pub(super) fn added_to(&self, entry: &Entry) -> Vec<(QueueId, std::sync::Arc<QueueSettings>)> {
        let known = entry.eased.queues.iter().filter_map(|id| Some((*id, self.rules(*id)?)));
        known.filter(|(_, rules)| self.is_open(rules)).map(|(id, it)| (id, it.clone())).collect()
    }
}
