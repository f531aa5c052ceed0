//! A call from the carrier to the operators and back.

use navbat::model::{EndedBy, LegMove, OfferEnd, Outcome, Record};

use crate::peer::{Manner, Stage};
use crate::world::{Site, World};

#[test]
fn a_call_rings_both_is_answered_by_one_and_ends() {
    let mut world = World::new(Site::new(&["aziza", "bobur"]));
    world.manner("bobur", Manner::Rings);
    let call = world.arrive();
    world.run(1000);
    assert_eq!(world.peer("carrier").codes(), [100, 180], "one 180, whoever rings");
    world.run(2000);
    let caller = world.peer("carrier").calls[&call].clone();
    assert_eq!(caller.stage, Stage::Up);
    assert_eq!(world.up(), ["aziza", "carrier"]);
    assert_eq!(world.talking().len(), 1);
    let lost = world.peer("bobur").saw("CANCEL")[0].clone();
    assert!(lost.get("Reason").unwrap().contains("cause=200"), "{lost:?}");
    let aziza = world.peer("aziza").address.ip().to_string();
    let carrier = world.peer("carrier").address.ip().to_string();
    assert_eq!(world.peer("carrier").hears(&call), Some(aziza), "audio runs directly");
    let at = world.peer("aziza").up()[0].clone();
    assert_eq!(world.peer("aziza").hears(&at), Some(carrier));
    world.peer("carrier").hang_up(&call);
    world.run(500);
    assert_eq!(world.peer("aziza").saw("BYE").len(), 1);
    world.quiet();
    let row = world.rows.values().next().unwrap().clone();
    assert_eq!(row.outcome, Some(Outcome::Answered));
    assert_eq!(row.offers.iter().filter(|it| it.end == Some(OfferEnd::Won)).count(), 1);
    assert_eq!(row.offers.iter().filter(|it| it.end == Some(OfferEnd::Lost)).count(), 1);
    let ended = world
        .records
        .iter()
        .any(|it| matches!(it.record, Record::LegMoved { to: LegMove::Ended(EndedBy::Party), .. }));
    assert!(ended);
}
