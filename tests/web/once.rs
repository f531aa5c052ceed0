//! Actions with a key: once, whatever is repeated, at the same moment or after a restart.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rig::{Rig, token_of};

const PATH: &str = "/api/v1/admin/tokens";

async fn make(rig: &Rig, name: &str, key: &str) -> (u16, Value) {
    let request = rig.http.post(rig.url(PATH)).bearer_auth(token_of("admin"));
    let body = json!({ "name": name, "role": "integrator" });
    let sent = request.header("Idempotency-Key", key).json(&body).send().await.unwrap();
    (sent.status().as_u16(), sent.json().await.unwrap())
}

#[tokio::test]
async fn of_many_at_the_same_moment_one_acts_and_all_get_its_answer() {
    let rig = Rig::start().await;
    let all = futures_util::future::join_all((0..16).map(|_| make(&rig, "grafana", "k"))).await;
    assert_eq!(all[0].0, 201, "{:?}", all[0]);
    assert!(all.iter().all(|one| *one == all[0]));
    let (status, said) = make(&rig, "other", "k").await;
    assert_eq!((status, &said["error"]["code"]), (422, &json!("key_reused")));
    assert_eq!(make(&rig, "grafana", "k2").await.0, 409, "without its key it is another action");
}

/// What a server left behind that ended: an answer, or a key without one.
#[tokio::test]
async fn a_key_of_the_life_before_is_answered_from_the_database() {
    let rig = Rig::start().await;
    let body = json!({ "name": "grafana", "role": "integrator" }).to_string();
    let mut hash = Sha256::new();
    hash.update(format!("POST {PATH}\n"));
    hash.update(&body);
    let request: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let (login, now) = ("token:admin".into(), rig.now().wall);
    rig.store.once(&login, "done", &request, now).await.unwrap();
    rig.store.answer_once(&login, "done", 201, "{\"done\":true}").await.unwrap();
    rig.store.once(&login, "cut-off", &request, now).await.unwrap();
    assert_eq!(make(&rig, "grafana", "done").await, (201, json!({ "done": true })));
    let (status, said) = make(&rig, "grafana", "cut-off").await;
    assert_eq!(status, 409, "{said}");
    assert!(said["error"]["message"].as_str().unwrap().contains("look whether"), "{said}");
    assert_eq!(
        rig.store.tokens().await.unwrap().iter().filter(|it| it.name.as_str() == "grafana").count(),
        0
    );

    // A secret is not kept there: the answer of a repeat after a restart says so.
    assert_eq!(make(&rig, "grafana", "secret").await.0, 201);
    let kept = rig.store.once(&login, "secret", &request, now).await.unwrap();
    let navbat::store::Once::Answered { status, body } = kept else { panic!("{kept:?}") };
    assert!(status == 409 && body.contains("shown once"), "{status} {body}");
}

#[tokio::test]
async fn who_is_not_let_in_takes_no_key_and_a_failure_may_be_tried_again() {
    let rig = Rig::start().await;
    let path = "/api/v1/presence/Aziza";
    let put = |who: Option<&str>, key: &str| {
        let request = rig.http.put(rig.url(path)).header("Idempotency-Key", key);
        let request = match who {
            Some(who) => request.bearer_auth(token_of(who)),
            None => request,
        };
        request.json(&json!({ "intent": { "is": "ready" } })).send()
    };
    assert_eq!(put(None, "k").await.unwrap().status(), 401);
    assert_eq!(put(Some("wallboard"), "k").await.unwrap().status(), 403);
    let login = "token:wallboard".into();
    let kept = rig.store.once(&login, "k", "other", rig.now().wall).await.unwrap();
    assert_eq!(kept, navbat::store::Once::First, "a refusal is not kept");
    assert_eq!(put(Some("admin"), "k").await.unwrap().status(), 204);
    assert_eq!(put(Some("admin"), &"k".repeat(129)).await.unwrap().status(), 400);
}
