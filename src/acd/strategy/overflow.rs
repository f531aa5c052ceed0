//! The chain of steps for a caller who cannot be served the usual way.
//!
//! Whoever waits is looked at anew again and again. The first step that holds and was not taken
//! yet is taken, so steps stand in order of preference and each is taken once: a chain has an end
//! whatever happens.

use std::collections::BTreeSet;

use crate::acd::settings::{Overflow, OverflowTo, QueueSettings, When};
use crate::model::{Name, Period, Wall};

/// Steps of one chain at most: one bit each. More would be a program nobody can read.
pub const OVERFLOW_MAX: usize = 32;

/// How often a wait is looked at whose next step depends on others: on its place, or on how long
/// it is expected to last. Shorter looks for nothing in a long queue, longer acts late.
const LOOK_EVERY: Period = Period::secs(5);

/// Hours are looked at again after this at most, because the wall clock may be set. Shorter looks
/// for nothing, longer comes late after such a jump.
const HOURS_MAX: Period = Period::mins(10);

/// What is true of one wait at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How long the caller has waited.
    pub waited: Period,
    /// How long nobody could be rung for them; `None` while somebody rings or they are held for
    /// somebody.
    pub alone_for: Option<Period>,
    /// Their place in the queue, from 1.
    pub position: u32,
    /// How long they are expected to wait from here on; `None`: nobody can tell.
    pub expected_wait: Option<Period>,
    /// The moment by the wall clock.
    pub at: Wall,
    /// Whether they show a number that can be called back.
    pub callable: bool,
}

/// How long a caller at a place of a queue is expected to wait: in the manner of Little, the place
/// times the mean time a caller takes, over those who serve. Endless where nobody does; `None`
/// while nobody has been served, because there is nothing to tell from.
pub fn expected_wait(position: u32, mean: Option<Period>, servers: u32) -> Option<Period> {
    if servers == 0 {
        return Some(Period(u64::MAX));
    }
    let work = mean?.0.saturating_mul(u64::from(position));
    Some(Period(work / u64::from(servers)))
}

/// The place of the first step that holds and is not among `taken` (one bit a step).
pub fn overflow_due(steps: &[Overflow], taken: u32, look: &Look) -> Option<u8> {
    open(steps, taken, look).find(|(_, step)| step.when.holds(look)).map(|(place, _)| place)
}

/// The first step for a caller in a queue in which nobody serves: waiting is no use, so whatever
/// counts time holds.
pub fn overflow_unstaffed(steps: &[Overflow], taken: u32, look: &Look) -> Option<u8> {
    let timeless =
        |when: &When| When { after: None, nobody_for: None, expected_wait: None, ..when.clone() };
    let helps = |to: &OverflowTo| !matches!(to, OverflowTo::Tier(_) | OverflowTo::Relax(_));
    open(steps, taken, look)
        .find(|(_, step)| helps(&step.to) && timeless(&step.when).holds(look))
        .map(|(place, _)| place)
}

/// After how long a step may hold that does not hold now, if nothing else happens.
pub fn overflow_again(steps: &[Overflow], taken: u32, look: &Look) -> Option<Period> {
    open(steps, taken, look).filter_map(|(_, step)| step.when.again(look)).min()
}

/// Steps that can still be taken, with their places.
fn open<'a>(
    steps: &'a [Overflow],
    taken: u32,
    look: &Look,
) -> impl Iterator<Item = (u8, &'a Overflow)> {
    let callable = look.callable;
    (0_u8..).zip(steps).take(OVERFLOW_MAX).filter(move |(place, step)| {
        let is_taken = taken & (1 << place) != 0;
        !is_taken && (callable || step.to != OverflowTo::Callback)
    })
}

impl When {
    /// Whether everything that is named is true.
    fn holds(&self, look: &Look) -> bool {
        let reached =
            |wanted: Option<Period>, is: Option<Period>| wanted.is_none_or(|it| is >= Some(it));
        reached(self.after, Some(look.waited))
            && reached(self.nobody_for, look.alone_for)
            && self.position.is_none_or(|place| look.position >= u32::from(place))
            && reached(self.expected_wait, look.expected_wait)
            && self.hours.as_ref().is_none_or(|hours| hours.is_open(look.at))
            && self.out_of_hours.as_ref().is_none_or(|hours| !hours.is_open(look.at))
    }

    /// After how long it may hold by itself. What ends somebody's ringing looks at the wait anew,
    /// so nothing has to be armed for that.
    fn again(&self, look: &Look) -> Option<Period> {
        let left = |wanted: Period, is: Period| Period(wanted.0.saturating_sub(is.0));
        if let Some(left) = self.after.map(|after| left(after, look.waited)).filter(is_some_time) {
            return Some(left);
        }
        if let Some(wanted) = self.nobody_for {
            let left = left(wanted, look.alone_for?);
            if is_some_time(&left) {
                return Some(left);
            }
        }
        let by_others = self.position.is_some() || self.expected_wait.is_some();
        let by_clock = self.hours.iter().chain(&self.out_of_hours);
        let changes = by_clock.map(|hours| match hours.next_change(look.at) {
            Some(at) => at.since(look.at).clamp(Period::millis(1), HOURS_MAX),
            None => HOURS_MAX,
        });
        changes.chain(by_others.then_some(LOOK_EVERY)).min()
    }
}

const fn is_some_time(length: &Period) -> bool {
    length.0 > 0
}

/// A circle of queues that would hand a caller round for ever; the first queue stands at both
/// ends. A site with one is refused.
pub fn overflow_cycle(queues: &[QueueSettings]) -> Option<Vec<Name>> {
    queues.iter().find_map(|queue| {
        let mut path = vec![queue.name.clone()];
        leads_back(queues, queue, &mut path, &mut BTreeSet::new()).then_some(path)
    })
}

/// Walks on from `queue`, through each queue once; true when a way leads back to the start of
/// `path`.
fn leads_back(
    queues: &[QueueSettings],
    queue: &QueueSettings,
    path: &mut Vec<Name>,
    seen: &mut BTreeSet<Name>,
) -> bool {
    for step in &queue.overflow {
        let OverflowTo::Queue(name) = &step.to else { continue };
        path.push(name.clone());
        if path.first() == Some(name) {
            return true;
        }
        let next = queues.iter().find(|other| other.name == *name);
        let fresh = seen.insert(name.clone());
        if fresh && next.is_some_and(|next| leads_back(queues, next, path, seen)) {
            return true;
        }
        path.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::plan::Calendar;

    const NONE: u32 = 0;

    fn queue(name: &str, to: &[&str]) -> QueueSettings {
        let mut queue = QueueSettings::named(name);
        let step =
            |to: &&str| Overflow::after(Period::secs(60), OverflowTo::Queue(Name::from(*to)));
        queue.overflow = to.iter().map(step).collect();
        queue
    }

    fn look(waited: u64) -> Look {
        Look {
            waited: Period::secs(waited),
            alone_for: None,
            position: 1,
            expected_wait: None,
            at: Wall(0),
            callable: true,
        }
    }

    fn step(when: When) -> Overflow {
        Overflow::new(when, OverflowTo::End)
    }

    #[test]
    fn a_circle_is_found_and_a_chain_is_not_one() {
        let chain = [queue("a", &["b", "c"]), queue("b", &["c"]), queue("c", &[])];
        assert_eq!(overflow_cycle(&chain), None);
        let circle = [queue("a", &["b"]), queue("b", &["c"]), queue("c", &["b"])];
        let names: Vec<Name> = ["b", "c", "b"].map(Name::from).to_vec();
        assert_eq!(overflow_cycle(&circle), Some(names));
    }

    #[test]
    fn steps_come_in_order_and_in_time() {
        let steps = queue("a", &["b", "c"]).overflow;
        assert_eq!(overflow_due(&steps, NONE, &look(59)), None);
        assert_eq!(overflow_again(&steps, NONE, &look(59)), Some(Period::secs(1)));
        assert_eq!(overflow_due(&steps, NONE, &look(60)), Some(0));
        assert_eq!(overflow_due(&steps, 0b01, &look(60)), Some(1));
        assert_eq!(overflow_due(&steps, 0b11, &look(99)), None);
        assert_eq!(overflow_again(&steps, 0b11, &look(99)), None);
    }

    #[test]
    fn a_step_that_does_not_hold_keeps_no_later_one_back() {
        let far = step(When { position: Some(3), ..When::default() });
        let steps = [far, Overflow::after(Period::secs(9), OverflowTo::Voicemail)];
        assert_eq!(overflow_due(&steps, NONE, &look(9)), Some(1));
        let behind = Look { position: 3, ..look(9) };
        assert_eq!(overflow_due(&steps, NONE, &behind), Some(0));
        assert_eq!(overflow_due(&steps, 0b10, &behind), Some(0), "and may still come");
        assert_eq!(overflow_again(&steps, 0b10, &look(9)), Some(LOOK_EVERY));
    }

    #[test]
    fn nobody_for_counts_only_while_nobody_rings() {
        let steps = [step(When { nobody_for: Some(Period::secs(30)), ..When::default() })];
        let alone = |secs| Look { alone_for: Some(Period::secs(secs)), ..look(500) };
        assert_eq!(overflow_due(&steps, NONE, &look(500)), None);
        assert_eq!(overflow_again(&steps, NONE, &look(500)), None, "the end of a ring looks anew");
        assert_eq!(overflow_due(&steps, NONE, &alone(29)), None);
        assert_eq!(overflow_again(&steps, NONE, &alone(29)), Some(Period::secs(1)));
        assert_eq!(overflow_due(&steps, NONE, &alone(30)), Some(0));
    }

    #[test]
    fn hours_are_kept_on_both_sides() {
        let never = Arc::new(Calendar::new(
            jiff::tz::TimeZone::UTC,
            Vec::new(),
            BTreeSet::new(),
            Vec::new(),
        ));
        let inside = step(When { hours: Some(Arc::clone(&never)), ..When::default() });
        let outside = step(When { out_of_hours: Some(never), ..When::default() });
        let steps = [inside, outside];
        assert_eq!(overflow_due(&steps, NONE, &look(0)), Some(1));
        assert_eq!(overflow_again(&steps, NONE, &look(0)), Some(HOURS_MAX));
    }

    #[test]
    fn who_hides_the_number_is_not_called_back() {
        let steps = [Overflow::after(Period::secs(1), OverflowTo::Callback)];
        let hidden = Look { callable: false, ..look(5) };
        assert_eq!(overflow_due(&steps, NONE, &hidden), None);
        assert_eq!(overflow_unstaffed(&steps, NONE, &hidden), None);
        assert_eq!(overflow_again(&steps, NONE, &hidden), None);
        assert_eq!(overflow_due(&steps, NONE, &look(5)), Some(0));
    }

    #[test]
    fn where_nobody_serves_no_time_is_waited_for() {
        let tier = Overflow::after(Period::secs(1), OverflowTo::Tier(1));
        let far = step(When { position: Some(2), ..When::default() });
        let late = Overflow::after(Period::secs(90), OverflowTo::Voicemail);
        let steps = [tier, far, late];
        assert_eq!(overflow_unstaffed(&steps, NONE, &look(0)), Some(2));
        assert_eq!(overflow_unstaffed(&steps, 0b100, &look(0)), None);
    }

    #[test]
    fn the_expected_wait_is_the_place_times_the_mean_over_those_who_serve() {
        assert_eq!(expected_wait(6, Some(Period::secs(90)), 3), Some(Period::secs(180)));
        assert_eq!(expected_wait(6, None, 3), None);
        assert_eq!(expected_wait(1, None, 0), Some(Period(u64::MAX)));
    }

    prop_compose! {
        fn any_step()(
            after in proptest::option::of(0_u64..90),
            nobody_for in proptest::option::of(0_u64..90),
            position in proptest::option::of(1_u16..5),
            expected in proptest::option::of(0_u64..90),
            callback in any::<bool>(),
        ) -> Overflow {
            let when = When {
                after: after.map(Period::secs),
                nobody_for: nobody_for.map(Period::secs),
                position,
                expected_wait: expected.map(Period::secs),
                ..When::default()
            };
            Overflow::new(when, if callback { OverflowTo::Callback } else { OverflowTo::End })
        }
    }

    proptest! {
        #[test]
        fn every_chain_is_taken_step_by_step_and_never_missed(
            steps in proptest::collection::vec(any_step(), 0..8),
            alone_from in proptest::option::of(0_u64..60_000),
            position in 1_u32..5,
            expected in proptest::option::of(0_u64..90),
            callable in any::<bool>(),
        ) {
            let at = |now: u64| Look {
                waited: Period(now),
                alone_for: alone_from.map(|from| Period(now.saturating_sub(from))),
                position,
                expected_wait: expected.map(Period::secs),
                at: Wall(0),
                callable,
            };
            let (mut now, mut taken, mut count) = (0_u64, NONE, 0_usize);
            while now < 200_000 {
                if let Some(place) = overflow_due(&steps, taken, &at(now)) {
                    prop_assert_eq!(taken & (1 << place), 0, "a step is taken once");
                    taken |= 1 << place;
                    count += 1;
                    continue;
                }
                let Some(wait) = overflow_again(&steps, taken, &at(now)) else { break };
                prop_assert!(wait > Period::ZERO, "a look in no time is a loop");
                // Nothing comes due before the moment that is armed.
                let just_before = at(now + wait.0 - 1);
                prop_assert_eq!(overflow_due(&steps, taken, &just_before), None);
                now += wait.0;
            }
            prop_assert!(count <= steps.len());
            prop_assert_eq!(overflow_due(&steps, taken, &at(now.max(200_000))), None);
        }
    }
}
