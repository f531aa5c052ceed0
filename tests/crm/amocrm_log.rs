//! Calls in amoCRM's log: what stands there, where, and what happens to callers nobody knows.

use navbat::app::demo::http::Fault;
use navbat::connect::crm::{AmoTaskTo, AmoUnknown};
use navbat::connect::deliver::{Found, Outlet, Verdict};
use navbat::model::{CallRow, Direction, Disposition, NoteBody, OfferEnd, Party, Period, Wall};
use serde_json::{Value, json};

use super::amocrm_rig::{
    AZIZA, BEGAN, BOBUR, Rig, Wish, amending, answered, call_back, missed, note, offer, word,
};

const CLIENT: &str = "+998901112233";

/// What the log says of a call.
fn params(rig: &Rig, call: &CallRow) -> Value {
    rig.stand.call(&call.id.to_string()).expect("it stands in the log").2
}

#[tokio::test]
async fn an_answered_call_says_who_how_long_and_where_to_listen() {
    let rig = Rig::new(Wish::default()).await;
    let contact = rig.stand.contact("Anvar", CLIENT, BOBUR);
    let lead = rig.stand.lead(contact, "Yangi buyurtma", 2, BOBUR);
    let call = answered(1, CLIENT);
    let verdict = rig.amo.deliver(&note(&call)).await;
    let (kind, id, params) = rig.stand.call(&call.id.to_string()).unwrap();
    assert_eq!((kind.as_str(), id), ("leads", lead), "its only active lead has it");
    let expected = json!({
        "uniq": call.id.to_string(),
        "duration": 125,
        "source": "navbat",
        "phone": CLIENT,
        "link": "https://rec.example.uz/r/1.mp3?sig=1",
        "call_status": 4,
        "call_result": "Suhbat bo'ldi",
        "call_responsible": AZIZA,
    });
    assert_eq!(params, expected);
    let Verdict::Done { external: Some(external) } = verdict else { panic!("{verdict:?}") };
    assert_eq!((external["kind"].as_str(), external["id"].as_u64()), (Some("leads"), Some(lead)));
    assert_eq!(rig.stand.wrong(), Vec::<String>::new());
}

#[tokio::test]
async fn ends_of_calls_have_amocrms_numbers_and_the_right_person() {
    let rig = Rig::new(Wish { times: 10, ..Wish::default() }).await;
    rig.stand.contact("Anvar", CLIENT, BOBUR);
    let plain = missed(1, CLIENT);
    let out = |seed, disposition| CallRow {
        direction: Some(Direction::Out),
        disposition,
        missed: false,
        outcome: None,
        placed_by: Some("Aziza".into()),
        offers: Vec::new(),
        ..missed(seed, CLIENT)
    };
    let busy = CallRow { offers: vec![offer("Dilnoza", OfferEnd::Busy)], ..missed(2, CLIENT) };
    let nobody = CallRow { offers: Vec::new(), ..missed(3, CLIENT) };
    let talked = CallRow {
        handled_by: vec!["Aziza".into()],
        talk: Some(Period::secs(9)),
        ..out(7, Disposition::Answered)
    };
    for (call, status, who) in [
        (plain, 6, json!(BOBUR)),    // whose telephone rang last
        (busy, 7, json!("Dilnoza")), // has no user: shown by name
        (nobody, 6, json!("savdo")), // nobody rang: the queue
        (out(4, Disposition::NoAnswer), 6, json!(AZIZA)),
        (out(5, Disposition::Busy), 7, json!(AZIZA)),
        (out(6, Disposition::Cancelled), 6, json!(AZIZA)),
        (talked, 4, json!(AZIZA)),
    ] {
        assert_eq!(word(&rig.amo.deliver(&note(&call)).await), "done");
        let params = params(&rig, &call);
        assert_eq!((&params["call_status"], &params["call_responsible"]), (&json!(status), &who));
    }
}

#[tokio::test]
async fn calls_without_an_outside_number_are_skipped() {
    let rig = Rig::new(Wish::default()).await;
    let internal = CallRow { direction: Some(Direction::Internal), ..missed(1, CLIENT) };
    let hidden = CallRow { client: Some(Party::Hidden), ..missed(2, CLIENT) };
    let open = CallRow { settled: false, ..missed(3, CLIENT) };
    for call in [internal, hidden, open] {
        assert_eq!(word(&rig.amo.deliver(&note(&call)).await), "skipped");
    }
    assert!(rig.stand.calls().is_empty());
}

#[tokio::test]
async fn a_recording_that_is_no_web_address_is_left_out() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.contact("Anvar", CLIENT, BOBUR);
    let link = Some(String::from("javascript:alert(1)"));
    let call = CallRow { recording_url: link, ..answered(1, CLIENT) };
    assert_eq!(word(&rig.amo.deliver(&note(&call)).await), "done");
    assert_eq!(params(&rig, &call)["link"], Value::Null);
}

#[tokio::test]
async fn a_user_who_was_switched_off_costs_a_name_and_not_the_call() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.contact("Anvar", CLIENT, BOBUR);
    let before = answered(1, CLIENT);
    assert_eq!(word(&rig.amo.deliver(&note(&before)).await), "done"); // the list is read
    rig.stand.switch_off_user(AZIZA);
    let after = answered(2, CLIENT);
    assert_eq!(word(&rig.amo.deliver(&note(&after)).await), "done");
    assert_eq!(params(&rig, &after)["call_responsible"], "Aziza");
    // It is known by then: the next call is not refused first.
    let requests = rig.stand.requests();
    assert_eq!(word(&rig.amo.deliver(&note(&answered(3, CLIENT))).await), "done");
    assert_eq!(rig.stand.requests() - requests, 1);
    assert!(rig.stand.calls().values().all(|count| *count == 1));
}

#[tokio::test]
async fn unknown_callers_are_treated_as_the_setting_says() {
    for (unknown, incoming, outgoing) in [
        (AmoUnknown::Skip, "skipped", "skipped"),
        (AmoUnknown::Note, "skipped", "skipped"),
        (AmoUnknown::Unsorted, "done", "skipped"),
        (AmoUnknown::Create, "done", "done"),
    ] {
        let rig = Rig::new(Wish { unknown, ..Wish::default() }).await;
        let call = missed(1, CLIENT);
        assert_eq!(word(&rig.amo.deliver(&note(&call)).await), incoming, "{unknown:?}");
        let out = CallRow { direction: Some(Direction::Out), ..missed(2, "+998907654321") };
        assert_eq!(word(&rig.amo.deliver(&note(&out)).await), outgoing, "{unknown:?}");
        let calls = rig.stand.calls();
        assert_eq!(calls.contains_key(&call.id.to_string()), incoming == "done", "{unknown:?}");
        assert_eq!(rig.stand.unsorted_count(), usize::from(unknown == AmoUnknown::Unsorted));
        // The next call of the number finds whom the first one made.
        if incoming == "done" {
            let next = answered(3, CLIENT);
            assert_eq!(word(&rig.amo.deliver(&note(&next)).await), "done", "{unknown:?}");
            assert_eq!(rig.stand.contacts_of("901112233").len(), 1, "{unknown:?}");
        }
        assert!(rig.stand.calls().values().all(|count| *count == 1), "{unknown:?}");
        assert_eq!(rig.stand.wrong(), Vec::<String>::new(), "{unknown:?}");
    }
}

#[tokio::test]
async fn a_contact_that_amocrms_matching_misses_gets_a_note() {
    // Stored with nine digits: the last ten never match, our own search does.
    let rig = Rig::new(Wish { unknown: AmoUnknown::Create, ..Wish::default() }).await;
    let contact = rig.stand.contact("Anvar", "90 111-22-33", BOBUR);
    let call = answered(1, CLIENT);
    assert_eq!(word(&rig.amo.deliver(&note(&call)).await), "done");
    let (kind, id, params) = rig.stand.call(&call.id.to_string()).unwrap();
    assert_eq!((kind.as_str(), id), ("contacts", contact));
    assert_eq!(params["call_responsible"], AZIZA.to_string());
    assert_eq!(rig.stand.contacts_of("901112233"), [contact], "nobody was made a second time");
}

#[tokio::test]
async fn two_calls_of_one_unknown_number_make_one_contact() {
    let rig = Rig::new(Wish { unknown: AmoUnknown::Create, ..Wish::default() }).await;
    let (one, other) = (missed(1, CLIENT), missed(2, CLIENT));
    let (one, other) = (note(&one), note(&other));
    let both = tokio::join!(rig.amo.deliver(&one), rig.amo.deliver(&other));
    assert_eq!((word(&both.0).as_str(), word(&both.1).as_str()), ("done", "done"));
    assert_eq!(rig.stand.contacts_of("901112233").len(), 1);
    assert_eq!(rig.stand.calls().len(), 2);
}

#[tokio::test]
async fn a_later_revision_is_told_beside_the_call_and_never_as_a_second_one() {
    let rig = Rig::new(Wish { times: 10, ..Wish::default() }).await;
    let contact = rig.stand.contact("Anvar", CLIENT, BOBUR);
    let first = missed(1, CLIENT);
    let done = rig.amo.deliver(&note(&first)).await;
    let requests = rig.stand.requests();
    let same = CallRow { revision: 2, ..first.clone() };
    let done = rig.amo.deliver(&amending(&same, done)).await;
    assert_eq!(rig.stand.requests(), requests, "nothing that amoCRM was told has changed");
    let answered = CallRow { revision: 3, ..answered(1, CLIENT) };
    let late = amending(&answered, done);
    rig.faults.order("POST /api/v4/contacts", Fault::LostAfter);
    assert_eq!(word(&rig.amo.deliver(&late).await), "ambiguous");
    let Found::Yes { external } = rig.amo.look_up(&late).await else { panic!() };
    let again = amending(&answered, Verdict::Done { external });
    assert_eq!(word(&rig.amo.deliver(&again).await), "done");
    let remarks = rig.stand.remarks("contacts", contact);
    assert_eq!(remarks.len(), 1, "{remarks:?}");
    for part in ["125", "Aziza", "https://rec.example.uz/r/1.mp3?sig=1", "Suhbat bo'ldi"] {
        assert!(remarks[0].contains(part), "{part}: {remarks:?}");
    }
    assert_eq!(rig.stand.calls().into_values().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_wherever_the_call_may_be() {
    for (unknown, stored, has_lead) in [
        (AmoUnknown::Note, Some(CLIENT), false),
        (AmoUnknown::Note, Some(CLIENT), true),
        (AmoUnknown::Note, Some("901112233"), false),
        (AmoUnknown::Unsorted, None, false),
        (AmoUnknown::Create, None, false),
    ] {
        let told = format!("{unknown:?} {stored:?} {has_lead}");
        let rig = Rig::new(Wish { unknown, times: 10, ..Wish::default() }).await;
        if let Some(stored) = stored {
            let contact = rig.stand.contact("Anvar", stored, BOBUR);
            if has_lead {
                rig.stand.lead(contact, "Buyurtma", 2, BOBUR);
            }
        }
        // Everything that is written has its effect, and every answer to it is lost once.
        for path in ["calls", "contacts", "leads/unsorted"] {
            rig.faults.order(&format!("POST /api/v4/{path}"), Fault::LostAfter);
        }
        let call = answered(1, CLIENT);
        let verdict = rig.bring(note(&call)).await;
        assert_eq!(word(&verdict), "done", "{told}");
        assert_eq!(rig.stand.calls().into_values().collect::<Vec<_>>(), [1], "{told}");
        assert_eq!(rig.stand.contacts_of("901112233").len(), 1, "{told}");
        // And again a revision, with what the look-up has left.
        let later = CallRow { revision: 2, result: Some(String::from("x")), ..call };
        assert_eq!(word(&rig.bring(amending(&later, verdict)).await), "done", "{told}");
        assert_eq!(rig.stand.calls().into_values().collect::<Vec<_>>(), [1], "{told}");
    }
}

#[tokio::test]
async fn a_missed_call_becomes_a_task_of_who_is_responsible_or_by_rule() {
    for (task, responsible, expected) in [
        (AmoTaskTo::Responsible, AZIZA, Some(AZIZA)),
        (AmoTaskTo::Responsible, 99, Some(BOBUR)), // switched off: who was rung last
        (AmoTaskTo::Rung, AZIZA, Some(BOBUR)),
        (AmoTaskTo::Operator("Aziza".into()), BOBUR, Some(AZIZA)),
        (AmoTaskTo::Operator("Dilnoza".into()), BOBUR, Some(BOBUR)),
    ] {
        let rig = Rig::new(Wish { task: task.clone(), ..Wish::default() }).await;
        rig.stand.user(99, "Former");
        rig.stand.switch_off_user(99);
        let contact = rig.stand.contact("Anvar", CLIENT, responsible);
        let call = missed(1, CLIENT);
        rig.faults.order("POST /api/v4/tasks", Fault::LostAfter);
        let verdict = rig.bring(call_back(&call)).await;
        assert_eq!(word(&verdict), "done", "{task:?}");
        let tasks = rig.stand.tasks();
        assert_eq!(tasks.len(), 1, "{task:?}");
        let given = &tasks[0];
        assert_eq!((given.entity, given.responsible), (contact, expected), "{task:?}");
        assert!(given.text.contains(CLIENT), "{given:?}");
        assert_eq!(given.complete_till, BEGAN + 160 + 3600);
        // A later revision gives no second one.
        let Verdict::Done { external } = verdict else { unreachable!() };
        let later = navbat::connect::deliver::Note { external, ..call_back(&call) };
        assert_eq!(word(&rig.amo.deliver(&later).await), "done");
        assert_eq!(rig.stand.tasks().len(), 1);
        // The client was reached: whatever becomes of the answer, the task is done in the end.
        let at = Wall::from_unix(BEGAN + 900);
        let body = NoteBody::Reached { call: call.id, at };
        let reached = navbat::connect::deliver::Note { body, ..later };
        rig.faults.order("PATCH /api/v4/tasks", Fault::LostBefore);
        rig.faults.order("PATCH /api/v4/tasks", Fault::LostAfter);
        assert_eq!(word(&rig.bring(reached.clone()).await), "done");
        let tasks = rig.stand.tasks();
        assert_eq!(tasks[0].result.as_deref(), Some("Mijoz bilan gaplashildi"));
        let external = Some(serde_json::json!({ "task": 999_999 }));
        let gone = navbat::connect::deliver::Note { external, ..reached.clone() };
        assert_eq!(word(&rig.amo.deliver(&gone).await), "skipped", "somebody took it away");
        let never = navbat::connect::deliver::Note { external: None, ..reached };
        assert_eq!(word(&rig.amo.deliver(&never).await), "skipped");
        assert_eq!(rig.stand.wrong(), [""; 0]);
    }
}

#[tokio::test]
async fn no_task_is_given_where_there_is_nothing_to_do() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.contact("Anvar", CLIENT, AZIZA);
    assert_eq!(word(&rig.amo.deliver(&call_back(&answered(2, CLIENT))).await), "skipped");
    let stranger = call_back(&missed(3, "+998907654321"));
    assert_eq!(word(&rig.amo.deliver(&stranger).await), "skipped");
    assert!(rig.stand.tasks().is_empty());
}
