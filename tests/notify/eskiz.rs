//! Eskiz: one login, refusals in all their forms, and no message twice.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use navbat::app::demo::eskiz::Eskiz as StandIn;
use navbat::app::demo::http::Fault;
use navbat::connect::deliver::{Outlet, Verdict};
use navbat::connect::notify::Eskiz;
use serde_json::json;

use crate::rig::{End, Rig, ahead, note, texts, ticks};

pub const PASSWORD: &str = "s3cret-of-eskiz";
const SEND: &str = "POST /api/message/sms/send";

pub fn account(base: &str) -> Eskiz {
    Eskiz {
        base: format!("{base}/api"),
        login: String::from("shop@example.uz"),
        password: PASSWORD.into(),
        from: String::from("4546"),
        callback: None,
        per_day: None,
    }
}

fn outlet(rig: &Rig, phones: &[&str]) -> Arc<dyn Outlet> {
    account(&rig.served.base()).outlet("sms".into(), texts(phones), rig.means.clone())
}

async fn gateway() -> (Arc<StandIn>, Rig) {
    let ahead = ahead();
    let gateway = Arc::new(StandIn::new("shop@example.uz", PASSWORD, ticks(&ahead)));
    (gateway.clone(), Rig::before(gateway, &ahead).await)
}

#[tokio::test]
async fn a_message_goes_out_in_cheap_letters_with_our_id() {
    let (gateway, rig) = gateway().await;
    let callback = Some("https://navbat.example.uz/hooks/notify/sms/t0ken".into());
    let account = Eskiz { callback, ..account(&rig.served.base()) };
    let phones = texts(&["+998 90 111-22-33", "+998901112244"]);
    let outlet = account.outlet("sms".into(), phones, rig.means.clone());
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    let taken = gateway.texts();
    assert_eq!([&taken[0].phone, &taken[1].phone], ["998901112233", "998901112244"]);
    assert_eq!(taken[0].text, "O'tkazib yuborilgan qo'ng'iroq: +998 90 *** ** 67 * sales");
    assert_eq!((taken[0].ours.len(), taken[0].ours == taken[1].ours), (18, false));
    assert!(taken[0].callback.as_deref().unwrap().ends_with("/hooks/notify/sms/t0ken"));
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done, "a worker that forgot asks again");
    assert_eq!(gateway.texts().len(), 2);
}

#[tokio::test]
async fn one_login_serves_everybody_and_outlives_a_restart() {
    let (gateway, rig) = gateway().await;
    let outlets: Vec<_> = (0..8).map(|_| outlet(&rig, &["+998901112233"])).collect();
    assert_eq!(rig.bring(&*outlets[0], &note(0)).await, End::Done);
    for (number, outlet) in (1..).zip(&outlets) {
        assert_eq!(rig.bring(&**outlet, &note(number)).await, End::Done, "a restart each");
    }
    assert_eq!(gateway.logins(), 1);
    rig.pass(Duration::from_secs(26 * 86_400));
    assert_eq!(rig.bring(&*outlets[0], &note(20)).await, End::Done);
    assert_eq!(gateway.logins(), 2, "renewed before it ends");
    gateway.revoke();
    assert_eq!(rig.bring(&*outlets[0], &note(21)).await, End::Done);
    assert_eq!(gateway.logins(), 3, "once after a 401");
    // Many at once through one outlet.
    gateway.revoke();
    let notes: Vec<_> = (30..36).map(note).collect();
    let ends = join_all(notes.iter().map(|note| rig.bring(&*outlets[0], note))).await;
    assert_eq!(ends, vec![End::Done; 6]);
    assert_eq!((gateway.logins(), gateway.limited()), (4, 0));
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_before_anything_is_sent_again() {
    let (gateway, rig) = gateway().await;
    let outlet = outlet(&rig, &["+998901112233"]);
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    for (number, fault) in (2..).zip([Fault::LostAfter, Fault::PageAfter(503), Fault::CutAfter]) {
        rig.faults.order(SEND, fault);
        assert_eq!(rig.bring(&*outlet, &note(number)).await, End::Done, "{fault:?}");
    }
    assert_eq!(gateway.texts().len(), 4, "each was found in the list");
    rig.faults.order(SEND, Fault::LostBefore);
    assert_eq!(rig.bring(&*outlet, &note(8)).await, End::Done);
    assert_eq!(gateway.texts().len(), 5, "not found, repeated once");
    for _ in 0..2 {
        rig.faults.order(SEND, Fault::PageBefore(502));
    }
    assert_eq!(rig.bring(&*outlet, &note(9)).await, End::Unclear, "and never twice");
    assert_eq!(gateway.texts().len(), 5);
    gateway.hide_list();
    rig.faults.order(SEND, Fault::LostAfter);
    assert_eq!(rig.bring(&*outlet, &note(10)).await, End::Unclear, "nobody can look");
    assert_eq!(gateway.texts().len(), 6);
}

#[tokio::test]
async fn refusals_end_the_note_or_pause_the_account_as_they_are_meant() {
    let (gateway, rig) = gateway().await;
    let outlet = outlet(&rig, &["+998901112233"]);
    let tests = "Для теста можно использовать только один из этих текстов";
    for (number, (status, message, told)) in (0..).zip([
        (400, json!(tests), "Для теста"),
        (422, json!({ "message": ["too long"], "from": ["unknown"] }), "too long"),
        (400, json!(["a", "b"]), "a; b"),
    ]) {
        gateway.refuse(Some((status, message)));
        let end = rig.bring(&*outlet, &note(number)).await;
        assert!(matches!(&end, End::Dead(why) if why.contains(told)), "{end:?}");
    }
    gateway.refuse(Some((403, json!("Аккаунт заблокирован"))));
    let end = rig.bring(&*outlet, &note(5)).await;
    assert!(matches!(end, End::Paused("blocked", _)), "{end:?}");
    gateway.refuse(None);
    gateway.set_balance(0);
    let verdict = outlet.deliver(&note(6)).await;
    let hour = Some(Duration::from_secs(3600));
    assert!(
        matches!(&verdict, Verdict::Paused { state: "no_money", probe, .. } if *probe == hour),
        "{verdict:?}"
    );
    assert!(outlet.probe().await.is_err());
    gateway.set_balance(10);
    assert_eq!(outlet.probe().await, Ok(()));
    assert_eq!(rig.bring(&*outlet, &note(6)).await, End::Done, "nothing was dropped");
    let wrong = Eskiz { password: "wrong".into(), ..account(&rig.served.base()) };
    let wrong = wrong.outlet("other".into(), texts(&["+998901112233"]), rig.means.clone());
    let end = rig.bring(&*wrong, &note(7)).await;
    assert!(matches!(end, End::Paused("needs_reauth", _)), "{end:?}");
}

#[tokio::test]
async fn a_day_has_its_cap_and_the_next_one_begins_again() {
    let (gateway, rig) = gateway().await;
    let account = Eskiz { per_day: Some(2), ..account(&rig.served.base()) };
    let outlet = account.outlet("sms".into(), texts(&["+998901112233"]), rig.means.clone());
    for number in 0..2 {
        assert_eq!(rig.bring(&*outlet, &note(number)).await, End::Done);
    }
    let verdict = outlet.deliver(&note(2)).await;
    let Verdict::Retry { after: Some(after), .. } = verdict else { panic!("{verdict:?}") };
    assert!(after <= Duration::from_secs(86_400) && gateway.texts().len() == 2);
    assert_eq!(rig.bring(&*outlet, &note(2)).await, End::Done, "on the next day");
    assert_eq!(gateway.texts().len(), 3);
}
