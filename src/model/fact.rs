//! What a provider's event tells, in our words. Readers make facts; `acd/observed.rs` merges them.
//!
//! Facts may come late, twice or in any order; a call is the set of its facts, so a fact carries
//! everything that its meaning depends on and nothing about when it reached us, but for events
//! that have no time of their own.

use serde::{Deserialize, Serialize};

use super::{Direction, Disposition, Party, Period, Wall};

/// How an event names an operator: extension, login, e-mail or mobile number, as the provider
/// writes it (without its own prefixes). The core resolves it within the account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alias(pub String);

/// One thing that is known about one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// The provider's own call id.
    pub key: String,
    /// When it happened: the event's own time, or when it reached us where it tells none.
    pub at: Wall,
    /// How far it may be trusted: history over final over live.
    pub source: Source,
    /// The operators it names may as well be codes of a queue, a group or a menu: only those that
    /// the operator table has are operators.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vague: bool,
    /// What happened.
    pub kind: FactKind,
}

/// Where a fact comes from, in rising precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An event during the call.
    Live,
    /// The event that sums the call up.
    Final,
    /// The provider's history, asked for afterwards.
    History,
}

/// The kinds of facts (providers/common.md names them).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum FactKind {
    /// A call, or an outside leg of it, began.
    CallStarted(Legs),
    /// An operator's telephone began to ring.
    OperatorRinging {
        /// Whose.
        alias: Alias,
        /// Who and what line, where the event tells.
        legs: Legs,
    },
    /// An operator picked up an inbound or internal call.
    OperatorAnswered {
        /// Who; `None` when it is only known that somebody did.
        alias: Option<Alias>,
        /// Who and what line, where the event tells.
        legs: Legs,
    },
    /// Somebody picked up, and the event does not say on which side: of an outbound call it is the
    /// client, of any other the operator.
    Accepted {
        /// The operator who takes part.
        alias: Option<Alias>,
        /// Who and what line, where the event tells.
        legs: Legs,
    },
    /// The client's telephone is being dialled for an outbound call.
    ClientDialled {
        /// Who and what line, where the event tells.
        legs: Legs,
    },
    /// The client picked up an outbound call.
    ClientAnswered {
        /// Who and what line, where the event tells.
        legs: Legs,
    },
    /// An operator's telephone stopped ringing or left the conversation.
    OperatorLeft {
        /// Whose.
        alias: Alias,
        /// Whether the provider says that they had talked.
        talked: Option<bool>,
        /// Whether the call may be over with it.
        #[serde(default)]
        ends: Ends,
    },
    /// The call was handed on.
    Transferred {
        /// By whom.
        from: Option<Alias>,
        /// To whom.
        to: Option<Alias>,
    },
    /// The call is over.
    CallEnded {
        /// Who and what line, where the event tells.
        legs: Legs,
        /// What the event sums up.
        totals: Totals,
    },
    /// A summary that came after the call (`call_saved`, `history`, a row of the history).
    Summary {
        /// Who and what line.
        legs: Legs,
        /// What the row sums up.
        totals: Totals,
    },
    /// An event that only tells who takes part.
    Told(Legs),
    /// Where the recording is.
    Recording {
        /// The provider's link.
        url: String,
        /// The fingerprint of the event it came with: copies of one event may carry links that
        /// differ, and the earliest copy counts.
        #[serde(default)]
        event: String,
    },
}

/// Whether a call is over once everybody it was offered to has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ends {
    /// No: the provider has an event for the end.
    #[default]
    ByEvent,
    /// Yes; where nobody talked, only after a silence, for others may be offered it.
    WhenAllLeft,
    /// Yes, at once.
    AtOnce,
}

/// Who is on the two ends, as far as one event tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Legs {
    /// Who called whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The external party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<Party>,
    /// Our number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Party>,
    /// The operator who placed the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_by: Option<Alias>,
    /// Scheme, group, department or queue, in the provider's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
}

/// What an end event or a history row sums up. `None` is unknown, never nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Whether there was a conversation.
    pub answered: Option<bool>,
    /// Who talked first; used while no answer event is known ([`Source::History`] overrides).
    pub answered_by: Option<Alias>,
    /// Who else talked, in order.
    pub handled_by: Vec<Alias>,
    /// When the call began.
    pub started_at: Option<Wall>,
    /// When it was over, where that is not the time of the event.
    #[serde(default)]
    pub ended_at: Option<Wall>,
    /// The event is no proof of when the call was over: it has no time of its own, or it came
    /// some time afterwards.
    #[serde(default)]
    pub end_untold: bool,
    /// When the conversation began.
    pub answered_at: Option<Wall>,
    /// Conversation with operators.
    pub talk: Option<Period>,
    /// Start to first answer, or to the end; else worked out from `whole` and `talk`.
    pub wait: Option<Period>,
    /// From start to end.
    pub whole: Option<Period>,
    /// How an outbound call without a conversation ended.
    pub disposition: Option<Disposition>,
}
