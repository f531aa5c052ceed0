//! How things end. Closed sets: reports, boards and CRM notes share these words.

use serde::{Deserialize, Serialize};

/// How much of a call is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// We dial and join the parties.
    Owned,
    /// The provider asks whom to ring; we answer with an order.
    Advised,
    /// The provider decides; we are told.
    Observed,
}

impl Authority {
    /// The word used in JSON and SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Authority::Owned => "owned",
            Authority::Advised => "advised",
            Authority::Observed => "observed",
        }
    }
}

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// An external party called us.
    In,
    /// Our operator called an external party.
    Out,
    /// Both sides are extensions.
    Internal,
}

impl Direction {
    /// The word used in JSON and SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::Internal => "internal",
        }
    }
}

/// How one wait in one queue ended. Conservation: arrivals = sum of outcomes + in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// An operator talked with the caller.
    Answered,
    /// The caller left within the queue's `short` time.
    AbandonedShort,
    /// The caller left later than that.
    Abandoned,
    /// The wait passed `wait_max` with no other step.
    TimedOut,
    /// Left because nobody could serve.
    NoOperators,
    /// More callers than the queue takes.
    Full,
    /// Out of hours.
    Closed,
    /// Refused by a block list.
    Blocked,
    /// The caller chose to be called back.
    CallbackTaken,
    /// The caller left by pressing a key.
    ExitedByKey,
    /// Moved on to another queue; the chain continues there.
    Overflowed,
    /// Taken out by the system or a supervisor.
    Withdrawn,
    /// Our fault or the provider's.
    Failed,
}

impl Outcome {
    /// All of them, in the order reports list them.
    pub const ALL: [Outcome; 13] = [
        Outcome::Answered,
        Outcome::AbandonedShort,
        Outcome::Abandoned,
        Outcome::TimedOut,
        Outcome::NoOperators,
        Outcome::Full,
        Outcome::Closed,
        Outcome::Blocked,
        Outcome::CallbackTaken,
        Outcome::ExitedByKey,
        Outcome::Overflowed,
        Outcome::Withdrawn,
        Outcome::Failed,
    ];

    /// The word used in JSON, SQL and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::AbandonedShort => "abandoned_short",
            Outcome::Abandoned => "abandoned",
            Outcome::TimedOut => "timed_out",
            Outcome::NoOperators => "no_operators",
            Outcome::Full => "full",
            Outcome::Closed => "closed",
            Outcome::Blocked => "blocked",
            Outcome::CallbackTaken => "callback_taken",
            Outcome::ExitedByKey => "exited_by_key",
            Outcome::Overflowed => "overflowed",
            Outcome::Withdrawn => "withdrawn",
            Outcome::Failed => "failed",
        }
    }
}

/// What became of a call as a whole (providers/common.md section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Not ended yet.
    Open,
    /// An operator talked with the client.
    Answered,
    /// Inbound, over, and no operator talked.
    Missed,
    /// Outbound: the client did not pick up.
    NoAnswer,
    /// Outbound: busy or refused.
    Busy,
    /// Outbound: given up before an answer.
    Cancelled,
    /// Outbound: could not be reached; or an unknown end whose entry failed.
    Failed,
    /// Both sides are extensions.
    Internal,
    /// Closed for want of news.
    UnknownEnd,
}

impl Disposition {
    /// The word used in JSON and SQL.
    pub const fn word(self) -> &'static str {
        match self {
            Disposition::Open => "open",
            Disposition::Answered => "answered",
            Disposition::Missed => "missed",
            Disposition::NoAnswer => "no_answer",
            Disposition::Busy => "busy",
            Disposition::Cancelled => "cancelled",
            Disposition::Failed => "failed",
            Disposition::Internal => "internal",
            Disposition::UnknownEnd => "unknown_end",
        }
    }
}

/// Every way out of an offer; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferEnd {
    /// This operator got the call.
    Won,
    /// Somebody else got it.
    Lost,
    /// Rang for the whole time.
    NoAnswer,
    /// The operator refused.
    Rejected,
    /// The telephone was in another call.
    Busy,
    /// The telephone could not be reached.
    Unreachable,
    /// A fault of ours or of the provider.
    Failed,
    /// The caller hung up first.
    CallerGone,
    /// Taken back by us.
    Withdrawn(WithdrawnBecause),
    /// No news until the lease ran out.
    Expired,
    /// Answered, and gone before the caller was joined.
    DroppedBeforeBridge,
}

/// Why an offer was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnBecause {
    /// The operator is not ready any more.
    NotReady,
    /// The entry went on to another queue or step.
    MovedOn,
    /// The operator was disabled or left the queue.
    Removed,
    /// A supervisor asked for it.
    Supervisor,
}

impl OfferEnd {
    /// The word used in JSON, SQL and texts.
    pub const fn word(self) -> &'static str {
        match self {
            OfferEnd::Won => "won",
            OfferEnd::Lost => "lost",
            OfferEnd::NoAnswer => "no_answer",
            OfferEnd::Rejected => "rejected",
            OfferEnd::Busy => "busy",
            OfferEnd::Unreachable => "unreachable",
            OfferEnd::Failed => "failed",
            OfferEnd::CallerGone => "caller_gone",
            OfferEnd::Withdrawn(_) => "withdrawn",
            OfferEnd::Expired => "expired",
            OfferEnd::DroppedBeforeBridge => "dropped_before_bridge",
        }
    }
}

/// Why a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// That party hung up.
    Party,
    /// We hung it up or cancelled it.
    Us,
    /// Busy here (486, 600).
    Busy,
    /// Refused (603, or the decline button).
    Rejected,
    /// Could not be reached (404, 408, 410, 480, 5xx, not registered).
    Unreachable,
    /// Another fault.
    Failed,
    /// No sign of life.
    Stale,
    /// Lost with a restart.
    Restart,
}
