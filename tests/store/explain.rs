//! What `explain` reads: rounds, rulings of one person, presence.

use navbat::model::{Intent, Record, Ruling, Seq, Why};

use crate::made::{at, call_id, decided, operator, record};
use crate::stores::tries;

#[tokio::test]
async fn a_calls_rounds_come_back_whole_and_a_persons_rulings_by_time() {
    let wrap_up = Ruling::ELIGIBLE.with(Why::WrapUp, true).with(Why::StickyHold, true);
    let first = decided(1, 1, 10, &[("Aziza", Ruling(0), true), ("Bobur", wrap_up, false)]);
    let mut second = decided(1, 2, 20, &[("Bobur", Ruling(0), true)]);
    second.whole = false;
    let mut elsewhere = decided(2, 1, 30, &[("Bobur", wrap_up, false)]);
    elsewhere.queue = "support".into();
    let rounds = [first, second, elsewhere];
    let records: Vec<_> = (5..)
        .zip(&rounds)
        .map(|(seq, round)| record(seq, 0, Record::Decided(Box::new(round.clone()))))
        .collect();
    for one in tries().await {
        let store = &one.store;
        store.project(&records, &[]).await.unwrap();
        let of_call = store.decisions_of_call(call_id(1)).await.unwrap();
        assert_eq!(of_call, [(Seq(5), rounds[0].clone()), (Seq(6), rounds[1].clone())]);
        assert_eq!(store.decisions_of_call(call_id(7)).await.unwrap(), []);

        let bobur = "Bobur".into();
        let of_bobur = store.rulings_of_operator(&bobur, at(10), at(30), 100).await.unwrap();
        assert_eq!(of_bobur.iter().map(|ruling| ruling.seq.0).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(of_bobur[0].pick, rounds[0].members[1]);
        assert_eq!((of_bobur[1].call, of_bobur[1].round), (call_id(1), 2));

        // Aziza is not in the second round: what held for her is in the first.
        let sales = "sales".into();
        let aziza = store.ruling_before(&"Aziza".into(), &sales, Seq(6)).await.unwrap().unwrap();
        assert_eq!(aziza.seq, Seq(5));
        let last = store.ruling_before(&bobur, &sales, Seq(100)).await.unwrap().unwrap();
        assert_eq!(last.seq, Seq(6));
        assert!(store.ruling_before(&bobur, &sales, Seq(4)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn presence_begins_with_what_held_at_the_first_moment() {
    let intents =
        [(10, Intent::Ready), (20, Intent::Dnd), (30, Intent::Ready), (40, Intent::Offline)];
    let records: Vec<_> = (1..)
        .zip(intents)
        .map(|(seq, (second, intent))| {
            record(seq, second, Record::OperatorSaved(Box::new(operator("Aziza", intent, second))))
        })
        .collect();
    for one in tries().await {
        one.store.project(&records, &[]).await.unwrap();
        let aziza = "Aziza".into();
        let told = one.store.presence_of(&aziza, at(25), at(40), 50).await.unwrap();
        let told: Vec<_> = told.into_iter().map(|(moment, view)| (moment, view.intent)).collect();
        assert_eq!(told, [(at(20), Intent::Dnd), (at(30), Intent::Ready)]);
        let told = one.store.presence_of(&aziza, at(0), at(15), 50).await.unwrap();
        assert_eq!(told.len(), 1);
        assert!(
            one.store.presence_of(&"Bobur".into(), at(0), at(99), 50).await.unwrap().is_empty()
        );
    }
}
