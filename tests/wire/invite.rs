//! INVITE transactions and sessions: timers, losses, forks, CANCEL races, late offers.

use navbat::sip::{Cause, Refuse};

use crate::desk::{ANSWER, Ask, CARRIER, Desk, OFFER, carrier_invite, from_callee, inside, sdp};

#[test]
fn an_invite_is_repeated_until_timer_b() {
    // RFC 3261 section 17.1.1.2: timer A doubles from T1, timer B ends it after 64 × T1.
    let mut desk = Desk::new();
    let start = desk.now;
    let (_, first) = desk.call_out(Some(OFFER));
    desk.wait(40_000);
    let copies = desk.take();
    let times: Vec<u64> = copies.iter().map(|copy| copy.at - start).collect();
    assert_eq!(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(copies.iter().all(|copy| copy.text == first.text));
    assert_eq!(desk.names(), ["silent", "refused 408"]);
    desk.nothing_left();
}

#[test]
fn a_provisional_answer_stops_the_copies() {
    // RFC 3261 section 17.1.1.2, figure 5.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(100, "", "", ""));
    desk.wait(60_000);
    assert_eq!(desk.whats(), Vec::<String>::new());
    desk.receive(CARRIER, &invite.reply(180, "b", "", ""));
    assert_eq!(desk.names(), ["progress 180"]);
    let now = desk.now();
    desk.stack.cancel(id, &Cause::none(), now);
    desk.drain();
    let cancel = desk.the("CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    desk.receive(CARRIER, &cancel.reply(200, "b", "", ""));
    desk.receive(CARRIER, &invite.reply(487, "b", "", ""));
    assert_eq!(desk.whats(), ["ACK"]);
    assert_eq!(desk.names(), ["refused 487"]);
    desk.nothing_left();
}

#[test]
fn a_refusal_is_acknowledged_every_time_it_comes() {
    // RFC 3261 section 17.1.1.3: same branch, same request URI; timer D catches the copies.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    for _ in 0..3 {
        desk.receive(CARRIER, &invite.reply(486, "b", "Retry-After: 9\r\n", ""));
    }
    let acks = desk.take();
    assert_eq!(acks.len(), 3);
    for ack in &acks {
        assert_eq!(ack.what(), "ACK");
        assert_eq!(ack.branch(), invite.branch());
        assert_eq!(ack.cseq(), invite.cseq());
        assert_eq!(ack.tag("To"), "b");
    }
    assert_eq!(desk.names(), ["refused 486"]);
    desk.wait(33_000);
    desk.receive(CARRIER, &invite.reply(486, "b", "", ""));
    assert!(desk.take().is_empty(), "timer D is over");
    desk.nothing_left();
}

#[test]
fn a_success_is_acknowledged_every_time_it_comes() {
    // RFC 3261 section 13.2.2.4 and RFC 6026: the ACK has its own branch.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    let ok = invite.reply(200, "b", "Contact: <sip:b@192.0.2.10:5062>\r\n", ANSWER);
    desk.receive(CARRIER, &ok);
    let first = desk.the("ACK");
    assert_ne!(first.branch(), invite.branch());
    assert_eq!(first.first(), "ACK sip:b@192.0.2.10:5062 SIP/2.0");
    assert_eq!(first.hop.peer, "192.0.2.10:5062".parse().unwrap());
    desk.wait(1000);
    desk.receive(CARRIER, &ok);
    assert_eq!(desk.the("ACK").text, first.text);
    assert_eq!(desk.names(), ["answered sdp"]);
    let now = desk.now();
    desk.stack.bye(id, &Cause::normal(), now);
    desk.drain();
    let bye = desk.the("BYE");
    assert_eq!(bye.header("Reason"), Some("Q.850;cause=16"));
    desk.receive(CARRIER, &ok);
    assert_eq!(desk.the("ACK").text, first.text, "also after our BYE");
    desk.receive(CARRIER, &bye.reply(200, "", "", ""));
    desk.nothing_left();
    assert!(desk.events.is_empty());
}

#[test]
fn the_first_of_two_forks_is_kept_and_the_other_ended() {
    // RFC 3261 section 13.2.2.4: each further 2xx is acknowledged and ended by BYE.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    for tag in ["a", "b", "c"] {
        desk.receive(CARRIER, &invite.reply(180, tag, "Contact: <sip:x@192.0.2.10>\r\n", ""));
    }
    desk.receive(CARRIER, &invite.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    assert_eq!(desk.whats(), ["ACK"]);
    desk.receive(CARRIER, &invite.reply(200, "c", "Contact: <sip:c@192.0.2.10>\r\n", ANSWER));
    let sent = desk.take();
    assert_eq!(sent.iter().map(|own| own.what()).collect::<Vec<_>>(), ["ACK", "BYE"]);
    assert!(sent.iter().all(|own| own.tag("To") == "c"), "{sent:#?}");
    assert!(sent[1].cseq() > sent[0].cseq());
    desk.receive(CARRIER, &invite.reply(200, "c", "Contact: <sip:c@192.0.2.10>\r\n", ANSWER));
    assert_eq!(desk.whats(), ["ACK"], "the copy is acknowledged, not ended twice");
    desk.receive(CARRIER, &sent[1].reply(200, "", "", ""));
    assert_eq!(desk.names(), ["progress 180", "progress 180", "progress 180", "answered sdp"]);
    desk.receive(CARRIER, &from_callee("BYE", &invite, "b", 1).text());
    assert_eq!(desk.whats(), ["200"]);
    assert_eq!(desk.names(), ["ended bye(none)"]);
    desk.nothing_left();
}

#[test]
fn an_answer_that_crosses_a_cancel_is_ended_for_the_same_reason() {
    // RFC 3326: a telephone whose caller gave up was not answered elsewhere.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(180, "b", "Contact: <sip:b@192.0.2.10>\r\n", ""));
    let now = desk.now();
    desk.stack.cancel(id, &Cause { sip: 487, q850: 16, text: String::new() }, now);
    desk.drain();
    let cancel = desk.the("CANCEL");
    let reason = cancel.header("Reason").map(str::to_owned);
    desk.receive(CARRIER, &cancel.reply(200, "b", "", ""));
    assert_eq!(reason.as_deref(), Some("SIP;cause=487, Q.850;cause=16"));
    // A broken peer leaves Contact out: what was called is called again.
    desk.receive(CARRIER, &invite.reply(200, "b", "", ANSWER));
    let sent = desk.take();
    let called = invite.first().trim_start_matches("INVITE ");
    let firsts: Vec<&str> = sent.iter().map(|own| own.first()).collect();
    assert_eq!(firsts, [format!("ACK {called}"), format!("BYE {called}")]);
    assert_eq!(sent[1].header("Reason"), reason.as_deref());
    desk.receive(CARRIER, &sent[1].reply(200, "", "", ""));
    assert_eq!(desk.names(), ["progress 180", "refused 487"]);
    desk.nothing_left();
}

#[test]
fn a_cancel_waits_for_a_provisional_answer() {
    // RFC 3261 section 9.1.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    let now = desk.now();
    desk.stack.cancel(id, &Cause::answered_elsewhere(), now);
    desk.drain();
    assert!(desk.take().is_empty());
    desk.receive(CARRIER, &invite.reply(100, "", "", ""));
    let cancel = desk.the("CANCEL");
    assert_eq!(cancel.header("CSeq"), Some("1 CANCEL"));
    assert_eq!(
        cancel.header("Reason").unwrap().split(',').next().unwrap(),
        "SIP;cause=200;text=\"Call completed elsewhere\""
    );
    desk.receive(CARRIER, &cancel.reply(200, "x", "", ""));
    desk.receive(CARRIER, &invite.reply(487, "x", "", ""));
    assert_eq!(desk.names(), ["refused 487"]);
    desk.nothing_left();
}

#[test]
fn a_cancelled_invite_without_any_answer_ends_with_timer_b() {
    let mut desk = Desk::new();
    let (id, _) = desk.call_out(Some(OFFER));
    let now = desk.now();
    desk.stack.cancel(id, &Cause::none(), now);
    desk.drain();
    desk.wait(33_000);
    assert!(!desk.whats().contains(&String::from("CANCEL")));
    assert_eq!(desk.names(), ["refused 487"]);
    desk.nothing_left();
}

#[test]
fn a_cancel_that_is_never_answered_ends_after_64_t1() {
    // RFC 3261 section 9.1: then the client considers the transaction cancelled.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(180, "b", "", ""));
    desk.names();
    let now = desk.now();
    desk.stack.cancel(id, &Cause::none(), now);
    desk.drain();
    desk.wait(33_000);
    assert_eq!(desk.names(), ["refused 487"]);
    let copies = desk.whats();
    assert!(copies.len() > 5 && copies.iter().all(|what| what == "CANCEL"), "{copies:?}");
    desk.nothing_left();
}

#[test]
fn a_success_that_crosses_our_cancel_is_acknowledged_and_ended() {
    // RFC 3261 section 9.1: a CANCEL has no effect on an answered request.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(180, "b", "", ""));
    let now = desk.now();
    desk.stack.cancel(id, &Cause::answered_elsewhere(), now);
    desk.drain();
    desk.take();
    desk.receive(CARRIER, &invite.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    assert_eq!(desk.whats(), ["ACK", "BYE"]);
    assert_eq!(desk.names(), ["progress 180", "refused 487"]);
    desk.nothing_left();
}

#[test]
fn an_offer_in_the_answer_is_answered_in_the_ack() {
    // RFC 3261 section 13.2.2.4, RFC 3264: the offer may come in the 2xx.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(None);
    assert_eq!(invite.header("Content-Length"), Some("0"));
    assert!(!invite.header("Supported").unwrap().contains("100rel"));
    let ok = invite.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", OFFER);
    desk.receive(CARRIER, &ok);
    desk.receive(CARRIER, &ok);
    assert!(desk.take().is_empty(), "the answer is not known yet");
    assert_eq!(desk.names(), ["answered sdp"]);
    let now = desk.now();
    desk.stack.ack(id, &sdp(ANSWER), now);
    desk.drain();
    let ack = desk.the("ACK");
    assert_eq!(ack.body(), ANSWER);
    desk.receive(CARRIER, &ok);
    assert_eq!(desk.the("ACK").text, ack.text);
}

#[test]
fn a_caller_gets_trying_ringing_and_the_answer() {
    // RFC 3261 sections 8.2.6.1 and 13.3.1.4: the 2xx is a promise and repeated until the ACK.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    assert_eq!(desk.whats(), ["100"]);
    let id = desk.invited();
    let now = desk.now();
    desk.stack.ring(id, 180, None, now);
    desk.drain();
    let ringing = desk.one();
    assert_eq!(ringing.what(), "180");
    desk.receive(CARRIER, &invite.text());
    assert_eq!(desk.one().text, ringing.text, "a copy of the INVITE gets the last answer");
    let start = desk.now;
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    let ok = desk.one();
    assert!(ok.promise);
    assert_eq!(ok.tag("To"), ringing.tag("To"));
    desk.receive(CARRIER, &invite.text());
    assert!(desk.take().is_empty(), "RFC 6026: copies are absorbed after a 2xx");
    desk.until(start + 4000);
    let copies = desk.take();
    let times: Vec<u64> = copies.iter().map(|copy| copy.at - start).collect();
    assert_eq!(times, [500, 1500, 3500]);
    assert!(copies.iter().all(|copy| copy.text == ok.text && !copy.promise));
    desk.receive(CARRIER, &inside("ACK", &invite, &ok, 1).text());
    desk.receive(CARRIER, &inside("ACK", &invite, &ok, 1).text());
    assert_eq!(desk.names(), ["confirmed"]);
    desk.wait(40_000);
    assert!(desk.take().is_empty());
    desk.receive(CARRIER, &inside("BYE", &invite, &ok, 2).text());
    assert_eq!(desk.whats(), ["200"]);
    desk.receive(CARRIER, &inside("BYE", &invite, &ok, 2).text());
    assert_eq!(desk.whats(), ["200"], "the copy of the BYE too");
    assert_eq!(desk.names(), ["ended bye(none)"]);
    desk.nothing_left();
}

#[test]
fn an_answer_without_ack_ends_in_bye() {
    // RFC 3261 section 13.3.1.4.
    let mut desk = Desk::new();
    desk.receive(CARRIER, &carrier_invite().text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    desk.take();
    desk.wait(32_000);
    let sent = desk.whats();
    assert_eq!(sent.iter().filter(|what| *what == "200").count(), 10, "{sent:?}");
    assert_eq!(sent.last().map(String::as_str), Some("BYE"));
    assert_eq!(desk.names(), ["ended noack"]);
    desk.nothing_left();
}

#[test]
fn a_bye_of_ours_waits_for_the_ack() {
    // RFC 3261 section 15: the callee must not send BYE before the ACK or the end of the wait.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    let ok = desk.the("200");
    desk.stack.bye(id, &Cause::normal(), now);
    desk.drain();
    assert!(desk.take().is_empty());
    desk.receive(CARRIER, &inside("ACK", &invite, &ok, 1).text());
    assert_eq!(desk.whats(), ["BYE"]);
    assert!(desk.names().is_empty(), "the switch ended it and is told nothing");
    desk.nothing_left();
}

#[test]
fn a_refusal_of_ours_is_repeated_until_the_ack() {
    // RFC 3261 section 17.2.1: timer G doubles to T2, timer H gives up after 64 × T1.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    desk.take();
    let start = desk.now;
    let refuse = Refuse { code: 486, retry_after: Some(7), reason: None };
    let now = desk.now();
    desk.stack.reject(id, &refuse, now);
    desk.drain();
    let busy = desk.one();
    assert_eq!((busy.what(), busy.header("Retry-After")), ("486", Some("7")));
    desk.until(start + 8000);
    let times: Vec<u64> = desk.take().iter().map(|copy| copy.at - start).collect();
    assert_eq!(times, [500, 1500, 3500, 7500]);
    let ack = Ask { method: "ACK", to: busy.header("To").unwrap().to_owned(), ..carrier_invite() };
    let ack = Ask { body: String::new(), ..ack };
    desk.receive(CARRIER, &ack.text());
    desk.receive(CARRIER, &ack.text());
    desk.wait(4000);
    assert!(desk.take().is_empty());
    assert!(desk.names().is_empty());
    desk.nothing_left();
}

#[test]
fn a_caller_may_give_up_until_the_answer() {
    // RFC 3261 section 9.2: 200 to the CANCEL, 487 to the INVITE.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    desk.take();
    let cancel = Ask {
        method: "CANCEL",
        body: String::new(),
        more: String::from("Reason: SIP;cause=200;text=\"elsewhere\"\r\n"),
        ..invite.clone()
    };
    desk.receive(CARRIER, &cancel.text());
    assert_eq!(desk.whats(), ["200", "487"]);
    assert_eq!(desk.names(), ["cancelled"]);
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    desk.receive(CARRIER, &cancel.text());
    assert_eq!(desk.whats(), ["200"]);
    assert!(desk.names().is_empty(), "once");
    desk.nothing_left();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    // RFC 3261 section 9.2.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    let ok = desk.the("200");
    let cancel = Ask { method: "CANCEL", body: String::new(), ..invite.clone() };
    desk.receive(CARRIER, &cancel.text());
    assert_eq!(desk.whats(), ["200"]);
    assert!(desk.names().is_empty());
    desk.receive(CARRIER, &inside("ACK", &invite, &ok, 1).text());
    assert_eq!(desk.names(), ["confirmed"]);
}

#[test]
fn a_cancel_without_a_transaction_gets_481() {
    let mut desk = Desk::new();
    let cancel = Ask { method: "CANCEL", body: String::new(), ..carrier_invite() };
    desk.receive(CARRIER, &cancel.text());
    assert_eq!(desk.whats(), ["481"]);
}

#[test]
fn a_copy_over_another_way_is_a_loop() {
    // RFC 3261 section 8.2.2.2.
    let mut desk = Desk::new();
    desk.receive(CARRIER, &carrier_invite().text());
    desk.invited();
    desk.take();
    let other = Ask { branch: String::from("z9hG4bKother"), ..carrier_invite() };
    desk.receive(CARRIER, &other.text());
    assert_eq!(desk.whats(), ["482"]);
    assert!(desk.names().is_empty());
}

#[test]
fn a_waiting_caller_hears_of_it_every_minute() {
    // RFC 3261 section 13.3.1.1: silence of three minutes lets proxies cancel.
    let mut desk = Desk::new();
    desk.receive(CARRIER, &carrier_invite().text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.ring(id, 182, None, now);
    desk.drain();
    desk.take();
    desk.wait(185_000);
    assert_eq!(desk.whats(), ["182", "182", "182"]);
}

#[test]
fn an_invite_that_rings_too_long_is_cancelled() {
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(180, "b", "", ""));
    desk.wait(185_000);
    assert_eq!(desk.whats().first().map(String::as_str), Some("CANCEL"));
    desk.receive(CARRIER, &invite.reply(487, "b", "", ""));
    assert_eq!(desk.names(), ["progress 180", "refused 487"]);
    desk.nothing_left();
}

#[test]
fn a_dead_transport_ends_the_call_at_once() {
    // RFC 3261 section 17.1.4: a transport error is a 503.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    let now = desk.now();
    desk.stack.undelivered(&invite.hop, now);
    desk.drain();
    assert_eq!(desk.names(), ["refused 503"]);
    desk.nothing_left();
}

#[test]
fn requests_follow_the_route_set() {
    // RFC 3261 sections 12.1.2 and 12.2.1.1: Record-Route turned round, loose and strict.
    for (top, uri, routes) in [
        ("<sip:192.0.2.20;lr>", "sip:b@192.0.2.99", ["<sip:192.0.2.20;lr>", "<sip:192.0.2.21;lr>"]),
        ("<sip:192.0.2.20>", "sip:192.0.2.20", ["<sip:192.0.2.21;lr>", "<sip:b@192.0.2.99>"]),
    ] {
        let mut desk = Desk::new();
        let (id, invite) = desk.call_out(Some(OFFER));
        let more = format!(
            "Record-Route: <sip:192.0.2.21;lr>\r\nRecord-Route: {top}\r\n\
             Contact: <sip:b@192.0.2.99>\r\n"
        );
        desk.receive(CARRIER, &invite.reply(200, "b", &more, ANSWER));
        desk.take();
        let now = desk.now();
        desk.stack.bye(id, &Cause::none(), now);
        desk.drain();
        let bye = desk.the("BYE");
        assert_eq!(bye.first(), format!("BYE {uri} SIP/2.0"));
        assert_eq!(bye.headers("Route"), routes);
        assert_eq!(bye.hop.peer, "192.0.2.20:5060".parse().unwrap());
    }
}
