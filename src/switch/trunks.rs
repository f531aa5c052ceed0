//! Carriers: which one carries an outgoing call, and what is known of their health.

use std::collections::{BTreeMap, BTreeSet};

use super::wiring::{TrunkSettings, Wiring};
use crate::model::{LegId, Mono, Name, Period, Seed};

/// Attempts of one outgoing call. More try every last carrier while the caller hears nothing.
pub const TRUNKS_TRIED_MAX: usize = 4;
/// How long a carrier that said 503 without a time is left alone. Longer spares it and sends
/// calls over dearer lines.
const REST: Period = Period::secs(5);
/// How long a carrier that was silent is tried last; its probe may say sooner that it is back.
/// Longer sends calls over dearer lines, shorter makes every caller wait for the silence.
const SILENCE: Period = Period::secs(30);
/// The longest a carrier can ask to be left alone; beyond it one answer could stop a day's calls.
const REST_MAX: Period = Period::mins(5);

/// What is known of one trunk, for screens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkView {
    /// Its name.
    pub name: Name,
    /// Whether calls can go over it; `None` until something was heard.
    pub up: Option<bool>,
    /// For people: `registered`, `no answer`.
    pub why: String,
    /// Calls on it.
    pub calls: usize,
    /// Calls it takes at once.
    pub channels_max: u32,
}

/// Health and load of every trunk.
#[derive(Debug, Clone, Default)]
pub struct Trunks {
    known: BTreeMap<Name, Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    up: Option<bool>,
    why: String,
    rests_until: Option<Mono>,
    legs: BTreeSet<LegId>,
}

impl Trunks {
    /// What the stack learned of a trunk.
    pub fn learned(&mut self, name: &Name, up: bool, why: String) {
        let known = self.known.entry(name.clone()).or_default();
        known.up = Some(up);
        known.why = why;
        if up {
            known.rests_until = None;
        }
    }

    /// The carrier refused because of itself.
    pub fn overloaded(&mut self, name: &Name, retry_after: Option<u32>, now: Mono) {
        let asked = retry_after.map_or(REST, |seconds| Period::secs(u64::from(seconds)));
        let known = self.known.entry(name.clone()).or_default();
        known.rests_until = Some(now + asked.min(REST_MAX));
    }

    /// The carrier gave no sign of life, at none of its addresses.
    pub fn silent(&mut self, name: &Name, now: Mono) {
        let known = self.known.entry(name.clone()).or_default();
        known.rests_until = Some(now + SILENCE);
    }

    /// Whether one more call fits.
    pub fn has_room(&self, trunk: &TrunkSettings) -> bool {
        let max = usize::try_from(trunk.channels_max).unwrap_or(usize::MAX);
        self.calls(&trunk.name) < max
    }

    fn calls(&self, name: &Name) -> usize {
        self.known.get(name).map_or(0, |known| known.legs.len())
    }

    /// A leg uses the trunk.
    pub fn take(&mut self, name: &Name, leg: LegId) {
        self.known.entry(name.clone()).or_default().legs.insert(leg);
    }

    /// A leg uses no trunk any more.
    pub fn release(&mut self, leg: LegId) {
        for known in self.known.values_mut() {
            known.legs.remove(&leg);
        }
    }

    /// Every leg that uses a trunk.
    pub fn legs(&self) -> impl Iterator<Item = LegId> {
        self.known.values().flat_map(|known| known.legs.iter().copied())
    }

    /// The trunks that can carry a call now, in the order in which they are tried: by priority,
    /// and within one by lot with the weights (RFC 2782). Trunks that are down or asked for rest
    /// come last rather than never: a probe may be wrong, and a call is a better one.
    pub fn choose(&self, wiring: &Wiring, now: Mono, seed: &mut Seed) -> Vec<Name> {
        let mut open: Vec<&TrunkSettings> =
            wiring.trunks.iter().filter(|trunk| self.has_room(trunk)).collect();
        open.sort_by_key(|trunk| (self.is_doubtful(&trunk.name, now), trunk.priority));
        let mut order = Vec::new();
        while let Some(first) = open.first() {
            let rank = (self.is_doubtful(&first.name, now), first.priority);
            let same = open
                .iter()
                .take_while(|it| (self.is_doubtful(&it.name, now), it.priority) == rank)
                .count();
            let total: u64 = open.iter().take(same).map(|it| u64::from(it.weight)).sum();
            let mut drawn = seed.below(total);
            let mut chosen = 0;
            for (place, trunk) in open.iter().take(same).enumerate() {
                let weight = u64::from(trunk.weight);
                if drawn < weight {
                    chosen = place;
                    break;
                }
                drawn = drawn.saturating_sub(weight);
            }
            order.push(open.remove(chosen).name.clone());
        }
        order.truncate(TRUNKS_TRIED_MAX);
        order
    }

    fn is_doubtful(&self, name: &Name, now: Mono) -> bool {
        self.known.get(name).is_some_and(|known| {
            known.up == Some(false) || known.rests_until.is_some_and(|until| until > now)
        })
    }

    /// Every trunk as screens see it.
    pub fn views(&self, wiring: &Wiring) -> Vec<TrunkView> {
        let view = |trunk: &TrunkSettings| {
            let known = self.known.get(&trunk.name);
            TrunkView {
                name: trunk.name.clone(),
                up: known.and_then(|known| known.up),
                why: known.map(|known| known.why.clone()).unwrap_or_default(),
                calls: self.calls(&trunk.name),
                channels_max: trunk.channels_max,
            }
        };
        wiring.trunks.iter().map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sip::StackSettings;

    fn wiring(trunks: &[(&str, u16, u16)]) -> Wiring {
        let mut wiring = Wiring::new(Arc::new(StackSettings::new("navbat.test", [0; 32])));
        wiring.trunks = trunks
            .iter()
            .map(|(name, priority, weight)| TrunkSettings {
                priority: *priority,
                weight: *weight,
                channels_max: 1,
                ..TrunkSettings::named(name)
            })
            .collect();
        wiring
    }

    fn names(order: &[Name]) -> Vec<&str> {
        order.iter().map(Name::as_str).collect()
    }

    #[test]
    fn priority_decides_before_weight() {
        let wiring = wiring(&[("spare", 20, 99), ("main", 10, 1)]);
        let order = Trunks::default().choose(&wiring, Mono(0), &mut Seed::new(1));
        assert_eq!(names(&order), ["main", "spare"]);
    }

    #[test]
    fn weights_share_the_calls_of_one_priority() {
        let wiring = wiring(&[("a", 10, 30), ("b", 10, 10), ("never", 10, 0)]);
        let mut seed = Seed::new(5);
        let mut first = BTreeMap::new();
        for _ in 0..1000 {
            let order = Trunks::default().choose(&wiring, Mono(0), &mut seed);
            assert_eq!(order.len(), 3);
            *first.entry(order[0].as_str().to_owned()).or_insert(0) += 1;
        }
        assert!((650..850).contains(&first["a"]), "{first:?}");
        assert_eq!(first.get("never"), None);
    }

    #[test]
    fn a_trunk_that_is_down_or_rests_comes_last() {
        let wiring = wiring(&[("main", 10, 1), ("spare", 20, 1)]);
        let mut trunks = Trunks::default();
        trunks.learned(&"main".into(), false, String::from("no answer"));
        let order = trunks.choose(&wiring, Mono(0), &mut Seed::new(1));
        assert_eq!(names(&order), ["spare", "main"]);
        trunks.learned(&"main".into(), true, String::new());
        trunks.overloaded(&"main".into(), Some(2), Mono(0));
        let order = trunks.choose(&wiring, Mono(1999), &mut Seed::new(1));
        assert_eq!(names(&order), ["spare", "main"]);
        let order = trunks.choose(&wiring, Mono(2000), &mut Seed::new(1));
        assert_eq!(names(&order), ["main", "spare"]);
    }

    #[test]
    fn a_full_trunk_is_not_tried() {
        let wiring = wiring(&[("main", 10, 1), ("spare", 20, 1)]);
        let mut trunks = Trunks::default();
        trunks.take(&"main".into(), LegId(1));
        let order = trunks.choose(&wiring, Mono(0), &mut Seed::new(1));
        assert_eq!(names(&order), ["spare"]);
        trunks.release(LegId(1));
        assert_eq!(trunks.choose(&wiring, Mono(0), &mut Seed::new(1)).len(), 2);
    }
}
