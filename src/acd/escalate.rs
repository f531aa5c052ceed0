//! Who is to call a missed client back, by when, and what happens when they do not.
//!
//! A due episode that nobody works on is reminded of, then given to the next owner, then shown
//! to supervisors: each a step of the row, on the working-hours clock, until somebody attempts.

use super::engine::Engine;
use super::state::is_closed;
use crate::model::{
    EpisodeId, EpisodeRow, EpisodeState, EpisodeStep, Intent, Name, Number, Period, StepKind, Wall,
};

/// How long the owner of a due episode has after each step. Shorter takes clients away from
/// people who are about to call, longer lets clients wait for supervisors.
const STEP_EVERY: Period = Period::mins(5);

/// By when a client of a queue without rules (removed, or none at all) is called back.
const DUE_FOR: Period = Period::mins(15);

/// Steps that one episode lists; the oldest go. Reassigned by hand again and again it grows.
const STEPS_MAX: usize = 20;

impl Engine {
    /// Chooses who calls back, and by when.
    pub(super) fn give_owner(&self, row: &mut EpisodeRow, client: &Number) {
        if row.owner.is_some() || row.due_at.is_some() {
            return;
        }
        let rules = self.roster.queue(&row.queue);
        let due_for = rules.map_or(DUE_FOR, |rules| rules.callback_due);
        let due = self.after_open(&row.queue, row.last_at, due_for);
        row.due_at = Some(due);
        row.step_at = Some(due);
        row.owner = self.next_owner(row, client);
        if row.owner.is_some() && row.state == EpisodeState::Open {
            row.state = EpisodeState::Assigned;
        }
    }

    /// The moment when so much working time of a queue has passed.
    fn after_open(&self, queue: &Name, from: Wall, length: Period) -> Wall {
        let calendar = self.roster.queue(queue).and_then(|rules| rules.calendar.as_ref());
        calendar.map_or(from + length, |calendar| calendar.after_open(from, length))
    }

    /// The responsible operator, as an outside service named them when the client waited; who
    /// talked last with the client, else whose turn it is in the callback group: of those
    /// who are signed in before the others. Nobody who let the episode lie before.
    fn next_owner(&self, row: &EpisodeRow, client: &Number) -> Option<Name> {
        let had = |name: &Name| {
            row.owner.as_ref() == Some(name)
                || row.steps.iter().any(|step| step.owner.as_ref() == Some(name))
        };
        let works = |name: &Name| self.roster.operator(name).is_some_and(|it| !it.disabled);
        let responsible = row.calls.iter().rev().find_map(|call| self.owner_of_call(*call));
        let responsible = responsible.and_then(|id| self.state.operators.get(&id));
        let responsible = responsible.map(|it| &it.name).filter(|name| works(name) && !had(name));
        if let Some(name) = responsible {
            return Some(name.clone());
        }
        let last = self.last_talked(client).and_then(|id| self.state.operators.get(&id));
        let last = last.map(|it| &it.name).filter(|name| works(name) && !had(name));
        if let Some(name) = last {
            return Some(name.clone());
        }
        let queues = self.roster.settings().queues.iter().filter(|it| it.group == row.group);
        let members = queues.flat_map(|queue| &queue.tiers).flat_map(|tier| &tier.members);
        let names = members.map(|member| &member.operator);
        let away = |name: &Name| {
            let it = self.operator_id(name).and_then(|id| self.state.operators.get(&id));
            it.is_none_or(|it| matches!(it.intent, Intent::Offline | Intent::Disabled))
        };
        let turn = |name: &Name| self.state.given.get(name).copied().unwrap_or(0);
        let group = names.filter(|name| works(name) && !had(name));
        group.min_by_key(|name| (away(name), turn(name))).cloned()
    }

    /// When the next step of an episode is due; `None` once somebody attempted, or where all was
    /// done.
    pub(super) fn step_due(row: &EpisodeRow) -> Option<Wall> {
        let waits = matches!(row.state, EpisodeState::Open | EpisodeState::Assigned);
        if !waits || row.client.is_none() || next_kind(row).is_none() {
            return None;
        }
        // Rows of earlier versions know only when they are due.
        row.step_at.or_else(|| row.due_at.filter(|_| row.steps.is_empty()))
    }

    /// Takes the step of an episode that is due.
    pub(super) fn escalate(&mut self, id: EpisodeId) {
        let Some(row) = self.state.episodes.get(&id).filter(|row| !is_closed(row)) else { return };
        let (Some(mut kind), Some(client)) = (next_kind(row), row.client.clone()) else { return };
        let mut row = row.clone();
        if kind == StepKind::Moved {
            match self.next_owner(&row, &client) {
                Some(next) => {
                    row.owner = Some(next);
                    row.state = EpisodeState::Assigned;
                }
                None => kind = StepKind::Supervisor,
            }
        }
        let owner = row.owner.clone();
        note_step(&mut row, kind, owner, self.now.wall);
        self.next_step_in_a_while(&mut row);
        self.save_episode(row);
    }

    /// The next step of an episode comes in a while from now.
    pub(super) fn next_step_in_a_while(&self, row: &mut EpisodeRow) {
        let wait = self.after_open(&row.queue, self.now.wall, STEP_EVERY);
        row.step_at = next_kind(row).map(|_| wait);
    }

    /// Somebody locked the number and did not dial: the owner has a while again.
    pub(super) fn take_lock_off(&self, row: &mut EpisodeRow) {
        row.state = match row.owner {
            Some(_) => EpisodeState::Assigned,
            None => EpisodeState::Open,
        };
        self.next_step_in_a_while(row);
    }

    /// A person gave the episode to somebody: the steps begin anew with the due time, or in a
    /// while where that has passed.
    pub(super) fn begin_steps(&self, row: &mut EpisodeRow) {
        let owner = row.owner.clone();
        note_step(row, StepKind::Assigned, owner, self.now.wall);
        let due = row.due_at.filter(|due| *due > self.now.wall);
        let later = || self.after_open(&row.queue, self.now.wall, STEP_EVERY);
        row.step_at = Some(due.unwrap_or_else(later));
    }
}

/// Adds a step to the list of those that were taken.
pub(super) fn note_step(row: &mut EpisodeRow, kind: StepKind, owner: Option<Name>, at: Wall) {
    row.steps.push(EpisodeStep { kind, owner, at });
    if row.steps.len() > STEPS_MAX {
        row.steps.remove(0);
    }
}

/// What comes next for an episode that nobody works on.
fn next_kind(row: &EpisodeRow) -> Option<StepKind> {
    match row.steps.last().map(|step| step.kind) {
        None | Some(StepKind::Assigned | StepKind::Offered) => Some(StepKind::Reminded),
        Some(StepKind::Reminded) => Some(StepKind::Moved),
        Some(StepKind::Moved) => Some(StepKind::Supervisor),
        Some(StepKind::Supervisor) => None,
    }
}
