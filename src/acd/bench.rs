//! The members of one queue, kept in the order of its strategy.
//!
//! The bench is told of every change of a member and keeps what follows from it: what stands
//! against them, and where they sit. A pick (`pick.rs`) then costs about the same among twenty
//! members as among ten thousand.
//!
//! The bench is worked out, not stored. What must outlive it are the [`SeatKeys`]: `move_turn`,
//! `count_round` and `update` give back those that a record has to tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::eligible::{Facts, could_serve, judge};
use super::settings::{OverflowTo, QueueSettings, Strategy, Tier, TierMode};
use super::strategy::{Clock, Order, Score, SeatFacts, SeatKeys, Tally, grown, score};
use crate::model::{Mono, Name, OperatorId, Period, Ruling, Why};

/// What a queue remembers of its members over reloads and restarts.
///
/// Rows of who left stay: somebody who comes back after a week finds the old place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueKeys {
    /// The next number of the sequence of turns.
    pub next_turn: u64,
    /// The members' own.
    pub seats: BTreeMap<OperatorId, SeatKeys>,
}

/// How many members a queue has, and how many of them could do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All.
    pub members: u32,
    /// Not signed out and not disabled.
    pub signed_in: u32,
    /// Could take a call at once (an unknown device included).
    pub ready: u32,
    /// Could become free without a change of mind.
    pub serving: u32,
}

/// The members of one queue.
#[derive(Debug, Clone)]
pub struct Bench {
    pub(super) rules: Rules,
    /// In order of tier, then of the configuration.
    pub(super) seats: Vec<Seat>,
    pub(super) tiers: Vec<Row>,
    /// A member's place in `seats`, by operator id.
    places: Vec<u32>,
    /// Seats whose ruling may differ from what the last decision record told.
    pub(super) changed: Vec<usize>,
    /// Whether a decision record was written since the bench was set up.
    pub(super) told: bool,
    next_turn: u64,
    left: BTreeMap<OperatorId, SeatKeys>,
    signed_in: u32,
}

/// What a queue's settings say about picking.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub queue: Name,
    pub strategy: Strategy,
    /// The strategy whose order the seats are kept in.
    pub order: Strategy,
    pub tier_mode: TierMode,
    pub ring: Period,
    pub ring_min: Period,
    pub split: bool,
    pub fanout_max: u16,
    /// Whether a telephone of which nothing is known bars nobody here.
    ring_unknown: bool,
    pub step: (u16, Period),
    skills: Vec<Name>,
    /// Skills that a step of the overflow may let a caller do without, one bit each.
    relaxable: u64,
}

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub operator: OperatorId,
    pub name: Name,
    pub tier: u8,
    weight: u16,
    stage: u16,
    keys: SeatKeys,
    /// The tier's count of rounds that `keys.current` is of.
    rounds: u64,
    tally: Tally,
    pub ruling: Ruling,
    /// Skills of the queue that they lack, one bit each; told only where one may be relaxed.
    missing: u64,
    /// The ruling that the last decision record told.
    pub told: Ruling,
    pub is_changed: bool,
}

/// One tier.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub after: Period,
    /// The place of its first seat.
    pub from: usize,
    /// By place within the tier.
    pub scores: Vec<Score>,
    /// Eligible, with a device that is known to be reached.
    pub known: Order,
    /// Eligible but for a device of which nothing is known.
    pub unknown: Order,
    /// Eligible but for skills that a step of the overflow may relax.
    pub lacking: Order,
    /// Members that could become free by themselves.
    pub serving: u32,
    /// Rounds taken with smooth weights.
    pub rounds: u64,
}

/// Nothing is known of a member before the first `update`: they are taken to be signed out.
const UNTOLD: Ruling = Ruling::ELIGIBLE.with(Why::Offline, true);
const NOWHERE: u32 = u32::MAX;

impl Bench {
    /// Sets the bench up; every member is to be told by [`Bench::update`] before the first pick.
    ///
    /// A member without an id is left out (the engine gives ids first); one who stands in two
    /// tiers sits in the first. Who has no key yet joins at the tail.
    pub fn new(
        queue: &QueueSettings,
        ids: &dyn Fn(&Name) -> Option<OperatorId>,
        keys: QueueKeys,
    ) -> Bench {
        let QueueKeys { next_turn, seats: left } = keys;
        let mut bench = Bench {
            rules: Rules::of(queue),
            seats: Vec::new(),
            tiers: Vec::new(),
            places: Vec::new(),
            changed: Vec::new(),
            told: false,
            next_turn,
            left,
            signed_in: 0,
        };
        for (number, tier) in (0_u8..).zip(&queue.tiers) {
            bench.add_tier(number, tier, ids);
        }
        for place in 0..bench.seats.len() {
            bench.reseat(place);
        }
        bench
    }

    fn add_tier(&mut self, number: u8, tier: &Tier, ids: &dyn Fn(&Name) -> Option<OperatorId>) {
        let from = self.seats.len();
        let mut weights: Vec<u16> = tier.members.iter().map(|member| member.weight).collect();
        weights.sort_unstable_by(|one, other| other.cmp(one));
        weights.dedup();
        for member in &tier.members {
            let Some(operator) = ids(&member.operator) else { continue };
            if !self.claim_place(operator) {
                continue;
            }
            let stage = weights.iter().position(|weight| *weight == member.weight);
            let keys = self.left.remove(&operator);
            let keys = keys.unwrap_or_else(|| SeatKeys { turn: self.draw_turn(), current: 0 });
            self.seats.push(Seat {
                operator,
                name: member.operator.clone(),
                tier: number,
                weight: member.weight,
                stage: stage.and_then(|stage| u16::try_from(stage).ok()).unwrap_or(0),
                keys,
                rounds: 0,
                tally: Tally::default(),
                ruling: UNTOLD,
                missing: 0,
                told: UNTOLD,
                is_changed: false,
            });
        }
        let length = self.seats.len() - from;
        let relaxed = if self.rules.relaxable == 0 { 0 } else { length };
        self.tiers.push(Row {
            after: tier.after,
            from,
            scores: vec![Score::fixed(0); length],
            known: Order::new(self.rules.order, length),
            unknown: Order::new(self.rules.order, length),
            lacking: Order::new(self.rules.order, relaxed),
            serving: 0,
            rounds: 0,
        });
    }

    /// Notes that the operator sits at the end of `seats`; false when they sit somewhere already.
    fn claim_place(&mut self, operator: OperatorId) -> bool {
        let (Ok(id), Ok(place)) = (usize::try_from(operator.0), u32::try_from(self.seats.len()))
        else {
            return false;
        };
        if self.places.len() <= id {
            self.places.resize(id + 1, NOWHERE);
        }
        match self.places.get_mut(id) {
            Some(free) if *free == NOWHERE => {
                *free = place;
                true
            }
            Some(_) | None => false,
        }
    }

    fn draw_turn(&mut self) -> u64 {
        let turn = self.next_turn;
        self.next_turn = turn.saturating_add(1);
        turn
    }

    /// Takes in how a member stands after any change of theirs; others are passed over.
    ///
    /// The end of a wrap-up is such a change: the bench has no clock of its own. With smooth
    /// weights, who leaves the bench keeps a current weight that a record has to tell.
    pub fn update(
        &mut self,
        operator: OperatorId,
        facts: &Facts<'_>,
        now: Mono,
    ) -> Option<SeatKeys> {
        let place = self.place(operator)?;
        let ruling = judge(facts, &self.rules.skills, now);
        let ruling = match self.rules.ring_unknown {
            true => ruling.without(Why::ReachUnknown),
            false => ruling,
        };
        let missing = self.rules.missing(facts.skills);
        let tally = *facts.tally;
        let seat = self.seats.get_mut(place)?;
        if seat.ruling == ruling && seat.tally == tally && seat.missing == missing {
            return None;
        }
        seat.missing = missing;
        let current = seat.keys.current;
        let before = std::mem::replace(&mut seat.ruling, ruling);
        seat.tally = tally;
        if before != ruling && !seat.is_changed {
            seat.is_changed = true;
            self.changed.push(place);
        }
        self.signed_in = moved(self.signed_in, is_signed_in(before), is_signed_in(ruling));
        self.reseat_from(place, before);
        let keys = self.seats.get(place)?.keys;
        let is_weighted = self.rules.strategy == Strategy::SmoothWeighted;
        (is_weighted && keys.current != current).then_some(keys)
    }

    /// Uses a member's turn up: they go to the tail. The result stands in the record of the
    /// ring or of the win; `None` for who is no member.
    pub fn move_turn(&mut self, operator: OperatorId) -> Option<u64> {
        let place = self.place(operator)?;
        let turn = self.draw_turn();
        self.seats.get_mut(place)?.keys.turn = turn;
        self.reseat(place);
        Some(turn)
    }

    /// Sets a member's turn as a record says it, and moves the sequence past it.
    pub fn set_turn(&mut self, operator: OperatorId, turn: u64) {
        self.next_turn = self.next_turn.max(turn.saturating_add(1));
        let Some(place) = self.place(operator) else {
            if let Some(keys) = self.left.get_mut(&operator) {
                keys.turn = turn;
            }
            return;
        };
        if let Some(seat) = self.seats.get_mut(place) {
            seat.keys.turn = turn;
        }
        self.reseat(place);
    }

    /// Counts a round of smooth weights that took `operator`, and gives what a record has to
    /// tell; to be told of every offer while the operator is still eligible. `None` for other
    /// strategies, which have nothing to count.
    pub fn count_round(&mut self, operator: OperatorId) -> Option<SeatKeys> {
        if self.rules.strategy != Strategy::SmoothWeighted {
            return None;
        }
        let place = self.place(operator)?;
        let seat = self.seats.get_mut(place)?;
        let row = self.tiers.get_mut(usize::from(seat.tier))?;
        let whole = row.known.weight().saturating_add(row.unknown.weight());
        row.rounds = row.rounds.saturating_add(1);
        // Who sits there for one caller only takes part in this one round.
        let (whole, rounds) = match is_seated(seat.ruling) {
            true => (whole, row.rounds.saturating_sub(seat.rounds)),
            false => (whole.saturating_add(u64::from(seat.weight)), 1),
        };
        let whole = i64::try_from(whole).unwrap_or(i64::MAX);
        seat.keys.current = grown(seat.keys.current, seat.weight, rounds).saturating_sub(whole);
        seat.rounds = row.rounds;
        let keys = seat.keys;
        self.reseat(place);
        Some(keys)
    }

    /// What a queue remembers of one member, as of this moment.
    pub fn keys_of(&self, operator: OperatorId) -> Option<SeatKeys> {
        let seat = self.seats.get(self.place(operator)?)?;
        Some(self.keys_now(seat))
    }

    /// What is to outlive a restart.
    pub fn keys(&self) -> QueueKeys {
        let mut seats = self.left.clone();
        for seat in &self.seats {
            seats.insert(seat.operator, self.keys_now(seat));
        }
        QueueKeys { next_turn: self.next_turn, seats }
    }

    fn keys_now(&self, seat: &Seat) -> SeatKeys {
        let rounds = self.tiers.get(usize::from(seat.tier)).map_or(0, |row| row.rounds);
        let grows = is_seated(seat.ruling);
        let since = if grows { rounds.saturating_sub(seat.rounds) } else { 0 };
        SeatKeys { turn: seat.keys.turn, current: grown(seat.keys.current, seat.weight, since) }
    }

    /// What stands against a member, without what a caller adds; `None` for who is no member.
    pub fn ruling(&self, operator: OperatorId) -> Option<Ruling> {
        let seat = self.seats.get(self.place(operator)?)?;
        Some(seat.ruling)
    }

    /// What stands against a member for a caller who does without these skills.
    pub fn ruling_without(&self, operator: OperatorId, skills: &[Name]) -> Option<Ruling> {
        let seat = self.seats.get(self.place(operator)?)?;
        Some(seat.ruling_without(self.rules.mask(skills)))
    }

    /// What stands against a member for the caller who needs the least, as steps of the overflow
    /// may have it.
    pub fn ruling_at_best(&self, operator: OperatorId) -> Option<Ruling> {
        let seat = self.seats.get(self.place(operator)?)?;
        Some(seat.ruling_without(self.rules.relaxable))
    }

    /// The counts a board shows; costs the same for every size.
    pub fn counts(&self) -> Counts {
        let ready = |row: &Row| row.known.count() + row.unknown.count();
        Counts {
            members: u32::try_from(self.seats.len()).unwrap_or(u32::MAX),
            signed_in: self.signed_in,
            ready: self.tiers.iter().map(ready).sum(),
            serving: self.tiers.iter().map(|row| row.serving).sum(),
        }
    }

    /// The members in order of tier and configuration.
    pub fn members(&self) -> impl Iterator<Item = OperatorId> + '_ {
        self.seats.iter().map(|seat| seat.operator)
    }

    /// Where a member sits.
    pub(super) fn place(&self, operator: OperatorId) -> Option<usize> {
        let id = usize::try_from(operator.0).ok()?;
        let place = self.places.get(id).copied().filter(|place| *place != NOWHERE)?;
        usize::try_from(place).ok()
    }

    /// Brings the order up to date after a change of keys.
    fn reseat(&mut self, place: usize) {
        if let Some(seat) = self.seats.get(place) {
            let ruling = seat.ruling;
            self.reseat_from(place, ruling);
        }
    }

    /// Brings the order up to date after a change of a seat whose ruling was `before`.
    fn reseat_from(&mut self, place: usize, before: Ruling) {
        let Some(seat) = self.seats.get_mut(place) else { return };
        let Some(row) = self.tiers.get_mut(usize::from(seat.tier)) else { return };
        row.serving = moved(row.serving, could_serve(before), could_serve(seat.ruling));
        let (was, sits) = (is_seated(before), is_seated(seat.ruling));
        let relaxable = self.rules.relaxable;
        let (lacked, lacks) = (seat.lacks(before, relaxable), seat.lacks(seat.ruling, relaxable));
        if was && !sits {
            let rounds = row.rounds.saturating_sub(seat.rounds);
            seat.keys.current = grown(seat.keys.current, seat.weight, rounds);
        }
        if !(was && sits) {
            seat.rounds = row.rounds;
        }
        if !(was || sits || lacked || lacks) {
            return;
        }
        let local = place - row.from;
        let facts = SeatFacts {
            keys: seat.keys,
            rounds: seat.rounds,
            tally: &seat.tally,
            weight: seat.weight,
            stage: seat.stage,
        };
        let strategy = self.rules.order;
        let counted = score(strategy, &facts);
        // Rounds in which somebody had no part add nothing to what they have.
        let stands = lacks && strategy.clock() == Clock::Rounds;
        let rounds = i64::try_from(row.rounds).unwrap_or(i64::MAX);
        if let Some(slot) = row.scores.get_mut(local) {
            *slot = if stands { counted.standing_at(rounds) } else { counted };
        }
        let is_known = !seat.ruling.has(Why::ReachUnknown);
        let was_known = !before.has(Why::ReachUnknown);
        let weight = seat.weight;
        if (was && was_known) || (sits && is_known) {
            row.known.set(local, weight, sits && is_known, &row.scores);
        }
        if (was && !was_known) || (sits && !is_known) {
            row.unknown.set(local, weight, sits && !is_known, &row.scores);
        }
        if lacked || lacks {
            row.lacking.set(local, weight, lacks, &row.scores);
        }
    }
}

impl Seat {
    /// What stands against the member for a caller who does without some skills, one bit each.
    pub fn ruling_without(&self, skills: u64) -> Ruling {
        if skills != 0 && self.missing & !skills == 0 {
            self.ruling.without(Why::SkillMissing)
        } else {
            self.ruling
        }
    }

    /// Whether nothing stood against the member under a ruling but skills of these.
    fn lacks(&self, ruling: Ruling, skills: u64) -> bool {
        skills != 0
            && ruling.has(Why::SkillMissing)
            && ruling.without(Why::SkillMissing).is_eligible()
            && self.missing & !skills == 0
    }
}

impl Rules {
    fn of(queue: &QueueSettings) -> Rules {
        let mut rules = Rules {
            queue: queue.name.clone(),
            strategy: queue.strategy,
            order: queue.ordering(),
            tier_mode: queue.tier_mode,
            ring: queue.ring,
            ring_min: queue.ring_min,
            split: queue.split,
            fanout_max: queue.fanout_max,
            ring_unknown: queue.ring_unknown,
            step: queue.step,
            skills: queue.skills.clone(),
            relaxable: 0,
        };
        let relaxed = queue.overflow.iter().filter_map(|step| match &step.to {
            OverflowTo::Relax(skill) => Some(skill.clone()),
            OverflowTo::Tier(_)
            | OverflowTo::Add(_)
            | OverflowTo::Queue(_)
            | OverflowTo::Callback
            | OverflowTo::Dial(_)
            | OverflowTo::Voicemail
            | OverflowTo::Say(_)
            | OverflowTo::End => None,
        });
        let relaxed: Vec<Name> = relaxed.collect();
        rules.relaxable = rules.bits(|skill| relaxed.contains(skill));
        rules
    }

    /// Those skills that a caller may do without, one bit each. What a step of an earlier
    /// configuration relaxed counts for as long as the one in force relaxes it too.
    pub fn mask(&self, skills: &[Name]) -> u64 {
        if skills.is_empty() || self.relaxable == 0 {
            return 0;
        }
        self.bits(|skill| skills.contains(skill)) & self.relaxable
    }

    /// The queue's skills that are not among somebody's; nobody asks where none may be relaxed.
    fn missing(&self, skills: &[Name]) -> u64 {
        if self.relaxable == 0 {
            return 0;
        }
        self.bits(|skill| !skills.contains(skill))
    }

    fn bits(&self, is_meant: impl Fn(&Name) -> bool) -> u64 {
        let skills = (0..u64::BITS).zip(&self.skills);
        skills.filter(|(_, skill)| is_meant(skill)).fold(0, |mask, (bit, _)| mask | (1 << bit))
    }
}

/// Whether a seat with this ruling is in one of its tier's two orders.
fn is_seated(ruling: Ruling) -> bool {
    ruling.without(Why::ReachUnknown).is_eligible()
}

fn is_signed_in(ruling: Ruling) -> bool {
    !ruling.has(Why::Offline) && !ruling.has(Why::Disabled)
}

/// A count after one member went in or out of it.
fn moved(count: u32, was: bool, is: bool) -> u32 {
    match (was, is) {
        (false, true) => count.saturating_add(1),
        (true, false) => count.saturating_sub(1),
        (false, false) | (true, true) => count,
    }
}
