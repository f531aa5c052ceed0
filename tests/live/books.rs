//! Whether the books balance: what callers and telephones saw against what the API tells, and
//! nothing left over.

use serde_json::Value;

use super::callers::number_of;
use super::exchange::{Exchange, PATIENCE};
use super::ledger::{Ledger, Verdict};

/// The calls of a run by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub answered: usize,
    pub abandoned: usize,
    pub other: Vec<String>,
}

/// Waits until every call is settled and every operator idle; the calls.
async fn settled(exchange: &Exchange, calls: usize) -> Vec<Value> {
    let open = |board: &Value| {
        let busy = board["operators"]
            .as_array()
            .unwrap()
            .iter()
            .any(|operator| operator["work"]["is"] != "idle");
        let waiting = board["queues"].as_array().unwrap().iter().any(|queue| queue["waiting"] != 0);
        busy || waiting
    };
    exchange.until("/board", |board| !open(board)).await;
    // The database follows the journal by a second, and the call that came last may not be the
    // last to settle.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(std::time::Duration::from_millis(500));
    loop {
        look.tick().await;
        let listed = exchange.calls().await;
        let open = listed.iter().find(|call| call["settled"] != true);
        if listed.len() == calls && open.is_none() {
            return listed;
        }
        let late = tokio::time::Instant::now() > deadline;
        assert!(!late, "{} of {calls} calls are listed; not settled: {open:?}", listed.len());
    }
}

/// Waits until every call is settled and adds them up.
pub async fn books(exchange: &Exchange, calls: usize) -> Books {
    let mut books = Books::default();
    for call in settled(exchange, calls).await {
        match call["outcome"].as_str() {
            Some("answered") => {
                assert!(call["answered_by"].is_string(), "{call}");
                assert_eq!(call["handled_by"].as_array().unwrap().len(), 1, "{call}");
                books.answered += 1;
            }
            Some("abandoned" | "abandoned_short") => {
                assert!(call["answered_by"].is_null(), "{call}");
                books.abandoned += 1;
            }
            _ => books.other.push(call.to_string()),
        }
    }
    books
}

/// Holds each call of the API to what its caller and the telephones saw: the same operator had
/// the same caller, and who gave up was answered by nobody. Fails with the whole story of every
/// call that the two tell differently.
pub async fn agree(exchange: &Exchange, calls: u32, verdict: &Verdict, ledger: &Ledger) {
    let listed = settled(exchange, usize::try_from(calls).unwrap()).await;
    let mut wrong = Vec::new();
    for client in 0..calls {
        let number = number_of(client);
        let mut own = listed.iter().filter(|call| call["client_e164"] == number.as_str());
        let call = own.next().unwrap_or_else(|| panic!("{number} is not listed"));
        assert!(own.next().is_none(), "{number} is listed twice");
        let same = match verdict.won.get(&client) {
            Some(telephone) => {
                let name = format!("Operator {telephone}");
                call["outcome"] == "answered"
                    && call["answered_by"] == name.as_str()
                    && call["handled_by"] == serde_json::json!([name])
            }
            None => {
                let outcome = call["outcome"].as_str().unwrap_or_default();
                matches!(outcome, "abandoned" | "abandoned_short") && call["answered_by"].is_null()
            }
        };
        if !same {
            wrong.push(format!("client {client}: {call}\n{}", ledger.story(client)));
        }
    }
    assert!(wrong.is_empty(), "{} calls differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Nothing is left in the server: no call, no leg, no dialog, and no transaction but `probes`,
/// the questions whether a carrier lives that sipp does not answer.
pub async fn nothing_left(exchange: &Exchange, probes: u32) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        look.tick().await;
        let mut left = Vec::new();
        let bounds = [
            ("navbat_calls_open", 0),
            ("navbat_trunk_calls", 0),
            ("navbat_sip_legs_open", 0),
            ("navbat_sip_sessions", 0),
            ("navbat_sip_transactions", probes),
        ];
        for (name, bound) in bounds {
            left.push((name, exchange.figure(name).await, f64::from(bound)));
        }
        if left.iter().all(|(_, count, bound)| count <= bound) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "left over: {left:?}");
    }
}
