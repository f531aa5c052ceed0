//! The chain of steps for a caller who waits too long.

use std::collections::BTreeSet;

use crate::acd::settings::{Overflow, OverflowTo, QueueSettings};
use crate::model::{Name, Period};

/// The next step that is due after `taken` steps and so much waiting; steps come in their order.
pub fn overflow_due(steps: &[Overflow], taken: usize, waited: Period) -> Option<&Overflow> {
    steps.get(taken).filter(|step| step.after <= waited)
}

/// When, in waiting time, the next step after `taken` is due.
pub fn overflow_next(steps: &[Overflow], taken: usize) -> Option<Period> {
    steps.get(taken).map(|step| step.after)
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
    use super::*;

    fn queue(name: &str, to: &[&str]) -> QueueSettings {
        let mut queue = QueueSettings::named(name);
        let step = |to: &&str| Overflow {
            after: Period::secs(60),
            to: OverflowTo::Queue(Name::from(*to)),
        };
        queue.overflow = to.iter().map(step).collect();
        queue
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
        assert_eq!(overflow_due(&steps, 0, Period::secs(59)), None);
        assert_eq!(overflow_due(&steps, 1, Period::secs(60)), steps.get(1));
        assert_eq!(overflow_due(&steps, 2, Period::secs(99)), None);
        assert_eq!(overflow_next(&steps, 1), Some(Period::secs(60)));
    }
}
