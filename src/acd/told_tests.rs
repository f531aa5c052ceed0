//! Calls of providers: cards, waits, settling, amendments, episodes.

use super::io::Command;
use super::io::{AskKind, Effect, Input, Refusal, RouteAsk, Ticket};
use super::rig::{Rig, answered, ended, legs, ringing, site, started};
use crate::model::{
    Authority, Closing, Direction, Disposition, EpisodeState, FactKind, Intent, Name, Number,
    OfferEnd, Outcome, Party, Period, Reach, Work,
};

const NUMBER: &str = "+998901234567";

#[test]
fn a_card_opens_with_the_ring_and_says_who_took_the_call() {
    let mut rig = Rig::new(site(&["Aziza", "Bobur"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    assert_eq!(rig.pops(), [("Aziza".into(), "ringing".into())]);
    rig.tell(ringing("202"));
    rig.tell(ringing("202"));
    assert_eq!(rig.pops(), []);
    rig.pass(Period::secs(4));
    rig.tell(answered("202"));
    assert!(rig.pops().contains(&("Aziza".into(), "taken_by".into())));
    assert!(rig.pops().contains(&("Bobur".into(), "talking".into())));
    let view = rig.engine.snapshot(rig.now);
    assert_eq!(view.operator("Bobur").unwrap().work, Work::Talking);
    assert_eq!(view.operator("Bobur").unwrap().reach, Reach::Reachable);
    rig.pass(Period::secs(30));
    rig.tell(ended());
    assert!(rig.pops().contains(&("Bobur".into(), "over".into())));
    let row = rig.only_row();
    assert!(!row.settled);
    assert_eq!(row.outcome, Some(Outcome::Answered));
    assert!(matches!(
        rig.engine.snapshot(rig.now).operator("Bobur").unwrap().work,
        Work::WrapUp { .. }
    ));
    rig.pass(Period::secs(5));
    let row = rig.only_row();
    assert!(row.settled);
    assert_eq!(row.answered_by, Some(Name::from("Bobur")));
    assert_eq!(row.disposition, Disposition::Answered);
    assert_eq!(row.offers[0].end, Some(OfferEnd::Lost));
    assert!(rig.episodes().is_empty());
}

#[test]
fn a_missed_call_settles_into_an_episode_that_a_redial_closes() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    rig.pass(Period::secs(12));
    rig.tell(ended());
    assert!(rig.episodes().is_empty(), "not before a late answer can no longer come");
    rig.pass(Period::secs(5));
    let row = rig.only_row();
    assert!(row.missed && row.settled);
    assert_eq!(row.outcome, Some(Outcome::Abandoned));
    let episode = rig.episodes().remove(0);
    assert_eq!(episode.owner, Some(Name::from("Aziza")));
    assert_eq!(episode.state, EpisodeState::Assigned);
    let second = |rig: &Rig, kind| crate::model::Fact { key: "k2".into(), ..rig.fact(kind) };
    let facts = vec![second(&rig, started(NUMBER)), second(&rig, ringing("201"))];
    rig.facts(facts);
    let fact = second(&rig, answered("201"));
    rig.facts(vec![fact]);
    let episode = rig.episodes().remove(0);
    assert!(matches!(episode.state, EpisodeState::Closed(Closing::ClientRedialled { .. })));
}

#[test]
fn a_late_answer_amends_the_row_and_repeats_no_effect() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    rig.pass(Period::secs(12));
    let late = rig.fact(answered("201"));
    rig.pass(Period::secs(20));
    rig.tell(ended());
    rig.pass(Period::secs(5));
    let missed = rig.only_row();
    assert!(missed.missed);
    rig.facts(vec![late.clone()]);
    assert!(rig.pops().iter().all(|(_, state)| state != "talking" && state != "ringing"));
    let row = rig.only_row();
    assert!(row.settled && !row.missed && row.revision > missed.revision);
    assert!(matches!(rig.episodes()[0].state, EpisodeState::Closed(_)));
    let records = rig.records.len();
    rig.facts(vec![late]);
    assert_eq!(rig.records.len(), records, "a repeated fact says nothing");
}

#[test]
fn an_unknown_alias_is_kept_and_gets_no_card() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("305"));
    assert_eq!(rig.pops(), []);
    assert_eq!(rig.only_row().rung, [Name::from("ext:305")]);
}

#[test]
fn silence_closes_a_call_as_an_unknown_end() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    rig.pass(Period::hours(2));
    let row = rig.only_row();
    assert_eq!(row.disposition, Disposition::UnknownEnd);
    assert_eq!(row.outcome, Some(Outcome::Failed));
    assert_eq!(row.ended_at, None);
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().work, Work::Idle);
    rig.pass(Period::secs(5));
    assert!(rig.only_row().settled);
    rig.pass(Period::hours(25));
    assert!(rig.engine.state.calls.is_empty(), "the engine lets go of old calls");
}

#[test]
fn an_outbound_call_is_an_attempt_at_calling_back() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.pass(Period::secs(12));
    rig.tell(ended());
    rig.pass(Period::secs(60));
    let mut out = legs(Direction::Out, NUMBER);
    out.placed_by = Some(crate::model::Alias("201".into()));
    let fact = |rig: &Rig, kind| crate::model::Fact { key: "k2".into(), ..rig.fact(kind) };
    let start = fact(&rig, FactKind::CallStarted(out.clone()));
    rig.facts(vec![start]);
    assert!(matches!(rig.episodes()[0].state, EpisodeState::Attempting { .. }));
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().work, Work::Talking);
    let answer = fact(&rig, FactKind::ClientAnswered { legs: out });
    rig.facts(vec![answer]);
    let state = rig.episodes()[0].state.clone();
    assert!(
        matches!(state, EpisodeState::Closed(Closing::CalledBack { in_time: true, .. })),
        "{state:?}"
    );
}

fn ask(rig: &mut Rig, key: Option<&str>) -> Vec<String> {
    let deadline = rig.now.mono + Period::millis(800);
    rig.step(Input::RouteAsked(RouteAsk {
        ticket: Ticket(9),
        account: Name::from("pbx"),
        key: key.map(str::to_owned),
        client: Party::Number(Number::new(NUMBER).unwrap()),
        line: None,
        queue: None,
        kind: AskKind::Order,
        deadline,
    }));
    let answers = rig.effects.iter().find_map(|effect| {
        let Effect::RouteAnswer { operators, .. } = effect else { return None };
        Some(operators.clone())
    });
    answers.unwrap().iter().map(Name::to_string).collect()
}

#[test]
fn a_question_without_an_id_is_about_the_call_that_was_told_of_before() {
    let mut rig = Rig::new(site(&["Aziza", "Bobur"]));
    rig.intent("Aziza", Intent::Ready);
    rig.tell(started(NUMBER));
    assert_eq!(ask(&mut rig, None), ["Aziza"]);
    assert_eq!(rig.engine.state.calls.len(), 1);
    rig.tell(ringing("201"));
    let row = rig.only_row();
    assert_eq!((row.authority, row.call_key.as_str()), (Authority::Advised, "pbx/k1"));
    assert_eq!(row.entries.len(), 1);
}

#[test]
fn advice_is_given_at_once_moved_by_facts_and_expires_without_them() {
    let mut rig = Rig::new(site(&["Aziza", "Bobur"]));
    rig.intent("Aziza", Intent::Ready);
    rig.intent("Bobur", Intent::Ready);
    assert_eq!(ask(&mut rig, None), ["Aziza", "Bobur"]);
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().work, Work::Dialing);
    let facts = vec![rig.fact(started(NUMBER)), rig.fact(ringing("202"))];
    rig.facts(facts);
    assert_eq!(rig.engine.state.calls.len(), 1, "the facts belong to the asked call");
    let row = rig.only_row();
    assert_eq!((row.authority, row.call_key.as_str()), (Authority::Advised, "pbx/k1"));
    assert_eq!(rig.engine.snapshot(rig.now).operator("Bobur").unwrap().work, Work::Ringing);
    let offer = rig.offer_of("Bobur");
    rig.tell(answered("202"));
    assert!(rig.command(Command::Decline { offer }).is_err());
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().work, Work::Idle);
    rig.pass(Period::secs(3));
    rig.tell(ended());
    rig.pass(Period::secs(30));
    assert_eq!(rig.only_row().outcome, Some(Outcome::Answered));

    let mut rig = Rig::new(site(&["Aziza"]));
    rig.intent("Aziza", Intent::Ready);
    assert_eq!(ask(&mut rig, Some("q1")), ["Aziza"]);
    rig.pass(Period::secs(21));
    assert_eq!(rig.engine.snapshot(rig.now).operator("Aziza").unwrap().work, Work::Idle);
    rig.pass(Period::hours(3));
    assert_eq!(rig.only_row().disposition, Disposition::UnknownEnd);
}

#[test]
fn an_observed_ring_can_only_be_declined_on_the_telephone() {
    let mut rig = Rig::new(site(&["Aziza"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    let offer = rig.offer_of("Aziza");
    let refused = rig.command(Command::Decline { offer });
    assert_eq!(refused, Err(Refusal::ProvidersOwn(Name::from("pbx"))));
}

#[test]
fn the_state_lives_through_a_restart_in_the_middle_of_a_call() {
    let mut rig = Rig::new(site(&["Aziza", "Bobur"]));
    rig.tell(started(NUMBER));
    rig.tell(ringing("201"));
    rig.restart(3);
    rig.tell(answered("201"));
    assert!(rig.pops().contains(&("Aziza".into(), "talking".into())));
    rig.restart(0);
    rig.pass(Period::secs(9));
    rig.tell(ended());
    let all = rig.records.len();
    rig.restart(all);
    rig.pass(Period::secs(6));
    assert!(rig.only_row().settled);
}

/// Every order of these facts, one at a time.
fn orders(facts: &[crate::model::Fact]) -> Vec<Vec<crate::model::Fact>> {
    let Some((first, rest)) = facts.split_first() else { return vec![Vec::new()] };
    let shorter = orders(rest);
    let put = |order: &Vec<crate::model::Fact>, place: usize| {
        let mut order = order.clone();
        order.insert(place, first.clone());
        order
    };
    let places = |order: Vec<crate::model::Fact>| {
        (0..=order.len()).map(move |place| put(&order, place)).collect::<Vec<_>>()
    };
    shorter.into_iter().flat_map(places).collect()
}

/// What a row says of the call, without what depends on when we heard it.
fn essence(rig: &Rig) -> String {
    let mut row = rig.only_row();
    (row.revision, row.stages, row.id) = (0, Vec::new(), uuid::Uuid::nil().into());
    for offer in &mut row.offers {
        offer.id = crate::model::OfferId(0);
    }
    row.offers.sort_by(|one, other| one.operator.cmp(&other.operator));
    serde_json::to_string_pretty(&row).unwrap()
}

#[test]
fn every_order_of_arrival_ends_in_the_same_row_and_no_card_opens_twice() {
    let mut rig = Rig::new(site(&["Aziza", "Bobur", "Dilnoza"]));
    let mut facts = Vec::new();
    for kind in
        [started(NUMBER), ringing("201"), ringing("202"), answered("202"), ringing("203"), ended()]
    {
        facts.push(rig.fact(kind));
        rig.pass(Period::secs(7));
    }
    let mut want = None;
    for order in orders(&facts) {
        let mut rig = Rig::new(site(&["Aziza", "Bobur", "Dilnoza"]));
        let mut opened = Vec::new();
        for fact in order.iter().chain(order.first()) {
            rig.facts(vec![fact.clone()]);
            let live = |(_, state): &(String, String)| state == "ringing";
            opened.extend(rig.pops().into_iter().filter(live).map(|(name, _)| name));
        }
        rig.pass(Period::secs(6));
        assert!(rig.episodes().iter().all(super::state::is_closed), "{order:#?}");
        let before = opened.len();
        opened.sort();
        opened.dedup();
        assert_eq!(opened.len(), before, "a card opened twice: {order:#?}");
        let got = essence(&rig);
        assert_eq!(&got, want.get_or_insert(got.clone()), "{order:#?}");
    }
}
