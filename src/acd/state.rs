//! Everything the engine remembers: the fold of the journal.
//!
//! Nothing writes here but `apply.rs`, one record at a time. [`Index`] is worked out from the
//! rest; it is kept so that no input has to look at all operators or all calls.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bench::QueueKeys;
use super::call::Call;
use super::entry::Entry;
use super::fyi::Fyi;
use super::leg::Leg;
use super::offer::Offer;
use super::operator::{Operator, work_of};
use super::staff::Staff;
use super::token::Token;
use crate::model::{
    CallId, Direction, EntryId, EpisodeId, EpisodeRow, EpisodeState, LegId, Mono, Name, Now,
    Number, OfferId, OperatorId, Period, PopState, QueueId, Seq, TokenId, Wall,
};

/// Legs that the engine names start here, so that they never meet a name that an edge gave to
/// a caller's leg.
const OWN_LEGS: u64 = 1 << 40;

/// The first name that the edge may give.
const fn first_edge_leg() -> u64 {
    1
}

/// The next number of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// Calls seen; seeds their ids.
    pub call: u64,
    /// Operators.
    pub operator: u32,
    /// Queues.
    pub queue: u32,
    /// Legs that we make.
    pub leg: u64,
    /// Legs that the edge names.
    #[serde(default = "first_edge_leg")]
    pub edge_leg: u64,
    /// Entries.
    pub entry: u64,
    /// Offers.
    pub offer: u64,
    /// Episodes.
    pub episode: u64,
    /// Callbacks.
    #[serde(default = "first")]
    pub token: u64,
}

/// The first number of a kind that an earlier version did not know.
const fn first() -> u64 {
    1
}

impl Next {
    /// Takes note that a leg has a name; the names of edges and ours rise apart.
    pub fn leg_is_named(&mut self, leg: LegId) {
        let next = leg.0.saturating_add(1);
        if leg.0 < OWN_LEGS {
            self.edge_leg = self.edge_leg.max(next);
        } else {
            self.leg = self.leg.max(next);
        }
    }
}

impl Default for Next {
    fn default() -> Next {
        Next {
            call: 1,
            operator: 1,
            queue: 1,
            leg: OWN_LEGS,
            edge_leg: 1,
            entry: 1,
            offer: 1,
            episode: 1,
            token: 1,
        }
    }
}

/// What a queue remembers between calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Queue {
    /// Its name in the configuration.
    pub name: Name,
    /// Places of members, and of former members who may come back.
    pub keys: QueueKeys,
    /// How long conversations in it last.
    #[serde(default)]
    pub talks: Talks,
}

/// How long conversations in a queue last: a mean in which the last ones count most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Talks {
    /// The mean.
    pub mean: Period,
    /// How many conversations it is of.
    pub count: u32,
}

/// Conversations that the mean is made of. More makes it slow to follow the day, fewer lets one
/// long conversation move it.
const TALKS_KEPT: u32 = 20;

impl Talks {
    /// Takes one more conversation in.
    pub fn add(&mut self, length: Period) {
        self.count = self.count.saturating_add(1).min(TALKS_KEPT);
        let (parts, whole) =
            (u64::from(self.count), self.mean.0.saturating_mul(u64::from(self.count - 1)));
        self.mean = Period(whole.saturating_add(length.0) / parts.max(1));
    }

    /// The mean, once there is one.
    pub fn known(&self) -> Option<Period> {
        (self.count > 0).then_some(self.mean)
    }
}

/// The last conversation with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talked {
    /// Who talked, when that is somebody we know.
    pub operator: Option<OperatorId>,
    /// When it began.
    pub at: Wall,
    /// The call.
    pub call: CallId,
    /// Who called whom.
    pub direction: Option<Direction>,
}

/// The last time that an operator dialled a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialled {
    /// Who.
    pub operator: OperatorId,
    /// When the call began.
    pub at: Wall,
    /// The call.
    pub call: CallId,
}

/// The fold of the journal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The last stored request that was taken in whole.
    pub heard: Option<Seq>,
    /// The next number of each kind.
    pub next: Next,
    /// When the site's day ends.
    pub day_until: Option<Mono>,
    /// By id.
    pub operators: Staff<Operator>,
    /// By id.
    pub queues: BTreeMap<QueueId, Queue>,
    /// Calls that are open, or settled so lately that facts may still amend them.
    pub calls: BTreeMap<CallId, Call>,
    /// Of those calls.
    pub entries: BTreeMap<EntryId, Entry>,
    /// Of those calls.
    pub offers: BTreeMap<OfferId, Offer>,
    /// Cards of responsible operators whose clients somebody else talks with, of those calls.
    #[serde(default)]
    pub fyis: BTreeMap<OfferId, Fyi>,
    /// Of those calls.
    pub legs: BTreeMap<LegId, Leg>,
    /// Open ones, and those closed lately.
    pub episodes: BTreeMap<EpisodeId, EpisodeRow>,
    /// Callbacks that are not over.
    #[serde(default)]
    pub tokens: BTreeMap<TokenId, Token>,
    /// Whose turn it is to be given a missed client: who was given one last has the largest.
    #[serde(default)]
    pub given: BTreeMap<Name, u64>,
    /// Who talked last with a number, and when.
    pub talked: BTreeMap<Number, Talked>,
    /// Who dialled a number last, and when.
    #[serde(default)]
    pub dialled: BTreeMap<Number, Dialled>,
    /// Worked out from the rest.
    #[serde(skip)]
    pub index: Index,
    /// What was touched since the last drain.
    #[serde(skip)]
    pub dirty: Dirty,
}

/// Ways to find things without looking at all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Index {
    /// Operators by name.
    pub operators: BTreeMap<Name, OperatorId>,
    /// Queues by name.
    pub queues: BTreeMap<Name, QueueId>,
    /// Calls by `account/` and the provider's id.
    pub keys: BTreeMap<String, CallId>,
    /// Offers that tie an operator up, talking ones included.
    pub busy: BTreeMap<OperatorId, BTreeSet<OfferId>>,
    /// Open calls that an operator placed, or talks in without an offer.
    pub placing: BTreeMap<OperatorId, BTreeSet<CallId>>,
    /// Live offers of an entry.
    pub live: BTreeMap<EntryId, BTreeSet<OfferId>>,
    /// Who waits in a queue, in the order of their first enqueueing.
    pub waiting: BTreeMap<QueueId, BTreeSet<(Mono, EntryId)>>,
    /// Who waits in another queue and may be served by this one too.
    pub added: BTreeMap<QueueId, BTreeSet<EntryId>>,
    /// Calls that have not ended.
    pub open: BTreeSet<CallId>,
    /// Calls we were asked about without an id, by account, until facts name them.
    pub asked: BTreeMap<Name, BTreeSet<CallId>>,
    /// Callbacks, by client.
    pub tokens: BTreeMap<Number, BTreeSet<TokenId>>,
    /// Episodes that are not closed, by number and group.
    pub episodes: BTreeMap<(Option<Number>, Name), EpisodeId>,
    /// Settled calls in the order in which the engine lets go of them.
    pub fading: BTreeSet<(Mono, CallId)>,
}

/// Things that were touched since the last drain, so that each is saved and shown once.
#[derive(Debug, Clone, Default)]
pub struct Dirty {
    /// Calls.
    pub calls: BTreeSet<CallId>,
    /// Entries.
    pub entries: BTreeSet<EntryId>,
    /// Offers, with the card as it was shown before.
    pub offers: BTreeMap<OfferId, Option<PopState>>,
    /// Operators whom a call ties up, or no longer does.
    pub retied: BTreeSet<OperatorId>,
    /// Operators: anything about them that matters to a queue.
    pub operators: BTreeSet<OperatorId>,
    /// Operators whose axes changed.
    pub axes: BTreeSet<OperatorId>,
    /// Queues.
    pub queues: BTreeSet<QueueId>,
    /// Episodes.
    pub episodes: BTreeSet<EpisodeId>,
    /// Calls whose alarms may have moved.
    pub armed_calls: BTreeSet<CallId>,
    /// Offers whose alarms may have moved.
    pub armed_offers: BTreeSet<OfferId>,
    /// Operators whose alarms may have moved.
    pub armed_operators: BTreeSet<OperatorId>,
    /// Episodes whose alarms may have moved.
    pub armed_episodes: BTreeSet<EpisodeId>,
    /// Callbacks whose alarms may have moved.
    pub armed_tokens: BTreeSet<TokenId>,
}

impl Dirty {
    /// Anything about an operator changed.
    pub fn operator(&mut self, id: OperatorId) {
        self.operators.insert(id);
        self.armed_operators.insert(id);
    }

    /// Anything about a call changed.
    pub fn call(&mut self, id: CallId) {
        self.calls.insert(id);
        self.armed_calls.insert(id);
    }

    /// An offer is about to change; the card it showed before is kept.
    pub fn offer(&mut self, id: OfferId, card: Option<PopState>) {
        self.offers.entry(id).or_insert(card);
        self.armed_offers.insert(id);
    }
}

impl State {
    /// Works the index out anew.
    pub fn reindex(&mut self) {
        self.index = self.work_out();
    }

    /// The index as it must be.
    pub fn work_out(&self) -> Index {
        let mut index = Index::default();
        for operator in self.operators.values() {
            index.operators.insert(operator.name.clone(), operator.id);
        }
        for (id, queue) in &self.queues {
            index.queues.insert(queue.name.clone(), *id);
        }
        for call in self.calls.values() {
            index.add_call(call);
        }
        for entry in self.entries.values() {
            index.add_entry(entry);
        }
        for offer in self.offers.values() {
            index.add_offer(offer);
        }
        for episode in self.episodes.values() {
            index.add_episode(episode);
        }
        for token in self.tokens.values() {
            index.place_token(token, true);
        }
        index
    }

    /// Works out what an operator is doing, after anything that may have changed it.
    pub fn rework(&mut self, id: OperatorId, at: Now) {
        let (talking, ringing, dialing) = self.burdens(id);
        let placing = self.index.placing.contains_key(&id);
        let Some(operator) = self.operators.get_mut(&id) else { return };
        let work = work_of(talking > 0 || placing, ringing > 0, dialing > 0, operator.wrap_up);
        if work != operator.work {
            operator.work = work;
            operator.work_since = at.wall;
            self.dirty.axes.insert(id);
        }
        operator.tick(at);
        self.dirty.operator(id);
    }

    /// How many conversations, ringing or answered offers, and offers that do not ring yet an
    /// operator carries.
    pub fn burdens(&self, id: OperatorId) -> (u32, u32, u32) {
        use super::offer::OfferState;
        let (mut talking, mut ringing, mut dialing) = (0_u32, 0_u32, 0_u32);
        let offers = self.index.busy.get(&id).into_iter().flatten();
        for offer in offers.filter_map(|offer| self.offers.get(offer)) {
            match offer.state {
                OfferState::Dialing => dialing = dialing.saturating_add(1),
                OfferState::Ringing | OfferState::Answered => ringing = ringing.saturating_add(1),
                OfferState::Over(_) => talking = talking.saturating_add(1),
            }
        }
        (talking, ringing, dialing)
    }

    /// Live offers of an entry.
    pub fn live_offers(&self, entry: EntryId) -> Vec<OfferId> {
        self.index.live.get(&entry).map(|live| live.iter().copied().collect()).unwrap_or_default()
    }
}

/// Adds to or takes from a set that is dropped when it is empty.
fn keep<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: V, there: bool) {
    if there {
        map.entry(key).or_default().insert(value);
        return;
    }
    if let Some(set) = map.get_mut(&key) {
        set.remove(&value);
        if set.is_empty() {
            map.remove(&key);
        }
    }
}

impl Index {
    /// Takes a call in as it stands.
    pub fn add_call(&mut self, call: &Call) {
        self.keys.insert(call.key.clone(), call.id);
        self.place_call(call, true);
    }

    /// Lets go of a call altogether.
    pub fn drop_call(&mut self, call: &Call) {
        self.place_call(call, false);
        if self.keys.get(&call.key) == Some(&call.id) {
            self.keys.remove(&call.key);
        }
    }

    /// Takes in (`there`) or takes out what the index says of a call's state.
    pub fn place_call(&mut self, call: &Call, there: bool) {
        if there && call.is_open() {
            self.open.insert(call.id);
        } else {
            self.open.remove(&call.id);
        }
        for operator in call.tied() {
            keep(&mut self.placing, operator, call.id, there);
        }
        if call.is_asked_keyless() {
            keep(&mut self.asked, call.account.clone(), call.id, there && call.is_open());
        }
        if let Some(due) = call.forget_at {
            if there {
                self.fading.insert((due, call.id));
            } else {
                self.fading.remove(&(due, call.id));
            }
        }
    }

    /// Takes a wait in as it stands.
    pub fn add_entry(&mut self, entry: &Entry) {
        keep(
            &mut self.waiting,
            entry.queue,
            (entry.first.mono, entry.id),
            entry.state.is_waiting(),
        );
        for queue in &entry.eased.queues {
            keep(&mut self.added, *queue, entry.id, entry.state.is_waiting());
        }
    }

    /// Lets go of a wait.
    pub fn drop_entry(&mut self, entry: &Entry) {
        keep(&mut self.waiting, entry.queue, (entry.first.mono, entry.id), false);
        for queue in &entry.eased.queues {
            keep(&mut self.added, *queue, entry.id, false);
        }
        self.live.remove(&entry.id);
    }

    /// Takes an offer in as it stands.
    pub fn add_offer(&mut self, offer: &Offer) {
        self.place_offer(offer, true);
    }

    /// Takes in (`there`) or takes out what the index says of an offer.
    pub fn place_offer(&mut self, offer: &Offer, there: bool) {
        if let Some(operator) = offer.operator {
            keep(&mut self.busy, operator, offer.id, there && offer.is_busy());
        }
        if let Some(entry) = offer.entry {
            keep(&mut self.live, entry, offer.id, there && offer.state.is_live());
        }
    }

    /// Takes in (`there`) or takes out a callback.
    pub fn place_token(&mut self, token: &Token, there: bool) {
        keep(&mut self.tokens, token.client.clone(), token.id, there);
    }

    /// Takes an episode in as it stands.
    pub fn add_episode(&mut self, episode: &EpisodeRow) {
        if is_closed(episode) {
            return;
        }
        self.episodes.insert((episode.client.clone(), episode.group.clone()), episode.id);
    }

    /// Takes an episode out as it stood.
    pub fn drop_episode(&mut self, episode: &EpisodeRow) {
        if is_closed(episode) {
            return;
        }
        self.episodes.remove(&(episode.client.clone(), episode.group.clone()));
    }
}

/// Whether an episode is done.
pub const fn is_closed(episode: &EpisodeRow) -> bool {
    matches!(episode.state, EpisodeState::Closed(_))
}
