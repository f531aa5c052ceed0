//! The screen-pop: a live view of one offer. It opens, changes and closes with its offer. Whoever is
//! responsible for the client and has no offer sees a card of the conversation instead.

use serde::{Deserialize, Serialize};

use super::{Authority, CallId, Direction, Name, OfferId, Party, Period, Wall, WithdrawnBecause};

/// What one operator's screen shows of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pop {
    /// The offer it is a view of; a card that asks for nothing has a number of its own.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// Whose screen; never an unknown alias.
    pub operator: Name,
    /// Where the offer stands.
    pub state: PopState,
    /// Who calls.
    pub client: Option<Party>,
    /// The number that was dialled.
    pub line: Option<Party>,
    /// Our queue.
    pub queue: Option<Name>,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// How much of the call is ours; the card says so when the provider distributes.
    pub authority: Authority,
    /// The account that brought the call.
    pub account: Name,
    /// When this offer was made.
    pub offered_at: Wall,
}

/// The life of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PopState {
    /// The telephone rings (or is about to).
    Ringing,
    /// This operator talks.
    Talking {
        /// Since when.
        since: Wall,
    },
    /// A colleague took it; no miss for this operator.
    TakenBy {
        /// Who.
        operator: Name,
    },
    /// Rang for the whole time.
    Missed {
        /// How long it rang.
        rang: Period,
    },
    /// The caller hung up first.
    CallerGone,
    /// Taken back, and why.
    Withdrawn {
        /// Why.
        because: WithdrawnBecause,
    },
    /// Refused, busy, unreachable or failed: the offer's own word.
    Ended {
        /// The word of the offer's end.
        how: String,
    },
    /// Nothing to do: a colleague talks, or talked, with a client of this operator.
    Fyi {
        /// Who.
        operator: Name,
        /// Since when.
        since: Wall,
        /// How long they talked; `None` while they do.
        talk: Option<Period>,
    },
    /// The conversation is over.
    Over {
        /// How long this operator talked.
        talk: Period,
    },
}

impl PopState {
    /// Whether the card still lives.
    pub const fn is_live(&self) -> bool {
        match self {
            PopState::Ringing | PopState::Talking { .. } | PopState::Fyi { talk: None, .. } => true,
            PopState::TakenBy { .. } | PopState::Missed { .. } | PopState::CallerGone => false,
            PopState::Withdrawn { .. } | PopState::Ended { .. } | PopState::Over { .. } => false,
            PopState::Fyi { talk: Some(_), .. } => false,
        }
    }
}
