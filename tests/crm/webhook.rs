//! Outgoing webhooks: the receiver that checks what its maker was told to check, the published
//! schema, the switches of private fields, and what each answer means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use navbat::app::demo::http::{Fault, Faults, Reply, Request, Served};
use navbat::connect::crm::{
    WEBHOOK_KINDS, Webhook, WebhookSettings, webhook_schema, webhook_trial,
};
use navbat::connect::deliver::{Note, Outlet, Verdict};
use navbat::connect::http::Http;
use navbat::model::{CallId, Message, NoteBody, Seed, Wall};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "a-secret-of-the-receiver";
const NOW: Wall = Wall(1_795_150_800_500);
const NUMBER: &str = "+998901112233";

/// Somebody else's program: it refuses what is not signed, is old or is no JSON, and keeps ids.
#[derive(Default)]
struct Receiver {
    taken: BTreeMap<String, Value>,
    requests: u64,
    answers: Vec<Reply>,
}

fn receive(state: &Mutex<Receiver>, request: &Request) -> Reply {
    let mut state = state.lock();
    state.requests += 1;
    let header = |name: &str| request.header(name).unwrap_or_default();
    let timestamp = header("navbat-timestamp");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(&request.body);
    let signature = header("navbat-signature").strip_prefix("v1=").unwrap_or_default();
    let digits: Vec<u8> = (0..signature.len() / 2)
        .filter_map(|at| u8::from_str_radix(signature.get(at * 2..at * 2 + 2)?, 16).ok())
        .collect();
    let age = timestamp.parse::<i64>().map_or(i64::MAX, |sent| (NOW.0 / 1000 - sent).abs());
    if request.method != "POST" || mac.verify_slice(&digits).is_err() || age > 300 {
        return Reply::text(401, "not signed");
    }
    let Some(body) = request.json::<Value>().filter(|_| request.kind() == "application/json")
    else {
        return Reply::text(415, "no JSON");
    };
    assert_eq!(body["id"], header("navbat-id"));
    assert_eq!(body["event"], header("navbat-event"));
    if let Some(reply) = state.answers.pop() {
        return reply;
    }
    state.taken.insert(header("navbat-id").to_owned(), body);
    Reply::empty(204)
}

struct World {
    receiver: Arc<Mutex<Receiver>>,
    served: Served,
    faults: Faults,
}

impl World {
    async fn new(faults: Faults) -> World {
        let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
        let receiver: Arc<Mutex<Receiver>> = Arc::default();
        let state = receiver.clone();
        let router = move |request: &Request| receive(&state, request);
        let served = Served::begin(Arc::new(router), faults.clone()).await.unwrap();
        World { receiver, served, faults }
    }

    fn start(&self) -> Webhook {
        self.start_with(|_| {})
    }

    fn start_with(&self, change: impl FnOnce(&mut WebhookSettings)) -> Webhook {
        let mut settings = WebhookSettings {
            name: "albato".into(),
            url: format!("{}/hook/token-in-the-path", self.served.base()),
            secret: Some(SECRET.into()),
            events: Vec::new(),
            fields: Vec::new(),
            public_url: Some(String::from("https://navbat.example.uz/")),
        };
        change(&mut settings);
        Webhook::new(settings, Http::new(&[self.served.allowed()]).unwrap(), Arc::new(|| NOW))
    }

    fn last(&self) -> Value {
        self.receiver.lock().taken.values().last().cloned().unwrap_or_default()
    }
}

fn call(seed: u64) -> CallId {
    Seed::new(seed).call_id(NOW)
}

fn event(kind: &str, fields: Value, key: &str) -> Note {
    Note {
        id: key.to_owned(),
        once_key: format!("albato/{key}/{kind}"),
        body: NoteBody::Event { event: kind.to_owned(), at: NOW, fields },
        tries: 1,
        external: None,
    }
}

fn call_fields(seed: u64) -> Value {
    json!({
        "call": call(seed).to_string(), "call_key": "sipuni-main/1", "revision": 1,
        "provider": "sipuni", "account": "sipuni-main", "authority": "observed",
        "direction": "in", "client_e164": NUMBER, "line_e164": "+998712000011",
        "queue": "sales", "rung": ["Aziza", "Bobur"], "answered_by": "Aziza",
        "handled_by": ["Aziza"], "placed_by": null, "missed": false, "talk_seconds": 125.9,
        "ring_seconds": 4.0, "wait_seconds": 5.0, "disposition": "answered",
        "outcome": "answered", "result": null, "recording_url": "https://rec.example.uz/7.mp3",
        "started_at": NOW.rfc3339(), "ended_at": NOW.rfc3339(),
    })
}

fn episode_fields() -> Value {
    json!({
        "episode": 7, "revision": 2, "client_e164": NUMBER, "queue": "sales", "group": "sales",
        "calls": 2, "last_call": call(1).to_string(), "reason": "abandoned",
        "closed": "called_back", "owner": "Aziza", "attempts": 1, "first_at": NOW.rfc3339(),
        "last_at": NOW.rfc3339(), "due_at": null, "closed_at": NOW.rfc3339(),
    })
}

fn alert() -> NoteBody {
    NoteBody::Message(Box::new(Message {
        event: String::from("missed"),
        title: String::from("Javobsiz qo'ng'iroq"),
        text: String::from("+998 90 ••• •• 33"),
        link: Some(String::from("https://navbat.example.uz/calls/1")),
        call: Some(call(1)),
    }))
}

/// As much of JSON Schema as the published one uses. Says what does not hold.
fn against(schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(kinds) = schema["oneOf"].as_array() {
        let fits = kinds.iter().map(|kind| against(kind, value)).collect::<Vec<_>>();
        let count = fits.iter().filter(|fit| fit.is_ok()).count();
        return if count == 1 { Ok(()) } else { Err(format!("{count} kinds fit: {fits:?}")) };
    }
    if let Some(wanted) = schema.get("const") {
        return if wanted == value { Ok(()) } else { Err(format!("{value} is not {wanted}")) };
    }
    let own = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is = |word: &Value| word == own || (word == "number" && own == "integer");
    let fits = match &schema["type"] {
        Value::Array(words) => words.iter().any(is),
        word => is(word),
    };
    if !fits {
        return Err(format!("{value} is no {}", schema["type"]));
    }
    if let (Some("date-time"), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        Wall::parse_rfc3339(text).ok_or(format!("{text} is no moment"))?;
    }
    for one in value.as_array().into_iter().flatten() {
        against(&schema["items"], one)?;
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        let found = value.get(name).ok_or(format!("{name} is missing"))?;
        against(&schema["properties"][name], found).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn whatever_is_sent_fits_the_published_schema_opened_or_not() {
    let schema = webhook_schema();
    let world = World::new(Faults::none()).await;
    let all = || vec![String::from("*")];
    for client in [world.start(), world.start_with(|settings| settings.fields = all())] {
        for kind in &WEBHOOK_KINDS {
            let mut note = event(kind.event, json!({}), kind.event);
            note.body = match kind.event.split('.').next().unwrap() {
                "call" => event(kind.event, call_fields(1), "").body,
                "episode" => event(kind.event, episode_fields(), "").body,
                "alert" => alert(),
                _ => webhook_trial(NOW),
            };
            world.receiver.lock().taken.clear();
            let verdict = client.deliver(&note).await;
            assert_eq!(verdict, Verdict::Done { external: None }, "{}", kind.event);
            let sent = world.last();
            assert_eq!(against(&schema, &sent), Ok(()), "{sent}");
            let known = schema["oneOf"].as_array().unwrap().iter();
            let own = known.clone().find(|one| one["title"] == kind.event).unwrap();
            for name in sent.as_object().unwrap().keys() {
                assert!(own["properties"].get(name).is_some(), "{name} is not in the schema");
            }
        }
    }
    // The check itself refuses what it must.
    let broken = json!({ "version": 1, "id": "x", "event": "test", "at": "yesterday",
        "client_masked": null, "link": null });
    assert!(against(&schema, &broken).is_err());
}

#[tokio::test]
async fn nothing_tells_of_a_person_until_a_switch_opens_it() {
    let world = World::new(Faults::none()).await;
    let note = event("call.settled", call_fields(1), "1");
    world.start().deliver(&note).await;
    let sent = world.last();
    assert_eq!(sent["client_masked"], "+998 90 ••• •• 33");
    let link = format!("https://navbat.example.uz/calls/{}", call(1));
    assert_eq!(sent["link"], link.as_str());
    let told: Vec<&String> =
        sent.as_object().unwrap().iter().filter(|(_, v)| !v.is_null()).map(|(k, _)| k).collect();
    let open = ["at", "call", "client_masked", "event", "id", "link", "revision", "version"];
    assert_eq!(told, open);
    assert!(!sent.to_string().contains("901112233"), "{sent}");
    let fields = ["client_e164", "queue"].map(String::from).to_vec();
    let client = world.start_with(|settings| settings.fields = fields);
    client.deliver(&note).await;
    let sent = world.last();
    assert_eq!((&sent["client_e164"], &sent["queue"]), (&json!(NUMBER), &json!("sales")));
    assert!(sent["answered_by"].is_null());
}

#[tokio::test]
async fn only_the_chosen_kinds_leave_and_a_trial_always_does() {
    let world = World::new(Faults::none()).await;
    let events = vec![String::from("call.missed")];
    let client = world.start_with(|settings| settings.events = events);
    let settled = event("call.settled", call_fields(1), "1");
    assert!(matches!(client.deliver(&settled).await, Verdict::Skipped { .. }));
    let missed = event("call.missed", call_fields(1), "1");
    assert_eq!(client.deliver(&missed).await, Verdict::Done { external: None });
    let trial = Note { body: webhook_trial(NOW), ..missed.clone() };
    assert_eq!(client.deliver(&trial).await, Verdict::Done { external: None });
    let unknown = event("call.guessed", call_fields(1), "1");
    assert!(matches!(client.deliver(&unknown).await, Verdict::Dead { .. }));
    assert_eq!(world.receiver.lock().requests, 2);
}

#[tokio::test]
async fn an_event_has_one_id_and_a_later_revision_another() {
    let world = World::new(Faults::none()).await;
    let client = world.start();
    let mut note = event("call.settled", call_fields(1), "1");
    for tries in 1..=3 {
        note.tries = tries;
        client.deliver(&note).await;
    }
    assert_eq!(world.receiver.lock().taken.len(), 1);
    let mut fields = call_fields(1);
    fields["revision"] = json!(2);
    client.deliver(&event("call.settled", fields, "1")).await;
    client.deliver(&event("call.settled", call_fields(2), "2")).await;
    assert_eq!(world.receiver.lock().taken.len(), 3);
}

#[tokio::test]
async fn each_answer_has_its_verdict() {
    let world = World::new(Faults::none()).await;
    let client = world.start();
    let note = event("call.settled", call_fields(1), "1");
    let told = async |reply: Reply| {
        world.receiver.lock().answers.push(reply);
        client.deliver(&note).await
    };
    for status in [400, 403, 404, 410, 422] {
        let verdict = told(Reply::empty(status)).await;
        assert!(matches!(verdict, Verdict::Dead { .. }), "{status}: {verdict:?}");
    }
    for status in [408, 500, 502, 503, 504] {
        let verdict = told(Reply::empty(status)).await;
        assert!(matches!(verdict, Verdict::Retry { after: None, .. }), "{status}: {verdict:?}");
    }
    let after = Duration::from_secs(7);
    let verdict = told(Reply::empty(503).with("retry-after", "7")).await;
    assert!(matches!(verdict, Verdict::Retry { after: Some(told), .. } if told == after));
    let verdict = told(Reply::empty(429).with("retry-after", "7")).await;
    assert!(matches!(verdict, Verdict::Wait { after: told, .. } if told == after));
    // A redirection is not followed, whereto it may lead.
    let elsewhere = format!("{}/elsewhere", world.served.base());
    let before = world.receiver.lock().requests;
    let verdict = told(Reply::empty(302).with("location", elsewhere)).await;
    assert!(matches!(verdict, Verdict::Dead { .. }), "{verdict:?}");
    assert_eq!(world.receiver.lock().requests, before + 1);
    assert!(client.probe().await.is_err(), "health says what was seen last");
    // An address that the guard refuses.
    let url = String::from("https://10.0.0.7/hook");
    let refused = world.start_with(|settings| settings.url = url);
    let verdict = refused.deliver(&note).await;
    assert!(matches!(verdict, Verdict::Paused { state: "address_refused", .. }), "{verdict:?}");
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_no_error_tells_what_was_sent() {
    let world = World::new(Faults::none()).await;
    let all = vec![String::from("*")];
    let client = world.start_with(|settings| {
        settings.secret = Some("another-secret-than-theirs".into());
        settings.fields = all;
    });
    let note = event("call.settled", call_fields(1), "1");
    let mut told = vec![format!("{:?}", client.deliver(&note).await)];
    assert!(told[0].starts_with("Dead") && told[0].contains("401"), "{told:?}");
    let client = world.start();
    let echo =
        format!("bad {SECRET} of {NUMBER} at {}/hook/token-in-the-path", world.served.base());
    world.receiver.lock().answers.push(Reply::text(422, &echo));
    told.push(format!("{:?}", client.deliver(&note).await));
    world.faults.order("POST /hook", Fault::LostAfter);
    told.push(format!("{:?}", client.deliver(&note).await));
    for text in told {
        for secret in [SECRET, "another-secret", "901112233", "token-in-the-path"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

/// Three of ten exchanges fail before or after their effect; every event is there, once by its id.
#[tokio::test]
async fn every_event_arrives_whatever_the_network_does() {
    let world = World::new(Faults::seeded(11, 30)).await;
    let client = world.start();
    for seed in 0..200 {
        let mut note = event("call.settled", call_fields(seed), &seed.to_string());
        loop {
            match client.deliver(&note).await {
                Verdict::Done { .. } => break,
                Verdict::Retry { .. } if note.tries < 50 => note.tries += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    let receiver = world.receiver.lock();
    assert!(world.faults.count() > 40, "{}", world.faults.count());
    assert_eq!(receiver.taken.len(), 200);
    let calls: std::collections::BTreeSet<&str> =
        receiver.taken.values().map(|body| body["call"].as_str().unwrap()).collect();
    assert_eq!(calls.len(), 200);
}
