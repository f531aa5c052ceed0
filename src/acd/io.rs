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
    /// An operator dialled something on their own telephone.
    Placed(Placement),
    /// A party asks that its other party be passed on (REFER); answered by
    /// [`Effect::Transferred`].
    Transfer(Transfer),
    /// Something happened to a leg that we own. An unknown leg id has no effect.
    Leg {
        /// Which leg.
        leg: LegId,
        /// What happened.
        event: LegEvent,
    },
    /// A trunk was taken for a number outside.
    Carried {
        /// The leg of the number.
        leg: LegId,
        /// The trunk.
        account: Name,
        /// Our number that the callee is shown.
        line: Option<Number>,
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
    /// An outside service answers [`Effect::AskOwner`]. Past [`super::OWNER_WAIT`] the answer
    /// moves nothing any more.
    OwnerKnown {
        /// The call of the question.
        call: CallId,
        /// Who is responsible for the client; `None`: nobody.
        operator: Option<Name>,
    },
    /// A new configuration. Entries that live keep theirs.
    Reload(Arc<Settings>),
    /// The process started again; the first input after the journal was read. Calls whose
    /// parties were joined and are both kept go on, everything else of ours is ended.
    Restarted {
        /// Legs that live on and that the edge answers for. All others are gone.
        kept: Vec<LegId>,
    },
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
    /// The caller's leg, named by the edge ([`super::Engine::edge_leg`]).
    pub leg: LegId,
    /// The trunk.
    pub account: Name,
    /// Who calls.
    pub client: Party,
    /// The number that was dialled.
    pub line: Option<Number>,
    /// The queue; `None`: the dialplan of the number decides.
    pub queue: Option<Name>,
}

/// A call that an operator dials on their own telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The telephone's leg, named by the edge; it is not answered yet.
    pub leg: LegId,
    /// Who dials.
    pub operator: Name,
    /// Whom.
    pub to: Target,
}

/// Whom an operator dials, or whom a caller is passed on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An operator.
    Operator(Name),
    /// A queue; only callers can be passed on to one.
    Queue(Name),
    /// A number outside. Whether the operator may dial it is the edge's to judge: a leg that
    /// may not be made ends with [`EndedBy::Rejected`].
    Outside {
        /// The number.
        number: Number,
        /// The trunk that was chosen by the edge; `None`: the edge chooses when it dials.
        account: Option<Name>,
    },
    /// The call that has been ringing longest in a queue of the operator's; only for placing.
    Pickup,
}

/// A request to pass a party on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// The leg that asks; its other party is passed on.
    pub leg: LegId,
    /// To whom.
    pub to: TransferTo,
}

/// To whom a party is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferTo {
    /// To somebody who is rung now: a blind transfer.
    Target(Target),
    /// To the other party of this leg, which the same operator called before: an attended
    /// transfer (REFER with Replaces).
    PartyOf(LegId),
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
    /// Give a caller for whom telephones ring, or who waits, to this operator: their telephone
    /// rings, and whoever else is rung for the caller loses when they answer.
    Pickup {
        /// Which call.
        call: CallId,
        /// Who takes it.
        operator: Name,
    },
    /// Call a number for an operator: first their telephone rings, then the number's.
    Place {
        /// For whom.
        operator: Name,
        /// The number.
        number: Number,
    },
    /// Pass the caller of an operator on, as from their telephone.
    Transfer {
        /// Who talks with the caller.
        operator: Name,
        /// To whom.
        to: Target,
        /// The call; `None`: the one that they are in.
        call: Option<CallId>,
    },
    /// Note what came of a call.
    SetResult {
        /// Which.
        call: CallId,
        /// A word of the site's list.
        result: String,
    },
    /// The client of a call that waits wants to be called back instead (a key, a form).
    TakeCallback {
        /// Which.
        call: CallId,
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

impl Command {
    /// The operator and the number outside that is called in their name.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a command that calls nobody outside need not be named here"
    )]
    pub const fn calls_outside(&self) -> Option<(&Name, &Number)> {
        match self {
            Command::Place { operator, number }
            | Command::Transfer { operator, to: Target::Outside { number, .. }, .. } => {
                Some((operator, number))
            }
            _ => None,
        }
    }
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
    /// Attempt: ring an operator on all their devices; together they are one leg.
    Dial {
        /// The leg that this makes.
        leg: LegId,
        /// For whom; `None`: the operator asked for the call and is rung first.
        offer: Option<OfferId>,
        /// Whom.
        operator: OperatorId,
        /// The call.
        call: CallId,
        /// The leg that it is to be joined with; `None` while there is no other party.
        with: Option<LegId>,
    },
    /// Attempt: ring an outside number.
    DialOut {
        /// The leg that this makes.
        leg: LegId,
        /// The call.
        call: CallId,
        /// The number.
        number: Number,
        /// The leg that it is to be joined with; `None` while there is no other party.
        with: Option<LegId>,
        /// The trunk, where one was chosen already.
        account: Option<Name>,
        /// Who wants it, where their rights decide; `None`: the site's own plan or queue does.
        by: Option<OperatorId>,
    },
    /// Attempt: turn a caller away who was not answered; becomes the final response.
    Refuse {
        /// The caller's leg.
        leg: LegId,
        /// Why.
        because: Refused,
    },
    /// Attempt: tell the leg that asked for a transfer how it goes (NOTIFY of the REFER).
    Transferred {
        /// The leg that asked.
        leg: LegId,
        /// How it goes.
        progress: TransferProgress,
    },
    /// Attempt: stop a leg of our making that was not answered.
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
    /// Attempt: join two legs that were answered, whatever either was joined with before; the
    /// edge tells [`LegEvent::Bridged`] of the second.
    Bridge {
        /// The leg that was there first: the caller's, or the telephone of who placed the call.
        caller: LegId,
        /// The leg that is joined with it.
        operator: LegId,
    },
    /// Attempt: answer the caller and take a message.
    TakeMessage {
        /// The caller's leg.
        leg: LegId,
    },
    /// Attempt: ask who is responsible for a client; answered by [`Input::OwnerKnown`] within
    /// [`super::OWNER_WAIT`], or the caller goes on without.
    AskOwner {
        /// The call.
        call: CallId,
        /// The client.
        client: Number,
        /// The queue that asks.
        queue: Name,
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
    /// The other party was passed on to somebody else.
    Transferred,
}

/// Why a caller is turned away, or a transfer failed. The responses (RFC 3261 section 21) are
/// proposals to the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// Out of hours: 480.
    Closed,
    /// More callers than the queue takes, or the plan says busy: 486.
    Full,
    /// A block list or the plan does not want the caller: 603.
    Blocked,
    /// Nobody is there to serve: 480.
    NoOperators,
    /// No plan and no queue for this number, no such operator: 404.
    UnknownNumber,
    /// Waited or rang for the whole time: 480.
    TimedOut,
    /// The other side is busy: 486.
    Busy,
    /// The other side does not want to, or the number may not be dialled: 603.
    Declined,
    /// The other side cannot be reached: 480.
    Unreachable,
    /// A fault of ours or of a carrier: 500.
    Failed,
    /// The plan ends the call, or promises to call back: 480.
    Over,
}

/// How a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferProgress {
    /// The other side rings: `180 Ringing`.
    Ringing,
    /// The party was passed on: `200 OK`. The leg that asked is hung up by us if it lives.
    Done,
    /// It was not; whoever asked has the party back. The cause as for a caller.
    Failed(Refused),
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

/// Operators as screens see them, in the order of their names.
pub type Staffed = Arc<Vec<Arc<OperatorView>>>;

/// The exchange as screens see it at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Now,
    /// Every operator, in the order of their names. Shared with the engine: whoever did not change
    /// is not copied.
    pub operators: Staffed,
    /// Every queue, by name.
    pub queues: Vec<QueueView>,
    /// Every card that lives.
    pub pops: Vec<Pop>,
    /// Calls that have not ended.
    pub calls_open: u32,
    /// Episodes that are not closed.
    pub episodes_open: u32,
}

impl Snapshot {
    /// An operator by name.
    pub fn operator(&self, name: &str) -> Option<&OperatorView> {
        let found = self.operators.binary_search_by(|one| one.name.as_str().cmp(name));
        found.ok().and_then(|place| self.operators.get(place)).map(|one| &**one)
    }
}
