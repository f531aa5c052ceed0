//! What screens see: operators, queues, cards, and the whole exchange at one moment.

use std::sync::Arc;

use super::engine::Engine;
use super::fyi::Fyi;
use super::io::{Snapshot, Staffed};
use super::offer::Offer;
use crate::model::{Now, OfferId, OperatorId, OperatorView, Pop, PopState, QueueId, QueueView};

impl Engine {
    /// An operator on the three axes.
    pub(super) fn operator_view(&self, id: OperatorId) -> Option<OperatorView> {
        let it = self.state.operators.get(&id)?;
        let settings = self.settings_of(id);
        let queues = self.queues_of(id).iter();
        let queues = queues.filter_map(|queue| self.state.queues.get(queue));
        Some(OperatorView {
            id,
            name: it.name.clone(),
            login: settings.and_then(|settings| settings.login.clone()),
            intent: it.intent.clone(),
            intent_since: it.intent_since,
            intent_by: it.intent_by.clone(),
            reach: it.reach,
            reach_since: it.reach_since,
            work: it.work,
            work_since: it.work_since,
            wrap_up_until: it.wrap_up.map(|wrap| wrap.until_at),
            queues: queues.map(|queue| queue.name.clone()).collect(),
        })
    }

    /// A queue's counters.
    pub(super) fn queue_view(&self, id: QueueId) -> Option<QueueView> {
        let queue = self.state.queues.get(&id)?;
        let rules = self.roster.queue(&queue.name)?;
        let counts = self.benches.get(&id)?.counts();
        let waiting = self.state.index.waiting.get(&id);
        let first = waiting.and_then(|waiting| waiting.first());
        let first = first.and_then(|(_, entry)| self.state.entries.get(entry));
        Some(QueueView {
            id,
            name: queue.name.clone(),
            strategy: String::from(rules.strategy.word()),
            waiting: waiting.map_or(0, |it| u32::try_from(it.len()).unwrap_or(u32::MAX)),
            longest_since: first.map(|entry| entry.first.wall),
            ready: counts.ready,
            signed_in: counts.signed_in,
            members: counts.members,
            open: self.is_open(rules),
            at: self.now.mono,
        })
    }

    /// The card of an offer as it stands; `None` for unknown operators and offers without one.
    pub(super) fn pop_of(&self, id: OfferId) -> Option<Pop> {
        if let Some(fyi) = self.state.fyis.get(&id) {
            return self.fyi_pop(fyi);
        }
        let offer = self.state.offers.get(&id)?;
        offer.operator?;
        self.card_of(offer, offer.card.clone()?)
    }

    fn card_of(&self, offer: &Offer, state: PopState) -> Option<Pop> {
        let call = self.state.calls.get(&offer.call)?;
        let last = offer.entry.or(call.entries.last().copied());
        let queue = last.and_then(|entry| self.state.entries.get(&entry));
        Some(Pop {
            offer: offer.id,
            call: call.id,
            operator: offer.name.clone(),
            state,
            client: call.client.clone(),
            line: call.line.clone(),
            queue: queue.map(|entry| entry.queue_name.clone()),
            direction: call.direction,
            authority: call.authority,
            account: call.account.clone(),
            offered_at: offer.offered_at,
        })
    }

    /// The card of a responsible operator whose client somebody else talks with.
    fn fyi_pop(&self, fyi: &Fyi) -> Option<Pop> {
        let won = self.card_of(self.state.offers.get(&fyi.won)?, fyi.card.clone())?;
        let operator = self.state.operators.get(&fyi.operator)?.name.clone();
        Some(Pop { offer: fyi.id, operator, offered_at: fyi.at, ..won })
    }

    /// Everybody whom the configuration names, as screens see them.
    pub(super) fn everybody(&self) -> Staffed {
        let ids = self.state.index.operators.values();
        let views = ids.filter_map(|id| self.operator_view(*id));
        let theirs = views.filter(|view| self.roster.operator(&view.name).is_some());
        let mut theirs: Vec<_> = theirs.map(Arc::new).collect();
        theirs.sort_by(|one, other| one.name.cmp(&other.name));
        Arc::new(theirs)
    }

    /// Works out anew what screens see of everybody.
    pub(super) fn show_everybody(&mut self) {
        self.changed.clear();
        self.staffed = self.everybody();
        self.staffed_at.clear();
        for (place, view) in self.staffed.iter().enumerate() {
            self.staffed_at.insert(view.id, place);
        }
    }

    /// Notes that an operator is not any more what the last snapshot said. Where nobody takes
    /// snapshots the list is kept no longer than twice everybody.
    pub(super) fn note_changed(&mut self, operator: OperatorId) {
        self.changed.push(operator);
        if self.changed.len() > self.staffed.len().saturating_mul(2) {
            self.changed.sort_unstable();
            self.changed.dedup();
        }
    }

    /// Brings the operators of the next snapshot in line with the state.
    fn show_changed(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        for id in changed {
            // The configuration may name them no longer.
            let Some(place) = self.staffed_at.get(&id).copied() else { continue };
            let Some(view) = self.operator_view(id) else { continue };
            if let Some(shown) = Arc::make_mut(&mut self.staffed).get_mut(place) {
                *shown = Arc::new(view);
            }
        }
    }

    /// The exchange as it stands after the last input.
    pub fn snapshot(&mut self, now: Now) -> Snapshot {
        if self.staffed.is_empty() {
            self.show_everybody(); // before the first input
        }
        self.show_changed();
        let queues = self.state.index.queues.values().filter_map(|id| self.queue_view(*id));
        let busy = self.state.index.busy.values().flatten();
        let fyis = self.state.fyis.values().filter(|fyi| fyi.card.is_live()).map(|fyi| &fyi.id);
        let live = |pop: &Pop| PopState::is_live(&pop.state);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Snapshot {
            at: now,
            operators: Arc::clone(&self.staffed),
            queues: queues.collect(),
            pops: busy.chain(fyis).filter_map(|offer| self.pop_of(*offer)).filter(live).collect(),
            calls_open: count(self.state.index.open.len()),
            episodes_open: count(self.state.index.episodes.len()),
        }
    }
}
