//! Thousands of calls from a seed: loss, reordering, telephones that misbehave, people who change
//! their mind, kills. After each day nothing is left and the books balance.

use std::collections::BTreeMap;

use navbat::model::{Disposition, OfferEnd, Outcome, Period, Seed};

use crate::peer::{Manner, Stage};
use crate::world::{Site, World};

const OPERATORS: [&str; 5] = ["aziza", "bobur", "dilnoza", "jasur", "sardor"];

/// Calls of one seed.
const CALLS: u64 = 60;

fn manner(seed: &mut Seed) -> Manner {
    let after = 300 + seed.below(4000);
    match seed.below(12) {
        0 => Manner::Rings,
        1 => Manner::Dead,
        2 => Manner::Refuses { after, code: 486 },
        3 => Manner::Refuses { after, code: 603 },
        4 => Manner::Refuses { after, code: 500 },
        5 => Manner::Crosses { after },
        6 => Manner::Refuses { after, code: 480 },
        7 => Manner::Early { after },
        8 => Manner::Redirects { to: String::from("sip:901111111@x.test") },
        _ => Manner::Answers { rings: 10 + seed.below(300), after },
    }
}

fn day(number: u64) -> World {
    let mut seed = Seed::new(number);
    let mut site = Site::new(&OPERATORS);
    site.queue.confirm = Period::millis([0, 200, 400][usize::try_from(seed.below(3)).unwrap()]);
    site.queue.wait_max = Period::secs(25);
    let mut world = World::new(site);
    world.seed = Seed::new(number ^ 0xabcd);
    world.loss = [0, 5, 10][usize::try_from(seed.below(3)).unwrap()];
    world.delay = (1, 1 + seed.below(80));
    let mut calls: Vec<String> = Vec::new();
    for _ in 0..CALLS {
        for name in OPERATORS {
            if seed.chance(30) {
                let manner = manner(&mut seed);
                world.manner(name, manner);
            }
        }
        world.peer("carrier").asks_offer = seed.chance(10);
        calls.push(world.arrive());
        let step = seed.below(6000);
        world.run(step);
        whim(&mut world, &mut seed, &calls);
        check(&mut world);
    }
    world
}

/// Somebody hangs up, holds, unregisters and comes back; now and then the process dies.
fn whim(world: &mut World, seed: &mut Seed, calls: &[String]) {
    let name = OPERATORS[usize::try_from(seed.below(5)).unwrap()];
    match seed.below(10) {
        0..4 => {
            let call = &calls[usize::try_from(seed.below(calls.len() as u64)).unwrap()];
            world.peer("carrier").hang_up(call);
        }
        4 | 5 => {
            for id in world.peer(name).up() {
                world.peer(name).hang_up(&id);
            }
        }
        6 => {
            for id in world.peer(name).up() {
                world.peer(name).change(&id, "INVITE", "sendonly");
            }
        }
        7 => {
            world.peer(name).register(0);
            world.run(200);
            world.peer(name).register(3600);
        }
        8 => {
            for id in world.peer(name).up() {
                world.peer(name).refer(&id, "<sip:203@navbat.test>");
            }
        }
        _ => {
            if seed.chance(50) {
                let state = world.switch.state();
                world.snapshot = Some((state, world.records.len()));
            }
            world.kill();
        }
    }
}

/// However telephones behave: a caller is in at most one conversation, and so is an operator.
fn check(world: &mut World) {
    for row in world.rows.values() {
        let talks = row.talks.iter().filter(|talk| talk.to.is_none()).count();
        assert!(talks <= 1, "{row:?}");
    }
}

/// Once the wires carry everything again, the engine and the telephones say the same: whoever
/// talks has exactly one call that is up (on their own telephone, or outside where it was
/// redirected to), and nobody else has any.
fn agree(world: &mut World) {
    let talking: Vec<String> =
        world.talking().iter().map(|name| name.as_str().to_owned()).collect();
    let mut ups = 0;
    for name in OPERATORS {
        let up = world.peer(name).up().len();
        assert!(up <= 1 && (up == 0 || talking.iter().any(|it| it == name)), "{name}: {up}");
        ups += up;
    }
    let carrier = world.peer("carrier");
    let outside = carrier.calls.values().filter(|it| it.incoming && it.stage == Stage::Up).count();
    let clients = carrier.up().len() - outside;
    assert_eq!(ups + outside, talking.len(), "{talking:?}");
    assert_eq!(clients, talking.len(), "{talking:?}");
}

fn close(world: &mut World) {
    world.loss = 0;
    let waiting: Vec<String> = world
        .peer("carrier")
        .calls
        .values()
        .filter(|call| matches!(call.stage, Stage::Calling | Stage::Ringing))
        .map(|call| call.id.clone())
        .collect();
    for id in waiting {
        world.peer("carrier").hang_up(&id);
    }
    world.run(120_000);
    agree(world);
    for _ in 0..3 {
        world.run(40_000);
        for at in 0..world.peers.len() {
            let name = world.peers[at].name.clone();
            let open: Vec<String> = world.peers[at]
                .calls
                .values()
                .filter(|call| {
                    call.stage != Stage::Over && (!call.incoming || call.stage == Stage::Up)
                })
                .map(|call| call.id.clone())
                .collect();
            for id in open {
                world.peer(&name).hang_up(&id);
            }
        }
    }
    world.quiet();
}

fn balance(world: &World, number: u64) -> BTreeMap<Outcome, usize> {
    let mut outcomes = BTreeMap::new();
    for row in world.rows.values() {
        assert_ne!(row.disposition, Disposition::Open, "seed {number}: {row:?}");
        assert!(row.offers.iter().all(|offer| offer.end.is_some()), "seed {number}: {row:?}");
        for entry in &row.entries {
            let won = row.offers.iter().filter(|offer| offer.end == Some(OfferEnd::Won)).count();
            let outcome = entry.outcome.unwrap_or_else(|| panic!("seed {number}: {row:?}"));
            if outcome == Outcome::Answered {
                assert!(won >= 1, "seed {number}: {row:?}");
            }
            *outcomes.entry(outcome).or_default() += 1;
        }
    }
    outcomes
}

#[test]
fn days_end_with_balanced_books() {
    let days = std::env::var("SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(20);
    let first = std::env::var("SEED").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    let mut all: BTreeMap<Outcome, usize> = BTreeMap::new();
    for number in first..first + days {
        let mut world = day(number);
        close(&mut world);
        for (outcome, count) in balance(&world, number) {
            *all.entry(outcome).or_default() += count;
        }
    }
    assert!(all.values().sum::<usize>() as u64 >= days * CALLS / 2, "{all:?}");
    assert!(all.contains_key(&Outcome::Answered), "{all:?}");
}
