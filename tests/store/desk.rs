//! Audit, references of numbers, things made in the pages, answers kept.

use navbat::store::{AuditRow, Made, Once};

use crate::made::{at, client};
use crate::stores::tries;

#[tokio::test]
async fn audit_is_listed_from_the_last() {
    for one in tries().await {
        for number in 0..3 {
            let row = AuditRow {
                id: format!("id-{number}"),
                at: at(number),
                login: if number == 1 { "b".into() } else { "a".into() },
                act: String::from("unmask"),
                object: String::from("call"),
                doc: String::from("{}"),
            };
            one.store.add_audit(&row).await.unwrap();
        }
        let page = one.store.audit(None, None, 2).await.unwrap();
        assert_eq!(
            page.items.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(),
            ["id-2", "id-1"]
        );
        let page = one.store.audit(None, page.next.as_ref(), 2).await.unwrap();
        assert_eq!((page.items[0].id.as_str(), page.next), ("id-0", None));
        assert_eq!(one.store.audit(Some(&"b".into()), None, 50).await.unwrap().items.len(), 1);
    }
}

#[tokio::test]
async fn a_number_has_one_reference() {
    for one in tries().await {
        let store = &one.store;
        assert_eq!(store.number_ref(&client(1), "n_first").await.unwrap(), "n_first");
        assert_eq!(store.number_ref(&client(1), "n_other").await.unwrap(), "n_first");
        assert_eq!(store.number_of_ref("n_first").await.unwrap(), Some(client(1)));
        assert_eq!(store.number_of_ref("n_other").await.unwrap(), None);
    }
}

#[tokio::test]
async fn things_made_in_the_pages_are_kept_by_kind_and_name() {
    for one in tries().await {
        let store = &one.store;
        let made = |doc: &str| Made {
            kind: String::from("queue"),
            name: "sales".into(),
            doc: doc.to_owned(),
            changed_at: at(1),
        };
        store.save_made(&made("{}")).await.unwrap();
        store.save_made(&made("{\"ring\":\"20s\"}")).await.unwrap();
        assert_eq!(store.made("queue").await.unwrap(), [made("{\"ring\":\"20s\"}")]);
        assert_eq!(store.made("operator").await.unwrap(), []);
        assert!(store.remove_made("queue", &"sales".into()).await.unwrap());
        assert!(!store.remove_made("queue", &"sales".into()).await.unwrap());
    }
}

#[tokio::test]
async fn a_repeated_action_gets_the_first_answer() {
    for one in tries().await {
        let (store, login) = (&one.store, "aziza".into());
        assert_eq!(store.once(&login, "k", "r", at(0)).await.unwrap(), Once::First);
        assert_eq!(store.once(&login, "k", "r", at(0)).await.unwrap(), Once::Running);
        assert_eq!(store.once(&login, "k", "other", at(0)).await.unwrap(), Once::Misused);
        assert_eq!(store.once(&"bobur".into(), "k", "r", at(0)).await.unwrap(), Once::First);
        store.release_once(&login, "k").await.unwrap();
        assert_eq!(store.once(&login, "k", "r", at(0)).await.unwrap(), Once::First);
        store.answer_once(&login, "k", 204, "").await.unwrap();
        store.release_once(&login, "k").await.unwrap();
        let answered = Once::Answered { status: 204, body: String::new() };
        assert_eq!(store.once(&login, "k", "r", at(0)).await.unwrap(), answered);
    }
}

#[tokio::test]
async fn answers_of_one_login_are_bounded_and_the_newest_stay() {
    for one in tries().await {
        let (store, login) = (&one.store, "aziza".into());
        for number in 0..10 {
            let key = format!("k{number}");
            assert_eq!(store.once(&login, &key, "r", at(number)).await.unwrap(), Once::First);
        }
        assert_eq!(store.once(&"bobur".into(), "k0", "r", at(0)).await.unwrap(), Once::First);
        assert_eq!(store.trim_once(&login, 4).await.unwrap(), 6);
        assert_eq!(store.trim_once(&login, 4).await.unwrap(), 0);
        assert_eq!(store.once(&login, "k9", "r", at(9)).await.unwrap(), Once::Running);
        assert_eq!(store.once(&login, "k5", "r", at(9)).await.unwrap(), Once::First);
        assert_eq!(store.once(&"bobur".into(), "k0", "r", at(0)).await.unwrap(), Once::Running);
    }
}
