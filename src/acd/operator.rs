//! A person who answers: three axes that never merge into one word.
//!
//! The intent is written by people, the schedule and auto-pause; the reach by registrar, probe
//! and provider; the work is worked out from offers, calls and wrap-up, so nobody can write
//! that somebody is idle.

use serde::{Deserialize, Serialize};

use super::strategy::Tally;
use crate::model::{By, Intent, Mono, Name, Now, OfferId, OperatorId, Reach, Wall, Work};

/// The time to finish up after a conversation: the person's, whatever queue it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapUp {
    /// After which offer; `None` after a call that the operator placed.
    pub offer: Option<OfferId>,
    /// When it ends by itself.
    pub until: Mono,
    /// The same as wall time, for the countdown.
    pub until_at: Wall,
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Ours.
    pub id: OperatorId,
    /// Unique.
    pub name: Name,
    /// What they chose.
    pub intent: Intent,
    /// Since when.
    pub intent_since: Wall,
    /// Who chose it.
    pub intent_by: By,
    /// When an automatic pause ends by itself.
    pub intent_until: Option<Mono>,
    /// What is known of their devices.
    pub reach: Reach,
    /// Since when.
    pub reach_since: Wall,
    /// When a proven fault is forgotten.
    pub reach_until: Option<Mono>,
    /// Finishing up.
    pub wrap_up: Option<WrapUp>,
    /// Worked out, kept for `work_since`.
    pub work: Work,
    /// Since when they do what they do.
    pub work_since: Wall,
    /// Rings in a row that were not picked up.
    pub misses: u32,
    /// Dials in a row that reached no telephone.
    pub unreached: u32,
    /// What they did today.
    pub tally: Tally,
}

impl Operator {
    /// Somebody whom nobody has heard of before.
    pub fn new(id: OperatorId, name: Name, at: Now) -> Operator {
        Operator {
            id,
            name,
            intent: Intent::Offline,
            intent_since: at.wall,
            intent_by: By::Config,
            intent_until: None,
            reach: Reach::Unknown,
            reach_since: at.wall,
            reach_until: None,
            wrap_up: None,
            work: Work::Idle,
            work_since: at.wall,
            misses: 0,
            unreached: 0,
            tally: Tally::default(),
        }
    }

    /// Brings the clocks of readiness up to date after intent or work changed.
    pub fn tick(&mut self, at: Now) {
        self.tally.follow(self.intent == Intent::Ready, self.work == Work::Idle, at.mono);
    }
}

/// What the work axis says of somebody with these burdens; the most urgent wins.
pub const fn work_of(talking: bool, ringing: bool, dialing: bool, wrap_up: Option<WrapUp>) -> Work {
    match (talking, ringing, dialing, wrap_up) {
        (true, _, _, _) => Work::Talking,
        (false, true, _, _) => Work::Ringing,
        (false, false, true, _) => Work::Dialing,
        (false, false, false, Some(wrap)) => Work::WrapUp { until: wrap.until },
        (false, false, false, None) => Work::Idle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_burden_names_the_work() {
        let wrap = WrapUp { offer: Some(OfferId(1)), until: Mono(9), until_at: Wall(9) };
        assert_eq!(work_of(true, true, true, Some(wrap)), Work::Talking);
        assert_eq!(work_of(false, true, true, None), Work::Ringing);
        assert_eq!(work_of(false, false, true, Some(wrap)), Work::Dialing);
        assert_eq!(work_of(false, false, false, Some(wrap)), Work::WrapUp { until: Mono(9) });
        assert_eq!(work_of(false, false, false, None), Work::Idle);
    }
}
