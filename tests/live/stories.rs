//! Whole stories with telephones that other people wrote.

use std::net::SocketAddr;

use super::baresip::Baresip;
use super::carrier::{Carrier, LOGIN, PASSWORD};
use super::exchange::{Exchange, LINE, PATIENCE, Wish, telephone};
use super::linphone::Linphone;
use super::sipp::{Plan, Sipp, free_port};

fn ip(last: u8) -> std::net::IpAddr {
    [127, 0, 0, last].into()
}

/// One caller who talks for `talk` milliseconds at most.
fn caller(
    exchange: &Exchange,
    from: SocketAddr,
    to: SocketAddr,
    (line, talk): (&str, u32),
) -> Sipp {
    let more = ["-s", line, "-m", "1", "-d", &talk.to_string(), &to.to_string()];
    let plan = Plan {
        name: "story-caller",
        scenario: "caller.xml",
        words: &[],
        local: from,
        more: more.map(str::to_owned).to_vec(),
    };
    Sipp::start(exchange.folder.path(), &plan)
}

/// A client in the city who calls the line over a trunk.
async fn calls(exchange: &Exchange, trunk: SocketAddr) -> Baresip {
    let mut city = Baresip::in_the_city(exchange.folder.path(), trunk, exchange.sip).await;
    city.tell("dial", &format!("sip:{LINE}@{}", exchange.sip)).await;
    city
}

async fn site(trunk: SocketAddr, more: &str) -> Exchange {
    let wish = Wish { strategy: "parallel", trunks: &[trunk], trunk: "", queue: "", more };
    Exchange::open(&wish).await
}

fn login(number: usize) -> (String, String) {
    telephone(number)
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_and_linphone_ring_one_answers_holds_and_hangs_up() {
    let trunk = free_port(ip(11));
    let exchange = site(trunk, "").await;
    let folder = exchange.folder.path();
    let (zero, one) = (login(0), login(1));
    let mut baresip = Baresip::start(folder, (&zero.0, &zero.1), ip(21), exchange.sip).await;
    let mut linphone = Linphone::start(folder, (&one.0, &one.1), exchange.sip).await;
    let mut city = calls(&exchange, trunk).await;
    linphone.until("LinphoneCallIncomingReceived").await;
    baresip.until("CALL_INCOMING").await;
    baresip.tell("accept", "").await;
    baresip.until("CALL_ESTABLISHED").await;
    linphone.until("LinphoneCallEnd").await;
    let talking =
        |board: &serde_json::Value| {
            board["operators"].as_array().unwrap().iter().any(|operator| {
                operator["name"] == "Operator 0" && operator["work"]["is"] == "talking"
            })
        };
    exchange.until("/board", talking).await;
    baresip.tell("hold", "").await;
    let held = |call: &serde_json::Value| call["items"][0]["answered_by"] == "Operator 0";
    exchange.until("/calls", held).await;
    baresip.tell("resume", "").await;
    baresip.tell("hangup", "").await;
    let over = |page: &serde_json::Value| {
        page["items"][0]["settled"] == true && page["items"][0]["outcome"] == "answered"
    };
    let page = exchange.until("/calls", over).await;
    assert_eq!(page["items"][0]["handled_by"], serde_json::json!(["Operator 0"]), "{page}");
    city.until("CALL_CLOSED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_transfer_takes_the_caller_to_a_colleague() {
    let trunk = free_port(ip(11));
    let exchange = site(trunk, "").await;
    let folder = exchange.folder.path();
    let (zero, one) = (login(0), login(1));
    let mut first = Baresip::start(folder, (&zero.0, &zero.1), ip(22), exchange.sip).await;
    let mut city = calls(&exchange, trunk).await;
    first.until("CALL_INCOMING").await;
    first.tell("accept", "").await;
    first.until("CALL_ESTABLISHED").await;
    let mut second = Baresip::start(folder, (&one.0, &one.1), ip(23), exchange.sip).await;
    first.tell("transfer", &format!("sip:{}@navbat.test", one.0)).await;
    second.until("CALL_INCOMING").await;
    second.tell("accept", "").await;
    second.until("CALL_ESTABLISHED").await;
    first.until("CALL_CLOSED").await;
    second.tell("hangup", "").await;
    let over = |page: &serde_json::Value| page["items"][0]["settled"] == true;
    let page = exchange.until("/calls", over).await;
    let call = &page["items"][0];
    assert_eq!(call["answered_by"], "Operator 0", "{call}");
    assert_eq!(call["handled_by"], serde_json::json!(["Operator 0", "Operator 1"]), "{call}");
    city.until("CALL_CLOSED").await;
}

fn behind(carrier: &Carrier) -> String {
    format!(
        "[[trunk]]\nname = \"carrier\"\nhost = \"{}\"\nport = {}\nauth = \"register\"\n\
         login = \"{LOGIN}\"\npassword = \"{PASSWORD}\"\nfrom_domain = \"carrier.test\"\n\
         lines = [\"{LINE}\"]\nqueue = \"sales\"\n",
        carrier.address.ip(),
        carrier.address.port(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_challenges_brings_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = Carrier::start(folder.path());
    let exchange = site(free_port(ip(11)), &behind(&carrier)).await;
    let zero = login(0);
    let mut phone =
        Baresip::start(exchange.folder.path(), (&zero.0, &zero.1), ip(24), exchange.sip).await;
    let up = |providers: &serde_json::Value| {
        let items = providers["items"].as_array().unwrap();
        items.iter().any(|it| it["account"] == "carrier" && it["state"] == "ok")
    };
    exchange.until("/providers", up).await;
    let calling = caller(&exchange, carrier.city, carrier.address, (LOGIN, 300));
    phone.until("CALL_INCOMING").await;
    phone.tell("accept", "").await;
    phone.until("CALL_ESTABLISHED").await;
    phone.until("CALL_CLOSED").await;
    let tally = calling.done(PATIENCE).await;
    assert_eq!((tally.good, tally.failed), (1, 0));
    let over = |page: &serde_json::Value| page["items"][0]["settled"] == true;
    let page = exchange.until("/calls", over).await;
    assert_eq!(page["items"][0]["answered_by"], "Operator 0", "{page}");
    assert_eq!(page["items"][0]["account"], "carrier", "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_calls_the_city_through_a_carrier_that_challenges() {
    let folder = tempfile::tempdir().unwrap();
    let carrier = Carrier::start(folder.path());
    let more = format!(
        "{}[[operator]]\nname = \"Caller\"\nready = \"always\"\n\
         sip = {{ user = \"out\", password = \"secret-of-out\" }}\n\
         dial = {{ prefixes = [\"+998\"], calls_max = 1, per_minute = 10, per_day = 200 }}\n",
        behind(&carrier)
    );
    let exchange = site(free_port(ip(11)), &more).await;
    let out = ("out", "secret-of-out");
    let mut phone = Baresip::start(exchange.folder.path(), out, ip(25), exchange.sip).await;
    let plan = Plan {
        name: "city",
        scenario: "operator.xml",
        words: &[("ANSWER_MS", String::from("100"))],
        local: carrier.city,
        more: vec![String::from("-m"), String::from("1")],
    };
    let city = Sipp::start(exchange.folder.path(), &plan);
    phone.tell("dial", "sip:+998901112233@navbat.test").await;
    phone.until("CALL_ESTABLISHED").await;
    phone.tell("hangup", "").await;
    phone.until("CALL_CLOSED").await;
    let tally = city.done(PATIENCE).await;
    assert_eq!((tally.good, tally.failed), (1, 0), "{tally:?}");
    let over = |page: &serde_json::Value| page["items"][0]["settled"] == true;
    let page = exchange.until("/calls", over).await;
    let call = &page["items"][0];
    assert_eq!(call["direction"], "out", "{call}");
    assert_eq!(call["placed_by"], "Caller", "{call}");
    phone.tell("dial", "sip:+79161234567@navbat.test").await;
    let closed = phone.until("CALL_CLOSED").await;
    assert!(closed["param"].as_str().unwrap_or("").contains("403"), "not allowed: {closed}");
}
