//! The power goes in the middle of a call: those who talk go on talking, those who waited are
//! refused and become callback items, and what rang for them stops.

use super::baresip::Baresip;
use super::exchange::{Exchange, LINE, PATIENCE, Wish, telephone};
use super::sipp::{Plan, Sipp, Tally, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_outlives_the_power_and_a_waiting_caller_is_called_back() {
    let trunks = [free_port([127, 0, 0, 11].into()), free_port([127, 0, 0, 12].into())];
    let wish = Wish { strategy: "parallel", trunks: &trunks, trunk: "", queue: "", more: "" };
    let mut exchange = Exchange::open(&wish).await;
    let (user, password) = telephone(0);
    let folder = exchange.folder.path();
    let ip = [127, 0, 0, 26].into();
    let mut phone = Baresip::start(folder, (&user, &password), ip, exchange.sip).await;
    let calling = |name, local| {
        let more = ["-s", LINE, "-m", "1", "-d", "8000", &exchange.sip.to_string()];
        let more = more.map(str::to_owned).to_vec();
        Sipp::start(folder, &Plan { name, scenario: "caller.xml", words: &[], local, more })
    };
    let talks = calling("talks", trunks[0]);
    phone.until("CALL_INCOMING").await;
    phone.tell("accept", "").await;
    phone.until("CALL_ESTABLISHED").await;
    let (user, password) = telephone(1);
    let ip = [127, 0, 0, 27].into();
    let mut rung = Baresip::start(folder, (&user, &password), ip, exchange.sip).await;
    let waits = calling("waits", trunks[1]);
    rung.until("CALL_INCOMING").await;
    // The telephone knows before its 180 has reached the server, which can cancel only after it.
    let rings = |page: &serde_json::Value| {
        page["items"].as_array().unwrap().iter().any(|one| one["work"]["is"] == "ringing")
    };
    exchange.until("/operators", rings).await;

    exchange.crash().await;

    // The caller hears a refusal and the telephone its CANCEL, by the server that came back.
    rung.until("CALL_CLOSED").await;
    let Tally { good, failed, .. } = waits.done(PATIENCE).await;
    assert_eq!((good, failed), (0, 1));

    let called_back = |missed: &serde_json::Value| {
        missed["items"].as_array().is_some_and(|items| items.len() == 1)
    };
    exchange.until("/missed?state=open", called_back).await;
    // The caller hangs up; the other end hears of it through the server that came back.
    phone.until("CALL_CLOSED").await;
    let Tally { good, failed, .. } = talks.done(PATIENCE).await;
    assert_eq!((good, failed), (1, 0));
    let settled = |page: &serde_json::Value| {
        page["items"].as_array().unwrap().iter().all(|call| call["settled"] == true)
    };
    let page = exchange.until("/calls", settled).await;
    let outcomes: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|call| call["outcome"].clone()).collect();
    assert_eq!(outcomes.len(), 2, "{page}");
    assert!(outcomes.contains(&"answered".into()), "{page}");
    assert!(outcomes.contains(&"failed".into()), "{page}");
}
