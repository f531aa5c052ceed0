//! The live stream: numbers, resume, gaps, filters, ends.

use navbat::model::{Live, Name, Period, Pop, PopState};
use serde_json::Value;

use crate::rig::{MORNING, Rig, Stream, lives, made};

fn pop(operator: &str) -> Live {
    Live::Pop(Box::new(made::pop(operator, "sales")))
}

/// Somebody else changed the database: an open stream is looked at again with every ping.
#[tokio::test]
async fn an_open_stream_ends_after_a_change_of_role_and_when_disabled() {
    let patience = navbat::web::Patience {
        ping: std::time::Duration::from_millis(50),
        ..navbat::web::Patience::default()
    };
    let rig = Rig::with(crate::rig::Wish { patience, ..Default::default() }).await;
    for (who, role, disabled) in [("aziza", "wallboard", false), ("bobur", "operator", true)] {
        let mut stream = Stream::open(&rig, who, None).await;
        assert_eq!(stream.next().await.unwrap().1, "hello");
        let mut person = rig.store.person(who).await.unwrap().unwrap();
        person.role = String::from(role);
        person.disabled = disabled;
        rig.store.save_person(&person).await.unwrap();
        rig.pass(10_001); // what is remembered of a person is believed for ten seconds
        while stream.next().await.is_some() {}
    }
}

#[tokio::test]
async fn a_pop_reaches_its_operator_and_nobody_elses_screen() {
    let rig = Rig::start().await;
    let mut aziza = Stream::open(&rig, "aziza", None).await;
    let mut bobur = Stream::open(&rig, "bobur", None).await;
    let mut chief = Stream::open(&rig, "supervisor", None).await;
    for stream in [&mut aziza, &mut bobur, &mut chief] {
        assert_eq!(stream.next().await.unwrap().1, "hello");
    }
    let first = rig.hub.publish(pop("Aziza"));
    let second = rig.hub.publish(pop("Bobur"));
    assert!(second > first);
    let (id, event, data) = aziza.next().await.unwrap();
    assert_eq!((id, event.as_str()), (first, "pop"));
    let data: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(data["state"]["is"], "ringing");
    assert_eq!(data["client"]["display"], "+998 90 ••• •• 67");
    assert_eq!(data["line"], "+998781500001", "our own line is no secret");
    assert_eq!(bobur.next().await.unwrap().0, second);
    assert_eq!((chief.next().await.unwrap().0, chief.next().await.unwrap().0), (first, second));
}

#[tokio::test]
async fn the_card_of_a_colleagues_conversation_says_who_talks_and_how_long_they_did() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "aziza", None).await;
    assert_eq!(stream.next().await.unwrap().1, "hello");
    for (talk, told) in [(None, Value::Null), (Some(Period::millis(2500)), Value::from(2.5))] {
        let (operator, since) = (Name::from("Bobur"), MORNING);
        let state = PopState::Fyi { operator, since, talk };
        let pop = Pop { state, ..made::pop("Aziza", "sales") };
        let id = rig.hub.publish(Live::Pop(Box::new(pop)));
        let (seq, event, data) = stream.next().await.unwrap();
        assert_eq!((seq, event.as_str()), (id, "pop"));
        let data: Value = serde_json::from_str(&data).unwrap();
        let state = &data["state"];
        assert_eq!((&state["is"], &state["operator"]), (&"fyi".into(), &"Bobur".into()));
        assert_eq!(state["talk_seconds"], told);
    }
}

#[tokio::test]
async fn a_reader_that_comes_back_gets_what_it_missed() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "aziza", None).await;
    let hello = stream.next().await.unwrap().0;
    let ids: Vec<u64> = (0..3).map(|_| rig.hub.publish(pop("Aziza"))).collect();
    assert_eq!(stream.next().await.unwrap().0, ids[0]);
    drop(stream);

    let mut again = Stream::open(&rig, "aziza", Some(ids[0])).await;
    assert_eq!(again.next().await.unwrap().0, ids[1]);
    assert_eq!(again.next().await.unwrap().0, ids[2]);
    let (id, event, _) = again.next().await.unwrap();
    assert_eq!((id, event.as_str()), (ids[2], "hello"));

    let mut all = Stream::open(&rig, "aziza", Some(hello)).await;
    assert_eq!(all.next().await.unwrap().0, ids[0], "from the very beginning");
}

/// A call is told of twenty times; whoever comes back reads how it stands.
#[tokio::test]
async fn a_reader_that_comes_back_gets_a_call_once() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "supervisor", None).await;
    let hello = stream.next().await.unwrap().0;
    let call = |id| Live::Call(Box::new(made::call(id, "Aziza", "sales")));
    let told = [call(1), pop("Aziza"), call(2), call(1)].map(|live| rig.hub.publish(live));
    for id in told {
        assert_eq!(stream.next().await.unwrap().0, id, "an open stream misses none");
    }
    let mut again = Stream::open(&rig, "supervisor", Some(hello)).await;
    for id in &told[1..] {
        assert_eq!(again.next().await.unwrap().0, *id);
    }
    assert_eq!(again.next().await.unwrap().1, "hello");
}

#[tokio::test]
async fn an_unknown_place_is_a_resync() {
    let rig = Rig::start().await;
    rig.hub.publish(pop("Aziza"));
    for last in [1, u64::MAX] {
        let mut stream = Stream::open(&rig, "aziza", Some(last)).await;
        let (id, event, _) = stream.next().await.unwrap();
        assert_eq!((id, event.as_str()), (rig.hub.last(), "resync"));
    }
}

#[tokio::test]
async fn ids_rise_over_a_restart() {
    let before = navbat::web::Hub::new(navbat::model::Wall(1_000));
    let mut last = 0;
    for _ in 0..10_000 {
        last = before.publish(pop("Aziza"));
    }
    let after = navbat::web::Hub::new(navbat::model::Wall(1_011));
    assert!(after.last() > last);
}

/// Nobody reads the socket, so the buffers of the stream fill; the hub goes on, and the reader
/// is told to read everything again.
#[tokio::test]
async fn a_slow_reader_slows_nobody_and_is_told() {
    let rig = Rig::start().await;
    let mut slow = Stream::open(&rig, "aziza", None).await;
    assert_eq!(slow.next().await.unwrap().1, "hello");
    let mut last = 0;
    for _ in 0..100_000 {
        last = rig.hub.publish(pop("Aziza"));
    }
    assert_eq!(rig.hub.last(), last);
    let mut events = 0;
    let resync = loop {
        let (id, event, _) = slow.next().await.unwrap();
        events += 1;
        if event == "resync" {
            break id;
        }
    };
    assert!(resync <= last && events < 100_000, "{events} events, then resync at {resync}");
}

#[tokio::test]
async fn each_role_gets_its_kinds_of_events() {
    let rig = Rig::start().await;
    for (who, expected) in [
        ("aziza", vec!["pop", "call", "operator", "queue", "episode"]),
        ("bobur", vec!["operator", "queue"]),
        ("supervisor", vec!["pop", "call", "operator", "queue", "episode"]),
        ("scoped", vec![]),
        ("integrator", vec!["call", "operator", "queue"]),
        ("wallboard", vec!["operator", "queue"]),
    ] {
        let mut stream = Stream::open(&rig, who, None).await;
        stream.next().await.unwrap();
        for live in lives() {
            rig.hub.publish(live);
        }
        let mut seen = Vec::new();
        for _ in &expected {
            seen.push(stream.next().await.unwrap().1);
        }
        assert_eq!(seen, expected, "{who}");
    }
}

#[tokio::test]
async fn a_stop_is_told_and_ends_the_stream() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "aziza", None).await;
    stream.next().await.unwrap();
    rig.stop();
    assert_eq!(stream.next().await.unwrap().1, "server-restart");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn signing_out_ends_the_stream_at_once() {
    let rig = Rig::start().await;
    let (cookie, csrf) = rig.sign_in("aziza", "operator").await;
    let request = rig.http.get(rig.url("/api/v1/events")).header("Cookie", &cookie);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut stream = Stream::of(response);
    assert_eq!(stream.next().await.unwrap().1, "hello");
    let out = rig.http.post(rig.url("/api/v1/logout")).header("Cookie", &cookie);
    assert_eq!(out.header("X-CSRF-Token", csrf).send().await.unwrap().status(), 204);
    assert!(stream.next().await.is_none());
}
