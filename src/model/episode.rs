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
    /// What was done to get somebody to call back, the latest last.
    #[serde(default)]
    pub steps: Vec<EpisodeStep>,
    /// When the next of those steps is due, on the working-hours clock.
    #[serde(default)]
    pub step_at: Option<Wall>,
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
    /// The missed call itself was answered after all: its answer was told late.
    Answered {
        /// The call.
        call: CallId,
        /// When it was answered.
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

/// One step towards somebody calling back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeStep {
    /// Which.
    pub kind: StepKind,
    /// Whom it concerns; `None` for nobody in particular.
    pub owner: Option<Name>,
    /// When.
    pub at: Wall,
}

/// The kinds of steps. Of an episode that nobody works on they follow each other: reminded,
/// moved, supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A person gave it to somebody, or took it from them.
    Assigned,
    /// The client asked to be called back and the turn came: the operator may dial.
    Offered,
    /// It is due, and the owner was told so.
    Reminded,
    /// The owner let it lie: the next one owns it.
    Moved,
    /// Nobody called back: supervisors are asked.
    Supervisor,
}

impl StepKind {
    /// The word used in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            StepKind::Assigned => "assigned",
            StepKind::Offered => "offered",
            StepKind::Reminded => "reminded",
            StepKind::Moved => "moved",
            StepKind::Supervisor => "supervisor",
        }
    }
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
    /// Whether it is over and reached nobody.
    #[serde(default)]
    pub failed: bool,
}

impl EpisodeRow {
    /// How many attempts reached nobody.
    pub fn no_contact(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.failed).count()
    }
}
