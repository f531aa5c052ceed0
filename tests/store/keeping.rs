//! Retention and backup.

use navbat::model::{EpisodeState, Intent, Outcome, Period, Record, Ruling, Seq};
use navbat::store::{Journal, Retention, Store, backup, forget};

use crate::made::{
    MORNING, answered, at, call_id, decided, episode, limits, missed, operator, record, request,
    saved,
};
use crate::stores::tries;

#[tokio::test]
async fn each_class_goes_after_its_time() {
    let day = 86_400;
    let mut open = answered(3, 0);
    open.settled = false;
    let closing = navbat::model::Closing::Expired { at: at(0) };
    let round = |seq, seconds| {
        let made = decided(1, 1, seconds, &[("Aziza", Ruling(0), true)]);
        record(seq, seconds, Record::Decided(Box::new(made)))
    };
    let records = vec![
        saved(1, answered(1, 0)),
        saved(2, missed(2, 50 * day, 9, Outcome::Abandoned)),
        saved(3, open),
        round(4, 0),
        round(5, 50 * day),
        record(6, 0, Record::OperatorSaved(Box::new(operator("Aziza", Intent::Ready, 0)))),
        record(7, 0, Record::EpisodeSaved(Box::new(episode(1, 0, EpisodeState::Closed(closing))))),
        record(8, 0, Record::EpisodeSaved(Box::new(episode(2, 0, EpisodeState::Open)))),
        record(9, 0, Record::Heard { request: Seq(2) }),
    ];
    for one in tries().await {
        let store = &one.store;
        let (journal, _, _inbox) = Journal::open(one.folder.path(), limits()).await.unwrap();
        journal.take(request("a")).await.unwrap();
        journal.take(request("b")).await.unwrap(); // the last always stays
        journal.append(records.clone()).await.unwrap();
        journal.save_state(Seq(9), vec![]).await.unwrap();
        store.project(&records, &[]).await.unwrap();
        let kept = Retention {
            calls: Period::days(60),
            decisions: Period::days(15),
            raw: Period::days(5),
        };
        let gone = forget(&journal, store, &kept, at(30 * day)).await.unwrap();
        assert_eq!((gone.raw, gone.decisions, gone.calls, gone.records), (1, 1, 0, 0));
        let gone = forget(&journal, store, &kept, at(70 * day)).await.unwrap();
        assert_eq!((gone.raw, gone.decisions, gone.calls), (0, 1, 1));
        assert!(gone.records >= 7, "{gone:?}");
        assert!(store.call(call_id(1)).await.unwrap().is_none());
        assert!(store.call(call_id(3)).await.unwrap().is_some(), "not settled yet");
        let figures = store.operator_stats(at(0), at(100 * day), None).await.unwrap();
        assert_eq!(figures[0].rung, 2, "offers of the calls that are left");
        let now = at(70 * day);
        assert_eq!(store.count_episodes(None, now).await.unwrap().open(), 1);
        assert!(store.presence_of(&"Aziza".into(), MORNING, now, 9).await.unwrap().is_empty());
        journal.close().await;
    }
}

#[tokio::test]
async fn a_backup_made_under_load_opens_and_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open("sqlite:navbat.db", None, folder.path()).await.unwrap();
    let (journal, _, mut inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let load = tokio::spawn({
        let journal = journal.clone();
        async move {
            for number in 0..300 {
                journal.take(request(&number.to_string())).await.unwrap();
            }
        }
    });
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
    let day = vec![saved(1, answered(1, 100))];
    journal.append(day.clone()).await.unwrap();
    store.project(&day, &[]).await.unwrap();
    let copy = folder.path().join("backups").join("one");
    let files = backup(&journal, &store, &copy).await.unwrap();
    assert_eq!(files.len(), 2);
    load.await.unwrap();
    journal.close().await;

    let (journal, recovered, _inbox) = Journal::open(&copy, limits()).await.unwrap();
    assert_eq!(recovered.last.unwrap().0, Seq(1));
    let restored = Store::open("sqlite:navbat.db", None, &copy).await.unwrap();
    assert_eq!(restored.call(call_id(1)).await.unwrap(), Some(answered(1, 100)));
    journal.close().await;
    assert!(backup(&journal, &store, &copy).await.is_err(), "a copy never replaces another");
}
