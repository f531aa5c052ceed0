//! Every endpoint for every role: the table of PRODUCT section 8, written out.

use serde_json::{Value, json};

use crate::rig::{CALL_OF_AZIZA, CALL_OF_BOBUR, Rig, call_id, made};

/// Status for operator Aziza, supervisor, supervisor of `support` only, admin, integrator, wall.
type Row = (&'static str, &'static str, [u16; 6]);

const READERS: [&str; 6] = ["aziza", "supervisor", "scoped", "admin", "integrator", "wallboard"];

const TABLE: &[Row] = &[
    ("GET", "/me", [200, 200, 200, 200, 200, 200]),
    ("GET", "/calls", [200, 200, 200, 200, 200, 403]),
    ("GET", "/calls/A", [200, 200, 404, 200, 200, 403]),
    ("GET", "/calls/B", [404, 200, 200, 200, 200, 403]),
    ("GET", "/calls/A/explain", [200, 200, 404, 200, 200, 403]),
    ("GET", "/calls/none", [404, 404, 404, 404, 404, 403]),
    ("POST", "/calls/A/disposition", [204, 204, 404, 204, 403, 403]),
    ("POST", "/calls/B/disposition", [404, 204, 204, 204, 403, 403]),
    ("GET", "/operators", [200, 200, 200, 200, 200, 403]),
    ("GET", "/presence", [200, 200, 200, 200, 200, 403]),
    ("GET", "/queues", [200, 200, 200, 200, 200, 403]),
    ("PUT", "/presence/Aziza", [204, 204, 404, 204, 403, 403]),
    ("PUT", "/presence/Bobur", [404, 204, 204, 204, 403, 403]),
    ("PUT", "/presence/Nobody", [404, 404, 404, 404, 403, 403]),
    ("GET", "/providers", [403, 200, 200, 200, 200, 403]),
    ("GET", "/missed", [200, 200, 200, 200, 403, 403]),
    ("POST", "/missed/1/assign", [204, 204, 404, 204, 403, 403]),
    ("POST", "/missed/2/assign", [404, 204, 204, 204, 403, 403]),
    ("POST", "/missed/3/assign", [204, 204, 404, 204, 403, 403]),
    ("POST", "/missed/1/close", [204, 204, 404, 204, 403, 403]),
    ("POST", "/missed/2/close", [404, 204, 204, 204, 403, 403]),
    ("GET", "/stats/missed?by=hour", [200, 200, 200, 200, 403, 200]),
    ("GET", "/stats/answered?by=operator", [200, 200, 200, 200, 403, 200]),
    ("GET", "/stats/service-level", [200, 200, 200, 200, 403, 200]),
    ("GET", "/board", [200, 200, 200, 200, 403, 200]),
    ("POST", "/presence/Aziza/end-wrap-up", [204, 204, 404, 204, 403, 403]),
    ("POST", "/presence/Bobur/end-wrap-up", [404, 204, 204, 204, 403, 403]),
    ("POST", "/offers/1/decline", [204, 204, 404, 204, 403, 403]),
    ("POST", "/offers/2/decline", [404, 204, 204, 204, 403, 403]),
    ("POST", "/offers/9/decline", [404, 404, 404, 404, 403, 403]),
    ("POST", "/offers/1/answer", [409, 409, 404, 409, 403, 403]),
    ("POST", "/offers/2/answer", [404, 409, 409, 409, 403, 403]),
    ("POST", "/dial", [204, 204, 404, 204, 403, 403]),
    ("POST", "/calls/A/pickup", [204, 204, 404, 204, 403, 403]),
    ("POST", "/calls/none/pickup", [404, 404, 404, 404, 403, 403]),
    ("POST", "/calls/A/transfer", [204, 204, 404, 204, 403, 403]),
    ("GET", "/operators/Aziza", [200, 200, 404, 200, 200, 403]),
    ("GET", "/operators/Bobur", [404, 200, 200, 200, 200, 403]),
    ("GET", "/admin/operators", [403, 403, 403, 200, 403, 403]),
    ("POST", "/admin/operators", [403, 403, 403, 201, 403, 403]),
    ("PUT", "/admin/operators/Aziza", [403, 403, 403, 200, 403, 403]),
    ("POST", "/admin/operators/Aziza/disable", [403, 403, 403, 200, 403, 403]),
    ("DELETE", "/admin/operators/Aziza", [403, 403, 403, 200, 403, 403]),
    ("GET", "/admin/queues", [403, 403, 403, 200, 200, 403]),
    ("POST", "/admin/queues", [403, 403, 403, 201, 201, 403]),
    ("PUT", "/admin/queues/sales", [403, 403, 403, 200, 200, 403]),
    ("DELETE", "/admin/queues/sales", [403, 403, 403, 200, 200, 403]),
    ("GET", "/outbox", [403, 403, 403, 200, 200, 403]),
    ("GET", "/outbox/none", [403, 403, 403, 404, 404, 403]),
    ("POST", "/outbox/none/retry", [403, 403, 403, 404, 404, 403]),
    ("POST", "/outbox/none/skip", [403, 403, 403, 404, 404, 403]),
    ("POST", "/outbox/none/edit", [403, 403, 403, 404, 403, 403]),
    ("GET", "/admin/crm", [403, 403, 403, 200, 200, 403]),
    ("GET", "/admin/crm/none/dry-run", [403, 403, 403, 404, 404, 403]),
    ("POST", "/admin/crm/none/test", [403, 403, 403, 404, 404, 403]),
    ("POST", "/admin/crm/none/connect", [403, 403, 403, 404, 404, 403]),
    ("POST", "/admin/crm/none/address", [403, 403, 403, 404, 404, 403]),
    ("POST", "/admin/crm/none/message", [403, 403, 403, 404, 404, 403]),
    ("POST", "/admin/reload", [403, 403, 403, 200, 403, 403]),
    ("GET", "/admin/users", [403, 403, 403, 200, 403, 403]),
    ("POST", "/admin/users", [403, 403, 403, 201, 403, 403]),
    ("PUT", "/admin/users/idle", [403, 403, 403, 200, 403, 403]),
    ("POST", "/admin/users/idle/disable", [403, 403, 403, 204, 403, 403]),
    ("DELETE", "/admin/users/bobur", [403, 403, 403, 204, 403, 403]),
    ("POST", "/admin/users/idle/link", [403, 403, 403, 201, 403, 403]),
    ("GET", "/admin/tokens", [403, 403, 403, 200, 403, 403]),
    ("POST", "/admin/tokens", [403, 403, 403, 201, 403, 403]),
    ("DELETE", "/admin/tokens/nothing", [403, 403, 403, 404, 403, 403]),
    ("GET", "/admin/audit", [403, 403, 403, 200, 403, 403]),
];

fn body(method: &str, path: &str, who: &str) -> Option<Value> {
    let owner = if who == "aziza" { json!("Aziza") } else { json!("Bobur") };
    match (method, path) {
        ("GET" | "DELETE", _) => None,
        ("PUT", "/admin/users/idle") => Some(json!({ "role": "supervisor" })),
        ("PUT", path) if path.starts_with("/admin/") => Some(json!({ "settings": {} })),
        ("POST", "/admin/operators" | "/admin/queues") => Some(json!({ "name": "new" })),
        ("PUT", _) => Some(json!({ "intent": { "is": "ready" } })),
        (_, path) if path.ends_with("/disposition") => Some(json!({ "result": "sotildi" })),
        (_, path) if path.ends_with("/assign") => Some(json!({ "owner": owner })),
        (_, path) if path.ends_with("/close") => Some(json!({ "reason": "takror" })),
        (_, path) if path.ends_with("/skip") => Some(json!({ "reason": "takror" })),
        (_, path) if path.ends_with("/edit") => Some(json!({ "body": {} })),
        (_, "/dial") => Some(json!({ "to": "+998901112233", "operator": "Aziza" })),
        (_, path) if path.ends_with("/pickup") => Some(json!({ "operator": "Aziza" })),
        (_, path) if path.ends_with("/transfer") => {
            Some(json!({ "by": "Aziza", "operator": "Bobur" }))
        }
        (_, path) if path.ends_with("/disable") => Some(json!({ "disabled": true })),
        (_, "/admin/users") => Some(json!({ "login": "new", "role": "operator" })),
        (_, "/admin/tokens") => Some(json!({ "name": "new", "role": "admin" })),
        _ => Some(json!({})),
    }
}

#[tokio::test]
async fn every_endpoint_lets_in_whom_the_table_says() {
    let mut rig = Rig::start().await;
    rig.record(made::day()).await;
    let (a, b) = (call_id(CALL_OF_AZIZA).to_string(), call_id(CALL_OF_BOBUR).to_string());
    let mut wrong = Vec::new();
    for (method, path, expected) in TABLE {
        let real = path.replace("/calls/A", &format!("/calls/{a}"));
        let real = format!("/api/v1{}", real.replace("/calls/B", &format!("/calls/{b}")));
        for (who, expected) in READERS.iter().zip(expected) {
            let sent = rig.send(who, method, &real, body(method, path, who)).await;
            if sent.status() != *expected {
                wrong.push(format!("{method} {path} as {who}: {} not {expected}", sent.status()));
            }
        }
        let sent = rig.http.request(method.parse().unwrap(), rig.url(&real));
        let sent = sent.json(&json!({})).send().await.unwrap();
        assert_eq!(sent.status(), 401, "{method} {path} as nobody");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The table above names every endpoint of the description, so a new one cannot be forgotten.
#[tokio::test]
async fn the_table_is_whole() {
    let document = serde_json::to_value(navbat::web::openapi()).unwrap();
    let mut missing = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let open = ["/login", "/logout", "/password", "/events"].contains(&path);
            let named = TABLE
                .iter()
                .any(|(known, row, _)| known.eq_ignore_ascii_case(method) && fits(path, row));
            if !open && !named {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn fits(template: &str, row: &str) -> bool {
    let row = row.split('?').next().unwrap();
    let (template, row): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), row.split('/').collect());
    template.len() == row.len()
        && template.iter().zip(&row).all(|(one, other)| one == other || one.starts_with('{'))
}

#[tokio::test]
async fn lists_hold_only_what_is_the_readers() {
    let mut rig = Rig::start().await;
    rig.record(made::day()).await;
    let count = async |who: &str, path: &str| {
        let body: Value = rig.get(who, path).await.json().await.unwrap();
        body["items"].as_array().unwrap().len()
    };
    assert_eq!(count("aziza", "/api/v1/calls").await, 1);
    assert_eq!(count("idle", "/api/v1/calls").await, 0);
    assert_eq!(count("aziza", "/api/v1/calls?operator=Bobur").await, 0);
    assert_eq!(count("scoped", "/api/v1/calls").await, 1);
    assert_eq!(count("supervisor", "/api/v1/calls").await, 2);
    assert_eq!(count("aziza", "/api/v1/missed").await, 1);
    assert_eq!(count("aziza", "/api/v1/missed?state=unassigned").await, 1);
    assert_eq!(count("bobur", "/api/v1/missed?state=unassigned").await, 0);
    assert_eq!(count("supervisor", "/api/v1/missed?state=all").await, 3);
    assert_eq!(count("scoped", "/api/v1/missed").await, 1);
    assert_eq!(count("scoped", "/api/v1/operators").await, 1);
    assert_eq!(count("scoped", "/api/v1/queues").await, 1);
    let board: Value = rig.get("aziza", "/api/v1/board").await.json().await.unwrap();
    assert_eq!(board["pops"].as_array().unwrap().len(), 1);
    assert_eq!(board["today"]["arrived"], 2);
    assert_eq!(board["today"]["service_level"], 1.0);
}

#[tokio::test]
async fn an_operator_may_not_give_work_to_a_colleague() {
    let mut rig = Rig::start().await;
    rig.record(made::day()).await;
    let body = json!({ "owner": "Bobur" });
    let sent = rig.send("aziza", "POST", "/api/v1/missed/1/assign", Some(body)).await;
    assert_eq!(sent.status(), 403);
}

#[tokio::test]
async fn figures_carry_their_formula_and_add_up() {
    let mut rig = Rig::start().await;
    rig.record(made::day()).await;
    let path = "/api/v1/stats/missed?by=queue&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    let stats: Value = rig.get("supervisor", path).await.json().await.unwrap();
    assert_eq!(stats["attribution"], "enqueue");
    assert!(stats["formula"].as_str().unwrap().contains("missed"));
    assert_eq!(stats["items"].as_array().unwrap().len(), 2);
    assert_eq!(stats["total"]["offered"], 2);
    assert_eq!(stats["total"]["answered"], 2);
    assert_eq!(stats["total"]["abandoned"], 0);
    let path = path.replace("missed?by=queue", "answered?by=operator");
    let stats: Value = rig.get("aziza", &path).await.json().await.unwrap();
    assert_eq!(stats["items"][0]["key"], "Aziza");
    assert_eq!(stats["items"][0]["won"], 1);
    assert_eq!(stats["items"].as_array().unwrap().len(), 1);
}

/// A screen on a wall shows how the providers are, and not where they call or whom they name.
#[tokio::test]
async fn a_wall_sees_the_health_of_the_providers_only() {
    let rig = Rig::start().await;
    let board: Value = rig.get("wallboard", "/api/v1/board").await.json().await.unwrap();
    let providers = board["providers"].as_array().unwrap();
    assert_eq!(providers.len(), 3);
    for one in providers {
        assert!(one["state"].is_string() && one["account"].is_string(), "{one}");
        assert_eq!((&one["hook_url"], &one["unknown_operators"]), (&Value::Null, &json!([])));
    }
    let board: Value = rig.get("supervisor", "/api/v1/board").await.json().await.unwrap();
    assert!(board["providers"][0]["hook_url"].is_string(), "{board}");
}

#[tokio::test]
async fn a_misspelt_filter_is_told() {
    let rig = Rig::start().await;
    for path in [
        "/api/v1/calls?quee=sales",
        "/api/v1/calls?outcome=gone",
        "/api/v1/calls?from=yesterday",
        "/api/v1/calls?cursor=x",
        "/api/v1/missed?state=x",
        "/api/v1/stats/missed?by=colour",
    ] {
        assert_eq!(rig.get("admin", path).await.status(), 400, "{path}");
    }
    assert_eq!(rig.get("admin", "/api/v1/nothing").await.status(), 404);
}
