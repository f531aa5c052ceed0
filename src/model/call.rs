//! A call as it is kept and shown: one row with everything under it, rewritten as facts come in.

use serde::{Deserialize, Serialize};

use super::{
    Authority, CallId, Direction, Disposition, EntryId, Name, OfferEnd, OfferId, Outcome, Party,
    Period, Wall,
};

/// The whole of one call at one moment (PRODUCT section 6, providers/common.md section 4).
///
/// A later row of the same call replaces an earlier one: `revision` grows by one with each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// Ours.
    pub id: CallId,
    /// `account/` and the provider's own call id.
    pub call_key: String,
    /// The kind of the account: `sipuni`, `onlinepbx`, `uztelecom` …
    pub provider: String,
    /// The account's name.
    pub account: Name,
    /// How much of the call is ours.
    pub authority: Authority,
    /// Who called whom; `None` while nobody told.
    pub direction: Option<Direction>,
    /// The external party; `None` while unknown. Its E.164 form is `client_e164`.
    pub client: Option<Party>,
    /// Our number; its E.164 form is `line_e164`.
    pub line: Option<Party>,
    /// Our queue, of the last entry.
    pub queue: Option<Name>,
    /// Operators that were offered the call, in order of first offer, without repeats.
    pub rung: Vec<Name>,
    /// Who first had a conversation with the client.
    pub answered_by: Option<Name>,
    /// Everybody who talked with the client, in order.
    pub handled_by: Vec<Name>,
    /// Who placed an outbound call.
    pub placed_by: Option<Name>,
    /// Inbound, over, and nobody talked.
    pub missed: bool,
    /// Conversation with operators; `None` when there was one of unknown length.
    pub talk: Option<Period>,
    /// First offer to first answer or end; `None` when no offer was reported.
    pub ring: Option<Period>,
    /// Start to first answer or end; `None` when the start is unknown.
    pub wait: Option<Period>,
    /// What became of it.
    pub disposition: Disposition,
    /// The outcome of its last entry; `None` where none ended.
    pub outcome: Option<Outcome>,
    /// The last link that was not empty.
    pub recording_url: Option<String>,
    /// When it began.
    pub started_at: Wall,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// False: late facts may still change it.
    pub settled: bool,
    /// What an operator said of it at wrap-up.
    pub result: Option<String>,
    /// Grows with each rewrite, from 1.
    pub revision: u32,
    /// Its waits in queues, in order.
    pub entries: Vec<EntryRow>,
    /// Its attempts at operators, in order.
    pub offers: Vec<OfferRow>,
    /// Who talked from when to when.
    pub talks: Vec<TalkRow>,
    /// When it passed each stage of navbat.
    pub stages: Vec<Stage>,
}

/// One wait in one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRow {
    /// Ours.
    pub id: EntryId,
    /// Where.
    pub queue: Name,
    /// When it was put in.
    pub enqueued_at: Wall,
    /// When it ended.
    pub done_at: Option<Wall>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// From the first entry of the chain to the answer or the end.
    pub wait: Option<Period>,
}

/// One attempt at one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferRow {
    /// Ours.
    pub id: OfferId,
    /// The wait it belongs to; `None` for calls outside queues.
    pub entry: Option<EntryId>,
    /// The operator's name, or `ext:NNN` of an unknown alias.
    pub operator: Name,
    /// When it was made.
    pub offered_at: Wall,
    /// When the telephone began to ring.
    pub ringing_at: Option<Wall>,
    /// When it was picked up.
    pub answered_at: Option<Wall>,
    /// When it was over.
    pub over_at: Option<Wall>,
    /// How it ended.
    pub end: Option<OfferEnd>,
    /// Whether the person is said not to have picked up.
    pub counts_as_miss: bool,
}

/// One stretch of conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkRow {
    /// The operator's name or `ext:NNN`.
    pub operator: Name,
    /// From.
    pub from: Wall,
    /// To; `None` while it lasts.
    pub to: Option<Wall>,
    /// How long the operator had the other party on hold in it; no part of the conversation.
    #[serde(default)]
    pub held: Period,
}

/// When a call first passed one stage, so that a lost call has an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which.
    pub stage: StageName,
    /// When.
    pub at: Wall,
}

/// The stages in the order a call passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// The provider's own time of the first event.
    Provider,
    /// The first event was received and committed.
    Journal,
    /// An operator was chosen or named.
    Routing,
    /// A card left for an operator.
    Pop,
    /// A note left for the CRM.
    Crm,
}
