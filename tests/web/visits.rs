//! What CRMs and gateways bring of their own accord: consents, clicks on numbers, reports.

use std::collections::BTreeMap;
use std::sync::Arc;

use navbat::app::demo::amocrm::AmoStand;
use navbat::app::demo::bitrix24::{Bitrix24 as Portal, User};
use navbat::app::demo::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET};
use navbat::app::demo::http::{Faults, Reply, Request, Router, Served};
use navbat::connect::crm::{
    AmoAccess, AmoClient, AmoCrm, AmoGate, AmoSettings, AmoTaskTo, AmoUnknown, AmoWays, Bitrix24,
    Bitrix24Rate, Bitrix24Settings, Bitrix24Staff,
};
use navbat::connect::deliver::{NewTarget, Outlet, Shelf, StoreShelf};
use navbat::connect::http::Http;
use navbat::connect::notify::{Means, PlayMobile};
use navbat::model::{Now, Period};
use navbat::store::NotesAsk;
use serde_json::{Value, json};

use crate::rig::{CLIENT, Rig};

const REDIRECT: &str = "https://navbat.example.uz/oauth/amo";

async fn served(router: impl Router) -> Served {
    Served::begin(Arc::new(router), Faults::none()).await.unwrap()
}

fn shelf(rig: &Rig) -> Arc<dyn Shelf> {
    Arc::new(StoreShelf::new(rig.store.clone(), Arc::new(Now::default)))
}

async fn connect(rig: &Rig, kind: &'static str, outlet: Arc<dyn Outlet>) {
    rig.outlets.swap(vec![NewTarget { outlet, kind, dry_run: false }], Vec::new()).await;
}

fn amo(rig: &Rig, served: &Served) -> AmoCrm {
    let client = AmoClient {
        id: String::from("integration"),
        secret: "secret-of-the-integration".into(),
        redirect_uri: REDIRECT.to_owned(),
    };
    let settings = AmoSettings {
        name: "amo".into(),
        base: served.base(),
        access: AmoAccess::OAuth(client),
        unknown: AmoUnknown::Skip,
        task: AmoTaskTo::Responsible,
        task_within: Period::hours(1),
        pipeline: None,
        users: BTreeMap::new(),
        language: String::from("uz"),
        pages: None,
    };
    let http = Http::new(&[served.allowed()]).unwrap();
    let (gate, clock) = (Arc::new(AmoGate::default()), Arc::new(Now::default));
    AmoCrm::new(settings, AmoWays { http, gate, shelf: shelf(rig), clock })
}

async fn act(rig: &Rig, path: &str) -> Value {
    let answer = rig.send("admin", "POST", &format!("/api/v1{path}"), Some(json!({}))).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}

/// The path of an address that is told to a peer.
async fn path_for(rig: &Rig, target: &str) -> String {
    let address = act(rig, &format!("/admin/crm/{target}/address")).await;
    let address = address["address"].as_str().unwrap().to_owned();
    let at = address.find("/callbacks/").unwrap();
    address[at..].to_owned()
}

async fn bring(rig: &Rig, path: &str, kind: &str, body: String) -> u16 {
    let request = rig.http.post(rig.url(path)).header("content-type", kind).body(body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_consent_connects_amocrm_once_and_for_this_account_only() {
    let rig = Rig::start().await;
    let stand = AmoStand::with_oauth("integration", "secret-of-the-integration", REDIRECT);
    let served = served(stand.clone()).await;
    connect(&rig, "amocrm", Arc::new(amo(&rig, &served))).await;
    let state = async || {
        let page = act(&rig, "/admin/crm/amo/connect").await;
        let url = reqwest::Url::parse(page["url"].as_str().unwrap()).unwrap();
        assert_eq!(url.path(), "/oauth");
        let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], "integration");
        query["state"].clone()
    };
    let back = async |target: &str, state: &str, code: &str, referer: &str| {
        let query = format!("code={code}&state={state}&referer={referer}");
        let answer = rig.http.get(rig.url(&format!("/oauth/{target}?{query}"))).send().await;
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let here = served.address().to_string();
    let (code, forged) = (stand.consent(), "0".repeat(32));
    assert_eq!(back("amo", &format!("{forged}.{forged}"), &code, &here).await.0, 400);
    assert_eq!(back("amo", "", &code, &here).await.0, 400);
    let first = state().await;
    assert_eq!(back("other", &first, &code, &here).await.0, 400, "it is for another target");
    let tampered = format!("{first}0");
    assert_eq!(back("amo", &tampered, &code, &here).await.0, 400);
    let (status, text) = back("amo", &first, &code, "<b>evil.amocrm.ru").await;
    assert_eq!(status, 502, "{text}");
    assert!(!text.contains("<b>"), "{text}");
    assert_eq!(back("amo", &first, &code, &here).await.0, 400, "a state is good once");
    let second = state().await;
    let (status, text) = back("amo", &second, &code, &here).await;
    assert_eq!(status, 200, "{text}");
    assert!(!text.contains(&code));
    assert_eq!(rig.outlets.test(&"amo".into()).await, Some(Ok(())));
    let third = state().await;
    rig.pass(20 * 60 * 1000);
    let code = stand.consent();
    assert_eq!(back("amo", &third, &code, &here).await.0, 400, "it is too old");
    assert_eq!(stand.wrong(), [""; 0]);
}

#[tokio::test]
async fn a_click_in_bitrix24_dials_for_who_clicked() {
    let rig = Rig::start().await;
    let user = |id, name: &str, extension: &str| User {
        id,
        name: name.to_owned(),
        extension: Some(extension.to_owned()),
        active: true,
    };
    let people = vec![user(1, "Administrator", "1"), user(7, "Aziza", "201")];
    let portal = Portal::new(people, Vec::new(), 1000.0, 1000.0);
    let served = served(portal.clone()).await;
    let aziza = Bitrix24Staff { user: None, aliases: vec![String::from("201")] };
    let settings = Bitrix24Settings {
        name: "b24".into(),
        portal: String::from("example.bitrix24.uz"),
        base: Some(served.base()),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        token: None,
        staff: BTreeMap::from([("Aziza".into(), aziza)]),
        creates: false,
        rate: Bitrix24Rate { per_second: 1000.0, burst: 1000.0 },
        look_up_after: std::time::Duration::from_millis(1),
    };
    let http = Http::new(&[served.allowed()]).unwrap();
    let client = Bitrix24::new(settings, http, shelf(&rig)).unwrap();
    connect(&rig, "bitrix24", Arc::new(client)).await;
    let path = path_for(&rig, "b24").await;
    let form = "application/x-www-form-urlencoded";
    let first = portal.tokens(|tokens| tokens.first());
    let event = |fields: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let installed = event(&[
        ("event", "ONAPPINSTALL"),
        ("auth[application_token]", "51610fefc120"),
        ("auth[refresh_token]", &first),
    ]);
    let click = |token: &str, user: &str| {
        event(&[
            ("event", "ONEXTERNALCALLSTART"),
            ("data[USER_ID]", user),
            ("data[PHONE_NUMBER_INTERNATIONAL]", CLIENT),
            ("data[CALL_ID]", "externalCall.1"),
            ("auth[application_token]", token),
        ])
    };
    let wrong = format!("/callbacks/b24/{}", "0".repeat(32));
    assert_eq!(bring(&rig, &wrong, form, installed.clone()).await, 403);
    let other = path.replace("/b24/", "/none/");
    assert_eq!(bring(&rig, &other, form, installed.clone()).await, 403);
    assert_eq!(bring(&rig, &path, form, installed).await, 200);
    assert!(portal.handler().unwrap().ends_with(&path), "it is told where clicks go");
    assert_eq!(bring(&rig, &path, form, click("guessed", "7")).await, 403);
    assert_eq!(bring(&rig, &path, form, click("51610fefc120", "8")).await, 200);
    assert_eq!(*rig.commands.lock(), [""; 0], "nobody of ours is user 8");
    assert_eq!(bring(&rig, &path, form, click("51610fefc120", "7")).await, 200);
    let commands = rig.commands.lock().clone();
    assert_eq!(commands.len(), 1);
    assert!(commands[0].starts_with("b24: Place { operator: Name(\"Aziza\")"), "{commands:?}");
    assert!(!commands[0].contains("12345"), "numbers print masked: {commands:?}");
    assert_eq!(bring(&rig, &path, form, "a".repeat(300_000)).await, 413);
    assert_eq!(rig.get("admin", &path).await.status(), 405);
}

#[tokio::test]
async fn a_gateways_report_is_kept_and_a_test_message_is_sent() {
    let rig = Rig::start().await;
    let served = served(|_: &Request| Reply::empty(200)).await;
    let account = PlayMobile {
        base: served.base(),
        login: String::from("firm"),
        password: "secret".into(),
        from: String::from("3700"),
        reports: true,
    };
    let http = Http::new(&[served.allowed()]).unwrap();
    let means = Means { http, shelf: shelf(&rig), clock: Arc::new(Now::default) };
    let outlet = account.outlet("sms".into(), vec![String::from("+998901112233")], means);
    connect(&rig, "playmobile", outlet).await;
    let path = path_for(&rig, "sms").await;
    let report = r#"{"messages":[{"message-id":"nb7f3a0001","status":"Delivered"}]}"#;
    let answer = rig.http.post(rig.url(&path)).body(report).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.text().await.unwrap().as_str()),
        (200, "Request is received")
    );
    let kept = rig.store.outlet_word(&"sms".into(), "reports").await.unwrap();
    assert_eq!(kept.as_deref(), Some(r#"{"nb7f3a0001":"delivered"}"#));
    assert_eq!(bring(&rig, &path, "", String::from("hello")).await, 200, "useless, and no retry");

    let sent = act(&rig, "/admin/crm/sms/message").await;
    let ask = NotesAsk { target: Some("sms".into()), limit: 5, ..NotesAsk::default() };
    let notes = rig.store.notes(&ask).await.unwrap().items;
    assert_eq!((notes.len(), notes[0].id.as_str()), (1, sent["note"].as_str().unwrap()));
    let path = "/api/v1/admin/crm/sms/connect";
    let answer = rig.send("admin", "POST", path, Some(json!({}))).await;
    assert_eq!(answer.status(), 409, "nobody has to consent to a gateway");
}
