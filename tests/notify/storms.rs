//! Three of ten requests fail before or after their effect, and the process is killed again and
//! again: people hear at least once where copies are harmless, and no text message is paid twice.
//! All the while no secret is in any word that is said or logged.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use navbat::app::demo::eskiz::Eskiz as EskizStandIn;
use navbat::app::demo::http::Faults;
use navbat::app::demo::playmobile::PlayMobile as PlayMobileStandIn;
use navbat::app::demo::telegram::Telegram as TelegramStandIn;
use navbat::connect::deliver::Outlet;
use navbat::connect::notify::Telegram;
use navbat::model::Seed;
use parking_lot::Mutex;

use crate::rig::{End, Rig, ahead, note, texts, ticks};
use crate::{eskiz, playmobile, telegram};

/// Notes of one storm.
const NOTES: u32 = 60;
/// Deaths in the middle of a note.
const KILLS: u64 = 20;
/// How many of a hundred requests fail.
const PERCENT: u64 = 30;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Brings every note through one outlet after the other, each killed in the middle of a request.
async fn storm(rig: &Rig, seed: u64, made: impl Fn() -> Arc<dyn Outlet>) -> BTreeMap<u32, End> {
    let mut dice = Seed::new(seed);
    let mut kills = KILLS;
    let mut ends = BTreeMap::new();
    for number in 0..NOTES {
        let note = note(number);
        let mut outlet = made();
        if kills > 0 && dice.chance(50) {
            kills -= 1;
            // Dies after so many turns of the runtime: before, during or after its requests.
            let turns = dice.below(40);
            tokio::select! {
                biased;
                _ = outlet.deliver(&note) => {}
                () = async { for _ in 0..turns { tokio::task::yield_now().await } } => {}
            }
            outlet = made();
            // What was in flight is looked up first, as the worker does after a restart.
            if let Some(end) = rig.look(&*outlet, &note).await {
                ends.insert(number, end);
                continue;
            }
        }
        ends.insert(number, rig.bring(&*outlet, &note).await);
    }
    assert_eq!(kills, 0, "every death was died");
    ends
}

fn unclear(ends: &BTreeMap<u32, End>) -> usize {
    ends.values().filter(|end| **end == End::Unclear).count()
}

#[tokio::test]
async fn telegram_tells_everybody_at_least_once() {
    let ahead = ahead();
    let bot = Arc::new(TelegramStandIn::new(telegram::TOKEN, ticks(&ahead)));
    // A chat for each note and person: what is proved here is once, limits are proved elsewhere.
    for number in 0..NOTES {
        bot.open(i64::from(number) + 1);
        bot.open(i64::from(number) + 1001);
    }
    let rig = Rig::with(bot.clone(), &ahead, Faults::seeded(7, PERCENT)).await;
    let mut ends = BTreeMap::new();
    for number in 0..NOTES {
        let chats = [(number + 1).to_string(), (number + 1001).to_string()];
        let made = || {
            let chats = texts(&[&chats[0], &chats[1]]);
            let base = rig.served.base();
            Telegram::outlet(
                "chiefs".into(),
                &base,
                telegram::TOKEN.into(),
                chats,
                rig.means.clone(),
            )
        };
        let (outlet, note) = (made(), note(number));
        if number % 3 == 0 {
            tokio::select! {
                biased;
                _ = outlet.deliver(&note) => {}
                () = async { for _ in 0..number { tokio::task::yield_now().await } } => {}
            }
            let outlet = made();
            if let Some(end) = rig.look(&*outlet, &note).await {
                ends.insert(number, end);
                continue;
            }
        }
        ends.insert(number, rig.bring(&*made(), &note).await);
    }
    let mut copies = BTreeMap::new();
    for told in bot.told() {
        *copies.entry(told.chat).or_insert(0) += 1;
    }
    for (number, end) in &ends {
        for chat in [i64::from(*number) + 1, i64::from(*number) + 1001] {
            let copies = copies.get(&chat).copied().unwrap_or(0);
            // A lost answer is repeated once; an error of the server is none, and is tried again.
            assert!(copies <= 4, "{copies} copies of note {number}");
            assert!(copies > 0 || *end == End::Unclear, "note {number} is lost: {end:?}");
        }
    }
    assert!(rig.faults.count() > 30, "{}", rig.faults.count());
    assert!(unclear(&ends) < 20, "{}", unclear(&ends));
}

#[tokio::test]
async fn eskiz_is_never_paid_twice_for_one_text() {
    for seed in 0..3 {
        let ahead = ahead();
        let ticks = ticks(&ahead);
        let gateway = Arc::new(EskizStandIn::new("shop@example.uz", eskiz::PASSWORD, ticks));
        let rig = Rig::with(gateway.clone(), &ahead, Faults::seeded(seed, PERCENT)).await;
        let made = || {
            let phones = texts(&["+998901112233", "+998901112244"]);
            eskiz::account(&rig.served.base()).outlet("sms".into(), phones, rig.means.clone())
        };
        let ends = storm(&rig, seed, made).await;
        let mut copies = BTreeMap::new();
        for text in gateway.texts() {
            *copies.entry(text.ours).or_insert(0) += 1;
        }
        assert!(copies.values().all(|copies| *copies == 1), "seed {seed}: {copies:?}");
        let done = ends.values().filter(|end| **end == End::Done).count();
        assert!(copies.len() >= 2 * done, "seed {seed}: a note is done and not sent");
        assert_eq!(done + unclear(&ends), ends.len(), "seed {seed}: {ends:?}");
        assert!(done > 40, "seed {seed}: only {done} arrived");
        assert!(rig.faults.count() > 30);
    }
}

#[tokio::test]
async fn playmobile_without_reports_is_never_asked_twice() {
    let broker = Arc::new(PlayMobileStandIn::new("shop", playmobile::PASSWORD));
    let rig = Rig::with(broker.clone(), &ahead(), Faults::seeded(3, PERCENT)).await;
    let made = || {
        let phones = texts(&["+998901112233"]);
        playmobile::account(&rig.served.base(), false).outlet("p".into(), phones, rig.means.clone())
    };
    let ends = storm(&rig, 3, made).await;
    let mut copies = BTreeMap::new();
    for text in broker.texts() {
        *copies.entry(text.id).or_insert(0) += 1;
    }
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    assert_eq!(ends.values().filter(|end| **end == End::Done).count() + unclear(&ends), ends.len());
}

/// Every verdict, error and log line of a storm over every channel is read for secrets.
#[test]
fn no_secret_is_in_any_word_that_is_said_or_logged() {
    let log = Log::default();
    let kept = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || kept.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let mut said = String::new();
            let ahead = ahead();
            let bot = Arc::new(TelegramStandIn::new(telegram::TOKEN, ticks(&ahead)));
            bot.open(1);
            bot.shut(2, "bot was blocked by the user");
            let rig = Rig::with(bot, &ahead, Faults::seeded(1, 50)).await;
            let chats = texts(&["1", "2", "3"]);
            let base = rig.served.base();
            let means = rig.means.clone();
            let outlet = Telegram::outlet("t".into(), &base, telegram::TOKEN.into(), chats, means);
            for number in 0..12 {
                rig.pass(std::time::Duration::from_secs(60));
                said +=
                    &format!("{:?}{:?}", outlet.deliver(&note(number)).await, outlet.probe().await);
                said += &format!("{:?}", outlet.look_up(&note(number)).await);
            }
            let clock = ticks(&ahead);
            let gateway = Arc::new(EskizStandIn::new("shop@example.uz", eskiz::PASSWORD, clock));
            let rig = Rig::with(gateway, &ahead, Faults::seeded(2, 50)).await;
            let outlet = eskiz::account(&rig.served.base()).outlet(
                "e".into(),
                texts(&["+998901112233"]),
                rig.means.clone(),
            );
            for number in 0..12 {
                said +=
                    &format!("{:?}{:?}", outlet.deliver(&note(number)).await, outlet.probe().await);
                said += &format!("{:?}", outlet.look_up(&note(number)).await);
            }
            said
        })
    });
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(logged.contains("a recipient refuses us"), "the log was heard");
    for hidden in
        [telegram::TOKEN, "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", eskiz::PASSWORD, "901112233"]
    {
        assert!(!said.contains(hidden), "{said}");
        assert!(!logged.contains(hidden), "{hidden} is logged");
    }
}
