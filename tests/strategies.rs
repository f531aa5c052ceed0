//! Strategies against their formulae: random days on a bench, every choice compared with the
//! one that a plain look at all members makes; and the fairness that each strategy promises.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use navbat::acd::{
    Ask, Bars, Bench, Choice, Ease, Facts, Member, Overflow, OverflowTo, QueueKeys, QueueSettings,
    Request, Strategy, Tally, Tier, TierMode, TurnMoves,
};
use navbat::model::{
    Authority, EntryId, Intent, Mono, Name, OperatorId, Period, Reach, Ruling, Seed, Why,
};
use proptest::prelude::*;

/// A queue with people, and the plain knowledge of them.
struct Room {
    settings: QueueSettings,
    bench: Bench,
    people: BTreeMap<OperatorId, Person>,
    now: Mono,
    entry: u64,
}

#[derive(Debug, Clone)]
struct Person {
    tier: u8,
    order: usize,
    weight: u16,
    intent: Intent,
    reach: Reach,
    offers: u32,
    talking: u32,
    tally: Tally,
    turn: u64,
    current: i64,
    skills: Vec<Name>,
}

impl Person {
    fn can(&self, needed: &[Name], relaxed: &[Name]) -> bool {
        needed.iter().all(|skill| self.skills.contains(skill) || relaxed.contains(skill))
    }

    fn is_free(&self, authority: Authority) -> bool {
        let reached = match self.reach {
            Reach::Reachable => true,
            Reach::Unknown => authority != Authority::Owned,
            Reach::Unreachable => false,
        };
        self.intent == Intent::Ready && reached && self.offers == 0 && self.talking == 0
    }

    fn idle(&self, now: Mono) -> Period {
        self.tally.idle_for + self.tally.idle_since.map_or(Period::ZERO, |at| now.since(at))
    }

    fn ready(&self, now: Mono) -> Period {
        self.tally.ready_for + self.tally.ready_since.map_or(Period::ZERO, |at| now.since(at))
    }
}

fn settings(strategy: Strategy, tiers: &[&[u16]]) -> QueueSettings {
    let mut queue = QueueSettings::named("sales");
    queue.strategy = strategy;
    let mut number = 0;
    for (place, weights) in (0_u64..).zip(tiers) {
        let members = weights.iter().map(|weight| {
            number += 1;
            Member { operator: format!("op{number}").into(), weight: *weight }
        });
        queue.tiers.push(Tier { after: Period::secs(15 * place), members: members.collect() });
    }
    queue
}

fn relax(skill: &str) -> Overflow {
    Overflow::after(Period::secs(30), OverflowTo::Relax(skill.into()))
}

fn id_of(name: &Name) -> Option<OperatorId> {
    name.as_str().strip_prefix("op")?.parse().ok().map(OperatorId)
}

impl Room {
    fn new(settings: QueueSettings) -> Room {
        let bench = Bench::new(&settings, &id_of, QueueKeys::default());
        let mut people = BTreeMap::new();
        let keys = bench.keys();
        for (tier, row) in (0_u8..).zip(&settings.tiers) {
            for (order, member) in row.members.iter().enumerate() {
                let id = id_of(&member.operator).unwrap();
                let person = Person {
                    tier,
                    order,
                    weight: member.weight,
                    intent: Intent::Ready,
                    reach: Reach::Reachable,
                    offers: 0,
                    talking: 0,
                    tally: Tally::default(),
                    turn: keys.seats[&id].turn,
                    current: 0,
                    skills: Vec::new(),
                };
                people.insert(id, person);
            }
        }
        let mut room = Room { settings, bench, people, now: Mono(1_000_000), entry: 0 };
        let ids: Vec<OperatorId> = room.people.keys().copied().collect();
        for id in ids {
            room.change(id, |_, _| {});
        }
        room
    }

    /// Changes a person and tells the bench.
    fn change(&mut self, id: OperatorId, change: impl FnOnce(&mut Person, Mono)) {
        let person = self.people.get_mut(&id).unwrap();
        change(person, self.now);
        let idle = person.offers == 0 && person.talking == 0;
        person.tally.follow(person.intent == Intent::Ready, idle, self.now);
        let facts = Facts {
            intent: &person.intent,
            reach: person.reach,
            offers: person.offers,
            talking: person.talking,
            wrap_up_until: None,
            calls_max: 1,
            outside_call: false,
            disabled: false,
            skills: &person.skills,
            tally: &person.tally,
        };
        self.bench.update(id, &facts, self.now);
    }

    fn request<'a>(&self, bars: Bars<'a>) -> Request<'a> {
        Request {
            entry: EntryId(self.entry),
            round: 1,
            authority: Authority::Owned,
            open: true,
            now: self.now,
            waited: Period::ZERO,
            ringing_for: Period::ZERO,
            live: 0,
            waiting: 1,
            only: None,
            first: None,
            ask: Ask::Round,
            bars,
            ease: Ease::default(),
        }
    }

    /// One call: chosen, rung, won, talked, all at one moment each.
    fn serve(&mut self, talk: Period) -> Option<OperatorId> {
        self.entry += 1;
        let request = self.request(Bars::NONE);
        let id = self.bench.choose(&request).chosen.first()?.operator;
        self.offer(id);
        self.win(id);
        self.now = self.now + talk;
        self.finish(id, talk);
        Some(id)
    }

    fn offer(&mut self, id: OperatorId) {
        self.bench.count_round(id);
        if self.settings.strategy == Strategy::SmoothWeighted {
            let tier = self.people[&id].tier;
            let mut whole = 0;
            let needed = &self.settings.skills;
            for (one, person) in self.people.iter_mut().filter(|(_, one)| one.tier == tier) {
                // A round adds to everybody on the bench, whatever one caller bars, and to whom
                // it takes from beside the bench.
                let sits = person.is_free(Authority::Advised) && person.can(needed, &[]);
                if sits || *one == id {
                    person.current += i64::from(person.weight);
                    whole += i64::from(person.weight);
                }
            }
            self.people.get_mut(&id).unwrap().current -= whole;
        }
        self.change(id, |person, _| person.offers = 1);
        if self.settings.strategy.turn_moves() == TurnMoves::AtRinging {
            self.people.get_mut(&id).unwrap().turn = self.bench.move_turn(id).unwrap();
        }
    }

    fn win(&mut self, id: OperatorId) {
        self.change(id, |person, now| {
            (person.offers, person.talking) = (0, 1);
            person.tally.won(now);
        });
        if self.settings.strategy.turn_moves() == TurnMoves::AtWon {
            self.people.get_mut(&id).unwrap().turn = self.bench.move_turn(id).unwrap();
        }
    }

    fn finish(&mut self, id: OperatorId, talk: Period) {
        self.change(id, |person, now| {
            person.talking = 0;
            person.tally.talked(talk);
            person.tally.restart_idle(now);
        });
    }

    fn miss(&mut self, id: OperatorId) {
        self.change(id, |person, now| {
            person.offers = 0;
            person.tally.restart_idle(now);
        });
    }

    /// The members whom a plain look finds for a caller, best first, within one tier.
    fn plain(
        &self,
        tier: u8,
        authority: Authority,
        bars: &Bars<'_>,
        relaxed: &[Name],
    ) -> Vec<OperatorId> {
        let linear = self.settings.strategy == Strategy::Linear;
        let mut free: Vec<(&OperatorId, &Person)> = self
            .people
            .iter()
            .filter(|(id, person)| {
                person.tier == tier
                    && person.is_free(authority)
                    && person.can(&self.settings.skills, relaxed)
                    && !bars.backed_off.contains(id)
                    && !bars.excluded.contains(id)
                    && !(linear && bars.tried.contains(id))
            })
            .collect();
        free.sort_by(|one, other| self.compare(one.1, other.1));
        free.into_iter().map(|(id, _)| *id).collect()
    }

    /// The formulae of the strategies, word by word, in exact fractions.
    fn compare(&self, one: &Person, other: &Person) -> std::cmp::Ordering {
        let now = self.now;
        let fewer = |load: fn(&Person) -> u128| {
            let ready = |person: &Person| u128::from(person.ready(now).0 + 1_800_000);
            (load(one) * ready(other)).cmp(&(load(other) * ready(one)))
        };
        let idle = Reverse(one.idle(now)).cmp(&Reverse(other.idle(now)));
        let key = match self.settings.strategy {
            Strategy::Parallel => Reverse(one.weight).cmp(&Reverse(other.weight)).then(idle),
            Strategy::LongestIdle | Strategy::Progressive => idle,
            Strategy::RoundRobin | Strategy::RoundRobinCalls => one.turn.cmp(&other.turn),
            Strategy::FewestCalls => fewer(|one| u128::from(one.tally.calls) + 1).then(idle),
            Strategy::LeastTalk => {
                fewer(|one| u128::from(one.tally.talk_for.0 / 1000) + 1).then(idle)
            }
            Strategy::SmoothWeighted => {
                let next = |person: &Person| person.current + i64::from(person.weight);
                next(other).cmp(&next(one))
            }
            Strategy::Linear | Strategy::Random | Strategy::WeightedRandom => {
                std::cmp::Ordering::Equal
            }
        };
        key.then(one.order.cmp(&other.order))
    }

    fn order(&mut self, authority: Authority, bars: Bars<'_>) -> Vec<OperatorId> {
        self.order_without(authority, bars, &[])
    }

    fn order_without(
        &mut self,
        authority: Authority,
        bars: Bars<'_>,
        skills: &[Name],
    ) -> Vec<OperatorId> {
        let ease = Ease { skills, ..Ease::default() };
        let request = Request { ask: Ask::Order(u16::MAX), authority, ease, ..self.request(bars) };
        self.bench.choose(&request).chosen.iter().map(|chosen| chosen.operator).collect()
    }
}

/// One random thing that happens to a room.
fn happen(room: &mut Room, seed: &mut Seed) {
    room.now = room.now + Period(seed.below(400_000));
    let ids: Vec<OperatorId> = room.people.keys().copied().collect();
    let id = ids[usize::try_from(seed.below(ids.len() as u64)).unwrap()];
    let person = room.people[&id].clone();
    match seed.below(8) {
        7 => room.change(id, |person, _| {
            person.skills = if person.skills.is_empty() { vec!["tax".into()] } else { Vec::new() };
        }),
        0 => room.change(id, |person, _| {
            person.intent = match person.intent {
                Intent::Ready => Intent::Dnd,
                _ => Intent::Ready,
            };
        }),
        1 => {
            let reach = [Reach::Reachable, Reach::Unknown, Reach::Unreachable];
            let reach = reach[usize::try_from(seed.below(3)).unwrap()];
            room.change(id, |person, _| person.reach = reach);
        }
        2..4 if person.offers > 0 => room.win(id),
        4 if person.offers > 0 => room.miss(id),
        2..5 if person.talking > 0 => room.finish(id, Period(seed.below(600_000))),
        _ => {}
    }
}

fn some_of(room: &Room, seed: &mut Seed, percent: u64) -> BTreeSet<OperatorId> {
    room.people.keys().copied().filter(|_| seed.chance(percent)).collect()
}

fn any_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop::sample::select(Strategy::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The bench agrees with the formula at every moment of a random day, restarts included.
    #[test]
    fn the_bench_orders_as_the_formula_does(
        strategy in any_strategy(),
        weights in prop::collection::vec(0_u16..40, 1..12),
        start in any::<u64>(),
    ) {
        let mut seed = Seed::new(start);
        let mut settings = settings(strategy, &[&weights]);
        if seed.chance(50) {
            settings.skills = vec!["tax".into(), "uz".into()];
            settings.overflow = ["tax", "uz"].map(relax).to_vec();
        }
        let mut room = Room::new(settings);
        for _ in 0..120 {
            happen(&mut room, &mut seed);
            let (backed_off, excluded) = (some_of(&room, &mut seed, 10), some_of(&room, &mut seed, 5));
            let tried = some_of(&room, &mut seed, 20);
            let bars = Bars { backed_off: &backed_off, excluded: &excluded, tried: &tried };
            let relaxed: Vec<Name> =
                ["tax", "uz"].iter().filter(|_| seed.chance(50)).map(|it| Name::from(*it)).collect();
            // Only waits of ours have an overflow.
            let asked = seed.chance(50) && relaxed.is_empty();
            let authority = if asked { Authority::Advised } else { Authority::Owned };
            let plain = room.plain(0, authority, &bars, &relaxed);
            let order = room.order_without(authority, bars, &relaxed);
            match strategy {
                Strategy::Random => {
                    prop_assert_eq!(BTreeSet::from_iter(&order), BTreeSet::from_iter(&plain));
                }
                Strategy::WeightedRandom => {
                    prop_assert_eq!(BTreeSet::from_iter(&order), BTreeSet::from_iter(&plain));
                    // Whoever has no weight comes last, and comes all the same.
                    let weights = order.iter().map(|id| room.people[id].weight > 0);
                    prop_assert!(weights.is_sorted_by(|one, next| one >= next), "{:?}", order);
                }
                _ => prop_assert_eq!(&order, &plain),
            }
            let ease = Ease { skills: &relaxed, ..Ease::default() };
            let request = Request { authority, ease, ..room.request(bars) };
            let choice = room.bench.choose(&request);
            let ids: Vec<OperatorId> = choice.chosen.iter().map(|one| one.operator).collect();
            prop_assert!(ids.iter().all(|id| plain.contains(id)), "an ineligible one was chosen");
            let (_, members) = room.bench.account(&request, &choice);
            for member in &members {
                prop_assert_eq!(member.chosen, member.ruling.is_eligible());
            }
            prop_assert_eq!(members.iter().filter(|member| member.chosen).count(), ids.len());
            if seed.chance(60) {
                for id in ids {
                    room.offer(id);
                }
            }
            if seed.chance(5) {
                restart(&mut room);
            }
        }
    }

    /// The order in which members are told to the bench, and repeats, change nothing.
    #[test]
    fn the_way_there_does_not_matter(strategy in any_strategy(), start in any::<u64>()) {
        let mut seed = Seed::new(start);
        let mut room = Room::new(settings(strategy, &[&[10, 20, 5, 10, 1, 10]]));
        for _ in 0..60 {
            happen(&mut room, &mut seed);
        }
        let first = room.order(Authority::Advised, Bars::NONE);
        let keys = room.bench.keys();
        room.bench = Bench::new(&room.settings, &id_of, keys);
        let mut ids: Vec<OperatorId> = room.people.keys().copied().collect();
        for at in (1..ids.len()).rev() {
            ids.swap(at, usize::try_from(seed.below(at as u64 + 1)).unwrap());
        }
        for id in ids.iter().chain(&ids) {
            room.change(*id, |_, _| {});
        }
        prop_assert_eq!(room.order(Authority::Advised, Bars::NONE), first);
    }

    /// After n·k calls everybody of n had exactly k, whatever the talks and both variants.
    #[test]
    fn round_robin_gives_everybody_the_same(
        n in 1_usize..9,
        k in 1_usize..6,
        calls in any::<bool>(),
        start in any::<u64>(),
    ) {
        let strategy = if calls { Strategy::RoundRobinCalls } else { Strategy::RoundRobin };
        let mut room = Room::new(settings(strategy, &[&vec![10; n]]));
        let mut seed = Seed::new(start);
        let mut got: BTreeMap<OperatorId, usize> = BTreeMap::new();
        for _ in 0..n * k {
            let id = room.serve(Period(seed.below(90_000))).unwrap();
            *got.entry(id).or_default() += 1;
            if seed.chance(20) {
                restart(&mut room);
            }
        }
        prop_assert_eq!(got.into_values().collect::<Vec<_>>(), vec![k; n]);
    }

    /// Calls follow the weights exactly over each full cycle and never run ahead by a whole
    /// cycle in between.
    #[test]
    fn smooth_weights_give_in_proportion(
        weights in prop::collection::vec(1_u16..8, 1..7),
        cycles in 1_usize..4,
        start in any::<u64>(),
    ) {
        let whole: usize = weights.iter().map(|weight| usize::from(*weight)).sum();
        let mut room = Room::new(settings(Strategy::SmoothWeighted, &[&weights]));
        let mut seed = Seed::new(start);
        let mut got = vec![0_usize; weights.len()];
        for _ in 0..whole * cycles {
            let id = room.serve(Period::secs(5)).unwrap();
            got[usize::try_from(id.0).unwrap() - 1] += 1;
            if seed.chance(10) {
                restart(&mut room);
            }
        }
        let due: Vec<usize> = weights.iter().map(|one| usize::from(*one) * cycles).collect();
        prop_assert_eq!(got, due);
    }
}

/// The process starts again: the bench is built from what is durable.
fn restart(room: &mut Room) {
    let text = serde_json::to_string(&room.bench.keys()).unwrap();
    let keys: QueueKeys = serde_json::from_str(&text).unwrap();
    room.bench = Bench::new(&room.settings, &id_of, keys);
    let ids: Vec<OperatorId> = room.people.keys().copied().collect();
    for id in ids {
        room.change(id, |_, _| {});
    }
}

fn ids(numbers: &[u32]) -> Vec<OperatorId> {
    numbers.iter().copied().map(OperatorId).collect()
}

fn chosen(choice: &Choice) -> Vec<OperatorId> {
    choice.chosen.iter().map(|chosen| chosen.operator).collect()
}

#[test]
fn the_turn_survives_leaving_and_coming_back() {
    let mut room = Room::new(settings(Strategy::RoundRobin, &[&[10; 4]]));
    assert_eq!(room.serve(Period::secs(1)), Some(OperatorId(1)));
    let mut smaller = room.settings.clone();
    smaller.tiers[0].members.remove(1);
    room.bench = Bench::new(&smaller, &id_of, room.bench.keys());
    let keys = room.bench.keys();
    room.bench = Bench::new(&room.settings, &id_of, keys);
    for id in ids(&[1, 2, 3, 4]) {
        room.change(id, |_, _| {});
    }
    let next: Vec<_> = (0..4).filter_map(|_| room.serve(Period::secs(1))).collect();
    assert_eq!(next, ids(&[2, 3, 4, 1]), "who left kept the place");
}

#[test]
fn a_joiner_comes_at_the_tail() {
    let mut room = Room::new(settings(Strategy::RoundRobin, &[&[10; 3]]));
    let keys = room.bench.keys();
    let mut settings = settings(Strategy::RoundRobin, &[&[10; 4]]);
    settings.tiers[0].members.rotate_right(1); // op4 stands first in the file
    room = Room::new(settings);
    room.bench = Bench::new(&room.settings, &id_of, keys);
    for id in ids(&[1, 2, 3, 4]) {
        room.change(id, |_, _| {});
    }
    let next: Vec<_> = (0..4).filter_map(|_| room.serve(Period::secs(1))).collect();
    assert_eq!(next, ids(&[1, 2, 3, 4]));
}

#[test]
fn a_newcomer_is_not_flooded() {
    let mut room = Room::new(settings(Strategy::FewestCalls, &[&[10; 5]]));
    room.change(OperatorId(5), |person, _| person.intent = Intent::Offline);
    for _ in 0..100 {
        room.now = room.now + Period::mins(3);
        room.serve(Period::secs(30));
    }
    room.change(OperatorId(5), |person, _| person.intent = Intent::Ready);
    let mut got = 0;
    for _ in 0..20 {
        room.now = room.now + Period::mins(3);
        got += usize::from(room.serve(Period::secs(30)) == Some(OperatorId(5)));
    }
    assert!((2..=6).contains(&got), "an even share of 20 is 4, the newcomer got {got}");
}

#[test]
fn lots_fall_by_weight_and_can_be_drawn_again() {
    let mut room = Room::new(settings(Strategy::WeightedRandom, &[&[10, 20, 0, 30]]));
    let mut got = [0_u32; 4];
    for _ in 0..6000 {
        room.entry += 1;
        let request = room.request(Bars::NONE);
        let choice = room.bench.choose(&request);
        assert_eq!(room.bench.choose(&request), choice, "the same question, the same lot");
        assert!(choice.seed.is_some());
        got[usize::try_from(choice.chosen[0].operator.0).unwrap() - 1] += 1;
    }
    for (got, due) in got.into_iter().zip([1000_u32, 2000, 0, 3000]) {
        assert!(got.abs_diff(due) < 200, "{got} instead of about {due}");
    }
}

#[test]
fn tiers_open_with_time_and_at_once_when_nobody_below_can_serve() {
    let mut room = Room::new(settings(Strategy::Parallel, &[&[10; 2], &[10; 2], &[10; 1]]));
    let at = |room: &mut Room, waited| {
        let request = Request { waited: Period::secs(waited), ..room.request(Bars::NONE) };
        chosen(&room.bench.choose(&request))
    };
    assert_eq!(at(&mut room, 0), ids(&[1, 2]));
    assert_eq!(at(&mut room, 15), ids(&[1, 2, 3, 4]));
    assert_eq!(at(&mut room, 30), ids(&[1, 2, 3, 4, 5]));
    let eased = Request { ease: Ease { tier: 1, skills: &[] }, ..room.request(Bars::NONE) };
    assert_eq!(chosen(&room.bench.choose(&eased)), ids(&[1, 2, 3, 4]), "a step opened it early");
    assert_eq!(room.bench.next_tier_at(Period::secs(15)), Some(Period::secs(30)));
    for id in ids(&[1, 2]) {
        room.change(id, |person, _| person.talking = 1);
    }
    assert_eq!(at(&mut room, 0), ids(&[]), "who talks will be free: the next tier waits");
    for id in ids(&[1, 2]) {
        room.change(id, |person, _| person.intent = Intent::Offline);
    }
    assert_eq!(at(&mut room, 0), ids(&[3, 4]));
    room.settings.tier_mode = TierMode::Replace;
    restart(&mut room);
    assert_eq!(at(&mut room, 30), ids(&[5]));
}

#[test]
fn the_fan_out_is_capped_and_the_longest_free_ring() {
    let mut settings = settings(Strategy::Parallel, &[&[10; 6]]);
    settings.fanout_max = 2;
    let mut room = Room::new(settings);
    room.now = room.now + Period::secs(60);
    for id in ids(&[1, 2, 4]) {
        room.change(id, |person, now| person.tally.restart_idle(now));
    }
    let request = room.request(Bars::NONE);
    let choice = room.bench.choose(&request);
    assert_eq!(chosen(&choice), ids(&[3, 5]));
    let (whole, members) = room.bench.account(&request, &choice);
    assert!(whole);
    assert!(members[0].ruling.has(Why::BeyondFanOut));
}

#[test]
fn weights_are_stages_of_a_ring() {
    let mut room = Room::new(settings(Strategy::Parallel, &[&[10, 5, 10, 1]]));
    let at = |room: &mut Room, ringing, live| {
        let request =
            Request { ringing_for: Period::secs(ringing), live, ..room.request(Bars::NONE) };
        let choice = room.bench.choose(&request);
        (chosen(&choice), choice.again_in)
    };
    assert_eq!(at(&mut room, 0, 0), (ids(&[1, 3]), Some(Period::secs(5))));
    for id in ids(&[1, 3]) {
        room.change(id, |person, _| person.offers = 1);
    }
    assert_eq!(at(&mut room, 2, 2), (ids(&[]), Some(Period::secs(3))));
    assert_eq!(at(&mut room, 5, 2), (ids(&[2]), Some(Period::secs(5))));
    assert_eq!(at(&mut room, 10, 2), (ids(&[2, 4]), None));
    assert_eq!(at(&mut room, 16, 2), (ids(&[]), None), "less than ring_min is left");
    for id in ids(&[1, 3]) {
        room.change(id, |person, _| person.intent = Intent::Dnd);
    }
    assert_eq!(at(&mut room, 0, 0).0, ids(&[2]), "an empty stage holds nobody");
}

#[test]
fn idle_operators_are_split_between_callers() {
    let mut room = Room::new(settings(Strategy::Parallel, &[&[10; 5]]));
    let mut take = |waiting| {
        let request = Request { waiting, ..room.request(Bars::NONE) };
        let choice = room.bench.choose(&request);
        let ids = chosen(&choice);
        for id in &ids {
            room.change(*id, |person, _| person.offers = 1);
        }
        ids.len()
    };
    assert_eq!([take(3), take(2), take(1)], [2, 2, 1]);
}

#[test]
fn progressive_adds_one_every_step() {
    let mut settings = settings(Strategy::Progressive, &[&[10; 4]]);
    settings.step = (2, Period::secs(4));
    let mut room = Room::new(settings);
    let request = room.request(Bars::NONE);
    let choice = room.bench.choose(&request);
    assert_eq!((chosen(&choice), choice.again_in), (ids(&[1, 2]), Some(Period::secs(4))));
    for id in ids(&[1, 2]) {
        room.change(id, |person, _| person.offers = 1);
    }
    let request = Request { live: 2, ringing_for: Period::secs(4), ..request };
    let choice = room.bench.choose(&request);
    assert_eq!((chosen(&choice), choice.again_in), (ids(&[3]), Some(Period::secs(4))));
}

#[test]
fn linear_walks_down_and_says_when_the_pass_is_over() {
    let mut room = Room::new(settings(Strategy::Linear, &[&[10; 3]]));
    let at = |room: &mut Room, tried: &[u32]| {
        let tried = ids(tried).into_iter().collect();
        let bars = Bars { tried: &tried, ..Bars::NONE };
        let choice = room.bench.choose(&Request { bars, ..room.request(Bars::NONE) });
        (chosen(&choice), choice.pass_over)
    };
    assert_eq!(at(&mut room, &[]), (ids(&[1]), false));
    assert_eq!(at(&mut room, &[1]), (ids(&[2]), false));
    room.change(OperatorId(3), |person, _| person.intent = Intent::Dnd);
    assert_eq!(at(&mut room, &[1, 2]), (ids(&[]), true), "an absent last one stalls nothing");
    for id in ids(&[1, 2]) {
        room.change(id, |person, _| person.talking = 1);
    }
    assert_eq!(at(&mut room, &[1, 2]), (ids(&[]), false), "nobody to begin a pass with");
}

#[test]
fn a_large_queue_tells_only_what_changed() {
    let mut room = Room::new(settings(Strategy::LongestIdle, &[&[10; 100]]));
    let decide = |room: &mut Room| {
        let request = room.request(Bars::NONE);
        let choice = room.bench.choose(&request);
        room.bench.account(&request, &choice)
    };
    let (whole, members) = decide(&mut room);
    assert_eq!((whole, members.len()), (true, 100));
    room.change(OperatorId(7), |person, _| person.intent = Intent::Dnd);
    room.change(OperatorId(8), |person, _| person.intent = Intent::Dnd);
    room.change(OperatorId(8), |person, _| person.intent = Intent::Ready);
    let (whole, members) = decide(&mut room);
    let told: Vec<(&str, Ruling)> =
        members.iter().map(|member| (member.operator.as_str(), member.ruling)).collect();
    let dnd = Ruling::ELIGIBLE.with(Why::Dnd, true);
    assert!(!whole);
    assert_eq!(told, [("op1", Ruling::ELIGIBLE), ("op7", dnd)]);
}

#[test]
fn a_closed_queue_and_a_sticky_caller_say_so() {
    let mut room = Room::new(settings(Strategy::Parallel, &[&[10; 2]]));
    let request = Request { open: false, ..room.request(Bars::NONE) };
    let choice = room.bench.choose(&request);
    assert!(choice.chosen.is_empty());
    let (_, members) = room.bench.account(&request, &choice);
    assert!(members.iter().all(|member| member.ruling.has(Why::QueueClosed)));
    let request = Request { only: Some(OperatorId(2)), ..room.request(Bars::NONE) };
    let choice = room.bench.choose(&request);
    assert_eq!(chosen(&choice), ids(&[2]));
    let (_, members) = room.bench.account(&request, &choice);
    assert!(members[0].ruling.has(Why::StickyHold));
}
