//! The edge of calls that we own: telephones that ring, answer, refuse, cross and vanish.

use std::collections::BTreeMap;

use navbat::model::{EndedBy, LegId, Name, Seed};
use navbat::switch::{Effect, LegEvent};

/// One telephone in one call, as the edge knows it.
#[derive(Debug)]
pub struct Telephone {
    /// The operator; `None` for callers and outside numbers.
    pub operator: Option<Name>,
    /// Whether it can still ring, talk or be ended.
    pub lives: bool,
    /// Whether the switch asked for its end.
    pub stopped: bool,
    /// Whether it was answered (a caller: by us).
    pub answered: bool,
    /// The other party, once the switch asked to be joined with it.
    pub joined: Option<LegId>,
    /// Whether they are joined.
    pub talks: bool,
    /// Whether the other party asked that this one be passed on.
    pub is_passed: bool,
}

/// All telephones of owned calls, and what they will do when.
#[derive(Debug, Default)]
pub struct Edge {
    /// By leg.
    pub telephones: BTreeMap<LegId, Telephone>,
}

/// What a telephone does after so many milliseconds.
pub type Plan = (u64, LegId, LegEvent);

impl Edge {
    /// A telephone that the switch dials, with a temper of its own.
    pub fn dial(&mut self, leg: LegId, to: Option<Name>, seed: &mut Seed) -> Vec<Plan> {
        let telephone = Telephone {
            operator: to,
            lives: true,
            stopped: false,
            answered: false,
            joined: None,
            talks: false,
            is_passed: false,
        };
        assert!(self.telephones.insert(leg, telephone).is_none(), "leg {leg} was made twice");
        let rings = 20 + seed.below(800);
        let picks_up = rings + 200 + seed.below(15_000);
        let end = LegEvent::Ended;
        match seed.below(100) {
            0..60 => {
                let mut plan =
                    vec![(rings, leg, LegEvent::Ringing), (picks_up, leg, LegEvent::Answered)];
                if seed.chance(10) {
                    plan.push((picks_up + seed.below(300), leg, LegEvent::Answered));
                    plan.push((picks_up + seed.below(300), leg, LegEvent::Ringing));
                }
                if seed.chance(5) {
                    plan.push((picks_up + seed.below(400), leg, end(EndedBy::Party)));
                }
                plan
            }
            60..75 => vec![(rings, leg, LegEvent::Ringing)],
            75..82 => vec![
                (rings, leg, LegEvent::Ringing),
                (rings + seed.below(5000), leg, end(EndedBy::Rejected)),
            ],
            82..87 => vec![(rings, leg, end(EndedBy::Busy))],
            87..92 => vec![(rings, leg, end(EndedBy::Unreachable))],
            92..95 => vec![(rings, leg, end(EndedBy::Failed))],
            95..98 => vec![(rings, leg, LegEvent::Answered)],
            _ => Vec::new(), // never a sign of life
        }
    }

    /// A telephone that calls us: a caller's, or that of an operator who dials.
    pub fn caller(&mut self, leg: LegId, operator: Option<Name>) {
        let telephone = Telephone {
            operator,
            lives: true,
            stopped: false,
            answered: false,
            joined: None,
            talks: false,
            is_passed: false,
        };
        self.telephones.insert(leg, telephone);
    }

    /// What an effect makes the telephones do, and the rules it must keep.
    pub fn take(&mut self, effect: &Effect, seed: &mut Seed) -> Vec<Plan> {
        match effect {
            Effect::Cancel { leg, .. } => {
                let Some(it) = self.telephones.get_mut(leg) else { return Vec::new() };
                it.stopped = true;
                let mut plan = vec![(10 + seed.below(90), *leg, LegEvent::Ended(EndedBy::Us))];
                if seed.chance(20) {
                    plan.push((seed.below(10), *leg, LegEvent::Answered)); // glare
                }
                plan
            }
            Effect::HangUp { leg, .. } | Effect::Refuse { leg, .. } => {
                let Some(it) = self.telephones.get_mut(leg) else { return Vec::new() };
                it.stopped = true;
                vec![(10 + seed.below(90), *leg, LegEvent::Ended(EndedBy::Us))]
            }
            Effect::AnswerCaller { leg } => {
                let it = self.telephones.get_mut(leg).expect("a caller that is known");
                assert!(!it.answered, "caller {leg} was answered twice");
                it.answered = true;
                Vec::new()
            }
            Effect::Bridge { caller, operator } => {
                for (one, other) in [(caller, operator), (operator, caller)] {
                    let it = self.telephones.get_mut(one).expect("a leg that is known");
                    assert!(it.lives && !it.stopped, "leg {one} is joined after its end");
                    it.joined = Some(*other);
                    it.is_passed = false;
                    it.talks = false;
                }
                let joins = seed.below(300);
                if seed.chance(6) {
                    return vec![(joins, *operator, LegEvent::Ended(EndedBy::Party))];
                }
                let leaver = if seed.chance(50) { *caller } else { *operator };
                let ends = joins + 500 + seed.below(60_000);
                let mut plan = vec![
                    (joins, *operator, LegEvent::Bridged),
                    (ends, leaver, LegEvent::Ended(EndedBy::Party)),
                ];
                if seed.chance(30) {
                    let held = joins + seed.below(10_000);
                    let holder = if seed.chance(80) { *operator } else { *caller };
                    plan.push((held, holder, LegEvent::Held));
                    plan.push((held + seed.below(10_000), holder, LegEvent::Resumed));
                }
                plan
            }
            Effect::Dial { .. }
            | Effect::DialOut { .. }
            | Effect::Transferred { .. }
            | Effect::RingCaller { .. }
            | Effect::TakeMessage { .. }
            | Effect::AskOwner { .. }
            | Effect::RouteAnswer { .. }
            | Effect::Reply { .. }
            | Effect::Live(_) => Vec::new(),
        }
    }

    /// The edge's own view of an event on its way in; false: the telephone cannot do that.
    pub fn happens(&mut self, leg: LegId, event: LegEvent) -> bool {
        let Some(it) = self.telephones.get_mut(&leg) else { return false };
        match event {
            LegEvent::Ended(_) => {
                it.lives = false;
                true // late and repeated ends reach the switch, too
            }
            LegEvent::Answered => {
                it.answered |= it.lives;
                it.lives
            }
            LegEvent::Bridged => {
                it.talks = it.lives;
                let (lives, other) = (it.lives, it.joined);
                if let Some(other) = other.and_then(|other| self.telephones.get_mut(&other)) {
                    other.talks |= lives && other.lives;
                }
                lives
            }
            LegEvent::Ringing | LegEvent::Held | LegEvent::Resumed => it.lives,
        }
    }

    /// A leg asks that its other party be passed on.
    pub fn passes(&mut self, leg: LegId) {
        let other = self.telephones.get(&leg).and_then(|it| it.joined);
        if let Some(other) = other.and_then(|other| self.telephones.get_mut(&other)) {
            other.is_passed = true;
        }
    }

    /// Telephones that the process may find again after it was killed: answered, not on their
    /// way out.
    pub fn answered(&self) -> Vec<LegId> {
        let there = self.telephones.iter().filter(|(_, it)| it.lives && !it.stopped && it.answered);
        there.map(|(leg, _)| *leg).collect()
    }

    /// Telephones of operators in a conversation.
    pub fn talking(&self) -> Vec<LegId> {
        let talks = |it: &Telephone| it.operator.is_some() && it.lives && !it.stopped && it.talks;
        self.telephones.iter().filter(|(_, it)| talks(it)).map(|(leg, _)| *leg).collect()
    }

    /// Telephones of an operator that ring or talk by our doing.
    pub fn busy(&self, operator: &Name) -> usize {
        let of =
            |it: &&Telephone| it.operator.as_ref() == Some(operator) && it.lives && !it.stopped;
        self.telephones.values().filter(of).count()
    }
}
