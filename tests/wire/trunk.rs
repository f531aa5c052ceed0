//! Carriers: registration, challenges, health, other addresses (RFC 3261 sections 10.2 and 22).

use std::sync::Arc;

use navbat::model::{Name, Period};
use navbat::sip::{Cause, Event, Flow, Login, Source, StackSettings, Transport, TrunkAuth};
use secrecy::SecretString;

use crate::desk::{ANSWER, Ask, CARRIER, Desk, OFFER, Sent, carrier_invite, hop, settings, udp};

fn registering() -> StackSettings {
    let mut settings = settings();
    settings.trunks[0].host = String::from("sip.carrier.example");
    settings.trunks[0].auth = TrunkAuth::Register(Login {
        login: String::from("998712000001"),
        password: SecretString::from("parol"),
        from_user: String::from("998712000001"),
        from_domain: String::from("sip.carrier.example"),
        realm: Some(String::from("carrier")),
        expires: 600,
    });
    settings
}

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\r\n";

/// A desk whose trunk has just sent its first REGISTER.
fn desk() -> (Desk, Sent) {
    let mut desk = Desk::with(registering());
    desk.take();
    desk.wait(10_000);
    let copies = desk.take();
    (desk, copies.into_iter().next().unwrap())
}

#[test]
fn a_trunk_registers_and_refreshes_at_half_time() {
    let (mut desk, first) = desk();
    assert_eq!(first.first(), "REGISTER sip:sip.carrier.example SIP/2.0");
    assert_eq!(first.header("Expires"), Some("600"));
    desk.receive(CARRIER, &first.reply(401, "s", CHALLENGE, ""));
    let second = desk.the("REGISTER");
    assert!(second.header("Authorization").unwrap().contains("username=\"998712000001\""));
    assert_eq!(second.cseq(), first.cseq() + 1);
    assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
    let start = desk.now;
    let contact = second.header("Contact").unwrap();
    let more = format!("Contact: {contact};expires=200\r\n");
    desk.receive(CARRIER, &second.reply(200, "s", &more, ""));
    assert_eq!(desk.names(), ["trunk carrier true"]);
    desk.until(start + 101_000);
    let refresh = desk.take();
    assert!(!refresh.is_empty());
    assert!((90_000..=100_000).contains(&(refresh[0].at - start)), "{}", refresh[0].at - start);
}

#[test]
fn a_trunk_that_is_silent_is_asked_again_later_and_later() {
    let mut desk = Desk::with(registering());
    desk.take();
    let mut starts = Vec::new();
    let mut last = String::new();
    let end = desk.now + 2_400_000;
    while desk.now < end {
        desk.wait(1000);
        for sent in desk.take() {
            if sent.branch() != last {
                last = sent.branch().to_owned();
                starts.push(sent.at);
            }
        }
    }
    let waits: Vec<u64> = starts.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(waits.len() > 5, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 300_000 + 33_000), "{waits:?}");
    assert!(waits.last().unwrap() > &200_000, "{waits:?}");
    assert_eq!(desk.names(), ["trunk carrier false"], "down is told once");
}

#[test]
fn a_wrong_login_is_not_repeated_at_once() {
    let (mut desk, first) = desk();
    desk.names();
    desk.receive(CARRIER, &first.reply(401, "s", CHALLENGE, ""));
    let second = desk.the("REGISTER");
    desk.receive(CARRIER, &second.reply(401, "s", CHALLENGE, ""));
    desk.wait(200_000);
    assert!(desk.take().is_empty(), "one answer to one challenge, then a long wait");
}

#[test]
fn challenges_are_answered_for_the_trunk_and_its_realm_only() {
    // A digest for a foreign realm or hop would be a gift to whoever asked.
    let (mut desk, first) = desk();
    let foreign = CHALLENGE.replace("realm=\"carrier\"", "realm=\"evil\"");
    desk.receive(CARRIER, &first.reply(401, "s", &foreign, ""));
    desk.wait(1000);
    assert!(desk.take().is_empty());
    // A telephone that challenges our INVITE gets nothing either: only trunks have logins.
    let mut desk = Desk::new();
    let (_, invite) = desk.call_out(Some(OFFER));
    desk.receive(CARRIER, &invite.reply(407, "b", &CHALLENGE.replace("WWW", "Proxy"), ""));
    assert_eq!(desk.whats(), ["ACK"]);
    assert_eq!(desk.names(), ["refused 407"]);
}

#[test]
fn an_invite_of_ours_is_sent_again_with_credentials() {
    // RFC 3261 section 22.2: same Call-ID and From tag, higher CSeq, other branch.
    let (mut desk, _) = desk();
    desk.names();
    let (id, invite) = desk.call_out(Some(OFFER));
    assert!(invite.header("From").unwrap().starts_with("<sip:998712000001@sip.carrier.example>"));
    assert_eq!(invite.header("P-Asserted-Identity"), Some("<sip:712000001@sip.carrier.example>"));
    let challenge = CHALLENGE.replace("WWW-Authenticate", "Proxy-Authenticate");
    desk.receive(CARRIER, &invite.reply(407, "b", &challenge, ""));
    let sent = desk.take();
    let again = sent.iter().find(|own| own.what() == "INVITE").unwrap();
    assert_eq!(again.tag("From"), invite.tag("From"));
    assert_eq!(again.body(), OFFER);
    assert!(again.header("Proxy-Authorization").unwrap().contains("realm=\"carrier\""));
    let more = "Contact: <sip:b@192.0.2.10>\r\n";
    desk.receive(CARRIER, &again.reply(200, "b", more, ANSWER));
    let ack = desk.the("ACK");
    assert_eq!(ack.cseq(), again.cseq());
    // A BYE that is challenged is sent again too.
    let now = desk.now();
    desk.stack.bye(id, &Cause::none(), now);
    desk.drain();
    let bye = desk.the("BYE");
    assert!(bye.cseq() > again.cseq());
    desk.receive(CARRIER, &bye.reply(407, "b", &challenge, ""));
    assert!(desk.the("BYE").cseq() > bye.cseq());
    assert_eq!(desk.names(), ["answered sdp"]);
}

#[test]
fn a_trunk_that_wants_longer_registrations_gets_them() {
    // RFC 3261 section 10.2.8.
    let (mut desk, first) = desk();
    desk.receive(CARRIER, &first.reply(423, "s", "Min-Expires: 1800\r\n", ""));
    assert_eq!(desk.the("REGISTER").header("Expires"), Some("1800"));
}

#[test]
fn an_ip_trunk_is_asked_whether_it_lives() {
    let mut settings = settings();
    settings.trunks[0].auth = TrunkAuth::Ip { probe: Period::secs(30) };
    let mut desk = Desk::with(settings);
    desk.wait(31_000);
    let probe = desk.take().remove(0);
    assert_eq!(probe.first(), "OPTIONS sip:192.0.2.10 SIP/2.0");
    desk.receive(CARRIER, &probe.reply(404, "t", "", ""));
    assert!(desk.names().is_empty(), "any answer says that it lives, and it did before");
    desk.wait(100_000);
    assert_eq!(desk.names(), ["trunk carrier false"]);
    let probe = desk.take().pop().unwrap();
    desk.receive(CARRIER, &probe.reply(200, "t", "", ""));
    assert_eq!(desk.names(), ["trunk carrier true"]);
}

#[test]
fn a_trunk_is_known_by_address_and_transport_exactly() {
    let mut desk = Desk::new();
    for flow in [
        udp("192.0.2.10:5061"),
        udp("192.0.2.11:5060"),
        Flow { transport: Transport::Tcp, connection: 1, ..udp(CARRIER) },
    ] {
        desk.receive_over(flow, &carrier_invite().text());
        assert_eq!(desk.whats(), ["401"], "{flow:?}");
    }
    desk.receive(CARRIER, &carrier_invite().text());
    match &desk.events[..] {
        [Event::Invited(invited)] => {
            assert_eq!(invited.source, Source::Trunk { name: Name::from("carrier") });
            assert_eq!(invited.hops, 69);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn identities_are_believed_from_trunks_only() {
    // RFC 3325 section 8, RFC 5806, RFC 7044.
    let more = "P-Asserted-Identity: <sip:+998901112233@192.0.2.10>\r\nPrivacy: id\r\n\
                Diversion: <sip:712000009@192.0.2.10>;reason=no-answer\r\n\
                History-Info: <sip:712000009@192.0.2.10>;index=1\r\n";
    let mut desk = Desk::new();
    desk.receive(CARRIER, &Ask { more: more.to_owned(), ..carrier_invite() }.text());
    let Some(Event::Invited(invited)) = desk.events.pop() else { panic!("{:?}", desk.events) };
    assert_eq!(invited.asserted[0].uri.user.as_deref(), Some("+998901112233"));
    assert!(invited.private);
    assert_eq!((invited.diversion.len(), invited.history.len()), (1, 1));
    let phone = Ask {
        from: String::from("<sip:101@pbx.example>;tag=p"),
        contact: String::from("<sip:101@198.51.100.7>"),
        sent_by: String::from("UDP 198.51.100.7:5060"),
        call_id: String::from("phone"),
        more: more.to_owned(),
        ..carrier_invite()
    };
    desk.take();
    desk.authenticated("198.51.100.7:5060", &phone, "101", "secret");
    let Some(Event::Invited(invited)) = desk.events.pop() else { panic!("{:?}", desk.events) };
    assert!(invited.asserted.is_empty() && invited.diversion.is_empty());
    assert!(invited.history.is_empty());
}

#[test]
fn a_dead_address_gives_way_to_the_next() {
    let mut settings = settings();
    settings.trunks[0].hops.push(hop("192.0.2.12:5060"));
    let mut desk = Desk::with(settings);
    let (_, first) = desk.call_out(Some(OFFER));
    assert_eq!(first.hop.peer.to_string(), CARRIER);
    let now = desk.now();
    desk.stack.undelivered(&first.hop, now);
    desk.drain();
    assert_eq!(desk.names(), ["refused 503"]);
    let (_, second) = desk.call_out(Some(OFFER));
    assert_eq!(second.hop.peer.to_string(), "192.0.2.12:5060");
    desk.stack.trunk_hops(&Name::from("carrier"), vec![hop("192.0.2.13:5060")], now);
    desk.drain();
    desk.take();
    let (_, third) = desk.call_out(Some(OFFER));
    assert_eq!(third.hop.peer.to_string(), "192.0.2.13:5060");
}

#[test]
fn a_reload_keeps_calls_and_drops_users_that_are_gone() {
    let mut desk = Desk::new();
    desk.register("101", "198.51.100.7:5060", "reg-1", 1, "Expires: 600\r\n");
    desk.register("102", "198.51.100.8:5060", "reg-2", 1, "Expires: 600\r\n");
    desk.names();
    let (_, ok) = desk.call_in(&carrier_invite());
    let mut fresh = settings();
    fresh.users.remove("101");
    let now = desk.now();
    desk.names();
    desk.stack.reload(Arc::new(fresh), now);
    desk.drain();
    assert!(desk.stack.devices("101").is_empty());
    assert_eq!(desk.stack.devices("102").len(), 1);
    assert_eq!(desk.stack.load().sessions, 1);
    desk.take();
    desk.receive(CARRIER, &crate::desk::inside("BYE", &carrier_invite(), &ok, 2).text());
    assert_eq!(desk.the("200").what(), "200");
}

#[test]
fn a_full_stack_refuses_new_calls_and_keeps_the_old() {
    let mut settings = settings();
    settings.limits.sessions_max = 1;
    let mut desk = Desk::with(settings);
    let invite = carrier_invite();
    desk.receive(CARRIER, &invite.text());
    desk.invited();
    desk.take();
    let other = Ask {
        call_id: String::from("call-2"),
        branch: String::from("z9hG4bKtwo"),
        ..carrier_invite()
    };
    desk.receive(CARRIER, &other.text());
    let refused = desk.one();
    assert_eq!((refused.what(), refused.header("Retry-After")), ("503", Some("5")));
    let cancel = Ask { method: "CANCEL", body: String::new(), ..invite };
    desk.receive(CARRIER, &cancel.text());
    assert_eq!(desk.whats(), ["200", "487"]);
}
