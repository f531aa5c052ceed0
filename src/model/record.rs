//! What happened: the lines of the journal. State after a restart is the fold of these.
//!
//! A record is written once and never changed. Fields may be added with a default; a kind is
//! never reused for something else, because journals of earlier versions are read for years.

use serde::{Deserialize, Serialize};

use super::{CallRow, Decision, EpisodeRow, Name, Now, OperatorId, OperatorView, QueueId, Seq};

/// A record with its place and moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Its place, from 1, without gaps but after a recorded one.
    pub seq: Seq,
    /// When the engine decided it.
    pub at: Now,
    /// What happened.
    pub record: Record,
}

/// The kinds of records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A stored request was taken in whole; a restart goes on after it.
    Heard {
        /// Its place in the inbox.
        request: Seq,
    },
    /// An operator's name got its id.
    OperatorNamed {
        /// The id.
        operator: OperatorId,
        /// The name.
        name: Name,
    },
    /// A queue's name got its id.
    QueueNamed {
        /// The id.
        queue: QueueId,
        /// The name.
        name: Name,
    },
    /// The call as it stands; for the database and the screens, the fold passes over it.
    CallSaved(Box<CallRow>),
    /// The episode as it stands; like `CallSaved`.
    EpisodeSaved(Box<EpisodeRow>),
    /// A round of an entry; like `CallSaved`.
    Decided(Box<Decision>),
    /// An operator changed on an axis; like `CallSaved`.
    OperatorSaved(Box<OperatorView>),
}

impl Record {
    /// The kind's word, as in the serialised form.
    pub const fn word(&self) -> &'static str {
        match self {
            Record::Heard { .. } => "heard",
            Record::OperatorNamed { .. } => "operator_named",
            Record::QueueNamed { .. } => "queue_named",
            Record::CallSaved(_) => "call_saved",
            Record::EpisodeSaved(_) => "episode_saved",
            Record::Decided(_) => "decided",
            Record::OperatorSaved(_) => "operator_saved",
        }
    }
}
