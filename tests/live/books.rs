//! Whether the books balance: what the telephones counted against what the API tells, and
//! nothing left over.

use serde_json::Value;

use super::exchange::Exchange;

/// The calls of a run by what became of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Books {
    pub answered: usize,
    pub abandoned: usize,
    pub other: Vec<String>,
}

/// Waits until every call is settled and adds them up.
pub async fn books(exchange: &Exchange, calls: usize) -> Books {
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
    exchange.until("/calls?limit=1", |page| page["items"][0]["settled"] == true).await;
    let listed = exchange.calls().await;
    assert_eq!(listed.len(), calls, "every call is listed once");
    let mut books = Books::default();
    for call in &listed {
        assert_eq!(call["settled"], true, "{call}");
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

/// Nothing is left in the server: no leg, no dialog, and no transaction but the question whether
/// each of the two carriers lives, which nobody answers any more.
pub async fn nothing_left(exchange: &Exchange) {
    const PROBES: f64 = 2.0;
    let deadline = tokio::time::Instant::now() + super::exchange::PATIENCE;
    let mut look = tokio::time::interval(std::time::Duration::from_millis(200));
    loop {
        look.tick().await;
        let mut left = Vec::new();
        let bounds = [
            ("navbat_sip_legs_open", 0.0),
            ("navbat_sip_sessions", 0.0),
            ("navbat_sip_transactions", PROBES),
        ];
        for (name, bound) in bounds {
            left.push((name, exchange.figure(name).await, bound));
        }
        if left.iter().all(|(_, count, bound)| count <= bound) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "left over: {left:?}");
    }
}
