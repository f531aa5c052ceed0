//! Calls made from a page: what is asked for has to be readable and the asker's to ask.

use serde_json::{Value, json};

use crate::rig::{CALL_OF_AZIZA, CLIENT, Rig, call_id};

#[tokio::test]
async fn a_number_may_be_typed_or_named_by_its_reference() {
    let rig = Rig::start().await;
    let board: Value = rig.get("aziza", "/api/v1/missed").await.json().await.unwrap();
    assert_eq!(board["items"], json!([]));
    let dial = async |to: &str| {
        let sent = rig.send("aziza", "POST", "/api/v1/dial", Some(json!({ "to": to }))).await;
        sent.status().as_u16()
    };
    for to in [CLIENT, "+998 90 123-45-67", "+998 (90) 1234567"] {
        assert_eq!(dial(to).await, 204, "{to}");
    }
    for to in ["", "901234567;ext=1", "dilnoza", "+99890123456789012", "n_", "sip:x@y"] {
        let status = dial(to).await;
        assert!(matches!(status, 400 | 404), "{to}: {status}");
    }
    let sent = rig.send("supervisor", "POST", "/api/v1/dial", Some(json!({ "to": CLIENT }))).await;
    assert_eq!(sent.status(), 400, "a supervisor has to say whose telephone rings");
    let body = Some(json!({ "to": CLIENT, "operator": "Bobur" }));
    assert_eq!(rig.send("aziza", "POST", "/api/v1/dial", body).await.status(), 404);
}

#[tokio::test]
async fn a_reference_from_a_card_can_be_dialled() {
    let mut rig = Rig::start().await;
    rig.record(crate::rig::made::day()).await;
    let calls: Value = rig.get("aziza", "/api/v1/calls").await.json().await.unwrap();
    let reference = calls["items"][0]["client_e164"]["ref"].as_str().unwrap().to_owned();
    let body = Some(json!({ "to": reference }));
    assert_eq!(rig.send("aziza", "POST", "/api/v1/dial", body).await.status(), 204);
}

#[tokio::test]
async fn a_caller_is_passed_on_to_one_place() {
    let rig = Rig::start().await;
    let path = format!("/api/v1/calls/{}/transfer", call_id(CALL_OF_AZIZA));
    let pass = async |body: Value| rig.send("aziza", "POST", &path, Some(body)).await.status();
    assert_eq!(pass(json!({ "queue": "support" })).await, 204);
    assert_eq!(pass(json!({ "number": "+998901112233" })).await, 204);
    assert_eq!(pass(json!({})).await, 400);
    assert_eq!(pass(json!({ "queue": "support", "operator": "Bobur" })).await, 400);
    assert_eq!(pass(json!({ "by": "Bobur", "queue": "support" })).await, 404);
}

#[tokio::test]
async fn where_a_telephone_is_reached_is_told_to_who_connects_sites() {
    let rig = Rig::start().await;
    for (who, address) in [
        ("aziza", Value::Null),
        ("supervisor", Value::Null),
        ("integrator", json!("192.0.2.7:5060")),
        ("admin", json!("192.0.2.7:5060")),
    ] {
        let row: Value = rig.get(who, "/api/v1/operators/Aziza").await.json().await.unwrap();
        let telephone = &row["telephones"][0];
        assert_eq!(telephone["address"], address, "{who}");
        assert_eq!(telephone["user_agent"], "Yealink SIP-T46S");
        assert_eq!(row["name"], "Aziza");
    }
}
