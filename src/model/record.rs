//! What happened: the lines of the journal. State after a restart is the fold of these.
//!
//! A record is written once and never changed. Fields may be added with a default; a kind is
//! never reused for something else, because journals of earlier versions are read for years.

use serde::{Deserialize, Serialize};

use super::{
    Authority, By, CallId, CallRow, Decision, Direction, Disposition, EndedBy, EntryId, EpisodeId,
    EpisodeRow, Fact, Hop, Intent, LegId, Mono, Name, Now, Number, OfferEnd, OfferId, OfferTold,
    OperatorId, OperatorView, Outcome, Party, Period, QueueId, Reach, Seq, Tie, TokenId, Wall,
};

/// A record with its place and moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Its place, from 1. A place is empty after a recorded gap, and where the record was
    /// replaced ([`Record::replaces`]) before it was written.
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
    /// What a queue remembers of some members' places: turns and running weights.
    SeatsKept {
        /// The queue.
        queue: QueueId,
        /// The turn that the next who joins the tail gets.
        next_turn: u64,
        /// Operator, turn, current weight.
        seats: Vec<(OperatorId, u64, i64)>,
    },
    /// A day of the site began: what is counted by day starts at nothing.
    DayTurned {
        /// When it ends.
        until: Mono,
    },
    /// An operator's intent changed.
    IntentSet {
        /// Whose.
        operator: OperatorId,
        /// To what.
        intent: Intent,
        /// By whom.
        by: By,
        /// When it ends by itself: the end of an automatic pause.
        until: Option<Mono>,
    },
    /// Something was learned about an operator's device.
    ReachSet {
        /// Whose.
        operator: OperatorId,
        /// What.
        reach: Reach,
        /// When a proven fault is forgotten by itself.
        until: Option<Mono>,
    },
    /// An operator began to finish up after a conversation.
    WrapUpStarted {
        /// Who.
        operator: OperatorId,
        /// After which offer; `None` after a call that the operator placed.
        offer: Option<OfferId>,
        /// Until when.
        until: Mono,
    },
    /// An operator finished up.
    WrapUpEnded {
        /// Who.
        operator: OperatorId,
    },
    /// A call was heard of for the first time.
    CallArrived {
        /// Ours.
        call: CallId,
        /// `account/` and the provider's own call id.
        key: String,
        /// The account.
        account: Name,
        /// Its kind.
        provider: String,
        /// How much of the call is ours.
        authority: Authority,
        /// Who calls, where that is known at once.
        client: Option<Party>,
        /// The number that was dialled, where that is known at once.
        line: Option<Party>,
        /// The caller's leg of a call that we own.
        leg: Option<LegId>,
        /// When it began.
        started_at: Wall,
        /// The time of the provider's first event; `None` where there was none.
        provider_at: Option<Wall>,
        /// When it is closed for want of news.
        stale_at: Option<Mono>,
    },
    /// A call that we were asked about without an id got the provider's id.
    CallKeyed {
        /// The call.
        call: CallId,
        /// `account/` and the provider's own call id.
        key: String,
    },
    /// Something about a call became known.
    FactLearned {
        /// The call.
        call: CallId,
        /// What.
        fact: Fact,
        /// When the call is closed for want of further news.
        stale_at: Mono,
    },
    /// What facts say about a call as a whole changed.
    CallTold {
        /// The call.
        call: CallId,
        /// Who called whom.
        direction: Option<Direction>,
        /// The external party.
        client: Option<Party>,
        /// Our number.
        line: Option<Party>,
        /// When it ended.
        ended_at: Option<Wall>,
        /// When late facts can no longer change the outcome.
        settle_at: Option<Mono>,
        /// When it counts as over unless more is heard: everybody left, nobody talked.
        #[serde(default)]
        quiet_at: Option<Mono>,
        /// Whether it was closed for want of news.
        stale: bool,
    },
    /// Who is busy with placing a call, while it lasts.
    CallPlaced {
        /// The call.
        call: CallId,
        /// Who; `None` once nobody is any more.
        operator: Option<OperatorId>,
    },
    /// Somebody began to talk with the client.
    Conversed {
        /// The call.
        call: CallId,
        /// Who, when that is somebody we know.
        operator: Option<OperatorId>,
        /// When.
        answered_at: Wall,
    },
    /// An operator dialled a client.
    Dialled {
        /// The call.
        call: CallId,
        /// Who.
        operator: OperatorId,
    },
    /// Who called whom in a call of ours that did not come from outside.
    CallDirected {
        /// The call.
        call: CallId,
        /// Who called whom.
        direction: Direction,
        /// Who placed it.
        placed_by: OperatorId,
    },
    /// A trunk carries a call that an operator placed.
    CallCarried {
        /// The call.
        call: CallId,
        /// The trunk.
        account: Name,
        /// Its kind.
        provider: String,
        /// Our number that the callee is shown.
        line: Option<Number>,
    },
    /// A call of ours came to a step of a dialplan, or left the plan.
    StepTaken {
        /// The call.
        call: CallId,
        /// Where it is; `None`: the plan says no more about it.
        step: Option<PlanStep>,
        /// When the step is over unless something happens first.
        due_at: Option<Mono>,
    },
    /// Two parties of a call of ours were joined: a stretch of conversation begins.
    PartiesJoined {
        /// The call.
        call: CallId,
        /// The leg that stays when the other is passed on: the client's, as a rule.
        first: LegId,
        /// The leg that is joined with it.
        second: LegId,
        /// Whose side the stretch is told for, and from which moment.
        talker: LegId,
        /// Who that is; `None` for a number outside.
        operator: Option<OperatorId>,
        /// When it began.
        from: Wall,
    },
    /// A stretch of conversation is over.
    TalkStopped {
        /// The call.
        call: CallId,
        /// Whose side.
        leg: LegId,
    },
    /// One of several numbers outside that ring was picked up first.
    LegChosen {
        /// The call.
        call: CallId,
        /// Which.
        leg: LegId,
        /// When it is given up unless the parties are joined.
        due_at: Mono,
    },
    /// A leg without an offer was let go of; its answer may still cross that on the wire.
    LegDropped {
        /// The call.
        call: CallId,
        /// The leg.
        leg: LegId,
    },
    /// An operator is rung outside any queue: by a colleague, or for a transfer.
    OfferedDirectly {
        /// The offer.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// Whom.
        operator: OperatorId,
        /// The leg that rings them.
        leg: LegId,
        /// How long it may ring.
        ring_until: Mono,
        /// When it is reaped unless there is a sign of life.
        lease_until: Mono,
    },
    /// A party of a call is being passed on.
    TransferBegan {
        /// The call.
        call: CallId,
        /// The party who is passed on.
        party: LegId,
        /// Who passes them on; `None`: they were, nobody took them, and they come back.
        by: Option<LegId>,
        /// Which operator that is.
        operator: OperatorId,
        /// The leg that is rung for them.
        to: LegId,
        /// When it is given up; `None` where the offer of an operator says so.
        due_at: Option<Mono>,
    },
    /// Nobody is passed on any more; who has the party is told beside it.
    TransferOver {
        /// The call.
        call: CallId,
    },
    /// A leg and its offer belong to another call from here on: an attended transfer.
    LegPassed {
        /// The leg.
        leg: LegId,
        /// The call.
        call: CallId,
    },
    /// What became of a call that reached no queue, or of one that an operator placed.
    CallJudged {
        /// The call.
        call: CallId,
        /// How it ended, in the words of waits.
        outcome: Option<Outcome>,
        /// What became of a call that an operator placed.
        disposition: Option<Disposition>,
    },
    /// A call that we own is over.
    CallEnded {
        /// The call.
        call: CallId,
    },
    /// The outcome of a call is final but for amendments.
    CallSettled {
        /// The call.
        call: CallId,
        /// When the engine lets go of it.
        forget_at: Mono,
    },
    /// The engine let go of a call; the database keeps it.
    CallForgotten {
        /// The call.
        call: CallId,
    },
    /// Somebody noted what came of a call.
    ResultSet {
        /// The call.
        call: CallId,
        /// A word of the site's list.
        result: String,
    },
    /// A leg was made.
    LegMade {
        /// The leg.
        leg: LegId,
        /// Its call.
        call: CallId,
        /// The offer it carries; `None` for the caller and for outside numbers.
        offer: Option<OfferId>,
        /// The outside number it rings.
        number: Option<Number>,
    },
    /// A leg moved.
    LegMoved {
        /// The leg.
        leg: LegId,
        /// To where.
        to: LegMove,
    },
    /// A caller was put into a queue.
    EntryQueued {
        /// The entry.
        entry: EntryId,
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The configuration that holds for this wait.
        config: String,
        /// When the chain of waits began: overflow keeps it.
        first: Now,
        /// The caller's class: the larger goes first.
        #[serde(default)]
        class: u8,
        /// Within which time they should be answered, where that is another queue's target.
        #[serde(default)]
        target: Option<Period>,
    },
    /// What facts say about a call's wait; replaces what was known of it.
    EntryTold {
        /// The entry.
        entry: EntryId,
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The configuration it was judged by.
        config: String,
        /// When the wait began.
        enqueued_at: Wall,
        /// When it ended.
        done_at: Option<Wall>,
        /// How it ended.
        outcome: Option<Outcome>,
        /// Whose offer won it.
        won_by: Option<OfferId>,
    },
    /// An outside service was asked who is responsible for the client of a wait.
    OwnerAsked {
        /// The entry.
        entry: EntryId,
        /// Until when the wait is held for the answer.
        until: Mono,
    },
    /// It answered.
    OwnerTold {
        /// The entry.
        entry: EntryId,
        /// Whom it named; `None`: nobody, or nobody we know.
        operator: Option<OperatorId>,
        /// Whether the wait had gone on without the answer.
        late: bool,
    },
    /// Somebody else talks with a client: the card of the responsible operator opens.
    OwnerInformed {
        /// The wait that was won.
        entry: EntryId,
        /// The card's number, out of the sequence of offers.
        fyi: OfferId,
        /// Who is responsible.
        operator: OperatorId,
    },
    /// A caller waits for the responsible operator alone.
    StickyHeld {
        /// The entry.
        entry: EntryId,
        /// For whom.
        operator: OperatorId,
        /// Until when, at most.
        until: Mono,
        /// What makes them responsible.
        #[serde(default)]
        by: Tie,
    },
    /// A caller waits for the responsible operator no more.
    StickyLetGo {
        /// The entry.
        entry: EntryId,
    },
    /// Everybody of a fixed order was tried; the next pass begins later.
    PassEnded {
        /// The entry.
        entry: EntryId,
        /// When the next one begins.
        until: Mono,
    },
    /// A step of the overflow chain was taken.
    OverflowTaken {
        /// The entry.
        entry: EntryId,
        /// Which step, from 0.
        step: u8,
        /// What it did; records of earlier versions do not tell.
        #[serde(default)]
        hop: Option<Hop>,
    },
    /// Two or more answered: until when the others are kept.
    ClaimMade {
        /// The entry.
        entry: EntryId,
        /// Whose offer.
        offer: OfferId,
        /// Until when others are held as standby.
        confirm_until: Mono,
    },
    /// The winner went before the parties were joined.
    ClaimUndone {
        /// The entry.
        entry: EntryId,
    },
    /// A wait is over.
    EntryDone {
        /// The entry.
        entry: EntryId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A client gave up the telephone and keeps the place in the queue: a callback.
    TokenMade {
        /// The token.
        token: TokenId,
        /// The call that it stands for.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// Whom to call.
        client: Number,
        /// Whether we can dial; else the turn is a notice to an operator.
        dials: bool,
        /// When the chain of waits began: the place.
        first: Now,
        /// The caller's class.
        #[serde(default)]
        class: u8,
        /// When it is given up.
        until: Mono,
        /// When its turn may come.
        wake_at: Mono,
    },
    /// The place of a token is in its queue again, as an outbound call of its own.
    TokenWoken {
        /// The token.
        token: TokenId,
        /// The call.
        call: CallId,
    },
    /// A callback came to nothing, or may not be tried at this time.
    TokenSlept {
        /// The token.
        token: TokenId,
        /// When its turn may come again.
        wake_at: Mono,
        /// Whether that was an attempt.
        tried: bool,
        /// The call of the attempt and what became of it.
        #[serde(default)]
        how: Option<(CallId, Disposition)>,
    },
    /// The client of a callback was rung first and picked up: from here on they wait like a
    /// caller.
    ClientOnLine {
        /// The call.
        call: CallId,
        /// The client's leg.
        leg: LegId,
    },
    /// The client called again and stands in the place of the token while that call lasts.
    TokenLent {
        /// The token.
        token: TokenId,
        /// The call.
        call: CallId,
    },
    /// A callback is over.
    TokenClosed {
        /// The token.
        token: TokenId,
        /// Why.
        because: TokenEnd,
    },
    /// An operator was chosen, or named in our answer.
    OfferMade {
        /// The offer.
        offer: OfferId,
        /// The call.
        call: CallId,
        /// The wait.
        entry: EntryId,
        /// Whom.
        operator: OperatorId,
        /// The leg that rings them, for calls that we own.
        leg: Option<LegId>,
        /// The queue whose member they are, where that is not the one the caller waits in.
        #[serde(default)]
        queue: Option<QueueId>,
        /// Which round of the entry.
        round: u32,
        /// How long it may ring; `None` where the provider decides.
        ring_until: Option<Mono>,
        /// When it is reaped unless there is a sign of life.
        lease_until: Mono,
    },
    /// A telephone rings.
    OfferRinging {
        /// The offer.
        offer: OfferId,
        /// The turn that this operator has from here on, where the ring costs a turn.
        turn: Option<u64>,
    },
    /// A telephone was picked up.
    OfferAnswered {
        /// The offer.
        offer: OfferId,
        /// When it is reaped unless the parties are joined.
        lease_until: Mono,
    },
    /// An attempt is over.
    OfferOver {
        /// The offer.
        offer: OfferId,
        /// How.
        end: OfferEnd,
        /// Whether the person is said not to have picked up.
        counts: bool,
        /// Who has the call.
        taken_by: Option<Name>,
        /// Until when this caller leaves this operator alone.
        back_off_until: Option<Mono>,
        /// The turn that this operator has from here on, where the win costs a turn.
        turn: Option<u64>,
    },
    /// The winner's conversation is over.
    TalkEnded {
        /// The offer.
        offer: OfferId,
    },
    /// What facts say about an attempt; replaces what was known of it.
    OfferTold(Box<OfferTold>),
    /// The call as it stands; for the database and the screens. Of it the fold keeps only the
    /// revision.
    CallSaved(Box<CallRow>),
    /// The episode as it stands. Episodes change by being written anew, so the fold keeps it.
    EpisodeSaved(Box<EpisodeRow>),
    /// A closed episode that the engine let go of; the database keeps it.
    EpisodeForgotten {
        /// The episode.
        episode: EpisodeId,
    },
    /// A round of an entry; for the database, the fold passes over it.
    Decided(Box<Decision>),
    /// An operator changed on an axis; for the database, the fold passes over it.
    OperatorSaved(Box<OperatorView>),
    /// An answered leg as it stands on the wire, so that a restart can go on with it or end it.
    LegKept {
        /// The leg.
        leg: LegId,
        /// For the switch and its SIP stack; JSON. Empty: it is kept no more.
        dialog: String,
    },
    /// An INVITE of a leg that is not answered yet, so that a restart can end it: a caller's is
    /// refused, one of ours is cancelled.
    InviteKept {
        /// The leg.
        leg: LegId,
        /// Which of its sessions.
        session: u64,
        /// Whether they called us.
        theirs: bool,
        /// For the SIP stack; JSON.
        invite: String,
    },
    /// A telephone registered, or did so again.
    BindingKept {
        /// The SIP user.
        user: Name,
        /// Which of its telephones.
        key: String,
        /// For the SIP stack; JSON.
        state: String,
        /// When the registration ends by itself.
        until: Wall,
    },
    /// A telephone is registered no more.
    BindingGone {
        /// The SIP user.
        user: Name,
        /// Which of its telephones.
        key: String,
    },
    /// An operator called outside, or tried to: the day's count, so that a restart forgives none.
    OutsideCounted {
        /// Who.
        operator: Name,
        /// The day of the site, in days since 1970.
        day: i64,
        /// Attempts of that day, this one included.
        calls: u32,
    },
}

/// A thing that a record may tell of as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whole {
    /// A call as it stands.
    Call(CallId),
    /// A leg as it stands on the wire.
    Leg(LegId),
}

/// Where a call is in a dialplan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// The plan.
    pub plan: Name,
    /// The configuration that holds for this call, whatever is loaded meanwhile.
    pub config: String,
    /// The step.
    pub step: Name,
    /// How many steps it has taken, this one included.
    pub depth: u8,
    /// Whether the call came out of hours.
    pub shut: bool,
}

/// Why a callback is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenEnd {
    /// Somebody talked with the client, whoever called.
    Reached,
    /// The client did not pick up, as often as the queue tries.
    NoContact,
    /// Too old.
    Expired,
    /// Its queue is gone, or a person closed the missed call.
    Withdrawn,
}

/// How a leg moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegMove {
    /// It rings, with or without early media.
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
