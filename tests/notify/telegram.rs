//! Telegram: chats, limits, markup, and what cannot be looked up.

use std::sync::Arc;
use std::time::Duration;

use navbat::app::demo::http::Fault;
use navbat::app::demo::telegram::Telegram as StandIn;
use navbat::connect::deliver::{Outlet, Shelf, Verdict};
use navbat::connect::notify::{OFF, TEST, Telegram, off_of};

use crate::rig::{End, Rig, ahead, message_mut, note, texts, ticks, worded};

pub const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
const SEND: &str = "POST /bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage";

fn outlet(rig: &Rig, token: &str, chats: &[&str]) -> Arc<dyn Outlet> {
    let base = rig.served.base();
    Telegram::outlet("chiefs".into(), &base, token.into(), texts(chats), rig.means.clone())
}

async fn bot(chats: &[i64]) -> (Arc<StandIn>, Rig) {
    let ahead = ahead();
    let bot = Arc::new(StandIn::new(TOKEN, ticks(&ahead)));
    chats.iter().for_each(|chat| bot.open(*chat));
    (bot.clone(), Rig::before(bot, &ahead).await)
}

async fn refusing(rig: &Rig) -> std::collections::BTreeMap<String, String> {
    off_of(rig.shelf.get(&"chiefs".into(), OFF).await.unwrap())
}

fn chats_of(bot: &StandIn) -> Vec<i64> {
    bot.told().iter().map(|told| told.chat).collect()
}

#[tokio::test]
async fn a_repetition_does_not_send_again_to_the_chats_that_have_it() {
    let (bot, rig) = bot(&[7, -100, -200]).await;
    let outlet = outlet(&rig, TOKEN, &["7", "-100", "-200/5"]);
    rig.faults.order(SEND, Fault::PageBefore(502));
    let verdict = outlet.deliver(&note(1)).await;
    assert!(matches!(verdict, Verdict::Retry { .. }), "{verdict:?}");
    assert_eq!(chats_of(&bot), [-100, -200]);
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done, "a worker that forgot asks again");
    assert_eq!(chats_of(&bot), [-100, -200, 7]);
    let told = bot.told();
    assert!(told[0].text.starts_with("Oʻtkazib yuborilgan qoʻngʻiroq\n+998 90 ••• •• 67 · sales"));
    assert!(told[0].text.ends_with("00000000-0000-0000-0000-000000000001"), "{}", told[0].text);
    assert!(told[0].button.as_deref().unwrap().starts_with("https://navbat.example.uz/calls/"));
}

#[tokio::test]
async fn a_limit_stops_the_whole_bot_for_as_long_as_it_says() {
    let (bot, rig) = bot(&[7, 8]).await;
    let outlet = outlet(&rig, TOKEN, &["7", "8"]);
    bot.refuse(1, 35);
    let verdict = outlet.deliver(&note(1)).await;
    let wait = Duration::from_secs(35);
    assert!(matches!(verdict, Verdict::Wait { after, .. } if after == wait), "{verdict:?}");
    rig.pass(Duration::from_secs(20));
    let verdict = outlet.deliver(&note(2)).await;
    assert!(
        matches!(verdict, Verdict::Wait { after, .. } if after <= wait - Duration::from_secs(20))
    );
    assert_eq!(bot.limited(), 1, "nothing was asked meanwhile");
    rig.pass(Duration::from_secs(16));
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    assert_eq!(chats_of(&bot), [7, 8]);
}

#[tokio::test]
async fn a_group_that_moved_is_followed_and_remembered() {
    let (bot, rig) = bot(&[-5]).await;
    bot.migrate(-5, -1_001_234_567_890);
    assert_eq!(rig.bring(&*outlet(&rig, TOKEN, &["-5"]), &note(1)).await, End::Done);
    let moved = rig.shelf.get(&"chiefs".into(), "moved").await.unwrap().unwrap();
    assert_eq!(moved, r#"{"-5":"-1001234567890"}"#);
    // After a restart the old id is not even tried, which would be refused from now on.
    bot.shut(-5, "bot was kicked from the group chat");
    assert_eq!(rig.bring(&*outlet(&rig, TOKEN, &["-5"]), &note(2)).await, End::Done);
    assert_eq!(chats_of(&bot), [-1_001_234_567_890; 2]);
}

#[tokio::test]
async fn what_clients_are_called_is_text_and_no_markup() {
    let (bot, rig) = bot(&[-7]).await;
    let outlet = outlet(&rig, TOKEN, &["-7"]);
    let name = "<b>O'Hara & \"Sons\"</b> &nbsp; 1 > 0";
    assert_eq!(rig.bring(&*outlet, &worded(1, name, name)).await, End::Done);
    assert!(bot.told()[0].text.starts_with(&format!("{name}\n{name}\n")));
    // Cut before it is formatted, so never through an entity; the bound counts what is read.
    for (number, letter) in (0..).zip(["&", "<", "😀", "ў"]) {
        let long = letter.repeat(9000);
        assert_eq!(rig.bring(&*outlet, &worded(2 + number, &long, &long)).await, End::Done);
    }
    bot.misread(1);
    assert_eq!(rig.bring(&*outlet, &worded(8, "a", "b")).await, End::Done);
    assert!(bot.told().last().unwrap().text.starts_with("a\nb\n"), "sent once more, plain");
    let mut empty = worded(9, " ", "");
    message_mut(&mut empty).link = None;
    assert!(matches!(rig.bring(&*outlet, &empty).await, End::Dead(_)));
}

#[tokio::test]
async fn a_chat_that_refuses_us_is_left_alone_until_a_test_reaches_it() {
    let (bot, rig) = bot(&[-7, -8]).await;
    bot.shut(-7, "bot was blocked by the user");
    let outlet = outlet(&rig, TOKEN, &["-7", "-8"]);
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done, "the other chat has it");
    let refused = refusing(&rig).await;
    assert_eq!(refused["-7"], "Forbidden: bot was blocked by the user");
    bot.open(-7);
    assert_eq!(rig.bring(&*outlet, &note(2)).await, End::Done);
    assert_eq!(chats_of(&bot), [-8, -8]);
    let mut test = note(3);
    message_mut(&mut test).event = TEST.to_owned();
    assert_eq!(rig.bring(&*outlet, &test).await, End::Done);
    assert_eq!(rig.bring(&*outlet, &note(4)).await, End::Done);
    assert_eq!(chats_of(&bot), [-8, -8, -7, -8, -7, -8]);
    assert!(refusing(&rig).await.is_empty());
    // Refused by everybody there is: the note is dead, and says why.
    bot.shut(-7, "user is deactivated");
    bot.shut(-8, "bot was kicked from the supergroup chat");
    let End::Dead(why) = rig.bring(&*outlet, &note(5)).await else { panic!("delivered") };
    assert!(why.contains("user is deactivated") && why.contains("kicked"), "{why}");
}

#[tokio::test]
async fn a_wrong_token_switches_the_target_off_and_is_not_told() {
    let (_bot, rig) = bot(&[7]).await;
    let wrong = "1:another-token-that-is-wrong";
    let outlet = outlet(&rig, wrong, &["7"]);
    let End::Paused(state, why) = rig.bring(&*outlet, &note(1)).await else { panic!("taken") };
    assert_eq!((state, why.as_str()), ("wrong_token", "Unauthorized"));
    assert_eq!(outlet.probe().await, Err(String::from("Unauthorized")));
    let right = self::outlet(&rig, TOKEN, &["7"]);
    assert_eq!(right.probe().await, Ok(()));
    // Nobody listens, and an address that may not be reached: the whole URL holds the token.
    let Rig { served, means, .. } = rig;
    let base = served.base();
    drop(served);
    for base in [base.as_str(), "http://example.com", "https://127.0.0.1:1", "no address"] {
        let lost = Telegram::outlet("t".into(), base, TOKEN.into(), texts(&["7"]), means.clone());
        let told = format!("{:?} {:?}", lost.deliver(&note(2)).await, lost.probe().await);
        assert!(!told.contains("AAH") && !told.contains(TOKEN), "{told}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_repeated_once_and_the_copy_is_recognisable() {
    let (bot, rig) = bot(&[7, 8]).await;
    let outlet = outlet(&rig, TOKEN, &["7", "8"]);
    rig.faults.order(SEND, Fault::LostAfter);
    assert_eq!(rig.bring(&*outlet, &note(1)).await, End::Done);
    assert_eq!(chats_of(&bot), [7, 8, 7], "only the chat whose answer was lost");
    assert_eq!(bot.told()[0].text, bot.told()[2].text);
    for fault in [Fault::LostAfter, Fault::CutAfter] {
        rig.faults.order(SEND, fault);
    }
    rig.faults.order(SEND, Fault::LostAfter);
    rig.faults.order(SEND, Fault::LostAfter);
    assert_eq!(rig.bring(&*outlet, &note(2)).await, End::Unclear, "never a third time");
    assert_eq!(chats_of(&bot).len(), 3 + 4);
}

#[tokio::test]
async fn no_limit_is_met_however_much_there_is_to_tell() {
    let chats: Vec<i64> = (1..=40).collect();
    let (bot, rig) = bot(&chats).await;
    let names: Vec<String> = chats.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let outlet = outlet(&rig, TOKEN, &names);
    for number in 0..2 {
        let verdict = outlet.deliver(&note(number)).await;
        assert!(matches!(verdict, Verdict::Done { .. }), "{verdict:?}");
    }
    assert_eq!((bot.told().len(), bot.limited()), (80, 0));
}
