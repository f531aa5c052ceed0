//! One number everywhere: who may not see it never gets its hidden digits, on any endpoint, in
//! any event, however a provider wrote it.

use std::collections::BTreeSet;

use navbat::model::Wall;
use navbat::store::{NewRequest, Verdict};
use serde_json::{Value, json};

use crate::rig::{CALL_OF_AZIZA, CLIENT, HOOK_TOKEN, Rig, Stream, call_id, lives, made};

/// Roles that see no whole number.
const MASKED: [&str; 3] = ["aziza", "integrator", "wallboard"];

/// The five hidden digits of the fixture, and every text that holds them.
fn shows(text: &str) -> bool {
    let folded = text.replace(['-', '(', ')', ' '], "").replace("%20", "");
    folded.contains("12345")
}

async fn seed(rig: &mut Rig) {
    rig.record(made::day()).await;
    let body = format!(
        "{{\"src\":\"{CLIENT}\",\"pretty\":\"+998 90 123-45-67\",\"short\":\"1234567\",\
         \"token\":\"{HOOK_TOKEN}\",\"rec\":\"https://x/998901234567.mp3\"}}"
    );
    let request = NewRequest {
        account: "main".into(),
        provider: String::from("sipuni"),
        received: Wall(1),
        method: String::from("POST"),
        path: String::from("/hooks/sipuni/main/***"),
        query: String::from("src=998901234567&from=90%20123%2045%2067"),
        headers: Vec::new(),
        body: body.into_bytes(),
        fingerprint: None,
        verdict: Verdict::Facts,
        kind: String::from("1"),
        keys: vec![String::from("call-Aziza")],
        retold: false,
    };
    rig.journal.take(request).await.unwrap();
}

#[tokio::test]
async fn hidden_digits_never_appear_on_any_endpoint() {
    let mut rig = Rig::start().await;
    seed(&mut rig).await;
    let id = call_id(CALL_OF_AZIZA);
    let mut paths: BTreeSet<String> = [
        "/calls?limit=50",
        "/missed?state=all",
        "/missed?state=unassigned",
        "/stats/answered?by=operator&from=2026-11-20T00:00:00Z",
        "/stats/missed?by=reason&from=2026-11-20T00:00:00Z",
    ]
    .map(String::from)
    .into();
    paths.insert(format!("/calls/{id}"));
    paths.insert(format!("/calls/{id}/explain"));
    let document = serde_json::to_value(navbat::web::openapi()).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        if methods.get("get").is_some() && !path.contains("/events") && !path.contains('{') {
            paths.insert(path.strip_prefix("/api/v1").unwrap().to_owned());
        }
    }
    for who in MASKED {
        let mut answered = 0;
        for path in &paths {
            let sent = rig.get(who, &format!("/api/v1{path}")).await;
            answered += usize::from(sent.status() == 200);
            let headers = format!("{:?}", sent.headers());
            let text = sent.text().await.unwrap();
            assert!(!shows(&text) && !shows(&headers), "{who} {path}: {text}");
            assert!(!text.contains(HOOK_TOKEN), "{who} {path}");
        }
        assert!(answered >= 4, "{who} saw only {answered} endpoints");
    }
    let whole = rig.get("supervisor", &format!("/api/v1/calls/{id}")).await.text().await.unwrap();
    assert!(shows(&whole), "a supervisor sees the number");
    assert!(!whole.contains(HOOK_TOKEN), "and no secret");
}

#[tokio::test]
async fn hidden_digits_never_appear_on_a_stream() {
    let rig = Rig::start().await;
    for who in MASKED {
        let mut stream = Stream::open(&rig, who, None).await;
        assert_eq!(stream.next().await.unwrap().1, "hello");
        for live in lives() {
            rig.hub.publish(live);
        }
        let mut seen = Vec::new();
        while seen.last().map(String::as_str) != Some("queue") {
            let (_, event, data) = stream.next().await.unwrap();
            assert!(!shows(&data), "{who} {event}: {data}");
            seen.push(event);
        }
    }
}

#[tokio::test]
async fn a_reference_stands_for_the_number_and_the_number_is_no_filter_for_the_masked() {
    let mut rig = Rig::start().await;
    seed(&mut rig).await;
    let list: Value = rig.get("aziza", "/api/v1/calls").await.json().await.unwrap();
    let client = &list["items"][0]["client_e164"];
    assert_eq!(client["display"], "+998 90 ••• •• 67");
    let reference = client["ref"].as_str().unwrap();
    assert!(reference.starts_with("n_"));
    let path = format!("/api/v1/calls?client={reference}");
    let list: Value = rig.get("aziza", &path).await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let path = "/api/v1/calls?client=%2B998901234567";
    assert_eq!(rig.get("aziza", path).await.status(), 400, "else it could be guessed");
    let list: Value = rig.get("supervisor", path).await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(list["items"][0]["client_e164"], CLIENT);
    assert_eq!(rig.get("aziza", "/api/v1/calls?client=n_0").await.status(), 404);
}

#[tokio::test]
async fn a_call_has_the_fields_of_the_product_paper() {
    let mut rig = Rig::start().await;
    seed(&mut rig).await;
    let id = call_id(CALL_OF_AZIZA);
    let detail: Value =
        rig.get("admin", &format!("/api/v1/calls/{id}")).await.json().await.unwrap();
    let call = &detail["call"];
    assert_eq!(call["talk_seconds"], json!(41.8));
    assert_eq!(call["started_at"], "2026-11-20T05:00:00.000Z");
    assert_eq!(call["placed_by"], Value::Null);
    for field in [
        "id",
        "call_key",
        "provider",
        "account",
        "authority",
        "direction",
        "client_e164",
        "line_e164",
        "queue",
        "rung",
        "answered_by",
        "handled_by",
        "placed_by",
        "missed",
        "talk_seconds",
        "ring_seconds",
        "wait_seconds",
        "disposition",
        "outcome",
        "recording_url",
        "started_at",
        "ended_at",
        "settled",
        "client_kind",
    ] {
        assert!(call.get(field).is_some(), "{field}");
    }
    assert_eq!(detail["raw"].as_array().unwrap().len(), 1);
    assert_eq!(detail["decisions"][0]["members"][1]["reasons"], json!(["on_break"]));
    let path = format!("/api/v1/calls/{id}/explain?lang=en");
    let told: Value = rig.get("aziza", &path).await.json().await.unwrap();
    let text = told.to_string();
    assert!(text.contains("Not chosen in round 1: Bobur. Why: on a break."), "{text}");
    assert!(text.contains("decision:7/1"), "{text}");
}
