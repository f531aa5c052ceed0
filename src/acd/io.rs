//! What goes into the engine and what comes out: the words of the switch's door.
//!
//! They stand here because the engine decides in them; the switch hands them through.

use std::sync::Arc;

use super::settings::Settings;
use crate::model::{
    CallId, EndedBy, EpisodeId, Fact, Intent, LegId, Live, Mono, Name, Now, Number, OfferId,
    OperatorId, OperatorView, Party, Pop, QueueView, Reach, Record, Seq, Wall,
};

/// Everything that can happen to the switch, but for the passing of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A provider told us something.
    Heard(Heard),
    /// A provider asks whom to ring.
    RouteAsked(RouteAsk),
    /// A call reached us that we own.
    Arrived(Arrival),
    /// Something happened to a leg that we own. An unknown leg id has no effect.
    Leg {
        /// Which leg.
        leg: LegId,
        /// What happened.
        event: LegEvent,
    },
    /// A registrar or a probe learned about an operator's device.
    Reach {
        /// Whose.
        operator: Name,
        /// What.
        reach: Reach,
    },
    /// A person, a supervisor or a program wants something; answered by [`Effect::Reply`].
    Command {
        /// For the reply.
        ticket: Ticket,
        /// The login of who asks, for the audit.
        by: Name,
        /// Whether that is somebody else than the operator concerned.
        supervisor: bool,
        /// What is wanted.
        command: Command,
    },
    /// A new configuration. Entries that live keep theirs.
    Reload(Arc<Settings>),
    /// The process started again: owned legs that no edge knows are gone.
    Restarted,
}

/// Names the asker of a command or a routing question, so that the answer finds its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One stored request of a provider, read into facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Its place in the inbox; `None` for facts that came another way (history).
    pub request: Option<Seq>,
    /// The account.
    pub account: Name,
    /// When it reached us.
    pub received: Wall,
    /// What it tells; empty for events that mean nothing to us.
    pub facts: Vec<Fact>,
}

/// A provider's question whom to ring.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteAsk {
    /// For the answer.
    pub ticket: Ticket,
    /// The account.
    pub account: Name,
    /// The provider's call id, where the question carries one.
    pub key: Option<String>,
    /// Who calls.
    pub client: Party,
    /// Our number.
    pub line: Option<Party>,
    /// Scheme, group or queue in the provider's words.
    pub queue: Option<String>,
    /// What the answer must look like.
    pub kind: AskKind,
    /// Past this the safe answer goes out.
    pub deadline: Mono,
}

/// What a routing question asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskKind {
    /// Operators in order; the provider rings the first, or as many as it can.
    Order,
    /// Yes or no: whether this operator or group should get the call (Sipuni's `label`).
    Whether {
        /// The alias or queue the question is about.
        label: String,
    },
}

/// A call that we own, at our door.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// The caller's leg, named by the edge.
    pub leg: LegId,
    /// The trunk.
    pub account: Name,
    /// Who calls.
    pub client: Party,
    /// The number that was dialled.
    pub line: Option<Number>,
    /// The queue that the plan chose.
    pub queue: Name,
}

/// What can happen to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegEvent {
    /// It rings (or plays early media).
    Ringing,
    /// It was picked up.
    Answered,
    /// It was joined with its other party.
    Bridged,
    /// It was put on hold.
    Held,
    /// It was taken from hold.
    Resumed,
    /// It is over.
    Ended(EndedBy),
}

/// What people may want.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Change what an operator chose.
    SetIntent {
        /// Whose.
        operator: Name,
        /// To what.
        intent: Intent,
    },
    /// End an operator's wrap-up now.
    EndWrapUp {
        /// Whose.
        operator: Name,
    },
    /// Refuse an offer that rings (owned and advised calls; a telephone of the provider is out
    /// of our hands and the refusal says so).
    Decline {
        /// Which.
        offer: OfferId,
    },
    /// Note what came of a call.
    SetResult {
        /// Which.
        call: CallId,
        /// A word of the site's list.
        result: String,
    },
    /// Give an episode to somebody, or to nobody.
    AssignEpisode {
        /// Which.
        episode: EpisodeId,
        /// To whom.
        owner: Option<Name>,
        /// By when; `None`: by the queue's rule.
        due: Option<Wall>,
    },
    /// Lock an episode's number for a call back.
    AttemptEpisode {
        /// Which.
        episode: EpisodeId,
        /// Who calls.
        operator: Name,
    },
    /// Close an episode by hand.
    CloseEpisode {
        /// Which.
        episode: EpisodeId,
        /// Why.
        reason: String,
    },
}

/// What comes out: what happened first, then what to do.
#[expect(
    clippy::large_enum_variant,
    reason = "outputs are polled one at a time and moved once, so a box would only add a visit to the heap"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// What happened; goes to the journal.
    Record(Now, Record),
    /// What to do.
    Effect(Effect),
}

/// What to do. An attempt leaves at once, a promise after the commit of the records before it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Attempt: ring an operator on all their devices.
    Dial {
        /// The leg that this makes.
        leg: LegId,
        /// For whom.
        offer: OfferId,
        /// Whom.
        operator: OperatorId,
        /// The call.
        call: CallId,
    },
    /// Attempt: ring an outside number for a caller (overflow `dial:`).
    DialOut {
        /// The leg that this makes.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The number.
        number: Number,
    },
    /// Attempt: stop a leg that was not answered.
    Cancel {
        /// Which.
        leg: LegId,
        /// Why, for the `Reason` header.
        because: LegReason,
    },
    /// Attempt: end a leg that was answered.
    HangUp {
        /// Which.
        leg: LegId,
        /// Why, for the `Reason` header.
        because: LegReason,
    },
    /// Attempt: tell the caller that it rings.
    RingCaller {
        /// The caller's leg.
        leg: LegId,
    },
    /// Promise: answer the caller.
    AnswerCaller {
        /// The caller's leg.
        leg: LegId,
    },
    /// Attempt: join two legs; the edge tells `LegEvent::Bridged` of the operator's leg.
    Bridge {
        /// The caller's leg.
        caller: LegId,
        /// The operator's leg.
        operator: LegId,
    },
    /// Attempt: answer the caller and take a message.
    TakeMessage {
        /// The caller's leg.
        leg: LegId,
    },
    /// Promise: the answer to a routing question. Empty: the provider's own default.
    RouteAnswer {
        /// Of which question.
        ticket: Ticket,
        /// Whom to ring, in order.
        operators: Vec<Name>,
    },
    /// Promise: the answer to a command.
    Reply {
        /// Of which command.
        ticket: Ticket,
        /// Done, or why not.
        result: Result<(), Refusal>,
    },
    /// Attempt: what the screens are told.
    Live(Live),
}

/// Why a leg is ended; becomes a `Reason` header (RFC 3326).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegReason {
    /// Another operator has the call: `SIP;cause=200`.
    AnsweredElsewhere,
    /// The caller is gone.
    CallerGone,
    /// Rang for the whole time.
    NoAnswer,
    /// The offer was taken back.
    Withdrawn,
    /// The conversation is over.
    Over,
}

/// Why a command was not done; each says what the asker can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such thing.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// The state of the thing does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// Only the provider can do it.
    #[error("the provider `{0}` distributes this call: do it on the telephone")]
    ProvidersOwn(Name),
}

/// The exchange as screens see it at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Now,
    /// Every operator, by name.
    pub operators: Vec<OperatorView>,
    /// Every queue, by name.
    pub queues: Vec<QueueView>,
    /// Every card that lives.
    pub pops: Vec<Pop>,
    /// Calls that have not ended.
    pub calls_open: u32,
    /// Episodes that are not closed.
    pub episodes_open: u32,
}
