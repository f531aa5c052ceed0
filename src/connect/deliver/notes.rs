//! Which notes a batch of records gives rise to: a pure function from facts and targets.
//!
//! The projector writes them in the transaction of the facts, and may do so again: keys and
//! revisions make that harmless. What is older than three days makes no note, so that a database
//! that is filled again from its journal does not tell old calls as if they were fresh.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::{
    CallId, CallRow, Closing, Direction, EpisodeRow, EpisodeState, Name, NoteBody, Party, Period,
    Record, Stamped, Wall,
};
use crate::store::NewNote;

/// Facts older than this make no note. A longer time lets a database that is filled again repeat
/// more, a shorter one loses notes of an outage of the database; notes are tried for as long.
const FACTS_FOR: Period = Period::hours(72);

/// Places of one record's notes in their lanes.
const PLACES: i64 = 64;

/// Tasks of one episode that are closed when its client was reached: the last ones. Nobody is missed
/// oftener and works at each task; more would leave no places in the lanes.
const TASKS_MAX: usize = 50;

/// The action of a task's note.
const TASK: &str = "task";

/// What one target wants to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// Settled calls with somebody outside, for the log of a CRM.
    pub calls: bool,
    /// A task for each missed call.
    pub call_backs: bool,
    /// Kinds of [`EVENTS`].
    pub events: Vec<String>,
}

/// The kinds of events that a webhook can be told. Each is told once; those of a call that
/// settled, and the end of an episode, again when late facts change them.
pub const EVENTS: [&str; 5] =
    ["call.answered", "call.settled", "call.missed", "episode.opened", "episode.closed"];

/// The notes that these records give rise to at these targets.
pub fn notes_of(records: &[Stamped], targets: &[(Name, Wants)], now: Wall) -> Vec<NewNote> {
    let fresh = records.iter().filter(|record| record.at.wall >= now - FACTS_FOR);
    let told = fresh.flat_map(|record| {
        targets.iter().flat_map(move |(target, wants)| {
            let mut drafts = Vec::new();
            if let Record::CallSaved(call) = &record.record {
                drafts = of_call(call, wants);
            } else if let Record::EpisodeSaved(episode) = &record.record {
                drafts = of_episode(episode, wants);
            }
            let placed = drafts.into_iter().enumerate();
            placed.map(move |(at, draft)| draft.note(target, record, at))
        })
    });
    told.collect()
}

/// A note before it has a target and a place.
struct Draft {
    /// What the lane, and the first part of the key, is about.
    about: String,
    action: &'static str,
    revision: u32,
    call: Option<CallId>,
    body: NoteBody,
}

fn of_call(call: &CallRow, wants: &Wants) -> Vec<Draft> {
    if call.direction == Some(Direction::Internal) {
        return Vec::new();
    }
    let draft = |action, revision, body| Draft {
        about: call.id.to_string(),
        action,
        revision,
        call: Some(call.id),
        body,
    };
    let event = |kind: &'static str, revision, at| {
        let fields = call_fields(call);
        draft(kind, revision, NoteBody::Event { event: kind.to_owned(), at, fields })
    };
    let wants_event = |kind: &str| wants.events.iter().any(|own| own == kind);
    let mut drafts = Vec::new();
    // Of an answer the first word is told, and no more: what follows is told when it settles.
    if let Some(talk) = call.talks.first()
        && call.answered_by.is_some()
        && wants_event("call.answered")
    {
        drafts.push(event("call.answered", 1, talk.from));
    }
    if !call.settled {
        return drafts;
    }
    let ended = call.ended_at.unwrap_or(call.started_at);
    if wants.calls {
        drafts.push(draft("log", call.revision, NoteBody::Call { call: Box::new(call.clone()) }));
    }
    if wants.call_backs && call.missed {
        let body = NoteBody::CallBack { call: Box::new(call.clone()) };
        drafts.push(draft(TASK, call.revision, body));
    }
    for (kind, holds) in [("call.settled", true), ("call.missed", call.missed)] {
        if holds && wants_event(kind) {
            drafts.push(event(kind, call.revision, ended));
        }
    }
    drafts
}

/// The tasks of an episode whose client was reached are done.
fn reached(episode: &EpisodeRow) -> Vec<Draft> {
    let EpisodeState::Closed(closing) = &episode.state else { return Vec::new() };
    let at = match closing {
        Closing::CalledBack { at, .. }
        | Closing::ClientRedialled { at, .. }
        | Closing::Answered { at, .. } => *at,
        Closing::Dismissed { .. } | Closing::Expired { .. } | Closing::Merged { .. } => {
            return Vec::new();
        }
    };
    let calls = episode.calls.iter().rev().take(TASKS_MAX);
    let done = calls.map(|call| Draft {
        about: call.to_string(),
        action: TASK,
        revision: episode.revision,
        call: Some(*call),
        body: NoteBody::Reached { call: *call, at },
    });
    done.collect()
}

fn of_episode(episode: &EpisodeRow, wants: &Wants) -> Vec<Draft> {
    let mut drafts = if wants.call_backs { reached(episode) } else { Vec::new() };
    drafts.extend(told_of_episode(episode, wants));
    drafts
}

fn told_of_episode(episode: &EpisodeRow, wants: &Wants) -> Option<Draft> {
    let kind = match &episode.state {
        EpisodeState::Closed(_) => "episode.closed",
        _ if episode.revision == 1 => "episode.opened",
        EpisodeState::Open
        | EpisodeState::Assigned
        | EpisodeState::Attempting { .. }
        | EpisodeState::NoContact => return None,
    };
    if !wants.events.iter().any(|own| own == kind) {
        return None;
    }
    let at = closed_at(episode).unwrap_or(episode.first_at);
    let fields = episode_fields(episode);
    Some(Draft {
        about: format!("episode-{}", episode.id),
        action: kind,
        revision: episode.revision,
        call: episode.calls.last().copied(),
        body: NoteBody::Event { event: kind.to_owned(), at, fields },
    })
}

impl Draft {
    fn note(self, target: &Name, record: &Stamped, at: usize) -> NewNote {
        let lane = format!("{target}/{}", self.about);
        let once_key = format!("{lane}/{}", self.action);
        let seq = i64::try_from(record.seq.0).unwrap_or(i64::MAX);
        let place = seq.saturating_mul(PLACES).saturating_add(i64::try_from(at).unwrap_or(0));
        NewNote {
            id: note_id(&once_key, self.revision, record.at.wall).to_string(),
            once_key,
            target: target.clone(),
            lane,
            place,
            call: self.call,
            revision: self.revision,
            body: self.body,
            due_at: record.at.wall,
            created_at: record.at.wall,
        }
    }
}

/// An id of the moment (UUID version 7) that is the same whenever the same note is made again.
pub fn note_id(once_key: &str, revision: u32, at: Wall) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(once_key);
    hash.update(revision.to_be_bytes());
    let mut tail = [0; 10];
    for (byte, hashed) in tail.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    let millis = u64::try_from(at.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
}

/// What a webhook is told of a call: the names and meanings of the API, flat, numbers whole. The
/// adapter takes out what its settings hide.
pub fn call_fields(call: &CallRow) -> Value {
    let number = |party: &Option<Party>| {
        party.as_ref().and_then(Party::e164).map(|number| number.reveal().to_owned())
    };
    let seconds = |length: Option<Period>| length.map(Period::as_secs);
    json!({
        "call": call.id.to_string(),
        "call_key": call.call_key,
        "revision": call.revision,
        "provider": call.provider,
        "account": call.account,
        "authority": call.authority.word(),
        "direction": call.direction.map(Direction::word),
        "client_e164": number(&call.client),
        "line_e164": number(&call.line),
        "queue": call.queue,
        "rung": call.rung,
        "answered_by": call.answered_by,
        "handled_by": call.handled_by,
        "placed_by": call.placed_by,
        "missed": call.missed,
        "talk_seconds": seconds(call.talk),
        "ring_seconds": seconds(call.ring),
        "wait_seconds": seconds(call.wait),
        "disposition": call.disposition.word(),
        "outcome": call.outcome.map(|outcome| outcome.word()),
        "result": call.result,
        "recording_url": call.recording_url,
        "started_at": call.started_at.rfc3339(),
        "ended_at": call.ended_at.map(Wall::rfc3339),
    })
}

/// What a webhook is told of an episode of missed calls.
pub fn episode_fields(episode: &EpisodeRow) -> Value {
    json!({
        "episode": episode.id,
        "revision": episode.revision,
        "client_e164": episode.client.as_ref().map(|number| number.reveal()),
        "queue": episode.queue,
        "group": episode.group,
        "calls": episode.calls.len(),
        "last_call": episode.calls.last().map(ToString::to_string),
        "reason": episode.reason.word(),
        "closed": closed_word(&episode.state),
        "owner": episode.owner,
        "attempts": episode.attempts.len(),
        "first_at": episode.first_at.rfc3339(),
        "last_at": episode.last_at.rfc3339(),
        "due_at": episode.due_at.map(Wall::rfc3339),
        "closed_at": closed_at(episode).map(Wall::rfc3339),
    })
}

fn closed_at(episode: &EpisodeRow) -> Option<Wall> {
    use crate::model::Closing as C;
    match &episode.state {
        EpisodeState::Closed(
            C::CalledBack { at, .. }
            | C::ClientRedialled { at, .. }
            | C::Answered { at, .. }
            | C::Dismissed { at, .. }
            | C::Expired { at }
            | C::Merged { at, .. },
        ) => Some(*at),
        EpisodeState::Open
        | EpisodeState::Assigned
        | EpisodeState::Attempting { .. }
        | EpisodeState::NoContact => None,
    }
}

const fn closed_word(state: &EpisodeState) -> Option<&'static str> {
    use crate::model::Closing as C;
    match state {
        EpisodeState::Closed(closing) => Some(match closing {
            C::CalledBack { .. } => "called_back",
            C::ClientRedialled { .. } => "client_redialled",
            C::Answered { .. } => "answered",
            C::Dismissed { .. } => "dismissed",
            C::Expired { .. } => "expired",
            C::Merged { .. } => "merged",
        }),
        EpisodeState::Open
        | EpisodeState::Assigned
        | EpisodeState::Attempting { .. }
        | EpisodeState::NoContact => None,
    }
}
