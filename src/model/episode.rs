//! A missed-call episode: one number and one queue group that nobody has talked to yet.

use serde::{Deserialize, Serialize};

use super::{CallId, EpisodeId, Name, Number, Outcome, Period, Wall};

/// One row of the missed-call workbench. A later revision replaces an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeRow {
    /// Ours.
    pub id: EpisodeId,
    /// The client; `None` for callers without a number, who are counted and cannot be called back.
    pub client: Option<Number>,
    /// Queues of one group share episodes.
    pub group: Name,
    /// The queue of the last missed call.
    pub queue: Name,
    /// Missed calls folded into it.
    pub calls: Vec<CallId>,
    /// When the first was lost.
    pub first_at: Wall,
    /// When the last was lost.
    pub last_at: Wall,
    /// How long the last one waited.
    pub waited: Option<Period>,
    /// Why the last one was missed.
    pub reason: Outcome,
    /// Where it stands.
    pub state: EpisodeState,
    /// Who is to call back.
    pub owner: Option<Name>,
    /// By when, on the working-hours clock.
    pub due_at: Option<Wall>,
    /// Attempts at calling back.
    pub attempts: Vec<Attempt>,
    /// Grows with each rewrite, from 1.
    pub revision: u32,
}

/// Where an episode stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum EpisodeState {
    /// Nobody's yet.
    Open,
    /// Somebody's.
    Assigned,
    /// Being called right now; nobody else may.
    Attempting {
        /// Who calls.
        operator: Name,
        /// When the lock lapses by itself.
        until: Wall,
    },
    /// Called back without reaching the client.
    NoContact,
    /// Done.
    Closed(Closing),
}

/// How an episode was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum Closing {
    /// An operator reached the client.
    CalledBack {
        /// The conversation.
        call: CallId,
        /// When.
        at: Wall,
        /// Whether it was in time.
        in_time: bool,
    },
    /// The client called again and was answered.
    ClientRedialled {
        /// The conversation.
        call: CallId,
        /// When.
        at: Wall,
    },
    /// A person closed it.
    Dismissed {
        /// Why.
        reason: String,
        /// Who.
        by: Name,
        /// When.
        at: Wall,
    },
    /// Too old.
    Expired {
        /// When.
        at: Wall,
    },
    /// Became part of another episode.
    Merged {
        /// Which.
        into: EpisodeId,
        /// When.
        at: Wall,
    },
}

/// One attempt at calling a client back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The call.
    pub call: CallId,
    /// Who placed it.
    pub operator: Option<Name>,
    /// When.
    pub at: Wall,
}
