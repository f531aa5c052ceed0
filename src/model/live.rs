//! What the screens are told as it happens. The web room filters and masks by reader.

use serde::{Deserialize, Serialize};

use super::{
    By, CallRow, ClientNews, EpisodeRow, Intent, Mono, Name, OperatorId, Pop, QueueId, Reach, Wall,
    Work,
};

/// One change that a screen may want to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "live", rename_all = "snake_case")]
pub enum Live {
    /// A card opened, changed or closed.
    Pop(Box<Pop>),
    /// A call changed.
    Call(Box<CallRow>),
    /// An operator changed on one of the three axes.
    Operator(Box<OperatorView>),
    /// A queue's counters changed.
    Queue(Box<QueueView>),
    /// A row of the workbench changed.
    Episode(Box<EpisodeRow>),
    /// A CRM said something of a call's client.
    Client(Box<ClientNews>),
}

/// An operator as screens see them: three axes, never one merged word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorView {
    /// Ours.
    pub id: OperatorId,
    /// Unique.
    pub name: Name,
    /// The login of their panel.
    pub login: Option<Name>,
    /// What they chose.
    pub intent: Intent,
    /// Since when.
    pub intent_since: Wall,
    /// Who chose it.
    pub intent_by: By,
    /// What is known of their devices, best first.
    pub reach: Reach,
    /// Since when.
    pub reach_since: Wall,
    /// What they are doing.
    pub work: Work,
    /// Since when.
    pub work_since: Wall,
    /// The end of wrap-up as wall time, for the countdown.
    pub wrap_up_until: Option<Wall>,
    /// Queues they are a member of.
    pub queues: Vec<Name>,
}

/// A queue as the board sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// Ours.
    pub id: QueueId,
    /// Its name in the configuration.
    pub name: Name,
    /// The strategy's name in the configuration.
    pub strategy: String,
    /// Callers waiting.
    pub waiting: u32,
    /// When the one who has waited longest came.
    pub longest_since: Option<Wall>,
    /// Members that could take a call at once.
    pub ready: u32,
    /// Members signed in.
    pub signed_in: u32,
    /// All members.
    pub members: u32,
    /// Whether the calendar is open.
    pub open: bool,
    /// Moment of the last change, on the engine's clock.
    pub at: Mono,
}
