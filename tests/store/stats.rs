//! Figures: conservation, shares of nothing, hours of the site, what each operator did.

use std::collections::BTreeMap;

use navbat::model::{Name, Outcome, Period};
use navbat::store::{StatsAsk, StatsBy, Tally};

use crate::made::{answered, at, entry, missed, saved};
use crate::stores::tries;

fn ask(by: StatsBy) -> StatsAsk {
    StatsAsk {
        by,
        from: at(0),
        to: at(86_400),
        queues: None,
        offset_minutes: 300,
        targets: BTreeMap::new(),
        target: Period::secs(20),
    }
}

#[tokio::test]
async fn books_balance_over_every_axis() {
    let mut moved = answered(5, 7_300);
    moved.entries = vec![
        entry("sales", 7_300, 60, Outcome::Overflowed),
        entry("support", 7_360, 70, Outcome::Answered),
    ];
    let mut waiting = answered(6, 7_400);
    waiting.entries[0].outcome = None;
    waiting.entries[0].done_at = None;
    let mut foreign = missed(7, 100, 3, Outcome::AbandonedShort);
    (foreign.provider, foreign.account) = (String::from("uztelecom"), "uzt".into());
    let records = [
        saved(1, answered(1, 100)),
        saved(2, missed(2, 200, 30, Outcome::Abandoned)),
        saved(3, missed(3, 300, 0, Outcome::Closed)),
        saved(4, missed(4, 3_700, 300, Outcome::TimedOut)),
        saved(5, moved),
        saved(6, waiting),
        saved(7, foreign),
    ];
    for one in tries().await {
        let store = &one.store;
        store.project(&records, &[]).await.unwrap();
        let total = store.stats_total(&ask(StatsBy::Nothing)).await.unwrap();
        assert_eq!((total.arrived, total.in_flight, total.missed), (8, 1, 4));
        assert_eq!(total.outcomes.values().sum::<u64>() + total.in_flight, total.arrived);
        assert_eq!(total.offered(), 7);
        assert_eq!(total.count(Outcome::Answered), 2);
        // Answered in 8 s and in 70 s, one abandoned, one timed out: 1 of 4.
        assert_eq!(total.service_level(), Some(0.25));
        assert_eq!(total.mean_speed_of_answer(), Some(39_000.0));
        assert_eq!(total.mean_time_to_abandon(), Some(30_000.0));
        assert_eq!(total.wait_max, Period::secs(300));

        for by in
            [StatsBy::Hour, StatsBy::Queue, StatsBy::Reason, StatsBy::Provider, StatsBy::Account]
        {
            let mut sum = Tally::default();
            for (_, tally) in store.stats(&ask(by)).await.unwrap() {
                sum.add(&tally);
            }
            assert_eq!(sum, total, "{by:?}");
        }
        let hours = store.stats(&ask(StatsBy::Hour)).await.unwrap();
        let keys: Vec<_> = hours.iter().map(|(key, tally)| (key.as_str(), tally.arrived)).collect();
        let hour = |seconds| at(seconds).0.to_string();
        assert_eq!(keys, [(&*hour(0), 4), (&*hour(3600), 1), (&*hour(7200), 3)]);
        // Half an hour off, hours begin at half past.
        let half = StatsAsk { offset_minutes: 330, ..ask(StatsBy::Hour) };
        assert_eq!(store.stats(&half).await.unwrap()[0].0, (at(0).0 - 1_800_000).to_string());

        let queues = store.stats(&ask(StatsBy::Queue)).await.unwrap();
        assert_eq!(
            queues.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
            ["sales", "support"]
        );
        assert_eq!(queues[1].1.service_level(), Some(0.0));
        let targets = BTreeMap::from([(Name::from("support"), Period::secs(70))]);
        let own = StatsAsk { targets, ..ask(StatsBy::Queue) };
        assert_eq!(store.stats(&own).await.unwrap()[1].1.service_level(), Some(1.0));
        let scoped = StatsAsk { queues: Some(vec!["support".into()]), ..ask(StatsBy::Queue) };
        assert_eq!(store.stats(&scoped).await.unwrap().len(), 1);
        assert_eq!(store.stats(&StatsAsk { queues: Some(vec![]), ..scoped }).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_share_of_nothing_is_nothing() {
    for one in tries().await {
        let none = one.store.stats_total(&ask(StatsBy::Nothing)).await.unwrap();
        assert_eq!(none, Tally::default());
        assert_eq!(
            (none.service_level(), none.abandonment(), none.mean_speed_of_answer()),
            (None, None, None)
        );
        assert!(one.store.operator_stats(at(0), at(9), None).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn operators_are_counted_by_what_became_of_their_offers() {
    let records = [
        saved(1, answered(1, 100)),
        saved(2, missed(2, 200, 30, Outcome::Abandoned)),
        saved(3, answered(3, 300)),
    ];
    for one in tries().await {
        one.store.project(&records, &[]).await.unwrap();
        let all = one.store.operator_stats(at(0), at(9999), None).await.unwrap();
        let [aziza, bobur] = &all[..] else { panic!("{all:?}") };
        assert_eq!((aziza.operator.as_str(), aziza.rung, aziza.misses), ("Aziza", 3, 1));
        assert_eq!((aziza.count("won"), aziza.count("no_answer")), (2, 1));
        assert_eq!((aziza.answered, aziza.handled, aziza.talk), (2, 2, Period::secs(80)));
        assert_eq!(aziza.answer_rate(), Some(2.0 / 3.0));
        assert_eq!((bobur.rung, bobur.count("lost"), bobur.answer_rate()), (2, 2, None));
        let none = one.store.operator_stats(at(0), at(9999), Some(&["support".into()])).await;
        assert!(none.unwrap().is_empty());
        let early = one.store.operator_stats(at(0), at(150), None).await.unwrap();
        assert_eq!(early[0].rung, 1);
    }
}
