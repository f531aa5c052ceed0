//! The main job: a webhook goes in, the card is on the stream, and says who took the call.

use std::time::{Duration, Instant};

use super::rig::{SIPUNI, Site, leg, started};

#[tokio::test]
async fn a_webhook_is_a_card_within_a_second_and_the_card_says_who_took_it() {
    let site = Site::new();
    let server = site.serve();
    let token = site.printed(&["token", "create", "--role", "supervisor", "--name", "t"]);
    let mut stream = server.stream(&token).await;
    let call = "1795150800.1";
    assert_eq!(server.get(SIPUNI, &started(call, "998901234567")).await, Some(200));
    let sent = Instant::now();
    assert_eq!(server.get(SIPUNI, &leg(1, call, "998901234567", "201")).await, Some(200));
    let card = stream.next("pop").await;
    assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
    assert_eq!(card["operator"], "Dilnoza");
    assert_eq!(card["state"]["is"], "ringing");
    assert_eq!(card["client"], "+998901234567");
    assert_eq!(card["queue"], "sales");
    assert_eq!(server.get(SIPUNI, &leg(1, call, "998901234567", "202")).await, Some(200));
    assert_eq!(stream.next("pop").await["operator"], "Sardor");
    assert_eq!(server.get(SIPUNI, &leg(3, call, "998901234567", "202")).await, Some(200));
    let (one, other) = (stream.next("pop").await, stream.next("pop").await);
    let of = |name: &str| if one["operator"] == name { one.clone() } else { other.clone() };
    assert_eq!(of("Sardor")["state"]["is"], "talking");
    assert_eq!(of("Dilnoza")["state"]["is"], "taken_by");
    assert_eq!(of("Dilnoza")["state"]["operator"], "Sardor");
    let end = format!("{}&status=ANSWER&last_called=202", leg(2, call, "998901234567", "202"));
    assert_eq!(server.get(SIPUNI, &end).await, Some(200));
    let calls = server.until(&token, "/calls", |calls| calls["items"][0]["settled"] == true).await;
    assert_eq!(calls["items"][0]["answered_by"], "Sardor");
    assert_eq!(calls["items"][0]["outcome"], "answered");
    let told = site.printed(&["explain", "sipuni-main/1795150800.1", "--lang", "en"]);
    assert!(told.contains("Sardor talked with the client first"), "{told}");
}

#[tokio::test]
async fn a_stranger_gets_403_nonsense_400_and_what_is_not_known_200() {
    let site = Site::new();
    let server = site.serve();
    let event = started("1795150800.2", "998901234567");
    let wrong = SIPUNI.replace("4c1f", "0000");
    assert_eq!(server.get(&wrong, &event).await, Some(403));
    assert_eq!(server.get(&wrong.replace("sipuni-main", "nobody"), &event).await, Some(403));
    assert_eq!(server.get(&SIPUNI.replace("/sipuni/", "/onlinepbx/"), &event).await, Some(403));
    let foreign = event.replace("user_id=047218", "user_id=999999");
    assert_eq!(server.get(SIPUNI, &foreign).await, Some(403));
    assert_eq!(server.get(SIPUNI, "event=9&call_id=1.1&user_id=047218").await, Some(200));
    assert_eq!(server.get(SIPUNI, "event=%FF%FE").await, Some(400));
    let token = site.printed(&["token", "create", "--role", "admin", "--name", "t"]);
    let calls = server.api(&token, "/calls").await;
    assert_eq!(calls["items"].as_array().unwrap().len(), 0, "{calls}");
}
