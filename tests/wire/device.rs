//! Calls to registered telephones: where they go, what they say, how they come back.

use navbat::sip::{Caller, Cause, Event, Invite, SessionId, Target};

use crate::desk::{ANSWER, Ask, Desk, OFFER, Sent, addr, from_callee, register, sdp, udp};

const INNER: &str = "192.168.1.20:5060";
const OUTER: &str = "198.51.100.77:31337";

/// A desk with a telephone behind NAT.
fn desk() -> Desk {
    let mut desk = Desk::new();
    let ask = Ask {
        sent_by: format!("UDP {INNER}"),
        ..register("101", INNER, "nat", 1, "Expires: 600\r\n")
    };
    assert_eq!(desk.authenticated(OUTER, &ask, "101", "secret").what(), "200");
    desk.take();
    desk.names();
    desk
}

fn ring(desk: &mut Desk, display: &str) -> (SessionId, Sent) {
    let device = desk.stack.devices("101").remove(0);
    let invite = Invite {
        target: Target::Device(Box::new(device)),
        caller: Caller {
            user: String::from("+998901234567"),
            display: display.to_owned(),
            private: false,
        },
        sdp: Some(sdp(OFFER)),
        replaces: None,
        referred_by: None,
        alert: Some(String::from("<http://pbx.example>;info=queue")),
        hops: 69,
        extra: vec![
            (String::from("X-Queue"), String::from("sales")),
            (String::from("Route"), String::from("<sip:evil.example;lr>")),
        ],
    };
    let now = desk.now();
    let id = desk.stack.invite(invite, now);
    desk.drain();
    (id, desk.the("INVITE"))
}

#[test]
fn a_call_goes_to_the_contact_the_way_it_came() {
    let mut desk = desk();
    let (_, invite) = ring(&mut desk, "Aziza");
    assert_eq!(invite.first(), "INVITE sip:101@192.168.1.20:5060 SIP/2.0");
    assert_eq!(invite.hop.peer, addr(OUTER));
    assert_eq!(invite.header("Max-Forwards"), Some("69"));
    assert_eq!(invite.header("X-Queue"), Some("sales"));
    assert_eq!(invite.header("Route"), None, "routing is not for sale");
    assert!(
        invite.header("From").unwrap().starts_with("\"Aziza\" <sip:+998901234567@pbx.example>")
    );
    assert_eq!(invite.header("To"), Some("<sip:101@pbx.example>"));
}

#[test]
fn a_name_cannot_write_headers() {
    let mut desk = desk();
    let (_, invite) = ring(&mut desk, "a\"\r\nX-Evil: yes\r\n\r\nb\\");
    assert_eq!(invite.header("X-Evil"), None);
    let from = invite.header("From").unwrap();
    assert!(from.starts_with(r#""a\"X-Evil: yesb\\" <sip:"#), "{from}");
}

#[test]
fn a_telephone_behind_nat_stays_reachable_inside_the_call() {
    let mut desk = desk();
    let (id, invite) = ring(&mut desk, "");
    let ok = invite.reply(200, "t", &format!("Contact: <sip:101@{INNER}>\r\n"), ANSWER);
    desk.receive(OUTER, &ok);
    let ack = desk.the("ACK");
    assert_eq!(ack.first(), format!("ACK sip:101@{INNER} SIP/2.0"));
    assert_eq!(ack.hop.peer, addr(OUTER));
    let now = desk.now();
    desk.stack.bye(id, &Cause::normal(), now);
    desk.drain();
    assert_eq!(desk.the("BYE").hop.peer, addr(OUTER));
}

#[test]
fn a_telephone_that_registers_anew_may_speak_in_its_call() {
    let mut desk = desk();
    let (_, invite) = ring(&mut desk, "");
    let more = format!("Contact: <sip:101@{INNER}>\r\n");
    desk.receive(OUTER, &invite.reply(200, "t", &more, ANSWER));
    let moved = "198.51.100.77:40404";
    let again = Ask {
        sent_by: format!("UDP {INNER}"),
        ..register("101", INNER, "nat", 10, "Expires: 600\r\n")
    };
    assert_eq!(desk.authenticated(moved, &again, "101", "secret").what(), "200");
    desk.take();
    desk.names();
    let bye = Ask { sent_by: format!("UDP {INNER}"), ..from_callee("BYE", &invite, "t", 1) };
    desk.receive_over(udp(moved), &bye.text());
    assert_eq!(desk.whats(), ["200"]);
    assert_eq!(desk.names(), ["ended bye(none)"]);
}

#[test]
fn a_redirection_is_told_best_first() {
    // RFC 3261 section 8.1.3.4; whether anybody is called there is the switch's decision.
    let mut desk = desk();
    let (_, invite) = ring(&mut desk, "");
    let more = "Contact: <sip:a@x.example>;q=0.2, <sip:b@x.example>;q=0.9\r\n";
    desk.receive(OUTER, &invite.reply(302, "t", more, ""));
    assert_eq!(desk.whats(), ["ACK"], "we follow nobody by ourselves");
    match &desk.events[..] {
        [Event::Refused { code: 302, contacts, .. }] => {
            let users: Vec<_> = contacts.iter().map(|uri| uri.user.as_deref().unwrap()).collect();
            assert_eq!(users, ["b", "a"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lost_race_tells_the_telephone_why() {
    // RFC 3326: no missed call is shown when somebody else answered.
    let mut desk = desk();
    let (id, invite) = ring(&mut desk, "");
    desk.receive(OUTER, &invite.reply(180, "t", "", ""));
    let now = desk.now();
    desk.stack.cancel(id, &Cause::answered_elsewhere(), now);
    desk.drain();
    let cancel = desk.the("CANCEL");
    assert!(cancel.header("Reason").unwrap().starts_with("SIP;cause=200"));
    assert_eq!(cancel.hop.peer, addr(OUTER));
    desk.receive(OUTER, &cancel.reply(200, "t", "", ""));
    desk.receive(OUTER, &invite.reply(487, "t", "Reason: Q.850;cause=26\r\n", ""));
    desk.take();
    match desk.events.last() {
        Some(Event::Refused { code: 487, cause: Some(cause), .. }) => assert_eq!(cause.q850, 26),
        other => panic!("{other:?}"),
    }
}
