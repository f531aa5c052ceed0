//! What one routing decision costs: among 20 operators and among 10,000, for every strategy, and
//! one leg of a ring-all. The cost may not grow by more than 1.2 times.
//!
//! Run: `cargo bench --bench acd`, or `… -- switch` for the gate alone. `bench/…` is the bench alone: the choice, its record, and the
//! changes of the chosen operators that follow (ring, talk, be free again). `switch/…` is what a
//! caller costs: from the arrival to the last record and dial of the decision. The last lines
//! compare the two sizes, and the run fails when the gate is missed.
//!
//! The memory comes from the server's own allocator: another one scatters the small things of ten
//! thousand operators in another way. What is not the same in both sizes: the record of a round
//! names all twenty members of the small queue and of the large one those who changed. Nobody is
//! rung twice among 10,000 while a lot is drawn, so that row pays for memory that no cache holds;
//! the small queue never does.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use navbat::acd::{
    Ask, Bars, Bench, Ease, Facts, Member, OperatorSettings, QueueKeys, QueueSettings, ReadyRule,
    Request, Settings, Strategy, Tally, Tier, TurnMoves,
};
use navbat::model::{
    Authority, EndedBy, EntryId, Intent, LegId, Mono, Name, Now, OperatorId, Party, Period, Reach,
    Seed, Wall,
};
use navbat::switch::{Arrival, Command, Effect, Input, LegEvent, Output, Switch, Ticket};

/// The allocator of the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [u32; 2] = [20, 10_000];
/// Telephones that one caller of the ring-all rings, the same in both queues.
const LEGS: u16 = 20;
/// Calls whose median is taken, and how often either size takes its turn.
const CALLS: usize = 201;
const ROUNDS: usize = 5;
/// How much more a decision may cost among 10,000.
const GROWTH_MAX: f64 = 1.2;

/// A queue with everybody ready, and the counters of each.
struct Site {
    bench: Bench,
    strategy: Strategy,
    tallies: Vec<Tally>,
    now: Mono,
    entry: u64,
}

impl Site {
    fn new(strategy: Strategy, size: u32) -> Site {
        let mut settings = QueueSettings::named("sales");
        settings.strategy = strategy;
        settings.fanout_max = LEGS;
        let member = |number: u32| Member { operator: format!("op{number}").into(), weight: 10 };
        let tier = Tier { after: Period::ZERO, members: (0..size).map(member).collect() };
        settings.tiers.push(tier);
        let id = |name: &Name| name.as_str()[2..].parse().ok().map(OperatorId);
        let bench = Bench::new(&settings, &id, QueueKeys::default());
        let now = Mono(100_000_000);
        let mut seed = Seed::new(7);
        let tally = |_| Tally {
            calls: u32::try_from(seed.below(60)).unwrap_or(0),
            talk_for: Period(seed.below(7_000_000)),
            ready_for: Period(seed.below(20_000_000)),
            ready_since: Some(now),
            idle_for: Period(seed.below(900_000)),
            idle_since: Some(now),
        };
        let tallies = (0..size).map(tally).collect();
        let mut site = Site { bench, strategy, tallies, now, entry: 0 };
        for number in 0..size {
            site.tell(OperatorId(number), 0, 0);
        }
        site.decide();
        site
    }

    fn tell(&mut self, id: OperatorId, offers: u32, talking: u32) {
        let tally = &mut self.tallies[id.0 as usize];
        tally.follow(true, offers + talking == 0, self.now);
        let facts = Facts {
            intent: &Intent::Ready,
            reach: Reach::Reachable,
            offers,
            talking,
            wrap_up_until: None,
            calls_max: 1,
            outside_call: false,
            disabled: false,
            skills: &[],
            tally,
        };
        self.bench.update(id, &facts, self.now);
    }

    /// One decision and what follows from it; gives the number of legs.
    fn decide(&mut self) -> usize {
        self.entry += 1;
        self.now = self.now + Period(700);
        let request = Request {
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
            bars: Bars::NONE,
            ease: Ease::default(),
        };
        let choice = self.bench.choose(&request);
        black_box(self.bench.account(&request, &choice));
        for chosen in &choice.chosen {
            self.bench.count_round(chosen.operator);
            self.tell(chosen.operator, 1, 0);
            if self.strategy.turn_moves() != TurnMoves::Never {
                self.bench.move_turn(chosen.operator);
            }
        }
        self.now = self.now + Period(20_000);
        for chosen in &choice.chosen {
            let tally = &mut self.tallies[chosen.operator.0 as usize];
            tally.won(self.now);
            tally.talked(Period::secs(20));
            self.tell(chosen.operator, 0, 1);
            self.tell(chosen.operator, 0, 0);
        }
        choice.chosen.len()
    }
}

/// A whole switch with everybody ready.
struct Exchange {
    switch: Switch,
    now: Now,
    next: u64,
}

impl Exchange {
    fn new(strategy: Strategy, size: u32) -> Exchange {
        let names: Vec<Name> = (0..size).map(|number| format!("op{number}").into()).collect();
        let mut queue = QueueSettings::named("sales");
        queue.strategy = strategy;
        queue.fanout_max = LEGS;
        queue.wrap_up = Period::ZERO;
        let members = names.iter().map(|it| Member { operator: it.clone(), weight: 10 });
        queue.tiers.push(Tier { after: Period::ZERO, members: members.collect() });
        let operator = |name: &Name| OperatorSettings {
            name: name.clone(),
            login: None,
            aliases: Vec::new(),
            ready: ReadyRule::Panel,
            calls_max: 1,
            skills: Vec::new(),
            disabled: false,
        };
        let settings = Settings {
            version: String::from("v1"),
            timezone: jiff::tz::TimeZone::UTC,
            operators: names.iter().map(operator).collect(),
            queues: vec![queue],
            accounts: Vec::new(),
            plans: Vec::new(),
        };
        let now = Now { mono: Mono(1_000), wall: Wall(1_772_427_600_000) };
        let switch = Switch::new(Arc::new(settings), 7);
        let mut exchange = Exchange { switch, now, next: 1 };
        for name in names {
            exchange.input(Input::Reach { operator: name.clone(), reach: Reach::Reachable });
            let command = Command::SetIntent { operator: name.clone(), intent: Intent::Ready };
            let ticket = Ticket(1);
            exchange.input(Input::Command { ticket, by: name, supervisor: false, command });
        }
        for _ in 0..50 {
            exchange.call();
        }
        exchange
    }

    fn input(&mut self, input: Input) -> Vec<Output> {
        self.switch.handle(input, self.now);
        std::iter::from_fn(|| self.switch.poll_output()).collect()
    }

    /// One call from the arrival to its end; gives what the decision took and how many legs it
    /// rang. The rest of the call is outside the measure.
    fn call(&mut self) -> (Duration, u64) {
        self.next += 1;
        let caller = LegId(self.next);
        let arrival = Input::Arrived(Arrival {
            leg: caller,
            account: "trunk".into(),
            client: Party::Hidden,
            line: None,
            queue: Some("sales".into()),
        });
        let begun = Instant::now();
        let outputs = black_box(self.input(arrival));
        let took = begun.elapsed();
        let legs = outputs.iter().filter_map(|output| match output {
            Output::Effect(Effect::Dial { leg, .. }) => Some(*leg),
            _ => None,
        });
        let legs: Vec<LegId> = legs.collect();
        if let Some(leg) = legs.first() {
            for event in [LegEvent::Ringing, LegEvent::Answered, LegEvent::Bridged] {
                self.input(Input::Leg { leg: *leg, event });
            }
        }
        self.pass(Period::secs(3));
        self.input(Input::Leg { leg: caller, event: LegEvent::Ended(EndedBy::Party) });
        self.pass(Period::mins(30));
        (took, legs.len() as u64)
    }

    fn pass(&mut self, length: Period) {
        let until = self.now.mono + length;
        while let Some(due) = self.switch.poll_timeout().filter(|due| *due <= until) {
            let step = due.since(self.now.mono);
            self.now = Now { mono: due, wall: self.now.wall + step };
            self.switch.handle_timeout(self.now);
            while self.switch.poll_output().is_some() {}
        }
        let step = until.since(self.now.mono);
        self.now = Now { mono: until, wall: self.now.wall + step };
    }
}

fn bench_alone(criterion: &mut Criterion) {
    for strategy in Strategy::ALL {
        let mut group = criterion.benchmark_group(format!("bench/{}", strategy.word()));
        group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
        for size in SIZES {
            let mut site = Site::new(strategy, size);
            let legs = site.decide();
            group.throughput(Throughput::Elements(legs as u64));
            let id = BenchmarkId::from_parameter(size);
            group.bench_function(id, |bencher| bencher.iter(|| site.decide()));
        }
        group.finish();
    }
}

/// The cost of a leg in nanoseconds: the median of several hundred calls, which no pause of the
/// machine moves.
fn leg_cost(exchange: &mut Exchange) -> f64 {
    let calls = (0..CALLS).map(|_| {
        let (took, legs) = exchange.call();
        assert!(legs > 0, "nobody was rung");
        took.as_nanos() as f64 / legs as f64
    });
    median(calls.collect())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Compares the two sizes in turns, so that a machine that is slower for a while is slower for
/// both; the exchanges never run between each other's calls, because that would take the small
/// one's memory out of the caches. False when the gate is missed.
fn whole_switch(filter: &str) -> bool {
    println!("\n{:<28}{:>12}{:>12}{:>8}", "switch, ns per leg", SIZES[0], SIZES[1], "times");
    let mut holds = true;
    for strategy in Strategy::ALL {
        if !format!("switch/{}", strategy.word()).contains(filter) {
            continue;
        }
        let mut exchanges = SIZES.map(|size| Exchange::new(strategy, size));
        let mut rounds: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS {
            for (exchange, costs) in exchanges.iter_mut().zip(&mut rounds) {
                costs.push(leg_cost(exchange));
            }
        }
        let grown = rounds[0].iter().zip(&rounds[1]).map(|(small, large)| large / small);
        let grown = median(grown.collect());
        let [small, large] = rounds.map(median);
        println!("{:<28}{small:>12.0}{large:>12.0}{grown:>8.2}", strategy.word());
        holds &= grown <= GROWTH_MAX;
    }
    holds
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bench_alone(&mut criterion);
    criterion.final_summary();
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    if !whole_switch(&filter) {
        println!("more than {GROWTH_MAX} times: the gate is missed");
        std::process::exit(1);
    }
}
