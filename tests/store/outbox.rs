//! The outbox: once-only keys, claims that lapse, several workers.

use std::collections::BTreeSet;

use navbat::store::{Delivery, NewNote, OutboxCount};

use crate::made::at;
use crate::stores::tries;

fn note(number: u32) -> NewNote {
    NewNote {
        id: format!("{number:04}"),
        once_key: format!("call-{number}/log/amo"),
        target: "amo".into(),
        body: String::from("{}"),
        due_at: at(10),
        created_at: at(0),
    }
}

#[tokio::test]
async fn a_note_is_kept_once_claimed_for_a_while_and_settled_by_its_worker() {
    for one in tries().await {
        let store = &one.store;
        assert!(store.add_note(&note(1)).await.unwrap());
        let again = NewNote { id: String::from("9999"), ..note(1) };
        assert!(!store.add_note(&again).await.unwrap());
        let amo = "amo".into();
        assert!(store.claim_notes("w1", &amo, at(9), at(40), 5).await.unwrap().is_empty());
        assert!(
            store.claim_notes("w1", &"bitrix".into(), at(10), at(40), 5).await.unwrap().is_empty()
        );
        let claimed = store.claim_notes("w1", &amo, at(10), at(40), 5).await.unwrap();
        assert_eq!((claimed.len(), claimed[0].tries), (1, 1));
        assert!(store.claim_notes("w2", &amo, at(39), at(69), 5).await.unwrap().is_empty());
        // The first worker died; its claim lapses, and what it says later does not count.
        let claimed = store.claim_notes("w2", &amo, at(40), at(70), 5).await.unwrap();
        assert_eq!(claimed[0].tries, 2);
        assert!(!store.settle_note("w1", "0001", &Delivery::Sent, at(41)).await.unwrap());
        let retry = Delivery::Retry { at: at(100), told: String::from("429") };
        assert!(store.settle_note("w2", "0001", &retry, at(41)).await.unwrap());
        assert!(store.claim_notes("w2", &amo, at(99), at(130), 5).await.unwrap().is_empty());
        assert_eq!(store.claim_notes("w2", &amo, at(100), at(130), 5).await.unwrap().len(), 1);
        assert!(store.settle_note("w2", "0001", &Delivery::Sent, at(101)).await.unwrap());
        assert_eq!(store.count_notes().await.unwrap(), OutboxCount::default());

        for number in 2..5 {
            store.add_note(&note(number)).await.unwrap();
        }
        store.claim_notes("w", &amo, at(200), at(230), 2).await.unwrap();
        let dead = Delivery::Dead { told: String::from("400") };
        store.settle_note("w", "0002", &dead, at(201)).await.unwrap();
        let unclear = Delivery::Unclear { told: String::from("timeout") };
        store.settle_note("w", "0003", &unclear, at(201)).await.unwrap();
        let count = OutboxCount { waiting: 1, dead: 1, unclear: 1 };
        assert_eq!(store.count_notes().await.unwrap(), count);
        assert_eq!(store.claim_notes("w", &amo, at(999), at(1000), 9).await.unwrap().len(), 1);
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
                let mut mine = Vec::new();
                for _ in 0..10 {
                    let amo = "amo".into();
                    let name = format!("w{worker}");
                    mine.extend(store.claim_notes(&name, &amo, at(10), at(99), 4).await.unwrap());
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
