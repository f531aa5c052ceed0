//! A thousand calls through five telephones of ours: exactly one operator up in each, every loser
//! cancelled or hung up, nothing left over, and an API that tells each call as it was.

use std::time::Duration;

use super::books::{agree, nothing_left};
use super::callers::{Callers, Habit, Quits};
use super::exchange::{Exchange, OPERATORS, Wish};
use super::ledger::{Air, Ledger, Verdict};
use super::lossy::{Lossy, Weather, seen_at};
use super::sipp::free_port;
use super::telephone::{Lifts, Manner, Telephone, audio_of};

/// A run may take so long.
const RUN_MAX: Duration = Duration::from_secs(300);
const CALLS: u32 = 1000;
/// Cancelled telephones and callers who gave up that a storm must have seen to have proved
/// anything. How many there are depends on the machine; what does not is asserted beside it.
const RACES_MIN: usize = 20;
/// Telephones that lose when a call finds all of them free.
const LOSERS: usize = OPERATORS - 1;
/// In most storms each tenth call waits for the ones before it, and so finds all of them free.
const ALONE_EVERY: u32 = 10;

/// A run: who calls how often, and how the telephones answer.
struct Storm {
    strategy: &'static str,
    habit: Habit,
    lifts: Lifts,
    weather: Option<Weather>,
}

const HABIT: Habit = Habit {
    calls: CALLS,
    rate: 20,
    talk: Duration::from_millis(80),
    alone_every: ALONE_EVERY,
    quitters: 0,
    quits_within: 0,
    seed: 3,
};

const CALM: Storm =
    Storm { strategy: "parallel", habit: HABIT, lifts: Lifts::Between(5, 40), weather: None };

/// Lets the calls come, judges them, holds the API to the verdict and looks for what is left.
async fn rage(storm: &Storm) -> (Exchange, Verdict) {
    let carrier = free_port([127, 0, 0, 11].into());
    // Behind the lossy network the carrier is seen at an address of the relay's.
    let seen_at = storm.weather.map(|_| format!("sources = [\"{}\"]\n", seen_at(carrier.ip())));
    let seen_at = seen_at.unwrap_or_default();
    let trunks = [carrier];
    let strategy = storm.strategy;
    let wish = Wish { strategy, trunks: &trunks, trunk: &seen_at, queue: "", more: "" };
    let exchange = Exchange::open(&wish).await;
    let lossy = match storm.weather {
        Some(weather) => Some(Lossy::open(exchange.sip, weather).await),
        None => None,
    };
    let door = lossy.as_ref().map_or(exchange.sip, |lossy| lossy.front);
    let air = if lossy.is_some() { Air::Rough } else { Air::Clear };
    let ledger = Ledger::default();
    let manner = Manner { lifts: storm.lifts, air, seed: storm.habit.seed };
    let mut telephones = Vec::new();
    for number in 0..OPERATORS {
        let local = free_port([127, 0, 0, 20].into());
        telephones.push(Telephone::plug(number, local, door, manner, ledger.clone()).await);
    }
    let ready = |board: &serde_json::Value| {
        let operators = board["operators"].as_array().unwrap();
        operators.iter().all(|operator| operator["reach"] == "reachable")
    };
    exchange.until("/board", ready).await;
    let mut callers = Callers::start(carrier, door, storm.habit, ledger.clone());
    if !callers.done(RUN_MAX).await {
        ledger.judge(air, audio_of);
        panic!("the calls do not end");
    }
    for telephone in &telephones {
        telephone.quiet().await;
    }
    let verdict = ledger.judge(air, audio_of);
    assert_eq!(verdict.won.len() + verdict.gave_up, usize::try_from(CALLS).unwrap());
    agree(&exchange, CALLS, &verdict, &ledger).await;
    nothing_left(&exchange, 0).await;
    if let Some(lossy) = lossy {
        let (passed, lost) = lossy.counts();
        assert!(lost * 15 > passed, "the relay lost {lost} and let {passed} pass");
    }
    (exchange, verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn ring_all_a_thousand_times() {
    let (_exchange, verdict) = rage(&CALM).await;
    assert_eq!(verdict.won.len(), 1000);
    let lost = verdict.cancelled + verdict.beaten;
    let alone = usize::try_from(CALLS / ALONE_EVERY).unwrap();
    assert!(lost >= alone * LOSERS, "only {lost} telephones lost");
    assert!(verdict.cancelled > RACES_MIN, "{} lost while they rang", verdict.cancelled);
}

/// Each call finds all five free, and in each all five lift: one is up, four are late.
#[tokio::test(flavor = "multi_thread")]
async fn all_five_lift_in_the_same_instant() {
    let habit = Habit { alone_every: 1, talk: Duration::from_millis(10), ..HABIT };
    let (_exchange, verdict) = rage(&Storm { habit, lifts: Lifts::Together(15), ..CALM }).await;
    assert_eq!(verdict.won.len(), 1000);
    assert_eq!((verdict.beaten, verdict.cancelled), (1000 * LOSERS, 0));
}

/// Everybody who wants to gives up, in time or in the moment of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn three_in_ten_callers_give_up_while_it_rings() {
    let habit = Habit { quitters: 30, quits_within: 50, ..HABIT };
    let quits: Vec<Quits> = (0..CALLS).filter_map(|client| habit.quits(client)).collect();
    let as_answered = quits.iter().filter(|it| **it == Quits::AsAnswered).count();
    assert!(quits.len() > 250 && as_answered > RACES_MIN, "{} {as_answered}", quits.len());
    let (_exchange, verdict) = rage(&Storm { habit, ..CALM }).await;
    assert_eq!(verdict.gave_up + verdict.crossed, quits.len());
    assert!(verdict.crossed >= as_answered, "{} crossed", verdict.crossed);
    assert!(verdict.gave_up > RACES_MIN, "{} gave up", verdict.gave_up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_and_reorders_one_in_ten() {
    let weather = Weather { lost: 10, late: 10, seed: 7 };
    // What is lost comes late: nobody waits for that.
    let habit = Habit { rate: 12, alone_every: CALLS, ..HABIT };
    let (_exchange, verdict) = rage(&Storm { habit, weather: Some(weather), ..CALM }).await;
    assert_eq!(verdict.won.len(), 1000);
}
