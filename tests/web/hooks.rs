//! Hooks: good and hostile requests of providers.

use std::collections::BTreeMap;
use std::time::Duration;

use navbat::model::{Name, Period};
use navbat::store::JournalLimits;
use navbat::web::Rate;
use serde_json::Value;

use crate::rig::{HOOK_TOKEN, Rig, Wish};

const EVENT: &str = "event=1&call_id=c1&src_num=998901234567&src_type=1&dst_num=201&dst_type=2\
                     &timestamp=1795150800";

async fn stored(rig: &Rig) -> u64 {
    let counts = rig.journal.counts_by_account(navbat::model::Wall(0)).await.unwrap();
    counts.iter().map(|count| count.received).sum()
}

#[tokio::test]
async fn an_event_is_stored_before_it_is_acknowledged_by_get_and_post() {
    let rig = Rig::start().await;
    let sent = rig.http.get(format!("{}?{EVENT}", rig.hook("main"))).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(sent.json::<Value>().await.unwrap()["success"], true);
    assert_eq!(stored(&rig).await, 1);
    let form = rig.http.post(rig.hook("main")).body(EVENT.replace("c1", "c2"));
    let form = form.header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.send().await.unwrap().status(), 200);
    assert_eq!(stored(&rig).await, 2);
}

#[tokio::test]
async fn unknown_account_wrong_token_and_wrong_path_are_one_answer() {
    let rig = Rig::start().await;
    let mut answers = Vec::new();
    for path in [
        format!("/hooks/sipuni/nobody/{HOOK_TOKEN}"),
        String::from("/hooks/sipuni/main/wrong"),
        format!("/hooks/onlinepbx/main/{HOOK_TOKEN}"),
        String::from("/hooks/sipuni/main/no-such-account-00000000000000000"),
    ] {
        let sent = rig.http.post(rig.url(&path)).body(EVENT).send().await.unwrap();
        assert_eq!(sent.status(), 403, "{path}");
        let mut headers: Vec<String> = sent.headers().keys().map(ToString::to_string).collect();
        headers.sort();
        answers.push((headers, sent.text().await.unwrap()));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(stored(&rig).await, 0);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_400_and_kept() {
    let rig = Rig::start().await;
    let json = |body: &'static str| {
        let request = rig.http.post(rig.hook("main")).header("Content-Type", "application/json");
        request.body(body).send()
    };
    assert_eq!(json("{\"event\":").await.unwrap().status(), 400);
    let deep = "[".repeat(40);
    let sent = rig.http.post(rig.hook("main")).header("Content-Type", "application/json");
    assert_eq!(sent.body(deep).send().await.unwrap().status(), 400);
    let sent = rig.http.post(rig.hook("main")).body(vec![0xff, 0xfe, 0xfd]);
    assert_eq!(sent.send().await.unwrap().status(), 400);
    assert_eq!(stored(&rig).await, 3);
    let health: Value = rig.get("admin", "/api/v1/providers").await.json().await.unwrap();
    let main = &health["items"][0];
    assert_eq!((&main["undecodable"], &main["state"]), (&3.into(), &"degraded".into()));
}

#[tokio::test]
async fn an_unknown_event_is_taken_and_counted() {
    let rig = Rig::start().await;
    let url = format!("{}?event=977&call_id=c1", rig.hook("main"));
    assert_eq!(rig.http.get(url).send().await.unwrap().status(), 200);
    assert_eq!(stored(&rig).await, 1);
    let health: Value = rig.get("integrator", "/api/v1/providers").await.json().await.unwrap();
    assert_eq!(health["items"][0]["unknown"], 1);
    let url = health["items"][0]["hook_url"].as_str().unwrap();
    assert_eq!(url, "https://navbat.example.uz/hooks/sipuni/main/***");
}

#[tokio::test]
async fn a_body_over_the_bound_is_413_before_it_is_read() {
    let rig = Rig::start().await;
    let sent = rig.http.post(rig.hook("main")).body(vec![b'x'; 256 * 1024 + 1]).send().await;
    assert_eq!(sent.unwrap().status(), 413);
    let sent = rig.http.post(rig.hook("main")).body(vec![b'='; 256 * 1024]).send().await;
    assert_ne!(sent.unwrap().status(), 413);
}

#[tokio::test]
async fn a_flood_is_429_and_other_accounts_go_on() {
    let rates = BTreeMap::from([(Name::from("flooded"), Rate { per_second: 1, burst: 3 })]);
    let rig = Rig::with(Wish { rates, ..Wish::default() }).await;
    let mut statuses = Vec::new();
    for at in 0..6 {
        let url = format!("{}?event=1&call_id=f{at}", rig.hook("flooded"));
        let sent = rig.http.get(url).send().await.unwrap();
        if sent.status() == 429 {
            let wait: u64 = sent.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!(wait >= 1);
        }
        statuses.push(sent.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    assert_eq!(stored(&rig).await, 3, "nothing of a refused request was taken");
    let sent = rig.http.get(format!("{}?{EVENT}", rig.hook("main"))).send().await.unwrap();
    assert_eq!(sent.status(), 200);
}

#[tokio::test]
async fn storage_that_does_not_answer_is_503() {
    let limits = JournalLimits {
        lock_wait: Period::millis(50),
        answer_within: Period::millis(300),
        ..JournalLimits::default()
    };
    let rig = Rig::with(Wish { limits, ..Wish::default() }).await;
    rig.journal.close().await;
    let sent = rig.http.get(format!("{}?{EVENT}", rig.hook("main"))).send().await.unwrap();
    assert_eq!(sent.status(), 503);
    assert!(sent.headers().contains_key("retry-after"));
    let me = rig.get("admin", "/api/v1/me").await;
    assert_eq!(me.status(), 200, "the rest goes on");
}

#[tokio::test]
async fn health_and_readiness_answer_without_signing_in() {
    let rig = Rig::start().await;
    let sent = rig.http.get(rig.url("/healthz")).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let sent = rig.http.get(rig.url("/readyz")).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let body: Value = sent.json().await.unwrap();
    assert_eq!(
        (&body["ready"], &body["journal"], &body["database"]),
        (&true.into(), &true.into(), &true.into())
    );
}

#[tokio::test]
async fn an_exchange_that_is_silent_costs_the_provider_less_than_a_second() {
    let rig = Rig::with(Wish { deaf: true, ..Wish::default() }).await;
    let url = rig.url(&format!("/hooks/sipuni/main/{HOOK_TOKEN}"));
    let asked = rig.http.get(format!("{url}?from_number=998901234567&label=201")).send();
    let sent = tokio::time::timeout(Duration::from_millis(1500), asked).await.unwrap().unwrap();
    assert_eq!(sent.status(), 200);
}
