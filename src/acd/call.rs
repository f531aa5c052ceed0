//! One call: who is on it, how much of it is ours, and where it stands.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::course::Course;
use super::observed::Story;
use crate::model::{
    Authority, CallId, Direction, EntryId, LegId, Mono, Name, Number, OfferId, OperatorId, Outcome,
    Party, StageName, TokenId, Wall,
};

/// Ends the key of a call that a provider asked about without naming it, until facts do.
pub const KEYLESS: &str = "/asked";

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Heard of.
    Arrived,
    /// Let in: hours and block lists passed, the plan's steps run.
    Screened,
    /// Waits in a queue.
    Queued(EntryId),
    /// Somebody talks with the client.
    Connected,
    /// Over; the outcome of the last wait, where there was one.
    Ended(Option<Outcome>),
}

/// What can happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEvent {
    /// It was let in.
    Screened,
    /// It was put into a queue.
    Queued(EntryId),
    /// Somebody talks with the client.
    Connected,
    /// It is over.
    Ended(Option<Outcome>),
}

impl CallState {
    /// Whether it is over.
    pub const fn is_over(self) -> bool {
        matches!(self, CallState::Ended(_))
    }

    /// The next state; `None` when the event changes nothing. A call may pass through several
    /// entries, one alive at a time; a conversation may go on in another queue.
    pub const fn on(self, event: CallEvent) -> Option<CallState> {
        use {CallEvent as E, CallState as S};
        let next = match (self, event) {
            (S::Arrived, E::Screened) => S::Screened,
            (S::Arrived | S::Screened | S::Queued(_) | S::Connected, E::Queued(entry)) => {
                S::Queued(entry)
            }
            (S::Arrived | S::Screened | S::Queued(_), E::Connected) => S::Connected,
            (S::Arrived | S::Screened | S::Queued(_) | S::Connected, E::Ended(outcome)) => {
                S::Ended(outcome)
            }
            (S::Screened | S::Queued(_) | S::Connected, E::Screened) => return None,
            (S::Connected, E::Connected) => return None,
            (S::Ended(_), E::Screened | E::Queued(_) | E::Connected | E::Ended(_)) => return None,
        };
        Some(next)
    }
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Ours.
    pub id: CallId,
    /// `account/` and the provider's own call id.
    pub key: String,
    /// The account.
    pub account: Name,
    /// Its kind.
    pub provider: String,
    /// How much of it is ours.
    pub authority: Authority,
    /// Where it stands.
    pub state: CallState,
    /// Who called whom.
    pub direction: Option<Direction>,
    /// The external party.
    pub client: Option<Party>,
    /// Our number.
    pub line: Option<Party>,
    /// The caller's leg of a call that we own.
    pub leg: Option<LegId>,
    /// How a call that we own goes beyond its waits.
    #[serde(default)]
    pub course: Course,
    /// The callback that this call is an attempt of.
    #[serde(default)]
    pub token: Option<TokenId>,
    /// Whether the client wants to be called back instead of waiting.
    #[serde(default)]
    pub asked_callback: bool,
    /// What facts told.
    pub story: Option<Story>,
    /// Who is busy with placing this call, while it lasts.
    pub placing: Option<OperatorId>,
    /// When it began, on the engine's clock: when we heard of it.
    pub heard: Mono,
    /// When it began.
    pub started_at: Wall,
    /// When it ended.
    pub ended_at: Option<Wall>,
    /// When facts can no longer change the outcome.
    pub settle_at: Option<Mono>,
    /// When it counts as over unless more is heard: everybody left, nobody talked.
    pub quiet_at: Option<Mono>,
    /// When it is closed for want of news.
    pub stale_at: Option<Mono>,
    /// When the engine lets go of it.
    pub forget_at: Option<Mono>,
    /// Whether it was closed for want of news.
    pub stale: bool,
    /// Whether the outcome is final but for amendments.
    pub settled: bool,
    /// When somebody began to talk with the client.
    pub conversed_at: Option<Wall>,
    /// Whether an episode counts it as missed.
    pub is_counted: bool,
    /// What an operator said of it.
    pub result: Option<String>,
    /// Its waits, in order.
    pub entries: Vec<EntryId>,
    /// Its attempts, in order.
    pub offers: Vec<OfferId>,
    /// When it passed each stage.
    pub stages: BTreeMap<StageName, Wall>,
    /// Of the last row that was saved.
    pub revision: u32,
}

impl Call {
    /// The client's number, where there is one.
    pub fn client_e164(&self) -> Option<Number> {
        self.client.as_ref().and_then(Party::e164).cloned()
    }

    /// Whether we were asked about it without an id and no fact has named it.
    pub fn is_asked_keyless(&self) -> bool {
        self.authority == Authority::Advised && self.key.ends_with(KEYLESS)
    }

    /// Operators whom the call ties up beside those of its offers: who placed it, and who talks on
    /// a telephone that placed another call before an attended transfer.
    pub fn tied(&self) -> BTreeSet<OperatorId> {
        if !self.is_open() {
            return BTreeSet::new();
        }
        let lasting = self.course.talks.iter().filter(|talk| talk.to.is_none());
        let talking = lasting.filter(|talk| talk.offer.is_none()).filter_map(|talk| talk.operator);
        self.placing.into_iter().chain(talking).collect()
    }

    /// Whether it has not ended.
    pub const fn is_open(&self) -> bool {
        !self.state.is_over()
    }
}

/// Whether two parties are the same client: by number, or by the same unreadable text. Two who
/// hide their numbers are nobody's same.
pub fn is_same_client(one: &Party, other: &Party) -> bool {
    match (one.e164(), other.e164()) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other && *one != Party::Hidden,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use {CallEvent as E, CallState as S};

    #[test]
    fn a_call_may_pass_through_several_queues_and_ends_once() {
        let first = S::Arrived.on(E::Queued(EntryId(1))).unwrap();
        let second = first.on(E::Queued(EntryId(2))).unwrap();
        assert_eq!(second, S::Queued(EntryId(2)));
        let ended = second.on(E::Ended(Some(Outcome::Abandoned))).unwrap();
        assert!(ended.is_over());
        for event in [E::Screened, E::Queued(EntryId(3)), E::Connected, E::Ended(None)] {
            assert_eq!(ended.on(event), None, "{event:?}");
        }
    }
}
