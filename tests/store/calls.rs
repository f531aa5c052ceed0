//! Lists of calls and of missed episodes.

use navbat::model::{
    Closing, Direction, Disposition, EpisodeId, EpisodeState, Name, Outcome, Record,
};
use navbat::store::{CallsAsk, Cursor, EpisodesAsk, EpisodesIn, Store};

use crate::made::{answered, at, call_id, client, episode, missed, record, saved};
use crate::stores::tries;

fn fifty() -> CallsAsk {
    CallsAsk { limit: 50, ..CallsAsk::default() }
}

async fn numbers(store: &Store, ask: CallsAsk) -> Vec<u128> {
    let page = store.calls(&ask).await.unwrap();
    assert_eq!(store.count_calls(&ask).await.unwrap(), page.items.len() as u64, "{ask:?}");
    page.items.iter().map(|call| call.id.0.as_u128()).collect()
}

#[tokio::test]
async fn every_filter_holds_and_all_hold_together() {
    let mut outgoing = answered(4, 400);
    outgoing.direction = Some(Direction::Out);
    (outgoing.placed_by, outgoing.answered_by) = (Some("Zafar".into()), None);
    outgoing.disposition = Disposition::NoAnswer;
    (outgoing.queue, outgoing.outcome, outgoing.client) = (None, None, None);
    (outgoing.offers, outgoing.talks, outgoing.entries) = (vec![], vec![], vec![]);
    (outgoing.account, outgoing.provider) = ("uzt".into(), String::from("uztelecom"));
    let mut other = answered(3, 300);
    other.queue = Some("support".into());
    let records = [
        saved(1, answered(1, 100)),
        saved(2, missed(2, 200, 30, Outcome::Abandoned)),
        saved(3, other),
        saved(4, outgoing),
    ];
    for one in tries().await {
        let store = &one.store;
        store.project(&records, &[]).await.unwrap();
        let asked = [
            (fifty(), vec![4, 3, 2, 1]),
            (CallsAsk { from: Some(at(200)), to: Some(at(400)), ..fifty() }, vec![3, 2]),
            (CallsAsk { queue: Some("sales".into()), ..fifty() }, vec![2, 1]),
            (CallsAsk { scope: Some(vec!["support".into()]), ..fifty() }, vec![3]),
            (CallsAsk { scope: Some(vec![]), ..fifty() }, vec![]),
            (CallsAsk { operator: Some("Bobur".into()), ..fifty() }, vec![3, 1]),
            (CallsAsk { operator: Some("Zafar".into()), ..fifty() }, vec![4]),
            (CallsAsk { operator: Some("Aziza".into()), ..fifty() }, vec![3, 2, 1]),
            (CallsAsk { disposition: Some(Disposition::Missed), ..fifty() }, vec![2]),
            (CallsAsk { outcome: Some(Outcome::Answered), ..fifty() }, vec![3, 1]),
            (CallsAsk { direction: Some(Direction::Out), ..fifty() }, vec![4]),
            (CallsAsk { provider: Some(String::from("uztelecom")), ..fifty() }, vec![4]),
            (CallsAsk { account: Some("sipuni-main".into()), ..fifty() }, vec![3, 2, 1]),
            (CallsAsk { client: Some(client(1)), ..fifty() }, vec![3, 2, 1]),
            (CallsAsk { missed: Some(true), ..fifty() }, vec![2]),
            (CallsAsk { missed: Some(false), queue: Some("sales".into()), ..fifty() }, vec![1]),
            (CallsAsk { queue: Some(Name::from("sa'les\0; --")), ..fifty() }, vec![]),
        ];
        for (ask, expected) in asked {
            assert_eq!(numbers(store, ask.clone()).await, expected, "{ask:?}");
        }
    }
}

#[tokio::test]
async fn pages_neither_repeat_nor_leave_out_when_calls_come_in_between() {
    // Many of one moment, so that the id has to part them.
    let records: Vec<_> =
        (1..=120).map(|n| saved(n, answered(u128::from(n), 100 + n / 40))).collect();
    for one in tries().await {
        one.store.project(&records, &[]).await.unwrap();
        let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<Cursor>, 0);
        loop {
            // What the browser sends back is text.
            let cursor_text = cursor.map(|cursor| cursor.to_string().parse().unwrap());
            let ask = CallsAsk { cursor: cursor_text, limit: 1000, ..CallsAsk::default() };
            let page = one.store.calls(&ask).await.unwrap();
            assert!(page.items.len() <= 50);
            seen.extend(page.items.iter().map(|call| call.id.0.as_u128()));
            pages += 1;
            one.store
                .project(&[saved(1000 + pages, answered(1000 + u128::from(pages), 900))], &[])
                .await
                .unwrap();
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, (1..=120).rev().collect::<Vec<_>>());
        assert_eq!(pages, 3);
    }
    assert!("nonsense".parse::<Cursor>().is_err());
    assert!("1.a'; drop".parse::<Cursor>().is_err());
}

#[tokio::test]
async fn a_call_is_found_by_either_id_and_by_its_client() {
    for one in tries().await {
        let store = &one.store;
        let mut again = answered(3, 500);
        again.call_key = String::from("sipuni-main/k1");
        let records =
            [saved(1, answered(1, 100)), saved(2, answered(2, 50)), saved(3, again.clone())];
        store.project(&records, &[]).await.unwrap();
        assert_eq!(store.call(call_id(2)).await.unwrap(), Some(answered(2, 50)));
        assert_eq!(store.call(call_id(9)).await.unwrap(), None);
        assert_eq!(store.call_by_key("sipuni-main/k1").await.unwrap(), Some(again));
        assert_eq!(store.call_by_key("nobody/k1").await.unwrap(), None);
        let history = store.client_history(&client(1), 2).await.unwrap();
        let numbers: Vec<_> = history.iter().map(|call| call.id.0.as_u128()).collect();
        assert_eq!(numbers, [3, 1]);
        assert_eq!(store.calls_stored().await.unwrap(), 3);
    }
}

#[tokio::test]
async fn episodes_are_listed_by_where_they_stand_and_counted_for_the_headline() {
    let closed = EpisodeState::Closed(Closing::Expired { at: at(5000) });
    let mut owned = episode(2, 200, EpisodeState::Assigned);
    owned.owner = Some("Sardor".into());
    let mut other = episode(4, 400, EpisodeState::Open);
    other.queue = "support".into();
    let rows = [episode(1, 100, EpisodeState::Open), owned, episode(3, 300, closed), other];
    let records: Vec<_> = (1..)
        .zip(&rows)
        .map(|(seq, row)| record(seq, 0, Record::EpisodeSaved(Box::new(row.clone()))))
        .collect();
    let ask = EpisodesAsk { limit: 50, ..EpisodesAsk::default() };
    for one in tries().await {
        let store = &one.store;
        store.project(&records, &[]).await.unwrap();
        let asked = [
            (ask.clone(), vec![4, 2, 1]),
            (EpisodesAsk { state: EpisodesIn::All, ..ask.clone() }, vec![4, 3, 2, 1]),
            (EpisodesAsk { state: EpisodesIn::Unassigned, ..ask.clone() }, vec![4, 1]),
            (EpisodesAsk { state: EpisodesIn::Assigned, ..ask.clone() }, vec![2]),
            (EpisodesAsk { state: EpisodesIn::Closed, ..ask.clone() }, vec![3]),
            (EpisodesAsk { state: EpisodesIn::Attempting, ..ask.clone() }, vec![]),
            (EpisodesAsk { queue: Some("support".into()), ..ask.clone() }, vec![4]),
            (EpisodesAsk { scope: Some(vec!["sales".into()]), ..ask.clone() }, vec![2, 1]),
            (EpisodesAsk { owner: Some("Sardor".into()), ..ask.clone() }, vec![2]),
            (EpisodesAsk { client: Some(client(1)), ..ask.clone() }, vec![1]),
            (EpisodesAsk { reason: Some(Outcome::Full), ..ask.clone() }, vec![]),
            (EpisodesAsk { from: Some(at(200)), to: Some(at(400)), ..ask.clone() }, vec![2]),
        ];
        for (ask, expected) in asked {
            let page = store.episodes(&ask).await.unwrap();
            let ids: Vec<_> = page.items.iter().map(|row| row.id.0).collect();
            assert_eq!(ids, expected, "{ask:?}");
        }
        let one_a_page = EpisodesAsk { limit: 1, ..ask.clone() };
        let first = store.episodes(&one_a_page).await.unwrap();
        let second = EpisodesAsk { cursor: first.next, ..one_a_page };
        assert_eq!(store.episodes(&second).await.unwrap().items[0].id, EpisodeId(2));
        assert_eq!(store.episode(EpisodeId(2)).await.unwrap().as_ref(), Some(&rows[1]));

        let count = store.count_episodes(None, at(1150)).await.unwrap();
        assert_eq!((count.open(), count.overdue, count.oldest_at), (3, 2, Some(at(100))));
        let count = store.count_episodes(Some(&["support".into()]), at(0)).await.unwrap();
        assert_eq!((count.open(), count.overdue, count.oldest_at), (1, 0, Some(at(400))));
    }
}
