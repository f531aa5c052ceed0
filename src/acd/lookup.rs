//! What the lines of an exchange look up in the engine: names, legs, and the site's calendar day.

use super::call::Call;
use super::engine::Engine;
use super::leg::{Leg, LegState};
use crate::model::{CallId, LegId, Name, OperatorId, Party, Wall};

impl Engine {
    /// An operator's name.
    pub fn operator_name(&self, id: OperatorId) -> Option<&Name> {
        self.state.operators.get(&id).map(|operator| &operator.name)
    }

    /// Who is on the other side of a call, where that is known.
    pub fn client_of(&self, call: CallId) -> Option<&Party> {
        self.state.calls.get(&call).and_then(|call| call.client.as_ref())
    }

    /// Whether there is a queue of this name.
    pub fn has_queue(&self, name: &Name) -> bool {
        self.roster.queue(name).is_some()
    }

    /// Whether the engine counts on a leg.
    pub fn is_live_leg(&self, leg: LegId) -> bool {
        self.state.legs.get(&leg).is_some_and(|leg| !matches!(leg.state, LegState::Ended(_)))
    }

    /// Legs that the engine counts on: of open calls, not ended.
    pub fn live_legs(&self) -> impl Iterator<Item = LegId> {
        let open = |leg: &&Leg| self.state.calls.get(&leg.call).is_some_and(Call::is_open);
        let legs = self.state.legs.values().filter(open);
        legs.filter(|leg| !matches!(leg.state, LegState::Ended(_))).map(|leg| leg.id)
    }

    /// Whether two legs are in conversation, as far as the engine was told.
    pub fn are_joined(&self, one: LegId, other: LegId) -> bool {
        let state = |leg| self.state.legs.get(&leg).map(|leg| leg.state);
        let joined = |state| matches!(state, Some(LegState::Bridged | LegState::Held));
        let (one, other) = (state(one), state(other));
        let live =
            |state| matches!(state, Some(LegState::Answered | LegState::Bridged | LegState::Held));
        live(one) && live(other) && (joined(one) || joined(other))
    }

    /// The day of the site that a moment belongs to, in days since 1970.
    pub fn day_of(&self, at: Wall) -> i64 {
        let Ok(stamp) = jiff::Timestamp::from_millisecond(at.0) else { return 0 };
        let there = stamp.to_zoned(self.roster.settings().timezone.clone());
        let offset = i64::from(there.offset().seconds());
        at.0.saturating_div(1000).saturating_add(offset).div_euclid(86_400)
    }
}
