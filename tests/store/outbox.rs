//! The outbox: once-only keys, amendments, lanes, claims that lapse, several workers, and what
//! people may do.

use std::collections::BTreeSet;

use navbat::model::{Message, Name, NoteBody};
use navbat::store::{ClaimAsk, Delivery, Lapsing, NewNote, NoteState, NotesAsk, PopToldRow, Store};

use crate::made::{answered, at, call_id, saved};
use crate::stores::tries;

/// Note number `number` of target `amo`, alone in its lane.
fn note(number: u32) -> NewNote {
    let text = Message {
        event: String::from("missed"),
        title: format!("note {number}"),
        text: String::new(),
        link: None,
        call: None,
    };
    NewNote {
        id: format!("{number:04}"),
        once_key: format!("amo/call-{number}/log"),
        target: "amo".into(),
        lane: format!("amo/call-{number}"),
        place: i64::from(number),
        call: Some(call_id(u128::from(number))),
        revision: 1,
        body: NoteBody::Message(Box::new(text)),
        due_at: at(10),
        created_at: at(number.into()),
    }
}

fn ask<'a>(worker: &'a str, target: &'a Name, seconds: u64) -> ClaimAsk<'a> {
    ClaimAsk { worker, target, now: at(seconds), until: at(seconds + 30), limit: 50 }
}

async fn claim(store: &Store, worker: &str, seconds: u64) -> Vec<String> {
    let amo = "amo".into();
    let claimed = store.claim_notes(ask(worker, &amo, seconds)).await.unwrap();
    claimed.into_iter().map(|note| note.id).collect()
}

async fn settle(store: &Store, worker: &str, id: &str, delivery: Delivery, seconds: u64) -> bool {
    store.settle_note(worker, id, &delivery, at(seconds)).await.unwrap()
}

async fn state(store: &Store, id: &str) -> NoteState {
    store.note(id).await.unwrap().expect("a note").state
}

fn done() -> Delivery {
    Delivery::Done { external: None }
}

fn told(text: &str) -> String {
    text.to_owned()
}

#[tokio::test]
async fn a_note_is_kept_once_claimed_for_a_while_and_settled_by_its_worker() {
    for one in tries().await {
        let store = &one.store;
        assert!(store.add_note(&note(1)).await.unwrap());
        let again = NewNote { id: told("9999"), ..note(1) };
        assert!(!store.add_note(&again).await.unwrap());
        assert!(claim(store, "w1", 9).await.is_empty(), "it is not due");
        let other = store.claim_notes(ask("w1", &"bitrix".into(), 10)).await.unwrap();
        assert!(other.is_empty());
        assert_eq!(claim(store, "w1", 10).await, ["0001"]);
        assert_eq!(state(store, "0001").await, NoteState::InFlight);
        assert!(claim(store, "w2", 39).await.is_empty());
        assert!(!settle(store, "w2", "0001", done(), 39).await, "it is another's");
        let retry = Delivery::Retry { at: at(100), told: told("503") };
        assert!(settle(store, "w1", "0001", retry, 41).await);
        assert!(!settle(store, "w1", "0001", done(), 41).await, "it was settled");
        assert_eq!(store.next_note_at(&"amo".into(), at(41)).await.unwrap(), Some(at(100)));
        assert!(claim(store, "w1", 99).await.is_empty());
        assert_eq!(claim(store, "w1", 100).await, ["0001"]);
        assert_eq!(store.note("0001").await.unwrap().unwrap().tries, 2);
        let wait = Delivery::Postponed { at: at(200), told: told("429") };
        assert!(settle(store, "w1", "0001", wait, 101).await);
        assert_eq!(store.note("0001").await.unwrap().unwrap().tries, 1, "not its own fault");
        assert_eq!(claim(store, "w1", 200).await, ["0001"]);
        assert!(settle(store, "w1", "0001", done(), 201).await);
        assert_eq!(store.count_notes().await.unwrap(), []);
        assert_eq!(store.next_note_at(&"amo".into(), at(201)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_claim_that_lapsed_is_looked_up_and_never_simply_sent_again() {
    for one in tries().await {
        let (store, amo): (_, Name) = (&one.store, "amo".into());
        for number in 1..4 {
            store.add_note(&note(number)).await.unwrap();
        }
        assert_eq!(claim(store, "w1", 10).await.len(), 3);
        settle(store, "w1", "0003", done(), 11).await;
        let lapsed = store.lapse_notes(&amo, Lapsing::Until(at(39)), at(44)).await.unwrap();
        assert_eq!(lapsed, 0, "the claim holds");
        // The program starts again: nobody else works, so nothing need lapse by itself.
        let lapsed = store.lapse_notes(&amo, Lapsing::OfOthers("w2"), at(25)).await.unwrap();
        assert_eq!(lapsed, 2);
        assert!(!settle(store, "w1", "0001", done(), 21).await, "the first worker is dead");
        assert!(claim(store, "w2", 30).await.is_empty(), "it may have arrived");
        assert!(store.claim_ambiguous(ask("w2", &amo, 24)).await.unwrap().is_empty());
        let looked = store.claim_ambiguous(ask("w2", &amo, 25)).await.unwrap();
        assert_eq!(looked.len(), 2);
        assert!(store.claim_ambiguous(ask("w3", &amo, 26)).await.unwrap().is_empty());
        settle(store, "w2", "0001", Delivery::Done { external: Some(told("7")) }, 26).await;
        settle(store, "w2", "0002", Delivery::Retry { at: at(27), told: told("no") }, 26).await;
        assert_eq!(claim(store, "w2", 27).await, ["0002"]);
        let late = Delivery::Ambiguous { look_at: at(40), told: told("cut") };
        settle(store, "w2", "0002", late, 28).await;
        assert_eq!(state(store, "0002").await, NoteState::Ambiguous);
        // A worker that dies while it looks up leaves it as it was.
        assert_eq!(store.claim_ambiguous(ask("w2", &amo, 40)).await.unwrap().len(), 1);
        assert!(store.claim_ambiguous(ask("w3", &amo, 69)).await.unwrap().is_empty());
        // At a start nobody else looks anything up, so nothing need lapse by itself.
        assert_eq!(store.lapse_notes(&amo, Lapsing::Until(at(69)), at(60)).await.unwrap(), 0);
        assert_eq!(store.lapse_notes(&amo, Lapsing::OfOthers("w3"), at(60)).await.unwrap(), 1);
        assert_eq!(store.claim_ambiguous(ask("w2", &amo, 61)).await.unwrap().len(), 1);
        assert_eq!(store.claim_ambiguous(ask("w3", &amo, 91)).await.unwrap().len(), 1);
    }
}

/// The pause before the next look-up grows with those that the peer left unanswered; an end of
/// our own program says nothing of the peer.
#[tokio::test]
async fn a_look_up_that_the_programs_end_cut_off_does_not_count() {
    for one in tries().await {
        let (store, amo): (_, Name) = (&one.store, "amo".into());
        store.add_note(&note(1)).await.unwrap();
        assert_eq!(claim(store, "w0", 10).await.len(), 1);
        for life in 1..10 {
            let (worker, now) = (format!("w{life}"), 10 + life);
            let lapsed = store.lapse_notes(&amo, Lapsing::OfOthers(&worker), at(now)).await;
            assert_eq!(lapsed.unwrap(), 1);
            let looked = store.claim_ambiguous(ask(&worker, &amo, now)).await.unwrap();
            assert_eq!(looked.iter().map(|note| note.looks).collect::<Vec<_>>(), [1]);
        }
        let later = Delivery::Ambiguous { look_at: at(30), told: told("503") };
        assert!(settle(store, "w9", "0001", later, 20).await);
        let looked = store.claim_ambiguous(ask("w9", &amo, 30)).await.unwrap();
        assert_eq!(looked[0].looks, 2, "this one was answered");
    }
}

#[tokio::test]
async fn a_later_revision_amends_and_any_other_changes_nothing() {
    for one in tries().await {
        let (store, amo): (_, Name) = (&one.store, "amo".into());
        let revised = |revision: u32| NewNote {
            id: format!("r{revision}"),
            revision,
            due_at: at(50),
            created_at: at(50),
            ..note(1)
        };
        store.add_note(&revised(2)).await.unwrap();
        assert!(!store.add_note(&revised(1)).await.unwrap());
        assert_eq!(claim(store, "w", 50).await, ["r2"]);
        // It comes while the one before is on its way: both leave, one after the other.
        assert!(store.add_note(&revised(3)).await.unwrap());
        assert_eq!(state(store, "r2").await, NoteState::InFlight);
        settle(store, "w", "r2", Delivery::Done { external: Some(told("id 7")) }, 51).await;
        assert_eq!(state(store, "r2").await, NoteState::Pending);
        let claimed = store.claim_notes(ask("w", &amo, 51)).await.unwrap();
        assert_eq!(claimed[0].external.as_deref(), Some("id 7"));
        settle(store, "w", "r2", done(), 52).await;
        assert_eq!(state(store, "r2").await, NoteState::Done);
        assert!(!store.add_note(&revised(3)).await.unwrap());
        assert!(store.add_note(&revised(4)).await.unwrap(), "what is over waits again");
        let claimed = store.claim_notes(ask("w", &amo, 53)).await.unwrap();
        assert_eq!((claimed[0].external.as_deref(), claimed[0].tries), (Some("id 7"), 1));
        // What is ambiguous is looked up before it is amended.
        let cut = Delivery::Ambiguous { look_at: at(60), told: told("cut") };
        settle(store, "w", "r2", cut, 54).await;
        store.add_note(&revised(5)).await.unwrap();
        assert!(claim(store, "w", 100).await.is_empty());
        assert_eq!(store.claim_ambiguous(ask("w", &amo, 100)).await.unwrap().len(), 1);
        settle(store, "w", "r2", done(), 101).await;
        assert_eq!(claim(store, "w", 101).await, ["r2"]);
    }
}

/// A task whose client was reached is amended wherever its note stands, and nothing is made where
/// no task was given.
#[tokio::test]
async fn a_task_is_taken_back_where_one_was_given_or_may_have_been() {
    for one in tries().await {
        let (store, amo): (_, Name) = (&one.store, "amo".into());
        let task = |number: u32| {
            let call = Box::new(answered(u128::from(number), 0));
            NewNote { body: NoteBody::CallBack { call }, ..note(number) }
        };
        let reached = |number: u32| {
            let body = NoteBody::Reached { call: call_id(u128::from(number)), at: at(50) };
            NewNote { body, due_at: at(50), created_at: at(50), ..note(number) }
        };
        for number in 1..5 {
            store.add_note(&task(number)).await.unwrap();
        }
        store.add_note(&NewNote { due_at: at(1000), ..task(5) }).await.unwrap();
        assert_eq!(claim(store, "w1", 10).await.len(), 4);
        let given = || Delivery::Done { external: Some(told("{\"task\":7}")) };
        settle(store, "w1", "0001", given(), 11).await;
        settle(store, "w1", "0002", Delivery::Skipped { told: told("nobody") }, 11).await;
        settle(store, "w1", "0003", Delivery::Dead { told: told("400") }, 11).await;
        let mut changed = Vec::new();
        for number in 1..7 {
            changed.push(store.add_note(&reached(number)).await.unwrap());
        }
        assert_eq!(changed, [true, false, false, true, true, false]);
        assert!(!store.add_note(&reached(1)).await.unwrap(), "once");
        assert_eq!(state(store, "0004").await, NoteState::InFlight, "its attempt is not known");
        settle(store, "w1", "0004", given(), 51).await;
        let claimed = store.claim_notes(ask("w1", &amo, 52)).await.unwrap();
        let kinds: Vec<(&str, Option<&str>)> =
            claimed.iter().map(|note| (note.id.as_str(), note.external.as_deref())).collect();
        let task_7 = Some("{\"task\":7}");
        assert_eq!(kinds, [("0001", task_7), ("0004", task_7), ("0005", None)]);
        assert!(claimed.iter().all(|note| note.body.contains("\"reached\"")), "{claimed:?}");
        // Late news of the call do not give the task again.
        let late = NewNote { revision: 9, ..task(5) };
        assert!(!store.add_note(&late).await.unwrap());
    }
}

#[tokio::test]
async fn notes_of_one_lane_leave_one_after_the_other() {
    for one in tries().await {
        let store = &one.store;
        let task = NewNote { once_key: told("amo/call-1/task"), lane: note(1).lane, ..note(2) };
        for kept in [task, note(1), note(3)] {
            store.add_note(&kept).await.unwrap();
        }
        assert_eq!(claim(store, "w", 10).await, ["0001", "0003"]);
        assert!(claim(store, "w", 10).await.is_empty(), "the log is on its way");
        let later = Delivery::Retry { at: at(500), told: told("503") };
        settle(store, "w", "0001", later, 11).await;
        assert!(claim(store, "w", 499).await.is_empty(), "the log waits");
        assert_eq!(claim(store, "w", 500).await, ["0001"]);
        let cut = Delivery::Ambiguous { look_at: at(505), told: told("cut") };
        settle(store, "w", "0001", cut, 501).await;
        assert!(claim(store, "w", 502).await.is_empty(), "nobody knows of the log");
        store.claim_ambiguous(ask("w", &"amo".into(), 505)).await.unwrap();
        settle(store, "w", "0001", Delivery::Dead { told: told("400") }, 506).await;
        assert_eq!(claim(store, "w", 506).await, ["0002"], "what is dead holds nobody up");
    }
}

#[tokio::test]
async fn several_workers_never_hold_one_note() {
    for one in tries().await {
        for number in 0..60 {
            one.store.add_note(&note(number)).await.unwrap();
        }
        let workers = (0..6).map(|worker| {
            let store = one.store.clone();
            tokio::spawn(async move {
                let (mut mine, amo) = (Vec::new(), Name::from("amo"));
                for _ in 0..10 {
                    let name = format!("w{worker}");
                    let ask = ClaimAsk { limit: 4, ..ask(&name, &amo, 10) };
                    mine.extend(store.claim_notes(ask).await.unwrap());
                }
                mine
            })
        });
        let mut seen = BTreeSet::new();
        for worker in workers.collect::<Vec<_>>() {
            for note in worker.await.unwrap() {
                assert!(seen.insert(note.id.clone()), "{} twice", note.id);
            }
        }
        assert_eq!(seen.len(), 60);
    }
}

#[tokio::test]
async fn people_see_mend_and_send_again() {
    for one in tries().await {
        let store = &one.store;
        for number in 1..6 {
            store.add_note(&note(number)).await.unwrap();
        }
        claim(store, "w", 10).await;
        settle(store, "w", "0001", Delivery::Dead { told: told("400") }, 11).await;
        settle(store, "w", "0002", Delivery::Unclear { told: told("cut") }, 11).await;
        settle(store, "w", "0003", Delivery::Skipped { told: told("dry run") }, 11).await;
        let listed = |ask: NotesAsk| async move {
            let page = store.notes(&NotesAsk { limit: 50, ..ask }).await.unwrap();
            page.items.into_iter().map(|note| note.id).collect::<Vec<_>>()
        };
        assert_eq!(listed(NotesAsk::default()).await, ["0005", "0004", "0003", "0002", "0001"]);
        let stuck = vec![NoteState::Dead, NoteState::Unclear];
        assert_eq!(
            listed(NotesAsk { states: stuck, ..Default::default() }).await,
            ["0002", "0001"]
        );
        let dry = NotesAsk { told: Some(told("dry run")), ..Default::default() };
        assert_eq!(listed(dry).await, ["0003"]);
        let other = NotesAsk { target: Some("bitrix".into()), ..Default::default() };
        assert!(listed(other).await.is_empty());
        let first = store.notes(&NotesAsk { limit: 2, ..Default::default() }).await.unwrap();
        let next = NotesAsk { cursor: first.next, ..Default::default() };
        assert_eq!(listed(next).await, ["0003", "0002", "0001"]);

        let counts = store.count_notes().await.unwrap();
        let counts: Vec<_> = counts.iter().map(|one| (one.state, one.count, one.oldest)).collect();
        let expected = [
            (NoteState::Dead, 1, at(1)),
            (NoteState::InFlight, 2, at(4)),
            (NoteState::Unclear, 1, at(2)),
        ];
        assert_eq!(counts, expected);

        assert!(!store.edit_note("0002", "{}", at(20)).await.unwrap(), "only what is dead");
        assert!(!store.skip_note("0004", "no", at(20)).await.unwrap(), "it is on its way");
        assert!(!store.retry_note("0004", at(20)).await.unwrap());
        assert!(store.edit_note("0001", "{\"mended\":1}", at(20)).await.unwrap());
        assert!(store.retry_note("0002", at(20)).await.unwrap());
        assert!(store.skip_note("0001", "called by hand", at(21)).await.unwrap());
        let row = store.note("0001").await.unwrap().unwrap();
        assert_eq!((row.state, row.body.as_str()), (NoteState::Skipped, "{\"mended\":1}"));
        assert_eq!(claim(store, "w", 21).await, ["0002"]);
        assert_eq!(store.notes_of_call(call_id(2)).await.unwrap().len(), 1);

        settle(store, "w", "0002", done(), 30).await;
        assert_eq!(store.forget_notes(at(25), at(25)).await.unwrap(), 2);
        assert!(store.note("0002").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_batch_brings_its_notes_with_it_or_neither() {
    for one in tries().await {
        let batch = [saved(1, answered(1, 5))];
        one.store.project(&batch, &[note(1)]).await.unwrap();
        one.store.project(&batch, &[note(1)]).await.unwrap();
        let later = NewNote { revision: 2, ..note(1) };
        one.store.project(&batch, &[later]).await.unwrap();
        assert!(one.store.note("0001").await.unwrap().is_some());
        // The id is taken: the whole batch fails.
        let clash = NewNote { id: told("0001"), ..note(2) };
        assert!(one.store.project(&[saved(2, answered(2, 9))], &[clash]).await.is_err());
        assert!(one.store.call(call_id(2)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn words_of_adapters_and_cards_that_were_told_outlive_a_restart() {
    for one in tries().await {
        let (amo, store): (Name, _) = ("amo".into(), &one.store);
        assert_eq!(store.outlet_word(&amo, "refresh").await.unwrap(), None);
        store.keep_outlet_word(&amo, "refresh", "one", at(1)).await.unwrap();
        store.keep_outlet_word(&amo, "refresh", "two", at(2)).await.unwrap();
        store.keep_outlet_word(&"b24".into(), "refresh", "three", at(2)).await.unwrap();
        let row = PopToldRow {
            call: call_id(1),
            target: amo.clone(),
            offer: navbat::model::OfferId(7),
            operator: "Aziza".into(),
            rang_at: at(1),
            left_at: Some(at(2)),
            shown: true,
            why: None,
            at: at(3),
        };
        store.add_pop_told(&row).await.unwrap();
        store.add_pop_told(&PopToldRow { shown: false, ..row.clone() }).await.unwrap();
        store.close().await;
        let store = Store::open(&one.url, None, one.folder.path()).await.unwrap();
        assert_eq!(store.outlet_word(&amo, "refresh").await.unwrap().as_deref(), Some("two"));
        assert_eq!(store.pops_told(call_id(1)).await.unwrap(), [row]);
        store.forget_outlets(at(4)).await.unwrap();
        assert!(store.pops_told(call_id(1)).await.unwrap().is_empty());
    }
}
