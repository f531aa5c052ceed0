//! The database follows the journal: repeats, restarts, outages, and rebuilding.

use navbat::model::{EpisodeState, Intent, Outcome, Record, Ruling, Seq};
use navbat::store::{Journal, Projector, Store};
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use crate::made::{
    answered, at, call_id, decided, episode, limits, missed, no_notes, operator, record, saved,
};
use crate::stores::tries;

/// A day in which every kind of row comes in several revisions.
fn day() -> Vec<navbat::model::Stamped> {
    let mut ringing = answered(1, 100);
    (ringing.revision, ringing.ended_at, ringing.settled) = (1, None, false);
    (ringing.talks, ringing.entries[0].outcome, ringing.outcome) = (vec![], None, None);
    let mut grown = episode(1, 10, EpisodeState::Assigned);
    grown.revision = 2;
    vec![
        saved(1, ringing),
        record(
            2,
            100,
            Record::Decided(Box::new(decided(1, 1, 100, &[("Aziza", Ruling(0), true)]))),
        ),
        record(3, 1, Record::OperatorSaved(Box::new(operator("Aziza", Intent::Ready, 1)))),
        record(4, 2, Record::EpisodeSaved(Box::new(episode(1, 10, EpisodeState::Open)))),
        saved(5, answered(1, 100)),
        record(6, 2, Record::EpisodeSaved(Box::new(grown))),
        saved(7, missed(2, 200, 20, Outcome::Abandoned)),
    ]
}

/// Everything the lists show, as text.
async fn all_of(store: &Store) -> String {
    let calls = store.calls(&Default::default()).await.unwrap();
    let many = navbat::store::EpisodesAsk { limit: 50, ..Default::default() };
    let episodes = store.episodes(&many).await.unwrap();
    let decisions = store.decisions_of_call(call_id(1)).await.unwrap();
    let presence = store.presence_of(&"Aziza".into(), at(0), at(9999), 50).await.unwrap();
    let figures = store.operator_stats(at(0), at(9999), None).await.unwrap();
    format!("{calls:?}\n{episodes:?}\n{decisions:?}\n{presence:?}\n{figures:?}")
}

#[tokio::test]
async fn writing_records_again_in_any_batches_changes_nothing() {
    for one in tries().await {
        let day = day();
        one.store.project(&day, &[]).await.unwrap();
        let whole = all_of(&one.store).await;
        assert_eq!(one.store.projected().await.unwrap(), Seq(7));
        one.store.project(&day, &[]).await.unwrap();
        one.store.project(&day[..3], &[]).await.unwrap();
        assert_eq!(all_of(&one.store).await, whole);
        assert_eq!(one.store.projected().await.unwrap(), Seq(7));

        one.store.forget_projection().await.unwrap();
        assert_eq!(one.store.calls_stored().await.unwrap(), 0);
        for record in &day {
            one.store.project(std::slice::from_ref(record), &[]).await.unwrap();
        }
        assert_eq!(all_of(&one.store).await, whole);
    }
}

#[tokio::test]
async fn the_projector_follows_and_a_restart_goes_on_where_it_was() {
    for one in tries().await {
        let (journal, _, _inbox) = Journal::open(one.folder.path(), limits()).await.unwrap();
        let day = day();
        journal.append(day[..2].to_vec()).await.unwrap();
        let stop = CancellationToken::new();
        let (projector, mut lag) = Projector::new(one.store.clone(), journal.clone(), no_notes());
        let running = tokio::spawn(projector.run(stop.clone()));
        lag.wait_for(|lag| lag.projected == Seq(2) && lag.behind() == 0).await.unwrap();
        stop.cancel();
        running.await.unwrap();

        journal.append(day[2..].to_vec()).await.unwrap();
        one.store.close().await;
        let store = Store::open(&one.url, None, one.folder.path()).await.unwrap();
        assert_eq!(store.projected().await.unwrap(), Seq(2));
        let stop = CancellationToken::new();
        let (projector, mut lag) = Projector::new(store.clone(), journal.clone(), no_notes());
        let running = tokio::spawn(projector.run(stop.clone()));
        lag.wait_for(|lag| lag.projected == Seq(7)).await.unwrap();
        assert_eq!(store.call(call_id(1)).await.unwrap(), Some(answered(1, 100)));
        stop.cancel();
        running.await.unwrap();
        journal.close().await;
    }
}

#[tokio::test]
async fn a_database_that_is_away_costs_nothing_but_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open("sqlite:navbat.db", None, folder.path()).await.unwrap();
    let (journal, _, _inbox) = Journal::open(folder.path(), limits()).await.unwrap();
    let stop = CancellationToken::new();
    let (projector, mut lag) = Projector::new(store.clone(), journal.clone(), no_notes());
    let running = tokio::spawn(projector.run(stop.clone()));
    // Somebody holds the writer's place for longer than the database waits.
    let other = folder.path().join("navbat.db");
    let url = format!("sqlite:{}", other.display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("begin exclusive").execute(&mut other).await.unwrap();
    journal.append(day()).await.unwrap();
    lag.wait_for(|lag| lag.failing.is_some() && lag.behind() == 7).await.unwrap();
    sqlx::raw_sql("rollback").execute(&mut other).await.unwrap();
    lag.wait_for(|lag| lag.failing.is_none() && lag.behind() == 0).await.unwrap();
    assert_eq!(store.calls_stored().await.unwrap(), 2);
    stop.cancel();
    running.await.unwrap();
    journal.close().await;
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_refused() {
    for one in tries().await {
        let url = match one.url.strip_prefix("sqlite:") {
            Some(file) => format!("sqlite:{}", one.folder.path().join(file).display()),
            None => one.url.clone(),
        };
        let mut other = sqlx::AnyConnection::connect(&url).await.unwrap();
        let later = "insert into _sqlx_migrations (version, description, success, checksum,
            execution_time) select 9999, 'later', success, checksum, 0 from _sqlx_migrations
            where version = 1";
        sqlx::raw_sql(later).execute(&mut other).await.unwrap();
        let opened = Store::open(&one.url, None, one.folder.path()).await;
        let error = opened.err().unwrap().to_string();
        assert!(error.contains("schema version 9999"), "{error}");
    }
}
