//! What happens inside a call: offers and glare, session timers, PRACK, transfer, strangers.

use navbat::sip::{Cause, Event, SessionId};

use crate::desk::{
    ANSWER, Ask, CARRIER, Desk, OFFER, Sent, carrier_invite, from_callee, inside, sdp, settings,
};

const STRANGER: &str = "203.0.113.66:5060";

#[test]
fn spoofed_requests_inside_a_dialog_change_nothing() {
    // Only where the peer was heard, or its own trunk, may speak for it.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (_, ok) = desk.call_in(&invite);
    for (at, method) in ["BYE", "INVITE", "UPDATE", "REFER", "INFO"].into_iter().enumerate() {
        let ask = Ask { branch: format!("z9hG4bKspoof{at}"), ..inside(method, &invite, &ok, 50) };
        desk.receive(STRANGER, &ask.text());
        assert_eq!(desk.whats(), ["403"], "{method}");
        assert!(desk.names().is_empty(), "{method}");
    }
    for (name, wrong) in [
        (
            "tag",
            Ask {
                from: String::from("<sip:901234567@192.0.2.10>;tag=other"),
                ..inside("BYE", &invite, &ok, 60)
            },
        ),
        ("call", Ask { call_id: String::from("other"), ..inside("BYE", &invite, &ok, 61) }),
        (
            "to",
            Ask {
                to: String::from("<sip:x@y>;tag=0123456789abcdef"),
                ..inside("BYE", &invite, &ok, 62)
            },
        ),
    ] {
        desk.receive(CARRIER, &wrong.text());
        assert_eq!(desk.whats(), ["481"], "{name}");
    }
    assert_eq!(desk.stack.load().sessions, 1);
    desk.receive(CARRIER, &inside("BYE", &invite, &ok, 63).text());
    assert_eq!(desk.whats(), ["200"]);
}

#[test]
fn a_spoofed_cancel_changes_nothing() {
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    desk.invited();
    desk.take();
    let cancel = Ask { method: "CANCEL", body: String::new(), ..invite.clone() };
    desk.receive(STRANGER, &cancel.text());
    assert_eq!(desk.whats(), ["481"]);
    let other = Ask { branch: String::from("z9hG4bKguess"), ..cancel };
    desk.receive(CARRIER, &other.text());
    assert_eq!(desk.whats(), ["481"]);
    assert!(desk.names().is_empty());
}

#[test]
fn requests_come_in_order() {
    // RFC 3261 section 12.2.2: a lower CSeq gets 500.
    let mut desk = Desk::new();
    let invite = Ask { cseq: 100, ..carrier_invite() };
    let (_, ok) = desk.call_in(&invite);
    desk.receive(CARRIER, &inside("INFO", &invite, &ok, 99).text());
    assert_eq!(desk.whats(), ["500"]);
    desk.receive(CARRIER, &inside("OPTIONS", &invite, &ok, 101).text());
    assert_eq!(desk.whats(), ["200"]);
}

#[test]
fn a_peer_offers_a_change_and_gets_an_answer() {
    // RFC 3261 section 14.2.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, ok) = desk.call_in(&invite);
    let hold = Ask {
        body: OFFER.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n"),
        contact: String::from("<sip:901234567@192.0.2.10:5099>"),
        ..inside("INVITE", &invite, &ok, 2)
    };
    desk.receive(CARRIER, &hold.text());
    assert_eq!(desk.whats(), ["100"]);
    assert_eq!(desk.names(), ["reoffered sdp"]);
    let again = Ask { branch: String::from("z9hG4bKsecond"), cseq: 3, ..hold.clone() };
    desk.receive(CARRIER, &again.text());
    let busy = desk.take();
    let busy = busy.last().unwrap();
    assert_eq!(busy.what(), "500");
    assert!(busy.header("Retry-After").unwrap().parse::<u32>().unwrap() <= 10);
    let now = desk.now();
    desk.stack.answer_reoffer(id, Ok(Some(sdp(ANSWER))), now);
    desk.drain();
    let held = desk.the("200");
    desk.wait(600);
    assert_eq!(desk.the("200").text, held.text, "repeated until the ACK");
    desk.receive(CARRIER, &inside("ACK", &invite, &held, 2).text());
    desk.stack.bye(id, &Cause::none(), now);
    desk.drain();
    let bye = desk.the("BYE");
    assert_eq!(bye.hop.peer.port(), 5099, "the target was refreshed");
    assert!(desk.names().is_empty());
}

#[test]
fn two_offers_at_once_are_both_put_off() {
    // RFC 3261 sections 14.1 and 14.2: 491, then whoever owns the Call-ID waits longer.
    let mut desk = Desk::new();
    let (id, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    desk.take();
    desk.names();
    let now = desk.now();
    desk.stack.reoffer(id, Some(sdp(OFFER)), now);
    desk.drain();
    let ours = desk.the("INVITE");
    let theirs = Ask { body: OFFER.to_owned(), ..from_callee("INVITE", &invite, "b", 1) };
    desk.receive(CARRIER, &theirs.text());
    assert_eq!(desk.whats(), ["491"]);
    desk.receive(CARRIER, &ours.reply(491, "b", "", ""));
    assert_eq!(desk.whats(), ["ACK"]);
    let start = desk.now;
    desk.wait(5000);
    let again = desk.take().into_iter().find(|own| own.what() == "INVITE").unwrap();
    assert!((2100..=4000).contains(&(again.at - start)), "{}", again.at - start);
    assert!(again.cseq() > ours.cseq());
    desk.receive(CARRIER, &again.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    assert_eq!(desk.whats().last().map(String::as_str), Some("ACK"));
    assert_eq!(desk.names(), ["reanswered"]);
}

#[test]
fn an_update_is_answered_without_ack() {
    // RFC 3311 section 5.2.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, ok) = desk.call_in(&invite);
    let update = Ask { body: OFFER.to_owned(), ..inside("UPDATE", &invite, &ok, 2) };
    desk.receive(CARRIER, &update.text());
    assert_eq!(desk.names(), ["reoffered sdp"]);
    desk.wait(3600);
    assert_eq!(desk.whats(), ["100"], "RFC 4320: not before timer E has grown");
    let now = desk.now();
    desk.stack.answer_reoffer(id, Err(488), now);
    desk.drain();
    assert_eq!(desk.whats(), ["488"]);
    let refresh = inside("UPDATE", &invite, &ok, 3);
    desk.receive(CARRIER, &refresh.text());
    assert_eq!(desk.whats(), ["200"], "without a body it is only a refresh");
    assert!(desk.names().is_empty());
}

#[test]
fn a_lost_dialog_is_noticed() {
    // RFC 3261 section 12.2.1.2: 481 to a request inside ends the dialog.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, _) = desk.call_in(&invite);
    let now = desk.now();
    desk.stack.reoffer(id, Some(sdp(OFFER)), now);
    desk.drain();
    let ours = desk.the("INVITE");
    desk.receive(CARRIER, &ours.reply(481, "", "", ""));
    assert_eq!(desk.names(), ["ended gone(481)"]);
    desk.nothing_left();
}

#[test]
fn a_bye_settles_what_is_under_way() {
    // RFC 3261 section 15.1.2: pending requests get 487.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (_, ok) = desk.call_in(&invite);
    let hold = Ask { body: OFFER.to_owned(), ..inside("INVITE", &invite, &ok, 2) };
    desk.receive(CARRIER, &hold.text());
    desk.take();
    desk.receive(CARRIER, &inside("BYE", &invite, &ok, 3).text());
    assert_eq!(desk.whats(), ["200", "487"]);
    assert_eq!(desk.names(), ["reoffered sdp", "ended bye(none)"]);
    desk.nothing_left();
}

/// A call with these session timer lines of the caller; gives our 200.
fn timed(desk: &mut Desk, more: &str) -> (SessionId, Ask, Sent) {
    let invite = Ask { more: more.to_owned(), ..carrier_invite() };
    let (id, ok) = desk.call_in(&invite);
    (id, invite, ok)
}

#[test]
fn a_caller_that_does_not_refresh_is_let_go() {
    // RFC 4028 sections 9 and 10: BYE a third of the interval early, 32 s at most.
    let mut desk = Desk::new();
    let start = desk.now;
    let (_, _, ok) = timed(&mut desk, "Supported: timer\r\nSession-Expires: 300\r\n");
    assert_eq!(ok.header("Session-Expires"), Some("300;refresher=uac"));
    assert_eq!(ok.header("Require"), Some("timer"));
    desk.wait(267_000);
    assert!(desk.take().is_empty());
    desk.wait(1100);
    let bye = desk.take().remove(0);
    assert_eq!(bye.what(), "BYE");
    assert_eq!((bye.at - start) / 1000, 268);
    assert_eq!(desk.names(), ["ended expired"]);
    desk.nothing_left();
}

#[test]
fn a_refresh_keeps_the_call() {
    let mut desk = Desk::new();
    let (_, invite, ok) = timed(&mut desk, "Supported: timer\r\nSession-Expires: 300\r\n");
    for cseq in 2..6 {
        desk.wait(150_000);
        let refresh = Ask {
            more: String::from("Supported: timer\r\nSession-Expires: 300;refresher=uac\r\n"),
            ..inside("UPDATE", &invite, &ok, cseq)
        };
        desk.receive(CARRIER, &refresh.text());
        let answer = desk.the("200");
        assert_eq!(answer.header("Session-Expires"), Some("300;refresher=uac"));
    }
    assert!(desk.names().is_empty());
}

#[test]
fn we_refresh_where_we_are_asked_to() {
    // RFC 4028 section 10: at half the interval, by UPDATE where the peer knows it.
    let mut desk = Desk::new();
    let more = "Supported: timer\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\n\
                Session-Expires: 200;refresher=uas\r\n";
    let (_, _, ok) = timed(&mut desk, more);
    assert_eq!(ok.header("Session-Expires"), Some("200;refresher=uas"));
    for _ in 0..3 {
        desk.wait(100_100);
        let update = desk.the("UPDATE");
        assert_eq!(update.header("Session-Expires"), Some("200;refresher=uac"));
        let more = "Session-Expires: 200;refresher=uac\r\n";
        desk.receive(CARRIER, &update.reply(200, "", more, ""));
    }
    assert!(desk.names().is_empty());
    desk.wait(100_100);
    desk.wait(33_000);
    assert_eq!(desk.names(), ["ended gone(408)"], "nobody answers any longer");
    desk.nothing_left();
}

#[test]
fn too_short_a_timer_gets_422() {
    // RFC 4028 section 9 (theirs) and 7.3 (ours).
    let mut desk = Desk::new();
    let short = Ask {
        more: String::from("Supported: timer\r\nSession-Expires: 30\r\n"),
        ..carrier_invite()
    };
    desk.receive(CARRIER, &short.text());
    let refused = desk.the("422");
    assert_eq!(refused.header("Min-SE"), Some("90"));
    let (_, invite) = desk.call_out(Some(OFFER));
    assert_eq!(invite.header("Session-Expires"), Some("1800"));
    desk.receive(CARRIER, &invite.reply(422, "b", "Min-SE: 3600\r\n", ""));
    let sent = desk.take();
    assert_eq!(sent[0].what(), "ACK");
    let again = &sent[1];
    assert_eq!(again.header("Session-Expires"), Some("3600"));
    assert_eq!(again.header("Min-SE"), Some("3600"));
    assert_eq!(again.tag("From"), invite.tag("From"));
    assert!(again.cseq() > invite.cseq() && again.branch() != invite.branch());
    let more = "Contact: <sip:b@192.0.2.10>\r\nSession-Expires: 3600;refresher=uas\r\n";
    desk.receive(CARRIER, &again.reply(200, "b", more, ANSWER));
    assert_eq!(desk.names(), ["answered sdp"]);
}

#[test]
fn a_peer_without_timers_is_asked_whether_it_knows_the_call() {
    let mut desk = Desk::new();
    let (_, _, ok) = timed(&mut desk, "");
    assert_eq!(ok.header("Session-Expires"), None);
    desk.wait(900_100);
    let ask = desk.the("OPTIONS");
    desk.receive(CARRIER, &ask.reply(200, "", "", ""));
    desk.wait(900_100);
    let ask = desk.the("OPTIONS");
    desk.receive(CARRIER, &ask.reply(481, "", "", ""));
    assert_eq!(desk.names(), ["ended gone(481)"]);
    desk.nothing_left();
}

#[test]
fn reliable_answers_wait_for_their_prack() {
    // RFC 3262 section 3: repeated until the PRACK, one at a time, the 200 after the offer's.
    let mut desk = Desk::new();
    let invite = Ask { more: String::from("Require: 100rel\r\n"), ..carrier_invite() };
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    desk.take();
    let now = desk.now();
    desk.stack.ring(id, 183, Some(sdp(ANSWER)), now);
    desk.stack.ring(id, 180, None, now);
    desk.stack.accept(id, None, now);
    desk.drain();
    let early = desk.one();
    assert_eq!((early.what(), early.header("Require")), ("183", Some("100rel")));
    desk.wait(1600);
    assert_eq!(desk.whats(), ["183", "183"]);
    let rseq: u32 = early.header("RSeq").unwrap().parse().unwrap();
    let prack = |cseq: u32, rseq: u32| Ask {
        more: format!("RAck: {rseq} 1 INVITE\r\n"),
        ..inside("PRACK", &invite, &early, cseq)
    };
    desk.receive(CARRIER, &prack(2, rseq + 7).text());
    assert_eq!(desk.whats(), ["481"]);
    desk.receive(CARRIER, &prack(3, rseq).text());
    assert_eq!(desk.whats(), ["200", "200"], "of the PRACK, then of the INVITE");
    desk.wait(100);
    assert!(desk.names().is_empty());
}

#[test]
fn a_reliable_answer_without_prack_ends_the_call() {
    // RFC 3262 section 3: after 64 × T1 the INVITE is rejected with a 5xx.
    let mut desk = Desk::new();
    let invite = Ask { more: String::from("Require: 100rel\r\n"), ..carrier_invite() };
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.ring(id, 180, None, now);
    desk.drain();
    desk.take();
    desk.wait(32_000);
    assert_eq!(desk.whats().iter().filter(|what| *what == "504").count(), 1);
    assert_eq!(desk.names(), ["ended noack"]);
    desk.nothing_left();
}

#[test]
fn we_acknowledge_reliable_answers_once_and_in_order() {
    // RFC 3262 section 4.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    let reliable = |rseq: u32, tag: &str| {
        let more =
            format!("Require: 100rel\r\nRSeq: {rseq}\r\nContact: <sip:{tag}@192.0.2.10>\r\n");
        invite.reply(183, tag, &more, ANSWER)
    };
    desk.receive(CARRIER, &reliable(7, "a"));
    let prack = desk.the("PRACK");
    assert_eq!(prack.header("RAck"), Some("7 1 INVITE"));
    assert_eq!(prack.first(), "PRACK sip:a@192.0.2.10 SIP/2.0");
    assert_eq!(prack.tag("To"), "a");
    desk.receive(CARRIER, &prack.reply(200, "", "", ""));
    desk.receive(CARRIER, &reliable(7, "a"));
    desk.receive(CARRIER, &reliable(9, "a"));
    assert!(desk.take().is_empty(), "a copy, and one that came too soon");
    desk.receive(CARRIER, &reliable(8, "a"));
    assert_eq!(desk.the("PRACK").header("RAck"), Some("8 1 INVITE"));
    desk.receive(CARRIER, &reliable(3, "b"));
    assert_eq!(desk.the("PRACK").tag("To"), "b", "each early dialog counts for itself");
    assert_eq!(desk.names(), ["progress 183 sdp", "progress 183 sdp", "progress 183 sdp"]);
}

#[test]
fn a_blind_transfer_is_told_step_by_step() {
    // RFC 3515 section 2.4.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, ok) = desk.call_in(&invite);
    let refer = Ask {
        more: String::from("Refer-To: <sip:102@pbx.example>\r\nReferred-By: <sip:x@y>\r\n"),
        ..inside("REFER", &invite, &ok, 2)
    };
    desk.receive(CARRIER, &refer.text());
    let sent = desk.take();
    assert_eq!(sent.iter().map(|own| own.what()).collect::<Vec<_>>(), ["202", "NOTIFY"]);
    assert_eq!(sent[1].body(), "SIP/2.0 100 Trying\r\n");
    assert_eq!(sent[1].header("Event"), Some("refer;id=2"));
    desk.receive(CARRIER, &sent[1].reply(200, "", "", ""));
    match &desk.events[..] {
        [Event::Referred { to, by, replaces: None, .. }] => {
            assert_eq!(to.user.as_deref(), Some("102"));
            assert_eq!(by.as_deref(), Some("<sip:x@y>"));
        }
        other => panic!("{other:?}"),
    }
    let second = Ask { branch: String::from("z9hG4bKrefer2"), cseq: 3, ..refer };
    desk.receive(CARRIER, &second.text());
    assert_eq!(desk.whats(), ["491"]);
    let now = desk.now();
    desk.stack.referred(id, 200, now);
    desk.drain();
    let last = desk.the("NOTIFY");
    assert_eq!(last.body(), "SIP/2.0 200 OK\r\n");
    assert_eq!(last.header("Subscription-State"), Some("terminated;reason=noresource"));
}

#[test]
fn we_ask_for_a_transfer_and_are_told_until_it_is_over() {
    // RFC 3515 sections 2.4.1 and 2.4.4.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, ok) = desk.call_in(&invite);
    let told = |cseq: u32, state: &str| Ask {
        branch: format!("z9hG4bKnotify{cseq}"),
        more: format!(
            "Event: refer\r\nSubscription-State: {state}\r\n\
             Content-Type: message/sipfrag;version=2.0\r\n"
        ),
        body: String::from("SIP/2.0 100 Trying\r\n"),
        ..inside("NOTIFY", &invite, &ok, cseq)
    };
    desk.receive(CARRIER, &told(2, "active;expires=60").text());
    assert_eq!(desk.whats(), ["481"], "nobody has asked for anything");
    let to = navbat::sip::Uri::read("sip:102@pbx.example").unwrap();
    let now = desk.now();
    desk.stack.refer(id, &to, now);
    desk.stack.refer(id, &to, now);
    desk.drain();
    let refer = desk.the("REFER");
    assert_eq!(refer.header("Refer-To"), Some("<sip:102@pbx.example>"));
    assert!(refer.header("Referred-By").is_some() && refer.header("Contact").is_some());
    desk.receive(CARRIER, &refer.reply(202, "", "", ""));
    desk.receive(CARRIER, &told(3, "active;expires=60").text());
    assert_eq!(desk.whats(), ["200"]);
    desk.receive(CARRIER, &told(4, "terminated;reason=noresource").text());
    assert_eq!(desk.whats(), ["200"]);
    desk.receive(CARRIER, &told(5, "active").text());
    assert_eq!(desk.whats(), ["481"], "it was the last one");
}

#[test]
fn an_attended_transfer_names_the_other_call() {
    // RFC 3891 section 3: only a dialog of ours with both tags right.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (_, ok) = desk.call_in(&invite);
    let (second, other) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &other.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    desk.take();
    desk.names();
    for (cseq, tag, code) in [(2, "wrong", "481"), (3, "b", "202")] {
        let more = format!(
            "Refer-To: <sip:712000002@pbx.example?Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3D{tag}>\r\n",
            other.header("Call-ID").unwrap(),
            other.tag("From"),
        );
        let refer = Ask { more, ..inside("REFER", &invite, &ok, cseq) };
        desk.receive(CARRIER, &refer.text());
        assert_eq!(desk.take()[0].what(), code);
    }
    match &desk.events[..] {
        [Event::Referred { replaces, .. }] => assert_eq!(*replaces, Some(second)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_invite_may_take_over_a_call() {
    // RFC 3891 section 3.
    let mut desk = Desk::new();
    let (first, other) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &other.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    desk.take();
    desk.names();
    let replaces = |tag: &str, early: &str| {
        format!(
            "Replaces: {};to-tag={};from-tag={tag}{early}\r\n",
            other.header("Call-ID").unwrap(),
            other.tag("From")
        )
    };
    for (at, (more, code)) in [
        (replaces("nobody", ""), "481"),
        (replaces("b", ";early-only"), "486"),
        (replaces("b", ""), "100"),
    ]
    .into_iter()
    .enumerate()
    {
        let invite = Ask {
            more,
            branch: format!("z9hG4bKrep{at}"),
            call_id: format!("rep-{at}"),
            ..carrier_invite()
        };
        desk.receive(CARRIER, &invite.text());
        assert_eq!(desk.take()[0].what(), code);
    }
    match &desk.events[..] {
        [Event::Invited(invited)] => assert_eq!(invited.replaces, Some(first)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_in_info_are_heard() {
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (_, ok) = desk.call_in(&invite);
    for (cseq, kind, body) in [
        (2, "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
        (3, "application/dtmf", "#"),
        (4, "application/dtmf-relay", "Signal=99\r\n"),
    ] {
        let info = Ask {
            more: format!("Content-Type: {kind}\r\n"),
            body: body.to_owned(),
            ..inside("INFO", &invite, &ok, cseq)
        };
        desk.receive(CARRIER, &info.text());
        assert_eq!(desk.whats(), ["200"]);
    }
    assert_eq!(desk.names(), ["key 5", "key #"]);
}

#[test]
fn a_dialog_goes_on_after_a_restart() {
    let mut desk = Desk::new();
    let invite = carrier_invite();
    let (id, ok) = desk.call_in(&invite);
    let kept = desk.stack.keep(id).unwrap();
    assert!(kept.len() < 4096, "{} bytes", kept.len());
    let mut fresh = Desk::with(settings());
    let now = fresh.now();
    assert_eq!(fresh.stack.restore(&kept, now), Ok(id));
    assert!(fresh.stack.restore(&kept, now).is_err());
    assert!(fresh.stack.restore("{}", now).is_err());
    let hold = Ask { body: OFFER.to_owned(), ..inside("INVITE", &invite, &ok, 2) };
    fresh.receive(CARRIER, &hold.text());
    assert_eq!(fresh.names(), ["reoffered sdp"]);
    fresh.stack.answer_reoffer(id, Ok(Some(sdp(ANSWER))), now);
    fresh.drain();
    let held = fresh.the("200");
    fresh.receive(CARRIER, &inside("ACK", &invite, &held, 2).text());
    fresh.stack.bye(id, &Cause::normal(), now);
    fresh.drain();
    let bye = fresh.the("BYE");
    assert!(bye.cseq() > 1000, "the numbering jumped ahead");
    assert_eq!(bye.tag("From"), ok.tag("To"));
    fresh.receive(CARRIER, &bye.reply(200, "", "", ""));
    fresh.nothing_left();
}

#[test]
fn a_telephone_that_moves_proves_who_it_is() {
    // The first answer to a request from elsewhere is a challenge, the second belief.
    let mut desk = Desk::new();
    let phone = "198.51.100.7:5060";
    let invite = Ask {
        from: String::from("<sip:101@pbx.example>;tag=p"),
        contact: String::from("<sip:101@198.51.100.7>"),
        sent_by: format!("UDP {phone}"),
        ..carrier_invite()
    };
    desk.authenticated(phone, &invite, "101", "secret");
    let id = desk.invited();
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    let ok = desk.the("200");
    let mut ack = inside("ACK", &invite, &ok, 2);
    desk.receive(STRANGER, &ack.text());
    assert!(desk.names().is_empty(), "an ACK cannot prove anything");
    ack.branch = String::from("z9hG4bKack");
    desk.receive(phone, &ack.text());
    assert_eq!(desk.names(), ["confirmed"]);
    let elsewhere = "203.0.113.80:40000";
    let bye = Ask { sent_by: format!("UDP {elsewhere}"), ..inside("BYE", &invite, &ok, 3) };
    for _ in 0..9 {
        desk.take();
        assert_eq!(desk.authenticated(elsewhere, &bye, "101", "wrong").what(), "401");
    }
    desk.take();
    assert_eq!(desk.authenticated(elsewhere, &bye, "102", "secret").what(), "403");
    assert!(desk.names().is_empty());
    desk.take();
    let bye = Ask { branch: String::from("z9hG4bKlast"), ..bye };
    assert_eq!(desk.authenticated(elsewhere, &bye, "101", "secret").what(), "200");
    assert_eq!(desk.names(), ["ended bye(none)"]);
}

#[test]
fn a_callee_may_count_from_nothing() {
    // RFC 3261 section 8.1.1.5: any number below 2^31, 0 too.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(200, "b", "Contact: <sip:b@192.0.2.10>\r\n", ANSWER));
    desk.take();
    desk.receive(CARRIER, &from_callee("BYE", &invite, "b", 0).text());
    assert_eq!(desk.whats(), ["200"]);
}

#[test]
fn an_ack_with_the_branch_of_the_invite_counts() {
    // RFC 6026 section 7.1: in Accepted, an ACK goes to the session.
    let mut desk = Desk::new();
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    let id = desk.invited();
    let now = desk.now();
    desk.stack.accept(id, Some(sdp(ANSWER)), now);
    desk.drain();
    let ok = desk.the("200");
    let ack = Ask { branch: invite.branch.clone(), ..inside("ACK", &invite, &ok, 1) };
    desk.receive(CARRIER, &ack.text());
    assert_eq!(desk.names(), ["confirmed"]);
}
