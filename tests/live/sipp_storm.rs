//! A thousand calls of a sipp through five sipps: exactly one operator up in each, every loser
//! cancelled or hung up, nothing left over, books that balance.

use std::time::Duration;

use super::books::{Books, books, nothing_left};
use super::exchange::{Exchange, LINE, OPERATORS, Wish, telephone};
use super::sipp::{Plan, Sipp, Tally, complaints, free_port, register};

/// A run may take so long.
const RUN_MAX: Duration = Duration::from_secs(300);
const CALLS: u64 = 1000;
/// Calls in a second.
const RATE: u32 = 20;
/// Milliseconds of ringing and of talking.
const RING: u32 = 20;
const TALK: u32 = 60;

/// Lets the calls come and holds what all counted against each other and against the API.
async fn rage(strategy: &str) -> Exchange {
    let carrier = free_port([127, 0, 0, 11].into());
    let trunks = [carrier];
    let wish = Wish { strategy, trunks: &trunks, trunk: "", queue: "", more: "" };
    let exchange = Exchange::open(&wish).await;
    let folder = exchange.folder.path();
    let mut telephones = Vec::new();
    for number in 0..OPERATORS {
        let local = free_port([127, 0, 0, 20].into());
        let (user, password) = telephone(number);
        register(folder, (&user, &password), local, exchange.sip).await;
        let plan = Plan {
            name: &user,
            scenario: "operator.xml",
            words: &[("ANSWER_MS", RING.to_string())],
            local,
            // It has no step for a CANCEL that comes while it is about to answer, and would give
            // the call up; so it overhears that one and takes the copy.
            more: ["-default_behaviors", "all,-abortunexp"].map(str::to_owned).to_vec(),
        };
        telephones.push(Sipp::start(folder, &plan));
    }
    let ready = |board: &serde_json::Value| {
        let operators = board["operators"].as_array().unwrap();
        operators.iter().all(|operator| operator["reach"] == "reachable")
    };
    exchange.until("/board", ready).await;
    let (count, rate, talk) = (CALLS.to_string(), RATE.to_string(), TALK.to_string());
    let server = exchange.sip.to_string();
    let more = ["-s", LINE, "-m", &count, "-r", &rate, "-d", &talk, &server];
    let more = more.map(str::to_owned).to_vec();
    let plan = Plan { name: "caller", scenario: "caller.xml", words: &[], local: carrier, more };
    let callers = Sipp::start(folder, &plan).done(RUN_MAX).await;
    let mut operators = Tally::default();
    for telephone in telephones {
        let one = telephone.finish().await;
        operators.good += one.good;
        operators.failed += one.failed;
        for (sum, count) in operators.counters.iter_mut().zip(one.counters) {
            *sum += count;
        }
    }
    assert_eq!((callers.good, callers.failed), (CALLS, 0), "callers: {}", complaints(folder));
    let said = complaints(folder);
    assert_eq!(operators.failed, 0, "a telephone did not expect that: {operators:?}\n{said}");
    let [acknowledged, beaten, _cancelled] = operators.counters;
    assert_eq!(acknowledged - beaten, CALLS, "exactly one operator up in each call");
    let calls = usize::try_from(CALLS).unwrap();
    let told = books(&exchange, calls).await;
    assert_eq!(told, Books { answered: calls, ..Books::default() });
    // The one carrier is asked whether it lives, and is gone.
    nothing_left(&exchange, 1).await;
    exchange
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_ring_all_a_thousand_times() {
    rage("parallel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sipp_round_robin_a_thousand_times_gives_everybody_the_same() {
    let exchange = rage("round-robin").await;
    let operators = exchange.api("/stats/answered?by=operator").await;
    let won: Vec<u64> = operators["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["won"].as_u64().unwrap())
        .collect();
    assert_eq!(won.len(), OPERATORS, "{operators}");
    assert_eq!(won.iter().sum::<u64>(), CALLS, "{operators}");
    let (least, most) = (won.iter().min().unwrap(), won.iter().max().unwrap());
    assert!(most - least <= 20, "whose turn it is decides: {won:?}");
}
