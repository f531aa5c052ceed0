//! The description of the API, its viewer, the pages and the headers around them.

use std::path::PathBuf;

use crate::rig::Rig;

#[tokio::test]
async fn the_description_is_as_it_was_agreed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/web/openapi.json");
    let text = navbat::web::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(agreed == text, "the API changed: BLESS=1 cargo test --test web rewrites {path:?}");
}

#[tokio::test]
async fn the_schema_of_outgoing_webhooks_is_published() {
    let rig = Rig::start().await;
    let sent = rig.http.get(rig.url("/api/webhook-schema.json")).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert_eq!(sent.headers()["content-type"], "application/json");
    let schema: serde_json::Value = sent.json().await.unwrap();
    assert_eq!(schema, navbat::connect::crm::webhook_schema());
}

#[tokio::test]
async fn pages_are_ours_alone_and_cached_by_content() {
    let rig = Rig::start().await;
    for path in ["/", "/panel", "/login", "/admin/health"] {
        let page = rig.http.get(rig.url(path)).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'self'"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(page.headers()["x-content-type-options"], "nosniff");
        assert_eq!(page.headers()["cache-control"], "no-cache");
        let tag = page.headers()["etag"].clone();
        let again = rig.http.get(rig.url(path)).header("If-None-Match", tag);
        assert_eq!(again.send().await.unwrap().status(), 304);
    }
    assert_eq!(rig.http.get(rig.url("/nothing/here")).send().await.unwrap().status(), 404);
    assert_eq!(rig.http.get(rig.url("/../Cargo.toml")).send().await.unwrap().status(), 404);
}

#[cfg(feature = "api-docs")]
#[tokio::test]
async fn the_viewer_asks_nobody_but_us() {
    let rig = Rig::start().await;
    let json = rig.http.get(rig.url("/api/openapi.json")).send().await.unwrap();
    assert_eq!(json.headers()["content-type"], "application/json");
    let page = rig.http.get(rig.url("/api/docs/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let html = page.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    for link in html.split(['"', '\'']).filter(|part| part.starts_with("./")) {
        let url = rig.url(&format!("/api/docs/{}", link.trim_start_matches("./")));
        assert_eq!(rig.http.get(url).send().await.unwrap().status(), 200, "{link}");
    }
}

#[tokio::test]
async fn an_error_is_an_envelope_with_a_trace() {
    let rig = Rig::start().await;
    let sent = rig.get("admin", "/api/v1/calls/none").await;
    assert_eq!(sent.headers()["content-type"], "application/json");
    assert_eq!(sent.headers()["cache-control"], "no-store");
    let body: serde_json::Value = sent.json().await.unwrap();
    assert_eq!(body["error"]["code"], "not_found");
    assert_eq!(body["error"]["message"], "there is no such call");
    assert!(body["error"]["trace"].as_str().unwrap().len() >= 8);
}
