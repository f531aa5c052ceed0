//! The process dies at any moment and starts again from its journal.

use navbat::model::{Disposition, Outcome};

use crate::peer::Manner;
use crate::world::{Site, World};

#[test]
fn a_conversation_goes_on_over_a_kill() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.arrive();
    world.run(4000);
    world.kill();
    world.run(3000);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    assert_eq!(world.talking().len(), 1);
    let at = world.peer("aziza").up()[0].clone();
    world.peer("aziza").change(&at, "INVITE", "sendonly");
    world.run(1000);
    assert!(world.peer("carrier").calls[&call].heard.contains("a=sendonly"), "hold still passes");
    world.peer("aziza").hang_up(&at);
    world.run(1000);
    assert!(world.peer("carrier").calls[&call].byed, "and so does the end");
    world.quiet();
    let row = world.rows.values().next().unwrap();
    assert_eq!(row.outcome, Some(Outcome::Answered));
}

#[test]
fn a_bye_that_was_lost_with_the_process_is_sent_again() {
    for has_snapshot in [false, true] {
        let mut world = World::new(Site::new(&["aziza"]));
        let call = world.arrive();
        world.run(4000);
        let at = world.peer("aziza").up()[0].clone();
        world.peer("aziza").hang_up(&at);
        world.run(0);
        world.loss = 100;
        world.run(100);
        assert_eq!(world.talking().len(), 0, "the switch has heard the end");
        if has_snapshot {
            world.snapshot = Some((world.switch.state(), world.records.len()));
        }
        world.kill();
        world.run(100);
        assert!(!world.peer("carrier").calls[&call].byed, "the second one was lost, too");
        world.kill();
        world.loss = 0;
        world.kill();
        world.run(1000);
        assert!(world.peer("carrier").calls[&call].byed, "snapshot {has_snapshot}");
        world.quiet();
        // Long after, nobody is bothered with it any more.
        world.arrive();
        world.run(4000);
        let seen = world.peer("carrier").saw("BYE").len();
        world.kill();
        world.run(2000);
        assert_eq!(world.peer("carrier").saw("BYE").len(), seen);
        assert_eq!(world.up(), ["aziza", "carrier"]);
        for id in world.peer("aziza").up() {
            world.peer("aziza").hang_up(&id);
        }
        world.quiet();
    }
}

#[test]
fn requests_of_a_third_process_are_newer_than_those_of_the_second() {
    let mut world = World::new(Site::new(&["aziza"]));
    let call = world.arrive();
    world.run(4000);
    let at = world.peer("aziza").up()[0].clone();
    for direction in ["sendonly", "sendrecv"] {
        world.kill();
        world.run(1000);
        world.peer("aziza").change(&at, "INVITE", direction);
        world.run(1000);
    }
    world.peer("aziza").hang_up(&at);
    world.run(1000);
    let carrier = world.peer("carrier");
    assert!(carrier.calls[&call].byed);
    let asked = ["INVITE", "BYE"].into_iter().flat_map(|method| carrier.saw(method));
    let numbers: Vec<u32> = asked.map(|text| text.cseq().0).collect();
    assert!(numbers.len() >= 3 && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    world.quiet();
}

#[test]
fn a_registered_telephone_is_rung_after_a_kill() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.kill();
    world.run(2000);
    let call = world.arrive();
    world.run(4000);
    assert_eq!(world.up(), ["aziza", "carrier"], "without registering again");
    world.peer("carrier").hang_up(&call);
    world.quiet();
}

#[test]
fn a_kill_at_every_moment_leaves_nobody_behind() {
    for moment in (0..3500).step_by(100) {
        let mut world = World::new(Site::new(&["aziza", "bobur"]));
        world.delay = (15, 25);
        world.manner("aziza", Manner::Answers { rings: 300, after: 1500 });
        world.manner("bobur", Manner::Crosses { after: 1600 });
        let call = world.arrive();
        world.run(moment);
        if moment % 200 == 0 {
            let state = world.switch.state();
            world.snapshot = Some((state, world.records.len()));
        }
        world.kill();
        world.run(40_000);
        let up = world.up();
        assert!(up.is_empty() || up.len() == 2, "{moment}: {up:?}");
        world.peer("carrier").hang_up(&call);
        for name in ["aziza", "bobur"] {
            for id in world.peer(name).up() {
                world.peer(name).hang_up(&id);
            }
        }
        world.quiet();
        for row in world.rows.values() {
            assert_ne!(row.disposition, Disposition::Open, "{moment}");
        }
    }
}
