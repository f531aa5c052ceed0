//! Signing in and out: links, passwords, cookies, CSRF, guessing, ends of sessions.

use serde_json::{Value, json};

use crate::rig::{PASSWORD, Rig, Wish, token_of};

async fn login(rig: &Rig, login: &str, password: &str) -> reqwest::Response {
    let body = json!({ "login": login, "password": password });
    rig.http.post(rig.url("/api/v1/login")).json(&body).send().await.unwrap()
}

async fn me(rig: &Rig, cookie: &str) -> u16 {
    let request = rig.http.get(rig.url("/api/v1/me")).header("Cookie", cookie);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_the_password_signs_in() {
    let rig = Rig::start().await;
    let (cookie, _) = rig.sign_in("aziza", "operator").await;
    assert!(cookie.starts_with("navbat_session="));

    let sent = login(&rig, "aziza", PASSWORD).await;
    assert_eq!(sent.status(), 200);
    let set = sent.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "loopback goes without: {set}");
    let me: Value = sent.json().await.unwrap();
    assert_eq!(me["role"], "operator");
    assert_eq!(me["operator"], "Aziza");
    assert_eq!(me["queues"], json!(["sales"]));
    assert_eq!(me["timezone"], "Asia/Tashkent");
    assert!(me["csrf"].as_str().unwrap().len() >= 32);
}

#[tokio::test]
async fn wrong_password_and_unknown_login_get_the_same_answer() {
    let rig = Rig::start().await;
    rig.sign_in("aziza", "operator").await;
    let wrong = login(&rig, "aziza", "something else 1").await;
    let unknown = login(&rig, "nobody-here", "something else 1").await;
    assert_eq!((wrong.status().as_u16(), unknown.status().as_u16()), (401, 401));
    let (wrong, unknown): (Value, Value) =
        (wrong.json().await.unwrap(), unknown.json().await.unwrap());
    assert_eq!(wrong["error"]["code"], "wrong_password");
    assert_eq!(wrong["error"]["message"], unknown["error"]["message"]);
    assert_eq!(wrong["error"]["trace"].as_str().unwrap().len(), 12);
}

#[tokio::test]
async fn the_tenth_failure_bars_the_address_for_ten_minutes() {
    let rig = Rig::start().await;
    rig.sign_in("aziza", "operator").await;
    for _ in 0..10 {
        assert_eq!(login(&rig, "nobody-here", "something else 1").await.status(), 401);
    }
    let barred = login(&rig, "aziza", PASSWORD).await;
    assert_eq!(barred.status(), 429);
    assert!(barred.headers().contains_key("retry-after"));
    rig.pass(10 * 60_000 + 1);
    assert_eq!(login(&rig, "aziza", PASSWORD).await.status(), 200);
}

#[tokio::test]
async fn a_change_over_a_cookie_needs_the_csrf_token() {
    let rig = Rig::start().await;
    let (cookie, csrf) = rig.sign_in("aziza", "operator").await;
    let put = |csrf: Option<String>| {
        let body = json!({ "intent": { "is": "break", "reason": "choy" } });
        let request = rig.http.put(rig.url("/api/v1/presence/Aziza")).json(&body);
        let request = request.header("Cookie", &cookie);
        match csrf {
            Some(csrf) => request.header("X-CSRF-Token", csrf).send(),
            None => request.send(),
        }
    };
    assert_eq!(put(None).await.unwrap().status(), 403);
    assert_eq!(put(Some(String::from("x"))).await.unwrap().status(), 403);
    assert_eq!(put(Some(csrf)).await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_session_ends_by_logout_idleness_and_age() {
    let rig = Rig::start().await;
    let (cookie, csrf) = rig.sign_in("aziza", "operator").await;
    assert_eq!(me(&rig, &cookie).await, 200);
    let out = rig.http.post(rig.url("/api/v1/logout")).header("Cookie", &cookie);
    assert_eq!(out.header("X-CSRF-Token", csrf).send().await.unwrap().status(), 204);
    assert_eq!(me(&rig, &cookie).await, 401);

    let (cookie, _) = rig.sign_in("aziza", "operator").await;
    rig.pass(30 * 60_000 + 1);
    assert_eq!(me(&rig, &cookie).await, 401, "idle for more than 30 minutes");

    let (cookie, _) = rig.sign_in("aziza", "operator").await;
    for _ in 0..35 {
        rig.pass(20 * 60_000);
        assert_eq!(me(&rig, &cookie).await, 200);
    }
    rig.pass(20 * 60_000);
    assert_eq!(me(&rig, &cookie).await, 401, "older than 12 hours");
}

#[tokio::test]
async fn a_disabled_person_and_a_revoked_token_are_out_at_once() {
    let rig = Rig::start().await;
    let (cookie, _) = rig.sign_in("bobur", "operator").await;
    let path = "/api/v1/admin/users/bobur/disable";
    let sent = rig.send("admin", "POST", path, Some(json!({ "disabled": true }))).await;
    assert_eq!(sent.status(), 204);
    assert_eq!(me(&rig, &cookie).await, 401);
    assert_eq!(login(&rig, "bobur", PASSWORD).await.status(), 401);

    assert_eq!(rig.get("integrator", "/api/v1/me").await.status(), 200);
    let sent = rig.send("admin", "DELETE", "/api/v1/admin/tokens/integrator", None).await;
    assert_eq!(sent.status(), 204);
    assert_eq!(rig.get("integrator", "/api/v1/me").await.status(), 401);
}

#[tokio::test]
async fn a_change_of_role_ends_a_session_within_ten_seconds() {
    let rig = Rig::start().await;
    let (cookie, _) = rig.sign_in("aziza", "operator").await;
    let mut person = rig.store.person("aziza").await.unwrap().unwrap();
    person.role = String::from("wallboard");
    rig.store.save_person(&person).await.unwrap();
    rig.pass(10_001);
    assert_eq!(me(&rig, &cookie).await, 200, "the request that finds out is the last");
    assert_eq!(me(&rig, &cookie).await, 401);
}

#[tokio::test]
async fn a_used_link_is_dead_and_a_short_password_uses_none_up() {
    let rig = Rig::start().await;
    let made = rig.send("admin", "POST", "/api/v1/admin/users/aziza/link", Some(json!({}))).await;
    let made: Value = made.json().await.unwrap();
    let token = made["link"].as_str().unwrap().split_once('#').unwrap().1.to_owned();
    let set = |password: &str| {
        let body = json!({ "token": token, "password": password });
        rig.http.post(rig.url("/api/v1/password")).json(&body).send()
    };
    assert_eq!(set("short").await.unwrap().status(), 400);
    assert_eq!(set(PASSWORD).await.unwrap().status(), 200);
    assert_eq!(set(PASSWORD).await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_token_of_nobody_and_no_token_are_not_signed_in() {
    let rig = Rig::start().await;
    assert_eq!(rig.http.get(rig.url("/api/v1/me")).send().await.unwrap().status(), 401);
    let sent = rig.http.get(rig.url("/api/v1/me")).bearer_auth("x").send().await.unwrap();
    assert_eq!(sent.status(), 401);
    let sent = rig.http.get(rig.url("/api/v1/me")).bearer_auth(token_of("admin"));
    assert_eq!(sent.send().await.unwrap().status(), 200);
}

/// A proxy that is believed says who asks and how; nobody else can.
#[tokio::test]
async fn passwords_travel_only_encrypted_or_on_this_machine() {
    let wish = Wish { proxies: vec![[127, 0, 0, 1].into()], ..Wish::default() };
    let rig = Rig::with(wish).await;
    rig.sign_in("aziza", "operator").await;
    let body = json!({ "login": "aziza", "password": PASSWORD });
    let from = |address: &'static str, scheme: &'static str| {
        let request = rig.http.post(rig.url("/api/v1/login")).json(&body);
        request.header("X-Forwarded-For", address).header("X-Forwarded-Proto", scheme).send()
    };
    let open = from("203.0.113.7", "http").await.unwrap();
    assert_eq!(open.status(), 403);
    assert_eq!(open.json::<Value>().await.unwrap()["error"]["code"], "plain_http");
    let safe = from("203.0.113.7", "https").await.unwrap();
    assert_eq!(safe.status(), 200);
    assert!(safe.headers()["set-cookie"].to_str().unwrap().contains("Secure"));
    let figures = |token: Option<&str>| {
        let request = rig.http.get(rig.url("/metrics")).header("X-Forwarded-For", "203.0.113.7");
        match token {
            Some(login) => request.bearer_auth(token_of(login)).send(),
            None => request.send(),
        }
    };
    assert_eq!(figures(None).await.unwrap().status(), 401);
    assert_eq!(figures(Some("supervisor")).await.unwrap().status(), 403);
    assert_eq!(figures(Some("integrator")).await.unwrap().status(), 200);
    let here = rig.http.get(rig.url("/metrics")).send().await.unwrap();
    assert_eq!(here.status(), 200, "this machine needs no token");

    let believing_nobody = Rig::start().await;
    let request = believing_nobody.http.get(believing_nobody.url("/metrics"));
    let sent = request.header("X-Forwarded-For", "203.0.113.7").send().await.unwrap();
    assert_eq!(sent.status(), 200, "the header of a stranger is not read");
}

#[tokio::test]
async fn a_screen_on_a_wall_gets_a_cookie_that_only_looks() {
    let rig = Rig::start().await;
    let exchange = |login: &str| {
        let body = json!({ "token": token_of(login) });
        rig.http.post(rig.url("/api/v1/login")).json(&body).send()
    };
    assert_eq!(exchange("admin").await.unwrap().status(), 401, "no cookie for other tokens");
    let sent = exchange("wallboard").await.unwrap();
    assert_eq!(sent.status(), 200);
    let cookie = sent.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let get = async |path: &str| {
        let request = rig.http.get(rig.url(path)).header("Cookie", cookie);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((get("/api/v1/board").await, get("/api/v1/calls").await), (200, 403));
    let sent = rig.send("admin", "DELETE", "/api/v1/admin/tokens/wallboard", None).await;
    assert_eq!(sent.status(), 204);
    assert_eq!(get("/api/v1/board").await, 401);
}

#[tokio::test]
async fn a_repeated_action_gets_the_first_answer() {
    let rig = Rig::start().await;
    let body = json!({ "name": "grafana", "role": "integrator" });
    let send = |key: &str| {
        let request = rig.http.post(rig.url("/api/v1/admin/tokens")).json(&body);
        request.bearer_auth(token_of("admin")).header("Idempotency-Key", key).send()
    };
    let first = send("k1").await.unwrap();
    assert_eq!(first.status(), 201);
    let first = first.text().await.unwrap();
    let again = send("k1").await.unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.text().await.unwrap(), first);
    assert_eq!(send("k2").await.unwrap().status(), 409);
}
