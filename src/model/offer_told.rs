//! What facts say about an attempt: one record of the journal is larger than the others.

use serde::{Deserialize, Serialize};

use super::{CallId, EntryId, Mono, Name, OfferEnd, OfferId, OperatorId, Wall};

/// What facts say about one attempt at one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferTold {
    /// The offer.
    pub offer: OfferId,
    /// The call.
    pub call: CallId,
    /// The wait it belongs to; `None` after the first answer (a transfer) and outside queues.
    pub entry: Option<EntryId>,
    /// Who, when the alias is known.
    pub operator: Option<OperatorId>,
    /// The operator's name, or `ext:NNN`.
    pub name: Name,
    /// When it was made.
    pub offered_at: Wall,
    /// When the telephone began to ring; `None` while it is only named in our answer.
    pub ringing_at: Option<Wall>,
    /// When it was picked up.
    pub answered_at: Option<Wall>,
    /// When it was over; for a winner when the conversation ended.
    pub over_at: Option<Wall>,
    /// How it ended.
    pub end: Option<OfferEnd>,
    /// Whether the person is said not to have picked up.
    pub counts: bool,
    /// Who has the call.
    pub taken_by: Option<Name>,
    /// When an operator who was only named is given up.
    pub lease_until: Option<Mono>,
}
