//! A thousand calls through five telephones of ours: exactly one operator up in each, every loser
//! cancelled or hung up, nothing left over, and an API that tells each call as it was.

use std::time::Duration;

use super::books::{agree, nothing_left};
use super::callers::{Callers, Habit};
use super::exchange::{Exchange, OPERATORS, Wish};
use super::ledger::{Air, Ledger, Verdict};
use super::lossy::{Lossy, Weather, seen_at};
use super::sipp::free_port;
use super::telephone::{Lifts, Manner, Telephone, audio_of};

/// A run may take so long.
const RUN_MAX: Duration = Duration::from_secs(300);
const CALLS: u32 = 1000;
/// Races that a storm must have seen to have proved anything. There are thousands on a machine
/// of its own; on a busy one the telephones are busier too, and fewer are rung for one caller.
const RACES_MIN: usize = 20;

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
    assert!(verdict.cancelled > RACES_MIN, "{} lost while they rang", verdict.cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_five_lift_in_the_same_instant() {
    let (_exchange, verdict) = rage(&Storm { lifts: Lifts::Together(30), ..CALM }).await;
    assert_eq!(verdict.won.len(), 1000);
    assert!(verdict.beaten > RACES_MIN, "no race was seen: {} were beaten", verdict.beaten);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_ten_callers_give_up_while_it_rings() {
    let habit = Habit { quitters: 30, quits_within: 50, ..HABIT };
    let (_exchange, verdict) = rage(&Storm { habit, ..CALM }).await;
    assert!(verdict.gave_up > RACES_MIN, "{} gave up", verdict.gave_up);
    assert!(verdict.crossed > 0, "no answer crossed a CANCEL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_and_reorders_one_in_ten() {
    let weather = Weather { lost: 10, late: 10, seed: 7 };
    let habit = Habit { rate: 12, ..HABIT };
    let (_exchange, verdict) = rage(&Storm { habit, weather: Some(weather), ..CALM }).await;
    assert_eq!(verdict.won.len(), 1000);
}
