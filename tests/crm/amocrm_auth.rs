//! Tokens of amoCRM: codes and refresh tokens that work once, and what must survive a crash.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use navbat::app::demo::http::{Fault, Served};
use navbat::connect::crm::{
    AmoAccess, AmoCrm, AmoGate, AmoSettings, AmoTaskTo, AmoUnknown, AmoWays, ExchangeError,
};
use navbat::connect::deliver::{Outlet, Verdict};
use navbat::connect::http::Http;
use navbat::model::{Mono, Now, Period, Wall};

use super::amocrm_rig::{Memory, Rig, Wish, answered, note, word};

const TOKENS: &str = "POST /oauth2/access_token";
const DAY: u64 = 86_400;

async fn rig() -> Rig {
    let rig = Rig::new(Wish { oauth: true, ..Wish::default() }).await;
    rig.stand.contact("Anvar Karimov", "+998901112233", super::amocrm_rig::AZIZA);
    rig.consent().await;
    rig
}

fn call() -> navbat::connect::deliver::Note {
    note(&answered(1, "+998901112233"))
}

#[tokio::test]
async fn without_a_consent_nothing_is_sent() {
    let rig = Rig::new(Wish { oauth: true, ..Wish::default() }).await;
    assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    assert_eq!(rig.stand.requests(), 0);
}

#[tokio::test]
async fn a_code_works_once_and_only_for_the_account_that_is_configured() {
    let rig = Rig::new(Wish { oauth: true, ..Wish::default() }).await;
    let code = rig.stand.consent();
    let other = rig.amo.exchange(&code, Some("other.amocrm.ru")).await;
    assert!(matches!(other, Err(ExchangeError::OtherAccount)), "{other:?}");
    assert_eq!(rig.stand.requests(), 0, "the code was not spent");
    // The host comes bare or as a whole address.
    rig.amo.exchange(&code, Some(&rig.served.allowed())).await.unwrap();
    let again = rig.amo.exchange(&code, Some(&rig.served.base())).await;
    assert!(matches!(again, Err(ExchangeError::Refused(_))), "{again:?}");
}

#[tokio::test]
async fn an_exchange_whose_answer_is_lost_is_not_repeated() {
    let rig = Rig::new(Wish { oauth: true, ..Wish::default() }).await;
    let code = rig.stand.consent();
    rig.faults.order(TOKENS, Fault::LostAfter);
    let lost = rig.amo.exchange(&code, None).await;
    assert!(matches!(lost, Err(ExchangeError::Unclear(_))), "{lost:?}");
    assert_eq!(rig.stand.requests(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_early_and_once_for_all_who_ask() {
    let rig = rig().await;
    rig.stand.contact("Zulfiya", "+998901112244", 0);
    rig.ahead.store(DAY - 301, Ordering::SeqCst);
    rig.amo.probe().await.unwrap();
    assert_eq!(rig.stand.refresh_sendings_max(), 0, "it is good for a second more");
    rig.ahead.store(DAY - 300, Ordering::SeqCst);
    let (one, other, third) = tokio::join!(rig.amo.probe(), rig.amo.probe(), rig.amo.probe());
    assert_eq!((one, other, third), (Ok(()), Ok(()), Ok(())));
    assert_eq!(rig.stand.refresh_sendings_max(), 1);
    // One exchange, one probe, one renewal, three probes.
    assert_eq!(rig.stand.requests(), 6);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_renewed_once_and_the_request_repeated() {
    let rig = rig().await;
    rig.stand.end_access();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
    assert_eq!(rig.stand.calls().values().sum::<u64>(), 1);
    assert_eq!(rig.stand.refresh_sendings_max(), 1);
}

#[tokio::test]
async fn a_refused_renewal_stops_everything_until_somebody_consents() {
    let mut rig = rig().await;
    rig.stand.switch_off();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    let before = rig.stand.requests();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    rig.restart(); // it is known after a restart too
    assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    assert!(rig.amo.probe().await.is_err());
    assert_eq!(rig.stand.requests(), before, "a dead account is left alone");
    rig.consent().await;
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
}

#[tokio::test]
async fn an_unclear_renewal_is_repeated_once_with_the_old_token() {
    for fault in [Fault::LostBefore, Fault::PageBefore(502)] {
        let rig = rig().await;
        rig.stand.end_access();
        rig.faults.order(TOKENS, fault);
        assert_eq!(word(&rig.amo.deliver(&call()).await), "done", "{fault:?}");
        assert_eq!(rig.stand.refresh_sendings_max(), 1, "{fault:?}: it arrived once");
    }
    // Spent, and the pair is lost: the repetition is refused, which is final.
    for fault in [Fault::LostAfter, Fault::PageAfter(200), Fault::CutAfter] {
        let rig = rig().await;
        rig.stand.end_access();
        rig.faults.order(TOKENS, fault);
        let verdict = rig.amo.deliver(&call()).await;
        assert_eq!(word(&verdict), "paused needs_reauth 0", "{fault:?}");
        assert_eq!(rig.stand.refresh_sendings_max(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_never_sent_a_third_time() {
    let rig = rig().await;
    rig.stand.end_access();
    rig.faults.order(TOKENS, Fault::PageAfter(200));
    rig.faults.order(TOKENS, Fault::PageBefore(502));
    for _ in 0..3 {
        let verdict = rig.amo.deliver(&call()).await;
        assert_eq!(word(&verdict), "paused needs_reauth 0");
    }
    assert_eq!(rig.stand.refresh_sendings_max(), 1, "the second one did not arrive");
}

#[tokio::test]
async fn a_crash_between_the_answer_and_its_keeping_counts_as_sent() {
    let mut rig = rig().await;
    rig.stand.end_access();
    rig.shelf.full_after(1); // the sending is written down, the new pair is not
    assert_eq!(word(&rig.amo.deliver(&call()).await), "wait 30");
    rig.restart();
    rig.shelf.mend();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    assert_eq!(rig.stand.refresh_sendings_max(), 2);
    assert_eq!(rig.stand.calls().len(), 0, "the pair that was not kept was not used");
}

#[tokio::test]
async fn a_pair_that_could_not_be_kept_is_kept_later_and_not_used_before() {
    let rig = rig().await;
    rig.stand.end_access();
    rig.shelf.full_after(1);
    for _ in 0..2 {
        assert_eq!(word(&rig.amo.deliver(&call()).await), "wait 30");
    }
    assert_eq!(rig.stand.calls().len(), 0);
    rig.shelf.mend();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
    assert_eq!(rig.stand.refresh_sendings_max(), 1);
}

#[tokio::test]
async fn a_sending_that_cannot_be_written_down_does_not_happen() {
    let rig = rig().await;
    rig.stand.end_access();
    rig.shelf.full_after(0);
    assert_eq!(word(&rig.amo.deliver(&call()).await), "wait 30");
    assert_eq!(rig.stand.refresh_sendings_max(), 0);
    rig.shelf.mend();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
}

#[tokio::test]
async fn a_peer_that_is_not_there_spends_no_sending() {
    let mut rig = rig().await;
    rig.stand.end_access();
    let address = rig.served.address();
    // Nobody listens at the old address any more.
    drop(std::mem::replace(
        &mut rig.served,
        Served::begin(Arc::new(rig.stand.clone()), rig.faults.clone()).await.unwrap(),
    ));
    rig.ahead.store(2 * DAY, Ordering::SeqCst);
    for _ in 0..3 {
        let verdict = rig.amo.deliver(&call()).await;
        assert!(matches!(verdict, Verdict::Wait { .. }), "{verdict:?}");
    }
    let back = Served::begin_at(address, Arc::new(rig.stand.clone()), rig.faults.clone());
    rig.served = back.await.unwrap();
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
}

#[tokio::test]
async fn whoever_leaves_while_a_token_is_renewed_does_not_lose_it() {
    let rig = rig().await;
    rig.stand.end_access();
    rig.faults.order(TOKENS, Fault::Late(Duration::from_millis(300)));
    let impatient = rig.amo.clone();
    let asked = tokio::time::timeout(Duration::from_millis(100), async move {
        impatient.deliver(&call()).await
    });
    assert!(asked.await.is_err(), "the answer came too early for this test");
    assert_eq!(word(&rig.amo.deliver(&call()).await), "done");
    assert_eq!(rig.stand.refresh_sendings_max(), 1);
}

/// An account with a token that ends in so many seconds.
fn with_end(exp: i64) -> AmoCrm {
    let _twice = rustls::crypto::ring::default_provider().install_default().is_err();
    let payload = format!(r#"{{"aud":"integration","exp":{exp}}}"#);
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
    let settings = AmoSettings {
        name: "amo".into(),
        base: String::from("https://savdo.amocrm.ru"),
        access: AmoAccess::LongLived(format!("head.{payload}.signature").into()),
        unknown: AmoUnknown::Skip,
        task: AmoTaskTo::Responsible,
        task_within: Period::hours(1),
        pipeline: None,
        users: Default::default(),
        language: String::new(),
        pages: None,
    };
    AmoCrm::new(
        settings,
        AmoWays {
            http: Http::new(&[]).unwrap(),
            gate: Arc::new(AmoGate::default()),
            shelf: Memory::new(),
            clock: Arc::new(|| Now { mono: Mono(0), wall: Wall(0) }),
        },
    )
}

#[tokio::test]
async fn people_are_warned_14_days_before_a_token_ends() {
    let day = DAY as i64;
    assert_eq!(with_end(15 * day).warning(), None);
    let warning = with_end(13 * day).warning().unwrap();
    assert_eq!(warning, "the token of `amo` ends in 13 days: make another one");
}

#[tokio::test]
async fn a_long_lived_token_that_is_not_taken_needs_a_person() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.switch_off();
    for _ in 0..2 {
        assert_eq!(word(&rig.amo.deliver(&call()).await), "paused needs_reauth 0");
    }
    assert!(rig.stand.requests() <= 2, "nothing is sent after the refusal");
}
