//! What must hold after every input, whatever happened (ROUTING section 1).
//!
//! Tests and simulation stop at the first breach. A running system ends the broken call, sets
//! its operators free and logs it: one lost call is better than a stuck exchange.

use super::alarms::Alarm;
use super::bench::Bench;
use super::engine::Engine;
use super::entry::{Entry, EntryState};
use super::io::LegReason;
use super::leg::LegState;
use super::offer::{Offer, OfferState};
use super::token::{Token, TokenState};
use crate::model::{
    Authority, CallId, EntryId, OfferEnd, OfferId, OperatorId, Ruling, TokenId, Work,
};

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Which rule, by its number in ROUTING section 1.
    pub rule: u8,
    /// The call to end, where one is broken.
    pub call: Option<CallId>,
    /// What was found.
    pub found: String,
}

impl Engine {
    /// Checks what the input touched; the whole state in tests.
    pub(super) fn hold_invariants(&mut self) {
        let touched = std::mem::take(&mut self.checked);
        let breaches: Vec<Breach> = if self.is_strict || cfg!(test) {
            self.breaches()
        } else {
            touched.into_iter().filter_map(|call| self.call_breach(call)).collect()
        };
        for breach in breaches {
            assert!(
                !(self.is_strict || cfg!(test)),
                "trap {}: {} ({:?})",
                breach.rule,
                breach.found,
                breach.call
            );
            tracing::error!(rule = breach.rule, found = %breach.found, heard = ?self.heard_until(),
                "an invariant broke; the call is ended");
            if let Some(call) = breach.call {
                self.end_broken(call);
            }
        }
    }

    /// Every breach in the whole state. Costs as much as the state is large.
    pub fn breaches(&self) -> Vec<Breach> {
        let state = &self.state;
        let mut found: Vec<Breach> =
            state.calls.keys().filter_map(|call| self.call_breach(*call)).collect();
        if state.work_out() != state.index {
            found.push(breach(13, None, "the index differs from what the state says"));
        }
        for (place, view) in self.everybody().iter().enumerate() {
            let told = self.staffed.get(place);
            if told != Some(view) && !self.changed.contains(&view.id) {
                found.push(breach(35, None, &format!("{view:?} is shown as {told:?}")));
            }
        }
        for operator in state.operators.values() {
            let (talking, ringing, dialing) = state.burdens(operator.id);
            let settings = self.roster.operator(&operator.name);
            let calls_max = settings.map_or(1, |settings| u32::from(settings.calls_max));
            let (ours, newest) = self.own_burden(operator.id);
            // Whoever was given more under earlier rules keeps it, and is given nothing more.
            let given = newest.is_some_and(|offer| offer.0 >= self.offers_from);
            if given && ours > calls_max.max(1) {
                found.push(breach(31, None, &format!("{} carries {ours} offers", operator.name)));
            }
            let burdened =
                talking + ringing + dialing > 0 || state.index.placing.contains_key(&operator.id);
            let idle = matches!(operator.work, Work::Idle | Work::WrapUp { .. });
            if burdened == idle {
                found.push(breach(5, None, &format!("{} is {:?}", operator.name, operator.work)));
            }
        }
        found.extend(self.idle_and_waiting());
        found.extend(state.tokens.values().filter_map(|token| self.token_breach(token)));
        found
    }

    /// Live offers and conversations of ours that an operator carries, and the newest of them.
    fn own_burden(&self, operator: crate::model::OperatorId) -> (u32, Option<OfferId>) {
        let busy = self.state.index.busy.get(&operator).into_iter().flatten();
        let ours = busy.copied().filter(|offer| {
            let call = self.state.offers.get(offer).and_then(|it| self.state.calls.get(&it.call));
            call.is_some_and(|call| call.authority == Authority::Owned)
        });
        ours.fold((0, None), |(count, newest), offer| (count + 1, newest.max(Some(offer))))
    }

    /// The first breach of one call.
    fn call_breach(&self, id: CallId) -> Option<Breach> {
        let state = &self.state;
        let call = state.calls.get(&id)?;
        let entries: Vec<&Entry> =
            call.entries.iter().filter_map(|id| state.entries.get(id)).collect();
        let alive = entries.iter().filter(|entry| !entry.state.is_done()).count();
        let broken = |rule, found: &str| Some(breach(rule, Some(id), found));
        if alive > 1 {
            return broken(6, "more than one wait is alive");
        }
        if !call.is_open() && entries.iter().any(|entry| entry.state.is_waiting()) {
            return broken(6, "a wait outlived its call");
        }
        for entry in &entries {
            let offers = call.offers.iter().filter_map(|offer| state.offers.get(offer));
            let of_entry: Vec<&Offer> =
                offers.filter(|offer| offer.entry == Some(entry.id)).collect();
            let won = of_entry.iter().filter(|it| it.state == OfferState::Over(OfferEnd::Won));
            if won.count() > 1 {
                return broken(1, "two offers of one wait are won");
            }
            let live = of_entry.iter().any(|offer| offer.state.is_live());
            if entry.state == EntryState::Waiting && live && !entry.told {
                return broken(3, "somebody is rung for a wait that rings nobody");
            }
            if entry.state == EntryState::Offering && !live && !entry.told {
                return broken(3, "a wait offers itself to nobody");
            }
        }
        let live = |offer: &OfferId| state.offers.get(offer).is_some_and(|it| it.state.is_live());
        if !call.is_open() && call.offers.iter().any(live) {
            return broken(7, "a telephone rings for a caller who is gone");
        }
        if call.authority == Authority::Owned { self.owned_breach(id, &entries) } else { None }
    }

    fn owned_breach(&self, id: CallId, entries: &[&Entry]) -> Option<Breach> {
        let state = &self.state;
        let call = state.calls.get(&id)?;
        let broken = |rule, found: &str| Some(breach(rule, Some(id), found));
        let caller = call.leg.and_then(|leg| state.legs.get(&leg));
        let caller_lives = caller.is_some_and(|leg| !matches!(leg.state, LegState::Ended(_)));
        let waiting = entries.iter().find(|entry| entry.state.is_waiting());
        let lasting: Vec<_> = call.course.talks.iter().filter(|talk| talk.to.is_none()).collect();
        if lasting.len() > 1 || !(lasting.is_empty() || call.is_open()) {
            return broken(23, "a stretch of conversation lasts that cannot");
        }
        let lives = |leg: Option<crate::model::LegId>| leg.is_some_and(|leg| self.lives(leg));
        if call.is_open() && call.course.joined && !(lives(call.leg) && lives(call.course.other)) {
            return broken(4, "a conversation outlived one of its telephones");
        }
        if call.is_open() && call.token.is_none() && self.is_stuck(call, waiting.is_some()) {
            return broken(15, "a call is open in which nothing can happen");
        }
        let holds = |token: TokenId| {
            state.tokens.get(&token).is_some_and(|it| it.state == TokenState::Woken(id))
        };
        if waiting.is_some() && !caller_lives && !call.token.is_some_and(holds) {
            return broken(29, "a caller who hung up still waits");
        }
        if let Some(entry) = waiting
            && !self.progresses(entry.id)
        {
            return broken(15, &format!("nothing is armed for {entry:?} at {:?}", self.now));
        }
        None
    }

    /// Every callback has a call that lives or a moment at which it wakes, and an end.
    fn token_breach(&self, token: &Token) -> Option<Breach> {
        let call = match token.state {
            TokenState::Asleep(_) => None,
            TokenState::Woken(call) | TokenState::Lent(call) => Some(call),
        };
        let over = |id| self.state.calls.get(&id).is_none_or(|call| call.settled);
        if call.is_some_and(over) {
            return Some(breach(6, call, &format!("callback {} stands in no call", token.id)));
        }
        let armed = self.alarms.due(Alarm::Token(token.id)).is_some();
        (!armed).then(|| breach(15, call, &format!("nothing is armed for callback {}", token.id)))
    }

    /// Whether nobody waits, rings, talks or is dialled in an open call. A caller who leaves a
    /// message is heard by the edge.
    fn is_stuck(&self, call: &super::call::Call, waits: bool) -> bool {
        let course = &call.course;
        let rings = call.offers.iter().any(|offer| {
            let offer = self.state.offers.get(offer);
            offer.is_some_and(Offer::is_busy)
        });
        let message = call.entries.last().is_some_and(|entry| {
            let entry = self.state.entries.get(entry);
            entry.is_some_and(|it| it.state == EntryState::Done(crate::model::Outcome::TimedOut))
        });
        !(waits || rings || message || course.joined || course.due_at.is_some())
    }

    /// Whether something will happen for a waiting caller by itself.
    fn progresses(&self, entry: EntryId) -> bool {
        self.alarms.due(Alarm::Entry(entry)).is_some()
            || self
                .state
                .live_offers(entry)
                .iter()
                .any(|offer| self.alarms.due(Alarm::Offer(*offer)).is_some())
    }

    /// Trap 13: a free person and a caller whom nothing holds back.
    fn idle_and_waiting(&self) -> Vec<Breach> {
        let mut found = Vec::new();
        for (queue, waiting) in &self.state.index.waiting {
            let Some(bench) = self.benches.get(queue) else { continue };
            for (_, id) in waiting {
                let Some(entry) = self.state.entries.get(id) else { continue };
                let owned = self
                    .state
                    .calls
                    .get(&entry.call)
                    .is_some_and(|call| call.authority == Authority::Owned);
                let held = entry.hold.is_some()
                    || self.rings_client(entry.call)
                    || entry.owner.is_some_and(|ask| ask.waits(self.now.mono))
                    || entry.pass_until.is_some_and(|until| until > self.now.mono);
                if !owned || held || entry.state != EntryState::Waiting {
                    continue;
                }
                let added = self.added_to(entry);
                let added = added.iter().filter_map(|(id, _)| self.benches.get(id));
                let idle = std::iter::once(bench).chain(added).find_map(|bench| {
                    bench.members().find(|operator| self.could_ring(entry, bench, *operator))
                });
                if let Some(operator) = idle {
                    let found_it = format!("{operator} is free and entry {id} waits");
                    found.push(breach(13, Some(entry.call), &found_it));
                }
            }
        }
        found
    }

    /// Whether nothing keeps a member of a bench from ringing for a wait.
    fn could_ring(&self, entry: &Entry, bench: &Bench, operator: OperatorId) -> bool {
        let barred = entry.back_off.get(&operator).is_some_and(|until| *until > self.now.mono);
        let own = self.benches.get(&entry.queue).is_some_and(|own| std::ptr::eq(own, bench));
        let (tier, skills) = match own {
            true => (entry.eased.tier, entry.eased.skills.as_slice()),
            false => (0, [].as_slice()),
        };
        let ruling = bench.ruling_without(operator, skills);
        let open = bench.opens_for(operator, entry.waited(self.now), tier);
        !barred && open && ruling.is_some_and(Ruling::is_eligible)
    }

    /// Ends a call whose state makes no sense, and sets everybody on it free.
    fn end_broken(&mut self, call: CallId) {
        let Some(it) = self.state.calls.get(&call) else { return };
        if it.authority == Authority::Owned {
            self.end_call(call, LegReason::Over);
        } else if it.is_open() {
            self.close_stale(call);
        }
    }
}

fn breach(rule: u8, call: Option<CallId>, found: &str) -> Breach {
    Breach { rule, call, found: String::from(found) }
}
