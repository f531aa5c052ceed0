//! The process dies at any moment and starts again from its journal.

use navbat::model::{Disposition, Outcome, Period};

use crate::peer::{Call, Manner, Stage};
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
fn a_caller_who_waited_is_told_and_telephones_stop_ringing() {
    for (has_snapshot, is_lossy) in [(false, false), (true, false), (false, true)] {
        let mut world = World::new(Site::new(&["aziza", "bobur"]));
        for name in ["aziza", "bobur"] {
            world.manner(name, Manner::Rings);
        }
        let call = world.arrive();
        world.run(1500);
        let rung = world.peer("carrier").calls[&call].clone();
        assert_eq!(rung.stage, Stage::Ringing);
        if has_snapshot {
            world.snapshot = Some((world.switch.state(), world.records.len()));
        }
        if is_lossy {
            world.loss = 100;
        }
        world.kill();
        world.run(300);
        world.loss = 0;
        world.run(4000);
        let told = world.peer("carrier").calls[&call].clone();
        assert_eq!((told.stage, told.code), (Stage::Over, Some(503)), "{has_snapshot} {is_lossy}");
        let refusal = world.peer("carrier").seen.iter().rfind(|it| it.code() == Some(503));
        let refusal = refusal.cloned().unwrap();
        assert_eq!(refusal.tag("To"), Some(rung.theirs.clone()), "the dialog that rang");
        assert_eq!(refusal.get("Retry-After"), Some("5"));
        for name in ["aziza", "bobur"] {
            let over = world.peer(name).calls.values().all(|it| it.stage == Stage::Over);
            assert!(over, "{name} rings on: {has_snapshot} {is_lossy}");
            assert!(world.peer(name).saw("CANCEL")[0].get("Reason").is_some());
            assert_eq!(world.peer(name).saw("ACK").len(), 1, "of the 487");
        }
        world.quiet();
        let row = world.rows.values().next().unwrap();
        assert_eq!((row.outcome, row.missed), (Some(Outcome::Failed), true), "a callback item");
        // The end is said once; a third process bothers nobody.
        let seen = world.peer("carrier").codes().len();
        world.kill();
        world.run(2000);
        assert_eq!(world.peer("carrier").codes().len(), seen);
    }
}

#[test]
fn an_answer_that_crosses_the_cancel_of_the_next_process_is_ended() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("aziza", Manner::Crosses { after: 2000 });
    world.arrive();
    world.run(1500);
    world.kill();
    world.run(1500);
    let aziza = world.peer("aziza");
    assert_eq!((aziza.saw("CANCEL").len(), aziza.saw("ACK").len()), (1, 1));
    assert_eq!(aziza.saw("BYE").len(), 1);
    assert_eq!(world.up(), Vec::<String>::new());
    world.quiet();
}

#[test]
fn a_telephone_that_dialled_is_told_too_and_the_number_outside_stops_ringing() {
    let mut world = World::new(Site::new(&["aziza"]));
    world.manner("carrier", Manner::Rings);
    let call = world.peer("aziza").dial("901234567");
    world.run(1500);
    world.kill();
    world.run(1000);
    assert_eq!(world.peer("aziza").calls[&call].code, Some(503));
    assert!(world.peer("carrier").calls.values().all(|it| it.stage == Stage::Over));
    world.quiet();
}

#[test]
fn a_refusal_that_was_lost_with_the_process_is_sent_again() {
    let mut site = Site::new(&["aziza"]);
    site.queue.wait_max = Period::secs(5);
    let mut world = World::new(site);
    world.manner("aziza", Manner::Rings);
    let call = world.arrive();
    world.run(4900);
    world.loss = 100;
    world.run(300);
    assert_eq!(world.switch.snapshot(world.now).calls_open, 0, "the wait is over");
    assert_eq!(world.peer("carrier").calls[&call].code, None, "and nobody has heard it");
    world.kill();
    world.loss = 0;
    world.run(1000);
    assert_eq!(world.peer("carrier").calls[&call].code, Some(503));
    assert!(world.peer("aziza").calls.values().all(|it| it.stage == Stage::Over));
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
        for peer in &world.peers {
            let waits = |call: &Call| matches!(call.stage, Stage::Calling | Stage::Ringing);
            assert!(!peer.calls.values().any(waits), "{moment}: {} hears it ring", peer.name);
        }
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
