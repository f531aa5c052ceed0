//! The replies of the contract sheet, byte for byte as `tests/fixtures/crm/amocrm` keeps them.

use std::sync::Arc;

use navbat::app::demo::http::{Reply, Request};
use navbat::connect::crm::AmoUnknown;
use navbat::connect::deliver::{Crm, Outlet, PopTold, Verdict};
use navbat::model::ClientState;
use parking_lot::Mutex;
use serde_json::Value;

use super::amocrm_live::{call, rings};
use super::amocrm_rig::{AZIZA, Rig, Wish, answered, note, number, word};

const CLIENT: &str = "+998901112233";

/// `METHOD path` to status and file; the first that fits answers once, the last one for ever.
type Told = Vec<(&'static str, u16, &'static str)>;

/// Everything that was asked.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// An account that answers from files; whatever it has none for is an empty list.
async fn from_files(told: Told, unknown: AmoUnknown) -> (Rig, Heard) {
    let heard: Heard = Arc::default();
    let (seen, told) = (heard.clone(), Mutex::new(told));
    let router = move |request: &Request| {
        let line = format!("{} {}", request.method, request.path);
        let body = request.json::<Value>().unwrap_or_default();
        let id = body.pointer("/0/request_id").and_then(Value::as_str).unwrap_or_default();
        let id = id.to_owned();
        seen.lock().push((line.clone(), body));
        let mut told = told.lock();
        let Some(at) = told.iter().position(|(own, _, _)| line == *own) else {
            return Reply::empty(204);
        };
        let (own, status, file) = told[at];
        if told.iter().filter(|(other, _, _)| *other == own).count() > 1 {
            told.remove(at);
        }
        let path = format!("{}/tests/fixtures/crm/amocrm/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap().replace("REQUEST", &id);
        let body = text.into_bytes();
        Reply {
            status,
            headers: vec![("content-type", String::from("application/hal+json"))],
            body,
        }
    };
    (Rig::before(Arc::new(router), Wish { unknown, ..Wish::default() }).await, heard)
}

const CALLS: &str = "POST /api/v4/calls";

#[tokio::test]
async fn a_stored_call_is_read_as_it_is_told() {
    let (rig, _) = from_files(vec![(CALLS, 200, "calls.json")], AmoUnknown::Note).await;
    let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
    let Verdict::Done { external: Some(external) } = verdict else { panic!("{verdict:?}") };
    assert_eq!((&external["kind"], &external["id"]), (&"leads".into(), &701.into()));
    assert_eq!(external["call"], 100_001);
}

#[tokio::test]
async fn a_call_of_nobody_becomes_a_note_where_our_own_search_finds_somebody() {
    let told = vec![
        (CALLS, 400, "calls_nobody.json"),
        ("GET /api/v4/contacts", 200, "contacts.json"),
        ("POST /api/v4/contacts/501/notes", 200, "calls.json"),
    ];
    let (rig, heard) = from_files(told, AmoUnknown::Note).await;
    assert_eq!(word(&rig.amo.deliver(&note(&answered(1, CLIENT))).await), "done");
    let heard = heard.lock();
    let (_, body) = heard.iter().find(|(line, _)| line.ends_with("/notes")).unwrap();
    assert_eq!(body[0]["note_type"], "call_in");
}

#[tokio::test]
async fn a_call_of_nobody_becomes_an_unsorted_lead_by_setting() {
    let told = vec![
        (CALLS, 400, "calls_nobody.json"),
        ("POST /api/v4/leads/unsorted/sip", 200, "unsorted.json"),
    ];
    let (rig, heard) = from_files(told, AmoUnknown::Unsorted).await;
    let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
    let Verdict::Done { external: Some(external) } = verdict else { panic!("{verdict:?}") };
    assert_eq!((&external["kind"], &external["id"]), (&"leads".into(), &702.into()));
    let heard = heard.lock();
    let (_, body) = heard.iter().find(|(line, _)| line.ends_with("/sip")).unwrap();
    let metadata = &body[0]["metadata"];
    assert_eq!((&metadata["from"], &metadata["phone"]), (&CLIENT.into(), &CLIENT.into()));
    assert_eq!(heard.iter().filter(|(line, _)| line == CALLS).count(), 1, "the lead is the call");
}

#[tokio::test]
async fn a_refused_user_is_left_out_and_the_call_sent_again() {
    let told = vec![(CALLS, 400, "invalid.json"), (CALLS, 200, "calls.json")];
    let (rig, heard) = from_files(told, AmoUnknown::Note).await;
    assert_eq!(word(&rig.amo.deliver(&note(&answered(1, CLIENT))).await), "done");
    let heard = heard.lock();
    let sent: Vec<&Value> =
        heard.iter().filter(|(line, _)| line == CALLS).map(|(_, body)| &body[0]).collect();
    assert_eq!(
        (&sent[0]["responsible_user_id"], &sent[0]["created_by"]),
        (&AZIZA.into(), &AZIZA.into())
    );
    assert_eq!(
        (&sent[1]["responsible_user_id"], &sent[1]["created_by"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(sent[1]["call_responsible"], "Aziza");
    assert_eq!(sent[0]["uniq"], sent[1]["uniq"]);
}

#[tokio::test]
async fn a_429_is_waited_for_as_long_as_its_body_says() {
    let (rig, _) = from_files(vec![(CALLS, 429, "limited.json")], AmoUnknown::Note).await;
    assert_eq!(word(&rig.amo.deliver(&note(&answered(1, CLIENT))).await), "wait 300");
}

#[tokio::test]
async fn a_contact_is_found_by_a_telephone_that_is_a_number_and_false_hits_are_dropped() {
    let told = vec![("GET /api/v4/contacts", 200, "contacts.json")];
    let (rig, _) = from_files(told, AmoUnknown::Note).await;
    let view = rig.amo.client(&number(CLIENT)).await;
    let ids: Vec<&str> = view.matches.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((view.state, ids), (ClientState::Known, vec!["contact:501"]));
}

#[tokio::test]
async fn a_card_is_sent_in_the_words_of_the_second_version() {
    let (rig, heard) =
        from_files(vec![("POST /api/v2/events", 200, "events.json")], AmoUnknown::Note).await;
    assert_eq!(rig.amo.pop(&rings(call(1), "Aziza")).await, PopTold::Shown);
    let expected = serde_json::json!({
        "add": [{ "type": "phone_call", "phone_number": CLIENT, "users": [AZIZA] }],
    });
    assert_eq!(heard.lock().first().unwrap().1, expected);
}
