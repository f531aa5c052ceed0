//! One wait of one caller in one queue. Outcome and waiting time live here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{
    CallId, EntryId, Hop, Mono, Name, Now, OfferId, OperatorId, Outcome, Period, QueueId, Tie, Wall,
};
use crate::plan::CLASS_MAX;

/// Targets of waiting for which a caller gains a class. Fewer makes classes matter less, more lets
/// callers of a low class wait longer behind those of a high one.
const AGEING: u64 = 3;

/// Where a wait stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Nobody is being tried.
    Waiting,
    /// Somebody is being tried.
    Offering,
    /// Somebody picked up; the parties are not joined yet.
    Claimed(OfferId),
    /// Caller and operator talk.
    Bridged(OfferId),
    /// Over.
    Done(Outcome),
}

/// What can happen to a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryEvent {
    /// An offer was made.
    Offered,
    /// The last live offer ended without a win.
    OffersOver,
    /// An offer was answered.
    Claimed(OfferId),
    /// The winner went before the parties were joined; others are still tried.
    ClaimUndone,
    /// The parties were joined.
    Bridged(OfferId),
    /// The wait is over.
    Done(Outcome),
}

impl EntryState {
    /// Whether the caller still waits for somebody to be joined with.
    pub const fn is_waiting(self) -> bool {
        matches!(self, EntryState::Waiting | EntryState::Offering | EntryState::Claimed(_))
    }

    /// Whether the wait is over.
    pub const fn is_done(self) -> bool {
        matches!(self, EntryState::Done(_))
    }

    /// How the wait ended or, while the conversation lasts, how it will have ended.
    pub const fn outcome(self) -> Option<Outcome> {
        match self {
            EntryState::Done(outcome) => Some(outcome),
            EntryState::Bridged(_) => Some(Outcome::Answered),
            EntryState::Waiting | EntryState::Offering | EntryState::Claimed(_) => None,
        }
    }

    /// The next state; `None` when the event changes nothing. Only the first answer claims, a
    /// claim is reversible until the parties are joined, and the end is final.
    pub const fn on(self, event: EntryEvent) -> Option<EntryState> {
        use {EntryEvent as E, EntryState as S};
        let next = match (self, event) {
            (S::Waiting, E::Offered) => S::Offering,
            (S::Offering, E::OffersOver) => S::Waiting,
            (S::Offering, E::Claimed(offer)) => S::Claimed(offer),
            (S::Claimed(_), E::ClaimUndone) => S::Offering,
            (S::Claimed(winner), E::Bridged(offer)) if winner.0 == offer.0 => S::Bridged(offer),
            (S::Waiting | S::Offering | S::Claimed(_) | S::Bridged(_), E::Done(outcome)) => {
                S::Done(outcome)
            }
            (S::Claimed(_), E::Bridged(_)) => return None, // a standby is joined by nobody
            (S::Offering | S::Claimed(_) | S::Bridged(_), E::Offered) => return None,
            (S::Waiting | S::Claimed(_) | S::Bridged(_), E::OffersOver) => return None,
            (S::Waiting | S::Claimed(_) | S::Bridged(_), E::Claimed(_)) => return None,
            (S::Waiting | S::Offering | S::Bridged(_), E::ClaimUndone | E::Bridged(_)) => {
                return None;
            }
            (S::Done(_), E::Offered | E::OffersOver | E::Claimed(_)) => return None,
            (S::Done(_), E::ClaimUndone | E::Bridged(_) | E::Done(_)) => return None,
        };
        Some(next)
    }
}

/// How a caller waits for the responsible operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// For whom.
    pub operator: OperatorId,
    /// Until when, at most.
    pub until: Mono,
    /// What makes them responsible.
    #[serde(default)]
    pub by: Tie,
}

/// What an outside service was asked: who is responsible for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerAsk {
    /// Until when the wait is held for the answer.
    pub until: Mono,
    /// Whether it answered.
    pub told: bool,
    /// Whom it named.
    pub operator: Option<OperatorId>,
    /// Whether the wait had gone on without the answer, which moves nothing then.
    pub late: bool,
}

impl OwnerAsk {
    /// Whether the wait is held for the answer.
    pub fn waits(&self, now: Mono) -> bool {
        !self.told && self.until > now
    }
}

/// What steps of the overflow made easier for one wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Eased {
    /// Tiers up to this one are open whatever their time; from 0.
    pub tier: u8,
    /// Skills that the caller does without.
    pub skills: Vec<Name>,
    /// Other queues whose members may be rung too, in the order in which they came.
    pub queues: Vec<QueueId>,
}

/// One wait in one queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Ours.
    pub id: EntryId,
    /// The call.
    pub call: CallId,
    /// The queue.
    pub queue: QueueId,
    /// The queue's name.
    pub queue_name: Name,
    /// The configuration that holds for this wait, whatever is loaded meanwhile.
    pub config: String,
    /// Where it stands.
    pub state: EntryState,
    /// Whether facts move it, not we.
    pub told: bool,
    /// When it was put in.
    pub enqueued: Now,
    /// When the chain of waits began: overflow keeps it.
    pub first: Now,
    /// The caller's class: the larger goes first.
    #[serde(default)]
    pub class: u8,
    /// Within which time they should be answered, where that is another queue's target.
    #[serde(default)]
    pub target: Option<Period>,
    /// When the wait ended: joined, or gone.
    pub done_at: Option<Wall>,
    /// Whose offer won.
    pub won_by: Option<OfferId>,
    /// Rounds so far.
    pub round: u32,
    /// When the present round began, on the engine's clock.
    pub round_at: Mono,
    /// Until when others are held as standby.
    pub confirm_until: Option<Mono>,
    /// Whom this caller leaves alone, until when.
    pub back_off: BTreeMap<OperatorId, Mono>,
    /// Who was tried in this pass of a fixed order.
    pub tried: BTreeSet<OperatorId>,
    /// When the next pass begins.
    pub pass_until: Option<Mono>,
    /// For whom the caller waits alone.
    pub hold: Option<Hold>,
    /// Whether the responsible operator was looked for already.
    pub stuck: bool,
    /// What an outside service was asked of this wait.
    #[serde(default)]
    pub owner: Option<OwnerAsk>,
    /// Steps of the overflow chain that were taken, one bit each.
    #[serde(default)]
    pub taken: u32,
    /// What those steps made easier.
    #[serde(default)]
    pub eased: Eased,
    /// Since when nobody is tried; `None` while somebody is, and while the caller is held for one.
    #[serde(default)]
    pub alone_since: Option<Mono>,
    /// Whether the client came back to the place of a callback: the queue's patience with them
    /// begins anew, their place does not.
    #[serde(default)]
    pub resumed: bool,
}

impl Entry {
    /// A wait that has just begun.
    pub fn new(
        id: EntryId,
        call: CallId,
        (queue, queue_name): (QueueId, Name),
        config: String,
        at: Now,
        first: Now,
    ) -> Entry {
        Entry {
            id,
            call,
            queue,
            queue_name,
            config,
            state: EntryState::Waiting,
            told: false,
            enqueued: at,
            first,
            class: 0,
            target: None,
            done_at: None,
            won_by: None,
            round: 0,
            round_at: at.mono,
            confirm_until: None,
            back_off: BTreeMap::new(),
            tried: BTreeSet::new(),
            pass_until: None,
            hold: None,
            stuck: false,
            owner: None,
            taken: 0,
            eased: Eased::default(),
            alone_since: Some(at.mono),
            resumed: false,
        }
    }

    /// How long the caller has waited at `now`, from the first entry of the chain.
    pub fn waited(&self, now: Now) -> Period {
        now.mono.since(self.first.mono)
    }

    /// The class at `now`, with a boost for every so many targets of waiting: whoever waits long
    /// enough goes before those who came later, whatever their class.
    pub fn class_at(&self, now: Now, target: Period) -> u8 {
        let boost = self.waited(now).0.checked_div(target.0.saturating_mul(AGEING)).unwrap_or(0);
        let boost = u8::try_from(boost).unwrap_or(CLASS_MAX);
        self.class.saturating_add(boost).min(CLASS_MAX)
    }

    /// Notes whether anybody is tried, after anything that may have changed it.
    pub fn count_alone(&mut self, now: Mono) {
        let is_alone = self.state == EntryState::Waiting && self.hold.is_none();
        self.alone_since = is_alone.then(|| self.alone_since.unwrap_or(now));
    }

    /// Takes in what a step of the overflow did.
    pub fn ease(&mut self, hop: &Hop) {
        match hop {
            Hop::TierOpened { tier } => self.eased.tier = self.eased.tier.max(*tier),
            Hop::SkillRelaxed { skill } => self.eased.skills.push(skill.clone()),
            Hop::QueueAdded { id, .. } => self.eased.queues.push(*id),
            Hop::Moved { .. }
            | Hop::DialledOut
            | Hop::Callback
            | Hop::Voicemail
            | Hop::Announced { .. }
            | Hop::Ended => {}
        }
    }

    /// The moment from which overflow and the longest wait are counted.
    pub const fn patience_from(&self) -> Mono {
        if self.resumed { self.enqueued.mono } else { self.first.mono }
    }

    /// From the first entry of the chain to the answer or the end; `None` while it lasts.
    pub fn wait(&self) -> Option<Period> {
        self.done_at.map(|done| done.since(self.first.wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_gains_a_class_every_three_targets() {
        let at = Now::default();
        let queue = (QueueId(1), Name::from("sales"));
        let id = CallId(uuid::Uuid::nil());
        let mut entry = Entry::new(EntryId(1), id, queue, String::new(), at, at);
        entry.class = 2;
        let later = |secs: u64| Now { mono: Mono(secs * 1000), ..at };
        let class = |secs| entry.class_at(later(secs), Period::secs(20));
        assert_eq!([0, 59, 60, 120, 420, 9000].map(class), [2, 2, 3, 4, 9, 9]);
        assert_eq!(entry.class_at(later(60), Period::ZERO), 2);
    }
    use {EntryEvent as E, EntryState as S};

    #[test]
    fn only_the_first_answer_claims() {
        let claimed = S::Offering.on(E::Claimed(OfferId(1))).unwrap();
        assert_eq!(claimed, S::Claimed(OfferId(1)));
        assert_eq!(claimed.on(E::Claimed(OfferId(2))), None);
        assert_eq!(claimed.on(E::Bridged(OfferId(2))), None);
        assert_eq!(claimed.on(E::Bridged(OfferId(1))), Some(S::Bridged(OfferId(1))));
    }

    #[test]
    fn a_claim_is_reversible_before_the_parties_are_joined_and_never_after() {
        assert_eq!(S::Claimed(OfferId(1)).on(E::ClaimUndone), Some(S::Offering));
        assert_eq!(S::Bridged(OfferId(1)).on(E::ClaimUndone), None);
    }

    #[test]
    fn the_end_is_final() {
        let done = S::Done(Outcome::Abandoned);
        for event in [
            E::Offered,
            E::OffersOver,
            E::Claimed(OfferId(1)),
            E::ClaimUndone,
            E::Bridged(OfferId(1)),
            E::Done(Outcome::Answered),
        ] {
            assert_eq!(done.on(event), None, "{event:?}");
        }
    }
}
