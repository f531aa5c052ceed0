//! One round of one caller: who of the bench is offered the call, and the record of why.

use std::cmp::Reverse;
use std::iter::Peekable;

use super::bench::{Bench, Row, Seat};
use super::eligible::{Bars, could_serve, judge_for};
use super::settings::{Strategy, TierMode};
use super::strategy::{
    Clock, Order, Ranked, Worth, lot, may_join, share, shown_key, stage_now, wanted,
};
use crate::model::{Authority, EntryId, Mono, Name, OperatorId, Period, Pick, Ruling, Seed, Why};

/// What a caller asks of the bench.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The wait it is about.
    pub entry: EntryId,
    /// From 1, per entry; a part of the seed.
    pub round: u32,
    /// How much of the call is ours.
    pub authority: Authority,
    /// Whether the queue's calendar is open.
    pub open: bool,
    /// The moment.
    pub now: Mono,
    /// How long the caller has waited, from the first entry of the chain; opens tiers.
    pub waited: Period,
    /// How long the present round has been ringing; `ZERO` when it begins.
    pub ringing_for: Period,
    /// Offers of this entry that live.
    pub live: u32,
    /// Callers that wait for these operators and have nobody ringing, this one included. Counts
    /// for the split only.
    pub waiting: u32,
    /// Rings this operator alone (sticky).
    pub only: Option<OperatorId>,
    /// Goes before everybody else in an order, if they are eligible.
    pub first: Option<OperatorId>,
    /// What is wanted.
    pub ask: Ask,
    /// Who is barred for this caller.
    pub bars: Bars<'a>,
    /// What steps of the overflow made easier for this caller.
    pub ease: Ease<'a>,
}

/// What steps of the overflow made easier for one caller.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ease<'a> {
    /// Tiers up to this one are open whatever their time; from 0, as the first always is.
    pub tier: u8,
    /// Skills that the caller does without.
    pub skills: &'a [Name],
}

/// What is wanted of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Whom to ring now.
    Round,
    /// An order of at most so many operators, for a provider that does the ringing.
    Order(u16),
}

/// One who was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// Who.
    pub operator: OperatorId,
    /// Their tier, from 0.
    pub tier: u8,
}

/// The result of one round.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Who is offered the call, the best first.
    pub chosen: Vec<Chosen>,
    /// The highest open tier.
    pub tier: u8,
    /// The seed, where a lot was drawn.
    pub seed: Option<u64>,
    /// When asking again could give more without anything else happening (the next stage or
    /// step of this round).
    pub again_in: Option<Period>,
    /// Linear: whoever is eligible was asked in this pass. After `retry` the next pass begins.
    pub pass_over: bool,
    /// Why those who were eligible and not chosen were not.
    left_over: Option<Why>,
}

/// Queues up to this size are told whole in every decision record. More makes records of large
/// queues easier to read and the journal larger.
const WHOLE_MAX: usize = 64;

impl Bench {
    /// Chooses for one round and changes nothing that a record would have to tell.
    pub fn choose(&mut self, request: &Request<'_>) -> Choice {
        let top = self.top_tier(request);
        let mut choice = Choice { tier: top, ..Choice::default() };
        if !request.open {
            return choice;
        }
        let tiers = match self.rules.tier_mode {
            TierMode::Cumulative => 0..=usize::from(top),
            TierMode::Replace => usize::from(top)..=usize::from(top),
        };
        for row in self.tiers.get_mut(tiers.clone()).unwrap_or_default() {
            row.advance(self.rules.order.clock(), request.now);
        }
        let open = self.tiers.get(tiers).unwrap_or_default();
        match (request.only, request.ask) {
            (Some(only), _) => self.choose_only(request, only, &mut choice),
            (None, Ask::Order(max)) => self.choose_order(request, open, max, &mut choice),
            (None, Ask::Round) if self.rules.strategy.is_single() => {
                self.choose_one(request, open, &mut choice);
            }
            (None, Ask::Round) => self.choose_several(request, open, &mut choice),
        }
        choice
    }

    /// Whether the tier of a member is open by its time or because the caller has it easier. With
    /// tiers that replace each other only one is, so none is told.
    pub(super) fn opens_for(&self, operator: OperatorId, waited: Period, eased: u8) -> bool {
        let seat = self.place(operator).and_then(|place| self.seats.get(place));
        let row = seat.and_then(|seat| Some((seat.tier, self.tiers.get(usize::from(seat.tier))?)));
        self.rules.tier_mode == TierMode::Cumulative
            && row.is_some_and(|(tier, row)| row.after <= waited || tier <= eased)
    }

    /// The next waiting time at which a tier opens.
    pub fn next_tier_at(&self, waited: Period) -> Option<Period> {
        self.tiers.iter().map(|row| row.after).filter(|after| *after > waited).min()
    }

    /// The members part of a decision record, and whether it holds every member; the next one
    /// tells what changed since.
    pub fn account(&mut self, request: &Request<'_>, choice: &Choice) -> (bool, Vec<Pick>) {
        let whole = !self.told || self.seats.len() <= WHOLE_MAX;
        self.told = true;
        let changed = std::mem::take(&mut self.changed);
        let chosen: Vec<usize> =
            choice.chosen.iter().filter_map(|chosen| self.place(chosen.operator)).collect();
        let places: Vec<usize> = if whole {
            (0..self.seats.len()).collect()
        } else {
            let news = changed.iter().copied().filter(|place| {
                let seat = self.seats.get(*place);
                seat.is_some_and(|seat| seat.ruling != seat.told) && !chosen.contains(place)
            });
            chosen.iter().copied().chain(news).collect()
        };
        let members = places.into_iter().filter_map(|place| {
            let is_chosen = chosen.contains(&place);
            self.pick_of(place, is_chosen, request, choice)
        });
        let members = members.collect();
        for place in changed {
            if let Some(seat) = self.seats.get_mut(place) {
                seat.told = seat.ruling;
                seat.is_changed = false;
            }
        }
        (whole, members)
    }

    fn pick_of(
        &self,
        place: usize,
        chosen: bool,
        request: &Request<'_>,
        choice: &Choice,
    ) -> Option<Pick> {
        let seat = self.seats.get(place)?;
        let row = self.tiers.get(usize::from(seat.tier))?;
        let score = row.scores.get(place - row.from)?;
        let clock = row.clock(self.rules.order.clock(), request.now);
        let ruling = if chosen { Ruling::ELIGIBLE } else { self.why_not(seat, request, choice) };
        Some(Pick {
            operator: seat.name.clone(),
            tier: seat.tier,
            key: shown_key(self.rules.order, score, clock),
            ruling,
            chosen,
        })
    }

    fn why_not(&self, seat: &Seat, request: &Request<'_>, choice: &Choice) -> Ruling {
        let bars = &request.bars;
        let ruling = seat.ruling_without(self.rules.mask(request.ease.skills));
        let ruling = judge_for(ruling, seat.operator, request.authority, request.open, bars);
        let closed = match self.rules.tier_mode {
            TierMode::Cumulative => seat.tier > choice.tier,
            TierMode::Replace => seat.tier != choice.tier,
        };
        let ruling = ruling.with(Why::TierClosed, closed);
        match (ruling.is_eligible(), request.only) {
            (true, Some(_)) => ruling.with(Why::StickyHold, true),
            (true, None) => ruling.with(choice.left_over.unwrap_or(Why::NotTheirTurn), true),
            (false, _) => ruling,
        }
    }

    /// The highest tier that is open: those whose time has come, and the one after tiers in
    /// which nobody can become free by themselves.
    fn top_tier(&self, request: &Request<'_>) -> u8 {
        let mut top = 0;
        let mut served = false;
        for (number, row) in (0_u8..).zip(&self.tiers) {
            if row.after <= request.waited || number <= request.ease.tier || !served {
                top = number;
            }
            served |= row.serving > 0 || self.serves_without_skill(row, request);
        }
        top
    }

    /// Whether somebody of a tier could become free for a caller who does without a skill. Looks
    /// at every seat, for such callers only.
    fn serves_without_skill(&self, row: &Row, request: &Request<'_>) -> bool {
        let mask = self.rules.mask(request.ease.skills);
        let seats = self.seats.get(row.from..row.from + row.scores.len());
        mask != 0
            && seats.unwrap_or_default().iter().any(|seat| could_serve(seat.ruling_without(mask)))
    }

    fn choose_only(&self, request: &Request<'_>, only: OperatorId, choice: &mut Choice) {
        let Some(seat) = self.place(only).and_then(|place| self.seats.get(place)) else { return };
        let bars = &request.bars;
        let ruling = seat.ruling_without(self.rules.mask(request.ease.skills));
        if judge_for(ruling, only, request.authority, request.open, bars).is_eligible() {
            choice.chosen.push(Chosen { operator: only, tier: seat.tier });
        }
    }

    /// The strategy's first of the lowest open tier that has anybody for this caller.
    fn choose_one(&self, request: &Request<'_>, open: &[Row], choice: &mut Choice) {
        choice.left_over = Some(Why::NotTheirTurn);
        if request.live > 0 {
            return;
        }
        let found = open.iter().find_map(|row| self.ranked(row, request, choice).next());
        choice.chosen.extend(found);
        if self.rules.strategy == Strategy::Linear && choice.chosen.is_empty() {
            choice.pass_over = open.iter().any(|row| {
                let mut seated = row.ranking(request);
                seated.any(|(local, _)| self.stands_alone(row, local, request))
            });
        }
    }

    /// Whether only this pass stands between a seated member and the caller.
    fn stands_alone(&self, row: &Row, local: usize, request: &Request<'_>) -> bool {
        self.seats.get(row.from + local).is_some_and(|seat| {
            self.has_skills(seat, request)
                && request.bars.tried.contains(&seat.operator)
                && !request.bars.backed_off.contains(&seat.operator)
                && !request.bars.excluded.contains(&seat.operator)
        })
    }

    /// Whether a member has every skill that the caller still needs.
    fn has_skills(&self, seat: &Seat, request: &Request<'_>) -> bool {
        !seat.ruling_without(self.rules.mask(request.ease.skills)).has(Why::SkillMissing)
    }

    fn choose_order(&self, request: &Request<'_>, open: &[Row], max: u16, choice: &mut Choice) {
        choice.left_over = Some(Why::BeyondFanOut);
        if let Some(first) = request.first {
            self.choose_only(request, first, choice);
        }
        let before = choice.chosen.first().copied();
        for row in open {
            let room = usize::from(max).saturating_sub(choice.chosen.len());
            let ranked: Vec<Chosen> = self
                .ranked(row, request, choice)
                .filter(|chosen| before.is_none_or(|first| first.operator != chosen.operator))
                .take(room)
                .collect();
            choice.chosen.extend(ranked);
        }
    }

    /// Several at once: `parallel` and `progressive`.
    fn choose_several(&self, request: &Request<'_>, open: &[Row], choice: &mut Choice) {
        let rules = &self.rules;
        let live = usize::try_from(request.live).unwrap_or(usize::MAX);
        let mut room = usize::from(rules.fanout_max).saturating_sub(live);
        choice.left_over = Some(Why::BeyondFanOut);
        let is_parallel = rules.strategy == Strategy::Parallel;
        if is_parallel {
            if live > 0 && !may_join(request.ringing_for, rules.ring, rules.ring_min) {
                choice.left_over = Some(Why::NotTheirTurn);
                return;
            }
            let part = self.part(request, open);
            if part < room {
                room = part;
                choice.left_over = Some(Why::HeldForOther);
            }
        } else {
            let steps = wanted(request.ringing_for, rules.step.0, rules.step.1);
            room = room.min(steps.saturating_sub(live));
            choice.left_over = Some(Why::NotTheirTurn);
        }
        let mut more = false;
        for row in open {
            let mut stage_max = None;
            for (local, worth) in row.ranking(request) {
                let Some(chosen) = self.unbarred(row, local, request) else { continue };
                let stages = || {
                    let nobody = live == 0;
                    stage_now(request.ringing_for, rules.step.1, nobody, worth.stage())
                };
                if worth.stage() > *stage_max.get_or_insert_with(stages) {
                    more = true;
                    break;
                }
                if choice.chosen.len() >= room {
                    more |= !is_parallel;
                    break;
                }
                choice.chosen.push(chosen);
            }
        }
        if more && rules.step.1 > Period::ZERO {
            let into = request.ringing_for.0 % rules.step.1.0;
            choice.again_in = Some(Period(rules.step.1.0 - into));
        }
    }

    /// How many of the idle this caller may have while others wait.
    fn part(&self, request: &Request<'_>, open: &[Row]) -> usize {
        let waiting = usize::try_from(request.waiting).unwrap_or(usize::MAX);
        if !self.rules.split || waiting < 2 {
            return usize::MAX;
        }
        let barred = |row: &&Row| self.barred_places(row, request).len();
        let idle = open.iter().map(|row| row.count(request)).sum::<usize>();
        let barred = open.iter().map(|row| barred(&row)).sum::<usize>();
        match idle.saturating_sub(barred) {
            idle @ 2.. => share(idle, waiting),
            0 | 1 => usize::MAX,
        }
    }

    /// The members of a tier for this caller, in the strategy's order.
    fn ranked<'a>(
        &'a self,
        row: &'a Row,
        request: &'a Request<'a>,
        choice: &mut Choice,
    ) -> Box<dyn Iterator<Item = Chosen> + 'a> {
        match self.rules.strategy {
            Strategy::Random | Strategy::WeightedRandom => {}
            Strategy::Parallel
            | Strategy::RoundRobin
            | Strategy::RoundRobinCalls
            | Strategy::Linear
            | Strategy::LongestIdle
            | Strategy::FewestCalls
            | Strategy::LeastTalk
            | Strategy::SmoothWeighted
            | Strategy::Progressive => {
                let ranking = row.ranking(request);
                return Box::new(
                    ranking.filter_map(|(local, _)| self.unbarred(row, local, request)),
                );
            }
        }
        let start = lot(&self.rules.queue, request.entry, request.round);
        choice.seed = Some(start);
        let mut seed = Seed::new(start);
        let mut passed = self.barred_places(row, request);
        Box::new(std::iter::from_fn(move || {
            let local = row.drawn(&mut seed, request, &passed)?;
            passed.push(local);
            self.unbarred(row, local, request)
        }))
    }

    /// The seat, unless the caller bars it.
    fn unbarred(&self, row: &Row, local: usize, request: &Request<'_>) -> Option<Chosen> {
        let seat = self.seats.get(row.from + local)?;
        let (operator, bars) = (seat.operator, &request.bars);
        let tried = self.rules.strategy == Strategy::Linear && bars.tried.contains(&operator);
        let barred = tried
            || bars.backed_off.contains(&operator)
            || bars.excluded.contains(&operator)
            || !self.has_skills(seat, request);
        (!barred).then_some(Chosen { operator, tier: seat.tier })
    }

    /// The places in a tier of those whom the caller bars and who are eligible otherwise.
    fn barred_places(&self, row: &Row, request: &Request<'_>) -> Vec<usize> {
        let bars = &request.bars;
        let mut places: Vec<usize> = bars
            .backed_off
            .union(bars.excluded)
            .filter_map(|operator| self.place(*operator)?.checked_sub(row.from))
            .filter(|local| row.holds(*local, request))
            .collect();
        if !request.ease.skills.is_empty() {
            let lacking = (0..row.scores.len()).filter(|local| row.lacking.holds(*local));
            places.extend(lacking.filter(|local| {
                let seat = self.seats.get(row.from + local);
                seat.is_some_and(|seat| !self.has_skills(seat, request))
            }));
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

impl Row {
    fn clock(&self, clock: Clock, now: Mono) -> i64 {
        let reading = match clock {
            Clock::Millis => now.0,
            Clock::Rounds => self.rounds,
        };
        i64::try_from(reading).unwrap_or(i64::MAX)
    }

    fn advance(&mut self, clock: Clock, now: Mono) {
        let x = self.clock(clock, now);
        self.known.advance(x, &self.scores);
        self.unknown.advance(x, &self.scores);
        self.lacking.advance(x, &self.scores);
    }

    /// The orders beside those who are simply eligible that a caller may be served from: devices
    /// of which nothing is known, and members without a skill that the caller does without.
    fn others(&self, request: &Request<'_>) -> [Option<&Order>; 2] {
        let takes_unknown = match request.authority {
            Authority::Owned => false,
            Authority::Advised | Authority::Observed => true,
        };
        let unknown = takes_unknown.then_some(&self.unknown);
        let lacking = (!request.ease.skills.is_empty()).then_some(&self.lacking);
        [unknown, lacking]
    }

    fn orders(&self, request: &Request<'_>) -> impl Iterator<Item = &Order> {
        std::iter::once(&self.known).chain(self.others(request).into_iter().flatten())
    }

    fn count(&self, request: &Request<'_>) -> usize {
        let count: u32 = self.orders(request).map(Order::count).sum();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    fn holds(&self, local: usize, request: &Request<'_>) -> bool {
        self.orders(request).any(|order| order.holds(local))
    }

    /// The seats from the best to the worst.
    fn ranking(&self, request: &Request<'_>) -> Merged<'_> {
        let [unknown, lacking] = self.others(request);
        Merged {
            known: self.known.ranking(&self.scores).peekable(),
            others: [
                unknown.map(|order| order.ranking(&self.scores).peekable()),
                lacking.map(|order| order.ranking(&self.scores).peekable()),
            ],
        }
    }

    /// A seat by lot, none of `passed`.
    fn drawn(&self, seed: &mut Seed, request: &Request<'_>, passed: &[usize]) -> Option<usize> {
        let all: u64 = self.orders(request).map(|order| order.lots(passed)).sum();
        if all == 0 {
            // Whoever is left has no weight: they come last, but before a caller is kept waiting.
            let left = self.count(request) > passed.len();
            let mut seats = 0..if left { self.scores.len() } else { 0 };
            return seats.find(|local| self.holds(*local, request) && !passed.contains(local));
        }
        let mut lot = seed.below(all);
        for order in self.orders(request) {
            match lot.checked_sub(order.lots(passed)) {
                None => return order.drawn(lot, passed),
                Some(rest) => lot = rest,
            }
        }
        None
    }
}

/// The orders of a tier as one.
struct Merged<'a> {
    known: Peekable<Ranked<'a>>,
    others: [Option<Peekable<Ranked<'a>>>; 2],
}

impl Iterator for Merged<'_> {
    type Item = (usize, Worth);

    fn next(&mut self) -> Option<(usize, Worth)> {
        let better = |seat: &(usize, Worth)| (seat.1, Reverse(seat.0));
        let mut best = &mut self.known;
        for other in self.others.iter_mut().flatten() {
            if other.peek().map(better) > best.peek().map(better) {
                best = other;
            }
        }
        best.next()
    }
}
