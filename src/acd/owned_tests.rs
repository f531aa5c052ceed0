//! Calls that we own, step by step: each trap of ROUTING section 1 that needs a machine.

use super::io::Command;
use super::io::{Effect, LegEvent, LegReason};
use super::rig::{Rig, site};
use super::settings::{AutoPause, Overflow, OverflowTo, Sticky, Strategy};
use crate::model::{By, EndedBy, Intent, LegId, OfferEnd, Outcome, Period, PopState, Work};

const CALLER: u64 = 1;
const NUMBER: &str = "+998901234567";

fn gone() -> LegEvent {
    LegEvent::Ended(EndedBy::Party)
}

#[test]
fn a_ring_all_call_goes_to_who_picks_up_and_the_other_has_missed_nothing() {
    let mut rig = Rig::ready(site(&["Aziza", "Bobur"]));
    let call = rig.arrive(CALLER, NUMBER);
    let dialled = rig.dialled();
    assert_eq!(rig.names(), ["Aziza", "Bobur"]);
    assert_eq!(rig.pops().len(), 2);
    rig.leg(dialled[0].1, LegEvent::Ringing);
    assert!(rig.effects.contains(&Effect::RingCaller { leg: LegId(CALLER) }));
    rig.leg(dialled[1].1, LegEvent::Ringing);
    assert!(!rig.effects.contains(&Effect::RingCaller { leg: LegId(CALLER) }));
    rig.pass(Period::millis(3200));
    rig.leg(dialled[0].1, LegEvent::Answered);
    assert!(rig.effects.contains(&Effect::AnswerCaller { leg: LegId(CALLER) }));
    rig.leg(dialled[0].1, LegEvent::Bridged);
    let cancel = Effect::Cancel { leg: dialled[1].1, because: LegReason::AnsweredElsewhere };
    assert!(rig.effects.contains(&cancel));
    assert!(rig.pops().contains(&("Bobur".into(), "taken_by".into())));
    // Bobur's answer crosses the cancel.
    rig.leg(dialled[1].1, LegEvent::Answered);
    let hang_up = Effect::HangUp { leg: dialled[1].1, because: LegReason::AnsweredElsewhere };
    assert!(rig.effects.contains(&hang_up));
    rig.leg(dialled[1].1, gone());
    rig.pass(Period::millis(41_800));
    rig.leg(LegId(CALLER), gone());
    let row = rig.row(call);
    assert_eq!(row.outcome, Some(Outcome::Answered));
    assert_eq!(row.wait, Some(Period::millis(3200)));
    assert_eq!(row.talk, Some(Period::millis(41_800)));
    assert_eq!(row.offers[1].end, Some(OfferEnd::Lost));
    assert!(row.settled && !row.offers[1].counts_as_miss);
    let work = |rig: &mut Rig, name: &str| {
        let snapshot = rig.engine.snapshot(rig.now);
        snapshot.operator(name).unwrap().work
    };
    assert!(matches!(work(&mut rig, "Aziza"), Work::WrapUp { .. }));
    assert_eq!(work(&mut rig, "Bobur"), Work::Idle);
    rig.pass(Period::secs(10));
    assert_eq!(work(&mut rig, "Aziza"), Work::Idle);
}

#[test]
fn a_standby_gets_the_caller_when_the_winner_drops_before_the_bridge() {
    let mut rig = Rig::ready(site(&["Aziza", "Bobur"]));
    let call = rig.arrive(CALLER, NUMBER);
    let legs = rig.dialled();
    rig.leg(legs[0].1, LegEvent::Answered);
    rig.leg(legs[1].1, LegEvent::Answered);
    rig.leg(legs[0].1, gone());
    let bridge = Effect::Bridge { caller: LegId(CALLER), operator: legs[1].1 };
    assert!(rig.effects.contains(&bridge));
    rig.leg(legs[1].1, LegEvent::Bridged);
    assert_eq!(rig.row(call).answered_by.unwrap().as_str(), "Bobur");
    assert_eq!(rig.row(call).offers[0].end, Some(OfferEnd::DroppedBeforeBridge));
}

#[test]
fn a_caller_who_leaves_takes_every_ring_along() {
    let mut rig = Rig::ready(site(&["Aziza", "Bobur"]));
    let call = rig.arrive(CALLER, NUMBER);
    let legs = rig.dialled();
    rig.leg(legs[0].1, LegEvent::Ringing);
    rig.pass(Period::secs(7));
    rig.leg(LegId(CALLER), gone());
    for (_, leg) in &legs {
        assert!(
            rig.effects.contains(&Effect::Cancel { leg: *leg, because: LegReason::CallerGone })
        );
    }
    let row = rig.row(call);
    assert_eq!(row.outcome, Some(Outcome::Abandoned));
    assert!(row.missed && row.offers.iter().all(|it| !it.counts_as_miss));
    let episodes = rig.episodes();
    assert_eq!(episodes.len(), 1);
    assert!(episodes[0].owner.is_some() && episodes[0].due_at.is_some());
}

#[test]
fn round_robin_gives_everybody_a_turn_and_keeps_it_over_a_restart() {
    let mut settings = site(&["Aziza", "Bobur", "Dilnoza"]);
    settings.queues[0].strategy = Strategy::RoundRobin;
    settings.queues[0].wrap_up = Period::ZERO;
    let mut rig = Rig::ready(settings);
    let mut order = Vec::new();
    for round in 0..6_u64 {
        rig.arrive(100 + round, NUMBER);
        let (name, leg) = rig.dialled()[0].clone();
        order.push(name);
        rig.leg(leg, LegEvent::Ringing);
        rig.leg(leg, LegEvent::Answered);
        rig.leg(leg, LegEvent::Bridged);
        rig.leg(LegId(100 + round), gone());
        rig.leg(leg, gone());
        rig.pass(Period::secs(1));
        let half = rig.records.len() / 2;
        rig.restart(half);
    }
    assert_eq!(order, ["Aziza", "Bobur", "Dilnoza", "Aziza", "Bobur", "Dilnoza"]);
}

#[test]
fn who_does_not_pick_up_is_left_alone_and_paused_after_the_rule() {
    let mut settings = site(&["Aziza", "Bobur"]);
    settings.queues[0].strategy = Strategy::Linear;
    settings.queues[0].auto_pause = Some(AutoPause { misses: 2, lasts: Period::mins(10) });
    settings.queues[0].wait_max = Period::mins(30);
    let mut rig = Rig::ready(settings);
    rig.arrive(CALLER, NUMBER);
    assert_eq!(rig.names(), ["Aziza"]);
    rig.leg(rig.dialled()[0].1, LegEvent::Ringing);
    rig.pass(Period::secs(20));
    assert_eq!(rig.names(), ["Bobur"]);
    rig.leg(rig.dialled()[0].1, LegEvent::Ringing);
    rig.pass(Period::secs(20));
    assert_eq!(rig.names(), Vec::<String>::new());
    rig.pass(Period::secs(5));
    assert_eq!(rig.names(), ["Aziza"]);
    rig.leg(rig.dialled()[0].1, LegEvent::Ringing);
    rig.pass(Period::secs(20));
    let aziza = rig.engine.snapshot(rig.now).operator("Aziza").unwrap().clone();
    assert!(matches!(aziza.intent, Intent::Break { .. }), "{aziza:?}");
    assert!(matches!(aziza.intent_by, By::AutoPause { misses: 2, .. }));
    rig.pass(Period::mins(10));
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().intent, Intent::Ready);
}

#[test]
fn two_callers_split_the_idle_and_a_freed_person_goes_to_the_longest_wait() {
    let mut settings = site(&["Aziza", "Bobur", "Dilnoza", "Jasur"]);
    settings.queues[0].wrap_up = Period::ZERO;
    let mut rig = Rig::new(settings);
    for name in ["Aziza", "Bobur", "Dilnoza", "Jasur"] {
        rig.intent(name, Intent::Ready);
    }
    rig.arrive(1, NUMBER);
    rig.pass(Period::secs(3));
    rig.arrive(2, "+998907654321");
    assert!(rig.names().is_empty());
    for name in ["Aziza", "Bobur"] {
        let operator = crate::model::Name::from(name);
        rig.step(super::io::Input::Reach { operator, reach: crate::model::Reach::Reachable });
    }
    let offers = rig.engine.state.offers.values().map(|it| it.entry.unwrap().0);
    assert_eq!(offers.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn later_tiers_open_with_the_waiting_time() {
    let mut settings = site(&["Aziza", "Bobur"]);
    let member = settings.queues[0].tiers[0].members.pop().unwrap();
    settings.queues[0]
        .tiers
        .push(super::settings::Tier { after: Period::secs(15), members: vec![member] });
    let mut rig = Rig::ready(settings);
    rig.arrive(CALLER, NUMBER);
    assert_eq!(rig.names(), ["Aziza"]);
    rig.pass(Period::secs(15));
    assert_eq!(rig.names(), ["Bobur"]);
}

#[test]
fn full_closed_and_unstaffed_queues_say_so() {
    let mut settings = site(&["Aziza"]);
    settings.queues[0].callers_max = 1;
    let mut rig = Rig::ready(settings);
    rig.arrive(1, NUMBER);
    let second = rig.arrive(2, "+998907654321");
    assert_eq!(rig.row(second).outcome, Some(Outcome::Full));
    assert!(rig.effects.iter().any(
        |it| matches!(it, Effect::Refuse { leg, because: super::io::Refused::Full } if leg.0 == 2)
    ));
    let mut rig = Rig::new(site(&["Aziza"]));
    let call = rig.arrive(1, NUMBER);
    rig.pass(Period::secs(30));
    assert_eq!(rig.row(call).outcome, Some(Outcome::NoOperators));
}

#[test]
fn the_wait_has_an_end_and_overflow_keeps_the_clock() {
    let mut settings = site(&["Aziza"]);
    settings.queues[0].wait_max = Period::mins(2);
    let mut other = settings.queues[0].clone();
    other.name = "duty".into();
    other.group = "duty".into();
    settings.queues.push(other);
    settings.queues[0].overflow =
        vec![Overflow::after(Period::mins(1), OverflowTo::Queue("duty".into()))];
    let mut rig = Rig::ready(settings);
    rig.intent("Aziza", Intent::Dnd);
    let call = rig.arrive(CALLER, NUMBER);
    rig.pass(Period::mins(1));
    assert_eq!(rig.row(call).entries[0].outcome, Some(Outcome::Overflowed));
    rig.pass(Period::mins(1));
    let row = rig.row(call);
    assert_eq!(row.entries[1].outcome, Some(Outcome::TimedOut));
    assert_eq!(row.entries[1].wait, Some(Period::mins(2)));
}

#[test]
fn the_responsible_operator_rings_alone_first() {
    let mut settings = site(&["Aziza", "Bobur"]);
    settings.queues[0].wrap_up = Period::ZERO;
    settings.queues[0].sticky = Some(Sticky::default());
    let mut rig = Rig::ready(settings);
    rig.arrive(1, NUMBER);
    let bobur = rig.dialled()[1].1;
    rig.leg(bobur, LegEvent::Answered);
    rig.leg(bobur, LegEvent::Bridged);
    rig.leg(LegId(1), gone());
    rig.pass(Period::secs(60));
    rig.arrive(2, NUMBER);
    assert_eq!(rig.names(), ["Bobur"]);
    rig.leg(rig.dialled()[0].1, LegEvent::Ringing);
    rig.pass(Period::secs(15));
    assert_eq!(rig.names(), ["Aziza"]);
}

#[test]
fn a_break_withdraws_the_ring_once_and_a_refusal_ends_no_call() {
    let mut rig = Rig::ready(site(&["Aziza", "Bobur"]));
    let call = rig.arrive(CALLER, NUMBER);
    rig.intent("Aziza", Intent::Break { reason: "tea".into(), planned_end: None });
    assert!(rig.pops().contains(&("Aziza".into(), "withdrawn".into())));
    let offer = rig.offer_of("Bobur");
    rig.command(Command::Decline { offer }).unwrap();
    assert_eq!(rig.row(call).outcome, None);
    rig.intent("Aziza", Intent::Ready);
    assert!(rig.names().is_empty(), "a caller leaves them alone for the back-off");
    rig.pass(Period::secs(5));
    assert_eq!(rig.names().len(), 2);
}

#[test]
fn a_restart_ends_calls_of_ours_and_makes_them_callback_items() {
    let mut rig = Rig::ready(site(&["Aziza"]));
    let call = rig.arrive(CALLER, NUMBER);
    rig.restart(5);
    rig.step(super::io::Input::Restarted { kept: Vec::new() });
    assert_eq!(rig.row(call).outcome, Some(Outcome::Failed));
    assert_eq!(rig.episodes().len(), 1);
    assert!(matches!(
        rig.engine.state.offers.values().next().unwrap().card,
        Some(PopState::CallerGone)
    ));
}

/// Random leg events, clicks and time; the rig compares the state with its fold and checks every
/// invariant after each step.
#[test]
fn nothing_that_legs_and_people_do_breaks_the_books() {
    let strategies = Strategy::ALL;
    for number in 0..22_u64 {
        let mut seed = crate::model::Seed::new(number);
        let mut settings = site(&["Aziza", "Bobur", "Dilnoza"]);
        let queue = &mut settings.queues[0];
        queue.strategy = strategies[usize::try_from(number).unwrap() % strategies.len()];
        queue.auto_pause = Some(AutoPause { misses: 3, lasts: Period::mins(1) });
        queue.confirm = Period::millis(if seed.chance(50) { 400 } else { 0 });
        if seed.chance(50) {
            queue.sticky = Some(Sticky {
                ring: Period::secs(9),
                wait_max: Period::secs(5),
                ..Sticky::default()
            });
        }
        let mut rig = Rig::ready(settings);
        let mut next = 1;
        for _ in 0..100 {
            let legs: Vec<LegId> = rig.engine.state.legs.keys().copied().collect();
            let some = |seed: &mut crate::model::Seed| {
                let count = u64::try_from(legs.len()).unwrap();
                legs.get(usize::try_from(seed.below(count)).unwrap()).copied()
            };
            let name = ["Aziza", "Bobur", "Dilnoza"][usize::try_from(seed.below(3)).unwrap()];
            match seed.below(12) {
                0 | 1 => {
                    next += 1;
                    rig.arrive(next, &format!("+99890000000{}", seed.below(4)));
                }
                2 => rig.intent(name, Intent::Ready),
                3 => rig.intent(
                    name,
                    [Intent::Dnd, Intent::Offline][usize::try_from(seed.below(2)).unwrap()].clone(),
                ),
                4 | 5 => rig.pass(Period::millis(seed.below(9000))),
                6 if seed.chance(30) => rig.restart(usize::try_from(seed.below(50)).unwrap()),
                _ => {
                    let Some(leg) = some(&mut seed) else { continue };
                    let events = [
                        LegEvent::Ringing,
                        LegEvent::Answered,
                        LegEvent::Answered,
                        LegEvent::Bridged,
                        LegEvent::Bridged,
                        gone(),
                        LegEvent::Ended(EndedBy::Busy),
                        LegEvent::Ended(EndedBy::Unreachable),
                    ];
                    rig.leg(leg, events[usize::try_from(seed.below(8)).unwrap()]);
                }
            }
        }
    }
}
