//! The engine: takes one input and the time, decides, and hands out records, then effects.
//!
//! Every decision becomes a record first and reaches the state only through `State::apply`, so
//! reading the journal again ends in the same state. Files beside this one hold the decisions:
//! `told.rs` and `advise.rs` for calls of providers, `owned.rs` and `dispatch.rs` for calls of
//! ours, `presence.rs` for people, `missed.rs` for what was lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::alarms::{Alarm, Alarms};
use super::bench::Bench;
use super::io::{Effect, Input, Output, Refusal, Staffed, Ticket};
use super::responsible::HeldAsks;
use super::roster::Roster;
use super::settings::{OperatorSettings, QueueSettings, Settings};
use super::staff::Staff;
use super::state::State;
use crate::model::{
    CallId, Decision, EntryId, LegId, Mono, Name, Now, OperatorId, QueueId, QueueView, Record,
    Stamped,
};

/// A state that cannot be read back.
#[derive(Debug, thiserror::Error)]
#[error("the saved state cannot be read: {0}")]
pub struct RestoreError(#[from] serde_json::Error);

/// What the configuration says of one operator.
#[derive(Debug, Clone, Default)]
pub(super) struct Post {
    /// Where it speaks of them; `None` for who is there no longer.
    pub place: Option<usize>,
    /// Where their queues stand in [`Engine::memberships`].
    pub queues: std::ops::Range<usize>,
}

/// Decides who rings, and remembers what happened.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(super) roster: Roster,
    /// Earlier configurations that waits still hold to, by version.
    pub(super) older: BTreeMap<String, Roster>,
    pub(super) state: State,
    pub(super) benches: BTreeMap<QueueId, Bench>,
    /// What the configuration says of each operator.
    pub(super) posts: Staff<Post>,
    /// The queues of everybody, one operator behind the other: ten thousand short lists of their
    /// own would lie all over the memory.
    pub(super) memberships: Vec<QueueId>,
    pub(super) alarms: Alarms,
    pub(super) now: Now,
    /// Waits to look at before the input is done.
    pub(super) wanted: BTreeSet<EntryId>,
    /// Operators about whom something changed that may set them free for a caller.
    pub(super) freed: BTreeSet<OperatorId>,
    /// When a running round asks for more people, by entry.
    pub(super) again: BTreeMap<EntryId, Mono>,
    /// Waits of which a round without anybody was told already.
    pub(super) told_empty: BTreeSet<EntryId>,
    /// Questions of providers that wait for the answer to one of ours.
    pub(super) held_asks: BTreeMap<EntryId, HeldAsks>,
    /// Rounds of this input.
    pub(super) decisions: Vec<Decision>,
    /// Calls of this input, to be checked.
    pub(super) checked: BTreeSet<CallId>,
    /// Queues as screens were last told.
    pub(super) shown: BTreeMap<QueueId, QueueView>,
    /// Operators as the last snapshot had them.
    pub(super) staffed: Staffed,
    /// Where each stands there; beside the posts, which every decision reads.
    pub(super) staffed_at: Staff<usize>,
    /// Who changed since, some of them several times: decisions only write it.
    pub(super) changed: Vec<OperatorId>,
    /// Waits that were looked at since the start.
    pub(super) looks: u64,
    /// Stop at the first broken invariant instead of ending the call: tests and simulation.
    pub(super) is_strict: bool,
    /// Legs that this process made begin here; earlier ones were lost with the process before.
    pub(super) legs_from: u64,
    /// Offers under the configuration in force begin here: earlier ones were made when operators
    /// may have been allowed more calls.
    pub(super) offers_from: u64,
    seed: u64,
    is_set_up: bool,
    records: VecDeque<(Now, Record)>,
    effects: VecDeque<Effect>,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Engine {
        Engine::with_state(settings, State::default(), seed)
    }

    /// An engine that goes on from a saved state.
    ///
    /// # Errors
    /// When the bytes are no state of this or an earlier version.
    pub fn restore(
        settings: Arc<Settings>,
        state: Option<&[u8]>,
        seed: u64,
    ) -> Result<Engine, RestoreError> {
        let mut restored: State = match state {
            Some(bytes) => serde_json::from_slice(bytes)?,
            None => State::default(),
        };
        restored.reindex();
        Ok(Engine::with_state(settings, restored, seed))
    }

    fn with_state(settings: Arc<Settings>, state: State, seed: u64) -> Engine {
        Engine {
            roster: Roster::new(settings),
            older: BTreeMap::new(),
            state,
            benches: BTreeMap::new(),
            posts: Staff::default(),
            memberships: Vec::new(),
            alarms: Alarms::default(),
            now: Now::default(),
            wanted: BTreeSet::new(),
            freed: BTreeSet::new(),
            again: BTreeMap::new(),
            told_empty: BTreeSet::new(),
            held_asks: BTreeMap::new(),
            decisions: Vec::new(),
            checked: BTreeSet::new(),
            shown: BTreeMap::new(),
            staffed: Staffed::default(),
            staffed_at: Staff::default(),
            changed: Vec::new(),
            looks: 0,
            is_strict: false,
            legs_from: 0,
            offers_from: 0,
            seed,
            is_set_up: false,
            records: VecDeque::new(),
            effects: VecDeque::new(),
        }
    }

    /// Folds one record of the journal in. For records after the saved state, before any input.
    pub fn replay(&mut self, record: &Stamped) {
        self.now.mono = self.now.mono.max(record.at.mono);
        self.state.apply(record.at, &record.record);
        self.is_set_up = false;
    }

    /// The state as bytes; [`Engine::restore`] takes them back.
    pub fn state_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).unwrap_or_default() // maps of plain keys cannot fail
    }

    /// The last stored request that was taken in whole.
    pub const fn heard_until(&self) -> Option<crate::model::Seq> {
        self.state.heard
    }

    /// Makes every input check the whole state and stop at the first broken invariant. For
    /// tests and simulation: it costs as much as the state is large.
    pub const fn strict(&mut self) {
        self.is_strict = true;
    }

    /// Takes one input in.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.begin(now);
        if let Input::Restarted { kept } = &input {
            self.restarted(kept); // before anybody is rung for a caller who is gone
        }
        self.catch_up();
        let heard = match &input {
            Input::Heard(heard) => heard.request,
            Input::RouteAsked(_)
            | Input::Arrived(_)
            | Input::Placed(_)
            | Input::Transfer(_)
            | Input::Leg { .. }
            | Input::Carried { .. }
            | Input::Reach { .. }
            | Input::Command { .. }
            | Input::OwnerKnown { .. }
            | Input::Reload(_)
            | Input::Restarted { .. } => None,
        };
        match input {
            Input::Heard(heard) => self.hear(heard),
            Input::RouteAsked(ask) => self.route_asked(ask),
            Input::Arrived(arrival) => self.arrived(arrival),
            Input::Placed(placement) => self.placed(placement),
            Input::Transfer(transfer) => self.transfer(transfer),
            Input::Leg { leg, event } => self.leg_event(leg, event),
            Input::Carried { leg, account, line } => self.carried(leg, account, line),
            Input::Reach { operator, reach } => self.reach_told(&operator, reach),
            Input::Command { ticket, by, supervisor, command } => {
                let result = self.command(&by, supervisor, command);
                self.reply(ticket, result);
            }
            Input::OwnerKnown { call, operator } => self.owner_known(call, operator),
            Input::Reload(settings) => self.reload(settings),
            Input::Restarted { .. } => {}
        }
        self.finish();
        if let Some(request) = heard {
            self.emit(Record::Heard { request });
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.begin(now);
        self.catch_up();
        self.finish();
    }

    /// The next output: every record of the input, then every effect.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some((at, record)) = self.records.pop_front() {
            return Some(Output::Record(at, record));
        }
        self.effects.pop_front().map(Output::Effect)
    }

    /// How often a wait was looked at since the start: what distribution costs, without a clock.
    pub const fn looks(&self) -> u64 {
        self.looks
    }

    /// A name for the next leg that an edge brings: above every one it named before, also in
    /// earlier processes.
    pub const fn edge_leg(&self) -> LegId {
        LegId(self.state.next.edge_leg)
    }

    /// When `handle_timeout` wants to be called; never in the past after a drain.
    pub fn poll_timeout(&self) -> Option<Mono> {
        if self.is_set_up { self.alarms.next() } else { Some(self.now.mono) }
    }

    /// Brings the engine to `now`.
    fn begin(&mut self, now: Now) {
        self.now = Now { mono: self.now.mono.max(now.mono), wall: now.wall };
        if !self.is_set_up {
            self.is_set_up = true;
            self.legs_from = self.state.next.leg;
            self.set_up();
        }
    }

    /// What was due before the input happens before it.
    fn catch_up(&mut self) {
        self.ring_alarms();
        self.dispatch();
    }

    /// Deals with everything that follows from the input and is due by the same moment.
    fn finish(&mut self) {
        // Each turn of the loop answers an alarm of this moment, and answering arms later ones.
        loop {
            self.dispatch();
            self.arm();
            if !self.ring_alarms() {
                break;
            }
        }
        self.save();
        self.hold_invariants();
    }

    /// Rings what is due; whether anything was.
    fn ring_alarms(&mut self) -> bool {
        let mut rang = false;
        while let Some(alarm) = self.alarms.take(self.now.mono) {
            rang = true;
            self.ring(alarm);
            self.arm();
        }
        rang
    }

    fn ring(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Day => self.turn_day(),
            Alarm::Schedule => self.follow_schedule(),
            Alarm::Operator(operator) => self.operator_due(operator),
            Alarm::Offer(offer) => self.offer_due(offer),
            Alarm::Entry(entry) => {
                self.again.remove(&entry);
                self.wanted.insert(entry);
                self.entry_due_fired(entry);
                self.answer_held(entry);
            }
            Alarm::Call(call) => self.call_due(call),
            Alarm::Episode(episode) => self.episode_due(episode),
            Alarm::Token(token) => self.token_due(token),
            Alarm::Fade => self.fade(),
        }
    }

    /// Writes a record and folds it in: the only way to change the state.
    pub(super) fn emit(&mut self, record: Record) {
        self.state.apply(self.now, &record);
        self.records.push_back((self.now, record));
        while let Some(operator) = self.state.dirty.operators.pop_first() {
            self.freed.insert(operator);
            self.follow(operator);
        }
    }

    /// Wants something done.
    pub(super) fn act(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    fn reply(&mut self, ticket: Ticket, result: Result<(), Refusal>) {
        self.act(Effect::Reply { ticket, result });
    }

    /// A new call id of this moment.
    pub(super) fn new_call_id(&self) -> CallId {
        let count = self.state.next.call.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        crate::model::Seed::new(self.seed ^ count).call_id(self.now.wall)
    }

    /// The id of a queue; one that nobody configured gets an id with its first call.
    pub(super) fn queue_named(&mut self, name: &Name) -> QueueId {
        if let Some(id) = self.state.index.queues.get(name) {
            return *id;
        }
        let queue = QueueId(self.state.next.queue);
        self.emit(Record::QueueNamed { queue, name: name.clone() });
        queue
    }

    /// The rules of a queue as they are configured.
    pub(super) fn rules(&self, queue: QueueId) -> Option<&Arc<QueueSettings>> {
        self.roster.queue(&self.state.queues.get(&queue)?.name)
    }

    /// The rules that hold for a wait: those it began under, or those in force when the earlier
    /// ones are gone with a restart.
    pub(super) fn rules_of(&self, entry: EntryId) -> Option<&Arc<QueueSettings>> {
        let entry = self.state.entries.get(&entry)?;
        let older = self.older.get(&entry.config);
        let roster = older.unwrap_or(&self.roster);
        roster.queue(&entry.queue_name).or_else(|| self.roster.queue(&entry.queue_name))
    }

    /// The version of the configuration in force.
    pub(super) fn version(&self) -> String {
        self.roster.settings().version.clone()
    }

    /// An operator's settings, by id: a search by name would look at a dozen names.
    pub(super) fn settings_of(&self, id: OperatorId) -> Option<&OperatorSettings> {
        self.roster.settings().operators.get(self.posts.get(&id)?.place?)
    }

    /// The queues of an operator, in the order of the configuration.
    pub(super) fn queues_of(&self, id: OperatorId) -> &[QueueId] {
        let post = self.posts.get(&id);
        post.and_then(|post| self.memberships.get(post.queues.clone())).unwrap_or_default()
    }

    /// An operator's id by name.
    pub(super) fn operator_id(&self, name: &Name) -> Option<OperatorId> {
        self.state.index.operators.get(name).copied()
    }

    /// Whether a queue takes calls at this moment.
    pub(super) fn is_open(&self, rules: &QueueSettings) -> bool {
        rules.calendar.as_ref().is_none_or(|calendar| calendar.is_open(self.now.wall))
    }
}
