//! Missed calls: settlement, and the episodes that somebody has to make good.
//!
//! An episode is one number in one group of queues that nobody has talked to since. Any
//! conversation with the number closes it, whoever called and through whatever provider.

use super::alarms::Alarm;
use super::call::Call;
use super::engine::Engine;
use super::io::Refusal;
use super::setup::earliest;
use super::state::is_closed;
use crate::model::{
    Attempt, Authority, CallId, Closing, Direction, EpisodeId, EpisodeRow, EpisodeState, Name,
    Number, OperatorId, Outcome, Period, Record, Wall,
};

/// How long a settled call is kept for late facts. Shorter turns a late row of the history into
/// a call of its own, longer costs memory.
const AMEND_FOR: Period = Period::hours(24);

/// How long a settled call of ours is kept. Nobody tells us anything later of it; what an operator
/// notes as its result comes in this time. Each costs 10 KiB in memory and in every saved state.
const RESULT_FOR: Period = Period::hours(1);

/// Settled calls kept for late facts at most; the oldest go first.
const AMENDABLE_MAX: usize = 50_000;

/// How long nobody else may call a client back. Shorter lets two people dial the same client,
/// longer blocks the number after somebody who gave up.
const ATTEMPT_FOR: Period = Period::mins(2);

/// Nobody can be made good after this: the episode expires.
const EPISODE_MAX: Period = Period::days(30);

/// An open episode is looked at again after this at most, because the wall clock may be set.
/// Shorter looks for nothing, longer comes late after such a jump.
const LOOK_MAX: Period = Period::hours(1);

/// Calls that one episode lists. Callers without a number share one episode for each group.
const EPISODE_CALLS_MAX: usize = 200;

impl Engine {
    /// Settles a call or closes it for want of news, whichever is due.
    pub(super) fn call_due(&mut self, id: CallId) {
        let now = self.now.mono;
        let Some(call) = self.state.calls.get(&id) else { return };
        if call.authority == Authority::Owned {
            self.owned_due(id);
        } else if call.is_open() && call.quiet_at.is_some_and(|due| due <= now) {
            self.close_quiet(id);
        }
        let Some(call) = self.state.calls.get(&id) else { return };
        let told = call.authority != Authority::Owned;
        if told && call.is_open() && call.stale_at.is_some_and(|due| due <= now) {
            self.close_stale(id);
        }
        let Some(call) = self.state.calls.get(&id) else { return };
        if call.settle_at.is_some_and(|due| due <= now) {
            self.settle(id);
        }
    }

    /// Makes the outcome of a call final but for amendments.
    pub(super) fn settle(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id) else { return };
        if call.settled || call.is_open() {
            return;
        }
        let keep = if call.authority == Authority::Owned { RESULT_FOR } else { AMEND_FOR };
        self.emit(Record::CallSettled { call: id, forget_at: self.now.mono + keep });
        self.lose(id);
        if self.token_of(id).is_some() {
            self.note_attempt(id); // takes the lock off the number
        }
        self.give_place_back(id);
        while self.state.index.fading.len() > AMENDABLE_MAX {
            let Some((_, oldest)) = self.state.index.fading.first().copied() else { break };
            self.emit(Record::CallForgotten { call: oldest });
        }
    }

    /// Late facts about a settled call: an episode that it opened wrongly is closed by it.
    pub(super) fn amend(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id).filter(|call| call.settled) else { return };
        if self.is_missed(call) {
            self.lose(id);
        } else {
            self.made_good(id);
        }
    }

    /// Whether a call is inbound, over, and nobody talked.
    pub(super) fn is_missed(&self, call: &Call) -> bool {
        call.direction == Some(Direction::In) && !call.is_open() && call.conversed_at.is_none()
    }

    /// Folds a missed call into the episode of its number.
    fn lose(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id).filter(|call| self.is_missed(call)) else {
            return;
        };
        let Some(entry) = call.entries.last().and_then(|id| self.state.entries.get(id)) else {
            return;
        };
        let Some(reason) = entry.state.outcome() else { return };
        if matches!(reason, Outcome::Blocked | Outcome::Withdrawn) {
            return;
        }
        let rules = self.rules_of(entry.id);
        let group = rules.map_or_else(|| entry.queue_name.clone(), |rules| rules.group.clone());
        let lost_at = call.ended_at.unwrap_or(self.now.wall);
        let client = call.client_e164();
        let queue = entry.queue_name.clone();
        let waited = entry.wait();
        let key = (client.clone(), group.clone());
        let open = self.state.index.episodes.get(&key);
        if call.is_counted {
            return; // counted, and closed since
        }
        let mut row = match open.and_then(|open| self.state.episodes.get(open)) {
            Some(row) => row.clone(),
            None => EpisodeRow {
                id: EpisodeId(self.state.next.episode),
                client: client.clone(),
                group,
                queue: queue.clone(),
                calls: Vec::new(),
                first_at: lost_at,
                last_at: lost_at,
                waited,
                reason,
                state: EpisodeState::Open,
                owner: None,
                due_at: None,
                attempts: Vec::new(),
                steps: Vec::new(),
                step_at: None,
                revision: 0,
            },
        };
        row.calls.push(id);
        if row.calls.len() > EPISODE_CALLS_MAX {
            row.calls.remove(0);
        }
        row.first_at = row.first_at.min(lost_at);
        row.last_at = row.last_at.max(lost_at);
        (row.queue, row.waited, row.reason) = (queue, waited, reason);
        if let Some(client) = &client {
            self.give_owner(&mut row, client);
        }
        self.save_episode(row);
        self.redialled_already(client, key.1, lost_at);
    }

    /// The client may have been talked with between the missed call and its settling.
    fn redialled_already(&mut self, client: Option<Number>, group: Name, lost_at: Wall) {
        let Some(client) = client else { return };
        let Some(talked) = self.state.talked.get(&client).copied() else { return };
        if talked.at < lost_at {
            return;
        }
        let key = (Some(client), group);
        if let Some(id) = self.state.index.episodes.get(&key).copied() {
            self.close_by_talk(id, talked.call, talked.at, talked.direction);
        }
    }

    pub(super) fn save_episode(&mut self, mut row: EpisodeRow) {
        row.revision = row.revision.saturating_add(1);
        self.emit(Record::EpisodeSaved(Box::new(row)));
    }

    /// Somebody talked with the client of this call: whatever was missed before is made good.
    pub(super) fn made_good(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let (Some(at), Some(client)) = (call.conversed_at, call.client_e164()) else { return };
        let direction = call.direction;
        for episode in self.open_episodes(&client) {
            let Some(row) = self.state.episodes.get(&episode) else { continue };
            if row.calls.contains(&id) {
                self.take_out(episode, id, at, direction);
            } else if at >= row.last_at {
                self.close_by_talk(episode, id, at, direction);
            }
        }
        self.close_tokens_of(&client, id, at);
    }

    /// A call that an episode counts as missed was answered after all. Nobody has to call back
    /// for it; what was missed later than it was answered still stands.
    fn take_out(
        &mut self,
        episode: EpisodeId,
        call: CallId,
        at: Wall,
        direction: Option<Direction>,
    ) {
        let Some(row) = self.state.episodes.get(&episode) else { return };
        let mut row = row.clone();
        let rest: Vec<CallId> = row.calls.iter().copied().filter(|id| *id != call).collect();
        if rest.is_empty() {
            row.state = EpisodeState::Closed(Closing::Answered { call, at });
            self.save_episode(row);
            return;
        }
        let lost = rest.iter().filter_map(|id| self.state.calls.get(id)?.ended_at).max();
        row.last_at = lost.unwrap_or(row.last_at);
        row.calls = rest;
        let made_good = at >= row.last_at;
        self.save_episode(row);
        if made_good {
            self.close_by_talk(episode, call, at, direction);
        }
    }

    pub(super) fn open_episodes(&self, client: &Number) -> Vec<EpisodeId> {
        let from = (Some(client.clone()), Name::from(""));
        let all = self.state.index.episodes.range(from..);
        all.take_while(|((number, _), _)| number.as_ref() == Some(client))
            .map(|(_, id)| *id)
            .collect()
    }

    fn close_by_talk(
        &mut self,
        episode: EpisodeId,
        call: CallId,
        at: Wall,
        direction: Option<Direction>,
    ) {
        let Some(row) = self.state.episodes.get(&episode) else { return };
        let mut row = row.clone();
        let in_time = row.due_at.is_none_or(|due| at <= due);
        row.state = EpisodeState::Closed(match direction {
            Some(Direction::Out) => Closing::CalledBack { call, at, in_time },
            Some(Direction::In | Direction::Internal) | None => {
                Closing::ClientRedialled { call, at }
            }
        });
        self.save_episode(row);
    }

    /// An outbound call to a number with open episodes is an attempt at calling back.
    pub(super) fn note_attempt(&mut self, id: CallId) {
        let Some(call) = self.state.calls.get(&id) else { return };
        let Some(client) = call.client_e164() else { return };
        let (at, open) = (call.started_at, call.is_open());
        let (call_talked_at, is_callback) = (call.conversed_at, call.token.is_some());
        let placer = self.view_of(id).and_then(|view| view.placed_by);
        let account = call.account.clone();
        let own = call.course.placed_by.and_then(|id| self.state.operators.get(&id));
        let own = own.map(|it| it.name.clone());
        let operator = placer.map(|alias| self.name_of(&account, &alias)).or(own);
        let operator = operator.or_else(|| self.callback_by(id));
        if self.is_undialled(id) {
            return;
        }
        let failed = !open && call_talked_at.is_none();
        if open {
            self.note_dialled(id, operator.as_ref());
        }
        for episode in self.open_episodes(&client) {
            let Some(row) = self.state.episodes.get(&episode) else { continue };
            if at < row.first_at {
                continue;
            }
            let mut next = row.clone();
            if !next.attempts.iter().any(|attempt| attempt.call == id) {
                let operator = operator.clone();
                next.attempts.push(Attempt { call: id, operator, at, failed: false });
            }
            let own = next.attempts.iter_mut().filter(|attempt| attempt.call == id);
            own.for_each(|attempt| attempt.failed = failed);
            next.state = match (open, &operator, &row.state) {
                (true, Some(operator), _) => EpisodeState::Attempting {
                    operator: operator.clone(),
                    until: self.now.wall + ATTEMPT_FOR,
                },
                (false, _, EpisodeState::Attempting { .. }) => EpisodeState::NoContact,
                // The client was rung first: no operator had the attempt.
                (false, None, EpisodeState::Open | EpisodeState::Assigned) if is_callback => {
                    EpisodeState::NoContact
                }
                (true, None, state) | (false, _, state) => state.clone(),
            };
            let locked = matches!(
                (&next.state, &row.state),
                (EpisodeState::Attempting { .. }, EpisodeState::Attempting { .. })
            );
            if next != *row && !(locked && next.attempts == row.attempts) {
                self.save_episode(next);
            }
        }
    }

    /// The lock of an attempt lapsed, or an episode became too old.
    pub(super) fn episode_due(&mut self, id: EpisodeId) {
        let Some(row) = self.state.episodes.get(&id) else { return };
        let now = self.now.wall;
        if is_closed(row) {
            if row.last_at + EPISODE_MAX <= now {
                self.emit(Record::EpisodeForgotten { episode: id });
            }
            return;
        }
        let mut next = row.clone();
        match &row.state {
            _ if row.last_at + EPISODE_MAX <= now => {
                next.state = EpisodeState::Closed(Closing::Expired { at: now });
            }
            EpisodeState::Attempting { until, .. } if *until <= now => {
                let dialled = |attempt: &Attempt| attempt.at + ATTEMPT_FOR >= *until;
                if row.attempts.iter().any(dialled) {
                    next.state = EpisodeState::NoContact;
                } else {
                    self.take_lock_off(&mut next);
                }
            }
            _ if Engine::step_due(row).is_some_and(|due| due <= now) => {
                self.escalate(id);
                return;
            }
            EpisodeState::Open
            | EpisodeState::Assigned
            | EpisodeState::Attempting { .. }
            | EpisodeState::NoContact
            | EpisodeState::Closed(_) => {
                // The wall clock may have been set: look again at the new due time.
                self.state.dirty.armed_episodes.insert(id);
                return;
            }
        }
        self.save_episode(next);
    }

    pub(super) fn arm_episode(&mut self, id: EpisodeId) {
        let due = self.state.episodes.get(&id).and_then(|row| {
            let lock = match &row.state {
                EpisodeState::Attempting { until, .. } => Some(*until),
                EpisodeState::Open
                | EpisodeState::Assigned
                | EpisodeState::NoContact
                | EpisodeState::Closed(_) => None,
            };
            let on_clock = |at: Wall| self.now.mono + at.since(self.now.wall).max(Period(1));
            let step = Engine::step_due(row);
            let end = Some(on_clock(row.last_at + EPISODE_MAX));
            let look = Some(self.now.mono + LOOK_MAX).filter(|_| !is_closed(row));
            earliest([lock.map(on_clock), step.map(on_clock), look, end])
        });
        self.alarms.set(Alarm::Episode(id), due);
    }

    /// Lets go of settled calls whose time for late facts is over.
    pub(super) fn fade(&mut self) {
        let now = self.now.mono;
        while let Some((due, call)) = self.state.index.fading.first().copied() {
            if due > now {
                break;
            }
            self.emit(Record::CallForgotten { call });
        }
    }

    /// A configuration may put queues into other groups: an open episode follows its queue, and
    /// two of one client in one group become one.
    pub(super) fn regroup_episodes(&mut self) {
        let open: Vec<EpisodeId> = self.state.index.episodes.values().copied().collect();
        for id in open {
            let Some(row) = self.state.episodes.get(&id) else { continue };
            let Some(rules) = self.roster.queue(&row.queue) else { continue };
            if rules.group == row.group {
                continue;
            }
            let mut row = row.clone();
            row.group = rules.group.clone();
            let key = (row.client.clone(), row.group.clone());
            match self.state.index.episodes.get(&key).copied() {
                Some(into) => self.merge_episode(row, into),
                None => self.save_episode(row),
            }
        }
    }

    /// Makes one episode a part of another.
    fn merge_episode(&mut self, mut row: EpisodeRow, into: EpisodeId) {
        let Some(mut kept) = self.state.episodes.get(&into).cloned() else { return };
        kept.calls.extend(&row.calls);
        kept.calls.sort_unstable(); // ids rise with time
        kept.calls.dedup();
        let surplus = kept.calls.len().saturating_sub(EPISODE_CALLS_MAX);
        kept.calls.drain(..surplus);
        if row.last_at > kept.last_at {
            (kept.queue, kept.waited, kept.reason) = (row.queue.clone(), row.waited, row.reason);
        }
        kept.first_at = kept.first_at.min(row.first_at);
        kept.last_at = kept.last_at.max(row.last_at);
        kept.due_at = kept.due_at.into_iter().chain(row.due_at).min();
        kept.step_at = kept.step_at.into_iter().chain(row.step_at).min();
        kept.owner = kept.owner.or_else(|| row.owner.clone());
        if kept.state == EpisodeState::Open && kept.owner.is_some() {
            kept.state = EpisodeState::Assigned;
        }
        kept.attempts.extend(row.attempts.iter().cloned());
        kept.attempts.sort_by_key(|attempt| attempt.at);
        row.state = EpisodeState::Closed(Closing::Merged { into, at: self.now.wall });
        self.save_episode(row);
        self.save_episode(kept);
    }

    fn open_episode(&self, id: EpisodeId) -> Result<EpisodeRow, Refusal> {
        let row = self.state.episodes.get(&id).ok_or(Refusal::Unknown("episode"))?;
        if is_closed(row) {
            return Err(Refusal::Conflict(String::from("it is closed")));
        }
        Ok(row.clone())
    }

    /// Gives an episode to somebody, or to nobody.
    pub(super) fn assign_episode(
        &mut self,
        id: EpisodeId,
        owner: Option<Name>,
        due: Option<Wall>,
    ) -> Result<(), Refusal> {
        let mut row = self.open_episode(id)?;
        if let Some(owner) = &owner {
            self.operator_id(owner).ok_or(Refusal::Unknown("operator"))?;
        }
        row.state = match (row.state, &owner) {
            (EpisodeState::Open | EpisodeState::Assigned, Some(_)) => EpisodeState::Assigned,
            (EpisodeState::Open | EpisodeState::Assigned, None) => EpisodeState::Open,
            (state, _) => state,
        };
        row.owner = owner;
        row.due_at = due.or(row.due_at);
        self.begin_steps(&mut row);
        self.save_episode(row);
        Ok(())
    }

    /// Locks a number for one person's call back.
    pub(super) fn attempt_episode(
        &mut self,
        id: EpisodeId,
        operator: &Name,
    ) -> Result<(), Refusal> {
        let mut row = self.open_episode(id)?;
        self.operator_id(operator).ok_or(Refusal::Unknown("operator"))?;
        if row.client.is_none() {
            return Err(Refusal::Conflict(String::from("the caller hid the number")));
        }
        let now = self.now.wall;
        if let EpisodeState::Attempting { operator: other, until } = &row.state
            && other != operator
            && *until > now
        {
            return Err(Refusal::Conflict(format!("{other} is calling this client")));
        }
        let until = now + ATTEMPT_FOR;
        row.state = EpisodeState::Attempting { operator: operator.clone(), until };
        self.save_episode(row);
        Ok(())
    }

    /// Closes an episode by hand.
    pub(super) fn close_episode(
        &mut self,
        by: &Name,
        id: EpisodeId,
        reason: String,
    ) -> Result<(), Refusal> {
        let mut row = self.open_episode(id)?;
        let at = self.now.wall;
        let (client, group) = (row.client.clone(), row.group.clone());
        row.state = EpisodeState::Closed(Closing::Dismissed { reason, by: by.clone(), at });
        self.save_episode(row);
        if let Some(client) = client {
            self.withdraw_tokens(&client, &group);
        }
        Ok(())
    }

    /// The operator who talked last with a client.
    pub(super) fn last_talked(&self, client: &Number) -> Option<OperatorId> {
        self.state.talked.get(client)?.operator
    }
}
