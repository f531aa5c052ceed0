//! People, sessions, tokens, links.

use navbat::model::Period;
use navbat::store::{Link, Person, Session, Token};

use crate::made::at;
use crate::stores::tries;

fn person(login: &str) -> Person {
    Person {
        login: login.into(),
        role: String::from("supervisor"),
        queues: vec!["sales".into()],
        operator: None,
        language: Some(String::from("uz")),
        password: None,
        disabled: false,
        created_at: at(0),
    }
}

#[tokio::test]
async fn people_keep_their_password_when_they_are_changed() {
    for one in tries().await {
        let store = &one.store;
        store.save_person(&person("nargiza")).await.unwrap();
        assert!(store.set_password(&"nargiza".into(), "$argon2").await.unwrap());
        assert!(!store.set_password(&"nobody".into(), "$argon2").await.unwrap());
        let changed = Person { role: String::from("admin"), disabled: true, ..person("nargiza") };
        store.save_person(&changed).await.unwrap();
        let kept = store.person("nargiza").await.unwrap().unwrap();
        assert_eq!(kept, Person { password: Some(String::from("$argon2")), ..changed });
        store.save_person(&person("aziza")).await.unwrap();
        let logins: Vec<_> =
            store.people().await.unwrap().into_iter().map(|one| one.login.to_string()).collect();
        assert_eq!(logins, ["aziza", "nargiza"]);
        assert!(store.remove_person(&"aziza".into()).await.unwrap());
        assert!(!store.remove_person(&"aziza".into()).await.unwrap());
        assert_eq!(store.person("aziza").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_session_ends_idle_old_or_with_its_password() {
    for one in tries().await {
        let store = &one.store;
        store.save_person(&person("nargiza")).await.unwrap();
        let session = Session {
            hash: String::from("h1"),
            login: "nargiza".into(),
            csrf: String::from("c"),
            created_at: at(0),
            seen_at: at(0),
        };
        store.add_session(&session).await.unwrap();
        let (idle, age) = (Period::mins(30), Period::hours(12));
        assert_eq!(store.session("h1", at(60), idle, age).await.unwrap(), Some(session));
        assert_eq!(store.session("h1", at(1800), idle, age).await.unwrap(), None);
        store.touch_session("h1", at(43_000)).await.unwrap();
        assert!(store.session("h1", at(43_100), idle, age).await.unwrap().is_some());
        assert!(store.session("h1", at(43_200), idle, age).await.unwrap().is_none());
        store.set_password(&"nargiza".into(), "$other").await.unwrap();
        assert!(store.session("h1", at(43_100), idle, age).await.unwrap().is_none());
        assert_eq!(store.end_sessions_of(&"nargiza".into()).await.unwrap(), 0);
        store.end_session("h1").await.unwrap();
    }
}

#[tokio::test]
async fn tokens_have_one_name_and_can_be_taken_back() {
    for one in tries().await {
        let store = &one.store;
        let token = Token {
            hash: String::from("h"),
            name: "crm".into(),
            role: String::from("integrator"),
            queues: vec![],
            created_by: "nargiza".into(),
            created_at: at(0),
            used_at: None,
            revoked_at: None,
        };
        assert!(store.add_token(&token).await.unwrap());
        assert!(
            !store.add_token(&Token { hash: String::from("h2"), ..token.clone() }).await.unwrap()
        );
        store.touch_token("h", at(5)).await.unwrap();
        let used = Token { used_at: Some(at(5)), ..token };
        assert_eq!(store.token("h").await.unwrap(), Some(used.clone()));
        assert!(store.revoke_token(&"crm".into(), at(9)).await.unwrap());
        assert!(!store.revoke_token(&"crm".into(), at(9)).await.unwrap());
        assert_eq!(store.token("h").await.unwrap(), None);
        assert_eq!(store.tokens().await.unwrap(), [Token { revoked_at: Some(at(9)), ..used }]);
    }
}

#[tokio::test]
async fn a_link_works_once_and_the_next_one_kills_it() {
    for one in tries().await {
        let store = &one.store;
        let link = |hash: &str| Link {
            hash: hash.to_owned(),
            login: "nargiza".into(),
            role: String::from("admin"),
            created_at: at(0),
            expires_at: at(3600),
        };
        store.add_link(&link("a")).await.unwrap();
        store.add_link(&link("b")).await.unwrap();
        assert_eq!(store.use_link("a", at(1)).await.unwrap(), None);
        assert_eq!(store.use_link("b", at(3600)).await.unwrap(), None);
        let uses = (0..8).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.use_link("b", at(2)).await.unwrap() })
        });
        let mut got = Vec::new();
        for used in uses.collect::<Vec<_>>() {
            got.extend(used.await.unwrap());
        }
        assert_eq!(got, [link("b")]);
    }
}
