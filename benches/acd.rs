//! What one routing decision costs: among 20 operators and among 10,000, for every strategy, and
//! one leg of a ring-all. The cost may not grow by more than 1.2 times.
//!
//! Run: `cargo bench --bench acd`. A decision is a whole turn of the bench: the choice, its
//! record, and the changes of the chosen operator that follow (rings, talks, is free again).

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use navbat::acd::{
    Ask, Bars, Bench, Facts, Member, QueueKeys, QueueSettings, Request, Strategy, Tally, Tier,
    TurnMoves,
};
use navbat::model::{Authority, EntryId, Intent, Mono, Name, OperatorId, Period, Reach, Seed};

const SIZES: [u32; 2] = [20, 10_000];
/// Telephones that one caller of the ring-all rings, the same in both queues.
const LEGS: u16 = 20;

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
            ask: Ask::Round,
            bars: Bars::NONE,
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

fn decisions(criterion: &mut Criterion) {
    for strategy in Strategy::ALL {
        let mut group = criterion.benchmark_group(format!("decision/{}", strategy.word()));
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

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decisions(&mut criterion);
    criterion.final_summary();
}
