//! What crosses on the wire.

use navbat::model::{OfferEnd, Outcome, Period};

use crate::peer::{Manner, Stage};
use crate::world::{Site, World};

const FIVE: [&str; 5] = ["aziza", "bobur", "dilnoza", "jasur", "sardor"];

fn ends(world: &World) -> Vec<OfferEnd> {
    let row = world.rows.values().next().unwrap();
    row.offers.iter().filter_map(|it| it.end).collect()
}

#[test]
fn all_five_answer_in_the_same_instant() {
    for confirm in [0, 400] {
        let mut site = Site::new(&FIVE);
        site.queue.confirm = Period::millis(confirm);
        let mut world = World::new(site);
        for name in FIVE {
            world.manner(name, Manner::Crosses { after: 1000 });
        }
        let call = world.arrive();
        world.run(4000);
        assert_eq!(world.up().len(), 2, "confirm {confirm}: {:?}", world.up());
        assert_eq!(world.talking().len(), 1);
        let won = ends(&world).iter().filter(|end| **end == OfferEnd::Won).count();
        let lost = ends(&world).iter().filter(|end| **end == OfferEnd::Lost).count();
        assert_eq!((won, lost), (1, 4), "confirm {confirm}");
        for name in FIVE {
            let calls: Vec<_> = world.peer(name).calls.values().cloned().collect();
            assert_eq!(calls.len(), 1);
        }
        world.peer("carrier").hang_up(&call);
        world.quiet();
    }
}

#[test]
fn an_answer_that_crosses_the_cancel_is_hung_up_and_nobody_missed() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Answers { rings: 10, after: 1000 });
    world.manner("bobur", Manner::Crosses { after: 1600 });
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    assert_eq!(world.peer("bobur").saw("BYE").len(), 1);
    assert_eq!(world.peer("bobur").saw("ACK").len(), 1);
    assert!(ends(&world).contains(&OfferEnd::Lost));
    world.peer("carrier").hang_up(&call);
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert!(!row.missed);
}

#[test]
fn a_winner_who_drops_before_the_caller_heard_gives_way_to_the_standby() {
    let mut site = Site::new(&["aziza", "bobur"]);
    site.queue.confirm = Period::millis(400);
    let mut world = World::new(site);
    world.delay = (40, 40);
    world.manner("aziza", Manner::Answers { rings: 10, after: 1000 });
    world.manner("bobur", Manner::Answers { rings: 10, after: 1020 });
    let call = world.arrive();
    world.run(1110); // both 200s are in, the caller's ACK is not
    let at = world.peer("aziza").up()[0].clone();
    world.peer("aziza").hang_up(&at);
    world.run(4000);
    assert_eq!(world.up(), ["bobur", "carrier"]);
    let bobur = world.peer("bobur").address.ip().to_string();
    assert_eq!(world.peer("carrier").hears(&call), Some(bobur), "told by re-INVITE");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn the_caller_hangs_up_at_every_moment() {
    for moment in (0..4000).step_by(50) {
        let mut world = World::new(Site::new(&["aziza", "bobur"]));
        world.delay = (20, 30);
        world.manner("aziza", Manner::Answers { rings: 300, after: 2000 });
        world.manner("bobur", Manner::Crosses { after: 2010 });
        let call = world.arrive();
        world.run(moment);
        world.peer("carrier").hang_up(&call);
        world.quiet();
        let row = world.rows.values().next();
        assert!(row.is_none_or(|row| row.outcome.is_some()), "{moment}");
    }
}

#[test]
fn the_operator_hangs_up_and_the_caller_goes_with_them() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    world.peer("aziza").hang_up(&at);
    world.run(500);
    assert!(world.peer("carrier").calls[&call].byed);
    world.quiet();
}

#[test]
fn two_telephones_of_one_operator_are_one_leg() {
    let mut world = World::new(Site::new(&["aziza"]));
    let desk = world.telephone("desk", "aziza");
    world.manner("aziza", Manner::Rings);
    world.peers[desk].manner = Manner::Answers { rings: 20, after: 1500 };
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up(), ["carrier", "desk"]);
    let cancel = world.peer("aziza").saw("CANCEL")[0].clone();
    assert!(cancel.get("Reason").unwrap().contains("cause=200"));
    assert_eq!(ends(&world), [OfferEnd::Won]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn both_telephones_of_one_operator_answer_at_once() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.telephone("desk", "aziza");
    for name in ["aziza", "desk"] {
        world.manner(name, Manner::Crosses { after: 1000 });
    }
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up().len(), 2, "{:?}", world.up());
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn one_telephone_is_busy_and_the_other_rings_on() {
    let mut world = World::new(Site::new(&["aziza"]));
    let desk = world.telephone("desk", "aziza");
    world.manner("aziza", Manner::Refuses { after: 300, code: 486 });
    world.peers[desk].manner = Manner::Answers { rings: 20, after: 1500 };
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up(), ["carrier", "desk"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
    let mut world = World::new(Site::new(&["aziza"]));
    let desk = world.telephone("desk", "aziza");
    world.manner("aziza", Manner::Refuses { after: 300, code: 603 });
    world.peers[desk].manner = Manner::Rings;
    let call = world.arrive();
    world.run(1000);
    assert_eq!(ends(&world)[..1], [OfferEnd::Rejected], "6xx speaks for the person");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_telephone_behind_a_forking_proxy_answers_twice() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("aziza", Manner::Forks { after: 1000 });
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.talking().len(), 1);
    assert_eq!(world.peer("aziza").saw("BYE").len(), 1, "the extra answer is ended");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_telephone_that_unregisters_while_it_rings_is_unreachable() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Rings);
    world.manner("bobur", Manner::Rings);
    let call = world.arrive();
    world.run(1000);
    world.peer("aziza").register(0);
    world.run(1000);
    assert!(ends(&world).contains(&OfferEnd::Unreachable));
    assert_eq!(
        world.peer("bobur").calls.values().filter(|it| it.stage == Stage::Ringing).count(),
        1
    );
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_telephone_that_registers_while_it_rings_joins_the_ring() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Rings);
    world.manner("bobur", Manner::Rings);
    let call = world.arrive();
    world.run(1000);
    let desk = world.telephone("desk", "aziza");
    world.run(500);
    let rung = world.peer("desk").calls.values().next().cloned().unwrap();
    assert!(rung.invite.get("From").unwrap().contains("998901234567"), "{:?}", rung.invite);
    let carrier = world.peer("carrier").address.ip().to_string();
    assert!(rung.heard.contains(&format!("c=IN IP4 {carrier}")), "{}", rung.heard);
    // It is rung once, however often it registers.
    world.peers[desk].register(3600);
    world.run(2500);
    assert_eq!(world.peer("desk").saw("INVITE").len(), 1);
    assert_eq!(world.up(), ["carrier", "desk"]);
    for name in ["aziza", "bobur"] {
        assert_eq!(world.peer(name).saw("CANCEL").len(), 1, "{name}");
    }
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_telephone_that_refused_is_not_rung_again_when_it_registers() {
    let mut world = World::new(Site::new(&["aziza"]));
    let desk = world.telephone("desk", "aziza");
    world.manner("aziza", Manner::Rings);
    world.peers[desk].manner = Manner::Refuses { after: 100, code: 486 };
    let call = world.arrive();
    world.run(1000);
    world.peers[desk].register(3600);
    world.run(1000);
    assert_eq!(world.peer("desk").saw("INVITE").len(), 1);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn an_operator_who_registers_while_others_ring_is_rung_too() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Rings);
    world.peer("bobur").register(0);
    world.run(1000);
    let call = world.arrive();
    world.run(1000);
    assert_eq!(world.peer("bobur").saw("INVITE").len(), 0);
    world.peer("bobur").register(3600);
    world.run(4000);
    assert_eq!(world.up(), ["bobur", "carrier"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn codes_of_telephones_become_the_ends_of_offers() {
    let table = [
        (486, OfferEnd::Busy),
        (600, OfferEnd::Busy),
        (603, OfferEnd::Rejected),
        (480, OfferEnd::Unreachable),
        (404, OfferEnd::Unreachable),
        (503, OfferEnd::Unreachable),
        (488, OfferEnd::Failed),
    ];
    for (code, end) in table {
        let mut world = World::new(Site::new(&["aziza"]));
        world.manner("aziza", Manner::Refuses { after: 200, code });
        let call = world.arrive();
        world.run(1000);
        assert_eq!(ends(&world)[..1], [end], "{code}");
        world.peer("carrier").hang_up(&call);
        world.quiet();
    }
}

#[test]
fn a_caller_who_waited_for_the_whole_time_is_told_so() {
    let mut site = Site::new(&["aziza"]);
    site.queue.wait_max = Period::secs(30);
    let mut world = World::new(site);
    world.manner("aziza", Manner::Rings);
    let call = world.arrive();
    world.run(40_000);
    assert_eq!(world.peer("carrier").calls[&call].code, Some(480));
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.outcome, Some(Outcome::TimedOut));
    assert!(row.missed);
}

#[test]
fn a_dead_telephone_does_not_hold_the_call() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("aziza", Manner::Dead);
    let call = world.arrive();
    world.run(5000);
    assert_eq!(world.up(), ["bobur", "carrier"]);
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

/// The caller hears the operator from our 200 on, whatever becomes of the ACK: a BYE inside the
/// dialog says as much (RFC 3261 section 15), and the operator had the call.
#[test]
fn a_caller_whose_ack_is_lost_was_answered_when_they_hang_up() {
    for confirm in [0, 400] {
        let mut site = Site::new(&["aziza", "bobur"]);
        site.queue.confirm = Period::millis(confirm);
        let mut world = World::new(site);
        world.manner("aziza", Manner::Answers { rings: 10, after: 1000 });
        world.manner("bobur", Manner::Rings);
        let call = world.arrive();
        world.run(500);
        world.lost = Some("ACK");
        world.run(950); // less than the time after which our 200 comes again
        assert_eq!(world.up(), ["aziza", "carrier"], "confirm {confirm}");
        world.peer("carrier").hang_up(&call);
        world.run(10);
        world.lost = None;
        world.quiet();
        assert_eq!(world.peer("aziza").saw("BYE").len(), 1, "confirm {confirm}");
        let row = world.rows.values().next().unwrap();
        assert_eq!(row.outcome, Some(Outcome::Answered), "confirm {confirm}");
        assert_eq!(row.answered_by, Some("aziza".into()), "confirm {confirm}");
        assert!(ends(&world).contains(&OfferEnd::Won), "confirm {confirm}: {:?}", ends(&world));
        assert!(!row.missed);
    }
}

/// A CANCEL waits for the first provisional answer (RFC 3261 section 9.1). The operator need not
/// wait with it: whoever is next in the queue is rung for at once, so that for an instant the
/// telephone has two INVITEs, one of a caller who is gone.
#[test]
fn an_operator_is_rung_for_the_next_caller_while_a_cancel_is_held_back() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("aziza", Manner::Rings);
    world.lost = Some("SIP/2.0 100"); // as yet nothing is heard of the telephone
    let first = world.arrive();
    world.run(10);
    let second = world.arrive();
    world.run(10);
    assert_eq!(world.peer("aziza").saw("INVITE").len(), 1);
    world.peer("carrier").hang_up(&first);
    world.run(10);
    assert_eq!(world.peer("aziza").saw("INVITE").len(), 2);
    assert!(world.peer("aziza").saw("CANCEL").is_empty(), "nothing was heard of it yet");
    world.run(50); // it says that it rings
    assert_eq!(world.peer("aziza").saw("CANCEL").len(), 1);
    world.peer("carrier").hang_up(&second);
    world.quiet();
}
