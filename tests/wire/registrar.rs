//! REGISTER, digest and who may come in (RFC 3261 sections 10 and 22, RFC 5626, RFC 8760).

use navbat::sip::{Flow, Kept, Transport};

use crate::desk::{Ask, CARRIER, Desk, OFFER, PHONE, addr, credentials, register, settings, udp};

#[test]
fn a_telephone_registers_and_is_listed() {
    let mut desk = Desk::new();
    let ok = desk.register("101", PHONE, "reg-1", 1, "Expires: 600\r\nUser-Agent: Desk 1\r\n");
    assert_eq!(ok.what(), "200");
    assert!(ok.promise, "RFC 3261 section 10.3 step 8: after the journal has it");
    assert_eq!(ok.header("Contact"), Some("<sip:101@198.51.100.7:5060>;expires=600"));
    assert_eq!(desk.names(), ["registered 101 1"]);
    let devices = desk.stack.devices("101");
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].hop.peer, addr(PHONE));
    assert_eq!(devices[0].user_agent, "Desk 1");
    assert!(matches!(&desk.kept[..], [Kept::Binding { user, .. }] if user == "101"));
    desk.wait(600_000);
    assert_eq!(desk.names(), ["unregistered 101"]);
    assert!(desk.stack.devices("101").is_empty());
    desk.nothing_left();
}

#[test]
fn the_strong_challenge_comes_first() {
    // RFC 8760 section 2.4.
    let mut desk = Desk::new();
    desk.receive(
        PHONE,
        &register("101", PHONE, "reg-1", 1, "Expires: 600\r\nUser-Agent: a\r\n").text(),
    );
    let challenge = desk.the("401");
    let offers = challenge.headers("WWW-Authenticate");
    assert_eq!(offers.len(), 2);
    assert!(offers[0].contains("algorithm=SHA-256") && offers[1].contains("algorithm=MD5"));
    assert!(offers.iter().all(|offer| offer.contains("realm=\"pbx.example\"")));
    assert_eq!(desk.stack.load().servers, 0, "a stranger leaves nothing behind");
}

#[test]
fn a_site_with_old_telephones_asks_for_one_hash_only() {
    // A telephone may give up at a challenge whose hash it does not know.
    let mut settings = super::desk::settings();
    settings.digest = vec![navbat::sip::digest::Algorithm::Md5];
    let mut desk = Desk::with(settings);
    desk.receive(PHONE, &register("101", PHONE, "reg-1", 1, "Expires: 600\r\n").text());
    let challenge = desk.the("401");
    let offers = challenge.headers("WWW-Authenticate");
    assert_eq!(offers.len(), 1);
    assert!(offers[0].contains("algorithm=MD5"), "{offers:?}");
}

#[test]
fn answers_to_strangers_are_at_most_twice_the_question() {
    let mut desk = Desk::new();
    for (method, uri) in [
        ("REGISTER", "sip:pbx.example"),
        ("INVITE", "sip:+998901234567@pbx.example"),
        ("OPTIONS", "sip:pbx.example"),
        ("OPTIONS", "sip:101@pbx.example"),
        ("MESSAGE", "sip:101@pbx.example"),
        ("SUBSCRIBE", "sip:101@pbx.example"),
    ] {
        let text = format!(
            "{method} {uri} SIP/2.0\r\nv: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bK{method}\r\nf: <sip:a@b.c>;tag=1\r\n\
             t: <sip:a@b.c>\r\ni: x\r\nCSeq: 1 {method}\r\nm: <sip:a@9.9.9.9>\r\nl: 0\r\n\r\n"
        );
        desk.receive("9.9.9.9:5060", &text);
        for sent in desk.take() {
            assert!(sent.text.len() <= 2 * text.len(), "{} to {}", sent.text.len(), text.len());
        }
        desk.wait(40_000);
        assert!(desk.take().is_empty(), "not repeated");
    }
    let load = desk.stack.load();
    assert_eq!((load.servers, load.sessions, load.guarded), (0, 0, 0));
}

#[test]
fn known_and_unknown_users_get_the_same_bytes() {
    let answer = |user: &str, password: &str| {
        let mut desk = Desk::new();
        let mut ask = register(user, PHONE, "reg-1", 1, "Expires: 600\r\n");
        ask.branch = String::from("z9hG4bKsame");
        let sent = desk.authenticated(PHONE, &ask, user, password);
        assert_eq!(sent.what(), "401");
        sent.text.replace(user, "USER")
    };
    let known = answer("101", "wrong!");
    let unknown = answer("909", "secret");
    assert_eq!(known, unknown);
}

#[test]
fn nobody_registers_for_another() {
    // RFC 3261 section 10.3 steps 3 and 4.
    let mut desk = Desk::new();
    for (to, from) in [("102", "101"), ("101", "102")] {
        let mut ask = register("101", PHONE, "reg-3", 1, "Expires: 600\r\n");
        ask.to = format!("<sip:{to}@pbx.example>");
        ask.from = format!("<sip:{from}@pbx.example>;tag=x");
        ask.branch = format!("z9hG4bK{to}");
        assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "403");
    }
    assert!(desk.stack.devices("102").is_empty() && desk.stack.devices("101").is_empty());
    assert!(desk.names().is_empty());
}

#[test]
fn the_username_must_own_the_from_of_an_invite() {
    let mut desk = Desk::new();
    let ask = phone_invite("102", "sip:+998901234567@pbx.example");
    assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "403");
    assert!(desk.names().is_empty());
}

/// An INVITE of a telephone.
fn phone_invite(user: &str, uri: &str) -> Ask {
    Ask {
        from: format!("<sip:{user}@pbx.example>;tag=f{user}"),
        to: format!("<{uri}>"),
        call_id: String::from("phone-call"),
        contact: format!("<sip:{user}@{PHONE}>"),
        sent_by: format!("UDP {PHONE}"),
        body: OFFER.to_owned(),
        ..Ask::new("INVITE", uri)
    }
}

#[test]
fn an_unauthenticated_invite_goes_nowhere() {
    let mut desk = Desk::new();
    desk.receive(PHONE, &phone_invite("101", "sip:+998901234567@pbx.example").text());
    assert_eq!(desk.whats(), ["401"]);
    assert!(desk.names().is_empty());
    assert_eq!(desk.stack.load().sessions, 0);
    let mut desk = Desk::new();
    let ask = phone_invite("101", "sip:+998901234567@pbx.example");
    assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "100");
    assert_eq!(desk.names(), ["invited"]);
}

#[test]
fn we_are_no_open_relay() {
    // RFC 3261 section 16 is a proxy's; ours refuses what it did not choose itself.
    for (uri, more) in [
        ("sip:+998901234567@victim.example", ""),
        ("sip:+998901234567@pbx.example;maddr=203.0.113.99", ""),
        ("sip:+998901234567@pbx.example", "Route: <sip:203.0.113.99;lr>\r\n"),
    ] {
        let mut desk = Desk::new();
        let mut ask = phone_invite("101", uri);
        ask.more = more.to_owned();
        assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "403", "{uri} {more}");
        assert!(desk.names().is_empty());
    }
    let mut desk = Desk::new();
    let mut ask = phone_invite("101", "sip:+998901234567@pbx.example");
    ask.more = String::from("Route: <sip:203.0.113.5;lr>\r\n");
    assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "100", "our own route");
}

#[test]
fn a_nonce_counts_up_and_grows_old() {
    // RFC 7616 section 3.4.5 and 3.3: a repeated nc is a replay; stale=true asks for no password.
    let mut desk = Desk::new();
    let plain = register("101", PHONE, "reg-1", 1, "Expires: 600\r\n");
    desk.receive(PHONE, &plain.text());
    let challenge = desk.the("401");
    let say = |desk: &mut Desk, cseq: u32, nc: u32| {
        let mut ask = register("101", PHONE, "reg-1", cseq, "Expires: 600\r\n");
        let line = credentials(&challenge, &ask, "101", "secret", nc);
        ask.more.push_str(&line);
        desk.receive(PHONE, &ask.text());
        desk.take().pop().unwrap()
    };
    assert_eq!(say(&mut desk, 2, 1).what(), "200");
    assert_eq!(say(&mut desk, 3, 2).what(), "200");
    let replay = say(&mut desk, 4, 2);
    assert_eq!(replay.what(), "401");
    assert!(replay.header("WWW-Authenticate").unwrap().contains("stale=true"));
    assert_eq!(say(&mut desk, 5, 9).what(), "200");
    desk.wait(301_000);
    desk.take();
    let old = say(&mut desk, 6, 10);
    assert_eq!(old.what(), "401");
    assert!(old.header("WWW-Authenticate").unwrap().contains("stale=true"));
}

#[test]
fn a_forged_nonce_is_no_nonce() {
    let mut desk = Desk::new();
    let ask = register("101", PHONE, "reg-1", 1, "Expires: 600\r\n");
    desk.receive(PHONE, &ask.text());
    let mut challenge = desk.the("401");
    let nonce =
        challenge.text.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    challenge.text = challenge.text.replace(&nonce, &"0".repeat(nonce.len()));
    let mut again = register("101", PHONE, "reg-1", 2, "Expires: 600\r\n");
    again.more.push_str(&credentials(&challenge, &ask, "101", "secret", 1));
    desk.receive(PHONE, &again.text());
    let refused = desk.the("401");
    assert!(!refused.header("WWW-Authenticate").unwrap().contains("stale"));
}

#[test]
fn ten_failures_silence_a_source_for_ten_minutes() {
    let mut desk = Desk::new();
    for at in 0..10 {
        let ask = register("101", PHONE, &format!("bad-{at}"), 1, "Expires: 600\r\n");
        assert_eq!(desk.authenticated(PHONE, &ask, "101", "wrong").what(), "401");
        desk.wait(1000);
    }
    let right = register("101", PHONE, "good", 1, "Expires: 600\r\n");
    desk.receive(PHONE, &right.text());
    assert!(desk.take().is_empty(), "silence over UDP");
    let flow = Flow { transport: Transport::Tcp, connection: 5, ..udp("198.51.100.7:40000") };
    desk.receive_over(flow, &right.text());
    assert_eq!(desk.whats(), ["403"], "a short no over a stream");
    // The account is not locked: elsewhere it works.
    let elsewhere = "198.51.100.8:5060";
    assert_eq!(desk.register("101", elsewhere, "other", 1, "Expires: 600\r\n").what(), "200");
    desk.wait(601_000);
    desk.take();
    assert_eq!(desk.register("101", PHONE, "later", 1, "Expires: 600\r\n").what(), "200");
}

#[test]
fn the_table_of_failures_is_bounded() {
    let mut settings = settings();
    settings.limits.failures_max = 100;
    let mut desk = Desk::with(settings);
    for at in 0..400_u32 {
        let peer = format!("10.0.{}.{}:5060", at / 200, at % 200 + 1);
        let ask = register("101", &peer, &format!("bad-{at}"), 1, "Expires: 600\r\n");
        desk.authenticated(&peer, &ask, "101", "wrong");
    }
    assert!(desk.stack.load().guarded <= 100, "{:?}", desk.stack.load());
}

#[test]
fn registrations_come_in_order() {
    // RFC 3261 section 10.3 step 7: same Call-ID, lower CSeq: the whole request fails.
    let mut desk = Desk::new();
    assert_eq!(desk.register("101", PHONE, "reg-1", 10, "Expires: 600\r\n").what(), "200");
    assert_eq!(desk.register("101", PHONE, "reg-1", 5, "Expires: 0\r\n").what(), "500");
    assert_eq!(desk.stack.devices("101").len(), 1);
    assert_eq!(desk.register("101", PHONE, "reg-2", 1, "Expires: 0\r\n").what(), "200");
    assert!(desk.stack.devices("101").is_empty());
    assert_eq!(desk.names(), ["registered 101 1", "unregistered 101"]);
}

#[test]
fn a_star_removes_everything_and_nothing_else_goes_with_it() {
    // RFC 3261 section 10.3 step 6.
    let mut desk = Desk::new();
    desk.register("101", PHONE, "reg-1", 1, "Expires: 600\r\n");
    desk.register("101", "198.51.100.9:5060", "reg-2", 1, "Expires: 600\r\n");
    assert_eq!(desk.stack.devices("101").len(), 2);
    let star = |cseq: u32, more: &str| Ask {
        contact: String::from("*"),
        ..register("101", PHONE, "reg-3", cseq, more)
    };
    assert_eq!(
        desk.authenticated(PHONE, &star(1, "Expires: 60\r\n"), "101", "secret").what(),
        "400"
    );
    assert_eq!(desk.stack.devices("101").len(), 2);
    let gone = desk.authenticated(PHONE, &star(3, "Expires: 0\r\n"), "101", "secret");
    assert_eq!((gone.what(), gone.header("Contact")), ("200", None));
    assert!(desk.stack.devices("101").is_empty());
}

#[test]
fn a_length_is_bounded_on_both_sides() {
    // RFC 3261 section 10.3 step 7: 423 with Min-Expires; longer wishes are cut.
    let mut desk = Desk::new();
    let brief = desk.register("101", PHONE, "reg-1", 1, "Expires: 10\r\n");
    assert_eq!((brief.what(), brief.header("Min-Expires")), ("423", Some("60")));
    let long = desk.register("101", PHONE, "reg-1", 3, "Expires: 999999\r\n");
    assert!(long.header("Contact").unwrap().ends_with("expires=3600"));
    let own = Ask {
        contact: format!("<sip:101@{PHONE}>;expires=120;q=0.3"),
        ..register("101", PHONE, "reg-1", 5, "Expires: 600\r\n")
    };
    let own = desk.authenticated(PHONE, &own, "101", "secret");
    assert!(own.header("Contact").unwrap().contains("expires=120;q=0.300"), "{own:?}");
}

#[test]
fn contacts_are_ordered_by_preference_and_bounded() {
    let mut desk = Desk::new();
    for at in 0..12 {
        let ask = Ask {
            contact: format!("<sip:101@198.51.100.7:{}>;q=0.{}", 6000 + at, at % 10),
            ..register("101", PHONE, &format!("reg-{at}"), 1, "Expires: 600\r\n")
        };
        desk.wait(10);
        assert_eq!(desk.authenticated(PHONE, &ask, "101", "secret").what(), "200");
    }
    let devices = desk.stack.devices("101");
    assert_eq!(devices.len(), 10, "the contact that would end first made room");
    assert!(devices.is_sorted_by_key(|device| std::cmp::Reverse(device.q)));
    assert!(desk.kept.iter().filter(|kept| matches!(kept, Kept::BindingGone { .. })).count() == 2);
}

#[test]
fn an_instance_keeps_one_binding_per_flow() {
    // RFC 5626 section 6: instance and reg-id are the key, not the address.
    let mut desk = Desk::new();
    let ask = |peer: &str, call_id: &str, reg_id: u32| Ask {
        contact: format!(
            "<sip:101@{peer}>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";reg-id={reg_id}"
        ),
        ..register("101", peer, call_id, 1, "Supported: outbound, path\r\nExpires: 600\r\n")
    };
    for (peer, reg_id, count) in
        [(PHONE, 1, 1), ("198.51.100.7:9999", 1, 1), ("198.51.100.7:9998", 2, 2)]
    {
        let sent = desk.authenticated(peer, &ask(peer, peer, reg_id), "101", "secret");
        assert_eq!(sent.what(), "200");
        assert_eq!(desk.stack.devices("101").len(), count);
    }
    let hops: Vec<u16> = desk.stack.devices("101").iter().map(|own| own.hop.peer.port()).collect();
    assert!(hops.contains(&9999) && hops.contains(&9998) && !hops.contains(&5060), "{hops:?}");
}

#[test]
fn a_path_becomes_the_route_to_the_telephone() {
    // RFC 3327 section 5.
    let mut desk = Desk::new();
    let more = "Supported: path\r\nPath: <sip:edge@192.0.2.200;lr>\r\nExpires: 600\r\n";
    let ok = desk.register("101", PHONE, "reg-1", 1, more);
    assert_eq!(ok.header("Path"), Some("<sip:edge@192.0.2.200;lr>"));
    assert_eq!(desk.stack.devices("101")[0].path, ["<sip:edge@192.0.2.200;lr>"]);
}

#[test]
fn a_telephone_behind_nat_is_reached_the_way_it_came() {
    // RFC 3581: rport; the private address in Contact and Via is not believed.
    let mut desk = Desk::new();
    let inner = "192.168.1.20:5060";
    let ask = Ask {
        sent_by: format!("UDP {inner}"),
        ..register("101", inner, "nat", 1, "Expires: 600\r\n")
    };
    let outer = "198.51.100.77:31337";
    let ok = desk.authenticated(outer, &ask, "101", "secret");
    assert_eq!(ok.hop.peer, addr(outer));
    assert!(ok.header("Via").unwrap().contains("received=198.51.100.77"));
    assert!(ok.header("Via").unwrap().contains("rport=31337"));
    let device = &desk.stack.devices("101")[0];
    assert_eq!((device.hop.peer, device.straight), (addr(outer), false));
}

#[test]
fn a_binding_ends_with_its_stream() {
    let mut desk = Desk::new();
    let flow = Flow { transport: Transport::Tcp, connection: 9, ..udp("198.51.100.7:40001") };
    let ask = register("101", "198.51.100.7:40001", "tcp", 1, "Expires: 600\r\n");
    desk.receive_over(flow, &ask.text());
    let challenge = desk.the("401");
    let mut again = register("101", "198.51.100.7:40001", "tcp", 2, "Expires: 600\r\n");
    again.more.push_str(&credentials(&challenge, &ask, "101", "secret", 1));
    desk.receive_over(flow, &again.text());
    assert_eq!(desk.stack.devices("101")[0].hop.connection, Some(9));
    let now = desk.now();
    desk.stack.undelivered(&flow.hop(), now);
    desk.drain();
    assert_eq!(desk.names(), ["registered 101 1", "unregistered 101"]);
}

#[test]
fn bindings_outlive_a_restart_and_are_asked_whether_they_live() {
    let mut desk = Desk::new();
    desk.register("101", PHONE, "reg-1", 1, "Expires: 600\r\n");
    let [Kept::Binding { state, .. }] = &desk.kept[..] else { panic!("{:?}", desk.kept) };
    let mut fresh = Desk::new();
    let now = fresh.now();
    fresh.stack.bind(state, now).unwrap();
    fresh.drain();
    assert!(!fresh.stack.devices("101")[0].seen);
    let probe = fresh.the("OPTIONS");
    assert_eq!(probe.first(), "OPTIONS sip:101@198.51.100.7:5060 SIP/2.0");
    fresh.receive(PHONE, &probe.reply(200, "t", "", ""));
    assert!(fresh.stack.devices("101")[0].seen);
    assert_eq!(fresh.names(), ["registered 101 1"]);
    assert!(fresh.stack.bind("{}", now).is_err());
}

#[test]
fn unknown_things_get_the_code_that_names_them() {
    // RFC 3261 section 8.2: method, scheme, extension, hops.
    for (method, uri, more, code) in [
        ("OPTIONS", "sip:pbx.example", "", "200"),
        ("MESSAGE", "sip:pbx.example", "", "405"),
        ("SUBSCRIBE", "sip:pbx.example", "Event: presence\r\n", "489"),
        ("INVITE", "sip:1@pbx.example", "Require: teleport\r\n", "420"),
        ("INVITE", "sip:1@pbx.example", "Content-Type: text/plain\r\n", "415"),
        ("BYE", "sip:1@pbx.example", "", "481"),
    ] {
        let mut desk = Desk::new();
        let ask = Ask {
            more: more.to_owned(),
            body: if method == "INVITE" { OFFER.to_owned() } else { String::new() },
            ..Ask::new(method, uri)
        };
        desk.receive(CARRIER, &ask.text());
        let sent = desk.take();
        assert_eq!(sent.last().unwrap().what(), code, "{method} {uri} {more}");
        assert!(desk.names().is_empty());
    }
    let mut desk = Desk::new();
    let text = crate::desk::carrier_invite().text().replace("Max-Forwards: 70", "Max-Forwards: 0");
    desk.receive(CARRIER, &text);
    assert_eq!(desk.whats(), ["483"]);
}
