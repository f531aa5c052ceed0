//! PlayMobile: error codes in the body, and reports as the only way to look.

use std::sync::Arc;

use navbat::app::demo::http::Fault;
use navbat::app::demo::playmobile::PlayMobile as StandIn;
use navbat::connect::deliver::Outlet;
use navbat::connect::notify::{PlayMobile, keep_reports, playmobile_report};

use crate::rig::{End, Rig, ahead, note, texts};

pub const PASSWORD: &str = "s3cret-of-playmobile";
const SEND: &str = "POST /broker-api/send";

pub fn account(base: &str, reports: bool) -> PlayMobile {
    PlayMobile {
        base: base.to_owned(),
        login: String::from("shop"),
        password: PASSWORD.into(),
        from: String::from("3700"),
        reports,
    }
}

fn outlet(rig: &Rig, reports: bool) -> Arc<dyn Outlet> {
    let phones = texts(&["+998901112233"]);
    account(&rig.served.base(), reports).outlet("sms".into(), phones, rig.means.clone())
}

async fn broker() -> (Arc<StandIn>, Rig) {
    let broker = Arc::new(StandIn::new("shop", PASSWORD));
    (broker.clone(), Rig::before(broker, &ahead()).await)
}

#[tokio::test]
async fn a_message_is_taken_with_an_answer_that_is_plain_text() {
    let (broker, rig) = broker().await;
    assert_eq!(rig.bring(&*outlet(&rig, false), &note(1)).await, End::Done);
    let taken = broker.texts();
    assert_eq!((taken.len(), taken[0].phone.as_str()), (1, "998901112233"));
    assert_eq!(taken[0].text, "O'tkazib yuborilgan qo'ng'iroq: +998 90 *** ** 67 * sales");
    assert!(taken[0].id.len() <= 20 && taken[0].id.starts_with("nb"));
}

#[tokio::test]
async fn codes_stand_in_the_body_and_mean_what_the_sheet_says() {
    let (broker, rig) = broker().await;
    let outlet = outlet(&rig, false);
    for (number, code) in (1..).zip(["101", "202", "206", "306", "401", "403", "411", "999"]) {
        broker.refuse(Some((code, "no")));
        let end = rig.bring(&*outlet, &note(number)).await;
        assert!(matches!(&end, End::Dead(why) if why.contains(code)), "{code}: {end:?}");
    }
    broker.refuse(Some(("102", "Account locked")));
    let end = rig.bring(&*outlet, &note(20)).await;
    assert!(matches!(end, End::Paused("blocked", _)), "{end:?}");
    broker.refuse(Some(("100", "Internal server error")));
    let verdict = outlet.deliver(&note(21)).await;
    assert!(matches!(verdict, navbat::connect::deliver::Verdict::Retry { .. }), "{verdict:?}");
    broker.refuse(None);
    assert_eq!(rig.bring(&*outlet, &note(21)).await, End::Done);
    let wrong = PlayMobile { password: "wrong".into(), ..account(&rig.served.base(), false) };
    let wrong = wrong.outlet("other".into(), texts(&["+998901112233"]), rig.means.clone());
    let end = rig.bring(&*wrong, &note(22)).await;
    assert!(matches!(end, End::Paused("wrong_password", _)), "{end:?}");
    let far = account(&rig.served.base(), false);
    let far = far.outlet("far".into(), texts(&["+14155550100"]), rig.means.clone());
    assert!(matches!(rig.bring(&*far, &note(23)).await, End::Dead(_)), "no number of this country");
}

#[tokio::test]
async fn without_reports_a_lost_answer_is_left_for_a_person() {
    let (broker, rig) = broker().await;
    for (number, fault) in (1..).zip([Fault::LostAfter, Fault::LostBefore, Fault::PageAfter(503)]) {
        rig.faults.order(SEND, fault);
        assert_eq!(
            rig.bring(&*outlet(&rig, false), &note(number)).await,
            End::Unclear,
            "{fault:?}"
        );
    }
    assert_eq!(broker.texts().len(), 2, "nothing was sent twice");
}

#[tokio::test]
async fn with_reports_it_is_found_or_repeated_once_under_the_same_id() {
    let (broker, rig) = broker().await;
    let outlet = outlet(&rig, true);
    rig.faults.order(SEND, Fault::LostAfter);
    outlet.deliver(&note(1)).await;
    let id = broker.texts()[0].id.clone();
    let body = format!(r#"{{"messages":[{{"message-id":"{id}","status":"Transmitted"}}]}}"#);
    let report = playmobile_report(body.as_bytes());
    keep_reports(&*rig.shelf, &"sms".into(), &report).await.unwrap();
    assert_eq!(rig.look(&*outlet, &note(1)).await, Some(End::Done));
    assert_eq!(broker.texts().len(), 1);
    rig.faults.order(SEND, Fault::LostAfter);
    assert_eq!(rig.bring(&*outlet, &note(2)).await, End::Done);
    let taken = broker.texts();
    assert_eq!((taken.len(), &taken[1].id), (3, &taken[2].id));
    rig.faults.order(SEND, Fault::LostBefore);
    rig.faults.order(SEND, Fault::LostBefore);
    assert_eq!(rig.bring(&*outlet, &note(3)).await, End::Unclear);
}
