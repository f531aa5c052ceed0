//! Calls that go outside, and calls that are passed on.

use navbat::model::OfferEnd;
use navbat::switch::Allowed;

use crate::peer::{DOMAIN, Manner, Stage, user_of};
use crate::world::{LINE, Site, World};

fn ip(world: &mut World, name: &str) -> Option<String> {
    Some(world.peer(name).address.ip().to_string())
}

#[test]
fn a_trunk_that_is_out_gives_way_to_the_next() {
    let mut world = World::new(Site::new(&["aziza"]).trunk("spare", 20));
    world.manner("carrier", Manner::Refuses { after: 100, code: 503 });
    world.manner("spare", Manner::Answers { rings: 10, after: 1000 });
    let call = world.peer("aziza").dial("901234567");
    world.run(4000);
    assert_eq!(world.up(), ["aziza", "spare"]);
    assert_eq!(world.peer("aziza").calls[&call].stage, Stage::Up);
    world.peer("aziza").hang_up(&call);
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.account.as_str(), "spare", "the call is of the trunk that carried it");
    assert_eq!(row.provider, "sip");
    assert_eq!(row.call_key, format!("sip/{}", row.id));
    assert_eq!(row.line.as_ref().and_then(|line| line.e164()).unwrap().reveal(), LINE);
}

#[test]
fn a_caller_who_is_passed_on_outside_stays_a_call_of_their_own_trunk() {
    let mut world = World::new(Site::new(&["aziza"]).trunk("spare", 5));
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    world.peer("aziza").refer(&at, "<sip:901111111@x.test>");
    world.run(5000);
    assert_eq!(world.up(), ["carrier", "spare"], "{:?}", world.peer("aziza").notified);
    world.peer("carrier").hang_up(&call);
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.account.as_str(), "carrier");
}

#[test]
fn a_silent_trunk_gives_way_too() {
    let mut world = World::new(Site::new(&["aziza"]).trunk("spare", 20));
    world.manner("carrier", Manner::Dead);
    let call = world.peer("aziza").dial("901234567");
    world.run(3900);
    assert_eq!(world.peer("spare").saw("INVITE").len(), 0, "a carrier has four seconds");
    world.run(3000);
    assert_eq!(world.up(), ["aziza", "spare"]);
    world.peer("aziza").hang_up(&call);
    world.run(1000);
    // The next call does not wait for it again.
    let call = world.peer("aziza").dial("901234568");
    world.run(3000);
    assert_eq!(world.up(), ["aziza", "spare"]);
    world.peer("aziza").hang_up(&call);
    world.quiet();
}

#[test]
fn a_carrier_that_wakes_up_too_late_is_cancelled() {
    for manner in [Manner::Rings, Manner::Crosses { after: 100 }] {
        let mut world = World::new(Site::new(&["aziza"]).trunk("spare", 20));
        world.manner("carrier", Manner::Dead);
        world.manner("spare", Manner::Answers { rings: 10, after: 6000 });
        let call = world.peer("aziza").dial("901234567");
        world.run(5000);
        assert_eq!(world.peer("carrier").saw("CANCEL").len(), 0, "nothing was heard of it yet");
        world.manner("carrier", manner.clone());
        world.run(8000);
        assert_eq!(world.peer("carrier").saw("CANCEL").len(), 1, "{manner:?}");
        assert_eq!(world.up(), ["aziza", "spare"], "{manner:?}");
        world.peer("aziza").hang_up(&call);
        world.quiet();
    }
}

#[test]
fn the_only_carrier_may_take_its_time() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("carrier", Manner::Dead);
    let call = world.peer("aziza").dial("901234567");
    world.run(5000);
    world.manner("carrier", Manner::Answers { rings: 10, after: 500 });
    world.run(5000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    world.peer("aziza").hang_up(&call);
    world.quiet();
}

#[test]
fn the_callees_wish_is_final() {
    let mut world = World::new(Site::new(&["aziza"]).trunk("spare", 20));
    world.manner("carrier", Manner::Refuses { after: 100, code: 486 });
    let call = world.peer("aziza").dial("901234567");
    world.run(4000);
    assert_eq!(world.peer("aziza").calls[&call].code, Some(486));
    assert_eq!(world.peer("spare").saw("INVITE").len(), 0);
    world.quiet();
}

#[test]
fn limits_of_outside_calls_hold_over_a_restart() {
    let mut site = Site::new(&["aziza"]);
    site.allowed = Some(Allowed {
        prefixes: vec![String::from("+99890")],
        calls_max: 1,
        per_minute: 10,
        per_day: 2,
    });
    let mut world = World::new(site);
    world.manner("carrier", Manner::Answers { rings: 10, after: 300 });
    let first = world.peer("aziza").dial("901234567");
    world.run(2000);
    assert_eq!(world.peer("aziza").calls[&first].stage, Stage::Up);
    let second = world.peer("aziza").dial("901234568");
    world.run(2000);
    assert_eq!(world.peer("aziza").calls[&second].code, Some(403));
    world.peer("aziza").hang_up(&first);
    world.run(40_000);
    let third = world.peer("aziza").dial("901234569");
    world.run(2000);
    world.peer("aziza").hang_up(&third);
    world.run(40_000);
    world.kill();
    world.run(2000);
    let fourth = world.peer("aziza").dial("901234560");
    world.run(2000);
    assert_eq!(world.peer("aziza").calls[&fourth].code, Some(403), "the day is used up");
    world.quiet();
}

#[test]
fn a_blind_transfer_to_a_colleague() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("bobur", Manner::Refuses { after: 100, code: 486 });
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    world.manner("bobur", Manner::Answers { rings: 10, after: 1000 });
    let at = world.peer("aziza").up()[0].clone();
    world.peer("aziza").change(&at, "INVITE", "sendonly"); // on hold, as telephones do it
    world.run(1000);
    world.peer("aziza").refer(&at, &format!("<sip:202@{DOMAIN}>"));
    world.run(5000);
    assert_eq!(world.up(), ["bobur", "carrier"], "{:?}", world.peer("aziza").notified);
    let there = world.peer("bobur").up()[0].clone();
    assert!(world.peer("bobur").calls[&there].heard.contains("a=sendrecv"));
    assert!(world.peer("carrier").calls[&call].heard.contains("a=sendrecv"));
    let told = world.peer("aziza").notified.clone();
    assert!(told.iter().any(|it| it.contains("200")), "{told:?}");
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "bobur"));
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_transfer_to_a_forbidden_number_is_refused_and_the_call_goes_on() {
    for to in ["+79001234567", "nobody"] {
        let mut world = World::new(Site::new(&["aziza"]));
        let call = world.arrive();
        world.run(4000);
        let at = world.peer("aziza").up()[0].clone();
        world.peer("aziza").refer(&at, &format!("<sip:{to}@evil.test>"));
        world.run(5000);
        let told = world.peer("aziza").notified.clone();
        assert!(told.last().is_some_and(|it| !it.contains(" 200 ")), "{to}: {told:?}");
        assert_eq!(world.up(), ["aziza", "carrier"], "{to}");
        assert_eq!(world.peer("carrier").saw("INVITE").len(), 0, "{to}");
        world.peer("carrier").hang_up(&call);
        world.quiet();
    }
}

#[test]
fn a_carrier_transfers_nobody() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("bobur", Manner::Refuses { after: 100, code: 486 });
    let call = world.arrive();
    world.run(4000);
    let before = world.peer("bobur").saw("INVITE").len();
    world.peer("carrier").refer(&call, &format!("<sip:202@{DOMAIN}>"));
    world.run(5000);
    assert_eq!(world.peer("bobur").saw("INVITE").len(), before);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn an_attended_transfer_joins_the_two_others() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("bobur", Manner::Refuses { after: 100, code: 486 });
    let call = world.arrive();
    world.run(4000);
    world.manner("bobur", Manner::Answers { rings: 10, after: 500 });
    let first = world.peer("aziza").up()[0].clone();
    world.peer("aziza").change(&first, "INVITE", "sendonly");
    world.run(1000);
    let second = world.peer("aziza").dial("202");
    world.run(3000);
    assert_eq!(world.peer("aziza").calls[&second].stage, Stage::Up);
    let other = world.peer("aziza").calls[&second].clone();
    let replaces = format!("{}%3Bto-tag%3D{}%3Bfrom-tag%3D{}", other.id, other.theirs, other.ours);
    world.peer("aziza").refer(&first, &format!("<sip:202@{DOMAIN}?Replaces={replaces}>"));
    world.run(5000);
    assert_eq!(world.up(), ["bobur", "carrier"], "{:?}", world.peer("aziza").notified);
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "bobur"));
    let at = world.peer("bobur").up()[0].clone();
    assert_eq!(world.peer("bobur").hears(&at), ip(&mut world, "carrier"));
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_redirected_telephone_is_followed_only_where_its_operator_may_call() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner(
        "aziza",
        Manner::Redirects { to: String::from("sip:+998909999999@elsewhere.test") },
    );
    world.arrive();
    world.run(4000);
    let invite = world.peer("carrier").saw("INVITE")[0].clone();
    assert_eq!(user_of(invite.uri()), "998909999999");
    assert_eq!(world.peer("carrier").up().len(), 2, "the caller and the mobile telephone");
    let up = world.peer("carrier").up();
    world.peer("carrier").hang_up(&up[0]);
    world.quiet();
    let mut world = World::new(Site::new(&["aziza"]));
    world
        .manner("aziza", Manner::Redirects { to: String::from("sip:+79001234567@elsewhere.test") });
    let call = world.arrive();
    world.run(2000);
    assert_eq!(world.peer("carrier").saw("INVITE").len(), 0);
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.offers[0].end, Some(OfferEnd::Unreachable));
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_second_telephone_of_the_same_operator_takes_the_call_over() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("bobur", Manner::Refuses { after: 100, code: 486 });
    let desk = world.telephone("desk", "aziza");
    world.peers[desk].manner = Manner::Refuses { after: 100, code: 486 };
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    let old = world.peer("aziza").calls[&at].clone();
    let replaces = format!("{};to-tag={};from-tag={}", old.id, old.theirs, old.ours);
    let thief =
        world.peer("bobur").call("x", &format!("<sip:bobur@{DOMAIN}>"), &[("Replaces", &replaces)]);
    world.run(3000);
    assert_eq!(world.peer("bobur").calls[&thief].code, Some(481), "not a stranger's to take");
    assert_eq!(world.up(), ["aziza", "carrier"]);
    let heir =
        world.peer("desk").call("x", &format!("<sip:aziza@{DOMAIN}>"), &[("Replaces", &replaces)]);
    world.run(5000);
    assert_eq!(world.up(), ["carrier", "desk"]);
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "desk"));
    assert_eq!(world.peer("desk").hears(&heir), ip(&mut world, "carrier"));
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_trunk_is_offered_only_its_codecs() {
    let mut site = Site::new(&["aziza"]);
    site.trunks[0].codecs = vec![String::from("PCMA")];
    let mut world = World::new(site);
    let call = world.peer("aziza").dial("901234567");
    world.run(4000);
    let invite = world.peer("carrier").saw("INVITE")[0].clone();
    assert!(invite.body.contains("m=audio 4000 RTP/AVP 8 101\r\n"), "{}", invite.body);
    world.peer("aziza").hang_up(&call);
    world.quiet();
}

#[test]
fn a_spoofed_request_inside_a_call_changes_nothing() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.arrive();
    world.run(4000);
    let stranger = "203.0.113.5:5060".parse().unwrap();
    for method in ["BYE", "INVITE", "REFER", "UPDATE"] {
        let mut text = world.peer("carrier").inside(&call, method);
        text = text.with("Refer-To", "<sip:201@navbat.test>");
        world.inject(stranger, &text.bytes());
        let mut wrong = world.peer("carrier").inside(&call, method);
        for header in &mut wrong.headers {
            if header.0 == "To" {
                header.1 = header.1.split(";tag=").next().unwrap().to_owned() + ";tag=guess";
            }
        }
        let carrier = world.peer("carrier").address;
        world.inject(carrier, &wrong.bytes());
        world.run(500);
        assert_eq!(world.up(), ["aziza", "carrier"], "{method}");
        assert_eq!(world.talking().len(), 1, "{method}");
    }
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn an_operator_is_rung_first_for_a_call_from_the_page() {
    use navbat::model::Number;
    use navbat::switch::Command;
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("carrier", Manner::Answers { rings: 10, after: 1500 });
    let number = Number::new("+998901234567").unwrap();
    world.command("aziza", Command::Place { operator: "aziza".into(), number }).unwrap();
    world.manner("aziza", Manner::Answers { rings: 10, after: 500 });
    world.run(6000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    let at = world.peer("aziza").up()[0].clone();
    assert_eq!(world.peer("aziza").hears(&at), ip(&mut world, "carrier"));
    let there = world.peer("carrier").up()[0].clone();
    assert_eq!(world.peer("carrier").hears(&there), ip(&mut world, "aziza"));
    assert!(world.peer("carrier").calls[&there].heard.contains("a=sendrecv"));
    world.peer("aziza").hang_up(&at);
    world.quiet();
}
