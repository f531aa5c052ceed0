//! A thousand calls through five telephones: exactly one operator up in each, every loser
//! cancelled or hung up, nothing left over, books that balance.

use std::time::Duration;

use super::books::{books, nothing_left};
use super::exchange::{Exchange, LINE, OPERATORS, Wish, telephone};
use super::lossy::{Lossy, Weather};
use super::sipp::{Plan, Sipp, Tally, free_port, register};

/// A run may take so long.
const RUN_MAX: Duration = Duration::from_secs(400);

/// A run: who calls how often, and how the telephones answer.
struct Storm {
    strategy: &'static str,
    patient: u32,
    quitters: u32,
    rate: u32,
    answer_after: u32,
    talk: u32,
    weather: Option<Weather>,
}

const CALM: Storm = Storm {
    strategy: "parallel",
    patient: 1000,
    quitters: 0,
    rate: 20,
    answer_after: 20,
    talk: 60,
    weather: None,
};

/// What came of a run.
struct After {
    exchange: Exchange,
    callers: Tally,
    quitters: Tally,
    /// Of all telephones together.
    operators: Tally,
    lost: u64,
}

async fn rage(storm: &Storm) -> After {
    let carrier = [free_port([127, 0, 0, 11].into()), free_port([127, 0, 0, 12].into())];
    // Behind the lossy network the carriers are seen at the relay's address.
    let seen_at = if storm.weather.is_some() { "sources = [\"127.0.0.1\"]\n" } else { "" };
    let wish =
        Wish { strategy: storm.strategy, trunks: &carrier, trunk: seen_at, queue: "", more: "" };
    let exchange = Exchange::open(&wish).await;
    let lossy = match storm.weather {
        Some(weather) => Some(Lossy::open(exchange.sip, weather).await),
        None => None,
    };
    let door = lossy.as_ref().map_or(exchange.sip, |lossy| lossy.front);
    let mut telephones = Vec::new();
    for number in 0..OPERATORS {
        let local = free_port([127, 0, 0, 20].into());
        let (user, password) = telephone(number);
        register(exchange.folder.path(), (&user, &password), local, door).await;
        let plan = Plan {
            name: &user,
            scenario: "operator.xml",
            words: &[("ANSWER_MS", storm.answer_after.max(1).to_string())],
            local,
            more: Vec::new(),
        };
        telephones.push(Sipp::start(exchange.folder.path(), &plan));
    }
    let ready = |board: &serde_json::Value| {
        let operators = board["operators"].as_array().unwrap();
        operators.iter().all(|operator| operator["reach"] == "reachable")
    };
    exchange.until("/board", ready).await;
    let calling = |name, scenario: &str, local, count: u32, rate: u32| {
        let more = [
            "-s".into(),
            LINE.into(),
            "-m".into(),
            count.to_string(),
            "-r".into(),
            rate.to_string(),
            "-d".into(),
            storm.talk.to_string(),
            door.to_string(),
        ];
        let words = [("QUIT_MS", String::from("20"))];
        let plan = Plan { name, scenario, words: &words, local, more: more.to_vec() };
        Sipp::start(exchange.folder.path(), &plan)
    };
    let all = storm.patient + storm.quitters;
    let share = |count: u32| (storm.rate * count / all).max(1);
    let patient = calling("caller", "caller.xml", carrier[0], storm.patient, share(storm.patient));
    let quitters = (storm.quitters > 0).then(|| {
        calling("quitter", "quitter.xml", carrier[1], storm.quitters, share(storm.quitters))
    });
    let callers = patient.done(RUN_MAX).await;
    let quitters = match quitters {
        Some(quitters) => quitters.done(RUN_MAX).await,
        None => Tally::default(),
    };
    let mut operators = Tally::default();
    for telephone in telephones {
        let one = telephone.finish().await;
        operators.good += one.good;
        operators.failed += one.failed;
        for (sum, count) in operators.counters.iter_mut().zip(one.counters) {
            *sum += count;
        }
    }
    let lost = lossy.map_or(0, |lossy| lossy.counts().1);
    After { exchange, callers, quitters, operators, lost }
}

/// What must be true after every storm without loss.
async fn balances(storm: &Storm, after: &After) {
    let (patient, quitters) = (u64::from(storm.patient), u64::from(storm.quitters));
    assert_eq!((after.callers.good, after.callers.failed), (patient, 0), "callers");
    assert_eq!((after.quitters.good, after.quitters.failed), (quitters, 0), "quitters");
    let answered = after.callers.counters[0] + after.quitters.counters[1];
    let [acknowledged, beaten, _cancelled] = after.operators.counters;
    assert_eq!(acknowledged - beaten, answered, "exactly one operator up in each call");
    assert_eq!(after.operators.failed, 0, "no telephone saw anything it did not expect");
    let books = books(&after.exchange, usize::try_from(patient + quitters).unwrap()).await;
    assert!(books.other.is_empty(), "{books:?}");
    assert_eq!(u64::try_from(books.answered).unwrap(), answered, "{books:?}");
    nothing_left(&after.exchange).await;
}

#[ignore = "sipp gives a call up whose CANCEL meets it in a step without a receive: a telephone of ours must count"]
#[tokio::test(flavor = "multi_thread")]
async fn ring_all_a_thousand_times() {
    let after = rage(&CALM).await;
    balances(&CALM, &after).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_a_thousand_times_gives_everybody_the_same() {
    let storm = Storm { strategy: "round-robin", ..CALM };
    let after = rage(&storm).await;
    balances(&storm, &after).await;
    let operators = after.exchange.api("/stats/answered?by=operator").await;
    let won: Vec<u64> = operators["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["won"].as_u64().unwrap())
        .collect();
    assert_eq!(won.len(), OPERATORS, "{operators}");
    assert_eq!(won.iter().sum::<u64>(), 1000, "{operators}");
    let (least, most) = (won.iter().min().unwrap(), won.iter().max().unwrap());
    assert!(most - least <= 20, "whose turn it is decides: {won:?}");
}

#[ignore = "one telephone in 1,000 calls counts one answer less than the callers: not explained yet"]
#[tokio::test(flavor = "multi_thread")]
async fn all_five_answer_in_the_same_instant() {
    let storm = Storm { answer_after: 1, ..CALM };
    let after = rage(&storm).await;
    balances(&storm, &after).await;
    assert!(after.operators.counters[1] > 0, "nobody answered in the same instant: no race seen");
}

#[ignore = "sipp ends before all quitters called: not explained yet"]
#[tokio::test(flavor = "multi_thread")]
async fn three_in_ten_callers_hang_up_while_it_rings() {
    let storm = Storm { patient: 700, quitters: 300, answer_after: 60, ..CALM };
    let after = rage(&storm).await;
    balances(&storm, &after).await;
    assert!(after.quitters.counters[0] > 0, "nobody gave up in time");
}

#[ignore = "sipp cannot take a repeated 401: a telephone of ours must register"]
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_and_reorders_one_in_ten() {
    let weather = Weather { lost: 10, late: 10, seed: 7 };
    let storm = Storm { weather: Some(weather), rate: 8, ..CALM };
    let after = rage(&storm).await;
    assert!(after.lost > 0, "the relay lost nothing");
    balances(&storm, &after).await;
}
