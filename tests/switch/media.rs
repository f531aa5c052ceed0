//! Who hears whom, and who is told so.

use navbat::model::{LegMove, OfferEnd, Record};
use navbat::switch::Keys;

use crate::peer::{Manner, Stage};
use crate::world::{Site, World};

fn ip(world: &mut World, name: &str) -> Option<String> {
    Some(world.peer(name).address.ip().to_string())
}

fn talk() -> (World, String, String) {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    (world, call, at)
}

fn moves(world: &World, to: LegMove) -> usize {
    let is = |record: &Record| matches!(record, Record::LegMoved { to: it, .. } if *it == to);
    world.records.iter().filter(|it| is(&it.record)).count()
}

#[test]
fn a_caller_without_an_offer_gets_the_operators() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.peer("carrier").asks_offer = true;
    world.manner("bobur", Manner::Crosses { after: 2005 });
    let call = world.arrive();
    world.run(5000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "aziza"));
    let at = world.peer("aziza").up()[0].clone();
    assert_eq!(world.peer("aziza").hears(&at), ip(&mut world, "carrier"), "by our ACK");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn hold_and_back_pass_from_leg_to_leg() {
    for method in ["INVITE", "UPDATE"] {
        let (mut world, call, at) = talk();
        world.peer("aziza").change(&at, method, "sendonly");
        world.run(1000);
        assert!(world.peer("carrier").calls[&call].heard.contains("a=sendonly"), "{method}");
        assert!(world.peer("aziza").calls[&at].heard.contains("a=recvonly"), "{method}");
        assert_eq!(moves(&world, LegMove::Held), 1, "{method}");
        world.peer("aziza").change(&at, method, "sendrecv");
        world.run(1000);
        assert!(world.peer("carrier").calls[&call].heard.contains("a=sendrecv"));
        assert_eq!(moves(&world, LegMove::Resumed), 1, "{method}");
        world.peer("carrier").hang_up(&call);
        world.quiet();
    }
}

/// An INFO with a key, as telephones send it.
fn press(world: &mut World, name: &str, call: &str, kind: &str, body: &str) {
    let text = world.peer(name).inside(call, "INFO");
    let mut text = text.body(body);
    for (header, value) in &mut text.headers {
        if header == "Content-Type" {
            kind.clone_into(value);
        }
    }
    world.peer(name).send(&text);
    world.run(500);
}

#[test]
fn keys_by_info_are_told_on_where_the_other_side_takes_them() {
    const RELAY: &str = "application/dtmf-relay";
    let mut site = Site::new(&["aziza"]);
    site.trunks[0].keys = Keys::Info;
    let mut world = World::new(site);
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    press(&mut world, "aziza", &at, RELAY, "Signal=5\r\nDuration=250\r\n");
    press(&mut world, "aziza", &at, "application/dtmf", "#");
    let told: Vec<String> =
        world.peer("carrier").saw("INFO").iter().map(|text| text.body.clone()).collect();
    assert_eq!(told, ["Signal=5\r\nDuration=160\r\n", "Signal=#\r\nDuration=160\r\n"]);
    assert_eq!(world.peer("carrier").saw("INFO")[0].get("Content-Type"), Some(RELAY));
    press(&mut world, "carrier", &call, RELAY, "Signal=9\r\n");
    assert_eq!(world.peer("aziza").saw("INFO").len(), 1);
    // What is no key is taken and goes nowhere.
    press(&mut world, "aziza", &at, RELAY, "Signal=boo\r\n");
    assert_eq!(world.peer("carrier").saw("INFO").len(), 2);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn keys_are_not_told_to_who_does_not_take_them() {
    let from = crate::world::CLIENT;
    let allows = [("Allow", "INVITE, ACK, BYE, CANCEL")];
    for (keys, more) in [(Keys::Media, &[][..]), (Keys::Info, &allows[..])] {
        let mut site = Site::new(&["aziza"]);
        site.trunks[0].keys = keys;
        let mut world = World::new(site);
        let call = world.peer("carrier").call(crate::world::LINE, from, more);
        world.run(4000);
        let at = world.peer("aziza").up()[0].clone();
        press(&mut world, "aziza", &at, "application/dtmf-relay", "Signal=5\r\n");
        assert_eq!(world.peer("carrier").saw("INFO").len(), 0, "{keys:?}");
        assert_eq!(world.up(), ["aziza", "carrier"], "{keys:?}");
        world.peer("carrier").hang_up(&call);
        world.quiet();
    }
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let (mut world, call, at) = talk();
    world.peer("carrier").answers_changes = Some(488);
    world.peer("aziza").change(&at, "INVITE", "sendonly");
    world.run(1000);
    assert!(world.peer("aziza").codes().contains(&488), "{:?}", world.peer("aziza").codes());
    assert_eq!(moves(&world, LegMove::Held), 0);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn both_sides_change_at_once() {
    let (mut world, call, at) = talk();
    world.delay = (30, 30);
    world.peer("aziza").change(&at, "INVITE", "sendonly");
    world.peer("carrier").change(&call, "INVITE", "sendonly");
    world.run(10_000);
    assert_eq!(world.up(), ["aziza", "carrier"], "glare ends no call");
    let codes = [world.peer("aziza").codes(), world.peer("carrier").codes()].concat();
    assert!(codes.contains(&491), "{codes:?}");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_telephone_comes_back_from_hold_by_asking_for_an_offer() {
    let (mut world, call, at) = talk();
    world.peer("aziza").change(&at, "INVITE", "sendonly");
    world.run(1000);
    world.peer("aziza").calls.get_mut(&at).unwrap().late_offer = true;
    let text = world.peer("aziza").inside(&at, "INVITE");
    world.peer("aziza").send(&text);
    world.run(2000);
    assert!(world.peer("aziza").calls[&at].heard.contains("a=sendrecv"));
    assert!(world.peer("carrier").calls[&call].heard.contains("a=sendrecv"));
    assert_eq!(moves(&world, LegMove::Resumed), 1);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_refresh_is_answered_without_asking_the_other_side() {
    let (mut world, call, _) = talk();
    let sdp = world.peer("carrier").sdp(1, "sendrecv");
    let text = world.peer("carrier").inside(&call, "INVITE").body(&sdp);
    world.peer("carrier").send(&text);
    let before = world.peer("aziza").seen.len();
    world.run(1000);
    assert_eq!(world.peer("aziza").seen.len(), before);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn early_media_passes_when_one_telephone_rings() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("aziza", Manner::Early { after: 3000 });
    let call = world.arrive();
    world.run(1000);
    assert_eq!(world.peer("carrier").codes(), [100, 183]);
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "aziza"));
    world.run(4000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    for name in ["aziza", "bobur"] {
        world.manner(name, Manner::Early { after: 3000 });
    }
    let call = world.arrive();
    world.run(1000);
    assert_eq!(world.peer("carrier").codes(), [100, 180], "two voices at once are nobody's");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn who_heard_one_telephone_early_and_got_another_is_told() {
    let mut site = Site::new(&["aziza", "bobur"]);
    site.queue.strategy = navbat::acd::Strategy::Linear;
    let mut world = World::new(site);
    world.manner("aziza", Manner::Early { after: 600_000 });
    let call = world.arrive();
    world.run(30_000);
    assert_eq!(world.up(), ["bobur", "carrier"]);
    assert_eq!(world.peer("carrier").hears(&call), ip(&mut world, "bobur"), "by re-INVITE");
    assert_eq!(world.peer("carrier").saw("INVITE").len(), 1);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn who_cannot_talk_with_the_caller_is_let_go() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.peer("carrier").asks_offer = true;
    let call = world.arrive();
    world.run(1000);
    world.peer("carrier").hang_up(&call);
    world.quiet();
    assert_eq!(world.peer("carrier").calls[&call].stage, Stage::Over);
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.offers[0].end, Some(OfferEnd::CallerGone));
}
