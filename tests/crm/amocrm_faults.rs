//! What goes wrong: every status, the limit, and a network that loses a third of everything.

use std::sync::Arc;
use std::time::Duration;

use navbat::app::demo::http::Fault;
use navbat::connect::crm::AmoUnknown;
use navbat::connect::deliver::{Crm, Outlet, Verdict};
use navbat::model::CallRow;

use super::amocrm_rig::{
    AZIZA, BOBUR, Rig, SECRET, TOKEN, Wish, answered, call_back, missed, note, number, word,
};

const CLIENT: &str = "+998901112233";
/// Seeds of the storm; each is a day of its own.
const SEEDS: [u64; 3] = [3, 7, 11];
/// Calls of one storm.
const CALLS: u64 = 24;
/// Of a hundred requests so many go wrong, before or after their effect.
const WRONG_PERCENT: u64 = 30;

#[tokio::test]
async fn every_status_has_its_verdict() {
    for (status, expected) in [
        (400, "dead"),
        (402, "paused unpaid 1800"),
        (403, "dead"),
        (404, "dead"),
        (405, "dead"),
        (429, "wait 59"), // a minute, of which the list of users took a moment
        (500, "ambiguous"),
        (502, "ambiguous"),
        (503, "ambiguous"),
        (504, "ambiguous"),
    ] {
        let rig = Rig::new(Wish::default()).await;
        rig.stand.contact("Anvar", CLIENT, AZIZA);
        rig.stand.refuse(Some(status));
        let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
        assert_eq!(word(&verdict), expected, "{status}");
    }
}

#[tokio::test]
async fn a_page_of_html_under_a_good_status_is_unclear() {
    for fault in [Fault::PageBefore(200), Fault::PageAfter(200), Fault::CutAfter, Fault::LostAfter]
    {
        let rig = Rig::new(Wish::default()).await;
        rig.stand.contact("Anvar", CLIENT, AZIZA);
        rig.faults.order("POST /api/v4/calls", fault);
        let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
        assert_eq!(word(&verdict), "ambiguous", "{fault:?}");
        rig.faults.order("POST /api/v4/calls", fault);
        let verdict = rig.bring(note(&answered(2, CLIENT))).await;
        assert_eq!(word(&verdict), "done", "{fault:?}");
        assert!(rig.stand.calls().values().all(|count| *count == 1), "{fault:?}");
    }
}

#[tokio::test]
async fn half_a_refusal_is_unclear_and_buries_no_call() {
    // Nobody's call is refused with a 400; cut in half, it does not say so any more.
    let rig = Rig::new(Wish { unknown: AmoUnknown::Create, ..Wish::default() }).await;
    rig.faults.order("POST /api/v4/calls", Fault::CutAfter);
    let call = answered(1, CLIENT);
    assert_eq!(word(&rig.amo.deliver(&note(&call)).await), "ambiguous");
    assert_eq!(word(&rig.bring(note(&call)).await), "done");
    assert_eq!(rig.stand.calls().into_values().collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_429_stops_the_whole_account_and_a_403_after_it_is_a_block() {
    let rig = Rig::new(Wish::default()).await;
    rig.stand.contact("Anvar", CLIENT, AZIZA);
    rig.stand.refuse(Some(429));
    assert!(word(&rig.amo.deliver(&note(&answered(1, CLIENT))).await).starts_with("wait"));
    let requests = rig.stand.requests();
    assert!(word(&rig.amo.deliver(&note(&answered(2, CLIENT))).await).starts_with("wait"));
    rig.amo.client(&number(CLIENT)).await;
    assert_eq!(rig.stand.requests(), requests, "nothing leaves before the wait is over");
    // The probe goes first, and sees the block.
    rig.stand.refuse(Some(403));
    assert!(rig.amo.probe().await.is_err());
    let verdict = rig.amo.deliver(&note(&answered(3, CLIENT))).await;
    let Verdict::Wait { after, .. } = verdict else { panic!("{verdict:?}") };
    assert!(after > Duration::from_secs(295), "five minutes at least: {after:?}");
    rig.stand.refuse(None);
    rig.amo.probe().await.unwrap();
    assert_eq!(word(&rig.amo.deliver(&note(&answered(4, CLIENT))).await), "done");
}

#[tokio::test]
async fn a_flood_of_notes_pops_and_questions_stays_within_seven_a_second() {
    let rig = Arc::new(Rig::new(Wish::default()).await);
    rig.stand.contact("Anvar", CLIENT, AZIZA);
    let mut all = tokio::task::JoinSet::new();
    for seed in 0..10 {
        let (notes, asks) = (rig.clone(), rig.clone());
        // Tasks are not batched, so each is two requests of its own.
        all.spawn(async move { word(&notes.amo.deliver(&call_back(&missed(seed, CLIENT))).await) });
        all.spawn(async move { format!("{:?}", asks.amo.client(&number(CLIENT)).await.state) });
    }
    let told = all.join_all().await;
    assert_eq!(told.iter().filter(|word| *word == "done").count(), 10, "{told:?}");
    assert_eq!(rig.stand.limited(), 0);
    assert_eq!(rig.stand.tasks().len(), 10);
}

#[tokio::test]
async fn calls_that_wait_together_leave_in_one_request() {
    let rig = Arc::new(Rig::new(Wish::default()).await);
    rig.stand.contact("Anvar", CLIENT, AZIZA);
    rig.amo.deliver(&note(&answered(999, CLIENT))).await; // the users are read
    let before = rig.stand.requests();
    let mut all = tokio::task::JoinSet::new();
    for seed in 0..120 {
        let rig = rig.clone();
        // One in ten is of somebody whom nobody knows.
        let phone = if seed % 10 == 0 { "+998907654321" } else { CLIENT };
        all.spawn(async move {
            let end = CallRow { ..answered(seed, phone) };
            word(&rig.amo.deliver(&note(&end)).await)
        });
    }
    let told = all.join_all().await;
    assert_eq!(told.iter().filter(|word| *word == "done").count(), 108);
    assert_eq!(told.iter().filter(|word| *word == "skipped").count(), 12);
    // Three batches of at most fifty, and two searches for each stranger.
    assert_eq!(rig.stand.requests() - before, 3 + 12 * 2);
    assert!(rig.stand.calls().values().all(|count| *count == 1));
}

/// Everything that a storm must keep, for one seed.
async fn storm(seed: u64, oauth: bool) {
    let wish = Wish { oauth, unknown: AmoUnknown::Create, times: 20, ..Wish::default() };
    let rig = Arc::new(Rig::new(wish).await);
    if oauth {
        rig.consent().await;
        rig.stand.set_life(300); // every request wants another token: all of them are early
    }
    let anvar = rig.stand.contact("Anvar", "+998901112200", AZIZA);
    rig.stand.lead(anvar, "Buyurtma", 2, BOBUR);
    rig.stand.contact("Zulfiya", "901112201", BOBUR); // amoCRM's matching misses her
    rig.faults.set_percent(WRONG_PERCENT);
    let mut all = tokio::task::JoinSet::new();
    for at in 0..CALLS {
        let rig = rig.clone();
        // Six clients, four of them strangers, with several calls each.
        let phone = format!("+99890111220{}", at % 6);
        let call = if at % 3 == 0 { missed(at, &phone) } else { answered(at, &phone) };
        all.spawn(async move {
            let log = rig.bring(note(&call)).await;
            assert_eq!(word(&log), "done", "seed {seed}: {log:?}");
            if call.missed {
                let task = rig.bring(call_back(&call)).await;
                assert_eq!(word(&task), "done", "seed {seed}: {task:?}");
            }
            call
        });
    }
    let calls = all.join_all().await;
    let logged = rig.stand.calls();
    for call in &calls {
        let count = logged.get(&call.id.to_string()).copied().unwrap_or(0);
        assert_eq!(count, 1, "seed {seed}: {} stands in the log {count} times", call.call_key);
        let tasks = rig.stand.tasks();
        let own = tasks.iter().filter(|task| task.text.contains(&call.id.to_string()));
        assert_eq!(own.count(), usize::from(call.missed), "seed {seed}: {}", call.call_key);
    }
    assert_eq!(logged.len(), calls.len(), "seed {seed}");
    for at in 0..6 {
        let contacts = rig.stand.contacts_of(&format!("90111220{at}"));
        assert_eq!(contacts.len(), 1, "seed {seed}: contacts of client {at}");
    }
    assert!(rig.faults.count() > 10, "seed {seed}: it was no storm");
    assert_eq!(rig.stand.limited(), 0, "seed {seed}");
    assert!(rig.stand.refresh_sendings_max() <= 2, "seed {seed}");
    assert_eq!(rig.stand.wrong(), Vec::<String>::new(), "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_of_everything_goes_wrong_and_every_call_is_there_once() {
    for seed in SEEDS {
        storm(seed, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_with_tokens_that_must_be_renewed_all_the_time() {
    storm(5, true).await;
}

#[tokio::test]
async fn no_error_shows_a_secret_or_a_number() {
    let shown = |text: &str| {
        for hidden in [TOKEN, SECRET, "demo-access", "demo-refresh", "demo-code", "901112233"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    };
    for oauth in [false, true] {
        for fault in [Fault::LostBefore, Fault::LostAfter, Fault::PageBefore(502), Fault::CutAfter]
        {
            for begins in ["POST /oauth2", "POST /api/v4/calls", "GET /api/v4/contacts"] {
                let rig = Rig::new(Wish { oauth, ..Wish::default() }).await;
                if oauth {
                    rig.consent().await;
                    rig.stand.end_access();
                }
                rig.faults.order(begins, fault);
                let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
                shown(&format!("{verdict:?}"));
                let found = rig.amo.look_up(&note(&answered(1, CLIENT))).await;
                shown(&format!("{found:?}"));
                if oauth {
                    rig.faults.order("POST /oauth2", fault);
                    let failed = rig.amo.exchange(&rig.stand.consent(), None).await;
                    shown(&format!("{failed:?}"));
                }
            }
        }
    }
    let rig = Rig::new(Wish::default()).await;
    for status in [400, 401, 402, 403, 404, 429, 500] {
        rig.stand.refuse(Some(status));
        let verdict = rig.amo.deliver(&note(&answered(1, CLIENT))).await;
        shown(&format!("{verdict:?}"));
        shown(&format!("{:?}", rig.amo.probe().await));
    }
}
