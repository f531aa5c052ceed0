//! The outbox over the API: a person sees what is stuck, mends it and sends it again.

use navbat::model::{
    CallRow, ClientDeal, ClientMatch, ClientNews, ClientState, ClientView, Live, Name, NoteBody,
    OfferId, Period,
};
use navbat::store::{ClaimAsk, Delivery, NewNote, PopToldRow};
use serde_json::{Value, json};

use crate::rig::{CALL_OF_AZIZA, CLIENT, MORNING, Rig, Stream, call_id, lives, made};

fn note(number: u32, call: &CallRow) -> NewNote {
    NewNote {
        id: format!("0193{number:04}-0000-7000-8000-000000000000"),
        once_key: format!("amo/{}/{number}", call.id),
        target: "amo".into(),
        lane: format!("amo/{number}"),
        place: i64::from(number),
        call: Some(call.id),
        revision: 1,
        body: NoteBody::Call { call: Box::new(call.clone()) },
        due_at: MORNING,
        created_at: MORNING + Period::secs(u64::from(number)),
    }
}

/// A call of Aziza with a dead, an unclear, a done and a waiting note; the ids in that order.
async fn seed(rig: &mut Rig) -> Vec<String> {
    rig.record(made::day()).await;
    let call = rig.store.call(call_id(CALL_OF_AZIZA)).await.unwrap().unwrap();
    let mut ids = Vec::new();
    for number in 1..5 {
        let note = note(number, &call);
        rig.store.add_note(&note).await.unwrap();
        ids.push(note.id);
    }
    let amo: Name = "amo".into();
    let until = MORNING + Period::secs(60);
    let ask = ClaimAsk { worker: "w", target: &amo, now: MORNING, until, limit: 3 };
    assert_eq!(rig.store.claim_notes(ask).await.unwrap().len(), 3);
    let told = |text: &str| format!("{text} for {CLIENT}");
    for (id, end) in ids.iter().zip([
        Delivery::Dead { told: told("400") },
        Delivery::Unclear { told: told("cut") },
        Delivery::Done { external: Some(String::from("{\"id\":7}")) },
    ]) {
        assert!(rig.store.settle_note("w", id, &end, MORNING).await.unwrap());
    }
    ids
}

async fn json(rig: &Rig, who: &str, path: &str) -> Value {
    rig.get(who, &format!("/api/v1{path}")).await.json().await.unwrap()
}

async fn act(rig: &Rig, who: &str, path: &str, body: Value) -> u16 {
    rig.send(who, "POST", &format!("/api/v1{path}"), Some(body)).await.status().as_u16()
}

#[tokio::test]
async fn a_person_sees_mends_and_sends_again() {
    let mut rig = Rig::start().await;
    let ids = seed(&mut rig).await;
    let listed = async |query: &str| {
        let page = json(&rig, "admin", &format!("/outbox{query}")).await;
        let rows = page["items"].as_array().unwrap().clone();
        rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["pending", "done", "unclear", "dead"]);
    assert_eq!(listed("?state=stuck").await, ["unclear", "dead"]);
    assert_eq!(listed("?state=waiting&target=amo").await, ["pending"]);
    assert!(listed("?target=bitrix").await.is_empty());
    let bad = rig.get("admin", "/api/v1/outbox?state=lost").await;
    assert_eq!(bad.status(), 400);

    let dead = format!("/outbox/{}", ids[0]);
    let mut whole = json(&rig, "admin", &dead).await;
    assert!(whole["body"].to_string().contains(CLIENT));
    assert_eq!(json(&rig, "admin", &format!("/outbox/{}", ids[2])).await["external"]["id"], 7);
    let mut body = whole["body"].take();
    let edit = format!("{dead}/edit");
    assert_eq!(act(&rig, "admin", &edit, json!({ "body": { "note": "event" } })).await, 400);
    assert_eq!(act(&rig, "admin", &edit, json!({ "body": { "note": "call" } })).await, 400);
    body["call"]["result"] = json!("sotildi");
    assert_eq!(act(&rig, "admin", &edit, json!({ "body": body })).await, 204);
    let mended = json(&rig, "admin", &dead).await;
    assert_eq!((&mended["state"], &mended["tries"]), (&json!("pending"), &json!(0)));
    assert_eq!(mended["body"]["call"]["result"], "sotildi");
    assert_eq!(act(&rig, "admin", &edit, json!({ "body": mended["body"] })).await, 409);

    let unclear = format!("/outbox/{}", ids[1]);
    assert_eq!(act(&rig, "integrator", &format!("{unclear}/retry"), json!({})).await, 204);
    assert_eq!(act(&rig, "integrator", &format!("{unclear}/retry"), json!({})).await, 409);
    let why = json!({ "reason": "qoʻlda kiritildi" });
    assert_eq!(act(&rig, "admin", &format!("{unclear}/skip"), why.clone()).await, 204);
    assert_eq!(act(&rig, "admin", &format!("/outbox/{}/skip", ids[2]), why).await, 409);
    let skipped = json(&rig, "admin", &unclear).await;
    assert!(skipped["why"].as_str().unwrap().contains("qoʻlda kiritildi"));
    let audit = json(&rig, "admin", "/admin/audit").await.to_string();
    for word in ["outbox edit", "outbox retry", "outbox skip"] {
        assert!(audit.contains(word), "{word} is not in {audit}");
    }
}

/// What a note tells, and what its peer said of it, hides the number from who may not see it.
#[tokio::test]
async fn an_integrator_sees_notes_without_numbers_and_may_not_write_them() {
    let mut rig = Rig::start().await;
    let ids = seed(&mut rig).await;
    for path in [String::from("/outbox"), format!("/outbox/{}", ids[0])] {
        let text = json(&rig, "integrator", &path).await.to_string();
        assert!(!text.contains("12345"), "{path}: {text}");
        assert!(text.contains("dead"), "{path}: {text}");
    }
    let body = json(&rig, "integrator", &format!("/outbox/{}", ids[0])).await["body"].take();
    let edit = format!("/outbox/{}/edit", ids[0]);
    assert_eq!(act(&rig, "integrator", &edit, json!({ "body": body })).await, 403);
}

fn view(state: ClientState) -> ClientView {
    let stored = format!("Malika {CLIENT}");
    ClientView {
        call: call_id(CALL_OF_AZIZA),
        crm: "amo".into(),
        state,
        matches: vec![ClientMatch {
            id: String::from("contact:501"),
            name: stored.clone(),
            company: Some(String::from("Oq Yoʻl")),
            responsible: None,
            responsible_operator: Some("Bobur".into()),
            deals: vec![ClientDeal {
                name: stored,
                stage: None,
                responsible_operator: None,
                link: Some(String::from("https://example.amocrm.ru/leads/detail/701")),
            }],
            link: None,
        }],
        create_link: Some(format!("https://example.amocrm.ru/contacts/add/?phone={CLIENT}")),
        at: MORNING,
    }
}

#[tokio::test]
async fn a_call_shows_its_clients_and_how_it_was_told() {
    let mut rig = Rig::start().await;
    seed(&mut rig).await;
    rig.store.keep_client_view(&view(ClientState::Known)).await.unwrap();
    let shown = PopToldRow {
        call: call_id(CALL_OF_AZIZA),
        target: "amo".into(),
        offer: OfferId(1),
        operator: "Aziza".into(),
        rang_at: MORNING,
        left_at: Some(MORNING),
        shown: false,
        why: Some(format!("no user for {CLIENT}")),
        at: MORNING,
    };
    rig.store.add_pop_told(&shown).await.unwrap();
    let path = format!("/calls/{}", call_id(CALL_OF_AZIZA));
    let whole = json(&rig, "supervisor", &path).await;
    assert_eq!(whole["clients"][0]["matches"][0]["name"], format!("Malika {CLIENT}"));
    let told = whole["deliveries"].as_array().unwrap();
    let states: Vec<_> = told.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["not_shown", "dead", "unclear", "done", "pending"]);
    let stages = whole["stages"].as_array().unwrap();
    assert_eq!(stages.last().unwrap()["stage"], "crm");
    let masked = json(&rig, "aziza", &path).await;
    assert!(!masked.to_string().contains("12345"), "{masked}");
    assert!(masked["clients"][0]["matches"][0]["name"].as_str().unwrap().starts_with("Malika"));
    assert_eq!(masked["clients"][0]["create_link"], Value::Null);
    let why = json(&rig, "aziza", &format!("{path}/explain?lang=en")).await.to_string();
    assert!(why.contains("the card of Aziza was not shown") && !why.contains("12345"), "{why}");
    assert!(why.contains("the record of the call arrived"), "{why}");
    // Where the call came to, with the record that says so.
    assert!(why.contains("Stages: at the provider") && why.contains("CRM told 1"), "{why}");
}

/// What a CRM says of a client is for the screens that have the card, and hides the number there.
#[tokio::test]
async fn the_stream_tells_of_clients_whom_the_call_rings() {
    let rig = Rig::start().await;
    let mut aziza = Stream::open(&rig, "aziza", None).await;
    let mut wall = Stream::open(&rig, "wallboard", None).await;
    let news = |operator: &str| {
        let (view, queue) = (view(ClientState::Known), Some("sales".into()));
        Live::Client(Box::new(ClientNews { view, queue, operators: vec![operator.into()] }))
    };
    rig.hub.publish(news("Bobur"));
    rig.hub.publish(news("Aziza"));
    rig.hub.publish(lives().remove(3)); // the queue, which everybody sees
    let hers = clients_until_queue(&mut aziza).await;
    assert_eq!(hers.len(), 1, "one of two is hers: {hers:?}");
    assert!(hers[0].contains("\"responsible_operator\":\"Bobur\""), "{hers:?}");
    assert!(!hers[0].contains("12345"), "{hers:?}");
    assert!(clients_until_queue(&mut wall).await.is_empty());
}

async fn clients_until_queue(stream: &mut Stream) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let (_, event, data) = stream.next().await.expect("an open stream");
        match event.as_str() {
            "queue" => return seen,
            "client" => seen.push(data),
            _ => {}
        }
    }
}
