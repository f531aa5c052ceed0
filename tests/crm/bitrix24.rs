//! Bitrix24, sentence by sentence of its contract: cards, the log, clients, tokens, limits.

use std::sync::atomic::Ordering;

use navbat::app::demo::bitrix24::Deal;
use navbat::app::demo::bitrix24_tokens::{CLIENT_ID, CLIENT_SECRET};
use navbat::app::demo::http::Fault;
use navbat::connect::crm::{Bitrix24Rate, read_bitrix24_installed};
use navbat::connect::deliver::{
    Brought, Consent, Crm, Found, Outlet, PopTold, Unwelcome, Verdict, Visits,
};
use navbat::model::{
    CallRow, ClientState, Direction, Disposition, NoteBody, OfferEnd, Outcome, Party, Period,
    PopState,
};

use super::bitrix24_portal::{
    BEGAN, CLIENT, LINE, World, answered, call_id, done, note, number, offer, show,
};

const REST: &str = "POST /rest/telephony.externalCall.";

fn talking() -> PopState {
    PopState::Talking { since: BEGAN }
}

fn over() -> PopState {
    PopState::Over { talk: Period::secs(125) }
}

#[tokio::test]
async fn the_card_is_where_the_telephone_rings_and_nowhere_else() {
    let world = World::new().await;
    let client = world.start();
    let call = call_id(1);
    let cards = || world.portal.cards(&call.to_string());
    let (one, other) = tokio::join!(
        show(&client, call, "Aziza", PopState::Ringing),
        show(&client, call, "Jasur", PopState::Ringing),
    );
    assert_eq!((one, other), (PopTold::Shown, PopTold::Shown));
    assert_eq!(cards(), [7, 300], "the user ids, one by configuration and one by extension");
    assert_eq!(world.portal.counts().registered, 1);
    assert_eq!(show(&client, call, "Aziza", talking()).await, PopTold::Shown);
    assert_eq!(cards(), [7], "who answered keeps it");
    let taken = PopState::TakenBy { operator: "Aziza".into() };
    assert_eq!(show(&client, call, "Jasur", taken).await, PopTold::Shown);
    assert_eq!(show(&client, call, "Aziza", over()).await, PopTold::Shown);
    assert!(cards().is_empty());
    done(&client, &note(&answered(call))).await;
    assert_eq!(world.portal.counts().registered, 1, "the log is of the call that rang");
    assert_eq!(world.times(call), 1);
}

#[tokio::test]
async fn whoever_is_not_there_gets_no_card_and_says_why() {
    let world = World::new().await;
    world.portal.set_active(7, false);
    let client = world.start();
    client.probe().await.unwrap();
    for operator in ["Aziza", "Malika", "Stranger"] {
        let told = show(&client, call_id(2), operator, PopState::Ringing).await;
        assert!(matches!(told, PopTold::NotShown { .. }), "{operator}: {told:?}");
    }
    assert_eq!(world.portal.counts().registered, 0);
    let told = show(&client, call_id(2), "Jasur", over()).await;
    assert!(matches!(told, PopTold::NotShown { .. }), "there was none: {told:?}");
}

#[tokio::test]
async fn a_call_that_the_portal_forgot_is_registered_anew_for_its_card() {
    let world = World::new().await;
    let client = world.start();
    let call = call_id(3);
    show(&client, call, "Aziza", PopState::Ringing).await;
    world.portal.forget();
    assert_eq!(show(&client, call, "Jasur", PopState::Ringing).await, PopTold::Shown);
    assert!(world.portal.cards(&call.to_string()).contains(&300));
}

#[tokio::test]
async fn a_call_is_logged_late_with_the_time_it_really_began() {
    let world = World::new().await;
    let client = world.start();
    let call = answered(call_id(4));
    let external = done(&client, &note(&call)).await;
    let [logged] = world.portal.finished().try_into().unwrap();
    assert_eq!(logged.external, Some(call.id.to_string()));
    assert_eq!(external["call_id"], logged.call_id.as_str());
    assert_eq!((logged.user, logged.seconds, logged.status.as_str()), (7, 125, "200"));
    assert_eq!((logged.kind, logged.number.as_str()), (2, CLIENT));
    assert_eq!(logged.began, "2026-11-20T05:00:00+00:00");
    assert_eq!(world.portal.lines(), [LINE]);
    assert_eq!(world.portal.cards_open(), 0, "nothing rings any more");
}

#[tokio::test]
async fn each_end_of_a_call_has_its_code_and_its_person() {
    let missed = |outcome: Option<Outcome>| {
        move |call: &mut CallRow| {
            (call.missed, call.talk, call.answered_by) = (true, Some(Period::ZERO), None);
            (call.disposition, call.outcome) = (Disposition::Missed, outcome);
        }
    };
    let unqueued = |end: OfferEnd| {
        move |call: &mut CallRow| {
            missed(None)(call);
            call.offers = vec![offer("Jasur", end)];
        }
    };
    let out = |disposition: Disposition| {
        move |call: &mut CallRow| {
            missed(None)(call);
            (call.direction, call.disposition) = (Some(Direction::Out), disposition);
            call.placed_by = Some("Bobur".into());
        }
    };
    type Change = Box<dyn Fn(&mut CallRow)>;
    let rows: Vec<(&str, u64, Change)> = vec![
        ("603-S", 7, Box::new(missed(Some(Outcome::Abandoned)))),
        ("603-S", 7, Box::new(missed(Some(Outcome::AbandonedShort)))),
        ("304", 7, Box::new(missed(Some(Outcome::TimedOut)))),
        ("304", 7, Box::new(missed(None))),
        ("486", 7, Box::new(unqueued(OfferEnd::Busy))),
        ("603", 7, Box::new(unqueued(OfferEnd::Rejected))),
        ("603-S", 7, Box::new(unqueued(OfferEnd::CallerGone))),
        ("304", 8, Box::new(out(Disposition::NoAnswer))),
        ("486", 8, Box::new(out(Disposition::Busy))),
        ("603-S", 8, Box::new(out(Disposition::Cancelled))),
        ("200", 1, Box::new(|call| call.answered_by = Some("Malika".into()))),
        ("200", 300, Box::new(|call| call.answered_by = Some("ext:203".into()))),
    ];
    let world = World::new().await;
    let client = world.start();
    for (at, (status, user, change)) in rows.into_iter().enumerate() {
        let mut call = answered(call_id(100 + at as u64));
        change(&mut call);
        done(&client, &note(&call)).await;
        let logged = world.portal.finished().pop().unwrap();
        assert_eq!((logged.status.as_str(), logged.user), (status, user), "row {at}");
        let kind = if call.direction == Some(Direction::Out) { 1 } else { 2 };
        assert_eq!(logged.kind, kind, "row {at}");
    }
}

#[tokio::test]
async fn what_cannot_stand_in_a_crm_is_passed_over_with_a_reason() {
    let world = World::new().await;
    let client = world.start();
    let mut hidden = answered(call_id(5));
    hidden.client = Some(Party::Hidden);
    let mut inside = answered(call_id(6));
    inside.direction = Some(Direction::Internal);
    for call in [hidden, inside] {
        let verdict = client.deliver(&note(&call)).await;
        assert!(matches!(verdict, Verdict::Skipped { .. }), "{verdict:?}");
    }
    let mut back = note(&answered(call_id(7)));
    back.body = NoteBody::CallBack { call: Box::new(answered(call_id(7))) };
    assert!(matches!(client.deliver(&back).await, Verdict::Skipped { .. }));
    assert!(world.portal.finished().is_empty());
}

#[tokio::test]
async fn the_record_is_attached_once_the_call_is_listed_and_when_it_comes_late() {
    let world = World::new().await;
    let client = world.start();
    world.portal.list_late(2);
    let mut call = answered(call_id(8));
    call.recording_url = Some(String::from("https://rec.example.uz/8.WAV?sig=1"));
    let mut note = note(&call);
    for tries in 1..=2 {
        note.tries = tries;
        let verdict = client.deliver(&note).await;
        assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    }
    note.tries = 3;
    let external = done(&client, &note).await;
    let record = |at: usize| world.portal.finished()[at].record.clone();
    assert_eq!((world.times(call.id), record(0)), (1, call.recording_url.clone()));
    // An amended note: the same recording is nothing to do, another one replaces it.
    note.external = Some(external);
    assert!(matches!(client.deliver(&note).await, Verdict::Skipped { .. }));
    call.recording_url = Some(String::from("https://rec.example.uz/8-whole.mp3"));
    note.body = NoteBody::Call { call: Box::new(call.clone()) };
    done(&client, &note).await;
    assert_eq!((world.times(call.id), record(0)), (1, call.recording_url));
    // A recording that cannot be fetched is tried again; the call itself is there.
    world.portal.list_late(0);
    world.portal.cannot_fetch(true);
    let mut other = answered(call_id(9));
    other.recording_url = Some(String::from("https://rec.example.uz/9.mp3"));
    let mut note = super::bitrix24_portal::note(&other);
    assert!(matches!(client.deliver(&note).await, Verdict::Retry { .. }));
    world.portal.cannot_fetch(false);
    note.tries = 2;
    done(&client, &note).await;
    assert_eq!(world.times(other.id), 1);
}

#[tokio::test]
async fn a_lost_finish_is_looked_up_before_it_is_sent_again() {
    let world = World::new().await;
    let client = world.start();
    for (at, fault, there) in [
        (10, Fault::LostAfter, true),
        (11, Fault::CutAfter, true),
        (12, Fault::PageAfter(200), true),
        (13, Fault::LostBefore, false),
        (14, Fault::PageBefore(502), false),
    ] {
        let call = answered(call_id(at));
        let mut note = note(&call);
        world.faults.order(&format!("{REST}finish"), fault);
        let verdict = client.deliver(&note).await;
        assert!(matches!(verdict, Verdict::Ambiguous { .. }), "{fault:?}: {verdict:?}");
        // Whoever looks it up may have been started since.
        for looks in [&client, &world.start()] {
            let found = looks.look_up(&note).await;
            assert_eq!(matches!(found, Found::Yes { .. }), there, "{fault:?}: {found:?}");
        }
        note.tries = 2;
        done(&world.start(), &note).await;
        assert_eq!(world.times(call.id), 1, "{fault:?}");
    }
    assert_eq!(world.portal.counts().finished_twice, 0);
}

#[tokio::test]
async fn a_forgotten_call_is_registered_again_before_it_is_finished() {
    let world = World::new().await;
    let client = world.start();
    let call = answered(call_id(15));
    show(&client, call.id, "Aziza", PopState::Ringing).await;
    world.portal.forget();
    done(&client, &note(&call)).await;
    assert_eq!((world.times(call.id), world.portal.counts().registered), (1, 2));
    assert_eq!(world.portal.finished()[0].began, "2026-11-20T05:00:00+00:00");
}

#[tokio::test]
async fn a_person_who_was_switched_off_since_does_not_lose_the_call() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    world.portal.set_active(7, false);
    world.portal.set_active(8, false);
    let call = answered(call_id(16));
    done(&client, &note(&call)).await;
    assert_eq!((world.times(call.id), world.portal.finished()[0].user), (1, 1));
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn installed_with(refresh_token: &str) -> String {
    form(&[
        ("event", "ONAPPINSTALL"),
        ("auth[application_token]", "51610fefc120"),
        ("auth[refresh_token]", refresh_token),
    ])
}

/// Bobur, user 8, clicks the client's number.
fn clicked_with(application_token: &str, call_id: &str) -> String {
    form(&[
        ("event", "ONEXTERNALCALLSTART"),
        ("data[USER_ID]", "8"),
        ("data[PHONE_NUMBER_INTERNATIONAL]", CLIENT),
        ("data[CALL_ID]", call_id),
        ("auth[application_token]", application_token),
    ])
}

/// Whoever learns the address must not be able to dial, nor to end the traffic with the portal.
#[tokio::test]
async fn a_forged_event_has_no_effect_and_ends_nothing() {
    let world = World::new().await;
    let client = world.start();
    let address = "https://navbat.example.uz/callbacks/b24/secret";
    let take = async |body: String| client.take("", body.as_bytes(), address).await;
    let click = || clicked_with("51610fefc120", "externalCall.1");
    assert_eq!(take(click()).await, Err(Unwelcome::Forged), "it was never installed");
    let forged = installed_with("refresh-that-nobody-issued");
    assert_eq!(take(forged).await, Err(Unwelcome::Forged));
    done(&client, &note(&answered(call_id(40)))).await;
    let first = world.portal.tokens(|tokens| tokens.first());
    assert_eq!(take(installed_with(&first)).await, Ok(Brought::Taken));
    assert_eq!(take(clicked_with("guessed", "externalCall.1")).await, Err(Unwelcome::Forged));
    let other = click().replace("ONEXTERNALCALLSTART", "ONCRMDEALADD");
    assert!(matches!(take(other).await, Err(Unwelcome::Useless(_))));
    done(&client, &note(&answered(call_id(41)))).await;
}

/// A person connects the portal on its own page of consent.
#[tokio::test]
async fn a_consent_of_this_portal_connects_it_and_one_of_another_does_not() {
    let world = World::new().await;
    let client = world.start_with(|settings| settings.token = None);
    let page = client.consent_page("the state").unwrap();
    let begin = format!("{}/oauth/authorize/?client_id={CLIENT_ID}&", world.served.base());
    assert!(page.starts_with(&begin) && page.ends_with("state=the+state"), "{page}");
    let code = world.portal.tokens(|tokens| tokens.consent());
    let of = |host: &str| Consent { code: code.clone(), account: Some(host.to_owned()) };
    let address = "https://navbat.example.uz/callbacks/b24/secret";
    assert!(client.consent(&of("evil.bitrix24.uz"), address).await.is_err());
    client.consent(&of("example.bitrix24.uz"), address).await.unwrap();
    assert_eq!(world.portal.handler().as_deref(), Some(address));
    done(&client, &note(&answered(call_id(42)))).await;
}

#[tokio::test]
async fn a_clicked_call_is_only_finished() {
    let world = World::new().await;
    let client = world.start();
    let call_id_there = world.portal.click(8, CLIENT);
    let mut call = answered(call_id(17));
    call.direction = Some(Direction::Out);
    call.placed_by = Some("Bobur".into());
    let first = world.portal.tokens(|tokens| tokens.first());
    let address = "https://navbat.example.uz/callbacks/b24/secret";
    let installed = installed_with(&first);
    let taken = client.take("", installed.as_bytes(), address).await;
    assert_eq!(taken, Ok(Brought::Taken));
    assert_eq!(world.portal.handler().as_deref(), Some(address));
    let click = clicked_with("51610fefc120", &call_id_there);
    let taken = client.take("", click.as_bytes(), address).await;
    let (operator, number) = ("Bobur".into(), number(CLIENT));
    assert_eq!(taken, Ok(Brought::Click { operator, number }));
    world.faults.order(&format!("{REST}finish"), Fault::LostAfter);
    let note = note(&call);
    assert!(matches!(client.deliver(&note).await, Verdict::Ambiguous { .. }));
    assert!(matches!(client.look_up(&note).await, Found::Yes { .. }), "by the portal's own id");
    let [logged] = world.portal.finished().try_into().unwrap();
    assert_eq!((logged.call_id, logged.user), (call_id_there, 8));
    assert_eq!(world.portal.counts().registered, 1, "the click itself");
}

#[tokio::test]
async fn everybody_with_the_number_is_shown_the_likeliest_first() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    let view = client.client(&number(CLIENT)).await;
    assert_eq!(view.state, ClientState::Known);
    let ids: Vec<&str> = view.matches.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["contact:651", "contact:652", "company:643", "lead:31"]);
    let first = &view.matches[0];
    assert_eq!(first.responsible.as_deref(), Some("Aziza Karimova"));
    assert_eq!(first.responsible_operator, Some("Aziza".into()));
    let link = "https://example.bitrix24.uz/crm/contact/details/651/";
    assert_eq!(first.link.as_deref(), Some(link));
    let company = &view.matches[2];
    assert_eq!(company.responsible_operator, Some("Bobur".into()), "by extension");
    assert_eq!(view.matches[1].responsible_operator, None, "Dilnoza is no operator of ours");
    assert_eq!(client.client(&number("+998909999999")).await.state, ClientState::Unknown);
    world.portal.hold(Some((500, "INTERNAL_SERVER_ERROR")));
    assert_eq!(client.client(&number(CLIENT)).await.state, ClientState::Failed);
}

#[tokio::test]
async fn the_open_deals_of_the_first_contact_come_in_the_same_request() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    let number = number("+998907777777");
    world.portal.add_entity("CONTACT", 700, number.reveal(), 8);
    let deal = |id, contact, closed| Deal {
        id,
        title: format!("Deal {id}"),
        stage: "C1:NEW",
        contact,
        assigned: 8,
        closed,
    };
    // The lead of the other client has the number of a stranger's contact.
    world.portal.add_deals(vec![
        deal(1, 700, false),
        deal(2, 700, true),
        deal(3, 700, false),
        deal(4, 31, false),
    ]);
    let before = world.portal.counts().requests;
    let view = client.client(&number).await;
    assert_eq!(world.portal.counts().requests, before + 1);
    let deals = &view.matches[0].deals;
    let names: Vec<&str> = deals.iter().map(|deal| deal.name.as_str()).collect();
    assert_eq!(names, ["Deal 3", "Deal 1"], "open ones, the newest first");
    assert_eq!(deals[0].stage.as_deref(), Some("C1:NEW"));
    assert_eq!(deals[0].responsible_operator, Some("Bobur".into()));
    let link = "https://example.bitrix24.uz/crm/deal/details/3/";
    assert_eq!(deals[0].link.as_deref(), Some(link));
    let view = client.client(&super::bitrix24_portal::number(CLIENT)).await;
    assert!(view.matches.iter().all(|one| one.deals.is_empty()), "{:?}", view.matches);
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_for_everybody_who_meets_it() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    let exchanged = || world.portal.tokens(|tokens| (tokens.exchanged, tokens.reused));
    assert_eq!(exchanged(), (1, 0), "the configured token, once");
    for _ in 0..20 {
        client.client(&number(CLIENT)).await;
    }
    assert_eq!(exchanged(), (1, 0), "never by the clock or before a request");
    world.portal.tokens(|tokens| tokens.expire());
    let numbers: Vec<_> = (0..5).map(|_| number(CLIENT)).collect();
    let asked = numbers.iter().map(|number| client.client(number));
    for view in futures_util::future::join_all(asked).await {
        assert_eq!(view.state, ClientState::Known);
    }
    assert_eq!(exchanged(), (2, 0));
    // A restart goes on with the kept tokens, not with the spent one of the configuration.
    let client = world.start();
    assert_eq!(client.client(&number(CLIENT)).await.state, ClientState::Known);
    world.portal.tokens(|tokens| tokens.expire());
    assert_eq!(client.client(&number(CLIENT)).await.state, ClientState::Known);
    assert_eq!(exchanged(), (3, 0));
}

#[tokio::test]
async fn tokens_are_kept_before_they_are_used() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    world.portal.tokens(|tokens| tokens.expire());
    world.shelf.refuses.store(true, Ordering::SeqCst);
    let call = answered(call_id(20));
    let mut note = note(&call);
    let verdict = client.deliver(&note).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    let exchanged = || world.portal.tokens(|tokens| (tokens.exchanged, tokens.reused));
    assert_eq!(exchanged(), (2, 0));
    world.shelf.refuses.store(false, Ordering::SeqCst);
    note.tries = 2;
    done(&client, &note).await;
    assert_eq!(exchanged(), (2, 0), "the tokens that could not be kept were not lost");
}

#[tokio::test]
async fn a_lost_exchange_is_repeated_and_a_refusal_ends_all_traffic() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    world.portal.tokens(|tokens| tokens.expire());
    world.faults.order("GET /oauth/token", Fault::LostAfter);
    let mut note = note(&answered(call_id(21)));
    let verdict = client.deliver(&note).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    note.tries = 2;
    done(&client, &note).await;
    world.portal.tokens(|tokens| tokens.expire());
    world.portal.tokens(|tokens| tokens.refuses = Some((400, "invalid_grant")));
    let mut note = super::bitrix24_portal::note(&answered(call_id(22)));
    let verdict = client.deliver(&note).await;
    let Verdict::Paused { state: "needs_reauth", probe: None, .. } = verdict else {
        panic!("{verdict:?}");
    };
    let before = world.portal.counts().requests;
    world.portal.tokens(|tokens| tokens.refuses = None);
    for _ in 0..3 {
        assert!(matches!(client.deliver(&note).await, Verdict::Paused { .. }));
    }
    let asked = world.portal.counts().requests - before;
    assert!(asked <= 6, "the portal is asked with the old token only, {asked} times");
    assert_eq!(world.portal.tokens(|tokens| tokens.reused), 0);
    // A person connects it again.
    let code = world.portal.tokens(|tokens| tokens.consent());
    client.connect(&code).await.unwrap();
    note.tries = 2;
    done(&client, &note).await;
}

#[tokio::test]
async fn an_unpaid_token_server_is_a_pause_and_no_end() {
    let world = World::new().await;
    world.portal.tokens(|tokens| tokens.refuses = Some((402, "PAYMENT_REQUIRED")));
    let client = world.start();
    let verdict = client.deliver(&note(&answered(call_id(23)))).await;
    let Verdict::Paused { state: "unpaid", probe: Some(_), .. } = verdict else {
        panic!("{verdict:?}");
    };
    world.portal.tokens(|tokens| tokens.refuses = None);
    done(&client, &note(&answered(call_id(23)))).await;
}

#[tokio::test]
async fn an_installation_connects_the_portal_and_a_false_one_does_not() {
    let world = World::new().await;
    let client = world.start_with(|settings| settings.token = None);
    let verdict = client.deliver(&note(&answered(call_id(24)))).await;
    assert!(matches!(verdict, Verdict::Paused { state: "needs_reauth", .. }), "{verdict:?}");
    let event = |refresh: &str| {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("event", "ONAPPINSTALL")
            .append_pair("auth[application_token]", "51610fefc120")
            .append_pair("auth[refresh_token]", refresh)
            .finish();
        read_bitrix24_installed(body.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    };
    assert!(client.adopt(event("refresh-that-nobody-issued")).await.is_err());
    assert!(client.application_token().await.unwrap().is_none());
    let first = world.portal.tokens(|tokens| tokens.first());
    client.adopt(event(&first)).await.unwrap();
    assert!(client.application_token().await.unwrap().is_some());
    done(&client, &note(&answered(call_id(24)))).await;
    client.subscribe("https://navbat.example.uz/hooks/b24").await.unwrap();
    assert_eq!(world.portal.handler().as_deref(), Some("https://navbat.example.uz/hooks/b24"));
}

#[tokio::test]
async fn tokens_of_another_portal_are_refused_before_anything_is_sent_there() {
    let (world, other) = (World::new().await, World::new().await);
    let elsewhere = format!("{}/rest/", other.served.base());
    for endpoint in [elsewhere.as_str(), "https://evil.uz/rest/", "", "http://127.0.0.1/rest/"] {
        world.portal.tokens(|tokens| tokens.endpoint = Some(endpoint.to_owned()));
        let verdict = world.start().deliver(&note(&answered(call_id(25)))).await;
        assert!(matches!(verdict, Verdict::Paused { state: "needs_reauth", .. }), "{verdict:?}");
        world.portal.tokens(|tokens| tokens.endpoint = None);
    }
    assert_eq!((world.portal.counts().requests, other.portal.counts().requests), (0, 0));
    // An address that is not allowed is refused by the guard.
    let base = Some(other.served.base());
    let client = world.start_with(|settings| settings.base = base);
    let verdict = client.deliver(&note(&answered(call_id(26)))).await;
    assert!(matches!(verdict, Verdict::Paused { state: "address_refused", .. }), "{verdict:?}");
}

#[tokio::test]
async fn several_portals_are_served_at_once() {
    let worlds = [World::new().await, World::new().await, World::new().await];
    for (at, world) in worlds.iter().enumerate() {
        let client = world.start_with(|settings| settings.name = format!("b{at}").into());
        done(&client, &note(&answered(call_id(30 + at as u64)))).await;
    }
    for (at, world) in worlds.iter().enumerate() {
        assert_eq!(world.portal.finished().len(), 1, "portal {at}");
        assert_eq!(world.times(call_id(30 + at as u64)), 1, "portal {at}");
    }
}

#[tokio::test]
async fn the_whole_portal_rests_after_a_refusal_and_the_states_are_told_apart() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    for (status, code, state) in [
        (503, "OVERLOAD_LIMIT", "overloaded"),
        (403, "WRONG_AUTH_TYPE", "needs_reauth"),
        (403, "ACCESS_DENIED", "unpaid"),
        (500, "PORTAL_DELETED", "portal_deleted"),
    ] {
        world.portal.hold(Some((status, code)));
        let verdict = client.deliver(&note(&answered(call_id(40)))).await;
        let Verdict::Paused { state: told, .. } = verdict else { panic!("{code}: {verdict:?}") };
        assert_eq!(told, state, "{code}");
    }
    world.portal.hold(Some((503, "QUERY_LIMIT_EXCEEDED")));
    let verdict = client.deliver(&note(&answered(call_id(40)))).await;
    assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    world.portal.hold(None);
    // It rests now: a card asked for meanwhile does not leave.
    let before = world.portal.counts().requests;
    let ring = show(&client, call_id(41), "Aziza", PopState::Ringing);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), ring).await;
    assert!(waited.is_err());
    assert_eq!(world.portal.counts().requests, before);
}

#[tokio::test]
async fn a_ring_goes_ahead_of_a_backlog_and_the_limit_is_never_met() {
    // Ten times the real speed: 20 a second with the real burst of 50.
    let world = World::with_rate(Bitrix24Rate { per_second: 20.0, burst: 50.0 }).await;
    let client = std::sync::Arc::new(world.start());
    client.probe().await.unwrap();
    let backlog: Vec<_> = (0..12)
        .map(|at| {
            let client = client.clone();
            tokio::spawn(async move { done(&client, &note(&answered(call_id(50 + at)))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for at in 0..8 {
        let told = show(&client, call_id(80 + at), "Aziza", PopState::Ringing).await;
        assert_eq!(told, PopTold::Shown);
    }
    // Were all equal, sixteen requests for cards would end long after a backlog of fifty.
    let left = backlog.iter().filter(|one| !one.is_finished()).count();
    assert!(left > 0, "the cards waited for the backlog");
    for one in backlog {
        one.await.unwrap();
    }
    assert_eq!(world.portal.counts().limited, 0);
}

#[tokio::test]
async fn no_error_tells_a_secret_or_a_number() {
    let world = World::new().await;
    let client = world.start();
    client.probe().await.unwrap();
    let mut told = Vec::new();
    for code in ["ERROR_CORE", "NO_AUTH_FOUND", "OVERLOAD_LIMIT", "WHATEVER"] {
        world.portal.hold(Some((400, code)));
        told.push(format!("{:?}", client.deliver(&note(&answered(call_id(60)))).await));
        told.push(format!("{:?}", show(&client, call_id(61), "Aziza", PopState::Ringing).await));
    }
    world.portal.hold(None);
    for fault in [Fault::LostBefore, Fault::PageAfter(502), Fault::CutAfter] {
        world.faults.order("POST /rest/", fault);
        told.push(format!("{:?}", client.deliver(&note(&answered(call_id(62)))).await));
        world.portal.tokens(|tokens| tokens.expire());
        world.faults.order("GET /oauth/", fault);
        told.push(format!("{:?}", client.deliver(&note(&answered(call_id(63)))).await));
    }
    world.portal.tokens(|tokens| tokens.expire());
    world.portal.tokens(|tokens| tokens.refuses = Some((400, "invalid_grant")));
    told.push(format!("{:?}", client.deliver(&note(&answered(call_id(64)))).await));
    for text in told {
        for secret in [CLIENT_SECRET, "access0", "refresh0", "901112233", "/oauth/", "/rest/"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
